//! The judgement: may these numbers follow those? A pure function of two values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Baseline, Engine, Measurement, Metric, Provenance, Runtime, Spread, Tolerance, resident};

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
    /// Every metric that both sides have, in their order; empty when the two are incomparable.
    pub metrics: Vec<MetricComparison>,
    /// [`Verdict::Within`], [`Verdict::Improved`], [`Verdict::Regressed`] or [`Verdict::Incomparable`].
    pub verdict: Verdict,
}

impl Comparison {
    /// This metric beside its accepted numbers; `None` when only one side has it, or the two are incomparable.
    pub fn metric(&self, metric: Metric) -> Option<&MetricComparison> {
        self.metrics.iter().find(|found| found.metric == metric)
    }
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
    /// Set when it has crept: it is within what the baseline allows, and yet too far above what somebody last accepted on purpose.
    pub drift: Option<Drift>,
    /// Absent when it is shown and not gated.
    pub verdict: Option<Verdict>,
}

/// How far a metric has risen since somebody accepted it on purpose, by steps of which each was small enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// The median that was accepted then, in the metric's unit.
    pub accepted: i64,
    /// How far the metric may rise above it, in its unit.
    pub allowed: u64,
}

impl Drift {
    /// Of a metric whose median is `now`; `None` when it has not risen further than the tolerance, or the baseline's spread.
    ///
    /// Exactness does not apply: an exact number that somebody refreshed may have moved a little.
    pub fn of(baseline: &Baseline, metric: Metric, tolerance: &Tolerance, now: i64) -> Option<Self> {
        let accepted = *baseline.acceptance.metrics.get(&metric)?;
        let width = baseline.metrics.get(&metric).map_or(0, |metric| metric.spread.width());
        let allowed = tolerance.alone(accepted).max(width);
        (now > accepted && now.abs_diff(accepted) > allowed).then_some(Self { accepted, allowed })
    }
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
/// of the time it was accepted for the reader. A gated metric whose median lies more than [`Tolerance::allowed`] above the
/// accepted median has regressed; that far below, improved. A gated metric that only one side has makes the two incomparable:
/// numbers that are not there cannot be within anything.
///
/// *Exact*: a metric that was the same in [enough](Spread::is_steady) samples may not move at all, unless its tolerance was
/// declared, or the compiler or the allocator is another one: then the standard library's own allocations may be others, too.
/// Nor on several workers, where samples that are alike are chance.
///
/// *Resident bytes* are judged beside the heap, unless their tolerance was declared: they may rise with its peak and by its
/// fragmentation, and regress where the heap does not explain them. They never improve, are never exact and do not drift: how much an
/// allocator keeps of what was given back is its own affair. What another engine than our own keeps for itself is resident, too, so
/// they are not judged with it.
///
/// *Standing bytes* are never exact: setup is the test's own, and holds paths that are others on another machine. A baseline that was
/// accepted before they were told gates nothing of them.
///
/// *Drift*: a metric that is within all this has regressed all the same when it is too far above what somebody last accepted on
/// purpose ([`Drift::of`]).
pub fn compare(measurement: &Measurement, baseline: &Baseline) -> Comparison {
    let mut differences = differences(measurement, baseline);
    let steady_by_nature = !matches!(measurement.workload.runtime, Runtime::MultiThread(_));
    let same_code_below = measurement.provenance.rustc == baseline.provenance.rustc
        && measurement.provenance.allocator == baseline.provenance.allocator;
    let mut metrics = Vec::new();
    let measured = measurement.samples.iter().flat_map(|sample| sample.metrics.keys());
    let either: BTreeSet<Metric> =
        baseline.metrics.keys().chain(measured).chain(measurement.tolerances.keys()).copied().collect();
    for metric in either {
        let beside_the_heap = |tolerance: &Tolerance| metric == Metric::RssBytes && !tolerance.declared;
        let tolerance = measurement
            .tolerances
            .get(&metric)
            .filter(|tolerance| !beside_the_heap(tolerance) || measurement.engine == Engine::Counting);
        match (baseline.metrics.get(&metric), measurement.spread(metric)) {
            (Some(accepted), Some(now)) => {
                let accepted = accepted.spread;
                let mut comparison =
                    MetricComparison { metric, accepted, now, allowed: None, drift: None, verdict: None };
                if let Some(tolerance) = tolerance.filter(|tolerance| beside_the_heap(tolerance)) {
                    let peak = measurement.spread(Metric::PeakBytes).map_or(0, |peak| peak.median);
                    let accepted_peak = baseline.metrics.get(&Metric::PeakBytes).map_or(0, |peak| peak.spread.median);
                    let allowed = resident::allowed(tolerance.absolute, &accepted, accepted_peak, peak);
                    let rose = u64::try_from(comparison.change()).unwrap_or(0);
                    comparison.allowed = Some(allowed);
                    comparison.verdict = Some(if rose > allowed { Verdict::Regressed } else { Verdict::Within });
                } else if let Some(tolerance) = tolerance {
                    let may_be_exact = !tolerance.declared && metric != Metric::StandingBytes;
                    let exact = may_be_exact && steady_by_nature && same_code_below && accepted.is_steady();
                    let allowed = if exact { 0 } else { tolerance.allowed(&accepted) };
                    comparison.allowed = Some(allowed);
                    if comparison.change().unsigned_abs() <= allowed {
                        comparison.drift = Drift::of(baseline, metric, tolerance, now.median);
                    }
                    comparison.verdict = Some(match (comparison.change(), comparison.drift) {
                        (_, Some(_)) => Verdict::Regressed,
                        (change, None) if change.unsigned_abs() <= allowed => Verdict::Within,
                        (change, None) if change > 0 => Verdict::Regressed,
                        _ => Verdict::Improved,
                    });
                }
                metrics.push(comparison);
            }
            // A metric that neither run could tell (growth of a few iterations) says nothing either way.
            (None, None) => {}
            (None, Some(_)) if metric == Metric::StandingBytes => {}
            // What another engine cannot tell is not its verdict.
            (Some(_), None) if measurement.engine != Engine::Counting => {}
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
    let mut differences = different([
        ("workload.iterations", was.iterations.to_string(), is.iterations.to_string()),
        ("workload.warm_up", was.warm_up.to_string(), is.warm_up.to_string()),
        ("workload.runtime", was.runtime.to_string(), is.runtime.to_string()),
    ]);
    differences.extend(build_differences(&baseline.provenance, &measurement.provenance));
    let identity = |services: &BTreeMap<String, String>, name: &str| {
        services.get(name).cloned().unwrap_or_else(|| "absent".to_owned())
    };
    let names: BTreeSet<&String> = was.services.keys().chain(is.services.keys()).collect();
    let services = names
        .into_iter()
        .map(|name| (format!("workload.services.{name}"), identity(&was.services, name), identity(&is.services, name)));
    differences.extend(different(services));
    differences
}

/// The fields in which two builds differ and that make their numbers incomparable.
pub(crate) fn build_differences(built: &Provenance, build: &Provenance) -> Vec<Difference> {
    different([
        ("provenance.target", built.target.clone(), build.target.clone()),
        ("provenance.profile", built.profile.clone(), build.profile.clone()),
        ("provenance.opt_level", built.opt_level.clone(), build.opt_level.clone()),
        ("provenance.debug_assertions", built.debug_assertions.to_string(), build.debug_assertions.to_string()),
    ])
}

fn different(fields: impl IntoIterator<Item = (impl Into<String>, String, String)>) -> Vec<Difference> {
    fields
        .into_iter()
        .filter(|(_, accepted, now)| accepted != now)
        .map(|(field, accepted, now)| Difference { field: field.into(), accepted, now })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::tests::measurement;

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
    fn what_another_engine_cannot_tell_is_not_compared() {
        let baseline = Baseline::accept("worker", "paged", &measurement(&[&full(1_000, 0, 5)]), None, None);
        let mut now = full(1_000, 0, 5);
        now.remove(0);
        let mut now = measurement(&[&now]);
        now.engine = Engine::StatsAlloc;
        let comparison = compare(&now, &baseline);
        assert_eq!((comparison.verdict, comparison.metrics.len()), (Verdict::Within, 2));
    }

    #[test]
    fn resident_bytes_regress_where_the_heap_does_not_explain_them() {
        const MIB: i64 = 1 << 20;
        let sample = |peak: i64, rss: i64| [(Metric::PeakBytes, peak * MIB), (Metric::RssBytes, rss * MIB)];
        let baseline = |samples: usize| {
            let accepted = vec![sample(100, 100); samples];
            let accepted: Vec<&[_]> = accepted.iter().map(|sample| &sample[..]).collect();
            Baseline::accept("worker", "paged", &measurement(&accepted), None, None)
        };
        let rss = |now: &Measurement| {
            let comparison = compare(now, &baseline(10));
            let rss = comparison.metric(Metric::RssBytes).unwrap();
            (rss.verdict, rss.allowed)
        };
        let within = |now: i64| rss(&measurement(&[&sample(100, now)])).0 == Some(Verdict::Within);
        assert!(within(10), "an allocator gave back what it held, which is no improvement");
        assert!(within(129), "the heap's fragmentation, and what a process has of its own");
        assert!(!within(130));
        assert!(rss(&measurement(&[&sample(200, 240)])).0 == Some(Verdict::Within), "the peak says it itself");

        let mut dhat = measurement(&[&sample(100, 900)]);
        dhat.engine = Engine::Dhat;
        assert_eq!(rss(&dhat), (None, None), "what an engine keeps for itself is not the workload's");
        let mut declared = measurement(&[&sample(100, 90)]);
        declared.tolerances.insert(Metric::RssBytes, Tolerance::new(0.0, 1));
        assert_eq!(rss(&declared), (Some(Verdict::Improved), Some(1)), "as its author says");
        declared.tolerances.remove(&Metric::RssBytes);
        assert_eq!(rss(&declared), (None, None));
    }

    #[test]
    fn what_setup_keeps_is_gated_within_a_tolerance_once_it_was_accepted() {
        let sample = |standing: i64| [(Metric::PeakBytes, 1_000), (Metric::StandingBytes, standing)];
        let accepted = [sample(1 << 20); 10];
        let accepted: Vec<&[_]> = accepted.iter().map(|sample| &sample[..]).collect();
        assert_eq!(verdict_of(&accepted, &[&sample((1 << 20) + 100)]).verdict, Verdict::Within, "a longer path");
        let regressed = verdict_of(&accepted, &[&sample(2 << 20)]);
        assert_eq!(regressed.verdict, Verdict::Regressed);
        assert_eq!(regressed.metric(Metric::StandingBytes).unwrap().verdict, Some(Verdict::Regressed));
        let before_they_were_told = [sample(0); 10];
        let older: Vec<&[_]> = before_they_were_told.iter().map(|sample| &sample[..1]).collect();
        assert_eq!(verdict_of(&older, &[&sample(2 << 20)]).verdict, Verdict::Within);
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
    fn a_number_that_was_always_the_same_is_exact() {
        let accept = |samples: usize| vec![full(1_000_000, 500, 7); samples];
        let verdict = |accepted: &[Vec<(Metric, i64)>], change: &dyn Fn(&mut Measurement)| {
            let accepted: Vec<&[_]> = accepted.iter().map(Vec::as_slice).collect();
            let baseline = Baseline::accept("worker", "paged", &measurement(&accepted), None, None);
            let mut now = measurement(&[&full(1_000_001, 500, 7)]);
            change(&mut now);
            let comparison = compare(&now, &baseline);
            assert_eq!(comparison.metrics[0].allowed == Some(0), comparison.verdict == Verdict::Regressed);
            comparison.verdict
        };
        assert_eq!(verdict(&accept(10), &|_| {}), Verdict::Regressed);
        assert_eq!(verdict(&accept(9), &|_| {}), Verdict::Within, "nine are too few to know");
        let mut unsteady = accept(9);
        unsteady.push(full(1_000_002, 500, 7));
        assert_eq!(verdict(&unsteady, &|_| {}), Verdict::Within);
        let declared = |m: &mut Measurement| {
            m.tolerances.insert(Metric::PeakBytes, Tolerance::new(0.0, 1));
        };
        assert_eq!(verdict(&accept(10), &declared), Verdict::Within);
        assert_eq!(verdict(&accept(10), &|m| m.provenance.rustc = "1.96.0".into()), Verdict::Within);
        assert_eq!(verdict(&accept(10), &|m| m.provenance.allocator = "jemalloc".into()), Verdict::Within);
        let mut workers = measurement(&accept(10).iter().map(Vec::as_slice).collect::<Vec<_>>());
        workers.workload.runtime = Runtime::MultiThread(2);
        let baseline = Baseline::accept("worker", "paged", &workers, None, None);
        workers.samples.truncate(1);
        workers.samples[0].metrics.insert(Metric::RetainedBlocks, 8);
        assert_eq!(compare(&workers, &baseline).verdict, Verdict::Within, "a block of the scheduler's");
    }

    #[test]
    fn small_steps_that_add_up_regress() {
        let mut baseline =
            Baseline::accept("worker", "paged", &measurement(&[&full(1_000_000, 0, 0)]), None, Some("on purpose"));
        let mut verdicts = Vec::new();
        for peak in [1_009_000, 1_018_000, 1_027_000] {
            let now = measurement(&[&full(peak, 0, 0)]);
            let comparison = compare(&now, &baseline);
            verdicts.push((comparison.verdict, comparison.metrics[0].drift));
            baseline = Baseline::accept("worker", "paged", &now, Some(&baseline), None);
        }
        let drift = Drift { accepted: 1_000_000, allowed: 20_000 };
        assert_eq!(verdicts, [(Verdict::Within, None), (Verdict::Within, None), (Verdict::Regressed, Some(drift)),]);
        let now = measurement(&[&full(1_027_000, 0, 0)]);
        let accepted = Baseline::accept("worker", "paged", &now, Some(&baseline), Some("larger pages"));
        assert_eq!(compare(&now, &accepted).verdict, Verdict::Within);
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
