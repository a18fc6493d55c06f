//! From start to end: an empty database for each sample, whoever is still connected; nothing left behind.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use highwater::{Endpoint, Service};
use highwater_services::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::support::{code, connect, embedded, extended, local, run, simple, started};

async fn tables(client: &Client) -> String {
    simple(client, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await.unwrap()
}

fn each_sample_gets_an_empty_database(postgres: &Postgres) {
    let mut running = started(postgres);
    let mut before: Option<Endpoint> = None;
    for _ in 0..3 {
        let endpoint = running.begin_sample().unwrap();
        assert_ne!(before.as_ref(), Some(&endpoint));
        run(async {
            let client = connect(&endpoint).await;
            assert_eq!(tables(&client).await, "0; [1]");
            client.batch_execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await.unwrap();
            if let Some(before) = &before {
                let error = tokio_postgres::connect(before.as_str(), NoTls).await.err().unwrap();
                assert_eq!(code(&error), "3D000", "the database of the sample before is gone");
            }
        });
        running.end_sample().unwrap();
        before = Some(endpoint);
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_server_in_a_container_gives_each_sample_an_empty_database() {
    let docker = Postgres::new("postgres").docker();
    each_sample_gets_an_empty_database(&docker);
    a_client_that_is_still_connected_does_not_hold_up_the_end(&docker);
}

#[test]
#[ignore = "needs Docker"]
fn an_image_that_is_not_to_be_had_is_named_with_the_remedy() {
    let absent = Postgres::new("postgres").docker().image("localhost:1/highwater/absent:15");
    let error = absent.start().err().unwrap().to_string();
    for part in
        ["Postgres from the image localhost:1/highwater/absent:15", "docker pull", "HIGHWATER_SERVICES=embedded"]
    {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_server_that_ends_at_once_is_told_with_its_log() {
    // A Redis's image has no Postgres.
    let error = Postgres::new("postgres").docker().image("redis:7").start().err().unwrap().to_string();
    assert!(error.contains("start Postgres from the image redis:7"), "{error}");
    assert!(error.contains("it ended with ") && error.contains("its log ends: "), "{error}");
}

/// A killed child leaves connections that nobody closes, in transactions, in the middle of results.
fn a_client_that_is_still_connected_does_not_hold_up_the_end(postgres: &Postgres) {
    let mut running = started(postgres);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let endpoint = running.begin_sample().unwrap();
    let clients = runtime.block_on(async {
        let idle = connect(&endpoint).await;
        let in_transaction = connect(&endpoint).await;
        in_transaction.batch_execute("CREATE TABLE t (id int); BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
        let waiting = connect(&endpoint).await;
        let wait =
            tokio::spawn(async move { waiting.batch_execute("LOCK TABLE t; INSERT INTO t VALUES (2)").await.is_err() });
        let busy = connect(&endpoint).await;
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let work = tokio::spawn(async move { busy.query(endless, &[]).await.is_err() });
        tokio::time::sleep(Duration::from_millis(100)).await;
        (idle, in_transaction, wait, work)
    });
    let start = Instant::now();
    running.end_sample().unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    runtime.block_on(async {
        let (idle, in_transaction, wait, work) = clients;
        assert!(idle.batch_execute("SELECT 1").await.is_err());
        assert!(in_transaction.batch_execute("COMMIT").await.is_err());
        assert!(wait.await.unwrap() && work.await.unwrap());
    });
    let endpoint = running.begin_sample().unwrap();
    runtime.block_on(async { assert_eq!(tables(&connect(&endpoint).await).await, "0; [1]") });
    running.end_sample().unwrap();
}

#[test]
fn the_embedded_server_gives_each_sample_an_empty_database() {
    each_sample_gets_an_empty_database(&embedded());
}

#[test]
fn the_embedded_server_ends_a_sample_whoever_is_connected() {
    a_client_that_is_still_connected_does_not_hold_up_the_end(&embedded());
}

#[test]
fn two_embedded_servers_do_not_know_each_other() {
    let (mut first, mut second) = (started(&embedded()), started(&embedded()));
    let (one, two) = (first.begin_sample().unwrap(), second.begin_sample().unwrap());
    run(async {
        connect(&one).await.batch_execute("CREATE TABLE t (id int)").await.unwrap();
        assert_eq!(tables(&connect(&two).await).await, "0; [1]");
    });
    let observed = first.end_sample().unwrap();
    assert_eq!(observed["statements"], 1);
}

#[test]
fn an_embedded_server_that_is_dropped_is_gone() {
    let mut running = started(&embedded());
    let endpoint = running.begin_sample().unwrap();
    drop(running);
    run(async { assert!(tokio_postgres::connect(endpoint.as_str(), NoTls).await.is_err()) });
}

#[test]
fn ending_a_sample_that_did_not_begin_is_a_fault() {
    assert!(started(&embedded()).end_sample().is_err());
}

#[test]
fn the_endpoint_names_user_port_and_database_in_every_sample_at_the_same_length() {
    let mut running = started(&embedded());
    let lengths: Vec<usize> = (0..2)
        .map(|_| {
            let endpoint = running.begin_sample().unwrap();
            assert!(endpoint.as_str().starts_with("postgres://postgres@127.0.0.1:"), "{endpoint}");
            endpoint.as_str().len()
        })
        .collect();
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_real_server_gives_each_sample_an_empty_database() {
    each_sample_gets_an_empty_database(&local());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_real_server_ends_a_sample_whoever_is_connected() {
    a_client_that_is_still_connected_does_not_hold_up_the_end(&local());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_local_server_that_is_dropped_leaves_neither_process_nor_folder() {
    let mut running = started(&local());
    let endpoint = running.begin_sample().unwrap();
    let data = run(async { data_directory(&connect(&endpoint).await).await });
    let pid = postmaster(&data);
    assert!(is_running(pid));
    drop(running);
    assert!(!is_running(pid));
    assert!(!data.exists() && !data.parent().unwrap().exists());
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_server_by_its_url_gets_databases_and_loses_them() {
    let mut host = started(&local());
    let url = host.begin_sample().unwrap();
    each_sample_gets_an_empty_database(&Postgres::new("postgres").url(url.as_str()));
    a_client_that_is_still_connected_does_not_hold_up_the_end(&Postgres::new("postgres").url(url.as_str()));
    // One that was not ended is dropped with its service.
    let mut running = started(&Postgres::new("postgres").url(url.as_str()));
    running.begin_sample().unwrap();
    let databases = "SELECT count(*) FROM pg_database WHERE datname LIKE 'highwater%'";
    let count = || run(async { simple(&connect(&url).await, databases).await.unwrap() });
    assert_eq!(count(), "2; [1]");
    drop(running);
    assert_eq!(count(), "1; [1]");
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_role_that_may_not_create_databases_is_told_how_it_may() {
    let mut host = started(&local());
    let url = host.begin_sample().unwrap();
    run(async { connect(&url).await.batch_execute("CREATE ROLE plain LOGIN PASSWORD 'p w'").await.unwrap() });
    let plain = url.as_str().replace("//postgres@", "//plain:p%20w@");
    let mut running = started(&Postgres::new("postgres").url(plain));
    let error = running.begin_sample().unwrap_err().to_string();
    assert!(error.contains("42501") && error.contains("CREATEDB"), "{error}");
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_local_server_outlives_the_thread_that_started_it() {
    let mut running = std::thread::spawn(|| started(&local())).join().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let endpoint = running.begin_sample().unwrap();
    run(async { assert_eq!(extended(&connect(&endpoint).await, "SELECT 1").await.unwrap(), "1; [1]") });
    running.end_sample().unwrap();
}

#[test]
#[ignore = "needs Postgres binaries: HIGHWATER_SERVICES=local"]
fn a_parent_that_is_killed_leaves_no_postgres_behind() {
    // Tests are in target/PROFILE/deps, examples in target/PROFILE/examples.
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().and_then(Path::parent).unwrap().join("examples/postgres_url");
    let mut parent = Command::new(example)
        .env("HIGHWATER_SERVICES", "local")
        .env_remove("DATABASE_URL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let data = run(async { data_directory(&connect(&Endpoint::new(url.trim())).await).await });
    let pid = postmaster(&data);
    assert!(is_running(pid));

    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_running(pid) {
        assert!(Instant::now() < deadline, "the server with process id {pid} still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Whoever is killed cannot tidy up: its folder stays.
    std::fs::remove_dir_all(data.parent().unwrap()).unwrap();
}

async fn data_directory(client: &Client) -> PathBuf {
    PathBuf::from(client.query_one("SHOW data_directory", &[]).await.unwrap().get::<_, String>(0))
}

fn postmaster(data: &Path) -> u32 {
    let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    file.lines().next().unwrap().trim().parse().unwrap()
}

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}/exe")).symlink_metadata().is_ok()
}
