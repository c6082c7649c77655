//! Blocks in, records through the answers, text out: the threads of a run.
//!
//! One thread reads ahead and hashes, one converts, one writes behind and hashes, over a fixed ring of buffers that are used again;
//! memory does not grow with records. (Parting the input among converting threads was tried by others and lost: codes follow Zipf, so the
//! converting thread mostly copies.)

use super::format::{delimited::Delimited, ndjson::Ndjson};
use super::input::{Ahead, Blocks, HEADROOM, Input, display_name};
use super::ledger::Longest;
use super::output::{Behind, Output, Sink, Stopped};
use super::spec::Job;
use super::work::{Work, lines};
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

    fn run(&mut self, data: &[u8], clean: bool, last: bool, work: &mut Work<'_>) -> Result<usize, Error> {
        match self {
            Reader::Delimited(d) => d.run(data, clean, last, work),
            Reader::Ndjson(n) => n.run(data, clean, last, work),
        }
    }
}

/// Starts the threads, and stops them whatever happens. After a failure the output comes back, as far as it was written.
pub(super) fn pump(
    job: &Job,
    mut input: Input,
    mut output: Output,
    reader: &mut Reader,
    work: &mut Work<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Input, Output), Stopped> {
    if job.threads <= 1 {
        let meter = Meter { read: input.read_so_far(), of: input.size() };
        return match blocks(job, &mut input, &mut output, reader, work, &meter, progress) {
            Ok(()) => Ok((input, output)),
            Err(e) => Err(Box::new((e, Some(output)))),
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
            (Ok(()), Err(e), output) | (Err(e), _, output) => Err(Box::new((e, output))),
            (Ok(()), Ok(_), None) => Err(Box::new((Error::Unbalanced { what: String::from("the output is lost") }, None))),
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
    let (note, mut noted) = (resume::place(job), Instant::now());
    while let Some(mut block) = source.next()? {
        unclean |= !block.clean;
        if long.is_empty() && carry.len() <= HEADROOM {
            let start = HEADROOM - carry.len();
            block.bytes[start..HEADROOM].copy_from_slice(&carry);
            let data = &block.bytes[start..];
            let used = step(job, data, !unclean, block.last, reader, work)?;
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
                let used = step(job, &long, false, block.last, reader, work)?;
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

fn step(job: &Job, data: &[u8], clean: bool, last: bool, reader: &mut Reader, work: &mut Work<'_>) -> Result<usize, Error> {
    let before = reader.ended(work);
    let used = reader.run(data, clean, last, work)?;
    let (lines, ended) = (lines(&data[..used]), reader.ended(work) - before);
    if lines > ended {
        several_lines(job, &data[..used], lines - ended, reader, work)?;
    }
    work.text += used as u64;
    // The memo counts in 32 bits.
    if work.text >> 31 != (work.text - used as u64) >> 31 {
        work.settle_counts();
    }
    work.first_line += lines;
    Ok(used)
}

/// Among these records some have several lines. That is told: a quote that nobody meant may have swallowed the lines of others.
#[cold]
fn several_lines(job: &Job, data: &[u8], breaks: u64, reader: &Reader, work: &mut Work<'_>) -> Result<(), Error> {
    work.ledger.line_breaks += breaks;
    let Reader::Delimited(d) = reader else { return Ok(()) };
    let (start, lines) = d.longest(data);
    let line = work.first_line + memchr::memchr_iter(b'\n', &data[..start]).count() as u64;
    // In tab-separated text most quotes are characters; that these are none was a guess.
    if d.delimiter == b'\t' && job.quote.is_none() {
        let what = format!(
            "a quotation that begins in line {line} goes over {lines} lines; say whether quotes enclose fields (--quote '\"') or are characters (--quote none)"
        );
        return Err(Error::Encoding { file: display_name(&job.input), what });
    }
    if lines > work.ledger.longest.lines {
        work.ledger.longest = Longest { line, lines };
    }
    Ok(())
}
