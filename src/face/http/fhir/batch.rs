//! Many at once: `$batch-validate-code`, and Bundles of type batch.
//!
//! Every entry has its answer in its place, and a bad one fails alone.

use super::super::State;
use super::super::reply::{Failure, Spelling};
use super::super::route::{Fhir, Kind, Route};
use super::versions::Pins;
use super::work::Work;
use super::{Called, Context, valueset};
use crate::engine::Engine;
use crate::face::wire::fhir::parameters::{self, Parameter, Parameters, Value};
use crate::face::wire::fhir::{Json, outcome};
use axum::http::Method;
use serde::Deserialize;
use std::cell::RefCell;
use std::sync::Arc;

pub(super) fn validate_codes(context: &Context<'_>, kind: Kind, p: &Parameters) -> Result<Vec<u8>, Failure> {
    let (entries, shared): (Vec<&Parameter>, Vec<&Parameter>) = p.parameter.iter().partition(|q| q.name == "validation");
    let most = context.state.limits.batch;
    if entries.len() > most {
        return Err(Failure::too_costly(format!("{} entries; a batch has at most {most}", entries.len())));
    }
    if entries.is_empty() {
        return Err(Failure::invalid("no validation parameter: nothing to validate"));
    }
    let mut json = Json::with_capacity(512 * entries.len());
    let mut purse = Purse::new(context.state);
    parameters::write(&mut json, |out| {
        for entry in entries {
            let answer = purse.check().and_then(|()| validated(context, kind, &entry.value, &shared));
            purse.pay(&answer);
            out.resource("validation", |o| match answer {
                Ok(body) => o.raw(&body),
                Err(failure) => outcome::write(o, &failure.issues),
            });
        }
    });
    Ok(json.into_bytes())
}

/// What the answers in a batch may hold together: a small request can ask for a large answer a thousand times over.
struct Purse {
    left: usize,
    most: usize,
}

impl Purse {
    fn new(state: &State) -> Purse {
        Purse { left: state.limits.batch_answer, most: state.limits.batch_answer }
    }

    fn check(&self) -> Result<(), Failure> {
        if self.left > 0 {
            return Ok(());
        }
        Err(Failure::too_costly(format!("the answers before this one have more than {} bytes; send fewer entries", self.most)))
    }

    fn pay(&mut self, answer: &Result<Vec<u8>, Failure>) {
        self.left = self.left.saturating_sub(answer.as_ref().map_or(0, Vec::len));
    }
}

fn validated(context: &Context<'_>, kind: Kind, entry: &Value, shared: &[&Parameter]) -> Result<Vec<u8>, Failure> {
    let Value::Tree(resource) = entry else { return Err(Failure::invalid("a validation is a Parameters resource")) };
    let mut own = Parameters::from_json(resource.to_string().as_bytes())?;
    for parameter in shared {
        if !own.parameter.iter().any(|o| o.name == parameter.name) {
            own.parameter.push((*parameter).clone());
        }
    }
    let context = &Context { pins: Pins::read(&own)?, outcomes: RefCell::default(), ..*context };
    let has_set = own.parameter.iter().any(|q| q.name == "valueSet" || (q.name == "url" && kind == Kind::ValueSet));
    if has_set { valueset::validate(context, None, &own) } else { super::code::validate(context, None, &own) }
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "resourceType", default)]
    kind: String,
    #[serde(rename = "type", default)]
    purpose: String,
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Option<EntryRequest>,
    resource: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct EntryRequest {
    #[serde(default)]
    method: String,
    #[serde(default)]
    url: String,
}

/// `POST` of a Bundle to the root.
pub(super) async fn answer(
    state: &Arc<State>,
    engine: &Arc<Engine>,
    work: &Arc<Work>,
    called: Called<'_>,
    body: &[u8],
) -> Result<Vec<u8>, Failure> {
    let bundle: Bundle =
        serde_json::from_slice(body).map_err(|e| Failure::invalid(format!("the body is not a Bundle that can be read: {e}")))?;
    if bundle.kind != "Bundle" || bundle.purpose != "batch" {
        return Err(Failure::invalid("post a Bundle of type batch here, or Parameters to an operation"));
    }
    let most = state.limits.batch;
    if bundle.entry.len() > most {
        return Err(Failure::too_costly(format!("{} entries; a batch has at most {most}", bundle.entry.len())));
    }
    let mut answers = Vec::with_capacity(bundle.entry.len());
    let mut purse = Purse::new(state);
    for entry in bundle.entry {
        let answer = match purse.check() {
            Ok(()) => entry_answer(state, engine, work, called, entry).await,
            Err(spent) => Err(spent),
        };
        purse.pay(&answer);
        answers.push(answer);
        // A batch of a thousand must not keep the others waiting.
        tokio::task::yield_now().await;
    }
    let mut json = Json::with_capacity(answers.iter().map(|a| a.as_ref().map_or(300, Vec::len) + 80).sum());
    json.object(|o| {
        o.field("resourceType", "Bundle");
        o.field("type", "batch-response");
        if answers.is_empty() {
            return;
        }
        o.key("entry").array(|a| {
            for answer in &answers {
                a.object(|e| match answer {
                    Ok(body) => {
                        e.key("resource").raw(body);
                        e.key("response").object(|r| r.field("status", "200 OK"));
                    }
                    Err(failure) => {
                        let issues = failure.body(Spelling::Fhir, "");
                        e.key("response").object(|r| {
                            r.field("status", &failure.status.to_string());
                            r.key("outcome").raw(&issues);
                        });
                    }
                });
            }
        });
    });
    Ok(json.into_bytes())
}

async fn entry_answer(
    state: &Arc<State>,
    engine: &Arc<Engine>,
    work: &Arc<Work>,
    called: Called<'_>,
    entry: Entry,
) -> Result<Vec<u8>, Failure> {
    let request = entry.request.ok_or_else(|| Failure::invalid("an entry of a batch has a request"))?;
    let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let address = format!("/fhir/{}/{}", called.version.name(), path.trim_start_matches('/'));
    let route = Route::of(&address);
    let method = match request.method.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        _ => return Err(Failure::invalid("an entry's method is GET or POST")),
    };
    route.check_method(&method)?;
    let body = entry.resource.filter(|_| method == Method::POST).map(|r| r.to_string().into_bytes());
    if method == Method::POST && body.is_none() {
        return Err(Failure::invalid("an entry that posts has a resource"));
    }
    match route {
        Route::Fhir(_, Fhir::Batch) => Err(Failure::invalid("a batch cannot hold a batch")),
        Route::Fhir(_, interaction) => super::one(state, engine, work, called, interaction, query, body.as_deref()).await.map(|a| a.body),
        _ => Err(Failure::not_found("an entry's url stays inside this service")),
    }
}
