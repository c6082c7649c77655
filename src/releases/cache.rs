//! The cache of compiled indexes: finds the one that the sources make, or has it built, once.
//!
//! An index is named by a [`Key`], a hash over everything that decides its bytes: version of xwalk, of the index format, of the
//! program, of the normaliser, and of every source its entry and its sha256. So an index is never out of date; another set of sources is
//! another file.
//!
//! # Several processes at once
//!
//! A file of the right name is complete, because it comes into being by rename, after fsync. Finding it takes no lock. Building it takes an
//! exclusive advisory lock on the file `lock` of the cache folder; who waited for it looks again and finds what the other has built.
//! The system lets go of the lock when its holder dies, and what a dead builder left is removed by the next one.
//!
//! # When the folder cannot be used
//!
//! Read-only, full, not there, no home: the index is built in the system's folder for temporary files and lives as long as the value that
//! was handed out. [`Index::notes`] then says so, with the reason and the remedy; it is never done in silence. If that folder cannot be
//! used either, there is no index, and the error names both.

use std::error::Error as StdError;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Dirs, Error, Source, Subject, hex};
use crate::{index, text};

/// How many other indexes stay when a new one is built: going back and forth between a few sets of releases stays cheap.
const KEEP: usize = 3;

const SUFFIX: &str = "xwalk";
const BUILDING: &str = "building-";

/// What decides the bytes of an index beside its sources. Any change of one of them is another index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    pub xwalk: &'static str,
    pub index_format: u32,
    pub normaliser: u32,
    /// Which build of the program: someone who changes the compiler must not be shown an index of the compiler before the change, and
    /// no number that has to be counted up by hand ensures that.
    pub build: String,
}

impl Versions {
    /// Those of the running program.
    pub fn current() -> Versions {
        Versions { xwalk: env!("CARGO_PKG_VERSION"), index_format: index::FORMAT_VERSION, normaliser: text::VERSION, build: build() }
    }
}

/// Size and time of change of the running program; empty where the system does not tell.
fn build() -> String {
    let look = || {
        let meta = fs::metadata(std::env::current_exe().ok()?).ok()?;
        let changed = meta.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(format!("{} {}", meta.len(), changed.as_nanos()))
    };
    look().unwrap_or_default()
}

/// The name of an index: a hash over its [`Versions`] and sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// The order of the sources does not matter.
    pub fn new(versions: &Versions, sources: &[Source]) -> Key {
        let mut lines: Vec<String> = sources.iter().map(describe).collect();
        lines.sort();
        let mut hash = Sha256::new();
        hash.update(format!("{versions:?}\n"));
        for line in lines {
            hash.update(line);
            hash.update("\n");
        }
        // Half of the digits are more than enough for a file name.
        Key(hex(&hash.finalize().as_slice()[..16]))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn file_name(&self) -> String {
        format!("{}.{SUFFIX}", self.0)
    }
}

/// Everything of a source that the compiler is given, and nothing of where it lies.
fn describe(source: &Source) -> String {
    let r = &source.release;
    let subject = match &r.subject {
        Subject::System(name) => format!("system {name:?}"),
        Subject::Map { id, source, target, kind } => format!("map {id:?} {source:?} {target:?} {}", kind.code()),
        Subject::Itself => "itself".to_owned(),
    };
    format!(
        "{:?} {subject} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
        r.id, r.version, r.format, r.member, r.from, r.to, r.title, r.uri, r.table, source.file_name, source.precedence, source.stamp
    )
}

/// An index that may be opened: a file, and how it came to be there.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    built: bool,
    notes: Vec<String>,
    /// Removes a temporary index with this value.
    _temporary: Option<TempDir>,
}

impl Index {
    /// Stays valid as long as this value lives (a mapped file: as long as it is mapped).
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was built just now.
    pub fn built(&self) -> bool {
        self.built
    }

    /// What the user should be told; empty when all is well.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Finds the index of this name in the cache folder, or has `build` write it there.
///
/// `build` is given a path that does not exist yet, in a folder of its own, and has to leave the complete index there; it is called a second time, with a
/// path elsewhere, if the cache folder turns out to be full. `say` is told what one waits for.
pub fn find_or_build<E>(dirs: &Dirs, key: &Key, mut build: impl FnMut(&Path) -> Result<(), E>, say: &dyn Fn(&str)) -> Result<Index, Error>
where
    E: StdError + Send + Sync + 'static,
{
    let (at, reason) = match &dirs.cache {
        None => ("the cache".to_owned(), "no home folder is known".to_owned()),
        Some(folder) => match in_folder(folder, key, &mut build, say) {
            Ok(index) => return Ok(index),
            Err(Failed::Folder(error)) => (folder.display().to_string(), error.to_string()),
            Err(Failed::Build(error)) => return Err(error),
        },
    };
    let nowhere = |why: String| {
        let (cache, reason, temporary) = (at.clone(), reason.clone(), std::env::temp_dir().display().to_string());
        Error::Nowhere { cache, reason, temporary, why }
    };
    let temporary = tempfile::Builder::new().prefix("xwalk-").tempdir().map_err(|e| nowhere(e.to_string()))?;
    let path = temporary.path().join(key.file_name());
    build(&path).map_err(|e| match folder_is_at_fault(&e) {
        Some(_) => nowhere(e.to_string()),
        None => Error::Build(Box::new(e)),
    })?;
    let notes = vec![format!(
        "the index cannot be kept in {at} ({reason}); a temporary one was built and goes away with this process. \
         Set XDG_CACHE_HOME to a folder that can be written, or name an index built with `xwalk index build`"
    )];
    Ok(Index { path, built: true, notes, _temporary: Some(temporary) })
}

enum Failed {
    /// The cache folder cannot be used.
    Folder(io::Error),
    /// The folder is good, the build is not.
    Build(Error),
}

fn in_folder<E>(folder: &Path, key: &Key, build: &mut impl FnMut(&Path) -> Result<(), E>, say: &dyn Fn(&str)) -> Result<Index, Failed>
where
    E: StdError + Send + Sync + 'static,
{
    let path = folder.join(key.file_name());
    let index = |built| Index { path: path.clone(), built, notes: Vec::new(), _temporary: None };
    if path.is_file() {
        return Ok(index(false));
    }
    fs::create_dir_all(folder).map_err(Failed::Folder)?;
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(Failed::Folder)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            say("another process is building an index; waiting for it");
            lock.lock().map_err(Failed::Folder)?;
        }
        Err(fs::TryLockError::Error(error)) => return Err(Failed::Folder(error)),
    }
    if path.is_file() {
        return Ok(index(false));
    }
    remove_leftovers(folder);
    // A folder and not a file: the builder may itself write beside its path and rename.
    let place = tempfile::Builder::new().prefix(BUILDING).tempdir_in(folder).map_err(Failed::Folder)?;
    let temporary = place.path().join(key.file_name());
    if let Err(error) = build(&temporary) {
        return Err(match folder_is_at_fault(&error) {
            Some(kind) => Failed::Folder(io::Error::new(kind, error)),
            None => Failed::Build(Error::Build(Box::new(error))),
        });
    }
    File::open(&temporary)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&temporary, &path))
        .and_then(|()| sync_folder(folder))
        .map_err(Failed::Folder)?;
    remove_old(folder, &path);
    Ok(index(true))
    // The lock goes with `lock`.
}

/// Whether a failed build failed because of where it had to write, by the errors beneath it.
fn folder_is_at_fault(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && matches!(io.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied | FileTooLarge)
        {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

/// Makes a rename last: the folder has to reach the disk too, where the system has that notion.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// What builders left that died. Only called under the lock, so nobody is building there now. Failing is harmless: the next one tries again.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(BUILDING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Keeps the newest few indexes beside the one just built. A process that has an old one open keeps it (or, where the system forbids
/// removing open files, it stays for the next time).
fn remove_old(folder: &Path, keep: &Path) {
    let mut others: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == SUFFIX) && path != keep)
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    others.sort();
    others.reverse();
    for (_, path) in others.into_iter().skip(KEEP) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::releases::from_user;

    fn key(text: &str) -> Key {
        Key(text.to_owned())
    }

    fn dirs(cache: &Path) -> Dirs {
        Dirs { data: None, cache: Some(cache.to_owned()) }
    }

    fn quiet(_: &str) {}

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).expect("folder").map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn key_depends_on_everything_but_order() {
        let mut sources = from_user(&Dirs::default()).expect("embedded");
        let versions = Versions::current();
        let first = Key::new(&versions, &sources);
        sources.reverse();
        assert_eq!(Key::new(&versions, &sources), first);
        assert_ne!(Key::new(&Versions { normaliser: 9999, ..versions.clone() }, &sources), first);
        assert_ne!(Key::new(&Versions { index_format: 9999, ..versions.clone() }, &sources), first);
        assert_ne!(Key::new(&Versions { build: "another".into(), ..versions.clone() }, &sources), first);
        assert_ne!(Key::new(&versions, &sources[1..]), first);
        sources[0].stamp.replace_range(..1, "x");
        assert_ne!(Key::new(&versions, &sources), first);
    }

    #[test]
    fn built_once_then_found() {
        let cache = tempfile::tempdir().expect("tempdir");
        let folder = cache.path().join("not/there/yet");
        let build = |path: &Path| fs::write(path, "index");
        let index = find_or_build(&dirs(&folder), &key("k"), build, &quiet).expect("built");
        assert!(index.built() && index.notes().is_empty());
        assert_eq!(fs::read(index.path()).expect("index"), b"index");
        let fail = |_: &Path| -> io::Result<()> { panic!("built twice") };
        let again = find_or_build(&dirs(&folder), &key("k"), fail, &quiet).expect("found");
        assert!(!again.built());
        assert_eq!(names(&folder), ["k.xwalk", "lock"]);
    }

    #[test]
    fn several_at_once_build_once() {
        let cache = tempfile::tempdir().expect("tempdir");
        let (built, told, start) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let build = |path: &Path| {
                        built.fetch_add(1, Ordering::SeqCst);
                        fs::write(path, "half")?;
                        std::thread::sleep(Duration::from_millis(100));
                        fs::write(path, "whole")
                    };
                    let say = |_: &str| {
                        told.fetch_add(1, Ordering::SeqCst);
                    };
                    let index = find_or_build(&dirs(cache.path()), &key("k"), build, &say).expect("index");
                    assert_eq!(fs::read(index.path()).expect("index"), b"whole");
                });
            }
        });
        assert_eq!(built.load(Ordering::SeqCst), 1);
        assert!(told.load(Ordering::SeqCst) > 0, "those who wait are told");
    }

    /// Not a test by itself: what each process of the next one does.
    #[test]
    fn one_of_several_processes() {
        let Some(folder) = std::env::var_os("XWALK_TEST_CACHE").map(std::path::PathBuf::from) else { return };
        let build = |path: &Path| {
            use std::io::Write as _;
            let mut log = File::options().create(true).append(true).open(folder.join("log"))?;
            writeln!(log, "built")?;
            std::thread::sleep(Duration::from_millis(200));
            fs::write(path, "whole")
        };
        let index = find_or_build(&dirs(&folder), &key("k"), build, &quiet).expect("index");
        assert_eq!(fs::read(index.path()).expect("index"), b"whole");
    }

    #[test]
    fn several_processes_build_once() {
        let cache = tempfile::tempdir().expect("tempdir");
        let start = || {
            std::process::Command::new(std::env::current_exe().expect("this test"))
                .args(["--exact", "releases::cache::tests::one_of_several_processes"])
                .env("XWALK_TEST_CACHE", cache.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("process")
        };
        let processes: Vec<_> = (0..4).map(|_| start()).collect();
        for mut process in processes {
            assert!(process.wait().expect("process").success());
        }
        assert_eq!(fs::read_to_string(cache.path().join("log")).expect("log"), "built\n");
    }

    #[test]
    fn failed_build_leaves_nothing() {
        let cache = tempfile::tempdir().expect("tempdir");
        let build = |path: &Path| {
            fs::write(path, "half")?;
            Err(io::Error::other("row 7 is bad"))
        };
        let error = find_or_build(&dirs(cache.path()), &key("k"), build, &quiet).expect_err("failed").to_string();
        assert_eq!(error, "the index could not be built: row 7 is bad");
        assert_eq!(names(cache.path()), ["lock"]);
    }

    #[test]
    fn leftovers_of_the_dead_and_old_indexes_go() {
        let cache = tempfile::tempdir().expect("tempdir");
        fs::create_dir(cache.path().join("building-dead")).expect("create");
        fs::write(cache.path().join("building-dead/x.xwalk"), "half").expect("write");
        for i in 0..6 {
            let path = cache.path().join(format!("old{i}.xwalk"));
            let file = File::create(path).expect("create");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(i)).expect("touch");
        }
        find_or_build(&dirs(cache.path()), &key("new"), |path| fs::write(path, "index"), &quiet).expect("built");
        assert_eq!(names(cache.path()), ["lock", "new.xwalk", "old3.xwalk", "old4.xwalk", "old5.xwalk"]);
    }

    #[test]
    fn unusable_folder_is_said_and_a_temporary_index_serves() {
        let temporary = tempfile::tempdir().expect("tempdir");
        // A file in the way is as good as a read-only folder, and also stops a test that runs as root.
        let file = temporary.path().join("file");
        fs::write(&file, "").expect("write");
        for dirs in [dirs(&file.join("cache")), Dirs::default()] {
            let index = find_or_build(&dirs, &key("k"), |path| fs::write(path, "index"), &quiet).expect("temporary");
            assert_eq!(index.notes().len(), 1);
            assert!(index.notes()[0].contains("Set XDG_CACHE_HOME"), "{:?}", index.notes());
            let path = index.path().to_owned();
            assert_eq!(fs::read(&path).expect("index"), b"index");
            drop(index);
            assert!(!path.exists(), "goes away with its value");
        }
    }

    #[cfg(unix)]
    #[test]
    fn read_only_folder() {
        use std::os::unix::fs::PermissionsExt as _;
        let cache = tempfile::tempdir().expect("tempdir");
        fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o555)).expect("chmod");
        if fs::write(cache.path().join("probe"), "").is_ok() {
            eprintln!("skipped: this user may write read-only folders");
            return;
        }
        let index = find_or_build(&dirs(cache.path()), &key("k"), |path| fs::write(path, "index"), &quiet).expect("temporary");
        assert!(index.notes()[0].contains("ermission denied"), "{:?}", index.notes());
        fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    }

    #[test]
    fn full_disk_is_said_and_a_temporary_index_serves() {
        let cache = tempfile::tempdir().expect("tempdir");
        let build = |path: &Path| {
            if path.starts_with(cache.path()) {
                fs::write(path, "half")?;
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            fs::write(path, "index")
        };
        let index = find_or_build(&dirs(cache.path()), &key("k"), build, &quiet).expect("temporary");
        assert!(index.notes()[0].contains("no storage space"), "{:?}", index.notes());
        assert_eq!(names(cache.path()), ["lock"], "what could not be finished is gone");
    }
}
