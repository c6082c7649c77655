//! The report of a run: a page that a clinical lead can sign, the same for programs, and the lists that people work through.
//!
//! | file | what |
//! |---|---|
//! | `report.html` | one self-contained page, for the screen and for print |
//! | `report.json` | the same for programs ([`Document`] is its schema) |
//! | `review.csv` | each distinct unsettled code, most rows first, with what it may be |
//! | `codes.csv` | each distinct code, what became of it, how often: what `diff` compares |
//! | `duplicates.csv` | where the job names a key: repeated records, and codes repeated under one key, by number of record |
//! | `rejects.csv` | records that were not converted, as they came, with the reason |
//! | `signature.json` | who signed what, once somebody has ([`sign`]) |
//!
//! Private data: records stand in `rejects.csv` only. Codes are not private, but what stands in a code column and is no code may be: where
//! it does not look like a code it is described and not shown, except in `review.csv`, where it has to be seen to be settled.

mod chapters;
mod diff;
mod page;
mod sign;
pub(crate) mod style;

pub use diff::{Change, Diff, diff};
pub use sign::{Found, Signature, Verified, sign, verify};

use super::answers::repair_kinds;
use super::convert::Run;
use super::ledger::Tally;
use super::{Error, Job};
use crate::engine::{Engine, Outcome};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Unsettled codes that page and document name; `review.csv` has all.
const TOP: usize = 40;

/// `report.json`. Additions to it are free; what is named here keeps its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// `xwalk-report/1`.
    pub schema: String,
    pub xwalk: String,
    pub run: RunPart,
    pub input: FilePart,
    pub output: FilePart,
    pub rejects: Option<FilePart>,
    pub index: IndexPart,
    pub columns: Vec<ColumnPart>,
    pub records: RecordsPart,
    pub codes: CodesPart,
    pub outcomes: Vec<OutcomePart>,
    pub repairs: Vec<RepairPart>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicates: Option<DuplicatesPart>,
    pub policies: BTreeMap<String, u64>,
    pub unsettled: Vec<UnsettledPart>,
    pub chapters: Vec<ChapterPart>,
    pub facts_not_understood: BTreeMap<String, u64>,
    pub sample: SamplePart,
    pub thresholds: Vec<Threshold>,
    pub verdict: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunPart {
    pub started: String,
    pub seconds: f64,
    pub records_per_second: u64,
    pub format: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilePart {
    pub name: String,
    pub bytes: u64,
    pub blake3: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compression: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IndexPart {
    pub fingerprint: String,
    pub releases: Vec<ReleasePart>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleasePart {
    /// A system's alias, or a map's id.
    pub of: String,
    pub version: String,
    pub sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnPart {
    pub column: String,
    pub from: String,
    pub to: String,
    pub maps: Vec<String>,
    pub policy: String,
    pub strict: bool,
    pub blank: u64,
    pub codes: u64,
    pub settled: u64,
    pub outcomes: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordsPart {
    #[serde(rename = "in")]
    pub came: u64,
    #[serde(rename = "out")]
    pub went: u64,
    pub rejected: u64,
    pub reasons: BTreeMap<String, u64>,
    pub blank_lines: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodesPart {
    pub codes: u64,
    pub distinct: u64,
    pub settled: u64,
    pub settled_distinct: u64,
    /// Settled of all, 0 to 1.
    pub coverage: f64,
    pub coverage_distinct: f64,
    /// Whether so many distinct codes came that the last were counted together.
    pub crowded: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutcomePart {
    pub outcome: String,
    pub codes: u64,
    pub distinct: u64,
    pub settled: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepairPart {
    pub kind: String,
    pub codes: u64,
    pub distinct: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DuplicatesPart {
    pub key: Vec<String>,
    /// Records that came before, byte by byte.
    pub records: u64,
    /// Codes that their key had before.
    pub pairs: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnsettledPart {
    pub system: String,
    pub code: String,
    pub display: String,
    pub outcome: String,
    pub codes: u64,
    pub options: String,
    pub message: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChapterPart {
    pub chapter: String,
    pub before: u64,
    pub after: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SamplePart {
    pub seed: u64,
    pub records: Vec<SampledPart>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SampledPart {
    pub outcome: String,
    pub line: u64,
    pub column: String,
    pub code: String,
    #[serde(default)]
    pub display: String,
    pub target: String,
    #[serde(default)]
    pub target_display: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Threshold {
    pub what: String,
    pub at_most: f64,
    pub found: f64,
    pub passed: bool,
}

impl Document {
    pub fn new(job: &Job, engine: &Engine, run: &Run) -> Document {
        let ledger = &run.ledger;
        let tallies = || ledger.tallies.iter().filter(|t| t.count > 0);
        let outcome_code = |t: &Tally| t.outcome.map_or("", Outcome::code).to_owned();
        let codes = ledger.codes();
        let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        // One code may have several tallies: spelt in several ways, or differing by date.
        let mut distinct: HashMap<(&str, &str), bool, FixedState> = HashMap::default();
        for t in tallies() {
            let settled = distinct.entry((&t.system, &t.code)).or_insert(true);
            *settled &= t.settled;
        }
        let settled_distinct = distinct.values().filter(|s| **s).count() as u64;
        let outcomes = Outcome::ALL.iter().map(|o| {
            let of = || tallies().filter(|t| t.outcome == Some(*o));
            let distinct: HashSet<_, FixedState> = of().map(|t| (&t.system, &t.code)).collect();
            let settled = of().filter(|t| t.settled).map(|t| t.count).sum();
            OutcomePart { outcome: o.code().into(), codes: of().map(|t| t.count).sum(), distinct: distinct.len() as u64, settled }
        });
        let repairs = crate::engine::RepairKind::ALL.iter().map(|kind| {
            let of = || tallies().filter(|t| repair_kinds(t.repairs).any(|k| k == *kind));
            RepairPart { kind: kind.code().into(), codes: of().map(|t| t.count).sum(), distinct: of().count() as u64 }
        });
        let mut policies = BTreeMap::new();
        for t in tallies().filter(|t| !t.policy.is_empty()) {
            let name = t.policy.split(' ').next().unwrap_or_default();
            *policies.entry(name.to_owned()).or_default() += t.count;
        }
        let rejected = ledger.rejected_total();
        let mut thresholds = Vec::new();
        let mut threshold = |what: &str, at_most: Option<f64>, found: f64| {
            thresholds.extend(at_most.map(|at_most| Threshold { what: what.into(), at_most, found, passed: found <= at_most }));
        };
        threshold("share of codes unsettled", job.max_unsettled, 1.0 - share(ledger.settled(), codes));
        threshold(
            "share of records rejected",
            job.max_rejected,
            if ledger.records_in == 0 { 0.0 } else { share(rejected, ledger.records_in) },
        );
        let verdict = verdict(run, &thresholds).to_owned();
        let (input, output) = (&run.input, &run.output);
        let sample = Outcome::ALL.iter().zip(&ledger.samples).flat_map(|(o, rows)| {
            rows.iter().filter_map(move |s| {
                let t = ledger.tallies.get(s.tally as usize)?;
                let to = run.columns.iter().find(|c| c.column == s.column).map_or("", |c| &c.to);
                let names = t.target.split(' ').map(|code| display(engine, to, code));
                Some(SampledPart {
                    outcome: o.code().into(),
                    line: s.line,
                    column: s.column.clone(),
                    code: shown(t).into_owned(),
                    display: display(engine, &t.system, &t.code).to_owned(),
                    target: t.target.to_string(),
                    target_display: names.collect::<Vec<_>>().join(" + "),
                })
            })
        });
        Document {
            schema: String::from("xwalk-report/1"),
            xwalk: env!("CARGO_PKG_VERSION").to_owned(),
            run: RunPart {
                started: run.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                seconds: (run.seconds * 1000.0).round() / 1000.0,
                records_per_second: (ledger.records_in as f64 / run.seconds.max(1e-6)) as u64,
                format: run.format.code().into(),
            },
            input: FilePart {
                name: input.name.clone(),
                bytes: input.bytes,
                blake3: input.hash.clone(),
                encoding: Some(input.encoding.into()),
                compression: input.compression.map(str::to_owned),
            },
            output: file_part(output),
            rejects: run.rejects.as_ref().map(file_part),
            index: index_part(engine, run),
            columns: run.columns.iter().zip(&ledger.columns).map(|(facts, codes)| column_part(facts, codes)).collect(),
            records: RecordsPart {
                came: ledger.records_in,
                went: ledger.records_out,
                rejected,
                reasons: ledger.rejected.iter().map(|(r, n)| (r.code().to_owned(), *n)).collect(),
                blank_lines: ledger.blank_lines,
            },
            codes: CodesPart {
                codes,
                distinct: distinct.len() as u64,
                settled: ledger.settled(),
                settled_distinct,
                coverage: share(ledger.settled(), codes),
                coverage_distinct: share(settled_distinct, distinct.len() as u64),
                crowded: ledger.crowded,
            },
            outcomes: outcomes.collect(),
            repairs: repairs.filter(|r| r.codes > 0).collect(),
            duplicates: run.duplicates.as_ref().map(|d| DuplicatesPart { key: job.key.clone(), records: d.records, pairs: d.pairs }),
            policies,
            unsettled: unsettled(run)
                .into_iter()
                .take(TOP)
                .map(|t| UnsettledPart {
                    system: t.system.to_string(),
                    code: shown(&t).into_owned(),
                    display: display(engine, &t.system, &t.code).to_owned(),
                    outcome: outcome_code(&t),
                    codes: t.count,
                    options: t.options.clone(),
                    message: if t.known { t.message.clone() } else { String::new() },
                })
                .collect(),
            chapters: chapters::count(run),
            facts_not_understood: ledger.facts_not_understood.clone(),
            sample: SamplePart { seed: job.seed, records: sample.collect() },
            thresholds,
            verdict,
        }
    }
}

/// `passed` or `failed` where thresholds were given; else `settled`, or `unsettled` if anything is left to people.
fn verdict(run: &Run, thresholds: &[Threshold]) -> &'static str {
    if thresholds.is_empty() {
        let settled = run.ledger.rejected_total() == 0 && run.ledger.settled() == run.ledger.codes();
        return if settled { "settled" } else { "unsettled" };
    }
    if thresholds.iter().all(|t| t.passed) { "passed" } else { "failed" }
}

fn file_part(f: &super::output::OutputFacts) -> FilePart {
    FilePart { name: f.name.clone(), bytes: f.bytes, blake3: f.hash.clone(), encoding: None, compression: None }
}

fn column_part(facts: &super::convert::ColumnFacts, codes: &super::ledger::Codes) -> ColumnPart {
    let outcomes = Outcome::ALL.iter().zip(codes.outcomes).filter(|(_, n)| *n > 0).map(|(o, n)| (o.code().to_owned(), n));
    ColumnPart {
        column: facts.column.clone(),
        from: facts.from.clone(),
        to: facts.to.clone(),
        maps: facts.maps.clone(),
        policy: facts.policy.code().into(),
        strict: facts.strict,
        blank: codes.blank,
        codes: codes.codes(),
        settled: codes.settled,
        outcomes: outcomes.collect(),
    }
}

/// The releases that stand behind the answers: of the systems and maps that the columns use.
fn index_part(engine: &Engine, run: &Run) -> IndexPart {
    let index = engine.index();
    let mut releases = Vec::new();
    let used = |alias: &str| run.columns.iter().any(|c| c.to == alias || c.from == alias || c.from.starts_with("by "));
    for system in index.systems().filter(|s| used(s.alias())) {
        releases.extend(system.releases().iter().map(|r| ReleasePart {
            of: system.alias().to_owned(),
            version: r.version.clone(),
            sha256: hashes(&r.files),
        }));
    }
    for map in index.maps() {
        let name = format!("{}|{}", map.id(), map.version());
        if !run.columns.iter().any(|c| c.maps.contains(&name)) {
            continue;
        }
        let sha256 = hashes(&map.meta().files);
        releases.push(ReleasePart { of: map.id().to_owned(), version: map.version().to_owned(), sha256 });
    }
    IndexPart { fingerprint: run.index.clone(), releases }
}

fn hashes(files: &[(String, String)]) -> String {
    files.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>().join(" ")
}

/// The unsettled codes, spellings of one code together, the most frequent first.
fn unsettled(run: &Run) -> Vec<Tally> {
    let mut codes: BTreeMap<(&str, &str, &str, Option<Outcome>), Tally> = BTreeMap::new();
    for t in run.ledger.tallies.iter().filter(|t| !t.settled && t.count > 0) {
        codes.entry((&t.system, &t.to, &t.code, t.outcome)).and_modify(|sum| sum.count += t.count).or_insert_with(|| t.clone());
    }
    let mut codes: Vec<Tally> = codes.into_values().collect();
    codes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.system, &a.code).cmp(&(&b.system, &b.code))));
    codes
}

fn display<'e>(engine: &'e Engine, system: &str, code: &str) -> &'e str {
    engine.system(system).ok().and_then(|s| s.concept(code)).and_then(|c| c.display()).unwrap_or("")
}

/// A code; or what stands in its place, if that looks like one. A name or a sentence in a code column is described only.
fn shown(t: &Tally) -> Cow<'_, str> {
    let looks_like_a_code = t.code.len() <= 8 && t.code.is_ascii() && (t.code.len() <= 4 || t.code.bytes().any(|b| b.is_ascii_digit()));
    if t.known || (looks_like_a_code && t.system != "text") || t.code == "(others)" {
        Cow::Borrowed(&t.code)
    } else {
        Cow::Owned(format!("(text of {} characters)", t.code.chars().count()))
    }
}

/// Writes the report into a folder that is not yet in its place.
pub(super) fn write(folder: &Path, job: &Job, engine: &Engine, run: &Run) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make folder", folder, e))?;
    let document = Document::new(job, engine, run);
    let json = serde_json::to_string_pretty(&document).map_err(|e| Error::Io {
        what: "write",
        path: folder.join("report.json").display().to_string(),
        source: e.into(),
    })?;
    let put = |name: &str, bytes: &[u8]| put(&folder.join(name), bytes, job.sync);
    put("report.json", (json + "\n").as_bytes())?;
    put("report.html", page::page(&document).as_bytes())?;
    put("review.csv", &review(engine, run))?;
    put("codes.csv", &codes(run))?;
    if let Some(found) = &run.duplicates {
        let rows =
            found.listed.iter().map(|(record, what, first)| [record.to_string().into(), what.code().into(), first.to_string().into()]);
        put("duplicates.csv", &table("record,repeats,first", rows))?;
    }
    if job.rejects.is_none() && !folder.join("rejects.csv").exists() {
        put("rejects.csv", b"line,reason,record\n")?;
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8], sync: bool) -> Result<(), Error> {
    use std::io::Write;
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(bytes)?;
        if sync { file.sync_all() } else { Ok(()) }
    };
    write().map_err(|e| Error::io("write", path, e))
}

fn table<'r, const N: usize>(header: &str, rows: impl Iterator<Item = [Cow<'r, str>; N]>) -> Vec<u8> {
    let mut out = header.as_bytes().to_vec();
    out.push(b'\n');
    for row in rows {
        for (i, value) in row.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            super::answers::delimited(value, b',', Some(b'"'), &mut out);
        }
        out.push(b'\n');
    }
    out
}

fn review(engine: &Engine, run: &Run) -> Vec<u8> {
    let unsettled = unsettled(run);
    let rows = unsettled.iter().map(|t| {
        [
            (*t.system).into(),
            (*t.code).into(),
            display(engine, &t.system, &t.code).into(),
            t.outcome.map_or("", Outcome::code).into(),
            t.count.to_string().into(),
            (*t.options).into(),
            (*t.map).into(),
            (*t.message).into(),
            (*t.to).into(),
        ]
    });
    table("system,code,display,outcome,count,options,map,message,target_system", rows)
}

fn codes(run: &Run) -> Vec<u8> {
    fn becomes(t: &Tally) -> [Cow<'_, str>; 7] {
        let outcome = t.outcome.map_or("", Outcome::code);
        [(*t.system).into(), shown(t), outcome.into(), (*t.target).into(), (*t.relationship).into(), (*t.map).into(), (*t.policy).into()]
    }
    let mut tallies: Vec<&Tally> = run.ledger.tallies.iter().filter(|t| t.count > 0).collect();
    tallies.sort_by(|a, b| (&a.system, shown(a)).cmp(&(&b.system, shown(b))).then_with(|| becomes(a).cmp(&becomes(b))));
    let rows = tallies.chunk_by(|a, b| becomes(a) == becomes(b)).map(|alike| {
        let [s, c, o, t, r, m, p] = becomes(alike[0]);
        [s, c, o, t, r, m, p, alike.iter().map(|t| t.count).sum::<u64>().to_string().into()]
    });
    table("system,code,outcome,target,relationship,map,policy,count", rows)
}
