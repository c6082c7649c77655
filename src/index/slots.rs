//! Where a whole key stands among those of its system, in one step.
//!
//! The automaton of the codes answers everything that is asked about keys: order, prefixes, neighbours. But a walk of seven to eighteen
//! states, each somewhere else in memory, costs a hot `lookup` more than all the rest of its answer. So keys that fit into 64 bits
//! (every ICD, CPT and HCPCS code, every SCTID) also stand in a table of slots, each with the key itself, so that a hit is a proof. A key
//! that is too long, or that found no slot near its own, is looked for in the automaton.

use super::format::NONE;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A key as a number, and the ordinal of its concept; [`NONE`]: an empty slot.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, Clone, Copy)]
#[repr(C)]
pub(super) struct Slot {
    key: U64,
    ordinal: U32,
}

impl Slot {
    pub fn ordinal(&self) -> u32 {
        self.ordinal.get()
    }
}

/// A quarter of the slots stays empty; so far from its own slot hardly any key ends up.
const REACH: usize = 32;

/// What the table knows of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Ordinal(u32),
    /// The system has no such key.
    Nothing,
    /// Ask the automaton.
    NotHere,
}

/// The slots of a system's keys, which come in the order of their ordinals.
pub(super) fn lay(keys: &[String]) -> Vec<Slot> {
    let empty = Slot { key: U64::ZERO, ordinal: U32::new(NONE) };
    let mut slots = vec![empty; keys.len() + keys.len() / 3 + 1];
    for (ordinal, key) in keys.iter().enumerate() {
        let Some(number) = number(key) else { continue };
        if let Some(at) = places(number, slots.len()).find(|&at| slots[at].ordinal.get() == NONE) {
            slots[at] = Slot { key: U64::new(number), ordinal: U32::new(ordinal as u32) };
        }
    }
    slots
}

pub(super) fn find(slots: &[Slot], key: &str) -> Found {
    let Some(number) = number(key) else { return Found::NotHere };
    for at in places(number, slots.len()) {
        match slots[at] {
            slot if slot.ordinal.get() == NONE => return Found::Nothing,
            slot if slot.key.get() == number => return Found::Ordinal(slot.ordinal.get()),
            _ => {}
        }
    }
    Found::NotHere
}

/// The slots that a key may stand in, its own first.
fn places(number: u64, slots: usize) -> impl Iterator<Item = usize> {
    let product = u128::from(number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    let hash = (product as u64) ^ (product >> 64) as u64;
    let own = ((u128::from(hash) * slots as u128) >> 64) as usize;
    (0..REACH.min(slots)).map(move |step| if own + step < slots { own + step } else { own + step - slots })
}

/// A key as a number, different for different keys; `None` for those that are too long.
///
/// Up to eight ASCII characters are their bytes; ten to eighteen digits are their value, told apart by the highest bit, which no ASCII
/// character has.
fn number(key: &str) -> Option<u64> {
    let bytes = key.as_bytes();
    match bytes {
        [] => None,
        [b'1'..=b'9', ..] if (9..=18).contains(&bytes.len()) => {
            let digits = bytes.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))?;
            Some(digits | 1 << 63)
        }
        _ if bytes.len() <= 8 && bytes.iter().all(|b| b.is_ascii() && *b != 0) => {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            Some(u64::from_le_bytes(eight))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_key_is_found_or_left_to_the_automaton(mut keys in prop::collection::vec("[0-9A-Z]{1,9}|[1-9][0-9]{5,17}|\\PC{0,9}", 0..300)) {
            keys.sort();
            keys.dedup();
            let slots = lay(&keys);
            for (ordinal, key) in keys.iter().enumerate() {
                let found = find(&slots, key);
                prop_assert!(found == Found::Ordinal(ordinal as u32) || found == Found::NotHere, "{key}: {found:?}");
                let short = !key.is_empty() && key.len() <= 8 && key.is_ascii() && !key.contains('\0');
                prop_assert!(!short || keys.len() > 200 || found != Found::NotHere, "{key} is not in the table");
            }
            for other in ["", "A", "0", "123456789012345678", "1234567890123456789", "\u{fffd}"] {
                if !keys.iter().any(|k| k == other) {
                    prop_assert!(!matches!(find(&slots, other), Found::Ordinal(_)), "{other}");
                }
            }
        }
    }

    #[test]
    fn digits_are_no_letters() {
        assert_ne!(number("123456789"), number("12345678"));
        assert_eq!(number("012345678"), None);
        assert_eq!(number("1234567890123456789"), None);
        assert_ne!(number("A"), number("A0"));
    }
}
