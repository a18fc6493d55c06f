//! The engine `dhat`: the process's, so it has a test binary of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "the workload makes its blocks itself")]

mod engines;
mod quiet;

use std::hint::black_box;

use highwater_alloc::{Alloc, Counts, Engine, EngineError, Peak, Window, is_counting, live_bytes, set_limit};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

/// One test function: a second one would allocate in the first one's window.
#[test]
fn dhat_tells_what_was_done_and_counts_a_reallocation_as_a_block() {
    quiet::wait();
    let mut early = black_box(vec![1_u8; 100_000]);
    Engine::Dhat.choose().unwrap();
    assert!(is_counting());
    assert_eq!(Engine::Dhat.choose(), Err(EngineError::Chosen(Engine::Dhat)));
    assert_eq!(set_limit(1, |_| panic!("no limit is set")), Err(EngineError::NoLimit(Engine::Dhat)));

    let (counts, done) = engines::run();
    let expected = Counts {
        peak: Some(Peak { bytes: done.peak_bytes, slack_bytes: 0 }),
        retained_bytes: done.live_bytes,
        retained_blocks: done.live_blocks,
        // Its whole new size, and not what it grew by.
        total_bytes: done.total_bytes + done.kept_bytes,
        total_blocks: done.total_blocks + done.reallocs,
        reallocs: None,
    };
    assert_eq!(counts, Some(expected));
    drop(done);

    a_peak_below_an_older_one_is_not_known();
    let before = live_bytes().unwrap();
    early.truncate(1_000);
    early.shrink_to_fit();
    assert_eq!(live_bytes(), Some(before + 1_000), "a block from before the choice is a new one");
    drop(early);
    assert_eq!(live_bytes(), Some(before));
}

fn a_peak_below_an_older_one_is_not_known() {
    let window = Window::open();
    drop(black_box(vec![1_u8; 1_000]));
    let counts = window.read().unwrap();
    assert_eq!((counts.peak, counts.total_bytes), (None, 1_000));
}
