//! Which of the known releases go into the index: those at hand, by the precedence that the [module](super) states.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{Dirs, Error, Known, Manifest, Origin, Release, Subject, embedded, known, sha256_file, sha256_hex};
use crate::compile;
use crate::model::compare_versions;
use crate::read::{Format, MapRelease, SystemRelease, Unmapped};

/// A release file that is at hand.
#[derive(Clone, Debug)]
pub struct Source {
    pub release: Release,
    /// Its last name, suffix and all (`.zip`, `.zst`): that is how readers unpack it.
    pub file_name: String,
    pub bytes: Bytes,
    /// What the bytes must hash to, where the manifest says it; [`verify`](Source::verify) looks, and so does every build.
    pub sha256: Option<String>,
    /// Tells these bytes from others without reading them: the hash, or size and time of change where the manifest has no hash.
    pub stamp: String,
    /// Among maps of the same two systems the highest answers first.
    pub precedence: Precedence,
}

/// The later takes precedence over the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precedence {
    Embedded,
    Fetched,
    /// Added with a manifest of the user's own.
    Own,
    /// Named on the command line.
    Named,
}

/// Where the bytes of a file are.
#[derive(Clone)]
pub enum Bytes {
    Embedded(&'static [u8]),
    Path(PathBuf),
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bytes::Embedded(bytes) => write!(f, "Embedded({} bytes)", bytes.len()),
            Bytes::Path(path) => write!(f, "Path({})", path.display()),
        }
    }
}

impl Source {
    /// What the compiler is given: the entry in its words, and the bytes.
    pub fn input(&self) -> compile::Input {
        let r = &self.release;
        let (uri, title) = (r.uri.clone().unwrap_or_default(), r.title.clone().unwrap_or_default());
        let (version, from, to) = (r.version.clone(), r.from, r.to);
        let content = match &r.subject {
            Subject::System(system) => compile::Content::System(SystemRelease { system: system.clone(), uri, title, version, from, to }),
            Subject::Map { id, source, target, kind } => {
                let map = MapRelease {
                    id: id.clone(),
                    url: uri,
                    title,
                    version,
                    source: source.clone(),
                    target: target.clone(),
                    kind: *kind,
                    from,
                    to,
                    unmapped: Unmapped::None,
                };
                match &r.table {
                    Some(layout) => compile::Content::Table(map, layout.clone()),
                    None => compile::Content::Map(map),
                }
            }
            Subject::Itself if r.format == Format::Rf2 => {
                let mut options = r.rf2.clone().unwrap_or_default();
                options.versions.extend(Some(version).filter(|version| !matches!(version.as_str(), "" | "unknown")));
                compile::Content::Edition(options)
            }
            Subject::Itself => compile::Content::SelfDescribed,
        };
        compile::Input {
            id: r.id.clone(),
            file: self.file_name.clone(),
            format: r.format,
            content,
            sha256: self.sha256.clone().unwrap_or_default(),
            bytes: match &self.bytes {
                Bytes::Embedded(bytes) => compile::Bytes::Embedded(bytes),
                Bytes::Path(path) => compile::Bytes::Path(path.clone()),
            },
            member: r.member.clone(),
            precedence: self.precedence as i32,
        }
    }

    /// Compares the bytes with the hash, if there is one.
    pub fn verify(&self) -> Result<(), Error> {
        let Some(expected) = &self.sha256 else { return Ok(()) };
        let (found, file, remedy) = match &self.bytes {
            Bytes::Embedded(bytes) => (sha256_hex(bytes), self.file_name.clone(), "this binary is damaged: install it again"),
            Bytes::Path(path) => (
                sha256_file(path)?,
                path.display().to_string(),
                "the file was changed or damaged: remove it and fetch it again, or mend the manifest if the change was meant",
            ),
        };
        if found == *expected { Ok(()) } else { Err(Error::Hash { file, expected: expected.clone(), found, remedy }) }
    }
}

/// The sources of the index that a user means who says nothing: embedded, fetched, and the user's own, by precedence.
///
/// Cheap enough for every start of the program: files are looked for, not read.
pub fn from_user(dirs: &Dirs) -> Result<Vec<Source>, Error> {
    let releases = dirs.releases();
    let mut found: Vec<Source> = Vec::new();
    for Known { release, origin } in known(dirs)? {
        let fetched = release.place().and_then(|place| Some(releases.as_ref()?.join(place))).filter(|path| path.is_file());
        if let (Some(path), Some(hash)) = (fetched, release.fetch_sha256.clone()) {
            found.push(source(release, path, Some(hash), Precedence::Fetched)?);
            continue;
        }
        let Some(name) = release.file.clone() else { continue };
        match origin {
            Origin::Embedded(folder) => {
                let bytes = embedded::file(folder, &name).ok_or_else(|| Error::Missing {
                    id: release.id.clone(),
                    file: format!("{folder}/{name}"),
                    remedy: "this binary was built without it".to_owned(),
                })?;
                let sha256 = release.sha256.clone();
                let stamp = sha256.clone().unwrap_or_else(|| sha256_hex(bytes));
                let precedence = Precedence::Embedded;
                found.push(Source { release, file_name: name, bytes: Bytes::Embedded(bytes), sha256, stamp, precedence });
            }
            Origin::Folder(folder) => found.push(beside_manifest(&folder, release, &name)?),
        }
    }
    Ok(prefer(found))
}

/// The sources of `xwalk index build --vocab DIR --crosswalks DIR`: what these manifests name and nothing else.
///
/// Files of the folder itself only; an entry without `file` is known, but not at hand.
pub fn from_folders(folders: &[&Path]) -> Result<Vec<Source>, Error> {
    let mut found = Vec::new();
    let mut ids: HashMap<String, &Path> = HashMap::new();
    for folder in folders {
        for release in Manifest::read(folder)?.releases {
            if let Some(first) = ids.insert(release.id.clone(), folder) {
                let file = folder.join("manifest.toml").display().to_string();
                return Err(Error::Manifest { file, line: 0, what: format!("id {:?} stands in {} too", release.id, first.display()) });
            }
            if let Some(name) = release.file.clone() {
                found.push(beside_manifest(folder, release, &name)?);
            }
        }
    }
    Ok(prefer(found))
}

/// These sources and the given files, chosen from by the same rules.
pub fn with(mut sources: Vec<Source>, files: Vec<Source>) -> Vec<Source> {
    sources.extend(files);
    prefer(sources)
}

fn beside_manifest(folder: &Path, release: Release, name: &str) -> Result<Source, Error> {
    let path = folder.join(name);
    if !path.exists() {
        let remedy = format!("put it into {} or take its entry out of the manifest", folder.display());
        return Err(Error::Missing { id: release.id, file: name.to_owned(), remedy });
    }
    let sha256 = release.sha256.clone();
    source(release, path, sha256, Precedence::Own)
}

fn source(release: Release, path: PathBuf, sha256: Option<String>, precedence: Precedence) -> Result<Source, Error> {
    let file_name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stamp = match &sha256 {
        Some(hash) => hash.clone(),
        None => stamp(&path).map_err(|e| Error::io("look at", &path, e))?,
    };
    Ok(Source { release, file_name, bytes: Bytes::Path(path), sha256, stamp, precedence })
}

/// Size and time of change; of a folder (RF2, OMOP), those of every file in it.
pub(super) fn stamp(path: &Path) -> std::io::Result<String> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        entries.sort();
        let mut all = String::new();
        for entry in entries {
            let name = entry.file_name().unwrap_or_default();
            all.push_str(&format!("{name:?} {}\n", stamp(&entry)?));
        }
        return Ok(sha256_hex(all.as_bytes()));
    }
    let changed = meta.modified()?.duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_nanos());
    Ok(format!("{} bytes, changed {changed}", meta.len()))
}

fn prefer(mut found: Vec<Source>) -> Vec<Source> {
    // Only what is read counts: a fetched document must not push out the embedded release of its year.
    found.retain(|source| source.release.format != Format::Document);
    let users = |source: &Source| source.precedence > Precedence::Embedded;
    let of = |source: &Source| (source.release.name().to_owned(), source.release.version.clone());
    // Fetched and added files of one version stand together: they may be parts of it.
    let replaced: HashSet<(String, String)> = found.iter().filter(|s| users(s)).map(of).collect();
    found.retain(|source| users(source) || !replaced.contains(&of(source)));
    let mut newest: HashMap<String, String> = HashMap::new();
    let is_map = |source: &Source| matches!(source.release.subject, Subject::Map { .. });
    for source in found.iter().filter(|s| is_map(s)) {
        let (name, version) = of(source);
        let newest = newest.entry(name).or_insert_with(|| version.clone());
        if compare_versions(&version, newest) == Ordering::Greater {
            *newest = version;
        }
    }
    // A version that was named was meant: versions stand side by side, and `--map ID|VERSION` chooses.
    let is_newest = |source: &Source| newest.get(source.release.name()).is_none_or(|newest| *newest == source.release.version);
    found.retain(|source| !is_map(source) || source.precedence == Precedence::Named || is_newest(source));
    // One order, whatever the order of the manifests: the index and its name must not depend on it.
    found.sort_by(|a, b| a.release.id.cmp(&b.release.id));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::releases::test_releases;

    fn ids(sources: &[Source]) -> Vec<&str> {
        sources.iter().map(|s| s.release.id.as_str()).collect()
    }

    #[test]
    fn nothing_fetched_is_everything_embedded() {
        let sources = from_user(&Dirs::default()).expect("embedded");
        assert_eq!(sources.len(), 13);
        assert!(sources.iter().all(|s| matches!(s.bytes, Bytes::Embedded(_))));
        for source in &sources {
            source.verify().expect("embedded data are as their manifest says");
        }
    }

    #[test]
    fn fetched_takes_precedence_by_version() {
        let data = tempfile::tempdir().expect("tempdir");
        let dirs = Dirs { data: Some(data.path().to_owned()), cache: None };
        // Existence is enough to be chosen; the bytes are looked at before a build.
        for (_, release) in embedded::releases().expect("embedded manifests") {
            if ["gem-icd9cm-icd10cm-2018", "icd10cm-2024", "icd10cm-2025", "icd10cm-2026-addenda"].contains(&release.id.as_str()) {
                let path = dirs.releases().expect("data").join(release.place().expect("fetchable"));
                std::fs::create_dir_all(path.parent().expect("parent")).expect("create");
                std::fs::write(path, "not the real one").expect("write");
            }
        }
        let sources = from_user(&dirs).expect("sources");
        let ids = ids(&sources);
        // One zip holds both directions.
        for id in ["gem-icd9cm-icd10cm-2018", "gem-icd10cm-icd9cm-2018", "icd10cm-2024", "icd10cm-2025", "icd10cm-2026-04-tabular"] {
            assert!(ids.contains(&id), "{id}: {ids:?}");
        }
        for id in ["gem-icd9cm-icd10cm-2013", "gem-icd10cm-icd9cm-2013", "icd10cm-2024-codes", "icd10cm-2026-addenda"] {
            assert!(!ids.contains(&id), "{id}: {ids:?}");
        }
        let order = sources.iter().find(|s| s.release.id == "icd10cm-2025").expect("order file");
        assert!(matches!(&order.bytes, Bytes::Path(_)));
        let error = order.verify().expect_err("not the real one").to_string();
        assert!(error.contains("the manifest says 5a9ff9e1") && error.contains("fetch it again"), "{error}");
    }

    #[test]
    fn versions_of_a_map_that_were_named_stand_side_by_side() {
        let folder = tempfile::tempdir().expect("tempdir");
        let paths = ["2013_I9gem.txt", "2018_I9gem.txt"].map(|name| folder.path().join(name));
        for path in &paths {
            std::fs::write(path, "25000 E119    10000\r\n").expect("write");
        }
        let (files, _) = crate::releases::from_files(&paths).expect("files");
        let versions = |sources: &[Source]| {
            let gems = sources.iter().filter(|s| s.release.name() == "gem-icd9cm-icd10cm");
            gems.map(|s| s.release.version.clone()).collect::<Vec<_>>()
        };
        assert_eq!(versions(&with(Vec::new(), files.clone())), ["2013", "2018"]);
        // The embedded one of 2013 gives way to the named one of its version, and an older one to a newer one.
        let embedded = from_user(&Dirs::default()).expect("embedded");
        assert_eq!(versions(&with(embedded.clone(), files.clone())), ["2013", "2018"]);
        assert_eq!(versions(&with(embedded, files[1..].to_vec())), ["2018"]);
    }

    #[test]
    fn users_own_entries() {
        let data = tempfile::tempdir().expect("tempdir");
        let vocab = data.path().join("vocab");
        std::fs::create_dir(&vocab).expect("create");
        let manifest =
            "[[release]]\nid = \"local-1\"\nsystem = \"local\"\nversion = \"1\"\nformat = \"icd10-codes\"\nfile = \"local.csv\"\n";
        std::fs::write(vocab.join("manifest.toml"), manifest).expect("write");
        let dirs = Dirs { data: Some(data.path().to_owned()), cache: None };
        let error = from_user(&dirs).expect_err("the file is missing").to_string();
        assert!(error.starts_with("local-1: local.csv is not there; put it into "), "{error}");
        std::fs::write(vocab.join("local.csv"), "code,title\n1,one\n").expect("write");
        let sources = from_user(&dirs).expect("sources");
        let own = sources.iter().find(|s| s.release.id == "local-1").expect("own entry");
        assert_eq!(own.file_name, "local.csv");
        assert!(own.sha256.is_none() && own.stamp.starts_with("17 bytes, changed "), "{}", own.stamp);
        assert_eq!(sources.len(), 14);
        // A folder is a source too, and changes when a file in it does.
        let table = vocab.join("local.csv");
        let stamps: Vec<String> = ["x", "xy"]
            .iter()
            .map(|text| {
                std::fs::remove_file(&table).or_else(|_| std::fs::remove_file(table.join("a"))).expect("remove");
                std::fs::create_dir_all(&table).expect("create");
                std::fs::write(table.join("a"), text).expect("write");
                from_folders(&[&vocab]).expect("folder").remove(0).stamp
            })
            .collect();
        assert_ne!(stamps[0], stamps[1]);
        // The same folder, given by name, is taken alone.
        assert_eq!(ids(&from_folders(&[&vocab]).expect("folder")), ["local-1"]);
        let error = from_folders(&[&vocab, &vocab]).expect_err("twice").to_string();
        assert!(error.contains("\"local-1\" stands in"), "{error}");
    }

    #[test]
    fn folders_of_the_project_are_the_embedded_ones() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = from_folders(&[&root.join("vocab"), &root.join("crosswalks")]).expect("folders");
        let embedded = from_user(&Dirs::default()).expect("embedded");
        let key = |s: &Source| (s.release.id.clone(), s.stamp.clone(), s.file_name.clone());
        assert_eq!(sources.iter().map(key).collect::<Vec<_>>(), embedded.iter().map(key).collect::<Vec<_>>());
        if let Some(published) = test_releases() {
            assert!(from_folders(&[&published]).is_err(), "no manifest there");
        }
    }
}
