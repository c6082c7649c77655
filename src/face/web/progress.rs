//! How far the work is: what is in each status, who did how much, how well two coders agree.

use super::{State, html, layout, work};
use crate::decisions::{Coverage, Filter, Status};
use crate::face::Actor;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;
use std::sync::Arc;

pub async fn page(state: Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    work(state, Actor { name, operation: "review/progress" }, move |state| {
        let session = state.session(&headers)?;
        let store = &state.config.store;
        let held = state.held()?;
        let (tallies, of_held) = (store.tallies(&Filter::default())?, store.tallies(&held.among(&Filter::default()))?);
        let coverage = Coverage::of(&tallies, &of_held);
        let (agreement, workload) = (store.agreement()?, store.workload()?);
        let n = layout::thousands;
        let body = html! {
            (layout::coverage(coverage))
            main #main data-page="progress" {
                h1 { "Progress" }
                div.progress {
                    section aria-labelledby="by-status" {
                        h2 #by-status { "By status" }
                        table.queue {
                            thead { tr { th scope="col" { "Status" } th.number scope="col" { "Codes" } th.number scope="col" { "Records" } } }
                            tbody { @for t in &tallies { tr {
                                td { a href=(format!("/review?status={}", if t.status == Status::Unreviewed { "" } else { t.status.code() })) { (layout::status(t.status)) } }
                                td.number { (n(t.items)) }
                                td.number { (n(t.records)) }
                            } }
                            @if coverage.held_items > 0 { tr {
                                td { a href="/review?status=held" { (layout::held()) } }
                                td.number { (n(coverage.held_items)) }
                                td.number { (n(coverage.held_records)) }
                            } } }
                        }
                        @if coverage.held_items > 0 { p.hint { "Held back: approved, and not used by translations; not counted as settled." } }
                    }
                    section aria-labelledby="by-person" {
                        h2 #by-person { "By person" }
                        table.queue {
                            thead { tr { th scope="col" { "Who" } th.number scope="col" { "Answers" } th.number scope="col" { "for records" } th.number scope="col" { "Approvals" } } }
                            tbody { @for w in &workload { tr {
                                td { (w.who) }
                                td.number { (n(w.answers)) }
                                td.number { (n(w.records)) }
                                td.number { (n(w.approvals)) }
                            } } }
                        }
                    }
                    section aria-labelledby="twice" {
                        h2 #twice { "Coded twice, blind" }
                        @match agreement.share() {
                            None => p.hint { "No item yet has two blind answers. Assign items to two people who work blind (below the queue) to measure agreement." },
                            Some(share) => {
                                p { strong { (n(agreement.items)) } " items, the same answer in " strong { (format!("{:.1} %", share * 100.0)) }
                                    @if let Some(kappa) = agreement.kappa { ", Cohen's kappa " strong { (format!("{kappa:.2}")) } } }
                                @if agreement.same < agreement.items { p { a href="/review?status=flagged" { "Where they differ" } ": decide those anew, then somebody else approves." } }
                            },
                        }
                    }
                }
                p.hint { @if store.self_approval()? { "Authors may approve their own answers." } @else { "A second person approves each answer." } }
            }
        };
        Ok(html(layout::page("Progress", Some(&session), body)))
    })
    .await
}
