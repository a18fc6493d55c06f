//! The program as a user runs it: exit code, logs, metrics, signals, and what a killed one leaves.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use job_worker::Queue;
use rustix::process::{Pid, Signal, kill_process};
use support::{FIXTURE, Services, idle, jobs};

/// The program with these variables and none of the test's own.
fn program(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_job-worker"));
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

fn ends(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = program(variables).output().expect("the program runs");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8(output.stderr).expect("a log is text"))
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("not 0");
    kill_process(pid, signal).expect("it is ours");
}

#[test]
fn a_missing_variable_ends_it_with_its_name() {
    let (code, log) = ends(&[]);
    assert_eq!(code, Some(1));
    assert!(log.contains("REDIS_URL is not set (example: redis://localhost:6379/0)"), "{log}");
}

#[test]
fn a_redis_that_is_not_there_ends_it() {
    let url = "redis://:secret@127.0.0.1:1/0";
    let (code, log) = ends(&[("REDIS_URL", url), ("MAIL_URL", "http://127.0.0.1:1/")]);
    assert_eq!(code, Some(1));
    assert!(log.contains("cannot connect to Redis; check REDIS_URL") && log.contains("refused"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn metrics_are_served_until_sigterm_ends_it_in_order() {
    let services = Services::start();
    let agent = services.agent.to_string();
    let mut child = program(&[
        ("REDIS_URL", &services.redis_url),
        ("MAIL_URL", &services.mail_url),
        ("STATSD_ADDR", &agent),
        ("METRICS_ADDR", "127.0.0.1:0"),
        ("RETENTION_SECONDS", "3600"),
    ])
    .stderr(Stdio::piped())
    .spawn()
    .expect("the program runs");
    let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let mut address =
        log.find_map(|line| line.expect("a log").split_once("metrics at http://").map(|(_, it)| it.to_owned()));
    let address = address.take().expect("it says where");

    let queue = Queue::connect(&services.config()).await.expect("a queue");
    queue.push(jobs(FIXTURE, 2_000).expect("recorded")).await.expect("pushed");
    while services.mail.accepted_keys() < 50 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let text = get(&address);
    for said in ["job_worker_attempts_total{outcome=\"done\"}", "process_resident_memory_bytes"] {
        assert!(text.contains(said), "{said} in {text}");
    }
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let rest: Vec<String> = log.map(|line| line.expect("a log")).collect();
    assert!(rest.iter().any(|line| line.contains("has stopped; ")), "{rest:?}");
    let counts = queue.counts().await.expect("counts");
    assert_eq!((counts.held, counts.unfinished() + counts.done), (0, 2_000), "{counts:?}");
    assert_eq!(services.mail.accepted_keys() as u64, counts.done, "what was sent is acknowledged");
    let statsd = services.statsd.clone();
    services.end();
    assert!(statsd.received().count("jobs.attempts") >= counts.done as f64, "the last metrics are flushed");
}

/// What is at `host:port/path`.
fn get(address: &str) -> String {
    let (host, path) = address.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

const JOBS: usize = 1_000;
const KILLS: usize = 20;

#[tokio::test]
async fn a_worker_that_is_killed_at_any_of_twenty_points_loses_no_job() {
    let services = Services::start();
    let variables = [
        ("REDIS_URL", services.redis_url.as_str()),
        ("MAIL_URL", &services.mail_url),
        ("RETENTION_SECONDS", "3600"),
        ("HEARTBEAT_SECONDS", "1"),
    ];
    let recorded = jobs(FIXTURE, JOBS).expect("recorded");
    let queue = Queue::connect(&services.config()).await.expect("a queue");
    queue.push(recorded.clone()).await.expect("pushed");
    for point in 1..=KILLS {
        let mut child = program(&variables).stderr(Stdio::null()).spawn().expect("the program runs");
        // Points of progress, so that some fall before and some between an answer and its acknowledgement.
        let progress = point * (JOBS / 2) / KILLS;
        while services.mail.accepted_keys() < progress {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        let counts = queue.counts().await.expect("counts");
        let (jobs, accounted) = (counts.jobs, counts.unfinished() + counts.done + counts.dead);
        assert_eq!((jobs, accounted), (JOBS as u64, JOBS as u64), "after kill {point}: {counts:?}");
    }
    let held = queue.counts().await.expect("counts").held;
    assert!(held > 0, "the killed held jobs");
    // Another takes them over when six heartbeats are missed.
    let mut child = program(&variables).stderr(Stdio::null()).spawn().expect("the program runs");
    let waited = tokio::time::timeout(Duration::from_secs(60), idle(&queue)).await;
    let counts = waited.expect("in time").expect("counts");
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!((counts.done, counts.dead), (JOBS as u64, 0), "{counts:?}");
    let mut repeated = 0;
    for job in &recorded {
        let accepted = services.mail.accepted(&job.id);
        assert!(accepted >= 1, "{} was never sent", job.id);
        repeated += accepted - 1;
    }
    // At least once: what was under way when a worker was killed, no more than eight jobs each time, and those it had begun to acknowledge.
    assert!(repeated <= (KILLS * 16) as u64, "{repeated} messages were sent again");
}
