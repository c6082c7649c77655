//! CPT as its licensees receive it: long descriptors (`LONGULT`, tab-delimited; `LONGULF`, fixed 80) and short ones (`SHORTU`).
//!
//! `LONGULT`: code, tab, text. `LONGULF`: columns 1-5 code, 6-7 sequence, 9-80 text; the code is repeated on each continuation, and the
//! parts are joined with one blank. `SHORTU`: 1-5 code, 7-34 text. Which of the three a file is shows in its first record. A copyright
//! notice may stand before the records.
//!
//! Shapes of codes: category I five digits, or four digits and A (administration of vaccines); category II four digits and F; category III
//! four digits and T; proprietary laboratory analyses four digits and U; administrative MAAA four digits and M; modifiers two characters.
//! CPT is copyright of the American Medical Association: nothing of it is in xwalk, and the tests use made-up codes.

use super::code::{Place, Seen};
use super::lines::{Line, Lines, excerpt};
use super::{ConceptRow, Finding, Sink, SystemHandle, SystemRelease};
use crate::model::{DesignationUse, Status};
use std::io::{self, BufRead};

/// Reads one file as (part of) the release `given`.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, sink: &mut dyn Sink) -> io::Result<()> {
    let system = sink.system(given);
    let mut lines = Lines::new(input);
    let mut seen = Seen::default();
    let mut layout = None;
    let mut open = Open::default();
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let known = layout.or_else(|| Layout::of(&line));
        let Some(record) = known.and_then(|layout| Record::parse(layout, &line)) else {
            // Before the first record stands the notice, which is prose.
            if let Some(layout) = layout {
                let what = format!("{} is no record of this file", excerpt(&line.text));
                let finding =
                    Finding::warning(file, line.number, what).at(1).mend(format!("expected: {}; the line was left out", layout.columns()));
                sink.finding(line.overlong_finding(file).unwrap_or(finding));
            }
            continue;
        };
        layout = known;
        let place = Place { file, line: line.number, column: 1 };
        if record.sequence > 1 {
            if open.code == record.code && record.sequence == open.sequence + 1 {
                open.add(record.text, record.sequence);
            } else {
                let what = format!("part {:02} of {} does not follow the one before it", record.sequence, excerpt(record.code));
                sink.finding(Finding::warning(file, line.number, what).at(6).mend("is a line missing? This one was left out"));
            }
            continue;
        }
        open.close(system, sink);
        if !seen.is_new(format_args!("{}", record.code), record.text, place, sink) {
            continue;
        }
        sink.concept(system, ConceptRow { code: record.code, status: Status::Valid, from: None, to: None });
        if record.text.is_empty() {
            let what = format!("{} has no text", record.code);
            let behind = line.text.trim_end().len() as u32 + 1;
            sink.finding(Finding::warning(file, line.number, what).at(behind).mend("is the file cut off? The code was taken"));
        }
        if record.sequence == 1 {
            open.begin(record.code, record.text);
        } else if !record.text.is_empty() {
            let usage = if known == Some(Layout::Short) { DesignationUse::Short } else { DesignationUse::Long };
            sink.designation(system, record.code, usage, "", record.text);
        }
    }
    open.close(system, sink);
    if layout.is_none() {
        let finding = Finding::error(file, 0, "no record of LONGULT, LONGULF or SHORTU");
        sink.finding(finding.mend("a record is a code, then a tab, a sequence of two digits or a blank, then the text"));
    }
    Ok(())
}

/// Whether a text has one of the shapes of CPT codes and modifiers.
pub(super) fn is_code(text: &str) -> bool {
    let b = text.as_bytes();
    match b.len() {
        2 => b.iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()),
        5 => b[..4].iter().all(u8::is_ascii_digit) && matches!(b[4], b'0'..=b'9' | b'A' | b'F' | b'T' | b'U' | b'M'),
        _ => false,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Tabbed,
    Fixed,
    Short,
}

impl Layout {
    /// What the file is if this line is its first record.
    pub(super) fn of(line: &Line<'_>) -> Option<Layout> {
        if let Some((code, _)) = line.text.split_once('\t') {
            return is_code(code.trim_end()).then_some(Layout::Tabbed);
        }
        if !is_code(line.columns(1, 5).trim_end()) {
            return None;
        }
        if line.columns(6, 7) == "01" && line.blank_at(8) {
            return Some(Layout::Fixed);
        }
        // "12345 ..." may begin a line of prose too; the short file is 34 wide and in capitals.
        let text = line.columns_from(7);
        let short = line.blank_at(6) && !text.is_empty() && text.trim_end().len() <= 28 && !text.bytes().any(|b| b.is_ascii_lowercase());
        short.then_some(Layout::Short)
    }

    /// Whether a line is a record of this layout.
    pub(super) fn fits(self, line: &Line<'_>) -> bool {
        Record::parse(self, line).is_some()
    }

    fn columns(self) -> &'static str {
        match self {
            Layout::Tabbed => "code, tab, text",
            Layout::Fixed => "columns 1-5 code, 6-7 sequence, 9-80 text",
            Layout::Short => "columns 1-5 code, 7-34 text",
        }
    }
}

struct Record<'a> {
    code: &'a str,
    /// 0: the layout has none, the text is whole.
    sequence: u8,
    text: &'a str,
}

impl<'a> Record<'a> {
    fn parse(layout: Layout, line: &'a Line<'_>) -> Option<Record<'a>> {
        let (code, sequence, text) = match layout {
            Layout::Tabbed => {
                let (code, text) = line.text.split_once('\t')?;
                (code, 0, text)
            }
            Layout::Fixed => {
                let sequence = line.columns(6, 7);
                let sequence = if sequence.len() == 2 { sequence.parse().ok().filter(|n| *n > 0)? } else { return None };
                (line.columns(1, 5), sequence, if line.blank_at(8) { line.columns(9, 80) } else { return None })
            }
            Layout::Short => (line.columns(1, 5), 0, if line.blank_at(6) { line.columns(7, 34) } else { return None }),
        };
        let code = code.trim();
        is_code(code).then_some(Record { code, sequence, text: text.trim() })
    }
}

/// The code whose parts are being gathered.
#[derive(Default)]
struct Open {
    code: String,
    text: String,
    sequence: u8,
}

impl Open {
    fn begin(&mut self, code: &str, part: &str) {
        self.code.push_str(code);
        self.add(part, 1);
    }

    fn add(&mut self, part: &str, sequence: u8) {
        if !self.text.is_empty() && !part.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(part);
        self.sequence = sequence;
    }

    fn close(&mut self, system: SystemHandle, sink: &mut dyn Sink) {
        if !self.text.is_empty() {
            sink.designation(system, &self.code, DesignationUse::Long, "", &self.text);
        }
        self.code.clear();
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Collected, Severity};

    fn read_text(text: &str) -> Collected {
        let mut sink = Collected::default();
        let given = SystemRelease { system: "cpt".into(), version: "2099".into(), ..SystemRelease::default() };
        read(&mut text.as_bytes(), "cpt.txt", &given, &mut sink).unwrap();
        sink
    }

    const NOTICE: &str = "Notice: made-up codes and texts, 2099 edition. All rights reserved by nobody.\r\n";

    #[test]
    fn tab_delimited() {
        let read = read_text(&format!(
            "{NOTICE}99998\tMade-up procedure, \"first\" kind\r\n9998F\tMade-up measure\r\n9998A\tMade-up dose\r\nZ9\tMade-up modifier\r\n"
        ));
        assert_eq!(read.findings, []);
        assert_eq!(read.designation("99998", DesignationUse::Long), Some("Made-up procedure, \"first\" kind"));
        assert_eq!(read.concepts.iter().map(|c| c.code.as_str()).collect::<Vec<_>>(), ["99998", "9998F", "9998A", "Z9"]);
    }

    #[test]
    fn fixed_80_is_joined() {
        let read = read_text(&format!(
            "{NOTICE}{:<80}\r\n{:<80}\r\n{:<80}\r\n",
            "9999801 Made-up procedure that takes more than one line to say what it is, and", "9999802 goes on here", "9999T01 Another"
        ));
        assert_eq!(read.findings, []);
        let long = "Made-up procedure that takes more than one line to say what it is, and goes on here";
        assert_eq!(read.designation("99998", DesignationUse::Long), Some(long));
        assert_eq!(read.designation("9999T", DesignationUse::Long), Some("Another"));
    }

    #[test]
    fn short_descriptors() {
        let read = read_text("99998 MADE-UP PROCEDURE\r\n9998U MADE-UP LAB TEST 2 ANALYTES\r\n");
        assert_eq!(read.findings, []);
        assert_eq!(read.designation("9998U", DesignationUse::Short), Some("MADE-UP LAB TEST 2 ANALYTES"));
    }

    #[test]
    fn damage_is_found_and_the_rest_is_read() {
        use Severity::{Error, Note, Warning};
        for (text, findings, kept) in [
            ("99998\tA\n9999\tB\n99997\tC\n", vec![(2, Warning)], 2),
            ("99998\tA\n99998\tA\n", vec![(2, Note)], 1),
            ("99998\tA\n99998\tB\n", vec![(2, Warning)], 1),
            ("99998\t\n", vec![(1, Warning)], 1),
            ("9999801 A\n9999803 C\n", vec![(2, Warning)], 1),
            ("9999801 A\n9999702 C\n", vec![(2, Warning)], 1),
            ("99998 A\n99997B\n", vec![(2, Warning)], 1),
            ("only prose here\n", vec![(0, Error)], 0),
        ] {
            let read = read_text(text);
            let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.severity)).collect();
            assert_eq!((found, read.concepts.len()), (findings, kept), "{text}");
        }
    }
}
