//! The way over another system's titles: the words are a title there, and a map leads from there into the asked system.
//!
//! Old records hold the titles of old systems. `Local salmonella inf NOS` is, letter for letter, ICD-9-CM 003.20, and the GEM knows where
//! that went; the words alone would have to guess. Only a title said as a whole counts: the same words or other forms of them, in any
//! order, none missing and none left over, one typing error in a long word allowed. Anything less is better asked of the system itself.

use smallvec::SmallVec;

use super::near;
use crate::engine::translate::{Asked, Translator, TranslatorOptions};
use crate::engine::{Engine, answer::Target};
use crate::index::terms::Terms;
use crate::index::{CodeSystem, Concept, ConceptMap};
use crate::model::{MapKind, Relationship};
use crate::text::Words;

/// A step over another system.
#[derive(Clone, Copy, Debug)]
pub struct SearchHop<'e> {
    /// The concept whose title was said.
    pub from: Concept<'e>,
    /// That title.
    pub title: &'e str,
    /// The map that leads from it.
    pub map: ConceptMap<'e>,
    pub relationship: Relationship,
    /// The map wants further codes beside this one ([`crate::engine::answer`]: several groups of one scenario).
    pub together: bool,
}

/// The systems from which a map leads into one.
pub(super) struct Hops<'e>(Vec<(Translator<'e>, Terms<'e>)>);

/// Longer texts are no titles.
const MOST_WORDS: usize = 24;

impl<'e> Hops<'e> {
    pub fn into(engine: &'e Engine, system: CodeSystem<'e>) -> Hops<'e> {
        let mut sources: Vec<CodeSystem<'e>> =
            engine.index().maps().filter(|m| m.target() == system && m.kind() != MapKind::Succession).map(|m| m.source()).collect();
        sources.retain(|s| *s != system);
        sources.sort_by_key(|s| s.ordinal());
        sources.dedup();
        let with_terms = sources.into_iter().filter_map(|source| {
            let (words, terms) = source.terms();
            let terms = Terms::open(words, terms).ok()?;
            let options = TranslatorOptions { from: source.alias().to_owned(), to: system.alias().to_owned(), ..Default::default() };
            Some((engine.translator(options).ok()?, terms))
        });
        Hops(with_terms.collect())
    }

    /// Where the maps lead from the concepts that this text is a title of, with the hop and its title; the map's own order.
    pub fn find(&self, text: &str) -> Vec<(Concept<'e>, SearchHop<'e>)> {
        let mut words = Words::new();
        words.read_at_most(text, MOST_WORDS + 1);
        let words: SmallVec<[&str; 16]> = words.iter().map(|w| w.text).collect();
        if words.is_empty() || words.len() > MOST_WORDS {
            return Vec::new();
        }
        let mut found: Vec<(Concept<'e>, SearchHop<'e>)> = Vec::new();
        for (translator, terms) in &self.0 {
            for (ordinal, term) in titles(terms, &words) {
                let Some(from) = translator.source().at(ordinal) else { continue };
                let answer = translator.translate(&Asked::code(from.code()));
                let Some(map) = answer.map else { continue };
                let title = super::matched(terms, from, term, &mut Words::new());
                for scenario in &answer.scenarios {
                    let together = scenario.groups.len() > 1;
                    let options = scenario.groups.iter().flat_map(|g| &g.options);
                    found.extend(
                        options.map(|o: &Target<'e>| (o.concept, SearchHop { from, title, map, relationship: o.relationship, together })),
                    );
                }
            }
        }
        found
    }
}

/// Whether a text is, as a whole, a term of this system.
pub(super) fn is_title(terms: &Terms<'_>, text: &str) -> bool {
    let mut words = Words::new();
    words.read_at_most(text, MOST_WORDS + 1);
    let words: SmallVec<[&str; 16]> = words.iter().map(|w| w.text).collect();
    !words.is_empty() && words.len() <= MOST_WORDS && !titles(terms, &words).is_empty()
}

/// The concepts with a term that is these words, other forms of them allowed; each with the term.
fn titles(terms: &Terms<'_>, words: &[&str]) -> Vec<(u32, u32)> {
    let mut families: SmallVec<[SmallVec<[u32; 8]>; 16]> = SmallVec::new();
    for word in words {
        let known = terms.find(word).or_else(|| misspelt(terms, word));
        let Some(known) = known else { return Vec::new() };
        families.push(terms.family(known).collect());
    }
    // The rarest word has all the candidates.
    let cost = |family: &SmallVec<[u32; 8]>| family.iter().map(|w| terms.posting_bytes(*w)).sum::<usize>();
    let Some(rarest) = families.iter().min_by_key(|f| cost(f)) else { return Vec::new() };
    let mut found: Vec<(u32, u32)> = Vec::new();
    for term in rarest.iter().flat_map(|w| terms.postings(*w)) {
        let Some(candidate) = terms.term(term) else { continue };
        let mut left: SmallVec<[u32; 24]> = candidate.words().take(MOST_WORDS + 1).collect();
        if left.len() != families.len() {
            continue;
        }
        let all = families.iter().all(|family| {
            let at = left.iter().position(|word| family.contains(word));
            at.map(|at| left.swap_remove(at)).is_some()
        });
        if all && !found.iter().any(|(ordinal, _)| *ordinal == candidate.ordinal) {
            found.push((candidate.ordinal, term));
        }
    }
    found
}

/// The one word that a long word is one typing error from.
fn misspelt(terms: &Terms<'_>, word: &str) -> Option<u32> {
    if word.chars().count() < 6 {
        return None;
    }
    let mut only = None;
    let mut several = false;
    near::typos(terms, word, 1, |id, _| several |= only.replace(id).is_some());
    only.filter(|_| !several)
}
