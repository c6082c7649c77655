//! The service over a real socket: the questions in both dialects, streams, bad input.

use crate::kit::{self, map, system};
use serde_json::{Value, json};
use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use xwalk::engine::Engine;
use xwalk::face::http::{Config, Handle, Open, Server};
use xwalk::model::MapKind;
use xwalk::read::Format;

/// A service on a free port; stops with the value.
pub struct Service {
    pub address: SocketAddr,
    pub handle: Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn small() -> Engine {
    small_with("Classical cholera")
}

/// The same, with another title of A00.0.
pub fn small_with(title: &str) -> Engine {
    let rows = [("A00", 0u8, "Cholera"), ("A000", 1, title), ("A009", 1, "Cholera, unspecified"), ("A047", 1, "Enterocolitis")];
    let titles = "0010  Cholera one\n0011  Cholera two\n0018  Cholera three\n0019  Cholera NOS\n";
    let gem = "0010  A000    00000\r\n0011  A047    10111\r\n0011  A009    10111\r\n0011  A000    10112\r\n0018  A000    10000\r\n0018  A009    10000\r\n0019  NoDx    11000\r\n";
    kit::engine(&[
        system("cm", "icd10cm", "2018", "2017-10-01", Format::IcdOrder, &kit::order(&rows)),
        system("i9", "icd9cm", "32", "2014-10-01", Format::Icd9TitlesLong, titles),
        map("gem", ("icd9cm", "icd10cm"), "2018", MapKind::Gem, Format::Gem, gem),
    ])
}

pub fn serve(change: impl FnOnce(&mut Config)) -> Service {
    serve_with(Box::new(|| Ok(small())), change)
}

/// A service that answers from an engine that is there already.
pub fn serve_engine(engine: &'static Engine, change: impl FnOnce(&mut Config)) -> Service {
    serve_with(Box::new(move || Ok(engine.clone())), change)
}

pub fn serve_with(open: Open, change: impl FnOnce(&mut Config)) -> Service {
    serve_beside(open, None, change)
}

/// With pages of another face beside it.
pub fn serve_beside(open: Open, others: Option<axum::Router>, change: impl FnOnce(&mut Config)) -> Service {
    let mut config = Config::local(0);
    config.grace = Duration::from_secs(5);
    change(&mut config);
    let (told, tell) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        runtime.block_on(async {
            let server = Server::bind(config, open, others).await.expect("a service");
            let address = server.address().expect("an address");
            server.run(|handle| told.send((address, handle)).expect("somebody waits")).await;
        });
    });
    let (address, handle) = tell.recv().expect("it starts");
    Service { address, handle, thread: Some(thread) }
}

/// An answer as it came.
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|l| l.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The first parameter of a name in a Parameters resource.
    pub fn parameter(&self, name: &str) -> Value {
        self.json()["parameter"].as_array().and_then(|all| all.iter().find(|p| p["name"] == name).cloned()).unwrap_or(Value::Null)
    }

    pub fn all(&self, name: &str) -> Vec<Value> {
        self.json()["parameter"].as_array().into_iter().flatten().filter(|p| p["name"] == name).cloned().collect()
    }
}

/// Sends bytes, reads all that comes until the end.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    // A server that refuses early may close while we still write; what it said is what counts.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    reply(&bytes)
}

pub fn reply(bytes: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Reply { status, head: head.to_owned(), body }
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

/// As it stands in an address or a form.
pub fn escaped(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Where a service that logs in JSON listens, and what it said before.
pub fn listens(log: &mut impl BufRead) -> (SocketAddr, String) {
    let mut said = String::new();
    loop {
        let from = said.len();
        assert_ne!(log.read_line(&mut said).expect("a line"), 0, "the service ended before it listened: {said}");
        let entry: Value = serde_json::from_str(&said[from..]).unwrap_or_default();
        if entry["fields"]["message"] == "listening" {
            let address = entry["fields"]["address"].as_str().and_then(|a| a.parse().ok());
            return (address.expect("an address"), said);
        }
    }
}

pub fn get(service: &Service, path: &str) -> Reply {
    exchange(service.address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
}

pub fn post(service: &Service, path: &str, media: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n"
    );
    exchange(service.address, &[head.as_bytes(), body.as_bytes()].concat())
}

pub fn fhir(service: &Service, path: &str, parameters: Value) -> Reply {
    post(service, path, "application/fhir+json", &json!({"resourceType": "Parameters", "parameter": parameters}).to_string())
}

pub fn part<'v>(parameter: &'v Value, name: &str) -> &'v Value {
    parameter["part"].as_array().and_then(|parts| parts.iter().find(|p| p["name"] == name)).unwrap_or(&Value::Null)
}

pub const I9: &str = "http://hl7.org/fhir/sid/icd-9-cm";
pub const CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";

#[test]
fn both_versions_give_one_answer_each_in_its_words() {
    let service = serve(|_| ());
    for (version, strength, word) in [("r4", "equivalence", "relatedto"), ("r5", "relationship", "related-to")] {
        let translate =
            |code: &str| get(&service, &format!("/fhir/{version}/ConceptMap/$translate?system={I9}&code={code}&targetsystem={CM}"));
        let one = translate("001.0");
        assert_eq!((one.status, &one.parameter("result")["valueBoolean"]), (200, &json!(true)), "{}", one.body);
        let first = one.parameter("match");
        assert_eq!(part(&first, strength)["valueCode"], "equivalent");
        assert_eq!(part(&first, "concept")["valueCoding"], json!({"system": CM, "code": "A00.0", "display": "Classical cholera"}));
        assert_eq!(part(&first, "originMap")["valueCanonical"], "urn:xwalk:map:gem|2018");
        // Two alternatives.
        let choice = translate("001.8");
        assert_eq!(choice.all("match").len(), 2);
        assert_eq!(part(&choice.all("match")[0], strength)["valueCode"], word);
        // A combination of two groups, the first with two options: each match is a whole, with its product.
        let both = translate("001.1");
        let matches = both.all("match");
        assert_eq!(matches.len(), 2);
        for m in &matches {
            let coding = if version == "r4" { "concept" } else { "value" };
            assert_eq!(part(part(m, "product"), coding)["valueCoding"]["code"], "A00.0");
        }
        let codes: Vec<&Value> = matches.iter().map(|m| &part(m, "concept")["valueCoding"]["code"]).collect();
        assert_eq!(codes, ["A04.7", "A00.9"]);
        // The three negatives.
        let none = translate("001.9");
        assert_eq!((none.status, &none.parameter("result")["valueBoolean"]), (200, &json!(false)));
        assert_eq!(none.all("match").len(), 1, "an explicit no-map is a match without a concept");
        assert_eq!(part(&none.parameter("match"), "concept"), &Value::Null);
        let nothing = translate("999.9");
        assert_eq!((nothing.status, nothing.all("match").len()), (200, 0));
        assert!(nothing.parameter("message")["valueString"].as_str().is_some_and(|m| m.contains("999.9")), "{}", nothing.body);
    }
}

#[test]
fn backwards_as_each_version_asks() {
    let service = serve(|_| ());
    let r4 = get(&service, &format!("/fhir/r4/ConceptMap/$translate?system={CM}&code=A04.7&targetsystem={I9}&reverse=true"));
    assert_eq!(part(&r4.parameter("match"), "concept")["valueCoding"]["code"], "001.1");
    for version in ["r4", "r5"] {
        let parameters = json!([{"name": "targetCode", "valueCode": "A04.7"}, {"name": "targetSystem", "valueUri": CM}, {"name": "sourceSystem", "valueUri": I9}]);
        let reply = fhir(&service, &format!("/fhir/{version}/ConceptMap/$translate"), parameters);
        assert_eq!(part(&reply.parameter("match"), "concept")["valueCoding"]["code"], "A04.7", "{}", reply.body);
        assert_eq!(part(&reply.parameter("match"), "source")["valueCoding"]["code"], "001.1");
    }
    let refused = get(&service, &format!("/fhir/r5/ConceptMap/$translate?system={CM}&code=A04.7&reverse=true"));
    assert_eq!((refused.status, &refused.json()["issue"][0]["code"]), (400, &json!("not-supported")));
}

#[test]
fn inline_maps_answer_like_loaded_ones() {
    let service = serve(|_| ());
    let resource = json!({"resourceType": "ConceptMap", "url": "http://example.org/m", "version": "1", "status": "active", "group": [{
        "source": "http://example.org/s", "target": CM,
        "element": [{"code": "x", "target": [{"code": "A00.0", "relationship": "equivalent"}]}, {"code": "y", "noMap": true}]}]});
    for (code, result, matches) in [("x", true, 1), ("y", false, 1)] {
        let parameters = json!([{"name": "url", "valueUri": "http://example.org/m"}, {"name": "sourceCode", "valueCode": code},
            {"name": "system", "valueUri": "http://example.org/s"}, {"name": "tx-resource", "resource": resource}]);
        let reply = fhir(&service, "/fhir/r5/ConceptMap/$translate", parameters);
        assert_eq!((&reply.parameter("result")["valueBoolean"], reply.all("match").len()), (&json!(result), matches), "{}", reply.body);
    }
}

#[test]
fn lookup_validate_subsumes_and_expand() {
    let service = serve(|_| ());
    for version in ["r4", "r5"] {
        let base = format!("/fhir/{version}");
        let lookup = get(&service, &format!("{base}/CodeSystem/$lookup?system={CM}&code=A00.0"));
        assert_eq!(lookup.parameter("display")["valueString"], "Classical cholera");
        assert_eq!(get(&service, &format!("{base}/CodeSystem/$lookup?system={CM}&code=Z99.9")).status, 404);
        let valid = |query: &str| get(&service, &format!("{base}/CodeSystem/$validate-code?url={CM}&{query}"));
        assert_eq!(valid("code=A00.0").parameter("result")["valueBoolean"], true);
        assert_eq!(valid("code=A00").parameter("result")["valueBoolean"], false, "a header is not to be recorded");
        assert_eq!(valid("code=A00&abstract=true").parameter("result")["valueBoolean"], true);
        let wrong = valid("code=A00.0&display=Plague");
        assert_eq!(wrong.parameter("issues")["resource"]["issue"][0]["details"]["coding"][0]["code"], "invalid-display");
        assert_eq!(valid("code=A00.0&display=Plague&lenient-display-validation=true").parameter("result")["valueBoolean"], true);
        let subsumes = get(&service, &format!("{base}/CodeSystem/$subsumes?system={CM}&codeA=A00&codeB=A00.9"));
        assert_eq!(subsumes.parameter("outcome")["valueCode"], "subsumes");
        let expand = get(&service, &format!("{base}/ValueSet/$expand?url={CM}%3Ffhir_vs%3Disa/A00"));
        assert_eq!(expand.json()["expansion"]["total"], 3, "{}", expand.body);
        let found = get(&service, &format!("{base}/ValueSet/$expand?url={CM}%3Ffhir_vs&filter=classical%20chol"));
        assert_eq!(found.json()["expansion"]["contains"][0]["code"], "A00.0", "{}", found.body);
        let inside = get(&service, &format!("{base}/ValueSet/$validate-code?url={CM}%3Ffhir_vs%3Disa/A00&system={CM}&code=A04.7"));
        assert_eq!(inside.parameter("result")["valueBoolean"], false);
    }
}

#[test]
fn a_batch_answers_each_entry_in_its_place() {
    let service = serve(|_| ());
    let entry = |url: &str| json!({"request": {"method": "GET", "url": url}});
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        entry(&format!("CodeSystem/$lookup?system={CM}&code=A00.0")), entry("CodeSystem/$lookup?code=1"), entry("Patient/1"), entry("metadata")]});
    let reply = post(&service, "/fhir/r4", "application/fhir+json", &bundle.to_string());
    let statuses: Vec<String> = reply.json()["entry"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|e| e["response"]["status"].as_str().unwrap_or("")[..3].to_owned())
        .collect();
    assert_eq!(statuses, ["200", "400", "404", "200"]);
}

#[test]
fn own_api_one_and_many() {
    let service = serve(|_| ());
    let one = get(&service, "/v1/translate?from=icd9cm&to=icd10cm&code=0010").json();
    assert_eq!((&one["outcome"], &one["codes"][0], &one["repairs"][0]["kind"]), (&json!("exact"), &json!("A00.0"), &json!("dot")));
    let body = "\"001.0\"\n{\"code\":\"001.9\"}\n{\"kode\":1}\n\"nonsense\"\n";
    let reply = post(&service, "/v1/translate?from=icd9cm&to=icd10cm", "application/x-ndjson", body);
    let lines: Vec<Value> = reply.body.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let outcomes: Vec<&Value> = lines.iter().map(|l| &l["outcome"]).collect();
    assert_eq!(outcomes, [&json!("exact"), &json!("no-map"), &Value::Null, &json!("invalid-code")]);
    assert_eq!(lines[2]["error"]["status"], 400);
    assert!(
        lines[2]["error"]["detail"]
            .as_str()
            .is_some_and(|d| d.ends_with("a field is not known here, stands there twice, or is of another type (codes are texts)"))
    );
    let id = lines[2]["error"]["request_id"].as_str().filter(|id| !id.is_empty()).expect("an id, as the log has it");
    assert!(reply.head.to_ascii_lowercase().contains(&format!("x-request-id: {id}")), "{id}: {}", reply.head);
    let array = post(&service, "/v1/validate?system=icd10cm", "application/json", "[\"A00.0\", \"A00\"]").json();
    assert_eq!((&array[0]["status"], &array[1]["status"]), (&json!("valid"), &json!("header")));
    assert_eq!(post(&service, "/v1/validate?system=icd10cm", "application/json", "[]").json(), json!([]));
    assert_eq!(get(&service, "/v1/search?system=icd10cm&text=classical%20cholera").json()["matches"][0]["code"], "A00.0");
    assert_eq!(get(&service, "/v1/subsumes?system=icd10cm&a=A00&b=A00.0").json()["outcome"], "subsumes");
    assert_eq!(get(&service, "/v1/lookup?system=icd10cm&code=A00.0").json()["display"], "Classical cholera");
    assert_eq!(get(&service, "/v1/systems").json()["systems"].as_array().map(Vec::len), Some(2));
    assert_eq!(get(&service, "/v1/maps").json()["maps"][0]["id"], "gem");
}

#[test]
fn a_long_stream_comes_back_in_order_and_whole() {
    let service = serve(|_| ());
    for array in [false, true] {
        let codes: Vec<String> = (0..20_000).map(|i| format!("\"{}\"", ["001.0", "001.8", "001.9"][i % 3])).collect();
        let body = if array { format!("[{}]", codes.join(",")) } else { codes.join("\n") };
        let reply =
            post(&service, "/v1/translate?from=icd9cm&to=icd10cm", if array { "application/json" } else { "application/x-ndjson" }, &body);
        let answers: Vec<Value> = match array {
            true => serde_json::from_str(&reply.body).expect("an array"),
            false => reply.body.lines().map(|l| serde_json::from_str(l).expect("a line")).collect(),
        };
        assert_eq!(answers.len(), codes.len());
        let order = ["exact", "choice", "no-map"];
        assert!(answers.iter().enumerate().all(|(i, a)| a["outcome"] == order[i % 3]));
    }
    let torn = post(&service, "/v1/validate?system=icd10cm", "application/json", "[\"A00\", ");
    assert_eq!(torn.status, 400, "what fits into one portion has a status: {}", torn.body);
    let body = format!("[{}", "\"001.8\",".repeat(500));
    let torn = post(&service, "/v1/translate?from=icd9cm&to=icd10cm", "application/json", &body);
    assert_eq!(torn.status, 200, "a portion is full by its bytes, too: {}", torn.body);
    let answers: Vec<Value> = serde_json::from_str(&torn.body).expect("an array");
    assert_eq!(answers.last().expect("an error")["error"]["status"], 400);
}

#[test]
fn texts_objects_and_errors_stand_in_their_order_kept_or_not() {
    let service = serve(|_| ());
    let subjects: Vec<Value> = (0..100)
        .map(|i| match i % 7 {
            0 => json!("001.0"),
            1 => json!({"code": "001.8"}),
            2 => json!({"cod": "001.8"}),
            3 => json!("001.9"),
            4 => json!(5),
            5 => json!(""),
            _ => json!(format!("001.{i}")),
        })
        .collect();
    let ask = |subjects: &[Value]| {
        let body = Value::from(subjects).to_string();
        let reply = post(&service, "/v1/translate?from=icd9cm&to=icd10cm", "application/json", &body);
        let mut answers: Vec<Value> = serde_json::from_str(&reply.body).expect("an array");
        answers.iter_mut().filter_map(|a| a["error"].as_object_mut()).for_each(|e| drop(e.remove("request_id")));
        answers
    };
    let first = ask(&subjects);
    assert_eq!(first.len(), subjects.len());
    assert_eq!(ask(&subjects), first, "what is kept is what was answered");
    for (subject, answer) in subjects.iter().zip(&first) {
        assert_eq!(ask(std::slice::from_ref(subject)), std::slice::from_ref(answer), "{subject}");
        let code = subject.as_str().filter(|c| !c.is_empty());
        assert!(code.is_none_or(|c| answer["source"]["given"] == c), "{subject}: {answer}");
    }
}

#[test]
fn bad_input_is_4xx_and_says_what_to_mend() {
    let service = serve(|_| ());
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let many: Vec<Value> = (0..1_001).map(|_| json!({"name": "validation", "resource": {"resourceType": "Parameters"}})).collect();
    let fhir_bodies = [
        ("{", 400),
        ("{}", 400),
        ("[]", 400),
        (r#"{"resourceType":"Patient"}"#, 400),
        (
            r#"{"resourceType":"Parameters","parameter":[{"name":"code","valueCode":"a"},{"name":"code","valueCode":"b"},{"name":"system","valueUri":"x"}]}"#,
            400,
        ),
        (r#"{"resourceType":"Parameters","parameter":[{"name":"frobnicate","valueCode":"a"}]}"#, 400),
        (
            r#"{"resourceType":"Parameters","parameter":[{"name":"sourceCode","valueCode":"a"},{"name":"system","valueUri":"http://nowhere"}]}"#,
            404,
        ),
        (
            r#"{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"http://nowhere"},{"name":"sourceCode","valueCode":"a"}]}"#,
            404,
        ),
        (
            r#"{"resourceType":"Parameters","parameter":[{"name":"sourceCode","valueCode":"001.0"},{"name":"system","valueUri":"icd9cm"},
            {"name":"dependency","part":[{"name":"attribute","valueUri":"sex"},{"name":"value","valueCode":"male"}]},
            {"name":"dependency","part":[{"name":"attribute","valueUri":"sex"},{"name":"value","valueCode":"female"}]}]}"#,
            400,
        ),
        (deep.as_str(), 400),
    ];
    for version in ["r4", "r5"] {
        for (body, status) in fhir_bodies {
            let reply = post(&service, &format!("/fhir/{version}/ConceptMap/$translate"), "application/fhir+json", body);
            assert_eq!(reply.status, status, "{}: {}", &body[..body.len().min(80)], reply.body);
            assert_eq!(reply.json()["resourceType"], "OperationOutcome");
            assert!(reply.json()["issue"][0]["details"]["text"].as_str().is_some_and(|t| t.len() > 10));
        }
        let costly = fhir(&service, &format!("/fhir/{version}/ValueSet/$batch-validate-code"), json!(many));
        assert_eq!((costly.status, &costly.json()["issue"][0]["code"]), (422, &json!("too-costly")));
    }
    for (path, status) in [
        ("/v1/lookup", 400),
        ("/v1/lookup?system=nowhere&code=1", 404),
        ("/v1/lookup?system=icd10cm", 400),
        ("/v1/lookup?system=icd10cm&code=1&code=2", 400),
        ("/v1/lookup?system=icd10cm&code=1&colour=red", 400),
        ("/v1/lookup?system=icd10cm&code=%ff", 400),
        ("/v1/lookup?system=icd10cm&code=%", 400),
        ("/v1/translate?from=icd9cm&to=icd10cm&code=1&map=nowhere", 404),
        ("/v1/translate?from=icd9cm&to=icd10cm&code=1&policy=dice", 400),
        ("/v1/translate?from=icd9cm&to=icd10cm&code=1&age=old", 400),
        ("/v1/search?system=icd10cm&text=x&limit=100000", 400),
        ("/v1/nothing", 404),
        ("/fhir/r3/metadata", 404),
    ] {
        let reply = get(&service, path);
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}: {}", reply.head);
        assert!(reply.json()["detail"].as_str().is_some_and(|t| t.len() > 5), "{path}");
        assert!(!reply.body.contains("old"), "an age is private: {}", reply.body);
    }
    let invalid = [
        b"POST /v1/validate?system=icd10cm HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\n".as_slice(),
        b"\"\xff\"\n",
    ]
    .concat();
    let reply = exchange(service.address, &invalid);
    assert_eq!((reply.status, &reply.json()["error"]["status"]), (200, &json!(400)), "one bad subject fails alone");
    let list = post(&service, "/v1/lookup?system=icd10cm", "application/json", r#"[["A00.0"], "A00.0"]"#).json();
    assert_eq!((&list[0]["error"]["status"], &list[1]["found"]), (&json!(400), &json!(true)), "a list is no subject: {list}");
    let put = exchange(service.address, b"PUT /v1/lookup HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(put.status, 405);
    assert_eq!(put.header("allow"), Some("GET, HEAD, POST"));
    let xml = post(&service, "/fhir/r4/ConceptMap/$translate", "application/fhir+xml", "<Parameters/>");
    assert_eq!(xml.status, 415);
}
