//! What a job is: the same values whether they came from flags or from a job file in TOML.

use super::Error;
use crate::engine::Policy;
use crate::model::Date;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A conversion job. [`Job::default`] asks for nothing; the fields say what a user may ask for.
///
/// In TOML every field has its name with `-` for `_`, and the code columns are `[[column]]` tables:
///
/// ```toml
/// input = "claims.csv"
/// output = "claims-icd10.csv"
/// report = "report"
/// date = "service_date"
/// [[column]]
/// name = "dx1..dx25"
/// from = "icd9cm"
/// to = "icd10cm"
/// policy = "unspecified"
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Job {
    /// `-`: standard input.
    pub input: PathBuf,
    /// `-`: standard output.
    pub output: PathBuf,
    /// `None`: by the name's ending (`.tsv`, `.ndjson` ...), else delimited text.
    pub format: Option<RecordFormat>,
    /// Delimited text: between the fields. `None`: detected among comma, tab, semicolon and bar.
    pub delimiter: Option<char>,
    /// Delimited text: around fields. `None`: the quotation mark; for tab-separated text too, if fields begin with it.
    pub quote: Option<Quote>,
    /// Delimited text: whether the first record names the columns. Without, columns are called `#1`, `#2` ...
    pub header: bool,
    /// Any label of the WHATWG Encoding Standard. `None`: detected (byte order mark, UTF-16 by its zeros, UTF-8, else Windows-1252).
    pub encoding: Option<String>,
    /// What to translate.
    #[serde(rename = "column")]
    pub columns: Vec<CodeColumn>,
    /// When the code must have been valid: the column of the date of service.
    pub date: Option<String>,
    pub age: Option<String>,
    /// What a bare number in the age column counts: `years`, `months`, `days`. Without, a bare number is not an age.
    pub age_unit: Option<String>,
    pub sex: Option<String>,
    /// The record's own words.
    pub text: Option<String>,
    /// The columns that say whose codes they are. With them repeated records, and codes repeated under one key, are counted and listed.
    pub key: Vec<String>,
    /// Where the report goes: a folder that does not exist yet.
    pub report: Option<PathBuf>,
    /// Where records go that cannot be converted. `None`: into the report, else beside the output.
    pub rejects: Option<PathBuf>,
    /// Thresholds: the job's verdict (exit code 1) fails above these shares, 0 to 1.
    pub max_unsettled: Option<f64>,
    pub max_rejected: Option<f64>,
    /// Of the sample of records for manual check.
    pub seed: u64,
    /// How many records of each outcome the sample has.
    pub sample: usize,
    /// 1: everything in turn; else a thread reads and another writes.
    pub threads: usize,
    /// Bytes read at a time.
    pub block: usize,
    /// The longest record in bytes; a longer one is taken for a quotation that nobody closed.
    pub max_record: usize,
    /// Waits until the output is on the disk. Without, a kill leaves it whole or absent, but a power failure may not.
    pub sync: bool,
    /// Goes on where a run of the same job was killed.
    #[serde(skip)]
    pub resume: bool,
    /// How often a run notes where it stands, for [`Job::resume`].
    #[serde(skip)]
    pub checkpoint: Duration,
}

impl Default for Job {
    fn default() -> Self {
        Job {
            input: PathBuf::from("-"),
            output: PathBuf::from("-"),
            format: None,
            delimiter: None,
            quote: None,
            header: true,
            encoding: None,
            columns: Vec::new(),
            date: None,
            age: None,
            age_unit: None,
            sex: None,
            text: None,
            key: Vec::new(),
            report: None,
            rejects: None,
            max_unsettled: None,
            max_rejected: None,
            seed: 1,
            sample: 5,
            threads: 2,
            block: 1 << 17,
            max_record: 1 << 24,
            sync: false,
            resume: false,
            checkpoint: Duration::from_secs(10),
        }
    }
}

/// A column of codes, or several alike.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CodeColumn {
    /// A column's name, `dx1..dx25`, or `dx*`. For NDJSON a JSON pointer.
    pub name: String,
    /// The source system by any of its names; `text` if the column holds words, for which the target system is searched.
    pub from: Option<String>,
    /// Instead: the column that says the system, and what its values mean.
    pub from_column: Option<String>,
    pub values: BTreeMap<String, String>,
    pub to: String,
    pub map: Option<String>,
    pub reverse: bool,
    #[serde(deserialize_with = "date")]
    pub target_date: Option<Date>,
    #[serde(deserialize_with = "policy")]
    pub policy: Policy,
    /// By how much the best option must lead, 0 to 1.
    pub margin: Option<f32>,
    /// Where the column holds words: how sure the search has to be, 0 to 1.
    pub score: Option<f32>,
    /// Only exact answers are taken.
    pub strict: bool,
    pub unsettled: Unsettled,
    /// What stands between several codes in one cell.
    pub split: Option<String>,
}

impl CodeColumn {
    /// Whether the column holds words instead of codes.
    pub fn is_text(&self) -> bool {
        self.from.as_deref() == Some("text")
    }

    /// The names that `name` lists, separated by commas; each may still mean several columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.name.split(',').map(str::trim).filter(|n| !n.is_empty())
    }
}

/// What becomes of a record with a code that nobody settled. It is counted and listed for review in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsettled {
    /// The target stays blank.
    #[default]
    Blank,
    /// The source code stands in the target column; the outcome says what it is.
    Source,
    /// The record goes to the rejects.
    Reject,
}

impl Unsettled {
    pub const ALL: [(&'static str, Unsettled); 3] =
        [("blank", Unsettled::Blank), ("source", Unsettled::Source), ("reject", Unsettled::Reject)];
    pub fn from_code(code: &str) -> Option<Unsettled> {
        Self::ALL.into_iter().find(|(c, _)| *c == code).map(|(_, u)| u)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordFormat {
    /// Delimited text with any delimiter.
    Csv,
    Tsv,
    /// One JSON object a line.
    Ndjson,
    Parquet,
    /// Arrow IPC, the file format.
    Arrow,
}

impl RecordFormat {
    pub const ALL: [(&'static str, RecordFormat); 5] = [
        ("csv", RecordFormat::Csv),
        ("tsv", RecordFormat::Tsv),
        ("ndjson", RecordFormat::Ndjson),
        ("parquet", RecordFormat::Parquet),
        ("arrow", RecordFormat::Arrow),
    ];
    pub fn from_code(code: &str) -> Option<RecordFormat> {
        Self::ALL.into_iter().find(|(c, _)| *c == code).map(|(_, f)| f)
    }
    pub fn code(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, f)| *f == self).map_or("", |(c, _)| c)
    }

    /// By the ending of a name, compression apart.
    pub fn of(path: &Path) -> Option<RecordFormat> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = [".gz", ".zst"].iter().find_map(|z| name.strip_suffix(z)).unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "tsv" | "tab" => Some(RecordFormat::Tsv),
            "ndjson" | "jsonl" => Some(RecordFormat::Ndjson),
            "parquet" | "pq" => Some(RecordFormat::Parquet),
            "arrow" | "feather" | "ipc" => Some(RecordFormat::Arrow),
            "csv" | "txt" => Some(RecordFormat::Csv),
            _ => None,
        }
    }
}

/// How fields of delimited text are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Quotes are characters like any other (RF2, Athena).
    None,
    Char(u8),
}

impl<'de> Deserialize<'de> for Quote {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Quote, D::Error> {
        Quote::parse(&String::deserialize(d)?).ok_or_else(|| serde::de::Error::custom("quote is one ASCII character, or `none`"))
    }
}

impl Quote {
    pub fn parse(text: &str) -> Option<Quote> {
        match text.as_bytes() {
            b"none" | b"" => Some(Quote::None),
            [q] if q.is_ascii() => Some(Quote::Char(*q)),
            _ => None,
        }
    }
}

fn date<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Date>, D::Error> {
    let text = String::deserialize(d)?;
    text.parse().map(Some).map_err(|_| serde::de::Error::custom(format!("`{text}` is not a date like 2026-01-31")))
}

fn policy<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Policy, D::Error> {
    let text = String::deserialize(d)?;
    Policy::from_code(&text).ok_or_else(|| {
        let known: Vec<_> = Policy::ALL.iter().map(|p| p.code()).collect();
        serde::de::Error::custom(format!("no policy `{text}`; there are {}", known.join(", ")))
    })
}

impl Job {
    /// Where files may lie while the job runs: beside the output.
    pub(super) fn folder(&self) -> PathBuf {
        match self.output.parent() {
            Some(folder) if folder.as_os_str() != "" => folder.to_owned(),
            _ if self.output.as_os_str() == "-" => std::env::temp_dir(),
            _ => PathBuf::from("."),
        }
    }

    /// Reads a job file. Paths in it count from the folder it lies in.
    pub fn read(path: &Path) -> Result<Job, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let mut job: Job = toml::from_str(&text).map_err(|e| Error::JobFile { file: path.display().to_string(), what: e.to_string() })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let place = |p: &mut PathBuf| {
            if p.as_os_str() != "-" {
                *p = folder.join(&*p);
            }
        };
        place(&mut job.input);
        place(&mut job.output);
        job.report.iter_mut().for_each(place);
        job.rejects.iter_mut().for_each(place);
        Ok(job)
    }
}

/// The columns that a name means, as places in the header.
///
/// # Errors
/// A column that is not there, or a name that fits more than one.
pub(super) fn places(name: &str, header: &[String]) -> Result<Vec<usize>, Error> {
    if let Some((first, last)) = name.split_once("..") {
        let split = |s: &str| {
            let digits = s.len() - s.bytes().rev().take_while(u8::is_ascii_digit).count();
            s[digits..].parse::<u32>().ok().map(|n| (s[..digits].to_owned(), n, s.len() - digits))
        };
        if let (Some((stem, from, width)), Some((end_stem, to, _))) = (split(first), split(last))
            && (end_stem == stem || end_stem.is_empty())
            && from <= to
        {
            return (from..=to).map(|n| place(&format!("{stem}{n:0width$}"), header)).collect();
        }
    }
    if let Some(stem) = name.strip_suffix('*').filter(|_| !header.iter().any(|h| h == name)) {
        let found: Vec<usize> = (0..header.len()).filter(|&i| header[i].starts_with(stem)).collect();
        return if found.is_empty() { Err(missing(name, header)) } else { Ok(found) };
    }
    Ok(vec![place(name, header)?])
}

/// The column of this name; letters in another case or blanks around it will do if only one column fits.
pub(super) fn place(name: &str, header: &[String]) -> Result<usize, Error> {
    let only = |fits: &dyn Fn(&String) -> bool| {
        let mut found = header.iter().enumerate().filter(|(_, h)| fits(h)).map(|(i, _)| i);
        (found.next(), found.next())
    };
    match only(&|h| h == name) {
        (Some(at), None) => return Ok(at),
        (Some(_), Some(_)) => return Err(Error::AmbiguousColumn { name: name.to_owned() }),
        _ => {}
    }
    if let Some(at) = name.strip_prefix('#').and_then(|n| n.parse::<usize>().ok()).filter(|n| (1..=header.len()).contains(n)) {
        return Ok(at - 1);
    }
    match only(&|h| h.trim().eq_ignore_ascii_case(name.trim())) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(Error::AmbiguousColumn { name: name.to_owned() }),
        _ => Err(missing(name, header)),
    }
}

fn missing(name: &str, header: &[String]) -> Error {
    let known = match header.len() {
        0..=60 => header.join(", "),
        n => format!("{}, ... ({n} in all)", header[..60].join(", ")),
    };
    Error::MissingColumn { name: name.to_owned(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn names_of_columns() {
        let h = header("id,dx1,dx2,dx3,Sex ,px1");
        assert_eq!(places("dx1..dx3", &h).unwrap(), [1, 2, 3]);
        assert_eq!(places("dx2..3", &h).unwrap(), [2, 3]);
        assert_eq!(places("dx*", &h).unwrap(), [1, 2, 3]);
        assert_eq!(places("sex", &h).unwrap(), [4]);
        assert_eq!(places("#6", &h).unwrap(), [5]);
        assert_eq!(places("dx01..dx02", &header("dx01,dx02")).unwrap(), [0, 1]);
        assert_eq!(places("dx1..dx4", &h).unwrap_err().to_string(), "no column `dx4`; there are id, dx1, dx2, dx3, Sex , px1");
        assert!(places("a", &header("a,a")).unwrap_err().to_string().contains("more than one"));
    }

    #[test]
    fn a_job_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("job.toml");
        std::fs::write(&path, "input='a.csv'\noutput='-'\n[[column]]\nname='dx'\nfrom='icd9cm'\nto='icd10cm'\npolicy='first'\n").unwrap();
        let job = Job::read(&path).unwrap();
        assert_eq!((job.input, job.output), (dir.path().join("a.csv"), PathBuf::from("-")));
        assert_eq!((job.columns[0].policy, job.columns[0].unsettled), (Policy::First, Unsettled::Blank));
        std::fs::write(&path, "[[column]]\nname='dx'\npolicy='guess'\n").unwrap();
        let message = Job::read(&path).unwrap_err().to_string();
        assert!(message.contains("no policy `guess`; there are review, text, unspecified, first, decision"), "{message}");
        std::fs::write(&path, "inptu='a.csv'\n").unwrap();
        assert!(Job::read(&path).unwrap_err().to_string().contains("inptu"));
    }
}
