//! OMOP `SOURCE_TO_CONCEPT_MAP`, CDM 5.4: what an ETL loads. <https://ohdsi.github.io/CommonDataModel/cdm54.html#source_to_concept_map>
//!
//! Holds approved decisions only: a row a target, concept 0 for *no map*. It has no place for relationships, people, counts, remarks or
//! groups: an ETL writes a record for each row of a code, but several rows of a file may as well be alternatives that nobody has settled,
//! so they come back flagged. An answer for certain words or facts is not written: an ETL would use it for every record of the code.

use super::concepts::{alias, vocabulary};
use super::table::{Table, Writer};
use super::{Context, ExchangeError, Exchanged, Problem, Readout, day, from_day, gather};
use crate::decisions::model::{Chosen, Question, Status, Verdict};
use crate::model::Relationship;
use std::borrow::Cow;
use std::io::{Read, Write};

const COLUMNS: [&str; 9] = [
    "source_code",
    "source_concept_id",
    "source_vocabulary_id",
    "source_code_description",
    "target_concept_id",
    "target_vocabulary_id",
    "valid_start_date",
    "valid_end_date",
    "invalid_reason",
];

/// OMOP's *until further notice*.
const FOREVER: &str = "2099-12-31";

pub fn write(items: &[Exchanged], context: &Context, to: &mut dyn Write) -> Result<u64, ExchangeError> {
    let settled = || items.iter().filter(|i| i.status.is_settled());
    if context.concepts.is_empty() && settled().any(|i| i.status == Status::Approved) {
        return Err(ExchangeError::NoConcepts { format: "OMOP" });
    }
    let mut table = Writer::new(to, b',', &COLUMNS)?;
    let mut count = 0;
    for item in settled() {
        let (q, Some(verdict)) = (&item.question, &item.verdict) else { continue };
        let mut ids = Vec::with_capacity(verdict.targets.len());
        for target in &verdict.targets {
            let what = || format!("CONCEPT.csv has no concept for {} {}; download it with this vocabulary", q.target_system, target.code);
            ids.push(context.concepts.id(&q.target_system, &target.code).ok_or_else(|| ExchangeError::NotThis(what()))?);
        }
        if ids.is_empty() {
            ids.push(0);
        }
        let source_id = context.concepts.id(&q.source_system, &q.code).unwrap_or(0);
        for id in ids {
            table.row([
                Cow::Borrowed(q.code.as_str()),
                Cow::Owned(source_id.to_string()),
                Cow::Borrowed(vocabulary(&q.source_system)),
                // Its column has room for 255 characters.
                Cow::Owned(q.display.chars().take(255).collect()),
                Cow::Owned(id.to_string()),
                Cow::Borrowed(vocabulary(&q.target_system)),
                Cow::Borrowed(day(&item.at)),
                Cow::Borrowed(FOREVER),
                Cow::Borrowed(""),
            ])?;
        }
        count += 1;
    }
    table.finish()?;
    Ok(count)
}

pub fn read(from: &mut dyn Read, context: &Context) -> Result<Readout, ExchangeError> {
    let mut problems = Vec::new();
    let table = Table::read(from, b',', &["source_code", "source_vocabulary_id", "target_concept_id"], &COLUMNS, &mut problems)?;
    let mut rows = Vec::new();
    for row in table.rows() {
        if !row.get("invalid_reason").is_empty() {
            problems.push(Problem { line: row.line, what: "marked as invalid; the row was left out".to_owned() });
            continue;
        }
        let Some(id) = row.number::<u64>("target_concept_id") else {
            problems.push(Problem { line: row.line, what: "target_concept_id is no number; the row was left out".to_owned() });
            continue;
        };
        let target = if id == 0 { None } else { context.concepts.code(id) };
        if id > 0 && target.is_none() {
            if context.concepts.is_empty() {
                return Err(ExchangeError::NoConcepts { format: "OMOP" });
            }
            problems.push(Problem { line: row.line, what: format!("concept {id} is not in CONCEPT.csv; the row was left out") });
            continue;
        }
        let question = Question {
            source_system: alias(row.get("source_vocabulary_id")).to_owned(),
            code: row.owned("source_code"),
            display: row.owned("source_code_description"),
            target_system: target.map_or_else(|| alias(row.get("target_vocabulary_id")).to_owned(), |(system, _)| system.to_owned()),
            ..Question::default()
        };
        let targets: Vec<Chosen> = target
            .map(|(_, code)| Chosen {
                group: 0,
                code: code.to_owned(),
                display: String::new(),
                relationship: Relationship::RelatedTo,
                map: String::new(),
                row: 0,
            })
            .into_iter()
            .collect();
        rows.push(Exchanged {
            question,
            status: if id == 0 { Status::NoMap } else { Status::Approved },
            verdict: Some(Verdict { targets, ..Verdict::default() }),
            at: from_day(row.get("valid_start_date")),
            line: row.line,
            ..Exchanged::default()
        });
    }
    Ok(Readout { items: gather(rows, &mut problems), problems, ..Readout::default() })
}
