//! Being built.
pub const VERSION: u32 = 0;
