use super::*;
use crate::model::Status;
use crate::model::rule::Rule;
use crate::read::{Collected, rf2};
use std::collections::{BTreeSet, HashMap};

fn generated(shape: &Shape) -> (tempfile::TempDir, Written) {
    let folder = tempfile::tempdir().unwrap();
    let written = write_rf2(folder.path(), shape).unwrap();
    (folder, written)
}

fn collected(folder: &Path, form: Form) -> Collected {
    let mut sink = Collected::default();
    rf2::read(&[folder], &rf2::Options { form: Some(form), ..Default::default() }, &mut sink).unwrap();
    sink
}

/// How many concepts are this now: their last statement is without end.
fn now(sink: &Collected, status: Status) -> usize {
    sink.concepts.iter().filter(|c| c.status == status && c.to.is_none()).count()
}

#[test]
fn a_release_reads_as_it_was_meant() {
    let shape = Shape::small(7);
    let (folder, written) = generated(&shape);
    let sink = collected(folder.path(), Form::Snapshot);
    assert_eq!(sink.findings, []);
    assert_eq!((now(&sink, Status::Valid), now(&sink, Status::Inactive)), (shape.concepts, written.retired));
    assert_eq!(sink.parents.len(), written.is_a);
    assert!((shape.is_a - 20..=shape.is_a).contains(&written.is_a), "{}", written.is_a);
    assert!((shape.descriptions - 20..=shape.descriptions + 20).contains(&written.descriptions), "{}", written.descriptions);
    assert_eq!(sink.designations.len(), written.descriptions + 2 * written.retired);
    let rows = |id: &str| sink.targets.iter().filter(|t| sink.maps[t.map.0 as usize].id == id).count();
    assert_eq!(rows("rf2-6011000124106"), shape.map_rows);
    assert_eq!(rows("rf2-447562003"), shape.map_rows / 10);
    assert_eq!(rows("rf2-history"), written.history);
    assert!(sink.targets.iter().all(|t| t.rule.is_empty() || Rule::parse(&t.rule).is_ok()));
    assert!(sink.designations.iter().any(|d| d.text.contains('"')));
}

#[test]
fn full_and_snapshot_say_the_same() {
    let shape = Shape { forms: vec![Form::Snapshot, Form::Full], ..Shape::small(11) };
    let (folder, _) = generated(&shape);
    let said = |form| {
        let sink = collected(folder.path(), form);
        assert_eq!(sink.findings, []);
        let mut all: Vec<String> = Vec::new();
        // What a concept was before its last change only the Full release knows.
        let last = sink.concepts.iter().filter(|c| c.to.is_none());
        all.extend(last.map(|c| format!("{} {:?} {:?}", c.code, c.status, c.from.filter(|_| c.status == Status::Inactive))));
        all.extend(sink.designations.iter().map(|d| format!("{d:?}")));
        all.extend(sink.parents.iter().map(|p| format!("{p:?}")));
        // The line is where the row stands in its file, and the files differ.
        all.extend(sink.targets.iter().map(|t| format!("{:?}", crate::read::TargetRow { line: 0, ..t.row() })));
        all.extend(sink.maps.iter().map(|m| format!("{m:?}")));
        all.sort();
        all
    };
    let (snapshot, full) = (said(Form::Snapshot), said(Form::Full));
    assert!(snapshot == full, "{} and {} statements", snapshot.len(), full.len());
    let sizes = ["Snapshot", "Full"].map(|form| {
        let file = format!("{form}/Terminology/sct2_Concept_{form}_XW{NAMESPACE}_{DATE}.txt");
        std::fs::metadata(folder.path().join(file)).unwrap().len()
    });
    assert!(sizes[1] > sizes[0], "a Full release has a past");
}

#[test]
fn every_damage_is_found_and_the_rest_is_read() {
    let shape = Shape { damage: true, ..Shape::small(3) };
    let (folder, written) = generated(&shape);
    let sink = collected(folder.path(), Form::Snapshot);
    let count = |word: &str| sink.findings.iter().filter(|f| f.what.contains(word)).count();
    assert_eq!(count("check digit is wrong"), written.bad_ids);
    assert_eq!(count("no concept of this release"), written.orphans);
    assert_eq!(count("cannot be read"), written.unreadable_rules);
    assert_eq!(sink.findings.len(), written.bad_ids + written.orphans + written.unreadable_rules);
    assert!(sink.findings.iter().all(|f| f.line > 1 && f.column > 0 && !f.mend.is_empty()));
    assert_eq!(now(&sink, Status::Valid), shape.concepts);
    // The rules that cannot be read are kept as text.
    assert!(sink.targets.iter().any(|t| t.rule == "IFA"));
    assert_eq!((written.cycles, sink.parents.len()), (1, written.is_a + 1));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bytes = |seed| {
        let (folder, _) = generated(&Shape::small(seed));
        let mut all = Vec::new();
        let mut visit = |name: &str, input: &mut dyn io::BufRead| {
            all.push(name.rsplit('/').next().unwrap_or("").to_owned().into_bytes());
            let mut content = Vec::new();
            input.read_to_end(&mut content)?;
            all.push(content);
            Ok(())
        };
        crate::read::source::visit_path(folder.path(), &|_| true, &mut visit).unwrap();
        all
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn the_hierarchy_is_shaped_like_a_terminology() {
    let shape = Shape { concepts: 20_000, descriptions: 40_000, is_a: 66_000, map_rows: 0, ..Shape::small(5) };
    let (folder, written) = generated(&shape);
    let sink = collected(folder.path(), Form::Snapshot);
    assert_eq!(written.is_a, sink.parents.len());
    let mut parents: HashMap<&str, Vec<&str>> = HashMap::new();
    for p in &sink.parents {
        parents.entry(&p.code).or_default().push(&p.parent);
    }
    let ancestors = |code| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![code]);
        while let Some(next) = open.pop() {
            for &parent in parents.get(next).into_iter().flatten() {
                if seen.insert(parent) {
                    open.push(parent);
                }
            }
        }
        seen.len()
    };
    let codes: Vec<String> = (0..100).map(|n| concept_id(19_999 - n * 150)).collect();
    let mean = codes.iter().map(|code| ancestors(code.as_str())).sum::<usize>() / codes.len();
    assert!((15..80).contains(&mean), "{mean} ancestors on average");
}

#[test]
fn ids_have_their_parts() {
    for n in [0, 1, 99, 360_000] {
        assert!(crate::model::system::verhoeff(concept_id(n).as_bytes()), "{}", concept_id(n));
        assert!(!crate::model::system::verhoeff(bad_id(n).as_bytes()));
    }
    assert!(concept_id(5).contains(NAMESPACE));
}
