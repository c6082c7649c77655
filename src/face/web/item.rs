//! One item: what is asked, what is on offer, what was done.

use super::door::Session;
use super::queue::Looking;
use super::{Problem, State, html, layout, search, work};
use crate::decisions::{Action, Event, Item, offered};
use crate::engine::{Engine, Outcome, Target, TargetState, Translation};
use crate::face::Actor;
use crate::model::Relationship;
use axum::extract::{Path, Query, State as Shared};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::sync::Arc;

pub async fn page(state: Shared<Arc<State>>, headers: HeaderMap, Path(id): Path<i64>, Query(looking): Query<Looking>) -> Response {
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    work(state, Actor { name, operation: "review/item" }, move |state| {
        let session = state.session(&headers)?;
        Ok(html(show(state, &session, id, &looking, None)?))
    })
    .await
}

/// To the next item of the filter, or back to the queue when there is none.
pub async fn next(state: Shared<Arc<State>>, headers: HeaderMap, Path(id): Path<i64>, Query(looking): Query<Looking>) -> Response {
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
    Ok(match state.config.store.neighbour(&looking.filter(), id, false)? {
        Some(next) => format!("/review/item/{next}?{query}{done}"),
        None => format!("/review?{query}"),
    })
}

/// The page of an item; `told` is why the last action was not done.
pub fn show(state: &State, session: &Session, id: i64, looking: &Looking, told: Option<&str>) -> Result<Markup, Problem> {
    let store = &state.config.store;
    let engine = state.engine();
    let item = store.item(id, session.name())?;
    let history = store.history(id, session.name())?;
    let own = store.own_coding(id, session.name())?;
    let translation = offered(&engine, &item.question);
    let filter = looking.filter();
    let (previous, next) = (store.neighbour(&filter, id, true)?, store.neighbour(&filter, id, false)?);
    let coverage = store.coverage(&filter)?;
    let query = looking.query();
    let address = |id: i64| format!("/review/item/{id}?{query}");
    let s = &item.state;
    let blind = !s.second.is_empty() && (s.first_coding.is_none() || s.second_coding.is_none());
    let answered = own.as_ref().or(s.verdict.as_ref());
    let body = html! {
        (layout::coverage(coverage))
        main #main data-page="item" data-answered=(if s.verdict.is_some() { "yes" } else { "no" }) {
            nav.steps aria-label="Items" {
                @if let Some(p) = previous { a rel="prev" href=(address(p)) { kbd { "k" } " Previous" } }
                @if let Some(n) = next { a rel="next" href=(address(n)) { kbd { "j" } " Next" } }
                a href=(format!("/review?{query}")) { "Queue" }
                @if let Some(done) = looking.done {
                    form.inline method="post" action=(address(done)) data-undo {
                        input type="hidden" name="csrf" value=(session.secret);
                        span role="status" { "Saved." }
                        button.link type="submit" name="action" value="undo" { kbd { "u" } " Take back" }
                    }
                }
            }
            @if let Some(told) = told { p.problem role="alert" { (told) } }
            section.source aria-labelledby="asked" {
                h1 #asked {
                    span.code { (item.question.code) } " "
                    (if item.question.display.is_empty() { "(a local text)" } else { &item.question.display })
                }
                p.facts {
                    (layout::status(s.status)) " "
                    (item.question.source_system) " to " (item.question.target_system) ", "
                    strong { (layout::thousands(s.records)) } @if s.records == 1 { " record" } @else { " records" }
                    @if coverage.records > 0 { ", " (format!("{:.2} %", s.records as f64 * 100.0 / coverage.records as f64)) " of all" }
                    @if !s.outcome.is_empty() { ", " (s.outcome) }
                    @if !s.assignee.is_empty() { ", for " (s.assignee) @if !s.second.is_empty() { " and " (s.second) } }
                }
                @if blind { p.hint { "Two people work blind on this item: you see only your own answer until both are in." } }
                @if !item.question.text.is_empty() { p.text { "In the record: " q { (item.question.text) } } }
                @if !item.question.facts.is_empty() { p.text { "Known: " (item.question.facts) } }
                @if let Some(finding) = &s.finding { p.problem { "The new release: " (finding) "." } }
                @if let Some(source) = translation.as_ref().and_then(|t| t.source) { (layout::place(source)) (layout::notes(source)) }
            }
            @if let Some(verdict) = answered {
                section.answer aria-label="Answer" {
                    h2 { @if own.is_some() { "Your answer" } @else { "Answer" } }
                    @if verdict.is_no_map() { p { strong { "No map." } } } @else {
                        ul { @for t in &verdict.targets {
                            li { span.code { (t.code) } " " (t.display) " " small { (t.relationship.code()) @if t.map.is_empty() { ", by hand" } } }
                        } }
                    }
                    @if !s.author.is_empty() { p.hint { "by " (s.author) @if !s.approver.is_empty() { ", approved by " (s.approver) } @if !s.why.is_empty() { ": " (s.why) } } }
                }
            }
            form #decide method="post" action=(address(id)) {
                input type="hidden" name="csrf" value=(session.secret);
                input type="hidden" name="seen" value=(s.version);
                (options(translation.as_ref()))
                section.search aria-labelledby="by-search" {
                    h2 #by-search { label for="q" { kbd { "/" } " Search " (item.question.target_system) } }
                    input #q type="search" autocomplete="off" spellcheck="false" data-system=(item.question.target_system) value=(looking.q) placeholder="words or a code";
                    div #hits role="group" aria-live="polite" aria-label="Hits" {
                        @if !looking.q.is_empty() { (search::hits(&engine, &item.question.target_system, &looking.q)?) }
                    }
                }
                div.decision {
                    label { "Relationship"
                        select name="relationship" {
                            option value="" { "as the map says; by search: related-to" }
                            @for r in Relationship::ALL { option value=(r.code()) { (r.code()) } }
                        }
                    }
                    label.why { "Remark" input name="why" maxlength="2000" autocomplete="off"; }
                    div.buttons {
                        button.primary name="action" value="decide" { kbd { "a" } " Save picks" }
                        button name="action" value="no-map" { kbd { "n" } " No map" }
                        button name="action" value="flag" { kbd { "f" } " Flag" }
                        @if s.verdict.is_some() && !blind {
                            button name="action" value="approve" { kbd { "a" } " Approve" }
                            button name="action" value="reject" { kbd { "x" } " Reject" }
                        }
                        button name="action" value="comment" { "Only remark" }
                        button name="action" value="undo" { "Take back" }
                    }
                }
            }
            (story(&history))
        }
    };
    Ok(layout::page(&format!("{} {}", item.question.code, item.question.display), Some(session), body))
}

/// Everything on offer: scenarios to choose from, in each one option of every group.
fn options(translation: Option<&Translation<'_>>) -> Markup {
    let Some(t) = translation else {
        return html! { p.hint { "No map is asked for this item; search for the target." } };
    };
    let several = t.scenarios.len() > 1;
    let mut number = 0;
    html! {
        section.options aria-labelledby="offer" {
            h2 #offer { "Options" }
            @if t.scenarios.is_empty() {
                p.hint { @if t.message.is_empty() { (t.outcome.code()) } @else { (t.message) } }
                @if t.outcome == Outcome::NoMap { p.hint { "The map itself says that there is none." } }
            }
            @for need in &t.needs { p.hint { "A rule waits for: " (need.fact) } }
            @for (s, scenario) in t.scenarios.iter().enumerate() {
                @let combined = scenario.groups.len() > 1;
                fieldset.scenario data-scenario=(s) data-combined=[combined.then_some("yes")] {
                    @if several || combined {
                        legend {
                            label {
                                input type="radio" name="scenario" value=(s) checked[!several];
                                @if several { " Scenario " (s + 1) }
                                @if combined { " " (scenario.groups.len()) " codes together: one of each group" }
                            }
                        }
                    } @else { input type="hidden" name="scenario" value=(s); legend.hidden { "One of these" } }
                    @for (g, group) in scenario.groups.iter().enumerate() {
                        div.group role="radiogroup" aria-label=(if combined { format!("Group {}", g + 1) } else { "Options".to_owned() }) {
                            @if combined { h3 { "Group " (g + 1) } }
                            @for (o, option) in group.options.iter().enumerate() {
                                @let key = { number += 1; number };
                                (one(option, &format!("pick-{s}-{g}"), o, key, combined && group.options.len() == 1))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn one(t: &Target<'_>, name: &str, value: usize, key: usize, picked: bool) -> Markup {
    let c = t.concept;
    html! {
        div.option data-key=(key) {
            label {
                input type="radio" name=(name) value=(value) checked[picked];
                @if key <= 9 { kbd { (key) } }
                span.code { (c.code()) }
                span.title { (c.display().unwrap_or("(no title)")) }
            }
            p.facts {
                span.relationship { (t.relationship.code()) }
                @match t.state {
                    TargetState::Valid => span.good { "billable" },
                    TargetState::Header => span.bad { "header, not billable" },
                    TargetState::Expired => span.bad { "expired" },
                    TargetState::Unlisted => span.bad { "in no loaded release" },
                }
                @if let Some(last) = c.validity().next_back() {
                    @if let Some(from) = last.from { span { "from " (from) } }
                    @if let Some(to) = last.to { span { "to " (to) } }
                }
                @if let Some(row) = t.origin.row() {
                    span { (row.map().id()) " " (row.map().version()) ", line " (row.line()) }
                    @if let Some(flags) = row.gem_flags() { span { "flags " (flags) } }
                    @let detail = row.detail();
                    @if !detail.rule.is_empty() { span { (detail.rule) } }
                    @if !detail.advice.is_empty() { span { (detail.advice) } }
                }
                @if let Some(score) = t.score { span { "fits the words " (format!("{score:.2}")) } }
                @for hop in &t.hops { span { "by " (hop.from.code()) " to " (hop.to.code()) } }
                @if t.reversed { span.bad { "map read backwards" } }
                @if let Some(a) = t.ancestor { span.bad { "row of its ancestor " (a.code()) } }
            }
            (layout::place(c))
            (layout::notes(c))
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

/// The options by which a form's picks are understood.
pub fn verdict(engine: &Engine, item: &Item, form: &super::action::Form) -> Result<crate::decisions::Verdict, Problem> {
    let relationship = Relationship::from_code(form.first("relationship"));
    let codes: Vec<(String, Option<Relationship>)> = form.all("code").map(|c| (c.to_owned(), relationship)).collect();
    if !codes.is_empty() {
        return Ok(crate::decisions::by_codes(engine, &item.question, &codes)?);
    }
    let translation = offered(engine, &item.question).ok_or_else(|| Problem::BadRequest("pick a code by search".to_owned()))?;
    let nothing = || Problem::BadRequest("nothing is picked: pick an option (1-9), search (/), or say that there is no map (n)".to_owned());
    // A picked option names its scenario; the radio of the scenario counts where every group has but one option.
    let picked = |s: usize| -> Option<Vec<usize>> {
        let groups = translation.scenarios.get(s)?.groups.len();
        (0..groups).map(|g| form.first(&format!("pick-{s}-{g}")).parse().ok()).collect()
    };
    let scenario = match form.all("scenario").filter_map(|s| s.parse().ok()).collect::<Vec<usize>>()[..] {
        [only] => only,
        // Hidden fields of single scenarios all arrive: the one with a pick is meant.
        _ => (0..translation.scenarios.len()).find(|&s| picked(s).is_some()).ok_or_else(nothing)?,
    };
    let options = picked(scenario).ok_or_else(nothing)?;
    let mut verdict = crate::decisions::pick(&translation, scenario, &options)?;
    if let Some(relationship) = relationship {
        verdict.targets.iter_mut().for_each(|t| t.relationship = relationship);
    }
    Ok(verdict)
}
