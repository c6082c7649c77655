//! Own CSV: a row a target, everything that the store holds of an item except its history.
//!
//! Reads a job's `review.csv` too: the columns that both have bear the same names.

use super::table::{Table, Writer};
use super::{Context, ExchangeError, Exchanged, Problem, Readout, gather, key};
use crate::decisions::model::{Chosen, Question, Status, Verdict};
use crate::engine::Outcome;
use crate::model::Relationship;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};

const COLUMNS: [&str; 25] = [
    "source_system",
    "source_code",
    "source_display",
    "target_system",
    "text",
    "facts",
    "records",
    "outcome",
    "chapter",
    "status",
    "no_map",
    "scenario",
    "group",
    "target_code",
    "target_display",
    "relationship",
    "map",
    "row",
    "score",
    "author",
    "approver",
    "at",
    "why",
    "assignee",
    "second",
];

/// What a job's `review.csv` calls the same, and what of it the index says anew.
const OF_A_JOB: [&str; 6] = ["system", "code", "display", "count", "options", "message"];

pub fn write(items: &[Exchanged], to: &mut dyn Write) -> Result<u64, ExchangeError> {
    let mut table = Writer::new(to, b',', &COLUMNS)?;
    for item in items {
        let verdict = item.verdict.as_ref();
        let none = [None];
        let some: Vec<Option<&Chosen>> = verdict.map_or_else(Vec::new, |v| v.targets.iter().map(Some).collect());
        for target in if some.is_empty() { &none[..] } else { &some[..] } {
            let number = |n: Option<String>| Cow::Owned(n.unwrap_or_default());
            let of = |f: fn(&Chosen) -> &str| Cow::Borrowed(target.map_or("", f));
            let q = &item.question;
            table.row([
                Cow::Borrowed(q.source_system.as_str()),
                Cow::Borrowed(&q.code),
                Cow::Borrowed(&q.display),
                Cow::Borrowed(&q.target_system),
                Cow::Borrowed(&q.text),
                Cow::Borrowed(&q.facts),
                number(item.records.map(|n| n.to_string())),
                Cow::Borrowed(&item.outcome),
                Cow::Borrowed(&item.chapter),
                Cow::Borrowed(item.status.code()),
                Cow::Borrowed(if verdict.is_some_and(Verdict::is_no_map) { "yes" } else { "" }),
                number(verdict.and_then(|v| v.scenario).map(|s| s.to_string())),
                number(target.map(|t| t.group.to_string())),
                of(|t| &t.code),
                of(|t| &t.display),
                of(|t| t.relationship.code()),
                of(|t| &t.map),
                number(target.filter(|t| t.row > 0).map(|t| t.row.to_string())),
                number(verdict.and_then(|v| v.score).map(|s| s.to_string())),
                Cow::Borrowed(&item.author),
                Cow::Borrowed(&item.approver),
                Cow::Borrowed(&item.at),
                Cow::Borrowed(&item.why),
                Cow::Borrowed(&item.assignee),
                Cow::Borrowed(&item.second),
            ])?;
        }
    }
    table.finish()?;
    Ok(items.len() as u64)
}

pub fn read(from: &mut dyn Read, context: &Context) -> Result<Readout, ExchangeError> {
    let mut problems = Vec::new();
    let known: Vec<&str> = COLUMNS.into_iter().chain(OF_A_JOB).collect();
    let table = Table::read(from, b',', &[], &known, &mut problems)?;
    if !table.has("source_code") && !table.has("code") {
        return Err(ExchangeError::NotThis("there is no column `source_code` (or `code`, as in a job's review.csv)".to_owned()));
    }
    let mut rows = Vec::new();
    let (mut nameless, mut unasked) = (0, 0);
    // A job has a row for each set of options that a code has in its records, and counts each by itself.
    let mut of_a_job = HashMap::new();
    for row in table.rows() {
        let or = |column: &str, other: &str| if row.get(column).is_empty() { other.to_owned() } else { row.owned(column) };
        // As a job writes it where a record names no system, or one that is not loaded: that is settled in the job.
        if row.get("outcome") == Outcome::UnknownSystem.code() && or("source_system", row.get("system")).is_empty() {
            unasked += 1;
            continue;
        }
        // Both spellings: ours, then that of a job.
        let either = |own: &str, job: &str| or(own, row.get(job));
        let mut question = Question {
            source_system: Some(either("source_system", "system"))
                .filter(|s| !s.is_empty())
                .unwrap_or_else(|| context.source_system.clone()),
            code: either("source_code", "code"),
            display: either("source_display", "display"),
            target_system: or("target_system", &context.target_system),
            text: row.owned("text"),
            facts: row.owned("facts"),
        };
        if question.source_system.is_empty() || question.target_system.is_empty() {
            let missing = if question.source_system.is_empty() { "source system (--from)" } else { "target system (--to)" };
            problems.push(Problem { line: row.line, what: format!("no {missing}; the row was left out") });
            nameless += 1;
            continue;
        }
        // What a job asked with `--from text` are words, not a code.
        if question.source_system == "text" && question.text.is_empty() {
            (question.text, question.display) = (std::mem::take(&mut question.code), String::new());
        }
        let mut status = match row.get("status") {
            "" => Status::Unreviewed,
            code => match Status::from_code(code) {
                Some(status) => status,
                None => {
                    problems.push(Problem { line: row.line, what: format!("status `{code}` is none; the row was left out") });
                    continue;
                }
            },
        };
        let counts = row.not_a_number::<u64>(&["records", "count"]).or_else(|| row.not_a_number::<u32>(&["row"]));
        let places = || row.not_a_number::<u16>(&["scenario", "group"]).or_else(|| row.not_a_number::<f64>(&["score"]));
        if let Some(problem) = counts.or_else(places) {
            problems.push(problem);
            continue;
        }
        let at = row.get("at");
        let is_time = at.is_empty() || at.parse::<jiff::Timestamp>().is_ok();
        if !is_time {
            let what = format!("`{at}` is no time (2026-11-22T04:12:33Z is one); that of the import was taken");
            problems.push(Problem { line: row.line, what });
        }
        let code = row.get("target_code");
        let relationship = match row.get("relationship") {
            "" => Relationship::RelatedTo,
            r => match Relationship::from_code(r) {
                Some(relationship) => relationship,
                None => {
                    problems.push(Problem { line: row.line, what: format!("relationship `{r}` is none of FHIR R5; the row was left out") });
                    continue;
                }
            },
        };
        let targets = (!code.is_empty()).then(|| Chosen {
            group: row.number("group").unwrap_or(0),
            code: code.to_owned(),
            display: row.owned("target_display"),
            relationship,
            map: row.owned("map"),
            row: row.number("row").unwrap_or(0),
        });
        // `TRUE` is what a spreadsheet makes of it.
        let no_map = status == Status::NoMap || ["yes", "true", "1"].iter().any(|word| row.get("no_map").eq_ignore_ascii_case(word));
        if no_map && !code.is_empty() {
            let what = format!("it says `{code}`, and that there is no map; the row was left out");
            problems.push(Problem { line: row.line, what });
            continue;
        }
        let decided = no_map || !code.is_empty();
        if !decided && matches!(status, Status::Approved | Status::Proposed | Status::Rejected) {
            let what =
                format!("{} without a code and not marked as having no map (no_map: yes); taken in without an answer", status.code());
            problems.push(Problem { line: row.line, what });
            status = Status::Unreviewed;
        }
        let verdict = decided.then(|| Verdict {
            targets: targets.into_iter().collect(),
            scenario: row.number("scenario"),
            score: row.number("score"),
        });
        let counted = row.number("records").or_else(|| row.number("count"));
        if let Some(count) = counted.filter(|_| row.get("records").is_empty()) {
            let sum: &mut u64 = of_a_job.entry(key(&question)).or_default();
            *sum = sum.saturating_add(count);
        }
        rows.push(Exchanged {
            question,
            records: counted,
            outcome: row.owned("outcome"),
            chapter: row.owned("chapter"),
            status,
            verdict,
            author: row.owned("author"),
            approver: row.owned("approver"),
            at: if is_time { at.to_owned() } else { String::new() },
            why: row.owned("why"),
            assignee: row.owned("assignee"),
            second: row.owned("second"),
            line: row.line,
        });
    }
    if rows.is_empty() && nameless > 0 {
        return Err(ExchangeError::NoSystems { format: "this file" });
    }
    let mut items = gather(rows, &mut problems);
    for item in &mut items {
        item.records = of_a_job.get(&key(&item.question)).copied().or(item.records);
    }
    Ok(Readout { items, problems, unasked, ..Readout::default() })
}
