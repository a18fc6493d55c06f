//! What an update accepted, old numbers beside new ones.

use highwater_model::{AcceptedMetric, Baseline, Measurement, Metric, MetricComparison, Spread, Tolerance, compare};

use crate::cell;
use crate::layout::{Align, lay_out};

/// A baseline that was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// The baseline before; absent when there was none that could be read.
    pub previous: Option<&'a Baseline>,
    /// What was measured.
    pub measurement: &'a Measurement,
    /// The baseline now.
    pub baseline: &'a Baseline,
}

/// The accepted numbers as a table, grouped by scenario, and below it which old numbers are of another workload.
pub fn accepted_table(all: &[Accepted<'_>]) -> String {
    let columns = [
        ("scenario", Align::Left),
        ("metric", Align::Left),
        ("before", Align::Right),
        ("now", Align::Right),
        ("change", Align::Right),
        ("spread", Align::Right),
        ("samples", Align::Right),
    ];
    let mut rows = Vec::new();
    for accepted in all {
        let mut name = format!("{}/{}", accepted.baseline.suite, accepted.baseline.scenario);
        for (metric, AcceptedMetric { spread, tolerance }) in &accepted.baseline.metrics {
            let before =
                accepted.previous.and_then(|previous| previous.metrics.get(metric)).map(|before| before.spread);
            let (before, change) = match before {
                Some(before) => {
                    let change = cell::change(&moved(*metric, before, *spread, *tolerance), tolerance.as_ref());
                    (cell::number(*metric, before.median), change)
                }
                None => (cell::NONE.to_owned(), cell::NONE.to_owned()),
            };
            rows.push(vec![
                std::mem::take(&mut name),
                metric.to_string(),
                before,
                cell::number(*metric, spread.median),
                change,
                cell::spread(*metric, spread),
                spread.samples.to_string(),
            ]);
        }
    }
    let mut text = lay_out(&columns, &rows);
    for accepted in all {
        if let Some(remark) = other_workload(accepted) {
            let Baseline { suite, scenario, .. } = accepted.baseline;
            text.push_str(&format!("\n{suite}/{scenario}\n  {remark}\n"));
        }
    }
    text
}

fn moved(metric: Metric, accepted: Spread, now: Spread, tolerance: Option<Tolerance>) -> MetricComparison {
    let allowed = tolerance.map(|tolerance| tolerance.allowed(&accepted));
    MetricComparison { metric, accepted, now, allowed, drift: None, verdict: None }
}

/// What makes the old numbers and the new ones incomparable.
fn other_workload(accepted: &Accepted<'_>) -> Option<String> {
    let comparison = compare(accepted.measurement, accepted.previous?);
    let differences: Vec<String> = comparison.differences.iter().map(ToString::to_string).collect();
    (!differences.is_empty())
        .then(|| format!("the numbers before are of another workload or build: {}", differences.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn old_and_new_numbers_stand_side_by_side() {
        let previous = example::baseline();
        let measurement = example::measurement(&[
            [20_000_000, 1_000, 12, 300_000_000, 1_204_000],
            [20_000_400, 1_000, 12, 300_000_000, 1_204_123],
        ]);
        let first = Baseline::accept("ats-sync", "paged-first", &measurement, Some(&previous), None);
        let second = Baseline::accept("ats-sync", "upsert", &measurement, None, None);
        let text = accepted_table(&[
            Accepted { previous: Some(&previous), measurement: &measurement, baseline: &first },
            Accepted { previous: None, measurement: &measurement, baseline: &second },
        ]);
        assert_eq!(
            text,
            "\x20 scenario              metric              before        now  change  spread  samples
  ats-sync/paged-first  peak              20.9 MiB   19.1 MiB  -8.7 %   400 B        2
                        retained           1,229 B    1,000 B  -229 B     0 B        2
                        retained blocks         12         12       0       0        2
                        total            286.1 MiB  286.1 MiB     0 %     0 B        2
                        total blocks     1,204,123  1,204,000  -0.0 %     123        2
  ats-sync/upsert       peak                     -   19.1 MiB       -   400 B        2
                        retained                 -    1,000 B       -     0 B        2
                        retained blocks          -         12       -       0        2
                        total                    -  286.1 MiB       -     0 B        2
                        total blocks             -  1,204,000       -     123        2
"
        );
    }

    #[test]
    fn numbers_of_another_workload_are_told() {
        let previous = example::baseline();
        let mut measurement = example::measurement(&[[1, 2, 3, 4, 5]]);
        measurement.workload.iterations = 20;
        let baseline = Baseline::accept("ats-sync", "x", &measurement, Some(&previous), None);
        let text =
            accepted_table(&[Accepted { previous: Some(&previous), measurement: &measurement, baseline: &baseline }]);
        assert!(
            text.ends_with(
                "\nats-sync/x\n  the numbers before are of another workload or build: workload.iterations was 10, now 20\n"
            ),
            "{text}"
        );
    }
}
