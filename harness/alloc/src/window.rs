//! The span in which the counters count for a sample, and what they say at its end.

use std::hint::black_box;

use crate::slot::Numbers;
use crate::thread::{LEDGER, with_slot};

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
    /// The most bytes live at once, less the bytes live when the window opened: never negative. Exact when
    /// [`peak_slack_bytes`](Self::peak_slack_bytes) is 0, as it is while one thread is active; otherwise never too low.
    pub peak_bytes: i64,
    /// How much too high `peak_bytes` may be: so many bytes less were certainly live at one moment.
    pub peak_slack_bytes: i64,
    /// Bytes live now, less the bytes live when the window opened.
    pub retained_bytes: i64,
    /// Blocks live now, less the blocks live when the window opened.
    pub retained_blocks: i64,
    /// Bytes allocated, freed or not; a reallocation adds what it grew by.
    pub total_bytes: i64,
    /// Blocks allocated, freed or not; a reallocation adds none.
    pub total_blocks: i64,
    /// Reallocations that succeeded, whether they grew or shrank a block.
    pub reallocs: i64,
}

impl Window {
    /// Opens a window: the peak begins anew at what is live.
    pub fn open() -> Self {
        // This stays where counting is off.
        let mut opened = LEDGER.numbers();
        with_slot(|slot| opened = LEDGER.open(slot));
        Self { opened }
    }

    /// What was counted since it opened. Exact (the peak: see [`Counts`]) once the threads whose work should be in it have been
    /// joined or heard from.
    pub fn read(&self) -> Counts {
        let (least, most) = peak();
        let since = LEDGER.numbers().less(self.opened);
        Counts {
            peak_bytes: most - self.opened.live_bytes,
            peak_slack_bytes: most - least,
            retained_bytes: since.live_bytes,
            retained_blocks: since.live_blocks,
            total_bytes: since.total_bytes,
            total_blocks: since.total_blocks,
            reallocs: since.reallocs,
        }
    }

    /// Bytes live in the whole process when it opened.
    pub fn live_at_open(&self) -> u64 {
        self.opened.live_bytes.max(0).cast_unsigned()
    }
}

/// Bytes live in the whole process.
pub fn live_bytes() -> u64 {
    LEDGER.live().max(0).cast_unsigned()
}

/// The most bytes live at once in the whole process since the last window opened, or since the process began: never too low.
pub fn peak_bytes() -> u64 {
    peak().1.max(0).cast_unsigned()
}

/// Bytes that the counting itself holds of the system's allocator, and that nothing counts: 128 for each thread that lived at the
/// same time.
pub fn footprint_bytes() -> u64 {
    LEDGER.footprint() as u64
}

/// Whether this crate's [`Alloc`](crate::Alloc) is the process's global allocator: makes a block and looks.
pub fn is_counting() -> bool {
    let before = LEDGER.numbers().total_blocks;
    drop(black_box(Box::new(0_u8)));
    LEDGER.numbers().total_blocks != before
}

/// The bytes between which the peak lies.
fn peak() -> (i64, i64) {
    // These stay where counting is off.
    let live = LEDGER.live();
    let mut peak = (live, live);
    with_slot(|slot| peak = LEDGER.peak(slot));
    peak
}
