//! Between the engine and the queue: what is on offer for a question, and what a choice among it means.

use super::Error;
use super::model::{Asked, Chosen, Item, Offer, Offered, Question, Verdict};
use crate::engine::{
    self, Asked as AskedOfEngine, Engine, Facts, Group, Origin, Outcome, Refusal, Target, TargetState, Translation, TranslatorOptions,
};
use crate::index::{CodeSystem, Concept};
use crate::model::Relationship;
use crate::model::rule::{Age, Sex};

/// Asks the maps what they offer for an item; nothing is picked.
///
/// `None` if the item has no code (a bare text) or names a system that the index lacks: then only search helps.
pub fn offered<'e>(engine: &'e Engine, question: &Question) -> Option<Translation<'e>> {
    if question.code.is_empty() {
        return None;
    }
    let options = TranslatorOptions { from: question.source_system.clone(), to: question.target_system.clone(), ..Default::default() };
    let translator = engine.translator(options).ok()?;
    let facts = facts_of_key(&question.facts);
    let text = (!question.text.is_empty()).then_some(question.text.as_str());
    Some(translator.translate(&AskedOfEngine { code: &question.code, date: None, facts: &facts, text }))
}

impl Offer {
    /// What an answer of the engine offers, as it is kept.
    pub fn of(translation: &Translation<'_>) -> Offer {
        let option = |t: &Target<'_>| Offered {
            code: t.concept.code().to_owned(),
            relationship: Some(t.relationship),
            score: t.score.map(f64::from),
            map: map_of(t),
            row: t.origin.row().map_or(0, |r| r.line()),
        };
        let scenarios = translation.scenarios.iter();
        Offer { scenarios: scenarios.map(|s| s.groups.iter().map(|g| g.options.iter().map(option).collect()).collect()).collect() }
    }

    /// The codes on offer, by scenario and group, without what else is known of them: two offers with the same are the same to a reviewer.
    pub fn codes(&self) -> Vec<Vec<Vec<&str>>> {
        fn group(group: &[Offered]) -> Vec<&str> {
            group.iter().map(|o| o.code.as_str()).collect()
        }
        self.scenarios.iter().map(|s| s.iter().map(|g| group(g)).collect()).collect()
    }
}

fn map_of(target: &Target<'_>) -> String {
    target.origin.map().map_or_else(String::new, |m| format!("{}|{}", m.id(), m.version()))
}

/// A new item for a code, with everything that the index says of it.
pub fn ask(engine: &Engine, from: &str, to: &str, code: &str, text: &str, facts: &Facts, records: u64) -> Result<Asked, Error> {
    let (source, target) = (engine.system(from)?, engine.system(to)?);
    let found = engine.lookup(source, code, None).concept;
    let question = Question {
        source_system: source.alias().to_owned(),
        code: found.map_or_else(|| code.trim().to_owned(), |c| c.code().to_owned()),
        display: found.and_then(|c| c.display()).unwrap_or_default().to_owned(),
        target_system: target.alias().to_owned(),
        text: text.trim().to_owned(),
        facts: facts_key(facts),
    };
    let translation = offered(engine, &question);
    Ok(Asked {
        records,
        outcome: translation.as_ref().map_or(Outcome::InvalidCode, |t| t.outcome).code().to_owned(),
        chapter: found.map_or_else(String::new, chapter),
        offer: translation.as_ref().map(Offer::of).unwrap_or_default(),
        question,
    })
}

/// The outermost ancestor: code and title.
pub fn chapter(concept: Concept<'_>) -> String {
    let top = concept.ancestors().find(|a| a.parents().next().is_none()).unwrap_or(concept);
    top.code().to_owned()
}

/// One option of each group of a scenario, counted from zero.
pub fn pick(translation: &Translation<'_>, scenario: usize, options: &[usize]) -> Result<Verdict, Error> {
    let groups = &translation.scenarios.get(scenario).ok_or(Error::NotOffered { what: format!("scenario {}", scenario + 1) })?.groups;
    if groups.len() != options.len() {
        return Err(Error::NotWhole { picks: options.len(), groups: groups.len() });
    }
    let mut targets: Vec<Chosen> = Vec::with_capacity(groups.len());
    // As sure as the least sure of the codes; unknown where the record's words do not rank them.
    let mut score = Some(f64::INFINITY);
    for (g, (group, &option)) in groups.iter().zip(options).enumerate() {
        let target = group.options.get(option).ok_or(Error::NotOffered { what: format!("option {} of group {}", option + 1, g + 1) })?;
        score = score.zip(target.score).map(|(least, s)| least.min(f64::from(s)));
        // Two groups may offer the same code; it is needed once.
        if !targets.iter().any(|t| t.code == target.concept.code()) {
            targets.push(chosen(target, g));
        }
    }
    Ok(Verdict { targets, scenario: u16::try_from(scenario).ok(), score: score.filter(|s| s.is_finite()) })
}

fn chosen(target: &Target<'_>, group: usize) -> Chosen {
    Chosen {
        group: u16::try_from(group).unwrap_or(u16::MAX),
        code: target.concept.code().to_owned(),
        display: target.concept.display().unwrap_or_default().to_owned(),
        relationship: target.relationship,
        map: if matches!(target.origin, Origin::Row(_) | Origin::Unmapped(_)) { map_of(target) } else { String::new() },
        row: target.origin.row().map_or(0, |r| r.line()),
    }
}

/// These codes, wherever they come from: on offer or found by search. A code that the target system lacks is refused with its nearest.
pub fn by_codes(engine: &Engine, question: &Question, codes: &[(String, Option<Relationship>)]) -> Result<Verdict, Error> {
    let system = engine.system(&question.target_system)?;
    let translation = offered(engine, question);
    let mut verdict = Verdict::no_map();
    for (place, (code, relationship)) in codes.iter().enumerate() {
        let concept = known(engine, system, code)?;
        let on_offer = translation.as_ref().and_then(|t| t.targets().find(|o| o.concept == concept));
        let mut target = on_offer.map_or_else(
            || Chosen {
                group: 0,
                code: concept.code().to_owned(),
                display: concept.display().unwrap_or_default().to_owned(),
                relationship: Relationship::RelatedTo,
                map: String::new(),
                row: 0,
            },
            |o| chosen(o, 0),
        );
        target.group = u16::try_from(place).unwrap_or(u16::MAX);
        if let Some(relationship) = relationship {
            target.relationship = *relationship;
        }
        verdict.targets.push(target);
    }
    Ok(verdict)
}

/// What to think of before these codes become an answer: those that nobody can record today, which no translation will use, and half of a
/// combination. They may still be meant.
pub fn doubts(engine: &Engine, question: &Question, verdict: &Verdict) -> Vec<String> {
    let Ok(system) = engine.system(&question.target_system) else { return Vec::new() };
    let concepts = verdict.targets.iter().filter_map(|t| system.concept(&t.code));
    let unusable = concepts.filter_map(|c| {
        let what = match engine::lapse(c, None)? {
            TargetState::Header => "is a header: it is not billable, a more particular code is wanted",
            TargetState::Expired => "is no longer a code",
            TargetState::Unlisted | TargetState::Valid => "is in no loaded release",
        };
        Some(format!("{} {what}; translations will not use this answer", c.code()))
    });
    unusable.chain(offered(engine, question).and_then(|t| missing(&t, verdict))).collect()
}

/// What the map wants beside these codes, if every reading that they are of needs more of them.
fn missing(translation: &Translation<'_>, verdict: &Verdict) -> Option<String> {
    let is_chosen = |g: &Group<'_>| g.options.iter().any(|o| verdict.targets.iter().any(|t| t.code == o.concept.code()));
    let mut readings = translation.scenarios.iter().filter(|s| s.groups.iter().any(is_chosen));
    let first = readings.next()?;
    let open = first.groups.iter().find(|g| !is_chosen(g))?;
    if readings.any(|s| s.groups.iter().all(is_chosen)) {
        return None;
    }
    let codes: Vec<&str> = open.options.iter().take(5).map(|o| o.concept.code()).collect();
    let more = if open.options.len() > codes.len() { " ..." } else { "" };
    Some(format!("the map needs {} codes together here; still missing: {}{more}", first.groups.len(), codes.join(" or ")))
}

fn known<'e>(engine: &'e Engine, system: CodeSystem<'e>, code: &str) -> Result<Concept<'e>, Error> {
    let found = engine.lookup(system, code, None);
    found.concept.ok_or_else(|| {
        let nearest: Vec<&str> = found.nearest.iter().map(|s| s.concept.code()).collect();
        Error::UnknownCode { code: code.trim().to_owned(), system: system.alias().to_owned(), nearest: nearest.join(", ") }
    })
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

/// Facts in one line, always in the same order: `age=12y;sex=female;with=44054006`. Empty if nothing is known.
///
/// It is part of what was asked, and private like the facts themselves.
pub fn facts_key(facts: &Facts) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(age) = facts.current_age.or(facts.age_at_onset) {
        parts.push(format!("age={age}"));
    }
    if let Some(sex) = facts.sex {
        parts.push(format!("sex={}", if sex == Sex::Female { "female" } else { "male" }));
    }
    let mut findings = facts.findings.clone();
    findings.sort_unstable();
    findings.dedup();
    parts.extend(findings.iter().map(|id| format!("with={id}")));
    let mut properties = facts.properties.clone();
    properties.sort();
    parts.extend(properties.iter().map(|(attribute, value)| format!("{attribute}={value}")));
    parts.join(";")
}

/// Reads what [`facts_key`] wrote.
pub fn facts_of_key(key: &str) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in key.split(';').filter_map(|part| part.split_once('=')) {
        match name {
            "age" => facts = Age::parse(value).map_or_else(|| facts.clone(), |age| facts.clone().with_age(age)),
            "sex" => facts.sex = Sex::parse(value),
            "with" => facts.findings.extend(value.parse::<u64>().ok()),
            _ => facts.properties.push((name.to_owned(), value.to_owned())),
        }
    }
    facts
}

/// What a reviewer sees of an item in one look: `asked` and `offered` may differ after a new release.
pub fn offer_changed(before: Option<&Offer>, item: &Item, engine: &Engine) -> bool {
    let now = offered(engine, &item.question).map(|t| Offer::of(&t)).unwrap_or_default();
    before.is_some_and(|before| before.codes() != now.codes())
}
