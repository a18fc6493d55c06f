//! Call sites for other tools and for the eye: folded stacks, flamegraphs, pprof files. What a site is, and which of them moved, is
//! `highwater-profile`'s.

mod flamegraph;
mod folded;
mod pprof;

#[cfg(test)]
mod example;

pub use flamegraph::{FlamegraphError, differential_flamegraph, flamegraph};
pub use folded::{differential_folded, folded};
pub use pprof::write_pprof;
