//! The ledger: what came in, what went out, and what became of every code.
//!
//! Codes are counted where they are answered: a [`Tally`] is one distinct code with one outcome, and everything that a report says of
//! codes is a sum of tallies. Beside them each column counts its own outcomes, so that the two can be held against each other.

use super::Error;
use crate::engine::{Outcome, TargetState};
use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// Distinct codes that are kept apart; beyond (a column of free text, say) they are counted together by outcome.
const MOST_TALLIES: usize = 200_000;

/// Sets of options of one unsettled code that are kept apart; the words of records may make one for each.
const MOST_READINGS: u32 = 50;

/// Values of source columns that mean no system and are told apart. There are few, or the column is another than was meant.
const MOST_UNHEARD: usize = 40;

/// What stands in the place of distinct codes that are counted together.
pub(super) const OTHERS: &str = "(others)";

/// Characters of a code and of a message that are kept.
const MOST_QUOTED: usize = 1000;

/// One distinct code with one outcome and, where it is unsettled, one set of options. There may be as many as the cap allows, and most of these texts are short: they lie in place.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// The system's alias; empty if a record named none that is known.
    pub system: CompactString,
    /// Alias of the system that it was to be translated to; empty where `system` is.
    #[serde(default)]
    pub to: CompactString,
    /// As its system prints it; as given, blanks around it apart, if it is no code.
    pub code: CompactString,
    /// Whether `code` is a code of the system.
    pub known: bool,
    #[serde(with = "outcome_code")]
    pub outcome: Option<Outcome>,
    /// Whether a target was taken.
    pub settled: bool,
    /// The codes taken, separated by a blank.
    pub target: CompactString,
    pub relationship: CompactString,
    pub map: CompactString,
    /// Whether the codes taken are codes, in the order of `target`: words of [`crate::engine::TargetState`], separated by a blank.
    #[serde(default)]
    pub target_state: CompactString,
    /// What settled a choice; empty if nothing had to.
    pub policy: CompactString,
    /// Of an unsettled code: what it may be, `A + B / C | D`: scenarios, groups, options.
    pub options: String,
    pub message: String,
    /// How many stand for it in the input.
    pub count: u64,
}

impl Tally {
    /// A code of which nobody knows whose it is, and why.
    pub(super) fn without_system(code: &str, why: String) -> Tally {
        Tally { code: code.trim().into(), outcome: Some(Outcome::UnknownSystem), message: why, ..Tally::default() }
    }

    /// A code of what the source column calls so.
    pub(super) fn of_no_system(code: &str, value: &str) -> Tally {
        let why = if value.is_empty() { String::from("the record says no code system") } else { format!("no code system `{value}`") };
        Tally::without_system(code, why)
    }

    /// What the source column says that means no system.
    pub(super) fn no_system(&self) -> Option<&str> {
        let is_one = self.outcome == Some(Outcome::UnknownSystem);
        let value = self.message.strip_prefix("no code system `").filter(|_| is_one)?;
        Some(value.strip_suffix('`').unwrap_or(value))
    }

    /// Whether it is of one code of the system.
    pub(super) fn is_one_code(&self) -> bool {
        self.known && self.code != OTHERS
    }

    /// What is written of the outcome: one that is taken elsewhere, and here by nobody, has a name of its own.
    pub fn outcome_code(&self) -> &'static str {
        match self.outcome {
            Some(Outcome::Exact) if !self.settled => "unsettled-exact",
            Some(Outcome::Approximate) if !self.settled => "unsettled-approximate",
            Some(Outcome::Combination) if !self.settled => "unsettled-combination",
            outcome => outcome.map_or("", Outcome::code),
        }
    }

    /// The first state of a code taken that is none: on the target date, else of the newest release loaded.
    pub fn invalid_target(&self) -> Option<&str> {
        self.target_state.split(' ').find(|state| !state.is_empty() && *state != TargetState::Valid.code())
    }
}

/// What stood there for a code and had to be repaired to be it.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Repaired {
    /// Of the code.
    pub tally: u32,
    /// Kinds of repair, one bit each in the order of [`crate::engine::RepairKind::ALL`].
    pub kinds: u8,
    pub given: CompactString,
    /// How many stand for it in the input.
    pub count: u64,
}

/// Where a code is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub tally: u32,
    /// What was repaired, from 1; 0: nothing.
    pub repaired: u32,
}

mod outcome_code {
    use crate::engine::Outcome;
    use serde::{Deserialize, Deserializer, Serializer};
    pub fn serialize<S: Serializer>(o: &Option<Outcome>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(o.map_or("", Outcome::code))
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Outcome>, D::Error> {
        Ok(Outcome::from_code(&String::deserialize(d)?))
    }
}

/// Why a record was not converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// More or fewer fields than the header.
    Fields,
    /// Bytes that are not of the text's encoding.
    Encoding,
    Nul,
    /// A quotation that nobody closed before the end.
    Quotation,
    /// Not a JSON object.
    Json,
    /// An object with two members of one name: which one is meant?
    Repeated,
    /// A JSON object that has a member of the name of one to append.
    Taken,
    /// A date of service that is no date.
    Date,
    /// A code that nobody settled, where the job rejects those.
    Unsettled,
}

impl RejectReason {
    pub const ALL: [RejectReason; 9] = [
        RejectReason::Fields,
        RejectReason::Encoding,
        RejectReason::Nul,
        RejectReason::Quotation,
        RejectReason::Json,
        RejectReason::Repeated,
        RejectReason::Taken,
        RejectReason::Date,
        RejectReason::Unsettled,
    ];

    pub fn code(self) -> &'static str {
        match self {
            RejectReason::Fields => "fields",
            RejectReason::Encoding => "encoding",
            RejectReason::Nul => "nul",
            RejectReason::Quotation => "quotation",
            RejectReason::Json => "json",
            RejectReason::Repeated => "repeated",
            RejectReason::Taken => "taken",
            RejectReason::Date => "date",
            RejectReason::Unsettled => "unsettled",
        }
    }
    pub fn in_words(self) -> &'static str {
        match self {
            RejectReason::Fields => "not as many fields as the header",
            RejectReason::Encoding => {
                "bytes that are not of the encoding that the file is read in; if it is Windows-1252, say so (--encoding windows-1252)"
            }
            RejectReason::Nul => "a NUL byte",
            RejectReason::Quotation => "a quotation that is not closed before the end of the file",
            RejectReason::Json => "not a JSON object",
            RejectReason::Repeated => "a JSON object with two members of one name",
            RejectReason::Taken => "it already has a member of the name of one that is appended",
            RejectReason::Date => "a date that is no date",
            RejectReason::Unsettled => "a code that nobody settled",
        }
    }
}

/// What one code column held.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Codes {
    pub column: String,
    /// Records whose cell was blank.
    pub blank: u64,
    /// Codes beyond the first of a cell.
    pub further: u64,
    /// By [`Outcome::ALL`].
    pub outcomes: [u64; 10],
    /// Codes for which a target was taken.
    pub settled: u64,
    /// Codes of records that were rejected for one of them, and the settled among these: they are counted, and do not stand in the output.
    #[serde(default)]
    pub rejected: u64,
    #[serde(default)]
    pub rejected_settled: u64,
}

impl Codes {
    pub fn codes(&self) -> u64 {
        self.outcomes.iter().sum()
    }
}

/// A record chosen for manual check.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sampled {
    pub line: u64,
    pub column: String,
    pub tally: u32,
    /// Its lot; the lowest of an outcome are in the sample.
    pub lot: u64,
}

/// The record of the most lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Longest {
    /// Where it begins; 0: no record has several lines.
    pub line: u64,
    pub lines: u64,
}

#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    pub records_in: u64,
    pub records_out: u64,
    /// Lines without anything; not records.
    pub blank_lines: u64,
    /// Line breaks within the fields of records, rejected ones included.
    #[serde(default)]
    pub line_breaks: u64,
    /// The record of the most lines, where some have several.
    #[serde(default)]
    pub longest: Longest,
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Lines of the rejected records.
    #[serde(default)]
    pub rejected_lines: u64,
    /// Places at which some record had a member, where there is no header to say which there are.
    #[serde(default)]
    pub met: Vec<usize>,
    pub columns: Vec<Codes>,
    pub tallies: Vec<Tally>,
    pub repaired: Vec<Repaired>,
    /// By outcome, in the order of [`Outcome::ALL`].
    pub samples: Vec<Vec<Sampled>>,
    /// Cells of fact columns that were not understood: age, sex.
    pub facts_not_understood: BTreeMap<String, u64>,
    /// Whether some distinct codes were counted together.
    pub crowded: bool,
    /// Values of source columns that mean no system, the first that came.
    #[serde(default)]
    pub unheard: Vec<String>,
    #[serde(skip)]
    places: Places,
}

/// Where tallies stand, and what was repaired, by their hashes, which stand beside: a table that grows looks at none of them again. It says
/// nothing that they do not say.
#[derive(Clone, Debug, Default)]
struct Places {
    tallies: HashTable<(u64, u32)>,
    repaired: HashTable<(u64, u32)>,
    /// By the hash of an unsettled code: how many tallies it has.
    readings: HashMap<u64, u32, FixedState>,
}

impl PartialEq for Places {
    fn eq(&self, _: &Places) -> bool {
        true
    }
}

impl Ledger {
    pub fn new(columns: impl IntoIterator<Item = String>) -> Ledger {
        Ledger {
            columns: columns.into_iter().map(|column| Codes { column, ..Codes::default() }).collect(),
            samples: vec![Vec::new(); Outcome::ALL.len()],
            ..Ledger::default()
        }
    }

    /// After reading: where the tallies stand.
    pub(super) fn find_places(&mut self) {
        self.places = Places::default();
        for at in 0..self.tallies.len() {
            self.note_tally(at);
        }
        for at in 0..self.repaired.len() {
            self.note_repaired(at);
        }
    }

    fn note_tally(&mut self, at: usize) {
        let hash = tally_hash(&self.tallies[at]);
        self.places.tallies.insert_unique(hash, (hash, at as u32), |&(hash, _)| hash);
        if !self.tallies[at].settled {
            *self.places.readings.entry(code_hash(&self.tallies[at])).or_default() += 1;
        }
    }

    fn note_repaired(&mut self, at: usize) {
        let hash = hash(&repaired_key(&self.repaired[at]));
        self.places.repaired.insert_unique(hash, (hash, at as u32), |&(hash, _)| hash);
    }

    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Codes in all columns.
    pub fn codes(&self) -> u64 {
        self.columns.iter().map(Codes::codes).sum()
    }

    pub fn settled(&self) -> u64 {
        self.columns.iter().map(|c| c.settled).sum()
    }

    /// Codes by outcome.
    pub fn outcomes(&self) -> [u64; 10] {
        let mut sums = [0; 10];
        for column in &self.columns {
            sums.iter_mut().zip(column.outcomes).for_each(|(sum, n)| *sum += n);
        }
        sums
    }

    /// Where a code is counted that is like this one, and what was repaired for it: kinds, and what stood there.
    pub(super) fn place(&mut self, mut tally: Tally, repaired: Option<(u8, CompactString)>) -> Place {
        if let Some(code) = shortened(&tally.code) {
            tally.code = code.into();
        }
        if let Some(message) = shortened(&tally.message) {
            tally.message = message;
        }
        let tally = self.tally(tally);
        self.spelling(tally, repaired)
    }

    /// Where another spelling of a code is counted.
    pub(super) fn spelling(&mut self, tally: u32, repaired: Option<(u8, CompactString)>) -> Place {
        let repaired = repaired.map_or(0, |(kinds, given)| self.repair(Repaired { tally, kinds, given, count: 0 }) + 1);
        Place { tally, repaired }
    }

    /// Counts a code.
    pub(super) fn count(&mut self, place: Place, count: u64) {
        self.tallies[place.tally as usize].count += count;
        if let Some(repaired) = place.repaired.checked_sub(1) {
            self.repaired[repaired as usize].count += count;
        }
    }

    /// Whether a value of a source column that means no system is told from others.
    pub(super) fn tells_apart(&mut self, value: &str) -> bool {
        let is_told = self.unheard.iter().any(|heard| heard == value);
        if !is_told && self.unheard.len() < MOST_UNHEARD && shortened(value).is_none() {
            self.unheard.push(value.to_owned());
            return true;
        }
        is_told
    }

    /// The place of the repair that is like this one but for its count.
    fn repair(&mut self, mut repaired: Repaired) -> u32 {
        let find = |repaired: &Repaired| {
            let key = repaired_key(repaired);
            let wanted = hash(&key);
            let found = self.places.repaired.find(wanted, |&(hash, at)| hash == wanted && repaired_key(&self.repaired[at as usize]) == key);
            found.map(|&(_, at)| at)
        };
        if let Some(at) = find(&repaired) {
            return at;
        }
        if self.repaired.len() >= MOST_TALLIES {
            repaired.given = CompactString::const_new(OTHERS);
            if let Some(at) = find(&repaired) {
                return at;
            }
        }
        self.repaired.push(repaired);
        self.note_repaired(self.repaired.len() - 1);
        self.repaired.len() as u32 - 1
    }

    /// The place of the tally that is like this one but for its count.
    fn tally(&mut self, mut tally: Tally) -> u32 {
        if let Some(at) = self.find(&tally) {
            return at;
        }
        if !tally.settled && self.places.readings.get(&code_hash(&tally)).is_some_and(|readings| *readings >= MOST_READINGS) {
            (tally.options, tally.message) = (String::new(), String::from("other options than those listed"));
            if let Some(at) = self.find(&tally) {
                return at;
            }
        }
        let tally = if self.tallies.len() < MOST_TALLIES {
            tally
        } else {
            self.crowded = true;
            let others = Tally {
                code: CompactString::const_new(OTHERS),
                options: String::new(),
                message: String::new(),
                target: CompactString::default(),
                relationship: CompactString::default(),
                ..tally
            };
            if let Some(at) = self.find(&others) {
                return at;
            }
            others
        };
        let at = self.tallies.len();
        self.tallies.push(tally);
        self.note_tally(at);
        at as u32
    }

    fn find(&self, tally: &Tally) -> Option<u32> {
        let wanted = tally_hash(tally);
        let found = self.places.tallies.find(wanted, |&(hash, at)| hash == wanted && is_same(&self.tallies[at as usize], tally));
        found.map(|&(_, at)| at)
    }

    /// Holds invariant 13: records in = records out + records rejected, codes in = the sum of all outcomes, counted in two places.
    ///
    /// `seen` is the number of records whose cells were looked at.
    pub fn check(&self, seen: u64) -> Result<(), Error> {
        let same = |what: &str, left: u64, right: u64| {
            if left == right { Ok(()) } else { Err(Error::Unbalanced { what: format!("{what}: {left} and {right}") }) }
        };
        same("records in, records out and rejected", self.records_in, self.records_out + self.rejected_total())?;
        for column in &self.columns {
            let cells = seen.saturating_sub(column.blank) + column.further;
            same(&format!("codes in and outcomes of {}", column.column), cells, column.codes())?;
        }
        let tallied: u64 = self.tallies.iter().map(|t| t.count).sum();
        same("outcomes by column and by code", self.codes(), tallied)?;
        let settled: u64 = self.tallies.iter().filter(|t| t.settled).map(|t| t.count).sum();
        same("settled by column and by code", self.settled(), settled)
    }
}

/// Whether two tallies are one: they differ in their counts alone.
fn is_same(a: &Tally, b: &Tally) -> bool {
    (a.outcome, a.known, a.settled) == (b.outcome, b.known, b.settled)
        && [&a.code, &a.target, &a.system, &a.to, &a.relationship, &a.map, &a.target_state, &a.policy]
            == [&b.code, &b.target, &b.system, &b.to, &b.relationship, &b.map, &b.target_state, &b.policy]
        && [&a.options, &a.message] == [&b.options, &b.message]
}

/// The beginning of a text that is too long to be quoted; a field may have megabytes.
fn shortened(text: &str) -> Option<String> {
    let end = text.char_indices().nth(MOST_QUOTED).map(|(end, _)| end).filter(|_| text.len() > MOST_QUOTED)?;
    Some(format!("{}\u{2026}", &text[..end]))
}

fn repaired_key(r: &Repaired) -> (u32, u8, &str) {
    (r.tally, r.kinds, &r.given)
}

/// Mostly the code tells one tally from another.
fn tally_hash(t: &Tally) -> u64 {
    hash(&(&*t.code, &*t.target, &*t.policy))
}

fn code_hash(t: &Tally) -> u64 {
    hash(&(&*t.system, &*t.code, &*t.to, t.outcome, &*t.map))
}

fn hash(key: &impl std::hash::Hash) -> u64 {
    FixedState::default().hash_one(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_only_so_many_sets_of_options() {
        let mut ledger = Ledger::new([String::from("dx")]);
        let of =
            |code: &str, n: u32| Tally { code: code.into(), outcome: Some(Outcome::Unmapped), options: n.to_string(), ..Tally::default() };
        let places: Vec<u32> = (0..2 * MOST_READINGS).map(|n| ledger.place(of("27447", n), None).tally).collect();
        assert_eq!(places[..50], (0..50).collect::<Vec<_>>());
        assert!(places[50..].iter().all(|place| *place == 50), "{places:?}");
        assert_eq!(ledger.place(of("27130", 99), None).tally, 51, "another code has its own");
        assert_eq!(ledger.place(of("27447", 7), None).tally, 7);
        // A run that goes on counts as the one before.
        let mut resumed: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
        resumed.find_places();
        assert_eq!(resumed.place(of("27447", 120), None).tally, 50);
        assert_eq!(resumed.tallies.len(), 52);
    }

    #[test]
    fn invariant_13_is_held() {
        let mut ledger = Ledger::new([String::from("dx")]);
        let tally = Tally { code: "250.00".into(), outcome: Some(Outcome::Exact), settled: true, ..Tally::default() };
        let at = ledger.place(tally.clone(), None);
        assert_eq!(at, ledger.place(tally.clone(), None));
        let repaired = ledger.place(tally.clone(), Some((1, "25000".into())));
        assert_eq!((repaired.tally, repaired.repaired), (at.tally, 1));
        assert_eq!(repaired, ledger.place(tally.clone(), Some((1, "25000".into()))));
        assert_eq!(ledger.place(tally, Some((1, "250 00".into()))).repaired, 2);
        ledger.count(repaired, 0);
        ledger.records_in = 3;
        ledger.records_out = 2;
        *ledger.rejected.entry(RejectReason::Fields).or_default() += 1;
        ledger.columns[0].outcomes[3] = 2;
        ledger.columns[0].settled = 2;
        ledger.tallies[0].count = 2;
        ledger.check(2).unwrap();
        for spoil in [
            |l: &mut Ledger| l.records_out -= 1,
            |l: &mut Ledger| l.columns[0].outcomes[3] -= 1,
            |l: &mut Ledger| l.tallies[0].count += 1,
            |l: &mut Ledger| l.columns[0].settled -= 1,
        ] {
            let mut spoilt = ledger.clone();
            spoil(&mut spoilt);
            assert!(spoilt.check(2).is_err());
        }
    }
}
