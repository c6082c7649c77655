//! Words to codes, and what comes again.

use super::{Place, column, converted, read, run};
use xwalk::job::{Job, Repetition};

#[test]
fn words_become_codes_only_where_the_search_is_sure() {
    let text = "id,note\n1,type 2 diabetes mellitus without complications\n2,\n3,fracture\n4,zzqx vvkw\n5,E11.9\n";
    let place = Place::with("in.csv", text);
    let mut words = column("note");
    words.from = Some("text".into());
    let job = Job { columns: vec![words.clone()], report: Some(place.path("report")), ..place.job() };
    let r = run(&job).unwrap();
    let out = read(&place.output);
    let lines: Vec<Vec<&str>> = out.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(lines[0][2..], ["note_target", "note_outcome", "note_relationship", "note_map", "note_policy"]);
    assert_eq!(lines[1][2..6], ["E11.9", "approximate", "related-to", "search"]);
    assert!(lines[1][6].starts_with("search 0.9") || lines[1][6] == "search 1.00", "{}", lines[1][6]);
    assert_eq!(lines[2][2..], ["", "", "", "", ""]);
    assert_eq!(lines[3][2..4], ["", "choice"]);
    assert_eq!(lines[4][2..4], ["", "unmapped"]);
    assert_eq!(lines[5][2..4], ["E11.9", "approximate"]);
    assert_eq!((r.ledger.codes(), r.ledger.settled()), (4, 2));
    // The queue has the words and the candidates; what is for everybody has neither.
    let review = read(&place.path("report/review.csv"));
    let queued = review.lines().find(|l| l.contains("fracture")).unwrap();
    assert!(queued.contains(" / ") && queued.contains("(0.") && queued.ends_with(",icd10cm"), "{queued}");
    for file in ["report.html", "report.json", "codes.csv"] {
        let text = read(&place.path("report").join(file));
        assert!(!text.contains("fracture") && !text.contains("type 2 diabetes"), "{file}");
    }
    // A lower bar takes more.
    let (_, low) = converted(text, |job| {
        words.score = Some(0.0);
        words.margin = Some(0.0);
        job.columns = vec![words.clone()];
    });
    assert_eq!(low.ledger.settled(), 3);
    // Who wants nothing but exact answers gets none from a search.
    let (strict, none) = converted(text, |job| {
        words.strict = true;
        job.columns = vec![words.clone()];
    });
    assert_eq!(none.ledger.settled(), 0, "{strict}");
    words.score = Some(7.0);
    let job = Job { columns: vec![words], ..place.job() };
    assert!(run(&job).unwrap_err().to_string().contains("0 to 1"));
}

/// What a search does not ask is not dropped in silence, and what it asked is told.
#[test]
fn a_column_of_words_says_how_it_was_settled() {
    let mut words = column("note");
    words.from = Some("text".into());
    let place = Place::with("in.csv", "note\nhypokalemia\n");
    let refused = |change: fn(&mut xwalk::job::CodeColumn)| {
        let mut column = words.clone();
        change(&mut column);
        run(&Job { columns: vec![column], ..place.job() }).unwrap_err().to_string()
    };
    assert!(refused(|c| c.map = Some("nope".into())).contains("no map is asked"));
    assert!(refused(|c| c.reverse = true).contains("no map is asked"));
    assert!(refused(|c| c.policy = xwalk::engine::Policy::First).contains("`score` and `margin`"));
    run(&Job { columns: vec![words], report: Some(place.path("r")), ..place.job() }).unwrap();
    let d: xwalk::job::report::Document = serde_json::from_str(&read(&place.path("r/report.json"))).unwrap();
    let c = &d.columns[0];
    assert_eq!((&*c.policy, c.asked.score, c.asked.margin), ("search", Some(0.9), Some(0.3)));
    // What words were given has chapters too.
    assert_eq!(d.chapters.iter().map(|c| (c.before, c.after)).collect::<Vec<_>>(), [(0, 1)]);
    assert!(read(&place.path("r/report.html")).contains("search, unsettled codes leave a blank, score at least 0.9, margin at least 0.3"));
}

/// `no hypokalemia` names hypokalemia, surely enough to be taken; what it says of it is the opposite.
#[test]
fn what_a_text_denies_or_doubts_is_not_taken() {
    let mut words = column("note");
    words.from = Some("text".into());
    for (text, code) in [
        ("hypokalemia", "E87.6"),
        ("no hypokalemia", ""),
        ("hx of hypokalemia", ""),
        ("hypokalemia resolved", ""),
        ("covid-19", "U07.1"),
        ("r/o covid", ""),
        ("?covid", ""),
        ("negative for covid-19", ""),
        ("mother has covid-19", ""),
        ("no tobacco use", ""),
        // Of another, and nobody said so.
        ("sudden cardiac death", ""),
        // The title says the same.
        ("family history of stroke", "Z82.3"),
        ("history of covid-19", "Z86.16"),
        ("gerd without esophagitis", "K21.9"),
        // The title says more than anybody writes.
        ("pacemaker", "Z95.0"),
    ] {
        let place = Place::with("in.csv", format!("note\n{text}\n"));
        let job = Job { columns: vec![words.clone()], report: Some(place.path("report")), ..place.job() };
        let settled = run(&job).unwrap().ledger.settled();
        let out = read(&place.output);
        let target = out.lines().nth(1).unwrap().split(',').nth(1).unwrap();
        assert_eq!((target, settled), (code, u64::from(!code.is_empty())), "{text}");
        let queue = read(&place.path("report/review.csv"));
        assert_eq!(queue.contains("the text says that it") || queue.contains("text and title differ"), code.is_empty(), "{text}: {queue}");
    }
}

/// Policy `text` picks what the record says, not what it denies.
#[test]
fn what_a_text_denies_speaks_for_no_option() {
    for (text, code) in [
        ("kidney transplant rejection", "T86.11"),
        ("no rejection", ""),
        ("r/o rejection", ""),
        ("rejection of kidney transplant ruled out", ""),
        ("transplant failure; rejection ruled out", "T86.12"),
    ] {
        let (out, _) = converted(format!("dx,note\n996.81,{text}\n"), |job| {
            job.text = Some("note".into());
            job.columns[0].policy = xwalk::engine::Policy::Text;
        });
        assert_eq!(out.lines().nth(1).unwrap().split(',').nth(2), Some(code), "{text}: {out}");
    }
}

#[test]
fn repeated_records_and_pairs_are_counted_and_listed() {
    let text = "id,pt,dx1,dx2\n1,A,401.9,250.00\n2,B,401.9,\n1,A,401.9,250.00\n3,B,4019,V58.61\n4,C,401.9,401.9\n";
    for threads in [1, 2] {
        let place = Place::with("in.csv", text);
        let job =
            Job { columns: vec![column("dx1..dx2")], key: vec!["pt".into()], report: Some(place.path("report")), threads, ..place.job() };
        let found = run(&job).unwrap().duplicates.unwrap();
        // Record 3 is record 1 again, and so its two codes are; 4019 is 401.9 of B again; C has one code twice in one record.
        assert_eq!((found.records, found.pairs), (1, 4));
        use Repetition::{KeyAndCode, Record};
        let mut listed = Vec::new();
        found
            .each(&mut |some| {
                listed.extend(some.iter().map(|r| (r.record, r.what, r.first)));
                Ok(())
            })
            .unwrap();
        assert_eq!(listed, [(3, Record, 1), (3, KeyAndCode, 1), (3, KeyAndCode, 1), (4, KeyAndCode, 2), (5, KeyAndCode, 5)]);
        let list = read(&place.path("report/duplicates.csv"));
        let rows = "3,record,1,,\n3,key-and-code,1,dx1,401.9\n3,key-and-code,1,dx2,250.00\n4,key-and-code,2,dx1,4019\n5,key-and-code,5,dx2,401.9\n";
        assert_eq!(list, format!("record,repeats,first,column,code\n{rows}"));
        assert!(read(&place.path("report/report.html")).contains("<h2>Duplicates</h2>"));
        assert_eq!(place.files(), ["in.csv", "out-in.csv", "report"], "nothing temporary is left");
    }
    let place = Place::with("in.csv", text);
    assert!(run(&Job { key: vec!["patient".into()], ..place.job() }).is_err());
    let (_, without) = converted(text, |job| job.columns = vec![column("dx1")]);
    assert!(without.duplicates.is_none());
}

#[test]
fn what_is_no_repetition() {
    let pairs = |text: &str, change: &dyn Fn(&mut Job)| {
        let place = Place::with("in.csv", text);
        let mut job = Job { key: vec!["pt".into()], report: Some(place.path("report")), ..place.job() };
        change(&mut job);
        let found = run(&job).unwrap().duplicates.unwrap();
        (found.pairs, read(&place.path("report/duplicates.csv")))
    };
    // A blank key is nobody's.
    assert_eq!(pairs("pt,dx\n,401.9\n ,401.9\nA,401.9\n", &|_| {}).0, 0);
    // The same digits in two systems are two codes; by whatever name the record calls them.
    let by_column = |job: &mut Job| {
        let values = [("9", "icd9cm"), ("0", "icd10cm")].map(|(v, s)| (v.to_owned(), s.to_owned())).into();
        job.columns[0].from = None;
        (job.columns[0].from_column, job.columns[0].values) = (Some("kind".into()), values);
    };
    let text = "pt,kind,dx\nA,9,401.9\nA,0,401.9\nA,icd9cm,4019\n";
    assert_eq!(pairs(text, &by_column).0, 1);
    // What is no code is not shown, nor is a number that is longer than any code.
    let (_, list) = pairs("pt,dx\nA,SMITH JOHN\nA,SMITH JOHN\nA,1234567890123456789012\nA,1234567890123456789012\n", &|_| {});
    for row in ["\n2,key-and-code,1,dx,(text of 10 characters)\n", "\n4,key-and-code,3,dx,(text)\n"] {
        assert!(list.contains(row), "{list}");
    }
    // Nor what is quoted with a code.
    let (_, list) = pairs("pt,dx\nA,250.00 |J Smith|\nA,250.00 |J Smith|\nB,486|Ann|\nB,486|Ann|\n", &|_| {});
    assert!(list.contains("(text of 16 characters)") && list.contains("(text of 8 characters)") && !list.contains("|"), "{list}");
}

/// However it is spelt it is one code, and digits that only look alike are not.
#[test]
fn pairs_are_of_codes_and_not_of_spellings() {
    let pairs = |rows: &str, change: &dyn Fn(&mut Job)| {
        let place = Place::with("in.csv", format!("pt,kind,dx\n{rows}"));
        let mut job = Job { key: vec!["pt".into()], ..place.job() };
        change(&mut job);
        run(&job).unwrap().duplicates.unwrap().pairs
    };
    for (one, other, same) in [
        ("250.00", "ICD9CM:250.00", true),
        ("038.9", "38.9", true),
        ("250.00", "25000", true),
        ("v58.61", "V5861", true),
        ("250.00", "25.000", false),
        ("250.00", "250.01", false),
        ("UNK", "unk", true),
        ("no.code", "nocode", false),
    ] {
        let expected = u64::from(same);
        assert_eq!(pairs(&format!("A,,{one}\nA,,{other}\n"), &|_| {}), expected, "{one} and {other}");
        // In a cell, and beside other columns of the same record.
        assert_eq!(pairs(&format!("A,,|{one}||{other}\n"), &|job| job.columns[0].split = Some("|".into())), expected, "{one} and {other}");
        let both = |job: &mut Job| job.columns = vec![column("kind"), column("dx")];
        assert_eq!(pairs(&format!("A,{one},{other}\n"), &both), expected, "{one} and {other}");
    }
    let by_column = |job: &mut Job| (job.columns[0].from, job.columns[0].from_column) = (None, Some("kind".into()));
    // Two systems that nobody knows are two all the same.
    assert_eq!(pairs("A,X,250.00\nA,Y,250.00\nA,X,250.00\nA,icd9cm,250.00\nA,I9C,25000\n", &by_column), 2);
}

/// They are records too.
#[test]
fn damaged_records_that_came_before() {
    let text = "pt,dx,day\nA,401.9,2014-01-01\nA\nA,401.9,2014-02-30\nA\r\nA,401.9,2014-02-30\nB\nA,401.9,2014-01-01\n";
    let place = Place::with("in.csv", text);
    let job = Job { key: vec!["pt".into()], date: Some("day".into()), ..place.job() };
    let r = run(&job).unwrap();
    let found = r.duplicates.unwrap();
    let mut listed = Vec::new();
    let mut take = |some: &[xwalk::job::Repeated]| {
        listed.extend(some.iter().filter(|r| r.what == Repetition::Record).map(|r| (r.record, r.first)));
        Ok(())
    };
    found.each(&mut take).unwrap();
    assert_eq!((r.ledger.rejected.values().sum::<u64>(), found.records, found.pairs), (5, 3, 1));
    assert_eq!(listed, [(4, 2), (5, 3), (7, 1)]);
    // One that is rejected for its code has been looked at with the others.
    let place = Place::with("in.csv", "pt,dx\nA,UNK\nA,UNK\n");
    let mut job = Job { key: vec!["pt".into()], ..place.job() };
    job.columns[0].unsettled = xwalk::job::Unsettled::Reject;
    let found = run(&job).unwrap().duplicates.unwrap();
    assert_eq!((found.records, found.pairs), (1, 1));
}

#[test]
fn keys_in_json() {
    let text = "{\"p\":{\"id\":\"A\"},\"dx\":\"401.9\"}\n{\"p\":{\"id\":\"A\"},\"dx\":\"4019\"}\n{\"p\":{\"id\":\"B\"},\"dx\":\"401.9\"}\n";
    let place = Place::with("in.ndjson", text);
    let found = run(&Job { key: vec!["/p/id".into()], ..place.job() }).unwrap().duplicates.unwrap();
    assert_eq!((found.records, found.pairs), (0, 1));
}
