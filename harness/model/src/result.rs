//! What a finished scenario leaves for reports and commands, as one JSON value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Comparison, DeclaredScaling, Engine, Failure, Headroom, Measurement, Metric, Sample, SiteReport, Verdict, remarks,
    sparkline,
};

/// What a finished scenario leaves: the file `result.json` in its folder under the target directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioResult {
    /// The version of this form, [`ScenarioResult::FORMAT`].
    pub format: u32,
    /// The suite's name.
    pub suite: String,
    /// The scenario's name, or that of a workload at several sizes.
    pub scenario: String,
    /// What it came to.
    pub verdict: Verdict,
    /// Its baseline's file, from the workspace's root; empty for a workload at several sizes, which has none.
    pub baseline: String,
    /// The numbers; absent when it failed before there were any.
    pub measurement: Option<Measurement>,
    /// The numbers beside the baseline; absent when there is none, or no numbers.
    pub comparison: Option<Comparison>,
    /// Why there are no numbers; present exactly when the verdict is [`Verdict::Failed`].
    pub failure: Option<Failure>,
    /// The call sites behind a regression, or a limit that was passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<SiteReport>,
    /// How a workload at several sizes grows; absent for a scenario, and when a size failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<DeclaredScaling>,
}

/// A text that is no result.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// It is not JSON of this form.
    #[error("it is not a result of this version of highwater: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another version of highwater wrote it.
    #[error("it has format {found}, and this version of highwater reads {supported}")]
    OtherFormat {
        /// The format it has.
        found: u32,
        /// The format that is read.
        supported: u32,
    },
}

impl ScenarioResult {
    /// The form that this version reads and writes.
    pub const FORMAT: u32 = 1;

    /// Whether a variant ran in the workload's place: its numbers cannot be accepted.
    pub fn is_of_variant(&self) -> bool {
        self.measurement.as_ref().is_some_and(|measurement| measurement.variant.is_some())
    }

    /// What a reader should know beside the verdict, a sentence each: the variant that ran, the notes of the samples, each once, the headroom
    /// below a limit, what was live over the time of a regressed run, and [`remarks`].
    pub fn notes(&self) -> Vec<String> {
        let Some(measurement) = &self.measurement else { return Vec::new() };
        let mut seen: Vec<(&str, usize)> = Vec::new();
        for note in measurement.samples.iter().flat_map(|sample| &sample.notes) {
            match seen.iter_mut().find(|(text, _)| *text == note) {
                Some((_, count)) => *count += 1,
                None => seen.push((note, 1)),
            }
        }
        let of = measurement.samples.len();
        let noted = seen.into_iter().map(|(note, count)| match of {
            1 => note.to_owned(),
            _ => format!("{note} (in {count} of {of} samples)"),
        });
        let headroom = measurement.headroom().map(|Headroom { limit, left }| {
            let percent = left.0 as f64 / limit.0.max(1) as f64 * 100.0;
            format!("headroom: it stayed {left} ({percent:.0} %) below its limit of {limit}")
        });
        let line = match self.verdict {
            Verdict::Regressed => measurement.samples.last().and_then(|sample| sparkline(&sample.timeline)),
            _ => None,
        };
        let untold = self.untold(measurement);
        let variant = measurement.variant.as_ref();
        let variant =
            variant.map(|variant| format!("what ran is the variant `{variant}`: its numbers cannot be accepted"));
        variant
            .into_iter()
            .chain(noted)
            .chain(untold)
            .chain(self.left_behind(Metric::Threads, "threads", |sample| &sample.new_threads))
            .chain(self.left_behind(Metric::Fds, "file descriptors", |sample| &sample.new_fds))
            .chain(headroom)
            .chain(line)
            .chain(remarks(measurement, self.comparison.as_ref()))
            .collect()
    }

    /// The threads or file descriptors that a regression left behind, the most frequent first.
    fn left_behind(
        &self,
        metric: Metric,
        what: &str,
        names: impl Fn(&Sample) -> &BTreeMap<String, u64>,
    ) -> Option<String> {
        const TOLD: usize = 5;
        let verdict = self.comparison.as_ref()?.metric(metric)?.verdict;
        let names = names(self.measurement.as_ref()?.samples.last()?);
        let mut sorted: Vec<(&String, &u64)> = names.iter().collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut told: Vec<String> =
            sorted.iter().take(TOLD).map(|(name, count)| format!("`{name}` ({count})")).collect();
        let rest: u64 = sorted.iter().skip(TOLD).map(|(_, count)| **count).sum();
        if rest > 0 {
            told.push(format!("{rest} others"));
        }
        (verdict == Some(Verdict::Regressed) && !told.is_empty())
            .then(|| format!("{what} that were left behind, by name: {}", told.join(", ")))
    }

    /// What another engine than our own leaves out of what is gated.
    fn untold(&self, measurement: &Measurement) -> Option<String> {
        if measurement.engine == Engine::Counting {
            return None;
        }
        let gated = measurement.tolerances.keys();
        // Growth that nobody could tell is no engine's.
        let told = |metric: &Metric| measurement.spread(*metric).is_some();
        let untold: Vec<String> = gated.filter(|metric| !told(metric)).map(ToString::to_string).collect();
        Some(match untold.is_empty() {
            true => format!("counted by {}", measurement.engine),
            false => format!("counted by {}, which did not tell {}", measurement.engine, untold.join(", ")),
        })
    }

    /// Reads the text of a result.
    ///
    /// # Errors
    /// When the text is malformed or of another format.
    pub fn parse(text: &str) -> Result<Self, ResultError> {
        let result: Self = serde_json::from_str(text)?;
        if result.format != Self::FORMAT {
            return Err(ResultError::OtherFormat { found: result.format, supported: Self::FORMAT });
        }
        Ok(result)
    }

    /// The text of the result, with a final newline.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a result has string keys and finite numbers only");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    #[test]
    fn a_result_survives_its_text() {
        let result = ScenarioResult {
            format: ScenarioResult::FORMAT,
            suite: "worker".into(),
            scenario: "paged".into(),
            verdict: Verdict::Failed,
            baseline: "baselines/worker/paged/x86_64-unknown-linux-gnu.json".into(),
            measurement: None,
            comparison: None,
            failure: Some(Failure::before_the_run(Cause::NoMessage)),
            sites: None,
            scaling: None,
        };
        assert_eq!(ScenarioResult::parse(&result.to_text()).unwrap(), result);
        let other = result.to_text().replacen("\"format\": 1", "\"format\": 2", 1);
        assert!(matches!(ScenarioResult::parse(&other), Err(ResultError::OtherFormat { found: 2, supported: 1 })));
    }
}
