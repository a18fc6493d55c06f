//! The counters under a multi-thread tokio runtime: a process of its own, with one test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use highwater_alloc::{Alloc, Window};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

#[test]
fn tasks_that_move_between_workers_are_counted_exactly() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        round(100).await;
        // libtest's main thread, which starts and watches this test's thread, allocates at moments of its own.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let window = Window::open();
        let kept = round(1_000).await;
        // A worker drops a task's cell after its handle resolved.
        for _ in 0..1_000 {
            if window.read().retained_bytes == 1_000 * 100 {
                break;
            }
            tokio::task::yield_now().await;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let list = (kept.capacity() * size_of::<Vec<u8>>()) as i64;
        let counts = window.read();
        assert_eq!(counts.retained_bytes, 1_000 * 100 + list);
        assert_eq!(counts.retained_blocks, 1_000 + 1);
    });
}

async fn round(tasks: usize) -> Vec<Vec<u8>> {
    let mut kept = Vec::with_capacity(tasks);
    for handle in (0..tasks).map(|_| tokio::spawn(async { vec![1_u8; 100] })).collect::<Vec<_>>() {
        kept.push(handle.await.unwrap());
    }
    kept
}
