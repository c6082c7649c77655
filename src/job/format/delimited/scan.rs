//! Where records and fields end, 64 bytes at a time. What it finds is what [`Delimited::find`] finds; where that is not plain from the
//! bits alone, it asks there.

use super::{Delimited, Found};
use wide::u8x64;

/// Where the records of a text lie.
#[derive(Default)]
pub(in super::super::super) struct Records {
    pub(super) marks: Vec<Mark>,
    /// Where the fields end of those records that are whole, as many of each as in the header.
    pub(super) ends: Vec<u32>,
    /// Line breaks within records.
    breaks: Vec<u32>,
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
    pub fn find(&mut self, mut of: Delimited, data: &[u8], from: usize, last: bool) -> usize {
        self.marks.clear();
        self.ends.clear();
        self.breaks.clear();
        // Mostly there is none; then nobody needs to ask again.
        of.quote = of.quote.filter(|q| memchr::memchr(*q, data).is_some());
        let mut scanner = Scanner { of, data, ahead: from, inside: 0, opens: 1 };
        // Where the record at hand begins, and the ends of its fields do.
        let (mut at, mut first) = (from, 0);
        loop {
            let base = scanner.ahead;
            if let Some((separators, lines)) = scanner.look() {
                self.push(separators, base);
                let mut within = lines & !separators;
                while within != 0 {
                    self.breaks.push(base as u32 + within.trailing_zeros());
                    within &= within - 1;
                }
                let mut lines = lines & separators;
                while lines != 0 {
                    let hit = base + lines.trailing_zeros() as usize;
                    lines &= lines - 1;
                    let end = hit - usize::from(hit > at && data[hit - 1] == b'\r');
                    match self.ends.get_mut((first + of.fields).wrapping_sub(1)) {
                        Some(last) if *last as usize == hit && end > at => {
                            *last = end as u32;
                            first += of.fields;
                            self.marks.push(Mark { kind: Kind::Whole, next: hit as u32 + 1 });
                        }
                        _ => self.odd(if end == at { Kind::Blank } else { Kind::Torn }, first, hit),
                    }
                    at = hit + 1;
                }
                continue;
            }
            self.ends.truncate(first);
            while self.breaks.pop_if(|place| *place as usize >= at).is_some() {}
            let (mut kind, next) = match of.find(data, at, &mut self.ends, last) {
                Found::Incomplete => {
                    self.ends.truncate(first);
                    return if self.marks.is_empty() && !last { 0 } else { at };
                }
                Found::Record { next } => (Kind::Whole, next),
                Found::Blank { next } => (Kind::Blank, next),
                Found::Open => (Kind::Open, data.len()),
            };
            if kind == Kind::Whole && self.ends.len() - first != of.fields {
                kind = Kind::Torn;
            }
            if kind != Kind::Whole {
                self.ends.truncate(first);
            }
            self.breaks.extend(memchr::memchr_iter(b'\n', &data[at..next - 1]).map(|place| (at + place) as u32));
            self.marks.push(Mark { kind, next: next as u32 });
            if kind == Kind::Open {
                return next;
            }
            (at, first) = (next, self.ends.len());
            scanner = Scanner { ahead: at, inside: 0, opens: 1, ..scanner };
        }
    }

    /// Notes where fields may end. Always as many at a time as mostly stand in a block: the processor cannot foresee how many there are.
    #[inline]
    fn push(&mut self, separators: u64, base: usize) {
        let before = self.ends.len();
        let mut rest = separators;
        while rest != 0 {
            let some: [u32; 12] = std::array::from_fn(|_| {
                let end = base as u32 + (rest | 1 << 63).trailing_zeros();
                rest &= rest.wrapping_sub(1);
                end
            });
            self.ends.extend_from_slice(&some);
        }
        self.ends.truncate(before + separators.count_ones() as usize);
    }

    /// Notes a record that is not as it should be, and forgets where its fields end.
    #[cold]
    fn odd(&mut self, kind: Kind, first: usize, hit: usize) {
        let fields = self.ends[first..].iter().take_while(|end| **end as usize <= hit).count();
        self.ends.drain(first..first + fields);
        self.marks.push(Mark { kind, next: hit as u32 + 1 });
    }

    /// Where the first record begins that lies, from its beginning to that of the next, as `is_meant` says. `from` is where the search began.
    pub fn find_by_place(&self, from: usize, is_meant: impl Fn(usize, usize) -> bool) -> Option<usize> {
        let mut at = from;
        let mut places = self.marks.iter().map(|mark| (std::mem::replace(&mut at, mark.next as usize), mark.next as usize));
        places.find(|&(start, next)| is_meant(start, next)).map(|(start, _)| start)
    }

    /// The record of the most lines: where it begins, and how many it has. `from` is where the search began.
    pub fn longest(&self, from: usize) -> (usize, u64) {
        let (mut at, mut longest, mut breaks) = (from, (from, 1), &self.breaks[..]);
        for mark in &self.marks {
            let start = std::mem::replace(&mut at, mark.next as usize);
            let within = breaks.iter().take_while(|place| **place < mark.next).count();
            breaks = &breaks[within..];
            if within as u64 + 1 > longest.1 {
                longest = (start, within as u64 + 1);
            }
        }
        longest
    }
}

/// Goes from block to block.
struct Scanner<'d> {
    of: Delimited,
    data: &'d [u8],
    /// Where the next block begins.
    ahead: usize,
    /// Whether the byte there is within a quotation: all bits or none.
    inside: u64,
    /// Whether a quote there would open a quotation, or go on with it as the second of two: the lowest bit.
    opens: u64,
}

impl Scanner<'_> {
    /// What separates fields or records in the next 64 bytes, and what ends lines: a bit each, the first the lowest. `None`: there
    /// are not as many, or a quote among them is only a character.
    #[inline]
    fn look(&mut self) -> Option<(u64, u64)> {
        let bytes = u8x64::from(*self.data.get(self.ahead..)?.first_chunk::<64>()?);
        let lines = bits(bytes, b'\n');
        let mut separators = bits(bytes, self.of.delimiter) | lines;
        let mut ended = separators;
        if let Some(quote) = self.of.quote {
            let quotes = bits(bytes, quote);
            if quotes | self.inside != 0 {
                let inside = odd_before(quotes) ^ self.inside;
                separators &= !inside;
                ended = separators | quotes & !inside;
                if quotes & inside & !(ended << 1 | self.opens) != 0 {
                    return None;
                }
                self.inside = (inside as i64 >> 63) as u64;
            }
        }
        self.opens = ended >> 63;
        self.ahead += 64;
        Some((separators, lines))
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
            let mut records = Records::default();
            let used = records.find(of, data, 0, last);
            let mut whole = records.ends.chunks_exact(3);
            let (mut at, mut ends, mut longest) = (0, Vec::new(), (0, 1));
            for mark in &records.marks {
                ends.clear();
                let (kind, next) = match of.find(data, at, &mut ends, last) {
                    Found::Record { next } if ends.len() == 3 => (Kind::Whole, next),
                    Found::Record { next } => (Kind::Torn, next),
                    Found::Blank { next } => (Kind::Blank, next),
                    Found::Open => (Kind::Open, data.len()),
                    Found::Incomplete => unreachable!(),
                };
                prop_assert_eq!((mark.kind, mark.next as usize), (kind, next));
                let lines = 1 + data[at..next - 1].iter().filter(|byte| **byte == b'\n').count() as u64;
                if lines > longest.1 {
                    longest = (at, lines);
                }
                if kind == Kind::Whole {
                    prop_assert_eq!(whole.next(), Some(&ends[..]));
                }
                at = next;
            }
            prop_assert_eq!(whole.next(), None);
            prop_assert_eq!(records.longest(0), longest);
            prop_assert_eq!(used, at);
            if !records.marks.iter().any(|mark| mark.kind == Kind::Open) {
                prop_assert_eq!(of.find(data, at, &mut ends, last), Found::Incomplete);
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
            records.longest(0)
        };
        assert_eq!(longest(b"a,b\n1,\"x\ny\"\n\n2,\"x\ny\nz\"\n3,z"), (13, 3));
        assert_eq!(longest(b"1,x\n2,\"open\n3,z\n"), (4, 2));
    }
}
