//! The run: blocks in, records through the answers, text out, and a ledger that has to balance before anything is put in place.

use super::Error;
use super::answers::{Answers, Context, Dialect};
use super::format::{delimited::Delimited, ndjson::Ndjson};
use super::input::{Ahead, Blocks, HEADROOM, Input, InputFacts, TextEncoding, display_name};
use super::ledger::{Ledger, RejectReason, Sampled};
use super::output::{Behind, Output, OutputFacts, Sink, part_of};
use super::spec::{self, CodeColumn, Job, RecordFormat};
use crate::engine::{Age, Engine, Facts, Policy, Sex};
use crate::model::Date;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Buffers between two threads; all there are.
const RING: usize = 3;
/// Distinct dates kept; there are 36,525 days in a century.
const MOST_DATES: usize = 1 << 16;

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Run {
    pub input: InputFacts,
    pub output: OutputFacts,
    pub rejects: Option<OutputFacts>,
    pub ledger: Ledger,
    /// Fingerprint of the index that answered.
    pub index: String,
    /// What was converted, by whom and how, in words: column, systems, policy.
    pub columns: Vec<ColumnFacts>,
    pub format: RecordFormat,
    pub started: jiff::Timestamp,
    pub seconds: f64,
}

/// One code column of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnFacts {
    pub column: String,
    /// Alias, or `by COLUMN`.
    pub from: String,
    pub to: String,
    /// The maps that were asked, `id|version`, in order.
    pub maps: Vec<String>,
    pub policy: Policy,
    pub strict: bool,
    pub unsettled: spec::Unsettled,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub bytes: u64,
    /// `None`: standard input.
    pub of: Option<u64>,
    pub records: u64,
}

/// Runs a job to its end.
///
/// # Errors
/// Everything that keeps the whole from being done; then nothing is in place. Bad records and unsettled codes are no errors, they are
/// in the [`Run::ledger`].
pub fn convert(job: &Job, engine: &Engine, progress: &mut dyn FnMut(Progress)) -> Result<Run, Error> {
    let (started, clock) = (jiff::Timestamp::now(), std::time::Instant::now());
    check_places(job)?;
    let input = Input::open(&job.input, job.encoding.as_deref(), job.block)?;
    let format = job.format.or_else(|| RecordFormat::of(&job.input)).unwrap_or(RecordFormat::Csv);
    let file = display_name(&job.input);
    let (mut format_reader, header) = match format {
        RecordFormat::Csv | RecordFormat::Tsv => {
            let (d, header) = Delimited::detect(job, format, &input.sample, &file)?;
            (Reader::Delimited(d, Vec::new()), Some(header))
        }
        RecordFormat::Ndjson => {
            if input.sample.iter().all(u8::is_ascii_whitespace) {
                return Err(Error::Empty { file });
            }
            (Reader::Ndjson(Ndjson::new(job)), None)
        }
        RecordFormat::Parquet | RecordFormat::Arrow => {
            return Err(Error::Unsupported { what: format!("{} is not read yet", format.code()) });
        }
    };
    let mut work = Work::new(job, engine, header.as_deref(), &format_reader, input.encoding)?;
    if let Some(stale) = work.staged.as_ref().filter(|s| s.exists()) {
        std::fs::remove_dir_all(stale).map_err(|e| Error::io("clear", stale, e))?;
    }
    let output = Output::create(&job.output, input.encoding, job.sync)?;
    let (input, mut output) = pump(job, input, output, &mut format_reader, &mut work, progress)?;
    let done = (|| {
        work.ledger.check(work.seen)?;
        let facts = input.finish()?;
        Ok((facts, output.finish()?))
    })();
    let (input, output_facts) = match done {
        Ok(facts) => facts,
        Err(e) => {
            output.discard();
            work.discard();
            return Err(e);
        }
    };
    let rejects = work.rejects.as_mut().map(Output::finish).transpose()?;
    let run = Run {
        input,
        output: output_facts,
        rejects,
        columns: work.column_facts(),
        ledger: std::mem::take(&mut work.ledger),
        index: engine.index().fingerprint(),
        format,
        started,
        seconds: clock.elapsed().as_secs_f64(),
    };
    let staged = job.report.as_deref().map(part_of);
    if let Some(folder) = &staged
        && let Err(e) = super::report::write(folder, job, engine, &run)
    {
        output.discard();
        work.discard();
        return Err(e);
    }
    if let Some(rejects) = work.rejects.take() {
        rejects.publish()?;
    }
    output.publish()?;
    if let (Some(folder), Some(place)) = (staged, &job.report) {
        std::fs::rename(&folder, place).map_err(|e| Error::io("rename to", place, e))?;
    }
    Ok(run)
}

/// Refuses what would destroy something.
fn check_places(job: &Job) -> Result<(), Error> {
    if job.columns.is_empty() {
        return Err(Error::NoColumns);
    }
    if job.output.as_os_str() != "-" && same_file(&job.input, &job.output) {
        return Err(Error::SameFile { file: job.output.display().to_string() });
    }
    if job.output.is_dir() {
        return Err(Error::Exists { what: "a folder", path: job.output.display().to_string() });
    }
    if let Some(report) = job.report.as_ref().filter(|r| r.exists()) {
        return Err(Error::Exists { what: "the report folder", path: report.display().to_string() });
    }
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    let (Ok(a), Ok(b)) = (a.canonicalize(), b.canonicalize()) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if let (Ok(a), Ok(b)) = (a.metadata(), b.metadata()) {
            return (a.dev(), a.ino()) == (b.dev(), b.ino());
        }
    }
    a == b
}

enum Reader {
    Delimited(Delimited, Vec<u32>),
    Ndjson(Ndjson),
}

impl Reader {
    fn run(&mut self, data: &[u8], clean: bool, last: bool, work: &mut Work<'_>) -> Result<usize, Error> {
        match self {
            Reader::Delimited(d, ends) => d.run(data, clean, last, ends, work),
            Reader::Ndjson(n) => n.run(data, clean, last, work),
        }
    }
}

/// Starts the threads, and stops them whatever happens.
fn pump(
    job: &Job,
    mut input: Input,
    mut output: Output,
    reader: &mut Reader,
    work: &mut Work<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Input, Output), Error> {
    if job.threads <= 1 {
        let meter = Meter { read: input.read_so_far(), of: input.size() };
        return match blocks(job, &mut input, &mut output, reader, work, &meter, progress) {
            Ok(()) => Ok((input, output)),
            Err(e) => {
                output.discard();
                work.discard();
                Err(e)
            }
        };
    }
    std::thread::scope(|scope| {
        let meter = Meter { read: input.read_so_far(), of: input.size() };
        let mut ahead = Ahead::start(scope, input, RING);
        let mut behind = Behind::start(scope, output, RING);
        let done = blocks(job, &mut ahead, &mut behind, reader, work, &meter, progress);
        let input = ahead.join();
        let (output, written) = behind.join();
        // What stopped the writer is the cause; that its channel is gone is only how we learn of it.
        match (written.and(done), input, output) {
            (Ok(()), Ok(input), Some(output)) => Ok((input, output)),
            (Ok(()), Err(e), output) | (Err(e), _, output) => {
                if let Some(output) = output {
                    output.discard();
                }
                work.discard();
                Err(e)
            }
            (Ok(()), Ok(_), None) => Err(Error::Unbalanced { what: String::from("the output is lost") }),
        }
    })
}

struct Meter {
    read: std::sync::Arc<std::sync::Mutex<(blake3::Hasher, u64)>>,
    of: Option<u64>,
}

/// Takes block after block; the record that a block breaks off is carried in front of the next.
fn blocks(
    job: &Job,
    source: &mut dyn Blocks,
    sink: &mut dyn Sink,
    reader: &mut Reader,
    work: &mut Work<'_>,
    meter: &Meter,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let mut carry = Vec::new();
    // A record longer than the headroom is gathered here, and looked at again only when it has doubled.
    let mut long: Vec<u8> = Vec::new();
    let mut look_at = 0;
    let mut unclean = false;
    while let Some(mut block) = source.next()? {
        unclean |= !block.clean;
        if long.is_empty() && carry.len() <= HEADROOM {
            let start = HEADROOM - carry.len();
            block.bytes[start..HEADROOM].copy_from_slice(&carry);
            let data = &block.bytes[start..];
            let used = step(data, !unclean, block.last, reader, work)?;
            carry.clear();
            carry.extend_from_slice(&data[used..]);
            unclean = !block.clean && !carry.is_empty();
        } else {
            if long.is_empty() {
                long = std::mem::take(&mut carry);
                look_at = long.len() * 2;
            }
            long.extend_from_slice(&block.bytes[HEADROOM..]);
            if block.last || long.len() >= look_at || long.len() > job.max_record {
                let used = step(&long, false, block.last, reader, work)?;
                look_at = (long.len() - used) * 2;
                long.drain(..used);
                if long.len() <= HEADROOM {
                    carry = std::mem::take(&mut long);
                }
            }
        }
        if carry.len().max(long.len()) > job.max_record {
            return Err(Error::RecordTooLong { file: display_name(&job.input), line: work.first_line, limit: job.max_record });
        }
        source.reuse(block);
        if !work.out.is_empty() {
            sink.take(&mut work.out)?;
        }
        let bytes = meter.read.lock().map(|t| t.1).unwrap_or(0);
        progress(Progress { bytes, of: meter.of, records: work.ledger.records_in });
    }
    Ok(())
}

fn step(data: &[u8], clean: bool, last: bool, reader: &mut Reader, work: &mut Work<'_>) -> Result<usize, Error> {
    let used = reader.run(data, clean, last, work)?;
    work.first_line += memchr::memchr_iter(b'\n', &data[..used]).count() as u64;
    Ok(used)
}

/// What a record is converted with.
pub(super) struct Work<'e> {
    columns: Vec<Column>,
    groups: Vec<Answers<'e>>,
    specs: Vec<CodeColumn>,
    facts: FactColumns,
    context: RowContext,
    dates: Dates,
    contextual: bool,
    encoding: TextEncoding,
    pub ledger: Ledger,
    pub out: Vec<u8>,
    /// Records whose cells were looked at.
    pub seen: u64,
    /// The line that the text at hand begins with.
    pub first_line: u64,
    rejects_at: Option<PathBuf>,
    staged: Option<PathBuf>,
    pub rejects: Option<Output>,
    seed: u64,
    sample: usize,
    limits: [u64; 10],
    hits: Vec<(usize, usize, Sampled)>,
}

struct Column {
    place: usize,
    name: String,
    group: usize,
    from_place: Option<usize>,
}

#[derive(Default)]
struct FactColumns {
    date: Option<usize>,
    age: Option<usize>,
    age_unit: Option<String>,
    sex: Option<usize>,
    text: Option<usize>,
}

/// The facts of the record at hand.
#[derive(Default)]
struct RowContext {
    date: Option<Date>,
    facts: Facts,
    text: Option<String>,
    /// Value of the source column, for each code column.
    from: Vec<Vec<u8>>,
    /// What of the facts an answer depends on.
    key: Vec<u8>,
    scratch: Vec<u8>,
}

impl<'e> Work<'e> {
    fn new(job: &Job, engine: &'e Engine, header: Option<&[String]>, reader: &Reader, encoding: TextEncoding) -> Result<Work<'e>, Error> {
        // Formats without a header name members by themselves; places are then counted as they are met.
        let mut names: Vec<String> = header.unwrap_or_default().to_vec();
        let mut place = |name: &str| match header {
            Some(header) => spec::place(name, header),
            None => {
                names.push(name.to_owned());
                Ok(names.len() - 1)
            }
        };
        let optional = |name: &Option<String>, place: &mut dyn FnMut(&str) -> Result<usize, Error>| name.as_deref().map(place).transpose();
        let facts = FactColumns {
            date: optional(&job.date, &mut place)?,
            age: optional(&job.age, &mut place)?,
            age_unit: job.age_unit.clone(),
            sex: optional(&job.sex, &mut place)?,
            text: optional(&job.text, &mut place)?,
        };
        let (mut columns, mut groups, mut specs): (Vec<Column>, Vec<Answers<'e>>, Vec<CodeColumn>) = Default::default();
        for spec in &job.columns {
            let from_place = optional(&spec.from_column, &mut place)?;
            for name in spec.name.split(',').filter(|n| !n.trim().is_empty()) {
                let places = match header {
                    Some(header) => spec::places(name.trim(), header)?,
                    None => vec![place(name.trim())?],
                };
                for at in places {
                    let name = header.map_or_else(|| Ndjson::member(name), |h| h[at].clone());
                    // Where the name is part of the answer, each column has its own.
                    if matches!(reader, Reader::Ndjson(_)) {
                        groups.push(Answers::new(engine, spec, Dialect::Json(appended(&name)))?);
                        specs.push(spec.clone());
                    }
                    columns.push(Column { place: at, name, group: groups.len(), from_place });
                }
            }
            if let Reader::Delimited(d, _) = reader {
                groups.push(Answers::new(engine, spec, Dialect::Delimited { delimiter: d.delimiter, quote: d.quote })?);
                specs.push(spec.clone());
            } else {
                columns.iter_mut().rev().take_while(|c| c.group == groups.len()).for_each(|c| c.group -= 1);
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
            if columns[..i].iter().any(|c| c.place == column.place) {
                return Err(Error::Column { name: column.name.clone(), what: String::from("named twice as a code column") });
            }
        }
        let from_columns = columns.iter().any(|c| c.from_place.is_some());
        let contextual = from_columns || facts.date.is_some() || facts.age.is_some() || facts.sex.is_some() || facts.text.is_some();
        let dates = if facts.date.is_some() { Dates::new(&groups) } else { Dates::default() };
        let rejects_at = job.rejects.clone().or_else(|| match &job.report {
            Some(report) => Some(part_of(report).join("rejects.csv")),
            None if job.output.as_os_str() == "-" => None,
            None => {
                let mut name = job.output.file_name().unwrap_or_default().to_owned();
                name.push(".rejects.csv");
                Some(job.output.with_file_name(name))
            }
        });
        let ledger = Ledger::new(columns.iter().map(|c| c.name.clone()));
        let context = RowContext { from: vec![Vec::new(); columns.len()], ..RowContext::default() };
        Ok(Work {
            columns,
            groups,
            specs,
            facts,
            context,
            dates,
            contextual,
            encoding,
            ledger,
            out: Vec::new(),
            seen: 0,
            first_line: 1,
            rejects_at,
            staged: job.report.as_deref().map(part_of),
            rejects: None,
            seed: job.seed,
            sample: job.sample,
            limits: [if job.sample > 0 { u64::MAX } else { 0 }; 10],
            hits: Vec::new(),
        })
    }

    pub fn columns(&self) -> usize {
        self.columns.len()
    }
    pub fn place(&self, column: usize) -> usize {
        self.columns[column].place
    }
    pub fn has_context(&self) -> bool {
        self.contextual
    }
    pub fn has_hits(&self) -> bool {
        !self.hits.is_empty()
    }
    pub fn is_at_start(&self) -> bool {
        self.first_line == 1 && self.ledger.records_in == 0
    }

    /// The names of the appended columns, in order.
    pub fn appended_names(&self) -> Vec<String> {
        let of = |c: &Column| appended(&c.name).into_iter().take(if self.groups[c.group].has_policy() { 5 } else { 4 });
        self.columns.iter().flat_map(of).collect()
    }

    fn column_facts(&self) -> Vec<ColumnFacts> {
        let facts = |c: &Column| {
            let spec = &self.specs[c.group];
            let maps = self.groups[c.group].translators().flat_map(|t| t.maps()).map(|m| format!("{}|{}", m.id(), m.version()));
            ColumnFacts {
                column: c.name.clone(),
                from: spec.from.clone().unwrap_or_else(|| format!("by {}", spec.from_column.as_deref().unwrap_or_default())),
                to: spec.to.clone(),
                maps: maps.collect(),
                policy: spec.policy,
                strict: spec.strict,
                unsettled: spec.unsettled,
            }
        };
        self.columns.iter().map(facts).collect()
    }

    /// Appends what the code in a cell becomes, and counts it. Whether the record is to be rejected for it.
    #[inline]
    pub fn code(&mut self, column: usize, data: &[u8], start: usize, length: usize) -> bool {
        let group = &mut self.groups[self.columns[column].group];
        let codes = &mut self.ledger.columns[column];
        if length == 0 || (data[start] <= b' ' && data[start..start + length].trim_ascii().is_empty()) {
            codes.blank += 1;
            self.out.extend_from_slice(group.blank());
            return false;
        }
        let id = if self.contextual {
            let source = group.source(&self.context.from[column]);
            let key = &mut self.context.scratch;
            key.clear();
            key.push(source);
            key.extend_from_slice(&self.context.key);
            key.extend_from_slice(&data[start..start + length]);
            match group.find(key, 0, key.len()) {
                Some(id) => id,
                None => {
                    let context = Context {
                        from: &self.context.from[column],
                        date: self.context.date,
                        facts: &self.context.facts,
                        text: self.context.text.as_deref(),
                    };
                    group.ask(key, &data[start..start + length], source, context, &mut self.ledger)
                }
            }
        } else {
            match group.find(data, start, length) {
                Some(id) => id,
                None => {
                    let cell = &data[start..start + length];
                    let context = Context { from: b"", date: None, facts: &self.context.facts, text: None };
                    group.ask(cell, cell, 0, context, &mut self.ledger)
                }
            }
        };
        let answer = group.answer(id);
        let outcome = usize::from(answer.outcome);
        let codes = &mut self.ledger.columns[column];
        codes.outcomes[outcome] += 1;
        codes.settled += u64::from(answer.settled);
        self.ledger.tallies[answer.tally as usize].count += 1;
        for &(tally, outcome, settled) in &answer.further {
            codes.further += 1;
            codes.outcomes[usize::from(outcome)] += 1;
            codes.settled += u64::from(settled);
            self.ledger.tallies[tally as usize].count += 1;
        }
        self.out.extend_from_slice(group.bytes(answer));
        let lot = lot(self.seed, self.ledger.records_in, column);
        if lot < self.limits[outcome] {
            let sampled = Sampled { line: 0, column: String::new(), tally: answer.tally, lot };
            self.hits.push((column, outcome, sampled));
        }
        answer.reject
    }

    /// Puts the codes of the record at hand into the sample; of each outcome those with the lowest lots stay.
    #[cold]
    pub fn keep_sample(&mut self, data: &[u8], start: usize) {
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
    fn line(&self, data: &[u8], at: usize) -> u64 {
        self.first_line + memchr::memchr_iter(b'\n', &data[..at]).count() as u64
    }

    pub fn blank_line(&mut self, line: &[u8]) {
        self.ledger.blank_lines += 1;
        self.out.extend_from_slice(line);
    }

    /// What is wrong with the bytes of a record, if anything.
    pub fn damage(&self, record: &[u8]) -> Option<RejectReason> {
        if memchr::memchr(0, record).is_some() {
            return Some(RejectReason::Nul);
        }
        let utf8 = !matches!(self.encoding, TextEncoding::SingleByte(_));
        (utf8 && std::str::from_utf8(record).is_err()).then_some(RejectReason::Encoding)
    }

    /// Reads the facts of the record at hand.
    pub fn read_context<'d>(&mut self, field: impl Fn(usize) -> Cow<'d, [u8]>) -> Result<(), RejectReason> {
        let context = &mut self.context;
        context.key.clear();
        for (column, from) in self.columns.iter().zip(&mut context.from) {
            if let Some(place) = column.from_place {
                from.clear();
                from.extend_from_slice(&field(place));
            }
        }
        if let Some(place) = self.facts.date {
            let (date, class) = self.dates.find(&field(place)).ok_or(RejectReason::Date)?;
            context.date = date;
            context.key.extend_from_slice(&class.to_le_bytes());
        }
        let not_understood = |what: &str, ledger: &mut Ledger| *ledger.facts_not_understood.entry(what.to_owned()).or_default() += 1;
        if let Some(place) = self.facts.sex {
            let cell = field(place);
            let text = String::from_utf8_lossy(&cell);
            context.facts.sex = Sex::parse(&text);
            if context.facts.sex.is_none() && !text.trim().is_empty() {
                not_understood("sex", &mut self.ledger);
            }
            context.key.push(context.facts.sex.map_or(0, |s| s as u8 + 1));
        }
        if let Some(place) = self.facts.age {
            let cell = field(place);
            let text = String::from_utf8_lossy(&cell);
            let text = text.trim();
            let bare = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let age = match &self.facts.age_unit {
                Some(unit) if bare => Age::parse(&format!("{text} {unit}")),
                _ => Age::parse(text),
            };
            (context.facts.age_at_onset, context.facts.current_age) = (age, age);
            if age.is_none() && !text.is_empty() {
                not_understood("age", &mut self.ledger);
            }
            let key = if age.is_some() { &text.as_bytes()[..text.len().min(255)] } else { b"" };
            context.key.push(key.len() as u8);
            context.key.extend_from_slice(key);
        }
        if let Some(place) = self.facts.text {
            let cell = field(place);
            let text = match self.encoding {
                TextEncoding::SingleByte(encoding) => encoding.decode_without_bom_handling(&cell).0.into_owned(),
                _ => String::from_utf8_lossy(&cell).into_owned(),
            };
            context.key.extend_from_slice(&xxhash_rust::xxh3::xxh3_128(text.as_bytes()).to_le_bytes());
            context.text = Some(text).filter(|t| !t.trim().is_empty());
        }
        Ok(())
    }

    /// Puts a record among the rejects, as it came.
    #[cold]
    pub fn reject(&mut self, data: &[u8], start: usize, next: usize, reason: RejectReason) -> Result<(), Error> {
        let line = self.line(data, start);
        self.hits.clear();
        *self.ledger.rejected.entry(reason).or_default() += 1;
        if self.rejects.is_none() {
            let Some(path) = &self.rejects_at else {
                return Err(Error::NoPlaceForRejects { line, reason: reason.in_words().to_owned() });
            };
            if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(|e| Error::io("make folder", folder, e))?;
            }
            let mut rejects = Output::create(path, self.encoding, true)?;
            rejects.write(b"line,reason,record\n")?;
            self.rejects = Some(rejects);
        }
        let mut row = format!("{line},{},\"", reason.code()).into_bytes();
        let record = &data[start..next];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        for &byte in record {
            if byte == b'"' {
                row.push(byte);
            }
            row.push(byte);
        }
        row.extend_from_slice(b"\"\n");
        self.rejects.as_mut().map_or(Ok(()), |r| r.write(&row))
    }

    fn discard(&mut self) {
        if let Some(rejects) = self.rejects.take() {
            rejects.discard();
        }
        // A folder that this run made for its report; of an earlier run nothing is in it but what is made again.
        if let Some(staged) = &self.staged {
            let _ = std::fs::remove_dir_all(staged);
        }
    }
}

/// The names of what is appended for a code column.
fn appended(name: &str) -> [String; 5] {
    ["target", "outcome", "relationship", "map", "policy"].map(|what| format!("{name}_{what}"))
}

/// A number that only record and column decide; lots are drawn by it.
#[inline]
fn lot(seed: u64, record: u64, column: usize) -> u64 {
    let x = (record.wrapping_mul(64) + column as u64).wrapping_add(seed << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let product = u128::from(x ^ (x >> 29)) * 0xa076_1d64_78bd_642f_u128;
    (product >> 64) as u64 ^ product as u64
}

/// A date, if one was given, and between which turns it lies.
type DateClass = (Option<Date>, u16);

/// Dates of service. What an answer depends on is not the day, but between which releases it lies.
#[derive(Default)]
struct Dates {
    /// Days on which some code began or ceased to be one.
    turns: Vec<Date>,
    known: HashMap<Box<[u8]>, Option<DateClass>, foldhash::fast::FixedState>,
}

impl Dates {
    fn new(groups: &[Answers<'_>]) -> Dates {
        let mut turns = Vec::new();
        let mut seen = Vec::new();
        for system in groups.iter().flat_map(Answers::translators).map(|t| t.source()) {
            if seen.contains(&system.ordinal()) {
                continue;
            }
            seen.push(system.ordinal());
            for validity in system.concepts().flat_map(|c| c.validity()) {
                turns.extend(validity.from);
                turns.extend(validity.to.and_then(|to| to.tomorrow().ok()));
            }
            turns.sort_unstable();
            turns.dedup();
        }
        Dates { turns, known: HashMap::default() }
    }

    /// The date and its class; `None` for what is no date. A blank is no date given.
    fn find(&mut self, cell: &[u8]) -> Option<DateClass> {
        if let Some(known) = self.known.get(cell) {
            return *known;
        }
        let text = String::from_utf8_lossy(cell);
        let found = match text.trim() {
            "" => Some((None, 0)),
            text => date(text).map(|d| (Some(d), self.turns.partition_point(|t| *t <= d) as u16 + 1)),
        };
        if self.known.len() >= MOST_DATES {
            self.known.clear();
        }
        self.known.insert(cell.into(), found);
        found
    }
}

/// A date as extracts have it: `2014-03-31`, with or without a time, `20140331`, `3/31/2014` (month first, as in US claims).
pub(super) fn date(text: &str) -> Option<Date> {
    let day = text.split(['T', ' ']).next().unwrap_or(text);
    let number = |t: &str| t.parse::<i16>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit()));
    let of = |y: &str, m: &str, d: &str| Date::new(number(y)?, i8::try_from(number(m)?).ok()?, i8::try_from(number(d)?).ok()?).ok();
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        return of(&day[..4], &day[4..6], &day[6..]);
    }
    let parts: Vec<&str> = day.split(['-', '/']).collect();
    match parts[..] {
        [y, m, d] if y.len() == 4 => of(y, m, d),
        [m, d, y] if y.len() == 4 && day.contains('/') => of(y, m, d),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_extracts_have_them() {
        for text in ["2014-03-31", "2014-03-31T12:00:00Z", "2014-03-31 00:00:00.000", "20140331", "3/31/2014", "03/31/2014", "2014/3/31"] {
            assert_eq!(date(text), Date::new(2014, 3, 31).ok(), "{text}");
        }
        for text in ["31.03.2014", "31/03/2014", "2014-02-30", "14-03-31", "x", "2014-03", "99999999"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
