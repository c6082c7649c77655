//! Records in, records out, every one accounted for.
//!
//! A [`Job`] says what to convert; [`convert`] does it and gives back a [`Run`], from which [`report`] makes the pages that a clinical
//! lead signs. The record's own bytes are never rewritten: the columns of the contract are appended to them.
//!
//! # How it is fast
//! The engine answers a code in microseconds, a file has ten million. But codes follow Zipf, so `answers` keeps the ready-made output
//! bytes for what stands in a cell (and for whatever else the answer depends on), and the engine is asked once for each distinct one.
//! A thread reads ahead and another writes behind, over a fixed ring of buffers; memory does not grow with rows.
//!
//! # What holds
//! Records in = records out + records rejected, and codes in = the sum of all outcomes ([`Ledger::check`], invariant 13). Output and
//! report appear complete or not at all: they are written beside their place and renamed when the ledger balances.
//!
//! Deliberately not here: what a code means (`engine`), how a summary is printed (`face`).

mod answers;
mod convert;
mod cut;
mod duplicates;
mod facts;
mod format;
mod input;
mod ledger;
mod memo;
mod output;
mod places;
pub mod profile;
mod pump;
pub mod report;
mod resume;
mod spec;
mod wait;
mod words;
mod work;

pub use convert::{ColumnFacts, Progress, Run, convert};
pub use duplicates::{Duplicates, Repeated, Repetition};
pub use input::InputFacts;
pub use ledger::{Codes, Ledger, Longest, RejectReason, Repaired, Sampled, Tally};
pub use output::OutputFacts;
pub use spec::{CodeColumn, Job, Quote, RecordFormat, Unsettled};

use std::path::Path;

/// Why a job did not run, or not to its end. Nothing is in place then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot {what} {path}: {source}")]
    Io { what: &'static str, path: String, source: std::io::Error },
    #[error("{file}: {what}")]
    JobFile { file: String, what: String },
    #[error("the job asks for nothing: name at least one code column")]
    NoColumns,
    #[error("column {name}: {what}")]
    Column { name: String, what: String },
    #[error(
        "no column `{name}` among the {columns} of the file; `xwalk profile` lists them (if the first record is data, say --no-header)"
    )]
    MissingColumn { name: String, columns: usize },
    #[error("more than one column is called `{name}`; name it by its place, `#3` for the third")]
    AmbiguousColumn { name: String },
    #[error("the record already has a column `{name}`; rename it, nothing is overwritten")]
    ColumnTaken { name: String },
    #[error("{file} is empty: there is not even a header")]
    Empty { file: String },
    #[error("{what} and {other} are the same file, {file}; give another place")]
    SameFile { what: String, other: String, file: String },
    #[error("{path} is in the way, and no run of xwalk left it there; remove it, or name another place")]
    InTheWay { path: String },
    #[error("{what} {path} exists; remove it or name another")]
    Exists { what: &'static str, path: String },
    /// Not a failure for who goes on until it is done; the report says what came of it.
    #[error("the job is done already: output and report are complete")]
    Done(Box<report::Document>),
    #[error("another run is writing {path}; wait for it, or name another output")]
    Busy { path: String },
    #[error("another run is writing the report {path}; wait for it, or name another folder (--report)")]
    BusyReport { path: String },
    #[error("{file}:{line}: a record longer than {limit} bytes begins here; close the quotation, or raise the limit (--max-record)")]
    RecordTooLong { file: String, line: u64, limit: usize },
    #[error(
        "{file}: a quotation that begins in line {line} goes over {lines} lines; say whether quotes enclose fields (--quote '\"') or are \
         characters (--quote none)"
    )]
    Quotes { file: String, line: u64, lines: u64 },
    #[error("{file}: {what}")]
    Encoding { file: String, what: String },
    #[error("{file} changed while it was read; nothing was kept, run the job again")]
    Changed { file: String },
    #[error("{path} was left by another job, input or index than this; run without --resume to begin anew")]
    OtherRun { path: String },
    #[error("no room left writing {path}; nothing was put in place, free some room and run the job again (--resume goes on)")]
    DiskFull { path: String },
    #[error("record at line {line} cannot be converted ({reason}), and there is no place for rejects; name one (--rejects FILE)")]
    NoPlaceForRejects { line: u64, reason: String },
    #[error("the ledger does not balance: {what}; nothing was put in place (this is a defect of xwalk, please report it)")]
    Unbalanced { what: String },
    #[error("{what}")]
    Unsupported { what: String },
    /// The reader of the output has gone; not a failure for a command line.
    #[error("the reader of the output has gone")]
    BrokenPipe,
    #[error(transparent)]
    Refusal(#[from] crate::engine::Refusal),
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path, source: std::io::Error) -> Error {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
                Error::DiskFull { path: path.display().to_string() }
            }
            std::io::ErrorKind::BrokenPipe => Error::BrokenPipe,
            _ => Error::Io { what, path: path.display().to_string(), source },
        }
    }
}
