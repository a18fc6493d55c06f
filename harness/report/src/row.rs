//! The rows of a scenario in a table, as text cells: the same for a terminal and for markdown.

use std::collections::BTreeSet;

use highwater_model::{DeclaredScaling, Growth, Measurement, Metric, ScenarioResult, SizePoint, Unit, Verdict};

use crate::cell;

/// One metric of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) metric: String,
    pub(crate) baseline: String,
    pub(crate) now: String,
    pub(crate) change: String,
    pub(crate) allowed: String,
    pub(crate) spread: String,
    /// What this row came to; for a scenario that could not be compared, what the scenario came to, in its first row.
    pub(crate) verdict: Option<Verdict>,
}

impl Row {
    /// A row of what was measured, with nothing beside it.
    fn of(metric: String, now: String) -> Self {
        let none = || cell::NONE.to_owned();
        Self { metric, baseline: none(), now, change: none(), allowed: none(), spread: none(), verdict: None }
    }
}

/// The rows of a scenario: one for each metric that was measured, and one that says so when none was. Of a workload at several sizes:
/// its growth, and the metric at each size.
pub(crate) fn rows(result: &ScenarioResult) -> Vec<Row> {
    if let Some(scaling) = &result.scaling {
        return of_sizes(scaling);
    }
    let mut rows: Vec<Row> = metrics(result).into_iter().filter_map(|metric| row(result, metric)).collect();
    if rows.is_empty() {
        rows.push(Row::of(cell::NONE.to_owned(), cell::NONE.to_owned()));
    }
    let judged_by_metric = matches!(result.verdict, Verdict::Within | Verdict::Improved | Verdict::Regressed);
    if !judged_by_metric || rows.iter().all(|row| row.verdict.is_none()) {
        for row in &mut rows {
            row.verdict = None;
        }
        rows[0].verdict = Some(result.verdict);
    }
    rows
}

/// The rows of a workload at several sizes.
fn of_sizes(scaling: &DeclaredScaling) -> Vec<Row> {
    let DeclaredScaling { declared, found } = scaling;
    let growth = Row {
        allowed: declared.to_string(),
        verdict: Some(scaling.verdict()),
        ..Row::of(format!("{} by size", found.metric), format!("exponent {:.2}", found.exponent))
    };
    let at = |point: &SizePoint| {
        Row::of(format!("at {}", Unit::Count.show_amount(point.size)), cell::number(found.metric, point.value))
    };
    std::iter::once(growth).chain(found.points.iter().map(at)).collect()
}

/// Everything that can be told of the measured process, and what services saw.
fn metrics(result: &ScenarioResult) -> BTreeSet<Metric> {
    let measured = result.measurement.iter().flat_map(|measurement| &measurement.samples);
    let compared = result.comparison.iter().flat_map(|comparison| &comparison.metrics).map(|found| found.metric);
    let observed = measured.flat_map(|sample| sample.metrics.keys().copied());
    Metric::ALL.into_iter().chain(observed).chain(compared).collect()
}

/// The row of one metric; `None` when it was not measured.
fn row(result: &ScenarioResult, metric: Metric) -> Option<Row> {
    let measurement = result.measurement.as_ref();
    let tolerance = measurement.and_then(|measurement| measurement.tolerances.get(&metric));
    match result.comparison.as_ref().and_then(|comparison| comparison.metric(metric)) {
        Some(comparison) => Some(Row {
            metric: metric.to_string(),
            baseline: cell::number(metric, comparison.accepted.median),
            now: cell::number(metric, comparison.now.median),
            change: cell::change(comparison, tolerance),
            allowed: cell::allowed(comparison, tolerance),
            spread: cell::spread(metric, &comparison.now),
            verdict: comparison.verdict,
        }),
        None if measurement.is_some_and(|measurement| cannot_tell(measurement, metric)) => {
            Some(Row::of(metric.to_string(), "not enough iterations to tell".to_owned()))
        }
        None => measurement?.spread(metric).map(|now| Row {
            allowed: if tolerance.is_some() { cell::NONE.to_owned() } else { "not gated".to_owned() },
            spread: cell::spread(metric, &now),
            ..Row::of(metric.to_string(), cell::number(metric, now.median))
        }),
    }
}

/// Whether this is growth, which needs more iterations than the scenario has. Said of its bytes, not once more of its blocks.
fn cannot_tell(measurement: &Measurement, metric: Metric) -> bool {
    metric == Metric::GrowthBytes
        && measurement.tolerances.contains_key(&metric)
        && measurement.workload.iterations < Growth::LEAST_CHECKPOINTS as u64
}

/// Whether any of the results has more than one sample, so that a spread can be shown.
pub(crate) fn have_spread(results: &[ScenarioResult]) -> bool {
    results.iter().filter_map(|result| result.measurement.as_ref()).any(|measurement| measurement.samples.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_scenario_without_a_baseline_has_its_verdict_once() {
        let verdicts: Vec<_> = rows(&example::new()).iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, [Some(Verdict::New), None, None, None, None]);
    }

    #[test]
    fn a_failed_scenario_has_a_row_without_numbers() {
        let rows = rows(&example::failed());
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].now.as_str(), rows[0].verdict), ("-", Some(Verdict::Failed)));
    }

    #[test]
    fn growth_of_too_few_iterations_is_told_to_be_unknown() {
        let mut result = example::within();
        if let Some(measurement) = &mut result.measurement {
            measurement.tolerances.insert(Metric::GrowthBytes, highwater_model::Tolerance::EXACT);
        }
        let rows = rows(&result);
        assert_eq!((rows[3].metric.as_str(), rows[3].now.as_str()), ("growth", "not enough iterations to tell"));
    }

    #[test]
    fn a_metric_that_the_baseline_lacks_is_shown() {
        let mut result = example::within();
        if let Some(comparison) = &mut result.comparison {
            comparison.metrics.retain(|comparison| comparison.metric != Metric::TotalBytes);
        }
        let rows = rows(&result);
        assert_eq!((rows[3].metric.as_str(), rows[3].baseline.as_str()), ("total", "-"));
        assert_eq!(rows[3].now, "286.1 MiB");
    }
}
