//! How the measured binary was built and where it ran. Names no host and no time.

use serde::{Deserialize, Serialize};

/// How the measured binary was built. `debug_assertions`, `opt_level`, `profile` and `target` make numbers incomparable when
/// they differ; the rest is shown. The default says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The allocator below the counters, such as `system`.
    pub allocator: String,
    /// Whether debug assertions were compiled in.
    pub debug_assertions: bool,
    /// The start of the SHA-256 of `Cargo.lock`, in hex; `none` where there is no lock file.
    pub lock_digest: String,
    /// The optimisation level, as cargo writes it: `0` to `3`, `s`, `z`.
    pub opt_level: String,
    /// `debug` or `release`, the profile that the build inherits from.
    pub profile: String,
    /// The compiler's version, such as `1.95.0`.
    pub rustc: String,
    /// The target triple.
    pub target: String,
}
