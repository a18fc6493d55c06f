//! A started replay and a client for it.
#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use highwater::{Observations, RunningService, Service, ServiceFault};
use highwater_replay::Replay;
use reqwest::{Client, Response};
use serde_json::Value;

/// The committed recordings.
pub(crate) const GREENHOUSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/greenhouse");
pub(crate) const KEY: &str = "test-key";

/// One sample of a replay.
pub(crate) struct Sample {
    pub(crate) running: Box<dyn RunningService>,
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Sample {
    pub(crate) fn of(replay: &Replay) -> Self {
        let mut running = replay.start().unwrap();
        let url = running.begin_sample().unwrap().as_str().to_owned();
        Self { running, url, client: Client::new() }
    }

    /// GET with the API key.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).basic_auth(KEY, Some("")).send().await.unwrap()
    }

    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// Every item of a list, by its links.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = Some(format!("{}{path}", self.url));
        while let Some(url) = next {
            let response = self.client.get(&url).basic_auth(KEY, Some("")).send().await.unwrap();
            next = link(&response, "next");
            all.extend(response.json::<Vec<Value>>().await.unwrap());
        }
        all
    }

    pub(crate) fn end(mut self) -> Result<Observations, ServiceFault> {
        self.running.end_sample()
    }
}

/// The URL of the link `rel`.
pub(crate) fn link(response: &Response, rel: &str) -> Option<String> {
    let header = response.headers().get("link")?.to_str().unwrap();
    let link = header.split(',').find(|link| link.contains(&format!("rel=\"{rel}\"")))?;
    Some(link.trim().trim_start_matches('<').split('>').next().unwrap().to_owned())
}

/// A HAR of entries `(method, url, status, body)`.
pub(crate) fn har(entries: &[(&str, &str, u16, &str)]) -> Vec<u8> {
    let entries: Vec<Value> = entries
        .iter()
        .map(|(method, url, status, body)| {
            serde_json::json!({
                "request": {"method": method, "url": url},
                "response": {"status": status, "headers": [], "content": {"text": body, "mimeType": "application/json"}},
            })
        })
        .collect();
    serde_json::json!({"log": {"version": "1.2", "entries": entries}}).to_string().into_bytes()
}
