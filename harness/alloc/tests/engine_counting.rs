//! This crate's own engine: the process's, as all are, so each has a test binary of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "the workload makes its blocks itself")]

mod engines;
mod quiet;

use highwater_alloc::{Alloc, Counts, Engine, Peak};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

#[test]
fn the_counting_engine_tells_what_was_done() {
    quiet::wait();
    Engine::Counting.choose().unwrap();
    let (counts, done) = engines::run();
    let expected = Counts {
        peak: Some(Peak { bytes: done.peak_bytes, slack_bytes: 0 }),
        retained_bytes: done.live_bytes,
        retained_blocks: done.live_blocks,
        total_bytes: done.total_bytes,
        total_blocks: done.total_blocks,
        reallocs: Some(done.reallocs),
    };
    assert_eq!(counts, Some(expected));
}
