//! The engine `stats_alloc`: the process's, so it has a test binary of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "the workload makes its blocks itself, and an allocator is not the system's")]

mod engines;
mod quiet;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

use highwater_alloc::{Alloc, Counts, Engine, EngineError, is_counting, lift_limit, live_bytes, peak_bytes, set_limit};

#[global_allocator]
static ALLOC: Alloc<Other> = Alloc::over(Other);

/// Is not the system's allocator, for all that anybody knows.
struct Other;

// SAFETY: forwards everything unchanged to `System`, a `GlobalAlloc`.
unsafe impl GlobalAlloc for Other {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn stats_alloc_tells_what_was_done_but_for_the_peak_over_any_allocator() {
    quiet::wait();
    assert_eq!(Engine::Dhat.choose(), Err(EngineError::DhatOverAnother));
    let (before, early) = (live_bytes().unwrap(), black_box(vec![1_u8; 100_000]));
    assert_eq!(live_bytes(), Some(before + 100_000), "a refused choice changes nothing");

    Engine::StatsAlloc.choose().unwrap();
    assert!(is_counting());
    assert_eq!(Engine::Off.choose(), Err(EngineError::Chosen(Engine::StatsAlloc)));
    assert_eq!(set_limit(1, |_| panic!("no limit is set")), Err(EngineError::NoLimit(Engine::StatsAlloc)));
    lift_limit();
    assert_eq!(live_bytes(), Some(before + 100_000), "what was live before is");
    drop(early);
    assert_eq!(live_bytes(), Some(before));
    assert_eq!(peak_bytes(), None);

    let (counts, done) = engines::run();
    let expected = Counts {
        peak: None,
        retained_bytes: done.live_bytes,
        retained_blocks: done.live_blocks,
        total_bytes: done.total_bytes,
        total_blocks: done.total_blocks,
        reallocs: Some(done.reallocs),
    };
    assert_eq!(counts, Some(expected));
}
