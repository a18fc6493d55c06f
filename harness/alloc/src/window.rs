//! The span in which the counters count for a sample, and what they say at its end.

use std::hint::black_box;

use crate::counters::{COUNTERS, Numbers};

/// The span between [`Window::open`] and a [`Window::read`]. There is one at a time in a process: opening a second one forgets
/// the first one's peak.
#[derive(Debug, Clone, Copy)]
#[must_use = "what the window counted is read from it"]
pub struct Window {
    opened: Numbers,
}

/// What was counted in a window, in requested bytes and blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The most bytes live at once, less the bytes live when the window opened: never negative.
    pub peak_bytes: i64,
    /// Bytes live now, less the bytes live when the window opened.
    pub retained_bytes: i64,
    /// Blocks live now, less the blocks live when the window opened.
    pub retained_blocks: i64,
    /// Bytes allocated, freed or not; a reallocation adds what it grew by.
    pub total_bytes: i64,
    /// Blocks allocated, freed or not; a reallocation adds none.
    pub total_blocks: i64,
}

impl Window {
    /// Opens a window: the peak begins anew at what is live.
    pub fn open() -> Self {
        Self { opened: COUNTERS.begin_peak() }
    }

    /// What was counted since it opened. Exact once the threads whose work should be in it have been joined or heard from.
    pub fn read(&self) -> Counts {
        let now = COUNTERS.read();
        Counts {
            peak_bytes: now.peak_bytes - self.opened.live_bytes,
            retained_bytes: now.live_bytes - self.opened.live_bytes,
            retained_blocks: now.live_blocks - self.opened.live_blocks,
            total_bytes: now.total_bytes - self.opened.total_bytes,
            total_blocks: now.total_blocks - self.opened.total_blocks,
        }
    }

    /// Bytes live in the whole process when it opened.
    pub fn live_at_open(&self) -> u64 {
        self.opened.live_bytes.max(0).cast_unsigned()
    }
}

/// Bytes live in the whole process.
pub fn live_bytes() -> u64 {
    COUNTERS.live_bytes().max(0).cast_unsigned()
}

/// The most bytes live at once in the whole process since the last window opened, or since the process began.
pub fn peak_bytes() -> u64 {
    COUNTERS.peak_bytes().max(0).cast_unsigned()
}

/// Whether this crate's [`Alloc`](crate::Alloc) is the process's global allocator: makes a block and looks.
pub fn is_counting() -> bool {
    let before = COUNTERS.read().total_blocks;
    drop(black_box(Box::new(0_u8)));
    COUNTERS.read().total_blocks != before
}
