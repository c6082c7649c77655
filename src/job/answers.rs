//! Ready-made output for what stands in a cell.
//!
//! The engine answers each distinct question once. After that a [`Memo`] leads from the raw bytes of the cell (and whatever else the
//! answer depends on) to the bytes to append and the tally to count; nearly every row ends there. It is emptied when full: it is a cache,
//! the counts live in the [`Ledger`].

mod tally;

use super::Error;
use super::format::dialect::Dialect;
use super::input::TextEncoding;
use super::ledger::{Ledger, Place, Tally};
use super::memo::{Given, HEAD, Hit, Looked, MOST_ANSWERS, Memo};
use super::spec::{CodeColumn, Unsettled};
use super::words::Words;
use crate::engine::{Asked, Engine, Facts, Policy, Translator, TranslatorOptions};
use crate::model::Date;
use compact_str::CompactString;
use hashbrown::HashMap;
use smallvec::{SmallVec, smallvec};
use std::ops::Range;
pub(super) use tally::repair_kinds;
use tally::{repair, tally};

/// Bytes of ready-made output kept.
const MOST_BYTES: usize = 1 << 23;
/// Bytes of the longest value of a source column that is kept without a number of its own.
const LONGEST_VALUE: usize = 256;
/// The number of [`Source::NoneOfMany`].
const NONE_OF_MANY: u8 = 0;

/// What an answer may depend on beside the code.
#[derive(Clone, Copy)]
pub(super) struct Context<'q> {
    /// Numbers of the source systems: one of all codes in the cell, or one of each ([`Answers::put_sources`]).
    pub sources: &'q [u8],
    pub date: Option<Date>,
    pub facts: &'q Facts,
    pub text: Option<&'q str>,
}

/// What is counted when an answer is given.
struct Counted {
    /// None of a blank cell.
    first: Option<Place>,
    /// Of the further codes in the cell.
    further: Box<[Further]>,
}

/// Where it is counted, its outcome, and whether it is settled, of a code beyond the first of a cell.
pub(super) type Further = (Place, u8, bool);

/// What a value of the source column means.
enum Source<'e> {
    System(Box<Translator<'e>>),
    /// No system; the value.
    None(String),
    /// No system either, and there are too many such values to tell them apart.
    NoneOfMany,
}

/// Kinds of repair, and what stood there.
type Repair = Option<(u8, CompactString)>;

const SETTLED: u8 = 1;
/// The job rejects records with this answer.
const REJECT: u8 = 2;
/// There are further codes.
const FURTHER: u8 = 4;
/// There is no code.
const BLANK: u8 = 8;

/// The answers of one code column, or of several alike.
pub(super) struct Answers<'e> {
    engine: &'e Engine,
    spec: CodeColumn,
    /// By number; the only one where the system is fixed.
    sources: Vec<Source<'e>>,
    /// The numbers of values of the source column.
    by_value: HashMap<Box<[u8]>, u8, foldhash::fast::FixedState>,
    /// Where the column holds words.
    words: Option<Words<'e>>,
    dialect: Dialect,
    encoding: TextEncoding,
    memo: Memo,
    /// Numbers of the answers to keys that are too long for the memo.
    places: HashMap<Box<[u8]>, u32, foldhash::fast::FixedState>,
    /// By system and concept: the answer to another spelling of it, and where it is counted, where that depends on nothing else.
    spelt: HashMap<(u16, u32), (Given, u32), foldhash::fast::FixedState>,
    /// By the number of the answer.
    counted: Vec<Counted>,
    /// What stands in front of a first value that is kept with its answer.
    delimiter: u8,
    /// Where in the arena the tails lie.
    tails: Vec<(u32, u32)>,
    arena: Vec<u8>,
    /// The numbers of tails that came before.
    written: HashMap<Box<[u8]>, u16, foldhash::fast::FixedState>,
    rendered: Vec<u8>,
}

impl Hit {
    pub fn outcome(self) -> u8 {
        self.given.outcome()
    }
    pub fn settled(self) -> bool {
        self.given.flags() & SETTLED != 0
    }
    /// The job rejects records with this answer.
    pub fn rejects(self) -> bool {
        self.given.flags() & REJECT != 0
    }
    pub fn has_further(self) -> bool {
        self.given.flags() & FURTHER != 0
    }
    pub fn is_blank(self) -> bool {
        self.given.flags() & BLANK != 0
    }
}

impl<'e> Answers<'e> {
    pub fn new(engine: &'e Engine, spec: &CodeColumn, dialect: Dialect, encoding: TextEncoding) -> Result<Answers<'e>, Error> {
        let wrong = |what: &str| Err(Error::Column { name: spec.name.clone(), what: what.to_owned() });
        if spec.to.is_empty() {
            return wrong("no target system; say `to`");
        }
        if spec.from.is_some() == spec.from_column.is_some() {
            return wrong("give the source system (`from`), or the column that says it (`from-column`), and not both");
        }
        if spec.split.as_deref() == Some("") {
            return wrong("an empty `split` parts nothing");
        }
        let mut answers = Answers {
            engine,
            spec: spec.clone(),
            sources: Vec::new(),
            by_value: HashMap::default(),
            words: None,
            delimiter: if let Dialect::Delimited { delimiter, .. } = dialect { delimiter } else { 0 },
            dialect,
            encoding,
            memo: Memo::new(),
            places: HashMap::default(),
            spelt: HashMap::default(),
            counted: Vec::new(),
            tails: Vec::new(),
            arena: Vec::new(),
            written: HashMap::default(),
            rendered: Vec::new(),
        };
        match &spec.from {
            Some(_) if spec.is_text() => answers.words = Some(Words::new(engine, spec)?),
            Some(from) => answers.sources.push(Source::System(engine.translator(answers.options(from))?.into())),
            None => {
                answers.sources.push(Source::NoneOfMany);
                for (value, from) in &spec.values {
                    let translator = engine.translator(answers.options(from))?;
                    answers.by_value.insert(encoding.encode(value.trim()).into(), answers.sources.len() as u8);
                    answers.sources.push(Source::System(translator.into()));
                    if answers.sources.len() > 201 {
                        return wrong("more than 200 values of the source column");
                    }
                }
            }
        }
        Ok(answers)
    }

    fn options(&self, from: &str) -> TranslatorOptions {
        TranslatorOptions {
            from: from.to_owned(),
            to: self.spec.to.clone(),
            map: self.spec.map.clone(),
            reverse: self.spec.reverse,
            target_date: self.spec.target_date,
            policy: self.spec.policy,
            strict: self.spec.strict,
            margin: self.spec.margin,
            ancestor: false,
            any_day: true,
        }
    }

    pub fn translators(&self) -> impl Iterator<Item = &Translator<'e>> {
        self.sources.iter().filter_map(|source| match source {
            Source::System(translator) => Some(&**translator),
            _ => None,
        })
    }

    /// Whether the answers have a fifth value, the policy that settled a choice.
    pub fn has_policy(&self) -> bool {
        has_policy(&self.spec)
    }

    /// Begins a key with the numbers that stand for what the source column says, and tells where they lie in it: one for all codes of the
    /// cell, or, where it is a list as the codes may be, one for each.
    pub fn put_sources(&mut self, from: &[u8], key: &mut Vec<u8>, ledger: &mut Ledger) -> Range<usize> {
        if self.spec.from_column.is_none() {
            key.push(0);
            return 0..1;
        }
        if let Some(values) = self.several(from) {
            return self.put_several_sources(&values, key, ledger);
        }
        key.push(self.source(from, ledger));
        0..1
    }

    /// What the source column says where that is a list, and not one value or the name of a system with such a character in it (`ICD-9-CM`).
    fn several(&self, from: &[u8]) -> Option<Vec<Vec<u8>>> {
        let split = self.spec.split.as_ref()?;
        memchr::memmem::find(from, &self.encoding.encode(split))?;
        let text = self.encoding.decode(from);
        let is_named = self.by_value.contains_key(from.trim_ascii()) || self.engine.system(text.trim()).is_ok();
        if is_named || text.trim().is_empty() {
            return None;
        }
        Some(parted(&text, split).into_iter().map(|value| self.encoding.encode(value).into_owned()).collect())
    }

    #[cold]
    fn put_several_sources(&mut self, values: &[Vec<u8>], key: &mut Vec<u8>, ledger: &mut Ledger) -> Range<usize> {
        // No key may be the beginning of another.
        key.push(u8::MAX);
        key.extend_from_slice(&(values.len() as u32).to_le_bytes());
        let start = key.len();
        key.extend(values.iter().map(|value| self.source(value, ledger)));
        start..key.len()
    }

    fn source(&mut self, value: &[u8], ledger: &mut Ledger) -> u8 {
        let value = value.trim_ascii();
        if let Some(&at) = self.by_value.get(value) {
            return at;
        }
        let said = self.encoding.decode(value).into_owned();
        // A value that is itself the name of a system needs no entry.
        let named = (!said.is_empty()).then(|| self.engine.translator(self.options(&said)).ok()).flatten();
        let source = match named {
            Some(translator) => Some(Source::System(translator.into())),
            None => ledger.tells_apart(&said).then(|| Source::None(said)),
        };
        match source.filter(|_| self.sources.len() < usize::from(u8::MAX)) {
            Some(source) => {
                let at = self.sources.len() as u8;
                self.sources.push(source);
                self.by_value.insert(value.into(), at);
                at
            }
            None => {
                // There may be any number of them, of any length.
                if self.by_value.len() < MOST_ANSWERS && value.len() <= LONGEST_VALUE {
                    self.by_value.insert(value.into(), NONE_OF_MANY);
                }
                NONE_OF_MANY
            }
        }
    }

    /// The answers to some keys, if they are at hand; they count as given.
    #[inline]
    pub fn take(&mut self, keys: &mut [Looked], hits: &mut [Option<Hit>]) {
        self.memo.probe(keys);
        for (key, hit) in keys.iter().zip(hits) {
            *hit = self.memo.take(*key);
        }
    }

    /// The answer to a key, if it is at hand; it counts as given.
    pub fn take_one(&mut self, key: &[u8]) -> Option<Hit> {
        let mut hit = None;
        self.take(&mut [Looked::new(key, 0, key.len())], std::slice::from_mut(&mut hit));
        hit
    }

    /// Forgets the answers if those to this many cells more were too many. Those that are taken until the next call stay.
    pub fn make_room(&mut self, cells: usize, ledger: &mut Ledger) {
        if self.memo.len() + cells > MOST_ANSWERS || self.arena.len() >= MOST_BYTES {
            self.settle_counts(ledger);
            self.memo.clear();
            self.places.clear();
            self.spelt.clear();
            self.counted.clear();
            self.written.clear();
            self.tails.clear();
            self.arena.clear();
        }
    }

    /// Writes what is appended to a record with this answer.
    #[inline]
    pub fn append(&self, hit: Hit, out: &mut Vec<u8>) {
        let Given { head, size, tail, .. } = hit.given;
        if usize::from(size) <= HEAD {
            let mut first = [self.delimiter; HEAD + 1];
            first[1..].copy_from_slice(&head);
            let end = out.len() + 1 + usize::from(size);
            out.extend_from_slice(&first);
            out.truncate(end);
        }
        let (start, size) = self.tails[usize::from(tail)];
        copy(&self.arena, start as usize, size as usize, out);
    }

    /// The codes beyond the first of a cell.
    pub fn further(&self, hit: Hit) -> &[Further] {
        &self.counted[hit.answer() as usize].further
    }

    /// Where the codes of a cell are counted, in their order.
    pub fn tallies_of(&self, hit: Hit) -> impl Iterator<Item = u32> {
        let counted = &self.counted[hit.answer() as usize];
        counted.first.iter().chain(counted.further.iter().map(|f| &f.0)).map(|place| place.tally)
    }

    /// Of the first code, for the sample.
    pub fn tally_of(&self, hit: Hit) -> Option<u32> {
        self.counted[hit.answer() as usize].first.map(|place| place.tally)
    }

    /// Brings into the ledger how often each answer was given.
    pub fn settle_counts(&mut self, ledger: &mut Ledger) {
        for (count, counted) in self.memo.take_counts().zip(&self.counted) {
            for place in counted.first.into_iter().chain(counted.further.iter().map(|f| f.0)) {
                ledger.count(place, count);
            }
        }
    }

    /// The alias of a system that the job calls by any of its names.
    pub fn alias(&self, system: &str) -> String {
        self.engine.system(system).map_or_else(|_| system.to_owned(), |s| s.alias().to_owned())
    }

    pub fn spec(&self) -> &CodeColumn {
        &self.spec
    }

    /// Whether a column of this kind gets its answers here.
    pub fn serves(&self, spec: &CodeColumn, dialect: &Dialect) -> bool {
        self.spec == *spec && self.dialect == *dialect
    }

    /// The answer for a key that is not at hand; it counts as given.
    #[cold]
    pub fn ask(&mut self, key: &[u8], cell: &[u8], context: Context<'_>, ledger: &mut Ledger) -> Hit {
        let answer = match self.places.get(key) {
            Some(&answer) => answer,
            None => {
                let (given, counted) = self.make_once(cell, context, ledger);
                let (answer, kept) = self.memo.add(key, given);
                self.counted.push(counted);
                if !kept {
                    self.places.insert(key.into(), answer);
                }
                answer
            }
        };
        self.memo.give(answer)
    }

    /// Makes an answer, or finds that which another spelling of the code was given: most codes are spelt in two ways or more.
    fn make_once(&mut self, cell: &[u8], context: Context<'_>, ledger: &mut Ledger) -> (Given, Counted) {
        let Some((concept, repair)) = self.spelling(cell, context) else { return self.make(cell, context, ledger) };
        if let Some(&(given, tally)) = self.spelt.get(&concept) {
            return (given, Counted { first: Some(ledger.spelling(tally, repair)), further: Box::default() });
        }
        let (given, counted) = self.make(cell, context, ledger);
        // The code stands in the output as it was spelt.
        let is_copied = self.spec.unsettled == Unsettled::Source && given.flags() & SETTLED == 0;
        if let Some(place) = counted.first.filter(|_| !is_copied) {
            self.spelt.insert(concept, (given, place.tally));
        }
        (given, counted)
    }

    /// The one code in a cell, where its answer depends on nothing else.
    fn spelling(&self, cell: &[u8], context: Context<'_>) -> Option<((u16, u32), Repair)> {
        let [Source::System(translator)] = &self.sources[..] else { return None };
        let is_alone = self.spec.split.is_none() && context.date.is_none() && context.text.is_none() && *context.facts == Facts::default();
        let text = Some(self.encoding.decode(cell)).filter(|_| is_alone)?;
        let (concept, repairs) = translator.spelling(&text)?;
        Some(((concept.system().ordinal(), concept.ordinal()), repair(&repairs, &text)))
    }

    /// The codes of a cell, and empty places between them. The only one may have blanks around it.
    pub fn parts<'t>(&self, text: &'t str) -> SmallVec<[&'t str; 1]> {
        let Some(split) = &self.spec.split else { return smallvec![text] };
        let mut parts = parted(text, split);
        // Only separators: nothing to ask, and nothing that may vanish either.
        if parts.iter().all(|part| part.is_empty()) {
            parts = smallvec![text];
        }
        parts
    }

    fn make(&mut self, cell: &[u8], context: Context<'_>, ledger: &mut Ledger) -> (Given, Counted) {
        if cell.trim_ascii().is_empty() {
            return (self.write([""; 5]).counting(0, BLANK), Counted { first: None, further: Box::default() });
        }
        let text = self.encoding.decode(cell);
        let between = self.spec.split.as_deref().unwrap_or(" ");
        let parts = self.parts(&text);
        let tally = |(at, part): (usize, &&str)| match context.sources {
            _ if part.is_empty() => None,
            [only] => Some(self.tally(part, *only, context)),
            each if each.len() == parts.len() => Some(self.tally(part, each[at], context)),
            // Which is whose, nobody knows.
            each => Some((Tally::without_system(part, format!("{} code systems for {} codes", each.len(), parts.len())), None)),
        };
        let tallies: SmallVec<[Option<(Tally, Repair)>; 1]> = parts.iter().enumerate().map(tally).collect();
        // `map|version` would be two of what `|` parts.
        let map = |t: &Tally| if between.contains('|') { t.map.replace('|', "@").into() } else { t.map.clone() };
        let maps: SmallVec<[CompactString; 1]> =
            tallies.iter().map(|t| t.as_ref().map_or_else(CompactString::default, |(t, _)| map(t))).collect();
        let by_source = self.spec.unsettled == Unsettled::Source;
        let values = |at: usize| {
            let Some((t, _)) = &tallies[at] else { return [""; 5] };
            let target = if by_source && !t.settled { parts[at].trim() } else { &t.target };
            [target, t.outcome_code(), &t.relationship, &maps[at], &t.policy]
        };
        let given = if parts.len() == 1 {
            self.write(values(0))
        } else {
            let all: Vec<[&str; 5]> = (0..parts.len()).map(values).collect();
            // Where codes of a cell are parted by blanks, those of a combination cannot be.
            let within = if between.trim().is_empty() { "+" } else { " " };
            let joined: [String; 5] =
                std::array::from_fn(|value| all.iter().map(|v| v[value].replace(' ', within)).collect::<Vec<_>>().join(between));
            self.write(joined.each_ref().map(String::as_str))
        };
        let reject = self.spec.unsettled == Unsettled::Reject && tallies.iter().flatten().any(|(t, _)| !t.settled);
        let mut places = tallies.into_iter().flatten().map(|(t, r)| (t.outcome.map_or(0, |o| o as u8), t.settled, ledger.place(t, r)));
        let (outcome, settled, first) = places.next().map_or((0, false, None), |(outcome, settled, place)| (outcome, settled, Some(place)));
        let further: Box<[Further]> = places.map(|(outcome, settled, place)| (place, outcome, settled)).collect();
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let flags = flag(settled, SETTLED) | flag(reject, REJECT) | flag(!further.is_empty(), FURTHER);
        (given.counting(outcome, flags), Counted { first, further })
    }

    /// What is appended: a first value that is kept with the answer, if it can be, and the number of the rest. The rest of one code is
    /// mostly that of another.
    fn write(&mut self, values: [&str; 5]) -> Given {
        let mut bytes = std::mem::take(&mut self.rendered);
        bytes.clear();
        let count = if self.has_policy() { 5 } else { 4 };
        self.dialect.write(&values[..count], self.encoding, &mut bytes);
        let is_text = matches!(self.dialect, Dialect::Delimited { .. });
        let head = Some(values[0].as_bytes()).filter(|head| {
            let behind = bytes[usize::from(is_text)..].strip_prefix(*head);
            is_text && head.len() <= HEAD && behind.is_some_and(|b| b.first() == Some(&self.delimiter))
        });
        let rest = &bytes[head.map_or(0, |head| 1 + head.len())..];
        let tail = self.written.get(rest).copied().unwrap_or_else(|| {
            let tail = self.tails.len() as u16;
            self.tails.push((self.arena.len() as u32, rest.len() as u32));
            self.arena.extend_from_slice(rest);
            self.written.insert(rest.into(), tail);
            tail
        });
        self.rendered = bytes;
        Given::new(head, tail)
    }

    /// Asks the engine.
    fn tally(&self, code: &str, source: u8, context: Context<'_>) -> (Tally, Repair) {
        if let Some(words) = &self.words {
            return (words.tally(code), None);
        }
        let translator = match self.sources.get(usize::from(source)) {
            Some(Source::System(translator)) => translator,
            Some(Source::None(value)) => return (Tally::of_no_system(code, value), None),
            _ => return (Tally::without_system(code, String::from("no code system of one of many other names")), None),
        };
        let asked = Asked { code, date: context.date, facts: context.facts, text: context.text };
        let t = translator.translate(&asked);
        (tally(translator, &t), repair(&t.repairs, code))
    }
}

/// What stands between some text, and empty places. A blank beside it is no damage.
fn parted<'t>(text: &'t str, split: &str) -> SmallVec<[&'t str; 1]> {
    let mut parts: SmallVec<[&str; 1]> = text.split(split).map(str::trim).collect();
    // An empty place stays one: `a||b` may stand beside another list of three. Of blanks there may be any number.
    if split.trim().is_empty() {
        parts.retain(|part| !part.is_empty());
    }
    parts
}

/// Appends `data[start..start + length]`. Short ones are copied as 64 bytes and cut, which spares a call with a length that is not known.
#[inline]
pub(super) fn copy(data: &[u8], start: usize, length: usize, out: &mut Vec<u8>) {
    let end = out.len() + length;
    match data.get(start..).and_then(<[u8]>::first_chunk::<64>) {
        Some(chunk) if length <= 64 => {
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&data[start..start + length]),
    }
}

fn has_policy(spec: &CodeColumn) -> bool {
    spec.policy != Policy::Review || spec.is_text()
}
