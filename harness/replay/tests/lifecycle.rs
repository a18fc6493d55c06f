//! A replay's life as a service of a scenario, and what identifies it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::time::Duration;

use common::{GREENHOUSE, KEY, Sample, har};
use highwater::{Service, ServiceFault};
use highwater_replay::{Ids, Paging, RateLimit, Recording, Replay, Scale};

#[tokio::test]
async fn a_new_sample_knows_nothing_of_the_last_one() {
    let replay = Replay::harvest("greenhouse", GREENHOUSE)
        .api_key(KEY)
        .rate_limit(RateLimit::per_window(2, Duration::from_secs(60)));
    let mut sample = Sample::of(&replay);
    for path in ["/v1/jobs", "/v1/unknown", "/v1/jobs"] {
        sample.get(path).await;
    }
    assert!(matches!(sample.running.end_sample(), Err(ServiceFault::UnmatchedRequests { total: 1, .. })));
    sample.url = sample.running.begin_sample().unwrap().as_str().to_owned();
    assert_eq!(sample.get("/v1/jobs").await.status(), 200);
    let seen = sample.end().unwrap();
    assert_eq!((seen["requests"], seen["rate_limited"]), (1, 0));
}

#[tokio::test]
async fn a_sample_that_is_begun_again_replaces_the_one_before() {
    let mut sample = Sample::of(&Replay::harvest("greenhouse", GREENHOUSE));
    let first = std::mem::replace(&mut sample.url, sample.running.begin_sample().unwrap().as_str().to_owned());
    assert!(sample.client.get(format!("{first}/v1/jobs")).send().await.is_err());
    assert_eq!(sample.get("/v1/jobs").await.status(), 200);
    assert_eq!(sample.end().unwrap()["requests"], 1);
}

#[tokio::test]
async fn a_sample_that_was_killed_in_the_middle_ends() {
    let mut sample = Sample::of(&Replay::harvest("greenhouse", GREENHOUSE).latency(Duration::from_secs(60)));
    let asked = tokio::time::timeout(Duration::from_millis(200), sample.get("/v1/jobs")).await;
    assert!(asked.is_err());
    let begun = std::time::Instant::now();
    assert_eq!(sample.running.end_sample().unwrap()["requests"], 1);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn ending_what_was_not_begun_is_a_fault() {
    let mut running = Replay::harvest("greenhouse", GREENHOUSE).start().unwrap();
    assert_eq!(running.end_sample(), Err(ServiceFault::Failed("replay `greenhouse`: no sample was begun".to_owned())));
}

#[test]
fn the_identity_is_of_the_content_and_not_of_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = har(&[("GET", "https://api.example.com/a", 200, "x")]);
    std::fs::write(folder.path().join("one.har"), &bytes).unwrap();
    let of = |replay: Replay| replay.identity().unwrap();
    let identity = of(Replay::new("a", folder.path().join("one.har")));
    assert_eq!(identity, of(Replay::new("b", folder.path())));
    assert_eq!(identity, of(Replay::new("c", Recording::from_slice(&bytes).unwrap())));
    assert_eq!(identity.len(), 16);
    assert!(identity.chars().all(|digit| digit.is_ascii_hexdigit()));
}

#[test]
fn everything_that_shapes_answers_changes_the_identity() {
    let base = || Replay::harvest("greenhouse", GREENHOUSE);
    let jobs = |scale| base().collection("/v1/jobs", scale);
    let other = Recording::from_slice(&har(&[("GET", "https://api.example.com/a", 200, "x")])).unwrap();
    let variants = [
        base(),
        Replay::new("greenhouse", GREENHOUSE),
        base().and(other),
        base().api_key("k"),
        base().ignore_query("q"),
        base().rewrite_bodies(),
        base().latency(Duration::from_millis(1)),
        base().latency_at("/v1/jobs", Duration::from_millis(1)),
        base().rate_limit(RateLimit::per_window(50, Duration::from_secs(10))),
        base().fail_every(7, 503),
        base().fail_every(7, 503).retry_after(Duration::from_secs(1)),
        jobs(Scale::to(10)),
        jobs(Scale::to(11)),
        jobs(Scale::to(10).ids_from(7)),
        jobs(Scale::to(10).skip(1)),
        jobs(Scale::to(10).revise_every(2)),
        jobs(Scale::to(10).revise_every(2).revised_at("2026-01-01")),
        jobs(Scale::to(10).revise_every(2).revise("status", "closed")),
        jobs(Scale::to(10).field("openings[].id", Ids::unique_from(1))),
        jobs(Scale::to(10).numbered("name")),
        base().paged("/v1/jobs", Paging::numbered("page")),
        base().paged("/v1/jobs", Paging::numbered("page").link()),
    ];
    let identities: Vec<String> = variants.iter().map(|replay| replay.identity().unwrap()).collect();
    for (index, identity) in identities.iter().enumerate() {
        assert!(!identities[..index].contains(identity), "variant {index}: {:?}", variants[index]);
    }
}

/// Digests stand in committed baselines: if this test fails, every baseline of a replay becomes incomparable. Change the digest
/// here only where that is meant.
#[test]
fn the_identity_is_the_same_in_every_version() {
    let recording =
        Recording::from_slice(&har(&[("GET", "https://api.example.com/a?b=c", 200, "[{\"id\":1}]")])).unwrap();
    let replay = Replay::harvest("any", recording)
        .collection("/a", Scale::to(10).field("id", Ids::unique_from(5)).skip(1).revise("id", 7))
        .rate_limit(RateLimit::per_window(50, Duration::from_secs(10)))
        .latency(Duration::from_millis(20))
        .fail_every(7, 503);
    assert_eq!(replay.identity().unwrap(), "ba1b5747ca98dd5b");
}
