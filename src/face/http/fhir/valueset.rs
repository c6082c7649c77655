//! `ValueSet/$validate-code` and `$expand`.

use super::super::reply::Failure;
use super::code::{self, Given};
use super::sets::Set;
use super::{Context, check_names, clip, date, judge, number, work};
use crate::engine::search::SearchOptions;
use crate::face::wire::fhir::answers::{self, Telling, Verdict};
use crate::face::wire::fhir::expansion::{self, Marks, Property};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::{self, Parameters, Value};
use crate::face::wire::fhir::{Json, Version};
use crate::index::Concept;
use crate::model::{Date, Status};
use axum::http::StatusCode;
use std::borrow::Cow;

const VALIDATE: &[&str] = &[
    "url",
    "context",
    "valueSet",
    "valueSetVersion",
    "code",
    "system",
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
    "includeDesignations",
    "validation",
];

/// The value set that is meant: by address, by id (all codes of a system), or brought along.
fn set<'c>(context: &'c Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Set<'c>, Failure> {
    let (url, value_set) = (p.text("url")?, p.one("valueSet")?);
    if let Some(id) = instance {
        let system = context.instance_system(id)?;
        let own = format!("{}?fhir_vs", system.uri());
        if value_set.is_some() || url.is_some_and(|url| url != own) {
            return Err(two_sets());
        }
        return Set::by_url(context, &own);
    }
    if let (Some(url), Some(value_set)) = (&url, value_set)
        && value_set.text().is_none_or(|other| other != *url)
    {
        return Err(two_sets());
    }
    if let Some(url) = url {
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

fn two_sets() -> Failure {
    Failure::from(Issue::error("invalid", "two value sets are named, and they are not the same; name one").at("url"))
}

pub(super) fn validate(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    // The address is the set's here, so it says nothing about the system.
    let own = Parameters { parameter: p.parameter.iter().filter(|q| q.name != "url").cloned().collect() };
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
        _ => {
            let named = code::named(context, &own, None)?;
            let given = code::given(&own, named.as_ref())?;
            if let (Some((system, _)), Some(other)) = (&named, given.iter().find(|g| !g.path.is_empty() && !g.coding.system.is_empty()))
                && !given.iter().any(|g| context.is_same(&g.coding.system, system))
            {
                let what = "the coding is of another code system than the one that is named beside it";
                return Err(Failure::from(Issue::error("invalid", what).at(format!("{}.system", other.path))));
            }
            given
        }
    };
    check_names(p, VALIDATE)?;
    code::check_many(context, &given)?;
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
    for concept in context.engines().flat_map(|e| e.index().systems()).filter_map(|s| s.concept(code)).filter(|c| set.has(*c)) {
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

/// Bytes of what somebody types to find a code.
const LONGEST_FILTER: usize = 1_000;

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
    "excludePostCoordinated",
    "property",
];

/// Parameters that the standard has and that would change the answer, if they were heeded: `false` is what happens anyway.
const NOT_HEEDED: &[&str] = &["excludeNotForUI", "limitedExpansion"];

pub(super) fn expand(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    check_names(p, &[EXPAND, NOT_HEEDED].concat())?;
    for name in NOT_HEEDED {
        if p.boolean(name)?.unwrap_or(false) {
            return Err(Failure::from(Issue::error("not-supported", format!("{name} = true is not supported here")).at(*name)));
        }
    }
    let limits = &context.state.limits;
    let set = set(context, instance, p)?;
    if let Some((system, version)) = set.unknown.first() {
        context.system_of_set(system, Some(version))?;
    }
    let (offset, count) = (number(p, "offset")?.unwrap_or(0), number(p, "count")?);
    let active = p.boolean("activeOnly")?.unwrap_or(false);
    let language = match p.text("displayLanguage")? {
        Some(language) => language,
        None if !set.language.is_empty() => set.language.clone().into(),
        None => context.language.into(),
    };
    let date = date(p, "date")?;
    let days = set.systems().iter().map(|named| Ok((named.system, named.on(date)?))).collect::<Result<Vec<_>, Failure>>()?;
    let day = |c: &Concept<'_>| days.iter().find(|(system, _)| *system == c.system()).map_or(date, |(_, day)| *day);
    let is_out = |c: &Concept<'_>| active && answers::is_inactive(*c, day(c));
    let filter = p.text("filter")?;
    if filter.as_ref().is_some_and(|f| f.len() > LONGEST_FILTER) {
        return Err(Failure::from(Issue::error("invalid", format!("a filter has at most {LONGEST_FILTER} bytes")).at("filter")));
    }
    let costly =
        |most: usize| Failure::too_costly(format!("the expansion has more than {most} concepts; give filter, or count and offset"));
    let mut page = Page { concepts: Vec::new(), total: None, offset, is_cut: false };
    match (&filter, set.subtree()) {
        // Whole systems and subtrees are searched as the question `search` is, best first. How many there are in all is known only
        // where they are few.
        (Some(text), Some((named, under))) => {
            context.work.spend(work::SEARCH);
            context.work.check()?;
            let end = count.filter(|c| *c > 0).map_or(limits.hits, |c| offset.saturating_add(c));
            let limit = end.min(limits.hits);
            let options = SearchOptions {
                limit: limit + 1,
                date: named.on(date)?,
                billable: false,
                under: under.map(|c| c.code().to_owned()),
                complete: true,
                text_only: true,
                explain: false,
            };
            let mut found: Vec<Concept<'_>> =
                named.engine.searcher(named.system, options)?.search(text).into_iter().map(|m| m.concept).collect();
            let has_more = found.len() > limit;
            page.is_cut = has_more && (end > limit || count.is_none_or(|c| c == 0));
            if page.is_cut && offset >= limits.hits {
                return Err(Failure::too_costly(format!("a filter finds at most {} concepts; give a narrower one", limits.hits)));
            }
            found.truncate(limit);
            found.retain(|c| !is_out(c));
            page.total = (!has_more).then_some(found.len());
            page.concepts = found.into_iter().skip(offset).take(count.unwrap_or(usize::MAX)).collect();
        }
        // A page of a system needs no list of all its concepts.
        (None, Some((named, None))) if count.is_some_and(|c| c <= limits.expansion) => {
            let listed = |c: &Concept<'_>| context.work.spend(1) && c.is_listed() && named.lists(*c) && !is_out(c);
            page.total = Some(named.system.concepts().filter(listed).count());
            page.concepts = named.system.concepts().filter(listed).skip(offset).take(count.unwrap_or(0)).collect();
        }
        _ => {
            // A page may lie anywhere in a set that is large but bounded.
            let most = if count.is_some_and(|c| c <= limits.expansion) { 100 * limits.expansion } else { limits.expansion };
            let all = set.concepts(most);
            context.work.check()?;
            let mut all = all.ok_or_else(|| costly(most))?;
            if let Some(text) = &filter {
                let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
                all.retain(|c| {
                    let all: String =
                        c.designations().map(|d| d.text.to_lowercase()).chain([c.code().to_lowercase()]).collect::<Vec<_>>().join(" ");
                    words.iter().all(|w| all.contains(w.as_str()))
                });
            }
            all.retain(|c| !is_out(c));
            page.total = Some(all.len());
            page.concepts = all.into_iter().skip(offset).take(count.unwrap_or(usize::MAX)).collect();
        }
    }
    if page.concepts.len() > limits.expansion {
        return Err(costly(limits.expansion));
    }
    context.work.spend(work::WRITTEN * page.concepts.len() as u64);
    context.work.check()?;
    let telling = |c: &Concept<'_>| Telling { language: &language, date: day(c), ..Telling::default() };
    written(context, &set, p, &page, &telling)
}

/// What of a set is given out.
struct Page<'c> {
    concepts: Vec<Concept<'c>>,
    /// Of the whole set, if it is known.
    total: Option<usize>,
    offset: usize,
    /// There is more, and no page reaches it.
    is_cut: bool,
}

/// The ValueSet with its expansion.
fn written<'t>(
    context: &Context<'_>,
    set: &Set<'_>,
    p: &Parameters,
    page: &Page<'_>,
    telling: &dyn Fn(&Concept<'_>) -> Telling<'t>,
) -> Result<Vec<u8>, Failure> {
    let designations = p.boolean("includeDesignations")?.unwrap_or(false);
    let definition = p.boolean("includeDefinition")?.unwrap_or(false);
    let (date, wanted) = (date(p, "date")?, p.all("property").filter_map(Value::text).collect::<Vec<_>>());
    let mut json = Json::with_capacity(256 + 160 * page.concepts.len());
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
        if definition {
            match (set.resource, set.subtree()) {
                (Some(resource), _) => o.member("compose", &resource["compose"]),
                (None, Some((named, under))) => {
                    let mut include = serde_json::json!({"system": named.system.uri()});
                    if let Some(under) = under {
                        include["filter"] = serde_json::json!([{"property": "concept", "op": "is-a", "value": under.code()}]);
                    }
                    o.member("compose", &serde_json::json!({"include": [include]}));
                }
                (None, None) => {}
            }
        }
        o.key("expansion").object(|e| {
            if page.is_cut {
                e.key("extension").array(|a| {
                    a.object(|x| {
                        x.field("url", "http://hl7.org/fhir/StructureDefinition/valueset-toocostly");
                        x.key("valueBoolean").bool(true);
                    });
                });
            }
            e.field("identifier", &uuid);
            e.field("timestamp", &jiff::Timestamp::now().to_string());
            if let Some(total) = page.total {
                e.key("total").number(total);
            }
            if p.one("offset").is_ok_and(|o| o.is_some()) {
                e.key("offset").number(page.offset);
            }
            let mut used = Json::default();
            used.array(|a| used_parameters(a, p, set, date));
            let used = used.into_bytes();
            // FHIR knows no empty arrays.
            if used != b"[]" {
                e.key("parameter").raw(&used);
            }
            let marked: Vec<(Concept<'_>, Marks)> = page.concepts.iter().map(|c| (*c, marks(context, *c, &telling(c), &wanted))).collect();
            let mut named: Vec<&str> = marked.iter().flat_map(|(_, m)| &m.properties).map(|q| q.code.as_str()).collect();
            named.sort_unstable();
            named.dedup();
            if context.version == Version::R5 && !named.is_empty() {
                e.key("property").array(|a| {
                    for code in named {
                        a.object(|o| {
                            o.field("code", code);
                            o.field("uri", &format!("http://hl7.org/fhir/concept-properties#{code}"));
                        });
                    }
                });
            }
            if !marked.is_empty() {
                let each = |a: &mut Json| {
                    marked.iter().for_each(|(c, marks)| expansion::contains(a, context.version, *c, &telling(c), marks, designations));
                };
                e.key("contains").array(each);
            }
        });
    });
    Ok(json.into_bytes())
}

/// Which parameters and which versions of systems made the expansion.
fn used_parameters(a: &mut Json, p: &Parameters, set: &Set<'_>, date: Option<Date>) {
    for parameter in &p.parameter {
        let kind = match (&*parameter.name, &parameter.value) {
            ("filter" | "property", _) => "valueString",
            ("displayLanguage", _) => "valueCode",
            ("system-version" | "check-system-version" | "force-system-version", _) => "valueUri",
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
    for named in set.systems().into_iter().filter(|n| !n.system.uri().is_empty()) {
        let (uri, version) = (named.system.uri(), named.version(date));
        let used = if version.is_empty() { uri.to_owned() } else { format!("{uri}|{version}") };
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

/// What is told of a concept beside its code: what was asked for, and what a client's own system says beyond what an index keeps.
fn marks(context: &Context<'_>, concept: Concept<'_>, telling: &Telling<'_>, wanted: &[Cow<'_, str>]) -> Marks {
    let code = concept.code();
    let detail = context.inline.and_then(|i| i.details.system(concept.system().uri()));
    let is = |name: &str| detail.is_some_and(|d| d.is(code, name, &["true"]));
    let status = detail.map_or("", |d| d.text(code, "status"));
    let header = concept.status() == Some(Status::Header) || is("notSelectable");
    let inactive = answers::is_inactive(concept, telling.date) || is("inactive") || matches!(status, "retired" | "inactive");
    let mut properties = Vec::new();
    let mut tell = |code: &str, kind: &str, value: serde_json::Value| {
        properties.push(Property { code: code.to_owned(), kind: kind.to_owned(), value });
    };
    if !status.is_empty() {
        tell("status", "valueCode", status.into());
    }
    for name in wanted.iter().map(|w| w.as_ref()).filter(|w| *w != "status") {
        match name {
            "parent" => concept.parents().for_each(|c| tell(name, "valueCode", c.code().into())),
            "child" => concept.children().for_each(|c| tell(name, "valueCode", c.code().into())),
            "inactive" => tell(name, "valueBoolean", inactive.into()),
            "notSelectable" => tell(name, "valueBoolean", header.into()),
            _ => {
                let list = detail.and_then(|d| d.concept(code)).and_then(|c| c["property"].as_array());
                for own in list.into_iter().flatten().filter(|q| q["code"] == name) {
                    let value = own.as_object().and_then(|o| o.iter().find(|(key, _)| key.starts_with("value")));
                    if let Some((kind, value)) = value {
                        tell(name, kind, value.clone());
                    }
                }
            }
        }
    }
    Marks { header, inactive, properties }
}
