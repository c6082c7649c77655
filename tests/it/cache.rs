//! The program with the data it carries, where the index that it makes of them cannot be kept: on a read-only folder, on a full disk, nowhere.
//! A question is answered if there is any room at all, and what is the matter is said.

#![cfg(unix)]

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Somebody whom permissions hold for.
const NOBODY: u32 = 65534;

/// A copy of the program, and folders for its cache and temporary files, where anybody may go.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a folder") };
        open(place.folder.path(), 0o755);
        for name in ["cache", "tmp"] {
            std::fs::create_dir(place.path(name)).expect("a folder");
            open(&place.path(name), 0o777);
        }
        // By another process: what this one has open to write, a child of a test beside may hold open still, and Linux runs no such program.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_xwalk")).arg(place.path("xwalk")).status();
        assert!(copied.expect("cp").success());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn files(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Asks what 250.00 is; `before` are the program and arguments that start it in their way.
    fn asked(&self, before: &[&OsStr]) -> Command {
        let program = self.path("xwalk");
        let mut words = before.iter().copied().chain([program.as_os_str()]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).args(["translate", "--from", "icd9cm", "--to", "icd10cm", "--format", "ndjson", "250.00"]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let own = [("XDG_CACHE_HOME", "cache"), ("XDG_DATA_HOME", "data"), ("TMPDIR", "tmp"), ("HOME", "home")];
        command.envs(own.map(|(name, folder)| (name, self.path(folder))));
        command
    }
}

fn open(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}

/// Exit code, whether the answer came, and what was said.
fn told(output: Output) -> (Option<i32>, bool, String) {
    let answer = String::from_utf8_lossy(&output.stdout).contains("\"E11.9\"");
    (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_read_only_cache_folder_is_said_and_the_answer_comes() {
    let place = Place::new();
    open(&place.path("cache"), 0o555);
    let mut command = place.asked(&[]);
    if std::fs::write(place.path("cache/probe"), "").is_ok() {
        // Root may write wherever it likes.
        std::fs::remove_file(place.path("cache/probe")).expect("removed");
        command.uid(NOBODY).gid(NOBODY);
    }
    let (exit, answered, said) = told(command.output().expect("a run"));
    assert_eq!((exit, answered), (Some(0), true), "{said}");
    assert!(
        said.contains("the index cannot be kept in") && said.contains("ermission denied") && said.contains("Set XDG_CACHE_HOME"),
        "{said}"
    );
    assert_eq!((place.files("cache"), place.files("tmp")), (vec![], vec![]), "nothing is left behind");

    // Nor is there another place: no answer, and what to do.
    command.env("TMPDIR", place.path("nowhere"));
    let (exit, answered, said) = told(command.output().expect("a run"));
    assert_eq!((exit, answered), (Some(2), false), "{said}");
    assert!(
        said.contains("the index can be kept neither in") && said.contains("nowhere") && said.contains("set XDG_CACHE_HOME or TMPDIR"),
        "{said}"
    );
    open(&place.path("cache"), 0o755);
}

/// A disk of one megabyte, where one may be mounted; else files that cannot grow beyond one, wherever they are.
#[test]
fn a_full_cache_folder_is_said_and_the_answer_comes_if_there_is_room_elsewhere() {
    let place = Place::new();
    let cache = place.path("cache");
    let mounted =
        "mount -t tmpfs -o size=1m tmpfs \"$1\" || exit 77; shift; \"$@\"; code=$?; echo \"left: $(ls -A \"$0\"/*)\" >&2; exit $code";
    for namespace in ["-m", "-rm"] {
        let words = ["unshare", namespace, "sh", "-c", mounted].map(OsStr::new);
        let Ok(output) = place.asked(&[&words[..], &[cache.as_os_str(), cache.as_os_str()]].concat()).output() else { break };
        let (exit, answered, said) = told(output);
        if exit == Some(77) || said.contains("unshare failed") {
            continue;
        }
        assert_eq!((exit, answered), (Some(0), true), "{said}");
        assert!(said.contains("the index cannot be kept in") && said.contains("No space left on device"), "{said}");
        assert!(said.contains("left: lock\n"), "what could not be finished is gone: {said}");
        assert_eq!(place.files("tmp"), Vec::<String>::new(), "the temporary index went with the process");
        return;
    }
    eprintln!("no disk may be mounted here; files that may not grow stand in for it");
    let limited = "trap '' XFSZ; ulimit -f 1024; exec \"$@\"";
    let (exit, answered, said) = told(place.asked(&["sh", "-c", limited, "sh"].map(OsStr::new)).output().expect("a run"));
    assert_eq!((exit, answered), (Some(2), false), "{said}");
    assert!(said.contains("the index can be kept neither in") && said.contains("File too large"), "{said}");
    assert_eq!((place.files("cache/xwalk"), place.files("tmp")), (vec!["lock".to_owned()], vec![]), "nothing is left behind");
}
