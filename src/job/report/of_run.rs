//! What `report.json` says of a run, summed up from its ledger.

use super::document::*;
use super::{chapters, display, given, shown, told, unknown_systems, unsettled};
use crate::engine::{Engine, Outcome, Policy, RepairKind};
use crate::job::answers::repair_kinds;
use crate::job::convert::{ColumnFacts, Run};
use crate::job::input::display_name;
use crate::job::ledger::{Codes, Tally};
use crate::job::output::OutputFacts;
use crate::job::{Job, words};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Unsettled codes that page and document name; `review.csv` has all.
const TOP: usize = 40;

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
            let of = || repaired.iter().filter(|r| repair_kinds(r.kinds).any(|k| k == *kind));
            RepairPart { kind: kind.code().into(), codes: of().map(|r| r.codes).sum(), distinct: of().count() as u64 }
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
                identity: run.identity.clone(),
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
                piped: input.piped,
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
                rejected: ledger.columns.iter().map(|c| c.rejected).sum(),
                rejected_settled: ledger.columns.iter().map(|c| c.rejected_settled).sum(),
                coverage: share(ledger.settled(), codes),
                coverage_distinct: share(settled_distinct, distinct.len() as u64),
                crowded: ledger.crowded,
            },
            outcomes: outcomes.collect(),
            repairs: repairs.filter(|r| r.codes > 0).collect(),
            repaired: repaired.iter().take(TOP).map(|r| r.part(engine)).collect(),
            repaired_all: repaired.len() as u64,
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
                    message: told(t).into_owned(),
                })
                .collect(),
            unsettled_all: unsettled.len() as u64,
            chapters: chapters::count(run),
            facts_not_understood: ledger.facts_not_understood.clone(),
            unknown_systems: unknown_systems(run),
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
    if ledger.records_in == 0 {
        return "no-records";
    }
    if ledger.codes() == 0 {
        return if ledger.records_out == 0 { "all-rejected" } else { "no-codes" };
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
    given: &'r str,
    pub used: &'r str,
    kinds: u8,
    pub codes: u64,
}

impl RepairedCode<'_> {
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        repair_kinds(self.kinds).map(RepairKind::code)
    }

    /// What stood there, as far as it may be shown.
    pub fn shown(&self, engine: &Engine) -> Cow<'_, str> {
        given(engine, self.system, self.used, self.given)
    }

    fn part(&self, engine: &Engine) -> RepairedPart {
        RepairedPart {
            system: self.system.to_owned(),
            given: self.shown(engine).into_owned(),
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
    part.all = codes.len() as u64;
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
    FilePart { name: f.name.clone(), bytes: f.bytes, blake3: f.hash.clone(), encoding: None, compression: None, piped: f.piped }
}

fn column_part(facts: &ColumnFacts, codes: &Codes) -> ColumnPart {
    let spec = &facts.spec;
    let outcomes = Outcome::ALL.iter().zip(codes.outcomes).filter(|(_, n)| *n > 0).map(|(o, n)| (o.code().to_owned(), n));
    ColumnPart {
        column: facts.column.clone(),
        from: facts.from.clone(),
        to: facts.to.clone(),
        maps: facts.maps.clone(),
        policy: if spec.is_text() && spec.policy != Policy::Decision { "search" } else { spec.policy.code() }.into(),
        strict: spec.strict,
        unsettled: spec.unsettled.code().into(),
        asked: AskedPart {
            values: spec.values.clone(),
            target_date: spec.target_date.map(|d| d.to_string()),
            reverse: spec.reverse,
            split: spec.split.clone(),
            margin: if spec.is_text() { Some(spec.margin.unwrap_or(words::MARGIN)) } else { spec.margin },
            score: if spec.is_text() { Some(spec.score.unwrap_or(words::SCORE)) } else { spec.score },
        },
        blank: codes.blank,
        codes: codes.codes(),
        settled: codes.settled,
        rejected: codes.rejected,
        rejected_settled: codes.rejected_settled,
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
