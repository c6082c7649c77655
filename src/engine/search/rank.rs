//! How well a term answers a question: a few dozen plain features, and one weight for each.

use std::cell::Cell;

use super::question::{How, MOST_WORDS, Question, rarity};
use super::special::{Class, Denial, FAMILY, HARDLY, LEFT_OPEN, MATTER_OF_COURSE, NO_CIRCUMSTANCE, Special, class};
use super::weights::{BESIDE_DENIAL, BRIEF, CIRCUMSTANCE, FEATURES, MANIFESTATION, WEIGHTS};
use crate::index::terms::{Term, Terms};
use crate::model::DesignationUse;

pub type Features = [f32; FEATURES.len()];

/// One thing that a word of the vocabulary means for this question.
#[derive(Clone, Copy)]
struct Link {
    /// The words of the question that are read so.
    from: u8,
    to: u8,
    reading: u16,
    /// The weight of the reading; `None` where it takes further words.
    alone: Option<f32>,
    /// Whether the question denies what it reads so.
    denied: bool,
}

/// What a word of the vocabulary is for one question, worked out when it is first met: a few words make up most of the candidates.
#[derive(Clone, Copy, Debug)]
struct Known {
    question: u32,
    rarity: f32,
    first_link: u16,
    links: u16,
    class: Class,
    circumstance: u8,
}

/// [`Known`] by word, kept from question to question (and from vocabulary to vocabulary) for its memory alone.
#[derive(Default)]
pub struct Memo {
    question: u32,
    words: Vec<Cell<Known>>,
}

impl Memo {
    fn forget(&mut self, words: u32) {
        self.question = self.question.wrapping_add(1);
        if self.question == 0 {
            self.words.clear();
            self.question = 1;
        }
        if self.words.len() < words as usize {
            let nothing = Known { question: 0, rarity: 0.0, first_link: 0, links: 0, class: Class::Plain, circumstance: NO_CIRCUMSTANCE };
            self.words.resize(words as usize, Cell::new(nothing));
        }
    }
}

/// The question, prepared for scoring many terms.
pub struct Ranker<'q> {
    terms: &'q Terms<'q>,
    question: &'q Question,
    /// By word of the vocabulary, sorted.
    links: Vec<(u32, Link)>,
    classes: Vec<Class>,
    /// Which words of the question it denies: those between `without` and `with`.
    denies: Vec<bool>,
    special: &'q Special,
    target_rarity: Vec<f32>,
    asked: f32,
    /// How little was asked, 1 for one word to 0 for four: who says so little leaves nothing out by mistake, and means nothing special. Which
    /// side, which visit and what is not there do not count. Who says `unspecified` or `other` speaks as titles do, and 0 it is.
    brief: f32,
    memo: &'q Memo,
}

/// Which word of a term stands for which of the question.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    /// For each word of the question: how well it is met, where, by which reading.
    pub met: Vec<(f32, u8, u16)>,
    /// For each word of the term: which it is, what it is, how well it is covered.
    words: Vec<(u32, Known, f32)>,
    /// Those that the term denies, a bit for each.
    denied: u64,
}

/// In a short question, what it denies and a title does not speak of is so far from missing: titles seldom say what is not there.
const DENIED: f32 = 0.9;
/// Longer terms are read so far.
const LONGEST_TERM: usize = 64;
const NOWHERE: u8 = u8::MAX;

impl<'q> Ranker<'q> {
    pub fn new(terms: &'q Terms<'q>, special: &'q Special, question: &'q Question, memo: &'q mut Memo) -> Ranker<'q> {
        memo.forget(terms.word_count());
        // `unspecuified` is of the class of `unspecified`: what a word most likely means decides.
        let classes: Vec<Class> = (0..question.words.len())
            .map(|i| {
                let best = question
                    .readings
                    .iter()
                    .filter(|r| usize::from(r.from) == i && r.span == 1 && r.targets.len() == 1)
                    .max_by(|a, b| a.weight.total_cmp(&b.weight));
                class(best.map_or(&question.words[i].text, |r| terms.word(r.targets[0])))
            })
            .collect();
        let mut denial = Denial::default();
        let mut denies: Vec<bool> =
            question.words.iter().zip(&classes).map(|(word, class)| denial.of(&word.text, *class) && *class == Class::Plain).collect();
        let tells = |(class, denied): &(&Class, &bool)| {
            !**denied && **class != Class::Without && !(Class::Initial..=Class::Bilateral).contains(*class)
        };
        let mut told = classes.iter().zip(&denies).filter(tells).count();
        // Who says in a word or two what is not there, and nothing else, asks for that.
        if told == 0 && question.words.len() < 4 && question.words.first().is_some_and(|word| class(&word.text) == Class::Without) {
            denies.fill(false);
            told = question.words.len();
        }
        let mut links: Vec<(u32, Link)> = Vec::new();
        let mut target_rarity = Vec::with_capacity(question.readings.len());
        for (r, reading) in question.readings.iter().enumerate() {
            let alone = (reading.targets.len() == 1).then_some(reading.weight);
            let link = Link {
                from: reading.from,
                to: reading.from + reading.span,
                reading: r as u16,
                alone,
                denied: denies[usize::from(reading.from)],
            };
            links.extend(reading.targets.iter().map(|word| (*word, link)));
            target_rarity.push(reading.targets.iter().map(|t| rarity(terms.concepts_with(*t), terms.concept_count())).sum());
        }
        links.sort_unstable_by_key(|(word, link)| (*word, link.reading));
        let asked = question.words.iter().map(|w| w.rarity).sum::<f32>().max(0.1);
        let plainly = !classes.iter().any(|class| (Class::Unspecified..=Class::Specified).contains(class));
        let brief = if plainly { ((4.0 - told as f32) / 3.0).clamp(0.0, 1.0) } else { 0.0 };
        let ranker = Ranker { terms, question, links, classes, denies, special, target_rarity, asked, brief, memo };
        let mut first_link = 0;
        for same_word in ranker.links.chunk_by(|a, b| a.0 == b.0) {
            let word = same_word[0].0;
            if let Some(slot) = ranker.memo.words.get(word as usize) {
                slot.set(ranker.look_up(word, first_link as u16, same_word.len() as u16));
            }
            first_link += same_word.len();
        }
        ranker
    }

    fn known(&self, word: u32) -> Known {
        let Some(slot) = self.memo.words.get(word as usize) else { return self.look_up(word, 0, 0) };
        let known = slot.get();
        if known.question == self.memo.question {
            return known;
        }
        // The words that mean something for the question are known from the start.
        let known = self.look_up(word, 0, 0);
        slot.set(known);
        known
    }

    fn look_up(&self, word: u32, first_link: u16, links: u16) -> Known {
        Known {
            question: self.memo.question,
            rarity: rarity(self.terms.concepts_with(word), self.terms.concept_count()),
            first_link,
            links,
            class: self.class(word),
            circumstance: self.special.circumstance(word),
        }
    }

    /// Which words of a term stand for which of the question.
    pub fn align(&self, term: &Term<'_>, alignment: &mut Alignment) {
        let Alignment { met, words, denied } = alignment;
        *denied = 0;
        met.clear();
        met.resize(self.question.words.len(), (0.0, NOWHERE, 0));
        words.clear();
        // Readings of several words count by how much of them is there; gathered here.
        let mut partial: smallvec::SmallVec<[(u16, f32, u8); 8]> = smallvec::SmallVec::new();
        let mut denial = Denial::default();
        for (j, word) in term.words().take(LONGEST_TERM).enumerate() {
            let known = self.known(word);
            let denied_here = denial.of(self.terms.word(word), known.class) && known.class == Class::Plain;
            *denied |= u64::from(denied_here) << j;
            let mut covered = 0f32;
            let first_link = usize::from(known.first_link);
            for (_, link) in &self.links[first_link..first_link + usize::from(known.links)] {
                if let Some(weight) = link.alone {
                    // The heart of `without heart failure` is not that of `heart disease`.
                    let other_way = link.denied && !denied_here && known.class == Class::Plain;
                    covered = covered.max(if other_way { weight * (1.0 - self.brief) } else { weight });
                    for met in &mut met[usize::from(link.from)..usize::from(link.to)] {
                        if weight > met.0 {
                            *met = (weight, j as u8, link.reading);
                        }
                    }
                } else {
                    let share = known.rarity / self.target_rarity[usize::from(link.reading)].max(0.1);
                    match partial.iter_mut().find(|p| p.0 == link.reading) {
                        Some(p) => p.1 += share,
                        None => partial.push((link.reading, share, j as u8)),
                    }
                }
            }
            words.push((word, known, covered));
        }
        for &(r, share, j) in &partial {
            let reading = &self.question.readings[usize::from(r)];
            let share = share.min(1.0);
            let weight = reading.weight * share * if share > 0.99 { 1.0 } else { 0.8 };
            for met in &mut met[usize::from(reading.from)..usize::from(reading.from + reading.span)] {
                if weight > met.0 {
                    *met = (weight, j, r);
                }
            }
            for (word, _, covered) in words.iter_mut() {
                if reading.targets.contains(word) {
                    *covered = covered.max(weight);
                }
            }
        }
    }

    /// The features of one term, and how it was aligned.
    pub fn features(&self, term: &Term<'_>, header: bool, alignment: &mut Alignment) -> Features {
        self.align(term, alignment);
        let mut f = [0.0; FEATURES.len()];
        let asked = self.question.words.len();
        let length = alignment.words.len();
        // Coverage of the question.
        let mut met_rarity = 0.0;
        let mut missing = 0.0;
        let mut denied_lack = 0.0;
        let mut exact = true;
        let (mut right, mut left, mut numbers) = (false, false, false);
        let mut same = 0.0;
        for (i, (word, &(weight, at, reading))) in self.question.words.iter().zip(&alignment.met).enumerate() {
            met_rarity += word.rarity * weight;
            let class = self.classes[i];
            if at != NOWHERE && self.question.readings[usize::from(reading)].how == How::Same {
                same += word.rarity;
            }
            exact &= weight >= 0.999 && usize::from(at) == i;
            right |= class == Class::Right;
            left |= class == Class::Left;
            let lack = word.rarity * (1.0 - weight);
            match class {
                Class::Plain if self.denies[i] => {
                    f[41] += lack / self.asked;
                    denied_lack += lack;
                }
                Class::Unspecified => f[7] += 1.0 - weight,
                Class::Other | Class::Specified => f[8] += 1.0 - weight,
                Class::Initial | Class::Subsequent | Class::Sequela | Class::Encounter => f[9] += 1.0 - weight,
                Class::Right | Class::Left | Class::Bilateral => f[10] += 1.0 - weight,
                Class::With | Class::Without => f[11] += 1.0 - weight,
                Class::Number => {
                    f[12] += 1.0 - weight;
                    numbers |= weight < 0.5;
                }
                Class::Plain => {
                    missing += lack;
                    if weight < 0.2 {
                        f[13] += 1.0;
                    }
                }
            }
        }
        // Coverage of the term.
        let mut total = 0.0;
        let (mut beside, mut beside_lack) = (0.0, 0.0);
        let mut covered_rarity = 0.0;
        let mut visit = false;
        let mut before = None;
        for (j, &(word, Known { class, mut rarity, circumstance, .. }, covered)) in alignment.words.iter().enumerate() {
            let lack = 1.0 - covered;
            match circumstance {
                NO_CIRCUMSTANCE => {}
                MATTER_OF_COURSE => rarity *= HARDLY,
                FAMILY => f[CIRCUMSTANCE + usize::from(circumstance)] += lack,
                _ => f[CIRCUMSTANCE + usize::from(circumstance)] += lack * self.brief,
            }
            visit |= class == Class::Encounter;
            if let Some((word_before, class_before)) = before {
                // `pneumonia, unspecified organism`; but of `unspecified dementia` the second word is all.
                if class_before == Class::Unspecified && j > 1 {
                    rarity *= 1.0 - self.brief * (1.0 - LEFT_OPEN);
                }
                if self.special.is_manifestation((word_before, word)) {
                    f[MANIFESTATION] += lack * self.brief;
                }
            }
            before = Some((word, class));
            match class {
                Class::Unspecified => f[14] += lack,
                Class::Other => f[15] += lack,
                Class::Specified => f[16] += lack,
                Class::Initial => f[17] += lack,
                Class::Subsequent => f[18] += lack,
                Class::Sequela => f[19] += lack,
                Class::Encounter => f[20] += lack,
                Class::Right | Class::Left | Class::Bilateral => {
                    f[21] += lack;
                    f[22] += f32::from(u8::from(lack > 0.5 && (right || left)));
                }
                // `for fracture with routine healing` stands behind the visit and is a matter of course.
                Class::With if visit => {}
                Class::With => f[23] += lack,
                Class::Without => f[24] += lack,
                Class::Number => {
                    f[25] += lack;
                    f[26] += f32::from(u8::from(lack > 0.5 && numbers));
                }
                Class::Plain => {
                    total += rarity;
                    covered_rarity += rarity * covered;
                    if alignment.denied >> j & 1 == 1 {
                        f[27] += rarity * lack;
                    } else {
                        beside += rarity;
                        beside_lack += rarity * lack;
                        f[28] += rarity * lack;
                        f[29] += if lack > 0.8 && circumstance != MATTER_OF_COURSE { 1.0 } else { 0.0 };
                    }
                }
            }
        }
        for (i, (word, met)) in self.question.words.iter().zip(&alignment.met).enumerate().filter(|(i, _)| self.classes[*i] == Class::Plain)
        {
            let in_title = met.1 != NOWHERE && met.0 > 0.3;
            let denied_there = in_title && alignment.denied >> met.1 & 1 == 1;
            if in_title && self.denies[i] && !denied_there {
                f[39] += word.rarity * met.0 / self.asked;
            } else if denied_there && !self.denies[i] {
                f[40] += word.rarity * met.0 / self.asked;
            }
        }
        let forward = met_rarity / (self.asked - DENIED * self.brief * denied_lack);
        let backward = if total > 0.0 { covered_rarity / total } else { forward };
        f[0] = forward;
        f[1] = backward;
        f[2] = forward * backward;
        f[3] = same / self.asked;
        f[4] = f32::from(u8::from(exact && length == asked));
        f[5] = missing;
        f[6] = missing / self.asked;
        // Order.
        let (mut pairs, mut ordered, mut adjacent) = (0.0, 0.0, 0.0);
        let mut before = None;
        for &(weight, at, _) in &alignment.met {
            if weight < 0.2 {
                continue;
            }
            if let Some(before) = before {
                pairs += 1.0;
                ordered += f32::from(u8::from(at >= before));
                adjacent += f32::from(u8::from(at == before + 1 || at == before));
            }
            before = Some(at);
        }
        if pairs > 0.0 {
            f[30] = ordered / pairs;
            f[31] = adjacent / pairs;
        } else {
            f[30] = 1.0;
            f[31] = 1.0;
        }
        f[32] = f32::from(u8::from(alignment.words.first().is_some_and(|w| w.2 > 0.3)));
        f[33] = f32::from(u8::from(alignment.met.first().is_some_and(|m| m.0 > 0.3)));
        match term.usage {
            DesignationUse::Short => f[34] = 1.0,
            DesignationUse::InclusionTerm | DesignationUse::Synonym => f[35] = 1.0,
            _ => {}
        }
        if beside > 0.0 && self.denies.contains(&true) {
            f[BESIDE_DENIAL] = beside_lack / beside * self.brief;
        }
        f[36] = f32::from(u8::from(header));
        f[37] = f[36] * f[4];
        f[BRIEF] = f[14] * self.brief;
        f[BRIEF + 1] = f[36] * self.brief;
        f[38] = (length as f32 - asked as f32).abs() / (length + asked).max(1) as f32;
        f
    }

    /// What share of the question is met by other terms of the concept (or by what stands above it) and not by this one: the last feature.
    pub fn elsewhere(&self, met: &[(f32, u8, u16)], others: impl Iterator<Item = u32>, scratch: &mut Alignment) -> f32 {
        let plain = |i: &usize| self.classes[*i] == Class::Plain;
        if (0..met.len()).filter(plain).all(|i| met[i].0 >= 1.0) {
            return 0.0;
        }
        let mut best = [0f32; MOST_WORDS];
        best.iter_mut().zip(met).for_each(|(best, met)| *best = met.0);
        for term in others.filter_map(|t| self.terms.term(t)) {
            self.align(&term, scratch);
            best.iter_mut().zip(&scratch.met).for_each(|(best, met)| *best = best.max(met.0));
        }
        (0..met.len()).filter(plain).map(|i| (best[i] - met[i].0) * self.question.words[i].rarity).sum::<f32>() / self.asked
    }

    fn class(&self, word: u32) -> Class {
        self.special.class(word).unwrap_or(if self.terms.is_number(word) { Class::Number } else { Class::Plain })
    }

    pub fn score(features: &Features) -> f32 {
        // Several sums side by side, so that none waits for the one before.
        let mut sums = [0.0; 8];
        for (features, weights) in features.chunks(8).zip(WEIGHTS.chunks(8)) {
            for ((sum, feature), weight) in sums.iter_mut().zip(features).zip(weights) {
                *sum += feature * weight;
            }
        }
        sums.iter().sum()
    }
}
