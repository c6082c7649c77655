#![doc = include_str!("README.md")]
// A module tells its reader where things are, and its reader has the sources.
#![allow(rustdoc::private_intra_doc_links)]

pub mod compile;
pub mod decisions;
pub mod engine;
pub mod face;
pub mod index;
pub mod job;
pub mod model;
pub mod read;
pub mod releases;
pub mod text;
