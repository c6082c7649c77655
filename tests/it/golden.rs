//! One golden file per question, run through every face: they give the same answer, to the letter (invariant 12).
//!
//! `tests/golden/<question>.json` is a list of `{"ask": {...}, "answer": {...}}`. What is asked is spelled as on the command line
//! (`target-date`), subjects by name (`code`, `a`, `b`, `text`). After a change that is meant, `XWALK_GOLDEN=write cargo test golden`
//! writes the answers anew; read the difference before committing it.

use super::cli;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use xwalk::engine::search::SearchOptions;
use xwalk::engine::{Age, Asked, Engine, Facts, Policy, Sex, TranslatorOptions};
use xwalk::face::wire;
use xwalk::model::Date;
use xwalk::releases::{self, Dirs};

pub const QUESTIONS: [&str; 5] = ["lookup", "validate", "subsumes", "translate", "search"];

/// An engine with the embedded data, compiled where the program of these tests finds them too.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let home = cli::home("embedded");
        let dirs = Dirs { data: Some(home.join("data/xwalk")), cache: Some(home.join("cache/xwalk")) };
        let found = releases::index(&dirs, &mut |_| (), &|_| ()).expect("the embedded index");
        let index = xwalk::index::Index::open(found.path(), xwalk::text::VERSION).expect("an index");
        Engine::new(Arc::new(index))
    })
}

type Ask = Map<String, Value>;

fn file(question: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{question}.json"))
}

/// What is asked, and the answer that is expected.
pub fn cases(question: &str) -> Vec<(Ask, Value)> {
    let text = std::fs::read_to_string(file(question)).expect("the golden file");
    let list: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    list.into_iter().map(|mut case| (case["ask"].as_object().expect("what is asked").clone(), case["answer"].take())).collect()
}

fn text<'a>(ask: &'a Ask, name: &str) -> Option<&'a str> {
    ask.get(name).and_then(Value::as_str)
}

fn date(ask: &Ask, name: &str) -> Option<Date> {
    text(ask, name).map(|t| t.parse().expect("a date"))
}

fn flag(ask: &Ask, name: &str) -> bool {
    ask.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// As the faces print it: numbers too.
fn written(answer: &impl serde::Serialize) -> Value {
    let mut bytes = Vec::new();
    wire::write(&mut bytes, answer, false).expect("JSON");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub fn through_library(question: &str, ask: &Ask) -> Value {
    let engine = engine();
    let system = || engine.system(text(ask, "system").expect("a system")).expect("a known one");
    let code = || text(ask, "code").expect("a code");
    match question {
        "lookup" => written(&wire::LookupAnswer::of(&engine.lookup(system(), code(), date(ask, "date")))),
        "validate" => {
            let date = date(ask, "date");
            written(&wire::ValidateAnswer::of(&engine.validate(system(), code(), date, text(ask, "display")), date))
        }
        "subsumes" => {
            let side = |name| engine.lookup(system(), text(ask, name).expect("a code"), None);
            written(&wire::SubsumesAnswer::of(&side("a"), &side("b")))
        }
        "translate" => {
            let options = TranslatorOptions {
                from: text(ask, "from").expect("from").to_owned(),
                to: text(ask, "to").expect("to").to_owned(),
                map: text(ask, "map").map(str::to_owned),
                reverse: flag(ask, "reverse"),
                target_date: date(ask, "target-date"),
                policy: text(ask, "policy").map_or(Policy::Review, |p| Policy::from_code(p).expect("a policy")),
                strict: flag(ask, "strict"),
                ..TranslatorOptions::default()
            };
            let mut facts = Facts { sex: text(ask, "sex").and_then(Sex::parse), ..Facts::default() };
            if let Some(age) = text(ask, "age") {
                facts = facts.with_age(Age::parse(age).expect("an age"));
            }
            let asked = Asked { code: code(), date: date(ask, "date"), facts: &facts, text: text(ask, "text") };
            written(&wire::TranslateAnswer::of(&engine.translator(options).expect("a translator").translate(&asked)))
        }
        "search" => {
            let options = SearchOptions {
                limit: ask.get("limit").and_then(Value::as_u64).map_or(10, |n| n as usize),
                date: date(ask, "date"),
                billable: flag(ask, "billable"),
                under: text(ask, "under").map(str::to_owned),
                text_only: flag(ask, "text_only"),
                ..SearchOptions::default()
            };
            let query = text(ask, "text").expect("a text");
            let matches = engine.searcher(system(), options).expect("a searcher").search(query);
            written(&wire::SearchAnswer::of(query, system().alias(), &matches))
        }
        other => panic!("no question is called {other}"),
    }
}

fn through_cli(question: &str, ask: &Ask) -> Value {
    let mut command = cli::xwalk();
    command.args([question, "--format", "ndjson"]);
    let mut subjects = Vec::new();
    for (name, value) in ask {
        let is_subject = matches!(name.as_str(), "code" | "a" | "b") || (question == "search" && name == "text");
        match value {
            Value::String(subject) if is_subject => subjects.push(subject.clone()),
            Value::String(value) => drop(command.arg(format!("--{name}={value}"))),
            Value::Bool(true) => drop(command.arg(format!("--{name}"))),
            value => drop(command.arg(format!("--{name}={value}"))),
        }
    }
    let output = command.arg("--").args(subjects).output().expect("a run");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{question} {ask:?}: {e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What the golden file holds of an answer: all of it, but for the scores of search, which are tuned and held by their own evaluation.
pub fn held(question: &str, mut answer: Value) -> Value {
    if question == "search" {
        for m in answer["matches"].as_array_mut().into_iter().flatten() {
            let m = m.as_object_mut().expect("a match");
            m.retain(|name, _| !matches!(name.as_str(), "score" | "why"));
        }
    }
    answer
}

/// Invariant 12: library and command line give the answer of the golden file (the HTTP tests hold the same file).
#[test]
fn invariant_12_one_answer_through_every_face() {
    let write = std::env::var("XWALK_GOLDEN").is_ok_and(|v| v == "write");
    for question in QUESTIONS {
        let mut written = Vec::new();
        for (ask, expected) in cases(question) {
            let library = through_library(question, &ask);
            let cli = through_cli(question, &ask);
            assert_eq!(library, cli, "{question} {ask:?}: library and command line differ");
            let held = held(question, library);
            if write {
                written.push(json!({"ask": ask, "answer": held}));
            } else {
                assert_eq!(held, expected, "{question} {ask:?}: not as in the golden file (XWALK_GOLDEN=write writes it anew)");
            }
        }
        if write {
            let text = serde_json::to_string_pretty(&written).expect("JSON") + "\n";
            std::fs::write(file(question), text).expect("written");
        }
    }
}
