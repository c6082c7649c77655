//! Bearer tokens: who may ask, and for how long.
//!
//! A token is 32 random bytes, shown once when it is made; the file keeps only its SHA-256. A slow password hash would add nothing:
//! there is nothing to guess in 256 random bits, and every request pays for the check.
//!
//! ```toml
//! [[token]]
//! name = "import-job"
//! role = "read"
//! expires = "2027-01-01"
//! sha256 = "..."
//! ```

use crate::model::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::Path;

/// What a token allows; each role has what the ones before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Ask questions, convert files.
    Read,
    /// Settle ambiguous matches.
    Review,
    /// Reload the index, read metrics.
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Read, Role::Review, Role::Admin];
    pub fn code(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Review => "review",
            Role::Admin => "admin",
        }
    }
    pub fn from_code(code: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|r| r.code() == code)
    }
}

/// What the file keeps of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whose it is; stands in the audit log.
    pub name: String,
    pub role: Role,
    /// The last day on which it holds, in UTC; `None`: until it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Of the token, in hexadecimal.
    pub sha256: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

/// What can be wrong with a token file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{file}: {source}")]
    Io { file: String, source: std::io::Error },
    #[error("{file}: {what}; make tokens with `xwalk token add`")]
    Damaged { file: String, what: String },
    #[error("a token called {0:?} exists; choose another name, or remove it first")]
    Exists(String),
    #[error("no token is called {0:?}")]
    Unknown(String),
    #[error("{0:?} is no name for a token: use letters, digits, `-`, `_` and `.`, at most 64")]
    Name(String),
    #[error("the system gave no random bytes")]
    Random,
}

/// The tokens of a file.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    entries: Vec<(Entry, [u8; 32], Option<Date>)>,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No token, or none that exists.
    Unknown,
    Expired,
    /// A good token that does not allow this.
    Role,
}

impl Tokens {
    pub fn read(path: &Path) -> Result<Tokens, Error> {
        let damaged = |what: String| Error::Damaged { file: path.display().to_string(), what };
        let mut entries = Vec::new();
        for entry in read_file(path)?.token {
            let hash =
                parse_hash(&entry.sha256).ok_or_else(|| damaged(format!("the hash of {:?} is not 64 hexadecimal digits", entry.name)))?;
            let expires = match &entry.expires {
                None => None,
                Some(date) => Some(date.parse().map_err(|_| damaged(format!("{:?} expires on {date:?}, which is no date", entry.name)))?),
            };
            entries.push((entry, hash, expires));
        }
        Ok(Tokens { entries })
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(entry, ..)| entry)
    }

    /// Who holds this token, if it allows the role today.
    pub fn check(&self, token: &str, needed: Role, today: Date) -> Result<&Entry, Denied> {
        let given: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        // Comparing hashes tells nothing of the token, however long it takes.
        let (entry, _, expires) = self.entries.iter().find(|(_, hash, _)| *hash == given).ok_or(Denied::Unknown)?;
        if expires.is_some_and(|last| last < today) {
            return Err(Denied::Expired);
        }
        if entry.role < needed { Err(Denied::Role) } else { Ok(entry) }
    }
}

/// Makes a token and puts its hash into the file. The token itself is given back, and kept nowhere.
pub fn add(path: &Path, name: &str, role: Role, expires: Option<Date>) -> Result<String, Error> {
    if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err(Error::Name(name.to_owned()));
    }
    let mut file = if path.exists() { read_file(path)? } else { File::default() };
    if file.token.iter().any(|t| t.name == name) {
        return Err(Error::Exists(name.to_owned()));
    }
    let mut random = [0; 32];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut random).map_err(|_| Error::Random)?;
    let token = format!("xw_{}", hex(&random));
    let expires = expires.map(|d| d.to_string());
    file.token.push(Entry { name: name.to_owned(), role, expires, sha256: hex(&Sha256::digest(token.as_bytes())) });
    write_file(path, &file)?;
    Ok(token)
}

/// Takes a token out of the file.
pub fn remove(path: &Path, name: &str) -> Result<(), Error> {
    let mut file = read_file(path)?;
    let before = file.token.len();
    file.token.retain(|t| t.name != name);
    if file.token.len() == before {
        return Err(Error::Unknown(name.to_owned()));
    }
    write_file(path, &file)
}

fn read_file(path: &Path) -> Result<File, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { file: path.display().to_string(), source })?;
    toml::from_str(&text).map_err(|e| Error::Damaged { file: path.display().to_string(), what: e.message().to_owned() })
}

/// Whole or not at all: a service may read the file at any moment.
fn write_file(path: &Path, file: &File) -> Result<(), Error> {
    let failed = |source| Error::Io { file: path.display().to_string(), source };
    let text = toml::to_string(file).map_err(|e| Error::Damaged { file: path.display().to_string(), what: e.to_string() })?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    // Who may read the old file may read the new one.
    #[cfg(unix)]
    if let Ok(old) = std::fs::metadata(path) {
        use std::os::unix::fs::MetadataExt;
        // Where owner and group cannot be kept, the new file is readable for its owner alone.
        if std::os::unix::fs::fchown(temporary.as_file(), Some(old.uid()), Some(old.gid())).is_ok() {
            temporary.as_file().set_permissions(old.permissions()).map_err(failed)?;
        }
    }
    temporary.write_all(text.as_bytes()).and_then(|()| temporary.as_file().sync_all()).map_err(failed)?;
    temporary.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_made_checked_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        let day = |text: &str| text.parse::<Date>().unwrap();
        let reader = add(&path, "reader", Role::Read, None).unwrap();
        let admin = add(&path, "admin", Role::Admin, Some(day("2026-12-31"))).unwrap();
        assert!(matches!(add(&path, "reader", Role::Read, None), Err(Error::Exists(_))));
        assert!(matches!(add(&path, "no blanks", Role::Read, None), Err(Error::Name(_))));
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, PermissionsExt};
            let kept = || std::fs::metadata(&path).map(|m| (m.gid(), m.permissions().mode() & 0o777)).unwrap();
            assert_eq!(kept().1, 0o600);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
            let before = kept();
            add(&path, "another", Role::Read, None).unwrap();
            assert_eq!(kept(), before, "whoever may read the file may read it still");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&reader) && !text.contains(&admin), "the file keeps no token");

        let tokens = Tokens::read(&path).unwrap();
        let today = day("2026-11-22");
        assert_eq!(tokens.check(&reader, Role::Read, today).unwrap().name, "reader");
        assert_eq!(tokens.check(&reader, Role::Admin, today).unwrap_err(), Denied::Role);
        assert_eq!(tokens.check(&admin, Role::Review, today).unwrap().name, "admin");
        assert_eq!(tokens.check(&admin, Role::Read, day("2026-12-31")).unwrap().name, "admin");
        assert_eq!(tokens.check(&admin, Role::Read, day("2027-01-01")).unwrap_err(), Denied::Expired);
        assert_eq!(tokens.check("xw_0", Role::Read, today).unwrap_err(), Denied::Unknown);

        remove(&path, "reader").unwrap();
        assert!(matches!(remove(&path, "reader"), Err(Error::Unknown(_))));
        assert_eq!(Tokens::read(&path).unwrap().check(&reader, Role::Read, today).unwrap_err(), Denied::Unknown);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        for bad in
            ["[[token]]", "token = 3", "[[token]]\nname='a'\nrole='king'\nsha256='00'", "[[token]]\nname='a'\nrole='read'\nsha256='zz'"]
        {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(Tokens::read(&path), Err(Error::Damaged { .. })), "{bad}");
        }
    }
}
