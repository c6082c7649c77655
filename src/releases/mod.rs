//! Releases: which there are, where they come from, and the index that is made of those at hand.
//!
//! Three sources, the later taking precedence over the earlier: what the binary carries ([`embedded`]), what the user has fetched
//! ([`fetch`]), what the user has added with a manifest of their own. [`select`] decides what of it goes into the index, and
//! [`cache`] finds or builds that index.
//!
//! ```text
//! $XDG_DATA_HOME/xwalk/releases/     what `xwalk fetch` got, laid out like a mirror
//! $XDG_DATA_HOME/xwalk/vocab/        the user's own code systems, with a manifest.toml
//! $XDG_DATA_HOME/xwalk/crosswalks/   the user's own maps, likewise
//! $XDG_CACHE_HOME/xwalk/             compiled indexes; may be removed at any time
//! ```
//!
//! # Precedence
//!
//! A user's entry replaces a known one of the same id. Of the files of one system and version, those that were fetched or added stand
//! in place of the embedded ones. All versions of a system go into the index (together they say when a code was valid); of a map only
//! the newest version does, because two versions of a crosswalk are two answers to one question. Files that are named on the command line
//! (`index build FILE...`) take precedence over all of these, and every version of a map among them goes in: `--map ID|VERSION` chooses.
//!
//! Deliberately not here: what the bytes of a release mean (`read`, `compile`), and any prose for the terminal beyond error texts.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::compile;

pub mod cache;
pub mod embedded;
pub mod fetch;
pub mod generate;
mod loose;
pub mod manifest;
mod select;

pub use cache::Index;
pub use loose::from_files;
pub use manifest::{Manifest, Release, Subject};
pub use select::{Bytes, Precedence, Source, from_folders, from_user, with};

/// The index that a user means who names none: of embedded, fetched and own releases, found in the cache or built now.
///
/// `report` is given what came of the build, if there was one; `say` what one waits for.
pub fn index(dirs: &Dirs, report: &mut dyn FnMut(compile::Report), say: &dyn Fn(&str)) -> Result<Index, Error> {
    let sources = from_user(dirs)?;
    let key = cache::Key::new(&cache::Versions::current(), &sources);
    let inputs: Vec<compile::Input> = sources.iter().map(Source::input).collect();
    cache::find_or_build(dirs, &key, |path| compile::build(&inputs, path).map(&mut *report), say)
}

/// What can go wrong between a release's address and its index. Every text says the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A manifest that is not good as a whole.
    #[error("{file}:{line}: {what}")]
    Manifest {
        file: String,
        /// 1-based; 0: the file as a whole.
        line: usize,
        what: String,
    },
    /// A name that `xwalk fetch` does not know.
    #[error("no release is called {name:?}{}", hint(.nearest))]
    UnknownRelease { name: String, nearest: Vec<String> },
    /// Bytes that are not those the manifest was written for.
    #[error("{file}: sha256 is {found}, the manifest says {expected}; {remedy}")]
    Hash { file: String, expected: String, found: String, remedy: &'static str },
    /// A file that the manifest names and nobody has.
    #[error("{id}: {file} is not there; {remedy}")]
    Missing { id: String, file: String, remedy: String },
    /// A file that was named, and is no release that a reader knows.
    #[error(
        "{file} is not recognised as a release; say what it is with an entry in a manifest.toml beside it and give the folder of both (`xwalk index build --help` shows an entry)"
    )]
    Unrecognised { file: String },
    /// One table of a download that only makes sense as a whole.
    #[error("{file} is one table of a download of several (format {format}); give the folder or archive that holds them all")]
    OneTable { file: String, format: &'static str },
    /// What changed from a year to the next, and not what there is.
    #[error(
        "{file} holds addenda: they say what changed from the year before, and are no release; give the order or codes file of that year"
    )]
    Addenda { file: String },
    #[error("cannot {what} {path}: {source}")]
    Io { what: &'static str, path: String, source: io::Error },
    /// The server answered, but not with the file.
    #[error("{url}: HTTP status {status}; {remedy}")]
    Status { url: String, status: u16, remedy: &'static str },
    /// No answer, or one that broke off.
    #[error("{url}: {what}; nothing was kept, try again or use --mirror")]
    Download { url: String, what: String },
    /// Neither the cache nor the folder for temporary files takes an index.
    #[error(
        "the index can be kept neither in {cache} ({reason}) nor in {temporary} ({why}); make room, or set XDG_CACHE_HOME or TMPDIR to a folder that can be written"
    )]
    Nowhere { cache: String, reason: String, temporary: String, why: String },
    /// No folder to keep anything in.
    #[error("no home folder: set {variable} to an absolute path")]
    NoHome { variable: &'static str },
    /// The compiler refused.
    #[error("the index could not be built: {0}")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn hint(nearest: &[String]) -> String {
    match nearest {
        [] => "; `xwalk fetch --list` shows all names".to_owned(),
        some => format!("; did you mean {}?", some.join(", ")),
    }
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io { what, path: path.display().to_string(), source }
    }
}

/// Where the user's files lie. A folder that cannot be known (no home) is `None`: then embedded data still answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirs {
    /// `$XDG_DATA_HOME/xwalk`
    pub data: Option<PathBuf>,
    /// `$XDG_CACHE_HOME/xwalk`
    pub cache: Option<PathBuf>,
}

impl Dirs {
    /// By the XDG Base Directory Specification: the variables, else `~/.local/share` and `~/.cache`. Relative values are ignored, as it says.
    pub fn from_env() -> Dirs {
        Dirs::from_variables(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn from_variables(get: impl Fn(&str) -> Option<PathBuf>) -> Dirs {
        let absolute = |name: &str| get(name).filter(|path| path.is_absolute());
        let home = absolute("HOME").or_else(|| absolute("USERPROFILE"));
        let under = |variable, fallback| absolute(variable).or_else(|| Some(home.as_ref()?.join(fallback))).map(|dir| dir.join("xwalk"));
        Dirs { data: under("XDG_DATA_HOME", ".local/share"), cache: under("XDG_CACHE_HOME", ".cache") }
    }

    /// Where `xwalk fetch` keeps what it got; itself laid out like a mirror.
    pub fn releases(&self) -> Option<PathBuf> {
        self.data.as_ref().map(|data| data.join("releases"))
    }
}

/// Every release that is known: embedded manifests, then the user's own.
///
/// A user's entry takes the place of a known one of the same id.
pub(crate) fn known(dirs: &Dirs) -> Result<Vec<Known>, Error> {
    let mut all: Vec<Known> =
        embedded::releases()?.into_iter().map(|(folder, release)| Known { release, origin: Origin::Embedded(folder) }).collect();
    let mut by_id: HashMap<String, usize> = all.iter().enumerate().map(|(i, k)| (k.release.id.clone(), i)).collect();
    for folder in embedded::FOLDERS {
        let Some(folder) = dirs.data.as_ref().map(|data| data.join(folder)).filter(|folder| folder.join("manifest.toml").exists()) else {
            continue;
        };
        for release in Manifest::read(&folder)?.releases {
            let place = by_id.get(&release.id).copied();
            let known = Known { release, origin: Origin::Folder(folder.clone()) };
            match place {
                Some(i) => all[i] = known,
                None => {
                    by_id.insert(known.release.id.clone(), all.len());
                    all.push(known);
                }
            }
        }
    }
    Ok(all)
}

/// A release and whose manifest names it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub release: Release,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Embedded(&'static str),
    Folder(PathBuf),
}

/// sha256 as lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

pub(crate) fn sha256_file(path: &Path) -> Result<String, Error> {
    let mut file = std::fs::File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(hash.finalize().as_slice())),
            Ok(n) => hash.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("read", path, e)),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The published releases beside the project, which only some machines have; says so where they are missing.
#[cfg(test)]
pub(crate) fn test_releases() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/releases");
    if !folder.join("SHA256SUMS").exists() {
        eprintln!("skipped: there are no published releases in ../shared/releases");
        return None;
    }
    Some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_index_is_built_and_found() {
        let cache = tempfile::tempdir().expect("tempdir");
        let dirs = Dirs { data: None, cache: Some(cache.path().to_owned()) };
        let mut reports = Vec::new();
        let built = index(&dirs, &mut |report| reports.push(report), &|_| {}).expect("built");
        assert!(built.built() && built.notes().is_empty());
        assert_eq!(reports.len(), 1);
        let worst: Vec<_> = reports[0].findings_from(crate::read::Severity::Warning).collect();
        assert!(worst.is_empty(), "{worst:?}");
        assert!(reports[0].concepts > 200_000 && reports[0].rows == 176_343, "{} concepts, {} rows", reports[0].concepts, reports[0].rows);
        let found = index(&dirs, &mut |_| panic!("built twice"), &|_| {}).expect("found");
        assert_eq!(found.path(), built.path());
    }

    #[test]
    fn xdg_variables() {
        let dirs = |vars: &[(&str, &str)]| {
            Dirs::from_variables(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value)))
        };
        let paths = |data: &str, cache: &str| Dirs { data: Some(data.into()), cache: Some(cache.into()) };
        assert_eq!(dirs(&[("HOME", "/h")]), paths("/h/.local/share/xwalk", "/h/.cache/xwalk"));
        assert_eq!(dirs(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_CACHE_HOME", "rel")]), paths("/d/xwalk", "/h/.cache/xwalk"));
        assert_eq!(dirs(&[("XDG_CACHE_HOME", "/c")]), Dirs { data: None, cache: Some("/c/xwalk".into()) });
        assert_eq!(dirs(&[]), Dirs::default());
    }
}
