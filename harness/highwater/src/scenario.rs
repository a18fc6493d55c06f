//! A scenario as its author declares it. Running it is `child`'s and `parent`'s.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use highwater_model::{Bytes, Metric, Runtime, Tolerance};

use crate::phases::{Async, Blocking, BoxError, Iterate, Nothing, Setup, Teardown, Undefined};
use crate::{Context, Service};

/// A named workload with its inputs, phases, services, limit and tolerances.
///
/// [`Scenario::new`] runs async phases on a current-thread tokio runtime, whose order of events is the same in every run;
/// [`Scenario::workers`] asks for a multi-thread runtime, whose peak is the scheduler's. [`Scenario::sync`] runs plain closures
/// without a runtime. Each sample runs in a fresh process: setup, warm-up iterations, settle, *open the window*, iterations,
/// settle, *close the window*, teardown.
///
/// ```
/// use highwater::{Bytes, Scenario};
///
/// struct Worker { seen: Vec<u64> }
///
/// let scenario = Scenario::new("import")
///     .warm_up(2)
///     .iterations(10)
///     .limit(Bytes::mib(128))
///     .setup(async |_| Ok(Worker { seen: Vec::new() }))
///     .iterate(async |worker: &mut Worker| {
///         worker.seen.push(7);
///         Ok(())
///     })
///     .teardown(async |worker: Worker| match worker.seen.len() {
///         12 => Ok(()),
///         n => Err(format!("{n} of 12 were imported").into()),
///     });
/// # let _ = scenario;
/// ```
#[must_use = "a scenario runs as part of a suite"]
pub struct Scenario<P> {
    pub(crate) declared: Declared,
    pub(crate) phases: P,
}

/// Async phases on a tokio runtime.
#[derive(Debug, Clone, Copy)]
pub struct Tokio;

/// Plain phases without a runtime.
#[derive(Debug, Clone, Copy)]
pub struct Sync;

/// The phases of a scenario: kind, setup, iteration and teardown.
#[derive(Debug, Clone, Copy)]
pub struct Phases<K, S, I, T> {
    pub(crate) kind: PhantomData<K>,
    pub(crate) setup: S,
    pub(crate) iterate: I,
    pub(crate) teardown: T,
}

/// Everything of a scenario that is not the author's code.
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) ignored: Option<String>,
    pub(crate) iterations: u64,
    pub(crate) limit: Option<Bytes>,
    pub(crate) runtime: Runtime,
    pub(crate) samples: usize,
    pub(crate) services: Vec<Box<dyn Service>>,
    pub(crate) settle: Duration,
    pub(crate) timeout: Duration,
    pub(crate) tolerances: BTreeMap<Metric, Tolerance>,
    pub(crate) variant: Option<String>,
    pub(crate) warm_up: u64,
}

impl<P> fmt::Debug for Scenario<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("name", &self.declared.name).finish_non_exhaustive()
    }
}

impl Declared {
    fn new(name: String, runtime: Runtime) -> Self {
        Self {
            name,
            ignored: None,
            iterations: 1,
            limit: None,
            runtime,
            samples: 5,
            services: Vec::new(),
            settle: Duration::from_secs(2),
            timeout: Duration::from_secs(300),
            tolerances: Metric::ALL.into_iter().filter_map(|m| Some((m, Tolerance::default_for(m)?))).collect(),
            variant: None,
            warm_up: 0,
        }
    }

    /// What is wrong with the declaration, as far as it can be told before anything runs.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Err(problem) = check_name("scenario", &self.name) {
            return Some(problem);
        }
        if self.iterations == 0 {
            return Some("it has no iterations: nothing would be measured".into());
        }
        if self.samples == 0 {
            return Some("it has no samples: nothing would be measured".into());
        }
        if self.runtime == Runtime::MultiThread(0) {
            return Some("it asks for 0 workers".into());
        }
        let mut names: Vec<&str> = self.services.iter().map(|service| service.name()).collect();
        names.sort_unstable();
        for metric in self.tolerances.keys() {
            if let Metric::Observed(observed) = metric
                && !names.contains(&observed.service())
            {
                return Some(format!(
                    "a tolerance is declared for `{}`, and no service is named `{}`",
                    observed.name(),
                    observed.service()
                ));
            }
        }
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| format!("two services are named `{}`", pair[0]))
    }
}

/// Names become folders and arguments: letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(format!(
            "{name:?} is no name for a {what}: use letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
        ))
    }
}

impl Scenario<Phases<Tokio, Nothing, Undefined, Nothing>> {
    /// A scenario whose phases are async, on a current-thread tokio runtime. Its name is unique within the suite; letters,
    /// digits, `-`, `_` and `.`.
    pub fn new(name: impl Into<String>) -> Self {
        Self::with_phases(Declared::new(name.into(), Runtime::CurrentThread))
    }

    /// Makes the state that the iterations work on. Runs before the window: what it keeps is told as [`Metric::StandingBytes`].
    pub fn setup<F, S>(self, setup: F) -> Scenario<Phases<Tokio, Async<F, S>, Undefined, Nothing>>
    where
        F: AsyncFn(&Context) -> Result<S, BoxError>,
    {
        self.with_setup(Async(setup, PhantomData))
    }
}

impl Scenario<Phases<Sync, Nothing, Undefined, Nothing>> {
    /// A scenario whose phases are plain closures, without a runtime. Its name is unique within the suite; letters, digits,
    /// `-`, `_` and `.`.
    pub fn sync(name: impl Into<String>) -> Self {
        Self::with_phases(Declared::new(name.into(), Runtime::Sync))
    }

    /// Makes the state that the iterations work on. Runs before the window: what it keeps is told as [`Metric::StandingBytes`].
    pub fn setup<F, S>(self, setup: F) -> Scenario<Phases<Sync, Blocking<F, S>, Undefined, Nothing>>
    where
        F: Fn(&Context) -> Result<S, BoxError>,
    {
        self.with_setup(Blocking(setup, PhantomData))
    }
}

impl<S: Setup, T> Scenario<Phases<Tokio, S, Undefined, T>> {
    /// One iteration of the workload: what is measured.
    pub fn iterate<F>(self, iterate: F) -> Scenario<Phases<Tokio, S, Async<F>, T>>
    where
        F: AsyncFn(&mut S::State) -> Result<(), BoxError>,
    {
        self.with_iterate(Async(iterate, PhantomData))
    }
}

impl<S: Setup, T> Scenario<Phases<Sync, S, Undefined, T>> {
    /// One iteration of the workload: what is measured.
    pub fn iterate<F>(self, iterate: F) -> Scenario<Phases<Sync, S, Blocking<F>, T>>
    where
        F: Fn(&mut S::State) -> Result<(), BoxError>,
    {
        self.with_iterate(Blocking(iterate, PhantomData))
    }
}

impl<S: Setup, I> Scenario<Phases<Tokio, S, I, Nothing>> {
    /// Checks the results and ends the state. Runs after the counters have been read; an error fails the scenario.
    pub fn teardown<F>(self, teardown: F) -> Scenario<Phases<Tokio, S, I, Async<F>>>
    where
        F: AsyncFn(S::State) -> Result<(), BoxError>,
    {
        self.with_teardown(Async(teardown, PhantomData))
    }

    /// Runs the phases on a multi-thread runtime with this many workers. The peak then depends on which tasks overlap: its
    /// tolerance is [`Tolerance::PEAK_OF_WORKERS`] unless declared. Retained bytes and totals are counted as exactly as ever, but
    /// the runtime keeps a block more or less, so no metric is taken for exact.
    pub fn workers(mut self, workers: usize) -> Self {
        self.declared.runtime = Runtime::MultiThread(workers);
        if let Some(tolerance) = self.declared.tolerances.get_mut(&Metric::PeakBytes).filter(|found| !found.declared) {
            *tolerance = Tolerance::PEAK_OF_WORKERS;
        }
        self
    }
}

impl<S: Setup, I> Scenario<Phases<Sync, S, I, Nothing>> {
    /// Checks the results and ends the state. Runs after the counters have been read; an error fails the scenario.
    pub fn teardown<F>(self, teardown: F) -> Scenario<Phases<Sync, S, I, Blocking<F>>>
    where
        F: Fn(S::State) -> Result<(), BoxError>,
    {
        self.with_teardown(Blocking(teardown, PhantomData))
    }
}

impl<P> Scenario<P> {
    /// Iterations inside the window; 1 when not said.
    pub fn iterations(mut self, iterations: u64) -> Self {
        self.declared.iterations = iterations;
        self
    }

    /// Iterations before the window, so that pools and caches fill outside it; 0 when not said.
    pub fn warm_up(mut self, iterations: u64) -> Self {
        self.declared.warm_up = iterations;
        self
    }

    /// Something outside the measured process that the workload needs. May be called several times; the services start in this
    /// order.
    pub fn with(mut self, service: impl Service + 'static) -> Self {
        self.declared.services.push(Box::new(service));
        self
    }

    /// A budget for the bytes live in the whole process during the iterations, warm-up included, such as the container's
    /// memory limit. The run stops when it is passed.
    pub fn limit(mut self, limit: Bytes) -> Self {
        self.declared.limit = Some(limit);
        self
    }

    /// How far a metric may move; also gates a metric that is only shown by default, and what a service saw
    /// ([`Metric::observed`]). See [`Tolerance::default_for`].
    pub fn tolerance(mut self, metric: Metric, tolerance: Tolerance) -> Self {
        self.declared.tolerances.insert(metric, tolerance);
        self
    }

    /// Shows a metric without gating it.
    pub fn ungated(mut self, metric: Metric) -> Self {
        self.declared.tolerances.remove(&metric);
        self
    }

    /// The most samples that a check takes when the first does not settle it; 5 when not said.
    pub fn samples(mut self, samples: usize) -> Self {
        self.declared.samples = samples;
        self
    }

    /// How long one sample may take before its child and all processes of its group are killed; 5 minutes when not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.declared.timeout = timeout;
        self
    }

    /// How long the harness waits for live bytes and tasks to stop moving before it opens and closes the window; 2 seconds when
    /// not said. A run that does not settle says so.
    pub fn settle(mut self, bound: Duration) -> Self {
        self.declared.settle = bound;
        self
    }

    /// That not the workload itself runs but this variant of it, where there is one: with a fault switched on, to see that the baseline
    /// convicts it, or with an experiment. Its numbers are compared with the scenario's baseline as ever, and reports name it;
    /// `cargo highwater update` accepts none of them, and a bench leaves no curve.
    pub fn variant(mut self, variant: Option<impl Into<String>>) -> Self {
        self.declared.variant = variant.map(Into::into);
        self
    }

    /// Runs only with `--ignored` or `--include-ignored`, for this reason.
    pub fn ignored(mut self, reason: impl Into<String>) -> Self {
        self.declared.ignored = Some(reason.into());
        self
    }
}

impl<K> Scenario<Phases<K, Nothing, Undefined, Nothing>> {
    fn with_phases(declared: Declared) -> Self {
        let phases = Phases { kind: PhantomData, setup: Nothing, iterate: Undefined, teardown: Nothing };
        Self { declared, phases }
    }

    fn with_setup<S: Setup>(self, setup: S) -> Scenario<Phases<K, S, Undefined, Nothing>> {
        let phases = Phases { kind: PhantomData, setup, iterate: Undefined, teardown: Nothing };
        Scenario { declared: self.declared, phases }
    }
}

impl<K, S: Setup, T> Scenario<Phases<K, S, Undefined, T>> {
    fn with_iterate<I: Iterate<S::State>>(self, iterate: I) -> Scenario<Phases<K, S, I, T>> {
        let Phases { kind, setup, teardown, .. } = self.phases;
        Scenario { declared: self.declared, phases: Phases { kind, setup, iterate, teardown } }
    }
}

impl<K, S: Setup, I> Scenario<Phases<K, S, I, Nothing>> {
    fn with_teardown<T: Teardown<S::State>>(self, teardown: T) -> Scenario<Phases<K, S, I, T>> {
        let Phases { kind, setup, iterate, .. } = self.phases;
        Scenario { declared: self.declared, phases: Phases { kind, setup, iterate, teardown } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem<P>(scenario: &Scenario<P>) -> String {
        scenario.declared.problem().unwrap_or_default()
    }

    #[test]
    fn the_peak_of_several_workers_has_a_wider_tolerance_unless_declared() {
        let declared = Tolerance::new(0.01, 0);
        let peak = |declared: &Declared| declared.tolerances[&Metric::PeakBytes];
        assert_eq!(peak(&Scenario::new("x").workers(2).declared), Tolerance::PEAK_OF_WORKERS);
        assert_eq!(peak(&Scenario::new("x").tolerance(Metric::PeakBytes, declared).workers(2).declared), declared);
        assert_eq!(peak(&Scenario::new("x").workers(2).tolerance(Metric::PeakBytes, declared).declared), declared);
    }

    #[test]
    fn a_wrong_declaration_is_told_before_anything_runs() {
        assert_eq!(problem(&Scenario::new("paged-first.v2_x")), "");
        assert!(problem(&Scenario::new("a/b")).contains("\"a/b\" is no name for a scenario"));
        assert!(problem(&Scenario::new("")).contains("no name"));
        assert!(problem(&Scenario::new("..")).contains("no name"));
        assert!(problem(&Scenario::new("x").iterations(0)).contains("no iterations"));
        assert!(problem(&Scenario::new("x").samples(0)).contains("no samples"));
        assert!(problem(&Scenario::new("x").workers(0)).contains("0 workers"));
        let keys = Metric::observed("redis", "keys");
        assert!(problem(&Scenario::new("x").tolerance(keys, Tolerance::EXACT)).contains("no service is named `redis`"));
    }
}
