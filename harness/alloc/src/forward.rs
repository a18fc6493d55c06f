//! Every call handed on to the engine that was chosen, where that is not this crate's own, or is not known to be yet. Off the hot
//! path.

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::TypeId;

use crate::alloc::post;
use crate::engine::{self, Engine};
use crate::sites::Footed;
use crate::thread;

/// An inner allocator, under the engine that was chosen.
pub(crate) struct Forward<'a, A>(pub(crate) &'a A);

impl<A: GlobalAlloc + 'static> Forward<'_, A> {
    /// Whether dhat can make and free the blocks: its memory is the system's, so either may free what the other made.
    fn is_over_system(&self) -> bool {
        let over_system = TypeId::of::<A>() == TypeId::of::<System>();
        if !over_system {
            engine::refuse_dhat();
        }
        over_system
    }
}

// SAFETY: every method hands its arguments unchanged to an allocator that has the inner allocator's memory, and returns its answer
// unchanged. What `stats_alloc` is told of it counts, and does not touch. `Footed` is asked from the first block on or never.
unsafe impl<A: GlobalAlloc + 'static> GlobalAlloc for Forward<'_, A> {
    #[cold]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match engine::chosen() {
            // SAFETY: the caller keeps the contract of `alloc`, which is that of `Footed`.
            Engine::Sites => return unsafe { Footed(self.0).alloc(layout) },
            // SAFETY: the caller keeps the contract of `alloc`, which is dhat's.
            Engine::Dhat if self.is_over_system() => return unsafe { dhat::Alloc.alloc(layout) },
            Engine::StatsAlloc => {
                if let Some(counters) = engine::stats_alloc::counters() {
                    // SAFETY: the caller keeps the contract of `alloc`.
                    unsafe { counters.alloc(layout) };
                }
            }
            Engine::Counting => {
                // SAFETY: the caller keeps the contract of `alloc`, which is the inner allocator's.
                return post(unsafe { self.0.alloc(layout) }, 0, layout.size());
            }
            Engine::Dhat | Engine::Off => {}
        }
        // SAFETY: the caller keeps the contract of `alloc`, which is the inner allocator's.
        unsafe { self.0.alloc(layout) }
    }

    #[cold]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match engine::chosen() {
            // SAFETY: the caller keeps the contract of `dealloc`, and `block` is from `Footed`.
            Engine::Sites => return unsafe { Footed(self.0).dealloc(block, layout) },
            // SAFETY: the caller keeps the contract of `dealloc`, and `block` is of the same memory.
            Engine::Dhat if self.is_over_system() => return unsafe { dhat::Alloc.dealloc(block, layout) },
            Engine::StatsAlloc => {
                if let Some(counters) = engine::stats_alloc::counters() {
                    // SAFETY: what is behind it never looks at the block.
                    unsafe { counters.dealloc(block, layout) };
                }
            }
            Engine::Counting => thread::post(layout.size(), 0),
            Engine::Dhat | Engine::Off => {}
        }
        // SAFETY: the caller keeps the contract of `dealloc`, and `block` is of the same memory.
        unsafe { self.0.dealloc(block, layout) }
    }

    #[cold]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match engine::chosen() {
            // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is that of `Footed`.
            Engine::Sites => return unsafe { Footed(self.0).alloc_zeroed(layout) },
            // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is dhat's.
            Engine::Dhat if self.is_over_system() => return unsafe { dhat::Alloc.alloc_zeroed(layout) },
            Engine::StatsAlloc => {
                if let Some(counters) = engine::stats_alloc::counters() {
                    // SAFETY: the caller keeps the contract of `alloc_zeroed`.
                    unsafe { counters.alloc_zeroed(layout) };
                }
            }
            Engine::Counting => {
                // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the inner allocator's.
                return post(unsafe { self.0.alloc_zeroed(layout) }, 0, layout.size());
            }
            Engine::Dhat | Engine::Off => {}
        }
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the inner allocator's.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[cold]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match engine::chosen() {
            // SAFETY: the caller keeps the contract of `realloc`, and `block` is from `Footed`.
            Engine::Sites => return unsafe { Footed(self.0).realloc(block, layout, new_size) },
            // SAFETY: the caller keeps the contract of `realloc`, and `block` is of the same memory.
            Engine::Dhat if self.is_over_system() => return unsafe { dhat::Alloc.realloc(block, layout, new_size) },
            Engine::StatsAlloc => {
                if let Some(counters) = engine::stats_alloc::counters() {
                    // SAFETY: what is behind it never looks at the block.
                    unsafe { counters.realloc(block, layout, new_size) };
                }
            }
            Engine::Counting => {
                // SAFETY: the caller keeps the contract of `realloc`, and `block` is of the same memory.
                return post(unsafe { self.0.realloc(block, layout, new_size) }, layout.size(), new_size);
            }
            Engine::Dhat | Engine::Off => {}
        }
        // SAFETY: the caller keeps the contract of `realloc`, and `block` is of the same memory.
        unsafe { self.0.realloc(block, layout, new_size) }
    }
}
