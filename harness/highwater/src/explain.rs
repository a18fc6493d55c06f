//! What a test says about its scenario: a line when it passes, the reason and the remedy when it does not.

use std::fmt::Write as _;

use highwater_model::{MetricComparison, ScenarioResult, Verdict};
use highwater_profile::explain_report;

/// Whether the scenario's test passes. Without a baseline it does, unless `ci`.
pub(crate) fn passes(result: &ScenarioResult, ci: bool) -> bool {
    match result.verdict {
        Verdict::Within | Verdict::Improved => true,
        Verdict::New => !ci,
        Verdict::Incomparable | Verdict::Regressed | Verdict::Failed => false,
    }
}

/// One line for a scenario whose test passes: its gated metrics and what a reader should do, if anything.
pub(crate) fn summary(result: &ScenarioResult) -> String {
    let mut line = format!("{}/{}: {}", result.suite, result.scenario, result.verdict);
    if let Some(scaling) = &result.scaling {
        let _ = write!(line, ", {} grows {}", scaling.found.metric, scaling.found);
    }
    match (&result.comparison, &result.measurement) {
        (Some(comparison), _) => {
            for metric in comparison.metrics.iter().filter(|metric| metric.verdict.is_some()) {
                let _ = write!(
                    line,
                    ", {} {} ({})",
                    metric.metric,
                    metric.metric.unit().show(metric.now.median),
                    change(metric)
                );
            }
        }
        (None, Some(measurement)) => {
            for (metric, spread) in measurement.metrics() {
                let _ = write!(line, ", {metric} {}", metric.unit().show(spread.median));
            }
        }
        (None, None) => {}
    }
    if let Some(cost) = result.measurement.as_ref().and_then(|measurement| measurement.cost) {
        let _ = write!(line, "; counting takes {:.2} times the processor time", cost as f64 / 1_000.0);
    }
    for note in result.notes() {
        let _ = write!(line, "\n  note: {note}");
    }
    match result.verdict {
        Verdict::Improved if !result.is_of_variant() => {
            let _ = write!(line, "\n  the baseline is out of date: `{}`", accept(result));
        }
        Verdict::New if !result.is_of_variant() => {
            let _ = write!(
                line,
                "\n  it has no baseline and gates nothing yet: `{}`, then commit {}",
                accept(result),
                result.baseline
            );
        }
        _ => {}
    }
    line
}

/// The text of a failing test.
pub(crate) fn reason(result: &ScenarioResult) -> String {
    let mut text = String::new();
    match (result.verdict, &result.failure, &result.comparison) {
        (Verdict::Failed, Some(failure), _) => {
            let _ = write!(text, "{failure}");
        }
        (Verdict::Regressed, _, None) => {
            let scaling = result.scaling.as_ref();
            text.extend(scaling.and_then(|scaling| scaling.found.beyond(scaling.declared)));
        }
        (Verdict::Regressed, _, Some(comparison)) => {
            let regressed = comparison.metrics.iter().filter(|metric| metric.verdict == Some(Verdict::Regressed));
            let names: Vec<String> = regressed.map(|metric| metric.metric.to_string()).collect();
            let _ = writeln!(text, "regressed: {}\n", names.join(", "));
            table(&mut text, &comparison.metrics);
            let samples = result.measurement.as_ref().map_or(0, |measurement| measurement.samples.len());
            let _ = write!(text, "\n  median of {samples} samples against {}", result.baseline);
            if !result.is_of_variant() {
                let _ = write!(text, "\n  if this is meant: `{} --reason \"..\"`", accept(result));
            }
        }
        (Verdict::Incomparable, _, Some(comparison)) => {
            let _ = writeln!(text, "incomparable with {}:", result.baseline);
            for difference in &comparison.differences {
                let _ = writeln!(text, "  {difference}");
            }
            if !result.is_of_variant() {
                let _ = write!(text, "  if this is meant, accept new numbers: `{}`", accept(result));
            }
        }
        _ => {
            let _ =
                write!(text, "no baseline: {} does not exist, and under CI nothing passes ungated", result.baseline);
            if !result.is_of_variant() {
                let _ = write!(text, "; accept these numbers with `{}` and commit the file", accept(result));
            }
        }
    }
    for line in result.sites.iter().flat_map(explain_report) {
        let _ = write!(text, "\n  {line}");
    }
    for note in result.notes() {
        let _ = write!(text, "\n  note: {note}");
    }
    text
}

fn accept(result: &ScenarioResult) -> String {
    format!("cargo highwater update {}", result.scenario)
}

fn table(text: &mut String, metrics: &[MetricComparison]) {
    let heading = ["metric", "baseline", "now", "change", "allowed", ""].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(heading).chain(metrics.iter().map(row)).collect();
    // Columns stand where they always do, unless something in them is longer.
    let mut widths = [16, 15, 15, 11, 14];
    for (column, width) in widths.iter_mut().enumerate() {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        *width = (longest + 1).max(*width);
    }
    let [metric_width, accepted_width, now_width, change_width, allowed_width] = widths;
    for [metric, accepted, now, change, allowed, verdict] in rows {
        let line = format!(
            "  {metric:<metric_width$}{accepted:>accepted_width$}{now:>now_width$}{change:>change_width$}\
             {allowed:>allowed_width$}  {verdict}"
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// A metric as the cells of a row: its name, accepted, now, change, allowed, verdict.
fn row(metric: &MetricComparison) -> [String; 6] {
    let unit = metric.metric.unit();
    let allowed = metric.allowed.map_or_else(String::new, |allowed| match allowed {
        0 => "exact".to_owned(),
        allowed => format!("±{}", unit.show_amount(allowed)),
    });
    let mut verdict = metric.verdict.map_or_else(|| "not gated".to_owned(), |verdict| verdict.to_string());
    if let Some(drift) = metric.drift {
        let (then, allowed) = (unit.show(drift.accepted), unit.show_amount(drift.allowed));
        let _ = write!(verdict, " in small steps: {then} when last accepted with a reason, allowed since: {allowed}");
    }
    [
        metric.metric.to_string(),
        unit.show(metric.accepted.median),
        unit.show(metric.now.median),
        change(metric),
        allowed,
        verdict,
    ]
}

/// In percent of the accepted median; as an amount where that is 0 or where percents say nothing.
fn change(metric: &MetricComparison) -> String {
    match metric.relative_change() {
        Some(fraction) if fraction.abs() < 10.0 => format!("{:+.1} %", fraction * 100.0),
        _ => metric.metric.unit().show_change(metric.change()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_model::{Cause, Comparison, Difference, Drift, Failure, Metric, Spread};

    fn result(verdict: Verdict) -> ScenarioResult {
        ScenarioResult {
            format: ScenarioResult::FORMAT,
            suite: "worker".into(),
            scenario: "paged".into(),
            verdict,
            baseline: "baselines/worker/paged/t.json".into(),
            measurement: None,
            comparison: None,
            failure: None,
            sites: None,
            scaling: None,
        }
    }

    fn spread(median: i64) -> Spread {
        Spread { max: median, median, min: median, samples: 1 }
    }

    fn metric(metric: Metric, accepted: i64, now: i64, verdict: Option<Verdict>) -> MetricComparison {
        MetricComparison {
            metric,
            accepted: spread(accepted),
            now: spread(now),
            allowed: verdict.map(|_| 16_384),
            drift: None,
            verdict,
        }
    }

    #[test]
    fn a_regression_shows_the_numbers_and_how_to_accept_them() {
        let mut result = result(Verdict::Regressed);
        result.comparison = Some(Comparison {
            differences: Vec::new(),
            metrics: vec![
                metric(Metric::PeakBytes, 20 << 20, 60 << 20, Some(Verdict::Regressed)),
                metric(Metric::RetainedBytes, 0, 512, Some(Verdict::Within)),
                metric(Metric::TotalBlocks, 10, 10, None),
            ],
            verdict: Verdict::Regressed,
        });
        assert_eq!(
            reason(&result),
            "\
regressed: peak

  metric                 baseline            now     change       allowed
  peak                   20.0 MiB       60.0 MiB   +200.0 %     ±16.0 KiB  regressed
  retained                    0 B          512 B     +512 B     ±16.0 KiB  within
  total blocks                 10             10     +0.0 %                not gated

  median of 0 samples against baselines/worker/paged/t.json
  if this is meant: `cargo highwater update paged --reason \"..\"`"
        );
    }

    #[test]
    fn a_long_cell_widens_its_column() {
        let grown = metric(Metric::GrowthBytes, 0, 824_000, Some(Verdict::Regressed));
        let other = metric(Metric::TotalBlocks, 10, 10, None);
        let mut text = String::new();
        table(&mut text, &[grown, other]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "  metric                 baseline            now      change        allowed",
                "  growth                 0 B/iter     824 B/iter +824 B/iter ±16.384 B/iter  regressed",
                "  total blocks                 10             10      +0.0 %                 not gated",
            ]
        );
    }

    #[test]
    fn an_exact_metric_and_one_that_crept_are_told() {
        let mut result = result(Verdict::Regressed);
        let exact = MetricComparison { allowed: Some(0), ..metric(Metric::Fds, 1, 2, Some(Verdict::Regressed)) };
        let drift = Some(Drift { accepted: 20 << 20, allowed: 500_000 });
        let crept =
            MetricComparison { drift, ..metric(Metric::PeakBytes, 21 << 20, 21 << 20, Some(Verdict::Regressed)) };
        let metrics = vec![crept, exact];
        result.comparison = Some(Comparison { differences: Vec::new(), metrics, verdict: Verdict::Regressed });
        let reason = reason(&result);
        for line in [
            "±16.0 KiB  regressed in small steps: 20.0 MiB when last accepted with a reason, allowed since: 488.3 KiB\n",
            "+100.0 %         exact  regressed\n",
        ] {
            assert!(reason.contains(line), "{line:?} is not in\n{reason}");
        }
    }

    #[test]
    fn an_incomparable_baseline_names_the_fields() {
        let mut result = result(Verdict::Incomparable);
        result.comparison = Some(Comparison {
            differences: vec![Difference {
                field: "workload.iterations".into(),
                accepted: "1".into(),
                now: "2".into(),
            }],
            metrics: Vec::new(),
            verdict: Verdict::Incomparable,
        });
        let reason = reason(&result);
        assert!(reason.contains("\n  workload.iterations was 1, now 2\n"), "{reason}");
        assert!(reason.contains("cargo highwater update paged"), "{reason}");
    }

    #[test]
    fn a_failure_is_told_with_its_cause() {
        let mut result = result(Verdict::Failed);
        result.failure = Some(Failure::before_the_run(Cause::NoMessage));
        assert!(reason(&result).contains("left no message"));
    }

    #[test]
    fn only_ci_fails_without_a_baseline() {
        for (verdict, ci, passing) in [
            (Verdict::Within, true, true),
            (Verdict::Improved, true, true),
            (Verdict::New, false, true),
            (Verdict::New, true, false),
            (Verdict::Incomparable, false, false),
            (Verdict::Regressed, false, false),
            (Verdict::Failed, false, false),
        ] {
            assert_eq!(passes(&result(verdict), ci), passing, "{verdict:?} {ci}");
        }
        assert!(reason(&result(Verdict::New)).contains("cargo highwater update paged"));
        assert!(summary(&result(Verdict::New)).contains("commit baselines/worker/paged/t.json"));
    }
}
