//! `CodeSystem/$lookup`, `$validate-code` and `$subsumes`.

use super::super::reply::Failure;
use super::{Context, check_names, clip, coding, date, judge};
use crate::engine::Engine;
use crate::face::wire::fhir::answers::{self, Wanted};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::{Coding, Parameters, Value};
use crate::index::CodeSystem;

/// A code and where it was found in the request.
pub(super) struct Given {
    pub coding: Coding,
    /// `Coding`, `CodeableConcept.coding[0]`, or nothing for a bare code.
    pub path: String,
}

/// The codes that a request asks about, from the one input that it may use.
pub(super) fn given(p: &Parameters, instance: Option<CodeSystem<'_>>) -> Result<Vec<Given>, Failure> {
    let one = |coding: Coding, path: &str| Given { coding, path: path.to_owned() };
    let mut all = Vec::new();
    if let Some(code) = p.text("code")? {
        let own = instance.map(|s| s.uri().to_owned());
        let system = match (p.text("system")?, p.text("url")?) {
            (Some(system), _) => system.into_owned(),
            (None, Some(url)) => url.into_owned(),
            _ => match own.or(p.text("codeSystem")?.map(|c| c.into_owned())) {
                Some(system) => system,
                None => return Err(Failure::from(Issue::error("invalid", "a code needs its system").tx("invalid-data").at("system"))),
            },
        };
        let display = p.text("display")?.map(|d| d.into_owned()).unwrap_or_default();
        let version = ["version", "systemVersion"].into_iter().find_map(|n| p.text(n).transpose()).transpose()?;
        let version = version.map(|v| v.into_owned()).unwrap_or_default();
        all.push(vec![one(Coding { system, version, code: code.into_owned(), display }, "")]);
    }
    if let Some(value) = p.one("coding")? {
        let mut found = coding(value, "coding")?;
        if found.system.is_empty()
            && let Some(instance) = instance
        {
            found.system = instance.uri().to_owned();
        }
        all.push(vec![one(found, "Coding")]);
    }
    match p.one("codeableConcept")? {
        None => {}
        Some(Value::CodeableConcept(concept)) => {
            let codings = concept.coding.iter().enumerate();
            all.push(codings.map(|(i, c)| one(c.clone(), &format!("CodeableConcept.coding[{i}]"))).collect());
        }
        Some(_) => return Err(Failure::from(Issue::error("invalid", "codeableConcept must be a CodeableConcept").at("codeableConcept"))),
    }
    match all.len() {
        0 => {
            let what =
                "Unable to find code to validate (looked for coding | codeableConcept | code+system | code+inferSystem in parameters";
            Err(Failure::from(Issue::error("invalid", what)))
        }
        1 => match all.pop() {
            Some(codings) if codings.iter().all(|g| !g.coding.code.is_empty()) && !codings.is_empty() => Ok(codings),
            _ => Err(Failure::from(Issue::error("invalid", "the coding has no code").tx("invalid-data").at("Coding.code"))),
        },
        _ => Err(Failure::from(Issue::error("invalid", "give one of code, coding, codeableConcept, not several"))),
    }
}

fn one_of<'g>(given: &'g [Given], what: &str) -> Result<&'g Given, Failure> {
    match given {
        [one] => Ok(one),
        _ => Err(Failure::invalid(format!("{what} takes one coding"))),
    }
}

fn system_of<'c>(context: &'c Context<'_>, coding: &Coding) -> Result<(&'c Engine, CodeSystem<'c>), Failure> {
    if coding.system.is_empty() {
        return Err(Failure::from(Issue::error("invalid", "the coding has no system").tx("invalid-data").at("Coding.system")));
    }
    context.system(&coding.system, Some(&coding.version).filter(|v| !v.is_empty()).map(String::as_str))
}

pub(super) fn lookup(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    check_names(p, &["code", "system", "version", "coding", "date", "property", "useSupplement"])?;
    let instance = instance.map(|id| context.instance_system(id)).transpose()?;
    let given = given(p, instance)?;
    let coding = &one_of(&given, "$lookup")?.coding;
    let (engine, system) = system_of(context, coding)?;
    let date = date(p, "date")?;
    let found = engine.lookup(system, &coding.code, date);
    let Some(concept) = found.concept.filter(|_| found.repairs.is_empty()) else {
        let mut what = format!("Unknown code '{}' in the CodeSystem '{}'", clip(&coding.code), system.uri());
        match found.concept {
            Some(meant) => what.push_str(&format!("; it is written {}", meant.code())),
            None if found.nearest.is_empty() => {}
            None => {
                let near: Vec<&str> = found.nearest.iter().take(5).map(|s| s.concept.code()).collect();
                what.push_str(&format!("; near to it: {}", near.join(", ")));
            }
        }
        return Err(Failure::from(Issue::error("not-found", what).tx("invalid-code").at("code")));
    };
    let wanted = Wanted::new(p.all("property").filter_map(|v| v.text().map(|t| t.into_owned())).collect());
    let language = p.text("displayLanguage")?.unwrap_or(context.language.into());
    let detail = context.inline.and_then(|i| i.details.system(system.uri()));
    let own = detail.and_then(|d| Some((d.name.as_str(), d.concept(concept.code())?)));
    Ok(answers::lookup(concept, date, &wanted, &language, own))
}

const VALIDATE: &[&str] = &[
    "code",
    "system",
    "url",
    "codeSystem",
    "version",
    "systemVersion",
    "display",
    "coding",
    "codeableConcept",
    "date",
    "abstract",
    "lenient-display-validation",
    "activeOnly",
    "inferSystem",
    "valueset-membership-only",
    "context",
    "includeDesignations",
];

pub(super) fn validate(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    let instance = instance.map(|id| context.instance_system(id)).transpose()?;
    let mut given = given(p, instance)?;
    check_names(p, VALIDATE)?;
    if given.len() > 1 {
        // Valid if one of its codings is; that one is told, or else the first.
        let valid = |g: &Given| system_of(context, &g.coding).is_ok_and(|(e, s)| e.validate(s, &g.coding.code, None, None).is_valid());
        let best = given.iter().position(valid).unwrap_or(0);
        given = vec![given.swap_remove(best)];
    }
    judge::answer(context, &given, None, p)
}

pub(super) fn subsumes(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    check_names(p, &["codeA", "codeB", "system", "version", "codingA", "codingB"])?;
    let instance = instance.map(|id| context.instance_system(id).map(|s| s.uri().to_owned())).transpose()?;
    let side = |code_name: &str, coding_name: &str| -> Result<Coding, Failure> {
        match (p.text(code_name)?, p.one(coding_name)?) {
            (Some(code), None) => {
                let system = p.text("system")?.map(|s| s.into_owned()).or_else(|| instance.clone());
                let system = system.ok_or_else(|| Failure::from(Issue::error("invalid", "the codes need their system").at("system")))?;
                let version = p.text("version")?.map(|v| v.into_owned()).unwrap_or_default();
                Ok(Coding { system, version, code: code.into_owned(), ..Coding::default() })
            }
            (None, Some(value)) => coding(value, coding_name),
            (None, None) => Err(Failure::from(Issue::error("required", format!("give {code_name} or {coding_name}")).at(code_name))),
            _ => Err(Failure::from(Issue::error("invalid", format!("give {code_name} or {coding_name}, not both")).at(code_name))),
        }
    };
    let (a, b) = (side("codeA", "codingA")?, side("codeB", "codingB")?);
    let (engine, system) = system_of(context, &a)?;
    let (_, other) = system_of(context, &b)?;
    if system != other {
        return Err(Failure::from(Issue::error("not-supported", "codes of two systems: neither subsumes the other").at("codingB.system")));
    }
    Ok(answers::subsumes(engine.subsumes(system, &a.code, &b.code)?))
}
