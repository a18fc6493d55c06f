//! `divan`'s profiler: numbers of each thread by itself.

#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    highwater_alloc_cost::serve();
}
