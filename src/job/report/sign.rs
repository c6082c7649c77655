//! Signing off: who looked at which bytes, and whether they are still the same.
//!
//! A signature binds hashes, it does not prove who signed: whoever can write to the folder can write another. Keep a copy elsewhere (or
//! print the page, which names the hashes) where that matters.

use super::{Document, hash, put};
use crate::job::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// `signature.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    pub schema: String,
    pub name: String,
    pub role: String,
    pub at: String,
    /// BLAKE3 of the files of the report, by name.
    pub files: BTreeMap<String, String>,
    pub input: String,
    pub output: String,
    #[serde(default)]
    pub rejects: String,
    pub index: String,
    /// What was not at hand when it was signed (`input`), so that nobody looked whether it is still what the run read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_looked_at: Vec<String>,
    /// BLAKE3 over all of the above.
    pub seal: String,
}

impl Signature {
    fn seal(&self) -> String {
        let mut hash = blake3::Hasher::new();
        let mut part = |text: &str| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        [&self.schema, &self.name, &self.role, &self.at, &self.input, &self.output, &self.rejects, &self.index]
            .into_iter()
            .for_each(|t| part(t));
        for (name, hash) in &self.files {
            part(name);
            part(hash);
        }
        self.not_looked_at.iter().for_each(|what| part(what));
        hash.finalize().to_hex().to_string()
    }
}

/// What `verify` found of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    Same,
    Changed,
    Missing,
    /// It was not there when the report was signed, or made.
    Added,
    /// It is not beside the report, and nobody said where it is.
    NotLookedAt,
    /// It came or went through a pipe, and nobody said where it was kept.
    Piped,
    /// Of the index: nobody named one, and the one that answers now is another. What the run did does not change with it.
    Another,
    /// Of the index: none is at hand.
    NotCompared,
}

#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    pub signature: Option<Signature>,
    /// `report.html` ..., `input`, `output`, `signature`, `index`.
    pub found: Vec<(String, Found)>,
}

impl Verified {
    /// Signed, and everything is as it was; what went through a pipe, and an index that nobody named, apart.
    pub fn holds(&self) -> bool {
        let holds = |f: &Found| matches!(f, Found::Same | Found::Piped | Found::Another | Found::NotCompared);
        self.signature.is_some() && self.found.iter().all(|(_, f)| holds(f))
    }
}

fn damaged(path: &Path, what: String) -> Error {
    Error::Unsupported { what: format!("{}: {what}", path.display()) }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<(T, Vec<u8>), Error> {
    let text = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let value = serde_json::from_slice(&text).map_err(|e| damaged(path, format!("not written by xwalk, or damaged ({e})")))?;
    Ok((value, text))
}

pub(in crate::job) fn document(folder: &Path) -> Result<Document, Error> {
    Ok(read(&folder.join("report.json"))?.0)
}

pub(in crate::job) fn hash_of(path: &Path) -> Result<Option<String>, Error> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let mut hash = blake3::Hasher::new();
    std::io::copy(&mut file, &mut hash).map_err(|e| Error::io("read", path, e))?;
    Ok(Some(hash.finalize().to_hex().to_string()))
}

/// Where the files of a run are, if not beside its report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places<'p> {
    pub input: Option<&'p Path>,
    pub output: Option<&'p Path>,
    pub rejects: Option<&'p Path>,
    /// Fingerprint of the index at hand.
    pub index: Option<&'p str>,
    /// Whether somebody named that index.
    pub index_is_named: bool,
}

/// Signs a report. A report is signed once; another signature needs another copy.
///
/// # Errors
/// Something is not what the report says it was, or (the input apart, which may be elsewhere) is not to be found.
pub fn sign(folder: &Path, name: &str, role: &str, places: Places<'_>) -> Result<Signature, Error> {
    let place = folder.join("signature.json");
    if place.exists() {
        return Err(Error::Exists { what: "the signature", path: place.display().to_string() });
    }
    if [name, role].iter().any(|text| text.trim().is_empty()) {
        return Err(Error::Unsupported { what: String::from("a signature needs a name and a role") });
    }
    let (document, json): (Document, _) = read(&folder.join("report.json"))?;
    let as_made = document.files.iter().map(|(file, hash)| Ok((file.clone(), compare(hash_of(&folder.join(file))?, hash))));
    let mut found = as_made.collect::<Result<Vec<_>, Error>>()?;
    // The page is the document's, and names its hash; another version of xwalk may draw it otherwise.
    let page = std::fs::read(folder.join("report.html")).map_err(|e| Error::io("read", &folder.join("report.html"), e))?;
    let page = String::from_utf8_lossy(&page);
    let json = hash(&json);
    if !page.contains(&json) {
        found.push((String::from("report.html or report.json"), Found::Changed));
    } else if document.xwalk == env!("CARGO_PKG_VERSION") && page != super::page::page(&document, &json) {
        found.push((String::from("report.html"), Found::Changed));
    }
    found.extend(of_run(folder, &document, places)?);
    let mut files = BTreeMap::new();
    for file in files_in(folder)? {
        let is_made = document.files.contains_key(&file) || ["report.html", "report.json", "rejects.csv"].contains(&&*file);
        if !is_made {
            found.push((file.clone(), Found::Added));
        }
        files.extend(hash_of(&folder.join(&file))?.map(|hash| (file, hash)));
    }
    let wrong = |f: &&(String, Found)| match f.1 {
        Found::Same | Found::Piped | Found::Another | Found::NotCompared => false,
        Found::NotLookedAt => f.0 != "input",
        Found::Changed | Found::Missing | Found::Added => true,
    };
    let not_looked_at = found.iter().filter(|(_, state)| matches!(state, Found::NotLookedAt | Found::Piped)).map(|(what, _)| what.clone());
    if let Some((what, state)) = found.iter().find(wrong) {
        let why = match state {
            Found::NotLookedAt => format!("the {what} is not beside the report; say where it is (--{what} FILE)"),
            Found::Missing => format!("{what} is missing"),
            Found::Added => format!("{what} is not of the report; take it away"),
            _ => format!("{what} is not what the run left; it was changed since"),
        };
        return Err(damaged(folder, format!("not signed: {why}")));
    }
    let mut signature = Signature {
        schema: String::from("xwalk-signature/1"),
        name: name.trim().to_owned(),
        role: role.trim().to_owned(),
        at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        files,
        input: document.input.blake3,
        output: document.output.blake3,
        rejects: document.rejects.map(|r| r.blake3).unwrap_or_default(),
        index: document.index.fingerprint,
        not_looked_at: not_looked_at.collect(),
        seal: String::new(),
    };
    signature.seal = signature.seal();
    let json = serde_json::to_string_pretty(&signature).map_err(|e| damaged(&place, e.to_string()))?;
    put(&place, (json + "\n").as_bytes(), true)?;
    Ok(signature)
}

/// Whether anything changed since a report was signed. What the run read and wrote is looked at where it is named, or lies beside the
/// report.
pub fn verify(folder: &Path, places: Places<'_>) -> Result<Verified, Error> {
    let document = document(folder)?;
    let place = folder.join("signature.json");
    let signature: Option<Signature> = if place.exists() { Some(read(&place)?.0) } else { None };
    let mut found = Vec::new();
    if let Some(signature) = &signature {
        let rejects = document.rejects.as_ref().map_or("", |r| &r.blake3);
        let bound = signature.seal() == signature.seal
            && (&signature.input, &signature.output, &*signature.rejects, &signature.index)
                == (&document.input.blake3, &document.output.blake3, rejects, &document.index.fingerprint);
        found.push((String::from("signature"), if bound { Found::Same } else { Found::Changed }));
        for (file, hash) in &signature.files {
            found.push((file.clone(), compare(hash_of(&folder.join(file))?, hash)));
        }
        let added = files_in(folder)?.into_iter().filter(|file| !signature.files.contains_key(file));
        found.extend(added.map(|file| (file, Found::Added)));
    }
    found.extend(of_run(folder, &document, places)?);
    let index = match places.index {
        Some(index) if index == document.index.fingerprint => Found::Same,
        Some(_) if places.index_is_named => Found::Changed,
        Some(_) => Found::Another,
        None => Found::NotCompared,
    };
    found.push((String::from("index"), index));
    Ok(Verified { signature, found })
}

fn compare(now: Option<String>, then: &str) -> Found {
    match now {
        None => Found::Missing,
        Some(now) if now == then => Found::Same,
        Some(_) => Found::Changed,
    }
}

/// Input, output and rejects of a run, held against what its report says of them.
fn of_run(folder: &Path, document: &Document, places: Places<'_>) -> Result<Vec<(String, Found)>, Error> {
    let whole = folder.canonicalize().map_err(|e| Error::io("read", folder, e))?;
    let parts = [
        ("input", places.input, Some(&document.input)),
        ("output", places.output, Some(&document.output)),
        ("rejects", places.rejects, document.rejects.as_ref()),
    ];
    let mut found = Vec::new();
    for (what, named, part) in parts {
        let Some(part) = part else { continue };
        let near = [(what == "rejects").then(|| whole.join(&part.name)), whole.parent().map(|beside| beside.join(&part.name))];
        let state = match named.map(Path::to_path_buf).or_else(|| near.into_iter().flatten().find(|p| p.is_file())) {
            Some(path) => compare(hash_of(&path)?, &part.blake3),
            None if part.piped || ["standard input", "standard output"].contains(&&*part.name) => Found::Piped,
            None => Found::NotLookedAt,
        };
        found.push((what.to_owned(), state));
    }
    Ok(found)
}

/// The names of what is in the folder of a report, its signature apart.
fn files_in(folder: &Path) -> Result<Vec<String>, Error> {
    let fail = |e| Error::io("read", folder, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        names.push(entry.map_err(fail)?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name != "signature.json");
    names.sort();
    Ok(names)
}
