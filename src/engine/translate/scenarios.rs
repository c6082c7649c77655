//! From the rows of a source to scenarios, groups and options.

use super::super::answer::{Group, Origin, Outcome, Scenario, Target, Translation};
use super::{Asked, state};
use crate::index::{Concept, ConceptMap, Row};
use crate::model::{MapKind, Relationship};

/// The rows of a source, as its map means them. `false`: the map has none.
pub(super) fn of_rows<'e>(map: ConceptMap<'e>, source: Concept<'e>, _asked: &Asked<'_>, t: &mut Translation<'e>) -> bool {
    let rows = map.rows_of(source);
    if rows.len() == 0 {
        return false;
    }
    let mut keys: smallvec::SmallVec<[u16; 4]> = smallvec::SmallVec::new();
    let mut group_keys: Vec<smallvec::SmallVec<[u16; 4]>> = Vec::new();
    for row in rows {
        let Some(concept) = row.target() else {
            continue;
        };
        if row.relationship() == Relationship::NotRelatedTo {
            continue;
        }
        // A GEM row outside a combination is a reading of its own, with all other such rows as its alternatives: scenario 0, group 0.
        let scenario = place(&mut keys, row.scenario());
        if scenario == t.scenarios.len() {
            t.scenarios.push(Scenario::default());
            group_keys.push(smallvec::SmallVec::new());
        }
        let group = place(&mut group_keys[scenario], row.group());
        let groups = &mut t.scenarios[scenario].groups;
        if group == groups.len() {
            groups.push(Group { options: Vec::with_capacity(1) });
        }
        let options = &mut groups[group].options;
        options.push(target(concept, row.relationship(), row.priority(), Origin::Row(row)));
    }
    for group in t.scenarios.iter_mut().flat_map(|s| &mut s.groups) {
        number(&mut group.options);
    }
    // Rows there are, but none that translates: the map says no.
    t.outcome = if t.scenarios.is_empty() { Outcome::NoMap } else { Outcome::Choice };
    true
}

/// The place of a key among those seen, the last one first: rows of one group stand together.
fn place(keys: &mut smallvec::SmallVec<[u16; 4]>, key: u16) -> usize {
    keys.iter().rposition(|k| *k == key).unwrap_or_else(|| {
        keys.push(key);
        keys.len() - 1
    })
}

/// The rows that name the asked code as their target, each source a candidate.
pub(super) fn reversed<'e>(map: ConceptMap<'e>, asked: Concept<'e>, t: &mut Translation<'e>) -> bool {
    let mut options: Vec<Target<'e>> = Vec::new();
    for row in map.rows_to(asked) {
        let Some(concept) = row.source() else { continue };
        if options.iter().any(|o| o.concept == concept) {
            continue;
        }
        let mut option = target(concept, row.relationship().inverse(), 0, Origin::Row(row));
        // A row of a combination says that the source needs this code among others: the way back is no equivalence.
        if needs_others(row) {
            option.relationship = Relationship::RelatedTo;
        }
        option.reversed = true;
        options.push(option);
    }
    if options.is_empty() {
        return false;
    }
    number(&mut options);
    t.scenarios = vec![Scenario { groups: vec![Group { options }] }];
    t.outcome = Outcome::Choice;
    true
}

fn needs_others(row: Row<'_>) -> bool {
    row.gem_flags().is_some_and(|f| f.combination) || (row.map().kind() != MapKind::Gem && row.group() > 1)
}

pub(super) fn target<'e>(concept: Concept<'e>, relationship: Relationship, priority: u16, origin: Origin<'e>) -> Target<'e> {
    Target {
        concept,
        relationship,
        priority,
        state: state(concept, None),
        origin,
        hops: Vec::new(),
        score: None,
        reversed: false,
        ancestor: None,
    }
}

/// Orders alternatives by the map's own priority, then as in the file, and counts them from one.
fn number(options: &mut [Target<'_>]) {
    if options.iter().any(|o| o.priority != 0) {
        options.sort_by_key(|o| o.priority);
    }
    for (i, option) in options.iter_mut().enumerate() {
        option.priority = u16::try_from(i + 1).unwrap_or(u16::MAX);
    }
}
