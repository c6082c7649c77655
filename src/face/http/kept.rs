//! Answers kept as they went out.
//!
//! An index never changes while it is served, so a question has one answer as long as it is; and codes follow Zipf: a few thousand of
//! them are most of what is asked. A kept answer costs a look into a table; the table has a fixed number of places, a new answer takes
//! that of the one that has not been asked for longest among two, and all of it goes with the index at a reload. It also goes at midnight
//! (UTC): a few answers are about today (rows of a map with times of their own, the newest version where it is named).
//!
//! Not kept: what says something of a person (facts, dates of service, own words), what depends on reviewers' decisions, searches, errors,
//! and what is long.

use crate::engine::{Engine, Outcome};
use axum::body::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a question and its answer together, at most.
const LONGEST: usize = 4096;

/// The index being served, and what it has answered.
pub(super) struct Served {
    pub engine: Arc<Engine>,
    pub kept: Kept,
}

/// The places. Two for each hash, the last used first.
pub(super) struct Kept {
    places: Box<[Mutex<[Option<Answer>; 2]>]>,
    /// Nobody outside can choose questions that meet in one place.
    seed: u64,
}

struct Answer {
    hash: u64,
    /// The question, and behind it the answer.
    whole: Bytes,
    question: usize,
    outcome: Option<Outcome>,
}

impl Served {
    /// With places for so many answers; 0 keeps none.
    pub fn new(engine: Engine, answers: usize, seed: u64) -> Served {
        let pairs = if answers < 2 { 0 } else { (answers / 2).next_power_of_two() };
        let places = (0..pairs).map(|_| Mutex::new([None, None])).collect();
        Served { engine: Arc::new(engine), kept: Kept { places, seed } }
    }
}

impl Kept {
    fn place(&self, hash: u64) -> Option<MutexGuard<'_, [Option<Answer>; 2]>> {
        let at = (hash as usize) & self.places.len().checked_sub(1)?;
        Some(self.places[at].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.places.iter().for_each(|p| *p.lock().unwrap_or_else(PoisonError::into_inner) = [None, None]);
    }

    /// Hands the answer to a question to `take`, if it is kept.
    fn with<T>(&self, question: &[u8], take: impl FnOnce(&Answer) -> T) -> Option<T> {
        if self.places.is_empty() {
            return None;
        }
        let hash = xxh3_64_with_seed(question, self.seed);
        let mut pair = self.place(hash)?;
        let is = |a: &Option<Answer>| a.as_ref().is_some_and(|a| a.hash == hash && a.whole[..a.question] == *question);
        if !is(&pair[0]) {
            if !is(&pair[1]) {
                return None;
            }
            pair.swap(0, 1);
        }
        pair[0].as_ref().map(take)
    }

    /// The answer, and what became of the translation if it was one.
    pub fn find(&self, question: &[u8]) -> Option<(Bytes, Option<Outcome>)> {
        self.with(question, |a| (a.whole.slice(a.question..), a.outcome))
    }

    /// Appends the answer.
    pub fn append(&self, question: &[u8], out: &mut Vec<u8>) -> Option<Option<Outcome>> {
        self.with(question, |a| {
            out.extend_from_slice(&a.whole[a.question..]);
            a.outcome
        })
    }

    pub fn keep(&self, question: &[u8], answer: &[u8], outcome: Option<Outcome>) {
        if self.places.is_empty() || question.len() + answer.len() > LONGEST {
            return;
        }
        let hash = xxh3_64_with_seed(question, self.seed);
        let whole = Bytes::from([question, answer].concat());
        if let Some(mut pair) = self.place(hash) {
            let [first, second] = &mut *pair;
            *second = first.replace(Answer { hash, whole, question: question.len(), outcome });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(answers: usize) -> Kept {
        let pairs = answers / 2;
        Kept { places: (0..pairs).map(|_| Mutex::new([None, None])).collect(), seed: 7 }
    }

    #[test]
    fn what_is_kept_is_found_and_nothing_else() {
        let kept = kept(64);
        for n in 0..1_000 {
            let (question, answer) = (format!("q{n}"), format!("a{n}"));
            assert_eq!(kept.find(question.as_bytes()), None);
            kept.keep(question.as_bytes(), answer.as_bytes(), Some(Outcome::Exact));
            assert_eq!(kept.find(question.as_bytes()), Some((Bytes::from(answer.clone()), Some(Outcome::Exact))));
            let mut out = b"before ".to_vec();
            assert_eq!(kept.append(question.as_bytes(), &mut out), Some(Some(Outcome::Exact)));
            assert_eq!(out, format!("before {answer}").into_bytes());
        }
        let still = (0..1_000).filter(|n| kept.find(format!("q{n}").as_bytes()).is_some()).count();
        assert!((32..=64).contains(&still), "{still} of 64 places hold an answer");
        kept.clear();
        assert!((0..1_000).all(|n| kept.find(format!("q{n}").as_bytes()).is_none()));
    }

    #[test]
    fn without_places_and_beyond_the_longest_nothing_is_kept() {
        let none = kept(0);
        none.keep(b"q", b"a", None);
        assert_eq!(none.find(b"q"), None);
        let some = kept(64);
        some.keep(b"q", &[b'a'; LONGEST], None);
        assert_eq!(some.find(b"q"), None);
    }
}
