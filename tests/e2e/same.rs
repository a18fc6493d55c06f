//! A scenario is the same binary, and so gives the same numbers, however it is started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::project::{self, Ran, cargo, root};

/// The executables of test targets that cargo builds for these arguments, by package and target.
fn executables(arguments: &[&str]) -> BTreeMap<(String, String), PathBuf> {
    let mut command = cargo(root());
    command.args(["test", "--no-run", "--locked", "--message-format", "json"]).args(arguments);
    let built = Ran::of(&mut command).expect(0);
    let messages = built.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tests = messages.filter(|message| message["target"]["kind"][0] == "test");
    let told = tests.filter_map(|message| {
        let executable = PathBuf::from(message["executable"].as_str()?);
        let package = Path::new(message["manifest_path"].as_str()?).parent()?.file_name()?.to_str()?.to_owned();
        Some(((package, message["target"]["name"].as_str()?.to_owned()), executable))
    });
    told.collect()
}

/// Whether the executable is a suite: it answers with its scenarios, as the command asks for them, and any other test with its tests.
fn is_suite(executable: &Path) -> bool {
    let control = r#"{"mode":"list","samples":null,"engine":"counting","scenarios":[],"injections":[]}"#;
    let mut list = Command::new(executable);
    let listed = Ran::of(list.arg("--list").env("HIGHWATER_CONTROL", control)).stdout;
    listed.lines().any(|line| line.starts_with(r#"{"suite":"#))
}

/// What the last run of the scenario measured.
fn measured() -> Value {
    project::left("ats-sync", "paged-first", "result.json")["measurement"].clone()
}

#[test]
fn every_suite_is_the_same_binary_in_the_workspace_and_in_its_package() {
    let suites: BTreeMap<_, _> =
        executables(&["--workspace"]).into_iter().filter(|(_, executable)| is_suite(executable)).collect();
    let mut packages: Vec<&str> = suites.keys().map(|(package, _)| package.as_str()).collect();
    packages.dedup();
    assert!(packages.contains(&"ats-sync") && packages.len() > 1, "these have suites: {packages:?}");
    for package in packages {
        let alone = executables(&["-p", package]);
        for (suite, executable) in suites.iter().filter(|((of, _), _)| of == package) {
            assert_eq!(alone.get(suite), Some(executable), "cargo builds another {suite:?} with `-p`: features differ");
        }
    }
}

#[test]
fn the_workspace_a_package_and_the_command_measure_the_same() {
    let mut runs = Vec::new();
    for arguments in [&["test", "--workspace", "--test", "memory"][..], &["test", "-p", "ats-sync", "--test", "memory"]]
    {
        Ran::of(cargo(root()).args(arguments).args(["--locked", "--", "--exact", "paged-first"])).expect(0);
        runs.push(measured());
    }
    // By the alias, as the README says.
    Ran::of(cargo(root()).args(["highwater", "check", "paged-first"])).expect(0);
    runs.push(measured());
    for metric in ["peak_bytes", "retained_bytes"] {
        let values: Vec<i64> = runs.iter().map(|run| run["samples"][0]["metrics"][metric].as_i64().unwrap()).collect();
        let (least, most) = (values.iter().min().unwrap(), values.iter().max().unwrap());
        // Two runs of one binary differ by what their reads of a socket happened to bring, for which the tolerance is declared.
        let declared = runs[0]["tolerances"][metric]["absolute"].as_i64().unwrap();
        assert!(*least > 1_000_000 && most - least <= declared, "{metric}: {values:?}");
    }
}
