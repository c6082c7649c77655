//! The CSV that OHDSI Usagi saves and opens: a row a target. <https://github.com/OHDSI/Usagi>
//!
//! Holds: code, title, frequency, targets with concept id, status, equivalence, author, approver, assignee, remark. Usagi has no place
//! for systems, facts, scenario and origin; they travel in `ADD_INFO:` columns, which it keeps as they are. It has no *rejected*: such
//! an item is `FLAGGED`, with its own status in `ADD_INFO:status`.

use super::table::{Table, Writer};
use super::{Context, ExchangeError, Exchanged, Problem, Readout, from_millis, gather, millis};
use crate::decisions::model::{Chosen, Question, Status, Verdict};
use crate::model::Relationship;
use std::borrow::Cow;
use std::io::{Read, Write};

const COLUMNS: [&str; 28] = [
    "sourceCode",
    "sourceName",
    "sourceFrequency",
    "sourceAutoAssignedConceptIds",
    "ADD_INFO:sourceSystem",
    "ADD_INFO:targetSystem",
    "ADD_INFO:text",
    "ADD_INFO:facts",
    "ADD_INFO:status",
    "ADD_INFO:targetCode",
    "ADD_INFO:relationship",
    "ADD_INFO:scenario",
    "ADD_INFO:group",
    "ADD_INFO:map",
    "ADD_INFO:row",
    "matchScore",
    "mappingStatus",
    "equivalence",
    "statusSetBy",
    "statusSetOn",
    "conceptId",
    "conceptName",
    "domainId",
    "mappingType",
    "comment",
    "createdBy",
    "createdOn",
    "assignedReviewer",
];

pub fn write(items: &[Exchanged], context: &Context, to: &mut dyn Write) -> Result<u64, ExchangeError> {
    let mut table = Writer::new(to, b',', &COLUMNS)?;
    for item in items {
        let (q, verdict) = (&item.question, item.verdict.as_ref());
        let some: Vec<Option<&Chosen>> = verdict.map_or_else(Vec::new, |v| v.targets.iter().map(Some).collect());
        for target in if some.is_empty() { &[None][..] } else { &some[..] } {
            let own = |n: Option<String>| Cow::Owned(n.unwrap_or_default());
            let id = target.and_then(|t| context.concepts.id(&q.target_system, &t.code)).unwrap_or(0);
            let equivalence = match (target, verdict) {
                (Some(t), _) => usagi_equivalence(t.relationship),
                (None, Some(_)) => "UNMATCHED",
                (None, None) => "UNREVIEWED",
            };
            table.row([
                Cow::Borrowed(q.code.as_str()),
                Cow::Borrowed(if q.text.is_empty() { &q.display } else { &q.text }),
                own(item.records.map(|n| n.to_string())),
                Cow::Borrowed(""),
                Cow::Borrowed(&q.source_system),
                Cow::Borrowed(&q.target_system),
                Cow::Borrowed(&q.text),
                Cow::Borrowed(&q.facts),
                Cow::Borrowed(item.status.code()),
                Cow::Borrowed(target.map_or("", |t| &t.code)),
                Cow::Borrowed(target.map_or("", |t| t.relationship.code())),
                own(verdict.and_then(|v| v.scenario).map(|s| s.to_string())),
                own(target.map(|t| t.group.to_string())),
                Cow::Borrowed(target.map_or("", |t| &t.map)),
                own(target.filter(|t| t.row > 0).map(|t| t.row.to_string())),
                own(verdict.and_then(|v| v.score).map(|s| s.to_string())),
                Cow::Borrowed(usagi_status(item.status)),
                Cow::Borrowed(equivalence),
                Cow::Borrowed(&item.approver),
                Cow::Owned(millis(&item.at).to_string()),
                Cow::Owned(id.to_string()),
                Cow::Borrowed(target.map_or("", |t| &t.display)),
                Cow::Borrowed(""),
                Cow::Borrowed(if target.is_some() { "MAPS_TO" } else { "" }),
                Cow::Borrowed(&item.why),
                Cow::Borrowed(&item.author),
                Cow::Owned(millis(&item.at).to_string()),
                Cow::Borrowed(&item.assignee),
            ])?;
        }
    }
    table.finish()?;
    Ok(items.len() as u64)
}

/// What Usagi knows; of the automatic ones nobody has checked any.
const STATUSES: [&str; 7] = ["APPROVED", "UNCHECKED", "AUTO_MAPPED", "AUTO_MAPPED_TO_1", "INVALID_TARGET", "FLAGGED", "IGNORED"];

/// How many targets Usagi will take for no concept: it goes by the id, whatever stands beside it.
pub fn without_concept(items: &[Exchanged], context: &Context) -> u64 {
    let of = |item: &Exchanged| {
        let targets = item.verdict.iter().flat_map(|v| &v.targets);
        targets.filter(|t| context.concepts.id(&item.question.target_system, &t.code).is_none()).count() as u64
    };
    items.iter().map(of).sum()
}

fn usagi_status(status: Status) -> &'static str {
    match status {
        Status::Unreviewed | Status::Proposed => "UNCHECKED",
        Status::Approved => "APPROVED",
        Status::Flagged | Status::Rejected => "FLAGGED",
        Status::NoMap => "IGNORED",
    }
}

/// Usagi's words are those of HL7 R4, which say what the target is.
fn usagi_equivalence(relationship: Relationship) -> &'static str {
    match relationship {
        Relationship::Equivalent => "EQUIVALENT",
        Relationship::SourceIsNarrowerThanTarget => "WIDER",
        Relationship::SourceIsBroaderThanTarget => "NARROWER",
        Relationship::RelatedTo => "INEXACT",
        Relationship::NotRelatedTo => "UNMATCHED",
    }
}

pub fn read(from: &mut dyn Read, context: &Context) -> Result<Readout, ExchangeError> {
    let mut problems = Vec::new();
    let mut known = COLUMNS.to_vec();
    known.push("ADD_INFO:*");
    let table = Table::read(from, b',', &["sourceCode", "mappingStatus", "conceptId"], &known, &mut problems)?;
    let mut rows = Vec::new();
    for row in table.rows() {
        let or = |column: &str, other: &str| if row.get(column).is_empty() { other.to_owned() } else { row.owned(column) };
        let text = row.owned("ADD_INFO:text");
        let question = Question {
            source_system: or("ADD_INFO:sourceSystem", &context.source_system),
            code: row.owned("sourceCode"),
            display: if text.is_empty() { row.owned("sourceName") } else { String::new() },
            target_system: or("ADD_INFO:targetSystem", &context.target_system),
            text,
            facts: row.owned("ADD_INFO:facts"),
        };
        if question.source_system.is_empty() || question.target_system.is_empty() {
            return Err(ExchangeError::NoSystems { format: "Usagi" });
        }
        let id: u64 = row.number("conceptId").unwrap_or(0);
        let mut code = row.owned("ADD_INFO:targetCode");
        if code.is_empty() && id > 0 {
            match context.concepts.code(id) {
                Some((system, c)) if system == question.target_system => c.clone_into(&mut code),
                _ if context.concepts.is_empty() => return Err(ExchangeError::NoConcepts { format: "Usagi" }),
                _ => {
                    let what = format!("concept {id} is no code of {}; the row was left out", question.target_system);
                    problems.push(Problem { line: row.line, what });
                    continue;
                }
            }
        }
        let word = row.get("mappingStatus").to_ascii_uppercase();
        if !word.is_empty() && !STATUSES.contains(&word.as_str()) {
            let what = format!("mappingStatus `{word}` is none of Usagi's; taken in as unchecked");
            problems.push(Problem { line: row.line, what });
        }
        let status = match (word.as_str(), Status::from_code(row.get("ADD_INFO:status"))) {
            // What was written beside it counts as long as Usagi's own word was not changed.
            (word, Some(status)) if usagi_status(status) == word => status,
            ("APPROVED", _) if code.is_empty() => Status::NoMap,
            ("APPROVED", _) => Status::Approved,
            ("FLAGGED" | "INVALID_TARGET", _) => Status::Flagged,
            ("IGNORED", _) => Status::NoMap,
            _ if code.is_empty() => Status::Unreviewed,
            _ => Status::Proposed,
        };
        let relationship =
            Relationship::from_code(row.get("ADD_INFO:relationship")).filter(|r| usagi_equivalence(*r) == row.get("equivalence"));
        let relationship = relationship.unwrap_or(match row.get("equivalence") {
            "EQUAL" | "EQUIVALENT" => Relationship::Equivalent,
            "WIDER" => Relationship::SourceIsNarrowerThanTarget,
            "NARROWER" => Relationship::SourceIsBroaderThanTarget,
            _ => Relationship::RelatedTo,
        });
        let decided = !code.is_empty() || status == Status::NoMap || row.get("equivalence") == "UNMATCHED";
        let targets = (!code.is_empty()).then(|| Chosen {
            group: row.number("ADD_INFO:group").unwrap_or(0),
            display: row.owned("conceptName"),
            relationship,
            map: row.owned("ADD_INFO:map"),
            row: row.number("ADD_INFO:row").unwrap_or(0),
            code,
        });
        let score = row.number("matchScore").filter(|s: &f64| (0.0..=1.0).contains(s));
        let verdict = decided.then(|| Verdict { targets: targets.into_iter().collect(), scenario: row.number("ADD_INFO:scenario"), score });
        rows.push(Exchanged {
            question,
            records: row.number("sourceFrequency").filter(|n| *n > 0),
            status,
            verdict,
            author: row.owned("createdBy"),
            approver: row.owned("statusSetBy"),
            at: from_millis(row.get("statusSetOn")),
            why: row.owned("comment"),
            assignee: row.owned("assignedReviewer"),
            line: row.line,
            ..Exchanged::default()
        });
    }
    Ok(Readout { items: gather(rows, &mut problems), problems, ..Readout::default() })
}
