//! The manifests: which releases there are, where each is published, what its bytes hash to, when its statements hold.
//!
//! Two embedded manifests (`vocab/manifest.toml` for code systems, `crosswalks/manifest.toml` for maps) share one schema, and a user's own
//! folders have manifests of the same kind. Every field is explained in `vocab/README.md`.
//!
//! A manifest is either good as a whole or an [`Error::Manifest`] that names the file and the line. A release that cannot be used is
//! never skipped in silence: what the index holds must be what the manifest says.
//!
//! Not here: whether a file is at hand ([`super::select`]) and what its bytes say (`read`).

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::Error;
use crate::model::{Date, MapKind};
use crate::read::Format;
use crate::read::rf2;
use crate::read::table::Layout;

/// One manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// In the order of the file.
    pub releases: Vec<Release>,
}

/// One file of one release of a code system or of a map.
///
/// Files of the same system (or map) and version are one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Unique; what `xwalk fetch` takes.
    pub id: String,
    pub subject: Subject,
    /// May be empty where the file says it itself.
    pub version: String,
    /// Which reader; [`Format::Document`] is kept for people and never read.
    pub format: Format,
    /// The file beside the manifest (or embedded), where there is one.
    pub file: Option<String>,
    /// How the wanted member's path ends, where the file is an archive.
    pub member: Option<String>,
    /// Official address.
    pub url: Option<String>,
    /// Page that links to a file whose own address changes.
    pub page: Option<String>,
    /// Path in a mirror, and under the user's folder of fetched releases.
    pub mirror: Option<String>,
    /// Of `file`, as stored; lower-case hexadecimal, as are the other two.
    pub sha256: Option<String>,
    /// Of `file`, unpacked.
    pub content_sha256: Option<String>,
    /// Of what `url` or the mirror gives.
    pub fetch_sha256: Option<String>,
    /// First day on which the release's statements hold.
    pub from: Option<Date>,
    /// Last such day; `None`: until the next release of the same system.
    pub to: Option<Date>,
    /// What to call a system or map that is not well known.
    pub title: Option<String>,
    /// Canonical URI of a system, URL of a map, where it is not well known.
    pub uri: Option<String>,
    pub license: Option<String>,
    /// Where the bytes came from and what they were compared with.
    pub source_note: Option<String>,
    /// Format `table`: the columns and dialect of the file.
    pub table: Option<Layout>,
    /// Format `rf2`: language refsets, and the systems that map refsets lead to.
    pub rf2: Option<rf2::Options>,
}

/// What a release is a release of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A code system, by alias.
    System(String),
    /// A map, by id, from one system to another.
    Map { id: String, source: String, target: String, kind: MapKind },
    /// What the file itself says (RF2, OMOP, FHIR, SSSOM): an entry that names neither a system nor a map.
    Itself,
}

impl Release {
    /// The system's alias or the map's id; of a file that speaks for itself, the entry's id.
    pub fn name(&self) -> &str {
        match &self.subject {
            Subject::System(name) | Subject::Map { id: name, .. } => name,
            Subject::Itself => &self.id,
        }
    }

    /// Where a fetched file is kept, relative to a mirror or to the user's folder of releases.
    ///
    /// A release with an address but no place in a mirror is kept under the address itself, without the scheme.
    pub fn place(&self) -> Option<&str> {
        let address = || self.url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
        self.fetch_sha256.as_ref().and(self.mirror.as_deref().or_else(address))
    }

    /// Whether `xwalk fetch` can be asked for it.
    pub fn fetchable(&self) -> bool {
        self.place().is_some()
    }
}

/// A release as it is written; [`check`] makes the real one of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Spanned<String>,
    system: Option<String>,
    map: Option<String>,
    source: Option<String>,
    target: Option<String>,
    kind: Option<Spanned<String>>,
    version: Option<String>,
    format: Spanned<String>,
    file: Option<Spanned<String>>,
    member: Option<String>,
    url: Option<Spanned<String>>,
    page: Option<String>,
    mirror: Option<Spanned<String>>,
    sha256: Option<Spanned<String>>,
    content_sha256: Option<Spanned<String>>,
    fetch_sha256: Option<Spanned<String>>,
    from: Option<Spanned<String>>,
    to: Option<Spanned<String>>,
    title: Option<String>,
    uri: Option<String>,
    license: Option<String>,
    source_note: Option<String>,
    table: Option<Layout>,
    rf2: Option<rf2::Options>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenManifest {
    #[serde(default)]
    release: Vec<Written>,
}

impl Manifest {
    /// Reads a manifest; `name` is what errors call it.
    pub fn parse(name: &str, text: &str) -> Result<Manifest, Error> {
        let error = |offset: Option<usize>, what: String| Error::Manifest {
            file: name.to_owned(),
            line: offset.map_or(0, |at| 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count()),
            what,
        };
        let written: WrittenManifest =
            toml::from_str(text).map_err(|e| error(e.span().map(|s| s.start), e.message().trim_end().to_owned()))?;
        let mut seen = HashMap::new();
        let mut releases = Vec::with_capacity(written.release.len());
        for entry in written.release {
            let at = entry.id.span().start;
            let id = entry.id.get_ref().clone();
            if let Some(first) = seen.insert(id.clone(), at) {
                let first = 1 + text.as_bytes()[..first].iter().filter(|b| **b == b'\n').count();
                return Err(error(Some(at), format!("id {id:?} is taken by the entry on line {first}; every file needs an id of its own")));
            }
            releases.push(check(entry).map_err(|(offset, what)| error(Some(offset.unwrap_or(at)), format!("{id}: {what}")))?);
        }
        Ok(Manifest { releases })
    }

    /// Reads `manifest.toml` in a folder.
    pub fn read(folder: &Path) -> Result<Manifest, Error> {
        let path = folder.join("manifest.toml");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        Manifest::parse(&path.display().to_string(), &text)
    }
}

type Complaint = (Option<usize>, String);

/// What the schema alone cannot say. A complaint carries the offset of the value it is about.
fn check(w: Written) -> Result<Release, Complaint> {
    let here = |what: &str| (None, what.to_owned());
    if w.id.get_ref().is_empty() || w.id.get_ref().contains(|c: char| c.is_whitespace() || c == '/') {
        return Err(here("an id is a word without blanks and slashes"));
    }
    let Some(format) = Format::from_name(w.format.get_ref()) else {
        let names: Vec<_> = Format::names().collect();
        return Err((Some(w.format.span().start), format!("format {:?} is none of {}", w.format.get_ref(), names.join(", "))));
    };
    let subject = match (w.system, w.map) {
        (Some(system), None) if w.source.is_none() && w.target.is_none() && w.kind.is_none() => Subject::System(system),
        (Some(_), None) => return Err(here("source, target and kind belong to a map; this is a system")),
        (None, Some(id)) => {
            let (Some(source), Some(target), Some(kind)) = (w.source, w.target, w.kind) else {
                return Err(here("a map needs source, target and kind"));
            };
            let Some(known) = MapKind::from_code(kind.get_ref()) else {
                let kinds: Vec<_> = MapKind::ALL.iter().map(|k| k.code()).collect();
                return Err((Some(kind.span().start), format!("kind {:?} is none of {}", kind.get_ref(), kinds.join(", "))));
            };
            Subject::Map { id, source, target, kind: known }
        }
        (None, None) if w.source.is_none() && w.target.is_none() && w.kind.is_none() => Subject::Itself,
        (None, None) => return Err(here("source, target and kind belong to a map, but there is no map")),
        (Some(_), Some(_)) => return Err(here("give either system or map")),
    };
    let version = w.version.unwrap_or_default();
    if version.is_empty() && subject != Subject::Itself {
        return Err(here("a system or a map needs a version"));
    }

    if (format == Format::Table) != w.table.is_some() || (w.table.is_some() && !matches!(subject, Subject::Map { .. })) {
        return Err(here("format \"table\" is of a map, and needs a [release.table] with its columns; nothing else has one"));
    }
    if w.rf2.is_some() && format != Format::Rf2 {
        return Err(here("[release.rf2] is for format \"rf2\""));
    }
    if let Some(complaint) = w.table.iter().flat_map(Layout::complaints).next() {
        return Err((None, format!("[release.table]: {complaint}")));
    }
    let fetched = w.url.is_some() || w.mirror.is_some();
    if w.file.is_none() && !fetched {
        return Err(here("neither file nor url nor mirror: there is nothing to read"));
    }
    if fetched != w.fetch_sha256.is_some() {
        return Err(here("url or mirror need fetch_sha256, and the other way round"));
    }
    if w.file.is_none() && (w.sha256.is_some() || w.content_sha256.is_some()) {
        return Err(here("sha256 and content_sha256 are of file, which is missing"));
    }
    for path in [&w.file, &w.mirror].into_iter().flatten() {
        let parts = path.get_ref().split(['/', '\\']);
        if path.get_ref().starts_with('/') || parts.clone().any(|p| matches!(p, "" | "." | "..") || p.contains(':')) {
            // A manifest from elsewhere must not make xwalk read or write outside its folders.
            return Err((Some(path.span().start), format!("{:?} is not a path below the folder", path.get_ref())));
        }
    }
    if let Some(url) = &w.url {
        let rest = ["https://", "http://"].iter().find_map(|scheme| url.get_ref().strip_prefix(scheme));
        if rest.is_none_or(|rest| rest.is_empty() || rest.split('/').any(|p| p == "..")) {
            return Err((Some(url.span().start), format!("{:?} is not an http or https address", url.get_ref())));
        }
    }
    let hash = |field: Option<Spanned<String>>| match field {
        Some(h) if h.get_ref().len() != 64 || !h.get_ref().bytes().all(|b| b.is_ascii_hexdigit()) => {
            Err((Some(h.span().start), format!("{:?} is not a sha256 (64 hexadecimal digits)", h.get_ref())))
        }
        other => Ok(other.map(|h| h.into_inner().to_ascii_lowercase())),
    };
    let date = |field: Option<Spanned<String>>| match field {
        None => Ok(None),
        Some(d) => match d.get_ref().parse::<Date>() {
            // The parser of dates takes more than this one form (20241001); a manifest has one.
            Ok(date) if date.to_string() == *d.get_ref() => Ok(Some(date)),
            _ => Err((Some(d.span().start), format!("{:?} is not a date (YYYY-MM-DD)", d.get_ref()))),
        },
    };
    let to_at = w.to.as_ref().map(|to| to.span().start);
    let (from, to) = (date(w.from)?, date(w.to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err((to_at, format!("ends on {to}, before it begins on {from}")));
    }
    Ok(Release {
        id: w.id.into_inner(),
        subject,
        version,
        format,
        file: w.file.map(Spanned::into_inner),
        member: w.member,
        url: w.url.map(Spanned::into_inner),
        page: w.page,
        mirror: w.mirror.map(Spanned::into_inner),
        sha256: hash(w.sha256)?,
        content_sha256: hash(w.content_sha256)?,
        fetch_sha256: hash(w.fetch_sha256)?,
        from,
        to,
        title: w.title,
        uri: w.uri,
        license: w.license,
        source_note: w.source_note,
        table: w.table,
        rf2: w.rf2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[release]]
id = "a-1"
system = "a"
version = "1"
format = "icd10-order"
file = "a.txt"
from = "2024-10-01"
"#;

    fn error(text: &str) -> String {
        Manifest::parse("m.toml", text).expect_err(text).to_string()
    }

    #[test]
    fn good_entry() {
        let manifest = Manifest::parse("m.toml", GOOD).expect("good");
        let release = &manifest.releases[0];
        assert_eq!(release.subject, Subject::System("a".into()));
        assert_eq!(release.from, Some(jiff::civil::date(2024, 10, 1)));
        assert!(!release.fetchable());
        let itself = Manifest::parse("m.toml", "[[release]]\nid = \"own\"\nformat = \"fhir\"\nfile = \"own.json\"\n").expect("good");
        assert_eq!((&itself.releases[0].subject, itself.releases[0].name()), (&Subject::Itself, "own"));
        assert_eq!(Manifest::parse("m.toml", "# nothing yet\n").expect("empty"), Manifest::default());
    }

    /// What the documentation shows is an entry.
    #[test]
    fn the_documented_table_is_read() {
        let readme = include_str!("../../vocab/README.md");
        let (_, section) = readme.split_once("### A table of mappings").expect("the section");
        let example = section.split("```").nth(1).and_then(|block| block.strip_prefix("toml\n")).expect("an example");
        let manifest = Manifest::parse("m.toml", example).expect("good");
        let layout = manifest.releases[0].table.as_ref().expect("a layout");
        assert_eq!((manifest.releases[0].format, layout.columns.len()), (Format::Table, 4));
    }

    #[test]
    fn errors_name_file_and_line() {
        for (from, to, expect) in [
            ("version = \"1\"", "version = 1", "m.toml:5: "),
            ("version = \"1\"\n", "", "m.toml:3: a-1: a system or a map needs a version"),
            ("format = \"icd10-order\"\n", "", "missing field `format`"),
            ("version = \"1\"", "version = \"\"", "m.toml:3: a-1: a system or a map needs a version"),
            ("file = \"a.txt\"", "fiel = \"a.txt\"", "m.toml:7: unknown field `fiel`"),
            ("file = \"a.txt\"", "file = \"../a.txt\"", "m.toml:7: a-1: \"../a.txt\" is not a path below"),
            ("file = \"a.txt\"", "file = \"/etc/a.txt\"", "m.toml:7: "),
            ("file = \"a.txt\"", "file = 'c:\\a.txt'", "m.toml:7: "),
            ("file = \"a.txt\"\n", "", "m.toml:3: a-1: neither file nor url"),
            ("file = \"a.txt\"", "url = \"https://x/a\"", "url or mirror need fetch_sha256"),
            ("file = \"a.txt\"", "url = \"ftp://x/a\"\nfetch_sha256 = \"0\"", "m.toml:7: a-1: \"ftp://x/a\" is not an http"),
            ("file = \"a.txt\"", "file = \"a.txt\"\nsha256 = \"abc\"", "m.toml:8: a-1: \"abc\" is not a sha256"),
            ("2024-10-01", "2024-13-01", "m.toml:8: a-1: \"2024-13-01\" is not a date"),
            ("2024-10-01", "20241001", "m.toml:8: "),
            ("from = \"2024-10-01\"", "from = \"2024-10-01\"\nto = \"2024-09-30\"", "m.toml:9: a-1: ends on 2024-09-30, before"),
            ("system = \"a\"", "map = \"a\"", "a map needs source, target and kind"),
            ("system = \"a\"", "system = \"a\"\nkind = \"gem\"", "belong to a map"),
            ("system = \"a\"", "system = \"a\"\nmap = \"b\"", "give either system or map"),
            ("system = \"a\"", "kind = \"gem\"", "there is no map"),
            ("system = \"a\"", "map = \"a\"\nsource = \"x\"\ntarget = \"y\"\nkind = \"gme\"", "m.toml:7: a-1: kind \"gme\" is none of gem"),
            ("id = \"a-1\"", "id = \"a 1\"", "m.toml:3: "),
            ("icd10-order", "icd10-oder", "m.toml:6: a-1: format \"icd10-oder\" is none of icd10-order, "),
            ("[[release]]", "[[release]", "m.toml:2: "),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let message = error(&GOOD.replace(from, to));
            assert!(message.contains(expect) && message.starts_with("m.toml:"), "{to}: {message}");
        }
        let twice = error(&format!("{GOOD}{GOOD}"));
        assert!(twice.contains("m.toml:11: ") && twice.contains("line 3"), "{twice}");
    }
}
