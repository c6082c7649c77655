//! Which approved answers the next run uses: the counts of the queue and what a run settles are the same.

use super::review::{GEM, Place, TITLES, next_year, releases, write};
use serde_json::Value;

/// What the next run does not use is not counted as settled, wherever that is counted, and the reason stands beside it.
#[test]
fn what_is_approved_and_not_used_is_held_back_and_not_counted() {
    // A05.9 is named by the map alone; A00 is a header.
    let titles = format!("{TITLES}0017  Cholera five\n");
    let gem = format!("{GEM}0017  A059    10000\r\n0017  A00     10000\r\n");
    let place = Place::with(&releases(&gem, &[], &titles, Vec::new()));
    write(&place.path("in.csv"), "dx\n001.1\n001.7\n001.7\n001.8\n001.8\n001.8\n001.9\n");
    let convert = |out: &str, more: &[&str]| {
        let job = ["convert", "in.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "-o", out, "--report", &format!("{out}.d")];
        place.runs(&[&job[..], more].concat());
        place.settled(&format!("{out}.d"))
    };
    let before = convert("1.csv", &[]);
    place.reviews("import", &["--by", "job", "1.csv.d"]);
    let listed = |more: &[&str]| -> Vec<Value> {
        serde_json::from_str(&place.reviews("list", &[&["--format", "json"], more].concat())).expect("JSON")
    };
    for item in listed(&[]) {
        let id = item["id"].to_string();
        match item["source"]["code"].as_str().expect("a code") {
            "001.7" => place.settle(&id, &["--codes", "A05.9"]),
            "001.8" => place.settle(&id, &["--codes", "A00"]),
            "001.9" => place.settle(&id, &["--no-map"]),
            _ => place.settle(&id, &["--pick", "1", "1"]),
        }
    }
    let stats = place.stats();
    let count = |name: &str| stats[name].as_u64().expect("a count");
    assert_eq!((count("items"), count("settled_items"), count("held_items")), (4, 2, 2), "{stats}");
    assert_eq!((count("settled_records"), count("held_records")), (2, 5), "{stats}");
    let used = ["--policy", "decision", "--decisions", "d.db"];
    assert_eq!(convert("2.csv", &used), before + count("settled_records"), "what is counted is what the run settles");
    let held = listed(&["--held"]);
    let reasons: Vec<(&str, &str)> =
        held.iter().map(|i| (i["source"]["code"].as_str().unwrap_or(""), i["held"].as_str().unwrap_or(""))).collect();
    assert!(
        matches!(reasons[..], [("001.8", header), ("001.7", unlisted)]
        if header.contains("A00, which is a header") && unlisted.contains("A05.9, which is in no loaded release")),
        "{reasons:?}"
    );
    let (code, out, _) = place.review("list", &["--held"]);
    assert!(code == 1 && out.contains("held back"), "{out}");
    let shown = place.reviews("show", &["--by", "x", &held[0]["id"].to_string()]);
    assert!(shown.contains("held back: decision"), "{shown}");
    // Decided anew with a code that may be recorded, it counts.
    place.settle(&held[0]["id"].to_string(), &["--codes", "A00.0"]);
    assert_eq!((place.stats()["settled_records"].as_u64(), place.stats()["held_items"].as_u64()), (Some(5), Some(1)));
    assert_eq!(convert("3.csv", &used), before + 5);
}

/// Approved in spite of it, an expired code is used for days on which it was one.
#[test]
fn what_a_target_date_holds_back_can_be_counted_beforehand() {
    let next = next_year();
    next.reviews("reexamine", &["--by", "boss"]);
    next.reviews("approve", &["--by", "bob", "2"]);
    let held = |more: &[&str]| {
        let stats = next.reviews("stats", &[&["--code", "001.1", "--format", "json"], more].concat());
        serde_json::from_str::<Value>(&stats).expect("JSON")["held_items"].as_u64()
    };
    assert_eq!((held(&[]), held(&["--target-date", "2018-09-30"]), held(&["--target-date", "2018-10-01"])), (Some(1), Some(0), Some(1)));
    let ask = ["translate", "--from", "icd9cm", "--to", "icd10cm", "001.1", "--policy", "decision", "--decisions", "d.db"];
    let code = |date: &[&str]| next.run(&[&ask[..], date].concat()).0;
    assert_eq!((code(&[]), code(&["--target-date", "2018-09-30"])), (1, 0));
}

/// Words without a code become items too, and the next run uses what was decided for them.
#[test]
fn decisions_for_words_are_used_by_the_next_run() {
    let place = Place::new();
    write(&place.path("in.csv"), "note\nzzqx vvkw\nzzqx vvkw\nqqq zzz\n");
    let convert = |out: &str, more: &[&str]| {
        let job = ["convert", "in.csv", "--from", "text", "--to", "icd10cm", "--code", "note", "-o", out, "--report", &format!("{out}.d")];
        place.runs(&[&job[..], more].concat());
        place.settled(&format!("{out}.d"))
    };
    assert_eq!(convert("1.csv", &[]), 0);
    // The report knows what the words were to become: no --to is needed.
    place.reviews("import", &["--by", "job", "1.csv.d/review.csv"]);
    place.settle("1", &["--codes", "A00.0", "A04.7"]);
    place.settle("2", &["--codes", "A00"]);
    let stats = place.stats();
    assert_eq!((stats["settled_records"].as_u64(), stats["held_records"].as_u64()), (Some(2), Some(1)), "{stats}");
    assert_eq!(convert("2.csv", &["--policy", "decision", "--decisions", "d.db"]), 2);
    let out = std::fs::read_to_string(place.path("2.csv")).expect("an output");
    assert_eq!(out.matches("zzqx vvkw,A00.0 A04.7,combination,").count(), 2, "{out}");
    assert!(out.contains(",decision\n"), "{out}");
    let mut by_variable = place.xwalk();
    by_variable.env("XWALK_DECISIONS", "d.db").args(["convert", "in.csv", "--from", "text", "--to", "icd10cm", "--code", "note"]);
    by_variable.args(["-o", "3.csv", "--policy", "decision"]).output().expect("a run");
    assert_eq!(std::fs::read_to_string(place.path("3.csv")).expect("an output"), out);
    let review = std::fs::read_to_string(place.path("2.csv.d/review.csv")).expect("a review");
    assert!(review.contains("A00, which is a header"), "{review}");
}

/// Other tools write codes without their dots; a run asks by the printed form.
#[test]
fn codes_of_a_file_are_put_as_their_systems_print_them() {
    let place = Place::new();
    write(
        &place.path("in.csv"),
        "source_code,source_system,target_system,status,target_code,author,approver\n0018,icd9cm,icd10cm,approved,A000,ann,bob\n",
    );
    place.reviews("import", &["--by", "carl", "in.csv"]);
    assert_eq!((place.stats()["settled_items"].as_u64(), place.stats()["held_items"].as_u64()), (Some(1), Some(0)));
    let answer = place.runs(&["translate", "--from", "icd9cm", "--to", "icd10cm", "0018", "--policy", "decision", "--decisions", "d.db"]);
    assert!(answer.contains("decision") && answer.contains("A00.0"), "{answer}");
}

/// An xwalk of old took two approved rows of a file for one answer of two codes. Nobody meant that.
#[test]
fn combinations_that_an_older_import_invented_are_found_and_not_used() {
    let place = Place::new();
    place.two_items();
    place.settle("2", &["--codes", "A00.0", "A00.9"]);
    let raw = rusqlite::Connection::open(place.path("d.db")).expect("a file");
    raw.execute_batch("DROP TRIGGER target_is_final; UPDATE target SET grp = 0").expect("as it was");
    let ask = ["translate", "--from", "icd9cm", "--to", "icd10cm", "001.8", "--policy", "decision", "--decisions", "d.db"];
    let (code, out, _) = place.run(&ask);
    assert!(code == 1 && out.contains("A00.0 A00.9 as alternatives"), "{out}");
    assert_eq!(place.stats()["held_items"], 1);
    let (code, _, told) = place.review("reexamine", &["--by", "boss"]);
    assert!(code == 1 && told.contains("1 with alternatives"), "under the very index that they were approved with: {told}");
    let listed: Vec<Value> =
        serde_json::from_str(&place.reviews("list", &["--finding", "alternatives", "--format", "json"])).expect("JSON");
    assert_eq!((listed.len(), &listed[0]["status"]), (1, &Value::from("flagged")));
    let (code, _, told) = place.review("approve", &["--by", "eve", "2"]);
    assert!(code == 1 && told.contains("decide the item"), "{told}");
    place.settle("2", &["--codes", "A00.0"]);
    assert_eq!((place.run(&ask).0, place.stats()["settled_items"].as_u64()), (0, Some(1)));
}
