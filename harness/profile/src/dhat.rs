//! The heap profiles of the `dhat` crate, whose format others read too: read and written. What the frames mean is left to
//! `normalise`.
//!
//! The format is version 2 of <https://valgrind.org/docs/manual/dh-manual.html>, as dhat 0.3 writes it: program points (`pps`)
//! with numbers and indices into a table of frames (`ftbl`) that comes last.

mod read;
mod write;

pub use read::{DhatError, read_dhat};
pub use write::{DhatAbout, write_dhat};

/// The version that is read and written.
const VERSION: u64 = 2;

/// The mode that is read and written; `rust-ad-hoc` counts events, `heap` and others are Valgrind's.
const MODE: &str = "rust-heap";

/// Stands for the function or file that is not known.
const UNKNOWN: &str = "???";

/// What is above every stack.
pub(crate) const ROOT: &str = "[root]";
