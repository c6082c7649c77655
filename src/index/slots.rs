//! Where a whole key stands among those of its system, in one step.
//!
//! The automaton of the codes answers everything that is asked about keys: order, prefixes, neighbours. But a walk of seven to eighteen
//! states, each somewhere else in memory, costs a hot `lookup` more than all the rest of its answer. So keys that fit into 64 bits
//! (every ICD, CPT and HCPCS code, every SCTID) also have a table of slots, each with the ordinal of a concept, whose record begins with
//! the key itself, so that a hit is a proof.
//!
//! The table is hashed perfectly (hash and displace): keys fall into small buckets, and for each bucket a *pilot* was found when the index
//! was made that sends all its keys to slots of their own. A question reads one pilot and one slot, which are small enough for the nearest
//! caches; nothing is tried twice, and so the processor does not have to wait for one answer before it begins the next.

use super::format::{Column, ConceptRecord, NONE};
use crate::model::CodeForm;
use zerocopy::little_endian::{U16, U32};

/// Keys in a bucket, on average: more make pilots fewer and harder to find.
const BUCKET: usize = 4;
/// The pilot of a bucket for which none was found: its keys are left to the automaton.
const NO_PILOT: u16 = 0;

/// What the table knows of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Ordinal(u32),
    /// The system has no such key.
    Nothing,
    /// Ask the automaton.
    NotHere,
}

/// The pilots and slots of a system's keys, which come in the order of their ordinals.
pub(crate) fn lay(keys: &[String]) -> (Vec<U16>, Vec<U32>) {
    // A fifth of the slots stays empty, so that the last buckets find theirs soon.
    let mut slots = vec![U32::new(NONE); keys.len() + keys.len() / 4 + 1];
    let mut pilots = vec![U16::new(NO_PILOT); keys.len().div_ceil(BUCKET)];
    let mut buckets: Vec<Vec<(u64, u32)>> = vec![Vec::new(); pilots.len()];
    for (ordinal, key) in keys.iter().enumerate() {
        if let Some(number) = of_key(key) {
            buckets[part(hash(number), pilots.len())].push((number, ordinal as u32));
        }
    }
    // The fullest first, while there is room. A stable sort: the same keys give the same table.
    let mut order: Vec<usize> = (0..buckets.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(buckets[at].len()));
    let mut places = Vec::new();
    for at in order {
        let bucket = &buckets[at];
        let fits = |pilot: &u16| {
            places.clear();
            for &(number, _) in bucket {
                let place = place(hash(number), *pilot, slots.len());
                if slots[place].get() != NONE || places.contains(&place) {
                    return false;
                }
                places.push(place);
            }
            true
        };
        // An empty bucket has one too: what falls into it is no key.
        let Some(pilot) = (1..=u16::MAX).find(fits) else { continue };
        pilots[at] = U16::new(pilot);
        for (&place, &(_, ordinal)) in places.iter().zip(bucket) {
            slots[place] = U32::new(ordinal);
        }
    }
    (pilots, slots)
}

/// Finds a number that [`of_key`] or [`of_code`] made.
pub(super) fn find(pilots: &Column<U16>, slots: &Column<U32>, concepts: &Column<ConceptRecord>, number: u64) -> Found {
    let hash = hash(number);
    let Some(pilot) = pilots.get(part(hash, pilots.len())).map(|p| p.get()).filter(|&p| p != NO_PILOT) else { return Found::NotHere };
    let Some(ordinal) = slots.get(place(hash, pilot, slots.len())) else { return Found::Nothing };
    match concepts.get(ordinal.get() as usize) {
        Some(concept) if concept.key.get() == number => Found::Ordinal(ordinal.get()),
        _ => Found::Nothing,
    }
}

fn hash(number: u64) -> u64 {
    let product = u128::from(number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (product as u64) ^ (product >> 64) as u64
}

/// Which of so many parts a hash falls into.
fn part(hash: u64, parts: usize) -> usize {
    ((u128::from(hash) * parts as u128) >> 64) as usize
}

fn place(hash: u64, pilot: u16, slots: usize) -> usize {
    part((hash ^ u64::from(pilot).wrapping_mul(0x9fb2_1c65_1e98_df25)).wrapping_mul(0xa076_1d64_78bd_642f), slots)
}

/// A key as a number, different for different keys; `None` for those that are too long.
///
/// Up to eight ASCII characters are their bytes; nine to eighteen digits are their value, told apart by the highest bit, which no ASCII
/// character has.
pub(super) fn of_key(key: &str) -> Option<u64> {
    let bytes = key.as_bytes();
    match bytes.len() {
        0..=8 => short(bytes),
        9..=18 if bytes[0] != b'0' => {
            let (eights, rest) = bytes.as_chunks::<8>();
            let number = eights.iter().try_fold(0, |number, eight| Some(number * 100_000_000 + eight_digits(*eight)?))?;
            let number = rest.iter().try_fold(number, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))?;
            Some(number | 1 << 63)
        }
        _ => None,
    }
}

/// The value of eight digits: of neighbours two by two, four by four, then of both halves.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(digits);
    let is_digits = word & (0xf0 * EACH) == 0x30 * EACH && (word + 0x06 * EACH) & (0xf0 * EACH) == 0x30 * EACH;
    let ones = word & (0x0f * EACH);
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    is_digits.then(|| (fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// A byte in each place of a word.
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * EACH;

/// Up to eight characters, none of them a zero byte.
fn short(bytes: &[u8]) -> Option<u64> {
    let word = match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // Two halves, which overlap if there are fewer than eight.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (bytes.len() - 4))
        }
        _ => bytes.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b)),
    };
    let used = u64::MAX.checked_shr(64 - 8 * bytes.len() as u32).unwrap_or(0);
    (has_zero(word | !used) | word & HIGH == 0 && !bytes.is_empty()).then_some(word)
}

/// Not zero if a byte of the word is zero.
fn has_zero(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & HIGH
}

/// The number of a code's key, without making the key; and whether the code is as its system prints it, its dot not left out.
///
/// What [`CodeForm::key`] would not read as a code with its dot gives the number of the text as it stands.
pub(super) fn of_code(form: CodeForm, code: &str) -> Option<(u64, bool)> {
    let bytes = code.as_bytes();
    if bytes.len() > 8 {
        // A dot among more than eight characters is left to the key.
        return form.dot_after(bytes[0]).is_none().then(|| of_key(code))?.map(|number| (number, true));
    }
    let word = short(bytes)?;
    let Some(dot) = form.dot_after(bytes[0]) else { return Some((word, true)) };
    if bytes.len() <= dot + 1 || bytes[dot] != b'.' {
        return Some((word, bytes.len() <= dot));
    }
    let before = (1 << (8 * dot)) - 1;
    let key = word & before | word >> 8 & !before;
    let another_dot = has_zero(key ^ (u64::from(b'.') * EACH)) != 0;
    Some(if another_dot { (word, false) } else { (key, true) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zerocopy::FromZeros;
    use zerocopy::little_endian::U64;

    /// A table in memory, as the index has it.
    fn table(keys: &[String]) -> (Column<U16>, Column<U32>, Column<ConceptRecord>) {
        let (pilots, slots) = lay(keys);
        let concepts: Vec<ConceptRecord> =
            keys.iter().map(|key| ConceptRecord { key: U64::new(of_key(key).unwrap_or(0)), ..ConceptRecord::new_zeroed() }).collect();
        (Column::of_records(&pilots), Column::of_records(&slots), Column::of_records(&concepts))
    }

    fn find_key((pilots, slots, concepts): &(Column<U16>, Column<U32>, Column<ConceptRecord>), key: &str) -> Found {
        of_key(key).map_or(Found::NotHere, |number| find(pilots, slots, concepts, number))
    }

    proptest! {
        #[test]
        fn every_key_is_found_or_left_to_the_automaton(mut keys in prop::collection::vec("[0-9A-Z]{1,9}|[1-9][0-9]{5,17}|\\PC{0,9}", 0..300)) {
            keys.sort();
            keys.dedup();
            let table = table(&keys);
            for (ordinal, key) in keys.iter().enumerate() {
                let found = find_key(&table, key);
                let short = !key.is_empty() && key.len() <= 8 && key.is_ascii() && !key.contains('\0');
                prop_assert!(found == Found::Ordinal(ordinal as u32) || (found == Found::NotHere && !short), "{key}: {found:?}");
            }
            for other in ["", "A", "0", "123456789012345678", "1234567890123456789", "\u{fffd}"] {
                if !keys.iter().any(|k| k == other) {
                    prop_assert!(!matches!(find_key(&table, other), Found::Ordinal(_)), "{other}");
                }
            }
        }

        #[test]
        fn a_code_has_the_number_of_its_key(code in "[1-9][0-9]{5,18}|[0-9A-Z]{2,4}[.][0-9A-Z.]{0,4}|[0-9A-Z.]{1,8}|E[0-9]{3}[.]?[0-9]?|\\PC{0,8}") {
            for form in [CodeForm::AsWritten, CodeForm::Icd9Cm, CodeForm::Icd9Proc, CodeForm::Icd10Cm, CodeForm::Icd10Pcs, CodeForm::SctId] {
                let mut buffer = [0; 16];
                let key = form.key(&code, &mut buffer);
                let Some((number, printed)) = of_code(form, &code) else {
                    let may_have_a_dot = matches!(form, CodeForm::Icd9Cm | CodeForm::Icd9Proc | CodeForm::Icd10Cm);
                    prop_assert!((code.len() > 8 && may_have_a_dot) || of_key(&code).is_none());
                    continue;
                };
                prop_assert_eq!(Some(number), of_key(key), "{} {:?}", &code, form);
                prop_assert_eq!(printed, form.is_printed(&code, key), "{} {:?}", &code, form);
            }
        }
    }

    #[test]
    fn digits_have_their_value() {
        for text in ["138875005", "900000000000003001", "1000000000", "99999999999999999"] {
            assert_eq!(of_key(text), Some(text.parse::<u64>().unwrap() | 1 << 63), "{text}");
        }
        for at in 0..16 {
            for byte in 0..=255u8 {
                let mut digits = *b"1234567890123456";
                digits[at] = byte;
                let is_number = std::str::from_utf8(&digits).ok().filter(|d| !d.starts_with('0')).map(of_key);
                assert_eq!(is_number.flatten().is_some(), byte.is_ascii_digit() && (at, byte) != (0, b'0'), "{at} {byte}");
            }
        }
    }

    #[test]
    fn digits_are_no_letters() {
        assert_ne!(of_key("123456789"), of_key("12345678"));
        assert_eq!(of_key("012345678"), None);
        assert_eq!(of_key("1234567890123456789"), None);
        assert_ne!(of_key("A"), of_key("A0"));
        assert_eq!(of_key("A\0"), None);
    }
}
