//! Where records go: written beside its place, compressed and hashed under way, renamed when everything is accounted for.

use super::input::{TextEncoding, display_name};
use super::places::is_put_in_place;
use super::wait::receive;
use super::{Error, resume};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Text that goes into one gzip member or zstd frame. Fixed, so that the bytes depend on nothing but the text.
const MEMBER: usize = 1 << 20;
const ZSTD_LEVEL: i32 = 3;
/// Bytes written and then hashed at a time, while the cache still has them, from one multiple of them to the next. (Writes of a megabyte and
/// more also make Linux look for as much memory in one piece, which at times takes longer than the copy.)
const PIECE: usize = 1 << 18;

/// What is known of the output when it has been written.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputFacts {
    pub name: String,
    pub bytes: u64,
    /// BLAKE3 of these.
    pub hash: String,
    /// It went to a pipe or a device.
    pub piped: bool,
}

/// How far a file is, for going on with it after a kill.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct OutputState {
    written: u64,
    hash: String,
    /// Text that waits for its member to be full.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A file that is being written.
pub(super) struct Output {
    /// As it was named.
    path: PathBuf,
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

/// Why a run stopped, and what it had written.
pub(super) type Stopped = Box<(Error, Option<Output>)>;

/// The name that a file has until it is complete.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

impl Output {
    /// Begins to write beside `path`; `-` is standard output.
    pub fn create(path: &Path, encoding: TextEncoding, sync: bool) -> Result<Output, Error> {
        let output = Output::open(path, encoding, sync)?;
        if let (Some(file), Some(part)) = (&output.handle, &output.part) {
            let fail = |e| Error::io("write", part, e);
            // Some file systems write a file that was cut to the disk as soon as it is closed; a new one needs no cut.
            if file.metadata().map_err(fail)?.len() > 0 {
                file.set_len(0).map_err(fail)?;
            }
        }
        Ok(output)
    }

    /// Opens and locks the file beside `path` with what is in it.
    fn open(path: &Path, encoding: TextEncoding, sync: bool) -> Result<Output, Error> {
        let lower = path.to_string_lossy().to_ascii_lowercase();
        let compression = match () {
            () if lower.ends_with(".gz") => Compression::Gzip,
            () if lower.ends_with(".zst") => Compression::Zstd,
            () => Compression::None,
        };
        let utf16 = if let TextEncoding::Utf16 { big_endian } = encoding { Some(big_endian) } else { None };
        let mut output = Output {
            path: path.to_owned(),
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
            output.path = PathBuf::from("standard output");
            return Ok(output);
        }
        if !is_put_in_place(path) {
            output.file = Box::new(File::options().write(true).open(path).map_err(|e| Error::io("write", path, e))?);
            return Ok(output);
        }
        let part = part_of(path);
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(&part).map_err(|e| Error::io("write", &part, e))?;
        match file.try_lock() {
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: display_name(path) }),
        }
        // Whoever may not read what is replaced may not read what replaces it, nor before it does.
        keep_mode(path, &part, 0o200);
        output.handle = Some(file.try_clone().map_err(|e| Error::io("write", &part, e))?);
        output.file = Box::new(file);
        output.place = Some(path.to_owned());
        output.part = Some(part);
        Ok(output)
    }

    /// Removes what is in the place until now.
    pub fn remove_old(&self) -> Result<(), Error> {
        let Some(place) = &self.place else { return Ok(()) };
        // While it is open only its name goes. Its room is freed beside the conversion: of a large file that takes a while.
        let old = File::open(place);
        match std::fs::remove_file(place) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", place, e)),
            _ => drop(std::thread::spawn(|| drop(old))),
        }
        Ok(())
    }

    /// Goes on writing where a run was killed: behind what `state` speaks of, if that is still there, byte by byte.
    pub fn resume(path: &Path, encoding: TextEncoding, sync: bool, state: &OutputState) -> Result<Option<Output>, Error> {
        let part = part_of(path);
        // The kill may have come after it was put in place, and what was there before stand beside it.
        let found = [part.as_path(), path].into_iter().find(|p| p.is_file() && begins_with(p, state).unwrap_or(false));
        let Some(found) = found else { return Ok(None) };
        if found != part {
            std::fs::rename(found, &part).map_err(|e| Error::io("rename to", &part, e))?;
        }
        let mut output = Output::open(path, encoding, sync)?;
        let fail = |e| Error::io("write", &part, e);
        if let Some(file) = &mut output.handle {
            file.set_len(state.written).map_err(fail)?;
            file.seek(io::SeekFrom::Start(0)).map_err(fail)?;
            io::copy(&mut Read::take(&*file, state.written), &mut output.hash).map_err(fail)?;
        }
        (output.written, output.pending) = (state.written, state.pending.clone());
        Ok(Some(output))
    }

    pub fn state(&self) -> OutputState {
        OutputState { written: self.written, hash: self.hash.finalize().to_hex().to_string(), pending: self.pending.clone() }
    }

    fn error(&self, e: io::Error) -> Error {
        Error::io("write", self.part.as_deref().unwrap_or(&self.path), e)
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

    /// Writes bytes as they are to be stored.
    pub fn store(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let to_boundary = PIECE - self.written as usize % PIECE;
            let (piece, behind) = rest.split_at(to_boundary.min(rest.len()));
            self.file.write_all(piece).map_err(|e| self.error(e))?;
            self.hash.update(piece);
            self.written += piece.len() as u64;
            rest = behind;
        }
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
        Ok(OutputFacts {
            name: display_name(&self.path),
            bytes: self.written,
            hash: self.hash.finalize().to_hex().to_string(),
            piped: self.place.is_none(),
        })
    }

    /// Puts the complete file into its place.
    pub fn publish(self) -> Result<(), Error> {
        let (Some(place), Some(part)) = (&self.place, &self.part) else { return Ok(()) };
        keep_mode(place, part, 0);
        if !self.sync && exchange(part, place) {
            let _ = std::fs::remove_file(part);
            return Ok(());
        }
        std::fs::rename(part, place).map_err(|e| Error::io("rename to", place, e))
    }

    /// Removes what was written.
    pub fn discard(self) {
        if let Some(part) = &self.part {
            let _ = std::fs::remove_file(part);
        }
    }
}

/// Gives a file the mode of the one that it will replace, and `more`. A file system without modes has none to keep.
#[cfg(unix)]
fn keep_mode(of: &Path, file: &Path, more: u32) {
    use std::os::unix::fs::PermissionsExt;
    if let Ok(found) = of.metadata() {
        let _ = std::fs::set_permissions(file, std::fs::Permissions::from_mode(found.permissions().mode() & 0o777 | more));
    }
}
#[cfg(not(unix))]
fn keep_mode(_: &Path, _: &Path, _: u32) {}

/// Lets two files change their places, if both are there. A file system may write what is renamed over another to the disk at once, which
/// takes as long as the conversion; whoever wants it on the disk says so (`--sync`).
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).is_ok()
}
#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> bool {
    false
}

/// That no other run is writing beside this place.
pub(super) fn check_free(path: &Path) -> Result<(), Error> {
    if is_locked(&part_of(path)) { Err(Error::Busy { path: display_name(path) }) } else { Ok(()) }
}

/// Whether another run holds a file.
pub(super) fn is_locked(path: &Path) -> bool {
    matches!(File::open(path).map(|file| file.try_lock()), Ok(Err(TryLockError::WouldBlock)))
}

/// Whether a file begins with what the state speaks of.
fn begins_with(path: &Path, state: &OutputState) -> io::Result<bool> {
    let file = File::open(path)?;
    if file.metadata()?.len() < state.written {
        return Ok(false);
    }
    let mut hash = blake3::Hasher::new();
    io::copy(&mut file.take(state.written), &mut hash)?;
    Ok(hash.finalize().to_hex().as_str() == state.hash)
}

/// Takes text in order.
pub(super) trait Sink {
    /// Takes the text and leaves an empty buffer in its place.
    fn take(&mut self, text: &mut Vec<u8>) -> Result<(), Error>;
    /// When everything taken is written, completes the note of where the run stands.
    fn note(&mut self, place: &Path) -> Result<(), Error>;
    /// Whether every note is complete, so that another may begin.
    fn has_noted(&self) -> bool {
        true
    }
}

impl Sink for Output {
    fn take(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        self.write(text)?;
        text.clear();
        Ok(())
    }
    fn note(&mut self, place: &Path) -> Result<(), Error> {
        resume::complete(place, &self.state())
    }
}

/// What the writing thread is told.
enum Order {
    Text(Vec<u8>),
    Note(PathBuf),
}

/// Writes behind, on a thread of its own.
pub(super) struct Behind<'s> {
    orders: SyncSender<Order>,
    noting: Arc<AtomicBool>,
    empty: Receiver<Vec<u8>>,
    writer: Option<ScopedJoinHandle<'s, (Output, Result<(), Error>)>>,
}

impl<'s> Behind<'s> {
    pub fn start<'e>(scope: &'s Scope<'s, 'e>, mut output: Output, ring: usize) -> Behind<'s> {
        let (orders, told) = sync_channel(ring);
        let (give, empty) = channel();
        for _ in 0..ring {
            let _ = give.send(Vec::new());
        }
        let noting = Arc::new(AtomicBool::new(false));
        let still_noting = noting.clone();
        let writer = scope.spawn(move || {
            while let Ok(order) = receive(&told) {
                let done = match order {
                    Order::Text(mut text) => {
                        let done = output.take(&mut text);
                        let _ = give.send(text);
                        done
                    }
                    Order::Note(place) => {
                        let done = output.note(&place);
                        still_noting.store(false, Ordering::Release);
                        done
                    }
                };
                if done.is_err() {
                    return (output, done);
                }
            }
            (output, Ok(()))
        });
        Behind { orders, noting, empty, writer: Some(writer) }
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
        let empty = receive(&self.empty).map_err(|_| gone())?;
        self.orders.send(Order::Text(std::mem::replace(text, empty))).map_err(|_| gone())
    }
    fn note(&mut self, place: &Path) -> Result<(), Error> {
        self.noting.store(true, Ordering::Release);
        self.orders.send(Order::Note(place.to_owned())).map_err(|_| gone())
    }
    fn has_noted(&self) -> bool {
        !self.noting.load(Ordering::Acquire)
    }
}
