//! `peak_alloc`: live and peak bytes in two shared counters.

#[global_allocator]
static ALLOC: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

fn main() {
    highwater_alloc_cost::serve();
}
