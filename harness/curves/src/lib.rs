//! Benches of time against memory: a sweep over the knobs of a workload, each setting a scenario that is measured in fresh processes.
//! criterion does the statistics of both; what is left is a curve with its frontier.
//!
//! A bench target with `harness = false`:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use highwater_curves::highwater::{Bytes, Scenario, Workload};
//! use highwater_curves::{Setting, Sweep, knobs};
//!
//! #[global_allocator]
//! static ALLOC: highwater_curves::highwater::Alloc = highwater_curves::highwater::Alloc::new();
//!
//! fn import(name: String, page: usize) -> Scenario<impl Workload + Send + Sync> {
//!     Scenario::new(name).iterate(async move |_: &mut ()| {
//!         drop(vec![0_u8; page * 1_000]);
//!         Ok(())
//!     })
//! }
//!
//! fn main() -> ExitCode {
//!     [100, 200, 500]
//!         .into_iter()
//!         .fold(Sweep::new("import").limit(Bytes::mib(64)), |sweep, page| {
//!             sweep.point("paged", knobs([("page_size", page)]), |name| import(name, page))
//!         })
//!         .main()
//! }
//! ```
//!
//! `cargo bench` runs every point ten times and leaves `highwater/curves/<name>.json`, `.svg` and `.html` in the target directory;
//! `cargo highwater update --curves` accepts the frontier, `cargo highwater check --curves` gates it, and `cargo highwater recommend`
//! names the fastest point within a limit.
//!
//! # What is measured
//! The time of the window, taken inside the child, and the peak of the same run, by the counters of the gate. criterion is given both:
//! its reports, comparisons and named baselines (`--save-baseline`) hold for bytes as for time.

mod knob;
mod leave;
mod measure;
mod peak_bytes;
mod sweep;

pub use highwater;
pub use highwater_model::Setting;
pub use knob::knobs;
pub use peak_bytes::PeakBytes;
pub use sweep::Sweep;
