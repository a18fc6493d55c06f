//! One workload at several sizes of its input, and the growth that is declared for it. Running a size is `parent`'s, fitting the
//! growth `highwater-model`'s.

use std::io;
use std::path::Path;

use highwater_model::{
    Cause, Class, DeclaredScaling, Failure, Injection, Measurement, Metric, Scaling, ScenarioResult, SiteReport,
    SizePoint, Verdict,
};

use crate::control::{Event, Mode};
use crate::drive::Workload;
use crate::parent::{self, Ran, Surroundings};
use crate::scenario::check_name;
use crate::suite::Entry;
use crate::{Scenario, culprits};

/// A workload at several sizes of its input: a test that fails when a metric, the peak if nothing else is said, grows faster with the
/// size than is declared.
///
/// Each size is a scenario, run once in a fresh process; nothing is compared with a baseline, so sizes can be added and scenarios
/// changed without accepting numbers. When it fails, call sites at the largest size are compared with those at the smallest.
/// `cargo highwater` has it in `list`, `check`, `self-test` and `explain`; there is nothing of it that `update` could accept.
///
/// ```
/// use highwater::{Class, Scenario, Sizes, Suite};
///
/// fn sum(items: u64) -> Scenario<impl highwater::Workload + Send + Sync> {
///     Scenario::new("sum").iterate(async move |_: &mut ()| {
///         std::hint::black_box((0..items).sum::<u64>());
///         Ok(())
///     })
/// }
///
/// let sizes = Sizes::new("sum-scaling", Class::Constant).at(1_000, sum(1_000)).at(100_000, sum(100_000));
/// let suite = Suite::new("my-worker").sizes(sizes);
/// # let _ = suite;
/// ```
#[derive(Debug)]
#[must_use = "sizes run as part of a suite"]
pub struct Sizes {
    pub(crate) name: String,
    pub(crate) ignored: Option<String>,
    pub(crate) steps: Vec<(u64, Entry)>,
    pub(crate) declared: Class,
    metric: Metric,
}

impl Sizes {
    /// A workload that grows no faster than declared. The name is unique within the suite, scenarios included.
    pub fn new(name: impl Into<String>, declared: Class) -> Self {
        Self { name: name.into(), ignored: None, steps: Vec::new(), declared, metric: Metric::PeakBytes }
    }

    /// The workload at one size: items, requests, rows. The scenario is called after both, `sum-scaling-1000`, whatever its own name.
    pub fn at<P: Workload + Send + Sync + 'static>(mut self, size: u64, scenario: Scenario<P>) -> Self {
        let mut entry = Entry::of(scenario);
        entry.declared.name = format!("{}-{size}", self.name);
        self.steps.push((size, entry));
        self
    }

    /// What is to grow no faster, in place of the peak.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Runs only with `--ignored` or `--include-ignored`, for this reason.
    pub fn ignored(mut self, reason: impl Into<String>) -> Self {
        self.ignored = Some(reason.into());
        self
    }

    /// What is wrong with the declaration, as far as it can be told before anything runs.
    pub(crate) fn problem(&self) -> Option<String> {
        let mut sizes: Vec<u64> = self.steps.iter().map(|&(size, _)| size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        match check_name("workload at several sizes", &self.name) {
            Err(problem) => Some(problem),
            Ok(()) if sizes.len() < 2 || sizes[0] == 0 => {
                Some(format!("`{}` has to be given at two different sizes above 0 at least", self.name))
            }
            Ok(()) => None,
        }
    }

    /// The entry of the largest size.
    fn largest(&self) -> Option<&(u64, Entry)> {
        self.steps.iter().max_by_key(|(size, _)| *size)
    }

    /// Runs every size once, fits the growth, and leaves the result in the folder of this name.
    ///
    /// # Errors
    /// When the result cannot be written. A size that fails is a result.
    pub(crate) fn run(&self, around: &Surroundings) -> io::Result<ScenarioResult> {
        let (suite, scenario) = (around.suite.clone(), self.name.clone());
        around.events.tell(&Event::Started { suite: suite.clone(), scenario: scenario.clone() });
        let folder = around.place.scenario(&suite, &scenario)?;
        let outcome = match around.control.mode {
            Mode::Profile => self.profile(around, &folder),
            _ => self.measure(around, &folder),
        };
        let outcome = outcome.unwrap_or_else(|failure| Outcome {
            failure: Some(failure),
            verdict: Verdict::Failed,
            ..Outcome::default()
        });
        let Outcome { verdict, measurement, failure, sites, scaling } = outcome;
        let result = ScenarioResult {
            format: ScenarioResult::FORMAT,
            suite,
            scenario,
            verdict,
            baseline: String::new(),
            measurement,
            comparison: None,
            failure,
            sites,
            scaling,
        };
        parent::leave(around, &folder, result)
    }

    /// Runs every size and fits the growth; where it is faster than declared, also what grew from the smallest to the largest.
    ///
    /// # Errors
    /// When a size fails to run, or nothing can be fitted.
    fn measure(&self, around: &Surroundings, folder: &Path) -> Result<Outcome, Failure> {
        let most = self.largest().map_or(0, |(size, _)| *size);
        let points: Result<Vec<SizePoint>, Failure> =
            self.steps.iter().map(|(size, entry)| self.point(around, *size, most, entry)).collect();
        let found = Scaling::fit(self.metric, points?)
            .map_err(|error| Failure::before_the_run(Cause::NotFitted(error.to_string())))?;
        let scaling = DeclaredScaling { declared: self.declared, found };
        let verdict = scaling.verdict();
        let is_to_be_explained = verdict == Verdict::Regressed && parent::is_ours(&around.control);
        let sites = is_to_be_explained.then(|| self.culprits(around, folder));
        Ok(Outcome { verdict, sites: sites.flatten(), scaling: Some(scaling), ..Outcome::default() })
    }

    /// One size.
    fn point(&self, around: &Surroundings, size: u64, most: u64, entry: &Entry) -> Result<SizePoint, Failure> {
        let injections: Vec<Injection> =
            around.control.injections.iter().map(|injection| injection.at_size(size, most)).collect();
        let at_size =
            |failure: Failure| Failure { cause: Cause::AtSize { size, cause: Box::new(failure.cause) }, ..failure };
        let sample = parent::sample_once(around, &entry.declared, &injections, &self.name).map_err(at_size)?;
        let value = sample.metrics.get(&self.metric).copied().ok_or_else(|| {
            at_size(Failure::before_the_run(Cause::NotFitted(format!("{} was not measured", self.metric))))
        })?;
        Ok(SizePoint { size, value })
    }

    /// What grew from the smallest to the largest size, where call sites can tell that.
    fn culprits(&self, around: &Surroundings, folder: &Path) -> Option<SiteReport> {
        let is_of_the_heap = matches!(self.metric, Metric::PeakBytes | Metric::RetainedBytes | Metric::RetainedBlocks);
        let (_, smallest) = self.steps.iter().min_by_key(|(size, _)| *size)?;
        let (_, largest) = self.largest()?;
        is_of_the_heap.then(|| {
            let beside =
                around.place.scenario(&around.suite, &smallest.declared.name).map_err(|error| error.to_string());
            let then = beside.and_then(|folder| parent::profile_once(around, &smallest.declared, &folder));
            let now = parent::profile_once(around, &largest.declared, folder);
            culprits::of_growth(self.metric, then, now, &parent::shown_profile(around, folder))
        })
    }

    /// Runs the largest size with its call stacks recorded.
    ///
    /// # Errors
    /// When no child ran.
    fn profile(&self, around: &Surroundings, folder: &Path) -> Result<Outcome, Failure> {
        let Some((size, entry)) = self.largest() else { return Ok(Outcome::default()) };
        let Ran { measured, mut sites } = parent::profile_alone(around, &entry.declared, folder)?;
        if let Some(sites) = &mut sites {
            sites.notes.push(format!("this is the largest size, {size}"));
        }
        Ok(match measured {
            Ok((measurement, _)) => Outcome { measurement: Some(measurement), sites, ..Outcome::default() },
            // It may have passed its limit, and then there is a profile all the same.
            Err(failure) => Outcome { verdict: Verdict::Failed, failure: Some(failure), sites, ..Outcome::default() },
        })
    }
}

/// What sizes came to.
struct Outcome {
    verdict: Verdict,
    measurement: Option<Measurement>,
    failure: Option<Failure>,
    sites: Option<SiteReport>,
    scaling: Option<DeclaredScaling>,
}

impl Default for Outcome {
    /// Nothing was compared.
    fn default() -> Self {
        Self { verdict: Verdict::New, measurement: None, failure: None, sites: None, scaling: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(sizes: &[u64]) -> Option<String> {
        let none = || Scenario::sync("x").iterate(|_| Ok(()));
        sizes.iter().fold(Sizes::new("s", Class::Constant), |all, &size| all.at(size, none())).problem()
    }

    #[test]
    fn a_workload_needs_two_sizes() {
        assert_eq!(problem(&[10, 100]), None);
        for sizes in [&[][..], &[10], &[10, 10], &[0, 10]] {
            assert!(problem(sizes).is_some_and(|problem| problem.contains("two different sizes above 0")), "{sizes:?}");
        }
    }

    #[test]
    fn a_scenario_is_called_after_workload_and_size() {
        let sizes = Sizes::new("sum", Class::Constant).at(10, Scenario::sync("x").iterate(|_| Ok(())));
        assert_eq!(sizes.steps[0].1.declared.name, "sum-10");
    }
}
