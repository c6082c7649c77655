//! ICD-10-CM and ICD-10-PCS codes files (`icd10cm_codes_2024.txt`): the billable codes of a fiscal year with their long titles.
//!
//! Columns from 1: 1-7 code without dot, 8 blank, 9 to the end long title. Headers are not in this file; a release made of it alone
//! knows none but those that its codes' prefixes imply. The re-issues on the package registries end their lines with LF.

use super::titles::read_titles;
use super::{Sink, SystemRelease};
use crate::model::DesignationUse;
use std::io::{self, BufRead};

/// Reads one codes file as (part of) the release `given`.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, sink: &mut dyn Sink) -> io::Result<()> {
    read_titles(input, file, given, 7, DesignationUse::Long, true, sink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;
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
