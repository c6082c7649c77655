//! The Reconciliation Service API, version 0.2, for OpenRefine and its like.
//! <https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/>
//!
//! A type is a code system, an entity is a code of it. A query's words are searched for; a property `code` with the name of another
//! system (`icd9cm`) restricts the candidates to what the maps give for that code; where they give nothing, what the words find is for
//! people to look at. `match` is true only for a code typed as such, the only target of a code if it may be taken without a person, or a
//! billable candidate far ahead that the words neither deny nor doubt (`no hypokalemia`): the service would rather ask than guess.
//!
//! A service with tokens wants one: as a bearer token, or in the address (`/reconcile/t/TOKEN`), because OpenRefine can send no header.
//! Answers may be read by pages of other sites (the specification wants it): they carry public codes and no cookie opens them.

use super::action::Form;
use super::{Problem, SignIn, State, layout};
use crate::engine::search::{Assertion, SearchOptions, asserted, withheld};
use crate::engine::{Asked, Engine, TranslatorOptions};
use crate::face::Actor;
use crate::index::Concept;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Queries in one batch; the manifest says so.
const BATCH: usize = 200;
const LONGEST: usize = 500;
/// By how much the first must lead to be the match.
const LEAD: f64 = 0.25;

type Segments = Path<HashMap<String, String>>;

pub async fn get(state: Shared<Arc<State>>, headers: HeaderMap, segments: Segments, RawQuery(query): RawQuery) -> Response {
    answer(state, headers, segments, query.unwrap_or_default().into_bytes()).await
}

pub async fn post(state: Shared<Arc<State>>, headers: HeaderMap, segments: Segments, body: Bytes) -> Response {
    answer(state, headers, segments, body.to_vec()).await
}

async fn answer(Shared(state): Shared<Arc<State>>, headers: HeaderMap, Path(segments): Segments, asked: Vec<u8>) -> Response {
    let name = match admit(&state, &headers, &segments) {
        Ok(name) => name,
        Err(response) => return *response,
    };
    let base = base(&headers, &segments, state.config.tls);
    let result = tokio::task::spawn_blocking(move || {
        let engine = state.engine();
        let form = Form::read(&asked);
        match form.first("queries") {
            "" => Ok(manifest(&engine, &base)),
            queries => batch(&engine, queries),
        }
    })
    .await;
    let mut response = match result {
        Ok(Ok(value)) => json(&value),
        Ok(Err(what)) => (StatusCode::BAD_REQUEST, json(&json!({ "error": what }))).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    response.extensions_mut().insert(Actor { name, operation: "reconcile" });
    response
}

fn json(value: &Value) -> Response {
    let mut response = ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response();
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Who asks, if the service wants to know.
fn admit(state: &State, headers: &HeaderMap, segments: &HashMap<String, String>) -> Result<String, Box<Response>> {
    let SignIn::Token(check) = &state.config.sign_in else { return Ok(String::new()) };
    let in_address = || check(segments.get("token")?);
    state.bearer(headers).or_else(in_address).map(|person| person.name).ok_or_else(|| {
        let what = json!({ "error": "a token is needed: Authorization: Bearer ..., or in the address, /reconcile/t/TOKEN" });
        Box::new((StatusCode::UNAUTHORIZED, json(&what)).into_response())
    })
}

/// The address by which we were called, as the manifest repeats it.
fn base(headers: &HeaderMap, segments: &HashMap<String, String>, tls: bool) -> String {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
    let token = segments.get("token").map_or_else(String::new, |t| format!("/t/{t}"));
    format!("{}://{host}/reconcile{token}", if tls { "https" } else { "http" })
}

fn manifest(engine: &Engine, base: &str) -> Value {
    // What cells link to travels with a project to others: it has no token, whoever follows it signs in.
    let view = match base.split_once("/reconcile/t/") {
        Some((site, _)) => format!("{site}/review/search?id={{{{id}}}}"),
        None => format!("{base}/preview?id={{{{id}}}}"),
    };
    let types: Vec<Value> = engine.index().systems().map(|s| json!({ "id": s.alias(), "name": s.title() })).collect();
    let service = |what: &str| json!({ "service_url": base, "service_path": format!("/suggest/{what}") });
    json!({
        "versions": ["0.1", "0.2"],
        "name": "xwalk",
        "identifierSpace": "urn:xwalk:code",
        "schemaSpace": "urn:xwalk:system",
        "defaultTypes": types,
        "view": { "url": view },
        "preview": { "url": format!("{base}/preview?id={{{{id}}}}"), "width": 480, "height": 260 },
        "suggest": { "entity": service("entity"), "type": service("type"), "property": service("property") },
        "batchSize": BATCH,
    })
}

fn batch(engine: &Engine, queries: &str) -> Result<Value, String> {
    let queries: Map<String, Value> = serde_json::from_str(queries).map_err(|e| format!("queries is no JSON object: {e}"))?;
    if queries.len() > BATCH {
        return Err(format!("more than {BATCH} queries in one batch"));
    }
    let mut answers = Map::new();
    for (key, query) in queries {
        // A query that cannot be asked has no candidates, and says why; the others are answered.
        let answer = one(engine, &query).map_or_else(|what| json!({ "result": [], "error": what }), |found| json!({ "result": found }));
        answers.insert(key, answer);
    }
    Ok(Value::Object(answers))
}

struct Candidate<'e> {
    concept: Concept<'e>,
    /// How likely it is meant, 0 to 1.
    score: f64,
    /// A code typed as such, or what a map settles.
    certain: bool,
    /// Why it is not what the words say, though they name it.
    withheld: Option<Assertion>,
}

fn one(engine: &Engine, query: &Value) -> Result<Vec<Value>, String> {
    let words: String = query["query"].as_str().unwrap_or("").chars().take(LONGEST).collect();
    let kind = match &query["type"] {
        Value::Array(list) => list.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    let limit = query["limit"].as_u64().map_or(5, |n| n.clamp(1, 50)) as usize;
    let system = engine.system(kind.unwrap_or("icd10cm")).map_err(|e| e.to_string())?;
    let mut found: Vec<Candidate<'_>> = Vec::new();
    let mapped = mapped(engine, system.alias(), &query["properties"]);
    if let Some(Mapped { targets, is_settled }) = &mapped {
        // The maps say what it may be; the words only rank it.
        let searcher = engine.searcher(system, SearchOptions::default()).map_err(|e| e.to_string())?;
        let weights = searcher.weigh(&asserted(&words, targets), targets).into_iter();
        let score = |weight: f32| if *is_settled { 1.0 } else { f64::from(weight) };
        found.extend(targets.iter().zip(weights).map(|(c, w)| Candidate {
            concept: *c,
            score: score(w),
            certain: *is_settled,
            withheld: None,
        }));
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    // Where the maps have nothing, the words find what somebody may look at; that is no match.
    let by_words_alone = mapped.is_none();
    if found.is_empty() {
        let searcher = engine.searcher(system, SearchOptions { limit, ..SearchOptions::default() }).map_err(|e| e.to_string())?;
        let is_code = |why: &[String]| by_words_alone && why.iter().any(|w| w == "code");
        found.extend(searcher.search(&words).into_iter().map(|m| Candidate {
            concept: m.concept,
            score: f64::from(m.score),
            certain: is_code(&m.why),
            withheld: withheld(&words, &m),
        }));
    }
    let by_map = mapped.is_some_and(|m| !m.targets.is_empty());
    let lead = match &found[..] {
        [first, second, ..] => first.score - second.score,
        [first] => first.score,
        [] => 0.0,
    };
    let is_ahead = |c: &Candidate<'_>| {
        (by_map || by_words_alone) && c.withheld.is_none() && c.concept.is_valid_on(None) && c.score >= 0.9 && lead >= LEAD
    };
    let sure = found.first().is_some_and(|first| first.certain || is_ahead(first));
    let candidates = found.into_iter().take(limit).enumerate().map(|(at, candidate)| {
        let c = candidate.concept;
        let billable = if c.is_valid_on(None) { "billable" } else { "not billable" };
        json!({
            "id": format!("{}:{}", system.alias(), c.code()),
            "name": format!("{} {}", c.code(), c.display().unwrap_or("")).trim(),
            "description": candidate.withheld.map_or_else(|| billable.to_owned(), |why| format!("{billable}; {}", why.why())),
            "score": (candidate.score * 100.0 * 100.0).round() / 100.0,
            "match": at == 0 && sure,
            "type": [{ "id": system.alias(), "name": system.title() }],
            "features": [{ "id": "billable", "value": c.is_valid_on(None) }],
        })
    });
    Ok(candidates.collect())
}

/// What the maps give for codes of another system.
struct Mapped<'e> {
    targets: Vec<Concept<'e>>,
    /// One code was asked for, and its only target may be taken without a person.
    is_settled: bool,
}

/// What the maps give for codes of other systems that came as properties; `None` if none came that a map could be asked for.
fn mapped<'e>(engine: &'e Engine, to: &str, properties: &Value) -> Option<Mapped<'e>> {
    let mut asked = Vec::new();
    for property in properties.as_array()? {
        let Some(system) = property["pid"].as_str().and_then(|name| engine.system(name).ok()) else { continue };
        let values = property["v"].as_array().map_or(std::slice::from_ref(&property["v"]), Vec::as_slice);
        let codes = values.iter().filter_map(|v| code(system.alias(), v));
        let options = TranslatorOptions { from: system.alias().to_owned(), to: to.to_owned(), ..TranslatorOptions::default() };
        let Ok(translator) = engine.translator(options) else { continue };
        asked.extend(codes.map(|code| translator.translate(&Asked::code(&code))));
    }
    let mut targets: Vec<Concept<'e>> = Vec::new();
    for target in asked.iter().flat_map(|t| t.targets()) {
        if !targets.contains(&target.concept) {
            targets.push(target.concept);
        }
    }
    let is_settled = matches!((&asked[..], &targets[..]), ([one], [target]) if one.automatic && target.is_valid_on(None));
    (!asked.is_empty()).then_some(Mapped { targets, is_settled })
}

/// The code that a property's value is: a text, a cell that a spreadsheet took for a number, or the id of a cell that is reconciled already.
fn code(system: &str, value: &Value) -> Option<String> {
    let code = match value {
        Value::String(code) => code.clone(),
        Value::Number(number) => number.to_string(),
        reconciled => {
            let id = reconciled["id"].as_str()?;
            id.strip_prefix(system).and_then(|rest| rest.strip_prefix(':')).unwrap_or(id).to_owned()
        }
    };
    Some(code).filter(|c| !c.trim().is_empty())
}

/// Suggestions while somebody types: entities, types, properties.
pub async fn suggest(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Path(segments): Segments,
    RawQuery(query): RawQuery,
) -> Response {
    if let Err(response) = admit(&state, &headers, &segments) {
        return *response;
    }
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let engine = state.engine();
    let prefix: String = form.first("prefix").chars().take(LONGEST).collect();
    let lower = prefix.to_lowercase();
    let systems = || engine.index().systems().filter(|s| s.alias().contains(&lower) || s.title().to_lowercase().contains(&lower));
    let result: Vec<Value> = match segments.get("what").map_or("", String::as_str) {
        "entity" => {
            let mut all = Vec::new();
            for system in engine.index().systems() {
                let options = SearchOptions { limit: 5, complete: true, ..SearchOptions::default() };
                let Ok(searcher) = engine.searcher(system, options) else { continue };
                all.extend(searcher.search(&prefix).into_iter().map(|m| (m.score, m.concept)));
            }
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            let entity = |c: Concept<'_>| {
                json!({
                    "id": format!("{}:{}", c.system().alias(), c.code()),
                    "name": c.display().unwrap_or(c.code()),
                    "description": format!("{} {}", c.system().alias(), c.code()),
                })
            };
            all.into_iter().take(10).map(|(_, c)| entity(c)).collect()
        }
        "type" => systems().map(|s| json!({ "id": s.alias(), "name": s.title() })).collect(),
        // A property is the code in another system, by which the maps are asked.
        "property" => systems().map(|s| json!({ "id": s.alias(), "name": format!("code in {}", s.title()) })).collect(),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    json(&json!({ "result": result }))
}

/// A small page about one code, shown in a frame by the asking program.
pub async fn preview(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Path(segments): Segments,
    RawQuery(query): RawQuery,
) -> Response {
    if let Err(response) = admit(&state, &headers, &segments) {
        return *response;
    }
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let engine = state.engine();
    let found = form.first("id").split_once(':').and_then(|(system, code)| engine.system(system).ok()?.concept(code));
    let Some(c) = found else { return Problem::NotFound("There is no such code.".to_owned()).into_response() };
    let page = html! {
        (maud::DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; meta name="color-scheme" content="light dark"; title { (c.code()) } link rel="stylesheet" href="/review/style.css"; }
            body.preview { h1 { span.code { (c.code()) } " " (c.display().unwrap_or("")) } (layout::place(c)) (layout::notes(c)) }
        }
    };
    let mut response = super::html(page);
    // Meant to be framed by others; still nothing runs in it.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'self'; frame-ancestors *");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_as_texts_numbers_and_reconciled_cells() {
        let cases = [
            (json!("401.9"), Some("401.9")),
            (json!(401.9), Some("401.9")),
            (json!({"id": "icd9cm:401.9", "name": "x"}), Some("401.9")),
            (json!({"id": "401.9"}), Some("401.9")),
            (json!(" "), None),
            (json!(null), None),
            (json!({"name": "x"}), None),
        ];
        for (value, wanted) in cases {
            assert_eq!(code("icd9cm", &value).as_deref(), wanted, "{value}");
        }
    }
}
