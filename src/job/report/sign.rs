//! Signing off: who looked at which bytes, and whether they are still the same.
//!
//! A signature binds hashes, it does not prove who signed: whoever can write to the folder can write another. Keep a copy elsewhere (or
//! print the page, which names the hashes) where that matters.

use super::{Document, put};
use crate::job::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILES: [&str; 6] = ["report.html", "report.json", "review.csv", "codes.csv", "duplicates.csv", "rejects.csv"];

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
    pub index: String,
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
        [&self.schema, &self.name, &self.role, &self.at, &self.input, &self.output, &self.index].into_iter().for_each(|t| part(t));
        for (name, hash) in &self.files {
            part(name);
            part(hash);
        }
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
    /// Nobody said where it is.
    NotLookedAt,
}

#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    pub signature: Option<Signature>,
    /// `report.html` ..., `input`, `output`, `signature`.
    pub found: Vec<(String, Found)>,
}

impl Verified {
    /// Signed, and nothing that was looked at has changed.
    pub fn holds(&self) -> bool {
        self.signature.is_some() && self.found.iter().all(|(_, f)| matches!(f, Found::Same | Found::NotLookedAt))
    }
}

fn damaged(path: &Path, what: String) -> Error {
    Error::Unsupported { what: format!("{}: {what}", path.display()) }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    serde_json::from_slice(&text).map_err(|e| damaged(path, format!("not written by xwalk, or damaged ({e})")))
}

pub(super) fn document(folder: &Path) -> Result<Document, Error> {
    read(&folder.join("report.json"))
}

fn hash_of(path: &Path) -> Result<Option<String>, Error> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let mut hash = blake3::Hasher::new();
    std::io::copy(&mut file, &mut hash).map_err(|e| Error::io("read", path, e))?;
    Ok(Some(hash.finalize().to_hex().to_string()))
}

/// Signs a report. A report is signed once; another signature needs another copy.
pub fn sign(folder: &Path, name: &str, role: &str) -> Result<Signature, Error> {
    let place = folder.join("signature.json");
    if place.exists() {
        return Err(Error::Exists { what: "the signature", path: place.display().to_string() });
    }
    let document = document(folder)?;
    let mut files = BTreeMap::new();
    for file in FILES {
        if let Some(hash) = hash_of(&folder.join(file))? {
            files.insert(file.to_owned(), hash);
        }
    }
    let mut signature = Signature {
        schema: String::from("xwalk-signature/1"),
        name: name.to_owned(),
        role: role.to_owned(),
        at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        files,
        input: document.input.blake3,
        output: document.output.blake3,
        index: document.index.fingerprint,
        seal: String::new(),
    };
    signature.seal = signature.seal();
    let json = serde_json::to_string_pretty(&signature).map_err(|e| damaged(&place, e.to_string()))?;
    put(&place, (json + "\n").as_bytes(), true)?;
    Ok(signature)
}

/// Whether anything changed since a report was signed. Input and output are looked at where they are named, or lie beside the report.
pub fn verify(folder: &Path, input: Option<&Path>, output: Option<&Path>) -> Result<Verified, Error> {
    let document = document(folder)?;
    let place = folder.join("signature.json");
    let signature: Option<Signature> = if place.exists() { Some(read(&place)?) } else { None };
    let mut found = Vec::new();
    let compare = |now: Option<String>, then: &str| match now {
        None => Found::Missing,
        Some(now) if now == then => Found::Same,
        Some(_) => Found::Changed,
    };
    if let Some(signature) = &signature {
        let bound = signature.seal() == signature.seal
            && (&signature.input, &signature.output, &signature.index)
                == (&document.input.blake3, &document.output.blake3, &document.index.fingerprint);
        found.push((String::from("signature"), if bound { Found::Same } else { Found::Changed }));
        for (file, hash) in &signature.files {
            found.push((file.clone(), compare(hash_of(&folder.join(file))?, hash)));
        }
    }
    for (what, named, part) in [("input", input, &document.input), ("output", output, &document.output)] {
        let beside: Option<PathBuf> = folder.canonicalize().ok().and_then(|f| Some(f.parent()?.join(&part.name))).filter(|p| p.is_file());
        let state = match named.map(Path::to_path_buf).or(beside) {
            None => Found::NotLookedAt,
            Some(path) => compare(hash_of(&path)?, &part.blake3),
        };
        found.push((what.to_owned(), state));
    }
    Ok(Verified { signature, found })
}
