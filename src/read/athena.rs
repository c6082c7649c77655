//! OMOP vocabularies as downloaded from Athena: `CONCEPT.csv`, `CONCEPT_RELATIONSHIP.csv`, `CONCEPT_SYNONYM.csv`, `VOCABULARY.csv`.
//!
//! OHDSI, *OMOP Common Data Model v5.4*, "Vocabulary tables". Tab-separated in spite of the name, no quoting, dates YYYYMMDD.
//!
//! `Maps to` may name several targets, and then means all of them together: such a source gets one scenario with a group per target.
//! Where some of them lie in another vocabulary, or in one that was not downloaded, an answer in one vocabulary is a part: the row has the
//! others as its product, and is never automatic. So it is where `Maps to value` or `Maps to unit` says the other half ("history of" and
//! what of): the value is no target by itself.
//! `Concept replaced by` makes the succession of each vocabulary. `Is a` within a vocabulary makes parents. OMOP states no strength.
//!
//! A standard concept maps to itself; such rows are told where the vocabulary maps others of its concepts, and go without saying elsewhere.
//!
//! Held in memory: one entry per concept (16 bytes and its code) and 16 bytes per `Maps to` row. The relationship file itself, ten times
//! as large, streams.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::Path;

use hashbrown::HashMap;

use super::names::system_alias;
use super::source::visit_path;
use super::tabular::{Findings, Row, rows, rows_and_torn};
use super::{
    At, ConceptRow, Finding, MapHandle, MapRelease, Severity, Sink, SystemHandle, SystemRelease, TargetDetail, TargetRow, Unmapped,
};
use crate::model::{Date, DesignationUse, MapKind, Relationship, Status};

type Packages<'a> = &'a dyn Fn(&dyn Fn(&str) -> bool, &mut dyn FnMut(&str, &mut dyn BufRead) -> io::Result<()>) -> io::Result<()>;

/// Reads a download from its folder or zip.
pub fn read(path: &Path, sink: &mut dyn Sink) -> io::Result<()> {
    read_from(&|wanted, visit| visit_path(path, wanted, visit), sink)
}

fn read_from(packages: Packages<'_>, sink: &mut dyn Sink) -> io::Result<()> {
    let mut download = Download::default();
    let mut seen = Vec::new();
    let mut each = |table: &'static str, sink: &mut dyn Sink, download: &mut Download, read: Reader| {
        packages(&|name| table_of(name) == Some(table), &mut |name, input| {
            seen.push(table);
            let mut findings = Findings::new(name, sink);
            read(download, input, &mut findings)?;
            findings.finish();
            Ok(())
        })
    };
    each("vocabulary", sink, &mut download, Download::vocabularies)?;
    each("concept", sink, &mut download, Download::concepts)?;
    each("concept_synonym", sink, &mut download, Download::synonyms)?;
    each("concept_relationship", sink, &mut download, Download::relationships)?;
    download.maps(sink);
    for (table, without) in [("concept", "nothing can be read"), ("concept_relationship", "there are no maps and no hierarchy")] {
        if !seen.contains(&table) {
            let severity = if table == "concept" { Severity::Error } else { Severity::Warning };
            let what = format!("the download has no {}.csv: {without}", table.to_uppercase());
            sink.finding(Finding { file: "Athena download".into(), line: 0, column: 0, severity, what, mend: "add the file".into() });
        }
    }
    Ok(())
}

type Reader = fn(&mut Download, &mut dyn BufRead, &mut Findings<'_>) -> io::Result<()>;

fn table_of(name: &str) -> Option<&'static str> {
    let name = name.rsplit('/').next()?.to_ascii_lowercase();
    let table = name.strip_suffix(".csv")?;
    ["vocabulary", "concept", "concept_synonym", "concept_relationship"].into_iter().find(|t| *t == table)
}

#[derive(Default)]
struct Download {
    versions: HashMap<String, String>,
    vocabularies: Vec<Vocabulary>,
    by_name: HashMap<String, u16>,
    concepts: HashMap<u32, Place>,
    /// The codes of all concepts, one behind the other.
    codes: String,
    maps_to: Vec<MapsTo>,
    /// Targets of `Maps to` that the download does not have, by source.
    absent: HashMap<u32, Vec<u32>>,
    /// What `Maps to value` and its like say beside the targets, by source.
    values: HashMap<u32, Vec<String>>,
    /// Where a row about a source stands that could not be read; one is enough.
    left_out: BTreeMap<u32, At>,
    successions: BTreeMap<u16, MapHandle>,
}

struct Vocabulary {
    alias: String,
    version: String,
    handle: SystemHandle,
}

#[derive(Clone, Copy)]
struct Place {
    at: u32,
    length: u16,
    vocabulary: u16,
}

/// Sorted by the vocabularies, then the source: the rows of one source in one map come together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct MapsTo {
    vocabularies: (u16, u16),
    source: u32,
    line: u32,
    target: u32,
}

impl Download {
    fn vocabularies(&mut self, input: &mut dyn BufRead, findings: &mut Findings<'_>) -> io::Result<()> {
        rows(input, ["vocabulary_id", "vocabulary_version"], findings, &mut |row, _| {
            let [id, version] = row.fields;
            self.versions.insert(id.to_owned(), version.to_owned());
        })
    }

    fn vocabulary(&mut self, name: &str, sink: &mut dyn Sink) -> u16 {
        if let Some(&known) = self.by_name.get(name) {
            return known;
        }
        let (alias, _) = system_alias(name);
        let version = self.versions.get(name).cloned().unwrap_or_default();
        let handle = sink.system(&SystemRelease {
            system: alias.clone(),
            uri: String::new(),
            title: format!("{name} (OMOP)"),
            version: version.clone(),
            from: None,
            to: None,
        });
        self.vocabularies.push(Vocabulary { alias, version, handle });
        // There are some hundred vocabularies in the world.
        let number = (self.vocabularies.len() - 1) as u16;
        self.by_name.insert(name.to_owned(), number);
        number
    }

    fn concepts(&mut self, input: &mut dyn BufRead, findings: &mut Findings<'_>) -> io::Result<()> {
        let columns = [
            "concept_id",
            "concept_name",
            "vocabulary_id",
            "?concept_class_id",
            "concept_code",
            "valid_start_date",
            "valid_end_date",
            "?invalid_reason",
        ];
        rows(input, columns, findings, &mut |row, findings| {
            let [id, name, vocabulary, class, code, from, to, _] = row.fields;
            let Some(id) = number(&row, 0, findings).filter(|_| !id.is_empty()) else { return };
            if code.is_empty() || code.len() > usize::from(u16::MAX) {
                return findings.warn("concepts without a code", row.line, row.columns[4], format!("concept {id} has no code"), "left out");
            }
            let (Ok(from), Ok(to)) = (day(from), day(to)) else {
                let what = format!("a date is neither empty nor YYYYMMDD: {from:?}, {to:?}");
                return findings.warn("bad dates", row.line, row.columns[5], what, "the concept is left out");
            };
            let vocabulary = self.vocabulary(vocabulary, findings.sink);
            let Ok(at) = u32::try_from(self.codes.len()) else {
                return findings.warn("concepts beyond four gigabytes of codes", row.line, row.columns[4], "no room", "split the download");
            };
            self.codes.push_str(code);
            self.concepts.insert(id, Place { at, length: code.len() as u16, vocabulary });
            // Classes such as "3-char nonbill code" are headings.
            let status = if class.contains("nonbill") { Status::Header } else { Status::Valid };
            let system = self.vocabularies[usize::from(vocabulary)].handle;
            findings.sink.concept(system, ConceptRow { code, status, from, to });
            if !name.is_empty() {
                findings.sink.designation(system, code, DesignationUse::Long, "", name);
            }
        })
    }

    fn synonyms(&mut self, input: &mut dyn BufRead, findings: &mut Findings<'_>) -> io::Result<()> {
        rows(input, ["concept_id", "concept_synonym_name", "?language_concept_id"], findings, &mut |row, findings| {
            let [_, name, language] = row.fields;
            let Some(place) = self.place(&row, 0, findings) else { return };
            // 4180186 is English; other languages are OMOP concepts themselves, so they go by number.
            let tag = if matches!(language, "" | "0" | "4180186") { String::new() } else { format!("x-omop-{language}") };
            let vocabulary = &self.vocabularies[usize::from(place.vocabulary)];
            findings.sink.designation(vocabulary.handle, self.code(place), DesignationUse::Synonym, &tag, name);
        })
    }

    fn relationships(&mut self, input: &mut dyn BufRead, findings: &mut Findings<'_>) -> io::Result<()> {
        let columns = ["concept_id_1", "concept_id_2", "relationship_id", "?invalid_reason"];
        rows_and_torn(input, columns, findings, &mut |row, findings| {
            let [_, second, relationship, invalid] = row.fields;
            if row.torn {
                // The first id is whole where a second one follows it; the relationship may be cut.
                if !second.is_empty() && ["Maps to value", "Maps to unit"].iter().any(|whole| whole.starts_with(relationship)) {
                    self.leave_out(&row);
                }
                return;
            }
            let is_value = matches!(relationship, "Maps to value" | "Maps to unit");
            if !(is_value || matches!(relationship, "Maps to" | "Concept replaced by" | "Is a")) || !invalid.is_empty() {
                return;
            }
            if is_value {
                let (Some(source), Some(value)) = (number(&row, 0, findings), number(&row, 1, findings)) else {
                    return self.leave_out(&row);
                };
                let place = self.concepts.get(&value).copied();
                let coding = place.map_or_else(|| format!("omop|{value}"), |place| self.coding(place));
                return self.values.entry(source).or_default().push(format!("{relationship}={coding}"));
            }
            let (Some(from), Some(to)) = (self.place(&row, 0, findings), self.place(&row, 1, findings)) else {
                match (row.fields[0].parse(), row.fields[1].parse()) {
                    _ if relationship != "Maps to" => {}
                    (Ok(source), Ok(target)) => self.absent.entry(source).or_default().push(target),
                    _ => self.leave_out(&row),
                }
                return;
            };
            let same_vocabulary = from.vocabulary == to.vocabulary;
            let (source, target) = (self.code(from), self.code(to));
            match relationship {
                "Maps to" => {
                    let (Some(source), Some(target)) = (number(&row, 0, findings), number(&row, 1, findings)) else { return };
                    let line = u32::try_from(row.line).unwrap_or(u32::MAX);
                    self.maps_to.push(MapsTo { vocabularies: (from.vocabulary, to.vocabulary), source, line, target });
                }
                "Is a" if same_vocabulary => {
                    let handle = self.vocabularies[usize::from(from.vocabulary)].handle;
                    findings.sink.parent(handle, source, target, row.at(1));
                }
                "Concept replaced by" if same_vocabulary => {
                    let vocabulary = &self.vocabularies[usize::from(from.vocabulary)];
                    let known = self.successions.get(&from.vocabulary).copied();
                    let map = known.unwrap_or_else(|| {
                        let (id, title) =
                            (format!("omop-history-{}", vocabulary.alias), format!("{} concepts replaced (OMOP)", vocabulary.alias));
                        findings.sink.map(&release(id, title, vocabulary, vocabulary, MapKind::Succession))
                    });
                    let detail = TargetDetail { comment: relationship, ..TargetDetail::default() };
                    let relationship = Relationship::Equivalent;
                    let (line, target, at) = (row.line, Some(target), [row.at(0), row.at(1)]);
                    let row = TargetRow { line, source, target, relationship, detail, at, ..TargetRow::default() };
                    findings.sink.target(map, &row);
                    self.successions.insert(from.vocabulary, map);
                }
                _ => {
                    let what = format!("{relationship:?} leads to another vocabulary");
                    findings.warn("hierarchy and history across vocabularies", row.line, row.columns[1], what, "the row is left out");
                }
            }
        })
    }

    fn leave_out(&mut self, row: &Row<'_, 4>) {
        if let Ok(source) = row.fields[0].parse() {
            self.left_out.entry(source).or_insert(row.at(0));
        }
    }

    /// Tells the `Maps to` rows: a source with several targets has them in groups of one scenario.
    fn maps(&mut self, sink: &mut dyn Sink) {
        self.maps_to.sort_unstable();
        self.maps_to.dedup_by_key(|m| (m.vocabularies, m.source, m.target));
        // A standard concept maps to itself.
        let to_others = |row: &&MapsTo| row.source != row.target;
        let mut all: HashMap<u32, Vec<MapsTo>> = HashMap::new();
        for row in self.maps_to.iter().filter(to_others) {
            all.entry(row.source).or_default().push(*row);
        }
        for of_pair in self.maps_to.chunk_by(|a, b| a.vocabularies == b.vocabularies) {
            if !of_pair.iter().any(|row| to_others(&row)) {
                continue;
            }
            let (from, to) = of_pair[0].vocabularies;
            let (source_system, target_system) = (&self.vocabularies[usize::from(from)], &self.vocabularies[usize::from(to)]);
            let (source_alias, target_alias) = (&source_system.alias, &target_system.alias);
            let (id, title) = (format!("omop-{source_alias}-{target_alias}"), format!("OMOP: {source_alias} maps to {target_alias}"));
            let map = sink.map(&release(id, title, source_system, target_system, MapKind::Table));
            // All targets of a source are meant together, wherever they lie: what was lost is a part of every answer.
            for (source, at) in &self.left_out {
                if let Some(place) = self.concepts.get(source).filter(|place| place.vocabulary == from) {
                    sink.row_left_out(map, self.code(*place), 0, *at);
                }
            }
            for of_one in of_pair.chunk_by(|a, b| a.source == b.source) {
                let source = of_one[0].source;
                let others = all.get(&source).into_iter().flatten().filter(|row| row.vocabularies.1 != to);
                let others = others.map(|row| format!("Maps to={}", self.coding(self.concepts[&row.target])));
                let absent = self.absent.get(&source).into_iter().flatten().map(|id| format!("Maps to=omop|{id}"));
                let values = self.values.get(&source).into_iter().flatten().cloned();
                let product = others.chain(absent).chain(values).collect::<Vec<_>>().join(" AND ");
                let comment = if product.is_empty() { "" } else { "a part: the source maps to more, and all targets are meant together" };
                for (i, row) in of_one.iter().enumerate() {
                    let together = of_one.len() > 1;
                    sink.target(
                        map,
                        &TargetRow {
                            line: row.line.into(),
                            source: self.code(self.concepts[&row.source]),
                            target: Some(self.code(self.concepts[&row.target])),
                            relationship: if to_others(&row) { Relationship::RelatedTo } else { Relationship::Equivalent },
                            scenario: together.into(),
                            group: if together { u16::try_from(i + 1).unwrap_or(u16::MAX) } else { 0 },
                            // The file is the last that was read; every download begins with the two ids.
                            at: [1, 2].map(|column| At { line: row.line.into(), column }),
                            detail: TargetDetail { comment, product: &product, ..TargetDetail::default() },
                            ..TargetRow::default()
                        },
                    );
                }
            }
        }
    }

    fn code(&self, place: Place) -> &str {
        &self.codes[place.at as usize..place.at as usize + usize::from(place.length)]
    }

    /// `snomed|138875005`
    fn coding(&self, place: Place) -> String {
        format!("{}|{}", self.vocabularies[usize::from(place.vocabulary)].alias, self.code(place))
    }

    fn place<const N: usize>(&self, row: &Row<'_, N>, field: usize, findings: &mut Findings<'_>) -> Option<Place> {
        let place = self.concepts.get(&number(row, field, findings)?).copied();
        if place.is_none() {
            let what = format!("concept {} is not in CONCEPT.csv", row.fields[field]);
            findings.warn(
                "rows about concepts that the download does not have",
                row.line,
                row.columns[field],
                what,
                "the row is left out; download its vocabulary too",
            );
        }
        place
    }
}

fn number<const N: usize>(row: &Row<'_, N>, field: usize, findings: &mut Findings<'_>) -> Option<u32> {
    let number = row.fields[field].parse().ok();
    if number.is_none() {
        let what = format!("{:?} is not a concept id", row.fields[field]);
        findings.warn("concept ids that are no numbers", row.line, row.columns[field], what, "the row is left out");
    }
    number
}

/// A date of the vocabularies; 1970-01-01 and 2099-12-31 stand for "always".
fn day(text: &str) -> Result<Option<Date>, ()> {
    if matches!(text, "" | "19700101" | "1970-01-01" | "20991231" | "2099-12-31") {
        return Ok(None);
    }
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|d| d.parse::<i16>().ok()).ok_or(());
    if digits.len() != 8 {
        return Err(());
    }
    Date::new(part(0, 4)?, part(4, 6)? as i8, part(6, 8)? as i8).map(Some).map_err(|_| ())
}

fn release(id: String, title: String, source: &Vocabulary, target: &Vocabulary, kind: MapKind) -> MapRelease {
    MapRelease {
        id,
        url: String::new(),
        title,
        version: source.version.clone(),
        source: source.alias.clone(),
        target: target.alias.clone(),
        kind,
        from: None,
        to: None,
        unmapped: Unmapped::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Collected;

    const CONCEPT: &str = "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason\n\
        1\tBoth things\tCondition\tICD10CM\t4-char billing code\t\tA00.0\t19700101\t20991231\t\n\
        2\tHeading\tCondition\tICD10CM\t3-char nonbill code\t\tA00\t20151001\t20991231\t\n\
        11\tOne \"thing\"\tCondition\tSNOMED\tDisorder\tS\t138875005\t20020131\t20991231\t\n\
        12\tOther thing\tCondition\tSNOMED\tDisorder\tS\t116680003\t20020131\t20991231\t\n\
        13\tOld thing\tCondition\tSNOMED\tDisorder\t\t248152002\t20020131\t20200130\tU\n\
        21\tDrug\tDrug\tRxNorm\tIngredient\tS\t77\t19700101\t20991231\t\n\
        x\tBad\tDrug\tRxNorm\tIngredient\tS\t78\t19700101\t20991231\t\n\
        22\tBad date\tDrug\tRxNorm\tIngredient\tS\t79\tsoon\t20991231\t\n";
    const RELATIONSHIP: &str = "concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason\n\
        1\t12\tMaps to\t19700101\t20991231\t\n\
        1\t11\tMaps to\t19700101\t20991231\t\n\
        1\t21\tMaps to\t19700101\t20991231\t\n\
        11\t11\tMaps to\t19700101\t20991231\t\n\
        13\t12\tConcept replaced by\t19700101\t20991231\t\n\
        1\t13\tMaps to\t19700101\t20200101\tD\n\
        12\t11\tIs a\t19700101\t20991231\t\n\
        1\t99\tMaps to\t19700101\t20991231\t\n\
        1\t11\tSubsumes\t19700101\t20991231\t\n";

    fn collected(files: &[(&str, &str)]) -> Collected {
        let mut sink = Collected::default();
        read_from(
            &|wanted, visit| files.iter().filter(|(name, _)| wanted(name)).try_for_each(|(name, text)| visit(name, &mut text.as_bytes())),
            &mut sink,
        )
        .unwrap();
        sink
    }

    #[test]
    fn maps_to_several_means_all_together() {
        let sink = collected(&[("d/CONCEPT.csv", CONCEPT), ("d/CONCEPT_RELATIONSHIP.csv", RELATIONSHIP)]);
        let rows: Vec<_> = sink
            .targets
            .iter()
            .map(|t| {
                (sink.maps[t.map.0 as usize].id.as_str(), t.source.as_str(), t.target.as_deref().unwrap(), t.scenario, t.group, t.line)
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("omop-history-snomed", "248152002", "116680003", 0, 0, 6),
                ("omop-icd10cm-snomed", "A00.0", "116680003", 1, 1, 2),
                ("omop-icd10cm-snomed", "A00.0", "138875005", 1, 2, 3),
                ("omop-icd10cm-rxnorm", "A00.0", "77", 0, 0, 4),
            ]
        );
        // Its other halves: one in another vocabulary, one that was not downloaded.
        assert_eq!(sink.targets[1].product, "Maps to=rxnorm|77 AND Maps to=omop|99");
        assert_eq!(sink.targets[3].product, "Maps to=snomed|116680003 AND Maps to=snomed|138875005 AND Maps to=omop|99");
        assert_eq!(sink.parents.len(), 1);
        assert_eq!(sink.concepts.iter().filter(|c| c.status == Status::Header).count(), 1);
        let old = sink.concepts.iter().find(|c| c.code == "248152002").unwrap();
        assert_eq!(old.to, Some(jiff::civil::date(2020, 1, 30)));
        let places: Vec<_> = sink.findings.iter().map(|f| (f.file.as_str(), f.line, f.column)).collect();
        assert_eq!(places, [("d/CONCEPT.csv", 8, 1), ("d/CONCEPT.csv", 9, 8), ("d/CONCEPT_RELATIONSHIP.csv", 9, 2)]);
    }

    /// Within a vocabulary that maps its older concepts to newer ones these once had no row, and were unmapped.
    #[test]
    fn a_standard_concept_stands_for_itself_beside_others_that_do_not() {
        let rows = |text: &str| {
            let sink = collected(&[("CONCEPT.csv", CONCEPT), ("CONCEPT_RELATIONSHIP.csv", text)]);
            sink.targets.iter().map(|t| (t.source.clone(), t.target.clone().unwrap(), t.relationship)).collect::<Vec<_>>()
        };
        let header = RELATIONSHIP.lines().next().unwrap();
        let itself = format!("{header}\n11\t11\tMaps to\t19700101\t20991231\t\n");
        assert_eq!(rows(&itself), []);
        let row = |from: &str, to: &str, strength| (from.to_owned(), to.to_owned(), strength);
        let (old, new) = ("248152002", "138875005");
        let expect = [row(new, new, Relationship::Equivalent), row(old, new, Relationship::RelatedTo)];
        assert_eq!(rows(&format!("{itself}13\t11\tMaps to\t19700101\t20991231\t\n")), expect);
    }

    /// V10.3, history of breast cancer: "history of" is half of it.
    #[test]
    fn a_value_beside_the_target_is_the_other_half() {
        let header = RELATIONSHIP.lines().next().unwrap();
        let row = |to: u32, kind: &str, invalid: &str| format!("1\t{to}\t{kind}\t19700101\t20991231\t{invalid}");
        let rows = [row(11, "Maps to", ""), row(12, "Maps to value", ""), row(98, "Maps to unit", ""), row(13, "Maps to value", "D")];
        let text = format!("{header}\n{}\n", rows.join("\n"));
        let sink = collected(&[("CONCEPT.csv", CONCEPT), ("CONCEPT_RELATIONSHIP.csv", &text)]);
        let rows: Vec<_> = sink.targets.iter().map(|t| (t.target.as_deref().unwrap(), t.product.as_str())).collect();
        assert_eq!(rows, [("138875005", "Maps to value=snomed|116680003 AND Maps to unit=omop|98")]);
        assert!(sink.targets[0].comment.starts_with("a part"), "{}", sink.targets[0].comment);
    }

    #[test]
    fn a_missing_file_is_said() {
        let sink = collected(&[("CONCEPT.csv", CONCEPT)]);
        assert!(sink.findings.iter().any(|f| f.what.contains("no CONCEPT_RELATIONSHIP.csv")));
        let sink = collected(&[]);
        assert!(sink.findings.iter().any(|f| f.severity == Severity::Error && f.what.contains("no CONCEPT.csv")));
    }
}
