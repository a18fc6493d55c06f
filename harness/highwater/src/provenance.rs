//! How this binary was built, as far as the build told this crate.

use highwater_model::Provenance;

use crate::place::Place;

/// The target triple that this crate was built for.
pub const TARGET: &str = env!("HIGHWATER_TARGET");

/// How this binary was built. Optimisation and assertions are those of this crate, which a profile's `package` overrides could
/// set apart from the author's.
pub(crate) fn provenance(place: &Place, allocator: &str) -> Provenance {
    Provenance {
        allocator: allocator.to_owned(),
        debug_assertions: cfg!(debug_assertions),
        lock_digest: place.lock_digest(),
        opt_level: env!("HIGHWATER_OPT_LEVEL").to_owned(),
        profile: env!("HIGHWATER_PROFILE").to_owned(),
        rustc: env!("HIGHWATER_RUSTC").to_owned(),
        target: TARGET.to_owned(),
    }
}
