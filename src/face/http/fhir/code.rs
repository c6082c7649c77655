//! `CodeSystem/$lookup`, `$validate-code` and `$subsumes`.

use super::super::reply::Failure;
use super::versions::Named;
use super::{Context, check_names, clip, coding, date, judge};
use crate::engine::Engine;
use crate::face::wire::fhir::answers::{self, Wanted};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::{Coding, Parameters, Value};
use crate::index::{CodeSystem, Concept};

/// A code and where it was found in the request.
pub(super) struct Given {
    pub coding: Coding,
    /// `Coding`, `CodeableConcept.coding[0]`, or nothing for a bare code.
    pub path: String,
}

/// The code system that a request is about, and its version, from whatever may name them; they must agree.
pub(super) fn named(context: &Context<'_>, p: &Parameters, instance: Option<CodeSystem<'_>>) -> Result<Option<(String, String)>, Failure> {
    let mut found = instance.map(|s| (s.uri().to_owned(), String::new()));
    for name in ["system", "url", "codeSystem"] {
        let Some(text) = p.text(name)? else { continue };
        let (uri, version) = text.split_once('|').unwrap_or((&text, ""));
        match &mut found {
            None => found = Some((uri.to_owned(), version.to_owned())),
            Some((other, _)) if !context.is_same(uri, other) => {
                let what = format!("two code systems are named, '{}' and '{}'; name one", clip(other), clip(uri));
                return Err(Failure::from(Issue::error("invalid", what).at(name)));
            }
            Some((_, other)) => agree(other, version)?,
        }
    }
    for name in ["version", "systemVersion"] {
        if let (Some((_, other)), Some(version)) = (&mut found, p.text(name)?) {
            agree(other, &version)?;
        } else if found.is_none() && p.text(name)?.is_some() {
            let what = format!("{name} needs the system that it is a version of; a Coding says its own");
            return Err(Failure::from(Issue::error("invalid", what).at(name)));
        }
    }
    Ok(found)
}

/// Takes a version that may have been said before.
fn agree(said: &mut String, version: &str) -> Result<(), Failure> {
    if said.is_empty() {
        version.clone_into(said);
    }
    if version.is_empty() || said == version {
        return Ok(());
    }
    let what = format!("versions '{}' and '{}' of one system are asked for; give one", clip(said), clip(version));
    Err(Failure::from(Issue::error("invalid", what).at("version")))
}

/// The codes that a request asks about, from the one input that it may use. `named`: the system that it names beside them.
pub(super) fn given(p: &Parameters, named: Option<&(String, String)>) -> Result<Vec<Given>, Failure> {
    let one = |coding: Coding, path: &str| Given { coding, path: path.to_owned() };
    let mut all = Vec::new();
    if let Some(code) = p.text("code")? {
        let Some((system, version)) = named.cloned() else {
            return Err(Failure::from(Issue::error("invalid", "a code needs its system").tx("invalid-data").at("system")));
        };
        let display = p.text("display")?.map(|d| d.into_owned()).unwrap_or_default();
        all.push(vec![one(Coding { system, version, code: code.into_owned(), display }, "")]);
    }
    if let Some(value) = p.one("coding")? {
        all.push(vec![one(coding(value, "coding")?, "Coding")]);
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

/// Refuses a concept of more codings than a batch may have entries.
pub(super) fn check_many(context: &Context<'_>, given: &[Given]) -> Result<(), Failure> {
    let most = context.state.limits.batch;
    if given.len() > most {
        return Err(Failure::too_costly(format!("{} codings; a CodeableConcept has at most {most}", given.len())));
    }
    Ok(())
}

/// Makes a coding one of the system that the request names; `false` if it is of another.
fn belongs(context: &Context<'_>, coding: &mut Coding, named: Option<&(String, String)>) -> Result<bool, Failure> {
    let Some((system, version)) = named else { return Ok(true) };
    if !context.is_same(&coding.system, system) {
        return Ok(false);
    }
    agree(&mut coding.version, version)?;
    Ok(true)
}

fn one_of<'g>(given: &'g [Given], what: &str) -> Result<&'g Given, Failure> {
    match given {
        [one] => Ok(one),
        _ => Err(Failure::invalid(format!("{what} takes one coding"))),
    }
}

fn system_of<'c>(context: &'c Context<'_>, coding: &Coding) -> Result<Named<'c>, Failure> {
    if coding.system.is_empty() {
        return Err(Failure::from(Issue::error("invalid", "the coding has no system").tx("invalid-data").at("Coding.system")));
    }
    context.system(&coding.system, Some(&coding.version).filter(|v| !v.is_empty()).map(String::as_str))
}

/// The concept of a code that is written as its system has it, in the release that was asked for.
fn concept<'c>(named: &Named<'c>, code: &str, at: &'static str) -> Result<Concept<'c>, Issue> {
    let found = named.engine.lookup(named.system, code, None);
    match found.concept {
        Some(concept) if found.repairs.is_empty() && named.lists(concept) => return Ok(concept),
        _ => {}
    }
    let version = named.release.map_or_else(String::new, |r| format!(" version '{}'", r.version));
    let mut what = format!("Unknown code '{}' in the CodeSystem '{}'{version}", clip(code), named.system.uri());
    match found.concept {
        Some(meant) if !found.repairs.is_empty() => what.push_str(&format!("; it is written {}", meant.code())),
        _ if found.nearest.is_empty() => {}
        _ => {
            let near: Vec<&str> = found.nearest.iter().take(5).map(|s| s.concept.code()).collect();
            what.push_str(&format!("; near to it: {}", near.join(", ")));
        }
    }
    Err(Issue::error("not-found", what).tx("invalid-code").at(at))
}

pub(super) fn lookup(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    check_names(p, &["code", "system", "version", "coding", "date", "property", "useSupplement"])?;
    let instance = instance.map(|id| context.instance_system(id)).transpose()?;
    let named = named(context, p, instance)?;
    let mut coding = one_of(&given(p, named.as_ref())?, "$lookup")?.coding.clone();
    if let (Some(instance), "") = (instance, coding.system.as_str()) {
        coding.system = instance.uri().to_owned();
    }
    if !belongs(context, &mut coding, named.as_ref())? {
        return Err(Failure::from(
            Issue::error("invalid", "the coding is of another code system than the one that is named").at("coding.system"),
        ));
    }
    let named = system_of(context, &coding)?;
    let date = named.on(date(p, "date")?)?;
    let concept = concept(&named, &coding.code, "code")?;
    let wanted = Wanted::new(p.all("property").filter_map(|v| v.text().map(|t| t.into_owned())).collect());
    let language = p.text("displayLanguage")?.unwrap_or(context.language.into());
    let detail = context.inline.and_then(|i| i.details.system(named.system.uri()));
    let own = detail.and_then(|d| Some((d.name.as_str(), d.concept(concept.code())?)));
    Ok(answers::lookup(concept, (named.version(date), date), &wanted, &language, own))
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
    let named = named(context, p, instance)?;
    let mut given = given(p, named.as_ref())?;
    check_names(p, VALIDATE)?;
    check_many(context, &given)?;
    for one in &mut given {
        if let (Some(instance), "") = (instance, one.coding.system.as_str()) {
            one.coding.system = instance.uri().to_owned();
        }
    }
    if let Some((system, _)) = &named {
        // A coding without a system stays: that it has none is told of it. One of another system is no code of this one.
        let mut own = Vec::with_capacity(given.len());
        for one in &mut given {
            own.push(one.coding.system.is_empty() || belongs(context, &mut one.coding, named.as_ref())?);
        }
        if !own.contains(&true) {
            return judge::of_another_system(&given[0], system, p);
        }
        let mut own = own.into_iter();
        given.retain(|_| own.next() == Some(true));
    }
    if given.len() > 1 {
        // Valid if one of its codings is; that one is told, or else the first.
        let valid = |g: &Given| {
            system_of(context, &g.coding).is_ok_and(|n| {
                let judged = n.engine.validate(n.system, &g.coding.code, n.day(), None);
                judged.is_valid() && judged.repairs.is_empty()
            })
        };
        let best = given.iter().position(valid).unwrap_or(0);
        given = vec![given.swap_remove(best)];
    }
    judge::answer(context, &given, None, p)
}

pub(super) fn subsumes(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    check_names(p, &["codeA", "codeB", "system", "version", "codingA", "codingB"])?;
    let instance = instance.map(|id| context.instance_system(id)).transpose()?;
    let named = named(context, p, instance)?;
    let side = |code_name: &'static str, coding_name: &'static str| -> Result<Coding, Failure> {
        let mut given = match (p.text(code_name)?, p.one(coding_name)?) {
            (Some(code), None) => {
                let needed = || Failure::from(Issue::error("invalid", "the codes need their system").at("system"));
                let (system, version) = named.clone().ok_or_else(needed)?;
                Coding { system, version, code: code.into_owned(), ..Coding::default() }
            }
            (None, Some(value)) => coding(value, coding_name)?,
            (None, None) => {
                return Err(Failure::from(Issue::error("required", format!("give {code_name} or {coding_name}")).at(code_name)));
            }
            _ => return Err(Failure::from(Issue::error("invalid", format!("give {code_name} or {coding_name}, not both")).at(code_name))),
        };
        if belongs(context, &mut given, named.as_ref())? {
            return Ok(given);
        }
        Err(Failure::from(Issue::error("invalid", "the coding is of another code system than the one that is named").at(coding_name)))
    };
    let (a, b) = (side("codeA", "codingA")?, side("codeB", "codingB")?);
    let (of_a, of_b) = (system_of(context, &a)?, system_of(context, &b)?);
    if of_a.system != of_b.system {
        return Err(Failure::from(Issue::error("not-supported", "codes of two systems: neither subsumes the other").at("codingB.system")));
    }
    // A code that is none is a question that cannot be asked here, where for `$lookup` it is the answer.
    let refused = |issue: Issue| Failure::from(Issue { code: "code-invalid", ..issue });
    let a = concept(&of_a, &a.code, "codeA").map_err(refused)?;
    let b = concept(&of_b, &b.code, "codeB").map_err(refused)?;
    Ok(answers::subsumes(Engine::subsumption(a, b)))
}
