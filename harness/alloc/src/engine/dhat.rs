//! The engine `dhat`: that crate's allocator, with a profiler that runs to the end of the process.

use dhat::{HeapStats, Profiler};

use crate::slot::Numbers;

pub(crate) fn begin() {
    // Testing mode writes no file at the end.
    std::mem::forget(Profiler::builder().testing().build());
}

/// Its counters. It has none of reallocations.
///
/// # Panics
/// When it was not chosen.
pub(crate) fn numbers() -> Numbers {
    let stats = HeapStats::get();
    Numbers {
        live_bytes: stats.curr_bytes as i64,
        live_blocks: stats.curr_blocks as i64,
        total_bytes: stats.total_bytes as i64,
        total_blocks: stats.total_blocks as i64,
        reallocs: 0,
    }
}

/// The most bytes that were live at once since it was chosen.
///
/// # Panics
/// When it was not chosen.
pub(crate) fn peak_bytes() -> i64 {
    HeapStats::get().max_bytes as i64
}
