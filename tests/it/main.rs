//! The integration tests: one binary, one module per room.

mod convert;
mod gems;
mod index;
mod kit;
mod published;
mod readers;
mod search;
mod snomed;
mod validity;
