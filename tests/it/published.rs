//! Published releases at `../shared/releases` from the project's root. They are no part of the project: a test that needs one is
//! skipped where the folder is missing, and says so.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

/// Official folder of the yearly ICD-10-CM files below the releases.
pub const NCHS: &str = "ftp.cdc.gov/pub/Health_Statistics/NCHS/Publications/ICD10CM";

/// The folder of all releases, or `None` (with a plain word on it) where it is missing.
pub fn releases(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/releases");
    if !folder.is_dir() {
        eprintln!("{test}: skipped, there are no published releases at ../shared/releases");
        return None;
    }
    Some(folder)
}

/// The path of one release, likewise.
pub fn release(name: &str) -> Option<PathBuf> {
    let path = releases(name)?.join(name);
    if !path.exists() {
        eprintln!("skipped: no published release at {}", path.display());
        return None;
    }
    Some(path)
}

/// Reads the one member of an archive whose name ends as given. `false`: the release is missing, the test is to be skipped.
pub fn with_member(archive: &str, member: &str, mut read: impl FnMut(&str, &mut dyn BufRead) -> io::Result<()>) -> bool {
    let Some(path) = release(archive) else { return false };
    let mut times = 0;
    let ends = |name: &str| name.rsplit('/').next() == Some(member);
    xwalk::read::source::visit_path(&path, &ends, &mut |name, input| {
        times += 1;
        read(name, input)
    })
    .unwrap();
    assert_eq!(times, 1, "{archive} holds {member} {times} times");
    true
}
