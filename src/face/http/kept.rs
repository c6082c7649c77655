//! Answers kept as they went out.
//!
//! An index never changes while it is served, so a question has one answer as long as it is; and codes follow Zipf: a few thousand of
//! them are most of what is asked. A kept answer costs a look into a table; the table has a fixed number of places, a new answer takes
//! that of one that has not been asked for again among four, and all of it goes with the index at a reload. It also goes at midnight
//! (UTC): a few answers are about today (rows of a map with times of their own, the newest version where it is named).
//!
//! Together they take no more than a kilobyte a place: what would be too much makes room, place by place. A few answers are a hundred
//! times as long as the others (533 options for V54.12); made anew each time, sixteen of 4,000 took a third of the time of all.
//!
//! What a look costs is waiting for memory, first the place and then the answer. So a place is half a cache line, the question stands
//! before its answer, and the subjects of a batch are looked up together. Nobody waits for anybody: who meets a writer asks the engine
//! himself, and who meets a reader does not keep his answer this time.
//!
//! Not kept: what says something of a person (facts, dates of service, own words), what depends on reviewers' decisions, searches, errors,
//! and what is longer than that.

use crate::engine::{Engine, Outcome};
use axum::body::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a question and its answer together, at most.
const LONGEST: usize = 256 << 10;
/// Bytes for each place; most answers have about as many.
const ROOM: usize = 1 << 10;
/// Places in which an answer may be: that of its hash and those after it.
const WAYS: usize = 4;
/// Questions that are looked up together, so that the waits for their memory are one.
pub(super) const TOGETHER: usize = 16;

/// The index being served, and what it has answered.
pub(super) struct Served {
    pub engine: Arc<Engine>,
    pub kept: Kept,
}

/// All that is kept.
pub(super) struct Kept {
    table: RwLock<Table>,
    /// Nobody outside can choose questions that meet in one place.
    seed: u64,
}

struct Table {
    /// A power of two, or none.
    places: Box<[Option<Answer>]>,
    /// Bytes of all answers.
    held: usize,
    /// The place that makes room next.
    hand: usize,
}

struct Answer {
    hash: u64,
    /// The question, and behind it the answer.
    whole: Arc<[u8]>,
    question: u16,
    outcome: Option<Outcome>,
    /// Asked for since it was kept, or since it was last spared for that.
    used: AtomicBool,
}

/// An answer that was kept.
#[derive(Clone, Debug)]
pub(super) struct Found {
    whole: Arc<[u8]>,
    question: u16,
    /// What became of the translation, if it was one.
    pub outcome: Option<Outcome>,
}

impl AsRef<[u8]> for Found {
    fn as_ref(&self) -> &[u8] {
        &self.whole[usize::from(self.question)..]
    }
}

impl From<Found> for Bytes {
    fn from(found: Found) -> Bytes {
        Bytes::from_owner(found)
    }
}

impl Served {
    /// With places for so many answers; 0 keeps none.
    pub fn new(engine: Engine, answers: usize, seed: u64) -> Served {
        Served { engine: Arc::new(engine), kept: Kept::new(answers, seed) }
    }
}

impl Kept {
    fn new(answers: usize, seed: u64) -> Kept {
        let places = if answers == 0 { 0 } else { answers.next_power_of_two() };
        Kept { table: RwLock::new(Table { places: (0..places).map(|_| None).collect(), held: 0, hand: 0 }), seed }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.places.fill_with(|| None);
        table.held = 0;
    }

    fn hash(&self, question: &[u8]) -> u64 {
        xxh3_64_with_seed(question, self.seed)
    }

    /// The answer, if it is kept.
    pub fn find(&self, question: &[u8]) -> Option<Found> {
        let table = self.table.try_read().ok()?;
        table.get(self.hash(question)).filter(|a| a.is_to(question)).map(Answer::found)
    }

    /// The answers to several questions.
    pub fn find_all(&self, questions: [&[u8]; TOGETHER]) -> [Option<Found>; TOGETHER] {
        let Ok(table) = self.table.try_read() else { return [const { None }; TOGETHER] };
        // One step for all, then the next for all: the processor does not wait for one memory before it asks for the next, as long as
        // no counter is touched between.
        let hashes = questions.map(|question| self.hash(question));
        let answers = hashes.map(|hash| table.get(hash));
        let mut these = [false; TOGETHER];
        for ((this, answer), question) in these.iter_mut().zip(answers).zip(questions) {
            *this = answer.is_some_and(|a| a.is_to(question));
        }
        std::array::from_fn(|i| answers[i].filter(|_| these[i]).map(Answer::found))
    }

    pub fn keep(&self, question: &[u8], answer: &[u8], outcome: Option<Outcome>) {
        let Ok(length) = u16::try_from(question.len()) else { return };
        if question.len() + answer.len() > LONGEST {
            return;
        }
        let whole = Arc::from([question, answer].concat());
        let answer = Answer { hash: self.hash(question), whole, question: length, outcome, used: AtomicBool::new(false) };
        if let Ok(mut table) = self.table.try_write() {
            table.put(answer);
        }
    }
}

impl Table {
    /// Bytes that all may have together.
    fn room(&self) -> usize {
        self.places.len() * ROOM
    }

    /// Where an answer with this hash may be.
    fn ways(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.places.len().wrapping_sub(1);
        (0..WAYS.min(self.places.len())).map(move |i| (hash as usize).wrapping_add(i) & mask)
    }

    fn get(&self, hash: u64) -> Option<&Answer> {
        self.ways(hash).find_map(|at| self.places[at].as_ref().filter(|a| a.hash == hash))
    }

    fn put(&mut self, answer: Answer) {
        if answer.whole.len() > self.room() / 8 {
            return;
        }
        // The same question, an empty place, one that was not asked for again, or else the first.
        let rank = |at: &usize| match &self.places[*at] {
            Some(a) if a.hash == answer.hash => 0,
            None => 1,
            Some(a) => 2 + u8::from(a.used.load(Ordering::Relaxed)),
        };
        let Some(at) = self.ways(answer.hash).min_by_key(rank) else { return };
        if rank(&at) == 3 {
            for other in self.ways(answer.hash) {
                self.places[other].iter_mut().for_each(|a| *a.used.get_mut() = false);
            }
        }
        self.held += answer.whole.len();
        let before = self.places[at].replace(answer);
        self.held -= before.map_or(0, |a| a.whole.len());
        while self.held > self.room() {
            self.hand = (self.hand + 1) % self.places.len();
            match &mut self.places[self.hand] {
                Some(a) if a.used.load(Ordering::Relaxed) => *a.used.get_mut() = false,
                place => self.held -= place.take().map_or(0, |a| a.whole.len()),
            }
        }
    }
}

impl Answer {
    /// Whether it is the answer to this question; then it was asked for.
    fn is_to(&self, question: &[u8]) -> bool {
        let is = self.whole[..usize::from(self.question)] == *question;
        if is && !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        is
    }

    fn found(&self) -> Found {
        Found { whole: Arc::clone(&self.whole), question: self.question, outcome: self.outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kept: &Kept, question: &str) -> Option<String> {
        kept.find(question.as_bytes()).map(|f| String::from_utf8(Bytes::from(f).to_vec()).unwrap())
    }

    #[test]
    fn what_is_kept_is_found_and_nothing_else() {
        let kept = Kept::new(64, 7);
        for n in 0..1_000 {
            let (question, answer) = (format!("q{n}"), format!("a{n}"));
            assert_eq!(text(&kept, &question), None);
            kept.keep(question.as_bytes(), answer.as_bytes(), Some(Outcome::Exact));
            assert_eq!(text(&kept, &question), Some(answer));
            assert_eq!(kept.find(question.as_bytes()).unwrap().outcome, Some(Outcome::Exact));
        }
        let still = (0..1_000).filter(|n| text(&kept, &format!("q{n}")).is_some()).count();
        assert!((32..=64).contains(&still), "{still} of 64 places hold an answer");
        kept.clear();
        assert!((0..1_000).all(|n| text(&kept, &format!("q{n}")).is_none()));
    }

    #[test]
    fn several_are_found_together_each_in_its_place() {
        let kept = Kept::new(1 << 10, 7);
        (0..TOGETHER).filter(|n| n % 3 > 0).for_each(|n| kept.keep(format!("q{n}").as_bytes(), format!("a{n}").as_bytes(), None));
        let questions: [String; TOGETHER] = std::array::from_fn(|n| format!("q{n}"));
        let found = kept.find_all(std::array::from_fn(|n| questions[n].as_bytes()));
        for (n, found) in found.iter().enumerate() {
            let wanted = (n % 3 > 0).then(|| format!("a{n}").into_bytes());
            assert_eq!(found.as_ref().map(|f| f.as_ref().to_vec()), wanted);
        }
    }

    #[test]
    fn another_question_with_the_same_hash_is_not_answered() {
        let kept = Kept::new(64, 7);
        kept.keep(b"q", b"a", None);
        let hash = kept.hash(b"other");
        let mut table = kept.table.write().unwrap();
        let mut answer = table.places.iter_mut().find_map(Option::take).unwrap();
        answer.hash = hash;
        table.places[hash as usize % 64] = Some(answer);
        drop(table);
        assert!(kept.find(b"other").is_none());
        assert!(kept.find_all([b"other"; TOGETHER]).iter().all(Option::is_none));
    }

    #[test]
    fn what_is_asked_again_stays() {
        let kept = Kept::new(64, 7);
        kept.keep(b"often", b"a", None);
        for n in 0..1_000 {
            assert!(kept.find(b"often").is_some(), "gone after {n}");
            kept.keep(format!("once {n}").as_bytes(), b"a", None);
        }
    }

    #[test]
    fn who_meets_another_does_not_wait() {
        let kept = Kept::new(64, 7);
        kept.keep(b"q", b"a", None);
        let writing = kept.table.write().unwrap();
        assert!(kept.find(b"q").is_none());
        drop(writing);
        let reading = kept.table.read().unwrap();
        assert!(kept.find(b"q").is_some());
        kept.keep(b"r", b"a", None);
        drop(reading);
        assert!(kept.find(b"r").is_none());
    }

    #[test]
    fn without_places_and_beyond_the_longest_nothing_is_kept() {
        let none = Kept::new(0, 7);
        none.keep(b"q", b"a", None);
        assert!(none.find(b"q").is_none());
        let some = Kept::new(1 << 12, 7);
        some.keep(b"q", &[b'a'; LONGEST], None);
        assert!(some.find(b"q").is_none());
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
            let table = kept.table.read().unwrap();
            let held: usize = table.places.iter().flatten().map(|a| a.whole.len()).sum();
            assert_eq!(table.held, held);
            assert!(held <= 64 << 10, "{held}");
        }
        assert!(found > 900, "{found} of 1,000 answers were kept at first");
        kept.clear();
        assert_eq!(kept.table.read().unwrap().held, 0);
    }

    #[test]
    fn a_place_is_half_a_cache_line() {
        assert_eq!(size_of::<Option<Answer>>(), 32);
    }
}
