//! The faces: how questions come in and answers go out. They ask the engine and print what it says; they decide nothing, and no face
//! imports another.
//!
//! [`wire`] holds the only types of answers that can be serialised.

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "serve")]
pub mod http;
#[cfg(feature = "serve")]
pub mod web;
pub mod wire;

/// Who did what, as an answer carries it to whoever keeps the audit log.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// Empty: nobody has signed in.
    pub name: String,
    pub operation: &'static str,
}
