//! UMLS mappings: `MRMAP.RRF`, `MRSMAP.RRF`, and from `MRSAT.RRF` which systems a map set leads between.
//!
//! NLM, *UMLS Reference Manual*, 3.3.12 "Mappings (MRMAP)" and 3.3.13 "Simple Mappings (MRSMAP)". Fields end with a bar, there is no
//! header, the text is UTF-8. `MAPSUBSETID` is the group, `MAPRANK` the priority, `MAPRULE` and `MAPRES` rule and advice. In a set without
//! rules the rows of a group are alternatives in the order of their ranks. `REL` comes through as it stands; only `SY` (synonymous) and
//! `XR` (not mapped) are read, because the manual leaves open whose breadth `RB` and `RN` tell.
//!
//! `MRSAT.RRF` is the largest file of the UMLS and is passed over line by line for the few attributes of map sets. A set that it does not
//! describe is not read, and that is a finding.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};
use std::path::Path;

use super::code::{bad_sct_id, form_of};
use super::names::system_alias;
use super::source::visit_path;
use super::tabular::{Findings, Lines};
use super::{At, Finding, MapHandle, MapRelease, Severity, Sink, TargetDetail, TargetRow, Unmapped};
use crate::model::{CodeForm, MapKind, Relationship};

type Packages<'a> = &'a dyn Fn(&dyn Fn(&str) -> bool, &mut dyn FnMut(&str, &mut dyn BufRead) -> io::Result<()>) -> io::Result<()>;

/// What stands for an empty target.
const NO_TARGET: &str = "100051";

/// Reads the mappings of a Metathesaurus folder or archive.
pub fn read(path: &Path, sink: &mut dyn Sink) -> io::Result<()> {
    read_from(&|wanted, visit| visit_path(path, wanted, visit), sink)
}

fn read_from(packages: Packages<'_>, sink: &mut dyn Sink) -> io::Result<()> {
    let mut sets = Sets::default();
    let mut seen = Vec::new();
    let is_called = |name: &str, table: &str| name.rsplit('/').next().is_some_and(|n| n.eq_ignore_ascii_case(table));
    packages(&|name| is_called(name, "MRMAP.RRF"), &mut |_, input| sets.find_rules(input))?;
    for table in ["MRSAT.RRF", "MRMAP.RRF", "MRSMAP.RRF"] {
        packages(&|name| is_called(name, table), &mut |name, input| {
            seen.push(table);
            let mut findings = Findings::new(name, sink);
            match table {
                "MRSAT.RRF" => each::<13>(input, &mut findings, &mut |_, fields, whole, _| {
                    if whole {
                        sets.attribute(&fields);
                    }
                })?,
                "MRMAP.RRF" => each::<26>(input, &mut findings, &mut |line, fields, whole, findings| {
                    let row = UmlsRow {
                        whole,
                        set: fields[0],
                        group: fields[2],
                        rank: fields[3],
                        from: fields[8],
                        relationship: fields[12],
                        to: fields[16],
                        rule: fields[20],
                        advice: fields[21],
                        kind: fields[22],
                        types: [fields[9], fields[17]],
                        columns: [9, 17],
                    };
                    if !sets.in_full.contains(row.set) {
                        sets.in_full.insert(row.set.to_owned());
                    }
                    sets.row(line, &row, findings);
                })?,
                _ => each::<11>(input, &mut findings, &mut |line, fields, whole, findings| {
                    let (columns, types) = ([5, 9], [fields[5], fields[9]]);
                    let (set, from, relationship, to) = (fields[0], fields[4], fields[6], fields[8]);
                    let row = UmlsRow { whole, set, from, relationship, to, types, columns, ..UmlsRow::default() };
                    if !sets.in_full.contains(row.set) {
                        sets.row(line, &row, findings);
                    }
                })?,
            }
            findings.finish();
            Ok(())
        })?;
    }
    let mut say = |severity, what: &str, mend: &str| {
        let (file, what, mend) = ("UMLS".to_owned(), what.to_owned(), mend.to_owned());
        sink.finding(Finding { file, line: 0, column: 0, severity, what, mend });
    };
    if !seen.iter().any(|table| *table != "MRSAT.RRF") {
        say(Severity::Error, "there is neither MRMAP.RRF nor MRSMAP.RRF here", "give the META folder of a Metathesaurus");
    }
    if !seen.contains(&"MRSAT.RRF") {
        say(Severity::Error, "MRSAT.RRF is not here: nobody knows between which systems the map sets lead", "add it");
    }
    Ok(())
}

/// A text with its bars, which the format cannot hold: `IFA 248152002 &#x7C; Female (finding) &#x7C;`.
fn bars(text: &str) -> Cow<'_, str> {
    if text.contains("&#") { Cow::Owned(text.replace("&#x7C;", "|").replace("&#x7c;", "|")) } else { Cow::Borrowed(text) }
}

/// Takes the number of a line, its fields, and whether it has as many as its table.
type Take<'t, const N: usize> = &'t mut dyn FnMut(u64, [&str; N], bool, &mut Findings<'_>);

/// Hands out the fields of every line, and whether it has as many as its table. One that has not is said; the fields before the tear are as
/// written, one that the tear has cut and those behind it are empty.
fn each<const N: usize>(input: &mut dyn BufRead, findings: &mut Findings<'_>, row: Take<'_, N>) -> io::Result<()> {
    let mut lines = Lines::new(input);
    while let Some((number, line)) = lines.next(findings)? {
        let mut fields = [""; N];
        let mut count = 0;
        for field in line.strip_suffix('|').unwrap_or(line).split('|') {
            if let Some(place) = fields.get_mut(count) {
                *place = field;
            }
            count += 1;
        }
        if line.is_empty() {
            continue;
        }
        if count != N {
            let what = format!("{count} fields where the table has {N}");
            findings.warn(
                "lines with another number of fields",
                number,
                count.min(N) + 1,
                what,
                "the line is left out; is this the table its name says?",
            );
            // A line that was cut off may end within a field.
            if let Some(last) = fields.get_mut(count - 1).filter(|_| !line.ends_with('|')) {
                *last = "";
            }
        }
        row(number, fields, count == N, findings);
    }
    Ok(())
}

#[derive(Default)]
struct UmlsRow<'a> {
    /// Its line has as many fields as the table.
    whole: bool,
    set: &'a str,
    group: &'a str,
    rank: &'a str,
    from: &'a str,
    relationship: &'a str,
    to: &'a str,
    rule: &'a str,
    advice: &'a str,
    kind: &'a str,
    /// What `from` and `to` are: a code, or an expression of several.
    types: [&'a str; 2],
    /// Where they stand, from 1.
    columns: [usize; 2],
}

#[derive(Clone, Copy)]
struct SetMap {
    handle: MapHandle,
    /// Of source and target.
    forms: [CodeForm; 2],
    has_rules: bool,
}

#[derive(Default)]
struct Sets {
    /// By the CUI of the set: what MRSAT says of it.
    attributes: BTreeMap<String, BTreeMap<String, String>>,
    maps: BTreeMap<String, Option<SetMap>>,
    /// The sets that `MRMAP.RRF` has.
    in_full: BTreeSet<String>,
    /// Those of them that have rules.
    ruled: BTreeSet<String>,
}

impl Sets {
    /// Finds the sets whose rows have rules: `MAPRANK` is the order of these there, and of mere alternatives elsewhere.
    fn find_rules(&mut self, input: &mut dyn BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line)? > 0 {
            let mut fields = line.split(|b| *b == b'|');
            if let (Some(set), Some(rule)) = (fields.next(), fields.nth(19))
                && !rule.is_empty()
            {
                let set = String::from_utf8_lossy(set);
                if !self.ruled.contains(&*set) {
                    self.ruled.insert(set.into_owned());
                }
            }
            line.clear();
        }
        Ok(())
    }

    /// `CUI|LUI|SUI|METAUI|STYPE|CODE|ATUI|SATUI|ATN|SAB|ATV|SUPPRESS|CVF|`
    fn attribute(&mut self, fields: &[&str; 13]) {
        let (cui, name, value) = (fields[0], fields[8], fields[10]);
        if matches!(name, "FROMVSAB" | "TOVSAB" | "FROMRSAB" | "TORSAB" | "MAPSETVERSION" | "MAPSETNAME") {
            self.attributes.entry(cui.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
        }
    }

    fn row(&mut self, line: u64, row: &UmlsRow<'_>, findings: &mut Findings<'_>) {
        // A line that was cut off before its set and its source says of nobody that a row is lost.
        if !row.whole && (row.set.is_empty() || row.from.is_empty()) {
            return;
        }
        let Some(map) = self.map(row.set, line, findings) else { return };
        let left_out = |findings: &mut Findings<'_>| {
            let at = At { line, column: row.columns[0] as u32 };
            findings.sink.row_left_out(map.handle, row.from, row.group.parse().unwrap_or(0), at);
        };
        if !row.whole {
            return left_out(findings);
        }
        let to = if row.to == NO_TARGET { "" } else { row.to };
        for (at, expression) in [row.from, to].into_iter().enumerate() {
            let is_expression = row.types[at].starts_with("BOOLEAN_EXPRESSION") || row.types[at].contains("LIST");
            if is_expression && !expression.is_empty() {
                let what = format!("{expression:?} is a {}, not one code", row.types[at]);
                findings.warn("expressions of several codes", line, row.columns[at], what, "the row is left out; a person must decide it");
                if at == 1 {
                    left_out(findings);
                }
                return;
            }
        }
        for (code, form, column) in [(row.from, map.forms[0], row.columns[0]), (to, map.forms[1], row.columns[1])] {
            if let Some(what) = bad_sct_id(form, code).filter(|_| !code.is_empty()) {
                findings.warn("bad SNOMED CT ids", line, column, what, "the row is left out; compare with the published file");
                if column == row.columns[1] {
                    left_out(findings);
                }
                return;
            }
        }
        let mut number = |text: &str, what: &str, column| match text {
            "" => Some(0),
            text => text.parse::<u16>().ok().or_else(|| {
                let (kind, what) = ("groups and ranks that are no numbers", format!("{what} is {text:?}"));
                findings.warn(kind, line, column, what, "the row is left out: nobody knows before which others it is tried");
                None
            }),
        };
        let (group, priority) = (number(row.group, "MAPSUBSETID", 3), number(row.rank, "MAPRANK", 4));
        let (Some(group), Some(priority)) = (group, priority) else {
            return left_out(findings);
        };
        let (rule, advice) = (bars(row.rule), bars(row.advice));
        if map.has_rules {
            findings.check_rule(line, 21, &rule);
        }
        // Beside rows that have one a person decides it.
        let rule = if map.has_rules && rule.is_empty() { Cow::Borrowed("(no rule)") } else { rule };
        let target = (!to.is_empty() && row.relationship != "XR").then_some(to);
        let relationship = if row.relationship == "SY" { Relationship::Equivalent } else { Relationship::RelatedTo };
        let detail = TargetDetail {
            rule: &rule,
            advice: &advice,
            correlation: row.relationship,
            category: row.kind,
            target_as_written: if target.is_none() { row.to } else { "" },
            ..TargetDetail::default()
        };
        let at = row.columns.map(|column| At { line, column: column as u32 });
        findings.sink.target(
            map.handle,
            &TargetRow { line, source: row.from, target, relationship, group, priority, detail, at, ..TargetRow::default() },
        );
    }

    fn map(&mut self, set: &str, line: u64, findings: &mut Findings<'_>) -> Option<SetMap> {
        if let Some(known) = self.maps.get(set) {
            return *known;
        }
        let empty = BTreeMap::new();
        let said = self.attributes.get(set).unwrap_or(&empty);
        let get = |names: [&str; 2]| names.iter().find_map(|n| said.get(*n)).map_or("", String::as_str);
        let (from, to) = (get(["FROMVSAB", "FROMRSAB"]), get(["TOVSAB", "TORSAB"]));
        let map = if from.is_empty() || to.is_empty() {
            let what = format!("MRSAT.RRF does not say between which systems map set {set} leads (FROMVSAB, TOVSAB)");
            findings.push(Severity::Warning, line, 1, what, "the set is left out; take MRSAT.RRF from the same subset");
            None
        } else {
            let (source, target, has_rules) = (system_alias(from).0, system_alias(to).0, self.ruled.contains(set));
            let forms = [form_of(&source), form_of(&target)];
            let handle = findings.sink.map(&MapRelease {
                id: format!("umls-{}-{source}-{target}", set.to_ascii_lowercase()),
                url: String::new(),
                title: get(["MAPSETNAME", "MAPSETNAME"]).to_owned(),
                version: get(["MAPSETVERSION", "MAPSETVERSION"]).to_owned(),
                source,
                target,
                kind: if has_rules { MapKind::Rules } else { MapKind::Table },
                from: None,
                to: None,
                unmapped: Unmapped::None,
            });
            Some(SetMap { handle, forms, has_rules })
        };
        self.maps.insert(set.to_owned(), map);
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Collected;

    fn collected(files: &[(&str, &str)]) -> Collected {
        let mut sink = Collected::default();
        read_from(
            &|wanted, visit| files.iter().filter(|(name, _)| wanted(name)).try_for_each(|(name, text)| visit(name, &mut text.as_bytes())),
            &mut sink,
        )
        .unwrap();
        sink
    }

    const MRSAT: &str = "C1||||C|1|AT1||FROMVSAB|SNOMEDCT_US|SNOMEDCT_US_2023_09_01|N||\n\
        C1||||C|1|AT2||TOVSAB|SNOMEDCT_US|ICD10CM_2024|N||\n\
        C1||||C|1|AT3||MAPSETNAME|SNOMEDCT_US|A set|N||\n\
        C9||||C|1|AT4||OTHER|X|value|N||\n";

    #[test]
    fn groups_ranks_rules() {
        let row = |group: &str, rank: &str, rel: &str, to: &str, rule: &str| {
            format!("C1|SNOMEDCT_US|{group}|{rank}|AT10||1|9|138875005|SCTID|||{rel}||2||{to}|ICD|||{rule}|ADVICE|KIND||||\n")
        };
        let text = [row("1", "1", "RO", "A00.0", "IFA 248152002"), row("2", "x", "SY", "A01.0", "TRUE"), row("3", "1", "XR", "", "IFA no")]
            .concat();
        let other = "C7|SNOMEDCT_US|1|1|AT10||1|9|138875005|SCTID|||RO||2||A|ICD|||TRUE|A|K||||\n";
        let sink = collected(&[("META/MRSAT.RRF", MRSAT), ("META/MRMAP.RRF", &format!("{text}{other}C1|SNOMEDCT_US|1|\n"))]);
        let rows: Vec<_> = sink
            .targets
            .iter()
            .map(|t| (t.source.as_str(), t.target.as_deref(), t.group, t.priority, t.relationship, t.rule.as_str()))
            .collect();
        use Relationship::*;
        assert_eq!(rows, [("138875005", Some("A00.0"), 1, 1, RelatedTo, "IFA 248152002"), ("138875005", None, 3, 1, RelatedTo, "IFA no"),]);
        assert_eq!((sink.maps[0].source.as_str(), sink.maps[0].target.as_str()), ("snomed", "icd10cm"));
        assert_eq!((sink.targets[0].advice.as_str(), sink.targets[0].category.as_str()), ("ADVICE", "KIND"));
        let said: Vec<_> = sink.findings.iter().map(|f| (f.line, f.what.split(' ').next().unwrap_or(""))).collect();
        assert_eq!(said, [(2, "MAPRANK"), (3, "the"), (4, "MRSAT.RRF"), (5, "3")]);
    }

    /// Every rule with a term once waited for a person, because its bars were not seen.
    #[test]
    fn bars_are_written_as_references_and_holes_as_a_number() {
        let row = "C1|S|1|1|AT10||1|9|138875005|SCTID|||RO||2||A00.0|ICD|||IFA 248152002 &#x7C; Female (finding) &#x7C;|IF FEMALE &#x7C; ONLY|K||||\n";
        let sink = collected(&[("MRSAT.RRF", MRSAT), ("MRMAP.RRF", row)]);
        assert_eq!(
            (sink.targets[0].rule.as_str(), sink.targets[0].advice.as_str()),
            ("IFA 248152002 | Female (finding) |", "IF FEMALE | ONLY")
        );
        assert_eq!(sink.findings, []);
        let sink = collected(&[("MRSAT.RRF", MRSAT), ("MRMAP.RRF", &row.replace("A00.0", "100051"))]);
        assert_eq!((sink.targets[0].target.as_deref(), sink.targets[0].target_as_written.as_str()), (None, "100051"));
    }

    /// Read twice, the same target would be needed in two groups: a combination of a code with itself.
    #[test]
    fn a_set_in_both_tables_is_read_once() {
        let full = "C1|S|1|1|AT10||1|9|138875005|SCTID|||RO||2||A00.0|ICD|||TRUE|A|K||||\n";
        let simple = "C1|S|AT1||138875005|SCTID|SY||A00.0|ICD||\nC2|S|AT1||138875005|SCTID|SY||A00.1|ICD||\n";
        let sets = MRSAT.to_owned() + &MRSAT.replace("C1|", "C2|");
        let sink = collected(&[("MRSAT.RRF", &sets), ("MRMAP.RRF", full), ("MRSMAP.RRF", simple)]);
        let rows: Vec<_> = sink.targets.iter().map(|t| (t.target.as_deref(), t.group)).collect();
        assert_eq!(rows, [(Some("A00.0"), 1), (Some("A00.1"), 0)]);
        let wrong = collected(&[("MRSAT.RRF", MRSAT), ("MRMAP.RRF", &full.replace("138875005", "138875006"))]);
        assert_eq!((wrong.targets.len(), wrong.findings[0].line, wrong.findings[0].column), (0, 1, 9), "{}", wrong.findings[0]);
    }

    /// `(73211009 AND 38341003)` was once taken for a code.
    #[test]
    fn expressions_are_no_codes() {
        let row = |from: (&str, &str), to: (&str, &str)| {
            format!("C1|S|1|1|AT10||1|9|{}|{}|||RO||2||{}|{}|||TRUE|A|K||||\n", from.0, from.1, to.0, to.1)
        };
        let (code, expression) = (("138875005", "SCUI"), ("<138875005> AND <116680003>", "BOOLEAN_EXPRESSION_STR"));
        let text =
            [row(code, ("A00.0", "SDUI")), row(code, ("A00.0 OR A00.1", "BOOLEAN_EXPRESSION_STR")), row(expression, ("A00.0", "CODE"))];
        let sink = collected(&[("MRSAT.RRF", MRSAT), ("MRMAP.RRF", &text.concat())]);
        assert_eq!(sink.targets.iter().map(|t| t.target.as_deref()).collect::<Vec<_>>(), [Some("A00.0")]);
        assert_eq!(sink.findings.iter().map(|f| (f.line, f.column)).collect::<Vec<_>>(), [(2, 17), (3, 9)]);
    }

    /// Where no rule says which, every rank but the first was once passed over.
    #[test]
    fn ranks_without_rules_are_alternatives() {
        let row = |set: &str, rank: u8, rule: &str| {
            format!("{set}|S|1|{rank}|AT||1|9|138875005|SCUI|||RO||2||A00.{rank}|CODE|||{rule}|A|K||||\n")
        };
        let sets = MRSAT.to_owned() + &MRSAT.replace("C1|", "C2|");
        let text = [row("C1", 1, ""), row("C1", 2, ""), row("C2", 1, "TRUE"), row("C2", 2, "")].concat();
        let sink = collected(&[("MRSAT.RRF", &sets), ("MRMAP.RRF", &text)]);
        let rows: Vec<_> = sink.targets.iter().map(|t| (sink.maps[t.map.0 as usize].kind, t.priority, t.rule.as_str())).collect();
        use MapKind::{Rules, Table};
        assert_eq!(rows, [(Table, 1, ""), (Table, 2, ""), (Rules, 1, "TRUE"), (Rules, 2, "(no rule)")]);
        assert_eq!(sink.findings.iter().map(|f| (f.line, f.column)).collect::<Vec<_>>(), [(4, 21)]);
    }

    #[test]
    fn simple_maps_and_missing_files() {
        let simple = "C1|SNOMEDCT_US|AT1||138875005|SCTID|SY||A00.0|ICD||\n";
        let sink = collected(&[("MRSAT.RRF", MRSAT), ("MRSMAP.RRF", simple)]);
        assert_eq!(sink.targets[0].target.as_deref(), Some("A00.0"));
        assert_eq!(sink.findings, []);
        let sink = collected(&[("MRSMAP.RRF", simple)]);
        assert_eq!((sink.targets.len(), sink.findings.len()), (0, 2));
        assert!(collected(&[]).findings[0].what.contains("neither MRMAP.RRF nor MRSMAP.RRF"));
    }
}
