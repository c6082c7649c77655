//! The answer of `translate`: choose one scenario, in it one option of every group, all together.

use super::{CodeAndDisplay, Day, Repair, Suggestion, repairs, suggestions};
use crate::engine::{self, Translation};
use crate::index::{ConceptMap, Row};
use crate::model::GemFlags;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

/// What a code is over there.
#[derive(Clone, Debug, Serialize)]
pub struct TranslateAnswer<'a> {
    pub source: Source<'a>,
    pub target_system: &'a str,
    pub outcome: &'static str,
    /// Whether the answer may be taken without a person.
    pub automatic: bool,
    /// The codes to use, all together: of the only reading, or of what a policy picked. Empty if nothing is settled.
    #[serde(serialize_with = "as_list")]
    pub codes: SmallVec<[&'a str; 2]>,
    #[serde(serialize_with = "as_list")]
    pub scenarios: SmallVec<[Scenario<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picked: Option<Picked<'a>>,
    pub needs: Vec<Need<'a>>,
    pub repairs: Vec<Repair<'a>>,
    pub nearest: Vec<Suggestion<'a>>,
    /// The map that answered, or was asked.
    pub map: Option<Map<'a>>,
    #[serde(serialize_with = "as_text")]
    pub message: &'a engine::Message<'a>,
    /// What is odd in the question itself: findings that no release knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

fn as_list<T: Serialize, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    list.serialize(serializer)
}

fn as_text<S: Serializer>(message: &engine::Message<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(message)
}

/// The code that was asked for.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Source<'a> {
    pub system: &'a str,
    /// As its system prints it; as it was given, if it is no code.
    pub code: &'a str,
    pub display: Option<&'a str>,
    pub given: &'a str,
}

#[derive(Clone, Debug, Serialize)]
pub struct Scenario<'a> {
    #[serde(serialize_with = "as_list")]
    pub groups: SmallVec<[Group<'a>; 1]>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Group<'a> {
    #[serde(serialize_with = "as_list")]
    pub options: SmallVec<[Target<'a>; 1]>,
}

/// One target code and where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Target<'a> {
    pub code: &'a str,
    pub display: Option<&'a str>,
    /// One of the five codes of FHIR R5.
    pub relationship: &'static str,
    pub priority: u16,
    /// Whether it is still a code: `valid`, `header`, `expired`, `unlisted`.
    pub status: &'static str,
    pub origin: Origin<'a>,
    pub hops: Vec<Hop<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reversed: bool,
    /// Read backwards, half of a combination: the codes that are needed with the asked one. Those of one group are alternatives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub together: Vec<Together<'a>>,
    /// Another row, or a reviewer, says that this is not what the source means.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ancestor: Option<CodeAndDisplay<'a>>,
}

/// A code that is needed with another one.
#[derive(Clone, Debug, Serialize)]
pub struct Together<'a> {
    pub group: u16,
    pub code: &'a str,
    pub display: Option<&'a str>,
}

/// Which row answered, and everything else it says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Origin<'a> {
    /// `null` for a reviewer's decision and for words that fit words.
    pub map: Option<&'a str>,
    pub version: Option<&'a str>,
    /// The line of the release file, from one.
    pub row: Option<u32>,
    /// `row`, `unmapped` (the map's answer to sources without a row), `decision`, `text`.
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<i64>,
    /// The five digits of a GEM row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Flags>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub rule: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub advice: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub correlation: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub category: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub comment: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub product: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
}

#[derive(Clone, Copy, Debug)]
pub struct Flags(pub GemFlags);

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// One step between the row that answered and the target.
#[derive(Clone, Debug, Serialize)]
pub struct Hop<'a> {
    pub system: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub relationship: &'static str,
    /// When the step took effect.
    pub effective: Option<Day>,
    pub origin: Origin<'a>,
}

/// What a policy picked: a scenario, and one option of each of its groups, counted from zero.
#[derive(Clone, Debug, Serialize)]
pub struct Picked<'a> {
    pub scenario: usize,
    pub options: &'a [usize],
    pub policy: &'static str,
    pub margin: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<i64>,
}

/// A fact that a rule waits for.
#[derive(Clone, Debug, Serialize)]
pub struct Need<'a> {
    pub fact: &'a str,
    pub rule: &'a str,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Map<'a> {
    pub id: &'a str,
    pub version: &'a str,
}

impl<'a> From<ConceptMap<'a>> for Map<'a> {
    fn from(map: ConceptMap<'a>) -> Self {
        Map { id: map.id(), version: map.version() }
    }
}

impl<'a> Origin<'a> {
    fn of_row(row: Row<'a>) -> Origin<'a> {
        let detail = row.detail();
        Origin {
            map: Some(row.map().id()),
            version: Some(row.map().version()),
            row: Some(row.line()),
            kind: "row",
            decision: None,
            flags: row.gem_flags().map(Flags),
            rule: detail.rule,
            advice: detail.advice,
            correlation: detail.correlation,
            category: detail.category,
            comment: detail.comment,
            product: detail.product,
            usage: detail.usage,
            from: detail.from.map(Day),
            to: detail.to.map(Day),
        }
    }

    fn of(origin: &engine::Origin<'a>) -> Origin<'a> {
        match origin {
            engine::Origin::Row(row) => Origin::of_row(*row),
            engine::Origin::Unmapped(map) => {
                Origin { map: Some(map.id()), version: Some(map.version()), kind: "unmapped", ..Origin::default() }
            }
            engine::Origin::Decision(id) => Origin { kind: "decision", decision: Some(*id), ..Origin::default() },
            engine::Origin::Text => Origin { kind: "text", ..Origin::default() },
            engine::Origin::Same => Origin { kind: "same", ..Origin::default() },
        }
    }
}

impl<'a> Target<'a> {
    fn of(target: &engine::Target<'a>) -> Target<'a> {
        Target {
            code: target.concept.code(),
            display: target.concept.display(),
            relationship: target.relationship.code(),
            priority: target.priority,
            status: target.state.code(),
            origin: Origin::of(&target.origin),
            hops: target.hops.iter().map(Hop::of).collect(),
            score: target.score,
            reversed: target.reversed,
            together: target.together().into_iter().map(|(group, c)| Together { group, code: c.code(), display: c.display() }).collect(),
            denied: target.denied,
            ancestor: target.ancestor.map(CodeAndDisplay::from),
        }
    }
}

impl<'a> Hop<'a> {
    fn of(hop: &engine::Hop<'a>) -> Hop<'a> {
        Hop {
            system: hop.to.system().alias(),
            from: hop.from.code(),
            to: hop.to.code(),
            relationship: hop.relationship.code(),
            effective: hop.effective.map(Day),
            origin: Origin::of_row(hop.row),
        }
    }
}

impl<'a> TranslateAnswer<'a> {
    pub fn of<'i: 'a>(answer: &'a Translation<'i>) -> TranslateAnswer<'a> {
        let options = |g: &engine::Group<'i>| Group { options: g.options.iter().map(Target::of).collect() };
        TranslateAnswer {
            source: Source {
                system: answer.source_system.alias(),
                code: answer.source.map_or_else(|| answer.given.trim(), |c| c.code()),
                display: answer.source.and_then(|c| c.display()),
                given: &answer.given,
            },
            target_system: answer.target_system.alias(),
            outcome: answer.outcome.code(),
            automatic: answer.automatic,
            codes: answer.chosen().0.iter().map(|t| t.concept.code()).collect(),
            scenarios: answer.scenarios.iter().map(|s| Scenario { groups: s.groups.iter().map(options).collect() }).collect(),
            picked: answer.picked.as_ref().map(|p| Picked {
                scenario: p.scenario,
                options: &p.options,
                policy: p.policy.code(),
                margin: p.margin,
                decision: p.decision,
            }),
            needs: answer.needs.iter().map(|n| Need { fact: &n.fact, rule: &n.rule }).collect(),
            repairs: repairs(&answer.repairs),
            nearest: suggestions(&answer.nearest),
            map: answer.map.map(Map::from),
            message: &answer.message,
            warnings: Vec::new(),
        }
    }
}
