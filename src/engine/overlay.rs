//! The one door by which reviewers' decisions enter.

use crate::engine::Facts;
use crate::model::Relationship;

/// What is asked of the reviewers' decisions.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    pub source_system: &'q str,
    /// The code as its system prints it; empty for free text without a code.
    pub code: &'q str,
    pub target_system: &'q str,
    /// The record's own words, if any.
    pub text: Option<&'q str>,
    pub facts: &'q Facts,
}

/// What reviewers have decided for a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Its number in the decisions file.
    pub id: i64,
    pub decided: Decided,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// These codes, all together; the printed form or the key.
    Targets(Vec<(String, Relationship)>),
    NoMap,
    /// Not to be used with this index, and why.
    Held(String),
}

/// Reviewers' verdicts, as the engine sees them. `decisions` implements it over SQLite.
pub trait Overlay: Send + Sync {
    /// The approved decision for this question, if there is one.
    fn decision(&self, question: Question<'_>) -> Option<Decision>;
    /// What stands for everything that it would answer just now: the same as long as the answers are.
    fn digest(&self) -> String;
}
