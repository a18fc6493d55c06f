//! Every call handed on to the engine that was chosen, where that is not this crate's own. Off the hot path.

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::TypeId;

use crate::engine::{self, Engine};
use crate::sites::Footed;

/// An inner allocator, under the engine that was chosen.
pub(crate) struct Forward<'a, A>(pub(crate) &'a A);

impl<A: GlobalAlloc + 'static> Forward<'_, A> {
    /// Whether dhat makes and frees the blocks: its memory is the system's, so either may free what the other made.
    fn is_dhat_s(&self) -> bool {
        if engine::chosen() != Engine::Dhat {
            return false;
        }
        let over_system = TypeId::of::<A>() == TypeId::of::<System>();
        if !over_system {
            engine::refuse_dhat();
        }
        over_system
    }
}

// SAFETY: every method hands its arguments unchanged to an allocator that has the inner allocator's memory, and returns its answer
// unchanged. What `stats_alloc` is told of it counts, and does not touch.
unsafe impl<A: GlobalAlloc + 'static> GlobalAlloc for Forward<'_, A> {
    #[cold]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if engine::chosen() == Engine::Sites {
            // SAFETY: the caller keeps the contract of `alloc`, and has been given blocks of this alone.
            return unsafe { Footed(self.0).alloc(layout) };
        }
        if self.is_dhat_s() {
            // SAFETY: the caller keeps the contract of `alloc`, which is dhat's.
            return unsafe { dhat::Alloc.alloc(layout) };
        }
        if let Some(counters) = engine::stats_alloc() {
            // SAFETY: the caller keeps the contract of `alloc`.
            unsafe { counters.alloc(layout) };
        }
        // SAFETY: the caller keeps the contract of `alloc`, which is the inner allocator's.
        unsafe { self.0.alloc(layout) }
    }

    #[cold]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if engine::chosen() == Engine::Sites {
            // SAFETY: the caller keeps the contract of `dealloc`, and has been given blocks of this alone.
            return unsafe { Footed(self.0).dealloc(block, layout) };
        }
        if self.is_dhat_s() {
            // SAFETY: the caller keeps the contract of `dealloc`, and `block` is of the same memory.
            return unsafe { dhat::Alloc.dealloc(block, layout) };
        }
        if let Some(counters) = engine::stats_alloc() {
            // SAFETY: what is behind it never looks at the block.
            unsafe { counters.dealloc(block, layout) };
        }
        // SAFETY: the caller keeps the contract of `dealloc`, and `block` is of the same memory.
        unsafe { self.0.dealloc(block, layout) }
    }

    #[cold]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if engine::chosen() == Engine::Sites {
            // SAFETY: the caller keeps the contract of `alloc_zeroed`, and has been given blocks of this alone.
            return unsafe { Footed(self.0).alloc_zeroed(layout) };
        }
        if self.is_dhat_s() {
            // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is dhat's.
            return unsafe { dhat::Alloc.alloc_zeroed(layout) };
        }
        if let Some(counters) = engine::stats_alloc() {
            // SAFETY: the caller keeps the contract of `alloc_zeroed`.
            unsafe { counters.alloc_zeroed(layout) };
        }
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the inner allocator's.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[cold]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if engine::chosen() == Engine::Sites {
            // SAFETY: the caller keeps the contract of `realloc`, and has been given blocks of this alone.
            return unsafe { Footed(self.0).realloc(block, layout, new_size) };
        }
        if self.is_dhat_s() {
            // SAFETY: the caller keeps the contract of `realloc`, and `block` is of the same memory.
            return unsafe { dhat::Alloc.realloc(block, layout, new_size) };
        }
        if let Some(counters) = engine::stats_alloc() {
            // SAFETY: what is behind it never looks at the block.
            unsafe { counters.realloc(block, layout, new_size) };
        }
        // SAFETY: the caller keeps the contract of `realloc`, and `block` is of the same memory.
        unsafe { self.0.realloc(block, layout, new_size) }
    }
}
