//! Record formats, one a file; they never see each other.

pub(super) mod delimited;
pub(super) mod ndjson;
