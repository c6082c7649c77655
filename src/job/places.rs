//! Where a job reads and writes. Nothing that is somebody else's is destroyed: places that are one file under two names are refused, links
//! lead to the file that is meant, pipes and devices are written to and not replaced, and what lies beside a place is cleared away only
//! if a run of ours left it there.

use super::format::delimited::BOM;
use super::input::{Input, display_name};
use super::output::{is_locked, part_of};
use super::{Error, Job, resume};
use std::fs::{File, Metadata, TryLockError};
use std::path::{Path, PathBuf};

/// In a folder that is a report to be; a report in its place has none.
const MARK: &str = "xwalk-unfinished";

/// The first line of a file of rejects.
pub(super) const REJECTS: &str = "line,reason,record\n";

/// Whether what is written appears here when it is complete. Standard output, pipes and devices take bytes as they come.
pub(super) fn is_put_in_place(path: &Path) -> bool {
    path.as_os_str() != "-" && path.metadata().map_or(true, |m| m.is_file())
}

/// Where records go that cannot be converted.
pub(super) fn rejects(job: &Job) -> Option<PathBuf> {
    job.rejects.clone().or_else(|| match &job.report {
        Some(report) => Some(report.join("rejects.csv")),
        None if !is_put_in_place(&job.output) => None,
        None => {
            let mut name = job.output.file_name().unwrap_or_default().to_owned();
            name.push(".rejects.csv");
            Some(job.output.with_file_name(name))
        }
    })
}

/// The job with the files that its links lead to, if it destroys nothing.
pub(super) fn checked(job: &Job) -> Result<Job, Error> {
    let job = Job { output: target(&job.output), rejects: job.rejects.as_deref().map(target), ..job.clone() };
    for path in [Some(&job.output), job.rejects.as_ref()].into_iter().flatten() {
        if path.is_dir() {
            return Err(Error::Exists { what: "a folder", path: path.display().to_string() });
        }
        if path.to_string_lossy().ends_with(std::path::is_separator) {
            return Err(Error::Unsupported { what: format!("{} is the name of a folder; name a file", path.display()) });
        }
    }
    // Records that go to a pipe cannot be gone on with; those of a file may be complete, but for their report.
    let may_be_ours = job.resume && is_put_in_place(&job.output);
    if let Some(report) = job.report.as_ref().filter(|r| !may_be_ours && r.exists()) {
        return Err(Error::Exists { what: "the report folder", path: report.display().to_string() });
    }
    if let (Some(rejects), Some(report)) = (&job.rejects, &job.report)
        && absolute(rejects).starts_with(absolute(report))
    {
        return Err(Error::Unsupported { what: String::from("rejects go into the report by themselves; leave --rejects out") });
    }
    if job.rejects.as_ref() == Some(&job.output) && job.output != *"/dev/null" {
        let file = display_name(&job.output).replace("standard input", "standard output");
        return Err(Error::SameFile { what: String::from("the rejects"), other: String::from("the output"), file });
    }
    let named = [("the decisions", &job.decisions), ("the job file", &job.file), ("the index", &job.index)];
    let read = named.into_iter().filter_map(|(what, path)| Some((what, path.clone()?)));
    let read = std::iter::once(("the input", job.input.clone())).chain(read);
    let mut seen: Vec<(&str, PathBuf)> = read.filter(|(_, path)| path.as_os_str() != "-").collect();
    for (what, path) in written(&job) {
        if let Some((other, _)) = seen.iter().find(|(_, other)| same(&path, other)) {
            return Err(Error::SameFile { what: what.to_owned(), other: (*other).to_owned(), file: path.display().to_string() });
        }
        seen.push((what, path));
    }
    Ok(job)
}

/// Every file or folder that the job makes, with those that stand beside until it is complete.
fn written(job: &Job) -> Vec<(&'static str, PathBuf)> {
    let mut all = Vec::new();
    if is_put_in_place(&job.output) {
        all.extend([("the output", job.output.clone()), ("the unfinished output", part_of(&job.output))]);
        all.extend(resume::places(job).map(|place| ("the note for --resume", place)));
    }
    if let Some(report) = &job.report {
        all.extend([("the report", report.clone()), ("the unfinished report", part_of(report))]);
    }
    if let Some(rejects) = rejects(job).filter(|r| is_put_in_place(r)) {
        all.extend([("the rejects", rejects.clone()), ("the unfinished rejects", part_of(&rejects))]);
    }
    all
}

/// That what stands beside the places of a job was left there by a run of ours.
pub(super) fn check_leavings(job: &Job) -> Result<(), Error> {
    let in_the_way = |path: &Path| Err(Error::InTheWay { path: path.display().to_string() });
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    for note in resume::places(job).filter(|n| is_there(n)) {
        if !resume::is_ours(&note) {
            return in_the_way(&note);
        }
    }
    if resume::place(job).is_some_and(|note| is_there(&note)) {
        return Ok(());
    }
    let part = part_of(&job.output);
    if is_put_in_place(&job.output) && is_there(&part) {
        return in_the_way(&part);
    }
    // Beside an output that was piped there is no note.
    let part = rejects(job).filter(|p| is_put_in_place(p)).map(|p| part_of(&p));
    if let Some(part) = part.filter(|p| is_there(p) && !are_rejects(p)) {
        return in_the_way(&part);
    }
    match job.report.as_deref().map(part_of).filter(|p| is_there(p)) {
        Some(staged) if !staged.join(MARK).is_file() && !is_empty(&staged) => in_the_way(&staged),
        _ => Ok(()),
    }
}

/// Whether a file has nothing in it, or what a run of ours rejected.
fn are_rejects(part: &Path) -> bool {
    part.metadata().is_ok_and(|m| m.is_file() && m.len() == 0)
        || Input::open(part, None)
            .is_ok_and(|begun| begun.sample.strip_prefix(BOM).unwrap_or(&begun.sample).starts_with(REJECTS.as_bytes()))
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

/// Clears away what an earlier run of ours rejected; nothing may be rejected this time.
pub(super) fn clear_rejects(job: &Job) {
    if let Some(rejects) = rejects(job) {
        let _ = std::fs::remove_file(part_of(&rejects));
    }
}

/// That no other run is making this report.
pub(super) fn check_report_free(job: &Job) -> Result<(), Error> {
    match &job.report {
        Some(report) if is_locked(&part_of(report).join(MARK)) => Err(Error::BusyReport { path: report.display().to_string() }),
        _ => Ok(()),
    }
}

/// Makes the folder of a report to be. No other run writes into it as long as its mark is locked.
pub(super) fn lock_report(staged: &Path, place: &Path) -> Result<File, Error> {
    let fail = |e| Error::io("make folder", staged, e);
    std::fs::create_dir_all(staged).map_err(fail)?;
    let mark = File::options().write(true).create(true).truncate(false).open(staged.join(MARK)).map_err(fail)?;
    match mark.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => Ok(mark),
        Err(TryLockError::WouldBlock) => Err(Error::BusyReport { path: place.display().to_string() }),
    }
}

/// Clears away what an earlier run left in the folder of a report to be; it has nothing in it but what is made again.
pub(super) fn clear_report(staged: &Path) -> Result<(), Error> {
    let fail = |e| Error::io("clear", staged, e);
    for entry in std::fs::read_dir(staged).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_name() != MARK {
            std::fs::remove_file(entry.path()).map_err(fail)?;
        }
    }
    Ok(())
}

/// The report is whole: it may be put in its place.
pub(super) fn end_report(staged: &Path, place: &Path) -> Result<(), Error> {
    let _ = std::fs::remove_file(staged.join(MARK));
    std::fs::rename(staged, place).map_err(|e| {
        // The next run may clear it away.
        let _ = File::create(staged.join(MARK));
        Error::io("rename to", place, e)
    })
}

/// The file that a path means, links followed; a link may lead where nothing is yet. What leads to a pipe or a device (`/dev/stdout`,
/// `/dev/fd/63`) is opened by its own name: where it leads has none.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    if path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return path;
    }
    // As many as a system follows itself.
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => break,
        }
    }
    path
}

fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (absolute.parent().and_then(|folder| folder.canonicalize().ok()), absolute.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => absolute,
    }
}

/// Whether two paths are one file or folder.
fn same(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(x), Ok(y)) => (x.is_file() || x.is_dir()) && is_one(&x, &y).unwrap_or_else(|| a.canonicalize().ok() == b.canonicalize().ok()),
        (Err(_), Err(_)) => absolute(a) == absolute(b),
        _ => false,
    }
}

/// By what the system calls them; `None`: it does not say.
#[cfg(unix)]
fn is_one(a: &Metadata, b: &Metadata) -> Option<bool> {
    use std::os::unix::fs::MetadataExt;
    Some((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(not(unix))]
fn is_one(_: &Metadata, _: &Metadata) -> Option<bool> {
    None
}
