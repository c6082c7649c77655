//! Answers kept as they went out.
//!
//! An index never changes while it is served, so a question has one answer as long as it is; and codes follow Zipf: a few thousand of
//! them are most of what is asked. A kept answer costs a look into a table; the table has a fixed number of places, a new answer takes
//! that of the one that has not been asked for longest among two, and all of it goes with the index at a reload. It also goes at midnight
//! (UTC): a few answers are about today (rows of a map with times of their own, the newest version where it is named).
//!
//! Together they take no more than a kilobyte a place: what would be too much makes room, place by place. A few answers are a hundred
//! times as long as the others (533 options for V54.12); made anew each time, sixteen of 4,000 took a third of the time of all.
//!
//! Not kept: what says something of a person (facts, dates of service, own words), what depends on reviewers' decisions, searches, errors,
//! and what is longer than that.

use crate::engine::{Engine, Outcome};
use axum::body::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a question and its answer together, at most.
const LONGEST: usize = 256 << 10;
/// Bytes for each place; most answers have about as many.
const ROOM: usize = 1 << 10;

/// The index being served, and what it has answered.
pub(super) struct Served {
    pub engine: Arc<Engine>,
    pub kept: Kept,
}

/// The places. Two for each hash, the last used first.
pub(super) struct Kept {
    places: Box<[Mutex<[Option<Answer>; 2]>]>,
    /// Bytes of all that is kept.
    held: AtomicUsize,
    /// The pair that makes room next.
    hand: AtomicUsize,
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
        Served { engine: Arc::new(engine), kept: Kept::new(answers, seed) }
    }
}

impl Kept {
    fn new(answers: usize, seed: u64) -> Kept {
        let pairs = if answers < 2 { 0 } else { (answers / 2).next_power_of_two() };
        let places = (0..pairs).map(|_| Mutex::new([None, None])).collect();
        Kept { places, held: AtomicUsize::new(0), hand: AtomicUsize::new(0), seed }
    }

    /// Bytes that all may have together.
    fn room(&self) -> usize {
        self.places.len() * 2 * ROOM
    }

    /// What has been taken out no longer counts.
    fn gone(&self, answers: [Option<Answer>; 2]) {
        self.held.fetch_sub(answers.iter().flatten().map(|a| a.whole.len()).sum(), Ordering::Relaxed);
    }

    fn place(&self, hash: u64) -> Option<MutexGuard<'_, [Option<Answer>; 2]>> {
        let at = (hash as usize) & self.places.len().checked_sub(1)?;
        Some(self.places[at].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for place in &self.places {
            let answers = std::mem::take(&mut *place.lock().unwrap_or_else(PoisonError::into_inner));
            self.gone(answers);
        }
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
        if question.len() + answer.len() > LONGEST.min(self.room() / 8) {
            return;
        }
        let hash = xxh3_64_with_seed(question, self.seed);
        let whole = Bytes::from([question, answer].concat());
        if let Some(mut pair) = self.place(hash) {
            self.held.fetch_add(whole.len(), Ordering::Relaxed);
            let [first, second] = &mut *pair;
            let before = std::mem::replace(second, first.replace(Answer { hash, whole, question: question.len(), outcome }));
            self.gone([before, None]);
        }
        while self.held.load(Ordering::Relaxed) > self.room() {
            let next = self.hand.fetch_add(1, Ordering::Relaxed) as u64;
            let oldest = self.place(next).and_then(|mut pair| pair[1].take().or_else(|| pair[0].take()));
            self.gone([oldest, None]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_and_nothing_else() {
        let kept = Kept::new(64, 7);
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
        let none = Kept::new(0, 7);
        none.keep(b"q", b"a", None);
        assert_eq!(none.find(b"q"), None);
        let some = Kept::new(1 << 12, 7);
        some.keep(b"q", &[b'a'; LONGEST], None);
        assert_eq!(some.find(b"q"), None);
        some.keep(b"q", &[b'a'; LONGEST - 1], None);
        assert!(some.find(b"q").is_some());
    }

    #[test]
    fn long_answers_make_room_for_each_other() {
        let kept = Kept::new(64, 7);
        let mut found = 0;
        for n in 0..1_000 {
            let question = format!("q{n}");
            kept.keep(question.as_bytes(), &vec![b'a'; 1 + n * 37 % 8_000], None);
            found += usize::from(kept.find(question.as_bytes()).is_some());
            let held: usize =
                kept.places.iter().flat_map(|p| p.lock().unwrap().iter().flatten().map(|a| a.whole.len()).collect::<Vec<_>>()).sum();
            assert_eq!(kept.held.load(Ordering::Relaxed), held);
            assert!(held <= 64 << 10, "{held}");
        }
        assert!(found > 900, "{found} of 1,000 answers were kept at first");
        kept.clear();
        assert_eq!(kept.held.load(Ordering::Relaxed), 0);
    }
}
