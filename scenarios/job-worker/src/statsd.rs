//! What a statsd agent is told, in DogStatsD's format over UDP: one client for the whole worker, closed with it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, MetricError, StatsdClient};
use tokio::task::AbortHandle;
use tracing::warn;

use crate::config::Config;
use crate::job::Job;
use crate::observer::{Attempt, Observer, Outcome};

/// What fits into one packet everywhere (datadog-go's `OptimalUDPPayloadSize`).
const PAYLOAD: usize = 1_432;

/// An agent, told of attempts (`jobs.attempts`, `jobs.attempt_time`) and of jobs that take long (`jobs.slow`). Dropping it closes its
/// socket, after what has gathered is sent.
#[derive(Debug)]
pub struct Statsd {
    client: Arc<StatsdClient>,
    slow_after: Duration,
}

impl Statsd {
    /// An agent at this address; its metrics are tagged with the queue's name.
    ///
    /// The sink writes to a socket that does not block, so it needs no thread and no queue of its own: what the kernel does not take
    /// is lost, as UDP loses it anyway, and an agent that is stuck cannot fill the worker's memory.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn to(agent: SocketAddr, config: &Config) -> io::Result<Self> {
        let socket = match agent {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
        }?;
        socket.set_nonblocking(true)?;
        let sink = BufferedUdpMetricSink::with_capacity(agent, socket, PAYLOAD).map_err(io::Error::other)?;
        let client = StatsdClient::builder("jobs", sink)
            .with_tag("queue", &config.queue)
            .with_error_handler(|error: MetricError| warn!("a metric is lost: {error}"))
            .build();
        Ok(Self { client: Arc::new(client), slow_after: config.slow_after })
    }
}

impl Observer for Statsd {
    fn begin(&self, job: &Job, _: u32) -> Box<dyn Attempt> {
        let (client, id, slow_after) = (Arc::clone(&self.client), job.id.clone(), self.slow_after);
        let watch = tokio::spawn(async move {
            tokio::time::sleep(slow_after).await;
            warn!("job {id} takes longer than {slow_after:?}");
            client.count_with_tags("slow", 1).send();
        });
        Box::new(Watched { client: Arc::clone(&self.client), watch: watch.abort_handle() })
    }

    fn flush(&self) {
        if let Err(error) = self.client.flush() {
            warn!("metrics are lost: {error}");
        }
    }
}

/// An attempt under way, with the task that says so when it takes long. The task ends with the attempt.
struct Watched {
    client: Arc<StatsdClient>,
    watch: AbortHandle,
}

impl Attempt for Watched {
    fn end(self: Box<Self>, outcome: Outcome, took: Duration) {
        self.client.count_with_tags("attempts", 1).with_tag("outcome", outcome.name()).send();
        self.client.time_with_tags("attempt_time", took).with_tag("outcome", outcome.name()).send();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
