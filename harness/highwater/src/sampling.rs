//! How many samples are taken, and when to stop. What a sample is, is the caller's.

use highwater_model::{Baseline, Comparison, Failure, Measurement, Sample, Verdict, compare};

use crate::Mode;

/// Takes samples into a measurement and compares it with the baseline, if there is one.
///
/// In [`Mode::Check`] the first sample decides when every gated metric is within its tolerance. When not, all `most` samples are
/// taken and their median decides: one sample above the tolerance may be noise, the median of five is above it only when three
/// are. Without a baseline, or with an incomparable one, there is nothing to decide and one sample is taken. In
/// [`Mode::Measure`] all are taken and nothing is compared.
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
    loop {
        measurement.samples.push(sample(measurement.samples.len() + 1)?);
        let taken = measurement.samples.len();
        match (mode, baseline) {
            (Mode::Check, None) => return Ok((measurement, None)),
            (Mode::Check, Some(baseline)) => {
                let comparison = compare(&measurement, baseline);
                let settled = match comparison.verdict {
                    Verdict::Within => taken == 1,
                    Verdict::Incomparable => true,
                    _ => false,
                };
                if settled || taken >= most {
                    return Ok((measurement, Some(comparison)));
                }
            }
            _ if taken >= most => return Ok((measurement, None)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_model::{Cause, Metric, Provenance, Runtime, Tolerance, Workload};

    fn empty() -> Measurement {
        Measurement {
            provenance: Provenance {
                allocator: "system".into(),
                debug_assertions: false,
                lock_digest: "none".into(),
                opt_level: "3".into(),
                profile: "debug".into(),
                rustc: "1.95.0".into(),
                target: "t".into(),
            },
            samples: Vec::new(),
            tolerances: [(Metric::PeakBytes, Tolerance::new(0.0, 10))].into(),
            workload: Workload { iterations: 1, runtime: Runtime::Sync, services: Default::default(), warm_up: 0 },
        }
    }

    fn sample(peak: i64) -> Sample {
        Sample {
            growth: None,
            metrics: [(Metric::PeakBytes, peak)].into(),
            notes: Vec::new(),
            observations: Default::default(),
            child_micros: 1,
            window_micros: 1,
        }
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
    fn a_first_sample_outside_asks_for_all_and_the_median_decides() {
        let baseline = baseline();
        let check = |peaks| check(Mode::Check, Some(&baseline), peaks);
        assert_eq!(check(&[1_011, 1_000, 1_000, 1_000, 1_000]), (5, Some(Verdict::Within)));
        assert_eq!(check(&[1_011, 1_000, 1_011, 1_000, 1_011]), (5, Some(Verdict::Regressed)));
        assert_eq!(check(&[900, 900, 900, 900, 900]), (5, Some(Verdict::Improved)));
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
