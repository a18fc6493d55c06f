//! The engine `dhat`: that crate's allocator, with a profiler that runs to the end of the process.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use dhat::{HeapStats, Profiler};

use crate::slot::Numbers;

/// Runs to the end of the process, unless a profile is asked for. There is one at a time.
static PROFILER: Mutex<Option<Profiler>> = Mutex::new(None);

pub(crate) fn begin() {
    // Testing mode writes no file at the end.
    replace(|| Profiler::builder().testing().build());
}

/// Begins anew, with a file that is written when it ends.
pub(crate) fn begin_profile(file: &Path) {
    replace(|| Profiler::builder().file_name(file).build());
}

/// Writes the file, and goes on without.
pub(crate) fn end_profile() {
    begin();
}

fn replace(next: impl FnOnce() -> Profiler) {
    let mut profiler = PROFILER.lock().unwrap_or_else(PoisonError::into_inner);
    drop(profiler.take());
    *profiler = Some(next());
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
