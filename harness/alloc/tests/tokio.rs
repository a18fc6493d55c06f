//! The counters under a multi-thread tokio runtime, compared with an exact counter beside them: a process of its own, with one
//! test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unsafe_code, reason = "an allocator below the allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use highwater_alloc::{Alloc, Window};

#[global_allocator]
static ALLOC: Alloc<Exact> = Alloc::over(Exact);

static LIVE: AtomicI64 = AtomicI64::new(0);

/// Counts live bytes in one number.
struct Exact;

// SAFETY: forwards everything unchanged to `System`, a `GlobalAlloc`.
unsafe impl GlobalAlloc for Exact {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, SeqCst);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, SeqCst);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, SeqCst);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        LIVE.fetch_add(new_size as i64 - layout.size() as i64, SeqCst);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[test]
fn tasks_that_move_between_workers_are_counted_exactly() {
    const TASKS: usize = if cfg!(miri) { 10 } else { 1_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        round(100).await;
        quiet().await;
        let (window, before) = (Window::open(), LIVE.load(SeqCst));
        for _ in 0..3 {
            let kept = round(TASKS).await;
            quiet().await;
            let counts = window.read().unwrap();
            assert_eq!(counts.retained_bytes, LIVE.load(SeqCst) - before);
            assert!(counts.retained_bytes >= (TASKS * 100) as i64, "{counts:?}");
            assert!(counts.retained_blocks > TASKS as i64, "{counts:?}");
            assert!(counts.peak.unwrap().bytes >= counts.retained_bytes, "{counts:?}");
            drop(kept);
        }
    });
}

/// Waits until nothing moves: tokio drops a task's cell after its handle resolved.
async fn quiet() {
    let mut last = i64::MIN;
    while LIVE.load(SeqCst) != last {
        last = LIVE.load(SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn round(tasks: usize) -> Vec<Vec<u8>> {
    let mut kept = Vec::with_capacity(tasks);
    for handle in (0..tasks).map(|_| tokio::spawn(async { vec![1_u8; 100] })).collect::<Vec<_>>() {
        kept.push(handle.await.unwrap());
    }
    kept
}
