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
/// Bytes of an entry: hash, number of the record, column, and the code.
const ENTRY: usize = HEAD + CODE;
const HEAD: usize = 16 + 8 + 2;
/// Bytes of a code; the longest have 18 digits (SNOMED CT). What is longer is none, and is listed without it.
const CODE: usize = 18;
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
    /// The first of them.
    pub listed: Vec<Repeated>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repeated {
    pub record: u64,
    pub what: Repetition,
    /// Where it was first.
    pub first: u64,
    /// Of a code: in which of the code columns it stands, and as what; empty if that is too long for a code.
    pub column: usize,
    pub code: String,
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

    pub fn add_record(&mut self, bytes: &[u8], record: u64) -> Result<(), Error> {
        self.add(Repetition::Record, bytes, record, 0, "")
    }

    /// `what` is key, system and code.
    pub fn add_code(&mut self, what: &[u8], record: u64, column: usize, code: &str) -> Result<(), Error> {
        self.add(Repetition::KeyAndCode, what, record, column, if code.len() <= CODE { code } else { "" })
    }

    fn add(&mut self, repetition: Repetition, what: &[u8], record: u64, column: usize, code: &str) -> Result<(), Error> {
        let hash = xxhash_rust::xxh3::xxh3_128_with_seed(what, repetition as u64);
        let part = &mut self.parts[(hash >> 120) as usize];
        // One bit of the number says which it is.
        part.buffer.extend_from_slice(&hash.to_be_bytes());
        part.buffer.extend_from_slice(&((record << 1) | repetition as u64).to_be_bytes());
        part.buffer.extend_from_slice(&(column as u16).to_be_bytes());
        part.buffer.extend_from_slice(code.as_bytes());
        part.buffer.resize(part.buffer.len() + CODE - code.len(), 0);
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
                let number = |entry: &[u8; ENTRY]| entry[16..].first_chunk::<8>().map_or(0, |n| u64::from_be_bytes(*n));
                let first = number(&same[0]);
                for entry in &same[1..] {
                    let repetition = if number(entry) & 1 == 0 { Repetition::Record } else { Repetition::KeyAndCode };
                    match repetition {
                        Repetition::Record => found.records += 1,
                        Repetition::KeyAndCode => found.pairs += 1,
                    }
                    found.listed.push(Repeated {
                        record: number(entry) >> 1,
                        what: repetition,
                        first: first >> 1,
                        column: usize::from(u16::from_be_bytes([entry[24], entry[25]])),
                        code: String::from_utf8_lossy(&entry[HEAD..]).trim_end_matches('\0').to_owned(),
                    });
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
            gatherer.add_record(what.as_bytes(), record).unwrap();
            match seen.get(&what) {
                Some(&first) => expected.push(Repeated { record, what: Repetition::Record, first, column: 0, code: String::new() }),
                None => drop(seen.insert(what, record)),
            }
            if record % 50_000 == 0 {
                gatherer.add_code(b"p1 250.00", record, 300, "250.00").unwrap();
            }
        }
        let what = Repetition::KeyAndCode;
        let pairs = [100_000, 150_000, 200_000].map(|record| Repeated { record, what, first: 50_000, column: 300, code: "250.00".into() });
        let records = expected.len() as u64;
        expected.extend(pairs);
        expected.sort();
        let found = gatherer.finish().unwrap();
        assert_eq!((found.records, found.pairs), (records, 3));
        assert_eq!(found.listed, expected[..LISTED.min(expected.len())]);
    }
}
