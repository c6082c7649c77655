//! Counting in bounded memory.

use super::Repeated;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// Values of a column that are counted one by one: the first that come; what is frequent is mostly among them.
const FIRST_VALUES: usize = 10_000;
/// Of the values beyond, those with the lowest hashes are counted: a sample that does not depend on where in the file they stand.
const DRAWN_VALUES: usize = 10_000;
/// Records whose hashes are kept.
const MOST_RECORDS: usize = 200_000;

/// What is known of a column's values.
#[derive(Default)]
pub(super) struct Sketch {
    pub filled: u64,
    pub blank: u64,
    /// Of the filled ones: values that have no text, which are not looked at.
    pub textless: u64,
    /// In bytes.
    pub longest: usize,
    first: HashMap<Box<[u8]>, u64, foldhash::fast::FixedState>,
    /// By hash. Whatever is in it at the end was in it from its first row on, so that its rows are all counted.
    drawn: BTreeMap<u64, (Box<[u8]>, u64)>,
    /// Rows of the values that are not among the first.
    beyond: u64,
    /// Whether some values are not counted.
    more: bool,
}

impl Sketch {
    pub fn with_blanks(blank: u64) -> Sketch {
        Sketch { blank, ..Sketch::default() }
    }

    pub fn add_textless(&mut self) {
        self.filled += 1;
        self.textless += 1;
    }

    pub fn add(&mut self, value: &[u8]) {
        if value.trim_ascii().is_empty() {
            self.blank += 1;
            return;
        }
        self.filled += 1;
        self.longest = self.longest.max(value.len());
        if let Some(count) = self.first.get_mut(value) {
            *count += 1;
            return;
        }
        if self.first.len() < FIRST_VALUES {
            self.first.insert(value.into(), 1);
            return;
        }
        self.beyond += 1;
        let hash = xxh3_64(value);
        if self.drawn.len() == DRAWN_VALUES && self.drawn.last_key_value().is_some_and(|(last, _)| hash > *last) {
            self.more = true;
            return;
        }
        self.drawn.entry(hash).or_insert_with(|| (value.into(), 0)).1 += 1;
        if self.drawn.len() > DRAWN_VALUES {
            self.drawn.pop_last();
            self.more = true;
        }
    }

    /// How many distinct values there are, and whether that was counted. Else it is estimated from the lowest hashes: where the k-th
    /// lowest of evenly spread hashes stands says how many there are (Bar-Yossef et al., 2002).
    pub fn distinct(&self) -> (u64, bool) {
        if !self.more {
            return ((self.first.len() + self.drawn.len()) as u64, true);
        }
        let highest = self.drawn.last_key_value().map_or(u64::MAX, |(hash, _)| *hash);
        let beyond = (DRAWN_VALUES - 1) as f64 / (highest as f64 / u64::MAX as f64);
        // There are not more than rows.
        (self.first.len() as u64 + (beyond.round() as u64).min(self.beyond), false)
    }

    /// The values that were counted, the most frequent first, with their rows; where there are more, the rows of those that were drawn
    /// stand for all rows beyond the first values.
    pub fn values(&self) -> Vec<(&[u8], u64)> {
        let drawn: u64 = self.drawn.values().map(|(_, n)| n).sum();
        let stands_for = self.beyond as f64 / drawn.max(1) as f64;
        let mut values: Vec<(&[u8], u64)> = self.first.iter().map(|(v, n)| (&**v, *n)).collect();
        values.extend(self.drawn.values().map(|(v, n)| (&**v, (*n as f64 * stands_for).round() as u64)));
        // Among equals no order that means something, as that of their bytes would.
        values.sort_by_cached_key(|(value, rows)| (std::cmp::Reverse(*rows), xxh3_64(value)));
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
        // Not more than there are rows, however high the estimate.
        let mut once = Sketch::default();
        (0..60_000u32).for_each(|i| once.add(i.to_string().as_bytes()));
        assert!(once.distinct().0 <= 60_000, "{:?}", once.distinct());
        let (distinct, exact) = sketch.distinct();
        assert!(!exact && (450_000..550_000).contains(&distinct), "{distinct}");
        let repeated = duplicates.found();
        assert!(!repeated.exact && (480_000..520_000).contains(&repeated.records), "{repeated:?}");
    }

    /// Half of the rows have a value of their own each, in the order of their bytes.
    #[test]
    fn what_is_drawn_stands_for_all() {
        let mut sketch = Sketch::default();
        for i in 0..100_000u32 {
            sketch.add(format!("a{i:06}").as_bytes());
            sketch.add(format!("z{}", i % 10).as_bytes());
        }
        let rows = |from: &[u8]| sketch.values().iter().filter(|(value, _)| *value >= from).map(|(_, rows)| rows).sum::<u64>();
        assert_eq!(rows(b"z"), 100_000);
        let (all, last) = (rows(b""), rows(b"a090000") - rows(b"z"));
        assert!((199_000..=201_000).contains(&all) && (9_000..11_000).contains(&last), "{all} {last}");
    }

    #[test]
    fn blanks_are_no_values() {
        let mut sketch = Sketch::with_blanks(3);
        ["a", "", " ", "a", "b "].iter().for_each(|v| sketch.add(v.as_bytes()));
        assert_eq!((sketch.filled, sketch.blank, sketch.distinct()), (3, 5, (2, true)));
        assert_eq!(sketch.values()[0], (&b"a"[..], 2));
    }
}
