//! A bare list of the codes of ICD-10-CM (`code-list-April-2026.txt`), as a package carries it beside the tabular: one code a line, dotted
//! or not, in the order of the tabular, with the numbers of chapters and the ranges of sections in between.
//!
//! It says which codes there are, and by that which of them are headers: a code that another one continues. In ICD-10-CM this is the
//! whole difference (held by a test over the files of FY2026). Titles and hierarchy come from the tabular.

use super::code::{Place, form_of, key_of};
use super::lines::Lines;
use super::{ConceptRow, Sink, SystemRelease};
use crate::model::Status;
use std::io::{self, BufRead};

/// Reads one list as (part of) the release `given`. All its codes are held at once.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, sink: &mut dyn Sink) -> io::Result<()> {
    let system = sink.system(given);
    let form = form_of(&given.system);
    let mut lines = Lines::new(input);
    let mut codes: Vec<String> = Vec::new();
    while let Some(line) = lines.next()? {
        let text = line.text.trim();
        // Chapters ("1") and sections ("A00-A09") have no code.
        let chapter = text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let section = text.split_once('-').is_some_and(|(first, last)| form.fits(first) && form.fits(last));
        if text.is_empty() || chapter || section {
            continue;
        }
        let place = Place { file, line: line.number, column: 1 };
        if let Some(finding) = line.overlong_finding(file) {
            sink.finding(finding);
            continue;
        }
        // A section of a single category has that category's name, so a code may come twice without anything being wrong.
        let dotless;
        let written = if text.as_bytes().get(3) == Some(&b'.') {
            dotless = format!("{}{}", &text[..3], &text[4..]);
            dotless.as_str()
        } else {
            text
        };
        if let Some(code) = key_of(written, form, place, sink) {
            codes.push(code.into_owned());
        }
    }
    codes.sort_unstable();
    codes.dedup();
    for (i, code) in codes.iter().enumerate() {
        let continued = codes.get(i + 1).is_some_and(|next| next.starts_with(code.as_str()));
        let status = if continued { Status::Header } else { Status::Valid };
        sink.concept(system, ConceptRow { code, status, from: None, to: None });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Collected, Severity};

    #[test]
    fn codes_between_chapters_and_sections() {
        let mut sink = Collected::default();
        let given = SystemRelease { system: "icd10cm".into(), ..SystemRelease::default() };
        let text = "1\r\nA00-A09\r\nA00\r\nA00.0\r\nC7A\r\nC7A\r\nC7A.0\r\nT81.4\r\nT81.4XXA\r\nI10\r\n22\r\nnonsense\r\n";
        read(&mut text.as_bytes(), "list.txt", &given, &mut sink).unwrap();
        let codes: Vec<_> = sink.concepts.iter().map(|c| (c.code.as_str(), c.status)).collect();
        let (valid, header) = (Status::Valid, Status::Header);
        let want =
            [("A00", header), ("A000", valid), ("C7A", header), ("C7A0", valid), ("I10", valid), ("T814", header), ("T814XXA", valid)];
        assert_eq!(codes, want);
        let found: Vec<_> = sink.findings.iter().map(|f| (f.line, f.severity)).collect();
        assert_eq!(found, [(12, Severity::Warning)]);
    }
}
