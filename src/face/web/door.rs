//! Who is there: sessions, signing in and out, and the secret that every change carries.

use super::queue::{Looking, form_urlencoded};
use super::{Person, Problem, Role, SignIn, State, action, html, item, layout, work};
use crate::face::Actor;
use axum::extract::{Form, Query, Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const COOKIE: &str = "xwalk-session";
pub const SIGN_IN: &str = "/review/sign-in";
/// A working day; who is away longer signs in again.
const LASTS: Duration = Duration::from_secs(10 * 3600);
/// More than anybody needs; the oldest make room.
const MOST: usize = 10_000;

/// Those who have signed in. In memory: a restart signs everybody out.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<HashMap<String, Session>>,
}

#[derive(Clone)]
pub struct Session {
    pub person: Person,
    /// Sent with every form.
    pub secret: String,
    /// What they signed in with: a token that expires or is taken away ends the session.
    token: String,
    began: Instant,
}

impl Session {
    pub fn name(&self) -> &str {
        &self.person.name
    }

    pub fn may(&self, role: Role) -> Result<(), Problem> {
        if self.person.role >= role { Ok(()) } else { Err(Problem::Forbidden("your token does not allow this")) }
    }

    /// Whether a form came from our own page.
    pub fn check(&self, secret: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
        // Comparing digests takes the same time whatever was guessed.
        let same = blake3::hash(secret.as_bytes()) == blake3::hash(self.secret.as_bytes());
        if same && !elsewhere {
            Ok(())
        } else {
            Err(Problem::Forbidden("this form is not from this session; go back and load the page again"))
        }
    }
}

impl State {
    /// Who asks.
    pub(super) fn session(&self, headers: &HeaderMap) -> Result<Session, Problem> {
        let id = cookie(headers).ok_or(Problem::SignIn)?;
        let mut open = self.sessions.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get(id).filter(|s| s.began.elapsed() < LASTS).cloned();
        let holds = session.filter(|s| match &self.config.sign_in {
            SignIn::Name => true,
            SignIn::Token(check) => check(&s.token).as_ref() == Some(&s.person),
        });
        if holds.is_none() {
            open.remove(id);
        }
        holds.ok_or(Problem::SignIn)
    }

    /// Which program asks, if it sends a token.
    pub(super) fn bearer(&self, headers: &HeaderMap) -> Option<Person> {
        let SignIn::Token(check) = &self.config.sign_in else { return None };
        check(headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?)
    }

    fn begin(&self, person: Person, token: &str) -> Result<(String, Session), Problem> {
        let (id, secret) = (random()?, random()?);
        let session = Session { person, secret, token: token.to_owned(), began: Instant::now() };
        let mut open = self.sessions.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, s| s.began.elapsed() < LASTS);
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, s)| s.began).map(|(id, _)| id.clone())
        {
            open.remove(&oldest);
        }
        open.insert(id.clone(), session.clone());
        Ok((id, session))
    }
}

fn random() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    let random = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    random.map_err(|_| Problem::Broken("the system gave no random bytes".to_owned()))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|c| c.to_str().ok());
    all.flat_map(|c| c.split(';')).find_map(|c| c.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn set_cookie(state: &State, value: &str, seconds: u64) -> Option<HeaderValue> {
    let secure = if state.config.tls { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")).ok()
}

/// Where somebody was on the way to who had to sign in first, and the form that they sent.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub struct Way {
    back: String,
    kept: String,
}

impl Way {
    /// One of our own pages, never another site's.
    fn back(&self) -> &str {
        let rest = self.back.strip_prefix("/review").filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        let plain = self.back.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        if rest.is_some() && plain { &self.back } else { "/review" }
    }

    /// The number of the item that a form was for, and from where in the queue.
    fn item(&self) -> Option<(i64, Looking)> {
        let address: Uri = self.back().parse().ok()?;
        let id = address.path().strip_prefix("/review/item/")?.parse().ok()?;
        Some((id, Query::try_from_uri(&address).ok()?.0)).filter(|_| !self.kept.is_empty())
    }
}

/// Who is sent to sign in comes back afterwards.
pub async fn come_back(request: Request, next: Next) -> Response {
    let asked = request.uri().path_and_query().map(|p| p.as_str().to_owned()).filter(|_| request.method() == Method::GET);
    let mut response = next.run(request).await;
    let sent = response.headers().get(header::LOCATION).is_some_and(|l| l == SIGN_IN);
    if let Some(asked) = asked.filter(|asked| sent && asked != "/review") {
        let mut query = form_urlencoded::Serializer::default();
        query.add("back", &asked);
        if let Ok(location) = HeaderValue::from_str(&format!("{SIGN_IN}?{}", query.finish())) {
            response.headers_mut().insert(header::LOCATION, location);
        }
    }
    response
}

/// Signing in where a form was sent after the session had ended: what was typed and picked is kept.
pub fn again(state: &State, back: &str, sent: &[u8]) -> Response {
    let way = Way { back: back.to_owned(), kept: String::from_utf8_lossy(sent).into_owned() };
    let page = form(state, "You were signed out. Nothing was saved; what you typed and picked comes back when you sign in.", &way);
    (StatusCode::UNAUTHORIZED, page).into_response()
}

pub async fn page(Shared(state): Shared<Arc<State>>, Query(way): Query<Way>) -> Response {
    form(&state, "", &Way { kept: String::new(), ..way })
}

fn form(state: &State, wrong: &str, way: &Way) -> Response {
    let by_token = matches!(state.config.sign_in, SignIn::Token(_));
    html(layout::page(
        "Sign in",
        None,
        html! {
            main #main.narrow {
                h1 { "Sign in" }
                @if !wrong.is_empty() { p.problem role="alert" { (wrong) } }
                form method="post" action=(SIGN_IN) {
                    @if !way.back.is_empty() { input type="hidden" name="back" value=(way.back()); }
                    @if !way.kept.is_empty() { input type="hidden" name="kept" value=(way.kept); }
                    @if by_token {
                        label for="token" { "Token" }
                        input #token name="token" type="password" autocomplete="current-password" required autofocus;
                        p.hint { "The token of this service that was made for you (`xwalk token add`), with the role review." }
                    } @else {
                        label for="name" { "Your name" }
                        input #name name="name" autocomplete="username" required autofocus maxlength="64";
                        p.hint { "It stands beside everything that you decide. This service answers to this machine only and believes you." }
                    }
                    button.primary type="submit" { "Sign in" }
                }
            }
        },
    ))
}

#[derive(serde::Deserialize)]
pub struct Given {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    back: String,
    #[serde(default)]
    kept: String,
}

pub async fn sign_in(Shared(state): Shared<Arc<State>>, headers: HeaderMap, Form(given): Form<Given>) -> Response {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Problem::Forbidden("sign in from this site's own page").into_response();
    }
    let person = match &state.config.sign_in {
        SignIn::Token(check) => check(given.token.trim()),
        SignIn::Name => {
            let name: String = given.name.trim().chars().filter(|c| !c.is_control()).take(64).collect();
            (!name.is_empty()).then_some(Person { name, role: Role::Admin })
        }
    };
    let way = Way { back: given.back, kept: given.kept };
    let Some(person) = person else { return form(&state, "That did not work: no such token, or it has expired.", &way) };
    if person.role < Role::Review {
        return form(&state, "This token may only read; the workbench needs the role review.", &way);
    }
    let actor = Actor { name: person.name.clone(), operation: "review/sign-in" };
    let begun = state.begin(person, given.token.trim());
    let mut response = match begun {
        Ok((id, session)) => {
            let mut response = match way.item() {
                None => Redirect::to(way.back()).into_response(),
                Some((item, looking)) => {
                    let kept = action::Form::read(way.kept.as_bytes());
                    let show = move |state: &State| {
                        let told = "You were signed out in between: this is not saved yet. Look at it and save it again.";
                        Ok(html(item::show(state, &session, item, &looking, Some((told, &kept)))?))
                    };
                    work(Shared(Arc::clone(&state)), actor.clone(), show).await
                }
            };
            if let Some(cookie) = set_cookie(&state, &id, LASTS.as_secs()) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(actor);
    response
}

#[derive(serde::Deserialize)]
pub struct Leaving {
    csrf: String,
}

pub async fn sign_out(Shared(state): Shared<Arc<State>>, headers: HeaderMap, Form(form): Form<Leaving>) -> Response {
    let Ok(session) = state.session(&headers) else { return Problem::SignIn.into_response() };
    if let Err(problem) = session.check(&form.csrf, &headers) {
        return problem.into_response();
    }
    if let Some(id) = cookie(&headers) {
        state.sessions.open.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
    let mut response = Redirect::to(SIGN_IN).into_response();
    if let Some(cookie) = set_cookie(&state, "", 0) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response.extensions_mut().insert(Actor { name: session.person.name, operation: "review/sign-out" });
    response
}
