//! Results made by hand, one for each verdict, for the tests of this crate.

use highwater_model::{
    Baseline, Bytes, Cause, Class, DeclaredScaling, Engine, Failure, Measurement, Metric, Phase, Progress, Provenance,
    Runtime, Sample, Scaling, ScenarioResult, SizePoint, Tolerance, Verdict, Workload, compare,
};

/// What the examples measure, in this order.
const METRICS: [Metric; 5] =
    [Metric::PeakBytes, Metric::RetainedBytes, Metric::RetainedBlocks, Metric::TotalBytes, Metric::TotalBlocks];

/// A measurement with a sample for each `[peak, retained, blocks, total, total blocks]`.
pub(crate) fn measurement(samples: &[[i64; 5]]) -> Measurement {
    let workload =
        Workload { iterations: 10, runtime: Runtime::CurrentThread, services: Default::default(), warm_up: 1 };
    let sample = |values: &[i64; 5]| Sample {
        metrics: METRICS.into_iter().zip(*values).collect(),
        child_micros: 2_000,
        window_micros: 1_000,
        ..Sample::default()
    };
    Measurement {
        samples: samples.iter().map(sample).collect(),
        tolerances: METRICS.into_iter().filter_map(|m| Some((m, Tolerance::default_for(m)?))).collect(),
        ..Measurement::new(Engine::Counting, provenance(), workload)
    }
}

fn provenance() -> Provenance {
    Provenance {
        allocator: "system".into(),
        debug_assertions: false,
        lock_digest: "0123456789abcdef".into(),
        opt_level: "3".into(),
        profile: "debug".into(),
        rustc: "1.95.0".into(),
        target: "x86_64-unknown-linux-gnu".into(),
    }
}

/// What was accepted in all examples.
pub(crate) fn baseline() -> Baseline {
    Baseline::accept("ats-sync", "x", &measurement(&[[21_900_000, 1_229, 12, 300_000_000, 1_204_123]]), None, None)
}

fn result(scenario: &str, verdict: Verdict) -> ScenarioResult {
    ScenarioResult {
        format: ScenarioResult::FORMAT,
        suite: "ats-sync".into(),
        scenario: scenario.into(),
        verdict,
        baseline: format!("baselines/ats-sync/{scenario}/x86_64-unknown-linux-gnu.json"),
        measurement: None,
        comparison: None,
        failure: None,
        sites: None,
        scaling: None,
    }
}

/// A result of these samples beside [`baseline`].
pub(crate) fn compared(scenario: &str, measurement: Measurement) -> ScenarioResult {
    let comparison = compare(&measurement, &baseline());
    ScenarioResult {
        measurement: Some(measurement),
        comparison: Some(comparison.clone()),
        ..result(scenario, comparison.verdict)
    }
}

pub(crate) fn within() -> ScenarioResult {
    compared("paged-first", measurement(&[[21_900_010, 1_229, 12, 300_000_000, 1_204_123]]))
}

pub(crate) fn improved() -> ScenarioResult {
    compared("streamed", measurement(&[[10_000_000, 1_229, 12, 300_000_000, 1_204_123]]))
}

pub(crate) fn regressed() -> ScenarioResult {
    let samples = [
        [36_900_000, 1_229, 1_012, 300_000_000, 1_204_123],
        [36_910_000, 1_229, 1_012, 300_000_000, 1_204_123],
        [36_800_000, 1_229, 1_012, 300_000_000, 1_204_123],
    ];
    compared("upsert", measurement(&samples))
}

pub(crate) fn incomparable() -> ScenarioResult {
    let mut measurement = measurement(&[[21_900_000, 1_229, 12, 300_000_000, 1_204_123]]);
    measurement.workload.iterations = 20;
    measurement.provenance.opt_level = "0".into();
    compared("rated", measurement)
}

pub(crate) fn new() -> ScenarioResult {
    let measurement = measurement(&[[5_000_000, 0, 0, 90_000_000, 4_123]]);
    ScenarioResult { measurement: Some(measurement), ..result("full", Verdict::New) }
}

/// A workload at two sizes of which no growth is declared.
pub(crate) fn sizes(small: i64, large: i64) -> ScenarioResult {
    let points = [SizePoint { size: 5_000, value: small }, SizePoint { size: 50_000, value: large }];
    let found = Scaling::fit(Metric::PeakBytes, points).expect("two sizes");
    let scaling = DeclaredScaling { declared: Class::Constant, found };
    ScenarioResult { baseline: String::new(), scaling: Some(scaling.clone()), ..result("scaling", scaling.verdict()) }
}

pub(crate) fn failed() -> ScenarioResult {
    let failure = Failure {
        cause: Cause::Signal { signal: 9, name: "SIGKILL".into() },
        output: "page 3 of 7\n```\nout of luck | really".into(),
        progress: Some(Progress {
            phase: Phase::Window,
            done: 3,
            of: 10,
            live: Some(Bytes::mib(100)),
            peak: Some(Bytes::mib(128)),
        }),
        timeline: Vec::new(),
    };
    ScenarioResult { failure: Some(failure), ..result("killed", Verdict::Failed) }
}
