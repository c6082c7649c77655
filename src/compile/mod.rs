//! Releases in, one index out: the only place where readers and index meet.
//!
//! Every file goes through its reader into a [`collect::Collector`]; what many yearly releases say of one code becomes validity intervals
//! and dated titles; codes are sorted, hierarchies closed, rows sorted by source, and all is written. The same releases in any order give
//! the same bytes: inputs are put into one order first, and nothing depends on time, threads or hash seeds.
//!
//! Memory: the texts and rows of the systems at hand, once. Files are streamed.

mod arena;
mod collect;
mod hierarchy;
mod map;
mod odd;
mod system;
pub mod terms;
mod validity;

use crate::index::{self, IndexWriter};
use crate::model::map::Unmapped;
use crate::model::{CodeForm, System};
use crate::read::{self, Finding, MapRelease, Severity, SystemRelease};
use collect::Collector;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A release file, and what its manifest entry says of it.
#[derive(Clone, Debug)]
pub struct Input {
    /// The entry's name, unique among the inputs.
    pub id: String,
    /// The file's name as findings and origins give it.
    pub file: String,
    /// Which reader reads it; by the names of the manifest ([`read::Format`]).
    pub format: read::Format,
    pub content: Content,
    /// SHA-256 in hexadecimal; checked before reading. Empty: not known, computed.
    pub sha256: String,
    pub bytes: Bytes,
    /// The end of the wanted member's path, where the file is an archive of several.
    pub member: Option<String>,
    /// Among the maps of one pair of systems the highest answers first.
    pub precedence: i32,
}

/// What a file is a release of, as far as its entry says.
#[derive(Clone, Debug)]
pub enum Content {
    System(SystemRelease),
    Map(MapRelease),
    /// A map as a table, whose columns the entry explains.
    Table(MapRelease, read::table::Layout),
    /// A package of SNOMED CT, and what it does not say of itself.
    Edition(read::rf2::Options),
    /// The file says it itself (OMOP, FHIR, SSSOM, RF2 as it is by default ...).
    SelfDescribed,
}

#[derive(Clone, Debug)]
pub enum Bytes {
    Embedded(&'static [u8]),
    Path(PathBuf),
}

/// What came of a build.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub fingerprint: String,
    pub size: u64,
    pub concepts: u64,
    pub rows: u64,
    /// Everything that the readers and the compiler found odd, in the order of the inputs.
    pub findings: Vec<Finding>,
}

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{0}")]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Index(#[from] index::Error),
    #[error("{file}: its SHA-256 is {found}, the manifest says {expected}; fetch it again, or correct the manifest if the file is right")]
    WrongHash { file: String, found: String, expected: String },
    #[error("{0}")]
    Inputs(String),
}

/// Compiles releases into an index file. The file appears whole or not at all.
pub fn build(inputs: &[Input], out: &Path) -> Result<Report, Error> {
    // Manifest order, folder order and thread order must not show: everything from here on is in this order.
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    inputs.sort_by(|a, b| order(a).cmp(&order(b)));
    if let Some(pair) = inputs.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(Error::Inputs(format!("two manifest entries are called {}; rename one", pair[0].id)));
    }
    // Files that are a release of one system touch nothing else, so systems are read side by side; what names several systems follows.
    let mut groups: BTreeMap<&str, Vec<&Input>> = BTreeMap::new();
    let mut others = Vec::new();
    for input in inputs {
        match &input.content {
            Content::System(release) => groups.entry(&release.system).or_default().push(input),
            _ => others.push(input),
        }
    }
    let groups: Vec<_> = groups.into_values().collect();
    let collectors = groups.into_par_iter().map(|group| {
        let mut collector = Collector::default();
        group.into_iter().try_for_each(|input| collect(input, &mut collector))?;
        Ok(collector)
    });
    // The rows of a GEM need nothing of the systems, so its files are read meanwhile.
    let (gems, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|input| input.format == read::Format::Gem);
    let (systems, gems) = rayon::join(
        || collectors.collect::<Result<Vec<_>, Error>>(),
        || {
            let mut collector = Collector::default();
            gems.into_iter().try_for_each(|input| collect(input, &mut collector)).map(|()| collector)
        },
    );
    let mut all = systems?.into_iter().chain([gems?]).fold(Collector::default(), Collector::with);
    let (editions, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|input| input.format == read::Format::Rf2);
    collect_editions(&editions, &mut all)?;
    for input in others {
        collect(input, &mut all)?;
    }
    write(all, out)
}

fn order(input: &Input) -> (&str, Option<crate::model::Date>, &str, &str) {
    match &input.content {
        Content::System(r) => (&r.system, r.from, &r.version, &input.id),
        Content::Map(r) | Content::Table(r, _) => (&r.id, r.from, &r.version, &input.id),
        Content::SelfDescribed | Content::Edition(_) => ("", None, "", &input.id),
    }
}

fn collect(input: &Input, collector: &mut Collector) -> Result<(), Error> {
    let sha256 = checked_hash(input)?;
    let is_whole = matches!(input.format, read::Format::Fhir | read::Format::Sssom);
    collector.begin_file(&input.file, &sha256, input.precedence, is_whole);
    let given = match &input.content {
        Content::System(release) => read::Given::System(release),
        Content::Map(release) => read::Given::Map(release),
        Content::Table(release, layout) => read::Given::Table(release, layout),
        Content::SelfDescribed | Content::Edition(_) => read::Given::Nothing,
    };
    let mut seen = false;
    let wanted = |name: &str| input.member.as_ref().is_none_or(|m| name.ends_with(m.as_str()) || !name.contains('/'));
    let mut visit = |name: &str, bytes: &mut dyn std::io::BufRead| {
        seen = true;
        read::Sink::begin(collector, name);
        read::read(input.format, bytes, name, given, collector)
    };
    match &input.bytes {
        Bytes::Embedded(bytes) => read::source::visit_bytes(&input.file, bytes, &wanted, &mut visit)?,
        Bytes::Path(path) if input.format.is_folder() => {
            read::read_folder(input.format, path, given, collector)?;
            seen = true;
        }
        Bytes::Path(path) => read::source::visit_path(path, &wanted, &mut visit)?,
    }
    if !seen {
        let member = input.member.as_deref().unwrap_or("a file");
        return Err(Error::Inputs(format!("{}: there is no {member} inside; name another `member` in the manifest", input.file)));
    }
    Ok(())
}

/// An edition of SNOMED CT and its extensions are one release: the newest row of a component counts, whichever package has it.
fn collect_editions(inputs: &[&Input], collector: &mut Collector) -> Result<(), Error> {
    let (mut paths, mut files, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for input in inputs {
        let Bytes::Path(path) = &input.bytes else {
            return Err(Error::Inputs(format!("{}: RF2 is read from a folder or an archive", input.file)));
        };
        paths.push(path.as_path());
        files.push(input.file.as_str());
        hashes.push(checked_hash(input)?);
    }
    if let Some(precedence) = inputs.iter().map(|input| input.precedence).max() {
        collector.begin_file(&files.join(" + "), &hashes.join(" "), precedence, false);
        let options = inputs.iter().filter_map(|input| match &input.content {
            Content::Edition(options) => Some(options.clone()),
            _ => None,
        });
        read::rf2::read(&paths, &options.fold(read::rf2::Options::default(), read::rf2::Options::and), collector)?;
    }
    Ok(())
}

/// The SHA-256 of a file, found equal to what the manifest says. Embedded bytes are checked by a test, not at every start.
fn checked_hash(input: &Input) -> Result<String, Error> {
    use sha2::{Digest, Sha256};
    let Bytes::Path(path) = &input.bytes else { return Ok(input.sha256.clone()) };
    if path.is_dir() {
        return Ok(input.sha256.clone());
    }
    let said = |e: std::io::Error| std::io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let mut hash = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path).map_err(said)?, &mut hash).map_err(said)?;
    let found: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    if !input.sha256.is_empty() && !input.sha256.eq_ignore_ascii_case(&found) {
        return Err(Error::WrongHash { file: input.file.clone(), found, expected: input.sha256.clone() });
    }
    Ok(found)
}

fn write(collector: Collector, out: &Path) -> Result<Report, Error> {
    let Collector { mut systems, mut maps, mut findings, .. } = collector;
    for map in &mut maps {
        map.stand_in(&systems[map.systems.0]);
        // Where no release says what its codes are, any code of the source may stand for itself.
        let (source, target) = map.systems;
        if matches!(map.meta.unmapped, Unmapped::UseSourceCode(_)) && systems[target].has_no_release() {
            for code in systems[source].codes() {
                systems[target].code(&code);
            }
        }
    }
    let mut order: Vec<usize> = (0..systems.len()).collect();
    order.sort_by(|&a, &b| systems[a].alias.cmp(&systems[b].alias));
    let mut finished =
        systems.into_par_iter().map(|s| s.finish().map(Some)).collect::<Result<Vec<Option<system::Finished>>, index::Error>>()?;
    let mut writer = IndexWriter::create(out)?;
    let mut report = Report::default();
    let mut shorthand = index::terms::ShorthandWriter::new();
    let mut places: Vec<system::Places> = Vec::new();
    places.resize_with(finished.len(), Default::default);
    for at in order {
        let Some(system) = finished[at].take() else { continue };
        report.concepts += system.columns.keys.len() as u64;
        findings.extend(system.findings);
        writer.system(system.meta, &system.columns)?;
        places[at] = system.places;
        shorthand.merge(system.shorthand);
    }
    writer.shorthand(&shorthand.finish(terms::SHORTHAND_MEANINGS).map_err(index::Error::from)?)?;
    maps.sort_by(|a, b| a.order().cmp(&b.order()));
    for map in maps {
        let finished = map.finish(&places);
        report.rows += finished.columns.rows.len() as u64;
        findings.extend(finished.findings);
        writer.map(finished.meta, &finished.columns)?;
    }
    report.fingerprint = writer.finish(crate::text::VERSION)?;
    report.size = std::fs::metadata(out).map_err(read_error(out))?.len();
    report.findings = findings;
    Ok(report)
}

fn read_error(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |e| Error::Read(std::io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

/// How a system writes its codes; one that nobody knows is taken at its word.
fn form_of(alias: &str) -> CodeForm {
    System::find(alias).map_or(CodeForm::AsWritten, |s| s.form)
}

impl Report {
    /// The findings of at least this severity.
    pub fn findings_from(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.severity >= severity)
    }
}
