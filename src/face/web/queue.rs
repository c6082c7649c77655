//! The queue: what is open, the most useful first.

use super::door::Session;
use super::{Problem, State, html, layout, work};
use crate::decisions::{self, Column, Coverage, Entry, Filter, Held, Status, Tally};
use crate::face::Actor;
use axum::extract::{FromRequestParts, Path, Query, State as Shared};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::sync::Arc;

/// Lines on a page.
const LINES: u64 = 50;
/// Characters of a record's words in a line; the item has all of them.
const LONG: usize = 160;

/// What the address says: the filter, and where in it one is. Travels from page to page.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Looking {
    pub status: String,
    pub from: String,
    pub to: String,
    pub outcome: String,
    pub chapter: String,
    pub assignee: String,
    pub finding: String,
    pub score: String,
    pub code: String,
    pub page: u64,
    /// The item that was just done, to be taken back with one key.
    pub done: Option<i64>,
    /// What to search for on the item page.
    pub q: String,
}

/// What waits for an answer.
const OPEN: [Status; 3] = [Status::Unreviewed, Status::Flagged, Status::Rejected];

/// What the tabs show: the value in the address, the name, the statuses. The first is the one without a value.
const TABS: [(&str, &str, &[Status]); 7] = [
    ("", "open", &OPEN),
    ("proposed", "to approve", &[Status::Proposed]),
    ("flagged", "flagged", &[Status::Flagged]),
    ("rejected", "rejected", &[Status::Rejected]),
    ("approved", "approved", &[Status::Approved]),
    ("no-map", "no map", &[Status::NoMap]),
    ("all", "all", &Status::ALL),
];
/// Approved and not used: a tab of its own, there when there are some.
const HELD: &str = "held";

impl Looking {
    pub fn filter(&self, held: &Held) -> Filter {
        let status = TABS.iter().find(|(value, ..)| *value == self.status).map_or(&OPEN[..], |(_, _, statuses)| statuses);
        // All of them is no condition.
        let status = if status.len() == Status::ALL.len() { Vec::new() } else { status.to_vec() };
        let filter = Filter {
            source_system: self.from.clone(),
            target_system: self.to.clone(),
            status,
            outcome: self.outcome.clone(),
            chapter: self.chapter.clone(),
            assignee: self.assignee.clone(),
            finding: self.finding.clone(),
            score_below: self.score.trim().parse().ok(),
            code: self.code.trim().to_uppercase(),
            among: None,
        };
        if self.status == HELD { held.among(&filter) } else { filter }
    }

    /// As the query of an address, without page and search.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::default();
        for (name, value) in [
            ("status", &self.status),
            ("from", &self.from),
            ("to", &self.to),
            ("outcome", &self.outcome),
            ("chapter", &self.chapter),
            ("assignee", &self.assignee),
            ("finding", &self.finding),
            ("score", &self.score),
            ("code", &self.code),
        ] {
            query.add(name, value);
        }
        query.finish()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Looking {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Looking, Response> {
        let wrong = |what: String| Problem::BadRequest(what).into_response();
        let Query(looking): Query<Looking> =
            Query::from_request_parts(parts, state).await.map_err(|_| wrong("`page` and `done` are numbers".to_owned()))?;
        let score = looking.score.trim();
        if !score.is_empty() && !score.parse().is_ok_and(|s: f64| (0.0..=1.0).contains(&s)) {
            return Err(wrong(format!("`{score}` is no score: those are numbers from 0 to 1, like 0.5")));
        }
        Ok(looking)
    }
}

/// The address of an item, and from where in the queue one came to it.
pub struct Address(pub i64, pub Looking);

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Address, Response> {
        let id = Path::from_request_parts(parts, state).await;
        let Path(id) = id.map_err(|_| Problem::NotFound("There is no such item; each has a number.".to_owned()).into_response())?;
        Ok(Address(id, Looking::from_request_parts(parts, state).await?))
    }
}

/// The query of an address; `application/x-www-form-urlencoded` of the URL standard.
pub mod form_urlencoded {
    #[derive(Default)]
    pub struct Serializer(String);

    impl Serializer {
        pub fn add(&mut self, name: &str, value: &str) {
            if value.is_empty() {
                return;
            }
            if !self.0.is_empty() {
                self.0.push('&');
            }
            self.0.push_str(name);
            self.0.push('=');
            for byte in value.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => self.0.push(byte as char),
                    _ => self.0.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        pub fn finish(self) -> String {
            self.0
        }
    }
}

pub async fn page(state: Shared<Arc<State>>, headers: HeaderMap, looking: Looking) -> Response {
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    let actor = Actor { name, operation: "review/queue" };
    work(state, actor, move |state| {
        let session = state.session(&headers)?;
        let store = &state.config.store;
        let held = state.held()?;
        let filter = looking.filter(&held);
        let entries = store.queue(&filter, looking.page.saturating_mul(LINES), LINES)?;
        let all = Filter { status: Vec::new(), among: None, ..filter.clone() };
        let tallies = store.tallies(&all)?;
        let coverage = Coverage::of(&tallies, &store.tallies(&held.among(&all))?);
        let count = if looking.status == HELD { coverage.held_items } else { items(&tallies, &filter.status) };
        let body = html! {
            (layout::coverage(coverage))
            main #main data-page="queue" {
                div.title-line {
                    h1 { "Queue" }
                    (just_done(state, &session, &looking)?)
                }
                nav.tabs aria-label="Status" {
                    @for (value, name, statuses) in TABS { (tab(&looking, value, name, items(&tallies, statuses))) }
                    @if coverage.held_items > 0 || looking.status == HELD { (tab(&looking, HELD, "held back", coverage.held_items)) }
                    @let mine = if looking.assignee.is_empty() { session.name() } else { "" };
                    span.spacer {}
                    a href=(format!("/review?{}", Looking { assignee: mine.to_owned(), ..looking.clone() }.query())) {
                        @if mine.is_empty() { "everybody's" } @else { "only mine" }
                    }
                }
                (filters(state, &looking)?)
                @if entries.is_empty() {
                    p.empty {
                        @if coverage.items == 0 && all != Filter::default() { "No item fits this filter." }
                        @else if coverage.items == 0 { "Nothing here. Fill the queue from a job's report: " code { "xwalk review import --decisions DB REPORT/review.csv" } }
                        @else if looking.status.is_empty() { "Nothing is open here." }
                        @else { "Nothing here." }
                    }
                } @else {
                    (table(&entries, &looking, coverage, &held))
                    (pages(&looking, entries.len() as u64, count))
                }
                (by_hand(state, &session))
                @if session.person.role == super::Role::Admin && count > 0 {
                    details.assign {
                        summary { "Assign these " (layout::thousands(count)) " items" }
                        form.filters method="post" action=(format!("/review/assign?{}", looking.query())) {
                            input type="hidden" name="csrf" value=(session.secret);
                            label.wide { "To whom (names with commas between; shared out evenly)" input name="to" required; }
                            label { input type="checkbox" name="blind" value="yes"; "each to two of them, who work blind" }
                            button type="submit" { "Assign" }
                        }
                    }
                }
            }
        };
        Ok(html(layout::page("Queue", Some(&session), body)))
    })
    .await
}

/// How many items are in these statuses; in all, if there are none.
fn items(tallies: &[Tally], statuses: &[Status]) -> u64 {
    tallies.iter().filter(|t| statuses.is_empty() || statuses.contains(&t.status)).map(|t| t.items).sum()
}

/// What was just done, and how to take it back.
pub fn just_done(state: &State, session: &Session, looking: &Looking) -> Result<Markup, Problem> {
    let Some(id) = looking.done else { return Ok(html! {}) };
    let item = state.config.store.item(id, session.name())?;
    let s = &item.state;
    let engine = state.engine();
    let doubts = s.verdict.as_ref().map_or_else(Vec::new, |v| decisions::doubts(&engine, &item.question, v));
    // A blind answer stays once both are in.
    let stays = s.decision.is_some() && [s.first_coding, s.second_coding].contains(&s.decision);
    let codes = s.verdict.as_ref().filter(|v| !v.is_no_map()).map(|v| v.targets.iter().map(|t| t.code.as_str()).collect::<Vec<_>>());
    Ok(html! {
        form.done method="post" action=(format!("/review/item/{id}?{}", looking.query())) data-undo {
            input type="hidden" name="csrf" value=(session.secret);
            span role="status" {
                span.code { (item.question.code) }
                @if let Some(codes) = codes { " \u{2192} " span.code { (codes.join(" + ")) } }
                @else if s.verdict.is_some() { " \u{2192} no map" }
                " " (layout::status(s.status))
            }
            @for doubt in &doubts { span.bad role="status" { (doubt) } }
            @if !stays { button.link type="submit" name="action" value="undo" { kbd { "u" } " Take back" } }
        }
    })
}

fn filters(state: &State, looking: &Looking) -> Result<Markup, Problem> {
    let values = |of| state.config.store.values(of);
    let (from, to, chapters) = (values(Column::Source)?, values(Column::Target)?, values(Column::Chapter)?);
    let findings = Filter::FINDINGS.map(str::to_owned);
    Ok(html! {
        form.filters method="get" action="/review" role="search" aria-label="Filter" {
            input type="hidden" name="status" value=(looking.status);
            label { "Code begins with" input name="code" value=(looking.code) size="8" autocomplete="off"; }
            @if from.len() > 1 { (choice("from", "From", &from, &looking.from)) }
            @if to.len() > 1 { (choice("to", "To", &to, &looking.to)) }
            (choice("outcome", "Why open", &values(Column::Outcome)?, &looking.outcome))
            @if !chapters.is_empty() {
                label { "Chapter" input name="chapter" value=(looking.chapter) size="8" list="chapters" autocomplete="off"; }
                datalist #chapters { @for chapter in &chapters { option value=(chapter) {} } }
            }
            (choice("assignee", "Assigned to", &values(Column::Assignee)?, &looking.assignee))
            (choice("finding", "Examined again", &findings, &looking.finding))
            label { "Score below" input name="score" value=(looking.score) type="number" min="0" max="1" step="any" autocomplete="off"; }
            button type="submit" { "Filter" }
            a href=(format!("/review?{}", Looking { status: looking.status.clone(), ..Looking::default() }.query())) { "Clear" }
        }
    })
}

fn table(entries: &[Entry], looking: &Looking, coverage: Coverage, held: &Held) -> Markup {
    let query = looking.query();
    let whole = coverage.records.max(1) as f64;
    html! {
        table.queue {
            caption.hidden { "Items of the queue, those first that settle the most records" }
            thead { tr { th.number scope="col" { "Records" } th scope="col" { "Code" } th scope="col" { "Title" } th scope="col" { "Why open" } th scope="col" { "Answer" } th scope="col" { "Status" } th scope="col" { "By" } } }
            tbody {
                @for e in entries {
                    tr {
                        td.number { (layout::thousands(e.records)) " " small { (format!("{:.1} %", e.records as f64 * 100.0 / whole)) } }
                        td.code { a href=(format!("/review/item/{}?{query}", e.id)) { @if e.question.code.is_empty() { "(words)" } @else { (e.question.code) } } }
                        td {
                            (e.question.display)
                            @if let Some(beginning) = layout::beginning(&e.question.text, LONG) { q.words { (beginning) "\u{2026}" } }
                            @else if !e.question.text.is_empty() { q.words { (e.question.text) } }
                            @if let Some(why) = held.why(e.id) { span.words.finding { (why) } }
                        }
                        td { (e.outcome) @if !e.finding.is_empty() { " " span.finding { (e.finding) } } }
                        td.code { @match e.answer.as_deref() { None => {}, Some("") => "no map", Some(codes) => (codes) } }
                        td { (layout::status(e.status)) @if held.why(e.id).is_some() { " " (layout::held()) } }
                        td {
                            (e.author) @if !e.approver.is_empty() { ", " (e.approver) }
                            @if e.author.is_empty() && !e.assignee.is_empty() { small { "for " (e.assignee) @if !e.second.is_empty() { ", " (e.second) } } }
                        }
                    }
                }
            }
        }
    }
}

fn by_hand(state: &State, session: &Session) -> Markup {
    let engine = state.engine();
    let systems: Vec<&str> = engine.index().systems().map(|s| s.alias()).collect();
    html! {
        details.assign {
            summary { "Add codes by hand" }
            form.filters method="post" action="/review/add" {
                input type="hidden" name="csrf" value=(session.secret);
                label { "From" select name="from" { @for s in &systems { option value=(s) selected[*s == "icd9cm"] { (s) } } } }
                label { "To" select name="to" { @for s in &systems { option value=(s) selected[*s == "icd10cm"] { (s) } } } }
                label { "Codes" input name="code" required autocomplete="off"; }
                label.wide { "In the record's own words, if they matter" input name="text" maxlength="2000" autocomplete="off"; }
                label { "Records" input name="records" size="5" inputmode="numeric" value="1"; }
                button type="submit" { "Add" }
            }
        }
    }
}

fn pages(looking: &Looking, here: u64, count: u64) -> Markup {
    let first = looking.page.saturating_mul(LINES);
    let address = |page: u64| format!("/review?{}&page={page}", looking.query());
    html! {
        nav.pages aria-label="Pages of the queue" {
            @if looking.page > 0 { a rel="prev" href=(address(looking.page - 1)) { "Previous" } }
            span { (layout::thousands(first + 1)) " to " (layout::thousands(first + here)) " of " (layout::thousands(count)) }
            @if first + here < count { a rel="next" href=(address(looking.page + 1)) { "Next" } }
        }
    }
}

fn tab(looking: &Looking, status: &str, name: &str, items: u64) -> Markup {
    let here = looking.status == status;
    let query = Looking { status: status.to_owned(), ..looking.clone() }.query();
    html! { a href=(format!("/review?{query}")) aria-current=[here.then_some("page")] { (name) " " small { (layout::thousands(items)) } } }
}

fn choice(name: &str, label: &str, values: &[String], chosen: &str) -> Markup {
    // A filter that holds is seen, even if nothing fits it.
    let elsewhere = !chosen.is_empty() && !values.iter().any(|v| v == chosen);
    html! {
        @if elsewhere || !values.is_empty() {
            label { (label)
                select name=(name) {
                    option value="" { "any" }
                    @if elsewhere { option value=(chosen) selected { (chosen) } }
                    @for value in values { option value=(value) selected[value == chosen] { (value) } }
                }
            }
        }
    }
}
