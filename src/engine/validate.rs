//! Is it a code, valid, on this date, and is this what it is called?

use super::answer::{IssueSeverity, SuggestionKind, Validation, ValidationIssue, ValidationStatus, coverage};
use super::{succession, suggest};
use crate::index::{CodeSystem, Concept, Index};
use crate::model::{Date, Status};

pub(super) fn validate<'i>(
    index: &'i Index,
    system: CodeSystem<'i>,
    given: &str,
    date: Option<Date>,
    display: Option<&str>,
) -> Validation<'i> {
    let found = suggest::resolve(system, given);
    let mut v = Validation {
        system,
        given: given.into(),
        concept: found.concept,
        status: ValidationStatus::Valid,
        repairs: found.repairs.clone(),
        issues: Vec::new(),
    };
    for r in &v.repairs {
        v.issues.push(issue(IssueSeverity::Warning, "repaired", format!("`{}` was read as `{}` ({})", r.given, r.used, r.kind.code())));
    }
    match found.concept {
        Some(concept) => of_concept(index, concept, date, display, &mut v),
        None => of_nothing(system, given, &found, &mut v),
    }
    v
}

fn issue<'i>(severity: IssueSeverity, code: &'static str, message: String) -> ValidationIssue<'i> {
    ValidationIssue { severity, code, message, suggestions: Vec::new() }
}

fn of_concept<'i>(index: &'i Index, concept: Concept<'i>, date: Option<Date>, display: Option<&str>, v: &mut Validation<'i>) {
    let (system, code) = (concept.system(), concept.code());
    if !concept.is_listed() {
        v.status = ValidationStatus::Unknown;
        let what = format!("{code} is named by a map, but no loaded release of {} lists it", system.alias());
        v.issues.push(issue(IssueSeverity::Error, "unlisted", what));
        return;
    }
    let status = concept.recordable_on(date);
    match status {
        Some(Status::Valid) => {}
        Some(Status::Header) => {
            v.status = ValidationStatus::Header;
            let mut i = issue(IssueSeverity::Error, "header", format!("{code} is a header; record one of the codes below it"));
            i.suggestions = succession::replacements(index, concept, date);
            for child in suggest::children(concept, date) {
                if !i.suggestions.iter().any(|s| s.concept == child.concept) {
                    i.suggestions.push(child);
                }
            }
            v.issues.push(i);
        }
        Some(Status::Inactive) | None => {
            v.status = ValidationStatus::NotValidOnDate;
            let on = date.map_or_else(|| format!("in {} {}", system.title(), system.version()), |d| format!("on {d}"));
            let mut i = issue(IssueSeverity::Error, "not-valid-on-date", format!("{code} is not valid {on}{}", times(concept)));
            i.suggestions = succession::replacements(index, concept, date);
            v.issues.push(i);
        }
    }
    // A code that is not valid although the first release was asked is not: it came later.
    let came_later = |date| v.status == ValidationStatus::NotValidOnDate && system.gap_on(date).is_none();
    if let Some(what) = date.filter(|date| !came_later(*date)).and_then(|date| coverage(system, date, &date.to_string())) {
        v.issues.push(issue(IssueSeverity::Information, "coverage", what));
    }
    if let Some(display) = display.filter(|d| !d.trim().is_empty())
        && !concept.designations().any(|d| same_text(d.text, display))
    {
        let what = format!("`{}` is none of the names of {code}, which is `{}`", display.trim(), concept.display().unwrap_or(""));
        v.issues.push(issue(IssueSeverity::Warning, "display", what));
    }
}

/// `: it was from 2013-10-01 to 2018-09-30`
fn times(concept: Concept<'_>) -> String {
    let mut all = String::new();
    for period in concept.validity().filter(|p| p.status == Status::Valid) {
        all.push_str(if all.is_empty() { ": it was" } else { " and" });
        if let Some(from) = period.from {
            all.push_str(&format!(" from {from}"));
        }
        if let Some(to) = period.to {
            all.push_str(&format!(" to {to}"));
        }
    }
    all
}

/// Equal but for case, blanks and punctuation.
fn same_text(a: &str, b: &str) -> bool {
    let letters = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    letters(a) == letters(b)
}

fn of_nothing<'i>(system: CodeSystem<'i>, given: &str, found: &suggest::Resolved<'i>, v: &mut Validation<'i>) {
    let (elsewhere, near): (Vec<_>, Vec<_>) =
        suggest::suggestions(system, given, found).into_iter().partition(|s| s.kind == SuggestionKind::OtherSystem);
    let code = given.trim();
    if !elsewhere.is_empty() {
        v.status = ValidationStatus::WrongSystem;
        let what = format!("`{code}` is not a code of {}{}", system.alias(), suggest::but_one_of(&elsewhere));
        v.issues.push(ValidationIssue { severity: IssueSeverity::Error, code: "wrong-system", message: what, suggestions: elsewhere });
    } else if system.form().fits(&code.replace('.', "").to_ascii_uppercase()) {
        v.status = ValidationStatus::Unknown;
        v.issues.push(issue(IssueSeverity::Error, "unknown", format!("{} has no code `{code}`", system.alias())));
    } else {
        v.status = ValidationStatus::Malformed;
        v.issues.push(issue(
            IssueSeverity::Error,
            "malformed",
            format!("`{code}` does not have the shape of a code of {}", system.alias()),
        ));
    }
    if found.rivals.len() > 1 {
        let what = format!("`{code}` can be repaired in more than one way, so it was not");
        v.issues.push(issue(IssueSeverity::Warning, "ambiguous", what));
    }
    if let Some(first) = v.issues.first_mut() {
        first.suggestions.extend(near);
    }
}
