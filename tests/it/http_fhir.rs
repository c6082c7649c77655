//! FHIR over a real socket: versions, contradictions, costs, paging, search, decisions.

use crate::http::{CM, I9, Reply, Service, fhir, get, part, post, serve, serve_engine, serve_with, small};
use crate::kit::{self, map, order, system};
use serde_json::{Value, json};
use std::sync::Arc;
use xwalk::engine::{Decided, Decision, Engine, Overlay, Question};
use xwalk::model::{MapKind, Relationship};
use xwalk::read::Format;

fn result(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.parameter("result")["valueBoolean"].clone()
}

fn version(reply: &Reply) -> Value {
    reply.parameter("version")["valueString"].clone()
}

/// An order file of codes and whether they may be recorded.
fn cholera(codes: &[(&str, u8)]) -> String {
    order(&codes.iter().map(|(code, billable)| (*code, *billable, "Cholera")).collect::<Vec<_>>())
}

/// ICD-10-CM of two years: A00.1 came with the second.
fn two_years() -> &'static Engine {
    let engine = kit::engine(&[
        system("old", "icd10cm", "2024", "2023-10-01", Format::IcdOrder, &cholera(&[("A00", 0), ("A000", 1)])),
        system("new", "icd10cm", "2025", "2024-10-01", Format::IcdOrder, &cholera(&[("A00", 0), ("A000", 1), ("A001", 1)])),
        system("i9", "icd9cm", "32", "2014-10-01", Format::Icd9TitlesLong, "0010  Cholera one\n"),
        map("gem", ("icd9cm", "icd10cm"), "2018", MapKind::Gem, Format::Gem, "0010  A001    00000\r\n"),
    ]);
    Box::leak(Box::new(engine))
}

#[test]
fn a_version_that_is_asked_for_answers() {
    let service = serve_engine(two_years(), |_| ());
    for release in ["r4", "r5"] {
        let ask = |path: &str| get(&service, &format!("/fhir/{release}/{path}"));
        let validate = |query: &str| ask(&format!("CodeSystem/$validate-code?url={CM}&code=A00.1{query}"));
        let newest = validate("");
        assert_eq!((result(&newest), version(&newest)), (json!(true), json!("2025")));
        for query in
            ["&version=2024", "&date=2024-01-01", &format!("&system-version={CM}|2024"), &format!("&force-system-version={CM}|2024")]
        {
            let old = validate(query);
            assert_eq!((result(&old), version(&old)), (json!(false), json!("2024")), "{query}: {}", old.body);
        }
        assert_eq!(result(&validate(&format!("&version=2025&system-version={CM}|2024"))), true, "it holds where nothing else is said");
        assert!(validate("&version=2024").body.contains("Unknown_Code_in_Version"));
        assert!(validate("&version=1999").body.contains("UNKNOWN_CODESYSTEM_VERSION"));
        for contradiction in [
            "&version=2024&systemVersion=2025",
            "&version=2024&date=2025-01-01",
            &format!("&version=2025&check-system-version={CM}|2024"),
            &format!("&version=2025&force-system-version={CM}|2024"),
            "&system-version=2024",
        ] {
            assert_eq!(validate(contradiction).status, 400, "{contradiction}");
        }
        assert_eq!(ask(&format!("CodeSystem/$lookup?system={CM}&code=A00.1&version=2024")).status, 404);
        assert_eq!(ask(&format!("CodeSystem/$lookup?system={CM}&code=A00.0&version=1999")).status, 404);
        assert_eq!(version(&ask(&format!("CodeSystem/$lookup?system={CM}&code=A00.0&version=2024"))), "2024");
        assert_eq!(version(&ask(&format!("CodeSystem/$lookup?system={CM}%7C2024&code=A00.0"))), "2024");
        assert_eq!(ask(&format!("CodeSystem/$subsumes?system={CM}&codeA=A00&codeB=A00.1&version=2024")).status, 400);
        assert_eq!(ask(&format!("CodeSystem/$subsumes?system={CM}&codeA=A00&codeB=A00.1")).parameter("outcome")["valueCode"], "subsumes");
        let in_set = |query: &str| ask(&format!("ValueSet/$validate-code?url={CM}%3Ffhir_vs&system={CM}&code=A00.1{query}"));
        assert_eq!(result(&in_set("")), true);
        for query in ["&systemVersion=2024", "&valueSetVersion=2024", &format!("&system-version={CM}|2024")] {
            assert_eq!(result(&in_set(query)), false, "{query}");
        }
        let expanded = ask(&format!("ValueSet/$expand?url={CM}%3Ffhir_vs&count=9&force-system-version={CM}|2024")).json();
        assert_eq!(expanded["expansion"]["total"], 2, "{expanded}");
        assert!(expanded["expansion"]["parameter"].to_string().contains("icd-10-cm|2024"), "{expanded}");
        let said = ask("metadata?mode=terminology").json()["codeSystem"].to_string();
        assert!(said.contains("\"2024\"") && said.contains("\"2025\""), "{said}");
    }
    // A set that says its version, and a coding that says another.
    let set = json!({"resourceType": "ValueSet", "url": "http://example.org/v", "status": "active",
        "compose": {"include": [{"system": CM, "version": "2024"}]}});
    let ask = |more: Value| {
        let coding = |version: &str| json!({"name": "coding", "valueCoding": {"system": CM, "version": version, "code": "A00.0"}});
        let mut parameters =
            vec![json!({"name": "url", "valueUri": "http://example.org/v"}), json!({"name": "tx-resource", "resource": set})];
        parameters.push(coding(more.as_str().unwrap_or_default()));
        fhir(&service, "/fhir/r5/ValueSet/$validate-code", json!(parameters))
    };
    assert_eq!(version(&ask(json!("2024"))), "2024");
    assert_eq!((result(&ask(json!(""))), version(&ask(json!("")))), (json!(true), json!("2024")), "what the set says holds");
    let other = ask(json!("2025"));
    assert_eq!(result(&other), false);
    assert!(other.body.contains("VALUESET_VALUE_MISMATCH"), "{}", other.body);
    // Maps: a code that the version does not have is not translated.
    let back =
        |more: &str| get(&service, &format!("/fhir/r4/ConceptMap/$translate?system={CM}&code=A00.1&targetsystem={I9}&reverse=true{more}"));
    assert_eq!((result(&back("")), result(&back("&version=2024")), back("&version=1999").status), (json!(true), json!(false), 404));
}

#[test]
fn the_system_that_is_named_is_the_one_that_answers() {
    let service = serve(|_| ());
    let ask = |path: String| get(&service, &format!("/fhir/r4/CodeSystem/{path}"));
    let other = ask(format!("$validate-code?url={CM}&coding={I9}|001.0"));
    assert_eq!(result(&other), false, "a code of another system");
    assert!(other.parameter("message")["valueString"].as_str().is_some_and(|m| m.contains("icd-9-cm")), "{}", other.body);
    assert_eq!(result(&ask(format!("$validate-code?url={I9}&coding={I9}|001.0"))), true);
    assert_eq!(result(&ask(format!("$validate-code?url=icd9cm&coding={I9}|001.0"))), true, "two names of one system");
    for contradiction in [
        format!("icd10cm/$validate-code?code=001.0&url={I9}"),
        format!("$validate-code?code=001.0&url={I9}&system={CM}"),
        format!("$lookup?system={CM}&coding={I9}|001.0"),
        format!("icd10cm/$lookup?code=001.0&system={I9}"),
        format!("$subsumes?system={CM}&codingA={I9}|001.0&codingB={I9}|001.1"),
        format!("icd10cm/$subsumes?system={I9}&codeA=001.0&codeB=001.1"),
        format!("$lookup?coding={I9}|001.0&version=32"),
    ] {
        assert_eq!(ask(contradiction.clone()).status, 400, "{contradiction}");
    }
    let concept = json!([{"name": "url", "valueUri": CM}, {"name": "codeableConcept", "valueCodeableConcept":
        {"coding": [{"system": I9, "code": "001.0"}, {"system": CM, "code": "A00.0"}]}}]);
    let judged = fhir(&service, "/fhir/r4/CodeSystem/$validate-code", concept);
    assert_eq!((result(&judged), &judged.parameter("system")["valueUri"]), (json!(true), &json!(CM)), "{}", judged.body);
}

#[test]
fn what_was_meant_is_told_and_is_no_code() {
    let service = serve(|_| ());
    for given in ["a00.0", "A000", "a000"] {
        for path in [format!("CodeSystem/$validate-code?url={CM}"), format!("ValueSet/$validate-code?url={CM}%3Ffhir_vs&system={CM}")] {
            let judged = get(&service, &format!("/fhir/r5/{path}&code={given}"));
            assert_eq!(result(&judged), false, "{given}");
            assert_eq!(judged.parameter("normalized-code")["valueCode"], "A00.0");
            assert!(judged.parameter("message")["valueString"].as_str().is_some_and(|m| m.contains("was read as")), "{}", judged.body);
        }
        assert_eq!(get(&service, &format!("/fhir/r5/CodeSystem/$lookup?system={CM}&code={given}")).status, 404);
        assert_eq!(get(&service, &format!("/fhir/r5/CodeSystem/$subsumes?system={CM}&codeA=A00&codeB={given}")).status, 400);
    }
}

/// A value set as a parameter.
fn brought(url: &str, compose: Value) -> Value {
    json!({"name": "tx-resource", "resource": {"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose}})
}

#[test]
fn what_costs_too_much_is_told() {
    let service = serve(|_| ());
    // Seven levels, each of which imports the next twelve times: 36 million sets.
    let name = |level: usize| format!("http://example.org/{level}");
    let mut parameters: Vec<Value> =
        (0..7).map(|level| brought(&name(level), json!({"include": [{"valueSet": vec![name(level + 1); 12]}]}))).collect();
    parameters.push(brought(&name(7), json!({"include": [{"system": CM}]})));
    let deep = |operation: &str, more: Value| {
        let mut all = parameters.clone();
        all.push(json!({"name": "url", "valueUri": name(0)}));
        all.extend(more.as_array().cloned().unwrap_or_default());
        fhir(&service, &format!("/fhir/r5/ValueSet/{operation}"), json!(all))
    };
    for reply in [
        deep("$expand", json!([])),
        deep("$validate-code", json!([{"name": "code", "valueCode": "A00.0"}, {"name": "system", "valueUri": CM}])),
    ] {
        assert_eq!((reply.status, &reply.json()["issue"][0]["code"]), (422, &json!("too-costly")), "{}", reply.body);
    }
    let codings = vec![json!({"system": CM, "code": "A00.0"}); 20_000];
    for path in ["CodeSystem/$validate-code", "ValueSet/$validate-code"] {
        let parameters = json!([{"name": "url", "valueUri": if path.starts_with("Code") { CM.to_owned() } else { format!("{CM}?fhir_vs") }},
            {"name": "codeableConcept", "valueCodeableConcept": {"coding": codings}}]);
        assert_eq!(fhir(&service, &format!("/fhir/r4/{path}"), parameters).status, 422, "{path}");
    }
}

#[test]
fn a_translation_of_very_much_costs_too_much() {
    let service = serve(|_| ());
    let codings = |count: usize| -> Vec<Value> { (0..count).map(|i| json!({"system": I9, "code": format!("Q{i}.{i}")})).collect() };
    let concept = |count: usize| json!([{"name": "codeableConcept", "valueCodeableConcept": {"coding": codings(count)}}]);
    let fact = |i: usize| json!({"name": "dependency", "part": [{"name": "attribute", "valueUri": format!("x:{i}")}, {"name": "value", "valueString": "v"}]});
    let facts = |count: usize| -> Value {
        let coding = json!({"name": "coding", "valueCoding": {"system": I9, "code": "001.0"}});
        json!((0..count).map(fact).chain([coding]).collect::<Vec<_>>())
    };
    for release in ["r4", "r5"] {
        let status = |parameters: Value| fhir(&service, &format!("/fhir/{release}/ConceptMap/$translate"), parameters).status;
        assert_eq!([status(concept(1_000)), status(concept(1_001)), status(facts(1_000)), status(facts(1_001))], [200, 422, 200, 422]);
    }
    // Split over the entries of a batch it is no cheaper.
    let entry = json!({"request": {"method": "POST", "url": "ConceptMap/$translate"},
        "resource": {"resourceType": "Parameters", "parameter": concept(1_000)}});
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": vec![entry; 11]});
    let reply = post(&service, "/fhir/r4", "application/fhir+json", &bundle.to_string()).json();
    let status = |at: usize| reply["entry"][at]["response"]["status"].as_str().unwrap_or_default().to_owned();
    assert!(status(0).starts_with("200") && status(10).starts_with("422"), "{} {}", status(0), status(10));
}

#[test]
fn a_batch_is_no_larger_for_its_entries() {
    let service = serve(|c| c.limits.batch_answer = 10_000);
    let entries = |url: String, count: usize| json!({"resourceType": "Bundle", "type": "batch", "entry": vec![json!({"request": {"method": "GET", "url": url}}); count]});
    let statuses = |reply: Reply| -> Vec<String> {
        let status = |e: &Value| e["response"]["status"].as_str().unwrap_or_default()[..3].to_owned();
        reply.json()["entry"].as_array().expect("entries").iter().map(status).collect()
    };
    let reply = post(
        &service,
        "/fhir/r4",
        "application/fhir+json",
        &entries(format!("CodeSystem/$lookup?system={CM}&code=A00.0"), 100).to_string(),
    );
    assert!(reply.body.len() < 100_000, "{}", reply.body.len());
    let all = statuses(reply);
    assert_eq!((&*all[0], &*all[99]), ("200", "422"));
    let validation = json!({"name": "validation", "resource": {"resourceType": "Parameters", "parameter": [
        {"name": "coding", "valueCoding": {"system": CM, "code": "A00.0"}}]}});
    let many = fhir(&service, "/fhir/r4/CodeSystem/$batch-validate-code", json!(vec![validation; 200]));
    let all = many.all("validation");
    assert_eq!(
        (&all[0]["resource"]["resourceType"], &all[199]["resource"]["issue"][0]["code"]),
        (&json!("Parameters"), &json!("too-costly"))
    );
    // A search costs, and so does each concept that is written.
    let wide = serve(|_| ());
    let searches = statuses(post(
        &wide,
        "/fhir/r5",
        "application/fhir+json",
        &entries(format!("ValueSet/$expand?url={CM}%3Ffhir_vs&filter=cholera"), 1_000).to_string(),
    ));
    assert_eq!((&*searches[0], &*searches[999]), ("200", "422"));
}

#[test]
fn a_set_has_each_code_once_in_its_order() {
    let service = serve(|_| ());
    let expand = |compose: Value| -> Vec<String> {
        let parameters = json!([brought("http://example.org/s", compose), {"name": "url", "valueUri": "http://example.org/s"}]);
        let reply = fhir(&service, "/fhir/r5/ValueSet/$expand", parameters);
        assert_eq!(reply.status, 200, "{}", reply.body);
        let contains = reply.json()["expansion"]["contains"].clone();
        contains.as_array().into_iter().flatten().map(|c| c["code"].as_str().unwrap_or("").to_owned()).collect()
    };
    let filter = |op: &str, value: &str| json!({"system": CM, "filter": [{"property": "concept", "op": op, "value": value}]});
    assert_eq!(expand(json!({"include": [filter("is-not-a", "A00")]})), ["A04.7"]);
    assert_eq!(
        expand(json!({"include": [filter("is-not-a", "A00"), {"system": CM}, filter("is-a", "A00")]})),
        ["A04.7", "A00", "A00.0", "A00.9"]
    );
    assert_eq!(
        expand(json!({"include": [{"system": CM, "concept": [{"code": "A00.9"}, {"code": "A00.0"}, {"code": "A00.9"}]}]})),
        ["A00.9", "A00.0"]
    );
    assert_eq!(expand(json!({"include": [{"system": CM}], "exclude": [filter("in", "A00,A00.0")]})), ["A00.9", "A04.7"]);
}

#[test]
fn an_expansion_says_no_total_that_it_does_not_know() {
    let wide = serve(|_| ());
    let narrow = serve(|c| c.limits.hits = 2);
    let expand =
        |service: &Service, release: &str, more: &str| get(service, &format!("/fhir/{release}/ValueSet/$expand?url={CM}%3Ffhir_vs&{more}"));
    let of = |reply: Reply| -> (Value, usize, bool) {
        let expansion = reply.json()["expansion"].clone();
        let is_cut = expansion["extension"].to_string().contains("valueset-toocostly");
        (expansion["total"].clone(), expansion["contains"].as_array().map_or(0, Vec::len), is_cut)
    };
    assert_eq!(of(expand(&wide, "r4", "filter=cholera")), (json!(3), 3, false));
    assert_eq!(of(expand(&wide, "r4", "filter=cholera&count=2")), (Value::Null, 2, false), "there is more, on the next page");
    assert_eq!(of(expand(&wide, "r4", "filter=cholera&count=2&offset=2")), (json!(3), 1, false));
    assert_eq!(of(expand(&wide, "r4", "filter=cholera&count=0")), (json!(3), 0, false));
    assert_eq!(of(expand(&narrow, "r4", "filter=cholera")), (Value::Null, 2, true), "what was cut is said");
    assert_eq!(expand(&narrow, "r4", "filter=cholera&count=2&offset=2").status, 422);
    let property =
        |release: &str| expand(&wide, release, "filter=classical&count=1&property=parent").json()["expansion"]["contains"][0].clone();
    assert_eq!(property("r5")["property"], json!([{"code": "parent", "valueCode": "A00"}]));
    assert_eq!(property("r4")["extension"][0]["extension"][1], json!({"url": "value", "valueCode": "A00"}));
}

#[test]
fn searches_count_and_link() {
    let service = serve(|_| ());
    let bundle = |path: &str| {
        let reply = get(&service, &format!("/fhir/{path}"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json()
    };
    let counts = |b: &Value| (b["total"].as_u64(), b["entry"].as_array().map_or(0, Vec::len));
    assert_eq!(counts(&bundle("r4/CodeSystem")), (Some(2), 2));
    assert_eq!(counts(&bundle("r4/CodeSystem?_count=0")), (Some(2), 0));
    assert_eq!(counts(&bundle("r4/CodeSystem?_summary=count")), (Some(2), 0));
    assert_eq!(counts(&bundle(&format!("r4/CodeSystem?system={I9}"))), (Some(1), 1));
    assert_eq!(counts(&bundle("r4/CodeSystem?system=http://nowhere")), (Some(0), 0));
    let first = bundle("r4/CodeSystem?_count=1");
    assert_eq!(counts(&first), (Some(2), 1));
    assert_eq!(first["link"][0], json!({"relation": "self", "url": "http://localhost/fhir/r4/CodeSystem?_count=1"}));
    let next = first["link"][1]["url"].as_str().and_then(|u| u.strip_prefix("http://localhost/fhir/")).expect("a next page").to_owned();
    let second = bundle(&next);
    assert_eq!((counts(&second), second["link"].as_array().map(Vec::len)), ((Some(2), 1), Some(1)));
    assert_ne!(first["entry"][0]["fullUrl"], second["entry"][0]["fullUrl"]);
    assert!(first["entry"][0]["fullUrl"].as_str().is_some_and(|u| u.starts_with("http://localhost/fhir/r4/CodeSystem/")), "{first}");
    for (release, name) in [("r4", "source-system"), ("r5", "source-group-system")] {
        assert_eq!(counts(&bundle(&format!("{release}/ConceptMap?{name}={I9}"))), (Some(1), 1));
        assert_eq!(counts(&bundle(&format!("{release}/ConceptMap?{name}={CM}"))), (Some(0), 0));
        let said = bundle(&format!("{release}/metadata"))["rest"][0]["resource"].to_string();
        assert!(said.contains(&format!("\"{name}\"")), "{said}");
    }
    assert_eq!(get(&service, "/fhir/r4/ValueSet?system=x").status, 400, "no parameter of this type");
}

#[test]
fn a_translation_stays_in_the_value_sets_that_bound_it() {
    let service = serve(|_| ());
    let set = |code: &str| format!("{CM}%3Ffhir_vs%3Disa/{code}");
    let matches = |reply: &Reply| -> Vec<String> {
        let code = |m: &Value| part(m, "concept")["valueCoding"]["code"].as_str().unwrap_or_default().to_owned();
        reply.all("match").iter().map(code).collect()
    };
    for (release, scope) in [("r4", "target"), ("r4", "targetScope"), ("r5", "targetScope")] {
        let ask = |code: &str, set: String| {
            get(&service, &format!("/fhir/{release}/ConceptMap/$translate?system={I9}&code={code}&targetsystem={CM}&{scope}={set}"))
        };
        let all = ask("001.8", set("A00"));
        assert_eq!((result(&all), matches(&all)), (json!(true), vec!["A00.0".to_owned(), "A00.9".to_owned()]));
        let one = ask("001.8", set("A00.9"));
        assert_eq!((result(&one), matches(&one)), (json!(true), vec!["A00.9".to_owned()]), "{}", one.body);
        let none = ask("001.0", set("A04.7"));
        assert_eq!((result(&none), matches(&none).len()), (json!(false), 0), "A00.0 is not in it: {}", none.body);
        assert!(none.parameter("message")["valueString"].as_str().is_some_and(|m| m.contains("value set")), "{}", none.body);
        // Half of a combination is none: the second code, A00.0, is outside.
        let half = ask("001.1", set("A04.7"));
        assert_eq!((result(&half), matches(&half).len()), (json!(false), 0), "{}", half.body);
        let automatic = |reply: &Reply| reply.parameter("result")["extension"][1]["valueBoolean"].clone();
        assert_eq!((automatic(&ask("001.0", set("A00"))), automatic(&one)), (json!(true), json!(false)));
    }
    let back = |set: &str| {
        let path = format!("ConceptMap/$translate?targetCode=A00.0&targetSystem={CM}&sourceSystem={I9}&sourceScope={I9}%3Ffhir_vs{set}");
        get(&service, &format!("/fhir/r5/{path}"))
    };
    assert!(back("").all("match").len() > 1);
    let only = back("%3Disa/001.0");
    assert_eq!((only.all("match").len(), &part(&only.parameter("match"), "source")["valueCoding"]["code"]), (1, &json!("001.0")));
}

/// ICD-10-CM of two years: A00.1, to which the map leads, became a header in the second.
#[test]
fn the_newest_version_holds_where_it_is_named() {
    let engine = kit::engine(&[
        system("old", "icd10cm", "2024", "2023-10-01", Format::IcdOrder, &cholera(&[("A00", 0), ("A001", 1), ("A002", 1)])),
        system("new", "icd10cm", "2025", "2024-10-01", Format::IcdOrder, &cholera(&[("A00", 0), ("A001", 0), ("A0010", 1)])),
        system("i9", "icd9cm", "32", "2014-10-01", Format::Icd9TitlesLong, "0010  Cholera one\n"),
        map("gem", ("icd9cm", "icd10cm"), "2018", MapKind::Gem, Format::Gem, "0010  A001    00000\r\n"),
        map("back", ("icd10cm", "icd9cm"), "2018", MapKind::Gem, Format::Gem, "A002  0010    00000\r\n"),
    ]);
    let service = serve_engine(Box::leak(Box::new(engine)), |_| ());
    for release in ["r4", "r5"] {
        let ask = |query: String| get(&service, &format!("/fhir/{release}/ConceptMap/$translate?{query}"));
        let forth = |version: &str| ask(format!("system={I9}&code=001.0&targetsystem={CM}{version}"));
        let settled = |reply: &Reply| reply.parameter("result")["extension"][1]["valueBoolean"] == true;
        assert!(settled(&forth("%7C2024")), "it was a code then");
        assert!(!settled(&forth("%7C2025")), "it is a header there: {}", forth("%7C2025").body);
        let unversioned = forth("");
        assert!(unversioned.parameter("message")["valueString"].as_str().is_some_and(|m| m.contains("header")), "{}", unversioned.body);
        let back = |version: &str| ask(format!("system={CM}&code=A00.2&targetsystem={I9}&version={version}"));
        assert_eq!((result(&back("2024")), result(&back("2025"))), (json!(true), json!(false)), "A00.2 is no code of 2025");
    }
}

#[test]
fn of_a_map_by_name_the_newest_version_is_meant() {
    let gem = |version: &str, row: &str| map("gem", ("icd9cm", "icd10cm"), version, MapKind::Gem, Format::Gem, row);
    let engine = kit::engine(&[
        system("cm", "icd10cm", "2018", "2017-10-01", Format::IcdOrder, &cholera(&[("A000", 1), ("A009", 1)])),
        system("i9", "icd9cm", "32", "2014-10-01", Format::Icd9TitlesLong, "0010  Cholera one\n"),
        gem("9", "0010  A000    00000\r\n"),
        gem("10", "0010  A009    00000\r\n"),
    ]);
    let service = serve_engine(Box::leak(Box::new(engine)), |_| ());
    for (more, code) in [("", "A00.9"), ("&conceptMapVersion=9", "A00.0"), ("&conceptMapVersion=10", "A00.9")] {
        let reply = get(&service, &format!("/fhir/r4/ConceptMap/$translate?url=urn:xwalk:map:gem&system={I9}&code=001.0{more}"));
        let matches = reply.all("match");
        assert_eq!((matches.len(), &part(&matches[0], "concept")["valueCoding"]["code"]), (1, &json!(code)), "{more}: {}", reply.body);
    }
}

#[test]
fn what_a_code_was_read_as_is_said_of_a_translation() {
    let service = serve(|_| ());
    for release in ["r4", "r5"] {
        let ask = |code: &str| get(&service, &format!("/fhir/{release}/ConceptMap/$translate?system={I9}&code={code}&targetsystem={CM}"));
        let (plain, repaired) = (ask("001.0"), ask("0010"));
        assert_eq!(plain.all("match"), repaired.all("match"));
        assert_eq!(plain.parameter("message"), Value::Null);
        assert_eq!(repaired.parameter("message")["valueString"], "`0010` was read as `001.0` (dot)");
        let extensions = repaired.parameter("result")["extension"].to_string();
        assert!(extensions.contains("urn:xwalk:fhir:repair") && !plain.body.contains("urn:xwalk:fhir:repair"), "{extensions}");
    }
}

#[test]
fn a_batch_of_codes_of_a_system_names_it_as_its_operation_does() {
    let service = serve(|_| ());
    let entry = |url: &str, code: &str| {
        json!({"name": "validation", "resource": {"resourceType": "Parameters", "parameter": [
            {"name": "url", "valueUri": url}, {"name": "code", "valueCode": code}]}})
    };
    let answers = |path: &str, entries: Value| -> Vec<Value> {
        let reply = fhir(&service, &format!("/fhir/r4/{path}/$batch-validate-code"), entries);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.all("validation").iter().map(|v| v["resource"]["parameter"][0]["valueBoolean"].clone()).collect()
    };
    assert_eq!(answers("CodeSystem", json!([entry(CM, "A00.0"), entry(CM, "A00"), entry(I9, "001.0")])), [true, false, true]);
    let of_set = json!([{"name": "system", "valueUri": CM}, entry(&format!("{CM}?fhir_vs=isa/A00"), "A00.0"), entry(&format!("{CM}?fhir_vs=isa/A00"), "A04.7")]);
    assert_eq!(answers("ValueSet", of_set), [true, false]);
}

#[test]
fn what_the_address_of_a_post_says_counts_beside_its_body() {
    let service = serve(|_| ());
    for release in ["r4", "r5"] {
        let path = |query: &str| format!("/fhir/{release}/ConceptMap/$translate{query}");
        let coding = json!([{"name": "sourceCoding", "valueCoding": {"system": I9, "code": "001.0"}}]);
        let ask = |query: &str| fhir(&service, &path(query), coding.clone());
        assert_eq!(result(&ask("?_format=json&_pretty=true")), true);
        assert_eq!(result(&ask(&format!("?targetsystem={CM}"))), true);
        assert_eq!(result(&ask(&format!("?targetScope={CM}%3Ffhir_vs%3Disa/A04.7"))), false, "A00.0 is not in it");
        assert_eq!(ask(&format!("?sourceCode=001.1&system={I9}")).status, 400, "two codes");
        assert_eq!(ask("?colour=red").status, 400);
        let bare = post(&service, &path(&format!("?sourceCode=001.0&system={I9}")), "application/fhir+json", "");
        assert_eq!(result(&bare), true, "{}", bare.body);
        assert_eq!(post(&service, &path(""), "application/fhir+json", "").status, 400);
    }
}

/// Reviewers who took A00.9 for 001.8.
struct Approved;

impl Overlay for Approved {
    fn decision(&self, question: Question<'_>) -> Option<Decision> {
        (question.code == "001.8").then(|| Decision { id: 7, decided: Decided::Targets(vec![("A00.9".into(), Relationship::Equivalent)]) })
    }
    fn digest(&self) -> String {
        String::from("001.8")
    }
}

#[test]
fn decisions_answer_who_asks_for_them() {
    let service = serve_with(Box::new(|| Ok(small().with_overlay(Arc::new(Approved)))), |_| ());
    for release in ["r4", "r5"] {
        let ask =
            |more: &str| get(&service, &format!("/fhir/{release}/ConceptMap/$translate?system={I9}&code=001.8&targetsystem={CM}{more}"));
        assert_eq!(ask("").all("match").len(), 2);
        assert_eq!(ask("&policy=review").all("match").len(), 2);
        let decided = ask("&policy=decision");
        let matches = decided.all("match");
        assert_eq!((result(&decided), matches.len()), (json!(true), 1), "{}", decided.body);
        assert_eq!(part(&matches[0], "concept")["valueCoding"]["code"], "A00.9");
        assert!(matches[0]["extension"].to_string().contains("urn:xwalk:fhir:decision"), "{}", decided.body);
        assert_eq!(ask("&policy=dice").status, 400);
    }
}

/// A map of one group that a request brings along.
fn own_map(url: &str, source: &str, target: &str, more: Value) -> Value {
    let mut group = json!({"source": source, "target": target});
    more.as_object().expect("members").iter().for_each(|(name, value)| group[name] = value.clone());
    let mut map = json!({"resourceType": "ConceptMap", "version": "1", "status": "active", "group": [group]});
    if !url.is_empty() {
        map["url"] = json!(url);
    }
    map
}

/// Code and relationship of each match.
fn matched(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let strength = |m: &Value| [part(m, "relationship"), part(m, "equivalence")].iter().map(|p| text(&p["valueCode"])).collect();
    reply.all("match").iter().map(|m| (text(&part(m, "concept")["valueCoding"]["code"]), strength(m))).collect()
}

fn codes(reply: &Reply) -> Vec<String> {
    matched(reply).into_iter().map(|(code, _)| code).collect()
}

const OWN: &str = "http://example.org/m";

#[test]
fn a_map_that_came_along_sees_the_code_systems_that_are_loaded() {
    let service = serve(|_| ());
    for release in ["r4", "r5"] {
        let ask = |map: &Value, code: &str, more: Value| {
            let mut parameters = vec![
                json!({"name": "url", "valueUri": OWN}),
                json!({"name": "tx-resource", "resource": map}),
                json!({"name": "sourceCode", "valueCode": code}),
                json!({"name": "system", "valueUri": I9}),
            ];
            parameters.extend(more.as_array().cloned().unwrap_or_default());
            fhir(&service, &format!("/fhir/{release}/ConceptMap/$translate"), json!(parameters))
        };
        let element = json!([{"code": "001.0", "target": [{"code": "A00.9", "relationship": "equivalent"}]}]);
        let map = |unmapped: Value| own_map(OWN, I9, CM, json!({"element": element, "unmapped": unmapped}));
        let fixed = map(json!({"mode": "fixed", "code": "A04.7"}));
        let told = ask(&fixed, "0010", json!([]));
        assert_eq!(codes(&told), ["A00.9"], "{}", told.body);
        assert_eq!(part(&told.parameter("match"), "concept")["valueCoding"]["display"], "Cholera, unspecified");
        assert!(!told.body.contains("unlisted") && told.body.contains("was read as"), "{}", told.body);
        assert_eq!(codes(&ask(&fixed, "001.8", json!([]))), ["A04.7"], "a loaded code without a row");
        let none = ask(&fixed, "999.9", json!([]));
        assert!(codes(&none).is_empty() && none.body.contains("is not a code of"), "{}", none.body);
        let other = map(json!({"mode": "other-map", "otherMap": "urn:xwalk:map:gem"}));
        assert_eq!(codes(&ask(&other, "001.8", json!([]))), ["A00.0", "A00.9"], "a loaded map is followed");
        // Value sets are of the loaded systems too.
        let scope = |code: &str| json!([{"name": "targetScope", "valueUri": format!("{CM}?fhir_vs=isa/{code}")}]);
        assert_eq!(
            (codes(&ask(&fixed, "001.0", scope("A00"))), codes(&ask(&fixed, "001.0", scope("A04.7")))),
            (vec!["A00.9".to_owned()], vec![])
        );
        // What no release lists and the map names is a code for this map, and its target said to be in no release.
        let local =
            own_map(OWN, I9, CM, json!({"element": [{"code": "XYZ", "target": [{"code": "Z99.9", "relationship": "equivalent"}]}]}));
        let unlisted = ask(&local, "XYZ", json!([]));
        assert_eq!(codes(&unlisted), ["Z99.9"]);
        assert!(unlisted.body.contains("unlisted") && unlisted.body.contains("in no loaded release"), "{}", unlisted.body);
        let gone = own_map(OWN, I9, "http://example.org/t", json!({"element": [{"code": "001.0", "target": [{"code": "x"}]}]}));
        let coding = part(&ask(&gone, "001.0", json!([])).parameter("match"), "concept")["valueCoding"].clone();
        assert_eq!(coding, json!({"system": "http://example.org/t", "code": "x"}), "a system that only a map names has its address");
    }
    // The map says nothing of what a code is: that is asked of the releases.
    let map = own_map(OWN, I9, CM, json!({"element": [{"code": "001.0", "target": [{"code": "A00.9"}]}]}));
    let parameters =
        json!([{"name": "tx-resource", "resource": map}, {"name": "code", "valueCode": "001.8"}, {"name": "system", "valueUri": I9}]);
    assert_eq!(fhir(&service, "/fhir/r4/CodeSystem/$lookup", parameters).parameter("display")["valueString"], "Cholera three");
}

#[test]
fn the_map_that_is_given_is_the_one_that_is_used() {
    let service = serve(|_| ());
    let map = |url: &str| {
        own_map(url, I9, CM, json!({"element": [{"code": "001.0", "target": [{"code": "A04.7", "relationship": "equivalent"}]}]}))
    };
    let loaded = "urn:xwalk:map:gem";
    for (own, beside, status) in [
        ("", vec![], 200),
        (OWN, vec![], 200),
        (OWN, vec![("url", OWN)], 200),
        (OWN, vec![("url", OWN), ("conceptMapVersion", "1")], 200),
        (loaded, vec![], 200),
        (loaded, vec![("url", loaded)], 200),
        (OWN, vec![("url", loaded)], 400),
        ("", vec![("url", loaded)], 400),
        (OWN, vec![("url", OWN), ("conceptMapVersion", "2018")], 400),
        (OWN, vec![("url", "http://example.org/m|2")], 400),
    ] {
        let mut parameters = vec![
            json!({"name": "conceptMap", "resource": map(own)}),
            json!({"name": "coding", "valueCoding": {"system": I9, "code": "001.0"}}),
        ];
        parameters.extend(beside.iter().map(|(name, text)| json!({"name": name, "valueUri": text})));
        let reply = fhir(&service, "/fhir/r4/ConceptMap/$translate", json!(parameters));
        assert_eq!(reply.status, status, "{own} {beside:?}: {}", reply.body);
        if status == 200 {
            assert_eq!(codes(&reply), ["A04.7"], "{own} {beside:?}: {}", reply.body);
        }
        let instance = fhir(&service, "/fhir/r4/ConceptMap/gem-2018/$translate", json!(parameters));
        assert_eq!(instance.status, 400, "an instance and a map: {}", instance.body);
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let service = serve(|_| ());
    let fact = |attribute: &str, value: Value| json!({"name": "dependency", "part": [{"name": "attribute", "valueUri": attribute}, value]});
    let text = |value: &str| json!({"name": "value", "valueString": value});
    let coding = |name: &str, system: &str, code: &str| json!({"name": name, "valueCoding": {"system": system, "code": code}});
    let uri = |name: &str, value: &str| json!({"name": name, "valueUri": value});
    let source = || coding("sourceCoding", I9, "001.0");
    let cases = [
        (vec![coding("coding", I9, "001.0"), uri("system", CM)], 400),
        (vec![coding("coding", I9, "001.0"), uri("system", "icd9cm")], 200),
        (vec![coding("coding", "", "001.0"), uri("system", I9)], 200),
        (vec![source(), uri("system", CM)], 400),
        (vec![source(), uri("sourceSystem", I9), uri("targetSystem", CM)], 200),
        (vec![json!({"name": "coding", "valueCoding": {"system": I9, "version": "32", "code": "001.0"}}), uri("version", "31")], 400),
        (vec![coding("targetCoding", CM, "A00.0"), uri("targetSystem", I9)], 400),
        (vec![coding("targetCoding", CM, "A00.0"), uri("targetSystem", CM), uri("system", I9)], 200),
        (vec![source(), fact("sex", text("female")), fact("finding", text("248153007"))], 400),
        (vec![source(), fact("finding", text("248152002")), fact("finding", text("248153007"))], 400),
        (vec![source(), fact("sex", text("female")), fact("finding", text("248152002"))], 200),
        (vec![source(), fact("248152002", text("false")), fact("sex", text("female"))], 400),
        (vec![source(), fact("sex", text("male")), fact("248152002", text("false"))], 200),
        (vec![source(), fact("248152002", text("maybe"))], 400),
        (vec![source(), fact("445518008", text("3y")), fact("424144002", text("1y"))], 400),
        (vec![source(), fact("424144002", text("12m")), fact("445518008", text("1y"))], 200),
        (vec![source(), fact("age", json!({"name": "value", "valueQuantity": {"value": 3, "code": "a", "comparator": "<"}}))], 400),
        (vec![source(), fact("age", json!({"name": "value", "valueQuantity": {"value": 3, "code": "a"}}))], 200),
        (vec![source(), fact("x:y", text("1")), fact("x:y", text("2"))], 400),
        (vec![source(), fact("x:y", text("1")), fact("x:y", text("1"))], 200),
    ];
    for release in ["r4", "r5"] {
        for (parameters, status) in &cases {
            let reply = fhir(&service, &format!("/fhir/{release}/ConceptMap/$translate"), json!(parameters));
            assert_eq!(reply.status, *status, "{parameters:?}: {}", reply.body);
        }
        let set = brought("http://example.org/s", json!({"include": [{"system": I9}]}))["resource"].clone();
        let sets = format!("/fhir/{release}/ValueSet");
        for (path, parameters) in [
            ("icd9cm/$validate-code", vec![uri("url", &format!("{CM}?fhir_vs"))]),
            ("icd9cm/$expand", vec![uri("url", &format!("{CM}?fhir_vs"))]),
            ("$validate-code", vec![uri("url", &format!("{CM}?fhir_vs")), json!({"name": "valueSet", "resource": set})]),
            ("$expand", vec![uri("url", &format!("{CM}?fhir_vs")), json!({"name": "valueSet", "resource": set})]),
        ] {
            let mut all = parameters.clone();
            if path.ends_with("code") {
                all.push(coding("coding", CM, "A00.0"));
            }
            assert_eq!(fhir(&service, &format!("{sets}/{path}"), json!(all)).status, 400, "{path}");
        }
        assert_eq!(get(&service, &format!("{sets}/icd9cm/$expand?url={I9}%3Ffhir_vs")).status, 200, "one set, named twice");
    }
    for (facts, status) in
        [("sex=female&with=snomed|248153007", 400), ("sex=female&with=snomed|248152002", 200), ("with=a=1&with=a=2", 400)]
    {
        assert_eq!(get(&service, &format!("/v1/translate?from=icd9cm&to=icd10cm&code=001.0&{facts}")).status, status, "{facts}");
    }
    let zzz = own_map(OWN, I9, CM, json!({"element": [{"code": "001.0", "target": [{"code": "A00.0", "equivalence": "zzz"}]}]}));
    let reply = fhir(&service, "/fhir/r4/ConceptMap/$translate", json!([source(), {"name": "conceptMap", "resource": zzz}]));
    assert_eq!(reply.status, 400, "a strength that nobody knows: {}", reply.body);
}

#[test]
fn what_a_map_denies_is_told_and_is_no_translation() {
    let service = serve(|_| ());
    let target = |code: &str, relationship: &str| json!({"code": code, "relationship": relationship});
    let map = own_map(
        OWN,
        "http://example.org/s",
        "http://example.org/t",
        json!({"element": [
        {"code": "a", "target": [target("b", "not-related-to")]},
        {"code": "c", "target": [target("b", "not-related-to"), target("d", "equivalent")]}]}),
    );
    let ask = |release: &str, name: &str, system: &str, code: &str| {
        let coding = json!({"name": name, "valueCoding": {"system": system, "code": code}});
        fhir(&service, &format!("/fhir/{release}/ConceptMap/$translate"), json!([{"name": "conceptMap", "resource": map}, coding]))
    };
    for (release, unrelated, same) in [("r4", "disjoint", "equivalent"), ("r5", "not-related-to", "equivalent")] {
        let pair = |code: &str, word: &str| (code.to_owned(), word.to_owned());
        let only = ask(release, "sourceCoding", "http://example.org/s", "a");
        assert_eq!((result(&only), matched(&only)), (json!(false), vec![pair("b", unrelated)]), "{}", only.body);
        let message = only.parameter("message")["valueString"].as_str().unwrap_or_default().to_owned();
        assert_eq!(message, format!("{OWN}|1 says only what is not a"));
        let both = ask(release, "sourceCoding", "http://example.org/s", "c");
        assert_eq!((result(&both), matched(&both)), (json!(true), vec![pair("d", same), pair("b", unrelated)]), "{}", both.body);
        let back = ask(release, "targetCoding", "http://example.org/t", "b");
        assert_eq!((result(&back), back.all("match").len()), (json!(false), 2), "{}", back.body);
        assert_eq!(part(&back.parameter("match"), "source")["valueCoding"]["code"], "a");
    }
}

#[test]
fn a_condition_that_fails_is_no_declared_hole() {
    let service = serve(|_| ());
    let element = json!([{"code": "001.0", "target": [{"code": "A00.0", "relationship": "equivalent",
        "dependsOn": [{"attribute": "http://example.org/p", "valueString": "yes"}],
        "product": [{"attribute": "http://example.org/q", "valueCoding": {"system": CM, "code": "A04.7"}}, {"attribute": "http://example.org/r", "valueString": "left"}]}]}]);
    let unmapped = json!({"mode": "fixed", "code": "A00.9"});
    for release in ["r4", "r5"] {
        let ask = |map: Value, value: &str| {
            let fact = json!({"name": "dependency", "part": [{"name": "attribute", "valueUri": "http://example.org/p"}, {"name": "value", "valueString": value}]});
            let coding = json!({"name": "sourceCoding", "valueCoding": {"system": I9, "code": "001.0"}});
            fhir(
                &service,
                &format!("/fhir/{release}/ConceptMap/$translate"),
                json!([{"name": "conceptMap", "resource": map}, coding, fact]),
            )
        };
        let (bare, ruled) =
            (own_map(OWN, I9, CM, json!({"element": element})), own_map(OWN, I9, CM, json!({"element": element, "unmapped": unmapped})));
        let none = ask(bare.clone(), "no");
        assert_eq!((result(&none), none.all("match").len()), (json!(false), 0), "{}", none.body);
        assert!(none.parameter("message")["valueString"].as_str().is_some_and(|m| m.contains("no row of the map holds")), "{}", none.body);
        assert_eq!(codes(&ask(ruled.clone(), "no")), ["A00.9"], "the rule for what has no row");
        let held = ask(ruled, "yes");
        assert_eq!(codes(&held), ["A00.0"]);
        if release == "r5" {
            let products: Vec<Value> =
                held.parameter("match")["part"].as_array().into_iter().flatten().filter(|p| p["name"] == "product").cloned().collect();
            assert!(
                products
                    .iter()
                    .any(|p| part(p, "value")["valueCoding"] == json!({"system": CM, "code": "A04.7", "display": "Enterocolitis"})),
                "{products:?}"
            );
            assert!(products.iter().any(|p| part(p, "value")["valueString"] == "left"), "{products:?}");
            assert_eq!(part(part(&held.parameter("match"), "dependsOn"), "value")["valueString"], "yes");
        }
    }
}

#[test]
fn going_back_from_half_of_a_combination_says_the_other_half() {
    let service = serve(|_| ());
    let path = |query: &str| format!("ConceptMap/$translate?{query}");
    let half = |code: &Value| (code["code"].clone(), code["display"].clone());
    for release in ["r4", "r5"] {
        let back = get(&service, &format!("/fhir/{release}/{}", path(&format!("targetCode=A04.7&targetSystem={CM}&sourceSystem={I9}"))));
        let found = back.parameter("match");
        assert_eq!(part(&found, "source")["valueCoding"]["code"], "001.1", "{}", back.body);
        let value = if release == "r4" { "concept" } else { "value" };
        assert_eq!(
            half(&part(part(&found, "product"), value)["valueCoding"]),
            (json!("A00.0"), json!("Classical cholera")),
            "{}",
            back.body
        );
        let whole = get(&service, &format!("/fhir/{release}/{}", path(&format!("targetCode=A00.0&targetSystem={CM}&sourceSystem={I9}"))));
        let with: Vec<bool> = whole.all("match").iter().map(|m| part(m, "product").is_object()).collect();
        assert!(with.contains(&true) && with.contains(&false), "001.0 is A00.0 alone: {}", whole.body);
    }
    let r4 = get(&service, &format!("/fhir/r4/{}", path(&format!("code=A04.7&system={CM}&targetsystem={I9}&reverse=true"))));
    let extension =
        r4.parameter("match")["extension"].as_array().and_then(|all| all.iter().find(|e| e["url"] == "urn:xwalk:fhir:together").cloned());
    let extension = extension.unwrap_or_else(|| panic!("{}", r4.body));
    assert_eq!(extension["extension"][1]["valueCoding"]["code"], "A00.0", "{extension}");
    let own = get(&service, "/v1/translate?from=icd10cm&to=icd9cm&code=A04.7&reverse=true").json();
    assert_eq!(own["scenarios"][0]["groups"][0]["options"][0]["together"][0]["code"], "A00.0", "{own}");
}

#[test]
fn displays_come_in_the_language_that_is_wanted_most() {
    let service = serve(|_| ());
    let designation = |language: &str, value: &str| json!({"language": language, "value": value});
    let system = json!({"resourceType": "CodeSystem", "url": "http://example.org/t", "version": "1", "status": "active", "content": "complete",
        "concept": [{"code": "x", "display": "Apple", "designation": [designation("de", "Apfel"), designation("fr", "Pomme")]}]});
    let map = own_map(
        OWN,
        I9,
        "http://example.org/t",
        json!({"element": [{"code": "001.0", "target": [{"code": "x", "relationship": "equivalent"}]}]}),
    );
    let send = |path: &str, parameters: Value, header: &str| {
        let body = json!({"resourceType": "Parameters", "parameter": parameters}).to_string();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{header}\r\n", body.len());
        crate::http::exchange(service.address, format!("{head}{body}").as_bytes())
    };
    let along = json!({"name": "tx-resource", "resource": system});
    for (header, parameter, shown) in [
        ("", "", "Apple"),
        ("Accept-Language: es, de;q=0.5\r\n", "", "Apfel"),
        ("Accept-Language: fr;q=0.1, de;q=0.9\r\n", "", "Apfel"),
        ("Accept-Language: de;q=0, fr\r\n", "", "Pomme"),
        ("Accept-Language: en-GB, de;q=0.9\r\n", "", "Apple"),
        ("Accept-Language: de\r\n", "fr", "Pomme"),
    ] {
        let mut parameters = vec![along.clone(), json!({"name": "coding", "valueCoding": {"system": "http://example.org/t", "code": "x"}})];
        let wanted = (!parameter.is_empty()).then(|| json!({"name": "displayLanguage", "valueCode": parameter}));
        parameters.extend(wanted.clone());
        let looked = send("/fhir/r4/CodeSystem/$lookup", json!(parameters), header);
        assert_eq!(looked.parameter("display")["valueString"], shown, "{header}{parameter}");
        let mut parameters = vec![
            along.clone(),
            json!({"name": "conceptMap", "resource": map}),
            json!({"name": "coding", "valueCoding": {"system": I9, "code": "001.0"}}),
        ];
        parameters.extend(wanted);
        for release in ["r4", "r5"] {
            let reply = send(&format!("/fhir/{release}/ConceptMap/$translate"), json!(parameters), header);
            let told = part(&reply.parameter("match"), "concept")["valueCoding"]["display"].clone();
            // What the client brought along it knows; what it asks for by language it is told.
            assert_eq!(told, if shown == "Apple" { Value::Null } else { json!(shown) }, "{header}{parameter}: {}", reply.body);
        }
    }
}

#[test]
fn dates_are_whole_or_partial_and_never_garbage() {
    let service = serve_engine(two_years(), |_| ());
    for (date, version) in [
        ("2024", Some("2024")),
        ("2025", Some("2025")),
        ("2024-10", Some("2025")),
        ("2024-09", Some("2024")),
        ("2024-10-01T00:00:00Z", Some("2025")),
        ("2024-10-01T00:00:00.5%2B02:00", Some("2025")),
        ("2025-01-01garbage", None),
        ("2025-01-01T99", None),
        ("2025-13", None),
        ("2025-1-01", None),
        ("20250101", None),
        ("soon", None),
    ] {
        let reply = get(&service, &format!("/fhir/r4/CodeSystem/$lookup?system={CM}&code=A00.0&date={date}"));
        assert_eq!(reply.status, if version.is_some() { 200 } else { 400 }, "{date}: {}", reply.body);
        if let Some(wanted) = version {
            assert_eq!(self::version(&reply), wanted, "{date}");
        }
    }
}

#[test]
fn what_is_declared_is_there() {
    let service = serve_engine(two_years(), |_| ());
    for release in ["r4", "r5"] {
        let ask = |path: &str| get(&service, &format!("/fhir/{release}/{path}"));
        let said = ask("metadata").json();
        assert_eq!(said["implementation"]["url"], format!("http://localhost/fhir/{release}"));
        let terminology = ask("metadata?mode=terminology").json();
        assert_eq!((&terminology["implementation"]["url"], &terminology["codeSearch"]), (&said["implementation"]["url"], &Value::Null));
        for resource in said["rest"][0]["resource"].as_array().expect("resources") {
            let kind = resource["type"].as_str().unwrap_or_default();
            for operation in resource["operation"].as_array().expect("operations") {
                let path = format!("{kind}/${}", operation["name"].as_str().unwrap_or_default());
                let reply = fhir(&service, &format!("/fhir/{release}/{path}"), json!([]));
                assert_eq!(reply.status, 400, "{path} is there and wants more: {}", reply.body);
            }
        }
        for version in ["2024", "2025"] {
            let found = ask(&format!("CodeSystem?url={CM}&version={version}")).json();
            assert_eq!((&found["total"], &found["entry"][0]["resource"]["version"]), (&json!(1), &json!(version)));
            let id = found["entry"][0]["resource"]["id"].as_str().unwrap_or_default().to_owned();
            assert_eq!(ask(&format!("CodeSystem/{id}")).json()["version"], version);
        }
        let expand = |more: &str| ask(&format!("ValueSet/$expand?url={CM}%3Ffhir_vs%3Disa/A00{more}"));
        assert_eq!(expand("").json()["compose"], Value::Null);
        assert_eq!(expand("&includeDefinition=true").json()["compose"]["include"][0]["filter"][0]["value"], "A00");
        for (more, status) in
            [("excludeNotForUI=false", 200), ("excludeNotForUI=true", 400), ("limitedExpansion=true", 400), ("designation=x", 400)]
        {
            assert_eq!(expand(&format!("&{more}")).status, status, "{more}");
        }
        let empty = fhir(
            &service,
            &format!("/fhir/{release}/ValueSet/$expand"),
            json!([{"name": "valueSet", "resource": {"resourceType": "ValueSet", "status": "active"}}]),
        );
        assert_eq!((empty.status, &empty.json()["expansion"]["parameter"]), (200, &Value::Null), "no empty arrays: {}", empty.body);
    }
}
