//! The counters as the allocator of a whole process: one test, since they are the process's.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod quiet;

use std::hint::black_box;
use std::sync::mpsc;

use highwater_alloc::{Alloc, Peak, Window, is_counting};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

/// One test function for all facts: a second one would run on another thread and allocate in the first one's window.
#[test]
fn the_counters_of_a_process_are_exact() {
    quiet::wait();
    assert!(is_counting());
    a_growing_vector_peaks_at_its_capacity();
    what_another_thread_frees_is_not_retained();
    a_thousand_threads_leave_nothing();
}

/// The trait's own `realloc` would have the old and the new block live together: 12 MiB.
fn a_growing_vector_peaks_at_its_capacity() {
    let window = Window::open();
    let mut vector = Vec::new();
    for i in 0..if cfg!(miri) { 1 << 8 } else { 8 << 20 } {
        vector.push(black_box(i as u8));
    }
    let counts = window.read().unwrap();
    assert_eq!(counts.peak, Some(Peak { bytes: vector.capacity() as i64, slack_bytes: 0 }));
    assert_eq!((counts.retained_bytes, counts.retained_blocks), (vector.capacity() as i64, 1));
    drop(vector);
    let counts = window.read().unwrap();
    assert_eq!((counts.retained_bytes, counts.retained_blocks), (0, 0));
    assert_eq!(counts.total_blocks, 1);
    assert_eq!(counts.reallocs, Some(if cfg!(miri) { 5 } else { 20 }));
}

fn what_another_thread_frees_is_not_retained() {
    let (send, receive) = mpsc::channel::<Vec<u8>>();
    let consumer = std::thread::spawn(move || receive.iter().map(|block| block.len()).sum::<usize>());
    // The channel makes a block of its own now and then; it is gone with the channel.
    let window = Window::open();
    for _ in 0..100 {
        send.send(vec![1; 10_000]).unwrap();
    }
    drop(send);
    assert_eq!(consumer.join().unwrap(), 1_000_000);
    let counts = window.read().unwrap();
    assert!(counts.retained_bytes <= 0 && counts.retained_bytes > -10_000, "{counts:?}");
    assert!(counts.total_bytes >= 1_000_000, "{counts:?}");
}

fn a_thousand_threads_leave_nothing() {
    let churn = |threads: usize| {
        for _ in 0..threads {
            let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| black_box(vec![0_u8; 1_000]).len())).collect();
            assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 8_000);
        }
    };
    churn(1);
    let window = Window::open();
    churn(if cfg!(miri) { 2 } else { 125 });
    let counts = window.read().unwrap();
    assert_eq!((counts.retained_bytes, counts.retained_blocks), (0, 0));
}
