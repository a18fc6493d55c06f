//! Real servers that die in the middle of a run: Postgres and Redis, of this machine and in containers. Whatever becomes of one, its
//! scenario fails and says so, nothing is left, and the next scenario runs. The scenarios are those of `harness/services/examples/dying.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::project::{self, Ran, built, clean, root, target};

/// A scenario, the kind of the cause, what is said of the service, and how far it came.
type Row = (&'static str, &'static str, &'static str, &'static str);

const SETUP: &str = "it was in setup";
const FIRST: &str = "it was in the window, iteration 2 of 10";
const LATE: &str = "it was in the window, iteration 9 of 10";
const TEARDOWN: &str = "it was in teardown";
/// No child ran, or its sample was over.
const OUTSIDE: &str = "";

const KILLED: &str = "the server ended (signal: 9 (SIGKILL))";
const STOPPED: &str = "somebody stopped the server's process";
const CRASHED: &str = "cut off its clients and started anew";
const ENDED: &str = "it ended with 137";
const PAUSED: &str = "somebody paused its container";
const REMOVED: &str = "somebody removed its container";

const LOCAL: &[Row] = &[
    ("postgres-local-kill-start", "service_start", "signal: 9 (SIGKILL)", OUTSIDE),
    ("postgres-local-kill-setup", "service_fault", KILLED, SETUP),
    ("postgres-local-kill-first", "service_fault", KILLED, FIRST),
    ("postgres-local-kill-late", "service_fault", KILLED, LATE),
    ("postgres-local-kill-teardown", "service_fault", KILLED, TEARDOWN),
    ("postgres-local-kill-between", "service_start", KILLED, OUTSIDE),
    ("postgres-local-backend-setup", "service_fault", CRASHED, SETUP),
    ("postgres-local-backend-first", "service_fault", CRASHED, FIRST),
    ("postgres-local-backend-late", "service_fault", CRASHED, LATE),
    ("postgres-local-backend-teardown", "service_fault", CRASHED, TEARDOWN),
    ("postgres-local-pause-between", "service_start", STOPPED, OUTSIDE),
    ("redis-local-kill-start", "service_start", "signal: 9 (SIGKILL)", OUTSIDE),
    ("redis-local-kill-setup", "service_fault", KILLED, SETUP),
    ("redis-local-kill-first", "service_fault", KILLED, FIRST),
    ("redis-local-kill-late", "service_fault", KILLED, LATE),
    ("redis-local-kill-teardown", "service_fault", KILLED, TEARDOWN),
    ("redis-local-kill-between", "service_start", KILLED, OUTSIDE),
    ("redis-local-pause-setup", "service_fault", STOPPED, SETUP),
    ("redis-local-pause-late", "service_fault", STOPPED, LATE),
    ("redis-local-pause-between", "service_start", STOPPED, OUTSIDE),
];

const DOCKER: &[Row] = &[
    ("postgres-docker-remove-start", "service_start", "", OUTSIDE),
    ("postgres-docker-kill-first", "service_fault", ENDED, FIRST),
    ("postgres-docker-pause-late", "service_fault", PAUSED, LATE),
    ("postgres-docker-remove-late", "service_fault", REMOVED, LATE),
    ("postgres-docker-kill-between", "service_start", ENDED, OUTSIDE),
    ("redis-docker-kill-setup", "service_fault", ENDED, SETUP),
    ("redis-docker-kill-late", "service_fault", ENDED, LATE),
    ("redis-docker-kill-teardown", "service_fault", ENDED, TEARDOWN),
    ("redis-docker-pause-first", "service_fault", PAUSED, FIRST),
    ("redis-docker-pause-between", "service_start", PAUSED, OUTSIDE),
    ("redis-docker-remove-first", "service_fault", REMOVED, FIRST),
];

#[test]
#[ignore = "needs Postgres and Redis"]
fn whatever_becomes_of_a_server_of_this_machine_its_scenario_says_so_and_nothing_is_left() {
    check(LOCAL);
}

#[test]
#[ignore = "needs Docker"]
fn whatever_becomes_of_a_server_in_a_container_its_scenario_says_so_and_nothing_is_left() {
    check(DOCKER);
}

/// Runs the scenarios, each followed by one whose server lives, a Redis since that starts soon; the last is followed by a Postgres as well.
fn check(rows: &[Row]) {
    let suite = built(&["--workspace", "--example", "dying"], "dying");
    let mut wrong = Vec::new();
    for &(scenario, cause, said, reached) in rows {
        let began = Instant::now();
        let kind: Vec<&str> = scenario.split('-').take(2).collect();
        let next = format!("redis-{}-nothing-ever", kind[1]);
        let after_all = format!("postgres-{}-nothing-ever", kind[1]);
        let is_last = rows.last().is_some_and(|last| last.0 == scenario);
        let following: Vec<&String> = [&next, &after_all].into_iter().take(1 + usize::from(is_last)).collect();
        // PostgreSQL does not run as root, and enters the folder as another user.
        let temporary =
            tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir();
        let temporary = temporary.unwrap();
        let scenarios: Vec<&str> = following.iter().map(|name| name.as_str()).chain([scenario]).collect();
        for scenario in &scenarios {
            let _ = fs::remove_file(path(scenario));
        }
        let running = start(&suite, temporary.path(), &scenarios);
        let pid = running.id();
        let ran = Ran::of_output(running.wait_with_output().unwrap()).expect(101);
        let mut complain = |problem: String| wrong.push(format!("{scenario}: {problem}\n{}", ran.all()));
        let (failed, server) = (result(scenario), kind[0]);
        if failed["failure"]["cause"][cause]["service"] != server {
            complain(format!("{} is no {cause} of {server}", failed["failure"]["cause"]));
        }
        for part in [said, reached, &format!("service `{server}`")] {
            if !ran.stdout.contains(part) {
                complain(format!("{part:?} is not said"));
            }
        }
        if reached == OUTSIDE && !failed["failure"]["progress"].is_null() {
            complain(format!("it was further than is known: {}", failed["failure"]["progress"]));
        }
        for next in following {
            let passed = result(next);
            if passed["verdict"] != "new" {
                complain(format!("{next} did not run: {passed}"));
            }
        }
        let mut left = left(&suite, temporary.path());
        if kind[1] == "docker" {
            left.extend(containers_of(pid));
        }
        if !left.is_empty() {
            complain(format!("there are left: {left:?}"));
        }
        println!("{scenario}: {:.1} s", began.elapsed().as_secs_f64());
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// The suite with two samples a scenario, temporary files in this folder, and nothing of the environment that chooses a server.
fn start(suite: &Path, temporary: &Path, scenarios: &[&str]) -> Child {
    let control = json!({
        "mode": "sample", "samples": 2, "engine": "counting", "events": null, "scenarios": scenarios,
        "injections": [], "limit": null, "launcher": null
    });
    let mut command = clean(Command::new(suite), root());
    command.env("TMPDIR", temporary).env("HIGHWATER_CONTROL", control.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn path(scenario: &str) -> PathBuf {
    target().join("highwater/dying").join(scenario).join("result.json")
}

fn result(scenario: &str) -> Value {
    project::left("dying", scenario, "result.json")
}

/// The containers that this process left.
fn containers_of(pid: u32) -> Vec<String> {
    let listed = Command::new("docker").args(["ps", "--all", "--format", "{{.Names}}"]).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let names = String::from_utf8(listed.stdout).unwrap();
    let is_its = |name: &&str| name.starts_with("highwater-") && name.contains(&format!("-{pid}-"));
    names.lines().filter(is_its).map(str::to_owned).collect()
}

/// What is left soon after a run: processes of the suite, of servers that have its folder, and files in it.
fn left(suite: &Path, temporary: &Path) -> Vec<String> {
    let processes = || -> Vec<String> {
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let is_of_the_run = |process: &PathBuf| {
            let link = |name: &str| fs::read_link(process.join(name)).unwrap_or_default();
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            link("exe") == suite
                || link("cwd").starts_with(temporary)
                || String::from_utf8_lossy(&line).contains(temporary.to_str().unwrap())
        };
        all.filter(is_of_the_run).map(|process| process.display().to_string()).collect()
    };
    let until = Instant::now() + Duration::from_secs(5);
    while !processes().is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let files = fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    processes().into_iter().chain(files).collect()
}
