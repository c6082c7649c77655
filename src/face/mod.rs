//! The faces: command line and HTTP. They ask the engine and print what it says; they decide nothing, and no face imports another.

#[cfg(feature = "serve")]
pub mod http;
pub mod wire;
