//! What is odd in the rows of one map: rows that say the same twice, rows that contradict each other, codes that no loaded release has.
//!
//! Readers judge rows one by one; only here all rows of a source stand together, whichever files they came from, and the code systems are
//! known. Rows of a GEM are judged against each other by their reader, and those of a succession may repeat: one table names ranges.

use super::arena::hash;
use super::map::ReadRow;
use super::system::Places;
use crate::index::NONE;
use crate::model::{MapKind, Relationship};
use crate::read::{Finding, Severity};
use hashbrown::HashTable;

/// So many findings of a kind are told one by one.
const SHOWN: usize = 10;

/// Merges the rows that repeat another, and says so; says which rows contradict another. The rows are sorted by source.
pub(super) fn against_each_other(
    kind: MapKind,
    files: &[String],
    rows: &mut Vec<ReadRow>,
    sources: &Places,
    targets: &Places,
) -> Vec<Finding> {
    if !matches!(kind, MapKind::Table | MapKind::Rules) {
        return Vec::new();
    }
    let mut repeated = Kind::new("rows that stand twice", "merged into one; remove the repetition");
    let mut weighed =
        Kind::new("rows that stand twice with different weights", "merged into the one of the greatest weight; keep the one that is right");
    let mut denied =
        Kind::new("rows that are denied by others", "the assertion is offered and never automatic; keep the one that is right");
    let mut unlike =
        Kind::new("rows of which others say another strength", "they answer as one, merely related; keep the one that is right");
    let mut holes = Kind::new("rows beside a declared hole", "the targets answer; keep what is right");
    let mut merged = vec![false; rows.len()];
    let mut start = 0;
    for of_one in rows.chunk_by(|a, b| a.record.source == b.record.source) {
        let first = start;
        start += of_one.len();
        if of_one.len() == 1 {
            continue;
        }
        let source = || sources.code(of_one[0].record.source.get());
        let at = |row: &ReadRow| match files.get(usize::from(row.file)).filter(|_| files.len() > 1) {
            Some(file) => format!("line {} of {file}", row.at[1].0),
            None => format!("line {}", row.at[1].0),
        };
        let to = |row: &ReadRow| match row.record.target.get() {
            NONE => "has no target".to_owned(),
            target => format!("to {}", targets.code(target)),
        };
        let mut seen: HashTable<usize> = HashTable::new();
        for (i, row) in of_one.iter().enumerate() {
            let Some(known) = seen.find_mut(hash(key(kind, row)), |&k| key(kind, &of_one[k]) == key(kind, row)) else {
                seen.insert_unique(hash(key(kind, row)), i, |&k| hash(key(kind, &of_one[k])));
                continue;
            };
            let before = &of_one[*known];
            if before.record.relationship == row.record.relationship || row.record.target.get() == NONE {
                let heavier = row.usage > before.usage;
                let dropped = if heavier { std::mem::replace(known, i) } else { i };
                merged[first + dropped] = true;
                if row.usage == before.usage {
                    repeated.say(row, || format!("{} {} stands in {} already", source(), to(row), at(before)));
                } else {
                    let weights = format!("with weight {}, {} here", before.usage, row.usage);
                    weighed.say(row, || format!("{} {} stands in {} already, {weights}", source(), to(row), at(before)));
                }
            } else if denies(before) || denies(row) {
                denied.say(row, || format!("{} {} is denied here or in {}, and asserted in the other", source(), to(row), at(before)));
            } else {
                unlike.say(row, || format!("{} {} has another strength in {}", source(), to(row), at(before)));
            }
        }
        let hole = of_one.iter().find(|row| row.record.target.get() == NONE).filter(|_| kind == MapKind::Table);
        let target = |hole: &ReadRow| of_one.iter().find(|row| row.record.target.get() != NONE && row.holds == hole.holds && !denies(row));
        if let Some((hole, target)) = hole.and_then(|hole| Some((hole, target(hole)?))) {
            holes.say(hole, || format!("{} has no target here, and one in {}", source(), at(target)));
        }
    }
    let mut merged = merged.into_iter();
    rows.retain(|_| !merged.next().unwrap_or_default());
    let warnings = [repeated, denied, unlike, holes].into_iter().flat_map(|kind| kind.finish(files, Severity::Warning));
    // Several rows of one pair, each with its own evidence, are how SSSOM is meant to be written.
    warnings.chain(weighed.finish(files, Severity::Note)).collect()
}

/// What tells the rows of one source apart. The priority does so only where it is the order of rules.
fn key(kind: MapKind, row: &ReadRow) -> (u32, u16, u16, u16, u32) {
    let r = &row.record;
    let priority = if kind == MapKind::Rules { r.priority.get() } else { 0 };
    (r.target.get(), r.scenario.get(), r.group.get(), priority, row.holds)
}

fn denies(row: &ReadRow) -> bool {
    row.record.relationship == Relationship::NotRelatedTo as u8
}

/// Rows that name a code which no loaded release lists. They stay, and every answer with such a code says so. The codes of a GEM and of a
/// succession are those of its own time: a GEM of 2013 beside releases of today has thousands, and nothing is wrong with them.
pub(super) fn unlisted(kind: MapKind, files: &[String], rows: &[ReadRow], sources: &Places, targets: &Places) -> Vec<Finding> {
    let mut unlisted =
        Kind::new("rows name codes that are in no loaded release", "correct the code, or load the release that has it, if there is one");
    for row in rows {
        let r = &row.record;
        let ends = [sources.unlisted.get(&r.source.get()), targets.unlisted.get(&r.target.get())];
        if let Some((code, at)) = ends.into_iter().zip(row.at).find_map(|(code, at)| Some((code?, at))) {
            unlisted.say_at(row.file, at, || format!("{code} is in no loaded release"));
        }
    }
    let of_its_own_time = matches!(kind, MapKind::Gem | MapKind::Succession);
    unlisted.finish(files, if of_its_own_time { Severity::Note } else { Severity::Warning })
}

/// Findings of one kind: the first ones in the order of files and lines, and how many there are.
struct Kind {
    name: &'static str,
    mend: &'static str,
    count: usize,
    /// File, line, column, what.
    first: Vec<(u16, u32, u32, String)>,
}

impl Kind {
    fn new(name: &'static str, mend: &'static str) -> Kind {
        Kind { name, mend, count: 0, first: Vec::new() }
    }

    /// At the target.
    fn say(&mut self, row: &ReadRow, what: impl FnOnce() -> String) {
        self.say_at(row.file, row.at[1], what);
    }

    /// Rows come by their sources, findings go by their lines. Words are made only for those that are told.
    fn say_at(&mut self, file: u16, (line, column): (u32, u32), what: impl FnOnce() -> String) {
        self.count += 1;
        let place = self.first.partition_point(|(f, l, c, _)| (*f, *l, *c) <= (file, line, column));
        if place < SHOWN {
            self.first.truncate(SHOWN - 1);
            self.first.insert(place, (file, line, column, what()));
        }
    }

    fn finish(self, files: &[String], severity: Severity) -> Vec<Finding> {
        let say = |file: u16, line: u32, column, what| {
            let file = files.get(usize::from(file)).cloned().unwrap_or_default();
            Finding { file, line: line.into(), column, severity, what, mend: self.mend.to_owned() }
        };
        let more = self.count - self.first.len();
        let last = self.first.last().map_or(0, |(file, ..)| *file);
        let mut findings: Vec<Finding> = self.first.into_iter().map(|(file, line, column, what)| say(file, line, column, what)).collect();
        if more > 0 {
            findings.push(say(last, 0, 0, format!("{more} more {}", self.name)));
        }
        findings
    }
}
