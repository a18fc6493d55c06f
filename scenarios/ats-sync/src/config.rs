//! What a worker needs to know, and how it is read from environment variables. Opens nothing.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use program::{VariableError, Variables, address, explain, whole};
use reqwest::Url;
use tokio_postgres::config::SslMode;

use crate::harvest::RetryPolicy;
use crate::strategy::Strategy;

/// Where the account and the database are, and how the sync goes about it.
#[derive(Clone)]
pub struct Config {
    /// The API up to and with its version.
    pub harvest_url: Url,
    /// The API token.
    pub api_key: String,
    /// The database.
    pub database: tokio_postgres::Config,
    /// What `ats-sync` does when started; a caller of [`Worker::sync`](crate::Worker::sync) says it there.
    pub strategy: Strategy,
    /// Records a page, 1 to 500.
    pub page_size: u32,
    /// Rows a statement, from 1.
    pub batch_size: usize,
    /// Bytes of JSON a batch, from 1, in `bounded`, which fills one batch while it writes another: a batch is written when its records
    /// were so many bytes, even when its rows are few.
    pub batch_bytes: usize,
    /// Pages under way at once, from 1, in the strategies that fetch concurrently; without it, all of them in `reconcile` and
    /// `upsert`, and a few in `bounded`.
    pub concurrency: Option<usize>,
    /// Where `/metrics` is served, if anywhere.
    pub metrics_addr: Option<SocketAddr>,
    /// When a request is tried again. Not read from the environment.
    pub retry: RetryPolicy,
}

/// The API's largest page, and what the sync asks for by default.
const LARGEST_PAGE: u32 = 500;
/// Rows a statement by default: see [`store`](crate::store) for what a larger statement leaves behind.
const BATCH_SIZE: usize = 500;
/// Bytes of JSON a batch by default: a hundred or so records of a few kilobytes.
const BATCH_BYTES: usize = 256 << 10;

impl Config {
    /// The defaults for this account and database.
    ///
    /// # Errors
    /// [`VariableError`] naming the variable that would have held the bad URL.
    pub fn new(harvest_url: &str, api_key: &str, database_url: &str) -> Result<Self, VariableError> {
        Self::read(&Variables::of(|name| match name {
            "HARVEST_URL" => Some(harvest_url.to_owned()),
            "HARVEST_API_KEY" => Some(api_key.to_owned()),
            "DATABASE_URL" => Some(database_url.to_owned()),
            _ => None,
        }))
    }

    /// Reads `HARVEST_URL`, `HARVEST_API_KEY`, `DATABASE_URL`, `SYNC_STRATEGY`, `PAGE_SIZE`, `BATCH_SIZE`,
    /// `BATCH_BYTES`, `CONCURRENCY` and `METRICS_ADDR`. A variable set to nothing counts as not set.
    ///
    /// # Errors
    /// [`VariableError`] naming the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, VariableError> {
        Self::read(&Variables::of_environment())
    }

    fn read(variables: &Variables<'_>) -> Result<Self, VariableError> {
        let key_example = "a Harvest API key with access to jobs, candidates and applications";
        let strategy = |value: &str| value.parse::<Strategy>().map_err(|error| error.to_string());
        Ok(Self {
            harvest_url: variables.need("HARVEST_URL", "https://harvest.greenhouse.io/v1", harvest_url)?,
            api_key: variables.need("HARVEST_API_KEY", key_example, |value| Ok(value.to_owned()))?,
            database: variables.need("DATABASE_URL", "postgresql://user:password@localhost:5432/ats", database)?,
            strategy: variables.read("SYNC_STRATEGY", "paged", strategy)?.unwrap_or(Strategy::Paged),
            page_size: variables
                .read("PAGE_SIZE", "500", |value| whole(value, 1, LARGEST_PAGE))?
                .unwrap_or(LARGEST_PAGE),
            batch_size: variables.read("BATCH_SIZE", "500", |value| whole(value, 1, usize::MAX))?.unwrap_or(BATCH_SIZE),
            batch_bytes: variables
                .read("BATCH_BYTES", "262144", |value| whole(value, 1, usize::MAX))?
                .unwrap_or(BATCH_BYTES),
            concurrency: variables.read("CONCURRENCY", "8", |value| whole(value, 1, usize::MAX))?,
            metrics_addr: variables.read("METRICS_ADDR", "127.0.0.1:9464", address)?,
            retry: RetryPolicy::default(),
        })
    }
}

fn harvest_url(value: &str) -> Result<Url, String> {
    let url = Url::parse(value).map_err(|error| format!("`{value}` is not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => {}
        other => return Err(format!("`{other}` is not http or https")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name; the key goes into HARVEST_API_KEY".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it holds a query; give the part up to and with the version".to_owned());
    }
    Ok(url)
}

fn database(value: &str) -> Result<tokio_postgres::Config, String> {
    // The value holds a password, so it is not repeated.
    let mut database: tokio_postgres::Config = value.parse().map_err(|error| explain(&error))?;
    if database.get_ssl_mode() == SslMode::Require {
        let problem =
            "sslmode=require is not supported; reach a server that insists on TLS through a proxy on this host";
        return Err(problem.to_owned());
    }
    if database.get_application_name().is_none() {
        database.application_name("ats-sync");
    }
    if database.get_connect_timeout().is_none() {
        database.connect_timeout(Duration::from_secs(10));
    }
    Ok(database)
}

impl fmt::Debug for Config {
    /// Without the key; the database's own `Debug` leaves out the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("harvest_url", &self.harvest_url.as_str())
            .field("database", &self.database)
            .field("strategy", &self.strategy)
            .field("page_size", &self.page_size)
            .field("batch_size", &self.batch_size)
            .field("batch_bytes", &self.batch_bytes)
            .field("concurrency", &self.concurrency)
            .field("metrics_addr", &self.metrics_addr)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables of a good configuration, with one set to something else.
    fn read(variable: &str, value: Option<&str>) -> Result<Config, VariableError> {
        Config::read(&Variables::of(|name| {
            let good = match name {
                "HARVEST_URL" => Some("https://harvest.greenhouse.io/v1"),
                "HARVEST_API_KEY" => Some("secret-key"),
                "DATABASE_URL" => Some("postgresql://sync:secret-password@localhost:5433/ats"),
                _ => None,
            };
            let value = if name == variable { value } else { good };
            value.map(str::to_owned)
        }))
    }

    #[test]
    fn what_is_not_set_has_a_default() {
        let config = read("", None).expect("a good configuration");
        assert_eq!(config.strategy, Strategy::Paged);
        assert_eq!((config.page_size, config.batch_size, config.concurrency), (500, 500, None));
        assert_eq!(config.batch_bytes, 256 * 1024);
        assert_eq!(config.metrics_addr, None);
        assert_eq!(config.database.get_application_name(), Some("ats-sync"));
        let empty = read("PAGE_SIZE", Some(" ")).expect("nothing counts as not set");
        assert_eq!(empty.page_size, 500);
    }

    #[test]
    fn what_is_set_is_read() {
        assert_eq!(read("SYNC_STRATEGY", Some("reconcile")).map(|it| it.strategy), Ok(Strategy::Reconcile));
        assert_eq!(read("PAGE_SIZE", Some(" 100 ")).map(|it| it.page_size), Ok(100));
        assert_eq!(read("BATCH_SIZE", Some("1")).map(|it| it.batch_size), Ok(1));
        assert_eq!(read("BATCH_BYTES", Some("65536")).map(|it| it.batch_bytes), Ok(65_536));
        assert_eq!(read("CONCURRENCY", Some("4")).map(|it| it.concurrency), Ok(Some(4)));
        let address = read("METRICS_ADDR", Some("[::1]:9464")).map(|it| it.metrics_addr);
        assert_eq!(address, Ok(Some(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9464)))));
        let url = read("DATABASE_URL", Some("host=/run/postgresql dbname=ats user=x")).map(|it| it.database);
        assert_eq!(url.expect("the other form").get_dbname(), Some("ats"));
    }

    #[test]
    fn an_error_names_variable_problem_and_example() {
        for (variable, value, expect) in [
            ("HARVEST_URL", None, "HARVEST_URL is not set (example: https://harvest.greenhouse.io/v1)"),
            (
                "HARVEST_URL",
                Some("harvest"),
                "HARVEST_URL is wrong: `harvest` is not a URL: relative URL without a base",
            ),
            ("HARVEST_URL", Some("ftp://h/v1"), "HARVEST_URL is wrong: `ftp` is not http or https"),
            ("HARVEST_URL", Some("https://k@h/v1"), "HARVEST_URL is wrong: it holds a user name"),
            ("HARVEST_URL", Some("https://h/v1?page=1"), "HARVEST_URL is wrong: it holds a query"),
            ("HARVEST_API_KEY", Some(""), "HARVEST_API_KEY is not set (example: a Harvest API key"),
            ("DATABASE_URL", Some("mysql://x"), "DATABASE_URL is wrong: "),
            ("DATABASE_URL", Some("postgresql://h/d?sslmode=require"), "DATABASE_URL is wrong: sslmode=require is not"),
            (
                "SYNC_STRATEGY",
                Some("full"),
                "SYNC_STRATEGY is wrong: `full` is not one of reconcile, upsert, paged, bounded",
            ),
            ("PAGE_SIZE", Some("501"), "PAGE_SIZE is wrong: `501` is not a whole number from 1 to 500 (example: 500)"),
            ("PAGE_SIZE", Some("0"), "PAGE_SIZE is wrong: `0` is not a whole number"),
            ("BATCH_SIZE", Some("-1"), "BATCH_SIZE is wrong: `-1` is not a whole number"),
            ("BATCH_BYTES", Some("64KiB"), "BATCH_BYTES is wrong: `64KiB` is not a whole number from 1"),
            ("CONCURRENCY", Some("all"), "CONCURRENCY is wrong: `all` is not a whole number"),
            ("METRICS_ADDR", Some(":9464"), "METRICS_ADDR is wrong: `:9464` is not an IP address with a port"),
        ] {
            let error = read(variable, value).expect_err(expect);
            assert_eq!(error.variable, variable);
            assert!(error.to_string().starts_with(expect), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", read("", None).expect("a good configuration"));
        assert!(!shown.contains("secret"), "{shown}");
        let error = read("DATABASE_URL", Some("postgresql://sync:secret@localhost:port/ats")).expect_err("a bad port");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
