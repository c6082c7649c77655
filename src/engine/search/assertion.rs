//! What a text says of a finding beside its name: that it is not there, that nobody is sure, that it is over, that another has it.
//!
//! Search finds the concept that words name, and `no hypokalemia` names E87.6. Whether the patient has it is another question, the
//! *assertion* of NegEx (Chapman 2001) and ConText (Harkema 2009); and a finding that is only suspected is not coded (ICD-10-CM Official
//! Guidelines, IV.H). So what is taken without a person has to have a title that says as much.
//!
//! Limits: English cues from common knowledge, and no grammar. A cue counts for the whole clause it stands in, and where in doubt a person
//! is asked once too often.

use super::Match;
use crate::index::Concept;
use std::borrow::Cow;

/// How a text speaks of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assertion {
    Denied,
    Doubted,
    Past,
    OfAnother,
}

impl Assertion {
    const ALL: [Assertion; 4] = [Assertion::Denied, Assertion::Doubted, Assertion::Past, Assertion::OfAnother];

    /// Why a person has to look, without a word of the text itself.
    pub fn why(self) -> &'static str {
        match self {
            Assertion::Denied => "the text says that it is not there",
            Assertion::Doubted => "the text says that it is not certain",
            Assertion::Past => "text and title differ in whether it is over",
            Assertion::OfAnother => "text and title differ in whose it is",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// In lower case, `w/o` as `w o`.
const CUES: [(Assertion, &[&str]); 4] = [
    (
        Assertion::Denied,
        &["no", "not", "never", "without", "wo", "w o", "denies", "denied", "deny", "negative", "neg", "ruled out", "unlikely", "free of"],
    ),
    (
        Assertion::Doubted,
        &[
            "?",
            "possible",
            "possibly",
            "probable",
            "probably",
            "suspected",
            "suspect",
            "suspicion",
            "suspicious",
            "questionable",
            "likely",
            "presumed",
            "rule out",
            "r o",
            "versus",
            "vs",
            "maybe",
            "consider",
            "concern for",
            "consistent with",
            "compatible with",
            "cannot exclude",
            "working diagnosis",
        ],
    ),
    (
        Assertion::Past,
        &[
            "history",
            "hx",
            "h o",
            "pmh",
            "phx",
            "former",
            "formerly",
            "previous",
            "previously",
            "prior",
            "past",
            "old",
            "ex",
            "resolved",
            "status post",
            "s p",
        ],
    ),
    (
        Assertion::OfAnother,
        &[
            "family",
            "fh",
            "fhx",
            "f h",
            "mother",
            "father",
            "sister",
            "brother",
            "sibling",
            "grandmother",
            "grandfather",
            "aunt",
            "uncle",
            "cousin",
            "husband",
            "wife",
            "spouse",
        ],
    ),
];

/// How titles say the same in further words.
const IN_TITLES: [(Assertion, &[&str]); 3] = [
    (Assertion::Denied, &["absence", "absent", "lack"]),
    (Assertion::Past, &["status", "presence", "absence", "aftercare", "following", "sequela", "sequelae"]),
    (Assertion::OfAnother, &["maternal"]),
];

/// Cues that are none: how titles write that nothing more is known, and ages.
const PLAIN: [&str; 11] = [
    " not elsewhere ",
    " not otherwise ",
    " not specified ",
    " not stated ",
    " without mention ",
    " year old ",
    " years old ",
    " month old ",
    " months old ",
    " day old ",
    " days old ",
];

/// How charts write that a finding is not there.
const MINUS: [&str; 3] = ["(-)", "[-]", "(\u{2212})"];

/// What keeps a match from being taken without a person: what the text says of it and its titles do not, or what the title that matched says
/// (`Family history of`) and the text does not.
pub fn withheld(text: &str, found: &Match<'_>) -> Option<Assertion> {
    let asked = said(text, &CUES);
    let missing = asked & !(titled(found.concept) | in_title(found.matched));
    let unasked = said(found.matched, &CUES) & (Assertion::Past.bit() | Assertion::OfAnother.bit()) & !asked;
    Assertion::ALL.into_iter().find(|a| (missing | unasked) & a.bit() != 0)
}

/// A text without the clauses that say of their findings what no title of these concepts says. `htn, denies chest pain` is `htn`.
pub fn asserted<'t>(text: &'t str, concepts: &[Concept<'_>]) -> Cow<'t, str> {
    if said(text, &CUES) == 0 {
        return Cow::Borrowed(text);
    }
    let titled = concepts.iter().fold(0, |bits, concept| bits | titled(*concept));
    let kept: Vec<&str> = text.split([',', ';', '.', '\n']).filter(|clause| said(clause, &CUES) & !titled == 0).collect();
    Cow::Owned(kept.join(","))
}

fn titled(concept: Concept<'_>) -> u8 {
    concept.designations().fold(0, |bits, d| bits | in_title(d.text))
}

fn in_title(title: &str) -> u8 {
    said(title, &CUES) | said(title, &IN_TITLES)
}

/// Which assertions a text makes, a bit for each.
fn said(text: &str, cues: &[(Assertion, &[&str])]) -> u8 {
    let words = apart(text);
    let says = |cue: &&str| words.match_indices(*cue).any(|(at, _)| words[..at].ends_with(' ') && words[at + cue.len()..].starts_with(' '));
    cues.iter().filter(|(_, cues)| cues.iter().any(says)).fold(0, |bits, (assertion, _)| bits | assertion.bit())
}

/// The words of a text in lower case, with a blank before and after each. A minus in brackets (`(-) hypertension`) is a word.
fn apart(text: &str) -> String {
    let text = MINUS.iter().fold(Cow::Borrowed(text), |text, minus| match text.contains(minus) {
        true => Cow::Owned(text.replace(minus, " negative ")),
        false => text,
    });
    let mut words = String::from(" ");
    for c in text.chars() {
        if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
            continue;
        }
        if !words.ends_with(' ') {
            words.push(' ');
        }
        if c == '?' {
            words.push_str("? ");
        }
    }
    words.push(' ');
    PLAIN.iter().fold(words, |words, plain| words.replace(plain, " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_words_not_letters() {
        use Assertion::{Denied, Doubted, OfAnother, Past};
        for (text, expected) in [
            ("no hypokalemia", vec![Denied]),
            ("Hypokalemia: NOT present", vec![Denied]),
            ("chest pain w/o MI", vec![Denied]),
            ("COVID-19 ruled out", vec![Denied]),
            ("r/o MI", vec![Doubted]),
            ("?pneumonia", vec![Doubted]),
            ("pneumonia?", vec![Doubted]),
            ("hx of stroke", vec![Past]),
            ("h/o stroke", vec![Past]),
            ("FHx: stroke", vec![OfAnother]),
            ("family history of stroke", vec![Past, OfAnother]),
            ("possible pneumonia, no effusion", vec![Denied, Doubted]),
            ("(-) hypertension", vec![Denied]),
            ("hypertension (-)", vec![Denied]),
            ("hypertension [-], fever", vec![Denied]),
            ("diabetes (type 2) - controlled", vec![]),
            ("", vec![]),
            ("type 2 diabetes mellitus", vec![]),
            ("pain, not elsewhere classified", vec![]),
            ("80 year old with pneumonia", vec![]),
            ("nodule of the notochord in an expert", vec![]),
            ("diabetes without mention of complication", vec![]),
        ] {
            let bits = expected.iter().fold(0, |bits, a: &Assertion| bits | a.bit());
            assert_eq!(said(text, &CUES), bits, "{text}");
        }
    }
}
