//! `cargo highwater explain` on the project `culprits`: the files that it leaves, what they add up to, and what it says.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::command::highwater;
use crate::project::{Project, Ran, target};

/// What is left beside the profile, with a baseline.
const DRAWN: [&str; 7] = [
    "peak.folded",
    "peak.svg",
    "peak-diff.svg",
    "retained.folded",
    "retained.svg",
    "retained-diff.svg",
    "profile.pb.gz",
];

fn folder(scenario: &str) -> PathBuf {
    target().join("highwater/culprits").join(scenario)
}

fn text(scenario: &str, file: &str) -> String {
    let path = folder(scenario).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bytes of all stacks in a folded file.
fn folded(scenario: &str, file: &str) -> i64 {
    text(scenario, file).lines().map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()).sum()
}

/// The sum of a field over all program points of the profile: `gb` at the peak, `eb` at the end.
fn dhat(scenario: &str, field: &str) -> i64 {
    let profile: Value = serde_json::from_str(&text(scenario, "profile.dhat.json")).unwrap();
    profile["pps"].as_array().unwrap().iter().map(|point| point[field].as_i64().unwrap()).sum()
}

#[track_caller]
fn says(ran: &Ran, parts: &[&str]) {
    for part in parts {
        assert!(ran.stdout.contains(part), "{part:?} is not said\n{}", ran.all());
    }
}

#[test]
fn explaining_a_scenario_draws_its_profile_and_compares_it() {
    let project = Project::copy("culprits");
    let result = folder("closure").join("result.json");
    let _ = fs::remove_file(&result);
    let new = highwater(&project, &["explain", "closure"], &[]).expect(0);
    says(
        &new,
        &[
            "profiled  culprits/closure, by sites in ",
            "  call sites by peak and retained, 2,000 B in 20 blocks:\n    2,000 B in 20 blocks\n      culprits::in_a_closure (closure), src/lib.rs:10\n",
            "  1 site: 2,000 B in 20 blocks at the peak, 2,000 B in 20 blocks retained; 2,000 B in 20 blocks allocated in all\n",
            "there is no baseline baselines/culprits/closure/",
            "`cargo highwater update closure`",
        ],
    );
    assert!(!folder("closure").join("peak-diff.svg").exists(), "there is nothing to compare with");
    assert!(!result.exists(), "a profile is no result");

    highwater(&project, &["update", "closure"], &[]).expect(0);
    let same = highwater(&project, &["explain", "closure"], &[]).expect(0);
    says(&same, &["  no site differs from baselines/culprits/closure/"]);
    let measured = fs::read_to_string(&result).unwrap();
    let grown = highwater(&project, &["explain", "closure"], &[("SIZE", "1100")]).expect(0);
    says(
        &grown,
        &[
            "  compared with baselines/culprits/closure/",
            "    call sites by retained and peak:\n      grew by 19.5 KiB, from 2,000 B in 20 blocks to 21.5 KiB in 20 blocks\n",
        ],
    );
    assert_eq!(fs::read_to_string(&result).unwrap(), measured, "a profile is no result");
    for file in DRAWN {
        let path = folder("closure").join(file);
        assert!(path.exists(), "{file} is not there");
        says(&grown, &[&*path.to_string_lossy()]);
    }
    for (file, field) in [("peak.folded", "gb"), ("retained.folded", "eb")] {
        let bytes = folded("closure", file);
        assert_eq!((bytes, dhat("closure", field)), (22_000, 22_000), "{file}");
    }
    for file in ["peak.svg", "retained.svg", "peak-diff.svg", "retained-diff.svg"] {
        assert!(text("closure", file).contains("culprits::in_a_closure"), "{file}");
    }
    assert_eq!(fs::read(folder("closure").join("profile.pb.gz")).unwrap()[..2], [0x1f, 0x8b], "it is gzip");
}

#[test]
fn the_engines_come_to_the_same_sites() {
    let project = Project::copy("culprits");
    for engine in ["sites", "dhat"] {
        let ran = highwater(&project, &["explain", "generic", "--engine", engine], &[]).expect(0);
        // dhat itself shortens the paths of files, not always to those from the root.
        let site = "    2,000 B in 20 blocks\n      culprits::Cache::insert, ";
        says(&ran, &[&format!("profiled  culprits/generic, by {engine} in "), site, "src/lib.rs:36\n"]);
        assert_eq!(folded("generic", "retained.folded"), 2_000, "{engine}");
    }
}

#[test]
fn what_cannot_be_explained_is_told_and_leaves_no_picture() {
    let project = Project::copy("culprits");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| highwater(&project, arguments, variables);
    let unknown = run(&["explain", "no-such-scenario"], &[]).expect(96);
    assert!(unknown.stderr.contains("no-such-scenario") && unknown.stderr.contains("closure"), "{}", unknown.all());

    // Nothing is retained, so there is nothing to draw.
    let nothing = run(&["explain", "tasks"], &[]).expect(0);
    says(&nothing, &["call sites by peak and retained: none holds a byte\n", "note: retained.svg is not drawn"]);
    assert!(!folder("tasks").join("retained.svg").exists());

    // Past its limit, a run has a profile all the same.
    let limit = run(&["explain", "limit"], &[("SIZE", "400000")]).expect(102);
    says(&limit, &["failed  culprits/limit, by sites\n", "limit exceeded: ", "culprits::left, src/lib.rs:65"]);
    assert!(text("limit", "peak.svg").contains("culprits::left"));

    // A run that dies has none, and what an earlier one left is gone.
    let failed = run(&["explain", "limit"], &[("SIZE", "much")]).expect(102);
    says(&failed, &["failed  culprits/limit\n", "SIZE is a number"]);
    for file in DRAWN.into_iter().chain(["profile.dhat.json"]) {
        assert!(!folder("limit").join(file).exists(), "{file} is of an earlier run");
    }
}

#[test]
#[ignore = "needs Go: .ci/run installs it"]
fn go_opens_the_profile_of_a_scenario() {
    let project = Project::copy("culprits");
    let ran = highwater(&project, &["explain", "closure"], &[]).expect(0);
    let path = folder("closure").join("profile.pb.gz");
    let line = format!("go tool pprof -top -sample_index=peak_space {}", path.display());
    says(&ran, &[&line]);
    for index in ["inuse_space", "peak_space"] {
        let mut go = Command::new("go");
        go.args(["tool", "pprof", "-top", "-unit=B", &format!("-sample_index={index}")]).arg(&path);
        let top = Ran::of(&mut go).expect(0);
        says(&top, &["File: closure\n", "culprits::in_a_closure", "of 2000B total"]);
    }
}
