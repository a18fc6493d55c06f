//! No engine: the process's, so it has a test binary of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod quiet;

use std::hint::black_box;

use highwater_alloc::{Alloc, Engine, EngineError, Window, is_counting, live_bytes, peak_bytes, set_limit};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

#[test]
fn a_process_that_is_not_counted_knows_nothing() {
    quiet::wait();
    let early = black_box(vec![1_u8; 1_000]);
    assert!(is_counting());
    Engine::Off.choose().unwrap();
    assert!(!is_counting());
    assert_eq!(Engine::Counting.choose(), Err(EngineError::Chosen(Engine::Off)));
    assert_eq!(set_limit(1, |_| panic!("no limit is set")), Err(EngineError::NoLimit(Engine::Off)));
    let window = Window::open();
    let mut kept = black_box(vec![1_u8; 100_000]);
    kept.reserve_exact(900_000);
    kept.shrink_to(10);
    drop(early);
    assert!(!std::thread::spawn(is_counting).join().unwrap());
    assert_eq!((window.read(), live_bytes(), peak_bytes()), (None, None, None));
    assert_eq!(kept.len(), 100_000);
}
