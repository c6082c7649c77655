//! Review as its users meet it: the program, a decisions file, and a small made-up pair of releases.

use crate::kit;
use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};
use xwalk::compile::Input;
use xwalk::model::MapKind;
use xwalk::read::Format;

/// ICD-9-CM 001.1 needs two codes (with a choice in the first), 001.8 is a choice, 001.9 has no map, 001.0 is clear.
pub const GEM: &str = "0010  A000    00000\r\n0011  A047    10111\r\n0011  A009    10111\r\n0011  A000    10112\r\n0018  A000    10000\r\n\
     0018  A009    10000\r\n0019  NoDx    11000\r\n";

fn order(rows: &[(&str, &str)]) -> String {
    kit::order(&rows.iter().map(|(code, title)| (*code, code.len() > 3, *title)).collect::<Vec<_>>())
}

const CODES: [(&str, &str); 4] =
    [("A00", "Cholera"), ("A000", "Classical cholera"), ("A009", "Cholera, unspecified"), ("A047", "Enterocolitis")];

pub fn releases(gem: &str, later: &[(&str, &str)], titles: &str, more: Vec<Input>) -> Vec<Input> {
    let mut inputs = vec![
        kit::system("cm-2018", "icd10cm", "2018", "2017-10-01", Format::IcdOrder, &order(&CODES)),
        kit::system("i9", "icd9cm", "32", "2014-10-01", Format::Icd9TitlesLong, titles),
        kit::map("gem", ("icd9cm", "icd10cm"), "2018", MapKind::Gem, Format::Gem, gem),
    ];
    if !later.is_empty() {
        inputs.push(kit::system("cm-2019", "icd10cm", "2019", "2018-10-01", Format::IcdOrder, &order(later)));
    }
    inputs.extend(more);
    inputs
}

pub const TITLES: &str = "0010  Cholera one\n0011  Cholera two\n0018  Cholera three\n0019  Cholera NOS\n";

/// A folder with an index and room for a decisions file.
pub struct Place {
    folder: tempfile::TempDir,
    index: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        Place::with(&releases(GEM, &[], TITLES, Vec::new()))
    }

    pub fn with(inputs: &[Input]) -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let index = folder.path().join("small.xwalk");
        std::fs::write(&index, kit::compile(inputs).0).expect("an index");
        Place { folder, index }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn xwalk(&self) -> Command {
        let mut command = super::cli::xwalk();
        command.current_dir(self.folder.path()).env("XWALK_INDEX", &self.index).env_remove("XWALK_DECISIONS").env_remove("USER");
        command
    }

    /// `xwalk review VERB --decisions d.db ARGS`: exit code, standard output, standard error.
    pub fn review(&self, verb: &str, args: &[&str]) -> (i32, String, String) {
        self.run(&[&["review", verb, "--decisions", "d.db"], args].concat())
    }

    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.xwalk().args(args).output().expect("a run");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
    }

    /// The same, and it must not end with 2.
    pub fn runs(&self, args: &[&str]) -> String {
        let (code, out, error) = self.run(args);
        assert!(code < 2, "{args:?}: {error}");
        out
    }

    pub fn reviews(&self, verb: &str, args: &[&str]) -> String {
        self.runs(&[&["review", verb, "--decisions", "d.db"], args].concat())
    }

    pub fn stats(&self) -> Value {
        serde_json::from_str(&self.reviews("stats", &["--format", "json"])).expect("JSON")
    }

    /// What the report of a run says of its first column: how many codes it settled.
    pub fn settled(&self, report: &str) -> u64 {
        let report: Value = serde_json::from_slice(&std::fs::read(self.path(report).join("report.json")).expect("a report")).expect("JSON");
        report["columns"][0]["settled"].as_u64().expect("a count")
    }

    /// Two items by hand: 1 is 001.1, 2 is 001.8.
    pub fn two_items(&self) {
        self.reviews("add", &["--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "--records", "10", "001.1", "001.8"]);
    }

    /// Ann answers, Bob approves.
    pub fn settle(&self, item: &str, answer: &[&str]) {
        self.reviews("decide", &[&["--by", "ann", item], answer].concat());
        self.reviews("approve", &["--by", "bob", item]);
    }
}

pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
}

#[test]
fn a_job_leaves_a_queue_and_the_next_run_uses_what_was_decided() {
    let place = Place::new();
    let rows: String = ["001.0", "001.1", "001.1", "001.8", "001.9", "777.7"].map(|code| format!("{code}\n")).concat();
    write(&place.path("in.csv"), &format!("dx\n{rows}"));
    let job = ["convert", "in.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx"];
    place.runs(&[&job[..], &["-o", "1.csv", "--report", "first"]].concat());
    // The report knows what each code was to become: no --to is needed.
    place.reviews("import", &["--by", "job", "first/review.csv"]);
    let before = place.settled("first");
    assert_eq!(place.stats()["items"].as_u64().expect("a count") + 1, 5, "001.0 is clear, the other four codes are open");

    place.settle("1", &["--pick", "2", "1"]);
    let listed: Vec<Value> = serde_json::from_str(&place.reviews("list", &["--format", "json"])).expect("JSON");
    for (item, code) in listed.iter().map(|i| (i["id"].to_string(), i["source"]["code"].as_str().expect("a code"))) {
        match code {
            "001.9" => place.settle(&item, &["--no-map"]),
            // Not a code at all; people know what was meant.
            "777.7" => place.settle(&item, &["--codes", "A00.0"]),
            _ => {}
        }
    }
    let predicted = before + place.stats()["settled_records"].as_u64().expect("a count");
    let second = [&job[..], &["-o", "2.csv", "--report", "second", "--policy", "decision", "--decisions", "d.db"]].concat();
    place.runs(&second);
    assert_eq!(place.settled("second"), predicted);
    let out = std::fs::read_to_string(place.path("2.csv")).expect("an output");
    assert!(out.contains("001.1,A00.9 A00.0,combination,") && out.contains(",decision"), "{out}");
    assert!(out.contains("777.7,A00.0"), "{out}");
    let codes = std::fs::read_to_string(place.path("second/codes.csv")).expect("codes");
    assert_eq!(codes.matches(",decision,").count(), 3, "{codes}");

    // One answer through translate too, with the number of the decision.
    let translated =
        ["translate", "--from", "icd9cm", "--to", "icd10cm", "001.1", "--policy", "decision", "--decisions", "d.db", "--format", "json"];
    let (code, out, error) = place.run(&translated);
    assert_eq!(code, 0, "{error}");
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(answer[0]["picked"]["policy"], "decision", "{out}");
    assert!(answer[0]["picked"]["decision"].as_i64().is_some(), "{out}");
}

/// What stands in a code column may be anything; the job's table is opened in a spreadsheet before it is imported.
#[test]
fn no_cell_of_a_jobs_queue_is_a_formula_and_codes_come_back_as_they_were() {
    let place = Place::new();
    write(&place.path("in.csv"), "dx\n=1+1\n-4019\n'9\n001.8\n");
    place.runs(&["convert", "in.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "-o", "1.csv", "--report", "r"]);
    let queue = std::fs::read_to_string(place.path("r/review.csv")).expect("a queue");
    assert!(queue.contains(",'=1+1,") && queue.contains(",'-4019,") && queue.contains(",''9,"), "{queue}");
    place.reviews("import", &["--by", "job", "r/review.csv"]);
    let listed: Vec<Value> = serde_json::from_str(&place.reviews("list", &["--format", "json"])).expect("JSON");
    let mut codes: Vec<&str> = listed.iter().filter_map(|i| i["source"]["code"].as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["'9", "-4019", "001.8", "=1+1"]);
}

#[test]
fn imports_tell_what_they_do_not_know_and_lose_nothing() {
    let place = Place::new();
    write(
        &place.path("in.csv"),
        "source_code,source_system,target_system,status,target_code,author,approver,colour\n\
         001.8,icd9cm,icd10cm,approved,A00.0,ann,bob,red\n\
         001.9,icd9cm,icd10cm,approved,Z99.9,ann,bob,red\n\
         777.7,icd9cm,icd10cm,approved,A00.0,ann,bob,red\n\
         ,icd9cm,icd10cm,approved,A00.0,ann,bob,red\n\
         001.1,icd9cm,icd10cm,perhaps,A00.0,ann,bob,red\n",
    );
    let (code, _, told) = place.review("import", &["--by", "carl", "in.csv"]);
    assert_eq!(code, 1, "{told}");
    for what in [
        "in.csv:1: column `colour` is not known",
        "in.csv:3: 001.9: the target `Z99.9` is not a code of icd10cm in this index; taken in, flagged, not used",
        "in.csv:4: 777.7: `777.7` is not a code of icd9cm in this index; taken in, flagged",
        "in.csv:5: neither a code nor a text; left out",
        "in.csv:6: status `perhaps` is none",
    ] {
        assert!(told.contains(what), "{what}\n{told}");
    }
    let stats = place.stats();
    assert_eq!((stats["items"].as_u64(), stats["settled_items"].as_u64()), (Some(3), Some(1)));
    // One person is not two, in a file either.
    write(&place.path("alone.csv"), "source_code,source_system,target_system,status,target_code\n001.0,icd9cm,icd10cm,approved,A00.0\n");
    let (code, _, told) = place.run(&["review", "import", "--decisions", "alone.db", "--by", "carl", "alone.csv"]);
    assert!(code == 1 && told.contains("1 answers that the file calls approved name nobody but their author"), "{code}: {told}");
    let listed = place.runs(&["review", "list", "--decisions", "alone.db", "--format", "json"]);
    assert!(listed.contains("\"proposed\""), "{listed}");
    // Again: nothing changes.
    let (_, _, again) = place.review("import", &["--by", "carl", "in.csv"]);
    assert!(again.contains("0 new items, 3 were there, 0 answered"), "{again}");
    let (code, out, error) =
        place.run(&["translate", "--from", "icd9cm", "--to", "icd10cm", "777.7", "--policy", "decision", "--decisions", "d.db"]);
    assert_eq!(code, 1, "a doubtful answer was used: {out}{error}");
}

#[test]
fn a_header_and_half_an_answer_are_told_and_words_do_not_leave_without_a_place() {
    let place = Place::new();
    place.two_items();
    let (code, _, told) = place.review("decide", &["--by", "ann", "2", "--codes", "A00"]);
    assert!(code == 0 && told.contains("A00 is a header: it is not billable"), "the pick stays possible: {told}");
    let (code, _, told) = place.review("decide", &["--by", "ann", "2", "--codes", "A04.8"]);
    assert!(code == 2 && told.contains("`A04.8` is not a code of icd10cm; near it: A04.7"), "{told}");
    // In a container `USER` may be empty.
    write(&place.path("in.csv"), "source_system,source_code,target_system,target_code,status\nicd9cm,001.8,icd10cm,A00.0,approved\n");
    for (verb, args) in [
        ("import", &["in.csv"][..]),
        ("add", &["--from", "icd9cm", "--to", "icd10cm", "001.0"]),
        ("decide", &["2", "--no-map"]),
        ("rules", &["--self-approval", "allowed"]),
    ] {
        let (code, _, told) = place.review(verb, &[&["--by", " "], args].concat());
        assert!(code == 2 && told.contains("needs the name of who does it"), "{verb}: {told}");
    }
    for (filter, value, says) in
        [("--score-below", "abc", "from 0 to 1"), ("--score-below", "50", "from 0 to 1"), ("--finding", "x", "map-changed")]
    {
        let (code, _, told) = place.review("list", &[filter, value]);
        assert!(code == 2 && told.contains(says), "{filter} {value}: {told}");
    }
    let (code, _, told) = place.review("decide", &["--by", "ann", "1", "--pick", "1"]);
    assert!(code == 2 && told.contains("2 codes are needed together, 1 was picked"), "{told}");
    let (code, _, told) = place.review("decide", &["--by", "ann", "2", "--codes", "A00.0", "--relationship", "not-related-to"]);
    assert!(code == 2 && told.contains("say that there is no map"), "{told}");

    // One code, two records' words, two answers.
    for (text, item, answer) in [("as a child", "3", "A00.0"), ("last week", "4", "A00.9")] {
        place.reviews("add", &["--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "--text", text, "001.8"]);
        place.settle(item, &["--codes", answer]);
    }
    let (code, out, told) = place.review("export", &["--as", "snap2snomed", "--status", "approved"]);
    assert!(code == 1 && told.contains("2 answers for certain words or facts were not written"), "{code}: {told}");
    assert!(!out.contains("001.8"), "{out}");
}

/// Five decisions that were approved under one year's releases, in a place with the next year's: A04.7 is gone, its successor is A04.71;
/// 002.0 is no code; 001.8 leads elsewhere.
pub fn next_year() -> Place {
    let place = Place::with(&releases(GEM, &[], "0010  One\n0011  Two\n0018  Three\n0019  Four\n0020  Five\n", Vec::new()));
    place.reviews("add", &["--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "001.0", "001.1", "001.8", "001.9", "002.0"]);
    for (item, answer) in [("1", "A00.9"), ("2", "A04.7"), ("3", "A00.0"), ("4", "A00.9"), ("5", "A00.9")] {
        place.settle(item, &["--codes", answer]);
    }
    let later =
        [("A00", "Cholera"), ("A000", "Classical cholera"), ("A009", "Cholera, unspecified"), ("A0471", "Enterocolitis, recurrent")];
    let succession = kit::map("conversion", ("icd10cm", "icd10cm"), "2019", MapKind::Succession, Format::Gem, "A047    A0471   00000\r\n");
    let gem = GEM.replace("0018  A000    10000\r\n", "").replace("0018  A009", "0018  A000");
    let next = Place::with(&releases(&gem, &later, TITLES, vec![succession]));
    std::fs::copy(place.path("d.db"), next.path("d.db")).expect("a copy");
    next
}

/// The four things that a new release can say of a decision.
#[test]
fn a_new_release_is_held_against_every_decision() {
    let next = next_year();
    // Before anybody has looked at them again, what is in doubt is held back, and the answer says why.
    let asked = |code: &str| {
        let ask =
            ["translate", "--from", "icd9cm", "--to", "icd10cm", code, "--policy", "decision", "--decisions", "d.db", "--format", "json"];
        serde_json::from_str::<Vec<Value>>(&next.runs(&ask)).expect("JSON").remove(0)
    };
    assert_eq!(asked("001.0")["picked"]["policy"], "decision", "it still holds");
    for (code, why) in [
        ("001.1", "is held back: A04.7 has expired; successor: A04.71"),
        ("001.8", "is held back: the map now offers other codes"),
        ("002.0", "is held back: the source is no longer a valid code"),
    ] {
        let answer = asked(code);
        assert!(answer["message"].as_str().is_some_and(|m| m.contains(why)), "{code}: {answer}");
        assert_ne!(answer["picked"]["policy"], "decision", "{code}: {answer}");
    }
    let (code, out, error) = next.review("reexamine", &["--by", "boss"]);
    assert_eq!(code, 1, "{out}{error}");
    let finding = |item: &str| {
        let shown = next.reviews("show", &["--by", "x", item, "--format", "json"]);
        let item: Value = serde_json::from_str::<Vec<Value>>(&shown).expect("JSON").remove(0);
        (item["status"].as_str().unwrap_or("").to_owned(), item["finding"].as_str().unwrap_or("").to_owned())
    };
    let flagged = |what: &str| ("flagged".to_owned(), what.to_owned());
    assert_eq!(finding("1"), ("approved".to_owned(), String::new()));
    assert_eq!(finding("2"), flagged("A04.7 has expired; successor: A04.71"));
    assert_eq!(finding("3"), flagged("the map now offers other codes"));
    assert_eq!(finding("4"), ("approved".to_owned(), String::new()));
    assert_eq!(finding("5"), flagged("the source is no longer a valid code"));
    // What is in doubt is not used; approved anew, it is.
    let ask = ["translate", "--from", "icd9cm", "--to", "icd10cm", "001.8", "--policy", "decision", "--decisions", "d.db"];
    assert!(!next.run(&ask).1.contains("decision"), "a doubtful decision was used");
    next.reviews("approve", &["--by", "bob", "3"]);
    assert!(next.run(&ask).1.contains("decision"));
}

#[test]
fn two_people_work_blind_and_agreement_is_measured() {
    let place = Place::new();
    place.two_items();
    place.reviews("assign", &["--by", "boss", "--blind", "ann", "bob"]);
    for (who, item, answer) in [("ann", "1", "A00.0"), ("bob", "1", "A00.0"), ("ann", "2", "A00.0"), ("bob", "2", "A00.9")] {
        place.reviews("decide", &["--by", who, item, "--codes", answer]);
    }
    let stats = place.stats();
    assert_eq!(stats["coded_twice"]["items"], 2);
    assert_eq!(stats["coded_twice"]["share"], 0.5);
    assert!(stats["coded_twice"]["kappa"].as_f64().is_some_and(|k| k.abs() < 1e-9), "one of two agreed, as by chance: {stats}");
    assert_eq!(stats["settled_items"], 1, "agreement settles, difference waits");
    let (code, _, told) = place.review("approve", &["--by", "eve", "2"]);
    assert!(code == 1 && told.contains("the two coders differ"), "{code}: {told}");
    place.reviews("decide", &["--by", "eve", "2", "--codes", "A00.9"]);
    place.reviews("approve", &["--by", "ann", "2"]);
    assert_eq!(place.stats()["settled_items"], 2);
}

#[test]
fn a_file_does_not_answer_for_those_who_work_blind() {
    let place = Place::new();
    place.two_items();
    place.reviews("assign", &["--by", "boss", "--blind", "ann", "bob"]);
    let file = |author: &str| {
        let head = "source_system,source_code,target_system,target_code,status,author,approver,assignee,records";
        write(&place.path("in.csv"), &format!("{head}\nicd9cm,001.8,icd10cm,A00.9,approved,{author},dora,carl,10\n"));
    };
    file("carl");
    let (code, _, told) = place.review("import", &["--by", "imp", "in.csv"]);
    assert!(code == 1 && told.contains("001.8: two people work blind on it"), "{code}: {told}");
    file("ann");
    let (_, _, told) = place.review("import", &["--by", "imp", "in.csv"]);
    assert!(told.contains("work blind"), "ann did not say it: {told}");
    place.reviews("decide", &["--by", "bob", "2", "--codes", "A00.9"]);
    let list = || -> Value { serde_json::from_str(&place.reviews("list", &["--code", "001.8", "--format", "json"])).expect("JSON") };
    let waiting = list().to_string();
    assert!(
        waiting.contains("\"unreviewed\"") && waiting.contains("\"second\"") && !waiting.contains("carl"),
        "ann has yet to answer: {waiting}"
    );
    // Her own file is her answer, and no more than that.
    let (_, _, told) = place.review("import", &["--by", "ann", "in.csv"]);
    assert!(!told.contains("work blind"), "{told}");
    assert_eq!(
        (&list()[0]["status"], &place.stats()["coded_twice"]["items"]),
        (&Value::from("approved"), &Value::from(1)),
        "both in, and agreed"
    );
}

/// Makes a small disk of its own where the machine allows it (as root, in a container); else says that it was skipped.
pub struct Disk(pub PathBuf);

impl Disk {
    pub fn mount(test: &str, place: &Place) -> Option<Disk> {
        let at = place.path("disk");
        std::fs::create_dir(&at).expect("a folder");
        let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(&at).output();
        if mounted.is_ok_and(|o| o.status.success()) {
            return Some(Disk(at));
        }
        eprintln!("{test}: skipped, no disk can be mounted here");
        None
    }

    pub fn read_only(&self) {
        let done = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().expect("mount");
        assert!(done.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_and_one_that_cannot_be_written_lose_nothing() {
    let place = Place::new();
    let Some(disk) = Disk::mount("a_full_disk_and_one_that_cannot_be_written_lose_nothing", &place) else { return };
    place.two_items();
    let run = |args: &[&str]| place.run(&[&["review", args[0], "--decisions", "disk/d.db"], &args[1..]].concat());
    place.reviews("backup", &["disk/d.db"]);
    let _ = std::fs::write(disk.0.join("fill"), vec![0; 4 << 20]);
    let (code, _, told) = run(&["decide", "--by", "ann", "1", "--codes", "A00.0"]);
    assert!(code == 2 && told.to_lowercase().contains("nothing was changed"), "{code}: {told}");
    std::fs::remove_file(disk.0.join("fill")).expect("the filling");
    assert_eq!(run(&["decide", "--by", "ann", "1", "--codes", "A00.0"]).0, 0, "with room it is done");

    disk.read_only();
    let (code, out, told) = run(&["stats"]);
    assert!(code == 1 && out.contains("proposed"), "it can be read: {out}{told}");
    let (code, _, told) = run(&["approve", "--by", "bob", "1"]);
    assert!(code == 2 && told.to_lowercase().contains("nothing was changed"), "{code}: {told}");
}

#[cfg(feature = "sqlcipher")]
#[test]
fn an_encrypted_file_is_nothing_without_its_passphrase() {
    let place = Place::new();
    write(&place.path("key"), "correct horse battery\n");
    write(&place.path("wrong"), "wrong horse\n");
    let run = |key: &str, args: &[&str]| {
        let output = place.xwalk().env("XWALK_DECISIONS_KEY_FILE", place.path(key)).args(args).output().expect("a run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let add =
        ["review", "add", "--decisions", "d.db", "--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "--text", "private words", "001.1"];
    assert_eq!(run("key", &add).0, Some(0));
    for file in ["d.db", "d.db-wal"] {
        let bytes = std::fs::read(place.path(file)).unwrap_or_default();
        assert!(!bytes.windows(7).any(|w| w == b"private") && !bytes.starts_with(b"SQLite"), "{file} can be read");
    }
    assert_eq!(run("key", &["review", "stats", "--decisions", "d.db"]).0, Some(1));
    assert_eq!(run("key", &["review", "backup", "--decisions", "d.db", "copy.db"]).0, Some(0));
    assert_eq!(run("key", &["review", "stats", "--decisions", "copy.db"]).0, Some(1));
    let (code, told) = run("wrong", &["review", "stats", "--decisions", "d.db"]);
    assert!(code == Some(2) && told.contains("encrypted with another key"), "{told}");
    assert_eq!(run("nowhere", &["review", "stats", "--decisions", "d.db"]).0, Some(2));
}
