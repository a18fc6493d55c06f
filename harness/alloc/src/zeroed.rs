//! Memory of the engine itself: from the system, since the counting allocator cannot ask itself, zero, and never given back.

use std::alloc::{Layout, handle_alloc_error};
use std::ptr;

use crate::sites::{Table, Tally, ThreadSites, Walk};

/// What zeros are a value of.
///
/// # Safety
/// Zero bytes are one, and it is aligned to a page at most.
pub(crate) unsafe trait Zeroed: Sync + 'static {}

// SAFETY: atomic integers.
unsafe impl Zeroed for Tally {}
// SAFETY: integers, and pairs of them.
unsafe impl Zeroed for Walk {}
// SAFETY: atomic integers.
unsafe impl Zeroed for Table {}
// SAFETY: the above, and atomic integers.
unsafe impl Zeroed for ThreadSites {}

/// A value of zeros, for ever. Of a large one, only the pages that are written to take memory.
pub(crate) fn zeroed<T: Zeroed>() -> &'static T {
    let layout = Layout::new::<T>();
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: a new mapping touches no other.
    let place = unsafe { libc::mmap(ptr::null_mut(), layout.size(), protection, flags, -1, 0) };
    if place == libc::MAP_FAILED {
        handle_alloc_error(layout);
    }
    // SAFETY: it is large enough, aligned to a page, of zeros, which are a `T`, and never unmapped.
    unsafe { &*place.cast::<T>() }
}
