//! Blocks in, records through the answers, text out: the threads of a run.
//!
//! One thread reads ahead, hashes and finds the records, one converts, one writes behind and hashes, over a fixed ring of buffers that are
//! used again; memory does not grow with records. (Parting the input among converting threads was tried by others and lost: codes follow Zipf, so the
//! converting thread mostly copies.)

use super::cut::{Ahead, Cut, Cuts, Cutter, Ending};
use super::format::{delimited::Delimited, ndjson::Ndjson};
use super::input::{Input, display_name};
use super::ledger::Longest;
use super::output::{Behind, Output, Sink, Stopped};
use super::spec::Job;
use super::work::Work;
use super::{Error, Progress, resume};
use std::time::Instant;

/// Buffers between two threads; all there are.
const RING: usize = 3;

pub(super) enum Reader {
    Delimited(Delimited),
    Ndjson(Ndjson),
}

impl Reader {
    /// The header has been read, by the run that this one goes on with.
    pub fn begun(&mut self) {
        if let Reader::Delimited(d) = self {
            d.header = false;
        }
    }

    /// Lines that have ended: records, blank lines, the header.
    fn ended(&self, work: &Work<'_>) -> u64 {
        let header = matches!(self, Reader::Delimited(d) if !d.header);
        work.ledger.records_in + work.ledger.blank_lines + u64::from(header)
    }

    /// After the last record.
    pub fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        match self {
            Reader::Delimited(_) => Ok(()),
            Reader::Ndjson(n) => n.check(work),
        }
    }

    fn ending(&self) -> Ending {
        match self {
            Reader::Delimited(d) => Ending::Delimited(*d),
            Reader::Ndjson(_) => Ending::Line,
        }
    }

    fn run(&mut self, cut: &Cut, work: &mut Work<'_>) -> Result<(), Error> {
        match self {
            Reader::Delimited(d) => d.run(cut, work),
            Reader::Ndjson(n) => n.run(cut, work),
        }
    }
}

/// Starts the threads, and stops them whatever happens. After a failure the output comes back, as far as it was written.
pub(super) fn pump(
    job: &Job,
    input: Input,
    mut output: Output,
    reader: &mut Reader,
    work: &mut Work<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Input, Output), Stopped> {
    let meter = Meter { read: input.read_so_far(), of: input.size() };
    let mut cutter = Cutter::new(job, input, reader.ending(), work.first_line, work.text == 0);
    if job.threads <= 1 {
        return match cuts(job, &mut cutter, &mut output, reader, work, &meter, progress) {
            Ok(()) => Ok((cutter.into_input(), output)),
            Err(e) => Err(Box::new((e, Some(output)))),
        };
    }
    std::thread::scope(|scope| {
        let mut ahead = Ahead::start(scope, cutter, RING);
        let mut behind = Behind::start(scope, output, RING);
        let done = cuts(job, &mut ahead, &mut behind, reader, work, &meter, progress);
        let input = ahead.join();
        let (output, written) = behind.join();
        // What stopped the writer is the cause; that its channel is gone is only how we learn of it.
        match (written.and(done), input, output) {
            (Ok(()), Ok(input), Some(output)) => Ok((input, output)),
            (Ok(()), Err(e), output) | (Err(e), _, output) => Err(Box::new((e, output))),
            (Ok(()), Ok(_), None) => Err(Box::new((Error::Unbalanced { what: String::from("the output is lost") }, None))),
        }
    })
}

struct Meter {
    read: std::sync::Arc<std::sync::Mutex<(blake3::Hasher, u64)>>,
    of: Option<u64>,
}

/// Takes cut after cut.
fn cuts(
    job: &Job,
    source: &mut dyn Cuts,
    sink: &mut dyn Sink,
    reader: &mut Reader,
    work: &mut Work<'_>,
    meter: &Meter,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let (note, mut noted) = (resume::place(job), Instant::now());
    while let Some(cut) = source.next()? {
        step(job, &cut, reader, work)?;
        source.reuse(cut);
        if !work.out.is_empty() {
            sink.take(&mut work.out)?;
        }
        if let Some(place) = note.as_ref().filter(|_| sink.has_noted() && noted.elapsed() >= job.checkpoint && work.ledger.records_in > 0) {
            resume::begin(place, &work.state())?;
            sink.note(place)?;
            noted = Instant::now();
        }
        let bytes = meter.read.lock().map(|t| t.1).unwrap_or(0);
        progress(Progress { bytes, of: meter.of, records: work.ledger.records_in });
    }
    Ok(())
}

fn step(job: &Job, cut: &Cut, reader: &mut Reader, work: &mut Work<'_>) -> Result<(), Error> {
    let (before, used) = (reader.ended(work), cut.data().len() as u64);
    reader.run(cut, work)?;
    let ended = reader.ended(work) - before;
    if cut.lines > ended {
        several_lines(job, cut, cut.lines - ended, reader, work)?;
    }
    work.text += used;
    // The memo counts in 32 bits.
    if work.text >> 31 != (work.text - used) >> 31 {
        work.settle_counts();
    }
    work.first_line += cut.lines;
    Ok(())
}

/// Among these records some have several lines. That is told: a quote that nobody meant may have swallowed the lines of others.
#[cold]
fn several_lines(job: &Job, cut: &Cut, breaks: u64, reader: &Reader, work: &mut Work<'_>) -> Result<(), Error> {
    work.ledger.line_breaks += breaks;
    let Reader::Delimited(d) = reader else { return Ok(()) };
    let (start, lines) = cut.records.longest(cut.mark);
    let line = work.line(cut.data(), start);
    // In tab-separated text most quotes are characters; that these are none was a guess.
    if d.delimiter == b'\t' && job.quote.is_none() {
        return Err(Error::Quotes { file: display_name(&job.input), line, lines });
    }
    if lines > work.ledger.longest.lines {
        work.ledger.longest = Longest { line, lines };
    }
    Ok(())
}
