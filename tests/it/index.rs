//! Invariants 7 to 9: damage is found and never a panic, files are written whole, the order of the inputs does not show.

use crate::kit::{self, compile, map, order, system};
use xwalk::compile::Input;
use xwalk::engine::{Asked, Engine, TranslatorOptions};
use xwalk::index::Index;
use xwalk::model::MapKind;
use xwalk::read::Format;
use xwalk::text::VERSION;

/// Two years of a made-up ICD-10-CM, an ICD-9-CM, and a GEM between them.
fn small() -> Vec<Input> {
    let first = order(&[("A00", 0, "Cholera"), ("A000", 1, "Classical cholera"), ("A047", 1, "Enterocolitis")]);
    let second = order(&[
        ("A00", 0, "Cholera"),
        ("A000", 1, "Cholera, classical"),
        ("A047", 0, "Enterocolitis"),
        ("A0471", 1, "Enterocolitis, recurrent"),
    ]);
    let gem = "0010  A000    00000\r\n0011  A047    10111\r\n0011  A000    10112\r\n0019  NoDx    11000\r\n";
    vec![
        system("cm-1", "icd10cm", "2016", "2015-10-01", Format::IcdOrder, &first),
        system("cm-2", "icd10cm", "2017", "2016-10-01", Format::IcdOrder, &second),
        system("i9", "icd9cm", "32", "2014-10-01", Format::Icd9TitlesLong, "0010  Cholera one\n0011  Cholera two\n0019  Cholera NOS\n"),
        map("gem", ("icd9cm", "icd10cm"), "2018", MapKind::Gem, Format::Gem, gem),
    ]
}

/// Asks everything of an index that it may be asked, for the sake of not panicking.
fn ask_everything(index: Index) {
    index.sizes();
    let verified = index.verify();
    for system in index.systems() {
        for concept in system.concepts() {
            concept.display();
            concept.designations().for_each(|d| assert!(d.validity().count() < 100));
            concept.notes().count();
            concept.ancestors().chain(concept.parents()).chain(concept.children()).for_each(|c| assert!(c.code().len() < 1_000));
            concept.is_valid_on("2016-12-31".parse().ok());
        }
        system.concept("A04.7");
        system.with_prefix("A").count();
    }
    for map in index.maps() {
        map.rows().for_each(|row| assert!(format!("{row:?} {:?} {:?}", row.detail(), row.gem_flags()).len() < 10_000));
    }
    let engine = Engine::new(std::sync::Arc::new(index));
    let options =
        TranslatorOptions { from: "icd9cm".into(), to: "icd10cm".into(), target_date: "2017-01-01".parse().ok(), ..Default::default() };
    if let Ok(translator) = engine.translator(options) {
        for code in ["001.0", "001.1", "0019", "001", "x", "00l.0"] {
            translator.translate(&Asked::code(code));
        }
    }
    for system in engine.index().systems() {
        engine.validate(system, "A04.71", "2016-01-01".parse().ok(), Some("Cholera"));
    }
    drop(verified);
}

#[test]
fn invariant_7_an_index_cut_at_any_length_is_refused() {
    let (bytes, _) = compile(&small());
    for length in 0..bytes.len() {
        let error = Index::from_bytes(bytes[..length].to_vec(), VERSION).expect_err("a cut index opens");
        assert!(error.to_string().contains("index"), "{length}: {error}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Index::from_bytes(longer, VERSION).is_err(), "an extra byte");
}

#[test]
fn invariant_7_any_flipped_byte_is_found_and_none_panics() {
    let (bytes, _) = compile(&small());
    let sound = Index::from_bytes(bytes.clone(), VERSION).expect("an index").verify();
    assert!(sound.is_sound(), "{:?}", sound.damage);
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            if let Ok(index) = Index::from_bytes(bytes, VERSION) {
                assert!(!index.verify().is_sound(), "byte {at} flipped by {flip:#x} was not found");
                ask_everything(index);
            }
        }
    }
}

#[test]
fn invariant_9_the_order_of_the_inputs_does_not_show() {
    let (bytes, report) = compile(&small());
    for turn in 1..4 {
        let mut inputs = small();
        inputs.rotate_left(turn);
        inputs.swap(0, 1);
        let (again, _) = compile(&inputs);
        assert!(again == bytes, "turned by {turn}");
    }
    assert_eq!(report.concepts, 4 + 4);
    assert_eq!(report.rows, 4);
}

/// All that the binary carries, given from behind and given in a muddle.
#[test]
fn invariant_9_the_order_of_the_embedded_releases_does_not_show() {
    let mut inputs = kit::embedded_inputs();
    assert!(inputs.len() > 10);
    inputs.reverse();
    let backward = compile(&inputs).0;
    assert!(backward == kit::embedded_bytes(), "from behind");
    for at in 1..inputs.len() {
        inputs.swap(at, at * at * 7 % (at + 1));
    }
    assert!(compile(&inputs).0 == backward, "in a muddle");
}

#[test]
fn an_index_of_another_format_or_normaliser_is_refused_with_the_remedy() {
    let (bytes, _) = compile(&small());
    let error = Index::from_bytes(bytes.clone(), VERSION + 1).expect_err("another normaliser");
    assert!(error.to_string().contains("build the index again"), "{error}");
    let mut newer = bytes;
    newer[8] = 250;
    let error = Index::from_bytes(newer, VERSION).expect_err("a newer format");
    assert!(error.to_string().contains("index format 250"), "{error}");
    let error = Index::from_bytes(b"PK\x03\x04 a zip, for all we know".repeat(20), VERSION).expect_err("no index");
    assert!(error.to_string().contains("not an xwalk index"), "{error}");
}

#[test]
fn years_become_intervals_and_dated_titles() {
    let index = Index::from_bytes(compile(&small()).0, VERSION).expect("an index");
    let system = index.system("icd10cm").expect("ICD-10-CM");
    let intervals = |code: &str| -> Vec<String> {
        let concept = system.concept(code).expect(code);
        concept
            .validity()
            .map(|v| {
                format!(
                    "{:?} {}..{}",
                    v.status,
                    v.from.map_or(String::new(), |d| d.to_string()),
                    v.to.map_or(String::new(), |d| d.to_string())
                )
            })
            .collect()
    };
    assert_eq!(intervals("A04.7"), ["Valid 2015-10-01..2016-09-30", "Header 2016-10-01.."]);
    assert_eq!(intervals("A04.71"), ["Valid 2016-10-01.."]);
    let classical = system.concept("A000").expect("A00.0");
    assert_eq!(classical.display(), Some("Cholera, classical"));
    assert_eq!(classical.display_on("2016-01-01".parse().expect("a date")), Some("Classical cholera"));
    assert_eq!(
        index.system("icd9cm").and_then(|s| s.concept("001")).map(|c| (c.is_valid_on(None), c.children().count())),
        Some((false, 3))
    );
}
