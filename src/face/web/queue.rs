//! The queue: what is open, the most useful first.

use super::{State, html, layout, work};
use crate::decisions::{Column, Filter, Status};
use crate::face::Actor;
use axum::extract::{Query, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

/// Lines on a page.
const LINES: u64 = 50;

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
    pub code: String,
    pub page: u64,
    /// The item that was just done, to be taken back with one key.
    pub done: Option<i64>,
    /// What to search for on the item page.
    pub q: String,
}

impl Looking {
    pub fn filter(&self) -> Filter {
        let status = match self.status.as_str() {
            "open" => vec![Status::Unreviewed, Status::Flagged, Status::Rejected],
            code => Status::from_code(code).into_iter().collect(),
        };
        Filter {
            source_system: self.from.clone(),
            target_system: self.to.clone(),
            status,
            outcome: self.outcome.clone(),
            chapter: self.chapter.clone(),
            assignee: self.assignee.clone(),
            finding: self.finding.clone(),
            score_below: None,
            code: self.code.trim().to_uppercase(),
        }
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
            ("code", &self.code),
        ] {
            query.add(name, value);
        }
        query.finish()
    }
}

/// The query of an address; `application/x-www-form-urlencoded` of the URL standard.
mod form_urlencoded {
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

pub async fn page(state: Shared<Arc<State>>, headers: HeaderMap, Query(looking): Query<Looking>) -> Response {
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    let actor = Actor { name, operation: "review/queue" };
    work(state, actor, move |state| {
        let session = state.session(&headers)?;
        let store = &state.config.store;
        let filter = looking.filter();
        let entries = store.queue(&filter, looking.page.saturating_mul(LINES), LINES)?;
        let tallies = store.tallies(&Filter { status: Vec::new(), ..filter.clone() })?;
        let coverage = store.coverage(&filter)?;
        let count = tallies.iter().filter(|t| filter.status.is_empty() || filter.status.contains(&t.status)).map(|t| t.items).sum::<u64>();
        let agreement = store.agreement()?;
        let query = looking.query();
        let whole = coverage.records.max(1) as f64;
        let body = html! {
            (layout::coverage(coverage))
            main #main data-page="queue" {
                h1 { "Queue" }
                nav.tabs aria-label="Status" {
                    (tab(&looking, "", "all", tallies.iter().map(|t| t.items).sum()))
                    (tab(&looking, "open", "open", tallies.iter().filter(|t| matches!(t.status, Status::Unreviewed | Status::Flagged | Status::Rejected)).map(|t| t.items).sum()))
                    @for status in Status::ALL {
                        (tab(&looking, status.code(), status.code(), tallies.iter().find(|t| t.status == status).map_or(0, |t| t.items)))
                    }
                }
                form.filters method="get" action="/review" {
                    input type="hidden" name="status" value=(looking.status);
                    (choice("outcome", "Outcome", &store.values(Column::Outcome)?, &looking.outcome))
                    (choice("chapter", "Chapter", &store.values(Column::Chapter)?, &looking.chapter))
                    (choice("assignee", "Assigned to", &store.values(Column::Assignee)?, &looking.assignee))
                    (choice("finding", "New release says", &["any", "target-expired", "source-changed", "map-changed"].map(str::to_owned), &looking.finding))
                    label { "Code begins with" input name="code" value=(looking.code) size="8"; }
                    button type="submit" { "Filter" }
                    a href="/review" { "Clear" }
                }
                @if let (Some(share), Some(kappa)) = (agreement.share(), agreement.kappa) {
                    p.hint { "Coded twice, blind: " (agreement.items) " items, " (format!("{:.1} %", share * 100.0)) " the same, kappa " (format!("{kappa:.2}")) "." }
                }
                @if entries.is_empty() { p.empty { "Nothing here." } } @else {
                    table.queue {
                        caption.hidden { "Items of the queue, those first that settle the most records" }
                        thead { tr { th scope="col" { "Records" } th scope="col" { "Code" } th scope="col" { "Title" } th scope="col" { "To" } th scope="col" { "Why open" } th scope="col" { "Status" } th scope="col" { "By" } } }
                        tbody {
                            @for e in &entries {
                                tr {
                                    td.number { (layout::thousands(e.records)) small { (format!("{:.1} %", e.records as f64 * 100.0 / whole)) } }
                                    td.code { a href=(format!("/review/item/{}?{query}", e.id)) { @if e.question.code.is_empty() { "(text)" } @else { (e.question.code) } } }
                                    td { (e.question.display) @if !e.question.text.is_empty() { q.words { (e.question.text) } } }
                                    td { (e.question.target_system) }
                                    td { (e.outcome) @if !e.finding.is_empty() { " " span.finding { (e.finding) } } }
                                    td { (layout::status(e.status)) }
                                    td { (e.author) @if !e.approver.is_empty() { " / " (e.approver) } @if e.author.is_empty() && !e.assignee.is_empty() { small { "for " (e.assignee) @if !e.second.is_empty() { ", " (e.second) } } } }
                                }
                            }
                        }
                    }
                    nav.pages aria-label="Pages of the queue" {
                        @if looking.page > 0 { a rel="prev" href=(format!("/review?{query}&page={}", looking.page - 1)) { "Previous" } }
                        span { (layout::thousands(looking.page * LINES + 1)) " to " (layout::thousands(looking.page * LINES + entries.len() as u64)) " of " (layout::thousands(count)) }
                        @if (looking.page + 1) * LINES < count { a rel="next" href=(format!("/review?{query}&page={}", looking.page + 1)) { "Next" } }
                    }
                }
                @if session.person.role == super::Role::Admin && count > 0 {
                    details.assign {
                        summary { "Assign these " (layout::thousands(count)) " items" }
                        form method="post" action=(format!("/review/assign?{query}")) {
                            input type="hidden" name="csrf" value=(session.secret);
                            label { "To (names with commas between, shared out evenly)" input name="to" required; }
                            label { input type="checkbox" name="blind" value="yes"; " each to two of them, who work blind" }
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

fn tab(looking: &Looking, status: &str, name: &str, items: u64) -> Markup {
    let here = looking.status == status;
    let query = Looking { status: status.to_owned(), ..looking.clone() }.query();
    html! { a href=(format!("/review?{query}")) aria-current=[here.then_some("page")] { (name) " " small { (layout::thousands(items)) } } }
}

fn choice(name: &str, label: &str, values: &[String], chosen: &str) -> Markup {
    html! {
        @if !values.is_empty() {
            label { (label)
                select name=(name) {
                    option value="" { "any" }
                    @for value in values { option value=(value) selected[value == chosen] { (value) } }
                }
            }
        }
    }
}
