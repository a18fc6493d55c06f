//! The judgement: may these numbers follow those? A pure function of two values.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Baseline, Measurement, Metric, Spread};

/// What a scenario, or one of its metrics, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No gated metric moved further than its tolerance.
    Within,
    /// A gated metric fell by more than its tolerance, and none rose by more.
    Improved,
    /// There is no baseline.
    New,
    /// The baseline is of another workload or another build.
    Incomparable,
    /// A gated metric rose by more than its tolerance.
    Regressed,
    /// The scenario yielded no numbers.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Within => "within",
            Self::Improved => "improved",
            Self::New => "new",
            Self::Incomparable => "incomparable",
            Self::Regressed => "regressed",
            Self::Failed => "failed",
        })
    }
}

/// A measurement beside the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What makes the two incomparable; empty when they can be compared.
    pub differences: Vec<Difference>,
    /// Every metric that either side has, in the order of [`Metric::ALL`]; empty when the two are incomparable.
    pub metrics: Vec<MetricComparison>,
    /// [`Verdict::Within`], [`Verdict::Improved`], [`Verdict::Regressed`] or [`Verdict::Incomparable`].
    pub verdict: Verdict,
}

/// One metric beside its accepted numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricComparison {
    /// Which.
    pub metric: Metric,
    /// What was accepted.
    pub accepted: Spread,
    /// What was measured.
    pub now: Spread,
    /// How far it may move, in its unit; absent when it is shown and not gated.
    pub allowed: Option<u64>,
    /// Absent when it is shown and not gated.
    pub verdict: Option<Verdict>,
}

impl MetricComparison {
    /// The median now, less the accepted median.
    pub const fn change(&self) -> i64 {
        self.now.median.saturating_sub(self.accepted.median)
    }

    /// The change as a fraction of the accepted median; `None` when that is 0.
    pub fn relative_change(&self) -> Option<f64> {
        (self.accepted.median != 0).then(|| self.change() as f64 / self.accepted.median.unsigned_abs() as f64)
    }
}

/// A field in which a measurement and a baseline differ, so that their numbers cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Its name in the baseline, such as `workload.iterations`.
    pub field: String,
    /// What the baseline has.
    pub accepted: String,
    /// What was run.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was {}, now {}", self.field, self.accepted, self.now)
    }
}

/// Compares a measurement with the baseline.
///
/// The measurement's own tolerances apply, which are those that the author's code declares today; the baseline records those
/// of the time it was accepted for the reader. A gated metric whose median lies more than
/// [`Tolerance::allowed`](crate::Tolerance::allowed) above the accepted median has regressed; that far below, improved. A gated
/// metric that only one side has makes the two incomparable: numbers that are not there cannot be within anything.
pub fn compare(measurement: &Measurement, baseline: &Baseline) -> Comparison {
    let mut differences = differences(measurement, baseline);
    let mut metrics = Vec::new();
    for metric in Metric::ALL {
        let tolerance = measurement.tolerances.get(&metric);
        match (baseline.metrics.get(&metric), measurement.spread(metric)) {
            (Some(accepted), Some(now)) => {
                let accepted = accepted.spread;
                let allowed = tolerance.map(|tolerance| tolerance.allowed(&accepted));
                let mut comparison = MetricComparison { metric, accepted, now, allowed, verdict: None };
                comparison.verdict = allowed.map(|allowed| {
                    if comparison.change().unsigned_abs() <= allowed {
                        Verdict::Within
                    } else if comparison.change() > 0 {
                        Verdict::Regressed
                    } else {
                        Verdict::Improved
                    }
                });
                metrics.push(comparison);
            }
            // A metric that neither run could tell (growth of a few iterations) says nothing either way.
            (None, None) => {}
            (accepted, now) if tolerance.is_some() => differences.push(Difference {
                field: format!("metrics.{}", metric.name()),
                accepted: presence(accepted.is_some()),
                now: presence(now.is_some()),
            }),
            _ => {}
        }
    }
    let verdict = if differences.is_empty() {
        // `Verdict` is ordered by how much it asks of the reader.
        metrics.iter().filter_map(|metric| metric.verdict).max().unwrap_or(Verdict::Within)
    } else {
        metrics.clear();
        Verdict::Incomparable
    };
    Comparison { differences, metrics, verdict }
}

fn presence(present: bool) -> String {
    if present { "recorded" } else { "absent" }.to_owned()
}

/// The fields of workload and provenance in which the two differ and that make numbers incomparable.
fn differences(measurement: &Measurement, baseline: &Baseline) -> Vec<Difference> {
    let (was, is) = (&baseline.workload, &measurement.workload);
    let (built, build) = (&baseline.provenance, &measurement.provenance);
    let mut fields = vec![
        ("workload.iterations".to_owned(), was.iterations.to_string(), is.iterations.to_string()),
        ("workload.warm_up".to_owned(), was.warm_up.to_string(), is.warm_up.to_string()),
        ("workload.runtime".to_owned(), was.runtime.to_string(), is.runtime.to_string()),
        ("provenance.target".to_owned(), built.target.clone(), build.target.clone()),
        ("provenance.profile".to_owned(), built.profile.clone(), build.profile.clone()),
        ("provenance.opt_level".to_owned(), built.opt_level.clone(), build.opt_level.clone()),
        (
            "provenance.debug_assertions".to_owned(),
            built.debug_assertions.to_string(),
            build.debug_assertions.to_string(),
        ),
    ];
    let identity = |services: &std::collections::BTreeMap<String, String>, name: &str| {
        services.get(name).cloned().unwrap_or_else(|| "absent".to_owned())
    };
    let names: std::collections::BTreeSet<&String> = was.services.keys().chain(is.services.keys()).collect();
    for name in names {
        fields.push((format!("workload.services.{name}"), identity(&was.services, name), identity(&is.services, name)));
    }
    fields
        .into_iter()
        .filter(|(_, accepted, now)| accepted != now)
        .map(|(field, accepted, now)| Difference { field, accepted, now })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::tests::measurement;
    use crate::{Runtime, Tolerance};

    /// Accepts the first samples, then compares the second with them.
    fn verdict_of(accepted: &[&[(Metric, i64)]], now: &[&[(Metric, i64)]]) -> Comparison {
        let baseline = Baseline::accept("worker", "paged", &measurement(accepted), None, None);
        compare(&measurement(now), &baseline)
    }

    #[test]
    fn the_tolerance_is_the_last_value_within() {
        for (now, verdict) in [
            (1_000_000, Verdict::Within),
            (1_020_000, Verdict::Within),
            (1_020_001, Verdict::Regressed),
            (980_000, Verdict::Within),
            (979_999, Verdict::Improved),
        ] {
            let comparison = verdict_of(&[&full(1_000_000, 0, 0)], &[&full(now, 0, 0)]);
            assert_eq!(comparison.verdict, verdict, "{now}");
        }
    }

    fn full(peak: i64, retained: i64, blocks: i64) -> Vec<(Metric, i64)> {
        vec![(Metric::PeakBytes, peak), (Metric::RetainedBytes, retained), (Metric::RetainedBlocks, blocks)]
    }

    #[test]
    fn one_regressed_metric_outweighs_an_improved_one() {
        let comparison = verdict_of(&[&full(1_000_000, 500_000, 100)], &[&full(500_000, 900_000, 100)]);
        let verdicts: Vec<_> = comparison.metrics.iter().map(|metric| metric.verdict).collect();
        assert_eq!(verdicts, [Some(Verdict::Improved), Some(Verdict::Regressed), Some(Verdict::Within)]);
        assert_eq!(comparison.verdict, Verdict::Regressed);
    }

    #[test]
    fn a_value_inside_the_recorded_spread_is_within_whatever_the_tolerance() {
        let accepted = [full(1_000_000, 0, 0), full(1_000_000, 0, 0), full(1_200_000, 0, 0)];
        let accepted: Vec<&[_]> = accepted.iter().map(Vec::as_slice).collect();
        assert_eq!(verdict_of(&accepted, &[&full(1_200_000, 0, 0)]).verdict, Verdict::Within);
        assert_eq!(verdict_of(&accepted, &[&full(1_200_001, 0, 0)]).verdict, Verdict::Regressed);
    }

    #[test]
    fn the_median_of_several_samples_decides() {
        let now = [full(9_000_000, 0, 0), full(1_000_000, 0, 0), full(1_000_001, 0, 0)];
        let now: Vec<&[_]> = now.iter().map(Vec::as_slice).collect();
        assert_eq!(verdict_of(&[&full(1_000_000, 0, 0)], &now).verdict, Verdict::Within);
    }

    #[test]
    fn a_metric_that_is_not_gated_is_shown_and_never_decides() {
        let mut accepted = full(1_000, 0, 0);
        let mut now = accepted.clone();
        accepted.push((Metric::TotalBytes, 1_000));
        now.push((Metric::TotalBytes, 1_000_000_000));
        let comparison = verdict_of(&[&accepted], &[&now]);
        assert_eq!(comparison.verdict, Verdict::Within);
        let total = comparison.metrics.last().unwrap();
        assert_eq!((total.metric, total.verdict, total.change()), (Metric::TotalBytes, None, 999_999_000));
    }

    #[test]
    fn a_gated_metric_that_was_not_measured_is_never_within() {
        let mut now = full(1_000, 0, 0);
        now.remove(0);
        let comparison = verdict_of(&[&full(1_000, 0, 0)], &[&now]);
        assert_eq!(comparison.verdict, Verdict::Incomparable);
        assert_eq!(comparison.differences[0].to_string(), "metrics.peak_bytes was recorded, now absent");
    }

    #[test]
    fn another_workload_or_build_is_incomparable_and_named() {
        let reference = measurement(&[&full(1_000, 0, 0)]);
        let baseline = Baseline::accept("worker", "paged", &reference, None, None);
        let check = |change: &dyn Fn(&mut Measurement), said: &str| {
            let mut now = reference.clone();
            change(&mut now);
            let comparison = compare(&now, &baseline);
            assert_eq!(comparison.verdict, Verdict::Incomparable, "{said}");
            assert_eq!(comparison.differences.iter().map(ToString::to_string).collect::<Vec<_>>(), [said]);
            assert!(comparison.metrics.is_empty());
        };
        check(&|m| m.workload.iterations = 20, "workload.iterations was 10, now 20");
        check(&|m| m.workload.warm_up = 0, "workload.warm_up was 1, now 0");
        check(&|m| m.workload.runtime = Runtime::MultiThread(2), "workload.runtime was current-thread, now 2 workers");
        check(
            &|m| drop(m.workload.services.insert("api".into(), "f00".into())),
            "workload.services.api was absent, now f00",
        );
        check(&|m| m.provenance.opt_level = "0".into(), "provenance.opt_level was 3, now 0");
        check(&|m| m.provenance.profile = "release".into(), "provenance.profile was debug, now release");
        check(&|m| m.provenance.debug_assertions = true, "provenance.debug_assertions was false, now true");
    }

    #[test]
    fn what_is_only_shown_in_the_provenance_does_not_matter() {
        let reference = measurement(&[&full(1_000, 0, 0)]);
        let baseline = Baseline::accept("worker", "paged", &reference, None, None);
        let mut now = reference;
        now.provenance.rustc = "1.96.0".into();
        now.provenance.lock_digest = "none".into();
        now.provenance.allocator = "jemalloc".into();
        assert_eq!(compare(&now, &baseline).verdict, Verdict::Within);
    }

    #[test]
    fn the_tolerance_of_today_s_code_applies() {
        let reference = measurement(&[&full(1_000_000, 0, 0)]);
        let baseline = Baseline::accept("worker", "paged", &reference, None, None);
        let mut now = measurement(&[&full(1_010_000, 0, 0)]);
        now.tolerances.insert(Metric::PeakBytes, Tolerance::new(0.001, 0));
        assert_eq!(compare(&now, &baseline).verdict, Verdict::Regressed);
    }
}
