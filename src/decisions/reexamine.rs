//! A new release: what does it say of the decisions that were approved under older ones?
//!
//! Nothing is silently kept: every decision that is not *still valid* is flagged with what was found, and translations no longer use it
//! until somebody approves it again or decides anew. Nothing is silently lost: the finding is an event like any other. `serve` does this
//! by itself when it starts with another index or takes one up; `xwalk review reexamine` does it by hand. Until it is done, and where the
//! file can only be read, [`Examined`](super::Examined) holds back the same decisions.

use super::asking::offered;
use super::fold::fold;
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
    pub alternatives: u64,
}

impl Reexamined {
    /// Those that people have to look at again.
    pub fn doubtful(&self) -> u64 {
        self.target_expired + self.source_changed + self.map_changed + self.alternatives
    }
}

/// Looks at every approved decision with the eyes of this index, some hundred at a time: people who work meanwhile hardly wait, and what
/// they do comes first. Broken off, the rest is done the next time.
pub fn reexamine(store: &Store, engine: &Engine, who: &str) -> Result<Reexamined, Error> {
    let fingerprint = engine.index().fingerprint();
    let stale = store.stale(&fingerprint)?;
    let settled = Filter { status: vec![Status::Approved, Status::NoMap], ..Filter::default() };
    let mut result = Reexamined { current: store.count(&settled)?.saturating_sub(stale.len() as u64), ..Reexamined::default() };
    for some in stale.chunks(500) {
        let mut found = Vec::with_capacity(some.len());
        for &id in some {
            let (item, offer) = store.with_offer(id)?;
            let finding = examine(engine, &item, offer.as_ref());
            match finding {
                Finding::StillValid => result.still_valid += 1,
                Finding::TargetExpired { .. } => result.target_expired += 1,
                Finding::SourceChanged => result.source_changed += 1,
                Finding::MapChanged => result.map_changed += 1,
                Finding::Alternatives { .. } => result.alternatives += 1,
            }
            found.push((id, item.state.version, Action::Reexamined(finding)));
        }
        store.act_on_unchanged(By { who, why: "", index: &fingerprint }, found)?;
    }
    Ok(result)
}

/// What this index says of one decision; `before` is what was on offer when it was made.
pub fn examine(engine: &Engine, item: &Item, before: Option<&Offer>) -> Finding {
    let question = &item.question;
    let Ok(target) = engine.system(&question.target_system) else { return Finding::SourceChanged };
    if let Some(verdict) = &item.state.verdict {
        if let Some(codes) = verdict.alternatives() {
            return Finding::Alternatives { codes };
        }
        for chosen in &verdict.targets {
            let concept = target.concept(&chosen.code);
            if concept.is_none_or(|c| c.is_expired()) {
                let successors = concept.map(successors).unwrap_or_default();
                return Finding::TargetExpired { code: chosen.code.clone(), successors };
            }
        }
    }
    if !question.code.is_empty() {
        let Ok(source) = engine.system(&question.source_system) else { return Finding::SourceChanged };
        // A local system has no release; its codes cannot have changed. And what was never a code has not become one less.
        let was_none = before.is_none() && question.display.is_empty();
        if !was_none && !source.releases().is_empty() && source.concept(&question.code).is_none() {
            return Finding::SourceChanged;
        }
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
    /// The settled items that nobody has decided, approved or examined under this index since, and those that nobody can have meant.
    fn stale(&self, fingerprint: &str) -> Result<Vec<i64>, Error> {
        self.reading(|c| {
            let release: Option<i64> =
                c.query_row("SELECT id FROM release WHERE fingerprint = ?1", [fingerprint], |row| row.get(0)).optional()?;
            let mut statement = c.prepare(&format!(
                "SELECT i.question FROM item i WHERE i.status IN ('approved', 'no-map') AND (coalesce({}, -1) <> ?1 \
                 OR EXISTS (SELECT 1 FROM target t WHERE t.event = i.decision GROUP BY t.grp HAVING count(*) > 1)) \
                 ORDER BY i.records DESC, i.question",
                rows::RELEASE_OF_ITEM
            ))?;
            let ids = statement.query_map([release.unwrap_or(0)], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    /// An item with everything that was done to it, and what was on offer when it was decided.
    pub(super) fn with_offer(&self, id: i64) -> Result<(Item, Option<Offer>), Error> {
        self.reading(|c| {
            // Whoever works blind on it meanwhile: what translations use is what was decided before.
            let item = Item { id, question: rows::question(c, id)?, state: fold(&rows::events(c, id)?) };
            // The offer of the decision, else of the question.
            let lines: Option<String> = c
                .prepare_cached(
                    "SELECT o.lines FROM event e JOIN offer o ON o.id = e.offer WHERE e.question = ?1 ORDER BY e.id = ?2 DESC, e.id DESC LIMIT 1",
                )?
                .query_row((id, item.state.decision), |row| row.get(0))
                .optional()?;
            Ok((item, lines.map(|l| rows::offer_of_lines(&l))))
        })
    }
}
