//! Call sites of highwater, as plain values: read from what an engine recorded, named as their authors would, and matched with those
//! of a baseline.
//!
//! ```
//! use std::sync::Arc;
//! use highwater_model::Amount;
//! use highwater_profile::{Amounts, Measure, Profile, RawFrame, RawStack, Workspace, diff, explain};
//!
//! let frame = |function: &str, line| {
//!     let file = Some("/home/ada/worker/src/sync.rs".to_owned());
//!     Arc::new(RawFrame { function: Some(function.to_owned()), file, line: Some(line) })
//! };
//! let profile = |line, bytes| {
//!     let amount = Amount { blocks: 1, bytes };
//!     let frames = vec![frame("worker::sync::{closure#0}", line), frame("worker::main", 7)];
//!     let stack = RawStack { frames, amounts: Amounts { total: amount, peak: amount, retained: amount } };
//!     Profile::new([stack], &Workspace::new("/home/ada/worker", ["worker"]))
//! };
//! let baseline = profile(42, 1_000).top();
//! let moved = diff(&baseline.peak, &profile(45, 3_000), Measure::Peak, 2_000);
//! assert_eq!(
//!     explain(&moved, 10),
//!     "call sites by peak:
//!   grew by 2,000 B, from 1,000 B in 1 block to 3,000 B in 1 block
//!     worker::sync (closure), src/sync.rs:45
//!     called by worker::main
//! "
//! );
//! ```
//!
//! Data flows one way: [`read_dhat`] or [`symbolise`] yield [`RawStack`]s; [`Profile::new`] names and trims them for a [`Workspace`];
//! [`Profile::top`] is what a baseline keeps, [`diff`] compares a later profile with it, and [`explain`] says it in words.
//! [`write_dhat`] hands the stacks to other tools as they were recorded; drawing and encoding profiles is left to
//! `highwater-report`, so that a scenario links none of that. Nothing here opens a file, starts a process or asks the time.

mod dhat;
mod diff;
mod explain;
mod identity;
mod name;
mod normalise;
mod profile;
mod raw;
mod trim;
mod workspace;

#[cfg(test)]
mod example;

pub use dhat::{DhatAbout, DhatError, read_dhat, write_dhat};
pub use diff::diff;
pub use explain::{explain, explain_report, largest};
pub use identity::Identity;
pub use normalise::Frame;
pub use profile::{Profile, Site, Stack};
pub use raw::{AddressStack, Amounts, Measure, RawFrame, RawStack, symbolise};
pub use workspace::{Origin, Workspace};
