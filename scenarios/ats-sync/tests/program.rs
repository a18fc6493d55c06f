//! The program as a user runs it: exit code, logs, metrics while it runs.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::wire::{Wire, ok};
use support::{Account, Api, Database, NO_DATABASE};

/// The program with these variables and none of the test's own.
fn program(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ats-sync"));
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Exit code and log of a run that prints nothing.
fn run(variables: &[(&str, &str)]) -> (i32, String) {
    let output = program(variables).output().expect("the program runs");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let log = String::from_utf8(output.stderr).expect("a log is text");
    (output.status.code().expect("no signal ended it"), log)
}

#[test]
fn a_missing_variable_ends_it_with_its_name() {
    let (code, log) = run(&[]);
    assert_eq!(code, 1);
    assert!(log.contains("HARVEST_URL is not set (example: https://harvest.greenhouse.io/v1)"), "{log}");
}

#[test]
fn a_database_that_is_not_there_ends_it() {
    let (code, log) = run(&[
        ("HARVEST_URL", "http://127.0.0.1:9/v1"),
        ("HARVEST_API_KEY", "secret-key"),
        ("DATABASE_URL", NO_DATABASE),
    ]);
    assert_eq!(code, 1);
    assert!(log.contains("cannot connect to the database at 127.0.0.1:9/none; check DATABASE_URL"), "{log}");
    assert!(log.contains("refused"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn a_sync_is_logged_and_ends_well() {
    let api = Api::of(Account::of(2, 3, 4)).await;
    let database = Database::new("program").await;
    let url = format!("{}/v1", api.server.uri());
    let variables = [
        ("HARVEST_URL", url.as_str()),
        ("HARVEST_API_KEY", support::KEY),
        ("DATABASE_URL", &database.url),
        ("SYNC_STRATEGY", "reconcile"),
        ("PAGE_SIZE", "2"),
        ("BATCH_SIZE", "1"),
        ("CONCURRENCY", "1"),
    ];
    let (code, log) = run(&variables);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("reconcile sync: 5 pages, 9 fetched, 9 inserted, 5 requests, 0 retries"), "{log}");
    let (code, log) = run(&variables);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("reconcile sync: 5 pages, 9 fetched, 9 unchanged, 5 requests"), "{log}");
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn a_wrong_key_ends_it() {
    let database = Database::new("wrong_key").await;
    let wire = Wire::answering(Duration::ZERO, |_, _| {
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 27\r\nconnection: close\r\n\r\n{\"message\":\"Invalid token\"}"
            .to_vec()
    });
    let url = format!("{}/v1", wire.uri());
    let (code, log) =
        run(&[("HARVEST_URL", url.as_str()), ("HARVEST_API_KEY", "secret-key"), ("DATABASE_URL", &database.url)]);
    assert_eq!(code, 1);
    assert!(log.contains("401 Unauthorized: Invalid token; check HARVEST_API_KEY"), "{log}");
    assert!(!log.contains("secret-key"), "{log}");
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs a Postgres server: DATABASE_URL"]
async fn metrics_are_served_until_sigterm_ends_it() {
    let database = Database::new("metrics").await;
    let wire = Wire::answering(Duration::from_secs(60), |_, _| ok("[]", ""));
    let url = format!("{}/v1", wire.uri());
    let mut child = program(&[
        ("HARVEST_URL", &url),
        ("HARVEST_API_KEY", support::KEY),
        ("DATABASE_URL", &database.url),
        ("METRICS_ADDR", "127.0.0.1:0"),
    ])
    .stderr(Stdio::piped())
    .spawn()
    .expect("the program runs");
    let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let line = log.next().expect("a line").expect("a log");
    let address = line.split_once("metrics at ").unwrap_or_else(|| panic!("{line}")).1;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let text = client.get(address).send().await.expect("an answer").text().await.expect("a text");
    assert!(text.contains("# TYPE process_resident_memory_bytes gauge"), "{text}");

    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().expect("kill runs").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(1), "{status}");
    let line = log.next().expect("a line").expect("a log");
    assert!(line.contains("stopped by a signal"), "{line}");
    database.drop().await;
}
