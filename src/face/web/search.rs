//! Free search: a page of its own, and the hits within an item's page.

use super::{Problem, State, html, layout, work};
use crate::engine::Engine;
use crate::engine::search::SearchOptions;
use crate::face::Actor;
use axum::extract::{Query, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};
use std::sync::Arc;

const HITS: usize = 9;
/// Longer texts are no questions.
const LONGEST: usize = 500;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Asked {
    system: String,
    q: String,
    /// Only the hits, for the item's page.
    fragment: Option<String>,
}

pub async fn page(state: Shared<Arc<State>>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    work(state, Actor { name, operation: "review/search" }, move |state| {
        let session = state.session(&headers)?;
        let engine = state.engine();
        let system = if asked.system.is_empty() { "icd10cm" } else { &asked.system };
        let found = if asked.q.trim().is_empty() {
            html! {}
        } else {
            hits(&engine, system, &asked.q)?
        };
        if asked.fragment.is_some() {
            return Ok(html(found));
        }
        let systems: Vec<&str> = engine.index().systems().map(|s| s.alias()).collect();
        Ok(html(layout::page(
            "Search",
            Some(&session),
            html! {
                main #main data-page="search" {
                    h1 { "Search" }
                    form.filters method="get" action="/review/search" {
                        label { "System" select name="system" { @for s in &systems { option value=(s) selected[*s == system] { (s) } } } }
                        label.wide { "Words or a code" input #q type="search" name="q" value=(asked.q) autofocus; }
                        button type="submit" { "Search" }
                    }
                    div #hits aria-live="polite" { (found) }
                }
            },
        )))
    })
    .await
}

/// The best hits, each to be ticked.
pub fn hits(engine: &Engine, system: &str, words: &str) -> Result<Markup, Problem> {
    let system = engine.system(system)?;
    let words: String = words.chars().take(LONGEST).collect();
    let searcher = engine.searcher(system, SearchOptions { limit: HITS, complete: true, ..SearchOptions::default() })?;
    let found = searcher.search(&words);
    Ok(html! {
        @if found.is_empty() { p.empty { "Nothing found in " (system.alias()) "." } }
        @for hit in &found {
            div.option.hit {
                label {
                    input type="checkbox" name="code" value=(hit.concept.code());
                    span.code { (hit.concept.code()) }
                    span.title { (hit.concept.display().unwrap_or("(no title)")) }
                }
                p.facts {
                    span { (format!("{:.2}", hit.score)) }
                    @if hit.concept.is_valid_on(None) { span.good { "billable" } } @else { span.bad { "not billable" } }
                    @if hit.concept.display() != Some(hit.matched) && hit.matched != hit.concept.code() { span { "as " q { (hit.matched) } } }
                    @for why in &hit.why { span { (why) } }
                }
                (layout::place(hit.concept))
                (layout::notes(hit.concept))
            }
        }
    })
}
