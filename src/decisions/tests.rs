//! The store without an engine; with one: `tests/it/review.rs`.

use super::*;
use crate::engine::{self, Decided, Facts, Overlay};
use crate::model::Relationship;
use std::path::PathBuf;
use std::sync::Arc;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("decisions.db")
}

fn by(who: &str) -> By<'_> {
    By { who, ..By::default() }
}

fn asked(code: &str, records: u64) -> Asked {
    let question = Question { source_system: "icd9cm".into(), code: code.into(), target_system: "icd10cm".into(), ..Question::default() };
    Asked { question, records, outcome: "choice".into(), chapter: "C1".into(), offer: Offer::default() }
}

fn verdict(codes: &[&str]) -> Verdict {
    let targets = codes.iter().enumerate().map(|(i, code)| Chosen {
        group: i as u16,
        code: (*code).to_owned(),
        display: format!("title of {code}"),
        relationship: Relationship::RelatedTo,
        map: "gem|2018".into(),
        row: 7,
    });
    Verdict { targets: targets.collect(), scenario: Some(0), score: Some(0.5) }
}

fn decided(codes: &[&str]) -> Action {
    Action::Decided(verdict(codes))
}

/// A store with the codes A (30 records), B (20), C (10) as items 1, 2, 3.
fn store(folder: &tempfile::TempDir) -> Store {
    let store = Store::create(&file(folder)).unwrap();
    let added = store.ask(by("job"), "run 1", [asked("A", 30), asked("B", 20), asked("C", 10)]).unwrap();
    assert_eq!(added, Added { new: 3, known: 0 });
    store
}

fn status(store: &Store, id: i64) -> Status {
    store.item(id, "anybody").unwrap().state.status
}

#[test]
fn a_second_person_approves_and_translations_use_it() {
    let folder = folder();
    let store = Arc::new(store(&folder));
    let question = |facts| engine::Question { source_system: "icd9cm", code: "A", target_system: "icd10cm", text: Some("words"), facts };
    let facts = Facts::default();
    let approved = Approved::new(store.clone()).unwrap();

    let done = store.act(1, None, by("ann"), decided(&["X", "Y"])).unwrap();
    assert_eq!(done.item.state.status, Status::Proposed);
    approved.refresh().unwrap();
    assert_eq!(approved.decision(question(&facts)), None, "a proposal is not used");

    assert!(matches!(store.act(1, None, by("ann"), Action::Approved), Err(Error::OwnWork)));
    let done = store.act(1, Some(done.item.state.version), by("bob"), Action::Approved).unwrap();
    assert_eq!((done.item.state.status, done.item.state.approver.as_str()), (Status::Approved, "bob"));
    approved.refresh().unwrap();
    let used = approved.decision(question(&facts)).unwrap();
    let both = vec![("X".to_owned(), Relationship::RelatedTo), ("Y".to_owned(), Relationship::RelatedTo)];
    assert_eq!(used.decided, Decided::Targets(both));
    assert_eq!(Some(used.id), done.item.state.decision);

    store.act(1, None, by("bob"), Action::Flagged).unwrap();
    approved.refresh().unwrap();
    assert!(approved.is_empty(), "a doubt takes it out of use");
}

#[test]
fn a_rule_lets_authors_approve_themselves() {
    let folder = folder();
    let store = store(&folder);
    store.act(1, None, by("ann"), Action::Decided(Verdict::no_map())).unwrap();
    store.set_self_approval(by("boss"), true).unwrap();
    assert_eq!(store.act(1, None, by("ann"), Action::Approved).unwrap().item.state.status, Status::NoMap);
    store.set_self_approval(by("boss"), false).unwrap();
    store.act(2, None, by("ann"), decided(&["X"])).unwrap();
    assert!(matches!(store.act(2, None, by("ann"), Action::Approved), Err(Error::OwnWork)));
}

#[test]
fn the_later_of_two_is_told() {
    let folder = folder();
    let store = store(&folder);
    let seen = store.item(1, "ann").unwrap().state.version;
    store.act(1, Some(seen), by("ann"), decided(&["X"])).unwrap();
    let Err(Error::Conflict { who, what, .. }) = store.act(1, Some(seen), by("bob"), decided(&["Y"])) else { panic!("no conflict") };
    assert_eq!((who.as_str(), what), ("ann", "decided"));
    assert_eq!(store.item(1, "bob").unwrap().state.verdict.unwrap().key(), "X", "nothing was lost");
}

#[test]
fn many_at_once_lose_nothing() {
    let folder = folder();
    let store = store(&folder);
    let seen = store.item(1, "x").unwrap().state.version;
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|n| {
                let store = &store;
                scope.spawn(move || {
                    let who = format!("coder {n}");
                    let own = store.act(2, None, by(&who), Action::Commented).is_ok();
                    assert!(own && store.item(2, &who).is_ok());
                    usize::from(store.act(1, Some(seen), by(&who), decided(&["X"])).is_ok())
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(won, 1, "one decision on one version");
    assert_eq!(store.history(2, "x").unwrap().len(), 51);
}

#[test]
fn undo_is_an_event_and_can_be_undone() {
    let folder = folder();
    let store = store(&folder);
    store.act(1, None, by("ann"), decided(&["X"])).unwrap();
    store.act(1, None, by("ann"), decided(&["Y"])).unwrap();
    assert!(matches!(store.undo(1, None, by("bob")), Err(Error::NotYours { .. })));
    let done = store.undo(1, None, by("ann")).unwrap();
    assert_eq!(done.item.state.verdict.unwrap().key(), "X");
    store.undo(1, None, by("ann")).unwrap();
    assert_eq!(status(&store, 1), Status::Unreviewed);
    assert!(matches!(store.undo(1, None, by("ann")), Err(Error::NothingToUndo)));
    let events = store.history(1, "ann").unwrap();
    assert_eq!(events.len(), 5, "asked, two decisions, two undos: all there");
    // Taking back the last undo brings the first answer in again.
    store.act(1, None, by("ann"), Action::Undone { event: events[4].id }).unwrap();
    assert_eq!(store.item(1, "ann").unwrap().state.verdict.unwrap().key(), "X");
}

#[test]
fn two_blind_coders_do_not_see_each_other() {
    let folder = folder();
    let store = store(&folder);
    let pair = || Action::Assigned { to: "ann".into(), second: Some("bob".into()) };
    assert!(matches!(
        store.act(1, None, by("boss"), Action::Assigned { to: "ann".into(), second: Some("ann".into()) }),
        Err(Error::OneCoder)
    ));
    store.act_on_all(by("boss"), [(1, pair()), (2, pair()), (3, pair())]).unwrap();
    let bobs = store.item(1, "bob").unwrap().state.version;
    store.act(1, None, by("ann"), decided(&["X"])).unwrap();
    assert_eq!(status(&store, 1), Status::Unreviewed);
    let seen_by_bob = store.item(1, "bob").unwrap();
    assert_eq!((seen_by_bob.state.verdict, seen_by_bob.state.version), (None, bobs));
    assert_eq!(store.own_coding(1, "bob").unwrap(), None);
    assert_eq!(store.own_coding(1, "ann").unwrap().unwrap().key(), "X");
    assert!(matches!(store.act(1, None, by("eve"), decided(&["Z"])), Err(Error::Blind)));
    assert!(matches!(store.act(1, None, by("eve"), Action::Approved), Err(Error::Blind)));

    // Agreement is an approval; what the first did is no conflict for the second, who could not see it.
    store.act(1, Some(bobs), by("bob"), decided(&["X"])).unwrap();
    let item = store.item(1, "eve").unwrap();
    assert_eq!((item.state.status, item.state.author.as_str(), item.state.approver.as_str()), (Status::Approved, "ann", "bob"));

    store.act(2, None, by("bob"), decided(&["X"])).unwrap();
    store.act(2, None, by("ann"), Action::Decided(Verdict::no_map())).unwrap();
    assert_eq!(status(&store, 2), Status::Flagged);
    assert!(matches!(store.act(2, None, by("eve"), Action::Approved), Err(Error::CodersDiffer)));
    store.act(2, None, by("eve"), decided(&["X"])).unwrap();
    store.act(2, None, by("bob"), Action::Approved).unwrap();
    assert_eq!(status(&store, 2), Status::Approved);

    let agreement = store.agreement().unwrap();
    assert_eq!((agreement.items, agreement.same), (2, 1));
}

#[test]
fn what_two_coded_blind_stays_and_lists_say_nothing_before() {
    let folder = folder();
    let store = store(&folder);
    let line = || store.queue(&Filter::default(), 0, 9).unwrap().into_iter().find(|e| e.id == 1).unwrap();
    store.act(1, None, by("ann"), decided(&["Z"])).unwrap();
    assert_eq!((line().status, line().answer.as_deref(), line().author.as_str()), (Status::Proposed, Some("Z"), "ann"));
    store.act(1, None, by("boss"), Action::Assigned { to: "ann".into(), second: Some("bob".into()) }).unwrap();
    let told = line();
    assert_eq!((told.status, told.answer, told.score), (Status::Unreviewed, None, None));
    assert_eq!((told.author.as_str(), told.approver.as_str(), told.assignee.as_str()), ("", "", "ann"));
    assert_eq!(store.own_coding(1, "ann").unwrap(), None, "an answer of before is not the blind one");

    store.act(1, None, by("ann"), decided(&["Y"])).unwrap();
    store.undo(1, None, by("ann")).unwrap();
    store.act(1, None, by("ann"), decided(&["X"])).unwrap();
    store.act(1, None, by("bob"), decided(&["Y"])).unwrap();
    assert_eq!((line().answer.as_deref(), line().author.as_str()), (Some("X or Y"), "ann, bob"));
    // Now bob sees what ann answered: to do the same and call it agreement is not possible.
    assert!(matches!(store.undo(1, None, by("bob")), Err(Error::BothIn)));
    store.act(1, None, by("bob"), decided(&["X"])).unwrap();
    assert_eq!((line().status, line().answer.as_deref()), (Status::Proposed, Some("X")));
    let agreement = store.agreement().unwrap();
    assert_eq!((agreement.items, agreement.same), (1, 0));
}

#[test]
fn counts_that_are_none_are_refused_and_those_of_an_older_xwalk_break_no_page() {
    let folder = folder();
    let store = store(&folder);
    let far = || Asked { chapter: "C2".into(), ..asked("Z", 1) };
    assert!(matches!(store.ask(by("job"), "r", [Asked { records: u64::MAX, ..far() }]), Err(Error::TooMany { .. })));
    store.ask(by("job"), "r", [far()]).unwrap();
    let raw = rusqlite::Connection::open(file(&folder)).unwrap();
    raw.execute("UPDATE item SET records = ?1 WHERE question = 4", [i64::MAX]).unwrap();
    assert_eq!(store.coverage(&Filter::default(), &Held::default()).unwrap().items, 4);
    assert_eq!(store.tallies(&Filter { code: "A".into(), ..Filter::default() }).unwrap().len(), 1);
    store.workload().unwrap();
    store.ask(by("job"), "r", [far()]).unwrap();
    assert_eq!(store.coverage(&Filter::default(), &Held::default()).unwrap().records, 61, "asked again with a count, it is mended");
}

#[test]
fn what_is_not_related_is_no_answer() {
    let folder = folder();
    let store = store(&folder);
    let mut not = verdict(&["X"]);
    not.targets[0].relationship = Relationship::NotRelatedTo;
    assert!(matches!(store.act(1, None, by("ann"), Action::Decided(not)), Err(Error::NotRelated { .. })));
}

#[test]
fn both_coverages_and_the_order_of_the_queue() {
    let folder = folder();
    let store = store(&folder);
    store.ask(by("job"), "run 2", [asked("C", 45), asked("D", 5)]).unwrap();
    store.ask(by("job"), "run 2", [asked("D", 5)]).unwrap();
    let codes = |f: &Filter| store.queue(f, 0, 10).unwrap().into_iter().map(|e| e.question.code).collect::<String>();
    assert_eq!(codes(&Filter::default()), "CABD", "C has 10 of the first run and 45 of the second");
    assert_eq!(codes(&Filter { code: "B".into(), ..Filter::default() }), "B");
    store.act(1, None, by("ann"), decided(&["X"])).unwrap();
    store.act(1, None, by("bob"), Action::Approved).unwrap();
    store.act(2, None, by("ann"), Action::Decided(Verdict::no_map())).unwrap();
    store.act(2, None, by("bob"), Action::Approved).unwrap();
    let coverage = store.coverage(&Filter::default(), &Held::default()).unwrap();
    assert_eq!(coverage, Coverage { items: 4, records: 110, settled_items: 2, settled_records: 50, ..Coverage::default() });
    assert_eq!(
        store.coverage(&Filter { chapter: "C1".into(), ..Filter::default() }, &Held::default()).unwrap(),
        coverage,
        "tally and count agree"
    );
    let open = Filter { status: vec![Status::Unreviewed], ..Filter::default() };
    assert_eq!(codes(&open), "CD");
    assert_eq!(store.neighbour(&open, 3, false).unwrap(), Some(4));
    assert_eq!(store.neighbour(&open, 1, false).unwrap(), Some(4), "from an item that has left the filter");
    assert_eq!(store.neighbour(&open, 4, true).unwrap(), Some(3));
    assert_eq!(store.neighbour(&open, 4, false).unwrap(), None);
}

#[test]
fn the_state_is_what_the_events_amount_to() {
    let folder = folder();
    let store = store(&folder);
    let who = ["ann", "bob", "eve"];
    // A walk over all actions, refused ones included, by a fixed sequence of numbers.
    let mut n: u64 = 1;
    for _ in 0..600 {
        n = n.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let (id, person, kind) = (1 + (n >> 33) as i64 % 3, who[(n >> 40) as usize % 3], (n >> 45) % 9);
        let _ = match kind {
            0 | 1 => store.act(id, None, by(person), decided(&[["X", "Y"][(n >> 50) as usize % 2]])).map(|_| ()),
            2 => store.act(id, None, by(person), Action::Decided(Verdict::no_map())).map(|_| ()),
            3 | 4 => store.act(id, None, by(person), Action::Approved).map(|_| ()),
            5 => store.undo(id, None, by(person)).map(|_| ()),
            6 => store.act(id, None, by(person), Action::Flagged).map(|_| ()),
            7 => store.act(id, None, by(person), Action::Rejected).map(|_| ()),
            _ => {
                let second = (n >> 52).is_multiple_of(4).then(|| "bob".to_owned());
                store.act(id, None, by(person), Action::Assigned { to: "ann".into(), second }).map(|_| ())
            }
        };
    }
    let tallies = store.tallies(&Filter::default()).unwrap();
    assert_eq!(store.rebuild().unwrap(), Vec::<i64>::new(), "no item differed");
    assert_eq!(store.tallies(&Filter::default()).unwrap(), tallies);
    let items: u64 = tallies.iter().map(|t| t.items).sum();
    assert_eq!(items, 3);
}

#[test]
fn a_state_that_somebody_edited_is_found_and_mended() {
    let folder = folder();
    let path = file(&folder);
    let store = store(&folder);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("UPDATE item SET status = 'approved' WHERE question = 2", []).unwrap();
    assert_eq!(store.rebuild().unwrap(), vec![2]);
    assert_eq!(status(&store, 2), Status::Unreviewed);
    for sql in ["UPDATE event SET who = 'eve'", "DELETE FROM event"] {
        let refused = raw.execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains("events are never"), "{refused}");
    }
}

#[test]
fn files_that_are_not_ours_are_not_touched() {
    let folder = folder();
    let path = file(&folder);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE holiday (photo BLOB)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Store::create(&path), Err(Error::Foreign { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "these are notes, not a database, and long enough to be read as one by mistake ".repeat(20)).unwrap();
    assert!(matches!(Store::create(&text), Err(Error::Damaged { .. })));
    assert!(matches!(Store::open(&folder.path().join("none.db")), Err(Error::Missing { .. })));

    let newer = folder.path().join("newer.db");
    drop(Store::create(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&newer), Err(Error::Newer { found: 99, .. })));
}

#[test]
fn read_only_files_are_read() {
    let folder = folder();
    let path = file(&folder);
    drop(store(&folder));
    let read = Store::read(&path).unwrap();
    assert_eq!(read.queue(&Filter::default(), 0, 9).unwrap().len(), 3);
    assert!(matches!(read.act(1, None, by("ann"), Action::Flagged), Err(Error::ReadOnly)));
}

#[test]
fn a_full_disk_changes_nothing() {
    let folder = folder();
    let path = file(&folder);
    let store = store(&folder);
    store.limit_pages_for_test();
    let many: Vec<Asked> = (0..20_000).map(|n| asked(&format!("N{n}"), 1)).collect();
    assert!(matches!(store.ask(by("job"), "big", many), Err(Error::Full)));
    assert_eq!(store.coverage(&Filter::default(), &Held::default()).unwrap().items, 3);
    drop(store);
    assert_eq!(Store::open(&path).unwrap().coverage(&Filter::default(), &Held::default()).unwrap().records, 60);
}

#[test]
fn a_backup_of_a_file_in_use_is_whole() {
    let folder = folder();
    let store = store(&folder);
    let copy = folder.path().join("copy.db");
    std::thread::scope(|scope| {
        scope.spawn(|| (0..40).for_each(|_| drop(store.act(1, None, by("ann"), Action::Commented).unwrap())));
        store.backup(&copy).unwrap();
    });
    let copy = Store::open(&copy).unwrap();
    assert_eq!(copy.rebuild().unwrap(), Vec::<i64>::new());
    assert_eq!(copy.coverage(&Filter::default(), &Held::default()).unwrap().items, 3);
}

#[test]
fn the_most_particular_decision_answers() {
    let folder = folder();
    let store = Arc::new(Store::create(&file(&folder)).unwrap());
    let with = |text: &str, facts: &str| {
        let mut a = asked("A", 1);
        (a.question.text, a.question.facts) = (text.to_owned(), facts.to_owned());
        a
    };
    store.ask(by("job"), "r", [with("", ""), with("left", ""), with("", "sex=female"), with("left", "sex=female")]).unwrap();
    for (id, code) in [(1, "code"), (2, "text"), (3, "facts"), (4, "both")] {
        store.act(id, None, by("ann"), decided(&[code])).unwrap();
        store.act(id, None, by("bob"), Action::Approved).unwrap();
    }
    let approved = Approved::new(store).unwrap();
    let ask = |text: Option<&str>, facts: &Facts| {
        let question = engine::Question { source_system: "icd9cm", code: "A", target_system: "icd10cm", text, facts };
        let Decided::Targets(targets) = approved.decision(question).unwrap().decided else { panic!("no targets") };
        targets[0].0.clone()
    };
    let (nothing, female) = (Facts::default(), facts_of_key("sex=female"));
    assert_eq!(ask(None, &nothing), "code");
    assert_eq!(ask(Some("other words"), &nothing), "code");
    assert_eq!(ask(Some(" left "), &nothing), "text");
    assert_eq!(ask(Some("right"), &female), "facts");
    assert_eq!(ask(Some("left"), &female), "both");
}

#[test]
fn facts_are_written_and_read_back() {
    for key in ["", "age=12 years", "age=28 days;sex=female", "sex=male;with=73211009;with=10000006", "sex=male;laterality=left"] {
        let again = facts_key(&facts_of_key(key));
        let mut expect: Vec<&str> = key.split(';').collect();
        let mut got: Vec<&str> = again.split(';').collect();
        expect.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expect);
    }
}
