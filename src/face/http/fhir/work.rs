//! What a request may cost: one purse for all of it, all entries of a batch together.
//!
//! A value set is a small program: a few kilobytes of imports and filters can ask for more looks at codes than there are seconds. What is
//! looked at is counted, and where it is too much the answer is `too-costly`.

use super::super::reply::Failure;
use std::sync::atomic::{AtomicU64, Ordering};

/// Looks at a code, by one condition of one part of a set: some seconds of them at worst, on a busy machine.
const MOST: u64 = 10_000_000;
/// Of resolving a value set, in looks.
pub(super) const SET: u64 = 10_000;
/// Of a regular expression, and of a code that a set lists, which is kept as long as the request lasts.
pub(super) const PATTERN: u64 = 100_000;
pub(super) const LISTED: u64 = 20;
/// Of a concept that is written into an expansion, and of a search for words.
pub(super) const WRITTEN: u64 = 500;
pub(super) const SEARCH: u64 = 10_000;
/// Of a coding to translate: what is no code is compared with all that are.
pub(super) const CODING: u64 = 1_000;

#[derive(Default)]
pub(super) struct Work(AtomicU64);

impl Work {
    /// `false`: there is nothing left to spend.
    pub fn spend(&self, looks: u64) -> bool {
        self.0.fetch_add(looks, Ordering::Relaxed) + looks <= MOST
    }

    pub fn check(&self) -> Result<(), Failure> {
        if self.spend(0) { Ok(()) } else { Err(Failure::too_costly("this request asks for too much; ask about parts of it")) }
    }
}
