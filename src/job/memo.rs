//! From what stands in a cell to its answer, a few nanoseconds a look.
//!
//! Answers stand in the order in which they were first asked for; codes follow Zipf, so those that come often stand close together and
//! stay in the nearest cache. Only numbers of them lie scattered in a hash table.

/// Slots at the beginning; twice as many whenever three quarters are taken.
const SLOTS: usize = 1 << 10;

/// What every record needs of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Given {
    /// Where the ready-made bytes are.
    pub start: u32,
    pub size: u32,
    pub outcome: u8,
    pub flags: u8,
}

/// An answer that was found.
#[derive(Clone, Copy, Default)]
pub(super) struct Hit {
    /// Its number.
    pub answer: u32,
    pub given: Given,
}

/// The answers by number, and the short keys that lead to them.
pub(super) struct Memo {
    slots: Vec<Slot>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// The upper half of the key's hash.
    tag: u32,
    /// The number of the entry, from 1; 0: nothing here.
    entry: u32,
}

/// Where a key is in some text.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub start: u32,
    pub length: u32,
}

/// What is known of a key half-way to its answer.
#[derive(Clone, Copy, Default)]
pub(super) struct Looked {
    low: u64,
    high: u64,
    entry: u32,
}

/// Half a cache line.
#[derive(Clone, Copy)]
struct Entry {
    /// Both 0: it has a long key, which is kept elsewhere.
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

    /// The answer to a short key; it counts as given.
    #[inline]
    pub fn find(&mut self, data: &[u8], start: usize, length: usize) -> Option<Hit> {
        let (low, high) = key(data, start, length)?;
        let hash = hash(low, high);
        let mut at = hash as usize;
        loop {
            at &= self.slots.len() - 1;
            let Slot { tag, entry } = self.slots[at];
            let answer = entry.checked_sub(1)?;
            if tag == (hash >> 32) as u32 {
                let entry = &mut self.entries[answer as usize];
                if entry.low == low && entry.high == high {
                    entry.count += 1;
                    return Some(Hit { answer, given: entry.given });
                }
            }
            at += 1;
        }
    }

    /// [`find`](Memo::find) for many keys: first all looks at the slots, then all at the entries, so that the waits for memory overlap.
    #[inline]
    pub fn find_all(
        &mut self,
        data: &[u8],
        keys: impl Iterator<Item = Place>,
        looked: &mut Vec<Looked>,
        mut found: impl FnMut(Option<Hit>),
    ) {
        looked.clear();
        let mask = self.slots.len() - 1;
        looked.extend(keys.map(|Place { start, length }| {
            let Some((low, high)) = key(data, start as usize, length as usize) else { return Looked::default() };
            let hash = hash(low, high);
            let mut at = hash as usize;
            let entry = loop {
                let Slot { tag, entry } = self.slots[at & mask];
                if entry == 0 || tag == (hash >> 32) as u32 {
                    break entry;
                }
                at += 1;
            };
            Looked { low, high, entry }
        }));
        for &Looked { low, high, entry } in &*looked {
            // Two keys with one tag are as rare as they are left to the slow way.
            let same = self.entries.get_mut((entry as usize).wrapping_sub(1)).filter(|e| e.low == low && e.high == high);
            found(same.map(|e| {
                e.count += 1;
                Hit { answer: entry - 1, given: e.given }
            }));
        }
    }

    /// An answer by its number; it counts as given.
    pub fn give(&mut self, answer: u32) -> Hit {
        let entry = &mut self.entries[answer as usize];
        entry.count += 1;
        Hit { answer, given: entry.given }
    }

    /// Adds the answer to a key that [`find`](Memo::find) does not find, and says its number. `false`: the key is too long, and is not
    /// kept here.
    pub fn add(&mut self, data: &[u8], given: Given) -> (u32, bool) {
        let key = key(data, 0, data.len());
        let (low, high) = key.unwrap_or_default();
        self.entries.push(Entry { low, high, given, count: 0 });
        if key.is_some() {
            if self.entries.len() * 4 > self.slots.len() * 3 {
                self.slots = vec![Slot::default(); self.slots.len() * 2];
                (1..self.entries.len()).for_each(|entry| self.place(entry));
            }
            self.place(self.entries.len());
        }
        (self.entries.len() as u32 - 1, key.is_some())
    }

    fn place(&mut self, entry: usize) {
        let Entry { low, high, .. } = self.entries[entry - 1];
        if low | high == 0 {
            return;
        }
        let hash = hash(low, high);
        let mut at = hash as usize & (self.slots.len() - 1);
        while self.slots[at].entry != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { tag: (hash >> 32) as u32, entry: entry as u32 };
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

/// A key of at most 16 bytes as two words, zero behind its end. `None`: longer, or its end would not be seen.
#[inline]
fn key(data: &[u8], start: usize, length: usize) -> Option<(u64, u64)> {
    const LOW: [u64; 17] = masks(0);
    const HIGH: [u64; 17] = masks(8);
    if length > 16 || length == 0 || data[start + length - 1] == 0 {
        return None;
    }
    if let Some(window) = data.get(start..start + 16)
        && let (Ok(low), Ok(high)) = (window[..8].try_into(), window[8..].try_into())
    {
        return Some((u64::from_le_bytes(low) & LOW[length], u64::from_le_bytes(high) & HIGH[length]));
    }
    let mut window = [0; 16];
    window[..length].copy_from_slice(&data[start..start + length]);
    let word = u128::from_le_bytes(window);
    Some((word as u64, (word >> 64) as u64))
}

const fn masks(from: usize) -> [u64; 17] {
    let mut masks = [0; 17];
    let mut length = 0usize;
    while length <= 16 {
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
            for length in 1..=16.min(data.len() - start) {
                let mut padded = data[start..start + length].to_vec();
                padded.resize(16, 0);
                let word = u128::from_le_bytes(padded.try_into().unwrap());
                assert_eq!(key(data, start, length), Some((word as u64, (word >> 64) as u64)), "{start} {length}");
            }
        }
        assert_eq!(key(b"a\0", 0, 2), None);
        assert_eq!(key(b"abcdefghijklmnopq", 0, 17), None);
    }

    proptest! {
        #[test]
        fn it_answers_as_a_map_does(keys in prop::collection::vec("[ab\\x00\\.]{1,18}", 0..3000)) {
            let mut memo = Memo::new();
            let mut map: HashMap<&str, (u32, u64)> = HashMap::new();
            for key in &keys {
                let found = memo.find(key.as_bytes(), 0, key.len()).map(|hit| (hit.answer, hit.given.start));
                match map.get_mut(&**key) {
                    Some((number, count)) => {
                        if let Some(found) = found {
                            prop_assert_eq!(found, (*number, *number * 7));
                        } else {
                            prop_assert!(key.len() > 16 || key.ends_with('\0'));
                            memo.give(*number);
                        }
                        *count += 1;
                    }
                    None => {
                        prop_assert_eq!(found, None);
                        let start = map.len() as u32 * 7;
                        let (number, kept) = memo.add(key.as_bytes(), Given { start, ..Given::default() });
                        prop_assert_eq!(kept, key.len() <= 16 && !key.ends_with('\0'));
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
