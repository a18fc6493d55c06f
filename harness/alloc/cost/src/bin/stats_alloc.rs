//! `stats_alloc`: totals in shared counters, no peak.

#[global_allocator]
static ALLOC: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

fn main() {
    highwater_alloc_cost::serve();
}
