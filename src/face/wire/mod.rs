//! Answers as JSON: one small type per answer, by the contract of the faces (`README.md`, *JSON*).
//!
//! What is named here keeps its name; additions are free. Codes are printed in their system's own form (with the dot), dates by ISO 8601,
//! systems by alias, relationships by the codes of FHIR R5. A field that has nothing to say is `null` or empty and is left out only where
//! most answers lack it, so that a program may rely on every field of the contract.
//!
//! The types borrow from the engine's answer and live as long as it does. They are written and never read back.

mod fetch;
pub mod fhir;
mod index;
mod lookup;
pub mod review;
mod search;
mod subsumes;
mod translate;
mod validate;

pub use fetch::{FetchAnswer, FetchableRelease};
pub use index::{BuildReport, CodeReport, DiffReport, FindingReport, IndexReport, RowReport, VerifyReport};
pub use lookup::{LookupAnswer, Period};
pub use search::{SearchAnswer, SearchMatch, SuppositionWire};
pub use subsumes::{Side, SubsumesAnswer};
pub use translate::{Group, Hop, Origin, Scenario, Target, TranslateAnswer};
pub use validate::{Issue, ValidateAnswer};

use crate::engine;
use crate::index::Concept;
use crate::model::Date;
use serde::{Serialize, Serializer};

/// Writes an answer as JSON, in one line or for eyes too.
pub fn write(out: &mut impl std::io::Write, answer: &impl Serialize, pretty: bool) -> std::io::Result<()> {
    Ok(if pretty { serde_json::to_writer_pretty(out, answer) } else { serde_json::to_writer(out, answer) }?)
}

/// A date by ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub Date);

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A code and what it is called, where its system goes without saying.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CodeAndDisplay<'a> {
    pub code: &'a str,
    pub display: Option<&'a str>,
}

impl<'a> From<Concept<'a>> for CodeAndDisplay<'a> {
    fn from(concept: Concept<'a>) -> Self {
        CodeAndDisplay { code: concept.code(), display: concept.display() }
    }
}

/// How a given text was made into a code.
#[derive(Clone, Debug, Serialize)]
pub struct Repair<'a> {
    pub kind: &'static str,
    pub given: &'a str,
    pub used: &'a str,
}

pub(crate) fn repairs(repairs: &[engine::Repair]) -> Vec<Repair<'_>> {
    repairs.iter().map(|r| Repair { kind: r.kind.code(), given: &r.given, used: &r.used }).collect()
}

/// A code that may be what was meant.
#[derive(Clone, Debug, Serialize)]
pub struct Suggestion<'a> {
    pub system: &'a str,
    pub code: &'a str,
    pub display: Option<&'a str>,
    /// `nearest`, `repair`, `other-system`, `child`, `successor`, `predecessor`.
    pub kind: &'static str,
    /// Edits away, for `nearest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<u8>,
    /// When it took over, or gave way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective: Option<Day>,
}

pub(crate) fn suggestions<'a>(suggestions: &[engine::Suggestion<'a>]) -> Vec<Suggestion<'a>> {
    let of = |s: &engine::Suggestion<'a>| Suggestion {
        system: s.concept.system().alias(),
        code: s.concept.code(),
        display: s.concept.display(),
        kind: s.kind.code(),
        distance: (s.kind == engine::SuggestionKind::Nearest).then_some(s.distance),
        effective: s.effective.map(Day),
    };
    suggestions.iter().map(of).collect()
}
