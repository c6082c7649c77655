//! The own API, `/v1`: the shapes of the command line, over HTTP.

pub(super) mod openapi;

use super::State;
use super::guard::Busy;
use super::reply::Failure;
use super::route::Own;
use axum::body::Body;
use axum::http::{Response, request::Parts};
use hyper::body::Incoming;
use std::sync::Arc;

pub(super) async fn answer(
    state: &Arc<State>,
    question: Own,
    parts: &Parts,
    body: Incoming,
    busy: Busy,
) -> Result<Response<Body>, Failure> {
    let _ = (state, question, parts, body, busy);
    Err(Failure::not_found("not yet"))
}
