//! Codes come and go: what took the place of a code, what was used before it, and by which row that is known.

use super::answer::{Hop, Suggestion, SuggestionKind};
use crate::index::{CodeSystem, Concept, ConceptMap, Index, Row};
use crate::model::{Date, MapKind, Relationship, compare_versions};

/// A code and its successors chain at most so far (the real tables: three).
const LONGEST_CHAIN: usize = 8;

/// The maps that tell successors within a system; of each the newest version.
pub(super) fn maps<'i>(index: &'i Index, system: CodeSystem<'i>) -> impl Iterator<Item = ConceptMap<'i>> + use<'i> {
    let of_system = move |m: &ConceptMap<'_>| m.kind() == MapKind::Succession && m.source().ordinal() == system.ordinal();
    index.maps().filter(of_system).filter(move |m| {
        !index.maps().any(|other| of_system(&other) && other.id() == m.id() && compare_versions(other.version(), m.version()).is_gt())
    })
}

/// What took the place of a code by a date (`None`: by now), step by step to codes that are valid then.
///
/// Every way there is given with its hops. Empty if nothing is known, or nothing of it is valid.
pub(super) fn successors<'i>(index: &'i Index, concept: Concept<'i>, date: Option<Date>) -> Vec<Vec<Hop<'i>>> {
    let mut found = Vec::new();
    follow(index, concept, date, &mut Vec::new(), &mut found);
    found
}

fn follow<'i>(index: &'i Index, concept: Concept<'i>, date: Option<Date>, way: &mut Vec<Hop<'i>>, found: &mut Vec<Vec<Hop<'i>>>) {
    if way.len() == LONGEST_CHAIN {
        return;
    }
    for map in maps(index, concept.system()) {
        for row in map.rows_of(concept) {
            let Some(to) = row.target() else { continue };
            let effective = row.detail().from;
            let not_yet = matches!((effective, date), (Some(effective), Some(date)) if effective > date);
            if not_yet || to == concept || way.iter().any(|h| h.from == to) {
                continue;
            }
            way.push(Hop { from: concept, to, relationship: step(concept, to, row), row, effective });
            if to.is_valid_on(date) {
                if !found.iter().any(|w: &Vec<Hop<'_>>| w.last().is_some_and(|h| h.to == to)) {
                    found.push(way.clone());
                }
            } else {
                follow(index, to, date, way, found);
            }
            way.pop();
        }
    }
}

/// The hierarchy proves more than the table says: a code below the old one is narrower than it.
fn step(from: Concept<'_>, to: Concept<'_>, row: Row<'_>) -> Relationship {
    if to.is_a(from) {
        Relationship::SourceIsBroaderThanTarget
    } else if from.is_a(to) {
        Relationship::SourceIsNarrowerThanTarget
    } else {
        row.relationship()
    }
}

/// What to record instead of a code on a date: its successors, else what was used before it.
pub(super) fn replacements<'i>(index: &'i Index, concept: Concept<'i>, date: Option<Date>) -> Vec<Suggestion<'i>> {
    let mut all: Vec<Suggestion<'i>> = successors(index, concept, date)
        .iter()
        .filter_map(|way| way.last())
        .map(|hop| Suggestion { concept: hop.to, kind: SuggestionKind::Successor, distance: 0, effective: hop.effective })
        .collect();
    if let Some(date) = date.filter(|_| all.is_empty()) {
        let before = predecessors(index, concept, date).into_iter();
        all.extend(before.map(|(concept, effective)| Suggestion { concept, kind: SuggestionKind::Predecessor, distance: 0, effective }));
    }
    all
}

/// What was used before a code on a date, step by step back to codes that were valid then, with the day on which each gave way.
fn predecessors<'i>(index: &'i Index, concept: Concept<'i>, date: Date) -> Vec<(Concept<'i>, Option<Date>)> {
    let (mut found, mut seen, mut open) = (Vec::new(), vec![concept], vec![concept]);
    for _ in 0..LONGEST_CHAIN {
        let mut further = Vec::new();
        for row in open.iter().flat_map(|&c| maps(index, c.system()).flat_map(move |m| m.rows_to(c))) {
            let Some(before) = row.source().filter(|before| !seen.contains(before)) else { continue };
            seen.push(before);
            if before.is_valid_on(Some(date)) {
                found.push((before, row.detail().from));
            } else {
                further.push(before);
            }
        }
        open = further;
    }
    found
}
