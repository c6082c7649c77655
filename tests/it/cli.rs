//! The command line as its users meet it: exit codes, streams, repairs, remedies, and the answers that the project must show.
//!
//! Index and data live in the target folder, so that they are compiled once for all tests and runs.

use assert_cmd::Command;
use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::OnceLock;

/// Where the tests keep the user's data and cache; `data` names a set of fetched releases.
pub fn home(data: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("xwalk-home").join(data)
}

/// The program with embedded data only, whatever the machine has.
pub fn xwalk() -> Command {
    with_data("embedded")
}

/// The same, to be started and conversed with.
pub fn program() -> process::Command {
    program_with_data("embedded")
}

fn with_data(data: &str) -> Command {
    Command::from_std(program_with_data(data))
}

fn program_with_data(data: &str) -> process::Command {
    let home = home(data);
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_xwalk"));
    command.env("XDG_DATA_HOME", home.join("data")).env("XDG_CACHE_HOME", home.join("cache"));
    command.env_remove("XWALK_INDEX").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// The program with the diagnosis GEMs of 2018 fetched; `None`, and said, where they are not at hand.
fn with_gems_of_2018(test: &str) -> Option<Command> {
    static FETCHED: OnceLock<()> = OnceLock::new();
    let mirror = super::published::releases(test)?;
    FETCHED.get_or_init(|| {
        let names = ["gem-icd9cm-icd10cm", "gem-icd10cm-icd9cm"];
        with_data("gems-2018").arg("fetch").args(names).arg("--mirror").arg(&mirror).assert().success();
    });
    Some(with_data("gems-2018"))
}

fn json(command: &mut Command) -> (i32, Vec<Value>) {
    let output = command.args(["--format", "ndjson"]).output().expect("a run");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers = text.lines().map(|l| serde_json::from_str(l).expect("an object a line")).collect();
    (output.status.code().expect("a code"), answers)
}

/// Translates one ICD-9-CM diagnosis.
fn translated(mut command: Command, code: &str) -> (i32, Value) {
    let (exit, mut answers) = json(command.args(["translate", "--from", "icd9cm", "--to", "icd10cm", code]));
    assert_eq!(answers.len(), 1);
    (exit, answers.remove(0))
}

fn validated(system: &str, code: &str, more: &[&str]) -> (i32, Value) {
    let (exit, mut answers) = json(xwalk().args(["validate", "--system", system, code]).args(more));
    (exit, answers.remove(0))
}

/// `[["E08.311", "E08.319"], ["E08.65"]]`: the options of each group.
fn groups(scenario: &Value) -> Vec<Vec<&str>> {
    scenario["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|g| g["options"].as_array().expect("options").iter().map(|o| o["code"].as_str().expect("a code")).collect())
        .collect()
}

#[test]
fn one_target_is_taken_and_its_origin_named() {
    let (exit, answer) = translated(xwalk(), "250.00");
    assert_eq!((exit, &answer["outcome"], &answer["automatic"]), (0, &"approximate".into(), &true.into()));
    assert_eq!(answer["codes"], serde_json::json!(["E11.9"]));
    let option = &answer["scenarios"][0]["groups"][0]["options"][0];
    assert_eq!((&option["code"], &option["relationship"], &option["status"]), (&"E11.9".into(), &"related-to".into(), &"valid".into()));
    assert_eq!((&option["origin"]["map"], &option["origin"]["version"]), (&"gem-icd9cm-icd10cm".into(), &"2013".into()));
    assert!(option["origin"]["row"].as_u64().is_some_and(|row| row > 0));
    assert_eq!(option["origin"]["flags"], "10000");
}

#[test]
fn the_main_job_by_the_gems_of_2018() {
    let test = "the_main_job_by_the_gems_of_2018";
    let Some(command) = with_gems_of_2018(test) else { return };
    let (exit, answer) = translated(command, "250.00");
    assert_eq!((exit, &answer["outcome"], &answer["codes"]), (0, &"approximate".into(), &serde_json::json!(["E11.9"])));
    assert_eq!(answer["map"]["version"], "2018");

    let Some(command) = with_gems_of_2018(test) else { return };
    let (exit, answer) = translated(command, "249.51");
    assert_eq!((exit, &answer["outcome"], &answer["automatic"]), (1, &"choice".into(), &false.into()));
    let scenarios = answer["scenarios"].as_array().expect("scenarios");
    let (together, single): (Vec<_>, Vec<_>) = scenarios.iter().partition(|s| groups(s).len() > 1);
    assert_eq!(together.len(), 1);
    let parts = groups(together[0]);
    assert_eq!(parts.len(), 2);
    assert!(parts.contains(&vec!["E08.65"]) && parts.iter().any(|p| p.len() == 6), "{parts:?}");
    assert!(single.iter().all(|s| groups(s).len() == 1) && !single.is_empty());

    let Some(command) = with_gems_of_2018(test) else { return };
    let (exit, answer) = translated(command, "806.00");
    assert_eq!((exit, &answer["outcome"]), (1, &"choice".into()));
    let scenarios: Vec<_> = answer["scenarios"].as_array().expect("scenarios").iter().map(groups).collect();
    assert_eq!(scenarios.len(), 4);
    for parts in &scenarios {
        let mut sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 2], "{parts:?}");
    }

    let Some(command) = with_gems_of_2018(test) else { return };
    let (exit, answer) = translated(command, "V54.12");
    assert_eq!((exit, &answer["outcome"]), (1, &"choice".into()));
    let options: usize = answer["scenarios"].as_array().expect("scenarios").iter().flat_map(groups).map(|g| g.len()).sum();
    assert_eq!(options, 533);
}

#[test]
fn a_declared_hole_is_no_map() {
    // NoDx in both editions of the GEM.
    let (exit, answer) = translated(xwalk(), "365.70");
    let gem = answer["map"]["id"].as_str();
    assert_eq!((gem, &answer["scenarios"]), (Some("gem-icd9cm-icd10cm"), &serde_json::json!([])), "{answer}");
    assert_eq!((exit, &answer["outcome"]), (1, &"no-map".into()));
}

#[test]
fn repairs_are_said() {
    for (given, kind) in [("25000", "dot"), (" 250.00 ", "blank")] {
        let (exit, answer) = translated(xwalk(), given);
        assert_eq!((exit, &answer["source"]["code"], &answer["source"]["given"]), (0, &"250.00".into(), &given.into()));
        let kinds: Vec<_> = answer["repairs"].as_array().expect("repairs").iter().map(|r| r["kind"].as_str().expect("a kind")).collect();
        assert!(kinds.contains(&kind), "{given:?}: {answer}");
    }
    let (exit, answer) = validated("icd10cm", "e11.9", &[]);
    assert_eq!((exit, &answer["code"], &answer["valid"]), (0, &"E11.9".into(), &true.into()));
    assert_eq!((&answer["repairs"][0]["kind"], &answer["issues"][0]["code"]), (&"case".into(), &"repaired".into()));
}

#[test]
fn headers_and_what_is_no_code() {
    let (exit, answer) = translated(xwalk(), "250");
    assert_eq!((exit, &answer["outcome"]), (1, &"invalid-code".into()));
    let nearest = answer["nearest"].as_array().expect("suggestions");
    assert!(!nearest.is_empty() && nearest.iter().all(|n| n["kind"] == "child"), "{answer}");
    let (exit, answer) = validated("icd9cm", "250", &[]);
    assert_eq!((exit, &answer["status"], &answer["valid"], &answer["billable"]), (1, &"header".into(), &false.into(), &false.into()));

    let (exit, answer) = translated(xwalk(), "999.99x");
    assert_eq!((exit, &answer["outcome"]), (1, &"invalid-code".into()));
    let codes: Vec<_> = answer["nearest"].as_array().expect("suggestions").iter().map(|n| n["code"].as_str().expect("a code")).collect();
    assert!(codes.iter().any(|c| c.starts_with("999.")), "{codes:?}");
}

#[test]
fn the_same_code_in_another_system_is_told() {
    let (exit, answer) = validated("icd9cm", "E11.9", &[]);
    assert_eq!((exit, &answer["status"]), (1, &"wrong-system".into()));
    let suggestion = &answer["issues"][0]["suggestions"][0];
    assert_eq!(
        (&suggestion["system"], &suggestion["code"], &suggestion["kind"]),
        (&"icd10cm".into(), &"E11.9".into(), &"other-system".into())
    );
}

#[test]
fn subsumption_has_a_direction() {
    for (a, b, outcome) in
        [("E11", "E11.9", "subsumes"), ("E11.9", "E11", "subsumed-by"), ("E11.9", "e119", "equivalent"), ("E11", "E10", "not-subsumed")]
    {
        let (exit, answers) = json(xwalk().args(["subsumes", "--system", "icd10cm", a, b]));
        assert_eq!((exit, &answers[0]["outcome"]), (0, &outcome.into()), "{a} {b}");
    }
    let (exit, answers) = json(xwalk().args(["subsumes", "--system", "icd10cm", "E11", "E99.99"]));
    assert_eq!((exit, &answers[0]["outcome"], &answers[0]["b"]["found"]), (1, &Value::Null, &false.into()));
}

#[test]
fn searches_find() {
    let (exit, answers) = json(xwalk().args(["search", "--system", "icd10cm", "type 2 diabetes without complications", "--limit", "3"]));
    assert_eq!((exit, &answers[0]["matches"][0]["code"]), (0, &"E11.9".into()));
    let (exit, answers) = json(xwalk().args(["search", "--system", "icd10cm", "qqqq zzzz"]));
    assert_eq!((exit, &answers[0]["matches"]), (1, &serde_json::json!([])));
}

#[test]
fn text_is_for_people() {
    let translate = ["translate", "--from", "icd9cm", "--to", "icd10cm"];
    let plain = says(xwalk().args(translate).args(["25000", "V54.12"]));
    assert!(!plain.contains('\u{1b}'), "no colours where nobody sees them");
    assert!(plain.starts_with("`25000` read as `250.00` (dot)\n250.00  approximate  Diabetes"), "{plain}");
    assert!(plain.contains("... and 509 more of 533 targets (--all prints them)"), "{plain}");
    let all = says(xwalk().args(translate).args(["V54.12", "--all"]));
    assert!(all.lines().count() > 500 && !all.contains("--all prints them"));
    assert!(says(xwalk().args(translate).args(["250.00", "--color", "always"])).contains("\u{1b}["));
    assert!(says(xwalk().args(["lookup", "--system", "icd10cm", "I10"])).starts_with("I10  Essential (primary) hypertension  billable\n"));
}

#[test]
fn json_is_one_document_and_ndjson_one_object_a_line() {
    let args = ["translate", "--from", "icd9cm", "--to", "icd10cm", "250.00", "401.9"];
    let output = xwalk().args(args).args(["--format", "json"]).output().expect("a run").stdout;
    let document: Vec<Value> = serde_json::from_slice(&output).expect("one document");
    let (_, lines) = json(xwalk().args(args));
    assert_eq!((document.len(), &document), (2, &lines));
}

#[test]
fn standard_input_is_answered_line_by_line() {
    // Blank lines, other ends of lines, a byte order mark, bytes that are no text: one answer each, in order.
    let mut given = Vec::new();
    for i in 0..2000 {
        given.extend_from_slice([&b"250.00\n"[..], b"401.9\r\n", b"\n", b"\xff\xfe\n", b"no code\n"][i % 5]);
    }
    let mut command = xwalk();
    let (exit, answers) =
        json(command.args(["translate", "--from", "icd9cm", "--to", "icd10cm", "-"]).write_stdin([b"\xef\xbb\xbf", &given[..]].concat()));
    assert_eq!((exit, answers.len()), (1, 2000));
    for (i, answer) in answers.iter().enumerate() {
        let expected = [
            ("250.00", "approximate"),
            ("401.9", "approximate"),
            ("", "invalid-code"),
            ("\u{fffd}\u{fffd}", "invalid-code"),
            ("no code", "invalid-code"),
        ];
        let (code, outcome) = expected[i % 5];
        assert_eq!((&answer["source"]["code"], &answer["outcome"]), (&code.into(), &outcome.into()), "answer {i}");
    }
}

#[test]
fn ten_thousand_codes_take_one_process() {
    // Every diagnosis of ICD-9-CM, over and over: as many answers as questions, in order, none of them an error.
    let engine = super::golden::engine();
    let system = engine.system("icd9cm").expect("ICD-9-CM");
    let codes: Vec<&str> = system.concepts().filter(|c| c.is_valid_on(None)).map(|c| c.code()).take(10_000).collect();
    assert_eq!(codes.len(), 10_000);
    let mut command = xwalk();
    let (_, answers) = json(command.args(["translate", "--from", "icd9cm", "--to", "icd10cm", "-"]).write_stdin(codes.join("\n")));
    assert!(answers.iter().map(|a| a["source"]["code"].as_str().expect("a code")).eq(codes.iter().copied()));
    assert!(answers.iter().all(|a| a["outcome"] != "invalid-code" && a["outcome"] != "unmapped"));
}

/// Another program can converse with xwalk: an answer comes before the next question.
#[test]
fn answers_come_when_they_are_waited_for() {
    let mut child = program()
        .args(["validate", "--system", "icd10cm", "-", "--format", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let (mut ask, answers) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
    let mut answers = std::io::BufRead::lines(std::io::BufReader::new(answers));
    for code in ["E11.9", "I10", "nonsense"] {
        writeln!(ask, "{code}").and_then(|()| ask.flush()).expect("written");
        let answer: Value = serde_json::from_str(&answers.next().expect("an answer").expect("read")).expect("JSON");
        assert_eq!(answer["given"], code);
    }
    drop(ask);
    assert_eq!(child.wait().expect("an end").code(), Some(1));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut child = program()
        .args(["translate", "--from", "icd9cm", "--to", "icd10cm", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut input = child.stdin.take().expect("its input");
    let feeder = std::thread::spawn(move || {
        // It stops reading when we stop, so this may fail; that is the point.
        let _ = input.write_all("V54.12\n".repeat(20_000).as_bytes());
    });
    let mut output = child.stdout.take().expect("its output");
    output.read_exact(&mut [0; 100]).expect("some of it");
    drop(output);
    let output = child.wait_with_output().expect("an end");
    feeder.join().expect("the feeder");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn what_cannot_run_says_the_remedy_and_ends_with_two() {
    let folder = tempfile::tempdir().expect("a folder");
    let not_an_index = folder.path().join("text");
    std::fs::write(&not_an_index, "not an index").expect("written");
    let file = not_an_index.to_str().expect("a path");
    let translate = |more: &[&'static str]| [&["translate", "250.00", "--from", "icd9cm", "--to", "icd10cm"], more].concat();
    for (args, says) in [
        (vec!["lookup", "--system", "icd11", "1A00"], "no code system `icd11` in this index; it has icd10cm"),
        (translate(&["--map", "nonesuch"]), "no map `nonesuch`"),
        (translate(&["--map", "gem-icd10cm-icd9cm"]), "leads from icd10cm to icd9cm"),
        (translate(&["--policy", "best"]), "there is review, text, unspecified, first, decision"),
        (translate(&["--policy", "text"]), "give them (--text TEXT)"),
        (translate(&["--policy", "text", "--text", "words", "--margin", "5"]), "--margin is a share, 0 to 1"),
        (translate(&["--date", "9/30/2017"]), "--date is no day: give it as YYYY-MM-DD"),
        (translate(&["--age", "old"]), "--age is no age: give a number and a unit"),
        (translate(&["--sex", "other"]), "--sex is neither female nor male"),
        (translate(&["--with", "icd9cm|250.00"]), "--with takes snomed|CODE"),
        (translate(&["--with", "snomed|248152003"]), "digits and a check digit"),
        (vec!["lookup", "--system", "icd10cm", "I10", "--index", file], "build one with `xwalk index build`"),
        (vec!["index", "verify", "/nonexistent/index"], "cannot verify /nonexistent/index"),
        (vec!["fetch", "icd10cm-2O25"], "did you mean icd10cm-2025"),
        (vec!["fetch", "all", "--mirror", "/nonexistent"], "there is no such folder"),
        (vec!["man", "nonesuch"], "there is no command `nonesuch`"),
        (vec!["translate", "250.00"], "--from"),
        (
            vec!["convert", "a.csv", "-o", "b.csv", "--code", "dx", "--from", "icd9cm", "--to", "icd10cm", "--values", "9=icd9cm"],
            "--values says what the values of --from-column mean",
        ),
        (vec!["nonesuch"], "unrecognized subcommand"),
    ] {
        let output = xwalk().args(&args).output().expect("a run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(says), "{args:?}: {error}");
        assert!(output.stdout.is_empty(), "{args:?}");
        for private in ["9/30/2017", "old", "other"] {
            assert!(!args.contains(&private) || !error.contains(&format!("`{private}`")), "{error}");
        }
    }
}

#[test]
fn a_conversion_says_which_facts_it_could_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let [input, output] = ["in.csv", "out.csv"].map(|name| folder.path().join(name));
    std::fs::write(&input, "dx,age,sex\n250.00,45,M\n401.9,12 y,?\n").expect("written");
    let mut command = xwalk();
    command.arg("convert").arg(&input).arg("-o").arg(&output);
    let run =
        command.args(["--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "--age", "age", "--sex", "sex"]).output().expect("a run");
    let text = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{text}");
    assert!(text.contains("1 cells of the age column were not understood"), "{text}");
    assert!(text.contains("1 cells of the sex column were not understood"), "{text}");
}

#[test]
fn indexes_are_built_described_checked_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vocab, maps) = (folder.path().join("vocab"), folder.path().join("crosswalks"));
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let write = |file: &Path, text: &str| {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    };
    let manifest = |system: &str, file: &str, format: &str, more: &str| {
        format!("[[release]]\nid = \"{system}-{file}\"\n{more}version = \"1\"\nformat = \"{format}\"\nfile = \"{file}\"\n\n")
    };
    let systems = manifest("a", "a.txt", "icd10-codes", "system = \"icd10cm\"\n")
        + &manifest("b", "b.txt", "icd9-titles-long", "system = \"icd9cm\"\n");
    write(&vocab.join("manifest.toml"), &systems);
    write(&vocab.join("a.txt"), "E119    Type 2 diabetes mellitus without complications\r\nI10     Essential hypertension\r\n");
    write(&vocab.join("b.txt"), "25000 Diabetes\n4019  Hypertension\n");
    let gem = "map = \"m\"\nsource = \"icd9cm\"\ntarget = \"icd10cm\"\nkind = \"gem\"\n";
    write(&maps.join("manifest.toml"), &manifest("m", "m.txt", "gem", gem));
    write(&maps.join("m.txt"), "25000 E119    10000\r\n4019  I10     10000\r\n");
    let build = |out: &str| {
        let mut command = xwalk();
        command.args(["index", "build", "--vocab"]).arg(&vocab).arg("--crosswalks").arg(&maps).args(["-o", &path(out)]);
        command
    };
    let (exit, report) = json(&mut build("1"));
    assert_eq!(
        (exit, &report[0]["written"], &report[0]["rows"], &report[0]["findings"]),
        (0, &true.into(), &2.into(), &serde_json::json!([]))
    );

    // A row that cannot be read: said with its place, and kept as a row that says so; the rest is there. Under --strict there is no index.
    write(&maps.join("m.txt"), "25000 E119    00000\r\n4019  I10     1000\r\n4019  E119    10000\r\n");
    let (exit, report) = json(&mut build("2"));
    assert_eq!((exit, &report[0]["rows"]), (0, &3.into()));
    let finding = &report[0]["findings"][0];
    assert_eq!((&finding["severity"], &finding["file"], &finding["line"]), (&"warning".into(), &"m.txt".into(), &2.into()), "{finding}");
    assert!(says(&mut build("2")).contains("m.txt:2:"));
    let (exit, report) = json(build("3").arg("--strict"));
    assert_eq!((exit, &report[0]["written"], Path::new(&path("3")).exists()), (1, &false.into(), false));
    assert!(says(build("4").arg("--strict")).contains("no index was written"));

    let (exit, info) = json(xwalk().args(["index", "info", &path("1")]));
    assert_eq!((exit, &info[0]["maps"][0]["rows"], &info[0]["fingerprint"]), (0, &2.into(), &json_of(&path("1"))["fingerprint"]));
    let (exit, verified) = json(xwalk().args(["index", "verify", &path("1")]));
    assert_eq!((exit, &verified[0]["sound"], &verified[0]["rows"]), (0, &true.into(), &2.into()));
    let (exit, diff) = json(xwalk().args(["index", "diff", &path("1"), &path("2")]));
    let map = &diff[0]["maps"][0];
    assert_eq!((exit, &diff[0]["same"], diff[0]["systems"].as_array().map(Vec::len)), (0, &false.into(), Some(0)));
    assert_eq!((&map["added"][0]["source"], &map["added"][0]["rule"]), (&"401.9".into(), &"a row was left out: line 2 of m.txt".into()));
    assert_eq!((&map["added"][1]["source"], &map["added"][1]["target"]), (&"401.9".into(), &"E11.9".into()));
    assert_eq!((&map["removed"][0]["source"], &map["removed"][0]["target"]), (&"401.9".into(), &"I10".into()));
    assert_eq!((&map["changed"][0]["before"]["flags"], &map["changed"][0]["after"]["flags"]), (&"10000".into(), &"00000".into()));
    let (exit, diff) = json(xwalk().args(["index", "diff", &path("1"), &path("1")]));
    assert_eq!((exit, &diff[0]["same"]), (0, &true.into()));

    // A flipped byte is found, wherever it is.
    let mut bytes = std::fs::read(path("1")).expect("the index");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path("5"), &bytes).expect("written");
    let (exit, verified) = json(xwalk().args(["index", "verify", &path("5")]));
    assert_eq!((exit, &verified[0]["sound"]), (1, &false.into()));
}

fn json_of(index: &str) -> Value {
    json(xwalk().args(["index", "verify", index])).1.remove(0)
}

fn says(command: &mut Command) -> String {
    String::from_utf8(command.output().expect("a run").stdout).expect("UTF-8")
}

#[test]
fn fetched_releases_take_their_place() {
    let Some(_) = with_gems_of_2018("fetched_releases_take_their_place") else { return };
    let (exit, info) = json(with_data("gems-2018").args(["index", "info"]));
    let gem: Vec<_> = info[0]["maps"].as_array().expect("maps").iter().filter(|m| m["id"] == "gem-icd9cm-icd10cm").collect();
    assert_eq!((exit, gem.len(), &gem[0]["version"], &gem[0]["rows"]), (0, 1, &"2018".into(), &24860.into()));
    // Fetching again changes nothing.
    let mirror = super::published::releases("fetched_releases_take_their_place").expect("it was there");
    let (exit, answers) = json(with_data("gems-2018").args(["fetch", "gem-icd9cm-icd10cm", "--mirror"]).arg(mirror));
    assert_eq!((exit, &answers[0]["result"]), (0, &"already-there".into()));
}

#[test]
fn shells_and_readers_of_manuals_are_served() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = xwalk().args(["completions", shell]).output().expect("a run");
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("translate"), "{shell}");
    }
    let page = |words: &[&str]| String::from_utf8(xwalk().arg("man").args(words).output().expect("a run").stdout).expect("UTF-8");
    assert!(page(&[]).contains(".TH") && page(&[]).contains("translate"));
    assert!(page(&["translate"]).contains("target\\-date") && page(&["index", "build"]).contains("crosswalks"));
}

/// Files without a manifest are recognised from themselves; what is none is refused, with what to do.
#[test]
fn loose_files_are_built_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    xwalk().args(["generate", "rf2", &path("release"), "--concepts", "300", "--seed", "7"]).assert().success();
    xwalk().args(["generate", "cpt", &path("cpt"), "--concepts", "50"]).assert().success();
    let built = xwalk().args(["index", "build", &path("release"), &path("cpt"), "--only", "-o", &path("out")]).assert().success();
    let said = String::from_utf8_lossy(&built.get_output().stderr).into_owned();
    assert!(said.contains("rf2") && said.contains("cpt"), "{said}");
    let info = xwalk().args(["--format", "json", "index", "info", &path("out")]).assert().success();
    let info: Value = serde_json::from_slice(&info.get_output().stdout).expect("JSON");
    let systems: Vec<_> = info["systems"].as_array().expect("systems").iter().map(|s| s["system"].as_str().expect("a name")).collect();
    assert!(systems.contains(&"snomed") && systems.contains(&"cpt"), "{systems:?}");
    std::fs::write(path("letter.txt"), "Dear colleague,\n").expect("a letter");
    let refused = xwalk().args(["index", "build", &path("letter.txt"), "-o", &path("none")]).assert().code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("letter.txt") && said.contains("manifest.toml"), "{said}");
    assert!(!folder.path().join("none").exists());
}

/// A payer's table joins the releases at hand by the manifest beside it.
#[test]
fn a_folder_with_a_manifest_joins_what_is_at_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    let manifest = "[[release]]\nid = \"payer-1\"\nmap = \"payer\"\nsource = \"icd9cm\"\ntarget = \"icd10cm\"\nkind = \"table\"\n\
        version = \"1\"\nformat = \"table\"\nfile = \"payer.csv\"\n[release.table]\ncolumns = { source = \"OLD\", target = \"NEW\" }\n";
    std::fs::create_dir(folder.path().join("own")).expect("made");
    std::fs::write(folder.path().join("own/manifest.toml"), manifest).expect("written");
    std::fs::write(folder.path().join("own/payer.csv"), "OLD,NEW\n250.00,E11.65\n401.9,E99.99\n").expect("written");
    // What is wrong with it is not buried under notes on what others published.
    let said = says(xwalk().args(["--format", "text", "index", "build"]).arg(folder.path().join("own")).args(["-o", &out]));
    assert!(said.starts_with("warning: payer.csv:3:2: E99.99 is in no loaded release"), "{said}");
    assert!(said.lines().nth(1).is_some_and(|line| line.contains("notes on published releases")) && said.lines().count() == 4, "{said}");
    let (exit, answers) = json(xwalk().args(["--index", &out, "translate", "--from", "icd9cm", "--to", "icd10cm", "250.00"]));
    assert_eq!((exit, &answers[0]["codes"][0]), (0, &"E11.65".into()), "{}", answers[0]);
    let target = &answers[0]["scenarios"][0]["groups"][0]["options"][0];
    assert_eq!((&target["origin"]["map"], &target["status"]), (&"payer".into(), &"valid".into()), "{target}");
}

/// An archive as published holds the files of a year, the addenda that led there, and papers.
#[test]
fn published_archives_are_built_from() {
    let Some(releases) = super::published::releases("published_archives_are_built_from") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    let archive = releases.join("cms/cms_2017_dx.zip").display().to_string();
    let built = xwalk().args(["index", "build", &archive, "--only", "-o", &out]).assert().success();
    let said = String::from_utf8_lossy(&built.get_output().stderr).into_owned();
    assert!(said.contains("passed over") && said.contains("icd10cm_order_addenda_2017.txt"), "{said}");
    let (exit, info) = json(xwalk().args(["index", "info", &out]));
    assert_eq!((exit, &info[0]["systems"][0]["codes"]), (0, &93_830.into()), "{info:?}");
}
