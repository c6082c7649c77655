//! Thirteen yearly files of ICD-10-CM and the conversion table: what a code was on a date, and what took its place.

use crate::kit;
use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use xwalk::engine::{Asked, Engine, Outcome, SuggestionKind, TargetState, TranslatorOptions, ValidationStatus};
use xwalk::index::Index;
use xwalk::model::{Date, Status};
use xwalk::releases::{self, Dirs};
use xwalk::text::VERSION;

/// An engine over the embedded data and everything that `fetch all --mirror ../shared/releases` brings. Compiled once for all tests.
pub fn everything(test: &str) -> Option<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let folder = kit::releases(test)?;
    Some(ENGINE.get_or_init(|| {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs { data: Some(home.path().join("data")), cache: Some(home.path().join("cache")) };
        let mirror = releases::fetch::From::Mirror(folder);
        releases::fetch::fetch(&["all".to_owned()], &mirror, &dirs, &mut |_| ()).expect("fetched");
        let found = releases::index(&dirs, &mut |_| (), &|_| ()).expect("an index");
        let bytes = std::fs::read(found.path()).expect("the index");
        Engine::new(Arc::new(Index::from_bytes(bytes, VERSION).expect("an index")))
    }))
}

fn date(text: &str) -> Option<Date> {
    Some(text.parse().expect("a date"))
}

#[test]
fn what_a_code_was_on_a_date() {
    let Some(engine) = everything("validity") else { return };
    let cm = engine.system("icd10cm").expect("ICD-10-CM");
    let status = |code: &str, on: &str| engine.validate(cm, code, date(on), None).status;
    assert_eq!(status("A04.7", "2017-09-30"), ValidationStatus::Valid);
    assert_eq!(status("A04.7", "2017-10-01"), ValidationStatus::Header);
    assert_eq!(status("T81.4XXA", "2018-09-30"), ValidationStatus::Valid);
    assert_eq!(status("T81.4XXA", "2018-10-01"), ValidationStatus::NotValidOnDate);
    let header = engine.validate(cm, "A04.7", date("2017-10-01"), None);
    let offered: Vec<_> = header.issues.iter().flat_map(|i| &i.suggestions).map(|s| (s.concept.code(), s.kind)).collect();
    assert_eq!(offered, [("A04.71", SuggestionKind::Successor), ("A04.72", SuggestionKind::Successor)]);
    let before = engine.validate(cm, "A04.71", date("2016-06-01"), None);
    assert_eq!(before.status, ValidationStatus::NotValidOnDate);
    assert!(
        before.issues.iter().flat_map(|i| &i.suggestions).any(|s| s.concept.code() == "A04.7" && s.kind == SuggestionKind::Predecessor)
    );
    // K35.200 came of K35.20 in 2023, which came of K35.2 in 2018.
    let before = |on: &str| {
        let asked = engine.validate(cm, "K35.200", date(on), None);
        asked.issues.iter().flat_map(|i| &i.suggestions).map(|s| (s.concept.code(), s.kind, s.effective)).collect::<Vec<_>>()
    };
    assert_eq!(before("2020-06-01"), [("K35.20", SuggestionKind::Predecessor, date("2023-10-01"))]);
    assert_eq!(before("2018-06-01"), [("K35.2", SuggestionKind::Predecessor, date("2018-10-01"))]);
}

#[test]
fn an_expired_target_is_followed_step_by_step() {
    let Some(engine) = everything("successors") else { return };
    let ask = |target_date: Option<Date>| {
        let options = TranslatorOptions { from: "icd9cm".into(), to: "icd10cm".into(), target_date, ..Default::default() };
        engine.translator(options).expect("a translator").translate(&Asked::code("540.0"))
    };
    // 540.0 is K35.2 by the GEM of 2018.
    let as_mapped = ask(None);
    assert_eq!(as_mapped.targets().map(|t| (t.concept.code(), t.state)).collect::<Vec<_>>(), [("K35.2", TargetState::Header)]);
    let today = ask(date("2025-10-01"));
    assert_eq!(today.outcome, Outcome::Choice);
    let codes: Vec<_> = today.targets().map(|t| t.concept.code()).collect();
    assert_eq!(codes, ["K35.200", "K35.201", "K35.209", "K35.210", "K35.211", "K35.219"]);
    for target in today.targets() {
        let hops: Vec<_> = target.hops.iter().map(|h| (h.from.code(), h.effective)).collect();
        assert_eq!(hops.len(), 2, "{hops:?}");
        assert_eq!(hops[0], ("K35.2", date("2018-10-01")));
        assert_eq!(hops[1].1, date("2023-10-01"));
    }
    let between: Vec<_> = ask(date("2019-01-01")).targets().map(|t| t.concept.code()).collect();
    assert_eq!(between, ["K35.20", "K35.21"]);
}

/// The thirteen files read by nobody's reader: every code of every year has the status of that year on its first and last day.
#[test]
fn intervals_agree_with_the_thirteen_files() {
    let Some(engine) = everything("thirteen files") else { return };
    let folder = kit::releases("thirteen files").expect("the folder is there");
    let cm = engine.system("icd10cm").expect("ICD-10-CM");
    let mut ever: HashMap<String, bool> = HashMap::new();
    for year in 2014..=2026 {
        let rows = order_file(&folder, year);
        let last = Date::new(year, 9, 30).expect("a date");
        assert!(rows.len() > 90_000, "{year}");
        for (code, billable) in &rows {
            let concept = cm.concept_by_key(code).unwrap_or_else(|| panic!("{code} of {year} is not in the index"));
            let expected = if *billable { Status::Valid } else { Status::Header };
            assert_eq!(concept.status_on(last), Some(expected), "{code} on {last}");
            *ever.entry(code.clone()).or_default() |= billable;
        }
        let valid_then = cm.concepts().filter(|c| c.status_on(last) == Some(Status::Valid)).count();
        assert_eq!(valid_then, rows.iter().filter(|(_, billable)| *billable).count(), "billable codes of {year}");
    }
    assert_eq!(ever.values().filter(|billable| **billable).count(), 75_719, "codes that were ever billable");
}

fn order_file(folder: &Path, year: i16) -> Vec<(String, bool)> {
    let zips = [format!("cms/cms_{year}_dx.zip")].into_iter().map(|z| folder.join(z)).filter(|z| z.is_file());
    let ftp = folder.join(format!("ftp.cdc.gov/pub/Health_Statistics/NCHS/Publications/ICD10CM/{year}"));
    let inside = std::fs::read_dir(ftp).into_iter().flatten().flatten().map(|e| e.path());
    for zip in zips.chain(inside).filter(|p| p.extension().is_some_and(|e| e == "zip")) {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).expect("a zip")).expect("an archive");
        for i in 0..archive.len() {
            let file = archive.by_index(i).expect("a member");
            let name = file.name().to_ascii_lowercase();
            if name.contains("order") && name.ends_with(".txt") && !name.contains("addenda") {
                let lines = std::io::BufReader::new(file.take(1 << 30)).lines().map(|l| l.expect("ASCII"));
                return lines.filter(|l| l.len() > 16).map(|l| (l[6..13].trim().to_owned(), &l[14..15] == "1")).collect();
            }
        }
    }
    panic!("no order file of {year}");
}
