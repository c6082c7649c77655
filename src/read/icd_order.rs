//! ICD-10-CM and ICD-10-PCS order files (`icd10cm_order_2018.txt`, `icd10pcs_order_2026.txt`): every code of a fiscal year, headers
//! and billable codes, with both titles, in the order of the tabular list.
//!
//! CMS and NCHS, *ICD-10-CM/PCS Order File* (the pdf in each zip). One code a line, ASCII, CRLF, columns from 1: 1-5 order number,
//! 7-13 code without dot, 15 `0` header or `1` valid for submission, 17-76 short title, 78 to the end long title. Lines may carry
//! trailing blanks; some titles of 2014-2016 begin with one.
//!
//! The file names no parents: they are prefixes, and found where all years are known (`compile`).

use super::code::{Place, Seen, form_of, key_of};
use super::lines::{Line, Lines, excerpt};
use super::{ConceptRow, Finding, Sink, SystemRelease};
use crate::model::{DesignationUse, Status};
use std::io::{self, BufRead};

/// Reads one order file as (part of) the release `given`.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, sink: &mut dyn Sink) -> io::Result<()> {
    let system = sink.system(given);
    let form = form_of(&given.system);
    let mut lines = Lines::new(input);
    let mut seen = Seen::default();
    let mut order = Order::default();
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let row = match OrderRow::parse(&line) {
            Ok(row) => row,
            Err((column, what)) => {
                let mend = "columns are 1-5 order number, 7-13 code, 15 flag, 17-76 short title, 78 on long title; the row was left out";
                sink.finding(
                    line.overlong_finding(file).unwrap_or_else(|| Finding::warning(file, line.number, what).at(column).mend(mend)),
                );
                continue;
            }
        };
        if let Some(finding) = line.encoding_finding(file) {
            sink.finding(finding);
        }
        order.follow(&row, file, line.number, sink);
        let place = Place { file, line: line.number, column: 7 };
        let Some(code) = key_of(row.code, form, place, sink) else { continue };
        if !seen.is_new(format_args!("{code}"), line.columns_from(15).trim_end(), place, sink) {
            continue;
        }
        sink.concept(system, ConceptRow { code: &code, status: row.status, from: None, to: None });
        if row.long.is_empty() {
            let what = format!("{} has no long title", form.code(&code));
            sink.finding(
                Finding::warning(file, line.number, what).at(78).mend("is the file cut off? The code was taken, with its short title only"),
            );
        } else {
            sink.designation(system, &code, DesignationUse::Long, "", row.long);
        }
        if !row.short.is_empty() {
            sink.designation(system, &code, DesignationUse::Short, "", row.short);
        }
    }
    order.report(file, sink);
    Ok(())
}

/// The columns of one line, trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderRow<'a> {
    pub order: u32,
    pub code: &'a str,
    pub status: Status,
    pub short: &'a str,
    pub long: &'a str,
}

impl Default for OrderRow<'_> {
    fn default() -> Self {
        OrderRow { order: 0, code: "", status: Status::Valid, short: "", long: "" }
    }
}

impl<'a> OrderRow<'a> {
    /// Takes a line apart; what is wrong and in which column, if it is not one.
    pub fn parse(line: &'a Line<'_>) -> Result<OrderRow<'a>, (u32, String)> {
        let number = line.columns(1, 5);
        let order = match number.parse() {
            Ok(order) if number.len() == 5 => order,
            _ => return Err((1, format!("{} is no order number of five digits", excerpt(number)))),
        };
        let status = status_at(line, 15)?;
        blank_at(line, &[6, 14, 16, 77])?;
        let code = line.columns(7, 13).trim_end_matches(' ');
        Ok(OrderRow { order, code, status, short: line.columns(17, 76).trim_matches(' '), long: line.columns_from(78).trim_matches(' ') })
    }

    /// The row as addenda write it: from `start` on the flag (if there is one), a blank, the code, and the titles.
    pub fn parse_from(line: &'a Line<'_>, start: usize, flag: bool) -> Result<OrderRow<'a>, (u32, String)> {
        let (status, at) = if flag { (status_at(line, start)?, start + 2) } else { (Status::Valid, start) };
        blank_at(line, &[at - 1, at + 7, at + 68])?;
        let code = line.columns(at, at + 6).trim_end_matches(' ');
        let short = line.columns(at + 8, at + 67).trim_matches(' ');
        Ok(OrderRow { order: 0, code, status, short, long: line.columns_from(at + 69).trim_matches(' ') })
    }
}

fn status_at(line: &Line<'_>, column: usize) -> Result<Status, (u32, String)> {
    match line.columns(column, column) {
        "0" => Ok(Status::Header),
        "1" => Ok(Status::Valid),
        other => Err((column as u32, format!("{} where 0 (header) or 1 (valid) should be", excerpt(other)))),
    }
}

fn blank_at(line: &Line<'_>, columns: &[usize]) -> Result<(), (u32, String)> {
    match columns.iter().find(|c| !line.blank_at(**c)) {
        Some(&column) => Err((column as u32, format!("{} where a blank should be", excerpt(line.columns(column, column))))),
        None => Ok(()),
    }
}

/// Order numbers count up by one. Where they do not, lines were lost or shuffled; said once, with how often.
#[derive(Default)]
struct Order {
    last: u32,
    breaks: u64,
}

impl Order {
    fn follow(&mut self, row: &OrderRow<'_>, file: &str, line: u64, sink: &mut dyn Sink) {
        if self.last != 0 && row.order != self.last + 1 {
            self.breaks += 1;
            if self.breaks == 1 {
                let what = format!("order number {:05} follows {:05}", row.order, self.last);
                sink.finding(
                    Finding::note(file, line, what).at(1).mend("order numbers count up by one; are lines missing, or was the file sorted?"),
                );
            }
        }
        self.last = row.order;
    }

    fn report(&self, file: &str, sink: &mut dyn Sink) {
        if self.breaks > 1 {
            sink.finding(Finding::note(file, 0, format!("order numbers do not count up by one in {} places", self.breaks)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Collected, Severity};

    fn read_text(text: &[u8]) -> Collected {
        let mut sink = Collected::default();
        let given = SystemRelease { system: "icd10cm".into(), version: "2018".into(), ..SystemRelease::default() };
        read(&mut &text[..], "order.txt", &given, &mut sink).unwrap();
        sink
    }

    const CHOLERA: &str = "00001 A00     0 Cholera                                                      Cholera";
    const A000: &str =
        "00002 A000    1 Cholera due to Vibrio cholerae 01, biovar cholerae           Cholera due to Vibrio cholerae 01, biovar cholerae";

    #[test]
    fn columns_by_the_book() {
        let read = read_text(format!("{CHOLERA}\r\n{A000}   \r\n").as_bytes());
        assert_eq!(read.findings, []);
        assert_eq!(
            read.concepts.iter().map(|c| (c.code.as_str(), c.status)).collect::<Vec<_>>(),
            [("A00", Status::Header), ("A000", Status::Valid)]
        );
        assert_eq!(read.designation("A00", DesignationUse::Short), Some("Cholera"));
        assert_eq!(read.designation("A000", DesignationUse::Long), Some("Cholera due to Vibrio cholerae 01, biovar cholerae"));
    }

    /// Each damaged line is one finding in its column, and the good line after it is read.
    #[test]
    fn bad_rows_are_findings() {
        for (damaged, column, severity) in [
            ("00001 A00    0 Cholera                                                      Cholera", 15, Severity::Warning),
            ("00001A00      0 Cholera                                                      Cholera", 6, Severity::Warning),
            ("1 A00     0 Cholera", 1, Severity::Warning),
            ("00001 A00     2 Cholera                                                      Cholera", 15, Severity::Warning),
            ("00001 A00     0 Cholera                                                     XCholera", 77, Severity::Warning),
            ("00001 00A     0 Cholera                                                      Cholera", 7, Severity::Warning),
            ("00001 a00     0 Cholera                                                      Cholera", 7, Severity::Note),
            ("00001 A00     0 Cholera", 78, Severity::Warning),
            ("00001", 15, Severity::Warning),
            ("PK\u{3}\u{4}", 1, Severity::Warning),
        ] {
            let read = read_text(format!("{damaged}\r\n{A000}\r\n").as_bytes());
            let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.column, f.severity)).collect();
            assert_eq!(found, [(1, column, severity)], "{damaged}");
            assert_eq!(read.concepts.last().map(|c| c.code.as_str()), Some("A000"), "{damaged}");
        }
    }

    #[test]
    fn repeated_and_contradictory_codes() {
        let same = read_text(format!("{CHOLERA}\n{}\n", CHOLERA.replace("00001", "00002")).as_bytes());
        assert_eq!((same.concepts.len(), same.findings[0].severity, same.findings[0].line), (1, Severity::Note, 2));
        let other = read_text(format!("{CHOLERA}\n{}\n", CHOLERA.replace("00001", "00002").replace(" 0 ", " 1 ")).as_bytes());
        assert_eq!((other.concepts.len(), other.findings[0].severity), (1, Severity::Warning));
        assert_eq!(other.concepts[0].status, Status::Header);
    }

    #[test]
    fn missing_lines_show_in_the_order_numbers() {
        let read = read_text(format!("{CHOLERA}\n{}\n", A000.replace("00002", "00007")).as_bytes());
        assert_eq!((read.concepts.len(), read.findings.len(), read.findings[0].line), (2, 1, 2));
    }

    #[test]
    fn bytes_beyond_ascii_are_read_and_said() {
        let text =
            b"00001 L705    1 Acne excori\xE9e des jeunes filles                               Acne excori\xE9e des jeunes filles\r\n";
        let read = read_text(text);
        assert_eq!(read.designation("L705", DesignationUse::Long), Some("Acne excoriée des jeunes filles"));
        assert_eq!((read.findings.len(), read.findings[0].column, read.findings[0].severity), (1, 28, Severity::Note));
        let utf8 = read_text(
            "00001 L705    1 Acne excoriée des jeunes filles                              Acne excoriée des jeunes filles\n".as_bytes(),
        );
        assert_eq!(utf8.designation("L705", DesignationUse::Long), Some("Acne excoriée des jeunes filles"));
    }
}
