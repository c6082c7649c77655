//! A code system in the index: its releases, and codes by key, by ordinal, by prefix and by automaton.

use super::concept::Concept;
use super::format::{
    Bytes, Column, ConceptRecord, DesignationRecord, Kind, LONG, LONG_CODE, Lists, NoteRecord, Section, Toc, ValidityRecord,
};
use super::slots::{self, Found};
use super::texts::Texts;
use super::writer::{ReleaseMeta, SystemMeta};
use super::{Error, Index};
use crate::model::{CodeForm, Date};
use fst::{IntoStreamer, Streamer};
use std::sync::{Arc, OnceLock};
use zerocopy::little_endian::{U16, U32};

/// What the index holds of one code system.
pub(super) struct SystemPart {
    pub meta: SystemMeta,
    pub codes: fst::Map<Section>,
    pub count: u32,
    pub pilots: Column<U16>,
    pub slots: Column<U32>,
    pub concepts: Column<ConceptRecord>,
    pub validities: Lists<ValidityRecord>,
    pub designations: Column<DesignationRecord>,
    pub texts: Texts,
    pub parents: Lists<U32>,
    pub children: Lists<U32>,
    pub ancestors: Lists<U32>,
    pub notes: Lists<NoteRecord>,
    pub note_text: Section,
    pub terms: Section,
    pub terms_fst: Section,
    terms_checked: OnceLock<bool>,
}

impl SystemPart {
    pub fn open(toc: &Toc, bytes: &Arc<Bytes>, at: u16, meta: SystemMeta) -> Result<SystemPart, Error> {
        let section = |kind| toc.section(bytes, kind, at);
        fn column<T: zerocopy::FromBytes + zerocopy::Immutable + zerocopy::KnownLayout + zerocopy::Unaligned>(s: Section) -> Column<T> {
            Column::new(s)
        }
        let codes = section(Kind::CodesFst);
        codes.checked()?;
        let codes = fst::Map::new(codes).map_err(|e| Error::damaged(format!("the codes of {}: {e}", meta.alias)))?;
        let count = u32::try_from(codes.len()).map_err(|_| Error::damaged("more codes than an ordinal counts"))?;
        Ok(SystemPart {
            meta,
            codes,
            count,
            pilots: column(section(Kind::CodePilots)),
            slots: column(section(Kind::CodeSlots)),
            concepts: column(section(Kind::Concepts)),
            validities: Lists { offsets: column(section(Kind::ValidityOffsets)), records: column(section(Kind::Validities)) },
            designations: column(section(Kind::Designations)),
            texts: Texts::new(section(Kind::Texts), count),
            parents: Lists { offsets: column(section(Kind::ParentOffsets)), records: column(section(Kind::Parents)) },
            children: Lists { offsets: column(section(Kind::ChildOffsets)), records: column(section(Kind::Children)) },
            ancestors: Lists { offsets: column(section(Kind::AncestorOffsets)), records: column(section(Kind::Ancestors)) },
            notes: Lists { offsets: column(section(Kind::NoteOffsets)), records: column(section(Kind::Notes)) },
            note_text: section(Kind::NoteText),
            terms: section(Kind::Terms),
            terms_fst: section(Kind::TermsFst),
            terms_checked: OnceLock::new(),
        })
    }

    /// The concept of a key by its number.
    pub fn find(&self, number: u64) -> Found {
        slots::find(&self.pilots, &self.slots, &self.concepts, number)
    }

    /// The printed form of a code.
    pub fn code(&self, ordinal: u32) -> &str {
        let Some(this) = self.concept(ordinal) else { return "" };
        let start = this.text.get();
        let end = match this.code_length {
            LONG_CODE => self.first_text(this).unwrap_or_else(|| self.texts_end(ordinal)),
            length => start.saturating_add(u32::from(length)),
        };
        self.texts.get(&self.concepts, ordinal, start, end)
    }

    /// What is known of a concept before anything is looked up.
    pub fn concept(&self, ordinal: u32) -> Option<&ConceptRecord> {
        self.concepts.get(ordinal as usize)
    }

    /// The title; `None` if there is no text at all.
    pub fn display(&self, ordinal: u32) -> Option<&str> {
        let this = self.concept(ordinal)?;
        match (this.display_length.get(), this.code_length) {
            (0, _) => None,
            (LONG, _) | (_, LONG_CODE) => Some(self.text(ordinal, self.designations_of(ordinal).start)),
            (length, code) => {
                let start = this.text.get().saturating_add(u32::from(code));
                Some(self.texts.get(&self.concepts, ordinal, start, start.saturating_add(u32::from(length))))
            }
        }
    }

    /// The text of one of a concept's designations: up to the next one, or to the next concept's code.
    pub fn text(&self, ordinal: u32, designation: usize) -> &str {
        let Some(record) = self.designations.get(designation) else { return "" };
        let next = self.designations.get(designation + 1).filter(|_| designation + 1 < self.designations_of(ordinal).end);
        self.texts.get(&self.concepts, ordinal, record.text.get(), next.map_or_else(|| self.texts_end(ordinal), |next| next.text.get()))
    }

    fn first_text(&self, concept: &ConceptRecord) -> Option<u32> {
        (concept.display_length.get() != 0)
            .then(|| self.designations.get(concept.designations.get() as usize))
            .flatten()
            .map(|d| d.text.get())
    }

    /// Where all that is written of a concept ends.
    fn texts_end(&self, ordinal: u32) -> u32 {
        self.concepts.get(ordinal as usize + 1).map_or(0, |next| next.text.get())
    }

    /// Which designations are a concept's.
    pub fn designations_of(&self, ordinal: u32) -> std::ops::Range<usize> {
        let at = ordinal as usize;
        let (Some(this), Some(next)) = (self.concepts.get(at), self.concepts.get(at + 1)) else { return 0..0 };
        // Never beyond the records, so that a damaged offset costs no more than a sound one.
        let end = (next.designations.get() as usize).min(self.designations.len());
        (this.designations.get() as usize).min(end)..end
    }
}

/// A code system in an [`Index`].
#[derive(Clone, Copy)]
pub struct CodeSystem<'i> {
    index: &'i Index,
    at: u16,
}

impl std::fmt::Debug for CodeSystem<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CodeSystem({})", self.alias())
    }
}

impl PartialEq for CodeSystem<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && std::ptr::eq(self.index, other.index)
    }
}

impl<'i> CodeSystem<'i> {
    pub(super) fn new(index: &'i Index, at: u16) -> CodeSystem<'i> {
        CodeSystem { index, at }
    }

    pub(super) fn part(&self) -> &'i SystemPart {
        &self.index.systems[usize::from(self.at)]
    }

    pub fn index(&self) -> &'i Index {
        self.index
    }

    /// The n-th of the index; stands for the system in rows and memos.
    pub fn ordinal(&self) -> u16 {
        self.at
    }

    /// `icd10cm`; for a system of the user's own, the alias its release gave.
    pub fn alias(&self) -> &'i str {
        &self.part().meta.alias
    }

    /// Canonical URI; empty if nobody gave one.
    pub fn uri(&self) -> &'i str {
        &self.part().meta.uri
    }

    pub fn title(&self) -> &'i str {
        &self.part().meta.title
    }

    pub fn form(&self) -> CodeForm {
        self.part().meta.form
    }

    /// The releases that were compiled in, the oldest first.
    pub fn releases(&self) -> &'i [ReleaseMeta] {
        &self.part().meta.releases
    }

    /// The version of the newest release; empty if only maps know this system.
    pub fn version(&self) -> &'i str {
        self.releases().last().map_or("", |r| r.version.as_str())
    }

    /// The time about which the loaded releases say anything: from the first release's beginning to the last one's end.
    pub fn coverage(&self) -> (Option<Date>, Option<Date>) {
        let releases = self.releases();
        (releases.first().and_then(|r| r.from), releases.last().and_then(|r| r.to))
    }

    /// The years around a date for which no release is loaded although releases before and after them are: from the end of the former's own
    /// year to the day before the latter. Only ICD is known to have a release every year.
    pub fn gap_on(&self, date: Date) -> Option<(Date, Date)> {
        if !matches!(self.form(), CodeForm::Icd9Cm | CodeForm::Icd9Proc | CodeForm::Icd10Cm | CodeForm::Icd10Pcs) {
            return None;
        }
        let releases = self.releases();
        let next = releases.iter().position(|r| r.from.is_some_and(|from| from > date))?;
        let (before, after) = (releases.get(next.checked_sub(1)?)?.from?, releases[next].from?);
        let year_after = before.with().year(before.year() + 1).build().ok()?;
        (year_after <= date).then_some((year_after, after.yesterday().ok()?))
    }

    /// How many codes there are, those that only a map names included.
    pub fn len(&self) -> u32 {
        self.part().count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The concept with this ordinal, in the order of the keys.
    pub fn at(&self, ordinal: u32) -> Option<Concept<'i>> {
        (ordinal < self.len()).then(|| Concept::new(*self, ordinal))
    }

    pub fn concepts(&self) -> impl Iterator<Item = Concept<'i>> + use<'i> {
        let system = *self;
        (0..self.len()).map(move |ordinal| Concept::new(system, ordinal))
    }

    /// The concept of a code as printed, or without its dot; no repair of any kind (`engine::validate` does that, and says so).
    pub fn concept(&self, code: &str) -> Option<Concept<'i>> {
        self.concept_as_given(code).map(|(concept, _)| concept)
    }

    /// The same, and whether the code was given as its system prints it: its dot not left out.
    pub(crate) fn concept_as_given(&self, code: &str) -> Option<(Concept<'i>, bool)> {
        let (part, form) = (self.part(), self.form());
        if let Some((number, is_printed)) = slots::of_code(form, code) {
            match part.find(number) {
                Found::Ordinal(ordinal) => return self.at(ordinal).map(|concept| (concept, is_printed)),
                Found::Nothing => return None,
                Found::NotHere => {}
            }
        }
        let mut buffer = [0; 16];
        let key = form.key(code, &mut buffer);
        self.concept_by_key(key).map(|concept| (concept, form.is_printed(code, key)))
    }

    /// The concept with this key (ICD: upper case, no dot).
    pub fn concept_by_key(&self, key: &str) -> Option<Concept<'i>> {
        let part = self.part();
        match slots::of_key(key).map_or(Found::NotHere, |number| part.find(number)) {
            Found::Ordinal(ordinal) => self.at(ordinal),
            Found::Nothing => None,
            Found::NotHere => self.at(u32::try_from(part.codes.get(key)?).ok()?),
        }
    }

    /// The concepts whose keys begin so, in order.
    pub fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = Concept<'i>> + use<'i> {
        use fst::Automaton;
        let ordinals = self.part().codes.search(fst::automaton::Str::new(prefix).starts_with()).into_stream().into_values();
        let system = *self;
        ordinals.into_iter().filter_map(move |o| system.at(u32::try_from(o).ok()?))
    }

    /// The concepts whose keys an automaton accepts, with its last state, in the order of the keys.
    pub(crate) fn matching<A>(&self, automaton: &A) -> Vec<(Concept<'i>, A::State)>
    where
        A: fst::Automaton,
        A::State: Clone,
    {
        let mut stream = self.part().codes.search_with_state(automaton).into_stream();
        let mut found = Vec::new();
        while let Some((_, ordinal, state)) = stream.next() {
            if let Some(concept) = u32::try_from(ordinal).ok().and_then(|o| self.at(o)) {
                found.push((concept, state));
            }
        }
        found
    }

    /// The two parts of the search index, once the checksum of the first has been found right; empty if there are none.
    pub(crate) fn terms(&self) -> (&'i [u8], &'i [u8]) {
        let part = self.part();
        if *part.terms_checked.get_or_init(|| part.terms_fst.checked().is_ok()) {
            (part.terms_fst.as_ref(), part.terms.as_ref())
        } else {
            (&[], &[])
        }
    }
}
