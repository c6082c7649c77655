//! Words with a part of their own in titles: what is left open, whose it is, which visit, which course.

use crate::index::terms::Terms;

/// Words with a part of their own in titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    Plain = 0,
    Unspecified,
    Other,
    Specified,
    Initial,
    Subsequent,
    Sequela,
    Encounter,
    Right,
    Left,
    Bilateral,
    With,
    Without,
    Number,
}

/// The words of each class; numbers aside.
const SPECIAL: [(&str, Class); 21] = [
    ("unspecified", Class::Unspecified),
    ("other", Class::Other),
    ("specified", Class::Specified),
    ("elsewhere", Class::Specified),
    ("classified", Class::Specified),
    ("initial", Class::Initial),
    ("init", Class::Initial),
    ("subsequent", Class::Subsequent),
    ("subs", Class::Subsequent),
    ("sequela", Class::Sequela),
    ("encounter", Class::Encounter),
    ("encntr", Class::Encounter),
    ("right", Class::Right),
    ("r", Class::Right),
    ("left", Class::Left),
    ("l", Class::Left),
    ("bilateral", Class::Bilateral),
    ("with", Class::With),
    ("without", Class::Without),
    ("not", Class::Without),
    ("no", Class::Without),
];

/// What narrows a title to some patients, some visits, some courses, some histories. Who means that says it.
#[rustfmt::skip]
const CIRCUMSTANCES: [&[&str]; 6] = [
    &["newborn", "neonatal", "perinatal", "fetal", "fetus", "birth", "infant", "infantile", "juvenile", "congenital"],
    &[
        "pregnancy", "pregnant", "childbirth", "puerperium", "puerperal", "trimester", "obstetric", "obstetrical", "maternal", "postpartum",
        "antepartum", "gestational", "labor", "delivery",
    ],
    &[
        "screening", "history", "observation", "exposure", "contact", "counseling", "carrier", "examination", "aftercare", "status", "donor",
        "vaccination", "immunization", "prophylactic",
    ],
    &["chronic", "recurrent", "pathological", "premature", "habitual", "stress"],
    &["family"],
    // What titles say and nobody else: a history is personal, a fracture closed and its healing routine unless another is named
    // (ICD-10-CM Official Guidelines, I.C.19.c). Every ICD-10-PCS title ends in an approach.
    &["personal", "closed", "routine", "healing", "approach"],
];
/// The kind that counts in long questions too: a history is the patient's own.
pub const FAMILY: u8 = 4;
/// The kind that narrows nothing.
pub const MATTER_OF_COURSE: u8 = 5;
pub const NO_CIRCUMSTANCE: u8 = u8::MAX;
/// What share of its weight a word keeps that says what goes without saying.
pub const HARDLY: f32 = 0.3;
/// What share of its weight a word keeps that says what is left open, where little was asked.
pub const LEFT_OPEN: f32 = 0.3;

/// The words with a part of their own, as one vocabulary numbers them.
#[derive(Debug)]
pub struct Special {
    classes: Vec<(u32, Class)>,
    circumstances: Vec<(u32, u8)>,
    /// `classified` and `elsewhere`, one after the other: a manifestation. The other way round they mean what has no code of its own.
    manifestation: Option<(u32, u32)>,
}

impl Special {
    pub fn class(&self, word: u32) -> Option<Class> {
        self.classes.binary_search_by_key(&word, |s| s.0).ok().map(|at| self.classes[at].1)
    }

    pub fn circumstance(&self, word: u32) -> u8 {
        self.circumstances.binary_search_by_key(&word, |s| s.0).map_or(NO_CIRCUMSTANCE, |at| self.circumstances[at].1)
    }

    /// Whether these two words, one after the other, say that the title is only coded behind its cause.
    pub fn is_manifestation(&self, words: (u32, u32)) -> bool {
        self.manifestation == Some(words)
    }

    pub fn of(terms: &Terms<'_>) -> Special {
        let mut classes: Vec<(u32, Class)> = SPECIAL.iter().filter_map(|(word, class)| Some((terms.find(word)?, *class))).collect();
        classes.sort_unstable();
        let words = (0..).zip(CIRCUMSTANCES).flat_map(|(kind, words)| words.iter().map(move |word| (*word, kind)));
        let mut circumstances: Vec<(u32, u8)> = words.filter_map(|(word, kind)| Some((terms.find(word)?, kind))).collect();
        circumstances.sort_unstable();
        Special { classes, circumstances, manifestation: terms.find("classified").zip(terms.find("elsewhere")) }
    }
}

pub fn class(word: &str) -> Class {
    match SPECIAL.iter().find(|s| s.0 == word) {
        Some(special) => special.1,
        None if word.bytes().all(|b| b.is_ascii_digit()) => Class::Number,
        None => Class::Plain,
    }
}

/// Whether a word says what something is, not how it is written down.
pub fn tells(word: &str) -> bool {
    class(word) == Class::Plain
}

/// Reads a text from its beginning and tells of every word whether it is denied: what stands behind `without`, up to the next `with`.
#[derive(Default)]
pub struct Denial(bool);

impl Denial {
    pub fn of(&mut self, word: &str, class: Class) -> bool {
        match class {
            Class::Without => self.0 = true,
            Class::With => self.0 = false,
            _ => {}
        }
        let denied = self.0;
        // `laceration without foreign body of scalp`, or `w/o fb`, is one of the scalp.
        self.0 &= !matches!(word, "body" | "fb");
        denied
    }
}
