//! The way over another system's titles: the words are a title there, and a map leads from there into the asked system.
//!
//! Old records hold the titles of old systems. `Local salmonella inf NOS` is, letter for letter, ICD-9-CM 003.20, and the GEM knows where
//! that went; the words alone would have to guess. Only a title said as a whole counts: the same words or other forms of them, in any
//! order, none missing and none left over, one typing error in a long word allowed. Anything less is better asked of the system itself.

use smallvec::SmallVec;

use super::{near, special};
use crate::engine::answer::{Target, TargetState};
use crate::engine::translate::{Asked, Translator, TranslatorOptions};
use crate::engine::{Engine, succession};
use crate::index::terms::Terms;
use crate::index::{CodeSystem, Concept, ConceptMap, Index};
use crate::model::{DesignationUse, MapKind, Relationship};
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

/// Where a map leads.
pub(super) struct Over<'e> {
    pub concept: Concept<'e>,
    pub hop: SearchHop<'e>,
    /// Which option of the maps this is, or stands below; counted over all of them.
    pub option: usize,
}

/// The systems from which a map leads into one.
pub(super) struct Hops<'e> {
    index: &'e Index,
    sources: Vec<(Translator<'e>, Terms<'e>)>,
}

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
        Hops { index: engine.index(), sources: with_terms.collect() }
    }

    /// Where the maps lead from the concepts that this text is a title of, with the hop and its title; the map's own order.
    pub fn find(&self, text: &str) -> Vec<Over<'e>> {
        let mut words = Words::new();
        words.read_at_most(text, MOST_WORDS + 1);
        let words: SmallVec<[&str; 16]> = words.iter().map(|w| w.text).collect();
        if words.is_empty() || words.len() > MOST_WORDS {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (translator, terms) in &self.sources {
            for (ordinal, term) in titles(terms, &words) {
                let Some(from) = translator.source().at(ordinal).filter(|_| says_all(terms, ordinal, term)) else { continue };
                let title = super::matched(terms, from, term, &mut Words::new());
                self.follow(translator, from, title, &mut found);
            }
        }
        found
    }

    /// Where the maps lead from a code.
    pub fn of_code(&self, code: &str) -> Vec<Over<'e>> {
        let mut found = Vec::new();
        for (translator, _) in &self.sources {
            let Some(from) = translator.source().concept(&code.to_ascii_uppercase()) else { continue };
            self.follow(translator, from, from.display().unwrap_or(from.code()), &mut found);
        }
        found
    }

    fn follow(&self, translator: &Translator<'e>, from: Concept<'e>, title: &'e str, found: &mut Vec<Over<'e>>) {
        let answer = translator.translate(&Asked::code(from.code()));
        let Some(map) = answer.map else { return };
        for scenario in &answer.scenarios {
            let together = scenario.groups.len() > 1;
            for target in scenario.groups.iter().flat_map(|g| &g.options) {
                let option = found.last().map_or(0, |o| o.option + 1);
                let hop = SearchHop { from, title, map, relationship: target.relationship, together };
                for concept in self.recordable(target) {
                    if !found.iter().any(|o| o.concept == concept) {
                        found.push(Over { concept, hop, option });
                    }
                }
            }
        }
    }

    /// What may be recorded today where a map of some years ago leads: the target, what took its place, what it has been divided into.
    fn recordable(&self, target: &Target<'e>) -> Vec<Concept<'e>> {
        let found: Vec<Concept<'e>> = match target.state {
            TargetState::Valid => Vec::new(),
            TargetState::Expired | TargetState::Unlisted => {
                succession::successors(self.index, target.concept, None).iter().filter_map(|way| Some(way.last()?.to)).collect()
            }
            TargetState::Header => {
                let mut below = vec![target.concept];
                let mut at = 0;
                while at < below.len() && below.len() <= MOST_BELOW {
                    below.extend(below[at].children());
                    at += 1;
                }
                if at < below.len() {
                    below.clear();
                }
                below.retain(|c| c.is_valid_on(None));
                below
            }
        };
        if found.is_empty() { vec![target.concept] } else { found }
    }
}

/// A heading with more below it is left a heading.
const MOST_BELOW: usize = 40;

/// Whether a term is all that its concept is called: of a title cut short for narrow columns every word of the long title must be there,
/// as it stands or abbreviated. ICD-9-CM 438.85, late effect of cerebrovascular disease, is `Vertigo` in 24 characters.
fn says_all(terms: &Terms<'_>, ordinal: u32, term: u32) -> bool {
    let Some(said) = terms.term(term).filter(|t| t.usage == DesignationUse::Short) else { return true };
    let said: SmallVec<[u32; 16]> = said.words().take(MOST_WORDS).collect();
    let mut longs = terms.terms_of(ordinal).filter_map(|t| terms.term(t)).filter(|t| t.usage == DesignationUse::Long).peekable();
    longs.peek().is_none() || longs.any(|long| says(terms, &said, &long.words().take(2 * MOST_WORDS).collect::<SmallVec<[u32; 32]>>()))
}

fn says(terms: &Terms<'_>, said: &[u32], long: &[u32]) -> bool {
    let same = |short: u32, word: u32| short == word || terms.family(word).any(|relative| relative == short);
    // Words that are none of the long title abbreviate some of it, perhaps several by their initials: `dmii`.
    let shortened: SmallVec<[&[u8]; 16]> = said.iter().filter(|s| !long.iter().any(|l| same(**s, *l))).map(|s| terms.letters(*s)).collect();
    let open = |at: Option<usize>| at.and_then(|at| long.get(at)).is_some_and(|w| terms.word(*w) == "unspecified");
    long.iter().enumerate().all(|(at, &word)| {
        let letters = terms.letters(word);
        !special::tells(terms.word(word))
            || open(at.checked_sub(1))
            || open(at.checked_add(1))
            || said.iter().any(|s| same(*s, word))
            || shortened.iter().any(|s| near::abbreviation(s, letters).is_some() || letters.first().is_some_and(|l| s.contains(l)))
    })
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
