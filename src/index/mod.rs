//! One file, written once, mapped into memory, answering from where it lies.
//!
//! # Short answer
//! [`Index::open`] maps the file and reads its table of contents; that takes the same time for a thousand codes and for a million.
//! [`Index::system`] finds a code system, [`CodeSystem::concept`] a code in it, and a [`Concept`] gives its designations, parents,
//! validity. [`Index::maps`] lists the concept maps, and a [`ConceptMap`] gives the rows of a source, or of a target.
//!
//! # Long answer
//! The file is a header, sections, and a table of contents; `format` is the one room that knows an offset. Codes are a finite-state
//! map from key to ordinal, in the order of the keys (with a table of slots beside it for whole keys), so that everything else about a concept is found by counting: columns and
//! compressed rows, all little-endian, none aligned, read through bounds-checked views.
//!
//! # Limits and promises
//! A damaged file gives an error, or a wrong answer that [`Index::verify`] finds; never a panic. The finite-state maps are followed
//! without bounds of their own, so their checksums are looked at before first use; everything else is checked at every access.
//! An index of another format version, or made with another version of the text normaliser, is refused: it is built again in seconds.
//! Nothing here writes to an index that exists: `writer` makes a new file beside it and renames.

mod codes;
mod concept;
mod diff;
mod edges;
mod format;
mod slots;
pub mod terms;
mod texts;
mod verify;
mod writer;

pub use codes::CodeSystem;
pub use concept::{Concept, Designation, Note};
pub use diff::{ChangedConcept, ChangedRow, Diff, MapDiff, SystemDiff};
pub(crate) use edges::turn;
pub use edges::{ConceptMap, Detail, Row};
pub use format::FORMAT_VERSION;
pub(crate) use format::{ALWAYS, DesignationRecord, NONE, NoteRecord, Now, RowRecord, ValidityRecord};
pub(crate) use slots::lay as code_slots;
pub use verify::Verification;
pub(crate) use writer::{ConceptColumns, DetailField, DetailFields, IndexWriter, MapColumns, SystemColumns, SystemMeta, code_automaton};
pub use writer::{MapMeta, ReleaseMeta};

use format::{Bytes, Section, Toc};
use std::path::Path;
use std::sync::Arc;

/// What can be wrong with an index file; each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{file}: {source}")]
    Io { file: String, source: std::io::Error },
    #[error("not an xwalk index (the first bytes are not its mark); build one with `xwalk index build`")]
    NotAnIndex,
    #[error(
        "index format {found}, this xwalk reads format {FORMAT_VERSION}; build the index again with this xwalk, or use the xwalk that made it"
    )]
    OtherFormat { found: u32 },
    #[error("index made with text normaliser {found}, this xwalk has {here}; build the index again")]
    OtherNormaliser { found: u32, here: u32 },
    #[error("index damaged: {what}; build it again, or restore the file")]
    Damaged { what: String },
    #[error("index would be too large: {what}")]
    TooLarge { what: String },
    #[error("search terms: {0}")]
    Terms(#[from] terms::Error),
}

impl Error {
    pub(crate) fn damaged(what: impl Into<String>) -> Error {
        Error::Damaged { what: what.into() }
    }
    pub(crate) fn io(file: &Path, source: std::io::Error) -> Error {
        Error::Io { file: file.display().to_string(), source }
    }
}

/// An index, opened. Cheap to share between threads behind an `Arc`.
pub struct Index {
    bytes: Arc<Bytes>,
    toc: Toc,
    systems: Vec<codes::SystemPart>,
    maps: Vec<edges::MapPart>,
    /// Its checksum has been found right.
    shorthand: Option<Section>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl Index {
    /// Maps the file. The time does not depend on its size, but for the checksums of the code automata (a few bytes a code).
    ///
    /// `normaliser` is the version of the text normaliser that the caller will put questions with.
    pub fn open(path: &Path, normaliser: u32) -> Result<Index, Error> {
        Index::from_parts(Bytes::map(path)?, normaliser)
    }

    /// The same from bytes in memory.
    pub fn from_bytes(bytes: Vec<u8>, normaliser: u32) -> Result<Index, Error> {
        Index::from_parts(Bytes::copied(&bytes)?, normaliser)
    }

    fn from_parts(bytes: Bytes, normaliser: u32) -> Result<Index, Error> {
        let toc = Toc::read(bytes.as_ref())?;
        if toc.normaliser != normaliser {
            return Err(Error::OtherNormaliser { found: toc.normaliser, here: normaliser });
        }
        let bytes = Arc::new(bytes);
        let meta = writer::Meta::decode(toc.section(&bytes, format::Kind::Meta, 0).checked()?)?;
        let systems = meta
            .systems
            .into_iter()
            .enumerate()
            .map(|(i, meta)| codes::SystemPart::open(&toc, &bytes, i as u16, meta))
            .collect::<Result<Vec<_>, Error>>()?;
        let maps = meta
            .maps
            .into_iter()
            .enumerate()
            .map(|(i, meta)| edges::MapPart::open(&toc, &bytes, i as u16, meta, &systems))
            .collect::<Result<Vec<_>, Error>>()?;
        let shorthand = toc.section(&bytes, format::Kind::Shorthand, 0);
        let shorthand = shorthand.checked().is_ok().then_some(shorthand);
        Ok(Index { bytes, toc, systems, maps, shorthand })
    }

    /// BLAKE3 of everything in the file, in hexadecimal: two indexes with one fingerprint give the same answers.
    pub fn fingerprint(&self) -> String {
        self.toc.fingerprint.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.bytes.as_ref().as_ref().len() as u64
    }

    /// The version of the text normaliser that the index was made with.
    pub fn normaliser(&self) -> u32 {
        self.toc.normaliser
    }

    /// All code systems, sorted by alias.
    pub fn systems(&self) -> impl ExactSizeIterator<Item = CodeSystem<'_>> {
        (0..self.systems.len()).map(|i| CodeSystem::new(self, i as u16))
    }

    /// A code system by alias, canonical URI, OID, HL7 v2 name, or the alias or URI of its own release.
    pub fn system(&self, name: &str) -> Option<CodeSystem<'_>> {
        let known = crate::model::System::find(name).map(|s| s.alias);
        let uri = name.trim_end_matches(['/', '#']);
        let is_uri = |uri_of: &str| !uri_of.is_empty() && (uri_of == name || uri_of == uri);
        let at = self.systems.iter().position(|s| Some(s.meta.alias.as_str()) == known || s.meta.alias == name || is_uri(&s.meta.uri))?;
        Some(CodeSystem::new(self, at as u16))
    }

    pub(crate) fn system_at(&self, at: u16) -> CodeSystem<'_> {
        CodeSystem::new(self, at)
    }

    /// All maps, sorted by source, target, id and version.
    pub fn maps(&self) -> impl ExactSizeIterator<Item = ConceptMap<'_>> {
        (0..self.maps.len()).map(|i| ConceptMap::new(self, i as u16))
    }

    /// The abbreviations learnt from the titles of all systems; `None` if there are none.
    pub(crate) fn shorthand(&self) -> Option<terms::Shorthand<'_>> {
        terms::Shorthand::open(self.shorthand.as_ref()?.as_ref()).ok()
    }

    /// The bytes that each part takes: a system or map with the name of the section.
    pub fn sizes(&self) -> Vec<(String, u64)> {
        self.toc
            .sections
            .iter()
            .map(|s| {
                let owner = match s.kind.owner() {
                    format::Owner::File => String::from("file"),
                    format::Owner::System => self.systems.get(usize::from(s.owner)).map_or_else(String::new, |p| p.meta.alias.clone()),
                    format::Owner::Map => {
                        self.maps.get(usize::from(s.owner)).map_or_else(String::new, |p| format!("{}|{}", p.meta.id, p.meta.version))
                    }
                };
                (format!("{owner} {}", s.kind.name()), s.length)
            })
            .collect()
    }

    /// Looks at every byte: checksums, order, bounds, and that both directions of every map and of the hierarchy agree.
    pub fn verify(&self) -> Verification {
        verify::verify(self)
    }

    /// What `newer` says and this one does not, and the other way round.
    pub fn diff<'i>(&'i self, newer: &'i Index) -> Diff<'i> {
        Diff::new(self, newer)
    }

    fn section(&self, kind: format::Kind, owner: u16) -> Section {
        self.toc.section(&self.bytes, kind, owner)
    }
}
