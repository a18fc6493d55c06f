//! Whatever a database or a queue is, the numbers of a scenario are the same: those under each kind of server are compared.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project::{Ran, built, cargo, clean, root};

const KINDS: [&str; 3] = ["embedded", "local", "docker"];
const METRICS: [&str; 6] = ["peak_bytes", "retained_bytes", "retained_blocks", "threads", "fds", "tasks"];

/// What the numbers may differ by between kinds: two buffers of 8 KiB, since a read of a socket brings what happens to be there, and a part
/// of it; or what the scenario itself says that they may, where it knows of a buffer that grows with what has arrived.
fn bound(result: &Value, metric: &str, value: i64) -> i64 {
    let stated = match metric {
        "peak_bytes" | "retained_bytes" => (value / 50).max(64 * 1024),
        "retained_blocks" => (value / 50).max(32),
        _ => 0,
    };
    let compared = result["comparison"]["metrics"].as_array().unwrap().iter();
    let declared = compared.filter(|compared| compared["metric"] == metric).find_map(|found| found["allowed"].as_i64());
    stated.max(declared.unwrap_or_default())
}

/// The results of the scenarios of these names, or all, under this kind of server. The baselines hold.
fn check(kind: &str, scenarios: &[String]) -> BTreeMap<String, Value> {
    let mut command = cargo(root());
    command.args(["highwater", "check", "--format", "json"]).args(scenarios);
    let ran = Ran::of(command.env("HIGHWATER_SERVICES", kind).env_remove("REDIS_URL")).expect(0);
    let results: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    results
        .into_iter()
        .map(|result| {
            let name = format!("{}/{}", result["suite"].as_str().unwrap(), result["scenario"].as_str().unwrap());
            (name, result)
        })
        .collect()
}

/// The median of a metric over the samples.
fn median(result: &Value, metric: &str) -> Option<i64> {
    let samples = result["measurement"]["samples"].as_array().unwrap();
    let mut values: Vec<i64> = samples.iter().filter_map(|sample| sample["metrics"][metric].as_i64()).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Whether a scenario has a service of which there are several kinds. A workload at several sizes has no numbers to compare.
fn has_kinds(result: &Value) -> bool {
    let services = result["measurement"]["workload"]["services"].as_object();
    services.is_some_and(|services| services.values().any(|identity| identity == "postgres" || identity == "redis"))
}

#[test]
#[ignore = "needs Docker, Postgres and Redis"]
fn the_numbers_do_not_depend_on_the_kind_of_server() {
    // Which scenarios there are, the command says; those that need no such server are the same by themselves.
    let embedded = check(KINDS[0], &[]);
    let scenarios: Vec<String> =
        embedded.iter().filter(|(_, result)| has_kinds(result)).map(|(name, _)| name.clone()).collect();
    for known in ["ats-sync/paged-first", "ats-sync/paged-repeat"] {
        assert!(scenarios.iter().any(|name| name == known), "{known} is not among {scenarios:?}");
    }
    let others = KINDS[1..].iter().map(|kind| check(kind, &scenarios));
    let by_kind: Vec<BTreeMap<String, Value>> = std::iter::once(embedded).chain(others).collect();

    let mut outside = Vec::new();
    println!(
        "{:32} {:16} {:>14} {:>14} {:>14} {:>10} {:>10}",
        "scenario", "metric", KINDS[0], KINDS[1], KINDS[2], "apart", "may be"
    );
    for scenario in &scenarios {
        for metric in METRICS {
            let values: Vec<i64> = by_kind.iter().filter_map(|kind| median(&kind[scenario], metric)).collect();
            let (Some(least), Some(most)) = (values.iter().min(), values.iter().max()) else { continue };
            assert_eq!(values.len(), KINDS.len(), "{scenario} has no {metric} under one kind: {values:?}");
            let (apart, bound) = (most - least, bound(&by_kind[0][scenario], metric, *least));
            println!(
                "{scenario:32} {metric:16} {:>14} {:>14} {:>14} {apart:>10} {bound:>10}",
                values[0], values[1], values[2]
            );
            if apart > bound {
                outside.push(format!("{scenario}: {metric} {values:?}"));
            }
        }
    }
    assert_eq!(outside, Vec::<String>::new(), "the numbers of these depend on the kind of server");
}

#[test]
fn without_docker_it_is_said_and_auto_takes_another() {
    let example = built(&["--workspace", "--example", "postgres_url"], "postgres_url");
    let start = |services: &str| {
        let mut command = clean(Command::new(&example), root());
        command.env("HIGHWATER_SERVICES", services).env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        Ran::of(command.stdin(Stdio::null()))
    };
    let refused = start("docker").expect(1);
    for part in ["reach Docker", "nonexistent", "DOCKER_HOST", "HIGHWATER_SERVICES=embedded"] {
        assert!(refused.stderr.contains(part), "{part:?} is not said\n{}", refused.all());
    }
    let another = start("auto").expect(0);
    assert!(another.stdout.starts_with("postgres://"), "{}", another.all());
    let said = &another.stderr;
    assert!(
        said.contains("auto chose the local Postgres") || said.contains("auto chose the embedded Postgres"),
        "{said}"
    );
    assert!(said.contains("not docker: failed to reach Docker"), "{said}");
}
