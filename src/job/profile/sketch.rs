//! Counting in bounded memory.

use super::Repeated;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Values of a column that are counted one by one.
const MOST_VALUES: usize = 20_000;
/// Hashes that stand for the distinct values of a column; the estimate is off by about one in the root of it.
const HASHES: usize = 1024;
/// Records whose hashes are kept.
const MOST_RECORDS: usize = 200_000;

/// What is known of a column's values.
#[derive(Default)]
pub(super) struct Sketch {
    pub filled: u64,
    pub blank: u64,
    /// In bytes.
    pub longest: usize,
    values: HashMap<Box<[u8]>, u64, foldhash::fast::FixedState>,
    lowest: BTreeSet<u64>,
}

impl Sketch {
    pub fn with_blanks(blank: u64) -> Sketch {
        Sketch { blank, ..Sketch::default() }
    }

    pub fn add(&mut self, value: &[u8]) {
        if value.trim_ascii().is_empty() {
            self.blank += 1;
            return;
        }
        self.filled += 1;
        self.longest = self.longest.max(value.len());
        if let Some(count) = self.values.get_mut(value) {
            *count += 1;
            return;
        }
        if self.values.len() < MOST_VALUES {
            self.values.insert(value.into(), 1);
        }
        let hash = xxhash_rust::xxh3::xxh3_64(value);
        if self.lowest.len() < HASHES || self.lowest.last().is_some_and(|l| hash < *l) {
            self.lowest.insert(hash);
            if self.lowest.len() > HASHES {
                self.lowest.pop_last();
            }
        }
    }

    /// How many distinct values there are, and whether that was counted. Else it is estimated from the lowest hashes: where the k-th
    /// lowest of evenly spread hashes stands says how many there are (Bar-Yossef et al., 2002).
    pub fn distinct(&self) -> (u64, bool) {
        if self.values.len() < MOST_VALUES {
            return (self.values.len() as u64, true);
        }
        let highest = self.lowest.last().copied().unwrap_or(u64::MAX);
        (((HASHES - 1) as f64 / (highest as f64 / u64::MAX as f64)).round() as u64, false)
    }

    /// The values that were counted, the most frequent first.
    pub fn values(&self) -> Vec<(&[u8], u64)> {
        let mut values: Vec<(&[u8], u64)> = self.values.iter().map(|(v, n)| (&**v, *n)).collect();
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        values
    }
}

/// Finds records that came before, among all or, when they are many, among those whose hashes end in so many zero bits.
#[derive(Default)]
pub(super) struct Duplicates {
    seen: HashMap<u64, u64, foldhash::fast::FixedState>,
    zeros: u32,
}

impl Duplicates {
    pub fn add(&mut self, record: &[u8]) {
        let hash = xxhash_rust::xxh3::xxh3_64(record);
        if hash.trailing_zeros() < self.zeros {
            return;
        }
        *self.seen.entry(hash).or_default() += 1;
        if self.seen.len() > MOST_RECORDS {
            self.zeros += 1;
            let zeros = self.zeros;
            self.seen.retain(|hash, _| hash.trailing_zeros() >= zeros);
        }
    }

    pub fn found(&self) -> Repeated {
        let repeated: u64 = self.seen.values().map(|n| n - 1).sum();
        Repeated { records: repeated << self.zeros, exact: self.zeros == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated() {
        let mut sketch = Sketch::default();
        let mut duplicates = Duplicates::default();
        for i in 0..1_000_000u32 {
            let value = (i % 500_000).to_string();
            sketch.add(value.as_bytes());
            duplicates.add(value.as_bytes());
            if i == 9_999 {
                assert_eq!(sketch.distinct(), (10_000, true));
                assert_eq!(duplicates.found(), Repeated { records: 0, exact: true });
            }
        }
        let (distinct, exact) = sketch.distinct();
        assert!(!exact && (450_000..550_000).contains(&distinct), "{distinct}");
        let repeated = duplicates.found();
        assert!(!repeated.exact && (480_000..520_000).contains(&repeated.records), "{repeated:?}");
    }

    #[test]
    fn blanks_are_no_values() {
        let mut sketch = Sketch::with_blanks(3);
        ["a", "", " ", "a", "b "].iter().for_each(|v| sketch.add(v.as_bytes()));
        assert_eq!((sketch.filled, sketch.blank, sketch.distinct()), (3, 5, (2, true)));
        assert_eq!(sketch.values()[0], (&b"a"[..], 2));
    }
}
