//! A concept map in the index: rows by source, rows by target, and what else a row says.

use super::concept::Concept;
use super::format::{self, Bytes, Column, Kind, Lists, NONE, RowRecord, Section, Toc};
use super::writer::{DETAIL_FIELDS, DetailField, MapMeta};
use super::{CodeSystem, Error, Index, codes};
use crate::model::rule::Program;
use crate::model::{Date, GemFlags, MapKind, Relationship};
use std::sync::Arc;
use zerocopy::little_endian::U32;

pub(super) struct MapPart {
    pub meta: MapMeta,
    pub source: u16,
    pub target: u16,
    pub rows: Column<RowRecord>,
    pub source_offsets: Column<U32>,
    pub by_target: Lists<U32>,
    pub details: Section,
    pub programs: Section,
}

impl MapPart {
    pub fn open(toc: &Toc, bytes: &Arc<Bytes>, at: u16, meta: MapMeta, systems: &[codes::SystemPart]) -> Result<MapPart, Error> {
        let find = |alias: &str| {
            systems
                .iter()
                .position(|s| s.meta.alias == alias)
                .and_then(|i| u16::try_from(i).ok())
                .ok_or_else(|| Error::damaged(format!("the map {} names the system {alias}, which is not there", meta.id)))
        };
        Ok(MapPart {
            source: find(&meta.source)?,
            target: find(&meta.target)?,
            rows: Column::new(toc.section(bytes, Kind::Rows, at)),
            source_offsets: Column::new(toc.section(bytes, Kind::SourceOffsets, at)),
            by_target: Lists {
                offsets: Column::new(toc.section(bytes, Kind::TargetOffsets, at)),
                records: Column::new(toc.section(bytes, Kind::TargetRows, at)),
            },
            details: toc.section(bytes, Kind::Details, at),
            programs: toc.section(bytes, Kind::Programs, at),
            meta,
        })
    }
}

/// A concept map in an [`Index`]: one version of one crosswalk.
#[derive(Clone, Copy)]
pub struct ConceptMap<'i> {
    index: &'i Index,
    at: u16,
}

impl std::fmt::Debug for ConceptMap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConceptMap({}|{})", self.id(), self.version())
    }
}

impl PartialEq for ConceptMap<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && std::ptr::eq(self.index, other.index)
    }
}

impl<'i> ConceptMap<'i> {
    pub(super) fn new(index: &'i Index, at: u16) -> ConceptMap<'i> {
        ConceptMap { index, at }
    }

    fn part(&self) -> &'i MapPart {
        &self.index.maps[usize::from(self.at)]
    }

    /// The n-th of the index.
    pub fn ordinal(&self) -> u16 {
        self.at
    }
    /// `gem-icd9cm-icd10cm`.
    pub fn id(&self) -> &'i str {
        &self.part().meta.id
    }
    pub fn version(&self) -> &'i str {
        &self.part().meta.version
    }
    /// Canonical URL; empty if the release gave none.
    pub fn url(&self) -> &'i str {
        &self.part().meta.url
    }
    pub fn title(&self) -> &'i str {
        &self.part().meta.title
    }
    pub fn kind(&self) -> MapKind {
        self.part().meta.kind
    }
    pub fn meta(&self) -> &'i MapMeta {
        &self.part().meta
    }
    pub fn source(&self) -> CodeSystem<'i> {
        self.index.system_at(self.part().source)
    }
    pub fn target(&self) -> CodeSystem<'i> {
        self.index.system_at(self.part().target)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.part().rows.len()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows, in the order of source and file.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'i>> + use<'i> {
        let map = *self;
        self.part().rows.as_slice().iter().map(move |record| Row { map, record })
    }

    /// The rows of a source, in the order of the file; those of a map with rules in the order in which the rules are tried.
    pub fn rows_of(&self, source: Concept<'_>) -> impl ExactSizeIterator<Item = Row<'i>> + Clone + use<'i> {
        let (map, part) = (*self, self.part());
        let rows = part.source_offsets.range(source.ordinal()).map_or(&[][..], |range| part.rows.slice(range));
        rows.iter().map(move |record| Row { map, record })
    }

    /// The rows that name this target, in the order of source and file.
    pub fn rows_to(&self, target: Concept<'_>) -> impl Iterator<Item = Row<'i>> + use<'i> {
        let (map, part) = (*self, self.part());
        let rows = part.rows.as_slice();
        part.by_target.get(target.ordinal()).iter().filter_map(move |at| Some(Row { map, record: rows.get(at.get() as usize)? }))
    }
}

/// The rule of a row among the programs of its map.
fn program<'p>(programs: &'p [u8], row: &RowRecord) -> Option<&'p [u8]> {
    let at = row.program.get();
    if at == NONE {
        return None;
    }
    let rest = programs.get(at as usize..).unwrap_or(&[]);
    let program = rest.split_first_chunk::<2>().and_then(|(length, rest)| rest.get(..usize::from(u16::from_le_bytes(*length))));
    Some(program.unwrap_or(&[]))
}

/// By this the rows of one source with rules are sorted: as they are tried. OTHERWISE is for when nothing before it held, wherever its file
/// puts it among its equals.
pub(crate) fn turn(programs: &[u8], row: &RowRecord) -> (u16, u16, bool) {
    let is_otherwise = program(programs, row).is_some_and(|bytes| Program::new(bytes).is_otherwise());
    (row.group.get(), row.priority.get(), is_otherwise)
}

/// One row of a map, as its release has it.
#[derive(Clone, Copy)]
pub struct Row<'i> {
    map: ConceptMap<'i>,
    record: &'i RowRecord,
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} line {}: {:?} -> {:?}", self.map, self.line(), self.source(), self.target())
    }
}

impl<'i> Row<'i> {
    pub fn map(&self) -> ConceptMap<'i> {
        self.map
    }
    pub fn source(&self) -> Option<Concept<'i>> {
        self.map.source().at(self.record.source.get())
    }
    /// `None`: the row says that there is no target.
    pub fn target(&self) -> Option<Concept<'i>> {
        self.map.target().at(self.record.target.get())
    }
    /// Whether the row says that there is no target.
    pub fn is_no_map(&self) -> bool {
        self.record.target.get() == NONE
    }
    /// The line of the release file, 1-based.
    pub fn line(&self) -> u32 {
        self.record.line.get()
    }
    pub fn relationship(&self) -> Relationship {
        Relationship::from_byte(self.record.relationship).unwrap_or(Relationship::RelatedTo)
    }
    /// The five flags, if the map is a GEM.
    pub fn gem_flags(&self) -> Option<GemFlags> {
        (self.map.kind() == MapKind::Gem).then(|| GemFlags::from_number(self.record.gem_flags.get())).flatten()
    }
    pub fn scenario(&self) -> u16 {
        self.record.scenario.get()
    }
    pub fn group(&self) -> u16 {
        self.record.group.get()
    }
    pub fn priority(&self) -> u16 {
        self.record.priority.get()
    }

    fn detail_bytes(&self) -> &'i [u8] {
        match self.record.detail.get() {
            NONE => &[],
            at => self.map.part().details.as_ref().get(at as usize..).unwrap_or(&[]),
        }
    }

    /// The rule, parsed when the index was made ([`crate::model::rule`]). `None`: there is no rule; empty: there is one that could not be
    /// parsed.
    pub fn program(&self) -> Option<&'i [u8]> {
        program(self.map.part().programs.as_ref(), self.record)
    }

    /// When it holds, from and to, both included; most rows do not say.
    pub fn times(&self) -> (Option<Date>, Option<Date>) {
        let (mut times, mut bytes) = ((None, None), self.detail_bytes());
        while let Some((field, value)) = next_field(&mut bytes) {
            let date = || value.try_into().ok().and_then(|number| format::date_from_number(u32::from_le_bytes(number)));
            match field {
                DetailField::From => times.0 = date(),
                DetailField::To => times.1 = date(),
                _ => {}
            }
        }
        times
    }

    /// What else the row says; empty for most.
    pub fn detail(&self) -> Detail<'i> {
        let mut detail = Detail::default();
        let mut bytes = self.detail_bytes();
        while let Some((field, value)) = next_field(&mut bytes) {
            let text = std::str::from_utf8(value).unwrap_or("");
            let number = || value.try_into().map_or(0, u32::from_le_bytes);
            match field {
                DetailField::Rule => detail.rule = text,
                DetailField::Advice => detail.advice = text,
                DetailField::Correlation => detail.correlation = text,
                DetailField::Category => detail.category = text,
                DetailField::Comment => detail.comment = text,
                DetailField::Product => detail.product = text,
                DetailField::SourceDisplay => detail.source_display = text,
                DetailField::TargetDisplay => detail.target_display = text,
                DetailField::From => detail.from = format::date_from_number(number()),
                DetailField::To => detail.to = format::date_from_number(number()),
                DetailField::Usage => detail.usage = Some(f32::from_bits(number())),
                DetailField::TargetAsWritten => detail.target_as_written = text,
                DetailField::SourceAsWritten => detail.source_as_written = text,
            }
        }
        detail
    }
}

/// What only some formats say of a row; each empty where unsaid. The fields are those of [`crate::read::TargetDetail`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Detail<'i> {
    pub rule: &'i str,
    pub advice: &'i str,
    pub correlation: &'i str,
    pub category: &'i str,
    pub comment: &'i str,
    pub product: &'i str,
    pub source_display: &'i str,
    pub target_display: &'i str,
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub usage: Option<f32>,
    pub target_as_written: &'i str,
    pub source_as_written: &'i str,
}

/// Takes one field off a detail: its number, the length of its value, the value; a zero ends it.
fn next_field<'i>(bytes: &mut &'i [u8]) -> Option<(DetailField, &'i [u8])> {
    let (&number, rest) = bytes.split_first()?;
    let field = *DETAIL_FIELDS.get(usize::from(number).checked_sub(1)?)?;
    let (&length, rest) = rest.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(length)))?;
    *bytes = rest;
    Some((field, value))
}
