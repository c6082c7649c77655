//! One concept map: its rows sorted by source, with the other direction beside them.

use super::arena::hash;
use super::odd;
use super::system::{Places, SystemBuilder};
use crate::index::{ConceptColumns, DetailField, DetailFields, MapColumns, MapMeta, NONE, RowRecord, turn};
use crate::model::MapKind;
use crate::model::rule::Rule;
use crate::read::{At, Finding, MapRelease, Severity, TargetDetail, TargetRow};
use std::collections::HashMap;
use zerocopy::little_endian::{U16, U32};

/// What is known of a map so far. Sources and targets are numbered in the order in which their systems met them.
pub(super) struct MapBuilder {
    pub meta: MapMeta,
    /// Where its source and target system stand among the collected ones.
    pub systems: (usize, usize),
    rows: Vec<ReadRow>,
    left_out: Vec<LeftOut>,
    /// What stands for the rows that were left out: rows that nobody but a person decides.
    undecided: Vec<ReadRow>,
    /// The files, or members of them, that rows stand in.
    files: Vec<String>,
    /// Its format gives rows no order.
    unordered: bool,
    details: Vec<u8>,
    /// Details by content: thousands of rows share one.
    known: HashMap<Vec<u8>, u32>,
    programs: Vec<u8>,
    /// Where the program of each rule is, by the rule's text.
    rules: HashMap<String, u32>,
}

/// A row that its reader could not read, of a source that it could.
struct LeftOut {
    source: String,
    group: u16,
    file: String,
    at: At,
}

/// A row, and what only the build needs of it.
pub(super) struct ReadRow {
    pub record: RowRecord,
    /// Which of the map's files it stands in.
    pub file: u16,
    /// Line and column of source and target.
    pub at: [(u32, u32); 2],
    /// 0: unsaid.
    pub usage: f32,
    /// When it holds, under what condition and with what product: rows that agree in these, in target and place, say the same.
    pub holds: u32,
}

pub(super) struct Finished {
    pub meta: MapMeta,
    pub columns: MapColumns,
    pub findings: Vec<Finding>,
}

impl MapBuilder {
    pub fn new(release: &MapRelease, (source, target): (String, String), systems: (usize, usize), precedence: i32) -> MapBuilder {
        let r = release.clone();
        let meta = MapMeta {
            id: r.id,
            url: r.url,
            title: r.title,
            version: r.version,
            source,
            target,
            kind: r.kind,
            from: r.from,
            to: r.to,
            unmapped: r.unmapped,
            precedence,
            files: Vec::new(),
        };
        MapBuilder {
            meta,
            systems,
            rows: Vec::new(),
            left_out: Vec::new(),
            undecided: Vec::new(),
            files: Vec::new(),
            unordered: false,
            details: Vec::new(),
            known: HashMap::new(),
            programs: Vec::new(),
            rules: HashMap::new(),
        }
    }

    /// The same map after its systems, and the codes in them, have got other numbers.
    pub fn renumbered(mut self, systems: (usize, usize), sources: &[u32], targets: &[u32]) -> MapBuilder {
        self.systems = systems;
        self.renumber(sources, targets);
        self
    }

    fn renumber(&mut self, sources: &[u32], targets: &[u32]) {
        for ReadRow { record: row, .. } in self.rows.iter_mut().chain(&mut self.undecided) {
            row.source = U32::new(sources[row.source.get() as usize]);
            if row.target.get() != NONE {
                row.target = U32::new(targets[row.target.get() as usize]);
            }
        }
    }

    /// Whether it tells what took the place of the codes of a system.
    pub fn is_succession(&self) -> bool {
        self.meta.kind == MapKind::Succession && self.systems.0 == self.systems.1
    }

    /// The order in which maps stand in the index.
    pub fn order(&self) -> (&str, &str, &str, &str) {
        (&self.meta.source, &self.meta.target, &self.meta.id, &self.meta.version)
    }

    pub fn file(&mut self, file: &str, sha256: &str) {
        let entry = (file.to_owned(), sha256.to_owned());
        if !self.meta.files.contains(&entry) {
            self.meta.files.push(entry);
        }
    }

    pub fn row(&mut self, source: u32, target: Option<u32>, row: &TargetRow<'_>, file: &str, findings: &mut Vec<Finding>) {
        let (detail, program) = (self.detail(row, file, findings), self.program(row.detail.rule));
        let d = &row.detail;
        let always = d.rule.is_empty() && d.product.is_empty() && d.from.is_none() && d.to.is_none();
        let holds = if always { 0 } else { hash((d.rule, d.product, d.from, d.to)) as u32 };
        let file = self.files.iter().rposition(|name| name == file).unwrap_or_else(|| {
            self.files.push(file.to_owned());
            self.files.len() - 1
        });
        self.unordered |= row.unordered;
        let record = RowRecord {
            source: U32::new(source),
            target: U32::new(target.unwrap_or(NONE)),
            line: U32::new(u32::try_from(row.line).unwrap_or(u32::MAX)),
            detail: U32::new(detail),
            program: U32::new(program),
            gem_flags: U16::new(row.gem_flags),
            scenario: U16::new(row.scenario),
            group: U16::new(row.group),
            priority: U16::new(row.priority),
            relationship: row.relationship as u8,
        };
        self.rows.push(ReadRow {
            record,
            file: u16::try_from(file).unwrap_or(u16::MAX),
            at: row.at.map(|at| (u32::try_from(at.line).unwrap_or(u32::MAX), at.column)),
            usage: d.usage.unwrap_or_default(),
            holds,
        });
    }

    /// Notes that a source has lost a row. A succession is asked for hops, and says what it has.
    pub fn row_left_out(&mut self, source: &str, group: u16, at: At, file: &str) {
        if self.meta.kind != MapKind::Succession {
            self.left_out.push(LeftOut { source: source.to_owned(), group, file: file.to_owned(), at });
        }
    }

    /// Puts in the place of every row that was left out one that no fact decides, tried before the others of its group. A source that
    /// nothing else names was hardly meant, and is no code because of it.
    pub fn stand_in(&mut self, sources: &SystemBuilder) {
        let told = self.rows.len();
        for LeftOut { source, group, file, at } in std::mem::take(&mut self.left_out) {
            let Some(number) = sources.known(&source) else { continue };
            // No rule of the language: `Rule::parse` refuses it, and it is kept as text.
            let line = if at.line == 0 { String::new() } else { format!("line {} ", at.line) };
            let rule = format!("a row was left out: {line}of {file}");
            let detail = TargetDetail { rule: &rule, ..TargetDetail::default() };
            let row = TargetRow { line: at.line, source: &source, group, detail, at: [at; 2], ..TargetRow::default() };
            self.row(number, None, &row, &file, &mut Vec::new());
        }
        self.undecided = self.rows.split_off(told);
    }

    /// A rule that cannot be read has been said by its reader, with its place; it is kept as text beside an empty program, and its group
    /// waits for a person.
    fn program(&mut self, rule: &str) -> u32 {
        if rule.is_empty() {
            return NONE;
        }
        if let Some(&at) = self.rules.get(rule) {
            return at;
        }
        let parsed = Rule::parse(rule).ok();
        let program = parsed.as_ref().map(Rule::program).filter(|program| program.len() <= usize::from(u16::MAX)).unwrap_or(&[]);
        let at = self.programs.len() as u32;
        self.programs.extend_from_slice(&(program.len() as u16).to_le_bytes());
        self.programs.extend_from_slice(program);
        self.rules.insert(rule.to_owned(), at);
        at
    }

    fn detail(&mut self, row: &TargetRow<'_>, file: &str, findings: &mut Vec<Finding>) -> u32 {
        if row.detail == TargetDetail::default() {
            return NONE;
        }
        let d = &row.detail;
        let mut fields = DetailFields::default();
        let mut say = |severity, what: String, mend: &str| {
            let At { line, column } = row.at[1];
            findings.push(Finding { file: file.to_owned(), line, column, severity, what, mend: mend.to_owned() });
        };
        let texts = [
            (DetailField::Rule, d.rule),
            (DetailField::Advice, d.advice),
            (DetailField::Correlation, d.correlation),
            (DetailField::Category, d.category),
            (DetailField::Comment, d.comment),
            (DetailField::Product, d.product),
            (DetailField::SourceDisplay, d.source_display),
            (DetailField::TargetDisplay, d.target_display),
            (DetailField::TargetAsWritten, d.target_as_written),
            (DetailField::SourceAsWritten, d.source_as_written),
        ];
        for (field, text) in texts {
            if !fields.put(field, text.as_bytes()) {
                say(Severity::Warning, format!("{} bytes of text in one field; kept are the first 65,535", text.len()), "shorten it");
            }
        }
        fields.put_date(DetailField::From, d.from);
        fields.put_date(DetailField::To, d.to);
        if let Some(usage) = d.usage {
            fields.put(DetailField::Usage, &usage.to_bits().to_le_bytes());
        }
        let mut bytes = fields.bytes;
        bytes.push(0);
        if let Some(&at) = self.known.get(&bytes) {
            return at;
        }
        let at = self.details.len() as u32;
        self.details.extend_from_slice(&bytes);
        self.known.insert(bytes, at);
        at
    }

    /// Stable: rows of one source and line (a file that says no lines) stay as they came.
    fn sort(&mut self) {
        if self.unordered {
            self.rows.sort_by_key(|ReadRow { record: r, holds, .. }| {
                (r.source.get(), r.scenario.get(), r.group.get(), r.priority.get(), r.target.get(), *holds, r.line.get())
            });
        } else {
            self.rows.sort_by_key(|r| (r.record.source.get(), r.record.line.get()));
        }
    }

    /// Sorts, and lays out both directions. `places` tells, by system, the place of each code among the sorted keys.
    pub fn finish(mut self, places: &[Places]) -> Finished {
        let (sources, targets) = (&places[self.systems.0], &places[self.systems.1]);
        self.renumber(&sources.place, &targets.place);
        self.sort();
        let mut findings = odd::against_each_other(self.meta.kind, &self.files, &mut self.rows, sources, targets);
        findings.extend(odd::unlisted(self.meta.kind, &self.files, &self.rows, sources, targets));
        if !self.undecided.is_empty() {
            self.rows.append(&mut self.undecided);
            self.sort();
        }
        if self.meta.kind == MapKind::Rules {
            // Stable: what is tried together stays as in the file.
            self.rows.sort_by_key(|r| (r.record.source.get(), turn(&self.programs, &r.record)));
        }
        let rows: Vec<RowRecord> = self.rows.into_iter().map(|row| row.record).collect();
        let mut source_offsets = vec![0u32; sources.place.len() + 1];
        let mut target_offsets = vec![0u32; targets.place.len() + 1];
        for row in &rows {
            source_offsets[row.source.get() as usize + 1] += 1;
            if row.target.get() != NONE {
                target_offsets[row.target.get() as usize + 1] += 1;
            }
        }
        let sum = |offsets: &mut Vec<u32>| {
            let mut total = 0;
            offsets.iter_mut().for_each(|o| {
                total += *o;
                *o = total;
            });
        };
        sum(&mut source_offsets);
        sum(&mut target_offsets);
        let mut next = target_offsets.clone();
        let mut by_target = vec![U32::ZERO; target_offsets.last().copied().unwrap_or(0) as usize];
        for (at, row) in rows.iter().enumerate() {
            if row.target.get() != NONE {
                let slot = &mut next[row.target.get() as usize];
                by_target[*slot as usize] = U32::new(at as u32);
                *slot += 1;
            }
        }
        let wide = |offsets: Vec<u32>| offsets.into_iter().map(U32::new).collect::<Vec<_>>();
        let columns = MapColumns {
            rows,
            source_offsets: wide(source_offsets),
            by_target: ConceptColumns { offsets: wide(target_offsets), records: by_target },
            details: self.details,
            programs: self.programs,
        };
        Finished { meta: self.meta, columns, findings }
    }
}
