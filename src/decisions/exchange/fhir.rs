//! FHIR ConceptMap, R4 and R5. <https://hl7.org/fhir/R4/conceptmap.html> <https://hl7.org/fhir/R5/conceptmap.html>
//!
//! Holds: codes, titles, relationships (R4: equivalence), *no map*. What a ConceptMap has no element for (status, people, counts, words,
//! facts, scenario, group, origin) is in extensions `urn:xwalk:decision` on the element and `urn:xwalk:target` on the target; who does
//! not know them loses nothing that a ConceptMap says. Codes of a combination are targets of one element with the same scenario and
//! different groups; several targets without groups, as others publish them, are alternatives. A published target that holds only under
//! conditions (`dependsOn`) or with something else (`product`) is taken in flagged: a decision has no place for those.

use super::{Context, ExchangeError, Exchanged, Problem, Readout, gather};
use crate::decisions::model::{Chosen, Question, Status, Verdict};
use crate::model::Relationship;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};

const DECISION: &str = "urn:xwalk:decision";
const TARGET: &str = "urn:xwalk:target";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    R4,
    R5,
}

pub fn write(items: &[Exchanged], version: Version, context: &Context, to: &mut dyn Write) -> Result<u64, ExchangeError> {
    let mut pairs: Vec<((&str, &str), Vec<Value>)> = Vec::new();
    for item in items {
        let pair = (item.question.source_system.as_str(), item.question.target_system.as_str());
        let element = element(item, version);
        match pairs.iter_mut().find(|(p, _)| *p == pair) {
            Some((_, elements)) => elements.push(element),
            None => pairs.push((pair, vec![element])),
        }
    }
    let groups: Vec<Value> = pairs
        .into_iter()
        .map(|((source, target), elements)| {
            let mut group = Map::new();
            let canonical = |alias: &str| match (version, context.version(alias)) {
                (Version::R5, v) if !v.is_empty() => format!("{}|{v}", context.uri(alias)),
                _ => context.uri(alias).to_owned(),
            };
            group.insert("source".into(), canonical(source).into());
            if version == Version::R4 && !context.version(source).is_empty() {
                group.insert("sourceVersion".into(), context.version(source).into());
            }
            group.insert("target".into(), canonical(target).into());
            if version == Version::R4 && !context.version(target).is_empty() {
                group.insert("targetVersion".into(), context.version(target).into());
            }
            group.insert("element".into(), elements.into());
            Value::Object(group)
        })
        .collect();
    let mut map = Map::new();
    map.insert("resourceType".into(), "ConceptMap".into());
    map.insert("url".into(), if context.set.is_empty() { "urn:xwalk:decisions" } else { &context.set }.into());
    map.insert("name".into(), "ReviewedDecisions".into());
    map.insert("status".into(), "active".into());
    if let Some(date) = items.iter().map(|i| i.at.as_str()).max().filter(|d| !d.is_empty()) {
        map.insert("date".into(), date.into());
    }
    if !groups.is_empty() {
        map.insert("group".into(), groups.into());
    }
    serde_json::to_writer_pretty(&mut *to, &map).map_err(std::io::Error::from)?;
    writeln!(to)?;
    Ok(items.len() as u64)
}

fn element(item: &Exchanged, version: Version) -> Value {
    let q = &item.question;
    let mut element = Map::new();
    let verdict = item.verdict.as_ref();
    let mut parts = Vec::new();
    let mut add = |name: &str, kind: &str, value: Value| {
        if value != "" {
            parts.push(json!({ "url": name, kind: value }));
        }
    };
    add("status", "valueCode", item.status.code().into());
    if let Some(records) = item.records {
        add("records", "valueDecimal", records.into());
    }
    add("author", "valueString", item.author.as_str().into());
    add("approver", "valueString", item.approver.as_str().into());
    add("at", "valueDateTime", item.at.as_str().into());
    add("why", "valueString", item.why.as_str().into());
    add("text", "valueString", q.text.as_str().into());
    add("facts", "valueString", q.facts.as_str().into());
    add("outcome", "valueString", item.outcome.as_str().into());
    add("chapter", "valueString", item.chapter.as_str().into());
    add("assignee", "valueString", item.assignee.as_str().into());
    add("second", "valueString", item.second.as_str().into());
    if let Some(scenario) = verdict.and_then(|v| v.scenario) {
        add("scenario", "valueInteger", scenario.into());
    }
    if let Some(score) = verdict.and_then(|v| v.score) {
        add("score", "valueDecimal", score.into());
    }
    element.insert("extension".into(), json!([{ "url": DECISION, "extension": parts }]));
    element.insert("code".into(), q.code.as_str().into());
    if !q.display.is_empty() {
        element.insert("display".into(), q.display.as_str().into());
    }
    match verdict {
        Some(v) if v.is_no_map() && version == Version::R5 => drop(element.insert("noMap".into(), true.into())),
        Some(v) if v.is_no_map() => drop(element.insert("target".into(), json!([{ "equivalence": "unmatched" }]))),
        Some(v) => drop(element.insert("target".into(), v.targets.iter().map(|t| target(t, version)).collect())),
        None => {}
    }
    Value::Object(element)
}

fn target(chosen: &Chosen, version: Version) -> Value {
    let mut target = Map::new();
    let mut parts = vec![json!({ "url": "group", "valueInteger": chosen.group })];
    if !chosen.map.is_empty() {
        parts.push(json!({ "url": "map", "valueString": chosen.map }));
    }
    if chosen.row > 0 {
        parts.push(json!({ "url": "row", "valueInteger": chosen.row }));
    }
    target.insert("extension".into(), json!([{ "url": TARGET, "extension": parts }]));
    target.insert("code".into(), chosen.code.as_str().into());
    if !chosen.display.is_empty() {
        target.insert("display".into(), chosen.display.as_str().into());
    }
    match version {
        Version::R4 => target.insert("equivalence".into(), chosen.relationship.r4_equivalence().into()),
        Version::R5 => target.insert("relationship".into(), chosen.relationship.code().into()),
    };
    Value::Object(target)
}

/// Reads either version: the elements say which it is.
pub fn read(from: &mut dyn Read, context: &Context) -> Result<Readout, ExchangeError> {
    let map: Value = serde_json::from_reader(from).map_err(|e| ExchangeError::NotThis(e.to_string()))?;
    if map["resourceType"] != "ConceptMap" {
        return Err(ExchangeError::NotThis("its resourceType is not ConceptMap".to_owned()));
    }
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for group in list(&map["group"]) {
        // A canonical may carry its version.
        let system = |name: &str| text(&group[name]).split_once('|').map_or_else(|| text(&group[name]), |(uri, _)| uri);
        let (source, target) = (context.alias(system("source")), context.alias(system("target")));
        if source.is_empty() || target.is_empty() {
            problems.push(Problem { line: 0, what: "a group without source or target was left out".to_owned() });
            continue;
        }
        for e in list(&group["element"]) {
            match read_element(e, (source, target)) {
                Ok(of_element) => rows.extend(of_element),
                Err(what) => problems.push(Problem { line: 0, what }),
            }
        }
    }
    Ok(Readout { items: gather(rows, &mut problems), problems, ..Readout::default() })
}

/// A row for each target, and one if there is none.
fn read_element(e: &Value, (source, target): (&str, &str)) -> Result<Vec<Exchanged>, String> {
    let said = |name: &str| part(e, DECISION, name);
    let word = |name: &str| said(name).map_or("", text).to_owned();
    let code = text(&e["code"]);
    let row = |answer: Option<Option<Chosen>>, status: Status| Exchanged {
        question: Question {
            source_system: source.to_owned(),
            code: code.to_owned(),
            display: text(&e["display"]).to_owned(),
            target_system: target.to_owned(),
            text: word("text"),
            facts: word("facts"),
        },
        records: said("records").and_then(Value::as_u64),
        outcome: word("outcome"),
        chapter: word("chapter"),
        // A map that somebody published is settled; ours says itself where it stands.
        status: Status::from_code(&word("status")).unwrap_or(status),
        verdict: answer.map(|targets| Verdict {
            scenario: said("scenario").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()),
            score: said("score").and_then(Value::as_f64),
            targets: targets.into_iter().collect(),
        }),
        author: word("author"),
        approver: word("approver"),
        at: word("at"),
        why: word("why"),
        assignee: word("assignee"),
        second: word("second"),
        line: 0,
    };
    let mut rows = Vec::new();
    if e["noMap"] == true {
        rows.push(row(Some(None), Status::NoMap));
    }
    for t in list(&e["target"]) {
        let relationship = match (text(&t["relationship"]), text(&t["equivalence"])) {
            (_, "unmatched") => {
                rows.push(row(Some(None), Status::NoMap));
                continue;
            }
            ("", r4) => Relationship::from_r4_equivalence(r4).ok_or_else(|| format!("{code}: equivalence `{r4}` is none of FHIR R4"))?,
            (r5, _) => Relationship::from_code(r5).ok_or_else(|| format!("{code}: relationship `{r5}` is none of FHIR R5"))?,
        };
        let of = |name: &str| part(t, TARGET, name);
        let chosen = Chosen {
            group: of("group").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).unwrap_or(0),
            code: text(&t["code"]).to_owned(),
            display: text(&t["display"]).to_owned(),
            relationship,
            map: of("map").map_or("", text).to_owned(),
            row: of("row").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        };
        if chosen.code.is_empty() {
            return Err(format!("{code}: a target without a code"));
        }
        let conditions = ["dependsOn", "product"].into_iter().find(|name| !list(&t[*name]).is_empty());
        let mut target = row(Some(Some(chosen)), if conditions.is_some() { Status::Flagged } else { Status::Approved });
        if let Some(name) = conditions {
            target.why = format!("the map adds conditions ({name}) that a decision cannot hold. {}", target.why).trim_end().to_owned();
        }
        rows.push(target);
    }
    if rows.is_empty() {
        rows.push(row(None, Status::Unreviewed));
    }
    Ok(rows)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// The value of a part of one of our extensions, whatever its type.
fn part<'v>(of: &'v Value, extension: &str, name: &str) -> Option<&'v Value> {
    let ours = list(&of["extension"]).iter().find(|e| e["url"] == extension)?;
    let part = list(&ours["extension"]).iter().find(|p| p["url"] == name)?;
    part.as_object()?.iter().find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)
}
