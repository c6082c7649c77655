//! What each column holds.

use super::Gathered;
use super::damage::{self, Damage};
use super::evidence::{self, Evidence};
use super::sketch::Sketch;
use crate::engine::{Engine, Sex};
use serde::Serialize;

/// What a column most likely holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Empty,
    /// Codes of a system; which, says the evidence.
    Code,
    Date,
    Sex,
    /// One value for (nearly) every record.
    Key,
    Number,
    /// Words: a candidate for search.
    Text,
    /// A few values that come again and again.
    Category,
    Other,
}

impl Kind {
    pub fn code(self) -> &'static str {
        match self {
            Kind::Empty => "empty",
            Kind::Code => "code",
            Kind::Date => "date",
            Kind::Sex => "sex",
            Kind::Key => "key",
            Kind::Number => "number",
            Kind::Text => "text",
            Kind::Category => "category",
            Kind::Other => "other",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub filled: u64,
    pub blank: u64,
    pub distinct: u64,
    /// Counted, not estimated.
    pub distinct_exact: bool,
    /// In bytes.
    pub longest: usize,
    /// The system that the evidence speaks for, if there is one.
    pub system: Option<String>,
    /// Another explains the values nearly as well, or part of them is of another: a person has to say.
    pub doubtful: bool,
    /// Two systems in one column, told apart by the column named here and what its values mean.
    pub told_apart_by: Option<ToldApart>,
    pub evidence: Vec<Evidence>,
    pub damage: Vec<Damage>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToldApart {
    pub column: String,
    /// Value and system.
    pub values: Vec<(String, String)>,
}

/// A system has to explain so much of a column to be named.
const LIKELY: f64 = 0.5;
/// A rival is no rival if it explains so much less.
const CLEARLY: f64 = 0.1;

pub(super) fn describe(engine: &Engine, gathered: &Gathered) -> Vec<Column> {
    (0..gathered.names.len()).map(|at| column(engine, gathered, at)).collect()
}

fn column(engine: &Engine, gathered: &Gathered, at: usize) -> Column {
    let sketch = &gathered.sketches[at];
    let values = sketch.values();
    let (distinct, distinct_exact) = sketch.distinct();
    let mut kind = plain_kind(sketch, &values, distinct, distinct_exact);
    let (mut evidence, mut system, mut doubtful, mut told_apart_by) = (Vec::new(), None, false, None);
    let mut found = Vec::new();
    if matches!(kind, Kind::Category | Kind::Number | Kind::Other) && sketch.longest <= 24 {
        let codes = evidence::codes(engine, &values);
        let all = codes.evidence();
        let best = all.first().map_or(0.0, Evidence::score);
        // Another system has part of the column for itself: not the next best, which may only be like the best.
        let rival = all.iter().skip(1).max_by(|a, b| a.only_here.total_cmp(&b.only_here));
        let next = all.get(1);
        let mixed = rival.is_some_and(|r| r.only_here >= 0.1);
        if best >= LIKELY || (mixed && best + rival.map_or(0.0, |r| r.only_here) >= 0.8) {
            kind = Kind::Code;
            system = all.first().map(|e| e.system.clone());
            doubtful = mixed || next.is_some_and(|r| best - r.score() < CLEARLY);
            if let (true, Some(rival)) = (mixed, rival) {
                told_apart_by = told_apart(engine, gathered, at, [&all[0].system, &rival.system]);
            }
            found = damage::of_codes(&values, &codes, &all[0], mixed);
            evidence = all;
        }
    }
    found.splice(0..0, damage::of_texts(&values, kind == Kind::Code));
    Column {
        name: gathered.names[at].clone(),
        kind,
        filled: sketch.filled,
        blank: sketch.blank,
        distinct,
        distinct_exact,
        longest: sketch.longest,
        system,
        doubtful,
        told_apart_by,
        evidence,
        damage: found,
    }
}

/// What a column holds as far as its values alone say.
fn plain_kind(sketch: &Sketch, values: &[(&[u8], u64)], distinct: u64, exact: bool) -> Kind {
    let looked_at: u64 = values.iter().map(|(_, n)| n).sum();
    let share = |fits: &dyn Fn(&str) -> bool| {
        let rows: u64 = values.iter().filter(|(v, _)| std::str::from_utf8(v).is_ok_and(|v| fits(v.trim()))).map(|(_, n)| n).sum();
        rows as f64 / looked_at.max(1) as f64
    };
    let digits = |v: &str| v.bytes().all(|b| b.is_ascii_digit());
    // An estimate is off by some percent; ids that come once are not codes, which come again and again.
    let unique = if exact { distinct == sketch.filled } else { distinct as f64 > 0.9 * sketch.filled as f64 };
    if sketch.filled == 0 {
        Kind::Empty
    } else if share(&|v| crate::job::facts::date(v).is_some()) >= 0.95 {
        Kind::Date
    } else if distinct <= 6 && share(&|v| v.parse::<f64>().is_err() && Sex::parse(v).is_some()) >= 0.95 {
        Kind::Sex
    } else if unique && sketch.filled >= 20 {
        if share(&is_words) >= 0.5 { Kind::Text } else { Kind::Key }
    } else if share(&is_words) >= 0.5 {
        Kind::Text
    } else if !exact && share(&digits) >= 0.95 && distinct > 50_000 {
        // More numbers than any table of numeric codes has.
        Kind::Number
    } else if share(&|v| v.parse::<f64>().is_ok()) >= 0.95 {
        Kind::Number
    } else if distinct <= 50 {
        Kind::Category
    } else {
        Kind::Other
    }
}

fn is_words(value: &str) -> bool {
    value.split_whitespace().filter(|w| w.chars().filter(|c| c.is_alphabetic()).count() >= 3).count() >= 2
}

/// The column whose few values say which of two systems a code is of, if there is one that nearly always does.
fn told_apart(engine: &Engine, gathered: &Gathered, at: usize, systems: [&String; 2]) -> Option<ToldApart> {
    let handles = [engine.system(systems[0]).ok()?, engine.system(systems[1]).ok()?];
    // Only codes that are of one of the two and not of the other say anything.
    let side = |value: &str| {
        let is = handles.map(|s| engine.lookup(s, value, None).concept.is_some());
        match is {
            [true, false] => Some(0),
            [false, true] => Some(1),
            _ => None,
        }
    };
    let sides: Vec<(usize, usize)> =
        gathered.first.iter().enumerate().filter_map(|(i, row)| Some((i, side(row.get(at)?.as_str())?))).collect();
    for (other, name) in gathered.names.iter().enumerate().filter(|(other, _)| *other != at) {
        if gathered.sketches[other].distinct().0 > 6 {
            continue;
        }
        let mut counts: std::collections::BTreeMap<&str, [u64; 2]> = std::collections::BTreeMap::new();
        for &(row, side) in &sides {
            if let Some(value) = gathered.first[row].get(other).filter(|v| !v.is_empty()) {
                counts.entry(value).or_default()[side] += 1;
            }
        }
        let right: u64 = counts.values().map(|c| c[0].max(c[1])).sum();
        let both = [0, 1].iter().all(|&s| counts.values().any(|c| c[s] > c[1 - s]));
        if both && right as f64 >= 0.95 * sides.len() as f64 {
            let values = counts.iter().map(|(v, c)| ((*v).to_owned(), systems[usize::from(c[1] > c[0])].clone()));
            return Some(ToldApart { column: name.clone(), values: values.collect() });
        }
    }
    None
}
