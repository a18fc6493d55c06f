//! The counters of one thread and the hot path that changes them. What the counters of all threads add up to is `ledger`'s.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU64};

use crate::ledger::Ledger;
use crate::sites::ThreadSites;

/// What one thread has counted. Only the thread that owns a slot writes the counters in its first cache line, so a load and a
/// store do where shared counters need a locked instruction; every thread may read them. A slot outlives its thread: the next
/// thread that claims it counts on from there, and only the sum over all slots has a meaning.
///
/// The order of the stores is part of the protocol that `ledger` describes: `high`, then `live`, then the numbers of operations.
#[derive(Debug)]
#[repr(C, align(128))] // Processors fetch cache lines in pairs.
pub(crate) struct Slot {
    /// Bytes made by this thread less bytes freed by it: negative where it frees what others made.
    live: AtomicI64,
    /// The highest `live` since the last reset; never below `live`.
    high: AtomicI64,
    /// Above this, growth is posted to the ledger first.
    ceiling: AtomicI64,
    /// Below this, a fall is posted to the ledger first. [`WATCHED`] while the slot has only grown since a window was opened.
    floor: AtomicI64,
    total_bytes: AtomicU64,
    made: AtomicU64,
    freed: AtomicU64,
    resized: AtomicU64,

    owned: AtomicBool,
    /// A mark of what the other slots were like at the last reset, or before it.
    noted: AtomicU64,
    /// `live` when the window was opened: written by whoever opens it.
    live_at_open: AtomicI64,
    next: AtomicPtr<Slot>,
    /// The engine `sites` has something of its own in each slot.
    sites: OnceLock<&'static ThreadSites>,
}

/// A floor that every fall is below.
const WATCHED: i64 = i64::MAX;

/// What a slot is like, seen from any thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) live: i64,
    /// What `live` has not been above since the slot was last reset, or since the window was opened.
    pub(crate) bound: i64,
    /// Operations that were completely counted before `live` was read, and after.
    pub(crate) operations: (u64, u64),
}

/// The counters of a slot, or their sum over slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) live_bytes: i64,
    pub(crate) total_bytes: i64,
    pub(crate) total_blocks: i64,
    pub(crate) live_blocks: i64,
    pub(crate) reallocs: i64,
}

/// The hot path: called by the owner alone. An operation that leaves the range between floor and ceiling is not counted, and
/// false is returned: then it is to be [posted](Slot::post).
impl Slot {
    /// A block of this size was made.
    #[inline]
    pub(crate) fn made(&self, size: usize) -> bool {
        let within = self.grow(size);
        if within {
            add(&self.total_bytes, size as u64);
            add(&self.made, 1);
        }
        within
    }

    /// A block of this size was freed.
    #[inline]
    pub(crate) fn freed(&self, size: usize) -> bool {
        let within = self.shrink(size);
        if within {
            add(&self.freed, 1);
        }
        within
    }

    /// A block was resized.
    #[inline]
    pub(crate) fn resized(&self, from: usize, to: usize) -> bool {
        let within = if to > from { self.grow(to - from) } else { self.shrink(from - to) };
        if within {
            add(&self.total_bytes, to.saturating_sub(from) as u64);
            add(&self.resized, 1);
        }
        within
    }

    #[inline]
    fn grow(&self, by: usize) -> bool {
        let live = self.live.load(Relaxed).wrapping_add(signed(by));
        if live > self.high.load(Relaxed) {
            if live > self.ceiling.load(Relaxed) {
                return false;
            }
            self.high.store(live, Relaxed);
        }
        self.live.store(live, Release);
        true
    }

    #[inline]
    fn shrink(&self, by: usize) -> bool {
        let live = self.live.load(Relaxed).wrapping_sub(signed(by));
        if live < self.floor.load(Relaxed) {
            return false;
        }
        self.live.store(live, Release);
        true
    }

    /// Counts any operation: `from` is 0 for a block that was made, `to` for one that was freed. Tells the ledger when it leaves
    /// the range between floor and ceiling.
    pub(crate) fn post(&self, ledger: &Ledger, from: usize, to: usize) {
        let live = self.live.load(Relaxed).wrapping_add(signed(to)).wrapping_sub(signed(from));
        if live > self.ceiling.load(Relaxed) {
            ledger.rise(self, live);
        } else if live < self.floor.load(Relaxed) {
            ledger.fall(self, live);
        } else {
            self.high.store(self.high.load(Relaxed).max(live), Relaxed);
            self.live.store(live, Release);
        }
        add(&self.total_bytes, to.saturating_sub(from) as u64);
        let operations = match (from, to) {
            (0, _) => &self.made,
            (_, 0) => &self.freed,
            _ => &self.resized,
        };
        add(operations, 1);
    }
}

/// Owner-only: nobody else adds to this counter meanwhile.
#[inline]
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
}

/// A `Layout`'s size is at most `isize::MAX`, so this loses nothing.
#[inline]
const fn signed(size: usize) -> i64 {
    size as i64
}

/// What `ledger` reads and writes.
impl Slot {
    /// A slot that has counted nothing, owned by the caller.
    pub(crate) const fn new() -> Self {
        Self {
            live: AtomicI64::new(0),
            high: AtomicI64::new(0),
            ceiling: AtomicI64::new(0),
            floor: AtomicI64::new(0),
            total_bytes: AtomicU64::new(0),
            made: AtomicU64::new(0),
            freed: AtomicU64::new(0),
            resized: AtomicU64::new(0),
            owned: AtomicBool::new(true),
            noted: AtomicU64::new(0),
            live_at_open: AtomicI64::new(0),
            next: AtomicPtr::new(std::ptr::null_mut()),
            sites: OnceLock::new(),
        }
    }

    /// A slot that refuses to count anything, for threads that have none.
    pub(crate) const fn nobody() -> Self {
        let mut slot = Self::new();
        slot.high = AtomicI64::new(i64::MIN);
        slot.ceiling = AtomicI64::new(i64::MIN);
        slot.floor = AtomicI64::new(i64::MAX);
        slot
    }

    /// Takes the slot of a thread that is gone. What that thread wrote is seen by the new owner.
    pub(crate) fn claim(&self) -> bool {
        !self.owned.load(Relaxed) && self.owned.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    /// Gives the slot to whoever claims it next.
    pub(crate) fn disown(&self) {
        self.owned.store(false, Release);
    }

    pub(crate) fn next(&self) -> &AtomicPtr<Slot> {
        &self.next
    }

    pub(crate) fn sites(&self) -> &OnceLock<&'static ThreadSites> {
        &self.sites
    }

    pub(crate) fn live(&self) -> i64 {
        self.live.load(Acquire)
    }

    pub(crate) fn high(&self) -> i64 {
        self.high.load(Relaxed)
    }

    pub(crate) fn ceiling(&self) -> i64 {
        self.ceiling.load(Relaxed)
    }

    /// Whether the slot has only grown since a window was opened.
    pub(crate) fn watched(&self) -> bool {
        self.floor.load(Acquire) == WATCHED
    }

    /// Grows to `live`, which is above all that it was before. By the owner.
    pub(crate) fn rise_to(&self, live: i64, ceiling: i64, floor: i64) {
        self.ceiling.store(ceiling, Relaxed);
        if !self.watched() {
            self.floor.store(floor, Relaxed);
        }
        self.high.store(live, Relaxed);
        self.live.store(live, Release);
    }

    /// Falls to `live`, and still knows how high it was. By the owner.
    pub(crate) fn fall_to(&self, live: i64) {
        if self.watched() {
            self.high.store(self.look().bound, Relaxed);
            self.floor.store(0, Release);
        }
        self.live.store(live, Release);
    }

    /// Forgets how high it was. By the owner.
    pub(crate) fn reset(&self, ceiling: i64, floor: i64) {
        self.high.store(self.live.load(Relaxed), Relaxed);
        self.ceiling.store(ceiling, Relaxed);
        self.floor.store(floor, Relaxed);
    }

    /// Remembers a mark of what the others were like before the last reset. By the owner.
    pub(crate) fn note(&self, others: u64) {
        self.noted.store(others, Release);
    }

    /// What the others were like at the last reset, or before it. To be read before [`high`](Self::high), of which it then holds.
    pub(crate) fn noted(&self) -> u64 {
        self.noted.load(Acquire)
    }

    /// From here on every fall is posted, until the first one is. By whoever opens a window, for any slot: an owner that posts
    /// at the same time may undo it, and has then just begun anew by itself.
    pub(crate) fn watch(&self) {
        // First, so that an owner that sees that it is watched does not take an older window's bytes for this one's.
        self.live_at_open.store(self.live(), Release);
        self.floor.store(WATCHED, Release);
    }

    /// Remembers `live` as it is when a window is opened, and returns it. By whoever opens, after [`watch`](Self::watch): an
    /// owner that was on its way past its floor then is seen either here or in `live`.
    pub(crate) fn open(&self) -> i64 {
        let live = self.live();
        self.live_at_open.store(live, Release);
        live
    }

    pub(crate) fn look(&self) -> Look {
        let before = self.operations();
        // Before `high`: who sees a later `live` also sees the `high` that was stored before it.
        let live = self.live();
        let bound = if self.watched() { self.live_at_open.load(Acquire) } else { self.high.load(Relaxed) };
        Look { live, bound: bound.max(live), operations: (before, self.operations()) }
    }

    /// Operations that are completely counted.
    fn operations(&self) -> u64 {
        let counters = [&self.made, &self.freed, &self.resized].map(|counter| counter.load(Acquire));
        counters.into_iter().fold(0, u64::wrapping_add)
    }

    pub(crate) fn numbers(&self) -> Numbers {
        let signed = |counter: &AtomicU64| counter.load(Relaxed).cast_signed();
        Numbers {
            live_bytes: self.live(),
            live_blocks: signed(&self.made).wrapping_sub(signed(&self.freed)),
            total_bytes: signed(&self.total_bytes),
            total_blocks: signed(&self.made),
            reallocs: signed(&self.resized),
        }
    }
}

impl Numbers {
    pub(crate) const ZERO: Self = Self { live_bytes: 0, live_blocks: 0, total_bytes: 0, total_blocks: 0, reallocs: 0 };

    /// Number by number.
    pub(crate) fn plus(self, other: Self) -> Self {
        self.with(other, i64::wrapping_add)
    }

    /// Number by number.
    pub(crate) fn less(self, other: Self) -> Self {
        self.with(other, i64::wrapping_sub)
    }

    fn with(self, other: Self, combine: fn(i64, i64) -> i64) -> Self {
        Self {
            live_bytes: combine(self.live_bytes, other.live_bytes),
            live_blocks: combine(self.live_blocks, other.live_blocks),
            total_bytes: combine(self.total_bytes, other.total_bytes),
            total_blocks: combine(self.total_blocks, other.total_blocks),
            reallocs: combine(self.reallocs, other.reallocs),
        }
    }
}
