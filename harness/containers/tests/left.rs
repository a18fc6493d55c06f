//! What is left on the engine, however whoever started it ends: nothing, or nothing after the next start.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use highwater_containers::{Room, RunningServer, Server};
use rustix::process::{Pid, Signal, kill_process};

const READY: &str = "both are there: ";

/// The containers and images of a process, running or not.
fn left_by(pid: u32) -> Vec<String> {
    let list = |arguments: &[&str]| {
        let listed = Command::new("docker").args(arguments).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        String::from_utf8(listed.stdout).unwrap()
    };
    let containers = list(&["ps", "--all", "--filter", "label=dev.highwater.owner", "--format", "{{.Names}}"]);
    let images = list(&["images", "--filter", "label=dev.highwater.owner", "--format", "{{.Repository}}"]);
    let is_its = |name: &&str| name.starts_with("highwater-") && name.contains(&format!("-{pid}-"));
    containers.lines().chain(images.lines()).filter(is_its).map(str::to_owned).collect()
}

fn redis() -> RunningServer {
    let server = Server {
        name: "Redis",
        image: "redis:7".to_owned(),
        port: 6379,
        command: vec!["redis-server".to_owned()],
        variables: Vec::new(),
    };
    server.start(|address| std::net::TcpStream::connect(address).map_err(|error| error.to_string())).unwrap().0
}

/// A process of this test that has a server and a room.
fn start() -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "child_has_a_server_and_a_room"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    // libtest writes the test's name on the same line.
    assert!(lines.any(|line| line.unwrap().contains(READY)), "it has neither");
    assert_eq!(left_by(child.id()).len(), 2, "a container and an image while it runs");
    child
}

#[test]
#[ignore = "started by the test below it"]
fn child_has_a_server_and_a_room() {
    let _room = Room::prepare().unwrap();
    let server = redis();
    println!("{READY}{}", server.address());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert!(!line.contains("panic"), "as asked for");
}

/// How a process is ended.
#[derive(Debug, Clone, Copy)]
enum Ended {
    ByItself,
    ByAPanic,
    By(Signal),
}

fn end(mut child: Child, how: Ended) -> u32 {
    let pid = child.id();
    match how {
        Ended::ByItself => drop(child.stdin.take()),
        Ended::ByAPanic => std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"panic\n").unwrap(),
        Ended::By(signal) => kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap(),
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "{how:?} does not end it");
        std::thread::sleep(Duration::from_millis(20));
    }
    pid
}

#[test]
#[ignore = "needs Docker"]
fn nothing_is_left_after_the_next_start() {
    // What each way leaves at once: containers at least are removed at every end that can be noticed.
    let check = |how: Ended, times: usize, left_at_once: usize| {
        let children: Vec<Child> = (0..times).map(|_| start()).collect();
        let pids: Vec<u32> = children.into_iter().map(|child| end(child, how)).collect();
        let left = |what: &str| -> usize {
            pids.iter().flat_map(|pid| left_by(*pid)).filter(|name| name.contains(what)).count()
        };
        assert_eq!(left("highwater-redis"), left_at_once, "containers after {how:?}, {times} times");
        drop(redis());
        assert_eq!(left("highwater"), 0, "after the next start, {how:?}, {times} times");
    };
    check(Ended::ByItself, 1, 0);
    check(Ended::ByAPanic, 1, 0);
    check(Ended::By(Signal::INT), 1, 0);
    check(Ended::By(Signal::TERM), 2, 0);
    check(Ended::By(Signal::KILL), 1, 1);
    check(Ended::By(Signal::KILL), 3, 3);
}

#[test]
#[ignore = "needs Docker"]
fn what_belongs_to_somebody_who_runs_stays() {
    let child = start();
    drop(redis());
    assert_eq!(left_by(child.id()).len(), 2, "its container and its image");
    let pid = end(child, Ended::ByItself);
    assert_eq!(left_by(pid), Vec::<String>::new());
}
