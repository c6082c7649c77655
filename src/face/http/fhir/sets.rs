//! Value sets: whole systems and subtrees by their implicit addresses, and those that a request brings along, as far as their filters
//! ask for what the index holds (hierarchy, codes, status).
//!
//! `SYSTEM?fhir_vs` is all codes of a system, `SYSTEM?fhir_vs=isa/CODE` a subtree: the addresses that SNOMED CT has
//! ([Using SNOMED CT with FHIR](https://terminology.hl7.org/SNOMEDCT.html)), taken for every system.

use super::super::reply::Failure;
use super::Context;
use super::detail::Detail;
use crate::engine::Engine;
use crate::face::wire::fhir::outcome::Issue;
use crate::index::{CodeSystem, Concept};
use crate::model::Status;
use regex::Regex;
use serde_json::Value;

/// Value sets may import value sets so deep; a circle is deeper.
const DEEPEST: usize = 8;

/// A value set, made of parts of systems.
#[derive(Default)]
pub(super) struct Set<'c> {
    /// As it was asked for.
    pub url: String,
    /// As it came, if it was brought along.
    pub resource: Option<&'c Value>,
    /// Of displays, where the set says it.
    pub language: String,
    /// Systems that it names and that are not here.
    pub unknown: Vec<String>,
    /// Value sets that it is made of.
    pub imports: Vec<String>,
    include: Vec<Part<'c>>,
    exclude: Vec<Part<'c>>,
    pub inactive_too: bool,
}

/// Codes of one system that all its conditions hold for; or of other sets.
struct Part<'c> {
    system: Option<(&'c Engine, CodeSystem<'c>)>,
    /// Its system is not here: nothing that is here is in it.
    is_unknown: bool,
    /// Listed one by one.
    codes: Option<Vec<(String, Option<String>)>>,
    filters: Vec<Filter<'c>>,
    sets: Vec<Set<'c>>,
}

enum Filter<'c> {
    IsA(Concept<'c>),
    DescendentOf(Concept<'c>),
    ChildOf(Concept<'c>),
    Generalizes(Concept<'c>),
    IsNotA(Concept<'c>),
    Codes(Vec<String>, bool),
    Inactive(bool),
    /// The code matches, all of it.
    CodePattern(Regex),
    /// A property of a client's own system.
    Property(&'c Detail, String, Test),
    /// The code that the filter names is none: nothing fits.
    Nothing,
}

/// What a property's values have to be.
enum Test {
    /// One of these.
    Among(Vec<String>),
    NotAmong(Vec<String>),
    /// One matches, all of it.
    Pattern(Regex),
    Exists(bool),
}

impl Filter<'_> {
    fn holds(&self, concept: Concept<'_>) -> bool {
        match self {
            Filter::IsA(c) => concept.is_a(*c),
            Filter::DescendentOf(c) => concept.ordinal() != c.ordinal() && concept.is_a(*c),
            Filter::ChildOf(c) => concept.parents().any(|p| p.ordinal() == c.ordinal()),
            Filter::Generalizes(c) => c.ordinal() == concept.ordinal() || c.ancestors().any(|a| a.ordinal() == concept.ordinal()),
            Filter::IsNotA(c) => !concept.is_a(*c),
            Filter::Codes(codes, among) => codes.iter().any(|c| c == concept.code()) == *among,
            Filter::Inactive(wanted) => (concept.status() == Some(Status::Inactive)) == *wanted,
            Filter::CodePattern(pattern) => pattern.is_match(concept.code()),
            Filter::Property(detail, name, test) => {
                let mut values = detail.property(concept.code(), name);
                match test {
                    Test::Among(wanted) => values.any(|v| wanted.contains(&v)),
                    Test::NotAmong(wanted) => !values.any(|v| wanted.contains(&v)),
                    Test::Pattern(pattern) => values.any(|v| pattern.is_match(&v)),
                    Test::Exists(wanted) => values.next().is_some() == *wanted,
                }
            }
            Filter::Nothing => false,
        }
    }
}

fn not_supported(what: String) -> Failure {
    Failure::from(Issue::error("not-supported", what).tx("vs-invalid"))
}

impl<'c> Set<'c> {
    /// A value set by its address: implicit, or brought along.
    pub fn by_url(context: &'c Context<'_>, url: &str) -> Result<Set<'c>, Failure> {
        Set::find(context, url, 0)
    }

    fn find(context: &'c Context<'_>, url: &str, depth: usize) -> Result<Set<'c>, Failure> {
        let (name, version) = url.split_once('|').map_or((url, None), |(name, version)| (name, Some(version)));
        if let Some(inline) = context.inline {
            let mut given = inline.value_sets.iter().filter(|v| v["url"] == name && version.is_none_or(|w| v["version"] == w));
            if let Some(resource) = given.next() {
                return Set::of_resource(context, resource, depth);
            }
        }
        if let Some((system, rest)) = name.split_once("?fhir_vs")
            && let Ok((engine, system)) = context.system(system, None)
        {
            let filters = match rest {
                "" => Vec::new(),
                _ => {
                    let code = rest.strip_prefix("=isa/").ok_or_else(|| {
                        not_supported(format!("`?fhir_vs{rest}` is not understood; `?fhir_vs` and `?fhir_vs=isa/CODE` are"))
                    })?;
                    let concept = system.concept(code);
                    vec![Filter::IsA(concept.ok_or_else(|| Failure::not_found(format!("{code} is not a code of {}", system.alias())))?)]
                }
            };
            let part = Part { system: Some((engine, system)), is_unknown: false, codes: None, filters, sets: Vec::new() };
            let empty = Set::default();
            return Ok(Set { url: url.to_owned(), include: vec![part], ..empty });
        }
        let what = format!("A definition for the value Set '{url}' could not be found");
        Err(Failure::from(Issue::error("not-found", what).tx("not-found").message_id("Unable_to_resolve_value_Set_")))
    }

    /// A value set as a resource.
    pub fn of_resource(context: &'c Context<'_>, resource: &'c Value, depth: usize) -> Result<Set<'c>, Failure> {
        if depth > DEEPEST {
            let what = "value sets import each other too deep, or in a circle";
            return Err(Failure::from(Issue::error("processing", what).tx("vs-invalid").message_id("VALUESET_CIRCULAR_REFERENCE")));
        }
        let url = [resource["url"].as_str(), resource["version"].as_str()].into_iter().flatten().collect::<Vec<_>>().join("|");
        let (mut unknown, mut imports) = (Vec::new(), Vec::new());
        let mut parts = |key: &str| -> Result<Vec<Part<'c>>, Failure> {
            let list = resource["compose"][key].as_array().map_or(&[][..], Vec::as_slice);
            let place = |at: usize| format!("ValueSet.compose.{key}[{at}]");
            let reading = |(at, part)| Part::read(context, resource, part, &place(at), depth, (&mut unknown, &mut imports));
            list.iter().enumerate().map(reading).collect()
        };
        let (include, exclude) = (parts("include")?, parts("exclude")?);
        let inactive_too = resource["compose"]["inactive"].as_bool().unwrap_or(true);
        // The set's own expansion parameter comes before the language that it is written in.
        let stated = resource["compose"]["extension"].as_array().into_iter().flatten().find_map(|e| {
            let parts = e["extension"].as_array()?;
            let value =
                |url: &str| parts.iter().find(|p| p["url"] == url).and_then(|p| p["valueCode"].as_str().or(p["valueString"].as_str()));
            value("name").filter(|n| *n == "displayLanguage").and_then(|_| value("value"))
        });
        let language = stated.or(resource["language"].as_str()).unwrap_or("").to_owned();
        Ok(Set { url, resource: Some(resource), language, unknown, imports, include, exclude, inactive_too })
    }

    /// What to call it in a sentence.
    pub fn name(&self) -> &str {
        if self.url.is_empty() { "(unidentified)" } else { &self.url }
    }

    /// The systems that are in it, wholly or in part.
    pub fn systems(&self) -> Vec<CodeSystem<'c>> {
        let mut all = Vec::new();
        for part in &self.include {
            let inner = part.sets.iter().flat_map(Set::systems);
            for system in part.system.iter().map(|(_, s)| *s).chain(inner) {
                if !all.contains(&system) {
                    all.push(system);
                }
            }
        }
        all
    }

    /// Whether a code of a system is in it.
    pub fn has(&self, concept: Concept<'_>) -> bool {
        let inside = |parts: &[Part<'_>]| parts.iter().any(|p| p.has(concept));
        inside(&self.include)
            && !inside(&self.exclude)
            && (self.inactive_too || concept.status() != Some(Status::Inactive) || self.url.contains("?fhir_vs"))
    }

    /// Whether a system has any part in it.
    pub fn touches(&self, system: CodeSystem<'_>) -> bool {
        self.include.iter().any(|p| p.system.is_none_or(|(_, s)| s == system) || p.sets.iter().any(|s| s.touches(system)))
    }

    /// Every concept in it, in the order of its parts; `None`: more than `most`.
    pub fn concepts(&self, most: usize) -> Option<Vec<Concept<'c>>> {
        let mut all: Vec<Concept<'c>> = Vec::new();
        for part in &self.include {
            let mut add = |concept: Concept<'c>| -> bool {
                if !self.exclude.iter().any(|p| p.has(concept))
                    && (self.inactive_too || concept.status() != Some(Status::Inactive))
                    && !all.contains(&concept)
                {
                    all.push(concept);
                }
                all.len() <= most
            };
            if !part.each(most, &mut add) {
                return None;
            }
        }
        Some(all)
    }

    /// The one system and the subtree, if it is no more than that: what a text search can be bounded by.
    pub fn subtree(&self) -> Option<(&'c Engine, CodeSystem<'c>, Option<Concept<'c>>)> {
        let ([part], []) = (&self.include[..], &self.exclude[..]) else { return None };
        let ((engine, system), None, []) = (part.system?, &part.codes, &part.sets[..]) else { return None };
        match &part.filters[..] {
            [] => Some((engine, system, None)),
            [Filter::IsA(concept)] => Some((engine, system, Some(*concept))),
            _ => None,
        }
    }
}

impl<'c> Part<'c> {
    fn read(
        context: &'c Context<'_>,
        whole: &'c Value,
        part: &'c Value,
        place: &str,
        depth: usize,
        (unknown, imports): (&mut Vec<String>, &mut Vec<String>),
    ) -> Result<Part<'c>, Failure> {
        let mut system = None;
        if let Some(uri) = part["system"].as_str() {
            match context.system(uri, part["version"].as_str()) {
                Ok(found) => system = Some(found),
                Err(_) => unknown.push(uri.to_owned()),
            }
        }
        let is_unknown = system.is_none() && part["system"].is_string();
        let codes = part["concept"].as_array().map(|list| {
            let text = |c: &Value, key: &str| c[key].as_str().map(str::to_owned);
            list.iter().map(|c| (text(c, "code").unwrap_or_default(), text(c, "display"))).collect()
        });
        let mut filters = Vec::new();
        for (at, filter) in part["filter"].as_array().into_iter().flatten().enumerate() {
            match system {
                Some((_, system)) => filters.push(Filter::read(context, system, filter, &format!("{place}.filter[{at}]"))?),
                None if is_unknown => {}
                None => return Err(not_supported("a filter needs a system".into())),
            }
        }
        let mut sets = Vec::new();
        for url in part["valueSet"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let set = match url.strip_prefix('#') {
                Some(id) => {
                    let contained = whole["contained"].as_array().into_iter().flatten().find(|r| r["id"] == id);
                    let missing = || Failure::from(Issue::error("not-found", format!("the value set contains nothing with the id {id}")));
                    Set::of_resource(context, contained.ok_or_else(missing)?, depth + 1)?
                }
                None => {
                    let set = Set::find(context, url, depth + 1)?;
                    imports.push(set.url.clone());
                    set
                }
            };
            imports.extend(set.imports.iter().cloned());
            unknown.extend(set.unknown.iter().cloned());
            sets.push(set);
        }
        Ok(Part { system, is_unknown, codes, filters, sets })
    }

    fn has(&self, concept: Concept<'_>) -> bool {
        !self.is_unknown
            && self.system.is_none_or(|(_, s)| s == concept.system())
            && self.codes.as_ref().is_none_or(|codes| codes.iter().any(|(c, _)| c == concept.code()))
            && self.filters.iter().all(|f| f.holds(concept))
            && self.sets.iter().all(|s| s.has(concept))
            && (self.system.is_some() || !self.sets.is_empty())
    }

    /// Hands every concept to `add` until it says no; `false` if it did.
    fn each(&self, most: usize, add: &mut dyn FnMut(Concept<'c>) -> bool) -> bool {
        match (&self.system, &self.codes) {
            (Some((_, system)), Some(codes)) => codes.iter().filter_map(|(code, _)| system.concept(code)).filter(|c| self.has(*c)).all(add),
            (Some((_, system)), None) => system.concepts().filter(|c| c.is_listed() && self.has(*c)).all(&mut *add),
            (None, _) => {
                let Some(first) = self.sets.first() else { return true };
                let Some(concepts) = first.concepts(most) else { return false };
                concepts.into_iter().filter(|c| self.has(*c)).all(add)
            }
        }
    }
}

impl<'c> Filter<'c> {
    fn read(context: &'c Context<'_>, system: CodeSystem<'c>, filter: &Value, place: &str) -> Result<Filter<'c>, Failure> {
        let text = |key: &str| filter[key].as_str().unwrap_or("");
        let (property, op, value) = (text("property"), text("op"), text("value"));
        if value.is_empty() {
            let what = format!("The system {} filter with property = {property}, op = {op} has no value", system.uri());
            return Err(Failure::from(Issue::error("invalid", what).tx("vs-invalid").at(place)));
        }
        let pattern = || {
            // All of it has to match; time is linear in the text, and a pattern that would unfold too far is refused.
            regex::RegexBuilder::new(&format!("^(?:{value})$")).size_limit(1 << 18).build().map_err(|_| {
                Failure::from(Issue::error("invalid", "the filter's regular expression cannot be used").tx("vs-invalid").at(place))
            })
        };
        let detail = context.inline.and_then(|i| i.details.system(system.uri()));
        let of = |make: fn(Concept<'c>) -> Filter<'c>| system.concept(value).map_or(Filter::Nothing, make);
        let list = || value.split(',').map(|c| c.trim().to_owned()).collect();
        Ok(match (property, op) {
            ("concept" | "code", "is-a") => of(Filter::IsA),
            ("concept" | "code", "descendent-of") => of(Filter::DescendentOf),
            ("concept" | "code", "child-of") | ("parent", "=") => of(Filter::ChildOf),
            ("concept" | "code", "generalizes") => of(Filter::Generalizes),
            ("concept" | "code", "is-not-a") => of(Filter::IsNotA),
            ("concept" | "code", "in") => Filter::Codes(list(), true),
            ("concept" | "code", "not-in") => Filter::Codes(list(), false),
            ("concept" | "code", "=") => Filter::Codes(vec![value.to_owned()], true),
            ("concept" | "code", "regex") => Filter::CodePattern(pattern()?),
            ("inactive", "=") => Filter::Inactive(value == "true"),
            _ if detail.is_some() && matches!(op, "=" | "in" | "not-in" | "regex" | "exists") => {
                let test = match op {
                    "=" => Test::Among(vec![value.to_owned()]),
                    "in" => Test::Among(list()),
                    "not-in" => Test::NotAmong(list()),
                    "exists" => Test::Exists(value == "true"),
                    _ => Test::Pattern(pattern()?),
                };
                match detail {
                    Some(detail) => Filter::Property(detail, property.to_owned(), test),
                    None => Filter::Nothing,
                }
            }
            _ => {
                let what =
                    format!("the filter `{property} {op} {value}` asks for what is not kept here; concept, code, parent and inactive are");
                return Err(not_supported(what));
            }
        })
    }
}

/// Whether a scope, if there is one, lets a system (and a code of it) in.
pub(super) fn may_hold(scope: Option<&Set<'_>>, engine: &Engine, system: CodeSystem<'_>, code: Option<&str>) -> bool {
    let Some(scope) = scope else { return true };
    let _ = engine;
    match code {
        None => scope.touches(system),
        Some(code) => system.concept(code).is_some_and(|c| scope.has(c)),
    }
}
