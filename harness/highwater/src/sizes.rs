//! One workload at several sizes of its input, and the growth that is declared for it. Running a size is `parent`'s, fitting the
//! growth `highwater-model`'s.

use highwater_model::{Class, Metric, Scaling, SizePoint};

use crate::Scenario;
use crate::drive::Workload;
use crate::parent::{self, Surroundings};
use crate::scenario::check_name;
use crate::suite::Entry;

/// A workload at several sizes of its input: a test that fails when a metric, the peak if nothing else is said, grows faster with the
/// size than is declared.
///
/// Each size is a scenario, run once in a fresh process; nothing is compared with a baseline, so sizes can be added and scenarios
/// changed without accepting numbers. `cargo test` runs it; `cargo highwater`, whose numbers are a scenario's, does not.
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
    declared: Class,
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

    /// Runs every size once and fits the growth: a line that tells it.
    ///
    /// # Errors
    /// When a size fails to run, when the metric was not measured, and when it grows faster than declared.
    pub(crate) fn test(&self, around: &Surroundings) -> Result<String, String> {
        let mut points = Vec::with_capacity(self.steps.len());
        for (size, entry) in &self.steps {
            let name = &entry.declared.name;
            let sample = parent::sample_once(around, &entry.declared)
                .map_err(|error| format!("failed to write under {}: {error}", around.place.results.display()))?
                .map_err(|failure| format!("{name}: {failure}"))?;
            let value = *sample
                .metrics
                .get(&self.metric)
                .ok_or_else(|| format!("{name}: {} was not measured, so there is no growth to fit", self.metric))?;
            points.push(SizePoint { size: *size, value });
        }
        let scaling = Scaling::fit(self.metric, points).map_err(|error| error.to_string())?;
        match scaling.beyond(self.declared) {
            Some(problem) => Err(problem),
            None => Ok(format!("{}/{}: {} grows {scaling}", around.suite, self.name, self.metric)),
        }
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
