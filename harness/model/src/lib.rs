//! Plain data and pure functions of highwater: what was measured, what was accepted, and whether the one may follow the
//! other. No I/O, no process, no clock: every value can be built by hand in a test.
//!
//! ```
//! use highwater_model::{Metric, Spread, Tolerance};
//!
//! let accepted = Spread::of(&[21_000_000, 21_000_400, 21_000_100]).unwrap();
//! let tolerance = Tolerance::new(0.02, 16 * 1024);
//! assert_eq!(accepted.median, 21_000_100);
//! assert_eq!(tolerance.allowed(&accepted), 420_002); // 2 % of the median, more than 16 KiB and more than the spread
//! assert_eq!(Metric::PeakBytes.unit().show(21_000_100), "20.0 MiB");
//! ```
//!
//! A [`Measurement`] (one or more [`Sample`]s of one scenario) is compared with a [`Baseline`] by [`compare`], which yields a
//! [`Comparison`] with a [`Verdict`] per metric and one for the whole. A run that yields no number is a [`Failure`] with its
//! [`Cause`], never a zero. [`ScenarioResult`] is what a finished scenario leaves for reports. [`TopSites`] are
//! the call sites behind the numbers, and a [`SiteDiff`] says which of them moved. A [`Scaling`] is how a number grows with the
//! size of the input; a [`Curve`] is time against peak over the knobs of a workload, and a [`Frontier`] what is accepted of one.

mod baseline;
mod bytes;
mod compare;
mod curve;
mod engine;
mod failure;
mod fit;
mod frontier;
mod growth;
mod injection;
mod limit;
mod measurement;
mod metric;
mod observed;
mod progress;
mod provenance;
mod remark;
mod resident;
mod result;
mod scaling;
mod self_test;
mod site;
mod spread;
mod timeline;
mod tolerance;
mod workload;

pub use baseline::{Acceptance, AcceptedMetric, Baseline, BaselineError};
pub use bytes::Bytes;
pub use compare::{Comparison, Difference, Drift, MetricComparison, Verdict, compare};
pub use curve::{Curve, CurveError, CurvePoint, Setting, fastest_within};
pub use engine::Engine;
pub use failure::{Cause, Failure};
pub use fit::{Fit, Found};
pub use frontier::{AcceptedPoint, Frontier, FrontierComparison, PointComparison};
pub use growth::{Checkpoint, Growth};
pub use injection::{Injection, InjectionKind, NotGated};
pub use limit::{Enforcer, Limit};
pub use measurement::{Headroom, Measurement, Sample};
pub use metric::{Metric, Unit};
pub use observed::Observed;
pub use progress::{Phase, Progress};
pub use provenance::Provenance;
pub use remark::remarks;
pub use result::{ResultError, ScenarioResult};
pub use scaling::{Class, DeclaredScaling, NotFitted, Scaling, SizePoint, growing_share};
pub use self_test::{Injected, SelfTest, Trial};
pub use site::{Amount, RestOfSites, SiteChange, SiteDiff, SiteList, SiteReport, TopSites};
pub use spread::Spread;
pub use timeline::{Moment, sparkline};
pub use tolerance::Tolerance;
pub use workload::{Runtime, Workload};
