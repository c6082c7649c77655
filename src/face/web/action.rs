//! What people do: every change of the workbench comes through here.

use super::queue::{Address, Looking};
use super::{Problem, Role, State, door, html, item, offer, work};
use crate::decisions::{self, Action, By, Offer, Verdict, offered};
use crate::face::Actor;
use axum::extract::{RawForm, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;

/// The fields of a form, in order; a name may occur more than once.
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn read(bytes: &[u8]) -> Form {
        let part = |text: &[u8]| {
            let mut out = Vec::with_capacity(text.len());
            let mut at = 0;
            while at < text.len() {
                let hex = text.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
                match (text[at], hex) {
                    (b'%', Some(byte)) => {
                        out.push(byte);
                        at += 2;
                    }
                    (b'+', _) => out.push(b' '),
                    (byte, _) => out.push(byte),
                }
                at += 1;
            }
            String::from_utf8_lossy(&out).into_owned()
        };
        let fields = bytes.split(|b| *b == b'&').filter(|f| !f.is_empty()).map(|field| {
            let split = field.iter().position(|b| *b == b'=').unwrap_or(field.len());
            (part(&field[..split]), part(field.get(split + 1..).unwrap_or(&[])))
        });
        Form(fields.collect())
    }

    /// The first value of a name, or nothing.
    pub fn first(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Something done to an item.
pub async fn act(state: Shared<Arc<State>>, headers: HeaderMap, Address(id, looking): Address, RawForm(body): RawForm) -> Response {
    let form = Form::read(&body);
    let operation = match form.first("action") {
        "decide" => "review/decide",
        "no-map" => "review/no-map",
        "approve" => "review/approve",
        "reject" => "review/reject",
        "flag" => "review/flag",
        "undo" => "review/undo",
        _ => "review/comment",
    };
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    work(state, Actor { name, operation }, move |state| {
        let session = match state.session(&headers) {
            // What was typed and picked waits on the sign-in page.
            Err(Problem::SignIn) => return Ok(door::again(state, &format!("/review/item/{id}?{}", looking.query()), &body)),
            session => session?,
        };
        session.check(form.first("csrf"), &headers)?;
        session.may(Role::Review)?;
        match done(state, session.name(), id, &form) {
            Ok(()) if form.first("action") == "undo" || form.first("action") == "comment" => {
                Ok(Redirect::to(&format!("/review/item/{id}?{}", looking.query())).into_response())
            }
            Ok(()) => Ok(Redirect::to(&item::after(state, id, &looking, Some(id))?).into_response()),
            // What stands in the way is said on the item's own page, which shows how it is now and keeps what was typed and picked.
            Err(problem) => {
                let (status, told) = match &problem {
                    Problem::Conflict(told) => (StatusCode::CONFLICT, told),
                    Problem::BadRequest(told) => (StatusCode::UNPROCESSABLE_ENTITY, told),
                    Problem::Broken(told) => (StatusCode::SERVICE_UNAVAILABLE, told),
                    _ => return Err(problem),
                };
                match item::show(state, &session, id, &looking, Some((told, &form))) {
                    Ok(page) => Ok((status, html(page)).into_response()),
                    Err(_) => Err(problem),
                }
            }
        }
    })
    .await
}

fn done(state: &State, who: &str, id: i64, form: &Form) -> Result<(), Problem> {
    let store = &state.config.store;
    let engine = state.engine();
    let index = engine.index().fingerprint();
    let by = By { who, why: form.first("why").trim(), index: &index };
    let seen = match (form.first("seen"), form.first("action")) {
        // Taken back from another page: then nobody has seen this one.
        ("", "undo") => None,
        (seen, _) => Some(seen.parse().map_err(|_| {
            Problem::BadRequest("the form does not say which version of the item it was made for; load the page again".to_owned())
        })?),
    };
    let put = |action| store.act(id, seen, by, action).map(drop).map_err(Problem::from);
    let decide = |verdict: Verdict, item: &decisions::Item| {
        let offer = offered(&engine, &item.question).map(|t| Offer::of(&t));
        let done = store.act_with(id, seen, by, Action::Decided(verdict), offer.as_ref())?;
        // Where the rule allows it, an author's answer needs nobody else. That of one of two blind coders does not stand until the other's is
        // in, and then they are each other's second person.
        if done.item.state.decision == Some(done.event) && store.self_approval()? {
            match store.act(id, Some(done.item.state.version), By { why: "", ..by }, Action::Approved) {
                // Somebody else has acted on it meanwhile; the answer is saved, and how it stands is theirs to say.
                Ok(_) | Err(decisions::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    };
    match form.first("action") {
        "decide" => {
            let item = store.item(id, who)?;
            decide(offer::verdict(&engine, &item, form)?, &item)
        }
        "no-map" => decide(Verdict::no_map(), &store.item(id, who)?),
        "approve" => put(Action::Approved),
        "reject" => put(Action::Rejected),
        "flag" => put(Action::Flagged),
        "comment" if by.why.is_empty() => Err(Problem::BadRequest("the remark is empty".to_owned())),
        "comment" => put(Action::Commented),
        "undo" => store.undo(id, seen, by).map(drop).map_err(Problem::from),
        _ => Err(Problem::BadRequest("no such action".to_owned())),
    }
}

/// Codes for the queue, by hand or from a program: `from`, `to`, `code` (as often as there are codes), `text`, `records`, `batch`.
///
/// A program sends its token (`Authorization: Bearer ...`) and is told how many were new; no cookie opens this way, so no page of another
/// site can use it.
pub async fn add(state: Shared<Arc<State>>, headers: HeaderMap, RawForm(body): RawForm) -> Response {
    let form = Form::read(&body);
    let program = state.bearer(&headers);
    let name = program.clone().or_else(|| state.session(&headers).ok().map(|s| s.person)).map(|p| p.name).unwrap_or_default();
    work(state, Actor { name: name.clone(), operation: "review/add" }, move |state| {
        match &program {
            Some(person) if person.role < Role::Review => return Err(Problem::Forbidden("the token needs the role review")),
            Some(_) => {}
            None => {
                let session = state.session(&headers)?;
                session.check(form.first("csrf"), &headers)?;
                session.may(Role::Review)?;
            }
        }
        let engine = state.engine();
        let index = engine.index().fingerprint();
        let records = match form.first("records") {
            "" => 1,
            given => given.trim().parse().map_err(|_| Problem::BadRequest(format!("`{given}` is no number of records")))?,
        };
        let facts = crate::engine::Facts::default();
        let codes = form.all("code").flat_map(|c| c.split([',', ' ', '\n'])).map(str::trim).filter(|c| !c.is_empty());
        let ask = |code: &str| decisions::ask(&engine, form.first("from"), form.first("to"), code, form.first("text"), &facts, records);
        let asked = codes.map(ask).collect::<Result<Vec<_>, _>>()?;
        if asked.is_empty() {
            return Err(Problem::BadRequest("there is no code; send `from`, `to` and `code`".to_owned()));
        }
        let batch = Some(form.first("batch")).filter(|b| !b.is_empty()).unwrap_or("by hand");
        let added = state.config.store.ask(By { who: &name, why: "", index: &index }, batch, asked)?;
        Ok(match program {
            Some(_) => format!("{} new, {} were there\n", added.new, added.known).into_response(),
            None => Redirect::to("/review?status=all").into_response(),
        })
    })
    .await
}

/// Shares the items of a filter out among people.
pub async fn assign(state: Shared<Arc<State>>, headers: HeaderMap, looking: Looking, RawForm(body): RawForm) -> Response {
    let form = Form::read(&body);
    let name = state.session(&headers).map(|s| s.person.name).unwrap_or_default();
    work(state, Actor { name, operation: "review/assign" }, move |state| {
        let session = state.session(&headers)?;
        session.check(form.first("csrf"), &headers)?;
        session.may(Role::Admin)?;
        let people: Vec<&str> = form.first("to").split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
        let blind = form.first("blind") == "yes";
        let by = By { who: session.name(), ..By::default() };
        decisions::share_out(&state.config.store, &looking.filter(&*state.held()?), &people, blind, by)?;
        Ok(Redirect::to(&format!("/review?{}", looking.query())).into_response())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let form = Form::read(b"a=1&b=x+y%26z&a=%C3%A9&empty=&flag&bad=%zz");
        assert_eq!((form.first("a"), form.first("b"), form.first("empty"), form.first("none")), ("1", "x y&z", "", ""));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "é"]);
        assert_eq!(form.first("bad"), "%zz");
    }
}
