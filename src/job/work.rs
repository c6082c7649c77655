//! What a record is converted with, whatever its format: the answers, the facts, the ledger, the text that goes out.

use super::answers::{Answers, Context};
use super::duplicates::{Duplicates, Gatherer};
use super::facts::RowFacts;
use super::format::dialect::Dialect;
use super::format::ndjson::Ndjson;
use super::input::TextEncoding;
use super::ledger::{Ledger, RejectReason, Sampled};
use super::memo::{Hit, Looked};
use super::output::{Output, part_of};
use super::resume::State;
use super::spec::{self, Job, Unsettled};
use super::{ColumnFacts, Error, places};
use crate::engine::{Engine, Translator};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// How records are laid out: what a format tells of itself before the first of them.
pub(super) struct Layout<'l> {
    /// Names of the columns; without, columns are members that name themselves (NDJSON).
    pub header: Option<&'l [String]>,
    /// How the values appended for a column of this name are written.
    pub dialect: &'l dyn Fn(&str) -> Dialect,
}

/// What records are converted with.
pub(super) struct Work<'e> {
    columns: Vec<Column>,
    groups: Vec<Answers<'e>>,
    facts: RowFacts,
    contextual: bool,
    encoding: TextEncoding,
    pub ledger: Ledger,
    pub out: Vec<u8>,
    /// Records whose cells were looked at.
    pub seen: u64,
    /// Bytes of text that are done.
    pub text: u64,
    /// The line that the text at hand begins with.
    pub first_line: u64,
    rejects_at: Option<PathBuf>,
    pub rejects: Option<Output>,
    seed: u64,
    sample: usize,
    /// Lots below these get into the sample, by outcome.
    limits: [u64; 10],
    hits: Vec<(usize, usize, Sampled)>,
    /// Whether a code that nobody settled rejects its record; then, by column, codes and settled ones up to the record before the last,
    /// and up to the last.
    rejects_unsettled: bool,
    counts: [Vec<(u64, u64)>; 2],
    scratch: Vec<u8>,
    /// With a key: where it stands, what may come again, and by column where the codes of the record at hand are counted.
    keys: Vec<usize>,
    repetitions: Option<Gatherer>,
    counted: Vec<(usize, u32)>,
    /// For the state of the run: what it is, when it began.
    pub identity: String,
    pub started: String,
}

/// Records whose cells are looked up at a time.
pub(super) const AT_ONCE: usize = 32;

/// Cells of some records, on the way to their answers.
pub(super) struct Cells {
    /// By column, and in it by record.
    looked: Vec<[Looked; AT_ONCE]>,
    hits: Vec<[Option<Hit>; AT_ONCE]>,
}

struct Column {
    place: usize,
    name: String,
    group: usize,
    from_place: Option<usize>,
    /// Of the record at hand: the value of the source column.
    from: Vec<u8>,
}

impl<'e> Work<'e> {
    pub fn new(job: &Job, engine: &'e Engine, layout: &Layout<'_>, encoding: TextEncoding) -> Result<Work<'e>, Error> {
        let header = layout.header;
        // Formats without a header count places as they are met.
        let mut met = 0;
        let mut place = |name: &str| match header {
            Some(header) => spec::place(name, header),
            None => {
                met += 1;
                Ok(met - 1)
            }
        };
        let mut facts = RowFacts::new(job, &mut place)?;
        let keys = job.key.iter().map(|name| place(name)).collect::<Result<Vec<_>, _>>()?;
        let (mut columns, mut groups): (Vec<Column>, Vec<Answers<'e>>) = Default::default();
        for spec in &job.columns {
            let from_place = spec.from_column.as_deref().map(&mut place).transpose()?;
            for name in spec.names(header) {
                let places = match header {
                    Some(header) => spec::places(&name, header)?,
                    None => vec![place(&name)?],
                };
                for at in places {
                    let name = header.map_or_else(|| Ndjson::member(&name), |h| spec::called(at, h));
                    let dialect = (layout.dialect)(&name);
                    // Columns alike share their answers, unless the name is part of what is written.
                    if !groups.last().is_some_and(|g: &Answers<'_>| g.serves(spec, &dialect)) {
                        groups.push(Answers::new(engine, spec, dialect, encoding)?);
                    }
                    columns.push(Column { place: at, name, group: groups.len() - 1, from_place, from: Vec::new() });
                }
            }
        }
        if columns.is_empty() {
            return Err(Error::NoColumns);
        }
        for (i, column) in columns.iter().enumerate() {
            let taken = |name: &String| header.is_some_and(|h| h.contains(name));
            if let Some(name) = appended(&column.name).into_iter().find(taken) {
                return Err(Error::ColumnTaken { name });
            }
            if columns[..i].iter().any(|c| c.name == column.name) {
                return Err(Error::Column { name: column.name.clone(), what: String::from("named twice as a code column") });
            }
        }
        let by_column = columns.iter().any(|c| c.from_place.is_some());
        if by_column {
            // Any system may turn up.
            facts.prepare(|| engine.turns());
        } else {
            facts.prepare(|| groups.iter().flat_map(Answers::translators).flat_map(Translator::turns).collect());
        }
        let ledger = Ledger::new(columns.iter().map(|c| c.name.clone()));
        Ok(Work {
            contextual: by_column || facts.places().next().is_some(),
            columns,
            groups,
            facts,
            encoding,
            ledger,
            out: Vec::new(),
            seen: 0,
            text: 0,
            identity: String::new(),
            started: String::new(),
            first_line: 1,
            rejects_at: rejects_at(job),
            rejects: None,
            seed: job.seed,
            sample: job.sample,
            limits: [if job.sample > 0 { u64::MAX } else { 0 }; 10],
            hits: Vec::new(),
            rejects_unsettled: job.columns.iter().any(|column| column.unsettled == Unsettled::Reject),
            counts: Default::default(),
            scratch: Vec::new(),
            repetitions: (!keys.is_empty()).then(|| Gatherer::new(&job.folder())),
            counted: Vec::new(),
            keys,
        })
    }

    pub fn columns(&self) -> usize {
        self.columns.len()
    }
    pub fn place(&self, column: usize) -> usize {
        self.columns[column].place
    }
    /// Everything that is read of a record.
    #[cfg(feature = "parquet")]
    pub fn places(&self) -> Vec<usize> {
        let mut places: Vec<usize> = self.columns.iter().flat_map(|c| [Some(c.place), c.from_place]).flatten().collect();
        places.extend(self.facts.places());
        places.extend(&self.keys);
        places
    }
    /// What stands between the values of a list. `None`: of codes, and nothing says what does.
    #[cfg(feature = "parquet")]
    pub fn split(&self, place: usize) -> Option<&str> {
        let said = |c: &Column| self.groups[c.group].spec().split.as_deref();
        if let Some(codes) = self.columns.iter().find(|c| c.place == place) {
            return said(codes);
        }
        let of_systems = self.columns.iter().find(|c| c.from_place == Some(place));
        of_systems.and_then(said).or(Some(" "))
    }
    pub fn has_context(&self) -> bool {
        self.contextual
    }
    /// Whether records need nothing but their codes.
    pub fn is_plain(&self) -> bool {
        !self.contextual && self.repetitions.is_none()
    }

    /// The names of the appended columns, in order.
    pub fn appended_texts(&self) -> Vec<String> {
        let of = |c: &Column| appended(&c.name).into_iter().take(if self.groups[c.group].has_policy() { 5 } else { 4 });
        self.columns.iter().flat_map(of).collect()
    }
    /// As they are written in the file.
    pub fn appended_names(&self) -> Vec<Vec<u8>> {
        self.appended_texts().iter().map(|name| self.encoding.encode(name).into_owned()).collect()
    }

    pub fn column_facts(&self) -> Vec<ColumnFacts> {
        let facts = |c: &Column| {
            let group = &self.groups[c.group];
            let spec = group.spec();
            let maps = group.translators().flat_map(|t| t.maps()).map(|m| format!("{}|{}", m.id(), m.version()));
            ColumnFacts {
                column: c.name.clone(),
                from: match &spec.from {
                    Some(from) => group.alias(from),
                    None => format!("by {}", spec.from_column.as_deref().unwrap_or_default()),
                },
                to: group.alias(&spec.to),
                maps: maps.collect(),
                spec: spec.clone(),
            }
        };
        self.columns.iter().map(facts).collect()
    }

    pub fn cells(&self) -> Cells {
        Cells { looked: vec![Default::default(); self.columns.len()], hits: vec![Default::default(); self.columns.len()] }
    }

    /// Looks for the answers to the cells of some records that need nothing but their codes; those at hand count as given. `raw` tells
    /// where the cell of a record lies that has this place in it.
    #[inline]
    pub fn find(&mut self, cells: &mut Cells, data: &[u8], records: usize, raw: impl Fn(usize, usize) -> (usize, usize)) {
        self.make_room(records * self.columns.len());
        for (column, (looked, hits)) in self.columns.iter().zip(cells.looked.iter_mut().zip(&mut cells.hits)) {
            let looked = &mut looked[..records];
            for (record, looked) in looked.iter_mut().enumerate() {
                let (from, to) = raw(record, column.place);
                *looked = Looked::new(data, from, to - from);
            }
            self.groups[column.group].take(looked, hits);
        }
    }

    /// Appends what the codes of a record become, one of those that were looked for, and counts them. Whether the record is to be rejected
    /// for one of them.
    #[inline]
    pub fn end<'d>(
        &mut self,
        cells: &Cells,
        record: usize,
        raw: impl Fn(usize) -> &'d [u8],
        value: impl Fn(&'d [u8]) -> Cow<'d, [u8]>,
    ) -> bool {
        let mut reject = false;
        for (column, hits) in cells.hits.iter().enumerate() {
            let hit = hits[record].unwrap_or_else(|| self.look(column, raw(self.columns[column].place), &value));
            reject |= self.give(column, hit);
        }
        reject
    }

    /// Appends what the code in a cell becomes, and counts it. Whether the record is to be rejected for it. `value` tells what stands there
    /// for what is written there.
    pub fn code<'d>(&mut self, column: usize, raw: &'d [u8], value: impl Fn(&'d [u8]) -> Cow<'d, [u8]>) -> bool {
        self.make_room(1);
        let hit = if self.contextual { self.look_with_context(column, &value(raw)) } else { self.look(column, raw, &value) };
        if self.repetitions.is_some() && !hit.is_blank() {
            let tallies = self.groups[self.columns[column].group].tallies_of(hit);
            self.counted.extend(tallies.map(|tally| (column, tally)));
        }
        self.give(column, hit)
    }

    fn look<'d>(&mut self, column: usize, raw: &'d [u8], value: &dyn Fn(&'d [u8]) -> Cow<'d, [u8]>) -> Hit {
        let group = &mut self.groups[self.columns[column].group];
        group.take_one(raw).unwrap_or_else(|| {
            let context = Context { sources: &[0], date: None, facts: &self.facts.facts, text: None };
            group.ask(raw, &value(raw), context, &mut self.ledger)
        })
    }

    /// Before some cells are looked up: none of the answers to them will have to give way to another.
    fn make_room(&mut self, cells: usize) {
        for group in &mut self.groups {
            group.make_room(cells, &mut self.ledger);
        }
    }

    /// Finds what a code becomes with the facts of the record at hand; it counts as given.
    fn look_with_context(&mut self, column: usize, cell: &[u8]) -> Hit {
        let Column { group, from, .. } = &self.columns[column];
        let group = &mut self.groups[*group];
        let key = &mut self.scratch;
        key.clear();
        let mut sources = 0..0;
        if !cell.trim_ascii().is_empty() {
            sources = group.put_sources(from, key, &mut self.ledger);
            key.extend_from_slice(&self.facts.key);
            key.extend_from_slice(cell);
        }
        group.take_one(key).unwrap_or_else(|| {
            let (facts, text) = (&self.facts.facts, self.facts.text.as_deref());
            group.ask(key, cell, Context { sources: &key[sources], date: self.facts.date, facts, text }, &mut self.ledger)
        })
    }

    /// Appends what was found, and counts it. Whether the record is to be rejected for it.
    #[inline(always)]
    fn give(&mut self, column: usize, hit: Hit) -> bool {
        let group = &self.groups[self.columns[column].group];
        let codes = &mut self.ledger.columns[column];
        group.append(hit, &mut self.out);
        if hit.is_blank() {
            codes.blank += 1;
            return false;
        }
        let outcome = usize::from(hit.outcome());
        codes.outcomes[outcome] += 1;
        codes.settled += u64::from(hit.settled());
        if hit.has_further() {
            for (at, &(place, outcome, settled)) in group.further(hit).iter().enumerate() {
                codes.further += 1;
                codes.outcomes[usize::from(outcome)] += 1;
                codes.settled += u64::from(settled);
                let lot = lot(self.seed + 1 + at as u64, self.ledger.records_in, column);
                if lot < self.limits[usize::from(outcome)] {
                    let sampled = Sampled { line: 0, column: String::new(), tally: place.tally, lot };
                    self.hits.push((column, usize::from(outcome), sampled));
                }
            }
        }
        let lot = lot(self.seed, self.ledger.records_in, column);
        if lot < self.limits[outcome]
            && let Some(tally) = group.tally_of(hit)
        {
            self.hits.push((column, outcome, Sampled { line: 0, column: String::new(), tally, lot }));
        }
        hit.rejects()
    }

    /// After the cells of a record were looked at: counts it, and draws it for the sample.
    #[inline]
    pub fn draw(&mut self, data: &[u8], start: usize) {
        self.seen += 1;
        if self.rejects_unsettled {
            self.note_counts();
        }
        if !self.hits.is_empty() {
            self.keep_sample(data, start);
        }
    }

    /// Puts the codes of the record at hand into the sample; of each outcome those with the lowest lots stay.
    #[cold]
    fn keep_sample(&mut self, data: &[u8], start: usize) {
        let line = self.line(data, start);
        for (column, outcome, mut sampled) in self.hits.drain(..) {
            sampled.line = line;
            sampled.column = self.columns[column].name.clone();
            let kept = &mut self.ledger.samples[outcome];
            kept.push(sampled);
            kept.sort_by_key(|s| (s.lot, s.line));
            kept.truncate(self.sample);
            if kept.len() == self.sample {
                self.limits[outcome] = kept.last().map_or(0, |s| s.lot);
            }
        }
    }

    /// The line in which a place of the text at hand lies.
    pub fn line(&self, data: &[u8], at: usize) -> u64 {
        self.first_line + breaks(&data[..at])
    }

    pub fn blank_line(&mut self, line: &[u8]) {
        self.ledger.blank_lines += 1;
        self.out.extend_from_slice(line);
    }

    /// What is wrong with the bytes of a record, if anything.
    pub fn damage(&self, record: &[u8]) -> Option<RejectReason> {
        damage(record, self.encoding)
    }

    /// Reads the facts of the record at hand.
    pub fn read_context<'d>(&mut self, field: impl Fn(usize) -> Cow<'d, [u8]>) -> Result<(), RejectReason> {
        for column in &mut self.columns {
            if let Some(place) = column.from_place {
                column.from.clear();
                column.from.extend_from_slice(&field(place));
            }
        }
        self.facts.read(self.encoding, field, &mut self.ledger.facts_not_understood)
    }

    /// Where the run stands, but for the output.
    pub fn state(&mut self) -> State<'_> {
        self.settle_counts();
        State {
            identity: Cow::Borrowed(&self.identity),
            started: Cow::Borrowed(&self.started),
            text: self.text,
            seen: self.seen,
            first_line: self.first_line,
            ledger: Cow::Borrowed(&self.ledger),
            rejects: self.rejects.as_ref().map(Output::state),
        }
    }

    /// From the first record again.
    pub fn restart(&mut self) {
        let names = self.columns.iter().map(|c| c.name.clone());
        self.ledger = Ledger::new(names);
        (self.text, self.seen, self.first_line) = (0, 0, 1);
        self.limits = [if self.sample > 0 { u64::MAX } else { 0 }; 10];
        self.counts = Default::default();
        self.rejects = None;
    }

    /// Goes on from there. `false`: what was rejected until then is not there any more.
    pub fn resume(&mut self, state: State<'_>) -> Result<bool, Error> {
        if let (Some(rejects), Some(path)) = (&state.rejects, &self.rejects_at) {
            self.rejects = Output::resume(path, self.encoding, true, rejects)?;
            if self.rejects.is_none() {
                return Ok(false);
            }
        }
        (self.text, self.seen, self.first_line) = (state.text, state.seen, state.first_line);
        self.started = state.started.into_owned();
        self.ledger = state.ledger.into_owned();
        self.ledger.find_places();
        self.note_counts();
        for (limit, kept) in self.limits.iter_mut().zip(&self.ledger.samples) {
            if kept.len() == self.sample {
                *limit = kept.last().map_or(0, |s| s.lot);
            }
        }
        Ok(true)
    }

    #[cfg(feature = "parquet")]
    pub fn has_keys(&self) -> bool {
        self.repetitions.is_some()
    }

    /// Notes the record at hand, and the codes under its key, as what may come again.
    pub fn note_repetitions<'d>(&mut self, record: &[u8], field: impl Fn(usize) -> Cow<'d, [u8]>) -> Result<(), Error> {
        let Some(gatherer) = &mut self.repetitions else { return Ok(()) };
        let mut counted = std::mem::take(&mut self.counted);
        let number = self.ledger.records_in;
        gatherer.add_record(record, number)?;
        let pair = &mut self.scratch;
        pair.clear();
        for &place in &self.keys {
            let value = field(place);
            pair.extend_from_slice(&(value.len() as u32).to_le_bytes());
            pair.extend_from_slice(&value);
        }
        // What has no key belongs to nobody.
        let is_somebodys = !self.keys.iter().all(|&place| field(place).trim_ascii().is_empty());
        let key = pair.len();
        for (at, column) in self.columns.iter().enumerate().filter(|_| is_somebodys) {
            let cell = field(column.place);
            let text = self.encoding.decode(&cell);
            let parts = self.groups[column.group].parts(&text);
            let codes = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
            let tallies = counted.iter().filter(|(column, _)| *column == at).map(|(_, tally)| &self.ledger.tallies[*tally as usize]);
            for (code, tally) in codes.zip(tallies) {
                pair.truncate(key);
                // Spelt otherwise it is the same code; the same digits in another system are another.
                if tally.is_one_code() {
                    pair.extend_from_slice(tally.system.as_bytes());
                    pair.push(0);
                    pair.extend_from_slice(tally.code.as_bytes());
                } else {
                    pair.extend_from_slice(if tally.system.is_empty() { &column.from } else { tally.system.as_bytes() });
                    pair.push(1);
                    pair.extend(code.bytes().map(|b| b.to_ascii_uppercase()));
                }
                gatherer.add_code(pair, number, at, code)?;
            }
        }
        counted.clear();
        self.counted = counted;
        Ok(())
    }

    /// What came again, if there is a key.
    pub fn repetitions(&mut self) -> Result<Option<Duplicates>, Error> {
        self.repetitions.take().map(Gatherer::finish).transpose()
    }

    /// Brings the counts of the answers into the ledger.
    pub fn settle_counts(&mut self) {
        for group in &mut self.groups {
            group.settle_counts(&mut self.ledger);
        }
    }

    /// Puts a record among the rejects, as it came.
    #[cold]
    pub fn reject(&mut self, data: &[u8], start: usize, next: usize, reason: RejectReason) -> Result<(), Error> {
        let line = self.line(data, start);
        let record = &data[start..next];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        self.hits.clear();
        if reason == RejectReason::Unsettled {
            self.count_rejected();
        } else if let Some(gatherer) = &mut self.repetitions {
            // What came to its codes has been noted.
            gatherer.add_record(record, self.ledger.records_in)?;
        }
        self.ledger.rejected_lines += lines(&data[start..next]);
        *self.ledger.rejected.entry(reason).or_default() += 1;
        if self.rejects.is_none() {
            let Some(path) = &self.rejects_at else {
                return Err(Error::NoPlaceForRejects { line, reason: reason.in_words().to_owned() });
            };
            if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(|e| Error::io("make folder", folder, e))?;
            }
            self.rejects = Some(begin_rejects(path, self.encoding)?);
        }
        let mut row = format!("{line},{},\"", reason.code()).into_bytes();
        for &byte in record {
            if byte == b'"' {
                row.push(byte);
            }
            row.push(byte);
        }
        row.extend_from_slice(b"\"\n");
        self.rejects.as_mut().map_or(Ok(()), |r| r.write(&row))
    }

    fn note_counts(&mut self) {
        self.counts.swap(0, 1);
        self.counts[1].clear();
        self.counts[1].extend(self.ledger.columns.iter().map(|c| (c.codes(), c.settled)));
    }

    /// Counts the codes of the last record as codes of a rejected one.
    fn count_rejected(&mut self) {
        for (at, column) in self.ledger.columns.iter_mut().enumerate() {
            let [before, after] = [0, 1].map(|i| self.counts[i].get(at).copied().unwrap_or_default());
            column.rejected += after.0 - before.0;
            column.rejected_settled += after.1 - before.1;
        }
    }

    /// Where nothing was rejected, the rejects of an earlier run must not stand beside the output as if they were of this one.
    pub fn replace_stale_rejects(&mut self) -> Result<(), Error> {
        if self.rejects.is_none()
            && let Some(path) = self.rejects_at.as_ref().filter(|p| p.exists())
        {
            self.rejects = Some(begin_rejects(path, self.encoding)?);
        }
        Ok(())
    }

    pub fn discard(&mut self) {
        if let Some(rejects) = self.rejects.take() {
            rejects.discard();
        }
    }
}

/// Where records go that cannot be converted; those of a report lie in it while it is made.
fn rejects_at(job: &Job) -> Option<PathBuf> {
    match (&job.rejects, &job.report) {
        (None, Some(report)) => Some(part_of(report).join("rejects.csv")),
        _ => places::rejects(job),
    }
}

fn begin_rejects(path: &Path, encoding: TextEncoding) -> Result<Output, Error> {
    let mut rejects = Output::create(path, encoding, true)?;
    // Without its mark nobody would know UTF-16.
    let mark = if matches!(encoding, TextEncoding::Utf16 { .. }) { "\u{feff}" } else { "" };
    match rejects.write(format!("{mark}{}", places::REJECTS).as_bytes()) {
        Ok(()) => Ok(rejects),
        Err(e) => {
            rejects.discard();
            Err(e)
        }
    }
}

/// Lines of a text; the last may have no end.
pub(super) fn lines(text: &[u8]) -> u64 {
    breaks(text) + u64::from(!text.is_empty() && !text.ends_with(b"\n"))
}

/// Line breaks in a text.
pub(super) fn breaks(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// What is wrong with the bytes of a record, if anything.
pub(super) fn damage(record: &[u8], encoding: TextEncoding) -> Option<RejectReason> {
    if memchr::memchr(0, record).is_some() {
        return Some(RejectReason::Nul);
    }
    let utf8 = !matches!(encoding, TextEncoding::SingleByte(_));
    (utf8 && std::str::from_utf8(record).is_err()).then_some(RejectReason::Encoding)
}

/// The names of what is appended for a code column.
pub(super) fn appended(name: &str) -> [String; 5] {
    ["target", "outcome", "relationship", "map", "policy"].map(|what| format!("{name}_{what}"))
}

/// A number that only record and column decide; lots are drawn by it.
#[inline]
fn lot(seed: u64, record: u64, column: usize) -> u64 {
    let x = (record.wrapping_mul(64) + column as u64).wrapping_add(seed << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let product = u128::from(x ^ (x >> 29)) * 0xa076_1d64_78bd_642f_u128;
    (product >> 64) as u64 ^ product as u64
}
