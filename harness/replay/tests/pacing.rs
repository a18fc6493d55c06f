//! Latency, rate limits and faults, as a client sees them.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{GREENHOUSE, KEY, Sample};
use highwater::Service;
use highwater_replay::{RateLimit, Replay};
use reqwest::Response;

fn recorded() -> Replay {
    Replay::harvest("greenhouse", GREENHOUSE).api_key(KEY)
}

fn number(response: &Response, header: &str) -> u64 {
    response.headers()[header].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_latency_holds_up_one_response_and_no_other() {
    let slow = Duration::from_millis(400);
    let sample = Sample::of(&recorded().latency_at("/v1/candidates", slow));
    let begun = Instant::now();
    let timed = async |path| {
        sample.get(path).await;
        begun.elapsed()
    };
    let (first, second, other) =
        tokio::join!(timed("/v1/candidates"), timed("/v1/candidates?page=2"), timed("/v1/jobs"));
    assert!(first >= slow && second >= slow, "{first:?}, {second:?}");
    assert!(other < slow, "{other:?}");
    assert!(begun.elapsed() < 2 * slow, "the two slow ones waited for one another");
    let seen = sample.end().unwrap();
    assert!(seen["busy_micros"] < 400_000, "waiting is not building answers: {seen:?}");
}

#[tokio::test]
async fn a_rate_limit_lets_the_windows_requests_through_and_says_when_to_come_back() {
    let sample = Sample::of(&recorded().rate_limit(RateLimit::per_window(3, Duration::from_secs(2))));
    for remaining in [2, 1, 0] {
        let response = sample.get("/v1/jobs?per_page=1").await;
        assert_eq!(response.status(), 200);
        assert_eq!(
            (number(&response, "x-ratelimit-limit"), number(&response, "x-ratelimit-remaining")),
            (3, remaining)
        );
        assert!(!response.headers().contains_key("retry-after"));
    }
    let refused = sample.get("/v1/jobs?per_page=1").await;
    assert_eq!(refused.status(), 429);
    let wait = number(&refused, "retry-after");
    assert!((1..=2).contains(&wait), "{wait}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((now..=now + 3).contains(&number(&refused, "x-ratelimit-reset")));
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    // The recorded 429's body.
    assert_eq!(refused.text().await.unwrap(), r#"{"message":"Rate limit exceeded"}"#);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(sample.get("/v1/jobs?per_page=1").await.status(), 200);
    let seen = sample.end().unwrap();
    assert_eq!((seen["requests"], seen["rate_limited"]), (5, 1));
}

#[tokio::test]
async fn every_nth_request_fails_and_the_next_one_succeeds() {
    let sample = Sample::of(&recorded().fail_every(3, 503).fail_every(4, 429).retry_after(Duration::from_secs(7)));
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let response = sample.get("/v1/jobs?per_page=1").await;
        if response.status() != 200 {
            assert_eq!(number(&response, "retry-after"), 7);
        }
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 503, 429, 200, 503, 200, 429]);
    let seen = sample.end().unwrap();
    assert_eq!((seen["injected_faults"], seen["rate_limited"]), (4, 2));
}

#[test]
fn settings_that_answer_nothing_are_refused() {
    let error = recorded().fail_every(0, 503).start().err().unwrap().to_string();
    assert!(error.contains("fail_every(0, 503)"), "{error}");
    let error =
        recorded().rate_limit(RateLimit::per_window(0, Duration::from_secs(1))).start().err().unwrap().to_string();
    assert!(error.contains("a rate limit of 0 requests"), "{error}");
}
