//! A limit on live bytes, and what happens when an allocation passes it. What is said then is the caller's.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::engine::{self, EngineError};
use crate::thread::{LEDGER, with_slot};

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

static REPORTED: AtomicBool = AtomicBool::new(false);
static REPORT: OnceLock<fn(Exceeded) -> !> = OnceLock::new();

/// Limits the bytes live in the whole process. The first allocation that passes the limit calls `report` on its own thread, which
/// must end the process; it may allocate, since the limit is lifted by then. Other threads that pass it meanwhile wait for the
/// end.
///
/// Exact to the byte while the thread that sets it is the only active one. With more, each other thread may have passed it
/// unseen by at most twice its leeway, which is 1/1024 of the peak so far divided by the number of threads, and from 4 KiB to
/// 1 MiB; an allocation larger than that never passes unseen. See the [crate's documentation](crate).
///
/// # Errors
/// When another [`Engine`](crate::Engine) than this crate's own counts: it does not look at a limit.
///
/// # Panics
/// When a limit was set before: there is one `report` a process.
pub fn set_limit(limit: u64, report: fn(Exceeded) -> !) -> Result<(), EngineError> {
    if !engine::has_ledger() {
        return Err(EngineError::NoLimit(engine::chosen()));
    }
    assert!(REPORT.set(report).is_ok(), "the limit can be set once in a process");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    with_slot(|slot| LEDGER.limit(slot, limit));
    Ok(())
}

/// Lifts the limit: from here on nothing passes it.
pub fn lift_limit() {
    LEDGER.lift_limit();
}

/// The inner allocator had no memory for `requested` bytes: with a limit that these would have passed, that is the limit's doing
/// in all but name.
#[cold]
pub(crate) fn check_refused(requested: usize) {
    let requested = i64::try_from(requested).unwrap_or(i64::MAX);
    let live = LEDGER.live().saturating_add(requested);
    if LEDGER.limit_is_passed_by(live) {
        passed(live, requested);
    }
}

/// `live` bytes, `requested` more than before, are above the limit.
#[cold]
#[inline(never)]
pub(crate) fn passed(live: i64, requested: i64) {
    let limit = LEDGER.lift_limit();
    if limit != i64::MAX && !REPORTED.swap(true, Relaxed) {
        let report = REPORT.get().expect("a limit is set after its report");
        report(Exceeded {
            live: live.saturating_sub(requested).max(0).cast_unsigned(),
            requested: requested.max(0).cast_unsigned(),
            limit: limit.cast_unsigned(),
        });
    }
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}
