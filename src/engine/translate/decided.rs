//! What reviewers have decided for a question.

use super::super::answer::{Group, Origin, Outcome, Picked, Policy, Scenario, Scenarios, TargetState, Translation};
use super::super::overlay;
use super::{Asked, Translator, fold, is_all_there_is, outcome, scenarios, state};
use crate::index::Concept;
use crate::model::Relationship;
use smallvec::SmallVec;

/// What became of a question to the reviewers.
pub(super) enum Decided<'e> {
    /// Nothing else is to be asked.
    Settled,
    /// The maps are to be asked; none of these is what the source means.
    Open(Vec<Concept<'e>>),
}

impl<'e> Translator<'e> {
    /// A reviewer's decision settles the question, if its codes are still there. It is taken without a person while every one of them
    /// may be recorded: on the target date, else today.
    pub(super) fn by_decision(&self, code: &str, asked: &Asked<'_>, t: &mut Translation<'e>) -> Decided<'e> {
        let question = overlay::Question {
            source_system: self.source.alias(),
            code,
            target_system: self.target.alias(),
            text: asked.text,
            facts: asked.facts,
        };
        let Some(decision) = self.engine.overlay().and_then(|o| o.decision(question)) else { return Decided::Open(Vec::new()) };
        let id = decision.id;
        let picked = |options| Some(Picked { scenario: 0, options, policy: Policy::Decision, margin: None, decision: Some(id) });
        let targets = match &decision.decided {
            overlay::Decided::NoMap => {
                t.outcome = Outcome::NoMap;
                t.message = format!("no map, by decision {id}").into();
                t.picked = picked(Vec::new());
                return Decided::Settled;
            }
            overlay::Decided::Held(why) => {
                t.message = format!("decision {id} is held back: {why}").into();
                return Decided::Open(Vec::new());
            }
            overlay::Decided::Targets(targets) => targets,
        };
        let (denials, targets): (Vec<_>, Vec<_>) =
            targets.iter().partition(|(_, relationship)| *relationship == Relationship::NotRelatedTo);
        let denied: Vec<_> = denials.iter().filter_map(|(code, _)| self.target.concept(code)).collect();
        if targets.is_empty() {
            t.message = format!("decision {id} says only what it is not").into();
            return Decided::Open(denied);
        }
        let mut groups = SmallVec::with_capacity(targets.len());
        for (code, relationship) in targets {
            let Some(concept) = self.target.concept(code) else {
                t.message = format!("decision {id} names {code}, which this index does not have; it was not used").into();
                return Decided::Open(denied);
            };
            let mut target = scenarios::target(concept, *relationship, 1, Origin::Decision(id));
            target.state = state(concept, self.options.target_date);
            groups.push(Group { options: SmallVec::from_buf([target]) });
        }
        t.scenarios = Scenarios::from_buf([Scenario { groups }]);
        fold::equals(&mut t.scenarios);
        t.outcome = outcome(&t.scenarios);
        let lapsed = t.targets().find(|o| o.state != TargetState::Valid && !is_all_there_is(o)).map(|o| (o.concept.code(), o.state));
        match lapsed {
            None => {
                t.automatic = true;
                t.picked = picked(vec![0; t.scenarios[0].groups.len()]);
            }
            Some((code, state)) => t.message = format!("decision {id} names {code}, which is {}; it was not used", state.in_words()).into(),
        }
        Decided::Settled
    }
}
