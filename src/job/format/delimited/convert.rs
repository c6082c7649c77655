//! Delimited records converted: each is copied as it came, and what its codes become is put behind it.
//!
//! Where a record needs nothing but its codes, some are taken at a time: their cells are first begun, then found, then written, so that
//! the waits for memory overlap.

use super::super::super::Error;
use super::super::super::answers;
use super::super::super::cut::Cut;
use super::super::super::ledger::RejectReason;
use super::super::super::work::{AT_ONCE, Cells, Work};
use super::super::dialect;
use super::scan::{Kind, Mark};
use super::{Delimited, raw};

/// Where a record lies: its beginning, the end of its last field, the beginning of the next.
#[derive(Clone, Copy)]
struct Record {
    start: usize,
    end: usize,
    next: usize,
}

impl Delimited {
    /// Converts whole records.
    pub fn run(&mut self, cut: &Cut, work: &mut Work<'_>) -> Result<(), Error> {
        let data = cut.data();
        let mut at = cut.mark;
        work.out.extend_from_slice(&data[..at]);
        let plain = cut.clean && work.is_plain();
        let (mut cells, fields) = (work.cells(), self.fields.max(1));
        let (mut marks, mut whole) = (&cut.records.marks[..], &cut.records.ends[..]);
        while let Some(&Mark { kind, next }) = marks.first() {
            if plain && !self.header && kind == Kind::Whole {
                let count = marks.iter().take(AT_ONCE).take_while(|mark| mark.kind == Kind::Whole).count();
                let (some, ends);
                (some, marks) = marks.split_at(count);
                (ends, whole) = whole.split_at(count * fields);
                at = self.some(data, at, some, ends, &mut cells, work)?;
                continue;
            }
            marks = &marks[1..];
            let (start, next) = (at, next as usize);
            at = next;
            let ends = if kind == Kind::Whole { whole.split_off(..fields) } else { None };
            match kind {
                Kind::Blank => work.blank_line(&data[start..next]),
                Kind::Whole | Kind::Torn if std::mem::take(&mut self.header) => self.write_header(&data[start..next], work),
                Kind::Open => {
                    self.header = false;
                    work.ledger.records_in += 1;
                    work.reject(data, start, next, RejectReason::Quotation)?;
                }
                Kind::Whole | Kind::Torn => {
                    work.ledger.records_in += 1;
                    if let Some(reason) = self.record(data, start, next, ends, cut.clean, work)? {
                        work.reject(data, start, next, reason)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Converts records that need nothing but their codes, the first of which begins at `at`. Where what comes next begins.
    fn some(
        &self,
        data: &[u8],
        mut at: usize,
        marks: &[Mark],
        ends: &[u32],
        cells: &mut Cells,
        work: &mut Work<'_>,
    ) -> Result<usize, Error> {
        let fields = self.fields;
        work.find(cells, data, marks.len(), |record, place| {
            let before = record * fields + place;
            let from = match (place, record) {
                (0, 0) => at,
                (0, _) => marks[record - 1].next as usize,
                _ => ends[before - 1] as usize + 1,
            };
            (from, ends[before] as usize)
        });
        for (number, (mark, ends)) in marks.iter().zip(ends.chunks_exact(fields)).enumerate() {
            work.ledger.records_in += 1;
            let record = Record { start: at, end: ends[fields - 1] as usize, next: mark.next as usize };
            let is_rejected = put(data, &record, work, |work| {
                let cell = |place| {
                    let (from, to) = raw(record.start, ends, place);
                    &data[from..to]
                };
                work.end(cells, number, cell, |raw| self.value(raw))
            });
            if is_rejected {
                work.reject(data, record.start, record.next, RejectReason::Unsettled)?;
            }
            at = record.next;
        }
        Ok(at)
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

    /// Writes the header with the names of what is appended.
    fn write_header(&self, line: &[u8], work: &mut Work<'_>) {
        let names = line.strip_suffix(b"\n").unwrap_or(line);
        let names = names.strip_suffix(b"\r").filter(|_| names.len() < line.len()).unwrap_or(names);
        work.out.extend_from_slice(names);
        for name in work.appended_names() {
            work.out.push(self.delimiter);
            dialect::delimited(&name, self.delimiter, self.quote, &mut work.out);
        }
        work.out.extend_from_slice(if names.len() == line.len() { b"\n" } else { &line[names.len()..] });
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
