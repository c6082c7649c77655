//! Map reference sets and the historical associations.
//!
//! *Release File Specification* 5.2.3.2 (simple), 5.2.3.3 (complex and extended), 5.2.5.1 (historical association).

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use hashbrown::HashMap;

use super::{Newest, Options, concept_id, effective_time, ids, is_active, orphan};
use crate::model::{MapKind, Relationship};
use crate::read::tabular::{Findings, Row, rows, rows_and_torn};
use crate::read::{MapHandle, MapRelease, Severity, TargetDetail, TargetRow, Unmapped};

/// Takes map rows and history; one map per map refset, and one for all of history.
pub(super) struct Maps<'a> {
    version: &'a str,
    options: &'a Options,
    concepts: &'a HashMap<u64, bool>,
    handles: BTreeMap<u64, MapHandle>,
    history: Option<MapHandle>,
}

/// Columns of a map refset file; simple maps have the first six only.
const COLUMNS: [&str; 12] = [
    "id",
    "effectiveTime",
    "active",
    "refsetId",
    "referencedComponentId",
    "mapTarget",
    "?mapGroup",
    "?mapPriority",
    "?mapRule",
    "?mapAdvice",
    "?correlationId",
    "?mapCategoryId",
];
const RULE: usize = 8;

impl<'a> Maps<'a> {
    pub fn new(version: &'a str, options: &'a Options, concepts: &'a HashMap<u64, bool>) -> Maps<'a> {
        Maps { version, options, concepts, handles: BTreeMap::new(), history: None }
    }

    fn knows(&self, concept: &str) -> bool {
        concept_id(concept).is_some_and(|key| self.concepts.is_empty() || self.concepts.contains_key(&key))
    }

    pub fn read_maps(&mut self, input: &mut dyn BufRead, newest: &mut Option<Newest>, findings: &mut Findings<'_>) -> io::Result<()> {
        let header = input.fill_buf()?.split(|b| *b == b'\n').next().unwrap_or_default();
        if memchr::memmem::find(header, b"mapSource").is_some() {
            let what = "a simple map to SNOMED CT (mapSource), from codes of a system that the file does not name".to_owned();
            findings.push(Severity::Note, 1, 1, what, "passed over; give it as a table to have it");
            return Ok(());
        }
        rows_and_torn(input, COLUMNS, findings, &mut |row, findings| {
            let [id, time, active, ..] = row.fields;
            let dated = effective_time(time).is_some();
            let counts = (dated || !row.torn) && Newest::takes(newest, id, time, row.line, findings);
            if dated && !counts {
                return;
            }
            // Of a torn line it has been said already.
            let active = if row.torn && active != "0" { None } else { is_active(&row, findings) };
            match active {
                Some(false) => {}
                Some(true) if counts => self.map_row(&row, findings),
                _ => self.left_out(&row, findings),
            }
        })
    }

    /// Tells which source has lost a row, as far as the row can be read.
    fn left_out(&mut self, row: &Row<'_, 12>, findings: &mut Findings<'_>) {
        let [_, _, _, refset, source, _, group, ..] = row.fields;
        let Some(refset) = refset.parse().ok().filter(|_| concept_id(source).is_some() && self.knows(source)) else { return };
        let group = if row.torn { 0 } else { group.parse().unwrap_or(0) };
        let handle = self.handle(refset, row.columns[RULE] != 0, findings);
        findings.sink.row_left_out(handle, source, group, row.at(4));
    }

    fn handle(&mut self, refset: u64, has_rules: bool, findings: &mut Findings<'_>) -> MapHandle {
        match self.handles.get(&refset) {
            Some(handle) => *handle,
            None => {
                let handle = findings.sink.map(&self.release(refset, if has_rules { MapKind::Rules } else { MapKind::Table }));
                self.handles.insert(refset, handle);
                handle
            }
        }
    }

    fn map_row(&mut self, row: &Row<'_, 12>, findings: &mut Findings<'_>) {
        let [_, _, _, refset, source, target, group, priority, rule, advice, correlation, category] = row.fields;
        let Ok(refset) = refset.parse::<u64>() else {
            let what = format!("refsetId is {refset:?}");
            return findings.warn("ids that are no numbers", row.line, row.columns[3], what, "the row is left out");
        };
        if !self.knows(source) {
            return orphan(findings, row.line, row.columns[4], source);
        }
        let has_rules = row.columns[RULE] != 0;
        let mut number = |text: &str, column: usize| {
            if text.is_empty() && !has_rules {
                return Some(0);
            }
            let number = text.parse::<u16>().ok();
            if number.is_none() {
                let what = format!("map group or priority is {text:?}");
                findings.warn("groups and priorities that are no numbers", row.line, column, what, "the row is left out");
            }
            number
        };
        let (Some(group), Some(priority)) = (number(group, row.columns[6]), number(priority, row.columns[7])) else {
            return self.left_out(row, findings);
        };
        if has_rules {
            findings.check_rule(row.line, row.columns[RULE], rule);
        }
        let rule = if has_rules && rule.trim().is_empty() { NO_RULE } else { rule };
        let written = target.trim();
        // The UK maps write `#NC` and its kin where there is nothing to map to.
        let target = Some(written).filter(|t| !t.is_empty() && !t.starts_with('#'));
        if let Some(target) = target.filter(|_| correlation == NOT_MAPPABLE) {
            let what = format!("{source} is not mappable by its correlation ({NOT_MAPPABLE}), and its target is {target}");
            findings.warn(
                "targets of what is not mappable",
                row.line,
                row.columns[10],
                what,
                "the row is left out; correct one of the two",
            );
            return self.left_out(row, findings);
        }
        let row = TargetRow {
            line: row.line,
            source,
            target,
            relationship: relationship(correlation),
            group,
            priority,
            unordered: true,
            at: [row.at(4), row.at(5)],
            detail: TargetDetail {
                rule,
                advice,
                correlation,
                category,
                target_as_written: if target.is_none() { written } else { "" },
                ..TargetDetail::default()
            },
            ..TargetRow::default()
        };
        let handle = self.handle(refset, has_rules, findings);
        findings.sink.target(handle, &row);
    }

    fn release(&self, refset: u64, kind: MapKind) -> MapRelease {
        let (target, title) = match (self.options.map_targets.get(&refset), refset) {
            (Some(target), _) => (target.clone(), format!("SNOMED CT to {target} (refset {refset})")),
            (None, ids::MAP_ICD10) => ("icd10".into(), "SNOMED CT to ICD-10 extended map".into()),
            (None, ids::MAP_ICD10CM) => ("icd10cm".into(), "SNOMED CT to ICD-10-CM extended map".into()),
            (None, _) => (format!("refset-{refset}"), format!("SNOMED CT map refset {refset}")),
        };
        MapRelease {
            id: format!("rf2-{refset}"),
            // FHIR, "Using SNOMED CT with FHIR": the implicit concept map of a refset.
            url: format!("http://snomed.info/sct?fhir_cm={refset}"),
            title,
            version: self.version.to_owned(),
            source: "snomed".into(),
            target,
            kind,
            from: None,
            to: None,
            unmapped: Unmapped::None,
        }
    }

    /// Reads the associations that say what took the place of an inactive concept.
    pub fn read_history(&mut self, input: &mut dyn BufRead, newest: &mut Option<Newest>, findings: &mut Findings<'_>) -> io::Result<()> {
        let columns = ["id", "effectiveTime", "active", "refsetId", "referencedComponentId", "targetComponentId"];
        rows(input, columns, findings, &mut |row, findings| {
            let [id, time, _, refset, source, target] = row.fields;
            if !Newest::takes(newest, id, time, row.line, findings) || is_active(&row, findings) != Some(true) {
                return;
            }
            // Descriptions have associations too, and some associations of concepts (WAS A, MOVED TO) name no successor.
            let Some((name, relationship)) = refset.parse().ok().and_then(succession) else { return };
            for (end, column) in [(source, row.columns[4]), (target, row.columns[5])] {
                if !self.knows(end) {
                    return orphan(findings, row.line, column, end);
                }
            }
            let history = *self.history.get_or_insert_with(|| {
                findings.sink.map(&MapRelease {
                    id: "rf2-history".into(),
                    url: String::new(),
                    title: "SNOMED CT historical associations".into(),
                    version: self.version.to_owned(),
                    source: "snomed".into(),
                    target: "snomed".into(),
                    kind: MapKind::Succession,
                    from: None,
                    to: None,
                    unmapped: Unmapped::None,
                })
            });
            let detail = TargetDetail { comment: name, ..TargetDetail::default() };
            let (line, target, at) = (row.line, Some(target), [row.at(4), row.at(5)]);
            let row = TargetRow { line, source, target, relationship, unordered: true, detail, at, ..TargetRow::default() };
            findings.sink.target(history, &row);
        })
    }
}

/// The association refsets that name a successor: their names, and how strong they are (FHIR, "Using SNOMED CT with FHIR", 1.11.5
/// "SNOMED CT concept maps": SAME AS equal, REPLACED BY equivalent, the others inexact).
fn succession(refset: u64) -> Option<(&'static str, Relationship)> {
    Some(match refset {
        ids::SAME_AS => ("SAME AS", Relationship::Equivalent),
        ids::REPLACED_BY => ("REPLACED BY", Relationship::Equivalent),
        ids::POSSIBLY_EQUIVALENT_TO => ("POSSIBLY EQUIVALENT TO", Relationship::RelatedTo),
        ids::ALTERNATIVE => ("ALTERNATIVE", Relationship::RelatedTo),
        1186924009 => ("PARTIALLY EQUIVALENT TO", Relationship::RelatedTo),
        1186921001 => ("POSSIBLY REPLACED BY", Relationship::RelatedTo),
        _ => return None,
    })
}

/// What stands for a rule that is empty where every row must have one: no rule of the language, so that a person decides the row.
const NO_RULE: &str = "(no rule)";

/// The source is not mappable.
const NOT_MAPPABLE: &str = "447556008";

/// What `correlationId` says of a row's strength; most maps say "not specified". The concepts name the source first: 447558009 is
/// "Narrow to broad map from SNOMED CT source code to target code".
fn relationship(correlation: &str) -> Relationship {
    match correlation {
        "447557004" => Relationship::Equivalent,
        "447558009" => Relationship::SourceIsNarrowerThanTarget,
        "447559001" => Relationship::SourceIsBroaderThanTarget,
        _ => Relationship::RelatedTo,
    }
}
