//! The system's allocator, which the others are compared with.

#[global_allocator]
static ALLOC: std::alloc::System = std::alloc::System;

fn main() {
    highwater_alloc_cost::serve();
}
