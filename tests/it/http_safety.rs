//! The service's doors over a real socket: tokens, TLS, limits, slow and rude clients, reload, audit.

use crate::http::{Service, exchange, get, post, reply, serve, serve_beside, serve_with, small, small_with};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use xwalk::face::http::tokens::{self, Role};
use xwalk::face::http::{Config, Error, Limits, Server, Tls, audit};

fn with_token(service: &Service, method: &str, path: &str, token: &str) -> u16 {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    exchange(service.address, request.as_bytes()).status
}

#[test]
fn tokens_let_in_whom_they_should() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.toml");
    let day = |text: &str| text.parse().ok();
    let reader = tokens::add(&file, "reader", Role::Read, None).expect("a token");
    let admin = tokens::add(&file, "admin", Role::Admin, None).expect("a token");
    let expired = tokens::add(&file, "old", Role::Admin, day("2020-01-01")).expect("a token");
    let service = serve(|c| c.tokens = Some(file.clone()));
    let question = "/v1/lookup?system=icd10cm&code=A00.0";
    assert_eq!(with_token(&service, "GET", question, &reader), 200);
    assert_eq!(with_token(&service, "GET", question, "xw_wrong"), 401);
    assert_eq!(with_token(&service, "GET", question, &expired), 401);
    assert_eq!(with_token(&service, "GET", "/fhir/r4/CodeSystem", &expired), 401);
    assert_eq!(with_token(&service, "POST", "/admin/reload", &reader), 403);
    assert_eq!(with_token(&service, "POST", "/admin/reload", &admin), 200);
    assert_eq!(with_token(&service, "GET", "/metrics", &reader), 403);
    let none = get(&service, question);
    assert_eq!(none.status, 401);
    assert!(none.header("www-authenticate").is_some_and(|how| how.starts_with("Bearer")), "{}", none.head);
    for open in ["/health/live", "/docs", "/openapi.json"] {
        assert_eq!(get(&service, open).status, 200, "{open} holds no data");
    }
    // FHIR clients read it before they authenticate, and it tells them to.
    for open in ["/fhir/r4/metadata", "/fhir/r5/metadata", "/fhir/r4/metadata?mode=terminology", "/fhir/r4/$versions"] {
        assert_eq!(get(&service, open).status, 200, "{open}");
    }
    let security = &get(&service, "/fhir/r4/metadata").json()["rest"][0]["security"];
    assert!(security["description"].as_str().is_some_and(|d| d.contains("Bearer")), "{security}");
    assert_eq!(get(&service, "/fhir/r4/CodeSystem").status, 401);
}

#[test]
fn a_reload_takes_up_new_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.toml");
    let reader = tokens::add(&file, "reader", Role::Read, None).expect("a token");
    let admin = tokens::add(&file, "admin", Role::Admin, None).expect("a token");
    let service = serve(|c| c.tokens = Some(file.clone()));
    assert_eq!(with_token(&service, "GET", "/v1/systems", &reader), 200);
    tokens::remove(&file, "reader").expect("removed");
    assert_eq!(with_token(&service, "POST", "/admin/reload", &admin), 200);
    assert_eq!(with_token(&service, "GET", "/v1/systems", &reader), 401);
    std::fs::write(&file, "nonsense").expect("written");
    assert_eq!(with_token(&service, "POST", "/admin/reload", &admin), 409);
    assert_eq!(with_token(&service, "GET", "/v1/systems", &admin), 200, "the old ones go on");
}

#[test]
fn who_shows_no_token_cannot_stop_the_service() {
    let pages = axum::Router::new().route("/review/sign-in", axum::routing::post(|body: axum::body::Bytes| async move { body }));
    let service = serve_beside(Box::new(|| Ok(small())), Some(pages), |c| {
        c.limits.concurrent = 8;
        c.limits.body = 1_000;
        c.limits.body_time = Duration::from_secs(3);
    });
    let start = |body: &str| {
        let mut stream = TcpStream::connect(service.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        let head = "POST /review/sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).expect("written");
        stream
    };
    let slow: Vec<TcpStream> = (0..30).map(|_| start("name")).collect();
    // While they hang: the others are served, and what is too large is refused before it is read.
    for _ in 0..5 {
        assert_eq!(get(&service, "/v1/systems").status, 200, "slow strangers take a part of the places only");
    }
    let ends: Vec<u16> = slow
        .into_iter()
        .map(|mut stream| {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            reply(&bytes).status
        })
        .collect();
    assert!(ends.iter().all(|s| matches!(s, 408 | 503)) && ends.contains(&408) && ends.contains(&503), "{ends:?}");
    assert_eq!(post(&service, "/review/sign-in", "application/x-www-form-urlencoded", &"x".repeat(2_000)).status, 413);
    let echoed = post(&service, "/review/sign-in", "application/x-www-form-urlencoded", "name=ann");
    assert_eq!((echoed.status, &*echoed.body), (200, "name=ann"), "whole bodies come through");
}

#[test]
fn a_request_names_one_host() {
    let service = serve(|_| ());
    let ask = |version: &str, hosts: &str| {
        exchange(service.address, format!("GET /v1/systems HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n").as_bytes()).status
    };
    assert_eq!(ask("1.1", "Host: localhost\r\n"), 200);
    assert_eq!(ask("1.1", ""), 400);
    assert_eq!(ask("1.1", "Host: localhost\r\nHost: localhost\r\n"), 400);
    assert_eq!(ask("1.0", ""), 200, "before 1.1 there was no such header");
}

#[test]
fn other_addresses_demand_tls_and_tokens() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
    let bind = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::local(0);
        config.listen = "0.0.0.0:0".parse().expect("an address");
        change(&mut config);
        runtime.block_on(Server::bind(config, Box::new(|| Ok(crate::http::small())), None)).err()
    };
    assert!(matches!(bind(&|_| ()), Some(Error::NeedsTls { .. })));
    assert!(matches!(bind(&|c| c.behind_proxy = true), Some(Error::NeedsTokens { .. })));
}

#[test]
fn pages_of_other_sites_get_nothing() {
    let service = serve(|_| ());
    let send = |headers: &str| {
        exchange(
            service.address,
            format!("POST /admin/reload HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n\r\n").as_bytes(),
        )
        .status
    };
    assert_eq!(send("Host: evil.example"), 421, "a name that somebody pointed at us");
    assert_eq!(send("Host: localhost:1\r\nOrigin: http://evil.example"), 403);
    assert_eq!(send("Host: 127.0.0.1:1\r\nOrigin: http://127.0.0.1:1"), 200);
    let plain = get(&service, "/v1/systems");
    assert_eq!((plain.header("x-content-type-options"), plain.header("cache-control")), (Some("nosniff"), Some("no-store")));
    assert!(plain.header("x-request-id").is_some());
    assert!(!plain.head.to_ascii_lowercase().contains("access-control"), "no CORS: {}", plain.head);
}

#[test]
fn limits_have_answers_of_their_own() {
    let limits = Limits { body: 1_000, line: 100, rate: None, ..Limits::default() };
    let service = serve(|c| c.limits = limits);
    let header = format!("GET /v1/systems HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(exchange(service.address, header.as_bytes()).status, 431);
    let post = |path: &str, headers: &str, body: &str| {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
        exchange(service.address, format!("{head}{body}").as_bytes()).status
    };
    assert_eq!(post("/fhir/r4/ConceptMap/$translate", "", &"x".repeat(2_000)), 413);
    assert_eq!(post("/v1/validate?system=icd10cm", "", &format!("\"{}\"", "x".repeat(200))), 400, "a line that is too long");
    assert_eq!(post("/fhir/r4/ConceptMap/$translate", "Content-Encoding: gzip\r\n", "\x1f\x08"), 415);
    let busy = serve(|c| c.limits.concurrent = 0);
    let refused = get(&busy, "/v1/systems");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(get(&busy, "/health/live").status, 200);
    assert_eq!(get(&busy, "/metrics").status, 200, "operators are heard when the service is full");
    let slow_down = serve(|c| c.limits.rate = std::num::NonZeroU32::new(3));
    let statuses: Vec<u16> = (0..8).map(|_| get(&slow_down, "/v1/systems").status).collect();
    assert_eq!(statuses[..3], [200; 3]);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!((0..8).all(|_| get(&slow_down, "/health/live").status == 200), "health is never throttled");
}

#[test]
fn rude_clients_are_let_go_and_the_others_served() {
    let service = serve(|c| {
        c.limits.header_time = Duration::from_millis(300);
        c.limits.body_time = Duration::from_millis(300);
    });
    // Slow: half a head, then nothing.
    let mut slow = TcpStream::connect(service.address).expect("a connection");
    slow.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    slow.write_all(b"GET /v1/systems HT").expect("written");
    // Slow: a head that promises a body, then nothing.
    let promised = b"POST /fhir/r4/ConceptMap/$translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
    assert_eq!(exchange(service.address, promised).status, 408);
    // Half-closed: the question is whole, our side is shut, the answer still comes.
    let mut half = TcpStream::connect(service.address).expect("a connection");
    half.write_all(b"GET /v1/systems HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("written");
    half.shutdown(std::net::Shutdown::Write).expect("half closed");
    let mut bytes = Vec::new();
    half.read_to_end(&mut bytes).expect("an answer");
    assert_eq!(reply(&bytes).status, 200);
    // Gone: many who ask and do not wait.
    for _ in 0..50 {
        let mut gone = TcpStream::connect(service.address).expect("a connection");
        let _ = gone.write_all(b"GET /v1/systems HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    // Garbage.
    assert_eq!(exchange(service.address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n").status, 400);
    let mut rest = Vec::new();
    let ended = slow.read_to_end(&mut rest);
    assert!(ended.is_ok() || !rest.is_empty(), "the slow one is let go");
    assert_eq!(get(&service, "/health/ready").status, 200);
}

#[test]
fn reload_under_load_loses_no_request() {
    let service = serve(|_| ());
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, asked, address) = (Arc::clone(&stop), Arc::clone(&asked), service.address);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let request =
                        b"GET /v1/translate?from=icd9cm&to=icd10cm&code=001.0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
                    let reply = exchange(address, request);
                    assert_eq!((reply.status, reply.json()["outcome"].as_str()), (200, Some("exact")), "{}", reply.head);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let reloaded =
            exchange(service.address, b"POST /admin/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|c| c.join().expect("no request was lost"));
    assert!(asked.load(Ordering::Relaxed) > 0);
    assert!(get(&service, "/metrics").body.contains("xwalk_reloads_total 6"), "one at the start, five asked for");
}

#[test]
fn a_new_index_gives_new_answers() {
    let turn = AtomicUsize::new(0);
    let titles = ["Classical cholera", "Cholera as of old"];
    let open = move || Ok(small_with(titles[turn.fetch_add(1, Ordering::Relaxed).min(1)]));
    let service = serve_with(Box::new(open), |_| ());
    let answers = || {
        let one = get(&service, "/v1/lookup?system=icd10cm&code=A00.0").json();
        let many = post(&service, "/v1/lookup?system=icd10cm", "application/json", "[\"A00.0\"]").json();
        let fhir = get(&service, "/fhir/r4/CodeSystem/$lookup?system=icd10cm&code=A00.0").body;
        (one["display"].as_str().unwrap_or("").to_owned(), many[0]["display"].as_str().unwrap_or("").to_owned(), fhir)
    };
    let first = answers();
    assert_eq!(answers(), first, "what was kept is what was said");
    assert_eq!((&*first.0, &*first.1), (titles[0], titles[0]));
    assert!(first.2.contains(titles[0]));
    let reload = b"POST /admin/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(exchange(service.address, reload).status, 200);
    let then = answers();
    assert_eq!((&*then.0, &*then.1), (titles[1], titles[1]), "nothing of the old index is left");
    assert!(then.2.contains(titles[1]));
}

#[test]
fn a_stream_is_finished_when_the_service_stops() {
    let service = serve(|_| ());
    let mut stream = TcpStream::connect(service.address).expect("a connection");
    stream
        .write_all(
            b"POST /v1/validate?system=icd10cm HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 16\r\n\r\n\"A00.0\"\n",
        )
        .expect("written");
    std::thread::sleep(Duration::from_millis(200));
    service.handle.stop();
    std::thread::sleep(Duration::from_millis(200));
    stream.write_all(b"\"A00.9\"\n").expect("the connection is still there");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    assert_eq!(reply(&bytes).body.lines().count(), 2);
}

#[test]
fn the_audit_log_says_who_and_what_but_not_which_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.ndjson");
    {
        let service = serve(|c| c.audit = Some(file.clone()));
        get(&service, "/v1/translate?from=icd9cm&to=icd10cm&code=001.0&sex=female");
        get(&service, "/v1/nothing");
        get(&service, "/health/live");
    }
    assert_eq!(audit::verify(&file).expect("in order").lines, 2);
    let text = std::fs::read_to_string(&file).expect("a log");
    assert!(text.contains("\"operation\":\"v1/translate\"") && text.contains("\"status\":404"));
    assert!(!text.contains("001.0") && !text.contains("female"), "{text}");
}

/// What the audit log has of an operation, once it has `count` lines.
fn audited(file: &Path, operation: &str, count: usize) -> Vec<u64> {
    for _ in 0..500 {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        let found: Vec<u64> = lines.filter(|l| l["operation"] == operation).filter_map(|l| l["status"].as_u64()).collect();
        if found.len() >= count {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{operation} is not in the audit log {count} times");
}

#[test]
fn the_books_say_how_a_stream_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.ndjson");
    let service = serve(|c| {
        c.audit = Some(file.clone());
        c.limits.line = 100;
    });
    let good = "\"A00.0\"\n".repeat(2_000);
    let stream = |body: &str| post(&service, "/v1/validate?system=icd10cm", "application/x-ndjson", body);
    assert_eq!(stream(&good).body.lines().count(), 2_000);
    assert_eq!(audited(&file, "v1/validate", 1), [200]);
    let torn = stream(&format!("{good}\"{}\"\n", "x".repeat(200)));
    assert_eq!(torn.status, 200, "it had begun");
    assert!(torn.body.lines().last().is_some_and(|l| l.contains("error")), "{}", torn.body);
    assert_eq!(audited(&file, "v1/validate", 2), [200, 400]);
    // A client that goes away.
    let mut gone = TcpStream::connect(service.address).expect("a connection");
    let head = format!("POST /v1/validate?system=icd10cm HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", 2 * good.len());
    gone.write_all(format!("{head}{good}").as_bytes()).expect("written");
    let _ = gone.read(&mut [0; 1_000]).expect("the answer has begun");
    drop(gone);
    let third = audited(&file, "v1/validate", 3)[2];
    assert!(matches!(third, 400 | 499), "whichever half is found gone first: {third}");
    let metrics = get(&service, "/metrics").body;
    for line in ["operation=\"v1/validate\",class=\"2xx\"} 1", "operation=\"v1/validate\",class=\"4xx\"} 2"] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[test]
fn the_audit_log_is_rotated() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, old) = (folder.path().join("audit.ndjson"), folder.path().join("audit.1"));
    let service = serve(|c| c.audit = Some(file.clone()));
    let reload = "POST /admin/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    get(&service, "/v1/systems");
    assert_eq!(audited(&file, "v1/systems", 1).len(), 1);
    std::fs::rename(&file, &old).expect("renamed");
    assert_eq!(exchange(service.address, reload.as_bytes()).status, 200);
    get(&service, "/v1/systems");
    assert_eq!(audited(&file, "v1/systems", 1).len(), 1);
    assert!(audit::verify(&old).is_ok() && audit::verify(&file).is_ok());
    // A log that cannot be written stops the service until it can.
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir(&file).expect("a folder in its place");
    assert_eq!(exchange(service.address, reload.as_bytes()).status, 409);
    assert_eq!((get(&service, "/health/ready").status, get(&service, "/v1/systems").status), (503, 503));
    std::fs::remove_dir(&file).expect("removed");
    assert_eq!(exchange(service.address, reload.as_bytes()).status, 200);
    assert_eq!((get(&service, "/health/ready").status, get(&service, "/v1/systems").status), (200, 200));
}

#[test]
fn a_request_is_for_one_host_and_is_sent_as_it_is() {
    let service = serve(|_| ());
    let ask = |address: &str| {
        exchange(service.address, format!("GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).status
    };
    assert_eq!((ask("http://localhost/v1/systems"), ask("http://evil.example/v1/systems")), (200, 400));
    let folded = b"POST /v1/validate?system=icd10cm HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(exchange(service.address, folded).status, 415);
}

/// A certificate for localhost, made by the openssl program.
fn certificate(folder: &Path) -> Option<Tls> {
    let (certificates, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificates)
        .output();
    match made {
        Ok(output) if output.status.success() => Some(Tls { certificates, key }),
        _ => {
            eprintln!("TLS: skipped, the program openssl is not here");
            None
        }
    }
}

/// Asks over TLS, trusting the certificate in `pem` only; what went wrong otherwise.
fn over_tls(service: &Service, pem: &[u8]) -> std::io::Result<crate::http::Reply> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut &pem[..]) {
        roots.add(certificate?).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut socket = TcpStream::connect(service.address)?;
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    stream.write_all(b"GET /v1/systems HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Ok(reply(&bytes))
}

#[test]
fn tls_is_spoken_and_new_certificates_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(tls) = certificate(folder.path()) else { return };
    let first = std::fs::read(&tls.certificates).expect("a certificate");
    let service = serve(|c| c.tls = Some(tls.clone()));
    let answer = over_tls(&service, &first).expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(answer.header("strict-transport-security").is_some());
    assert_ne!(get(&service, "/v1/systems").status, 200, "plain text gets nothing");

    // Half a renewal, or nonsense, leaves the old certificate in use.
    std::fs::write(&tls.certificates, "nonsense").expect("written");
    let reload = || tokio::runtime::Builder::new_current_thread().build().expect("a thread").block_on(service.handle.reload());
    reload().expect("the index is as good as before");
    assert_eq!(over_tls(&service, &first).expect("an answer").status, 200);

    certificate(folder.path()).expect("another certificate");
    let second = std::fs::read(&tls.certificates).expect("a certificate");
    reload().expect("a reload");
    assert_eq!(over_tls(&service, &second).expect("an answer").status, 200);
    assert!(over_tls(&service, &first).is_err(), "the old certificate is no longer shown");
}
