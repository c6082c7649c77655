//! The workbench over a queue of 200,000 items and a million events: how long the server takes for each page.
//!
//! `cargo bench --bench review` makes the decisions file (a minute or two), serves it on a free port of this machine and asks for each
//! page thirty times. Real codes with what the embedded GEM offers for them; local texts make 200,000 questions of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use xwalk::decisions::{Action, Asked, By, Chosen, Finding, Question, Store, Verdict};
use xwalk::engine::Engine;
use xwalk::face::web::{self, SignIn};
use xwalk::index::Index;
use xwalk::model::Relationship;
use xwalk::releases::{Dirs, from_user};

const ITEMS: usize = 200_000;
const EVENTS: usize = 1_000_000;
const TIMES: usize = 30;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Arc::new(engine(folder.path()));
    let began = Instant::now();
    let store = Arc::new(fill(&folder.path().join("d.db"), &engine));
    let events = store.last_event().expect("events");
    let bytes = std::fs::metadata(store.path()).map_or(0, |m| m.len());
    println!("{ITEMS} items, {events} events, {} MB, made in {:.0} s", bytes >> 20, began.elapsed().as_secs_f64());
    let began = Instant::now();
    let approved = xwalk::decisions::Approved::new(Arc::clone(&store)).expect("decisions");
    println!("{} approved decisions read in {:.0} ms", approved.len(), began.elapsed().as_secs_f64() * 1e3);

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let served = Arc::clone(&engine);
    let approved = Arc::new(approved);
    let config = web::Config { store, approved, engine: Arc::new(move || Arc::clone(&served)), sign_in: SignIn::Name, tls: false };
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(async move { axum::serve(listener, web::router(config)).await });
    measure(address);
    std::process::exit(0);
}

fn engine(folder: &Path) -> Engine {
    let sources = from_user(&Dirs::default()).expect("releases");
    let inputs: Vec<_> = sources.iter().map(|s| s.input()).collect();
    let file = folder.join("index");
    xwalk::compile::build(&inputs, &file).expect("an index");
    Engine::new(Arc::new(Index::open(&file, xwalk::text::VERSION).expect("an index")))
}

fn fill(path: &Path, engine: &Engine) -> Store {
    let store = Store::create(path).expect("a store");
    let codes: Vec<String> = engine.system("icd9cm").expect("a system").concepts().map(|c| c.code().to_owned()).collect();
    let asked = |n: usize| Asked {
        question: Question {
            source_system: "icd9cm".into(),
            code: codes[n % codes.len()].clone(),
            display: format!("A title as long as titles are, number {n}"),
            target_system: "icd10cm".into(),
            text: if n < codes.len() { String::new() } else { format!("words of hospital {}", n / codes.len()) },
            facts: String::new(),
        },
        // As in real files: a few codes have most of the records.
        records: (ITEMS / (n + 1)).max(1) as u64,
        outcome: ["choice", "unmapped", "needs-facts"][n % 3].into(),
        chapter: codes[n % codes.len()].chars().take(2).collect(),
        offer: xwalk::decisions::Offer::default(),
    };
    // As people work: under the index that is served.
    let index = engine.index().fingerprint();
    let by = |who: &'static str| By { who, why: "", index: &index };
    for from in (0..ITEMS).step_by(50_000) {
        store.ask(by("job"), "run", (from..from + 50_000).map(asked)).expect("room");
    }
    let verdict = |n: usize| {
        // Some are headers: approved, and held back.
        let code = if n % 60 == 1 { "E11" } else { ["E11.9", "I10", "E08.39"][n % 3] }.to_owned();
        let chosen =
            Chosen { group: 0, code, display: "A title".into(), relationship: Relationship::RelatedTo, map: String::new(), row: 0 };
        Action::Decided(Verdict { targets: vec![chosen], scenario: None, score: Some((n % 100) as f64 / 100.0) })
    };
    // Every third item is settled, every sixth waits for approval, some are flagged by a new release.
    let ids = |step: usize| (0..ITEMS).filter(move |n| n % step == 0).map(|n| n as i64 + 1);
    let all = |who: &'static str, actions: Vec<(i64, Action)>| {
        for part in actions.chunks(50_000) {
            store.act_on_all(by(who), part.iter().cloned()).expect("room");
        }
    };
    let people = ["ann", "bob", "carl", "dora", "emil", "fay", "gus", "hana"];
    all("boss", (0..ITEMS).map(|n| (n as i64 + 1, Action::Assigned { to: people[n % 8].into(), second: None })).collect());
    all("ann", ids(2).map(|id| (id, verdict(id as usize))).collect());
    all("bob", ids(6).chain(ids(3).filter(|id| (id - 1) % 2 == 0)).map(|id| (id, Action::Approved)).collect());
    all("boss", ids(600).map(|id| (id, Action::Reexamined(Finding::MapChanged))).collect());
    let mut left = EVENTS.saturating_sub(store.last_event().expect("events") as usize);
    while left > 0 {
        let now = left.min(ITEMS);
        all("carl", (0..now).map(|n| (n as i64 + 1, Action::Commented)).collect());
        left -= now;
    }
    store
}

fn measure(address: SocketAddr) {
    let reply = ask(address, "POST", "/review/sign-in", "", "name=ann");
    let cookie = reply.split("set-cookie: ").nth(1).and_then(|c| c.split(';').next()).expect("a session").to_owned();
    // The first page finds out what is held back of all that is approved.
    let began = Instant::now();
    let page = ask(address, "GET", "/review?status=held", &cookie, "");
    assert!(page.contains("held back"), "{page}");
    println!("the first page: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    let pages = [
        ("queue, open", "/review"),
        ("queue, all", "/review?status=all"),
        ("queue, to approve", "/review?status=proposed"),
        ("queue, page 2,000 of open", "/review?page=1999"),
        ("queue, last page of all", "/review?status=all&page=3999"),
        ("queue, one reason", "/review?outcome=unmapped"),
        ("queue, one chapter", "/review?chapter=V5"),
        ("queue, only mine", "/review?assignee=ann"),
        ("queue, codes with V5", "/review?code=V5"),
        ("queue, in doubt", "/review?finding=any"),
        ("queue, held back", "/review?status=held"),
        ("queue, score below 0.05", "/review?status=all&score=0.05"),
        ("item, the first", "/review/item/1"),
        ("item, in the middle", "/review/item/100000"),
        ("item, in the middle, one chapter", "/review/item/100000?chapter=V5"),
        ("search, in an item", "/review/search?system=icd10cm&q=diabetic+retinopathy+with+edema&fragment=yes"),
        ("progress", "/review/progress"),
    ];
    println!("{:<36} {:>9} {:>9} {:>9}", "page", "median", "slowest", "bytes");
    for (name, path) in pages {
        let mut bytes = 0;
        let times = (0..TIMES).map(|_| {
            let began = Instant::now();
            let page = ask(address, "GET", path, &cookie, "");
            bytes = page.len();
            assert!(page.starts_with("HTTP/1.0 200") || page.starts_with("HTTP/1.1 200"), "{path}: {}", page.lines().next().unwrap_or(""));
            began.elapsed()
        });
        print(name, times.collect(), bytes);
    }
    // Deciding: from the press of the key to the answer, the disk included. Items that nobody has answered: odd places.
    let times = (0..TIMES).map(|n| {
        let path = format!("/review/item/{}", 2 * n + 2);
        let page = ask(address, "GET", &path, &cookie, "");
        let field =
            |name: &str| page.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|v| v.split('"').next()).unwrap_or("").to_owned();
        let body = format!("action=no-map&csrf={}&seen={}", field("csrf"), field("seen"));
        let began = Instant::now();
        let reply = ask(address, "POST", &path, &cookie, &body);
        assert!(reply.contains(" 303 "), "{reply}");
        began.elapsed()
    });
    print("decide", times.collect(), 0);
}

fn print(name: &str, mut times: Vec<Duration>, bytes: usize) {
    times.sort();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!("{name:<36} {:>6.1} ms {:>6.1} ms {bytes:>9}", ms(times[times.len() / 2]), ms(times[times.len() - 1]));
}

fn ask(address: SocketAddr, method: &str, path: &str, cookie: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let kind = "application/x-www-form-urlencoded";
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nCookie: {cookie}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).expect("sent");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("an answer");
    String::from_utf8_lossy(&reply).into_owned()
}
