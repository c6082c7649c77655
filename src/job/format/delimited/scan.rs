//! Where records and fields end, 64 bytes at a time. What it finds is what [`Delimited::find`] finds; where that is not plain from the
//! bits alone, it asks there.

use super::super::super::work::lines;
use super::{Delimited, Found, record_end};
use wide::u8x64;

/// Where the records of a text lie.
#[derive(Default)]
pub(in super::super::super) struct Records {
    pub(super) marks: Vec<Mark>,
    /// Where the fields end of those records that are whole, as many of each as in the header.
    pub(super) ends: Vec<u32>,
}

#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub kind: Kind,
    /// Where the next one begins.
    pub next: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Whole,
    /// More or fewer fields than the header.
    Torn,
    /// A line without anything.
    Blank,
    /// A quotation that nobody closes.
    Open,
}

impl Records {
    /// Finds the records that are complete, and says where they end; 0 if there is none.
    pub fn find(&mut self, of: Delimited, data: &[u8], from: usize, last: bool) -> usize {
        self.marks.clear();
        self.ends.clear();
        let mut scanner = Scanner::new(of, data, from, last);
        let mut at = from;
        loop {
            let before = self.ends.len();
            let (kind, next) = match scanner.next(&mut self.ends) {
                Found::Incomplete => return if self.marks.is_empty() && !last { 0 } else { at },
                Found::Record { next } if self.ends.len() - before == of.fields => (Kind::Whole, next),
                Found::Record { next } => (Kind::Torn, next),
                Found::Blank { next } => (Kind::Blank, next),
                Found::Open => (Kind::Open, data.len()),
            };
            if kind != Kind::Whole {
                self.ends.truncate(before);
            }
            self.marks.push(Mark { kind, next: next as u32 });
            at = next;
            if kind == Kind::Open {
                return at;
            }
        }
    }

    /// Where the first record begins that lies, from its beginning to that of the next, as `is_meant` says. `from` is where the search began.
    pub fn find_by_place(&self, from: usize, is_meant: impl Fn(usize, usize) -> bool) -> Option<usize> {
        let mut at = from;
        let mut places = self.marks.iter().map(|mark| (std::mem::replace(&mut at, mark.next as usize), mark.next as usize));
        places.find(|&(start, next)| is_meant(start, next)).map(|(start, _)| start)
    }

    /// The record of the most lines: where it begins, and how many it has. `data` and `from` are those that were searched.
    pub fn longest(&self, data: &[u8], from: usize) -> (usize, u64) {
        let (mut at, mut longest) = (from, (from, 0));
        for mark in &self.marks {
            let start = std::mem::replace(&mut at, mark.next as usize);
            let lines = lines(&data[start..at]);
            if lines > longest.1 {
                longest = (start, lines);
            }
        }
        longest
    }
}

/// Goes from record to record.
struct Scanner<'d> {
    of: Delimited,
    data: &'d [u8],
    /// The text ends where the data do.
    last: bool,
    /// Where the next record begins.
    at: usize,
    /// Where the bytes that were looked at end.
    ahead: usize,
    /// Of the last 64 of these: what separates fields or records and has not been taken yet, a bit each, the first the lowest.
    separators: u64,
    /// Whether the byte at `ahead` is within a quotation: all bits or none.
    inside: u64,
    /// Whether a quote at `ahead` would open a quotation, or go on with it as the second of two: the lowest bit.
    opens: u64,
}

impl<'d> Scanner<'d> {
    fn new(mut of: Delimited, data: &'d [u8], at: usize, last: bool) -> Scanner<'d> {
        // Mostly there is none; then nobody needs to ask again.
        of.quote = of.quote.filter(|q| memchr::memchr(*q, data).is_some());
        Scanner { of, data, last, at, ahead: at, separators: 0, inside: 0, opens: 1 }
    }

    /// Goes to the next record, and puts the ends of its fields behind those that are there.
    #[inline]
    fn next(&mut self, ends: &mut Vec<u32>) -> Found {
        let (start, before) = (self.at, ends.len());
        loop {
            while self.separators == 0 {
                if !self.look() {
                    ends.truncate(before);
                    return self.find(ends);
                }
            }
            let hit = self.ahead - 64 + self.separators.trailing_zeros() as usize;
            self.separators &= self.separators - 1;
            if self.data[hit] == b'\n' {
                let end = record_end(self.data, start, hit);
                ends.push(end);
                self.at = hit + 1;
                return if end as usize == start { Found::Blank { next: hit + 1 } } else { Found::Record { next: hit + 1 } };
            }
            ends.push(hit as u32);
        }
    }

    /// Looks at the next 64 bytes. `false`: there are not as many, or a quote among them is only a character.
    #[inline]
    fn look(&mut self) -> bool {
        let Some(bytes) = self.data.get(self.ahead..).and_then(<[u8]>::first_chunk::<64>) else { return false };
        let bytes = u8x64::from(*bytes);
        let mut separators = bits(bytes, self.of.delimiter) | bits(bytes, b'\n');
        let mut ended = separators;
        if let Some(quote) = self.of.quote {
            let quotes = bits(bytes, quote);
            if quotes | self.inside != 0 {
                let inside = odd_before(quotes) ^ self.inside;
                separators &= !inside;
                ended = separators | quotes & !inside;
                if quotes & inside & !(ended << 1 | self.opens) != 0 {
                    return false;
                }
                self.inside = (inside as i64 >> 63) as u64;
            }
        }
        self.opens = ended >> 63;
        self.separators = separators;
        self.ahead += 64;
        true
    }

    /// Finds the record byte by byte, and goes on behind it.
    #[cold]
    fn find(&mut self, ends: &mut Vec<u32>) -> Found {
        let found = self.of.find(self.data, self.at, ends, self.last);
        if let Found::Record { next } | Found::Blank { next } = found {
            (self.at, self.ahead, self.separators, self.inside, self.opens) = (next, next, 0, 0, 1);
        }
        found
    }
}

/// A bit for each byte that is this one, the first the lowest.
#[inline]
fn bits(bytes: u8x64, byte: u8) -> u64 {
    bytes.simd_eq(u8x64::splat(byte)).to_bitmask()
}

/// The bits with an odd number of bits up to and with their own.
#[inline]
fn odd_before(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn it_finds_what_a_look_at_every_byte_finds(
            text in prop_oneof!["[ab\",\r\n]{0,400}", "((([a-f]{0,9}|\"([a-c,\n]|\"\"){0,12}\"),){0,3}[a-f]{0,9}\r?\n){0,30}"],
            quoted in any::<bool>(),
            last in any::<bool>(),
        ) {
            let of = Delimited { delimiter: b',', quote: quoted.then_some(b'"'), header: false, fields: 3 };
            let data = text.as_bytes();
            let mut scanner = Scanner::new(of, data, 0, last);
            let (mut at, mut ends, mut scanned) = (0, Vec::new(), Vec::new());
            loop {
                ends.clear();
                scanned.clear();
                let found = of.find(data, at, &mut ends, last);
                prop_assert_eq!(scanner.next(&mut scanned), found);
                at = match found {
                    Found::Blank { next } => next,
                    Found::Record { next } => {
                        prop_assert_eq!(&scanned, &ends);
                        next
                    }
                    Found::Incomplete | Found::Open => break,
                };
            }
        }
    }

    #[test]
    fn bits_stand_for_bytes() {
        let bytes = u8x64::from(std::array::from_fn(|i| i as u8));
        for i in 0..64 {
            assert_eq!(bits(bytes, i), 1 << i);
        }
        assert_eq!(bits(u8x64::splat(b'a'), b'a'), u64::MAX);
        assert_eq!(odd_before(0b0100_0100_0001), !0 << 10 | 0b00_0011_1111);
    }

    #[test]
    fn the_record_of_the_most_lines() {
        let d = Delimited { delimiter: b',', quote: Some(b'"'), header: false, fields: 0 };
        let longest = |data: &[u8]| {
            let mut records = Records::default();
            records.find(d, data, 0, true);
            records.longest(data, 0)
        };
        assert_eq!(longest(b"a,b\n1,\"x\ny\"\n\n2,\"x\ny\nz\"\n3,z"), (13, 3));
        assert_eq!(longest(b"1,x\n2,\"open\n3,z\n"), (4, 2));
    }
}
