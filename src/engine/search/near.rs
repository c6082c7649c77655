//! Words of the vocabulary near a word of the question: by typing error, as its prefix, as what it abbreviates.

use fst::raw::{CompiledAddr, Fst, Output};
use smallvec::SmallVec;

use crate::index::terms::Terms;

/// The furthest typing error looked for: two letters, a transposition counting as one.
pub const FURTHEST: u8 = 2;
/// Longer words have no typing errors that could be told from other words (and a row of [`Rows`] has no more bits).
const LONGEST: usize = 62;

/// Calls `found` with every word within `furthest` typing errors of `text` (restricted Damerau-Levenshtein distance on characters) and
/// its distance.
///
/// The automaton of Wu and Manber (Fast text searching allowing errors, 1992), with transpositions, computed as the walk goes: a table for
/// all its states takes longer to make than all the rest of a search (benches/README.md).
pub fn typos(terms: &Terms<'_>, text: &str, furthest: u8, mut found: impl FnMut(u32, u8)) {
    let length = text.chars().count();
    if length > LONGEST {
        return;
    }
    let furthest = usize::from(furthest.clamp(1, FURTHEST));
    let mut walk = Walk {
        fst: terms.map().as_fst(),
        places: Places::of(text),
        letters: text.is_ascii().then_some(text.as_bytes()),
        whole: 1 << length,
        furthest,
        found: &mut found,
    };
    let root = walk.fst.root().addr();
    walk.below(root, Output::zero(), Rows::start(), Letter::default());
}

/// Where in the asked word each letter stands, a bit for every place.
struct Places {
    ascii: [u64; 128],
    others: SmallVec<[(char, u64); 4]>,
}

impl Places {
    fn of(text: &str) -> Places {
        let mut places = Places { ascii: [0; 128], others: SmallVec::new() };
        for (i, c) in text.chars().enumerate() {
            match places.ascii.get_mut(c as usize) {
                Some(bits) => *bits |= 1 << i,
                None => match places.others.iter_mut().find(|(other, _)| *other == c) {
                    Some((_, bits)) => *bits |= 1 << i,
                    None => places.others.push((c, 1 << i)),
                },
            }
        }
        places
    }

    fn get(&self, c: u32) -> u64 {
        match self.ascii.get(c as usize) {
            Some(bits) => *bits,
            None => self.others.iter().find(|(other, _)| *other as u32 == c).map_or(0, |(_, bits)| *bits),
        }
    }
}

/// What may have been read so far.
#[derive(Clone, Copy)]
struct Rows {
    /// Bit `i` of row `d`: the first `i` letters of the asked word, with at most `d` errors.
    read: [u64; FURTHEST as usize + 1],
    /// Bit `i` of row `d`: the same, and the letter `i + 1` was read where letter `i` is asked.
    swapped: [u64; FURTHEST as usize],
}

impl Rows {
    fn start() -> Rows {
        Rows { read: [0b1, 0b11, 0b111], swapped: [0; FURTHEST as usize] }
    }

    /// Reads a letter that stands at these places of the asked word.
    #[inline]
    fn then(&self, places: u64) -> Rows {
        let mut next = Rows { read: [0; FURTHEST as usize + 1], swapped: [0; FURTHEST as usize] };
        next.read[0] = (self.read[0] & places) << 1;
        for d in 0..usize::from(FURTHEST) {
            let same = (self.read[d + 1] & places) << 1;
            let one_more = self.read[d];
            let another = self.read[d] << 1;
            let one_less = next.read[d] << 1;
            let swapped = (self.swapped[d] & places) << 2;
            next.read[d + 1] = same | one_more | another | one_less | swapped;
            next.swapped[d] = self.read[d] & places >> 1;
        }
        next
    }
}

/// A letter of several bytes, half read.
#[derive(Clone, Copy, Default)]
struct Letter {
    bits: u32,
    bytes_left: u8,
}

impl Letter {
    /// Reads a byte of UTF-8; `Ok` once the letter is whole.
    #[inline]
    fn then(self, byte: u8) -> Result<u32, Letter> {
        match byte {
            0..0x80 => Ok(u32::from(byte)),
            0x80..0xc0 => {
                let bits = self.bits << 6 | u32::from(byte & 0x3f);
                if self.bytes_left <= 1 { Ok(bits) } else { Err(Letter { bits, bytes_left: self.bytes_left - 1 }) }
            }
            0xc0..0xe0 => Err(Letter { bits: u32::from(byte & 0x1f), bytes_left: 1 }),
            0xe0..0xf0 => Err(Letter { bits: u32::from(byte & 0x0f), bytes_left: 2 }),
            0xf0.. => Err(Letter { bits: u32::from(byte & 0x07), bytes_left: 3 }),
        }
    }
}

struct Walk<'f, 'a, F> {
    fst: &'f Fst<&'a [u8]>,
    places: Places,
    /// The asked word, if it is ASCII.
    letters: Option<&'f [u8]>,
    /// The bit of the whole asked word.
    whole: u64,
    furthest: usize,
    found: &'f mut F,
}

impl<F: FnMut(u32, u8)> Walk<'_, '_, F> {
    fn below(&mut self, node: CompiledAddr, word: Output, rows: Rows, letter: Letter) {
        let node = self.fst.node(node);
        if node.is_final()
            && letter.bytes_left == 0
            && let Some(distance) = rows.read[..=self.furthest].iter().position(|row| row & self.whole != 0)
        {
            (self.found)(word.cat(node.final_output()).value() as u32, distance as u8);
        }
        // Where no error is left, only the letters that are asked lead on.
        let exhausted = rows.read[..self.furthest].iter().all(|row| *row == 0);
        if let (Some(letters), true) = (self.letters, exhausted) {
            let mut asked = (rows.read[self.furthest] | rows.swapped[self.furthest - 1]) & (self.whole - 1);
            while asked != 0 {
                let c = letters[asked.trailing_zeros() as usize];
                let places = self.places.get(u32::from(c));
                asked &= !places;
                if let Some(at) = node.find_input(c) {
                    let step = node.transition(at);
                    self.below(step.addr, word.cat(step.out), rows.then(places), Letter::default());
                }
            }
            return;
        }
        for step in node.transitions() {
            let (rows, letter) = match letter.then(step.inp) {
                Ok(c) => (rows.then(self.places.get(c)), Letter::default()),
                Err(half) => (rows, half),
            };
            if rows.read[self.furthest] & (self.whole | (self.whole - 1)) != 0 {
                self.below(step.addr, word.cat(step.out), rows, letter);
            }
        }
    }
}

/// The numbers of the words that begin with `prefix`: words are numbered in byte order, so they are a range.
pub fn beginning_with(terms: &Terms<'_>, prefix: &str) -> std::ops::Range<u32> {
    let prefix = prefix.as_bytes();
    let first = |beyond: &dyn Fn(&[u8]) -> bool| {
        let (mut low, mut high) = (0, terms.word_count());
        while low < high {
            let middle = low + (high - low) / 2;
            if beyond(terms.letters(middle)) { high = middle } else { low = middle + 1 }
        }
        low
    };
    let start = first(&|w| w >= prefix);
    let end = first(&|w| w > prefix && !w.starts_with(prefix));
    start..end.max(start)
}

/// How well `s` abbreviates `l`, 0 to 1; `None`: not at all. The first letters are equal and the letters of `s` stand in `l` in this order. Good abbreviations keep the consonants, or the beginning.
pub fn abbreviation(s: &[u8], l: &[u8]) -> Option<f32> {
    if s.len() < 2 || s.len() >= l.len() || s[0] != l[0] {
        return None;
    }
    let mut at = 0;
    let mut skipped_consonants = 0usize;
    let mut run = 0usize; // letters kept from the beginning
    let mut starts = 0usize; // gaps
    let mut gap = false;
    for &c in s {
        loop {
            let &d = l.get(at)?;
            at += 1;
            if d == c {
                starts += usize::from(gap);
                gap = false;
                if starts == 0 {
                    run += 1;
                }
                break;
            }
            gap = true;
            skipped_consonants += usize::from(!vowel(d));
        }
    }
    let rest = &l[at..];
    if rest.is_empty() || starts > 0 {
        // The kept letters are spread over the word: every consonant left out in between costs.
        let tail = rest.iter().filter(|c| !vowel(**c)).count();
        let inner = skipped_consonants as f32 / s.len() as f32;
        let kept = s.len() as f32 / l.len() as f32;
        return Some((0.45 + 0.5 * kept - 0.25 * inner - 0.04 * tail as f32).clamp(0.05, 0.95));
    }
    let kept = run as f32 / l.len() as f32;
    Some((0.5 + 0.45 * kept).min(0.95))
}

/// Whether two words are at most one typing error apart, a swap of neighbours being one.
pub fn within_one(a: &[u8], b: &[u8]) -> bool {
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let begin = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[begin..], &b[begin..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&a[..a.len() - end], &b[..b.len() - end]) {
        ([a, c], [b, d]) => a == d && b == c,
        (a, b) => a.len() <= 1 && b.len() <= 1,
    }
}

fn vowel(c: u8) -> bool {
    matches!(c, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}
