//! Memory regression tests: scenarios run in fresh processes under a counting allocator, and their peak and retained bytes are
//! compared with committed baselines.
//!
//! A test target with `harness = false` is a suite:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use highwater::{Scenario, Suite};
//!
//! #[global_allocator]
//! static ALLOC: highwater::Alloc = highwater::Alloc::new();
//!
//! fn main() -> ExitCode {
//!     Suite::new("my-worker")
//!         .scenario(
//!             Scenario::new("import")
//!                 .iterations(100)
//!                 .setup(async |_| Ok(Vec::new()))
//!                 .iterate(async |imported: &mut Vec<String>| {
//!                     imported.push("row".repeat(100));
//!                     Ok(())
//!                 }),
//!         )
//!         .main()
//! }
//! ```
//!
//! `cargo test` runs it, `cargo highwater update` accepts its numbers as `baselines/my-worker/import/<target>.json`, and from then
//! on a regression fails the test.
//!
//! # What is measured
//! Requested bytes of the child's Rust heap inside the *window*: after setup and warm-up, until the iterations are done and
//! nothing moves any more ([`Metric`]). The parent, its services and the harness's own messages are never in the numbers. Not
//! measured: C libraries' heaps, thread stacks, mapped files, fragmentation.
//!
//! # What a run needs
//! A [`Service`] is anything outside the measured process: a replayed API (`highwater-replay`), a database
//! (`highwater-services`). It starts in the parent, and the workload gets its URL from the [`Context`].

mod bench;
mod cgroup;
mod child;
mod context;
mod control;
mod culprits;
mod drive;
mod explain;
mod folder;
mod injection;
mod launch;
mod message;
mod parent;
mod phases;
mod place;
mod position;
mod process;
mod profiler;
mod provenance;
mod resources;
mod sampling;
mod scenario;
mod service;
mod settle;
mod sizes;
mod store;
mod suite;
mod timeline;

pub use bench::{Bench, Sampler};
pub use cgroup::{PeakCharge, kernel_limits};
pub use context::{Context, UnknownService};
pub use control::{Control, Event, Listing, Mode};
pub use culprits::{DRAWN_FROM_PROFILE, read_profile};
pub use drive::{Run, Workload};
pub use folder::Folder;
pub use highwater_alloc::Alloc;
pub use highwater_model::{Bytes, Class, Metric, Tolerance};
pub use launch::{Launch, Launcher};
pub use message::Report;
pub use phases::{Async, Blocking, BoxError, Iterate, Nothing, Setup, Teardown, Undefined};
pub use provenance::TARGET;
pub use scenario::{Phases, Scenario, Sync, Tokio};
pub use service::{Endpoint, Observations, RunningService, Service, ServiceError, ServiceFault};
pub use sizes::Sizes;
pub use store::{BaselineStore, StoreError, write_whole};
pub use suite::Suite;
