//! The workbench over a real socket: the program serves, several people work at once, somebody pulls the plug.

use super::review::Place;
use crate::http::{Reply, escaped, listens, reply};
use serde_json::Value;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use xwalk::decisions::{Action, Filter, Status, Store};

/// A service in a process of its own; killed with the value.
pub struct Service {
    pub child: Child,
    address: SocketAddr,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn serve(place: &Place, args: &[&str]) -> Service {
    serve_over(place, "d.db", args)
}

pub fn serve_over(place: &Place, decisions: &str, args: &[&str]) -> Service {
    let program = place.xwalk();
    // What grows beyond its limit is told so instead of being killed: so a full disk can be had without being root.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(place.path("")).args(["serve", "--listen", "127.0.0.1:0", "--log-json", "--decisions", decisions]).args(args);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("a service");
    let mut log = BufReader::new(child.stderr.take().expect("its log"));
    let (address, _) = listens(&mut log);
    // Somebody has to read on, or the service would wait for its log.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    Service { child, address }
}

impl Reply {
    /// The value of a hidden field of the page.
    pub fn field(&self, name: &str) -> String {
        let at = self.body.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name} in {}", self.body));
        self.body[at..].split('"').nth(3).unwrap_or_default().to_owned()
    }
}

impl Service {
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Reply> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let more: String = headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let kind = if method == "POST" { "Content-Type: application/x-www-form-urlencoded\r\n" } else { "" };
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{kind}{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        // Half a head is no answer.
        let whole = bytes.windows(4).any(|end| end == b"\r\n\r\n");
        Some(reply(&bytes)).filter(|reply| whole && reply.status > 0)
    }

    /// Signs in by name (without tokens) or by token.
    pub fn sign_in(&self, who: &str) -> Browser<'_> {
        let reply = self.ask("POST", "/review/sign-in", &[], &format!("name={who}&token={who}")).expect("an answer");
        let cookie = reply.header("set-cookie").unwrap_or_else(|| panic!("{who} was not let in: {}", reply.body));
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        Browser { service: self, cookie: cookie.split(';').next().unwrap_or_default().to_owned() }
    }
}

/// Somebody who has signed in.
#[derive(Clone)]
pub struct Browser<'s> {
    service: &'s Service,
    cookie: String,
}

impl Browser<'_> {
    pub fn get(&self, path: &str) -> Reply {
        self.service.ask("GET", path, &[("Cookie", &self.cookie)], "").expect("an answer")
    }

    pub fn post(&self, path: &str, body: &str) -> Option<Reply> {
        self.service.ask("POST", path, &[("Cookie", &self.cookie), ("Sec-Fetch-Site", "same-origin")], body)
    }

    /// What the form of an item sends along: its version, and the secret of the session.
    pub fn form(&self, item: i64) -> String {
        let page = self.get(&format!("/review/item/{item}"));
        assert_eq!(page.status, 200, "{}", page.body);
        format!("csrf={}&seen={}", page.field("csrf"), page.field("seen"))
    }
}

pub const FIRST: &str = "action=decide&scenario=0&pick-0-0=0&pick-0-1=0";

#[test]
fn pages_are_strict_and_ask_no_other_host() {
    let place = Place::new();
    place.reviews("add", &["--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "--text", "<script>alert(1)</script>", "001.1"]);
    let service = serve(&place, &[]);
    let ann = service.sign_in("ann");
    let pages = [
        "/review",
        "/review?status=all&code=0",
        "/review/item/1",
        "/review/item/1?q=cholera",
        "/review/search?q=cholera",
        "/review/progress",
        "/review/sign-in",
    ];
    for path in pages {
        let page = ann.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!((page.header("cache-control"), page.header("x-content-type-options")), (Some("no-store"), Some("nosniff")));
        for inline in ["style=\"", " onclick", "<style", "http://", "https://", "javascript:"] {
            assert!(!page.body.contains(inline), "{path} has {inline}");
        }
        assert_eq!(page.body.matches("<script").count(), 1, "{path}: only our own");
        assert_eq!(page.body.matches("<main").count(), 1, "{path}: one landmark for the content");
    }
    assert!(ann.get("/review/item/1").body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "a local text is text");
    for file in ["style.css", "script.js", "icon.svg"] {
        let reply = ann.get(&format!("/review/{file}"));
        assert!(reply.status == 200 && !reply.body.contains("@import"), "{file}");
    }
    assert_eq!(ann.get("/review/item/99").status, 404);
    let stranger = Browser { service: &service, cookie: "xwalk-session=0000".to_owned() };
    let way = Some("/review/sign-in?back=%2Freview%2Fitem%2F1");
    assert_eq!((stranger.get("/review").status, stranger.get("/review/item/1").header("location")), (303, way));
    for (path, status, says) in [
        ("/review/item/abc", 404, "<nav"),
        ("/review?page=abc", 400, "are numbers"),
        ("/nowhere", 404, "<nav"),
        ("/review?code=ZZZ", 200, "No item fits this filter"),
    ] {
        let page = ann.get(path);
        assert!(page.status == status && page.body.contains(says), "{path}: {} {}", page.status, page.body);
    }
    assert!(!ann.get("/review/item/1").body.contains("not-related-to"), "no relationship for an answer");
    let unknown = ann.post("/review/item/1", &format!("action=decide&code=A04.8&{}", ann.form(1))).expect("an answer");
    assert!(unknown.status == 409 && unknown.body.contains("`A04.8` is not a code of icd10cm; near it: A04.7"), "{}", unknown.body);
    let many = format!("from=icd9cm&to=icd10cm&code=001.9&records=18446744073709551615&csrf={}", ann.get("/review").field("csrf"));
    let told = ann.post("/review/add", &many).expect("an answer");
    assert!(told.status == 400 && told.body.contains("no number of records"), "{} {}", told.status, told.body);
    assert_eq!(ann.get("/review").status, 200);
}

/// The value of a hidden field, as a form sends it.
fn sent(value: &str) -> String {
    escaped(&value.replace("&amp;", "&"))
}

#[test]
fn what_was_typed_and_picked_stays_until_it_is_saved() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let (ann, bob) = (service.sign_in("ann"), service.sign_in("bob"));
    let is_checked = |page: &Reply, input: &str| {
        let at = page.body.find(input).unwrap_or_else(|| panic!("no {input} in {}", page.body));
        page.body[at..].split('>').next().is_some_and(|tag| tag.contains("checked"))
    };
    // Half of a combination.
    let half =
        ann.post("/review/item/1", &format!("action=decide&scenario=0&pick-0-0=1&why=typed+words&{}", ann.form(1))).expect("an answer");
    assert!(half.status == 422 && half.body.contains("value=\"typed words\""), "{} {}", half.status, half.body);
    assert!(is_checked(&half, "name=\"pick-0-0\" value=\"1\"") && !is_checked(&half, "name=\"pick-0-0\" value=\"0\""));
    // Somebody was first.
    let old = ann.form(2);
    assert_eq!(bob.post("/review/item/2", &format!("action=no-map&{}", bob.form(2))).expect("an answer").status, 303);
    let late = ann.post("/review/item/2", &format!("action=decide&code=A04.7&why=typed+words&{old}")).expect("an answer");
    assert!(late.status == 409 && late.body.contains("value=\"typed words\""), "{} {}", late.status, late.body);
    assert!(is_checked(&late, "name=\"code\" value=\"A04.7\""), "{}", late.body);
    // The session ended meanwhile.
    let gone = Browser { service: &service, cookie: "xwalk-session=0000".to_owned() };
    let typed = "action=decide&scenario=0&pick-0-0=1&why=typed+words&csrf=old&seen=1";
    let told = gone.post("/review/item/1?status=all", typed).expect("an answer");
    assert_eq!((told.status, told.field("back").as_str()), (401, "/review/item/1?status=all"));
    let again = format!("name=ann&back={}&kept={}", sent(&told.field("back")), sent(&told.field("kept")));
    let page = service.ask("POST", "/review/sign-in", &[], &again).expect("an answer");
    assert!(page.status == 200 && page.header("set-cookie").is_some() && page.body.contains("value=\"typed words\""), "{}", page.body);
    assert!(is_checked(&page, "name=\"pick-0-0\" value=\"1\""), "{}", page.body);
    // Back to where one was, if it is ours.
    for (back, to) in [
        ("/review/item/2?status=all", "/review/item/2?status=all"),
        ("//elsewhere.example/", "/review"),
        ("/review//../x", "/review//../x"),
        ("/reviewed", "/review"),
        ("https://elsewhere.example/review", "/review"),
    ] {
        let reply = service.ask("POST", "/review/sign-in", &[], &format!("name=ann&back={}", sent(back))).expect("an answer");
        assert_eq!(reply.header("location"), Some(to), "{back}");
    }
}

#[test]
fn a_change_needs_the_secret_of_its_own_session() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let (ann, bob) = (service.sign_in("ann"), service.sign_in("bob"));
    let (anns, bobs) = (ann.form(1), bob.form(1));
    let seen = anns.split_once("&seen=").expect("a version").1;
    let path = "/review/item/1";
    let refused = |reply: Option<Reply>| assert_eq!(reply.expect("an answer").status, 403);
    refused(ann.post(path, &format!("{FIRST}&seen={seen}")));
    refused(ann.post(path, &format!("{FIRST}&seen={seen}&csrf=")));
    refused(ann.post(path, &format!("{FIRST}&{bobs}")));
    let cross = [("Cookie", ann.cookie.as_str()), ("Sec-Fetch-Site", "cross-site")];
    refused(service.ask("POST", path, &cross, &format!("{FIRST}&{anns}")));
    refused(ann.post("/review/assign", "to=ann"));
    refused(ann.post("/review/add", "from=icd9cm&to=icd10cm&code=001.9"));
    assert_eq!(place.stats()["by_status"].as_array().map(Vec::len), Some(1), "nothing was changed");
    assert_eq!(ann.post(path, &format!("{FIRST}&{anns}")).expect("an answer").status, 303);
}

#[test]
fn the_later_of_two_is_told_in_two_browsers_and_in_two_windows_of_one() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let (ann, bob) = (service.sign_in("ann"), service.sign_in("bob"));
    let (anns, bobs) = (ann.form(1), bob.form(1));
    assert_eq!(ann.post("/review/item/1", &format!("{FIRST}&{anns}")).expect("an answer").status, 303);
    let told = bob.post("/review/item/1", &format!("action=no-map&{bobs}")).expect("an answer");
    assert_eq!(told.status, 409);
    assert!(told.body.contains("ann was here first") && told.body.contains("A04.7"), "and sees what the other did: {}", told.body);
    // With what the page shows now, he may.
    let again = format!("csrf={}&seen={}", told.field("csrf"), told.field("seen"));
    assert_eq!(bob.post("/review/item/1", &format!("action=reject&{again}")).expect("an answer").status, 303);

    // One session in two windows: the second window is as old as it looks.
    let other = ann.clone();
    let (one, two) = (ann.form(2), other.form(2));
    assert_eq!(ann.post("/review/item/2", &format!("action=decide&scenario=0&pick-0-0=0&{one}")).expect("an answer").status, 303);
    let told = other.post("/review/item/2", &format!("action=no-map&{two}")).expect("an answer");
    assert!(told.status == 409 && told.body.contains("A00.0"), "{}", told.body);
    // Half of a combination is no answer, and the page says which half is missing.
    let half = ann.post("/review/item/1", &format!("action=decide&scenario=0&pick-0-0=0&{}", ann.form(1))).expect("an answer");
    assert!(half.status == 422 && half.body.contains("needs 2 codes together; still to pick: group 2"), "{}", half.body);
}

#[test]
fn fifty_people_at_once_lose_nothing() {
    let place = Place::new();
    let codes = ["001.0", "001.1", "001.8", "001.9"];
    let words: Vec<String> = (0..25).map(|n| format!("words {n}")).collect();
    for text in &words {
        place.reviews("add", &[&["--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "--text", text][..], &codes[1..3]].concat());
    }
    let service = serve(&place, &[]);
    let conflicts = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for n in 1..=50i64 {
            let (service, conflicts) = (&service, &conflicts);
            scope.spawn(move || {
                let me = service.sign_in(&format!("coder{n}"));
                assert_eq!(me.get("/review").status, 200);
                // Everybody remarks on the first item with an old version in hand: each is done or told, never lost.
                loop {
                    let form = me.form(1);
                    let reply = me.post("/review/item/1", &format!("action=comment&why=by+{n}&{form}")).expect("an answer");
                    match reply.status {
                        303 => break,
                        409 => drop(conflicts.fetch_add(1, Ordering::Relaxed)),
                        other => panic!("{other}: {}", reply.body),
                    }
                }
                // And answers an item that is theirs alone.
                let path = format!("/review/item/{n}");
                while me.post(&path, &format!("action=no-map&{}", me.form(n))).expect("an answer").status != 303 {}
            });
        }
    });
    drop(service);
    let store = Store::open(&place.path("d.db")).expect("a store");
    assert_eq!(store.rebuild().expect("whole"), Vec::<i64>::new());
    let proposed = Filter { status: vec![Status::Proposed], ..Filter::default() };
    assert_eq!(store.count(&proposed).expect("a count"), 50);
    let remarks = store.history(1, "x").expect("a history").iter().filter(|e| matches!(e.action, Action::Commented)).count();
    assert_eq!(remarks, 50, "{} were told that somebody was first, and did it again", conflicts.load(Ordering::Relaxed));
}

/// Approved is not used: the queue has a tab for it, the item the reason, and no page counts it as settled.
#[test]
fn what_is_held_back_has_a_tab_and_a_reason() {
    let place = Place::new();
    place.two_items();
    place.settle("2", &["--codes", "A00"]);
    let service = serve(&place, &[]);
    let ann = service.sign_in("ann");
    let held = ann.get("/review?status=held").body;
    assert!(held.contains("/review/item/2?") && !held.contains("/review/item/1?") && held.contains("A00, which is a header"), "{held}");
    for page in ["/review", "/review/progress", "/review/item/1"] {
        let body = ann.get(page).body;
        assert!(body.contains("0 of 2") && body.contains("held back"), "{page}: {body}");
    }
    let item = ann.get("/review/item/2").body;
    assert!(item.contains("translations do not use it") && item.contains("A00, which is a header"), "{item}");
    // Decided anew and approved, here and by the command line: gone at once.
    assert_eq!(ann.post("/review/item/2", &format!("action=decide&code=A00.0&{}", ann.form(2))).expect("an answer").status, 303);
    place.reviews("approve", &["--by", "bob", "2"]);
    let body = ann.get("/review").body;
    assert!(body.contains("1 of 2") && !body.contains("held back"), "{body}");
}

/// SIGKILL while people decide: what was answered with "done" is there; what is there is whole.
#[test]
fn killed_in_the_middle_nothing_is_half() {
    let place = Place::new();
    for n in 0..40 {
        place.reviews("add", &["--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "--text", &format!("words {n}"), "001.1"]);
    }
    for after in [30u64, 90, 200] {
        let mut service = serve(&place, &[]);
        let done: Vec<(i64, i64)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4i64)
                .map(|worker| {
                    let service = &service;
                    scope.spawn(move || {
                        let me = service.sign_in(&format!("coder{worker}"));
                        let mut done = Vec::new();
                        // Each worker has items of its own; they answer until the service is gone.
                        for round in 0.. {
                            let id = 1 + worker + 4 * (round % 10);
                            let Some(page) = service.ask("GET", &format!("/review/item/{id}"), &[("Cookie", &me.cookie)], "") else {
                                break;
                            };
                            if page.status != 200 {
                                break;
                            }
                            let form = format!("{FIRST}&csrf={}&seen={}", page.field("csrf"), page.field("seen"));
                            match me.post(&format!("/review/item/{id}"), &form) {
                                Some(reply) if reply.status == 303 => done.push((id, page.field("seen").parse().expect("a version"))),
                                _ => break,
                            }
                        }
                        done
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(after));
            // SIGKILL, as the kernel gives it to who takes too much memory. The handle is shared with the workers, so by its number.
            let killed = Command::new("kill").args(["-9", &service.child.id().to_string()]).status().expect("kill");
            assert!(killed.success());
            workers.into_iter().flat_map(|w| w.join().expect("a worker")).collect()
        });
        let _ = service.child.wait();
        let store = Store::open(&place.path("d.db")).expect("it opens after a kill");
        assert_eq!(store.rebuild().expect("whole"), Vec::<i64>::new(), "states are what the events amount to");
        for id in 1..=40 {
            let events = store.history(id, "x").expect("a history");
            for event in &events {
                if let Action::Decided(verdict) = &event.action {
                    assert_eq!(verdict.targets.len(), 2, "item {id}: half of a combination");
                }
            }
            for (_, seen) in done.iter().filter(|(item, _)| *item == id) {
                assert!(events.iter().any(|e| e.id > *seen && matches!(e.action, Action::Decided(_))), "item {id}: done, and lost");
            }
        }
    }
}

#[test]
fn roles_come_from_tokens_and_every_action_is_in_the_books() {
    let place = Place::new();
    place.two_items();
    let token = |name: &str, role: &str| place.runs(&["token", "add", name, "--role", role, "--tokens", "tokens"]).trim().to_owned();
    let (ann, bob, boss, eve) = (token("ann", "review"), token("bob", "review"), token("boss", "admin"), token("eve", "read"));
    let service = serve(&place, &["--tokens", "tokens", "--audit", "audit.log"]);
    for wrong in [eve.as_str(), "nonsense"] {
        let reply = service.ask("POST", "/review/sign-in", &[], &format!("token={wrong}")).expect("an answer");
        assert_eq!(reply.header("set-cookie"), None, "{}", reply.body);
    }
    let (a, b, admin) = (service.sign_in(&ann), service.sign_in(&bob), service.sign_in(&boss));
    let act = |who: &Browser<'_>, item: i64, what: &str| {
        who.post(&format!("/review/item/{item}"), &format!("{what}&{}", who.form(item))).expect("an answer").status
    };
    assert_eq!(act(&a, 1, FIRST), 303);
    assert_eq!(act(&a, 1, "action=approve"), 409, "her own");
    assert_eq!(act(&b, 1, "action=approve"), 303);
    assert_eq!(act(&a, 2, "action=no-map"), 303);
    assert_eq!(act(&a, 2, "action=undo"), 303);
    assert_eq!(act(&a, 2, "action=flag"), 303);
    assert_eq!(act(&b, 2, "action=comment&why=a+private+remark"), 303);
    let secret = |who: &Browser<'_>| who.get("/review").field("csrf");
    let assign = |who: &Browser<'_>| {
        who.post("/review/assign?status=all", &format!("to=ann,bob&blind=yes&csrf={}", secret(who))).expect("an answer").status
    };
    assert_eq!((assign(&a), assign(&admin)), (403, 303), "only who is admin assigns");
    assert!(a.get("/review/item/2").body.contains("work blind"));
    // A program fills the queue with its token; one that may only read does not.
    let add = |token: &str| {
        let bearer = format!("Bearer {token}");
        service.ask("POST", "/review/add", &[("Authorization", &bearer)], "from=icd9cm&to=icd10cm&code=001.9&records=7").expect("an answer")
    };
    assert_eq!((add(&eve).status, add(&ann).body.trim()), (403, "1 new, 0 were there"));
    // What cells link to travels with a project, and carries no token; whoever follows it signs in.
    let manifest = service.ask("GET", &format!("/reconcile/t/{ann}"), &[], "").expect("an answer");
    let manifest: Value = serde_json::from_str(&manifest.body).expect("JSON");
    let view = manifest["view"]["url"].as_str().expect("an address");
    assert!(!view.contains(ann.as_str()) && view.ends_with("/review/search?id={{id}}"), "{view}");
    assert!(a.get("/review/search?id=icd10cm:A00.0").body.contains("Classical cholera"));
    // A token that is taken back ends its sessions at once.
    place.runs(&["token", "remove", "bob", "--tokens", "tokens"]);
    assert_eq!((b.get("/review").status, a.get("/review").status), (303, 200));
    // What is approved answers questions, and says so.
    let bearer = format!("Bearer {ann}");
    let path = "/v1/translate?from=icd9cm&to=icd10cm&code=001.1&policy=decision";
    let answer = service.ask("GET", path, &[("Authorization", &bearer)], "").expect("an answer");
    assert!(answer.status == 200 && answer.body.contains("\"decision\""), "{}: {}", answer.status, answer.body);
    drop(service);

    let audit = std::fs::read_to_string(place.path("audit.log")).expect("an audit log");
    for (who, what) in [
        ("ann", "sign-in"),
        ("ann", "decide"),
        ("bob", "approve"),
        ("ann", "undo"),
        ("ann", "flag"),
        ("bob", "comment"),
        ("boss", "assign"),
        ("ann", "add"),
    ] {
        let there = audit.lines().any(|l| l.contains(&format!("\"{who}\"")) && l.contains(&format!("review/{what}")));
        assert!(there, "{who} {what} is not in the audit log:\n{audit}");
    }
    assert!(!audit.contains("private remark"), "remarks are private");
    assert!(place.runs(&["audit", "verify", "audit.log"]).contains("in order"));
}

/// Nobody has to think of it: what was decided under another index is examined when the service starts with this one.
#[test]
fn decisions_of_another_index_are_examined_by_the_service_itself() {
    let place = super::review::next_year();
    let service = serve(&place, &[]);
    let translated = |code: &str| {
        let path = format!("/v1/translate?from=icd9cm&to=icd10cm&code={code}&policy=decision");
        service.ask("GET", &path, &[], "").expect("an answer").body
    };
    // At once, whether or not the service has come to it yet.
    assert!(!translated("001.8").contains("\"decision\":") && translated("001.0").contains("\"decision\":"), "{}", translated("001.8"));
    let flagged = || place.stats()["by_status"].as_array().and_then(|s| s.iter().find(|s| s["status"] == "flagged")?["items"].as_u64());
    let patience = std::time::Instant::now();
    while flagged() != Some(3) {
        assert!(patience.elapsed() < Duration::from_secs(60), "{}", place.stats());
        std::thread::sleep(Duration::from_millis(50));
    }
    let ann = service.sign_in("ann");
    let list = ann.get("/review?finding=any").body;
    assert!(list.contains("target-expired") && list.contains("source-changed") && list.contains("map-changed"), "{list}");
    assert!(!translated("001.8").contains("\"decision\":"));
}

/// The Reconciliation Service API 0.2; `tests/outside/review.py` drives it with clients that nobody here wrote.
#[test]
fn openrefine_finds_what_it_asks_for() {
    let place = Place::new();
    place.two_items();
    let service = serve(&place, &[]);
    let json = |path: &str| -> Value {
        let reply = service.ask("GET", path, &[], "").expect("an answer");
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("*")), "{path}: {}", reply.body);
        serde_json::from_str(&reply.body).expect("JSON")
    };
    let manifest = json("/reconcile");
    assert!(manifest["versions"].as_array().is_some_and(|v| v.iter().any(|v| v == "0.2")), "{manifest}");
    for part in ["name", "identifierSpace", "schemaSpace", "defaultTypes", "view", "preview", "suggest"] {
        assert!(!manifest[part].is_null(), "{part}");
    }
    let queries = r#"{"q0":{"query":"classical cholera","type":"icd10cm"},"q1":{"query":"x","type":"icd10cm","limit":1,"properties":[{"pid":"icd9cm","v":"001.0"}]}}"#;
    let answers = json(&format!("/reconcile?queries={}", escaped(queries)));
    assert_eq!(answers["q0"]["result"][0]["id"], "icd10cm:A00.0", "{answers}");
    assert_eq!(
        (&answers["q1"]["result"][0]["id"], &answers["q1"]["result"][0]["match"]),
        (&Value::from("icd10cm:A00.0"), &Value::from(true))
    );
    // One query that cannot be asked has a reason in its place; the other is answered.
    let mixed =
        json(&format!("/reconcile?queries={}", escaped(r#"{"bad":{"query":"x","type":"nowhere"},"good":{"query":"classical cholera"}}"#)));
    assert_eq!(
        (&mixed["bad"]["result"], &mixed["good"]["result"][0]["id"]),
        (&Value::from(Vec::<Value>::new()), &Value::from("icd10cm:A00.0"))
    );
    assert!(mixed["bad"]["error"].as_str().is_some_and(|e| e.contains("nowhere")), "{mixed}");
    // A page of another site: the browser asks first, then posts; nothing else of the service lets it.
    let origin = ("Origin", "http://elsewhere.example");
    let first = service.ask("OPTIONS", "/reconcile", &[origin, ("Access-Control-Request-Method", "POST")], "").expect("an answer");
    assert_eq!((first.status, first.header("access-control-allow-origin")), (204, Some("*")), "{}", first.head);
    assert!(first.header("access-control-allow-methods").is_some_and(|m| m.contains("POST")));
    let posted = service.ask("POST", "/reconcile", &[origin], &format!("queries={}", escaped(queries))).expect("an answer");
    assert_eq!((posted.status, posted.header("access-control-allow-origin")), (200, Some("*")), "{}", posted.body);
    assert_eq!(service.ask("POST", "/review/sign-in", &[origin], "name=eve").expect("an answer").status, 403);
    for (what, id) in [("entity?prefix=classical", "icd10cm:A00.0"), ("type?prefix=10", "icd10cm"), ("property?prefix=9", "icd9cm")] {
        assert_eq!(json(&format!("/reconcile/suggest/{what}"))["result"][0]["id"], id, "{what}");
    }
    let preview = service.ask("GET", "/reconcile/preview?id=icd10cm:A00.0", &[], "").expect("an answer");
    assert!(preview.status == 200 && preview.body.contains("Classical cholera"));
    assert_eq!(service.ask("GET", "/reconcile?queries=nonsense", &[], "").expect("an answer").status, 400);
}
