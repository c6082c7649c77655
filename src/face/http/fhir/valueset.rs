//! `ValueSet/$validate-code` and `$expand`.

use super::super::reply::Failure;
use super::code::{self, Given};
use super::sets::Set;
use super::{Context, check_names, clip, date, judge, number};
use crate::engine::search::SearchOptions;
use crate::face::wire::fhir::answers::{self, Marks, Telling, Verdict};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::{self, Parameters, Value};
use crate::face::wire::fhir::{Json, Version};
use crate::index::Concept;
use axum::http::StatusCode;

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
        (None, Some(inline)) if inline.asked.is_some() => {
            let asked = inline.asked.and_then(|at| inline.value_sets.get(at));
            Set::of_resource(context, asked.ok_or_else(|| Failure::invalid("valueSet is no ValueSet"))?, 0)
        }
        _ => Err(Failure::from(Issue::error("required", "which value set? Give url, or valueSet as a resource").at("url"))),
    }
}

pub(super) fn validate(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    // The address is the set's here, so it says nothing about the system.
    let own = Parameters { parameter: p.parameter.iter().filter(|q| !matches!(q.name.as_str(), "url" | "version")).cloned().collect() };
    let infer = p.boolean("inferSystem")?.unwrap_or(false);
    let given = match (p.text("code")?, p.text("system")?) {
        (Some(code), None) if infer => {
            let set = set(context, instance, p)?;
            match infer_system(context, &set, p, &code) {
                Ok(coding) => vec![Given { coding, path: String::new() }],
                Err(issues) => {
                    let told = Verdict { code: &code, issues, ..Verdict::default() };
                    return Ok(parameters::body(|out| answers::validation(&told, None, out)));
                }
            }
        }
        _ => code::given(&own, None)?,
    };
    check_names(p, VALIDATE)?;
    let set = match set(context, instance, p) {
        Ok(set) => set,
        Err(failure) if failure.status == StatusCode::NOT_FOUND && is_brought_along(context, p) => {
            return import_missing(failure, &given, p);
        }
        Err(failure) => return Err(failure),
    };
    judge::answer(context, &given, Some(&set), p)
}

/// Whether the value set itself is at hand, so that what is missing is one that it imports.
fn is_brought_along(context: &Context<'_>, p: &Parameters) -> bool {
    let url = p.text("url").ok().flatten().or(p.text("valueSet").ok().flatten()).unwrap_or_default();
    let name = url.split('|').next().unwrap_or_default();
    context.inline.is_some_and(|i| i.value_sets.iter().any(|v| v["url"].as_str().unwrap_or("") == name))
}

/// A value set that cannot be known whole makes no code valid; which part is missing is said.
fn import_missing(failure: Failure, given: &[Given], p: &Parameters) -> Result<Vec<u8>, Failure> {
    let concept = match p.one("codeableConcept")? {
        Some(Value::CodeableConcept(concept)) => Some(concept),
        _ => None,
    };
    let first = given.first().map(|g| &g.coding);
    let told = Verdict {
        code: first.map_or("", |c| &c.code),
        system: first.map_or("", |c| &c.system),
        issues: failure.issues,
        ..Verdict::default()
    };
    Ok(parameters::body(|out| answers::validation(&told, concept, out)))
}

/// The system that a bare code must have been meant in: the only one of the set that has it.
fn infer_system(context: &Context<'_>, set: &Set<'_>, p: &Parameters, code: &str) -> Result<parameters::Coding, Vec<Issue>> {
    let mut found: Vec<Concept<'_>> = Vec::new();
    let engines = context.inline.iter().filter_map(|i| i.engine.as_ref()).chain(std::iter::once(context.engine));
    for concept in engines.flat_map(|e| e.index().systems()).filter_map(|s| s.concept(code)).filter(|c| set.has(*c)) {
        if !found.iter().any(|f| f.system().uri() == concept.system().uri()) {
            found.push(concept);
        }
    }
    if let [one] = found[..] {
        let display = p.text("display").ok().flatten().map(|d| d.into_owned()).unwrap_or_default();
        return Ok(parameters::Coding {
            system: one.system().uri().to_owned(),
            code: one.code().to_owned(),
            display,
            ..Default::default()
        });
    }
    let mut what = format!("The System URI could not be determined for the code '{}' in the ValueSet '{}'", clip(code), set.name());
    if !found.is_empty() {
        let systems: Vec<&str> = found.iter().map(|c| c.system().uri()).collect();
        what.push_str(&format!(": value set expansion has multiple matches: [{}]", systems.join(", ")));
    }
    let id = if found.is_empty() { "UNABLE_TO_INFER_CODESYSTEM" } else { "Unable_to_resolve_system__value_set_has_multiple_matches" };
    let inferred = Issue::error("not-found", what).tx("cannot-infer").at("code").message_id(id);
    Err(vec![answers::not_in_set("", &clip(code), &Telling::default(), set.name()), inferred])
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
    if let Some(system) = set.unknown.first() {
        context.system(system, None)?;
    }
    let (offset, count) = (number(p, "offset")?.unwrap_or(0), number(p, "count")?);
    let active = p.boolean("activeOnly")?.unwrap_or(false);
    let designations = p.boolean("includeDesignations")?.unwrap_or(false);
    let language = match p.text("displayLanguage")? {
        Some(language) => language,
        None if !set.language.is_empty() => set.language.clone().into(),
        None => context.language.into(),
    };
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
            let options = SearchOptions {
                limit,
                date,
                billable: false,
                under: under.map(|c| c.code().to_owned()),
                complete: true,
                text_only: true,
                explain: false,
            };
            concepts = engine.searcher(system, options)?.search(text).into_iter().map(|m| m.concept).collect();
            total = concepts.len();
        }
        // A page of a system needs no list of all its concepts.
        (None, Some((_, system, None))) if count.is_some_and(|c| c <= limits.expansion) => {
            let listed = |c: &Concept<'_>| c.is_listed() && !(active && answers::is_inactive(*c, date));
            total = system.concepts().filter(listed).count();
            concepts = system.concepts().filter(listed).skip(offset).take(count.unwrap_or(0)).collect();
            return Ok(written(
                context,
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
    Ok(written(context, &set, p, (page, total, offset), designations, &Telling { language: &language, date, ..Telling::default() }))
}

/// The ValueSet with its expansion.
fn written(
    context: &Context<'_>,
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
        // What the set says of itself, an expansion of it says too.
        let said = |name: &str| set.resource.map(|r| &r[name]).filter(|v| !v.is_null());
        for name in ["name", "title", "experimental", "date", "publisher"] {
            if let Some(value) = said(name) {
                o.member(name, value);
            }
        }
        o.field("status", said("status").and_then(|s| s.as_str()).unwrap_or("active"));
        o.key("expansion").object(|e| {
            e.field("identifier", &uuid);
            e.field("timestamp", &jiff::Timestamp::now().to_string());
            e.key("total").number(total);
            if p.one("offset").is_ok_and(|o| o.is_some()) {
                e.key("offset").number(offset);
            }
            e.key("parameter").array(|a| used_parameters(a, p, set));
            let marked: Vec<(Concept<'_>, Marks<'_>)> = page.iter().map(|c| (*c, marks(context, *c))).collect();
            if context.version == Version::R5 && marked.iter().any(|(_, m)| !m.status.is_empty()) {
                e.key("property").array(|a| {
                    a.object(|o| {
                        o.field("code", "status");
                        o.field("uri", "http://hl7.org/fhir/concept-properties#status");
                    });
                });
            }
            if !page.is_empty() {
                let each = |a: &mut Json| {
                    marked.iter().for_each(|(c, marks)| answers::contains(a, context.version, *c, telling, *marks, designations));
                };
                e.key("contains").array(each);
            }
        });
    });
    json.into_bytes()
}

/// Which parameters and which versions of systems made the expansion.
fn used_parameters(a: &mut Json, p: &Parameters, set: &Set<'_>) {
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
    for system in set.systems().into_iter().filter(|s| !s.uri().is_empty()) {
        let used = if system.version().is_empty() { system.uri().to_owned() } else { format!("{}|{}", system.uri(), system.version()) };
        a.object(|o| {
            o.field("name", "used-codesystem");
            o.field("valueUri", &used);
        });
    }
    for used in &set.imports {
        a.object(|o| {
            o.field("name", "used-valueset");
            o.field("valueUri", used);
        });
    }
}

/// What a client's own system says of a concept beyond what an index keeps.
fn marks<'c>(context: &Context<'c>, concept: Concept<'_>) -> Marks<'c> {
    let Some(detail) = context.inline.and_then(|i| i.details.system(concept.system().uri())) else { return Marks::default() };
    let code = concept.code();
    let status = detail.text(code, "status");
    Marks {
        header: detail.is(code, "notSelectable", &["true"]),
        inactive: detail.is(code, "inactive", &["true"]) || matches!(status, "retired" | "inactive"),
        status,
    }
}
