//! Tab-separated files with a header line and no quoting: RF2, OMOP Athena, NLM maps, the table of an SSSOM file.
//!
//! Columns are found by their names in the header, so their order does not matter and a missing one is said. A quote is a character.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::{At, Finding, Severity, Sink};
use crate::model::rule::Rule;

/// So many findings of one kind are told of one file one by one; the rest is counted. A broken release must not fill the memory.
const TOLD_ONE_BY_ONE: u64 = 100;

/// The findings of one file on their way to the sink.
pub(crate) struct Findings<'a> {
    pub sink: &'a mut dyn Sink,
    file: &'a str,
    kinds: BTreeMap<&'static str, u64>,
}

impl<'a> Findings<'a> {
    pub fn new(file: &'a str, sink: &'a mut dyn Sink) -> Findings<'a> {
        sink.begin(file);
        Findings { sink, file, kinds: BTreeMap::new() }
    }

    /// Says what is wrong at a place. `kind` groups what is alike, and stands in the summary of what was not told one by one.
    pub fn warn(&mut self, kind: &'static str, line: u64, column: usize, what: impl Into<String>, mend: &str) {
        let count = self.kinds.entry(kind).or_default();
        *count += 1;
        if *count <= TOLD_ONE_BY_ONE {
            self.push(Severity::Warning, line, column, what.into(), mend);
        }
    }

    /// Says why a row is left out.
    pub fn leave_out(&mut self, kind: &'static str, line: u64, column: usize, what: impl Into<String>, mend: &str) -> Option<()> {
        self.warn(kind, line, column, what, mend);
        None
    }

    pub fn push(&mut self, severity: Severity, line: u64, column: usize, what: String, mend: &str) {
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        self.sink.finding(Finding { file: self.file.to_owned(), line, column, severity, what, mend: mend.to_owned() });
    }

    /// Says of a rule that cannot be read that it cannot. It is kept as text all the same.
    pub fn check_rule(&mut self, line: u64, column: usize, rule: &str) {
        if let Err(error) = Rule::parse(rule) {
            let what = format!("the rule {rule:?} cannot be read: {error}");
            self.warn("rules that cannot be read", line, column, what, "kept as text; a person must decide it, or mend the rule");
        }
    }

    /// Says how many there were beyond those told one by one.
    pub fn finish(mut self) {
        for (kind, count) in std::mem::take(&mut self.kinds) {
            if count > TOLD_ONE_BY_ONE {
                let what = format!("{} more like these: {kind} ({count} in all)", count - TOLD_ONE_BY_ONE);
                self.push(Severity::Warning, 0, 0, what, "");
            }
        }
    }
}

/// One line of a file with its fields in the order asked for; a column that is optional and missing reads as empty.
pub(crate) struct Row<'a, const N: usize> {
    pub line: u64,
    pub fields: [&'a str; N],
    /// 1-based number of each field in the file, 0 for a missing one; what findings carry as their column.
    pub columns: &'a [usize; N],
    /// The line has more or fewer fields than the header, and was said; fields before the tear are as written, those it has not are empty.
    pub torn: bool,
}

impl<const N: usize> Row<'_, N> {
    /// Where the n-th of the fields stands.
    pub fn at(&self, field: usize) -> At {
        At { line: self.line, column: u32::try_from(self.columns[field]).unwrap_or(u32::MAX) }
    }
}

/// Hands out the rows of a file. A column named `?x` is optional; without one of the others the file is not read, and that is a finding.
/// Lines with more or fewer fields than the header are left out and said.
pub(crate) fn rows<const N: usize>(
    input: &mut dyn BufRead,
    columns: [&str; N],
    findings: &mut Findings<'_>,
    row: &mut dyn FnMut(Row<'_, N>, &mut Findings<'_>),
) -> io::Result<()> {
    rows_and_torn(input, columns, findings, &mut |line, findings| {
        if !line.torn {
            row(line, findings);
        }
    })
}

/// The same with the torn lines among them, for maps: a source that has lost a row must be known.
pub(crate) fn rows_and_torn<const N: usize>(
    input: &mut dyn BufRead,
    columns: [&str; N],
    findings: &mut Findings<'_>,
    row: &mut dyn FnMut(Row<'_, N>, &mut Findings<'_>),
) -> io::Result<()> {
    let mut lines = Lines::new(input);
    let Some((at, header)) = lines.next(findings)? else {
        findings.push(Severity::Error, 0, 0, "the file is empty".into(), "get it again from its publisher");
        return Ok(());
    };
    rows_below(header.to_owned(), at, &mut lines, columns, findings, row)
}

/// The same, torn lines among them, where the header line was read already.
pub(crate) fn rows_below<const N: usize>(
    header: String,
    header_line: u64,
    lines: &mut Lines<'_>,
    columns: [&str; N],
    findings: &mut Findings<'_>,
    row: &mut dyn FnMut(Row<'_, N>, &mut Findings<'_>),
) -> io::Result<()> {
    let names: Vec<&str> = header.split('\t').map(str::trim).collect();
    let Some(at) = places(&names, header_line, columns, findings) else { return Ok(()) };
    let mut ends: Vec<usize> = Vec::with_capacity(names.len() + 1);
    while let Some((number, line)) = lines.next(findings)? {
        if line.is_empty() {
            continue;
        }
        ends.clear();
        ends.extend(memchr::memchr_iter(b'\t', line.as_bytes()));
        ends.push(line.len());
        let torn = ends.len() != names.len();
        if torn {
            say_torn(number, ends.len(), names.len(), findings);
        }
        let field = |column: usize| match column {
            0 => "",
            c if c > ends.len() => "",
            1 => &line[..ends[0]],
            c => &line[ends[c - 2] + 1..ends[c - 1]],
        };
        let fields = at.map(field);
        row(Row { line: number, fields, columns: &at, torn }, findings);
    }
    Ok(())
}

/// Where these columns stand, from 1, 0 for optional ones that are missing; `None`, and said, if one of the others is.
pub(crate) fn places<const N: usize>(
    names: &[&str],
    header_line: u64,
    columns: [&str; N],
    findings: &mut Findings<'_>,
) -> Option<[usize; N]> {
    let mut at = [0; N];
    let mut missing = Vec::new();
    for (place, name) in at.iter_mut().zip(columns) {
        let (name, optional) = name.strip_prefix('?').map_or((name, false), |name| (name, true));
        match names.iter().position(|n| n.eq_ignore_ascii_case(name)) {
            Some(i) => *place = i + 1,
            None if optional => {}
            None => missing.push(name),
        }
    }
    if !missing.is_empty() {
        let what = format!("the header has no column {}; it has: {}", missing.join(", "), shown(&names.join(" ")));
        findings.push(
            Severity::Error,
            header_line,
            1,
            what,
            "the file is not read; give the columns their names, or the file its own format",
        );
        return None;
    }
    Some(at)
}

/// Says of a line that it has more or fewer fields than the header.
pub(crate) fn say_torn(line: u64, fields: usize, names: usize, findings: &mut Findings<'_>) {
    let (kind, mend) = ("lines with another number of fields", "the line is left out; look for a stray separator or line break");
    findings.warn(kind, line, fields.min(names) + 1, format!("{fields} fields where the header has {names}"), mend);
}

/// The lines of a UTF-8 file without their ends, numbered from 1, in one buffer.
pub(crate) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    buffer: Vec<u8>,
    mended: String,
    number: u64,
}

impl<'a> Lines<'a> {
    pub fn new(input: &'a mut dyn BufRead) -> Lines<'a> {
        Lines { input, buffer: Vec::new(), mended: String::new(), number: 0 }
    }

    /// The next line and its number.
    pub fn next(&mut self, findings: &mut Findings<'_>) -> io::Result<Option<(u64, &str)>> {
        self.buffer.clear();
        if self.input.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
            self.buffer.pop();
        }
        let bytes = match self.number {
            1 => self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer),
            _ => &self.buffer,
        };
        match std::str::from_utf8(bytes) {
            Ok(_) => {}
            Err(error) => {
                let at = error.valid_up_to() + 1;
                let what = format!("byte {at} of the line is not UTF-8");
                findings.warn(
                    "lines that are not UTF-8",
                    self.number,
                    at,
                    what,
                    "read with a replacement character; convert the file to UTF-8",
                );
                self.mended = String::from_utf8_lossy(bytes).into_owned();
                return Ok(Some((self.number, &self.mended)));
            }
        }
        // Checked just above; asked again because the borrow of an early return would hold the buffer in the other branch.
        Ok(std::str::from_utf8(bytes).ok().map(|line| (self.number, line)))
    }
}

/// A text as it may stand in a message: not longer than a line.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
