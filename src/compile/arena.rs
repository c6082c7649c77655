//! Texts side by side in one allocation, and a table that finds each again.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
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
