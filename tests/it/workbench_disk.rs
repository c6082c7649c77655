//! The workbench where nothing can be written: a full disk, and a file that can only be read.

use super::review::{Disk, Place};
use super::workbench::{FIRST, Service, serve, serve_over};
use std::process::Command;
use xwalk::decisions::Store;

/// Somebody decides while there is no room: told on the item's page, where what was typed and picked still is; done again with room.
fn decides_without_room(place: &Place, (service, db): (&Service, &str), item: i64, fill: &dyn Fn(), make_room: &dyn Fn()) {
    let ann = service.sign_in("ann");
    let path = format!("/review/item/{item}");
    let sent = format!("{FIRST}&why=typed+words&{}", ann.form(item));
    let stats = || place.runs(&["review", "stats", "--decisions", db, "--format", "json"]);
    let before = stats();
    fill();
    let told = ann.post(&path, &sent).expect("an answer");
    assert_eq!(told.status, 503, "{}", told.body);
    assert!(told.body.to_lowercase().contains("nothing was changed") && told.body.contains("full"), "{}", told.body);
    assert!(told.body.contains("value=\"typed words\"") && told.body.contains(" checked"), "{}", told.body);
    let add = format!("from=icd9cm&to=icd10cm&code=001.9&csrf={}", told.field("csrf"));
    let told = ann.post("/review/add", &add).expect("an answer");
    assert!(told.status == 503 && told.body.to_lowercase().contains("nothing was changed"), "{} {}", told.status, told.body);
    for page in ["/review", "/review/progress", path.as_str()] {
        assert_eq!(ann.get(page).status, 200, "{page} is read as before");
    }
    make_room();
    assert_eq!(stats(), before, "nothing is half");
    // The version that she saw is still the last.
    assert_eq!(ann.post(&path, &sent).expect("an answer").status, 303);
    let shown = ann.get(&path).body;
    assert!(shown.contains("proposed") && shown.contains("typed words"), "{shown}");
}

#[test]
fn a_full_disk_is_told_in_the_workbench_and_nothing_is_lost() {
    let place = Place::new();
    place.two_items();
    if let Some(disk) = Disk::mount("a_full_disk_is_told_in_the_workbench_and_nothing_is_lost", &place) {
        place.reviews("backup", &["disk/d.db"]);
        let service = serve_over(&place, "disk/d.db", &[]);
        let fill = || drop(std::fs::write(disk.0.join("fill"), vec![0; 4 << 20]));
        let empty = || std::fs::remove_file(disk.0.join("fill")).expect("the filling");
        decides_without_room(&place, (&service, "disk/d.db"), 1, &fill, &empty);
        drop(service);
        assert_eq!(Store::open(&disk.0.join("d.db")).expect("a store").rebuild().expect("whole"), Vec::<i64>::new());
    }
    // The same where nobody may mount: no file of the service may grow any more.
    let service = serve(&place, &[]);
    let limit = |bytes: &str| {
        let fsize = format!("--fsize={bytes}:");
        let done = Command::new("prlimit").args(["--pid", &service.child.id().to_string(), &fsize]).status();
        assert!(done.is_ok_and(|s| s.success()), "prlimit, of util-linux");
    };
    decides_without_room(&place, (&service, "d.db"), 2, &|| limit("1024"), &|| limit("unlimited"));
    drop(service);
    assert_eq!(Store::open(&place.path("d.db")).expect("a store").rebuild().expect("whole"), Vec::<i64>::new());
}

#[test]
fn a_file_that_can_only_be_read_is_shown_and_says_so() {
    let place = Place::new();
    place.two_items();
    let Some(disk) = Disk::mount("a_file_that_can_only_be_read_is_shown_and_says_so", &place) else { return };
    place.reviews("backup", &["disk/d.db"]);
    disk.read_only();
    let service = serve_over(&place, "disk/d.db", &[]);
    let ann = service.sign_in("ann");
    assert!(ann.get("/review").body.contains("001.1"));
    let told = ann.post("/review/item/1", &format!("{FIRST}&why=typed+words&{}", ann.form(1))).expect("an answer");
    assert!(told.status == 409 && told.body.contains("can only be read here; nothing was changed"), "{} {}", told.status, told.body);
    assert!(told.body.contains("value=\"typed words\""), "{}", told.body);
    let translated = service.ask("GET", "/v1/translate?from=icd9cm&to=icd10cm&code=001.1&policy=decision", &[], "").expect("an answer");
    assert_eq!(translated.status, 200);
}
