//! The answers of `$lookup`, `$validate-code` and `$subsumes`.

use super::outcome::{self, Issue, Severity};
use super::parameters::{self, Parts};
use super::{EXTENSION, Json};
use crate::engine::{Subsumption, Validation, ValidationStatus};
use crate::index::{Concept, Designation};
use crate::model::{Date, DesignationUse, NoteKind, Status};

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

/// The text to show in a language: the first designation that is in it, else the display.
pub fn display<'i>(concept: Concept<'i>, date: Option<Date>, language: &str) -> Option<&'i str> {
    let wanted = language.split(['-', ',', ';']).next().unwrap_or("");
    if !wanted.is_empty() && !wanted.eq_ignore_ascii_case("en") && wanted != "*" {
        let speaks = |d: &Designation<'_>| d.language.split('-').next().is_some_and(|l| l.eq_ignore_ascii_case(wanted));
        if let Some(found) = concept.designations().find(speaks) {
            return Some(found.text);
        }
    }
    date.map_or_else(|| concept.display(), |d| concept.display_on(d))
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

/// The Parameters of `$lookup`.
pub fn lookup(concept: Concept<'_>, date: Option<Date>, wanted: &Wanted, language: &str) -> Vec<u8> {
    let system = concept.system();
    parameters::body(|p| {
        p.text("name", "valueString", system.title());
        p.text_if("version", "valueString", system.version());
        p.text("display", "valueString", display(concept, date, language).unwrap_or(concept.code()));
        p.text("code", "valueCode", concept.code());
        p.text_if("system", "valueUri", system.uri());
        let is_header = date.map_or(concept.status(), |d| concept.status_on(d)) == Some(Status::Header);
        p.boolean("abstract", is_header);
        if wanted.has("definition", true)
            && let Some(note) = concept.notes().find(|n| n.kind == NoteKind::Note)
        {
            p.text("definition", "valueString", note.text);
        }
        if wanted.has("designation", true) {
            concept.designations().for_each(|d| designation(p, &d));
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
        for period in concept.validity().filter(|_| wanted.has("validity", false)) {
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

/// The coding of a designation's use: the standards' own where there is one.
fn designation_use(usage: DesignationUse) -> (std::borrow::Cow<'static, str>, &'static str, &'static str) {
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
    /// `Coding.`, `code` and so on: where issues are.
    pub path: &'t str,
    pub display: &'t str,
    pub language: &'t str,
    pub date: Option<Date>,
    /// A wrong display is no error.
    pub lenient: bool,
    /// Headers are welcome.
    pub abstract_allowed: bool,
    /// The value set that the code has to be in, and whether it is.
    pub set: Option<(&'t str, bool)>,
}

/// The Parameters of `$validate-code`, and whether the code is valid.
pub fn validate(v: &Validation<'_>, telling: &Telling<'_>, p: &mut Parts<'_>) -> bool {
    let issues = issues(v, telling);
    let valid = !issues.iter().any(|i| i.severity == Severity::Error);
    p.boolean("result", valid);
    let code = if v.concept.is_some() && !v.repairs.is_empty() { v.given.trim() } else { v.concept.map_or(v.given.trim(), |c| c.code()) };
    p.text_if("code", "valueCode", code);
    p.text_if("system", "valueUri", v.system.uri());
    p.text_if("version", "valueString", v.system.version());
    if let Some(concept) = v.concept {
        p.text_if("display", "valueString", display(concept, telling.date, telling.language).unwrap_or(""));
        if !v.repairs.is_empty() {
            p.text("normalized-code", "valueCode", concept.code());
        }
        if is_inactive(concept, telling.date) && concept.status() == Some(Status::Inactive) {
            p.boolean("inactive", true);
        }
    }
    if !issues.is_empty() {
        let mut texts: Vec<&str> = issues.iter().filter(|i| i.severity != Severity::Information).map(|i| i.text.as_str()).collect();
        texts.dedup();
        p.text_if("message", "valueString", &texts.join("; "));
        p.resource("issues", |o| outcome::write(o, &issues));
    }
    valid
}

/// What the engine found, in the words of the terminology ecosystem.
fn issues(v: &Validation<'_>, t: &Telling<'_>) -> Vec<Issue> {
    let at = |part: &str| if t.path.is_empty() { part.to_owned() } else { format!("{}.{part}", t.path) };
    let (uri, given) = (v.system.uri(), v.given.trim());
    let mut issues = Vec::new();
    if let Some((set, false)) = t.set {
        let shown = if t.display.is_empty() { String::new() } else { format!(" ('{}')", t.display) };
        issues.push(
            Issue::error("code-invalid", format!("The provided code '{uri}#{given}{shown}' was not found in the value set '{set}'"))
                .tx("not-in-vs")
                .at(at("code"))
                .message_id("None_of_the_provided_codes_are_in_the_value_set_one"),
        );
    }
    for issue in &v.issues {
        let mut text = issue.message.clone();
        let near: Vec<&str> = issue.suggestions.iter().take(5).map(|s| s.concept.code()).collect();
        if !near.is_empty() {
            text.push_str(&format!(" (see {})", near.join(", ")));
        }
        issues.push(match issue.code {
            "repaired" => Issue::error("business-rule", text).with_severity(Severity::Warning).tx("code-rule").at(at("code")),
            "coverage" => Issue::error("informational", text).with_severity(Severity::Information).tx("code-comment"),
            "ambiguous" => Issue::error("code-invalid", text).with_severity(Severity::Warning).tx("code-comment").at(at("code")),
            "header" if t.abstract_allowed => continue,
            "header" => Issue::error("business-rule", text).tx("code-rule").at(at("code")).message_id("ABSTRACT_CODE_NOT_ALLOWED"),
            "display" => {
                let valid = v.concept.and_then(|c| display(c, t.date, t.language)).unwrap_or("");
                let what = format!(
                    "Wrong Display Name '{}' for {uri}#{given}. Valid display is '{valid}' (en) (for the language(s) '{}')",
                    t.display,
                    if t.language.is_empty() { "--" } else { t.language }
                );
                let severity = if t.lenient { Severity::Warning } else { Severity::Error };
                Issue::error("invalid", what)
                    .with_severity(severity)
                    .tx("invalid-display")
                    .at(at("display"))
                    .message_id("Display_Name_for__should_be_one_of__instead_of")
            }
            // Retired by the system's own word, without a date to ask about: a code still, whose use should be looked at.
            "not-valid-on-date" if t.date.is_none() && v.concept.and_then(|c| c.status()) == Some(Status::Inactive) => {
                let what = format!("The concept '{given}' has a status of inactive and its use should be reviewed");
                Issue::error("business-rule", what)
                    .with_severity(Severity::Warning)
                    .tx("code-comment")
                    .at(t.path)
                    .message_id("INACTIVE_CONCEPT_FOUND")
            }
            "not-valid-on-date" => Issue::error("business-rule", text).tx("code-rule").at(at("code")),
            _ => {
                let version = v.system.version();
                let said = match v.status {
                    ValidationStatus::Unknown if !version.is_empty() && near.is_empty() && v.concept.is_none() => {
                        format!("Unknown code '{given}' in the CodeSystem '{uri}' version '{version}'")
                    }
                    _ => text,
                };
                Issue::error("code-invalid", said).tx("invalid-code").at(at("code")).message_id("Unknown_Code_in_Version")
            }
        });
    }
    issues
}

/// The Parameters of `$subsumes`.
pub fn subsumes(answer: Subsumption) -> Vec<u8> {
    parameters::body(|p| p.text("outcome", "valueCode", answer.code()))
}

/// One concept of an expansion.
pub fn contains(json: &mut Json, concept: Concept<'_>, telling: &Telling<'_>, designations: bool) {
    json.object(|o| {
        o.field_if("system", concept.system().uri());
        if concept.status() == Some(Status::Header) {
            o.key("abstract").bool(true);
        }
        if is_inactive(concept, telling.date) {
            o.key("inactive").bool(true);
        }
        o.field("code", concept.code());
        o.field_if("display", display(concept, telling.date, telling.language).unwrap_or(""));
        if designations {
            o.key("designation").array(|a| {
                for d in concept.designations() {
                    a.object(|o| {
                        o.field_if("language", if d.language.is_empty() { "en" } else { d.language });
                        let (system, code, display) = designation_use(d.usage);
                        o.key("use").object(|c| parameters::write_coding(c, &system, code, display));
                        o.field("value", d.text);
                    });
                }
            });
        }
    });
}
