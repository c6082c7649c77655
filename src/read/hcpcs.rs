//! HCPCS Level II, the alpha-numeric file of CMS (`HCPC2020_ANWEB_w_disclaimer.txt`): codes and modifiers with their dates.
//!
//! CMS, *HCPCS record layout*. Fixed columns from 1, CRLF, 320 wide: 1-5 code (a modifier in 4-5), 6-10 sequence (00100, 00200 ...), 11
//! record type (3 first line of a procedure, 4 continuation, 7 first line of a modifier, 8 continuation), 12-91 long text, 92-119 short
//! text, 269-276 date added, 285-292 date terminated (the last day). Continuation lines end at 91. A long text has up to 17 parts,
//! joined with one blank. In some years a notice stands before the records. Bytes beyond ASCII are ISO-8859-1 or Windows-1252.
//!
//! Deliberately not here: prices, coverage, types of service, and the date and kind of the last action.

use super::code::{Place, Seen, form_of, key_of};
use super::lines::{Line, Lines, excerpt};
use super::{ConceptRow, Finding, Sink, SystemHandle, SystemRelease};
use crate::model::{CodeForm, Date, DesignationUse, Status};
use std::io::{self, BufRead};

/// Reads one file as (part of) the release `given`.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, sink: &mut dyn Sink) -> io::Result<()> {
    let system = sink.system(given);
    let form = form_of(&given.system);
    let mut lines = Lines::new(input);
    let mut seen = Seen::default();
    let mut open = Open::default();
    let mut records = 0u64;
    while let Some(line) = lines.next()? {
        let Some(record) = Record::parse(&line) else {
            // Before the first record stands the notice, which is prose.
            if records > 0 && !line.is_blank() {
                let what =
                    format!("{} is no record: no sequence in columns 6-10, or no type 3, 4, 7 or 8 in column 11", excerpt(&line.text));
                let sequence = line.columns(6, 10);
                let column = if sequence.len() == 5 && sequence.bytes().all(|b| b.is_ascii_digit()) { 11 } else { 6 };
                let finding =
                    Finding::warning(file, line.number, what).at(column).mend("compare with the published file; the line was left out");
                sink.finding(line.overlong_finding(file).unwrap_or(finding));
            }
            continue;
        };
        records += 1;
        let column = record.code_column;
        let place = Place { file, line: line.number, column };
        if record.first {
            open.close(system, sink);
            let Some(code) = key_of(record.code, form, place, sink) else { continue };
            if !seen.is_new(format_args!("{code}"), line.columns_from(6).trim_end(), place, sink) {
                continue;
            }
            let from = date(&line, 269, file, sink);
            let to = date(&line, 285, file, sink);
            sink.concept(system, ConceptRow { code: &code, status: Status::Valid, from, to });
            let short = line.columns(92, 119).trim();
            if !short.is_empty() {
                sink.designation(system, &code, DesignationUse::Short, "", short);
            }
            open.begin(&code, record.long, record.sequence);
        } else if open.code.eq_ignore_ascii_case(record.code) {
            if record.sequence != open.sequence + 100 {
                let what = format!("part {:05} of {} follows {:05}", record.sequence, open.code, open.sequence);
                sink.finding(Finding::warning(file, line.number, what).at(6).mend("is a line missing? The text was joined without it"));
            }
            open.add(record.long, record.sequence);
        } else {
            let what = format!("{} is continued without its first line", excerpt(record.code));
            sink.finding(
                Finding::warning(file, line.number, what).at(column).mend("compare with the published file; the line was left out"),
            );
        }
    }
    open.close(system, sink);
    if records == 0 {
        let what = "no record of type 3, 4, 7 or 8 in column 11";
        sink.finding(Finding::error(file, 0, what).mend("is this the fixed-width HCPCS file, 320 columns wide?"));
    }
    Ok(())
}

/// Whether a line is a record: a code, a sequence, a type, and at least the columns of the long text.
pub(super) fn is_record(line: &Line<'_>) -> bool {
    line.text.len() >= 91 && Record::parse(line).is_some_and(|record| CodeForm::FiveCharacters.fits(record.code))
}

struct Record<'a> {
    code: &'a str,
    code_column: u32,
    sequence: u32,
    first: bool,
    long: &'a str,
}

impl<'a> Record<'a> {
    /// `None`: the line is no record.
    fn parse(line: &'a Line<'_>) -> Option<Record<'a>> {
        let (first, modifier) = match line.columns(11, 11) {
            "3" => (true, false),
            "4" => (false, false),
            "7" => (true, true),
            "8" => (false, true),
            _ => return None,
        };
        let sequence = line.columns(6, 10);
        let sequence = if sequence.len() == 5 { sequence.parse().ok()? } else { return None };
        let (code, code_column) = if modifier { (line.columns(4, 5), 4) } else { (line.columns(1, 5), 1) };
        Some(Record { code, code_column, sequence, first, long: line.columns(12, 91).trim() })
    }
}

/// A date in eight columns; blank is none.
fn date(line: &Line<'_>, column: usize, file: &str, sink: &mut dyn Sink) -> Option<Date> {
    let text = line.columns(column, column + 7).trim();
    if text.is_empty() {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<i16>().ok());
    let parsed = match (text.len(), number(0, 4), number(4, 6), number(6, 8)) {
        (8, Some(year), Some(month), Some(day)) => Date::new(year, month as i8, day as i8).ok(),
        _ => None,
    };
    if parsed.is_none() {
        let what = format!("{} is no date", excerpt(text));
        sink.finding(
            Finding::warning(file, line.number, what).at(column as u32).mend("year, month and day in eight digits; the date was left out"),
        );
    }
    parsed
}

/// The code whose parts are being gathered; nothing while `code` is empty.
#[derive(Default)]
struct Open {
    code: String,
    long: String,
    sequence: u32,
}

impl Open {
    fn begin(&mut self, code: &str, part: &str, sequence: u32) {
        self.code.push_str(code);
        self.add(part, sequence);
    }

    fn add(&mut self, part: &str, sequence: u32) {
        if !self.long.is_empty() && !part.is_empty() {
            self.long.push(' ');
        }
        self.long.push_str(part);
        self.sequence = sequence;
    }

    fn close(&mut self, system: SystemHandle, sink: &mut dyn Sink) {
        if !self.code.is_empty() && !self.long.is_empty() {
            sink.designation(system, &self.code, DesignationUse::Long, "", &self.long);
        }
        self.code.clear();
        self.long.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Collected, Severity};

    fn read_text(text: &str) -> Collected {
        let mut sink = Collected::default();
        let given = SystemRelease { system: "hcpcs".into(), version: "2020".into(), ..SystemRelease::default() };
        read(&mut text.as_bytes(), "hcpcs.txt", &given, &mut sink).unwrap();
        sink
    }

    /// A first line as wide as published.
    fn first(code: &str, kind: char, long: &str, short: &str, added: &str, terminated: &str) -> String {
        format!("{code:>5}00100{kind}{long:<80}{short:<28}{:149}{added:<8}{added:<8}{terminated:<8}N{:27}\r\n", "", "")
    }

    fn more(code: &str, sequence: u32, kind: char, long: &str) -> String {
        format!("{code:>5}{sequence:05}{kind}{long:<80}\r\n")
    }

    #[test]
    fn parts_are_joined_and_dates_kept() {
        let text = format!(
            "Note regarding coverage\r\n\r\n{}{}{}{}",
            first("A0021", '3', "Ambulance service, outside state per mile,", "Outside state ambulance serv", "19820101", "20191231"),
            more("A0021", 200, '4', "transport"),
            more("A0021", 300, '4', "(medicaid only)"),
            first("AD", '7', "Medical supervision by a physician", "Md supervision", "19840101", ""),
        );
        assert_eq!(first("AD", '7', "", "", "", "").len(), 322);
        let read = read_text(&text);
        assert_eq!(read.findings, []);
        let date = |y, m, d| Some(Date::new(y, m, d).unwrap());
        let concepts: Vec<_> = read.concepts.iter().map(|c| (c.code.as_str(), c.from, c.to)).collect();
        assert_eq!(concepts, [("A0021", date(1982, 1, 1), date(2019, 12, 31)), ("AD", date(1984, 1, 1), None)]);
        let long = "Ambulance service, outside state per mile, transport (medicaid only)";
        assert_eq!(read.designation("A0021", DesignationUse::Long), Some(long));
        assert_eq!(read.designation("A0021", DesignationUse::Short), Some("Outside state ambulance serv"));
        assert_eq!(read.designation("AD", DesignationUse::Long), Some("Medical supervision by a physician"));
    }

    #[test]
    fn damage_is_found_and_the_rest_is_read() {
        let good = first("A0021", '3', "Ambulance", "Ambulance", "19820101", "");
        for (damaged, line, column, severity, kept) in [
            (more("A0022", 200, '4', "lost"), 2, 1, Severity::Warning, 1),
            (more("A0021", 300, '4', "part three"), 2, 6, Severity::Warning, 1),
            (first("A0022", '3', "Long", "Short", "19821301", ""), 2, 269, Severity::Warning, 2),
            (first("A0021", '3', "Ambulance", "Ambulance", "19820101", ""), 2, 1, Severity::Note, 1),
            (first("A0021", '3', "Other", "Ambulance", "19820101", ""), 2, 1, Severity::Warning, 1),
            (first("A00 2", '3', "Long", "Short", "19820101", ""), 2, 1, Severity::Warning, 1),
            (first("A0023", '5', "Long", "Short", "19820101", ""), 2, 11, Severity::Warning, 1),
            ("A0023001003\u{e9}".into(), 0, 0, Severity::Note, 2),
        ] {
            let read = read_text(&format!("{good}{damaged}"));
            let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.column, f.severity)).collect();
            let want = if line == 0 { vec![] } else { vec![(line, column, severity)] };
            assert_eq!((found, read.concepts.len()), (want, kept), "{damaged}");
        }
        let prose = read_text("This is not the file that you meant.\r\n");
        assert_eq!((prose.findings.len(), prose.findings[0].severity), (1, Severity::Error));
    }
}
