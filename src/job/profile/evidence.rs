//! Which code system a column's values are of. A bare code never decides that: 500 strings are codes of both ICD-9-CM and ICD-10-CM. So
//! all systems are asked, and what tells them apart is said.

use crate::engine::{Engine, RepairKind};
use crate::index::{CodeSystem, Concept};
use crate::model::{Date, Status};
use serde::Serialize;
use std::collections::BTreeMap;

/// Distinct values that are looked at.
const LOOKED_AT: usize = 1000;
/// So many of these, half of them the most frequent, decide whether a system is worth asking about all.
const FIRST_LOOK: usize = 60;

/// What speaks for a code system. All shares are of rows, 0 to 1; estimated, where not all values were looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    pub system: String,
    /// Are codes of it, repaired ones included.
    pub codes: f64,
    /// Of the distinct values.
    pub codes_distinct: f64,
    /// Are codes of it after a repair other than the dot.
    pub repaired: f64,
    /// Are codes of it and of no other system.
    pub only_here: f64,
    /// May be recorded: no headers.
    pub recordable: f64,
    /// May be recorded, and every digit and letter of it stands there.
    pub sound: f64,
    /// Valid when each loaded release began, or, where that is not known, when it ended.
    pub valid: Vec<ValidOn>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ValidOn {
    pub release: String,
    pub share: f64,
}

impl Evidence {
    /// How well the system explains the column: headers and repairs count half.
    pub fn score(&self) -> f64 {
        self.codes - 0.5 * self.repaired - 0.5 * (self.codes - self.recordable)
    }
}

/// Whether a repair is one by which much becomes a code: what stands there is not what the code has.
fn is_of_digits(repair: &RepairKind) -> bool {
    matches!(repair, RepairKind::Letter | RepairKind::LeadingZero | RepairKind::TrailingZero | RepairKind::Padding)
}

/// The values of a column as codes.
pub(super) struct Codes<'e> {
    /// Rows of each value that was looked at.
    pub rows: Vec<u64>,
    /// By system: what each value is in it.
    pub systems: Vec<(CodeSystem<'e>, Vec<Option<Code<'e>>>)>,
}

pub(super) struct Code<'e> {
    pub concept: Concept<'e>,
    pub repairs: Vec<RepairKind>,
}

/// The values to look at, if there are many (the most frequent first): half of them the most frequent, half drawn from the others by lot,
/// with rows that stand for those of all others.
pub(super) fn sample<'v>(values: &[(&'v [u8], u64)]) -> Vec<(&'v [u8], u64)> {
    if values.len() <= LOOKED_AT {
        return values.to_vec();
    }
    let rows = |values: &[(&[u8], u64)]| values.iter().map(|(_, n)| n).sum::<u64>() as f64;
    let (frequent, others) = values.split_at(LOOKED_AT / 2);
    let mut drawn = others.to_vec();
    // Another hash than the one by which values were drawn before.
    drawn.sort_by_cached_key(|(value, _)| xxhash_rust::xxh3::xxh3_64_with_seed(value, 1));
    drawn.truncate(LOOKED_AT / 2);
    let stands_for = rows(others) / rows(&drawn).max(1.0);
    let drawn = drawn.into_iter().map(|(value, n)| (value, (n as f64 * stands_for).round() as u64));
    frequent.iter().copied().chain(drawn).collect()
}

/// Asks every system about some values.
pub(super) fn codes<'e>(engine: &'e Engine, values: &[(&[u8], u64)]) -> Codes<'e> {
    let texts: Vec<&str> = values.iter().map(|(v, _)| std::str::from_utf8(v).unwrap_or("")).collect();
    let ask = |system, text: &str| ask(engine, system, text);
    let frequent = FIRST_LOOK / 2;
    let others = (frequent..texts.len()).step_by((texts.len() / frequent).max(1));
    let first: Vec<usize> = (0..frequent.min(texts.len())).chain(others).collect();
    let rows = |of: &[usize]| of.iter().map(|&at| values[at].1).sum::<u64>();
    let mut systems = Vec::new();
    for system in engine.index().systems() {
        let hits: Vec<usize> = first.iter().copied().filter(|&at| ask(system, texts[at]).is_some()).collect();
        // A second system may have few of the values, or few of the rows.
        if hits.len() * 20 >= first.len().max(1) || rows(&hits) * 20 >= rows(&first).max(1) {
            systems.push((system, texts.iter().map(|t| ask(system, t)).collect()));
        }
    }
    Codes { rows: values.iter().map(|(_, n)| *n).collect(), systems }
}

fn ask<'e>(engine: &'e Engine, system: CodeSystem<'_>, text: &str) -> Option<Code<'e>> {
    let found = engine.lookup(system, text, None);
    let repairs = found.repairs.iter().map(|r| r.kind).collect();
    found.concept.filter(Concept::is_listed).map(|concept| Code { concept, repairs })
}

pub(super) fn is_code(engine: &Engine, system: CodeSystem<'_>, text: &str) -> bool {
    ask(engine, system, text).is_some()
}

impl Codes<'_> {
    /// The share of rows whose values are codes of any of some systems.
    pub fn of_any(&self, systems: &[&String]) -> f64 {
        let found: Vec<_> = self.systems.iter().filter(|(s, _)| systems.iter().any(|alias| *alias == s.alias())).map(|(_, f)| f).collect();
        let rows = self.rows.iter().enumerate().filter(|(i, _)| found.iter().any(|f| f[*i].is_some())).map(|(_, n)| n).sum::<u64>();
        rows as f64 / self.rows.iter().sum::<u64>().max(1) as f64
    }

    /// The evidence for each system, the best first.
    pub fn evidence(&self) -> Vec<Evidence> {
        let all: u64 = self.rows.iter().sum();
        let share = |rows: u64| rows as f64 / all.max(1) as f64;
        let mut evidence: Vec<Evidence> = self
            .systems
            .iter()
            .enumerate()
            .map(|(at, (system, found))| {
                let sum = |which: &dyn Fn(usize, &Code<'_>) -> bool| -> f64 {
                    let rows = found.iter().zip(&self.rows).enumerate();
                    share(rows.filter_map(|(i, (code, n))| code.as_ref().filter(|c| which(i, c)).map(|_| *n)).sum())
                };
                let elsewhere = |i: usize| self.systems.iter().enumerate().any(|(other, (_, f))| other != at && f[i].is_some());
                let valid = system.releases().iter().filter_map(|r| {
                    let day: Date = r.from.or(r.to)?;
                    Some(ValidOn { release: r.version.clone(), share: sum(&|_, c| c.concept.is_valid_on(Some(day))) })
                });
                Evidence {
                    system: system.alias().to_owned(),
                    codes: sum(&|_, _| true),
                    codes_distinct: found.iter().flatten().count() as f64 / found.len().max(1) as f64,
                    repaired: sum(&|_, c| c.repairs.iter().any(|r| *r != RepairKind::Dot)),
                    only_here: sum(&|i, _| !elsewhere(i)),
                    recordable: sum(&|_, c| c.concept.status() != Some(Status::Header)),
                    sound: sum(&|_, c| c.concept.status() != Some(Status::Header) && !c.repairs.iter().any(is_of_digits)),
                    valid: valid.collect(),
                }
            })
            .collect();
        evidence.sort_by(|a, b| b.score().total_cmp(&a.score()));
        evidence
    }

    /// Rows and distinct values by kind of repair, in a system; `None` stands for headers.
    pub fn repairs(&self, system: &str) -> BTreeMap<Option<&'static str>, (u64, u64)> {
        let mut kinds: BTreeMap<Option<&'static str>, (u64, u64)> = BTreeMap::new();
        let mut count = |kind, rows: u64| {
            let entry = kinds.entry(kind).or_default();
            *entry = (entry.0 + rows, entry.1 + 1);
        };
        for (_, found) in self.systems.iter().filter(|(s, _)| s.alias() == system) {
            for (code, rows) in found.iter().zip(&self.rows) {
                let Some(code) = code else { continue };
                code.repairs.iter().for_each(|kind| count(Some(kind.code()), *rows));
                if code.concept.status() == Some(Status::Header) {
                    count(None, *rows);
                }
            }
        }
        kinds
    }
}
