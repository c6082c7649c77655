//! Looks at every byte of an index, and at what the bytes say of each other.

use super::codes::SystemPart;
use super::edges::{MapPart, turn};
use super::format::{Column, HEADER_LENGTH, Lists, NONE, Now, date_number};
use super::slots::{self, Found};
use super::{CodeSystem, ConceptMap, Index};
use crate::model::MapKind;
use crate::model::rule::Rule;
use fst::Streamer;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// What [`Index::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Everything that is wrong, the checksums first. Empty: the file is what was written.
    pub damage: Vec<String>,
    pub sections: usize,
    pub concepts: u64,
    pub rows: u64,
}

impl Verification {
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// More than this many findings of one kind say no more than the first ones.
const MOST: usize = 20;

pub(super) fn verify(index: &Index) -> Verification {
    let mut v = Verification { sections: index.toc.sections.len(), ..Verification::default() };
    let bytes = index.bytes.as_ref().as_ref();
    for s in &index.toc.sections {
        if index.section(s.kind, s.owner).checked().is_err() {
            v.damage.push(format!("the section `{}` ({}) does not match its checksum", s.kind.name(), s.owner));
        }
    }
    let hash = blake3::hash(bytes.get(HEADER_LENGTH..).unwrap_or(&[]));
    if hash.as_bytes() != &index.toc.fingerprint {
        v.damage.push("the file does not match its fingerprint".into());
    }
    // What the sections say of each other is worth asking only of bytes that are the ones written: then it tells a fault of the compiler.
    if !v.damage.is_empty() {
        return v;
    }
    for system in index.systems() {
        v.concepts += u64::from(system.len());
        let mut faults = Faults { of: system.alias().to_owned(), found: Vec::new() };
        system_faults(system, system.part(), &mut faults);
        v.damage.append(&mut faults.found);
    }
    for map in index.maps() {
        v.rows += map.len() as u64;
        let mut faults = Faults { of: format!("{}|{}", map.id(), map.version()), found: Vec::new() };
        map_faults(map, &index.maps[usize::from(map.ordinal())], &mut faults);
        v.damage.append(&mut faults.found);
    }
    v
}

struct Faults {
    of: String,
    found: Vec<String>,
}

impl Faults {
    fn unless(&mut self, right: bool, what: impl FnOnce() -> String) {
        if !right && self.found.len() < MOST {
            self.found.push(format!("{}: {}", self.of, what()));
        }
    }
}

fn system_faults(system: CodeSystem<'_>, part: &SystemPart, faults: &mut Faults) {
    let n = part.count;
    let mut keys = part.codes.stream();
    let mut expected = 0u64;
    while let Some((key, ordinal)) = keys.next() {
        let key = String::from_utf8_lossy(key);
        faults.unless(ordinal == expected, || format!("the key {key} has ordinal {ordinal}, its place is {expected}"));
        faults.unless(part.code(expected as u32) == part.meta.form.code(&key), || format!("the key {key} has no printed code"));
        let slot = slots::of_key(&key).map_or(Found::NotHere, |number| part.find(number));
        faults.unless(matches!(slot, Found::NotHere) || slot == Found::Ordinal(expected as u32), || {
            format!("the key {key} is at another place among the slots: {slot:?}")
        });
        expected += 1;
    }
    let mut occupied: Vec<u32> = part.slots.as_slice().iter().map(|o| o.get()).filter(|&o| o != NONE).collect();
    occupied.sort_unstable();
    faults.unless(occupied.windows(2).all(|w| w[0] < w[1]), || "a code has two slots".into());
    let concepts = part.concepts.as_slice();
    faults.unless(concepts.len() == n as usize + 1, || "a concept is missing".into());
    let lists = part.validities.offsets.as_slice().len().saturating_sub(1) as u32;
    faults.unless(concepts.iter().take(n as usize).all(|c| c.validity.get() < lists), || {
        "a concept names a validity that is not there".into()
    });
    let records = part.validities.records.as_slice();
    faults.unless(monotone(&part.validities, lists), || "the validity offsets are out of order".into());
    faults.unless(records.iter().all(|r| r.to.get() == 0 || r.from.get() <= r.to.get()), || "a validity ends before it begins".into());
    for (name, right) in [
        ("designation", concepts.is_sorted_by_key(|c| c.designations.get())),
        ("text", concepts.is_sorted_by_key(|c| c.text.get())),
        ("parent", monotone(&part.parents, n)),
        ("child", monotone(&part.children, n)),
        ("ancestor", monotone(&part.ancestors, n)),
        ("note", monotone(&part.notes, n)),
    ] {
        faults.unless(right, || format!("the {name} offsets are out of order"));
    }
    for ordinal in 0..n {
        let Some(concept) = system.at(ordinal) else { continue };
        let statements = part.concept(ordinal).map_or(&[][..], |c| part.validities.get(c.validity.get()));
        let now = Now::of(statements, date_number(system.coverage().1));
        faults.unless(concept.now() == now, || format!("{} is {now:?} by its validity, not {:?}", concept.code(), concept.now()));
        let first = concept.designations().next().map(|d| d.text);
        faults.unless(concept.display() == first, || format!("the display of {} is not its first designation", concept.code()));
        for parent in part.parents.get(ordinal) {
            let mirrored = part.children.get(parent.get()).iter().any(|c| c.get() == ordinal);
            faults.unless(mirrored, || format!("{} is not a child of its parent", concept.code()));
        }
        for child in part.children.get(ordinal) {
            let mirrored = part.parents.get(child.get()).iter().any(|p| p.get() == ordinal);
            faults.unless(mirrored, || format!("{} is not a parent of its child", concept.code()));
        }
        let ancestors = part.ancestors.get(ordinal);
        faults.unless(ancestors.is_sorted_by(|a, b| a.get() < b.get()), || format!("the ancestors of {} are out of order", concept.code()));
        let has = |o: u32| ancestors.binary_search_by_key(&o, |a| a.get()).is_ok();
        // Exactly the parents and the parents' ancestors: by induction over the hierarchy, exactly the closure.
        let closed = part.parents.get(ordinal).iter().all(|p| has(p.get()) && part.ancestors.get(p.get()).iter().all(|a| has(a.get())));
        let grounded = ancestors.iter().all(|a| {
            part.parents
                .get(ordinal)
                .iter()
                .any(|p| p.get() == a.get() || part.ancestors.get(p.get()).binary_search_by_key(&a.get(), |x| x.get()).is_ok())
        });
        faults.unless(closed && grounded && !has(ordinal), || format!("the ancestors of {} are not those of its parents", concept.code()));
    }
}

fn map_faults(map: ConceptMap<'_>, part: &MapPart, faults: &mut Faults) {
    let (sources, targets) = (map.source().len(), map.target().len());
    let rows = part.rows.as_slice();
    let in_order = match map.kind() {
        MapKind::Rules => rows.is_sorted_by_key(|r| (r.source.get(), turn(part.programs.as_ref(), r))),
        MapKind::Gem => rows.is_sorted_by_key(|r| (r.source.get(), r.line.get())),
        // As in the file, or by their places where the order of a file means nothing (RF2).
        MapKind::Table | MapKind::Succession => {
            rows.is_sorted_by_key(|r| (r.source.get(), r.line.get()))
                || rows.is_sorted_by_key(|r| (r.source.get(), r.scenario.get(), r.group.get(), r.priority.get(), r.target.get()))
        }
    };
    faults.unless(in_order, || "the rows are out of order".into());
    let offsets = part.source_offsets.as_slice();
    faults.unless(offsets.len() == sources as usize + 1, || "the offsets by source are not as many as the sources".into());
    let mut by_target = 0;
    for (at, row) in rows.iter().enumerate() {
        let source = row.source.get();
        let of_source = offsets.get(source as usize..source as usize + 2).is_some_and(|o| (o[0].get()..o[1].get()).contains(&(at as u32)));
        faults.unless(of_source, || format!("line {} is not among the rows of its source", row.line));
        let target = row.target.get();
        if target == NONE {
            continue;
        }
        by_target += 1;
        faults.unless(target < targets, || format!("line {} has a target that is not there", row.line));
        let of_target = part.by_target.get(target).iter().any(|r| r.get() as usize == at);
        faults.unless(of_target, || format!("line {} is not among the rows of its target", row.line));
    }
    for row in map.rows() {
        let rule = row.detail().rule;
        let right = match row.program() {
            None => rule.is_empty(),
            Some(program) => Rule::parse(rule).map_or(program.is_empty(), |rule| rule.program() == program),
        };
        faults.unless(right, || format!("line {} has another rule than its text says", row.line()));
    }
    faults.unless(part.by_target.records.as_slice().len() == by_target, || "the rows by target are not as many as the rows".into());
    faults.unless(monotone(&part.by_target, targets), || "the offsets by target are out of order".into());
}

/// Whether there is a list for each of `n` items, one behind the other, and none left over. No section at all: no lists.
fn monotone<T: FromBytes + Immutable + KnownLayout + Unaligned>(lists: &Lists<T>, n: u32) -> bool {
    let offsets: &Column<U32> = &lists.offsets;
    match offsets.as_slice() {
        [] => lists.records.as_slice().is_empty(),
        all => {
            all.len() == n as usize + 1
                && all[0].get() == 0
                && all.is_sorted_by_key(|o| o.get())
                && all[n as usize].get() as usize == lists.records.as_slice().len()
        }
    }
}
