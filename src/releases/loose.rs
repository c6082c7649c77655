//! Release files named on the command line: what each is, told from the file itself ([`recognise`]), or by the manifest of its folder.
//!
//! An archive or a folder may be one release (RF2, OMOP, UMLS) or hold several files that each are one. What nothing fits is not guessed
//! at: a file that was named is refused, a member beside recognised ones is passed over, and both are said.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use super::select::{self, Bytes, Precedence, Source, stamp};
use super::{Error, Release, Subject};
use crate::model::{Date, MapKind};
use crate::read::Format;
use crate::read::recognise::{Content, HEAD, Recognised, recognise};
use crate::read::source::{is_tar, visit_path};

/// The releases in the given files and folders, and the names of what was passed over.
pub fn from_files(paths: &[PathBuf]) -> Result<(Vec<Source>, Vec<String>), Error> {
    let (mut sources, mut passed_over) = (Vec::new(), PassedOver::default());
    for path in paths {
        let (before, addenda) = (sources.len(), passed_over.addenda.len());
        recognised_in(path, &mut sources, &mut passed_over)?;
        if sources.len() == before {
            let file = path.display().to_string();
            return Err(if passed_over.addenda.len() > addenda { Error::Addenda { file } } else { Error::Unrecognised { file } });
        }
    }
    let PassedOver { mut unknown, mut addenda } = passed_over;
    unknown.append(&mut addenda);
    for at in 1..sources.len() {
        let taken = |id: &str| sources[..at].iter().any(|s: &Source| s.release.id == id);
        let base = sources[at].release.id.clone();
        if let Some(id) = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") }).find(|id| !taken(id)) {
            sources[at].release.id = id;
        }
    }
    Ok((sources, unknown))
}

/// What is no release.
#[derive(Default)]
struct PassedOver {
    unknown: Vec<String>,
    /// They lie beside the files of the year that they lead to, and those say all of it.
    addenda: Vec<String>,
}

fn recognised_in(path: &Path, sources: &mut Vec<Source>, passed_over: &mut PassedOver) -> Result<(), Error> {
    // A folder with a manifest says itself what lies in it.
    if path.join("manifest.toml").is_file() {
        let named = select::from_folders(&[path])?.into_iter();
        sources.extend(named.map(|source| Source { precedence: Precedence::Named, ..source }));
        return Ok(());
    }
    let io = |e| Error::io("read", path, e);
    let mut found: Vec<(String, Recognised)> = Vec::new();
    let (mut unknown, mut addenda) = (Vec::new(), Vec::new());
    visit_path(path, &|_| true, &mut |name, input| {
        let head = head(input)?;
        match recognise(name, &head) {
            Some(recognised) if recognised.format == Format::IcdAddenda => addenda.push(name.to_owned()),
            Some(recognised) => found.push((name.to_owned(), recognised)),
            None => unknown.push(name.to_owned()),
        }
        Ok(())
    })
    .map_err(io)?;
    found.retain(|(_, r)| r.format != Format::Document);
    // A folder of nothing but parts is one release; what lies beside other releases is looked at by itself.
    let whole = is_archive(path) || (path.is_dir() && found.iter().all(|(_, r)| r.format.is_folder()));
    if let Some((_, whole)) = found.iter().find(|(_, r)| whole && r.format.is_folder()) {
        return source_of(path, None, whole).map(|source| sources.push(source)).map_err(io);
    }
    // A package of FHIR is one release, whatever lies in it.
    if is_tar(&path.to_string_lossy()) && found.iter().any(|(_, r)| r.format == Format::Fhir) {
        let package = Recognised { format: Format::FhirPackage, content: Content::Itself, version: None };
        return source_of(path, None, &package).map(|source| sources.push(source)).map_err(io);
    }
    // The files of RF2 are put together wherever they come from; these find each other in their folder only.
    let alone = found.iter().find(|(_, r)| !path.is_dir() && matches!(r.format, Format::Athena | Format::Umls));
    if let Some((name, table)) = alone {
        return Err(Error::OneTable { file: name.clone(), format: table.format.name() });
    }
    if path.is_dir() {
        let mut entries =
            std::fs::read_dir(path).and_then(|d| d.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()).map_err(io)?;
        entries.sort();
        return entries.iter().try_for_each(|entry| recognised_in(entry, sources, passed_over));
    }
    passed_over.unknown.append(&mut unknown);
    passed_over.addenda.append(&mut addenda);
    for (name, recognised) in &found {
        let member = name.split_once('/').map(|(_, member)| member.to_owned()).filter(|_| is_archive(path));
        sources.push(source_of(path, member, recognised).map_err(io)?);
    }
    Ok(())
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip")) || is_tar(&path.to_string_lossy())
}

fn head(input: &mut dyn BufRead) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn source_of(path: &Path, member: Option<String>, recognised: &Recognised) -> std::io::Result<Source> {
    let file_name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let version = recognised.version.clone().unwrap_or_else(|| "unknown".to_owned());
    let subject = match recognised.content {
        Content::System(system) => Subject::System(system.to_owned()),
        Content::Map(source, target) => {
            let (id, kind) = match recognised.format {
                Format::Icd10cmConversion => ("icd10cm-conversion".to_owned(), MapKind::Succession),
                _ => (format!("gem-{source}-{target}"), MapKind::Gem),
            };
            Subject::Map { id, source: source.to_owned(), target: target.to_owned(), kind }
        }
        Content::Itself => Subject::Itself,
    };
    let inside = member.as_deref().map_or_else(|| file_name.clone(), |m| m.rsplit('/').next().unwrap_or(m).to_owned());
    let id: String = inside.chars().map(|c| if c.is_whitespace() || c == '/' { '-' } else { c }).collect();
    let from = match recognised.content {
        Content::System("icd10cm" | "icd10pcs") => starts(&version, FISCAL),
        Content::System("hcpcs" | "cpt") => starts(&version, CALENDAR),
        _ => None,
    };
    Ok(Source {
        release: Release {
            id,
            subject,
            version,
            format: recognised.format,
            file: Some(file_name.clone()),
            member,
            url: None,
            page: None,
            mirror: None,
            sha256: None,
            content_sha256: None,
            fetch_sha256: None,
            from,
            to: None,
            title: None,
            uri: None,
            license: None,
            source_note: None,
            table: None,
            rf2: None,
        },
        file_name,
        stamp: stamp(path)?,
        bytes: Bytes::Path(path.to_owned()),
        sha256: None,
        precedence: Precedence::Named,
    })
}

/// When years begin, counted from the year that they are named after: years, month, day.
type Beginning = (i16, i8, i8);
const FISCAL: Beginning = (-1, 10, 1);
const CALENDAR: Beginning = (0, 1, 1);

/// A release of a year holds from the day that its system's years begin on, an update from the 1st of its month: ICD-10-CM and ICD-10-PCS
/// from the 1st of October before the year, HCPCS and CPT from the 1st of January.
fn starts(version: &str, first_day: Beginning) -> Option<Date> {
    const MONTHS: [&str; 12] =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let (month, year) = version.split_once(' ').map_or((None, version), |(month, year)| (Some(month), year));
    let year: i16 = year.parse().ok()?;
    match month {
        None => Date::new(year + first_day.0, first_day.1, first_day.2).ok(),
        Some(name) => Date::new(year, MONTHS.iter().position(|m| *m == name)? as i8 + 1, 1).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::releases::generate;

    #[test]
    fn files_say_what_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("2018_I9gem.txt", "25000 E119    10000\r\n36570 NoDx    11000\r\n");
        write("icd10cm_codes_2018.txt", "S72001A Fracture\nI10     Essential (primary) hypertension\n");
        write("letter.txt", "Dear colleague,\nthis is a letter.\n");
        generate::write_rf2(&folder.path().join("release"), &generate::Shape::small(3)).expect("a release");
        let (sources, passed_over) = from_files(&[folder.path().to_owned()]).expect("releases");
        // The folder as a whole is no release; what lies in it is.
        assert_eq!(passed_over, ["letter.txt"]);
        let said: Vec<_> = sources.iter().map(|s| (s.release.id.as_str(), s.release.format, s.release.version.as_str())).collect();
        assert_eq!(
            said,
            [
                ("2018_I9gem.txt", Format::Gem, "2018"),
                ("icd10cm_codes_2018.txt", Format::IcdCodes, "2018"),
                ("release", Format::Rf2, "unknown")
            ]
        );
        assert_eq!(sources[1].release.from, Date::new(2017, 10, 1).ok());
        // Addenda lie beside the release that they lead to; alone they are none.
        write("icd10cm_codes_addenda_2018.txt", "Add:         A925    Zika virus disease\n");
        let (sources, passed_over) = from_files(&[folder.path().to_owned()]).expect("releases");
        assert_eq!((sources.len(), passed_over), (3, vec!["letter.txt".to_owned(), "icd10cm_codes_addenda_2018.txt".to_owned()]));
        let error = from_files(&[folder.path().join("icd10cm_codes_addenda_2018.txt")]).expect_err("addenda").to_string();
        assert!(error.contains("icd10cm_codes_addenda_2018.txt holds addenda") && error.contains("order or codes file"), "{error}");
        let error = from_files(&[folder.path().join("letter.txt")]).expect_err("a letter").to_string();
        assert!(error.contains("letter.txt") && error.contains("manifest.toml"), "{error}");
    }

    /// `index build omop/*.csv` was once read as one download for each table, each missing the others.
    #[test]
    fn one_table_of_a_download_is_not_read_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let table = folder.path().join("CONCEPT.csv");
        std::fs::write(&table, "concept_id\tconcept_name\tvocabulary_id\tconcept_code\n").expect("a file");
        let error = from_files(&[table]).expect_err("a table").to_string();
        assert!(error.contains("CONCEPT.csv is one table") && error.contains("athena") && error.contains("folder"), "{error}");
        assert_eq!(from_files(&[folder.path().to_owned()]).expect("a download").0.len(), 1);
    }

    #[test]
    fn a_package_of_fhir_is_one_release() {
        let folder = tempfile::tempdir().expect("a folder");
        let package = folder.path().join("example.terminology-1.0.0.tgz");
        let file = std::fs::File::create(&package).expect("a file");
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        for (name, text) in [
            ("package/package.json", r#"{"name": "example.terminology", "version": "1.0.0"}"#),
            ("package/CodeSystem-a.json", r#"{"resourceType": "CodeSystem", "url": "a"}"#),
            ("package/CodeSystem-b.json", r#"{"resourceType": "CodeSystem", "url": "b"}"#),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, text.as_bytes()).expect("a member");
        }
        tar.into_inner().expect("a tar").finish().expect("a package");
        let (sources, passed_over) = from_files(&[folder.path().to_owned()]).expect("a release");
        let said: Vec<_> = sources.iter().map(|s| (s.release.id.as_str(), s.release.format, s.release.member.as_deref())).collect();
        assert_eq!((said, passed_over), (vec![("example.terminology-1.0.0.tgz", Format::FhirPackage, None)], vec![]));
    }

    #[test]
    fn when_years_begin() {
        for (version, icd, hcpcs) in [
            ("2026", Some("2025-10-01"), Some("2026-01-01")),
            ("April 2026", Some("2026-04-01"), Some("2026-04-01")),
            ("January 2021", Some("2021-01-01"), Some("2021-01-01")),
            ("unknown", None, None),
        ] {
            assert_eq!(starts(version, FISCAL).map(|d| d.to_string()).as_deref(), icd, "{version}");
            assert_eq!(starts(version, CALENDAR).map(|d| d.to_string()).as_deref(), hcpcs, "{version}");
        }
    }
}
