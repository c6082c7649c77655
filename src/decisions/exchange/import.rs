//! Into the store: as events, like everything else.
//!
//! An event that comes from a file bears the name of the person in the file and the time of the file, and says who brought it
//! (`via`): names in a file are a claim of whoever imports it, who also stands for the names that are missing. Two people make an approval
//! here too, unless the rule of the store is another: what the file calls approved by nobody but its author is taken in as proposed.

use super::{Exchanged, Problem, Readout};
use crate::decisions::fold::{fold, is_blind};
use crate::decisions::model::{Action, Event, Status, Verdict};
use crate::decisions::store::{self, By, Store, now};
use crate::decisions::{Error, Filter, asking, rows};
use crate::engine::Engine;

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Questions that were not in the queue.
    pub new: u64,
    pub known: u64,
    /// Items that got an answer or another one.
    pub decided: u64,
    /// Items that were settled otherwise and kept their answer.
    pub kept: u64,
    /// Answers that the file calls approved, and names no second person for: they wait for one.
    pub proposed: u64,
    pub problems: Vec<Problem>,
    /// Rows of a job that ask reviewers nothing: see [`Readout::unasked`](super::Readout::unasked).
    pub unasked: u64,
}

/// Puts what was read into the store, all or nothing.
///
/// With an engine, questions that bring no outcome get what the index says of them, and an answer with codes that it lacks is a problem each:
/// it is taken in and flagged, so that it is neither used nor lost. An item that is settled keeps its answer unless `replace`.
pub fn import(store: &Store, readout: Readout, engine: Option<&Engine>, batch: &str, by: By<'_>, replace: bool) -> Result<Imported, Error> {
    by.named()?;
    let mut result = Imported { problems: readout.problems, unasked: readout.unasked, ..Imported::default() };
    let (names_people, self_approval) = (readout.names_people, store.self_approval()?);
    let mut items = Vec::with_capacity(readout.items.len());
    for mut item in readout.items {
        if let Some(engine) = engine {
            as_printed(&mut item, engine);
        }
        if let Some(what) = refuse(&item) {
            result.problems.push(Problem { line: item.line, what });
            continue;
        }
        let doubt = engine.and_then(|e| doubt(&item, e));
        if let Some(what) = &doubt {
            let what = format!("{}: {what}; taken in, flagged, not used", item.question.code);
            result.problems.push(Problem { line: item.line, what });
        }
        items.push((item, doubt));
    }
    let time = now();
    store.writing(|c| {
        let release = rows::put_release(c, by.index)?;
        for (item, doubt) in items {
            let (outcome, chapter, offer) = described(&item, engine);
            let (id, new) = rows::put_question(c, &item.question)?;
            let events = rows::events(c, id)?;
            let blind = is_blind(&fold(&events));
            let records = item.records.unwrap_or_else(|| if new { 1 } else { of_batch(&events, batch) });
            if new {
                result.new += 1
            } else {
                result.known += 1
            }
            let put = |who: &str, action: &Action, offer| {
                let (who, via) = if who.is_empty() || who == by.who { (by.who, "") } else { (who, by.who) };
                let at = if item.at.is_empty() || matches!(action, Action::Asked { .. }) { &time } else { &item.at };
                let said = matches!(action, Action::Decided(_)) || (item.verdict.is_none() && matches!(action, Action::Flagged));
                let why = if said { item.why.as_str() } else { "" };
                rows::insert_event_via(c, id, (who, at, why, via), action, (release, offer))
            };
            let settle = || {
                let state = fold(&rows::events(c, id)?);
                rows::put_state(c, id, (&item.question.source_system, &item.question.target_system), &state)?;
                Ok::<_, Error>(state)
            };
            let offer = offer.map_or(Ok(None), |o| rows::put_offer(c, &o))?;
            put(by.who, &Action::Asked { batch: batch.to_owned(), records, outcome, chapter }, offer)?;
            if !item.assignee.is_empty() && !blind {
                // Whether two worked blind is over: what they found is in the answer.
                put(by.who, &Action::Assigned { to: item.assignee.clone(), second: None }, None)?;
            }
            let state = settle()?;
            let Some(verdict) = item.verdict.clone() else {
                if item.status == Status::Flagged && state.status == Status::Unreviewed {
                    put(&item.author, &Action::Flagged, None)?;
                    settle()?;
                }
                continue;
            };
            if blind {
                // Theirs it is to answer, and nobody else's; the file of another would end it unseen.
                let is_own = item.author.is_empty() || item.author == by.who;
                if is_own && [&state.assignee, &state.second].iter().any(|coder| *coder == by.who) {
                    put(by.who, &Action::Decided(verdict), offer)?;
                    settle()?;
                    result.decided += 1;
                } else {
                    let what = format!("{}: two people work blind on it; the answer was left out", item.question.code);
                    result.problems.push(Problem { line: item.line, what });
                }
                continue;
            }
            let waits = item.status.is_settled() && !self_approval && approved_by_its_author(&item, names_people, by.who);
            let status = if waits { Status::Proposed } else { item.status };
            let becomes = if doubt.is_some() { Status::Flagged } else { status };
            let to_approve = u64::from(waits && becomes == Status::Proposed);
            let is_same = state.verdict.as_ref().is_some_and(|v| v.key() == verdict.key());
            if is_same && (state.status == becomes || (becomes == Status::Proposed && state.status.is_settled())) {
                result.proposed += if state.status.is_settled() { 0 } else { to_approve };
                continue;
            }
            if state.status.is_settled() && !replace {
                result.kept += 1;
                continue;
            }
            put(&item.author, &Action::Decided(verdict), offer)?;
            result.proposed += to_approve;
            match status {
                Status::Approved | Status::NoMap => drop(put(&item.approver, &Action::Approved, None)?),
                Status::Rejected => drop(put(&item.approver, &Action::Rejected, None)?),
                Status::Flagged => drop(put(&item.approver, &Action::Flagged, None)?),
                Status::Proposed | Status::Unreviewed => {}
            }
            if let Some(why) = doubt {
                rows::insert_event(c, id, (by.who, &time, &why), &Action::Flagged, (release, None))?;
            }
            settle()?;
            result.decided += 1;
        }
        Ok(())
    })?;
    result.problems.sort_by_key(|p| p.line);
    Ok(result)
}

/// The count of a run that asked before; a file that says none changes none.
fn of_batch(events: &[Event], name: &str) -> u64 {
    let of = |event: &Event| match &event.action {
        Action::Asked { batch, records, .. } if batch == name => Some(*records),
        _ => None,
    };
    events.iter().rev().find_map(of).unwrap_or(0)
}

/// Whether nobody else has approved, as far as the file has a place to say so.
fn approved_by_its_author(item: &Exchanged, names_people: bool, importer: &str) -> bool {
    if !names_people && item.author.is_empty() && item.approver.is_empty() {
        return false;
    }
    let or_importer = |name: &str| if name.is_empty() { importer.to_owned() } else { name.to_owned() };
    or_importer(&item.author) == or_importer(&item.approver)
}

/// Codes as their systems print them: a run asks by those, and would not find `25000`.
fn as_printed(item: &mut Exchanged, engine: &Engine) {
    let print = |system: &str, code: &mut String| {
        if let Some(concept) = engine.system(system).ok().and_then(|s| s.concept(code)) {
            concept.code().clone_into(code);
        }
    };
    print(&item.question.source_system, &mut item.question.code);
    for target in item.verdict.iter_mut().flat_map(|v| &mut v.targets) {
        print(&item.question.target_system, &mut target.code);
    }
}

/// Why an item cannot be taken in.
fn refuse(item: &Exchanged) -> Option<String> {
    let q = &item.question;
    if q.code.is_empty() && q.text.is_empty() {
        return Some("neither a code nor a text; left out".to_owned());
    }
    let error = store::countable(item.records.unwrap_or(0)).and(item.verdict.as_ref().map_or(Ok(()), Verdict::usable)).err();
    error.map(|error| format!("{}: {error}; left out", q.code))
}

/// Why an answer cannot be used with this index: it knows the source or a target not. Perhaps a later index does.
fn doubt(item: &Exchanged, engine: &Engine) -> Option<String> {
    let (q, verdict) = (&item.question, item.verdict.as_ref()?);
    let target = match engine.system(&q.target_system) {
        Ok(target) => target,
        Err(refusal) => return Some(refusal.to_string()),
    };
    if let Some(unknown) = verdict.targets.iter().find(|t| target.concept(&t.code).is_none()) {
        return Some(format!("the target `{}` is not a code of {} in this index", unknown.code, target.alias()));
    }
    // A source system of the user's own need not be in the index, and codes that are none are settled by people too. But an answer that
    // comes from elsewhere for a code that is none here may mean another release.
    let source = engine.system(&q.source_system).ok().filter(|s| !s.releases().is_empty())?;
    let unknown = !q.code.is_empty() && source.concept(&q.code).is_none();
    unknown.then(|| format!("`{}` is not a code of {} in this index", q.code, source.alias()))
}

/// Outcome, chapter and offer: of the file, else of the index.
fn described(item: &Exchanged, engine: Option<&Engine>) -> (String, String, Option<super::super::Offer>) {
    let (mut outcome, mut chapter) = (item.outcome.clone(), item.chapter.clone());
    let Some(engine) = engine else { return (outcome, chapter, None) };
    let translation = asking::offered(engine, &item.question);
    if let Some(t) = &translation {
        if outcome.is_empty() {
            t.outcome.code().clone_into(&mut outcome);
        }
        if chapter.is_empty() {
            chapter = t.source.map_or_else(String::new, asking::chapter);
        }
    }
    (outcome, chapter, translation.map(|t| super::super::Offer::of(&t)))
}

impl Store {
    /// The items of a filter as they leave the store.
    pub fn exchanged(&self, filter: &Filter) -> Result<Vec<Exchanged>, Error> {
        let ids = self.ids(filter)?;
        ids.into_iter()
            .map(|id| {
                // The reader of an export is nobody: what two people still work on blind is not in it.
                let item = self.item(id, "")?;
                let s = item.state;
                Ok(Exchanged {
                    question: item.question,
                    records: Some(s.records),
                    outcome: s.outcome,
                    chapter: s.chapter,
                    status: s.status,
                    verdict: s.verdict,
                    author: s.author,
                    approver: s.approver,
                    at: s.at,
                    why: s.why,
                    assignee: s.assignee,
                    second: s.second,
                    line: 0,
                })
            })
            .collect()
    }
}
