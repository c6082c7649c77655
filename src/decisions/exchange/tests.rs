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
        records: 42,
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
    write(items, format, context, &mut bytes).unwrap();
    let mut readout = read(&mut bytes.as_slice(), format, context).unwrap();
    readout.items.iter_mut().for_each(|i| i.line = 0);
    (String::from_utf8(bytes).unwrap(), readout)
}

fn check(format: Format, held: impl Fn(Exchanged) -> Option<Exchanged>) -> String {
    let expected: Vec<Exchanged> = items().into_iter().filter_map(held).collect();
    let (text, readout) = through(&items(), format, &context());
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
fn snap2snomed_holds_codes_relationship_and_status() {
    check(Format::Snap2Snomed, |i| {
        let display = if i.question.text.is_empty() { i.question.display } else { i.question.text };
        let status = i.status;
        let question = Question { display, text: String::new(), facts: String::new(), ..i.question };
        let bare = |t: Chosen| Chosen { group: 0, map: String::new(), row: 0, ..t };
        let verdict = i.verdict.map(|v| Verdict { targets: v.targets.into_iter().map(bare).collect(), ..Verdict::default() });
        Some(Exchanged { question, records: 1, status, verdict, ..Exchanged::default() })
    });
}

#[test]
fn omop_holds_settled_codes() {
    check(Format::Omop, |i| {
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
        Some(Exchanged {
            question: i.question,
            records: 1,
            status: i.status,
            verdict,
            at: "2026-11-22T00:00:00Z".into(),
            ..Exchanged::default()
        })
    });
    let without = Context { concepts: Concepts::default(), ..context() };
    let refused = write(&items(), Format::Omop, &without, &mut Vec::new()).unwrap_err();
    assert!(refused.to_string().contains("--concepts"), "{refused}");
}

#[test]
fn a_store_through_each_format_and_back_gives_the_same_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let by = By { who: "importer", ..By::default() };
    let store = |name: &str, items: Vec<Exchanged>| {
        let store = Store::create(&folder.path().join(name)).unwrap();
        let imported = import(&store, Readout { items, problems: Vec::new() }, None, "file", by, false).unwrap();
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
        assert_eq!(decisions(again.exchanged(&Filter::default()).unwrap()), decisions(items()), "{}", format.code());
    }
}

#[test]
fn importing_twice_changes_nothing_and_settled_answers_stay() {
    let folder = tempfile::tempdir().unwrap();
    let by = By { who: "importer", ..By::default() };
    let store = Store::create(&folder.path().join("d.db")).unwrap();
    let put = |items, replace| import(&store, Readout { items, problems: Vec::new() }, None, "file", by, replace).unwrap();
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
    for (format, text) in [(Format::Csv, "a,b\n1,2\n"), (Format::FhirR5, "{\"resourceType\": \"Patient\"}"), (Format::Sssom, "\0\u{1}")] {
        assert!(matches!(read(&mut text.as_bytes(), format, &context()), Err(ExchangeError::NotThis(_))), "{text}");
    }
    let bare = "sourceCode,mappingStatus,conceptId\n1,APPROVED,5\n";
    assert!(matches!(read(&mut bare.as_bytes(), Format::Usagi, &Context::default()), Err(ExchangeError::NoSystems { .. })));
}
