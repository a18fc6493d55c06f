//! Observers that make a mistake with each attempt, beside or instead of what the sound one does.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, QueuingMetricSink, StatsdClient};
use job_worker::{Attempt, Job, Nobody, Observer, Outcome, Statsd};
use tokio::sync::broadcast;

use super::eager_client::EagerClient;

/// The original: a client per attempt, flushed and never closed.
pub(crate) struct ClientPerJob {
    pub(crate) agent: SocketAddr,
}

impl Observer for ClientPerJob {
    fn begin(&self, _: &Job, _: u32) -> Box<dyn Attempt> {
        match EagerClient::to(self.agent) {
            Ok(client) => Box::new(Reporting(client)),
            // Out of descriptors, as the original was in the end.
            Err(_) => Box::new(Nobody),
        }
    }

    fn flush(&self) {}
}

struct Reporting(Arc<EagerClient>);

impl Attempt for Reporting {
    fn end(self: Box<Self>, outcome: Outcome, _: Duration) {
        self.0.count("jobs.attempts", &format!("outcome:{}", outcome.name()));
        self.0.flush();
    }
}

/// The same mistake with cadence: each client is kept, so that all can be flushed, and none is dropped.
pub(crate) struct StockClientPerJob {
    agent: SocketAddr,
    clients: Arc<Mutex<Vec<StatsdClient>>>,
}

impl StockClientPerJob {
    pub(crate) fn to(agent: SocketAddr) -> Self {
        Self { agent, clients: Arc::default() }
    }

    fn client(&self) -> Option<StatsdClient> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.set_nonblocking(true).ok()?;
        let sink = BufferedUdpMetricSink::from(self.agent, socket).ok()?;
        Some(StatsdClient::from_sink("jobs", QueuingMetricSink::from(sink)))
    }
}

impl Observer for StockClientPerJob {
    fn begin(&self, _: &Job, _: u32) -> Box<dyn Attempt> {
        match self.client() {
            Some(client) => Box::new(Kept { client, clients: Arc::clone(&self.clients) }),
            None => Box::new(Nobody),
        }
    }

    fn flush(&self) {
        for client in self.clients.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // UDP: what is not taken is lost.
            let _ = client.flush();
        }
    }
}

struct Kept {
    client: StatsdClient,
    clients: Arc<Mutex<Vec<StatsdClient>>>,
}

impl Attempt for Kept {
    fn end(self: Box<Self>, outcome: Outcome, _: Duration) {
        self.client.count_with_tags("attempts", 1).with_tag("outcome", outcome.name()).send();
        let _ = self.client.flush();
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).push(self.client);
    }
}

/// Beside each attempt, a task that waits to be told that the worker stops.
pub(crate) struct ListenerPerJob {
    sound: Statsd,
    stop: broadcast::Sender<()>,
}

impl ListenerPerJob {
    pub(crate) fn beside(sound: Statsd) -> Self {
        Self { sound, stop: broadcast::Sender::new(1) }
    }
}

impl Observer for ListenerPerJob {
    fn begin(&self, job: &Job, number: u32) -> Box<dyn Attempt> {
        tokio::spawn(listen(job.clone(), self.stop.subscribe()));
        self.sound.begin(job, number)
    }

    fn flush(&self) {
        self.sound.flush();
    }
}

async fn listen(job: Job, mut stop: broadcast::Receiver<()>) {
    // Nobody says it: that is the fault.
    if stop.recv().await.is_ok() {
        eprintln!("job {} is cut off", job.id);
    }
}

/// What failed, by job, for a report.
type Failures = Arc<Mutex<HashMap<String, Vec<String>>>>;

/// Beside the sound observer, a memory of all failures.
pub(crate) struct FailuresRemembered {
    sound: Statsd,
    failures: Failures,
}

impl FailuresRemembered {
    pub(crate) fn beside(sound: Statsd) -> Self {
        Self { sound, failures: Arc::default() }
    }
}

impl Observer for FailuresRemembered {
    fn begin(&self, job: &Job, number: u32) -> Box<dyn Attempt> {
        let (sound, failures) = (self.sound.begin(job, number), Arc::clone(&self.failures));
        Box::new(Remembered { sound, failures, id: job.id.clone(), number })
    }

    fn flush(&self) {
        self.sound.flush();
    }
}

struct Remembered {
    sound: Box<dyn Attempt>,
    failures: Failures,
    id: String,
    number: u32,
}

impl Attempt for Remembered {
    fn end(self: Box<Self>, outcome: Outcome, took: Duration) {
        if outcome != Outcome::Done {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            let told = format!("attempt {}: {}", self.number, outcome.name());
            failures.entry(self.id).or_default().push(told);
        }
        self.sound.end(outcome, took);
    }
}
