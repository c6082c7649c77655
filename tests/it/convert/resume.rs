//! Killed at any moment and gone on with, the bytes are those of an uninterrupted run.

use super::{Lots, Place, claims, engine, read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use xwalk::job::{Error, Job};

const ROWS: usize = 40_000;

/// A job over a file with some rejects in it, and the index to run it with.
struct Runs {
    place: Place,
    index: PathBuf,
}

impl Runs {
    fn new() -> Runs {
        let text = claims(ROWS, 11);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        // A ragged row here and there; quoted line breaks stay whole.
        let text: String =
            lines.iter().enumerate().map(|(i, l)| if i % 997 == 5 && !l.contains('"') && l.contains(',') { "torn\n" } else { l }).collect();
        let place = Place::with("in.csv", text);
        let index = place.path("index.xwalk");
        super::build(&index);
        Runs { place, index }
    }

    fn start(&self, out: &str, resume: bool) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xwalk"));
        command.arg("--index").arg(&self.index).arg("convert").arg(&self.place.input);
        command.arg("-o").arg(self.place.path(out)).arg("--report").arg(self.place.path(&format!("{out}.report")));
        command.args(["--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "--checkpoint", "0"]);
        if resume {
            command.arg("--resume");
        }
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Output and report, but for what names the time of the run and the file.
    fn result(&self, out: &str) -> Vec<Vec<u8>> {
        let report = self.place.path(&format!("{out}.report"));
        let file = |p: &Path| std::fs::read(p).unwrap_or_else(|e| panic!("{}: {e}", p.display()));
        let mut all: Vec<Vec<u8>> = ["codes.csv", "review.csv", "rejects.csv"].iter().map(|f| file(&report.join(f))).collect();
        all.push(file(&self.place.path(out)));
        let mut document: xwalk::job::report::Document = serde_json::from_str(&read(&report.join("report.json"))).unwrap();
        (document.run.started, document.run.seconds, document.run.records_per_second) = Default::default();
        document.output.name = String::new();
        all.push(serde_json::to_vec(&document).unwrap());
        all
    }

    fn clear(&self, out: &str) {
        let _ = std::fs::remove_dir_all(self.place.path(&format!("{out}.report")));
        let _ = std::fs::remove_file(self.place.path(out));
    }
}

#[test]
fn killed_at_50_moments_the_bytes_are_the_same() {
    let runs = Runs::new();
    let mut lots = Lots(50);
    let mut kills = 0;
    for out in ["plain.csv", "packed.csv.gz"] {
        assert!(matches!(runs.start(out, false).wait().unwrap().code(), Some(0 | 1)));
        let expected = runs.result(out);
        let whole = expected[3].len() as u64;
        runs.clear(out);
        let part = runs.place.path(&format!("{out}.part"));
        let mut resume = false;
        let enough = kills + 25;
        while kills < enough {
            let mut child = runs.start(out, resume);
            // A moment by how much is written (of what is left), and a little beyond; the last thousandth is where files are renamed.
            let from = part.metadata().map_or(0, |m| m.len().min(whole - 1));
            let until = from + lots.below((whole - from) as usize + 1) as u64;
            let beyond = Duration::from_micros(lots.below(4000) as u64);
            let deadline = Instant::now() + Duration::from_secs(60);
            while child.try_wait().unwrap().is_none() && part.metadata().map_or(0, |m| m.len()) < until && Instant::now() < deadline {
                std::thread::sleep(Duration::from_micros(200));
            }
            std::thread::sleep(beyond);
            child.kill().unwrap();
            resume = match child.wait().unwrap().code() {
                None => {
                    kills += 1;
                    assert!(
                        !runs.place.path(out).exists() || std::fs::read(runs.place.path(out)).unwrap() == expected[3],
                        "an output in its place is whole"
                    );
                    true
                }
                Some(_) => {
                    assert!(runs.result(out) == expected, "after {kills} kills");
                    runs.clear(out);
                    false
                }
            };
        }
        if resume {
            assert!(matches!(runs.start(out, true).wait().unwrap().code(), Some(0 | 1)));
            assert!(runs.result(out) == expected, "after {kills} kills");
        }
        runs.clear(out);
    }
    let left: Vec<String> = runs.place.files().into_iter().filter(|f| !["in.csv", "index.xwalk"].contains(&f.as_str())).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Leaves behind what a kill half way leaves.
fn killed(place: &Place, job: Job) -> Job {
    let job = Job { checkpoint: Duration::ZERO, block: 4096, threads: 1, report: Some(place.path("report")), ..job };
    let beside = |what: &str| PathBuf::from(format!("{}.{what}", place.output.display()));
    let (part, state) = (beside("part"), beside("resume"));
    let mut kept = None;
    xwalk::job::convert(&job, engine(), &mut |p| {
        if kept.is_none() && p.records > 1500 {
            kept = Some((std::fs::read(&part).unwrap(), std::fs::read(&state).unwrap()));
        }
    })
    .unwrap();
    let (bytes, noted) = kept.expect("half way");
    std::fs::remove_file(&place.output).unwrap();
    std::fs::remove_dir_all(place.path("report")).unwrap();
    std::fs::write(part, bytes).unwrap();
    std::fs::write(state, noted).unwrap();
    Job { resume: true, ..job }
}

/// Whoever goes on until it is done learns that it is.
#[test]
fn what_is_done_is_said_to_be() {
    let place = Place::with("in.csv", "id,dx\n1,250.00\n2,UNK\n3\n");
    let job = Job { report: Some(place.path("report")), rejects: Some(place.path("bad.csv")), ..place.job() };
    super::run(&job).unwrap();
    let resume = Job { resume: true, ..job };
    for _ in 0..2 {
        let error = super::run(&resume).unwrap_err();
        assert!(matches!(&error, Error::Done(d) if d.verdict == "unsettled" && d.records.came == 3), "{error}");
    }
    assert_eq!(place.files(), ["bad.csv", "in.csv", "out-in.csv", "report"]);
    // It is that run's, and as that run left it.
    let exists = |job: &Job| matches!(super::run(job), Err(Error::Exists { .. }));
    let mut other = resume.clone();
    other.columns[0].strict = true;
    assert!(exists(&other) && exists(&Job { resume: false, ..resume.clone() }));
    for file in [&place.path("bad.csv"), &place.output] {
        let before = std::fs::read(file).unwrap();
        std::fs::write(file, "x").unwrap();
        assert!(exists(&resume));
        std::fs::write(file, before).unwrap();
    }
    std::fs::write(&place.input, "id,dx\n1,250.00\n").unwrap();
    assert!(exists(&resume));
    // The program ends as the run did.
    std::fs::remove_dir_all(place.path("report")).unwrap();
    let args = ["convert", "in.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "--report", "report"];
    let go = |text: &str, more: &[&str]| {
        std::fs::write(&place.input, text).unwrap();
        let run = |more: &[&str]| crate::cli::xwalk().current_dir(place.path("")).args(args).args(more).output().unwrap();
        let (first, again) = (run(&["-o", "o.csv"]), run(more));
        let _ = std::fs::remove_dir_all(place.path("report"));
        (first.status.code(), again.status.code(), String::from_utf8(again.stdout).unwrap(), String::from_utf8(again.stderr).unwrap())
    };
    for (text, code) in [("id,dx\n1,250.00\n", 0), ("id,dx\n1,UNK\n", 1)] {
        let (first, again, out, told) = go(text, &["-o", "o.csv", "--resume"]);
        assert_eq!((first, again), (Some(code), Some(code)), "{told}");
        assert!(told.contains("the job is done already") && out.contains("1 records in, 1 out"), "{told}{out}");
    }
    // What is piped cannot be gone on with: nothing is written before that is known.
    let (_, again, out, told) = go("id,dx\n1,250.00\n", &["--resume", "-o", "-"]);
    assert!(again == Some(2) && out.is_empty() && told.contains("exists; remove it or name another"), "{told}{out}");
}

#[test]
fn what_was_left_is_looked_at_before_it_is_trusted() {
    let text = claims(3000, 12);
    let (whole, _) = super::converted(&text, |_| {});
    // The output was torn, or is gone: from the beginning.
    for tear in [
        (|p: &Path| std::fs::write(p, "torn").unwrap()) as fn(&Path),
        |p| std::fs::remove_file(p).unwrap(),
        |p| {
            let mut bytes = std::fs::read(p).unwrap();
            bytes[100] ^= 1;
            std::fs::write(p, bytes).unwrap();
        },
        |p| {
            let mut bytes = std::fs::read(p).unwrap();
            bytes.extend_from_slice(b"written beyond what was noted");
            std::fs::write(p, bytes).unwrap();
        },
    ] {
        let place = Place::with("in.csv", &text);
        let job = killed(&place, place.job());
        tear(&place.path("out-in.csv.part"));
        let run = super::run(&job).unwrap();
        assert!(read(&place.output) == whole);
        assert_eq!(run.ledger.records_in, 3000);
        assert_eq!(place.files(), ["in.csv", "out-in.csv", "report"]);
    }
    // The note itself was torn.
    let place = Place::with("in.csv", &text);
    let job = killed(&place, place.job());
    std::fs::write(place.path("out-in.csv.resume"), "{\"identity\":").unwrap();
    super::run(&job).unwrap();
    assert!(read(&place.output) == whole);
}

#[test]
fn every_format_of_text_is_gone_on_with() {
    let code = |i: usize| ["250.00", "4019", "V54.12", "UNK", "38.9"][i % 5];
    let rows = |head: &str, row: &dyn Fn(usize) -> String| head.to_owned() + &(0..4000).map(row).collect::<String>();
    let plain = rows("id,dx\n", &|i| format!("{i},{}\n", code(i)));
    let objects = rows("", &|i| format!("{{\"id\":{i},\"d\":{{\"dx\":\"{}\"}}}}\n", code(i)));
    let tabs = rows("id\tnote\tdx\n", &|i| format!("{i}\t5\" nail\t{}\n", code(i)));
    for (name, column, bytes) in [
        ("in.ndjson", "/d/dx", objects.clone().into_bytes()),
        ("in.ndjson.gz", "/d/dx", objects.into_bytes()),
        ("in.tsv", "dx", tabs.into_bytes()),
        ("in.csv.zst", "dx", zstd::encode_all(plain.as_bytes(), 1).unwrap()),
        ("in.csv", "dx", plain.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ] {
        let place = Place::with(name, bytes);
        let job = |place: &Place| {
            let mut job = place.job();
            job.columns[0].name = column.to_owned();
            job.encoding = (name == "in.csv").then(|| String::from("utf-16le"));
            job
        };
        super::run(&job(&place)).unwrap();
        let whole = std::fs::read(&place.output).unwrap();
        let resumed = killed(&place, job(&place));
        let run = super::run(&resumed).unwrap();
        assert!(std::fs::read(&place.output).unwrap() == whole, "{name}");
        assert_eq!(run.ledger.records_in, 4000, "{name}");
    }
}

/// A file and its bytes.
type Left = (PathBuf, Vec<u8>);

/// What stood beside the output when the last record had been read.
fn at_the_end(place: &Place, job: &Job) -> (Result<xwalk::job::Run, Error>, [Left; 2]) {
    let files = ["part", "resume"].map(|what| PathBuf::from(format!("{}.{what}", place.output.display())));
    let mut kept = None;
    let done = xwalk::job::convert(job, engine(), &mut |_| kept = Some(files.each_ref().map(|f| (f.clone(), std::fs::read(f).unwrap()))));
    (done, kept.expect("some records"))
}

/// Nothing is left to be read, and so nothing to be met.
#[test]
fn a_job_over_json_that_had_read_everything() {
    let text: String = (0..4000).map(|i| format!("{{\"id\":{i},\"dx\":\"401.9\"}}\n")).collect();
    let place = Place::with("in.ndjson", text);
    let job = Job { checkpoint: Duration::ZERO, block: 4096, threads: 1, ..place.job() };
    let (done, left) = at_the_end(&place, &job);
    assert_eq!(done.unwrap().ledger.records_out, 4000);
    let whole = std::fs::read(&place.output).unwrap();
    std::fs::remove_file(&place.output).unwrap();
    left.iter().for_each(|(file, bytes)| std::fs::write(file, bytes).unwrap());
    let run = super::run(&Job { resume: true, ..job }).unwrap();
    assert_eq!(run.ledger.records_out, 4000);
    assert!(std::fs::read(&place.output).unwrap() == whole);
    assert_eq!(place.files(), ["in.ndjson", "out-in.ndjson"]);
}

/// Which values are told apart does not hang on where a run began.
#[test]
fn values_that_name_no_system_are_told_alike() {
    let text: String = (0..4000).map(|i| format!("P{},401.9\n", if i < 2500 { i / 100 } else { i })).collect();
    let job = |place: &Place| {
        let mut job = Job { report: Some(place.path("report")), block: 4096, ..place.job() };
        (job.columns[0].from, job.columns[0].from_column) = (None, Some("kind".into()));
        job
    };
    let reviews = [false, true].map(|is_killed| {
        let place = Place::with("in.csv", format!("kind,dx\n{text}"));
        let job = if is_killed { killed(&place, job(&place)) } else { job(&place) };
        super::run(&job).unwrap();
        read(&place.path("report/review.csv"))
    });
    assert!(reviews[0].lines().count() == 42 && reviews[0] == reviews[1], "{}{}", reviews[0], reviews[1]);
}

/// A run that fails leaves nothing, unless it went on with the work of another: that stays.
#[test]
fn what_a_run_went_on_with_outlives_its_failure() {
    let text = claims(3000, 12) + &"9,401.9,,".repeat(2000) + "\n";
    let place = Place::with("in.csv", text);
    let job = Job { checkpoint: Duration::ZERO, block: 4096, threads: 1, max_record: 10_000, ..place.job() };
    let (done, left) = at_the_end(&place, &job);
    assert!(matches!(done, Err(Error::RecordTooLong { .. })));
    assert_eq!(place.files(), ["in.csv"]);
    left.iter().for_each(|(file, bytes)| std::fs::write(file, bytes).unwrap());
    for _ in 0..2 {
        assert!(matches!(super::run(&Job { resume: true, ..job.clone() }), Err(Error::RecordTooLong { .. })));
        assert_eq!(place.files(), ["in.csv", "out-in.csv.part", "out-in.csv.resume"]);
    }
    // Without --resume they are in nobody's way, and go.
    assert!(matches!(super::run(&job), Err(Error::RecordTooLong { .. })));
    assert_eq!(place.files(), ["in.csv"]);
}

#[test]
fn other_decisions_are_another_run() {
    use xwalk::engine::{Decision, Engine, Overlay, Policy, Question};
    struct Decided(&'static str);
    impl Overlay for Decided {
        fn decision(&self, _: Question<'_>) -> Option<Decision> {
            None
        }
        fn digest(&self) -> String {
            self.0.to_owned()
        }
    }
    let with = |digest| Engine::clone(engine()).with_overlay(std::sync::Arc::new(Decided(digest)));
    let place = Place::with("in.csv", claims(3000, 12));
    let mut job = Job { checkpoint: Duration::ZERO, block: 4096, threads: 1, report: Some(place.path("report")), ..place.job() };
    job.columns[0].policy = Policy::Decision;
    let state = place.path("out-in.csv.resume");
    let mut noted = None;
    xwalk::job::convert(&job, &with("monday"), &mut |p| {
        if p.records > 1500 {
            noted.get_or_insert_with(|| std::fs::read(&state).unwrap());
        }
    })
    .unwrap();
    let report: xwalk::job::report::Document = serde_json::from_str(&read(&place.path("report/report.json"))).unwrap();
    assert_eq!(report.job.decisions.unwrap().digest, "monday");
    std::fs::remove_dir_all(place.path("report")).unwrap();
    std::fs::write(&state, noted.unwrap()).unwrap();
    job.resume = true;
    let error = xwalk::job::convert(&job, &with("tuesday"), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::OtherRun { .. }), "{error}");
    xwalk::job::convert(&job, &with("monday"), &mut |_| {}).unwrap();
}

#[test]
fn another_job_or_another_input_is_not_gone_on_with() {
    let text = claims(3000, 12);
    let place = Place::with("in.csv", &text);
    let job = killed(&place, place.job());
    let mut other = job.clone();
    other.columns[0].strict = true;
    let error = super::run(&other).unwrap_err();
    assert!(matches!(error, Error::OtherRun { .. }), "{error}");
    std::fs::write(&place.input, format!("{text}9,401.9,,\n")).unwrap();
    let error = super::run(&job).unwrap_err();
    assert!(error.to_string().contains("run without --resume"), "{error}");
    assert!(!place.output.exists());
    // Without --resume the leavings are in nobody's way.
    super::run(&Job { resume: false, ..job }).unwrap();
    assert_eq!(place.files(), ["in.csv", "out-in.csv", "report"]);
    let job = Job { input: "-".into(), resume: true, ..place.job() };
    assert!(super::run(&job).unwrap_err().to_string().contains("standard input"));
}
