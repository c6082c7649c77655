//! The input cut where records end: blocks of whole records, and for delimited text where their fields lie.
//!
//! With a thread for it, this is done ahead of the conversion.

use super::Error;
use super::format::delimited::{BOM, Delimited, Records};
use super::input::{Input, display_name};
use super::spec::Job;
use super::wait::receive;
use super::work::{breaks, lines};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Room in front of each block for the record that began in the one before.
const HEADROOM: usize = 1 << 16;

/// Whole records, in a buffer that is used again.
#[derive(Default)]
pub(super) struct Cut {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    pub lines: u64,
    /// The byte order mark that it begins with, if it does.
    pub mark: usize,
    /// ASCII without NUL: records need no look at their encoding.
    pub clean: bool,
    /// Of delimited text.
    pub records: Records,
}

impl Cut {
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}

/// Gives the cuts of the input in order.
pub(super) trait Cuts {
    fn next(&mut self) -> Result<Option<Cut>, Error>;
    /// A cut that is done with.
    fn reuse(&mut self, cut: Cut);
}

/// What ends a record.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    Delimited(Delimited),
    Line,
}

pub(super) struct Cutter {
    input: Input,
    path: PathBuf,
    ending: Ending,
    block: usize,
    max_record: usize,
    /// Of a record, the bytes that were read before the next block.
    carry: Vec<u8>,
    /// When a record longer than the headroom is looked at again: it has doubled.
    look_at: usize,
    unclean: bool,
    first_line: u64,
    at_start: bool,
    done: bool,
    spare: Vec<Cut>,
}

impl Cutter {
    /// Text that is done has been skipped; `first_line` is that of the rest.
    pub fn new(job: &Job, input: Input, ending: Ending, first_line: u64, at_start: bool) -> Cutter {
        Cutter {
            input,
            path: job.input.clone(),
            ending,
            block: job.block.max(1),
            max_record: job.max_record,
            carry: Vec::new(),
            look_at: 0,
            unclean: false,
            first_line,
            at_start,
            done: false,
            spare: Vec::new(),
        }
    }

    pub fn into_input(self) -> Input {
        self.input
    }

    /// Reads a block behind what is carried, and finds the records in it. `None`: no record ends in it.
    fn cut(&mut self, mut cut: Cut) -> Result<Option<Cut>, Error> {
        cut.bytes.resize(HEADROOM + self.block, 0);
        let (read, last) = self.input.fill(&mut cut.bytes[HEADROOM..])?;
        cut.bytes.truncate(HEADROOM + read);
        let clean = self.input.is_clean(&cut.bytes[HEADROOM..]);
        self.done = last;
        self.unclean |= !clean;
        if self.carry.len() <= HEADROOM {
            cut.start = HEADROOM - self.carry.len();
            cut.bytes[cut.start..HEADROOM].copy_from_slice(&self.carry);
        } else {
            self.carry.extend_from_slice(&cut.bytes[HEADROOM..]);
            if !last && self.carry.len() < self.look_at && self.carry.len() <= self.max_record {
                self.spare.push(cut);
                return Ok(None);
            }
            cut.start = 0;
            std::mem::swap(&mut cut.bytes, &mut self.carry);
        }
        cut.clean = !self.unclean;
        let data = &cut.bytes[cut.start..];
        cut.mark = if self.at_start && data.starts_with(BOM) { BOM.len() } else { 0 };
        let used = match self.ending {
            Ending::Delimited(d) => cut.records.find(d, data, cut.mark, last),
            Ending::Line if last => data.len(),
            Ending::Line => memchr::memrchr(b'\n', data).map_or(0, |end| end + 1),
        };
        cut.end = cut.start + used;
        if used > self.max_record
            && let Some(start) = self.too_long(&cut)
        {
            return Err(self.record_too_long(&cut.data()[..start]));
        }
        self.carry.clear();
        self.carry.extend_from_slice(&cut.bytes[cut.end..]);
        self.look_at = self.carry.len() * 2;
        // Where no record ended, what was carried before is carried still.
        if used > 0 {
            self.unclean = !clean && !self.carry.is_empty();
        }
        if self.carry.len() > self.max_record {
            return Err(self.record_too_long(cut.data()));
        }
        if used == 0 {
            self.reuse(cut);
            return Ok(None);
        }
        self.at_start = false;
        cut.lines = lines(cut.data());
        self.first_line += cut.lines;
        Ok(Some(cut))
    }
}

impl Cutter {
    /// Where the first record begins that is longer than a record may be, the end of its last line apart: wherever blocks end, it is refused.
    fn too_long(&self, cut: &Cut) -> Option<usize> {
        let data = cut.data();
        let is_too_long = |start: usize, next: usize| {
            let record = &data[start..next];
            record.strip_suffix(b"\n").unwrap_or(record).len() > self.max_record
        };
        match self.ending {
            Ending::Delimited(_) => cut.records.find_by_place(cut.mark, is_too_long),
            Ending::Line => {
                let ends = memchr::memchr_iter(b'\n', data).map(|end| end + 1).chain([data.len()]);
                let mut at = 0;
                ends.map(|next| (std::mem::replace(&mut at, next), next))
                    .find(|&(start, next)| is_too_long(start, next))
                    .map(|(start, _)| start)
            }
        }
    }

    /// Such a record begins behind these.
    fn record_too_long(&self, before: &[u8]) -> Error {
        Error::RecordTooLong { file: display_name(&self.path), line: self.first_line + breaks(before), limit: self.max_record }
    }
}

impl Cuts for Cutter {
    fn next(&mut self) -> Result<Option<Cut>, Error> {
        while !self.done {
            let cut = self.spare.pop().unwrap_or_default();
            if let Some(cut) = self.cut(cut)? {
                return Ok(Some(cut));
            }
        }
        Ok(None)
    }

    fn reuse(&mut self, mut cut: Cut) {
        // One long record must not keep its room until the end.
        if cut.bytes.capacity() > 2 * (HEADROOM + self.block) {
            cut = Cut::default();
        }
        self.spare.push(cut);
    }
}

/// Cuts ahead, on a thread of its own.
pub(super) struct Ahead<'s> {
    full: Receiver<Result<Cut, Error>>,
    empty: SyncSender<Cut>,
    reader: ScopedJoinHandle<'s, Cutter>,
}

impl<'s> Ahead<'s> {
    /// `ring` buffers are all there are.
    pub fn start<'e>(scope: &'s Scope<'s, 'e>, mut cutter: Cutter, ring: usize) -> Ahead<'s> {
        let (send_full, full) = sync_channel(ring);
        let (empty, take_empty) = sync_channel(ring);
        (0..ring).for_each(|_| cutter.spare.push(Cut::default()));
        let reader = scope.spawn(move || {
            loop {
                if cutter.spare.is_empty() {
                    match receive(&take_empty) {
                        Ok(cut) => cutter.reuse(cut),
                        Err(_) => return cutter,
                    }
                }
                let cut = match cutter.next() {
                    Ok(None) => return cutter,
                    Ok(Some(cut)) => Ok(cut),
                    Err(e) => Err(e),
                };
                let failed = cut.is_err();
                if send_full.send(cut).is_err() || failed {
                    return cutter;
                }
            }
        });
        Ahead { full, empty, reader }
    }

    /// The input again, when its last record has come.
    pub fn join(self) -> Result<Input, Error> {
        drop((self.full, self.empty));
        let cutter = self.reader.join().map_err(|_| Error::Unbalanced { what: String::from("the reading thread panicked") })?;
        Ok(cutter.into_input())
    }
}

impl Cuts for Ahead<'_> {
    fn next(&mut self) -> Result<Option<Cut>, Error> {
        receive(&self.full).ok().transpose()
    }
    fn reuse(&mut self, cut: Cut) {
        // The reader may have come to its end; then nobody needs the buffer.
        let _ = self.empty.send(cut);
    }
}
