//! Delimited records converted, some at a time: all their cells are looked up before the first is written, so that the waits for memory
//! overlap.

use super::super::super::Error;
use super::super::super::answers;
use super::super::super::ledger::RejectReason;
use super::super::super::memo::{Hit, Place};
use super::super::super::work::Work;
use super::{BOM, Delimited, Found};

/// Records taken at a time.
const AT_ONCE: usize = 64;

/// The records at hand.
#[derive(Default)]
pub(in super::super::super) struct Batch {
    records: Vec<Record>,
    /// The ends of the fields of all of them.
    ends: Vec<u32>,
    /// What the cells of the sound ones become.
    hits: Vec<Option<Hit>>,
    cells: Vec<Place>,
}

struct Record {
    start: usize,
    next: usize,
    /// Where its ends begin.
    ends: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// A line without anything.
    Blank,
    Sound,
    Wrong(RejectReason),
}

impl Delimited {
    /// Converts the records that are complete, and says how many bytes they took.
    pub fn run(&mut self, data: &[u8], clean: bool, last: bool, batch: &mut Batch, work: &mut Work<'_>) -> Result<usize, Error> {
        let mut at = 0;
        if self.header || work.is_at_start() {
            at = if data.starts_with(BOM) { BOM.len() } else { 0 };
            work.out.extend_from_slice(&data[..at]);
        }
        if self.header {
            let Some(next) = self.run_header(data, at, last, work) else { return Ok(0) };
            at = next;
        }
        loop {
            at = self.gather(data, at, last, batch);
            if batch.records.is_empty() {
                return Ok(at);
            }
            self.look(data, clean, batch, work);
            self.write(data, batch, work)?;
        }
    }

    /// Writes the header with the names of what is appended. `None`: it is not complete.
    fn run_header(&mut self, data: &[u8], mut at: usize, last: bool, work: &mut Work<'_>) -> Option<usize> {
        let mut ends = Vec::new();
        loop {
            match self.find(data, at, &mut ends, last) {
                Found::Blank { next } => {
                    work.blank_line(&data[at..next]);
                    at = next;
                }
                Found::Record { next } => {
                    let end = ends[ends.len() - 1] as usize;
                    self.header = false;
                    work.out.extend_from_slice(&data[at..end]);
                    for name in work.appended_names() {
                        work.out.push(self.delimiter);
                        answers::delimited(&name, self.delimiter, self.quote, &mut work.out);
                    }
                    work.out.extend_from_slice(if end == next { b"\n" } else { &data[end..next] });
                    return Some(next);
                }
                Found::Incomplete => {
                    work.out.clear();
                    work.ledger.blank_lines = 0;
                    return None;
                }
                // It is rejected as a record.
                Found::Open => {
                    self.header = false;
                    return Some(at);
                }
            }
        }
    }

    /// Takes the next records, and says where they end.
    fn gather(&self, data: &[u8], mut at: usize, last: bool, batch: &mut Batch) -> usize {
        batch.records.clear();
        batch.ends.clear();
        while batch.records.len() < AT_ONCE {
            let (start, ends) = (at, batch.ends.len());
            let (next, state) = match self.find(data, at, &mut batch.ends, last) {
                Found::Record { next } if batch.ends.len() == ends + self.fields => (next, State::Sound),
                Found::Record { next } => (next, State::Wrong(RejectReason::Fields)),
                Found::Blank { next } => (next, State::Blank),
                Found::Open => (data.len(), State::Wrong(RejectReason::Quotation)),
                Found::Incomplete => break,
            };
            batch.records.push(Record { start, next, ends, state });
            at = next;
        }
        at
    }

    /// Finds what the cells of the records become.
    fn look(&self, data: &[u8], clean: bool, batch: &mut Batch, work: &mut Work<'_>) {
        let columns = work.columns();
        work.make_room(batch.records.len() * columns);
        batch.cells.clear();
        batch.hits.clear();
        for record in batch.records.iter_mut().filter(|r| r.state == State::Sound) {
            let (start, ends) = (record.start, &batch.ends[record.ends..][..self.fields]);
            if !clean && let Some(reason) = work.damage(&data[start..ends[self.fields - 1] as usize]) {
                record.state = State::Wrong(reason);
                continue;
            }
            if work.has_context()
                && let Err(reason) = work.read_context(|place| self.field(data, start, ends, place))
            {
                record.state = State::Wrong(reason);
                continue;
            }
            for column in 0..columns {
                if work.has_context() {
                    batch.hits.push(Some(self.look_one(data, start, ends, column, work)));
                } else {
                    // What is not there as it is, is not found.
                    let (from, to) = self.bounds(data, start, ends, work.place(column)).unwrap_or_default();
                    batch.cells.push(Place { start: from as u32, length: (to - from) as u32 });
                }
            }
        }
        if !work.has_context() {
            batch.hits.resize(batch.cells.len(), None);
            for column in 0..columns {
                work.look_all(column, data, &batch.cells, &mut batch.hits);
            }
            let sound = batch.records.iter().filter(|r| r.state == State::Sound);
            for (record, hits) in sound.zip(batch.hits.chunks_exact_mut(columns)) {
                for (column, hit) in hits.iter_mut().enumerate().filter(|(_, hit)| hit.is_none()) {
                    *hit = Some(self.look_one(data, record.start, &batch.ends[record.ends..][..self.fields], column, work));
                }
            }
        }
    }

    fn look_one(&self, data: &[u8], start: usize, ends: &[u32], column: usize, work: &mut Work<'_>) -> Hit {
        let place = work.place(column);
        match self.bounds(data, start, ends, place) {
            Some((from, to)) => work.look(column, data, from, to - from),
            None => {
                let value = self.field(data, start, ends, place);
                work.look(column, &value, 0, value.len())
            }
        }
    }

    fn write(&self, data: &[u8], batch: &Batch, work: &mut Work<'_>) -> Result<(), Error> {
        let mut hits = batch.hits.chunks_exact(work.columns());
        for &Record { start, next, ends, state } in &batch.records {
            if state == State::Blank {
                work.blank_line(&data[start..next]);
                continue;
            }
            work.ledger.records_in += 1;
            if let State::Wrong(reason) = state {
                work.reject(data, start, next, reason)?;
                continue;
            }
            let ends = &batch.ends[ends..][..self.fields];
            let end = ends[self.fields - 1] as usize;
            let before = work.out.len();
            answers::copy(data, start, end - start, &mut work.out);
            let mut reject = false;
            for (column, hit) in hits.next().unwrap_or_default().iter().flatten().enumerate() {
                reject |= work.give(column, *hit);
            }
            work.close(&data[start..end], data, start, |place| self.field(data, start, ends, place))?;
            if reject {
                work.out.truncate(before);
                work.reject(data, start, next, RejectReason::Unsettled)?;
                continue;
            }
            if next == end + 1 {
                work.out.push(b'\n');
            } else {
                work.out.extend_from_slice(&data[end..next]);
            }
            work.ledger.records_out += 1;
        }
        Ok(())
    }
}
