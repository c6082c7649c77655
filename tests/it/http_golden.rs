//! Invariant 12 over HTTP: the answers of the golden files, through the own API one by one and all together; and the same `$translate`
//! from R4 and R5.

use crate::golden;
use crate::http::{Service, escaped, get, post, serve_engine};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

type Ask = Map<String, Value>;

fn is_subject(question: &str, name: &str) -> bool {
    matches!(name, "code" | "a" | "b") || (question == "search" && name == "text")
}

/// The address of a question, with or without its subject.
fn address(question: &str, ask: &Ask, with_subject: bool) -> String {
    let spelled = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let query: Vec<String> = ask
        .iter()
        .filter(|(name, _)| with_subject || !is_subject(question, name))
        .map(|(name, value)| format!("{}={}", name.replace('-', "_"), escaped(&spelled(value))))
        .collect();
    format!("/v1/{question}?{}", query.join("&"))
}

fn one(service: &Service, question: &str, ask: &Ask) -> Value {
    let reply = get(service, &address(question, ask, true));
    assert_eq!(reply.status, 200, "{question} {ask:?}: {}", reply.body);
    reply.json()
}

#[test]
fn invariant_12_the_golden_answers_over_http() {
    let service = serve_engine(golden::engine(), |_| ());
    for question in golden::QUESTIONS {
        // Questions that differ in their subject only go into one request.
        let mut alike: BTreeMap<String, Vec<(Value, Value)>> = BTreeMap::new();
        for (ask, expected) in golden::cases(question) {
            let answer = one(&service, question, &ask);
            assert_eq!(answer, golden::through_library(question, &ask), "{question} {ask:?}: library and HTTP differ");
            assert_eq!(one(&service, question, &ask), answer, "{question} {ask:?}: asked again, it is another answer");
            assert_eq!(golden::held(question, answer.clone()), expected, "{question} {ask:?}: not as in the golden file");
            let subject: Ask = ask.iter().filter(|(name, _)| is_subject(question, name)).map(|(n, v)| (n.clone(), v.clone())).collect();
            alike.entry(address(question, &ask, false)).or_default().push((Value::Object(subject), answer));
        }
        for (address, cases) in alike {
            let subjects: Vec<&Value> = cases.iter().map(|(subject, _)| subject).collect();
            let answers: Vec<&Value> = cases.iter().map(|(_, answer)| answer).collect();
            let array = post(&service, &address, "application/json", &json!(subjects).to_string());
            assert_eq!(array.json(), json!(answers), "{address}");
            let lines: String = subjects.iter().map(|s| format!("{s}\n")).collect();
            let ndjson = post(&service, &address, "application/x-ndjson", &lines);
            let read: Vec<Value> = ndjson.body.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
            assert_eq!(json!(read), json!(answers), "{address}");
        }
    }
}

/// What a `$translate` says, in the words of R5.
fn said(version: &str, answer: &Value) -> Value {
    let parameters = answer["parameter"].as_array().expect("parameters");
    let parts = |p: &Value| p["part"].as_array().cloned().unwrap_or_default();
    let mut matches = Vec::new();
    for m in parameters.iter().filter(|p| p["name"] == "match") {
        let mut told = Map::new();
        let mut products = Vec::new();
        for part in parts(m) {
            match part["name"].as_str().expect("a name") {
                "equivalence" => {
                    let code = part["valueCode"].as_str().expect("a code");
                    let (name, value) = match code {
                        "unmatched" => ("noMap", json!(true)),
                        "equivalent" => ("relationship", json!("equivalent")),
                        "wider" => ("relationship", json!("source-is-narrower-than-target")),
                        "narrower" => ("relationship", json!("source-is-broader-than-target")),
                        "relatedto" => ("relationship", json!("related-to")),
                        other => panic!("{other} is no equivalence that is given here"),
                    };
                    told.insert(name.into(), value);
                }
                "relationship" => drop(told.insert("relationship".into(), part["valueCode"].clone())),
                "noMap" => drop(told.insert("noMap".into(), part["valueBoolean"].clone())),
                "product" => {
                    let value = if version == "r4" { "concept" } else { "value" };
                    let coding = parts(&part).into_iter().find(|p| p["name"] == value).expect("a value");
                    products.push(coding["valueCoding"].clone());
                }
                // R4 has no room for a condition; there it is an extension.
                "dependsOn" => {}
                name => drop(told.insert(name.to_owned(), part.clone())),
            }
        }
        told.insert("products".into(), Value::Array(products));
        let places = m["extension"].as_array().cloned().unwrap_or_default();
        told.insert("extension".into(), places.into_iter().filter(|e| e["url"] != "urn:xwalk:fhir:rule").collect());
        matches.push(Value::Object(told));
    }
    let others: Vec<&Value> = parameters.iter().filter(|p| p["name"] != "match").collect();
    json!({"others": others, "matches": matches})
}

#[test]
fn both_versions_translate_alike() {
    let service = serve_engine(golden::engine(), |_| ());
    let uri = |name: &str| golden::engine().system(name).expect("a system").uri().to_owned();
    let mut asked = 0;
    for (ask, expected) in golden::cases("translate") {
        // What FHIR has a parameter for: one code from one system to another.
        if ask.keys().any(|name| !matches!(name.as_str(), "from" | "to" | "code")) {
            continue;
        }
        let (from, to) = (uri(ask["from"].as_str().expect("from")), uri(ask["to"].as_str().expect("to")));
        let code = expected["source"]["code"].as_str().unwrap_or(ask["code"].as_str().expect("a code")).to_owned();
        let answer = |version: &str| {
            let path = format!(
                "/fhir/{version}/ConceptMap/$translate?system={}&code={}&targetsystem={}",
                escaped(&from),
                escaped(&code),
                escaped(&to)
            );
            let reply = get(&service, &path);
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            said(version, &reply.json())
        };
        let (r4, r5) = (answer("r4"), answer("r5"));
        assert_eq!(r4, r5, "{from}#{code}");
        // And as the own API: what may be taken there is a match here.
        let matched: Vec<String> = r5["matches"].as_array().into_iter().flatten().map(Value::to_string).collect();
        for chosen in expected["codes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(matched.iter().any(|m| m.contains(&format!("\"code\":\"{chosen}\""))), "{code}: {chosen} is not in {matched:?}");
        }
        let result =
            r5["others"].as_array().and_then(|o| o.iter().find(|p| p["name"] == "result")).expect("a result")["valueBoolean"].clone();
        let translates = matched.iter().any(|m| m.contains("\"relationship\""));
        assert_eq!(result, json!(translates), "{code}: result is true only if a match is a translation");
        asked += 1;
    }
    assert!(asked >= 5, "the golden file asks for {asked} plain translations");
}

#[test]
fn no_map_unmapped_rule_and_nothing_are_three_answers() {
    let service = serve_engine(golden::engine(), |_| ());
    let translate = |version: &str, parameters: Value| {
        let body = json!({"resourceType": "Parameters", "parameter": parameters}).to_string();
        let reply = post(&service, &format!("/fhir/{version}/ConceptMap/$translate"), "application/fhir+json", &body);
        assert_eq!(reply.status, 200, "{}", reply.body);
        said(version, &reply.json())
    };
    let map = |version: &str| {
        let mut map = json!({"resourceType": "ConceptMap", "url": "http://example.org/m", "version": "1", "status": "active", "group": [{
            "source": "http://example.org/s", "target": "http://example.org/t",
            "element": [{"code": "x", "target": [{"code": "y", "relationship": "equivalent"}]}, {"code": "none", "noMap": true}],
            "unmapped": {"mode": "fixed", "code": "other", "relationship": "related-to"}}]});
        if version == "r4" {
            map["group"][0]["element"] = json!([{"code": "x", "target": [{"code": "y", "equivalence": "equivalent"}]},
                {"code": "none", "target": [{"equivalence": "unmatched"}]}]);
            map["group"][0]["unmapped"] = json!({"mode": "fixed", "code": "other"});
        }
        map
    };
    let system = json!({"resourceType": "CodeSystem", "url": "http://example.org/s", "status": "active", "content": "complete",
        "concept": [{"code": "x"}, {"code": "none"}, {"code": "without-a-row"}]});
    for version in ["r4", "r5"] {
        let ask = |code: &str| {
            translate(
                version,
                json!([{"name": "url", "valueUri": "http://example.org/m"}, {"name": "sourceCode", "valueCode": code},
                    {"name": "system", "valueUri": "http://example.org/s"}, {"name": "tx-resource", "resource": map(version)},
                    {"name": "tx-resource", "resource": system}]),
            )
        };
        let result = |answer: &Value| answer["others"].as_array().and_then(|o| o.iter().find(|p| p["name"] == "result")).cloned();
        let (no_map, rule) = (ask("none"), ask("without-a-row"));
        assert_eq!(result(&no_map).expect("a result")["valueBoolean"], false);
        assert_eq!(no_map["matches"][0]["noMap"], true, "{version}: the map says that there is none");
        assert_eq!(result(&rule).expect("a result")["valueBoolean"], true);
        assert_eq!(rule["matches"][0]["concept"]["valueCoding"]["code"], "other", "{version}: {rule}");
        assert!(rule["matches"][0]["extension"].to_string().contains("urn:xwalk:fhir:unmapped"), "{version}: {rule}");
        let nothing = translate(
            version,
            json!([{"name": "sourceCode", "valueCode": "ZZZ"}, {"name": "system", "valueUri": "icd9cm"},
                {"name": "targetSystem", "valueUri": "icd10cm"}]),
        );
        assert_eq!(result(&nothing).expect("a result")["valueBoolean"], false);
        assert_eq!(nothing["matches"], json!([]), "{version}: nothing was found, and nothing is claimed");
    }
}
