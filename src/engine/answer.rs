//! What the engine answers. Plain values and handles into the index; the faces decide how they look.
//!
//! The normal form of a translation holds GEM entries, RF2 extended maps and plain tables alike:
//! **scenarios, groups, options: choose one scenario, in it one option of every group, all together.**

use crate::index::{CodeSystem, Concept, ConceptMap, Row};
use crate::model::{Date, Relationship};
use compact_str::CompactString;
use smallvec::SmallVec;

/// What became of a question to `translate`; exactly one, the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// The source system is not in the index. (Where systems are named per record.)
    UnknownSystem,
    /// Not a code that a map can be asked for: no such code, or a header. Nearest codes are offered.
    InvalidCode,
    /// A code, but not on the given date; or a target with no successor on the target date.
    NotValidOnDate,
    /// One target, equivalent.
    Exact,
    /// One target, not identical (85 % of GEM rows, even 401.9 to I10).
    Approximate,
    /// One scenario of several groups, one option each: all of them together.
    Combination,
    /// Alternatives remain.
    Choice,
    /// A rule waits for a fact that was not given.
    NeedsFacts,
    /// The map says that there is none.
    NoMap,
    /// No map has a row for it.
    Unmapped,
}

impl Outcome {
    pub const ALL: [Outcome; 10] = [
        Outcome::UnknownSystem,
        Outcome::InvalidCode,
        Outcome::NotValidOnDate,
        Outcome::Exact,
        Outcome::Approximate,
        Outcome::Combination,
        Outcome::Choice,
        Outcome::NeedsFacts,
        Outcome::NoMap,
        Outcome::Unmapped,
    ];
    pub fn code(self) -> &'static str {
        match self {
            Outcome::UnknownSystem => "unknown-system",
            Outcome::InvalidCode => "invalid-code",
            Outcome::NotValidOnDate => "not-valid-on-date",
            Outcome::Exact => "exact",
            Outcome::Approximate => "approximate",
            Outcome::Combination => "combination",
            Outcome::Choice => "choice",
            Outcome::NeedsFacts => "needs-facts",
            Outcome::NoMap => "no-map",
            Outcome::Unmapped => "unmapped",
        }
    }
    pub fn from_code(code: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|o| o.code() == code)
    }
}

/// How alternatives are settled without a person. Named in every answer that it touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Nothing is picked; people decide.
    #[default]
    Review,
    /// The record's own words rank the options; the best is picked if it leads by a margin.
    Text,
    /// The one option that says *unspecified*, if there is exactly one.
    Unspecified,
    /// The first option in the map's order.
    First,
    /// What a reviewer has decided for this question.
    Decision,
}

impl Policy {
    pub const ALL: [Policy; 5] = [Policy::Review, Policy::Text, Policy::Unspecified, Policy::First, Policy::Decision];
    pub fn code(self) -> &'static str {
        match self {
            Policy::Review => "review",
            Policy::Text => "text",
            Policy::Unspecified => "unspecified",
            Policy::First => "first",
            Policy::Decision => "decision",
        }
    }
    pub fn from_code(code: &str) -> Option<Policy> {
        Policy::ALL.into_iter().find(|p| p.code() == code)
    }
}

/// The answer of `translate`.
#[derive(Clone, Debug)]
pub struct Translation<'i> {
    pub source_system: CodeSystem<'i>,
    /// The code as it was given.
    pub given: CompactString,
    /// What was understood; `None` if it is no code.
    pub source: Option<Concept<'i>>,
    pub target_system: CodeSystem<'i>,
    pub outcome: Outcome,
    /// Whether the answer may be taken without a person.
    pub automatic: bool,
    pub scenarios: Scenarios<'i>,
    /// Rows that say what the source is not ([`Relationship::NotRelatedTo`]): never translations.
    pub denials: Vec<Row<'i>>,
    /// What a policy picked.
    pub picked: Option<Picked>,
    /// The facts that rules wait for.
    pub needs: Vec<Need>,
    pub repairs: Vec<Repair>,
    pub nearest: Vec<Suggestion<'i>>,
    /// The map that answered, or that was asked; `None` if there is none for the pair.
    pub map: Option<ConceptMap<'i>>,
    /// One sentence for a person; empty if the outcome says it all.
    pub message: Message<'i>,
}

impl<'i> Translation<'i> {
    /// The targets to use without a person: of the only reading, or of the picked one. Empty if nothing is settled.
    pub fn chosen(&self) -> Chosen<'_, 'i> {
        let (scenario, options): (usize, &[usize]) = match &self.picked {
            Some(picked) => (picked.scenario, &picked.options),
            None if self.automatic => (0, &[]),
            None => return Chosen(SmallVec::new()),
        };
        let groups = self.scenarios.get(scenario).map_or(&[][..], |s| &s.groups);
        Chosen(groups.iter().enumerate().filter_map(|(g, group)| group.options.get(options.get(g).copied().unwrap_or(0))).collect())
    }

    /// All options of all scenarios.
    pub fn targets(&self) -> impl Iterator<Item = &Target<'i>> {
        self.scenarios.iter().flat_map(|s| &s.groups).flat_map(|g| &g.options)
    }
}

/// The targets of a settled answer, one of each group.
#[derive(Clone, Debug)]
pub struct Chosen<'t, 'i>(pub SmallVec<[&'t Target<'i>; 2]>);

/// The readings of a source. Most have one of one group with one option, which lies where the answer lies.
pub type Scenarios<'i> = SmallVec<[Scenario<'i>; 1]>;

/// One whole reading of the source: one option of every group, all together.
#[derive(Clone, Debug, Default)]
pub struct Scenario<'i> {
    pub groups: SmallVec<[Group<'i>; 1]>,
}

/// Alternatives, the best first.
#[derive(Clone, Debug, Default)]
pub struct Group<'i> {
    pub options: SmallVec<[Target<'i>; 1]>,
}

impl<'i> Scenario<'i> {
    /// A reading by one group.
    pub(super) fn of(options: impl Into<SmallVec<[Target<'i>; 1]>>) -> Scenario<'i> {
        Scenario { groups: SmallVec::from_buf([Group { options: options.into() }]) }
    }
}

/// One sentence for a person, put into words only where somebody reads it.
#[derive(Clone, Debug, Default)]
pub enum Message<'i> {
    #[default]
    None,
    /// A target of the only reading is no code that may be recorded today.
    NotRecordable(Concept<'i>, TargetState),
    /// The map names this target, and denies it in another row.
    Denied(Concept<'i>),
    /// The map that was asked has no row for the code.
    NoRow(ConceptMap<'i>, Concept<'i>),
    /// No loaded release of the source system speaks for the date.
    Coverage(CodeSystem<'i>, Date),
    /// What the map says itself.
    Advice(&'i str),
    Words(String),
}

impl<'i> Message<'i> {
    /// That nothing loaded speaks for a date, if so.
    pub(super) fn of_coverage(system: CodeSystem<'i>, date: Date) -> Message<'i> {
        let begun = system.coverage().0.is_none_or(|first| first <= date);
        if begun && system.gap_on(date).is_none() { Message::None } else { Message::Coverage(system, date) }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Message::None => true,
            Message::NotRecordable(..) | Message::Denied(_) | Message::NoRow(..) | Message::Coverage(..) => false,
            Message::Advice(text) => text.is_empty(),
            Message::Words(text) => text.is_empty(),
        }
    }
}

impl std::fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Message::None => Ok(()),
            Message::NotRecordable(target, TargetState::Unlisted) => {
                write!(f, "{} is in no loaded release of {}", target.code(), target.system().alias())
            }
            Message::NotRecordable(target, state) => {
                let what = if *state == TargetState::Header { "is a header now" } else { "has expired" };
                write!(f, "{} {what}; give a target date to follow it to its successors", target.code())
            }
            Message::Denied(target) => write!(f, "{} is also said to be unrelated", target.code()),
            Message::NoRow(map, source) => {
                let own = map.source() == source.system() && std::ptr::eq(map.source().index(), source.system().index());
                let denials = own && map.rows_of(*source).len() > 0;
                let what = if denials { "says only what is not" } else { "has no row for" };
                write!(f, "{}|{} {what} {}", map.id(), map.version(), source.code())
            }
            Message::Coverage(system, date) => f.write_str(&coverage(*system, *date, &date.to_string()).unwrap_or_default()),
            Message::Advice(text) => f.write_str(text),
            Message::Words(text) => f.write_str(text),
        }
    }
}

/// Why an answer about this date, which words call `day`, is less than certain, if it is: no loaded release of the system speaks for it.
pub(super) fn coverage(system: CodeSystem<'_>, date: Date, day: &str) -> Option<String> {
    let alias = system.alias();
    if let Some(first) = system.coverage().0.filter(|first| date < *first) {
        return Some(format!("the loaded releases of {alias} begin on {first}; {day} was answered by the first of them"));
    }
    let (from, to) = system.gap_on(date)?;
    Some(format!("no release of {alias} from {from} to {to} is loaded; {day} was answered by the releases before and after"))
}

impl From<String> for Message<'_> {
    fn from(text: String) -> Self {
        Message::Words(text)
    }
}

/// One target code, and where it comes from.
#[derive(Clone, Debug)]
pub struct Target<'i> {
    pub concept: Concept<'i>,
    /// From the source of the question to this target, all hops composed.
    pub relationship: Relationship,
    /// From one; the order in its group.
    pub priority: u16,
    pub state: TargetState,
    pub origin: Origin<'i>,
    /// What lies between the row of the origin and this target, in order: further maps, successors, history. Empty for most.
    pub hops: Vec<Hop<'i>>,
    /// How well the record's own words fit, 0 to 1, where they were given.
    pub score: Option<f32>,
    /// The row was read from target to source: a candidate, never automatic.
    pub reversed: bool,
    /// Another row, or a reviewer, says that this is not what the source means: never automatic.
    pub denied: bool,
    /// The row belongs to this ancestor of the source, which was asked for because the source has none.
    pub ancestor: Option<Concept<'i>>,
}

impl<'i> Target<'i> {
    /// Read backwards, half of a combination: what else the found code needs, by group. Codes of one group are alternatives.
    pub fn together(&self) -> Vec<(u16, Concept<'i>)> {
        let row = self.origin.row().filter(|_| self.reversed);
        row.map_or_else(Vec::new, super::translate::together)
    }
}

/// Whether a target is still a code: on the target date if one was given, else by the newest loaded release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    Valid,
    /// A header now: too general to be recorded.
    Header,
    /// No longer, or not yet, a code.
    Expired,
    /// No loaded release lists it; only the map names it.
    Unlisted,
}

impl TargetState {
    pub fn code(self) -> &'static str {
        match self {
            TargetState::Valid => "valid",
            TargetState::Header => "header",
            TargetState::Expired => "expired",
            TargetState::Unlisted => "unlisted",
        }
    }
    pub fn in_words(self) -> &'static str {
        match self {
            TargetState::Valid => "valid",
            TargetState::Header => "a header",
            TargetState::Expired => "no valid code",
            TargetState::Unlisted => "in no loaded release",
        }
    }
}

/// Which row answered.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'i> {
    /// A row of a map: its file, its line, its flags, rule, advice and remarks ([`Row::detail`]).
    Row(Row<'i>),
    /// A code that the map gives to every source without a row of its own (FHIR `unmapped`).
    Unmapped(ConceptMap<'i>),
    /// The code is one of the target system already.
    Same,
    /// A reviewer's decision, by its number in the decisions file.
    Decision(i64),
    /// No map: the words of the source fit the words of this target.
    Text,
}

impl<'i> Origin<'i> {
    pub fn map(&self) -> Option<ConceptMap<'i>> {
        match self {
            Origin::Row(row) => Some(row.map()),
            Origin::Unmapped(map) => Some(*map),
            _ => None,
        }
    }
    pub fn row(&self) -> Option<Row<'i>> {
        match self {
            Origin::Row(row) => Some(*row),
            _ => None,
        }
    }
}

/// One step from a code to another, after or before the row that answered.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'i> {
    pub from: Concept<'i>,
    pub to: Concept<'i>,
    pub relationship: Relationship,
    /// The row that leads.
    pub row: Row<'i>,
    /// When the step took effect (conversion table), if the row says.
    pub effective: Option<Date>,
}

/// What a policy picked: a scenario, and one option of each of its groups, counted from zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Picked {
    pub scenario: usize,
    pub options: Vec<usize>,
    pub policy: Policy,
    /// By how much the best led the next best, 0 to 1, where words were compared.
    pub margin: Option<f32>,
    /// The reviewer's decision, if it was one.
    pub decision: Option<i64>,
}

/// A fact that a rule waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// `age`, `sex`, or `SYSTEM|CODE` of a co-existing finding, or `rule` where the rule cannot be parsed.
    pub fact: String,
    /// The rule as its release has it.
    pub rule: String,
}

/// How a given text was made into a code. Never silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    pub kind: RepairKind,
    pub given: String,
    pub used: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RepairKind {
    /// Blanks around or inside.
    Blank,
    /// Lower case.
    Case,
    /// The dot left out, added, or in another place.
    Dot,
    /// A letter O where a zero stands, I or l where a one stands.
    Letter,
    /// Zeros in front, lost (as in a spreadsheet) or added.
    LeadingZero,
    /// Zeros at the end, lost.
    TrailingZero,
    /// Zeros or placeholders X at the end, added; also the `.0` of a number that was a code.
    Padding,
    /// The name of its system before it, or its term between bars behind it.
    Quoted,
}

impl RepairKind {
    pub const ALL: [RepairKind; 8] = [
        RepairKind::Blank,
        RepairKind::Case,
        RepairKind::Dot,
        RepairKind::Letter,
        RepairKind::LeadingZero,
        RepairKind::TrailingZero,
        RepairKind::Padding,
        RepairKind::Quoted,
    ];
    pub fn code(self) -> &'static str {
        match self {
            RepairKind::Blank => "blank",
            RepairKind::Case => "case",
            RepairKind::Dot => "dot",
            RepairKind::Letter => "letter",
            RepairKind::LeadingZero => "leading-zero",
            RepairKind::TrailingZero => "trailing-zero",
            RepairKind::Padding => "padding",
            RepairKind::Quoted => "quoted",
        }
    }
}

/// A code that may be what was meant.
#[derive(Clone, Debug)]
pub struct Suggestion<'i> {
    pub concept: Concept<'i>,
    pub kind: SuggestionKind,
    /// Edits between what was given and this code ([`SuggestionKind::Nearest`]).
    pub distance: u8,
    /// When it took over, or gave way.
    pub effective: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuggestionKind {
    /// Spelled like it.
    Nearest,
    /// More than one repair would do; this is one.
    Repair,
    /// The same code, in another system.
    OtherSystem,
    /// A code below the given header.
    Child,
    /// Took its place.
    Successor,
    /// Was used in its place before.
    Predecessor,
}

impl SuggestionKind {
    pub fn code(self) -> &'static str {
        match self {
            SuggestionKind::Nearest => "nearest",
            SuggestionKind::Repair => "repair",
            SuggestionKind::OtherSystem => "other-system",
            SuggestionKind::Child => "child",
            SuggestionKind::Successor => "successor",
            SuggestionKind::Predecessor => "predecessor",
        }
    }
}

/// The answer of `lookup`: the concept has all the nouns.
#[derive(Clone, Debug)]
pub struct Lookup<'i> {
    pub system: CodeSystem<'i>,
    pub given: CompactString,
    pub concept: Option<Concept<'i>>,
    pub repairs: Vec<Repair>,
    pub nearest: Vec<Suggestion<'i>>,
    pub date: Option<Date>,
}

/// The answer of `validate`.
#[derive(Clone, Debug)]
pub struct Validation<'i> {
    pub system: CodeSystem<'i>,
    pub given: CompactString,
    pub concept: Option<Concept<'i>>,
    pub status: ValidationStatus,
    pub repairs: Vec<Repair>,
    pub issues: Vec<ValidationIssue<'i>>,
}

impl Validation<'_> {
    /// A code that may be recorded (on the date, if one was given), by this display if one was given.
    pub fn is_valid(&self) -> bool {
        self.status == ValidationStatus::Valid && !self.issues.iter().any(|i| i.severity == IssueSeverity::Error)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValidationStatus {
    Valid,
    /// In the system, but a heading that must not be recorded.
    Header,
    /// A code at another time.
    NotValidOnDate,
    /// Not of the shape of this system's codes.
    Malformed,
    /// Of the right shape, but no such code.
    Unknown,
    /// Not a code here, but one of another loaded system.
    WrongSystem,
}

impl ValidationStatus {
    pub const ALL: [ValidationStatus; 6] = [
        ValidationStatus::Valid,
        ValidationStatus::Header,
        ValidationStatus::NotValidOnDate,
        ValidationStatus::Malformed,
        ValidationStatus::Unknown,
        ValidationStatus::WrongSystem,
    ];
    pub fn code(self) -> &'static str {
        match self {
            ValidationStatus::Valid => "valid",
            ValidationStatus::Header => "header",
            ValidationStatus::NotValidOnDate => "not-valid-on-date",
            ValidationStatus::Malformed => "malformed",
            ValidationStatus::Unknown => "unknown",
            ValidationStatus::WrongSystem => "wrong-system",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssueSeverity {
    Error,
    Warning,
    Information,
}

impl IssueSeverity {
    pub fn code(self) -> &'static str {
        match self {
            IssueSeverity::Error => "error",
            IssueSeverity::Warning => "warning",
            IssueSeverity::Information => "information",
        }
    }
}

/// Something to know about a validated code.
#[derive(Clone, Debug)]
pub struct ValidationIssue<'i> {
    pub severity: IssueSeverity,
    /// `repaired`, `header`, `not-valid-on-date`, `malformed`, `unknown`, `wrong-system`, `display`, `ambiguous`, `coverage`, `unlisted`.
    pub code: &'static str,
    pub message: String,
    pub suggestions: Vec<Suggestion<'i>>,
}

/// The answer of `subsumes`, by the codes of FHIR `CodeSystem/$subsumes`: how A stands to B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsumption {
    Equivalent,
    Subsumes,
    SubsumedBy,
    NotSubsumed,
}

impl Subsumption {
    pub fn code(self) -> &'static str {
        match self {
            Subsumption::Equivalent => "equivalent",
            Subsumption::Subsumes => "subsumes",
            Subsumption::SubsumedBy => "subsumed-by",
            Subsumption::NotSubsumed => "not-subsumed",
        }
    }
}
