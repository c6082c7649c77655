//! The FHIR side: interactions and operations, R4 and R5.

mod batch;
mod code;
mod detail;
pub(super) mod inline;
mod judge;
mod sets;
mod translate;
mod valueset;

use super::State;
use super::guard::with_question;
use super::reply::{self, FHIR_JSON, Failure};
use super::route::{Fhir, Kind, Operation};
use crate::engine::{Engine, Outcome};
use crate::face::wire::fhir::parameters::{Coding, Parameters, Value};
use crate::face::wire::fhir::{Version, outcome::Issue, statements};
use crate::index::CodeSystem;
use crate::model::Date;
use axum::body::{Body, Bytes};
use axum::http::{Response, request::Parts};
use std::cell::RefCell;
use std::sync::Arc;

/// What every operation has at hand.
struct Context<'c> {
    state: &'c State,
    version: Version,
    /// The loaded index.
    engine: &'c Engine,
    /// What the request brought along as `tx-resource`.
    inline: Option<&'c inline::Inline>,
    /// `Accept-Language`: of displays, where no parameter says it.
    language: &'c str,
    /// What became of the translations.
    outcomes: RefCell<Vec<Outcome>>,
}

/// Parameters that the ecosystem sends to every operation. Those that would change an answer are handled where they do.
const EVERYWHERE: &[&str] = &[
    "tx-resource",
    "cache-id",
    "uuid",
    "displayLanguage",
    "system-version",
    "force-system-version",
    "check-system-version",
    "default-valueset-version",
    "diagnostics",
    "mode",
    "profile",
    "includeDefinition",
    "_format",
    "_pretty",
];

/// Answers one interaction.
pub(super) async fn answer(
    state: &Arc<State>,
    version: Version,
    interaction: Fhir<'_>,
    parts: &Parts,
    language: &str,
    body: Option<Bytes>,
) -> Result<Response<Body>, Failure> {
    let served = state.served();
    let engine = &served.engine;
    if let Fhir::Batch = interaction {
        let bundle = batch::answer(state, version, engine, language, &body.unwrap_or_default()).await?;
        return Ok(reply::ok(FHIR_JSON, bundle));
    }
    let query = parts.uri.query().unwrap_or("");
    let answer = one(state, version, engine, interaction, query, language, body.as_deref()).await?;
    if answer.is_plain {
        with_question(parts, |asked| served.kept.keep(asked, &answer.body, answer.outcomes.first().copied()));
    }
    Ok(reply::ok(FHIR_JSON, answer.body))
}

/// An answer, and whether it may be kept.
struct Answer {
    body: Vec<u8>,
    /// Of translations.
    outcomes: Vec<Outcome>,
    is_plain: bool,
}

impl From<Vec<u8>> for Answer {
    fn from(body: Vec<u8>) -> Answer {
        Answer { body, outcomes: Vec::new(), is_plain: false }
    }
}

/// Parameters that say nothing of a person, of operations whose answer depends on nothing but the index.
const PLAIN: &[&str] = &[
    "code",
    "codeA",
    "codeB",
    "displayLanguage",
    "property",
    "reverse",
    "sourceCode",
    "sourceSystem",
    "system",
    "targetSystem",
    "targetsystem",
    "url",
    "version",
];

/// One interaction, alone or as an entry of a batch.
async fn one(
    state: &Arc<State>,
    version: Version,
    engine: &Engine,
    interaction: Fhir<'_>,
    query: &str,
    language: &str,
    body: Option<&[u8]>,
) -> Result<Answer, Failure> {
    let base = format!("/fhir/{}", version.name());
    let mut parameters = match body {
        Some(body) => Parameters::from_json(body)?,
        None => Parameters::from_query(query)?,
    };
    match interaction {
        Fhir::Metadata if parameters.text("mode")?.as_deref() == Some("terminology") => {
            Ok(statements::terminology_capabilities(engine.index(), &format!("urn:xwalk:{base}")).to_string().into_bytes().into())
        }
        Fhir::Metadata => {
            let secured = state.doors.needs_tokens();
            Ok(statements::capability_statement(version, &format!("urn:xwalk:{base}"), secured).to_string().into_bytes().into())
        }
        Fhir::Versions => Ok(statements::versions(version).into()),
        Fhir::Read(kind, id) => read(version, engine, kind, id).map(Answer::from),
        Fhir::Search(kind) => search(version, engine, kind, &parameters, &base).map(Answer::from),
        Fhir::Operation(operation, instance) => {
            let inline = state.inline.take_from(&mut parameters).await?;
            let context = Context { state, version, engine, inline: inline.as_deref(), language, outcomes: RefCell::default() };
            let body = context.operation(operation, instance, &parameters)?;
            let outcomes = context.outcomes.into_inner();
            outcomes.iter().for_each(|o| state.metrics.outcome(*o));
            let is_pure = matches!(operation, Operation::Lookup | Operation::ValidateCode | Operation::Subsumes | Operation::Translate);
            let is_plain = is_pure && outcomes.len() < 2 && parameters.parameter.iter().all(|p| PLAIN.contains(&p.name.as_str()));
            Ok(Answer { body, outcomes, is_plain })
        }
        Fhir::Batch | Fhir::Unknown => Err(Failure::not_found("nothing is served at this address; /metadata says what is")),
    }
}

impl Context<'_> {
    fn operation(&self, operation: Operation, instance: Option<&str>, parameters: &Parameters) -> Result<Vec<u8>, Failure> {
        match operation {
            Operation::Lookup => code::lookup(self, instance, parameters),
            Operation::ValidateCode => code::validate(self, instance, parameters),
            Operation::Subsumes => code::subsumes(self, instance, parameters),
            Operation::Translate => translate::translate(self, instance, parameters),
            Operation::ValueSetValidateCode => valueset::validate(self, instance, parameters),
            Operation::Expand => valueset::expand(self, instance, parameters),
            Operation::BatchValidateCode => batch::validate_codes(self, parameters),
        }
    }

    /// A code system by its URI or any other of its names; `uri|version` asks for a version.
    ///
    /// What the request brought along comes before what is loaded.
    fn system(&self, name: &str, version: Option<&str>) -> Result<(&Engine, CodeSystem<'_>), Failure> {
        let (name, inside) = name.split_once('|').map_or((name, None), |(name, version)| (name, Some(version)));
        let version = version.or(inside).filter(|v| !v.is_empty());
        let engines = self.inline.iter().filter_map(|i| i.engine.as_ref()).chain(std::iter::once(self.engine));
        let mut other_versions = Vec::new();
        for engine in engines {
            let Some(system) = engine.index().system(name) else { continue };
            // A version that is a release among those compiled together is there: the engine holds all of them, by date.
            if version.is_none_or(|v| system.releases().iter().any(|r| r.version == v)) {
                return Ok((engine, system));
            }
            other_versions.extend(system.releases().iter().map(|r| r.version.clone()));
        }
        let (what, id) = match version.filter(|_| !other_versions.is_empty()) {
            Some(version) => (
                format!(
                    "A definition for CodeSystem '{name}' version '{version}' could not be found, so the code cannot be validated. Valid versions: {}",
                    other_versions.join(", ")
                ),
                "UNKNOWN_CODESYSTEM_VERSION",
            ),
            None => {
                (format!("A definition for CodeSystem '{name}' could not be found, so the code cannot be validated"), "UNKNOWN_CODESYSTEM")
            }
        };
        Err(Failure::from(Issue::error("not-found", what).tx("not-found").message_id(id).at("system")))
    }

    /// The system of an instance-level operation: `CodeSystem/icd10cm/$lookup`.
    fn instance_system(&self, id: &str) -> Result<CodeSystem<'_>, Failure> {
        let found = self.engine.index().systems().find(|s| statements::id(s.alias()) == id);
        found.ok_or_else(|| Failure::not_found(format!("no CodeSystem has the id {id}")))
    }
}

/// Refuses parameters that nobody here understands: an answer that ignored one would be another question's answer.
fn check_names(parameters: &Parameters, known: &[&str]) -> Result<(), Failure> {
    match parameters.parameter.iter().find(|p| !known.contains(&p.name.as_str()) && !EVERYWHERE.contains(&p.name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let name: String = unknown.name.chars().take(60).collect();
            let what = format!("the parameter {name} is not known here; known are {}", known.join(", "));
            Err(Failure::from(Issue::error("not-supported", what).at(name)))
        }
    }
}

fn date(parameters: &Parameters, name: &str) -> Result<Option<Date>, Failure> {
    let Some(text) = parameters.text(name)? else { return Ok(None) };
    // FHIR dateTime: the day counts.
    let day = text.get(..10).unwrap_or(&text);
    match day.parse() {
        Ok(date) => Ok(Some(date)),
        Err(_) => Err(Failure::from(Issue::error("invalid", format!("{name} is `{}`; say YYYY-MM-DD", clip(&text))).at(name))),
    }
}

fn number(parameters: &Parameters, name: &str) -> Result<Option<usize>, Failure> {
    let Some(text) = parameters.text(name)? else { return Ok(None) };
    match text.parse::<usize>() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Failure::from(Issue::error("invalid", format!("{name} is `{}`; say a number from 0", clip(&text))).at(name))),
    }
}

/// What a client sent, short enough to repeat to him.
fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A Coding parameter; in a query string `system|code`.
fn coding(value: &Value, name: &str) -> Result<Coding, Failure> {
    match value {
        Value::Coding(coding) => Ok(coding.clone()),
        Value::Text(text) => match text.rsplit_once('|') {
            Some((system, code)) => Ok(Coding { system: system.to_owned(), code: code.to_owned(), ..Coding::default() }),
            None => Err(Failure::from(Issue::error("invalid", format!("{name} is written system|code")).at(name.to_owned()))),
        },
        _ => Err(Failure::from(Issue::error("invalid", format!("{name} must be a Coding")).at(name.to_owned()))),
    }
}

fn read(version: Version, engine: &Engine, kind: Kind, id: &str) -> Result<Vec<u8>, Failure> {
    let index = engine.index();
    let resource = match kind {
        Kind::CodeSystem => index.systems().find(|s| statements::id(s.alias()) == id).map(statements::code_system),
        Kind::ValueSet => index.systems().find(|s| statements::id(s.alias()) == id).map(statements::value_set),
        Kind::ConceptMap => index.maps().map(|m| statements::concept_map(version, m)).find(|m| m["id"] == id),
    };
    resource.map(|r| r.to_string().into_bytes()).ok_or_else(|| Failure::not_found(format!("no {} has the id {}", kind.name(), clip(id))))
}

fn search(version: Version, engine: &Engine, kind: Kind, parameters: &Parameters, base: &str) -> Result<Vec<u8>, Failure> {
    let known: &[&str] = match kind {
        Kind::ConceptMap => &["url", "version", "_id", "source-system", "target-system", "_count", "_summary", "_elements"],
        _ => &["url", "version", "_id", "_count", "_summary", "_elements", "system"],
    };
    check_names(parameters, known)?;
    let index = engine.index();
    let wanted = |name: &str, value: &str| -> Result<bool, Failure> {
        Ok(parameters.text(name)?.is_none_or(|asked| asked.split(',').any(|a| a == value)))
    };
    // The scopes of the maps here are all codes of a system.
    let scope = |resource: &serde_json::Value, names: [&str; 2]| {
        let scope = names.iter().find_map(|name| resource[*name].as_str()).unwrap_or("");
        scope.strip_suffix("?fhir_vs").unwrap_or(scope).to_owned()
    };
    let mut found = Vec::new();
    let resources: Vec<serde_json::Value> = match kind {
        Kind::CodeSystem => index.systems().filter(|s| !s.uri().is_empty()).map(statements::code_system).collect(),
        Kind::ValueSet => index.systems().filter(|s| !s.uri().is_empty()).map(statements::value_set).collect(),
        Kind::ConceptMap => index.maps().map(|m| statements::concept_map(version, m)).collect(),
    };
    for resource in resources {
        let text = |path: &str| resource.pointer(path).and_then(|v| v.as_str()).unwrap_or("").to_owned();
        if wanted("url", &text("/url"))?
            && wanted("version", &text("/version"))?
            && wanted("_id", &text("/id"))?
            && wanted("source-system", &scope(&resource, ["sourceUri", "sourceScopeUri"]))?
            && wanted("target-system", &scope(&resource, ["targetUri", "targetScopeUri"]))?
        {
            found.push(resource);
        }
    }
    if let Some(count) = number(parameters, "_count")? {
        found.truncate(count);
    }
    Ok(statements::searchset(base, kind.name(), found).to_string().into_bytes())
}
