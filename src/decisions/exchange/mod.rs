//! Decisions out and in again, in the formats that others use.
//!
//! One file a format, each saying what it can hold. What it cannot hold is left out in writing, never bent: reading our own export back
//! gives the decisions as far as the format goes, and `tests/it/review.rs` holds each to it.
//!
//! Cells of tables that a spreadsheet would take for a formula (`=cmd`) get an apostrophe in front, which reading takes off again
//! (OWASP, *CSV Injection*).

mod concepts;
mod fhir;
mod import;
mod omop;
mod own;
mod snap2snomed;
mod sssom;
mod table;
mod usagi;

#[cfg(test)]
mod tests;

pub use concepts::Concepts;
pub use import::{Imported, import};

use super::model::{Question, Status, Verdict};
use super::{Error, Filter, Store};
use std::collections::HashMap;
use std::io::{Read, Write};

/// A format of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Own CSV: everything. The only one that also reads a job's `review.csv`.
    Csv,
    /// OHDSI Usagi.
    Usagi,
    /// CSIRO and SNOMED International Snap2SNOMED.
    Snap2Snomed,
    /// Simple Standard for Sharing Ontological Mappings.
    Sssom,
    FhirR4,
    FhirR5,
    /// OMOP `SOURCE_TO_CONCEPT_MAP`.
    Omop,
}

impl Format {
    pub const ALL: [Format; 7] =
        [Format::Csv, Format::Usagi, Format::Snap2Snomed, Format::Sssom, Format::FhirR4, Format::FhirR5, Format::Omop];

    pub fn code(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Usagi => "usagi",
            Format::Snap2Snomed => "snap2snomed",
            Format::Sssom => "sssom",
            Format::FhirR4 => "fhir-r4",
            Format::FhirR5 => "fhir-r5",
            Format::Omop => "omop",
        }
    }

    pub fn from_code(code: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.code() == code)
    }
}

/// An item on its way out or in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchanged {
    pub question: Question,
    pub records: u64,
    pub outcome: String,
    pub chapter: String,
    pub status: Status,
    pub verdict: Option<Verdict>,
    pub author: String,
    pub approver: String,
    /// UTC, RFC 3339; the last thing that happened.
    pub at: String,
    pub why: String,
    pub assignee: String,
    pub second: String,
    /// The line of the file it came from, for messages.
    pub line: u64,
}

/// What the file itself does not say.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Systems of formats that name none (Usagi, Snap2SNOMED).
    pub source_system: String,
    pub target_system: String,
    /// Canonical URI of each system's alias, and its version, for formats that use them.
    pub systems: Vec<SystemName>,
    /// OMOP concept ids of codes, for formats that know nothing else.
    pub concepts: Concepts,
    /// Names the exported set; a URI for SSSOM and FHIR.
    pub set: String,
}

/// How the world calls a code system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemName {
    pub alias: String,
    pub uri: String,
    pub version: String,
}

impl Context {
    fn uri<'a>(&'a self, alias: &'a str) -> &'a str {
        self.systems.iter().find(|s| s.alias == alias && !s.uri.is_empty()).map_or(alias, |s| s.uri.as_str())
    }
    fn alias<'a>(&'a self, uri: &'a str) -> &'a str {
        self.systems.iter().find(|s| s.uri == uri || s.alias == uri).map_or(uri, |s| s.alias.as_str())
    }
    fn version(&self, alias: &str) -> &str {
        self.systems.iter().find(|s| s.alias == alias).map_or("", |s| s.version.as_str())
    }
}

/// Something in a file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 1-based; 0: the file as a whole.
    pub line: u64,
    pub what: String,
}

/// What was read: the good, and what was wrong with the rest.
#[derive(Clone, Debug, Default)]
pub struct Readout {
    pub items: Vec<Exchanged>,
    pub problems: Vec<Problem>,
}

/// Why a file could not be read or written at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not a file of this format: {0}")]
    NotThis(String),
    #[error("{format} names no code systems; say them with --from and --to")]
    NoSystems { format: &'static str },
    #[error("{format} knows codes only by OMOP concept id; give Athena's CONCEPT.csv with --concepts")]
    NoConcepts { format: &'static str },
    #[error("the decisions between {first} and {other} cannot be in one file of this format; filter by --from and --to")]
    SeveralPairs { first: String, other: String },
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<csv::Error> for ExchangeError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(e) => ExchangeError::Io(e),
            other => ExchangeError::NotThis(format!("{other:?}")),
        }
    }
}

/// Writes the items of a filter.
pub fn export(store: &Store, filter: &Filter, format: Format, context: &Context, to: &mut dyn Write) -> Result<u64, ExchangeError> {
    let items = store.exchanged(filter)?;
    write(&items, format, context, to)
}

/// Writes items.
pub fn write(items: &[Exchanged], format: Format, context: &Context, to: &mut dyn Write) -> Result<u64, ExchangeError> {
    match format {
        Format::Csv => own::write(items, to),
        Format::Usagi => usagi::write(items, context, to),
        Format::Snap2Snomed => snap2snomed::write(items, to),
        Format::Sssom => sssom::write(items, context, to),
        Format::FhirR4 => fhir::write(items, fhir::Version::R4, context, to),
        Format::FhirR5 => fhir::write(items, fhir::Version::R5, context, to),
        Format::Omop => omop::write(items, context, to),
    }
}

/// Reads items. Bad rows become problems; the rest is read.
pub fn read(from: &mut dyn Read, format: Format, context: &Context) -> Result<Readout, ExchangeError> {
    let mut readout = match format {
        Format::Csv => own::read(from, context),
        Format::Usagi => usagi::read(from, context),
        Format::Snap2Snomed => snap2snomed::read(from, context),
        Format::Sssom => sssom::read(from, context),
        Format::FhirR4 | Format::FhirR5 => fhir::read(from, context),
        Format::Omop => omop::read(from, context),
    }?;
    readout.problems.sort_by_key(|p| p.line);
    Ok(readout)
}

/// Puts the rows of one question together: formats have a row a target.
fn gather(rows: Vec<Exchanged>) -> Vec<Exchanged> {
    let mut items: Vec<Exchanged> = Vec::with_capacity(rows.len());
    let key = |q: &Question| [&q.source_system, &q.code, &q.target_system, &q.text, &q.facts].map(|s| s.clone());
    let mut places: HashMap<[String; 5], usize> = HashMap::new();
    for row in rows {
        match places.get(&key(&row.question)) {
            Some(&at) => {
                let targets = row.verdict.map(|v| v.targets).unwrap_or_default();
                if let Some(verdict) = &mut items[at].verdict {
                    verdict.targets.extend(targets);
                }
            }
            None => {
                places.insert(key(&row.question), items.len());
                items.push(row);
            }
        }
    }
    items
}

/// `2026-11-22T04:12:33Z` as milliseconds since 1970, the time of Java tools; 0 if it is no time.
fn millis(at: &str) -> i64 {
    at.parse::<jiff::Timestamp>().map_or(0, |t| t.as_millisecond())
}

fn from_millis(millis: &str) -> String {
    let time = millis.parse().ok().filter(|&m| m > 0).and_then(|m| jiff::Timestamp::from_millisecond(m).ok());
    time.map_or_else(String::new, |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The day of a time.
fn day(at: &str) -> &str {
    at.get(..10).unwrap_or("")
}

fn from_day(day: &str) -> String {
    if day.parse::<jiff::civil::Date>().is_ok() { format!("{day}T00:00:00Z") } else { String::new() }
}
