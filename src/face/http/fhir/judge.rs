//! `$validate-code`, of code systems and of value sets: every coding that was given is judged, and one answer made of that.

use super::super::reply::Failure;
use super::code::Given;
use super::sets::Set;
use super::{Context, clip, date};
use crate::engine::Validation;
use crate::face::wire::fhir::answers::{self, Spelling, Telling, Verdict};
use crate::face::wire::fhir::outcome::{Issue, Severity};
use crate::face::wire::fhir::parameters::{self, CodeableConcept, Parameters, Value};
use crate::index::Concept;
use axum::http::StatusCode;
use std::borrow::Cow;

/// Judges what was given, in a value set if there is one, and writes the answer.
pub(super) fn answer(context: &Context<'_>, given: &[Given], set: Option<&Set<'_>>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    let concept = match p.one("codeableConcept")? {
        Some(Value::CodeableConcept(concept)) => Some(concept),
        _ => None,
    };
    let asked = Asked::read(context, p, set, concept.is_some())?;
    let mut verdicts = Vec::with_capacity(given.len());
    for one in given {
        verdicts.push(asked.judge(one)?);
    }
    let Some(told) = together(verdicts, set, concept) else { return Err(Failure::invalid("there is no coding to validate")) };
    Ok(parameters::body(|out| answers::validation(&told, concept, out)))
}

/// One verdict of several: that of the first coding that is in the set, with the issues of all.
fn together<'v>(mut verdicts: Vec<Verdict<'v>>, set: Option<&Set<'_>>, concept: Option<&CodeableConcept>) -> Option<Verdict<'v>> {
    let all_outside = !verdicts.iter().any(|v| v.inside);
    let best = verdicts.iter().position(|v| v.inside && v.is_valid()).or(verdicts.iter().position(|v| v.inside)).unwrap_or(0);
    if best >= verdicts.len() {
        return None;
    }
    let mut told = verdicts.swap_remove(best);
    if set.is_none() {
        // In a code system one valid coding is enough, and the others are not asked about.
        return Some(told);
    }
    for other in verdicts {
        told.issues.extend(other.issues);
        told.unknown_system = told.unknown_system.or(other.unknown_system);
    }
    if let (Some(set), Some(_), true) = (set, concept, all_outside) {
        let what = format!("No valid coding was found for the value set '{}'", set.name());
        told.issues.insert(0, Issue::error("code-invalid", what).tx("not-in-vs").message_id("TX_GENERAL_CC_ERROR_MESSAGE"));
    }
    Some(told)
}

/// The answer to a coding that is of another code system than the one asked about.
pub(super) fn of_another_system(given: &Given, system: &str, p: &Parameters) -> Result<Vec<u8>, Failure> {
    let concept = match p.one("codeableConcept")? {
        Some(Value::CodeableConcept(concept)) => Some(concept),
        _ => None,
    };
    let coding = &given.coding;
    let what = format!("The code '{}' is one of the CodeSystem '{}', not of '{}'", clip(&coding.code), clip(&coding.system), clip(system));
    let issue = Issue::error("code-invalid", what).tx("invalid-code").at(format!("{}.system", given.path));
    let told = Verdict { code: &coding.code, system: &coding.system, issues: vec![issue], ..Verdict::default() };
    Ok(parameters::body(|out| answers::validation(&told, concept, out)))
}

/// What is the same for all codings of a request.
struct Asked<'a> {
    context: &'a Context<'a>,
    set: Option<&'a Set<'a>>,
    telling: Telling<'a>,
    language: Cow<'a, str>,
}

impl<'a> Asked<'a> {
    fn read(context: &'a Context<'a>, p: &'a Parameters, set: Option<&'a Set<'a>>, among_others: bool) -> Result<Asked<'a>, Failure> {
        let flag = |name: &str| -> Result<bool, Failure> { Ok(p.boolean(name)?.unwrap_or(false)) };
        let language = match p.text("displayLanguage")? {
            Some(language) => language,
            None => Cow::Owned(set.map(|s| s.language.clone()).filter(|l| !l.is_empty()).unwrap_or_else(|| context.language.to_owned())),
        };
        let telling = Telling {
            date: date(p, "date")?,
            lenient: flag("lenient-display-validation")?,
            abstract_allowed: flag("abstract")?,
            active_only: flag("activeOnly")?,
            membership_only: flag("valueset-membership-only")?,
            among_others: among_others && set.is_some(),
            ..Telling::default()
        };
        Ok(Asked { context, set, telling, language })
    }

    fn judge<'v>(&'v self, given: &'v Given) -> Result<Verdict<'v>, Failure> {
        let coding = &given.coding;
        let mut telling = Telling { path: &given.path, display: &coding.display, language: &self.language, ..self.telling.clone() };
        let named = match (self.set, coding.version.as_str()) {
            (Some(_), version) if !version.is_empty() => self.context.system_of_coding(&coding.system, version),
            (_, version) => self.context.system(&coding.system, Some(version)),
        };
        let mut named = match named {
            Ok(found) if !coding.system.is_empty() => found,
            Ok(_) => return Ok(self.without_system(given, &telling, None)),
            Err(failure) if failure.status == StatusCode::NOT_FOUND => return Ok(self.without_system(given, &telling, Some(failure))),
            Err(failure) => return Err(failure),
        };
        // What a value set says of the version holds for a coding that says nothing.
        let of_set = self.set.and_then(|set| set.release(named.system));
        let differs = named.release.zip(of_set).filter(|(own, set)| own.version != set.version);
        named.release = named.release.or(of_set);
        let (engine, system) = (named.engine, named.system);
        telling.date = named.on(telling.date)?;
        telling.version = named.version(telling.date);
        telling.is_by_version = named.release.is_some();
        let detail = self.context.inline.and_then(|i| i.details.system(system.uri()));
        telling.spelling = match detail {
            None => Spelling::Repaired,
            Some(detail) if detail.case_sensitive => Spelling::Exact,
            Some(_) => Spelling::AnyCase,
        };
        let found: Validation<'v> = engine.validate(system, detail.map_or(&coding.code, |d| d.spelled(&coding.code)), telling.date, None);
        telling.set = self.set.map(|set| (set.name(), found.concept.is_some_and(|c: Concept<'_>| set.has(c))));
        telling.status = match (detail, found.concept) {
            (Some(detail), Some(concept)) => detail.text(concept.code(), "status"),
            _ => "",
        };
        let mut verdict = answers::verdict(&found, &coding.code, &telling);
        if let Some((own, set)) = differs {
            let what = format!(
                "The code system '{}' version '{}' in the ValueSet include is different to the one in the value ('{}')",
                system.uri(),
                set.version,
                own.version
            );
            let at = if given.path.is_empty() { "version".to_owned() } else { format!("{}.version", given.path) };
            verdict.issues.push(Issue::error("invalid", what).tx("vs-invalid").at(at).message_id("VALUESET_VALUE_MISMATCH"));
        }
        Ok(verdict)
    }

    /// A coding whose system is not here, or is none: the code is unknown, which is an answer and no error.
    fn without_system<'v>(&self, given: &'v Given, telling: &Telling<'_>, failure: Option<Failure>) -> Verdict<'v> {
        let coding = &given.coding;
        let at = |part: &str| if given.path.is_empty() { part.to_owned() } else { format!("{}.{part}", given.path) };
        let mut verdict = Verdict { system: &coding.system, code: coding.code.trim(), ..Verdict::default() };
        let asked_for = self.set.is_some_and(|s| s.unknown.iter().any(|(system, _)| *system == coding.system));
        if let Some(set) = self.set.filter(|_| !asked_for) {
            verdict.issues.push(answers::not_in_set(&coding.system, verdict.code, telling, set.name()));
        }
        let is_set = |name: &str| self.context.inline.is_some_and(|i| i.value_sets.iter().any(|v| v["url"] == name));
        if coding.system.is_empty() {
            let what = "Coding has no system. A code with no system has no defined meaning, and it cannot be validated. A system should be provided";
            let issue = Issue::error("invalid", what).with_severity(Severity::Warning).tx("invalid-data").at(given.path.clone());
            verdict.issues.push(issue.message_id("Coding_has_no_system__cannot_validate"));
            if self.set.is_none() {
                verdict.issues.push(Issue::error("invalid", "the code cannot be validated").tx("invalid-data").at(at("system")));
            }
            return verdict;
        }
        if is_set(&coding.system) {
            let what = format!("The Coding references a value set, not a code system ('{}')", coding.system);
            let issue = Issue::error("invalid", what).tx("invalid-data").at(at("system"));
            verdict.issues.push(issue.message_id("Terminology_TX_System_ValueSet2"));
            return verdict;
        }
        let is_absolute = coding.system.contains(':');
        if !is_absolute && !given.path.is_empty() {
            let what = "Coding.system must be an absolute reference, not a local reference";
            let issue = Issue::error("invalid", what).tx("invalid-data").at(at("system"));
            verdict.issues.push(issue.message_id("Terminology_TX_System_Relative"));
        }
        for mut issue in failure.into_iter().flat_map(|f| f.issues) {
            if issue.message_id == "UNKNOWN_CODESYSTEM" {
                verdict.unknown_system = Some(if asked_for { "x-caused-by-unknown-system" } else { "x-unknown-system" });
                if self.set.is_some() && is_absolute && !asked_for {
                    // So the ecosystem has it: quoted where the value set itself names the system, else not.
                    issue.text = issue.text.replace(&format!("'{}'", coding.system), &coding.system);
                }
            }
            issue.expression = at("system");
            verdict.issues.push(issue);
        }
        verdict
    }
}
