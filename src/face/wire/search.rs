//! The answer of `search`.

use crate::engine::search::{Match, Supposition, SuppositionKind};
use serde::Serialize;

/// The concepts that a text may mean, the likeliest first.
#[derive(Clone, Debug, Serialize)]
pub struct SearchAnswer<'a> {
    pub query: &'a str,
    pub system: &'a str,
    pub matches: Vec<SearchMatch<'a>>,
}

/// One of them, and why.
#[derive(Clone, Debug, Serialize)]
pub struct SearchMatch<'a> {
    pub code: &'a str,
    pub display: Option<&'a str>,
    /// How likely this is what was meant, 0 to 1.
    pub score: f32,
    /// The designation that matched.
    pub matched: &'a str,
    /// What had to be supposed: `hart~heart`, `MI=myocardial infarction`, `code`.
    pub why: &'a [String],
    pub billable: bool,
    /// What the rank is the sum of (value times weight), before it was made a share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<SearchPart>,
    /// The way over a title of another system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<SearchHop<'a>>,
}

/// One feature of the matched term.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SearchPart {
    pub feature: &'static str,
    pub value: f32,
    pub weight: f32,
}

/// What search may suppose of a phrase.
#[derive(Clone, Debug, Serialize)]
pub struct SuppositionWire<'a> {
    pub phrase: &'a str,
    pub meaning: &'a str,
    /// `learnt` from the loaded releases; `abbreviation`, `synonym`, `related` from the table.
    pub kind: &'static str,
    /// Of what was learnt: in which share of its uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
}

impl<'a> SuppositionWire<'a> {
    pub fn of(s: &'a Supposition) -> SuppositionWire<'a> {
        let (kind, share) = match s.kind {
            SuppositionKind::Learnt { share } => ("learnt", Some(share)),
            SuppositionKind::Abbreviation => ("abbreviation", None),
            SuppositionKind::Synonym => ("synonym", None),
            SuppositionKind::Related => ("related", None),
        };
        SuppositionWire { phrase: &s.phrase, meaning: &s.meaning, kind, share }
    }
}

/// The text is a title of another system, and a map leads from there.
#[derive(Clone, Debug, Serialize)]
pub struct SearchHop<'a> {
    pub system: &'a str,
    pub code: &'a str,
    /// The title that was said.
    pub title: &'a str,
    /// `id|version`
    pub map: String,
    pub relationship: &'static str,
    /// The map wants further codes beside this one.
    pub together: bool,
}

impl<'a> SearchAnswer<'a> {
    pub fn of<'e: 'a>(query: &'a str, system: &'a str, matches: &'a [Match<'e>]) -> SearchAnswer<'a> {
        let of = |m: &'a Match<'e>| SearchMatch {
            code: m.concept.code(),
            display: m.concept.display(),
            score: m.score,
            matched: m.matched,
            why: &m.why,
            billable: m.concept.is_valid_on(None),
            parts: m.parts.iter().map(|p| SearchPart { feature: p.feature, value: p.value, weight: p.weight }).collect(),
            hop: m.hop.map(|h| SearchHop {
                system: h.from.system().alias(),
                code: h.from.code(),
                title: h.title,
                map: format!("{}|{}", h.map.id(), h.map.version()),
                relationship: h.relationship.code(),
                together: h.together,
            }),
        };
        SearchAnswer { query, system, matches: matches.iter().map(of).collect() }
    }
}
