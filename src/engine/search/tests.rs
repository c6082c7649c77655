//! Oracles: automata against brute force, candidates against an exhaustive scorer.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::find::{Concepts, Finder};
use super::near;
use super::special::Special;
use crate::index::terms::{Blob, Terms, TermsWriter};
use crate::model::DesignationUse;
use crate::text;

fn blob(titles: &[String]) -> Blob {
    let mut writer = TermsWriter::new();
    let mut words = text::Words::new();
    for (ordinal, title) in titles.iter().enumerate() {
        words.read(title);
        writer.push(ordinal as u32, DesignationUse::Long, words.iter().map(|w| w.text)).unwrap();
    }
    writer.finish(text::stem).unwrap()
}

/// Restricted Damerau-Levenshtein distance (optimal string alignment), from its definition.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = change.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] { best.min(d[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    d[a.len()][b.len()]
}

proptest! {
    #[test]
    fn automata_find_what_brute_force_finds(words in prop::collection::btree_set("[abcé]{4,8}", 1..40), asked in "[abcé]{4,8}", furthest in 1u8..=2) {
        let titles: Vec<String> = words.iter().cloned().collect();
        let blob = blob(&titles);
        let terms = Terms::open(&blob.words, &blob.terms).unwrap();
        let mut found = BTreeSet::new();
        near::typos(&terms, &asked, furthest, |word, d| {
            found.insert((terms.word(word).to_owned(), usize::from(d)));
        });
        let expect: BTreeSet<(String, usize)> = (0..terms.word_count())
            .map(|w| (terms.word(w).to_owned(), distance(terms.word(w), &asked)))
            .filter(|(_, d)| *d <= usize::from(furthest))
            .collect();
        prop_assert_eq!(found, expect);
    }

    #[test]
    fn one_typing_error_is_a_distance_of_one(a in "[ab]{0,6}", b in "[ab]{0,6}") {
        prop_assert_eq!(near::within_one(a.as_bytes(), b.as_bytes()), distance(&a, &b) <= 1);
    }

    #[test]
    fn words_with_a_beginning_are_a_range(words in prop::collection::btree_set("[abé]{1,5}", 1..40), prefix in "[abé]{0,3}") {
        let titles: Vec<String> = words.iter().cloned().collect();
        let blob = blob(&titles);
        let terms = Terms::open(&blob.words, &blob.terms).unwrap();
        let range: Vec<&str> = near::beginning_with(&terms, &prefix).map(|w| terms.word(w)).collect();
        let expect: Vec<&str> = (0..terms.word_count()).map(|w| terms.word(w)).filter(|w| w.starts_with(&prefix)).collect();
        prop_assert_eq!(range, expect);
    }

    #[test]
    fn an_abbreviation_is_in_its_word(short in "[a-e]{2,5}", long in "[a-e]{2,10}") {
        if let Some(weight) = near::abbreviation(short.as_bytes(), long.as_bytes()) {
            let mut rest = long.chars();
            prop_assert!(short.chars().all(|c| rest.any(|d| d == c)) && short.len() < long.len());
            prop_assert!((0.0..=0.95).contains(&weight));
        }
    }
}

struct All;
impl Concepts for All {
    fn keep(&self, _: u32) -> bool {
        true
    }
    fn is_header(&self, _: u32) -> bool {
        false
    }
    fn parent(&self, _: u32) -> Option<u32> {
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    /// With fewer terms than are ever pruned, the first answer is that of scoring every concept that shares a word.
    #[test]
    fn the_first_answer_is_that_of_an_exhaustive_scorer(
        titles in prop::collection::vec(prop::collection::vec(prop::sample::select(WORDS), 1..6), 2..60),
        asked in prop::collection::vec(prop::sample::select(WORDS), 1..5),
    ) {
        let titles: Vec<String> = titles.iter().map(|t| t.join(" ")).collect();
        let blob = blob(&titles);
        let terms = Terms::open(&blob.words, &blob.terms).unwrap();
        let special = Special::of(&terms);
        let finder = Finder { terms: &terms, shorthand: None, special: &special, explain: false, exhaustive: false };
        let asked = asked.join(" ");
        let found = finder.find(&asked, 5, false, &All);
        let ordinals: Vec<u32> = (0..titles.len() as u32).collect();
        let weighed = finder.weigh(&asked, &ordinals, &All);
        let shares_a_word = |o: &usize| asked.split(' ').any(|w| titles[*o].split(' ').any(|t| t == w));
        if let Some(first) = found.first() {
            let best = (0..titles.len()).filter(shares_a_word).map(|o| weighed[o]).fold(0.0, f32::max);
            prop_assert!(weighed[first.ordinal as usize] > best - 1e-5, "{} {:?} {:?}", asked, titles[first.ordinal as usize], weighed);
        }
    }
}

const WORDS: &[&str] = &[
    "fracture",
    "femur",
    "right",
    "left",
    "unspecified",
    "infection",
    "infected",
    "with",
    "without",
    "diabetes",
    "type",
    "2",
    "malignant",
    "neoplasm",
    "bladder",
    "initial",
    "encounter",
    "sequela",
    "heart",
    "failure",
];
