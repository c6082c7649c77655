//! General Equivalence Mappings of CMS and NCHS: ICD-9-CM to ICD-10-CM and back, ICD-9-CM procedures to ICD-10-PCS and back.
//!
//! CMS, *General Equivalence Mappings: Documentation for Technical Users* (2018). A row is source, target and five flags
//! (`25000 E119    10000`), ASCII, CRLF, separated by blanks; re-issues on the web and in packages are CSV with the flags in columns
//! of their own. Source and target are without dots, in the code sets of the file's own fiscal year.
//!
//! How rows become scenarios, groups and options:
//!
//! * A row with the combination flag belongs to the scenario and the group that its last two digits say; rows of one scenario and
//!   choice list are options; one of every choice list is needed.
//! * A row without it is an option by itself (scenario 0, group 0), even beside combinations of the same source. A few procedure rows
//!   carry a choice list digit without the combination flag (`10013`): they are single rows, and said.
//! * `NoDx`, `NoPCS` and `NoI9` are not codes: the row says that there is no target. In the 2018 file from ICD-10-PCS 29 of 31 such
//!   rows lack the no-map flag; they are read by the word, and said.
//!
//! What the file spells differently from the key is kept ([`TargetDetail::target_as_written`]), so that [`write_line`] gives the
//! published bytes again.

use super::code::{Place, Seen, form_of, key_of};
use super::lines::{Lines, excerpt};
use super::{At, Finding, MapHandle, MapRelease, Sink, TargetDetail, TargetRow};
use crate::model::{CodeForm, GemFlags, Relationship};
use hashbrown::HashMap;
use std::io::{self, BufRead, Write};

/// Reads one GEM file, text or CSV, as (part of) the release `given`.
pub fn read(input: &mut dyn BufRead, file: &str, given: &MapRelease, sink: &mut dyn Sink) -> io::Result<()> {
    let head = input.fill_buf()?;
    let first = &head[..memchr::memchr(b'\n', head).unwrap_or(head.len())];
    let csv = memchr::memchr(b',', first).is_some();
    let mut reader = Reader::new(file, given, sink);
    if csv { super::gem_csv::read(input, &mut reader) } else { read_text(input, &mut reader) }
}

fn read_text(input: &mut dyn BufRead, reader: &mut Reader<'_>) -> io::Result<()> {
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let mut fields = line.text.split_ascii_whitespace();
        let (Some(source), Some(target), Some(flags), None) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
            // Where the fourth field begins, or the line ends.
            let surplus = line.text.split_ascii_whitespace().nth(3);
            let at = surplus.map_or(line.text.trim_end().len(), |field| field.as_ptr() as usize - line.text.as_ptr() as usize);
            let what = format!("{} is not source, target and flags", excerpt(&line.text));
            let finding = Finding::warning(reader.file, line.number, what).at(at as u32 + 1);
            let finding = finding.mend("three fields separated by blanks; the row was left out");
            reader.sink.finding(line.overlong_finding(reader.file).unwrap_or(finding));
            reader.left_out(line.number, line.text.split_ascii_whitespace().next().unwrap_or_default(), 1);
            continue;
        };
        let column = |field: &str| (field.as_ptr() as usize - line.text.as_ptr() as usize) as u32 + 1;
        let columns = Columns { source: column(source), target: column(target), flags: column(flags) };
        match GemFlags::parse(flags) {
            Some(flags) => reader.row(line.number, source, target, flags, columns),
            None => {
                let what = format!("{} are not the five flags of a GEM", excerpt(flags));
                let mend = "approximate, no map and combination are 0 or 1, scenario and choice list 0 to 9; the row was left out";
                reader.sink.finding(Finding::warning(reader.file, line.number, what).at(columns.flags).mend(mend));
                reader.left_out(line.number, source, columns.source);
            }
        }
    }
    Ok(())
}

/// Where the fields of a row stand, for findings: bytes in text, field numbers in CSV.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub source: u32,
    pub target: u32,
    pub flags: u32,
}

/// Judges rows, whichever way they were written, and hands them on.
pub(super) struct Reader<'r> {
    pub file: &'r str,
    pub given: &'r MapRelease,
    pub sink: &'r mut dyn Sink,
    map: MapHandle,
    source_form: CodeForm,
    target_form: CodeForm,
    seen: Seen,
    /// For each source its first row, and whether that one says that there is no target.
    firsts: HashMap<u128, (u64, bool), foldhash::fast::FixedState>,
}

impl<'r> Reader<'r> {
    fn new(file: &'r str, given: &'r MapRelease, sink: &'r mut dyn Sink) -> Reader<'r> {
        let map = sink.map(given);
        let (source_form, target_form) = (form_of(&given.source), form_of(&given.target));
        Reader { file, given, sink, map, source_form, target_form, seen: Seen::default(), firsts: HashMap::default() }
    }

    /// One row, its texts as written.
    pub fn row(&mut self, line: u64, source: &str, target: &str, flags: GemFlags, columns: Columns) {
        let place = |column| Place { file: self.file, line, column };
        let no_map = is_no_map(target);
        let Some(source_key) = key_of(source, self.source_form, place(columns.source), self.sink) else { return };
        let target_key = match no_map {
            true => None,
            false => match key_of(target, self.target_form, place(columns.target), self.sink) {
                Some(key) => Some(key),
                None => return self.left_out(line, source, columns.source),
            },
        };
        let Some((scenario, group)) = self.judge_flags(line, source, target, no_map, flags, columns) else {
            return self.left_out(line, source, columns.source);
        };

        let key = format_args!("{source_key} {} {scenario}{group}", target_key.as_deref().unwrap_or("no map"));
        if !self.seen.is_new(key, &flags.to_string(), place(columns.target), self.sink) {
            return;
        }
        let first = *self.firsts.entry(xxhash_rust::xxh3::xxh3_128(source_key.as_bytes())).or_insert((line, no_map));
        if first.1 != no_map {
            let (this, that) = if no_map { ("no target", "names one") } else { ("a target", "says that there is none") };
            let what = format!("{} has {this} here, while line {} {that}", excerpt(source), first.0);
            let mend = "keep the one that is right; the first was taken";
            self.sink.finding(Finding::warning(self.file, line, what).at(columns.target).mend(mend));
            return;
        }

        let detail = TargetDetail {
            source_as_written: if source == source_key { "" } else { source },
            target_as_written: if Some(target) == target_key.as_deref() { "" } else { target },
            ..TargetDetail::default()
        };
        let relationship = if flags.approximate || no_map { Relationship::RelatedTo } else { Relationship::Equivalent };
        let row = TargetRow {
            line,
            source: &source_key,
            target: target_key.as_deref(),
            relationship,
            gem_flags: flags.to_number(),
            scenario,
            group,
            priority: 0,
            detail,
            at: [columns.source, columns.target].map(|column| At { line, column }),
            ..TargetRow::default()
        };
        self.sink.target(self.map, &row);
    }

    /// A combination without one of its codes, or a choice without one of its options, is another answer.
    pub fn left_out(&mut self, line: u64, source: &str, column: u32) {
        let source = if self.source_form == CodeForm::AsWritten { source.to_owned() } else { source.to_ascii_uppercase() };
        self.sink.row_left_out(self.map, &source, 0, At { line, column });
    }

    /// Scenario and group of a row; `None` if its flags contradict each other or the target.
    fn judge_flags(
        &mut self,
        line: u64,
        source: &str,
        target: &str,
        no_map: bool,
        flags: GemFlags,
        columns: Columns,
    ) -> Option<(u16, u16)> {
        let finding = |what: String, sure: bool| {
            let finding = if sure { Finding::note(self.file, line, what) } else { Finding::warning(self.file, line, what) };
            let mend = if sure { "compare with the published file" } else { "compare with the published file; the row was left out" };
            finding.at(columns.flags).mend(mend)
        };
        let row = format!("{source} {target} {flags}");
        let (told, answer) = match (no_map, flags.no_map, flags.combination, flags.scenario, flags.choice_list) {
            (false, true, ..) => (Some(finding(format!("{row}: the no-map flag beside a target"), false)), None),
            (true, _, true, ..) => (Some(finding(format!("{row}: no target, in a combination"), false)), None),
            (true, false, ..) => (Some(finding(format!("{row}: {target} without the no-map flag; read as no target"), true)), Some((0, 0))),
            (_, _, true, scenario, list) if scenario == 0 || list == 0 => {
                (Some(finding(format!("{row}: a combination without scenario or choice list"), false)), None)
            }
            (_, _, true, scenario, list) => (None, Some((u16::from(scenario), u16::from(list)))),
            (_, _, false, 0, 0) => (None, Some((0, 0))),
            (_, _, false, ..) => {
                let what = format!("{row}: scenario or choice list without the combination flag; read as a single target");
                (Some(finding(what, true)), Some((0, 0)))
            }
        };
        if let Some(told) = told {
            self.sink.finding(told);
        }
        answer
    }
}

/// What a GEM prints for "no target".
fn is_no_map(target: &str) -> bool {
    ["NoDx", "NoPCS", "NoI9"].iter().any(|word| word.eq_ignore_ascii_case(target))
}

/// The widths of the source and target column in the published layout of this map.
pub fn column_widths(map: &MapRelease) -> (usize, usize) {
    let width = |system: &str| if matches!(form_of(system), CodeForm::Icd9Cm | CodeForm::Icd9Proc) { 5 } else { 7 };
    (width(&map.source), width(&map.target))
}

/// Writes a row in the published layout, CRLF included. Rows in the order of their lines give the bytes of the file again.
pub fn write_line(out: &mut dyn Write, row: &TargetRow<'_>, (source_width, target_width): (usize, usize)) -> io::Result<()> {
    let as_written = [row.detail.source_as_written, row.detail.target_as_written];
    let keys = [row.source, row.target.unwrap_or_default()];
    let [source, target] = [0, 1].map(|i| if as_written[i].is_empty() { keys[i] } else { as_written[i] });
    write!(out, "{source:source_width$} {target:target_width$} {:05}\r\n", row.gem_flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MapKind;
    use crate::read::{Collected, Severity, Unmapped};

    fn given(source: &str, target: &str) -> MapRelease {
        MapRelease {
            id: "gem".into(),
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

    fn read_text(text: &str) -> Collected {
        let mut sink = Collected::default();
        read(&mut text.as_bytes(), "gem.txt", &given("icd9cm", "icd10cm"), &mut sink).unwrap();
        sink
    }

    fn rows(read: &Collected) -> Vec<(u64, &str, Option<&str>, u16, u16)> {
        read.targets.iter().map(|t| (t.line, t.source.as_str(), t.target.as_deref(), t.scenario, t.group)).collect()
    }

    #[test]
    fn single_combined_and_none() {
        let read = read_text(
            "25000 E119    10000\r\n24951 E0839   10111\r\n24951 E0865   10112\r\n24951 E0836   10000\r\n0010  A000    00000\r\n36570 NoDx    11000\r\n",
        );
        assert_eq!(read.findings, []);
        assert_eq!(
            rows(&read),
            [
                (1, "25000", Some("E119"), 0, 0),
                (2, "24951", Some("E0839"), 1, 1),
                (3, "24951", Some("E0865"), 1, 2),
                (4, "24951", Some("E0836"), 0, 0),
                (5, "0010", Some("A000"), 0, 0),
                (6, "36570", None, 0, 0),
            ]
        );
        assert_eq!(read.targets[4].relationship, Relationship::Equivalent);
        assert_eq!(read.targets[0].relationship, Relationship::RelatedTo);
        assert_eq!((read.targets[5].target_as_written.as_str(), read.targets[5].gem_flags), ("NoDx", 11_000));
    }

    #[test]
    fn spelled_in_lower_case_is_kept_as_written() {
        let mut read = Collected::default();
        let given = given("icd10cm", "icd9cm");
        let text = "T8853XD v5889 10000\r\n";
        super::read(&mut text.as_bytes(), "gem.txt", &given, &mut read).unwrap();
        let target = &read.targets[0];
        assert_eq!((target.target.as_deref(), target.target_as_written.as_str()), (Some("V5889"), "v5889"));
        assert_eq!((read.findings.len(), read.findings[0].column, read.findings[0].severity), (1, 9, Severity::Note));
        let mut written = Vec::new();
        write_line(&mut written, &target.row(), column_widths(&given)).unwrap();
        assert_eq!(written, text.as_bytes());
    }

    /// The rows that are read, and the findings of the rest as line, column and severity.
    #[test]
    fn damaged_and_contradictory_rows() {
        use Severity::{Note, Warning};
        for (text, kept, findings) in [
            ("25000 E119 1000\n0010 A000 00000\n", 1, vec![(1, 12, Warning)]),
            ("25000 E119 20000\n0010 A000 00000\n", 1, vec![(1, 12, Warning)]),
            ("25000 E119\n0010 A000 00000\n", 1, vec![(1, 11, Warning)]),
            ("25000 E119 10000 x\n0010 A000 00000\n", 1, vec![(1, 18, Warning)]),
            ("A0000 E119 10000\n0010 A000 00000\n", 1, vec![(1, 1, Warning)]),
            ("25000 119 10000\n0010 A000 00000\n", 1, vec![(1, 7, Warning)]),
            ("25000 E119 11000\n0010 A000 00000\n", 1, vec![(1, 12, Warning)]),
            ("25000 NoDx 10000\n", 1, vec![(1, 12, Note)]),
            ("25000 NoDx 11111\n", 0, vec![(1, 12, Warning)]),
            ("25000 E119 10101\n", 0, vec![(1, 12, Warning)]),
            ("25000 E119 10013\n", 1, vec![(1, 12, Note)]),
            ("0010 A000 00000\n0010 A000 00000\n", 1, vec![(2, 6, Note)]),
            ("0010 A000 00000\n0010 A000 10000\n", 1, vec![(2, 6, Warning)]),
            ("0010 A000 00000\n0010 NoDx 11000\n", 1, vec![(2, 6, Warning)]),
            ("0010 NoDx 11000\n0010 A000 00000\n", 1, vec![(2, 6, Warning)]),
            ("\n0010 A000 00000\n\n", 1, vec![]),
        ] {
            let read = read_text(text);
            let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.column, f.severity)).collect();
            assert_eq!((read.targets.len(), found), (kept, findings), "{text}");
        }
    }

    const HEADER: &str = "\"icd9cm\",\"icd10cm\",\"flags\",\"approximate\",\"no_map\",\"combination\",\"scenario\",\"choice_list\"";

    #[test]
    fn csv_re_issues() {
        let read = read_text(&format!(
            "{HEADER}\n\"25000\",\"E119\",\"10000\",1,0,0,0,0\n24951,E0839,10111,1,0,1,1,1\n36570,NoDx,11000,1,1,0,0,0\n"
        ));
        assert_eq!(read.findings, []);
        assert_eq!(rows(&read), [(2, "25000", Some("E119"), 0, 0), (3, "24951", Some("E0839"), 1, 1), (4, "36570", None, 0, 0)]);
        // Only the five, or only the one, with the zeros that a spreadsheet took away.
        let split = read_text("icd9,icd10,Approximate,No Map,Combination,Scenario,Choice List\n0010,A000,0,0,0,0,0\n");
        assert_eq!((split.findings.len(), rows(&split)), (0, vec![(2, "0010", Some("A000"), 0, 0)]));
        let whole = read_text("icd9cm,icd10cm,flags\n0010,A000,0\n0010,A001,10111\n");
        assert_eq!((whole.findings.len(), whole.targets[0].relationship, whole.targets[1].group), (0, Relationship::Equivalent, 1));
    }

    #[test]
    fn csv_that_is_not_as_it_says() {
        for (text, finding) in [
            (format!("{HEADER}\n25000,E119,10000,0,0,0,0,0\n"), (2, 3, Severity::Warning)),
            (format!("{HEADER}\n25000,E119\n"), (2, 3, Severity::Warning)),
            (format!("{HEADER}\n25000,,10000,1,0,0,0,0\n"), (2, 2, Severity::Warning)),
            ("icd10cm,icd9cm,flags\nA000,0010,00000\n".to_owned(), (1, 1, Severity::Error)),
            ("icd9cm,icd10cm,approximate\n0010,A000,0\n".to_owned(), (1, 1, Severity::Error)),
        ] {
            let read = read_text(&text);
            let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.column, f.severity)).collect();
            assert_eq!((read.targets.len(), found), (0, vec![finding]), "{text}");
        }
    }
}
