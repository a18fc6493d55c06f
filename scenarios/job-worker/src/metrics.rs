//! What the worker counts about itself, as Prometheus metrics. Serving them is [`program::Exposition`]'s.

use std::time::Duration;

use prometheus::{Counter, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::observer::Outcome;

/// The worker's counters. Clones count into the same.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    attempts: IntCounterVec,
    seconds: Counter,
    under_way: IntGauge,
    removed: IntCounter,
}

impl Metrics {
    /// Counters at zero, in a registry of their own.
    pub fn new() -> Self {
        let attempts = Opts::new("job_worker_attempts_total", "Attempts at jobs, by how they ended.");
        let attempts = IntCounterVec::new(attempts, &["outcome"]).expect("a valid metric name");
        // A series that stands at zero from the start has a rate from the first increment on.
        for outcome in Outcome::ALL {
            attempts.with_label_values(&[outcome.name()]);
        }
        let seconds = Counter::new("job_worker_attempt_seconds_total", "Time spent on attempts.");
        let under_way = IntGauge::new("job_worker_under_way", "Attempts under way.");
        let removed = IntCounter::new("job_worker_removed_total", "Finished jobs removed from the queue.");
        let metrics = Self {
            registry: Registry::new(),
            attempts,
            seconds: seconds.expect("a valid metric name"),
            under_way: under_way.expect("a valid metric name"),
            removed: removed.expect("a valid metric name"),
        };
        let collectors: [Box<dyn prometheus::core::Collector>; 4] = [
            Box::new(metrics.attempts.clone()),
            Box::new(metrics.seconds.clone()),
            Box::new(metrics.under_way.clone()),
            Box::new(metrics.removed.clone()),
        ];
        for collector in collectors {
            metrics.registry.register(collector).expect("each name is registered once");
        }
        metrics
    }

    /// Where the metrics are registered, for those who serve or add to them.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Attempts that ended so.
    pub fn attempts(&self, outcome: Outcome) -> u64 {
        self.attempts.with_label_values(&[outcome.name()]).get()
    }

    /// An attempt is under way for as long as what is returned.
    pub(crate) fn under_way(&self) -> UnderWay {
        self.under_way.inc();
        UnderWay(self.under_way.clone())
    }

    pub(crate) fn attempt(&self, outcome: Outcome, took: Duration) {
        self.attempts.with_label_values(&[outcome.name()]).inc();
        self.seconds.inc_by(took.as_secs_f64());
    }

    pub(crate) fn removed(&self, jobs: u64) {
        self.removed.inc_by(jobs);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// An attempt under way, finished or cut off when it is dropped.
pub(crate) struct UnderWay(IntGauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}
