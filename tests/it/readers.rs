//! The readers on whole published files: every count that the formats' guide gives.

use crate::published::{NCHS, with_member};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use xwalk::model::{CodeForm, DesignationUse, GemFlags, MapKind, Relationship, Status};
use xwalk::read::recognise::{Content, HEAD, recognise};
use xwalk::read::{Collected, MapRelease, SystemRelease, Unmapped, gem, hcpcs, icd_codes, icd_order, icd9};
use xwalk::read::{Format, icd_addenda, icd10cm_code_list, icd10cm_conversion, icd10cm_tabular, source};

fn system(alias: &str, version: &str) -> SystemRelease {
    SystemRelease { system: alias.into(), version: version.into(), ..SystemRelease::default() }
}

fn map(source: &str, target: &str) -> MapRelease {
    MapRelease {
        id: format!("gem-{source}-{target}"),
        url: String::new(),
        title: String::new(),
        version: "2018".into(),
        source: source.into(),
        target: target.into(),
        kind: MapKind::Gem,
        from: None,
        to: None,
        unmapped: Unmapped::None,
    }
}

/// Fiscal year, archive, order file, codes file (empty: none), billable codes, headers.
const ICD10CM: [(&str, &str, &str, &str, usize, usize); 14] = [
    ("2014", "2014/ICD10CM-FY2014_OrderFiles.zip", "icd10cm_order_2014.txt", "", 69_823, 21_914),
    ("2015", "2015/ICD10CM_FY2015_code_descriptions.zip", "icd10cm_order_2015.txt", "", 69_823, 21_914),
    ("2016", "2016/ICD10CM_FY2016_code_descriptions.zip", "icd10cm_order_2016.txt", "", 69_823, 21_914),
    ("2017", "cms/cms_2017_dx.zip", "icd10cm_order_2017.txt", "icd10cm_codes_2017.txt", 71_486, 22_344),
    ("2018", "2018/2018-ICD-10-Code-Order-Descriptions.zip", "icd10cm_order_2018.txt", "", 71_704, 22_423),
    ("2019", "cms/cms_2019_dx.zip", "icd10cm_order_2019.txt", "icd10cm_codes_2019.txt", 71_932, 22_512),
    ("2020", "cms/cms_2020_dx.zip", "icd10cm_order_2020.txt", "icd10cm_codes_2020.txt", 72_184, 22_581),
    ("2021", "2021/icd10cm-codes-order-Jan-2021.zip", "icd10cm-order-Jan-2021.txt", "icd10cm-codes-Jan-2021.txt", 72_621, 22_737),
    ("2022", "2022/Code Descriptions zip.zip", "icd10cm-order-2022.txt", "icd10cm-codes-2022.txt", 72_748, 22_776),
    ("2023", "2023/icd10-Order-CodeFiles2023.zip", "icd10cm-order-2023.txt", "icd10cm-codes-2023.txt", 73_639, 23_106),
    ("2024", "2024/icd10cm-CodesDescriptions-2024.zip", "icd10cm-order-2024.txt", "icd10cm-codes-2024.txt", 74_044, 23_252),
    ("April 2024", "2024-Update/icd10cm-Codes-Descriptions-April-2024.zip", "icd10cm-order-April-2024.txt", "", 74_044, 23_252),
    ("2025", "2025/ICD10-CM Code Descriptions 2025.zip", "icd10cm-order-2025.txt", "icd10cm-codes-2025.txt", 74_260, 23_324),
    ("2026", "2026/icd10cm-Code Descriptions-2026.zip", "icd10cm-order-2026.txt", "icd10cm-codes-2026.txt", 74_719, 23_467),
];

fn nchs_or_cms(archive: &str) -> String {
    if archive.starts_with("cms/") { archive.to_owned() } else { format!("{NCHS}/{archive}") }
}

#[test]
fn icd10cm_order_and_codes_files() {
    let mut ever = BTreeSet::new();
    for (year, archive, order_file, codes_file, billable, headers) in ICD10CM {
        let archive = nchs_or_cms(archive);
        let mut order = Collected::default();
        if !with_member(&archive, order_file, |name, input| icd_order::read(input, name, &system("icd10cm", year), &mut order)) {
            return;
        }
        assert_eq!(order.findings, [], "{year}");
        assert_eq!((order.count(Status::Valid), order.count(Status::Header)), (billable, headers), "{year}");
        let long: Vec<_> = order.designations.iter().filter(|d| d.usage == DesignationUse::Long).collect();
        let short = order.designations.iter().filter(|d| d.usage == DesignationUse::Short);
        assert_eq!((long.len(), short.count()), (billable + headers, billable + headers), "{year}");
        assert!(order.designations.iter().all(|d| !d.text.starts_with(' ') && !d.text.ends_with(' ')), "{year}");
        ever.extend(order.concepts.iter().filter(|c| c.status == Status::Valid).map(|c| c.code.clone()));
        if year == "2026" {
            let lengths = |n| order.concepts.iter().filter(|c| c.status == Status::Valid && c.code.len() == n).count();
            assert_eq!([3, 4, 5, 6, 7].map(lengths), [214, 5_398, 7_143, 10_479, 51_485]);
        }
        if codes_file.is_empty() {
            continue;
        }

        // The codes file is the billable part of the order file, with the same titles.
        let mut codes = Collected::default();
        with_member(&archive, codes_file, |name, input| icd_codes::read(input, name, &system("icd10cm", year), &mut codes));
        assert_eq!(codes.findings, [], "{year}");
        let titles: BTreeMap<_, _> = long.iter().map(|d| (d.code.as_str(), d.text.as_str())).collect();
        let valid: BTreeMap<_, _> =
            order.concepts.iter().filter(|c| c.status == Status::Valid).map(|c| (c.code.as_str(), titles[c.code.as_str()])).collect();
        let read: BTreeMap<_, _> = codes.designations.iter().map(|d| (d.code.as_str(), d.text.as_str())).collect();
        assert!(valid == read, "{year}");
    }
    assert_eq!(ever.len(), 75_719);
}

#[test]
fn icd10pcs_order_files() {
    for (year, valid, headers) in [("2018", 78_705, 873), ("2024", 78_638, 905), ("2025", 78_948, 908), ("2026", 79_115, 914)] {
        let mut order = Collected::default();
        let member = format!("icd10pcs_order_{year}.txt");
        let archive = format!("cms/cms_{year}_pr.zip");
        if !with_member(&archive, &member, |name, input| icd_order::read(input, name, &system("icd10pcs", year), &mut order)) {
            return;
        }
        assert_eq!(order.findings, [], "{year}");
        assert_eq!((order.count(Status::Valid), order.count(Status::Header)), (valid, headers), "{year}");
    }
}

#[test]
fn icd9_descriptions() {
    let mut codes = BTreeMap::new();
    for (member, alias, usage, count) in [
        ("CMS32_DESC_LONG_DX.txt", "icd9cm", DesignationUse::Long, 14_567),
        ("CMS32_DESC_SHORT_DX.txt", "icd9cm", DesignationUse::Short, 14_567),
        ("CMS32_DESC_LONG_SG.txt", "icd9proc", DesignationUse::Long, 3_882),
        ("CMS32_DESC_SHORT_SG.txt", "icd9proc", DesignationUse::Short, 3_882),
    ] {
        let mut sink = Collected::default();
        if !with_member("cms/icd9_cms_v32.zip", member, |name, input| icd9::read(input, name, &system(alias, "32"), usage, &mut sink)) {
            return;
        }
        assert_eq!(sink.findings, [], "{member}");
        assert_eq!((sink.count(Status::Valid), sink.designations.len()), (count, count), "{member}");
        if usage == DesignationUse::Long {
            let accented: Vec<_> = sink.designations.iter().filter(|d| !d.text.is_ascii()).map(|d| d.text.as_str()).collect();
            assert_eq!(accented.len(), if alias == "icd9cm" { 7 } else { 0 });
            assert!(accented.iter().all(|t| ["Friedländer", "Sträussler", "Ménière"].iter().any(|name| t.contains(name))), "{accented:?}");
            codes.insert(alias, sink.concepts.iter().map(|c| c.code.clone()).collect::<BTreeSet<_>>());
        }
    }
    assert_eq!(codes["icd9cm"].intersection(&codes["icd9proc"]).count(), 1_593);
}

/// What the formats' guide says of one GEM file of 2018.
struct Gem {
    archive: &'static str,
    member: &'static str,
    source: &'static str,
    target: &'static str,
    rows: usize,
    sources: usize,
    exact: usize,
    no_map_flags: usize,
    no_targets: usize,
    combinations: usize,
    largest: (u8, u8),
    most: (usize, &'static str),
    findings: usize,
}

const GEMS: [Gem; 4] = [
    Gem {
        archive: "2018/Dxgem_2018.zip",
        member: "2018_I9gem.txt",
        source: "icd9cm",
        target: "icd10cm",
        rows: 24_860,
        sources: 14_567,
        exact: 3_522,
        no_map_flags: 422,
        no_targets: 422,
        combinations: 2_338,
        largest: (6, 3),
        most: (533, "V5412"),
        findings: 0,
    },
    Gem {
        archive: "2018/Dxgem_2018.zip",
        member: "2018_I10gem.txt",
        source: "icd10cm",
        target: "icd9cm",
        rows: 81_593,
        sources: 71_704,
        exact: 3_522,
        no_map_flags: 731,
        no_targets: 731,
        combinations: 9_033,
        largest: (5, 4),
        most: (12, "F458"),
        findings: 1,
    },
    Gem {
        archive: "cms/pcs_gems_2018.zip",
        member: "gem_i9pcs.txt",
        source: "icd9proc",
        target: "icd10pcs",
        rows: 73_593,
        sources: 3_882,
        exact: 47,
        no_map_flags: 210,
        no_targets: 210,
        combinations: 3_392,
        largest: (8, 9),
        most: (1_287, "3929"),
        findings: 3,
    },
    Gem {
        archive: "cms/pcs_gems_2018.zip",
        member: "gem_pcsi9.txt",
        source: "icd10pcs",
        target: "icd9proc",
        rows: 101_025,
        sources: 78_705,
        exact: 47,
        no_map_flags: 2,
        no_targets: 31,
        combinations: 20_641,
        largest: (1, 6),
        most: (11, "3C1ZX8Z"),
        findings: 30,
    },
];

#[test]
fn gems_of_2018() {
    let mut mixed = 0;
    for gem in GEMS {
        let mut sink = Collected::default();
        let archive = nchs_or_cms(gem.archive);
        let given = map(gem.source, gem.target);
        if !with_member(&archive, gem.member, |name, input| gem::read(input, name, &given, &mut sink)) {
            return;
        }
        let name = gem.member;
        assert_eq!(sink.findings.len(), gem.findings, "{name}: {:#?}", sink.findings);
        let flags = |t: &xwalk::read::collected::Target| GemFlags::from_number(t.gem_flags).unwrap();
        let mut by_source: BTreeMap<&str, usize> = BTreeMap::new();
        for target in &sink.targets {
            *by_source.entry(&target.source).or_default() += 1;
        }
        let count = |is: &dyn Fn(&xwalk::read::collected::Target) -> bool| sink.targets.iter().filter(|t| is(t)).count();
        assert_eq!((sink.targets.len(), by_source.len()), (gem.rows, gem.sources), "{name}");
        assert_eq!(count(&|t| t.relationship == Relationship::Equivalent), gem.exact, "{name}");
        assert_eq!(count(&|t| flags(t).no_map), gem.no_map_flags, "{name}");
        assert_eq!(count(&|t| t.target.is_none()), gem.no_targets, "{name}");
        assert_eq!(count(&|t| flags(t).combination), gem.combinations, "{name}");
        assert_eq!(count(&|t| t.scenario > 0 && t.group > 0), gem.combinations, "{name}");
        assert_eq!(count(&|t| (t.scenario == 0) != (t.group == 0)), 0, "{name}");
        let largest = |digit: &dyn Fn(GemFlags) -> u8| sink.targets.iter().map(|t| digit(flags(t))).max().unwrap();
        assert_eq!((largest(&|f| f.scenario), largest(&|f| f.choice_list)), gem.largest, "{name}");
        assert_eq!((by_source.values().max(), by_source[gem.most.1]), (Some(&gem.most.0), gem.most.0), "{name}");
        let sources =
            |combined: bool| sink.targets.iter().filter(|t| (t.scenario > 0) == combined).map(|t| &t.source).collect::<BTreeSet<_>>();
        mixed += if name.starts_with("2018_") { sources(true).intersection(&sources(false)).count() } else { 0 };

        // What was read writes the published bytes again.
        let mut written = Vec::new();
        let widths = gem::column_widths(&given);
        for target in &sink.targets {
            gem::write_line(&mut written, &target.row(), widths).unwrap();
        }
        with_member(&archive, gem.member, |_, input| {
            let mut published = Vec::new();
            input.read_to_end(&mut published)?;
            assert!(published == written, "{name} is not written as published");
            Ok(())
        });
    }
    assert_eq!(mixed, 205, "diagnosis sources with single and combination rows");
}

#[test]
fn hcpcs_2020() {
    let mut sink = Collected::default();
    let given = system("hcpcs", "2020");
    if !with_member("cms/hcpcs_2020.zip", "HCPC2020_ANWEB_w_disclaimer.txt", |name, input| hcpcs::read(input, name, &given, &mut sink)) {
        return;
    }
    assert_eq!(sink.findings, []);
    let modifiers = sink.concepts.iter().filter(|c| c.code.len() == 2).count();
    assert_eq!((sink.concepts.len() - modifiers, modifiers), (6_710, 369));
    assert_eq!(sink.concepts.iter().filter(|c| c.to.is_some()).count(), 615);
    assert!(sink.concepts.iter().all(|c| c.from.is_some()));
    let count = |usage| sink.designations.iter().filter(|d| d.usage == usage).count();
    assert_eq!((count(DesignationUse::Long), count(DesignationUse::Short)), (7_079, 7_079));
    assert_eq!(
        sink.designation("AD", DesignationUse::Long),
        Some("Medical supervision by a physician: more than four concurrent anesthesia procedures")
    );

    // The long texts, joined by the simplest possible reading of the file.
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    with_member("cms/hcpcs_2020.zip", "HCPC2020_ANWEB_w_disclaimer.txt", |_, input| {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        for line in bytes.split(|b| *b == b'\n').filter(|l| l.len() > 11 && l.is_ascii() && l[5..10].iter().all(u8::is_ascii_digit)) {
            let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&line[range]).trim().to_owned();
            joined.entry(text(0..5)).and_modify(|all| *all += &format!(" {}", text(11..91))).or_insert_with(|| text(11..91));
        }
        Ok(())
    });
    let read: BTreeMap<_, _> =
        sink.designations.iter().filter(|d| d.usage == DesignationUse::Long).map(|d| (d.code.clone(), d.text.clone())).collect();
    assert!(read == joined);
}

#[test]
fn conversion_table_of_2026() {
    let mut sink = Collected::default();
    let given = MapRelease { kind: MapKind::Succession, version: "2026".into(), ..map("icd10cm", "icd10cm") };
    let file = "ICD-10-CM-CONVERSION-TABLE-FY2026.xlsx";
    if !with_member(&format!("cms/{file}"), file, |name, input| icd10cm_conversion::read(input, name, &given, &mut sink)) {
        return;
    }
    let row = |source: &str, target: &str| {
        sink.targets
            .iter()
            .find(|t| t.source == source && t.target.as_deref() == Some(target))
            .map(|t| (t.line, t.from.unwrap().to_string()))
    };
    assert_eq!(row("A047", "A0471"), Some((3, "2017-10-01".to_owned())));
    assert_eq!(row("K352", "K3520").map(|r| r.1), Some("2018-10-01".to_owned()));
    assert_eq!(row("K3520", "K35200").map(|r| r.1), Some("2023-10-01".to_owned()));
    assert_eq!(row("J1289", "J1282"), Some((1_386, "2021-01-01".to_owned())));
    assert!(sink.targets.iter().all(|t| t.from.is_some() && t.target.is_some()));

    // Every row is accounted for: as rows, as a range, or in a finding.
    let rows: BTreeSet<u64> = sink.targets.iter().chain(sink.ranges.iter().map(|(.., t)| t)).map(|t| t.line).collect();
    let repeated = sink.findings.iter().filter(|f| f.what.contains("already")).count();
    let unsourced: Vec<_> = sink.findings.iter().filter(|f| f.what.contains("names no predecessor")).map(|f| f.line).collect();
    assert_eq!((rows.len(), repeated, unsourced), (5_892 - 8 - 125 - 126, 8, vec![1_519, 1_837, 5_378]));
    assert_eq!(sink.findings.len(), 8 + 3 + 2, "{:#?}", sink.findings);
    assert_eq!(sink.targets.iter().filter(|t| !t.comment.is_empty()).map(|t| t.line).collect::<BTreeSet<_>>().len(), 254);
    assert_eq!((sink.targets.len(), sink.ranges.len()), (5_921, 85));
}

/// The tabular and the code list that the binary carries, held against the order file of FY2026.
#[test]
fn tabular_of_april_2026() {
    let vocab = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/vocab"));
    let given = system("icd10cm", "April 2026");
    let (mut tabular, mut list) = (Collected::default(), Collected::default());
    let all = |_: &str| true;
    source::visit_path(&vocab.join("icd10c-tabular-April-1-2026.xml.zst"), &all, &mut |name, input| {
        icd10cm_tabular::read(input, name, &given, &mut tabular)
    })
    .unwrap();
    source::visit_path(&vocab.join("code-list-April-2026.txt.zst"), &all, &mut |name, input| {
        icd10cm_code_list::read(input, name, &given, &mut list)
    })
    .unwrap();
    assert_eq!((&tabular.findings, &list.findings), (&vec![], &vec![]));
    let statuses = |read: &Collected| read.concepts.iter().map(|c| (c.code.clone(), c.status)).collect::<BTreeMap<_, _>>();
    assert_eq!((tabular.count(Status::Valid), tabular.count(Status::Header)), (74_719, 23_467));
    assert!(statuses(&tabular) == statuses(&list));
    let count = |usage| tabular.designations.iter().filter(|d| d.usage == usage).count();
    assert_eq!(
        (count(DesignationUse::Long), count(DesignationUse::Composed), count(DesignationUse::InclusionTerm)),
        (46_881, 51_305, 12_569)
    );
    assert_eq!(tabular.parents.len(), 98_186 - 1_918);
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    for note in &tabular.notes {
        *kinds.entry(note.kind.code()).or_default() += 1;
    }
    let expected = [
        ("codeAlso", 645),
        ("codeFirst", 800),
        ("excludes1", 5_253),
        ("excludes2", 2_180),
        ("includes", 918),
        ("note", 101),
        ("sevenChrDef", 1_798),
        ("sevenChrNote", 508),
        ("useAdditionalCode", 1_440),
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);

    let mut order = Collected::default();
    let (_, archive, member, ..) = ICD10CM[13];
    if !with_member(&nchs_or_cms(archive), member, |name, input| icd_order::read(input, name, &system("icd10cm", "2026"), &mut order)) {
        return;
    }
    assert!(statuses(&tabular) == statuses(&order));
    // Composed titles are those that the order file prints, but for the accents that it leaves out.
    let long: BTreeMap<_, _> =
        order.designations.iter().filter(|d| d.usage == DesignationUse::Long).map(|d| (d.code.as_str(), d.text.as_str())).collect();
    let composed = tabular.designations.iter().filter(|d| d.usage == DesignationUse::Composed);
    let different: Vec<_> = composed.filter(|d| long[d.code.as_str()] != d.text).collect();
    assert!(different.iter().all(|d| d.text.contains("Brown-S\u{e9}quard")), "{different:#?}");
    assert_eq!(different.len(), 42);
}

/// Years that have addenda: the year, the name of the addenda, and what the published file changes without saying so there: codes,
/// statuses, long titles, short titles. FY2023 and FY2024 follow the updates of April 2022 and April 2023, whose files are not at hand.
const ADDENDA: [(&str, &str, [usize; 4]); 10] = [
    ("2017", "icd10cm_order_addenda_2017.txt", [0, 0, 0, 0]),
    ("2018", "icd10cm_order_addenda_2018.txt", [0, 0, 0, 12]),
    ("2019", "icd10cm_order_addenda_2019.txt", [0, 0, 0, 0]),
    ("2020", "icd10cm_order_addenda_2020.txt", [0, 0, 0, 0]),
    ("2021", "icd10cm-order-addenda-Jan-2021.txt", [0, 0, 0, 0]),
    ("2022", "icd10cm-order-addenda-2022.txt", [0, 0, 2, 2]),
    ("2023", "icd10cm-order-addenda-2023.txt", [4, 1, 1, 1]),
    ("2024", "icd10cm-order-addenda-2024.txt", [50, 7, 1, 1]),
    ("2025", "icd10cm-order-addenda-2025.txt", [0, 0, 0, 0]),
    ("2026", "icd10cm-order-addenda-2026.txt", [0, 0, 0, 0]),
];

fn addenda_rows(read: &Collected) -> BTreeMap<String, icd_addenda::Row> {
    let mut rows: BTreeMap<String, icd_addenda::Row> = BTreeMap::new();
    for concept in &read.concepts {
        rows.entry(concept.code.clone()).or_default().status = Some(concept.status);
    }
    for designation in &read.designations {
        let row = rows.entry(designation.code.clone()).or_default();
        match designation.usage {
            DesignationUse::Short => row.short = Some(designation.text.clone()),
            _ => row.long.clone_from(&designation.text),
        }
    }
    rows
}

/// Each year's order file is the one before with the addenda applied, but for what [`ADDENDA`] says.
#[test]
fn addenda_lead_from_year_to_year() {
    let mut last: Option<BTreeMap<String, icd_addenda::Row>> = None;
    for (year, archive, order_file, ..) in ICD10CM {
        let archive = nchs_or_cms(archive);
        let mut order = Collected::default();
        if !with_member(&archive, order_file, |name, input| icd_order::read(input, name, &system("icd10cm", year), &mut order)) {
            return;
        }
        let rows = addenda_rows(&order);
        if let (Some((_, member, unsaid)), Some(mut before)) = (ADDENDA.iter().find(|(y, ..)| *y == year), last.take()) {
            let mut sink = Collected::default();
            let mut addenda = icd_addenda::Addenda::default();
            with_member(&archive, member, |name, input| {
                addenda = icd_addenda::read(input, name, icd_addenda::Layout::Order, CodeForm::Icd10Cm, &mut sink)?;
                Ok(())
            });
            icd_addenda::apply(&mut before, &addenda, member, &mut sink);
            assert_eq!(sink.findings, [], "{year}");
            let all: BTreeSet<_> = rows.keys().chain(before.keys()).collect();
            let pairs: Vec<_> = all.into_iter().map(|code| (before.get(code), rows.get(code))).collect();
            let both = |differ: &dyn Fn(&icd_addenda::Row, &icd_addenda::Row) -> bool| {
                pairs.iter().filter(|(a, b)| a.zip(*b).is_some_and(|(a, b)| differ(a, b))).count()
            };
            let codes = pairs.iter().filter(|(a, b)| a.is_some() != b.is_some()).count();
            let found = [codes, both(&|a, b| a.status != b.status), both(&|a, b| a.long != b.long), both(&|a, b| a.short != b.short)];
            assert_eq!(found, *unsaid, "{year}");
            let counted = |status| rows.values().filter(|row| row.status == Some(status)).count();
            let totals: Vec<_> = addenda.totals.iter().map(|(what, count, _)| (what.as_str(), *count)).collect();
            assert_eq!((totals[1], totals[3]), (("headers", counted(Status::Header)), ("codes", counted(Status::Valid))), "{year}");
        }
        last = Some(rows);
    }
}

/// Every text file of every published archive is what its reader says it is; papers and workbooks of titles are not taken for data.
#[test]
fn published_files_are_recognised() {
    let Some(releases) = crate::published::releases("published_files_are_recognised") else { return };
    let mut found: BTreeMap<(Format, String), Vec<String>> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    source::visit_path(&releases, &|_| true, &mut |name, input| {
        let mut head = Vec::new();
        input.take(HEAD as u64).read_to_end(&mut head)?;
        let base = name.rsplit('/').next().unwrap_or(name).to_owned();
        match recognise(name, &head) {
            Some(r) => {
                let content = match r.content {
                    Content::System(system) => system.to_owned(),
                    Content::Map(source, target) => format!("{source} {target}"),
                    Content::Itself => String::new(),
                };
                found.entry((r.format, content)).or_default().push(base);
            }
            None => _ = unknown.insert(base),
        }
        Ok(())
    })
    .unwrap();
    let count = |format, content: &str| found.get(&(format, content.to_owned())).map_or(0, Vec::len);
    assert_eq!((count(Format::IcdOrder, "icd10cm"), count(Format::IcdOrder, "icd10pcs")), (14, 4), "{found:#?}");
    assert_eq!(count(Format::IcdCodes, "icd10cm"), 10, "{found:#?}");
    assert_eq!((count(Format::Icd9TitlesLong, "icd9cm"), count(Format::Icd9TitlesShort, "icd9cm")), (1, 1), "{found:#?}");
    assert_eq!((count(Format::Icd9TitlesLong, "icd9proc"), count(Format::Icd9TitlesShort, "icd9proc")), (1, 1), "{found:#?}");
    for map in ["icd9cm icd10cm", "icd10cm icd9cm", "icd9proc icd10pcs", "icd10pcs icd9proc"] {
        assert_eq!(count(Format::Gem, map), 1, "{map} {found:#?}");
    }
    assert_eq!((count(Format::Hcpcs, "hcpcs"), count(Format::Icd10cmConversion, "icd10cm icd10cm")), (1, 1), "{found:#?}");
    assert_eq!((count(Format::IcdAddenda, "icd10pcs"), count(Format::IcdAddenda, "icd10cm")), (4, 19), "{found:#?}");
    let unknown: Vec<_> = unknown.iter().map(String::as_str).collect();
    assert_eq!(
        unknown,
        [
            "CMS32_DESC_LONG_SHORT_DX.xlsx",
            "CMS32_DESC_LONG_SHORT_SG.xlsx",
            "HCPC2020_README.txt",
            "README.md",
            "SHA256SUMS",
            "icd10cm-codes-addenda-April-2024.txt",
            "icd10cm-drug-April-2024.txt",
            "icd10cm-order-addenda-April-2024.txt",
            "icd10cm_diff_2014.txt",
        ]
    );
}
