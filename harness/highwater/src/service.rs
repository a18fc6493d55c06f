//! What a service is to the harness: something outside the measured process that a scenario needs. What it speaks (HTTP,
//! SQL, statsd) is left to the crates that implement these traits.

use std::collections::BTreeMap;
use std::fmt;

/// Something outside the measured process that a scenario needs: a replayed API, a database, a queue.
///
/// A service is declared by the scenario ([`Scenario::with`](crate::Scenario::with)), started in the parent process once for
/// all samples of the scenario, made as new before each sample, and stopped when its [`RunningService`] is dropped.
pub trait Service: Send + Sync {
    /// The name by which the workload asks for the endpoint, unique within the scenario.
    fn name(&self) -> &str;

    /// What the numbers depend on: a digest of recorded inputs, scale and injected faults. Two runs whose identities differ are
    /// incomparable. It must not depend on ports, paths or the machine.
    ///
    /// # Errors
    /// When an input cannot be read.
    fn identity(&self) -> Result<String, ServiceError>;

    /// Starts it. Called in the parent, never in the measured child.
    ///
    /// # Errors
    /// When it cannot be started; the scenario then fails with this cause.
    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError>;
}

/// A started service. Dropping it stops it and removes what it left behind.
pub trait RunningService: Send {
    /// Makes it as new for one sample (an empty database, a rewound recording) and returns where it is reached.
    ///
    /// # Errors
    /// When it cannot be made as new; the scenario then fails with this cause.
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError>;

    /// Ends the sample, after the child is dead, and returns what the service saw.
    ///
    /// # Errors
    /// When the sample must not count, although the child may have ended well: see [`ServiceFault`].
    fn end_sample(&mut self) -> Result<Observations, ServiceFault>;

    /// What the reader should know of it beyond its name, on one line: which of several servers was chosen. Printed once a run.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// Where a service is reached: a URL with scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// Takes a URL, such as `http://127.0.0.1:4010`.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a service saw during one sample, by name: `requests`, `response_bytes`, `busy_micros`. The unit is the name's last word.
pub type Observations = BTreeMap<String, u64>;

/// A service could not be started or made as new.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}: {cause}{}", remedy.as_deref().map(|r| format!("; {r}")).unwrap_or_default())]
pub struct ServiceError {
    /// What was tried, as in "failed to ...": `start postgres from /usr/lib/postgresql/15/bin`.
    pub action: String,
    /// Why it failed, with the file and place where there is one.
    pub cause: String,
    /// What the reader can do about it.
    pub remedy: Option<String>,
}

impl ServiceError {
    /// An error without a remedy; add one with [`ServiceError::remedy`].
    pub fn new(action: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self { action: action.into(), cause: cause.to_string(), remedy: None }
    }

    /// The same error with a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Why a sample must not count although its child may have ended well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceFault {
    /// The workload asked for what was never recorded. Each entry names a request: method, path, query and why it did not match;
    /// the list is bounded and `total` is the true number.
    #[error("{total} unmatched request(s): {}", requests.join("; "))]
    UnmatchedRequests {
        /// The first few, as `GET /v1/offers?page=1: no recorded exchange has this path`.
        requests: Vec<String>,
        /// How many there were.
        total: u64,
    },
    /// The service itself failed during the sample.
    #[error("{0}")]
    Failed(String),
}
