//! What each column holds.

use super::apart::{ToldApart, told_apart};
use super::damage::{self, Damage};
use super::dates::OnTheDay;
use super::evidence::{self, Codes, Evidence};
use super::sketch::Sketch;
use super::{Gathered, dates, numbers};
use crate::engine::{Age, Engine, Sex};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a column most likely holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Empty,
    /// Of a type that has no text (a struct in Parquet or Arrow), or bytes that are none.
    NotLookedAt,
    /// Codes of a system; which, says the evidence.
    Code,
    Date,
    Sex,
    Age,
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
            Kind::NotLookedAt => "not-looked-at",
            Kind::Code => "code",
            Kind::Date => "date",
            Kind::Sex => "sex",
            Kind::Age => "age",
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
    /// A person has to say whether they are its codes.
    pub doubtful: bool,
    /// Why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// Where not all values were held against the systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<LookedAt>,
    /// What stands between several codes in a cell.
    pub split: Option<char>,
    /// Several systems in one column, told apart by the column named here and what its values mean.
    pub told_apart_by: Option<ToldApart>,
    /// How many of the codes are valid on the day that the record has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_the_day: Option<OnTheDay>,
    /// The share of rows that are meant to hold something: no placeholders.
    #[serde(skip)]
    pub(super) meant: f64,
    pub evidence: Vec<Evidence>,
    pub damage: Vec<Damage>,
}

/// So many distinct values of so many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LookedAt {
    pub values: u64,
    pub of: u64,
}

impl LookedAt {
    /// `None`: all of them.
    fn new(values: usize, of: u64) -> Option<LookedAt> {
        Some(LookedAt { values: values as u64, of }).filter(|l| l.values < l.of)
    }
}

impl Column {
    /// Half of it or more is blank.
    pub fn is_sparse(&self) -> bool {
        self.filled <= self.blank
    }

    /// Whether a person has to look at it even where another column tells its systems apart.
    pub fn is_doubtful_anyway(&self) -> bool {
        self.doubts.len() > usize::from(self.told_apart_by.is_some())
    }

    /// Whether nearly all that is in it are codes of these systems that may be recorded.
    pub fn fits(&self, systems: &[&str]) -> bool {
        let of_them = self.evidence.iter().filter(|e| systems.contains(&&*e.system)).map(|e| e.recordable).sum::<f64>();
        of_them >= NEARLY_ALL * self.meant
    }

    /// Part of it is of a second system.
    pub fn is_mixed(&self) -> bool {
        self.evidence.iter().skip(1).any(|e| e.only_here >= PART)
    }

    /// Whether its values may be of this system: nearly as many are its codes as are of the best.
    pub fn admits(&self, system: &str) -> bool {
        let best = self.evidence.first().map_or(0.0, |e| e.codes);
        self.kind != Kind::Code || self.evidence.iter().any(|e| e.system == system && e.codes + CLEARLY >= best)
    }
}

/// A system has to explain so much of a column to be named.
const LIKELY: f64 = 0.5;
/// A rival is no rival if it explains so much less.
const CLEARLY: f64 = 0.1;
/// A second system has so much of a column to itself.
const PART: f64 = 0.1;
/// Systems have to explain so much of a column together.
const TOGETHER: f64 = 0.8;
/// So much of a column of codes is recordable as it stands.
const SOUND: f64 = 0.65;
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
    let mut columns = (0..gathered.names.len()).map(|at| column(engine, gathered, at)).collect::<Vec<_>>();
    dates::look(engine, &mut columns, gathered);
    columns
}

fn column(engine: &Engine, gathered: &Gathered, at: usize) -> Column {
    let sketch = &gathered.sketches[at];
    let values = sketch.values();
    let (distinct, distinct_exact) = sketch.distinct();
    let name = &gathered.names[at];
    let has_no_text = sketch.textless > 0 && sketch.textless == sketch.filled;
    let mut kind = match gathered.without_text.contains(&at) || has_no_text {
        true => Kind::NotLookedAt,
        false => plain_kind(name, sketch, &values, distinct, distinct_exact),
    };
    let (mut evidence, mut system, mut doubts, mut split, mut told_apart_by) = (Vec::new(), None, Vec::new(), None, None);
    let (mut found, mut looked_at, mut meant) = (Vec::new(), None, 1.0);
    let read =
        if matches!(kind, Kind::Category | Kind::Number | Kind::Other | Kind::Key) { as_codes(engine, sketch, &values) } else { None };
    if let Some(read) = read {
        let all = &read.evidence;
        let best = read.score();
        // Others have part of the column for themselves: not the next best, which may only be like the best.
        let rivals: Vec<&Evidence> = all.iter().skip(1).filter(|e| e.only_here >= PART).collect();
        let together = best + rivals.iter().map(|r| r.only_here).sum::<f64>();
        let mixed = !rivals.is_empty();
        meant = read.meant();
        let likely = if kind == Kind::Key {
            // Each once, as in a list of codes; but numbers in a row are ids.
            best >= NEARLY_ALL && !read.are_a_run()
        } else {
            let enough = if read.split.is_some() { MOSTLY } else { LIKELY };
            best > 0.0 && (best >= enough * meant || (mixed && together >= TOGETHER * meant))
        };
        if likely {
            kind = Kind::Code;
            split = read.split;
            system = all.first().map(|e| e.system.clone());
            let systems: Vec<&String> = all.iter().take(1).chain(rivals).map(|e| &e.system).collect();
            doubts = read.doubts(engine, &systems);
            if is_called_as_a_code(engine, name, &systems) {
                doubts.push(String::from("it is called as one of its codes: the first record may be data (--no-header)"));
            }
            if mixed {
                told_apart_by = told_apart(engine, gathered, at, split, &systems);
            }
            // What was parted is not counted beyond what was counted whole.
            let of = if split.is_none() { distinct } else { read.values.len() as u64 };
            looked_at = LookedAt::new(read.looked_at.len(), of);
            found = damage::of_texts(&read.values, true);
            found.iter_mut().for_each(|d| d.looked_at = LookedAt::new(read.values.len(), of));
            let of_codes = damage::of_codes(&read.looked_at, &read.codes, &all[0], mixed);
            found.extend(of_codes.into_iter().map(|d| Damage { looked_at, ..d }));
            evidence = read.evidence;
        }
    }
    if kind != Kind::Code {
        found = damage::of_texts(&values, false);
        if kind == Kind::Date {
            found.extend(damage::no_dates(&values));
        }
        found.iter_mut().for_each(|d| d.looked_at = LookedAt::new(values.len(), distinct));
    }
    if kind != Kind::NotLookedAt {
        found.extend(damage::no_text(sketch.textless));
    }
    Column {
        name: name.clone(),
        kind,
        filled: sketch.filled,
        blank: if kind == Kind::NotLookedAt { 0 } else { sketch.blank },
        distinct,
        distinct_exact,
        longest: sketch.longest,
        system,
        doubtful: !doubts.is_empty(),
        doubts,
        looked_at,
        split,
        told_apart_by,
        on_the_day: None,
        meant,
        evidence,
        damage: found,
    }
}

/// The values of a column read as codes, one in a cell or several.
struct Read<'v, 'e> {
    split: Option<char>,
    /// With their rows, the most frequent first.
    values: Vec<(&'v [u8], u64)>,
    /// Those that were held against the systems.
    looked_at: Vec<(&'v [u8], u64)>,
    codes: Codes<'e>,
    evidence: Vec<Evidence>,
}

impl<'v, 'e> Read<'v, 'e> {
    fn new(engine: &'e Engine, values: Vec<(&'v [u8], u64)>, split: Option<char>) -> Read<'v, 'e> {
        let looked_at = evidence::sample(&values);
        let codes = evidence::codes(engine, &looked_at);
        let evidence = codes.evidence();
        Read { split, values, looked_at, codes, evidence }
    }

    fn score(&self) -> f64 {
        self.evidence.first().map_or(0.0, Evidence::score)
    }

    /// The share of rows that are no placeholders.
    fn meant(&self) -> f64 {
        let rows = |values: &mut dyn Iterator<Item = &(&[u8], u64)>| values.map(|(_, n)| n).sum::<u64>() as f64;
        let is_nothing = |(value, _): &&(&[u8], u64)| std::str::from_utf8(value).is_ok_and(|v| damage::is_placeholder(v.trim()));
        1.0 - rows(&mut self.looked_at.iter().filter(is_nothing)) / rows(&mut self.looked_at.iter()).max(1.0)
    }

    /// Whether most are whole numbers that lie close together, as ids do; codes leave most of theirs out.
    fn are_a_run(&self) -> bool {
        let number = |(value, _): &(&[u8], u64)| std::str::from_utf8(value).ok()?.trim().parse::<u64>().ok();
        let numbers: Vec<u64> = self.values.iter().filter_map(number).collect();
        let (first, last) = (numbers.iter().min().unwrap_or(&0), numbers.iter().max().unwrap_or(&0));
        numbers.len() * 2 > self.values.len() && last - first < 2 * numbers.len() as u64
    }

    /// Why a person has to say whether these are codes of these systems, the best first.
    fn doubts(&self, engine: &Engine, systems: &[&String]) -> Vec<String> {
        let Some((best, others)) = self.evidence.split_first() else { return Vec::new() };
        let mut doubts = Vec::new();
        // The first, for another column may resolve it (`Column::is_doubtful_anyway`).
        if systems.len() > 1 || others.iter().any(|r| best.score() - r.score() < CLEARLY || best.codes - r.codes < CLEARLY) {
            let rivals: Vec<String> = others.iter().take(3).map(|e| format!("{} ({:.1} %)", e.system, 100.0 * e.codes)).collect();
            doubts.push(format!("also codes of {}", rivals.join(", ")));
        }
        let of_any = self.codes.of_any(systems);
        if of_any < TOGETHER * self.meant() {
            doubts.push(format!("only {:.1} % of the rows are codes", 100.0 * of_any));
        }
        let rows: u64 = self.values.iter().map(|(_, n)| n).sum();
        let is_small = |value: &[u8]| {
            let whole = value.strip_suffix(b".0").unwrap_or(value);
            whole.len() <= 3 && whole.iter().all(u8::is_ascii_digit)
        };
        let small: u64 = self.values.iter().filter(|(value, _)| is_small(value)).map(|(_, n)| n).sum();
        if small as f64 >= NEARLY_ALL * rows as f64 {
            doubts.push(String::from("whole numbers below 1000 count things as well"));
        } else if systems.len() == 1 && numbers::are_codes_by_chance(engine, &self.looked_at, &self.codes, &best.system) {
            doubts.push(String::from("numbers, and of the other numbers between them about as many are codes"));
        }
        if best.recordable * 2.0 < best.codes {
            doubts.push(String::from("most are headers, which nobody records"));
        } else if best.sound < SOUND * best.codes {
            doubts.push(format!("{:.1} % are headers, or codes only if digits are changed or added", 100.0 * (best.codes - best.sound)));
        }
        doubts
    }
}

/// Whether the name of a column is a code as records have it: three digits or more. `I10` is also what a column of ICD-10 may be called.
fn is_called_as_a_code(engine: &Engine, name: &str, systems: &[&String]) -> bool {
    name.bytes().filter(u8::is_ascii_digit).count() > 2
        && systems.iter().filter_map(|system| engine.system(system).ok()).any(|system| system.concept(name.trim()).is_some())
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
fn plain_kind(name: &str, sketch: &Sketch, values: &[(&[u8], u64)], distinct: u64, exact: bool) -> Kind {
    let looked_at: u64 = values.iter().map(|(_, n)| n).sum();
    let share = |fits: &dyn Fn(&str) -> bool| {
        let rows: u64 = values.iter().filter(|(v, _)| std::str::from_utf8(v).is_ok_and(|v| fits(v.trim()))).map(|(_, n)| n).sum();
        rows as f64 / looked_at.max(1) as f64
    };
    let digits = |v: &str| v.bytes().all(|b| b.is_ascii_digit());
    // An estimate is off by some percent; ids that come once are not codes, which come again and again.
    let texts = sketch.filled - sketch.textless;
    let unique = if exact { distinct == texts } else { distinct as f64 > 0.9 * texts as f64 };
    if sketch.filled == 0 {
        Kind::Empty
    } else if share(&|v| crate::job::facts::date(v).is_some()) >= 0.95 {
        Kind::Date
    } else if distinct <= 6
        && share(&|v| Sex::parse(v).is_some()) >= 0.5
        && share(&|v| Sex::parse(v).is_some() || is_unknown_sex(v)) >= 0.95
    {
        Kind::Sex
    } else if is_called_age(name) && share(&|v| Age::parse(v).is_some() || v.parse().is_ok_and(|n: f64| n >= 0.0)) >= 0.95 {
        Kind::Age
    } else if unique && texts >= 20 && texts > sketch.blank {
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

/// What stands where the sex is neither, or not known.
fn is_unknown_sex(value: &str) -> bool {
    ["u", "unk", "unknown", "o", "other", "x", "n", "i", "a", "?"].contains(&value.to_ascii_lowercase().as_str())
}

/// `age`, `Patient Age`, `age_in_days`, `ageYears`; not `page` or `dosage`.
fn is_called_age(name: &str) -> bool {
    let mut apart = String::new();
    for c in name.chars() {
        if c.is_uppercase() && apart.ends_with(|before: char| before.is_lowercase()) {
            apart.push(' ');
        }
        apart.push(c);
    }
    let apart = apart.to_lowercase();
    apart.split(|c: char| !c.is_alphabetic()).any(|word| ["age", "alter"].contains(&word))
}

fn is_words(value: &str) -> bool {
    value.split_whitespace().filter(|w| w.chars().filter(|c| c.is_alphabetic()).count() >= 3).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_called_so() {
        for (name, expected) in [
            ("age", true),
            ("AGE", true),
            ("patient_age", true),
            ("ageYears", true),
            ("/patient/age", true),
            ("Alter", true),
            ("page", false),
            ("dosage", false),
            ("stage", false),
            ("language", false),
        ] {
            assert_eq!(is_called_age(name), expected, "{name}");
        }
    }
}
