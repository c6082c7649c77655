//! What reviewers decide, in one SQLite file.
//!
//! A question that no rule settles becomes an *item* of a queue. People answer it, a second person approves, and from then on
//! translations use the answer and say so ([`Examined`] implements [`engine::Overlay`](crate::engine::Overlay)). Everything that is done
//! to an item is an *event*; an event is never changed and never removed, taking something back is an event too.
//!
//! Deliberately not here: how a queue looks (`face/cli`, `face/web`), and what a job does with what is left over (`job`).
//!
//! # The state and the events
//! The tables `item` and `tally` hold what the events amount to, so that a page of 200,000 items and a million events is read in
//! milliseconds. They are written in the transaction that writes the event and can be derived again at any time
//! ([`Store::rebuild`]). Triggers in the file itself refuse to change or delete an event.
//!
//! # Locking
//! One writer at a time, any number of readers: the journal is a write-ahead log, because with a rollback journal a coder's page would
//! wait for the import of the next queue, and the import for the page. The price is two files (`-wal`, `-shm`) beside the first while it
//! is open, and that the file must lie on a local disk: the log's index is shared memory, which network file systems do not have. Put the
//! service beside the file and let people come by HTTP. Within a process one connection writes behind a mutex and readers have their own;
//! between processes a writer waits five seconds for another and then says so. Two people on one item do not wait for each other: each
//! action names the version that the person has seen, and the later one is told who was first ([`Error::Conflict`]).
//! `synchronous = FULL`: what was answered with "done" survives a power cut. A process killed in the middle of an action leaves all of
//! it or nothing. A file in a folder that cannot be written is read as it lies, unless somebody left a log there.
//!
//! # Compatibility
//! `application_id` is `xwlk`; a file with another one, or with tables and none, is refused and not touched. Migrations are an
//! append-only list counted by `user_version`; a file of a later xwalk is refused with both numbers. An older xwalk never opens a newer
//! file, so a migration may do what it likes.
//!
//! # Performance
//! Queue pages follow `item_by_records` or `item_by_status`, which carry every column that filters; coverages come from `tally`, a row for
//! each status, outcome and chapter. The state of an item is a fold over its own few events only. Offers are kept once per distinct offer,
//! by digest. Measured in `benches/README.md`: 200,000 items, a million events.
//!
//! # Privacy
//! Local texts and facts are in the file because they are part of the question; they are in no error, no log and no audit entry. The file
//! is made for its owner's eyes: put it where patient data may lie. A build with the feature `sqlcipher` encrypts every page of it (and of
//! the log) with the passphrase in the file that `XWALK_DECISIONS_KEY_FILE` names; a file is encrypted from its beginning or not at all.

mod agreement;
mod asking;
pub mod exchange;
mod fold;
mod model;
mod overlay;
mod queue;
mod reexamine;
mod rows;
mod schema;
mod store;
mod usage;

#[cfg(test)]
mod tests;

pub use agreement::{Agreement, Workload};
pub use asking::{ask, by_codes, chapter, doubts, facts_key, facts_of_key, offer_changed, offered, pick};
pub use model::{Action, Asked, Chosen, Event, Finding, Item, Offer, Offered, Question, State, Status, Verdict};
pub use overlay::{Approved, Examined};
pub use queue::{Column, Coverage, Entry, Filter, Tally, share_out};
pub use reexamine::{Reexamined, examine, reexamine};
pub use store::{Added, By, Done, LONGEST_REMARK, Store};
pub use usage::{Held, Usage};

use crate::engine::Refusal;
use rusqlite::ErrorCode;

/// What can go wrong; each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{file}: no such decisions file; `xwalk review import` makes one")]
    Missing { file: String },
    #[error("{file} is an SQLite file of another program; it was not touched. Name a decisions file, or a new one")]
    Foreign { file: String },
    #[error("{file} has table version {found}, this xwalk knows up to {here}; use the xwalk that made it, or a later one")]
    Newer { file: String, found: i32, here: i32 },
    #[error("{file} has older tables; open it once to write (any `xwalk review decide` or `serve`), they are then brought up to date")]
    Older { file: String },
    #[error("{file}: the tables could not be brought up to date ({what}); the file is as it was")]
    Migration { file: String, what: String },
    #[error("the decisions file can only be read here; nothing was changed")]
    ReadOnly,
    #[error("the disk is full; nothing was changed. Make room and do it again")]
    Full,
    #[error("the decisions file cannot be opened here; are its folder and its rights as they should be? Nothing was changed")]
    CannotOpen,
    #[error("the disk did not take or give what it should; is it full? Nothing was changed")]
    Disk,
    #[error("{file}: the passphrase of the decisions file cannot be read ({what})")]
    Key { file: String, what: String },
    #[error("another process is writing to the decisions file; nothing was changed, try again")]
    Busy,
    #[error("the decisions file is damaged ({what}); restore the last backup")]
    Damaged { what: String },
    #[error("the decisions file: {0}")]
    Sqlite(rusqlite::Error),
    #[error("there is no item {id}")]
    NoItem { id: i64 },
    #[error("{who} was here first ({what}, {at}); look at the item again. Nothing was changed")]
    Conflict { who: String, at: String, what: &'static str },
    #[error("an action needs the name of who does it")]
    Anonymous,
    #[error("a remark has at most {} characters, this one has {length}; nothing was changed", store::LONGEST_REMARK)]
    LongRemark { length: usize },
    #[error("your own answer needs another person's approval (a rule of this file can allow it: `xwalk review rules`)")]
    OwnWork,
    #[error("two people work blind on this item; only they answer it, and until both have, nothing is shown, approved or rejected")]
    Blind,
    #[error("the two coders differ; decide the item, then somebody else approves")]
    CodersDiffer,
    #[error("two coders are two people")]
    OneCoder,
    #[error("there is no answer to approve or reject yet")]
    NothingToApprove,
    #[error("there is nothing of yours to take back")]
    NothingToUndo,
    #[error("both coders have answered and may have seen each other's answer, so it is not taken back; decide anew or flag it")]
    BothIn,
    #[error("the last action is {who}'s, who alone can take it back; decide anew or flag it")]
    NotYours { who: String },
    #[error("{code} was chosen twice")]
    Twice { code: String },
    #[error("{code} cannot be an answer and not related to what was asked; say that there is no map, or choose another relationship")]
    NotRelated { code: String },
    #[error("{codes} are alternatives that came from a file, not needed together; decide the item: one of them, or all of them anew")]
    Alternatives { codes: String },
    #[error("{what} is not on offer")]
    NotOffered { what: String },
    #[error("{groups} codes are needed together, {picks} {}; pick one option of each group", if *picks == 1 { "was picked" } else { "were picked" })]
    NotWhole { picks: usize, groups: usize },
    #[error("{records} is no number of records that anybody has; at most {} are counted", store::MOST_RECORDS)]
    TooMany { records: u64 },
    #[error("`{code}` is not a code of {system}{}", if .nearest.is_empty() { String::new() } else { format!("; near it: {}", .nearest) })]
    UnknownCode { code: String, system: String, nearest: String },
    #[error(transparent)]
    Refused(Refusal),
}

impl Error {
    /// Whether it is about the one item that was asked for: with the file all is well.
    pub fn is_of_item(&self) -> bool {
        use Error::{
            Alternatives, Blind, BothIn, CodersDiffer, Conflict, NoItem, NotRelated, NotYours, NothingToApprove, NothingToUndo, OwnWork,
            Twice,
        };
        matches!(
            self,
            NoItem { .. }
                | Conflict { .. }
                | OwnWork
                | Blind
                | CodersDiffer
                | NothingToApprove
                | NothingToUndo
                | BothIn
                | NotYours { .. }
                | Alternatives { .. }
                | NotRelated { .. }
                | Twice { .. }
        )
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::ReadOnly,
            Some(ErrorCode::CannotOpen) => Error::CannotOpen,
            Some(ErrorCode::SystemIoFailure) => Error::Disk,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
            Some(ErrorCode::NotADatabase) => {
                Error::Damaged { what: "it is not an SQLite file, or is encrypted with another key".to_owned() }
            }
            Some(ErrorCode::DatabaseCorrupt) => Error::Damaged { what: error.to_string() },
            _ => Error::Sqlite(error),
        }
    }
}
