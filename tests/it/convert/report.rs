//! Reports: the worked examples, what a report must not show, signing, verifying, comparing.

use super::{Place, column, converted, engine, read, run};
use std::path::{Path, PathBuf};
use xwalk::job::report::{self, Document, Found};
use xwalk::job::{self, Job};

/// `report.json` without what differs from run to run, or with the releases at hand.
fn lasting(json: &str) -> String {
    let mut document: Document = serde_json::from_str(json).unwrap();
    document.xwalk = String::new();
    (document.run.started, document.run.seconds, document.run.records_per_second) = (String::new(), 0.0, 0);
    document.index.fingerprint = String::new();
    document.index.releases.clear();
    serde_json::to_string_pretty(&document).unwrap() + "\n"
}

/// Runs `tests/convert/NAME/job.toml` and compares with what is checked in there; `XWALK_BLESS=1` writes it anew.
fn example(name: &str) -> Document {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert").join(name);
    let place = Place::with("unused", "");
    let mut job = Job::read(&home.join("job.toml")).unwrap();
    let output = job.output.file_name().unwrap().to_owned();
    job.output = place.path(output.to_str().unwrap());
    job.report = Some(place.path("report"));
    job::convert(&job, engine(), &mut |_| {}).unwrap();
    let report = place.path("report");
    let made: Vec<(PathBuf, Vec<u8>)> = vec![
        (home.join(&output), std::fs::read(&job.output).unwrap()),
        (home.join("report/report.json"), lasting(&read(&report.join("report.json"))).into_bytes()),
        (home.join("report/review.csv"), std::fs::read(report.join("review.csv")).unwrap()),
        (home.join("report/codes.csv"), std::fs::read(report.join("codes.csv")).unwrap()),
        (home.join("report/rejects.csv"), std::fs::read(report.join("rejects.csv")).unwrap()),
    ];
    for (path, bytes) in made {
        if std::env::var_os("XWALK_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
            continue;
        }
        let expected = std::fs::read(&path).unwrap_or_default();
        assert!(
            expected == bytes,
            "{} differs; it is now\n{}\n(XWALK_BLESS=1 writes it anew)",
            path.display(),
            String::from_utf8_lossy(&bytes)
        );
    }
    serde_json::from_str(&read(&report.join("report.json"))).unwrap()
}

#[test]
fn example_mixed_systems() {
    let d = example("mixed");
    assert_eq!((d.records.came, d.records.went), (60, 60));
    assert_eq!(d.columns[0].outcomes["unknown-system"], 2);
}

#[test]
fn example_25_columns() {
    let d = example("wide");
    assert_eq!(d.columns.len(), 25);
    assert_eq!(d.columns.iter().map(|c| c.codes + c.blank).sum::<u64>(), 25 * 30);
}

#[test]
fn example_windows_1252() {
    let d = example("windows-1252");
    assert_eq!(d.input.encoding.as_deref(), Some("windows-1252"));
}

#[test]
fn example_damaged_codes() {
    let d = example("damaged");
    assert_eq!(d.records.reasons["fields"], 2);
    assert_eq!(d.verdict, "passed");
    assert!(d.repairs.iter().any(|r| r.kind == "letter") && d.repairs.iter().any(|r| r.kind == "leading-zero"));
}

#[test]
fn private_data_is_not_in_the_report() {
    let place = Place::with("in.csv", "mrn,dx,note\nMRN0042,250.00,secret words\nMRN0043,SMITH JOHN,other words\nMRN0044,V54.12,x\n");
    let job = Job { report: Some(place.path("report")), text: Some("note".into()), ..place.job() };
    run(&job).unwrap();
    for file in ["report.html", "report.json", "codes.csv"] {
        let text = read(&place.path("report").join(file));
        for private in ["MRN0", "secret", "other words", "SMITH"] {
            assert!(!text.contains(private), "{file} shows {private}");
        }
    }
    let review = read(&place.path("report/review.csv"));
    assert!(review.contains("SMITH JOHN") && review.contains("V54.12"), "what is to be settled has to be seen");
    let page = read(&place.path("report/report.html"));
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    assert!(page.contains("(text of 10 characters)"));
}

#[test]
fn thresholds_make_the_verdict() {
    let verdict = |max: Option<f64>| {
        let mut asked = None;
        let (_, run) = converted("id,dx\n1,250.00\n2,UNK\n", |job| {
            job.max_unsettled = max;
            asked = Some(job.clone());
        });
        Document::new(&asked.unwrap(), engine(), &run).verdict
    };
    assert_eq!([None, Some(0.4), Some(0.5)].map(verdict), ["unsettled", "failed", "passed"]);
}

#[test]
fn signed_and_changed() {
    let place = Place::with("in.csv", "id,dx\n1,250.00\n2,401.9\n");
    let dir = place.path("report");
    let job = Job { report: Some(dir.clone()), ..place.job() };
    run(&job).unwrap();
    let unsigned = report::verify(&dir, None, None).unwrap();
    assert!(!unsigned.holds() && unsigned.signature.is_none());
    report::sign(&dir, "A. Coder", "clinical lead").unwrap();
    let verified = report::verify(&dir, None, None).unwrap();
    assert!(verified.holds(), "{verified:?}");
    assert!(verified.found.iter().all(|(_, f)| *f == Found::Same), "{verified:?}");
    assert!(report::sign(&dir, "B", "x").is_err(), "signed once");
    let changed = |path: &Path, what: &str| {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, [&before[..], b" "].concat()).unwrap();
        let v = report::verify(&dir, None, None).unwrap();
        std::fs::write(path, before).unwrap();
        assert!(!v.holds(), "{what}");
        assert!(v.found.contains(&(what.to_owned(), Found::Changed)), "{what}: {v:?}");
    };
    changed(&job.output, "output");
    changed(&job.input, "input");
    changed(&dir.join("report.html"), "report.html");
    changed(&dir.join("review.csv"), "review.csv");
    let signature = read(&dir.join("signature.json"));
    std::fs::write(dir.join("signature.json"), signature.replace("A. Coder", "B. Coder")).unwrap();
    assert!(!report::verify(&dir, None, None).unwrap().holds());
    std::fs::remove_file(dir.join("codes.csv")).unwrap();
    assert!(report::verify(&dir, None, None).unwrap().found.contains(&("codes.csv".into(), Found::Missing)));
}

#[test]
fn two_runs_compared() {
    let place = Place::with("in.csv", "id,dx\n1,250.00\n2,V54.12\n3,401.9\n");
    let go = |name: &str, policy| {
        let mut columns = vec![column("dx")];
        columns[0].policy = policy;
        run(&Job { report: Some(place.path(name)), columns, output: place.path(&format!("{name}.csv")), ..place.job() }).unwrap();
    };
    go("a", xwalk::engine::Policy::Review);
    go("b", xwalk::engine::Policy::First);
    let diff = report::diff(&place.path("a"), &place.path("b")).unwrap();
    assert_eq!(diff.changed.iter().map(|c| c.code.as_str()).collect::<Vec<_>>(), ["V54.12"]);
    assert_eq!(diff.changed[0].before, "choice");
    assert_eq!((diff.same, diff.only_before.len(), diff.only_after.len()), (2, 0, 0));
    let same = report::diff(&place.path("a"), &place.path("a")).unwrap();
    assert_eq!((same.same, same.changed.len()), (3, 0));
}

#[test]
fn the_program_signs_verifies_and_compares() {
    let place = Place::with("in.csv", "id,dx\n1,250.00\n2,401.9\n");
    let run = |args: &[&str]| {
        let mut command = crate::cli::xwalk();
        command.current_dir(place.path("in.csv").parent().expect("a folder")).args(args);
        let output = command.output().expect("a run");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let convert = |more: &[&str]| run(&[&["convert", "in.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx"], more].concat()).0;
    assert_eq!(convert(&["-o", "a.csv", "--report", "a"]), Some(0), "a single approximate target is taken");
    assert_eq!(convert(&["-o", "b.csv", "--report", "b", "--strict"]), Some(1), "--strict queues it");

    let (exit, out, _) = run(&["report", "verify", "a"]);
    assert!(exit == Some(1) && out.contains("nobody has signed this report"), "{out}");
    assert_eq!(run(&["report", "sign", "a", "--by", "A. Coder", "--role", "clinical lead"]).0, Some(0));
    let (exit, out, told) = run(&["report", "verify", "a"]);
    assert!(exit == Some(0) && out.starts_with("signed by A. Coder, clinical lead, at 20"), "{out}{told}");
    assert!(!out.contains("CHANGED") && !out.contains("MISSING") && !out.contains("not looked at"), "{out}");
    let (exit, _, told) = run(&["report", "sign", "a", "--by", "B", "--role", "none"]);
    assert!(exit == Some(2) && told.contains("signature.json exists"), "{told}");
    std::fs::write(place.path("a.csv"), "id,dx\n").expect("written");
    let (exit, out, _) = run(&["report", "verify", "a"]);
    assert!(exit == Some(1) && out.lines().any(|l| l.contains("output") && l.contains("CHANGED")), "{out}");

    let (exit, out, _) = run(&["report", "diff", "a", "b"]);
    assert!(exit == Some(1) && out.contains("401.9") && out.contains("became something else"), "{out}");
    let (exit, out, _) = run(&["report", "diff", "a", "a"]);
    assert!(exit == Some(0) && out.contains("2 codes became the same"), "{out}");
    let (exit, _, told) = run(&["report", "diff", "a", "nothing"]);
    assert!(exit == Some(2) && told.contains("nothing"), "{told}");
}
