//! What one thread made and freed by one call stack, and what of it there was at the last peak and at the opening of the window.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::Amount;

/// Written by the thread that owns it alone; every thread may read. All zero is one that has counted nothing.
#[derive(Debug)]
#[repr(C, align(128))] // What is written with each block is in the first of two cache lines.
pub(crate) struct Tally {
    live: Counter,
    total: Counter,
    /// The number of the last peak when it was last touched.
    touched: AtomicU64,

    live_at_peak: Counter,
    live_at_open: Counter,
    total_at_open: Counter,
}

#[derive(Debug)]
struct Counter {
    bytes: AtomicI64,
    blocks: AtomicI64,
}

/// What a tally says of the time since a window opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amounts {
    pub(super) peak: Amount,
    pub(super) retained: Amount,
    pub(super) total: Amount,
}

impl Tally {
    /// To be called before anything is counted. What is still as it was at a peak, or at an opening, is put aside when a later one
    /// has come.
    #[inline]
    pub(super) fn touch(&self, peaks: u64, opening: u64) {
        let touched = self.touched.load(Relaxed);
        if touched != peaks {
            self.put_aside(touched, peaks, opening);
        }
    }

    fn put_aside(&self, touched: u64, peaks: u64, opening: u64) {
        let (live, total) = (self.live.get(), self.total.get());
        self.live_at_peak.set(live);
        if touched < opening {
            self.live_at_open.set(live);
            self.total_at_open.set(total);
        }
        self.touched.store(peaks, Relaxed);
    }

    #[inline]
    pub(super) fn made(&self, size: usize) {
        self.live.add(size as i64, 1);
        self.total.add(size as i64, 1);
    }

    #[inline]
    pub(super) fn freed(&self, size: usize) {
        self.live.add(-(size as i64), -1);
    }

    /// Takes over a block that was resized to this size.
    #[inline]
    pub(super) fn taken(&self, size: usize, grown_by: usize) {
        self.live.add(size as i64, 1);
        self.total.add(grown_by as i64, 0);
    }

    /// What was counted since the opening with this number; the last peak has the number `peaks`.
    pub(super) fn read(&self, peaks: u64, opening: u64) -> Amounts {
        let touched = self.touched.load(Relaxed);
        let (live, total) = (self.live.get(), self.total.get());
        let at_peak = if touched < peaks { live } else { self.live_at_peak.get() };
        let (live_at_open, total_at_open) =
            if touched < opening { (live, total) } else { (self.live_at_open.get(), self.total_at_open.get()) };
        Amounts {
            peak: at_peak.less(live_at_open),
            retained: live.less(live_at_open),
            total: total.less(total_at_open),
        }
    }
}

impl Counter {
    /// Owner-only, so a load and a store do.
    #[inline]
    fn add(&self, bytes: i64, blocks: i64) {
        self.bytes.store(self.bytes.load(Relaxed).wrapping_add(bytes), Relaxed);
        self.blocks.store(self.blocks.load(Relaxed).wrapping_add(blocks), Relaxed);
    }

    fn get(&self) -> Amount {
        Amount { bytes: self.bytes.load(Relaxed), blocks: self.blocks.load(Relaxed) }
    }

    fn set(&self, amount: Amount) {
        self.bytes.store(amount.bytes, Relaxed);
        self.blocks.store(amount.blocks, Relaxed);
    }
}

impl Amounts {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            peak: self.peak.plus(other.peak),
            retained: self.retained.plus(other.retained),
            total: self.total.plus(other.total),
        }
    }
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes.wrapping_add(other.bytes), blocks: self.blocks.wrapping_add(other.blocks) }
    }

    fn less(self, other: Self) -> Self {
        Self { bytes: self.bytes.wrapping_sub(other.bytes), blocks: self.blocks.wrapping_sub(other.blocks) }
    }
}

#[cfg(test)]
#[cfg(not(miri))] // The memory is mapped with flags that it does not know.
mod tests {
    use super::*;
    use crate::zeroed::zeroed;

    fn amounts(peak: (i64, i64), retained: (i64, i64), total: (i64, i64)) -> Amounts {
        let [peak, retained, total] = [peak, retained, total].map(|(bytes, blocks)| Amount { bytes, blocks });
        Amounts { peak, retained, total }
    }

    #[test]
    fn what_was_there_at_the_last_peak_is_kept_whenever_it_is_touched_next() {
        let tally: &Tally = zeroed();
        tally.touch(1, 0);
        tally.made(100);
        assert_eq!(tally.read(1, 0), amounts((0, 0), (100, 1), (100, 1)));
        assert_eq!(tally.read(2, 0), amounts((100, 1), (100, 1), (100, 1)), "a peak since, and not touched since");
        tally.touch(2, 0);
        tally.freed(100);
        assert_eq!(tally.read(2, 0), amounts((100, 1), (0, 0), (100, 1)));
        tally.touch(5, 0);
        tally.made(7);
        assert_eq!(tally.read(5, 0), amounts((0, 0), (7, 1), (107, 2)));
    }

    #[test]
    fn a_window_begins_at_what_is_there() {
        let tally: &Tally = zeroed();
        tally.touch(1, 0);
        tally.made(100);
        assert_eq!(tally.read(2, 2), amounts((0, 0), (0, 0), (0, 0)), "not touched since it opened");
        tally.touch(2, 2);
        tally.freed(100);
        assert_eq!(tally.read(2, 2), amounts((0, 0), (-100, -1), (0, 0)));
        tally.touch(3, 2);
        tally.made(30);
        assert_eq!(tally.read(4, 2), amounts((-70, 0), (-70, 0), (30, 1)));
    }

    #[test]
    fn a_block_that_is_taken_over_adds_what_it_grew_by() {
        let tally: &Tally = zeroed();
        tally.touch(1, 0);
        tally.taken(100, 40);
        assert_eq!(tally.read(1, 0), amounts((0, 0), (100, 1), (40, 0)));
    }
}
