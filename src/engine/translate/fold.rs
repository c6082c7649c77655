//! The same said twice is said once: of equal options, codes and readings one stays.
//!
//! Lists of alternatives are not folded: two lists of the same codes ask for a code of each (8142 in the procedure GEM: two tendons).

use super::super::answer::{Scenario, Scenarios, Target};
use super::beyond;
use crate::model::Relationship;
use smallvec::SmallVec;
use std::collections::HashMap;

/// Alternatives of one group: one of each code.
pub(super) fn options(options: &mut SmallVec<[Target<'_>; 1]>) {
    // As releases order them, mostly.
    if options.is_sorted_by(|a, b| a.concept.ordinal() < b.concept.ordinal()) {
        return;
    }
    let mut places = HashMap::with_capacity(options.len());
    let mut kept: SmallVec<[Target<'_>; 1]> = SmallVec::with_capacity(options.len());
    for option in options.drain(..) {
        match places.entry(option.concept.ordinal()) {
            std::collections::hash_map::Entry::Occupied(place) => merge(&mut kept[*place.get()], option),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(option);
            }
        }
    }
    *options = kept;
}

/// Readings: one of each, and in each every single code once.
pub(super) fn equals(scenarios: &mut Scenarios<'_>) {
    for scenario in scenarios.iter_mut().filter(|s| s.groups.len() > 1) {
        let mut at = 1;
        while at < scenario.groups.len() {
            let only = |g: usize| match &scenario.groups[g].options[..] {
                [only] => Some(only.concept),
                _ => None,
            };
            let twin = only(at).and_then(|concept| (0..at).find(|&before| only(before) == Some(concept)));
            match twin {
                Some(before) => {
                    let twin = scenario.groups.remove(at);
                    twin.options.into_iter().for_each(|option| merge(&mut scenario.groups[before].options[0], option));
                }
                None => at += 1,
            }
        }
    }
    let mut at = 1;
    while at < scenarios.len() {
        match (0..at).find(|&before| same(&scenarios[before], &scenarios[at])) {
            Some(before) => {
                let twin = scenarios.remove(at);
                let pairs = scenarios[before].groups.iter_mut().zip(twin.groups);
                pairs.for_each(|(kept, twin)| kept.options.iter_mut().zip(twin.options).for_each(|(kept, twin)| merge(kept, twin)));
            }
            None => at += 1,
        }
    }
}

fn same(a: &Scenario<'_>, b: &Scenario<'_>) -> bool {
    a.groups.len() == b.groups.len()
        && a.groups.iter().zip(&b.groups).all(|(a, b)| a.options.iter().map(|o| o.concept).eq(b.options.iter().map(|o| o.concept)))
}

/// Of two statements of one target the more doubtful stays; if they disagree how it relates, it is merely related.
fn merge<'e>(kept: &mut Target<'e>, mut other: Target<'e>) {
    let doubt = |t: &Target<'_>| (beyond::guesses(t), t.relationship != Relationship::Equivalent);
    let (priority, denied) = (kept.priority, kept.denied || other.denied);
    if doubt(&other) > doubt(kept) {
        std::mem::swap(kept, &mut other);
    }
    if kept.relationship != other.relationship {
        kept.relationship = Relationship::RelatedTo;
    }
    (kept.priority, kept.denied) = (priority, denied);
}
