//! Whatever is wrong with a release, it is said where: files of every format, damaged in every way that a byte can be, are read to their end,
//! and every finding about a row has its file, line and column.

use std::path::Path;
use xwalk::model::MapKind;
use xwalk::read::{Collected, Finding, Format, Given, MapRelease, SystemRelease, Unmapped, read, read_folder, table};
use xwalk::releases::generate::{self, Prng, Shape};

/// What findings about a file as a whole say; all others are about a place in it.
const OF_THE_WHOLE: [&str; 17] = [
    "the file is empty",
    "no record of",
    "more like these",
    "there is no table below the metadata",
    "order numbers do not count up by one in",
    "resourceType is",
    "names no source system",
    "names no target system",
    "unmapped.mode",
    "the CodeSystem has no url",
    "not every code of the system is here",
    "the release has no",
    "no Snapshot or Full files",
    "the download has no",
    "there is neither MRMAP.RRF nor MRSMAP.RRF",
    "MRSAT.RRF is not here",
    "columns names",
];

/// Changes a few bytes as storms, editors and spreadsheets do.
fn damaged(sound: &[u8], random: &mut Prng) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        let byte = *b" \t,;|\"'{}[]:<>&x0O\n\r\xff\xe9\0".get(random.below(22)).expect("a byte");
        match random.below(6) {
            0 | 1 if !bytes.is_empty() => bytes[at] = byte,
            2 if !bytes.is_empty() => _ = bytes.remove(at),
            3 => bytes.insert(at, byte),
            4 if random.below(8) == 0 => bytes.truncate(at),
            // A line that comes twice.
            _ => {
                let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
                let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |end| at + end + 1);
                let line = bytes[start..end].to_vec();
                bytes.splice(start..start, line);
            }
        }
    }
    bytes
}

fn check(findings: &[Finding], lines: impl Fn(&str) -> Option<usize>, context: &str) -> usize {
    for finding in findings {
        assert!(!finding.file.is_empty() && !finding.what.is_empty(), "{context}: {finding:?}");
        if finding.line == 0 {
            assert!(OF_THE_WHOLE.iter().any(|what| finding.what.contains(what)), "{context}: {finding}: where?");
            continue;
        }
        assert!(finding.column > 0, "{context}: {finding}: in which column?");
        let lines = lines(&finding.file).unwrap_or_else(|| panic!("{context}: {finding}: in which file?"));
        assert!(finding.line as usize <= lines, "{context}: {finding}: there are {lines} lines");
    }
    findings.iter().filter(|finding| finding.line > 0).count()
}

fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b == b'\n').count() + 1
}

fn release(source: &str, target: &str, kind: MapKind) -> MapRelease {
    MapRelease {
        id: "m".into(),
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

#[test]
fn damaged_files_of_every_format_say_where() {
    let system = |system: &str| SystemRelease { system: system.into(), version: "1".into(), ..SystemRelease::default() };
    let (cm, i9, hcpcs, cpt) = (system("icd10cm"), system("icd9cm"), system("hcpcs"), system("cpt"));
    let gem = release("icd9cm", "icd10cm", MapKind::Gem);
    let payer = release("icd9cm", "icd10cm", MapKind::Table);
    let layout: table::Layout = toml::from_str(
        "relationships = { yes = \"equivalent\" }\n[columns]\nsource = \"old\"\ntarget = \"new\"\nrelationship = \"same\"\nusage = \"n\"\nfrom = \"since\"\ngroup = \"list\"",
    )
    .expect("a layout");
    let order = "00001 A00     0 Cholera                                                      Cholera\r\n\
        00002 A000    1 Cholera due to Vibrio cholerae 01, biovar cholerae           Cholera due to Vibrio cholerae 01, biovar cholerae\r\n\
        00003 A001    1 Cholera, eltor                                               Cholera due to Vibrio cholerae 01, biovar eltor\r\n";
    let folder = tempfile::tempdir().expect("a folder");
    generate::write_hcpcs(&folder.path().join("h.txt"), 3, 12, 2).expect("written");
    generate::write_cpt(folder.path(), 3, 12, false).expect("written");
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let xml = "<?xml version=\"1.0\"?>\n<ICD10CM.tabular><chapter><name>1</name><desc>Some</desc><section id=\"A00-A09\"><desc>Some</desc>\n\
        <diag><name>A00</name><desc>Cholera</desc><sevenChrDef><extension char=\"A\">initial</extension></sevenChrDef>\n\
        <diag><name>A00.0</name><desc>Cholera &amp; co</desc><inclusionTerm><note>Classical</note></inclusionTerm></diag>\n\
        <diag><name>A00.1</name><desc>El Tor</desc><excludes1><note>this</note></excludes1></diag></diag>\n</section></chapter></ICD10CM.tabular>\n";
    let concept_map = "{\"resourceType\": \"ConceptMap\", \"id\": \"m\", \"group\": [{\"source\": \"s\", \"target\": \"t\", \"element\": [\n\
        {\"code\": \"a\", \"display\": \"A\", \"target\": [{\"code\": \"x\", \"relationship\": \"equivalent\"}, {\"code\": \"y\", \"equivalence\": \"wider\",\n\
        \"dependsOn\": [{\"property\": \"sex\", \"value\": \"female\"}], \"product\": [{\"attribute\": \"side\", \"valueCode\": \"left\"}]}]},\n\
        {\"code\": \"b\", \"noMap\": true},\n{\"code\": \"c\", \"target\": [{\"code\": \"z\"}]}]}]}\n";
    let code_system = "{\"resourceType\": \"CodeSystem\", \"url\": \"http://example.org/s\", \"concept\": [\n\
        {\"code\": \"top\", \"display\": \"Top\", \"concept\": [{\"code\": \"low\", \"designation\": [{\"language\": \"de\", \"value\": \"Tief\"}]}]},\n\
        {\"code\": \"old\", \"property\": [{\"code\": \"status\", \"valueCode\": \"retired\"}]}]}\n";
    let sssom = "# curie_map:\n#   LOCAL: http://example.org/\nsubject_id\tpredicate_id\tobject_id\tpredicate_modifier\tconfidence\tobject_source\n\
        LOCAL:a\tskos:exactMatch\tICD10CM:A00.0\t\t0.9\t\nLOCAL:b\tskos:broadMatch\tSCTID:138875005\tNot\t0.5\t\n\
        LOCAL:c\tskos:exactMatch\tsssom:NoTermFound\t\t\tICD10CM\n";
    let nlm = "ICD_CODE\tICD_NAME\tIS_CURRENT_ICD\tIP_USAGE\tOP_USAGE\tAVG_USAGE\tIS_NEC\tSNOMED_CID\tSNOMED_FSN\tIS_1-1MAP\tCORE_USAGE\tIN_CORE\r\n\
        250.00\tn\t1\t1.5\t2.5\t2.0\t0\t138875005\tx (finding)\t0\t0.25\t1\r\nV99.9\tn\t1\tNULL\tNULL\tNULL\t1\tNULL\tNULL\tNULL\tNULL\tNULL\r\n";
    let samples: Vec<(&str, Format, Given<'_>, String)> = vec![
        ("order.txt", Format::IcdOrder, Given::System(&cm), order.to_owned()),
        (
            "codes.txt",
            Format::IcdCodes,
            Given::System(&cm),
            "A000    Cholera\r\nA001    Cholera, eltor\r\nA009    Cholera, unspecified\r\n".to_owned(),
        ),
        ("tabular.xml", Format::Icd10cmTabular, Given::System(&cm), xml.to_owned()),
        ("list.txt", Format::Icd10cmCodeList, Given::System(&cm), "1\r\nA00-A09\r\nA00\r\nA00.0\r\nA00.1\r\n".to_owned()),
        ("titles.txt", Format::Icd9TitlesLong, Given::System(&i9), "0010  Cholera one\n0011  Cholera two\n0019  Cholera NOS\n".to_owned()),
        (
            "gem.txt",
            Format::Gem,
            Given::Map(&gem),
            "0010  A000    00000\r\n0011  A001    10111\r\n0011  A009    10112\r\n0019  NoDx    11000\r\n".to_owned(),
        ),
        (
            "gem.csv",
            Format::Gem,
            Given::Map(&gem),
            "icd9cm,icd10cm,flags\n0010,A000,00000\n0011,A001,10111\n0011,A009,10112\n0019,NoDx,11000\n".to_owned(),
        ),
        ("hcpcs.txt", Format::Hcpcs, Given::System(&hcpcs), text("h.txt")),
        ("LONGULT.txt", Format::Cpt, Given::System(&cpt), text("LONGULT.txt")),
        ("LONGULF.txt", Format::Cpt, Given::System(&cpt), text("LONGULF.txt")),
        ("SHORTU.txt", Format::Cpt, Given::System(&cpt), text("SHORTU.txt")),
        ("nlm_202512.txt", Format::NlmIcd9Snomed, Given::Nothing, nlm.to_owned()),
        ("map.json", Format::Fhir, Given::Nothing, concept_map.to_owned()),
        ("system.json", Format::Fhir, Given::Nothing, code_system.to_owned()),
        ("set.sssom.tsv", Format::Sssom, Given::Nothing, sssom.to_owned()),
        (
            "table.csv",
            Format::Table,
            Given::Table(&payer, &layout),
            "old,new,same,n,since,list\n250.00,E11.9,yes,0.5,2020-01-01,1\n401.9,I10,,,,\n038.9,,,,,2\n".to_owned(),
        ),
    ];
    for (file, format, given, sound) in samples {
        let mut sink = Collected::default();
        read(format, &mut sound.as_bytes(), file, given, &mut sink).expect("readable");
        assert_eq!(sink.findings, [], "{file}: the sample is sound");
        let mut random = Prng::new(7);
        let mut placed = 0;
        for turn in 0..600 {
            let bytes = damaged(sound.as_bytes(), &mut random);
            let mut sink = Collected::default();
            let context = format!("{file}, turn {turn}, {:?}", String::from_utf8_lossy(&bytes));
            read(format, &mut &bytes[..], file, given, &mut sink).unwrap_or_else(|e| panic!("{context}: {e}"));
            placed += check(&sink.findings, |name| (name == file).then(|| count(&bytes)), &context);
        }
        assert!(placed > 100, "{file}: {placed} findings in 600 damaged files");
    }
}

/// Releases of several files: a finding names the one that it is about.
#[test]
fn damaged_releases_of_several_files_say_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    generate::write_rf2(&place("rf2"), &Shape { concepts: 30, descriptions: 60, is_a: 40, map_rows: 40, ..Shape::small(3) })
        .expect("written");
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    let athena = |name: &str, text: &str| write(&place("athena").join(name), text);
    athena("VOCABULARY.csv", "vocabulary_id\tvocabulary_name\tvocabulary_version\nICD9CM\tI9\t1\nSNOMED\tS\t2\n");
    athena(
        "CONCEPT.csv",
        "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason\n\
         1\tone\tC\tICD9CM\tx\t\t250.00\t19700101\t20991231\t\n2\ttwo\tC\tSNOMED\tx\tS\t138875005\t19700101\t20991231\t\n3\tthree\tC\tSNOMED\tx\tS\t116680003\t19700101\t20991231\t\n",
    );
    athena(
        "CONCEPT_RELATIONSHIP.csv",
        "concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason\n1\t2\tMaps to\t19700101\t20991231\t\n3\t2\tIs a\t19700101\t20991231\t\n",
    );
    let umls = |name: &str, text: &str| write(&place("umls").join(name), text);
    umls(
        "MRSAT.RRF",
        "C1||||C|1|AT1||FROMVSAB|SNOMEDCT_US|SNOMEDCT_US_2023_09_01|N||\nC1||||C|1|AT2||TOVSAB|SNOMEDCT_US|ICD10CM_2024|N||\n",
    );
    let row = |rank: u8, to: &str, rule: &str| {
        format!("C1|SNOMEDCT_US|1|{rank}|AT1||1|9|138875005|SCTID|||RO||2||{to}|ICD|||{rule}|ADVICE|KIND||||\n")
    };
    umls("MRMAP.RRF", &(row(1, "A00.0", "IFA 248152002") + &row(2, "A00.1", "OTHERWISE TRUE")));
    for (name, format) in [("rf2", Format::Rf2), ("athena", Format::Athena), ("umls", Format::Umls)] {
        let mut files = Vec::new();
        xwalk::read::source::visit_path(&place(name), &|_| true, &mut |file, input| {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes)?;
            files.push((file.to_owned(), bytes));
            Ok(())
        })
        .expect("readable");
        let path = |file: &str| folder.path().join(file);
        let mut random = Prng::new(11);
        let mut placed = 0;
        for turn in 0..150 {
            let (file, sound) = &files[random.below(files.len())];
            let bytes = damaged(sound, &mut random);
            std::fs::write(path(file), &bytes).expect("written");
            let mut sink = Collected::default();
            let context = format!("{file}, turn {turn}");
            read_folder(format, &place(name), Given::Nothing, &mut sink).unwrap_or_else(|e| panic!("{context}: {e}"));
            let lines = |name: &str| match name == file {
                true => Some(count(&bytes)),
                false => files.iter().find(|(file, _)| file == name).map(|(_, bytes)| count(bytes)),
            };
            placed += check(&sink.findings, lines, &context);
            std::fs::write(path(file), sound).expect("written");
        }
        assert!(placed > 30, "{name}: {placed} findings in 150 damaged releases");
    }
}
