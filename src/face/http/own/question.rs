//! One question of the own API: what the query string says of it, what a subject adds, and who answers.

use super::super::State;
use super::super::limits::Limits;
use super::super::reply::Failure;
use super::super::route::Own;
use super::known;
use crate::engine::search::{SearchOptions, Searcher};
use crate::engine::{Age, Asked, Engine, Facts, Outcome, Policy, Sex, Translator, TranslatorOptions};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::Parameters;
use crate::face::wire::{LookupAnswer, SearchAnswer, SubsumesAnswer, TranslateAnswer, ValidateAnswer};
use crate::index::CodeSystem;
use crate::model::Date;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What all subjects of a request have in common, and the one subject of a GET.
pub(super) struct Question {
    own: Own,
    system: String,
    translator: TranslatorOptions,
    search: SearchOptions,
    subject: Subject<'static>,
    facts: Facts,
    date: Option<Date>,
}

/// What is asked about: a text, or an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Subject<'b> {
    #[serde(borrow)]
    code: Option<Cow<'b, str>>,
    #[serde(borrow)]
    text: Option<Cow<'b, str>>,
    display: Option<Cow<'b, str>>,
    date: Option<Cow<'b, str>>,
    age: Option<Cow<'b, str>>,
    sex: Option<Cow<'b, str>>,
    with: Vec<Cow<'b, str>>,
    with_complete: Option<bool>,
    a: Option<Cow<'b, str>>,
    b: Option<Cow<'b, str>>,
}

const TRANSLATE: &[&str] = &[
    "from",
    "to",
    "code",
    "map",
    "reverse",
    "date",
    "target_date",
    "age",
    "sex",
    "with",
    "with_complete",
    "text",
    "policy",
    "margin",
    "strict",
    "ancestor",
];

pub(super) fn wrong(name: &str, mend: &str) -> Failure {
    // Dates, ages and sexes are private: what cannot be read is not repeated.
    Failure::from(Issue::error("invalid", format!("{name} cannot be read; {mend}")).at(name))
}

pub(super) fn required(name: &str) -> Failure {
    Failure::from(Issue::error("required", format!("{name} is needed")).at(name))
}

pub(super) fn day(name: &str, text: Option<&str>) -> Result<Option<Date>, Failure> {
    text.map(|t| t.trim().parse().map_err(|_| wrong(name, "say YYYY-MM-DD"))).transpose()
}

impl Question {
    /// Reads the query string. `many`: the subjects come in the body.
    pub fn read(own: Own, p: &Parameters, many: bool, limits: &Limits) -> Result<Question, Failure> {
        let names: &[&str] = match own {
            Own::Lookup => &["system", "code", "date"],
            Own::Validate => &["system", "code", "date", "display"],
            Own::Subsumes => &["system", "a", "b"],
            Own::Translate => TRANSLATE,
            Own::Search => &["system", "text", "limit", "date", "billable", "under", "text_only", "complete", "explain"],
            Own::Systems | Own::Maps | Own::Convert => &[],
        };
        known(p, names)?;
        let text = |name: &str| -> Result<Option<String>, Failure> { Ok(p.text(name)?.map(Cow::into_owned)) };
        let flag = |name: &str| -> Result<bool, Failure> { Ok(p.boolean(name)?.unwrap_or(false)) };
        let is_translate = own == Own::Translate;
        let system = text("system")?;
        if !is_translate && system.is_none() {
            return Err(required("system"));
        }
        let own_text = |name: &str| -> Result<Option<Cow<'static, str>>, Failure> { Ok(text(name)?.map(Cow::Owned)) };
        let subject = Subject {
            code: own_text("code")?,
            text: own_text("text")?,
            display: own_text("display")?,
            date: own_text("date")?,
            age: own_text("age")?,
            sex: own_text("sex")?,
            with: p.all("with").filter_map(|v| v.text().map(|t| Cow::Owned(t.into_owned()))).collect(),
            with_complete: p.boolean("with_complete")?,
            a: own_text("a")?,
            b: own_text("b")?,
        };
        let must = match own {
            Own::Lookup | Own::Validate | Own::Translate if subject.code.is_none() => Some("code"),
            Own::Subsumes if subject.a.is_none() => Some("a"),
            Own::Subsumes if subject.b.is_none() => Some("b"),
            Own::Search if subject.text.is_none() => Some("text"),
            _ => None,
        };
        match must {
            Some(name) if !many => return Err(required(name)),
            None if many => return Err(Failure::invalid("the subjects stand in the body; leave them out of the address")),
            _ => {}
        }
        let mut translator = TranslatorOptions::default();
        if is_translate {
            let policy = text("policy")?;
            translator = TranslatorOptions {
                from: text("from")?.ok_or_else(|| required("from"))?,
                to: text("to")?.ok_or_else(|| required("to"))?,
                map: text("map")?,
                reverse: flag("reverse")?,
                target_date: day("target_date", text("target_date")?.as_deref())?,
                policy: match policy {
                    None => Policy::default(),
                    Some(name) => Policy::from_code(&name)
                        .ok_or_else(|| wrong("policy", &format!("there is {}", Policy::ALL.map(Policy::code).join(", "))))?,
                },
                strict: flag("strict")?,
                margin: match text("margin")? {
                    None => None,
                    Some(m) => Some(
                        m.parse()
                            .ok()
                            .filter(|m: &f32| (0.0..=1.0).contains(m))
                            .ok_or_else(|| wrong("margin", "say a number from 0 to 1"))?,
                    ),
                },
                ancestor: flag("ancestor")?,
                any_day: false,
            };
        }
        let limit = match text("limit")? {
            None => SearchOptions::default().limit,
            Some(n) => n
                .parse()
                .ok()
                .filter(|n| (1..=limits.hits).contains(n))
                .ok_or_else(|| wrong("limit", &format!("say 1 to {}", limits.hits)))?,
        };
        let date = day("date", subject.date.as_deref())?;
        let search = SearchOptions {
            limit,
            date,
            billable: flag("billable")?,
            under: text("under")?,
            complete: flag("complete")?,
            text_only: flag("text_only")?,
            explain: flag("explain")?,
        };
        let facts = subject.facts(&Facts::default())?;
        Ok(Question { own, system: system.unwrap_or_default(), translator, search, subject, facts, date })
    }

    /// Who answers: prepared once for any number of subjects.
    pub fn asker<'e>(&self, engine: &'e Engine) -> Result<Asker<'e>, Failure> {
        Ok(match self.own {
            Own::Translate => Asker::Translate(engine, engine.translator(self.translator.clone())?.into()),
            Own::Search => Asker::Search(engine.searcher(engine.system(&self.system)?, self.search.clone())?.into()),
            _ => Asker::System(engine, engine.system(&self.system)?),
        })
    }

    /// Whether it says nothing of a person and depends on nothing but the index: such answers may be kept.
    pub fn is_plain(&self) -> bool {
        let s = &self.subject;
        let is_private = s.age.is_some() || s.sex.is_some() || !s.with.is_empty() || s.date.is_some();
        let has_words = s.text.is_some() || s.display.is_some() || self.own == Own::Search;
        !is_private && !has_words && self.translator.policy != Policy::Decision
    }

    /// Subjects to answer before others have their turn.
    pub fn portion(&self) -> usize {
        if self.own == Own::Search { 8 } else { 512 }
    }
}

pub(super) enum Asker<'e> {
    Translate(&'e Engine, Box<Translator<'e>>),
    Search(Box<Searcher<'e>>),
    System(&'e Engine, CodeSystem<'e>),
}

impl Asker<'_> {
    /// Answers the one subject of the query string.
    pub fn one(&self, question: &Question, state: &State, out: &mut Vec<u8>) -> Result<Option<Outcome>, Failure> {
        self.ask(question, &question.subject, &question.facts, question.date, state, out)
    }

    /// Answers one subject of the body: JSON, a text or an object.
    pub fn item(&self, question: &Question, json: &[u8], state: &State, out: &mut Vec<u8>) -> Result<Option<Outcome>, Failure> {
        let not_read = |e: serde_json::Error| {
            // The position helps, the words may be private.
            let what = match e.classify() {
                serde_json::error::Category::Data => {
                    "a field is not known here, stands there twice, or is of another type (codes are texts)"
                }
                serde_json::error::Category::Eof => "it ends too early",
                _ => "it is no JSON",
            };
            Failure::invalid(format!("a subject is a text or an object of this operation's fields; at column {}: {what}", e.column()))
        };
        if json.first() == Some(&b'"') {
            let given: Cow<'_, str> = match std::str::from_utf8(&json[1..json.len().max(2) - 1]) {
                // Without escapes the text stands there as it is.
                Ok(plain) if json.len() > 1 && json.ends_with(b"\"") && !plain.bytes().any(|b| b == b'\\' || b == b'"' || b < 0x20) => {
                    Cow::Borrowed(plain)
                }
                _ => Cow::Owned(serde_json::from_slice(json).map_err(not_read)?),
            };
            let subject = match question.own {
                Own::Search => Subject { text: Some(given), ..Subject::default() },
                _ => Subject { code: Some(given), ..Subject::default() },
            };
            return self.ask(question, &subject, &question.facts, question.date, state, out);
        }
        // serde would take a list for the fields in their order.
        if json.first() == Some(&b'[') {
            return Err(Failure::invalid("a subject is a text or an object of this operation's fields, not a list"));
        }
        let subject: Subject<'_> = serde_json::from_slice(json).map_err(not_read)?;
        let facts = subject.facts(&question.facts)?;
        let date = day("date", subject.date.as_deref())?.or(question.date);
        self.ask(question, &subject, &facts, date, state, out)
    }

    fn ask(
        &self,
        question: &Question,
        s: &Subject<'_>,
        facts: &Facts,
        date: Option<Date>,
        state: &State,
        out: &mut Vec<u8>,
    ) -> Result<Option<Outcome>, Failure> {
        let code = || s.code.as_deref().filter(|c| !c.trim().is_empty()).ok_or_else(|| required("code"));
        match (self, question.own) {
            (Asker::Translate(engine, translator), _) => {
                let answer = translator.translate(&Asked {
                    code: code()?,
                    date,
                    facts,
                    text: s.text.as_deref().or(question.subject.text.as_deref()),
                });
                state.metrics.outcome(answer.outcome);
                let warnings = engine.unknown_findings(facts).into_iter().map(|unknown| format!("with: {unknown}")).collect();
                write(&TranslateAnswer { warnings, ..TranslateAnswer::of(&answer) }, out)?;
                return Ok(Some(answer.outcome));
            }
            (Asker::Search(searcher), _) => {
                let query = s.text.as_deref().ok_or_else(|| required("text"))?;
                if query.len() > 1_000 {
                    return Err(wrong("text", "a search takes at most 1,000 bytes"));
                }
                write(&SearchAnswer::of(query, searcher.system().alias(), &searcher.search(query)), out)
            }
            (Asker::System(engine, system), Own::Lookup) => write(&LookupAnswer::of(&engine.lookup(*system, code()?, date)), out),
            (Asker::System(engine, system), Own::Validate) => write(
                &ValidateAnswer::of(
                    &engine.validate(*system, code()?, date, s.display.as_deref().or(question.subject.display.as_deref())),
                    date,
                ),
                out,
            ),
            (Asker::System(engine, system), _) => {
                let side = |given: &Option<Cow<'_, str>>, name: &str| {
                    given.as_deref().ok_or_else(|| required(name)).map(|code| engine.lookup(*system, code, date))
                };
                let (a, b) = (side(&s.a, "a")?, side(&s.b, "b")?);
                write(&SubsumesAnswer::of(&a, &b), out)
            }
        }?;
        Ok(None)
    }
}

fn write(answer: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Failure> {
    // Plain structs into a Vec: there is nothing that could fail but numbers that are none (a score).
    serde_json::to_writer(out, answer).map_err(|_| Failure::invalid("the answer cannot be written as JSON"))
}

impl Subject<'_> {
    /// The facts that the subject adds to those of all.
    fn facts(&self, shared: &Facts) -> Result<Facts, Failure> {
        let mut facts = shared.clone();
        if let Some(age) = &self.age {
            facts = facts.with_age(Age::parse(age).ok_or_else(|| wrong("age", "say a number and a unit, like 28d, 3m or 12y"))?);
        }
        if let Some(sex) = &self.sex {
            facts.sex = Some(Sex::parse(sex).ok_or_else(|| wrong("sex", "say female or male, or leave it out"))?);
        }
        for with in &self.with {
            match (with.split_once('|'), with.split_once('=')) {
                (Some((system, code)), _) if crate::model::System::find(system).is_some_and(|s| s.alias == "snomed") => {
                    let id = crate::model::rule::finding(code);
                    facts
                        .findings
                        .push(id.ok_or_else(|| wrong("with", "a SNOMED CT code is digits and a check digit, like snomed|248152002"))?);
                }
                (_, Some((attribute, value))) => facts.properties.push((attribute.to_owned(), value.to_owned())),
                _ => return Err(wrong("with", "say snomed|CODE, or ATTRIBUTE=VALUE")),
            }
        }
        facts.findings_complete = self.with_complete.unwrap_or(facts.findings_complete);
        match facts.contradiction() {
            None => Ok(facts),
            Some(why) => Err(Failure::invalid(format!("the facts contradict each other: {why}"))),
        }
    }
}
