//! The FHIR side: interactions and operations, R4 and R5.

mod batch;
mod code;
mod detail;
pub(super) mod inline;
mod judge;
mod search;
mod sets;
mod translate;
mod valueset;
mod versions;
mod work;

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
use axum::http::{Response, StatusCode, header, request::Parts};
use std::cell::RefCell;
use std::sync::Arc;
use versions::{Named, Pins, Said};
use work::Work;

/// What every operation has at hand.
struct Context<'c> {
    state: &'c State,
    version: Version,
    /// The loaded index.
    engine: &'c Engine,
    /// What the request brought along as `tx-resource`.
    inline: Option<&'c inline::Inline>,
    /// What answers from its code systems and maps, beside the loaded index.
    own: Option<&'c Engine>,
    /// `Accept-Language`: of displays, where no parameter says it.
    language: &'c str,
    /// Versions of systems that hold for the whole request.
    pins: Pins,
    /// What the request may still cost.
    work: &'c Work,
    /// What became of the translations.
    outcomes: RefCell<Vec<Outcome>>,
}

/// Parameters of one request, and codings of one concept, that are answered at once; what has more takes its time.
const MANY: usize = 32;

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
    let (engine, work) = (&served.engine, Arc::default());
    let host = parts.headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
    let called = Called { version, language, host };
    if let Fhir::Batch = interaction {
        let bundle = batch::answer(state, engine, &work, called, &body.unwrap_or_default()).await?;
        return Ok(reply::ok(FHIR_JSON, bundle));
    }
    let query = parts.uri.query().unwrap_or("");
    let answer = one(state, engine, &work, called, interaction, query, body.as_deref()).await?;
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

/// What holds for all entries of a batch.
#[derive(Clone, Copy)]
struct Called<'r> {
    version: Version,
    language: &'r str,
    /// As the client calls us.
    host: &'r str,
}

/// One interaction, alone or as an entry of a batch.
async fn one(
    state: &Arc<State>,
    engine: &Arc<Engine>,
    work: &Arc<Work>,
    Called { version, language, host }: Called<'_>,
    interaction: Fhir<'_>,
    query: &str,
    body: Option<&[u8]>,
) -> Result<Answer, Failure> {
    let base = format!("/fhir/{}", version.name());
    // As the client calls us.
    let address = format!("{}://{host}{base}", if state.doors.is_secure() { "https" } else { "http" });
    let mut parameters = Parameters::from_query(query)?;
    if let Some(body) = body {
        // What the address says counts beside the body, but for how to print.
        parameters.parameter.retain(|p| !p.name.starts_with('_'));
        if !body.is_empty() || parameters.parameter.is_empty() {
            parameters.parameter.extend(Parameters::from_json(body)?.parameter);
        }
    }
    match interaction {
        Fhir::Metadata if parameters.text("mode")?.as_deref() == Some("terminology") => {
            Ok(statements::terminology_capabilities(engine.index(), &format!("urn:xwalk:{base}"), &address).to_string().into_bytes().into())
        }
        Fhir::Metadata => {
            let secured = state.doors.needs_tokens();
            let statement = statements::capability_statement(version, &format!("urn:xwalk:{base}"), &address, secured);
            Ok(statement.to_string().into_bytes().into())
        }
        Fhir::Versions => Ok(statements::versions(version).into()),
        Fhir::Read(kind, id) => read(version, engine, kind, id).map(Answer::from),
        Fhir::Search(kind) => search::answer(version, engine.index(), kind, &parameters, &address).map(Answer::from),
        Fhir::Operation(operation, instance) => {
            let inline = state.inline.take_from(&mut parameters).await?;
            let asked = Asked {
                state: Arc::clone(state),
                version,
                engine: Arc::clone(engine),
                work: Arc::clone(work),
                language: language.to_owned(),
                operation,
                instance: instance.map(str::to_owned),
                // What may take long must not keep those waiting who are served by the same thread.
                is_long: inline.is_some()
                    || matches!(operation, Operation::Expand | Operation::ValueSetValidateCode | Operation::BatchValidateCode(_))
                    || parameters.parameter.len() > MANY
                    || parameters.parameter.iter().any(|p| matches!(&p.value, Value::CodeableConcept(c) if c.coding.len() > MANY)),
                inline,
                parameters,
            };
            if !asked.is_long {
                return asked.answer();
            }
            let answered = tokio::task::spawn_blocking(move || asked.answer()).await;
            answered.unwrap_or_else(|_| {
                let issue = Issue::error("exception", "this question cannot be answered, by a defect of the service");
                Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, issue))
            })
        }
        Fhir::Batch | Fhir::Unknown => Err(Failure::not_found("nothing is served at this address; /metadata says what is")),
    }
}

/// An operation and all that it needs, to be answered here or on a thread of its own.
struct Asked {
    state: Arc<State>,
    version: Version,
    engine: Arc<Engine>,
    work: Arc<Work>,
    inline: Option<Arc<inline::Inline>>,
    language: String,
    operation: Operation,
    instance: Option<String>,
    is_long: bool,
    parameters: Parameters,
}

impl Asked {
    fn answer(self) -> Result<Answer, Failure> {
        let Asked { operation, parameters, state, .. } = &self;
        let inline = self.inline.as_deref();
        let own = inline.and_then(|i| i.engine.clone()).map(|engine| engine.with_beside(Arc::clone(&self.engine)));
        let context = Context {
            state,
            version: self.version,
            engine: &self.engine,
            inline,
            own: own.as_ref(),
            language: &self.language,
            pins: Pins::read(parameters)?,
            work: &self.work,
            outcomes: RefCell::default(),
        };
        let body = context.operation(*operation, self.instance.as_deref(), parameters);
        // An answer from sets that were not looked at to the end is none.
        self.work.check()?;
        let (body, outcomes) = (body?, context.outcomes.into_inner());
        outcomes.iter().for_each(|o| state.metrics.outcome(*o));
        let is_pure = matches!(operation, Operation::Lookup | Operation::ValidateCode | Operation::Subsumes | Operation::Translate);
        let is_plain = is_pure && outcomes.len() < 2 && parameters.parameter.iter().all(|p| PLAIN.contains(&p.name.as_str()));
        Ok(Answer { body, outcomes, is_plain })
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
            Operation::BatchValidateCode(kind) => batch::validate_codes(self, kind, parameters),
        }
    }

    /// What the request brought along comes before what is loaded.
    fn engines(&self) -> impl Iterator<Item = &Engine> {
        self.own.into_iter().chain(std::iter::once(self.engine))
    }

    /// A system as its releases have it, where another engine has some and this one knows it from maps alone.
    fn listed<'s>(&'s self, engine: &'s Engine, system: CodeSystem<'s>) -> (&'s Engine, CodeSystem<'s>) {
        if !system.releases().is_empty() {
            return (engine, system);
        }
        let mut all = self.engines().filter_map(|e| Some((e, e.index().system(system.alias())?)));
        all.find(|(_, s)| !s.releases().is_empty()).unwrap_or((engine, system))
    }

    /// A code system by its URI or any other of its names; `uri|version` asks for a version.
    fn system(&self, name: &str, version: Option<&str>) -> Result<Named<'_>, Failure> {
        let (name, version) = one_version(name, version)?;
        self.find_system(name, version, |system, stated| self.pins.choose(system, stated, Said::ByQuestion))
    }

    /// The same where a value set names it.
    fn system_of_set(&self, name: &str, version: Option<&str>) -> Result<Named<'_>, Failure> {
        let (name, version) = one_version(name, version)?;
        self.find_system(name, version, |system, stated| self.pins.choose(system, stated, Said::BySet))
    }

    /// The same for a coding in a value set, which has a version of its own: whether the two agree is for the judge to say.
    fn system_of_coding(&self, name: &str, version: &str) -> Result<Named<'_>, Failure> {
        let (name, version) = one_version(name, Some(version))?;
        self.find_system(name, version, |_, stated| Ok(stated))
    }

    /// Whether two names mean one system.
    fn is_same(&self, a: &str, b: &str) -> bool {
        let name = |text: &str| text.split('|').next().unwrap_or_default().to_owned();
        let (a, b) = (name(a), name(b));
        a == b || self.engines().any(|e| e.index().system(&a).is_some_and(|system| e.index().system(&b) == Some(system)))
    }

    fn find_system<'p>(
        &self,
        name: &str,
        version: Option<&'p str>,
        choose: impl Fn(CodeSystem<'_>, Option<&'p str>) -> Result<Option<&'p str>, Failure>,
    ) -> Result<Named<'_>, Failure> {
        let mut missing = None;
        let mut other_versions = Vec::new();
        for engine in self.engines() {
            let Some(system) = engine.index().system(name) else { continue };
            let (engine, system) = self.listed(engine, system);
            let version = choose(system, version)?;
            match Named::of(engine, system, version)? {
                Some(named) => return Ok(named),
                None => missing = version,
            }
            other_versions.extend(system.releases().iter().map(|r| r.version.clone()));
        }
        let (what, id) = match missing.filter(|_| !other_versions.is_empty()) {
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

/// A name and a version, of which the name may hold another: `uri|version`.
fn one_version<'n>(name: &'n str, version: Option<&'n str>) -> Result<(&'n str, Option<&'n str>), Failure> {
    let (name, inside) = name.split_once('|').map_or((name, None), |(name, version)| (name, Some(version)));
    let (version, inside) = (version.filter(|v| !v.is_empty()), inside.filter(|v| !v.is_empty()));
    match (version, inside) {
        (Some(a), Some(b)) if a != b => {
            let what = format!("versions '{}' and '{}' of one system are asked for; give one", clip(a), clip(b));
            Err(Failure::from(Issue::error("invalid", what).at("version")))
        }
        _ => Ok((name, version.or(inside))),
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

/// A FHIR dateTime: its day counts. Of a year or a month alone it is the first.
fn date(parameters: &Parameters, name: &str) -> Result<Option<Date>, Failure> {
    let Some(text) = parameters.text(name)? else { return Ok(None) };
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.get(..10).unwrap_or_default().to_owned(),
    };
    let is_written = day.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    let time = text.get(10..).unwrap_or_default();
    let has_time = time.starts_with('T') && (text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok());
    match day.parse() {
        Ok(date) if is_written && (time.is_empty() || has_time) => Ok(Some(date)),
        _ => {
            let what = format!("{name} is `{}`; say YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ", clip(&text));
            Err(Failure::from(Issue::error("invalid", what).at(name)))
        }
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
        Kind::CodeSystem => index.systems().flat_map(statements::code_systems).find(|s| s["id"] == id),
        Kind::ValueSet => index.systems().find(|s| statements::id(s.alias()) == id).map(statements::value_set),
        Kind::ConceptMap => index.maps().map(|m| statements::concept_map(version, m)).find(|m| m["id"] == id),
    };
    resource.map(|r| r.to_string().into_bytes()).ok_or_else(|| Failure::not_found(format!("no {} has the id {}", kind.name(), clip(id))))
}
