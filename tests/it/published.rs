//! Published releases at `../shared/releases` from the project's root. They are no part of the project: a test that needs one is
//! skipped where the folder is missing, and says so.

use std::io::{self, BufRead};
use std::path::PathBuf;

/// Official folder of the yearly ICD-10-CM files below the releases.
pub const NCHS: &str = "ftp.cdc.gov/pub/Health_Statistics/NCHS/Publications/ICD10CM";

/// The path of a release, or `None` (with a plain word on it) where it is missing.
pub fn release(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/releases")).join(name);
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
