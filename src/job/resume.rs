//! Going on after a kill.
//!
//! While a run writes `OUT.part`, `OUT.resume` beside it says how far both are: which text of the input is done, the ledger so far, and
//! length and hash of what was written. It is replaced every few seconds, after the output that it speaks of; what was written beyond it
//! is cut off. The hashes are looked at before anything is trusted, so that a torn file only means an earlier start.
//!
//! The file is there from the first byte until output and report are in place, so that whatever stands there is known to be ours.

use super::ledger::Ledger;
use super::output::OutputState;
use super::{Error, Job, places as job_places};
use crate::engine::Engine;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where a run stands, but for its output. The ledger may be large: it is borrowed, and written piece by piece.
#[derive(Serialize, Deserialize)]
pub(super) struct State<'l> {
    /// What may not differ between the runs.
    pub identity: Cow<'l, str>,
    pub started: Cow<'l, str>,
    /// Bytes of text that are done.
    pub text: u64,
    pub seen: u64,
    pub first_line: u64,
    pub ledger: Cow<'l, Ledger>,
    pub rejects: Option<OutputState>,
}

/// Where the state of a run lies; none where the output is standard output, a pipe or a device.
pub(super) fn place(job: &Job) -> Option<PathBuf> {
    job_places::is_put_in_place(&job.output).then(|| {
        let mut name = job.output.file_name().unwrap_or_default().to_owned();
        name.push(".resume");
        job.output.with_file_name(name)
    })
}

/// The state, and the next that is to replace it.
pub(super) fn places(job: &Job) -> impl Iterator<Item = PathBuf> {
    place(job).into_iter().flat_map(|place| [next(&place), place])
}

/// Whether a file is a state, whole or torn.
pub(super) fn is_ours(place: &Path) -> bool {
    use std::io::Read;
    const BEGINS: &[u8] = b"{\"identity\":";
    let mut begins = Vec::new();
    let read = File::open(place).and_then(|file| file.take(BEGINS.len() as u64).read_to_end(&mut begins));
    read.is_ok() && BEGINS.starts_with(&begins)
}

/// Everything that the bytes of the output depend on.
pub(super) fn identity(job: &Job, engine: &Engine) -> Result<String, Error> {
    let input = std::fs::metadata(&job.input).map_err(|e| Error::io("look at", &job.input, e))?;
    let same = Job {
        threads: 0,
        block: 0,
        resume: false,
        checkpoint: Default::default(),
        sync: false,
        remove_old: false,
        file: None,
        index: None,
        ..job.clone()
    };
    let mut hash = blake3::Hasher::new();
    let answers = (engine.index().fingerprint(), engine.overlay().map(|decisions| decisions.digest()));
    hash.update(format!("{}\n{answers:?}\n{:?} {}\n{same:?}", env!("CARGO_PKG_VERSION"), input.modified().ok(), input.len()).as_bytes());
    Ok(hash.finalize().to_hex().to_string())
}

fn next(place: &Path) -> PathBuf {
    let mut next = place.as_os_str().to_owned();
    next.push(".part");
    PathBuf::from(next)
}

/// Writes the line of a state beside its place; [`complete`] makes it count.
pub(super) fn begin(place: &Path, state: &State<'_>) -> Result<(), Error> {
    let next = next(place);
    let fail = |e| Error::io("write", &next, e);
    let mut file = BufWriter::new(create(&next).map_err(fail)?);
    serde_json::to_writer(&mut file, state).map_err(|e| fail(e.into()))?;
    file.write_all(b"\n").and_then(|()| file.flush()).map_err(fail)
}

/// Codes of the ledger may be private data, whoever may read the output.
#[cfg(unix)]
fn create(next: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(next)
}
#[cfg(not(unix))]
fn create(next: &Path) -> std::io::Result<File> {
    File::create(next)
}

/// Adds the line of the output and replaces the state; whoever is killed meanwhile leaves the one before.
pub(super) fn complete(place: &Path, output: &OutputState) -> Result<(), Error> {
    let next = next(place);
    let fail = |e| Error::io("write", &next, e);
    let mut file = BufWriter::new(File::options().append(true).open(&next).map_err(fail)?);
    serde_json::to_writer(&mut file, output).map_err(|e| fail(e.into()))?;
    file.flush().map_err(fail)?;
    std::fs::rename(&next, place).map_err(fail)
}

/// When a run has ended, one way or the other.
pub(super) fn clear(place: &Path) {
    let _ = std::fs::remove_file(place);
    let _ = std::fs::remove_file(next(place));
}

/// Where the run stood that was killed; nothing if there was none, or if it had not got anywhere.
///
/// # Errors
/// It was another job, over another input, or with another index.
pub(super) fn read(place: &Path, identity: &str) -> Result<Option<(State<'static>, OutputState)>, Error> {
    let Ok(bytes) = std::fs::read(place) else { return Ok(None) };
    let mut lines = bytes.split(|b| *b == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (Ok(state), Ok(output)) = (serde_json::from_slice::<State<'static>>(next()), serde_json::from_slice(next())) else {
        return Ok(None);
    };
    if state.identity != identity {
        return Err(Error::OtherRun { path: place.display().to_string() });
    }
    Ok(Some((state, output)))
}
