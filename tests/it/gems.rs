//! The four GEM files of 2018 as published and the three that the binary carries, whole: every row comes back with its flags, in both
//! directions, and the files can be written again.

use crate::kit::{self, map};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use xwalk::engine::{Asked, Engine, Outcome, TranslatorOptions};
use xwalk::index::ConceptMap;
use xwalk::model::{GemFlags, MapKind, Relationship};
use xwalk::read::{Format, TargetDetail, TargetRow, gem};

/// A file, its map, and what FORMATS counts in it: rows, sources, exact, no map, combination rows.
struct Published {
    /// Of a mirror; empty: the binary has it.
    zip: &'static str,
    member: &'static str,
    id: &'static str,
    pair: (&'static str, &'static str),
    counts: [usize; 5],
    largest: (u8, u8),
    most_rows: usize,
}

const DX: &str = "ftp.cdc.gov/pub/Health_Statistics/NCHS/Publications/ICD10CM/2018/Dxgem_2018.zip";
const PROC: &str = "cms/pcs_gems_2018.zip";
const FILES: [Published; 4] = [
    Published {
        zip: DX,
        member: "2018_I9gem.txt",
        id: "gem-icd9cm-icd10cm",
        pair: ("icd9cm", "icd10cm"),
        counts: [24_860, 14_567, 3_522, 422, 2_338],
        largest: (6, 3),
        most_rows: 533,
    },
    Published {
        zip: DX,
        member: "2018_I10gem.txt",
        id: "gem-icd10cm-icd9cm",
        pair: ("icd10cm", "icd9cm"),
        counts: [81_593, 71_704, 3_522, 731, 9_033],
        largest: (5, 4),
        most_rows: 12,
    },
    Published {
        zip: PROC,
        member: "gem_i9pcs.txt",
        id: "gem-icd9proc-icd10pcs",
        pair: ("icd9proc", "icd10pcs"),
        counts: [73_593, 3_882, 47, 210, 3_392],
        largest: (8, 9),
        most_rows: 1_287,
    },
    Published {
        zip: PROC,
        member: "gem_pcsi9.txt",
        id: "gem-icd10pcs-icd9proc",
        pair: ("icd10pcs", "icd9proc"),
        counts: [101_025, 78_705, 47, 2, 20_641],
        largest: (1, 6),
        most_rows: 0,
    },
];

/// Counted in the files by a line of awk; FORMATS has the one of procedures, which is that of 2018.
const EMBEDDED: [Published; 3] = [
    Published {
        zip: "",
        member: "2013_I9gem.txt",
        id: "gem-icd9cm-icd10cm",
        pair: ("icd9cm", "icd10cm"),
        counts: [23_912, 14_567, 3_533, 425, 2_260],
        largest: (6, 3),
        most_rows: 533,
    },
    Published {
        zip: "",
        member: "2013_I10gem.txt",
        id: "gem-icd10cm-icd9cm",
        pair: ("icd10cm", "icd9cm"),
        counts: [78_838, 69_832, 3_533, 669, 7_878],
        largest: (4, 4),
        most_rows: 12,
    },
    Published { zip: "", ..FILES[2] },
];

fn member(folder: &Path, file: &Published) -> String {
    if file.zip.is_empty() {
        let packed = xwalk::releases::embedded::file("crosswalks", &format!("{}.zst", file.member)).expect(file.member);
        return String::from_utf8(zstd::decode_all(packed).expect("zstd")).expect("ASCII");
    }
    let zip = std::fs::File::open(folder.join(file.zip)).expect(file.zip);
    let mut text = String::new();
    let mut archive = zip::ZipArchive::new(zip).expect("an archive");
    archive.by_name(file.member).expect(file.member).read_to_string(&mut text).expect("text");
    text
}

#[test]
fn invariant_4_every_published_gem_row_comes_back_with_its_flags() {
    let Some(folder) = crate::published::releases("gems") else { return };
    every_row_comes_back(&FILES, &folder);
}

#[test]
fn invariant_4_every_embedded_gem_row_comes_back_with_its_flags() {
    every_row_comes_back(&EMBEDDED, Path::new(""));
    // And from the index that users have, where the codes of today stand beside those of the map.
    let index = kit::embedded();
    for file in &EMBEDDED {
        let map = index.maps().find(|map| map.id() == file.id).expect(file.id);
        assert!(written_again(map) == member(Path::new(""), file), "{}: written again, it is another text", file.member);
    }
}

fn every_row_comes_back(files: &[Published], folder: &Path) {
    let texts: Vec<String> = files.iter().map(|file| member(folder, file)).collect();
    let inputs: Vec<_> = files.iter().zip(&texts).map(|(f, text)| map(f.id, f.pair, "1", MapKind::Gem, Format::Gem, text)).collect();
    let engine = kit::engine(&inputs);
    for (file, text) in files.iter().zip(&texts) {
        let map = engine.map(file.id).expect(file.id);
        counts(file, map);
        assert!(written_again(map) == *text, "{}: written again, it is another text", file.member);
        forward(&engine, file, map, text);
        backward(&engine, file, map);
    }
}

fn counts(file: &Published, map: ConceptMap<'_>) {
    let flags: Vec<GemFlags> = map.rows().map(|r| r.gem_flags().expect("flags")).collect();
    let mut of_source: BTreeMap<u32, usize> = BTreeMap::new();
    map.rows().for_each(|r| *of_source.entry(r.source().expect("a source").ordinal()).or_default() += 1);
    let count = |wanted: &dyn Fn(&GemFlags) -> bool| flags.iter().filter(|f| wanted(f)).count();
    let got = [flags.len(), of_source.len(), count(&|f| !f.approximate), count(&|f| f.no_map), count(&|f| f.combination)];
    assert_eq!(got, file.counts, "{}", file.member);
    let largest = flags.iter().filter(|f| f.combination).fold((0, 0), |l, f| (l.0.max(f.scenario), l.1.max(f.choice_list)));
    assert_eq!(largest, file.largest, "{}", file.member);
    if file.most_rows > 0 {
        assert_eq!(of_source.values().max(), Some(&file.most_rows), "{}", file.member);
    }
    // 29 of the 31 `NoI9` rows lack the flag; the word says it all the same.
    assert!(map.rows().filter(|r| r.gem_flags().is_some_and(|f| f.no_map)).all(|r| r.is_no_map() && r.target().is_none()));
}

/// The file, from nothing but the index.
fn written_again(map: ConceptMap<'_>) -> String {
    let mut rows: Vec<_> = map.rows().collect();
    rows.sort_by_key(|r| r.line());
    let undotted = |code: &str| code.replace('.', "");
    let widths = match map.source().alias() {
        "icd9cm" => (5, 7),
        "icd10cm" => (7, 5),
        "icd9proc" => (5, 7),
        _ => (7, 5),
    };
    let mut out = Vec::new();
    for row in rows {
        let (source, target) = (undotted(row.source().expect("a source").code()), row.target().map(|t| undotted(t.code())));
        let detail = row.detail();
        let target_row = TargetRow {
            source: &source,
            target: target.as_deref(),
            gem_flags: row.gem_flags().expect("flags").to_number(),
            detail: TargetDetail {
                target_as_written: detail.target_as_written,
                source_as_written: detail.source_as_written,
                ..TargetDetail::default()
            },
            ..TargetRow::default()
        };
        gem::write_line(&mut out, &target_row, widths).expect("memory");
    }
    String::from_utf8(out).expect("ASCII")
}

fn forward(engine: &Engine, file: &Published, map: ConceptMap<'_>, text: &str) {
    // The file, read by nobody's reader: source to (line, target, flags).
    let mut expected: BTreeMap<&str, BTreeSet<(u32, String, &str)>> = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        let mut fields = line.split_ascii_whitespace();
        let (source, target, flags) = (fields.next().expect("source"), fields.next().expect("target"), fields.next().expect("flags"));
        expected.entry(source).or_default().insert((i as u32 + 1, target.to_ascii_uppercase(), flags));
    }
    let options = TranslatorOptions { from: file.pair.0.into(), to: file.pair.1.into(), ..Default::default() };
    let translator = engine.translator(options).expect("a translator");
    for (source, rows) in expected {
        let t = translator.translate(&Asked::code(source));
        let mut got: BTreeSet<(u32, String, String)> = t
            .targets()
            .map(|o| {
                let row = o.origin.row().expect("a row");
                (row.line(), o.concept.code().replace('.', ""), row.gem_flags().expect("flags").to_string())
            })
            .collect();
        if t.outcome == Outcome::NoMap {
            assert!(t.scenarios.is_empty());
            let row = map.rows_of(t.source.expect("a source")).next().expect("a row");
            let word = row.detail().target_as_written.to_ascii_uppercase();
            got.insert((row.line(), word, row.gem_flags().expect("flags").to_string()));
        }
        let rows: BTreeSet<_> = rows.into_iter().map(|(line, target, flags)| (line, target, flags.to_owned())).collect();
        assert_eq!(got, rows, "{} {source}", file.member);
        for (s, scenario) in t.scenarios.iter().enumerate() {
            let flags = |o: &xwalk::engine::Target<'_>| o.origin.row().and_then(|r| r.gem_flags()).expect("flags");
            for (g, group) in scenario.groups.iter().enumerate() {
                let first = flags(&group.options[0]);
                for option in &group.options {
                    let f = flags(option);
                    assert_eq!(f.combination, first.combination, "{source}: a scenario mixes combinations and single codes ({s}, {g})");
                    if f.combination {
                        assert_eq!((f.scenario, f.choice_list), (first.scenario, first.choice_list), "{source}");
                    } else {
                        assert_eq!(scenario.groups.len(), 1, "{source}: a single code in a scenario of several groups");
                    }
                    assert_eq!(option.relationship == Relationship::Equivalent, !f.approximate, "{source}");
                }
            }
        }
    }
}

fn backward(engine: &Engine, file: &Published, map: ConceptMap<'_>) {
    let mut by_target: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in map.rows() {
        if let Some(target) = row.target() {
            by_target.entry(target.ordinal()).or_default().push(row.line());
        }
    }
    let options = TranslatorOptions { from: file.pair.1.into(), to: file.pair.0.into(), reverse: true, ..Default::default() };
    let translator = engine.translator(options).expect("a translator");
    for concept in map.target().concepts() {
        let mut expected = by_target.remove(&concept.ordinal()).unwrap_or_default();
        let mut got: Vec<u32> = map.rows_to(concept).map(|r| r.line()).collect();
        expected.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expected, "{} {concept:?}", file.member);
        let t = translator.translate(&Asked::code(concept.code()));
        assert!(!t.automatic, "{concept:?}: a reversed row is a candidate, never automatic");
        let sources: BTreeSet<u32> = map.rows_to(concept).filter_map(|r| r.source()).map(|c| c.ordinal()).collect();
        assert_eq!(t.targets().map(|o| o.concept.ordinal()).collect::<BTreeSet<_>>(), sources, "{concept:?}");
        assert!(t.targets().all(|o| o.reversed));
    }
    assert!(by_target.is_empty());
}
