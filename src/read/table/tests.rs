//! Tables as people write them.

use super::*;
use crate::read::{Collected, Unmapped};

fn map(kind: MapKind, source: &str, target: &str) -> MapRelease {
    MapRelease {
        id: "payer".into(),
        url: String::new(),
        title: String::new(),
        version: "1".into(),
        source: source.into(),
        target: target.into(),
        kind,
        from: None,
        to: None,
        unmapped: Unmapped::None,
    }
}

fn collected(layout: &str, given: &MapRelease, text: &[u8]) -> Collected {
    let mut sink = Collected::default();
    let mut input = text;
    read(&mut input, "payer.csv", given, &toml::from_str(layout).unwrap(), &mut sink).unwrap();
    sink
}

fn places(sink: &Collected) -> Vec<(u64, u32)> {
    sink.findings.iter().map(|f| (f.line, f.column)).collect()
}

#[test]
fn columns_words_dates_and_holes() {
    let layout = r#"
        delimiter = ";"
        skip = 1
        columns = { source = "OLD", target = "new", relationship = "MATCH", comment = 4, from = "Start" }
        relationships = { "1" = "equivalent", "B" = "source-is-broader-than-target" }
        no_map = ["none"]
        date = "%m/%d/%Y"
    "#;
    let text = "A table of ours\r\nOLD;NEW;MATCH;NOTES;Start\r\n\
        250.00;E11.9;1;\"plain; quoted\";10/01/2026\r\n250.01;E10.9;b;Ménière;\r\n401.9;NONE;;;\r\n\
        ;;;;\r\n;E11;1;;\r\n250.02;E11.65;?;;\r\n250.03;E11.65;1;;soon\r\n250.10;E11;1\r\n250.11;E12;wider;;\r\n";
    let sink = collected(layout, &map(MapKind::Table, "icd9cm", "icd10cm"), text.as_bytes());
    use Relationship::*;
    let rows: Vec<_> = sink.targets.iter().map(|t| (t.line, t.source.as_str(), t.target.as_deref(), t.relationship)).collect();
    assert_eq!(
        rows,
        [
            (3, "250.00", Some("E11.9"), Equivalent),
            (4, "250.01", Some("E10.9"), SourceIsBroaderThanTarget),
            (5, "401.9", None, RelatedTo),
            (11, "250.11", Some("E12"), SourceIsNarrowerThanTarget),
        ]
    );
    assert_eq!((sink.targets[0].comment.as_str(), sink.targets[0].from), ("plain; quoted", Some(jiff::civil::date(2026, 10, 1))));
    assert_eq!(sink.targets[1].comment, "Ménière");
    assert_eq!(places(&sink), [(7, 1), (8, 3), (9, 5), (10, 4)]);
}

#[test]
fn lost_zeros_are_said_and_never_put_back() {
    let layout = r#"columns = { source = 1, target = 2 }
        header = false"#;
    for (source, code, whole) in [
        ("icd9cm", "1.1", Some("001.1")),
        ("icd9cm", "38.9", Some("038.9")),
        ("icd9cm", "38", Some("038")),
        ("icd9cm", "250.00", None),
        ("icd9cm", "V10", None),
        ("icd9proc", "1.2", Some("01.2")),
        ("icd9proc", "38.1", None),
        ("cpt", "100", Some("00100")),
        ("cpt", "99213", None),
        ("cpt", "25", None),
        ("icd10pcs", "16070", Some("0016070")),
        ("icd10pcs", "0016070", None),
        ("icd10pcs", "001", None),
        ("snomed", "4.4054E7", Some("scientific")),
        ("snomed", "44054007", Some("check digit")),
        ("cpt", "0001F", None),
        ("snomed", "7.32E+07", Some("scientific")),
        ("snomed", "900000000000003000", Some("rounded")),
        ("snomed", "900000000000003001", None),
        ("local", "1", None),
    ] {
        let sink = collected(layout, &map(MapKind::Table, source, "icd10cm"), format!("{code},E11.9\n").as_bytes());
        assert_eq!(sink.targets.len(), usize::from(whole.is_none()), "{source} {code}");
        if let Some(whole) = whole {
            assert!(sink.findings[0].what.contains(whole), "{}", sink.findings[0]);
            assert_eq!(places(&sink), [(1, 1)]);
        }
    }
}

#[test]
fn case_is_folded_where_the_system_knows_its_codes() {
    let layout = "columns = { source = 1, target = 2 }\nheader = false";
    let sink = collected(layout, &map(MapKind::Table, "icd9cm", "icd10cm"), b"v58.69,e11.00\n250.00, E11.9 \n");
    let rows: Vec<_> = sink.targets.iter().map(|t| (t.source.as_str(), t.target.as_deref(), t.target_as_written.as_str())).collect();
    assert_eq!(rows, [("V58.69", Some("E11.00"), "e11.00"), ("250.00", Some("E11.9"), "")]);
    assert_eq!(sink.targets[0].source_as_written, "v58.69");
    assert!(sink.findings[0].what.starts_with("2 codes in lower case"), "{}", sink.findings[0]);
    assert_eq!((sink.findings.len(), sink.findings[0].severity), (1, Severity::Note));
    let sink = collected(layout, &map(MapKind::Table, "local", "icd10cm"), b"v58.69,E11.00\n");
    assert_eq!((sink.targets[0].source.as_str(), sink.findings.len()), ("v58.69", 0));
}

#[test]
fn a_gem_as_a_table() {
    let layout = r#"delimiter = "tab"
        quote = ""
        columns = { source = "i9", target = "i10", flags = "flags" }"#;
    let text = "i9\ti10\tflags\n24951\tE0839\t10111\n24951\tE0800\t10112\n40190\tNoDx\t11000\n25000\tE119\t1000\n25000\t\"E119\t10000\n";
    let sink = collected(layout, &map(MapKind::Gem, "icd9cm", "icd10cm"), text.as_bytes());
    let rows: Vec<_> = sink.targets.iter().map(|t| (t.target.as_deref(), t.gem_flags, t.scenario, t.group)).collect();
    assert_eq!(rows, [(Some("E0839"), 10111, 1, 1), (Some("E0800"), 10112, 1, 2), (None, 11000, 0, 0), (Some("\"E119"), 10000, 0, 0)]);
    assert_eq!(places(&sink), [(5, 3)]);
}

#[test]
fn unicode_text_and_workbooks_of_spreadsheets() {
    let layout = "delimiter = \"tab\"\ncolumns = { source = \"OLD\", target = \"NEW\", comment = 3 }";
    let text = "OLD\tNEW\tNOTES\r\n250.00\tE11.9\tMénière\r\n";
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let sink = collected(layout, &map(MapKind::Table, "icd9cm", "icd10cm"), &utf16);
    let rows: Vec<_> = sink.targets.iter().map(|t| (t.line, t.source.as_str(), t.comment.as_str())).collect();
    assert_eq!((rows, sink.findings.len()), (vec![(2, "250.00", "Ménière")], 0));
    let sink = collected(layout, &map(MapKind::Table, "icd9cm", "icd10cm"), b"PK\x03\x04\x14\0\x06\0");
    assert!(sink.findings[0].what.contains("workbook") && sink.findings[0].mend.contains("CSV UTF-8"), "{}", sink.findings[0]);
}

/// A workbook with these sheets, each cell an element of a row; nothing that a reader can do without.
fn book(sheets: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write;
    let relationships = |ids: &[(String, String)]| {
        let each = |(kind, target): &(String, String), n: usize| {
            let kind = format!("http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}");
            format!("<Relationship Id=\"r{n}\" Type=\"{kind}\" Target=\"{target}\"/>")
        };
        let all: String = ids.iter().zip(1..).map(|(id, n)| each(id, n)).collect();
        format!("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{all}</Relationships>")
    };
    let main = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let names: String =
        sheets.iter().zip(1..).map(|((name, _), n)| format!("<sheet name=\"{name}\" sheetId=\"{n}\" r:id=\"r{n}\"/>")).collect();
    let r = "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
    let within: Vec<_> = (1..=sheets.len()).map(|n| ("worksheet".to_owned(), format!("worksheets/sheet{n}.xml"))).collect();
    let mut parts = vec![
        ("_rels/.rels".to_owned(), relationships(&[("officeDocument".to_owned(), "xl/workbook.xml".to_owned())])),
        ("xl/workbook.xml".to_owned(), format!("<workbook {main} {r}><sheets>{names}</sheets></workbook>")),
        ("xl/_rels/workbook.xml.rels".to_owned(), relationships(&within)),
        // The second format of cells is a date.
        (
            "xl/styles.xml".to_owned(),
            format!("<styleSheet {main}><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"),
        ),
    ];
    for ((_, rows), n) in sheets.iter().zip(1..) {
        let sheet = format!("<worksheet {main}><sheetData>{rows}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{n}.xml"), sheet));
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// One row of a sheet, from column B: texts, numbers behind `#`, days behind `@`, formulas behind `=` and the value they had, gaps.
fn cells(row: u32, cells: &[&str]) -> String {
    let cell = |text: &str, column: char| match (text.strip_prefix('#'), text.strip_prefix('@')) {
        (Some(number), _) => format!("<c r=\"{column}{row}\"><v>{number}</v></c>"),
        (_, Some(day)) => format!("<c r=\"{column}{row}\" s=\"1\"><v>{day}</v></c>"),
        _ if text.is_empty() => String::new(),
        _ if text.starts_with('=') => match text[1..].split_once('=') {
            Some((formula, value)) => format!("<c r=\"{column}{row}\" t=\"str\"><f>{formula}</f><v>{value}</v></c>"),
            None => format!("<c r=\"{column}{row}\"><f>{}</f></c>", &text[1..]),
        },
        _ => format!("<c r=\"{column}{row}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"),
    };
    let all: String = cells.iter().zip('B'..).map(|(text, column)| cell(text, column)).collect();
    format!("<row r=\"{row}\">{all}</row>")
}

#[test]
fn sheets_of_workbooks() {
    let rows = [
        cells(2, &["A crosswalk of ours"]),
        cells(3, &["OLD", "NEW", "Start"]),
        cells(4, &["250.00", "E11.9", "@45017"]),
        cells(5, &["#250.01", "E10.9", "2023-04-01"]),
        cells(6, &["#250.1", "E11.10"]),
        cells(8, &["#38.9", "A41.9"]),
        cells(9, &["v58.69", "NONE"]),
        cells(10, &["#25010", "E13.10", "@45017"]),
    ]
    .concat();
    let bytes = book(&[("Notes", &cells(1, &["Read me"])), ("Crosswalk", &rows)]);
    let layout = |sheet: &str| {
        format!("sheet = \"{sheet}\"\nskip = 2\nno_map = [\"none\"]\ncolumns = {{ source = \"OLD\", target = 3, from = \"Start\" }}")
    };
    let sink = collected(&layout("crosswalk"), &map(MapKind::Table, "icd9cm", "icd10cm"), &bytes);
    let day = Some(jiff::civil::date(2023, 4, 1));
    let read: Vec<_> = sink.targets.iter().map(|t| (t.line, t.source.as_str(), t.target.as_deref(), t.from)).collect();
    assert_eq!(
        read,
        [
            (4, "250.00", Some("E11.9"), day),
            (5, "250.01", Some("E10.9"), day),
            (6, "250.1", Some("E11.10"), None),
            (9, "V58.69", None, None),
            (10, "25010", Some("E13.10"), day),
        ],
        "{:?}",
        sink.findings
    );
    let said: Vec<_> = sink.findings.iter().map(|f| (f.line, f.column, f.what.split(':').next().unwrap_or(""))).collect();
    assert_eq!(said[..2], [(6, 2, "250.1 is a number here"), (8, 2, "\"38.9\" has lost zeros")]);
    assert!(said.len() == 3 && said[2].2.starts_with("1 codes in lower case"), "{said:?}");
    let missing = collected(&layout("map"), &map(MapKind::Table, "icd9cm", "icd10cm"), &bytes);
    assert_eq!(missing.findings[0].what, "the workbook has no sheet map; it has: Notes, Crosswalk");
    // Without a name it is the first.
    let first = collected("columns = { source = 2, target = 3 }", &map(MapKind::Table, "a", "b"), &bytes);
    assert_eq!((first.targets.len(), first.findings.len()), (0, 0));
    // Numbers of more digits than a spreadsheet keeps are no ids.
    let id = book(&[("Map", &cells(1, &["#900000000000003001", "x"]))]);
    let layout = "header = false\ncolumns = { source = 2, target = 3 }";
    let damaged = collected(layout, &map(MapKind::Table, "snomed", "b"), &id);
    assert!(damaged.targets.is_empty() && damaged.findings[0].what.contains("scientific notation"), "{:?}", damaged.findings);
}

/// A formula without its value once was an empty target, and an empty target is a declared hole.
#[test]
fn formulas_that_nobody_has_computed_are_said() {
    let rows = [["OLD", "NEW"], ["250.00", "=A1=E11.9"], ["250.01", "=A2"], ["401.9", ""]];
    let rows: String = (1..).zip(&rows).map(|(n, row)| cells(n, row)).collect();
    let layout = "columns = { source = \"OLD\", target = \"NEW\" }";
    let sink = collected(layout, &map(MapKind::Table, "icd9cm", "icd10cm"), &book(&[("Map", &rows)]));
    let rows: Vec<_> = sink.targets.iter().map(|t| (t.source.as_str(), t.target.as_deref())).collect();
    assert_eq!(rows, [("250.00", Some("E11.9")), ("401.9", None)]);
    assert_eq!(places(&sink), [(3, 3)]);
}

#[test]
fn bad_entries_and_headers() {
    let said = |layout: &str, text: &str| {
        let sink = collected(layout, &map(MapKind::Table, "a", "b"), text.as_bytes());
        assert_eq!(sink.targets.len(), 0);
        sink.findings.into_iter().map(|f| f.what).collect::<Vec<_>>().join("; ")
    };
    assert!(said("columns = { source = \"a\" }", "").contains("names no target"));
    assert!(said("columns = { source = 1, target = 2, colour = 3 }", "").contains("\"colour\", which is none of"));
    assert!(said("columns = { source = 1, target = 2 }\nrelationship = \"same\"", "").contains("no relationship"));
    assert!(said("columns = { source = 1, target = 2 }\ndelimiter = \"::\"", "").contains("one ASCII character"));
    assert!(said("columns = { source = \"x\", target = \"y\" }", "a,b\n1,2\n").contains("no column x, y; it has: a b"));
    assert!(said("columns = { source = \"x\", target = \"y\" }", "").contains("empty"));
    assert!(toml::from_str::<Layout>("colums = {}").is_err());
}
