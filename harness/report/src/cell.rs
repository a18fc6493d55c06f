//! How numbers are written in the cells of a table: short, with a sign where they are changes, and a tolerance in the way in
//! which it was declared.

use highwater_model::{Metric, MetricComparison, Spread, Tolerance};

/// What stands in a cell for which there is no number.
pub(crate) const NONE: &str = "-";

/// A number of this metric.
pub(crate) fn number(metric: Metric, value: i64) -> String {
    metric.unit().show(value)
}

/// How far several samples lie apart; empty for one sample, which has no spread.
pub(crate) fn spread(metric: Metric, spread: &Spread) -> String {
    if spread.samples > 1 { metric.unit().show_amount(spread.width()) } else { NONE.to_owned() }
}

/// The change from the accepted median, in the way the tolerance is written, so that the two can be told against each other: as
/// a percentage, or in the metric's unit where an absolute tolerance decides and where a percentage would say nothing.
pub(crate) fn change(comparison: &MetricComparison, tolerance: Option<&Tolerance>) -> String {
    match (telling_change(comparison), is_absolute(comparison, tolerance)) {
        (Some(_), false) if comparison.change() == 0 => "0 %".to_owned(),
        (Some(relative), false) => format!("{:+.1} %", relative * 100.0),
        _ => comparison.metric.unit().show_change(comparison.change()),
    }
}

/// The change as a fraction of the accepted median, where that says something: from ten times the accepted number on,
/// "+58300.0 %" tells less than the number.
pub(crate) fn telling_change(comparison: &MetricComparison) -> Option<f64> {
    comparison.relative_change().filter(|relative| relative.abs() < 10.0)
}

/// How far the metric may move, to either side; `exact` where it may not.
pub(crate) fn allowed(comparison: &MetricComparison, tolerance: Option<&Tolerance>) -> String {
    match (comparison.allowed, tolerance) {
        (None, _) => "not gated".to_owned(),
        (Some(0), _) => "exact".to_owned(),
        (Some(_), Some(tolerance)) if !is_absolute(comparison, Some(tolerance)) => {
            format!("±{}", percent(tolerance.relative))
        }
        (Some(allowed), _) => format!("±{}", comparison.metric.unit().show_amount(allowed)),
    }
}

/// Whether the movement that is allowed comes from an absolute tolerance or the recorded spread rather than from a percentage.
fn is_absolute(comparison: &MetricComparison, tolerance: Option<&Tolerance>) -> bool {
    match (comparison.allowed, tolerance) {
        (Some(allowed), Some(tolerance)) => {
            let relative_alone = Tolerance { absolute: 0, ..*tolerance };
            allowed == 0 || relative_alone.alone(comparison.accepted.median) < allowed
        }
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A fraction as a percentage, with as many decimals as a tolerance is likely to have.
pub(crate) fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent != 0.0 && percent < 0.1 { format!("{percent:.3} %") } else { format!("{percent:.1} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cells `change` and `allowed` of one metric that was accepted with one sample.
    fn check(metric: Metric, accepted: i64, now: i64, tolerance: Option<Tolerance>, expect: [&str; 2]) {
        let point = |value| Spread { max: value, median: value, min: value, samples: 1 };
        let accepted = point(accepted);
        let allowed = tolerance.map(|tolerance| tolerance.allowed(&accepted));
        let comparison = MetricComparison { metric, accepted, now: point(now), allowed, drift: None, verdict: None };
        let tolerance = tolerance.as_ref();
        assert_eq!([change(&comparison, tolerance), super::allowed(&comparison, tolerance)], expect);
    }

    #[test]
    fn change_and_tolerance_are_written_alike() {
        let default = Tolerance::default_for(Metric::PeakBytes);
        check(Metric::PeakBytes, 20_000_000, 20_000_000, default, ["0 %", "±2.0 %"]);
        check(Metric::PeakBytes, 20_000_000, 20_000_001, default, ["+0.0 %", "±2.0 %"]);
        check(Metric::PeakBytes, 20_000_000, 19_000_000, default, ["-5.0 %", "±2.0 %"]);
        check(Metric::RetainedBytes, 1_200, 1_200, default, ["0 B", "±16.0 KiB"]);
        check(Metric::RetainedBytes, 1_200, 2_000_000, default, ["+1.9 MiB", "±16.0 KiB"]);
        check(Metric::RetainedBytes, 0, -512, default, ["-512 B", "±16.0 KiB"]);
        check(Metric::RetainedBlocks, 3, 90, Tolerance::default_for(Metric::RetainedBlocks), ["+87", "±16"]);
    }

    #[test]
    fn a_percentage_that_tells_nothing_is_not_written() {
        let relative = Some(Tolerance::new(0.5, 0));
        check(Metric::RetainedBytes, 100, 1_099, relative, ["+999.0 %", "±50.0 %"]);
        check(Metric::RetainedBytes, 100, 100_000, relative, ["+97.6 KiB", "±50.0 %"]);
        check(Metric::TotalBytes, 0, 100, None, ["+100 B", "not gated"]);
    }

    #[test]
    fn an_exact_tolerance_is_nothing_in_the_metric_s_unit() {
        check(Metric::PeakBytes, 1_000, 1_001, Some(Tolerance::EXACT), ["+1 B", "exact"]);
        check(Metric::TotalBlocks, 1_000, 1_000, Some(Tolerance::EXACT), ["0", "exact"]);
    }

    #[test]
    fn a_small_percentage_keeps_its_digits() {
        for (fraction, shown) in [(0.02, "2.0 %"), (0.001, "0.1 %"), (0.0005, "0.050 %"), (0.0, "0.0 %")] {
            assert_eq!(percent(fraction), shown);
        }
    }
}
