//! Release files become values and findings; one file per format, and formats never see each other.
//!
//! A reader takes bytes as published and tells a [`Sink`] what they say, row by row, so that a release of any size passes through in
//! bounded memory. Reading never stops at a bad row: the row becomes a [`Finding`] and the rest is read. How strict to be is the
//! caller's business. An `Err` is only for bytes that cannot be had at all (a torn zip, a disk error).
//!
//! Deliberately not here: deciding what a release means beside others (`compile`), and any code of the index.

pub mod athena;
mod code;
pub mod collected;
pub mod cpt;
pub mod fhir;
mod format;
pub mod gem;
mod gem_csv;
pub mod hcpcs;
pub mod icd10cm_code_list;
pub mod icd10cm_conversion;
pub mod icd10cm_tabular;
pub mod icd9;
pub mod icd_addenda;
pub mod icd_codes;
pub mod icd_order;
mod lines;
mod names;
pub mod nlm_icd9_snomed;
pub mod recognise;
pub mod rf2;
pub mod source;
pub mod sssom;
pub mod table;
mod tabular;
mod titles;
pub mod umls;

pub use collected::Collected;
pub use format::{Format, Given, read, read_folder};

pub use crate::model::map::Unmapped;
use crate::model::{Date, DesignationUse, MapKind, NoteKind, Relationship, Status};

/// Something in a release file that is not as its format says, or not as one would expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, and the member within an archive: `cms_2017_dx.zip/icd10cm_order_2017.txt`.
    pub file: String,
    /// 1-based; 0: the file as a whole. For a spreadsheet, the row.
    pub line: u64,
    /// 1-based, in bytes; 0 only where the line is. For a separated file, the field.
    pub column: u32,
    pub severity: Severity,
    /// What is wrong, with the offending text.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Read as meant; said because a person may want to know.
    Note,
    /// The row stays out of the index, or part of it does, or it is in but hardly right as it is.
    Warning,
    /// The file is not usable as what it was given for.
    Error,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        write!(f, ": {}", self.what)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

/// A place in the file that is being read, for findings that only come of it later; as in [`Finding`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    pub line: u64,
    pub column: u32,
}

/// One release of one code system. Files of the same system and version are one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemRelease {
    /// Alias: one of [`crate::model::system::SYSTEMS`], or the user's own.
    pub system: String,
    /// Canonical URI; may be empty for a well-known system.
    pub uri: String,
    pub title: String,
    /// `2026`, `April 2026`, `32`, `20260301`.
    pub version: String,
    /// When the release's statements hold. A release without `to` holds until the next one of the same system.
    pub from: Option<Date>,
    pub to: Option<Date>,
}

/// One version of one map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRelease {
    /// `gem-icd9cm-icd10cm`; unique with `version`.
    pub id: String,
    /// Canonical URL; may be empty.
    pub url: String,
    pub title: String,
    pub version: String,
    /// Aliases, as in [`SystemRelease::system`].
    pub source: String,
    pub target: String,
    pub kind: MapKind,
    pub from: Option<Date>,
    pub to: Option<Date>,
    /// What to answer for a source that has no row (FHIR `ConceptMap.group.unmapped`).
    pub unmapped: Unmapped,
}

/// A code in a release.
#[derive(Clone, Copy, Debug)]
pub struct ConceptRow<'a> {
    /// The key or the printed form; the compiler takes either.
    pub code: &'a str,
    pub status: Status,
    /// When the row itself says since or until when (HCPCS, RF2, OMOP); otherwise the release's own validity counts.
    pub from: Option<Date>,
    pub to: Option<Date>,
}

/// One row of a map.
#[derive(Clone, Debug)]
pub struct TargetRow<'a> {
    /// 1-based line (or row, or n-th member) in the file, given back with every answer as its origin.
    pub line: u64,
    pub source: &'a str,
    /// `None`: the map says that there is no target (`NoDx`, an empty mapTarget, `noMap`).
    pub target: Option<&'a str>,
    pub relationship: Relationship,
    /// GEM: the five flags as a number ([`crate::model::GemFlags`]).
    pub gem_flags: u16,
    /// Which whole reading of the source; 0 if the format knows none.
    pub scenario: u16,
    /// Targets of different groups of one scenario are needed together.
    pub group: u16,
    /// Order among the alternatives of a group, the smallest first; 0: the order of the file.
    pub priority: u16,
    /// The order of the file means nothing either (RF2): of equals, the code of the target decides.
    pub unordered: bool,
    pub detail: TargetDetail<'a>,
    /// Where source and target stand, for findings that only come of the row later.
    pub at: [At; 2],
}

impl Default for TargetRow<'_> {
    fn default() -> Self {
        TargetRow {
            line: 0,
            source: "",
            target: None,
            relationship: Relationship::RelatedTo,
            gem_flags: 0,
            scenario: 0,
            group: 0,
            priority: 0,
            unordered: false,
            detail: TargetDetail::default(),
            at: [At::default(); 2],
        }
    }
}

/// What only some formats say of a row; empty where unsaid. Nothing of it is lost between here and the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TargetDetail<'a> {
    /// The condition as written (RF2 `mapRule`; FHIR `dependsOn` as `attribute=value`, several joined by ` AND `).
    pub rule: &'a str,
    pub advice: &'a str,
    pub correlation: &'a str,
    pub category: &'a str,
    pub comment: &'a str,
    /// FHIR `product`, as `attribute=value`, several joined by ` AND `.
    pub product: &'a str,
    /// What the source and target were called in the map itself, kept only where no code system gives a display.
    pub source_display: &'a str,
    pub target_display: &'a str,
    /// When the row holds (conversion table: the effective date).
    pub from: Option<Date>,
    pub to: Option<Date>,
    /// How often alternatives are used, in the release's own unit; ranks options.
    pub usage: Option<f32>,
    /// The target exactly as the file spells it, where that is not its key (`v5889`, `NoDx`): the file can be written again.
    pub target_as_written: &'a str,
    pub source_as_written: &'a str,
}

/// All codes from one to another, both included, with what is below the last; what a table means by `H35.20-H35.23` or `I63.-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRange<'a> {
    /// Keys.
    pub first: &'a str,
    pub last: &'a str,
}

impl CodeRange<'_> {
    /// Whether a key is in the range. Codes with a seventh character are counted by what stands before it: `S06.890A-S06.899A` holds
    /// initial encounters only.
    pub fn contains(&self, key: &str) -> bool {
        let split = |code: &str| if code.len() == 7 && code.is_ascii() { Some((code[..6].to_owned(), code.as_bytes()[6])) } else { None };
        match (split(self.first), split(self.last)) {
            (Some((first, _)), Some((last, seventh))) => {
                split(key).is_some_and(|(key, own)| (first..=last).contains(&key) && own == seventh)
            }
            _ => key >= self.first && (key <= self.last || key.starts_with(self.last)),
        }
    }
}

/// Handles that a [`Sink`] gives for a release that a reader has announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemHandle(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapHandle(pub u32);

/// Takes what a reader reads. `compile` is the one that matters; [`Collected`] keeps everything, for tests and small files.
pub trait Sink {
    /// What follows stands in this file, or member of an archive.
    fn begin(&mut self, _file: &str) {}
    fn system(&mut self, release: &SystemRelease) -> SystemHandle;
    fn map(&mut self, release: &MapRelease) -> MapHandle;
    /// What a system that a map names is called where everybody can know it.
    fn system_uri(&mut self, _alias: &str, _uri: &str) {}
    fn concept(&mut self, system: SystemHandle, row: ConceptRow<'_>);
    /// `language` is a BCP 47 tag; empty means English as published.
    fn designation(&mut self, system: SystemHandle, code: &str, usage: DesignationUse, language: &str, text: &str);
    fn parent(&mut self, system: SystemHandle, code: &str, parent: &str, at: At);
    fn note(&mut self, system: SystemHandle, code: &str, kind: NoteKind, text: &str);
    fn target(&mut self, map: MapHandle, row: &TargetRow<'_>);
    /// A row about this source could not be read; a finding says why. What the others say of it is then not all, and answers nothing by
    /// itself: of rules, `OTHERWISE` would be true for what the lost row was about. `group` is 0 where it is not known.
    fn row_left_out(&mut self, _map: MapHandle, _source: &str, _group: u16, _at: At) {}
    /// A row for every code in a range that could be recorded; `row.source` is empty. Only who knows the system's codes can tell which.
    fn target_of_range(&mut self, map: MapHandle, range: CodeRange<'_>, row: &TargetRow<'_>);
    fn finding(&mut self, finding: Finding);
}
