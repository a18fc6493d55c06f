//! A limit on live bytes, and what happens when an allocation passes it. What is said then is the caller's.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use crate::counters::COUNTERS;

/// An allocation passed the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Bytes live in the process without that allocation.
    pub live: u64,
    /// Bytes by which it would have grown.
    pub requested: u64,
    /// The limit, as it was set.
    pub limit: u64,
}

/// Bytes live in the process above which an allocation ends it; `i64::MAX` is none.
static LIMIT: AtomicI64 = AtomicI64::new(i64::MAX);
static REPORTED: AtomicBool = AtomicBool::new(false);
static REPORT: OnceLock<fn(Exceeded) -> !> = OnceLock::new();

/// Limits the bytes live in the whole process. The first allocation that passes the limit calls `report` on its own thread, which
/// must end the process; it may allocate, since the limit is lifted by then. Other threads that pass it meanwhile wait for the
/// end.
///
/// # Panics
/// When a limit was set before: there is one `report` a process.
pub fn set_limit(limit: u64, report: fn(Exceeded) -> !) {
    assert!(REPORT.set(report).is_ok(), "the limit can be set once in a process");
    // Release: whoever sees the limit sees the report.
    LIMIT.store(i64::try_from(limit).unwrap_or(i64::MAX), Release);
}

/// Lifts the limit: from here on nothing passes it.
pub fn lift_limit() {
    LIMIT.store(i64::MAX, Relaxed);
}

/// Ends the process when `live`, the bytes live with `requested` more than before, is above the limit.
#[inline]
pub(crate) fn check(live: i64, requested: usize) {
    if live > LIMIT.load(Relaxed) {
        exceeded(live, requested);
    }
}

/// The inner allocator had no memory for `requested` bytes: with a limit that these would have passed, that is the limit's doing
/// in all but name.
#[cold]
pub(crate) fn check_refused(requested: usize) {
    check(COUNTERS.live_bytes().saturating_add(i64::try_from(requested).unwrap_or(i64::MAX)), requested);
}

#[cold]
#[inline(never)]
fn exceeded(live: i64, requested: usize) {
    let limit = LIMIT.swap(i64::MAX, Acquire);
    if limit != i64::MAX && !REPORTED.swap(true, Relaxed) {
        let report = REPORT.get().expect("a limit is set after its report");
        report(Exceeded {
            live: (live - requested as i64).max(0).cast_unsigned(),
            requested: requested as u64,
            limit: limit.cast_unsigned(),
        });
    }
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}
