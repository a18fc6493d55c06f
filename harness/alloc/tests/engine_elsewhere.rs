//! A process whose global allocator is another.

use highwater_alloc::{Engine, EngineError, is_counting};

#[test]
fn no_engine_counts_what_does_not_pass_through_the_allocator() {
    assert!(!is_counting());
    for engine in [Engine::Counting, Engine::StatsAlloc, Engine::Dhat, Engine::Off] {
        assert_eq!(engine.choose(), Err(EngineError::NotTheAllocator));
    }
}
