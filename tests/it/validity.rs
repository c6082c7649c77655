//! Thirteen yearly files of ICD-10-CM and the conversion table: what a code was on a date, and what took its place.

use crate::{kit, published};
use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use xwalk::engine::{Asked, Engine, Outcome, SuggestionKind, TargetState, TranslatorOptions, ValidationStatus};
use xwalk::index::Index;
use xwalk::model::{Date, Status};
use xwalk::read::Format;
use xwalk::releases::{self, Dirs};
use xwalk::text::VERSION;

/// An engine over the embedded data and everything that `fetch all --mirror ../shared/releases` brings. Compiled once for all tests.
pub fn everything(test: &str) -> Option<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let folder = published::releases(test)?;
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

/// Codes that came in April or January, of which the yearly files tell nothing and the conversion table the day.
#[test]
fn codes_that_came_within_a_year() {
    let Some(engine) = everything("codes within a year") else { return };
    let cm = engine.system("icd10cm").expect("ICD-10-CM");
    use ValidationStatus::{Header, NotValidOnDate, Valid};
    for (code, before, from, status_before) in [
        ("U07.1", "2020-03-31", "2020-04-01", NotValidOnDate),
        ("J12.82", "2020-12-31", "2021-01-01", NotValidOnDate),
        ("Z28.310", "2022-03-31", "2022-04-01", NotValidOnDate),
        ("Z59.10", "2023-03-31", "2023-04-01", NotValidOnDate),
    ] {
        assert_eq!(engine.validate(cm, code, date(before), None).status, status_before, "{code}");
        assert_eq!(engine.validate(cm, code, date(from), None).status, Valid, "{code}");
    }
    // What became a header by them was valid until then: by the file of 2021 it already is one, by that of 2023 not yet.
    for (code, before, from) in [("M35.8", "2020-12-31", "2021-01-01"), ("Z59.1", "2023-03-31", "2023-04-01")] {
        assert_eq!(engine.validate(cm, code, date(before), None).status, Valid, "{code}");
        assert_eq!(engine.validate(cm, code, date(from), None).status, Header, "{code}");
    }
    let first_of = |day: &str| {
        let first = |v: Option<xwalk::model::Validity>| v.and_then(|v| v.from) == date(day);
        cm.concepts().filter(|c| first(c.validity().next())).count()
    };
    assert_eq!(["2020-04-01", "2021-01-01", "2022-04-01", "2023-04-01"].map(first_of), [2, 6, 3, 42]);
}

/// Of ICD-10-PCS the releases of 2018, 2024 and later are published here; about the years between nothing is certain.
#[test]
fn years_without_a_release_are_said() {
    let Some(engine) = everything("years without a release") else { return };
    let pcs = engine.system("icd10pcs").expect("ICD-10-PCS");
    let of = |code: &str, on: &str| {
        let v = engine.validate(pcs, code, date(on), None);
        (v.status, v.issues.iter().any(|i| i.code == "coverage"))
    };
    // Of 2021, in the release of 2024 and not in that of 2018.
    assert_eq!(of("XW033E5", "2021-06-01"), (ValidationStatus::Valid, true));
    assert_eq!(of("XW033E5", "2018-06-01"), (ValidationStatus::NotValidOnDate, false));
    assert_eq!(of("XW033E5", "2024-06-01"), (ValidationStatus::Valid, false));
    assert_eq!(of("0016070", "2021-06-01"), (ValidationStatus::Valid, true));
}

/// What only the older of two releases without dates lists was once "in no loaded release".
#[test]
fn of_releases_without_dates_the_older_lists_what_is_retired() {
    let release = |version: &str, codes: &str| kit::system(&format!("cpt-{version}"), "cpt", version, "", Format::Cpt, codes);
    let (engine, report) = kit::built(&[release("10", "99998\tBoth\n99996\tNew\n"), release("9", "99997\tOld\n99998\tBoth\n")]);
    let cpt = engine.system("cpt").expect("CPT");
    let validate = |code: &str| engine.validate(cpt, code, None, None);
    assert_eq!((validate("99996").status, validate("99998").status), (ValidationStatus::Valid, ValidationStatus::Valid));
    let old = validate("99997");
    assert_eq!(old.status, ValidationStatus::NotValidOnDate);
    assert_eq!(old.issues[0].message, "99997 is not valid in CPT 10");
    let said: Vec<_> = report.findings.iter().map(|f| (f.file.as_str(), f.what.as_str())).collect();
    assert_eq!(said, [("cpt-9.txt", "cpt 9 has no date: cpt 10 speaks for all time")]);
}

/// The embedded releases of ICD-10-CM begin with that of 2024; what is asked of earlier days is answered, and said.
#[test]
fn a_date_before_all_releases_is_said_by_translate_too() {
    let options = TranslatorOptions { from: "icd10cm".into(), to: "icd9cm".into(), ..Default::default() };
    let translator = crate::golden::engine().translator(options).expect("a translator");
    let message = |on: &str| translator.translate(&Asked { date: date(on), ..Asked::code("E11.9") }).message.to_string();
    assert!(message("2016-05-01").contains("begin on 2023-10-01"), "{}", message("2016-05-01"));
    assert_eq!(message("2024-05-01"), "");
}

/// What the conversion table says changed within a year: how many codes came before the last day of the year whose file does not have them,
/// and which codes of the file had become headers by then.
const WITHIN_A_YEAR: [(i16, usize, &[&str]); 3] =
    [(2020, 2, &[]), (2022, 3, &["Z283"]), (2023, 42, &["Y0701", "Y0702", "Y0703", "Y0704", "Z591", "Z9114", "Z9115"])];

/// The thirteen files read by nobody's reader: every code of every year has the status of that year on its first and last day.
#[test]
fn intervals_agree_with_the_thirteen_files() {
    let Some(engine) = everything("thirteen files") else { return };
    let folder = published::releases("thirteen files").expect("the folder is there");
    let cm = engine.system("icd10cm").expect("ICD-10-CM");
    let mut ever: HashMap<String, bool> = HashMap::new();
    for year in 2014..=2026 {
        let rows = order_file(&folder, year);
        let last = Date::new(year, 9, 30).expect("a date");
        assert!(rows.len() > 90_000, "{year}");
        let within = WITHIN_A_YEAR.iter().find(|(of, ..)| *of == year);
        let (came, turned) = within.map_or((0, &[][..]), |(_, came, turned)| (*came, *turned));
        for (code, billable) in &rows {
            let concept = cm.concept_by_key(code).unwrap_or_else(|| panic!("{code} of {year} is not in the index"));
            let is_header = !billable || turned.contains(&code.as_str());
            let expected = if is_header { Status::Header } else { Status::Valid };
            assert_eq!(concept.status_on(last), Some(expected), "{code} on {last}");
            *ever.entry(code.clone()).or_default() |= billable;
        }
        let valid_then = cm.concepts().filter(|c| c.status_on(last) == Some(Status::Valid)).count();
        let billable = rows.iter().filter(|(_, billable)| *billable).count();
        assert_eq!(valid_then, billable + came - turned.len(), "billable codes of {year}");
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
            let name = file.name().unwrap().to_ascii_lowercase();
            if name.contains("order") && name.ends_with(".txt") && !name.contains("addenda") {
                let lines = std::io::BufReader::new(file.take(1 << 30)).lines().map(|l| l.expect("ASCII"));
                return lines.filter(|l| l.len() > 16).map(|l| (l[6..13].trim().to_owned(), &l[14..15] == "1")).collect();
            }
        }
    }
    panic!("no order file of {year}");
}
