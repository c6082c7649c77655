//! What is in this file, before anything moves: its columns, which hold codes and of which system (with evidence, and who rivals), what
//! damage it has, and the job file that follows from it.
//!
//! One pass over the records, in bounded memory: values are counted as long as there are few, distinct values and duplicates estimated
//! beyond. Values stand in a profile only where they are codes; ids, dates and free text are counted and never shown.

mod apart;
mod columns;
mod damage;
mod dates;
mod evidence;
mod numbers;
pub mod page;
mod proposal;
mod records;
mod sketch;

pub use apart::ToldApart;
pub use columns::{Column, Kind, LookedAt};
pub use damage::Damage;
pub use dates::OnTheDay;
pub use evidence::{Evidence, ValidOn};

use super::spec::called;
use super::work::breaks;
use super::{Error, Job, Longest};
use crate::engine::Engine;
use hashbrown::HashMap;
use serde::Serialize;
use sketch::{Duplicates, Sketch};
use std::borrow::Cow;
use std::path::Path;

/// What is in a file.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    /// `xwalk-profile/1`.
    pub schema: &'static str,
    pub file: FileFacts,
    pub records: u64,
    /// Records with more or fewer fields than the header, or that are no JSON objects.
    pub torn: u64,
    /// Records with NUL bytes, or bytes that are not of the encoding.
    pub damaged: u64,
    /// Values of members beyond the first [`MOST_MEMBERS`] (NDJSON), which are not looked at.
    pub beyond: u64,
    /// Line breaks within the fields of records.
    pub line_breaks: u64,
    /// The record of the most lines, where some have several: perhaps a quote has swallowed records.
    pub longest: Option<Longest>,
    pub duplicates: Repeated,
    pub columns: Vec<Column>,
    /// The job file that is proposed, in TOML.
    pub job: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct FileFacts {
    pub name: String,
    pub bytes: u64,
    pub blake3: String,
    pub format: &'static str,
    pub encoding: &'static str,
    pub compression: Option<&'static str>,
    pub delimiter: Option<char>,
}

/// Records that came before, byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Repeated {
    pub records: u64,
    /// Counted, not estimated from a sample.
    pub exact: bool,
}

/// What may help where records are no UTF-8.
pub const NO_UTF8: &str = "If the file is Windows-1252, say so: --encoding windows-1252";

/// Members by as many names are looked at (NDJSON); a file whose names are data has more.
pub const MOST_MEMBERS: usize = 2000;

/// Looks at a file. The job says where it is and how to read it; the profile says what else the job should say, in a job file that lies
/// at `job_file`, or beside the input.
///
/// # Errors
/// The file cannot be read, or is empty.
pub fn profile(job: &Job, engine: &Engine, job_file: Option<&Path>) -> Result<Profile, Error> {
    let mut job = job.clone();
    let mut gathered = Gathered::default();
    let file = records::read(&mut job, &mut gathered)?;
    let columns = columns::describe(engine, &gathered);
    let job = proposal::toml(&job, job_file, &columns, &gathered);
    Ok(Profile {
        schema: "xwalk-profile/1",
        file,
        records: gathered.records,
        torn: gathered.torn,
        damaged: gathered.damaged,
        beyond: gathered.beyond,
        line_breaks: gathered.line_breaks,
        longest: Some(gathered.longest).filter(|longest| longest.lines > 0),
        duplicates: gathered.duplicates.found(),
        columns,
        job,
    })
}

/// What is kept of the records while they pass.
#[derive(Default)]
struct Gathered {
    /// As the file has them; none of members that name themselves (NDJSON).
    header: Vec<String>,
    /// What the columns are called, each by a name of its own.
    names: Vec<String>,
    places: HashMap<String, usize>,
    sketches: Vec<Sketch>,
    records: u64,
    torn: u64,
    damaged: u64,
    beyond: u64,
    /// Of a text that is read as UTF-8: records that are none, and those that are and have more than ASCII in them.
    not_utf8: u64,
    more_than_ascii: u64,
    line_breaks: u64,
    longest: Longest,
    duplicates: Duplicates,
    /// Columns of a type that has no text.
    without_text: Vec<usize>,
    /// Some records in full, drawn by lot, to see which column explains another.
    drawn: Vec<Vec<String>>,
}

/// Records kept in full.
const DRAWN: usize = 2000;

impl Gathered {
    /// Takes up the columns of a header.
    fn columns(&mut self, header: Vec<String>) {
        (0..header.len()).for_each(|at| _ = self.column(called(at, &header)));
        self.header = header;
    }

    fn column(&mut self, name: String) -> usize {
        self.places.insert(name.clone(), self.names.len());
        self.names.push(name);
        // The records before did not have it.
        self.sketches.push(Sketch::with_blanks(self.records));
        self.names.len() - 1
    }

    /// The place of a member, which may be new; none, if there are too many.
    fn member(&mut self, name: String) -> Option<usize> {
        let known = self.places.get(&name).copied();
        known.or_else(|| (self.names.len() < MOST_MEMBERS).then(|| self.column(name)))
    }

    /// Counts the line breaks within a record; it begins as many lines behind the line `first` as `before` says.
    fn breaks(&mut self, raw: &[u8], first: u64, before: impl FnOnce() -> u64) {
        let breaks = breaks(raw);
        self.line_breaks += breaks;
        if breaks > 0 && breaks + 1 > self.longest.lines {
            self.longest = Longest { line: first + before(), lines: breaks + 1 };
        }
    }

    /// Counts a record by its fields, in the order of the columns; `None` is a value that has no text.
    fn record<'v>(&mut self, raw: &[u8], fields: impl Iterator<Item = Option<Cow<'v, [u8]>>>) {
        self.records += 1;
        self.duplicates.add(raw);
        // Of more records than are kept each has the same chance (Vitter 1985, algorithm R).
        let place = match self.drawn.len() {
            len if len < DRAWN => len,
            _ => (xxhash_rust::xxh3::xxh3_64(&self.records.to_le_bytes()) % self.records) as usize,
        };
        let keep = place < DRAWN;
        let mut kept = Vec::new();
        for (sketch, value) in self.sketches.iter_mut().zip(fields) {
            match &value {
                Some(value) => sketch.add(value),
                None => sketch.add_textless(),
            }
            if keep {
                let value = value.unwrap_or_default();
                kept.push(String::from_utf8_lossy(&value).trim().to_owned());
            }
        }
        match self.drawn.get_mut(place) {
            Some(before) => *before = kept,
            None if keep => self.drawn.push(kept),
            None => {}
        }
    }
}
