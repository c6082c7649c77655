//! FHIR JSON, R4 and R5: what the terminology operations take and give.
//!
//! Only the few resources that a mapping service speaks, written by hand: Parameters in and out, OperationOutcome, CapabilityStatement,
//! TerminologyCapabilities, and CodeSystem, ConceptMap and ValueSet as far as they are given out. Nothing is decided here: the engine
//! answers, these rooms spell.
//!
//! What the standard has no room for stands in extensions, whose names begin with [`EXTENSION`]:
//!
//! | extension | on | says |
//! |---|---|---|
//! | `outcome` | `$translate` result | the outcome by its own name: `exact`, `choice`, `needs-facts`, `no-map` ... |
//! | `automatic` | `$translate` result | whether the answer may be taken without a person |
//! | `scenario` | `$translate` match | which whole reading of the source the match belongs to, from 1 |
//! | `group`, `option` | `$translate` match | its place, where the combinations of a scenario are too many to be written out as products |
//! | `state` | `$translate` match | `header`, `expired` or `unlisted`: a target that cannot be recorded |
//! | `denied` | `$translate` match | another row, or a reviewer, says that this is not what the source means: never automatic |
//! | `row` | `$translate` match | the line of the release file that says so |
//! | `unmapped`, `decision`, `text` | `$translate` match | where the match comes from, if not from a row |
//! | `rule`, `advice`, `comment` | `$translate` match | what the row says beside its target |

pub mod answers;
pub mod expansion;
pub mod json;
pub mod outcome;
pub mod parameters;
pub mod statements;
pub mod translate;

pub use json::Json;

/// The media type of everything here.
pub const MEDIA_TYPE: &str = "application/fhir+json";

/// What the names of own extensions begin with. A URN: it names, and promises no page.
pub const EXTENSION: &str = "urn:xwalk:fhir:";

/// A version of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    R4,
    R5,
}

impl Version {
    /// `4.0.1`, as in `CapabilityStatement.fhirVersion`.
    pub fn number(self) -> &'static str {
        match self {
            Version::R4 => "4.0.1",
            Version::R5 => "5.0.0",
        }
    }

    /// `r4`, as in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Version::R4 => "r4",
            Version::R5 => "r5",
        }
    }

    pub fn from_name(name: &str) -> Option<Version> {
        [Version::R4, Version::R5].into_iter().find(|v| v.name() == name)
    }
}
