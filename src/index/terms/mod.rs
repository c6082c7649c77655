//! Terms: which words the designations of one code system are made of, ready to be asked.
//!
//! A *word* is a normalised word; words are numbered in byte order. A *term* is the words of one designation of one concept; terms are
//! numbered by concept, so the terms of a concept are a range. One part is an FST from the text of a word to its number. The other holds,
//! in this order: words (text, the number of concepts each occurs in, families of words with one stem), postings (word to terms) and the
//! terms themselves (to words).
//!
//! [`Terms::open`] is O(1). Every access is bounds-checked: a damaged blob gives an error or other answers, never a panic (the FST is
//! trusted to be whole: the index checks the sum of a section before it is opened). Nothing here knows what a word means.

mod shorthand;
mod writer;

pub use shorthand::{Shorthand, ShorthandWriter};
pub use writer::{Blob, TermsWriter};

use crate::model::DesignationUse;

const MAGIC: &[u8; 8] = b"xwterms1";
/// Sections of the blob, each 8-aligned; their byte lengths stand in the head.
const SECTIONS: usize = 13;
const HEAD: usize = 8 + 4 * 4 + 8 * SECTIONS;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("these terms are damaged or of another format: {0}; compile the index again")]
    Damaged(&'static str),
    #[error("too many {0} for one code system")]
    TooMany(&'static str),
    #[error(transparent)]
    Fst(#[from] fst::Error),
}

/// The terms of one code system.
pub struct Terms<'a> {
    words: u32,
    terms: u32,
    concepts: u32,
    word_ends: &'a [u8],
    word_text: &'a [u8],
    map: fst::Map<&'a [u8]>,
    concept_counts: &'a [u8],
    word_flags: &'a [u8],
    stem_of: &'a [u8],
    stem_ends: &'a [u8],
    stem_words: &'a [u8],
    posting_ends: &'a [u8],
    postings: &'a [u8],
    term_ends: &'a [u8],
    term_words: &'a [u8],
    term_heads: &'a [u8],
    term_rarities: &'a [u8],
}

/// One term: whose it is, what it is, how much its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    pub ordinal: u32,
    pub usage: DesignationUse,
    words: &'a [u8],
}

impl<'a> Term<'a> {
    /// The numbers of its words, in order.
    pub fn words(&self) -> Varints<'a> {
        Varints(self.words)
    }
}

impl<'a> Terms<'a> {
    pub fn open(words_fst: &'a [u8], blob: &'a [u8]) -> Result<Terms<'a>, Error> {
        if blob.get(..8) != Some(MAGIC) || blob.len() < HEAD {
            return Err(Error::Damaged("head"));
        }
        let number = |i: usize| u32_at(&blob[8..], i);
        let (words, terms, concepts) = (number(0), number(1), number(2));
        let mut at = HEAD;
        let mut sections = [&blob[..0]; SECTIONS];
        for (i, section) in sections.iter_mut().enumerate() {
            let length = u64_at(&blob[24..], i);
            let end = usize::try_from(length).ok().and_then(|l| at.checked_add(l)).ok_or(Error::Damaged("length"))?;
            *section = blob.get(at..end).ok_or(Error::Damaged("length"))?;
            at = end.next_multiple_of(8);
        }
        let [
            word_ends,
            word_text,
            concept_counts,
            word_flags,
            stem_of,
            stem_ends,
            stem_words,
            posting_ends,
            postings,
            term_ends,
            term_words,
            term_heads,
            term_rarities,
        ] = sections;
        Ok(Terms {
            words,
            terms,
            concepts,
            word_ends,
            word_text,
            map: fst::Map::new(words_fst)?,
            concept_counts,
            word_flags,
            stem_of,
            stem_ends,
            stem_words,
            posting_ends,
            postings,
            term_ends,
            term_words,
            term_heads,
            term_rarities,
        })
    }

    /// How many different words there are.
    pub fn word_count(&self) -> u32 {
        self.words
    }
    /// How many terms there are.
    pub fn term_count(&self) -> u32 {
        self.terms
    }
    /// How many concepts have a term.
    pub fn concept_count(&self) -> u32 {
        self.concepts
    }
    /// From the text of a word to its number, for automata.
    pub fn map(&self) -> &fst::Map<&'a [u8]> {
        &self.map
    }

    pub fn word(&self, word: u32) -> &'a str {
        std::str::from_utf8(self.letters(word)).unwrap_or("")
    }

    /// The text of a word in UTF-8.
    #[inline]
    pub fn letters(&self, word: u32) -> &'a [u8] {
        range(self.word_text, self.word_ends, word)
    }

    pub fn find(&self, text: &str) -> Option<u32> {
        self.map.get(text).and_then(|n| u32::try_from(n).ok())
    }

    /// In how many concepts a word occurs.
    pub fn concepts_with(&self, word: u32) -> u32 {
        u32_at(self.concept_counts, word as usize)
    }

    /// Whether a word occurs in abbreviated titles only.
    pub fn is_shorthand(&self, word: u32) -> bool {
        self.word_flags.get(word as usize).is_some_and(|f| f & SHORTHAND != 0)
    }

    /// Whether a word is a number.
    pub fn is_number(&self, word: u32) -> bool {
        self.word_flags.get(word as usize).is_some_and(|f| f & NUMBER != 0)
    }

    /// The words with the same stem, the word itself among them.
    pub fn family(&self, word: u32) -> impl Iterator<Item = u32> + 'a {
        self.stem_members(u32_at(self.stem_of, word as usize))
    }

    /// All words, in byte order of their stems' first words.
    fn stem_members(&self, stem: u32) -> impl Iterator<Item = u32> + 'a {
        range(self.stem_words, self.stem_ends, stem).chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
    }

    /// How many terms hold a word (at least: the bytes of its postings).
    pub fn posting_bytes(&self, word: u32) -> usize {
        range(self.postings, self.posting_ends, word).len()
    }

    /// The terms that hold a word, ascending.
    pub fn postings(&self, word: u32) -> impl Iterator<Item = u32> + 'a {
        let terms = self.terms;
        let mut term = 0u32;
        Varints(range(self.postings, self.posting_ends, word))
            .map(move |gap| {
                term = term.wrapping_add(gap);
                term
            })
            .take_while(move |term| *term < terms)
    }

    pub fn term(&self, term: u32) -> Option<Term<'a>> {
        if term >= self.terms {
            return None;
        }
        let head = u32_at(self.term_heads, term as usize);
        let usage = DesignationUse::ALL.get((head >> 28) as usize).copied()?;
        Some(Term { ordinal: head & ORDINAL, usage, words: range(self.term_words, self.term_ends, term) })
    }

    /// The concept of a term.
    pub fn ordinal(&self, term: u32) -> u32 {
        u32_at(self.term_heads, term as usize) & ORDINAL
    }

    /// How much the words of a term tell together: the sum of ln(concepts / concepts with the word), to a quarter.
    pub fn term_rarity(&self, term: u32) -> f32 {
        self.term_rarities.get(term as usize).map_or(0.0, |r| f32::from(*r) / 4.0)
    }

    /// The terms of a concept.
    pub fn terms_of(&self, ordinal: u32) -> impl Iterator<Item = u32> + '_ {
        let (mut low, mut high) = (0, self.terms);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ordinal(middle) < ordinal { low = middle + 1 } else { high = middle }
        }
        (low..self.terms).take_while(move |t| self.ordinal(*t) == ordinal)
    }
}

const ORDINAL: u32 = (1 << 28) - 1;
const SHORTHAND: u8 = 1;
const NUMBER: u8 = 2;

/// Numbers in LEB128. Ends at the first byte that cannot be part of one.
#[derive(Clone, Copy, Debug)]
pub struct Varints<'a>(&'a [u8]);

impl Iterator for Varints<'_> {
    type Item = u32;
    #[inline]
    fn next(&mut self) -> Option<u32> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        if first < 0x80 {
            return Some(u32::from(first));
        }
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        self.0 = &[];
        None
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn u32_at(bytes: &[u8], i: usize) -> u32 {
    match i.checked_mul(4).and_then(|at| bytes.get(at..)).and_then(|b| b.first_chunk()) {
        Some(chunk) => u32::from_le_bytes(*chunk),
        None => 0,
    }
}

fn u64_at(bytes: &[u8], i: usize) -> u64 {
    match i.checked_mul(8).and_then(|at| bytes.get(at..)).and_then(|b| b.first_chunk()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => 0,
    }
}

/// Item `i` of `data`, whose ends stand in `ends`.
#[inline]
fn range<'a>(data: &'a [u8], ends: &[u8], i: u32) -> &'a [u8] {
    let start = if i == 0 { 0 } else { u32_at(ends, i as usize - 1) };
    data.get(start as usize..u32_at(ends, i as usize) as usize).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn blob(terms: &[(u32, DesignationUse, Vec<String>)]) -> Blob {
        let mut writer = TermsWriter::new();
        for (ordinal, usage, words) in terms {
            writer.push(*ordinal, *usage, words.iter().map(String::as_str)).unwrap();
        }
        writer.finish(|w| w.chars().take(3).collect()).unwrap()
    }

    fn terms() -> impl Strategy<Value = Vec<(u32, DesignationUse, Vec<String>)>> {
        let word = "[ab]{1,4}|é{1,2}";
        let usage = prop::sample::select(&DesignationUse::ALL[..]);
        prop::collection::vec((0u32..20, usage, prop::collection::vec(word, 0..6)), 0..60)
    }

    proptest! {
        /// What goes in comes out, against a plain map.
        #[test]
        fn a_blob_holds_its_terms(input in terms()) {
            let bytes = blob(&input);
            let terms = Terms::open(&bytes.words, &bytes.terms).unwrap();
            let mut expect: BTreeMap<(u32, Vec<String>), DesignationUse> = BTreeMap::new();
            for (ordinal, usage, words) in input.iter().filter(|t| !t.2.is_empty()) {
                let held = expect.entry((*ordinal, words.clone())).or_insert(*usage);
                *held = (*held).min(*usage);
            }
            prop_assert_eq!(terms.term_count() as usize, expect.len());
            let mut seen = BTreeMap::new();
            for t in 0..terms.term_count() {
                let term = terms.term(t).unwrap();
                let words: Vec<String> = term.words().map(|w| terms.word(w).to_owned()).collect();
                for word in term.words() {
                    prop_assert!(terms.postings(word).any(|p| p == t));
                }
                prop_assert!(terms.terms_of(term.ordinal).any(|x| x == t));
                seen.insert((term.ordinal, words), term.usage);
            }
            prop_assert_eq!(&seen, &expect);
            for w in 0..terms.word_count() {
                let text = terms.word(w);
                prop_assert_eq!(terms.find(text), Some(w));
                let holders: std::collections::BTreeSet<u32> = expect.keys().filter(|(_, ws)| ws.iter().any(|x| x == text)).map(|(o, _)| *o).collect();
                prop_assert_eq!(terms.concepts_with(w) as usize, holders.len());
                let short = expect.iter().filter(|((_, ws), _)| ws.iter().any(|x| x == text)).all(|(_, u)| *u == DesignationUse::Short);
                prop_assert_eq!(terms.is_shorthand(w), short);
                let family: Vec<&str> = terms.family(w).map(|f| terms.word(f)).collect();
                let expected: Vec<&str> = (0..terms.word_count()).map(|f| terms.word(f)).filter(|f| f.chars().take(3).eq(text.chars().take(3))).collect();
                prop_assert_eq!(family, expected);
            }
        }

        /// The same terms in any order, the same bytes.
        #[test]
        fn order_does_not_matter(mut input in terms()) {
            let one = blob(&input);
            input.reverse();
            prop_assert_eq!(one, blob(&input));
        }

        /// A flipped byte gives an error or other answers, never a panic.
        #[test]
        fn damage_never_panics(input in terms(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let Blob { words, terms: mut bytes } = blob(&input);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let Ok(terms) = Terms::open(&words, &bytes) else { return Ok(()) };
            for t in 0..terms.term_count().min(200) {
                let Some(term) = terms.term(t) else { continue };
                for word in term.words().take(100) {
                    let _ = (terms.word(word), terms.concepts_with(word), terms.family(word).take(100).count(), terms.postings(word).take(100).count());
                }
            }
        }

        #[test]
        fn any_length_is_an_error_or_opens(input in terms(), cut in any::<prop::sample::Index>()) {
            let bytes = blob(&input);
            let _ = Terms::open(&bytes.words, &bytes.terms[..cut.index(bytes.terms.len())]).map(|t| t.word_count());
        }
    }
}
