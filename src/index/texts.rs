//! The texts of a system, codes and designations, known to be UTF-8.
//!
//! Bytes are a text only once they have been checked. Checking a title whenever it is read costs more than finding it: each check ends
//! somewhere else, which the processor cannot foresee. So texts are checked a block of concepts at a time, when the first of them is read,
//! and never again. Opening an index looks at none; a process that asks one question checks some 40 kB.

use super::format::{self, Column, ConceptRecord, Section, Text};
use std::sync::OnceLock;

/// Concepts in a block, as a power of two.
const BLOCK: u32 = 8;

pub(super) struct Texts {
    section: Section,
    blocks: Box<[OnceLock<Block>]>,
}

struct Block {
    /// Where in the section it begins.
    start: u32,
    /// `None`: the file is damaged there.
    text: Option<Text>,
}

impl Texts {
    pub fn new(section: Section, concepts: u32) -> Texts {
        Texts { section, blocks: (0..concepts.div_ceil(1 << BLOCK)).map(|_| OnceLock::new()).collect() }
    }

    /// A text of a concept, between two offsets; empty if the file is damaged there.
    pub fn get(&self, concepts: &Column<ConceptRecord>, ordinal: u32, start: u32, end: u32) -> &str {
        let Some(block) = self.blocks.get((ordinal >> BLOCK) as usize) else { return "" };
        let Block { start: first, text } = block.get_or_init(|| self.check(concepts, ordinal >> BLOCK));
        match text {
            Some(text) => text.get().get(start.wrapping_sub(*first) as usize..end.wrapping_sub(*first) as usize).unwrap_or(""),
            None => format::text(&self.section, start, end),
        }
    }

    #[cold]
    fn check(&self, concepts: &Column<ConceptRecord>, block: u32) -> Block {
        // One concept more than there are says where the last one ends.
        let offset = |concept: usize| concepts.get(concept.min(concepts.len().saturating_sub(1))).map_or(0, |c| c.text.get());
        let (start, end) = (offset((block << BLOCK) as usize), offset(((block + 1) << BLOCK) as usize));
        Block { start, text: self.section.text(start as usize..end as usize) }
    }
}
