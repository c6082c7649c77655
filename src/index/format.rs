//! The bytes of an index file: the one room that knows an offset.
//!
//! ```text
//! header (96 bytes)   magic, format version, normaliser version, length of the file, where the table of contents is and its
//!                     checksum, fingerprint, checksum of the header
//! sections            each begins at a multiple of 64, a line of the processor's cache; zeros between
//! table of contents   one entry a section: kind, owner (the n-th system or map), offset, length, XXH3 checksum
//! ```
//! Numbers are little-endian. The fingerprint is BLAKE3 over all that follows the header, so it covers the gaps too.

use super::Error;
use crate::model::Status;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Changed whenever a byte of an index means something else.
pub const FORMAT_VERSION: u32 = 5;
pub(super) const MAGIC: [u8; 8] = *b"xwalkidx";
/// Sections begin at multiples of it.
pub(super) const LINE: u64 = 64;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct Header {
    pub magic: [u8; 8],
    pub format: U32,
    pub normaliser: U32,
    pub length: U64,
    pub toc_offset: U64,
    pub toc_length: U64,
    pub toc_checksum: U64,
    pub fingerprint: [u8; 32],
    pub reserved: U64,
    /// XXH3 of the bytes before it.
    pub checksum: U64,
}

pub(super) const HEADER_LENGTH: usize = size_of::<Header>();

impl Header {
    pub fn sealed(mut self) -> Header {
        self.checksum = U64::new(xxh3_64(&self.as_bytes()[..HEADER_LENGTH - 8]));
        self
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct TocEntry {
    pub kind: U16,
    pub owner: U16,
    pub reserved: U32,
    pub offset: U64,
    pub length: U64,
    pub checksum: U64,
}

pub(super) enum Owner {
    File,
    System,
    Map,
}

macro_rules! kinds {
    ($($name:ident = $number:literal $owner:ident $text:literal,)*) => {
        /// What a section holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub(crate) enum Kind { $($name = $number,)* }
        impl Kind {
            pub(super) fn from_number(number: u16) -> Option<Kind> {
                match number { $($number => Some(Kind::$name),)* _ => None }
            }
            pub(super) fn owner(self) -> Owner {
                match self { $(Kind::$name => Owner::$owner,)* }
            }
            pub(super) fn name(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }
        }
    };
}

kinds! {
    Meta = 1 File "releases and maps",
    Shorthand = 2 File "learnt abbreviations",
    // A system: n concepts in the order of their keys.
    CodesFst = 16 System "codes",
    Concepts = 17 System "concepts",
    ValidityOffsets = 20 System "validity offsets",
    Validities = 21 System "validities",
    Designations = 23 System "designations",
    Texts = 24 System "codes and designations",
    ParentOffsets = 25 System "parent offsets",
    Parents = 26 System "parents",
    ChildOffsets = 27 System "child offsets",
    Children = 28 System "children",
    AncestorOffsets = 29 System "ancestor offsets",
    Ancestors = 30 System "ancestors",
    NoteOffsets = 31 System "note offsets",
    Notes = 32 System "notes",
    NoteText = 33 System "note text",
    TermsFst = 34 System "search words",
    Terms = 35 System "search postings",
    CodeSlots = 36 System "code slots",
    CodePilots = 37 System "code pilots",
    // A map: rows in the order of source, then of the file; those of rules in the order in which they are tried.
    Rows = 48 Map "rows",
    SourceOffsets = 49 Map "rows by source",
    TargetOffsets = 50 Map "targets",
    TargetRows = 51 Map "rows by target",
    Details = 52 Map "rules and remarks",
    Programs = 53 Map "rules, parsed",
}

/// What nearly every question asks of a concept, together: a place in memory that was not looked at for a while
/// costs more than all that is done with what stands there. One more than there are concepts, so that what begins here ends where the next
/// one's begins.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct ConceptRecord {
    /// Its key as a number; 0 for a key that is too long for one (`slots`).
    pub key: U64,
    /// Where its printed code begins; the display follows it, then the other designations.
    pub text: U32,
    /// [`LONG_CODE`]: up to the display.
    pub code_length: u8,
    /// [`Now`]
    pub now: u8,
    /// 0: no designation; [`LONG`]: longer than can be said here.
    pub display_length: U16,
    /// The first of its designations.
    pub designations: U32,
    /// Which validity list is its own.
    pub validity: U32,
}

/// A code whose length only the other texts tell.
pub(crate) const LONG_CODE: u8 = u8::MAX;
/// A display whose length only the designations tell.
pub(crate) const LONG: u16 = u16::MAX;

/// What a concept is by the newest loaded release: what its validity list says, for those who ask nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Now {
    /// No release lists it.
    Unlisted = 0,
    Valid = 1,
    Header = 2,
    /// Inactive, or its last statement has run out although the releases go on.
    Gone = 3,
}

impl Now {
    /// By the statements about a concept, and the day until which the releases of its system speak (0: without end).
    pub fn of(statements: &[ValidityRecord], coverage_end: u32) -> Now {
        match statements.last() {
            None => Now::Unlisted,
            Some(last) if last.to.get() != 0 && last.to.get() != coverage_end => Now::Gone,
            Some(last) if last.status == Status::Valid as u8 => Now::Valid,
            Some(last) if last.status == Status::Header as u8 => Now::Header,
            Some(_) => Now::Gone,
        }
    }
    pub fn from_byte(byte: u8) -> Now {
        match byte {
            1 => Now::Valid,
            2 => Now::Header,
            3 => Now::Gone,
            _ => Now::Unlisted,
        }
    }
}

/// One concept's designation; its text ends where the next one's begins, or the next concept's code.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct DesignationRecord {
    pub text: U32,
    /// Which validity list says when the release used this text; [`ALWAYS`]: as long as the concept.
    pub validity: U32,
    pub usage: u8,
    pub language: u8,
}

/// One note; its text ends where the next one's begins.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct NoteRecord {
    pub text: U32,
    pub kind: u8,
}

/// A period with a status; dates as the number `yyyymmdd`, 0 for none.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub(crate) struct ValidityRecord {
    pub from: U32,
    pub to: U32,
    pub status: u8,
}

impl ValidityRecord {
    pub fn of(v: &crate::model::Validity) -> ValidityRecord {
        ValidityRecord { from: U32::new(date_number(v.from)), to: U32::new(date_number(v.to)), status: v.status as u8 }
    }
}

/// One row of a map.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RowRecord {
    pub source: U32,
    /// [`NONE`]: the map says there is no target.
    pub target: U32,
    pub line: U32,
    /// Offset in the details section; [`NONE`]: nothing but what stands here.
    pub detail: U32,
    /// Offset of its rule in the programs section; [`NONE`]: no rule. Apart from the details, because every question under rules reads it, and
    /// thousands of rows share one.
    pub program: U32,
    pub gem_flags: U16,
    pub scenario: U16,
    pub group: U16,
    pub priority: U16,
    pub relationship: u8,
}

pub(crate) const NONE: u32 = u32::MAX;
pub(crate) const ALWAYS: u32 = u32::MAX;

/// The bytes of a file, or of what would be one.
pub(super) struct Bytes(memmap2::Mmap);

impl Bytes {
    pub fn map(path: &Path) -> Result<Bytes, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        if file.metadata().map_err(|e| Error::io(path, e))?.len() == 0 {
            return Err(Error::NotAnIndex);
        }
        // SAFETY: index files are written under another name and renamed into place, never changed afterwards (invariant 8); a file
        // that somebody truncates under a running process is outside of what can be promised, as for every mapped file.
        #[allow(unsafe_code)]
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io(path, e))?;
        Ok(Bytes(map))
    }

    pub fn copied(bytes: &[u8]) -> Result<Bytes, Error> {
        if bytes.is_empty() {
            return Err(Error::NotAnIndex);
        }
        let memory = |e| Error::io(Path::new("memory"), e);
        let mut map = memmap2::MmapMut::map_anon(bytes.len()).map_err(memory)?;
        map.copy_from_slice(bytes);
        Ok(Bytes(map.make_read_only().map_err(memory)?))
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A part of the file that keeps the file alive. Where it lies is found once and not again whenever something is read.
type Part<T> = yoke::Yoke<&'static T, Arc<Bytes>>;

/// A part of the file that has been found to be UTF-8.
pub(super) type Text = Part<str>;

/// A range of the file; what the automata are laid over.
#[derive(Clone)]
pub(super) struct Section {
    bytes: Part<[u8]>,
    checksum: u64,
    name: &'static str,
}

impl Section {
    fn new(bytes: &Arc<Bytes>, range: std::ops::Range<usize>, checksum: u64, name: &'static str) -> Section {
        let bytes = Part::attach_to_cart(bytes.clone(), |bytes| bytes.as_ref().get(range).unwrap_or(&[]));
        Section { bytes, checksum, name }
    }

    /// The bytes, once their checksum has been found right.
    pub fn checked(&self) -> Result<&[u8], Error> {
        let bytes = self.as_ref();
        if xxh3_64(bytes) == self.checksum {
            Ok(bytes)
        } else {
            Err(Error::damaged(format!("the section `{}` does not match its checksum", self.name)))
        }
    }

    /// A range of the section as text; `None` if it is not all UTF-8.
    pub fn text(&self, range: std::ops::Range<usize>) -> Option<Text> {
        let text = self.bytes.clone().try_map_project(|bytes, _| bytes.get(range).and_then(|b| std::str::from_utf8(b).ok()).ok_or(()));
        text.ok()
    }
}

impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get()
    }
}

pub(super) struct SectionEntry {
    pub kind: Kind,
    pub owner: u16,
    pub offset: u64,
    pub length: u64,
    pub checksum: u64,
}

/// The table of contents, with what the header says of the whole.
pub(super) struct Toc {
    pub normaliser: u32,
    pub fingerprint: [u8; 32],
    pub sections: Vec<SectionEntry>,
}

impl Toc {
    pub fn read(bytes: &[u8]) -> Result<Toc, Error> {
        let Ok((header, _)) = Header::read_from_prefix(bytes) else {
            return Err(if bytes.starts_with(&MAGIC) { Error::damaged("the file is shorter than its header") } else { Error::NotAnIndex });
        };
        if header.magic != MAGIC {
            return Err(Error::NotAnIndex);
        }
        if header.format.get() != FORMAT_VERSION {
            return Err(Error::OtherFormat { found: header.format.get() });
        }
        if header.sealed().checksum != header.checksum {
            return Err(Error::damaged("the header does not match its checksum"));
        }
        if header.length.get() != bytes.len() as u64 {
            return Err(Error::damaged(format!("the file has {} bytes, its header says {}", bytes.len(), header.length.get())));
        }
        let range = |offset: u64, length: u64| -> Option<&[u8]> {
            let start = usize::try_from(offset).ok()?;
            bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
        };
        let toc = range(header.toc_offset.get(), header.toc_length.get())
            .filter(|toc| xxh3_64(toc) == header.toc_checksum.get())
            .ok_or_else(|| Error::damaged("the table of contents does not match its checksum"))?;
        let entries = <[TocEntry]>::ref_from_bytes(toc).map_err(|_| Error::damaged("the table of contents is cut"))?;
        let mut sections = Vec::with_capacity(entries.len());
        for entry in entries {
            let kind = Kind::from_number(entry.kind.get()).ok_or_else(|| Error::damaged("a section of an unknown kind"))?;
            let (offset, length) = (entry.offset.get(), entry.length.get());
            if range(offset, length).is_none() {
                return Err(Error::damaged(format!("the section `{}` lies outside the file", kind.name())));
            }
            sections.push(SectionEntry { kind, owner: entry.owner.get(), offset, length, checksum: entry.checksum.get() });
        }
        Ok(Toc { normaliser: header.normaliser.get(), fingerprint: header.fingerprint, sections })
    }

    /// A section; empty if the file has none of that kind and owner.
    pub fn section(&self, bytes: &Arc<Bytes>, kind: Kind, owner: u16) -> Section {
        let found = self.sections.binary_search_by_key(&(kind, owner), |s| (s.kind, s.owner)).ok().map(|i| &self.sections[i]);
        let (start, length, checksum) = found.map_or((0, 0, xxh3_64(&[])), |s| (s.offset as usize, s.length as usize, s.checksum));
        Section::new(bytes, start..start + length, checksum, kind.name())
    }
}

/// A column of records. Out of bounds gives `None`, a section of a wrong length an empty column.
#[derive(Clone)]
pub(super) struct Column<T: 'static>(Part<[T]>);

impl<T: FromBytes + Immutable + KnownLayout + Unaligned> Column<T> {
    pub fn new(section: Section) -> Column<T> {
        Column(section.bytes.map_project(|bytes, _| <[T]>::ref_from_bytes(bytes).unwrap_or(&[])))
    }
    /// A column in memory.
    #[cfg(test)]
    pub fn of_records(records: &[T]) -> Column<T>
    where
        T: IntoBytes,
    {
        let records = records.as_bytes();
        let bytes = Bytes::copied(if records.is_empty() { &[0] } else { records }).expect("memory");
        Column::new(Section::new(&Arc::new(bytes), 0..records.len(), 0, ""))
    }
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }
    pub fn as_slice(&self) -> &[T] {
        self.0.get()
    }
    pub fn get(&self, at: usize) -> Option<&T> {
        self.as_slice().get(at)
    }
    /// The records of a range; empty if it is none of the column.
    pub fn slice(&self, range: std::ops::Range<usize>) -> &[T] {
        self.as_slice().get(range).unwrap_or(&[])
    }
}

impl Column<U32> {
    /// Where the records of the n-th item begin and end.
    pub fn range(&self, at: u32) -> Option<std::ops::Range<usize>> {
        let (from, to) = (self.get(at as usize)?, self.get(at as usize + 1)?);
        Some(from.get() as usize..to.get() as usize)
    }
}

/// Rows of different lengths: `offsets[i]..offsets[i + 1]` of the records.
#[derive(Clone)]
pub(super) struct Lists<T: 'static> {
    pub offsets: Column<U32>,
    pub records: Column<T>,
}

impl<T: FromBytes + Immutable + KnownLayout + Unaligned> Lists<T> {
    /// Where the list of an item lies among the records; never beyond them, so that a damaged offset costs no more than a sound one.
    pub fn range(&self, at: u32) -> std::ops::Range<usize> {
        let range = self.offsets.range(at).unwrap_or(0..0);
        let end = range.end.min(self.records.len());
        range.start.min(end)..end
    }
    pub fn get(&self, at: u32) -> &[T] {
        self.records.slice(self.range(at))
    }
}

/// A text between two offsets; empty if the file is damaged there.
pub(super) fn text(section: &Section, start: u32, end: u32) -> &str {
    section.as_ref().get(start as usize..end as usize).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
}

/// A date as the number `yyyymmdd`; 0 for none.
pub(crate) fn date_number(date: Option<crate::model::Date>) -> u32 {
    date.map_or(0, |d| u32::from(d.year().unsigned_abs()) * 10_000 + d.month() as u32 * 100 + d.day() as u32)
}

pub(crate) fn date_from_number(number: u32) -> Option<crate::model::Date> {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    crate::model::Date::new(i16::try_from(year).ok()?, month as i8, day as i8).ok().filter(|_| number != 0)
}
