//! From what stands in a cell to its answer, a few nanoseconds a look.
//!
//! Answers stand in the order in which they were first asked for; codes follow Zipf, so those that come often stand close together and
//! stay in the nearest cache. Only numbers of them lie scattered in a hash table. What counts is how many bytes a row touches that are
//! not in a near cache: an answer is half a cache line with its key, and mostly the code that it is, since what stands behind the code is
//! the same for many.

use std::num::NonZeroU32;

/// Bytes of the longest key that is kept here.
const MOST: usize = 15;
/// Slots at the beginning; twice as many whenever three quarters are taken.
const SLOTS: usize = 1 << 10;

/// Answers that are kept: as many as a slot can number.
pub(super) const MOST_ANSWERS: usize = u16::MAX as usize;

/// Bytes of a value that is kept with its answer.
pub(super) const HEAD: usize = 8;

/// What every record needs of an answer: its bytes, `head[..size]` and then those with the number `tail`, and how it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Given {
    pub head: [u8; HEAD],
    pub tail: u16,
    /// More than there can be: the tail is all.
    pub size: u8,
    /// Outcome, and flags in the upper half.
    bits: u8,
}

impl Given {
    pub fn new(head: Option<&[u8]>, tail: u16) -> Given {
        let mut given = Given { head: [0; HEAD], tail, size: u8::MAX, bits: 0 };
        if let Some(head) = head {
            given.head[..head.len()].copy_from_slice(head);
            given.size = head.len() as u8;
        }
        given
    }

    pub fn counting(self, outcome: u8, flags: u8) -> Given {
        Given { bits: outcome | flags << 4, ..self }
    }
    pub fn outcome(self) -> u8 {
        self.bits & 0xf
    }
    pub fn flags(self) -> u8 {
        self.bits >> 4
    }
}

/// An answer that was found. It is stored as two words and read again at once: the head has one for itself, or the read would have to wait
/// for both to be written.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Hit {
    pub given: Given,
    /// Its number, from 1.
    place: NonZeroU32,
}

impl Hit {
    /// Its number.
    pub fn answer(self) -> u32 {
        self.place.get() - 1
    }
}

/// The answers by number, and the short keys that lead to them.
pub(super) struct Memo {
    slots: Vec<Slot>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// The uppermost bits of the key's hash.
    tag: u16,
    /// The number of the entry, from 1; 0: nothing here.
    entry: u16,
}

/// What is known of a key half-way to its answer.
#[derive(Clone, Copy, Default)]
pub(super) struct Looked {
    low: u64,
    /// 0: the key is too long.
    high: u64,
    hash: u64,
    /// What stands at the first place where it may be, once that was [probed](Memo::probe).
    slot: Slot,
}

/// Half a cache line.
#[derive(Clone, Copy)]
struct Entry {
    /// Both 0: its key is kept elsewhere.
    low: u64,
    high: u64,
    given: Given,
    count: u32,
}

impl Memo {
    pub fn new() -> Memo {
        Memo { slots: vec![Slot::default(); SLOTS], entries: Vec::new() }
    }

    /// The number of answers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Looks where the answers to some keys may be. What stands there is not looked at before all are asked for: so that the waits for
    /// memory overlap.
    #[inline]
    pub fn probe(&self, keys: &mut [Looked]) {
        for key in keys {
            key.slot = self.slots[key.hash as usize & (self.slots.len() - 1)];
        }
    }

    /// The answer to a key that was probed, if it is there; it counts as given.
    #[inline]
    pub fn take(&mut self, looked: Looked) -> Option<Hit> {
        let Looked { low, high, hash, mut slot } = looked;
        let (mut at, tag) = (hash as usize, (hash >> 48) as u16);
        loop {
            let place = NonZeroU32::new(u32::from(slot.entry))?;
            if slot.tag == tag
                && let Some(entry) = self.entries.get_mut(place.get() as usize - 1).filter(|e| e.low == low && e.high == high)
            {
                entry.count += 1;
                return Some(Hit { given: entry.given, place });
            }
            at += 1;
            slot = self.slots[at & (self.slots.len() - 1)];
        }
    }

    /// An answer by its number; it counts as given.
    pub fn give(&mut self, answer: u32) -> Hit {
        let entry = &mut self.entries[answer as usize];
        entry.count += 1;
        Hit { given: entry.given, place: NonZeroU32::MIN.saturating_add(answer) }
    }

    /// Adds the answer to a key that is not found, and says its number. `false`: it will not be found by its key, which is too long.
    pub fn add(&mut self, data: &[u8], given: Given) -> (u32, bool) {
        let key = key(data, 0, data.len());
        let kept = key.is_some();
        let (low, high) = key.unwrap_or_default();
        self.entries.push(Entry { low, high, given, count: 0 });
        if kept {
            if self.entries.len() * 4 > self.slots.len() * 3 {
                self.slots = vec![Slot::default(); self.slots.len() * 2];
                (1..self.entries.len()).for_each(|entry| self.place(entry));
            }
            self.place(self.entries.len());
        }
        (self.entries.len() as u32 - 1, kept)
    }

    fn place(&mut self, entry: usize) {
        let Entry { low, high, .. } = self.entries[entry - 1];
        if high == 0 {
            return;
        }
        let hash = hash(low, high);
        let mut at = hash as usize & (self.slots.len() - 1);
        while self.slots[at].entry != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { tag: (hash >> 48) as u16, entry: entry as u16 };
    }

    /// How often each answer was given since the last call, in the order of their numbers.
    pub fn take_counts(&mut self) -> impl Iterator<Item = u64> {
        self.entries.iter_mut().map(|e| u64::from(std::mem::take(&mut e.count)))
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.slots.fill(Slot::default());
    }
}

impl Looked {
    /// A key, as the `length` bytes at `start`.
    #[inline]
    pub fn new(data: &[u8], start: usize, length: usize) -> Looked {
        let Some((low, high)) = key(data, start, length) else { return Looked::default() };
        Looked { low, high, hash: hash(low, high), slot: Slot::default() }
    }
}

/// A key of at most 15 bytes as two words: the bytes, zeros, and one more than their number as the last byte. `None`: longer.
#[inline]
fn key(data: &[u8], start: usize, length: usize) -> Option<(u64, u64)> {
    const LOW: [u64; MOST + 1] = masks(0);
    const HIGH: [u64; MOST + 1] = masks(8);
    if length > MOST {
        return None;
    }
    let mut cut = [0; 16];
    let window = match data.get(start..).and_then(<[u8]>::first_chunk::<16>) {
        Some(window) => window,
        None => {
            cut[..length].copy_from_slice(&data[start..start + length]);
            &cut
        }
    };
    let words = u128::from_le_bytes(*window);
    Some((words as u64 & LOW[length], (words >> 64) as u64 & HIGH[length] | (length as u64 + 1) << 56))
}

/// Masks for as many bytes from there.
const fn masks(from: usize) -> [u64; MOST + 1] {
    let mut masks = [0; MOST + 1];
    let mut length = 0usize;
    while length <= MOST {
        let bytes = length.saturating_sub(from);
        masks[length] = if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 };
        length += 1;
    }
    masks
}

#[inline]
fn hash(low: u64, high: u64) -> u64 {
    let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xe703_7ed1_a0b4_28db);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn keys_are_words() {
        let data = b"250.00,401.9,abcdefghijklmnop";
        for start in 0..data.len() {
            for length in 0..=MOST.min(data.len() - start) {
                let mut padded = data[start..start + length].to_vec();
                padded.resize(16, 0);
                padded[15] = length as u8 + 1;
                let word = u128::from_le_bytes(padded.try_into().unwrap());
                assert_eq!(key(data, start, length), Some((word as u64, (word >> 64) as u64)), "{start} {length}");
            }
        }
        assert_ne!(key(b"a\0", 0, 2), key(b"a", 0, 1));
        assert_eq!(key(b"abcdefghijklmnop", 0, 16), None);
    }

    /// Keys of one place and one tag are told apart, wherever growing puts them.
    #[test]
    fn keys_that_look_alike_have_their_own_answers() {
        let mut alike: HashMap<(u64, u64), Vec<String>> = HashMap::new();
        for n in 0..100_000 {
            let code = n.to_string();
            let (low, high) = key(code.as_bytes(), 0, code.len()).unwrap();
            let hash = hash(low, high);
            alike.entry((hash >> 48, hash % SLOTS as u64)).or_default().push(code);
        }
        let alike: Vec<&String> = alike.values().filter(|codes| codes.len() > 1).flatten().collect();
        assert!(alike.len() > 20, "{}", alike.len());
        let mut memo = Memo::new();
        let take = |memo: &mut Memo, code: &str| {
            let mut looked = Looked::new(code.as_bytes(), 0, code.len());
            memo.probe(std::slice::from_mut(&mut looked));
            memo.take(looked)
        };
        let others: Vec<String> = (0..SLOTS).map(|n| format!("x{n}")).collect();
        for code in alike.iter().copied().chain(&others) {
            assert!(take(&mut memo, code).is_none(), "{code}");
            assert!(memo.add(code.as_bytes(), Given::default()).1);
        }
        for (number, code) in alike.iter().copied().chain(&others).enumerate() {
            assert_eq!(take(&mut memo, code).map(|hit| hit.answer() as usize), Some(number), "{code}");
        }
    }

    proptest! {
        #[test]
        fn it_answers_as_a_map_does(keys in prop::collection::vec("[ab\\x00\\.]{0,18}", 0..3000)) {
            let mut memo = Memo::new();
            let mut map: HashMap<&str, (u32, u64)> = HashMap::new();
            for key in &keys {
                let mut looked = Looked::new(key.as_bytes(), 0, key.len());
                memo.probe(std::slice::from_mut(&mut looked));
                let found = memo.take(looked).map(|hit| (hit.answer(), hit.given.tail));
                match map.get_mut(&**key) {
                    Some((number, count)) => {
                        if let Some(found) = found {
                            prop_assert_eq!(found, (*number, *number as u16 * 7));
                        } else {
                            prop_assert!(key.len() > MOST);
                            memo.give(*number);
                        }
                        *count += 1;
                    }
                    None => {
                        prop_assert_eq!(found, None);
                        let tail = map.len() as u16 * 7;
                        let (number, kept) = memo.add(key.as_bytes(), Given { tail, ..Given::default() });
                        prop_assert_eq!(kept, key.len() <= MOST);
                        map.insert(key, (number, 0));
                    }
                }
            }
            prop_assert_eq!(memo.len(), map.len());
            let counts: Vec<u64> = memo.take_counts().collect();
            for (number, count) in map.into_values() {
                prop_assert_eq!(counts[number as usize], count);
            }
            prop_assert!(memo.take_counts().all(|c| c == 0));
        }
    }
}
