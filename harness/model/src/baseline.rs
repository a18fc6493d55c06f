//! The accepted numbers of one scenario on one target, and their form as text. Where the text is kept is the baseline
//! store's.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Measurement, Metric, Provenance, Spread, Tolerance, TopSites, Workload};

/// The accepted numbers of one scenario on one target.
///
/// As text it is JSON with `format` first, all other keys sorted, integers for bytes, no time and no host, so that a change of
/// numbers is a change of exactly those lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The version of this form; [`Baseline::FORMAT`] in what this version writes.
    pub format: u32,
    /// The last deliberate acceptance. It stays when numbers are only refreshed.
    pub acceptance: Acceptance,
    /// What counting costs in time: see [`Measurement::cost`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// The accepted numbers.
    pub metrics: BTreeMap<Metric, AcceptedMetric>,
    /// How the measured binary was built.
    pub provenance: Provenance,
    /// The scenario's name.
    pub scenario: String,
    /// Its largest call sites, which a regression is explained by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<TopSites>,
    /// The suite's name.
    pub suite: String,
    /// What was run.
    pub workload: Workload,
}

/// The medians that somebody accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The median of each metric at that time.
    pub metrics: BTreeMap<Metric, i64>,
    /// Why it was accepted; `first baseline` for the first.
    pub reason: String,
}

/// One accepted metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedMetric {
    /// The samples that were accepted.
    pub spread: Spread,
    /// How far it might move when it was accepted; absent for a metric that is shown only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
}

/// A text that is no baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// It is not JSON, or a field is missing, unknown or of another kind.
    #[error("line {line}, column {column}: {message}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1; 0 when the text ends early on an empty line.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A later version of highwater wrote it.
    #[error("it has format {found}, and this version of highwater reads up to {supported}")]
    NewerFormat {
        /// The format it has.
        found: u32,
        /// The newest format that is read.
        supported: u32,
    },
}

impl Baseline {
    /// The form that this version reads and writes.
    pub const FORMAT: u32 = 1;

    /// The reason of an acceptance that nobody gave a reason for.
    pub const FIRST: &str = "first baseline";

    /// Accepts a measurement. The previous baseline's acceptance is kept, unless `reason` makes this a deliberate one; a median
    /// that is lower than it was then lowers it, so that what was won is not lost again in small steps.
    ///
    /// # Panics
    /// When the measurement has no samples.
    pub fn accept(
        suite: &str,
        scenario: &str,
        measurement: &Measurement,
        previous: Option<&Self>,
        reason: Option<&str>,
    ) -> Self {
        assert!(!measurement.samples.is_empty(), "a measurement has at least one sample");
        let metrics: BTreeMap<Metric, AcceptedMetric> = measurement
            .metrics()
            .map(|(metric, spread)| {
                (metric, AcceptedMetric { spread, tolerance: measurement.tolerances.get(&metric).copied() })
            })
            .collect();
        // Numbers of another workload cannot have drifted from the old ones.
        let comparable = previous.filter(|previous| previous.workload == measurement.workload);
        let mut medians: BTreeMap<Metric, i64> =
            metrics.iter().map(|(metric, accepted)| (*metric, accepted.spread.median)).collect();
        let reason = match (reason, comparable) {
            (None, Some(Self { acceptance: last, .. })) => {
                for (metric, median) in &mut medians {
                    *median = last.metrics.get(metric).map_or(*median, |last| (*median).min(*last));
                }
                last.reason.as_str()
            }
            (reason, _) => reason.unwrap_or(Self::FIRST),
        };
        let acceptance = Acceptance { metrics: medians, reason: reason.to_owned() };
        Self {
            format: Self::FORMAT,
            acceptance,
            cost: measurement.cost,
            metrics,
            provenance: measurement.provenance.clone(),
            scenario: scenario.to_owned(),
            sites: measurement.sites.clone(),
            suite: suite.to_owned(),
            workload: measurement.workload.clone(),
        }
    }

    /// Reads the text of a baseline.
    ///
    /// # Errors
    /// When the text is malformed or of a newer format.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        parse_text(text, Self::FORMAT)
    }

    /// The text of the baseline, with a final newline.
    pub fn to_text(&self) -> String {
        to_text(self)
    }
}

/// Reads the text of what is accepted, in a form up to this one.
pub(crate) fn parse_text<T: DeserializeOwned>(text: &str, supported: u32) -> Result<T, BaselineError> {
    /// Read first, so that a newer form is refused as such and not for the fields it added.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let malformed = |error: serde_json::Error| BaselineError::Malformed {
        line: error.line(),
        column: error.column(),
        message: without_place(&error),
    };
    let Format { format: found } = serde_json::from_str(text).map_err(malformed)?;
    if found > supported {
        return Err(BaselineError::NewerFormat { found, supported });
    }
    serde_json::from_str(text).map_err(malformed)
}

/// The text of what is accepted, with a final newline.
pub(crate) fn to_text<T: Serialize>(accepted: &T) -> String {
    let mut text = serde_json::to_string_pretty(accepted).expect("it has string keys and finite numbers only");
    text.push('\n');
    text
}

/// The message of a JSON error without ` at line 3 column 5`, which is told apart.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::tests::measurement;

    fn baseline() -> Baseline {
        Baseline::accept("worker", "paged", &measurement(&[&[(Metric::PeakBytes, 2_000)]]), None, None)
    }

    #[test]
    fn a_baseline_survives_its_text() {
        let baseline = baseline();
        assert_eq!(Baseline::parse(&baseline.to_text()), Ok(baseline));
    }

    #[test]
    fn format_stands_first_and_all_other_keys_are_sorted() {
        fn assert_sorted(keys: &[&str]) {
            assert!(keys.is_sorted(), "{keys:?}");
        }
        let text = baseline().to_text();
        assert!(text.starts_with("{\n  \"format\": 1,\n"), "{text}");
        assert!(text.ends_with("}\n"), "{text}");
        for indent in ["  ", "    ", "      ", "        "] {
            let mut keys = Vec::new();
            for line in text.lines().skip(2) {
                match line.strip_prefix(indent) {
                    Some(rest) if rest.starts_with('"') => keys.extend(rest.split('"').nth(1)),
                    Some(rest) if rest.starts_with(' ') || rest.starts_with(['}', ']']) => {}
                    _ => {
                        assert_sorted(&keys);
                        keys.clear();
                    }
                }
            }
            assert_sorted(&keys);
        }
    }

    #[test]
    fn a_newer_format_is_refused_as_such() {
        let text = baseline().to_text().replacen("\"format\": 1", "\"format\": 7, \"novelty\": []", 1);
        assert_eq!(Baseline::parse(&text), Err(BaselineError::NewerFormat { found: 7, supported: 1 }));
    }

    #[test]
    fn a_malformed_text_is_reported_with_its_place() {
        let check = |text: &str, place: usize, word: &str| match Baseline::parse(text) {
            Err(BaselineError::Malformed { line, message, .. }) => {
                assert!(message.contains(word) && !message.contains(" at line "), "{message}");
                assert_eq!(line, place, "{message}");
            }
            other => panic!("{text}\nshould be malformed, not {other:?}"),
        };
        check("", 1, "EOF");
        check("{\n", 2, "EOF");
        check("<<<<<<< HEAD\n{}", 1, "expected value");
        let good = baseline().to_text();
        for (from, to, word) in [
            ("\"median\": 2000", "\"median\": \"2000\"", "invalid type"),
            ("\"median\"", "\"medium\"", "unknown field `medium`"),
            ("\"peak_bytes\"", "\"peak_bites\"", "unknown variant `peak_bites`"),
        ] {
            let text = good.replacen(from, to, 1);
            let place = 1 + text.lines().position(|line| line.contains(to)).expect("the text was changed");
            check(&text, place, word);
        }
    }

    #[test]
    fn refreshed_numbers_keep_the_last_deliberate_acceptance() {
        let first = baseline();
        let grown = measurement(&[&[(Metric::PeakBytes, 2_030)]]);
        let refreshed = Baseline::accept("worker", "paged", &grown, Some(&first), None);
        assert_eq!(refreshed.acceptance, first.acceptance);
        assert_eq!(refreshed.metrics[&Metric::PeakBytes].spread.median, 2_030);

        let fallen = measurement(&[&[(Metric::PeakBytes, 1_500)]]);
        let improved = Baseline::accept("worker", "paged", &fallen, Some(&refreshed), None);
        assert_eq!(improved.acceptance.metrics[&Metric::PeakBytes], 1_500, "what was won is kept");
        assert_eq!(improved.acceptance.reason, Baseline::FIRST);

        let accepted = Baseline::accept("worker", "paged", &grown, Some(&refreshed), Some("larger pages"));
        assert_eq!(accepted.acceptance.metrics[&Metric::PeakBytes], 2_030);
        assert_eq!(accepted.acceptance.reason, "larger pages");
    }

    #[test]
    fn another_workload_begins_a_new_acceptance() {
        let first = baseline();
        let mut other = measurement(&[&[(Metric::PeakBytes, 9_000)]]);
        other.workload.iterations += 1;
        let accepted = Baseline::accept("worker", "paged", &other, Some(&first), None);
        assert_eq!(accepted.acceptance.metrics[&Metric::PeakBytes], 9_000);
    }
}
