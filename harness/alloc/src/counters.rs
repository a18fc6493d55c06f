//! The numbers themselves and the arithmetic on them, in safe code. Where allocations come from is `alloc`'s.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

/// The counters of the process that this crate's [`Alloc`](crate::Alloc) feeds.
pub(crate) static COUNTERS: Counters = Counters::new();

/// Live, peak and totals of one process, in requested bytes and blocks.
///
/// `Relaxed` suffices: each number is changed by single read-modify-writes, which no ordering can lose, and the numbers are not
/// used to publish other memory. Whoever reads totals of other threads must have joined them or heard from them by a channel,
/// and that is what orders their changes before the read.
#[derive(Debug)]
pub(crate) struct Counters {
    live_bytes: AtomicI64,
    live_blocks: AtomicI64,
    peak_bytes: AtomicI64,
    total_bytes: AtomicI64,
    total_blocks: AtomicI64,
}

/// The numbers at one moment, since the process began; the peak since it was last begun anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) live_bytes: i64,
    pub(crate) live_blocks: i64,
    pub(crate) peak_bytes: i64,
    pub(crate) total_bytes: i64,
    pub(crate) total_blocks: i64,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            live_bytes: AtomicI64::new(0),
            live_blocks: AtomicI64::new(0),
            peak_bytes: AtomicI64::new(0),
            total_bytes: AtomicI64::new(0),
            total_blocks: AtomicI64::new(0),
        }
    }

    /// A block of this size was made. Returns the bytes live with it.
    pub(crate) fn made(&self, size: usize) -> i64 {
        self.live_blocks.fetch_add(1, Relaxed);
        self.total_blocks.fetch_add(1, Relaxed);
        self.grew(size)
    }

    /// A block of this size was freed.
    pub(crate) fn freed(&self, size: usize) {
        self.live_blocks.fetch_sub(1, Relaxed);
        self.live_bytes.fetch_sub(signed(size), Relaxed);
    }

    /// A block was resized. Returns the bytes live with it.
    pub(crate) fn resized(&self, from: usize, to: usize) -> i64 {
        if to >= from {
            self.grew(to - from)
        } else {
            let less = signed(from - to);
            self.live_bytes.fetch_sub(less, Relaxed) - less
        }
    }

    fn grew(&self, by: usize) -> i64 {
        let by = signed(by);
        self.total_bytes.fetch_add(by, Relaxed);
        let live = self.live_bytes.fetch_add(by, Relaxed) + by;
        // The load spares the read-modify-write far from the peak. The peak only rises while a window is open, so a stale value
        // can cost a needless one, never a missed one.
        if live > self.peak_bytes.load(Relaxed) {
            self.peak_bytes.fetch_max(live, Relaxed);
        }
        live
    }

    /// Forgets the peak so far and returns the numbers, whose peak is the live bytes of this moment.
    pub(crate) fn begin_peak(&self) -> Numbers {
        // First the reset, then the read: an allocation between the two reports its own peak after the reset, so none is lost.
        self.peak_bytes.store(i64::MIN, Relaxed);
        let live = self.live_bytes.load(Relaxed);
        self.peak_bytes.fetch_max(live, Relaxed);
        Numbers { live_bytes: live, ..self.read() }
    }

    pub(crate) fn read(&self) -> Numbers {
        Numbers {
            live_bytes: self.live_bytes.load(Relaxed),
            live_blocks: self.live_blocks.load(Relaxed),
            peak_bytes: self.peak_bytes.load(Relaxed),
            total_bytes: self.total_bytes.load(Relaxed),
            total_blocks: self.total_blocks.load(Relaxed),
        }
    }

    pub(crate) fn live_bytes(&self) -> i64 {
        self.live_bytes.load(Relaxed)
    }

    pub(crate) fn peak_bytes(&self) -> i64 {
        self.peak_bytes.load(Relaxed)
    }
}

/// A `Layout`'s size is at most `isize::MAX`, so this loses nothing.
const fn signed(size: usize) -> i64 {
    size as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(live_bytes: i64, live_blocks: i64, peak_bytes: i64, total_bytes: i64, total_blocks: i64) -> Numbers {
        Numbers { live_bytes, live_blocks, peak_bytes, total_bytes, total_blocks }
    }

    #[test]
    fn making_and_freeing_leaves_the_peak_and_the_totals() {
        let counters = Counters::new();
        counters.made(100);
        counters.made(50);
        counters.freed(100);
        counters.made(20);
        assert_eq!(counters.read(), numbers(70, 2, 150, 170, 3));
    }

    #[test]
    fn a_resize_counts_its_difference_and_no_block() {
        let counters = Counters::new();
        counters.made(100);
        assert_eq!(counters.resized(100, 180), 180);
        assert_eq!(counters.resized(180, 30), 30);
        assert_eq!(counters.resized(30, 30), 30);
        assert_eq!(counters.read(), numbers(30, 1, 180, 180, 1));
    }

    #[test]
    fn a_new_peak_begins_at_what_is_live() {
        let counters = Counters::new();
        counters.made(1_000);
        counters.freed(1_000);
        counters.made(10);
        let opened = counters.begin_peak();
        assert_eq!((opened.live_bytes, opened.peak_bytes), (10, 10));
        counters.made(5);
        assert_eq!(counters.peak_bytes(), 15);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        const THREADS: i64 = 4;
        const ROUNDS: i64 = if cfg!(miri) { 50 } else { 20_000 };
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        counters.made(64);
                        counters.resized(64, 96);
                        counters.freed(96);
                        counters.made(8);
                    }
                });
            }
        });
        let read = counters.read();
        let made = THREADS * ROUNDS;
        assert_eq!((read.live_bytes, read.live_blocks), (made * 8, made));
        assert_eq!((read.total_bytes, read.total_blocks), (made * 104, made * 2));
        assert!(read.peak_bytes >= made * 8 && read.peak_bytes <= made * 8 + THREADS * 96, "{read:?}");
    }

    #[test]
    fn the_peak_of_many_threads_is_exact_when_all_are_at_their_height_at_once() {
        const THREADS: usize = 4;
        let counters = Counters::new();
        let (up, down) = (std::sync::Barrier::new(THREADS), std::sync::Barrier::new(THREADS));
        for _ in 0..if cfg!(miri) { 2 } else { 200 } {
            counters.begin_peak();
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        counters.made(4_000);
                        up.wait();
                        down.wait();
                        counters.freed(4_000);
                    });
                }
            });
            assert_eq!(counters.peak_bytes(), 16_000);
        }
    }
}
