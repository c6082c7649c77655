//! What changed from one run to another, code by code.

use super::Document;
use crate::engine::TargetState;
use crate::job::Error;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub system: String,
    pub code: String,
    /// Outcome and target, as `approximate I10`; with how often, where one code became several things (on several days, say). Empty if the
    /// run did not have the code.
    pub before: String,
    pub after: String,
    pub count_before: u64,
    pub count_after: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Codes of both runs that became something else, the most frequent first.
    pub changed: Vec<Change>,
    pub only_before: Vec<Change>,
    pub only_after: Vec<Change>,
    /// Codes of both runs that became the same.
    pub same: u64,
    /// Those of them that came more or less often.
    pub other_counts: u64,
    /// Before and after: what stood in code columns and is no code, but a text that a report only describes.
    pub not_compared: (u64, u64),
    /// Before and after: records in, out, rejected.
    pub records: [(u64, u64); 3],
    /// By outcome: before and after.
    pub outcomes: BTreeMap<String, (u64, u64)>,
    /// Columns with unsettled codes that other things were written for: `blank` before, `source` after.
    pub unsettled: BTreeMap<String, (String, String)>,
}

impl Diff {
    /// Nothing became something else, codes and records came as often, and the same was written for them, as far as that can be seen.
    pub fn is_none(&self) -> bool {
        let lists = [&self.changed, &self.only_before, &self.only_after];
        let counts = self.records.iter().chain([&self.not_compared]).chain(self.outcomes.values());
        let is_written_alike = self.unsettled.is_empty() && self.other_counts == 0;
        is_written_alike && lists.iter().all(|list| list.is_empty()) && counts.into_iter().all(|(before, after)| before == after)
    }
}

/// By system and code: what it became, and how often.
type Codes = BTreeMap<(String, String), BTreeMap<String, u64>>;

fn read(folder: &Path, not_compared: &mut u64, outcomes: &mut dyn FnMut(&str, u64)) -> Result<Codes, Error> {
    let path = folder.join("codes.csv");
    let wrong = |e: csv::Error| Error::Unsupported { what: format!("{}: {e}", path.display()) };
    let mut reader = csv::Reader::from_path(&path).map_err(wrong)?;
    let mut codes = Codes::new();
    for row in reader.records() {
        let row = row.map_err(wrong)?;
        let get = |i: usize| row.get(i).unwrap_or_default().to_owned();
        let count: u64 = get(7).parse().unwrap_or(0);
        outcomes(&get(2), count);
        // Two texts of one length look alike here.
        if get(1).starts_with("(text of ") || get(1) == "(others)" {
            *not_compared += count;
            continue;
        }
        // That there is no target may have been settled.
        let target = if get(3).is_empty() && !get(6).is_empty() { format!("by {}", get(6)) } else { get(3) };
        let state = if get(8).split(' ').all(|s| s.is_empty() || s == TargetState::Valid.code()) { "" } else { &format!(" ({})", get(8)) };
        let becomes = format!("{} {target}{state}", get(2));
        *codes.entry((get(0), get(1))).or_default().entry(becomes.trim().to_owned()).or_default() += count;
    }
    Ok(codes)
}

/// What a code became, in a line.
fn in_words(becomes: &BTreeMap<String, u64>) -> String {
    let is_one = becomes.len() == 1;
    let each = becomes.iter().map(|(what, n)| if is_one { what.clone() } else { format!("{what} ({n})") });
    each.collect::<Vec<_>>().join("; ")
}

/// Columns of both runs with codes that nobody settled, and what was written for these.
fn unsettled(before: &Document, after: &Document) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    for a in &before.columns {
        if let Some(b) = after.columns.iter().find(|b| b.column == a.column)
            && a.unsettled != b.unsettled
            // An earlier xwalk did not say.
            && ![&a.unsettled, &b.unsettled].iter().any(|what| what.is_empty())
            && [a, b].iter().any(|c| c.settled < c.codes)
        {
            found.insert(a.column.clone(), (a.unsettled.clone(), b.unsettled.clone()));
        }
    }
    found
}

/// Compares the reports of two runs.
pub fn diff(before: &Path, after: &Path) -> Result<Diff, Error> {
    let [x, y] = [super::sign::document(before)?, super::sign::document(after)?];
    let (a, b) = (&x.records, &y.records);
    let records = [(a.came, b.came), (a.went, b.went), (a.rejected, b.rejected)];
    let mut diff = Diff { records, unsettled: unsettled(&x, &y), ..Diff::default() };
    let mut outcomes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let a = read(before, &mut diff.not_compared.0, &mut |o, n| outcomes.entry(o.to_owned()).or_default().0 += n)?;
    let b = read(after, &mut diff.not_compared.1, &mut |o, n| outcomes.entry(o.to_owned()).or_default().1 += n)?;
    let change = |key: &(String, String), x: Option<&BTreeMap<String, u64>>, y: Option<&BTreeMap<String, u64>>| Change {
        system: key.0.clone(),
        code: key.1.clone(),
        before: x.map_or_else(String::new, in_words),
        after: y.map_or_else(String::new, in_words),
        count_before: x.map_or(0, |x| x.values().sum()),
        count_after: y.map_or(0, |y| y.values().sum()),
    };
    for (key, x) in &a {
        match b.get(key) {
            None => diff.only_before.push(change(key, Some(x), None)),
            Some(y) if x == y => diff.same += 1,
            Some(y) if x.len() == 1 && x.keys().eq(y.keys()) => {
                diff.same += 1;
                diff.other_counts += 1;
            }
            // Of a code that became several things, more records became another.
            Some(y) => diff.changed.push(change(key, Some(x), Some(y))),
        }
    }
    diff.only_after = b.iter().filter(|(key, _)| !a.contains_key(*key)).map(|(key, y)| change(key, None, Some(y))).collect();
    for list in [&mut diff.changed, &mut diff.only_before, &mut diff.only_after] {
        list.sort_by_key(|c| std::cmp::Reverse(c.count_before.max(c.count_after)));
    }
    diff.outcomes = outcomes;
    Ok(diff)
}
