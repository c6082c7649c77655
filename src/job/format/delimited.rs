//! Delimited text (RFC 4180 and its relatives): where records and fields end, and nothing else. No byte of a record is changed.
//!
//! A quote opens a quotation only at the beginning of a field, as in the `csv` crate (the oracle of the tests) and in spreadsheets; a quote
//! elsewhere (`5" nail`) is a character. A record ends with a line feed; a carriage return before it belongs to the end. Lines without
//! anything are no records; they pass through as they are.

use super::super::Error;
use super::super::input::TextEncoding;
use super::super::spec::{Job, Quote, RecordFormat};
use std::borrow::Cow;

mod convert;
mod scan;

pub(in super::super) use scan::Records;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Delimited {
    pub delimiter: u8,
    pub quote: Option<u8>,
    /// The first record names the columns and is still to come.
    pub header: bool,
    pub fields: usize,
}

pub(in super::super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// What stands at a place in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    /// A record; its fields end at `ends`, what comes next begins at `next`.
    Record {
        next: usize,
    },
    Blank {
        next: usize,
    },
    /// The text ends within the record.
    Incomplete,
    /// The text ends within a quotation.
    Open,
}

/// A record as [`Delimited::each`] shows it.
pub(in super::super) enum Seen<'d> {
    /// Its bytes, without the end of the line, and its fields.
    Record(&'d [u8], Fields<'d>),
    /// More or fewer fields than the header, or a quotation that nobody closed.
    Torn,
}

pub(in super::super) struct Fields<'d> {
    of: &'d Delimited,
    data: &'d [u8],
    start: usize,
    ends: &'d [u32],
}

impl<'d> Fields<'d> {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The value of a field, its quotation undone.
    pub fn get(&self, field: usize) -> Cow<'d, [u8]> {
        self.of.field(self.data, self.start, self.ends, field)
    }
}

impl Delimited {
    /// Finds out delimiter, quote and the names of the columns.
    pub fn detect(
        job: &Job,
        format: RecordFormat,
        sample: &[u8],
        encoding: TextEncoding,
        file: &str,
    ) -> Result<(Delimited, Vec<String>), Error> {
        let text = sample.strip_prefix(BOM).unwrap_or(sample);
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::Empty { file: file.to_owned() });
        }
        if !text.contains(&b'\n') && text.iter().filter(|b| **b == b'\r').count() > 1 {
            let what = format!("{file}: lines end with a lone carriage return; write it again with line feeds");
            return Err(Error::Unsupported { what });
        }
        let delimiter = match (job.delimiter, format) {
            (Some(c), _) => u8::try_from(c)
                .ok()
                .filter(u8::is_ascii)
                .ok_or_else(|| Error::Unsupported { what: format!("`{c}` cannot be a delimiter; one ASCII character is") })?,
            (None, RecordFormat::Tsv) => b'\t',
            (None, _) => {
                let line = text.iter().position(|b| *b == b'\n').map_or(text, |end| &text[..end]);
                // The last of equals is taken; a comma is the most likely.
                b"|;\t,".iter().copied().max_by_key(|d| outside_quotes(line, *d)).unwrap_or(b',')
            }
        };
        let quote = match job.quote {
            Some(Quote::None) => None,
            Some(Quote::Char(q)) => Some(q),
            None if delimiter == b'\t' => is_quoted(text, delimiter).then_some(b'"'),
            None => Some(b'"'),
        };
        let mut this = Delimited { delimiter, quote, header: job.header, fields: 0 };
        let mut ends = Vec::new();
        let mut at = 0;
        let start = loop {
            ends.clear();
            match this.find(text, at, &mut ends, true) {
                Found::Blank { next } => at = next,
                Found::Record { next } if next < text.len() || sample.len() < 1 << 16 => break at,
                _ => {
                    let what = String::from("the header is longer than 64 KiB, or has a quotation that nobody closed");
                    return Err(Error::Encoding { file: file.to_owned(), what });
                }
            }
        };
        this.fields = ends.len();
        let names = (0..ends.len())
            .map(|i| if job.header { encoding.decode(&this.field(text, start, &ends, i)).into_owned() } else { format!("#{}", i + 1) })
            .collect();
        Ok((this, names))
    }

    /// Finds the ends of the fields of the record that begins at `start`, and puts them behind those that are there.
    #[inline]
    fn find(&self, data: &[u8], start: usize, ends: &mut Vec<u32>, last: bool) -> Found {
        let mut at = start;
        match data.get(at..) {
            Some([b'\n', ..]) => return Found::Blank { next: at + 1 },
            Some([b'\r', b'\n', ..]) => return Found::Blank { next: at + 2 },
            Some([]) | None => return Found::Incomplete,
            _ => {}
        }
        let is_quote = |at: usize| self.quote.is_some() && data.get(at).copied() == self.quote;
        let mut quoted = is_quote(at);
        'fields: loop {
            if quoted {
                let Some(end) = self.quotation(data, at) else { return if last { Found::Open } else { Found::Incomplete } };
                // A quote at the end of the text may be the first of two.
                if end == data.len() && !last {
                    return Found::Incomplete;
                }
                at = end;
            }
            // Eight bytes at a time; the rest of the text one by one.
            while let Some(word) = data.get(at..at + 8).and_then(|w| w.try_into().ok()).map(u64::from_le_bytes) {
                let mut hits = equal(word, self.delimiter) | equal(word, b'\n');
                while hits != 0 {
                    let hit = at + (hits.trailing_zeros() / 8) as usize;
                    hits &= hits - 1;
                    if data[hit] == b'\n' {
                        ends.push(record_end(data, start, hit));
                        return Found::Record { next: hit + 1 };
                    }
                    ends.push(hit as u32);
                    if is_quote(hit + 1) {
                        at = hit + 1;
                        quoted = true;
                        continue 'fields;
                    }
                }
                at += 8;
            }
            while let Some(&byte) = data.get(at) {
                if byte == b'\n' {
                    ends.push(record_end(data, start, at));
                    return Found::Record { next: at + 1 };
                }
                at += 1;
                if byte == self.delimiter {
                    ends.push(at as u32 - 1);
                    if is_quote(at) {
                        quoted = true;
                        continue 'fields;
                    }
                }
            }
            if !last {
                return Found::Incomplete;
            }
            ends.push(record_end(data, start, data.len()));
            return Found::Record { next: data.len() };
        }
    }

    /// Behind the quotation that opens at `at`.
    fn quotation(&self, data: &[u8], at: usize) -> Option<usize> {
        let quote = self.quote?;
        let mut at = at + 1;
        loop {
            at = next(data, at, quote)? + 1;
            if data.get(at) != Some(&quote) {
                return Some(at);
            }
            at += 1;
        }
    }

    /// The value of a field, its quotation undone.
    fn field<'d>(&self, data: &'d [u8], start: usize, ends: &[u32], field: usize) -> Cow<'d, [u8]> {
        let (from, to) = raw(start, ends, field);
        self.value(&data[from..to])
    }

    /// What a field as it is written stands for.
    fn value<'d>(&self, raw: &'d [u8]) -> Cow<'d, [u8]> {
        let Some(quote) = self.quote.filter(|q| raw.first() == Some(q)) else { return Cow::Borrowed(raw) };
        if let [_, value @ .., last] = raw
            && *last == quote
            && !value.contains(&quote)
        {
            return Cow::Borrowed(value);
        }
        let mut value = Vec::with_capacity(raw.len());
        let (mut inside, mut bytes) = (true, raw.iter().skip(1).copied().peekable());
        while let Some(byte) = bytes.next() {
            if inside && byte == quote {
                if bytes.peek() == Some(&quote) {
                    bytes.next();
                } else {
                    inside = false;
                    continue;
                }
            }
            value.push(byte);
        }
        Cow::Owned(value)
    }

    /// Shows the records that are complete, and says how many bytes they took. The header is none of them.
    pub fn each(&mut self, data: &[u8], last: bool, show: &mut dyn FnMut(Seen<'_>)) -> usize {
        let (mut at, mut ends) = (0, Vec::new());
        loop {
            let start = at;
            ends.clear();
            match self.find(data, at, &mut ends, last) {
                Found::Incomplete => return at,
                Found::Blank { next } => at = next,
                Found::Open => {
                    show(Seen::Torn);
                    return data.len();
                }
                Found::Record { next } => {
                    at = next;
                    if std::mem::take(&mut self.header) {
                        continue;
                    }
                    if ends.len() != self.fields {
                        show(Seen::Torn);
                        continue;
                    }
                    let end = ends[ends.len() - 1] as usize;
                    show(Seen::Record(&data[start..end], Fields { of: self, data, start, ends: &ends }));
                }
            }
        }
    }
}

/// Where a field lies as it is written.
#[inline]
fn raw(start: usize, ends: &[u32], field: usize) -> (usize, usize) {
    let from = if field == 0 { start } else { ends[field - 1] as usize + 1 };
    (from, ends[field] as usize)
}

/// A high bit in every byte of the word that equals `byte`, and nowhere else.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let x = word ^ (u64::from(byte) * 0x0101_0101_0101_0101);
    !(((x & LOW) + LOW) | x | LOW)
}

/// Where a byte comes next. It is mostly near: eight bytes at a time are faster there than a call.
#[inline]
fn next(data: &[u8], from: usize, byte: u8) -> Option<usize> {
    let mut at = from;
    while at < from + 32
        && let Some(word) = data.get(at..at + 8).and_then(|w| w.try_into().ok()).map(u64::from_le_bytes)
    {
        match equal(word, byte) {
            0 => at += 8,
            hits => return Some(at + (hits.trailing_zeros() / 8) as usize),
        }
    }
    Some(at + memchr::memchr(byte, data.get(at..)?)?)
}

/// Where the record ends that a line feed at `at` ends.
#[inline]
fn record_end(data: &[u8], start: usize, at: usize) -> u32 {
    let cr = at > start && data[at - 1] == b'\r' && data.get(at) == Some(&b'\n');
    (at - usize::from(cr)) as u32
}

/// Whether fields begin with quotes, and every quotation ends where a field does, in its line. In other text quotes are characters.
fn is_quoted(text: &[u8], delimiter: u8) -> bool {
    let quoted = Delimited { delimiter, quote: Some(b'"'), header: false, fields: 0 };
    let (mut ends, mut some) = (Vec::new(), false);
    // The last line may be cut off.
    for line in text.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n") && line.contains(&b'"')) {
        ends.clear();
        if quoted.find(line, 0, &mut ends, true) != (Found::Record { next: line.len() }) {
            return false;
        }
        for field in 0..ends.len() {
            let (from, to) = raw(0, &ends, field);
            let field = &line[from..to];
            if field.first() == Some(&b'"') {
                some = true;
                if quoted.quotation(field, 0) != Some(field.len()) {
                    return false;
                }
            }
        }
    }
    some
}

/// How often a delimiter stands outside of quotations.
fn outside_quotes(line: &[u8], delimiter: u8) -> usize {
    let mut inside = false;
    line.iter()
        .filter(|&&b| {
            inside ^= b == b'"';
            b == delimiter && !inside
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(data: &[u8], quote: Option<u8>) -> Vec<Vec<Vec<u8>>> {
        let d = Delimited { delimiter: b',', quote, header: false, fields: 0 };
        let (mut at, mut ends, mut all) = (0, Vec::new(), Vec::new());
        loop {
            ends.clear();
            match d.find(data, at, &mut ends, true) {
                Found::Record { next } => {
                    all.push((0..ends.len()).map(|i| d.field(data, at, &ends, i).into_owned()).collect());
                    at = next;
                }
                Found::Blank { next } => at = next,
                Found::Incomplete => return all,
                Found::Open => return all,
            }
        }
    }

    fn oracle(data: &[u8], quote: Option<u8>) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new();
        reader.has_headers(false).flexible(true).quoting(quote.is_some());
        reader.from_reader(data).byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn fields_are_those_of_the_csv_crate(text in "[ab\",\n]{0,40}", quoted in any::<bool>()) {
            let quote = quoted.then_some(b'"');
            let data = text.as_bytes();
            let (ours, theirs) = (records(data, quote), oracle(data, quote));
            // A quotation left open is a record there and a reject here.
            let d = Delimited { delimiter: b',', quote, header: false, fields: 0 };
            let (mut at, mut ends) = (0, Vec::new());
            let open = loop {
                match d.find(data, at, &mut ends, true) {
                    Found::Record { next } | Found::Blank { next } => at = next,
                    found => break found == Found::Open,
                }
            };
            prop_assert_eq!(&ours[..], &theirs[..theirs.len() - usize::from(open)]);
        }

        #[test]
        fn a_cut_anywhere_changes_nothing(text in "[a\",\r\n]{0,60}", cut in 0usize..60) {
            let d = Delimited { delimiter: b',', quote: Some(b'"'), header: false, fields: 0 };
            let data = text.as_bytes();
            let cut = cut.min(data.len());
            let (mut at, mut ends) = (0, Vec::new());
            let mut whole = Vec::new();
            while let Found::Record { next } | Found::Blank { next } = d.find(data, at, &mut ends, true) {
                whole.push((at, next, ends.clone()));
                at = next;
                ends.clear();
            }
            at = 0;
            for (start, next, expected) in whole {
                ends.clear();
                let found = d.find(&data[..cut], start, &mut ends, false);
                if let Found::Record { next: n } | Found::Blank { next: n } = found {
                    prop_assert_eq!((at, n), (start, next));
                    prop_assert_eq!(&ends, &expected);
                    at = n;
                } else {
                    break;
                }
            }
        }
    }

    #[test]
    fn quotes_within_fields_are_characters() {
        assert_eq!(records(b"1,5\" a,x\n2,6\" b,y\n", Some(b'"')).len(), 2);
    }

    #[test]
    fn delimiters_are_detected() {
        let detect =
            |sample: &str| Delimited::detect(&Job::default(), RecordFormat::Csv, sample.as_bytes(), TextEncoding::Utf8, "f").unwrap();
        assert_eq!(detect("id;dx\n1;2,5\n").0.delimiter, b';');
        assert_eq!(detect("\"a,b,c\"\tdx\n").0.delimiter, b'\t');
        assert_eq!(detect("dx\n").0.delimiter, b',');
        assert_eq!(detect("\u{feff}\"id\",\"d\"\"x\"\r\n").1, ["id", "d\"x"]);
        assert_eq!(detect("a\tb \"c\"\n").0.quote, None);
        assert_eq!(detect("a\tb\n1\t\"x\ty\"\n").0.quote, Some(b'"'));
        // Quotes that enclose no field are characters: nothing is merged for them.
        for stray in ["a\tb\n1\t\"x\n2\ty\n", "a\tb\n1\t\"x\"\n2\t\"q\" y\n", "a\tb\n1\t\"x\ny\"\t2\n"] {
            assert_eq!(detect(stray).0.quote, None, "{stray:?}");
        }
    }
}
