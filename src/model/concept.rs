//! What a code system says of a code: whether and when it may be used, what it is called, what stands beside it.

use super::Date;

/// What a release says of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// May be recorded: *billable* in ICD, active in SNOMED CT.
    Valid = 0,
    /// A heading that groups other codes: in the release, but not to be recorded.
    Header = 1,
    /// Listed as retired.
    Inactive = 2,
}

impl Status {
    pub const ALL: [Status; 3] = [Status::Valid, Status::Header, Status::Inactive];
    pub(crate) fn from_byte(byte: u8) -> Option<Status> {
        Status::ALL.get(usize::from(byte)).copied()
    }
}

/// A time in which a code had one status. Both ends are included, as in CMS files and FHIR `Period`; no `to` means until further notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Validity {
    /// `None`: since before any date (a system whose releases carry none).
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub status: Status,
}

impl Validity {
    pub fn contains(&self, date: Date) -> bool {
        self.from.is_none_or(|from| from <= date) && self.to.is_none_or(|to| date <= to)
    }
}

/// What kind of text a designation is. FHIR `CodeSystem.concept.designation.use`; RF2 description `typeId` and language refset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DesignationUse {
    /// The title to show: ICD and CPT long titles.
    Long = 0,
    /// RF2: the synonym that the language refset prefers.
    Preferred = 1,
    /// RF2 900000000000003001, with its semantic tag.
    FullySpecifiedName = 2,
    /// The title that a release abbreviates for narrow columns (60 or 24 characters in ICD).
    Short = 3,
    /// RF2 900000000000013009 and other alternative names.
    Synonym = 4,
    /// ICD tabular `inclusionTerm`: a condition for which the code is the one to use.
    InclusionTerm = 5,
    /// A title that no release prints, made of the parent's title and the seventh character's text; marked so wherever it is shown.
    Composed = 6,
}

impl DesignationUse {
    pub const ALL: [DesignationUse; 7] = [
        DesignationUse::Long,
        DesignationUse::Preferred,
        DesignationUse::FullySpecifiedName,
        DesignationUse::Short,
        DesignationUse::Synonym,
        DesignationUse::InclusionTerm,
        DesignationUse::Composed,
    ];
    pub fn code(self) -> &'static str {
        match self {
            DesignationUse::Long => "long",
            DesignationUse::Preferred => "preferred",
            DesignationUse::FullySpecifiedName => "fsn",
            DesignationUse::Short => "short",
            DesignationUse::Synonym => "synonym",
            DesignationUse::InclusionTerm => "inclusion-term",
            DesignationUse::Composed => "composed",
        }
    }
    /// Whether a release gives a concept one text of this kind at a time, so that a new one takes the place of the old.
    pub(crate) fn is_title(self) -> bool {
        !matches!(self, DesignationUse::Synonym | DesignationUse::InclusionTerm)
    }
    /// How good a text of this kind is as *the* display of a concept; the smallest wins.
    pub(crate) fn display_rank(self) -> u8 {
        match self {
            DesignationUse::Preferred => 0,
            DesignationUse::Long => 1,
            DesignationUse::Composed => 2,
            DesignationUse::FullySpecifiedName => 3,
            DesignationUse::Synonym => 4,
            DesignationUse::Short => 5,
            DesignationUse::InclusionTerm => 6,
        }
    }
    pub(crate) fn from_byte(byte: u8) -> Option<DesignationUse> {
        DesignationUse::ALL.get(usize::from(byte)).copied()
    }
}

/// The notes of the ICD-10-CM tabular (and RF2 or HCPCS remarks), by the names of the NCHS XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum NoteKind {
    Includes = 0,
    Excludes1 = 1,
    Excludes2 = 2,
    CodeFirst = 3,
    UseAdditionalCode = 4,
    CodeAlso = 5,
    SeventhCharacterNote = 6,
    /// `A: initial encounter`
    SeventhCharacter = 7,
    Note = 8,
}

impl NoteKind {
    pub const ALL: [NoteKind; 9] = [
        NoteKind::Includes,
        NoteKind::Excludes1,
        NoteKind::Excludes2,
        NoteKind::CodeFirst,
        NoteKind::UseAdditionalCode,
        NoteKind::CodeAlso,
        NoteKind::SeventhCharacterNote,
        NoteKind::SeventhCharacter,
        NoteKind::Note,
    ];
    pub fn code(self) -> &'static str {
        match self {
            NoteKind::Includes => "includes",
            NoteKind::Excludes1 => "excludes1",
            NoteKind::Excludes2 => "excludes2",
            NoteKind::CodeFirst => "codeFirst",
            NoteKind::UseAdditionalCode => "useAdditionalCode",
            NoteKind::CodeAlso => "codeAlso",
            NoteKind::SeventhCharacterNote => "sevenChrNote",
            NoteKind::SeventhCharacter => "sevenChrDef",
            NoteKind::Note => "note",
        }
    }
    pub(crate) fn from_byte(byte: u8) -> Option<NoteKind> {
        NoteKind::ALL.get(usize::from(byte)).copied()
    }
}
