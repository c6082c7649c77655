//! What reviewers have decided for a question.

use super::super::answer::{Group, Origin, Outcome, Picked, Policy, Scenario, Scenarios, Translation};
use super::super::overlay;
use super::{Asked, Engine, Translator, fold, lapse, outcome, scenarios, state};
use crate::index::{CodeSystem, Concept};
use crate::model::{Date, Relationship};
use smallvec::SmallVec;

/// What became of a question to the reviewers.
pub(super) enum Decided<'e> {
    /// Nothing else is to be asked.
    Settled,
    /// The maps are to be asked; none of these is what the source means.
    Open(Vec<Concept<'e>>),
}

/// What a decision comes to with this index.
pub enum Upheld<'e> {
    NoMap,
    /// These codes, all together.
    Targets(Scenario<'e>),
    /// Not used: what is left of it, and why.
    Held {
        scenario: Option<Scenario<'e>>,
        denied: Vec<Concept<'e>>,
        why: String,
    },
}

impl Engine {
    /// What reviewers have decided for a question, and whether it is used: its codes are still there, and every one of them may be
    /// recorded, on the date, else today.
    pub fn reviewed(&self, question: overlay::Question<'_>, date: Option<Date>) -> Option<(i64, Upheld<'_>)> {
        let decision = self.overlay()?.decision(question)?;
        let target = self.system(question.target_system).ok()?;
        Some((decision.id, uphold(&decision, target, date)))
    }
}

impl Upheld<'_> {
    /// What its shape is called; what is not used is as if nobody had been asked.
    pub fn outcome(&self) -> Outcome {
        match self {
            Upheld::NoMap => Outcome::NoMap,
            Upheld::Targets(scenario) => outcome(std::slice::from_ref(scenario)),
            Upheld::Held { .. } => Outcome::Unmapped,
        }
    }
}

fn uphold<'e>(decision: &overlay::Decision, system: CodeSystem<'e>, date: Option<Date>) -> Upheld<'e> {
    let id = decision.id;
    let held = |denied, why| Upheld::Held { scenario: None, denied, why };
    let targets = match &decision.decided {
        overlay::Decided::NoMap => return Upheld::NoMap,
        overlay::Decided::Held(why) => return held(Vec::new(), format!("decision {id} is held back: {why}")),
        overlay::Decided::Targets(targets) => targets,
    };
    let (denials, targets): (Vec<_>, Vec<_>) = targets.iter().partition(|(_, relationship)| *relationship == Relationship::NotRelatedTo);
    let denied: Vec<_> = denials.iter().filter_map(|(code, _)| system.concept(code)).collect();
    if targets.is_empty() {
        return held(denied, format!("decision {id} says only what it is not"));
    }
    let mut groups = SmallVec::with_capacity(targets.len());
    for (code, relationship) in targets {
        let Some(concept) = system.concept(code) else {
            return held(denied, format!("decision {id} names {code}, which this index does not have; it was not used"));
        };
        let mut target = scenarios::target(concept, *relationship, 1, Origin::Decision(id));
        target.state = state(concept, date);
        groups.push(Group { options: SmallVec::from_buf([target]) });
    }
    let scenario = Scenario { groups };
    let mut chosen = scenario.groups.iter().flat_map(|g| &g.options).map(|o| o.concept);
    match chosen.find_map(|c| Some((c.code(), lapse(c, date)?))) {
        None => Upheld::Targets(scenario),
        Some((code, state)) => {
            let why = format!("decision {id} names {code}, which is {}; it was not used", state.in_words());
            Upheld::Held { scenario: Some(scenario), denied, why }
        }
    }
}

impl<'e> Translator<'e> {
    /// A reviewer's decision settles the question, if its codes are still there.
    pub(super) fn by_decision(&self, code: &str, asked: &Asked<'_>, t: &mut Translation<'e>) -> Decided<'e> {
        let question = overlay::Question {
            source_system: self.source.alias(),
            code,
            target_system: self.target.alias(),
            text: asked.text,
            facts: asked.facts,
        };
        let Some((id, upheld)) = self.engine.reviewed(question, self.options.target_date) else { return Decided::Open(Vec::new()) };
        let picked = |options| Some(Picked { scenario: 0, options, policy: Policy::Decision, margin: None, decision: Some(id) });
        let scenario = match upheld {
            Upheld::NoMap => {
                t.outcome = Outcome::NoMap;
                t.message = format!("no map, by decision {id}").into();
                t.picked = picked(Vec::new());
                return Decided::Settled;
            }
            Upheld::Held { scenario: None, denied, why } => {
                t.message = why.into();
                return Decided::Open(denied);
            }
            Upheld::Held { scenario: Some(scenario), why, .. } => {
                t.message = why.into();
                scenario
            }
            Upheld::Targets(scenario) => {
                t.automatic = true;
                scenario
            }
        };
        t.scenarios = Scenarios::from_buf([scenario]);
        fold::equals(&mut t.scenarios);
        t.outcome = outcome(&t.scenarios);
        if t.automatic {
            t.picked = picked(vec![0; t.scenarios[0].groups.len()]);
        }
        Decided::Settled
    }
}
