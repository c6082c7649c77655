//! Reads the sources and holds the house: which module may import which (the table of `src/README.md`), where JSON may be, where
//! `unsafe` may be. Within one package nothing else stops an import circle.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may import. The longest name that fits a file is its room. Whatever is not here is forbidden.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("text", &[]),
    ("read", &["model"]),
    ("index", &["model"]),
    ("compile", &["model", "text", "read", "index"]),
    ("engine", &["model", "text", "index"]),
    ("releases", &["model", "text", "read", "index", "compile"]),
    // Answers hold handles into the index, so whoever has answers may name them.
    ("decisions", &["model", "text", "index", "engine"]),
    ("job", &["model", "text", "index", "engine"]),
    ("face", &[]),
    ("face/wire", &["model", "index", "engine", "decisions", "job"]),
    ("face/cli", &["model", "text", "read", "index", "compile", "engine", "releases", "decisions", "job", "face/wire"]),
    ("face/http", &["model", "text", "read", "index", "compile", "engine", "releases", "decisions", "job", "face", "face/wire"]),
    ("face/web", &["model", "text", "read", "index", "compile", "engine", "releases", "decisions", "job", "face", "face/wire"]),
];

/// Faces that start another: `xwalk serve` is a command, and the workbench is served.
const DOORS: &[(&str, &str)] = &[
    ("face/cli/serve.rs", "face/http"),
    ("face/cli/serve.rs", "face/web"),
    ("face/cli/token.rs", "face/http"),
    ("face/cli/audit.rs", "face/http"),
    ("face/http", "face/web"),
];

/// Where JSON may be read or written.
const JSON: &[&str] = &[
    "src/face/wire/",
    "src/face/http/",
    "src/face/web/reconcile.rs",
    "src/job/format/",
    "src/job/report",
    "src/job/resume.rs",
    "src/read/fhir",
    "src/decisions/exchange/",
];

/// What only some rooms may name: a word of the source, and where it may stand.
const CONFINED: &[(&str, &[&str])] = &[
    ("serde_json", JSON),
    ("rusqlite", &["src/decisions/"]),
    ("clap", &["src/face/cli/"]),
    ("anyhow", &["src/face/cli/", "src/main.rs"]),
    ("axum", &["src/face/http/", "src/face/web/", "src/face/cli/serve.rs"]),
    ("memmap2", &["src/index/format.rs"]),
    ("fst::", &["src/index/", "src/engine/suggest.rs", "src/engine/search/"]),
];

struct File {
    /// From the package's root: `src/engine/mod.rs`.
    path: String,
    /// What is compiled: no comments, no unit tests.
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<File> {
    let mut files = Vec::new();
    let mut open = vec![root().join("src")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && path.file_stem().is_some_and(|s| s != "tests") {
                files.push(file(&path));
            }
        }
    }
    assert!(files.len() > 40, "the sources are somewhere else");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn file(path: &PathBuf) -> File {
    let text = fs::read_to_string(path).expect("a source");
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    File { path: path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/"), code }
}

/// The room of a path without `src/`: `engine/search/mod.rs` is in `engine`, `face/cli/index.rs` in `face/cli`.
fn room(path: &str) -> Option<&'static str> {
    let fits = |name: &str| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']));
    MAY_IMPORT.iter().map(|(name, _)| *name).filter(|name| fits(name)).max_by_key(|name| name.len())
}

/// The rooms that the code names: `crate::engine::Engine`, `crate::{index, text}`, `crate::face::wire`.
fn imports(code: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let path: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
            found.extend(room(&path.replace("::", "/")));
        }
    }
    found
}

/// Invariant 1: a module imports only what the table allows.
#[test]
fn invariant_1_layers() {
    let mut wrong = Vec::new();
    for file in sources() {
        let inside = file.path.strip_prefix("src/").expect("in src");
        let Some(here) = room(inside) else {
            assert!(["lib.rs", "main.rs"].contains(&inside), "{}: no room of the table; give it one", file.path);
            continue;
        };
        let may = MAY_IMPORT.iter().find(|(name, _)| *name == here).map_or(&[][..], |(_, may)| may);
        for other in imports(&file.code) {
            let door = DOORS.iter().any(|(from, to)| inside.starts_with(from) && *to == other);
            if other != here && !may.contains(&other) && !door {
                wrong.push(format!("{} imports {other}, which {here} may not", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The test above would see an import that it has to forbid.
#[test]
fn the_layer_test_sees() {
    assert_eq!(room("face/cli/index.rs"), Some("face/cli"));
    assert_eq!(room("face/mod.rs"), Some("face"));
    assert_eq!(room("lib.rs"), None);
    let code = "use crate::{index, text::Words};\nuse crate::face::wire::Day;\nlet x = crate::compile::build;";
    assert_eq!(imports(code), BTreeSet::from(["index", "text", "face/wire", "compile"]));
    let allowed: BTreeSet<_> = MAY_IMPORT.iter().flat_map(|(_, may)| may.iter().copied()).collect();
    assert!(allowed.iter().all(|name| MAY_IMPORT.iter().any(|(room, _)| room == name)), "the table names a room that is not there");
}

/// The table has no circle: every room imports only rooms above it in the list.
#[test]
fn invariant_1_no_circle() {
    for (at, (name, may)) in MAY_IMPORT.iter().enumerate() {
        for other in *may {
            assert!(MAY_IMPORT[..at].iter().any(|(above, _)| above == other), "{name} may import {other}, which stands below it");
        }
    }
}

/// Invariant 2: JSON only where answers, requests, records and reports are; SQLite, clap, HTTP and the map likewise in one room each.
#[test]
fn invariant_2_json_and_others_in_their_rooms() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (word, places) in CONFINED {
            if file.code.contains(word) && !places.iter().any(|place| file.path.starts_with(place)) {
                wrong.push(format!("{} has `{word}`, which may be in {} only", file.path, places.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Invariant 2: `model` and `text` do no input or output and know no serialisation.
#[test]
fn invariant_2_plain_values() {
    for file in sources().iter().filter(|f| f.path.starts_with("src/model") || f.path.starts_with("src/text")) {
        for word in ["std::fs", "std::io", "std::net", "std::env", "std::process", "serde", "println!"] {
            assert!(!file.code.contains(word), "{} has `{word}`", file.path);
        }
    }
}

/// Invariant 8: the one `unsafe` is the map.
#[test]
fn invariant_8_one_unsafe() {
    let unsafes: Vec<(String, usize)> =
        sources().iter().map(|f| (f.path.clone(), f.code.matches("unsafe ").count())).filter(|(_, n)| *n > 0).collect();
    assert_eq!(unsafes, [("src/index/format.rs".to_owned(), 1)]);
}

/// Formats never see each other: a reader that stands behind the door names no other that does.
#[test]
fn formats_never_see_each_other() {
    let files = sources();
    let door = &files.iter().find(|f| f.path == "src/read/format.rs").expect("the door of formats").code;
    let imported: Vec<&str> = door
        .lines()
        .filter(|l| l.starts_with("use super::"))
        .flat_map(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|name| files.iter().any(|f| f.path == format!("src/read/{name}.rs")))
        .collect();
    assert!(imported.len() > 5, "the door names its readers in another way: {imported:?}");
    for file in &files {
        let Some(own) = imported.iter().find(|name| {
            file.path.strip_prefix("src/read/").and_then(|p| p.strip_prefix(**name)).is_some_and(|rest| rest.starts_with(['/', '.']))
        }) else {
            continue;
        };
        for other in imported.iter().filter(|other| *other != own) {
            for spelling in [format!("super::{other}"), format!("read::{other}")] {
                assert!(!file.code.contains(&spelling), "{} imports {other}", file.path);
            }
        }
    }
}

/// Every invariant of the map names its test, and the test is there.
#[test]
fn the_map_names_tests_that_exist() {
    let map = fs::read_to_string(root().join("src/README.md")).expect("the map");
    let mut all = String::new();
    for folder in ["src", "tests"] {
        let mut open = vec![root().join(folder)];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    all.push_str(&fs::read_to_string(&path).expect("a source"));
                }
            }
        }
    }
    let mut named = 0;
    for line in map.lines().filter(|l| l.starts_with("| ") && l.contains("`#")) {
        for test in line.split("`#").skip(1).filter_map(|t| t.split('`').next()) {
            named += 1;
            assert!(all.contains(&format!("fn {test}(")), "the map names the test {test}, which is not there");
        }
    }
    assert!(named >= 13, "every invariant names a test, but only {named} do");
}
