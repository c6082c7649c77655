//! Value sets: whole systems and subtrees by their implicit addresses, and those that a request brings along, as far as their filters
//! ask for what the index holds (hierarchy, codes, status).
//!
//! `SYSTEM?fhir_vs` is all codes of a system, `SYSTEM?fhir_vs=isa/CODE` a subtree: the addresses that SNOMED CT has
//! ([Using SNOMED CT with FHIR](https://terminology.hl7.org/SNOMEDCT.html)), taken for every system.

use super::super::reply::Failure;
use super::Context;
use super::detail::Detail;
use super::versions::Named;
use super::work::{self, Work};
use crate::face::wire::fhir::outcome::Issue;
use crate::index::{CodeSystem, Concept, ReleaseMeta};
use crate::model::Status;
use axum::http::StatusCode;
use hashbrown::HashSet;
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
    /// Systems that it names and that are not here, each with the version it says.
    pub unknown: Vec<(String, String)>,
    /// Value sets that it is made of.
    pub imports: Vec<String>,
    include: Vec<Part<'c>>,
    exclude: Vec<Part<'c>>,
    pub inactive_too: bool,
}

/// Codes of one system that all its conditions hold for; or of other sets.
struct Part<'c> {
    system: Option<Named<'c>>,
    /// Its system is not here: nothing that is here is in it.
    is_unknown: bool,
    codes: Option<Listed<'c>>,
    filters: Vec<Filter<'c>>,
    sets: Vec<Set<'c>>,
    work: &'c Work,
}

/// Codes one by one, in their order.
struct Listed<'c> {
    order: Vec<&'c str>,
    all: HashSet<&'c str>,
}

enum Filter<'c> {
    IsA(Concept<'c>),
    DescendentOf(Concept<'c>),
    ChildOf(Concept<'c>),
    Generalizes(Concept<'c>),
    IsNotA(Concept<'c>),
    Codes(HashSet<String>, bool),
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
    Among(HashSet<String>),
    NotAmong(HashSet<String>),
    /// One matches, all of it.
    Pattern(Regex),
    Exists(bool),
}

impl Filter<'_> {
    /// What it costs to ask it, in looks.
    fn cost(&self, concept: Concept<'_>) -> u64 {
        match self {
            Filter::Property(detail, ..) => {
                1 + detail.concept(concept.code()).and_then(|c| c["property"].as_array()).map_or(0, Vec::len) as u64
            }
            _ => 1,
        }
    }

    fn holds(&self, concept: Concept<'_>) -> bool {
        match self {
            Filter::IsA(c) => concept.is_a(*c),
            Filter::DescendentOf(c) => concept.ordinal() != c.ordinal() && concept.is_a(*c),
            Filter::ChildOf(c) => concept.parents().any(|p| p.ordinal() == c.ordinal()),
            Filter::Generalizes(c) => c.ordinal() == concept.ordinal() || c.ancestors().any(|a| a.ordinal() == concept.ordinal()),
            Filter::IsNotA(c) => !concept.is_a(*c),
            Filter::Codes(codes, among) => codes.contains(concept.code()) == *among,
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
            && context.system(system, None).is_ok()
        {
            // Its version is the system's.
            let named = context.system_of_set(system, version)?;
            let system = named.system;
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
            let part = Part { system: Some(named), is_unknown: false, codes: None, filters, sets: Vec::new(), work: context.work };
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
        context.work.spend(work::SET);
        context.work.check()?;
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
    pub fn systems(&self) -> Vec<Named<'c>> {
        let mut all: Vec<Named<'c>> = Vec::new();
        for part in &self.include {
            let inner = part.sets.iter().flat_map(Set::systems);
            for named in part.system.into_iter().chain(inner) {
                if !all.iter().any(|n| n.system == named.system && n.version(None) == named.version(None)) {
                    all.push(named);
                }
            }
        }
        all
    }

    /// The release of a system that it is made of, if it says one.
    pub fn release(&self, system: CodeSystem<'_>) -> Option<&'c ReleaseMeta> {
        let own = |part: &Part<'c>| part.system.filter(|n| n.system == system)?.release;
        self.include.iter().find_map(|part| own(part).or_else(|| part.sets.iter().find_map(|set| set.release(system))))
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
        self.include.iter().any(|p| p.system.is_none_or(|n| n.system == system) || p.sets.iter().any(|s| s.touches(system)))
    }

    /// Every concept in it, in the order of its parts; `None`: more than `most`, or more work than there may be.
    pub fn concepts(&self, most: usize) -> Option<Vec<Concept<'c>>> {
        let mut all: Vec<Concept<'c>> = Vec::new();
        let mut seen = HashSet::new();
        let key = |c: Concept<'c>| (std::ptr::from_ref(c.system().index()), c.system().ordinal(), c.ordinal());
        for part in &self.include {
            let mut add = |concept: Concept<'c>| -> bool {
                if !self.exclude.iter().any(|p| p.has(concept))
                    && (self.inactive_too || concept.status() != Some(Status::Inactive))
                    && seen.insert(key(concept))
                {
                    all.push(concept);
                }
                all.len() <= most && part.work.spend(1)
            };
            if !part.each(most, &mut add) {
                return None;
            }
        }
        Some(all)
    }

    /// The one system and the subtree, if it is no more than that: what a text search can be bounded by.
    pub fn subtree(&self) -> Option<(Named<'c>, Option<Concept<'c>>)> {
        let ([part], []) = (&self.include[..], &self.exclude[..]) else { return None };
        let (named, None, []) = (part.system?, &part.codes, &part.sets[..]) else { return None };
        match &part.filters[..] {
            [] => Some((named, None)),
            [Filter::IsA(concept)] => Some((named, Some(*concept))),
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
        (unknown, imports): (&mut Vec<(String, String)>, &mut Vec<String>),
    ) -> Result<Part<'c>, Failure> {
        let mut system = None;
        if let Some(uri) = part["system"].as_str() {
            match context.system_of_set(uri, part["version"].as_str()) {
                Ok(found) => system = Some(found),
                Err(failure) if failure.status == StatusCode::NOT_FOUND => {
                    unknown.push((uri.to_owned(), part["version"].as_str().unwrap_or_default().to_owned()));
                }
                Err(failure) => return Err(failure),
            }
        }
        let is_unknown = system.is_none() && part["system"].is_string();
        let codes = part["concept"].as_array().map(|list| {
            context.work.spend(work::LISTED * list.len() as u64);
            let order: Vec<&str> = list.iter().map(|c| c["code"].as_str().unwrap_or_default()).collect();
            Listed { all: order.iter().copied().collect(), order }
        });
        let mut filters = Vec::new();
        for (at, filter) in part["filter"].as_array().into_iter().flatten().enumerate() {
            match system {
                Some(named) => filters.push(Filter::read(context, named.system, filter, &format!("{place}.filter[{at}]"))?),
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
        context.work.check()?;
        Ok(Part { system, is_unknown, codes, filters, sets, work: context.work })
    }

    fn has(&self, concept: Concept<'_>) -> bool {
        self.work.spend(1)
            && !self.is_unknown
            && self.system.is_none_or(|n| n.system == concept.system() && n.lists(concept))
            && self.codes.as_ref().is_none_or(|codes| codes.all.contains(concept.code()))
            && self.filters.iter().all(|f| self.work.spend(f.cost(concept)) && f.holds(concept))
            && self.sets.iter().all(|s| s.has(concept))
            && (self.system.is_some() || !self.sets.is_empty())
    }

    /// Hands every concept to `add` until it says no; `false` if it did.
    fn each(&self, most: usize, add: &mut dyn FnMut(Concept<'c>) -> bool) -> bool {
        match (&self.system, &self.codes) {
            (Some(named), Some(codes)) => {
                codes.order.iter().filter_map(|code| named.system.concept(code)).filter(|c| self.has(*c)).all(add)
            }
            (Some(named), None) => {
                // Once nothing is left to spend, nothing is in it any more: no need to look at the rest.
                let mut listed = named.system.concepts().take_while(|_| self.work.spend(0)).filter(|c| c.is_listed() && self.has(*c));
                listed.all(&mut *add) && self.work.spend(0)
            }
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
            context.work.spend(work::PATTERN);
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
            ("concept" | "code", "=") => Filter::Codes(HashSet::from([value.to_owned()]), true),
            ("concept" | "code", "regex") => Filter::CodePattern(pattern()?),
            ("inactive", "=") => Filter::Inactive(value == "true"),
            _ if detail.is_some() && matches!(op, "=" | "in" | "not-in" | "regex" | "exists") => {
                let test = match op {
                    "=" => Test::Among(HashSet::from([value.to_owned()])),
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
pub(super) fn may_hold(scope: Option<&Set<'_>>, system: CodeSystem<'_>, code: Option<&str>) -> bool {
    let Some(scope) = scope else { return true };
    match code {
        None => scope.touches(system),
        Some(code) => system.concept(code).is_some_and(|c| scope.has(c)),
    }
}
