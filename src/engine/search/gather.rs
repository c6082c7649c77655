//! From readings to candidate terms: walks the postings of the rarest words first, within a budget.

use super::question::{Question, rarity};
use crate::index::terms::Terms;

/// Postings walked for one question at most.
const BUDGET: usize = 40_000;
/// Once so many terms have words that make up this share of what is asked, a term that has none of these words is no candidate any more:
/// the words that are left, the commonest, count for those found and add no others.
const ENOUGH: (usize, f32) = (1_000, 0.7);
/// Terms handed to the ranker.
pub const MOST_CANDIDATES: usize = 300;

/// Counters for every term, kept from question to question.
#[derive(Default)]
pub struct Scratch {
    slots: Vec<Slot>,
    touched: Vec<u32>,
    order: Vec<u64>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    sum: f32,
    /// Which word of the question added last, and by which reading.
    stamp: u32,
    /// What that reading has given so far, and what the best reading of that word has: only the best one counts.
    gain: f32,
    best: f32,
}

impl Slot {
    fn add(&mut self, stamp: u32, gain: f32) {
        if self.stamp != stamp {
            if self.stamp >> 16 != stamp >> 16 {
                self.best = 0.0;
            }
            (self.stamp, self.gain) = (stamp, 0.0);
        }
        self.gain += gain;
        if self.gain > self.best {
            self.sum += self.gain - self.best;
            self.best = self.gain;
        }
    }
}

/// The terms that share most with the question, roughly.
pub fn gather(terms: &Terms<'_>, question: &Question, scratch: &mut Scratch, keep: &dyn Fn(u32) -> bool, out: &mut Vec<u32>) {
    out.clear();
    let count = terms.term_count() as usize;
    if scratch.slots.len() < count {
        scratch.slots.resize(count, Slot::default());
    }
    let all = terms.concept_count();
    // The words of the question by what their readings cost, the cheapest first.
    let mut words: Vec<(usize, usize)> = (0..question.words.len())
        .map(|i| {
            let cost = question
                .readings
                .iter()
                .filter(|r| usize::from(r.from) == i)
                .flat_map(|r| &r.targets)
                .map(|t| terms.posting_bytes(*t))
                .sum();
            (cost, i)
        })
        .collect();
    words.sort_unstable();
    let asked: f32 = question.words.iter().map(|w| w.rarity).sum();
    let mut walked = 0.0;
    let mut budget = BUDGET;
    for (n, &(cost, i)) in words.iter().enumerate() {
        let enough = scratch.touched.len() >= ENOUGH.0 && walked > ENOUGH.1 * asked;
        walked += question.words[i].rarity;
        // What is left out here still counts in ranking, for all that the rarer words have found. But a phrase may mean rarer words still:
        // `venereal disease` is what is sexually transmitted.
        let costly = cost > budget && n > 0 && !scratch.touched.is_empty();
        for (r, reading) in question.readings.iter().enumerate().filter(|(_, r)| usize::from(r.from) == i && (r.span > 1 || !costly)) {
            // The best reading of a word comes first; of guesses that hit half the system, those left when the budget is spent are left out.
            if budget == 0 && !scratch.touched.is_empty() {
                break;
            }
            let span: f32 = question.words.iter().skip(i).take(usize::from(reading.span)).map(|w| w.rarity).sum();
            let total: f32 = reading.targets.iter().map(|t| rarity(terms.concepts_with(*t), all)).sum();
            let stamp = (i as u32 + 1) << 16 | r as u32 & 0xffff;
            for &target in &reading.targets {
                if costly && terms.posting_bytes(target) > budget {
                    continue;
                }
                let gain = reading.weight * span * rarity(terms.concepts_with(target), all) / total.max(0.1);
                for term in terms.postings(target) {
                    budget = budget.saturating_sub(1);
                    let Some(slot) = scratch.slots.get_mut(term as usize) else { continue };
                    if slot.stamp == 0 {
                        if enough && reading.span == 1 {
                            continue;
                        }
                        scratch.touched.push(term);
                    }
                    slot.add(stamp, gain);
                }
            }
        }
    }
    scratch.order.clear();
    for &term in &scratch.touched {
        let slot = std::mem::take(&mut scratch.slots[term as usize]);
        scratch.order.push(better_first(slot.sum / (asked + 0.5 * terms.term_rarity(term)), term));
    }
    scratch.touched.clear();
    // Filters are asked of the best only, until enough have passed.
    let mut start = 0;
    while start < scratch.order.len() && out.len() < MOST_CANDIDATES {
        let end = (start + MOST_CANDIDATES.max(start)).min(scratch.order.len());
        let rest = &mut scratch.order[start..];
        if end - start < rest.len() {
            rest.select_nth_unstable(end - start);
        }
        let part = &mut rest[..end - start];
        if out.len() + part.len() > MOST_CANDIDATES {
            part.sort_unstable();
        }
        out.extend(part.iter().map(|key| *key as u32).filter(|t| keep(terms.ordinal(*t))).take(MOST_CANDIDATES - out.len()));
        start = end;
    }
    // Terms are numbered by concept: in this order those of one concept follow each other.
    out.sort_unstable();
}

/// A number that orders as the scores do, the best first, and among equals as the terms: the bits of a number that is not negative order as
/// the number does, and one comparison of whole numbers takes a third of the time.
fn better_first(score: f32, term: u32) -> u64 {
    u64::from(!score.to_bits()) << 32 | u64::from(term)
}
