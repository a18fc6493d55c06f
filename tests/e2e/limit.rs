//! Memory limits from outside: `check --enforce` and `fit`, on a scenario that keeps a megabyte an iteration.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::highwater;
use crate::project::{Project, clean, wait_until};

#[test]
fn the_smallest_limit_of_the_allocator_is_found() {
    let project = Project::copy("known");
    let fit = highwater(&project, &["fit", "fills", "--by", "allocator", "--precision", "64KiB"], &[]).expect(0);
    let found = json(&project, &["fit", "fills", "--by", "allocator", "--precision", "64KiB", "--format", "json"], &[]);
    let bytes = |name: &str| found[0]["found"]["Ok"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {found}"));
    // 40 MiB are kept; the process has little else, and the list of them.
    assert!((40 << 20..41 << 20).contains(&bytes("fits")), "{found}");
    assert_eq!(bytes("fits") - bytes("fails"), 64 << 10, "{found}");
    assert!((bytes("fails")..=bytes("fits")).contains(&bytes("heap")), "{found}");
    for part in ["fits  known/fills in 40.", "completed 3 times", "Rust heap alone", "suggested container: request "] {
        assert!(fit.stdout.contains(part), "{part:?} is not said\n{}", fit.all());
    }
    let failed = highwater(&project, &["fit", "setup-fails", "--by", "allocator"], &[]).expect(102);
    assert!(failed.stdout.contains("setup returned an error: No such file"), "{}", failed.all());
}

#[test]
#[ignore = "needs permission to make control groups: root, or a delegated group"]
fn the_kernel_s_limit_kills_who_needs_more_and_is_told_from_other_deaths() {
    let project = Project::copy("known");
    let check = |scenario: &str, limit: &str| highwater(&project, &["check", scenario, "--enforce", limit], &[]);

    let killed = check("fills", "24MiB").expect(102);
    let said = "killed by the kernel for want of memory, under a limit of 24.0 MiB";
    assert!(killed.stdout.contains(said), "{}", killed.all());
    let limited = project.left("known", "fills", "limited.json");
    assert_eq!(limited["failure"]["cause"]["oom_killed"]["limit"], 24 << 20);
    let done = limited["failure"]["progress"]["done"].as_u64().unwrap();
    assert!((10..24).contains(&done), "24 MiB hold up to 23 blocks and the rest of the process, not {done}");

    let held = check("fills", "128MiB").expect(5);
    assert!(held.stdout.contains("the kernel's limit of 128.0 MiB held it"), "{}", held.all());
    // Killed by itself, under a limit that it never came near.
    let other = check("is-killed", "128MiB").expect(102);
    assert!(other.stdout.contains("killed by signal 9") && !other.stdout.contains("want of memory"), "{}", other.all());
    assert_eq!(groups_left(Path::new("/sys/fs/cgroup")), Vec::<String>::new(), "no control group stays");
}

#[test]
#[ignore = "needs permission to make control groups: root, or a delegated group"]
fn the_smallest_limit_of_the_kernel_is_found() {
    let project = Project::copy("known");
    let fit = highwater(&project, &["fit", "fills", "--by", "kernel"], &[]).expect(0);
    assert!(fit.stdout.contains("enforced by the kernel") && fit.stdout.contains("completed 3 times"), "{}", fit.all());
    let found = json(&project, &["fit", "fills", "--by", "kernel", "--format", "json"], &[]);
    let fits = found[0]["found"]["Ok"]["fits"].as_u64().unwrap();
    assert!((40 << 20..60 << 20).contains(&fits), "40 MiB are kept, beside stacks and code: {found}");
}

#[test]
#[ignore = "needs permission to make control groups: root, or a delegated group"]
fn the_control_group_of_a_killed_suite_is_removed_by_the_next_one() {
    let project = Project::copy("known");
    let groups = || groups_left(Path::new("/sys/fs/cgroup"));
    let others = groups();
    let ours = || -> Vec<String> { groups().into_iter().filter(|group| !others.contains(group)).collect() };
    let temporary = tempfile::tempdir().unwrap();
    let pid_file = temporary.path().join("pid");
    let control = serde_json::json!({
        "mode": "check", "engine": "counting", "scenarios": ["hangs"], "injections": [],
        "limit": { "by": "kernel", "bytes": 128 << 20 }
    });
    let mut suite = clean(Command::new(project.suite()), &project.folder);
    suite.env("CARGO_MANIFEST_DIR", &project.folder).env("HIGHWATER_CONTROL", control.to_string());
    suite.env("KNOWN_PID_FILE", &pid_file).env("KNOWN_TIMEOUT", "60").stdout(Stdio::null()).stderr(Stdio::null());
    let mut suite = suite.spawn().unwrap();
    // In its first iteration, beside a process that it started and that does not end with it.
    let sleeper = || fs::read_to_string(&pid_file).unwrap_or_default();
    wait_until("the scenario hangs", || !sleeper().is_empty());
    suite.kill().unwrap();
    suite.wait().unwrap();
    let left = ours();
    assert_eq!(left.len(), 1, "the group of the killed suite is left: {left:?}");
    let sleeper = Path::new("/proc").join(sleeper());
    assert!(sleeper.exists(), "nobody ended what the scenario started");

    let next = highwater(&project, &["check", "exact", "--enforce", "128MiB"], &[]).expect(5);
    assert!(next.stdout.contains("the kernel's limit of 128.0 MiB held it"), "{}", next.all());
    assert_eq!(ours(), Vec::<String>::new(), "no control group stays");
    wait_until("whoever was in the group is gone with it", || !sleeper.exists());
}

pub(crate) fn json(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> serde_json::Value {
    serde_json::from_str(&highwater(project, arguments, variables).expect(0).stdout).unwrap()
}

/// Control groups of ours, wherever they are.
fn groups_left(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    folders
        .flat_map(|folder| {
            let is_ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("highwater-"));
            if is_ours { vec![folder.display().to_string()] } else { groups_left(&folder) }
        })
        .collect()
}
