//! Records that came before, and codes that a key (a patient, a claim) had before. Exact, however many: hashes of 128 bits go to temporary
//! files, parted by their first byte, and each part is sorted by itself.

use super::Error;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Parts, and files.
const PARTS: usize = 256;
/// Bytes that a part keeps in memory.
const BUFFER: usize = 1 << 13;
/// Bytes of an entry: hash and number of the record.
const ENTRY: usize = 24;
/// Repetitions that are listed one by one.
const LISTED: usize = 100_000;

/// What came again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repetition {
    /// A record, byte by byte.
    Record,
    /// A code under the same key.
    KeyAndCode,
}

impl Repetition {
    pub fn code(self) -> &'static str {
        match self {
            Repetition::Record => "record",
            Repetition::KeyAndCode => "key-and-code",
        }
    }
}

/// What was found. Records are counted from 1, rejected ones included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplicates {
    pub records: u64,
    pub pairs: u64,
    /// The first of them: the record, what it repeats, and where that was first.
    pub listed: Vec<(u64, Repetition, u64)>,
}

/// Gathers what may come again.
pub(super) struct Gatherer {
    folder: PathBuf,
    parts: Vec<Part>,
}

#[derive(Default)]
struct Part {
    buffer: Vec<u8>,
    file: Option<File>,
}

impl Gatherer {
    /// Temporary files lie in `folder`, without a name: a kill leaves nothing.
    pub fn new(folder: &Path) -> Gatherer {
        Gatherer { folder: folder.to_owned(), parts: (0..PARTS).map(|_| Part::default()).collect() }
    }

    /// `what` is the record, or key and code.
    pub fn add(&mut self, repetition: Repetition, what: &[u8], record: u64) -> Result<(), Error> {
        let hash = xxhash_rust::xxh3::xxh3_128_with_seed(what, repetition as u64);
        let part = &mut self.parts[(hash >> 120) as usize];
        // One bit of the number says which it is.
        part.buffer.extend_from_slice(&hash.to_be_bytes());
        part.buffer.extend_from_slice(&((record << 1) | repetition as u64).to_be_bytes());
        if part.buffer.len() + ENTRY > BUFFER {
            part.flush(&self.folder)?;
        }
        Ok(())
    }

    /// Sorts each part, and says what came again.
    pub fn finish(mut self) -> Result<Duplicates, Error> {
        let mut found = Duplicates::default();
        let fail = |e| Error::io("sort in", &self.folder, e);
        for part in &mut self.parts {
            let mut bytes = std::mem::take(&mut part.buffer);
            if let Some(mut file) = part.file.take() {
                file.rewind().map_err(fail)?;
                file.read_to_end(&mut bytes).map_err(fail)?;
            }
            let mut entries: Vec<[u8; ENTRY]> = bytes.as_chunks::<ENTRY>().0.to_vec();
            drop(bytes);
            entries.sort_unstable();
            for same in entries.chunk_by(|a, b| a[..16] == b[..16]) {
                let number = |entry: &[u8; ENTRY]| entry.last_chunk::<8>().map_or(0, |n| u64::from_be_bytes(*n));
                let first = number(&same[0]);
                for entry in &same[1..] {
                    let repetition = if number(entry) & 1 == 0 { Repetition::Record } else { Repetition::KeyAndCode };
                    match repetition {
                        Repetition::Record => found.records += 1,
                        Repetition::KeyAndCode => found.pairs += 1,
                    }
                    found.listed.push((number(entry) >> 1, repetition, first >> 1));
                }
            }
            if found.listed.len() > 2 * LISTED {
                found.cut();
            }
        }
        found.cut();
        Ok(found)
    }
}

impl Duplicates {
    fn cut(&mut self) {
        self.listed.sort_unstable();
        self.listed.truncate(LISTED);
    }
}

impl Part {
    fn flush(&mut self, folder: &Path) -> Result<(), Error> {
        let fail = |e| Error::io("write in", folder, e);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(folder).map_err(fail)?),
        };
        file.write_all(&self.buffer).map_err(fail)?;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_set_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut gatherer = Gatherer::new(folder.path());
        let (mut seen, mut expected) = (std::collections::HashMap::new(), Vec::new());
        for record in 1..=200_000u64 {
            let what = (record.wrapping_mul(record) % 150_001).to_string();
            gatherer.add(Repetition::Record, what.as_bytes(), record).unwrap();
            match seen.get(&what) {
                Some(first) => expected.push((record, Repetition::Record, *first)),
                None => drop(seen.insert(what, record)),
            }
            if record % 50_000 == 0 {
                gatherer.add(Repetition::KeyAndCode, b"p1 250.00", record).unwrap();
            }
        }
        let pairs = [100_000, 150_000, 200_000].map(|r| (r, Repetition::KeyAndCode, 50_000));
        let records = expected.len() as u64;
        expected.extend(pairs);
        expected.sort();
        let found = gatherer.finish().unwrap();
        assert_eq!((found.records, found.pairs), (records, 3));
        assert_eq!(found.listed, expected[..LISTED.min(expected.len())]);
    }
}
