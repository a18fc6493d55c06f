//! `cargo highwater` on the project `known`: the life of a baseline, and every exit code.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::project::{Project, Ran, built, clean};

const BASELINE: &str = "baselines/known/exact/x86_64-unknown-linux-gnu.json";

/// The command, built as a user installs it.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| built(&["--bin", "cargo-highwater"], "cargo-highwater"))
}

/// Runs the command in the project.
pub(crate) fn highwater(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    Ran::of(command(project, arguments).envs(variables.iter().copied()))
}

/// The command in the project.
pub(crate) fn command(project: &Project, arguments: &[&str]) -> Command {
    let mut command = clean(Command::new(binary()), &project.folder);
    command.arg("highwater").args(arguments);
    command
}

#[test]
fn the_life_of_a_baseline() {
    let project = Project::copy("known");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| highwater(&project, arguments, variables);

    let missing = run(&["check", "exact"], &[]).expect(5);
    assert!(missing.stdout.contains("cargo highwater update exact"), "{}", missing.all());
    assert!(!project.folder.join("baselines").exists(), "a check writes nothing that is committed");

    run(&["update", "exact"], &[]).expect(0);
    let accepted = project.read(BASELINE);
    assert!(accepted.contains("\"median\": 100576"), "{accepted}");
    assert!(accepted.contains("\"samples\": 10"), "{accepted}");
    assert_eq!(fs::read_dir(project.folder.join("baselines/known")).unwrap().count(), 1, "only what was asked for");

    let within = run(&["check", "exact"], &[]).expect(0);
    assert!(within.stdout.contains("within"), "{}", within.all());
    let tests = project.cargo(&["test", "--test", "memory", "--", "--exact", "exact"], &[("CI", "true")]).expect(0);
    assert!(tests.stderr.contains("known/exact: within"), "{}", tests.all());

    // The samples were all the same, so the numbers are exact: one byte more in each of ten iterations is one too many.
    let byte = run(&["check", "exact"], &[("KNOWN_LEAK", "1")]).expect(100);
    assert!(byte.stdout.contains("retained rose by 10 B (+1.6 %), from 640 B to 650 B"), "{}", byte.all());

    // Each of ten iterations keeps 5,000 bytes more: the retained bytes regress, and so does the peak.
    let leak = [("KNOWN_LEAK", "5000")];
    let regressed = run(&["check", "exact"], &leak).expect(100);
    for part in ["regressed", "retained", "640 B", "49.5 KiB"] {
        assert!(regressed.stdout.contains(part), "{part:?} is not said\n{}", regressed.all());
    }
    assert_eq!(project.result("known", "exact")["measurement"]["samples"].as_array().unwrap().len(), 3);
    let failing = project.cargo(&["test", "--test", "memory", "--", "--exact", "exact"], &leak).expect(101);
    for part in ["regressed: peak, retained", "49.5 KiB", "cargo highwater update exact --reason"] {
        assert!(failing.stdout.contains(part), "{part:?} is not said\n{}", failing.all());
    }
    assert_eq!(project.read(BASELINE), accepted, "a check writes nothing that is committed");

    let unexplained = run(&["update", "exact"], &leak).expect(96);
    assert!(unexplained.stdout.contains("say why it may with --reason"), "{}", unexplained.all());
    assert_eq!(project.read(BASELINE), accepted, "what needs a reason is not accepted without one");
    run(&["update", "exact", "--reason", "rows are wider"], &leak).expect(0);
    assert!(project.read(BASELINE).contains("\"reason\": \"rows are wider\""));
    run(&["check", "exact"], &leak).expect(0);
    let improved = run(&["check", "exact"], &[]).expect(0);
    assert!(improved.stdout.contains("improved"), "{}", improved.all());
    run(&["check", "exact", "--strict"], &[]).expect(4);

    let other = run(&["check", "exact"], &[("KNOWN_ITERATIONS", "20")]).expect(5);
    assert!(other.stdout.contains("workload.iterations was 10, now 20"), "{}", other.all());
}

#[test]
fn a_variant_is_judged_by_the_baseline_and_never_accepted() {
    let project = Project::copy("known");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| highwater(&project, arguments, variables);
    run(&["update", "exact"], &[]).expect(0);
    let accepted = project.read(BASELINE);

    let leaky = [("KNOWN_VARIANT", "leaky"), ("KNOWN_LEAK", "5000")];
    let convicted = run(&["check", "exact"], &leaky).expect(100);
    for part in ["retained", "49.5 KiB", "what ran is the variant `leaky`: its numbers cannot be accepted"] {
        assert!(convicted.stdout.contains(part), "{part:?} is not said\n{}", convicted.all());
    }
    assert!(!convicted.stdout.contains("to accept"), "{}", convicted.all());
    let failing = project.cargo(&["test", "--test", "memory", "--", "--exact", "exact"], &leaky).expect(101);
    assert!(!failing.all().contains("cargo highwater update"), "{}", failing.all());

    for arguments in [&["update", "exact"][..], &["update", "exact", "silent", "--reason", "it may"]] {
        let refused = run(arguments, &leaky).expect(96);
        assert!(refused.stderr.contains("\n  known/exact would run as `leaky`\n"), "{}", refused.all());
        assert!(refused.stderr.contains("switch off what chooses the variant"), "{}", refused.all());
    }
    assert_eq!(project.read(BASELINE), accepted);
    assert!(!project.folder.join("baselines/known/silent").exists(), "nothing of what was asked for was measured");
}

#[test]
fn what_a_service_saw_is_a_metric_once_a_tolerance_is_declared() {
    let project = Project::copy("known");
    let run = |arguments: &[&str], requests: &str| highwater(&project, arguments, &[("KNOWN_REQUESTS", requests)]);
    run(&["update", "served"], "7").expect(0);
    let within = run(&["check", "served"], "7").expect(0);
    assert!(within.stdout.contains("fake requests"), "{}", within.all());
    let regressed = run(&["check", "served"], "8").expect(100);
    assert!(regressed.stdout.contains("fake requests rose by 1 (+14.3 %), from 7 to 8"), "{}", regressed.all());
}

#[test]
fn other_engines_agree_to_the_byte() {
    let project = Project::copy("known");
    highwater(&project, &["update", "exact"], &[]).expect(0);
    let cost = fs::read_to_string(project.folder.join(BASELINE)).unwrap();
    assert!(cost.contains("\"cost\": "), "what counting costs is measured with the numbers: {cost}");
    for (engine, peak) in [("counting", Some(100_576)), ("stats_alloc", None), ("dhat", Some(100_576))] {
        let checked = highwater(&project, &["check", "exact", "--engine", engine], &[("CI", "true")]).expect(0);
        assert!(checked.stdout.contains("counting takes "), "{}", checked.all());
        let measurement = &project.result("known", "exact")["measurement"];
        assert_eq!(measurement["engine"], engine);
        let metrics = &measurement["samples"][0]["metrics"];
        assert_eq!(metrics["peak_bytes"].as_i64(), peak, "{engine}");
        for (metric, value) in
            [("retained_bytes", 640), ("retained_blocks", 10), ("total_bytes", 1_000_640), ("total_blocks", 20)]
        {
            assert_eq!(metrics[metric], value, "{engine} {metric}");
        }
        let untold = checked.stdout.contains("counted by stats_alloc, which did not tell peak");
        assert_eq!(untold, peak.is_none(), "{}", checked.all());
    }
}

#[test]
fn what_is_wrong_with_a_baseline_is_told_with_its_place() {
    let project = Project::copy("known");
    let run = |arguments: &[&str]| highwater(&project, arguments, &[]);
    run(&["update", "exact"]).expect(0);
    let accepted = project.read(BASELINE);

    project.write(BASELINE, &accepted.replacen("100576", "about 100 kB", 1));
    let malformed = run(&["check", "exact"]).expect(102);
    let line = 1 + accepted.lines().position(|line| line.contains("100576")).unwrap();
    for part in [BASELINE, &format!("line {line}"), "git checkout"] {
        assert!(malformed.stdout.contains(part), "{part:?} is not said\n{}", malformed.all());
    }

    let newer = accepted.replacen("\"format\": 1", "\"format\": 9", 1);
    project.write(BASELINE, &newer);
    let refused = run(&["check", "exact"]).expect(102);
    assert!(refused.stdout.contains("format 9"), "{}", refused.all());
    let refused = run(&["update", "exact"]);
    assert_ne!(refused.code, Some(0), "{}", refused.all());
    assert_eq!(project.read(BASELINE), newer, "a newer baseline is never rewritten");
}

#[test]
fn a_failed_scenario_an_unknown_name_and_a_broken_build_have_codes_of_their_own() {
    let project = Project::copy("known");
    let run = |arguments: &[&str]| highwater(&project, arguments, &[]);

    let failed = run(&["check", "exits-3"]).expect(102);
    assert!(failed.stdout.contains("exited with code 3"), "{}", failed.all());
    // A failure outweighs what is merely missing.
    run(&["check", "exits-3", "exact"]).expect(102);
    let kept = run(&["update", "exits-3", "exact"]).expect(102);
    assert!(project.folder.join(BASELINE).exists(), "the sound one is accepted all the same\n{}", kept.all());
    assert!(!project.folder.join("baselines/known/exits-3").exists());

    let unknown = run(&["check", "no-such-scenario"]).expect(96);
    assert!(unknown.stderr.contains("no-such-scenario") && unknown.stderr.contains("exact"), "{}", unknown.all());
    run(&["check", "--no-such-flag"]).expect(2);

    project.write("src/lib.rs", "//! Broken.\nfn f() -> u8 { \"eight\" }\n");
    let broken = run(&["check", "exact"]).expect(103);
    assert!(broken.stderr.contains("mismatched types"), "{}", broken.all());

    project.write("Cargo.toml", "this is no manifest");
    run(&["check"]).expect(96);
}

#[test]
fn a_list_tells_scenarios_and_their_baselines() {
    let project = Project::copy("known");
    highwater(&project, &["update", "exact"], &[]).expect(0);
    let listed = highwater(&project, &["list"], &[]).expect(0).stdout;
    for scenario in ["exact", "silent", "on-request"] {
        assert!(listed.contains(scenario), "{listed}");
    }
    assert!(listed.contains("98.2 KiB"), "{listed}");
}

#[test]
fn noise_inside_the_recorded_spread_is_within_and_a_tolerance_below_it_is_refused() {
    let project = Project::copy("known");
    let tight = highwater(&project, &["update", "noisy"], &[("KNOWN_TOLERANCE", "1000")]).expect(96);
    assert!(
        tight.stdout.contains("known/noisy: the tolerance of peak is 1,000 B, and its 10 samples lie"),
        "{}",
        tight.all()
    );
    assert!(!project.folder.join("baselines").exists(), "a gate that holds by luck is not accepted");
    highwater(&project, &["update", "noisy", "--samples", "40"], &[]).expect(0);
    for _ in 0..3 {
        highwater(&project, &["check", "noisy"], &[]).expect(0);
    }
}
