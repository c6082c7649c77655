//! A question: its words, and for each the words of the vocabulary that it may mean.

use smallvec::SmallVec;

use super::near;
use super::special::{self, Class};
use crate::index::terms::{Shorthand, Terms};
use crate::text::{Kind, Lexicon, Words};

/// More words than this are not read: no title has as many, and time stays bounded.
pub const MOST_WORDS: usize = 40;
/// Readings kept of one word.
const MOST_READINGS: usize = 48;
/// Readings kept of an unfinished word.
const MOST_ENDINGS: usize = 300;
/// What an unfinished word means as it stands is worth this much less.
const UNFINISHED: f32 = 0.8;
/// Of an unfinished phrase of one word so many letters are there at least, and so many phrases are read from it at most.
const LEAST_OF_PHRASE: usize = 4;
const MOST_PHRASES: usize = 24;
/// Guesses (typing errors, abbreviations) are made for so many words of one question at most.
const MOST_GUESSED: usize = 16;

/// Why a word of the vocabulary may be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// The same word.
    Same,
    /// Two words written as one, or one as two.
    Joined,
    /// Another form of it: infected, infection.
    Family,
    /// One or two typing errors away.
    Typo,
    /// The releases abbreviate so.
    Learnt,
    /// The table of abbreviations says so.
    Abbreviation,
    /// The table of synonyms says so.
    Synonym,
    /// The table says that it may be meant.
    Related,
    /// It begins so.
    Prefix,
    /// Its letters, with some left out.
    Letters,
    /// It begins alike.
    Alike,
}

/// One reading of the words `from .. from + span`: all `targets` together.
#[derive(Clone, Debug)]
pub struct Reading {
    pub from: u8,
    pub span: u8,
    pub targets: SmallVec<[u32; 4]>,
    /// How likely this is what was meant, 0 to 1.
    pub weight: f32,
    pub how: How,
}

/// A word as it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub text: String,
    /// How much it tells: the rarer, the more.
    pub rarity: f32,
}

/// The question, read against one vocabulary.
#[derive(Debug, Default)]
pub struct Question {
    pub words: Vec<Asked>,
    /// By first word, the best first.
    pub readings: Vec<Reading>,
}

/// How much a word tells that `with` of `all` concepts hold.
pub fn rarity(with: u32, all: u32) -> f32 {
    ln((all as f32 + 1.0) / (with as f32 + 0.5)).max(0.1)
}

/// The natural logarithm to two digits, several times faster and the same on every machine: the exponent, and a parabola for the rest.
#[inline]
fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let m = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    (exponent + (-0.344_85 * m + 2.024_66) * m - 1.679_81) * std::f32::consts::LN_2
}

pub struct Reader<'a> {
    pub terms: &'a Terms<'a>,
    pub shorthand: Option<&'a Shorthand<'a>>,
    /// The last word may be unfinished.
    pub complete: bool,
}

impl Reader<'_> {
    pub fn read(&self, text: &str) -> Question {
        let mut words = Words::new();
        words.read_at_most(text, MOST_WORDS);
        let texts: Vec<&str> = words.iter().map(|w| w.text).collect();
        let mut question = Question::default();
        let mut guesses = 0;
        for (i, word) in words.iter().enumerate() {
            let mut found = Found { terms: self.terms, from: i as u8, readings: Vec::new() };
            let last = self.complete && i + 1 == texts.len();
            self.one(&mut found, word.text, last, &mut guesses);
            if last {
                self.endings(&mut found, word.text, &text[word.start..word.end]);
            }
            self.phrases(&mut found, &texts[i..], last);
            if let Some(next) = texts.get(i + 1) {
                let joined = format!("{}{next}", word.text);
                if let Some(id) = self.terms.find(&joined) {
                    found.add(2, &[id], 0.95, How::Joined);
                }
            }
            found.settle();
            // An unfinished word tells as much as all the words that it may become.
            let becoming = if last { self.becoming(word.text) } else { 0 };
            let rarity = if becoming > 0 { rarity(becoming, self.terms.concept_count()) } else { self.rarity(&found.readings) };
            question.words.push(Asked { text: word.text.to_owned(), rarity });
            found.readings.truncate(if last { MOST_ENDINGS } else { MOST_READINGS });
            question.readings.append(&mut found.readings);
        }
        question
    }

    /// The rarity of a word is that of its best reading; of an unknown one, that of a middling word.
    fn rarity(&self, readings: &[Reading]) -> f32 {
        let all = self.terms.concept_count();
        let best = readings.iter().map(|r| r.weight).fold(0.0, f32::max);
        readings
            .iter()
            .filter(|r| r.weight >= best - 0.05)
            .map(|r| r.targets.iter().map(|t| rarity(self.terms.concepts_with(*t), all)).sum::<f32>() / f32::from(r.span))
            .min_by(f32::total_cmp)
            .map_or(5.0, |r| if best < 0.5 { r.min(5.0) } else { r.min(12.0) })
    }

    /// Readings of one word by itself.
    fn one(&self, found: &mut Found<'_>, word: &str, last: bool, guesses: &mut usize) {
        let same = self.terms.find(word);
        let known = same.is_some_and(|id| !self.terms.is_shorthand(id));
        let sure = if last { UNFINISHED } else { 1.0 };
        if let Some(id) = same {
            found.add(1, &[id], if last && word.len() < 4 { 0.95 } else { 1.0 }, How::Same);
            for relative in self.terms.family(id).filter(|f| *f != id) {
                found.add(1, &[relative], 0.85, How::Family);
            }
        }
        let letters = word.len();
        // `no` is no short form of the `not` in `not elsewhere classified`.
        let shortens = letters <= 16 && special::class(word) != Class::Without;
        if let Some(shorthand) = self.shorthand.filter(|_| shortens) {
            for (meaning, share) in shorthand.meanings(word) {
                let targets: SmallVec<[u32; 4]> = meaning.split(' ').filter_map(|w| self.terms.find(w)).collect();
                if !targets.is_empty() && targets.len() == meaning.split(' ').count() {
                    found.add(1, &targets, sure * (if known { 0.45 } else { 0.7 } + 0.25 * share), How::Learnt);
                }
            }
        }
        if last && self.becoming(word) > 0 {
            return;
        }
        let digits = word.bytes().any(|b| b.is_ascii_digit());
        if known || digits || letters < 2 || *guesses >= MOST_GUESSED {
            return;
        }
        *guesses += 1;
        if same.is_none() {
            self.family_of_stranger(found, word);
            self.split(found, word);
        }
        // A typing error in a short word makes another word.
        let furthest = match word.chars().count() {
            0..=3 => 0,
            4..=5 => 1,
            _ => 2,
        };
        if furthest > 0 {
            near::typos(self.terms, word, furthest, |id, distance| {
                let text = self.terms.word(id);
                if distance == 0 || (text.len() < 4 && distance > 0) {
                    return;
                }
                let longest = text.len().max(letters) as f32;
                let first = f32::from(u8::from(text.as_bytes().first() != word.as_bytes().first()));
                let weight = 1.0 - 0.75 * f32::from(distance) / longest - 0.06 * f32::from(distance) - 0.05 * first;
                found.add(1, &[id], weight.clamp(0.1, 0.95), How::Typo);
            });
        }
        let first = word.chars().next().map_or(0, char::len_utf8);
        for id in near::beginning_with(self.terms, &word[..first]) {
            let text = self.terms.letters(id);
            if let Some(weight) = near::abbreviation(word.as_bytes(), text) {
                let how = if text.starts_with(word.as_bytes()) { How::Prefix } else { How::Letters };
                found.add(1, &[id], if how == How::Prefix { weight } else { weight * 0.9 }, how);
            } else if letters >= 6 {
                let common = text.iter().zip(word.as_bytes()).take_while(|(a, b)| a == b).count();
                let longest = text.len().max(letters);
                if common >= 5 && common * 10 >= longest * 5 {
                    found.add(1, &[id], 0.25 + 0.5 * common as f32 / longest as f32, How::Alike);
                }
            }
        }
    }

    /// What an unfinished word may become: every ending is possible, the commoner the likelier. `typed` is the word before it was brought into
    /// its normal form, for `bronchi` may become `bronchitis`, and its singular may not.
    fn endings(&self, found: &mut Found<'_>, word: &str, typed: &str) {
        let typed = typed.to_lowercase();
        let same = self.terms.find(word);
        let all = self.becoming(word).max(self.becoming(&typed));
        let mut add = |prefix: &str| {
            for id in near::beginning_with(self.terms, prefix).filter(|id| Some(*id) != same) {
                let common = ln(1.0 + self.terms.concepts_with(id) as f32) / ln(2.0 + all as f32);
                found.add(1, &[id], 0.6 + 0.35 * common, How::Prefix);
            }
        };
        add(word);
        if !typed.starts_with(word) {
            add(&typed);
        }
        if all == 0 {
            // `preecl`, of what stands there as two words.
            let cuts = if word.is_ascii() { 3..word.len().saturating_sub(1) } else { 0..0 };
            for cut in cuts {
                let Some(first) = self.terms.find(&word[..cut]).filter(|id| !self.terms.is_shorthand(*id)) else { continue };
                for second in near::beginning_with(self.terms, &word[cut..]) {
                    found.add(1, &[first, second], 0.8, How::Joined);
                }
            }
        }
    }

    /// In how many concepts the words occur that begin so, those with several counted for each.
    fn becoming(&self, word: &str) -> u32 {
        let sum = near::beginning_with(self.terms, word).map(|id| self.terms.concepts_with(id)).fold(0, u32::saturating_add);
        sum.min(self.terms.concept_count())
    }

    /// The word is not in the vocabulary, but others with its stem may be.
    fn family_of_stranger(&self, found: &mut Found<'_>, word: &str) {
        let stem = crate::text::stem(word);
        if stem.len() < 4 {
            return;
        }
        for id in near::beginning_with(self.terms, &stem[..stem.floor_char_boundary(4)]) {
            if crate::text::stem(self.terms.word(id)) == stem {
                found.add(1, &[id], 0.85, How::Family);
            }
        }
    }

    /// `lymphnode`: two words in one.
    fn split(&self, found: &mut Found<'_>, word: &str) {
        for halves in self.halves(word) {
            found.add(1, &halves, 0.85, How::Joined);
        }
    }

    fn halves(&self, word: &str) -> impl Iterator<Item = [u32; 2]> {
        let cuts = if word.is_ascii() { 3..word.len().saturating_sub(2) } else { 0..0 };
        cuts.filter_map(move |cut| {
            let halves = [self.terms.find(&word[..cut])?, self.terms.find(&word[cut..])?];
            halves.iter().all(|half| !self.terms.is_shorthand(*half)).then_some(halves)
        })
    }

    /// The words of a meaning as this vocabulary has them, and which share of them it has: `gastroesophageal` may stand there as two words,
    /// and a system that never says `transitional` may still say `cell carcinoma`.
    fn targets(&self, meaning: &[Box<str>]) -> (SmallVec<[u32; 4]>, f32) {
        let mut targets = SmallVec::new();
        let mut known = 0;
        for word in meaning {
            let before = targets.len();
            match self.terms.find(word) {
                Some(id) => targets.push(id),
                None => targets.extend(self.halves(word).next().into_iter().flatten()),
            }
            known += usize::from(targets.len() > before);
        }
        (targets, known as f32 / meaning.len().max(1) as f32)
    }

    /// Readings of the phrase that begins here: `heart attack`, and `hrt attack` for it.
    fn phrases(&self, found: &mut Found<'_>, words: &[&str], last: bool) {
        let exact = Lexicon::get().phrases(words).map(|(span, meanings)| (span, meanings, 1.0));
        let near = Lexicon::get().phrases_like(words, like).map(|(span, meanings)| (span, meanings, 0.85));
        for (span, meanings, sure) in exact.chain(near) {
            for (n, meaning) in meanings.iter().enumerate() {
                // An abbreviation is mostly all that somebody wants to type.
                let sure = if last && meaning.kind != Kind::Abbreviation { sure * UNFINISHED } else { sure };
                let (weight, how) = match meaning.kind {
                    // The commonest meaning stands first.
                    Kind::Abbreviation => ((0.9 - 0.04 * n.min(3) as f32) * sure, How::Abbreviation),
                    Kind::Synonym => (0.93 * sure, How::Synonym),
                    Kind::Related => (0.75 * sure, How::Related),
                };
                let (targets, known) = self.targets(&meaning.words);
                if !targets.is_empty() && known >= 0.5 {
                    found.add(span as u8, &targets, weight * known, how);
                }
            }
        }
        if self.complete {
            self.unfinished_phrases(found, words);
        }
    }

    /// Readings of the phrases that somebody may be typing: `heart att`.
    fn unfinished_phrases(&self, found: &mut Found<'_>, words: &[&str]) {
        if words.len() == 1 && words[0].len() < LEAST_OF_PHRASE {
            return;
        }
        for meaning in Lexicon::get().phrases_beginning(words).take(MOST_PHRASES).flatten() {
            let (weight, how) = match meaning.kind {
                Kind::Abbreviation => continue,
                Kind::Synonym => (0.93, How::Synonym),
                Kind::Related => (0.75, How::Related),
            };
            let (targets, known) = self.targets(&meaning.words);
            if !targets.is_empty() && known >= 0.5 {
                found.add(words.len() as u8, &targets, weight * known * UNFINISHED, how);
            }
        }
    }
}

/// Whether a word is so near one of a phrase that the rest of the phrase makes it sure: a typing error, or most of its letters.
fn like(asked: &str, word: &str) -> bool {
    let (a, w) = (asked.len(), word.len());
    (a >= 3 && a * 2 >= w && near::abbreviation(asked.as_bytes(), word.as_bytes()).is_some())
        || (a >= 4 && w >= 4 && near::within_one(asked.as_bytes(), word.as_bytes()))
}

struct Found<'a> {
    terms: &'a Terms<'a>,
    from: u8,
    readings: Vec<Reading>,
}

impl Found<'_> {
    fn add(&mut self, span: u8, targets: &[u32], weight: f32, how: How) {
        if self.terms.concepts_with(targets[0]) > 0 {
            self.readings.push(Reading { from: self.from, span, targets: SmallVec::from_slice(targets), weight, how });
        }
    }

    /// Keeps the best reading for the same words, the best first.
    fn settle(&mut self) {
        let better = |a: &Reading, b: &Reading| b.weight.total_cmp(&a.weight);
        self.readings.sort_by(|a, b| a.targets.cmp(&b.targets).then(a.span.cmp(&b.span)).then_with(|| better(a, b)));
        self.readings.dedup_by(|b, a| a.span == b.span && a.targets == b.targets);
        self.readings.sort_by(better);
    }
}
