//! Which approved answers translations use, and why not the others.
//!
//! An answer that two people approved may still not be used: a code of it has expired or is a header, no loaded release lists it, the index
//! is another one and the map now says something else. Whether it is, the engine alone decides. So every approved question is put to it as
//! a run would put it, under [`Policy::Decision`], and an answer that it does not take is *held back*, for the reason that it gives. What
//! the queue counts as settled is therefore what the next run settles.
//!
//! Not known here is what belongs to a record alone: its date of service, and a target date unless one is given.

use super::asking::facts_of_key;
use super::model::{Question, Status};
use super::overlay::{Approved, Examined};
use super::{Error, Filter, rows};
use crate::engine::{Asked, Engine, Policy, Translator, TranslatorOptions, Upheld};
use crate::model::Date;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Approved answers that are not used: by item, why.
#[derive(Clone, Debug, Default)]
pub struct Held(BTreeMap<i64, String>);

impl Held {
    pub fn why(&self, item: i64) -> Option<&str> {
        self.0.get(&item).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a filter that are held back, whatever its status.
    pub fn among(&self, filter: &Filter) -> Filter {
        Filter { status: vec![Status::Approved, Status::NoMap], among: Some(self.0.keys().copied().collect()), ..filter.clone() }
    }
}

/// What one engine makes of the approved answers; kept up to date at the price of what has changed since.
pub struct Usage {
    approved: Arc<Approved>,
    engine: Engine,
    target_date: Option<Date>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The last event that was looked at.
    seen: i64,
    held: Arc<Held>,
}

impl Usage {
    /// As `engine` uses them, where targets must be valid on `target_date`, if there is one.
    pub fn new(engine: &Engine, approved: Arc<Approved>, target_date: Option<Date>) -> Usage {
        let overlay = Examined::by(engine, Arc::clone(&approved));
        Usage { approved, engine: engine.clone().with_overlay(Arc::new(overlay)), target_date, known: Mutex::default() }
    }

    /// What is held back now.
    pub fn held(&self) -> Result<Arc<Held>, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // First what the engine will be told; then nothing is looked at that it does not know.
        self.approved.refresh()?;
        let now = self.approved.seen();
        if now == known.seen {
            return Ok(Arc::clone(&known.held));
        }
        let mut held = known.held.0.clone();
        let mut translators = HashMap::new();
        for changed in self.changed(known.seen, now)? {
            match changed.decision.and_then(|decision| self.why_not(&changed.question, decision, &mut translators)) {
                Some(why) => held.insert(changed.item, why),
                None => held.remove(&changed.item),
            };
        }
        *known = Known { seen: now, held: Arc::new(Held(held)) };
        Ok(Arc::clone(&known.held))
    }

    /// The items whose last event is after one and not after another.
    fn changed(&self, after: i64, until: i64) -> Result<Vec<Changed>, Error> {
        self.approved.store().reading(|c| {
            let mut statement = c.prepare_cached(
                "SELECT i.question, i.decision, i.status, q.source_system, q.code, q.target_system, q.text, q.facts, q.display \
                 FROM item i JOIN question q ON q.id = i.question \
                 WHERE i.version > ?1 AND i.version <= ?2 AND (?1 > 0 OR i.status IN ('approved', 'no-map'))",
            )?;
            let changed = statement.query_map([after, until], |row| {
                let status: String = row.get(2)?;
                let is_settled = Status::from_code(&status).is_some_and(Status::is_settled);
                let decision: Option<i64> = row.get(1)?;
                Ok(Changed { item: row.get(0)?, decision: decision.filter(|_| is_settled), question: rows::question_at(row, 3)? })
            })?;
            Ok(changed.collect::<Result<_, _>>()?)
        })
    }

    /// Why the engine does not use a decision; `None`: it does.
    fn why_not<'e>(&'e self, q: &Question, decision: i64, translators: &mut Translators<'e>) -> Option<String> {
        let facts = facts_of_key(&q.facts);
        let text = Some(q.text.as_str()).filter(|t| !t.is_empty());
        let not_asked = || "no translation asks this question as it is written here".to_owned();
        if q.code.is_empty() {
            let question =
                crate::engine::Question { source_system: &q.source_system, code: "", target_system: &q.target_system, text, facts: &facts };
            return match self.engine.reviewed(question, self.target_date) {
                Some((id, Upheld::NoMap | Upheld::Targets(_))) if id == decision => None,
                Some((id, Upheld::Held { why, .. })) if id == decision => Some(why),
                _ => Some(not_asked()),
            };
        }
        let translator = translators.entry((q.source_system.clone(), q.target_system.clone())).or_insert_with(|| {
            let options = TranslatorOptions {
                from: q.source_system.clone(),
                to: q.target_system.clone(),
                policy: Policy::Decision,
                target_date: self.target_date,
                ..TranslatorOptions::default()
            };
            self.engine.translator(options).map_err(|refusal| refusal.to_string())
        });
        let translator = match translator {
            Ok(translator) => translator,
            Err(refusal) => return Some(refusal.clone()),
        };
        let t = translator.translate(&Asked { code: &q.code, date: None, facts: &facts, text });
        if t.picked.as_ref().and_then(|p| p.decision) == Some(decision) {
            return None;
        }
        let read_as = t.source.map(|s| s.code()).filter(|code| *code != q.code);
        Some(match read_as {
            Some(code) => format!("a run asks for {code}, which is another item"),
            None if t.message.is_empty() => not_asked(),
            None => t.message.to_string(),
        })
    }
}

type Translators<'e> = HashMap<(String, String), Result<Translator<'e>, String>>;

struct Changed {
    item: i64,
    /// The event whose verdict is settled, if it is.
    decision: Option<i64>,
    question: Question,
}
