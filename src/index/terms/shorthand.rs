//! Shorthand: abbreviations that the loaded releases themselves use, learnt from pairs of long and short titles, for all systems together.

use std::collections::BTreeMap;

use super::{Error, u32_at};

const MAGIC: &[u8; 8] = b"xwshort1";

/// Counts which word stood for which, and writes the blob.
#[derive(Default)]
pub struct ShorthandWriter {
    counts: BTreeMap<String, BTreeMap<String, u32>>,
}

impl ShorthandWriter {
    pub fn new() -> ShorthandWriter {
        ShorthandWriter::default()
    }

    /// `short` was seen for `long` (one word, or several with blanks between).
    pub fn push(&mut self, short: &str, long: &str) {
        self.push_times(short, long, 1);
    }

    pub fn push_times(&mut self, short: &str, long: &str, times: u32) {
        let Some(longs) = self.counts.get_mut(short) else {
            self.counts.insert(short.to_owned(), BTreeMap::from([(long.to_owned(), times)]));
            return;
        };
        match longs.get_mut(long) {
            Some(count) => *count = count.saturating_add(times),
            None => {
                longs.insert(long.to_owned(), times);
            }
        }
    }

    /// Adds what another writer has counted.
    pub fn merge(&mut self, other: ShorthandWriter) {
        for (short, longs) in other.counts {
            for (long, count) in longs {
                self.push_times(&short, &long, count);
            }
        }
    }

    /// At most `most` meanings of each abbreviation, the commonest first; meanings that hold less than a hundredth are dropped.
    pub fn finish(self, most: usize) -> Result<Vec<u8>, Error> {
        let mut map = fst::MapBuilder::memory();
        let mut data = Vec::new();
        for (short, longs) in self.counts {
            let total: u64 = longs.values().map(|c| u64::from(*c)).sum();
            let mut longs: Vec<_> = longs.into_iter().filter(|(_, c)| u64::from(*c) * 100 >= total).collect();
            longs.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            longs.truncate(most);
            map.insert(&short, data.len() as u64)?;
            data.extend_from_slice(&u32::try_from(total).unwrap_or(u32::MAX).to_le_bytes());
            data.push(longs.len().min(255) as u8);
            for (long, count) in longs.iter().take(255) {
                data.extend_from_slice(&count.to_le_bytes());
                data.push(long.len().min(255) as u8);
                data.extend_from_slice(&long.as_bytes()[..long.len().min(255)]);
            }
        }
        let map = map.into_inner()?;
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&(map.len() as u64).to_le_bytes());
        out.extend_from_slice(&map);
        out.extend_from_slice(&data);
        Ok(out)
    }
}

/// The learnt abbreviations.
pub struct Shorthand<'a> {
    map: fst::Map<&'a [u8]>,
    data: &'a [u8],
}

impl<'a> Shorthand<'a> {
    pub fn open(blob: &'a [u8]) -> Result<Shorthand<'a>, Error> {
        let damaged = || Error::Damaged("abbreviations");
        if blob.get(..8) != Some(MAGIC) || blob.len() < 16 {
            return Err(damaged());
        }
        let length = usize::try_from(super::u64_at(&blob[8..], 0)).map_err(|_| damaged())?;
        let end = length.checked_add(16).ok_or_else(damaged)?;
        let map = blob.get(16..end).ok_or_else(damaged)?;
        Ok(Shorthand { map: fst::Map::new(map)?, data: &blob[end..] })
    }

    pub fn map(&self) -> &fst::Map<&'a [u8]> {
        &self.map
    }

    /// Every abbreviation, in order.
    pub fn abbreviations(&self) -> Vec<String> {
        self.map.stream().into_str_keys().unwrap_or_default()
    }

    /// What an abbreviation was seen for, commonest first, with the share of its uses.
    pub fn meanings(&self, short: &str) -> impl Iterator<Item = (&'a str, f32)> + use<'a> {
        let record = self.map.get(short).and_then(|at| self.data.get(usize::try_from(at).ok()?..)).unwrap_or(&[]);
        let total = u32_at(record, 0).max(1) as f32;
        let mut left = record.get(4).copied().unwrap_or(0);
        let mut rest = record.get(5..).unwrap_or(&[]);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let count = u32_at(rest, 0);
            let length = usize::from(*rest.get(4)?);
            let long = std::str::from_utf8(rest.get(5..5 + length)?).ok()?;
            rest = &rest[5 + length..];
            Some((long, count as f32 / total))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_by_share() {
        let mut writer = ShorthandWriter::new();
        for (short, long) in [("fem", "femur"), ("fem", "female"), ("fem", "femur"), ("dm", "diabetes mellitus"), ("fem", "femur")] {
            writer.push(short, long);
        }
        let blob = writer.finish(8).unwrap();
        let shorthand = Shorthand::open(&blob).unwrap();
        assert_eq!(shorthand.meanings("fem").collect::<Vec<_>>(), [("femur", 0.75), ("female", 0.25)]);
        assert_eq!(shorthand.meanings("dm").collect::<Vec<_>>(), [("diabetes mellitus", 1.0)]);
        assert_eq!(shorthand.meanings("xx").count(), 0);
        for cut in 0..blob.len() {
            if let Ok(part) = Shorthand::open(&blob[..cut]) {
                let _ = part.meanings("fem").count();
            }
        }
    }
}
