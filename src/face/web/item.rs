//! One item: what is asked, what is on offer, what was done.

use super::action::Form;
use super::door::Session;
use super::queue::{Address, Looking};
use super::{Problem, State, html, layout, offer, queue, search, work};
use crate::decisions::{self, Action, Event, Finding, Status, Verdict, offered};
use crate::face::Actor;
use crate::model::Relationship;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::sync::Arc;

/// Characters of a record's words that are searched for where there is no code to ask a map for.
const ASKED: usize = 200;
/// Characters of a record's words that are shown at once: what is on offer has to be in sight.
const LONG: usize = 1_000;

pub async fn page(state: Shared<Arc<State>>, headers: HeaderMap, Address(id, looking): Address) -> Response {
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    work(state, Actor { name, operation: "review/item" }, move |state| {
        let session = state.session(&headers)?;
        Ok(html(show(state, &session, id, &looking, None)?))
    })
    .await
}

/// To the next item of the filter, or back to the queue when there is none.
pub async fn next(state: Shared<Arc<State>>, headers: HeaderMap, Address(id, looking): Address) -> Response {
    work(state, Actor::default(), move |state| {
        state.session(&headers)?;
        Ok(Redirect::to(&after(state, id, &looking, None)?).into_response())
    })
    .await
}

/// The address of the item after this one.
pub fn after(state: &State, id: i64, looking: &Looking, done: Option<i64>) -> Result<String, Problem> {
    let query = looking.query();
    let done = done.map_or_else(String::new, |d| format!("&done={d}"));
    Ok(match state.config.store.neighbour(&looking.filter(&*state.held()?), id, false)? {
        Some(next) => format!("/review/item/{next}?{query}{done}"),
        None => format!("/review?{query}{done}"),
    })
}

/// The page of an item; `told` is why the last action was not done, and the form that asked for it: what was typed and picked stays.
pub fn show(state: &State, session: &Session, id: i64, looking: &Looking, told: Option<(&str, &Form)>) -> Result<Markup, Problem> {
    let nothing = Form::default();
    let kept = told.map_or(&nothing, |(_, form)| form);
    let touched = kept.first("action") == "decide";
    let store = &state.config.store;
    let engine = state.engine();
    let item = store.item(id, session.name())?;
    let history = store.history(id, session.name())?;
    let own = store.own_coding(id, session.name())?;
    let translation = offered(&engine, &item.question);
    let held = state.held()?;
    let filter = looking.filter(&held);
    let (previous, next) = (store.neighbour(&filter, id, true)?, store.neighbour(&filter, id, false)?);
    let coverage = store.coverage(&filter, &held)?;
    let query = looking.query();
    let address = |id: i64| format!("/review/item/{id}?{query}");
    let (q, s) = (&item.question, &item.state);
    let blind = !s.second.is_empty() && (s.first_coding.is_none() || s.second_coding.is_none());
    let answered = own.as_ref().or(s.verdict.as_ref());
    let two = codings(&history, s);
    let doubt = (s.status == Status::Flagged).then(|| doubt(&history)).flatten();
    let may_approve = s.verdict.is_some()
        && !blind
        && two.is_none()
        && !s.status.is_settled()
        && (s.author != session.name() || store.self_approval()?);
    let source = translation.as_ref().and_then(|t| t.source);
    // Where no map offers anything, what the search finds for the record's own words is the offer.
    let words = match &looking.q {
        typed if !typed.is_empty() => typed.as_str(),
        _ if q.code.is_empty() && s.finding.is_none() && engine.system(&q.target_system).is_ok() => {
            layout::beginning(&q.text, ASKED).unwrap_or(&q.text)
        }
        _ => "",
    };
    let body = html! {
        (layout::coverage(coverage))
        main #main.item data-page="item" {
            nav.steps aria-label="Items" {
                a href=(format!("/review?{query}")) { kbd { "q" } " Queue" }
                @if let Some(p) = previous { a rel="prev" href=(address(p)) { kbd { "k" } " Previous" } }
                @if let Some(n) = next { a rel="next" href=(address(n)) { kbd { "j" } " Next" } }
                (queue::just_done(state, session, looking)?)
            }
            @if let Some((told, _)) = told { p.problem role="alert" { (told) } }
            section.source aria-labelledby="asked" {
                h1 #asked {
                    span.code { (q.code) } " "
                    (if !q.display.is_empty() { &q.display } else if q.code.is_empty() { "(words without a code)" } else { "(no title)" })
                }
                p.facts {
                    (layout::status(s.status))
                    @if held.why(id).is_some() { (layout::held()) }
                    span { (q.source_system) " to " (q.target_system) }
                    span { strong { (layout::thousands(s.records)) } @if s.records == 1 { " record" } @else { " records" }
                        @if coverage.records > 0 { ", " (format!("{:.2} %", s.records as f64 * 100.0 / coverage.records as f64)) " of this queue" } }
                    @if !s.outcome.is_empty() { span { (s.outcome) } }
                    @if !s.assignee.is_empty() { span { "for " (s.assignee) @if !s.second.is_empty() { " and " (s.second) } } }
                    @if let Some(source) = source { (layout::validity(source)) }
                }
                @if let Some(source) = source { (layout::place(source)) (layout::notes(source)) }
                @if let Some(beginning) = layout::beginning(&q.text, LONG) {
                    p.text { "In the record: " q { (beginning) "\u{2026}" } }
                    details { summary { "All of it (" (layout::thousands(q.text.chars().count() as u64)) " characters)" } p.text { q { (q.text) } } }
                } @else if !q.text.is_empty() { p.text { "In the record: " q { (q.text) } } }
                @if !q.facts.is_empty() { p.text { "Known: " (q.facts) } }
                @if blind { p.hint { "Two people work blind on this item: you see only your own answer until both are in." } }
                @if let Some(finding) = &s.finding { p.problem { "Examined again: " (finding) "." } }
                @if let Some(why) = held.why(id) {
                    p.problem { "Approved, but translations do not use it: " (why) ". Decide anew, with codes that may be recorded." }
                }
                @if let Some((who, why)) = doubt {
                    p.problem { "Flagged by " (who) ": " (why) }
                }
                @match &two {
                    Some(two) => (two),
                    None => @if let Some(verdict) = answered {
                        (answer(verdict, own.is_some(), s))
                        // Whoever approves has to see it before, not after.
                        @if held.why(id).is_none() { @for doubt in decisions::doubts(&engine, q, verdict) { p.problem { (doubt) "." } } }
                    },
                }
            }
            form #decide method="post" action=(address(id)) data-touched=[touched.then_some("yes")] {
                input type="hidden" name="csrf" value=(session.secret);
                input type="hidden" name="seen" value=(s.version);
                div.columns {
                    (offer::options(translation.as_ref(), kept, answered))
                    section.search aria-labelledby="by-search" {
                        h2 #by-search { label for="q" { kbd { "/" } " Search " (q.target_system) } }
                        input #q type="search" autocomplete="off" spellcheck="false" data-system=(q.target_system) value=(words) placeholder="words or a code";
                        p.hint { "Enter takes the first, Shift+Enter adds it; what is ticked stays while you search on." }
                        div #hits role="group" aria-live="polite" aria-label="Hits" {
                            (search::ticked(&engine, &q.target_system, kept.all("code"))?)
                            @if !words.is_empty() { (search::hits(&engine, &q.target_system, words, true)?) }
                            @else if let Some(Finding::TargetExpired { successors, .. }) = &s.finding {
                                (search::successors(&engine, &q.target_system, successors)?)
                            }
                        }
                    }
                }
                div.decision {
                    output #picked aria-live="polite" {}
                    label { "Relationship"
                        select name="relationship" {
                            option value="" { "as the map says" }
                            @for r in Relationship::ALL.into_iter().filter(|r| *r != Relationship::NotRelatedTo) { option value=(r.code()) selected[kept.first("relationship") == r.code()] { (r.code()) } }
                        }
                    }
                    label.why { span { kbd { "c" } " Remark" } input #why name="why" value=(kept.first("why")) maxlength=(decisions::LONGEST_REMARK) autocomplete="off"; }
                    div.buttons {
                        button.primary name="action" value="decide" { kbd { "a" } " Save" }
                        @if may_approve { button.primary name="action" value="approve" { kbd { "a" } " Approve" } }
                        @if s.verdict.is_some() && !blind { button name="action" value="reject" { kbd { "x" } " Reject" } }
                        button name="action" value="no-map" { kbd { "n" } " No map" }
                        button name="action" value="flag" { kbd { "f" } " Flag" }
                        button name="action" value="comment" { "Only remark" }
                        @if can_undo(&history, s, session.name()) { button name="action" value="undo" { kbd { "u" } " Take back" } }
                    }
                }
            }
            (story(&history))
        }
    };
    Ok(layout::page(&format!("{} {}", q.code, q.display), Some(session), body))
}

/// What was not taken back, the last first.
fn standing(history: &[Event]) -> impl Iterator<Item = &Event> {
    let gone: Vec<i64> = history.iter().filter_map(|e| if let Action::Undone { event } = e.action { Some(event) } else { None }).collect();
    history.iter().rev().filter(move |e| !gone.contains(&e.id))
}

/// Who flagged it last, and why, if they said so: the next person needs that first.
fn doubt(history: &[Event]) -> Option<(&str, &str)> {
    let flag = standing(history).find(|e| matches!(e.action, Action::Flagged))?;
    (!flag.why.is_empty()).then_some((flag.who.as_str(), flag.why.as_str()))
}

/// Whether the last thing that was done and not taken back is this person's, and may be taken back.
fn can_undo(history: &[Event], s: &decisions::State, who: &str) -> bool {
    let mut done = standing(history).filter(|e| e.action.can_be_undone());
    done.next().is_some_and(|last| last.who == who && ![s.first_coding, s.second_coding].contains(&Some(last.id)))
}

/// What two coders answered blind who differ, side by side, until somebody has decided between them.
fn codings(history: &[Event], s: &decisions::State) -> Option<Markup> {
    let of = |event: i64| history.iter().find(|e| e.id == event);
    let two = [of(s.first_coding?)?, of(s.second_coding?)?];
    if s.decision != s.first_coding && s.decision != s.second_coding || s.status != decisions::Status::Flagged {
        return None;
    }
    Some(html! {
        div.answer {
            h2 { "The two coders differ" }
            ul { @for coding in two {
                @if let Action::Decided(v) = &coding.action {
                    li { strong { (coding.who) } ": "
                        @if v.is_no_map() { "no map" } @else { @for (at, t) in v.targets.iter().enumerate() { @if at > 0 { " + " } span.code { (t.code) } " " (t.display) } }
                        @if !coding.why.is_empty() { " " small { (coding.why) } } }
                }
            } }
            p.hint { "Decide; then somebody else approves." }
        }
    })
}

fn answer(verdict: &Verdict, own: bool, s: &decisions::State) -> Markup {
    html! {
        div.answer {
            h2 { @if own { "Your answer" } @else { "Answer" } }
            @if verdict.is_no_map() { p { strong { "No map" } } } @else {
                ul { @for t in &verdict.targets {
                    li { span.code { (t.code) } " " (t.display) " " small { (t.relationship.code()) @if t.map.is_empty() { ", found by search" } @else { ", " (t.map) @if t.row > 0 { ", line " (t.row) } } } }
                } }
            }
            @if !s.author.is_empty() { p.hint { "by " (s.author) @if !s.approver.is_empty() { ", approved by " (s.approver) } @if !s.why.is_empty() { ": " (s.why) } } }
        }
    }
}

fn story(history: &[Event]) -> Markup {
    html! {
        details.history {
            summary { "What was done (" (history.len()) ")" }
            ol {
                @for e in history {
                    li {
                        time datetime=(e.at) { (e.at.replace('T', " ").trim_end_matches('Z')) " UTC" } " "
                        strong { (e.who) } @if !e.via.is_empty() { " (brought by " (e.via) ")" } " "
                        (e.action.code())
                        @match &e.action {
                            Action::Decided(v) => { ": " @if v.is_no_map() { "no map" } @else { (v.key()) } },
                            Action::Undone { event } => { " event " (event) },
                            Action::Assigned { to, second } => { " to " (to) @if let Some(second) = second { " and " (second) ", blind" } },
                            Action::Asked { batch, records, .. } => { " by " (batch) ", " (layout::thousands(*records)) " records" },
                            Action::Reexamined(finding) => { ": " (finding) },
                            _ => {},
                        }
                        @if !e.why.is_empty() { ": " (e.why) }
                        small { " event " (e.id) @if !e.index.is_empty() { ", index " (e.index.get(..8).unwrap_or(&e.index)) } }
                    }
                }
            }
        }
    }
}
