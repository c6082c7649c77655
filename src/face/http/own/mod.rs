//! The own API, `/v1`: the shapes of the command line, over HTTP.
//!
//! `GET` asks one question, all of it in the query string. `POST` asks many: what they have in common stands in the query string, the
//! subjects in the body, as a JSON array or as NDJSON, each a text (a code, or words for `search`) or an object with facts of its own.
//! Answers come in the order of the questions, in the format they came in; a subject that cannot be read has an `error` in its place.
//! `convert` takes a whole file of records.

mod convert;
mod docs;
pub(super) mod openapi;
mod question;
mod split;
mod stream;

use super::State;
use super::guard::{Busy, with_question};
use super::reply::{self, Failure, JSON};
use super::route::Own;
use crate::face::wire::fhir::parameters::Parameters;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, request::Parts};
pub(super) use docs::page;
use hyper::body::Incoming;
use question::Question;
use serde_json::json;
use std::sync::Arc;

/// `id` is that of the request: errors within a stream name it too.
pub(super) async fn answer(
    state: &Arc<State>,
    own: Own,
    parts: &Parts,
    body: Incoming,
    busy: Busy,
    id: &HeaderValue,
) -> Result<Response<Body>, Failure> {
    let parameters = Parameters::from_query(parts.uri.query().unwrap_or(""))?;
    match own {
        Own::Systems => {
            known(&parameters, &[])?;
            Ok(reply::ok(JSON, systems(state)))
        }
        Own::Maps => {
            known(&parameters, &[])?;
            Ok(reply::ok(JSON, maps(state)))
        }
        Own::Convert => convert::answer(state, &parameters, &parts.headers, body, busy).await,
        _ => {
            let many = parts.method == Method::POST;
            let question = Question::read(own, &parameters, many, &state.limits)?;
            if many {
                return stream::answer(Arc::clone(state), question, parts, body, busy, id).await;
            }
            let served = state.served();
            let mut out = Vec::with_capacity(1024);
            let outcome = question.asker(&served.engine)?.one(&question, state, &mut out)?;
            if question.is_plain() {
                with_question(parts, |asked| served.kept.keep(asked, &out, outcome));
            }
            Ok(reply::ok(JSON, out))
        }
    }
}

/// Refuses parameters that nobody here understands.
fn known(parameters: &Parameters, names: &[&str]) -> Result<(), Failure> {
    match parameters.parameter.iter().find(|p| !names.contains(&p.name.as_str())) {
        None => Ok(()),
        Some(p) => {
            let name: String = p.name.chars().take(60).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(Failure::invalid(format!("the parameter {name} is not known here; known: {known}")))
        }
    }
}

fn systems(state: &State) -> Vec<u8> {
    let engine = state.engine();
    let all: Vec<_> = engine
        .index()
        .systems()
        .map(|s| {
            let releases: Vec<_> = s
                .releases()
                .iter()
                .map(|r| json!({"version": r.version, "from": r.from.map(|d| d.to_string()), "to": r.to.map(|d| d.to_string())}))
                .collect();
            json!({"system": s.alias(), "uri": s.uri(), "title": s.title(), "version": s.version(), "codes": s.len(), "releases": releases})
        })
        .collect();
    json!({"systems": all}).to_string().into_bytes()
}

fn maps(state: &State) -> Vec<u8> {
    let engine = state.engine();
    let all: Vec<_> = engine
        .index()
        .maps()
        .map(|m| {
            json!({"id": m.id(), "version": m.version(), "url": m.url(), "title": m.title(), "kind": m.kind().code(),
                   "from": m.source().alias(), "to": m.target().alias(), "rows": m.len()})
        })
        .collect();
    json!({"maps": all}).to_string().into_bytes()
}
