//! What each column holds.

use super::Gathered;
use super::damage::{self, Damage};
use super::evidence::{self, Codes, Evidence};
use super::sketch::Sketch;
use crate::engine::{Engine, Sex};
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// What stands between several codes in a cell.
    pub split: Option<char>,
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
/// Where every value comes once.
const NEARLY_ALL: f64 = 0.85;
/// Where cells were parted, which makes codes of much.
const MOSTLY: f64 = 0.75;
/// Cells are parted only if that explains more.
const SLIGHTLY: f64 = 0.01;
/// What people put between several codes of a cell.
const SPLITS: [char; 6] = [';', '|', ',', '^', '~', ' '];
/// In bytes, with what stands around it.
const LONGEST_CODE: usize = 24;

pub(super) fn describe(engine: &Engine, gathered: &Gathered) -> Vec<Column> {
    (0..gathered.names.len()).map(|at| column(engine, gathered, at)).collect()
}

fn column(engine: &Engine, gathered: &Gathered, at: usize) -> Column {
    let sketch = &gathered.sketches[at];
    let values = sketch.values();
    let (distinct, distinct_exact) = sketch.distinct();
    let mut kind = plain_kind(sketch, &values, distinct, distinct_exact);
    let (mut evidence, mut system, mut doubtful, mut split, mut told_apart_by) = (Vec::new(), None, false, None, None);
    let mut found = Vec::new();
    let read =
        if matches!(kind, Kind::Category | Kind::Number | Kind::Other | Kind::Key) { as_codes(engine, sketch, &values) } else { None };
    if let Some(read) = read {
        let all = &read.evidence;
        let best = read.score();
        // Another system has part of the column for itself: not the next best, which may only be like the best.
        let rival = all.iter().skip(1).max_by(|a, b| a.only_here.total_cmp(&b.only_here));
        let next = all.get(1);
        let mixed = rival.is_some_and(|r| r.only_here >= 0.1);
        let likely = if kind == Kind::Key {
            // Each once, as in a list of codes; but numbers in a row are ids.
            best >= NEARLY_ALL && !read.are_numbers()
        } else {
            best >= if read.split.is_some() { MOSTLY } else { LIKELY } || (mixed && best + rival.map_or(0.0, |r| r.only_here) >= 0.8)
        };
        if likely {
            kind = Kind::Code;
            split = read.split;
            system = all.first().map(|e| e.system.clone());
            doubtful = mixed || next.is_some_and(|r| best - r.score() < CLEARLY);
            if let (true, Some(rival)) = (mixed, rival) {
                told_apart_by = told_apart(engine, gathered, at, split, [&all[0].system, &rival.system]);
            }
            found = damage::of_texts(&read.values, true);
            found.extend(damage::of_codes(&read.values, &read.codes, &all[0], mixed));
            evidence = read.evidence;
        }
    }
    if kind != Kind::Code {
        found = damage::of_texts(&values, false);
    }
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
        split,
        told_apart_by,
        evidence,
        damage: found,
    }
}

/// The values of a column read as codes, one in a cell or several.
struct Read<'v, 'e> {
    split: Option<char>,
    /// With their rows, the most frequent first.
    values: Vec<(&'v [u8], u64)>,
    codes: Codes<'e>,
    evidence: Vec<Evidence>,
}

impl<'v, 'e> Read<'v, 'e> {
    fn new(engine: &'e Engine, values: Vec<(&'v [u8], u64)>, split: Option<char>) -> Read<'v, 'e> {
        let codes = evidence::codes(engine, &values);
        let evidence = codes.evidence();
        Read { split, values, codes, evidence }
    }

    fn score(&self) -> f64 {
        self.evidence.first().map_or(0.0, Evidence::score)
    }

    fn are_numbers(&self) -> bool {
        let numbers = self.values.iter().filter(|(value, _)| value.iter().all(u8::is_ascii_digit)).count();
        numbers * 2 > self.values.len()
    }
}

/// The reading as codes that explains most: the whole cells, unless what stands between some character does so better.
fn as_codes<'v, 'e>(engine: &'e Engine, sketch: &Sketch, values: &[(&'v [u8], u64)]) -> Option<Read<'v, 'e>> {
    let whole = (sketch.longest <= LONGEST_CODE).then(|| Read::new(engine, values.to_vec(), None));
    let rows: u64 = values.iter().map(|(_, n)| n).sum();
    let has = |c: char| move |value: &[u8]| value.trim_ascii().contains(&(c as u8));
    let often = |c: &char| values.iter().filter(|(value, _)| has(*c)(value)).map(|(_, n)| n).sum::<u64>() * 100 >= rows.max(1);
    let several = SPLITS.into_iter().filter(often).map(|c| Read::new(engine, parts(values, c), Some(c)));
    whole.into_iter().chain(several).reduce(|best, next| if next.score() > best.score() + SLIGHTLY { next } else { best })
}

/// What stands between some character, with the rows it is in, the most frequent first.
fn parts<'v>(values: &[(&'v [u8], u64)], split: char) -> Vec<(&'v [u8], u64)> {
    let mut counts: BTreeMap<&[u8], u64> = BTreeMap::new();
    for (value, rows) in values {
        for part in value.split(|b| *b == split as u8).map(<[u8]>::trim_ascii).filter(|part| !part.is_empty()) {
            *counts.entry(part).or_default() += rows;
        }
    }
    let mut parts: Vec<_> = counts.into_iter().collect();
    parts.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    parts
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
fn told_apart(engine: &Engine, gathered: &Gathered, at: usize, split: Option<char>, systems: [&String; 2]) -> Option<ToldApart> {
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
    let first = |cell: &'_ str| split.map_or(cell.len(), |c| cell.find(c).unwrap_or(cell.len()));
    let sides: Vec<(usize, usize)> = gathered
        .first
        .iter()
        .enumerate()
        .filter_map(|(i, row)| row.get(at).and_then(|cell| Some((i, side(&cell[..first(cell)])?))))
        .collect();
    for (other, name) in gathered.names.iter().enumerate().filter(|(other, _)| *other != at) {
        if gathered.sketches[other].distinct().0 > 6 {
            continue;
        }
        let mut counts: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for &(row, side) in &sides {
            if let Some(value) = gathered.first[row].get(other).filter(|v| !v.is_empty()) {
                counts.entry(value).or_default()[side] += 1;
            }
        }
        // A few days of service part old codes from new ones too, until the next day comes.
        if counts.keys().all(|value| crate::job::facts::date(value).is_some()) {
            continue;
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
