//! Answers in the making: a body with its media type, or a failure that each face spells in its own way.

use crate::face::wire::fhir::{self, outcome};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};

pub(super) const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json; charset=utf-8");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// How failures are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// OperationOutcome.
    Fhir,
    /// RFC 9457 problem details.
    Problem,
}

/// A request that is not answered: the caller's mistake, or a limit.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: StatusCode,
    pub issues: Vec<outcome::Issue>,
    /// When to come again, in seconds.
    pub retry_after: Option<u32>,
    /// One more header, for the statuses that demand one (401, 405).
    pub header: Option<(HeaderName, HeaderValue)>,
}

impl Failure {
    pub fn new(status: StatusCode, issue: outcome::Issue) -> Failure {
        Failure { status, issues: vec![issue], retry_after: None, header: None }
    }

    /// 400, `invalid`.
    pub fn invalid(text: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, outcome::Issue::error("invalid", text))
    }

    /// 404, `not-found`.
    pub fn not_found(text: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, outcome::Issue::error("not-found", text).tx("not-found"))
    }

    /// 422, `too-costly`.
    pub fn too_costly(text: impl Into<String>) -> Failure {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, outcome::Issue::error("too-costly", text).message_id("VALUESET_TOO_COSTLY"))
    }

    /// 405, with the methods that there are.
    pub fn method(allow: &'static str) -> Failure {
        let mut failure = Failure::new(
            StatusCode::METHOD_NOT_ALLOWED,
            outcome::Issue::error("not-supported", format!("this address takes {allow}, no other method")),
        );
        failure.header = Some((header::ALLOW, HeaderValue::from_static(allow)));
        failure
    }

    /// The body as the caller's face has it.
    pub fn body(&self, spelling: Spelling, request_id: &str) -> Vec<u8> {
        match spelling {
            Spelling::Fhir => outcome::body(&self.issues),
            Spelling::Problem => {
                let mut json = fhir::Json::with_capacity(256);
                json.object(|o| {
                    o.field("type", "about:blank");
                    o.field("title", self.status.canonical_reason().unwrap_or("error"));
                    o.key("status").number(self.status.as_u16());
                    o.field("code", self.issues.first().map_or("invalid", |i| i.code));
                    o.field("detail", &self.issues.iter().map(|i| i.text.as_str()).collect::<Vec<_>>().join("; "));
                    o.field_if("pointer", self.issues.first().map_or("", |i| &i.expression));
                    o.field("request_id", request_id);
                });
                json.into_bytes()
            }
        }
    }

    pub fn response(&self, spelling: Spelling, request_id: &str) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body(spelling, request_id)));
        *response.status_mut() = self.status;
        let media = if spelling == Spelling::Fhir { FHIR_JSON } else { PROBLEM };
        response.headers_mut().insert(header::CONTENT_TYPE, media);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        // What is left of a body that was refused is not read: the connection ends with the answer.
        if matches!(self.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<outcome::Issue> for Failure {
    fn from(issue: outcome::Issue) -> Failure {
        let status = if issue.code == "not-found" { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
        Failure::new(status, issue)
    }
}

impl From<crate::engine::Refusal> for Failure {
    fn from(refusal: crate::engine::Refusal) -> Failure {
        Failure::from(outcome::Issue::from(&refusal))
    }
}

impl From<fhir::parameters::Error> for Failure {
    fn from(error: fhir::parameters::Error) -> Failure {
        let code = if matches!(error, fhir::parameters::Error::OtherResource { .. }) { "invalid" } else { "structure" };
        Failure::new(StatusCode::BAD_REQUEST, outcome::Issue::error(code, error.to_string()))
    }
}

/// 200 with a body.
pub(super) fn ok(media: HeaderValue, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}
