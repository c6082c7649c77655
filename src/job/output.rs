//! Where records go: written beside its place, compressed and hashed under way, renamed when everything is accounted for.

use super::Error;
use super::input::{TextEncoding, display_name};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Text that goes into one gzip member or zstd frame. Fixed, so that the bytes depend on nothing but the text.
const MEMBER: usize = 1 << 20;
const ZSTD_LEVEL: i32 = 3;

/// What is known of the output when it has been written.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputFacts {
    pub name: String,
    pub bytes: u64,
    /// BLAKE3 of these.
    pub hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A file that is being written.
pub(super) struct Output {
    place: Option<PathBuf>,
    part: Option<PathBuf>,
    file: Box<dyn Write + Send>,
    handle: Option<File>,
    compression: Compression,
    utf16: Option<bool>,
    pending: Vec<u8>,
    packed: Vec<u8>,
    hash: blake3::Hasher,
    written: u64,
    sync: bool,
}

/// The name that a file has until it is complete.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

impl Output {
    /// Begins to write beside `path`; `-` is standard output.
    pub fn create(path: &Path, encoding: TextEncoding, sync: bool) -> Result<Output, Error> {
        let lower = path.to_string_lossy().to_ascii_lowercase();
        let compression = match () {
            () if lower.ends_with(".gz") => Compression::Gzip,
            () if lower.ends_with(".zst") => Compression::Zstd,
            () => Compression::None,
        };
        let utf16 = if let TextEncoding::Utf16 { big_endian } = encoding { Some(big_endian) } else { None };
        let mut output = Output {
            place: None,
            part: None,
            file: Box::new(io::stdout()),
            handle: None,
            compression,
            utf16,
            pending: Vec::new(),
            packed: Vec::new(),
            hash: blake3::Hasher::new(),
            written: 0,
            sync,
        };
        if path.as_os_str() == "-" {
            return Ok(output);
        }
        let part = part_of(path);
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(&part).map_err(|e| Error::io("write", &part, e))?;
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: display_name(path) }),
        }
        let fail = |e| Error::io("write", &part, e);
        file.set_len(0).map_err(fail)?;
        output.handle = Some(file.try_clone().map_err(fail)?);
        output.file = Box::new(file);
        output.place = Some(path.to_owned());
        output.part = Some(part);
        Ok(output)
    }

    fn error(&self, e: io::Error) -> Error {
        let path = self.part.as_deref().unwrap_or(Path::new("standard output"));
        Error::io("write", path, e)
    }

    pub fn write(&mut self, text: &[u8]) -> Result<(), Error> {
        if let Some(big_endian) = self.utf16 {
            let text = String::from_utf8_lossy(text);
            let bytes: Vec<u8> = text.encode_utf16().flat_map(|u| if big_endian { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
            return self.pack(&bytes);
        }
        self.pack(text)
    }

    fn pack(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        if self.compression == Compression::None {
            return self.store(bytes);
        }
        while self.pending.len() + bytes.len() >= MEMBER {
            let (now, later) = bytes.split_at(MEMBER - self.pending.len());
            self.pending.extend_from_slice(now);
            bytes = later;
            self.member()?;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Compresses what is pending, by itself.
    fn member(&mut self) -> Result<(), Error> {
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        let done = match self.compression {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::default());
                encoder.write_all(&self.pending).and_then(|()| encoder.finish().map(drop))
            }
            _ => zstd::stream::copy_encode(&self.pending[..], &mut packed, ZSTD_LEVEL),
        };
        done.map_err(|e| self.error(e))?;
        self.pending.clear();
        self.store(&packed)?;
        self.packed = packed;
        Ok(())
    }

    fn store(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|e| self.error(e))?;
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Writes the rest; the file is complete now, but not yet in its place.
    pub fn finish(&mut self) -> Result<OutputFacts, Error> {
        if !self.pending.is_empty() || (self.written == 0 && self.compression != Compression::None) {
            self.member()?;
        }
        self.file.flush().map_err(|e| self.error(e))?;
        if let Some(handle) = self.handle.as_ref().filter(|_| self.sync) {
            handle.sync_all().map_err(|e| self.error(e))?;
        }
        let name = self.place.as_deref().map_or_else(|| String::from("standard output"), display_name);
        Ok(OutputFacts { name, bytes: self.written, hash: self.hash.finalize().to_hex().to_string() })
    }

    /// Puts the complete file into its place.
    pub fn publish(self) -> Result<(), Error> {
        let (Some(place), Some(part)) = (&self.place, &self.part) else { return Ok(()) };
        std::fs::rename(part, place).map_err(|e| Error::io("rename to", place, e))
    }

    /// Removes what was written.
    pub fn discard(self) {
        if let Some(part) = &self.part {
            let _ = std::fs::remove_file(part);
        }
    }
}

/// Takes text in order.
pub(super) trait Sink {
    /// Takes the text and leaves an empty buffer in its place.
    fn take(&mut self, text: &mut Vec<u8>) -> Result<(), Error>;
}

impl Sink for Output {
    fn take(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        self.write(text)?;
        text.clear();
        Ok(())
    }
}

/// Writes behind, on a thread of its own.
pub(super) struct Behind<'s> {
    orders: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    writer: Option<ScopedJoinHandle<'s, (Output, Result<(), Error>)>>,
}

impl<'s> Behind<'s> {
    pub fn start<'e>(scope: &'s Scope<'s, 'e>, mut output: Output, ring: usize) -> Behind<'s> {
        let (orders, receive) = sync_channel::<Vec<u8>>(ring);
        let (give, empty) = channel();
        for _ in 0..ring {
            let _ = give.send(Vec::new());
        }
        let writer = scope.spawn(move || {
            for mut text in receive {
                if let Err(e) = output.take(&mut text) {
                    return (output, Err(e));
                }
                let _ = give.send(text);
            }
            (output, Ok(()))
        });
        Behind { orders, empty, writer: Some(writer) }
    }

    /// The output again, when everything is written.
    pub fn join(mut self) -> (Option<Output>, Result<(), Error>) {
        let writer = self.writer.take();
        drop(self);
        match writer.map(ScopedJoinHandle::join) {
            Some(Ok((output, done))) => (Some(output), done),
            _ => (None, Err(Error::Unbalanced { what: String::from("the writing thread panicked") })),
        }
    }
}

/// Stands for the error that the writer will tell when it is joined.
fn gone() -> Error {
    Error::Unbalanced { what: String::from("the writing thread has stopped") }
}

impl Sink for Behind<'_> {
    fn take(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let empty = self.empty.recv().map_err(|_| gone())?;
        self.orders.send(std::mem::replace(text, empty)).map_err(|_| gone())
    }
}
