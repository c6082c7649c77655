//! Tables, SSSOM and FHIR maps from release to answer: rows of their time, rows that contradict each other, codes needed together.

use std::sync::Arc;
use xwalk::compile::{self, Bytes, Content, Input};
use xwalk::engine::{Asked, Engine, Translation, TranslatorOptions};
use xwalk::index::Index;
use xwalk::model::MapKind;
use xwalk::read::{Format, MapRelease, Severity, Unmapped, table};

/// An engine over these texts, and what the build had to say: severity, file, line, what.
fn built(files: &[(&str, &str)]) -> (Engine, Vec<(Severity, String, u64, String)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let inputs: Vec<Input> = files
        .iter()
        .map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            let (format, content) = match name.rsplit('.').next() {
                Some("json") => (Format::Fhir, Content::SelfDescribed),
                Some("tsv") => (Format::Sssom, Content::SelfDescribed),
                _ => (Format::Table, Content::Table(payer(), layout())),
            };
            let (id, file) = ((*name).to_owned(), (*name).to_owned());
            Input { id, file, format, content, sha256: String::new(), bytes: Bytes::Path(path), member: None, precedence: 0 }
        })
        .collect();
    let out = folder.path().join("index.xwalk");
    let report = compile::build(&inputs, &out).expect("built");
    let bytes = std::fs::read(&out).expect("the index");
    let said = report.findings.into_iter().map(|f| (f.severity, f.file, f.line, f.what)).collect();
    (Engine::new(Arc::new(Index::from_bytes(bytes, xwalk::text::VERSION).expect("an index"))), said)
}

fn payer() -> MapRelease {
    MapRelease {
        id: "payer".into(),
        url: String::new(),
        title: String::new(),
        version: "1".into(),
        source: "local".into(),
        target: "icd10cm".into(),
        kind: MapKind::Table,
        from: None,
        to: None,
        unmapped: Unmapped::None,
    }
}

fn layout() -> table::Layout {
    let columns = "header = false\ncolumns = { source = 1, target = 2, relationship = 3, from = 4, to = 5 }";
    toml::from_str(columns).expect("a layout")
}

fn ask(engine: &Engine, code: &str, date: &str) -> (String, String) {
    let options = TranslatorOptions { from: "local".into(), to: "icd10cm".into(), ..Default::default() };
    let translator = engine.translator(options).expect("a translator");
    let told = |t: &Translation<'_>| {
        let codes: Vec<Vec<_>> = t.scenarios.iter().map(|s| s.groups.iter().map(|g| g.options[0].concept.code()).collect()).collect();
        let codes = codes.iter().map(|s| s.join(" + ")).collect::<Vec<_>>().join(" / ");
        format!("{}{} {codes}", t.outcome.code(), if t.automatic { "!" } else { "" })
    };
    let t = translator.translate(&Asked { date: date.parse().ok(), ..Asked::code(code) });
    (told(&t), t.message.to_string())
}

#[test]
fn rows_that_do_not_hold_are_left_out() {
    let rows = "a,I10,equivalent,,2019-12-31\na,I11.9,equivalent,2020-01-01,\nb,I10,equivalent,2018-01-01,2018-12-31\nc,I10,equivalent,,\n";
    let (engine, said) = built(&[("payer.csv", rows)]);
    assert_eq!(said, []);
    let told = |code: &str, date: &str| ask(&engine, code, date).0;
    assert_eq!((told("a", "2019-12-31").as_str(), told("a", "2020-01-01").as_str()), ("exact! I10", "exact! I11.9"));
    let (today, message) = ask(&engine, "a", "");
    assert_eq!(today, "exact! I11.9");
    assert!(message.starts_with("1 of 2 rows do not hold today"), "{message}");
    assert_eq!(told("b", "2018-06-01"), "exact! I10");
    for date in ["2019-06-01", ""] {
        let (told, message) = ask(&engine, "b", date);
        assert_eq!(told, "unmapped ");
        assert!(message.starts_with("no row of payer|1 for b holds on ") && message.ends_with("held until 2018-12-31"), "{message}");
    }
    assert_eq!(ask(&engine, "c", ""), ("exact! I10".into(), String::new()));
}

#[test]
fn rows_that_repeat_or_contradict_each_other_are_said() {
    let (engine, said) = built(&[
        ("a.csv", "a,I10,equivalent,,\nb,I10,equivalent,,\na,I10,equivalent,,\nc,I10,equivalent,,\nd,I10,equivalent,,\n"),
        ("b.csv", "a,I10,equivalent,,\nc,,,,\nd,I10,related-to,,\n"),
        (
            "x.tsv",
            "subject_id\tpredicate_id\tobject_id\tpredicate_modifier\nlocal:q\tskos:exactMatch\tICD10CM:I10\t\nlocal:q\tskos:exactMatch\tICD10CM:I10\tNot\n",
        ),
    ]);
    for (file, line, what) in [
        ("a.csv", 3, "a to I10 stands in line 1 of a.csv already"),
        ("b.csv", 1, "a to I10 stands in line 1 of a.csv already"),
        ("a.csv", 5, "d to I10 has another strength in line 3 of b.csv"),
        ("b.csv", 2, "c has no target here, and one in line 4 of a.csv"),
        ("x.tsv", 3, "q to I10 is denied here or in line 2, and asserted in the other"),
    ] {
        assert!(said.contains(&(Severity::Warning, file.to_owned(), line, what.to_owned())), "{what}: {said:?}");
    }
    assert_eq!(said.len(), 5, "{said:?}");
    assert_eq!(ask(&engine, "a", "").0, "exact! I10");
}

/// A target that no loaded release lists is named with its own file and line.
#[test]
fn unlisted_targets_are_said_with_their_file_and_line() {
    let system = r#"{"resourceType": "CodeSystem", "url": "local", "concept": [{"code": "a"}, {"code": "b"}]}"#;
    let (_, said) = built(&[("a.csv", "a,I10,,,\n"), ("b.csv", "b,I10,,,\ntypo,I10,,,\n"), ("s.json", system)]);
    assert_eq!(said, [(Severity::Warning, "b.csv".to_owned(), 2, "typo is in no loaded release".to_owned())]);
}

#[test]
fn codes_needed_together_and_products_that_are_none() {
    let map = r#"{"resourceType": "ConceptMap", "id": "m", "group": [{"source": "local", "target": "icd10cm", "element": [
        {"code": "a", "target": [{"code": "E11.22", "relationship": "equivalent",
          "product": [{"attribute": "with", "valueCoding": {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "N18.30"}}]}]},
        {"code": "b", "target": [{"code": "E11.22", "relationship": "equivalent", "product": [{"attribute": "side", "valueCode": "left"}]}]},
        {"code": "c", "target": [{"code": "E11.22", "relationship": "equivalent"}]}]}]}"#;
    let (engine, said) = built(&[("m.json", map)]);
    assert_eq!(said, []);
    assert_eq!(ask(&engine, "a", "").0, "combination! E11.22 + N18.30");
    assert_eq!(ask(&engine, "b", "").0, "exact E11.22");
    assert_eq!(ask(&engine, "c", "").0, "exact! E11.22");
}
