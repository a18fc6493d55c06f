//! What the worker counts about itself, as Prometheus metrics. Serving them is [`program::Exposition`]'s.
//!
//! `prometheus` rather than `metrics-exporter-prometheus`: counters and gauges are all that is needed, its process
//! collector brings `process_resident_memory_bytes`, and it keeps no histogram samples and starts no task or thread of
//! its own inside a process whose memory is watched.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

use crate::collection::Collection;

/// The worker's counters. Clones count into the same.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    retries: IntCounterVec,
    pages: IntCounterVec,
    fetched: IntCounterVec,
    written: IntCounterVec,
    archived: IntCounterVec,
    seconds: GaugeVec,
}

impl Metrics {
    /// Counters at zero, in a registry of their own.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["collection"]).expect("a valid metric name");
            registry.register(Box::new(counter.clone())).expect("each name is registered once");
            // A series that stands at zero from the start has a rate from the first increment on.
            for collection in Collection::ALL {
                counter.with_label_values(&[collection.name()]);
            }
            counter
        };
        let seconds = GaugeVec::new(
            Opts::new("ats_sync_collection_seconds", "How long the last sync of the collection took."),
            &["collection"],
        )
        .expect("a valid metric name");
        registry.register(Box::new(seconds.clone())).expect("each name is registered once");
        Self {
            requests: counter("ats_sync_requests_total", "Requests sent to the API, retries included."),
            retries: counter("ats_sync_retries_total", "Requests sent again after a passing trouble."),
            pages: counter("ats_sync_pages_total", "Pages fetched and decoded."),
            fetched: counter("ats_sync_rows_fetched_total", "Records fetched and decoded."),
            written: counter("ats_sync_rows_written_total", "Rows inserted or updated."),
            archived: counter("ats_sync_rows_archived_total", "Rows archived because the API no longer lists them."),
            seconds,
            registry,
        }
    }

    /// Where the metrics are registered, for those who serve or add to them.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn request(&self, collection: Collection) {
        self.requests.with_label_values(&[collection.name()]).inc();
    }

    pub(crate) fn retry(&self, collection: Collection) {
        self.retries.with_label_values(&[collection.name()]).inc();
    }

    pub(crate) fn page(&self, collection: Collection, records: usize) {
        self.pages.with_label_values(&[collection.name()]).inc();
        self.fetched.with_label_values(&[collection.name()]).inc_by(records as u64);
    }

    pub(crate) fn written(&self, collection: Collection, rows: u64) {
        self.written.with_label_values(&[collection.name()]).inc_by(rows);
    }

    pub(crate) fn archived(&self, collection: Collection, rows: u64) {
        self.archived.with_label_values(&[collection.name()]).inc_by(rows);
    }

    pub(crate) fn took(&self, collection: Collection, elapsed: Duration) {
        self.seconds.with_label_values(&[collection.name()]).set(elapsed.as_secs_f64());
    }

    /// Requests and retries so far, from which a report takes the difference.
    pub(crate) fn traffic(&self, collection: Collection) -> (u64, u64) {
        let of = |counter: &IntCounterVec| counter.with_label_values(&[collection.name()]).get();
        (of(&self.requests), of(&self.retries))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
