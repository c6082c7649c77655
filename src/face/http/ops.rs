//! For those who run the service: is it alive, is it ready, what has it done, take the new index.

use super::State;
use super::reply::{self, Failure, JSON};
use crate::face::wire::fhir::{Json, outcome};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use std::sync::Arc;

/// The process runs and answers.
pub(super) fn live() -> Response<Body> {
    reply::ok(JSON, b"{\"status\":\"live\"}".to_vec())
}

/// It has an index to answer from, and can write down what it must.
pub(super) fn ready(state: &State) -> Result<Response<Body>, Failure> {
    if state.audit.as_ref().is_some_and(super::audit::Audit::failed) {
        let issue = outcome::Issue::error("exception", "the audit log cannot be written; nothing is answered until it can");
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, issue));
    }
    let mut json = Json::with_capacity(128);
    json.object(|o| {
        o.field("status", "ready");
        o.field("index", &state.fingerprint.load());
        o.field("version", env!("CARGO_PKG_VERSION"));
    });
    Ok(reply::ok(JSON, json.into_bytes()))
}

pub(super) fn metrics(state: &State) -> Response<Body> {
    let mut response = Response::new(Body::from(state.metrics.text()));
    let media = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// Opens the index anew. A failure leaves the old one in place, and is the operator's to see.
pub(super) async fn reload(state: &Arc<State>) -> Result<Response<Body>, Failure> {
    match state.reload().await {
        Ok(fingerprint) => {
            let mut json = Json::default();
            json.object(|o| o.field("index", &fingerprint));
            Ok(reply::ok(JSON, json.into_bytes()))
        }
        Err(why) => {
            let issue = outcome::Issue::error("exception", format!("the old index goes on: {why}"));
            Err(Failure::new(StatusCode::CONFLICT, issue))
        }
    }
}
