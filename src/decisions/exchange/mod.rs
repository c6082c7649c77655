//! Decisions out and in again, in the formats that others use.
//!
//! One file a format, each saying what it can hold. What it cannot hold is left out in writing, never bent: reading our own export back
//! gives the decisions as far as the format goes, and `tests/it/exchange.rs` holds each to it. An answer for certain words or facts is not
//! written where there is no place for them: there it would be an answer for every record of the code.
//!
//! Several rows of one question are a combination only if the file says so, by giving each code a group of its own. Other rows are
//! alternatives, and which of them is meant is for people to say: the item is flagged, with the alternatives in the remark, and unanswered.
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

use super::model::{Chosen, Question, Status, Verdict};
use super::{Error, Filter, Store};
use crate::model::Relationship;
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

    /// Whether it has a place for who answered and who approved. Of FHIR only our own extensions have, and a map that somebody published
    /// is settled.
    fn names_people(self) -> bool {
        matches!(self, Format::Csv | Format::Usagi | Format::Sssom)
    }

    /// Whether it has a place for a record's words and facts.
    fn holds_words(self) -> bool {
        !matches!(self, Format::Snap2Snomed | Format::Omop)
    }
}

/// An item on its way out or in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchanged {
    pub question: Question,
    /// `None`: the file says nothing of it.
    pub records: Option<u64>,
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
    /// Rows of a job that ask reviewers nothing: of what system the code is, its record does not say.
    pub unasked: u64,
    /// Whether the format has a place for who answered and who approved; one that has none is vouched for by whoever imports it.
    pub names_people: bool,
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

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub items: u64,
    /// Answers for certain words or facts that the format has no place for; not written.
    pub left_out: u64,
    /// Codes for which the format has nothing but a concept id, and whose id is not known; written as 0.
    pub without_concept: u64,
}

/// Writes the items of a filter.
pub fn export(store: &Store, filter: &Filter, format: Format, context: &Context, to: &mut dyn Write) -> Result<Written, ExchangeError> {
    write(store.exchanged(filter)?, format, context, to)
}

/// Writes items.
pub fn write(mut items: Vec<Exchanged>, format: Format, context: &Context, to: &mut dyn Write) -> Result<Written, ExchangeError> {
    let mut left_out = 0;
    if !format.holds_words() {
        items.retain(|i| {
            let of_the_code = i.question.text.is_empty() && i.question.facts.is_empty();
            left_out += u64::from(!of_the_code && i.verdict.is_some());
            of_the_code
        });
    }
    let without_concept = if format == Format::Usagi { usagi::without_concept(&items, context) } else { 0 };
    let items = match format {
        Format::Csv => own::write(&items, to),
        Format::Usagi => usagi::write(&items, context, to),
        Format::Snap2Snomed => snap2snomed::write(&items, to),
        Format::Sssom => sssom::write(&items, context, to),
        Format::FhirR4 => fhir::write(&items, fhir::Version::R4, context, to),
        Format::FhirR5 => fhir::write(&items, fhir::Version::R5, context, to),
        Format::Omop => omop::write(&items, context, to),
    }?;
    Ok(Written { items, left_out, without_concept })
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
    readout.names_people = format.names_people();
    Ok(readout)
}

/// What makes two questions one.
fn key(q: &Question) -> [String; 5] {
    [&q.source_system, &q.code, &q.target_system, &q.text, &q.facts].map(|s| s.clone())
}

/// Puts the rows of one question together: formats have a row a target.
fn gather(rows: Vec<Exchanged>, problems: &mut Vec<Problem>) -> Vec<Exchanged> {
    let mut questions: Vec<Vec<Exchanged>> = Vec::with_capacity(rows.len());
    let mut places: HashMap<[String; 5], usize> = HashMap::new();
    for row in rows {
        match places.get(&key(&row.question)) {
            Some(&at) => questions[at].push(row),
            None => {
                places.insert(key(&row.question), questions.len());
                questions.push(vec![row]);
            }
        }
    }
    questions.into_iter().filter_map(|rows| one(rows, problems)).collect()
}

/// What the rows of one question amount to.
fn one(mut rows: Vec<Exchanged>, problems: &mut Vec<Problem>) -> Option<Exchanged> {
    for row in &mut rows {
        unrelated(row, problems);
    }
    // What was rejected is no alternative to what was not.
    if rows.iter().any(|r| r.verdict.is_some() && r.status != Status::Rejected) {
        rows.retain(|row| {
            let rejected = row.verdict.is_some() && row.status == Status::Rejected;
            if rejected {
                let what = format!("{}: {} is rejected, another answer is not; the row was left out", row.question.code, named(row));
                problems.push(Problem { line: row.line, what });
            }
            !rejected
        });
    }
    let (answers, open): (Vec<Exchanged>, Vec<Exchanged>) = rows.into_iter().partition(|r| r.verdict.is_some());
    let mut answers = answers.into_iter();
    let Some(mut item) = answers.next() else { return open.into_iter().next() };
    let mut options = vec![named(&item)];
    let mut clear = true;
    for row in answers {
        let (Some(verdict), Some(more)) = (&mut item.verdict, &row.verdict) else { continue };
        let known = |t: &Chosen| verdict.targets.iter().any(|v| v.code == t.code);
        let same = row.status == item.status && more.scenario == verdict.scenario && more.is_no_map() == verdict.is_no_map();
        if same && more.targets.iter().all(known) {
            continue;
        }
        let apart = !more.targets.iter().any(|t| verdict.targets.iter().any(|v| v.group == t.group));
        clear &= same && apart;
        options.push(named(&row));
        verdict.targets.extend(more.targets.iter().cloned());
    }
    if clear {
        return Some(item);
    }
    let options = options.join(", or ");
    let what = format!(
        "{}: {options}, and the file does not say that they are needed together; flagged for somebody to choose",
        item.question.code
    );
    problems.push(Problem { line: item.line, what });
    let remark = format!("the file says {options}; which of them?");
    item.why = if item.why.is_empty() { remark } else { format!("{remark} It remarks: {}", item.why) };
    (item.status, item.verdict) = (Status::Flagged, None);
    // Nobody in the file has flagged it; whoever brings it does.
    (item.author, item.approver) = (String::new(), String::new());
    Some(item)
}

/// The answer of a row, and how it stands there.
fn named(row: &Exchanged) -> String {
    let codes = row.verdict.as_ref().map_or_else(String::new, |v| if v.is_no_map() { "no map".to_owned() } else { v.key() });
    format!("{codes} ({})", row.status.code())
}

/// A code that is said not to be related is no translation: without it, the row asks and does not answer.
fn unrelated(row: &mut Exchanged, problems: &mut Vec<Problem>) {
    let Some(verdict) = &mut row.verdict else { return };
    let Some(not) = verdict.targets.iter().find(|t| t.relationship == Relationship::NotRelatedTo) else { return };
    let what = format!("{}: {} is said not to be related, which is no answer; left out", row.question.code, not.code);
    problems.push(Problem { line: row.line, what });
    verdict.targets.retain(|t| t.relationship != Relationship::NotRelatedTo);
    if verdict.targets.is_empty() {
        (row.verdict, row.status) = (None, Status::Unreviewed);
    }
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
