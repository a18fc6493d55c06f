//! `cap`: live bytes in one shared counter, and a limit. Its peak is a feature, which is not asked for.

#[global_allocator]
static ALLOC: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

fn main() {
    highwater_alloc_cost::serve();
}
