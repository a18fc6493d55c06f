//! The `GlobalAlloc` that counts what passes through it. The arithmetic is `slot`'s.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::forward::Forward;
use crate::{engine, limit, thread};

/// A global allocator that forwards to another and counts. See the [crate's documentation](crate) for what it counts, how, and
/// what it costs and misses.
#[derive(Debug, Default, Clone, Copy)]
pub struct Alloc<A = System> {
    inner: A,
}

impl Alloc {
    /// Counts over the system's allocator.
    pub const fn new() -> Self {
        Self::over(System)
    }
}

impl<A> Alloc<A> {
    /// Counts over another allocator: `Alloc::over(mimalloc::MiMalloc)`.
    pub const fn over(inner: A) -> Self {
        Self { inner }
    }
}

// SAFETY: every method hands its arguments unchanged to the inner allocator, itself a `GlobalAlloc`, and returns its answer
// unchanged; counting neither touches the memory nor unwinds nor allocates.
unsafe impl<A: GlobalAlloc + 'static> GlobalAlloc for Alloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !engine::is_ours() {
            // SAFETY: the caller keeps the contract of `alloc`, which is this function's.
            return unsafe { Forward(&self.inner).alloc(layout) };
        }
        // SAFETY: the caller keeps the contract of `alloc`, which is the inner allocator's.
        let block = unsafe { self.inner.alloc(layout) };
        made(block, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !engine::is_ours() {
            // SAFETY: the caller keeps the contract of `dealloc`, which is this function's.
            return unsafe { Forward(&self.inner).dealloc(block, layout) };
        }
        if !thread::freed(layout.size()) {
            // SAFETY: the caller keeps the contract of `dealloc`, which is this function's.
            return unsafe { self.post_and_dealloc(block, layout) };
        }
        // SAFETY: the caller keeps the contract of `dealloc`, and `block` came from the inner allocator with this layout.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !engine::is_ours() {
            // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is this function's.
            return unsafe { Forward(&self.inner).alloc_zeroed(layout) };
        }
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the inner allocator's.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        made(block, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !engine::is_ours() {
            // SAFETY: the caller keeps the contract of `realloc`, which is this function's.
            return unsafe { Forward(&self.inner).realloc(block, layout, new_size) };
        }
        // SAFETY: the caller keeps the contract of `realloc`, and `block` came from the inner allocator with this layout.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        resized(moved, layout.size(), new_size)
    }
}

// What happens seldom is in functions of its own, which do all that is left to do and are called last: so the hot path has no
// registers to save for afterwards.

#[inline]
fn made(block: *mut u8, size: usize) -> *mut u8 {
    let counted = !block.is_null() && thread::made(size);
    if counted { block } else { post(block, 0, size) }
}

#[inline]
fn resized(block: *mut u8, from: usize, to: usize) -> *mut u8 {
    let counted = !block.is_null() && thread::resized(from, to);
    if counted { block } else { post(block, from, to) }
}

/// Counts any answer of the inner allocator, and returns it.
#[cold]
#[inline(never)]
pub(crate) fn post(block: *mut u8, from: usize, to: usize) -> *mut u8 {
    if block.is_null() {
        limit::check_refused(to.saturating_sub(from));
    } else {
        thread::post(from, to);
    }
    block
}

impl<A: GlobalAlloc> Alloc<A> {
    /// # Safety
    /// As [`GlobalAlloc::dealloc`].
    #[cold]
    #[inline(never)]
    unsafe fn post_and_dealloc(&self, block: *mut u8, layout: Layout) {
        thread::post(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `dealloc`, and `block` came from the inner allocator with this layout.
        unsafe { self.inner.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counts, Peak, Window};
    use std::sync::Mutex;

    /// The counters are the process's, so tests that read them run one at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    /// Has no memory.
    struct Empty;

    // SAFETY: an allocator may always answer null, and nothing can be freed that was never made.
    unsafe impl GlobalAlloc for Empty {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            std::ptr::null_mut()
        }
        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
        unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
            std::ptr::null_mut()
        }
    }

    #[test]
    fn a_block_lives_from_its_making_to_its_freeing() {
        let _guard = ONE_AT_A_TIME.lock().unwrap();
        let alloc = Alloc::new();
        let window = Window::open();
        let layout = Layout::from_size_align(100, 16).unwrap();
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc.alloc(layout) };
        assert!(!block.is_null());
        assert_eq!(window.read().unwrap().retained_bytes, 100);
        // SAFETY: the block is ours, has this layout, and the new size is not 0.
        let block = unsafe { alloc.realloc(block, layout, 300) };
        assert_eq!(window.read().unwrap().retained_bytes, 300);
        // SAFETY: the block is ours and has 300 bytes by now.
        unsafe { alloc.dealloc(block, Layout::from_size_align(300, 16).unwrap()) };
        let expected = Counts {
            peak: Some(Peak { bytes: 300, slack_bytes: 0 }),
            retained_bytes: 0,
            retained_blocks: 0,
            total_bytes: 300,
            total_blocks: 1,
            reallocs: Some(1),
        };
        assert_eq!(window.read(), Some(expected));
    }

    #[test]
    fn zeroed_memory_is_zero_and_counted_once() {
        let _guard = ONE_AT_A_TIME.lock().unwrap();
        let alloc = Alloc::new();
        let window = Window::open();
        let layout = Layout::from_size_align(64, 8).unwrap();
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc.alloc_zeroed(layout) };
        assert!(!block.is_null());
        // SAFETY: the block has 64 initialised bytes and nobody else has it.
        let bytes = unsafe { std::slice::from_raw_parts(block, 64) };
        assert!(bytes.iter().all(|byte| *byte == 0));
        let counts = window.read().unwrap();
        assert_eq!((counts.total_blocks, counts.total_bytes), (1, 64));
        // SAFETY: the block is ours and has this layout.
        unsafe { alloc.dealloc(block, layout) };
    }

    #[test]
    fn an_allocation_that_failed_counts_as_nothing() {
        let _guard = ONE_AT_A_TIME.lock().unwrap();
        let alloc = Alloc::over(Empty);
        let window = Window::open();
        let before = window.read();
        let layout = Layout::from_size_align(100, 16).unwrap();
        // SAFETY: the layout is not empty.
        assert!(unsafe { alloc.alloc(layout) }.is_null());
        // SAFETY: the layout is not empty.
        assert!(unsafe { alloc.alloc_zeroed(layout) }.is_null());
        // SAFETY: `Empty` never looks at the block.
        assert!(unsafe { alloc.realloc(std::ptr::dangling_mut(), layout, 200) }.is_null());
        assert_eq!(window.read(), before);
    }
}
