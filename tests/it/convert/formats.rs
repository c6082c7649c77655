//! Dialects, encodings, compression, several columns and several codes, systems by column.

use super::{Place, claims, column, converted, run};
use std::io::{Read, Write};
use xwalk::job::Job;

#[test]
fn crlf_bom_tabs_and_a_missing_last_end_stay() {
    let (out, _) = converted("\u{feff}\"id\";\"dx\"\r\n1;\"250.00\"\r\n\r\n2;\"4019\"", |_| {});
    let tail = ";approximate;related-to;gem-icd9cm-icd10cm|2013";
    assert_eq!(
        out,
        format!(
            "\u{feff}\"id\";\"dx\";dx_target;dx_outcome;dx_relationship;dx_map\r\n1;\"250.00\";E11.9{tail}\r\n\r\n2;\"4019\";I10{tail}"
        )
    );
    let place = Place::with("a.tsv", "id\tnote\tdx\n1\t5\" nail\t401.9\n");
    run(&place.job()).unwrap();
    assert!(super::read(&place.output).contains("1\t5\" nail\t401.9\tI10\tapproximate"));
}

#[test]
fn single_byte_text_keeps_its_bytes() {
    let place = Place::with("a.csv", b"id,dx,note\n1,250.00,M\xe9ni\xe8re\n");
    let r = run(&place.job()).unwrap();
    assert_eq!(r.input.encoding, "windows-1252");
    let out = std::fs::read(&place.output).unwrap();
    assert!(out.windows(20).any(|w| w == b"1,250.00,M\xe9ni\xe8re,E11"), "{}", String::from_utf8_lossy(&out));
}

#[test]
fn single_byte_text_is_read_as_what_it_is() {
    let place = Place::with("a.csv", b"id,Diagn\xf6se\n1,M\xe9ni\xe8re disease\n2,250.00\n");
    let mut job = place.job();
    (job.columns[0].name, job.columns[0].unsettled) = ("Diagn\u{f6}se".into(), xwalk::job::Unsettled::Source);
    job.report = Some(place.path("r"));
    run(&job).unwrap();
    let out = std::fs::read(&place.output).unwrap();
    let lines: Vec<&[u8]> = out.split(|b| *b == b'\n').collect();
    assert!(lines[0].starts_with(b"id,Diagn\xf6se,Diagn\xf6se_target,Diagn\xf6se_outcome,"), "{}", String::from_utf8_lossy(&out));
    assert!(lines[1].starts_with(b"1,M\xe9ni\xe8re disease,M\xe9ni\xe8re disease,invalid-code,"), "{}", String::from_utf8_lossy(&out));
    assert!(lines[2].starts_with(b"2,250.00,E11.9,"));
    assert!(super::read(&place.path("r/review.csv")).contains("Ménière disease"));
    // Words are searched for as they are meant.
    let mut job = Job { output: place.path("words.csv"), ..place.job() };
    (job.columns[0].name, job.columns[0].from) = ("#2".into(), Some("text".into()));
    let r = run(&job).unwrap();
    assert!(r.ledger.tallies.iter().any(|t| t.code == "Ménière disease"), "{:?}", r.ledger.tallies);
}

#[test]
fn rejects_of_utf16_are_known_as_such() {
    for bom in ["\u{feff}", ""] {
        let text: Vec<u8> = format!("{bom}id,dx\n1\n2,401.9\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let place = Place::with("in.csv", text);
        run(&place.job()).unwrap();
        let rejects = std::fs::read(place.path("out-in.csv.rejects.csv")).unwrap();
        let expected: Vec<u8> = "\u{feff}line,reason,record\n2,fields,\"1\"\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(rejects, expected);
    }
}

#[test]
fn utf16_comes_back_as_utf16() {
    let utf16 = |s: &str| s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let place = Place::with("a.csv", utf16("\u{feff}id,dx,note\r\n1,250.00,Ménière 𝄞\r\n"));
    let r = run(&place.job()).unwrap();
    assert_eq!(r.input.encoding, "UTF-16LE");
    let expected = "\u{feff}id,dx,note,dx_target,dx_outcome,dx_relationship,dx_map\r\n\
                    1,250.00,Ménière 𝄞,E11.9,approximate,related-to,gem-icd9cm-icd10cm|2013\r\n";
    assert_eq!(std::fs::read(&place.output).unwrap(), utf16(expected));
}

#[test]
fn compressed_or_not_is_the_same() {
    let text = claims(30_000, 4);
    let (plain, _) = converted(&text, |_| {});
    let gz = {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(text.as_bytes()).unwrap();
        e.finish().unwrap()
    };
    for (name, bytes) in [("a.csv.gz", gz), ("a.csv.zst", zstd::encode_all(text.as_bytes(), 1).unwrap())] {
        let mut first = None;
        for block in [1 << 18, 10_007] {
            let place = Place::with(name, &bytes);
            let mut job = place.job();
            job.block = block;
            run(&job).unwrap();
            let packed = std::fs::read(&place.output).unwrap();
            let mut out = String::new();
            if name.ends_with("gz") {
                flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut out).unwrap();
            } else {
                zstd::Decoder::new(&packed[..]).unwrap().read_to_string(&mut out).unwrap();
            }
            assert!(out == plain, "{name}");
            assert!(*first.get_or_insert(packed.clone()) == packed, "{name}: blocks change the compressed bytes");
        }
    }
}

#[test]
fn a_system_by_column() {
    let text = "id,kind,dx\n1,9,250.00\n2,0,E11.9\n3,X,250.00\n4,icd9cm,401.9\n5,,401.9\n";
    let (out, run) = converted(text, |job| {
        let c = &mut job.columns[0];
        c.from = None;
        c.from_column = Some("kind".into());
        c.values = [("9", "icd9cm"), ("0", "icd10cm")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    });
    let fields: Vec<Vec<&str>> = out.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!((fields[1][3], fields[1][4]), ("E11.9", "approximate"));
    // A code of the target system stands for itself.
    assert_eq!((fields[2][3], fields[2][4]), ("E11.9", "exact"));
    assert_eq!((fields[3][3], fields[3][4]), ("", "unknown-system"));
    assert_eq!((fields[4][3], fields[4][4]), ("I10", "approximate"));
    assert_eq!(fields[5][4], "unknown-system");
    assert_eq!(run.ledger.codes(), 5);
}

/// As many systems as codes: each is of its own.
/// What parts codes may stand in the name of a system, or in a value that has an entry.
#[test]
fn a_system_whose_name_has_in_it_what_parts_codes() {
    for (split, text, expected) in [
        (" ", "1,ICD 9,401.9 25000\n2,9,401.9\n3,9 9,401.9 25000\n", ["I10 E11.9", "I10", "I10 E11.9"]),
        ("-", "1,ICD-9-CM,401.9\n2,icd-10-cm,I10-E11.9\n3,9-9,401.9-25000\n", ["I10", "I10-E11.9", "I10-E11.9"]),
        (";", "1,;,401.9;I10\n2,9;,401.9;I10\n3,9,401.9\n", [";", "I10;", "I10"]),
    ] {
        let place = Place::with("a.csv", format!("id,sys,dx\n{text}"));
        let mut job = Job { report: Some(place.path("r")), ..place.job() };
        let c = &mut job.columns[0];
        (c.from, c.from_column, c.split) = (None, Some("sys".into()), Some(split.into()));
        c.values = [("9", "icd9cm"), ("ICD 9", "icd9cm")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        let r = run(&job).unwrap();
        let out = super::read(&place.output);
        let targets: Vec<&str> = out.lines().skip(1).map(|line| line.split(',').nth(3).unwrap()).collect();
        assert_eq!(targets, expected, "{split:?}");
        let unknown = r.document.unwrap().unknown_systems;
        assert!(unknown.keys().all(|said| said == "the record says no code system"), "{unknown:?}");
    }
}

#[test]
fn systems_that_stand_in_lists_as_their_codes_do() {
    let by_column = |job: &mut Job, name: &str, kind: &str| {
        let c = &mut job.columns[0];
        (c.name, c.from, c.from_column, c.split) = (name.into(), None, Some(kind.into()), Some(";".into()));
        c.values = [("9", "icd9cm"), ("0", "icd10cm")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    };
    let element = |sys: &str, code: &str| format!("{{\"sys\":\"{sys}\",\"code\":\"{code}\"}}");
    let record = |elements: &[(&str, &str)]| {
        let all: Vec<String> = elements.iter().map(|(sys, code)| element(sys, code)).collect();
        format!("{{\"d\":[{}]}}\n", all.join(","))
    };
    let text = [
        record(&[("9", "250.00")]),
        record(&[("9", "250.00"), ("0", "E11.9")]),
        record(&[("0", "E11.9"), ("9", "250.00")]),
        record(&[("9", "250.00"), ("X", "E11.9"), ("", "401.9"), ("0", "I10")]),
        record(&[("9", "250.00"), ("9", ""), ("9", "401.9")]),
    ];
    let place = Place::with("a.ndjson", text.concat());
    let mut job = place.job();
    by_column(&mut job, "/d/*/code", "/d/*/sys");
    job.report = Some(place.path("r"));
    let r = run(&job).unwrap();
    let out = super::read(&place.output);
    let said: Vec<[String; 2]> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|v| ["d_code_target", "d_code_outcome"].map(|name| v[name].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        ["E11.9", "approximate"],
        ["E11.9;E11.9", "approximate;exact"],
        ["E11.9;E11.9", "exact;approximate"],
        ["E11.9;;;I10", "approximate;unknown-system;unknown-system;exact"],
        ["E11.9;;I10", "approximate;;approximate"],
    ];
    assert_eq!(said, expected);
    assert_eq!((r.ledger.codes(), r.ledger.settled()), (11, 9));
    // In one cell as in a list; one system may be that of all; of two nobody knows which is whose.
    let text = "id,kind,dx\n1,9;0,250.00;E11.9\n2,9,250.00;401.9\n3, 0 ; 9 ,E11.9;250.00\n4,9;0,250.00;E11.9;401.9\n5,9;0,401.9\n";
    for date in [None, Some(String::from("id"))] {
        let text = if date.is_some() { text.replace("\n", "\n2014010").replace("2014010id", "id") } else { text.to_owned() };
        let place = Place::with("a.csv", text.strip_suffix("2014010").unwrap_or(&text));
        let mut job = Job { date, report: Some(place.path("r")), ..place.job() };
        by_column(&mut job, "dx", "kind");
        run(&job).unwrap();
        let out = super::read(&place.output);
        let fields: Vec<Vec<&str>> = out.lines().skip(1).map(|l| l.split(',').collect()).collect();
        assert_eq!((fields[0][3], fields[0][4]), ("E11.9;E11.9", "approximate;exact"), "{out}");
        assert_eq!((fields[1][3], fields[1][4]), ("E11.9;I10", "approximate;approximate"));
        assert_eq!((fields[2][3], fields[2][4]), ("E11.9;E11.9", "exact;approximate"));
        assert_eq!((fields[3][3], fields[3][4]), (";;", "unknown-system;unknown-system;unknown-system"));
        assert_eq!((fields[4][3], fields[4][4]), ("", "unknown-system"));
        let review = super::read(&place.path("r/review.csv"));
        assert!(review.contains(",401.9,,unknown-system,1,,,2 code systems for 3 codes,"), "{review}");
    }
}

#[test]
fn many_columns_and_many_codes_in_a_cell() {
    let (out, run) = converted("id,dx1,dx2,dx3\n1,250.00,,401.9\n2,UNK,4019,\n", |job| job.columns = vec![column("dx1..dx3")]);
    let header = out.lines().next().unwrap();
    assert!(
        header.ends_with("dx2_target,dx2_outcome,dx2_relationship,dx2_map,dx3_target,dx3_outcome,dx3_relationship,dx3_map"),
        "{header}"
    );
    assert_eq!(run.ledger.columns.iter().map(|c| (c.blank, c.codes())).collect::<Vec<_>>(), [(0, 2), (1, 1), (1, 1)]);
    assert_eq!(csv::Reader::from_reader(out.as_bytes()).records().map(|r| r.unwrap().len()).collect::<Vec<_>>(), [16, 16]);

    let (out, run) = converted("id,dx\n1,250.00|401.9\n2,|\n3,99629\n", |job| job.columns[0].split = Some("|".into()));
    assert!(out.contains("1,250.00|401.9,E11.9|I10,approximate|approximate,related-to|related-to,"), "{out}");
    assert_eq!((run.ledger.codes(), run.ledger.columns[0].further), (4, 1));
}

/// A second list beside the codes (present on admission, say) has to stay in step with what is appended.
#[test]
fn empty_places_in_a_cell_stay() {
    let text = "id,dx\n1,250.00||401.9\n2,|250.00|\n3,401.9\n";
    let (out, run) = converted(text, |job| job.columns[0].split = Some("|".into()));
    // Each value is parted by the same: the name of a map must not hold it.
    let map = "gem-icd9cm-icd10cm@2013";
    for line in [
        format!("1,250.00||401.9,E11.9||I10,approximate||approximate,related-to||related-to,{map}||{map}\n"),
        format!("2,|250.00|,|E11.9|,|approximate|,|related-to|,|{map}|\n"),
        format!("3,401.9,I10,approximate,related-to,{map}\n"),
    ] {
        assert!(out.contains(&line), "{line}{out}");
    }
    assert_eq!((run.ledger.codes(), run.ledger.settled(), run.ledger.columns[0].further), (4, 4, 1));
    // Nor where the unsettled stay as they were.
    let (out, _) = converted("id,dx\n1,UNK||401.9\n", |job| {
        (job.columns[0].split, job.columns[0].unsettled) = (Some("|".into()), xwalk::job::Unsettled::Source);
    });
    assert!(out.contains("1,UNK||401.9,UNK||I10,invalid-code||approximate,"), "{out}");
    // Of blanks there may be any number.
    let (out, run) = converted("id,dx\n1,250.00   401.9\n", |job| job.columns[0].split = Some(" ".into()));
    assert!(out.contains("1,250.00   401.9,E11.9 I10,approximate approximate,"), "{out}");
    assert_eq!(run.ledger.codes(), 2);
}

/// 115.01 needs two codes together: which of three targets are of which of two codes has to be seen.
#[test]
fn blanks_around_and_between_codes() {
    let (out, run) = converted("id,dx\n1,250.00; 401.9 ;115.01\n", |job| job.columns[0].split = Some(";".into()));
    assert!(out.contains(",E11.9;I10;B39.4 G02,approximate;approximate;combination,"), "{out}");
    assert!(run.ledger.repaired.is_empty(), "a blank beside what parts codes is no damage");
    let (out, _) = converted("id,dx\n1,250.00 115.01\n2,115.01\n", |job| job.columns[0].split = Some(" ".into()));
    assert!(out.contains("1,250.00 115.01,E11.9 B39.4+G02,approximate combination,related-to related-to+related-to,"), "{out}");
    assert!(out.contains("\n2,115.01,B39.4 G02,combination,"), "{out}");
}

/// Each column joins its lists with what it parts them by.
#[test]
fn lists_in_json_are_parted_by_their_own_column() {
    let place = Place::with("a.ndjson", "{\"dx\":[\"250.00\",\"401.9\"],\"px\":[\"401.9\",\"250.00\"]}\n");
    let [mut dx, mut px] = [column("dx"), column("px")];
    (dx.split, px.split) = (Some(";".into()), Some("|".into()));
    let r = run(&Job { columns: vec![dx, px], ..place.job() }).unwrap();
    let out = super::read(&place.output);
    assert!(out.contains("\"dx_target\":\"E11.9;I10\"") && out.contains("\"px_target\":\"I10|E11.9\""), "{out}");
    assert_eq!(r.ledger.settled(), 4);
}

/// Two codes that nobody parted would be read as a third.
#[test]
fn lists_in_json_need_to_be_told_apart() {
    for text in ["{\"dx\":[\"250\",\"00\"]}\n", "{\"dx\":\"401.9\"}\n{\"dx\":[null,\"250\",\"00\"]}\n"] {
        let place = Place::with("a.ndjson", text);
        let error = run(&place.job()).unwrap_err().to_string();
        let line = text.lines().count();
        assert_eq!(
            error,
            format!("column /dx: in line {line} it is a list of several codes; say what joins them in what is appended (--split)")
        );
        assert_eq!(place.files(), ["a.ndjson"]);
    }
    let place = Place::with("a.ndjson", "{\"d\":[{\"c\":\"250\"},{\"c\":\"00\"}]}\n");
    let mut job = place.job();
    job.columns[0].name = "/d/*/c".into();
    assert!(run(&job).unwrap_err().to_string().starts_with("column /d/*/c: in line 1 it is a list of several codes"));
    // Of one code nothing has to be said.
    let place = Place::with("a.ndjson", "{\"dx\":[\"250.00\"]}\n{\"dx\":[null,\"401.9\"]}\n{\"dx\":[]}\n{\"dx\":401}\n");
    let r = run(&place.job()).unwrap();
    assert_eq!((r.ledger.records_out, r.ledger.settled()), (4, 2));
}

/// `null` is no code, and has its place.
#[test]
fn nulls_in_json_lists() {
    let place = Place::with("a.ndjson", "{\"dx\":[\"250.00\",null,\"401.9\"]}\n{\"dx\":[null,null]}\n{\"dx\":[]}\n");
    let mut job = place.job();
    job.columns[0].split = Some(";".into());
    let r = run(&job).unwrap();
    let out = super::read(&place.output);
    assert!(out.contains("\"dx_target\":\"E11.9;;I10\""), "{out}");
    assert_eq!(out.matches("\"dx_outcome\":null").count(), 2, "{out}");
    assert_eq!((r.ledger.codes(), r.ledger.settled(), r.ledger.columns[0].blank), (2, 2, 2));
}

/// As FHIR and most of what is made from objects has them.
#[test]
fn codes_of_the_objects_of_a_json_list() {
    let text = "{\"d\":[{\"code\":\"250.00\",\"sys\":{\"v\":9}},{\"poa\":\"Y\"},{\"code\":\"401.9\"}]}\n{\"d\":[]}\n{\"d\":null}\n{}\n";
    let place = Place::with("a.ndjson", text);
    let mut job = place.job();
    (job.columns[0].name, job.columns[0].split) = ("/d/*/code".into(), Some(";".into()));
    let r = run(&job).unwrap();
    let out = super::read(&place.output);
    // The second has no code, and keeps its place.
    assert!(out.starts_with(&format!("{},\"d_code_target\":\"E11.9;;I10\",", text.lines().next().unwrap().trim_end_matches('}'))), "{out}");
    assert_eq!((r.ledger.records_out, r.ledger.codes(), r.ledger.settled(), r.ledger.columns[0].blank), (4, 2, 2, 3));
    // A name that no element has.
    job.columns[0].name = "/d/*/kode".into();
    let error = run(&Job { output: place.path("none.ndjson"), ..job }).unwrap_err();
    assert!(error.to_string().contains("no record has a member there"), "{error}");
}

#[test]
fn ndjson_by_pointer() {
    let text = "{\"id\":1,\"dx\":\"250.00\"}\n{\"id\":2, \"dx\":null }\r\n\n{\"dx\":\"401.9\",\"x\":\"\\u00e9\"}";
    let place = Place::with("a.ndjson", text);
    run(&place.job()).unwrap();
    let out = super::read(&place.output);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[0],
        "{\"id\":1,\"dx\":\"250.00\",\"dx_target\":\"E11.9\",\"dx_outcome\":\"approximate\",\
         \"dx_relationship\":\"related-to\",\"dx_map\":\"gem-icd9cm-icd10cm|2013\"}"
    );
    assert_eq!(lines[1], "{\"id\":2, \"dx\":null ,\"dx_target\":null,\"dx_outcome\":null,\"dx_relationship\":null,\"dx_map\":null}");
    assert_eq!(lines[2], "");
    assert!(lines[3].starts_with("{\"dx\":\"401.9\",\"x\":\"\\u00e9\",\"dx_target\":\"I10\""));
    assert!(out.contains("null}\r\n") && !out.ends_with('\n'), "line ends stay");

    let place = Place::with("b.ndjson", "{\"c\":{\"dx\":[\"250.00\",\"401.9\"]}}\n[1]\n{broken\n{}\n");
    let mut job = place.job();
    job.columns[0].name = "/c/dx".into();
    job.columns[0].split = Some(" ".into());
    let r = run(&job).unwrap();
    let out = super::read(&place.output);
    assert!(out.contains("\"c_dx_target\":\"E11.9 I10\""), "{out}");
    for line in out.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    assert_eq!((r.ledger.records_in, r.ledger.records_out, r.ledger.rejected_total()), (4, 2, 2));
}
