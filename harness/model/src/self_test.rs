//! What came of injections into one scenario: whether the gate fired for the right metric.

use serde::{Deserialize, Serialize};

use crate::{Class, Injection, InjectionKind, Metric, MetricComparison, NotGated, ScenarioResult, Verdict};

/// A scenario whose gate was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// The suite's name.
    pub suite: String,
    /// The scenario's name.
    pub scenario: String,
    /// What the run without an injection came to. Where it is not within, nothing was injected.
    pub clean: Verdict,
    /// One for each kind of injection, in the order of [`InjectionKind::ALL`].
    pub trials: Vec<Trial>,
}

impl SelfTest {
    /// Whether the clean run was within, and every injection that could be convicted was.
    pub fn passed(&self) -> bool {
        let convicted = |trial: &Trial| matches!(trial, Trial::Caught(_) | Trial::NotGated { .. });
        self.clean == Verdict::Within && self.trials.iter().all(convicted)
    }
}

/// What came of one injection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trial {
    /// The scenario regressed, and the metric that was to convict it is among those that did.
    Caught(Injected),
    /// It did not.
    Missed(Injected),
    /// The run with the injection yielded no numbers.
    Failed {
        /// What was injected.
        injection: Injection,
        /// Why there are no numbers.
        cause: String,
    },
    /// Nothing was injected, since no size of it could be convicted.
    NotGated {
        /// What would have been injected.
        kind: InjectionKind,
        /// Why not.
        reason: String,
    },
}

/// An injection with the metric that was to convict it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injected {
    /// What was injected.
    pub injection: Injection,
    /// The metric that was to convict it.
    pub metric: Metric,
    /// That metric beside its accepted numbers; absent when the run could not be compared, and of a workload at several sizes.
    pub compared: Option<MetricComparison>,
    /// How a workload at several sizes grew with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Class>,
}

impl Trial {
    /// What came of an injection that this metric was to convict.
    pub fn of(injection: Injection, metric: Metric, result: &ScenarioResult) -> Self {
        if let Some(failure) = &result.failure {
            return Self::Failed { injection, cause: failure.to_string() };
        }
        let compared = result.comparison.as_ref().and_then(|comparison| comparison.metric(metric)).copied();
        let scaling = result.scaling.as_ref().filter(|scaling| scaling.found.metric == metric);
        let verdict = match scaling {
            Some(scaling) => Some(scaling.verdict()),
            None => compared.and_then(|compared| compared.verdict),
        };
        let convicted = verdict == Some(Verdict::Regressed);
        let growth = scaling.map(|scaling| scaling.found.class());
        let injected = Injected { injection, metric, compared, growth };
        if result.verdict == Verdict::Regressed && convicted { Self::Caught(injected) } else { Self::Missed(injected) }
    }

    /// An injection that was not made.
    pub fn not_gated(kind: InjectionKind, reason: NotGated) -> Self {
        Self::NotGated { kind, reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::tests::measurement;
    use crate::{Baseline, Cause, DeclaredScaling, Failure, Scaling, SizePoint, compare};

    const ACCEPTED: &[(Metric, i64)] = &[(Metric::RetainedBlocks, 10), (Metric::Fds, 0)];
    const INJECTION: Injection = Injection { kind: InjectionKind::Fds, size: 1 };

    /// The result of a run with these numbers.
    fn result(now: &[(Metric, i64)]) -> ScenarioResult {
        let accepted = Baseline::accept("worker", "paged", &measurement(&[ACCEPTED]), None, None);
        let comparison = compare(&measurement(&[now]), &accepted);
        ScenarioResult {
            format: ScenarioResult::FORMAT,
            suite: "worker".into(),
            scenario: "paged".into(),
            verdict: comparison.verdict,
            baseline: "baselines/worker/paged/t.json".into(),
            measurement: None,
            comparison: Some(comparison),
            failure: None,
            sites: None,
            scaling: None,
        }
    }

    #[test]
    fn only_the_metric_that_was_meant_convicts() {
        let of = |now: &[(Metric, i64)]| Trial::of(INJECTION, Metric::Fds, &result(now));
        assert!(matches!(of(&[(Metric::RetainedBlocks, 10), (Metric::Fds, 1)]), Trial::Caught(_)));
        assert!(matches!(of(&[(Metric::RetainedBlocks, 9_000), (Metric::Fds, 1)]), Trial::Caught(_)));
        assert!(matches!(of(ACCEPTED), Trial::Missed(_)));
        let another = of(&[(Metric::RetainedBlocks, 9_000), (Metric::Fds, 0)]);
        assert!(matches!(another, Trial::Missed(Injected { compared: Some(_), .. })), "{another:?}");
        let incomparable = of(&ACCEPTED[..1]);
        assert!(matches!(incomparable, Trial::Missed(Injected { compared: None, .. })), "{incomparable:?}");
    }

    #[test]
    fn at_several_sizes_growth_beyond_the_declared_convicts() {
        let of = |at_the_largest| {
            let points = [SizePoint { size: 10, value: 7 }, SizePoint { size: 100, value: at_the_largest }];
            let found = Scaling::fit(Metric::Fds, points).unwrap();
            let scaling = DeclaredScaling { declared: Class::Constant, found };
            let result = ScenarioResult {
                verdict: scaling.verdict(),
                comparison: None,
                scaling: Some(scaling),
                ..result(ACCEPTED)
            };
            Trial::of(INJECTION, Metric::Fds, &result)
        };
        assert!(matches!(of(70), Trial::Caught(Injected { growth: Some(Class::Linear), .. })));
        assert!(matches!(of(8), Trial::Missed(Injected { growth: Some(Class::Constant), .. })));
    }

    #[test]
    fn a_run_that_failed_convicts_nothing() {
        let failure = Failure::before_the_run(Cause::NoMessage);
        let failed = ScenarioResult {
            verdict: Verdict::Failed,
            comparison: None,
            failure: Some(failure.clone()),
            sites: None,
            scaling: None,
            ..result(ACCEPTED)
        };
        let trial = Trial::of(INJECTION, Metric::Fds, &failed);
        assert_eq!(trial, Trial::Failed { injection: INJECTION, cause: failure.to_string() });
    }

    #[test]
    fn a_missed_injection_and_a_clean_run_that_is_not_within_are_no_pass() {
        let injected = Injected { injection: INJECTION, metric: Metric::Fds, compared: None, growth: None };
        let passed = |clean, trials: &[Trial]| {
            SelfTest { suite: "worker".into(), scenario: "paged".into(), clean, trials: trials.to_vec() }.passed()
        };
        let (caught, missed) = (Trial::Caught(injected), Trial::Missed(injected));
        let not_gated = Trial::not_gated(InjectionKind::Tasks, NotGated::NotMeasured(Metric::Tasks));
        assert!(passed(Verdict::Within, &[caught.clone(), not_gated]));
        assert!(!passed(Verdict::Within, &[caught, missed]));
        assert!(!passed(Verdict::Within, &[Trial::Failed { injection: INJECTION, cause: "died".into() }]));
        assert!(!passed(Verdict::Improved, &[]));
    }
}
