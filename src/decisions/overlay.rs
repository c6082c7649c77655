//! Approved decisions, as the engine asks for them.
//!
//! The most particular decision answers: for the code with these words and facts, with these words, with these facts, for the code
//! alone. A decision for a code with other words or facts does not answer at all.
//!
//! [`Approved`] knows what people approved, whatever the index; an engine is given [`Examined`], which holds a decision of another index
//! against its own before it is used.

use super::asking::facts_key;
use super::model::{Status, Verdict};
use super::store::Store;
use super::{Error, Finding, examine, rows};
use crate::engine::{self, Decided, Decision, Engine, Overlay};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long what another process decided may go unseen; what this one did is seen at once.
const FRESH: Duration = Duration::from_secs(1);

/// The approved decisions of a file, held in memory and kept up to date.
pub struct Approved {
    store: Arc<Store>,
    known: RwLock<Known>,
    /// What is decided from now on is not looked at.
    frozen: bool,
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
    /// Fingerprints of the indexes under which somebody decided, approved or examined.
    releases: HashMap<i64, String>,
}

struct Held {
    question: i64,
    /// Of the last time that it was decided, approved or examined.
    release: Option<i64>,
    text: String,
    facts: String,
    decision: Decision,
}

impl Approved {
    pub fn new(store: Arc<Store>) -> Result<Approved, Error> {
        let approved = Approved { store, known: RwLock::default(), frozen: false };
        approved.refresh()?;
        Ok(approved)
    }

    /// As they are now, for a run that must not begin with one state and end with another.
    pub fn frozen(store: Arc<Store>) -> Result<Approved, Error> {
        Ok(Approved { frozen: true, ..Approved::new(store)? })
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
            let mut releases = c.prepare_cached("SELECT id, fingerprint FROM release")?;
            known.releases = releases.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
            let mut statement = c.prepare_cached(&format!(
                "SELECT i.version, i.question, i.status, i.decision, q.source_system, q.code, q.target_system, q.text, q.facts, {} \
                 FROM item i JOIN question q ON q.id = i.question WHERE i.version > ?1 ORDER BY i.version",
                rows::RELEASE_OF_ITEM
            ))?;
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
                    } else if let Some(codes) = verdict.alternatives() {
                        Decided::Held(Finding::Alternatives { codes }.to_string())
                    } else {
                        Decided::Targets(verdict.targets.into_iter().map(|t| (t.code, t.relationship)).collect())
                    };
                    let facts: String = row.get(8)?;
                    known.with_facts |= !facts.is_empty();
                    let release = row.get(9)?;
                    held.push(Held { question, release, text: row.get(7)?, facts, decision: Decision { id, decided } });
                }
                known.seen = version;
            }
            known.decisions.retain(|_, held| !held.is_empty());
            Ok(())
        })
    }

    /// The last event that was looked at.
    pub(super) fn seen(&self) -> i64 {
        self.known.read().unwrap_or_else(PoisonError::into_inner).seen
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    fn is_stale(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        !self.frozen && (known.writes != self.store.writes() || known.looked.is_none_or(|at| at.elapsed() > FRESH))
    }

    /// The decision, the number of its item, and whether this index is the last under which somebody looked at it.
    fn find(&self, question: engine::Question<'_>, fingerprint: &str) -> Option<(Decision, i64, bool)> {
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
        let held = held.iter().filter(fits).max_by_key(|h| (!h.text.is_empty(), !h.facts.is_empty()))?;
        let current = held.release.and_then(|id| known.releases.get(&id)).is_some_and(|f| f == fingerprint);
        Some((held.decision.clone(), held.question, current))
    }
}

impl Overlay for Approved {
    fn decision(&self, question: engine::Question<'_>) -> Option<Decision> {
        self.find(question, "").map(|(decision, ..)| decision)
    }

    fn digest(&self) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(asked, held): (&(String, String, String), &Held)| {
            format!("{asked:?} {:?} {:?} {:?} {:?}", held.text, held.facts, held.decision, held.release)
        };
        let mut all: Vec<String> = known.decisions.iter().flat_map(|(asked, held)| held.iter().map(move |h| of((asked, h)))).collect();
        all.sort_unstable();
        blake3::hash(all.join("\n").as_bytes()).to_hex().to_string()
    }
}

/// Approved decisions as one index may use them.
///
/// One that was decided, approved or examined under this very index is used as it is. Any other is examined when it is first asked for,
/// so that opening a file costs nothing: if the index no longer agrees, the decision is held back and the answer says why. Nothing is
/// written; [`reexamine`](super::reexamine) puts the same findings on people's list.
pub struct Examined {
    approved: Arc<Approved>,
    engine: Engine,
    fingerprint: String,
    /// By decision.
    findings: RwLock<HashMap<i64, Finding>>,
}

impl Examined {
    /// As `engine` may use them.
    pub fn by(engine: &Engine, approved: Arc<Approved>) -> Examined {
        Examined { approved, engine: engine.clone(), fingerprint: engine.index().fingerprint(), findings: RwLock::default() }
    }

    fn finding(&self, decision: i64, item: i64) -> Result<Finding, Error> {
        if let Some(known) = self.findings.read().unwrap_or_else(PoisonError::into_inner).get(&decision) {
            return Ok(known.clone());
        }
        let (item, before) = self.approved.store.with_offer(item)?;
        let finding = examine(&self.engine, &item, before.as_ref());
        self.findings.write().unwrap_or_else(PoisonError::into_inner).insert(decision, finding.clone());
        Ok(finding)
    }
}

impl Overlay for Examined {
    fn decision(&self, question: engine::Question<'_>) -> Option<Decision> {
        let (decision, item, current) = self.approved.find(question, &self.fingerprint)?;
        if current {
            return Some(decision);
        }
        let why = match self.finding(decision.id, item) {
            Ok(Finding::StillValid) => return Some(decision),
            Ok(finding) => finding.to_string(),
            Err(error) => format!("it cannot be examined just now: {error}"),
        };
        Some(Decision { decided: Decided::Held(why), ..decision })
    }

    fn digest(&self) -> String {
        self.approved.digest()
    }
}
