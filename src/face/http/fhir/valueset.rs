//! `ValueSet/$validate-code` and `$expand`.

use super::super::reply::Failure;
use super::code::{self, Given};
use super::sets::Set;
use super::{Context, check_names, clip, date, number};
use crate::engine::search::SearchOptions;
use crate::face::wire::fhir::Json;
use crate::face::wire::fhir::answers::{self, Telling};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::{self, Parameters, Value};
use crate::index::Concept;

const VALIDATE: &[&str] = &[
    "url",
    "context",
    "valueSet",
    "valueSetVersion",
    "code",
    "system",
    "systemVersion",
    "version",
    "display",
    "coding",
    "codeableConcept",
    "date",
    "abstract",
    "lenient-display-validation",
    "activeOnly",
    "inferSystem",
    "valueset-membership-only",
    "includeDesignations",
    "validation",
];

/// The value set that is meant: by address, by id (all codes of a system), or brought along.
fn set<'c>(context: &'c Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Set<'c>, Failure> {
    if let Some(id) = instance {
        let system = context.instance_system(id)?;
        return Set::by_url(context, &format!("{}?fhir_vs", system.uri()));
    }
    if let Some(url) = p.text("url")? {
        return match p.text("valueSetVersion")? {
            Some(version) => Set::by_url(context, &format!("{url}|{version}")),
            None => Set::by_url(context, &url),
        };
    }
    match (p.text("valueSet")?, context.inline) {
        (Some(url), _) => Set::by_url(context, &url),
        // A value set without an address cannot be named, but if it is the only one it is meant.
        (None, Some(inline)) if p.one("valueSet")?.is_some() && inline.value_sets.len() == 1 => {
            Set::of_resource(context, &inline.value_sets[0], 0)
        }
        _ => Err(Failure::from(Issue::error("required", "which value set? Give url, or valueSet as a resource").at("url"))),
    }
}

pub(super) fn validate(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    // The address is the set's here, so it says nothing about the system.
    let own = Parameters { parameter: p.parameter.iter().filter(|q| !matches!(q.name.as_str(), "url" | "version")).cloned().collect() };
    let infer = p.boolean("inferSystem")?.unwrap_or(false);
    let given = match (p.text("code")?, p.text("system")?) {
        (Some(code), None) if infer => vec![Given { coding: infer_system(context, instance, p, &code)?, path: String::new() }],
        _ => code::given(context, &own, None)?,
    };
    check_names(p, VALIDATE)?;
    let set = set(context, instance, p)?;
    let mut told = None;
    for given in &given {
        let (valid, body) = validated(context, &set, given, p)?;
        if valid {
            return Ok(body);
        }
        told = told.or(Some(body));
    }
    told.ok_or_else(|| Failure::invalid("there is no coding to validate"))
}

fn infer_system(context: &Context<'_>, instance: Option<&str>, p: &Parameters, code: &str) -> Result<parameters::Coding, Failure> {
    let set = set(context, instance, p)?;
    let engines = || context.inline.iter().filter_map(|i| i.engine.as_ref()).chain(std::iter::once(context.engine));
    let mut found = engines().flat_map(|e| e.index().systems()).filter_map(|s| s.concept(code)).filter(|c| set.has(*c));
    match (found.next(), found.next()) {
        (Some(one), None) => {
            let display = p.text("display")?.map(|d| d.into_owned()).unwrap_or_default();
            Ok(parameters::Coding { system: one.system().uri().to_owned(), code: one.code().to_owned(), display, ..Default::default() })
        }
        (None, _) => Err(Failure::from(
            Issue::error("code-invalid", format!("no system of the value set has the code {}", clip(code))).tx("cannot-infer"),
        )),
        _ => Err(Failure::from(
            Issue::error("code-invalid", format!("several systems of the value set have the code {}", clip(code))).tx("cannot-infer"),
        )),
    }
}

fn validated(context: &Context<'_>, set: &Set<'_>, given: &Given, p: &Parameters) -> Result<(bool, Vec<u8>), Failure> {
    let coding = &given.coding;
    let (engine, system) = match context.system(&coding.system, Some(&coding.version).filter(|v| !v.is_empty()).map(String::as_str)) {
        Ok(found) => found,
        Err(failure) if failure.status == axum::http::StatusCode::NOT_FOUND => return Ok((false, code::unknown_system(&failure, coding))),
        Err(failure) => return Err(failure),
    };
    let mut telling = code::telling(p, given)?;
    let validation =
        engine.validate(system, &coding.code, telling.date, Some(&coding.display).filter(|d| !d.is_empty()).map(String::as_str));
    let inside = validation.concept.is_some_and(|c| set.has(c));
    telling.set = Some((&set.url, inside));
    let mut valid = false;
    let body = parameters::body(|out| valid = answers::validate(&validation, &telling, out));
    Ok((valid, body))
}

const EXPAND: &[&str] = &[
    "url",
    "context",
    "valueSet",
    "valueSetVersion",
    "filter",
    "date",
    "offset",
    "count",
    "includeDesignations",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "property",
    "designation",
    "limitedExpansion",
];

pub(super) fn expand(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    check_names(p, EXPAND)?;
    let limits = &context.state.limits;
    let set = set(context, instance, p)?;
    let (offset, count) = (number(p, "offset")?.unwrap_or(0), number(p, "count")?);
    let active = p.boolean("activeOnly")?.unwrap_or(false);
    let designations = p.boolean("includeDesignations")?.unwrap_or(false);
    let language = p.text("displayLanguage")?.unwrap_or_default();
    let date = date(p, "date")?;
    let filter = p.text("filter")?;
    let costly =
        |most: usize| Failure::too_costly(format!("the expansion has more than {most} concepts; give filter, or count and offset"));
    let mut concepts: Vec<Concept<'_>>;
    let total: usize;
    match (&filter, set.subtree()) {
        // Whole systems and subtrees are searched as the question `search` is, best first.
        (Some(text), Some((engine, system, under))) => {
            let limit = offset.saturating_add(count.unwrap_or(limits.hits)).min(limits.hits);
            let options = SearchOptions { limit, date, billable: false, under: under.map(|c| c.code().to_owned()), complete: true };
            concepts = engine.searcher(system, options)?.search(text).into_iter().map(|m| m.concept).collect();
            total = concepts.len();
        }
        // A page of a system needs no list of all its concepts.
        (None, Some((_, system, None))) if count.is_some_and(|c| c <= limits.expansion) => {
            let listed = |c: &Concept<'_>| c.is_listed() && !(active && answers::is_inactive(*c, date));
            total = system.concepts().filter(listed).count();
            concepts = system.concepts().filter(listed).skip(offset).take(count.unwrap_or(0)).collect();
            return Ok(written(
                &set,
                p,
                (concepts, total, offset),
                designations,
                &Telling { language: &language, date, ..Telling::default() },
            ));
        }
        _ => {
            // A page may lie anywhere in a set that is large but bounded.
            let most = if count.is_some_and(|c| c <= limits.expansion) { 100 * limits.expansion } else { limits.expansion };
            concepts = set.concepts(most).ok_or_else(|| costly(most))?;
            if let Some(text) = &filter {
                let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
                concepts.retain(|c| {
                    let all: String =
                        c.designations().map(|d| d.text.to_lowercase()).chain([c.code().to_lowercase()]).collect::<Vec<_>>().join(" ");
                    words.iter().all(|w| all.contains(w.as_str()))
                });
            }
            total = concepts.iter().filter(|c| !(active && answers::is_inactive(**c, date))).count();
        }
    }
    if active {
        concepts.retain(|c| !answers::is_inactive(*c, date));
    }
    let total = total.min(concepts.len().max(total));
    let page: Vec<_> = concepts.into_iter().skip(offset).take(count.unwrap_or(usize::MAX)).collect();
    if page.len() > limits.expansion {
        return Err(costly(limits.expansion));
    }
    Ok(written(&set, p, (page, total, offset), designations, &Telling { language: &language, date, ..Telling::default() }))
}

/// The ValueSet with its expansion.
fn written(
    set: &Set<'_>,
    p: &Parameters,
    (page, total, offset): (Vec<Concept<'_>>, usize, usize),
    designations: bool,
    telling: &Telling<'_>,
) -> Vec<u8> {
    let mut json = Json::with_capacity(256 + 160 * page.len());
    let mut random = [0u8; 16];
    // An identifier that nobody can ask for again; if there is no randomness it is merely not unique.
    let _ = rustls::crypto::ring::default_provider().secure_random.fill(&mut random);
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
    let uuid = format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    json.object(|o| {
        let (url, version) = set.url.split_once('|').unwrap_or((&set.url, ""));
        o.field("resourceType", "ValueSet");
        o.field_if("url", url);
        o.field_if("version", version);
        o.field("status", "active");
        o.key("expansion").object(|e| {
            e.field("identifier", &uuid);
            e.field("timestamp", &jiff::Timestamp::now().to_string());
            e.key("total").number(total);
            if p.one("offset").is_ok_and(|o| o.is_some()) {
                e.key("offset").number(offset);
            }
            e.key("parameter").array(|a| used_parameters(a, p, &page));
            if !page.is_empty() {
                e.key("contains").array(|a| page.iter().for_each(|c| answers::contains(a, *c, telling, designations)));
            }
        });
    });
    json.into_bytes()
}

/// Which parameters and which versions of systems made the expansion.
fn used_parameters(a: &mut Json, p: &Parameters, page: &[Concept<'_>]) {
    for parameter in &p.parameter {
        let kind = match (&*parameter.name, &parameter.value) {
            ("filter", _) => "valueString",
            ("displayLanguage", _) => "valueCode",
            ("date", _) => "valueDateTime",
            ("offset" | "count", _) => "valueInteger",
            ("activeOnly" | "excludeNested" | "includeDesignations" | "includeDefinition", _) => "valueBoolean",
            _ => continue,
        };
        let Some(text) = parameter.value.text() else { continue };
        a.object(|o| {
            o.field("name", &parameter.name);
            match (kind, &parameter.value) {
                ("valueInteger" | "valueBoolean", Value::Boolean(_) | Value::Number(_)) => o.key(kind).raw(text.as_bytes()),
                // From a query string, and already read as what it is.
                ("valueInteger", _) if text.parse::<u64>().is_ok() => o.key(kind).raw(text.as_bytes()),
                ("valueBoolean", _) if matches!(&*text, "true" | "false") => o.key(kind).raw(text.as_bytes()),
                _ => o.key(kind).string(&text),
            }
        });
    }
    let mut told: Vec<&str> = Vec::new();
    for system in page.iter().map(Concept::system).filter(|s| !s.uri().is_empty()) {
        if told.contains(&system.uri()) {
            continue;
        }
        told.push(system.uri());
        let used = if system.version().is_empty() { system.uri().to_owned() } else { format!("{}|{}", system.uri(), system.version()) };
        a.object(|o| {
            o.field("name", "used-codesystem");
            o.field("valueUri", &used);
        });
    }
}
