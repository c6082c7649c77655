//! Codes of several systems in one column, and the column that tells them apart.

use super::Gathered;
use crate::engine::Engine;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToldApart {
    pub column: String,
    /// Value and system.
    pub values: Vec<(String, String)>,
    /// Values that stand beside codes of several systems: nobody knows what they mean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
}

/// More values than there are systems to tell apart.
const MOST_VALUES: u64 = 6;
/// So many of the codes beside a value have to be of its system, and so many of all codes beside a value that has one.
const NEARLY_ALL: f64 = 0.95;

/// The column whose few values say best which of some systems a code is of, if there is one that nearly always does.
pub(super) fn told_apart(engine: &Engine, gathered: &Gathered, at: usize, split: Option<char>, systems: &[&String]) -> Option<ToldApart> {
    let handles = systems.iter().map(|s| engine.system(s).ok()).collect::<Option<Vec<_>>>()?;
    // Only codes that are of one of them and not of the others say anything.
    let only = |code: &str| {
        let mut of = (0..handles.len()).filter(|&i| engine.lookup(handles[i], code, None).concept.is_some());
        of.next().filter(|_| of.next().is_none())
    };
    let first = |cell: &str| split.map_or(cell.len(), |c| cell.find(c).unwrap_or(cell.len()));
    let codes = gathered.drawn.iter().enumerate().filter_map(|(row, cells)| cells.get(at).and_then(|c| Some((row, only(&c[..first(c)])?))));
    let codes: Vec<(usize, usize)> = codes.collect();
    let mut best: Option<(u64, ToldApart)> = None;
    for (other, name) in gathered.names.iter().enumerate().filter(|(other, _)| *other != at) {
        let (distinct, _) = gathered.sketches[other].distinct();
        // What comes once says what its record is, and nothing of the next.
        if distinct > MOST_VALUES || distinct == gathered.sketches[other].filled {
            continue;
        }
        let mut counts: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for &(row, system) in &codes {
            if let Some(value) = gathered.drawn[row].get(other).filter(|v| !v.is_empty()) {
                counts.entry(value).or_insert_with(|| vec![0; systems.len()])[system] += 1;
            }
        }
        // A few days or years of service part old codes from new ones too, until the next one comes.
        if counts.keys().all(|value| crate::job::facts::date(value).is_some() || is_year(value)) {
            continue;
        }
        let (mut values, mut unclear, mut right) = (Vec::new(), Vec::new(), 0);
        for (value, counts) in counts {
            let system = (0..systems.len()).max_by_key(|&i| counts[i]).unwrap_or(0);
            if counts[system] as f64 >= NEARLY_ALL * counts.iter().sum::<u64>() as f64 {
                right += counts[system];
                values.push((value.to_owned(), systems[system].clone()));
            } else {
                unclear.push(value.to_owned());
            }
        }
        let all_are_there = systems.iter().all(|system| values.iter().any(|(_, s)| s == *system));
        let is_better = best.as_ref().is_none_or(|(most, _)| right > *most);
        if all_are_there && is_better && right as f64 >= NEARLY_ALL * codes.len() as f64 {
            best = Some((right, ToldApart { column: name.clone(), values, unclear }));
        }
    }
    best.map(|(_, found)| found)
}

/// `2015`; as a number with a part too (`2015.0`).
fn is_year(value: &str) -> bool {
    value.strip_suffix(".0").unwrap_or(value).parse().is_ok_and(|year: u16| (1900..2100).contains(&year))
}
