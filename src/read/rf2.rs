//! SNOMED CT releases: RF2, of each package the Snapshot or else Full, an edition and its extensions together.
//!
//! SNOMED CT *Release File Specification*, chapters 4 (components) and 5 (reference sets). Read are concepts, descriptions with the
//! language refsets' preferences, text definitions, inferred is-a relationships, simple, extended and complex maps, and the historical
//! associations. Tab-separated, UTF-8, no quoting: a quote is a character. Columns are found by their names.
//!
//! # Which row counts
//! Components are versioned by `effectiveTime`, and one component may stand in several packages (the International Edition inside a
//! national one) or, in a Full release, many times in one file: **the newest row of each id counts**, whatever order they come in.
//! Where there is more than one candidate file, or a Full one, the files of one kind are therefore read twice: first id and
//! time alone, then the rows. In between stand 16 bytes per id (id or member UUID folded to 64 bits, time), in a table that is at most half
//! empty and emptied again by the second reading: 140 MB for the four million relationships of a Full release, and only for the
//! kind being read. The fold of a UUID's two halves keeps at least 61 random bits: among four million members the odds that any two
//! meet are one in 300,000. A single Snapshot is read once, without that table. The rest that is held is one entry per concept and per
//! description with a preference.
//!
//! Of concepts every row counts (16 bytes each are held): they are its history. A Full release tells each time in which a concept was
//! active or inactive; a Snapshot the last change, so that a concept retired on a day was active until the day before, and one that is
//! active counts as active always. Every other inactive row says that something is no more, and is not told. Apart from these times both
//! forms of one release say the same, and give the same index but for where each row stands: its origin is a line, and the files and their
//! hashes are the release's identity, so the bytes of the two indexes cannot be equal. The order of rows means nothing in RF2 and does not
//! show: rows of one source go by group, priority and target.
//!
//! Deliberately not here: following history or evaluating rules (`engine`), and finding is-a cycles (`compile`).

mod files;
mod maps;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};
use std::path::Path;

use hashbrown::HashMap;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use self::files::{FileName, Kind, file_name};
use self::maps::Maps;
use self::terms::{Preferences, Terms};
use super::source::visit_path;
use super::tabular::{Findings, Row, rows};
use super::{ConceptRow, Finding, Severity, Sink, SystemHandle, SystemRelease};
use crate::model::system::verhoeff;
use crate::model::{Date, Status};

pub use self::files::Form;

/// Concepts that the format itself is written in (Release File Specification, "RF2 metadata").
pub mod ids {
    pub const IS_A: &str = "116680003";
    pub const FULLY_SPECIFIED_NAME: &str = "900000000000003001";
    pub const SYNONYM: &str = "900000000000013009";
    pub const DEFINITION: &str = "900000000000550004";
    pub const PREFERRED: &str = "900000000000548007";
    pub const ACCEPTABLE: &str = "900000000000549004";
    pub const LANGUAGE_US: u64 = 900000000000509007;
    pub const LANGUAGE_GB: u64 = 900000000000508004;
    pub const SAME_AS: u64 = 900000000000527005;
    pub const REPLACED_BY: u64 = 900000000000526001;
    pub const POSSIBLY_EQUIVALENT_TO: u64 = 900000000000523009;
    pub const ALTERNATIVE: u64 = 900000000000530003;
    pub const MAP_ICD10: u64 = 447562003;
    pub const MAP_ICD10CM: u64 = 6011000124106;
}

/// What a release does not say of itself; a manifest does, under the entry:
///
/// ```toml
/// [release.rf2]
/// languages = [999000691000001104]         # language refsets, the decisive one first
/// map_targets = { 999002271000000101 = "icd10" }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What the manifest calls the edition, if it says so; else it is named after the newest file. One edition has one version.
    #[serde(skip)]
    pub versions: BTreeSet<String>,
    /// Which form to read; by default Snapshot of each package that has one, else Full.
    #[serde(skip)]
    pub form: Option<Form>,
    /// Language refsets, the decisive one first; by default US English, then GB English, then the others by id.
    pub languages: Vec<u64>,
    /// The target system (alias) of map refsets that are not known by themselves.
    #[serde(deserialize_with = "by_number")]
    pub map_targets: BTreeMap<u64, String>,
}

/// The keys of a TOML table are texts.
fn by_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u64, String>, D::Error> {
    let written = BTreeMap::<String, String>::deserialize(deserializer)?;
    let number = |id: String| id.parse().map_err(|_| D::Error::custom(format!("{id:?} is not the id of a refset")));
    written.into_iter().map(|(id, alias)| Ok((number(id)?, alias))).collect()
}

impl Options {
    /// These, and after them those of another package of the same edition.
    pub fn and(mut self, other: Options) -> Options {
        self.versions.extend(other.versions);
        self.form = self.form.or(other.form);
        self.languages.extend(other.languages);
        for (refset, target) in other.map_targets {
            self.map_targets.entry(refset).or_insert(target);
        }
        self
    }

    fn language_order(&self) -> Vec<u64> {
        let mut order = self.languages.clone();
        order.extend([ids::LANGUAGE_US, ids::LANGUAGE_GB].into_iter().filter(|id| !self.languages.contains(id)));
        order
    }
}

type Wanted<'a> = &'a dyn Fn(&str) -> bool;
type Visit<'a> = &'a mut dyn FnMut(&str, &mut dyn BufRead) -> io::Result<()>;

/// Reads one file, with the table of newest rows where there is one.
type ReadFile<'a> = &'a mut dyn FnMut(&mut dyn BufRead, &mut Option<Newest>, &mut Findings<'_>) -> io::Result<()>;

/// Reads a release from folders and archives that belong together.
pub fn read(paths: &[&Path], options: &Options, sink: &mut dyn Sink) -> io::Result<()> {
    read_from(&|wanted, visit| paths.iter().try_for_each(|path| visit_path(path, wanted, visit)), options, sink)
}

fn read_from(packages: &dyn Fn(Wanted<'_>, Visit<'_>) -> io::Result<()>, options: &Options, sink: &mut dyn Sink) -> io::Result<()> {
    let release = Release::find(packages, options, sink)?;
    let system = sink.system(&SystemRelease {
        system: "snomed".into(),
        uri: "http://snomed.info/sct".into(),
        title: "SNOMED CT".into(),
        version: release.version.clone(),
        from: None,
        to: None,
    });
    let concepts = release.concepts(system, sink)?;

    let mut preferences = Preferences::default();
    release.each(Kind::Language, &|_| true, sink, &mut |input, newest, findings| preferences.read(input, newest, findings))?;
    let order = options.language_order();
    let mut terms = Terms::new(system, preferences, &order);
    for kind in [Kind::Description, Kind::TextDefinition] {
        release.each(kind, &|_| true, sink, &mut |input, newest, findings| terms.read(input, &concepts, newest, findings))?;
    }
    terms.finish(sink);

    release.is_a(system, &concepts, sink)?;

    let mut maps = Maps::new(&release.version, options, &concepts);
    release.each(Kind::Association, &|_| true, sink, &mut |input, newest, findings| maps.read_history(input, newest, findings))?;
    release.each(Kind::Map, &|_| true, sink, &mut |input, newest, findings| maps.read_maps(input, newest, findings))?;
    Ok(())
}

/// The files that count, and their bytes.
struct Release<'a> {
    packages: &'a dyn Fn(Wanted<'_>, Visit<'_>) -> io::Result<()>,
    files: BTreeMap<String, FileName>,
    version: String,
}

impl<'a> Release<'a> {
    fn find(
        packages: &'a dyn Fn(Wanted<'_>, Visit<'_>) -> io::Result<()>,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> io::Result<Release<'a>> {
        let names = std::cell::RefCell::new(BTreeMap::new());
        let list = |name: &str| {
            if let Some(file) = file_name(name) {
                names.borrow_mut().insert(name.to_owned(), file);
            }
            false
        };
        packages(&list, &mut |_, _| Ok(()))?;
        let mut files = names.into_inner();
        // An extension of which there is only the Full form counts beside the Snapshot of an edition.
        let mut forms: BTreeMap<String, Form> = BTreeMap::new();
        for file in files.values() {
            if let Some(form) = file.form {
                let best = forms.entry(file.package.clone()).or_insert(form);
                *best = form.min(*best);
            }
        }
        files.retain(|_, file| file.form.is_some() && file.form == options.form.or(forms.get(&file.package).copied()));
        let newest = files.values().map(|f| f.date.clone()).max().unwrap_or_default();
        let said = options.versions.first().filter(|_| options.versions.len() == 1);
        let release = Release { packages, files, version: said.cloned().unwrap_or(newest) };
        release.say_what_is_missing(sink);
        release.say_what_is_there_twice(sink);
        Ok(release)
    }

    fn say_what_is_missing(&self, sink: &mut dyn Sink) {
        let mut say = |severity, what: String, mend: &str| {
            sink.finding(Finding { file: "RF2 release".into(), line: 0, column: 0, severity, what, mend: mend.into() });
        };
        if self.files.is_empty() {
            let mend = "give the folder or zip of a Snapshot or Full release; a Delta alone says nothing";
            return say(Severity::Error, "no Snapshot or Full files are here".into(), mend);
        }
        for (kind, without) in [
            (Kind::Concept, "which codes exist and which are retired is unknown"),
            (Kind::Description, "no code has a term"),
            (Kind::Relationship, "there is no hierarchy"),
            (Kind::Language, "no term is known to be the preferred one"),
        ] {
            if !self.files.values().any(|f| f.kind == kind) {
                say(
                    Severity::Warning,
                    format!("the release has no {} file: {without}", kind.pattern()),
                    "add the file, or the edition that has it",
                );
            }
        }
        for (kind, without) in [(Kind::Association, "retired codes have no successors"), (Kind::Map, "nothing is mapped")] {
            if !self.files.values().any(|f| f.kind == kind) {
                say(Severity::Note, format!("the release has no {} file: {without}", kind.pattern()), "add the file, if there is one");
            }
        }
    }

    /// Two releases of one package are one to this reader: what the newer one dropped comes back.
    fn say_what_is_there_twice(&self, sink: &mut dyn Sink) {
        let mut dates: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for file in self.files.values().filter(|file| !file.package.is_empty()) {
            dates.entry(&file.package).or_default().insert(&file.date);
        }
        for (package, dates) in dates.into_iter().filter(|(_, dates)| dates.len() > 1) {
            let dates = dates.into_iter().collect::<Vec<_>>().join(", ");
            let what = format!("the package {} is here in several releases: {dates}", package.to_ascii_uppercase());
            let mend = "read as one, of every component the newest row; give one release of each package".to_owned();
            sink.finding(Finding { file: "RF2 release".into(), line: 0, column: 0, severity: Severity::Warning, what, mend });
        }
    }

    /// Reads all files of a kind, with the table of newest rows if they need one. `counts` may leave rows out of that table by their line.
    fn each(&self, kind: Kind, counts: &dyn Fn(&[u8]) -> bool, sink: &mut dyn Sink, read: ReadFile<'_>) -> io::Result<()> {
        let of_kind: Vec<(&String, &FileName)> = self.files.iter().filter(|(_, f)| f.kind == kind).collect();
        let wanted = |name: &str| of_kind.iter().any(|(n, _)| *n == name);
        let mut newest = None;
        if of_kind.len() > 1 || of_kind.iter().any(|(_, f)| f.form == Some(Form::Full)) {
            let mut table = Newest::default();
            (self.packages)(&wanted, &mut |_, input| table.read(input, counts))?;
            newest = Some(table);
        }
        (self.packages)(&wanted, &mut |name, input| {
            let mut findings = Findings::new(name, sink);
            read(input, &mut newest, &mut findings)?;
            findings.finish();
            Ok(())
        })
    }

    /// Tells the concepts, and gives back which there are and whether they are active.
    fn concepts(&self, system: SystemHandle, sink: &mut dyn Sink) -> io::Result<HashMap<u64, bool>> {
        // Every row counts, not only the newest: together they are the concept's history.
        let mut history: Vec<(u64, Date, bool, bool)> = Vec::new();
        let wanted = |name: &str| self.files.get(name).is_some_and(|file| file.kind == Kind::Concept);
        (self.packages)(&wanted, &mut |name, input| {
            let is_full = self.files.get(name).is_some_and(|file| file.form == Some(Form::Full));
            let mut findings = Findings::new(name, sink);
            rows(input, ["id", "effectiveTime", "active"], &mut findings, &mut |row, findings| {
                let [id, time, _] = row.fields;
                let Some(key) = concept_id(id) else {
                    let what = format!("{id:?} is not the id of a concept, or its check digit is wrong");
                    return findings.warn("bad concept ids", row.line, row.columns[0], what, "the concept is left out; correct the id");
                };
                let Some(time) = date(time) else { return no_time(time, row.line, findings) };
                if let Some(active) = is_active(&row, findings) {
                    history.push((key, time, active, is_full));
                }
            })?;
            findings.finish();
            Ok(())
        })?;
        history.sort_by_key(|&(id, time, _, is_full)| (id, time, !is_full));
        history.dedup_by_key(|(id, time, ..)| (*id, *time));
        let mut concepts = HashMap::new();
        for of_one in history.chunk_by(|a, b| a.0 == b.0) {
            let (id, first, was_active, is_full) = of_one[0];
            let code = id.to_string();
            let mut tell = |active, from, to| {
                let status = if active { Status::Valid } else { Status::Inactive };
                sink.concept(system, ConceptRow { code: &code, status, from, to });
            };
            // A Snapshot tells the last change alone: what it says is inactive was active until then.
            if !is_full && !was_active {
                tell(true, None, first.yesterday().ok());
            }
            let mut from = (is_full || !was_active).then_some(first);
            let mut active = was_active;
            for &(_, time, now_active, _) in &of_one[1..] {
                if now_active != active {
                    tell(active, from, time.yesterday().ok());
                    (active, from) = (now_active, Some(time));
                }
            }
            tell(active, from, None);
            concepts.insert(id, active);
        }
        Ok(concepts)
    }

    fn is_a(&self, system: SystemHandle, concepts: &HashMap<u64, bool>, sink: &mut dyn Sink) -> io::Result<()> {
        // A relationship's type never changes, so only the is-a rows need their newest.
        let is_a = |line: &[u8]| memchr::memmem::find(line, ids::IS_A.as_bytes()).is_some();
        self.each(Kind::Relationship, &is_a, sink, &mut |input, newest, findings| {
            rows(input, ["id", "effectiveTime", "active", "sourceId", "destinationId", "typeId"], findings, &mut |row, findings| {
                let [id, time, _, child, parent, kind] = row.fields;
                if kind != ids::IS_A || !Newest::takes(newest, id, time, row.line, findings) || is_active(&row, findings) != Some(true) {
                    return;
                }
                for (end, column) in [(child, row.columns[3]), (parent, row.columns[4])] {
                    match concept_id(end).map(|key| concepts.get(&key)) {
                        Some(Some(true)) => {}
                        // Without a file of concepts nobody knows which there are: they are taken at their word.
                        Some(None) if concepts.is_empty() => {}
                        Some(Some(false)) => {
                            let what = format!("an active is-a row names {end}, which is inactive");
                            return findings.warn("is-a rows of inactive concepts", row.line, column, what, "the row is left out");
                        }
                        _ => return orphan(findings, row.line, column, end),
                    }
                }
                if child == parent {
                    let what = format!("{child} is said to be a kind of itself");
                    return findings.warn("concepts that are their own parents", row.line, row.columns[4], what, "the row is left out");
                }
                findings.sink.parent(system, child, parent, row.at(4));
            })
        })
    }
}

/// A row about a concept that no file of the release has.
fn orphan(findings: &mut Findings<'_>, line: u64, column: usize, concept: &str) {
    let what = format!("{concept:?} is no concept of this release");
    findings.warn(
        "rows about concepts that the release does not have",
        line,
        column,
        what,
        "the row is left out; give the edition that has it",
    );
}

/// Reads the flag `active`, the third field that is asked of every file; `None`, and said, if it is neither 0 nor 1.
fn is_active<const N: usize>(row: &Row<'_, N>, findings: &mut Findings<'_>) -> Option<bool> {
    match row.fields[2] {
        "1" => Some(true),
        "0" => Some(false),
        flag => {
            let what = format!("active is {flag:?}, neither 0 nor 1");
            findings.warn("bad active flags", row.line, row.columns[2], what, "the row is left out; correct the flag");
            None
        }
    }
}

fn no_time(time: &str, line: u64, findings: &mut Findings<'_>) {
    let what = format!("effectiveTime is {time:?}");
    findings.warn("rows without a usable effectiveTime", line, 2, what, "the row is left out; YYYYMMDD is expected");
}

/// Reads the id of a concept: digits, a check digit that fits, the partition of concepts (00 in the core, 10 in an extension).
fn concept_id(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let shape = (6..=18).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) && bytes[0] != b'0';
    (shape && matches!(&bytes[bytes.len() - 3..bytes.len() - 1], b"00" | b"10") && verhoeff(bytes)).then(|| text.parse().ok())?
}

fn date(time: &str) -> Option<Date> {
    let n = effective_time(time)?;
    Date::new((n / 10_000) as i16, (n / 100 % 100) as i8, (n % 100) as i8).ok()
}

fn effective_time(time: &str) -> Option<u32> {
    (time.len() == 8 && time.bytes().all(|b| b.is_ascii_digit())).then(|| time.parse().ok())?
}

/// The newest effectiveTime of each id; see the module documentation for its size.
#[derive(Default)]
struct Newest {
    times: HashMap<u64, u32, foldhash::fast::RandomState>,
}

impl Newest {
    /// Reads id and effectiveTime, always the first two columns, of the lines that count.
    fn read(&mut self, input: &mut dyn BufRead, counts: &dyn Fn(&[u8]) -> bool) -> io::Result<()> {
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line)? > 0 {
            if counts(&line) {
                let mut fields = line.split(|b| *b == b'\t').map(|field| std::str::from_utf8(field).ok());
                if let (Some(Some(id)), Some(Some(time))) = (fields.next(), fields.next())
                    && let Some(time) = effective_time(time)
                {
                    let newest = self.times.entry(Newest::key(id)).or_default();
                    *newest = time.max(*newest);
                }
            }
            line.clear();
        }
        Ok(())
    }

    /// Whether this row is the newest of its id; true once for each id. Says of a row without a usable time that it has none.
    fn takes(newest: &mut Option<Newest>, id: &str, time: &str, line: u64, findings: &mut Findings<'_>) -> bool {
        let Some(time) = effective_time(time) else {
            no_time(time, line, findings);
            return false;
        };
        let Some(newest) = newest else { return true };
        let key = Newest::key(id);
        let is_newest = newest.times.get(&key) == Some(&time);
        if is_newest {
            newest.times.remove(&key);
        }
        is_newest
    }

    /// A component's id as it is; a member's UUID folded.
    fn key(id: &str) -> u64 {
        id.parse().unwrap_or_else(|_| {
            let hex = id.bytes().filter(|b| *b != b'-').map(|b| char::from(b).to_digit(16).map(u128::from));
            match hex.clone().count() == 32 && hex.clone().all(|d| d.is_some()) {
                true => {
                    let uuid = hex.flatten().fold(0u128, |n, d| n << 4 | d);
                    uuid as u64 ^ (uuid >> 64) as u64
                }
                false => xxhash_rust::xxh3::xxh3_64(id.as_bytes()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
