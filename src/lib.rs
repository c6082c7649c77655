#![doc = include_str!("README.md")]

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
