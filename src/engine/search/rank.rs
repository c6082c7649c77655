//! How well a term answers a question: a few dozen plain features, and one weight for each.

use super::question::{How, MOST_WORDS, Question, rarity};
use super::weights::{FEATURES, WEIGHTS};
use crate::index::terms::{Term, Terms};
use crate::model::DesignationUse;

/// Words with a part of their own in titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    Plain = 0,
    Unspecified,
    Other,
    Specified,
    Initial,
    Subsequent,
    Sequela,
    Encounter,
    Right,
    Left,
    Bilateral,
    With,
    Without,
    Number,
}

/// The words of each class; numbers aside.
const SPECIAL: [(&str, Class); 20] = [
    ("unspecified", Class::Unspecified),
    ("other", Class::Other),
    ("specified", Class::Specified),
    ("elsewhere", Class::Specified),
    ("classified", Class::Specified),
    ("initial", Class::Initial),
    ("init", Class::Initial),
    ("subsequent", Class::Subsequent),
    ("subs", Class::Subsequent),
    ("sequela", Class::Sequela),
    ("encounter", Class::Encounter),
    ("encntr", Class::Encounter),
    ("right", Class::Right),
    ("r", Class::Right),
    ("left", Class::Left),
    ("l", Class::Left),
    ("bilateral", Class::Bilateral),
    ("with", Class::With),
    ("without", Class::Without),
    ("not", Class::Without),
];

fn special(terms: &Terms<'_>) -> Vec<(u32, Class)> {
    let mut special: Vec<(u32, Class)> = SPECIAL.iter().filter_map(|(word, class)| Some((terms.find(word)?, *class))).collect();
    special.sort_unstable();
    special
}

fn class(word: &str) -> Class {
    match SPECIAL.iter().find(|s| s.0 == word) {
        Some(special) => special.1,
        None if word.bytes().all(|b| b.is_ascii_digit()) => Class::Number,
        None => Class::Plain,
    }
}

pub type Features = [f32; FEATURES.len()];

/// What a word of the vocabulary means for this question.
#[derive(Clone, Copy, Default)]
struct Link {
    reading: u16,
    target: u8,
}

/// The question, prepared for scoring many terms.
pub struct Ranker<'q> {
    terms: &'q Terms<'q>,
    question: &'q Question,
    /// By word of the vocabulary, sorted.
    links: Vec<(u32, Link)>,
    classes: Vec<Class>,
    /// The words with a part of their own, sorted.
    special: Vec<(u32, Class)>,
    target_rarity: Vec<f32>,
    asked: f32,
}

/// Which word of a term stands for which of the question.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    /// For each word of the question: how well it is met, where, by which reading.
    pub met: Vec<(f32, u8, u16)>,
}

const NOWHERE: u8 = u8::MAX;

impl<'q> Ranker<'q> {
    pub fn new(terms: &'q Terms<'q>, question: &'q Question) -> Ranker<'q> {
        let mut links: Vec<(u32, Link)> = Vec::new();
        let mut target_rarity = Vec::with_capacity(question.readings.len());
        for (r, reading) in question.readings.iter().enumerate() {
            for (t, word) in reading.targets.iter().enumerate() {
                links.push((*word, Link { reading: r as u16, target: t as u8 }));
            }
            target_rarity.push(reading.targets.iter().map(|t| rarity(terms.concepts_with(*t), terms.concept_count())).sum());
        }
        links.sort_unstable_by_key(|(word, link)| (*word, link.reading, link.target));
        // `unspecuified` is of the class of `unspecified`: what a word most likely means decides.
        let classes = (0..question.words.len())
            .map(|i| {
                let best = question
                    .readings
                    .iter()
                    .filter(|r| usize::from(r.from) == i && r.span == 1 && r.targets.len() == 1)
                    .max_by(|a, b| a.weight.total_cmp(&b.weight));
                class(best.map_or(&question.words[i].text, |r| terms.word(r.targets[0])))
            })
            .collect();
        let asked = question.words.iter().map(|w| w.rarity).sum::<f32>().max(0.1);
        Ranker { terms, question, links, classes, special: special(terms), target_rarity, asked }
    }

    /// The features of one term, and how it was aligned.
    pub fn features(&self, term: &Term<'_>, header: bool, alignment: &mut Alignment) -> Features {
        let mut f = [0.0; FEATURES.len()];
        let all = self.terms.concept_count();
        let asked = self.question.words.len();
        let mut words = [0u32; 64];
        let mut length = 0;
        for word in term.words().take(words.len()) {
            words[length] = word;
            length += 1;
        }
        let words = &words[..length];
        alignment.met.clear();
        alignment.met.resize(asked, (0.0, NOWHERE, 0));
        let mut covered = [0f32; 64];
        // Readings of several words count by how much of them is there; gathered here.
        let mut partial: smallvec::SmallVec<[(u16, f32, u8); 8]> = smallvec::SmallVec::new();
        for (j, &word) in words.iter().enumerate() {
            let start = self.links.partition_point(|(w, _)| *w < word);
            for (_, link) in self.links[start..].iter().take_while(|(w, _)| *w == word) {
                let reading = &self.question.readings[usize::from(link.reading)];
                if reading.targets.len() == 1 {
                    covered[j] = covered[j].max(reading.weight);
                    for q in reading.from..reading.from + reading.span {
                        let met = &mut alignment.met[usize::from(q)];
                        if reading.weight > met.0 {
                            *met = (reading.weight, j as u8, link.reading);
                        }
                    }
                } else {
                    let share = rarity(self.terms.concepts_with(word), all) / self.target_rarity[usize::from(link.reading)].max(0.1);
                    match partial.iter_mut().find(|p| p.0 == link.reading) {
                        Some(p) => p.1 += share,
                        None => partial.push((link.reading, share, j as u8)),
                    }
                }
            }
        }
        for &(r, share, j) in &partial {
            let reading = &self.question.readings[usize::from(r)];
            let share = share.min(1.0);
            let weight = reading.weight * share * if share > 0.99 { 1.0 } else { 0.8 };
            for q in reading.from..reading.from + reading.span {
                let met = &mut alignment.met[usize::from(q)];
                if weight > met.0 {
                    *met = (weight, j, r);
                }
            }
            for (k, word) in words.iter().enumerate() {
                if reading.targets.contains(word) {
                    covered[k] = covered[k].max(weight);
                }
            }
        }

        // Coverage of the question.
        let mut met_rarity = 0.0;
        let mut missing = 0.0;
        let mut exact = true;
        let (mut right, mut left, mut numbers) = (false, false, false);
        let mut same = 0.0;
        let mut denied = false;
        let mut denies = [false; MOST_WORDS];
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
                Class::Without => denied = true,
                Class::With => denied = false,
                _ => {}
            }
            denies[i] = denied && class == Class::Plain;
            match class {
                Class::Plain if denied => f[41] += lack / self.asked,
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
        let mut covered_rarity = 0.0;
        let mut negated = false;
        let mut denied_in_title = 0u64;
        for (j, &word) in words.iter().enumerate() {
            let class = self.class(word);
            match class {
                Class::Without => negated = true,
                Class::With => negated = false,
                _ => {}
            }
            let rarity = rarity(self.terms.concepts_with(word), all);
            let lack = 1.0 - covered[j];
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
                Class::With => f[23] += lack,
                Class::Without => f[24] += lack,
                Class::Number => {
                    f[25] += lack;
                    f[26] += f32::from(u8::from(lack > 0.5 && numbers));
                }
                Class::Plain => {
                    total += rarity;
                    covered_rarity += rarity * covered[j];
                    if negated {
                        denied_in_title |= 1 << j;
                        f[27] += rarity * lack;
                    } else {
                        f[28] += rarity * lack;
                        f[29] += if lack > 0.8 { 1.0 } else { 0.0 };
                    }
                }
            }
        }
        for (i, (word, met)) in self.question.words.iter().zip(&alignment.met).enumerate().filter(|(i, _)| self.classes[*i] == Class::Plain)
        {
            let in_title = met.1 != NOWHERE && met.0 > 0.3;
            let denied_there = in_title && denied_in_title >> met.1 & 1 == 1;
            if in_title && denies[i] && !denied_there {
                f[39] += word.rarity * met.0 / self.asked;
            } else if denied_there && !denies[i] {
                f[40] += word.rarity * met.0 / self.asked;
            }
        }
        let forward = met_rarity / self.asked;
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
        f[32] = f32::from(u8::from(covered.first().is_some_and(|c| *c > 0.3)));
        f[33] = f32::from(u8::from(alignment.met.first().is_some_and(|m| m.0 > 0.3)));
        match term.usage {
            DesignationUse::Short => f[34] = 1.0,
            DesignationUse::InclusionTerm | DesignationUse::Synonym => f[35] = 1.0,
            _ => {}
        }
        f[36] = f32::from(u8::from(header));
        f[37] = f[36] * f[4];
        f[38] = (length as f32 - asked as f32).abs() / (length + asked).max(1) as f32;
        f
    }

    /// What share of the question is met by other terms of the concept (or by what stands above it) and not by this one: the last feature.
    pub fn elsewhere(&self, met: &[(f32, u8, u16)], others: impl Iterator<Item = u32>, scratch: &mut Alignment) -> f32 {
        let mut best = [0f32; MOST_WORDS];
        best.iter_mut().zip(met).for_each(|(best, met)| *best = met.0);
        for term in others.filter_map(|t| self.terms.term(t)) {
            self.features(&term, false, scratch);
            best.iter_mut().zip(&scratch.met).for_each(|(best, met)| *best = best.max(met.0));
        }
        let gained = best.iter().zip(met).zip(&self.question.words).zip(&self.classes).filter(|(_, class)| **class == Class::Plain);
        gained.map(|(((best, met), word), _)| (best - met.0) * word.rarity).sum::<f32>() / self.asked
    }

    fn class(&self, word: u32) -> Class {
        match self.special.binary_search_by_key(&word, |s| s.0) {
            Ok(at) => self.special[at].1,
            Err(_) if self.terms.is_number(word) => Class::Number,
            Err(_) => Class::Plain,
        }
    }

    pub fn score(features: &Features) -> f32 {
        features.iter().zip(&WEIGHTS).map(|(f, w)| f * w).sum()
    }
}
