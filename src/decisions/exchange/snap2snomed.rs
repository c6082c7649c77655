//! The TSV that Snap2SNOMED exports: a row a target. <https://snap2snomed.app>
//!
//! Holds: code, title, target, relationship (four kinds), *no map*, status. It has no place for people, counts, scenarios, groups or
//! origins: a combination comes back as alternatives, flagged. An answer for certain words or facts is not written. Further columns of the
//! source travel along there, so the systems do. *Flagged* has no word there and becomes `INREVIEW`.

use super::table::{Table, Writer};
use super::{Context, ExchangeError, Exchanged, Problem, Readout, gather};
use crate::decisions::model::{Chosen, Question, Status, Verdict};
use crate::model::Relationship;
use std::borrow::Cow;
use std::io::{Read, Write};

const COLUMNS: [&str; 10] = [
    "Source code",
    "Source display",
    "Source system",
    "Target system",
    "Target code",
    "Target display",
    "Relationship type code",
    "Relationship type display",
    "No map flag",
    "Status",
];

pub fn write(items: &[Exchanged], to: &mut dyn Write) -> Result<u64, ExchangeError> {
    let mut table = Writer::new(to, b'\t', &COLUMNS)?;
    for item in items {
        let (q, verdict) = (&item.question, item.verdict.as_ref());
        let some: Vec<Option<&Chosen>> = verdict.map_or_else(Vec::new, |v| v.targets.iter().map(Some).collect());
        for target in if some.is_empty() { &[None][..] } else { &some[..] } {
            let (code, display) = target.map_or(("", ""), |t| relationship(t.relationship));
            let flag = if verdict.is_some_and(Verdict::is_no_map) { "true" } else { "false" };
            let cells = [
                q.code.as_str(),
                &q.display,
                &q.source_system,
                &q.target_system,
                target.map_or("", |t| &t.code),
                target.map_or("", |t| &t.display),
                code,
                display,
                flag,
                status_word(item.status),
            ];
            table.row(cells.map(Cow::Borrowed))?;
        }
    }
    table.finish()?;
    Ok(items.len() as u64)
}

fn relationship(relationship: Relationship) -> (&'static str, &'static str) {
    match relationship {
        Relationship::Equivalent => ("TARGET_EQUIVALENT", "Target is equivalent"),
        Relationship::SourceIsNarrowerThanTarget => ("TARGET_BROADER", "Target is broader"),
        Relationship::SourceIsBroaderThanTarget => ("TARGET_NARROWER", "Target is narrower"),
        Relationship::RelatedTo | Relationship::NotRelatedTo => ("TARGET_INEXACT", "Target is inexact"),
    }
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Unreviewed => "UNMAPPED",
        Status::Proposed => "MAPPED",
        Status::Flagged => "INREVIEW",
        Status::Approved | Status::NoMap => "ACCEPTED",
        Status::Rejected => "REJECTED",
    }
}

pub fn read(from: &mut dyn Read, context: &Context) -> Result<Readout, ExchangeError> {
    let mut problems = Vec::new();
    let table = Table::read(from, b'\t', &["Source code", "Target code", "Status"], &COLUMNS, &mut problems)?;
    let mut rows = Vec::new();
    for row in table.rows() {
        let or = |column: &str, other: &str| if row.get(column).is_empty() { other.to_owned() } else { row.owned(column) };
        let question = Question {
            source_system: or("Source system", &context.source_system),
            code: row.owned("Source code"),
            display: row.owned("Source display"),
            target_system: or("Target system", &context.target_system),
            ..Question::default()
        };
        if question.source_system.is_empty() || question.target_system.is_empty() {
            return Err(ExchangeError::NoSystems { format: "Snap2SNOMED" });
        }
        let code = row.get("Target code");
        let no_map = row.get("No map flag").eq_ignore_ascii_case("true");
        let status = match row.get("Status") {
            "UNMAPPED" | "" => Status::Unreviewed,
            "DRAFT" | "MAPPED" => Status::Proposed,
            "INREVIEW" | "RECONCILE" => Status::Flagged,
            "ACCEPTED" if no_map => Status::NoMap,
            "ACCEPTED" => Status::Approved,
            "REJECTED" => Status::Rejected,
            other => {
                problems.push(Problem { line: row.line, what: format!("status `{other}` is not known; the row was left out") });
                continue;
            }
        };
        if !no_map && code.is_empty() && status.is_settled() {
            let what = "accepted, but without a target and not marked as having no map; the row was left out".to_owned();
            problems.push(Problem { line: row.line, what });
            continue;
        }
        let targets = (!code.is_empty()).then(|| Chosen {
            group: 0,
            code: code.to_owned(),
            display: row.owned("Target display"),
            relationship: match row.get("Relationship type code") {
                "TARGET_EQUIVALENT" => Relationship::Equivalent,
                "TARGET_BROADER" => Relationship::SourceIsNarrowerThanTarget,
                "TARGET_NARROWER" => Relationship::SourceIsBroaderThanTarget,
                _ => Relationship::RelatedTo,
            },
            map: String::new(),
            row: 0,
        });
        let verdict = (no_map || !code.is_empty()).then(|| Verdict { targets: targets.into_iter().collect(), ..Verdict::default() });
        rows.push(Exchanged { question, status, verdict, line: row.line, ..Exchanged::default() });
    }
    Ok(Readout { items: gather(rows, &mut problems), problems, ..Readout::default() })
}
