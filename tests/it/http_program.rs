//! `xwalk serve` as a process: signals, shutdown, what it logs, and very many connections.

use crate::cli;
use crate::http::{Reply, exchange, listens, reply};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The running program. It is killed with the value.
struct Program {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts it with the embedded data on a free port, and waits until it listens.
    fn start(options: &[&str]) -> Program {
        let mut child = cli::program()
            .args(["serve", "--listen", "127.0.0.1:0", "--log-json", "--log", "debug"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log"));
        let (address, said) = listens(&mut lines);
        let log = Arc::new(Mutex::new(said));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = kept.lock().expect("the log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Program { child, address, log }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().expect("kill");
        assert!(sent.success());
    }

    fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Waits until the log says something so many times.
    fn wait_for(&self, text: &str, times: usize) {
        let began = Instant::now();
        while self.log().matches(text).count() < times {
            assert!(began.elapsed() < Duration::from_secs(60), "the log never said {text}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> Reply {
        exchange(self.address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
    }
}

/// Somebody reads the log in a file.
#[test]
fn a_log_that_is_no_terminal_has_no_colours() {
    for (colour, has_some) in [("auto", false), ("never", false), ("always", true)] {
        let mut child = cli::program()
            .args(["--color", colour, "serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listening"));
        let _ = child.kill();
        let _ = child.wait();
        assert_eq!(line.expect("it listens").contains('\u{1b}'), has_some, "{colour}");
    }
}

#[test]
fn signals_reload_and_stop_without_losing_a_request() {
    let mut program = Program::start(&["--grace", "30"]);
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (stop, asked, address) = (Arc::clone(&stop), Arc::clone(&asked), program.address);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let path = "/v1/translate?from=icd9cm&to=icd10cm&code=250.00";
                    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
                    let reply = exchange(address, request.as_bytes());
                    assert_eq!((reply.status, &reply.json()["codes"][0]), (200, &"E11.9".into()), "{}", reply.head);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for times in 1..=3 {
        program.signal("HUP");
        program.wait_for("index reloaded", times);
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|c| c.join().expect("no request was lost"));
    assert!(asked.load(Ordering::Relaxed) > 0);

    // A stream that has begun is finished after SIGTERM; new connections are not taken.
    let mut stream = TcpStream::connect(program.address).expect("a connection");
    let head = "POST /v1/validate?system=icd10cm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n\"E11.9\"\n";
    stream.write_all(head.as_bytes()).expect("written");
    std::thread::sleep(Duration::from_millis(300));
    program.signal("TERM");
    program.wait_for("stopping", 1);
    let began = Instant::now();
    while TcpStream::connect(program.address).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "it still takes connections");
        std::thread::sleep(Duration::from_millis(20));
    }
    stream.write_all(b"\"E11.8\"\n").expect("the connection is still there");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let answer = reply(&bytes);
    assert_eq!((answer.status, answer.body.lines().count()), (200, 2), "{}", answer.body);
    assert_eq!(program.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn logs_and_metrics_say_what_was_done_and_not_what_was_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let audit = folder.path().join("audit.ndjson");
    let mut program = Program::start(&["--audit", audit.to_str().expect("a name")]);
    let secrets = ["250.00", "E11.9", "17y", "female", "grandmother", "1931-05-17"];
    for path in [
        "/v1/translate?from=icd9cm&to=icd10cm&code=250.00&age=17y&sex=female&date=1931-05-17&text=grandmother",
        "/v1/lookup?system=icd10cm&code=E11.9&colour=grandmother",
        "/v1/search?system=icd10cm&text=grandmother",
        "/fhir/r4/CodeSystem/$lookup?system=http://hl7.org/fhir/sid/icd-10-cm&code=E11.9&date=1931-05-17",
        "/fhir/r5/CodeSystem/$lookup?system=grandmother&code=E11.9",
        "/grandmother",
    ] {
        program.get(path);
    }
    let named =
        exchange(program.address, b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: my-own-id\r\nConnection: close\r\n\r\n");
    assert_eq!(named.header("x-request-id"), Some("my-own-id"), "{}", named.head);
    assert_eq!(named.json()["status"], "ready");
    assert_eq!(program.get("/health/live").json()["status"], "live");
    let metrics = program.get("/metrics").body;
    for says in [
        "xwalk_requests_total{operation=\"v1/translate\",class=\"2xx\"} 1",
        "xwalk_requests_total{operation=\"v1/lookup\",class=\"4xx\"} 1",
        "xwalk_request_seconds_bucket",
        "xwalk_index_info{fingerprint=",
    ] {
        assert!(metrics.contains(says), "{says}: {metrics}");
    }
    program.signal("TERM");
    assert_eq!(program.child.wait().expect("it ends").code(), Some(0));
    let audited = std::fs::read_to_string(&audit).expect("the audit log");
    assert_eq!(audited.lines().count(), 7, "{audited}");
    let log = program.log();
    assert!(log.lines().filter(|l| l.contains("\"request\"")).count() >= 8, "debug tells of every request: {log}");
    for secret in secrets {
        for (what, text) in [("the log", &log), ("the audit log", &audited), ("the metrics", &metrics)] {
            assert!(!text.contains(secret), "{what} tells {secret}: {text}");
        }
    }
    let verified = cli::xwalk().args(["audit", "verify"]).arg(&audit).output().expect("a run");
    assert_eq!(verified.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&verified.stdout).contains("in order: 7 lines"));
}

/// How many files this process may open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string(Path::new("/proc/self/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(256)
}

#[test]
fn ten_thousand_connections() {
    let program = Program::start(&["--concurrent", "20000", "--idle", "300"]);
    let wanted = 10_000.min(open_files().saturating_sub(300));
    if wanted < 10_000 {
        eprintln!("ten_thousand_connections: {wanted} only, more files may not be opened here (ulimit -n)");
    }
    // All stay busy: each has begun a body that it does not end yet.
    let begun = b"POST /v1/validate?system=icd10cm HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 8\r\n\r\n";
    let mut open: Vec<TcpStream> = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let mut stream = TcpStream::connect(program.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        stream.write_all(begun).expect("written");
        open.push(stream);
    }
    let live = program.get("/health/live");
    assert_eq!(live.status, 200, "in the crowd, somebody new is answered");
    for stream in &mut open {
        stream.write_all(b"\"E11.9\"\n").expect("the connection is still there");
    }
    let mut answered = 0;
    for mut stream in open {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let answer = reply(&bytes);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["status"], "valid");
        answered += 1;
    }
    assert_eq!(answered, wanted);
    assert_eq!(program.get("/health/ready").status, 200);
}
