//! The review workbench: pages rendered on the server, for people who settle what no rule can.
//!
//! # Short answer
//! [`router`] serves `/review` (queue), `/review/item/N`, `/review/search`, a sign-in page, and the OpenRefine Reconciliation API at
//! `/reconcile`. It is plugged into the HTTP service; who opens the index and the decisions file is not its business ([`Config`]).
//!
//! # What holds
//! - Every page works without script; the script of this folder only adds keys. No page asks another host for anything.
//! - Content security policy: own style sheet, own script, nothing else; nothing inline. What people wrote is text, never markup.
//! - A session is a random number in a cookie that scripts cannot read and other sites cannot send; every change also carries the
//!   session's own secret and must come from our own pages.
//! - Who changes something names the version that they have seen; the later of two is shown what the earlier did.
//! - Nothing decides here: rules are in `decisions`, answers in `engine`.

mod action;
mod door;
mod item;
mod layout;
mod offer;
mod progress;
mod queue;
mod reconcile;
mod search;

use crate::decisions::{Approved, Held, Store, Usage};
use crate::engine::Engine;
use crate::face::Actor;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use std::sync::{Arc, Mutex, PoisonError};

/// What somebody may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Search, reconcile.
    Read,
    /// Decide and approve.
    Review,
    /// Assign to others.
    Admin,
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub role: Role,
}

/// Who holds a token today.
type ByToken = Arc<dyn Fn(&str) -> Option<Person> + Send + Sync>;

/// How people prove who they are.
#[derive(Clone)]
pub enum SignIn {
    /// One machine, one user, loopback: whatever name they say.
    Name,
    /// By a token of the service; `None` for one that does not hold today.
    Token(ByToken),
}

/// What the workbench is given.
#[derive(Clone)]
pub struct Config {
    pub store: Arc<Store>,
    /// What is approved in it.
    pub approved: Arc<Approved>,
    /// The engine that answers now; changes when the index is reloaded.
    pub engine: Arc<dyn Fn() -> Arc<Engine> + Send + Sync>,
    pub sign_in: SignIn,
    /// Whether people come by TLS: then cookies are sent over nothing else.
    pub tls: bool,
}

struct State {
    config: Config,
    sessions: door::Sessions,
    /// What an engine makes of the approved answers; of the engine that answered last.
    usage: Mutex<Option<(Arc<Engine>, Arc<Usage>)>>,
}

impl State {
    fn engine(&self) -> Arc<Engine> {
        (self.config.engine)()
    }

    /// The approved answers that translations do not use just now.
    fn held(&self) -> Result<Arc<Held>, crate::decisions::Error> {
        let engine = self.engine();
        let usage = {
            let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
            match &*usage {
                Some((of, usage)) if Arc::ptr_eq(of, &engine) => Arc::clone(usage),
                _ => {
                    let new = Arc::new(Usage::new(&engine, Arc::clone(&self.config.approved), None));
                    *usage = Some((engine, Arc::clone(&new)));
                    new
                }
            }
        };
        usage.held()
    }
}

/// The pages, ready to be plugged in.
pub fn router(config: Config) -> Router {
    let state = Arc::new(State { config, sessions: door::Sessions::default(), usage: Mutex::default() });
    Router::new()
        .route("/", get(|| async { Redirect::to("/review") }))
        .route("/review", get(queue::page))
        .route("/review/add", post(action::add))
        .route("/review/assign", post(action::assign))
        .route("/review/item/{id}", get(item::page).post(action::act))
        .route("/review/item/{id}/next", get(item::next))
        .route("/review/search", get(search::page))
        .route("/review/progress", get(progress::page))
        .route("/review/sign-in", get(door::page).post(door::sign_in))
        .route("/review/sign-out", post(door::sign_out))
        .route("/review/style.css", get(|| file("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/review/script.js", get(|| file("text/javascript; charset=utf-8", include_str!("script.js"))))
        .route("/review/icon.svg", get(|| file("image/svg+xml", include_str!("icon.svg"))))
        .route("/reconcile", get(reconcile::get).post(reconcile::post))
        .route("/reconcile/t/{token}", get(reconcile::get).post(reconcile::post))
        .route("/reconcile/suggest/{what}", get(reconcile::suggest))
        .route("/reconcile/t/{token}/suggest/{what}", get(reconcile::suggest))
        .route("/reconcile/preview", get(reconcile::preview))
        .route("/reconcile/t/{token}/preview", get(reconcile::preview))
        .fallback(|| async { (StatusCode::NOT_FOUND, layout::bare("Not found", "There is no such page; the queue is at /review.")) })
        .layer(axum::middleware::from_fn(door::come_back))
        .with_state(state)
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")], text).into_response()
}

/// Why a page is not shown as asked.
enum Problem {
    /// Nobody has signed in: to the sign-in page, and back here afterwards.
    SignIn,
    Forbidden(&'static str),
    NotFound(String),
    /// Somebody was first, or a rule forbids it: nothing was changed.
    Conflict(String),
    BadRequest(String),
    Broken(String),
}

impl From<crate::decisions::Error> for Problem {
    fn from(error: crate::decisions::Error) -> Problem {
        use crate::decisions::Error as E;
        match error {
            E::NoItem { .. } => Problem::NotFound(error.to_string()),
            E::TooMany { .. } | E::NotRelated { .. } | E::LongRemark { .. } => Problem::BadRequest(error.to_string()),
            E::Sqlite(_) | E::Damaged { .. } | E::Full | E::Disk | E::CannotOpen | E::Busy => Problem::Broken(error.to_string()),
            other => Problem::Conflict(other.to_string()),
        }
    }
}

impl From<crate::engine::Refusal> for Problem {
    fn from(refusal: crate::engine::Refusal) -> Problem {
        Problem::BadRequest(refusal.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title, what) = match self {
            Problem::SignIn => return Redirect::to(door::SIGN_IN).into_response(),
            Problem::Forbidden(what) => (StatusCode::FORBIDDEN, "Not allowed", what.to_owned()),
            Problem::NotFound(what) => (StatusCode::NOT_FOUND, "Not found", what),
            Problem::Conflict(what) => (StatusCode::CONFLICT, "Not done", what),
            Problem::BadRequest(what) => (StatusCode::BAD_REQUEST, "Not understood", what),
            Problem::Broken(what) => (StatusCode::SERVICE_UNAVAILABLE, "Not done", what),
        };
        (status, layout::bare(title, &what)).into_response()
    }
}

/// Runs what reads files on a thread that may wait, and says in the books who did what.
async fn work(
    Shared(state): Shared<Arc<State>>,
    actor: Actor,
    work: impl FnOnce(&State) -> Result<Response, Problem> + Send + 'static,
) -> Response {
    let done = tokio::task::spawn_blocking(move || work(&state)).await;
    let mut response = match done {
        Ok(answer) => answer.unwrap_or_else(Problem::into_response),
        Err(_) => Problem::Broken("this page has a defect; the decisions file is as it was".to_owned()).into_response(),
    };
    response.extensions_mut().insert(actor);
    response
}

/// A page with the policy of all pages.
fn html(markup: maud::Markup) -> Response {
    const POLICY: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    );
    let mut response = Html(markup.into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
