//! Which concept did they mean?
//!
//! # Short answer
//! [`Engine::searcher`] prepares to search one system; [`Searcher::search`] gives the concepts that a text may mean, the likeliest first,
//! each with the text that matched and why.
//!
//! # Long answer
//! A question is read word by word ([`question`]): what each word may mean in the vocabulary of the system, as it stands, by its stem, as a
//! typing error, an abbreviation (learnt from the titles of the loaded releases, or from the table), a synonym, two words run together.
//! The postings of the rarest words give candidate terms ([`gather`]); each is scored by a weighted sum of plain features ([`rank`],
//! [`weights`]), so that every place in the list can be explained.
//!
//! # Limits
//! Terms are words: what shares no word, stem, abbreviation or known synonym with any designation is not found. Weights are fitted to
//! ICD-10-CM (how is said in [`weights`]).

mod assertion;
mod code;
mod find;
mod gather;
mod hop;
mod near;
mod question;
mod rank;
mod special;
#[cfg(test)]
mod tests;
mod weights;

pub use assertion::{Assertion, asserted, withheld};
use find::Finder;
pub use find::{Concepts, Part};
pub use hop::SearchHop;
use hop::{Hops, Over};
use special::Special;

use super::{Engine, Refusal, suggest};
use crate::index::terms::{Shorthand, Terms};
use crate::index::{CodeSystem, Concept, Index, Now};
use crate::model::{Date, DesignationUse, NoteKind, Status};
use crate::text::{self, Words};
use std::sync::OnceLock;

/// How to search.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// At most so many answers.
    pub limit: usize,
    /// Only what is in the system on this date; without one, only what is in its newest release.
    pub date: Option<Date>,
    /// Only codes that may be recorded.
    pub billable: bool,
    /// Only this code and what stands below it.
    pub under: Option<String>,
    /// The last word, or the code, may be unfinished, as while somebody types.
    pub complete: bool,
    /// By the words of this system alone, not by way of another system's titles and a map.
    pub text_only: bool,
    /// Say of every match what its rank is made of.
    pub explain: bool,
}

impl Default for SearchOptions {
    fn default() -> SearchOptions {
        SearchOptions { limit: 10, date: None, billable: false, under: None, complete: false, text_only: false, explain: false }
    }
}

/// One answer to a search.
#[derive(Clone, Debug)]
pub struct Match<'e> {
    pub concept: Concept<'e>,
    /// How likely this is what was meant, 0 to 1.
    pub score: f32,
    /// The designation that matched.
    pub matched: &'e str,
    /// What had to be supposed: `hart~heart` (spelling), `MI=myocardial infarction` (abbreviation or synonym), `code` (a code was typed),
    /// `code I1O~I10 (letter)` (one with a slip), `begins with E11` (a heading, or a code half typed), `code of icd9cm`, `took the place of
    /// T81.4XXA`.
    pub why: Vec<String>,
    /// What the rank is the sum of, before it was made a share; empty unless [`SearchOptions::explain`] asks.
    pub parts: Vec<Part>,
    /// The text is a title of another system, and a map leads from there.
    pub hop: Option<SearchHop<'e>>,
}

/// Searches in one system. Prepare once, ask often; share it between threads.
pub struct Searcher<'e> {
    system: CodeSystem<'e>,
    terms: Option<Terms<'e>>,
    shorthand: Option<Shorthand<'e>>,
    under: Option<Concept<'e>>,
    /// Found when the first question comes: a translator has a searcher, and mostly asks nothing of it.
    special: OnceLock<Special>,
    hops: Option<Hops<'e>>,
    index: &'e Index,
    exhaustive: bool,
    options: SearchOptions,
}

impl Engine {
    /// Prepares to search a system.
    pub fn searcher<'e>(&'e self, system: CodeSystem<'_>, options: SearchOptions) -> Result<Searcher<'e>, Refusal> {
        let system = self.own(system);
        let under = match &options.under {
            None => None,
            Some(code) => Some(
                suggest::resolve(system, code)
                    .concept
                    .ok_or_else(|| Refusal::UnknownCode { code: code.trim().to_owned(), system: system.alias().to_owned() })?,
            ),
        };
        let (words, terms) = system.terms();
        let hops = (!options.text_only).then(|| Hops::into(self, system));
        let terms = Terms::open(words, terms).ok();
        Ok(Searcher {
            system,
            terms,
            shorthand: self.index().shorthand(),
            under,
            special: OnceLock::new(),
            hops,
            index: self.index(),
            exhaustive: false,
            options,
        })
    }
}

/// An abbreviation or a phrase, and what it may stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Supposition {
    pub phrase: String,
    pub meaning: String,
    pub kind: SuppositionKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SuppositionKind {
    /// From the titles of the loaded releases; in this share of its uses.
    Learnt {
        share: f32,
    },
    /// From the table that xwalk carries.
    Abbreviation,
    Synonym,
    /// The meaning is narrower, or nearly the same.
    Related,
}

impl Engine {
    /// Everything that search may suppose of a phrase: what was learnt from the loaded releases, then the table.
    pub fn suppositions(&self) -> Vec<Supposition> {
        let mut all = Vec::new();
        if let Some(shorthand) = self.index().shorthand() {
            for phrase in shorthand.abbreviations() {
                let learnt = |(meaning, share): (&str, f32)| Supposition {
                    phrase: phrase.clone(),
                    meaning: meaning.to_owned(),
                    kind: SuppositionKind::Learnt { share },
                };
                all.extend(shorthand.meanings(&phrase).map(learnt));
            }
        }
        for (phrase, meanings) in text::Lexicon::get().entries() {
            all.extend(meanings.iter().map(|meaning| Supposition {
                phrase: phrase.clone(),
                meaning: meaning.words.join(" "),
                kind: match meaning.kind {
                    text::Kind::Abbreviation => SuppositionKind::Abbreviation,
                    text::Kind::Synonym => SuppositionKind::Synonym,
                    text::Kind::Related => SuppositionKind::Related,
                },
            }));
        }
        all
    }
}

impl<'e> Searcher<'e> {
    pub fn system(&self) -> CodeSystem<'e> {
        self.system
    }

    /// Scores every term that shares a word from now on, not only those that share most: many times slower, and shows what pruning loses.
    pub fn exhaustive(self) -> Searcher<'e> {
        Searcher { exhaustive: true, ..self }
    }

    fn finder<'t>(&'t self, terms: &'t Terms<'t>) -> Finder<'t> {
        let (shorthand, special) = (self.shorthand.as_ref(), self.special.get_or_init(|| Special::of(terms)));
        Finder { terms, shorthand, special, explain: self.options.explain, exhaustive: self.exhaustive }
    }

    /// The concepts that `text` may mean, the likeliest first.
    pub fn search(&self, text: &str) -> Vec<Match<'e>> {
        let (mut matches, left) = self.by_code(text);
        if left <= 0.0 {
            matches.truncate(self.options.limit);
            return matches;
        }
        if let Some(mut both) = self.by_code_and_words(text) {
            both.truncate(self.options.limit);
            return both;
        }
        let is_code = !matches.is_empty();
        let by_words = self.by_words(text, left);
        matches.extend(by_words.into_iter().filter(|m| matches.iter().all(|held| held.concept != m.concept)).collect::<Vec<_>>());
        if !is_code {
            self.lead_over(text, &mut matches);
        }
        matches.truncate(self.options.limit);
        matches
    }

    /// What the words say, with the share of certainty that is left to them.
    fn by_words(&self, text: &str, left: f32) -> Vec<Match<'e>> {
        let Some(terms) = &self.terms else { return Vec::new() };
        let mut words = Words::new();
        let found = self.finder(terms).find(text, self.options.limit, self.options.complete, self);
        let of = |found: find::Found| {
            let concept = self.system.at(found.ordinal)?;
            let matched = matched(terms, concept, found.term, &mut words);
            Some(Match { concept, score: found.score * left, matched, why: found.why, parts: found.parts, hop: None })
        };
        found.into_iter().filter_map(of).collect()
    }

    /// Where the text is a title of another system, and of none here, what a map makes of that title leads; what the words alone found
    /// keeps the rest of the certainty.
    fn lead_over(&self, text: &str, matches: &mut Vec<Match<'e>>) {
        let (Some(hops), Some(terms)) = (&self.hops, &self.terms) else { return };
        if hop::is_title(terms, text) {
            return;
        }
        let over = self.weigh_over(text, hops.find(text));
        let Some((concept, ..)) = over.first() else { return };
        // The likelier the system's own words, the less the title says; a heading above where the map leads says the same as the map.
        let own = matches.first().filter(|own| !concept.is_a(own.concept)).map_or(0.0, |own| own.score);
        let said = (1.0 - own) / ((1.0 - own) + (1.0 - TITLE_SAID));
        matches.iter_mut().for_each(|m| m.score *= 1.0 - said);
        for (concept, hop, share) in over {
            let score = said * share;
            match matches.iter_mut().find(|m| m.concept == concept) {
                Some(held) => (held.score, held.hop) = (held.score + score, Some(hop)),
                None => matches.push(Match { concept, score, matched: hop.title, why: Vec::new(), parts: Vec::new(), hop: Some(hop) }),
            }
        }
        matches.sort_by(|a, b| b.score.total_cmp(&a.score));
    }

    /// What maps lead to, each with its share, the greatest first: the words decide half, the maps, which hold each of their options
    /// possible, the other half. What stands below one option shares what the option has, by the words.
    fn weigh_over(&self, text: &str, mut over: Vec<Over<'e>>) -> Vec<(Concept<'e>, SearchHop<'e>, f32)> {
        over.retain(|o| self.keep(o.concept.ordinal()));
        let concepts: Vec<Concept<'e>> = over.iter().map(|o| o.concept).collect();
        // Never nothing: where no word speaks, all speak alike.
        let by_words: Vec<f32> = self.weigh(text, &concepts).into_iter().map(|w| w + 1e-6).collect();
        let all: f32 = by_words.iter().sum();
        let of_option = |n: usize| over.iter().zip(&by_words).filter(|(o, _)| o.option == n).map(|(_, w)| w).sum::<f32>();
        let mut options: Vec<usize> = over.iter().map(|o| o.option).collect();
        options.dedup();
        let even = 1.0 / options.len().max(1) as f32;
        let share = |(o, w): (&Over<'e>, &f32)| (o.concept, o.hop, (even * w / of_option(o.option) + w / all) / 2.0);
        let mut shares: Vec<_> = over.iter().zip(&by_words).map(share).collect();
        shares.sort_by(|a, b| b.2.total_cmp(&a.2));
        shares
    }

    /// How well each of a few concepts is described by a text, 0 to 1 each and at most 1 together; in the order given.
    pub fn weigh(&self, text: &str, concepts: &[Concept<'_>]) -> Vec<f32> {
        let Some(terms) = &self.terms else { return vec![0.0; concepts.len()] };
        let ordinals: Vec<u32> = concepts.iter().map(Concept::ordinal).collect();
        self.finder(terms).weigh(text, &ordinals, self)
    }
}

impl Concepts for Searcher<'_> {
    fn keep(&self, ordinal: u32) -> bool {
        let Some(concept) = self.system.at(ordinal) else { return false };
        if self.under.is_some_and(|under| !concept.is_a(under)) {
            return false;
        }
        match (self.options.billable, self.options.date) {
            (true, date) => concept.is_valid_on(date),
            (false, Some(date)) => concept.status_on(date).is_some_and(|s| s != Status::Inactive),
            (false, None) => concept.now() != Now::Gone,
        }
    }

    fn is_header(&self, ordinal: u32) -> bool {
        self.system.at(ordinal).and_then(|c| c.status()) == Some(Status::Header)
    }

    fn parent(&self, ordinal: u32) -> Option<u32> {
        self.system.at(ordinal)?.parents().next().map(|p| p.ordinal())
    }
}

/// How sure it is that who says a whole title of another system means that title.
const TITLE_SAID: f32 = 0.95;

/// The designation that has the words of a term.
fn matched<'e>(terms: &Terms<'_>, concept: Concept<'e>, term: u32, words: &mut Words) -> &'e str {
    let Some(term) = terms.term(term) else { return "" };
    let mut same = |text: &str| {
        words.read(text);
        words.iter().map(|w| w.text.as_bytes()).eq(term.words().map(|w| terms.letters(w)))
    };
    let mut same = |text: &str| same(text) || text::without_parentheses(text).is_some_and(|bare| same(&bare));
    // Of designations with the same words a term has the first use.
    let mut designations = concept.designations().filter(|d| d.usage == term.usage);
    designations
        .find(|d| same(if d.usage == DesignationUse::FullySpecifiedName { text::without_tag(d.text) } else { d.text }))
        .map(|d| d.text)
        .or_else(|| concept.notes().filter(|n| n.kind == NoteKind::Includes).find(|n| same(n.text)).map(|n| n.text))
        .or_else(|| concept.display())
        .unwrap_or("")
}
