//! The answer of `lookup`.

use super::{CodeAndDisplay, Day, Repair, Suggestion, repairs, suggestions};
use crate::engine::Lookup;
use crate::index::Concept;
use crate::model::{Date, NoteKind, Status};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// What a code is.
#[derive(Clone, Debug, Serialize)]
pub struct LookupAnswer<'a> {
    pub system: &'a str,
    /// As its system prints it; as it was given, if it is no code.
    pub code: &'a str,
    pub display: Option<&'a str>,
    /// Whether there is such a code.
    pub found: bool,
    pub given: &'a str,
    /// The newest release of the system in the index.
    pub version: &'a str,
    pub billable: bool,
    pub designations: Vec<Designation<'a>>,
    pub parents: Vec<CodeAndDisplay<'a>>,
    pub children: Vec<CodeAndDisplay<'a>>,
    pub validity: Vec<Period>,
    pub notes: Notes<'a>,
    pub repairs: Vec<Repair<'a>>,
    pub nearest: Vec<Suggestion<'a>>,
}

/// A text by which a code is known.
#[derive(Clone, Debug, Serialize)]
pub struct Designation<'a> {
    #[serde(rename = "use")]
    pub usage: &'static str,
    pub text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub language: &'a str,
    /// When it was in use; left out if always.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validity: Vec<Period>,
}

/// A time and what the code was in it; both ends are included, no `to` means until further notice.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Period {
    pub from: Option<Day>,
    pub to: Option<Day>,
    /// `valid`, `header`, `inactive`.
    pub status: &'static str,
}

/// The notes of the tabular: texts by kind, in the order of the release.
#[derive(Clone, Debug, Default)]
pub struct Notes<'a>(pub Vec<(NoteKind, Vec<&'a str>)>);

impl Serialize for Notes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (kind, texts) in &self.0 {
            map.serialize_entry(kind.code(), texts)?;
        }
        map.end()
    }
}

impl<'a> Notes<'a> {
    fn of(concept: Concept<'a>) -> Notes<'a> {
        let mut notes: Vec<(NoteKind, Vec<&'a str>)> = Vec::new();
        for note in concept.notes() {
            match notes.iter_mut().find(|(kind, _)| *kind == note.kind) {
                Some((_, texts)) => texts.push(note.text),
                None => notes.push((note.kind, vec![note.text])),
            }
        }
        Notes(notes)
    }
}

/// The word for a status.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Valid => "valid",
        Status::Header => "header",
        Status::Inactive => "inactive",
    }
}

fn periods(validity: impl Iterator<Item = crate::model::Validity>) -> Vec<Period> {
    validity.map(|v| Period { from: v.from.map(Day), to: v.to.map(Day), status: status(v.status) }).collect()
}

fn display(concept: Concept<'_>, date: Option<Date>) -> Option<&str> {
    date.and_then(|date| concept.display_on(date)).or_else(|| concept.display())
}

impl<'a> LookupAnswer<'a> {
    pub fn of(answer: &'a Lookup<'_>) -> LookupAnswer<'a> {
        let mut wire = LookupAnswer {
            system: answer.system.alias(),
            code: answer.given.trim(),
            display: None,
            found: false,
            given: &answer.given,
            version: answer.system.version(),
            billable: false,
            designations: Vec::new(),
            parents: Vec::new(),
            children: Vec::new(),
            validity: Vec::new(),
            notes: Notes::default(),
            repairs: repairs(&answer.repairs),
            nearest: suggestions(&answer.nearest),
        };
        let Some(concept) = answer.concept else { return wire };
        wire.code = concept.code();
        wire.display = display(concept, answer.date);
        wire.found = true;
        wire.billable = concept.is_valid_on(answer.date);
        wire.designations = concept
            .designations()
            .map(|d| Designation { usage: d.usage.code(), text: d.text, language: d.language, validity: periods(d.validity()) })
            .collect();
        wire.parents = concept.parents().map(CodeAndDisplay::from).collect();
        wire.children = concept.children().map(CodeAndDisplay::from).collect();
        wire.validity = periods(concept.validity());
        wire.notes = Notes::of(concept);
        wire
    }
}
