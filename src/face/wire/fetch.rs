//! What `fetch` did with each file.

use serde::Serialize;

/// What became of one file.
#[derive(Clone, Debug, Serialize)]
pub struct FetchAnswer<'a> {
    /// The releases that it holds.
    pub releases: &'a [String],
    pub file: &'a str,
    /// `new`, `already-there`, `not-offered`, `failed`.
    pub result: &'static str,
    pub bytes: Option<u64>,
    pub path: Option<String>,
    pub message: String,
}

/// A release that can be fetched.
#[derive(Clone, Debug, Serialize)]
pub struct FetchableRelease<'a> {
    pub id: &'a str,
    /// The system's alias or the map's id.
    pub of: &'a str,
    pub version: &'a str,
    pub url: Option<&'a str>,
    /// The page that links to it, where its own address changes.
    pub page: Option<&'a str>,
    pub license: Option<&'a str>,
}
