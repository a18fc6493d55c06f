//! The project `known`: numbers that are known in advance, and deaths whose causes must be told apart.

use std::path::Path;
use std::time::{Duration, Instant};

use highwater_model::Bytes;
use serde_json::Value;

use crate::project::Project;

/// The first metric of the first sample.
fn metrics(result: &Value) -> [i64; 5] {
    let metrics = &result["measurement"]["samples"][0]["metrics"];
    ["peak_bytes", "retained_bytes", "retained_blocks", "total_bytes", "total_blocks"]
        .map(|name| metrics[name].as_i64().unwrap_or_else(|| panic!("{name} is not in {result}")))
}

#[test]
fn numbers_and_causes_of_death_are_exact() {
    let project = Project::copy("known");
    let pid_file = project.folder.join("pid");
    let ran =
        project.cargo(&["test", "--test", "memory"], &[("KNOWN_PID_FILE", pid_file.to_str().unwrap())]).expect(101);
    let result = |scenario: &str| project.result("known", scenario);

    // Ten iterations: each a spike of 100,000 bytes beside what the nine before it kept, and one block of 64 bytes kept.
    assert_eq!(metrics(&result("exact")), [100_000 + 9 * 64, 640, 10, 10 * 100_064, 20]);
    assert_eq!(metrics(&result("silent")), [0; 5], "200,000 iterations that allocate nothing");
    let [_, retained, blocks, ..] = metrics(&result("workers"));
    assert_eq!((retained, blocks), (100_000, 100));
    let served = &result("served")["measurement"]["samples"][0];
    assert_eq!(served["observations"]["fake"]["requests"], 7);
    assert_eq!(served["metrics"]["fake.requests"], 7, "a tolerance is declared for it");
    assert_eq!(result("served")["measurement"]["workload"]["services"]["fake"], "fake-1");

    let leaks = &result("leaks")["measurement"]["samples"][0];
    for (metric, value) in
        [("growth_bytes", 16_000), ("growth_blocks", 1_000), ("threads", 1), ("fds", 2), ("tasks", 3)]
    {
        assert_eq!(leaks["metrics"][metric], value, "{metric}");
    }
    assert!(leaks["metrics"]["rss_peak_bytes"].as_i64().unwrap() > 500_000, "{leaks}");
    assert_eq!(leaks["growth"]["floors"].as_array().unwrap().len(), 12, "the points that were used are told");
    let exact = &result("exact")["measurement"]["samples"][0]["metrics"];
    assert!(exact.get("growth_bytes").is_none(), "ten iterations are too few to tell, and that is no 0");
    assert!(exact.get("tasks").is_none(), "without a runtime there are no tasks to count");

    let headroom = &result("exact")["measurement"]["samples"][0]["headroom"];
    assert_eq!(headroom["limit"], 16 << 20);
    let left = headroom["left"].as_i64().unwrap();
    assert!((15 << 20..(16 << 20) - 100_000).contains(&left), "{left}");
    assert!(ran.stderr.contains("below its limit of 16.0 MiB"), "{}", ran.all());

    let note = |scenario: &str, note: &str| {
        let result = result(scenario);
        let notes = result["measurement"]["samples"][0]["notes"].to_string();
        assert!(notes.contains(note), "{scenario}: {notes}");
    };
    note("survives-a-panic", "in a task, and the run went on");
    note("never-settles", "did not stop moving");
    assert_eq!(result("chatters")["verdict"], "new");

    for (scenario, cause, said) in [
        ("panics", "panic", "the third is one too many\n  it was in the window, iteration 3 of 5,"),
        ("exits-3", "exit", "exited with code 3"),
        ("exits-0", "no_message", "left no message"),
        ("aborts", "signal", "killed by signal 6 (SIGABRT)"),
        ("is-killed", "signal", "killed by signal 9 (SIGKILL"),
        ("hangs", "timeout", "timed out after 1 s"),
        ("exceeds", "limit_exceeded", "1.0 MiB more were asked for, under a limit of 16.0 MiB"),
        ("setup-fails", "workload", "setup returned an error: No such file"),
        ("iteration-fails", "workload", "the window returned an error: wrong rows"),
        ("teardown-fails", "workload", "teardown returned an error: 3 of 4 rows"),
        ("writes-to-the-journal", "bad_message", "what is this"),
        ("unmatched", "unmatched_request", "3 unmatched request(s): GET /v1/offers?page=1"),
        ("service-fails", "service_fault", "it ran out of disk"),
        ("service-missing", "service_start", "failed to start fake from /usr/bin/fake: no such file; install fake"),
        ("asks-for-another", "workload", "no service named `redis`; it has fake"),
        ("no-iterations", "declaration", "it has no iterations"),
        ("gates-what-is-not-seen", "declaration", "the service tells of no `keys`, but of: requests"),
    ] {
        let result = result(scenario);
        assert_eq!(result["verdict"], "failed", "{scenario}");
        let found = &result["failure"]["cause"];
        assert!(found.get(cause).is_some() || found == cause, "{scenario}: {found} is no {cause}");
        assert!(result["measurement"].is_null(), "{scenario} failed, and its numbers are nothing, not 0");
        assert!(ran.stdout.contains(said), "{scenario} should say {said:?}\n{}", ran.all());
    }
    assert_eq!(
        result("exceeds")["failure"]["progress"]["done"],
        15,
        "16 MiB hold 15 blocks of 1 MiB and what was there"
    );
    let timeline = result("exceeds")["failure"]["timeline"].as_array().unwrap().clone();
    assert!(timeline.len() >= 15, "each block is a moment of the timeline: {timeline:?}");
    assert!(timeline.last().unwrap()["live"].as_i64().unwrap() > 15 << 20, "{timeline:?}");
    let most = timeline.iter().filter_map(|moment| moment["live"].as_u64()).max().unwrap();
    assert!((16 << 20..(16 << 20) + (64 << 10)).contains(&most), "16 blocks, and what was there: {most}");
    assert!(ran.stdout.contains(&format!("█ up to {} live", Bytes(most))), "{}", ran.all());
    assert!(result("aborts")["failure"]["output"].as_str().unwrap().contains("about to abort"));
    // 8,000 and 80,000 bytes.
    let grows = "peak grows linearly (exponent 1.00, 8 B an item): ";
    assert!(ran.stdout.contains(grows) && ran.stdout.contains(", where constant growth was declared"), "{}", ran.all());
    assert!(ran.stderr.contains("known/keeps-ten: within, peak grows not at all (exponent 0.00"), "{}", ran.all());
    assert!(ran.stdout.contains("12 passed; 18 failed; 1 ignored"), "{}", ran.all());

    let sleeper: u32 = project.read("pid").parse().unwrap();
    assert!(dies_within(sleeper, Duration::from_secs(5)), "process {sleeper} outlived the child that started it");
}

/// Whether there is no such process soon. One that was killed may wait a moment for its end to be noticed.
fn dies_within(pid: u32, bound: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < bound {
        let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
        // A zombie is dead; whoever adopted it has not asked yet.
        if status.map_or(true, |status| status.contains(") Z ")) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn libtest_s_protocol_selects_lists_and_ignores() {
    let project = Project::copy("known");
    let run = |arguments: &[&str]| {
        let arguments = [&["test", "--test", "memory", "--"], arguments].concat();
        project.cargo(&arguments, &[])
    };
    let listed = run(&["--list", "--format", "terse"]).expect(0).stdout;
    assert!(listed.lines().any(|line| line == "exact: test"), "{listed}");
    assert_eq!(listed.lines().filter(|line| line.ends_with(": test")).count(), 31, "{listed}");

    // As cargo nextest calls it.
    let exact = run(&["exact", "--exact", "--nocapture"]).expect(0).stdout;
    assert!(exact.contains("1 passed; 0 failed; 0 ignored; 0 measured; 30 filtered out"), "{exact}");
    let filtered = run(&["exits"]).expect(101).stdout;
    assert!(filtered.contains("0 passed; 2 failed"), "{filtered}");
    let ignored = run(&["--ignored"]).expect(0).stdout;
    assert!(ignored.contains("test on-request ... ok"), "{ignored}");
}

#[test]
fn a_forgotten_allocator_is_told_and_not_measured_as_nothing() {
    let project = Project::copy("known");
    let said = project.cargo(&["test", "--test", "uncounted"], &[]).expect(101).stdout;
    assert!(said.contains("static ALLOC: highwater::Alloc = highwater::Alloc::new();"), "{said}");
}

#[test]
fn without_a_baseline_a_run_passes_but_not_under_ci() {
    let project = Project::copy("known");
    let arguments = ["test", "--test", "memory", "--", "--exact", "exact"];
    let local = project.cargo(&arguments, &[]).expect(0);
    assert!(local.stderr.contains("it has no baseline and gates nothing yet"), "{}", local.all());
    let ci = project.cargo(&arguments, &[("CI", "true")]).expect(101);
    assert!(ci.stdout.contains("cargo highwater update exact"), "{}", ci.all());
    project.cargo(&arguments, &[("CI", "false")]).expect(0);
}

#[test]
fn an_interrupted_harness_leaves_no_child() {
    let project = Project::copy("known");
    project.cargo(&["test", "--test", "memory", "--no-run"], &[]).expect(0);
    let pid_file = project.folder.join("pid");
    let mut harness = crate::project::cargo(&project.folder)
        .args(["test", "--test", "memory", "--", "--exact", "hangs"])
        .env("KNOWN_PID_FILE", &pid_file)
        .env("KNOWN_TIMEOUT", "600")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let sleeper: u32 = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "the scenario did not begin");
        match std::fs::read_to_string(&pid_file).ok().and_then(|text| text.parse().ok()) {
            Some(pid) => break pid,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let stat = std::fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap();
    let parent = |stat: &str| stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().parse::<u32>().unwrap();
    let child = parent(&stat);
    let suite = parent(&std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap());
    // SIGKILL: no handler of ours can run.
    assert!(std::process::Command::new("kill").args(["-9", &suite.to_string()]).status().unwrap().success());
    let _ = harness.wait();
    assert!(dies_within(child, Duration::from_secs(5)), "the child {child} outlived the harness");
    // It is the workload's own process, whose parent was killed: nobody is left but us to end it.
    let _ = std::process::Command::new("kill").args(["-9", &sleeper.to_string()]).status();
}
