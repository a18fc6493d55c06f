//! How many samples are taken, and when to stop. What a sample is, is the caller's.

use highwater_model::{Baseline, Comparison, Failure, Measurement, Sample, Verdict, compare};

use crate::Mode;

/// Takes samples into a measurement and compares it with the baseline, if there is one.
///
/// In [`Mode::Check`] the first sample decides when every gated metric is within its tolerance. When not, the majority of `most`
/// samples decides: more are taken until no further one could change any metric's verdict. Without a baseline, or with an
/// incomparable one, there is nothing to decide and one sample is taken. In [`Mode::Measure`] and
/// [`Mode::Sample`] all are taken and nothing is compared.
///
/// # Error rates
/// Let `p` be the probability that a sample of a metric lies above what is allowed, and `most` be 5. The metric regresses when the
/// first sample lies there and two of the next four do, so with the probability `p · (1 − (1−p)⁴ − 4p(1−p)³)`, about `6p³` where `p`
/// is small:
///
/// | `p` | 0.01 % | 1 % | 10 % | 50 % | 90 % | 99 % | 100 % |
/// |---|---|---|---|---|---|---|---|
/// | regressed | 6·10⁻¹² | 6·10⁻⁶ | 0.5 % | 34 % | 90 % | 99 % | 100 % |
///
/// A clean run (`p` small) is hardly ever called a regression, and a real one (`p` near 1) is missed about as often as its first
/// sample is within. Several metrics are judged by the same samples, so their error rates add up at most. One sample is all that a
/// clean run of a metric that repeats takes; three are what a regression takes.
///
/// # Errors
/// The failure of the first sample that failed.
pub(crate) fn take(
    mode: Mode,
    most: usize,
    mut measurement: Measurement,
    baseline: Option<&Baseline>,
    mut sample: impl FnMut(usize) -> Result<Sample, Failure>,
) -> Result<(Measurement, Option<Comparison>), Failure> {
    let mut each: Vec<Comparison> = Vec::new();
    loop {
        measurement.samples.push(sample(measurement.samples.len() + 1)?);
        let taken = measurement.samples.len();
        match (mode, baseline) {
            (Mode::Check, None) => return Ok((measurement, None)),
            (Mode::Check, Some(baseline)) => {
                each.push(compare(&last_alone(&measurement), baseline));
                if taken >= most || is_decided(&each, most) {
                    let comparison = compare(&measurement, baseline);
                    return Ok((measurement, Some(comparison)));
                }
            }
            _ if taken >= most => return Ok((measurement, None)),
            _ => {}
        }
    }
}

/// The measurement with its last sample alone.
fn last_alone(measurement: &Measurement) -> Measurement {
    let last = measurement.samples.len().saturating_sub(1);
    let mut alone = measurement.clone();
    alone.samples.drain(..last);
    alone
}

/// Whether the verdict of `most` samples is known from these.
fn is_decided(each: &[Comparison], most: usize) -> bool {
    if let [Comparison { verdict: Verdict::Within, .. }] = each {
        return true;
    }
    let all = || each.iter().flat_map(|comparison| &comparison.metrics);
    each.iter().any(|comparison| comparison.verdict == Verdict::Incomparable)
        || all().map(|found| found.metric).all(|metric| {
            let count =
                |verdict| all().filter(|found| found.metric == metric && found.verdict == Some(verdict)).count();
            let (above, below) = (count(Verdict::Regressed), count(Verdict::Improved));
            let (left, half) = (most - each.len(), most / 2);
            above > half || below > half || (above + left <= half && below + left <= half)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_model::{Cause, Engine, Metric, Provenance, Runtime, Tolerance, Workload};

    fn empty() -> Measurement {
        let workload = Workload { iterations: 1, runtime: Runtime::Sync, services: Default::default(), warm_up: 0 };
        Measurement {
            tolerances: [(Metric::PeakBytes, Tolerance::new(0.0, 10))].into(),
            ..Measurement::new(Engine::Counting, Provenance::default(), workload)
        }
    }

    fn sample(peak: i64) -> Sample {
        Sample { metrics: [(Metric::PeakBytes, peak)].into(), ..Sample::default() }
    }

    fn baseline() -> Baseline {
        let mut accepted = empty();
        accepted.samples.push(sample(1_000));
        Baseline::accept("s", "x", &accepted, None, None)
    }

    /// Takes up to 5 samples of these peaks in turn; returns how many were taken and the verdict.
    fn check(mode: Mode, baseline: Option<&Baseline>, peaks: &[i64]) -> (usize, Option<Verdict>) {
        let (measurement, comparison) =
            take(mode, 5, empty(), baseline, |number| Ok(sample(peaks[number - 1]))).unwrap();
        (measurement.samples.len(), comparison.map(|comparison| comparison.verdict))
    }

    #[test]
    fn a_first_sample_within_is_the_only_one() {
        assert_eq!(check(Mode::Check, Some(&baseline()), &[1_010]), (1, Some(Verdict::Within)));
    }

    #[test]
    fn a_first_sample_outside_asks_for_more_until_the_majority_is_known() {
        let baseline = baseline();
        let check = |peaks| check(Mode::Check, Some(&baseline), peaks);
        assert_eq!(check(&[1_011, 1_000, 1_000, 1_000]), (4, Some(Verdict::Within)));
        assert_eq!(check(&[1_011, 1_000, 1_011, 1_000, 1_011]), (5, Some(Verdict::Regressed)));
        assert_eq!(check(&[1_011, 1_000, 1_011, 1_000, 1_000]), (5, Some(Verdict::Within)));
        assert_eq!(check(&[1_011, 900, 1_000, 1_011, 900]), (5, Some(Verdict::Within)));
        assert_eq!(check(&[1_011, 1_011, 1_011]), (3, Some(Verdict::Regressed)));
        assert_eq!(check(&[900, 900, 900]), (3, Some(Verdict::Improved)));
    }

    /// The table of error rates, by going through all outcomes of five samples.
    #[test]
    fn the_documented_error_rates_are_those_of_the_rule() {
        let baseline = baseline();
        let rate = |p: f64| -> f64 {
            (0..32_u32)
                .filter(|outcome| {
                    let peaks: Vec<i64> = (0..5).map(|i| if outcome >> i & 1 == 1 { 1_011 } else { 1_000 }).collect();
                    check(Mode::Check, Some(&baseline), &peaks).1 == Some(Verdict::Regressed)
                })
                .map(|outcome| p.powi(outcome.count_ones() as i32) * (1.0 - p).powi(outcome.count_zeros() as i32 - 27))
                .sum()
        };
        for (p, regressed) in
            [(0.000_1, 6e-12), (0.01, 6e-6), (0.1, 0.005), (0.5, 0.34), (0.9, 0.9), (0.99, 0.99), (1.0, 1.0)]
        {
            assert!((rate(p) / regressed - 1.0).abs() < 0.05, "{p}: {}", rate(p));
        }
    }

    #[test]
    fn without_a_comparable_baseline_one_sample_is_taken() {
        assert_eq!(check(Mode::Check, None, &[1_000]), (1, None));
        let mut other = baseline();
        other.workload.iterations = 9;
        assert_eq!(check(Mode::Check, Some(&other), &[1_000]), (1, Some(Verdict::Incomparable)));
    }

    #[test]
    fn measuring_takes_all_and_compares_nothing() {
        assert_eq!(check(Mode::Measure, Some(&baseline()), &[1, 2, 3, 4, 5]), (5, None));
    }

    #[test]
    fn a_failed_sample_fails_the_scenario() {
        let failure = Failure::before_the_run(Cause::NoMessage);
        let taken = take(Mode::Check, 5, empty(), Some(&baseline()), |number| match number {
            1 => Ok(sample(2_000)),
            _ => Err(failure.clone()),
        });
        assert_eq!(taken.unwrap_err(), failure);
    }
}
