//! Out and in again: what a format can hold comes back, and only that is lost.

use super::*;
use crate::decisions::model::Chosen;
use crate::decisions::store::By;
use crate::model::Relationship;

fn target(group: u16, code: &str, relationship: Relationship) -> Chosen {
    let origin = if group == 0 { ("gem-icd9cm-icd10cm|2018".to_owned(), 4711) } else { (String::new(), 0) };
    Chosen { group, code: code.to_owned(), display: format!("Title of {code}, \"quoted\""), relationship, map: origin.0, row: origin.1 }
}

fn context() -> Context {
    let name = |alias: &str, uri: &str, version: &str| SystemName { alias: alias.into(), uri: uri.into(), version: version.into() };
    let mut context = Context {
        source_system: "icd9cm".into(),
        target_system: "icd10cm".into(),
        systems: vec![
            name("icd9cm", "http://hl7.org/fhir/sid/icd-9-cm", "32"),
            name("icd10cm", "http://hl7.org/fhir/sid/icd-10-cm", "2026"),
        ],
        ..Context::default()
    };
    for (id, code) in [(1, "E08.39"), (2, "E08.65"), (3, "I10"), (4, "T36.0X5A"), (5, "J09.X2"), (6, "K52.9")] {
        context.concepts.insert("icd10cm", code, id);
    }
    context
}

/// One item of each status; a combination, every relationship, a formula, a script, words without a code.
fn items() -> Vec<Exchanged> {
    let question = |code: &str, text: &str| Question {
        source_system: "icd9cm".into(),
        code: code.into(),
        display: if text.is_empty() { format!("=cmd|'/C calc'!{code}") } else { String::new() },
        target_system: "icd10cm".into(),
        text: text.into(),
        facts: String::new(),
    };
    let item = |code: &str, status, targets: Vec<Chosen>| Exchanged {
        question: question(code, ""),
        records: Some(42),
        outcome: "choice".into(),
        chapter: "240-279".into(),
        status,
        verdict: Some(Verdict { targets, scenario: Some(0), score: Some(0.75) }),
        author: "ann".into(),
        approver: if status.is_settled() { "bob".into() } else { String::new() },
        at: "2026-11-22T04:12:33Z".into(),
        why: "as in the chart | see = note".into(),
        assignee: "ann".into(),
        second: String::new(),
        line: 0,
    };
    use Relationship::*;
    let both = vec![target(0, "E08.39", RelatedTo), target(1, "E08.65", SourceIsBroaderThanTarget)];
    let mut script = item("401.9", Status::Proposed, vec![target(0, "I10", Equivalent)]);
    script.question = Question { facts: "age=12 years;sex=female".into(), ..question("401.9", "<script>alert(1)</script>\tand a tab") };
    let mut unreviewed = item("558.9", Status::Unreviewed, vec![]);
    (unreviewed.verdict, unreviewed.why, unreviewed.author) = (None, String::new(), String::new());
    let mut no_map = item("E870.0", Status::NoMap, vec![]);
    no_map.verdict = Some(Verdict { score: Some(1.0), ..Verdict::no_map() });
    vec![
        item("249.51", Status::Approved, both),
        script,
        item("960.0", Status::Flagged, vec![target(0, "T36.0X5A", SourceIsNarrowerThanTarget)]),
        item("487.1", Status::Rejected, vec![target(0, "J09.X2", RelatedTo)]),
        no_map,
        unreviewed,
    ]
}

fn through(items: &[Exchanged], format: Format, context: &Context) -> (String, Readout) {
    let mut bytes = Vec::new();
    write(items.to_vec(), format, context, &mut bytes).unwrap();
    let mut readout = read(&mut bytes.as_slice(), format, context).unwrap();
    readout.items.iter_mut().for_each(|i| i.line = 0);
    (String::from_utf8(bytes).unwrap(), readout)
}

fn check(format: Format, held: impl Fn(Exchanged) -> Option<Exchanged>) -> String {
    check_of(items(), format, held)
}

fn check_of(items: Vec<Exchanged>, format: Format, held: impl Fn(Exchanged) -> Option<Exchanged>) -> String {
    let expected: Vec<Exchanged> = items.iter().cloned().filter_map(held).collect();
    let (text, readout) = through(&items, format, &context());
    assert_eq!(readout.problems, []);
    assert_eq!(readout.items, expected, "{text}");
    // A table never begins a cell with a formula.
    if !matches!(format, Format::FhirR4 | Format::FhirR5) {
        let delimiter = if matches!(format, Format::Sssom | Format::Snap2Snomed) { b'\t' } else { b',' };
        let mut csv = csv::ReaderBuilder::new().delimiter(delimiter).comment(Some(b'#')).flexible(true).from_reader(text.as_bytes());
        for cell in csv.records().flat_map(|r| r.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()) {
            assert!(!cell.starts_with(['=', '+', '@', '\t', '\r']), "{cell}");
        }
    }
    text
}

#[test]
fn own_csv_holds_everything() {
    check(Format::Csv, Some);
}

#[test]
fn fhir_holds_everything_with_its_extensions() {
    let r4 = check(Format::FhirR4, Some);
    let r5 = check(Format::FhirR5, Some);
    assert!(r4.contains("\"equivalence\": \"unmatched\"") && r4.contains("\"equivalence\": \"wider\""), "{r4}");
    assert!(r5.contains("\"noMap\": true") && r5.contains("icd-10-cm|2026"), "{r5}");
}

#[test]
fn sssom_holds_every_answer() {
    let text = check(Format::Sssom, |mut i| {
        i.verdict.as_ref()?;
        i.question.text = i.question.text.clone();
        Some(i)
    });
    assert!(text.contains("icd9cm:E870.0") && text.contains("sssom:NoTermFound"), "{text}");
    assert!(text.lines().any(|l| l.contains("semapv:MappingReview") && l.contains("bob") && l.contains("2026-11-22")));
}

#[test]
fn usagi_holds_all_but_outcome_and_second_coder() {
    check(Format::Usagi, |mut i| {
        (i.outcome, i.chapter) = (String::new(), String::new());
        Some(i)
    });
}

#[test]
fn usagi_is_told_of_codes_without_a_concept() {
    let written = |context: &Context| write(items(), Format::Usagi, context, &mut Vec::new()).unwrap();
    assert_eq!((written(&context()).items, written(&context()).without_concept), (6, 0));
    let without = Context { concepts: Concepts::default(), ..context() };
    // Two of the combination, and one of each other answer but for the one without a map.
    assert_eq!(written(&without).without_concept, 5);
}

#[test]
fn snap2snomed_holds_codes_relationship_and_status() {
    let single = |i: &Exchanged| i.question.text.is_empty() && i.verdict.as_ref().is_none_or(|v| v.targets.len() < 2);
    check_of(items().into_iter().filter(single).collect(), Format::Snap2Snomed, |i| {
        let bare = |t: Chosen| Chosen { group: 0, map: String::new(), row: 0, ..t };
        let verdict = i.verdict.map(|v| Verdict { targets: v.targets.into_iter().map(bare).collect(), ..Verdict::default() });
        Some(Exchanged { question: i.question, status: i.status, verdict, ..Exchanged::default() })
    });
}

#[test]
fn omop_holds_settled_codes() {
    let mut single = items();
    single[0].verdict.as_mut().unwrap().targets.truncate(1);
    check_of(single, Format::Omop, |i| {
        let verdict = i.verdict.filter(|_| i.status.is_settled())?;
        let bare = |t: Chosen| Chosen {
            group: 0,
            display: String::new(),
            relationship: Relationship::RelatedTo,
            map: String::new(),
            row: 0,
            code: t.code,
        };
        let verdict = Some(Verdict { targets: verdict.targets.into_iter().map(bare).collect(), ..Verdict::default() });
        Some(Exchanged { question: i.question, status: i.status, verdict, at: "2026-11-22T00:00:00Z".into(), ..Exchanged::default() })
    });
    let without = Context { concepts: Concepts::default(), ..context() };
    let refused = write(items(), Format::Omop, &without, &mut Vec::new()).unwrap_err();
    assert!(refused.to_string().contains("--concepts"), "{refused}");
}

#[test]
fn of_the_concepts_of_a_code_the_valid_one_stands_for_it() {
    let file = "concept_id\tvocabulary_id\tconcept_code\tinvalid_reason\n1\tHCPCS\tC1000\tD\n2\tHCPCS\tC1000\t\n3\tHCPCS\tC1000\tD\n\
                4\tHCPCS\tG0001\tD\n5\tICD10CM\tI10\t\n";
    let concepts = Concepts::read(&mut file.as_bytes(), &["hcpcs"]).unwrap();
    assert_eq!([concepts.id("hcpcs", "C1000"), concepts.id("hcpcs", "G0001"), concepts.id("icd10cm", "I10")], [Some(2), Some(4), None]);
    assert_eq!([1, 2, 3].map(|id| concepts.code(id)), [Some(("hcpcs", "C1000")); 3], "each of them is read");
}

#[test]
fn a_store_through_each_format_and_back_gives_the_same_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let by = By { who: "importer", ..By::default() };
    let store = |name: &str, items: Vec<Exchanged>| {
        let store = Store::create(&folder.path().join(name)).unwrap();
        let imported = import(&store, Readout { items, ..Readout::default() }, None, "file", by, false).unwrap();
        assert_eq!(imported.problems, []);
        assert_eq!(store.rebuild().unwrap(), Vec::<i64>::new());
        store
    };
    let decisions = |items: Vec<Exchanged>| {
        let mut all: Vec<_> =
            items.into_iter().filter(|i| i.status.is_settled()).map(|i| (i.question.code, i.status, i.verdict.map(|v| v.key()))).collect();
        all.sort();
        all
    };
    let first = store("first.db", items());
    let before = first.exchanged(&Filter::default()).unwrap();
    assert_eq!(decisions(before.clone()), decisions(items()));
    let same = before.iter().find(|i| i.question.code == "249.51").unwrap();
    let (original, here) = (&items()[0], Exchanged { line: 0, ..same.clone() });
    assert_eq!(&here, original, "author, approver, time, remark and origin too");
    for format in Format::ALL {
        let (_, readout) = through(&before, format, &context());
        let again = store(&format!("{}.db", format.code()), readout.items);
        let mut wanted = decisions(items());
        // Without groups nobody knows that the two codes of 249.51 are needed together.
        wanted.retain(|(code, ..)| format.holds_words() || code != "249.51");
        assert_eq!(decisions(again.exchanged(&Filter::default()).unwrap()), wanted, "{}", format.code());
    }
}

/// A file of two rows of one code, as each format has it.
fn two_rows(format: Format, first: &str, second: &str) -> Readout {
    let rows = |head: &str, row: &dyn Fn(&str, &str) -> String| format!("{head}\n{}\n{}\n", row("E08.39", first), row("E08.65", second));
    let text = match format {
        Format::Snap2Snomed => rows("Source code\tTarget code\tStatus", &|code, status| format!("249.51\t{code}\t{status}")),
        Format::Usagi => {
            let id = |code: &str| if code == "E08.39" { 1 } else { 2 };
            rows("sourceCode,mappingStatus,conceptId", &|code, status| format!("249.51,{status},{}", id(code)))
        }
        Format::Omop => {
            let id = |code: &str| if code == "E08.39" { 1 } else { 2 };
            rows("source_code,source_vocabulary_id,target_concept_id", &|code, _| format!("249.51,ICD9CM,{}", id(code)))
        }
        Format::Csv => rows("source_code,status,group,target_code", &|code, status| {
            let (status, group) = status.split_once(' ').unwrap_or((status, ""));
            format!("249.51,{status},{group},{code}")
        }),
        _ => {
            let target = |code: &str, r: &str| format!(r#"{{"code": "{code}", "relationship": "{r}"}}"#);
            let (source, targets) = ("http://hl7.org/fhir/sid/icd-9-cm", [target("E08.39", first), target("E08.65", second)].join(","));
            format!(
                r#"{{"resourceType": "ConceptMap", "group": [{{"source": "{source}", "target": "icd10cm",
                    "element": [{{"code": "249.51", "target": [{targets}]}}]}}]}}"#
            )
        }
    };
    read(&mut text.as_bytes(), format, &context()).unwrap()
}

/// One code approved and another rejected, in doubt, or offered beside it, is no approved combination; and what is not related is no answer.
#[test]
fn several_rows_are_a_combination_only_where_the_file_says_so() {
    let broader = "source-is-broader-than-target";
    for (format, first, second) in [
        (Format::Snap2Snomed, "ACCEPTED", "ACCEPTED"),
        (Format::Snap2Snomed, "ACCEPTED", "INREVIEW"),
        (Format::Usagi, "APPROVED", "APPROVED"),
        (Format::Usagi, "APPROVED", "FLAGGED"),
        (Format::Omop, "", ""),
        (Format::Csv, "approved", "approved"),
        (Format::Csv, "approved 0", "flagged 1"),
        (Format::FhirR5, broader, broader),
    ] {
        let readout = two_rows(format, first, second);
        let told: Vec<&str> = readout.problems.iter().map(|p| p.what.as_str()).collect();
        assert_eq!((readout.items.len(), told.len()), (1, 1), "{told:?}");
        let item = &readout.items[0];
        assert_eq!((item.status, &item.verdict), (Status::Flagged, &None), "{format:?} {first} {second}");
        assert!(item.why.contains("E08.39") && item.why.contains("E08.65") && told[0].contains("flagged"), "{told:?} {}", item.why);
    }
    for (format, first, second) in [
        (Format::Snap2Snomed, "ACCEPTED", "REJECTED"),
        (Format::Snap2Snomed, "REJECTED", "ACCEPTED"),
        (Format::FhirR5, "equivalent", "not-related-to"),
        (Format::FhirR5, "not-related-to", "equivalent"),
    ] {
        let readout = two_rows(format, first, second);
        let item = &readout.items[0];
        let code = if first == "ACCEPTED" || first == "equivalent" { "E08.39" } else { "E08.65" };
        assert_eq!((item.status, item.verdict.as_ref().unwrap().key().as_str()), (Status::Approved, code), "{first} {second}");
        assert_eq!(readout.problems.len(), 1, "{:?}", readout.problems);
    }
    let together = two_rows(Format::Csv, "approved 0", "approved 1");
    assert_eq!((together.items[0].status, together.problems), (Status::Approved, vec![]));
    let neither = two_rows(Format::FhirR5, "not-related-to", "not-related-to");
    assert_eq!((neither.items[0].status, &neither.items[0].verdict), (Status::Unreviewed, &None));
}

#[test]
fn answers_for_certain_words_stay_where_there_is_no_place_for_words() {
    let mut items = items();
    items[1].status = Status::Approved;
    for format in Format::ALL {
        let mut bytes = Vec::new();
        let written = write(items.clone(), format, &context(), &mut bytes).unwrap();
        assert_eq!(written.left_out, u64::from(!format.holds_words()), "{}", format.code());
        assert_eq!(String::from_utf8(bytes).unwrap().contains("401.9"), format.holds_words(), "{}", format.code());
    }
}

#[test]
fn importing_twice_changes_nothing_and_settled_answers_stay() {
    let folder = tempfile::tempdir().unwrap();
    let by = By { who: "importer", ..By::default() };
    let store = Store::create(&folder.path().join("d.db")).unwrap();
    let put = |items, replace| import(&store, Readout { items, ..Readout::default() }, None, "file", by, replace).unwrap();
    assert_eq!(put(items(), false).decided, 5);
    let again = put(items(), false);
    assert_eq!((again.new, again.known, again.decided, again.kept), (0, 6, 0, 0));
    let mut other = items();
    other[0].verdict.as_mut().unwrap().targets.truncate(1);
    assert_eq!(put(other.clone(), false).kept, 1);
    assert_eq!(put(other, true).decided, 1);
    let history = store.history(1, "anybody").unwrap();
    let ann = history.iter().find(|e| e.who == "ann").unwrap();
    assert_eq!((ann.via.as_str(), ann.at.as_str()), ("importer", "2026-11-22T04:12:33Z"), "a claim of whoever imported it");
}

#[test]
fn what_a_file_does_not_count_keeps_its_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("d.db")).unwrap();
    let head = "source_system,source_code,target_system,target_code,status,author,approver";
    let put = |batch: &str, column: &str, cell: &str| {
        let file = format!("{head}{column}\nicd9cm,401.9,icd10cm,I10,approved,ann,bob{cell}\n");
        let readout = read(&mut file.as_bytes(), Format::Csv, &Context::default()).unwrap();
        import(&store, readout, None, batch, By { who: "importer", ..By::default() }, false).unwrap();
        store.item(1, "anybody").unwrap().state.records
    };
    let counts = [
        ("a", "", "", 1, "a new code counts as one record"),
        ("a", "", "", 1, "the same file again"),
        ("job", ",records", ",42", 43, "a run that counts adds up"),
        ("b", "", "", 43, "no column adds nothing"),
        ("b", ",records", ",", 43, "nor does an empty cell"),
        ("job", "", "", 43, "nor does it take a count away"),
        ("job", ",records", ",50", 51, "a run asked again replaces its own"),
        ("a", ",records", ",0", 50, "none, if the file says so"),
    ];
    for (batch, column, cell, wanted, why) in counts {
        assert_eq!(put(batch, column, cell), wanted, "{why}");
    }
}

/// A job has a row for each set of options of a code: one question, of all their records.
#[test]
fn the_rows_of_a_job_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("d.db")).unwrap();
    let rows = "icd9cm,496,needs-facts,7,A / B,icd10cm\nicd9cm,401.9,choice,5,C,icd10cm\nicd9cm,496,needs-facts,2,A,icd10cm\n\
                icd9cm,496,not-valid-on-date,1,,icd10cm\nicd9cm,496,choice,3,A,icd10pcs\n";
    let file = format!("system,code,outcome,count,options,target_system\n{rows}");
    for _ in 0..2 {
        let readout = read(&mut file.as_bytes(), Format::Csv, &Context::default()).unwrap();
        import(&store, readout, None, "job", By { who: "importer", ..By::default() }, false).unwrap();
        let items = store.exchanged(&Filter::default()).unwrap();
        let counts: Vec<_> = items.iter().map(|i| (i.question.code.as_str(), i.records, i.outcome.as_str())).collect();
        assert_eq!(counts, [("496", Some(10), "needs-facts"), ("401.9", Some(5), "choice"), ("496", Some(3), "choice")]);
    }
    // Of what system these are, a job has to be told, and no reviewer; `--from` does not say it of them.
    let nobodys = "system,code,outcome,count,target_system\n,401.9,unknown-system,5,\n,K21.9,unknown-system,1,\n";
    for source_system in ["", "icd9cm"] {
        let context = Context { source_system: source_system.into(), target_system: "icd10cm".into(), ..Context::default() };
        let readout = read(&mut nobodys.as_bytes(), Format::Csv, &context).unwrap();
        assert_eq!((readout.items.len(), readout.problems.len(), readout.unasked), (0, 0, 2));
    }
    // Rows of one item that repeat the number of its records do not.
    let own = "source_system,source_code,target_system,records,group,target_code,status\n\
               icd9cm,115.01,icd10cm,4,0,B39.4,proposed\nicd9cm,115.01,icd10cm,4,1,G02,proposed\n";
    let readout = read(&mut own.as_bytes(), Format::Csv, &Context::default()).unwrap();
    assert_eq!(readout.items.iter().map(|i| i.records).collect::<Vec<_>>(), [Some(4)]);
}

#[test]
fn an_approval_in_a_file_needs_two_people_too() {
    let folder = tempfile::tempdir().unwrap();
    let by = By { who: "ann", ..By::default() };
    let put = |file: &str, names_people: bool, author: &str, approver: &str, rule: bool| {
        let store = Store::create(&folder.path().join(file)).unwrap();
        store.set_self_approval(by, rule).unwrap();
        let items = items().into_iter().filter(|i| i.status.is_settled());
        let items = items.map(|i| Exchanged { author: author.into(), approver: approver.into(), ..i }).collect();
        let done = import(&store, Readout { items, names_people, ..Readout::default() }, None, "file", by, false).unwrap();
        let settled = store.exchanged(&Filter::default()).unwrap().into_iter().filter(|i| i.status.is_settled()).count();
        assert_eq!((done.decided, done.proposed + settled as u64), (2, 2), "an answer is there in any case");
        done.proposed == 0
    };
    for (file, names_people, author, approver, rule, approved) in [
        ("two", true, "bob", "carl", false, true),
        ("importer-approves", true, "bob", "", false, true),
        ("importer-answers", true, "", "carl", false, true),
        ("nobody", true, "", "", false, false),
        ("importer-alone", true, "", "ann", false, false),
        ("one", true, "bob", "bob", false, false),
        ("one-in-any-format", false, "bob", "bob", false, false),
        ("rule", true, "", "", true, true),
        ("no-place-for-names", false, "", "", false, true),
    ] {
        assert_eq!(put(file, names_people, author, approver, rule), approved, "{file}");
    }
    for format in Format::ALL {
        let (_, readout) = through(&items(), format, &context());
        assert_eq!(readout.names_people, matches!(format, Format::Csv | Format::Usagi | Format::Sssom), "{}", format.code());
    }
}

#[test]
fn bad_rows_are_told_and_the_rest_is_read() {
    let text = "source_code,source_system,target_system,status,target_code,relationship,colour\n\
                401.9,icd9cm,icd10cm,approved,I10,equivalent,red\n\
                250.00,icd9cm,icd10cm,sure,E11.9,equivalent,red\n\
                250.01,icd9cm,icd10cm,approved,E10.9,alike,red\n\
                250.02,icd9cm,icd10cm\n";
    let readout = read(&mut text.as_bytes(), Format::Csv, &Context::default()).unwrap();
    assert_eq!(readout.items.len(), 1);
    let told: Vec<_> = readout.problems.iter().map(|p| (p.line, p.what.split(';').next().unwrap())).collect();
    assert_eq!(
        told,
        [
            (1, "column `colour` is not known and was left out"),
            (3, "status `sure` is none"),
            (4, "relationship `alike` is none of FHIR R5"),
            (5, "3 cells under 7 columns"),
        ]
    );
    // An answer that is none.
    let empty = "source_code,source_system,target_system,status,no_map\n1,a,b,approved,\n2,a,b,flagged,\n3,a,b,approved,yes\n";
    let readout = read(&mut empty.as_bytes(), Format::Csv, &Context::default()).unwrap();
    assert_eq!(readout.items.iter().map(|i| i.status).collect::<Vec<_>>(), [Status::Unreviewed, Status::Flagged, Status::Approved]);
    assert!(matches!(&readout.problems[..], [p] if p.line == 2 && p.what.contains("without a code")), "{:?}", readout.problems);
    // One that says two things.
    let both = "source_code,source_system,target_system,target_code,status,no_map\n1,a,b,I10,no-map,\n2,a,b,I10,approved,TRUE\n3,a,b,,approved,TRUE\n";
    let readout = read(&mut both.as_bytes(), Format::Csv, &Context::default()).unwrap();
    assert!(readout.items.len() == 1 && readout.items[0].verdict.as_ref().is_some_and(Verdict::is_no_map), "{:?}", readout.items);
    assert!(matches!(&readout.problems[..], [a, b] if (a.line, b.line) == (2, 3) && a.what.contains("no map")), "{:?}", readout.problems);
    let words = "sourceCode,mappingStatus,conceptId\n1,approved,3\n2,sure,3\n3,AUTO_MAPPED,3\n";
    let readout = read(&mut words.as_bytes(), Format::Usagi, &context()).unwrap();
    assert_eq!(readout.items.iter().map(|i| i.status).collect::<Vec<_>>(), [Status::Approved, Status::Proposed, Status::Proposed]);
    assert!(matches!(&readout.problems[..], [p] if p.line == 3 && p.what.contains("`SURE`")), "{:?}", readout.problems);
    // As a job writes it where some records name no system, and where words are asked.
    let job = "system,code,count,target_system\n,569.0,1,\nicd9cm,569.0,3,icd10cm\ntext,heart attack,2,icd10cm\n";
    let readout = read(&mut job.as_bytes(), Format::Csv, &Context::default()).unwrap();
    let asked: Vec<_> = readout.items.iter().map(|i| (i.question.code.as_str(), i.question.text.as_str())).collect();
    assert_eq!((asked, readout.problems[0].line), (vec![("569.0", ""), ("", "heart attack")], 2));
    for (format, text) in [(Format::Csv, "a,b\n1,2\n"), (Format::FhirR5, "{\"resourceType\": \"Patient\"}"), (Format::Sssom, "\0\u{1}")] {
        assert!(matches!(read(&mut text.as_bytes(), format, &context()), Err(ExchangeError::NotThis(_))), "{text}");
    }
    let bare = "sourceCode,mappingStatus,conceptId\n1,APPROVED,5\n";
    assert!(matches!(read(&mut bare.as_bytes(), Format::Usagi, &Context::default()), Err(ExchangeError::NoSystems { .. })));
}

#[test]
fn what_a_spreadsheet_made_of_numbers_and_times_is_told() {
    let rows = [
        ("records", "1,234", "no such number"),
        ("records", "-3", "no such number"),
        ("group", "one", "no such number"),
        ("score", "0,75", "no such number"),
        ("at", "22/11/2026 04:12", "no time"),
    ];
    for (column, value, says) in rows {
        let file =
            format!("source_system,source_code,target_system,target_code,status,{column}\nicd9cm,401.9,icd10cm,I10,approved,\"{value}\"\n");
        let readout = read(&mut file.as_bytes(), Format::Csv, &context()).unwrap();
        assert!(readout.problems.iter().any(|p| p.line == 2 && p.what.contains(says)), "{column}: {:?}", readout.problems);
        let kept = if column == "at" { vec![String::new()] } else { vec![] };
        assert_eq!(readout.items.iter().map(|i| i.at.clone()).collect::<Vec<_>>(), kept, "{column}");
    }
}
