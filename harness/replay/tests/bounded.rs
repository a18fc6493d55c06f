//! The serving process stays small however many requests it answers, and no request is lost on the way. Alone in its target, since it
//! looks at the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{GREENHOUSE, KEY, Sample};
use highwater_replay::{Replay, Scale};

/// wiremock alone would keep 8.8 kB of each: 176 MB.
const REQUESTS: u64 = 20_000;

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Small requests over eight connections; every one must be answered 200.
async fn ask(sample: &Sample, requests: u64) {
    let next = AtomicU64::new(0);
    let worker = async || {
        while next.fetch_add(1, Ordering::Relaxed) < requests {
            let response = sample.get("/v1/jobs?per_page=1").await;
            assert_eq!(response.status(), 200);
            assert!(response.bytes().await.unwrap().starts_with(b"[{"));
        }
    };
    futures::future::join_all((0..8).map(|_| worker())).await;
}

#[tokio::test]
async fn memory_stays_bounded_no_request_is_lost_and_threads_end() {
    let before = threads();
    let replay = Replay::harvest("greenhouse", GREENHOUSE).api_key(KEY).collection("/v1/jobs", Scale::to(1_000));
    let mut sample = Sample::of(&replay);
    ask(&sample, 2_000).await;
    let warm = resident_kilobytes();
    ask(&sample, REQUESTS).await;
    let grown = resident_kilobytes().saturating_sub(warm);
    assert!(grown < 40_000, "{grown} kB for {REQUESTS} requests");
    assert_eq!(sample.running.end_sample().unwrap()["requests"], REQUESTS + 2_000);

    for _ in 0..20 {
        sample.url = sample.running.begin_sample().unwrap().as_str().to_owned();
        ask(&sample, 8).await;
        sample.running.end_sample().unwrap();
    }
    drop(sample);
    for _ in 0..100 {
        if threads() == before {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{} threads, {before} before", threads());
}
