//! What people read on the pages of the workbench, and what OpenRefine reads of its columns.

use super::review::{GEM, Place, TITLES, releases};
use super::workbench::serve;
use crate::http::escaped;
use serde_json::{Value, json};

#[test]
fn a_whole_letter_as_a_record_s_words_leaves_the_pages_readable() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let ann = service.sign_in("ann");
    let letter = "fever+and+rash+".repeat(1_000) + "THE+END";
    let added = ann.post("/review/add", &format!("{}&from=icd9cm&to=icd10cm&code=001.8&text={letter}", ann.form(1))).expect("an answer");
    assert_eq!(added.status, 303, "{}", added.body);
    let queue = ann.get("/review").body;
    assert!(queue.contains("fever and rash fever") && !queue.contains("THE END") && queue.len() < 20_000, "{} bytes", queue.len());
    let item = ann.get("/review/item/3").body;
    assert!(item.contains("All of it (15,007 characters)") && item.contains("THE END"), "nothing is lost");
    // Short words stand there whole.
    ann.post("/review/add", &format!("{}&from=icd9cm&to=icd10cm&code=001.8&text=rash", ann.form(1))).expect("an answer");
    assert!(ann.get("/review").body.contains("rash</q>") && !ann.get("/review/item/4").body.contains("All of it"));
}

#[test]
fn a_doubt_that_was_taken_back_is_not_shown_as_the_reason() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let (ann, bob) = (service.sign_in("ann"), service.sign_in("bob"));
    let does = |browser: &super::workbench::Browser<'_>, what: &str| {
        let reply = browser.post("/review/item/2", &format!("{what}&{}", browser.form(2))).expect("an answer");
        assert_eq!(reply.status, 303, "{what}: {}", reply.body);
    };
    does(&ann, "action=flag&why=odd+words");
    assert!(bob.get("/review/item/2").body.contains("Flagged by ann: odd words"));
    does(&ann, "action=undo");
    does(&bob, "action=flag");
    assert!(!ann.get("/review/item/2").body.contains("Flagged by ann"));
}

#[test]
fn half_of_a_combination_is_said_to_who_saves_and_to_who_approves() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let (ann, bob) = (service.sign_in("ann"), service.sign_in("bob"));
    let told = "the map needs 2 codes together here; still missing: A00.0";
    let saves = |codes: &str| {
        let saved = ann.post("/review/item/1", &format!("action=decide{codes}&{}", ann.form(1))).expect("an answer");
        assert_eq!(saved.status, 303, "it may be meant: {}", saved.body);
        [ann.get("/review?done=1").body, bob.get("/review/item/1").body]
    };
    for page in saves("&code=A04.7") {
        assert!(page.contains(told), "{page}");
    }
    for page in saves("&code=A04.7&code=A00.0").into_iter().chain(saves("&code=A00")) {
        assert!(!page.contains("still missing"), "{page}");
    }
    assert!(bob.get("/review/item/1").body.contains("A00 is a header"), "before it is approved");
    let (_, _, error) = place.review("decide", &["--by", "ann", "1", "--codes", "A00.9"]);
    assert!(error.contains(told), "{error}");
}

#[test]
fn a_change_names_the_version_that_was_seen() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let ann = service.sign_in("ann");
    let form = ann.form(1);
    let secret = form.split('&').next().unwrap_or_default();
    for seen in ["", "&seen=", "&seen=newest"] {
        let told = ann.post("/review/item/1", &format!("action=no-map&{secret}{seen}")).expect("an answer");
        assert!(told.status == 422 && told.body.contains("which version"), "{seen}: {} {}", told.status, told.body);
    }
    assert_eq!(ann.post("/review/item/1", &format!("action=no-map&{form}")).expect("an answer").status, 303);
    // What was just done is taken back from another page.
    assert_eq!(ann.post("/review/item/1", &format!("action=undo&{secret}")).expect("an answer").status, 303);
}

#[test]
fn whose_own_answers_are_approved_at_once_can_work_blind_too() {
    let place = Place::new();
    place.two_items();
    place.reviews("rules", &["--by", "boss", "--self-approval", "allowed"]);
    let service = serve(&place, &[]);
    let (ann, bob) = (service.sign_in("ann"), service.sign_in("bob"));
    let answers = |browser: &super::workbench::Browser<'_>| {
        let saved = browser.post("/review/item/2", &format!("action=decide&code=A00.0&{}", browser.form(2))).expect("an answer");
        assert_eq!(saved.status, 303, "{}", saved.body);
        browser.get("/review/item/2").body
    };
    assert!(answers(&ann).contains("by ann, approved by ann"));
    place.reviews("assign", &["--by", "boss", "--blind", "ann", "bob"]);
    // She answered it before; that answer is not the one that she gives now, and the one that she gives now waits for his.
    assert!(answers(&ann).contains("you see only your own answer"));
    assert!(answers(&bob).contains("by ann, approved by bob"));
}

#[test]
fn what_cannot_be_a_filter_or_a_remark_is_said() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let ann = service.sign_in("ann");
    for (score, status) in [("abc", 400), ("0%2C5", 400), ("50", 400), ("NaN", 400), ("0.5", 200), ("", 200)] {
        for page in ["/review?score=", "/review/item/1?score="] {
            let reply = ann.get(&format!("{page}{score}"));
            assert!(reply.status == status && (status == 200 || reply.body.contains("is no score")), "{score}: {}", reply.body);
        }
    }
    // A filter that nothing fits is seen as the filter that it is.
    let mine = ann.get("/review?assignee=ann").body;
    assert!(mine.contains("No item fits this filter") && mine.contains("<option value=\"ann\" selected>"), "{mine}");
    // The field of the form takes no more; what comes otherwise is told, and stays in the field.
    let remark = |length: usize| {
        let why = "x".repeat(length);
        ann.post("/review/item/1", &format!("action=flag&why={why}&{}", ann.form(1))).expect("an answer")
    };
    let told = remark(2_001);
    assert!(told.status == 422 && told.body.contains("at most 2000 characters, this one has 2001"), "{}", told.body);
    assert!(told.body.contains(&"x".repeat(2_001)), "what was typed stays");
    assert_eq!(remark(2_000).status, 303);
    let (code, _, error) = place.review("decide", &["--by", "ann", "2", "--flag", "--why", &"x".repeat(2_001)]);
    assert!(code == 2 && error.contains("at most 2000 characters"), "{error}");
}

/// What a job of texts leaves to people has no code, so no map offers anything: the search does.
#[test]
fn words_without_a_code_come_with_what_is_found_for_them() {
    let place = Place::new();
    super::review::write(
        &place.path("in.csv"),
        "source_system,source_code,target_system,text,records\ntext,,icd10cm,classical cholera,3\ntext,,icd10cm,no classical cholera,2\n\
         text,,nowhere,cholera,1\n",
    );
    place.reviews("import", &["--by", "job", "in.csv"]);
    let service = serve(&place, &[]);
    let ann = service.sign_in("ann");
    let shown = |item: i64| ann.get(&format!("/review/item/{item}")).body;
    let (said, denied) = (shown(1), shown(2));
    assert!(said.contains("value=\"classical cholera\"") && said.contains("value=\"A00.0\""), "{said}");
    assert!(denied.contains("value=\"A00.0\"") && denied.contains("the text says that it is not there"), "{denied}");
    assert!(!said.contains("the text says") && !said.contains(" checked"), "nothing is taken by itself: {said}");
    assert_eq!(ann.get("/review/item/3").status, 200, "a target system that is not loaded");
    // Found by hand, it is an answer; what was typed instead of the words is searched for.
    let saved = ann.post("/review/item/1", &format!("action=decide&code=A00.0&{}", ann.form(1))).expect("an answer");
    assert_eq!(saved.status, 303, "{}", saved.body);
    assert!(ann.get("/review/item/2?q=enterocolitis").body.contains("value=\"A04.7\""));
}

#[test]
fn the_code_of_a_header_finds_what_is_below_it() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let ann = service.sign_in("ann");
    for page in ["/review/search?fragment=1&system=icd10cm&q=A00", "/review/search?fragment=1&system=icd10cm&q=a00", "/review/item/1?q=A00"]
    {
        let body = ann.get(page).body;
        let hits = body.rsplit("id=\"hits\"").next().unwrap_or_default();
        assert!(hits.contains("begins with A00"), "{page}: {body}");
        let (first, second) = (hits.find("value=\"A00.0\""), hits.find("value=\"A00.9\""));
        assert!(first.is_some() && first < second && !hits.contains("name=\"code\" value=\"A04.7\""), "{page}: {hits}");
    }
    assert!(ann.get("/review/search?fragment=1&system=icd10cm&q=A00.0").body.contains("value=\"A00.0\""), "a code is itself");
}

/// OpenRefine takes what is a match without asking anybody.
#[test]
fn openrefine_takes_nothing_that_the_words_deny() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let first = |words: &str| -> Value {
        let queries = json!({"q": {"query": words, "type": "icd10cm"}}).to_string();
        let sent: String = queries.bytes().map(|b| format!("%{b:02X}")).collect();
        let reply = service.ask("POST", "/reconcile", &[], &format!("queries={sent}")).expect("an answer");
        serde_json::from_str::<Value>(&reply.body).expect("JSON")["q"]["result"][0].clone()
    };
    let said = first("Classical cholera");
    assert_eq!((&said["id"], &said["match"], &said["description"]), (&json!("icd10cm:A00.0"), &json!(true), &json!("billable")));
    for (words, why) in [("no classical cholera", "not there"), ("r/o classical cholera", "not certain")] {
        let doubted = first(words);
        assert_eq!((&doubted["id"], &doubted["match"]), (&json!("icd10cm:A00.0"), &json!(false)), "{doubted}");
        assert!(doubted["description"].as_str().is_some_and(|d| d.starts_with("billable; ") && d.contains(why)), "{doubted}");
    }
}

#[test]
fn openrefine_columns_restrict_and_match_only_what_may_be_taken() {
    // 001.0 leads to a header.
    let place = Place::with(&releases(&GEM.replacen("A000    00000", "A00     00000", 1), &[], TITLES, Vec::new()));
    place.two_items();
    let service = serve(&place, &[]);
    let ask = |query: &str, value: Value| -> Vec<(String, bool)> {
        let queries = json!({"q": {"query": query, "type": "icd10cm", "properties": [{"pid": "icd9cm", "v": value}]}}).to_string();
        let reply = service.ask("POST", "/reconcile", &[], &format!("queries={}", escaped(&queries))).expect("an answer");
        let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
        let found = answer["q"]["result"].as_array().unwrap_or_else(|| panic!("{answer}"));
        found.iter().map(|c| (c["id"].as_str().unwrap_or_default().to_owned(), c["match"] == true)).collect()
    };
    let codes = |found: &[(String, bool)]| {
        let mut codes: Vec<String> = found.iter().map(|(id, _)| id.clone()).collect();
        codes.sort();
        codes
    };
    let (choice, header) = (["icd10cm:A00.0", "icd10cm:A00.9"], ["icd10cm:A00"]);
    assert_eq!(codes(&ask("x", json!("001.8"))), choice);
    assert_eq!(codes(&ask("x", json!({"id": "icd9cm:001.8", "name": "Cholera three"}))), choice, "a column that is reconciled already");
    assert_eq!(codes(&ask("x", json!(["001.0", "001.8"]))), ["icd10cm:A00", "icd10cm:A00.0", "icd10cm:A00.9"], "all of several");
    assert_eq!(ask("Cholera", json!("001.0")), [(header[0].to_owned(), false)], "a header is nobody's match");
    let none = ask("Classical cholera", json!("001.9"));
    assert!(!none.is_empty() && none.iter().all(|(_, is_match)| !is_match), "the map says that there is none: {none:?}");
    assert!(
        ask("Classical cholera", json!("")).iter().any(|(id, is_match)| id == "icd10cm:A00.0" && *is_match),
        "an empty cell asks no map"
    );
}
