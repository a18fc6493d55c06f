//! The engine `stats_alloc`: that crate's counters, fed beside the inner allocator.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;
use std::sync::OnceLock;

use stats_alloc::StatsAlloc;

use crate::slot::Numbers;
use crate::thread::LEDGER;

static ENGINE: OnceLock<StatsAllocEngine> = OnceLock::new();

struct StatsAllocEngine {
    counters: StatsAlloc<Nothing>,
    /// What was counted before it was chosen.
    before: Numbers,
}

/// Has no memory. `StatsAlloc` owns what it is over, and the inner allocator is `Alloc`'s; but it counts before it forwards, and
/// does not look at the answer.
pub(crate) struct Nothing;

// SAFETY: an allocator may always answer null, and nothing can be freed that was never made.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
        ptr::null_mut()
    }
}

pub(crate) fn begin() {
    ENGINE.get_or_init(|| StatsAllocEngine { counters: StatsAlloc::new(Nothing), before: LEDGER.numbers() });
}

/// What is to be told of each operation, once this engine was chosen.
pub(crate) fn counters() -> Option<&'static StatsAlloc<Nothing>> {
    ENGINE.get().map(|engine| &engine.counters)
}

/// What was counted, once it was chosen.
pub(crate) fn numbers() -> Option<Numbers> {
    let engine = ENGINE.get()?;
    let stats = engine.counters.stats();
    let difference = |made: usize, freed: usize| made.wrapping_sub(freed).cast_signed() as i64;
    let since = Numbers {
        live_bytes: difference(stats.bytes_allocated, stats.bytes_deallocated),
        live_blocks: difference(stats.allocations, stats.deallocations),
        total_bytes: stats.bytes_allocated as i64,
        total_blocks: stats.allocations as i64,
        reallocs: stats.reallocations as i64,
    };
    Some(engine.before.plus(since))
}
