//! ICD-9-CM version 32, the last (`CMS32_DESC_LONG_DX.txt`, `_SHORT_DX`, `_LONG_SG`, `_SHORT_SG`): valid codes with their titles.
//!
//! LF; diagnoses: code in columns 1-5, title from 7; procedures (SG): code in 1-4, title from 6. No dots. Long titles of diagnoses
//! are in Windows-1252 (`Ménière's disease`), without saying so; a re-issue in UTF-8 is read as such. Headers are in none of the
//! four files; they are made from the prefixes in `compile`.

use super::titles::read_titles;
use super::{Sink, SystemRelease};
use crate::model::DesignationUse;
use std::io::{self, BufRead};

/// Reads one of the four files as part of the release `given`, whose system (`icd9cm` or `icd9proc`) says how wide the codes are.
/// `usage` is [`DesignationUse::Long`] or [`DesignationUse::Short`]: the file itself does not say which titles it holds.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, usage: DesignationUse, sink: &mut dyn Sink) -> io::Result<()> {
    let width = if given.system == "icd9proc" { 4 } else { 5 };
    read_titles(input, file, given, width, usage, false, sink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Collected, Severity};

    fn read_text(system: &str, text: &[u8]) -> Collected {
        let mut sink = Collected::default();
        let given = SystemRelease { system: system.into(), version: "32".into(), ..SystemRelease::default() };
        read(&mut &text[..], "icd9.txt", &given, DesignationUse::Long, &mut sink).unwrap();
        sink
    }

    #[test]
    fn windows_1252_is_what_cms_published() {
        let read = read_text("icd9cm", b"38600 M\xE9ni\xE8re's disease, unspecified\n0413  Friedl\xE4nder's bacillus infection\n");
        assert_eq!(read.findings, []);
        assert_eq!(read.designation("38600", DesignationUse::Long), Some("Ménière's disease, unspecified"));
        assert_eq!(read.designation("0413", DesignationUse::Long), Some("Friedländer's bacillus infection"));
        let utf8 = read_text("icd9cm", "38600 Ménière's disease, unspecified\n".as_bytes());
        assert_eq!(utf8.designation("38600", DesignationUse::Long), Some("Ménière's disease, unspecified"));
    }

    #[test]
    fn procedures_are_a_column_narrower() {
        let read = read_text("icd9proc", b"0001 Therapeutic ultrasound of vessels of head and neck\n640  Circumcision\n");
        assert_eq!(read.findings, []);
        assert_eq!(read.designation("640", DesignationUse::Long), Some("Circumcision"));
        let diagnoses = read_text("icd9cm", b"0001 Therapeutic ultrasound of vessels\n");
        assert_eq!((diagnoses.concepts.len(), diagnoses.findings[0].column, diagnoses.findings[0].severity), (0, 6, Severity::Warning));
    }
}
