//! A code typed instead of words.

use super::{Concepts, Match, SearchHop, Searcher};
use crate::engine::answer::RepairKind;
use crate::engine::{succession, suggest};
use crate::index::{Concept, Now};
use crate::model::{CodeForm, Status};

impl<'e> Searcher<'e> {
    /// A code typed instead of words: itself, what took its place, where a map leads from it, or what it may have been misspelt for; of a
    /// heading that may not be an answer, or of a code that is still being typed, those that begin so. And how much certainty is left for
    /// its being words.
    pub(super) fn by_code(&self, text: &str) -> (Vec<Match<'e>>, f32) {
        let text = bare(text);
        if !CODE_LENGTHS.contains(&text.len()) || text.contains(char::is_whitespace) || !text.contains(|c: char| c.is_ascii_digit()) {
            return (Vec::new(), 1.0);
        }
        if text.len() < WHOLE_CODE {
            let begun = self.begun(text);
            let left = if begun.is_empty() { 1.0 } else { 0.0 };
            return (begun, left);
        }
        let of = |concept: Concept<'e>, score, why| Match {
            concept,
            score,
            matched: concept.code(),
            why: vec![why],
            parts: Vec::new(),
            hop: None,
        };
        let resolved = suggest::resolve(self.system, text);
        // These never change which code is meant.
        let same = |kind| matches!(kind, RepairKind::Blank | RepairKind::Case | RepairKind::Dot | RepairKind::Quoted);
        let slip = resolved.repairs.iter().find(|r| !same(r.kind));
        if let (Some(concept), None) = (resolved.concept, slip) {
            let after = if self.is_gone(concept) { self.after(concept) } else { Vec::new() };
            if !after.is_empty() {
                return (after, 0.0);
            }
            let mut found = Vec::new();
            if self.keep(concept.ordinal()) {
                found.push(of(concept, 1.0, "code".to_owned()));
            }
            if self.options.complete || found.is_empty() {
                let below = self.beginning_with(text, Some(concept), if found.is_empty() { 1.0 } else { 0.5 });
                if !below.is_empty() {
                    found.iter_mut().for_each(|exact| exact.score = 0.5);
                }
                found.extend(below);
            }
            let left = if found.is_empty() { 1.0 } else { 0.0 };
            return (found, left);
        }
        let begun = if resolved.concept.is_none() { self.begun(text) } else { Vec::new() };
        if !begun.is_empty() {
            return (begun, 0.0);
        }
        let over = self.hops.as_ref().map_or(Vec::new(), |hops| hops.of_code(text));
        let over = self.weigh_over(over.first().map_or("", |o| o.hop.title), over);
        if !over.is_empty() {
            let of_map = |(concept, hop, share): (Concept<'e>, SearchHop<'e>, f32)| Match {
                matched: hop.title,
                hop: Some(hop),
                ..of(concept, CODE_ELSEWHERE * share, format!("code of {}", hop.from.system().alias()))
            };
            return (over.into_iter().map(of_map).collect(), 0.0);
        }
        match (resolved.concept.filter(|c| self.keep(c.ordinal())), slip) {
            (Some(concept), Some(r)) => {
                (vec![of(concept, REPAIRED, format!("code {}~{} ({})", r.given, r.used, r.kind.code()))], 1.0 - REPAIRED)
            }
            _ => (Vec::new(), 1.0),
        }
    }

    /// A code with its words behind it, as lists and charts have both (`I10 - hypertension`): the code, if the words lead to it too, or to
    /// what stands above or below it. Words alone may begin like a code: `P53 mutation`.
    pub(super) fn by_code_and_words(&self, text: &str) -> Option<Vec<Match<'e>>> {
        let (first, rest) = text.trim().split_once(char::is_whitespace)?;
        let code = bare(first);
        if code.len() < WHOLE_CODE || !CODE_LENGTHS.contains(&code.len()) || !code.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let concept = self.system.concept(&code.to_ascii_uppercase()).filter(|c| self.keep(c.ordinal()))?;
        let words = self.by_words(rest, 1.0);
        if !words.iter().any(|m| m.concept.is_a(concept) || concept.is_a(m.concept)) {
            return None;
        }
        let why = vec![String::from("code")];
        let mut found = vec![Match { concept, score: CODE_AND_WORDS, matched: concept.code(), why, parts: Vec::new(), hop: None }];
        let others = words.into_iter().filter(|m| m.concept != concept);
        found.extend(others.map(|m| Match { score: m.score * (1.0 - CODE_AND_WORDS), ..m }));
        Some(found)
    }

    /// While somebody types: the codes that may become of it.
    fn begun(&self, text: &str) -> Vec<Match<'e>> {
        if self.options.complete { self.beginning_with(text, None, 1.0) } else { Vec::new() }
    }

    /// The codes that begin so and may be answers, but for one, the shorter first, all as likely.
    fn beginning_with(&self, text: &str, but: Option<Concept<'e>>, certainty: f32) -> Vec<Match<'e>> {
        let printed = if self.system.form() == CodeForm::AsWritten { text.to_owned() } else { text.to_ascii_uppercase() };
        let key = if self.system.form() == CodeForm::AsWritten { printed.clone() } else { printed.replace('.', "") };
        let fits =
            |c: &Concept<'e>| Some(*c) != but && self.keep(c.ordinal()) && (!printed.contains('.') || c.code().starts_with(&printed));
        let mut codes: Vec<Concept<'e>> = self.system.with_prefix(&key).filter(fits).collect();
        codes.sort_by_key(|c| c.code().len());
        let score = certainty / codes.len().max(1) as f32;
        let why = || vec![format!("begins with {printed}")];
        let of = |concept: Concept<'e>| Match { concept, score, matched: concept.code(), why: why(), parts: Vec::new(), hop: None };
        codes.into_iter().take(self.options.limit).map(of).collect()
    }

    /// Whether it is a code no more (or not yet, by the date asked).
    fn is_gone(&self, concept: Concept<'_>) -> bool {
        match self.options.date {
            Some(date) => concept.status_on(date).is_none_or(|s| s == Status::Inactive),
            None => matches!(concept.now(), Now::Gone | Now::Unlisted),
        }
    }

    /// What took the place of a code that is none any more, else what it stood below.
    fn after(&self, gone: Concept<'e>) -> Vec<Match<'e>> {
        let of =
            |concept: Concept<'e>, score, why| Match { concept, score, matched: gone.code(), why: vec![why], parts: Vec::new(), hop: None };
        let ways = succession::successors(self.index, gone, self.options.date);
        let mut after: Vec<Concept<'e>> = ways.iter().filter_map(|way| Some(way.last()?.to)).filter(|c| self.keep(c.ordinal())).collect();
        after.sort_by_key(Concept::ordinal);
        after.dedup();
        let share = REPAIRED / after.len().max(1) as f32;
        if !after.is_empty() {
            return after.into_iter().map(|c| of(c, share, format!("took the place of {}", gone.code()))).collect();
        }
        let above = std::iter::successors(gone.parents().next(), |c| c.parents().next());
        let above = above.take(MOST_ABOVE).find(|c| self.keep(c.ordinal()) && c.now() != Now::Unlisted);
        above.map(|c| of(c, NEAR, format!("above {}, which is no code any more", gone.code()))).into_iter().collect()
    }
}

/// A code without what stands around it: `(I10)`, `I10,`; and who is about to type what stands behind the dot has typed the dot.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ",;:.()[]\"'".contains(c))
}

/// Shorter and longer texts are words.
const CODE_LENGTHS: std::ops::RangeInclusive<usize> = 2..=20;
/// Shorter ones are at most the beginning of a code.
const WHOLE_CODE: usize = 3;
/// How sure a code is whose spelling had to be mended: not so sure that it settles anything by itself. And one of another system.
const REPAIRED: f32 = 0.85;
/// How sure a code is whose words agree.
const CODE_AND_WORDS: f32 = 0.95;
const CODE_ELSEWHERE: f32 = 0.95;
/// No code stands deeper.
const MOST_ABOVE: usize = 32;
/// How sure it is that who types a code that is gone means what stood above it.
const NEAR: f32 = 0.3;
