//! The words of the field as plain values: code systems, concepts, designations, concept maps, relationships, map rules.
//!
//! Layer 0: no input or output, no serialisation, no knowledge of how a release is written or how the index keeps it.
//! The names are those of FHIR, RF2 and CMS; the table in `src/README.md` says which is which.

pub mod concept;
pub mod map;
pub mod relationship;
pub mod rule;
pub mod system;
pub mod version;

pub use concept::{DesignationUse, NoteKind, Status, Validity};
pub use jiff::civil::Date;
pub use map::{GemFlags, MapKind};
pub use relationship::Relationship;
pub use system::{CodeForm, System};
pub use version::compare_versions;
