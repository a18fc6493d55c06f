//! What was run: the part of a scenario that its numbers depend on by intent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What was run. Measurements whose workloads differ are incomparable, not regressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Iterations inside the window.
    pub iterations: u64,
    /// What runs the workload's code.
    pub runtime: Runtime,
    /// The identity of each service by name: a digest of recorded inputs, scale and injected faults.
    pub services: BTreeMap<String, String>,
    /// Iterations before the window opens.
    pub warm_up: u64,
}

/// What runs the workload's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// The child's main thread, no async runtime.
    Sync,
    /// A tokio runtime on the child's main thread alone: the same order of events in every run.
    CurrentThread,
    /// A tokio runtime with this many workers.
    MultiThread(usize),
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sync => f.write_str("sync"),
            Self::CurrentThread => f.write_str("current-thread"),
            Self::MultiThread(workers) => write!(f, "{workers} workers"),
        }
    }
}
