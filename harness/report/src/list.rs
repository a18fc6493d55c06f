//! The scenarios there are, and what is accepted of each.

use highwater_model::{Baseline, Class, Metric};

use crate::cell;
use crate::layout::{Align, lay_out};

/// A scenario that a suite has.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The suite's name.
    pub suite: String,
    /// The scenario's name.
    pub scenario: String,
    /// Whether it runs only when asked for.
    pub ignored: bool,
    /// What is accepted of it.
    pub baseline: BaselineStatus,
}

/// What is accepted of a scenario on this target.
#[derive(Debug, Clone, PartialEq)]
pub enum BaselineStatus {
    /// These numbers.
    Accepted(Box<Baseline>),
    /// Nothing.
    Missing,
    /// There is a file, and it is no baseline of this scenario.
    Unreadable,
    /// Nothing, as it is a workload at several sizes, of which this growth is declared.
    Growth(Class),
}

/// The scenarios as a table, with a newline after each line.
pub fn list_table(all: &[Listed]) -> String {
    let columns = [
        ("suite", Align::Left),
        ("scenario", Align::Left),
        ("baseline", Align::Left),
        ("peak", Align::Right),
        ("retained", Align::Right),
        ("samples", Align::Right),
    ];
    let mut rows = Vec::new();
    let mut suite = "";
    for listed in all {
        let first = listed.suite != suite;
        suite = &listed.suite;
        let accepted = match &listed.baseline {
            BaselineStatus::Accepted(baseline) => Some(baseline),
            BaselineStatus::Missing | BaselineStatus::Unreadable | BaselineStatus::Growth(_) => None,
        };
        let number = |metric: Metric| {
            let spread = accepted.and_then(|baseline| baseline.metrics.get(&metric)).map(|accepted| accepted.spread);
            spread.map_or_else(|| cell::NONE.to_owned(), |spread| cell::number(metric, spread.median))
        };
        let samples = accepted.and_then(|baseline| baseline.metrics.values().map(|metric| metric.spread.samples).max());
        rows.push(vec![
            if first { suite.to_owned() } else { String::new() },
            if listed.ignored { format!("{} (ignored)", listed.scenario) } else { listed.scenario.clone() },
            match listed.baseline {
                BaselineStatus::Accepted(_) => "accepted".to_owned(),
                BaselineStatus::Missing => "missing".to_owned(),
                BaselineStatus::Unreadable => "unreadable".to_owned(),
                BaselineStatus::Growth(declared) => format!("{declared} growth"),
            },
            number(Metric::PeakBytes),
            number(Metric::RetainedBytes),
            samples.map_or_else(|| cell::NONE.to_owned(), |samples| samples.to_string()),
        ]);
    }
    lay_out(&columns, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn scenarios_stand_below_their_suite_with_what_is_accepted() {
        let listed = |suite: &str, scenario: &str, ignored, baseline| Listed {
            suite: suite.to_owned(),
            scenario: scenario.to_owned(),
            ignored,
            baseline,
        };
        let text = list_table(&[
            listed("ats-sync", "paged-first", false, BaselineStatus::Accepted(Box::new(example::baseline()))),
            listed("ats-sync", "upsert", true, BaselineStatus::Missing),
            listed("job-worker", "burst", false, BaselineStatus::Unreadable),
            listed("job-worker", "burst-scaling", false, BaselineStatus::Growth(Class::Linear)),
        ]);
        assert_eq!(
            text,
            "\x20 suite       scenario          baseline           peak  retained  samples
  ats-sync    paged-first       accepted       20.9 MiB   1,229 B        1
              upsert (ignored)  missing               -         -        -
  job-worker  burst             unreadable            -         -        -
              burst-scaling     linear growth         -         -        -
"
        );
    }
}
