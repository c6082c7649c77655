//! The audit log: who asked for what operation, when, from where, with what outcome.
//!
//! One JSON object a line, only ever appended. Each line carries the BLAKE3 hash of itself and of the line before, so that nothing can be
//! changed, taken out or put in between without [`verify`] finding it. What was asked (codes, words, ages) and what was answered is not
//! in it: these may be private. Cutting lines off the end leaves a shorter log that is in order; who wants to know notes the number and
//! hash of the last line elsewhere, which `xwalk audit verify` prints.
//!
//! A single thread writes. Requests hand over their lines and go on; if the disk cannot keep up, they wait. If it fails, the service
//! stops answering rather than answer unrecorded ([`Audit::failed`]).

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

/// The open log.
pub struct Audit {
    lines: Option<SyncSender<Event>>,
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
        let failed = |source| Error::Io { file: path.to_owned(), source };
        let mut file = File::options().create(true).read(true).append(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(Error::Locked { file: path.to_owned() }),
            Err(std::fs::TryLockError::Error(e)) => return Err(failed(e)),
        }
        let verified = verify_from(path, &mut BufReader::new(&file))?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let (lines, events) = sync_channel(QUEUE);
        let flag = Arc::new(AtomicBool::new(false));
        let writer = {
            let flag = Arc::clone(&flag);
            std::thread::Builder::new().name("audit".into()).spawn(move || write(file, verified, &events, &flag)).map_err(failed)?
        };
        Ok(Audit { lines: Some(lines), failed: flag, writer: Some(writer) })
    }

    /// Hands a line over. Waits only if the disk is 4,096 lines behind.
    pub fn record(&self, event: Event) {
        if let Some(lines) = &self.lines
            && lines.send(event).is_err()
        {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether lines can no longer be written.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Audit {
    /// Waits until all lines are on the disk.
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(file: File, mut last: Verified, events: &Receiver<Event>, failed: &AtomicBool) {
    let mut out = BufWriter::new(file);
    while let Ok(event) = events.recv() {
        let mut result = append(&mut out, &mut last, &event);
        for event in events.try_iter().take(QUEUE) {
            result = result.and_then(|()| append(&mut out, &mut last, &event));
        }
        // One write and one sync for all that waited.
        if result.and_then(|()| out.flush()).and_then(|()| out.get_ref().sync_data()).is_err() {
            failed.store(true, Ordering::Relaxed);
            return;
        }
    }
}

fn append(out: &mut impl Write, last: &mut Verified, event: &Event) -> io::Result<()> {
    last.lines += 1;
    let mut json = Json::with_capacity(320);
    json.object(|o| {
        o.key("n").number(last.lines);
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

    #[test]
    fn one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        let _first = Audit::open(&path).unwrap();
        assert!(matches!(Audit::open(&path), Err(Error::Locked { .. })));
    }
}
