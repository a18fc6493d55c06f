//! What the tests share: jobs from the fixture, a service that knows the fixture, waiting for a queue.

// Each test target uses a part of this.
#![allow(dead_code)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use highwater::{BoxError, Endpoint, Observations, RunningService, Service, ServiceError, ServiceFault};
use highwater_services::{HttpSink, Redis, StatsdAgent};
use job_worker::{Config, Counts, Job, Queue};
use sha2::{Digest, Sha256};

/// 10,000 jobs.
pub(crate) const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/jobs/mail.jsonl");

/// The first jobs of a file.
pub(crate) fn jobs(path: &str, count: usize) -> Result<Vec<Job>, BoxError> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let mut jobs = Vec::with_capacity(count);
    for (line, number) in BufReader::new(file).lines().take(count).zip(1..) {
        jobs.push(serde_json::from_str(&line?).map_err(|error| format!("{path}:{number}: {error}"))?);
    }
    if jobs.len() < count {
        return Err(format!("{path} has {} jobs, and {count} are needed", jobs.len()).into());
    }
    Ok(jobs)
}

/// Waits until no job of the queue waits, or is under way. That is what Redis says: a job is done when its acknowledgement is there.
pub(crate) async fn idle(queue: &Queue) -> Result<Counts, BoxError> {
    loop {
        let counts = queue.counts().await?;
        if counts.unfinished() == 0 {
            return Ok(counts);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What a worker needs, each served from this process until dropped.
pub(crate) struct Services {
    pub(crate) mail: HttpSink,
    pub(crate) statsd: StatsdAgent,
    pub(crate) redis_url: String,
    pub(crate) mail_url: String,
    pub(crate) agent: SocketAddr,
    running: Vec<Box<dyn RunningService>>,
}

impl Services {
    pub(crate) fn start() -> Self {
        let (mail, statsd) = (HttpSink::new("mail"), StatsdAgent::new("statsd"));
        let mut running = [Redis::new("redis").embedded().start(), mail.start(), statsd.start()]
            .map(|started| started.expect("it needs nothing"));
        let [redis_url, mail_url, agent] =
            running.each_mut().map(|running| running.begin_sample().expect("a sample").as_str().to_owned());
        let agent = agent.trim_start_matches("udp://").parse().expect("an address");
        Self { mail, statsd, redis_url, mail_url, agent, running: running.into() }
    }

    /// A configuration whose retries do not wait.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new(&self.redis_url, &self.mail_url).expect("good URLs");
        config.retry_delay = Arc::new(|_| Duration::ZERO);
        config.poll_every = Duration::from_millis(20);
        config
    }

    /// Ends the sample: what was sent up to now has then been counted.
    pub(crate) fn end(mut self) -> Vec<Observations> {
        self.running.iter_mut().map(|running| running.end_sample().expect("nothing was malformed")).collect()
    }
}

/// The recorded jobs, as a service: numbers depend on them, so a changed file makes them incomparable. Its endpoint is the file.
pub(crate) struct RecordedJobs;

impl Service for RecordedJobs {
    fn name(&self) -> &str {
        "jobs"
    }

    fn identity(&self) -> Result<String, ServiceError> {
        let bytes = std::fs::read(FIXTURE)
            .map_err(|cause| ServiceError::new(format!("read {}", Path::new(FIXTURE).display()), cause))?;
        let digest: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("mail.jsonl:{digest}"))
    }

    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        Ok(Box::new(Self))
    }
}

impl RunningService for RecordedJobs {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        Ok(Endpoint::new(FIXTURE))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        Ok(Observations::new())
    }
}
