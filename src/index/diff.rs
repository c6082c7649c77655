//! What one index says and another does not: codes and map rows added, removed, changed.
//!
//! Systems are matched by alias, maps by id: two versions of one crosswalk are compared row by row. A row is known by its source, its
//! target and its place (scenario, group); what else it says may have changed.

use super::{CodeSystem, Concept, ConceptMap, Index, Row};
use crate::model::compare_versions;

/// All differences from one index to another. Systems and maps without any are left out.
#[derive(Clone, Debug, Default)]
pub struct Diff<'i> {
    pub systems: Vec<SystemDiff<'i>>,
    pub maps: Vec<MapDiff<'i>>,
}

/// What became of a code system. One that only one index has is all added, or all removed.
#[derive(Clone, Debug)]
pub struct SystemDiff<'i> {
    pub before: Option<CodeSystem<'i>>,
    pub after: Option<CodeSystem<'i>>,
    pub added: Vec<Concept<'i>>,
    pub removed: Vec<Concept<'i>>,
    pub changed: Vec<ChangedConcept<'i>>,
}

/// A code that both have and of which they say different things.
#[derive(Clone, Debug)]
pub struct ChangedConcept<'i> {
    pub before: Concept<'i>,
    pub after: Concept<'i>,
    /// `display`, `validity`, `designations`, `parents`, `notes`.
    pub what: Vec<&'static str>,
}

/// What became of a map.
#[derive(Clone, Debug)]
pub struct MapDiff<'i> {
    pub before: Option<ConceptMap<'i>>,
    pub after: Option<ConceptMap<'i>>,
    pub added: Vec<Row<'i>>,
    pub removed: Vec<Row<'i>>,
    pub changed: Vec<ChangedRow<'i>>,
}

/// The same source, target and place, of which both say different things.
#[derive(Clone, Debug)]
pub struct ChangedRow<'i> {
    pub before: Row<'i>,
    pub after: Row<'i>,
    /// `relationship`, `flags`, `priority`, `rule`, `advice`, `correlation`, `category`, `comment`, `product`, `displays`, `times`, `usage`,
    /// `spelling`.
    pub what: Vec<&'static str>,
}

impl Diff<'_> {
    pub fn is_empty(&self) -> bool {
        self.systems.is_empty() && self.maps.is_empty()
    }
}

impl<'i> Diff<'i> {
    pub(super) fn new(before: &'i Index, after: &'i Index) -> Diff<'i> {
        let mut diff = Diff::default();
        for (a, b) in side_by_side(before.systems(), after.systems(), |s| s.alias().to_owned()) {
            let d = systems(a, b);
            if a.is_none() || b.is_none() || !(d.added.is_empty() && d.removed.is_empty() && d.changed.is_empty()) {
                diff.systems.push(d);
            }
        }
        for (a, b) in side_by_side(newest(before), newest(after), |m| m.id().to_owned()) {
            let d = maps(a, b);
            let same_version = a.map(|m| m.version().to_owned()) == b.map(|m| m.version().to_owned());
            if !(same_version && d.added.is_empty() && d.removed.is_empty() && d.changed.is_empty()) {
                diff.maps.push(d);
            }
        }
        diff
    }
}

/// Of the versions of one map the newest, whichever answers first.
fn newest(index: &Index) -> impl Iterator<Item = ConceptMap<'_>> {
    let mut maps: Vec<ConceptMap<'_>> = Vec::new();
    for map in index.maps() {
        match maps.iter_mut().find(|m| m.id() == map.id()) {
            Some(m) => *m = if compare_versions(m.version(), map.version()).is_lt() { map } else { *m },
            None => maps.push(map),
        }
    }
    maps.into_iter()
}

/// Pairs by name; what has no partner stands alone. In the order of the names.
fn side_by_side<T: Copy>(
    before: impl Iterator<Item = T>,
    after: impl Iterator<Item = T>,
    name: impl Fn(T) -> String,
) -> Vec<(Option<T>, Option<T>)> {
    let mut pairs: std::collections::BTreeMap<String, (Option<T>, Option<T>)> = std::collections::BTreeMap::new();
    for one in before {
        pairs.entry(name(one)).or_default().0 = Some(one);
    }
    for one in after {
        pairs.entry(name(one)).or_default().1 = Some(one);
    }
    pairs.into_values().collect()
}

fn systems<'i>(before: Option<CodeSystem<'i>>, after: Option<CodeSystem<'i>>) -> SystemDiff<'i> {
    let mut diff = SystemDiff { before, after, added: Vec::new(), removed: Vec::new(), changed: Vec::new() };
    for a in before.into_iter().flat_map(|s| s.concepts()) {
        match after.and_then(|s| s.concept(a.code())) {
            None => diff.removed.push(a),
            Some(b) => {
                let what = changes(a, b);
                if !what.is_empty() {
                    diff.changed.push(ChangedConcept { before: a, after: b, what });
                }
            }
        }
    }
    diff.added = after.into_iter().flat_map(|s| s.concepts()).filter(|b| before.is_none_or(|s| s.concept(b.code()).is_none())).collect();
    diff
}

fn changes(a: Concept<'_>, b: Concept<'_>) -> Vec<&'static str> {
    let texts = |c: Concept<'_>| c.designations().map(|d| (d.usage, d.language.to_owned(), d.text.to_owned())).collect::<Vec<_>>();
    let notes = |c: Concept<'_>| c.notes().map(|n| (n.kind, n.text.to_owned())).collect::<Vec<_>>();
    let checks = [
        ("display", a.display() != b.display()),
        ("validity", !a.validity().eq(b.validity())),
        ("designations", texts(a) != texts(b)),
        ("parents", !a.parents().map(|p| p.code()).eq(b.parents().map(|p| p.code()))),
        ("notes", notes(a) != notes(b)),
    ];
    checks.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

fn maps<'i>(before: Option<ConceptMap<'i>>, after: Option<ConceptMap<'i>>) -> MapDiff<'i> {
    let mut diff = MapDiff { before, after, added: Vec::new(), removed: Vec::new(), changed: Vec::new() };
    for source in before.into_iter().flat_map(|m| m.source().concepts()) {
        let here = before.map_or_else(Vec::new, |m| m.rows_of(source).collect());
        let mut there = rows_of_code(after, source.code());
        // A target may stand under several rules of one group: what is the same is no partner of what has changed.
        let is_same = |row: Row<'_>, other: Row<'_>| place(other) == place(row) && differences(row, other).is_empty();
        let mut open = Vec::new();
        for row in here {
            match there.iter().position(|other| is_same(row, *other)) {
                Some(at) => drop(there.remove(at)),
                None => open.push(row),
            }
        }
        for before in open {
            match there.iter().position(|other| place(*other) == place(before)) {
                None => diff.removed.push(before),
                Some(at) => {
                    let after = there.remove(at);
                    diff.changed.push(ChangedRow { before, after, what: differences(before, after) });
                }
            }
        }
        diff.added.extend(there);
    }
    // Sources that the older index has never heard of.
    for source in after.into_iter().flat_map(|m| m.source().concepts()) {
        if before.is_none_or(|m| m.source().concept(source.code()).is_none()) {
            diff.added.extend(after.into_iter().flat_map(|m| m.rows_of(source)));
        }
    }
    diff
}

fn rows_of_code<'i>(map: Option<ConceptMap<'i>>, code: &str) -> Vec<Row<'i>> {
    map.and_then(|m| Some(m.rows_of(m.source().concept(code)?).collect())).unwrap_or_default()
}

/// What makes a row the same row in another version.
fn place(row: Row<'_>) -> (Option<&str>, u16, u16) {
    (row.target().map(|c| c.code()), row.scenario(), row.group())
}

/// What else two rows say differently, but for the line they stand in.
fn differences(a: Row<'_>, b: Row<'_>) -> Vec<&'static str> {
    let (x, y) = (a.detail(), b.detail());
    let checks = [
        ("relationship", a.relationship() != b.relationship()),
        ("flags", a.gem_flags() != b.gem_flags()),
        ("priority", a.priority() != b.priority()),
        ("rule", x.rule != y.rule),
        ("advice", x.advice != y.advice),
        ("correlation", x.correlation != y.correlation),
        ("category", x.category != y.category),
        ("comment", x.comment != y.comment),
        ("product", x.product != y.product),
        ("displays", (x.source_display, x.target_display) != (y.source_display, y.target_display)),
        ("times", (x.from, x.to) != (y.from, y.to)),
        ("usage", x.usage != y.usage),
        ("spelling", (x.source_as_written, x.target_as_written) != (y.source_as_written, y.target_as_written)),
    ];
    checks.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}
