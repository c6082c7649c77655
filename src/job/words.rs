//! Words to codes: a text column without codes is searched for, and an answer is taken only if the search is sure of it.
//!
//! The default was calibrated on the development sets (benches/README.md): of titles with typing errors, of another vintage, and in
//! shorthand a score of 0.9 took 56, 72 and 66 of 100, and 99.8, 99.2 and 99.6 of 100 taken were right; of synonyms it took 34, and 83
//! of 100 were right, as Disease Ontology has it.

use super::Error;
use super::ledger::Tally;
use super::spec::CodeColumn;
use crate::engine::search::{Match, SearchOptions, Searcher};
use crate::engine::{Engine, Outcome, TargetState};

/// How sure the search has to be, unless the job says otherwise.
const SCORE: f32 = 0.9;
/// By how much the first answer has to lead.
const MARGIN: f32 = 0.3;
/// Candidates queued with what is not taken.
const CANDIDATES: usize = 8;

pub(super) struct Words<'e> {
    searcher: Searcher<'e>,
    score: f32,
    margin: f32,
    strict: bool,
}

impl<'e> Words<'e> {
    pub fn new(engine: &'e Engine, spec: &CodeColumn) -> Result<Words<'e>, Error> {
        let (score, margin) = (spec.score.unwrap_or(SCORE), spec.margin.unwrap_or(MARGIN));
        let options = SearchOptions { limit: CANDIDATES, billable: true, date: spec.target_date, ..SearchOptions::default() };
        Ok(Words { searcher: engine.searcher(engine.system(&spec.to)?, options)?, score, margin, strict: spec.strict })
    }

    /// What a text is in the ledger.
    pub fn tally(&self, text: &str) -> Tally {
        let found = self.searcher.search(text);
        let second = found.get(1).map_or(0.0, |m| m.score);
        let tally = Tally { system: "text".into(), code: text.trim().into(), ..Tally::default() };
        match found.first() {
            None => Tally { outcome: Some(Outcome::Unmapped), message: String::from("no concept has these words"), ..tally },
            Some(best) if !self.strict && best.score >= self.score && best.score - second >= self.margin => Tally {
                outcome: Some(Outcome::Approximate),
                settled: true,
                target: best.concept.code().into(),
                // Only codes that may be recorded are searched.
                target_state: TargetState::Valid.code().into(),
                relationship: "related-to".into(),
                map: "search".into(),
                policy: compact_str::format_compact!("search {:.2}", best.score),
                ..tally
            },
            Some(_) => Tally { outcome: Some(Outcome::Choice), map: "search".into(), options: candidates(&found), ..tally },
        }
    }
}

fn candidates(found: &[Match<'_>]) -> String {
    found.iter().map(|m| format!("{} ({:.2})", m.concept.code(), m.score)).collect::<Vec<_>>().join(" / ")
}
