//! What a target must be to be taken without a person, and what is said of it where it is not.

use crate::kit;
use std::sync::Arc;
use xwalk::compile::{Content, Input};
use xwalk::engine::{Asked, Decided, Decision, Engine, Outcome, Overlay, Policy, Question, TargetState, Translation, TranslatorOptions};
use xwalk::model::{Date, MapKind, Relationship};
use xwalk::read::Format;

/// ICD-10-CM of two years: A00.9 is gone in the second, A00.1 was a code and is a header. The map leads to each of them, to A00.0 and to a
/// code of neither.
fn releases() -> Vec<Input> {
    let order = |rows: &[(&str, u8)]| kit::order(&rows.iter().map(|(code, billable)| (*code, *billable, "Cholera")).collect::<Vec<_>>());
    let first = order(&[("A00", 0), ("A000", 1), ("A001", 1), ("A009", 1)]);
    let second = order(&[("A00", 0), ("A000", 1), ("A001", 0), ("A0011", 1)]);
    let gem = "0010  A000    00000\r\n0011  A001    00000\r\n0018  Z999    00000\r\n0019  A009    00000\r\n";
    vec![
        kit::system("cm-2018", "icd10cm", "2018", "2017-10-01", Format::IcdOrder, &first),
        kit::system("cm-2019", "icd10cm", "2019", "2018-10-01", Format::IcdOrder, &second),
        kit::system("i9", "icd9cm", "32", "", Format::Icd9TitlesLong, "0010  One\n0011  Two\n0018  Three\n0019  Four\n0020  Five\n"),
        kit::map("gem", ("icd9cm", "icd10cm"), "2018", MapKind::Gem, Format::Gem, gem),
    ]
}

fn ask<'e>(engine: &'e Engine, from: &str, code: &str, options: TranslatorOptions, date: Option<Date>) -> Translation<'e> {
    let options = TranslatorOptions { from: from.into(), to: "icd10cm".into(), ..options };
    engine.translator(options).expect("a translator").translate(&Asked { date, ..Asked::code(code) })
}

fn day(text: &str) -> Option<Date> {
    Some(text.parse().expect("a date"))
}

/// Outcome, `!` if automatic, the codes and how they stand today.
fn told(t: &Translation<'_>) -> String {
    let codes: Vec<_> = t.targets().map(|o| format!("{} {}", o.concept.code(), o.state.code())).collect();
    format!("{}{} {}", t.outcome.code(), if t.automatic { "!" } else { "" }, codes.join(", "))
}

#[test]
fn what_is_no_code_today_is_said_and_what_is_listed_nowhere_is_not_taken() {
    let engine = kit::engine(&releases());
    for (code, expect, message) in [
        ("001.0", "exact! A00.0 valid", ""),
        ("001.1", "exact! A00.1 header", "A00.1 is a header now; give a target date to follow it to its successors"),
        ("001.9", "exact! A00.9 expired", "A00.9 has expired; give a target date to follow it to its successors"),
        ("001.8", "exact Z99.9 unlisted", "Z99.9 is in no loaded release of icd10cm"),
    ] {
        let t = ask(&engine, "icd9cm", code, TranslatorOptions::default(), None);
        assert_eq!((told(&t).as_str(), t.message.to_string().as_str()), (expect, message), "{code}");
    }
    // A system of which nothing is loaded is known by its maps alone.
    let engine = kit::engine(&releases()[2..]);
    assert_eq!(told(&ask(&engine, "icd9cm", "001.8", TranslatorOptions::default(), None)), "exact! Z99.9 unlisted");
}

#[test]
fn a_code_of_the_target_system_stands_for_itself_while_it_is_one() {
    let engine = kit::engine(&releases());
    let itself = |code: &str, date| ask(&engine, "icd10cm", code, TranslatorOptions::default(), date);
    assert_eq!((told(&itself("A00.0", None)), itself("A00.0", None).message.to_string()), ("exact! A00.0 valid".into(), String::new()));
    let gone = itself("A00.9", None);
    assert_eq!(told(&gone), "exact A00.9 expired");
    assert!(gone.message.to_string().starts_with("A00.9 has expired"), "{}", gone.message);
    assert_eq!(told(&itself("A00.9", day("2018-01-01"))), "exact! A00.9 expired");
    assert_eq!(itself("A00.1", day("2019-01-01")).outcome, Outcome::InvalidCode);
    assert_eq!(itself("A00.9", day("2019-01-01")).outcome, Outcome::NotValidOnDate);
}

/// One decision for every question.
struct Says(Vec<(&'static str, Relationship)>);

impl Overlay for Says {
    fn decision(&self, _: Question<'_>) -> Option<Decision> {
        Some(Decision { id: 7, decided: Decided::Targets(self.0.iter().map(|(code, r)| ((*code).to_owned(), *r)).collect()) })
    }

    fn digest(&self) -> String {
        String::new()
    }
}

#[test]
fn a_decision_is_taken_while_its_codes_may_be_recorded() {
    use Relationship::{Equivalent, NotRelatedTo};
    let check = |says: &[(&'static str, Relationship)], target_date: Option<Date>, expect: &str, picked: bool| {
        let engine = kit::engine(&releases()).with_overlay(Arc::new(Says(says.to_vec())));
        let options = TranslatorOptions { policy: Policy::Decision, target_date, ..Default::default() };
        let t = ask(&engine, "icd9cm", "001.0", options, None);
        assert_eq!((told(&t).as_str(), t.picked.is_some()), (expect, picked), "{says:?}: {}", t.message);
        assert_eq!(t.chosen().0.is_empty(), !t.automatic, "{says:?}");
        t.message.to_string()
    };
    assert_eq!(check(&[("A00.0", Equivalent)], None, "exact! A00.0 valid", true), "");
    let said = check(&[("A00", Equivalent)], None, "exact A00 header", false);
    assert_eq!(said, "decision 7 names A00, which is a header; it was not used");
    check(&[("A00.9", Equivalent)], None, "exact A00.9 expired", false);
    check(&[("A00.9", Equivalent)], day("2018-01-01"), "exact! A00.9 valid", true);
    check(&[("Z99.9", Equivalent)], None, "exact Z99.9 unlisted", false);
    // What it is not is no translation, and the map's word for it is not taken.
    check(&[("A00.11", Equivalent), ("A00.0", NotRelatedTo)], None, "exact! A00.11 valid", true);
    let said = check(&[("A00.0", NotRelatedTo)], None, "exact A00.0 valid", false);
    assert_eq!(said, "decision 7 says only what it is not; A00.0 is also said to be unrelated");
}

fn concept_map(rows: &str) -> Engine {
    let json = format!(
        r#"{{"resourceType": "ConceptMap", "id": "m", "version": "1", "group": [{{"source": "s", "target": "t", "element": [{rows}]}}]}}"#
    );
    kit::engine(&[Input { content: Content::SelfDescribed, ..kit::system("m", "", "", "", Format::Fhir, &json) }])
}

#[test]
fn what_is_said_twice_is_said_once_and_denials_are_heard() {
    let row = |code: &str, targets: &[(&str, &str)]| {
        let targets: Vec<_> = targets.iter().map(|(code, r)| format!(r#"{{"code": "{code}", "relationship": "{r}"}}"#)).collect();
        format!(r#"{{"code": "{code}", "target": [{}]}}"#, targets.join(","))
    };
    let rows = [
        row("a", &[("x", "equivalent"), ("x", "equivalent")]),
        row("b", &[("x", "equivalent"), ("x", "not-related-to")]),
        row("c", &[("x", "not-related-to")]),
        row("d", &[("z", "equivalent"), ("y", "not-related-to")]),
        row("e", &[("x", "equivalent"), ("x", "related-to")]),
    ];
    let engine = concept_map(&rows.join(","));
    let ask = |code: &str, from: &str, to: &str| {
        let options = TranslatorOptions { from: from.into(), to: to.into(), reverse: from == "t", ..Default::default() };
        let t = engine.translator(options).expect("a translator").translate(&Asked::code(code));
        assert!(t.targets().all(|o| o.state == TargetState::Unlisted));
        let codes: Vec<_> = t.targets().map(|o| format!("{}{}", o.concept.code(), if o.denied { " denied" } else { "" })).collect();
        (format!("{}{} {}", t.outcome.code(), if t.automatic { "!" } else { "" }, codes.join("|")), t.message.to_string())
    };
    let there = |code| ask(code, "s", "t");
    assert_eq!(there("a").0, "exact! x");
    assert_eq!(there("b"), ("exact x denied".into(), "x is also said to be unrelated".into()));
    assert_eq!(there("c"), ("unmapped ".into(), "m|1 says only what is not c".into()));
    assert_eq!(there("d").0, "exact! z");
    assert_eq!(there("e").0, "approximate! x");
    assert_eq!(ask("x", "t", "s").0, "choice a|b denied|e");
    assert_eq!(ask("y", "t", "s").0, "unmapped ");
}

#[test]
fn codes_needed_together_are_folded_and_lists_of_them_are_not() {
    let gem = "0010  A000    10111\r\n0010  A000    10112\r\n0011  A000    10111\r\n0011  A009    10111\r\n0011  A000    10112\r\n0011  A009    10112\r\n\
         0018  A000    10111\r\n0018  A009    10112\r\n0018  A000    10121\r\n0018  A009    10122\r\n";
    let mut inputs = releases();
    inputs[3] = kit::map("gem", ("icd9cm", "icd10cm"), "2018", MapKind::Gem, Format::Gem, gem);
    let engine = kit::engine(&inputs);
    let groups = |code: &str| {
        let t = ask(&engine, "icd9cm", code, TranslatorOptions::default(), None);
        t.scenarios.iter().map(|s| s.groups.iter().map(|g| g.options.len()).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    assert_eq!(groups("001.0"), [[1]]);
    assert_eq!(groups("001.1"), [[2, 2]]);
    assert_eq!(groups("001.8"), [[1, 1]]);
}

#[test]
fn version_ten_is_newer_than_version_nine() {
    let mut inputs = releases();
    inputs.truncate(3);
    for (version, row) in [("9", "0010  A009    00000\r\n"), ("10", "0010  A000    00000\r\n")] {
        inputs.push(kit::map("gem", ("icd9cm", "icd10cm"), version, MapKind::Gem, Format::Gem, row));
    }
    let engine = kit::engine(&inputs);
    let t = ask(&engine, "icd9cm", "001.0", TranslatorOptions::default(), None);
    assert_eq!((told(&t).as_str(), t.map.expect("a map").version()), ("exact! A00.0 valid", "10"));
    assert_eq!(engine.map("gem").expect("a map").version(), "10");
}
