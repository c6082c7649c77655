//! Lines of a code and its title: the shape that codes files of ICD-10 and descriptions of ICD-9-CM share.

use super::code::{Place, Seen, form_of, key_of};
use super::lines::{Lines, excerpt};
use super::{ConceptRow, Finding, Sink, SystemRelease};
use crate::model::{DesignationUse, Status};
use std::io::{self, BufRead};

/// Lines of a code in `width` columns, a blank, and a title. Whether anything but ASCII is odd depends on the file.
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
        let title = line.columns_from(width + 2).trim_matches(' ');
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
