//! What the samples of one scenario said, before anything is judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Engine, Growth, Metric, Moment, Provenance, Spread, Tolerance, TopSites, Workload};

/// What one run of a scenario in one fresh process measured. A metric that was not measured is absent, never 0. The default has
/// measured nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// How the growth of bytes was found; absent where the iterations are too few to tell.
    pub growth: Option<Growth>,
    /// How far the run stayed below its limit; absent when the scenario has none.
    pub headroom: Option<Headroom>,
    /// The number of each metric, in its unit.
    pub metrics: BTreeMap<Metric, i64>,
    /// What a reader should know about this sample: it did not settle, a thread panicked.
    pub notes: Vec<String>,
    /// What each service saw, by service and name; the unit is the name's last word.
    pub observations: BTreeMap<String, BTreeMap<String, u64>>,
    /// What the file descriptors lead to that the window left behind, with how many there are of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub new_fds: BTreeMap<String, u64>,
    /// The names of the threads that the window left behind, with how many there are of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub new_threads: BTreeMap<String, u64>,
    /// How far [`Metric::PeakBytes`] may be above the true peak, in bytes; 0 where one thread at a time was active.
    pub peak_slack: u64,
    /// Live bytes over the time of the run, warm-up included.
    pub timeline: Vec<Moment>,
    /// Wall time of the whole child, from its start to its end, in microseconds.
    pub child_micros: u64,
    /// What the processors spent on the whole child in the window, in microseconds.
    pub processor_micros: u64,
    /// Wall time of the window, in microseconds.
    pub window_micros: u64,
}

/// How far a run stayed below the limit on the bytes live in the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Headroom {
    /// The limit, as the scenario declares it.
    pub limit: Bytes,
    /// The limit less the most bytes that were live at once in the iterations, warm-up included.
    pub left: Bytes,
}

/// The samples of one scenario, with what was run and how it was built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// The processor time of the window with counting, in thousandths of that without: the ratio of the medians of all samples
    /// and of three further runs. Not wall time, which on a shared machine is mostly the others'. It is measured when numbers
    /// are to be accepted; a check has the baseline's. The runs without still pass through the allocator's hook, which forwards
    /// and costs a few percent of a parser's time itself.
    pub cost: Option<u64>,
    /// The largest call sites; absent when no run was profiled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<TopSites>,
    /// What counted.
    pub engine: Engine,
    /// How the measured binary was built.
    pub provenance: Provenance,
    /// At least one.
    pub samples: Vec<Sample>,
    /// The metrics that gate, and how far each may move. A metric that is absent is shown, not gated.
    pub tolerances: BTreeMap<Metric, Tolerance>,
    /// What ran in the workload's place, such as a fault by its name: its numbers are judged, and accepted by nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What was run.
    pub workload: Workload,
}

impl Measurement {
    /// What is known before anything was measured: no samples, and nothing gates.
    pub fn new(engine: Engine, provenance: Provenance, workload: Workload) -> Self {
        Self {
            cost: None,
            sites: None,
            engine,
            provenance,
            samples: Vec::new(),
            tolerances: BTreeMap::new(),
            variant: None,
            workload,
        }
    }

    /// The spread of one metric over the samples; `None` when any sample lacks it.
    pub fn spread(&self, metric: Metric) -> Option<Spread> {
        let values: Option<Vec<i64>> = self.samples.iter().map(|sample| sample.metrics.get(&metric).copied()).collect();
        Spread::of(&values?)
    }

    /// The least headroom of all samples; `None` without a limit.
    pub fn headroom(&self) -> Option<Headroom> {
        self.samples.iter().filter_map(|sample| sample.headroom).min_by_key(|headroom| headroom.left)
    }

    /// The metrics that every sample has.
    pub fn metrics(&self) -> impl Iterator<Item = (Metric, Spread)> + '_ {
        let first = self.samples.first().into_iter().flat_map(|sample| sample.metrics.keys());
        first.filter_map(|metric| Some((*metric, self.spread(*metric)?)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Runtime;

    /// A measurement of these samples, with the default tolerances.
    pub(crate) fn measurement(samples: &[&[(Metric, i64)]]) -> Measurement {
        let workload =
            Workload { iterations: 10, runtime: Runtime::CurrentThread, services: BTreeMap::new(), warm_up: 1 };
        let provenance = Provenance {
            allocator: "system".into(),
            debug_assertions: false,
            lock_digest: "0123456789abcdef".into(),
            opt_level: "3".into(),
            profile: "debug".into(),
            rustc: "1.95.0".into(),
            target: "x86_64-unknown-linux-gnu".into(),
        };
        let sample = |metrics: &&[(Metric, i64)]| Sample {
            metrics: metrics.iter().copied().collect(),
            child_micros: 2_000,
            processor_micros: 1,
            window_micros: 1_000,
            ..Sample::default()
        };
        Measurement {
            samples: samples.iter().map(sample).collect(),
            tolerances: Metric::ALL.into_iter().filter_map(|m| Some((m, Tolerance::default_for(m)?))).collect(),
            ..Measurement::new(Engine::Counting, provenance, workload)
        }
    }

    #[test]
    fn a_metric_that_one_sample_lacks_has_no_spread() {
        let measurement = measurement(&[&[(Metric::PeakBytes, 1), (Metric::TotalBytes, 5)], &[(Metric::PeakBytes, 2)]]);
        assert_eq!(measurement.spread(Metric::TotalBytes), None);
        assert_eq!(measurement.metrics().map(|(metric, _)| metric).collect::<Vec<_>>(), [Metric::PeakBytes]);
    }
}
