//! The faults of the job worker: each is convicted by its scenario's committed baseline, for the right metric, with its culprit named,
//! and the suspects who are innocent of it are cleared.

use serde_json::Value;

use crate::project::{self, Ran, cargo, root};

/// The metrics of the incident's other suspects, and of the heap.
const QUEUE: &[&str] = &["redis.keys", "redis.used_memory_bytes"];
const HEAP: &[&str] = &["peak_bytes", "retained_bytes", "retained_blocks", "growth_bytes", "growth_blocks"];
const PROCESS: &[&str] = &["threads", "fds", "tasks"];

/// A fault in the scenario that is there for it.
struct Case {
    fault: &'static str,
    scenario: &'static str,
    /// Metrics that regress.
    convict: &'static [&'static str],
    /// Metrics that stay within.
    clear: &'static [&'static [&'static str]],
    /// What the report has to say of the culprit.
    named: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        fault: "client-per-job",
        scenario: "shared-client",
        convict: &["growth_bytes", "growth_blocks", "fds", "tasks", "statsd.sources"],
        clear: &[QUEUE, &["threads"]],
        named: &["faults::eager_client::EagerClient::to"],
    },
    Case {
        fault: "stock-client-per-job",
        scenario: "shared-client",
        convict: &["threads", "fds", "statsd.sources"],
        clear: &[QUEUE, &["tasks"]],
        named: &["cadence", "faults::observers::StockClientPerJob"],
    },
    Case {
        fault: "completed-kept",
        scenario: "retention",
        convict: QUEUE,
        clear: &[HEAP, PROCESS, &["statsd.sources"]],
        named: &["redis keys", "redis used memory"],
    },
    Case {
        fault: "completed-vacuumed",
        scenario: "retention",
        convict: &["redis.keys"],
        clear: &[HEAP, PROCESS],
        named: &["redis keys"],
    },
    Case {
        fault: "unbounded-intake",
        scenario: "back-pressure",
        convict: &["peak_bytes"],
        clear: &[QUEUE, PROCESS, &["retained_bytes", "retained_blocks", "statsd.sources"]],
        named: &["calls apalis_core::worker::Worker::run_with_ctx"],
    },
    Case {
        fault: "listener-per-job",
        scenario: "listeners",
        convict: &["tasks", "growth_bytes", "growth_blocks"],
        clear: &[QUEUE, &["threads", "fds", "statsd.sources"]],
        named: &["faults::observers::ListenerPerJob"],
    },
    Case {
        fault: "failures-remembered",
        scenario: "retry-storm",
        convict: &["growth_bytes", "growth_blocks"],
        clear: &[QUEUE, PROCESS, &["statsd.sources"]],
        named: &["faults::observers::Remembered"],
    },
    Case {
        fault: "worker-abandoned",
        scenario: "shutdown",
        convict: &["growth_bytes", "fds", "tasks"],
        clear: &[&["threads"]],
        named: &["called by job_worker::worker::Worker::start (async)"],
    },
];

/// The comparisons of a result, by the metric's name.
fn verdict<'a>(result: &'a Value, metric: &str) -> &'a str {
    let metrics = result["comparison"]["metrics"].as_array().expect("a list");
    let found = metrics.iter().find(|compared| compared["metric"] == metric);
    found.and_then(|compared| compared["verdict"].as_str()).unwrap_or_else(|| panic!("{metric} is not gated: {result}"))
}

fn check(case: &Case) {
    let mut command = cargo(root());
    command.args(["highwater", "check", case.scenario]).env("JOB_WORKER_FAULT", case.fault);
    let ran = Ran::of(&mut command).expect(100);
    let result = project::left("job-worker", case.scenario, "result.json");
    for metric in case.convict {
        assert_eq!(verdict(&result, metric), "regressed", "{}, {metric}\n{}", case.fault, ran.all());
    }
    for metric in case.clear.iter().copied().flatten() {
        assert_ne!(verdict(&result, metric), "regressed", "{}, {metric}\n{}", case.fault, ran.all());
    }
    for named in case.named {
        assert!(ran.stdout.contains(named), "{}: {named} is not named\n{}", case.fault, ran.all());
    }
}

#[test]
#[ignore = "takes a minute, and the machine for itself"]
fn every_fault_of_the_job_worker_is_convicted_and_the_innocent_are_cleared() {
    for case in CASES {
        check(case);
    }
}

#[test]
#[ignore = "takes the machine for itself"]
fn the_numbers_of_a_fault_are_never_accepted() {
    let mut update = cargo(root());
    let ran = Ran::of(update.args(["highwater", "update"]).env("JOB_WORKER_FAULT", "client-per-job")).expect(96);
    assert!(ran.stderr.contains("\n  job-worker/shared-client would run as `client-per-job`\n"), "{}", ran.all());
}

#[test]
#[ignore = "takes the machine for itself"]
fn a_fault_that_is_none_is_refused_with_those_that_are() {
    let ran = Ran::of(cargo(root()).args(["highwater", "check", "shutdown"]).env("JOB_WORKER_FAULT", "none-such"));
    assert_ne!(ran.code, Some(0), "{}", ran.all());
    assert!(ran.all().contains("JOB_WORKER_FAULT=none-such is none of client-per-job, "), "{}", ran.all());
}
