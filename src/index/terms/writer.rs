//! Writes the terms of one code system.

use std::cmp::Ordering;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use rayon::prelude::*;

use super::{Error, HEAD, MAGIC, NUMBER, ORDINAL, SECTIONS, SHORTHAND, put_varint};
use crate::model::DesignationUse;

/// Gathers terms in any order. Memory: the distinct words, and about 10 bytes and 4 a word for every term.
#[derive(Default)]
pub struct TermsWriter {
    hasher: foldhash::fast::FixedState,
    /// Numbers of words in order of arrival, by hash of their text.
    table: HashTable<u32>,
    text: String,
    text_ends: Vec<u32>,
    terms: Vec<Entry>,
    words: Vec<u32>,
}

/// The terms of one code system as they stand in an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// FST from word to number.
    pub words: Vec<u8>,
    /// Everything else.
    pub terms: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Entry {
    ordinal: u32,
    usage: DesignationUse,
    start: u32,
    length: u16,
}

impl TermsWriter {
    pub fn new() -> TermsWriter {
        TermsWriter::default()
    }

    /// Adds one term. A term without words is nothing; the same words twice in a concept are one term, with the smaller use.
    /// Gives the place of its words ([`TermsWriter::words`]).
    pub fn push<'w>(
        &mut self,
        ordinal: u32,
        usage: DesignationUse,
        words: impl Iterator<Item = &'w str>,
    ) -> Result<std::ops::Range<usize>, Error> {
        if ordinal > ORDINAL {
            return Err(Error::TooMany("concepts"));
        }
        let start = u32::try_from(self.words.len()).map_err(|_| Error::TooMany("words"))?;
        for word in words.take(usize::from(u16::MAX)) {
            let word = self.number(word)?;
            self.words.push(word);
        }
        let length = (self.words.len() - start as usize) as u16;
        if length > 0 {
            self.terms.push(Entry { ordinal, usage, start, length });
        }
        Ok(start as usize..self.words.len())
    }

    /// The words of a term that was pushed, by number: the same number is the same word.
    pub fn words(&self, place: std::ops::Range<usize>) -> &[u32] {
        &self.words[place]
    }

    pub fn word(&self, number: u32) -> &str {
        piece(&self.text, &self.text_ends, number)
    }

    fn number(&mut self, word: &str) -> Result<u32, Error> {
        let hash = self.hasher.hash_one(word);
        let (text, ends, hasher) = (&self.text, &self.text_ends, &self.hasher);
        if let Some(found) = self.table.find(hash, |n| piece(text, ends, *n) == word) {
            return Ok(*found);
        }
        let number = self.text_ends.len() as u32;
        self.table.insert_unique(hash, number, |n| hasher.hash_one(piece(text, ends, *n)));
        self.text.push_str(word);
        self.text_ends.push(u32::try_from(self.text.len()).map_err(|_| Error::TooMany("words"))?);
        Ok(number)
    }

    /// Adds what another writer has gathered. The order in which writers are joined does not show in what is written.
    pub fn merge(&mut self, other: TermsWriter) -> Result<(), Error> {
        let mut number = Vec::with_capacity(other.text_ends.len());
        for n in 0..other.text_ends.len() as u32 {
            number.push(self.number(piece(&other.text, &other.text_ends, n))?);
        }
        let before = u32::try_from(self.words.len()).map_err(|_| Error::TooMany("words"))?;
        u32::try_from(self.words.len() + other.words.len()).map_err(|_| Error::TooMany("words"))?;
        self.words.extend(other.words.iter().map(|w| number[*w as usize]));
        self.terms.extend(other.terms.iter().map(|e| Entry { start: e.start + before, ..*e }));
        Ok(())
    }

    /// The two parts. `stem` says which words are a family.
    pub fn finish(mut self, stem: impl Fn(&str) -> String) -> Result<Blob, Error> {
        self.table = HashTable::new();
        // Words by their text, and the number each had before.
        let mut by_text: Vec<u32> = (0..self.text_ends.len() as u32).collect();
        by_text.par_sort_unstable_by(|a, b| piece(&self.text, &self.text_ends, *a).cmp(piece(&self.text, &self.text_ends, *b)));
        let mut number = vec![0u32; by_text.len()];
        for (n, old) in by_text.iter().enumerate() {
            number[*old as usize] = n as u32;
        }
        for word in &mut self.words {
            *word = number[*word as usize];
        }
        drop(number);
        let words = &self.words;
        let of = |e: &Entry| &words[e.start as usize..e.start as usize + usize::from(e.length)];
        // By concept, as most of them come; within one the titles first, so that they win where all else is equal.
        self.terms.sort_by_key(|e| e.ordinal);
        let concepts = |terms: &mut [Entry], order: fn(&Entry, &Entry, &[u32], &[u32]) -> Ordering| {
            terms
                .par_chunk_by_mut(|a, b| a.ordinal == b.ordinal)
                .for_each(|of_one| of_one.sort_unstable_by(|a, b| order(a, b, of(a), of(b))));
        };
        concepts(&mut self.terms, |a, b, of_a, of_b| of_a.cmp(of_b).then(a.usage.cmp(&b.usage)));
        self.terms.dedup_by(|b, a| a.ordinal == b.ordinal && of(a) == of(b));
        concepts(&mut self.terms, |a, b, of_a, of_b| a.usage.cmp(&b.usage).then_with(|| of_a.cmp(of_b)));
        if self.terms.len() > u32::MAX as usize / 2 {
            return Err(Error::TooMany("terms"));
        }

        let count = by_text.len();
        let mut sections: [Vec<u8>; SECTIONS] = Default::default();
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
        ] = &mut sections;

        let mut map = fst::MapBuilder::memory();
        for (n, old) in by_text.iter().enumerate() {
            let text = piece(&self.text, &self.text_ends, *old);
            map.insert(text, n as u64)?;
            word_text.extend_from_slice(text.as_bytes());
            word_ends.extend_from_slice(&(word_text.len() as u32).to_le_bytes());
        }
        let words_fst = map.into_inner()?;

        let mut stems: Vec<(String, u32)> =
            by_text.iter().enumerate().map(|(n, old)| (stem(piece(&self.text, &self.text_ends, *old)), n as u32)).collect();
        stems.sort_unstable();
        let mut family_of = vec![0u32; count];
        let mut family = 0u32;
        for (i, (stem, word)) in stems.iter().enumerate() {
            if i > 0 && stems[i - 1].0 != *stem {
                stem_ends.extend_from_slice(&(stem_words.len() as u32).to_le_bytes());
                family += 1;
            }
            stem_words.extend_from_slice(&word.to_le_bytes());
            family_of[*word as usize] = family;
        }
        stem_ends.extend_from_slice(&(stem_words.len() as u32).to_le_bytes());
        drop(stems);
        stem_of.extend(family_of.iter().flat_map(|f| f.to_le_bytes()));

        // Postings by counting: how many bytes a word needs is known only when written, so gaps go into one array of numbers first.
        let mut counts = vec![0u32; count + 1];
        let mut last = vec![u32::MAX; count];
        let mut concepts_with = vec![0u32; count];
        let mut flags: Vec<u8> = by_text
            .iter()
            .map(|old| SHORTHAND | if piece(&self.text, &self.text_ends, *old).bytes().all(|b| b.is_ascii_digit()) { NUMBER } else { 0 })
            .collect();
        let mut previous = None;
        let mut concepts = 0u32;
        for (t, e) in self.terms.iter().enumerate() {
            concepts += u32::from(previous != Some(e.ordinal));
            previous = Some(e.ordinal);
            for &word in of(e) {
                let w = word as usize;
                if last[w] != t as u32 {
                    last[w] = t as u32;
                    counts[w + 1] += 1;
                }
                if e.usage != DesignationUse::Short {
                    flags[w] &= !SHORTHAND;
                }
                put_varint(term_words, word);
            }
            term_ends.extend_from_slice(&u32::try_from(term_words.len()).map_err(|_| Error::TooMany("terms"))?.to_le_bytes());
            term_heads.extend_from_slice(&(e.ordinal | (e.usage as u32) << 28).to_le_bytes());
        }
        let mut seen = vec![u32::MAX; count];
        for e in &self.terms {
            for &word in of(e) {
                if seen[word as usize] != e.ordinal {
                    seen[word as usize] = e.ordinal;
                    concepts_with[word as usize] += 1;
                }
            }
        }
        term_rarities.extend(
            self.terms.iter().map(|e| of(e).iter().map(|w| quarters(concepts_with[*w as usize], concepts)).sum::<u32>().min(255) as u8),
        );
        for w in 0..count {
            counts[w + 1] += counts[w];
        }
        let mut next = counts.clone();
        let mut all = vec![0u32; counts[count] as usize];
        last.fill(u32::MAX);
        for (t, e) in self.terms.iter().enumerate() {
            for &word in of(e) {
                let w = word as usize;
                if last[w] != t as u32 {
                    last[w] = t as u32;
                    all[next[w] as usize] = t as u32;
                    next[w] += 1;
                }
            }
        }
        for w in 0..count {
            let mut before = 0;
            for &term in &all[counts[w] as usize..counts[w + 1] as usize] {
                put_varint(postings, term - before);
                before = term;
            }
            posting_ends.extend_from_slice(&u32::try_from(postings.len()).map_err(|_| Error::TooMany("terms"))?.to_le_bytes());
        }
        concept_counts.extend(concepts_with.iter().flat_map(|c| c.to_le_bytes()));
        *word_flags = flags;

        let mut out = Vec::with_capacity(HEAD + sections.iter().map(|s| s.len() + 8).sum::<usize>());
        out.extend_from_slice(MAGIC);
        for number in [count as u32, self.terms.len() as u32, concepts, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for section in &sections {
            out.extend_from_slice(&(section.len() as u64).to_le_bytes());
        }
        for section in sections.iter_mut() {
            out.extend_from_slice(section);
            out.resize(out.len().next_multiple_of(8), 0);
            *section = Vec::new();
        }
        Ok(Blob { words: words_fst, terms: out })
    }
}

fn piece<'a>(text: &'a str, ends: &[u32], n: u32) -> &'a str {
    let start = if n == 0 { 0 } else { ends[n as usize - 1] as usize };
    &text[start..ends[n as usize] as usize]
}

/// ln(all / with) in quarters, in whole numbers: the same on every machine. 181704 / 2^18 is ln 2; between powers of two it is a line.
fn quarters(with: u32, all: u32) -> u32 {
    let ratio = (u64::from(all) << 16) / u64::from(with.max(1));
    let power = ratio.max(1 << 16).ilog2();
    let log2 = ((u64::from(power) - 16) << 16) + ((ratio << 16 >> power) - (1 << 16));
    ((log2 * 4 * 181_704) >> 34) as u32
}

#[cfg(test)]
mod tests {
    use super::quarters;

    #[test]
    fn quarters_of_the_natural_logarithm() {
        for (with, all) in [(1, 1), (1, 2), (7, 98_000), (60_000, 98_000), (1, 360_000), (3, 360_000)] {
            let exact = 4.0 * f64::ln(f64::from(all) / f64::from(with));
            assert!((f64::from(quarters(with, all)) - exact).abs() < 1.3, "{with} of {all}: {exact}");
        }
    }
}
