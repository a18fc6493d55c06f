//! Exact replay of any API, as a client sees it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{Sample, har};
use highwater::{Service, ServiceFault};
use highwater_replay::{Recording, Replay};
use serde_json::{Value, json};

fn replay(entries: &[Value]) -> Replay {
    let document = json!({"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": entries}});
    Replay::new("api", Recording::from_slice(document.to_string().as_bytes()).unwrap())
}

fn entry(url: &str, headers: &Value, content: &Value) -> Value {
    json!({"request": {"method": "GET", "url": url}, "response": {"status": 200, "headers": headers, "content": content}})
}

#[tokio::test]
async fn links_and_locations_lead_to_the_replay_and_bodies_only_if_asked() {
    let headers = json!([
        {"name": "Link", "value": "<https://api.example.com/list?cursor=abc>; rel=\"next\", <https://docs.example.com/>; rel=\"help\""},
        {"name": "LOCATION", "value": "http://api.example.com:80/elsewhere"},
        {"name": "x-origin", "value": "https://api.example.com"},
    ]);
    let body = r#"{"next":"https:\/\/api.example.com\/list?cursor=abc","docs":"https://docs.example.com/"}"#;
    let replay = replay(&[entry("https://api.example.com/list", &headers, &json!({"text": body}))]);
    let sample = Sample::of(&replay);
    let url = &sample.url;
    let response = sample.get("/list").await;
    assert_eq!(
        response.headers()["link"],
        format!("<{url}/list?cursor=abc>; rel=\"next\", <https://docs.example.com/>; rel=\"help\"")
    );
    assert_eq!(response.headers()["location"], format!("{url}/elsewhere"));
    assert_eq!(response.headers()["x-origin"], "https://api.example.com");
    assert_eq!(response.text().await.unwrap(), body);
    sample.end().unwrap();

    let sample = Sample::of(&replay.rewrite_bodies());
    let body: Value = sample.get("/list").await.json().await.unwrap();
    assert_eq!(body, json!({"next": format!("{}/list?cursor=abc", sample.url), "docs": "https://docs.example.com/"}));
    sample.end().unwrap();
}

#[tokio::test]
async fn a_decoded_body_is_served_whole_whatever_the_recorded_headers_say() {
    let headers = json!([
        {"name": ":status", "value": "200"},
        {"name": "content-encoding", "value": "br"},
        {"name": "Content-Length", "value": "7"},
        {"name": "TRANSFER-ENCODING", "value": "chunked"},
        {"name": "connection", "value": "close"},
        {"name": "content-type", "value": "application/json; charset=utf-8"},
        {"name": "set-cookie", "value": "a=1\nb=2"},
    ]);
    let content = json!({"size": 7, "text": "WyLwn5iAIl0=", "encoding": "base64", "mimeType": "application/json"});
    let mut document = b"\xef\xbb\xbf".to_vec();
    document.extend(
        json!({"log": {"version": "1.2", "entries": [entry("https://api.example.com/x", &headers, &content)]}})
            .to_string()
            .bytes(),
    );
    let sample = Sample::of(&Replay::new("api", Recording::from_slice(&document).unwrap()));
    let response = sample.get("/x").await;
    let headers = response.headers().clone();
    assert_eq!(response.text().await.unwrap(), "[\"😀\"]");
    assert_eq!(headers["content-length"], "8");
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
    for dropped in ["content-encoding", "transfer-encoding", "connection"] {
        assert!(!headers.contains_key(dropped), "{dropped}");
    }
    sample.end().unwrap();
}

#[tokio::test]
async fn repeated_requests_are_rewound_for_each_sample() {
    let url = "https://api.example.com/job";
    let recording = Recording::from_slice(&har(&[("GET", url, 202, "queued"), ("GET", url, 200, "done")])).unwrap();
    let mut sample = Sample::of(&Replay::new("api", recording));
    for _ in 0..2 {
        for expected in [(202, "queued"), (200, "done"), (200, "done")] {
            let response = sample.get("/job").await;
            assert_eq!(response.status(), expected.0);
            assert_eq!(response.text().await.unwrap(), expected.1);
        }
        assert_eq!(sample.running.end_sample().unwrap()["requests"], 3);
        sample.url = sample.running.begin_sample().unwrap().as_str().to_owned();
    }
    sample.end().unwrap();
}

#[tokio::test]
async fn ignored_query_names_and_bodies_decide_as_told() {
    let recording =
        Recording::from_slice(&har(&[("GET", "https://api.example.com/a?page=1&cachebuster=5", 200, "one")])).unwrap();
    let sample = Sample::of(&Replay::new("api", recording).ignore_query("cachebuster"));
    assert_eq!(sample.get("/a?cachebuster=77&page=1").await.text().await.unwrap(), "one");
    sample.end().unwrap();
}

#[tokio::test]
async fn requests_without_an_answer_are_counted_all_and_named_some() {
    let lost = json!({"request": {"method": "GET", "url": "https://api.example.com/lost"}, "response": {"status": 200, "content": {"size": 68_109}}});
    let there = entry("https://api.example.com/there", &json!([]), &json!({"text": "x"}));
    let sample = Sample::of(&replay(&[there, lost]));
    assert_eq!(sample.get("/lost").await.status(), 404);
    for number in 0..100 {
        sample.get(&format!("/absent?number={number}&long={}", "ä".repeat(400))).await;
    }
    let Err(ServiceFault::UnmatchedRequests { requests, total }) = sample.end() else {
        panic!("the sample must not count")
    };
    assert_eq!((requests.len(), total), (20, 101));
    assert_eq!(
        requests[0],
        "GET /lost: recording, entry 1: the recorded response has 68109 bytes, but the recording does not hold them"
    );
    assert!(requests[1].starts_with("GET /absent?number=0&long="), "{}", requests[1]);
    assert!(requests[1].ends_with("...: no recorded exchange has this path"), "{}", requests[1]);
    assert!(requests.iter().all(|request| request.len() < 400));
}

#[tokio::test]
async fn a_head_request_and_a_redirect_are_answered() {
    let document = json!({"log": {"version": "1.1", "entries": [
        {"request": {"method": "HEAD", "url": "https://api.example.com/a"}, "response": {"status": 200, "content": {"size": 10}}},
        {"request": {"method": "GET", "url": "https://api.example.com/a"}, "response": {"status": 307, "headers": [{"name": "Location", "value": "https://api.example.com/b"}]}},
        {"request": {"method": "GET", "url": "https://api.example.com/b"}, "response": {"status": 200, "content": {"text": "b"}}},
    ]}});
    let sample = Sample::of(&Replay::new("api", Recording::from_slice(document.to_string().as_bytes()).unwrap()));
    assert_eq!(sample.client.head(format!("{}/a", sample.url)).send().await.unwrap().status(), 200);
    assert_eq!(sample.get("/a").await.text().await.unwrap(), "b");
    assert_eq!(sample.end().unwrap()["requests"], 3);
}

#[test]
fn what_only_harvest_knows_is_refused() {
    let recording = Recording::from_slice(&har(&[("GET", "https://api.example.com/a", 200, "x")])).unwrap();
    let error = Replay::new("api", recording).api_key("k").start().err().unwrap().to_string();
    assert_eq!(
        error,
        "failed to prepare the replay of service `api`: only Harvest's API keys are known; use Replay::harvest"
    );
}

#[test]
fn a_recording_that_cannot_be_read_is_named() {
    let replay = Replay::new("api", "no/such/file.har");
    let error = replay.start().err().unwrap().to_string();
    assert!(error.starts_with("failed to read the recording of service `api`: no/such/file.har: "), "{error}");
    assert_eq!(replay.identity().unwrap_err().to_string(), error);
}
