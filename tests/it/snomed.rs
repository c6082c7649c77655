//! SNOMED CT and other people's maps, from files to answers: rules, history, ancestors, chains.

use std::fmt::Write as _;
use std::path::Path;

use crate::kit;
use tempfile::TempDir;
use xwalk::compile::{Bytes, Content, Input};
use xwalk::engine::{Age, Asked, Engine, Facts, Policy, Sex, Translation, TranslatorOptions};
use xwalk::model::Relationship;
use xwalk::model::system::verhoeff_digit;
use xwalk::read::rf2::ids;
use xwalk::read::{Format, Severity};
use xwalk::releases::generate::{self, Shape};

/// The id of a made-up concept.
fn id(n: u32) -> String {
    let mut id = format!("{n}199999910");
    id.push(char::from(verhoeff_digit(id.as_bytes()).unwrap()));
    id
}

fn input(id: &str, format: Format, content: Content, path: &Path) -> Input {
    Input {
        id: id.into(),
        file: path.file_name().unwrap().to_string_lossy().into_owned(),
        format,
        content,
        sha256: String::new(),
        bytes: Bytes::Path(path.to_owned()),
        member: None,
        precedence: 0,
    }
}

/// A small release: `1` above `2` above `3` above `4`; `5` and `6` are retired; maps as given, columns behind the concept.
fn release(folder: &TempDir, maps: &[(u32, &str)], history: &[(u32, u64, u32)]) -> Input {
    let path = folder.path().join("rf2");
    std::fs::create_dir_all(&path).unwrap();
    let write = |name: &str, header: &str, rows: Vec<String>| {
        let text: String = std::iter::once(header.to_owned()).chain(rows).map(|row| row.replace('¦', "\t") + "\r\n").collect();
        std::fs::write(path.join(name), text).unwrap();
    };
    let active = |n: u32| u32::from(!(5..=9).contains(&n));
    write(
        "sct2_Concept_Snapshot_INT_20260301.txt",
        "id¦effectiveTime¦active¦moduleId¦definitionStatusId",
        (1..=12).map(|n| format!("{}¦20200101¦{}¦m¦d", id(n), active(n))).collect(),
    );
    write(
        "sct2_Relationship_Snapshot_INT_20260301.txt",
        "id¦effectiveTime¦active¦moduleId¦sourceId¦destinationId¦relationshipGroup¦typeId¦characteristicTypeId¦modifierId",
        (2..=4).map(|n| format!("{n}¦20200101¦1¦m¦{}¦{}¦0¦{}¦c¦m", id(n), id(n - 1), ids::IS_A)).collect(),
    );
    let member = |n: usize, refset: u64, concept: u32| format!("00000000-0000-4000-8000-{n:012}¦20200101¦1¦m¦{refset}¦{}", id(concept));
    write(
        "der2_iisssccRefset_ExtendedMapSnapshot_US_20260301.txt",
        "id¦effectiveTime¦active¦moduleId¦refsetId¦referencedComponentId¦mapGroup¦mapPriority¦mapRule¦mapAdvice¦mapTarget¦correlationId¦mapCategoryId",
        maps.iter()
            .enumerate()
            .map(|(i, (concept, rest))| {
                // A sixth column is the correlation.
                let correlation = if rest.matches('¦').count() == 5 { "" } else { "¦447561005" };
                format!("{}¦{rest}{correlation}¦447637006", member(i, ids::MAP_ICD10CM, *concept))
            })
            .collect(),
    );
    write(
        "der2_cRefset_AssociationSnapshot_INT_20260301.txt",
        "id¦effectiveTime¦active¦moduleId¦refsetId¦referencedComponentId¦targetComponentId",
        history.iter().enumerate().map(|(i, (from, refset, to))| format!("{}¦{}", member(100 + i, *refset, *from), id(*to))).collect(),
    );
    input("rf2", Format::Rf2, Content::SelfDescribed, &path)
}

/// An answer on one line: outcome, `!` if automatic, scenarios by `/`, groups by `+`, options by `|`, then what it waits for.
fn told(t: &Translation<'_>) -> String {
    let mut text = t.outcome.code().to_owned();
    if t.automatic {
        text.push('!');
    }
    for (i, scenario) in t.scenarios.iter().enumerate() {
        text.push_str(if i == 0 { " " } else { " / " });
        let groups: Vec<String> =
            scenario.groups.iter().map(|g| g.options.iter().map(|o| o.concept.code()).collect::<Vec<_>>().join("|")).collect();
        text.push_str(&groups.join(" + "));
    }
    for need in &t.needs {
        write!(text, "; {}", need.fact).unwrap();
    }
    text
}

fn ask<'e>(engine: &'e Engine, options: &TranslatorOptions, code: &str, facts: &Facts) -> Translation<'e> {
    engine.translator(options.clone()).unwrap().translate(&Asked { facts, ..Asked::code(code) })
}

fn to_icd10cm() -> TranslatorOptions {
    TranslatorOptions { from: "snomed".into(), to: "icd10cm".into(), ..TranslatorOptions::default() }
}

fn aged(age: &str) -> Facts {
    Facts::default().with_age(Age::parse(age).unwrap())
}

fn of(sex: Sex) -> Facts {
    Facts { sex: Some(sex), ..Facts::default() }
}

#[test]
fn rules_from_release_to_answer() {
    let folder = tempfile::tempdir().unwrap();
    let finding = format!("1¦1¦IFA {} |Kind of this|¦¦E01.0", id(2));
    let maps = [
        (1, "1¦1¦TRUE¦ALWAYS A00.0¦A00.0"),
        (2, "1¦1¦IFA 248153007 |Male|¦¦B01.0"),
        (2, "1¦2¦OTHERWISE TRUE¦¦B02.0"),
        (3, "1¦1¦TRUE¦¦C01.0"),
        (3, "4¦1¦IFA 248152002 |Female|¦¦C02.0"),
        (3, "4¦2¦OTHERWISE TRUE¦NO CODE HERE¦"),
        (4, "1¦1¦IFA 445518008 |Age at onset of clinical finding| < 28.0 days¦¦D01.0"),
        (4, "1¦2¦IFA 445518008 |Age at onset of clinical finding| >= 12.0 years¦¦D02.0"),
        (4, "1¦3¦OTHERWISE TRUE¦¦D03.0"),
        (10, finding.as_str()),
        (10, "1¦2¦OTHERWISE TRUE¦¦E02.0"),
        (11, "1¦1¦TRUE¦CANNOT BE CLASSIFIED¦"),
        (12, "1¦1¦IFA who knows¦¦F01.0"),
        (12, "1¦2¦OTHERWISE TRUE¦¦F02.0"),
        (5, "1¦1¦¦ALWAYS G01.0¦G01.0"),
        (5, "1¦2¦¦POSSIBLE¦G02.0"),
    ];
    let (engine, report) = kit::built(&[release(&folder, &maps, &[])]);
    let check = |concept: u32, facts: &Facts, expect: &str| {
        assert_eq!(told(&ask(&engine, &to_icd10cm(), &id(concept), facts)), expect, "concept {concept}");
    };
    let nothing = Facts::default();
    check(1, &nothing, "approximate! A00.0");
    // A male rule asked without sex waits for it; it does not fall through.
    check(2, &nothing, "needs-facts B01.0|B02.0; sex");
    check(2, &of(Sex::Male), "approximate! B01.0");
    check(2, &of(Sex::Female), "approximate! B02.0");
    // Two groups are a combination; an empty target in one leaves the code of the other.
    check(3, &of(Sex::Female), "combination! C01.0 + C02.0");
    check(3, &of(Sex::Male), "approximate! C01.0");
    check(3, &nothing, "needs-facts C01.0 + C02.0; sex");
    for (age, target) in [("27d", "D01.0"), ("28d", "D03.0"), ("11.99y", "D03.0"), ("12y", "D02.0")] {
        check(4, &aged(age), &format!("approximate! {target}"));
    }
    check(4, &nothing, "needs-facts D01.0|D02.0|D03.0; age");
    // Co-existing findings by subsumption: 4 is a kind of 2, 1 is not.
    let with = |n: u32, complete| Facts { findings: vec![id(n).parse().unwrap()], findings_complete: complete, ..Facts::default() };
    check(10, &with(4, false), "approximate! E01.0");
    check(10, &with(1, true), "approximate! E02.0");
    // That there are no findings at all can be said too.
    check(10, &Facts { findings_complete: true, ..Facts::default() }, "approximate! E02.0");
    check(10, &with(1, false), &format!("needs-facts E01.0|E02.0; snomed|{}", id(2)));
    check(11, &nothing, "no-map");
    assert_eq!(ask(&engine, &to_icd10cm(), &id(11), &nothing).message.to_string(), "CANNOT BE CLASSIFIED");
    // A rule that cannot be read is a finding, and never a guess.
    check(12, &of(Sex::Male), "needs-facts F01.0|F02.0; rule");
    let unread: Vec<_> = report.findings.iter().filter(|f| f.what.contains("IFA who knows")).collect();
    assert_eq!(unread.iter().map(|f| (f.line, f.column)).collect::<Vec<_>>(), [(14, 9)]);
    // Nor is a row that should have a rule and has none.
    check(5, &nothing, "needs-facts G01.0|G02.0; rule");
    assert_eq!(report.findings.iter().filter(|f| f.what.contains("the rule \"\" cannot be read")).count(), 2);
    // What the release says of a row comes through.
    let t = ask(&engine, &to_icd10cm(), &id(1), &nothing);
    let row = t.targets().next().unwrap().origin.row().unwrap();
    let detail = row.detail();
    assert_eq!((detail.rule, detail.advice, detail.correlation, detail.category), ("TRUE", "ALWAYS A00.0", "447561005", "447637006"));
    assert_eq!((row.map().id(), row.line(), row.group(), row.priority()), ("rf2-6011000124106", 2, 1, 1));
}

/// Without the row that could not be read, OTHERWISE was true for what that row is about, and the answer automatic.
#[test]
fn what_is_left_of_a_group_that_lost_a_row_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let maps = [
        (1, "1¦x¦IFA 248153007 |Male|¦¦B01.0"),
        (1, "1¦2¦OTHERWISE TRUE¦¦B02.0"),
        (2, "1¦1¦TRUE¦¦A00.0"),
        (2, "2¦1¦IFA 248152002 |Female|¦tabs¦with¦in¦C01.0"),
        (2, "2¦2¦OTHERWISE TRUE¦¦"),
        (3, "1¦1¦TRUE¦¦D01.0"),
        (4, "1¦one¦TRUE¦¦E01.0"),
        (10, "1¦1¦TRUE¦¦F01.0"),
    ];
    let release = release(&folder, &maps, &[]);
    // Neither active nor inactive.
    let path = folder.path().join("rf2/der2_iisssccRefset_ExtendedMapSnapshot_US_20260301.txt");
    let lines = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> =
        lines.lines().map(|line| if line.contains("F01.0") { line.replacen("\t1\t", "\tx\t", 1) } else { line.into() }).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let (engine, report) = kit::built(&[release]);
    let answer = |concept: u32| ask(&engine, &to_icd10cm(), &id(concept), &of(Sex::Male));
    assert_eq!(told(&answer(1)), "needs-facts B02.0; rule");
    assert_eq!(told(&answer(2)), "needs-facts A00.0; rule");
    assert_eq!(told(&answer(3)), "approximate! D01.0");
    assert_eq!(told(&answer(4)), "needs-facts; rule");
    assert_eq!(told(&answer(10)), "needs-facts; rule");
    let rule = answer(1).needs[0].rule.clone();
    assert!(rule.starts_with("a row was left out: line 2 of ") && rule.ends_with(".txt"), "{rule}");
    let lines: Vec<u64> = report.findings.iter().filter(|f| f.mend.contains("left out")).map(|f| f.line).collect();
    assert_eq!(lines, [2, 5, 8, 9], "{:?}", report.findings);
}

/// Both strengths were once read the wrong way round, and a target of what is not mappable was an automatic code.
#[test]
fn correlations_say_how_a_row_relates() {
    let folder = tempfile::tempdir().unwrap();
    let maps = [
        (1, "1¦1¦TRUE¦¦A00.0¦447557004"),
        (2, "1¦1¦TRUE¦¦B00.0¦447558009"),
        (3, "1¦1¦TRUE¦¦C00.0¦447559001"),
        (4, "1¦1¦TRUE¦¦D00.0¦447560006"),
        (10, "1¦1¦TRUE¦¦E00.0¦447556008"),
        (11, "1¦1¦TRUE¦¦¦447556008"),
    ];
    let (engine, report) = kit::built(&[release(&folder, &maps, &[])]);
    let answer = |concept: u32| ask(&engine, &to_icd10cm(), &id(concept), &Facts::default());
    let strengths: Vec<_> = (1..=4).map(|n| answer(n).targets().next().unwrap().relationship.code()).collect();
    assert_eq!(strengths, ["equivalent", "source-is-narrower-than-target", "source-is-broader-than-target", "related-to"]);
    assert_eq!([10, 11].map(|n| told(&answer(n))), ["needs-facts; rule", "no-map"]);
    let said: Vec<_> = report.findings.iter().filter(|f| f.what.contains("not mappable")).map(|f| (f.line, f.column)).collect();
    assert_eq!(said, [(6, 12)]);
}

#[test]
fn retired_concepts_are_answered_through_their_history() {
    let folder = tempfile::tempdir().unwrap();
    let maps = [(1, "1¦1¦TRUE¦¦A00.0"), (2, "1¦1¦TRUE¦¦B00.0"), (3, "1¦1¦TRUE¦¦A00.0")];
    let history = [
        (5, ids::SAME_AS, 1),
        (6, ids::REPLACED_BY, 5),
        (7, ids::POSSIBLY_EQUIVALENT_TO, 1),
        (7, ids::POSSIBLY_EQUIVALENT_TO, 2),
        (8, ids::ALTERNATIVE, 2),
    ];
    let codes = "00001 A000    1 Cholera\r\n00002 B000    1 Eczema herpeticum\r\n";
    let icd10cm = kit::system("cm", "icd10cm", "2026", "2025-10-01", Format::IcdOrder, codes);
    let (engine, _) = kit::built(&[release(&folder, &maps, &history), icd10cm]);
    let answer = |n: u32| ask(&engine, &to_icd10cm(), &id(n), &Facts::default());
    assert_eq!(told(&answer(5)), "approximate! A00.0");
    let t = answer(6);
    assert_eq!(told(&t), "approximate! A00.0");
    let hops: Vec<_> = t.targets().next().unwrap().hops.iter().map(|h| (h.to.code().to_owned(), h.row.detail().comment)).collect();
    assert_eq!(hops, [(id(5), "REPLACED BY"), (id(1), "SAME AS")]);
    // What may be meant is offered, never taken.
    assert_eq!(told(&answer(7)), "choice A00.0 / B00.0");
    assert_eq!(told(&answer(8)), "approximate B00.0");
    let first = TranslatorOptions { policy: Policy::First, ..to_icd10cm() };
    assert!(ask(&engine, &first, &id(7), &Facts::default()).picked.is_none(), "a policy takes no guess either");
    assert_eq!(told(&answer(9)), "unmapped");
    let why = answer(9).message.to_string();
    assert!(why.ends_with(&format!("has no row for {0}; {0} has expired, and no successor is known", id(9))), "{why}");
    // A record from before the retirement is not refused for its date; one from after it is.
    let translator = engine.translator(to_icd10cm()).unwrap();
    let on = |day: &str| told(&translator.translate(&Asked { date: day.parse().ok(), ..Asked::code(&id(5)) }));
    assert_eq!((on("2019-12-31").as_str(), on("2020-01-01").as_str()), ("approximate! A00.0", "not-valid-on-date"));
}

/// A quarter of the map to ICD-10-CM leaves the seventh character open: no code, and not one target.
#[test]
fn a_target_that_leaves_its_last_character_open_is_a_choice() {
    let folder = tempfile::tempdir().unwrap();
    let maps = [
        (1, "1¦1¦TRUE¦ALWAYS S02.0XX? | EPISODE OF CARE INFORMATION NEEDED¦S02.0XX?"),
        (2, "1¦1¦TRUE¦¦S02.0XX?"),
        (2, "2¦1¦TRUE¦¦A00.0"),
        (3, "1¦1¦IFA 248153007 |Male|¦¦A00.0"),
        (3, "1¦2¦OTHERWISE TRUE¦¦S02.0XX?"),
        (4, "1¦1¦TRUE¦¦S02.9XX?"),
    ];
    let codes = "00001 A000    1 Cholera\r\n00002 S02     0 Fracture\r\n00003 S020XXA 1 Fracture, initial\r\n\
        00004 S020XXD 1 Fracture, subsequent\r\n00005 S020XXS 1 Fracture, sequela\r\n";
    let icd10cm = kit::system("cm", "icd10cm", "2026", "2025-10-01", Format::IcdOrder, codes);
    let (engine, report) = kit::built(&[release(&folder, &maps, &[]), icd10cm]);
    let nothing = Facts::default();
    let answer = |n: u32| ask(&engine, &to_icd10cm(), &id(n), &nothing);
    let t = answer(1);
    assert_eq!(told(&t), "choice S02.0XXA|S02.0XXD|S02.0XXS");
    assert!(t.message.to_string().starts_with("S02.0XX? leaves its last character open"), "{}", t.message);
    let rows: Vec<_> = t.targets().map(|o| (o.priority, o.origin.row().unwrap().detail().advice)).collect();
    let advice = "ALWAYS S02.0XX? | EPISODE OF CARE INFORMATION NEEDED";
    assert_eq!(rows, [(1, advice), (2, advice), (3, advice)]);
    assert_eq!(told(&answer(2)), "choice S02.0XXA|S02.0XXD|S02.0XXS + A00.0");
    assert_eq!(told(&answer(3)), "needs-facts A00.0|S02.0XXA|S02.0XXD|S02.0XXS; sex");
    let first = TranslatorOptions { policy: Policy::First, ..to_icd10cm() };
    let t = ask(&engine, &first, &id(1), &nothing);
    assert_eq!(t.chosen().0.iter().map(|o| o.concept.code()).collect::<Vec<_>>(), ["S02.0XXA"]);
    // There is no code behind this one: it stays as written, and is said.
    assert_eq!(told(&answer(4)), "approximate S02.9XX?");
    let said: Vec<_> = report.findings_from(Severity::Warning).filter(|f| f.what.contains("no loaded release")).collect();
    assert_eq!(said.iter().map(|f| (f.line, f.what.as_str())).collect::<Vec<_>>(), [(7, "S02.9XX? is in no loaded release")]);
    // Backwards, each of the codes leads to the row.
    let back = TranslatorOptions { from: "icd10cm".into(), to: "snomed".into(), reverse: true, ..TranslatorOptions::default() };
    assert_eq!(told(&ask(&engine, &back, "S02.0XXD", &nothing)), format!("choice {}|{}|{}", id(1), id(2), id(3)));
}

/// Two releases side by side: what of a row has changed is said, and what has not is no partner of what has.
#[test]
fn a_difference_of_maps_says_what_changed() {
    let engine = |maps: &[(u32, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        kit::built(&[release(&folder, maps, &[])]).0
    };
    let before = engine(&[(1, "1¦1¦TRUE¦ALWAYS A00.0¦A00.0"), (2, "1¦1¦IFA 248153007 |Male|¦¦B00.0"), (2, "1¦2¦OTHERWISE TRUE¦¦B01.0")]);
    let after = engine(&[
        (1, "1¦1¦IFA 248152002 |Female|¦IF FEMALE¦A00.0"),
        (2, "1¦1¦IFA 248152002 |Female|¦¦B00.0"),
        (2, "1¦2¦IFA 248153007 |Male|¦¦B00.0"),
        (2, "1¦3¦OTHERWISE TRUE¦¦B01.0"),
    ]);
    let diff = before.index().diff(after.index());
    let map = &diff.maps[0];
    let changed: Vec<_> = map.changed.iter().map(|c| (c.after.target().unwrap().code(), c.what.clone())).collect();
    assert_eq!(changed, [("A00.0", vec!["rule", "advice"]), ("B00.0", vec!["rule"]), ("B01.0", vec!["priority"])],);
    assert_eq!((map.added.len(), map.removed.len()), (1, 0));
    let same = engine(&[(1, "1¦1¦TRUE¦ALWAYS A00.0¦A00.0"), (1, "1¦2¦OTHERWISE TRUE¦¦A00.0")]);
    let less = engine(&[(1, "1¦1¦OTHERWISE TRUE¦¦A00.0")]);
    let diff = same.index().diff(less.index());
    let changed = &diff.maps[0].changed[0];
    assert_eq!((changed.before.detail().rule, changed.what.clone()), ("TRUE", vec!["rule", "advice"]));
}

/// Rows that a file does not have in the order of their priorities once were damage to `index verify`.
#[test]
fn an_index_of_unordered_rows_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let maps = [(1, "1¦2¦OTHERWISE TRUE¦¦A00.0"), (1, "1¦1¦IFA 248152002¦¦B00.0"), (1, "1¦1¦IFA 248153007¦¦A00.0"), (2, "1¦x¦TRUE¦¦A00.0")];
    let (engine, _) = kit::built(&[release(&folder, &maps, &[])]);
    assert_eq!(engine.index().verify().damage, Vec::<String>::new());
}

#[test]
fn the_way_back_is_no_equivalence_where_others_or_a_rule_are_needed() {
    let folder = tempfile::tempdir().unwrap();
    let maps = [
        (1, "1¦1¦TRUE¦¦A00.0¦447557004"),
        (2, "1¦1¦TRUE¦¦B00.0¦447557004"),
        (2, "2¦1¦TRUE¦¦B01.0¦447557004"),
        (3, "1¦1¦IFA 248152002 |Female|¦¦C01.0¦447557004"),
        (3, "1¦2¦OTHERWISE TRUE¦¦C02.0¦447557004"),
    ];
    let (engine, _) = kit::built(&[release(&folder, &maps, &[])]);
    let back = TranslatorOptions { from: "icd10cm".into(), to: "snomed".into(), reverse: true, ..TranslatorOptions::default() };
    for (code, outcome) in
        [("A00.0", "exact"), ("B00.0", "approximate"), ("B01.0", "approximate"), ("C01.0", "approximate"), ("C02.0", "approximate")]
    {
        let t = ask(&engine, &back, code, &Facts::default());
        assert_eq!((t.outcome.code(), t.automatic), (outcome, false), "{code}");
    }
}

#[test]
fn ancestors_answer_only_when_asked_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _) = kit::built(&[release(&folder, &[(2, "1¦1¦TRUE¦¦B00.0")], &[(5, ids::SAME_AS, 4)])]);
    assert_eq!(told(&ask(&engine, &to_icd10cm(), &id(4), &Facts::default())), "unmapped");
    let t = ask(&engine, &TranslatorOptions { ancestor: true, ..to_icd10cm() }, &id(4), &Facts::default());
    assert_eq!(told(&t), "approximate B00.0");
    let target = t.targets().next().unwrap();
    assert_eq!(target.ancestor.unwrap().code(), id(2));
    assert_eq!(target.relationship, Relationship::RelatedTo);
    assert!(t.message.to_string().contains("nearest mapped ancestor"), "{}", t.message);
    assert_eq!(told(&ask(&engine, &TranslatorOptions { ancestor: true, ..to_icd10cm() }, &id(1), &Facts::default())), "unmapped");
    // What took the place of a retired concept has ancestors.
    let t = ask(&engine, &TranslatorOptions { ancestor: true, ..to_icd10cm() }, &id(5), &Facts::default());
    assert_eq!(told(&t), "approximate B00.0");
    let target = t.targets().next().unwrap();
    assert_eq!((target.ancestor.unwrap().code(), target.hops[0].to.code()), (id(2).as_str(), id(4).as_str()));
}

fn concept_map(folder: &TempDir, name: &str, json: &str) -> Input {
    let path = folder.path().join(name);
    std::fs::write(&path, json).unwrap();
    input(name, Format::Fhir, Content::SelfDescribed, &path)
}

#[test]
fn a_chain_of_two_maps_lists_its_hops_and_is_never_automatic() {
    let folder = tempfile::tempdir().unwrap();
    let local = |rows: &str| {
        let head = r#"{"resourceType": "ConceptMap", "id": "local", "url": "http://example.org/local-map", "version": "1", "group": [
            {"source": "http://example.org/local", "target": "http://snomed.info/sct", "element": ["#;
        format!("{head}{rows}]}}]}}")
    };
    let row = |code: &str, targets: &[(u32, &str)]| {
        let targets: Vec<_> = targets.iter().map(|(n, r)| format!(r#"{{"code": "{}", "relationship": "{r}"}}"#, id(*n))).collect();
        format!(r#"{{"code": "{code}", "target": [{}]}}"#, targets.join(","))
    };
    let rows = [
        row("a", &[(1, "equivalent")]),
        row("b", &[(1, "equivalent"), (2, "equivalent")]),
        row("c", &[(3, "source-is-narrower-than-target")]),
        row("d", &[(4, "equivalent")]),
        r#"{"code": "e", "noMap": true}"#.to_owned(),
        row("f", &[(1, "equivalent"), (4, "equivalent")]),
        row("g", &[(10, "equivalent")]),
        row("h", &[(10, "equivalent"), (4, "equivalent")]),
        // Retired, with and without a successor.
        row("i", &[(5, "equivalent")]),
        row("j", &[(6, "equivalent")]),
    ];
    let maps = [
        (1, "1¦1¦TRUE¦¦A00.0"),
        (10, "1¦1¦TRUE¦¦A00.0¦447557004"),
        (2, "1¦1¦TRUE¦¦B00.0"),
        (3, "1¦1¦TRUE¦¦C01.0"),
        (3, "2¦1¦IFA 248152002¦¦C02.0"),
        (3, "2¦2¦OTHERWISE TRUE¦¦"),
    ];
    let history = [(5, ids::SAME_AS, 10)];
    let inputs = [release(&folder, &maps, &history), concept_map(&folder, "local.json", &local(&rows.join(",")))];
    let (engine, _) = kit::built(&inputs);
    let options = TranslatorOptions { from: "http://example.org/local".into(), to: "icd10cm".into(), ..TranslatorOptions::default() };
    let check = |code: &str, facts: &Facts, expect: &str| assert_eq!(told(&ask(&engine, &options, code, facts)), expect, "{code}");
    check("a", &Facts::default(), "approximate A00.0");
    check("b", &Facts::default(), "choice A00.0|B00.0");
    check("c", &of(Sex::Female), "combination C01.0 + C02.0");
    check("c", &Facts::default(), "needs-facts C01.0 + C02.0; sex");
    check("d", &Facts::default(), "unmapped");
    check("e", &Facts::default(), "no-map");
    check("g", &Facts::default(), "exact A00.0");
    // One of two alternatives is lost on the way: what is left is not exact.
    check("h", &Facts::default(), "approximate A00.0");
    let t = ask(&engine, &options, "a", &Facts::default());
    let target = t.targets().next().unwrap();
    assert_eq!(target.origin.map().unwrap().id(), "local");
    let hops: Vec<_> = target.hops.iter().map(|h| (h.from.code().to_owned(), h.to.code(), h.row.map().id())).collect();
    assert_eq!(hops, [(id(1), "A00.0", "rf2-6011000124106")]);
    assert_eq!(t.message.to_string(), "by way of snomed (local, then rf2-6011000124106)");
    let t = ask(&engine, &options, "f", &Facts::default());
    assert_eq!(told(&t), "approximate A00.0");
    assert!(t.message.to_string().ends_with(&format!("; rf2-6011000124106 has no row for {}", id(4))), "{}", t.message);
    let t = ask(&engine, &options, "i", &Facts::default());
    assert_eq!(told(&t), "exact A00.0");
    let hops: Vec<_> = t.targets().next().unwrap().hops.iter().map(|h| (h.from.code().to_owned(), h.to.code().to_owned())).collect();
    assert_eq!(hops, [(id(5), id(10)), (id(10), "A00.0".to_owned())]);
    for (code, lacking) in [("d", 4), ("j", 6)] {
        let t = ask(&engine, &options, code, &Facts::default());
        assert_eq!((told(&t).as_str(), t.message.to_string()), ("unmapped", format!("rf2-6011000124106 has no row for {}", id(lacking))));
    }
}

#[test]
fn unmapped_rules_of_concept_maps() {
    let folder = tempfile::tempdir().unwrap();
    let map = |id: &str, unmapped: &str| {
        format!(
            r#"{{"resourceType": "ConceptMap", "id": "{id}", "url": "http://example.org/{id}", "group": [{{"source": "http://example.org/{id}-source",
            "target": "http://example.org/target", "element": [{{"code": "a", "target": [{{"code": "x", "relationship": "equivalent"}}]}},
            {{"code": "x", "noMap": true}}], "unmapped": {unmapped}}}]}}"#
        )
    };
    let source = |id: &str| {
        format!(
            r#"{{"resourceType": "CodeSystem", "url": "http://example.org/{id}-source", "content": "complete",
            "concept": [{{"code": "a"}}, {{"code": "other"}}, {{"code": "x"}}]}}"#
        )
    };
    let mut inputs = Vec::new();
    for (id, unmapped) in [
        ("fixed", r#"{"mode": "fixed", "code": "zz", "display": "Unknown"}"#),
        ("same", r#"{"mode": "use-source-code", "relationship": "equivalent"}"#),
    ] {
        inputs.push(concept_map(&folder, &format!("{id}-map.json"), &map(id, unmapped)));
        inputs.push(concept_map(&folder, &format!("{id}-source.json"), &source(id)));
    }
    let (engine, _) = kit::built(&inputs);
    let check = |id: &str, code: &str, expect: &str| {
        let options = TranslatorOptions {
            from: format!("http://example.org/{id}-source"),
            to: "http://example.org/target".into(),
            ..Default::default()
        };
        assert_eq!(told(&ask(&engine, &options, code, &Facts::default())), expect, "{id} {code}");
    };
    check("fixed", "a", "exact! x");
    check("fixed", "other", "approximate! zz");
    check("fixed", "x", "no-map");
    check("same", "a", "exact! x");
    // Nobody knows which codes the target system has.
    check("same", "other", "exact! other");
    check("same", "nobody", "invalid-code");
    // Nor which codes the source has, if no release of it is loaded.
    let maps: Vec<Input> = inputs.into_iter().filter(|input| input.file.ends_with("-map.json")).collect();
    let (engine, _) = kit::built(&maps);
    let told = |from: &str, code: &str| {
        let options = TranslatorOptions { from: from.into(), to: "http://example.org/target".into(), ..Default::default() };
        told(&ask(&engine, &options, code, &Facts::default()))
    };
    assert_eq!(told("http://example.org/fixed-source", "nobody"), "approximate! zz");
    assert_eq!(told("http://example.org/same-source", "zz"), "exact! zz");
    assert_eq!(told("http://example.org/same-source", "nobody"), "invalid-code");
}

#[test]
fn depends_on_waits_for_its_property() {
    let folder = tempfile::tempdir().unwrap();
    let json = r#"{"resourceType": "ConceptMap", "id": "m", "group": [{"source": "s", "target": "t", "element": [{"code": "a", "target": [
        {"code": "x", "equivalence": "equivalent", "dependsOn": [{"property": "side", "value": "left"}]},
        {"code": "y", "equivalence": "equivalent", "dependsOn": [{"property": "side", "value": "right"}]}]},
        {"code": "b", "target": [{"code": "x", "equivalence": "equivalent", "dependsOn": [{"property": "side", "value": "left AND age=3"}]}]},
        {"code": "c", "target": [{"code": "x", "equivalence": "equivalent", "dependsOn": [{"property": "side", "value": "the \"left\" AND x=3"}]}]}
        ]}]}"#;
    let (engine, _) = kit::built(&[concept_map(&folder, "m.json", json)]);
    let options = TranslatorOptions { from: "s".into(), to: "t".into(), ..Default::default() };
    let side = |value: &str| Facts { properties: vec![("side".into(), value.into())], ..Facts::default() };
    assert_eq!(told(&ask(&engine, &options, "a", &Facts::default())), "needs-facts x|y; side; side");
    assert_eq!(told(&ask(&engine, &options, "a", &side("left"))), "exact! x");
    // No row holds: the map says nothing of it, neither a code nor that there is none.
    assert_eq!(told(&ask(&engine, &options, "a", &side("up"))), "unmapped");
    // One condition, though it reads like two.
    assert_eq!(told(&ask(&engine, &options, "b", &Facts::default())), "needs-facts x; side");
    assert_eq!(told(&ask(&engine, &options, "b", &side("left AND age=3"))), "exact! x");
    assert_eq!(told(&ask(&engine, &options, "b", &side("left"))), "unmapped");
    // What a rule cannot hold is for a person.
    assert_eq!(told(&ask(&engine, &options, "c", &side("the \"left\" AND x=3"))), "needs-facts x; rule");
}

/// In a table OTHERWISE once held always.
#[test]
fn otherwise_holds_where_nothing_else_of_its_group_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows = ["a,x,1,IFA 248152002", "a,y,1,OTHERWISE TRUE", "a,z,2,TRUE", "b,x,1,", "b,y,1,OTHERWISE TRUE"];
    std::fs::write(&path, format!("s,t,g,r\n{}\n", rows.join("\n"))).unwrap();
    let built = |kind: &str| {
        let entry = format!(
            "[[release]]\nid = \"t\"\nmap = \"t\"\nsource = \"s\"\ntarget = \"t\"\nkind = \"{kind}\"\nversion = \"1\"\nformat = \"table\"\n\
            file = \"t.csv\"\n[release.table]\ncolumns = {{ source = \"s\", target = \"t\", group = \"g\", rule = \"r\" }}\n"
        );
        std::fs::write(folder.path().join("manifest.toml"), entry).unwrap();
        let sources = xwalk::releases::from_folders(&[folder.path()]).unwrap();
        kit::built(&sources.iter().map(xwalk::releases::Source::input).collect::<Vec<_>>()).0
    };
    let options = TranslatorOptions { from: "s".into(), to: "t".into(), ..Default::default() };
    for kind in ["table", "rules"] {
        let engine = built(kind);
        let told = |code: &str, facts: &Facts| told(&ask(&engine, &options, code, facts));
        assert_eq!(told("a", &of(Sex::Female)), "combination! x + z", "{kind}");
        assert_eq!(told("a", &of(Sex::Male)), "combination! y + z", "{kind}");
        assert_eq!(told("a", &Facts::default()), "needs-facts x|y + z; sex", "{kind}");
        assert_eq!(told("b", &Facts::default()), "approximate! x", "{kind}");
    }
}

/// An extension says more of a core that lies in another package; apart it would be all orphans.
#[test]
fn an_edition_and_its_extension_are_one_release() {
    let folder = tempfile::tempdir().unwrap();
    let core = release(&folder, &[(1, "1¦1¦TRUE¦¦A00.0")], &[]);
    let path = folder.path().join("extension");
    std::fs::create_dir_all(&path).unwrap();
    let write = |name: &str, text: String| std::fs::write(path.join(name), text.replace('¦', "\t")).unwrap();
    write(
        "sct2_Concept_Snapshot_XX_20260401.txt",
        format!("id¦effectiveTime¦active¦moduleId¦definitionStatusId\n{}¦20260401¦1¦m¦d\n{}¦20260401¦0¦m¦d\n", id(20), id(2)),
    );
    write(
        "sct2_Relationship_Snapshot_XX_20260401.txt",
        format!("id¦effectiveTime¦active¦sourceId¦destinationId¦typeId\n90¦20260401¦1¦{}¦{}¦{}\n", id(20), id(1), ids::IS_A),
    );
    let (engine, report) = kit::built(&[core, input("extension", Format::Rf2, Content::SelfDescribed, &path)]);
    let snomed = engine.index().system("snomed").unwrap();
    let [core, new, retired] = [1, 20, 2].map(|n| snomed.concept(&id(n)).unwrap());
    assert!(new.is_a(core));
    assert!(!retired.is_valid_on(None), "the extension's newer row retires it");
    assert_eq!(snomed.version(), "20260401");
    // The core's edges of the concept that is retired now are said and left out.
    assert!(report.findings.iter().any(|f| f.what.contains("which is inactive")), "{:?}", report.findings);
}

/// What a package does not say, its manifest entry does: where a national map refset leads.
#[test]
fn a_manifest_says_where_a_refset_leads() {
    let folder = tempfile::tempdir().unwrap();
    let vocab = folder.path().join("vocab");
    let shape = Shape::small(5);
    generate::write_rf2(&vocab.join("release"), &shape).unwrap();
    let write = |rf2: &str| {
        let entry = format!("[[release]]\nid = \"edition\"\nformat = \"rf2\"\nfile = \"release\"\n{rf2}");
        std::fs::write(vocab.join("manifest.toml"), entry).unwrap();
        let sources = xwalk::releases::from_folders(&[&vocab])?;
        let inputs: Vec<_> = sources.iter().map(xwalk::releases::Source::input).collect();
        let engine = kit::built(&inputs).0;
        let snomed = engine.index().system("snomed").unwrap().version().to_owned();
        let targets: Vec<_> = engine.index().maps().map(|m| m.target().alias().to_owned()).chain([snomed]).collect();
        Ok::<_, xwalk::releases::Error>(targets)
    };
    assert!(!write("").unwrap().contains(&"payer".to_owned()));
    assert!(write("version = \"March\"\n").unwrap().contains(&"March".to_owned()));
    let said = "[release.rf2]\nlanguages = [900000000000508004]\nmap_targets = { 21999999101 = \"payer\" }\n";
    let targets = write(said).unwrap();
    assert!(targets.contains(&"payer".to_owned()), "{targets:?}");
    let error = write("[release.rf2]\nmap_targets = { snomed = \"payer\" }\n").unwrap_err().to_string();
    assert!(error.contains("not the id of a refset"), "{error}");
}
