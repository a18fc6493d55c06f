//! A Postgres that runs already: a fresh database on it for each sample, dropped with whoever is still connected to it.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// For connecting; a server that is there answers at once.
const CONNECT: Duration = Duration::from_secs(10);
/// For a statement: creating a database copies files, and dropping one waits for a checkpoint.
const STATEMENT: Duration = Duration::from_secs(60);

/// For a server that recovers from the crash of one of its processes to accept connections again.
const RECOVERY: Duration = Duration::from_secs(10);

/// Tells which start of the server this is: of all of it, and of the processes that it starts anew after one of them crashed. What the role
/// may not see is empty.
const INCARNATION: &str = "SELECT concat(pg_postmaster_start_time(), ' ', \
    (SELECT max(backend_start) FROM pg_stat_activity WHERE backend_type = 'checkpointer'))";

/// Somebody else's server. Dropping it drops the databases that were made on it.
pub(crate) struct RemoteServer(Databases);

impl RemoteServer {
    /// Checks that the server can be reached.
    ///
    /// # Errors
    /// When it cannot, or the URL is none.
    pub(crate) fn connect(url: &str) -> Result<Self, ServiceError> {
        Databases::connect(url).map(Self)
    }
}

impl RunningService for RemoteServer {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.0.begin_sample()
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        self.0.end_sample()
    }
}

impl Drop for RemoteServer {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.0.drop_databases();
    }
}

/// The databases of samples on the server of a URL, which go with that server when they are dropped with it.
pub(crate) struct Databases {
    url: ServerUrl,
    /// Made and not yet dropped.
    databases: Vec<String>,
    /// Of the server when the sample began.
    incarnation: String,
}

impl Databases {
    /// Checks that the server can be reached.
    ///
    /// # Errors
    /// When it cannot, or the URL is none.
    pub(crate) fn connect(url: &str) -> Result<Self, ServiceError> {
        let url = ServerUrl::parse(url)?;
        let server = Self { url, databases: Vec::new(), incarnation: String::new() };
        server.statement("SELECT 1").map_err(|failed| server.explained("reach", &failed))?;
        Ok(server)
    }

    /// Makes an empty database, and tells where it is.
    fn create_database(&mut self) -> Result<Endpoint, ServiceError> {
        let name = super::database_name();
        let created = self.statement(&format!("CREATE DATABASE \"{name}\""));
        created.map_err(|failed| self.explained(&format!("create the database {name} on"), &failed))?;
        let endpoint = self.url.with_database(&name);
        self.databases.push(name);
        self.incarnation = self.statement(INCARNATION).map_err(|failed| self.explained("ask", &failed))?;
        Ok(Endpoint::new(endpoint))
    }

    /// Drops all databases that were made here; a client that is still connected is cut off.
    fn drop_databases(&mut self) -> Result<(), String> {
        while let Some(name) = self.databases.last() {
            let dropped = self.statement(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
            dropped.map_err(|failed| {
                format!("failed to drop the database {name} on {}: {}", self.url.shown(), failed.cause())
            })?;
            self.databases.pop();
        }
        Ok(())
    }

    /// The server is the one that it was when the sample began.
    fn check_incarnation(&self) -> Result<(), String> {
        let now = self.statement(INCARNATION);
        let now = now.map_err(|failed| format!("the Postgres server at {}: {}", self.url.shown(), failed.cause()))?;
        if now == self.incarnation {
            return Ok(());
        }
        Err(format!(
            "the Postgres server at {} cut off its clients and started anew: one of its processes crashed or was killed, or somebody \
             restarted it",
            self.url.shown()
        ))
    }

    /// Executes a statement, which has no parameters and may have one row of one text; another has the empty one. Waits for a server that
    /// recovers.
    fn statement(&self, sql: &str) -> Result<String, Failure> {
        let config = &self.url.config;
        let deadline = Instant::now() + RECOVERY;
        on_own_runtime(async move {
            let client = loop {
                match connect(config).await {
                    Err(failure) if failure.is(&SqlState::CANNOT_CONNECT_NOW) && Instant::now() < deadline => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    connected => break connected?,
                }
            };
            let answered = tokio::time::timeout(STATEMENT, client.simple_query(sql)).await;
            let messages = answered.map_err(|_| Failure::TimedOut)?.map_err(Failure::Postgres)?;
            let text = messages.into_iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            });
            Ok(text.unwrap_or_default())
        })
    }

    fn explained(&self, action: &str, failure: &Failure) -> ServiceError {
        let error = ServiceError::new(format!("{action} the Postgres server at {}", self.url.shown()), failure.cause());
        let state = match failure {
            Failure::Postgres(failure) => failure.code(),
            _ => None,
        };
        error.remedy(match state {
            Some(state) if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
                "let the role create databases (ALTER ROLE name CREATEDB), or unset DATABASE_URL"
            }
            Some(state) if *state == SqlState::INVALID_PASSWORD || *state == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                "check user and password in DATABASE_URL"
            }
            Some(state) if *state == SqlState::INVALID_CATALOG_NAME => {
                "name a database in DATABASE_URL that exists, such as postgres; samples get their own"
            }
            _ => "start the server, correct DATABASE_URL (TLS is not supported), or unset it: the embedded server needs nothing",
        })
    }
}

impl RunningService for Databases {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.create_database()
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        // What became of the server explains why a database cannot be dropped.
        self.check_incarnation().map_err(ServiceFault::Failed)?;
        self.drop_databases().map_err(ServiceFault::Failed)?;
        Ok(Observations::new())
    }
}

/// Why a statement was not executed.
#[derive(Debug)]
pub(super) enum Failure {
    Postgres(tokio_postgres::Error),
    TimedOut,
    NoRuntime(std::io::Error),
}

impl Failure {
    fn is(&self, state: &SqlState) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(state))
    }

    pub(super) fn cause(&self) -> String {
        match self {
            Self::Postgres(error) => match error.as_db_error() {
                Some(error) => format!("{} ({})", error.message(), error.code().code()),
                None => with_sources(error),
            },
            Self::TimedOut => format!("no answer within {} s", STATEMENT.as_secs()),
            Self::NoRuntime(error) => error.to_string(),
        }
    }
}

/// tokio-postgres says "error connecting to server" and keeps the reason one level below.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(super) async fn connect(config: &Config) -> Result<Client, Failure> {
    match tokio::time::timeout(CONNECT, config.connect(NoTls)).await {
        Err(_) => Err(Failure::TimedOut),
        Ok(Err(error)) => Err(Failure::Postgres(error)),
        Ok(Ok((client, connection))) => {
            // Ends with the client.
            tokio::spawn(connection);
            Ok(client)
        }
    }
}

/// Runs a future to its end, also where the caller is in a runtime of its own, which must not be blocked.
pub(super) fn on_own_runtime<T: Send>(future: impl Future<Output = Result<T, Failure>> + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::NoRuntime)?;
            runtime.block_on(future)
        });
        thread.join().unwrap_or_else(|_| {
            Err(Failure::NoRuntime(std::io::Error::other("the thread that talks to Postgres panicked")))
        })
    })
}

/// `postgres://user:password@host:port/database?options`, taken apart so that the database can be another.
#[derive(Debug, Clone)]
struct ServerUrl {
    /// Up to the end of the port.
    server: String,
    /// Without `dbname`; empty, or from the question mark on.
    options: String,
    config: Config,
}

impl ServerUrl {
    fn parse(url: &str) -> Result<Self, ServiceError> {
        let refused = |cause: &dyn Display| {
            ServiceError::new("read the URL of the Postgres server", cause)
                .remedy("write it as postgres://user:password@host:port/database")
        };
        let after_scheme = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = after_scheme.ok_or_else(|| refused(&"it does not begin with postgres://"))?;
        let config: Config = url.parse().map_err(|failed: tokio_postgres::Error| refused(&with_sources(&failed)))?;
        let start = url.len() - rest.len();
        let end = rest.find(['/', '?']).map_or(url.len(), |at| start + at);
        let options = url[end..].split_once('?').map_or("", |(_, options)| options);
        let options: Vec<&str> =
            options.split('&').filter(|option| !option.is_empty() && !option.starts_with("dbname=")).collect();
        let options = if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) };
        Ok(Self { server: url[..end].to_owned(), options, config })
    }

    fn with_database(&self, name: &str) -> String {
        format!("{}/{name}{}", self.server, self.options)
    }

    /// Without the password.
    fn shown(&self) -> String {
        match self.server.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')) {
            Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
            None => self.server.split_once("://").map_or_else(String::new, |(_, host)| host.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_can_be_another() {
        let check =
            |url: &str, expect: &str| assert_eq!(ServerUrl::parse(url).unwrap().with_database("new"), expect, "{url}");
        check("postgres://u:p%40ss@h:5433/old", "postgres://u:p%40ss@h:5433/new");
        check("postgresql://h", "postgresql://h/new");
        check("postgres://u@h/old?dbname=x&application_name=a", "postgres://u@h/new?application_name=a");
        check("postgres://u@h?connect_timeout=3", "postgres://u@h/new?connect_timeout=3");
    }

    #[test]
    fn a_message_does_not_show_the_password() {
        let shown = ServerUrl::parse("postgres://user:secret@host:5433/db").unwrap().shown();
        assert_eq!(shown, "user@host:5433");
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_form_it_should_have() {
        for url in ["host=localhost", "mysql://h/d", "postgres://h:port/d"] {
            let error = ServerUrl::parse(url).unwrap_err().to_string();
            assert!(error.contains("postgres://user:password@host:port/database"), "{error}");
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_named_with_the_remedy() {
        // Port 1 of the loopback: nobody listens there.
        let error = RemoteServer::connect("postgres://u:secret@127.0.0.1:1/d").err().unwrap().to_string();
        assert!(error.contains("u@127.0.0.1:1") && error.contains("refused") && error.contains("unset it"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
