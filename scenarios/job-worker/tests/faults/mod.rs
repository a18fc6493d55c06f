//! What can be made wrong with the worker from outside, one fault at a time: `JOB_WORKER_FAULT=client-per-job`. The scenario's name and
//! identity stay, so that what a fault does to the numbers is judged by the sound form's baseline; that it is a variant is said, so that nobody
//! accepts them. The worker itself is sound.

mod eager_client;
mod observers;

use std::net::SocketAddr;
use std::sync::Arc;

use highwater::BoxError;
use job_worker::{Config, Observer, Statsd};

use observers::{ClientPerJob, FailuresRemembered, ListenerPerJob, StockClientPerJob};

/// By which a run of the suite, and its measured children, are told.
pub(crate) const VARIABLE: &str = "JOB_WORKER_FAULT";

/// A mistake that the incident's engineers suspected, or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Each attempt makes a statsd client with the eager buffers of datadog-go, flushes it, and does not close it.
    ClientPerJob,
    /// The same with a stock Rust client: a thread and a socket, and hardly any heap.
    StockClientPerJob,
    /// Completed jobs are not removed from the queue.
    CompletedKept,
    /// Completed jobs are removed by apalis-redis's own `vacuum`.
    CompletedVacuumed,
    /// The worker takes whatever the queue has.
    UnboundedIntake,
    /// Each attempt leaves a task that waits for a word that nobody says.
    ListenerPerJob,
    /// Each failure is remembered, for a report that nobody asks for.
    FailuresRemembered,
    /// A signal starts a new worker, and the old one is forgotten without a stop.
    WorkerAbandoned,
}

impl Fault {
    pub(crate) const ALL: [(Self, &str); 8] = [
        (Self::ClientPerJob, "client-per-job"),
        (Self::StockClientPerJob, "stock-client-per-job"),
        (Self::CompletedKept, "completed-kept"),
        (Self::CompletedVacuumed, "completed-vacuumed"),
        (Self::UnboundedIntake, "unbounded-intake"),
        (Self::ListenerPerJob, "listener-per-job"),
        (Self::FailuresRemembered, "failures-remembered"),
        (Self::WorkerAbandoned, "worker-abandoned"),
    ];

    /// The name by which it is asked for, and by which results tell it.
    pub(crate) fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(fault, _)| *fault == self);
        found.map_or_else(|| unreachable!("all faults are named"), |(_, name)| name)
    }

    /// The fault that the environment asks for; `None` for the sound form.
    pub(crate) fn of_environment() -> Result<Option<Self>, String> {
        let Some(asked) = std::env::var_os(VARIABLE).filter(|asked| !asked.is_empty()) else { return Ok(None) };
        let found = Self::ALL.into_iter().find(|(_, name)| asked == *name).map(|(fault, _)| fault);
        let names = Self::ALL.map(|(_, name)| name).join(", ");
        found.map(Some).ok_or_else(|| format!("{VARIABLE}={} is none of {names}", asked.to_string_lossy()))
    }
}

/// Takes more than all scenarios push at once.
const EVERYTHING: usize = 5_000;

/// What the fault makes of a sound configuration.
pub(crate) fn configure(fault: Option<Fault>, config: &mut Config) {
    if fault == Some(Fault::UnboundedIntake) {
        config.prefetch = EVERYTHING;
    }
}

/// Who is told of attempts: the sound observer, or one that makes the fault's mistake.
pub(crate) fn observer(
    fault: Option<Fault>,
    agent: SocketAddr,
    config: &Config,
) -> Result<Arc<dyn Observer>, BoxError> {
    let sound = Statsd::to(agent, config)?;
    Ok(match fault {
        Some(Fault::ClientPerJob) => Arc::new(ClientPerJob { agent }),
        Some(Fault::StockClientPerJob) => Arc::new(StockClientPerJob::to(agent)),
        Some(Fault::ListenerPerJob) => Arc::new(ListenerPerJob::beside(sound)),
        Some(Fault::FailuresRemembered) => Arc::new(FailuresRemembered::beside(sound)),
        _ => Arc::new(sound),
    })
}
