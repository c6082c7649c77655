//! `xwalk profile`: what is in a file is found, said with evidence, and the job it proposes runs.

use super::convert::{Lots, Place, claims, engine};
use xwalk::job::profile::{Kind, Profile, page, profile};
use xwalk::job::{Job, Quote, convert};

fn looked_at(place: &Place) -> Profile {
    profile(&Job { input: place.input.clone(), ..Job::default() }, engine(), None).unwrap()
}

#[test]
fn columns_systems_damage_and_a_job_that_runs() {
    let place = Place::with("claims.csv", claims(5000, 21));
    let found = looked_at(&place);
    assert_eq!((found.records, found.torn, found.damaged), (5000, 0, 0));
    let kinds: Vec<Kind> = found.columns.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [Kind::Key, Kind::Code, Kind::Date, Kind::Category]);
    let dx = &found.columns[1];
    assert_eq!((dx.system.as_deref(), dx.doubtful), (Some("icd9cm"), false));
    let best = &dx.evidence[0];
    assert!(best.codes > 0.9 && best.only_here > 0.7 && best.codes <= 1.0, "{best:?}");
    let damage: Vec<&str> = dx.damage.iter().map(|d| d.kind).collect();
    for kind in ["placeholder", "dot", "leading-zero", "no-code"] {
        assert!(damage.contains(&kind), "{kind} is not in {damage:?}");
    }
    // The job that is proposed runs as it is.
    let file = place.path("job.toml");
    std::fs::write(&file, &found.job).unwrap();
    let job = Job::read(&file).unwrap();
    assert_eq!((job.date.as_deref(), &job.key[..]), (Some("day"), &["id".to_owned()][..]));
    let run = convert(&job, engine(), &mut |_| {}).unwrap();
    assert_eq!(run.ledger.records_in, 5000);
    let html = page::page(&found);
    assert!(html.contains("<h2>dx: icd9cm") && !html.contains("http://") && !html.contains("<script"));
}

#[test]
fn two_systems_in_one_column_and_what_tells_them_apart() {
    let mut lots = Lots(3);
    let mut text = String::from("kind,code,dx1,dx2,dx3\n");
    let (nine, ten) = (["250.00", "401.9", "V58.61", "4280", "414.01"], ["E11.9", "I10", "Z79.01", "I50.9", "I25.10"]);
    for _ in 0..400 {
        let old = lots.below(2) == 0;
        let code = if old { nine[lots.below(5)] } else { ten[lots.below(5)] };
        text += &format!("{},{code},{},{},\n", if old { 9 } else { 0 }, nine[lots.below(5)], nine[lots.below(5)]);
    }
    let found = looked_at(&Place::with("mixed.csv", text));
    let code = &found.columns[1];
    assert!(code.doubtful && code.kind == Kind::Code, "{code:?}");
    let by = code.told_apart_by.as_ref().expect("kind tells");
    assert_eq!(by.column, "kind");
    assert!(by.values.contains(&("9".into(), "icd9cm".into())) && by.values.contains(&("0".into(), "icd10cm".into())), "{by:?}");
    assert!(found.job.contains("name = \"dx1..dx2\"") && found.job.contains("from-column = \"kind\""), "{}", found.job);
    assert_eq!(found.columns[4].kind, Kind::Empty);
}

/// The version of a claim's codes has a column of its own, and changed with the day of service; each code column has more of another system.
#[test]
fn a_day_says_no_system() {
    let row = |i: usize| {
        let new = i.is_multiple_of(3);
        let (day, version, code) = if new { ("20160301", 0, "E11.9") } else { ("20140101", 9, "250.00") };
        let second = if new || i % 6 == 1 { code } else { "" };
        format!("{day},{version},{code},{second}\n")
    };
    let rows: String = (0..400).map(row).collect();
    let found = looked_at(&Place::with("claims.csv", format!("day,version,dx1,dx2\n{rows}")));
    assert_ne!(found.columns[2].system, found.columns[3].system, "{:?}", found.columns);
    let group = "name = \"dx1..dx2\"\nfrom-column = \"version\"\nvalues = { \"0\" = \"icd10cm\", \"9\" = \"icd9cm\" }\n";
    assert!(found.job.contains(group), "{}", found.job);
}

#[test]
fn a_few_codes_of_a_second_system_are_not_passed_over() {
    let codes = |system: &str| -> Vec<String> {
        let all = engine().system(system).unwrap().concepts().filter(|c| c.status() == Some(xwalk::model::Status::Valid));
        all.map(|c| c.code().to_owned()).step_by(37).take(300).collect()
    };
    let (nine, ten) = (codes("icd9cm"), codes("icd10cm"));
    let mut lots = Lots(8);
    let mut text = String::from("id,code\n");
    for row in 0..4000 {
        let code = if lots.below(100) < 85 { &nine[lots.below(nine.len())] } else { &ten[lots.below(ten.len())] };
        text += &format!("{row},{code}\n");
    }
    let found = looked_at(&Place::with("mixed.csv", text));
    let code = &found.columns[1];
    assert!(code.system.as_deref() == Some("icd9cm") && code.doubtful, "{code:?}");
    assert!(found.job.contains("# doubtful: also codes of icd10cm"), "{}", found.job);
}

/// A column of codes that profile does not see is a column that nobody converts.
#[test]
fn several_codes_in_a_cell_are_seen() {
    const CODES: [&str; 5] = ["250.00", "401.9", "V58.61", "428.0", "414.01"];
    for (split, written, quoted) in [(';', "; ", false), ('|', "|", false), (',', ", ", true), (' ', " ", false)] {
        let mut lots = Lots(5);
        let mut text = String::from("id,dx\n");
        for row in 0..200 {
            let cell: Vec<&str> = (0..1 + lots.below(3)).map(|_| CODES[lots.below(5)]).collect();
            let cell = cell.join(written);
            text += &if quoted { format!("c{row},\"{cell}\"\n") } else { format!("c{row},{cell}\n") };
        }
        let place = Place::with("a.csv", text);
        let found = looked_at(&place);
        let dx = &found.columns[1];
        assert_eq!((dx.kind, dx.system.as_deref(), dx.split), (Kind::Code, Some("icd9cm"), Some(split)), "{dx:?}");
        assert!(page::page(&found).contains("Several codes in a cell"));
        std::fs::write(place.path("job.toml"), &found.job).unwrap();
        let job = Job::read(&place.path("job.toml")).unwrap();
        assert_eq!(job.columns[0].split, Some(split.to_string()), "{}", found.job);
        let run = convert(&job, engine(), &mut |_| {}).unwrap();
        assert_eq!(run.ledger.settled(), run.ledger.codes(), "{}", found.job);
        assert!(run.ledger.codes() > 250, "{}", run.ledger.codes());
    }
    // One code in a cell is one.
    let found = looked_at(&Place::with("a.csv", claims(500, 3)));
    assert_eq!((found.columns[1].kind, found.columns[1].split), (Kind::Code, None));
}

/// What a conversion team begins with: each code of a system once.
#[test]
fn a_list_of_distinct_codes_is_no_list_of_ids() {
    let codes = engine().system("icd9cm").unwrap();
    let codes: Vec<&str> = codes.concepts().filter(|c| c.status() == Some(xwalk::model::Status::Valid)).map(|c| c.code()).collect();
    let text: String = codes.iter().step_by(97).enumerate().map(|(n, code)| format!("{code},a local name {n}\n")).collect();
    let found = looked_at(&Place::with("a.csv", format!("code,name\n{text}")));
    assert_eq!((found.columns[0].kind, found.columns[0].system.as_deref()), (Kind::Code, Some("icd9cm")), "{:?}", found.columns[0]);
    assert!(found.job.contains("name = \"code\"\nfrom = \"icd9cm\""), "{}", found.job);
}

/// A date of birth beside the date of service leaves no doubt about which of the two is meant.
#[test]
fn of_several_dates_that_of_birth_is_not_proposed() {
    let row = |i: usize| format!("c{i},250.00,2012-01-{:02},19{:02}-03-01\n", i % 28 + 1, 30 + i);
    let rows: String = (0..40).map(row).collect();
    let proposed = |head: &str| looked_at(&Place::with("a.csv", format!("{head}\n{rows}"))).job;
    for head in ["id,dx,service,birth_date", "id,dx,service,born"] {
        assert!(proposed(head).contains("\ndate = \"service\"\n"), "{}", proposed(head));
    }
    assert!(proposed("id,dx,from,to").contains("\n# date = \"from\"   # one of several\n"), "{}", proposed("id,dx,from,to"));
}

/// 428.0 ends in a zero as its system prints it.
#[test]
fn codes_that_end_in_a_zero_are_no_damage() {
    let kinds = |codes: [&str; 4]| {
        let rows: String = (0..80).map(|i| format!("c{i},{}\n", codes[i % 4])).collect();
        let found = looked_at(&Place::with("a.csv", format!("id,dx\n{rows}")));
        assert_eq!(found.columns[1].system.as_deref(), Some("icd9cm"), "{:?}", found.columns[1]);
        found.columns[1].damage.iter().map(|d| (d.kind, d.rows)).collect::<Vec<_>>()
    };
    assert_eq!(kinds(["428.0", "401.9", "V58.61", "414.01"]), []);
    // A header, and one without its dot that was taken for a number.
    let damaged = kinds(["250.0", "401.9", "V58.61", "41401.0"]);
    assert!(damaged.contains(&("decimal-zero", 40)) && damaged.contains(&("header", 20)), "{damaged:?}");
}

/// What is proposed for objects in a list runs as it stands.
#[test]
fn lists_of_objects_are_looked_into() {
    const CODES: [&str; 5] = ["250.00", "401.9", "V58.61", "428.0", "414.01"];
    let row = |i: usize| {
        format!("{{\"id\":\"c{i}\",\"d\":[{{\"code\":\"{}\",\"poa\":\"Y\"}},{{\"code\":\"{}\"}}]}}\n", CODES[i % 5], CODES[i % 3])
    };
    let place = Place::with("a.ndjson", (0..60).map(row).collect::<String>());
    let found = looked_at(&place);
    let column = found.columns.iter().find(|c| c.name == "/d/*/code").unwrap_or_else(|| panic!("{:?}", found.columns));
    assert_eq!((column.kind, column.system.as_deref(), column.split), (Kind::Code, Some("icd9cm"), Some(' ')));
    std::fs::write(place.path("job.toml"), &found.job).unwrap();
    let run = convert(&Job::read(&place.path("job.toml")).unwrap(), engine(), &mut |_| {}).unwrap();
    assert_eq!((run.ledger.codes(), run.ledger.settled()), (120, 120), "{}", found.job);
}

#[test]
fn dates_that_no_job_reads_are_said() {
    let day = |row: usize| format!("{row},{:02}.03.2014\n", row % 28 + 1);
    let found = looked_at(&Place::with("a.csv", "id,day\n".to_owned() + &(0..60).map(day).collect::<String>()));
    let damage = &found.columns[1].damage;
    assert_eq!(damage.iter().map(|d| (d.kind, d.rows)).collect::<Vec<_>>(), [("other-date", 60)]);
    let sas = |row: usize| format!("{row},{:02}MAR2014\n", row % 28 + 1);
    let found = looked_at(&Place::with("a.csv", "id,day\n".to_owned() + &(0..60).map(sas).collect::<String>()));
    assert_eq!(found.columns[1].kind, Kind::Date);
}

/// Each proposal runs as it stands.
#[test]
fn proposals_run() {
    let claims = "id,dx,day\n".to_owned() + &(0..40).map(|i| format!("c{i},250.00,2012-01-{:02}\n", i % 28 + 1)).collect::<String>();
    let rows = |head: &str, row: &dyn Fn(usize) -> String| head.to_owned() + &(0..40).map(row).collect::<String>();
    let run = |name: &str, text: &[u8], job_file: &str, how: &dyn Fn(&mut Job)| {
        let place = Place::with("unused", "");
        for folder in ["sub", "jobs"] {
            std::fs::create_dir(place.path(folder)).unwrap();
        }
        std::fs::write(place.path(name), text).unwrap();
        let mut look = Job { input: place.path(name), ..Job::default() };
        how(&mut look);
        let file = place.path(job_file);
        let found = profile(&look, engine(), Some(&file)).unwrap();
        std::fs::write(&file, &found.job).unwrap();
        let run = convert(&Job::read(&file).unwrap(), engine(), &mut |_| {}).unwrap_or_else(|e| panic!("{name}: {e}\n{}", found.job));
        assert_eq!((run.ledger.records_out, run.ledger.settled()), (40, run.ledger.codes()), "{name}: {}", found.job);
        assert!(run.ledger.codes() >= 40, "{name}: {}", found.job);
        found.job
    };
    run("p.csv", claims.as_bytes(), "p.toml", &|_| {});
    run("sub/p.csv", claims.as_bytes(), "p.toml", &|_| {});
    run("sub/p.csv", claims.as_bytes(), "jobs/p.toml", &|_| {});
    run("p.dat", claims.replace(',', "~").as_bytes(), "p.toml", &|job| job.delimiter = Some('~'));
    run("p.dat", &claims.as_bytes()["id,dx,day\n".len()..], "p.toml", &|job| job.header = false);
    run("p.csv", &claims.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>(), "p.toml", &|job| {
        job.encoding = Some("utf-16be".into())
    });
    run("p.log", rows("", &|i| format!("{{\"id\":\"c{i}\",\"dx\":\"401.9\"}}\n")).as_bytes(), "p.toml", &|job| {
        job.format = Some(xwalk::job::RecordFormat::Ndjson);
    });
    run("p.csv", rows("dx,dx,,\"dx, main\"\n", &|_| "250.00,401.9,V58.61,401.9\n".into()).as_bytes(), "p.toml", &|_| {});
    // A date of birth is no date of service: ICD-9-CM was not there yet.
    for head in ["id,dx,birth_date\n", "id,dx,d\n"] {
        let job = run("p.csv", rows(head, &|i| format!("c{i},250.00,19{:02}-03-01\n", i * 2)).as_bytes(), "p.toml", &|_| {});
        assert!(job.contains("rather a date of birth"), "{job}");
    }
}

#[test]
fn what_spreadsheets_did() {
    let mut text = String::from("dx,words\n");
    for i in 0..100 {
        let code = ["250.00", "401.9", "2.5E+02", "5-Mar", "V58.61", "428.0", "N/A", "414.01", "272.4", "530.81"][i % 10];
        text += &format!("{code},chest pain with shortness of breath {}\n", i % 7);
    }
    text += "torn\n";
    let found = looked_at(&Place::with("a.csv", text));
    assert_eq!(found.torn, 1);
    assert_eq!(found.duplicates.records, 30);
    let damage = |kind: &str| found.columns[0].damage.iter().find(|d| d.kind == kind).map(|d| d.rows);
    assert_eq!((damage("scientific-notation"), damage("spreadsheet-date"), damage("placeholder")), (Some(10), Some(10), Some(10)));
    assert_eq!(found.columns[1].kind, Kind::Text);
    // Words are counted, and never shown.
    let shown = format!("{found:?}{}", page::page(&found));
    assert!(!shown.contains("shortness"), "free text in a profile");
}

/// A quote that opens in one record and closes in another makes one of them; that has to be seen, in any dialect.
#[test]
fn records_of_several_lines_are_said() {
    let tabs = "id\tdx\tnote\n1\t250.00\t\"two\nlines\"\n2\t401.9\t\"x\"\n3\t272.4\t\"a\r\nb\nc\"\n";
    let commas = "id,dx,note\n1,250.00,\"swallowed\n2,401.9,plain\n3,272.4,\"\n";
    for (name, text, quote, breaks, longest) in [
        ("a.tsv", tabs, Some("\""), 3, Some((5, 3))),
        ("a.csv", commas, None, 2, Some((2, 3))),
        ("a.csv", commas, Some("none"), 0, None),
        ("b.tsv", "id\tdx\tnote\n1\t250.00\t5\" nail\n2\t401.9\t6\" nail\n", None, 0, None),
    ] {
        let place = Place::with(name, text);
        let job = Job { input: place.input.clone(), quote: quote.and_then(Quote::parse), ..Job::default() };
        let found = profile(&job, engine(), None).unwrap();
        assert_eq!((found.line_breaks, found.longest.map(|l| (l.line, l.lines))), (breaks, longest), "{name} {quote:?}");
        let said = "line breaks stand within fields";
        assert_eq!(page::page(&found).contains(said), breaks > 0, "{name} {quote:?}");
        let out =
            super::cli::xwalk().arg("profile").arg(&place.input).args(quote.map(|quote| ["--quote", quote]).iter().flatten()).output();
        assert_eq!(String::from_utf8(out.unwrap().stdout).unwrap().contains(said), breaks > 0, "{name} {quote:?}");
        // The proposed job reads the file as it was read.
        assert_eq!(found.job.contains("quote = "), quote.is_some(), "{}", found.job);
        std::fs::write(place.path("job.toml"), &found.job).unwrap();
        assert_eq!(Job::read(&place.path("job.toml")).unwrap().quote, job.quote);
    }
}

#[test]
fn ids_and_quantities_are_no_codes() {
    let mut text = String::from("claim,qty,amount\n");
    for i in 0..500 {
        text += &format!("{},{},{}.00\n", 4000 + i, 1 + i % 90, 100 + (i * 37) % 900);
    }
    let found = looked_at(&Place::with("a.csv", text));
    assert_eq!(found.columns[0].kind, Kind::Key);
    assert_ne!(found.columns[1].kind, Kind::Code, "{:?}", found.columns[1]);
    assert!(found.job.contains("no column looks like codes") || found.columns[2].doubtful, "{}", found.job);
}

#[test]
fn other_formats() {
    let place =
        Place::with("a.ndjson", "{\"p\":{\"dx\":\"250.00\"}}\n{\"p\":{\"dx\":\"4019\"},\"x\":null}\n[1]\n\n{\"p\":{\"dx\":\"V58.61\"}}\n");
    let found = looked_at(&place);
    assert_eq!((found.records, found.torn), (3, 1));
    assert_eq!(found.columns[0].name, "/p/dx");
    assert_eq!(found.columns[0].system.as_deref(), Some("icd9cm"));
    assert_eq!((found.columns[1].filled, found.columns[1].blank), (0, 3));
    let utf16: Vec<u8> = "\u{feff}id;dx\r\n1;250.00\r\n2;401.9\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = looked_at(&Place::with("a.csv", utf16));
    assert_eq!((found.file.encoding, found.file.delimiter, found.records), ("UTF-16LE", Some(';'), 2));
    assert_eq!(found.columns[0].name, "id");
}

#[test]
fn the_command_prints_writes_and_converts() {
    let place = Place::with("claims.csv", claims(500, 22));
    let (toml, html) = (place.path("job.toml"), place.path("profile.html"));
    let run = |format: &str| {
        let mut command = super::cli::xwalk();
        command.arg("--format").arg(format).arg("profile").arg(&place.input);
        command
    };
    let out = run("text").arg("--job").arg(&toml).arg("--page").arg(&html).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0), "{text}");
    assert!(text.contains("icd9cm") && text.contains("proposed job file"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&run("json").output().unwrap().stdout).unwrap();
    assert_eq!((&json["schema"], &json["records"]), (&"xwalk-profile/1".into(), &500.into()));
    assert_eq!(json["columns"][1]["system"], "icd9cm");
    // An earlier proposal is not overwritten.
    assert_eq!(run("text").arg("--job").arg(&toml).output().unwrap().status.code(), Some(2));
    let out = super::cli::xwalk().arg("convert").arg("--job").arg(&toml).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "something is left to people: {}", String::from_utf8_lossy(&out.stderr));
    assert!(place.path("claims-converted.csv").is_file() && place.path("claims-report/duplicates.csv").is_file());
    assert!(std::fs::read_to_string(html).unwrap().starts_with("<!DOCTYPE html>"));
}

/// A job for a file, proposed and read again; without a table if all are doubtful.
fn proposed(text: &str, name: &str) -> (Profile, Place, Job) {
    let place = Place::with(name, text);
    let found = looked_at(&place);
    std::fs::write(place.path("job.toml"), &found.job).unwrap();
    let job = Job::read(&place.path("job.toml")).unwrap_or_else(|e| panic!("{e}\n{}", found.job));
    (found, place, job)
}

/// One row in four is ICD-10-CM: at the end, and each code once, while 1,500 codes of ICD-9-CM come again and again.
#[test]
fn what_is_rare_in_its_values_and_frequent_in_its_rows_is_seen() {
    let codes = |system: &str, n: usize| -> Vec<String> {
        let all = engine().system(system).unwrap().concepts().filter(|c| c.status() == Some(xwalk::model::Status::Valid));
        all.map(|c| c.code().to_owned()).step_by(5).take(n).collect()
    };
    let mut text = String::from("id,code\n");
    let (nine, ten) = (codes("icd9cm", 1500), codes("icd10cm", 5000));
    let rows = (0..15_000).map(|i| &nine[i % nine.len()]).chain(&ten);
    rows.enumerate().for_each(|(id, code)| text += &format!("{id},{code}\n"));
    let (found, place, job) = proposed(&text, "p.csv");
    let code = &found.columns[1];
    let share = |system: &str| code.evidence.iter().find(|e| e.system == system).map_or(0.0, |e| e.only_here);
    assert!((0.6..0.8).contains(&share("icd9cm")) && (0.15..0.35).contains(&share("icd10cm")), "{:?}", code.evidence);
    assert!(code.doubtful && job.columns.is_empty() && found.job.contains("# doubtful: also codes of icd10cm"), "{}", found.job);
    assert_eq!(code.looked_at.map(|l| (l.values, l.of)), Some((1000, 6500)));
    let out = super::cli::xwalk().arg("profile").arg(&place.input).output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    for what in ["1,000 of 6,500 values were looked at", "% of rows"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert!(page::page(&found).contains("1,000 of 6,500 values were looked at"));
}

/// A fifth of the rows has one of three codes of a second system.
#[test]
fn what_is_frequent_in_its_rows_and_rare_in_its_values_is_seen() {
    let all = engine().system("icd9cm").unwrap().concepts().filter(|c| c.status() == Some(xwalk::model::Status::Valid));
    let nine: Vec<&str> = all.map(|c| c.code()).take(2000).collect();
    let row = |i: usize| if i.is_multiple_of(5) { ["I50.9", "I25.10", "J44.9"][i % 3] } else { nine[i % nine.len()] };
    let rows: String = (0..20_000).map(|i| format!("{i},{}\n", row(i))).collect();
    let (found, _place, job) = proposed(&format!("id,code\n{rows}"), "p.csv");
    assert!(found.columns[1].doubtful && job.columns.is_empty(), "{}", found.job);
    assert!(found.job.contains("# doubtful: also codes of icd10cm (20.0 %)"), "{}", found.job);
}

/// Later diagnoses are mostly blank and hardly repeat: no key, and no gap in their series.
#[test]
fn sparse_diagnoses_belong_to_their_series() {
    let codes: Vec<&str> = {
        let all = engine().system("icd9cm").unwrap().concepts().filter(|c| c.status() == Some(xwalk::model::Status::Valid));
        all.map(|c| c.code()).filter(|c| c.len() == 6).step_by(17).take(300).collect()
    };
    let row = |i: usize| {
        let at = |n: usize| codes[(i * n) % codes.len()].replace('.', "");
        let sparse = if i.is_multiple_of(10) { codes[i / 10].replace('.', "") } else { String::new() };
        format!("c{i},{},{},,{sparse},{}.50,{},\n", at(7), at(11), 100 + i, at(3))
    };
    let rows: String = (0..300).map(row).collect();
    let (found, _place, job) = proposed(&format!("id,dx1,dx2,dx3,dx4,dx5,dx6,dx7\n{rows}"), "p.csv");
    assert_eq!((&*job.columns[0].name, &job.key[..]), ("dx1..dx4,dx6", &["id".to_owned()][..]), "{}", found.job);
    assert!(found.job.contains("# left out: \"dx5\" (") && found.job.contains("# left out: \"dx7\" (empty)"), "{}", found.job);
    convert(&job, engine(), &mut |_| {}).unwrap();
    // Two columns that say whose the record is: one is proposed, the other named.
    let rows: String = (0..40).map(|i| format!("c{i},{i},250.00\n")).collect();
    let (found, _place, job) = proposed(&format!("claim,line,dx\n{rows}"), "p.csv");
    assert_eq!(job.key, ["claim"], "{}", found.job);
    assert!(found.job.contains("# or one of \"line\""), "{}", found.job);
}

/// Small numbers are codes of procedures as well; nobody converts record numbers by oversight.
#[test]
fn counts_are_no_codes_beyond_doubt() {
    for (name, value) in [
        ("record", (|i| (i % 800 + 1).to_string()) as fn(usize) -> String),
        ("type_of_bill", |i| ["111", "131", "837"][i % 3].into()),
        ("weight", |i| (i % 121 + 40).to_string()),
    ] {
        let rows: String = (0..2400).map(|i| format!("{}\n", value(i))).collect();
        let (found, _place, job) = proposed(&format!("{name}\n{rows}"), "p.csv");
        let column = &found.columns[0];
        assert!((column.kind != Kind::Code || column.doubtful) && job.columns.is_empty(), "{name}: {column:?}\n{}", found.job);
    }
}

#[test]
fn series_of_json_members_are_named_one_by_one() {
    let row = |i: usize| format!("{{\"dx1\":\"{}\",\"dx2\":\"401.9\"}}\n", ["250.00", "V58.61"][i % 2]);
    let (found, _place, job) = proposed(&(0..40).map(row).collect::<String>(), "p.ndjson");
    assert_eq!(job.columns[0].name, "/dx1,/dx2", "{}", found.job);
    assert_eq!(convert(&job, engine(), &mut |_| {}).unwrap().ledger.settled(), 80);
}

#[test]
fn ages_and_sexes_are_proposed() {
    let row = |i: usize| format!("c{i},{},{},401.9\n", i % 90, ["M", "F", "F", "U"][i % 4]);
    let rows: String = (0..200).map(row).collect();
    for (head, unit) in [("id,age,sex,dx", "years"), ("id,age_in_months,gender,dx", "months")] {
        let (found, _place, job) = proposed(&format!("{head}\n{rows}"), "p.csv");
        assert_eq!((found.columns[1].kind, found.columns[2].kind), (Kind::Age, Kind::Sex), "{:?}", found.columns);
        let names: Vec<&str> = head.split(',').collect();
        let facts = (job.age.as_deref(), job.age_unit.as_deref(), job.sex.as_deref());
        assert_eq!(facts, (Some(names[1]), Some(unit), Some(names[2])), "{}", found.job);
        convert(&job, engine(), &mut |_| {}).unwrap();
    }
    // With their units they need none.
    let (found, _place, job) = proposed(&format!("age,dx\n{}", "3y,401.9\n28d,250.00\n".repeat(20)), "p.csv");
    assert_eq!((job.age.as_deref(), job.age_unit.as_deref()), (Some("age"), None), "{}", found.job);
}

/// What is detected at the beginning need not hold to the end.
#[test]
fn the_first_umlaut_may_come_late() {
    let mut text = b"id,dx,note\n".to_vec();
    (0..6000).for_each(|i| text.extend_from_slice(format!("c{i},401.9,plain words\n").as_bytes()));
    text.extend_from_slice(b"last,401.9,M\xe4rz\n");
    let place = Place::with("p.csv", &text);
    let found = looked_at(&place);
    assert!(found.job.contains("encoding = \"windows-1252\""), "{}", found.job);
    std::fs::write(place.path("job.toml"), &found.job).unwrap();
    let run = convert(&Job::read(&place.path("job.toml")).unwrap(), engine(), &mut |_| {}).unwrap();
    assert_eq!(run.ledger.records_out, 6001);
    let mut command = super::cli::xwalk();
    command.args(["convert", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx"]).arg(&place.input).arg("-o").arg(place.path("o.csv"));
    let out = command.output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("1 records rejected: encoding") && said.contains("--encoding windows-1252"), "{said}");
    // UTF-8 with some damage stays what it is.
    let rows: String = (0..6000).map(|i| format!("c{i},401.9,März\n")).collect();
    let found = looked_at(&Place::with("p.csv", [b"id,dx,note\n", rows.as_bytes(), b"last,401.9,M\xe4rz\n"].concat()));
    assert!(!found.job.contains("encoding"), "{}", found.job);
}

/// Of these most are codes, and none is meant as one; of ten such columns of a file nobody finds the one that was converted by oversight.
#[test]
fn years_numbers_and_measures_are_not_proposed_beyond_doubt() {
    let mut lots = Lots(17);
    let mut column = |lowest: usize, highest: usize, write: &dyn Fn(usize) -> String| -> Vec<String> {
        (0..600).map(|_| write(lowest + lots.below(highest - lowest + 1))).collect()
    };
    let plain = |n: usize| n.to_string();
    let columns = [
        ("birth_year", column(1920, 2010, &plain)),
        ("patient", column(1000, 1400, &plain)),
        ("pounds", column(1000, 2600, &|n| format!("{}.{}", n / 10, n % 10))),
        ("zip", column(1001, 2791, &plain)),
        ("revenue", column(0, 10, &|n| ["0250", "0300", "0301", "0305", "0320", "0450", "0636", "0730", "0120", "0270", "0272"][n].into())),
        ("clinic", column(0, 7, &|n| ["1010", "1020", "1030", "2010", "2020", "3010", "4010", "5010"][n].into())),
        ("few_years", column(0, 4, &|n| ["1930", "1940", "1958", "1974", "1990"][n].into())),
        ("float", column(9, 10, &|n| format!("{n}.0"))),
    ];
    for (name, values) in &columns {
        let rows: String = values.iter().map(|v| format!("{v},401.9\n")).collect();
        let (found, _place, job) = proposed(&format!("{name},dx\n{rows}"), "p.csv");
        let found = &found.columns[0];
        assert!(found.kind != Kind::Code || found.doubtful, "{found:?}");
        assert_eq!(job.columns.iter().map(|c| &*c.name).collect::<Vec<_>>(), ["dx"], "{name}");
    }
}

/// Real codes are proposed, few and without their dots, with placeholders between them.
#[test]
fn columns_of_codes_are_proposed() {
    let codes: Vec<String> = {
        let all = engine().system("icd9cm").unwrap().concepts().filter(|c| c.status() == Some(xwalk::model::Status::Valid));
        all.map(|c| c.code().replace('.', "")).step_by(1471).collect()
    };
    let numbers: Vec<&String> = codes.iter().filter(|code| code.bytes().all(|b| b.is_ascii_digit())).collect();
    assert!((5..10).contains(&numbers.len()), "{numbers:?}");
    for nothing in ["", "N/A"] {
        let row =
            |i: usize| format!("c{i},{}\n", if nothing.is_empty() || !i.is_multiple_of(3) { numbers[i % numbers.len()] } else { nothing });
        let (found, _place, job) = proposed(&format!("id,dx\n{}", (0..300).map(row).collect::<String>()), "p.csv");
        assert_eq!(job.columns.len(), 1, "{:?}\n{}", found.columns[1], found.job);
    }
    // Half of it is something else.
    let row = |i: usize| format!("c{i},{}\n", if i.is_multiple_of(3) { format!("X-{}", i % 40) } else { codes[i % codes.len()].clone() });
    let (found, _place, job) = proposed(&format!("id,dx\n{}", (0..300).map(row).collect::<String>()), "p.csv");
    assert!(found.columns[1].kind == Kind::Code && job.columns.is_empty(), "{}", found.job);
    assert!(found.job.contains("# doubtful: only 66.7 % of the rows are codes"), "{}", found.job);
}

/// R calls columns V1, V2 ...: a name with a number says little of what is in it.
#[test]
fn amounts_and_words_do_not_belong_to_a_series() {
    let row = |i: usize| {
        let amount = if i.is_multiple_of(3) { ["250.00", "75.00", "38.25", "12.50", "99.99", "1250.10"][i / 3 % 6] } else { "" };
        let note = if i.is_multiple_of(9) { "fell at home" } else { "" };
        let day = if i.is_multiple_of(8) { "2014-05-06" } else { "" };
        format!("c{i},{},{amount},{note},{day},{}\n", ["250.00", "V58.61", "428.0"][i % 3], ["401.9", ""][i % 2])
    };
    let rows: String = (0..360).map(row).collect();
    for (head, name) in [("V1,V2,V3,V4,V5,V6\n", "V2,V6"), ("id,,,,,\n", "#2,#6")] {
        let (found, _place, job) = proposed(&format!("{head}{rows}"), "p.csv");
        assert_eq!(job.columns[0].name, name, "{}", found.job);
        assert_eq!(job.columns.len(), 1, "{}", found.job);
    }
}

/// Numbers that are codes by chance are none because the column before them has codes.
#[test]
fn what_is_doubtful_does_not_slip_into_a_series() {
    let row = |i: usize| {
        let (version, code) = if i.is_multiple_of(2) { (9, ["250.00", "401.9"][i / 2 % 2]) } else { (0, ["E11.9", "I10"][i / 2 % 2]) };
        let number = if i.is_multiple_of(3) { (1000 + i * 7 % 400).to_string() } else { String::new() };
        format!("{version},{code},{number}\n")
    };
    let (found, _place, job) = proposed(&format!("ver,dx1,dx2\n{}", (0..600).map(row).collect::<String>()), "p.csv");
    assert_eq!(job.columns.iter().map(|c| &*c.name).collect::<Vec<_>>(), ["dx1"], "{:?}\n{}", found.columns[2], found.job);
}

/// Two systems in `dx`, and what stands beside them.
fn mixed(head: &str, row: &dyn Fn(usize, bool) -> String) -> (Profile, Place, Job) {
    let (nine, ten) = (["250.00", "401.9", "V58.61", "428.0", "414.01"], ["E11.9", "I10", "Z79.01", "I50.9", "I25.10"]);
    let row = |i: usize| {
        let old = i * 7 % 10 < 5;
        format!("{},{}\n", row(i, old), if old { nine[i % 5] } else { ten[i % 5] })
    };
    proposed(&format!("{head},dx\n{}", (0..400).map(row).collect::<String>()), "p.csv")
}

#[test]
fn the_column_that_tells_systems_apart_is_the_best() {
    let by = |found: &Profile| found.columns.iter().find(|c| c.name == "dx").and_then(|c| c.told_apart_by.clone());
    // The years of service are parted by the systems too, until the next year comes.
    let (found, _place, job) =
        mixed("year,ver", &|i, old| format!("{},{}", if old { [2013, 2014][i % 2] } else { [2016, 2017][i % 2] }, if old { 9 } else { 0 }));
    assert_eq!(job.columns[0].from_column.as_deref(), Some("ver"), "{}", found.job);
    // A column that is right of 97 in 100 stands before the one that always is.
    let (found, _place, job) = mixed("site,ver", &|i, old| {
        let site = old ^ i.is_multiple_of(33);
        format!("{},{}", if site { 'A' } else { 'B' }, if old { 9 } else { 10 })
    });
    assert_eq!(job.columns[0].from_column.as_deref(), Some("ver"), "{}", found.job);
    // Beside U stand codes of both.
    let version = |i: usize, old: bool| match (i % 40, old) {
        (0 | 5, _) => "U",
        (_, true) => "9",
        (_, false) => "0",
    };
    let (found, _place, job) = mixed("ver", &|i, old| version(i, old).into());
    let told = by(&found).expect("ver tells");
    assert_eq!(told.unclear, ["U"], "{}", found.job);
    assert_eq!(job.columns[0].values.keys().collect::<Vec<_>>(), ["0", "9"], "{}", found.job);
    assert!(found.job.contains("# no value: \"U\""), "{}", found.job);
    convert(&job, engine(), &mut |_| {}).unwrap();
    // The ids of a few records explain everything, and nothing.
    let (found, _place, job) = proposed("id,dx\n1,250.00\n2,I50.9\n3,401.9\n4,E11.9\n", "p.csv");
    assert!(by(&found).is_none() && job.columns.is_empty(), "{}", found.job);
}

/// One column has one target.
#[test]
fn diagnoses_and_procedures_are_not_sent_to_one_target() {
    let all = super::kit::embedded();
    let engine = xwalk::engine::Engine::new(std::sync::Arc::new(
        xwalk::index::Index::from_bytes(super::kit::embedded_bytes().to_vec(), xwalk::text::VERSION).unwrap(),
    ));
    let codes = |system: &str| -> Vec<String> {
        let of = all.system(system).unwrap().concepts().filter(|c| c.status() == Some(xwalk::model::Status::Valid));
        of.map(|c| c.code().to_owned()).step_by(61).take(60).collect()
    };
    let look = |systems: &[&str]| {
        let codes: Vec<Vec<String>> = systems.iter().map(|system| codes(system)).collect();
        let row = |i: usize| format!("c{i},k{},{}\n", i % codes.len(), codes[i % codes.len()][i / codes.len() % 60]);
        let place = Place::with("p.csv", format!("id,kind,code\n{}", (0..800).map(row).collect::<String>()));
        profile(&Job { input: place.input.clone(), ..Job::default() }, &engine, None).unwrap()
    };
    let found = look(&["icd9cm", "icd9proc"]);
    let job: Job = toml::from_str(&found.job).unwrap();
    assert!(job.columns.is_empty() && found.job.contains("a column goes to one system"), "{}", found.job);
    // Four systems, a quarter each, are codes as well, and all are named.
    let found = look(&["icd9cm", "icd9proc", "icd10cm", "icd10pcs"]);
    let code = &found.columns[2];
    assert_eq!((code.kind, code.evidence.len() >= 4), (Kind::Code, true), "{code:?}");
    assert_eq!(code.told_apart_by.as_ref().map(|by| by.values.len()), Some(4), "{}", found.job);
}

/// A name may have anything in it, and what is proposed is read all the same.
#[test]
fn proposals_with_odd_names_run() {
    let runs = |head: &str, cells: usize, names: &[&str]| {
        let row = |i: usize| format!("c{i}{}\n", format!(",{}", ["250.00", "V58.61", "428.0"][i % 3]).repeat(cells));
        let (found, _place, job) = proposed(&format!("{head}\n{}", (0..40).map(row).collect::<String>()), "p.csv");
        assert_eq!(job.columns.iter().map(|c| &*c.name).collect::<Vec<_>>(), names, "{}", found.job);
        let run = convert(&job, engine(), &mut |_| {}).unwrap_or_else(|e| panic!("{e}\n{}", found.job));
        assert_eq!(run.ledger.codes(), 40 * cells as u64, "{}", found.job);
    };
    runs("id,\"Dx\r\ncode\"", 1, &["Dx\r\ncode"]);
    runs("id,\"a\"\"\"\"\"\"\n'\\b\"", 1, &["a\"\"\"\n'\\b"]);
    runs("id,\"x\u{1}y\"", 1, &["x\u{1}y"]);
    runs("id, dx,dx", 2, &[" dx", "dx"]);
    runs("id,dx1..dx3,dx1,dx2,dx3", 4, &["dx1..dx3", "#3,#4,#5"]);
    // In comments too.
    let row = |i: usize| format!("c{i},2014-01-02,2014-01-05,250.00,{i}\n");
    let rows: String = (0..40).map(row).collect();
    let (found, _place, job) = proposed(&format!("id,\"Date of\nadmission\",\"Date of\ndischarge\",dx,\"line\nno\"\n{rows}"), "p.csv");
    assert!(found.job.contains("# date = \"Date of\\u000Aadmission\"   # one of several"), "{}", found.job);
    convert(&job, engine(), &mut |_| {}).unwrap();
    // A comma in the name of a member.
    let row = |i: usize| format!("{{\"id\":\"c{i}\",\"dx,main\":\"250.00\",\"dx1\":\"401.9\"}}\n");
    let (found, _place, job) = proposed(&(0..40).map(row).collect::<String>(), "p.ndjson");
    let run = convert(&job, engine(), &mut |_| {}).unwrap_or_else(|e| panic!("{e}\n{}", found.job));
    assert_eq!((run.ledger.settled(), run.ledger.records_out), (80, 40), "{}", found.job);
}

/// What cannot run as it stands is said, and stands behind a `#`.
#[test]
fn what_has_to_be_said_first_is_not_proposed_as_settled() {
    for (head, says) in
        [("id,dx,dx_target\n", "there is a column \"dx_target\" already"), ("id,dx,x\n", "what icd10cm is to be converted to")]
    {
        let code = |i: usize| if head.contains("_target") { ["250.00", "428.0"][i % 2] } else { ["E11.9", "I50.9"][i % 2] };
        let row = |i: usize| format!("c{i},{},\n", code(i));
        let (found, _place, job) = proposed(&format!("{head}{}", (0..40).map(row).collect::<String>()), "p.csv");
        assert!(job.columns.is_empty() && found.job.contains(says), "{}", found.job);
    }
    let row = |i: usize| format!("{{\"dx\":\"{}\",\"dx_outcome\":\"\"}}\n", ["250.00", "428.0"][i % 2]);
    let (found, _place, job) = proposed(&(0..40).map(row).collect::<String>(), "p.ndjson");
    assert!(job.columns.is_empty() && found.job.contains("\"dx_outcome\" already"), "{}", found.job);
    // Words, where there are no codes.
    let row = |i: usize| format!("P{},{}\n", i % 9, ["chest pain", "low back pain", "shortness of breath"][i % 3]);
    let (found, _place, job) = proposed(&format!("pat,problem\n{}", (0..90).map(row).collect::<String>()), "p.csv");
    assert!(job.columns.is_empty() && found.job.contains("# from = \"text\""), "{}", found.job);
    let taken_away: Job = toml::from_str(
        &found
            .job
            .replace("# [[column]]", "[[column]]")
            .replace("\n# name", "\nname")
            .replace("\n# from", "\nfrom")
            .replace("\n# to", "\nto"),
    )
    .unwrap();
    assert!(taken_away.columns[0].is_text());
}

/// A day on which most codes were none yet, or no longer, is not their day of service.
#[test]
fn days_that_fit_no_code_are_doubted() {
    let row = |day: &str, i: usize| format!("c{i},{day},{}\n", ["250.00", "V58.61", "428.0"][i % 3]);
    for (day, valid) in [("2024-05-05", 0), ("2014-05-05", 60)] {
        let (found, place, job) = proposed(&format!("id,load_date,dx\n{}", (0..60).map(|i| row(day, i)).collect::<String>()), "p.csv");
        let on = found.columns[2].on_the_day.as_ref().unwrap();
        assert_eq!((&*on.column, on.codes, on.valid), ("load_date", 60, valid));
        assert_eq!((found.columns[1].doubtful, job.date.is_none()), (valid == 0, valid == 0), "{}", found.job);
        let out = super::cli::xwalk().arg("profile").arg(&place.input).output().unwrap();
        assert_eq!(out.status.code(), Some(i32::from(valid == 0)));
        let said = format!("of 60 codes looked at {valid} are valid on th");
        assert!(String::from_utf8_lossy(&out.stdout).contains(&said), "{}", String::from_utf8_lossy(&out.stdout));
        assert!(page::page(&found).contains(&format!("Of 60 codes looked at {valid} are valid on the day")));
    }
    // A release of which no beginning is known has an end.
    let (found, _place, _) = proposed(&format!("id,dx\n{}", (0..60).map(|i| format!("c{i},250.00\n")).collect::<String>()), "p.csv");
    assert_eq!(found.columns[1].evidence[0].valid.iter().map(|v| (&*v.release, v.share)).collect::<Vec<_>>(), [("32", 1.0)]);
    // A few days that are none reject their records.
    let rows: String = (0..100).map(|i: usize| row(if i.is_multiple_of(25) { "00/00/0000" } else { "2014-05-05" }, i)).collect();
    let (found, _place, _) = proposed(&format!("id,day,dx\n{rows}"), "p.csv");
    assert_eq!(found.columns[1].damage.iter().map(|d| (d.kind, d.rows)).collect::<Vec<_>>(), [("no-date", 4)]);
}

/// Names that are data: neither time nor memory may go with their number.
#[test]
fn very_many_members_are_not_all_looked_at() {
    use xwalk::job::profile::MOST_MEMBERS;
    let row = |i: usize| format!("{{\"dx\":\"250.00\",\"k{i}\":\"x\"}}\n");
    let found = looked_at(&Place::with("p.ndjson", (0..MOST_MEMBERS + 50).map(row).collect::<String>()));
    assert_eq!((found.columns.len(), found.beyond), (MOST_MEMBERS, 51));
    assert!(page::page(&found).contains("51 values stand in members beyond"));
}

#[test]
fn a_first_record_that_was_taken_for_a_header_is_doubted() {
    let text = "A1,2014-03-31,250.00,M\nA2,2014-04-01,401.9,F\nA3,2014-04-02,428.0,M\nA4,2014-04-02,496,M\n".repeat(20);
    let found = looked_at(&Place::with("a.csv", &text));
    let dx = &found.columns[2];
    assert_eq!((&*dx.name, dx.kind, dx.doubtful), ("250.00", Kind::Code, true));
    assert!(dx.doubts.iter().any(|doubt| doubt.contains("--no-header")), "{:?}", dx.doubts);
}

#[test]
fn json_is_known_by_its_beginning() {
    let rows = "{\"dx\":\"250.00\"}\n{\"dx\":\"401.9\",\"dx\":\"428.0\"}\n{\"dx\":\"401.9\"}\n";
    let (found, _place, job) = proposed(rows, "c.json");
    // Of two members of one name one would be lost: a conversion rejects the record.
    assert_eq!((found.file.format, found.records, found.torn), ("ndjson", 2, 1));
    assert_eq!(convert(&job, engine(), &mut |_| {}).unwrap().ledger.records_out, 2);
    for text in ["[{\"dx\":\"250.00\"}]\n", "{\n  \"dx\": \"250.00\"\n}\n"] {
        let place = Place::with("c.json", text);
        let error = profile(&Job { input: place.input.clone(), ..Job::default() }, engine(), None).unwrap_err().to_string();
        assert!(error.contains("not one object a line"), "{error}");
    }
    let place = Place::with("c.csv", rows);
    let error = profile(&Job { input: place.input.clone(), ..Job::default() }, engine(), None).unwrap_err().to_string();
    assert!(error.contains("--records ndjson"), "{error}");
    assert_eq!(looked_at(&Place::with("c.txt", "[id],[dx]\n1,250.00\n")).columns.len(), 2);
}

/// Nothing is left behind where one of two files cannot be written.
#[test]
fn a_proposal_is_written_whole_or_not_at_all() {
    let place = Place::with("p.csv", claims(50, 3));
    std::fs::write(place.path("p.html"), "mine").unwrap();
    let run = |job: &str, page: &str| {
        let mut command = super::cli::xwalk();
        command.arg("profile").arg(&place.input).arg("--job").arg(place.path(job)).arg("--page").arg(page);
        let out = command.output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let page = place.path("p.html").display().to_string();
    let (code, said) = run("z.toml", &page);
    assert!(code == Some(2) && said.contains("exists; remove it or name another"), "{said}");
    let nowhere = place.path("none/p.html").display().to_string();
    assert_eq!(run("z.toml", &nowhere).0, Some(2));
    let (code, said) = run("z.toml", "-");
    assert!(code == Some(2) && said.contains("--page names a file"), "{said}");
    assert_eq!(place.files(), ["p.csv", "p.html"]);
}
