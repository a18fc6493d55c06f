//! The metrics as a scraper sees them.

mod support;

use ats_sync::Metrics;
use ats_sync::harvest::{Harvest, Job};
use program::{Exposition, ExpositionError};
use support::{Account, Api, NO_DATABASE};

async fn get(exposition: &Exposition, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.get(format!("http://{}{path}", exposition.address())).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

#[tokio::test]
async fn what_was_fetched_and_the_process_s_memory_are_served() {
    let metrics = Metrics::new();
    let exposition = Exposition::serve(([127, 0, 0, 1], 0).into(), metrics.registry()).await.expect("a free port");
    let (status, text) = get(&exposition, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("ats_sync_pages_total{collection=\"jobs\"} 0\n"), "{text}");

    let api = Api::of(Account::of(5, 0, 0)).await;
    let mut config = api.config(NO_DATABASE);
    config.page_size = 2;
    Harvest::new(&config, metrics.clone()).expect("a client").pages::<Job>(None).await.expect("pages");
    let (_, text) = get(&exposition, "/metrics").await;
    for line in [
        "ats_sync_requests_total{collection=\"jobs\"} 3",
        "ats_sync_retries_total{collection=\"jobs\"} 0",
        "ats_sync_pages_total{collection=\"jobs\"} 3",
        "ats_sync_rows_fetched_total{collection=\"jobs\"} 5",
        "ats_sync_rows_fetched_total{collection=\"applications\"} 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in:\n{text}");
    }
    if cfg!(target_os = "linux") {
        let line = text.lines().find(|line| line.starts_with("process_resident_memory_bytes ")).expect("a gauge");
        let bytes: f64 = line.rsplit(' ').next().expect("a value").parse().expect("a number");
        assert!(bytes > 1_000_000.0, "{line}");
    }
}

#[tokio::test]
async fn nothing_else_is_served() {
    let metrics = Metrics::new();
    let exposition = Exposition::serve(([127, 0, 0, 1], 0).into(), metrics.registry()).await.expect("a free port");
    assert_eq!(get(&exposition, "/").await, (404, "the metrics are at /metrics\n".to_owned()));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let first = Exposition::serve(([127, 0, 0, 1], 0).into(), Metrics::new().registry()).await.expect("a free port");
    let error = Exposition::serve(first.address(), Metrics::new().registry()).await.expect_err("taken");
    assert!(matches!(error, ExpositionError::Listen { .. }), "{error:?}");
    assert!(error.to_string().contains(&first.address().to_string()), "{error}");
}
