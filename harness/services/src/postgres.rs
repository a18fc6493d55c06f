//! The service Postgres: which server it is, and what every kind of it has in common. How a kind runs is its module's.

mod binaries;
mod container;
mod embedded;
mod local;
mod remote;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use highwater::{RunningService, Service, ServiceError};

use crate::choice::{Choice, Chosen, ServerKind, first_of};
use embedded::EmbeddedServer;
use remote::RemoteServer;

/// A Postgres database, empty at the start of every sample.
///
/// The endpoint is `postgres://user@host:port/database`. Which server it is: see the crate's documentation.
#[derive(Debug, Clone)]
pub struct Postgres {
    name: String,
    explicit: Option<Choice>,
    image: Option<String>,
}

const CHOSEN: Chosen = Chosen {
    server: "Postgres",
    variable: "DATABASE_URL",
    image_variable: "HIGHWATER_POSTGRES_IMAGE",
    image: "postgres:15",
};

impl Postgres {
    /// A Postgres by this name, of the kind that the environment chooses.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), explicit: None, image: None }
    }

    /// The embedded server, whatever the environment says.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.explicit = Some(Choice::Embedded);
        self
    }

    /// A server started from the binaries of this machine, whatever the environment says.
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

    /// The image of its container, such as `postgres:17`, where it is one; otherwise `HIGHWATER_POSTGRES_IMAGE` names it, or it is `postgres:15`.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// The server at this URL, whatever the environment says. The role in it must be allowed to create databases.
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

impl Service for Postgres {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<String, ServiceError> {
        // The same for every kind: the client's numbers do not depend on it.
        Ok("postgres".to_owned())
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
            Choice::Auto => first_of("Postgres", &[("docker", &docker), ("local", &local), ("embedded", &embedded)]),
            Choice::Url(url) => Ok(Box::new(RemoteServer::connect(&url)?)),
        }
    }
}

/// A name for a database that no other sample has, on this server or another. Always of the same length, since clients keep it.
fn database_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    // Time tells runs apart, the process those of one moment, the counter the samples of one process.
    let time = u64::try_from(nanos % (1 << 48)).unwrap_or(0);
    format!("highwater_{time:012x}{:08x}{:04x}", std::process::id(), count & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_before_the_environment() {
        assert_eq!(Postgres::new("p").embedded().kind().unwrap(), ServerKind::Embedded);
        assert_eq!(Postgres::new("p").local().kind().unwrap().to_string(), "local");
        assert_eq!(Postgres::new("x").docker().kind().unwrap(), ServerKind::Docker);
        assert_eq!(Postgres::new("p").url("postgres://h/d").kind().unwrap(), ServerKind::Url);
    }

    #[test]
    fn the_identity_is_the_same_for_every_kind() {
        let identities = [Postgres::new("a").embedded(), Postgres::new("b").docker().image("other:1")]
            .map(|p| p.identity().unwrap());
        assert_eq!(identities, ["postgres", "postgres"]);
    }

    #[test]
    fn names_of_databases_differ_and_are_equally_long() {
        let (a, b) = (database_name(), database_name());
        assert_ne!(a, b);
        assert_eq!((a.len(), b.len()), (34, 34));
    }
}
