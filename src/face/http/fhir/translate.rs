//! `ConceptMap/$translate`: which codes, by which maps, in which direction, with which facts.

use super::super::reply::Failure;
use super::versions::{Named, Said};
use super::{Context, check_names, clip, coding, one_version, sets, work};
use crate::engine::{Age, Asked, Engine, Facts, Outcome, Policy, Sex, Translation, TranslatorOptions};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::{Coding, Parameter, Parameters, Value};
use crate::face::wire::fhir::translate::{self as wire, Direction, MAP_URN};
use crate::face::wire::fhir::{EXTENSION, Version, statements};
use crate::index::{CodeSystem, ConceptMap};
use crate::model::rule::{AGE_AT_ONSET, CURRENT_AGE, FEMALE, MALE, finding};
use crate::model::{Date, MapKind, compare_versions};

const KNOWN: &[&str] = &[
    "url",
    "conceptMap",
    "conceptMapVersion",
    "code",
    "system",
    "version",
    "source",
    "coding",
    "codeableConcept",
    "target",
    "targetsystem",
    "targetcode",
    "reverse",
    "dependency",
    "sourceCode",
    "sourceSystem",
    "sourceVersion",
    "sourceCoding",
    "sourceCodeableConcept",
    "sourceScope",
    "targetCode",
    "targetCoding",
    "targetCodeableConcept",
    "targetScope",
    "targetSystem",
    "policy",
];

/// Both versions' names of each input: either is taken by either.
const SOURCE_SYSTEM: &[&str] = &["system", "sourceSystem"];
const TARGET_SYSTEM: &[&str] = &["targetSystem", "targetsystem"];

pub(super) fn translate(context: &Context<'_>, instance: Option<&str>, p: &Parameters) -> Result<Vec<u8>, Failure> {
    check_names(p, KNOWN)?;
    let (codings, direction) = codings(context, p)?;
    let many = |what: &str, count: usize| {
        let most = context.state.limits.batch;
        if count <= most { Ok(()) } else { Err(Failure::too_costly(format!("{count} {what}; a translation has at most {most}"))) }
    };
    many("codings", codings.len())?;
    many("dependencies", p.all("dependency").count())?;
    let facts = facts(p)?;
    let maps = maps(context, instance, p)?;
    let policy = policy(p)?;
    // Where to: for the two backward ways, that is the side where the map begins.
    let wanted = text_of(p, if direction == Direction::FromTarget { SOURCE_SYSTEM } else { TARGET_SYSTEM })?;
    let scopes = Scopes::read(context, p)?;
    let mut answers = Vec::new();
    let mut refused = None;
    for coding in &codings {
        context.work.spend(work::CODING);
        context.work.check()?;
        match ways(context, coding, wanted.as_deref(), direction, maps.as_deref(), &scopes) {
            Ok(ways) => {
                for mut way in ways {
                    way.options.policy = policy;
                    let is_own = !std::ptr::eq(way.engine, context.engine);
                    let mut answer = way.ask(&coding.code, &facts)?;
                    scopes.bound(&mut answer, direction);
                    answers.push((answer, is_own));
                }
            }
            // One coding of a concept may be of a system that is not here, as long as another is.
            Err(failure) if codings.len() > 1 => refused = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    if let (true, Some(failure)) = (answers.is_empty(), refused) {
        return Err(failure);
    }
    context.outcomes.borrow_mut().extend(answers.iter().map(|(a, _)| a.outcome));
    // Of several maps, those that have nothing to say stay silent as long as one has.
    let says_something = |(a, _): &(Translation<'_>, bool)| !a.scenarios.is_empty() || !a.denials.is_empty();
    if answers.iter().any(|(a, _)| !a.scenarios.is_empty()) {
        answers.retain(says_something);
    }
    let language = p.text("displayLanguage")?.unwrap_or(context.language.into());
    let said = wire::Said { version: context.version, direction, language: &language };
    let unknown = context.engine.unknown_findings(&facts);
    wire::body(said, &answers, &unknown, context.state.limits.fan_out).map_err(|many| {
        Failure::too_costly(format!(
            "{} matches are more than the {} of one answer; name a map or a target system",
            many.0, context.state.limits.fan_out
        ))
    })
}

/// Who has the last word: the maps alone (`review`), or what reviewers have approved before them (`decision`). The other policies of the
/// own API pick among alternatives; here all alternatives are given.
fn policy(p: &Parameters) -> Result<Policy, Failure> {
    match p.text("policy")?.as_deref() {
        None => Ok(Policy::default()),
        Some(name) => Policy::from_code(name).filter(|p| matches!(p, Policy::Review | Policy::Decision)).ok_or_else(|| {
            Failure::from(Issue::error("invalid", format!("policy is `{}`; say review or decision", clip(name))).at("policy"))
        }),
    }
}

/// The first text of several names for one thing.
fn text_of(p: &Parameters, names: &[&'static str]) -> Result<Option<String>, Failure> {
    let mut found = None;
    for name in names {
        if let Some(text) = p.text(name)? {
            if found.as_ref().is_some_and(|f| *f != text) {
                return Err(Failure::from(Issue::error("invalid", format!("{} contradict each other", names.join(" and "))).at(*name)));
            }
            found = Some(text.into_owned());
        }
    }
    Ok(found)
}

/// The codes to translate, and which way: from exactly one of the inputs of either version.
fn codings(context: &Context<'_>, p: &Parameters) -> Result<(Vec<Coding>, Direction), Failure> {
    let reverse = p.boolean("reverse")?.unwrap_or(false);
    if reverse && context.version == Version::R5 {
        return Err(Failure::from(
            Issue::error("not-supported", "R5 has no reverse: give targetCode, targetCoding or targetCodeableConcept").at("reverse"),
        ));
    }
    let mut inputs: Vec<(Vec<Coding>, bool)> = Vec::new();
    for (name, systems, is_target) in [
        ("code", SOURCE_SYSTEM, false),
        ("sourceCode", SOURCE_SYSTEM, false),
        ("targetCode", TARGET_SYSTEM, true),
        ("targetcode", TARGET_SYSTEM, true),
    ] {
        if let Some(code) = p.text(name)? {
            let system = text_of(p, systems)?.unwrap_or_default();
            let version = if is_target { None } else { text_of(p, &["version", "sourceVersion"])? };
            inputs.push((
                vec![Coding { system, version: version.unwrap_or_default(), code: code.into_owned(), ..Coding::default() }],
                is_target,
            ));
        }
    }
    for (name, is_target) in [("coding", false), ("sourceCoding", false), ("targetCoding", true)] {
        if let Some(value) = p.one(name)? {
            inputs.push((vec![coding(value, name)?], is_target));
        }
    }
    for (name, is_target) in [("codeableConcept", false), ("sourceCodeableConcept", false), ("targetCodeableConcept", true)] {
        match p.one(name)? {
            None => {}
            Some(Value::CodeableConcept(concept)) => inputs.push((concept.coding.clone(), is_target)),
            Some(_) => return Err(Failure::from(Issue::error("invalid", format!("{name} must be a CodeableConcept")).at(name))),
        }
    }
    let (codings, is_target) = match inputs.len() {
        0 => {
            let what = "give what to translate: sourceCode and sourceSystem (or code and system), sourceCoding, sourceCodeableConcept, or their target forms";
            return Err(Failure::from(Issue::error("required", what)));
        }
        1 => inputs.remove(0),
        _ => {
            return Err(Failure::from(Issue::error(
                "invalid",
                "give exactly one code, coding or codeableConcept to translate, not several",
            )));
        }
    };
    if codings.is_empty() || codings.iter().any(|c| c.code.is_empty()) {
        return Err(Failure::from(Issue::error("invalid", "a coding without a code cannot be translated").tx("invalid-data")));
    }
    let codings = agreeing(context, p, codings, is_target)?;
    match (is_target, reverse) {
        (true, true) => {
            Err(Failure::from(Issue::error("invalid", "a target to go back from and reverse: give one of the two").at("reverse")))
        }
        (true, false) => Ok((codings, Direction::FromTarget)),
        (false, true) => Ok((codings, Direction::Reverse)),
        (false, false) => Ok((codings, Direction::Forward)),
    }
}

/// The codings that are of the system and version named beside them; of one that says none, that is its system.
fn agreeing(context: &Context<'_>, p: &Parameters, codings: Vec<Coding>, is_target: bool) -> Result<Vec<Coding>, Failure> {
    let (name, names) = if is_target { ("targetSystem", TARGET_SYSTEM) } else { ("system", SOURCE_SYSTEM) };
    let system = text_of(p, names)?;
    let version = if is_target { None } else { text_of(p, &["version", "sourceVersion"])? };
    let mut agreeing = Vec::with_capacity(codings.len());
    for mut coding in codings {
        if let Some(system) = &system {
            if coding.system.is_empty() {
                coding.system.clone_from(system);
            } else if !context.is_same(&coding.system, system) {
                continue;
            }
        }
        if let Some(version) = &version {
            one_version(&format!("|{}", coding.version), Some(version))?;
            coding.version.clone_from(version);
        }
        agreeing.push(coding);
    }
    if agreeing.is_empty() {
        let what = "the coding is of another code system than the one that is named beside it";
        return Err(Failure::from(Issue::error("invalid", what).at(name)));
    }
    Ok(agreeing)
}

/// The maps that were named; `None`: any that fits.
fn maps<'c>(
    context: &'c Context<'_>,
    instance: Option<&str>,
    p: &Parameters,
) -> Result<Option<Vec<(&'c Engine, ConceptMap<'c>)>>, Failure> {
    let version = p.text("conceptMapVersion")?;
    let url = text_of(p, &["url"])?;
    if p.one("conceptMap")?.is_some()
        && let (Some((id, at)), Some(inline), Some(own)) = (context.inline.and_then(|i| i.map.as_ref()), context.inline, context.own)
    {
        // The map that came along is the one to use; whatever else names a map has to name this one.
        let given = |name: &str| inline.maps[*at][name].as_str().unwrap_or("");
        let (name, inside) = url.as_deref().map_or(("", None), |u| u.split_once('|').map_or((u, None), |(u, v)| (u, Some(v))));
        let agrees =
            (name.is_empty() || name == given("url")) && [version.as_deref(), inside].into_iter().flatten().all(|v| v == given("version"));
        if !agrees || instance.is_some() {
            let what = "conceptMap is one map, and what is named beside it is another; give one of the two";
            return Err(Failure::from(Issue::error("invalid", what).at("conceptMap")));
        }
        let is_group = |rest: &str| rest.is_empty() || rest.strip_prefix('-').is_some_and(|n| n.parse::<usize>().is_ok());
        return Ok(Some(own.index().maps().filter(|m| m.id().strip_prefix(id.as_str()).is_some_and(is_group)).map(|m| (own, m)).collect()));
    }
    if instance.is_none() && url.is_none() {
        return if version.is_some() {
            Err(Failure::from(Issue::error("invalid", "conceptMapVersion needs the url of the map").at("conceptMapVersion")))
        } else {
            Ok(None)
        };
    }
    let (name, inside) = match url.as_deref().map(|u| u.split_once('|').map_or((u, None), |(u, v)| (u, Some(v)))) {
        Some((name, inside)) => (Some(name.strip_prefix(MAP_URN).unwrap_or(name)), inside),
        None => (None, None),
    };
    let version = version.as_deref().or(inside);
    let named = |m: &ConceptMap<'_>| {
        name.is_none_or(|n| m.url() == n || m.id() == n)
            && instance.is_none_or(|id| statements::id(&format!("{}-{}", m.id(), m.version())) == id || m.id() == id)
    };
    let all: Vec<_> = context.engines().flat_map(|e| e.index().maps().filter(named).map(move |m| (e, m))).collect();
    let shown = clip(instance.or(url.as_deref()).unwrap_or_default());
    if all.is_empty() {
        return Err(Failure::not_found(format!("the ConceptMap {shown} is not known here")));
    }
    let versions: Vec<&str> = all.iter().map(|(_, m)| m.version()).collect();
    let mut fits: Vec<_> = all.iter().filter(|(_, m)| version.is_none_or(|v| v == m.version())).copied().collect();
    if fits.is_empty() {
        return Err(Failure::not_found(format!(
            "the ConceptMap {shown} is here in version {}, not in the one asked for",
            versions.join(", ")
        )));
    }
    if version.is_none() {
        // Of a map by name alone the newest version is meant; groups of one map share their version and stay together.
        let newest = fits.iter().map(|(_, m)| m.version()).max_by(|a, b| compare_versions(a, b)).unwrap_or_default();
        fits.retain(|(_, m)| m.version() == newest);
    }
    Ok(Some(fits))
}

/// Value sets that bound the question.
struct Scopes<'c> {
    source: Option<sets::Set<'c>>,
    target: Option<sets::Set<'c>>,
}

impl<'c> Scopes<'c> {
    fn read(context: &'c Context<'_>, p: &Parameters) -> Result<Scopes<'c>, Failure> {
        let read = |names: &[&'static str]| text_of(p, names)?.map(|url| sets::Set::by_url(context, &url)).transpose();
        Ok(Scopes { source: read(&["sourceScope", "source"])?, target: read(&["targetScope", "target"])? })
    }

    /// Leaves of an answer the codes that are in the value set where it has to end. A reading that lacks a code of one group is none.
    fn bound(&self, answer: &mut Translation<'_>, direction: Direction) {
        let scope = if direction == Direction::Forward { &self.target } else { &self.source };
        let Some(scope) = scope else { return };
        let forward = direction == Direction::Forward;
        answer.denials.retain(|row| if forward { row.target() } else { row.source() }.is_some_and(|c| scope.has(c)));
        if answer.targets().all(|t| scope.has(t.concept)) {
            return;
        }
        answer.scenarios.iter_mut().flat_map(|s| &mut s.groups).for_each(|g| g.options.retain(|t| scope.has(t.concept)));
        answer.scenarios.retain(|s| s.groups.iter().all(|g| !g.options.is_empty()));
        // What is left is what was wished for, not what the map says of the code: people look at it.
        (answer.automatic, answer.picked) = (false, None);
        if answer.scenarios.is_empty() {
            answer.outcome = Outcome::Unmapped;
            answer.message = format!("the targets of the map are not in the value set {}", clip(scope.name())).into();
        }
    }
}

/// One map or pair of systems to ask.
struct Way<'c> {
    engine: &'c Engine,
    options: TranslatorOptions,
    /// When the code has to be one: of the version that was asked for.
    date: Option<Date>,
}

impl<'c> Way<'c> {
    fn ask(self, code: &str, facts: &Facts) -> Result<Translation<'c>, Failure> {
        Ok(self.engine.translator(self.options)?.translate(&Asked { facts, date: self.date, ..Asked::code(code) }))
    }
}

/// All that may answer for a coding.
fn ways<'c>(
    context: &'c Context<'_>,
    coding: &Coding,
    wanted: Option<&str>,
    direction: Direction,
    maps: Option<&[(&'c Engine, ConceptMap<'c>)]>,
    scopes: &Scopes<'_>,
) -> Result<Vec<Way<'c>>, Failure> {
    let backward = direction != Direction::Forward;
    let ends = |m: &ConceptMap<'c>| if backward { (m.target(), m.source()) } else { (m.source(), m.target()) };
    let is = |system: CodeSystem<'_>, name: &str| {
        let name = name.split('|').next().unwrap_or(name);
        system.index().system(name).is_some_and(|s| s.ordinal() == system.ordinal())
    };
    if coding.system.is_empty() && maps.is_none() {
        return Err(Failure::from(
            Issue::error("invalid", "a code needs its system, unless a map is named").tx("invalid-data").at("system"),
        ));
    }
    let (system, version) = one_version(&coding.system, Some(&coding.version))?;
    let wanted = wanted.map(|w| one_version(w, None)).transpose()?;
    let candidates: Vec<(&Engine, ConceptMap<'c>)> = match maps {
        Some(maps) => maps.to_vec(),
        None => {
            // Both must be known to somebody; a pair without a map is an answer.
            context.system(system, version)?;
            if let Some((wanted, version)) = wanted {
                context.system(wanted, version)?;
            }
            context.engines().flat_map(|e| e.index().maps().filter(|m| m.kind() != MapKind::Succession).map(move |m| (e, m))).collect()
        }
    };
    let mut ways: Vec<Way<'c>> = Vec::new();
    for (engine, map) in candidates {
        let (from, to) = ends(&map);
        if (!system.is_empty() && !is(from, system)) || wanted.is_some_and(|(w, _)| !is(to, w)) {
            continue;
        }
        let ((_, listed_from), (_, listed_to)) = (context.listed(engine, from), context.listed(engine, to));
        let release = |of: CodeSystem<'c>, version: Option<&str>| {
            let (engine, of) = context.listed(engine, of);
            // Of a system that only maps know, no version is known that could be another one.
            let version = context.pins.choose(of, version, Said::ByQuestion)?.filter(|_| !of.releases().is_empty());
            match Named::of(engine, of, version)? {
                Some(named) => Ok(Some(named.day_in_use())),
                None if maps.is_none() => Ok(None),
                // The map is the one that was named, so nobody else may have this version.
                None => context.system(of.uri(), version).map(|named| Some(named.day_in_use())),
            }
        };
        let (Some(date), Some(target_date)) = (release(from, version)?, release(to, wanted.and_then(|(_, v)| v))?) else { continue };
        let (source_scope, target_scope) = if backward { (&scopes.target, &scopes.source) } else { (&scopes.source, &scopes.target) };
        if !sets::may_hold(source_scope.as_ref(), listed_from, Some(&coding.code))
            || !sets::may_hold(target_scope.as_ref(), listed_to, None)
        {
            continue;
        }
        if !backward && !inside_own_scope(context, &map, listed_from, &coding.code)? {
            continue;
        }
        let mut options = TranslatorOptions {
            from: from.alias().to_owned(),
            to: to.alias().to_owned(),
            reverse: backward,
            target_date,
            ..TranslatorOptions::default()
        };
        if maps.is_some() {
            options.map = Some(format!("{}|{}", map.id(), map.version()));
        } else if ways.iter().any(|w| std::ptr::eq(w.engine, engine) && w.options.from == options.from && w.options.to == options.to) {
            // The engine itself chooses among the maps of a pair.
            continue;
        }
        ways.push(Way { engine, options, date });
    }
    Ok(ways)
}

/// Whether a map that was brought along counts this code among those it is made for (`sourceScope`).
fn inside_own_scope(context: &Context<'_>, map: &ConceptMap<'_>, system: CodeSystem<'_>, code: &str) -> Result<bool, Failure> {
    let Some(inline) = context.inline else { return Ok(true) };
    let given = inline.maps.iter().find(|m| {
        let group = |key: &str, uri: &str| m["group"].as_array().into_iter().flatten().any(|g| g[key] == uri);
        m["url"] == map.url() && group("source", map.source().uri()) && group("target", map.target().uri())
    });
    let scope = given.and_then(|m| {
        let keys = ["sourceScopeUri", "sourceScopeCanonical", "sourceUri", "sourceCanonical"];
        keys.into_iter().find_map(|key| m[key].as_str())
    });
    match scope.and_then(|url| sets::Set::by_url(context, url).ok()) {
        // A scope that nobody has cannot be held against a code.
        None => Ok(true),
        Some(set) => Ok(sets::may_hold(Some(&set), system, Some(code))),
    }
}

/// The facts for map rules, from `dependency`.
fn facts(p: &Parameters) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    // Sexes that the patient is said not to have.
    let mut not = Vec::new();
    for dependency in p.all("dependency") {
        let Value::Part(parts) = dependency else {
            return Err(Failure::from(
                Issue::error("invalid", "a dependency has parts: attribute (R4: element) and value (R4: concept)").at("dependency"),
            ));
        };
        let attribute = parts.iter().find(|q| matches!(q.name.as_str(), "attribute" | "element")).and_then(|q| q.value.text());
        let value = parts.iter().find(|q| matches!(q.name.as_str(), "value" | "concept"));
        let (Some(attribute), Some(value)) = (attribute, value) else {
            return Err(Failure::from(Issue::error("required", "a dependency needs its attribute and its value").at("dependency")));
        };
        fact(&mut facts, &mut not, &attribute, value)?;
    }
    let has = |sex: &Sex| facts.sex == Some(*sex) || facts.findings.contains(if *sex == Sex::Female { &FEMALE } else { &MALE });
    if let Some(why) = facts.contradiction().or(not.iter().any(has).then_some("a sex is said and denied")) {
        return Err(contradiction(why));
    }
    Ok(facts)
}

fn contradiction(why: &str) -> Failure {
    Failure::from(Issue::error("invalid", format!("dependencies contradict each other: {why}")).at("dependency"))
}

fn fact(facts: &mut Facts, not: &mut Vec<Sex>, attribute: &str, value: &Parameter) -> Result<(), Failure> {
    let unusable = |why: &str| Failure::from(Issue::error("invalid", format!("a dependency cannot be used: {why}")).at("dependency"));
    let (text, code) = spelled(&value.value);
    let last = attribute.rsplit(['|', '/', ':', '#']).next().unwrap_or(attribute);
    let number = last.parse::<u64>().unwrap_or(0);
    fn set<T: PartialEq + Copy>(place: &mut Option<T>, value: T) -> Result<(), Failure> {
        if place.replace(value).is_none_or(|old| old == value) { Ok(()) } else { Err(contradiction("one fact has two values")) }
    }
    match (last, number) {
        ("age" | "age-at-onset", _) | (_, AGE_AT_ONSET | CURRENT_AGE) => {
            if matches!(&value.value, Value::Tree(quantity) if quantity.get("comparator").is_some()) {
                return Err(unusable("an age is one number; a comparator says more than one"));
            }
            let age =
                Age::parse(&text).ok_or_else(|| unusable("an age is written 28d, 3m, 12y, or given as a Quantity in d, wk, mo, a"))?;
            if number != CURRENT_AGE {
                set(&mut facts.age_at_onset, age)?;
            }
            if last == "age" || number == CURRENT_AGE {
                set(&mut facts.current_age, age)?;
            }
        }
        ("sex" | "gender", _) => set(&mut facts.sex, Sex::parse(&code).ok_or_else(|| unusable("sex is female or male"))?)?,
        (_, FEMALE | MALE) => {
            let sex = if number == FEMALE { Sex::Female } else { Sex::Male };
            match text.as_str() {
                "true" => set(&mut facts.sex, sex)?,
                "false" => not.push(sex),
                _ => return Err(unusable("a sex as an attribute is true or false")),
            }
        }
        ("finding", _) => {
            let id = finding(&code).ok_or_else(|| unusable("a finding is a SNOMED CT concept: digits and a check digit"))?;
            facts.findings.push(id);
        }
        _ => facts.properties.push((attribute.strip_prefix(EXTENSION).unwrap_or(attribute).to_owned(), text)),
    }
    Ok(())
}

/// A value as the reader of maps spells it (`system|code`), and its bare code.
fn spelled(value: &Value) -> (String, String) {
    let of_coding = |c: &Coding| {
        let whole = if c.system.is_empty() { c.code.clone() } else { format!("{}|{}", c.system, c.code) };
        (whole, c.code.clone())
    };
    match value {
        Value::Coding(c) => of_coding(c),
        Value::CodeableConcept(c) => c.coding.first().map_or_else(|| (c.text.clone(), c.text.clone()), of_coding),
        Value::Tree(quantity) => {
            let number = quantity["value"].to_string();
            let unit = [&quantity["code"], &quantity["unit"]].into_iter().find_map(|u| u.as_str()).unwrap_or("");
            // UCUM: a year is `a`, a month `mo`, a week `wk`.
            let unit = match unit {
                "a" => "y",
                "wk" => "w",
                other => other,
            };
            let text = format!("{number}{unit}");
            (text.clone(), text)
        }
        other => {
            let text = other.text().unwrap_or_default().into_owned();
            (text.clone(), text)
        }
    }
}
