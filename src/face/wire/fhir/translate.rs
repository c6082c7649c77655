//! The answer of `$translate`, with nothing lost that a map says.
//!
//! [R4](https://hl7.org/fhir/R4/conceptmap-operation-translate.html), [R5](https://hl7.org/fhir/R5/conceptmap-operation-translate.html).
//! A match is one whole alternative. A scenario of several groups becomes one match for each combination: the code of its first group as
//! `concept`, those of the others as `product`, which the standard defines as needed together. Where the combinations are more than
//! [`MOST_COMBINATIONS`], every option is a match of its own, and extensions say its scenario, group and place.
//!
//! Three negative answers are told apart, all of them 200: `noMap` (the map says there is none; R4 `unmatched`), a fixed code for whatever
//! has no row (`unmapped`; a translation), and nothing found (no match, a message).
//!
//! What a code was read as, and a target that is no code any more, are told in `message` beside a true `result`, and for programs in the
//! extensions `repair` and `state`; steps to a successor in `hop`.

use super::parameters::{self, Parts, write_coding};
use super::{EXTENSION, Json, Version, answers};
use crate::engine::{Hop, Origin, Outcome, Repair, Scenario, Target, TargetState, Translation};
use crate::index::{Concept, ConceptMap, Index, Row};
use crate::model::{MapKind, Relationship};
use std::collections::HashSet;

/// `result` where every match says that there is no target. The ecosystem's requirements page says true, the base standard and its newest
/// reference server say that it is true only if a match is a translation.
const RESULT_OF_NO_MAP: bool = false;

/// Combinations of one scenario that are written out.
pub const MOST_COMBINATIONS: usize = 256;

/// Which way was asked, and in whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    /// R4 `reverse`: what was found is the outcome.
    Reverse,
    /// A target was given (R5, and the ecosystem for both): it is the `concept`, what was found is the `source`.
    FromTarget,
}

/// How to say it.
#[derive(Clone, Copy, Debug)]
pub struct Said<'l> {
    pub version: Version,
    pub direction: Direction,
    /// Of displays.
    pub language: &'l str,
}

/// What own maps without a URL are called: `urn:xwalk:map:` and their id.
pub const MAP_URN: &str = "urn:xwalk:map:";

/// More matches than the service gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany(pub usize);

/// The Parameters of `$translate`: the answers of all maps and codings that were asked.
///
/// Each answer says whether it comes from resources that the client brought along. `odd` is what the question itself should not have said.
pub fn body(said: Said<'_>, asked: &[(Translation<'_>, bool)], odd: &[String], most: usize) -> Result<Vec<u8>, TooMany> {
    let version = said.version;
    let answers = || asked.iter().map(|(t, _)| t);
    let translations: usize = answers().flat_map(|t| &t.scenarios).map(|s| combinations(s).unwrap_or_else(|| options(s))).sum();
    let matches = translations + answers().map(|t| t.denials.len()).sum::<usize>();
    if matches > most {
        return Err(TooMany(matches));
    }
    let translated = |t: &Translation<'_>| match t.outcome {
        Outcome::Exact | Outcome::Approximate | Outcome::Combination | Outcome::Choice => !t.scenarios.is_empty(),
        Outcome::NoMap => RESULT_OF_NO_MAP,
        _ => false,
    };
    let result = answers().any(translated);
    Ok(parameters::body(|p| {
        p.with("result", |o| {
            let only = if let [(only, _)] = asked { Some(only) } else { None };
            let mut repairs = answers().flat_map(|t| &t.repairs).peekable();
            if only.is_some() || repairs.peek().is_some() {
                o.key("extension").array(|a| {
                    if let Some(only) = only {
                        extension(a, "outcome", |e| e.field("valueCode", only.outcome.code()));
                        extension(a, "automatic", |e| e.key("valueBoolean").bool(only.automatic));
                    }
                    repairs.for_each(|r| extension(a, "repair", |e| e.field("valueString", &in_words(r))));
                });
            }
            o.key("valueBoolean").bool(result);
        });
        let told = if result { warnings(answers()) } else { message(answers()) };
        let told: Vec<&str> = std::iter::once(&told).filter(|told| !told.is_empty()).chain(odd).map(String::as_str).collect();
        p.text_if("message", "valueString", &told.join("; "));
        for (answer, is_own) in asked {
            if answer.outcome == Outcome::NoMap {
                no_map(p, version, answer);
            }
            let mut place = Place { said, answer, scenario: 0, is_only: answer.scenarios.len() <= 1, is_own: *is_own };
            for (number, scenario) in answer.scenarios.iter().enumerate() {
                place.scenario = number + 1;
                place.matches(p, scenario);
            }
            answer.denials.iter().for_each(|row| place.denied(p, *row));
        }
    }))
}

/// How many matches a scenario makes when written out; `None`: too many.
fn combinations(scenario: &Scenario<'_>) -> Option<usize> {
    scenario
        .groups
        .iter()
        .try_fold(1usize, |n, g| n.checked_mul(g.options.len()))
        .filter(|&n| n <= MOST_COMBINATIONS || scenario.groups.len() == 1)
}

fn options(scenario: &Scenario<'_>) -> usize {
    scenario.groups.iter().map(|g| g.options.len()).sum()
}

fn extension(json: &mut Json, name: &str, value: impl FnOnce(&mut Json)) {
    json.object(|o| {
        o.field("url", &format!("{EXTENSION}{name}"));
        value(o);
    });
}

/// What a code was taken for.
fn in_words(r: &Repair) -> String {
    format!("`{}` was read as `{}` ({})", r.given, r.used, r.kind.code())
}

/// What a person should know of a translation that there is: the standard's place for it is `message`, beside a true `result`.
fn warnings<'t, 'i: 't>(answers: impl Iterator<Item = &'t Translation<'i>>) -> String {
    let own = |t: &Translation<'_>| Some(t.message.to_string()).filter(|m| !m.is_empty());
    each_once(answers.flat_map(|t| t.repairs.iter().map(in_words).chain(own(t))))
}

/// Sentences one after another, the same one only once.
fn each_once(sentences: impl Iterator<Item = String>) -> String {
    let mut seen = HashSet::new();
    let mut said = String::new();
    for text in sentences.filter(|text| seen.insert(text.clone())) {
        said.push_str(if said.is_empty() { "" } else { "; " });
        said.push_str(&text);
    }
    said
}

/// Why there is no translation, in one sentence for a person.
fn message<'t, 'i: 't>(answers: impl Iterator<Item = &'t Translation<'i>>) -> String {
    let said = each_once(answers.map(|t| {
        let mut text = match t.outcome {
            _ if !t.message.is_empty() => t.message.to_string(),
            Outcome::NoMap => "the map says that there is no target".to_owned(),
            Outcome::NeedsFacts => "a rule of the map waits for facts".to_owned(),
            _ => "no match".to_owned(),
        };
        if !t.needs.is_empty() {
            let facts: Vec<&str> = t.needs.iter().map(|n| n.fact.as_str()).collect();
            text.push_str(&format!("; give {} as dependency", facts.join(", ")));
        }
        let near: Vec<&str> = t.nearest.iter().take(5).map(|s| s.concept.code()).collect();
        if !near.is_empty() {
            text.push_str(&format!("; near to it: {}", near.join(", ")));
        }
        text
    }));
    if said.is_empty() { "no map leads from this system to what was asked for".to_owned() } else { said }
}

/// The canonical of a map, with its version.
pub fn canonical(map: ConceptMap<'_>) -> String {
    let name = if map.url().is_empty() { format!("{MAP_URN}{}", map.id()) } else { map.url().to_owned() };
    if map.version().is_empty() { name } else { format!("{name}|{}", map.version()) }
}

fn origin_map(p: &mut Parts<'_>, map: Option<ConceptMap<'_>>) {
    if let Some(map) = map {
        p.text("originMap", "valueCanonical", &canonical(map));
    }
}

/// The map says that there is none.
fn no_map(p: &mut Parts<'_>, version: Version, answer: &Translation<'_>) {
    p.part("match", |m| {
        match version {
            Version::R4 => m.text("equivalence", "valueCode", "unmatched"),
            Version::R5 => m.boolean("noMap", true),
        }
        origin_map(m, answer.map);
    });
}

/// Where matches stand in the answer.
struct Place<'a, 'i> {
    said: Said<'a>,
    answer: &'a Translation<'i>,
    scenario: usize,
    is_only: bool,
    /// The client's own resources answer.
    is_own: bool,
}

impl<'i> Place<'_, 'i> {
    fn matches(&self, p: &mut Parts<'_>, scenario: &Scenario<'i>) {
        let Some(count) = combinations(scenario) else {
            for (g, group) in scenario.groups.iter().enumerate() {
                for (o, option) in group.options.iter().enumerate() {
                    self.matched(p, option, &[], Some((g + 1, o + 1)));
                }
            }
            return;
        };
        for number in 0..count {
            // The number, read as one digit for each group: which of its options this combination takes.
            let mut rest = number;
            let mut picked: smallvec::SmallVec<[&Target<'i>; 4]> = smallvec::SmallVec::new();
            for group in scenario.groups.iter().rev() {
                picked.insert(0, &group.options[rest % group.options.len()]);
                rest /= group.options.len();
            }
            if let [first, others @ ..] = &picked[..] {
                self.matched(p, first, others, None);
            }
        }
    }

    fn matched(&self, p: &mut Parts<'_>, target: &Target<'i>, others: &[&Target<'i>], place: Option<(usize, usize)>) {
        // A whole is as close as its loosest part is stated to be; together they are still only what the map says of each.
        let relationship = others.iter().fold(target.relationship, |r, o| if o.relationship == r { r } else { Relationship::RelatedTo });
        let relationship = if self.said.direction == Direction::FromTarget { relationship.inverse() } else { relationship };
        p.part_with(
            "match",
            |o| self.extensions(o, target, place),
            |m| {
                match self.said.version {
                    Version::R4 => m.text("equivalence", "valueCode", relationship.r4_equivalence()),
                    Version::R5 => m.text("relationship", "valueCode", relationship.code()),
                }
                let found = |m: &mut Parts<'_>, name, t: &Target<'i>| {
                    let display = self.display(t.concept, t.origin.row());
                    m.coding(name, t.concept.system().uri(), t.concept.code(), display);
                };
                match self.said.direction {
                    Direction::FromTarget => {
                        if let Some(asked) = self.answer.source {
                            m.coding("concept", asked.system().uri(), asked.code(), self.display(asked, None));
                        }
                        found(m, "source", target);
                        // What the asked code is only half of.
                        for (group, other) in target.together() {
                            self.product(m, &format!("{EXTENSION}group:{group}"), |v| self.coded(v, other));
                        }
                    }
                    _ => found(m, "concept", target),
                }
                for (at, other) in others.iter().enumerate() {
                    self.product(m, &format!("{EXTENSION}group:{}", at + 2), |v| {
                        found(v, self.value_name(), other);
                    });
                }
                self.said_by_the_row(m, target);
                origin_map(m, target.origin.map().or(self.answer.map));
            },
        );
    }

    /// A row that says what the source is not: no translation, and told nevertheless.
    fn denied(&self, p: &mut Parts<'_>, row: Row<'i>) {
        let backward = self.said.direction != Direction::Forward;
        let Some(concept) = (if backward { row.source() } else { row.target() }) else { return };
        // Another row of the same map has it as a translation, and says there that it is denied.
        if self.answer.targets().any(|t| t.concept.code() == concept.code()) {
            return;
        }
        let strength = Relationship::NotRelatedTo;
        p.part("match", |m| {
            match self.said.version {
                Version::R4 => m.text("equivalence", "valueCode", strength.r4_equivalence()),
                Version::R5 => m.text("relationship", "valueCode", strength.code()),
            }
            if let (Direction::FromTarget, Some(asked)) = (self.said.direction, self.answer.source) {
                m.coding("concept", asked.system().uri(), asked.code(), self.display(asked, None));
            }
            let name = if self.said.direction == Direction::FromTarget { "source" } else { "concept" };
            m.coding(name, concept.system().uri(), concept.code(), self.display(concept, Some(row)));
            origin_map(m, Some(row.map()));
        });
    }

    /// What the client brought along it knows, names and all; only what its map itself says is told, and what it asks for by language.
    fn display(&self, concept: Concept<'i>, row: Option<Row<'i>>) -> &'i str {
        let is_own = self.is_own && std::ptr::eq(concept.system().index(), self.answer.source_system.index());
        let named = answers::display(concept, None, self.said.language);
        let named = named.filter(|_| !is_own || named != concept.display());
        let stated = || row.map(|r| r.detail().target_display).filter(|_| self.said.direction == Direction::Forward);
        named.or_else(stated).unwrap_or("")
    }

    fn value_name(&self) -> &'static str {
        if self.said.version == Version::R4 { "concept" } else { "value" }
    }

    fn coded(&self, v: &mut Parts<'_>, concept: Concept<'i>) {
        v.coding(self.value_name(), concept.system().uri(), concept.code(), self.display(concept, None));
    }

    fn product(&self, m: &mut Parts<'_>, attribute: &str, value: impl FnOnce(&mut Parts<'_>)) {
        m.part("product", |v| {
            v.text(if self.said.version == Version::R4 { "element" } else { "attribute" }, "valueUri", attribute);
            value(v);
        });
    }

    /// A value as an index keeps it, `system|code` or a text. The index that has the system knows the display.
    fn value(&self, v: &mut Parts<'_>, index: &Index, value: &str) {
        let coded = value.rsplit_once('|').filter(|(system, _)| system.contains("://") || system.starts_with("urn:"));
        match (coded, self.said.version) {
            (Some((system, code)), _) => {
                let display = index.system(system).and_then(|s| s.concept(code)).and_then(|c| c.display());
                v.coding(self.value_name(), system, code, display.unwrap_or(""));
            }
            (None, Version::R4) => {
                let (system, code) = value.rsplit_once('|').unwrap_or(("", value));
                v.coding("concept", system, code, "");
            }
            (None, Version::R5) => v.text_if("value", "valueString", value),
        }
    }

    /// Products and conditions that the row itself states.
    fn said_by_the_row(&self, m: &mut Parts<'_>, target: &Target<'_>) {
        let Some(row) = target.origin.row() else { return };
        let (detail, index) = (row.detail(), target.concept.system().index());
        for stated in detail.product.split(" AND ").filter(|s| !s.is_empty()) {
            let (attribute, value) = stated.split_once('=').unwrap_or((stated, ""));
            self.product(m, attribute, |v| self.value(v, index, value));
        }
        // R4 has no room for conditions in a match; there the extension `rule` has them.
        if detail.rule.is_empty() || self.said.version == Version::R4 {
            return;
        }
        let depends_on = |m: &mut Parts<'_>, attribute: &str, value: &dyn Fn(&mut Parts<'_>)| {
            m.part("dependsOn", |v| {
                v.text("attribute", "valueUri", attribute);
                value(v);
            });
        };
        if row.map().kind() == MapKind::Rules {
            depends_on(m, &format!("{EXTENSION}rule"), &|v| v.text("value", "valueString", detail.rule));
        } else {
            for stated in detail.rule.split(" AND ") {
                let (attribute, value) = stated.split_once('=').unwrap_or((stated, ""));
                depends_on(m, attribute, &|v| self.value(v, index, value));
            }
        }
    }

    fn extensions(&self, json: &mut Json, target: &Target<'i>, place: Option<(usize, usize)>) {
        let row = target.origin.row();
        json.key("extension").array(|a| {
            if !self.is_only {
                extension(a, "scenario", |e| e.key("valuePositiveInt").number(self.scenario));
            }
            if let Some((group, option)) = place {
                extension(a, "group", |e| e.key("valuePositiveInt").number(group));
                extension(a, "option", |e| e.key("valuePositiveInt").number(option));
            }
            if target.state != TargetState::Valid {
                extension(a, "state", |e| e.field("valueCode", target.state.code()));
            }
            if self.said.direction == Direction::Reverse {
                for (group, other) in target.together() {
                    extension(a, "together", |e| {
                        e.key("extension").array(|parts| {
                            for (name, value) in [("group", None), ("code", Some(other))] {
                                parts.object(|o| {
                                    o.field("url", name);
                                    match value {
                                        None => o.key("valuePositiveInt").number(group),
                                        Some(c) => o.key("valueCoding").object(|v| {
                                            write_coding(v, c.system().uri(), c.code(), self.display(c, None));
                                        }),
                                    }
                                });
                            }
                        });
                    });
                }
            }
            if target.denied {
                extension(a, "denied", |e| e.key("valueBoolean").bool(true));
            }
            match target.origin {
                Origin::Row(row) => extension(a, "row", |e| e.key("valuePositiveInt").number(row.line().max(1))),
                Origin::Unmapped(_) => extension(a, "unmapped", |e| e.key("valueBoolean").bool(true)),
                Origin::Decision(id) => extension(a, "decision", |e| e.key("valueInteger").number(id)),
                Origin::Text => extension(a, "text", |e| e.key("valueBoolean").bool(true)),
                Origin::Same => extension(a, "same", |e| e.key("valueBoolean").bool(true)),
            }
            target.hops.iter().for_each(|h| hop(a, h));
            let Some(detail) = row.map(|r| r.detail()) else { return };
            let texts = [
                ("rule", detail.rule, self.said.version == Version::R4),
                ("advice", detail.advice, true),
                ("comment", detail.comment, true),
            ];
            for (name, text, _) in texts.into_iter().filter(|(_, text, here)| *here && !text.is_empty()) {
                extension(a, name, |e| e.field("valueString", text));
            }
        });
    }
}

/// A step between the row and the target: a further map, or a successor.
fn hop(a: &mut Json, hop: &Hop<'_>) {
    let coding = |e: &mut Json, c: Concept<'_>| e.key("valueCoding").object(|o| write_coding(o, c.system().uri(), c.code(), ""));
    a.object(|o| {
        o.field("url", &format!("{EXTENSION}hop"));
        o.key("extension").array(|parts| {
            let mut part = |name: &str, value: &dyn Fn(&mut Json)| {
                parts.object(|e| {
                    e.field("url", name);
                    value(e);
                });
            };
            part("from", &|e| coding(e, hop.from));
            part("to", &|e| coding(e, hop.to));
            part("relationship", &|e| e.field("valueCode", hop.relationship.code()));
            part("originMap", &|e| e.field("valueCanonical", &canonical(hop.row.map())));
        });
    });
}
