//! Counting switched off: one test, since it is the process's, and there is no way back.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod quiet;

use std::hint::black_box;

use highwater_alloc::{Alloc, Window, is_counting, live_bytes, switch_off};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

#[test]
fn a_process_that_is_switched_off_counts_nothing() {
    quiet::wait();
    let made_before = black_box(vec![1_u8; 1_000]);
    assert!(is_counting());
    switch_off();
    assert!(!is_counting());
    let window = Window::open();
    let before = live_bytes();
    let mut kept = black_box(vec![1_u8; 100_000]);
    kept.reserve_exact(900_000);
    kept.shrink_to(10);
    drop(made_before);
    let in_a_thread = std::thread::Builder::new().spawn(is_counting).unwrap().join().unwrap();
    assert!(!in_a_thread);
    let counts = window.read();
    assert_eq!((counts.peak_bytes, counts.peak_slack_bytes, counts.total_blocks), (0, 0, 0), "{counts:?}");
    assert_eq!(live_bytes(), before);
    assert_eq!(kept.len(), 100_000);
}
