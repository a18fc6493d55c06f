//! Measures a replay under load, from another process as in a scenario:
//!
//! ```text
//! cargo run -p highwater-replay --example load -- pages
//! cargo run -p highwater-replay --example load -- requests 1000000
//! ```
//!
//! `pages` fetches 100 pages of 500 applications with 1 and with 8 connections and prints requests and megabytes per second.
//! `requests` makes that many small requests with 8 connections and prints the serving process's resident memory meanwhile;
//! it fails if a single one is not answered 200.

use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use highwater::Service;
use highwater_replay::{Replay, Scale};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/greenhouse");

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["client", url, path, requests, connections] => {
            client(&format!("{url}{path}"), requests.parse()?, connections.parse()?)
        }
        ["pages"] => pages(),
        ["requests"] => requests(1_000_000),
        ["requests", count] => requests(count.parse()?),
        _ => Err("say `pages` or `requests [count]`".into()),
    }
}

fn account() -> Replay {
    Replay::harvest("greenhouse", RECORDINGS)
        .collection("/v1/applications", Scale::to(50_000))
        .collection("/v1/candidates", Scale::to(20_000))
        .collection("/v1/jobs", Scale::to(1_000))
}

fn pages() -> Outcome {
    let mut running = account().start()?;
    for (path, pages) in [("/v1/applications", 100), ("/v1/candidates", 40)] {
        for connections in [1, 8] {
            let url = running.begin_sample()?;
            let begun = Instant::now();
            let ended = spawn(url.as_str(), &format!("{path}?per_page=500&page="), pages, connections)?.wait()?;
            let seconds = begun.elapsed().as_secs_f64();
            let seen = running.end_sample()?;
            if !ended.success() {
                return Err("the client failed".into());
            }
            println!(
                "{path}, {connections} connection(s): {:.0} requests/s, {:.0} MB/s, {:.2} ms each building answers; resident {} kB",
                seen["requests"] as f64 / seconds,
                seen["response_bytes"] as f64 / 1e6 / seconds,
                seen["busy_micros"] as f64 / 1e3 / seen["requests"] as f64,
                resident()?,
            );
        }
    }
    Ok(())
}

fn requests(count: u64) -> Outcome {
    let mut running = account().start()?;
    let url = running.begin_sample()?;
    println!("before: resident {} kB", resident()?);
    let begun = Instant::now();
    let mut client = spawn(url.as_str(), "/v1/jobs?per_page=1&page=", count, 8)?;
    let (mut shown, mut most) = (Instant::now(), 0);
    let ended = loop {
        if let Some(ended) = client.try_wait()? {
            break ended;
        }
        most = most.max(resident()?);
        if shown.elapsed() > Duration::from_secs(10) {
            println!("after {:.0} s: resident {} kB", begun.elapsed().as_secs_f64(), resident()?);
            shown = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !ended.success() {
        return Err("not every request was answered 200".into());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let seen = running.end_sample()?;
    let requests = seen["requests"];
    println!(
        "{requests} requests in {seconds:.0} s = {:.0} requests/s; most resident {most} kB",
        requests as f64 / seconds
    );
    if requests == count { Ok(()) } else { Err("requests were lost".into()) }
}

fn spawn(url: &str, path: &str, requests: u64, connections: u64) -> std::io::Result<Child> {
    let counts = [requests, connections].map(|count| count.to_string());
    Command::new(std::env::current_exe()?).args(["client", url, path]).args(counts).stdin(Stdio::null()).spawn()
}

/// Appends page numbers to `url`, from 1 to 1,000 and again.
fn client(url: &str, requests: u64, connections: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let next = AtomicU64::new(0);
    let client = reqwest::Client::new();
    let worker = async || -> Result<(), String> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                return Ok(());
            }
            let request = client.get(format!("{url}{}", number % 1_000 + 1)).basic_auth("key", Some(""));
            let response = request.send().await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body = response.bytes().await.map_err(|error| error.to_string())?;
            if status != 200 || body.is_empty() {
                return Err(format!("request {number}: {status}"));
            }
        }
    };
    runtime.block_on(futures::future::try_join_all((0..connections).map(|_| worker())))?;
    Ok(())
}

/// Resident memory of this process in kB.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
