//! A new release: what does it say of the decisions that were approved under older ones?
//!
//! Nothing is silently kept: every decision that is not *still valid* is flagged with what was found, and translations no longer use it
//! until somebody approves it again or decides anew. Nothing is silently lost: the finding is an event like any other.

use super::asking::offered;
use super::model::{Action, Finding, Item, Offer, Status};
use super::queue::Filter;
use super::store::{By, Store};
use super::{Error, rows};
use crate::engine::Engine;
use crate::index::Concept;
use crate::model::MapKind;
use rusqlite::OptionalExtension;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reexamined {
    /// Decided under this very index: not looked at.
    pub current: u64,
    pub still_valid: u64,
    pub target_expired: u64,
    pub source_changed: u64,
    pub map_changed: u64,
}

/// Looks at every approved decision with the eyes of this index.
pub fn reexamine(store: &Store, engine: &Engine, who: &str) -> Result<Reexamined, Error> {
    let fingerprint = engine.index().fingerprint();
    let mut result = Reexamined::default();
    let filter = Filter { status: vec![Status::Approved, Status::NoMap], ..Filter::default() };
    let mut found = Vec::new();
    for id in store.ids(&filter)? {
        let (item, offer) = store.with_offer(id)?;
        if item.1 == fingerprint {
            result.current += 1;
            continue;
        }
        let finding = examine(engine, &item.0, offer.as_ref());
        match finding {
            Finding::StillValid => result.still_valid += 1,
            Finding::TargetExpired { .. } => result.target_expired += 1,
            Finding::SourceChanged => result.source_changed += 1,
            Finding::MapChanged => result.map_changed += 1,
        }
        found.push((id, Action::Reexamined(finding)));
    }
    store.act_on_all(By { who, why: "", index: &fingerprint }, found)?;
    Ok(result)
}

/// What this index says of one decision; `before` is what was on offer when it was made.
pub fn examine(engine: &Engine, item: &Item, before: Option<&Offer>) -> Finding {
    let question = &item.question;
    let (Ok(source), Ok(target)) = (engine.system(&question.source_system), engine.system(&question.target_system)) else {
        return Finding::SourceChanged;
    };
    if let Some(verdict) = &item.state.verdict {
        for chosen in &verdict.targets {
            let concept = target.concept(&chosen.code);
            if concept.is_none_or(|c| c.is_expired()) {
                let successors = concept.map(successors).unwrap_or_default();
                return Finding::TargetExpired { code: chosen.code.clone(), successors };
            }
        }
    }
    // A local system has no release; its codes cannot have changed.
    if !question.code.is_empty() && !source.releases().is_empty() && source.concept(&question.code).is_none() {
        return Finding::SourceChanged;
    }
    let now = offered(engine, question).map(|t| Offer::of(&t)).unwrap_or_default();
    match before {
        Some(before) if before.codes() != now.codes() => Finding::MapChanged,
        _ => Finding::StillValid,
    }
}

/// The codes that took the place of one, by the loaded conversion tables and history.
fn successors(concept: Concept<'_>) -> String {
    let index = concept.system().index();
    let mut codes: Vec<&str> = Vec::new();
    for map in index.maps().filter(|m| m.kind() == MapKind::Succession && m.source() == concept.system()) {
        for next in map.rows_of(concept).filter_map(|row| row.target()) {
            if next != concept && !codes.contains(&next.code()) {
                codes.push(next.code());
            }
        }
    }
    codes.join(" ")
}

impl Store {
    /// An item, the fingerprint under which its decision was made or last examined, and what was on offer then.
    fn with_offer(&self, id: i64) -> Result<((Item, String), Option<Offer>), Error> {
        let item = self.item(id, "")?;
        self.reading(|c| {
            let index: Option<String> = c
                .prepare_cached(
                    "SELECT r.fingerprint FROM event e JOIN release r ON r.id = e.release WHERE e.question = ?1 \
                     AND e.action IN ('decided', 'approved', 'reexamined') ORDER BY e.id DESC LIMIT 1",
                )?
                .query_row([id], |row| row.get(0))
                .optional()?;
            // The offer of the decision, else of the question.
            let lines: Option<String> = c
                .prepare_cached(
                    "SELECT o.lines FROM event e JOIN offer o ON o.id = e.offer WHERE e.question = ?1 ORDER BY e.id = ?2 DESC, e.id DESC LIMIT 1",
                )?
                .query_row((id, item.state.decision), |row| row.get(0))
                .optional()?;
            Ok(((item, index.unwrap_or_default()), lines.map(|l| rows::offer_of_lines(&l))))
        })
    }
}
