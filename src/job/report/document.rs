//! `report.json`: what a run was, what it did, and whether that will do. The page shows it, programs read it.

use super::{chapters, display, shown, unsettled};
use crate::engine::{Engine, Outcome, RepairKind};
use crate::job::answers::repair_kinds;
use crate::job::convert::{ColumnFacts, Run};
use crate::job::input::display_name;
use crate::job::ledger::{Codes, Tally};
use crate::job::output::OutputFacts;
use crate::job::{Job, Longest};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Unsettled codes that page and document name; `review.csv` has all.
const TOP: usize = 40;

/// `report.json`. Additions to it are free; what is named here keeps its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// `xwalk-report/1`.
    pub schema: String,
    pub xwalk: String,
    pub run: RunPart,
    #[serde(default)]
    pub job: JobPart,
    pub input: FilePart,
    pub output: FilePart,
    pub rejects: Option<FilePart>,
    pub index: IndexPart,
    pub columns: Vec<ColumnPart>,
    pub records: RecordsPart,
    pub codes: CodesPart,
    pub outcomes: Vec<OutcomePart>,
    pub repairs: Vec<RepairPart>,
    /// What was read as what, the most frequent first; `repairs.csv` has all.
    #[serde(default)]
    pub repaired: Vec<RepairedPart>,
    #[serde(default)]
    pub invalid_targets: InvalidTargetsPart,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicates: Option<DuplicatesPart>,
    pub policies: BTreeMap<String, u64>,
    pub unsettled: Vec<UnsettledPart>,
    pub chapters: Vec<ChapterPart>,
    pub facts_not_understood: BTreeMap<String, u64>,
    pub sample: SamplePart,
    pub thresholds: Vec<Threshold>,
    /// `settled`; `unsettled`: something is left to people; `invalid-targets`: all is settled, but some targets are no codes; `no-codes`:
    /// there were records and not one code; `passed` or `failed` where thresholds were given.
    pub verdict: String,
    /// BLAKE3 of the other files of the report, by name.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunPart {
    pub started: String,
    pub seconds: f64,
    pub records_per_second: u64,
    pub format: String,
}

/// What the job asked for beside its columns.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
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
    /// What a record with an unsettled code gets: `blank`, `source`, `reject`.
    #[serde(default)]
    pub unsettled: String,
    #[serde(flatten)]
    pub asked: AskedPart,
    pub blank: u64,
    pub codes: u64,
    pub settled: u64,
    pub outcomes: BTreeMap<String, u64>,
}

/// What a job may ask of a column beyond what each has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AskedPart {
    /// What the values of the source column mean.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_date: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordsPart {
    #[serde(rename = "in")]
    pub came: u64,
    #[serde(rename = "out")]
    pub went: u64,
    pub rejected: u64,
    pub reasons: BTreeMap<String, u64>,
    /// Lines that the rejected records have.
    #[serde(default)]
    pub rejected_lines: u64,
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
    pub codes: u64,
    pub distinct: u64,
    pub settled: u64,
    pub settled_distinct: u64,
    /// Settled of all, 0 to 1; 0 where there are no codes.
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
    /// Of what was given.
    pub distinct: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepairedPart {
    pub system: String,
    pub given: String,
    pub used: String,
    pub kinds: Vec<String>,
    pub codes: u64,
}

/// Codes that were settled with a target that is no code: on the target date, or else of the newest release loaded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InvalidTargetsPart {
    pub codes: u64,
    pub distinct: u64,
    /// `header`, `expired`, `unlisted`.
    pub states: BTreeMap<String, u64>,
    /// The most frequent first; `codes.csv` has all.
    pub listed: Vec<InvalidTargetPart>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InvalidTargetPart {
    pub system: String,
    pub code: String,
    pub display: String,
    pub target: String,
    pub target_display: String,
    pub state: String,
    pub codes: u64,
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
        Document::with(job, engine, run, &repaired(run), &unsettled(run))
    }

    pub(super) fn with(job: &Job, engine: &Engine, run: &Run, repaired: &[RepairedCode<'_>], unsettled: &[Tally]) -> Document {
        let ledger = &run.ledger;
        let tallies = || ledger.tallies.iter().filter(|t| t.count > 0);
        let outcome_code = |t: &Tally| t.outcome.map_or("", Outcome::code).to_owned();
        let codes = ledger.codes();
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let invalid = invalid_targets(engine, run);
        // One code may have several tallies, differing by date.
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
        let repairs = RepairKind::ALL.iter().map(|kind| {
            let of = || ledger.repaired.iter().filter(|r| r.count > 0 && repair_kinds(r.kinds).any(|k| k == *kind));
            RepairPart { kind: kind.code().into(), codes: of().map(|r| r.count).sum(), distinct: of().count() as u64 }
        });
        let mut policies = BTreeMap::new();
        for t in tallies().filter(|t| !t.policy.is_empty()) {
            let name = t.policy.split(' ').next().unwrap_or_default();
            *policies.entry(name.to_owned()).or_default() += t.count;
        }
        let rejected = ledger.rejected_total();
        let threshold = |what: &str, at_most: Option<f64>, found: f64| {
            let at_most = at_most.unwrap_or(0.0);
            Threshold { what: what.into(), at_most, found, passed: found <= at_most }
        };
        let thresholds = [
            threshold("share of codes unsettled", job.max_unsettled, share(codes - ledger.settled(), codes)),
            threshold("share of records rejected", job.max_rejected, share(rejected, ledger.records_in)),
            threshold("share of codes with a target that is no code", job.max_invalid_targets, share(invalid.codes, codes)),
        ];
        // One that is given means that the others are meant strictly; none, that the verdict says what is left.
        let asked = [job.max_unsettled, job.max_rejected, job.max_invalid_targets].iter().any(Option::is_some);
        let thresholds = if asked { thresholds.to_vec() } else { Vec::new() };
        let verdict = verdict(run, &thresholds, &invalid).to_owned();
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
            job: JobPart {
                date: job.date.clone(),
                age: job.age.clone(),
                age_unit: job.age_unit.clone(),
                sex: job.sex.clone(),
                text: job.text.clone(),
                key: job.key.clone(),
                decisions: run.decisions.clone().map(|digest| DecisionsPart { file: job.decisions.as_deref().map(display_name), digest }),
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
                rejected_lines: ledger.rejected_lines,
                blank_lines: ledger.blank_lines,
                line_breaks: ledger.line_breaks,
                longest: Some(ledger.longest).filter(|l| l.lines > 0),
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
            repaired: repaired.iter().take(TOP).map(RepairedCode::part).collect(),
            invalid_targets: invalid,
            duplicates: run.duplicates.as_ref().map(|d| DuplicatesPart { key: job.key.clone(), records: d.records, pairs: d.pairs }),
            policies,
            unsettled: unsettled
                .iter()
                .take(TOP)
                .map(|t| UnsettledPart {
                    system: t.system.to_string(),
                    code: shown(t).into_owned(),
                    display: display(engine, &t.system, &t.code).to_owned(),
                    outcome: outcome_code(t),
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
            files: BTreeMap::new(),
        }
    }
}

/// See [`Document::verdict`].
fn verdict(run: &Run, thresholds: &[Threshold], invalid: &InvalidTargetsPart) -> &'static str {
    let ledger = &run.ledger;
    if ledger.records_in > 0 && ledger.codes() == 0 {
        return "no-codes";
    }
    if !thresholds.is_empty() {
        return if thresholds.iter().all(|t| t.passed) { "passed" } else { "failed" };
    }
    if ledger.rejected_total() > 0 || ledger.settled() < ledger.codes() {
        return "unsettled";
    }
    if invalid.codes > 0 { "invalid-targets" } else { "settled" }
}

/// What was read as what.
pub(super) struct RepairedCode<'r> {
    pub system: &'r str,
    pub given: &'r str,
    pub used: &'r str,
    kinds: u8,
    pub codes: u64,
}

impl RepairedCode<'_> {
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        repair_kinds(self.kinds).map(RepairKind::code)
    }

    fn part(&self) -> RepairedPart {
        RepairedPart {
            system: self.system.to_owned(),
            given: self.given.to_owned(),
            used: self.used.to_owned(),
            kinds: self.kinds().map(str::to_owned).collect(),
            codes: self.codes,
        }
    }
}

/// What was read as what, the most frequent first.
pub(super) fn repaired(run: &Run) -> Vec<RepairedCode<'_>> {
    let mut pairs: HashMap<(&str, &str, &str), (u8, u64), FixedState> = HashMap::default();
    for r in run.ledger.repaired.iter().filter(|r| r.count > 0) {
        let Some(t) = run.ledger.tallies.get(r.tally as usize) else { continue };
        let pair = pairs.entry((&t.system, &r.given, &t.code)).or_default();
        *pair = (pair.0 | r.kinds, pair.1 + r.count);
    }
    let mut repaired: Vec<_> =
        pairs.into_iter().map(|((system, given, used), (kinds, codes))| RepairedCode { system, given, used, kinds, codes }).collect();
    repaired.sort_unstable_by(|a, b| b.codes.cmp(&a.codes).then_with(|| (a.system, a.given, a.used).cmp(&(b.system, b.given, b.used))));
    repaired
}

fn invalid_targets(engine: &Engine, run: &Run) -> InvalidTargetsPart {
    let mut part = InvalidTargetsPart::default();
    let mut codes: HashMap<(&str, &str, &str, &str, &str), u64, FixedState> = HashMap::default();
    for t in run.ledger.tallies.iter().filter(|t| t.count > 0) {
        if let Some(state) = t.invalid_target() {
            part.codes += t.count;
            *part.states.entry(state.to_owned()).or_default() += t.count;
            *codes.entry((&t.system, &t.to, &t.code, &t.target, &t.target_state)).or_default() += t.count;
        }
    }
    part.distinct = codes.keys().map(|(system, _, code, ..)| (system, code)).collect::<HashSet<_, FixedState>>().len() as u64;
    let mut codes: Vec<_> = codes.into_iter().collect();
    codes.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    let listed = codes.into_iter().take(TOP).map(|((system, to, code, target, state), codes)| InvalidTargetPart {
        system: system.to_owned(),
        code: code.to_owned(),
        display: display(engine, system, code).to_owned(),
        target: target.to_owned(),
        target_display: target.split(' ').map(|code| display(engine, to, code)).collect::<Vec<_>>().join(" + "),
        state: state.to_owned(),
        codes,
    });
    part.listed = listed.collect();
    part
}

fn file_part(f: &OutputFacts) -> FilePart {
    FilePart { name: f.name.clone(), bytes: f.bytes, blake3: f.hash.clone(), encoding: None, compression: None }
}

fn column_part(facts: &ColumnFacts, codes: &Codes) -> ColumnPart {
    let spec = &facts.spec;
    let outcomes = Outcome::ALL.iter().zip(codes.outcomes).filter(|(_, n)| *n > 0).map(|(o, n)| (o.code().to_owned(), n));
    ColumnPart {
        column: facts.column.clone(),
        from: facts.from.clone(),
        to: facts.to.clone(),
        maps: facts.maps.clone(),
        policy: spec.policy.code().into(),
        strict: spec.strict,
        unsettled: spec.unsettled.code().into(),
        asked: AskedPart {
            values: spec.values.clone(),
            target_date: spec.target_date.map(|d| d.to_string()),
            reverse: spec.reverse,
            split: spec.split.clone(),
            margin: spec.margin,
            score: spec.score,
        },
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
