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
