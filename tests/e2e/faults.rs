//! The project `faults`: whatever its service does, the scenario fails with the cause, nothing is left running, and the next
//! scenario runs. And the harness itself killed at any moment leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::command;
use crate::project::{Project, Ran, clean, target, wait_until};

/// Scenario, kind of the cause, and what is said.
const FAULTS: &[(&str, &str, &str)] = &[
    ("start-fails", "service_start", "failed to start ponger: it is not installed; install it"),
    ("start-panics", "service_start", "service `ponger` is not to be had: it panicked: no luck"),
    ("begin-panics", "service_start", "service `ponger` is not to be had: it panicked: no luck"),
    ("begin-fails", "service_start", "failed to empty ponger: it is read-only"),
    ("refuses", "workload", "setup returned an error: Connection refused"),
    ("dies-at-once", "workload", "the window returned an error: the server closed the connection"),
    ("dies-mid-run", "workload", "the server closed the connection\n  it was in the window, iteration 4 of 10"),
    ("hangs", "timeout", "if the workload is sound\n  it was in the window, iteration 4 of 10"),
    ("garbage", "workload", "[255, 0, 10] is no answer\n  it was in the window, iteration 4 of 10"),
    ("end-fails", "service_fault", "it ran out of disk"),
    ("end-panics", "service_fault", "service `ponger` failed during the run: it panicked: no luck"),
    ("drop-panics", "service_fault", "service `ponger` failed during the run: it panicked: no luck"),
    ("dies-and-end-fails", "service_fault", "it ran out of disk\n  it was in the window, iteration 4 of 10"),
];

/// How often the harness is killed.
const KILLS: u64 = 50;
/// The latest that it is killed: by then a run has ended.
const LATEST: u64 = 150;

/// The suite with temporary files in this folder.
fn run(project: &Project, suite: &Path, temporary: &Path) -> Command {
    let mut command = clean(Command::new(suite), &project.folder);
    command.env("CARGO_MANIFEST_DIR", &project.folder).env("TMPDIR", temporary);
    command
}

/// The processes of the suite, parent and children.
fn processes(suite: &Path) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let ours = all.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == suite));
    ours.map(|process| process.display().to_string()).collect()
}

/// Nothing of the suite runs soon, and there is nothing in the folder.
#[track_caller]
fn nothing_is_left(suite: &Path, temporary: &Path, after: &str) {
    let began = Instant::now();
    while !processes(suite).is_empty() && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(processes(suite), Vec::<String>::new(), "after {after}");
    let files: Vec<PathBuf> = fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, Vec::<PathBuf>::new(), "after {after}");
}

#[test]
fn a_service_that_fails_fails_its_scenario_alone_and_nothing_is_left() {
    let project = Project::copy("faults");
    let (suite, temporary) = (project.suite(), tempfile::tempdir().unwrap());
    let ran = Ran::of(&mut run(&project, &suite, temporary.path())).expect(101);
    nothing_is_left(&suite, temporary.path(), "a run");
    for (scenario, cause, said) in FAULTS {
        let result = project.result("faults", scenario);
        assert_eq!(result["verdict"], "failed", "{scenario}");
        assert!(result["failure"]["cause"].get(cause).is_some(), "{scenario}: {} is no {cause}", result["failure"]);
        assert!(ran.stdout.contains(said), "{scenario} should say {said:?}\n{}", ran.all());
        let next = project.result("faults", &format!("{scenario}-next"));
        assert_eq!(next["verdict"], "new", "after {scenario}: {next}");
    }
    let count = FAULTS.len();
    assert!(ran.stdout.contains(&format!("{count} passed; {count} failed; 0 ignored")), "{}", ran.all());
}

#[test]
fn a_harness_killed_at_any_moment_leaves_nothing() {
    let project = Project::copy("faults");
    let (suite, temporary) = (project.suite(), tempfile::tempdir().unwrap());
    // Two runs never come to the same moment, but to the same schedule.
    let mut seed = 0x9E37_79B9_u64;
    let mut killed = 0;
    for number in 1..=KILLS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let delay = (seed >> 33) % LATEST;
        let mut harness = run(&project, &suite, temporary.path());
        harness.args(["hangs", "--exact"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut harness = harness.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        killed += u64::from(harness.try_wait().unwrap().is_none());
        // SIGKILL: no handler of ours can run.
        harness.kill().unwrap();
        harness.wait().unwrap();
        nothing_is_left(&suite, temporary.path(), &format!("kill {number}, after {delay} ms"));
    }
    assert_eq!(killed, KILLS, "the others had ended by themselves");
    let after = Ran::of(run(&project, &suite, temporary.path()).args(["hangs-next", "--exact"])).expect(0);
    assert!(after.stdout.contains("1 passed"), "{}", after.all());
    nothing_is_left(&suite, temporary.path(), "a run after all of them");
}

#[test]
fn a_killed_command_takes_its_suite_along_and_its_folder_goes_with_the_next() {
    let project = Project::copy("faults");
    let (suite, temporary) = (project.suite(), tempfile::tempdir().unwrap());
    let result = target().join("highwater/faults/hangs/result.json");
    let _ = fs::remove_file(&result);
    let check = |scenario: &str| {
        let mut check = command(&project, &["check", scenario]);
        check.env("TMPDIR", temporary.path()).stdout(Stdio::null()).stderr(Stdio::null());
        check
    };
    let mut killed = check("faults/hangs").spawn().unwrap();
    let events = || -> Vec<PathBuf> {
        let folders = fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path());
        folders.map(|folder| folder.join("events.jsonl")).filter(|events| events.exists()).collect()
    };
    let hangs = |events: &PathBuf| fs::read_to_string(events).is_ok_and(|text| text.contains("\"done\":3"));
    wait_until("the scenario hangs", || events().iter().any(hangs));
    killed.kill().unwrap();
    killed.wait().unwrap();
    wait_until("the suite ends with the command", || processes(&suite).is_empty());
    assert!(!result.exists(), "it ran to its end");
    assert_eq!(events().len(), 1, "who was killed removes nothing");

    assert_eq!(check("faults/hangs-next").status().unwrap().code(), Some(5), "it has no baseline");
    nothing_is_left(&suite, temporary.path(), "the next");
}
