//! Questions to ranked concepts, on the terms of one system alone.

use std::cell::RefCell;

use super::gather;
use super::question::{How, Question, Reader};
use super::rank::{Alignment, Memo, Ranker};
use super::special::Special;
use super::weights::{ELSEWHERE, FEATURES, WEIGHTS};
use crate::index::terms::{Shorthand, Terms};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Memory kept from question to question.
#[derive(Default)]
struct Scratch {
    gather: gather::Scratch,
    candidates: Vec<u32>,
    memo: Memo,
}

/// What search asks of the concepts of a system.
pub trait Concepts {
    /// Whether a concept may be an answer.
    fn keep(&self, ordinal: u32) -> bool;
    /// Whether it groups others.
    fn is_header(&self, ordinal: u32) -> bool;
    fn parent(&self, ordinal: u32) -> Option<u32>;
}

/// One concept found.
#[derive(Clone, Debug)]
pub struct Found {
    pub ordinal: u32,
    /// The number of the term that matched.
    pub term: u32,
    /// How likely it is what was meant.
    pub score: f32,
    pub why: Vec<String>,
    /// What the rank is the sum of; empty unless asked for.
    pub parts: Vec<Part>,
}

/// One feature of a term, and what it adds to the rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub feature: &'static str,
    pub value: f32,
    pub weight: f32,
}

impl Part {
    /// The features that count here.
    fn of(features: &[f32]) -> Vec<Part> {
        let all = FEATURES.iter().zip(features).zip(&WEIGHTS);
        all.filter(|((_, value), _)| **value != 0.0)
            .map(|((feature, value), weight)| Part { feature, value: *value, weight: *weight })
            .collect()
    }
}

/// A term that may be the answer.
struct Hit {
    score: f32,
    ordinal: u32,
    number: u32,
    /// The feature that looks beyond the term.
    elsewhere: f32,
}

/// Finds concepts by the words of their terms.
pub struct Finder<'a> {
    pub terms: &'a Terms<'a>,
    pub shorthand: Option<&'a Shorthand<'a>>,
    pub special: &'a Special,
    /// Whether the parts of every rank are wanted.
    pub explain: bool,
    /// Whether every term that shares a word is scored instead of those that share most with the question.
    pub exhaustive: bool,
}

impl Finder<'_> {
    pub fn find(&self, text: &str, limit: usize, complete: bool, concepts: &dyn Concepts) -> Vec<Found> {
        let question = Reader { terms: self.terms, shorthand: self.shorthand, complete }.read(text);
        if question.readings.is_empty() {
            return Vec::new();
        }
        SCRATCH.with_borrow_mut(|Scratch { gather, candidates, memo }| {
            if self.exhaustive {
                candidates.clear();
                candidates.extend((0..self.terms.term_count()).filter(|t| concepts.keep(self.terms.ordinal(*t))));
            } else {
                gather::gather(self.terms, &question, gather, &|o| concepts.keep(o), candidates);
            }
            let ranker = Ranker::new(self.terms, self.special, &question, memo);
            self.rank(&question, &ranker, candidates, limit, concepts)
        })
    }

    fn rank(&self, question: &Question, ranker: &Ranker<'_>, candidates: &[u32], limit: usize, concepts: &dyn Concepts) -> Vec<Found> {
        let mut alignment = Alignment::default();
        // The best term of each concept; candidates come by concept.
        let mut hits: Vec<Hit> = Vec::with_capacity(candidates.len());
        for &number in candidates {
            let Some(term) = self.terms.term(number) else { continue };
            let features = ranker.features(&term, concepts.is_header(term.ordinal), &mut alignment);
            // What shares nothing is no answer, whatever else speaks for it.
            if alignment.met.iter().all(|met| met.0 == 0.0) {
                continue;
            }
            let hit = Hit { score: Ranker::score(&features), ordinal: term.ordinal, number, elsewhere: 0.0 };
            match hits.last_mut().filter(|last| last.ordinal == hit.ordinal) {
                Some(last) if last.score >= hit.score => {}
                Some(last) => *last = hit,
                None => hits.push(hit),
            }
        }
        let better = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then_with(|| a.ordinal.cmp(&b.ordinal));
        // The best look further: what a term lacks, another term of the concept or of its parent may have.
        let kept = limit.max(LOOK_FURTHER);
        if kept < hits.len() {
            hits.select_nth_unstable_by(kept, better);
            hits.truncate(kept);
        }
        hits.sort_unstable_by(better);
        let mut other = Alignment::default();
        for hit in hits.iter_mut().take(LOOK_FURTHER) {
            let Some(term) = self.terms.term(hit.number) else { continue };
            ranker.align(&term, &mut alignment);
            let parents = concepts.parent(hit.ordinal).into_iter().flat_map(|p| self.terms.terms_of(p));
            let others = self.terms.terms_of(hit.ordinal).filter(|t| *t != hit.number).chain(parents);
            hit.elsewhere = ranker.elsewhere(&alignment.met, others, &mut other);
            hit.score += hit.elsewhere * WEIGHTS[ELSEWHERE];
        }
        hits.sort_unstable_by(better);
        let shares = shares(&hits.iter().map(|h| h.score).collect::<Vec<_>>());
        let found = hits.iter().zip(shares).take(limit).filter_map(|(hit, score)| {
            let term = self.terms.term(hit.number)?;
            let mut features = ranker.features(&term, concepts.is_header(hit.ordinal), &mut alignment);
            features[ELSEWHERE] = hit.elsewhere;
            let parts = if self.explain { Part::of(&features) } else { Vec::new() };
            Some(Found { ordinal: hit.ordinal, term: hit.number, score, why: self.why(question, &alignment), parts })
        });
        found.collect()
    }

    /// How well a text describes each of some concepts: shares of 1, what no concept takes is nobody's.
    pub fn weigh(&self, text: &str, ordinals: &[u32], concepts: &dyn Concepts) -> Vec<f32> {
        let question = Reader { terms: self.terms, shorthand: self.shorthand, complete: false }.read(text);
        SCRATCH.with_borrow_mut(|scratch| {
            let ranker = Ranker::new(self.terms, self.special, &question, &mut scratch.memo);
            let mut alignment = Alignment::default();
            let best = ordinals.iter().map(|&ordinal| {
                let terms = self.terms.terms_of(ordinal).filter_map(|t| self.terms.term(t));
                terms
                    .map(|t| Ranker::score(&ranker.features(&t, concepts.is_header(ordinal), &mut alignment)))
                    .fold(f32::NEG_INFINITY, f32::max)
            });
            shares(&best.collect::<Vec<_>>())
        })
    }

    /// What had to be supposed for this alignment.
    fn why(&self, question: &Question, alignment: &Alignment) -> Vec<String> {
        let mut why = Vec::new();
        let mut last = None;
        for &(weight, _, reading) in &alignment.met {
            if weight <= 0.0 || last == Some(reading) {
                continue;
            }
            last = Some(reading);
            let reading = &question.readings[usize::from(reading)];
            if reading.how == How::Same {
                continue;
            }
            let span = usize::from(reading.from)..usize::from(reading.from + reading.span);
            let asked: Vec<&str> = question.words[span].iter().map(|w| w.text.as_str()).collect();
            let meant: Vec<&str> = reading.targets.iter().map(|t| self.terms.word(*t)).collect();
            let sign = match reading.how {
                How::Learnt | How::Abbreviation | How::Synonym | How::Related => '=',
                _ => '~',
            };
            why.push(format!("{}{sign}{}", asked.join(" "), meant.join(" ")));
        }
        why
    }
}

/// What share of certainty each score has among these and "none of them": the likelihoods under which weights were fitted.
fn shares(scores: &[f32]) -> Vec<f32> {
    let best = scores.iter().copied().fold(NONE_OF_THEM, f32::max);
    let weight = |s: f32| ((s - best) / TEMPERATURE).exp();
    let all: f32 = scores.iter().map(|s| weight(*s)).sum::<f32>() + weight(NONE_OF_THEM);
    scores.iter().map(|s| weight(*s) / all).collect()
}

/// So many concepts are looked at with their other terms.
const LOOK_FURTHER: usize = 30;
/// Both fitted on one half of the development questions so that shares are true: on the other half, of first answers said to be right at
/// .9 and more (.975 on average) .973 were, of those at .8 to .9 .93, at .5 to .6 .69 (measured anew in benches/README.md).
const TEMPERATURE: f32 = 1.15;
const NONE_OF_THEM: f32 = 5.75;
