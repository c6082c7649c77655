//! `report.json`, member by member: what a run was, what it did, and whether that will do. The page shows it, programs read it; what is said
//! of a run is summed up in `of_run`.

use crate::job::Longest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `report.json`. Additions to it are free; what is named here keeps its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// `xwalk-report/1`.
    pub schema: String,
    /// The version of the program.
    pub xwalk: String,
    /// When, how long, which format.
    pub run: RunPart,
    /// What was asked beside the columns.
    #[serde(default)]
    pub job: JobPart,
    /// What was read.
    pub input: FilePart,
    /// What was written.
    pub output: FilePart,
    /// Records that were not converted; none, if all were.
    pub rejects: Option<FilePart>,
    /// What answered.
    pub index: IndexPart,
    /// What was asked of each code column, and what came of it.
    pub columns: Vec<ColumnPart>,
    /// Records in = records out + records rejected.
    pub records: RecordsPart,
    /// Codes of all columns. Codes in = the sum of all outcomes.
    pub codes: CodesPart,
    /// Codes by outcome, those that nothing came to included.
    pub outcomes: Vec<OutcomePart>,
    /// Codes by kind of repair.
    pub repairs: Vec<RepairPart>,
    /// What was read as what, the most frequent first; `repairs.csv` has all.
    #[serde(default)]
    pub repaired: Vec<RepairedPart>,
    /// How many there are.
    #[serde(default)]
    pub repaired_all: u64,
    /// Codes that were settled with a target that is no code.
    #[serde(default)]
    pub invalid_targets: InvalidTargetsPart,
    /// What came again; where the job names a key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicates: Option<DuplicatesPart>,
    /// Codes that were settled by a policy, by its name.
    pub policies: BTreeMap<String, u64>,
    /// The most frequent first; `review.csv` has all.
    pub unsettled: Vec<UnsettledPart>,
    /// How many there are.
    #[serde(default)]
    pub unsettled_all: u64,
    /// Source codes and target codes by chapter.
    pub chapters: Vec<ChapterPart>,
    /// Cells of fact columns (`age`, `sex`) that were not understood.
    pub facts_not_understood: BTreeMap<String, u64>,
    /// Codes whose system is not known, by what the column that says it has there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unknown_systems: BTreeMap<String, u64>,
    /// Records for manual check.
    pub sample: SamplePart,
    /// Those of the job; none, if it has none.
    pub thresholds: Vec<Threshold>,
    /// `settled`; `unsettled`: something is left to people; `invalid-targets`: all is settled, but some targets are no codes; `no-records`:
    /// there was not one record; `all-rejected`: every record was rejected before its codes were looked at; `no-codes`: there were records
    /// and not one code; `passed` or `failed` where thresholds were given.
    pub verdict: String,
    /// BLAKE3 of the other files of the report, by name.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunPart {
    /// UTC.
    pub started: String,
    /// From the first byte to the report.
    pub seconds: f64,
    /// Records in by seconds.
    pub records_per_second: u64,
    /// `csv`, `tsv`, `ndjson`, `parquet`, `arrow`.
    pub format: String,
    /// What `--resume` knows the run by: a hash of job, index, decisions, size and time of the input. None where the input or the output was
    /// piped.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub identity: String,
}

/// What the job asked for beside its columns.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobPart {
    /// The column of the date of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The column of the age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// What bare numbers count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_unit: Option<String>,
    /// The column of the sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<String>,
    /// The column of the record's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The columns that say whose codes they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Reviewers' decisions that were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decisions: Option<DecisionsPart>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecisionsPart {
    /// The file's name, where it is known.
    pub file: Option<String>,
    /// BLAKE3 of all approved decisions: another state of the file has another.
    pub digest: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilePart {
    /// Without its folders, which may name a patient or a project.
    pub name: String,
    /// As stored, compressed or not.
    pub bytes: u64,
    /// Of these bytes.
    pub blake3: String,
    /// Of the input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub encoding: Option<String>,
    /// `gzip`, `zstd`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compression: Option<String>,
    /// It came or went through a pipe, or to a device; nobody knows where it was kept.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub piped: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IndexPart {
    /// `xwalk index info` prints it too.
    pub fingerprint: String,
    /// Of the systems and maps that the columns use.
    pub releases: Vec<ReleasePart>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleasePart {
    /// A system's alias, or a map's id.
    pub of: String,
    /// As its publisher calls it.
    pub version: String,
    /// Of its files, separated by a blank.
    pub sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnPart {
    /// Its name.
    pub column: String,
    /// The source system's alias, `text`, or `by COLUMN`.
    pub from: String,
    /// The target system's alias.
    pub to: String,
    /// Those that were asked, `id|version`, in order.
    pub maps: Vec<String>,
    /// `review`, `text`, `unspecified`, `first`, `decision`; `search` where the column holds words.
    pub policy: String,
    /// Only exact answers are taken.
    pub strict: bool,
    /// What a record with an unsettled code gets: `blank`, `source`, `reject`.
    #[serde(default)]
    pub unsettled: String,
    /// What not every column has: these are members of the column itself.
    #[serde(flatten)]
    pub asked: AskedPart,
    /// Records whose cell was blank.
    pub blank: u64,
    /// Codes in its cells.
    pub codes: u64,
    /// For which a target was taken.
    pub settled: u64,
    /// Codes of records that were rejected for one of them, and the settled among these: they are counted above, and are not in the output.
    #[serde(default)]
    pub rejected: u64,
    #[serde(default)]
    pub rejected_settled: u64,
    /// Codes by outcome.
    pub outcomes: BTreeMap<String, u64>,
}

/// What a job may ask of a column beyond what each has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AskedPart {
    /// What the values of the source column mean.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// The day on which targets must be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_date: Option<String>,
    /// Maps were read from target to source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
    /// What stands between several codes in a cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// By how much the best option had to lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f32>,
    /// How sure the search had to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordsPart {
    /// Records in.
    #[serde(rename = "in")]
    pub came: u64,
    /// Records out.
    #[serde(rename = "out")]
    pub went: u64,
    /// Records that were not converted.
    pub rejected: u64,
    /// These by reason: `fields`, `encoding`, `nul`, `quotation`, `json`, `repeated`, `taken`, `date`, `unsettled`.
    pub reasons: BTreeMap<String, u64>,
    /// Lines that the rejected records have.
    #[serde(default)]
    pub rejected_lines: u64,
    /// Lines without anything; no records.
    pub blank_lines: u64,
    /// Line breaks within the fields of records.
    #[serde(default)]
    pub line_breaks: u64,
    /// The record of the most lines, where some have several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub longest: Option<Longest>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodesPart {
    /// As often as they came.
    pub codes: u64,
    /// Each once.
    pub distinct: u64,
    /// For which a target was taken.
    pub settled: u64,
    /// Distinct codes that were settled wherever they came.
    pub settled_distinct: u64,
    /// Codes of records that were rejected for one of them, and the settled among these: they are counted above, and are not in the output.
    #[serde(default)]
    pub rejected: u64,
    #[serde(default)]
    pub rejected_settled: u64,
    /// Settled of all, 0 to 1; 0 where there are no codes.
    pub coverage: f64,
    /// The same of distinct codes.
    pub coverage_distinct: f64,
    /// Whether so many distinct codes came that the last were counted together.
    pub crowded: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutcomePart {
    /// `exact`, `approximate`, `combination`, `choice`, `needs-facts`, `not-valid-on-date`, `no-map`, `unmapped`, `invalid-code`, `unknown-system`.
    pub outcome: String,
    /// As often as they came.
    pub codes: u64,
    /// Each once.
    pub distinct: u64,
    /// For which a target was taken.
    pub settled: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepairPart {
    /// `blank`, `case`, `dot`, `letter`, `leading-zero`, `trailing-zero`, `padding`, `quoted`.
    pub kind: String,
    /// As often as they came.
    pub codes: u64,
    /// Of what was given.
    pub distinct: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepairedPart {
    /// Alias.
    pub system: String,
    /// What stood there. A text that was quoted with the code and is none of its terms is described only.
    pub given: String,
    /// The code that it was read as.
    pub used: String,
    /// Kinds of repair.
    pub kinds: Vec<String>,
    /// As often as it came.
    pub codes: u64,
}

/// Codes that were settled with a target that is no code: on the target date, or else of the newest release loaded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InvalidTargetsPart {
    /// As often as they came.
    pub codes: u64,
    /// Source codes, each once.
    pub distinct: u64,
    /// `header`, `expired`, `unlisted`.
    /// Codes by what their target is: `header`, `expired`, `unlisted`.
    pub states: BTreeMap<String, u64>,
    /// The most frequent first; `codes.csv` has all.
    pub listed: Vec<InvalidTargetPart>,
    /// How many there are.
    #[serde(default)]
    pub all: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvalidTargetPart {
    /// Of the source code.
    pub system: String,
    /// The source code.
    pub code: String,
    /// Its name.
    pub display: String,
    /// What was taken for it.
    pub target: String,
    /// Its name.
    pub target_display: String,
    /// What that is.
    pub state: String,
    /// As often as it came.
    pub codes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DuplicatesPart {
    /// The columns that say whose codes they are.
    pub key: Vec<String>,
    /// Records that came before, byte by byte.
    pub records: u64,
    /// Codes that their key had before.
    pub pairs: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnsettledPart {
    /// Alias; empty, if the record named none that is known.
    pub system: String,
    /// What is no code and does not look like one is described only.
    pub code: String,
    /// Its name.
    pub display: String,
    /// Why it is unsettled, in a word.
    pub outcome: String,
    /// As often as it came.
    pub codes: u64,
    /// What it may be: A + B are needed together, A / B are alternatives, | parts whole readings.
    pub options: String,
    /// Why it is unsettled.
    pub message: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChapterPart {
    /// Its name.
    pub chapter: String,
    /// Source codes, as often as they came.
    pub before: u64,
    /// Target codes.
    pub after: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SamplePart {
    /// The lots are drawn by it.
    pub seed: u64,
    /// Some of each outcome.
    pub records: Vec<SampledPart>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SampledPart {
    /// Of the code.
    pub outcome: String,
    /// Where the record begins in the input; its number in a table.
    pub line: u64,
    /// The code column.
    pub column: String,
    /// What is no code and does not look like one is described only.
    pub code: String,
    /// Its name.
    #[serde(default)]
    pub display: String,
    /// The codes taken, separated by a blank.
    pub target: String,
    /// Their names.
    #[serde(default)]
    pub target_display: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Threshold {
    /// A share, in words.
    pub what: String,
    /// 0 to 1.
    pub at_most: f64,
    /// 0 to 1.
    pub found: f64,
    /// Whether it holds.
    pub passed: bool,
}
