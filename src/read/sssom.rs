//! SSSOM: *A Simple Standard for Sharing Ontology Mappings*, TSV or CSV with its metadata on top.
//!
//! <https://mapping-commons.github.io/sssom/spec-formats-tsv/>. Lines beginning with `#` hold metadata as YAML, of which the flat entries
//! and `curie_map` are read; then a table separated by tabs or by commas. A CURIE's prefix names the system (with or without a version:
//! `ICD10CM_2024:A00`), through the `curie_map` or, where that names nothing well known, by itself. `predicate_id` is the strength,
//! `predicate_modifier: Not` a denial, which is kept and never translates. `confidence` ranks alternatives. The predicate and the
//! justification come through as the release writes them; a predicate may be written as a CURIE or as a whole IRI. Case and blanks around
//! the codes of well-known systems are folded, and said once. Each pair of systems is a map of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::code::{Folding, bad_sct_id, form_of};
use super::names::system_alias;
use super::tabular::{Findings, Lines, Row, places, rows_below, say_torn};
use super::{At, MapHandle, MapRelease, Severity, Sink, TargetDetail, TargetRow, Unmapped};
use crate::model::{CodeForm, MapKind, Relationship, System};

const COLUMNS: [&str; 12] = [
    "subject_id",
    "predicate_id",
    "object_id",
    "?predicate_modifier",
    "?subject_label",
    "?object_label",
    "?mapping_justification",
    "?confidence",
    "?comment",
    "?object_source",
    "?subject_type",
    "?object_type",
];

/// What an entity may be said to be that is not one code. SSSOM does not say how such an id is to be read.
const NO_CODES: [&str; 2] = ["composed entity expression", "rdfs literal"];

/// Reads one mapping set.
pub fn read(input: &mut dyn BufRead, file: &str, sink: &mut dyn Sink) -> io::Result<()> {
    let mut findings = Findings::new(file, sink);
    let mut lines = Lines::new(input);
    let mut metadata = Metadata::default();
    let header = loop {
        match lines.next(&mut findings)? {
            // A spreadsheet fills these up with commas.
            Some((_, line)) if line.starts_with('#') => metadata.line(line[1..].trim_end_matches(',')),
            Some((_, line)) if line.trim().is_empty() => {}
            Some((number, line)) => break Some((number, line.to_owned())),
            None => break None,
        }
    };
    match header {
        None => findings.push(Severity::Error, 0, 0, "there is no table below the metadata".into(), "get the file again"),
        Some((number, header)) => {
            let mut set = Set { metadata, maps: BTreeMap::new(), left_out: Vec::new(), file, folding: Folding::default() };
            let mut take = |row: Row<'_, 12>, findings: &mut Findings<'_>| {
                if row.torn || set.row(&row, findings).is_none() {
                    set.left_out(&row);
                }
            };
            match header.contains('\t') {
                true => rows_below(header, number, &mut lines, COLUMNS, &mut findings, &mut take)?,
                false => rows_of_csv(&header, number, input, &mut findings, &mut take)?,
            }
            set.finish(&mut findings);
        }
    }
    findings.finish();
    Ok(())
}

/// The same for a table that is separated by commas, where a field with one stands in quotes.
fn rows_of_csv(
    header: &str,
    header_line: u64,
    input: &mut dyn BufRead,
    findings: &mut Findings<'_>,
    take: &mut dyn FnMut(Row<'_, 12>, &mut Findings<'_>),
) -> io::Result<()> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true);
    let mut names = csv::StringRecord::new();
    builder.from_reader(header.as_bytes()).read_record(&mut names)?;
    let names: Vec<&str> = names.iter().map(str::trim).collect();
    let Some(columns) = places(&names, header_line, COLUMNS, findings) else { return Ok(()) };
    // The csv crate leaves the LF of a CRLF to the next record, which then begins a line earlier than it does for people.
    let first = input.fill_buf()?;
    let crlf = u64::from(memchr::memchr(b'\n', first).is_some_and(|at| at > 0 && first[at - 1] == b'\r'));
    let mut behind = 0;
    let mut csv = builder.from_reader(input);
    let mut record = csv::ByteRecord::new();
    while csv.read_byte_record(&mut record)? {
        let line = header_line + record.position().map_or(0, csv::Position::line) + behind;
        behind = crlf;
        let texts: Vec<Cow<'_, str>> = record.iter().map(String::from_utf8_lossy).collect();
        if texts.iter().all(|text| text.trim().is_empty()) {
            continue;
        }
        let torn = texts.len() != names.len();
        if torn {
            say_torn(line, texts.len(), names.len(), findings);
        }
        let field = |column: usize| column.checked_sub(1).and_then(|at| texts.get(at)).map_or("", |text| &**text);
        take(Row { line, fields: columns.map(field), columns: &columns, torn }, findings);
    }
    Ok(())
}

/// The entries of the YAML header: `key: value`, and below `curie_map:` the indented ones.
#[derive(Default)]
struct Metadata {
    flat: BTreeMap<String, String>,
    curie_map: BTreeMap<String, String>,
    in_curie_map: bool,
}

impl Metadata {
    fn line(&mut self, line: &str) {
        // A blank behind the # belongs to the comment mark in some files, to the YAML in others; two or more are an indent.
        let indented = line.starts_with("  ") || line.starts_with('\t');
        let Some((key, value)) = line.trim().split_once(':') else { return };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        let key = key.trim_matches(['"', '\'']).to_owned();
        if !indented {
            self.in_curie_map = key == "curie_map";
            self.flat.insert(key, value);
        } else if self.in_curie_map {
            self.curie_map.insert(key, value);
        }
    }

    fn get(&self, key: &str) -> &str {
        self.flat.get(key).map_or("", String::as_str)
    }

    /// The namespace of a prefix, if the header gives one.
    fn namespace(&self, prefix: &str) -> Option<&str> {
        self.curie_map.get(prefix).map(String::as_str)
    }

    /// The alias of a prefix's system: what its namespace is known for, else what it is itself (a version is stripped).
    fn system(&self, prefix: &str) -> String {
        let by_namespace = self.namespace(prefix).map(|namespace| system_alias(namespace).0);
        by_namespace.filter(|alias| System::find(alias).is_some()).unwrap_or_else(|| system_alias(prefix).0)
    }
}

struct Set<'f> {
    metadata: Metadata,
    maps: BTreeMap<(String, String), SetMap>,
    /// Of rows that were left out: the prefixes of subject and object, the subject's code, and where it stands.
    left_out: Vec<((String, String), String, At)>,
    file: &'f str,
    folding: Folding,
}

#[derive(Clone, Copy)]
struct SetMap {
    handle: MapHandle,
    /// Of source and target.
    forms: [CodeForm; 2],
}

impl Set<'_> {
    /// Tells a row. `None`: it is left out, and said.
    fn row(&mut self, row: &Row<'_, 12>, findings: &mut Findings<'_>) -> Option<()> {
        let fields = row.fields.map(|field| unquoted(field.trim()));
        let [subject, predicate, object, modifier, subject_label, object_label, justification, confidence, comment, object_source, ..] =
            fields.each_ref().map(Cow::as_ref);
        // What a set says in its header it says of every row that does not.
        let object_source = if object_source.is_empty() { self.metadata.get("object_source").to_owned() } else { object_source.to_owned() };
        let no_object = object == "sssom:NoTermFound";
        if subject == "sssom:NoTermFound" {
            // Nothing leads to the object: no row of a map from subjects.
            return Some(());
        }
        for (id, kind) in [(0, 10), (2, 11)] {
            if NO_CODES.contains(&fields[kind].as_ref()) {
                let what = format!("{:?} is a {}, not one code", fields[id], fields[kind]);
                let mend = "the row is left out; say codes that are needed together in a ConceptMap or a table with groups";
                return findings.leave_out("entities that are no single codes", row.line, row.columns[id], what, mend);
            }
        }
        // `http://example.org/a` has a colon too, but no prefix.
        let curie = |text: &'_ str| text.split_once(':').is_some_and(|(_, code)| !code.starts_with("//"));
        let object_curie = if no_object { Some((object_source.as_str(), "")) } else { object.split_once(':').filter(|_| curie(object)) };
        let (Some((from, source)), Some((to, target))) = (subject.split_once(':').filter(|_| curie(subject)), object_curie) else {
            let column = row.columns[if curie(subject) { 2 } else { 0 }];
            let what = format!("{subject:?} or {object:?} is not a CURIE");
            return findings.leave_out("entities that are no CURIEs", row.line, column, what, "write PREFIX:CODE; the row is left out");
        };
        if no_object && to.is_empty() {
            let what = "sssom:NoTermFound without object_source: nobody knows where nothing was found".to_owned();
            return findings.leave_out("holes without a target system", row.line, row.columns[2], what, "name the system in object_source");
        }
        let Some(mut relationship) = relationship(predicate) else {
            let what = format!("{predicate:?} is no predicate that says how two concepts relate");
            return findings.leave_out(
                "unknown predicates",
                row.line,
                row.columns[1],
                what,
                "use a skos mapping predicate; the row is left out",
            );
        };
        let denied = match modifier {
            "" => false,
            "Not" => true,
            other => {
                let what = format!("predicate_modifier is {other:?}, neither empty nor Not");
                return findings.leave_out("unknown modifiers", row.line, row.columns[3], what, "the row is left out");
            }
        };
        if denied {
            relationship = Relationship::NotRelatedTo;
        }
        let usage = match confidence {
            "" => None,
            text => text.parse::<f32>().ok().filter(|c| (0.0..=1.0).contains(c)).or_else(|| {
                let what = format!("confidence is {text:?}, not a number from 0 to 1");
                findings.warn("unusable confidences", row.line, row.columns[7], what, "read without it");
                None
            }),
        };
        let correlation = if denied { format!("Not {predicate}") } else { predicate.to_owned() };
        let map = self.map(from, to.trim_end_matches(':'), findings);
        let at = [row.at(0), row.at(2)];
        let source_code = self.folding.code(source, map.forms[0], at[0]);
        let target_code = (!no_object).then(|| self.folding.code(target, map.forms[1], at[1]));
        for (code, place) in [(Some(&source_code), 0), (target_code.as_ref(), 1)] {
            if let Some(what) = code.and_then(|code| bad_sct_id(map.forms[place], code)) {
                let column = row.columns[[0, 2][place]];
                return findings.leave_out("bad SNOMED CT ids", row.line, column, what, "the row is left out; correct the id");
            }
        }
        let detail = TargetDetail {
            correlation: &correlation,
            category: justification,
            comment,
            source_display: subject_label,
            target_display: object_label,
            usage,
            source_as_written: if source_code == source { "" } else { source },
            target_as_written: if target_code.as_ref().is_none_or(|code| code == target) { "" } else { target },
            ..TargetDetail::default()
        };
        let (source, target) = (source_code.as_ref(), target_code.as_deref());
        findings.sink.target(map.handle, &TargetRow { line: row.line, source, target, relationship, detail, at, ..TargetRow::default() });
        Some(())
    }

    /// Notes which subject has lost a row, if that much of it can be read.
    fn left_out(&mut self, row: &Row<'_, 12>) {
        let [subject, _, object, ..] = row.fields.map(|field| unquoted(field.trim()));
        if let (Some((from, source)), Some((to, _))) = (subject.split_once(':'), object.split_once(':')) {
            self.left_out.push(((from.to_owned(), to.to_owned()), source.trim().to_owned(), row.at(0)));
        }
    }

    fn finish(self, findings: &mut Findings<'_>) {
        for (systems, source, at) in self.left_out {
            // No map comes of a row that could not be read.
            if let Some(map) = self.maps.get(&systems) {
                findings.sink.row_left_out(map.handle, &source, 0, at);
            }
        }
        self.folding.finish(self.file, findings.sink);
    }

    fn map(&mut self, from: &str, to: &str, findings: &mut Findings<'_>) -> SetMap {
        if let Some(map) = self.maps.get(&(from.to_owned(), to.to_owned())) {
            return *map;
        }
        let (source, target) = (self.metadata.system(from), self.metadata.system(to));
        for (prefix, alias) in [(from, &source), (to, &target)] {
            if let Some(namespace) = self.metadata.namespace(prefix).filter(|_| System::find(alias).is_none()) {
                findings.sink.system_uri(alias, namespace);
            }
        }
        let url = self.metadata.get("mapping_set_id");
        let file = self.file.rsplit('/').next().unwrap_or(self.file);
        let name = url.rsplit(['/', ':', '#']).find(|s| !s.is_empty()).unwrap_or(file);
        let name = name.trim_end_matches(".tsv").trim_end_matches(".csv").trim_end_matches(".sssom");
        let forms = [form_of(&source), form_of(&target)];
        let handle = findings.sink.map(&MapRelease {
            id: format!("{name}-{source}-{target}"),
            url: url.to_owned(),
            title: self.metadata.get("mapping_set_title").to_owned(),
            version: self.metadata.get("mapping_set_version").to_owned(),
            source,
            target,
            kind: MapKind::Table,
            from: None,
            to: None,
            unmapped: Unmapped::None,
        });
        let map = SetMap { handle, forms };
        self.maps.insert((from.to_owned(), to.to_owned()), map);
        map
    }
}

/// A field without the quotes that tools put around one that holds quotes, or around every one.
fn unquoted(field: &str) -> Cow<'_, str> {
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.contains('"') => Cow::Borrowed(inner),
        Some(inner) if !inner.replace("\"\"", "").contains('"') => Cow::Owned(inner.replace("\"\"", "\"")),
        _ => Cow::Borrowed(field),
    }
}

/// The SKOS predicates speak of the object: `broadMatch` says that the object is the broader one.
fn relationship(predicate: &str) -> Option<Relationship> {
    const NAMESPACES: [(&str, &str); 4] = [
        ("http://www.w3.org/2004/02/skos/core#", "skos:"),
        ("http://www.w3.org/2002/07/owl#", "owl:"),
        ("http://www.w3.org/2000/01/rdf-schema#", "rdfs:"),
        ("http://www.geneontology.org/formats/oboInOwl#", "oboInOwl:"),
    ];
    let in_full = predicate.trim_start_matches('<').trim_end_matches('>');
    let short = NAMESPACES.iter().find_map(|(iri, prefix)| Some(format!("{prefix}{}", in_full.strip_prefix(iri)?)));
    Some(match short.as_deref().unwrap_or(predicate) {
        "skos:exactMatch" | "owl:equivalentClass" | "owl:sameAs" => Relationship::Equivalent,
        "skos:broadMatch" | "rdfs:subClassOf" => Relationship::SourceIsNarrowerThanTarget,
        "skos:narrowMatch" => Relationship::SourceIsBroaderThanTarget,
        "skos:closeMatch" | "skos:relatedMatch" | "skos:mappingRelation" | "oboInOwl:hasDbXref" | "oio:hasDbXref" => {
            Relationship::RelatedTo
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Collected;

    const SET: &str = "# curie_map:\n#   LOCAL: http://example.org/local/\n#   SCTID: http://snomed.info/id/\n# mapping_set_id: https://example.org/sets/mine.sssom.tsv\n\
        # mapping_set_version: \"2\"\n\
        subject_id\tsubject_label\tpredicate_id\tobject_id\tmapping_justification\tpredicate_modifier\tconfidence\tcomment\tobject_source\n\
        LOCAL:a\tAlpha\tskos:exactMatch\tICD10CM_2024:A00\tsemapv:ManualMappingCuration\t\t0.9\tsure\t\n\
        LOCAL:a\tAlpha\tskos:broadMatch\tICD10CM_2024:A01\tsemapv:LexicalMatching\t\t0.5\t\t\n\
        LOCAL:b\tBeta\tskos:narrowMatch\tSCTID:138875005\t\t\t\t\t\n\
        LOCAL:c\t\tskos:exactMatch\tICD10CM_2024:A02\t\tNot\t\t\t\n\
        LOCAL:d\t\tskos:exactMatch\tsssom:NoTermFound\t\t\t\t\tICD10CM_2024:\n\
        LOCAL:e\t\tex:like\tICD10CM_2024:A03\t\t\t\t\t\n\
        nothing\t\tskos:exactMatch\tICD10CM_2024:A03\t\t\t\t\t\n\
        LOCAL:f\t\tskos:exactMatch\tICD10CM_2024:A04\t\t\thigh\t\t\n\
        LOCAL:g\t\tskos:exactMatch\tsssom:NoTermFound\t\t\t\t\t\n";

    #[test]
    fn a_mapping_set() {
        let mut sink = Collected::default();
        read(&mut SET.as_bytes(), "mine.sssom.tsv", &mut sink).unwrap();
        let rows: Vec<_> = sink
            .targets
            .iter()
            .map(|t| (sink.maps[t.map.0 as usize].id.as_str(), t.line, t.source.as_str(), t.target.as_deref(), t.relationship))
            .collect();
        use Relationship::*;
        assert_eq!(
            rows,
            [
                ("mine-local-icd10cm", 7, "a", Some("A00"), Equivalent),
                ("mine-local-icd10cm", 8, "a", Some("A01"), SourceIsNarrowerThanTarget),
                ("mine-local-snomed", 9, "b", Some("138875005"), SourceIsBroaderThanTarget),
                ("mine-local-icd10cm", 10, "c", Some("A02"), NotRelatedTo),
                ("mine-local-icd10cm", 11, "d", None, Equivalent),
                ("mine-local-icd10cm", 14, "f", Some("A04"), Equivalent),
            ]
        );
        assert_eq!(sink.maps[0].version, "2");
        let first = &sink.targets[0];
        assert_eq!((first.usage, first.comment.as_str(), first.category.as_str()), (Some(0.9), "sure", "semapv:ManualMappingCuration"));
        assert_eq!(sink.targets[3].correlation, "Not skos:exactMatch");
        let places: Vec<_> = sink.findings.iter().map(|f| (f.line, f.column)).collect();
        assert_eq!(places, [(12, 3), (13, 1), (14, 7), (15, 4)]);
    }

    /// A header may call ICD-10-CM `ICD10`, which by itself is the WHO's.
    #[test]
    fn the_files_own_prefixes_go_before_well_known_ones() {
        let text = "#curie_map:\n#  ICD10: http://hl7.org/fhir/sid/icd-10-cm/\n#  SNOMED: http://example.org/snomed/\n\
            subject_id\tpredicate_id\tobject_id\nICD10:I10\tskos:exactMatch\tSNOMED:138875005\n";
        let mut sink = Collected::default();
        read(&mut text.as_bytes(), "f", &mut sink).unwrap();
        assert_eq!((sink.maps[0].source.as_str(), sink.maps[0].target.as_str()), ("icd10cm", "snomed"));
    }

    #[test]
    fn a_header_may_say_where_nothing_was_found() {
        let text = "#object_source: ICD10CM:\nsubject_id\tpredicate_id\tobject_id\nLOCAL:a\tskos:exactMatch\tsssom:NoTermFound\n";
        let mut sink = Collected::default();
        read(&mut text.as_bytes(), "f", &mut sink).unwrap();
        assert_eq!((sink.findings, sink.maps[0].target.as_str(), sink.targets[0].target.as_deref()), (vec![], "icd10cm", None));
    }

    #[test]
    fn separated_by_commas() {
        let text = "#mapping_set_id: https://example.org/mine.sssom.csv,,,\r\n\
            subject_id,predicate_id,object_id,comment\r\n\
            LOCAL:a,skos:exactMatch,ICD10CM:A00,\"sure, on the whole\"\r\n\
            LOCAL:b,skos:exactMatch,ICD10CM:A01,sure, or so\r\n\
            ,,,\r\n\
            LOCAL:c,skos:likeMatch,ICD10CM:A02,\r\n";
        let mut sink = Collected::default();
        read(&mut text.as_bytes(), "f", &mut sink).unwrap();
        let rows: Vec<_> = sink.targets.iter().map(|t| (t.line, t.source.as_str(), t.target.as_deref(), t.comment.as_str())).collect();
        assert_eq!(rows, [(3, "a", Some("A00"), "sure, on the whole")]);
        assert_eq!(sink.maps[0].id, "mine-local-icd10cm");
        let said: Vec<_> = sink.findings.iter().map(|f| (f.line, f.column)).collect();
        assert_eq!(said, [(4, 5), (6, 2)]);
        let mut sink = Collected::default();
        read(&mut "subject_id,predicate_id\n".as_bytes(), "f", &mut sink).unwrap();
        assert!(sink.findings[0].what.contains("no column object_id"), "{}", sink.findings[0]);
    }

    #[test]
    fn blanks_case_whole_iris_and_check_digits() {
        let text = "subject_id\tpredicate_id\tobject_id\n\
            ICD9CM:v58.69\thttp://www.w3.org/2004/02/skos/core#exactMatch\tICD10CM: z79.899\n\
            LOCAL:Aa\t<http://www.w3.org/2004/02/skos/core#broadMatch>\tSCTID:138875006\n\
            LOCAL:Aa\tskos:exactMatch \tSCTID:138875005\n\
            LOCAL:Aa\tskos:exactMatch\thttp://example.org/code\n";
        let mut sink = Collected::default();
        read(&mut text.as_bytes(), "f", &mut sink).unwrap();
        let rows: Vec<_> = sink.targets.iter().map(|t| (t.source.as_str(), t.target.as_deref(), t.relationship)).collect();
        let equivalent = Relationship::Equivalent;
        assert_eq!(rows, [("V58.69", Some("Z79.899"), equivalent), ("Aa", Some("138875005"), equivalent)]);
        assert_eq!((sink.targets[0].source_as_written.as_str(), sink.targets[0].target_as_written.as_str()), ("v58.69", " z79.899"));
        let said: Vec<_> = sink.findings.iter().map(|f| (f.line, f.severity, f.what.split(',').next().unwrap_or(""))).collect();
        assert_eq!(
            said,
            [
                (3, Severity::Warning, "'138875006' is not a SNOMED CT id: its check digit is wrong"),
                (5, Severity::Warning, "\"LOCAL:Aa\" or \"http://example.org/code\" is not a CURIE"),
                (2, Severity::Note, "2 codes in lower case or with blanks around them"),
            ]
        );
    }

    /// `"ICD10CM:E11.9"` was once read as a code of a system called `"icd10cm`.
    #[test]
    fn quotes_around_fields_are_none_of_them() {
        let text = "subject_id\tsubject_label\tpredicate_id\tobject_id\n\
            \"ICD9CM:250.00\"\t\"6\"\" tube\"\t\"skos:exactMatch\"\t\"ICD10CM:E11.9\"\n\
            ICD9CM:401.9\t\"A\" and \"B\"\tskos:exactMatch\tICD10CM:I10\n";
        let mut sink = Collected::default();
        read(&mut text.as_bytes(), "f", &mut sink).unwrap();
        let rows: Vec<_> = sink.targets.iter().map(|t| (t.target.as_deref(), t.source_display.as_str())).collect();
        assert_eq!(rows, [(Some("E11.9"), "6\" tube"), (Some("I10"), "\"A\" and \"B\"")]);
        assert_eq!((sink.maps.len(), sink.maps[0].target.as_str(), sink.findings.len()), (1, "icd10cm", 0));
    }

    #[test]
    fn what_is_no_set_is_said() {
        let said = |text: &str| {
            let mut sink = Collected::default();
            read(&mut text.as_bytes(), "x", &mut sink).unwrap();
            sink.findings.into_iter().map(|f| f.what).collect::<Vec<_>>().join("; ")
        };
        assert!(said("# only: metadata\n").contains("no table"));
        assert!(said("a\tb\n1\t2\n").contains("no column subject_id, predicate_id, object_id"));
    }
}
