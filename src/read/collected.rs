//! A [`Sink`] that keeps all it is told: for tests, and for files small enough to hold.

use super::{At, CodeRange, ConceptRow, Finding, MapHandle, MapRelease, Sink, SystemHandle, SystemRelease, TargetDetail, TargetRow};
use crate::model::{Date, DesignationUse, NoteKind, Relationship, Status};

/// Everything a reader said, in the order in which it said it. Handles index `systems` and `maps`.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    pub systems: Vec<SystemRelease>,
    pub maps: Vec<MapRelease>,
    pub concepts: Vec<Concept>,
    pub designations: Vec<Designation>,
    pub parents: Vec<Parent>,
    pub notes: Vec<Note>,
    pub targets: Vec<Target>,
    /// Rows for a range of sources: first, last, row.
    pub ranges: Vec<(String, String, Target)>,
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    pub system: SystemHandle,
    pub code: String,
    pub status: Status,
    pub from: Option<Date>,
    pub to: Option<Date>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Designation {
    pub system: SystemHandle,
    pub code: String,
    pub usage: DesignationUse,
    pub language: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    pub system: SystemHandle,
    pub code: String,
    pub parent: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub system: SystemHandle,
    pub code: String,
    pub kind: NoteKind,
    pub text: String,
}

/// A [`TargetRow`] with its own texts; [`Target::row`] lends it back.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub map: MapHandle,
    pub line: u64,
    pub source: String,
    pub target: Option<String>,
    pub relationship: Relationship,
    pub gem_flags: u16,
    pub scenario: u16,
    pub group: u16,
    pub priority: u16,
    pub rule: String,
    pub advice: String,
    pub correlation: String,
    pub category: String,
    pub comment: String,
    pub product: String,
    pub source_display: String,
    pub target_display: String,
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub usage: Option<f32>,
    pub target_as_written: String,
    pub source_as_written: String,
}

impl Target {
    fn new(map: MapHandle, row: &TargetRow<'_>) -> Target {
        let d = &row.detail;
        Target {
            map,
            line: row.line,
            source: row.source.to_owned(),
            target: row.target.map(str::to_owned),
            relationship: row.relationship,
            gem_flags: row.gem_flags,
            scenario: row.scenario,
            group: row.group,
            priority: row.priority,
            rule: d.rule.to_owned(),
            advice: d.advice.to_owned(),
            correlation: d.correlation.to_owned(),
            category: d.category.to_owned(),
            comment: d.comment.to_owned(),
            product: d.product.to_owned(),
            source_display: d.source_display.to_owned(),
            target_display: d.target_display.to_owned(),
            from: d.from,
            to: d.to,
            usage: d.usage,
            target_as_written: d.target_as_written.to_owned(),
            source_as_written: d.source_as_written.to_owned(),
        }
    }

    pub fn row(&self) -> TargetRow<'_> {
        TargetRow {
            line: self.line,
            source: &self.source,
            target: self.target.as_deref(),
            relationship: self.relationship,
            gem_flags: self.gem_flags,
            scenario: self.scenario,
            group: self.group,
            priority: self.priority,
            detail: TargetDetail {
                rule: &self.rule,
                advice: &self.advice,
                correlation: &self.correlation,
                category: &self.category,
                comment: &self.comment,
                product: &self.product,
                source_display: &self.source_display,
                target_display: &self.target_display,
                from: self.from,
                to: self.to,
                usage: self.usage,
                target_as_written: &self.target_as_written,
                source_as_written: &self.source_as_written,
            },
            ..TargetRow::default()
        }
    }
}

impl Collected {
    /// The text of one use of a code, the first if there are several.
    pub fn designation(&self, code: &str, usage: DesignationUse) -> Option<&str> {
        self.designations.iter().find(|d| d.code == code && d.usage == usage).map(|d| d.text.as_str())
    }

    /// All of one code.
    pub fn notes_of<'s>(&'s self, code: &'s str) -> impl Iterator<Item = &'s Note> + 's {
        self.notes.iter().filter(move |n| n.code == code)
    }

    /// How many codes have a status.
    pub fn count(&self, status: Status) -> usize {
        self.concepts.iter().filter(|c| c.status == status).count()
    }
}

impl Sink for Collected {
    fn system(&mut self, release: &SystemRelease) -> SystemHandle {
        let known = self.systems.iter().position(|s| s.system == release.system && s.version == release.version);
        SystemHandle(known.unwrap_or_else(|| {
            self.systems.push(release.clone());
            self.systems.len() - 1
        }) as u32)
    }

    fn map(&mut self, release: &MapRelease) -> MapHandle {
        let known = self.maps.iter().position(|m| m.id == release.id && m.version == release.version);
        MapHandle(known.unwrap_or_else(|| {
            self.maps.push(release.clone());
            self.maps.len() - 1
        }) as u32)
    }

    fn concept(&mut self, system: SystemHandle, row: ConceptRow<'_>) {
        self.concepts.push(Concept { system, code: row.code.to_owned(), status: row.status, from: row.from, to: row.to });
    }

    fn designation(&mut self, system: SystemHandle, code: &str, usage: DesignationUse, language: &str, text: &str) {
        let (code, language, text) = (code.to_owned(), language.to_owned(), text.to_owned());
        self.designations.push(Designation { system, code, usage, language, text });
    }

    fn parent(&mut self, system: SystemHandle, code: &str, parent: &str, _: At) {
        self.parents.push(Parent { system, code: code.to_owned(), parent: parent.to_owned() });
    }

    fn note(&mut self, system: SystemHandle, code: &str, kind: NoteKind, text: &str) {
        self.notes.push(Note { system, code: code.to_owned(), kind, text: text.to_owned() });
    }

    fn target(&mut self, map: MapHandle, row: &TargetRow<'_>) {
        self.targets.push(Target::new(map, row));
    }

    fn target_of_range(&mut self, map: MapHandle, range: CodeRange<'_>, row: &TargetRow<'_>) {
        self.ranges.push((range.first.to_owned(), range.last.to_owned(), Target::new(map, row)));
    }

    fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}
