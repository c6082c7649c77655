//! What reviewers are asked and what they answer, as plain values.

use super::Error;
use crate::model::Relationship;

/// What is asked. Two questions with the same five fields are one; the title is only for reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Alias of the source system.
    pub source_system: String,
    /// The code as its system prints it; empty for a text without a code.
    pub code: String,
    /// The title of the code when it was first asked.
    pub display: String,
    pub target_system: String,
    /// The record's own words; empty if the question is about the code alone. Private.
    pub text: String,
    /// What is known of the patient, in the form of [`facts_key`](super::facts_key); empty if nothing. Private.
    pub facts: String,
}

/// One code that was offered for a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offered {
    pub code: String,
    pub relationship: Option<Relationship>,
    /// How well the record's own words fit, 0 to 1.
    pub score: Option<f64>,
    /// `id|version` of the map; empty if no map says it.
    pub map: String,
    /// The line of the map's release file, 0 if there is none.
    pub row: u32,
}

/// What was offered: scenarios, groups, options, as in the answer of `translate`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    pub scenarios: Vec<Vec<Vec<Offered>>>,
}

/// One chosen code.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The group of the scenario that this code settles; from zero.
    pub group: u16,
    pub code: String,
    /// Its title when it was chosen.
    pub display: String,
    pub relationship: Relationship,
    /// `id|version` of the map whose row it is; empty for a code found by search or written by hand.
    pub map: String,
    /// The line of that map's release file; 0 if there is none.
    pub row: u32,
}

/// A reviewer's answer: these codes, all together; no codes at all means that there is no map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    pub targets: Vec<Chosen>,
    /// The scenario that was chosen, from zero; `None` if the codes are not of one scenario.
    pub scenario: Option<u16>,
    /// How sure, 0 to 1, if somebody said so.
    pub score: Option<f64>,
}

impl Verdict {
    pub const fn no_map() -> Verdict {
        Verdict { targets: Vec::new(), scenario: None, score: None }
    }

    pub fn is_no_map(&self) -> bool {
        self.targets.is_empty()
    }

    /// Codes of one group, with blanks between: alternatives, of which somebody has yet to choose. Nothing that is decided here has them; an
    /// xwalk of old took rows of a file for needed together that were not.
    pub fn alternatives(&self) -> Option<String> {
        let twin = |at: usize| self.targets.iter().enumerate().any(|(other, t)| other != at && t.group == self.targets[at].group);
        let codes: Vec<&str> = (0..self.targets.len()).filter(|&at| twin(at)).map(|at| self.targets[at].code.as_str()).collect();
        (!codes.is_empty()).then(|| codes.join(" "))
    }

    /// Whether a translation can use it: each code once, one of each group, and none of them unrelated to what was asked.
    pub fn usable(&self) -> Result<(), Error> {
        if let Some(codes) = self.alternatives() {
            return Err(Error::Alternatives { codes });
        }
        for (at, target) in self.targets.iter().enumerate() {
            let code = || target.code.clone();
            if target.relationship == Relationship::NotRelatedTo {
                return Err(Error::NotRelated { code: code() });
            }
            if self.targets[..at].iter().any(|other| other.code == target.code) {
                return Err(Error::Twice { code: code() });
            }
        }
        Ok(())
    }

    /// What two coders are compared by: the codes, in order of the alphabet, joined by a blank; empty for no map.
    pub fn key(&self) -> String {
        let mut codes: Vec<&str> = self.targets.iter().map(|t| t.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.join(" ")
    }
}

/// Where an item stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Nobody has answered; or two coders work blind and not both have.
    #[default]
    Unreviewed,
    /// Answered; a second person has yet to approve.
    Proposed,
    /// Approved codes: used in translations.
    Approved,
    /// Somebody wants it looked at: a doubt, two coders who differ, or a release that no longer agrees.
    Flagged,
    /// The second person said no.
    Rejected,
    /// Approved: there is no map. Used in translations.
    NoMap,
}

impl Status {
    pub const ALL: [Status; 6] = [Status::Unreviewed, Status::Proposed, Status::Approved, Status::Flagged, Status::Rejected, Status::NoMap];

    pub fn code(self) -> &'static str {
        match self {
            Status::Unreviewed => "unreviewed",
            Status::Proposed => "proposed",
            Status::Approved => "approved",
            Status::Flagged => "flagged",
            Status::Rejected => "rejected",
            Status::NoMap => "no-map",
        }
    }

    pub fn from_code(code: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether translations use it.
    pub fn is_settled(self) -> bool {
        matches!(self, Status::Approved | Status::NoMap)
    }
}

/// What a later release says of an approved decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Every code is still one, and the maps say what they said.
    StillValid,
    /// A chosen code has expired; its successors, if any are known, with blanks between.
    TargetExpired { code: String, successors: String },
    /// The source is no longer a valid code.
    SourceChanged,
    /// The maps offer other codes than when it was decided.
    MapChanged,
    /// A file gave these codes, with blanks between, as alternatives, and an xwalk of old took them for needed together.
    Alternatives { codes: String },
}

impl Finding {
    pub fn code(&self) -> &'static str {
        match self {
            Finding::StillValid => "still-valid",
            Finding::TargetExpired { .. } => "target-expired",
            Finding::SourceChanged => "source-changed",
            Finding::MapChanged => "map-changed",
            Finding::Alternatives { .. } => "alternatives",
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Finding::StillValid => f.write_str("still valid"),
            Finding::TargetExpired { code, successors } if successors.is_empty() => write!(f, "{code} has expired, no successor is known"),
            Finding::TargetExpired { code, successors } => write!(f, "{code} has expired; successor: {successors}"),
            Finding::SourceChanged => f.write_str("the source is no longer a valid code"),
            Finding::MapChanged => f.write_str("the map now offers other codes"),
            Finding::Alternatives { codes } => write!(f, "a file gave {codes} as alternatives, they are not needed together; decide which"),
        }
    }
}

/// A question that enters the queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub question: Question,
    /// How many records the answer settles.
    pub records: u64,
    /// Why no rule settled it: an [`Outcome`](crate::engine::Outcome) code.
    pub outcome: String,
    /// The outermost ancestor of the source.
    pub chapter: String,
    pub offer: Offer,
}

/// What somebody does to an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// It was asked, by a run of this name. A run asked again replaces its count; different runs add up.
    Asked {
        batch: String,
        records: u64,
        outcome: String,
        chapter: String,
    },
    Decided(Verdict),
    Approved,
    Rejected,
    Flagged,
    Commented,
    /// To one person, or to two who work blind. Empty: to nobody.
    Assigned {
        to: String,
        second: Option<String>,
    },
    /// Takes an event back, itself an event.
    Undone {
        event: i64,
    },
    Reexamined(Finding),
}

impl Action {
    /// Whether *undo* means it: that it was asked again or is still valid is nobody's act, and a taking-back is done anew instead.
    pub fn can_be_undone(&self) -> bool {
        !matches!(self, Action::Asked { .. } | Action::Undone { .. } | Action::Reexamined(Finding::StillValid))
    }

    pub fn code(&self) -> &'static str {
        match self {
            Action::Asked { .. } => "asked",
            Action::Decided(_) => "decided",
            Action::Approved => "approved",
            Action::Rejected => "rejected",
            Action::Flagged => "flagged",
            Action::Commented => "commented",
            Action::Assigned { .. } => "assigned",
            Action::Undone { .. } => "undone",
            Action::Reexamined(_) => "reexamined",
        }
    }
}

/// Something that was done to an item. Never changed, never removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Counts over the whole file.
    pub id: i64,
    pub who: String,
    /// UTC, RFC 3339.
    pub at: String,
    pub why: String,
    /// Who brought it in a file, in the other's name; empty: `who` did it.
    pub via: String,
    pub action: Action,
    /// The fingerprint of the index that was asked, empty if there was none at hand.
    pub index: String,
    /// What was on offer at that moment, by its digest; empty if nothing was.
    pub offer: String,
}

/// An item as it stands: the question and what its events amount to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    pub id: i64,
    pub question: Question,
    pub state: State,
}

/// What the events of an item amount to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The last event that the reader may see: what the next action must have seen.
    pub version: i64,
    pub status: Status,
    pub records: u64,
    pub outcome: String,
    pub chapter: String,
    pub assignee: String,
    /// The second of two coders who work blind.
    pub second: String,
    /// The event whose verdict stands.
    pub decision: Option<i64>,
    pub verdict: Option<Verdict>,
    pub author: String,
    pub approver: String,
    /// What a later release says, if it is not *still valid*.
    pub finding: Option<Finding>,
    /// The verdicts of two blind coders, by event.
    pub first_coding: Option<i64>,
    pub second_coding: Option<i64>,
    /// When the last event happened.
    pub at: String,
    /// The last remark.
    pub why: String,
}
