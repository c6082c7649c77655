//! What a translation is in the ledger: what was taken, or what a person may choose from and why nothing was taken.

use super::Repair;
use crate::engine::{self, Origin, Outcome, RepairKind, Target, Translation, Translator};
use crate::index::ConceptMap;
use crate::job::ledger::Tally;
use compact_str::{CompactString, format_compact};
use smallvec::SmallVec;

/// Options named for review.
const MOST_OPTIONS: usize = 12;

/// What a translation is in the ledger.
pub(super) fn tally(translator: &Translator<'_>, t: &Translation<'_>) -> Tally {
    let chosen = t.chosen().0;
    let settled = !chosen.is_empty() || (t.outcome == Outcome::NoMap && t.picked.is_some());
    let join = |values: &mut dyn Iterator<Item = &str>| {
        let mut joined = CompactString::default();
        for value in values {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(value);
        }
        joined
    };
    let named = |m: ConceptMap<'_>| {
        let mut name = CompactString::from(m.id());
        name.push('|');
        name.push_str(m.version());
        name
    };
    let mut maps: SmallVec<[CompactString; 1]> = chosen
        .iter()
        .map(|o| match o.origin {
            Origin::Decision(number) => format_compact!("decision {number}"),
            Origin::Text => CompactString::const_new("text"),
            Origin::Same => CompactString::const_new("same system"),
            _ => o.origin.map().map_or_else(CompactString::default, named),
        })
        .collect();
    maps.dedup();
    if maps.is_empty() {
        maps.extend(t.map.filter(|_| t.source.is_some()).map(named));
    }
    let policy = t.picked.as_ref().map_or_else(CompactString::default, |p| match p.margin {
        Some(margin) => format_compact!("{} {margin:.2}", p.policy.code()),
        None => p.policy.code().into(),
    });
    Tally {
        system: translator.source().alias().into(),
        to: translator.target().alias().into(),
        code: t.source.map_or_else(|| t.given.trim(), |s| s.code()).into(),
        known: t.source.is_some(),
        outcome: Some(t.outcome),
        settled,
        target: join(&mut chosen.iter().map(|o| o.concept.code())),
        relationship: join(&mut chosen.iter().map(|o| o.relationship.code())),
        map: join(&mut maps.iter().map(CompactString::as_str)),
        target_state: join(&mut chosen.iter().map(|o| o.state.code())),
        policy,
        options: if settled { String::new() } else { options(t) },
        message: if settled { String::new() } else { message(t) },
        count: 0,
    }
}

pub(super) fn repair(repairs: &[engine::Repair], given: &str) -> Repair {
    let kinds = repairs.iter().fold(0, |bits, r| bits | bit(r.kind));
    (kinds != 0).then(|| (kinds, given.into()))
}

fn bit(kind: RepairKind) -> u8 {
    RepairKind::ALL.iter().position(|k| *k == kind).map_or(0, |at| 1 << at)
}

/// The kinds of repair that bits stand for.
pub(in super::super) fn repair_kinds(bits: u8) -> impl Iterator<Item = RepairKind> {
    RepairKind::ALL.into_iter().filter(move |k| bits & bit(*k) != 0)
}

/// What a person may choose from.
fn options(t: &Translation<'_>) -> String {
    let mut text = String::new();
    let mut count = 0;
    for (s, scenario) in t.scenarios.iter().enumerate() {
        for (g, group) in scenario.groups.iter().enumerate() {
            // As the map orders them; the words of a record may order them otherwise.
            let mut options: SmallVec<[&Target<'_>; 4]> = group.options.iter().collect();
            options.sort_by_key(|option| option.priority);
            for (o, option) in options.into_iter().enumerate() {
                if count == MOST_OPTIONS {
                    let rest = t.targets().count() - count;
                    return format!("{text} ... {rest} more");
                }
                text += if o > 0 {
                    " / "
                } else if g > 0 {
                    " + "
                } else if s > 0 {
                    " | "
                } else {
                    ""
                };
                text += option.concept.code();
                count += 1;
            }
        }
    }
    if count > 0 {
        return text;
    }
    t.nearest.iter().take(MOST_OPTIONS).map(|n| format!("{}:{}", n.kind.code(), n.concept.code())).collect::<Vec<_>>().join(" ")
}

fn message(t: &Translation<'_>) -> String {
    if t.needs.is_empty() {
        return t.message.to_string();
    }
    let mut facts: Vec<&str> = t.needs.iter().map(|n| n.fact.as_str()).collect();
    facts.sort_unstable();
    facts.dedup();
    format!("needs {}", facts.join(", "))
}
