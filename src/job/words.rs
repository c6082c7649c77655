//! Words to codes: a text column without codes is searched for, and an answer is taken only if the search is sure of it and the text denies
//! or doubts nothing (`no hypokalemia`, `r/o MI`) that the concept does not.
//!
//! The default was calibrated on the development sets (benches/README.md): of titles with typing errors, of another vintage, and in
//! shorthand a score of 0.9 took 56, 72 and 66 of 100, and 99.8, 99.2 and 99.6 of 100 taken were right; of synonyms it took 34, and 83
//! of 100 were right, as Disease Ontology has it.

use super::Error;
use super::ledger::Tally;
use super::spec::CodeColumn;
use crate::engine::search::{Match, SearchOptions, Searcher, withheld};
use crate::engine::{Engine, Facts, Outcome, Policy, Question, Target, TargetState, Upheld};
use crate::model::Date;
use compact_str::{CompactString, format_compact};

/// How sure the search has to be, unless the job says otherwise.
pub(super) const SCORE: f32 = 0.9;
/// By how much the first answer has to lead.
pub(super) const MARGIN: f32 = 0.3;
/// Candidates queued with what is not taken.
const CANDIDATES: usize = 8;

pub(super) struct Words<'e> {
    engine: &'e Engine,
    searcher: Searcher<'e>,
    /// Whether reviewers' decisions are asked first.
    decides: bool,
    target_date: Option<Date>,
    facts: Facts,
    score: f32,
    margin: f32,
    strict: bool,
}

impl<'e> Words<'e> {
    pub fn new(engine: &'e Engine, spec: &CodeColumn) -> Result<Words<'e>, Error> {
        let (score, margin) = (spec.score.unwrap_or(SCORE), spec.margin.unwrap_or(MARGIN));
        let options = SearchOptions { limit: CANDIDATES, billable: true, date: spec.target_date, ..SearchOptions::default() };
        Ok(Words {
            engine,
            searcher: engine.searcher(engine.system(&spec.to)?, options)?,
            decides: spec.policy == Policy::Decision,
            target_date: spec.target_date,
            facts: Facts::default(),
            score,
            margin,
            strict: spec.strict,
        })
    }

    /// What a text is in the ledger.
    pub fn tally(&self, text: &str) -> Tally {
        let to = self.searcher.system().alias().into();
        let tally = Tally { system: "text".into(), to, code: text.trim().into(), ..Tally::default() };
        match self.reviewed(text) {
            None => self.found(text, tally),
            Some((_, Upheld::Held { why, .. })) => {
                let found = self.found(text, tally);
                if found.settled { found } else { Tally { message: why, ..found } }
            }
            Some((decision, upheld)) => decided(decision, &upheld, tally),
        }
    }

    fn reviewed(&self, text: &str) -> Option<(i64, Upheld<'_>)> {
        let target_system = self.searcher.system().alias();
        let question = Question { source_system: "text", code: "", target_system, text: Some(text), facts: &self.facts };
        self.decides.then(|| self.engine.reviewed(question, self.target_date)).flatten()
    }

    fn found(&self, text: &str, tally: Tally) -> Tally {
        let found = self.searcher.search(text);
        let second = found.get(1).map_or(0.0, |m| m.score);
        let Some(best) = found.first() else {
            return Tally { outcome: Some(Outcome::Unmapped), message: String::from("no concept has these words"), ..tally };
        };
        let withheld = withheld(text, best);
        let sure = best.score >= self.score && best.score - second >= self.margin;
        match withheld {
            None if sure && !self.strict => Tally {
                outcome: Some(Outcome::Approximate),
                settled: true,
                target: best.concept.code().into(),
                // Only codes that may be recorded are searched.
                target_state: TargetState::Valid.code().into(),
                relationship: "related-to".into(),
                map: "search".into(),
                policy: format_compact!("search {:.2}", best.score),
                ..tally
            },
            _ => {
                let (options, message) = (candidates(&found), withheld.map_or_else(String::new, |a| a.why().to_owned()));
                Tally { outcome: Some(Outcome::Choice), map: "search".into(), options, message, ..tally }
            }
        }
    }
}

/// What reviewers settled.
fn decided(decision: i64, upheld: &Upheld<'_>, tally: Tally) -> Tally {
    let targets: Vec<&Target<'_>> = match upheld {
        Upheld::Targets(scenario) => scenario.groups.iter().flat_map(|g| &g.options).collect(),
        _ => Vec::new(),
    };
    let join = |values: Vec<&str>| CompactString::from(values.join(" "));
    Tally {
        outcome: Some(upheld.outcome()),
        settled: true,
        target: join(targets.iter().map(|t| t.concept.code()).collect()),
        target_state: join(targets.iter().map(|t| t.state.code()).collect()),
        relationship: join(targets.iter().map(|t| t.relationship.code()).collect()),
        map: format_compact!("decision {decision}"),
        policy: Policy::Decision.code().into(),
        ..tally
    }
}

fn candidates(found: &[Match<'_>]) -> String {
    found.iter().map(|m| format!("{} ({:.2})", m.concept.code(), m.score)).collect::<Vec<_>>().join(" / ")
}
