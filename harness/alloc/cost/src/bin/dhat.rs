//! `dhat`: a call stack for every allocation, behind one lock.

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() {
    // Testing mode writes no file at the end.
    let _profiler = dhat::Profiler::builder().testing().build();
    highwater_alloc_cost::serve();
}
