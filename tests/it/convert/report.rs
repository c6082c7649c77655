//! Reports: the worked examples, what a report must not show, signing, verifying, comparing.

use super::{Place, column, converted, engine, read, run};
use std::path::{Path, PathBuf};
use xwalk::job::report::{self, Document, Found, Places};
use xwalk::job::{self, Job};

/// `report.json` without what differs from run to run, or with every change of the program: when, how fast, by which bytes of an index.
fn lasting(document: &Document) -> String {
    let mut document = document.clone();
    document.xwalk = String::new();
    (document.run.started, document.run.seconds, document.run.records_per_second) = (String::new(), 0.0, 0);
    document.run.identity = String::new();
    document.index.fingerprint = String::new();
    serde_json::to_string_pretty(&document).unwrap() + "\n"
}

/// `report.html` without the same.
fn lasting_page(page: &str, document: &Document) -> String {
    let started = document.run.started.replace('T', " ");
    let named = page
        .replace(started.trim_end_matches('Z'), "(when)")
        .replace(&format!(", xwalk {}<", document.xwalk), ", xwalk (version)<")
        .replace(&document.index.fingerprint, "(fingerprint)")
        .replace(&json_hash(page), "(hash)");
    let (head, speed) = named.rsplit_once(" records in ").unwrap();
    let (_, tail) = speed.split_once(" a second.").unwrap();
    // One tag a line, so that a change is a line.
    format!("{head} records in (some) seconds.{tail}\n").replace("><", ">\n<")
}

/// What the page says is the BLAKE3 of `report.json`.
fn json_hash(page: &str) -> String {
    let (_, behind) = page.split_once("<td>report.json</td>").unwrap();
    let (_, hash) = behind.split_once("hash\">").unwrap();
    hash.split('<').next().unwrap().to_owned()
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
    let document: Document = serde_json::from_str(&read(&report.join("report.json"))).unwrap();
    let made: Vec<(PathBuf, Vec<u8>)> = vec![
        (home.join(&output), std::fs::read(&job.output).unwrap()),
        (home.join("report/report.json"), lasting(&document).into_bytes()),
        (home.join("report/report.html"), lasting_page(&read(&report.join("report.html")), &document).into_bytes()),
        (home.join("report/review.csv"), std::fs::read(report.join("review.csv")).unwrap()),
        (home.join("report/codes.csv"), std::fs::read(report.join("codes.csv")).unwrap()),
        (home.join("report/repairs.csv"), std::fs::read(report.join("repairs.csv")).unwrap()),
        (home.join("report/rejects.csv"), std::fs::read(report.join("rejects.csv")).unwrap()),
    ];
    let mut differ = String::new();
    for (path, bytes) in made {
        if std::env::var_os("XWALK_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
        } else if std::fs::read(&path).unwrap_or_default() != bytes {
            differ += &format!("{} differs; it is now\n{}\n", path.display(), String::from_utf8_lossy(&bytes));
        }
    }
    assert!(differ.is_empty(), "{differ}(XWALK_BLESS=1 writes it anew)");
    document
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
    // An earlier xwalk wrote less into its reports; they are read all the same.
    let now = read(&dir.join("report.json"));
    let without = |line: &&str| !["rejected_settled\":", "_all\":"].iter().any(|new| line.contains(new));
    let then: String = now.lines().filter(without).map(|line| line.to_owned() + "\n").collect();
    let then = then.replace("\"listed\": [],\n    \"all\": 0\n", "\"listed\": []\n");
    assert!(then.len() + 100 < now.len() && !then.contains("\"all\""), "{then}");
    std::fs::write(dir.join("report.json"), then).unwrap();
    report::verify(&dir, Places::default()).unwrap();
    std::fs::write(dir.join("report.json"), now).unwrap();
    let unsigned = report::verify(&dir, Places::default()).unwrap();
    assert!(!unsigned.holds() && unsigned.signature.is_none());
    report::sign(&dir, "A. Coder", "clinical lead", Places::default()).unwrap();
    let verified = report::verify(&dir, Places::default()).unwrap();
    assert!(verified.holds(), "{verified:?}");
    assert!(verified.found.iter().all(|(what, f)| *f == if what == "index" { Found::NotCompared } else { Found::Same }), "{verified:?}");
    let fingerprint = engine().index().fingerprint();
    for (index, index_is_named, expected) in [
        (&*fingerprint, false, Found::Same),
        (&*fingerprint, true, Found::Same),
        ("another", false, Found::Another),
        ("another", true, Found::Changed),
    ] {
        let verified = report::verify(&dir, Places { index: Some(index), index_is_named, ..Places::default() }).unwrap();
        assert!(verified.found.contains(&("index".into(), expected)), "{verified:?}");
        assert_eq!(verified.holds(), expected != Found::Changed);
    }
    assert!(report::sign(&dir, "B", "x", Places::default()).is_err(), "signed once");
    let changed = |path: &Path, what: &str| {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, [&before[..], b" "].concat()).unwrap();
        let v = report::verify(&dir, Places::default()).unwrap();
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
    assert!(!report::verify(&dir, Places::default()).unwrap().holds());
    std::fs::remove_file(dir.join("codes.csv")).unwrap();
    assert!(report::verify(&dir, Places::default()).unwrap().found.contains(&("codes.csv".into(), Found::Missing)));
}

#[test]
fn targets_that_are_no_codes_are_counted_and_named() {
    let place = Place::with("in.csv", "id,dx\n1,724.2\n2,540.0\n3,724.2\n4,401.9\n");
    let dir = place.path("report");
    let job = Job { report: Some(dir.clone()), ..place.job() };
    run(&job).unwrap();
    let d: Document = serde_json::from_str(&read(&dir.join("report.json"))).unwrap();
    assert_eq!((d.verdict.as_str(), d.codes.settled), ("invalid-targets", 4));
    assert_eq!((d.invalid_targets.codes, d.invalid_targets.distinct), (3, 2));
    assert_eq!(d.invalid_targets.states, [(String::from("header"), 3)].into());
    let first = &d.invalid_targets.listed[0];
    assert_eq!([&first.code, &first.target, &first.state], ["724.2", "M54.5", "header"]);
    let codes = read(&dir.join("codes.csv"));
    assert!(codes.lines().any(|l| l.starts_with("icd9cm,724.2,exact,M54.5,") && l.ends_with(",2,header")), "{codes}");
    assert!(codes.lines().any(|l| l.starts_with("icd9cm,401.9,") && l.ends_with(",1,valid")), "{codes}");
    let page = read(&dir.join("report.html"));
    assert!(page.contains("Targets that are no codes") && page.contains("--target-date"), "the page says so");
    // Whoever can live with them says so.
    let verdict = |share| {
        let run = run(&Job { max_invalid_targets: Some(share), ..place.job() }).unwrap();
        Document::new(&Job { max_invalid_targets: Some(share), ..place.job() }, engine(), &run).verdict
    };
    assert_eq!([0.5, 0.75].map(verdict), ["failed", "passed"]);
}

#[test]
fn repairs_say_what_was_read_as_what() {
    let place = Place::with("in.csv", "id,dx\n1,25000\n2,25000\n3, 4019\n4,250.00\n5,smith john\n");
    let dir = place.path("report");
    run(&Job { report: Some(dir.clone()), ..place.job() }).unwrap();
    let repairs = read(&dir.join("repairs.csv"));
    assert!(repairs.starts_with("system,given,used,kinds,count\nicd9cm,25000,250.00,dot,2\n"), "{repairs}");
    assert!(repairs.contains("401.9,") && !repairs.contains("smith"), "{repairs}");
    let d: Document = serde_json::from_str(&read(&dir.join("report.json"))).unwrap();
    assert_eq!((&*d.repaired[0].given, &*d.repaired[0].used, d.repaired[0].codes), ("25000", "250.00", 2));
    assert!(read(&dir.join("report.html")).contains("25000"));
}

#[test]
fn a_threshold_that_is_not_given_is_strict() {
    let text = "id,dx\n1,250.00\n2\n";
    for (unsettled, rejected, verdict) in [(Some(0.01), None, "failed"), (Some(0.01), Some(0.5), "passed"), (None, Some(0.5), "passed")] {
        let place = Place::with("in.csv", text);
        let job = Job { max_unsettled: unsettled, max_rejected: rejected, ..place.job() };
        assert_eq!(Document::new(&job, engine(), &run(&job).unwrap()).verdict, verdict, "{unsettled:?} {rejected:?}");
    }
}

#[test]
fn no_codes_are_not_all_of_them() {
    let verdict = |text: &str| {
        let place = Place::with("in.csv", text);
        let job = Job { report: Some(place.path("r")), ..place.job() };
        run(&job).unwrap();
        let d: Document = serde_json::from_str(&read(&place.path("r/report.json"))).unwrap();
        assert!(!read(&place.path("r/report.html")).contains("100.00 %"));
        (d.verdict, d.codes.coverage)
    };
    assert_eq!(verdict("id,dx\n1,\n2,\n"), (String::from("no-codes"), 0.0));
    assert_eq!(verdict("id,dx\n"), (String::from("no-records"), 0.0));
    let place = Place::with("in.csv", "id,dx\n");
    let job = Job { max_unsettled: Some(1.0), ..place.job() };
    assert_eq!(Document::new(&job, engine(), &run(&job).unwrap()).verdict, "no-records");
}

#[test]
fn the_report_says_why_and_how_much_of_a_list_it_shows() {
    let codes = engine().system("icd9cm").unwrap();
    let header: Vec<&str> =
        codes.concepts().filter(|c| c.status() == Some(xwalk::model::Status::Header)).map(|c| c.code()).take(50).collect();
    let rows: String = header.iter().map(|code| format!("1,{code}\n")).collect();
    let place = Place::with("in.csv", format!("day,dx\n{rows}2020-01-01,250.00\n2020-01-01,250.00\n").replace("\n1,", "\n,"));
    run(&Job { date: Some("day".into()), report: Some(place.path("r")), ..place.job() }).unwrap();
    let d: Document = serde_json::from_str(&read(&place.path("r/report.json"))).unwrap();
    assert_eq!((d.unsettled.len(), d.unsettled_all), (40, 51));
    let page = read(&place.path("r/report.html"));
    assert!(page.contains("The 40 most frequent of 51; review.csv has all of them."));
    // Why, also of a code that has a name.
    let first = &d.unsettled[0];
    assert!(!first.display.is_empty() && first.message == "250.00 is not valid on the day of its record", "{first:?}");
    assert!(page.contains(&first.message) && page.contains(&d.unsettled[1].message));
}

/// A day is of a record, and what is said of a code is said of all of them.
#[test]
fn the_day_of_a_record_is_not_in_the_report() {
    let place = Place::with("in.csv", "dx,day\n250.00,2016-01-02\n250.00,2017-03-04\n250.00,20180506\n250.00,2014-01-01\n");
    run(&Job { date: Some("day".into()), report: Some(place.path("r")), ..place.job() }).unwrap();
    let review = read(&place.path("r/review.csv"));
    assert!(review.contains(",not-valid-on-date,3,") && review.contains(",250.00 is not valid on the day of its record,"), "{review}");
    for file in ["review.csv", "codes.csv", "report.html", "report.json"] {
        let text = read(&place.path("r").join(file));
        assert!(!["2016-01", "2017-03", "2018-05", "20180506"].iter().any(|day| text.contains(day)), "{file}");
    }
}

/// The operator of a job learns which values need an entry, and how much hangs on each.
#[test]
fn values_that_name_no_system_are_told() {
    let text = "kind,dx\nX,250.00\nX,250.00\nY,250.00\n,250.00\n9,250.00\nX,401.9\nSmith John,401.9\n,\nZ,\n";
    let place = Place::with("in.csv", text);
    let mut job = Job { report: Some(place.path("r")), ..place.job() };
    (job.columns[0].from, job.columns[0].from_column) = (None, Some("kind".into()));
    job.columns[0].values = [("9".to_owned(), "icd9cm".to_owned())].into();
    run(&job).unwrap();
    let review = read(&place.path("r/review.csv"));
    for row in [
        ",250.00,,unknown-system,2,,,no code system `X`,\n",
        ",250.00,,unknown-system,1,,,no code system `Y`,\n",
        ",250.00,,unknown-system,1,,,the record says no code system,\n",
        ",401.9,,unknown-system,1,,,no code system `X`,\n",
        ",401.9,,unknown-system,1,,,no code system `Smith John`,\n",
    ] {
        assert!(review.contains(row), "{row}{review}");
    }
    let d: Document = serde_json::from_str(&read(&place.path("r/report.json"))).unwrap();
    let said = |what: &str| d.unknown_systems[what];
    assert_eq!((said("no code system `X`"), said("no code system `Y`"), said("the record says no code system")), (3, 1, 1));
    assert_eq!((said("no code system (text of 10 characters)"), d.unknown_systems.len()), (1, 4));
    assert_eq!(d.outcomes.iter().find(|o| o.outcome == "unknown-system").map(|o| (o.codes, o.distinct)), Some((6, 2)));
    let page = read(&place.path("r/report.html"));
    assert!(page.contains("no code system `X`: 3 codes") && !page.contains("Smith"));
    // A column that is another than was meant has another value in every record.
    let rows: String = (0..500).map(|i| format!("P{i:04},250.00\nicd9cm,401.9\n")).collect();
    let place = Place::with("in.csv", format!("kind,dx\n{rows}"));
    let job = Job { input: place.input.clone(), output: place.output.clone(), report: Some(place.path("r")), ..job };
    let r = run(&job).unwrap();
    assert_eq!(r.ledger.settled(), 500);
    let review = read(&place.path("r/review.csv"));
    assert!(
        review.contains("no code system `P0000`,") && review.contains(",460,,,no code system of one of many other names,\n"),
        "{review}"
    );
    assert_eq!(review.lines().count(), 42);
}

/// What may become of a code depends on what its record says, and on the map: each is a line of the review.
#[test]
fn every_set_of_options_is_in_the_review() {
    use crate::kit;
    use xwalk::compile::{Content, Input};
    use xwalk::model::MapKind;
    use xwalk::read::{Format, MapRelease, Unmapped};
    let table = |id: &str, rows: &str| {
        let layout = "header = false\ncolumns = { source = 1, target = 2, group = 3, priority = 4, rule = 5 }";
        let release = MapRelease {
            id: id.into(),
            url: String::new(),
            title: String::new(),
            version: "1".into(),
            source: "local".into(),
            target: "there".into(),
            kind: MapKind::Table,
            from: None,
            to: None,
            unmapped: Unmapped::None,
        };
        Input { content: Content::Table(release, toml::from_str(layout).unwrap()), ..kit::system(id, "", "", "", Format::Table, rows) }
    };
    let rules = "a,male,1,1,IFA 248153007\n\
                 a,newborn,1,2,IFA 445518008 |Age at onset of clinical finding (observable entity)| < 28.0 days\n\
                 a,other,1,3,OTHERWISE TRUE\n";
    let engine = kit::engine(&[table("rules", rules), table("plain", "a,one,1,1,\na,two,1,2,\n")]);
    let local = |name: &str, map: &str| {
        let (from, to, map) = (Some("local".into()), "there".into(), Some(map.into()));
        xwalk::job::CodeColumn { name: name.into(), from, to, map, ..Default::default() }
    };
    let place = Place::with("in.csv", "dx,again,sex,age\na,,F,\na,,,5d\na,,,40y\na,a,,41y\n");
    let columns = vec![local("dx", "rules"), local("again", "plain")];
    let job = Job { columns, sex: Some("sex".into()), age: Some("age".into()), report: Some(place.path("r")), ..place.job() };
    job::convert(&job, &engine, &mut |_| {}).unwrap();
    let review = read(&place.path("r/review.csv"));
    let mut rows: Vec<Vec<String>> = csv::Reader::from_reader(review.as_bytes())
        .records()
        .map(|row| [3, 4, 5, 6, 7].map(|at| row.as_ref().unwrap()[at].to_owned()).to_vec())
        .collect();
    assert_eq!(rows[0][1], "2", "the most frequent first");
    rows.sort();
    let expected = [
        ["choice", "1", "one / two", "plain|1", ""],
        ["needs-facts", "1", "male / newborn", "rules|1", "needs sex"],
        ["needs-facts", "1", "newborn / other", "rules|1", "needs age"],
        ["needs-facts", "2", "male / other", "rules|1", "needs sex"],
    ];
    assert_eq!(rows, expected, "{review}");
    let d: Document = serde_json::from_str(&read(&place.path("r/report.json"))).unwrap();
    assert_eq!((d.unsettled.len(), d.unsettled_all, d.codes.distinct), (4, 4, 1));
    // To the reviewers it is one question, of all these records.
    use xwalk::decisions::exchange;
    let readout = exchange::read(&mut review.as_bytes(), exchange::Format::Csv, &exchange::Context::default()).unwrap();
    assert_eq!((readout.items.len(), readout.items[0].records, readout.problems.len()), (1, Some(5), 0));
}

/// The words of a record order what it may be; they do not make another choice of it.
#[test]
fn words_do_not_multiply_the_review() {
    let text = "dx,note\n996.81,kidney transplant rejection\n996.81,infection of the kidney transplant\n996.81,\n996.81,failure\n";
    let (_, run) = converted(text, |job| {
        job.text = Some("note".into());
        job.columns[0].policy = xwalk::engine::Policy::Text;
        job.columns[0].margin = Some(1.0);
    });
    let unsettled: Vec<_> = run.ledger.tallies.iter().filter(|t| !t.settled).collect();
    assert_eq!((unsettled.len(), unsettled[0].count), (1, 4), "{unsettled:?}");
}

/// Of each outcome some, wherever in a cell the code stands.
#[test]
fn the_sample_has_the_further_codes_of_a_cell() {
    let place = Place::with("in.csv", "id,dx\n".to_owned() + &"1,401.9|V54.12|UNK\n".repeat(50));
    let mut column = column("dx");
    column.split = Some("|".into());
    let job = Job { columns: vec![column], ..place.job() };
    let d = Document::new(&job, engine(), &run(&job).unwrap());
    for (outcome, code) in [("approximate", "401.9"), ("choice", "V54.12"), ("invalid-code", "UNK")] {
        let of: Vec<_> = d.sample.records.iter().filter(|s| s.outcome == outcome).collect();
        assert!(of.len() == 5 && of.iter().all(|s| s.code == code), "{outcome}: {of:?}");
    }
}

/// A field may have megabytes; what is quoted of it has not.
#[test]
fn what_is_quoted_is_short() {
    let place = Place::with("in.csv", format!("id,dx\n1,{}\n", "x".repeat(1 << 20)));
    run(&Job { report: Some(place.path("r")), ..place.job() }).unwrap();
    let review = read(&place.path("r/review.csv"));
    assert!(review.len() < 4000 && review.contains("xxx\u{2026}"), "{} bytes", review.len());
}

#[test]
fn the_report_says_how_the_job_ran() {
    let place = Place::with("in.csv", "id,dx,day\n1,V54.12,2012-01-01\n2,250.00|401.9,2012-01-01\n");
    let mut column = column("dx");
    (column.from, column.to) = (Some("I9C".into()), "http://hl7.org/fhir/sid/icd-10-cm".into());
    (column.policy, column.unsettled) = (xwalk::engine::Policy::First, xwalk::job::Unsettled::Source);
    column.split = Some("|".into());
    column.target_date = "2020-01-01".parse().ok();
    let job = Job { columns: vec![column], date: Some("day".into()), report: Some(place.path("r")), ..place.job() };
    run(&job).unwrap();
    let d: Document = serde_json::from_str(&read(&place.path("r/report.json"))).unwrap();
    // Whatever the job calls a system, the report calls it by its alias, and finds its releases and chapters by it.
    assert_eq!((&*d.columns[0].from, &*d.columns[0].to), ("icd9cm", "icd10cm"));
    assert!(d.index.releases.iter().any(|r| r.of == "icd9cm") && d.index.releases.iter().any(|r| r.of == "icd10cm"));
    assert!(d.chapters.iter().map(|c| c.after).sum::<u64>() >= 3, "{:?}", d.chapters);
    let asked = &d.columns[0].asked;
    assert_eq!((d.columns[0].unsettled.as_str(), d.job.date.as_deref()), ("source", Some("day")));
    assert_eq!((asked.target_date.as_deref(), asked.split.as_deref()), (Some("2020-01-01"), Some("|")));
    let page = read(&place.path("r/report.html"));
    for said in ["unsettled codes stay", "targets of 2020-01-01", "date: day", "1 by policy first", "a policy or a reviewer picked"] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn nothing_is_signed_that_the_run_did_not_leave() {
    let made = || {
        let place = Place::with("in.csv", "id,dx\n1,250.00\n2\n");
        run(&Job { report: Some(place.path("r")), rejects: Some(place.path("bad.csv")), ..place.job() }).unwrap();
        place
    };
    let sign = |place: &Place, name: &str| report::sign(&place.path("r"), name, "lead", Places::default()).map_err(|e| e.to_string());
    let place = made();
    assert!(sign(&place, " ").unwrap_err().contains("needs a name and a role"));
    sign(&place, "A. Coder").unwrap();
    let verify = |place: &Place| report::verify(&place.path("r"), Places::default()).unwrap();
    assert!(verify(&place).holds(), "{:?}", verify(&place));
    // Rejects outside of the report are bound too, and nothing may be added.
    std::fs::write(place.path("bad.csv"), "line,reason,record\n").unwrap();
    assert!(verify(&place).found.contains(&("rejects".into(), Found::Changed)));
    std::fs::write(place.path("r/duplicates.csv"), "").unwrap();
    assert!(verify(&place).found.contains(&("duplicates.csv".into(), Found::Added)));
    std::fs::remove_file(&place.output).unwrap();
    assert!(verify(&place).found.contains(&("output".into(), Found::NotLookedAt)) && !verify(&place).holds());
    for (file, why) in [
        ("out-in.csv", "output is not what the run left"),
        ("in.csv", "input is not what the run left"),
        ("bad.csv", "rejects is not what the run left"),
        ("r/codes.csv", "codes.csv is not what the run left"),
        ("r/report.html", "report.html or report.json is not what the run left"),
        ("r/notes.txt", "notes.txt is not of the report"),
    ] {
        let place = made();
        std::fs::write(place.path(file), "x").unwrap();
        let error = sign(&place, "A. Coder").unwrap_err();
        assert!(error.contains(why), "{file}: {error}");
        assert!(!place.path("r/signature.json").exists());
    }
    // No page shows what each column became, and yet it is bound.
    for (file, from, to) in [
        ("r/report.json", "\"approximate\": 1", "\"approximate\": 7"),
        ("r/report.json", "\"maps\": [", "\"maps\": [ "),
        ("r/report.html", "records", "Records"),
    ] {
        let place = made();
        let text = read(&place.path(file));
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(place.path(file), text.replacen(from, to, 1)).unwrap();
        let error = sign(&place, "A. Coder").unwrap_err();
        assert!(error.contains("report.html") && error.contains("not what the run left"), "{file}: {error}");
    }
    // Rejects within the report are a part of it.
    let place = Place::with("in.csv", "id,dx\n1,250.00\n2\n");
    run(&Job { report: Some(place.path("r")), ..place.job() }).unwrap();
    sign(&place, "A. Coder").unwrap();
    assert!(verify(&place).holds(), "{:?}", verify(&place));
    let place = made();
    std::fs::remove_file(&place.output).unwrap();
    assert!(sign(&place, "A. Coder").unwrap_err().contains("--output FILE"));
    // The input may be elsewhere; then the signature says so, and nobody can take that out again.
    let place = made();
    std::fs::rename(&place.input, place.path("elsewhere.csv")).unwrap();
    assert_eq!(sign(&place, "A. Coder").unwrap().not_looked_at, ["input"]);
    let input = place.path("elsewhere.csv");
    let verify = || report::verify(&place.path("r"), Places { input: Some(&input), ..Places::default() }).unwrap();
    assert!(verify().holds(), "{:?}", verify());
    let signature = read(&place.path("r/signature.json"));
    std::fs::write(place.path("r/signature.json"), signature.replace("\"input\"\n", "\"nothing\"\n")).unwrap();
    assert!(!verify().holds());
}

#[test]
fn chapters_are_those_of_each_columns_target() {
    let place = Place::with("in.csv", "dx,dx2\n250.00,250.00\n,401.9\n");
    for order in [["dx", "dx2"], ["dx2", "dx"]] {
        let columns = order.map(|name| {
            let mut column = column(name);
            if name == "dx" {
                column.to = "icd9cm".into();
            }
            column
        });
        let job = Job { columns: columns.to_vec(), ..place.job() };
        let d = Document::new(&job, engine(), &run(&job).unwrap());
        let chapters: Vec<_> = d.chapters.iter().map(|c| (&*c.chapter, c.before, c.after)).collect();
        assert_eq!(chapters, [("Endocrine, nutrition, metabolism", 2, 2), ("Circulation", 1, 1)], "{order:?}");
    }
}

/// Some programs write a name where SNOMED CT has a term.
#[test]
fn what_is_quoted_with_a_code_is_shown_only_if_it_is_its_term() {
    let term = engine().system("icd9cm").unwrap().concept("401.9").unwrap().display().unwrap();
    let place = Place::with("in.csv", format!("id,dx\n1,250.00 |John Smith DOB 1980-01-01|\n2,\"401.9 |{term}|\"\n3,ICD9CM:486\n"));
    let r = run(&Job { report: Some(place.path("r")), ..place.job() }).unwrap();
    assert_eq!(r.ledger.settled(), 3);
    for file in ["report.html", "report.json", "repairs.csv", "codes.csv", "review.csv"] {
        let text = read(&place.path("r").join(file));
        assert!(!text.contains("Smith") && !text.contains("1980"), "{file}: {text}");
    }
    let repairs = read(&place.path("r/repairs.csv"));
    for given in ["250.00 |(text of 25 characters)|", term, "ICD9CM:486"] {
        assert!(repairs.contains(given), "{given}: {repairs}");
    }
}

/// One spelling in two columns, one of which is strict, is counted in two places.
#[test]
fn spellings_are_counted_once() {
    let place = Place::with("in.csv", "a,b\n25000,25000\n");
    let mut columns = ["a", "b"].map(column).to_vec();
    columns[1].strict = true;
    let job = Job { columns, ..place.job() };
    let d = Document::new(&job, engine(), &run(&job).unwrap());
    let repairs: Vec<_> = d.repairs.iter().map(|r| (&*r.kind, r.codes, r.distinct)).collect();
    assert_eq!((repairs, d.repaired_all), (vec![("dot", 2, 1)], 1));
}

#[test]
fn the_cause_of_no_codes_is_told() {
    for (text, verdict) in [
        ("id,dx,day\n1,401.9\n2,250.00\n", "all-rejected"),
        ("id,dx,day\n1,401.9,31.12.2012\n", "all-rejected"),
        ("id,dx,day\n1\n2,,\n", "no-codes"),
    ] {
        let place = Place::with("in.csv", text);
        let job = Job { date: Some("day".into()), max_rejected: Some(1.0), report: Some(place.path("r")), ..place.job() };
        run(&job).unwrap();
        let d: Document = serde_json::from_str(&read(&place.path("r/report.json"))).unwrap();
        assert_eq!(d.verdict, verdict, "{text}");
        assert_eq!(read(&place.path("r/report.html")).contains("is it the right column?"), verdict == "no-codes");
    }
}

#[test]
fn texts_that_look_alike_in_a_report_are_not_called_the_same() {
    let codes = |name: &str, text: &str| {
        let place = Place::with("in.csv", format!("id,dx\n1,{text}\n2,401.9\n"));
        run(&Job { report: Some(place.path(name)), ..place.job() }).unwrap();
        place
    };
    let (a, b) = (codes("a", "smith john"), codes("b", "jones mary"));
    let diff = report::diff(&a.path("a"), &b.path("b")).unwrap();
    assert_eq!((diff.same, diff.changed.len(), diff.not_compared), (1, 0, (1, 1)));
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
    // Codes that became the same, and a record that got lost.
    std::fs::write(&place.input, "id,dx\n1,250.00\n2\n3,401.9\n4,V54.12\n").unwrap();
    go("c", xwalk::engine::Policy::Review);
    let lost = report::diff(&place.path("a"), &place.path("c")).unwrap();
    assert!(lost.changed.is_empty() && !lost.is_none(), "{lost:?}");
    assert_eq!(lost.records, [(3, 4), (3, 3), (0, 1)]);
}

#[test]
fn what_moved_within_a_code_is_no_sameness() {
    use xwalk::job::Unsettled;
    let place = Place::with("in.csv", "");
    let go = |name: &str, text: &str, change: &dyn Fn(&mut Job)| {
        std::fs::write(&place.input, text).unwrap();
        let mut job = Job { report: Some(place.path(name)), output: place.path(&format!("{name}.csv")), ..place.job() };
        change(&mut job);
        run(&job).unwrap();
    };
    let diff = |a: &str, b: &str| report::diff(&place.path(a), &place.path(b)).unwrap();
    let dated = |job: &mut Job| job.date = Some("day".into());
    // The numbers of all outcomes are the same, those of each code are not.
    go(
        "a",
        "dx,day\n250.00,2012-01-01\n250.00,2012-01-01\n250.00,2020-01-01\n401.9,2012-01-01\n401.9,2020-01-01\n401.9,2020-01-01\n",
        &dated,
    );
    go(
        "b",
        "dx,day\n250.00,2012-01-01\n250.00,2020-01-01\n250.00,2020-01-01\n401.9,2012-01-01\n401.9,2012-01-01\n401.9,2020-01-01\n",
        &dated,
    );
    let moved = diff("a", "b");
    assert!(!moved.is_none() && moved.changed.len() == 2, "{moved:?}");
    let first = moved.changed.iter().find(|c| c.code == "250.00").unwrap();
    assert_eq!(
        [&*first.before, &*first.after],
        ["approximate E11.9 (2); not-valid-on-date (1)", "approximate E11.9 (1); not-valid-on-date (2)"]
    );
    assert!(diff("a", "a").is_none());
    // As many records, and other codes in them.
    go("c", "dx\n250.00\n250.00\n401.9\n", &|_| {});
    go("d", "dx\n250.00\n401.9\n401.9\n", &|_| {});
    assert_eq!((diff("c", "d").is_none(), diff("c", "d").other_counts), (false, 2));
    // What is written for unsettled codes, where there are some.
    let text = "dx\n250.00\nUNK\n";
    go("e", text, &|_| {});
    go("f", text, &|job| job.columns[0].unsettled = Unsettled::Source);
    let written = diff("e", "f");
    assert_eq!(written.unsettled, [("dx".into(), ("blank".into(), "source".into()))].into());
    assert!(!written.is_none());
    go("g", "dx\n250.00\n", &|_| {});
    go("h", "dx\n250.00\n", &|job| job.columns[0].unsettled = Unsettled::Source);
    assert!(diff("g", "h").is_none());
    // That there is no target may be settled.
    let codes = read(&place.path("e/codes.csv"));
    std::fs::write(place.path("e/codes.csv"), codes.clone() + "icd9cm,365.70,no-map,,,gem,,1,\n").unwrap();
    std::fs::create_dir(place.path("i")).unwrap();
    std::fs::copy(place.path("e/report.json"), place.path("i/report.json")).unwrap();
    std::fs::write(place.path("i/codes.csv"), codes + "icd9cm,365.70,no-map,,,decision 1,decision,1,\n").unwrap();
    let settled = diff("e", "i");
    assert_eq!(settled.changed.iter().map(|c| [&*c.before, &*c.after]).collect::<Vec<_>>(), [["no-map", "no-map by decision"]]);
}

/// One of very many is not none, and all but one are not all.
#[test]
fn a_threshold_that_fails_does_not_read_as_if_it_held() {
    let rows = "1,250.00\n".repeat(29_999);
    let place = Place::with("in.csv", format!("id,dx\n{rows}2,UNK\n"));
    let folder = place.path("in.csv").parent().unwrap().to_owned();
    let args = ["convert", "in.csv", "-o", "o.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "--max-unsettled", "0"];
    let output = crate::cli::xwalk().current_dir(folder).args(args).args(["--report", "r"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for line in ["share of codes unsettled: < 0.01 %, at most 0.00 % was allowed", "29,999 of 30,000 codes settled (> 99.99 %)"] {
        assert!(said.contains(line), "{said}");
    }
    let page = read(&place.path("r/report.html"));
    assert!(page.contains("&lt; 0.01 %") && page.contains("&gt; 99.99 %") && !page.contains("100.00 %"), "the page says so");
}

#[cfg(unix)]
#[test]
fn a_report_of_what_went_through_a_pipe_is_signed() {
    let place = Place::with("in.csv", "id,dx\n1,250.00\n");
    let pipe = place.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read(pipe).unwrap()
    });
    run(&Job { output: pipe.clone(), report: Some(place.path("r")), ..place.job() }).unwrap();
    std::fs::write(place.path("kept.csv"), reader.join().unwrap()).unwrap();
    std::fs::remove_file(pipe).unwrap();
    let signature = report::sign(&place.path("r"), "A. Coder", "lead", Places::default()).unwrap();
    assert_eq!(signature.not_looked_at, ["output"]);
    let kept = place.path("kept.csv");
    let verified = report::verify(&place.path("r"), Places { output: Some(&kept), ..Places::default() }).unwrap();
    assert!(verified.holds() && verified.found.contains(&("output".into(), Found::Same)), "{verified:?}");
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
    std::fs::rename(place.path("in.csv"), place.path("kept.csv")).expect("moved");
    let (exit, out, _) = run(&["report", "sign", "a", "--by", "A. Coder", "--role", "clinical lead"]);
    assert!(exit == Some(0) && out.contains("the input was not at hand and not looked at"), "{out}");
    std::fs::rename(place.path("kept.csv"), place.path("in.csv")).expect("moved");
    let (exit, out, told) = run(&["report", "verify", "a"]);
    assert!(exit == Some(0) && out.starts_with("signed by A. Coder, clinical lead, at 20"), "{out}{told}");
    assert!(!out.contains("CHANGED") && !out.contains("MISSING") && !out.contains("not looked at"), "{out}");
    assert!(out.lines().any(|l| l.trim_start().starts_with("index") && l.contains("same")), "{out}");
    let (exit, _, told) = run(&["report", "sign", "a", "--by", "B", "--role", "none"]);
    assert!(exit == Some(2) && told.contains("signature.json exists"), "{told}");
    std::fs::write(place.path("a.csv"), "id,dx\n").expect("written");
    let (exit, out, _) = run(&["report", "verify", "a"]);
    assert!(exit == Some(1) && out.lines().any(|l| l.contains("output") && l.contains("CHANGED")), "{out}");

    let (exit, out, _) = run(&["report", "diff", "a", "b"]);
    assert!(exit == Some(1) && out.contains("401.9") && out.contains("became something else"), "{out}");
    std::fs::write(place.path("in.csv"), "id,dx\n1,250.00\n2,401.9\n3\n").expect("written");
    convert(&["-o", "c.csv", "--report", "c"]);
    let (exit, out, _) = run(&["report", "diff", "a", "c"]);
    assert!(
        exit == Some(1) && out.contains("records in: 2 before, 3 after") && out.contains("records rejected: 0 before, 1 after"),
        "{out}"
    );
    let (exit, out, _) = run(&["report", "diff", "a", "a"]);
    assert!(exit == Some(0) && out.contains("2 codes became the same"), "{out}");
    let (exit, _, told) = run(&["report", "diff", "a", "nothing"]);
    assert!(exit == Some(2) && told.contains("nothing"), "{told}");
}
