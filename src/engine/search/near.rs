//! Words of the vocabulary near a word of the question: by typing error, as its prefix, as what it abbreviates.

use std::sync::LazyLock;

use fst::{Automaton, IntoStreamer, Streamer};
use levenshtein_automata::{DFA, Distance, LevenshteinAutomatonBuilder, SINK_STATE};

use crate::index::terms::Terms;

/// The furthest typing error looked for: two letters, a transposition counting as one.
pub const FURTHEST: u8 = 2;

static BUILDERS: LazyLock<[LevenshteinAutomatonBuilder; 2]> =
    LazyLock::new(|| [LevenshteinAutomatonBuilder::new(1, true), LevenshteinAutomatonBuilder::new(2, true)]);

struct Typo(DFA);

impl Automaton for Typo {
    type State = u32;
    fn start(&self) -> u32 {
        self.0.initial_state()
    }
    fn is_match(&self, state: &u32) -> bool {
        matches!(self.0.distance(*state), Distance::Exact(_))
    }
    fn can_match(&self, state: &u32) -> bool {
        *state != SINK_STATE
    }
    fn accept(&self, state: &u32, byte: u8) -> u32 {
        self.0.transition(*state, byte)
    }
}

/// Calls `found` with every word within `furthest` typing errors of `text` (restricted Damerau-Levenshtein distance on characters) and
/// its distance, in the order of the words. With `prefix`, a word counts as soon as one of its prefixes is that near.
pub fn typos(terms: &Terms<'_>, text: &str, furthest: u8, prefix: bool, mut found: impl FnMut(u32, u8)) {
    let Some(builder) = BUILDERS.get(usize::from(furthest.clamp(1, FURTHEST)) - 1) else { return };
    let dfa = Typo(if prefix { builder.build_prefix_dfa(text) } else { builder.build_dfa(text) });
    let mut stream = terms.map().search_with_state(&dfa).into_stream();
    while let Some((_, word, state)) = stream.next() {
        if let Distance::Exact(distance) = dfa.0.distance(state) {
            found(word as u32, distance);
        }
    }
}

/// The numbers of the words that begin with `prefix`: words are numbered in byte order, so they are a range.
pub fn beginning_with(terms: &Terms<'_>, prefix: &str) -> std::ops::Range<u32> {
    let prefix = prefix.as_bytes();
    let first = |beyond: &dyn Fn(&[u8]) -> bool| {
        let (mut low, mut high) = (0, terms.word_count());
        while low < high {
            let middle = low + (high - low) / 2;
            if beyond(terms.letters(middle)) { high = middle } else { low = middle + 1 }
        }
        low
    };
    let start = first(&|w| w >= prefix);
    let end = first(&|w| w > prefix && !w.starts_with(prefix));
    start..end.max(start)
}

/// How well `s` abbreviates `l`, 0 to 1; `None`: not at all. The first letters are equal and the letters of `s` stand in `l` in this order. Good abbreviations keep the consonants, or the beginning.
pub fn abbreviation(s: &[u8], l: &[u8]) -> Option<f32> {
    if s.len() < 2 || s.len() >= l.len() || s[0] != l[0] {
        return None;
    }
    let mut at = 0;
    let mut skipped_consonants = 0usize;
    let mut run = 0usize; // letters kept from the beginning
    let mut starts = 0usize; // gaps
    let mut gap = false;
    for &c in s {
        loop {
            let &d = l.get(at)?;
            at += 1;
            if d == c {
                starts += usize::from(gap);
                gap = false;
                if starts == 0 {
                    run += 1;
                }
                break;
            }
            gap = true;
            skipped_consonants += usize::from(!vowel(d));
        }
    }
    let rest = &l[at..];
    if rest.is_empty() || starts > 0 {
        // The kept letters are spread over the word: every consonant left out in between costs.
        let tail = rest.iter().filter(|c| !vowel(**c)).count();
        let inner = skipped_consonants as f32 / s.len() as f32;
        let kept = s.len() as f32 / l.len() as f32;
        return Some((0.45 + 0.5 * kept - 0.25 * inner - 0.04 * tail as f32).clamp(0.05, 0.95));
    }
    let kept = run as f32 / l.len() as f32;
    Some((0.5 + 0.45 * kept).min(0.95))
}

fn vowel(c: u8) -> bool {
    matches!(c, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}
