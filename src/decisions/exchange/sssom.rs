//! SSSOM/TSV 1.0: mappings with who, why and how. <https://mapping-commons.github.io/sssom/>
//!
//! Holds: code, title, targets, relationship as a SKOS predicate, author, reviewer, date, confidence, remark, systems with versions,
//! tool, *no map* (`sssom:NoTermFound`). The slot `other` carries the rest: status, records, scenario, group, origin, facts.
//! An item without an answer is no mapping and is not written.

use super::table::Table;
use super::{Context, ExchangeError, Exchanged, Problem, Readout, SystemName, day, from_day, gather};
use crate::decisions::model::{Chosen, Question, Status, Verdict};
use crate::model::Relationship;
use crate::text::spreadsheet::cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

const COLUMNS: [&str; 16] = [
    "subject_id",
    "subject_label",
    "predicate_id",
    "predicate_modifier",
    "object_id",
    "object_label",
    "mapping_justification",
    "author_label",
    "reviewer_label",
    "mapping_date",
    "confidence",
    "subject_source",
    "object_source",
    "comment",
    "mapping_tool",
    "other",
];
const NO_TERM: &str = "sssom:NoTermFound";
const TOOL: &str = "xwalk";

pub fn write(items: &[Exchanged], context: &Context, to: &mut dyn Write) -> Result<u64, ExchangeError> {
    let written = || items.iter().filter(|i| i.verdict.is_some());
    header(written(), context, to)?;
    let mut csv = csv::WriterBuilder::new().delimiter(b'\t').from_writer(&mut *to);
    csv.write_record(COLUMNS)?;
    let mut count = 0;
    for item in written() {
        let (q, Some(verdict)) = (&item.question, &item.verdict) else { continue };
        count += 1;
        let justification = if item.approver.is_empty() { "semapv:ManualMappingCuration" } else { "semapv:MappingReview" };
        let some: Vec<Option<&Chosen>> = verdict.targets.iter().map(Some).collect();
        for target in if some.is_empty() { &[None][..] } else { &some[..] } {
            let (predicate, modifier) = predicate(target.map_or(Relationship::Equivalent, |t| t.relationship));
            let cells = [
                curie(&q.source_system, &q.code),
                if q.display.is_empty() { q.text.clone() } else { q.display.clone() },
                predicate.to_owned(),
                modifier.to_owned(),
                target.map_or_else(|| NO_TERM.to_owned(), |t| curie(&q.target_system, &t.code)),
                target.map_or_else(String::new, |t| t.display.clone()),
                justification.to_owned(),
                item.author.clone(),
                item.approver.clone(),
                day(&item.at).to_owned(),
                verdict.score.map_or_else(String::new, |s| s.to_string()),
                format!("{}:", q.source_system),
                format!("{}:", q.target_system),
                item.why.clone(),
                TOOL.to_owned(),
                other(item, verdict, *target),
            ];
            // A tab or a line break within a cell would need quotes, which not every reader of SSSOM takes.
            csv.write_record(cells.iter().map(|c| cell(&flat(c)).into_owned()))?;
        }
    }
    csv.flush()?;
    Ok(count)
}

fn flat(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// The metadata of the set, as YAML in remarks.
fn header<'i>(items: impl Iterator<Item = &'i Exchanged>, context: &Context, to: &mut dyn Write) -> Result<(), ExchangeError> {
    let systems: BTreeSet<&str> = items.flat_map(|i| [i.question.source_system.as_str(), i.question.target_system.as_str()]).collect();
    writeln!(to, "# curie_map:")?;
    for system in &systems {
        let uri = context.uri(system);
        let uri = if uri == *system { format!("urn:xwalk:system:{system}") } else { uri.to_owned() };
        writeln!(to, "#   {}: {}", prefix(system), yaml(&format!("{}/", uri.trim_end_matches('/'))))?;
    }
    writeln!(to, "#   semapv: \"https://w3id.org/semapv/vocab/\"")?;
    writeln!(to, "#   skos: \"http://www.w3.org/2004/02/skos/core#\"")?;
    writeln!(to, "#   sssom: \"https://w3id.org/sssom/\"")?;
    // Ours begin with it; sssom-py takes every URI with an unknown prefix for a mistake.
    writeln!(to, "#   urn: \"urn:\"")?;
    let set = if context.set.is_empty() { "urn:xwalk:decisions" } else { &context.set };
    writeln!(to, "# mapping_set_id: {}", yaml(set))?;
    // The decisions are their authors', who have not said more.
    writeln!(to, "# license: \"https://w3id.org/sssom/license/unspecified\"")?;
    writeln!(to, "# mapping_tool_version: {}", yaml(env!("CARGO_PKG_VERSION")))?;
    let versions: Vec<String> =
        systems.iter().filter(|s| !context.version(s).is_empty()).map(|s| format!("{s} {}", context.version(s))).collect();
    if !versions.is_empty() {
        writeln!(to, "# comment: {}", yaml(&format!("releases: {}", versions.join(", "))))?;
    }
    Ok(())
}

fn yaml(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " "))
}

fn prefix(system: &str) -> String {
    system.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

fn curie(system: &str, code: &str) -> String {
    format!("{}:{}", prefix(system), escape(code))
}

/// A code in a CURIE: blanks and what has a meaning in `other` are percent-encoded (RFC 3986).
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || matches!(c, '%' | '|' | '=') {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).bytes().for_each(|b| out.push_str(&format!("%{b:02X}")));
        } else {
            out.push(c);
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(hex.unwrap_or(bytes[at]));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn predicate(relationship: Relationship) -> (&'static str, &'static str) {
    match relationship {
        Relationship::Equivalent => ("skos:exactMatch", ""),
        // SKOS says what the object is.
        Relationship::SourceIsNarrowerThanTarget => ("skos:broadMatch", ""),
        Relationship::SourceIsBroaderThanTarget => ("skos:narrowMatch", ""),
        Relationship::RelatedTo => ("skos:relatedMatch", ""),
        Relationship::NotRelatedTo => ("skos:relatedMatch", "Not"),
    }
}

fn relationship(predicate: &str, modifier: &str) -> Option<Relationship> {
    Some(match (predicate, modifier) {
        (_, "Not") => Relationship::NotRelatedTo,
        ("skos:exactMatch" | "owl:equivalentClass" | "owl:sameAs", _) => Relationship::Equivalent,
        ("skos:broadMatch" | "rdfs:subClassOf", _) => Relationship::SourceIsNarrowerThanTarget,
        ("skos:narrowMatch", _) => Relationship::SourceIsBroaderThanTarget,
        ("skos:relatedMatch" | "skos:closeMatch" | "oboInOwl:hasDbXref", _) => Relationship::RelatedTo,
        _ => return None,
    })
}

fn other(item: &Exchanged, verdict: &Verdict, target: Option<&Chosen>) -> String {
    let q = &item.question;
    let mut parts = vec![format!("status={}", item.status.code())];
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            parts.push(format!("{name}={}", escape(&value)));
        }
    };
    add("records", item.records.map_or_else(String::new, |n| n.to_string()));
    add("scenario", verdict.scenario.map_or_else(String::new, |s| s.to_string()));
    if let Some(t) = target {
        add("group", t.group.to_string());
        add("map", t.map.clone());
        add("row", if t.row > 0 { t.row.to_string() } else { String::new() });
    }
    add("text", q.text.clone());
    add("facts", q.facts.clone());
    add("at", item.at.clone());
    add("assignee", item.assignee.clone());
    add("second", item.second.clone());
    add("outcome", item.outcome.clone());
    add("chapter", item.chapter.clone());
    parts.join("|")
}

pub fn read(from: &mut dyn Read, context: &Context) -> Result<Readout, ExchangeError> {
    let mut problems = Vec::new();
    let known =
        ["subject_source_version", "object_source_version", "mapping_tool_version", "author_id", "reviewer_id", "mapping_set_*", "license"];
    let all: Vec<&str> = COLUMNS.iter().chain(&known).copied().collect();
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    let head = Head::read(&bytes);
    let table = Table::read(&mut bytes.as_slice(), b'\t', &["subject_id", "predicate_id", "object_id"], &all, &mut problems)?;
    let system = |curie_prefix: &str, given: &str| {
        let uri = head.prefixes.get(curie_prefix).map_or("", |uri| uri.trim_end_matches(['/', '#']));
        let is_it = |s: &&SystemName| prefix(&s.alias) == curie_prefix || s.alias == curie_prefix || (!uri.is_empty() && s.uri == uri);
        let named = context.systems.iter().find(is_it);
        named.map_or_else(|| if given.is_empty() { curie_prefix.to_owned() } else { given.to_owned() }, |s| s.alias.clone())
    };
    let mut rows = Vec::new();
    for row in table.rows() {
        let other: BTreeMap<&str, String> =
            row.get("other").split('|').filter_map(|p| p.split_once('=')).map(|(n, v)| (n, unescape(v))).collect();
        let of = |name: &str| other.get(name).cloned().unwrap_or_default();
        let (Some((subject, code)), Some((object, target))) = (row.get("subject_id").split_once(':'), row.get("object_id").split_once(':'))
        else {
            problems.push(Problem { line: row.line, what: "subject_id or object_id is no CURIE; the row was left out".to_owned() });
            continue;
        };
        // A slot that is the same in all rows may stand in the head instead.
        let or_head = |name: &str| if row.get(name).is_empty() { head.slots.get(name).map_or("", String::as_str) } else { row.get(name) };
        let no_map = row.get("object_id") == NO_TERM;
        let target_system = if no_map { or_head("object_source").trim_end_matches(':').to_owned() } else { object.to_owned() };
        let target_system = system(&target_system, &context.target_system);
        let Some(relationship) = relationship(row.get("predicate_id"), row.get("predicate_modifier")) else {
            problems.push(Problem {
                line: row.line,
                what: format!("predicate `{}` is not known; the row was left out", row.get("predicate_id")),
            });
            continue;
        };
        let text_of_item = of("text");
        let targets = (!no_map).then(|| Chosen {
            group: of("group").parse().unwrap_or(0),
            code: unescape(target),
            display: row.owned("object_label"),
            relationship,
            map: of("map"),
            row: of("row").parse().unwrap_or(0),
        });
        let reviewed = !or_head("reviewer_label").is_empty() || or_head("mapping_justification") == "semapv:MappingReview";
        let status = Status::from_code(&of("status")).unwrap_or(match (reviewed, no_map) {
            (true, true) => Status::NoMap,
            (true, false) => Status::Approved,
            (false, _) => Status::Proposed,
        });
        let label = row.owned("subject_label");
        rows.push(Exchanged {
            question: Question {
                source_system: system(subject, &context.source_system),
                code: unescape(code),
                // Without a title the words stood for it.
                display: if label == flat(&text_of_item) { String::new() } else { label },
                target_system,
                text: text_of_item,
                facts: of("facts"),
            },
            records: of("records").parse().ok(),
            outcome: of("outcome"),
            chapter: of("chapter"),
            status,
            verdict: Some(Verdict {
                targets: targets.into_iter().collect(),
                scenario: of("scenario").parse().ok(),
                score: row.number("confidence"),
            }),
            author: or_head("author_label").to_owned(),
            approver: or_head("reviewer_label").to_owned(),
            at: if of("at").is_empty() { from_day(or_head("mapping_date")) } else { of("at") },
            why: row.owned("comment"),
            assignee: of("assignee"),
            second: of("second"),
            line: row.line,
        });
    }
    Ok(Readout { items: gather(rows, &mut problems), problems, ..Readout::default() })
}

/// What stands before the table: the lines of YAML, as far as they are names with values.
#[derive(Default)]
struct Head {
    /// Slots of the mapping set, and those of every mapping in it (SSSOM, *Propagatable slots*).
    slots: BTreeMap<String, String>,
    /// `curie_map`: what a prefix stands for.
    prefixes: BTreeMap<String, String>,
}

impl Head {
    fn read(bytes: &[u8]) -> Head {
        let mut head = Head::default();
        let mut within = String::new();
        for line in String::from_utf8_lossy(bytes).lines().map_while(|l| l.strip_prefix('#')) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            // One blank after `#` is the margin; more of them are below the last name.
            let deeper = name.strip_prefix(' ').unwrap_or(name).starts_with(' ');
            let name = name.trim().to_owned();
            match (deeper, within.as_str()) {
                (true, "curie_map") => drop(head.prefixes.insert(name, value)),
                (true, _) => {}
                (false, _) => {
                    within.clone_from(&name);
                    head.slots.insert(name, value);
                }
            }
        }
        head
    }
}
