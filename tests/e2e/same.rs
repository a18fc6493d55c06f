//! A scenario is the same binary, and so gives the same numbers, however it is started.

use std::path::PathBuf;

use serde_json::Value;

use crate::project::{Ran, cargo, root, target};

/// The suite's executable that cargo builds for these arguments.
fn executable(arguments: &[&str]) -> PathBuf {
    let mut command = cargo(root());
    command.args(["test", "--no-run", "--locked", "--message-format", "json"]).args(arguments);
    let built = Ran::of(&mut command).expect(0);
    let found = built.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let suite = message["target"]["name"] == "memory"
            && message["manifest_path"].as_str().is_some_and(|path| path.ends_with("ats-sync/Cargo.toml"));
        message["executable"].as_str().filter(|_| suite).map(PathBuf::from)
    });
    found.unwrap_or_else(|| panic!("no suite among what `cargo test {arguments:?}` builds"))
}

/// The numbers that the last run of the scenario left, and whether it was within.
fn numbers() -> Value {
    let path = target().join("highwater/ats-sync/paged-first/result.json");
    let result: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    result["measurement"]["samples"][0]["metrics"].clone()
}

#[test]
fn the_workspace_a_package_and_the_command_measure_the_same_binary() {
    let (workspace, package) = (executable(&["--workspace"]), executable(&["-p", "ats-sync"]));
    assert_eq!(workspace, package, "cargo builds another binary with `-p`: features differ");

    let mut runs = Vec::new();
    for arguments in [&["test", "--workspace", "--test", "memory"][..], &["test", "-p", "ats-sync", "--test", "memory"]]
    {
        Ran::of(cargo(root()).args(arguments).args(["--locked", "--", "--exact", "paged-first"])).expect(0);
        runs.push(numbers());
    }
    // By the alias, as the README says.
    Ran::of(cargo(root()).args(["highwater", "check", "paged-first"])).expect(0);
    runs.push(numbers());
    for run in &runs {
        assert!(run["peak_bytes"].as_i64().unwrap() > 1_000_000, "{run}");
    }
    for metric in ["peak_bytes", "retained_bytes"] {
        let values: Vec<i64> = runs.iter().map(|run| run[metric].as_i64().unwrap()).collect();
        let (least, most) = (values.iter().min().unwrap(), values.iter().max().unwrap());
        // Two runs of one binary differ by what their reads of a socket happened to bring.
        assert!(most - least <= 64 * 1024 + least / 50, "{metric}: {values:?}");
    }
}
