//! The one normaliser: what counts as a word, and which spellings are the same word.
//!
//! Titles when an index is compiled and questions when they are asked go through [`Words`], so both sides meet as equal strings. It knows
//! letters and spelling only; it never guesses. Guesses (typing errors, abbreviations, synonyms) are made by `engine::search`, from the
//! hand-written [`Lexicon`] and from what the loaded releases teach, and are always named in the answer.
//!
//! What it does, in order: compatibility decomposition without accents, lower case, words at everything that is neither letter nor digit;
//! `w/o`, `d/t` and their like; `non-x` and `non x` as `nonx`; possessives; British to American; plurals to singulars; ordinals, number
//! words and Roman numerals to digits; `NOS`, `unsp` to `unspecified`, `NEC`, `oth` to `other`. Words that carry no meaning in a title
//! (`of`, `the`, `due to`) are dropped. `with`, `without`, `no` and `not` stay.

mod lexicon;
mod spelling;
pub mod spreadsheet;
mod stem;
mod words;

pub use lexicon::{Kind, Lexicon, Meaning};
pub use stem::stem;
pub use words::{Word, Words, without_parentheses, without_tag};

/// Written into every index; an engine refuses terms of another version, for its questions would not meet them.
pub const VERSION: u32 = 2;
