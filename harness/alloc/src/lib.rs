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
//! let counts = window.read().expect("something counts");
//! let peak = counts.peak.expect("this crate's engine knows the peak");
//! assert_eq!((peak.bytes, counts.retained_bytes, counts.retained_blocks), (4_096, 8, 1));
//! assert_eq!(peak.slack_bytes, 0, "one thread: the peak is exact");
//! drop(row);
//! ```
//!
//! # What is counted
//! Requested bytes ([`Layout::size`](std::alloc::Layout::size)), the same under every inner allocator: no size classes, no
//! headers, no fragmentation. A reallocation counts as its difference in bytes and as no new block. A failed allocation counts
//! as nothing. What C libraries allocate, thread stacks and mapped files do not pass through a Rust allocator and are not seen.
//!
//! # How
//! Memory freed on another thread than it was made on is the normal case, so the numbers are the process's. But counters that all
//! threads share make every allocation wait for a locked instruction, and threads wait for each other. Here each thread adds to
//! counters of its own with plain instructions, in a *slot* that other threads may read and that outlives the thread: what a
//! thread counted stays in the sum, and the next thread counts on in the same slot. Bytes and blocks, live and in all, are sums
//! over the slots: exact at any moment at which no allocation is under way, under any number of threads.
//!
//! The peak is a property of the sum. A thread may move its live bytes by a *leeway* up and down before it looks at the others,
//! and remembers how high it was meanwhile. When it looks, the sum of what every thread may have been at its highest is a number
//! that the live bytes cannot have been above: [`Peak::bytes`] is the highest of these, never too low. The highest sum
//! that was certainly live at one moment is known as well; [`Peak::slack_bytes`] is the distance of the two.
//!
//! - While one thread is active, whichever it is and however many stand still, the slack is 0 and the peak is exact.
//! - Otherwise each thread that was active adds at most twice its leeway. The leeway is 1/1024 of the peak so far (counted from 0,
//!   not from what was live at the opening), divided by the number of threads, but from 4 KiB to 1 MiB. So a process of `T` threads
//!   whose peak is `T` x 4 MiB or more knows it to 1/512; below that, to `T` x 8 KiB.
//! - Each thread may also be in the middle of one allocation while another looks, which belongs to the peak or not, as one likes.
//!
//! The argument for both bounds, with the order of the loads and stores that it needs, is in `src/ledger.rs`.
//!
//! # What it costs
//! Some two dozen instructions an allocation, a dozen a free, none of them locked; one locked addition and sometimes a look at the
//! other slots when the leeway is used up. The hook allocates nothing and takes no lock. It works from the
//! first instruction of a process to the last of a thread: in destructors of thread-locals too, and after them. A slot is 128
//! bytes of the system's allocator; there are as many as there were ever threads at the same time ([`footprint_bytes`]). The crate's
//! README.md compares with the system's allocator and with six crates that count.
//!
//! # Engines
//! [`Engine::Sites`] counts the same and keeps, for each call stack, what it made, what of it was live at the peak, and what is
//! live now: [`call_stacks`]. How, and what it can tell, is in `src/sites.rs`; the README.md says what it costs.
//!
//! For a second opinion, [`Engine::choose`] lets the crate `stats_alloc` or `dhat` count instead, or nobody. On a deterministic
//! workload they agree to the byte, but for what [`Engine`] names; what one cannot tell is `None`.
//!
//! # What it misses
//! A process that forked without `exec` counts on with the slots of threads that are not there: not supported. Panics and
//! signals need nothing.
//!
//! All unsafe code of the project is in this crate.

#[expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
mod alloc;
mod engine;
#[expect(unsafe_code, reason = "asks the system's allocator")]
mod foreign;
#[expect(unsafe_code, reason = "calls go on to allocators of other crates")]
mod forward;
#[expect(unsafe_code, reason = "a thread's counters live in memory for which the counting allocator cannot ask itself")]
mod ledger;
mod limit;
mod sites;
mod slot;
mod stamped;
mod thread;
mod timeline;
mod window;
#[expect(unsafe_code, reason = "asks the system for memory")]
mod zeroed;

pub use alloc::Alloc;
pub use engine::{DhatProfile, Engine, EngineError};
pub use foreign::leak_foreign;
pub use limit::{Exceeded, lift_limit, set_limit};
pub use sites::{Amount, CallStack, SITES_VARIABLE, call_stacks, has_frame_pointers};
pub use timeline::{Moment, begin_timeline, timeline};
pub use window::{Counts, Peak, Window, footprint_bytes, is_counting, live_bytes, peak_bytes};
