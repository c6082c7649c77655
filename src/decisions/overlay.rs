//! Approved decisions, as the engine asks for them.
//!
//! The most particular decision answers: for the code with these words and facts, with these words, with these facts, for the code
//! alone. A decision for a code with other words or facts does not answer at all.

use super::asking::facts_key;
use super::model::{Status, Verdict};
use super::store::Store;
use super::{Error, rows};
use crate::engine::{self, Decided, Decision, Overlay};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long what another process decided may go unseen; what this one did is seen at once.
const FRESH: Duration = Duration::from_secs(1);

/// The approved decisions of a file, held in memory and kept up to date.
pub struct Approved {
    store: Arc<Store>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// By source system, code and target system.
    decisions: HashMap<(String, String, String), Vec<Held>>,
    /// The last event that was looked at.
    seen: i64,
    looked: Option<Instant>,
    /// [`Store::writes`] at that moment.
    writes: u64,
    with_facts: bool,
}

struct Held {
    question: i64,
    text: String,
    facts: String,
    decision: Decision,
}

impl Approved {
    pub fn new(store: Arc<Store>) -> Result<Approved, Error> {
        let approved = Approved { store, known: RwLock::default() };
        approved.refresh()?;
        Ok(approved)
    }

    /// How many decisions translations can use.
    pub fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).decisions.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in what happened since the last look.
    pub fn refresh(&self) -> Result<(), Error> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.looked = Some(Instant::now());
        known.writes = self.store.writes();
        let known = &mut *known;
        self.store.reading(|c| {
            let mut statement = c.prepare_cached(
                "SELECT i.version, i.question, i.status, i.decision, q.source_system, q.code, q.target_system, q.text, q.facts \
                 FROM item i JOIN question q ON q.id = i.question WHERE i.version > ?1 ORDER BY i.version",
            )?;
            let mut changed = statement.query([known.seen])?;
            while let Some(row) = changed.next()? {
                let (version, question, status, event): (i64, i64, String, Option<i64>) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                let held = known.decisions.entry((row.get(4)?, row.get(5)?, row.get(6)?)).or_default();
                held.retain(|h| h.question != question);
                if let Some(id) = event.filter(|_| Status::from_code(&status).is_some_and(Status::is_settled)) {
                    let verdict = Verdict { targets: rows::targets(c, id)?, ..Verdict::default() };
                    let decided = if verdict.is_no_map() {
                        Decided::NoMap
                    } else {
                        Decided::Targets(verdict.targets.into_iter().map(|t| (t.code, t.relationship)).collect())
                    };
                    let facts: String = row.get(8)?;
                    known.with_facts |= !facts.is_empty();
                    held.push(Held { question, text: row.get(7)?, facts, decision: Decision { id, decided } });
                }
                known.seen = version;
            }
            known.decisions.retain(|_, held| !held.is_empty());
            Ok(())
        })
    }

    fn is_stale(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.writes != self.store.writes() || known.looked.is_none_or(|at| at.elapsed() > FRESH)
    }
}

impl Overlay for Approved {
    fn decision(&self, question: engine::Question<'_>) -> Option<Decision> {
        // A file that cannot be read just now leaves what is known: the next look will tell.
        if self.is_stale() {
            let _ = self.refresh();
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let key = (question.source_system.to_owned(), question.code.to_owned(), question.target_system.to_owned());
        let held = known.decisions.get(&key)?;
        let text = question.text.map_or("", str::trim);
        let facts = if known.with_facts { facts_key(question.facts) } else { String::new() };
        let fits = |h: &&Held| (h.text.is_empty() || h.text == text) && (h.facts.is_empty() || h.facts == facts);
        held.iter().filter(fits).max_by_key(|h| (!h.text.is_empty(), !h.facts.is_empty())).map(|h| h.decision.clone())
    }
}
