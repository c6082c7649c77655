//! The chapters of ICD-9-CM and ICD-10-CM under common names, so that before and after stand side by side.

use super::ChapterPart;
use crate::job::convert::Run;

/// In the order of ICD-10-CM.
const CHAPTERS: [&str; 21] = [
    "Infections",
    "Neoplasms",
    "Blood and immunity",
    "Endocrine, nutrition, metabolism",
    "Mental and behavioural",
    "Nervous system, eye and ear",
    "Circulation",
    "Respiration",
    "Digestion",
    "Skin",
    "Muscles and bones",
    "Kidneys, urinary and genital organs",
    "Pregnancy and birth",
    "Newborn",
    "Congenital",
    "Symptoms and findings",
    "Injury and poisoning",
    "External causes",
    "Contact with health services",
    "Special purposes",
    "Other",
];

/// The place in [`CHAPTERS`] of a code as its system prints it.
fn chapter(system: &str, code: &str) -> usize {
    let b = code.as_bytes();
    let digit = |i: usize| b.get(i).copied().unwrap_or(b'0');
    match (system, b.first()) {
        ("icd9cm", Some(b'E')) => 17,
        ("icd9cm", Some(b'V')) => 18,
        ("icd9cm", _) => match code.get(..3).and_then(|c| c.parse::<u16>().ok()) {
            Some(1..=139) => 0,
            Some(140..=239) => 1,
            Some(240..=279) => 3,
            Some(280..=289) => 2,
            Some(290..=319) => 4,
            Some(320..=389) => 5,
            Some(390..=459) => 6,
            Some(460..=519) => 7,
            Some(520..=579) => 8,
            Some(580..=629) => 11,
            Some(630..=679) => 12,
            Some(680..=709) => 9,
            Some(710..=739) => 10,
            Some(740..=759) => 14,
            Some(760..=779) => 13,
            Some(780..=799) => 15,
            Some(800..=999) => 16,
            _ => 20,
        },
        ("icd10cm" | "icd10", Some(letter)) => match letter {
            b'A' | b'B' => 0,
            b'C' => 1,
            b'D' if digit(1) < b'5' => 1,
            b'D' => 2,
            b'E' => 3,
            b'F' => 4,
            b'G' | b'H' => 5,
            b'I' => 6,
            b'J' => 7,
            b'K' => 8,
            b'L' => 9,
            b'M' => 10,
            b'N' => 11,
            b'O' => 12,
            b'P' => 13,
            b'Q' => 14,
            b'R' => 15,
            b'S' | b'T' => 16,
            b'V'..=b'Y' => 17,
            b'Z' => 18,
            b'U' => 19,
            _ => 20,
        },
        _ => 20,
    }
}

/// Codes of each chapter before, and target codes after. Empty where neither side has chapters.
pub(super) fn count(run: &Run) -> Vec<ChapterPart> {
    let has_chapters = |s: &str| matches!(s, "icd9cm" | "icd10cm" | "icd10");
    let mut counts = [(0u64, 0u64); CHAPTERS.len()];
    for t in run.ledger.tallies.iter().filter(|t| t.count > 0) {
        if t.known && has_chapters(&t.system) {
            counts[chapter(&t.system, &t.code)].0 += t.count;
        }
        // Words are no code, and are given codes.
        if has_chapters(&t.to) {
            t.target.split(' ').filter(|c| !c.is_empty()).for_each(|c| counts[chapter(&t.to, c)].1 += t.count);
        }
    }
    let parts = CHAPTERS.iter().zip(counts).filter(|(_, (before, after))| before + after > 0);
    parts.map(|(chapter, (before, after))| ChapterPart { chapter: (*chapter).to_owned(), before, after }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_find_their_chapters() {
        for (system, code, name) in [
            ("icd9cm", "250.00", "Endocrine, nutrition, metabolism"),
            ("icd9cm", "001.0", "Infections"),
            ("icd9cm", "V58.61", "Contact with health services"),
            ("icd9cm", "E880.9", "External causes"),
            ("icd10cm", "D49.9", "Neoplasms"),
            ("icd10cm", "D50.0", "Blood and immunity"),
            ("icd10cm", "I10", "Circulation"),
            ("icd10cm", "W19.XXXA", "External causes"),
            ("icd10cm", "U07.1", "Special purposes"),
            ("snomed", "38341003", "Other"),
        ] {
            assert_eq!(CHAPTERS[chapter(system, code)], name, "{code}");
        }
    }
}
