//! The door: who is let in, how many at a time; and the books: request id, metrics, audit, log.

use super::audit::Event;
use super::limits::Limits;
use super::reply::Failure;
use super::route::{Fhir, NAMES, Route};
use super::tokens::{Denied, Tokens};
use super::{Config, State, fhir, ops, own, reply};
use crate::face::wire::fhir::outcome::Issue;
use arc_swap::ArcSwap;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock};
use hyper::body::{Body as _, Incoming};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const ANYBODY: HeaderValue = HeaderValue::from_static("*");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// For everything but pages, which say their own: an answer is data, and nothing in it may run or be framed.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Whom to let in, and how many.
pub(super) struct Doors {
    tokens: Option<(PathBuf, ArcSwap<Tokens>)>,
    rate: Option<DefaultKeyedRateLimiter<IpAddr>>,
    behind_proxy: bool,
    /// Loopback without tokens: the address by which we are called must be loopback too, or a page in a browser could ask through a name
    /// that it points at us (DNS rebinding).
    local_names_only: bool,
    tls: bool,
    busy: AtomicUsize,
    /// Those among the busy who showed no token at the door: they may take a part of the places, never all.
    strangers: AtomicUsize,
    secret: u64,
    /// Makes request ids: a random beginning, counted on.
    ids: AtomicU64,
}

impl Doors {
    pub fn new(config: &Config) -> Result<Doors, super::Error> {
        let tokens = match &config.tokens {
            Some(path) => Some((path.clone(), ArcSwap::from_pointee(Tokens::read(path)?))),
            None => None,
        };
        let random = || {
            let mut bytes = [0; 8];
            // Where there is no randomness, the clock has to do: ids need not be secret.
            if rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).is_err() {
                bytes = (jiff::Timestamp::now().as_nanosecond() as u64).to_le_bytes();
            }
            u64::from_le_bytes(bytes)
        };
        Ok(Doors {
            local_names_only: tokens.is_none() && !config.behind_proxy,
            tokens,
            rate: config.limits.rate.map(|per_second| DefaultKeyedRateLimiter::keyed(Quota::per_second(per_second))),
            behind_proxy: config.behind_proxy,
            tls: config.tls.is_some(),
            busy: AtomicUsize::new(0),
            strangers: AtomicUsize::new(0),
            secret: random(),
            ids: AtomicU64::new(random()),
        })
    }

    /// Reads the tokens again. A file that cannot be read leaves the old ones.
    pub fn reload(&self) -> Result<(), super::tokens::Error> {
        if let Some((path, tokens)) = &self.tokens {
            tokens.store(Arc::new(Tokens::read(path)?));
        }
        Ok(())
    }

    /// A number that nobody outside can foresee.
    pub fn random(&self) -> u64 {
        self.secret
    }

    /// Whether clients come by TLS, ours or the proxy's.
    pub fn is_secure(&self) -> bool {
        self.tls || self.behind_proxy
    }

    pub fn needs_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// Forgets clients that have long been quiet.
    pub fn tidy(&self) {
        if let Some(rate) = &self.rate {
            rate.retain_recent();
            rate.shrink_to_fit();
        }
    }
}

/// A request in work. Streams keep it to their end.
pub(super) struct Busy {
    state: Arc<State>,
    is_stranger: bool,
}

impl Busy {
    fn begin(state: &Arc<State>, is_stranger: bool) -> Result<Busy, Failure> {
        let doors = &state.doors;
        let busy = doors.busy.fetch_add(1, Ordering::Relaxed);
        let strangers = if is_stranger { doors.strangers.fetch_add(1, Ordering::Relaxed) } else { 0 };
        state.metrics.in_flight.inc();
        // Dropping it gives the places back.
        let place = Busy { state: Arc::clone(state), is_stranger };
        if busy >= state.limits.concurrent || strangers > state.limits.concurrent / 4 {
            let mut failure = Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                Issue::error("throttled", "too many requests are being worked on; come again"),
            );
            failure.retry_after = Some(1);
            return Err(failure);
        }
        Ok(place)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.state.doors.busy.fetch_sub(1, Ordering::Relaxed);
        if self.is_stranger {
            self.state.doors.strangers.fetch_sub(1, Ordering::Relaxed);
        }
        self.state.metrics.in_flight.dec();
    }
}

/// Answers one request.
pub(super) async fn handle(state: Arc<State>, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let route = Route::of(parts.uri.path());
    let (number, spelling) = (route.number(), route.spelling());
    let route_is_open = is_open(parts.uri.path());
    let id = request_id(&state.doors, &parts.headers);
    let mut who = String::new();
    let answered = match admit(&state, peer, &route, &parts, &mut who) {
        Ok(busy) => match kept(&state, &route, &parts) {
            Some(response) => Ok(response),
            // In a box: it is large, and what is large is copied on its way into the connection.
            None => Box::pin(answer(&state, route, &parts, body, busy, &id)).await,
        },
        Err(failure) => Err(failure),
    };
    let mut response = answered.unwrap_or_else(|failure| failure.response(spelling, id.to_str().unwrap_or_default()));
    let headers = response.headers_mut();
    if route_is_open {
        // A refusal, too, must be readable by the page that asked.
        headers.entry(header::ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(ANYBODY);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    if state.doors.tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // What another face served says who did what; it knows better.
    let mut operation = NAMES[number];
    if let Some(actor) = response.extensions_mut().remove::<crate::face::Actor>() {
        if !actor.name.is_empty() {
            who = actor.name;
        }
        if !actor.operation.is_empty() {
            operation = actor.operation;
        }
    }
    let status = response.status().as_u16();
    let took = began.elapsed();
    state.metrics.request(number, status, took);
    tracing::debug!(operation = NAMES[number], status, micros = took.as_micros() as u64, id = ?id, "request");
    if let Some(audit) = state.audit.as_ref().filter(|_| !matches!(number, 0 | 1)) {
        audit.record(Event {
            request_id: id.to_str().unwrap_or_default().to_owned(),
            who,
            from: client(&state.doors, peer, &parts.headers).to_string(),
            method: parts.method.to_string(),
            operation,
            status,
            duration_us: took.as_micros() as u64,
            index: state.fingerprint.load().as_ref().clone(),
        });
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The answer to a question that was answered before.
fn kept(state: &State, route: &Route<'_>, parts: &axum::http::request::Parts) -> Option<Response<Body>> {
    let media = match route {
        Route::Own(_) => reply::JSON,
        Route::Fhir(_, Fhir::Operation(..)) if check_accept(parts).is_ok() => reply::FHIR_JSON,
        _ => return None,
    };
    let found = with_question(parts, |question| state.served.load().kept.find(question))??;
    if let Some(outcome) = found.outcome {
        state.metrics.outcome(outcome);
    }
    let mut response = Response::new(Body::from(Bytes::from(found)));
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Some(response)
}

/// Hands on what an answer to a GET depends on; `None` for what is no GET.
pub(super) fn with_question<T>(parts: &axum::http::request::Parts, then: impl FnOnce(&[u8]) -> T) -> Option<T> {
    if parts.method != Method::GET {
        return None;
    }
    let address = parts.uri.path_and_query()?.as_str().as_bytes();
    Some(match parts.headers.get(header::ACCEPT_LANGUAGE) {
        None => then(address),
        Some(language) => then(&[address, b"\n", language.as_bytes()].concat()),
    })
}

/// The client's own id if it is one, otherwise a new one.
fn request_id(doors: &Doors, headers: &HeaderMap) -> HeaderValue {
    if let Some(given) = headers.get(REQUEST_ID)
        && (1..=128).contains(&given.len())
        && given.as_bytes().iter().all(u8::is_ascii_graphic)
    {
        return given.clone();
    }
    let number = doors.ids.fetch_add(1, Ordering::Relaxed);
    let digits: [u8; 16] = std::array::from_fn(|i| b"0123456789abcdef"[(number >> (60 - 4 * i)) as usize & 15]);
    HeaderValue::from_bytes(&digits).unwrap_or(NO_STORE)
}

/// Address of the client: the peer, or what the proxy before us says.
fn client(doors: &Doors, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let told = || headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    // Only the last entry is the proxy's own; those before it are whatever the client sent.
    doors.behind_proxy.then(told).flatten().unwrap_or(peer.ip()).to_canonical()
}

fn admit(
    state: &Arc<State>,
    peer: SocketAddr,
    route: &Route<'_>,
    parts: &axum::http::request::Parts,
    who: &mut String,
) -> Result<Busy, Failure> {
    let (doors, method, headers) = (&state.doors, &parts.method, &parts.headers);
    // RFC 9112, 3.2: who sends none or two may be heard as two different hosts by us and by a proxy before us.
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version == Version::HTTP_11) {
        return Err(Failure::invalid("a request of HTTP/1.1 has one header Host, no more and no less"));
    }
    if doors.local_names_only && !headers.get(header::HOST).is_none_or(is_local) {
        let issue = Issue::error("forbidden", "this service answers to localhost only; call it by that name");
        return Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, issue));
    }
    if let Some(origin) = headers.get(header::ORIGIN).filter(|_| *method != Method::GET && !is_open(parts.uri.path()))
        && !is_same_origin(origin, headers.get(header::HOST))
    {
        let issue = Issue::error("forbidden", "pages of other sites may not post here");
        return Err(Failure::new(StatusCode::FORBIDDEN, issue));
    }
    if let Some(rate) = &doors.rate
        && let Err(until) = rate.check_key(&client(doors, peer, headers))
    {
        let wait = until.wait_time_from(governor::clock::DefaultClock::default().now());
        let mut failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, Issue::error("throttled", "too many requests from this address"));
        failure.retry_after = Some(wait.as_secs_f64().ceil().clamp(1.0, 3600.0) as u32);
        return Err(failure);
    }
    if let (Some((_, tokens)), Some(role)) = (&doors.tokens, route.role()) {
        let token = headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok()).and_then(bearer);
        match tokens.load().check(token.unwrap_or_default(), role, crate::engine::today()) {
            Ok(entry) => who.push_str(&entry.name),
            Err(Denied::Role) => {
                let what = format!("this token does not allow it; it needs the role {}", role.code());
                return Err(Failure::new(StatusCode::FORBIDDEN, Issue::error("forbidden", what)));
            }
            Err(denied) => {
                let what = match denied {
                    Denied::Expired => "the token has expired; ask for a new one",
                    _ if token.is_none() => "a token is needed: Authorization: Bearer ...",
                    _ => "no such token",
                };
                let code = if denied == Denied::Expired { "expired" } else { "login" };
                let mut failure = Failure::new(StatusCode::UNAUTHORIZED, Issue::error(code, what));
                failure.header = Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"xwalk\"")));
                return Err(failure);
            }
        }
    }
    if !matches!(route, Route::Live | Route::Ready) && state.audit.as_ref().is_some_and(super::audit::Audit::failed) {
        let issue = Issue::error("exception", "the audit log cannot be written; nothing is answered until it can");
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, issue));
    }
    route.check_method(method)?;
    if matches!(route, Route::Live | Route::Ready) {
        // Whoever asks whether we live must get an answer just when we are busiest.
        state.doors.busy.fetch_add(1, Ordering::Relaxed);
        state.metrics.in_flight.inc();
        return Ok(Busy { state: Arc::clone(state), is_stranger: false });
    }
    Busy::begin(state, route.role().is_none())
}

/// Where pages of other sites may ask too: the Reconciliation API wants it. What is given out there are public codes, no cookie opens it,
/// and nothing is changed by it.
fn is_open(path: &str) -> bool {
    path == "/reconcile" || path.starts_with("/reconcile/")
}

/// What a browser asks before it lets a page of another site ask.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// `localhost`, `127.0.0.1` or `[::1]`, with or without a port.
fn is_local(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map_or(v6, |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_same_origin(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), host.map(HeaderValue::to_str)) else { return false };
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

async fn answer(
    state: &Arc<State>,
    route: Route<'_>,
    parts: &axum::http::request::Parts,
    body: Incoming,
    busy: Busy,
    id: &HeaderValue,
) -> Result<Response<Body>, Failure> {
    match route {
        Route::Live => Ok(ops::live()),
        Route::Ready => ops::ready(state),
        Route::Metrics => Ok(ops::metrics(state)),
        Route::OpenApi => Ok(own::openapi::document()),
        Route::Docs => Ok(own::page()),
        Route::Reload => ops::reload(state).await,
        Route::Own(question) => own::answer(state, question, parts, body, busy, id).await,
        Route::Fhir(version, interaction) => {
            check_accept(parts)?;
            if interaction == Fhir::Unknown {
                return Err(Failure::not_found("nothing is served at this address; /metadata says what is"));
            }
            let body = match parts.method {
                Method::POST => Some(read_fhir(parts, body, &state.limits).await?),
                _ => None,
            };
            let language = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|l| l.to_str().ok()).unwrap_or("");
            fhir::answer(state, version, interaction, parts, language, body).await
        }
        Route::Elsewhere => match &state.others {
            Some(_) if parts.method == Method::OPTIONS && is_open(parts.uri.path()) => Ok(preflight()),
            Some(router) => {
                // Read here, where there is a limit and a time for it: no token has been shown yet.
                let body = read_whole(&parts.headers, body, &state.limits).await?;
                let request = Request::from_parts(parts.clone(), Body::from(body));
                let mut response = match tower::ServiceExt::oneshot(router.clone(), request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                // The page keeps its place in the count until its last byte is out.
                response.extensions_mut().insert(Arc::new(busy));
                Ok(response)
            }
            None => Err(Failure::not_found("nothing is served at this address; /docs says what is")),
        },
    }
}

async fn read_fhir(parts: &axum::http::request::Parts, body: Incoming, limits: &Limits) -> Result<Bytes, Failure> {
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if !matches!(kind.as_str(), "application/fhir+json" | "application/json" | "text/json" | "application/json+fhir") {
            let issue = Issue::error("not-supported", "send application/fhir+json");
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, issue));
        }
    }
    read_whole(&parts.headers, body, limits).await
}

/// FHIR answers are JSON; who takes nothing of the kind is told so.
fn check_accept(parts: &axum::http::request::Parts) -> Result<(), Failure> {
    let takes = |text: &str| text.is_empty() || text.contains("json") || text.contains("*/*") || text.contains("application/*");
    let format = parts.uri.query().and_then(|q| q.split('&').find_map(|p| p.strip_prefix("_format=")));
    let taken = match format {
        Some(format) => takes(format),
        None => {
            parts.headers.get_all(header::ACCEPT).iter().any(|a| a.to_str().is_ok_and(takes)) || !parts.headers.contains_key(header::ACCEPT)
        }
    };
    let refused = || Failure::new(StatusCode::NOT_ACCEPTABLE, Issue::error("not-supported", "only application/fhir+json is spoken here"));
    if taken { Ok(()) } else { Err(refused()) }
}

/// Reads a body that is held as a whole.
pub(super) async fn read_whole(headers: &HeaderMap, body: Incoming, limits: &Limits) -> Result<Bytes, Failure> {
    check_encoding(headers)?;
    let too_large = || {
        let what = format!("the body is larger than {} bytes; send less, or use a streaming operation of /v1", limits.body);
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, Issue::error("too-long", what))
    };
    if body.size_hint().lower() > limits.body as u64 {
        return Err(too_large());
    }
    let mut chunks = Chunks { body };
    let read = async {
        let Some(first) = chunks.next().await? else { return Ok(Bytes::new()) };
        if first.len() > limits.body {
            return Err(too_large());
        }
        let Some(second) = chunks.next().await? else { return Ok(first) };
        let mut whole = Vec::with_capacity(4 * (first.len() + second.len()));
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if whole.len() + chunk.len() > limits.body {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
            next = chunks.next().await?;
        }
        Ok(Bytes::from(whole))
    };
    match tokio::time::timeout(limits.body_time, read).await {
        Ok(read) => read,
        Err(_) => {
            let what = format!("the body took longer than {} seconds", limits.body_time.as_secs());
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, Issue::error("timeout", what)))
        }
    }
}

/// Compressed bodies are refused: what they unfold to cannot be known beforehand.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|e| e != "identity") {
        let issue = Issue::error("not-supported", "compressed bodies are not taken; send it as it is");
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, issue));
    }
    Ok(())
}

/// The body of a request, piece by piece.
pub(super) struct Chunks {
    pub body: Incoming,
}

impl Chunks {
    /// The next piece; `None` at the end. A body that breaks off is the client's failure.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => return Err(Failure::invalid("the body broke off")),
            }
        }
    }
}
