//! A limit on a run's memory that somebody asks for from outside, and who is to enforce it. The limit that a scenario declares is its
//! own.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Bytes;

/// A limit on the memory of every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Who enforces it, and so what it is a limit of.
    pub by: Enforcer,
    /// How much.
    pub bytes: Bytes,
}

/// Who enforces a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcer {
    /// The kernel, as it does for a container: pages of any kind, of the heap, stacks, C libraries, files that are read. Whoever needs
    /// more is killed.
    Kernel,
    /// The counting allocator, in place of the limit that the scenario declares: requested bytes of the Rust heap, to the byte,
    /// while the iterations run.
    Allocator,
}

impl fmt::Display for Enforcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::Allocator => "allocator",
        })
    }
}
