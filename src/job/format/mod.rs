//! Record formats, one a file; they never see each other. How each writes what is appended is in `dialect`.

#[cfg(feature = "parquet")]
pub(super) mod columnar;
pub(super) mod delimited;
pub(super) mod dialect;
pub(super) mod ndjson;
