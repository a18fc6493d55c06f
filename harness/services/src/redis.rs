//! The service Redis: which server it is, and what every kind of it has in common. How a kind runs is its module's.

mod container;
mod embedded;
mod emptied;
mod local;
mod remote;

use highwater::{Observations, RunningService, Service, ServiceError};
use redis::{Connection, RedisError, RedisResult, cmd};

use crate::choice::{Choice, Chosen, ServerKind, first_of};
use embedded::EmbeddedServer;
use remote::RemoteServer;

/// A Redis, empty at the start of every sample.
///
/// The endpoint is `redis://host:port/database`. Which server it is: see the crate's documentation. At the end of a sample it
/// tells `keys`, `used_memory_bytes` and `commands`.
///
/// ```
/// use highwater::Service;
/// use highwater_services::Redis;
///
/// let mut running = Redis::new("queue").embedded().start()?;
/// let endpoint = running.begin_sample()?;
/// let mut client = redis::Client::open(endpoint.as_str())?.get_connection()?;
/// redis::cmd("RPUSH").arg("jobs").arg("one").arg("two").query::<u32>(&mut client)?;
///
/// let seen = running.end_sample()?;
/// assert_eq!((seen["keys"], seen["used_memory_bytes"]), (1, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Redis {
    name: String,
    explicit: Option<Choice>,
    image: Option<String>,
}

const CHOSEN: Chosen =
    Chosen { server: "Redis", variable: "REDIS_URL", image_variable: "HIGHWATER_REDIS_IMAGE", image: "redis:7" };

impl Redis {
    /// A Redis by this name, of the kind that the environment chooses.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), explicit: None, image: None }
    }

    /// The embedded server, whatever the environment says.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.explicit = Some(Choice::Embedded);
        self
    }

    /// A server started from the program of this machine, whatever the environment says.
    #[must_use]
    pub fn local(mut self) -> Self {
        self.explicit = Some(Choice::Local);
        self
    }

    /// A server in a container of Docker's, whatever the environment says.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.explicit = Some(Choice::Docker);
        self
    }

    /// The image of its container, such as `redis:8`, where it is one; otherwise `HIGHWATER_REDIS_IMAGE` names it, or it is `redis:7`.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// The server at this URL, whatever the environment says. The database that the URL names has to be empty; without one, the
    /// first empty database behind number 0 is used.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.explicit = Some(Choice::Url(url.into()));
        self
    }

    /// Which kind it is.
    ///
    /// # Errors
    /// When `HIGHWATER_SERVICES` has a value that is not known.
    pub fn kind(&self) -> Result<ServerKind, ServiceError> {
        Ok(self.choice()?.kind())
    }

    fn choice(&self) -> Result<Choice, ServiceError> {
        CHOSEN.by_environment(self.explicit.as_ref())
    }
}

impl Service for Redis {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<String, ServiceError> {
        // The same for every kind: the client's numbers do not depend on it.
        Ok("redis".to_owned())
    }

    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        let docker =
            || Ok(Box::new(container::start(CHOSEN.image(self.image.as_deref())?)?) as Box<dyn RunningService>);
        let local = || Ok(Box::new(local::start()?) as Box<dyn RunningService>);
        let embedded = || Ok(Box::new(EmbeddedServer::start()?) as Box<dyn RunningService>);
        match self.choice()? {
            Choice::Embedded => embedded(),
            Choice::Local => local(),
            Choice::Docker => docker(),
            Choice::Auto => first_of("Redis", &[("docker", &docker), ("local", &local), ("embedded", &embedded)]),
            Choice::Url(url) => Ok(Box::new(RemoteServer::connect(&url)?)),
        }
    }
}

/// What every kind tells at the end of a sample.
fn observations(keys: u64, used_memory: u64, commands: u64) -> Observations {
    [("keys", keys), ("used_memory_bytes", used_memory), ("commands", commands)]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// A number that INFO tells.
fn info(connection: &mut Connection, section: &str, name: &str) -> RedisResult<u64> {
    let text: String = cmd("INFO").arg(section).query(connection)?;
    let value = text.lines().find_map(|line| line.split_once(':').filter(|(known, _)| *known == name));
    value.and_then(|(_, value)| value.trim().parse().ok()).ok_or_else(|| {
        let cause = std::io::Error::other(format!("INFO {section} does not tell {name}"));
        RedisError::from(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_before_the_environment() {
        assert_eq!(Redis::new("r").embedded().kind().unwrap(), ServerKind::Embedded);
        assert_eq!(Redis::new("r").local().kind().unwrap().to_string(), "local");
        assert_eq!(Redis::new("x").docker().kind().unwrap(), ServerKind::Docker);
        assert_eq!(Redis::new("r").url("redis://h/1").kind().unwrap(), ServerKind::Url);
    }

    #[test]
    fn the_identity_is_the_same_for_every_kind() {
        let identities = [Redis::new("a").embedded(), Redis::new("b").docker().image("other:1")]
            .map(|redis| redis.identity().unwrap());
        assert_eq!(identities, ["redis", "redis"]);
    }
}
