//! The file: asking, acting, reading back.

use super::fold::{fold, is_blind, undone, visible};
use super::model::{Action, Asked, Event, Item, Offer, State, Status, Verdict};
use super::schema::{self, Mode};
use super::{Error, rows};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who acts, and from which index.
#[derive(Clone, Copy, Debug, Default)]
pub struct By<'a> {
    /// The name of a person or a program; never empty.
    pub who: &'a str,
    /// A remark; may be empty.
    pub why: &'a str,
    /// The fingerprint of the index at hand, empty if there is none.
    pub index: &'a str,
}

impl By<'_> {
    /// Nothing enters the file without a name.
    pub(super) fn named(&self) -> Result<(), Error> {
        if self.who.trim().is_empty() { Err(Error::Anonymous) } else { Ok(()) }
    }
}

/// What an action did.
#[derive(Clone, Debug)]
pub struct Done {
    pub event: i64,
    pub item: Item,
}

/// How many questions entered the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub new: u64,
    /// Were in the queue; their record counts were brought up to date.
    pub known: u64,
}

/// A decisions file, open. Share it between threads: one writes at a time, any number read meanwhile.
pub struct Store {
    path: PathBuf,
    read_only: bool,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// How often something was written through this value.
    writes: AtomicU64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).field("read_only", &self.read_only).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the file, making it if there is none.
    pub fn create(path: &Path) -> Result<Store, Error> {
        Store::with(path, Mode::Create)
    }

    /// Opens a file that exists, to write.
    pub fn open(path: &Path) -> Result<Store, Error> {
        Store::with(path, Mode::Write)
    }

    /// Opens a file that exists, to read; it may lie where nothing can be written.
    pub fn read(path: &Path) -> Result<Store, Error> {
        Store::with(path, Mode::Read)
    }

    fn with(path: &Path, mode: Mode) -> Result<Store, Error> {
        let writer = Mutex::new(schema::open(path, mode)?);
        Ok(Store { path: path.to_owned(), read_only: mode == Mode::Read, writer, readers: Mutex::default(), writes: AtomicU64::new(0) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Changes whenever something was written through this value; says nothing of other processes.
    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A thread that panicked has rolled back; the connection is good.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads with a connection of its own, so that no page waits for a writer.
    pub(super) fn reading<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open(&self.path, Mode::Read)?,
        };
        let result = read(&connection);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    /// All or nothing.
    pub(super) fn writing<T>(&self, write: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        if self.read_only {
            return Err(Error::ReadOnly);
        }
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = write(&transaction)?;
        transaction.commit()?;
        self.writes.fetch_add(1, Ordering::Release);
        Ok(result)
    }

    /// Puts questions into the queue, all or none. A question that is there already gets the new count of its run.
    pub fn ask(&self, by: By<'_>, batch: &str, asked: impl IntoIterator<Item = Asked>) -> Result<Added, Error> {
        by.named()?;
        let at = now();
        self.writing(|c| {
            let mut added = Added::default();
            let release = rows::put_release(c, by.index)?;
            for a in asked {
                countable(a.records)?;
                let (id, new) = rows::put_question(c, &a.question)?;
                if new {
                    added.new += 1
                } else {
                    added.known += 1
                }
                let offer = rows::put_offer(c, &a.offer)?;
                let action = Action::Asked { batch: batch.to_owned(), records: a.records, outcome: a.outcome, chapter: a.chapter };
                rows::insert_event(c, id, (by.who, &at, by.why), &action, (release, offer))?;
                settle(c, id, &a.question.source_system, &a.question.target_system)?;
            }
            Ok(added)
        })
    }

    /// Does something to an item.
    ///
    /// `seen` is the version of the item that the person looked at. If somebody else has acted since, nothing happens and
    /// [`Error::Conflict`] says who; `None` is for those who did not look.
    pub fn act(&self, id: i64, seen: Option<i64>, by: By<'_>, action: Action) -> Result<Done, Error> {
        self.act_with(id, seen, by, action, None)
    }

    /// The same, keeping what was on offer at that moment.
    pub fn act_with(&self, id: i64, seen: Option<i64>, by: By<'_>, action: Action, offer: Option<&Offer>) -> Result<Done, Error> {
        self.writing(|c| act(c, id, seen, by, action, offer))
    }

    /// The same to many items, all or none.
    pub fn act_on_all(&self, by: By<'_>, actions: impl IntoIterator<Item = (i64, Action)>) -> Result<u64, Error> {
        self.writing(|c| {
            let mut count = 0;
            for (id, action) in actions {
                act(c, id, None, by, action, None)?;
                count += 1;
            }
            Ok(count)
        })
    }

    /// The same to items that are still as they were seen; nothing to the others.
    pub(super) fn act_on_unchanged(&self, by: By<'_>, actions: impl IntoIterator<Item = (i64, i64, Action)>) -> Result<(), Error> {
        self.writing(|c| {
            for (id, seen, action) in actions {
                match act(c, id, Some(seen), by, action, None) {
                    Ok(_) | Err(Error::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Takes back the last thing that was done to an item, if this person did it.
    pub fn undo(&self, id: i64, seen: Option<i64>, by: By<'_>) -> Result<Done, Error> {
        self.writing(|c| {
            let events = rows::events(c, id)?;
            let gone = undone(&events);
            let mut last = visible(&events, by.who).into_iter().rev().filter(|e| !gone.contains(&e.id) && e.action.can_be_undone());
            let Some(last) = last.next() else { return Err(Error::NothingToUndo) };
            if last.who != by.who {
                return Err(Error::NotYours { who: last.who.clone() });
            }
            act(c, id, seen, by, Action::Undone { event: last.id }, None)
        })
    }

    /// An item as this person may see it.
    pub fn item(&self, id: i64, who: &str) -> Result<Item, Error> {
        self.reading(|c| item(c, id, who))
    }

    /// What this person decided on an item while two work blind on it.
    pub fn own_coding(&self, id: i64, who: &str) -> Result<Option<Verdict>, Error> {
        self.reading(|c| {
            let events = rows::events(c, id)?;
            if !is_blind(&fold(&events)) {
                return Ok(None);
            }
            let gone = undone(&events);
            let mut since_assigned =
                events.into_iter().rev().take_while(|e| !matches!(e.action, Action::Assigned { .. }) || gone.contains(&e.id));
            Ok(since_assigned.find_map(|e| match e.action {
                Action::Decided(verdict) if e.who == who && !gone.contains(&e.id) => Some(verdict),
                _ => None,
            }))
        })
    }

    /// The number of the item for exactly this question.
    pub fn find(&self, question: &super::Question) -> Result<Option<i64>, Error> {
        let q = question;
        self.reading(|c| {
            Ok(c.prepare_cached(
                "SELECT id FROM question WHERE source_system=?1 AND code=?2 AND target_system=?3 AND text=?4 AND facts=?5",
            )?
            .query_row(params![q.source_system, q.code, q.target_system, q.text, q.facts], |row| row.get(0))
            .optional()?)
        })
    }

    /// Everything that was done to an item and that this person may see, in order.
    pub fn history(&self, id: i64, who: &str) -> Result<Vec<Event>, Error> {
        self.reading(|c| {
            rows::question(c, id)?;
            let events = rows::events(c, id)?;
            Ok(visible(&events, who).into_iter().cloned().collect())
        })
    }

    /// What was on offer, by the digest in an event.
    pub fn offer(&self, digest: &str) -> Result<Option<Offer>, Error> {
        self.reading(|c| {
            let lines: Option<String> =
                c.prepare_cached("SELECT lines FROM offer WHERE digest = ?1")?.query_row([digest], |row| row.get(0)).optional()?;
            Ok(lines.map(|l| rows::offer_of_lines(&l)))
        })
    }

    /// Copies the file while it is in use: a consistent state of it, as of the last page copied.
    /// <https://www.sqlite.org/backup.html>
    pub fn backup(&self, to: &Path) -> Result<(), Error> {
        self.reading(|c| {
            let mut target = schema::unlock(Connection::open(to)?)?;
            rusqlite::backup::Backup::new(c, &mut target)?.run_to_completion(1024, Duration::from_millis(5), None)?;
            Ok(())
        })
    }

    /// Derives every state from its events again; returns the items whose tables said something else.
    pub fn rebuild(&self) -> Result<Vec<i64>, Error> {
        self.writing(|c| {
            let mut statement = c.prepare("SELECT id, source_system, target_system FROM question ORDER BY id")?;
            let questions: Vec<(i64, String, String)> =
                statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect::<Result<_, _>>()?;
            let row = |id: i64| -> Result<Option<Vec<rusqlite::types::Value>>, Error> {
                let mut statement = c.prepare_cached("SELECT * FROM item WHERE question = ?1")?;
                let width = statement.column_count();
                Ok(statement.query_row([id], |r| (0..width).map(|i| r.get(i)).collect()).optional()?)
            };
            let mut differ = Vec::new();
            for (id, source, target) in questions {
                let before = row(id)?;
                settle(c, id, &source, &target)?;
                if before != row(id)? {
                    differ.push(id);
                }
            }
            c.execute("DELETE FROM tally", [])?;
            c.execute(
                "INSERT INTO tally SELECT status, source_system, target_system, outcome, chapter, count(*), sum(records) FROM item \
                 GROUP BY 1, 2, 3, 4, 5",
                [],
            )?;
            Ok(differ)
        })
    }

    /// Makes the disk seem full after a few more pages.
    #[cfg(test)]
    pub(super) fn limit_pages_for_test(&self) {
        let writer = self.writer();
        let pages: i64 = writer.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        writer.query_row(&format!("PRAGMA max_page_count = {}", pages + 8), [], |_| Ok(())).unwrap();
    }

    /// Whether an author may approve their own answer.
    pub fn self_approval(&self) -> Result<bool, Error> {
        self.reading(self_approval)
    }

    pub fn set_self_approval(&self, by: By<'_>, allowed: bool) -> Result<(), Error> {
        by.named()?;
        self.writing(|c| {
            let value = if allowed { "allowed" } else { "forbidden" };
            c.execute("INSERT INTO rule (name, value, who, at) VALUES ('self-approval', ?1, ?2, ?3)", params![value, by.who, now()])?;
            Ok(())
        })
    }

    /// The number of the last event of the file.
    pub fn last_event(&self) -> Result<i64, Error> {
        self.reading(|c| Ok(c.prepare_cached("SELECT coalesce(max(id), 0) FROM event")?.query_row([], |row| row.get(0))?))
    }
}

/// More records than this nobody has. The queue adds counts up, and the sum of a million such items is still a number.
pub(super) const MOST_RECORDS: u64 = 1_000_000_000_000;

pub(super) fn countable(records: u64) -> Result<(), Error> {
    if records > MOST_RECORDS { Err(Error::TooMany { records }) } else { Ok(()) }
}

pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn self_approval(c: &Connection) -> Result<bool, Error> {
    let value: Option<String> =
        c.query_row("SELECT value FROM rule WHERE name = 'self-approval' ORDER BY id DESC LIMIT 1", [], |row| row.get(0)).optional()?;
    Ok(value.as_deref() == Some("allowed"))
}

fn item(c: &Connection, id: i64, who: &str) -> Result<Item, Error> {
    let question = rows::question(c, id)?;
    let events: Vec<Event> = visible(&rows::events(c, id)?, who).into_iter().cloned().collect();
    Ok(Item { id, question, state: fold(&events) })
}

fn settle(c: &Connection, id: i64, source: &str, target: &str) -> Result<(), Error> {
    let state = fold(&rows::events(c, id)?);
    rows::put_state(c, id, (source, target), &state)
}

/// A remark is a sentence or two; what is longer is a document, and belongs elsewhere.
pub const LONGEST_REMARK: usize = 2_000;

fn act(c: &Connection, id: i64, seen: Option<i64>, by: By<'_>, action: Action, offer: Option<&Offer>) -> Result<Done, Error> {
    by.named()?;
    let length = by.why.chars().count();
    if length > LONGEST_REMARK {
        return Err(Error::LongRemark { length });
    }
    let question = rows::question(c, id)?;
    let events = rows::events(c, id)?;
    let seeable = visible(&events, by.who);
    if let (Some(seen), Some(last)) = (seen, seeable.last())
        && last.id != seen
    {
        return Err(Error::Conflict { who: last.who.clone(), at: last.at.clone(), what: last.action.code() });
    }
    let state = fold(&events);
    permit(c, &state, by.who, &action)?;
    let release = rows::put_release(c, by.index)?;
    let offer = offer.map_or(Ok(None), |o| rows::put_offer(c, o))?;
    let event = rows::insert_event(c, id, (by.who, &now(), by.why), &action, (release, offer))?;
    settle(c, id, &question.source_system, &question.target_system)?;
    Ok(Done { event, item: item(c, id, by.who)? })
}

/// Who may do what.
fn permit(c: &Connection, state: &State, who: &str, action: &Action) -> Result<(), Error> {
    let blind = is_blind(state);
    match action {
        Action::Decided(_) if blind && who != state.assignee && who != state.second => Err(Error::Blind),
        Action::Decided(verdict) => verdict.usable(),
        // Each may have seen the other's by now: a second "first" answer would not be blind.
        Action::Undone { event } if [state.first_coding, state.second_coding].contains(&Some(*event)) => Err(Error::BothIn),
        Action::Approved | Action::Rejected if blind => Err(Error::Blind),
        Action::Approved | Action::Rejected if state.verdict.is_none() => Err(Error::NothingToApprove),
        // Two coders who differ: one of the two codings may not simply be waved through by its author's rival.
        Action::Approved if state.status == Status::Flagged && state.decision.is_some() && coders_differ(c, state)? => {
            Err(Error::CodersDiffer)
        }
        Action::Approved if state.author == who && !self_approval(c)? => Err(Error::OwnWork),
        // What no translation can use is not approved anew either.
        Action::Approved => state.verdict.as_ref().map_or(Ok(()), Verdict::usable),
        Action::Assigned { to, second: Some(second) } if to.is_empty() || to == second => Err(Error::OneCoder),
        _ => Ok(()),
    }
}

fn coders_differ(c: &Connection, state: &State) -> Result<bool, Error> {
    let (Some(first), Some(second)) = (state.first_coding, state.second_coding) else { return Ok(false) };
    if state.decision != Some(first) && state.decision != Some(second) {
        return Ok(false);
    }
    let key = |event| Ok::<_, Error>(Verdict { targets: rows::targets(c, event)?, ..Verdict::default() }.key());
    Ok(key(first)? != key(second)?)
}
