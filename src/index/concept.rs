//! A concept in the index: a handle of two numbers, with nouns that read from where things lie.

use super::Index;
use super::codes::{CodeSystem, SystemPart};
use super::format::{self, ALWAYS, Now, ValidityRecord};
use crate::model::{Date, DesignationUse, NoteKind, Status, Validity};

/// A code of a code system in an index. Two words; copy it freely.
#[derive(Clone, Copy)]
pub struct Concept<'i> {
    index: &'i Index,
    ordinal: u32,
    system: u16,
}

impl PartialEq for Concept<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.ordinal == other.ordinal && self.system == other.system && std::ptr::eq(self.index, other.index)
    }
}

impl std::fmt::Debug for Concept<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}|{}", self.system().alias(), self.code())
    }
}

/// A text by which a concept is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Designation<'i> {
    pub usage: DesignationUse,
    /// BCP 47; empty: English as published.
    pub language: &'i str,
    pub text: &'i str,
    /// Some of the system's releases use another text in its place.
    pub dated: bool,
    validity: &'i [ValidityRecord],
}

impl Designation<'_> {
    /// Whether the releases that hold on this date use this text.
    pub fn is_used_on(&self, date: Date) -> bool {
        !self.dated || periods(self.validity).any(|v| v.contains(date))
    }

    /// When the text was used; empty: always.
    pub fn validity(&self) -> impl Iterator<Item = Validity> {
        periods(self.validity)
    }
}

/// A note of the tabular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'i> {
    pub kind: NoteKind,
    pub text: &'i str,
}

/// Hardly any concept has more ancestors.
const FEW: usize = 80;

impl<'i> Concept<'i> {
    pub(super) fn new(system: CodeSystem<'i>, ordinal: u32) -> Concept<'i> {
        Concept { index: system.index(), ordinal, system: system.ordinal() }
    }

    fn part(&self) -> &'i SystemPart {
        self.system().part()
    }

    pub fn system(&self) -> CodeSystem<'i> {
        CodeSystem::new(self.index, self.system)
    }

    /// Its place in the order of the keys.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// The code as its system prints it, with the dot.
    pub fn code(&self) -> &'i str {
        self.part().code(self.ordinal)
    }

    /// The title: of the newest release that has one. `None` for a code that only a map names.
    pub fn display(&self) -> Option<&'i str> {
        self.part().display(self.ordinal)
    }

    /// All texts: the display first, then by kind, the newest first.
    pub fn designations(&self) -> impl Iterator<Item = Designation<'i>> + use<'i> {
        let (ordinal, part) = (self.ordinal, self.part());
        part.designations_of(ordinal).filter_map(move |at| {
            let record = part.designations.get(at)?;
            Some(Designation {
                usage: DesignationUse::from_byte(record.usage)?,
                language: part.meta.languages.get(usize::from(record.language)).map_or("", String::as_str),
                text: part.text(ordinal, at),
                dated: record.validity.get() != ALWAYS,
                validity: if record.validity.get() == ALWAYS { &[] } else { part.validities.get(record.validity.get()) },
            })
        })
    }

    /// The title that was in use on a date: what a record of that day meant.
    pub fn display_on(&self, date: Date) -> Option<&'i str> {
        let first = self.designations().next()?;
        self.designations().find(|d| d.usage == first.usage && d.is_used_on(date)).or(Some(first)).map(|d| d.text)
    }

    /// When it was what, the oldest first. Empty for a code that no loaded release lists.
    pub fn validity(&self) -> impl DoubleEndedIterator<Item = Validity> + use<'i> {
        periods(self.statements())
    }

    fn statements(&self) -> &'i [ValidityRecord] {
        let part = self.part();
        part.concept(self.ordinal).map_or(&[], |this| part.validities.get(this.validity.get()))
    }

    /// What it is by the newest loaded release.
    pub(crate) fn now(&self) -> Now {
        self.part().concept(self.ordinal).map_or(Now::Unlisted, |this| Now::from_byte(this.now))
    }

    /// Whether any loaded release lists it. If not, only a map names it.
    pub fn is_listed(&self) -> bool {
        self.now() != Now::Unlisted
    }

    /// What it is in the newest statement of its system about it.
    pub fn status(&self) -> Option<Status> {
        self.statements().last().and_then(|v| Status::from_byte(v.status))
    }

    /// What it is on a date. For the time before the first loaded release, what that release says ([`CodeSystem::coverage`]); for years
    /// between two releases of which none is loaded, what the one before says, and of a code that it does not have, what the next one says
    /// ([`CodeSystem::gap_on`]).
    pub fn status_on(&self, date: Date) -> Option<Status> {
        let (day, first) = (format::date_number(Some(date)), format::date_number(self.system().coverage().0));
        let holds = |v: &&ValidityRecord| v.from.get() <= day && (v.to.get() == 0 || day <= v.to.get());
        let on = |v: &&ValidityRecord| holds(v) || (day < first && v.from.get() == first);
        let statement = self.statements().iter().find(on).or_else(|| {
            let next = format::date_number(self.system().gap_on(date)?.1.tomorrow().ok());
            self.statements().iter().find(|v| v.from.get() == next)
        });
        statement.and_then(|v| Status::from_byte(v.status))
    }

    /// Whether it may be recorded, or is a header of what may: on a date, else by the newest loaded release. `None`: neither.
    pub(crate) fn recordable_on(&self, date: Option<Date>) -> Option<Status> {
        match (date, self.now()) {
            (Some(date), _) => self.status_on(date).filter(|s| *s != Status::Inactive),
            (None, Now::Valid) => Some(Status::Valid),
            (None, Now::Header) => Some(Status::Header),
            (None, Now::Gone | Now::Unlisted) => None,
        }
    }

    /// Whether it may be recorded: today's statement (no date), or that of a date.
    pub fn is_valid_on(&self, date: Option<Date>) -> bool {
        match date {
            Some(date) => self.status_on(date) == Some(Status::Valid),
            None => self.now() == Now::Valid,
        }
    }

    /// Expired: once valid, no longer in the system's newest release (or a header or inactive there).
    pub fn is_expired(&self) -> bool {
        self.validity().any(|v| v.status == Status::Valid) && !self.is_valid_on(None)
    }

    pub fn parents(&self) -> impl Iterator<Item = Concept<'i>> + use<'i> {
        self.handles(self.part().parents.get(self.ordinal))
    }

    pub fn children(&self) -> impl Iterator<Item = Concept<'i>> + use<'i> {
        self.handles(self.part().children.get(self.ordinal))
    }

    /// All proper ancestors, in the order of the keys.
    pub fn ancestors(&self) -> impl Iterator<Item = Concept<'i>> + use<'i> {
        self.handles(self.part().ancestors.get(self.ordinal))
    }

    /// Whether `self` is a kind of `other` (or the same). Concepts of two systems never are.
    pub fn is_a(&self, other: Concept<'_>) -> bool {
        if self.system != other.system {
            return false;
        }
        if self.ordinal == other.ordinal {
            return true;
        }
        // Most concepts have nothing below them, and this column lies in a near cache.
        if self.part().children.range(other.ordinal).is_empty() {
            return false;
        }
        let lists = &self.part().ancestors;
        let range = lists.range(self.ordinal);
        let (own, all) = (range.len() as u32, lists.records.as_slice());
        // Few are compared all together, and always equally many, some of which belong to the next concept and do not count: a loop that ends
        // elsewhere for every concept is one whose end the processor guesses wrongly, and then it has to begin again all that it had begun.
        match all.get(range.start..).and_then(|rest| rest.first_chunk::<FEW>()).filter(|_| range.len() <= FEW) {
            Some(few) => (0..).zip(few).fold(false, |found, (at, ancestor)| found | ((at < own) & (ancestor.get() == other.ordinal))),
            None => all[range].binary_search_by_key(&other.ordinal, |a| a.get()).is_ok(),
        }
    }

    fn handles(&self, ordinals: &'i [zerocopy::little_endian::U32]) -> impl Iterator<Item = Concept<'i>> + use<'i> {
        let system = self.system();
        ordinals.iter().filter_map(move |o| system.at(o.get()))
    }

    pub fn notes(&self) -> impl Iterator<Item = Note<'i>> + use<'i> {
        let part = self.part();
        part.notes.range(self.ordinal).filter_map(move |at| {
            let records = part.notes.records.as_slice();
            let record = records.get(at)?;
            let end = records.get(at + 1).map_or(part.note_text.as_ref().len() as u32, |next| next.text.get());
            Some(Note { kind: NoteKind::from_byte(record.kind)?, text: format::text(&part.note_text, record.text.get(), end) })
        })
    }
}

fn periods(records: &[ValidityRecord]) -> impl DoubleEndedIterator<Item = Validity> {
    records.iter().filter_map(|r| {
        Some(Validity {
            from: format::date_from_number(r.from.get()),
            to: format::date_from_number(r.to.get()),
            status: Status::from_byte(r.status)?,
        })
    })
}
