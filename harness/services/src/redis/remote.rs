//! A Redis that runs already: one of its databases, which has to be empty and is emptied after each sample.

use std::time::Duration;

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use redis::{Connection, RedisError, RedisResult, cmd};

/// For connecting, and for an answer; a server that is there answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// The key by which runs that share a server see that a database is taken. It is not counted.
const CLAIM: &str = "highwater:claim";

/// A database of a server by its URL. Dropping it empties the database, if it holds a sample of ours.
pub(crate) struct RemoteServer {
    server: ServerUrl,
    connection: Connection,
    /// In which everything is ours, because it was empty when we claimed it.
    claimed: Option<Claimed>,
}

struct Claimed {
    database: u32,
    /// Commands that the server had executed by then.
    commands: u64,
}

impl RemoteServer {
    /// Checks that the server can be reached.
    ///
    /// # Errors
    /// When it cannot, or the URL is none.
    pub(crate) fn connect(url: &str) -> Result<Self, ServiceError> {
        let server = ServerUrl::parse(url)?;
        let connection = connect(url).map_err(|failed| server.explained("reach", &failed))?;
        Ok(Self { server, connection, claimed: None })
    }

    /// Claims the database of the URL, or the first empty one behind number 0.
    fn claim(&mut self) -> Result<u32, ServiceError> {
        self.release().map_err(|failed| self.server.explained("empty the database of the last sample on", &failed))?;
        let candidates = self.server.database.map_or(1..=15, |database| database..=database);
        for database in candidates {
            let claimed = self.try_claim(database);
            match claimed.map_err(|failed| self.server.explained("use a database of", &failed))? {
                Some(commands) => {
                    self.claimed = Some(Claimed { database, commands });
                    return Ok(database);
                }
                None if self.server.database.is_some() => {
                    let cause = format!("database {database} is not empty, and what is in it is not ours to delete");
                    let remedy = format!(
                        "give REDIS_URL the number of an empty database, or empty it: FLUSHDB after SELECT {database}"
                    );
                    return Err(self.server.failed("use a database of", cause).remedy(remedy));
                }
                None => {}
            }
        }
        let failed = self.server.failed("find an empty database on", "databases 1 to 15 all hold keys");
        Err(failed.remedy(
            "give REDIS_URL the number of a database that may be used, as in redis://host:6379/16, and empty it",
        ))
    }

    /// The commands executed so far, if the database was empty and is ours now.
    fn try_claim(&mut self, database: u32) -> RedisResult<Option<u64>> {
        let connection = &mut self.connection;
        cmd("SELECT").arg(database).query::<()>(connection)?;
        let set: Option<String> = cmd("SET").arg(CLAIM).arg(std::process::id()).arg("NX").query(connection)?;
        if set.is_none() {
            return Ok(None);
        }
        if cmd("DBSIZE").query::<u64>(connection)? > 1 {
            cmd("DEL").arg(CLAIM).query::<()>(connection)?;
            return Ok(None);
        }
        Ok(Some(super::info(connection, "stats", "total_commands_processed")?))
    }

    /// Empties the database that was claimed.
    fn release(&mut self) -> RedisResult<()> {
        if let Some(claimed) = &self.claimed {
            cmd("SELECT").arg(claimed.database).query::<()>(&mut self.connection)?;
            cmd("FLUSHDB").query::<()>(&mut self.connection)?;
            self.claimed = None;
        }
        Ok(())
    }

    fn observe(&mut self) -> RedisResult<Observations> {
        let Some(claimed) = &self.claimed else { return Ok(Observations::new()) };
        let connection = &mut self.connection;
        cmd("SELECT").arg(claimed.database).query::<()>(connection)?;
        let keys = cmd("DBSIZE").query::<u64>(connection)?.saturating_sub(1);
        let memory = super::info(connection, "memory", "used_memory")?;
        let commands = super::info(connection, "stats", "total_commands_processed")?;
        Ok(super::observations(keys, memory, commands.saturating_sub(claimed.commands)))
    }
}

impl RunningService for RemoteServer {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        let database = self.claim()?;
        Ok(Endpoint::new(self.server.with_database(database)))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        let seen = self.observe().and_then(|seen| self.release().map(|()| seen));
        seen.map_err(|failed| ServiceFault::Failed(self.server.explained("end a sample on", &failed).to_string()))
    }
}

impl Drop for RemoteServer {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.release();
    }
}

/// Connects, with bounds in time.
pub(super) fn connect(url: &str) -> RedisResult<Connection> {
    let connection = redis::Client::open(url)?.get_connection_with_timeout(PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// `redis://user:password@host:port/database`, whose database can be another.
#[derive(Debug)]
struct ServerUrl {
    url: url::Url,
    database: Option<u32>,
}

impl ServerUrl {
    fn parse(text: &str) -> Result<Self, ServiceError> {
        let refused = |cause: &str| {
            ServiceError::new("read the URL of the Redis server", cause)
                .remedy("write it as redis://user:password@host:port/database; TLS is not supported")
        };
        let url = url::Url::parse(text).map_err(|cause| refused(&cause.to_string()))?;
        if url.scheme() != "redis" || url.host_str().is_none_or(str::is_empty) {
            return Err(refused("it does not begin with redis://host"));
        }
        let database = match url.path().trim_matches('/') {
            "" => None,
            digits => Some(digits.parse().map_err(|_| refused("its path is no number of a database"))?),
        };
        Ok(Self { url, database })
    }

    fn with_database(&self, database: u32) -> String {
        let mut url = self.url.clone();
        url.set_path(&database.to_string());
        url.to_string()
    }

    /// Without the password.
    fn shown(&self) -> String {
        let port = self.url.port().unwrap_or(6379);
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }

    fn failed(&self, action: &str, cause: impl std::fmt::Display) -> ServiceError {
        ServiceError::new(format!("{action} the Redis server at {}", self.shown()), cause)
    }

    fn explained(&self, action: &str, failed: &RedisError) -> ServiceError {
        self.failed(action, failed).remedy(match failed.code() {
            Some("NOAUTH" | "WRONGPASS") => "check user and password in REDIS_URL",
            _ => "start the server, correct REDIS_URL, or unset it: the embedded server needs nothing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_can_be_another() {
        let check = |url: &str, database: Option<u32>, expect: &str| {
            let server = ServerUrl::parse(url).unwrap();
            assert_eq!((server.database, &*server.with_database(7)), (database, expect), "{url}");
        };
        check("redis://h", None, "redis://h/7");
        check("redis://h:6380/3", Some(3), "redis://h:6380/7");
        check("redis://u:p%40ss@h:6380/?protocol=resp3", None, "redis://u:p%40ss@h:6380/7?protocol=resp3");
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_form_it_should_have() {
        for url in ["localhost:6379", "rediss://h/0", "redis://h/first", "redis:///0"] {
            let error = ServerUrl::parse(url).unwrap_err().to_string();
            assert!(error.contains("redis://user:password@host:port/database"), "{url}: {error}");
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_named_with_the_remedy() {
        // Port 1 of the loopback: nobody listens there.
        let error = RemoteServer::connect("redis://u:secret@127.0.0.1:1/2").err().unwrap().to_string();
        assert!(error.contains("127.0.0.1:1") && error.contains("refused") && error.contains("unset it"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
