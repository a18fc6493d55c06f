//! `tracking-allocator`, with a tracker that keeps live bytes in one shared counter.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use tracking_allocator::{AllocationGroupId, AllocationRegistry, AllocationTracker, Allocator};

#[global_allocator]
static ALLOC: Allocator<std::alloc::System> = Allocator::system();

static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Live;

impl AllocationTracker for Live {
    fn allocated(&self, _: usize, size: usize, _: usize, _: AllocationGroupId) {
        LIVE.fetch_add(size, Relaxed);
    }

    fn deallocated(&self, _: usize, size: usize, _: usize, _: AllocationGroupId, _: AllocationGroupId) {
        LIVE.fetch_sub(size, Relaxed);
    }
}

fn main() {
    AllocationRegistry::set_global_tracker(Live).expect("it is set once");
    AllocationRegistry::enable_tracking();
    highwater_alloc_cost::serve();
}
