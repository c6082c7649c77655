//! The description of `/v1` for programs, and the page for people.
use axum::body::Body;
use axum::http::Response;

pub(in crate::face::http) fn document() -> Response<Body> {
    super::super::reply::ok(super::super::reply::JSON, b"{}".to_vec())
}
pub(in crate::face::http) fn page() -> Response<Body> {
    document()
}
