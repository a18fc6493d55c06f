//! Which thread has which slot: from its first allocation to its end, and what happens after that. What a slot counts is
//! `slot`'s.

use std::cell::Cell;

use crate::ledger::Ledger;
use crate::limit;
use crate::slot::Slot;
use crate::timeline;

/// The ledger of the process that this crate's [`Alloc`](crate::Alloc) feeds.
pub(crate) static LEDGER: Ledger = Ledger::new(limit::passed);

/// The slot of threads that have none. It refuses every operation as if it were to be posted, so that the hot path need not ask.
static NOBODY: Slot = Slot::nobody();

thread_local! {
    /// Neither lazy nor with a destructor: one load, at any time of the thread's life and after.
    static SLOT: Cell<&'static Slot> = const { Cell::new(&NOBODY) };
    /// Has a destructor, which gives the slot back. Touched once a thread, when it gets its slot: since Rust 1.93 an allocator may
    /// use such thread-locals, because the standard library keeps its list of them with the system's allocator.
    static EXIT: Exit = const { Exit };
}

/// Ends a thread's ownership of its slot.
struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    let slot = SLOT.replace(&NOBODY);
    if !is_nobody(slot) {
        LEDGER.release(slot);
    }
}

fn is_nobody(slot: &Slot) -> bool {
    std::ptr::eq(slot, &NOBODY)
}

/// Counts a block of this size that was made; false as [`Slot::made`], and where the thread has no slot.
#[inline]
pub(crate) fn made(size: usize) -> bool {
    SLOT.get().made(size)
}

/// Counts a block of this size that was freed; false as [`Slot::freed`], and where the thread has no slot.
#[inline]
pub(crate) fn freed(size: usize) -> bool {
    SLOT.get().freed(size)
}

/// Counts a block that was resized; false as [`Slot::resized`], and where the thread has no slot.
#[inline]
pub(crate) fn resized(from: usize, to: usize) -> bool {
    SLOT.get().resized(from, to)
}

/// Counts what the functions above did not, as [`Slot::post`].
pub(crate) fn post(from: usize, to: usize) {
    with_slot(|slot| {
        slot.post(&LEDGER, from, to);
        timeline::posted(|| LEDGER.live());
    });
}

/// Does something with the calling thread's slot.
///
/// A thread gets its slot here, with its first operation. After its thread-local destructor gave it back, destructors of other
/// thread-locals may follow, and those of C: then a slot is borrowed for the one operation, so that nothing is left behind.
pub(crate) fn with_slot<R>(act: impl FnOnce(&'static Slot) -> R) -> R {
    let slot = SLOT.get();
    if !is_nobody(slot) {
        return act(slot);
    }
    let slot = LEDGER.claim();
    SLOT.set(slot);
    let lives = EXIT.try_with(|_| ()).is_ok();
    let result = act(slot);
    if !lives {
        give_back();
    }
    result
}
