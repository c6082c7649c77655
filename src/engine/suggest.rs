//! From what somebody typed to a code: by the system's own spelling, by a repair that is said, or not at all, with what it may have been.
//!
//! Blanks, case and the dot never change which code is meant. Letters for digits and lost or added zeros may, so they are repaired only
//! where exactly one code of the system comes out, and where what was written is no code of another system: `I50.9` among ICD-9-CM codes is
//! heart failure in the wrong column, not the oesophagus (150.9). A dot that was typed counts as evidence: `38.9` has lost a zero (038.9),
//! it is not the heading 389 with a misplaced dot.
//!
//! People also paste a code with what stood around it: `ICD10CM:E11.9`, `73211009 |Diabetes|`. That is taken off, and said, where it can be
//! nothing else.

use super::answer::{Repair, RepairKind, Suggestion, SuggestionKind};
use crate::index::{CodeSystem, Concept};
use crate::model::{CodeForm, Status};
use levenshtein_automata::{Distance, LevenshteinAutomatonBuilder};
use smallvec::SmallVec;
use std::sync::OnceLock;

/// No code of any system is longer; longer texts are not compared with codes.
const LONGEST_CODE: usize = 32;
/// How many nearest codes are offered.
const MOST_NEAREST: usize = 8;
/// No code with its system and its term is longer; the terms of SNOMED CT have at most 255 characters.
const LONGEST_QUOTATION: usize = 512;

/// What a text was understood as.
pub(super) struct Resolved<'i> {
    pub concept: Option<Concept<'i>>,
    pub repairs: Vec<Repair>,
    /// Repairs that were not made: there is more than one, or what was written is a code of another system.
    pub rivals: Vec<Concept<'i>>,
    /// The text without blanks, in the system's case and without its dot: what the nearest codes are near to.
    key: String,
}

impl<'i> From<Concept<'i>> for Resolved<'i> {
    fn from(concept: Concept<'i>) -> Resolved<'i> {
        Resolved { concept: Some(concept), repairs: Vec::new(), rivals: Vec::new(), key: String::new() }
    }
}

/// Finds the code that a text means.
pub(super) fn resolve<'i>(system: CodeSystem<'i>, given: &str) -> Resolved<'i> {
    if let Some((concept, is_printed)) = system.concept_as_given(given) {
        let repairs = if is_printed { Vec::new() } else { dot_left_out(given, concept).into_iter().collect() };
        return Resolved { repairs, ..concept.into() };
    }
    repaired(system, given)
}

/// The one repair of a text that the index itself takes for a code; none of what only a map names and has no dot (`#N/A`).
pub(super) fn dot_left_out(given: &str, concept: Concept<'_>) -> Option<Repair> {
    (concept.code() != given).then(|| repair(RepairKind::Dot, given, concept.code()))
}

#[cold]
fn repaired<'i>(system: CodeSystem<'i>, given: &str) -> Resolved<'i> {
    if let Some((code, _)) = quoted(system, given).filter(|(_, named)| *named == system) {
        let mut found = resolve(system, code);
        if found.concept.is_some() {
            found.repairs.insert(0, repair(RepairKind::Quoted, given, code));
        }
        return found;
    }
    let form = system.form();
    let mut buffer = [0; 16];
    let mut repairs = Vec::new();
    if form == CodeForm::AsWritten {
        let text = given.trim();
        if text != given {
            repairs.push(repair(RepairKind::Blank, given, text));
        }
        return Resolved { concept: system.concept_by_key(text), repairs, rivals: Vec::new(), key: text.to_owned() };
    }
    let mut text = given.to_owned();
    step(&mut repairs, &mut text, RepairKind::Blank, blankless(given));
    let upper = text.to_ascii_uppercase();
    step(&mut repairs, &mut text, RepairKind::Case, upper);
    if text.len() > LONGEST_CODE || !text.is_ascii() {
        return Resolved { concept: None, repairs: Vec::new(), rivals: Vec::new(), key: text };
    }
    let undotted: String = text.chars().filter(|c| *c != '.').collect();
    // `250.00.`: the second dot ends a sentence, and the code is not 250.0 with a zero too many.
    if let Some(concept) = text.strip_suffix('.').filter(|code| code.contains('.')).and_then(|code| system.concept(code)) {
        step(&mut repairs, &mut text, RepairKind::Dot, concept.code().to_owned());
        return Resolved { concept: Some(concept), repairs, rivals: Vec::new(), key: undotted };
    }
    let well_dotted = !text.contains('.') || form.key(&text, &mut buffer) != text;
    if well_dotted && let Some(concept) = system.concept_by_key(&undotted) {
        step(&mut repairs, &mut text, RepairKind::Dot, concept.code().to_owned());
        return Resolved { concept: Some(concept), repairs, rivals: Vec::new(), key: undotted };
    }
    let mut found: SmallVec<[(RepairKind, Concept<'i>); 4]> = SmallVec::new();
    for (kind, key) in variants(form, &text, &undotted) {
        if let Some(concept) = system.concept_by_key(&key)
            && !found.iter().any(|(_, c)| *c == concept)
        {
            found.push((kind, concept));
        }
    }
    // Of codes that lose only padding the longest is meant: 250.000 is 250.00, not 250.0.
    if let Some(longest) = found.iter().filter(|(k, _)| *k == RepairKind::Padding).map(|(_, c)| c.code().len()).max() {
        found.retain(|(k, c)| *k != RepairKind::Padding || c.code().len() == longest);
    }
    match found[..] {
        [(kind, concept)] if !means_another_system(system, given, kind) => {
            repairs.push(repair(kind, &text, concept.code()));
            Resolved { concept: Some(concept), repairs, rivals: Vec::new(), key: undotted }
        }
        _ => Resolved { concept: None, repairs: Vec::new(), rivals: found.into_iter().map(|(_, c)| c).collect(), key: undotted },
    }
}

/// The code in `ICD10CM:E11.9`, `http://snomed.info/sct|73211009` or `73211009 |Diabetes mellitus|` (the grammar of SNOMED CT), and the
/// system it is said to be of. Where the name or the term is itself a code there are two, and nobody knows which one is meant: `I10:E11.9`.
fn quoted<'i, 'g>(system: CodeSystem<'i>, given: &'g str) -> Option<(&'g str, CodeSystem<'i>)> {
    let text = given.trim();
    if text.len() > LONGEST_QUOTATION {
        return None;
    }
    let is_code = |text: &str| system.concept(text).or_else(|| system.concept(&text.to_ascii_uppercase())).is_some();
    let (code, named) = match text.strip_suffix('|') {
        Some(rest) => {
            let (code, term) = rest.split_once('|')?;
            let is_term = term.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().count() > 2) && !term.contains('|');
            (code.trim(), Some(system).filter(|_| is_term && !is_code(term.trim())))
        }
        None => {
            let (name, code) = text.rsplit_once('|').or_else(|| text.split_once(':'))?;
            (code.trim(), system.index().system(name.trim()).filter(|_| !is_code(name.trim())))
        }
    };
    named.filter(|_| !code.is_empty()).map(|named| (code, named))
}

/// Whether what was written is a code of another system, so that a repair of this kind would make another thing of it.
///
/// Zeros are lost and added so often, and short numbers are so dense, that only a code that may be recorded speaks against them: of the
/// 1,064 diagnoses of ICD-9-CM with a zero in front, 317 without it are procedures (10.91 is 010.91 and a procedure), but 212 are merely
/// headings of procedures (38.9 is 038.9).
fn means_another_system(system: CodeSystem<'_>, given: &str, kind: RepairKind) -> bool {
    let zeros = matches!(kind, RepairKind::LeadingZero | RepairKind::TrailingZero | RepairKind::Padding);
    let was_recorded = |c: &Concept<'_>| c.validity().any(|period| period.status == Status::Valid);
    in_other_systems(system, given).iter().any(|c| !zeros || was_recorded(c))
}

/// Notes a repair, unless nothing changes.
fn step(repairs: &mut Vec<Repair>, text: &mut String, kind: RepairKind, new: String) {
    if new != *text {
        repairs.push(repair(kind, text, &new));
        *text = new;
    }
}

fn repair(kind: RepairKind, given: &str, used: &str) -> Repair {
    Repair { kind, given: given.to_owned(), used: used.to_owned() }
}

/// Keys that a misspelt code may stand for, each with the repair that gives it.
fn variants(form: CodeForm, text: &str, undotted: &str) -> Vec<(RepairKind, String)> {
    let mut all = Vec::new();
    letters(undotted, &mut |key| all.push((RepairKind::Letter, key)));
    let digits_before_dot = match form {
        CodeForm::Icd9Cm if undotted.starts_with('E') => 4,
        CodeForm::Icd9Cm | CodeForm::Icd10Cm => 3,
        CodeForm::Icd9Proc => 2,
        _ => 0,
    };
    // A code without a dot that a program took for a number: 25000.0. No system has four digits before a dot, but 250.0 may be a diagnosis.
    let is_number = |whole: &&str| whole.len() > 3 && whole.bytes().all(|b| b.is_ascii_digit());
    all.extend(text.strip_suffix(".0").filter(is_number).map(|whole| (RepairKind::Padding, whole.to_owned())));
    if digits_before_dot == 0 {
        return all;
    }
    let numeric = matches!(form, CodeForm::Icd9Cm | CodeForm::Icd9Proc) && undotted.starts_with(|c: char| c.is_ascii_digit());
    match text.split_once('.') {
        // A dot in another place than the system's is evidence that zeros in front of it were lost or added; only without such zeros is
        // it the dot itself that is misplaced.
        Some((before, after)) if before.len() != digits_before_dot => {
            let after: String = after.chars().filter(|c| *c != '.').collect();
            let significant = before.trim_start_matches('0');
            let zeros_explain = numeric && (before.len() < digits_before_dot || significant.len() <= digits_before_dot);
            if zeros_explain {
                all.push((RepairKind::LeadingZero, format!("{significant:0>digits_before_dot$}{after}")));
            } else {
                all.push((RepairKind::Dot, undotted.to_owned()));
            }
            return all;
        }
        Some(_) => {}
        None if numeric => {
            all.push((RepairKind::LeadingZero, format!("0{undotted}")));
            all.push((RepairKind::LeadingZero, format!("00{undotted}")));
            all.extend(undotted.strip_prefix('0').map(|k| (RepairKind::LeadingZero, k.to_owned())));
            all.extend(undotted.strip_prefix("00").map(|k| (RepairKind::LeadingZero, k.to_owned())));
        }
        None => {}
    }
    all.push((RepairKind::TrailingZero, format!("{undotted}0")));
    all.push((RepairKind::TrailingZero, format!("{undotted}00")));
    // Zeros, or the placeholder, written to fill a column.
    let mut rest = undotted;
    while let Some(shorter) = rest.strip_suffix('0').or_else(|| rest.strip_suffix('X')).filter(|s| s.len() >= digits_before_dot) {
        all.push((RepairKind::Padding, shorter.to_owned()));
        rest = shorter;
    }
    all
}

/// All readings of O as 0, of I and L as 1, and of a leading 0 or 1 as a letter.
fn letters(key: &str, visit: &mut dyn FnMut(String)) {
    let places: SmallVec<[(usize, u8); 8]> = key
        .bytes()
        .enumerate()
        .filter_map(|(i, b)| match b {
            b'O' => Some((i, b'0')),
            b'I' | b'L' => Some((i, b'1')),
            b'1' if i == 0 => Some((i, b'I')),
            b'0' if i == 0 => Some((i, b'O')),
            _ => None,
        })
        .take(6)
        .collect();
    for choice in 1u32..1 << places.len() {
        let mut bytes = key.as_bytes().to_vec();
        for (n, &(i, b)) in places.iter().enumerate() {
            if choice & (1 << n) != 0 {
                bytes[i] = b;
            }
        }
        visit(bytes.into_iter().map(char::from).collect());
    }
}

/// What a text that is no code may have been: rivals of a repair, the same code elsewhere, and the nearest codes.
pub(super) fn suggestions<'i>(system: CodeSystem<'i>, given: &str, found: &Resolved<'i>) -> Vec<Suggestion<'i>> {
    let plain = |concept, kind| Suggestion { concept, kind, distance: 0, effective: None };
    let mut all: Vec<Suggestion<'i>> = found.rivals.iter().map(|&c| plain(c, SuggestionKind::Repair)).collect();
    all.extend(in_other_systems(system, given).into_iter().map(|c| plain(c, SuggestionKind::OtherSystem)));
    for (concept, distance) in nearest(system, &found.key) {
        if !all.iter().any(|s| s.concept == concept) {
            all.push(Suggestion { concept, kind: SuggestionKind::Nearest, distance, effective: None });
        }
    }
    all
}

/// The codes right below a header that may be recorded, or lead further down.
pub(super) fn children<'i>(concept: Concept<'i>, date: Option<crate::model::Date>) -> Vec<Suggestion<'i>> {
    let useful = |c: &Concept<'_>| c.is_valid_on(date) || c.children().next().is_some();
    let plain = |concept| Suggestion { concept, kind: SuggestionKind::Child, distance: 0, effective: None };
    concept.children().filter(useful).map(plain).collect()
}

/// The same code in other systems, by their own spelling: blanks, case, the dot left out and what it was quoted with apart, nothing repaired.
fn in_other_systems<'i>(system: CodeSystem<'i>, given: &str) -> Vec<Concept<'i>> {
    let (given, named) = quoted(system, given).unwrap_or((given, system));
    let text = blankless(given).to_ascii_uppercase();
    let others = system.index().systems().filter(|s| *s != system && (named == system || named == *s));
    others.filter_map(|s| s.concept(&text).or_else(|| s.concept(given.trim()))).filter(Concept::is_listed).collect()
}

/// Names the systems of which a text is a code: `, but one of icd10cm`; nothing if there is none.
pub(super) fn but_one_of(suggestions: &[Suggestion<'_>]) -> String {
    let elsewhere = suggestions.iter().filter(|s| s.kind == SuggestionKind::OtherSystem);
    let systems: Vec<_> = elsewhere.map(|s| s.concept.system().alias()).collect();
    if systems.is_empty() { String::new() } else { format!(", but one of {}", systems.join(", ")) }
}

fn blankless(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{feff}').collect()
}

/// The codes within two edits (a swap of neighbours is one), the nearest first; among equals those that may be recorded, then those that
/// begin alike.
fn nearest<'i>(system: CodeSystem<'i>, key: &str) -> Vec<(Concept<'i>, u8)> {
    if key.is_empty() || key.len() > LONGEST_CODE {
        return Vec::new();
    }
    for distance in 1..=2u8 {
        // At two edits a code of three characters is like any other.
        if distance == 2 && key.len() < 4 {
            break;
        }
        let dfa = builder(distance).build_dfa(key);
        let mut found: Vec<_> = system
            .matching(&dfa)
            .into_iter()
            .filter(|(c, _)| c.is_listed())
            .map(|(concept, state)| {
                let Distance::Exact(d) = dfa.distance(state) else { return (concept, distance) };
                (concept, d)
            })
            .collect();
        if found.is_empty() {
            continue;
        }
        found.sort_by_cached_key(|(c, d)| {
            let printed = c.code().replace('.', "");
            let alike = printed.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
            (*d, c.status() != Some(Status::Valid), std::cmp::Reverse(alike), c.ordinal())
        });
        found.truncate(MOST_NEAREST);
        return found;
    }
    Vec::new()
}

/// Making the tables takes longer than using them.
fn builder(distance: u8) -> &'static LevenshteinAutomatonBuilder {
    static ONE: OnceLock<LevenshteinAutomatonBuilder> = OnceLock::new();
    static TWO: OnceLock<LevenshteinAutomatonBuilder> = OnceLock::new();
    let slot = if distance == 1 { &ONE } else { &TWO };
    slot.get_or_init(|| LevenshteinAutomatonBuilder::new(distance, true))
}
