//! What a job is: the same values whether they came from flags or from a job file in TOML.

use super::Error;
use crate::engine::{Age, Policy};
use crate::model::Date;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Where the job was read from, and the index that answers: places not to be written to.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    #[serde(skip)]
    pub index: Option<PathBuf>,
    /// Reviewers' decisions, for policy `decision`. Whoever runs the job gives them to the engine; here they are a place not to be written to.
    pub decisions: Option<PathBuf>,
    /// The columns that say whose codes they are. With them repeated records (damaged ones, too), and codes repeated under one key, are
    /// counted and listed.
    pub key: Vec<String>,
    /// Where the report goes: a folder that does not exist yet.
    pub report: Option<PathBuf>,
    /// Where records go that cannot be converted. `None`: into the report, else beside the output.
    pub rejects: Option<PathBuf>,
    /// Thresholds: the job's verdict (exit code 1) fails above these shares, 0 to 1. Where one is given, those that are not are 0.
    pub max_unsettled: Option<f64>,
    pub max_rejected: Option<f64>,
    /// Of codes that were given a target which is no code.
    pub max_invalid_targets: Option<f64>,
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
    /// Removes the output of an earlier run before anything is written, not when this one is complete: there need not be room for both, and
    /// a run that fails leaves none that could be taken for its own.
    pub remove_old: bool,
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
            file: None,
            index: None,
            decisions: None,
            key: Vec::new(),
            report: None,
            rejects: None,
            max_unsettled: None,
            max_rejected: None,
            max_invalid_targets: None,
            seed: 1,
            sample: 5,
            threads: 2,
            block: 1 << 18,
            max_record: 1 << 24,
            sync: false,
            remove_old: false,
            resume: false,
            checkpoint: Duration::from_secs(10),
        }
    }
}

/// A column of codes, or several alike.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CodeColumn {
    /// A column's name, `dx1..dx25`, or `dx*`. For NDJSON a JSON pointer, with `*` for each element of a list.
    pub name: String,
    /// The source system by any of its names; `text` if the column holds words, for which the target system is searched.
    pub from: Option<String>,
    /// Instead: the column that says the system, and what its values mean. Where it is a list as long as that of the codes, parted alike, it
    /// says that of each.
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

    /// The names that `name` lists, separated by commas; each may still mean several columns. A column whose own name has commas or blanks
    /// around it is one. Without a header the names are pointers.
    pub(super) fn names(&self, header: Option<&[String]>) -> Vec<String> {
        let Some(header) = header else { return self.pointers() };
        let parts: Vec<&str> = self.name.split(',').collect();
        let (mut names, mut at) = (Vec::new(), 0);
        while at < parts.len() {
            let longest = (at + 1..=parts.len()).rev().find(|end| header.contains(&parts[at..*end].join(",")));
            let end = longest.unwrap_or(at + 1);
            let name = parts[at..end].join(",");
            names.push(if longest.is_some() { name } else { name.trim().to_owned() });
            at = end;
        }
        names.retain(|n| !n.is_empty());
        names
    }

    /// Where they begin with a slash, only a comma before a slash parts them: any other may stand in a member's name.
    fn pointers(&self) -> Vec<String> {
        let mut pointers: Vec<String> = Vec::new();
        for part in self.name.split(',') {
            match pointers.last_mut().filter(|before| before.starts_with('/') && !part.trim_start().starts_with('/')) {
                Some(before) => *before = format!("{before},{part}"),
                None => pointers.push(part.trim().to_owned()),
            }
        }
        pointers.retain(|p| !p.is_empty());
        pointers
    }
}

/// What becomes of a record with a code that nobody settled. It is counted and listed for review in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsettled {
    /// The target stays blank.
    #[default]
    Blank,
    /// The source code stands in the target column; the outcome is never one of those that are taken.
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
    pub fn code(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, u)| *u == self).map_or("", |(c, _)| c)
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
            "csv" => Some(RecordFormat::Csv),
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
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Day {
        Text(String),
        Toml(toml::value::Datetime),
    }
    let day = Day::deserialize(d).map_err(|_| serde::de::Error::custom("this is not a date like 2026-01-31"))?;
    let text = match day {
        Day::Text(text) => text,
        Day::Toml(day) => day.to_string(),
    };
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
            _ if !super::places::is_put_in_place(&self.output) => std::env::temp_dir(),
            Some(folder) if folder.as_os_str() != "" => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// How records are laid out: as the job says, or as the input is called.
    pub(super) fn records(&self) -> RecordFormat {
        self.format.or_else(|| RecordFormat::of(&self.input)).unwrap_or(RecordFormat::Csv)
    }

    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Unsupported { what: what.to_owned() });
        if self.columns.is_empty() {
            return Err(Error::NoColumns);
        }
        let thresholds = [self.max_unsettled, self.max_rejected, self.max_invalid_targets];
        if thresholds.iter().flatten().any(|share| !(0.0..=1.0).contains(share)) {
            return wrong("thresholds (max-unsettled, max-rejected, max-invalid-targets) are shares, 0 to 1");
        }
        // Text that is called a table, or the other way round, is read by nobody.
        let (written, delimited) = (self.records(), [RecordFormat::Csv, RecordFormat::Tsv]);
        let fits = |named: &RecordFormat| *named == written || (delimited.contains(named) && delimited.contains(&written));
        if let Some(named) = RecordFormat::of(&self.output).filter(|named| !fits(named)) {
            let (written, named) = (written.code(), named.code());
            return wrong(&format!(
                "records go out as they came in, as {written}, and the output is called {named}; call it otherwise, or say what the input is \
                 (--records)"
            ));
        }
        if self.age_unit.as_ref().is_some_and(|unit| Age::parse(&format!("1 {unit}")).is_none()) {
            return wrong("age-unit is years, months, weeks or days");
        }
        if self.quote == Some(Quote::None) && self.delimiter.is_some_and(|d| d.is_ascii_alphanumeric() || ".-_".contains(d)) {
            return wrong("what stands in codes and names cannot part fields that have no quotes; say how they are quoted (quote)");
        }
        for column in &self.columns {
            let wrong = |what: &str| Err(Error::Column { name: column.name.clone(), what: what.to_owned() });
            if [column.score, column.margin].iter().flatten().any(|share| !(0.0..=1.0).contains(share)) {
                return wrong("score and margin are shares, 0 to 1");
            }
            if column.policy == Policy::Text && self.text.is_none() {
                return wrong("policy `text` compares the options with the record's own words; name their column (`text`)");
            }
            if !column.values.is_empty() && column.from_column.is_none() {
                return wrong("`values` says what the values of a column mean; name that column (`from-column`)");
            }
            let values: BTreeSet<&str> = column.values.keys().map(|value| value.trim()).collect();
            if values.len() < column.values.len() {
                return wrong("`values` names a value twice, blanks around it apart");
            }
            if column.is_text() && (column.map.is_some() || column.reverse) {
                return wrong("words are searched for, and no map is asked; leave `map` and `reverse` out");
            }
            if column.is_text() && !matches!(column.policy, Policy::Review | Policy::Decision) {
                return wrong(
                    "words are searched for, and how sure the search must be is said by `score` and `margin`; policy `decision` asks reviewers before",
                );
            }
        }
        Ok(())
    }

    /// Reads a job file. Paths in it count from the folder it lies in.
    pub fn read(path: &Path) -> Result<Job, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let mut job: Job = toml::from_str(&text).map_err(|e| Error::JobFile { file: path.display().to_string(), what: e.to_string() })?;
        job.file = Some(path.to_owned());
        let folder = path.parent().unwrap_or(Path::new(""));
        let place = |p: &mut PathBuf| {
            if p.as_os_str() != "-" {
                *p = folder.join(&*p);
            }
        };
        place(&mut job.input);
        place(&mut job.output);
        job.decisions.iter_mut().for_each(place);
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
    let is_a_column = header.iter().any(|h| h == name);
    if let Some((first, last)) = name.split_once("..").filter(|_| !is_a_column) {
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
    if let Some(stem) = name.strip_suffix('*').filter(|_| !is_a_column) {
        let begins = |fits: &dyn Fn(&str) -> bool| (0..header.len()).filter(|&i| fits(&header[i])).collect::<Vec<usize>>();
        let mut found = begins(&|name| name.starts_with(stem));
        if found.is_empty() {
            // As for whole names, letters in another case will do.
            found = begins(&|name| name.get(..stem.len()).is_some_and(|start| start.eq_ignore_ascii_case(stem)));
        }
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

/// The names are not told: in a file without a header they are the first record.
fn missing(name: &str, header: &[String]) -> Error {
    if name.starts_with('/') || header.first().is_some_and(|first| first.starts_with('{')) {
        let what = String::from("no column is called so; where the records are JSON objects, one a line, say so (--records ndjson)");
        return Error::Column { name: name.escape_debug().to_string(), what };
    }
    Error::MissingColumn { name: name.escape_debug().to_string(), columns: header.len() }
}

/// What a column is called, so that it is found again: by its place where its name is blank or another's too.
pub(super) fn called(at: usize, header: &[String]) -> String {
    let name = &header[at];
    let is_its_own = !name.trim().is_empty() && header.iter().filter(|h| *h == name).count() == 1;
    if is_its_own { name.clone() } else { format!("#{}", at + 1) }
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
        assert_eq!(places("DX*", &h).unwrap(), [1, 2, 3]);
        assert_eq!(places("sex", &h).unwrap(), [4]);
        assert_eq!(places("#6", &h).unwrap(), [5]);
        assert_eq!(places("dx01..dx02", &header("dx01,dx02")).unwrap(), [0, 1]);
        let missing = places("dx1..dx4", &h).unwrap_err().to_string();
        assert!(missing.starts_with("no column `dx4` among the 6 of the file") && !missing.contains("Sex"), "{missing}");
        assert!(places("a", &header("a,a")).unwrap_err().to_string().contains("more than one"));
    }

    #[test]
    fn names_with_commas_in_them() {
        let h: Vec<String> = ["a, b", "a", "c", "x..y", "c,d", " a"].map(str::to_owned).into();
        let names = |name: &str| CodeColumn { name: name.to_owned(), ..CodeColumn::default() }.names(Some(&h));
        assert_eq!(names("a, b"), ["a, b"]);
        assert_eq!(names("a, c"), ["a", "c"]);
        assert_eq!(names("a, b,c"), ["a, b", "c"]);
        assert_eq!(names("c,d,a"), ["c,d", "a"]);
        assert_eq!((names(" a"), names(" c ")), (vec![" a".to_owned()], vec!["c".to_owned()]));
        assert_eq!(places("x..y", &h).unwrap(), [3]);
        let pointers = |name: &str| CodeColumn { name: name.to_owned(), ..CodeColumn::default() }.names(None);
        assert_eq!(pointers("/dx,main, /b"), ["/dx,main", "/b"]);
        assert_eq!(pointers("dx1, dx2"), ["dx1", "dx2"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let good = || Job { columns: vec![CodeColumn::default()], ..Job::default() };
        good().check().unwrap();
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Job { max_unsettled: Some(share), ..good() }.check().is_err(), "{share}");
            assert!(Job { max_rejected: Some(share), ..good() }.check().is_err(), "{share}");
            assert!(Job { columns: vec![CodeColumn { margin: Some(share as f32), ..CodeColumn::default() }], ..good() }.check().is_err());
        }
        assert!(Job { age_unit: Some("decades".into()), ..good() }.check().is_err());
        let text = || vec![CodeColumn { policy: Policy::Text, ..CodeColumn::default() }];
        assert!(Job { columns: text(), ..good() }.check().unwrap_err().to_string().contains("name their column"));
        Job { columns: text(), text: Some("note".into()), ..good() }.check().unwrap();
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
        for day in ["2026-01-01", "'2026-01-01'"] {
            std::fs::write(&path, format!("[[column]]\nname='dx'\ntarget-date={day}\n")).unwrap();
            assert_eq!(Job::read(&path).unwrap().columns[0].target_date, Date::new(2026, 1, 1).ok());
        }
        for day in ["10:00:00", "20", "'x'"] {
            std::fs::write(&path, format!("[[column]]\nname='dx'\ntarget-date={day}\n")).unwrap();
            assert!(Job::read(&path).unwrap_err().to_string().contains("is not a date like 2026-01-31"), "{day}");
        }
        std::fs::write(&path, "inptu='a.csv'\n").unwrap();
        assert!(Job::read(&path).unwrap_err().to_string().contains("inptu"));
    }
}
