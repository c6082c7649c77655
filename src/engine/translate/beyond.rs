//! What to answer when no map has a row for the source: by the map's own rule for such codes, by the source's history, by its nearest
//! mapped ancestor (when asked), by two maps over a third system.

use super::super::answer::{Group, Hop, Need, Origin, Outcome, Scenario, Scenarios, Target, Translation};
use super::super::succession;
use super::scenarios::{self, Reading, number};
use super::{Asked, Translator, beside, in_order};
use crate::index::{CodeSystem, Concept, ConceptMap, Index};
use crate::model::map::Unmapped;
use crate::model::{MapKind, Relationship};
use smallvec::SmallVec;

/// Candidates by the words alone, where there is no map.
pub(super) const MOST_CANDIDATES: usize = 8;

/// Alternatives of a chain beyond these are not spelled out.
const MOST_SCENARIOS: usize = 64;

/// Pairs of maps that lead from one system over a third to another, in the order in which they are tried.
pub(super) fn chains<'e>(index: &'e Index, from: CodeSystem<'e>, to: CodeSystem<'e>) -> Vec<(ConceptMap<'e>, ConceptMap<'e>)> {
    let between_systems = |m: &ConceptMap<'e>| m.kind() != MapKind::Succession && m.source() != m.target();
    let leading = |fits: &dyn Fn(&ConceptMap<'e>) -> bool| in_order(index.maps().filter(|m| between_systems(m) && fits(m)).collect());
    let (first, second) = (leading(&|m| m.source() == from), leading(&|m| m.target() == to));
    let mut chains = Vec::new();
    for &one in &first {
        chains.extend(second.iter().filter(|two| two.source() == one.target()).map(|&two| (one, two)));
    }
    chains
}

/// Whether the source's history is not certain of the concept that took its place (POSSIBLY EQUIVALENT TO, ALTERNATIVE).
pub(super) fn guesses(target: &Target<'_>) -> bool {
    if target.hops.is_empty() {
        return false;
    }
    let Some(source) = target.origin.row().and_then(|row| row.source()) else { return false };
    let of_source = |hop: &Hop<'_>| hop.row.map().kind() == MapKind::Succession && hop.from.system() == source.system();
    target.hops.iter().any(|hop| of_source(hop) && hop.relationship != Relationship::Equivalent)
}

impl<'e> Translator<'e> {
    /// Tries what lies beyond the rows of the source itself, in this order; leaves [`Outcome::Unmapped`] if none of it answers.
    pub(super) fn beyond_rows(&self, source: Concept<'e>, asked: &Asked<'_>, t: &mut Translation<'e>) {
        if self.options.reverse {
            return;
        }
        let _ = self.by_unmapped_rule(source.code(), Some(source), asked, t)
            || self.by_history(source, asked, t)
            || (self.options.ancestor && self.by_ancestor(source, asked, t))
            || self.by_chain(source, asked, t);
    }

    /// Where no map leads from the source system, neither directly nor over a third one, the words are a crosswalk of last resort: the
    /// record's own, else the source's title. The outcome stays [`Outcome::Unmapped`]; what is found are candidates for a person.
    pub(super) fn by_text(&self, source: Concept<'e>, text: Option<&str>, t: &mut Translation<'e>) {
        if !self.maps.is_empty() || !self.chains.is_empty() || self.options.reverse {
            return;
        }
        let Some(text) = text.filter(|text| !text.trim().is_empty()).or(source.display()) else { return };
        let candidates = self.searcher.search(text).into_iter().enumerate().map(|(at, found)| {
            let mut target = scenarios::target(found.concept, Relationship::RelatedTo, at as u16 + 1, Origin::Text);
            target.state = super::state(found.concept, self.options.target_date);
            target.score = Some(found.score);
            target
        });
        let options: SmallVec<[Target<'e>; 1]> = candidates.collect();
        if !options.is_empty() {
            t.scenarios = Scenarios::from_buf([Scenario::of(options)]);
            t.message = format!("{}; candidates by its words", t.message).into();
        }
    }

    /// FHIR `ConceptMap.group.unmapped`. A code that nothing names has no concept.
    pub(super) fn by_unmapped_rule(&self, code: &str, source: Option<Concept<'e>>, asked: &Asked<'_>, t: &mut Translation<'e>) -> bool {
        let Some(&map) = self.maps.iter().find(|m| m.meta().unmapped != Unmapped::None) else { return false };
        let (code, relationship) = match &map.meta().unmapped {
            Unmapped::None => return false,
            Unmapped::UseSourceCode(relationship) => (code, *relationship),
            Unmapped::Fixed { code, relationship, .. } => (code.as_str(), *relationship),
            Unmapped::OtherMap(name) => {
                let Some(other) = self.map_anywhere(name) else {
                    t.message = format!("{} sends codes without a row to {name}, which is not in this index", map.id()).into();
                    return false;
                };
                let Some(source) = source else { return false };
                let own = beside::in_index(other.source().index(), source);
                let read = |own| scenarios::of_rows(other, own, scenarios::When(asked.date), asked.facts, self.findings);
                let reading = own.and_then(read);
                let fits = other.source().alias() == self.source.alias() && other.target().alias() == self.target.alias();
                return reading.filter(|_| fits).is_some_and(|reading| {
                    t.map = Some(other);
                    t.take(reading);
                    true
                });
            }
        };
        let Some(concept) = self.target_concept(code) else {
            t.message = format!("{} gives {code} to codes without a row, which is no code of {}", map.id(), self.target.alias()).into();
            return false;
        };
        t.map = Some(map);
        t.scenarios = Scenarios::from_buf([Scenario::of([scenarios::target(concept, relationship, 1, Origin::Unmapped(map))])]);
        t.outcome = Outcome::Choice;
        true
    }

    /// A retired source is answered as what took its place; the hop says so. Several successors are several readings.
    fn by_history(&self, source: Concept<'e>, asked: &Asked<'_>, t: &mut Translation<'e>) -> bool {
        self.of_successors(&self.maps, source, asked).tell(t)
    }

    /// What maps say of the concepts that took the place of a retired one.
    fn of_successors(&self, maps: &[ConceptMap<'e>], retired: Concept<'e>, asked: &Asked<'_>) -> Found<'e> {
        let mut found = Found::default();
        if retired.is_valid_on(None) {
            return found;
        }
        for way in succession::successors(retired.system().index(), retired, None) {
            let Some(successor) = way.last().map(|hop| hop.to) else { continue };
            let answer = maps.iter().find_map(|&map| Some((map, self.reading(map, successor, asked)?)));
            let Some((map, mut reading)) = answer else { continue };
            put_before(&way, &mut reading.scenarios);
            found.add(map, reading);
        }
        found
    }

    /// What a map says of a concept, else of those that took its place.
    fn of_itself_or_successors(&self, map: ConceptMap<'e>, concept: Concept<'e>, asked: &Asked<'_>) -> Option<Found<'e>> {
        let mut found = Found::default();
        match self.reading(map, concept, asked) {
            Some(reading) => found.add(map, reading),
            None => found = self.of_successors(&[map], concept, asked),
        }
        found.map.is_some().then_some(found)
    }

    /// The nearest ancestors that have rows, of the source itself or, as a retired concept has none, of what took its place.
    fn by_ancestor(&self, source: Concept<'e>, asked: &Asked<'_>, t: &mut Translation<'e>) -> bool {
        let mut found = self.of_ancestors(source, asked);
        if !source.is_valid_on(None) {
            for way in succession::successors(source.system().index(), source, None) {
                let Some(successor) = way.last().map(|hop| hop.to) else { continue };
                let mut of_one = self.of_ancestors(successor, asked);
                put_before(&way, &mut of_one.scenarios);
                found.join(of_one);
            }
        }
        if !found.tell(t) {
            return false;
        }
        if t.message.is_empty() {
            t.message = format!("{} has no row of its own; answered from its nearest mapped ancestor", source.code()).into();
        }
        true
    }

    /// At one distance there may be several.
    fn of_ancestors(&self, source: Concept<'e>, asked: &Asked<'_>) -> Found<'e> {
        let mut level = vec![source];
        let mut seen = vec![source];
        while !level.is_empty() {
            let mut next: Vec<Concept<'e>> = Vec::new();
            for parent in level.iter().flat_map(|c| c.parents()) {
                if !seen.contains(&parent) {
                    seen.push(parent);
                    next.push(parent);
                }
            }
            let mut found = Found::default();
            for &ancestor in &next {
                let answer = self.maps.iter().find_map(|&map| Some((map, self.reading(map, ancestor, asked)?)));
                let Some((map, mut reading)) = answer else { continue };
                for option in options(&mut reading.scenarios) {
                    option.relationship = Relationship::SourceIsNarrowerThanTarget.then(option.relationship);
                    option.ancestor = Some(ancestor);
                }
                found.add(map, reading);
            }
            if found.says_something() {
                return found;
            }
            level = next;
        }
        Found::default()
    }

    /// Two maps, one after the other. A combination of the first is answered only if the second has an answer for each of its parts.
    fn by_chain(&self, source: Concept<'e>, asked: &Asked<'_>, t: &mut Translation<'e>) -> bool {
        let mut gaps: Vec<String> = Vec::new();
        for &(one, two) in &self.chains {
            let Some(first) = self.of_itself_or_successors(one, source, asked) else {
                gaps.push(format!("{} has no row for {}", one.id(), source.code()));
                continue;
            };
            let mut found = Found { scenarios: Scenarios::new(), ..first };
            for scenario in first.scenarios {
                let parts: Vec<Vec<Scenario<'e>>> =
                    scenario.groups.iter().map(|group| self.onward(group, two, asked, &mut found)).collect();
                found.scenarios.extend(all_of(parts));
            }
            found.scenarios.truncate(MOST_SCENARIOS);
            let lost_codes = std::mem::take(&mut found.lost);
            if !lost_codes.is_empty() {
                // What one alternative comes to is not what all of them do.
                options(&mut found.scenarios).for_each(|o| o.relationship = o.relationship.then(Relationship::RelatedTo));
            }
            let gap = match &lost_codes[..] {
                [] => None,
                [a, b, c, _, ..] => Some(format!("{} has no row for {a}, {b}, {c} and {} more", two.id(), lost_codes.len() - 3)),
                lost => Some(format!("{} has no row for {}", two.id(), lost.join(", "))),
            };
            if found.tell(t) {
                let gap = gap.map_or_else(String::new, |gap| format!("; {gap}"));
                t.message = format!("by way of {} ({}, then {}){gap}", one.target().alias(), one.id(), two.id()).into();
                return true;
            }
            gaps.extend(gap);
        }
        gaps.dedup();
        if !gaps.is_empty() {
            t.message = gaps.join("; ").into();
        }
        false
    }

    /// What the second map makes of a group of the first: each alternative is a scenario.
    fn onward(&self, group: &Group<'e>, two: ConceptMap<'e>, asked: &Asked<'_>, found: &mut Found<'e>) -> Vec<Scenario<'e>> {
        let mut alternatives: Vec<Scenario<'e>> = Vec::new();
        for step in &group.options {
            let Some(mut second) = self.of_itself_or_successors(two, step.concept, asked) else {
                if !found.lost.contains(&step.concept.code()) {
                    found.lost.push(step.concept.code());
                }
                continue;
            };
            found.holes |= second.holes;
            found.needs.append(&mut second.needs);
            for option in options(&mut second.scenarios) {
                let Some(row) = option.origin.row() else { continue };
                // The row is of what took the place of a retired concept, or of the concept itself.
                let (from, relationship) = match option.hops.last() {
                    Some(successor) => (successor.to, row.relationship()),
                    None => (step.concept, option.relationship),
                };
                option.hops.push(Hop { from, to: option.concept, relationship, row, effective: None });
                option.relationship = step.relationship.then(option.relationship);
                option.origin = step.origin;
                option.hops.splice(0..0, step.hops.iter().copied());
            }
            alternatives.extend(second.scenarios);
        }
        // Alternatives of one code each are options of one group.
        if alternatives.len() > 1 && alternatives.iter().all(|s| s.groups.len() == 1) {
            let mut merged: SmallVec<[Target<'e>; 1]> = SmallVec::new();
            for option in alternatives.into_iter().flat_map(|s| s.groups).flat_map(|g| g.options) {
                merged.push(Target { priority: 0, ..option });
            }
            number(&mut merged);
            alternatives = vec![Scenario::of(merged)];
        }
        alternatives
    }
}

/// Every way to take one scenario of each part, all together. None if a part has none: half a combination is no translation.
fn all_of(parts: Vec<Vec<Scenario<'_>>>) -> Vec<Scenario<'_>> {
    let mut all = vec![Scenario::default()];
    for alternatives in &parts {
        let pairs = all.iter().flat_map(|so_far| alternatives.iter().map(move |alternative| (so_far, alternative)));
        let joined = pairs.map(|(a, b)| Scenario { groups: [&a.groups[..], &b.groups[..]].concat().into() });
        all = joined.take(MOST_SCENARIOS).collect();
    }
    all.retain(|scenario| !scenario.groups.is_empty());
    all
}

/// Says of what a map gives for the last concept of a way that the way leads there.
fn put_before<'e>(way: &[Hop<'e>], scenarios: &mut [Scenario<'e>]) {
    for option in options(scenarios) {
        option.relationship = way.iter().rev().fold(option.relationship, |then, hop| hop.relationship.then(then));
        option.hops.splice(0..0, way.iter().copied());
    }
}

fn options<'a, 'e>(scenarios: &'a mut [Scenario<'e>]) -> impl Iterator<Item = &'a mut Target<'e>> {
    scenarios.iter_mut().flat_map(|s| &mut s.groups).flat_map(|g| &mut g.options)
}

/// Readings put together.
#[derive(Default)]
struct Found<'e> {
    map: Option<ConceptMap<'e>>,
    scenarios: Scenarios<'e>,
    needs: Vec<Need>,
    /// Some map says that there is nothing.
    holes: bool,
    /// Codes between two maps for which the second has no row.
    lost: Vec<&'e str>,
}

impl<'e> Found<'e> {
    fn add(&mut self, map: ConceptMap<'e>, reading: Reading<'e>) {
        let (scenarios, needs) = (reading.scenarios, reading.needs);
        self.join(Found { map: Some(map), scenarios, needs, holes: reading.outcome == Outcome::NoMap, lost: Vec::new() });
    }

    fn join(&mut self, mut other: Found<'e>) {
        self.map = self.map.or(other.map);
        self.holes |= other.holes;
        self.scenarios.append(&mut other.scenarios);
        self.needs.append(&mut other.needs);
    }

    fn says_something(&self) -> bool {
        self.holes || !self.scenarios.is_empty() || !self.needs.is_empty()
    }

    fn tell(self, t: &mut Translation<'e>) -> bool {
        t.outcome = match (self.needs.is_empty(), self.scenarios.is_empty(), self.holes) {
            (false, ..) => Outcome::NeedsFacts,
            (true, false, _) => Outcome::Choice,
            (true, true, true) => Outcome::NoMap,
            (true, true, false) => return false,
        };
        (t.scenarios, t.needs) = (self.scenarios, self.needs);
        t.map = self.map.or(t.map);
        true
    }
}
