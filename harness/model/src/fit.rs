//! The smallest limit under which a scenario completes, and what that suggests for a container. Finding it is
//! `cargo-highwater`'s.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Enforcer, Failure};

/// What the search for a scenario's smallest limit came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// The suite's name.
    pub suite: String,
    /// The scenario's name.
    pub scenario: String,
    /// Who enforced the limits, and so what they are limits of.
    pub by: Enforcer,
    /// What was found, or why nothing was.
    pub found: Result<Found, Failure>,
}

/// The smallest limit under which a scenario completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Under this it completed, in each of [`runs`](Self::runs) runs.
    pub fits: Bytes,
    /// Under this it did not, in one run; absent when it completed under all that were tried.
    pub fails: Option<Bytes>,
    /// How often it completed under [`fits`](Self::fits).
    pub runs: u32,
    /// The most requested bytes that were live in the whole process while the iterations ran, without a limit.
    pub heap: Bytes,
    /// The most bytes of the process that were resident while the iterations ran, without a limit; absent where the kernel does not
    /// tell.
    pub resident: Option<Bytes>,
}

impl Found {
    /// What is added to the smallest limit for a container: other input, fragmentation, another kernel.
    pub const HEADROOM_PERCENT: u64 = 25;

    /// A container's memory request: the smallest limit, in whole MiB. A limit of the allocator knows the heap alone, so there what was
    /// resident counts where it is more; under one of the kernel, files that were read give way.
    pub fn suggested_request(&self, by: Enforcer) -> Bytes {
        whole_mib(match by {
            Enforcer::Kernel => self.fits,
            Enforcer::Allocator => self.fits.max(self.resident.unwrap_or_default()),
        })
    }

    /// A container's memory limit: the request with headroom, in whole MiB.
    pub fn suggested_limit(&self, by: Enforcer) -> Bytes {
        let request = self.suggested_request(by).0;
        whole_mib(Bytes(request.saturating_add(request / 100 * Self::HEADROOM_PERCENT)))
    }
}

fn whole_mib(bytes: Bytes) -> Bytes {
    Bytes::mib(bytes.0.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_gets_what_fits_and_a_quarter_more() {
        let found = Found { fits: Bytes(96 << 20), fails: None, runs: 3, heap: Bytes::mib(90), resident: None };
        let by = Enforcer::Kernel;
        assert_eq!((found.suggested_request(by), found.suggested_limit(by)), (Bytes::mib(96), Bytes::mib(120)));
        let odd = Found { fits: Bytes((96 << 20) + 1), ..found };
        assert_eq!(odd.suggested_request(by), Bytes::mib(97));
        let resident = Found { resident: Some(Bytes::mib(140)), ..found };
        assert_eq!(resident.suggested_request(by), Bytes::mib(96));
        assert_eq!(resident.suggested_request(Enforcer::Allocator), Bytes::mib(140));
    }
}
