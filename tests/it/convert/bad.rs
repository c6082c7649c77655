//! Everything that can be wrong with a file: a clear message or a reject with its reason, counted; nothing lost, nothing half-written.

use super::{Place, column, converted, run};
use xwalk::job::{Error, Job, RejectReason};

/// The rejects of a job over this text: reason and count, and the rejects file.
fn rejects(text: impl AsRef<[u8]>) -> (Vec<(RejectReason, u64)>, String, String) {
    let place = Place::with("in.csv", text);
    let r = run(&place.job()).unwrap();
    let read = |p| std::fs::read(p).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    (r.ledger.rejected.into_iter().collect(), read(place.path("out-in.csv.rejects.csv")), read(place.output))
}

fn refused(text: impl AsRef<[u8]>, change: impl FnOnce(&Place, &mut Job)) -> (Error, Vec<String>) {
    let place = Place::with("in.csv", text);
    let mut job = place.job();
    change(&place, &mut job);
    (run(&job).unwrap_err(), place.files())
}

#[test]
fn ragged_rows_are_rejected_as_they_came() {
    let (counts, file, out) = rejects("id,dx\n1,250.00\n2\n3,401.9,\"x\ny\"\n4,401.9\n");
    assert_eq!(counts, [(RejectReason::Fields, 2)]);
    assert_eq!(file, "line,reason,record\n3,fields,\"2\"\n4,fields,\"3,401.9,\"\"x\ny\"\"\"\n");
    assert_eq!(out.lines().count(), 3);
}

#[test]
fn bytes_that_are_no_text() {
    let (counts, file, out) =
        rejects(b"id,dx,n\n1,250.00,\xc3\xa9\n1,250.00,\xc3\xa9\xc3\xa9\n2,401.9,\xff\xfe\n3,401.9,a\0b\n4,401.9,ok\n");
    assert_eq!(counts, [(RejectReason::Encoding, 1), (RejectReason::Nul, 1)]);
    assert!(file.contains("\n4,encoding,") && file.contains("\n5,nul,"), "{file}");
    assert!(out.contains("1,250.00,é,E11.9") && out.contains("4,401.9,ok,I10"), "{out}");
    // The damage may lie in another block than the record's begin.
    let long = "x".repeat(100);
    let text = [format!("id,dx,n\n1,250.00,{long}").as_bytes(), b"\xff\n2,401.9,ok\n"].concat();
    for block in [1, 7, 64, 1 << 18] {
        let place = Place::with("in.csv", &text);
        let r = run(&Job { block, encoding: Some("utf-8".into()), ..place.job() }).unwrap();
        assert_eq!(r.ledger.rejected.get(&RejectReason::Encoding), Some(&1), "blocks of {block}");
        assert_eq!(r.ledger.records_out, 1);
    }
}

/// The damage may lie where a record began, blocks before its end.
#[test]
fn damage_at_the_beginning_of_a_long_record() {
    let long = "x".repeat(300_000);
    for (damage, reason) in [(b"\xff", RejectReason::Encoding), (b"\0", RejectReason::Nul)] {
        let csv = [b"id,n,dx\n1,", &damage[..], long.as_bytes(), b",250.00\n2,ok,401.9\n"].concat();
        let json = [b"{\"n\":\"", &damage[..], long.as_bytes(), b"\",\"dx\":\"250.00\"}\n{\"dx\":\"401.9\"}\n"].concat();
        for (name, text) in [("in.csv", csv), ("in.ndjson", json)] {
            for block in [7, 1 << 12, 1 << 17, 1 << 18, 1 << 20] {
                let place = Place::with(name, &text);
                let r = run(&Job { block, encoding: Some("utf-8".into()), ..place.job() }).unwrap();
                let rejected: Vec<_> = r.ledger.rejected.into_iter().collect();
                assert_eq!((rejected, r.ledger.records_out), (vec![(reason, 1)], 1), "{name}, blocks of {block}");
            }
        }
    }
    // Records of three blocks and more, however short.
    let text = b"id,n,dx\n1,\xffabcdefghijklmnopqrstuvwxyz,250.00\n2,ok,401.9\n3,a\0bcdefghijklmnopqrstuvwxyz,401.9\n";
    for block in 1..40 {
        let place = Place::with("in.csv", text);
        let r = run(&Job { block, encoding: Some("utf-8".into()), ..place.job() }).unwrap();
        let rejected: Vec<_> = r.ledger.rejected.into_iter().collect();
        assert_eq!(rejected, [(RejectReason::Encoding, 1), (RejectReason::Nul, 1)], "blocks of {block}");
    }
}

/// Wherever blocks end.
#[test]
fn records_that_are_too_long() {
    let filler = "1,401.9,ok\n".repeat(50);
    let record = |length: usize| {
        let record = "2,401.9,\"a\nb";
        record.to_owned() + &"x".repeat(length - record.len() - 1) + "\""
    };
    for ending in ["\n", ""] {
        for block in [1, 7, 100, 999, 1000, 1001, 2048, 1 << 18] {
            let job = |place: &Place| Job { block, max_record: 1000, ..place.job() };
            let place = Place::with("in.csv", format!("id,dx,n\n{filler}{}{ending}", record(1000)));
            assert_eq!(run(&job(&place)).unwrap().ledger.records_out, 51, "blocks of {block}");
            let place = Place::with("in.csv", format!("id,dx,n\n{filler}{}{ending}", record(1001)));
            let error = run(&job(&place)).unwrap_err();
            assert!(matches!(error, Error::RecordTooLong { line: 52, limit: 1000, .. }), "blocks of {block}: {error}");
            let json =
                |length: usize| format!("{}{{\"dx\":\"401.9\",\"n\":\"{}\"}}", "{\"dx\":null}\n".repeat(50), "x".repeat(length - 21));
            let place = Place::with("in.ndjson", json(1000) + ending);
            assert_eq!(run(&job(&place)).unwrap().ledger.records_out, 51, "blocks of {block}");
            let place = Place::with("in.ndjson", json(1001) + ending);
            let error = run(&job(&place)).unwrap_err();
            assert!(matches!(error, Error::RecordTooLong { line: 51, limit: 1000, .. }), "blocks of {block}: {error}");
        }
    }
}

/// JSON is UTF-8, whatever the bytes would be as something else.
#[test]
fn json_that_is_no_utf8() {
    let text = b"{\"dx\":\"401.9\",\"n\":\"M\xe9ni\xe8re\"}\n{\"dx\":\"401.9\",\"n\":\"M\xc3\xa9n\"}\n";
    let place = Place::with("in.ndjson", text);
    let r = run(&place.job()).unwrap();
    assert_eq!((r.input.encoding, r.ledger.records_out), ("UTF-8", 1));
    assert_eq!(r.ledger.rejected.into_iter().collect::<Vec<_>>(), [(RejectReason::Encoding, 1)]);
    let error = run(&Job { encoding: Some("windows-1252".into()), ..place.job() }).unwrap_err();
    assert!(error.to_string().starts_with("NDJSON is UTF-8, not windows-1252; "), "{error}");
}

#[test]
fn a_quotation_that_nobody_closes() {
    let (counts, file, out) = rejects("id,dx\n1,250.00\n2,\"401.9\n3,401.9\n");
    assert_eq!(counts, [(RejectReason::Quotation, 1)]);
    assert_eq!(file, "line,reason,record\n3,quotation,\"2,\"\"401.9\n3,401.9\"\n");
    assert_eq!(out.lines().count(), 2);
    let text = format!("id,dx\n1,\"{}\n", "y".repeat(3_000_000));
    let (error, files) = refused(&text, |_, job| job.max_record = 1 << 20);
    assert_eq!(
        error.to_string(),
        "in.csv:2: a record longer than 1048576 bytes begins here; close the quotation, or raise the limit (--max-record)"
    );
    assert_eq!(files, ["in.csv"]);
}

#[test]
fn a_field_of_100_megabytes() {
    let text = format!("id,dx,n\n1,250.00,\"{}\"\n2,401.9,z\n", "y".repeat(100_000_000));
    let (out, r) = converted(&text, |job| job.max_record = 200 << 20);
    assert_eq!((r.ledger.records_out, out.len() > 100_000_000), (2, true));
    let (error, files) = refused(&text, |_, _| {});
    assert!(matches!(error, Error::RecordTooLong { line: 2, .. }), "{error}");
    assert_eq!(files, ["in.csv"]);
}

#[test]
fn files_with_little_in_them() {
    for empty in ["", "\n", "\u{feff}", "\r\n\r\n"] {
        assert!(matches!(refused(empty, |_, _| {}).0, Error::Empty { .. }), "{empty:?}");
    }
    let header = "dx_target,dx_outcome,dx_relationship,dx_map";
    assert_eq!(converted("id,dx", |_| {}).0, format!("id,dx,{header}\n"));
    let (out, r) = converted("id,dx\n1,401.9", |_| {});
    assert_eq!(out, format!("id,dx,{header}\n1,401.9,I10,approximate,related-to,gem-icd9cm-icd10cm|2013"));
    assert_eq!(r.ledger.records_in, 1);
    let (error, _) = refused("id,dx\r1,2\r2,3\r", |_, _| {});
    assert!(error.to_string().contains("lone carriage return"), "{error}");
}

#[test]
fn what_is_asked_for_and_is_not_there() {
    let (error, files) = refused("id,dx\n", |_, job| job.columns[0].name = "diagnosis".into());
    // In a file without a header its names are the first record: they are counted, not told.
    assert!(error.to_string().starts_with("no column `diagnosis` among the 2 of the file; "), "{error}");
    assert_eq!(files, ["in.csv"]);
    let message = |change: &dyn Fn(&Place, &mut Job)| refused("id,dx\n", change).0.to_string();
    assert!(message(&|_, j| j.date = Some("day".into())).starts_with("no column `day`"));
    assert!(message(&|_, j| j.columns[0].name = "/dx".into()).contains("(--records ndjson)"));
    assert!(refused("{\"dx\":\"401.9\"}\n", |_, _| {}).0.to_string().contains("(--records ndjson)"));
    assert!(message(&|_, j| j.columns[0].to = "icd11".into()).starts_with("no code system `icd11` in this index; it has "));
    assert!(message(&|_, j| j.columns[0].map = Some("gem".into())).starts_with("no map `gem`"));
    assert!(message(&|_, j| j.columns[0].from = None).contains("give the source system"));
    assert!(message(&|_, j| j.columns.clear()).contains("at least one"));
    assert!(message(&|_, j| j.encoding = Some("shift_jis".into())).contains("no encoding `shift_jis` here"));
    assert!(message(&|p, j| j.input = p.path("nowhere.csv")).starts_with("cannot open "));
    assert!(message(&|p, j| j.input = p.path("")).contains("it is a folder"));
    assert!(
        message(&|p, j| j.output = p.path("o.parquet"))
            .starts_with("records go out as they came in, as csv, and the output is called parquet")
    );
    assert!(message(&|_, j| j.format = Some(xwalk::job::RecordFormat::Ndjson)).contains("as ndjson, and the output is called csv"));
    let (error, _) = refused("dx,dx_target\n", |_, _| {});
    assert_eq!(error.to_string(), "the record already has a column `dx_target`; rename it, nothing is overwritten");
    let (error, _) = refused("dx,dx\n", |_, _| {});
    assert!(error.to_string().starts_with("more than one column is called `dx`"));
}

#[test]
fn nothing_is_destroyed() {
    let (error, _) = refused("id,dx\n", |p, job| job.output = p.input.clone());
    assert!(matches!(error, Error::SameFile { .. }));
    #[cfg(unix)]
    {
        let (error, _) = refused("id,dx\n", |p, job| {
            std::fs::hard_link(&p.input, p.path("link.csv")).unwrap();
            job.output = p.path("link.csv");
        });
        assert!(matches!(error, Error::SameFile { .. }));
    }
    let (error, _) = refused("id,dx\n", |p, job| {
        std::fs::create_dir(p.path("report")).unwrap();
        job.report = Some(p.path("report"));
    });
    assert!(error.to_string().starts_with("the report folder "), "{error}");
    let (error, _) = refused("id,dx\n", |p, job| job.output = p.path(""));
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let (error, files) = refused("id,dx\n", |p, job| job.output = p.path("new/"));
    assert!(error.to_string().contains("is the name of a folder") && files == ["in.csv"], "{error} {files:?}");
}

/// The report of one run does not take up the rejects of another.
#[test]
fn two_runs_do_not_write_one_report() {
    let place = Place::with("in.csv", super::claims(20_000, 6));
    let job = |name: &str| Job { output: place.path(name), block: 4096, report: Some(place.path("r")), ..place.job() };
    let other = job("b.csv");
    let mut met = None;
    xwalk::job::convert(&job("a.csv"), super::engine(), &mut |_| {
        met.get_or_insert_with(|| run(&other).unwrap_err().to_string());
    })
    .unwrap();
    assert!(met.unwrap().starts_with("another run is writing the report "));
    assert_eq!(place.files(), ["a.csv", "in.csv", "r"]);
    assert!(!place.path("r/xwalk-unfinished").exists());
    // Nor does one clear away the rejects of another.
    let job = |name: &str| Job { output: place.path(name), rejects: Some(place.path("bad.csv")), block: 64, ..place.job() };
    std::fs::write(&place.input, "id,dx\n1\n".to_owned() + &"2,401.9\n".repeat(100)).unwrap();
    let mut met = Vec::new();
    xwalk::job::convert(&job("c.csv"), super::engine(), &mut |_| met.extend(run(&job("d.csv")).err())).unwrap();
    assert!(!met.is_empty() && met.iter().all(|e| matches!(e, Error::Busy { .. })), "{met:?}");
    assert_eq!(std::fs::read_to_string(place.path("bad.csv")).unwrap(), "line,reason,record\n2,fields,\"1\"\n");
}

/// Beside an output that is piped there is no note of whose it is.
#[test]
fn rejects_of_a_killed_run_are_in_nobodys_way() {
    for begun in ["", "line,reason,record\n", "line,reason,record\n2,fields,\"1\"\n3,fie"] {
        for text in ["id,dx\n1,401.9\n2\n", "id,dx\n1,401.9\n"] {
            let place = Place::with("in.csv", text);
            std::fs::write(place.path("bad.csv.part"), begun).unwrap();
            run(&Job { output: "/dev/null".into(), rejects: Some(place.path("bad.csv")), ..place.job() }).unwrap();
            let rejected = std::fs::read_to_string(place.path("bad.csv")).unwrap_or_default();
            assert_eq!(rejected, if text.len() > 15 { "line,reason,record\n3,fields,\"2\"\n" } else { "" });
            assert!(!place.path("bad.csv.part").exists());
        }
    }
}

#[test]
fn records_and_rejects_do_not_go_into_one_pipe() {
    let (error, _) = refused("id,dx\n1\n", |_, job| (job.output, job.rejects) = ("-".into(), Some("-".into())));
    assert_eq!(error.to_string(), "the rejects and the output are the same file, standard output; give another place");
    let place = Place::with("in.csv", "id,dx\n1,401.9\n2\n");
    let said = |args: &[&str]| {
        let plain = ["convert", "in.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx"];
        let out = crate::cli::xwalk().current_dir(place.path("")).args(plain).args(args).output().unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let (exit, _, told) = said(&["-o", "-", "--rejects", "/dev/stdout"]);
    assert!(exit == Some(2) && told.contains("are the same file"), "{told}");
    // What is told goes elsewhere.
    let (_, out, told) = said(&["-o", "o.csv", "--rejects", "-"]);
    assert!(out == "line,reason,record\n3,fields,\"2\"\n" && told.contains("2 records in, 1 out, 1 rejected"), "{out}{told}");
}

#[test]
fn blanks_between_fields_without_quotes() {
    let text = "id dx\n1 249.51\n2 250.00\n";
    let (out, r) = converted(text, |job| {
        (job.delimiter, job.quote) = (Some(' '), Some(xwalk::job::Quote::None));
        job.columns[0].policy = xwalk::engine::Policy::First;
    });
    assert_eq!(r.ledger.settled(), 2);
    assert!(out.lines().all(|line| line.split(' ').count() == 7) && out.contains("+E"), "{out}");
    let (error, _) = refused(text, |_, job| (job.delimiter, job.quote) = (Some('.'), Some(xwalk::job::Quote::None)));
    assert!(error.to_string().contains("cannot part fields"), "{error}");
}

#[test]
fn values_that_cannot_match_or_contradict() {
    let text = "k,dx\n 9 ,250.00\n";
    let by = |values: &[(&str, &str)], from_column: Option<&str>| {
        let values = values.iter().map(|(v, s)| ((*v).to_owned(), (*s).to_owned())).collect();
        let place = Place::with("in.csv", text);
        let mut job = place.job();
        (job.columns[0].from_column, job.columns[0].values) = (from_column.map(str::to_owned), values);
        job.columns[0].from = from_column.is_none().then(|| "icd9cm".into());
        run(&job).map(|r| r.ledger.settled()).map_err(|e| e.to_string())
    };
    assert_eq!(by(&[(" 9 ", "icd9cm")], Some("k")), Ok(1));
    assert!(by(&[(" 9 ", "icd9cm"), ("9", "icd10cm")], Some("k")).unwrap_err().contains("names a value twice"));
    assert!(by(&[("9", "icd9cm")], None).unwrap_err().contains("name that column"));
    let args =
        ["convert", "in.csv", "-o", "o.csv", "--to", "icd10cm", "--code", "dx", "--from-column", "k", "--values", "9=icd9cm,9=icd10cm"];
    let out = crate::cli::xwalk().args(args).output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(2) && told.contains("says twice what `9` means"), "{told}");
}

#[test]
fn decisions_that_nobody_asks_are_told() {
    let place = Place::with("in.csv", "id,dx\n1,401.9\n");
    let said = |args: &[&str]| {
        let plain = ["convert", "in.csv", "-o", "o.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx"];
        let out = crate::cli::xwalk().current_dir(place.path("")).args(plain).args(args).output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let (exit, told) = said(&["--decisions", "nope.db"]);
    assert!(exit == Some(2) && told.contains("there is no such file"), "{told}");
    std::fs::write(place.path("some.db"), "").unwrap();
    let (exit, told) = said(&["--decisions", "some.db"]);
    assert!(exit == Some(0) && told.contains("the decisions are not asked"), "{told}");
}

#[test]
fn no_two_places_are_one_file() {
    let text = "id,dx\n1,401.9\n2\n";
    type Change = dyn Fn(&Place, &mut Job);
    let changes: [&Change; 9] = [
        &|p, job| job.rejects = Some(p.input.clone()),
        &|p, job| job.rejects = Some(p.output.clone()),
        &|p, job| job.rejects = Some(p.path("./out-in.csv.part")),
        &|p, job| job.report = Some(p.output.clone()),
        &|p, job| {
            // What is written beside the output is the input.
            job.input = p.path("o.csv.part");
            job.output = p.path("o.csv");
            std::fs::write(&job.input, "id,dx\n").unwrap();
        },
        &|p, job| {
            job.decisions = Some(p.path("d.db"));
            job.rejects = job.decisions.clone();
        },
        &|p, job| {
            job.report = Some(p.path("r"));
            job.rejects = Some(p.path("r/rejects.csv"));
        },
        &|p, job| {
            job.file = Some(p.path("job.toml"));
            job.output = p.path("job.toml");
        },
        &|p, job| {
            job.index = Some(p.path("index.xwalk"));
            job.rejects = job.index.clone();
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let place = Place::with("in.csv", text);
        let mut job = place.job();
        for name in ["job.toml", "index.xwalk"] {
            std::fs::write(place.path(name), text).unwrap();
        }
        change(&place, &mut job);
        let before = std::fs::read(&job.input).unwrap();
        let error = run(&job).unwrap_err();
        assert!(matches!(error, Error::SameFile { .. }) || (at == 6 && error.to_string().contains("leave --rejects out")), "{at}: {error}");
        assert_eq!((std::fs::read(&job.input).unwrap(), std::fs::read_to_string(&place.input).unwrap()), (before, text.into()), "{at}");
    }
}

#[test]
fn what_others_left_beside_a_place_stays() {
    for (name, report) in [("out-in.csv.part", false), ("rejects.part", false), ("out-in.csv.resume", false), ("keep.part", true)] {
        let place = Place::with("in.csv", "id,dx\n1,401.9\n2\n");
        let theirs = if report { place.path(name).join("mine.txt") } else { place.path(name) };
        std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
        std::fs::write(&theirs, "mine").unwrap();
        let job = Job { rejects: (!report).then(|| place.path("rejects")), report: report.then(|| place.path("keep")), ..place.job() };
        let error = run(&job).unwrap_err();
        assert!(matches!(error, Error::InTheWay { .. }) && error.to_string().contains(name), "{name}: {error}");
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "mine");
        assert!(!place.output.exists());
    }
    // What a run of ours left is cleared away.
    let place = Place::with("in.csv", "id,dx\n1,401.9\n");
    std::fs::create_dir(place.path("r.part")).unwrap();
    std::fs::write(place.path("r.part/xwalk-unfinished"), "").unwrap();
    run(&Job { report: Some(place.path("r")), ..place.job() }).unwrap();
    assert_eq!(place.files(), ["in.csv", "out-in.csv", "r"]);
    assert!(!place.path("r/xwalk-unfinished").exists());
}

/// The output of an earlier run stays until this one's is complete; or it goes first, but not for a run that cannot even begin.
#[test]
fn the_output_of_an_earlier_run() {
    let place = Place::with("in.csv", "id,dx\n1,401.9\n2,250.00\n");
    let [fails, cannot_begin]: [fn(Job) -> Job; 2] =
        [|job| Job { block: 2, max_record: 4, ..job }, |job| Job { columns: vec![column("none")], ..job }];
    let old = || std::fs::read_to_string(&place.output).ok();
    for (change, remove_old, left) in [(fails, false, true), (fails, true, false), (cannot_begin, true, true)] {
        std::fs::write(&place.output, "old").unwrap();
        run(&change(Job { remove_old, ..place.job() })).unwrap_err();
        assert_eq!(old(), left.then(|| "old".into()), "{remove_old} {left}");
        run(&Job { remove_old, ..place.job() }).unwrap();
        assert!(old().unwrap().contains("1,401.9,I10"));
        assert_eq!(place.files(), ["in.csv", "out-in.csv"]);
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_pipes_written_to() {
    use std::io::Read;
    let place = Place::with("in.csv", "id,dx\n1,401.9\n");
    std::fs::create_dir(place.path("there")).unwrap();
    std::os::unix::fs::symlink("there/real.csv", place.path("link.csv")).unwrap();
    for _ in 0..2 {
        run(&Job { output: place.path("link.csv"), ..place.job() }).unwrap();
        assert!(place.path("link.csv").is_symlink());
        assert!(std::fs::read_to_string(place.path("there/real.csv")).unwrap().contains("401.9,I10"));
    }
    let pipe = place.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut text = String::new();
            std::fs::File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
            text
        }
    });
    run(&Job { output: pipe.clone(), ..place.job() }).unwrap();
    assert!(reader.join().unwrap().contains("401.9,I10"));
    assert!(!pipe.is_file(), "a pipe is still a pipe");
    // The shell's names of pipes are links that lead nowhere.
    for (args, to) in
        [("-o >(cat > got.csv)", "got.csv"), ("-o /dev/stdout | cat > got2.csv", "got2.csv"), ("-o /dev/stdout > got3.csv", "got3.csv")]
    {
        let script = format!("\"$0\" convert in.csv --from icd9cm --to icd10cm --code dx -q {args}; sleep 0.2");
        let mut command = crate::cli::program();
        let program = command.get_program().to_owned();
        let environment: Vec<_> = command.get_envs().map(|(name, value)| (name.to_owned(), value.map(std::ffi::OsStr::to_owned))).collect();
        command = std::process::Command::new("bash");
        for (name, value) in environment {
            value.map(|value| command.env(name, value));
        }
        let out = command.args(["-c", &script]).arg(program).current_dir(place.path("")).output().unwrap();
        let got = std::fs::read_to_string(place.path(to)).unwrap_or_default();
        assert!(got.contains("401.9,I10") && !got.contains("records in"), "{args}: {got}{}", String::from_utf8_lossy(&out.stderr));
        std::fs::remove_file(place.path(to)).unwrap();
    }
    run(&Job { output: "/dev/null".into(), rejects: Some("/dev/null".into()), ..place.job() }).unwrap();
    assert!(!std::path::Path::new("/dev/null").is_file());
    assert_eq!(place.files(), ["in.csv", "link.csv", "pipe", "there"]);
}

/// Private data stay as private as they were.
#[cfg(unix)]
#[test]
fn what_is_replaced_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with("in.csv", "id,dx\n1,401.9\n2\n");
    let (output, rejects) = (place.output.clone(), place.path("out-in.csv.rejects.csv"));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for (given, sync) in [(0o600, false), (0o640, true), (0o440, false)] {
        for path in [&output, &rejects] {
            std::fs::write(path, "old").unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(given)).unwrap();
        }
        let (part, note) = (place.path("out-in.csv.part"), place.path("out-in.csv.resume"));
        let mut under_way = Vec::new();
        let job = Job { sync, ..place.job() };
        xwalk::job::convert(&job, super::engine(), &mut |_| under_way.extend([mode(&part), mode(&note)])).unwrap();
        assert_eq!([mode(&output), mode(&rejects)], [given, given], "{given:o}");
        assert!(under_way.iter().all(|mode| [given | 0o200, 0o600].contains(mode)), "{given:o}: {under_way:?}");
        [&output, &rejects].into_iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }
}

#[test]
fn rejects_of_an_earlier_run_do_not_stay_beside_a_clean_output() {
    let place = Place::with("in.csv", "id,dx\n1,401.9\n2\n");
    let first = run(&place.job()).unwrap();
    assert_eq!(first.rejects_at, Some(place.path("out-in.csv.rejects.csv")));
    std::fs::write(&place.input, "id,dx\n1,401.9\n").unwrap();
    run(&place.job()).unwrap();
    assert_eq!(std::fs::read_to_string(place.path("out-in.csv.rejects.csv")).unwrap(), "line,reason,record\n");
}

#[test]
fn lines_that_a_quote_swallows_are_told() {
    let swallowed: String = (0..900).map(|i| format!("{i},401.9,x\n")).collect();
    let text = format!("id,dx,note\n1,250.00,\"open\n{swallowed}2,401.9,x\"\n3,401.9,z\n");
    let (_, r) = converted(&text, |_| {});
    // As many fields as the header has, and yet 901 records are gone.
    assert_eq!((r.ledger.records_in, r.ledger.line_breaks), (2, 901));
    assert_eq!((r.ledger.longest.line, r.ledger.longest.lines), (2, 902));
    for block in [64, 1 << 20] {
        let (_, r) = converted(format!("id,dx\n1,401.9\n2,\"401.9\n{swallowed}"), |job| job.block = block);
        assert_eq!((r.ledger.rejected_total(), r.ledger.rejected_lines, r.ledger.line_breaks), (1, 901, 900), "blocks of {block}");
    }
    let (_, r) = converted("id,dx\n\n1,401.9\r\n\r\n2,401.9", |_| {});
    assert_eq!((r.ledger.line_breaks, r.ledger.longest.lines), (0, 0));
}

#[test]
fn quotes_in_tab_separated_text_merge_no_records() {
    let text = "id\tdx\tnote\n1\t250.00\t\"quoted\n2\t401.9\tplain\n";
    let place = Place::with("a.tsv", text);
    let r = run(&place.job()).unwrap();
    assert_eq!((r.ledger.records_in, r.ledger.records_out, r.ledger.line_breaks), (2, 2, 0));
    assert!(super::read(&place.output).contains("1\t250.00\t\"quoted\tE11.9\t"));
    // Where fields are quoted at first, a quotation over several lines is no guess's to make.
    let many: String = (0..9000).map(|i| format!("{i}\t401.9\t\"ok\"\n")).collect();
    let text = format!("id\tdx\tnote\n{many}a\t401.9\t\"open\nb\t401.9\t\"x\"\n");
    let place = Place::with("a.tsv", &text);
    let error = run(&place.job()).unwrap_err();
    assert!(error.to_string().contains("begins in line 9002 goes over 2 lines; say whether"), "{error}");
    assert_eq!(place.files(), ["a.tsv"]);
    let told = run(&Job { quote: Some(xwalk::job::Quote::None), ..place.job() }).unwrap();
    assert_eq!(told.ledger.records_in, 9002);
}

#[test]
fn files_that_are_no_text() {
    for (bytes, what) in [(&b"PK\x03\x04..."[..], "ZIP"), (b"BZh91AY", "bzip2"), (b"PAR1....", "--records parquet"), (b"\xfd7zXZ\0.", "xz")]
    {
        let (error, files) = refused(bytes, |_, _| {});
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(files, ["in.csv"]);
    }
    let (error, _) = refused("id,dx\n", |_, job| job.columns[0].name = "d\u{1b}[2Jx".into());
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn json_pointers_that_lead_nowhere() {
    let place = Place::with("a.ndjson", "{\"dx\":\"401.9\"}\n{\"dx\":null,\"age\":\"3y\"}\n");
    for change in [(|job: &mut Job| job.columns[0].name = "/dz".into()) as fn(&mut Job), |job| job.sex = Some("/p/sex".into())] {
        let mut job = place.job();
        change(&mut job);
        let error = run(&job).unwrap_err();
        assert!(error.to_string().contains("no record has a member there"), "{error}");
        assert_eq!(place.files(), ["a.ndjson"]);
    }
    // Some record has it: that is enough.
    for block in [1, 1 << 17] {
        let r = run(&Job { age: Some("/age".into()), block, output: place.path(&format!("{block}.ndjson")), ..place.job() }).unwrap();
        assert_eq!(r.ledger.records_out, 2);
    }
    let place = Place::with("a.ndjson", "{\"dx\":\"401.9\",\"dx_map\":1}\n");
    let r = run(&place.job()).unwrap();
    assert_eq!(r.ledger.rejected.into_iter().collect::<Vec<_>>(), [(RejectReason::Taken, 1)]);
    // Of two members of one name most programs see the last only.
    let place = Place::with(
        "a.ndjson",
        "{\"dx\":\"250.00\",\"dx\":\"401.9\"}\n{\"a\":[{\"b\":1,\"b\":2}],\"dx\":\"401.9\"}\n{\"b\":-1.5e3,\"dx\":\"401.9\"}\n",
    );
    let r = run(&place.job()).unwrap();
    assert_eq!(r.ledger.records_out, 1);
    assert_eq!(r.ledger.rejected.into_iter().collect::<Vec<_>>(), [(RejectReason::Repeated, 2)]);
}

#[test]
fn a_torn_archive_is_said_and_nothing_is_left() {
    use std::io::Write;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(super::claims(20_000, 5).as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    for threads in [1, 2] {
        let (error, files) = refused(&bytes[..bytes.len() / 2], |_, job| job.threads = threads);
        assert!(error.to_string().contains("unreadable after byte"), "{error}");
        assert_eq!(files, ["in.csv"]);
    }
    // Blocks of zeros behind it, as tapes have them, are no damage; anything else is.
    let (out, _) = converted([&bytes[..], &[0; 1000]].concat(), |_| {});
    let (whole, _) = converted([&bytes[..], &bytes[..]].concat(), |_| {});
    assert!(out.lines().count() > 20_000 && whole.len() > out.len() * 3 / 2);
    for behind in [&b"x"[..], b"\0x", &[&[0; 9][..], &bytes].concat()] {
        let (error, files) = refused([&bytes[..], behind].concat(), |_, _| {});
        assert!(error.to_string().contains("unreadable after byte"), "{error}");
        assert_eq!(files, ["in.csv"]);
    }
    // Half a pair in UTF-16, where the layout is looked for and behind that.
    for before in [10, 20_000] {
        let text = format!("id,dx\n{}", "1,401.9\n".repeat(before));
        let mut text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        text.extend([0x00, 0xd8, 0x0a, 0x00]);
        let (error, files) = refused(&text, |_, job| job.encoding = Some("utf-16le".into()));
        assert!(error.to_string().contains(&format!("byte {} of the text is not UTF-16", text.len() - 4)), "{error}");
        assert_eq!(files, ["in.csv"]);
    }
    // Half a character at the end of UTF-16.
    let mut text: Vec<u8> = "\u{feff}id,dx\n1,401.9\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    text.push(0x41);
    let (error, files) = refused(&text, |_, _| {});
    assert!(error.to_string().contains("half a UTF-16 character"), "{error}");
    assert_eq!(files, ["in.csv"]);
}

#[test]
fn rejects_need_a_place() {
    let (error, _) = refused("id,dx\n1\n", |_, job| job.output = "-".into());
    assert!(matches!(error, Error::NoPlaceForRejects { line: 2, .. }), "{error}");
}

#[test]
fn a_date_that_is_no_date() {
    let (out, r) = converted("id,dx,day\n1,401.9,2014-02-30\n2,401.9,2014-02-28\n3,401.9,\n", |job| job.date = Some("day".into()));
    assert_eq!(r.ledger.rejected.get(&RejectReason::Date), Some(&1));
    assert_eq!(out.lines().count(), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("a_full_disk_is_said: skipped, there is no /dev/full");
        return;
    }
    let place = Place::with("in.csv", super::claims(5000, 6));
    let error = run(&Job { output: "/dev/full".into(), ..place.job() }).unwrap_err();
    assert!(error.to_string().contains("no room left writing /dev/full"), "{error}");
    assert_eq!(place.files(), ["in.csv"]);
}

/// A file may not grow beyond 64 KiB: the same as a disk that fills up half way.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_half_way() {
    let place = Place::with("in.csv", super::claims(20_000, 6));
    let index = place.path("index.xwalk");
    super::build(&index);
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$0\" --index \"$1\" convert \"$2\" -o \"$3\" --from icd9cm --to icd10cm --code dx --report \"$4\"";
    let run = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_xwalk")])
        .args([&index, &place.input, &place.path("out.csv"), &place.path("report")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("no room left writing") && said.contains("out.csv.part"), "{said}");
    assert_eq!(place.files(), ["in.csv", "index.xwalk"], "nothing half-written is left");
}

/// Not even the first line of the rejects finds room.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_at_the_first_reject() {
    let place = Place::with("in.csv", "id,dx\n1\n");
    let index = place.path("index.xwalk");
    super::build(&index);
    let args = "--index \"$1\" convert \"$2\" -o /dev/null --from icd9cm --to icd10cm --code dx --rejects \"$3\"";
    let run = |limit: &str| {
        let run = std::process::Command::new("sh")
            .args(["-c", &format!("trap '' XFSZ; {limit} exec \"$0\" {args}"), env!("CARGO_BIN_EXE_xwalk")])
            .args([&index, &place.input, &place.path("bad.csv")])
            .output()
            .unwrap();
        (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    let (exit, said) = run("ulimit -f 0;");
    assert!(exit == Some(2) && said.contains("no room left writing"), "{said}");
    assert_eq!(place.files(), ["in.csv", "index.xwalk"]);
    let (exit, said) = run("");
    assert_eq!((exit, place.path("bad.csv").is_file()), (Some(1), true), "{said}");
}

#[test]
fn an_input_that_changes_under_way() {
    use std::io::Write;
    for threads in [1, 2] {
        let place = Place::with("in.csv", super::claims(20_000, 6));
        let job = Job { block: 4096, threads, ..place.job() };
        let mut changed = false;
        let error = xwalk::job::convert(&job, super::engine(), &mut |_| {
            if !std::mem::replace(&mut changed, true) {
                std::fs::File::options().append(true).open(&place.input).unwrap().write_all(b"20000,401.9,,\n").unwrap();
            }
        })
        .unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{error}");
        assert_eq!(place.files(), ["in.csv"]);
    }
}

#[test]
fn an_unknown_policy_and_a_job_file_that_is_none() {
    let place = Place::with("job.toml", "input = 'a.csv'\n[[column]]\nname = 'dx'\npolicy = 'guess'\n");
    let error = Job::read(&place.input).unwrap_err().to_string();
    assert!(error.contains("no policy `guess`; there are review, text, unspecified, first, decision"), "{error}");
    let said = |args: &[&str]| {
        let out = crate::cli::xwalk().args(args).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        String::from_utf8(out.stderr).unwrap()
    };
    let policy = said(&["convert", "a.csv", "-o", "b.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "--policy", "guess"]);
    assert!(policy.contains("there is no policy `guess`; there is review, text"), "{policy}");
    let values = ["--from-column", "k", "--values", "9"];
    let args = [&["convert", "a.csv", "-o", "b.csv", "--to", "icd10cm", "--code", "dx"][..], &values].concat();
    assert!(said(&args).contains("VALUE=SYSTEM"));
    let good = "input = 'a.csv'\noutput = 'b.csv'\n[[column]]\nname = 'dx1'\nfrom = 'icd9cm'\nto = 'icd10cm'\n";
    std::fs::write(place.path("good.toml"), good).unwrap();
    let file = place.path("good.toml").to_string_lossy().into_owned();
    let other = said(&["convert", "--job", &file, "--code", "dx2"]);
    assert!(other.contains("--code takes the place of the job file's columns (dx1)") && other.contains("say --to"), "{other}");
    let over = said(&["convert", "--job", &file, "-o", &file]);
    assert!(over.contains("the output and the job file are the same file"), "{over}");
}
