//! What changed from one run to another, code by code.

use crate::job::Error;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub system: String,
    pub code: String,
    /// Outcome and target, as `approximate I10`; empty if the run did not have the code.
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
    /// Before and after: what stood in code columns and is no code, but a text that a report only describes.
    pub not_compared: (u64, u64),
    /// Before and after: records in, out, rejected.
    pub records: [(u64, u64); 3],
    /// By outcome: before and after.
    pub outcomes: BTreeMap<String, (u64, u64)>,
}

impl Diff {
    /// Nothing became something else, and no record came or went, as far as that can be seen.
    pub fn is_none(&self) -> bool {
        let lists = [&self.changed, &self.only_before, &self.only_after];
        let counts = self.records.iter().chain([&self.not_compared]);
        lists.iter().all(|list| list.is_empty()) && counts.into_iter().all(|(before, after)| before == after)
    }
}

type Codes = BTreeMap<(String, String), (Vec<String>, u64)>;

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
        let entry = codes.entry((get(0), get(1))).or_default();
        entry.0.push(format!("{} {}", get(2), get(3)).trim().to_owned());
        entry.1 += count;
    }
    for (becomes, _) in codes.values_mut() {
        becomes.sort();
        becomes.dedup();
    }
    Ok(codes)
}

/// Compares the reports of two runs.
pub fn diff(before: &Path, after: &Path) -> Result<Diff, Error> {
    let [a, b] = [super::sign::document(before)?.records, super::sign::document(after)?.records];
    let records = [(a.came, b.came), (a.went, b.went), (a.rejected, b.rejected)];
    let mut diff = Diff { records, ..Diff::default() };
    let mut outcomes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let a = read(before, &mut diff.not_compared.0, &mut |o, n| outcomes.entry(o.to_owned()).or_default().0 += n)?;
    let b = read(after, &mut diff.not_compared.1, &mut |o, n| outcomes.entry(o.to_owned()).or_default().1 += n)?;
    let change = |key: &(String, String), x: Option<&(Vec<String>, u64)>, y: Option<&(Vec<String>, u64)>| Change {
        system: key.0.clone(),
        code: key.1.clone(),
        before: x.map_or_else(String::new, |x| x.0.join("; ")),
        after: y.map_or_else(String::new, |y| y.0.join("; ")),
        count_before: x.map_or(0, |x| x.1),
        count_after: y.map_or(0, |y| y.1),
    };
    for (key, x) in &a {
        match b.get(key) {
            None => diff.only_before.push(change(key, Some(x), None)),
            Some(y) if x.0 == y.0 => diff.same += 1,
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
