//! From the rows of a source to scenarios, groups and options.

use super::super::answer::{Group, Message, Need, Origin, Outcome, Scenario, Scenarios, Target};
use super::super::rules::{RuleRow, Verdict, decide};
use super::{beside, fold, seventh, state};
use crate::index::{CodeSystem, Concept, ConceptMap, Row};
use crate::model::rule::{self, Facts, Program};
use crate::model::{Date, MapKind, Relationship};
use smallvec::SmallVec;

/// What a map says of a source: the part of an answer that its rows alone decide.
#[derive(Debug)]
pub(super) struct Reading<'e> {
    pub scenarios: Scenarios<'e>,
    pub needs: Vec<Need>,
    pub outcome: Outcome,
    pub message: Message<'e>,
}

/// The day on which rows must hold; today, if the record has none.
#[derive(Clone, Copy)]
pub(super) struct When(pub Option<Date>);

impl When {
    fn day(self) -> Date {
        self.0.unwrap_or_else(crate::engine::today)
    }

    /// Whether a row holds then; most say nothing of time.
    fn holds(self, row: &Row<'_>) -> bool {
        let (from, to) = row.times();
        (from.is_none() && to.is_none()) || {
            let day = self.day();
            from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
        }
    }
}

/// Whether the rows of a map may have times of their own: those of RF2 maps have none, those of a succession are asked in their order.
fn may_be_dated(map: ConceptMap<'_>) -> bool {
    matches!(map.kind(), MapKind::Table | MapKind::Gem)
}

/// That a map has rows for a source, but none that holds then; `day` says when that is.
pub(super) fn none_holds(map: ConceptMap<'_>, source: Concept<'_>, when: When, day: &str) -> Option<String> {
    let rows = map.rows_of(source);
    if rows.len() == 0 || !may_be_dated(map) || rows.clone().any(|row| when.holds(&row)) {
        return None;
    }
    let last = rows.filter_map(|row| row.times().1).max();
    let until = last.map_or_else(String::new, |last| format!("; the last one held until {last}"));
    Some(format!("no row of {}|{} for {} holds on {day}{until}", map.id(), map.version(), source.code()))
}

/// Whether a map has rows for a source, other than such as say what it is not.
pub(super) fn speaks(map: ConceptMap<'_>, source: Concept<'_>) -> bool {
    map.rows_of(source).any(|row| !is_denial(row))
}

/// The rows of a source, as its map means them. `None`: the map has none that holds, or none but such as say what the source is not.
///
/// `findings` is the system of co-existing findings, in which their kinds are looked up.
pub(super) fn of_rows<'e>(
    map: ConceptMap<'e>,
    source: Concept<'e>,
    when: When,
    facts: &Facts,
    findings: Option<CodeSystem<'e>>,
) -> Option<Reading<'e>> {
    if !speaks(map, source) {
        return None;
    }
    let rows = map.rows_of(source);
    if may_be_dated(map) && !rows.clone().all(|row| when.holds(&row)) {
        let all = rows.len();
        let holding: Vec<Row<'e>> = rows.filter(|row| when.holds(row)).collect();
        let mut reading = by_conditions(&holding, facts, &kinds(findings));
        if when.0.is_none() && reading.message.is_empty() {
            let out = all - holding.len();
            reading.message =
                Message::Words(format!("{out} of {all} rows do not hold today and were left out; give a date to ask of another day"));
        }
        return (!holding.into_iter().all(is_denial)).then_some(reading);
    }
    match map.kind() {
        MapKind::Gem | MapKind::Succession => Some(by_flags(rows)),
        MapKind::Table if rows.clone().all(|row| row.program().is_none()) => Some(by_flags(rows)),
        MapKind::Table => Some(by_conditions(&rows.collect::<Vec<_>>(), facts, &kinds(findings))),
        MapKind::Rules => Some(by_rules(rows, facts, &kinds(findings))),
    }
}

/// Whether a row only says what its source is not.
fn is_denial(row: Row<'_>) -> bool {
    row.relationship() == Relationship::NotRelatedTo && !row.is_no_map()
}

/// The rows that say what a source is not; backwards, what a target is not.
pub(super) fn denials<'e>(map: ConceptMap<'e>, asked: Concept<'e>, backward: bool, when: When) -> Vec<Row<'e>> {
    let own = if map.kind() == MapKind::Table { beside::in_index(map.source().index(), asked) } else { None };
    let Some(own) = own else { return Vec::new() };
    let says_not = |row: &Row<'e>| is_denial(*row) && row.target().is_some() && when.holds(row);
    if backward { map.rows_to(own).filter(says_not).collect() } else { map.rows_of(own).filter(says_not).collect() }
}

/// What else the source of a row needs beside the row's own target, by the number of its group: those of one group are alternatives.
pub(in crate::engine) fn together<'e>(row: Row<'e>) -> Vec<(u16, Concept<'e>)> {
    let Some(source) = row.source().filter(|_| needs_others(row)) else { return Vec::new() };
    let others = row.map().rows_of(source).filter(|other| other.scenario() == row.scenario() && other.group() != row.group());
    others.filter_map(|other| Some((other.group(), other.target()?))).collect()
}

/// Whether one concept of a system is a kind of another, both by their numbers.
fn kinds(system: Option<CodeSystem<'_>>) -> impl Fn(u64, u64) -> bool {
    move |child, parent| {
        let find = |id: u64| system?.concept_by_key(&id.to_string());
        matches!((find(child), find(parent)), (Some(child), Some(parent)) if child.is_a(parent))
    }
}

/// Rows that hold whatever the facts.
fn by_flags<'e>(rows: impl ExactSizeIterator<Item = Row<'e>>) -> Reading<'e> {
    let mut denied: SmallVec<[Concept<'e>; 2]> = SmallVec::new();
    let mut needs = Vec::new();
    let all = rows.len();
    let as_option = |row: Row<'e>| {
        let Some(concept) = row.target() else {
            // What stands for a row that could not be read.
            if row.program().is_some_and(<[u8]>::is_empty) {
                say(&mut needs, &rule::Need::Rule, row);
            }
            return None;
        };
        let relationship = row.relationship();
        if relationship == Relationship::NotRelatedTo {
            denied.push(concept);
            return None;
        }
        Some((row, target(concept, relationship, row.priority(), Origin::Row(row))))
    };
    let mut scenarios = match all {
        // Most sources: nothing to sort out.
        1 => rows
            .filter_map(as_option)
            .next()
            .map_or_else(Scenarios::new, |(_, only)| Scenarios::from_buf([Scenario::of([Target { priority: 1, ..only }])])),
        _ => grouped(rows.filter_map(as_option), all),
    };
    denied.into_iter().for_each(|concept| deny(&mut scenarios, concept));
    // Rows there are, but none that translates: the map says no.
    let outcome = match (needs.is_empty(), scenarios.is_empty()) {
        (false, _) => Outcome::NeedsFacts,
        (true, true) => Outcome::NoMap,
        (true, false) => Outcome::Choice,
    };
    Reading { scenarios, needs, outcome, message: Message::None }
}

/// A GEM row outside a combination is a reading of its own, with all other such rows as its alternatives: scenario 0, group 0.
fn grouped<'e>(options: impl Iterator<Item = (Row<'e>, Target<'e>)>, most: usize) -> Scenarios<'e> {
    let mut scenarios = Scenarios::new();
    for (row, option) in options {
        // Rows of one group stand together, so the place is mostly the last one.
        let same_scenario = |s: &Scenario<'e>| s.groups.first().and_then(first_row).is_some_and(|r| r.scenario() == row.scenario());
        let same_group = |g: &Group<'e>| first_row(g).is_some_and(|r| r.group() == row.group());
        let Some(scenario) = scenarios.iter_mut().rfind(|s| same_scenario(s)) else {
            let mut options = SmallVec::with_capacity(most);
            options.push(option);
            scenarios.push(Scenario::of(options));
            continue;
        };
        match scenario.groups.iter_mut().rfind(|g| same_group(g)) {
            Some(group) => group.options.push(option),
            None => scenario.groups.push(Group { options: SmallVec::from_buf([option]) }),
        }
    }
    for group in scenarios.iter_mut().flat_map(|s| &mut s.groups) {
        number(&mut group.options);
    }
    scenarios
}

/// A table some of whose rows have conditions (FHIR `dependsOn`): those that are false do not count, those that are unknown wait.
fn by_conditions<'e>(rows: &[Row<'e>], facts: &Facts, is_a: rule::IsA<'_>) -> Reading<'e> {
    let mut needs = Vec::new();
    let mut holding = Vec::with_capacity(rows.len());
    for &row in rows {
        let rule = rule_of(row);
        let truth = if rule.is_otherwise() { otherwise(rows, row, facts, is_a) } else { rule.truth(facts, is_a) };
        match truth {
            rule::Truth::False => continue,
            rule::Truth::True => {}
            rule::Truth::Unknown => rule.needs(facts, is_a).iter().for_each(|need| say(&mut needs, need, row)),
        }
        holding.push(row);
    }
    let mut reading = by_flags(holding.iter().copied());
    if !needs.is_empty() {
        reading.outcome = Outcome::NeedsFacts;
        reading.needs = needs;
    } else if holding.is_empty() {
        // The map says nothing of such a patient, which is not to say that there is no target.
        reading.outcome = Outcome::Unmapped;
        reading.message = Message::Words("no row of the map holds under the given facts".into());
    }
    reading
}

/// Whether none of the other rows of its group holds.
fn otherwise(rows: &[Row<'_>], row: Row<'_>, facts: &Facts, is_a: rule::IsA<'_>) -> rule::Truth {
    let beside = rows.iter().filter(|other| (other.scenario(), other.group()) == (row.scenario(), row.group()));
    let rules = beside.map(|other| rule_of(*other)).filter(|other| !other.is_otherwise());
    let truths: Vec<rule::Truth> = rules.map(|other| other.truth(facts, is_a)).collect();
    match (truths.contains(&rule::Truth::True), truths.contains(&rule::Truth::Unknown)) {
        (true, _) => rule::Truth::False,
        (false, true) => rule::Truth::Unknown,
        (false, false) => rule::Truth::True,
    }
}

/// An extended map: in every group the first row whose rule holds, all groups together.
fn by_rules<'e>(rows: impl ExactSizeIterator<Item = Row<'e>> + Clone, facts: &Facts, is_a: rule::IsA<'_>) -> Reading<'e> {
    let as_asked =
        |row: Row<'e>| RuleRow { group: row.group(), priority: row.priority(), has_target: !row.is_no_map(), rule: rule_of(row) };
    let asked: SmallVec<[RuleRow<'e>; 4]> = rows.clone().map(as_asked).collect();
    let as_target = |place: usize| {
        let row = rows.clone().nth(place)?;
        let concept = row.target().filter(|_| row.relationship() != Relationship::NotRelatedTo)?;
        Some(target(concept, row.relationship(), row.priority(), Origin::Row(row)))
    };
    let mut needs = Vec::new();
    let mut groups = SmallVec::new();
    // The last group that gives no code, and the row that says so.
    let mut without = None;
    for decided in decide(&asked, facts, is_a) {
        let mut options: SmallVec<[Target<'e>; 1]> = match decided.verdict {
            Verdict::Target(place) => as_target(place).into_iter().collect(),
            Verdict::Choice(places) => places.into_iter().filter_map(as_target).collect(),
            Verdict::NoCode(place) => {
                without = Some((decided.group, rows.clone().nth(place)));
                continue;
            }
            Verdict::NoRule => {
                without = Some((decided.group, None));
                continue;
            }
            Verdict::Needs { needs: open_needs, open } => {
                for (place, need) in &open_needs {
                    rows.clone().nth(*place).into_iter().for_each(|row| say(&mut needs, need, row));
                }
                open.into_iter().filter_map(as_target).collect()
            }
        };
        if !options.is_empty() {
            number(&mut options);
            groups.push(Group { options });
        }
    }
    let scenarios = if groups.is_empty() { Scenarios::new() } else { Scenarios::from_buf([Scenario { groups }]) };
    let outcome = match (needs.is_empty(), scenarios.is_empty()) {
        (false, _) => Outcome::NeedsFacts,
        (true, true) => Outcome::NoMap,
        (true, false) => Outcome::Choice,
    };
    let message = match without.filter(|_| outcome == Outcome::NoMap) {
        None => Message::None,
        // In the map's own words, why.
        Some((_, Some(row))) => Message::Advice(row.detail().advice),
        Some((group, None)) => Message::Words(format!("no rule of group {group} holds under the given facts")),
    };
    Reading { scenarios, needs, outcome, message }
}

/// The rule of a row; one that could not be read is never decided.
fn rule_of(row: Row<'_>) -> Program<'_> {
    row.program().map_or(Program::ALWAYS, Program::new)
}

/// Notes that a row waits for a fact, once.
fn say(needs: &mut Vec<Need>, need: &rule::Need, row: Row<'_>) {
    let fact = match need {
        rule::Need::Finding(id) => format!("snomed|{id}"),
        rule::Need::Property(attribute) => attribute.clone(),
        need => need.fact().to_owned(),
    };
    let need = Need { fact, rule: row.detail().rule.to_owned() };
    if !needs.contains(&need) {
        needs.push(need);
    }
}

fn first_row<'e>(group: &Group<'e>) -> Option<Row<'e>> {
    group.options.first()?.origin.row()
}

/// Marks a target as one that somebody says is not what the source means.
pub(super) fn deny<'e>(scenarios: &mut [Scenario<'e>], concept: Concept<'e>) {
    let options = scenarios.iter_mut().flat_map(|s| &mut s.groups).flat_map(|g| &mut g.options);
    options.filter(|o| o.concept == concept).for_each(|o| o.denied = true);
}

/// The rows that name the asked code as their target, each source a candidate.
pub(super) fn reversed<'e>(map: ConceptMap<'e>, asked: Concept<'e>, when: When) -> Option<Reading<'e>> {
    let mut options: SmallVec<[Target<'e>; 1]> = SmallVec::new();
    let mut denied = Vec::new();
    let itself = map.rows_to(asked).map(|row| (row, Relationship::Equivalent));
    let open = seventh::standing_for(asked).filter(|_| map.kind() != MapKind::Gem).into_iter();
    let open = open.flat_map(|open| map.rows_to(open)).map(|row| (row, Relationship::SourceIsNarrowerThanTarget));
    for (row, to_row) in itself.chain(open).filter(|(row, _)| !may_be_dated(map) || when.holds(row)) {
        let Some(concept) = row.source() else { continue };
        if row.relationship() == Relationship::NotRelatedTo {
            denied.push(concept);
            continue;
        }
        let mut option = target(concept, to_row.then(row.relationship().inverse()), 0, Origin::Row(row));
        // Where the source needs this code among others, or only under a condition, the way back is no equivalence.
        if option.relationship != Relationship::RelatedTo && (needs_others(row) || is_conditional(row)) {
            option.relationship = Relationship::RelatedTo;
        }
        option.reversed = true;
        options.push(option);
    }
    if options.is_empty() {
        return None;
    }
    number(&mut options);
    let mut scenarios = Scenarios::from_buf([Scenario::of(options)]);
    denied.into_iter().for_each(|concept| deny(&mut scenarios, concept));
    Some(Reading { scenarios, needs: Vec::new(), outcome: Outcome::Choice, message: Message::None })
}

/// Whether a row is of a combination. The groups of a GEM are lists, which its flag makes a combination.
fn needs_others(row: Row<'_>) -> bool {
    let another_group = |other: Row<'_>| other.scenario() == row.scenario() && other.group() != row.group() && !other.is_no_map();
    match row.gem_flags() {
        Some(flags) => flags.combination,
        None => row.source().is_some_and(|source| row.map().rows_of(source).any(another_group)),
    }
}

/// Whether a row holds under a rule only: `OTHERWISE` is one, `TRUE` is none.
fn is_conditional(row: Row<'_>) -> bool {
    let rule = rule_of(row);
    rule.is_otherwise() || rule.truth(&Facts::default(), &|_, _| false) != rule::Truth::True
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
        denied: false,
        ancestor: None,
    }
}

/// Orders alternatives by the map's own priority, else by how often they are used, else as in the file, each code once, and counts them
/// from one.
pub(super) fn number(options: &mut SmallVec<[Target<'_>; 1]>) {
    if options.iter().any(|o| o.priority != 0) {
        options.sort_by_key(|o| o.priority);
    } else if options.len() > 1 && options[0].origin.map().is_some_and(|map| map.kind() == MapKind::Table) {
        let usage = |o: &Target<'_>| o.origin.row().and_then(|row| row.detail().usage).unwrap_or(0.0);
        options.sort_by(|a, b| usage(b).total_cmp(&usage(a)));
    }
    fold::options(options);
    for (i, option) in options.iter_mut().enumerate() {
        option.priority = u16::try_from(i + 1).unwrap_or(u16::MAX);
    }
}
