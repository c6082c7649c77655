//! Many questions in one request, answered in order while they arrive.
//!
//! The next piece of the body is read when the answers to the last one have been taken: whoever reads slowly is read from slowly, and
//! memory does not grow with the length of the stream. What fits into one portion is answered as a whole, with a length, and what is
//! wrong with it has a status; once a stream runs, an error can only end it, as its last object.

use super::super::State;
use super::super::guard::{Busy, Chunks, check_encoding};
use super::super::kept::{Found, Served, TOGETHER};
use super::super::limits::Limits;
use super::super::reply::{self, Failure, JSON, Spelling};
use super::question::{Asker, Question};
use super::split::Splitter;
use crate::engine::Outcome;
use crate::face::wire::fhir::outcome::Issue;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a portion, more or less: few enough to be in the processor's cache still when they are sent.
const PORTION: usize = 64 << 10;
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

pub(super) async fn answer(
    state: Arc<State>,
    question: Question,
    parts: &Parts,
    body: Incoming,
    busy: Busy,
    id: &HeaderValue,
) -> Result<Response<Body>, Failure> {
    check_encoding(&parts.headers)?;
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()) {
        let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if !matches!(kind.as_str(), "application/json" | "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "text/plain")
        {
            let issue = Issue::error("not-supported", "send application/json (an array) or application/x-ndjson");
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, issue));
        }
    }
    let served = state.served();
    // A question that cannot be asked is refused before its subjects are read.
    question.asker(&served.engine)?;
    let splitter = Splitter::new(state.limits.line);
    // What is the same for all subjects, as the beginning of each question.
    let asked = parts.uri.path_and_query().filter(|_| question.is_plain()).map(|a| format!("POST {a}\n").into_bytes());
    let (chunks, id) = (Chunks { body }, id.to_str().unwrap_or_default().to_owned());
    let mut work = Work { splitter, chunks, served, asked, question, state, id, ended: false, first: true, _busy: busy };
    let first = work.portion().await?;
    let media = if work.splitter.is_array() { JSON } else { NDJSON };
    if work.ended {
        return Ok(reply::ok(media, first));
    }
    let rest = futures_util::stream::unfold(work, |mut work| async move {
        if work.ended {
            return None;
        }
        let portion = match work.portion().await {
            Ok(portion) => portion,
            Err(failure) => work.give_up(&failure),
        };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(portion)), work))
    });
    let first = futures_util::stream::once(std::future::ready(Ok(Bytes::from(first))));
    let mut response = Response::new(Body::from_stream(futures_util::StreamExt::chain(first, rest)));
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Ok(response)
}

/// The next piece of a body that may go on for hours, but not stand still.
pub(super) async fn next(chunks: &mut Chunks, limits: &Limits) -> Result<Option<Bytes>, Failure> {
    tokio::time::timeout(limits.idle, chunks.next()).await.unwrap_or_else(|_| {
        let what = format!("nothing came for {} seconds", limits.idle.as_secs());
        Err(Failure::new(StatusCode::REQUEST_TIMEOUT, Issue::error("timeout", what)))
    })
}

struct Work {
    splitter: Splitter,
    chunks: Chunks,
    served: Arc<Served>,
    /// The beginning of each question whose answer may be kept.
    asked: Option<Vec<u8>>,
    question: Question,
    state: Arc<State>,
    /// Of the request.
    id: String,
    ended: bool,
    /// No answer is written yet.
    first: bool,
    /// The stream counts as a request in work until it ends.
    _busy: Busy,
}

impl Work {
    /// The next answers: all that fit into a portion, or all that are left.
    async fn portion(&mut self) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::with_capacity(PORTION + PORTION / 4);
        let mut left = self.question.portion();
        let mut body_ended = false;
        loop {
            if self.answer_whole(&mut out, &mut left, body_ended)? {
                return Ok(out);
            }
            if body_ended {
                self.end(&mut out);
                return Ok(out);
            }
            match next(&mut self.chunks, &self.state.limits).await? {
                Some(bytes) => self.splitter.push(&bytes),
                None => body_ended = true,
            }
        }
    }

    /// Answers the subjects that have arrived whole; `true`: the portion is full.
    fn answer_whole(&mut self, out: &mut Vec<u8>, left: &mut usize, body_ended: bool) -> Result<bool, Failure> {
        let asker = self.question.asker(&self.served.engine)?;
        let mut outcomes = [0; Outcome::ALL.len()];
        let mut there = SmallVec::<[Range<usize>; TOGETHER]>::new();
        let mut questions = Vec::with_capacity(1024);
        loop {
            there.clear();
            while there.len() < TOGETHER.min(*left) {
                match self.splitter.next(body_ended) {
                    Ok(Some(at)) => there.push(at),
                    Ok(None) => break,
                    Err(error) => return Err(Failure::invalid(error.to_string())),
                }
            }
            let is_all = there.len() < TOGETHER.min(*left);
            *left -= there.len();
            // Given back all together at the end: between two copies it would keep the second waiting for the first.
            let kept = self.kept(&there, &mut questions);
            for (at, kept) in there.drain(..).zip(&kept) {
                // The place of the bracket or comma; for lines a blank, which JSON does not mind.
                let before = out.len();
                out.push(b' ');
                match kept {
                    Some(found) => {
                        out.extend_from_slice(found.as_ref());
                        found.outcome.into_iter().for_each(|o| outcomes[o as usize] += 1);
                    }
                    None => self.answer_anew(&asker, at, out),
                }
                match (self.splitter.is_array(), self.first) {
                    (true, true) => out[before] = b'[',
                    (true, false) => out[before] = b',',
                    (false, _) => out.push(b'\n'),
                }
                self.first = false;
            }
            let is_full = *left == 0 || out.len() >= PORTION;
            if is_all || is_full {
                self.state.metrics.outcomes(&outcomes);
                return Ok(is_full);
            }
        }
    }

    /// What is kept for these subjects.
    fn kept(&self, there: &[Range<usize>], questions: &mut Vec<u8>) -> [Option<Found>; TOGETHER] {
        questions.clear();
        let each: [Range<usize>; TOGETHER] = std::array::from_fn(|i| {
            let from = questions.len();
            if let Some(question) = there.get(i).and_then(|at| self.question_of(self.splitter.subject(at.clone()))) {
                question.iter().for_each(|part| questions.extend_from_slice(part));
            }
            from..questions.len()
        });
        self.served.kept.find_all(each.map(|q| &questions[q]))
    }

    /// The question under which the answer about a subject may be kept: a bare text says nothing but the code.
    fn question_of<'s>(&'s self, subject: &'s [u8]) -> Option<[&'s [u8]; 2]> {
        let common = self.asked.as_ref().filter(|_| subject.first() == Some(&b'"'))?;
        Some([common, subject])
    }

    /// Asks the engine, and keeps the answer if it may be kept.
    fn answer_anew(&self, asker: &Asker<'_>, at: Range<usize>, out: &mut Vec<u8>) {
        let subject = self.splitter.subject(at);
        let before = out.len();
        match asker.item(&self.question, subject, &self.state, out) {
            Ok(outcome) => {
                if let Some(question) = self.question_of(subject) {
                    self.served.kept.keep(&question.concat(), &out[before..], outcome);
                }
            }
            Err(failure) => {
                out.truncate(before);
                out.extend_from_slice(b"{\"error\":");
                out.extend_from_slice(&failure.body(Spelling::Problem, &self.id));
                out.push(b'}');
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        if self.splitter.is_array() {
            out.extend_from_slice(if self.first { b"[]" } else { b"]" });
        }
    }

    /// The last object of a stream that cannot go on.
    fn give_up(&mut self, failure: &Failure) -> Vec<u8> {
        let is_array = self.splitter.is_array();
        let mut out = if is_array { b",{\"error\":".to_vec() } else { b"{\"error\":".to_vec() };
        out.extend_from_slice(&failure.body(Spelling::Problem, &self.id));
        out.push(b'}');
        if is_array {
            self.end(&mut out);
        } else {
            self.ended = true;
            out.push(b'\n');
        }
        out
    }
}
