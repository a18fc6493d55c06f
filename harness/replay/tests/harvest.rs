//! The Greenhouse Harvest v1 profile, as a client sees it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{GREENHOUSE, KEY, Sample, har, link};
use highwater::{Service, ServiceFault};
use highwater_replay::{Recording, Replay, Scale};
use serde_json::{Value, json};

fn recorded() -> Replay {
    Replay::harvest("greenhouse", GREENHOUSE).api_key(KEY)
}

fn scaled() -> Replay {
    recorded()
        .collection("/v1/applications", Scale::to(5_000).ids_from(19_214_950_003))
        .collection("/v1/candidates", Scale::to(2_000).ids_from(17_480_221_001))
        .collection("/v1/jobs", Scale::to(100).ids_from(4_311_874_003))
}

fn ids(items: &[Value]) -> Vec<u64> {
    items.iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_unscaled_list_is_served_as_it_was_recorded() {
    let sample = Sample::of(&recorded());
    let applications = sample.all("/v1/applications?per_page=33").await;
    let candidates = sample.all("/v1/candidates").await;
    assert_eq!((applications.len(), candidates.len()), (200, 80));
    let recording = highwater_replay::Recording::read(GREENHOUSE).unwrap();
    let page = recording.exchanges().iter().find(|exchange| exchange.url.path() == "/v1/candidates").unwrap();
    let recorded: Vec<Value> = serde_json::from_slice(&page.response.as_ref().unwrap().body).unwrap();
    assert_eq!(candidates, recorded);
    sample.end().unwrap();
}

#[tokio::test]
async fn pages_are_linked_on_the_replays_host_and_repeat_the_callers_query() {
    let sample = Sample::of(&scaled());
    let response = sample.get("/v1/applications?page=2&per_page=500&skip_count=false").await;
    let page = |page| Some(format!("{}/v1/applications?skip_count=false&page={page}&per_page=500", sample.url));
    assert_eq!(
        (link(&response, "next"), link(&response, "prev"), link(&response, "last")),
        (page(3), page(1), page(10))
    );
    assert_eq!(response.headers()["content-type"], "application/json;charset=utf-8");
    assert!(response.headers().get("content-encoding").is_none());
    let items: Vec<Value> = response.json().await.unwrap();
    assert_eq!(items.len(), 500);
    assert_eq!(items[0]["id"], 19_214_950_503_u64);
    sample.end().unwrap();
}

#[tokio::test]
async fn skip_count_leaves_out_the_last_page() {
    let sample = Sample::of(&scaled());
    let response = sample.get("/v1/jobs?per_page=50&skip_count=true").await;
    assert!(link(&response, "next").is_some());
    assert_eq!(link(&response, "last"), None);
    let response = sample.get("/v1/jobs?per_page=100&skip_count=true").await;
    assert!(response.headers().get("link").is_none());
    sample.end().unwrap();
}

#[tokio::test]
async fn a_page_past_the_end_is_an_empty_array() {
    let sample = Sample::of(&scaled());
    let response = sample.get("/v1/jobs?page=9").await;
    assert_eq!(link(&response, "next"), None);
    assert_eq!(response.text().await.unwrap(), "[]");
    assert_eq!(sample.items(&format!("/v1/jobs?page={}", u64::MAX)).await.len(), 0);
    sample.end().unwrap();
}

#[tokio::test]
async fn a_page_size_out_of_range_is_a_validation_error() {
    let sample = Sample::of(&recorded());
    for query in ["per_page=501", "per_page=0", "per_page=-1", "per_page=all"] {
        let response = sample.get(&format!("/v1/applications?{query}")).await;
        assert_eq!(response.status(), 422, "{query}");
        let expected = json!({
            "message": "Validation error",
            "errors": [{"message": "Must be between 1 and 500", "field": "per_page"}],
        });
        assert_eq!(response.json::<Value>().await.unwrap(), expected);
    }
    assert_eq!(sample.get("/v1/applications?page=0").await.status(), 422);
    assert_eq!(sample.items("/v1/applications?per_page=500").await.len(), 200);
    assert_eq!(sample.items("/v1/applications").await.len(), 100);
    sample.end().unwrap();
}

#[tokio::test]
async fn only_the_key_as_user_name_with_an_empty_password_is_let_in() {
    let sample = Sample::of(&recorded());
    let request = || sample.client.get(format!("{}/v1/jobs", sample.url));
    let refused = [
        request(),
        request().basic_auth("other", Some("")),
        request().basic_auth(KEY, Some("password")),
        request().bearer_auth(KEY),
        request().header("authorization", "Basic %%%"),
    ];
    for request in refused {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.text().await.unwrap(), r#"{"message":"Invalid Basic Auth credentials"}"#);
    }
    assert_eq!(request().basic_auth(KEY, None::<&str>).send().await.unwrap().status(), 200);
    sample.end().unwrap();
}

#[tokio::test]
async fn single_objects_are_found_by_id() {
    let sample = Sample::of(&scaled());
    let listed = sample.items("/v1/applications?page=3&per_page=7").await;
    for item in listed {
        let response = sample.get(&format!("/v1/applications/{}", item["id"])).await;
        assert_eq!(response.json::<Value>().await.unwrap(), item);
    }
    for id in ["19214955003", "1", "none"] {
        let response = sample.get(&format!("/v1/applications/{id}")).await;
        assert_eq!(response.status(), 404);
        assert_eq!(response.text().await.unwrap(), r#"{"message":"Resource not found"}"#);
    }
    sample.end().unwrap();
}

#[tokio::test]
async fn ids_of_a_scaled_account_agree_everywhere() {
    let sample = Sample::of(&scaled());
    let applications = sample.all("/v1/applications?per_page=500").await;
    let candidates = sample.all("/v1/candidates?per_page=500").await;
    let jobs = sample.all("/v1/jobs?per_page=500").await;
    assert_eq!(ids(&applications), (19_214_950_003..19_214_955_003).collect::<Vec<u64>>());
    assert_eq!(ids(&candidates), (17_480_221_001..17_480_223_001).collect::<Vec<u64>>());
    let names: BTreeMap<u64, &Value> = jobs.iter().map(|job| (job["id"].as_u64().unwrap(), &job["name"])).collect();
    let mut of_candidate: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    let mut of_job: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for application in &applications {
        for job in application["jobs"].as_array().unwrap() {
            assert_eq!(&job["name"], names[&job["id"].as_u64().unwrap()]);
            of_job.entry(job["id"].as_u64().unwrap()).or_default().insert(application["id"].as_u64().unwrap());
        }
        let mut nested = application.clone();
        nested.as_object_mut().unwrap().retain(|name, _| !name.ends_with("custom_fields"));
        of_candidate.entry(application["candidate_id"].as_u64().unwrap()).or_default().push(nested);
    }
    for candidate in &candidates {
        let expected = of_candidate.remove(&candidate["id"].as_u64().unwrap()).unwrap();
        assert_eq!(candidate["application_ids"], json!(ids(&expected)));
        assert_eq!(candidate["applications"], Value::Array(expected));
    }
    assert!(of_candidate.is_empty());
    assert_eq!(of_job.len(), 100);
    for job in &jobs {
        for opening in job["openings"].as_array().unwrap() {
            let filled = opening["application_id"].as_u64();
            assert!(filled.is_none_or(|application| of_job[&job["id"].as_u64().unwrap()].contains(&application)));
        }
    }
    sample.end().unwrap();
}

#[tokio::test]
async fn what_an_item_owns_is_its_own() {
    let sample = Sample::of(&scaled());
    let openings: Vec<Value> =
        sample.all("/v1/jobs").await.into_iter().flat_map(|job| job["openings"].as_array().unwrap().clone()).collect();
    assert_eq!(ids(&openings).into_iter().collect::<BTreeSet<u64>>().len(), openings.len());
    let candidates = sample.all("/v1/candidates?per_page=500").await;
    let emails: BTreeSet<&str> =
        candidates.iter().map(|candidate| candidate["email_addresses"][0]["value"].as_str().unwrap()).collect();
    assert_eq!(emails.len(), candidates.len());
    assert!(emails.iter().all(|email| email.ends_with("@example.com")));
    sample.end().unwrap();
}

#[tokio::test]
async fn a_later_generation_has_lost_gained_and_changed_items() {
    let yesterday = Sample::of(&scaled());
    let later = |scale: Scale| scale.skip(50).revise_every(10).revised_at("2026-04-01T06:00:00Z");
    let today = scaled().collection("/v1/applications", later(Scale::to(5_000).ids_from(19_214_950_003)));
    let today = Sample::of(&today);
    let by_id = |items: Vec<Value>| -> BTreeMap<u64, Value> {
        items.into_iter().map(|item| (item["id"].as_u64().unwrap(), item)).collect()
    };
    let before = by_id(yesterday.all("/v1/applications?per_page=500").await);
    let after = by_id(today.all("/v1/applications?per_page=500").await);
    assert_eq!(before.keys().filter(|id| !after.contains_key(id)).count(), 50);
    assert_eq!(after.keys().filter(|id| !before.contains_key(id)).count(), 50);
    let changed: Vec<&Value> = after
        .iter()
        .filter(|(id, item)| before.get(id).is_some_and(|old| old != *item))
        .map(|(_, item)| item)
        .collect();
    assert_eq!(changed.len(), 495);
    assert!(changed.iter().all(|item| item["last_activity_at"] == "2026-04-01T06:00:00.000Z"));
    let since = today.all("/v1/applications?per_page=500&last_activity_after=2026-04-01T00:00:00Z").await;
    assert_eq!(since.len(), 495 + 50);
    let candidates = by_id(today.all("/v1/candidates?per_page=500").await);
    for application in after.values() {
        let nested = &candidates[&application["candidate_id"].as_u64().unwrap()]["application_ids"];
        assert!(nested.as_array().unwrap().contains(&application["id"]));
    }
    yesterday.end().unwrap();
    today.end().unwrap();
}

#[tokio::test]
async fn filters_are_honoured_on_scaled_items() {
    let sample = Sample::of(&scaled());
    let all = sample.all("/v1/jobs").await;
    let since = "2025-01-01T00:00:00Z";
    let expected: Vec<Value> = all
        .iter()
        .filter(|job| job["status"] == "open" && job["updated_at"].as_str().unwrap() >= since)
        .cloned()
        .collect();
    assert!(!expected.is_empty() && expected.len() < 100);
    assert_eq!(sample.all(&format!("/v1/jobs?status=open&updated_after={since}&per_page=7")).await, expected);
    assert!(sample.all("/v1/jobs?status=unheard-of").await.is_empty());
    sample.end().unwrap();
}

#[tokio::test]
async fn a_jobs_applications_and_named_candidates_are_listed_alone() {
    for replay in [recorded(), scaled()] {
        let sample = Sample::of(&replay);
        let all = sample.all("/v1/applications?per_page=500").await;
        let job = &all[7]["jobs"][0]["id"];
        let has_job = |item: &&Value| item["jobs"].as_array().unwrap().iter().any(|listed| listed["id"] == *job);
        let expected: Vec<Value> = all.iter().filter(has_job).cloned().collect();
        assert!(!expected.is_empty());
        assert_eq!(sample.all(&format!("/v1/applications?job_id={job}&per_page=3")).await, expected);
        assert!(sample.all("/v1/applications?job_id=1").await.is_empty());
        let candidates = sample.all("/v1/candidates?per_page=500").await;
        let (first, last) = (&candidates[3]["id"], &candidates[50]["id"]);
        let named = sample.all(&format!("/v1/candidates?candidate_ids={last},{first},1")).await;
        assert_eq!(named, [candidates[3].clone(), candidates[50].clone()]);
        sample.end().unwrap();
    }
}

#[tokio::test]
async fn offers_follow_the_references_of_their_applications() {
    let offers = r#"[{"id":1,"application_id":19214950003,"candidate_id":5,"job_id":6,"status":"accepted"}]"#;
    let offers =
        Recording::from_slice(&har(&[("GET", "https://harvest.greenhouse.io/v1/offers", 200, offers)])).unwrap();
    let replay = scaled().and(offers).collection("/v1/offers", Scale::to(500));
    let sample = Sample::of(&replay);
    let applications: BTreeMap<u64, Value> = sample
        .all("/v1/applications?per_page=500")
        .await
        .into_iter()
        .map(|item| (item["id"].as_u64().unwrap(), item))
        .collect();
    for offer in sample.all("/v1/offers?per_page=500").await {
        let application = &applications[&offer["application_id"].as_u64().unwrap()];
        assert_eq!(offer["candidate_id"], application["candidate_id"]);
        let job = &application["jobs"][0]["id"];
        assert!(job.is_null() || offer["job_id"] == *job);
    }
    sample.end().unwrap();
}

#[tokio::test]
async fn a_list_with_a_page_that_lost_its_body_is_served_only_when_scaled() {
    let document = json!({"log": {"version": "1.2", "entries": [
        {"request": {"method": "GET", "url": "https://harvest.greenhouse.io/v1/users?page=1"},
         "response": {"status": 200, "content": {"text": "[{\"id\":1}]"}}},
        {"request": {"method": "GET", "url": "https://harvest.greenhouse.io/v1/users?page=2"},
         "response": {"status": 200, "content": {"size": 5_000}}},
    ]}});
    let recording = Recording::from_slice(document.to_string().as_bytes()).unwrap();
    let replay = Replay::harvest("greenhouse", recording);
    let sample = Sample::of(&replay);
    assert_eq!(sample.get("/v1/users").await.status(), 404);
    let expected =
        "GET /v1/users: recording, entry 1: the recorded response has 5000 bytes, but the recording does not hold them";
    assert_eq!(sample.end(), Err(ServiceFault::UnmatchedRequests { requests: vec![expected.to_owned()], total: 1 }));
    let sample = Sample::of(&replay.collection("/v1/users", Scale::to(7)));
    assert_eq!(sample.items("/v1/users").await.len(), 7);
    sample.end().unwrap();
}

#[test]
fn a_collection_that_was_not_recorded_is_named_with_those_that_were() {
    let error = recorded().collection("/v1/aplications", Scale::to(5)).start().err().unwrap().to_string();
    assert_eq!(
        error,
        "failed to prepare the replay of service `greenhouse`: /v1/aplications: no list was recorded at this path; \
         lists in the recording: /v1/applications, /v1/candidates, /v1/jobs"
    );
}

#[tokio::test]
async fn what_cannot_be_answered_faults_the_sample_and_is_named() {
    let sample = Sample::of(&recorded());
    for path in [
        "/v1/offers?page=1",
        "/v1/candidates?email=a%40example.com",
        "/v1/applications?updated_after=2026-01-01T00:00:00Z",
    ] {
        let response = sample.get(path).await;
        assert_eq!(response.status(), 404);
        assert!(response.text().await.unwrap().contains("highwater-replay"));
    }
    let post = sample.client.post(format!("{}/v1/jobs", sample.url)).basic_auth(KEY, Some("")).send().await.unwrap();
    assert_eq!(post.status(), 404);
    let expected = [
        "GET /v1/offers?page=1: no recorded exchange has this path",
        "GET /v1/candidates?email=a%40example.com: the filter `email` cannot be honoured on a replayed /v1/candidates",
        "GET /v1/applications?updated_after=2026-01-01T00:00:00Z: the filter `updated_after` cannot be honoured on a replayed /v1/applications",
        "POST /v1/jobs: this path was recorded only with GET",
    ];
    assert_eq!(
        sample.end(),
        Err(ServiceFault::UnmatchedRequests { requests: expected.map(str::to_owned).into(), total: 4 })
    );
}
