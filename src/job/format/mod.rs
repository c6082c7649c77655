//! Record formats, one a file; they never see each other.

#[cfg(feature = "parquet")]
pub(super) mod columnar;
pub(super) mod delimited;
pub(super) mod ndjson;
