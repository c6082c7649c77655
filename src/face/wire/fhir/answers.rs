//! The answers of `$lookup`, `$validate-code` and `$subsumes`.

use super::EXTENSION;
use super::outcome::{self, Issue, Severity};
use super::parameters::{self, CodeableConcept, Parts};
use crate::engine::{RepairKind, Subsumption, Validation, ValidationIssue, ValidationStatus};
use crate::index::{Concept, Designation};
use crate::model::{Date, DesignationUse, NoteKind, Status};
use serde_json::Value;

/// What `$lookup` is to tell: the `property` parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Empty: what is cheap and mostly wanted.
    names: Vec<String>,
}

impl Wanted {
    pub fn new(names: Vec<String>) -> Wanted {
        Wanted { names }
    }

    /// Asked for by name or by `*`, or among those that are told unasked.
    fn has(&self, name: &str, unasked: bool) -> bool {
        if self.names.is_empty() { unasked } else { self.names.iter().any(|n| n == name || n == "*") }
    }
}

/// The text to show in the first of some languages (`fr;q=0.5, de`) that it has one in, else the display.
pub fn display<'i>(concept: Concept<'i>, date: Option<Date>, language: &str) -> Option<&'i str> {
    let own = || date.map_or_else(|| concept.display(), |d| concept.display_on(d));
    if language.is_empty() {
        return own();
    }
    let default = |d: &Designation<'_>| d.language.is_empty() || d.language.starts_with("en");
    for wanted in by_preference(language) {
        if wanted == "*" || (wanted == "en" && concept.designations().any(|d| default(&d))) {
            return own();
        }
        if let Some(found) = concept.designations().find(|d| speaks(d, &wanted)) {
            return Some(found.text);
        }
    }
    own()
}

/// The languages of `fr;q=0.5, de-AT, es;q=0` without their regions, the most wanted first ([RFC 9110, 12.5.4]).
///
/// [RFC 9110, 12.5.4]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4
fn by_preference(languages: &str) -> Vec<String> {
    let mut all: Vec<(f32, String)> = languages
        .split(',')
        .take(MOST_LANGUAGES)
        .filter_map(|one| {
            let mut parts = one.split(';');
            let tag = primary(parts.next()?);
            let weight = parts.find_map(|p| p.trim().strip_prefix("q=")?.trim().parse::<f32>().ok()).unwrap_or(1.0);
            (!tag.is_empty() && weight > 0.0).then_some((weight, tag))
        })
        .collect();
    // Stable: of two that are wanted alike, the one that was named first.
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, tag)| tag).collect()
}

/// Nobody reads more languages than these.
const MOST_LANGUAGES: usize = 32;

/// The language without its region: `de` of `de-AT`.
fn primary(tag: &str) -> String {
    tag.split('-').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Listed as retired, or no longer in the newest release (on a date: not in the release of that day).
pub fn is_inactive(concept: Concept<'_>, date: Option<Date>) -> bool {
    match date {
        Some(date) => concept.status_on(date).is_none_or(|s| s == Status::Inactive),
        None => {
            concept.status() == Some(Status::Inactive)
                || (concept.is_listed() && !concept.is_valid_on(None) && concept.status() == Some(Status::Valid))
        }
    }
}

/// The Parameters of `$lookup`, by a version of the system, as of a date.
///
/// `own`: of a system that the client brought along, its name and the concept as it came.
pub fn lookup(
    concept: Concept<'_>,
    (version, date): (&str, Option<Date>),
    wanted: &Wanted,
    language: &str,
    own: Option<(&str, &Value)>,
) -> Vec<u8> {
    let system = concept.system();
    parameters::body(|p| {
        p.text("name", "valueString", own.map(|(name, _)| name).filter(|n| !n.is_empty()).unwrap_or(system.title()));
        p.text_if("version", "valueString", version);
        p.text("display", "valueString", display(concept, date, language).unwrap_or(concept.code()));
        p.text("code", "valueCode", concept.code());
        p.text_if("system", "valueUri", system.uri());
        let listed = |own: &Value, key: &str| own[key].as_array().cloned().unwrap_or_default();
        let properties = own.map(|(_, own)| listed(own, "property")).unwrap_or_default();
        let is_header = date.map_or(concept.status(), |d| concept.status_on(d)) == Some(Status::Header)
            || properties.iter().any(|q| q["code"] == "notSelectable" && q["valueBoolean"] == true);
        p.boolean("abstract", is_header);
        if wanted.has("definition", true)
            && let Some(note) = concept.notes().find(|n| n.kind == NoteKind::Note)
        {
            p.text("definition", "valueString", note.text);
        }
        if wanted.has("designation", true) {
            match own {
                Some((_, own)) => listed(own, "designation").iter().for_each(|d| own_designation(p, d)),
                None => concept.designations().for_each(|d| designation(p, &d)),
            }
        }
        if wanted.has("inactive", true) {
            property(p, "inactive", |v| v.boolean("value", is_inactive(concept, date)));
        }
        if wanted.has("parent", true) {
            concept.parents().for_each(|c| relative(p, "parent", c));
        }
        if wanted.has("child", false) {
            concept.children().for_each(|c| relative(p, "child", c));
        }
        if wanted.has("notSelectable", false) && is_header {
            property(p, "notSelectable", |v| v.boolean("value", true));
        }
        // A period without an end on either side says nothing.
        let said = |p: &crate::model::Validity| p.from.is_some() || p.to.is_some();
        for period in concept.validity().filter(|p| wanted.has("validity", false) && said(p)) {
            property(p, "validity", |v| {
                v.with("value", |o| {
                    o.key("valuePeriod").object(|o| {
                        o.field_if("start", &period.from.map(|d| d.to_string()).unwrap_or_default());
                        o.field_if("end", &period.to.map(|d| d.to_string()).unwrap_or_default());
                    });
                });
            });
        }
        for note in concept.notes().filter(|n| n.kind != NoteKind::Note && wanted.has(n.kind.code(), false)) {
            property(p, note.kind.code(), |v| v.text("value", "valueString", note.text));
        }
        const SAID: [&str; 4] = ["inactive", "parent", "child", "notSelectable"];
        for own in &properties {
            let code = own["code"].as_str().unwrap_or("");
            let value = own.as_object().and_then(|o| o.iter().find(|(key, _)| key.starts_with("value")));
            if let Some((kind, value)) = value.filter(|_| !SAID.contains(&code) && wanted.has(code, true)) {
                property(p, code, |v| v.with("value", |o| o.member(kind, value)));
            }
        }
    })
}

fn property(p: &mut Parts<'_>, code: &str, value: impl FnOnce(&mut Parts<'_>)) {
    p.part("property", |v| {
        v.text("code", "valueCode", code);
        value(v);
    });
}

fn relative(p: &mut Parts<'_>, code: &str, concept: Concept<'_>) {
    property(p, code, |v| {
        v.text("value", "valueCode", concept.code());
        v.text_if("description", "valueString", concept.display().unwrap_or(""));
    });
}

fn designation(p: &mut Parts<'_>, d: &Designation<'_>) {
    p.part("designation", |v| {
        v.text("language", "valueCode", if d.language.is_empty() { "en" } else { d.language });
        let (system, code, display) = designation_use(d.usage);
        v.with("use", |o| o.key("valueCoding").object(|c| parameters::write_coding(c, &system, code, display)));
        v.text("value", "valueString", d.text);
    });
}

/// A designation as a client's own system has it.
fn own_designation(p: &mut Parts<'_>, d: &Value) {
    p.part("designation", |v| {
        v.text_if("language", "valueCode", d["language"].as_str().unwrap_or(""));
        if d["use"].is_object() {
            v.with("use", |o| o.member("valueCoding", &d["use"]));
        }
        v.text_if("value", "valueString", d["value"].as_str().unwrap_or(""));
    });
}

/// The coding of a designation's use: the standards' own where there is one.
pub(super) fn designation_use(usage: DesignationUse) -> (std::borrow::Cow<'static, str>, &'static str, &'static str) {
    const SNOMED: &str = "http://snomed.info/sct";
    const HL7: &str = "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra";
    match usage {
        DesignationUse::FullySpecifiedName => (SNOMED.into(), "900000000000003001", "Fully specified name"),
        DesignationUse::Synonym => (SNOMED.into(), "900000000000013009", "Synonym"),
        DesignationUse::Preferred => (HL7.into(), "preferredForLanguage", "Preferred For Language"),
        other => (format!("{EXTENSION}designation-use").into(), other.code(), ""),
    }
}

/// How `$validate-code` is to be told.
#[derive(Clone, Debug, Default)]
pub struct Telling<'t> {
    /// `Coding`, `CodeableConcept.coding[0]` or nothing: where issues are.
    pub path: &'t str,
    pub display: &'t str,
    pub language: &'t str,
    /// The version of the system that answers, and a day on which it was in use if it is not the newest.
    pub version: &'t str,
    pub date: Option<Date>,
    /// That version was asked for: what it does not list is no code.
    pub is_by_version: bool,
    /// A wrong display is no error.
    pub lenient: bool,
    /// Headers are welcome.
    pub abstract_allowed: bool,
    /// Retired codes are not.
    pub active_only: bool,
    /// The value set that the code has to be in, and whether it is.
    pub set: Option<(&'t str, bool)>,
    /// Only whether it is in the set is asked.
    pub membership_only: bool,
    /// One coding of a CodeableConcept: another one may be in the set in its stead.
    pub among_others: bool,
    pub spelling: Spelling,
    /// `retired` and the like, where the system has such a property.
    pub status: &'t str,
}

/// How codes of a system may be spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// A classification's: codes are what they are (their systems count case); what was plainly meant is told, and is no valid code.
    #[default]
    Repaired,
    /// A system of the client's own: codes are what they are.
    Exact,
    /// The same, but it says of itself that case does not count.
    AnyCase,
}

/// What is to be said of one coding.
#[derive(Clone, Debug, Default)]
pub struct Verdict<'v> {
    pub system: &'v str,
    pub version: &'v str,
    pub code: &'v str,
    pub display: &'v str,
    /// As the system spells it, if that is not as given.
    pub normalized: Option<&'v str>,
    pub inactive: bool,
    pub status: &'v str,
    /// It is in the value set; without one, it is a code.
    pub inside: bool,
    /// A parameter that names the system that is not here.
    pub unknown_system: Option<&'static str>,
    pub issues: Vec<Issue>,
}

impl Verdict<'_> {
    pub fn is_valid(&self) -> bool {
        !self.issues.iter().any(|i| i.severity == Severity::Error)
    }
}

/// What the engine found, in the words of the terminology ecosystem.
pub fn verdict<'v>(v: &Validation<'v>, code: &'v str, t: &Telling<'v>) -> Verdict<'v> {
    let code = code.trim();
    let by_case_only = || v.repairs.iter().all(|r| r.kind == RepairKind::Case);
    let concept = match t.spelling {
        Spelling::Repaired => v.concept,
        Spelling::Exact => v.concept.filter(|_| v.repairs.is_empty()),
        Spelling::AnyCase => v.concept.filter(|_| by_case_only()),
    };
    let mut verdict = Verdict { system: v.system.uri(), version: t.version, code, ..Verdict::default() };
    let is_as_written = t.spelling != Spelling::Repaired || v.repairs.is_empty();
    let is_inside = concept.is_some() && t.set.is_none_or(|(_, inside)| inside && is_as_written);
    if let Some(concept) = concept {
        verdict.display = display(concept, t.date, t.language).unwrap_or("");
        verdict.normalized = Some(concept.code()).filter(|c| *c != code);
        verdict.inactive = is_inactive(concept, t.date) && concept.status() == Some(Status::Inactive);
        verdict.status = t.status;
    }
    let kept_out = t.active_only && verdict.inactive;
    verdict.inside = is_inside && !kept_out;
    let at = |part: &str| if t.path.is_empty() { part.to_owned() } else { format!("{}.{part}", t.path) };
    if let Some((set, _)) = t.set.filter(|_| !verdict.inside) {
        verdict.issues.push(not_in_set(verdict.system, code, t, set));
    }
    if kept_out {
        let what = format!("The concept '{code}' is valid but is not active");
        verdict.issues.push(Issue::error("business-rule", what).tx("code-rule").at(at("code")).message_id("STATUS_CODE_WARNING_CODE"));
    }
    if t.membership_only {
        return verdict;
    }
    match concept {
        Some(concept) => {
            found(v, concept, t, &mut verdict);
            verdict.issues.extend(wrong_display(concept, code, t));
        }
        None => unknown(v, code, t, &mut verdict),
    }
    verdict
}

/// That a code is not in a value set: an error, but for one of several codings.
pub fn not_in_set(system: &str, code: &str, t: &Telling<'_>, set: &str) -> Issue {
    let shown = if t.display.is_empty() { String::new() } else { format!(" ('{}')", t.display) };
    let what = format!("The provided code '{system}#{code}{shown}' was not found in the value set '{set}'");
    let at = if t.path.is_empty() { "code".to_owned() } else { format!("{}.code", t.path) };
    let issue = Issue::error("code-invalid", what).at(at).message_id("None_of_the_provided_codes_are_in_the_value_set_one");
    if t.among_others { issue.with_severity(Severity::Information).tx("this-code-not-in-vs") } else { issue.tx("not-in-vs") }
}

fn found(v: &Validation<'_>, concept: Concept<'_>, t: &Telling<'_>, verdict: &mut Verdict<'_>) {
    let at = |part: &str| if t.path.is_empty() { part.to_owned() } else { format!("{}.{part}", t.path) };
    if t.spelling == Spelling::AnyCase && concept.code() != verdict.code {
        let (system, right) = (v.system, concept.code());
        let what = format!(
            "The code '{}' differs from the correct code '{right}' by case. Although the code system '{}|{}' is case insensitive, \
             implementers are strongly encouraged to use the correct case anyway",
            verdict.code,
            system.uri(),
            t.version
        );
        let issue = Issue::error("business-rule", what).with_severity(Severity::Information).tx("code-rule").at(at("code"));
        verdict.issues.push(issue.message_id("CODE_CASE_DIFFERENCE"));
    }
    let (code, uri, version) = (verdict.code, v.system.uri(), t.version);
    let no_code = |why: &str| {
        let what = format!("Unknown code '{code}' in the CodeSystem '{uri}' version '{version}': {why}");
        Issue::error("code-invalid", what).tx("invalid-code").at(at("code")).message_id("Unknown_Code_in_Version")
    };
    if t.spelling == Spelling::Repaired && !v.repairs.is_empty() {
        verdict.issues.push(no_code(&format!("it is written '{}'", concept.code())));
    }
    for issue in &v.issues {
        let text = told(issue);
        verdict.issues.push(match issue.code {
            "display" => continue,
            "repaired" if t.spelling == Spelling::AnyCase => continue,
            "repaired" => Issue::error("business-rule", text).with_severity(Severity::Warning).tx("code-rule").at(at("code")),
            "coverage" => Issue::error("informational", text).with_severity(Severity::Information).tx("code-comment"),
            // Of a client's own system such a code is in the value sets that say so, and `$expand` marks it.
            "header" if t.abstract_allowed || t.spelling != Spelling::Repaired => continue,
            "header" => Issue::error("business-rule", text).tx("code-rule").at(at("code")).message_id("ABSTRACT_CODE_NOT_ALLOWED"),
            // Retired by the system's own word, without a date to ask about: a code still, whose use should be looked at.
            "not-valid-on-date" if t.date.is_none() && concept.status() == Some(Status::Inactive) => {
                let status = if matches!(t.status, "" | "inactive") { String::new() } else { format!("{} and ", t.status) };
                let what = format!("The concept '{}' has a status of {status}inactive and its use should be reviewed", verdict.code);
                Issue::error("business-rule", what)
                    .with_severity(Severity::Warning)
                    .tx("code-comment")
                    .at(t.path)
                    .message_id("INACTIVE_CONCEPT_FOUND")
            }
            "not-valid-on-date" if t.is_by_version && t.date.is_some_and(|d| concept.status_on(d).is_none()) => no_code(&text),
            "not-valid-on-date" => Issue::error("business-rule", text).tx("code-rule").at(at("code")),
            _ => Issue::error("code-invalid", text).tx("invalid-code").at(at("code")).message_id("Unknown_Code_in_Version"),
        });
    }
}

fn unknown(v: &Validation<'_>, code: &str, t: &Telling<'_>, verdict: &mut Verdict<'_>) {
    let at = || if t.path.is_empty() { "code".to_owned() } else { format!("{}.code", t.path) };
    let (uri, version) = (v.system.uri(), t.version);
    let plain = || match version {
        "" => format!("Unknown code '{code}' in the CodeSystem '{uri}'"),
        _ => format!("Unknown code '{code}' in the CodeSystem '{uri}' version '{version}'"),
    };
    for issue in &v.issues {
        let text = match t.spelling {
            Spelling::Repaired if !issue.suggestions.is_empty() || v.status != ValidationStatus::Unknown => told(issue),
            _ => plain(),
        };
        let is_side_issue = issue.code == "ambiguous";
        if is_side_issue && t.spelling == Spelling::Repaired {
            let warning = Issue::error("code-invalid", text).with_severity(Severity::Warning).tx("code-comment");
            verdict.issues.push(warning.at(at()));
        } else if !verdict.issues.iter().any(|i| i.tx == "invalid-code") {
            let error = Issue::error("code-invalid", text).tx("invalid-code");
            verdict.issues.push(error.at(at()).message_id("Unknown_Code_in_Version"));
        }
    }
}

/// The engine's words, with the codes that may have been meant.
fn told(issue: &ValidationIssue<'_>) -> String {
    let mut text = issue.message.clone();
    let near: Vec<&str> = issue.suggestions.iter().take(5).map(|s| s.concept.code()).collect();
    if !near.is_empty() {
        text.push_str(&format!(" (see {})", near.join(", ")));
    }
    text
}

/// Whether a designation is in one of the languages of `en, en-AU;q=0.4`; its own is English where it says none.
fn speaks(designation: &Designation<'_>, languages: &str) -> bool {
    let own = if designation.language.is_empty() { "en".to_owned() } else { primary(designation.language) };
    by_preference(languages).iter().any(|wanted| *wanted == own || wanted == "*")
}

/// Equal but for case and blanks.
fn same_words(a: &str, b: &str) -> bool {
    let words = |t: &str| t.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    words(a) == words(b)
}

/// A display that the code does not have, or not in the language asked for. Case does not count, everything else does.
fn wrong_display(concept: Concept<'_>, code: &str, t: &Telling<'_>) -> Option<Issue> {
    let given = t.display;
    if given.is_empty() {
        return None;
    }
    let same = |text: &str| text == given || text.to_lowercase() == given.to_lowercase();
    let right = concept.designations().any(|d| same(d.text) && (t.language.is_empty() || speaks(&d, t.language)));
    if right {
        return None;
    }
    let at = if t.path.is_empty() { "display".to_owned() } else { format!("{}.display", t.path) };
    let issue = |what: String| Issue::error("invalid", what).tx("invalid-display").at(at.clone());
    let (uri, languages) = (concept.system().uri(), if t.language.is_empty() { "--" } else { t.language });
    let default = concept.display().unwrap_or("");
    let has_language = t.language.is_empty() || concept.designations().any(|d| speaks(&d, t.language));
    let error = if has_language {
        let valid = display(concept, t.date, t.language).unwrap_or("");
        issue(format!("Wrong Display Name '{given}' for {uri}#{code}. Valid display is '{valid}' (en) (for the language(s) '{languages}')"))
            .message_id(if concept.designations().any(|d| !same(d.text) && same_words(d.text, given)) {
                "Display_Name_WS_for__should_be_one_of__instead_of"
            } else {
                "Display_Name_for__should_be_one_of__instead_of"
            })
    } else if concept.designations().any(|d| same(d.text)) {
        let what = format!(
            "There are no valid display names found for the code {uri}#{code} for language(s) '{languages}'. The display is '{given}' which \
             is a valid display for the default language"
        );
        return Some(issue(what).with_severity(Severity::Information).message_id("NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK"));
    } else {
        issue(format!(
            "Wrong Display Name '{given}' for {uri}#{code}. There are no valid display names found for language(s) '{languages}'. Default \
             display is '{default}'"
        ))
        .message_id("NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR")
    };
    Some(if t.lenient { error.with_severity(Severity::Warning) } else { error })
}

/// The Parameters of `$validate-code`: of one coding, or of a CodeableConcept with the coding that is told of.
pub fn validation(told: &Verdict<'_>, concept: Option<&CodeableConcept>, p: &mut Parts<'_>) {
    p.boolean("result", told.is_valid());
    // Of a concept none of whose codings is in the set, no coding is told of.
    if concept.is_none() || told.inside {
        p.text_if("code", "valueCode", told.code);
        p.text_if("system", "valueUri", told.system);
        p.text_if("version", "valueString", told.version);
        p.text_if("display", "valueString", told.display);
        if let Some(code) = told.normalized {
            p.text("normalized-code", "valueCode", code);
        }
        if told.inactive {
            p.boolean("inactive", true);
        }
        p.text_if("status", "valueCode", if told.inactive { told.status } else { "" });
    }
    if let Some(concept) = concept {
        p.with("codeableConcept", |o| o.key("valueCodeableConcept").object(|c| parameters::write_concept(c, concept)));
    }
    if let Some(name) = told.unknown_system {
        p.text_if(name, "valueCanonical", told.system);
    }
    if !told.issues.is_empty() {
        // What is only for information stands among the issues; but of the display it is the message.
        let counts = |i: &&Issue| i.severity != Severity::Information || i.tx == "invalid-display";
        let mut texts: Vec<&str> = told.issues.iter().filter(counts).map(|i| i.text.as_str()).collect();
        texts.dedup();
        p.text_if("message", "valueString", &texts.join("; "));
        p.resource("issues", |o| outcome::write(o, &told.issues));
    }
}

/// The Parameters of `$subsumes`.
pub fn subsumes(answer: Subsumption) -> Vec<u8> {
    parameters::body(|p| p.text("outcome", "valueCode", answer.code()))
}
