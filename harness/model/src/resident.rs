//! How far resident bytes may rise beyond what the heap explains: the rule by which memory that no Rust code allocated is judged, in
//! `compare` and in words (`remark`).

use crate::Spread;

/// Resident bytes by which a process differs from its heap for reasons of its own: pages of code that were touched for the first
/// time, an allocator's arenas. A process without any workload has about 2.5 MiB.
pub(crate) const NOISE: u64 = 4 << 20;
/// A heap of many sizes has been seen to take 6 to 25 % more resident bytes than were requested.
const FRAGMENTATION_DIVISOR: i64 = 4;

/// How far resident bytes may rise above the accepted median, in bytes: to what the heap has at its peak now, with its
/// fragmentation, what was accepted outside of the heap, and `noise`. They may fall as far as they like: what an allocator gives
/// back is its own affair.
pub(crate) fn allowed(noise: u64, accepted: &Spread, accepted_peak: i64, peak: i64) -> u64 {
    let outside = accepted.median.saturating_sub(accepted_peak).max(0);
    let noise = i64::try_from(noise.saturating_add(accepted.width())).unwrap_or(i64::MAX);
    let most = peak.saturating_add(peak / FRAGMENTATION_DIVISOR).saturating_add(outside).saturating_add(noise);
    u64::try_from(most.saturating_sub(accepted.median)).unwrap_or(0)
}
