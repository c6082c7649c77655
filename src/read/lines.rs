//! Lines of a text release, with their numbers, as text: the ground of every reader of fixed columns.
//!
//! One buffer serves all lines, so a file of any length passes without an allocation per row. A line that is plain ASCII (in CMS files
//! nearly every one) is lent as it stands; another is UTF-8 if it is valid as such, and Windows-1252 otherwise, which is what CMS and
//! NCHS have published whenever they did not publish ASCII (`Ménière` in ICD-9-CM, `excoriée` in the ICD-10-CM differences of 2014).

use super::{Finding, Severity};
use std::borrow::Cow;
use std::io::{self, BufRead};

/// A line longer than this is no row of any release that xwalk reads. The rest of it is passed over, so memory stays bounded.
const LONGEST: usize = 1 << 20;

pub(crate) struct Lines<'r> {
    input: &'r mut dyn BufRead,
    buffer: Vec<u8>,
    number: u64,
}

/// One line without its end (LF or CRLF).
pub(crate) struct Line<'a> {
    /// 1-based.
    pub number: u64,
    pub text: Cow<'a, str>,
    pub encoding: Encoding,
    /// Longer than any row may be; `text` is its beginning.
    pub overlong: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Ascii,
    Utf8,
    Windows1252,
}

impl<'r> Lines<'r> {
    pub fn new(input: &'r mut dyn BufRead) -> Lines<'r> {
        Lines { input, buffer: Vec::with_capacity(512), number: 0 }
    }

    /// The next line, or `None` at the end. A byte order mark before the first is passed over.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let mut limited = io::Read::take(&mut *self.input, LONGEST as u64);
        if limited.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let overlong = self.buffer.len() == LONGEST && self.buffer.last() != Some(&b'\n');
        if overlong {
            self.skip_rest()?;
        }
        let mut bytes = self.buffer.as_slice();
        if self.number == 1 {
            bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        }
        bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let (text, encoding) = decode(bytes);
        Ok(Some(Line { number: self.number, text, encoding, overlong }))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let held = self.input.fill_buf()?;
            if held.is_empty() {
                return Ok(());
            }
            let (n, done) = memchr::memchr(b'\n', held).map_or((held.len(), false), |i| (i + 1, true));
            self.input.consume(n);
            if done {
                return Ok(());
            }
        }
    }
}

/// Text of bytes that nobody has declared the encoding of.
pub(crate) fn decode(bytes: &[u8]) -> (Cow<'_, str>, Encoding) {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => (Cow::Borrowed(text), Encoding::Ascii),
        Ok(text) => (Cow::Borrowed(text), Encoding::Utf8),
        Err(_) => (encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0, Encoding::Windows1252),
    }
}

impl<'a> Line<'a> {
    /// A line at hand, without a number.
    pub fn from_text(text: &'a str) -> Line<'a> {
        let encoding = if text.is_ascii() { Encoding::Ascii } else { Encoding::Utf8 };
        Line { number: 0, text: Cow::Borrowed(text), encoding, overlong: false }
    }

    pub fn is_blank(&self) -> bool {
        self.text.bytes().all(|b| b.is_ascii_whitespace())
    }

    /// The text in 1-based columns `from` to `to`, both included; what the line does not reach is missing from it.
    pub fn columns(&self, from: usize, to: usize) -> &str {
        &self.text[self.offset(from)..self.offset(to + 1)]
    }

    /// The text from a 1-based column on.
    pub fn columns_from(&self, from: usize) -> &str {
        &self.text[self.offset(from)..]
    }

    /// Whether a 1-based column holds a blank, or lies behind the end.
    pub fn blank_at(&self, column: usize) -> bool {
        matches!(self.columns(column, column), "" | " ")
    }

    /// Columns are characters: the same as bytes in every encoding these files have been published in.
    fn offset(&self, column: usize) -> usize {
        if self.encoding == Encoding::Ascii {
            (column - 1).min(self.text.len())
        } else {
            self.text.char_indices().nth(column - 1).map_or(self.text.len(), |(at, _)| at)
        }
    }

    /// What to say of a line that is not ASCII in a format that is.
    pub fn encoding_finding(&self, file: &str) -> Option<Finding> {
        let how = match self.encoding {
            Encoding::Ascii => return None,
            Encoding::Utf8 => "UTF-8",
            Encoding::Windows1252 => "Windows-1252",
        };
        let (column, found) = self.text.chars().enumerate().find(|(_, c)| !c.is_ascii())?;
        Some(Finding {
            column: column as u32 + 1,
            ..Finding::note(file, self.number, format!("{found:?} is not ASCII, which this format is; read as {how}"))
                .mend("compare the text with the published file")
        })
    }

    /// What to say of a line that is far too long.
    pub fn overlong_finding(&self, file: &str) -> Option<Finding> {
        self.overlong.then(|| {
            Finding::warning(file, self.number, format!("line longer than {LONGEST} bytes; left out"))
                .at(LONGEST as u32 + 1)
                .mend("is this a text file with one row a line?")
        })
    }
}

impl Finding {
    pub fn new(severity: Severity, file: &str, line: u64, what: impl Into<String>) -> Finding {
        Finding { file: file.to_owned(), line, column: 0, severity, what: what.into(), mend: String::new() }
    }
    pub fn note(file: &str, line: u64, what: impl Into<String>) -> Finding {
        Finding::new(Severity::Note, file, line, what)
    }
    pub fn warning(file: &str, line: u64, what: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, file, line, what)
    }
    pub fn error(file: &str, line: u64, what: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, file, line, what)
    }
    pub fn at(self, column: u32) -> Finding {
        Finding { column, ..self }
    }
    pub fn mend(self, mend: impl Into<String>) -> Finding {
        Finding { mend: mend.into(), ..self }
    }
}

/// The beginning of a text, short enough for a message, with control characters visible.
pub(crate) fn excerpt(text: &str) -> String {
    let shown: String = text.chars().take(60).flat_map(|c| c.escape_debug()).collect();
    if text.chars().nth(60).is_some() { format!("'{shown}...'") } else { format!("'{shown}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut input = bytes;
        let mut lines = Lines::new(&mut input);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.number, line.text.into_owned()));
        }
        all
    }

    #[test]
    fn ends_of_lines() {
        let want = vec![(1, "a".to_owned()), (2, String::new()), (3, "b".to_owned())];
        assert_eq!(lines(b"a\r\n\r\nb\r\n"), want);
        assert_eq!(lines(b"a\n\nb"), want);
        assert_eq!(lines(b"\xEF\xBB\xBFa\n\nb\n"), want);
        assert_eq!(lines(b""), vec![]);
    }

    #[test]
    fn columns_are_characters() {
        for bytes in [b"38600 M\xE9ni\xE8re X".as_slice(), "38600 Ménière X".as_bytes()] {
            let mut input = bytes;
            let mut lines = Lines::new(&mut input);
            let line = lines.next().unwrap().unwrap();
            assert_eq!((line.columns(1, 5), line.columns(7, 13), line.columns_from(15)), ("38600", "Ménière", "X"));
            assert_eq!((line.columns(40, 50), line.columns_from(16)), ("", ""));
            assert_eq!(line.encoding_finding("f").map(|f| f.column), Some(8));
        }
    }

    #[test]
    fn an_overlong_line_is_passed_over() {
        let mut bytes = vec![b'x'; 3 * LONGEST];
        bytes.extend(b"\nnext\n");
        let mut input = bytes.as_slice();
        let mut lines = Lines::new(&mut input);
        assert!(lines.next().unwrap().unwrap().overlong_finding("f").is_some());
        let next = lines.next().unwrap().unwrap();
        assert_eq!((next.number, &*next.text, next.overlong), (2, "next", false));
        assert!(lines.next().unwrap().is_none());
    }
}
