//! From events to the state of an item. The only place that says what an event means.
//!
//! The state in the tables is what this fold gives for the item's events, in the same transaction in which the last of them was
//! written; so it can always be derived again ([`Store::rebuild`](super::Store::rebuild)).

use super::model::{Action, Event, Finding, State, Status, Verdict};
use super::store::MOST_RECORDS;
use std::collections::{BTreeMap, HashSet};

/// What the events, in order, amount to.
pub fn fold(events: &[Event]) -> State {
    let undone = undone(events);
    let mut state = State::default();
    let mut batches: BTreeMap<&str, u64> = BTreeMap::new();
    let mut codings: [Option<(i64, &str, &Verdict)>; 2] = [None, None];
    for event in events {
        state.version = event.id;
        // Being asked again next month does not make an answer younger.
        if state.at.is_empty() || !matches!(event.action, Action::Asked { .. }) {
            state.at.clone_from(&event.at);
        }
        if undone.contains(&event.id) {
            continue;
        }
        if !event.why.is_empty() {
            state.why.clone_from(&event.why);
        }
        match &event.action {
            Action::Asked { batch, records, outcome, chapter } => {
                batches.insert(batch, *records);
                state.outcome.clone_from(outcome);
                state.chapter.clone_from(chapter);
            }
            Action::Assigned { to, second } => {
                state.assignee.clone_from(to);
                state.second = second.clone().unwrap_or_default();
                codings = [None, None];
                (state.first_coding, state.second_coding) = (None, None);
            }
            Action::Decided(verdict) => {
                if !state.second.is_empty() && (state.first_coding.is_none() || state.second_coding.is_none()) {
                    let slot = usize::from(event.who == state.second);
                    codings[slot] = Some((event.id, &event.who, verdict));
                    if let [Some(first), Some(second)] = codings {
                        (state.first_coding, state.second_coding) = (Some(first.0), Some(second.0));
                        compare(&mut state, first, second);
                    }
                    continue;
                }
                state.decision = Some(event.id);
                state.verdict = Some(verdict.clone());
                state.author.clone_from(&event.who);
                state.approver.clear();
                state.finding = None;
                state.status = Status::Proposed;
            }
            Action::Approved => {
                if let Some(verdict) = &state.verdict {
                    state.status = if verdict.is_no_map() { Status::NoMap } else { Status::Approved };
                    state.approver.clone_from(&event.who);
                    state.finding = None;
                }
            }
            Action::Rejected => {
                state.status = Status::Rejected;
                state.approver.clear();
            }
            Action::Flagged => {
                state.status = Status::Flagged;
                state.approver.clear();
            }
            Action::Reexamined(Finding::StillValid) => state.finding = None,
            Action::Reexamined(finding) => {
                state.status = Status::Flagged;
                state.approver.clear();
                state.finding = Some(finding.clone());
            }
            Action::Commented | Action::Undone { .. } => {}
        }
    }
    state.records = batches.values().fold(0, |sum: u64, records| sum.saturating_add(*records)).min(MOST_RECORDS);
    state
}

/// Two coders have answered without seeing each other: agreement is an approval by the later, difference wants a third look.
fn compare(state: &mut State, first: (i64, &str, &Verdict), second: (i64, &str, &Verdict)) {
    let (earlier, later) = if first.0 < second.0 { (first, second) } else { (second, first) };
    state.decision = Some(earlier.0);
    state.verdict = Some(earlier.2.clone());
    earlier.1.clone_into(&mut state.author);
    if first.2.key() == second.2.key() {
        state.status = if earlier.2.is_no_map() { Status::NoMap } else { Status::Approved };
        later.1.clone_into(&mut state.approver);
    } else {
        state.status = Status::Flagged;
    }
}

/// The events that were taken back. Taking back a taking-back brings the first one in again.
pub(super) fn undone(events: &[Event]) -> HashSet<i64> {
    let mut undone = HashSet::new();
    for event in events.iter().rev() {
        if let Action::Undone { event: of } = event.action
            && !undone.contains(&event.id)
        {
            undone.insert(of);
        }
    }
    undone
}

/// Whether two coders work blind on it and not both have answered.
pub(super) fn is_blind(state: &State) -> bool {
    !state.second.is_empty() && (state.first_coding.is_none() || state.second_coding.is_none())
}

/// The events that this person may see: while two coders work blind, not what the other one does.
pub(super) fn visible<'e>(events: &'e [Event], who: &str) -> Vec<&'e Event> {
    let blind = is_blind(&fold(events));
    events.iter().filter(|e| !blind || e.who == who || matches!(e.action, Action::Asked { .. } | Action::Assigned { .. })).collect()
}
