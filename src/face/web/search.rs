//! Free search: a page of its own, and the hits within an item's page.

use super::{Problem, State, html, layout, work};
use crate::engine::Engine;
use crate::engine::search::{SearchOptions, withheld};
use crate::face::Actor;
use crate::index::Concept;
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
    /// `system:code`, as reconciled cells link to a code.
    id: String,
    /// Only the hits, for the item's page.
    fragment: Option<String>,
}

pub async fn page(state: Shared<Arc<State>>, headers: HeaderMap, Query(mut asked): Query<Asked>) -> Response {
    if let Some((system, code)) = asked.id.split_once(':') {
        (asked.system, asked.q) = (system.to_owned(), code.to_owned());
    }
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    work(state, Actor { name, operation: "review/search" }, move |state| {
        let session = state.session(&headers)?;
        let engine = state.engine();
        let system = if asked.system.is_empty() { "icd10cm" } else { &asked.system };
        let found = if asked.q.trim().is_empty() {
            html! {}
        } else {
            hits(&engine, system, &asked.q, asked.fragment.is_some())?
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
                    form.filters method="get" action="/review/search" role="search" {
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

/// The best hits; `to_tick` as answers of an item, then only codes that may be recorded.
pub fn hits(engine: &Engine, system: &str, words: &str, to_tick: bool) -> Result<Markup, Problem> {
    let system = engine.system(system)?;
    let words: String = words.chars().take(LONGEST).collect();
    let searcher = engine.searcher(system, SearchOptions { limit: HITS, complete: true, billable: to_tick, ..SearchOptions::default() })?;
    let found = searcher.search(&words);
    Ok(html! {
        // A job takes no such hit by itself, and whoever takes it by hand should see why.
        @if let Some(why) = found.first().and_then(|best| withheld(&words, best)) { p.hint { strong { (why.why()) } } }
        @if found.is_empty() { p.empty { "Nothing found in " (system.alias()) "." } }
        @for hit in &found {
            (one(hit.concept, to_tick.then_some(false), html! {
                span { (format!("{:.2}", hit.score)) }
                @if hit.concept.display() != Some(hit.matched) && hit.matched != hit.concept.code() { span { "as " q { (hit.matched) } } }
                @for why in &hit.why { span { (why) } }
            }))
        }
        @if found.len() == HITS { p.hint { "The first " (HITS) "; type on for others." } }
    })
}

/// The codes that took the place of one that has expired: the first thing to propose.
pub fn successors(engine: &Engine, system: &str, codes: &str) -> Result<Markup, Problem> {
    let system = engine.system(system)?;
    let found: Vec<Concept<'_>> = codes.split(' ').filter_map(|code| system.concept(code)).collect();
    let only = found.len() == 1;
    Ok(html! { @for concept in found { (one(concept, Some(only), html! { span { "successor" } })) } })
}

/// What was ticked in a form that could not be saved.
pub fn ticked<'f>(engine: &Engine, system: &str, codes: impl Iterator<Item = &'f str>) -> Result<Markup, Problem> {
    let mut codes = codes.peekable();
    if codes.peek().is_none() {
        return Ok(html! {});
    }
    let system = engine.system(system)?;
    Ok(html! { @for concept in codes.filter_map(|code| system.concept(code)) { (one(concept, Some(true), html! { span { "ticked" } })) } })
}

/// `ticked`: whether its box is; `None`: there is no box.
fn one(concept: Concept<'_>, ticked: Option<bool>, why: Markup) -> Markup {
    html! {
        div.option.hit {
            @let name = html! { span.code { (concept.code()) } span.title { (concept.display().unwrap_or("(no title)")) } };
            @match ticked {
                Some(ticked) => label { input type="checkbox" name="code" value=(concept.code()) data-code=(concept.code()) checked[ticked]; (name) },
                None => p.name { (name) },
            }
            p.facts {
                @if concept.is_valid_on(None) { span.good { "billable" } } @else { span.bad { "not billable" } }
                (layout::validity(concept))
                (why)
            }
            (layout::place(concept))
            (layout::notes(concept))
        }
    }
}
