//! The faces: how questions come in and answers go out. They ask the engine and print what it says; they decide nothing, and no face
//! imports another.
//!
//! [`wire`] holds the only types of answers that can be serialised.

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "serve")]
pub mod http;
pub mod wire;
