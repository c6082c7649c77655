//! Texts side by side in one allocation, and a table that finds each again.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use rayon::prelude::*;
use std::hash::BuildHasher;

/// Texts by number, in the order in which they were met.
#[derive(Default)]
pub(super) struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    pub fn get(&self, at: u32) -> &str {
        let at = at as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }
    pub fn push(&mut self, text: &str) -> u32 {
        self.bytes.push_str(text);
        self.ends.push(u32::try_from(self.bytes.len()).expect("four gigabytes of text in one system"));
        (self.ends.len() - 1) as u32
    }

    /// Their numbers, in the order of the texts.
    pub fn sorted(&self) -> Vec<u32> {
        // Most codes are told apart by their first eight bytes, which lie beside the number.
        let beginning = |text: &str| {
            let mut bytes = [0; 8];
            let length = text.len().min(8);
            bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
            u64::from_be_bytes(bytes)
        };
        let mut order: Vec<(u64, u32)> = (0..self.len() as u32).map(|at| (beginning(self.get(at)), at)).collect();
        order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        order.into_iter().map(|(_, at)| at).collect()
    }
}

/// Texts by number, each once.
#[derive(Default)]
pub(super) struct Interned {
    pub texts: Texts,
    table: HashTable<u32>,
}

impl Interned {
    pub fn find(&self, text: &str) -> Option<u32> {
        self.table.find(hash(text), |&at| self.texts.get(at) == text).copied()
    }

    /// The number of a text, new or not.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash_of_text = hash(text);
        if let Some(&at) = self.table.find(hash_of_text, |&at| self.texts.get(at) == text) {
            return at;
        }
        let at = self.texts.push(text);
        self.table.insert_unique(hash_of_text, at, |&at| hash(self.texts.get(at)));
        at
    }
}

/// The seed is fixed: a build must not depend on it, and is easier to follow if it does not vary.
pub(super) fn hash(value: impl std::hash::Hash) -> u64 {
    FixedState::with_seed(0x78_77_61_6c_6b).hash_one(value)
}
