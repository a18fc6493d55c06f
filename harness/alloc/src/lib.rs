//! The counting global allocator of highwater: how many bytes and blocks a process has live, the most it ever had, and how
//! much it allocated in all.
//!
//! ```
//! use highwater_alloc::{Alloc, Window};
//!
//! #[global_allocator]
//! static ALLOC: Alloc = Alloc::new();
//!
//! let window = Window::open();
//! let page = vec![1_u8; 4_096];
//! drop(page);
//! let row = Box::new(7_u64);
//! let counts = window.read();
//! assert_eq!((counts.peak_bytes, counts.retained_bytes, counts.retained_blocks), (4_096, 8, 1));
//! drop(row);
//! ```
//!
//! # What is counted
//! Requested bytes ([`Layout::size`](std::alloc::Layout::size)), the same under every inner allocator: no size classes, no
//! headers, no fragmentation. A reallocation counts as its difference in bytes and as no new block. A failed allocation counts
//! as nothing. What C libraries allocate, thread stacks and mapped files do not pass through a Rust allocator and are not seen.
//!
//! # How
//! Counters are per process: memory freed on another thread than it was made on is the normal case. Live bytes are one atomic
//! number, and the peak is taken from each thread's own addition to it, so that it is a value which the number really had: live,
//! peak and totals are exact under any interleaving. The hook allocates nothing and takes no lock.
//!
//! # What it costs
//! Up to five atomic read-modify-writes an allocation and two a free, shared by all threads.
//!
//! All unsafe code of the project is in this crate.

mod alloc;
mod counters;
mod limit;
mod window;

pub use alloc::Alloc;
pub use limit::{Exceeded, lift_limit, set_limit};
pub use window::{Counts, Window, is_counting, live_bytes, peak_bytes};
