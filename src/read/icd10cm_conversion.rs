//! The ICD-10-CM conversion table of NCHS (a workbook, every year, cumulative): which code was assigned before a new one was made.
//!
//! A banner, a header row, then *current code assignment*, *effective*, *previous code(s) assignment*. Effective is a calendar year,
//! meaning 1 October of it (2017: fiscal year 2018), or a date for the updates of January and April. Each row becomes rows of a
//! [`MapKind::Succession`](crate::model::MapKind) map, from the previous code to the current one, holding from that date on.
//!
//! What stands in *previous*, in the table of FY2026:
//!
//! * one code; or several, separated by `,` `;` `and` `AND` or `&`. Each becomes a row; the cell is kept as its comment, for it may mean
//!   that two codes were given together (`G56.01 and G56.02` before the bilateral G56.03).
//! * a range (`H35.20-H35.23`) or a stem (`I63.-`): [`Sink::target_of_range`], for only who knows all codes knows what is in it.
//! * `None`: a new code without a predecessor. There is no row to make of it; how many there are is a finding.
//! * whole categories (`Codes in Categories T15-T19`): too many for any of them to be *the* predecessor; kept out likewise.

use super::code::{Place, Seen, form_of, key_of};
use super::lines::excerpt;
use super::source::read_to_vec;
use super::{At, CodeRange, Finding, MapHandle, MapRelease, Sink, TargetDetail, TargetRow};
use crate::model::{CodeForm, Date};
use calamine::{Data, Reader as _, Xlsx};
use std::io::{self, BufRead, Cursor};

/// Reads one table as (part of) the release `given`. A workbook cannot be streamed; it is held whole.
pub fn read(input: &mut dyn BufRead, file: &str, given: &MapRelease, sink: &mut dyn Sink) -> io::Result<()> {
    let bytes = read_to_vec(input)?;
    let opened = Xlsx::new(Cursor::new(bytes)).and_then(|mut book| book.worksheet_range_at(0).transpose());
    let sheet = match opened {
        Ok(Some(sheet)) => sheet,
        Ok(None) => {
            sink.finding(Finding::error(file, 0, "the workbook has no sheet"));
            return Ok(());
        }
        Err(error) => {
            let mend = "is the file cut off, or something else than .xlsx? Get it again, or save it as .xlsx";
            sink.finding(Finding::error(file, 0, format!("not a workbook that can be read: {error}")).mend(mend));
            return Ok(());
        }
    };
    let map = sink.map(given);
    let forms = (form_of(&given.source), form_of(&given.target));
    let mut table = Table { file, map, forms, sink, seen: Seen::default(), columns: None, unsourced: Vec::new() };
    let first = sheet.start().map_or(0, |(row, _)| row);
    for (i, cells) in sheet.rows().enumerate() {
        table.row(u64::from(first) + i as u64 + 1, cells);
    }
    table.finish();
    Ok(())
}

struct Table<'r> {
    file: &'r str,
    map: MapHandle,
    forms: (CodeForm, CodeForm),
    sink: &'r mut dyn Sink,
    seen: Seen,
    /// Where current, effective and previous stand, once the header row has been met.
    columns: Option<[usize; 3]>,
    /// Texts that name no single predecessor, with the first place and how many there are.
    unsourced: Vec<(String, At, u64)>,
}

impl Table<'_> {
    fn row(&mut self, row: u64, cells: &[Data]) {
        let Some(columns) = self.columns else {
            self.columns = header(cells);
            return;
        };
        let [current, effective, previous] = columns.map(|i| cells.get(i).unwrap_or(&Data::Empty));
        if [current, effective, previous].iter().all(|cell| text(cell).is_empty()) {
            return;
        }
        let place = |i: usize| Place { file: self.file, line: row, column: columns[i] as u32 + 1 };
        let code = text(current);
        let Some(target) = self.key(&code, self.forms.1, place(0)) else { return };
        let Some(from) = date(effective) else {
            let what = format!("{} is neither a year nor a date", excerpt(&text(effective)));
            let finding = Finding::warning(self.file, row, what).at(place(1).column);
            self.sink.finding(finding.mend("a year means 1 October of it; the row was left out"));
            return;
        };
        let cell = text(previous);
        if cell.is_empty() {
            let finding =
                Finding::warning(self.file, row, format!("nothing is said to come before {}", excerpt(&code))).at(place(2).column);
            self.sink.finding(finding.mend("codes, or None; the row was left out"));
            return;
        }
        if !self.seen.is_new(format_args!("{target} {from}"), &cell, place(0), self.sink) {
            return;
        }
        let parts = parts(&cell);
        if parts.is_empty() {
            self.unsourced(cell, At { line: row, column: place(2).column });
            return;
        }
        let several = parts.len() > 1 || parts.iter().any(|part| !matches!(part, Part::Code(_)));
        let written = target_as_written(&code, &target, self.forms.1);
        let detail = TargetDetail {
            from: Some(from),
            comment: if several { &cell } else { "" },
            target_as_written: written,
            ..TargetDetail::default()
        };
        for part in parts {
            let at = [2, 0].map(|i| At { line: row, column: place(i).column });
            let mut target_row = TargetRow { line: row, target: Some(&target), detail, at, ..TargetRow::default() };
            match part {
                Part::Code(code) => {
                    let Some(source) = self.key(code, self.forms.0, place(2)) else { continue };
                    target_row.source = &source;
                    self.sink.target(self.map, &target_row);
                }
                Part::Range(first, last) => {
                    let (Some(first), Some(last)) = (self.key(first, self.forms.0, place(2)), self.key(last, self.forms.0, place(2)))
                    else {
                        continue;
                    };
                    if first > last {
                        let finding =
                            Finding::warning(self.file, row, format!("the range {} runs backwards", excerpt(&cell))).at(place(2).column);
                        self.sink.finding(finding.mend("compare with the published table; it was left out"));
                        continue;
                    }
                    if first.len() == 7 && last.len() == 7 && first[6..] != last[6..] {
                        let what = format!("the range {} changes its seventh character; read as {}", excerpt(&cell), &last[6..]);
                        self.sink.finding(Finding::note(self.file, row, what).at(place(2).column));
                    }
                    self.sink.target_of_range(self.map, CodeRange { first: &first, last: &last }, &target_row);
                }
                Part::Categories(text) => self.unsourced(text.to_owned(), at[0]),
            }
        }
    }

    /// The key of a code as the table writes it: dotted, or not.
    fn key(&mut self, written: &str, form: CodeForm, place: Place<'_>) -> Option<String> {
        let mut buffer = [0; 16];
        key_of(form.key(written, &mut buffer), form, place, self.sink).map(|key| key.into_owned())
    }

    fn unsourced(&mut self, text: String, at: At) {
        match self.unsourced.iter_mut().find(|(known, ..)| *known == text) {
            Some((.., rows)) => *rows += 1,
            None => self.unsourced.push((text, at, 1)),
        }
    }

    fn finish(&mut self) {
        if self.columns.is_none() {
            let finding = Finding::error(self.file, 0, "no header row: current code assignment, effective, previous code(s) assignment");
            self.sink.finding(finding.mend("is this the conversion table of ICD-10-CM? Its first sheet is read"));
        }
        for (text, at, rows) in &self.unsourced {
            let times = if *rows == 1 { "in this row only".to_owned() } else { format!("in {rows} rows from this one on") };
            let what = format!("{} names no predecessor, {times}", excerpt(text));
            let finding = Finding::note(self.file, at.line, what).at(at.column);
            self.sink.finding(finding.mend("nothing is to be mended: no code is said to have been given before"));
        }
    }
}

/// What a part of the cell *previous* is.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Code(&'a str),
    Range(&'a str, &'a str),
    /// Whole categories, described rather than named.
    Categories(&'a str),
}

/// Takes the cell *previous* apart. Empty: it says that there is none.
fn parts(cell: &str) -> Vec<Part<'_>> {
    if cell.eq_ignore_ascii_case("none") {
        return Vec::new();
    }
    let mut parts = Vec::new();
    for item in cell.split([',', ';', '&']).flat_map(split_at_and) {
        let item = item.trim();
        // "Codes in Categories T15-T19", "a code from R11-": the codes stand last.
        let codes = item.rsplit(' ').next().unwrap_or(item);
        match codes.split_once('-') {
            _ if item.is_empty() => {}
            Some((stem, "")) => {
                let stem = stem.trim_end_matches('.');
                parts.push(Part::Range(stem, stem));
            }
            Some((first, last)) if first.len() == 3 && last.len() == 3 => parts.push(Part::Categories(item)),
            Some((first, last)) => parts.push(Part::Range(first, last)),
            None => parts.push(Part::Code(item)),
        }
    }
    parts
}

/// `A and B`, in any case.
fn split_at_and(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let now = rest?;
        let at = now.as_bytes().windows(5).position(|w| w.eq_ignore_ascii_case(b" and "));
        rest = at.map(|at| &now[at + 5..]);
        Some(at.map_or(now, |at| &now[..at]))
    })
}

/// How the file spells the target, where that is neither its code nor its key.
fn target_as_written<'a>(written: &'a str, key: &str, form: CodeForm) -> &'a str {
    if written == key || written == form.code(key) { "" } else { written }
}

fn header(cells: &[Data]) -> Option<[usize; 3]> {
    let names: Vec<String> = cells.iter().map(|cell| text(cell).to_ascii_lowercase()).collect();
    let find = |word: &str| names.iter().position(|name| name.starts_with(word) && name.len() < 60);
    Some([find("current")?, find("effective")?, find("previous")?])
}

fn text(cell: &Data) -> String {
    match cell {
        Data::String(text) => text.trim().to_owned(),
        other => other.to_string().trim().to_owned(),
    }
}

/// A year means 1 October of it.
fn date(cell: &Data) -> Option<Date> {
    let october = |year: i64| i16::try_from(year).ok().filter(|y| (1990..2200).contains(y)).and_then(|y| Date::new(y, 10, 1).ok());
    match cell {
        Data::Int(year) => october(*year),
        Data::Float(year) if year.fract() == 0.0 => october(*year as i64),
        Data::DateTime(at) if at.is_datetime() => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            Date::new(year as i16, month as i8, day as i8).ok()
        }
        Data::DateTimeIso(text) => text.get(..10).and_then(|day| day.parse().ok()),
        Data::String(text) => match text.trim() {
            year if year.len() == 4 => october(year.parse().ok()?),
            day => day.parse().ok(),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MapKind;
    use crate::read::{Collected, Severity, Unmapped};

    #[test]
    fn parts_of_a_cell() {
        use Part::*;
        for (cell, want) in [
            ("None", vec![]),
            ("A04.7", vec![Code("A04.7")]),
            ("W45.8XXA", vec![Code("W45.8XXA")]),
            ("C50.919, C50.929", vec![Code("C50.919"), Code("C50.929")]),
            ("H02.201, H02.202, H02.204 and H02.205", vec![Code("H02.201"), Code("H02.202"), Code("H02.204"), Code("H02.205")]),
            ("I63.011 AND I63.012", vec![Code("I63.011"), Code("I63.012")]),
            ("M93.001 & M93.002", vec![Code("M93.001"), Code("M93.002")]),
            ("H02.101-H02.106; H02.109", vec![Range("H02.101", "H02.106"), Code("H02.109")]),
            ("I63.- and P91.88", vec![Range("I63", "I63"), Code("P91.88")]),
            ("K31.89 and a code from R11-", vec![Code("K31.89"), Range("R11", "R11")]),
            ("I10-I15.9", vec![Range("I10", "I15.9")]),
            ("Codes in Categories T15-T19", vec![Categories("Codes in Categories T15-T19")]),
            ("K59.09 AND Code from categories T36-T50", vec![Code("K59.09"), Categories("Code from categories T36-T50")]),
        ] {
            assert_eq!(parts(cell), want, "{cell}");
        }
    }

    fn rows(cells: &[[Data; 3]]) -> Collected {
        let mut sink = Collected::default();
        let given = MapRelease {
            id: "conversion".into(),
            url: String::new(),
            title: String::new(),
            version: "2026".into(),
            source: "icd10cm".into(),
            target: "icd10cm".into(),
            kind: MapKind::Succession,
            from: None,
            to: None,
            unmapped: Unmapped::None,
        };
        let map = sink.map(&given);
        let forms = (CodeForm::Icd10Cm, CodeForm::Icd10Cm);
        let mut table = Table { file: "t.xlsx", map, forms, sink: &mut sink, seen: Seen::default(), columns: None, unsourced: Vec::new() };
        for (i, cells) in cells.iter().enumerate() {
            table.row(i as u64 + 1, cells);
        }
        table.finish();
        sink
    }

    fn cell(text: &str) -> Data {
        if text.is_empty() { Data::Empty } else { Data::String(text.into()) }
    }

    fn head() -> [[Data; 3]; 2] {
        [
            [cell("NCHS has published an update; the current code and its previous one"), cell(""), cell("")],
            [cell("Current code assignment"), cell("Effective"), cell("Previous Code(s) Assignment")],
        ]
    }

    #[test]
    fn years_and_dates() {
        let [banner, header] = head();
        let april = Data::DateTime(calamine::ExcelDateTime::new(45017.0, calamine::ExcelDateTimeType::DateTime, false));
        let read = rows(&[
            banner,
            header,
            [cell("A04.71"), Data::Float(2017.0), cell("A04.7")],
            [cell("W453XXA "), Data::Int(2025), cell("W45.8XXA")],
            [cell("Y07.050"), april, cell("Y07.01-Y07.04")],
            [cell("G56.03"), cell("2016"), cell("G56.01 and G56.02")],
            [cell("M04.8"), Data::Int(2016), cell("None")],
            [cell(""), cell(""), cell("")],
        ]);
        let got: Vec<_> = read
            .targets
            .iter()
            .map(|t| (t.line, t.source.as_str(), t.target.as_deref(), t.from.map(|d| d.to_string()), t.comment.as_str()))
            .collect();
        let date = |text: &str| Some(text.to_owned());
        assert_eq!(
            got,
            [
                (3, "A047", Some("A0471"), date("2017-10-01"), ""),
                (4, "W458XXA", Some("W453XXA"), date("2025-10-01"), ""),
                (6, "G5601", Some("G5603"), date("2016-10-01"), "G56.01 and G56.02"),
                (6, "G5602", Some("G5603"), date("2016-10-01"), "G56.01 and G56.02"),
            ]
        );
        let ranges: Vec<_> = read
            .ranges
            .iter()
            .map(|(first, last, t)| (first.as_str(), last.as_str(), t.target.as_deref(), t.from.map(|d| d.to_string())))
            .collect();
        assert_eq!(ranges, [("Y0701", "Y0704", Some("Y07050"), date("2023-04-01"))]);
        let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.severity)).collect();
        assert_eq!(found, [(7, Severity::Note)]);
    }

    #[test]
    fn odd_cells_are_findings() {
        use Severity::{Error, Note, Warning};
        for (row, column, severity) in [
            ([cell(""), Data::Int(2017), cell("A04.7")], 1, Warning),
            ([cell("A04.71"), cell(""), cell("A04.7")], 2, Warning),
            ([cell("A04.71"), Data::Int(17), cell("A04.7")], 2, Warning),
            ([cell("A04.71"), Data::Bool(true), cell("A04.7")], 2, Warning),
            ([cell("A04.71"), Data::Int(2017), cell("")], 3, Warning),
            ([cell("A04.71"), Data::Int(2017), cell("see A04.7")], 3, Warning),
            ([cell("A04.71"), Data::Int(2017), cell("A04.9-A04.7")], 3, Warning),
            ([cell("a04.71"), Data::Int(2017), cell("A04.7")], 1, Note),
        ] {
            let [banner, header] = head();
            let label = format!("{row:?}");
            let read = rows(&[banner, header, row]);
            let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.column, f.severity)).collect();
            assert_eq!(found, [(3, column, severity)], "{label}");
        }
        assert_eq!(rows(&[head()[0].clone()]).findings[0].severity, Error);
        let mut sink = Collected::default();
        let given = MapRelease { ..rows(&head()).maps[0].clone() };
        read(&mut &b"PK\x03\x04 torn"[..], "t.xlsx", &given, &mut sink).unwrap();
        assert_eq!((sink.findings.len(), sink.findings[0].severity), (1, Error));
    }
}
