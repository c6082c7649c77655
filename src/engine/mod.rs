//! Five questions and their answers: what is this code, is it valid, is it a kind of that one, what is it over there, which one did
//! they mean.
//!
//! An [`Engine`] answers from one [`Index`] and cannot write. What reviewers have decided comes in through one door, [`Overlay`].
//! The engine knows no JSON, no SQLite, no command line and no HTTP: the faces ask it and print what it says.
//!
//! "No match" is an answer. A [`Refusal`] is for questions that cannot be asked at all.

pub mod answer;
pub mod rules;

mod overlay;
pub mod search;
mod succession;
mod suggest;
mod translate;
mod validate;

pub use crate::model::rule::{Age, Facts, Sex};
pub use answer::{
    Chosen, Group, Hop, Lookup, Message, Need, Origin, Outcome, Picked, Policy, Repair, RepairKind, Scenario, Scenarios, Subsumption,
    Suggestion, SuggestionKind, Target, TargetState, Translation, Validation, ValidationIssue, ValidationStatus,
};
pub use overlay::{Decided, Decision, Overlay, Question};
pub use translate::{Asked, Translator, TranslatorOptions, Upheld, lapse, repairs_in_words};

use crate::index::{CodeSystem, Concept, ConceptMap, Index};
use crate::model::{Date, rule};
use std::sync::Arc;

/// A question that cannot be asked: the caller's mistake, said so that it can be mended. HTTP answers it with 4xx.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    #[error("no code system `{name}` in this index; it has {known}")]
    UnknownSystem { name: String, known: String },
    #[error("no map `{name}` in this index; it has {known}")]
    UnknownMap { name: String, known: String },
    #[error("the map {map} leads from {source_system} to {target_system}, not from {from} to {to}")]
    MapDoesNotFit { map: String, source_system: String, target_system: String, from: String, to: String },
    #[error("`{code}` is not a code of {system}")]
    UnknownCode { code: String, system: String },
    #[error("{0}")]
    Contradiction(String),
}

/// The day it is, by UTC.
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Answers questions from an index. Share it between threads; it has no state of its own.
#[derive(Clone)]
pub struct Engine {
    index: Arc<Index>,
    overlay: Option<Arc<dyn Overlay>>,
    beside: Option<Arc<Engine>>,
}

impl Engine {
    pub fn new(index: Arc<Index>) -> Engine {
        Engine { index, overlay: None, beside: None }
    }

    /// The same engine, with what reviewers have decided. A decision is used only under [`Policy::Decision`], and every answer that it
    /// touched says so.
    pub fn with_overlay(mut self, overlay: Arc<dyn Overlay>) -> Engine {
        self.overlay = Some(overlay);
        self
    }

    /// The same engine, for maps that came along without the code systems between which they lead: those are looked up beside.
    pub fn with_beside(mut self, other: Arc<Engine>) -> Engine {
        self.beside = Some(other);
        self
    }

    pub(crate) fn beside(&self) -> Option<&Engine> {
        self.beside.as_deref()
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// A code system by any of its names.
    pub fn system(&self, name: &str) -> Result<CodeSystem<'_>, Refusal> {
        self.index.system(name).ok_or_else(|| Refusal::UnknownSystem {
            name: name.to_owned(),
            known: self.index.systems().map(|s| s.alias().to_owned()).collect::<Vec<_>>().join(", "),
        })
    }

    /// A map by id, `id|version`, or canonical URL with or without `|version`. Without a version: the one that answers first.
    pub fn map(&self, name: &str) -> Result<ConceptMap<'_>, Refusal> {
        let (id, version) = name.split_once('|').map_or((name, None), |(id, version)| (id, Some(version)));
        self.index
            .maps()
            .filter(|m| (m.id() == id || (!m.url().is_empty() && m.url() == id)) && version.is_none_or(|v| v == m.version()))
            .max_by(|a, b| translate::by_precedence(*a, *b))
            .ok_or_else(|| Refusal::UnknownMap {
                name: name.to_owned(),
                known: self.index.maps().map(|m| format!("{}|{}", m.id(), m.version())).collect::<Vec<_>>().join(", "),
            })
    }

    /// What is this code? The code may need repair; the answer says which.
    pub fn lookup(&self, system: CodeSystem<'_>, code: &str, date: Option<Date>) -> Lookup<'_> {
        let system = self.own(system);
        let mut answer = Lookup { system, given: code.into(), concept: None, repairs: Vec::new(), nearest: Vec::new(), date };
        match system.concept_as_given(code) {
            Some((concept, is_printed)) => {
                answer.concept = Some(concept);
                if !is_printed {
                    answer.repairs.extend(suggest::dot_left_out(code, concept));
                }
            }
            None => Engine::look_closer(code, &mut answer),
        }
        answer
    }

    /// What is no code may be one after a repair, or near to some.
    #[cold]
    fn look_closer(code: &str, answer: &mut Lookup<'_>) {
        let found = suggest::resolve(answer.system, code);
        if found.concept.is_none() {
            answer.nearest = suggest::suggestions(answer.system, code, &found);
        }
        (answer.concept, answer.repairs) = (found.concept, found.repairs);
    }

    /// Is it a code, valid, on this date? And is this what it is called?
    pub fn validate(&self, system: CodeSystem<'_>, code: &str, date: Option<Date>, display: Option<&str>) -> Validation<'_> {
        validate::validate(&self.index, self.own(system), code, date, display)
    }

    /// Is A a kind of B?
    pub fn subsumes(&self, system: CodeSystem<'_>, a: &str, b: &str) -> Result<Subsumption, Refusal> {
        let system = self.own(system);
        let find = |code: &str| {
            suggest::resolve(system, code)
                .concept
                .ok_or_else(|| Refusal::UnknownCode { code: code.trim().to_owned(), system: system.alias().to_owned() })
        };
        let (a, b) = (find(a)?, find(b)?);
        Ok(Engine::subsumption(a, b))
    }

    /// The same for concepts at hand.
    pub fn subsumption(a: Concept<'_>, b: Concept<'_>) -> Subsumption {
        if a.ordinal() == b.ordinal() {
            Subsumption::Equivalent
        } else if a.is_a(b) {
            Subsumption::SubsumedBy
        } else if b.is_a(a) {
            Subsumption::Subsumes
        } else {
            Subsumption::NotSubsumed
        }
    }

    /// Prepares to translate any number of codes from one system to another.
    pub fn translator(&self, options: TranslatorOptions) -> Result<Translator<'_>, Refusal> {
        Translator::new(self, options)
    }

    /// Says of findings that no release knows, by their places, that they are no kind of anything: a rule about a kind of finding is not true
    /// because of them.
    pub fn unknown_findings(&self, facts: &Facts) -> Vec<String> {
        let Some(snomed) = self.index.system("snomed").filter(|_| !facts.findings.is_empty()) else { return Vec::new() };
        let known = |id: u64| [rule::FEMALE, rule::MALE].contains(&id) || snomed.concept(&id.to_string()).is_some_and(|c| c.is_listed());
        let unknown = facts.findings.iter().enumerate().filter(|(_, id)| !known(**id));
        let said = |at: usize| {
            format!("finding {at} is in no loaded release of SNOMED CT ({}); of no rule's finding is it a kind", snomed.version())
        };
        unknown.map(|(at, _)| said(at + 1)).collect()
    }

    pub(crate) fn overlay(&self) -> Option<&Arc<dyn Overlay>> {
        self.overlay.as_ref()
    }

    /// A system handle of this engine's own index, whatever lifetime the given one had.
    fn own(&self, system: CodeSystem<'_>) -> CodeSystem<'_> {
        self.index.system_at(system.ordinal())
    }
}
