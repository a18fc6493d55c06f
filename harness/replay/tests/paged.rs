//! Lists of other APIs than Harvest, paged anew and scaled, as a client sees them.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{Sample, har, link};
use highwater::{Service, ServiceFault};
use highwater_replay::{Ids, Paging, Recording, Replay, Scale};
use serde_json::{Value, json};

fn replay(entries: &[(&str, &str, u16, &str)]) -> Replay {
    Replay::new("api", Recording::from_slice(&har(entries)).unwrap())
}

const LEVER: &[(&str, &str, u16, &str)] = &[
    (
        "GET",
        "https://api.lever.example/v1/postings?limit=2&mode=published",
        200,
        r#"{"data":[{"id":"3f2b6c1e-0000-4c1a-9d3e-1234567890ab","text":"A"},{"id":"4f2b6c1e-0000-4c1a-9d3e-1234567890ab","text":"B"}],"hasNext":true,"next":"%5B1%5D"}"#,
    ),
    (
        "GET",
        "https://api.lever.example/v1/postings?limit=2&mode=published&offset=%5B1%5D",
        200,
        r#"{"data":[{"id":"5f2b6c1e-0000-4c1a-9d3e-1234567890ab","text":"C"}],"hasNext":false}"#,
    ),
    ("GET", "https://api.lever.example/v1/users", 200, r#"{"data":[]}"#),
];

fn lever() -> Paging {
    Paging::cursor("offset").size("limit").items("data").next("next").more("hasNext")
}

async fn lever_items(sample: &Sample, size: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut offset = String::new();
    loop {
        let page: Value =
            sample.get(&format!("/v1/postings?mode=published&limit={size}{offset}")).await.json().await.unwrap();
        items.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["hasNext"] == false {
            assert_eq!(page["next"], Value::Null);
            return items;
        }
        assert_eq!(page["data"].as_array().unwrap().len(), size);
        offset = format!("&offset={}", page["next"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_list_with_tokens_in_its_body_is_paged_anew_and_scaled() {
    let sample = Sample::of(&replay(LEVER).paged("/v1/postings", lever()));
    let recorded = lever_items(&sample, 1).await;
    let texts: Vec<&str> = recorded.iter().map(|item| item["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["A", "B", "C"]);
    sample.end().unwrap();

    let scaled = replay(LEVER).paged("/v1/postings", lever()).collection("/v1/postings", Scale::to(1_001));
    let sample = Sample::of(&scaled);
    let items = lever_items(&sample, 100).await;
    assert_eq!(items.len(), 1_001);
    assert_eq!(items[0]["id"], "00000000-0000-4000-8000-000000000001");
    assert_eq!(items[1_000]["id"], "00000000-0000-4000-8000-0000000003e9");
    // What is not paged is replayed as recorded.
    assert_eq!(sample.get("/v1/users").await.text().await.unwrap(), r#"{"data":[]}"#);
    sample.end().unwrap();
}

#[tokio::test]
async fn parameters_that_were_not_recorded_are_not_passed_over() {
    let sample = Sample::of(&replay(LEVER).paged("/v1/postings", lever()).ignore_query("trace"));
    for path in
        ["/v1/postings?mode=internal", "/v1/postings?offset=made-up", "/v1/postings?limit=none", "/v1/postings?trace=1"]
    {
        sample.get(path).await;
    }
    let expected = [
        "GET /v1/postings?mode=internal: `mode=internal` was not recorded with this list",
        "GET /v1/postings?offset=made-up: `offset=made-up` does not come from a page of this replay",
        "GET /v1/postings?limit=none: `limit=none` is no page size",
    ];
    assert_eq!(
        sample.end(),
        Err(ServiceFault::UnmatchedRequests { requests: expected.map(str::to_owned).into(), total: 3 })
    );
}

#[tokio::test]
async fn a_list_may_be_asked_for_with_a_json_body() {
    let body = r#"{"success":true,"results":[{"id":"x","candidateId":7}],"moreDataAvailable":true,"nextCursor":"abc"}"#;
    let entries = json!([{
        "request": {"method": "POST", "url": "https://api.ashby.example/application.list",
            "postData": {"mimeType": "application/json", "text": "{\"limit\":1,\"status\":\"Active\"}"}},
        "response": {"status": 200, "content": {"text": body}},
    }]);
    let document = json!({"log": {"version": "1.2", "entries": entries}});
    let recording = Recording::from_slice(document.to_string().as_bytes()).unwrap();
    let paging = Paging::cursor("cursor").size("limit").items("results").next("nextCursor").more("moreDataAvailable");
    let replay = Replay::new("ashby", recording).paged("/application.list", paging).collection(
        "/application.list",
        Scale::to(25).ids_from(100).field("candidateId", Ids::unique_from(9_000_000_001)),
    );
    let sample = Sample::of(&replay);
    let url = format!("{}/application.list", sample.url);
    let (mut items, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let asked = json!({"limit": 10, "cursor": cursor, "status": "Active"});
        let page: Value = sample.client.post(&url).json(&asked).send().await.unwrap().json().await.unwrap();
        assert_eq!(page["success"], true);
        items.extend(page["results"].as_array().unwrap().iter().cloned());
        cursor = page["nextCursor"].clone();
        if page["moreDataAvailable"] == false {
            break;
        }
    }
    assert_eq!(items.len(), 25);
    assert_eq!(items[24], json!({"id": "124", "candidateId": 9_000_000_025_u64}));
    assert_eq!(sample.end().unwrap()["requests"], 3);
}

#[tokio::test]
async fn a_cursor_in_a_link_header_stands_alone_and_remembers_its_page_size() {
    let entries = [("GET", "https://harvest.example/v3/jobs?per_page=2", 200, r#"[{"id":5},{"id":4}]"#)];
    let replay = replay(&entries)
        .paged("/v3/jobs", Paging::cursor("cursor").size("per_page").link())
        .collection("/v3/jobs", Scale::to(7).ids_from(1));
    let sample = Sample::of(&replay);
    let mut sizes = Vec::new();
    let mut next = Some(format!("{}/v3/jobs?per_page=3", sample.url));
    while let Some(url) = next {
        let response = sample.client.get(&url).send().await.unwrap();
        next = link(&response, "next");
        assert!(next.as_ref().is_none_or(|next| !next.contains("per_page")));
        sizes.push(response.json::<Vec<Value>>().await.unwrap().len());
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(sample.items("/v3/jobs").await.len(), 2);
    let job: Value = sample.get("/v3/jobs/7").await.json().await.unwrap();
    assert_eq!(job, json!({"id": 7}));
    sample.end().unwrap();
}

#[tokio::test]
async fn offsets_numbers_totals_and_urls_in_the_body_are_written_anew() {
    let offset = [("GET", "https://wd.example/jobs?limit=2", 200, r#"{"total":2,"data":[{"id":1},{"id":2}]}"#)];
    let sample = Sample::of(
        &replay(&offset)
            .paged("/jobs", Paging::offset("offset").size("limit").items("data").total("total"))
            .collection("/jobs", Scale::to(10)),
    );
    assert_eq!(sample.get("/jobs?limit=3&offset=9").await.text().await.unwrap(), r#"{"total":10,"data":[{"id":10}]}"#);
    assert_eq!(sample.get("/jobs?limit=3&offset=99").await.text().await.unwrap(), r#"{"total":10,"data":[]}"#);
    sample.end().unwrap();

    let body = r#"{"count":"2","next":"https://dj.example/jobs/?page=2","results":{"list":[{"id":1}]}}"#;
    let numbered = [("GET", "https://dj.example/jobs/", 200, body)];
    let paging = Paging::numbered("page").items("results.list").total("count").next("next");
    let sample = Sample::of(&replay(&numbered).paged("/jobs/", paging).collection("/jobs/", Scale::to(2)));
    let first: Value = sample.get("/jobs/").await.json().await.unwrap();
    let next = format!("{}/jobs/?page=2", sample.url);
    assert_eq!(first, json!({"count": "2", "next": next, "results": {"list": [{"id": 1}]}}));
    let last: Value = sample.client.get(next).send().await.unwrap().json().await.unwrap();
    assert_eq!(last, json!({"count": "2", "next": null, "results": {"list": [{"id": 2}]}}));
    sample.end().unwrap();
}

#[test]
fn paging_that_does_not_fit_the_recording_says_why() {
    let check = |replay: Replay, expected: &str| {
        let error = replay.start().err().unwrap().to_string();
        assert_eq!(error, format!("failed to prepare the replay of service `api`: {expected}"));
    };
    check(
        replay(LEVER).collection("/v1/postings", Scale::to(5)),
        "/v1/postings: how the list is paged is not said; say it with `paged`",
    );
    check(
        replay(LEVER).paged("/v1/postings", Paging::cursor("offset").items("items")),
        "/v1/postings: no response was recorded at this path that has an array at `items`",
    );
    check(
        replay(LEVER).paged("/v1/posting", lever()),
        "/v1/posting: no response was recorded at this path that has an array at `data`",
    );
    check(
        replay(LEVER).paged("/v1/postings", lever().total("total")),
        "/v1/postings: the first recorded page has no `total`",
    );
    let harvest = Replay::harvest("api", Recording::from_slice(&har(LEVER)).unwrap());
    check(
        harvest.paged("/v1/postings", lever()),
        "how Harvest pages its lists is known; leave out `paged`, or use Replay::new",
    );
}
