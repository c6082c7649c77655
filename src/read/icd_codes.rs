//! ICD-10-CM and ICD-10-PCS codes files (`icd10cm_codes_2024.txt`): the billable codes of a fiscal year with their long titles.
//!
//! Columns from 1: 1-7 code without dot, 8 blank, 9 to the end long title. Headers are not in this file; a release made of it alone
//! knows none but those that its codes' prefixes imply. The re-issues on the package registries end their lines with LF.

use super::code::{Place, Seen, form_of, key_of};
use super::lines::{Lines, excerpt};
use super::{ConceptRow, Finding, Sink, SystemRelease};
use crate::model::{DesignationUse, Status};
use std::io::{self, BufRead};

/// Reads one codes file as (part of) the release `given`.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, sink: &mut dyn Sink) -> io::Result<()> {
    read_titles(input, file, given, 7, DesignationUse::Long, true, sink)
}

/// Lines of a code in `width` columns, a blank, and a title: also the shape of the ICD-9-CM descriptions.
pub(super) fn read_titles(
    input: &mut dyn BufRead,
    file: &str,
    given: &SystemRelease,
    width: usize,
    usage: DesignationUse,
    ascii: bool,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let system = sink.system(given);
    let form = form_of(&given.system);
    let mut lines = Lines::new(input);
    let mut seen = Seen::default();
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let place = Place { file, line: line.number, column: 1 };
        if line.overlong || !line.blank_at(width + 1) {
            let what = format!("{} where a blank should be", excerpt(line.columns(width + 1, width + 1)));
            let mend = format!("columns are 1-{width} code, {} on title; the row was left out", width + 2);
            let finding = Finding::warning(file, line.number, what).at(width as u32 + 1).mend(mend);
            sink.finding(line.overlong_finding(file).unwrap_or(finding));
            continue;
        }
        if ascii && let Some(finding) = line.encoding_finding(file) {
            sink.finding(finding);
        }
        let Some(code) = key_of(line.columns(1, width).trim_end_matches(' '), form, place, sink) else { continue };
        let title = line.from_column(width + 2).trim_matches(' ');
        if !seen.is_new(format_args!("{code}"), title, place, sink) {
            continue;
        }
        sink.concept(system, ConceptRow { code: &code, status: Status::Valid, from: None, to: None });
        if title.is_empty() {
            let what = format!("{} has no title", form.code(&code));
            sink.finding(Finding::warning(file, line.number, what).at(width as u32 + 2).mend("is the file cut off? The code was taken"));
        } else {
            sink.designation(system, &code, usage, "", title);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Collected, Severity};

    fn read_text(text: &[u8]) -> Collected {
        let mut sink = Collected::default();
        let given = SystemRelease { system: "icd10cm".into(), version: "2024".into(), ..SystemRelease::default() };
        read(&mut &text[..], "codes.txt", &given, &mut sink).unwrap();
        sink
    }

    #[test]
    fn columns_by_the_book() {
        let read = read_text(b"A000    Cholera due to Vibrio cholerae 01, biovar cholerae\r\nS72001A Fracture of unspecified part of neck\nI10     Essential (primary) hypertension");
        assert_eq!(read.findings, []);
        assert_eq!(read.count(Status::Valid), 3);
        assert_eq!(read.designation("S72001A", DesignationUse::Long), Some("Fracture of unspecified part of neck"));
        assert_eq!(read.designation("I10", DesignationUse::Long), Some("Essential (primary) hypertension"));
    }

    #[test]
    fn bad_rows_are_findings() {
        for (damaged, column, severity) in [
            ("A000 Cholera", 8, Severity::Warning),
            ("A0000000Cholera", 8, Severity::Warning),
            ("A000    ", 9, Severity::Warning),
            ("        Cholera", 1, Severity::Warning),
            ("A.000   Cholera", 1, Severity::Warning),
            ("a001    Cholera", 1, Severity::Note),
            ("A001    Chol\u{e9}ra", 13, Severity::Note),
        ] {
            let read = read_text(format!("{damaged}\nA009    Cholera, unspecified\n").as_bytes());
            let found: Vec<_> = read.findings.iter().map(|f| (f.line, f.column, f.severity)).collect();
            assert_eq!(found, [(1, column, severity)], "{damaged}");
            assert_eq!(read.concepts.last().map(|c| c.code.as_str()), Some("A009"), "{damaged}");
        }
    }
}
