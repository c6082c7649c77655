use super::*;
use crate::model::{DesignationUse, MapKind, Relationship};
use crate::read::Collected;

const CONCEPT: &str = "id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId";
const DESCRIPTION: &str = "id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId";
const RELATIONSHIP: &str =
    "id\teffectiveTime\tactive\tmoduleId\tsourceId\tdestinationId\trelationshipGroup\ttypeId\tcharacteristicTypeId\tmodifierId";
const MEMBER: &str = "id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId";
const MAP: &str = "mapGroup\tmapPriority\tmapRule\tmapAdvice\tmapTarget\tcorrelationId\tmapCategoryId";

/// The id of a made-up concept.
fn id(n: u32) -> String {
    let mut id = format!("{n}199999910");
    id.push(char::from(crate::model::system::verhoeff_digit(id.as_bytes()).unwrap()));
    id
}

/// Files by name; a broken bar stands for a tab.
fn collected(files: &[(&str, String)]) -> Collected {
    with(files, &Options::default())
}

fn with(files: &[(&str, String)], options: &Options) -> Collected {
    let mut sink = Collected::default();
    read_from(
        &|wanted, visit| {
            files.iter().filter(|(name, _)| wanted(name)).try_for_each(|(name, text)| visit(name, &mut text.replace('¦', "\t").as_bytes()))
        },
        options,
        &mut sink,
    )
    .unwrap();
    sink
}

fn file(header: &str, rows: &[String]) -> String {
    format!("{header}\r\n{}", rows.iter().map(|row| format!("{row}\r\n")).collect::<String>())
}

fn concepts() -> (&'static str, String) {
    let rows =
        [(1, 1, "20200101"), (2, 1, "20200101"), (3, 0, "20210731")].map(|(n, active, time)| format!("{}¦{time}¦{active}¦m¦d", id(n)));
    ("p/sct2_Concept_Snapshot_INT_20250101.txt", file(CONCEPT, &rows))
}

fn description(serial: u32, concept: u32, kind: &str, term: &str) -> String {
    format!("{serial}¦20200101¦1¦m¦{}¦en¦{kind}¦{term}¦c", id(concept))
}

fn language(serial: u32, refset: u64, description: u32, acceptability: &str) -> String {
    format!("00000000-0000-4000-8000-{serial:012}¦20200101¦1¦m¦{refset}¦{description}¦{acceptability}")
}

/// Of the findings that are not about missing files.
fn said(sink: &Collected) -> Vec<String> {
    sink.findings.iter().filter(|f| f.line > 0).map(|f| format!("{}:{}:{} {}", f.file, f.line, f.column, f.what)).collect()
}

#[test]
fn concepts_terms_and_preferences() {
    let (us, gb) = (ids::LANGUAGE_US, ids::LANGUAGE_GB);
    let sink = collected(&[
        concepts(),
        (
            "p/sct2_Description_Snapshot-en_INT_20250101.txt",
            file(
                DESCRIPTION,
                &[
                    description(11, 1, ids::FULLY_SPECIFIED_NAME, "Color \"quoted\" (finding)"),
                    description(12, 1, ids::SYNONYM, "Color"),
                    description(13, 1, ids::SYNONYM, "Colour"),
                    description(14, 1, ids::SYNONYM, "Hue"),
                    // Only Great Britain prefers a term of this one.
                    description(21, 2, ids::SYNONYM, "Centre"),
                    description(22, 9, ids::SYNONYM, "Orphan"),
                    description(23, 2, "900000000000999999", "Odd"),
                    description(24, 3, ids::SYNONYM, "Retired but named"),
                ],
            ),
        ),
        (
            "p/der2_cRefset_LanguageSnapshot-en_INT_20250101.txt",
            file(
                &format!("{MEMBER}\tacceptabilityId"),
                &[
                    language(1, us, 11, ids::PREFERRED),
                    language(2, us, 12, ids::PREFERRED),
                    language(3, gb, 13, ids::PREFERRED),
                    language(4, us, 14, ids::ACCEPTABLE),
                    language(5, gb, 14, ids::ACCEPTABLE),
                    language(6, gb, 21, ids::PREFERRED),
                ],
            ),
        ),
    ]);
    let mut terms: Vec<_> = sink.designations.iter().map(|d| (d.text.as_str(), d.usage, d.language.as_str())).collect();
    terms.sort_by_key(|t| t.0);
    assert_eq!(
        terms,
        [
            ("Centre", DesignationUse::Preferred, "en-GB"),
            ("Color", DesignationUse::Preferred, "en-US"),
            ("Color \"quoted\" (finding)", DesignationUse::FullySpecifiedName, "en-US"),
            ("Colour", DesignationUse::Synonym, "en-GB"),
            ("Hue", DesignationUse::Synonym, ""),
            ("Retired but named", DesignationUse::Synonym, ""),
        ]
    );
    assert_eq!(sink.systems[0].version, "20250101");
    let file = "p/sct2_Description_Snapshot-en_INT_20250101.txt";
    assert_eq!(
        said(&sink),
        [
            format!("{file}:7:5 {:?} is no concept of this release", id(9)),
            format!("{file}:8:7 900000000000999999 is no type of description that is known"),
        ]
    );
    assert!(sink.findings.iter().any(|f| f.what.contains("no sct2_Relationship file")));
}

#[test]
fn the_callers_language_decides() {
    let files = [
        concepts(),
        (
            "sct2_Description_Snapshot-en_INT_20250101.txt",
            file(DESCRIPTION, &[description(12, 1, ids::SYNONYM, "Color"), description(13, 1, ids::SYNONYM, "Colour")]),
        ),
        (
            "sct2_Description_Snapshot-de_XX_20250101.txt",
            file(DESCRIPTION, &[14, 15].map(|n| description(n, 1, ids::SYNONYM, &format!("Farbe {n}")).replace("¦en¦", "¦de¦"))),
        ),
        (
            "der2_cRefset_LanguageSnapshot-en_INT_20250101.txt",
            file(
                &format!("{MEMBER}\tacceptabilityId"),
                &[
                    language(2, ids::LANGUAGE_US, 12, ids::PREFERRED),
                    language(3, ids::LANGUAGE_GB, 13, ids::PREFERRED),
                    language(4, 21000119109, 14, ids::PREFERRED),
                    language(5, 11000119103, 15, ids::PREFERRED),
                ],
            ),
        ),
    ];
    for (languages, term) in [
        (vec![], "Color"),
        (vec![ids::LANGUAGE_GB], "Colour"),
        (vec![21000119109], "Farbe 14"),
        (vec![11000119103, 21000119109], "Farbe 15"),
        // No term is preferred there: the next refset decides.
        (vec![31000119101], "Color"),
    ] {
        let sink = with(&files, &Options { languages, ..Options::default() });
        let preferred = sink.designations.iter().filter(|d| d.usage == DesignationUse::Preferred);
        assert_eq!(preferred.map(|d| d.text.as_str()).collect::<Vec<_>>(), [term]);
    }
}

#[test]
fn is_a_rows_of_active_concepts_only() {
    let row = |serial: u32, active: u32, child: u32, parent: u32, kind: &str| {
        format!("{serial}¦20200101¦{active}¦m¦{}¦{}¦0¦{kind}¦c¦m", id(child), id(parent))
    };
    let sink = collected(&[
        concepts(),
        (
            "sct2_Relationship_Snapshot_INT_20250101.txt",
            file(
                RELATIONSHIP,
                &[
                    row(1, 1, 2, 1, ids::IS_A),
                    row(2, 0, 1, 2, ids::IS_A),
                    row(3, 1, 2, 1, "363698007"),
                    row(4, 1, 3, 1, ids::IS_A),
                    row(5, 1, 2, 7, ids::IS_A),
                    row(6, 1, 2, 2, ids::IS_A),
                    "7¦2020¦1¦m¦x¦y¦0¦116680003¦c¦m".to_owned(),
                    "8¦20200101¦1".to_owned(),
                ],
            ),
        ),
    ]);
    let parents: Vec<_> = sink.parents.iter().map(|p| (p.code.clone(), p.parent.clone())).collect();
    assert_eq!(parents, [(id(2), id(1))]);
    let said = said(&sink);
    let places: Vec<&str> = said.iter().map(|s| s.split(' ').next().unwrap().rsplit_once(".txt:").unwrap().1).collect();
    assert_eq!(places, ["5:5", "6:6", "7:6", "8:2", "9:4"], "{said:?}");
}

#[test]
fn extended_simple_and_history_maps() {
    let member = |serial: u32, active: u32, refset: &str, concept: u32, tail: &str| {
        format!("00000000-0000-4000-8000-{serial:012}¦20200101¦{active}¦m¦{refset}¦{}¦{tail}", id(concept))
    };
    let us = "6011000124106";
    let sink = collected(&[
        concepts(),
        (
            "der2_iisssccRefset_ExtendedMapSnapshot_US_20250301.txt",
            file(
                &format!("{MEMBER}\t{MAP}"),
                &[
                    member(1, 1, us, 1, "1¦1¦IFA 248152002 |Female|¦IF FEMALE¦A00.0¦447561005¦447637006"),
                    member(2, 1, us, 1, "1¦2¦OTHERWISE TRUE¦¦¦447561005¦447638001"),
                    member(3, 0, us, 1, "1¦3¦TRUE¦¦Z99¦447561005¦447637006"),
                    member(4, 1, us, 1, "4¦1¦IFA nonsense¦¦B00¦447557004¦447637006"),
                    member(5, 1, us, 8, "1¦1¦TRUE¦¦B00¦447561005¦447637006"),
                    member(6, 1, us, 2, "one¦1¦TRUE¦¦B00¦447561005¦447637006"),
                    member(7, 1, "447562003", 2, "1¦1¦TRUE¦¦#NC¦447561005¦447637006"),
                ],
            ),
        ),
        (
            "der2_sRefset_SimpleMapSnapshot_INT_20250101.txt",
            file(&format!("{MEMBER}\tmapTarget"), &[member(8, 1, "447562003", 1, "C01"), member(9, 1, "900000000000497000", 1, "X1")]),
        ),
        (
            "der2_cRefset_AssociationSnapshot_INT_20250101.txt",
            file(
                &format!("{MEMBER}\ttargetComponentId"),
                &[
                    member(10, 1, "900000000000527005", 3, &id(1)),
                    member(11, 1, "900000000000530003", 3, &id(2)),
                    member(12, 1, "900000000000528000", 3, &id(2)),
                    member(13, 1, "900000000000526001", 3, &id(9)),
                ],
            ),
        ),
    ]);
    let rows: Vec<_> = sink
        .targets
        .iter()
        .map(|t| {
            let map = &sink.maps[t.map.0 as usize];
            (map.id.as_str(), map.target.as_str(), t.target.as_deref().unwrap_or("-"), t.group, t.priority, t.relationship)
        })
        .collect();
    use Relationship::{Equivalent, RelatedTo};
    let (one, two) = (id(1), id(2));
    assert_eq!(
        rows,
        [
            ("rf2-history", "snomed", one.as_str(), 0, 0, Equivalent),
            ("rf2-history", "snomed", two.as_str(), 0, 0, RelatedTo),
            ("rf2-6011000124106", "icd10cm", "A00.0", 1, 1, RelatedTo),
            ("rf2-6011000124106", "icd10cm", "-", 1, 2, RelatedTo),
            ("rf2-6011000124106", "icd10cm", "B00", 4, 1, Equivalent),
            ("rf2-447562003", "icd10", "-", 1, 1, RelatedTo),
            ("rf2-447562003", "icd10", "C01", 0, 0, RelatedTo),
            ("rf2-900000000000497000", "refset-900000000000497000", "X1", 0, 0, RelatedTo),
        ]
    );
    assert_eq!(sink.maps.iter().map(|m| m.kind).collect::<Vec<_>>(), [MapKind::Succession, MapKind::Rules, MapKind::Rules, MapKind::Table]);
    assert_eq!((sink.targets[1].comment.as_str(), sink.targets[2].advice.as_str()), ("ALTERNATIVE", "IF FEMALE"));
    assert_eq!((sink.targets[4].rule.as_str(), sink.targets[2].category.as_str()), ("IFA nonsense", "447637006"));
    assert_eq!(sink.targets[5].target_as_written, "#NC");
    let said = said(&sink);
    let places: Vec<&str> = said.iter().map(|s| s.split(' ').next().unwrap().rsplit_once(".txt:").unwrap().1).collect();
    assert_eq!(places, ["5:7", "5:9", "6:6", "7:7"], "{said:?}");
}

/// Rows that were neither active nor inactive once vanished without a word.
#[test]
fn flags_that_are_neither_0_nor_1_are_said() {
    let member = |tail: &str| format!("00000000-0000-4000-8000-000000000001¦20200101¦x¦m¦900000000000527005¦{}{tail}", id(3));
    let sink = collected(&[
        concepts(),
        ("sct2_Description_Snapshot-en_INT_1.txt", file(DESCRIPTION, &[description(11, 1, ids::SYNONYM, "Gone").replace("¦1¦m", "¦2¦m")])),
        ("der2_cRefset_LanguageSnapshot-en_INT_1.txt", file(&format!("{MEMBER}\tacceptabilityId"), &[member("¦x")])),
        ("sct2_Relationship_Snapshot_INT_1.txt", file(RELATIONSHIP, &[format!("1¦20200101¦¦m¦{}¦{}¦0¦116680003¦c¦m", id(2), id(1))])),
        ("der2_cRefset_AssociationSnapshot_INT_1.txt", file(&format!("{MEMBER}\ttargetComponentId"), &[member("¦1")])),
        ("der2_sRefset_SimpleMapSnapshot_INT_1.txt", file(&format!("{MEMBER}\tmapTarget"), &[member("¦A")])),
    ]);
    let said = said(&sink);
    assert_eq!((said.len(), said.iter().filter(|s| s.contains(":2:3 active is ")).count()), (5, 5), "{said:?}");
    assert_eq!((sink.targets.len(), sink.designations.len(), sink.parents.len()), (0, 0, 0));
}

#[test]
fn two_releases_of_one_package_are_said() {
    let of = |name: &'static str| (name, file(CONCEPT, &[format!("{}¦20200101¦1¦m¦d", id(1))]));
    let (old, new, other) = (
        of("a/sct2_Concept_Snapshot_INT_20250101.txt"),
        of("b/sct2_Concept_Snapshot_INT_20260101.txt"),
        of("c/sct2_Concept_Snapshot_US_20260301.txt"),
    );
    let said = |files: &[(&str, String)]| collected(files).findings.into_iter().find(|f| f.what.contains("several")).map(|f| f.what);
    assert_eq!(said(&[old.clone(), new.clone()]).as_deref(), Some("the package INT is here in several releases: 20250101, 20260101"));
    assert_eq!(said(&[new.clone(), other.clone()]), None);
    // One version that the manifest says is the edition's; of two, neither.
    let version = |versions: &[&str]| {
        let versions = versions.iter().map(|v| (*v).to_owned()).collect();
        with(&[new.clone(), other.clone()], &Options { versions, ..Options::default() }).systems[0].version.clone()
    };
    assert_eq!([version(&[]), version(&["2026-03"]), version(&["2026-01", "2026-03"])], ["20260301", "2026-03", "20260301"]);
}

#[test]
fn maps_to_snomed_ct_are_passed_over() {
    let member = format!("00000000-0000-4000-8000-000000000001¦20200101¦1¦m¦1187636009¦{}¦A", id(1));
    let sink =
        collected(&[concepts(), ("der2_sRefset_SimpleMapToSCTSnapshot_INT_1.txt", file(&format!("{MEMBER}\tmapSource"), &[member]))]);
    let said: Vec<_> = sink.findings.iter().filter(|f| f.line > 0).map(|f| (f.severity, f.line)).collect();
    assert_eq!((said, sink.maps.len()), (vec![(Severity::Note, 1)], 0));
}

#[test]
fn the_newest_row_counts_across_packages() {
    let row = |time: &str, active: u32| format!("{}¦{time}¦{active}¦m¦d", id(1));
    let older = ("core/sct2_Concept_Snapshot_INT_20250101.txt", file(CONCEPT, &[row("20200101", 1)]));
    let newer =
        ("edition/sct2_Concept_Snapshot_US_20250301.txt", file(CONCEPT, &[row("20250301", 0), format!("{}¦20250301¦1¦m¦d", id(2))]));
    for files in [[older.clone(), newer.clone()], [newer, older]] {
        let sink = collected(&files);
        assert_eq!(times(&sink, 1), ["Valid ..2025-02-28", "Inactive 2025-03-01.."]);
        assert_eq!(times(&sink, 2), ["Valid .."]);
        assert_eq!(sink.systems[0].version, "20250301");
    }
}

/// An extension of which only the Full form is at hand was once left out beside a Snapshot, in silence.
#[test]
fn packages_of_different_forms_are_read_together() {
    let row = |n: u32, time: &str, active: u32| format!("{}¦{time}¦{active}¦m¦d", id(n));
    let core = ("core/sct2_Concept_Snapshot_INT_20250101.txt", file(CONCEPT, &[row(1, "20200101", 1), row(3, "20210731", 0)]));
    let extension = ("sct2_Concept_Full_US1000124_20250301.txt", file(CONCEPT, &[row(2, "20220101", 1), row(2, "20230101", 0)]));
    let sink = collected(&[core, extension]);
    assert_eq!(times(&sink, 1), ["Valid .."]);
    assert_eq!(times(&sink, 2), ["Valid 2022-01-01..2022-12-31", "Inactive 2023-01-01.."]);
    assert_eq!(times(&sink, 3), ["Valid ..2021-07-30", "Inactive 2021-07-31.."]);
    assert_eq!(sink.systems[0].version, "20250301");
}

/// When a concept was what.
fn times(sink: &Collected, n: u32) -> Vec<String> {
    let day = |date: Option<Date>| date.map_or_else(String::new, |d| d.to_string());
    let of_it = sink.concepts.iter().filter(|c| c.code == id(n));
    of_it.map(|c| format!("{:?} {}..{}", c.status, day(c.from), day(c.to))).collect()
}

/// A claim of 2019 keeps its code although the concept was retired in 2021.
#[test]
fn a_retired_concept_was_valid_until_the_day_before() {
    let sink = collected(&[concepts()]);
    assert_eq!(times(&sink, 3), ["Valid ..2021-07-30", "Inactive 2021-07-31.."]);
    assert_eq!(times(&sink, 1), ["Valid .."]);
}

#[test]
fn full_takes_the_newest_and_snapshot_goes_before_full() {
    let full = (
        "Full/sct2_Concept_Full_INT_20250101.txt",
        file(CONCEPT, &["20200101¦1", "20230101¦0", "20210101¦1"].map(|r| format!("{}¦{r}¦m¦d", id(1)))),
    );
    let of_full = ["Valid 2020-01-01..2022-12-31", "Inactive 2023-01-01.."];
    assert_eq!(times(&collected(std::slice::from_ref(&full)), 1), of_full);
    assert_eq!(times(&collected(&[full.clone(), concepts()]), 1), ["Valid .."]);
    let sink = with(&[full, concepts()], &Options { form: Some(Form::Full), ..Options::default() });
    assert_eq!(times(&sink, 1), of_full);
    assert!(times(&sink, 2).is_empty());
    let back = file(CONCEPT, &["20200101¦1", "20230101¦1", "20210101¦0"].map(|r| format!("{}¦{r}¦m¦d", id(1))));
    let sink = collected(&[("sct2_Concept_Full_INT_20250101.txt", back)]);
    assert_eq!(times(&sink, 1), ["Valid 2020-01-01..2020-12-31", "Inactive 2021-01-01..2022-12-31", "Valid 2023-01-01.."]);
}

#[test]
fn what_is_no_release_is_said() {
    let only = |name: &'static str, text: &str| collected(&[(name, text.to_owned())]);
    assert!(only("notes.txt", "x").findings[0].what.contains("no Snapshot or Full files"));
    assert!(only("sct2_Concept_Delta_INT_20250101.txt", CONCEPT).findings[0].what.contains("no Snapshot or Full files"));
    let is_a = format!("1¦20200101¦1¦m¦{}¦{}¦0¦116680003¦c¦m", id(2), id(1));
    let sink = collected(&[("sct2_Relationship_Snapshot_INT_20250101.txt", file(RELATIONSHIP, &[is_a]))]);
    assert_eq!((sink.parents.len(), said(&sink)), (1, Vec::new()));
    let missing: Vec<_> =
        sink.findings.iter().filter(|f| f.severity == Severity::Note).map(|f| f.what.split(':').next().unwrap()).collect();
    assert_eq!(missing, ["the release has no der2_cRefset_Association file", "the release has no der2_...Refset_...Map file"]);
    let sink = only("sct2_Concept_Snapshot_INT_20250101.txt", "conceptid\tname\r\n1\tx\r\n");
    let header = sink.findings.iter().find(|f| f.line == 1).unwrap();
    assert!(header.what.contains("no column id, effectiveTime, active"), "{header}");
    let sink = only("sct2_Concept_Snapshot_INT_20250101.txt", "");
    assert!(sink.findings.iter().any(|f| f.what == "the file is empty"));
    let sink = collected(&[("sct2_Concept_Snapshot_INT_20250101.txt", file(CONCEPT, &[format!("{}¦20200101¦1¦m¦d", "10199999913")]))]);
    assert_eq!(
        said(&sink),
        ["sct2_Concept_Snapshot_INT_20250101.txt:2:1 \"10199999913\" is not the id of a concept, or its check digit is wrong"]
    );
}
