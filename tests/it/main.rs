//! The integration tests: one binary, one module per room.

mod cache;
mod cli;
mod convert;
mod exchange;
mod findings;
mod gems;
mod generated;
mod golden;
mod held;
#[cfg(feature = "serve")]
mod http;
#[cfg(feature = "serve")]
mod http_convert;
#[cfg(feature = "serve")]
mod http_fhir;
#[cfg(feature = "serve")]
mod http_golden;
#[cfg(feature = "serve")]
mod http_program;
#[cfg(feature = "serve")]
mod http_safety;
mod index;
mod kit;
mod maps;
mod profile;
mod published;
mod readers;
mod repairs;
mod review;
mod search;
mod snomed;
mod targets;
mod tidy;
mod validity;
#[cfg(feature = "serve")]
mod workbench;
#[cfg(feature = "serve")]
mod workbench_disk;
#[cfg(feature = "serve")]
mod workbench_words;
