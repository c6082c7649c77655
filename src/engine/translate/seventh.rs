//! Targets that leave their last character open: `S02.0XX?`.
//!
//! The SNOMED CT to ICD-10-CM map writes a question mark for a seventh character that depends on the encounter (initial, subsequent,
//! sequela; *Mapping SNOMED CT to ICD-10-CM, Technical Specifications*, "episode of care"), which no concept tells: some 55,000 of its
//! rows. That is no code, and not one target: it stands for the codes with each character there is, and one of them is to be chosen.

use super::super::answer::{Target, TargetState};
use super::scenarios::{Reading, number};
use super::state;
use crate::index::Concept;
use crate::model::{Date, Relationship};

/// Puts the codes that an open target stands for in its place, as options with the origin of its row.
pub(super) fn spell_out(reading: &mut Reading<'_>, date: Option<Date>) {
    let mut open = None;
    for group in reading.scenarios.iter_mut().flat_map(|s| &mut s.groups) {
        if !group.options.iter().any(|o| o.state == TargetState::Unlisted && is_open(o.concept)) {
            continue;
        }
        for option in std::mem::take(&mut group.options) {
            let codes = codes(option.concept, date);
            if codes.is_empty() {
                group.options.push(option);
                continue;
            }
            open.get_or_insert(option.concept.code());
            let relationship = option.relationship.then(Relationship::SourceIsBroaderThanTarget);
            let with_code = |concept| Target { concept, relationship, state: state(concept, None), ..option.clone() };
            group.options.extend(codes.into_iter().map(with_code));
        }
        number(&mut group.options);
    }
    if let Some(open) = open.filter(|_| reading.message.is_empty()) {
        reading.message = format!("{open} leaves its last character open; choose the code that says which").into();
    }
}

fn is_open(concept: Concept<'_>) -> bool {
    concept.code().ends_with('?')
}

/// The codes that an open one stands for: those that may be recorded on a date, else by the newest release; if there is none, all there were.
fn codes<'e>(open: Concept<'e>, date: Option<Date>) -> Vec<Concept<'e>> {
    let Some(stem) = open.code().strip_suffix('?') else { return Vec::new() };
    let mut buffer = [0; 16];
    let stem = open.system().form().key(stem, &mut buffer);
    let as_long = |c: &Concept<'_>| c.is_listed() && c.code().len() == open.code().len();
    let all: Vec<Concept<'e>> = open.system().with_prefix(stem).filter(as_long).collect();
    let valid: Vec<Concept<'e>> = all.iter().copied().filter(|c| c.is_valid_on(date)).collect();
    if valid.is_empty() { all } else { valid }
}

/// What stands for a code, and others like it, in a map that leaves its last character open.
pub(super) fn standing_for<'e>(code: Concept<'e>) -> Option<Concept<'e>> {
    let (last, _) = code.code().char_indices().next_back()?;
    let open = code.system().concept(&format!("{}?", &code.code()[..last]))?;
    (code.is_listed() && !open.is_listed()).then_some(open)
}
