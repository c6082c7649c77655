//! Records that came before, and codes that a key (a patient, a claim) had before. Exact, however many: hashes of 128 bits go to temporary
//! files, parted by their first byte, and each part is sorted by itself. What came again goes the same way, parted by number of record.

use super::Error;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Parts, and files.
const PARTS: usize = 256;
/// Bytes that a part keeps in memory.
const BUFFER: usize = 1 << 13;
/// Bytes of an entry: hash, number of the record, column, and the code.
const ENTRY: usize = HEAD + CODE;
const HEAD: usize = 16 + 8 + 2;
/// Bytes of a repetition, in the order in which they are listed: number of the record, what, the first record, column, and the code.
const REPEATED: usize = 8 + 1 + 8 + 2 + CODE;
/// Bytes of a code; the longest have 18 digits (SNOMED CT). What is longer is none, and is listed without it.
const CODE: usize = 18;

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
#[derive(Clone, Debug)]
pub struct Duplicates {
    pub records: u64,
    pub pairs: u64,
    /// In order; they may be as many as the records.
    listed: Arc<Parts>,
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

impl Duplicates {
    /// Gives all of them, some at a time, by number of record.
    pub fn each(&self, take: &mut dyn FnMut(&[Repeated]) -> Result<(), Error>) -> Result<(), Error> {
        for part in 0..PARTS {
            let mut listed = self.listed.entries::<REPEATED>(part)?;
            listed.sort_unstable();
            take(&listed.iter().map(Repeated::read).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

impl Repeated {
    fn read(bytes: &[u8; REPEATED]) -> Repeated {
        let number = |at: usize| bytes[at..].first_chunk::<8>().map_or(0, |n| u64::from_be_bytes(*n));
        Repeated {
            record: number(0),
            what: if bytes[8] == 0 { Repetition::Record } else { Repetition::KeyAndCode },
            first: number(9),
            column: usize::from(u16::from_be_bytes([bytes[17], bytes[18]])),
            code: String::from_utf8_lossy(&bytes[19..]).trim_end_matches('\0').to_owned(),
        }
    }
}

/// Gathers what may come again.
pub(super) struct Gatherer {
    parts: Parts,
    last: u64,
}

impl Gatherer {
    /// Temporary files lie in `folder`, without a name: a kill leaves nothing.
    pub fn new(folder: &Path) -> Gatherer {
        Gatherer { parts: Parts::new(folder), last: 0 }
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
        self.last = self.last.max(record);
        let mut entry = [0; ENTRY];
        entry[..16].copy_from_slice(&hash.to_be_bytes());
        // One bit of the number says which it is.
        entry[16..24].copy_from_slice(&((record << 1) | repetition as u64).to_be_bytes());
        entry[24..HEAD].copy_from_slice(&(column as u16).to_be_bytes());
        entry[HEAD..HEAD + code.len()].copy_from_slice(code.as_bytes());
        self.parts.add((hash >> 120) as usize, &entry)
    }

    /// Sorts each part, and says what came again.
    pub fn finish(mut self) -> Result<Duplicates, Error> {
        let mut listed = Parts::new(&self.parts.folder);
        let (mut records, mut pairs) = (0, 0);
        for part in 0..PARTS {
            let mut entries = self.parts.entries::<ENTRY>(part)?;
            self.parts.parts[part] = Part::default();
            entries.sort_unstable();
            for same in entries.chunk_by(|a, b| a[..16] == b[..16]) {
                let number = |entry: &[u8; ENTRY]| entry[16..].first_chunk::<8>().map_or(0, |n| u64::from_be_bytes(*n));
                let first = number(&same[0]) >> 1;
                for entry in &same[1..] {
                    let (record, what) = (number(entry) >> 1, (number(entry) & 1) as u8);
                    *(if what == 0 { &mut records } else { &mut pairs }) += 1;
                    let mut repeated = [0; REPEATED];
                    repeated[..8].copy_from_slice(&record.to_be_bytes());
                    repeated[8] = what;
                    repeated[9..17].copy_from_slice(&first.to_be_bytes());
                    repeated[17..].copy_from_slice(&entry[24..]);
                    listed.add((record / (self.last / PARTS as u64 + 1)) as usize, &repeated)?;
                }
            }
        }
        Ok(Duplicates { records, pairs, listed: Arc::new(listed) })
    }
}

/// Entries of one size, parted so that a part has room in memory.
#[derive(Debug)]
struct Parts {
    folder: PathBuf,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Part {
    buffer: Vec<u8>,
    file: Option<File>,
}

impl Parts {
    fn new(folder: &Path) -> Parts {
        Parts { folder: folder.to_owned(), parts: (0..PARTS).map(|_| Part::default()).collect() }
    }

    fn add(&mut self, part: usize, entry: &[u8]) -> Result<(), Error> {
        let part = &mut self.parts[part];
        part.buffer.extend_from_slice(entry);
        if part.buffer.len() + entry.len() > BUFFER {
            let fail = |e| Error::io("write in", &self.folder, e);
            let file = match &mut part.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile_in(&self.folder).map_err(fail)?),
            };
            file.write_all(&part.buffer).map_err(fail)?;
            part.buffer.clear();
        }
        Ok(())
    }

    /// All entries of a part.
    fn entries<const SIZE: usize>(&self, part: usize) -> Result<Vec<[u8; SIZE]>, Error> {
        let part = &self.parts[part];
        let mut bytes = Vec::new();
        if let Some(mut file) = part.file.as_ref() {
            let fail = |e| Error::io("sort in", &self.folder, e);
            file.rewind().map_err(fail)?;
            file.read_to_end(&mut bytes).map_err(fail)?;
        }
        bytes.extend_from_slice(&part.buffer);
        Ok(bytes.as_chunks::<SIZE>().0.to_vec())
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
        let mut listed = Vec::new();
        found
            .each(&mut |some| {
                listed.extend_from_slice(some);
                Ok(())
            })
            .unwrap();
        assert!(listed == expected, "{} and {}", listed.len(), expected.len());
        // A second time they are the same.
        let mut again = 0;
        found
            .each(&mut |some| {
                again += some.len();
                Ok(())
            })
            .unwrap();
        assert_eq!(again, expected.len());
    }
}
