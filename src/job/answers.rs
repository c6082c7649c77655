//! Ready-made output for what stands in a cell.
//!
//! The engine answers each distinct question once. After that a direct-mapped memo leads from the raw bytes of the cell (and whatever
//! else the answer depends on) to the bytes to append and the tally to count; codes follow Zipf, so nearly every row ends there.
//! Both tables are emptied when full: they are caches, the counts live in the [`Ledger`].

use super::Error;
use super::ledger::{Ledger, Tally};
use super::spec::{CodeColumn, Unsettled};
use super::words::Words;
use crate::engine::{Asked, Engine, Facts, Origin, Outcome, Policy, RepairKind, Translation, Translator, TranslatorOptions};
use crate::model::Date;
use hashbrown::HashMap;

const SLOTS: usize = 1 << 15;
/// Distinct questions kept; a column of free text must not fill the memory.
const MOST_ANSWERS: usize = 1 << 16;
/// Bytes of ready-made output kept.
const MOST_BYTES: usize = 1 << 23;
/// Options named for review.
const MOST_OPTIONS: usize = 12;

/// How appended values are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Dialect {
    Delimited {
        delimiter: u8,
        quote: Option<u8>,
    },
    /// With the names of the appended members.
    Json([String; 5]),
    /// Each with its length in front (32 bits, little-endian), for formats that take values apart again.
    Cells,
}

/// What an answer may depend on beside the code.
#[derive(Clone, Copy)]
pub(super) struct Context<'q> {
    /// What the source column says; empty where the system is fixed.
    pub from: &'q [u8],
    pub date: Option<Date>,
    pub facts: &'q Facts,
    pub text: Option<&'q str>,
}

/// The answer to what stands in a cell.
struct Answer {
    /// Where the bytes to append stand in the arena.
    start: u32,
    end: u32,
    outcome: u8,
    flags: u8,
    /// How often it was given since the counts were last brought into the ledger.
    count: u64,
    tally: u32,
    /// Of the further codes in the cell.
    further: Box<[Further]>,
}

/// Tally, outcome, and whether settled, of a code beyond the first of a cell.
pub(super) type Further = (u32, u8, bool);

const SETTLED: u8 = 1;
/// The job rejects records with this answer.
const REJECT: u8 = 2;
/// There are further codes.
const FURTHER: u8 = 4;

/// The answers of one code column, or of several alike.
pub(super) struct Answers<'e> {
    engine: &'e Engine,
    spec: CodeColumn,
    /// By the value of the source column; the only one where the system is fixed.
    translators: Vec<Option<Translator<'e>>>,
    by_value: HashMap<Box<[u8]>, u8, foldhash::fast::FixedState>,
    /// Where the column holds words.
    words: Option<Words<'e>>,
    dialect: Dialect,
    slots: Box<[Slot]>,
    places: HashMap<Box<[u8]>, u32, foldhash::fast::FixedState>,
    answers: Vec<Answer>,
    arena: Vec<u8>,
    /// Where in the arena bytes stand that came before.
    written: HashMap<Box<[u8]>, (u32, u32), foldhash::fast::FixedState>,
    /// What a blank cell gets.
    blank: Vec<u8>,
}

/// A key of at most 16 bytes, and of its answer what every record needs: half a cache line.
#[derive(Clone, Copy, Default)]
struct Slot {
    low: u64,
    high: u64,
    start: u32,
    /// Given so often since it came here.
    count: u32,
    answer: u32,
    size: u16,
    outcome: u8,
    /// The key's length and one more, above three flags; 0: nothing here.
    length_and_flags: u8,
}

/// An answer that was found, and what is counted of it.
#[derive(Clone, Copy)]
pub(super) struct Hit {
    pub id: u32,
    start: u32,
    size: u32,
    pub outcome: u8,
    flags: u8,
}

impl Hit {
    pub fn settled(self) -> bool {
        self.flags & SETTLED != 0
    }
    /// The job rejects records with this answer.
    pub fn rejects(self) -> bool {
        self.flags & REJECT != 0
    }
    pub fn has_further(self) -> bool {
        self.flags & FURTHER != 0
    }
}

/// The first 16 bytes of a key, zero behind its end.
#[inline]
fn words(data: &[u8], start: usize, length: usize) -> (u64, u64) {
    const LOW: [u64; 17] = masks(0);
    const HIGH: [u64; 17] = masks(8);
    if let Some(window) = data.get(start..start + 16)
        && let (Ok(low), Ok(high)) = (window[..8].try_into(), window[8..].try_into())
    {
        return (u64::from_le_bytes(low) & LOW[length], u64::from_le_bytes(high) & HIGH[length]);
    }
    let mut window = [0; 16];
    window[..length].copy_from_slice(&data[start..start + length]);
    let word = u128::from_le_bytes(window);
    (word as u64, (word >> 64) as u64)
}

const fn masks(from: usize) -> [u64; 17] {
    let mut masks = [0; 17];
    let mut length = 0usize;
    while length <= 16 {
        let bytes = length.saturating_sub(from);
        masks[length] = if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 };
        length += 1;
    }
    masks
}

#[inline]
fn slot_of(low: u64, high: u64, length: usize) -> usize {
    let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xe703_7ed1_a0b4_28db ^ length as u64);
    ((product >> 64) as u64 ^ product as u64) as usize & (SLOTS - 1)
}

impl<'e> Answers<'e> {
    pub fn new(engine: &'e Engine, spec: &CodeColumn, dialect: Dialect) -> Result<Answers<'e>, Error> {
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
            translators: Vec::new(),
            by_value: HashMap::default(),
            words: None,
            dialect,
            slots: vec![Slot::default(); SLOTS].into_boxed_slice(),
            places: HashMap::default(),
            answers: Vec::new(),
            arena: Vec::new(),
            written: HashMap::default(),
            blank: Vec::new(),
        };
        match &spec.from {
            Some(_) if spec.is_text() => answers.words = Some(Words::new(engine, spec)?),
            Some(from) => answers.translators.push(Some(engine.translator(answers.options(from))?)),
            None => {
                for (value, from) in &spec.values {
                    let translator = engine.translator(answers.options(from))?;
                    answers.by_value.insert(value.as_bytes().into(), answers.translators.len() as u8);
                    answers.translators.push(Some(translator));
                    if answers.translators.len() > 200 {
                        return wrong("more than 200 values of the source column");
                    }
                }
                // The last stands for every value that names no system.
                answers.translators.push(None);
            }
        }
        let mut blank = Vec::new();
        answers.render(["", "", "", "", ""], &mut blank);
        answers.blank = blank;
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
        }
    }

    pub fn translators(&self) -> impl Iterator<Item = &Translator<'e>> {
        self.translators.iter().flatten()
    }

    /// Whether the answers have a fifth value, the policy that settled a choice.
    pub fn has_policy(&self) -> bool {
        has_policy(&self.spec)
    }

    /// The number that stands for a value of the source column in keys.
    pub fn source(&mut self, value: &[u8]) -> u8 {
        if self.spec.from.is_some() {
            return 0;
        }
        let value = value.trim_ascii();
        if let Some(&at) = self.by_value.get(value) {
            return at;
        }
        let unknown = self.translators.iter().position(Option::is_none).unwrap_or(0);
        // A value that is itself the name of a system needs no entry.
        let named = std::str::from_utf8(value).ok().filter(|v| !v.is_empty()).and_then(|v| self.engine.translator(self.options(v)).ok());
        let at = match named {
            Some(translator) if self.translators.len() < 250 => {
                self.translators.push(Some(translator));
                self.translators.len() - 1
            }
            _ => unknown,
        };
        if self.by_value.len() < MOST_ANSWERS {
            self.by_value.insert(value.into(), at as u8);
        }
        at as u8
    }

    /// The answer for a key of at most 16 bytes that is at hand; it counts as given.
    #[inline]
    pub fn find(&mut self, data: &[u8], start: usize, length: usize) -> Option<Hit> {
        if length > 16 {
            return None;
        }
        let (low, high) = words(data, start, length);
        let slot = &mut self.slots[slot_of(low, high, length)];
        if slot.low != low || slot.high != high || usize::from(slot.length_and_flags >> 3) != length + 1 {
            return None;
        }
        slot.count += 1;
        let flags = slot.length_and_flags & 7;
        Some(Hit { id: slot.answer, start: slot.start, size: u32::from(slot.size), outcome: slot.outcome, flags })
    }

    /// Writes what is appended to a record with this answer.
    #[inline]
    pub fn append(&self, hit: Hit, out: &mut Vec<u8>) {
        copy(&self.arena, hit.start as usize, hit.size as usize, out);
    }

    /// The codes beyond the first of a cell.
    pub fn further(&self, hit: Hit) -> &[Further] {
        &self.answers[hit.id as usize].further
    }

    /// Of the first code, for the sample.
    pub fn tally_of(&self, hit: Hit) -> u32 {
        self.answers[hit.id as usize].tally
    }

    /// Brings into the ledger how often each answer was given.
    pub fn settle_counts(&mut self, ledger: &mut Ledger) {
        for slot in &mut self.slots {
            if let Some(answer) = self.answers.get_mut(slot.answer as usize) {
                answer.count += u64::from(std::mem::take(&mut slot.count));
            }
        }
        for answer in &mut self.answers {
            let count = std::mem::take(&mut answer.count);
            ledger.tallies[answer.tally as usize].count += count;
            for &(tally, ..) in &answer.further {
                ledger.tallies[tally as usize].count += count;
            }
        }
    }

    pub fn spec(&self) -> &CodeColumn {
        &self.spec
    }

    /// Whether a column of this kind gets its answers here.
    pub fn serves(&self, spec: &CodeColumn, dialect: &Dialect) -> bool {
        self.spec == *spec && self.dialect == *dialect
    }

    pub fn blank(&self) -> &[u8] {
        &self.blank
    }

    /// The answer for a key that is not at hand; it counts as given.
    #[cold]
    pub fn ask(&mut self, key: &[u8], cell: &[u8], source: u8, context: Context<'_>, ledger: &mut Ledger) -> Hit {
        let id = match self.places.get(key) {
            Some(&id) => id,
            None => {
                if self.answers.len() >= MOST_ANSWERS || self.arena.len() >= MOST_BYTES {
                    self.settle_counts(ledger);
                    self.places.clear();
                    self.answers.clear();
                    self.written.clear();
                    self.arena.clear();
                    self.slots.fill(Slot::default());
                }
                let id = self.answers.len() as u32;
                let answer = self.make(cell, source, context, ledger);
                self.answers.push(answer);
                self.places.insert(key.into(), id);
                id
            }
        };
        let answer = &mut self.answers[id as usize];
        answer.count += 1;
        let (outcome, flags) = (answer.outcome, answer.flags);
        let hit = Hit { id, start: answer.start, size: answer.end - answer.start, outcome, flags };
        if let (0..=16, Ok(size)) = (key.len(), u16::try_from(hit.size)) {
            let (low, high) = words(key, 0, key.len());
            let slot = &mut self.slots[slot_of(low, high, key.len())];
            // Whose place this was keeps its count.
            if let Some(before) = self.answers.get_mut(slot.answer as usize) {
                before.count += u64::from(slot.count);
            }
            let length_and_flags = ((key.len() as u8 + 1) << 3) | flags;
            *slot = Slot { low, high, start: hit.start, count: 0, answer: id, size, outcome, length_and_flags };
        }
        hit
    }

    fn make(&mut self, cell: &[u8], source: u8, context: Context<'_>, ledger: &mut Ledger) -> Answer {
        let text = String::from_utf8_lossy(cell);
        let parts: Vec<&str> = match &self.spec.split {
            Some(split) => text.split(split.as_str()).filter(|p| !p.trim().is_empty()).collect(),
            None => vec![&text],
        };
        // Only separators: nothing to ask, and nothing that may vanish either.
        let parts = if parts.is_empty() { vec![&*text] } else { parts };
        let tallies: Vec<Tally> = parts.iter().map(|p| self.tally(p, source, context)).collect();
        let between = self.spec.split.as_deref().unwrap_or(" ");
        let joined = |value: &dyn Fn(&Tally) -> &str| tallies.iter().map(value).collect::<Vec<_>>().join(between);
        let targets: Vec<&str> = tallies
            .iter()
            .zip(&parts)
            .map(|(t, given)| if !t.settled && self.spec.unsettled == Unsettled::Source { given.trim() } else { &t.target })
            .collect();
        let mut bytes = Vec::with_capacity(64);
        self.render(
            [
                &targets.join(between),
                &joined(&|t| t.outcome.map_or("", Outcome::code)),
                &joined(&|t| &t.relationship),
                &joined(&|t| &t.map),
                &joined(&|t| &t.policy),
            ],
            &mut bytes,
        );
        // Spellings of one code mostly have the same answer, which is kept once.
        let (start, end) = match self.written.get(&bytes[..]) {
            Some(&at) => at,
            None => {
                let at = (self.arena.len() as u32, (self.arena.len() + bytes.len()) as u32);
                self.arena.extend_from_slice(&bytes);
                self.written.insert(bytes.into(), at);
                at
            }
        };
        let reject = self.spec.unsettled == Unsettled::Reject && tallies.iter().any(|t| !t.settled);
        let mut places = tallies.into_iter().map(|t| (t.outcome.map_or(0, |o| o as u8), t.settled, ledger.place(t)));
        let (outcome, settled, tally) = places.next().unwrap_or_default();
        let further: Box<[Further]> = places.map(|(outcome, settled, tally)| (tally, outcome, settled)).collect();
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let flags = flag(settled, SETTLED) | flag(reject, REJECT) | flag(!further.is_empty(), FURTHER);
        Answer { start, end, outcome, flags, count: 0, tally, further }
    }

    /// Asks the engine.
    fn tally(&self, code: &str, source: u8, context: Context<'_>) -> Tally {
        if let Some(words) = &self.words {
            return words.tally(code);
        }
        let Some(Some(translator)) = self.translators.get(usize::from(source)) else {
            let message = format!("no code system `{}`", String::from_utf8_lossy(context.from).trim());
            return Tally { code: code.trim().to_owned(), outcome: Some(Outcome::UnknownSystem), message, ..Tally::default() };
        };
        let asked = Asked { code, date: context.date, facts: context.facts, text: context.text };
        tally(translator, &translator.translate(&asked))
    }

    fn render(&self, values: [&str; 5], out: &mut Vec<u8>) {
        let count = if self.has_policy() { 5 } else { 4 };
        for (at, value) in values.iter().take(count).enumerate() {
            match &self.dialect {
                Dialect::Delimited { delimiter, quote } => {
                    out.push(*delimiter);
                    delimited(value, *delimiter, *quote, out);
                }
                Dialect::Cells => {
                    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
                    out.extend_from_slice(value.as_bytes());
                }
                Dialect::Json(names) => {
                    out.extend_from_slice(b",");
                    json_string(&names[at], out);
                    out.push(b':');
                    if value.is_empty() { out.extend_from_slice(b"null") } else { json_string(value, out) }
                }
            }
        }
    }
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

/// A field of delimited text, quoted if it has to be. Where quotes are only characters, what would break the record becomes a blank.
pub(super) fn delimited(value: &str, delimiter: u8, quote: Option<u8>, out: &mut Vec<u8>) {
    let breaks = |b: u8| b == delimiter || b == b'\n' || b == b'\r';
    match quote {
        Some(q) if value.bytes().any(|b| breaks(b) || b == q) => {
            out.push(q);
            for b in value.bytes() {
                if b == q {
                    out.push(q);
                }
                out.push(b);
            }
            out.push(q);
        }
        None if value.bytes().any(breaks) => out.extend(value.bytes().map(|b| if breaks(b) { b' ' } else { b })),
        _ => out.extend_from_slice(value.as_bytes()),
    }
}

fn json_string(value: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// What a translation is in the ledger.
fn tally(translator: &Translator<'_>, t: &Translation<'_>) -> Tally {
    let chosen = t.chosen().0;
    let settled = !chosen.is_empty() || (t.outcome == Outcome::NoMap && t.picked.is_some());
    let join = |values: Vec<String>| values.join(" ");
    let mut maps: Vec<String> = chosen
        .iter()
        .map(|o| match o.origin {
            Origin::Decision(number) => format!("decision {number}"),
            Origin::Text => String::from("text"),
            Origin::Same => String::from("same system"),
            _ => o.origin.map().map_or_else(String::new, |m| format!("{}|{}", m.id(), m.version())),
        })
        .collect();
    maps.dedup();
    if maps.is_empty() {
        maps.extend(t.map.filter(|_| t.source.is_some()).map(|m| format!("{}|{}", m.id(), m.version())));
    }
    let policy = t.picked.as_ref().map_or_else(String::new, |p| match p.margin {
        Some(margin) => format!("{} {margin:.2}", p.policy.code()),
        None => p.policy.code().to_owned(),
    });
    Tally {
        system: translator.source().alias().to_owned(),
        to: translator.target().alias().to_owned(),
        code: t.source.map_or_else(|| t.given.trim().to_owned(), |s| s.code().to_owned()),
        known: t.source.is_some(),
        outcome: Some(t.outcome),
        settled,
        target: join(chosen.iter().map(|o| o.concept.code().to_owned()).collect()),
        relationship: join(chosen.iter().map(|o| o.relationship.code().to_owned()).collect()),
        map: join(maps),
        policy,
        repairs: t.repairs.iter().fold(0, |bits, r| bits | bit(r.kind)),
        options: if settled { String::new() } else { options(t) },
        message: if settled { String::new() } else { message(t) },
        count: 0,
    }
}

fn bit(kind: RepairKind) -> u8 {
    RepairKind::ALL.iter().position(|k| *k == kind).map_or(0, |at| 1 << at)
}

/// The kinds of repair that a tally's bits stand for.
pub(super) fn repair_kinds(bits: u8) -> impl Iterator<Item = RepairKind> {
    RepairKind::ALL.into_iter().filter(move |k| bits & bit(*k) != 0)
}

/// What a person may choose from.
fn options(t: &Translation<'_>) -> String {
    let mut text = String::new();
    let mut count = 0;
    for (s, scenario) in t.scenarios.iter().enumerate() {
        for (g, group) in scenario.groups.iter().enumerate() {
            for (o, option) in group.options.iter().enumerate() {
                if count == MOST_OPTIONS {
                    let rest = t.targets().count() - count;
                    return format!("{text} ... {rest} more");
                }
                text += if o > 0 {
                    " / "
                } else if g > 0 {
                    " + "
                } else if s > 0 {
                    " | "
                } else {
                    ""
                };
                text += option.concept.code();
                count += 1;
            }
        }
    }
    if count > 0 {
        return text;
    }
    t.nearest.iter().take(MOST_OPTIONS).map(|n| format!("{}:{}", n.kind.code(), n.concept.code())).collect::<Vec<_>>().join(" ")
}

fn message(t: &Translation<'_>) -> String {
    if t.needs.is_empty() {
        return t.message.to_string();
    }
    let mut facts: Vec<&str> = t.needs.iter().map(|n| n.fact.as_str()).collect();
    facts.sort_unstable();
    facts.dedup();
    format!("needs {}", facts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_keys() {
        let data = b"250.00,401.9,abcdefghijklmnop";
        for start in 0..data.len() {
            for length in 0..=16.min(data.len() - start) {
                let mut padded = data[start..start + length].to_vec();
                padded.resize(16, 0);
                let word = u128::from_le_bytes(padded.try_into().unwrap());
                assert_eq!(words(data, start, length), (word as u64, (word >> 64) as u64), "{start} {length}");
            }
        }
    }

    #[test]
    fn fields_are_quoted_when_they_must_be() {
        let field = |value: &str, quote| {
            let mut out = Vec::new();
            delimited(value, b',', quote, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field("I10", Some(b'"')), "I10");
        assert_eq!(field("a,\"b\"", Some(b'"')), "\"a,\"\"b\"\"\"");
        assert_eq!(field("a,b", None), "a b");
    }
}
