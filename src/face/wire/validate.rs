//! The answer of `validate`.

use super::{Day, Repair, Suggestion, repairs, suggestions};
use crate::engine::Validation;
use crate::model::{Date, Status};
use serde::Serialize;

/// Whether a code may be recorded, and if not, why and what instead.
#[derive(Clone, Debug, Serialize)]
pub struct ValidateAnswer<'a> {
    pub system: &'a str,
    /// As its system prints it; as it was given, if it is no code.
    pub code: &'a str,
    pub given: &'a str,
    pub valid: bool,
    pub billable: bool,
    /// `valid`, `header`, `not-valid-on-date`, `malformed`, `unknown`, `wrong-system`.
    pub status: &'static str,
    pub display: Option<&'a str>,
    /// The time in which it is valid: the one that holds the date asked for, or the last.
    pub valid_from: Option<Day>,
    pub valid_to: Option<Day>,
    pub issues: Vec<Issue<'a>>,
    pub repairs: Vec<Repair<'a>>,
}

/// Something to know about a validated code.
#[derive(Clone, Debug, Serialize)]
pub struct Issue<'a> {
    /// `error`, `warning`, `information`.
    pub severity: &'static str,
    pub code: &'static str,
    pub message: &'a str,
    pub suggestions: Vec<Suggestion<'a>>,
}

impl<'a> ValidateAnswer<'a> {
    /// `date`: the one that was asked for.
    pub fn of(answer: &'a Validation<'_>, date: Option<Date>) -> ValidateAnswer<'a> {
        let concept = answer.concept;
        let period = concept.and_then(|c| {
            let on = |v: &crate::model::Validity| date.is_none_or(|d| v.contains(d));
            let valid = || c.validity().filter(|v| v.status == Status::Valid);
            valid().rfind(on).or_else(|| valid().next_back())
        });
        ValidateAnswer {
            system: answer.system.alias(),
            code: concept.map_or_else(|| answer.given.trim(), |c| c.code()),
            given: &answer.given,
            valid: answer.is_valid(),
            billable: concept.is_some_and(|c| c.is_valid_on(date)),
            status: answer.status.code(),
            display: concept.and_then(|c| date.and_then(|d| c.display_on(d)).or_else(|| c.display())),
            valid_from: period.and_then(|p| p.from).map(Day),
            valid_to: period.and_then(|p| p.to).map(Day),
            issues: answer
                .issues
                .iter()
                .map(|i| Issue { severity: i.severity.code(), code: i.code, message: &i.message, suggestions: suggestions(&i.suggestions) })
                .collect(),
            repairs: repairs(&answer.repairs),
        }
    }
}
