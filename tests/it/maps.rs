//! Tables, SSSOM and FHIR maps from release to answer: rows of their time, rows that contradict each other, codes needed together.

use crate::kit;
use std::collections::BTreeSet;
use xwalk::compile::{Bytes, Content, Input};
use xwalk::engine::{Asked, Engine, Facts, Sex, Translation, TranslatorOptions};
use xwalk::model::MapKind;
use xwalk::read::{Format, MapRelease, Severity, Unmapped, table};

/// What the build had to say: severity, file, line and column, what.
type Said = Vec<(Severity, String, (u64, u32), String)>;

/// An engine over these texts, each by its name: FHIR, SSSOM, else the payer's table.
fn built(files: &[(&str, &str)]) -> (Engine, Said) {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| {
            let (format, content) = match name.rsplit('.').next() {
                Some("json") => (Format::Fhir, Content::SelfDescribed),
                Some("tsv") => (Format::Sssom, Content::SelfDescribed),
                _ => (Format::Table, Content::Table(payer(), layout())),
            };
            (*name, *text, format, content)
        })
        .collect();
    built_as(&files)
}

fn built_as(files: &[(&str, &str, Format, Content)]) -> (Engine, Said) {
    let folder = tempfile::tempdir().expect("a folder");
    let inputs: Vec<Input> = files
        .iter()
        .map(|(name, text, format, content)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            let (id, file) = ((*name).to_owned(), (*name).to_owned());
            let (format, content) = (*format, content.clone());
            Input { id, file, format, content, sha256: String::new(), bytes: Bytes::Path(path), member: None, precedence: 0 }
        })
        .collect();
    let (engine, report) = kit::built(&inputs);
    let said = report.findings.into_iter().map(|f| (f.severity, f.file, (f.line, f.column), f.what)).collect();
    (engine, said)
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
    for (file, place, what) in [
        ("a.csv", (3, 2), "a to I10 stands in line 1 of a.csv already"),
        ("b.csv", (1, 2), "a to I10 stands in line 1 of a.csv already"),
        ("a.csv", (5, 2), "d to I10 has another strength in line 3 of b.csv"),
        ("b.csv", (2, 2), "c has no target here, and one in line 4 of a.csv"),
        ("x.tsv", (3, 3), "q to I10 is denied here or in line 2, and asserted in the other"),
    ] {
        assert!(said.contains(&(Severity::Warning, file.to_owned(), place, what.to_owned())), "{what}: {said:?}");
    }
    assert_eq!(said.len(), 5, "{said:?}");
    assert_eq!(ask(&engine, "a", "").0, "exact! I10");
}

/// What is left of a source that has lost a row is not what its map says: one code of a choice once answered by itself.
#[test]
fn a_source_that_lost_a_row_answers_nothing_by_itself() {
    let table = "a,I10,equivalent,,\na,I11.9,sideways,,\nb,I10,equivalent,,\nnobody,I10,sideways,,\nd,I10,equivalent,,,\n";
    let map = r#"{"resourceType": "ConceptMap", "id": "m", "group": [{"source": "local", "target": "icd10cm", "element": [
        {"code": "e", "target": [{"code": "I10", "relationship": "equivalent"}, {"relationship": "equivalent"}]},
        {"code": "f", "target": [{"code": "I10", "relationship": "equivalent", "dependsOn": [{"attribute": "side"}]}]}]}]}"#;
    let set = "subject_id\tpredicate_id\tobject_id\nlocal:g\tex:like\tICD10CM:I11.9\nlocal:g\tskos:exactMatch\tICD10CM:I10\n\
        local:h\tskos:exactMatch\tICD10CM:I10\nlocal:h\tskos:exactMatch\tICD10CM:I11.9\ttorn\n";
    let system = r#"{"resourceType": "CodeSystem", "url": "local", "concept": [{"code": "d"}]}"#;
    let (engine, said) = built(&[("payer.csv", table), ("m.json", map), ("x.tsv", set), ("s.json", system)]);
    for code in ["a", "e", "f", "g", "h"] {
        assert_eq!(ask(&engine, code, "").0, "needs-facts I10", "{code}: {said:?}");
    }
    assert_eq!(ask(&engine, "b", "").0, "exact! I10");
    assert_eq!(ask(&engine, "d", "").0, "needs-facts ");
    // Named by nothing but a row that could not be read, it is no code.
    assert_eq!(ask(&engine, "nobody", "").0, "invalid-code ");
    let options = TranslatorOptions { from: "local".into(), to: "icd10cm".into(), ..Default::default() };
    let needs = engine.translator(options).expect("a translator").translate(&Asked::code("a")).needs;
    let needs: Vec<_> = needs.iter().map(|need| (need.fact.as_str(), need.rule.as_str())).collect();
    assert_eq!(needs, [("rule", "a row was left out: line 2 of payer.csv")]);
}

/// An engine over the tables of a download.
fn built_folder(format: Format, files: &[(&str, &str)]) -> Engine {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let (id, content, bytes) = (String::from("download"), Content::SelfDescribed, Bytes::Path(folder.path().to_owned()));
    kit::engine(&[Input { file: id.clone(), id, format, content, sha256: String::new(), bytes, member: None, precedence: 0 }])
}

/// One row, whole or torn, of a download costs its source its certainty, and no other.
#[test]
fn a_download_that_lost_a_row_answers_nothing_by_itself_for_its_source() {
    let said = |engine: &Engine, (from, to): (&str, &str), code: &str| {
        let options = TranslatorOptions { from: from.into(), to: to.into(), ..Default::default() };
        let t = engine.translator(options).expect("a translator").translate(&Asked::code(code));
        (t.outcome.code(), t.automatic)
    };
    let sets = "C1||||C|1|A||FROMVSAB|S|SNOMEDCT_US_2023|N||\nC1||||C|1|A||TOVSAB|S|ICD10CM_2024|N||\n";
    let mrsat = sets.to_owned() + &sets.replace("C1|", "C2|").replace("ICD10CM_2024", "ICD9CM_2014");
    let row = |from: &str, to: &str| format!("C1|S|1|1|AT1||1|9|{from}|SCTID|||RO||2||{to}|ICD|||TRUE|A|K||||\n");
    let cut = |from: &str, to: &str, length: usize| row(from, to)[..length].to_owned() + "\n";
    // Cut behind its source; within its source, which says of nobody that a row is lost; with a bar too many.
    let mrmap = row("138875005", "A00.0")
        + &cut("138875005", "A00.1", 45)
        + &row("116680003", "A00.0")
        + &cut("116680003", "A00.1", 24)
        + &row("73211009", "A00.0")
        + &row("73211009", "A00.1|");
    let simple = "C2|S|AT1||138875005|SCTID|SY||001.0|ICD||\nC2|S|AT1||138875005|SCTID|SY|\nC2|S|AT1||116680003|SCTID|SY||001.0|ICD||\n";
    let engine = built_folder(Format::Umls, &[("MRSAT.RRF", &mrsat), ("MRMAP.RRF", &mrmap), ("MRSMAP.RRF", simple)]);
    let ten = ("snomed", "icd10cm");
    assert_eq!(said(&engine, ten, "138875005"), ("needs-facts", false));
    assert_eq!(said(&engine, ten, "116680003"), ("approximate", true));
    assert_eq!(said(&engine, ten, "73211009"), ("needs-facts", false));
    let nine = ("snomed", "icd9cm");
    assert_eq!(said(&engine, nine, "138875005"), ("needs-facts", false));
    assert_eq!(said(&engine, nine, "116680003"), ("exact", true));

    let concept = |id: u32, vocabulary: &str, code: &str| format!("{id}\tName\t{vocabulary}\tclass\t{code}\t19700101\t20991231\t\n");
    let concepts: String = [(1, "A00.0"), (2, "A00.1"), (3, "A00.9"), (4, "A01.00"), (5, "A01.01"), (6, "A01.02")]
        .map(|(id, code)| concept(id, "ICD10CM", code))
        .concat()
        + &concept(11, "SNOMED", "138875005")
        + &concept(12, "SNOMED", "116680003");
    let header =
        "concept_id\tconcept_name\tvocabulary_id\tconcept_class_id\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason\n";
    let all: String = (1..=6).map(|id| format!("{id}\t11\tMaps to\t19700101\t20991231\t\n")).collect();
    // Torn behind the relationship, and within it; of another relationship; within the target, where the source may be cut too.
    let lost = "1\t12\tMaps to\t1970\n2\t12\tMap\n3\t12\tIs a\t1970\n4\n5\ttwelve\tMaps to\t19700101\t20991231\t\n\
        6\ttwelve\tMaps to value\t19700101\t20991231\t\n";
    let rows = format!("concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason\n{all}{lost}");
    let engine = built_folder(Format::Athena, &[("CONCEPT.csv", &(header.to_owned() + &concepts)), ("CONCEPT_RELATIONSHIP.csv", &rows)]);
    for (code, expect) in [
        ("A00.0", ("needs-facts", false)),
        ("A00.1", ("needs-facts", false)),
        ("A00.9", ("approximate", true)),
        ("A01.00", ("approximate", true)),
        ("A01.01", ("needs-facts", false)),
        ("A01.02", ("needs-facts", false)),
    ] {
        assert_eq!(said(&engine, ("icd10cm", "snomed"), code), expect, "{code}");
    }
}

/// Wherever the file has them, the rows of a source stand in the order in which its rules are tried.
#[test]
fn rows_with_rules_stand_in_the_order_in_which_they_are_tried() {
    let columns = "header = false\ncolumns = { source = 1, target = 2, group = 3, priority = 4, rule = 5 }";
    let layout: table::Layout = toml::from_str(columns).expect("a layout");
    let rows = "a,B,2,1,TRUE\na,X,1,2,OTHERWISE TRUE\na,M,1,2,IFA 248153007\na,F,1,1,IFA 248152002\nb,I10,1,1,TRUE\n";
    let release = MapRelease { kind: MapKind::Rules, target: "there".into(), ..payer() };
    let (engine, said) = built_as(&[("rules.csv", rows, Format::Table, Content::Table(release, layout))]);
    assert_eq!(said, []);
    let map = engine.map("payer").expect("the map");
    let order: Vec<_> = map.rows_of(map.source().concept("a").expect("a code")).map(|row| row.target().expect("a target").code()).collect();
    assert_eq!(order, ["F", "M", "X", "B"]);
    assert_eq!(engine.index().verify().damage, [""; 0]);
    let translator = engine.translator(TranslatorOptions { from: "local".into(), to: "there".into(), ..Default::default() });
    let translator = translator.expect("a translator");
    for (sex, expect) in [(Some(Sex::Female), "F B"), (Some(Sex::Male), "M B"), (None, "F M X B")] {
        let facts = Facts { sex, ..Facts::default() };
        let t = translator.translate(&Asked { facts: &facts, ..Asked::code("a") });
        assert_eq!(t.targets().map(|o| o.concept.code()).collect::<Vec<_>>().join(" "), expect, "{sex:?}");
    }
}

/// Half of a combination is no answer, nor is one code of a choice.
#[test]
fn a_gem_that_lost_a_row_answers_nothing_by_itself_for_its_source() {
    let text = "a I10   00000\r\na E119  1000\r\nb I10   00000\r\nc E0839 10111\r\nc E0800 01112\r\nd NoDx  11000\r\nd E119\r\n";
    let release = MapRelease { kind: MapKind::Gem, ..payer() };
    let (engine, said) = built_as(&[("g.txt", text, Format::Gem, Content::Map(release))]);
    assert_eq!(said.iter().map(|(_, _, (line, _), _)| *line).collect::<Vec<_>>(), [2, 5, 7], "{said:?}");
    for (code, expect) in [("a", "needs-facts I10"), ("b", "exact! I10"), ("c", "needs-facts E08.39"), ("d", "needs-facts ")] {
        assert_eq!(ask(&engine, code, "").0, expect, "{code}: {said:?}");
    }
}

#[test]
fn the_namespace_of_a_local_prefix_names_its_system() {
    let set = |namespace: &str| {
        format!("#curie_map:\n#  LOC: {namespace}\nsubject_id\tpredicate_id\tobject_id\nLOC:a\tskos:exactMatch\tICD10CM:I10\n")
    };
    let (one, same, other) = (set("http://example.org/loc#"), set("http://example.org/loc"), set("http://example.org/other/"));
    let (engine, said) = built(&[("1.tsv", &one), ("2.tsv", &same)]);
    assert_eq!(said, []);
    for name in ["loc", "http://example.org/loc", "http://example.org/loc#"] {
        assert_eq!(engine.index().system(name).map(|s| s.alias()), Some("loc"), "{name}");
    }
    let (_, said) = built(&[("1.tsv", &one), ("2.tsv", &other)]);
    let what = "loc stands for http://example.org/other here and for http://example.org/loc elsewhere";
    assert_eq!(said, [(Severity::Warning, "2.tsv".to_owned(), (0, 0), what.to_owned())]);
}

/// Two files of one id and version once were one map without a word, even between other systems.
#[test]
fn maps_of_one_name_are_said() {
    let map = |source: &str, target: &str| {
        format!(
            r#"{{"resourceType": "ConceptMap", "id": "m", "version": "1", "group": [{{"source": "{source}", "target": "icd10cm", "element": [
            {{"code": "a", "target": [{{"code": "{target}", "relationship": "equivalent"}}]}}]}}]}}"#
        )
    };
    let (one, other, elsewhere) = (map("local", "I10"), map("local", "E11.9"), map("remote", "I10"));
    assert_eq!(built(&[("1.json", &one), ("2.json", &one)]).1.iter().filter(|s| s.3.starts_with("a map")).count(), 0);
    let what = "a map m|1 stands in 1.json too, and says other things there".to_owned();
    for other in [&other, &elsewhere] {
        let (engine, said) = built(&[("1.json", &one), ("2.json", other)]);
        assert!(said.contains(&(Severity::Warning, "2.json".to_owned(), (0, 0), what.clone())), "{said:?}");
        assert_eq!(engine.index().maps().count(), if std::ptr::eq(other, &elsewhere) { 2 } else { 1 });
    }
}

/// Of two groups that lead the same way once only the first that had a code answered.
#[test]
fn groups_of_one_pair_of_systems_are_one_map() {
    let group = |code: &str, target: &str| {
        format!(r#"{{"source": "local", "target": "icd10cm", "element": [{{"code": "{code}", "target": [{target}]}}]}}"#)
    };
    let target = |code: &str| format!(r#"{{"code": "{code}", "relationship": "equivalent"}}"#);
    let both = |a: &str, b: &str| {
        format!(
            r#"{{"code": "{a}", "relationship": "equivalent", "product": [{{"attribute": "and", "valueCoding": {{"system": "icd10cm", "code": "{b}"}}}}]}}"#
        )
    };
    let groups = [
        group("a", &target("I10")),
        group("a", &target("E11.9")),
        group("b", &target("J18.9")),
        group("c", &both("E08.39", "E08.65")),
        group("c", &both("E09.39", "E09.65")),
    ];
    let head = r#"{"resourceType": "ConceptMap", "id": "m", "group": ["#;
    let (engine, said) = built(&[("m.json", &format!("{head}{}]}}", groups.join(",")))]);
    assert_eq!(engine.index().maps().map(|m| m.id()).collect::<Vec<_>>(), ["m"]);
    let options = TranslatorOptions { from: "local".into(), to: "icd10cm".into(), ..Default::default() };
    let t = engine.translator(options).expect("a translator").translate(&Asked::code("a"));
    let codes: Vec<_> = t.targets().map(|o| o.concept.code()).collect();
    assert_eq!((t.outcome.code(), codes), ("choice", vec!["I10", "E11.9"]), "{said:?}");
    assert_eq!(ask(&engine, "b", "").0, "exact! J18.9");
    assert_eq!(ask(&engine, "c", "").0, "choice E08.39 + E08.65 / E09.39 + E09.65");
}

/// A target that no loaded release lists is named with its own file and line.
#[test]
fn unlisted_targets_are_said_with_their_file_and_line() {
    let system = r#"{"resourceType": "CodeSystem", "url": "local", "concept": [{"code": "a"}, {"code": "b"}]}"#;
    let (_, said) = built(&[("a.csv", "a,I10,,,\n"), ("b.csv", "b,I10,,,\ntypo,I10,,,\n"), ("s.json", system)]);
    assert_eq!(said, [(Severity::Warning, "b.csv".to_owned(), (2, 1), "typo is in no loaded release".to_owned())]);
    // In JSON the place is that of the code, whatever stands in one line.
    let map = "{\"resourceType\": \"ConceptMap\", \"id\": \"m\", \"group\": [{\"source\": \"local\", \"target\": \"icd10cm\", \"element\": [\n\
        {\"code\": \"a\", \"target\": [{\"code\": \"I10\", \"relationship\": \"equivalent\"}]}, {\"code\": \"typo\",\n\
         \"target\": [{\"code\": \"I10\"}, {\"code\": \"I10\"}, {\"relationship\": \"equivalent\"}]}]}]}";
    let (_, mut said) = built(&[("m.json", map), ("s.json", system)]);
    said.sort_by_key(|(_, _, place, _)| *place);
    let places: Vec<_> = said.iter().map(|(_, _, place, what)| (*place, what.as_str())).collect();
    let repeated = "typo to I10 stands in line 3 already";
    let (nowhere, holes) = ("typo is in no loaded release", "row 4: typo leads to no code");
    assert_eq!(places, [((2, 75), holes), ((2, 85), nowhere), ((3, 39), repeated)]);
}

/// Several rows of one pair, each with its own evidence, are how SSSOM is meant to be written: the surest counts, and the others are said.
#[test]
fn of_rows_with_several_confidences_the_greatest_counts() {
    let rows = "subject_id\tpredicate_id\tobject_id\tmapping_justification\tconfidence\n\
        local:a\tskos:closeMatch\tICD10CM:I10\tsemapv:LexicalMatching\t0.4\n\
        local:a\tskos:closeMatch\tICD10CM:I11.9\tsemapv:LexicalMatching\t0.6\n\
        local:a\tskos:closeMatch\tICD10CM:I10\tsemapv:ManualMappingCuration\t0.9\n\
        local:a\tskos:closeMatch\tICD10CM:I11.9\tsemapv:ManualMappingCuration\t0.5\n";
    let (engine, said) = built(&[("x.tsv", rows)]);
    let options = TranslatorOptions { from: "local".into(), to: "icd10cm".into(), ..Default::default() };
    let translator = engine.translator(options).expect("a translator");
    let t = translator.translate(&Asked::code("a"));
    let offered: Vec<_> = t
        .targets()
        .map(|option| {
            let detail = option.origin.row().expect("a row").detail();
            (option.concept.code(), detail.usage, detail.category)
        })
        .collect();
    assert_eq!(offered, [("I10", Some(0.9), "semapv:ManualMappingCuration"), ("I11.9", Some(0.6), "semapv:LexicalMatching")]);
    let told: Vec<_> = said.iter().map(|(severity, _, place, what)| (*severity, *place, what.as_str())).collect();
    let weights =
        ["a to I10 stands in line 2 already, with weight 0.4, 0.9 here", "a to I11.9 stands in line 3 already, with weight 0.6, 0.5 here"];
    assert_eq!(told, [(Severity::Note, (4, 3), weights[0]), (Severity::Note, (5, 3), weights[1])]);
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

/// What an answer says whatever the format spells out or leaves together: outcome, and each whole reading with the strength of its codes.
/// A ConceptMap has no lists of alternatives within a combination, and says every combination of them instead.
fn readings(engine: &Engine, format: &str, code: &str) -> (String, BTreeSet<Vec<String>>) {
    let options = TranslatorOptions { from: format!("{format}-from"), to: format!("{format}-to"), ..Default::default() };
    let translator = engine.translator(options).expect("a translator");
    let t = translator.translate(&Asked::code(code));
    let mut all = BTreeSet::new();
    for scenario in &t.scenarios {
        let mut whole: Vec<Vec<String>> = vec![Vec::new()];
        for group in &scenario.groups {
            let codes: Vec<String> = group.options.iter().map(|o| format!("{} {}", o.concept.code(), o.relationship.code())).collect();
            whole = whole.iter().flat_map(|begun| codes.iter().map(|code| [&begun[..], std::slice::from_ref(code)].concat())).collect();
        }
        // Alternatives that are single codes are each a reading.
        all.extend(whole.into_iter().map(|mut reading| {
            reading.sort();
            reading
        }));
    }
    (format!("{}{}", t.outcome.code(), if t.automatic { "!" } else { "" }), all)
}

/// One crosswalk with everything that GEMs have: single codes exact and not, alternatives, holes, a combination, one with alternatives, one
/// beside a single code, two readings of two codes each.
const CROSSWALK: &str = "A000  B000    00000\r\nA001  B001    10000\r\nA002  B001    10000\r\nA002  B002    10000\r\nA003  NoDx    11000\r\n\
    A004  B001    10111\r\nA004  B002    10112\r\n\
    A005  B003    10111\r\nA005  B004    10111\r\nA005  B005    10112\r\n\
    A006  B006    10000\r\nA006  B001    10111\r\nA006  B002    10112\r\n\
    A007  B001    10111\r\nA007  B002    10112\r\nA007  B003    10121\r\nA007  B004    10122\r\n";

#[test]
fn the_same_crosswalk_in_other_formats_answers_alike() {
    let rows: Vec<[&str; 3]> = CROSSWALK
        .lines()
        .map(|line| {
            let mut fields = line.split_ascii_whitespace();
            [(); 3].map(|()| fields.next().expect("three fields"))
        })
        .collect();
    let release = |id: &str, kind| MapRelease { id: id.into(), source: format!("{id}-from"), target: format!("{id}-to"), kind, ..payer() };
    let csv = String::from("source,target,flags\n") + &rows.iter().map(|row| row.join(",") + "\n").collect::<String>();
    // A table that says scenario and list in columns of its own, and strengths in words of its own.
    let table = String::from("old,new,same,reading,list\n")
        + &rows
            .iter()
            .map(|[source, target, flags]| {
                let (same, digits) = (if flags.starts_with('0') { "yes" } else { "" }, &flags[3..]);
                format!("{source},{},{same},{},{}\n", if *target == "NoDx" { "NONE" } else { target }, &digits[..1], &digits[1..])
            })
            .collect::<String>();
    let columns = r#"columns = { source = "old", target = "new", relationship = "same", scenario = "reading", group = "list" }
        relationships = { yes = "equivalent" }
        no_map = ["none"]"#;
    let flags = r#"columns = { source = "source", target = "target", flags = "flags" }
        no_map = ["NoDx"]"#;
    let files = [
        ("gem.txt", CROSSWALK.to_owned(), Format::Gem, Content::Map(release("gem", MapKind::Gem))),
        ("csv.csv", csv.clone(), Format::Gem, Content::Map(release("csv", MapKind::Gem))),
        ("flags.csv", csv, Format::Table, Content::Table(release("flags", MapKind::Gem), toml::from_str(flags).expect("a layout"))),
        ("table.csv", table, Format::Table, Content::Table(release("table", MapKind::Table), toml::from_str(columns).expect("a layout"))),
        ("r5.json", concept_map(&rows, "r5", true), Format::Fhir, Content::SelfDescribed),
        ("r4.json", concept_map(&rows, "r4", false), Format::Fhir, Content::SelfDescribed),
        ("sssom.tsv", mapping_set(&rows), Format::Sssom, Content::SelfDescribed),
    ];
    let files: Vec<_> = files.iter().map(|(name, text, format, content)| (*name, text.as_str(), *format, content.clone())).collect();
    let (engine, said) = built_as(&files);
    let codes = |list: &[&[&str]]| list.iter().map(|reading| reading.iter().map(|code| format!("{code} related-to")).collect()).collect();
    let expected: [(&str, &str, BTreeSet<Vec<String>>); 8] = [
        ("A000", "exact!", [vec!["B000 equivalent".to_owned()]].into()),
        ("A001", "approximate!", codes(&[&["B001"]])),
        ("A002", "choice", codes(&[&["B001"], &["B002"]])),
        ("A003", "no-map", codes(&[])),
        ("A004", "combination!", codes(&[&["B001", "B002"]])),
        ("A005", "choice", codes(&[&["B003", "B005"], &["B004", "B005"]])),
        ("A006", "choice", codes(&[&["B006"], &["B001", "B002"]])),
        ("A007", "choice", codes(&[&["B001", "B002"], &["B003", "B004"]])),
    ];
    for (code, outcome, readings_of_it) in &expected {
        for format in ["gem", "csv", "flags", "table", "r5", "r4", "sssom"] {
            let together = readings_of_it.iter().any(|reading| reading.len() > 1);
            if format != "sssom" || !together {
                assert_eq!(readings(&engine, format, code), ((*outcome).to_owned(), readings_of_it.clone()), "{format} {code}");
            }
        }
    }
    // SSSOM has no combinations. What it calls a composed entity is said, with its place, and left out: never half of it is an answer.
    let composed: Vec<_> = said.iter().filter(|(_, file, ..)| file == "sssom.tsv").collect();
    assert_eq!(composed.len(), 6, "{said:?}");
    for (severity, _, (line, column), what) in composed {
        assert_eq!((*severity, *line > 1, *column), (Severity::Warning, true, 3), "{what}");
        assert!(what.contains("is a composed entity expression, not one code"), "{what}");
    }
    assert_eq!(said.len(), 6, "the other formats can say all of it: {said:?}");
    for code in ["A004", "A005", "A007"] {
        assert!(readings(&engine, "sssom", code).1.is_empty(), "{code}");
    }
}

/// Combinations as the targets of a source have them: each list of alternatives taken apart.
fn combinations<'r>(rows: &[[&'r str; 3]], source: &str) -> Vec<Vec<&'r str>> {
    let of_source = || rows.iter().filter(|row| row[0] == source && row[2].as_bytes()[2] == b'1');
    let scenarios: BTreeSet<u8> = of_source().map(|row| row[2].as_bytes()[3]).collect();
    let mut all = Vec::new();
    for scenario in scenarios {
        let of_scenario = || of_source().filter(|row| row[2].as_bytes()[3] == scenario);
        let lists: BTreeSet<u8> = of_scenario().map(|row| row[2].as_bytes()[4]).collect();
        let mut whole: Vec<Vec<&str>> = vec![Vec::new()];
        for list in lists {
            let codes: Vec<&str> = of_scenario().filter(|row| row[2].as_bytes()[4] == list).map(|row| row[1]).collect();
            whole = whole.iter().flat_map(|begun| codes.iter().map(|code| [&begun[..], &[*code]].concat())).collect();
        }
        all.extend(whole);
    }
    all
}

fn sources<'r>(rows: &[[&'r str; 3]]) -> BTreeSet<&'r str> {
    rows.iter().map(|row| row[0]).collect()
}

/// Codes needed together are a target and its products.
fn concept_map(rows: &[[&str; 3]], id: &str, r5: bool) -> String {
    let strength = |exact: bool| match (r5, exact) {
        (true, true) => r#""relationship": "equivalent""#,
        (true, false) => r#""relationship": "related-to""#,
        (false, true) => r#""equivalence": "equivalent""#,
        (false, false) => r#""equivalence": "relatedto""#,
    };
    let element = |source: &&str| {
        let single = rows.iter().filter(|row| row[0] == *source && row[2].as_bytes()[2] == b'0');
        let mut targets: Vec<String> = Vec::new();
        for [_, target, flags] in single {
            match (*target, r5) {
                ("NoDx", true) => return format!(r#"{{"code": "{source}", "noMap": true}}"#),
                ("NoDx", false) => targets.push(r#"{"equivalence": "unmatched"}"#.to_owned()),
                _ => targets.push(format!(r#"{{"code": "{target}", {}}}"#, strength(flags.starts_with('0')))),
            }
        }
        for codes in combinations(rows, source) {
            let product = |code: &&str| match r5 {
                true => format!(r#"{{"attribute": "with", "valueCoding": {{"system": "{id}-to", "code": "{code}"}}}}"#),
                false => format!(r#"{{"property": "with", "system": "{id}-to", "value": "{code}"}}"#),
            };
            let products: Vec<String> = codes[1..].iter().map(product).collect();
            targets.push(format!(r#"{{"code": "{}", {}, "product": [{}]}}"#, codes[0], strength(false), products.join(", ")));
        }
        format!(r#"{{"code": "{source}", "target": [{}]}}"#, targets.join(", "))
    };
    let elements: Vec<String> = sources(rows).iter().map(element).collect();
    let group = format!(r#"{{"source": "{id}-from", "target": "{id}-to", "element": [{}]}}"#, elements.join(",\n"));
    format!(r#"{{"resourceType": "ConceptMap", "id": "{id}", "group": [{group}]}}"#)
}

fn mapping_set(rows: &[[&str; 3]]) -> String {
    let mut text = String::from("subject_id\tpredicate_id\tobject_id\tobject_source\tobject_type\n");
    for [source, target, flags] in rows.iter().filter(|row| row[2].as_bytes()[2] == b'0') {
        let predicate = if flags.starts_with('0') { "skos:exactMatch" } else { "skos:relatedMatch" };
        text += &match *target {
            "NoDx" => format!("sssom-from:{source}\tskos:exactMatch\tsssom:NoTermFound\tsssom-to\t\n"),
            _ => format!("sssom-from:{source}\t{predicate}\tsssom-to:{target}\t\t\n"),
        };
    }
    for source in sources(rows) {
        for codes in combinations(rows, source) {
            text += &format!("sssom-from:{source}\tskos:relatedMatch\tsssom-to:{}\t\tcomposed entity expression\n", codes.join("+"));
        }
    }
    text
}

/// A spreadsheet took the zeros: the rows are said with their places, the rest is there.
#[test]
fn zeros_that_a_spreadsheet_took_are_said_and_the_rest_loads() {
    let text = "a,250.00,E11.9\nb,38.9,A41.9\nc,1.1,A00.1\nd,401.9,I10\n";
    let columns = toml::from_str("header = false\ncolumns = { comment = 1, source = 2, target = 3 }").expect("a layout");
    let release = MapRelease { source: "icd9cm".into(), ..payer() };
    let (engine, said) = built_as(&[("t.csv", text, Format::Table, Content::Table(release, columns))]);
    let told: Vec<_> = said.iter().map(|(severity, file, place, what)| (*severity, file.as_str(), *place, what.as_str())).collect();
    assert_eq!(
        told,
        [
            (Severity::Warning, "t.csv", (2, 2), "\"38.9\" has lost zeros: it may have been \"038.9\""),
            (Severity::Warning, "t.csv", (3, 2), "\"1.1\" has lost zeros: it may have been \"001.1\""),
        ]
    );
    let map = engine.map("payer").expect("the map");
    let kept: Vec<_> = map.rows().map(|row| (row.line(), row.source().expect("a source").code())).collect();
    assert_eq!(kept, [(1, "250.00"), (4, "401.9")]);
}
