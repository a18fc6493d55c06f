//! The span in which the counters count for a sample, and what they say at its end.

use std::hint::black_box;

use crate::engine::{self, Engine};
use crate::slot::Numbers;
use crate::thread::LEDGER;

/// The span between [`Window::open`] and a [`Window::read`]. There is one at a time in a process: opening a second one forgets
/// the first one's peak.
#[derive(Debug, Clone, Copy)]
#[must_use = "what the window counted is read from it"]
pub struct Window {
    opened: Option<Numbers>,
    /// A peak that may be older than the window.
    older_peak: Option<i64>,
}

/// What was counted in a window, in requested bytes and blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The most that was live at once; none where the [`Engine`](crate::Engine) cannot tell.
    pub peak: Option<Peak>,
    /// Bytes live now, less the bytes live when the window opened.
    pub retained_bytes: i64,
    /// Blocks live now, less the blocks live when the window opened.
    pub retained_blocks: i64,
    /// Bytes allocated, freed or not; a reallocation adds what it grew by.
    pub total_bytes: i64,
    /// Blocks allocated, freed or not; a reallocation adds none.
    pub total_blocks: i64,
    /// Reallocations that succeeded, whether they grew or shrank a block; none where the [`Engine`](crate::Engine) cannot tell.
    pub reallocs: Option<i64>,
}

/// The most that was live at once in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// Bytes, less the bytes live when the window opened: never negative. Exact when [`slack_bytes`](Self::slack_bytes) is 0, as
    /// it is while one thread is active; otherwise never too low.
    pub bytes: i64,
    /// How much too high `bytes` may be: so many bytes less were certainly live at one moment.
    pub slack_bytes: i64,
}

impl Window {
    /// Opens a window: the peak begins anew at what is live.
    pub fn open() -> Self {
        let older_peak = if engine::chosen() == Engine::Dhat { engine::peak().map(|(_, most)| most) } else { None };
        Self { opened: engine::open(), older_peak }
    }

    /// What was counted since it opened; none where nothing counts. Exact (the peak: see [`Peak`]) once the threads whose work
    /// should be in it have been joined or heard from.
    pub fn read(&self) -> Option<Counts> {
        let opened = self.opened?;
        let peak = engine::peak().filter(|(_, most)| self.older_peak.is_none_or(|older| *most > older));
        let since = engine::numbers()?.less(opened);
        Some(Counts {
            peak: peak.map(|(least, most)| Peak { bytes: most - opened.live_bytes, slack_bytes: most - least }),
            retained_bytes: since.live_bytes,
            retained_blocks: since.live_blocks,
            total_bytes: since.total_bytes,
            total_blocks: since.total_blocks,
            reallocs: (engine::chosen() != Engine::Dhat).then_some(since.reallocs),
        })
    }

    /// Bytes live in the whole process when it opened; none where nothing counts.
    pub fn live_at_open(&self) -> Option<u64> {
        self.opened.map(|opened| opened.live_bytes.max(0).cast_unsigned())
    }
}

/// Bytes live in the whole process; none where nothing counts.
pub fn live_bytes() -> Option<u64> {
    engine::live().map(|live| live.max(0).cast_unsigned())
}

/// The most bytes live at once in the whole process since the last window opened, or since the process began: never too low. None
/// where the [`Engine`](crate::Engine) cannot tell; with [`Engine::Dhat`](crate::Engine::Dhat) since that was chosen.
pub fn peak_bytes() -> Option<u64> {
    engine::peak().map(|(_, most)| most.max(0).cast_unsigned())
}

/// Bytes that this crate's own counting holds of the system's allocator, and that nothing counts: 128 for each thread that lived
/// at the same time.
pub fn footprint_bytes() -> u64 {
    LEDGER.footprint() as u64
}

/// Whether this crate's [`Alloc`](crate::Alloc) is the process's global allocator and counts: makes a block and looks.
pub fn is_counting() -> bool {
    let total_blocks = || engine::numbers().map(|numbers| numbers.total_blocks);
    let before = total_blocks();
    drop(black_box(Box::new(0_u8)));
    total_blocks() != before
}
