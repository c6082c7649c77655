//! Conversion jobs: against a slow loop of `translate`, against themselves, and with everything that can be wrong with a file.

mod bad;
mod dated;
mod formats;
mod report;
mod resume;
mod tables;
mod words;

use crate::kit;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use xwalk::compile::Input;
use xwalk::engine::{Asked, Engine, Origin, TranslatorOptions};
use xwalk::job::{self, CodeColumn, Job, Run};
use xwalk::model::Date;
use xwalk::releases::{Dirs, Source, from_user};

/// The embedded diagnoses and their equivalence map.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| kit::engine(&inputs()))
}

/// Compiles the index of [`engine`] into a file.
pub fn build(file: &Path) {
    std::fs::write(file, kit::compile(&inputs()).0).unwrap();
}

fn inputs() -> Vec<Input> {
    let sources = from_user(&Dirs::default()).unwrap();
    let wanted = |s: &&Source| {
        s.release.id.starts_with("icd9cm") || s.release.id.starts_with("icd10cm") || s.release.id.starts_with("gem-icd9cm-icd10cm")
    };
    sources.iter().filter(wanted).map(Source::input).collect()
}

/// A folder with an input in it.
pub struct Place {
    folder: tempfile::TempDir,
    pub input: PathBuf,
    pub output: PathBuf,
}

impl Place {
    pub fn with(name: &str, text: impl AsRef<[u8]>) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join(name), folder.path().join(format!("out-{name}")));
        std::fs::write(&input, text).unwrap();
        Place { folder, input, output }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The plain job: column `dx` from ICD-9-CM to ICD-10-CM.
    pub fn job(&self) -> Job {
        Job { input: self.input.clone(), output: self.output.clone(), columns: vec![column("dx")], ..Job::default() }
    }

    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

pub fn column(name: &str) -> CodeColumn {
    CodeColumn { name: name.into(), from: Some("icd9cm".into()), to: "icd10cm".into(), ..CodeColumn::default() }
}

pub fn run(job: &Job) -> Result<Run, job::Error> {
    job::convert(job, engine(), &mut |_| {})
}

/// Converts text with the plain job and gives back text.
pub fn converted(text: impl AsRef<[u8]>, change: impl FnOnce(&mut Job)) -> (String, Run) {
    let place = Place::with("in.csv", text);
    let mut job = place.job();
    change(&mut job);
    let run = run(&job).unwrap();
    (String::from_utf8(std::fs::read(&job.output).unwrap()).unwrap(), run)
}

/// Pseudo-random numbers, the same on every machine.
pub struct Lots(pub u64);

impl Lots {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// Rows as claims have them: common codes often, rare ones too, spelt in several ways, some damaged, some dates odd.
pub fn claims(rows: usize, seed: u64) -> String {
    let codes: Vec<&str> = engine().system("icd9cm").unwrap().concepts().map(|c| c.code()).collect();
    let mut lots = Lots(seed);
    let mut text = String::from("id,dx,day,note\n");
    for row in 0..rows {
        // The product of two lots prefers the front, as codes in use do.
        let code = codes[lots.below(codes.len()) * lots.below(1000) / 1000];
        let code = match lots.below(20) {
            0..8 => code.replace('.', ""),
            8 => format!(" {code} "),
            9 => code.to_lowercase(),
            10 => ["", "UNK", "999.99", "25000X", "1234567890123456789", "38.9", "E11.9", "N/A", "  "][lots.below(9)].to_owned(),
            11 => code.trim_start_matches('0').to_owned(),
            _ => code.to_owned(),
        };
        let day = ["2010-01-31", "20140930", "10/1/2015", "", "2013-10-01", "1975-05-05"][lots.below(6)];
        let note = ["plain", "\"with, comma\"", "\"two\nlines\"", "\"a \"\"quote\"\"\""][lots.below(4)];
        text += &format!("{row},{code},{day},{note}\n");
    }
    text
}

fn day(text: &str) -> Option<Date> {
    match text {
        "20140930" => Date::new(2014, 9, 30).ok(),
        "10/1/2015" => Date::new(2015, 10, 1).ok(),
        other => other.parse().ok(),
    }
}

/// What the contract says, one `translate` a row.
fn slow(text: &str, options: TranslatorOptions, dated: bool) -> String {
    let translator = engine().translator(options).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut out = String::new();
    for record in reader.records() {
        let record = record.unwrap();
        if record[1].trim().is_empty() {
            out += ",,,\n";
            continue;
        }
        let asked = Asked { date: if dated { day(&record[2]) } else { None }, ..Asked::code(&record[1]) };
        let t = translator.translate(&asked);
        let chosen = t.chosen().0;
        let codes: Vec<&str> = chosen.iter().map(|c| c.concept.code()).collect();
        let strengths: Vec<&str> = chosen.iter().map(|c| c.relationship.code()).collect();
        let map = match chosen.first().map(|c| c.origin) {
            Some(Origin::Row(row)) => Some(row.map()),
            _ => t.map.filter(|_| t.source.is_some()),
        };
        let map = map.map_or_else(String::new, |m| format!("{}|{}", m.id(), m.version()));
        // What nobody took is not called as if it were.
        let untaken = chosen.is_empty() && matches!(t.outcome.code(), "exact" | "approximate" | "combination");
        let outcome = format!("{}{}", if untaken { "unsettled-" } else { "" }, t.outcome.code());
        out += &format!("{},{outcome},{},{map}\n", codes.join(" "), strengths.join(" "));
    }
    out
}

/// The last four fields of every record.
fn appended(text: &str) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .records()
        .map(|r| {
            let r = r.unwrap();
            (r.len() - 4..r.len()).map(|i| r[i].to_owned()).collect::<Vec<_>>().join(",") + "\n"
        })
        .collect()
}

#[test]
fn equals_a_slow_loop_of_translate() {
    let text = claims(100_000, 1);
    let options = || TranslatorOptions { from: "icd9cm".into(), to: "icd10cm".into(), ..TranslatorOptions::default() };
    let (fast, run) = converted(&text, |_| {});
    assert_eq!(appended(&fast), slow(&text, options(), false));
    assert_eq!((run.ledger.records_in, run.ledger.records_out, run.ledger.rejected_total()), (100_000, 100_000, 0));
    let (dated, _) = converted(&text, |job| job.date = Some("day".into()));
    let expected = slow(&text, options(), true);
    assert_eq!(appended(&dated), expected);
    assert!(expected.contains("not-valid-on-date"), "the dates make a difference");
    let (strict, _) = converted(&text, |job| job.columns[0].strict = true);
    assert_eq!(appended(&strict), slow(&text, TranslatorOptions { strict: true, ..options() }, false));
}

#[test]
fn the_records_own_bytes_are_never_rewritten() {
    let text = claims(3000, 2);
    let (out, _) = converted(&text, |_| {});
    let mut rest = out.as_str();
    // Each line of the input, its end apart, is found again in order.
    for line in text.split_inclusive('\n') {
        let line = line.trim_end_matches('\n');
        let at = rest.find(line).unwrap_or_else(|| panic!("{line:?} is gone"));
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn threads_and_buffers_change_nothing() {
    let text = claims(20_000, 3);
    let (whole, first) = converted(&text, |job| job.date = Some("day".into()));
    for (threads, block) in [(1, 1 << 18), (2, 4096), (1, 61), (2, 1 << 22), (1, 1 << 22)] {
        let (again, run) = converted(&text, |job| {
            job.date = Some("day".into());
            (job.threads, job.block) = (threads, block);
        });
        assert!(again == whole, "{threads} threads, blocks of {block}");
        assert_eq!(run.ledger.samples, first.ledger.samples);
        assert_eq!(run.ledger.columns, first.ledger.columns);
        assert_eq!((run.input.hash, run.output.hash), (first.input.hash.clone(), first.output.hash.clone()));
    }
}

#[test]
fn every_policy_and_every_way_with_the_unsettled() {
    use xwalk::engine::Policy;
    use xwalk::job::Unsettled;
    let text = "id,dx\n1,250.00\n2,V5412\n3,UNK\n4,V5412\n";
    let (out, run) = converted(text, |job| {
        (job.columns[0].policy, job.columns[0].unsettled) = (Policy::First, Unsettled::Source);
    });
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "id,dx,dx_target,dx_outcome,dx_relationship,dx_map,dx_policy");
    assert!(lines[1].starts_with("1,250.00,E11.9,approximate,"), "{}", lines[1]);
    assert!(lines[2].contains(",choice,") && lines[2].ends_with(",first"), "{}", lines[2]);
    assert!(lines[3].starts_with("3,UNK,UNK,invalid-code,"), "{}", lines[3]);
    assert_eq!(run.ledger.settled(), 3);
    let (out, run) = converted(text, |job| job.columns[0].unsettled = Unsettled::Reject);
    assert!(out.contains("1,250.00,E11.9") && out.lines().count() == 2, "{out}");
    assert_eq!(run.ledger.rejected_total(), 3);
    assert_eq!(run.ledger.records_out, 1);
    // Whoever reads the output alone sees what was taken.
    for (unsettled, target) in [(Unsettled::Source, "250.00"), (Unsettled::Blank, "")] {
        let (out, _) = converted(text, |job| (job.columns[0].strict, job.columns[0].unsettled) = (true, unsettled));
        assert!(out.contains(&format!("\n1,250.00,{target},unsettled-approximate,,")), "{out}");
    }
}

/// What stands in rejected records is counted, and does not stand in the output.
#[test]
fn codes_of_rejected_records_are_told_from_the_others() {
    use xwalk::job::Unsettled;
    use xwalk::job::report::Document;
    let text = "id,a,b\n1,250.00,401.9\n2,401.9,UNK\n3,V54.12,\n4,\n5,401.9,\n6,UNK,401.9\n";
    for (threads, block, quoted) in [(2, 1 << 17, false), (1, 7, false), (1, 1 << 17, true)] {
        let text = if quoted { text.replace("2,401.9", "2,\"401.9\"") } else { text.to_owned() };
        let place = Place::with("in.csv", &text);
        let mut columns = ["a", "b"].map(column).to_vec();
        columns[0].unsettled = Unsettled::Reject;
        columns[1].unsettled = Unsettled::Reject;
        let job = Job { columns, threads, block, report: Some(place.path("report")), ..place.job() };
        let run = run(&job).unwrap();
        let out = read(&place.output);
        assert_eq!(out.lines().count(), 3, "{out}");
        let d = Document::new(&job, engine(), &run);
        let each: Vec<_> = d.columns.iter().map(|c| (c.codes, c.settled, c.rejected, c.rejected_settled)).collect();
        assert_eq!(each, [(5, 3, 3, 1), (3, 2, 2, 1)]);
        assert_eq!((d.codes.codes - d.codes.rejected, d.codes.settled - d.codes.rejected_settled), (3, 3));
        assert!(read(&place.path("report/report.html")).contains("5 of the codes, 2 of them settled, stand in records"));
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
