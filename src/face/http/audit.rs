//! The audit log: who asked for what operation, when, from where, with what outcome.
//!
//! One JSON object a line, only ever appended. Each line carries the BLAKE3 hash of itself and of the line before, so that nothing can be
//! changed, taken out or put in between without [`verify`] finding it. What was asked (codes, words, ages) and what was answered is not
//! in it: these may be private. Cutting lines off the end leaves a shorter log that is in order; who wants to know notes the number and
//! hash of the last line elsewhere, which `xwalk audit verify` prints.
//!
//! A single thread writes. Requests hand over their lines and go on; if the disk cannot keep up, they wait. If it fails, the service
//! stops answering rather than answer unrecorded ([`Audit::failed`]), until the log is opened anew ([`Audit::reopen`]).
//!
//! To rotate a log, give the file another name: the next line begins a new file, whose first line has the hash of the old one's last
//! line as `after`. A log that somebody removed is begun again in the same way, and its first line tells of it.

use crate::face::wire::fhir::Json;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Lines that wait for the disk at a time.
const QUEUE: usize = 4096;
/// What stands before the first line.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One request, as the log has it.
#[derive(Clone, Debug)]
pub struct Event {
    pub request_id: String,
    /// The token's name; empty without tokens.
    pub who: String,
    /// Address of the peer, or of the client as the proxy gave it.
    pub from: String,
    /// `GET`, and the operation by its name (`fhir/r4/ConceptMap/$translate`), never the address as sent.
    pub method: String,
    pub operation: &'static str,
    pub status: u16,
    pub duration_us: u64,
    /// The index that answered.
    pub index: String,
}

/// What the writing thread is told.
enum Told {
    Line(Box<Event>),
    /// Open the file that has the log's name now; say how that went.
    Reopen(SyncSender<Result<(), Error>>),
}

/// The open log.
pub struct Audit {
    told: Option<SyncSender<Told>>,
    failed: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

/// What can be wrong with a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{file}: {source}")]
    Io { file: PathBuf, source: io::Error },
    #[error("{file}:{line}: {what}; keep the file as evidence and begin a new one")]
    Broken { file: PathBuf, line: u64, what: String },
    #[error("{file} is written by another process; give each service a log of its own")]
    Locked { file: PathBuf },
}

/// What a log that is in order says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub lines: u64,
    /// Of the last line; of nothing, 64 zeros.
    pub hash: String,
}

impl Audit {
    /// Opens a log, or begins one. A log that is not in order is refused.
    pub fn open(path: &Path) -> Result<Audit, Error> {
        let log = Log::open(path, None)?;
        let (told, hear) = sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let writer = {
            let (file, failed) = (path.to_owned(), Arc::clone(&failed));
            let run = move || write(&file, log, &hear, &failed);
            std::thread::Builder::new().name("audit".into()).spawn(run).map_err(|source| Error::Io { file: path.to_owned(), source })?
        };
        Ok(Audit { told: Some(told), failed, writer: Some(writer) })
    }

    /// Hands a line over. Waits only if the disk is 4,096 lines behind.
    pub fn record(&self, event: Event) {
        if let Some(told) = &self.told
            && told.send(Told::Line(Box::new(event))).is_err()
        {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    /// Goes on in the file that has the log's name now: a new one, if the old one was renamed or removed. Waits for the disk.
    pub fn reopen(&self) -> Result<(), Error> {
        let (say, hear) = sync_channel(1);
        if let Some(told) = &self.told {
            let _ = told.send(Told::Reopen(say));
        }
        hear.recv().unwrap_or(Ok(()))
    }

    /// Whether lines can no longer be written.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Audit {
    /// Waits until all lines are on the disk.
    fn drop(&mut self) {
        self.told = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// A file that is locked and in order.
struct Log {
    out: BufWriter<File>,
    last: Verified,
    /// Of the last line of the file before this one; only until the first line is written.
    after: Option<String>,
}

impl Log {
    fn open(path: &Path, after: Option<String>) -> Result<Log, Error> {
        let failed = |source| Error::Io { file: path.to_owned(), source };
        let mut options = File::options();
        options.create(true).read(true).append(true);
        // Who asked when is nobody else's.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(Error::Locked { file: path.to_owned() }),
            Err(std::fs::TryLockError::Error(e)) => return Err(failed(e)),
        }
        let last = verify_from(path, &mut BufReader::new(&file))?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let after = after.filter(|_| last.lines == 0);
        Ok(Log { out: BufWriter::new(file), last, after })
    }

    /// Whether the file still has its name.
    fn is_at(&self, path: &Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let id = |m: std::fs::Metadata| (m.dev(), m.ino());
            let (own, named) = (self.out.get_ref().metadata().map(id), std::fs::metadata(path).map(id));
            matches!((own, named), (Ok(own), Ok(named)) if own == named)
        }
        #[cfg(not(unix))]
        path.exists()
    }

    /// One write and one sync for all that waited.
    fn end_batch(&mut self) -> io::Result<()> {
        self.out.flush().and_then(|()| self.out.get_ref().sync_data())
    }
}

fn write(path: &Path, log: Log, told: &Receiver<Told>, failed: &AtomicBool) {
    let mut hash = log.last.hash.clone();
    let mut log = Some(log);
    while let Ok(first) = told.recv() {
        let batch: Vec<Told> = std::iter::once(first).chain(told.try_iter().take(QUEUE)).collect();
        let is_asked = failed.load(Ordering::Relaxed) && batch.iter().any(|told| matches!(told, Told::Reopen(_)));
        let mut reopened = Ok(());
        // Nobody may write on in a file that has lost its name: its lines would be found by nobody.
        if is_asked || log.as_ref().is_some_and(|log| !log.is_at(path)) {
            // The old one is closed first: it may be the same file, and it is locked.
            log = None;
            reopened = Log::open(path, Some(hash.clone()).filter(|h| h != BEGINNING)).map(|new| log = Some(new));
            match &reopened {
                Ok(()) => tracing::warn!(file = %path.display(), "the audit log goes on in another file"),
                Err(why) => tracing::error!(%why, "the audit log cannot go on; nothing is answered until it can"),
            }
        }
        let mut waiting = None;
        let mut wrote = Ok(());
        for told in batch {
            match (told, &mut log) {
                (Told::Line(event), Some(log)) if wrote.is_ok() => wrote = append(&mut log.out, &mut log.last, log.after.take(), &event),
                (Told::Line(_), _) => {}
                (Told::Reopen(say), _) => waiting = Some(say),
            }
        }
        if let Err(why) = wrote.and_then(|()| log.as_mut().map_or(Ok(()), Log::end_batch)) {
            tracing::error!(%why, "the audit log cannot be written; nothing is answered until it can");
            log = None;
        }
        if let Some(log) = &log {
            hash.clone_from(&log.last.hash);
        }
        failed.store(log.is_none(), Ordering::Relaxed);
        if let Some(say) = waiting {
            let _ = say.send(reopened);
        }
    }
}

fn append(out: &mut impl Write, last: &mut Verified, after: Option<String>, event: &Event) -> io::Result<()> {
    last.lines += 1;
    let mut json = Json::with_capacity(320);
    json.object(|o| {
        o.key("n").number(last.lines);
        o.field_if("after", after.as_deref().unwrap_or(""));
        o.field("time", &jiff::Timestamp::now().to_string());
        o.field("request_id", &event.request_id);
        o.field_if("who", &event.who);
        o.field("from", &event.from);
        o.field("method", &event.method);
        o.field("operation", event.operation);
        o.key("status").number(event.status);
        o.key("duration_us").number(event.duration_us);
        o.field("index", &event.index);
    });
    let body = json.into_bytes();
    last.hash = chained(&last.hash, &body);
    out.write_all(&body[..body.len() - 1])?;
    writeln!(out, ",\"hash\":\"{}\"}}", last.hash)
}

fn chained(before: &str, body: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before.as_bytes()).update(body);
    hasher.finalize().to_hex().to_string()
}

/// Looks at every line of a log.
pub fn verify(path: &Path) -> Result<Verified, Error> {
    let file = File::open(path).map_err(|source| Error::Io { file: path.to_owned(), source })?;
    verify_from(path, &mut BufReader::new(file))
}

fn verify_from(path: &Path, lines: &mut impl BufRead) -> Result<Verified, Error> {
    let mut last = Verified { lines: 0, hash: BEGINNING.to_owned() };
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(|source| Error::Io { file: path.to_owned(), source })? == 0 {
            return Ok(last);
        }
        last.lines += 1;
        let broken = |what: &str| Error::Broken { file: path.to_owned(), line: last.lines, what: what.to_owned() };
        let text = line.strip_suffix(b"\n").ok_or_else(|| broken("the line is torn"))?;
        // `,"hash":"` + 64 + `"}`
        let cut = text.len().checked_sub(9 + 64 + 2).ok_or_else(|| broken("not a line of an audit log"))?;
        let (body, tail) = text.split_at(cut);
        let hash = tail.strip_prefix(b",\"hash\":\"").and_then(|t| t.strip_suffix(b"\"}")).ok_or_else(|| broken("the line has no hash"))?;
        let expected = chained(&last.hash, &[body, b"}"].concat());
        if expected.as_bytes() != hash {
            return Err(broken("the hash does not fit: this line was changed, or lines before it were taken out or put in"));
        }
        if !body.starts_with(format!("{{\"n\":{},", last.lines).as_bytes()) {
            return Err(broken("the line has another number"));
        }
        last.hash = expected;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: usize) -> Event {
        Event {
            request_id: format!("r{n}"),
            who: "job".into(),
            from: "127.0.0.1".into(),
            method: "GET".into(),
            operation: "v1/lookup",
            status: 200,
            duration_us: 12,
            index: "ab".into(),
        }
    }

    fn log(path: &Path, lines: usize) {
        let audit = Audit::open(path).unwrap();
        (0..lines).for_each(|n| audit.record(event(n)));
    }

    #[test]
    fn the_chain_goes_on_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        log(&path, 3);
        log(&path, 2);
        let verified = verify(&path).unwrap();
        assert_eq!(verified.lines, 5);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().last().unwrap().contains(&verified.hash));
        assert!(text.lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()));
    }

    #[test]
    fn every_tampering_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        log(&path, 4);
        let good = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = good.lines().collect();
        let joined = |lines: &[&str]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
        for (what, text) in [
            ("changed", good.replacen("\"status\":200", "\"status\":403", 1)),
            ("taken out", joined(&[lines[0], lines[2], lines[3]])),
            ("swapped", joined(&[lines[1], lines[0], lines[2], lines[3]])),
            ("put in", joined(&[lines[0], lines[0], lines[1]])),
            ("torn", good[..good.len() - 5].to_owned()),
            ("beginning cut", joined(&lines[1..])),
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(verify(&path), Err(Error::Broken { .. })), "{what}");
            assert!(Audit::open(&path).is_err(), "{what}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_log_that_was_renamed_or_removed_goes_on_in_a_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("audit.ndjson"), folder.path().join("audit.1"));
        let audit = Audit::open(&path).unwrap();
        audit.record(event(1));
        audit.reopen().unwrap();
        assert_eq!(verify(&path).unwrap().lines, 1, "nothing happened to it, so it goes on");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::rename(&path, &old).unwrap();
        audit.reopen().unwrap();
        audit.record(event(2));
        audit.reopen().unwrap();
        let before = verify(&old).unwrap();
        assert_eq!((before.lines, verify(&path).unwrap().lines), (1, 1));
        assert!(std::fs::read_to_string(&path).unwrap().contains(&format!("\"after\":\"{}\"", before.hash)), "the files are chained too");
        std::fs::remove_file(&path).unwrap();
        audit.record(event(3));
        audit.reopen().unwrap();
        assert_eq!(verify(&path).unwrap().lines, 1, "what was removed is noticed with the next line");
        // What cannot be written is no log; once it can be, it goes on.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(audit.reopen().is_err() && audit.failed());
        std::fs::remove_dir(&path).unwrap();
        audit.reopen().unwrap();
        assert!(!audit.failed());
    }

    #[test]
    fn one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        let _first = Audit::open(&path).unwrap();
        assert!(matches!(Audit::open(&path), Err(Error::Locked { .. })));
    }
}
