//! Delimited records converted: each is copied as it came, and what its codes become is put behind it.
//!
//! Where a record needs nothing but its codes, some are taken at a time: their cells are first begun, then found, then written, so that
//! the waits for memory overlap.

use super::super::super::Error;
use super::super::super::answers;
use super::super::super::ledger::RejectReason;
use super::super::super::work::{Cell, Work};
use super::scan::Scanner;
use super::{BOM, Delimited, Found, raw};

/// Records taken at a time.
const AT_ONCE: usize = 32;

/// Where a record lies: its beginning, the end of its last field, the beginning of the next.
#[derive(Clone, Copy)]
struct Record {
    start: usize,
    end: usize,
    next: usize,
}

/// Records that wait to be written, and their cells.
struct Batch {
    records: Vec<Record>,
    cells: Vec<Cell>,
}

impl Delimited {
    /// Converts the records that are complete, and says how many bytes they took.
    pub fn run(&mut self, data: &[u8], clean: bool, last: bool, work: &mut Work<'_>) -> Result<usize, Error> {
        let mut at = 0;
        if self.header || work.is_at_start() {
            at = if data.starts_with(BOM) { BOM.len() } else { 0 };
            work.out.extend_from_slice(&data[..at]);
        }
        if self.header {
            let Some(next) = self.run_header(data, at, last, work) else { return Ok(0) };
            at = next;
        }
        let plain = clean && work.is_plain();
        let mut batch = Batch { records: Vec::with_capacity(AT_ONCE), cells: Vec::with_capacity(AT_ONCE * work.columns()) };
        let mut records = Scanner::new(*self, data, at, last);
        loop {
            let start = at;
            let found = records.next();
            if plain
                && let Found::Record { next } = found
                && let Some(ends) = records.ends()
            {
                at = next;
                batch.records.push(Record { start, end: ends[ends.len() - 1] as usize, next });
                for column in 0..work.columns() {
                    let (from, to) = raw(start, ends, work.place(column));
                    batch.cells.push(work.begin(column, data, from, to));
                }
                if batch.records.len() == AT_ONCE {
                    self.write(data, &mut batch, work)?;
                }
                continue;
            }
            self.write(data, &mut batch, work)?;
            match found {
                Found::Incomplete => return Ok(at),
                Found::Blank { next } => {
                    at = next;
                    work.blank_line(&data[start..next]);
                }
                Found::Open => {
                    work.ledger.records_in += 1;
                    work.reject(data, start, data.len(), RejectReason::Quotation)?;
                    return Ok(data.len());
                }
                Found::Record { next } => {
                    at = next;
                    work.ledger.records_in += 1;
                    if let Some(reason) = self.record(data, start, next, records.ends(), clean, work)? {
                        work.reject(data, start, next, reason)?;
                    }
                }
            }
        }
    }

    /// Writes the records that wait.
    fn write(&self, data: &[u8], batch: &mut Batch, work: &mut Work<'_>) -> Result<(), Error> {
        work.find(&mut batch.cells);
        for (record, cells) in batch.records.iter().zip(batch.cells.chunks_exact(work.columns())) {
            work.ledger.records_in += 1;
            let is_rejected = put(data, record, work, |work| {
                let mut reject = false;
                for (column, cell) in cells.iter().enumerate() {
                    reject |= work.end(column, cell, data, |raw| self.value(raw));
                }
                reject
            });
            if is_rejected {
                work.reject(data, record.start, record.next, RejectReason::Unsettled)?;
            }
        }
        batch.records.clear();
        batch.cells.clear();
        Ok(())
    }

    /// Converts a record, or says why it is rejected.
    fn record(
        &self,
        data: &[u8],
        start: usize,
        next: usize,
        ends: Option<&[u32]>,
        clean: bool,
        work: &mut Work<'_>,
    ) -> Result<Option<RejectReason>, Error> {
        let Some(ends) = ends else { return Ok(Some(RejectReason::Fields)) };
        let record = Record { start, end: ends[ends.len() - 1] as usize, next };
        let bytes = &data[start..record.end];
        if !clean && let Some(reason) = work.damage(bytes) {
            return Ok(Some(reason));
        }
        if work.has_context()
            && let Err(reason) = work.read_context(|place| self.field(data, start, ends, place))
        {
            return Ok(Some(reason));
        }
        let is_rejected = put(data, &record, work, |work| {
            let mut reject = false;
            for column in 0..work.columns() {
                let (from, to) = raw(start, ends, work.place(column));
                reject |= work.code(column, &data[from..to], |raw| self.value(raw));
            }
            reject
        });
        work.note_repetitions(bytes, |place| self.field(data, start, ends, place))?;
        Ok(is_rejected.then_some(RejectReason::Unsettled))
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
}

/// Writes a record with what its codes become. Whether it is rejected for one of them; then it is not written.
#[inline]
fn put(data: &[u8], &Record { start, end, next }: &Record, work: &mut Work<'_>, codes: impl FnOnce(&mut Work<'_>) -> bool) -> bool {
    let before = work.out.len();
    answers::copy(data, start, end - start, &mut work.out);
    let is_rejected = codes(work);
    work.draw(data, start);
    if is_rejected {
        work.out.truncate(before);
        return true;
    }
    if next == end + 1 {
        work.out.push(b'\n');
    } else {
        work.out.extend_from_slice(&data[end..next]);
    }
    work.ledger.records_out += 1;
    false
}
