//! Call sites for other tools and for the eye: folded stacks, flamegraphs, pprof files, and what `explain` prints. What a site is, and which of them moved, is
//! `highwater-profile`'s.

mod explained;
mod flamegraph;
mod folded;
mod pprof;

#[cfg(test)]
mod example;

pub use explained::{Explained, ProfileFile, profile_report};
pub use flamegraph::{FlamegraphError, differential_flamegraph, flamegraph};
pub use folded::{differential_folded, folded};
pub use pprof::write_pprof;
