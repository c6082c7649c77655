//! What was written is repaired only where it means nothing else: a code of another system is in the wrong column, not misspelt.

use super::golden::engine;
use xwalk::engine::{Asked, Outcome, RepairKind, SuggestionKind, TranslatorOptions, ValidationStatus};
use xwalk::model::Status;

const SYSTEMS: [&str; 4] = ["icd9cm", "icd9proc", "icd10cm", "icd10pcs"];

/// Every code of every embedded system, asked of every other one, with and without its dot.
#[test]
fn no_code_of_another_system_is_repaired() {
    let engine = engine();
    let (mut asked_for, mut by_zeros) = (0, 0);
    for asked in SYSTEMS.map(|s| engine.system(s).expect("embedded")) {
        for other in SYSTEMS.map(|s| engine.system(s).expect("embedded")).into_iter().filter(|s| *s != asked) {
            for concept in other.concepts().filter(|c| c.is_listed()) {
                for text in [concept.code().to_owned(), concept.code().replace('.', "")] {
                    // Whatever is found of what is no code as it stands was repaired.
                    if asked.concept(&text).is_some() {
                        continue;
                    }
                    asked_for += 1;
                    if engine.subsumes(asked, &text, &text).is_err() {
                        continue;
                    }
                    let repairs = engine.validate(asked, &text, None, None).repairs;
                    let zeros = [RepairKind::LeadingZero, RepairKind::TrailingZero, RepairKind::Padding];
                    let only_zeros = repairs.iter().all(|r| zeros.contains(&r.kind));
                    let heading = concept.validity().all(|period| period.status == Status::Header);
                    assert!(only_zeros && heading, "{text} of {}, asked of {}: {repairs:?}", other.alias(), asked.alias());
                    by_zeros += 1;
                }
            }
        }
    }
    assert!(asked_for > 500_000, "{asked_for}");
    // 38.9 is a heading of procedures, and 038.9 in a spreadsheet.
    assert!((100..2_000).contains(&by_zeros), "{by_zeros}");
}

/// As people paste codes, and as spreadsheets and data frames write them.
#[test]
fn what_stands_around_a_code_is_taken_off_and_said() {
    let engine = engine();
    use RepairKind::{Case, Dot, Padding, Quoted};
    for (system, given, used, kinds) in [
        ("icd9cm", "250.00 |Diabetes mellitus|", "250.00", &[Quoted][..]),
        ("icd9cm", "icd9:250.00", "250.00", &[Quoted]),
        ("icd9cm", " ICD-9-CM: 25000", "250.00", &[Quoted, Dot]),
        ("icd10cm", "ICD10CM:E11.9", "E11.9", &[Quoted]),
        ("icd10cm", "ICD10CM:e11.9 | Type 2 |", "E11.9", &[Quoted, Quoted, Case]),
        ("icd10cm", "http://hl7.org/fhir/sid/icd-10-cm|E11.9", "E11.9", &[Quoted]),
        ("icd9cm", "25000.0", "250.00", &[Padding]),
        ("icd9proc", "3893.0", "38.93", &[Padding]),
    ] {
        let answer = engine.validate(engine.system(system).expect("embedded"), given, None, None);
        let repairs: Vec<_> = answer.repairs.iter().map(|r| r.kind).collect();
        assert_eq!((answer.concept.map(|c| c.code()), &repairs[..]), (Some(used), kinds), "{given}");
        assert_eq!(answer.repairs[0].given, given);
    }
    for (system, given) in [
        // Two codes.
        ("icd10cm", "I10:E11.9"),
        ("icd10cm", "E11.9|I10|"),
        ("icd10cm", "E11.9|E11.99|"),
        ("icd10cm", "E11.9|I10"),
        ("icd10cm", "E11.9 |Diabetes| I10 |Hypertension|"),
        // ICD-10 is not ICD-10-CM.
        ("icd10cm", "ICD-10:E11.9"),
        ("icd10cm", "payer:E11.9"),
        ("icd10cm", "ICD10CM:"),
        // 250.0 as a number, or 250.00 with its dot in another place.
        ("icd9cm", "2500.0"),
    ] {
        let answer = engine.validate(engine.system(system).expect("embedded"), given, None, None);
        assert_eq!((answer.concept.map(|c| c.code()), answer.repairs.len()), (None, 0), "{given}");
    }
    let answer = engine.validate(engine.system("icd9cm").expect("embedded"), "ICD10CM:E11.9", None, None);
    assert_eq!(answer.status, ValidationStatus::WrongSystem);
    assert_eq!(answer.issues[0].suggestions[0].concept.code(), "E11.9");
}

#[test]
fn the_wrong_column_is_said_and_the_repair_offered() {
    let engine = engine();
    for (asked, given, other, reading) in [
        ("icd9cm", "I50.9", "icd10cm", "150.9"),
        ("icd9cm", "i 50.9", "icd10cm", "150.9"),
        ("icd9cm", "I10", "icd10cm", "110"),
        ("icd9cm", "E80.20", "icd10cm", "E802.0"),
        ("icd9cm", "03.1", "icd9proc", "003.1"),
        ("icd10cm", "136.0", "icd9cm", "I36.0"),
        ("icd10cm", "002.1", "icd9cm", "O02.1"),
        ("icd9proc", "003.1", "icd9cm", "03.1"),
    ] {
        let answer = engine.validate(engine.system(asked).expect("embedded"), given, None, None);
        assert_eq!((answer.status, answer.concept.is_none()), (ValidationStatus::WrongSystem, true), "{asked} {given}");
        let offered: Vec<_> = answer.issues[0].suggestions.iter().map(|s| (s.concept.system().alias(), s.concept.code(), s.kind)).collect();
        assert!(offered.iter().any(|(system, _, kind)| (*system, *kind) == (other, SuggestionKind::OtherSystem)), "{given}: {offered:?}");
        assert!(offered.contains(&(asked, reading, SuggestionKind::Repair)), "{given}: {offered:?}");
    }
    let options = TranslatorOptions { from: "icd9cm".into(), to: "icd10cm".into(), ..Default::default() };
    let translator = engine.translator(options).expect("a translator");
    let answer = translator.translate(&Asked::code("I50.9"));
    assert_eq!((answer.outcome, answer.automatic), (Outcome::InvalidCode, false));
    assert_eq!(answer.message.to_string(), "`I50.9` is not a code of icd9cm, but one of icd10cm");
    // Misspelt, and no code of anything else; and the heading of procedures that is no rival.
    // Two were taken for numbers on their way, two stood at the end of a sentence.
    for (given, used) in [
        ("25O.00", "250.00"),
        ("38.9", "038.9"),
        ("250.000", "250.00"),
        ("25000.0", "250.00"),
        ("4019.0", "401.9"),
        ("250.00.", "250.00"),
        ("v58.61.", "V58.61"),
    ] {
        assert_eq!(translator.translate(&Asked::code(given)).source.map(|c| c.code()), Some(used), "{given}");
    }
}
