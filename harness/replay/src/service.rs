//! A replay as a service of a scenario: what its author says, and its life from start to drop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use highwater::{Endpoint, Observations, RunningService, Service, ServiceError, ServiceFault};

use crate::exact::Exact;
use crate::harvest::Harvest;
use crate::identity::Identity;
use crate::origins::Origins;
use crate::pacing::{Fault, Pacing, RateLimit};
use crate::paged::Paged;
use crate::paging::Paging;
use crate::recording::Recording;
use crate::scale::Scale;
use crate::server::Server;
use crate::session::Session;
use crate::site::Site;

/// A recorded API, served to the measured process by the parent.
///
/// See the [crate's page](crate) for examples.
#[derive(Debug, Clone)]
pub struct Replay {
    name: String,
    sources: Vec<Source>,
    /// Harvest, or any API.
    harvest: bool,
    api_key: Option<String>,
    scales: BTreeMap<String, Scale>,
    pagings: BTreeMap<String, Paging>,
    ignored_query: BTreeSet<String>,
    rewrite_bodies: bool,
    pacing: Pacing,
}

/// Where a replay's exchanges come from: a HAR file, a folder of them, or a [`Recording`].
#[derive(Debug, Clone)]
pub struct Source(Origin);

#[derive(Debug, Clone)]
enum Origin {
    Path(PathBuf),
    Recording(Recording),
}

impl Replay {
    /// Replays the exchanges of any API: a request is answered with the recorded response to the same method, path, query (in any
    /// order) and body (JSON by its meaning; only where one was recorded). What was recorded several times is served in order, and
    /// the last one repeats. `name` is the service's name in the scenario.
    pub fn new(name: impl Into<String>, source: impl Into<Source>) -> Self {
        Self {
            name: name.into(),
            sources: vec![source.into()],
            harvest: false,
            api_key: None,
            scales: BTreeMap::new(),
            pagings: BTreeMap::new(),
            ignored_query: BTreeSet::new(),
            rewrite_bodies: false,
            pacing: Pacing::default(),
        }
    }

    /// Replays Greenhouse Harvest v1: recorded lists are collections with the API's paging, filters, auth and errors. Everything else
    /// that was recorded is replayed as by [`Replay::new`].
    pub fn harvest(name: impl Into<String>, source: impl Into<Source>) -> Self {
        Self { harvest: true, ..Self::new(name, source) }
    }

    /// Adds the exchanges of another recording.
    #[must_use]
    pub fn and(mut self, source: impl Into<Source>) -> Self {
        self.sources.push(source.into());
        self
    }

    /// The API key that Harvest requests must carry as their Basic user name; without it, any key will do.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How many items the recorded list at `path` (`/v1/applications`) has when it is replayed. Other lists than Harvest's need
    /// [`paged`](Replay::paged) as well.
    #[must_use]
    pub fn collection(mut self, path: impl Into<String>, scale: Scale) -> Self {
        self.scales.insert(path.into(), scale);
        self
    }

    /// How an API other than Harvest pages the recorded list at `path`: its pages are then served anew, in any size, from the items
    /// of all its recorded pages. Parameters beside those of paging must be as recorded.
    #[must_use]
    pub fn paged(mut self, path: impl Into<String>, paging: Paging) -> Self {
        self.pagings.insert(path.into(), paging);
        self
    }

    /// Requests match whatever they say for the query parameter `name`.
    #[must_use]
    pub fn ignore_query(mut self, name: impl Into<String>) -> Self {
        self.ignored_query.insert(name.into());
        self
    }

    /// Points absolute URLs in recorded bodies to the replay, as it is always done in `Link` and `Location` headers.
    #[must_use]
    pub fn rewrite_bodies(mut self) -> Self {
        self.rewrite_bodies = true;
        self
    }

    /// Every response takes as long as that, at least; others are answered meanwhile.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.pacing.latency = latency;
        self
    }

    /// The latency of the responses at `path` alone.
    #[must_use]
    pub fn latency_at(mut self, path: impl Into<String>, latency: Duration) -> Self {
        self.pacing.latency_at.insert(0, (path.into(), latency));
        self
    }

    /// Answers further requests 429.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.pacing.rate_limit = Some(limit);
        self
    }

    /// Answers each `n`-th request of a sample with `status` (400 to 599) in place of its response; 429 and 503 carry
    /// [`Retry-After`](Replay::retry_after).
    #[must_use]
    pub fn fail_every(mut self, n: u64, status: u16) -> Self {
        self.pacing.faults.push(Fault { every: n, status });
        self
    }

    /// The `Retry-After` of injected faults, in whole seconds; 0 if it is not said, so that a scenario does not wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.pacing.retry_after = Some(wait.as_secs());
        self
    }

    fn recording(&self) -> Result<Recording, ServiceError> {
        let mut all = Recording::default();
        for source in &self.sources {
            all = match &source.0 {
                Origin::Recording(recording) => all.and(recording.clone()),
                Origin::Path(path) => all.and(Recording::read(path).map_err(|error| {
                    ServiceError::new(format!("read the recording of service `{}`", self.name), error)
                })?),
            };
        }
        Ok(all)
    }

    fn site(&self) -> Result<Site, ServiceError> {
        let action = || format!("prepare the replay of service `{}`", self.name);
        self.pacing.check().map_err(|cause| ServiceError::new(action(), cause))?;
        if !self.harvest && self.api_key.is_some() {
            return Err(ServiceError::new(action(), "only Harvest's API keys are known").remedy("use Replay::harvest"));
        }
        if self.harvest && !self.pagings.is_empty() {
            let error = ServiceError::new(action(), "how Harvest pages its lists is known");
            return Err(error.remedy("leave out `paged`, or use Replay::new"));
        }
        let recording = self.recording()?;
        let exchanges = recording.exchanges();
        let harvest = match self.harvest {
            true => Some(
                Harvest::new(exchanges, &self.scales, self.api_key.clone())
                    .map_err(|error| ServiceError::new(action(), error))?,
            ),
            false => None,
        };
        let paged = match self.harvest {
            true => None,
            false => Some(
                Paged::new(exchanges, &self.pagings, &self.scales, &self.ignored_query)
                    .map_err(|error| ServiceError::new(action(), error))?,
            ),
        };
        let responses = exchanges.iter().filter_map(|exchange| exchange.response.as_ref().ok());
        Ok(Site {
            harvest,
            paged,
            recorded_refusal: responses.clone().find(|response| response.status == 429).cloned(),
            origins: Origins::of(exchanges),
            exact: Exact::new(exchanges.to_vec(), self.ignored_query.clone()),
            rewrite_bodies: self.rewrite_bodies,
            pacing: self.pacing.clone(),
        })
    }
}

impl Service for Replay {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<String, ServiceError> {
        let mut identity = Identity::new(if self.harvest { "harvest" } else { "exact" });
        for exchange in self.recording()?.exchanges() {
            identity.exchange(exchange);
        }
        identity.settings(&self.scales, &self.pacing);
        identity.say("pagings", &self.pagings);
        identity.say("api_key", &self.api_key);
        identity.say("ignored_query", &self.ignored_query);
        identity.say("rewrite_bodies", &self.rewrite_bodies);
        Ok(identity.finish())
    }

    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        Ok(Box::new(Running { name: self.name.clone(), site: Arc::new(self.site()?), sample: None }))
    }
}

/// A started replay. Each sample has a server of its own, so nothing of the last one can reach into it.
struct Running {
    name: String,
    site: Arc<Site>,
    sample: Option<(Server, Arc<Session>)>,
}

impl RunningService for Running {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.sample = None;
        let mut session = None;
        let server = Server::start(|url| session.insert(Arc::new(Session::new(self.site.clone(), url))).clone())
            .map_err(|error| ServiceError::new(format!("serve the replay `{}`", self.name), error))?;
        let endpoint = Endpoint::new(server.url());
        self.sample = session.map(|session| (server, session));
        Ok(endpoint)
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        let failed = |cause| ServiceFault::Failed(format!("replay `{}`: {cause}", self.name));
        let (server, session) = self.sample.take().ok_or_else(|| failed("no sample was begun".to_owned()))?;
        server.stop().map_err(failed)?;
        session.end()
    }
}

impl From<Recording> for Source {
    fn from(recording: Recording) -> Self {
        Self(Origin::Recording(recording))
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self(Origin::Path(path.to_owned()))
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self(Origin::Path(path))
    }
}

impl From<&str> for Source {
    fn from(path: &str) -> Self {
        Self(Origin::Path(path.into()))
    }
}

impl From<String> for Source {
    fn from(path: String) -> Self {
        Self(Origin::Path(path.into()))
    }
}
