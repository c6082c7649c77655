//! Writes an index file: sections one after another into a temporary file, then header, fsync, rename.
//!
//! What is written is decided in `compile`; here is only how it lies.

use super::format::{
    ConceptRecord, DesignationRecord, FORMAT_VERSION, HEADER_LENGTH, Header, Kind, LINE, LONG, LONG_CODE, MAGIC, NoteRecord, Now,
    RowRecord, TocEntry, ValidityRecord, date_from_number, date_number,
};
use super::{Error, slots};
use crate::model::map::Unmapped;
use crate::model::{CodeForm, Date, MapKind, Relationship};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes};

/// A release that was compiled into a system, or the file of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseMeta {
    pub version: String,
    pub from: Option<Date>,
    pub to: Option<Date>,
    /// The files it came from, with the SHA-256 of each as it was read.
    pub files: Vec<(String, String)>,
}

/// What the index says of a system as a whole.
#[derive(Clone, Debug)]
pub(crate) struct SystemMeta {
    pub alias: String,
    pub uri: String,
    pub title: String,
    pub form: CodeForm,
    pub releases: Vec<ReleaseMeta>,
    pub languages: Vec<String>,
}

/// What the index says of a map as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapMeta {
    pub id: String,
    pub url: String,
    pub title: String,
    pub version: String,
    pub source: String,
    pub target: String,
    pub kind: MapKind,
    pub from: Option<Date>,
    pub to: Option<Date>,
    /// What to answer for a source without a row.
    pub unmapped: Unmapped,
    /// Among the maps of one pair of systems the highest answers first.
    pub precedence: i32,
    pub files: Vec<(String, String)>,
}

/// The columns of one system, concepts in the order of their keys. Offsets have one entry more than there are concepts.
#[derive(Default)]
pub(crate) struct SystemColumns {
    pub keys: Vec<String>,
    /// The keys again, as [`code_automaton`] makes them.
    pub codes_fst: Vec<u8>,
    /// The keys once more: pilots and slots, as [`code_slots`] makes them.
    pub code_slots: (Vec<U16>, Vec<U32>),
    /// Where the texts of each concept begin: its printed code, then its designations.
    pub text_starts: Vec<U32>,
    pub texts: Vec<u8>,
    pub concept_validity: Vec<U32>,
    pub validities: ConceptColumns<ValidityRecord>,
    pub designations: ConceptColumns<DesignationRecord>,
    pub parents: ConceptColumns<U32>,
    pub children: ConceptColumns<U32>,
    pub ancestors: ConceptColumns<U32>,
    pub notes: ConceptColumns<NoteRecord>,
    pub note_text: Vec<u8>,
    pub terms_fst: Vec<u8>,
    pub terms: Vec<u8>,
}

/// The automaton from key to ordinal; the keys come sorted.
pub(crate) fn code_automaton(alias: &str, keys: &[String]) -> Result<Vec<u8>, Error> {
    let mut fst = fst::MapBuilder::memory();
    for (ordinal, key) in keys.iter().enumerate() {
        fst.insert(key, ordinal as u64).map_err(|e| Error::damaged(format!("key {key:?} of {alias}: {e}")))?;
    }
    fst.into_inner().map_err(|e| Error::damaged(e.to_string()))
}

/// Lists of records, one list an item.
pub(crate) struct ConceptColumns<T> {
    pub offsets: Vec<U32>,
    pub records: Vec<T>,
}

impl<T> Default for ConceptColumns<T> {
    fn default() -> Self {
        ConceptColumns { offsets: vec![U32::ZERO], records: Vec::new() }
    }
}

impl<T> ConceptColumns<T> {
    fn get(&self, at: u32) -> &[T] {
        let ends = self.offsets.get(at as usize).zip(self.offsets.get(at as usize + 1));
        ends.and_then(|(from, to)| self.records.get(from.get() as usize..to.get() as usize)).unwrap_or(&[])
    }

    /// Ends the list of the current item.
    pub fn close(&mut self) {
        self.offsets.push(U32::new(u32::try_from(self.records.len()).unwrap_or(u32::MAX)));
    }
}

/// The columns of one map, rows in the order of source and line.
#[derive(Default)]
pub(crate) struct MapColumns {
    pub rows: Vec<RowRecord>,
    pub source_offsets: Vec<U32>,
    pub by_target: ConceptColumns<U32>,
    pub details: Vec<u8>,
    pub programs: Vec<u8>,
}

/// The fields that a detail may have; the number in the file is the place here, from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DetailField {
    Rule,
    Advice,
    Correlation,
    Category,
    Comment,
    Product,
    SourceDisplay,
    TargetDisplay,
    From,
    To,
    Usage,
    TargetAsWritten,
    SourceAsWritten,
}

pub(crate) const DETAIL_FIELDS: [DetailField; 13] = [
    DetailField::Rule,
    DetailField::Advice,
    DetailField::Correlation,
    DetailField::Category,
    DetailField::Comment,
    DetailField::Product,
    DetailField::SourceDisplay,
    DetailField::TargetDisplay,
    DetailField::From,
    DetailField::To,
    DetailField::Usage,
    DetailField::TargetAsWritten,
    DetailField::SourceAsWritten,
];

/// Collects the fields of one detail.
#[derive(Default)]
pub(crate) struct DetailFields {
    pub bytes: Vec<u8>,
}

impl DetailFields {
    /// Adds a field, unless it is empty. A value over 65,535 bytes is cut at a character, and `false` says so.
    pub fn put(&mut self, field: DetailField, value: &[u8]) -> bool {
        if value.is_empty() {
            return true;
        }
        let mut end = value.len().min(usize::from(u16::MAX));
        while end < value.len() && value[end] & 0xC0 == 0x80 {
            end -= 1;
        }
        self.bytes.push(field as u8 + 1);
        self.bytes.extend_from_slice(&(end as u16).to_le_bytes());
        self.bytes.extend_from_slice(&value[..end]);
        end == value.len()
    }
    pub fn put_date(&mut self, field: DetailField, date: Option<Date>) {
        if date.is_some() {
            self.put(field, &date_number(date).to_le_bytes());
        }
    }
}

/// A file in the making. Dropped before [`IndexWriter::finish`], it leaves nothing behind.
pub(crate) struct IndexWriter {
    file: BufWriter<tempfile::NamedTempFile>,
    path: PathBuf,
    hash: blake3::Hasher,
    position: u64,
    toc: Vec<TocEntry>,
    meta: Meta,
}

impl IndexWriter {
    pub fn create(path: &Path) -> Result<IndexWriter, Error> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".xwalk-").suffix(".partial").tempfile_in(folder).map_err(|e| Error::io(folder, e))?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        file.write_all(&[0; HEADER_LENGTH]).map_err(|e| Error::io(path, e))?;
        Ok(IndexWriter {
            file,
            path: path.to_owned(),
            hash: blake3::Hasher::new(),
            position: HEADER_LENGTH as u64,
            toc: Vec::new(),
            meta: Meta::default(),
        })
    }

    /// Systems come sorted by alias, and before the maps.
    pub fn system(&mut self, meta: SystemMeta, columns: &SystemColumns) -> Result<(), Error> {
        let owner = self.meta.systems.len() as u16;
        self.section(Kind::CodesFst, owner, &columns.codes_fst)?;
        let (pilots, slots) = &columns.code_slots;
        self.section(Kind::CodePilots, owner, pilots.as_bytes())?;
        self.section(Kind::CodeSlots, owner, slots.as_bytes())?;
        self.section(Kind::Concepts, owner, concepts(&meta, columns).as_bytes())?;
        self.lists(Kind::ValidityOffsets, Kind::Validities, owner, &columns.validities)?;
        self.section(Kind::Designations, owner, columns.designations.records.as_bytes())?;
        self.section(Kind::Texts, owner, &columns.texts)?;
        self.lists(Kind::ParentOffsets, Kind::Parents, owner, &columns.parents)?;
        self.lists(Kind::ChildOffsets, Kind::Children, owner, &columns.children)?;
        self.lists(Kind::AncestorOffsets, Kind::Ancestors, owner, &columns.ancestors)?;
        self.lists(Kind::NoteOffsets, Kind::Notes, owner, &columns.notes)?;
        self.section(Kind::NoteText, owner, &columns.note_text)?;
        self.section(Kind::TermsFst, owner, &columns.terms_fst)?;
        self.section(Kind::Terms, owner, &columns.terms)?;
        self.meta.systems.push(meta);
        Ok(())
    }

    /// Abbreviations learnt from all systems ([`terms::Shorthand`](super::terms::Shorthand)).
    pub fn shorthand(&mut self, blob: &[u8]) -> Result<(), Error> {
        self.section(Kind::Shorthand, 0, blob)
    }

    /// Maps come sorted by source, target, id and version.
    pub fn map(&mut self, meta: MapMeta, columns: &MapColumns) -> Result<(), Error> {
        let owner = self.meta.maps.len() as u16;
        self.section(Kind::Rows, owner, columns.rows.as_bytes())?;
        self.section(Kind::SourceOffsets, owner, columns.source_offsets.as_bytes())?;
        self.lists(Kind::TargetOffsets, Kind::TargetRows, owner, &columns.by_target)?;
        self.section(Kind::Details, owner, &columns.details)?;
        self.section(Kind::Programs, owner, &columns.programs)?;
        self.meta.maps.push(meta);
        Ok(())
    }

    fn lists<T: IntoBytes + Immutable>(
        &mut self,
        offsets: Kind,
        records: Kind,
        owner: u16,
        lists: &ConceptColumns<T>,
    ) -> Result<(), Error> {
        if u32::try_from(lists.records.len()).is_err() {
            return Err(Error::TooLarge { what: format!("more than four thousand million records of `{}`", records.name()) });
        }
        self.section(offsets, owner, lists.offsets.as_bytes())?;
        self.section(records, owner, lists.records.as_bytes())
    }

    fn section(&mut self, kind: Kind, owner: u16, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let gap = self.position.next_multiple_of(LINE) - self.position;
        self.put(&[0; LINE as usize][..gap as usize])?;
        self.toc.push(TocEntry {
            kind: U16::new(kind as u16),
            owner: U16::new(owner),
            reserved: U32::ZERO,
            offset: U64::new(self.position),
            length: U64::new(bytes.len() as u64),
            checksum: U64::new(xxh3_64(bytes)),
        });
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hash.update(bytes);
        self.position += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| Error::io(&self.path, e))
    }

    /// Writes what is still to be written and puts the file in its place; gives its fingerprint.
    pub fn finish(mut self, normaliser: u32) -> Result<String, Error> {
        let meta = std::mem::take(&mut self.meta);
        self.section(Kind::Meta, 0, &meta.encode())?;
        self.toc.sort_by_key(|e| (e.kind.get(), e.owner.get()));
        let gap = self.position.next_multiple_of(LINE) - self.position;
        self.put(&[0; LINE as usize][..gap as usize])?;
        let (toc_offset, toc) = (self.position, std::mem::take(&mut self.toc));
        self.put(toc.as_bytes())?;
        let fingerprint = *self.hash.finalize().as_bytes();
        let header = Header {
            magic: MAGIC,
            format: U32::new(FORMAT_VERSION),
            normaliser: U32::new(normaliser),
            length: U64::new(self.position),
            toc_offset: U64::new(toc_offset),
            toc_length: U64::new(toc.as_bytes().len() as u64),
            toc_checksum: U64::new(xxh3_64(toc.as_bytes())),
            fingerprint,
            reserved: U64::ZERO,
            checksum: U64::ZERO,
        }
        .sealed();
        let path = self.path;
        let fail = |e| Error::io(&path, e);
        self.file.seek(SeekFrom::Start(0)).map_err(fail)?;
        self.file.write_all(header.as_bytes()).map_err(fail)?;
        let file = self.file.into_inner().map_err(|e| fail(e.into_error()))?;
        file.as_file().sync_all().map_err(fail)?;
        file.persist(&path).map_err(|e| fail(e.error))?;
        Ok(fingerprint.iter().map(|b| format!("{b:02x}")).collect())
    }
}

/// The columns that stand together for every concept, and the ends of the last one.
fn concepts(meta: &SystemMeta, columns: &SystemColumns) -> Vec<ConceptRecord> {
    let coverage_end = date_number(meta.releases.last().and_then(|r| r.to));
    let end_of_texts = columns.texts.len() as u32;
    let concept = |at: usize| {
        let start = columns.text_starts.get(at).map_or(end_of_texts, |s| s.get());
        let end = columns.text_starts.get(at + 1).map_or(end_of_texts, |s| s.get());
        let (first, last) = (columns.designations.offsets[at], columns.designations.offsets.get(at + 1).map_or(0, |o| o.get()));
        let text_of = |n: u32| columns.designations.records.get(n as usize).filter(|_| n < last).map(|d| d.text.get());
        let display = text_of(first.get());
        let display_length = display.map_or(0, |display| text_of(first.get() + 1).unwrap_or(end) - display);
        let validity = columns.concept_validity.get(at).copied().unwrap_or(U32::ZERO);
        ConceptRecord {
            key: U64::new(columns.keys.get(at).and_then(|key| slots::of_key(key)).unwrap_or(0)),
            text: U32::new(start),
            code_length: u8::try_from(display.unwrap_or(end) - start).unwrap_or(LONG_CODE),
            now: Now::of(columns.validities.get(validity.get()), coverage_end) as u8,
            display_length: U16::new(u16::try_from(display_length).unwrap_or(LONG)),
            designations: first,
            validity,
        }
    };
    (0..columns.designations.offsets.len()).map(concept).collect()
}

/// The releases and maps, as kept in the file: counted lists of length-prefixed texts and numbers.
#[derive(Default)]
pub(super) struct Meta {
    pub systems: Vec<SystemMeta>,
    pub maps: Vec<MapMeta>,
}

impl Meta {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        };
        let number = |out: &mut Vec<u8>, n: usize| out.extend_from_slice(&(n as u32).to_le_bytes());
        let date = |out: &mut Vec<u8>, d: Option<Date>| out.extend_from_slice(&date_number(d).to_le_bytes());
        let files = |out: &mut Vec<u8>, files: &[(String, String)]| {
            number(out, files.len());
            files.iter().for_each(|(name, hash)| [name, hash].into_iter().for_each(|t| text(out, t)));
        };
        number(&mut out, self.systems.len());
        for s in &self.systems {
            [&s.alias, &s.uri, &s.title].into_iter().for_each(|t| text(&mut out, t));
            out.push(s.form as u8);
            number(&mut out, s.releases.len());
            for r in &s.releases {
                text(&mut out, &r.version);
                date(&mut out, r.from);
                date(&mut out, r.to);
                files(&mut out, &r.files);
            }
            number(&mut out, s.languages.len());
            s.languages.iter().for_each(|t| text(&mut out, t));
        }
        number(&mut out, self.maps.len());
        for m in &self.maps {
            [&m.id, &m.url, &m.title, &m.version, &m.source, &m.target].into_iter().for_each(|t| text(&mut out, t));
            out.push(m.kind as u8);
            date(&mut out, m.from);
            date(&mut out, m.to);
            out.extend_from_slice(&m.precedence.to_le_bytes());
            match &m.unmapped {
                Unmapped::None => out.push(0),
                Unmapped::UseSourceCode(r) => out.extend_from_slice(&[1, *r as u8]),
                Unmapped::Fixed { code, display, relationship } => {
                    out.extend_from_slice(&[2, *relationship as u8]);
                    [code, display].into_iter().for_each(|t| text(&mut out, t));
                }
                Unmapped::OtherMap(url) => {
                    out.push(3);
                    text(&mut out, url);
                }
            }
            files(&mut out, &m.files);
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Meta, Error> {
        let mut input = Input(bytes);
        input.meta().ok_or_else(|| Error::damaged("the list of releases and maps is cut"))
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn meta(&mut self) -> Option<Meta> {
        let mut meta = Meta::default();
        for _ in 0..self.number()? {
            meta.systems.push(SystemMeta {
                alias: self.text()?,
                uri: self.text()?,
                title: self.text()?,
                form: CodeForm::from_byte(self.byte()?)?,
                releases: self.list(|i| Some(ReleaseMeta { version: i.text()?, from: i.date()?, to: i.date()?, files: i.files()? }))?,
                languages: self.list(Input::text)?,
            });
        }
        for _ in 0..self.number()? {
            meta.maps.push(MapMeta {
                id: self.text()?,
                url: self.text()?,
                title: self.text()?,
                version: self.text()?,
                source: self.text()?,
                target: self.text()?,
                kind: MapKind::from_byte(self.byte()?)?,
                from: self.date()?,
                to: self.date()?,
                precedence: self.number()? as i32,
                unmapped: match self.byte()? {
                    0 => Unmapped::None,
                    1 => Unmapped::UseSourceCode(Relationship::from_byte(self.byte()?)?),
                    2 => {
                        let relationship = Relationship::from_byte(self.byte()?)?;
                        Unmapped::Fixed { code: self.text()?, display: self.text()?, relationship }
                    }
                    3 => Unmapped::OtherMap(self.text()?),
                    _ => return None,
                },
                files: self.files()?,
            });
        }
        Some(meta)
    }
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }
    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }
    fn text(&mut self) -> Option<String> {
        let length = self.number()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
    fn date(&mut self) -> Option<Option<Date>> {
        Some(date_from_number(self.number()?))
    }
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.number()?).map(|_| item(self)).collect()
    }
    fn files(&mut self) -> Option<Vec<(String, String)>> {
        self.list(|i| Some((i.text()?, i.text()?)))
    }
}
