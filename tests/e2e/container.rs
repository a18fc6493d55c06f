//! The memory limit of a container: `check --enforce --runtime docker` and `fit --by docker`, on the scenario that keeps a megabyte an
//! iteration and on those of this repository.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::{command, highwater};
use crate::limit::json;
use crate::project::{Project, Ran, cargo, root, wait_until};

#[test]
#[ignore = "needs Docker"]
fn a_container_s_limit_kills_who_needs_more_and_is_told_from_other_deaths() {
    let project = Project::copy("known");
    let check = |scenario: &str, limit: &str, variables: &[(&str, &str)]| {
        highwater(&project, &["check", scenario, "--enforce", limit, "--runtime", "docker"], variables)
    };

    let killed = check("fills", "24MiB", &[]).expect(102);
    let said = "killed by the kernel for want of memory, under a limit of 24.0 MiB";
    assert!(killed.stdout.contains(said), "{}", killed.all());
    let limited = project.left("known", "fills", "limited.json");
    assert_eq!(limited["failure"]["cause"]["oom_killed"]["limit"], 24 << 20);
    let done = limited["failure"]["progress"]["done"].as_u64().unwrap();
    assert!((10..24).contains(&done), "24 MiB hold up to 23 blocks and the rest of the process, not {done}");
    let peak = limited["failure"]["cause"]["oom_killed"]["peak"].as_u64();
    assert!(peak.is_some_and(|peak| (20 << 20..=24 << 20).contains(&peak)), "nearly all was charged: {limited}");

    let held = check("fills", "128MiB", &[]).expect(5);
    let (_, charged) =
        held.stdout.split_once("the kernel's limit of 128.0 MiB held it: ").unwrap_or_else(|| panic!("{}", held.all()));
    let charged: f64 = charged.split(" MiB were charged at the most").next().unwrap().parse().unwrap();
    assert!((40.0..60.0).contains(&charged), "40 MiB are kept, beside stacks and code: {}", held.all());
    // The ends that a limit has nothing to do with are what they are without one.
    for (scenario, expect) in [
        ("is-killed", "killed by signal 9"),
        ("aborts", "about to abort"),
        ("exits-3", "exited with code 3"),
        ("panics", "the third is one too many"),
        ("setup-fails", "setup returned an error: No such file"),
    ] {
        let ended = check(scenario, "128MiB", &[]).expect(102);
        assert!(ended.stdout.contains(expect) && !ended.stdout.contains("want of memory"), "{}", ended.all());
    }
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let hung = check("hangs", "128MiB", &[("KNOWN_PID_FILE", pid_file.to_str().unwrap())]).expect(102);
    assert!(hung.stdout.contains("timed out after 1 s"), "{}", hung.all());
    let sleeper = fs::read_to_string(pid_file).unwrap();
    assert!(!Path::new("/proc").join(sleeper.trim()).exists(), "what it started is gone as well");
    let small = check("fills", "1MiB", &[]).expect(102);
    assert!(small.stdout.contains("could not be run") && small.stdout.contains("6MB"), "{}", small.all());
    assert_eq!(containers_left(), "", "neither a container nor an image stays");
}

#[test]
#[ignore = "needs Docker"]
fn a_room_that_somebody_else_ends_fails_its_scenario_and_the_next_one_runs() {
    let project = Project::copy("known");
    let temporary = tempfile::tempdir().unwrap();
    let pid_file = temporary.path().join("pid");
    for (deed, said) in [
        (&["kill"][..], "the child was killed by signal 9"),
        (&["rm", "--force"], "somebody removed the container while it ran"),
        (&["pause"], "timed out after 4 s"),
    ] {
        let _ = fs::remove_file(&pid_file);
        let arguments = ["check", "hangs", "--enforce", "128MiB", "--runtime", "docker"];
        let mut check = command(&project, &arguments);
        check.env("KNOWN_PID_FILE", &pid_file).env("KNOWN_TIMEOUT", "4");
        let running = check.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("the scenario hangs", || fs::read_to_string(&pid_file).is_ok_and(|pid| !pid.is_empty()));
        let sleeper = Path::new("/proc").join(fs::read_to_string(&pid_file).unwrap());
        // That of the process that it started.
        let group = fs::read_to_string(sleeper.join("cgroup")).unwrap();
        let id = group.lines().find_map(|line| line.rsplit(['/', '-']).next().filter(|id| id.len() >= 64)).unwrap();
        let id = id.trim_end_matches(".scope");
        let done = Command::new("docker").args(deed).arg(id).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let ran = Ran::of_output(running.wait_with_output().unwrap()).expect(102);
        for part in [said, "it was in the window, iteration 1 of "] {
            assert!(ran.stdout.contains(part), "{part:?} is not said after {deed:?}\n{}", ran.all());
        }
        assert!(!sleeper.exists(), "what it started is gone as well, after {deed:?}");
        assert_eq!(containers_left(), "", "neither a container nor an image stays after {deed:?}");
    }
    let next = highwater(&project, &["check", "exact", "--enforce", "128MiB", "--runtime", "docker"], &[]).expect(5);
    assert!(next.stdout.contains("the kernel's limit of 128.0 MiB held it"), "{}", next.all());
}

#[test]
#[ignore = "needs Docker"]
fn the_smallest_container_is_found() {
    let project = Project::copy("known");
    let found = json(&project, &["fit", "fills", "--by", "docker", "--format", "json"], &[]);
    let fits = found[0]["found"]["Ok"]["fits"].as_u64().unwrap();
    assert!((40 << 20..60 << 20).contains(&fits), "40 MiB are kept, beside stacks and code: {found}");
    assert_eq!(containers_left(), "", "neither a container nor an image stays");
}

#[test]
#[ignore = "needs Docker"]
fn reconcile_dies_in_a_container_that_paged_survives() {
    let check = |scenario: &str| {
        let arguments = ["highwater", "check", scenario, "--enforce", "128MiB", "--runtime", "docker"];
        Ran::of(cargo(root()).args(arguments))
    };
    let dies = check("reconcile-first").expect(102);
    for part in ["killed by the kernel for want of memory, under a limit of 128.0 MiB", "it was in the window", "live"]
    {
        assert!(dies.stdout.contains(part), "{part:?} is not said\n{}", dies.all());
    }
    let survives = check("paged-first");
    assert!(survives.stdout.contains("the kernel's limit of 128.0 MiB held it"), "{}", survives.all());
    assert_eq!(containers_left(), "", "neither a container nor an image stays");
}

#[test]
fn without_docker_no_container_is_had_and_it_is_said_how() {
    let project = Project::copy("known");
    let absent = [("DOCKER_HOST", "unix:///nonexistent/docker.sock")];
    let arguments = ["check", "fills", "--enforce", "128MiB", "--runtime", "docker"];
    let refused = highwater(&project, &arguments, &absent).expect(96);
    assert!(
        refused.stderr.contains("failed to reach Docker") && refused.stderr.contains("DOCKER_HOST"),
        "{}",
        refused.all()
    );
}

/// Containers and images of ours on the engine.
fn containers_left() -> String {
    let list = |arguments: &[&str]| {
        let listed =
            Command::new("docker").args(arguments).args(["--filter", "label=dev.highwater.owner"]).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        String::from_utf8(listed.stdout).unwrap()
    };
    list(&["ps", "--all", "--quiet"]) + &list(&["images", "--quiet"])
}
