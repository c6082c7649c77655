//! Designations to terms, and what long and short titles side by side teach about abbreviations.

use crate::index::terms::{Blob, Error, ShorthandWriter, TermsWriter};
use crate::model::DesignationUse;
use crate::text::{self, Words};
use std::ops::Range;

/// How many meanings of one learnt abbreviation are kept.
pub const SHORTHAND_MEANINGS: usize = 12;

/// Gathers the designations of one code system.
///
/// Designations of one concept come together; then its long and short titles are compared. Terms may come in any order.
#[derive(Default)]
pub struct SystemTerms {
    writer: TermsWriter,
    shorthand: ShorthandWriter,
    words: Words,
    concept: Option<u32>,
    /// Where the words of the concept's titles are.
    long: Vec<Range<usize>>,
    short: Vec<Range<usize>>,
}

impl SystemTerms {
    pub fn new() -> SystemTerms {
        SystemTerms::default()
    }

    /// Adds one designation of the concept with this ordinal.
    pub fn push(&mut self, ordinal: u32, usage: DesignationUse, text: &str) -> Result<(), Error> {
        if self.concept != Some(ordinal) {
            self.compare();
            self.concept = Some(ordinal);
        }
        let text = if usage == DesignationUse::FullySpecifiedName { text::without_tag(text) } else { text };
        if usage == DesignationUse::Long
            && let Some(bare) = text::without_parentheses(text)
        {
            self.words.read(&bare);
            self.writer.push(ordinal, usage, self.words.iter().map(|w| w.text))?;
        }
        self.words.read(text);
        let place = self.writer.push(ordinal, usage, self.words.iter().map(|w| w.text))?;
        match usage {
            DesignationUse::Short => self.short.push(place),
            DesignationUse::Long => self.long.push(place),
            _ => {}
        }
        Ok(())
    }

    /// Adds the terms of other concepts.
    pub fn merge(&mut self, mut other: SystemTerms) -> Result<(), Error> {
        other.compare();
        self.shorthand.merge(other.shorthand);
        self.writer.merge(other.writer)
    }

    /// The blob of terms, and the abbreviations seen; those of all systems are merged into one.
    pub fn finish(mut self) -> Result<(Blob, ShorthandWriter), Error> {
        self.compare();
        Ok((self.writer.finish(text::stem)?, self.shorthand))
    }

    fn compare(&mut self) {
        for short in self.short.drain(..) {
            // Several releases may word a title differently: the one that explains most of the short title teaches.
            let (writer, words) = (&self.writer, self.writer.words(short));
            let best = self.long.iter().map(|long| align(words, writer.words(long.clone()), |n| writer.word(n))).max_by_key(|a| a.0);
            for (abbreviation, meaning) in best.into_iter().flat_map(|(_, pairs)| pairs) {
                self.shorthand.push(abbreviation, &meaning);
            }
        }
        self.long.clear();
    }
}

/// Whether `short` can stand for `long`: the same first letter, and its letters in order among those of `long`.
pub fn abbreviates(short: &str, long: &str) -> bool {
    let (s, l) = (short.as_bytes(), long.as_bytes());
    if s.is_empty() || s.len() >= l.len() || s[0] != l[0] || !s.is_ascii() {
        return false;
    }
    let mut rest = l.iter();
    s.iter().all(|c| rest.any(|d| d == c))
}

/// Pairs the words of a short title with those of the long one, in order, as many as possible.
/// Returns how well that went, and the pairs that differ.
fn align<'w>(s: &[u32], l: &[u32], word: impl Fn(u32) -> &'w str) -> (u32, Vec<(&'w str, String)>) {
    if s == l || s.len() > 40 || l.len() > 60 {
        return (u32::MAX, Vec::new());
    }
    let numbers = (s, l);
    let (s, l): (Vec<&str>, Vec<&str>) = (s.iter().map(|n| word(*n)).collect(), l.iter().map(|n| word(*n)).collect());
    // best[i][j]: the best for s[i..] against l[j..]; step: how many of l the word i takes there (0: none, and i or j is passed over).
    let width = l.len() + 1;
    let mut best = vec![0u32; (s.len() + 1) * width];
    let mut step = vec![0u8; best.len()];
    for i in (0..s.len()).rev() {
        for j in (0..l.len()).rev() {
            let here = i * width + j;
            best[here] = best[here + 1].max(best[here + width]);
            let mut take = |value: u32, words: usize| {
                let total = value + best[(i + 1) * width + j + words];
                if total > best[here] {
                    best[here] = total;
                    step[here] = words as u8;
                }
            };
            if numbers.0[i] == numbers.1[j] {
                take(6, 1);
            } else if s[i].len() > 1 && abbreviates(s[i], l[j]) {
                take(if l[j].starts_with(s[i]) { 5 } else { 4 }, 1);
            }
            let initials = s[i].len();
            if (2..=5).contains(&initials)
                && j + initials <= l.len()
                && s[i].bytes().zip(&l[j..]).all(|(c, word)| word.as_bytes().first() == Some(&c) && word.len() > 1)
            {
                take(4 + initials as u32, initials);
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < s.len() && j < l.len() {
        let here = i * width + j;
        match usize::from(step[here]) {
            0 if best[here] == best[here + 1] => j += 1,
            0 => i += 1,
            words => {
                if s[i] != l[j] {
                    pairs.push((s[i], l[j..j + words].join(" ")));
                }
                i += 1;
                j += words;
            }
        }
    }
    (best[0], pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::terms::{Shorthand, Terms};

    #[test]
    fn long_and_short_titles_teach() {
        let mut system = SystemTerms::new();
        for (ordinal, usage, text) in [
            (0, DesignationUse::Long, "Malignant carcinoid tumor of the ascending colon"),
            (0, DesignationUse::Short, "Mal crcnoid ascend colon"),
            (1, DesignationUse::Long, "Type 2 diabetes mellitus with hyperglycemia"),
            (1, DesignationUse::Short, "Type 2 DM w hyprglycemia"),
            (1, DesignationUse::InclusionTerm, "High sugar"),
        ] {
            system.push(ordinal, usage, text).unwrap();
        }
        let (blob, shorthand) = system.finish().unwrap();
        let terms = Terms::open(&blob.words, &blob.terms).unwrap();
        assert_eq!(terms.term_count(), 5);
        assert_eq!(terms.concept_count(), 2);
        let blob = shorthand.finish(SHORTHAND_MEANINGS).unwrap();
        let shorthand = Shorthand::open(&blob).unwrap();
        for (short, long) in [
            ("mal", "malignant"),
            ("crcnoid", "carcinoid"),
            ("ascend", "ascending"),
            ("dm", "diabetes mellitus"),
            ("hyprglycemia", "hyperglycemia"),
        ] {
            assert_eq!(shorthand.meanings(short).next().map(|m| m.0), Some(long), "{short}");
        }
    }

    #[test]
    fn semantic_tags_are_no_words() {
        let mut system = SystemTerms::new();
        system.push(0, DesignationUse::FullySpecifiedName, "Fracture of bone (disorder)").unwrap();
        let (blob, _) = system.finish().unwrap();
        assert_eq!(Terms::open(&blob.words, &blob.terms).unwrap().find("disorder"), None);
    }
}
