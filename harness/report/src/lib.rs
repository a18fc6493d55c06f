//! Results of highwater as text: tables for a terminal, markdown for the summary of a CI job, JSON for scripts; and the call sites
//! behind them for other tools. Every function takes plain values of `highwater-model` or `highwater-profile` and returns a
//! `String` or fills a writer; nothing here opens a file or asks the time.
//!
//! ```
//! use highwater_model::{Cause, Failure, ScenarioResult, Verdict};
//! use highwater_report::{Colour, table};
//!
//! let failed = ScenarioResult {
//!     format: ScenarioResult::FORMAT,
//!     suite: "ats-sync".into(),
//!     scenario: "paged-first".into(),
//!     verdict: Verdict::Failed,
//!     baseline: "baselines/ats-sync/paged-first/x86_64-unknown-linux-gnu.json".into(),
//!     measurement: None,
//!     comparison: None,
//!     failure: Some(Failure::before_the_run(Cause::NotCounting)),
//!     sites: None,
//!     scaling: None,
//! };
//! let text = table(&[failed], Colour::Never);
//! assert!(text.lines().nth(1).unwrap().starts_with("  ats-sync/paged-first  -"));
//! ```
//!
//! What `cargo highwater check` prints is [`table`], then [`explanations`], then [`summary`]; [`markdown`] holds the same in one
//! text, [`json`] the values themselves. [`accepted_table`] is for `update`, [`list_table`] for
//! `list`, [`self_test_report`] for `self-test` and [`fit_report`] for `fit`.
//!
//! A curve is printed as a [`curve_table`], drawn as a [`curve_svg`] and a [`curve_html`], and compared by [`frontier_report`].
//!
//! A profile is written as [`folded`] stacks, drawn as a [`flamegraph`] or, beside a baseline, as a [`differential_flamegraph`],
//! and handed to `go tool pprof` by [`write_pprof`]; [`profile_report`] is what `explain` prints of it.

mod accepted;
mod cell;
mod colour;
mod curve;
mod explanation;
mod fit;
mod json;
mod layout;
mod list;
mod markdown;
mod profile;
mod row;
mod self_test;
mod summary;
mod table;

#[cfg(test)]
mod example;

pub use accepted::{Accepted, accepted_table};
pub use colour::Colour;
pub use curve::{CurveDrawError, curve_html, curve_svg, curve_table, frontier_report};
pub use explanation::explanations;
pub use fit::fit_report;
pub use json::json;
pub use list::{BaselineStatus, Listed, list_table};
pub use markdown::markdown;
pub use profile::{
    Explained, FlamegraphError, ProfileFile, differential_flamegraph, differential_folded, flamegraph, folded,
    profile_report, write_pprof,
};
pub use self_test::self_test_report;
pub use summary::{duration, summary};
pub use table::table;
