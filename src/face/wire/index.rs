//! What `index info`, `index verify` and `index diff` say.

use super::Day;
use super::lookup::status;
use crate::index::{CodeSystem, Concept, ConceptMap, Diff, FORMAT_VERSION, Index, Row, Verification};
use serde::Serialize;

/// What is in an index.
#[derive(Clone, Debug, Serialize)]
pub struct IndexReport<'a> {
    pub file: String,
    pub fingerprint: String,
    /// In bytes.
    pub size: u64,
    pub format: u32,
    pub normaliser: u32,
    pub systems: Vec<SystemReport<'a>>,
    pub maps: Vec<MapReport<'a>>,
    pub sections: Vec<SectionReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SystemReport<'a> {
    pub system: &'a str,
    pub title: &'a str,
    pub uri: &'a str,
    /// The newest release; empty if only maps know this system.
    pub version: &'a str,
    /// All codes, headers and codes that only a map names included.
    pub codes: u32,
    /// Codes that may be recorded by the newest release.
    pub billable: usize,
    pub releases: Vec<ReleaseReport<'a>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReleaseReport<'a> {
    pub version: &'a str,
    pub from: Option<Day>,
    pub to: Option<Day>,
    pub files: Vec<FileReport<'a>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FileReport<'a> {
    pub name: &'a str,
    pub sha256: &'a str,
}

#[derive(Clone, Debug, Serialize)]
pub struct MapReport<'a> {
    pub id: &'a str,
    pub version: &'a str,
    pub title: &'a str,
    pub kind: &'static str,
    pub source: &'a str,
    pub target: &'a str,
    pub rows: usize,
    pub files: Vec<FileReport<'a>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SectionReport {
    pub name: String,
    pub bytes: u64,
}

fn files(files: &[(String, String)]) -> Vec<FileReport<'_>> {
    files.iter().map(|(name, sha256)| FileReport { name, sha256 }).collect()
}

impl<'a> IndexReport<'a> {
    /// `file`: where it lies.
    pub fn of(index: &'a Index, file: String) -> IndexReport<'a> {
        IndexReport {
            file,
            fingerprint: index.fingerprint(),
            size: index.size(),
            format: FORMAT_VERSION,
            normaliser: index.normaliser(),
            systems: index.systems().map(SystemReport::of).collect(),
            maps: index.maps().map(MapReport::of).collect(),
            sections: index.sizes().into_iter().map(|(name, bytes)| SectionReport { name, bytes }).collect(),
        }
    }
}

impl<'a> SystemReport<'a> {
    fn of(system: CodeSystem<'a>) -> SystemReport<'a> {
        let release = |r: &'a crate::index::ReleaseMeta| ReleaseReport {
            version: &r.version,
            from: r.from.map(Day),
            to: r.to.map(Day),
            files: files(&r.files),
        };
        SystemReport {
            system: system.alias(),
            title: system.title(),
            uri: system.uri(),
            version: system.version(),
            codes: system.len(),
            billable: system.concepts().filter(|c| c.is_valid_on(None)).count(),
            releases: system.releases().iter().map(release).collect(),
        }
    }
}

impl<'a> MapReport<'a> {
    fn of(map: ConceptMap<'a>) -> MapReport<'a> {
        MapReport {
            id: map.id(),
            version: map.version(),
            title: map.title(),
            kind: map.kind().code(),
            source: map.source().alias(),
            target: map.target().alias(),
            rows: map.len(),
            files: files(&map.meta().files),
        }
    }
}

/// Whether an index is what was written.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport<'a> {
    pub file: String,
    /// `null` if the file cannot even be opened.
    pub fingerprint: Option<String>,
    pub sound: bool,
    pub sections: usize,
    pub concepts: u64,
    pub rows: u64,
    pub damage: &'a [String],
}

impl<'a> VerifyReport<'a> {
    pub fn of(index: &Index, file: String, found: &'a Verification) -> VerifyReport<'a> {
        VerifyReport {
            file,
            fingerprint: Some(index.fingerprint()),
            sound: found.is_sound(),
            sections: found.sections,
            concepts: found.concepts,
            rows: found.rows,
            damage: &found.damage,
        }
    }

    /// Of a file that is so damaged that it cannot be opened.
    pub fn unopened(file: String, damage: &'a [String]) -> VerifyReport<'a> {
        VerifyReport { file, fingerprint: None, sound: false, sections: 0, concepts: 0, rows: 0, damage }
    }
}

/// What came of a build.
#[derive(Clone, Debug, Serialize)]
pub struct BuildReport<'a> {
    pub file: String,
    /// Whether the index was written; not if rows would have been left out and that was not wanted.
    pub written: bool,
    pub fingerprint: &'a str,
    pub size: u64,
    pub codes: u64,
    pub rows: u64,
    pub findings: Vec<FindingReport<'a>>,
}

/// Something in a release file that is not as its format says, or not as one would expect.
#[derive(Clone, Debug, Serialize)]
pub struct FindingReport<'a> {
    pub severity: &'static str,
    pub file: &'a str,
    /// From one; 0: the file as a whole.
    pub line: u64,
    /// From one; 0: the line as a whole.
    pub column: u32,
    pub what: &'a str,
    pub mend: &'a str,
}

/// What one index says and another does not.
#[derive(Clone, Debug, Serialize)]
pub struct DiffReport<'a> {
    pub same: bool,
    pub systems: Vec<SystemDiffReport<'a>>,
    pub maps: Vec<MapDiffReport<'a>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SystemDiffReport<'a> {
    pub system: &'a str,
    /// The newest release on either side; `null`: not there.
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
    pub added: Vec<CodeReport<'a>>,
    pub removed: Vec<CodeReport<'a>>,
    pub changed: Vec<ChangedCode<'a>>,
}

/// A code and what it was in its system's last statement about it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CodeReport<'a> {
    pub code: &'a str,
    pub display: Option<&'a str>,
    pub status: Option<&'static str>,
    pub from: Option<Day>,
    pub to: Option<Day>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChangedCode<'a> {
    pub code: &'a str,
    pub what: &'a [&'static str],
    pub before: CodeReport<'a>,
    pub after: CodeReport<'a>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MapDiffReport<'a> {
    pub map: &'a str,
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
    pub added: Vec<RowReport<'a>>,
    pub removed: Vec<RowReport<'a>>,
    pub changed: Vec<ChangedRow<'a>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RowReport<'a> {
    pub row: u32,
    pub source: &'a str,
    /// `null`: the row says that there is none.
    pub target: Option<&'a str>,
    pub relationship: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    pub group: u16,
    pub priority: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub rule: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub advice: &'a str,
}

#[derive(Clone, Debug, Serialize)]
pub struct ChangedRow<'a> {
    pub what: &'a [&'static str],
    pub before: RowReport<'a>,
    pub after: RowReport<'a>,
}

impl<'a> From<Concept<'a>> for CodeReport<'a> {
    fn from(c: Concept<'a>) -> Self {
        let last = c.validity().next_back();
        CodeReport {
            code: c.code(),
            display: c.display(),
            status: last.map(|v| status(v.status)),
            from: last.and_then(|v| v.from).map(Day),
            to: last.and_then(|v| v.to).map(Day),
        }
    }
}

impl<'a> From<Row<'a>> for RowReport<'a> {
    fn from(row: Row<'a>) -> Self {
        let detail = row.detail();
        RowReport {
            row: row.line(),
            source: row.source().map_or("", |c| c.code()),
            target: row.target().map(|c| c.code()),
            relationship: row.relationship().code(),
            flags: row.gem_flags().map(|f| f.to_string()),
            group: row.group(),
            priority: row.priority(),
            rule: detail.rule,
            advice: detail.advice,
        }
    }
}

impl<'a> DiffReport<'a> {
    pub fn of(diff: &'a Diff<'a>) -> DiffReport<'a> {
        let codes = |list: &[Concept<'a>]| list.iter().copied().map(CodeReport::from).collect();
        let rows = |list: &[Row<'a>]| list.iter().copied().map(RowReport::from).collect();
        let system = |d: &'a crate::index::SystemDiff<'a>| SystemDiffReport {
            system: d.after.or(d.before).map_or("", |s| s.alias()),
            before: d.before.map(|s| s.version()),
            after: d.after.map(|s| s.version()),
            added: codes(&d.added),
            removed: codes(&d.removed),
            changed: d
                .changed
                .iter()
                .map(|c| ChangedCode { code: c.after.code(), what: &c.what, before: c.before.into(), after: c.after.into() })
                .collect(),
        };
        let map = |d: &'a crate::index::MapDiff<'a>| MapDiffReport {
            map: d.after.or(d.before).map_or("", |m| m.id()),
            before: d.before.map(|m| m.version()),
            after: d.after.map(|m| m.version()),
            added: rows(&d.added),
            removed: rows(&d.removed),
            changed: d.changed.iter().map(|c| ChangedRow { what: &c.what, before: c.before.into(), after: c.after.into() }).collect(),
        };
        DiffReport { same: diff.is_empty(), systems: diff.systems.iter().map(system).collect(), maps: diff.maps.iter().map(map).collect() }
    }
}
