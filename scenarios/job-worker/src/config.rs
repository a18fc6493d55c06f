//! What a worker needs to know, and how it is read from environment variables. Opens nothing.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use program::{VariableError, Variables, address, whole};
use reqwest::Url;

use crate::retry::{RetryDelay, doubling};

/// Where the queue and the mail service are, and how the worker goes about it.
#[derive(Clone)]
pub struct Config {
    /// The Redis, with a password in it where there is one.
    pub redis_url: String,
    /// The queue's name, which begins all of its keys.
    pub queue: String,
    /// Where messages are posted to.
    pub mail_url: Url,
    /// The statsd agent, if there is one.
    pub statsd_addr: Option<SocketAddr>,
    /// Jobs under way at once, from 1.
    pub concurrency: usize,
    /// Jobs taken from the queue at once, from 1: what the worker holds beyond those under way. It is the bound of back-pressure,
    /// since no more are taken before these have begun: apalis-redis's `batch_size`, which also bounds the acknowledgements that wait to be
    /// written together, to four times as many.
    pub prefetch: usize,
    /// How often a job is tried again before it is given up.
    pub retries: u32,
    /// How long to wait before each of these. Not read from the environment.
    pub retry_delay: RetryDelay,
    /// How long a completed job stays in the queue.
    pub retention: Duration,
    /// How long a job that was given up stays in the queue.
    pub dead_retention: Duration,
    /// How often what has stayed long enough is removed, and metrics are flushed.
    pub sweep_every: Duration,
    /// How often an empty queue is looked at.
    pub poll_every: Duration,
    /// How often the worker says that it lives. When it has not for [`Config::MISSED_HEARTBEATS`] of them, others take its jobs over.
    pub heartbeat_every: Duration,
    /// How long a stop waits for the jobs under way.
    pub drain: Duration,
    /// How long a job may be under way before it is said to be slow.
    pub slow_after: Duration,
    /// Where `/metrics` is served, if anywhere.
    pub metrics_addr: Option<SocketAddr>,
}

const CONCURRENCY: usize = 8;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A century of seconds: more is a mistake, and would overflow a time.
const LONGEST: u64 = 100 * 365 * 24 * 60 * 60;

impl Config {
    /// Silence of so many heartbeats is death: 30 s with the default of one in 5 s, asynq's lease.
    pub const MISSED_HEARTBEATS: usize = 6;

    /// The defaults for this queue and mail service.
    ///
    /// # Errors
    /// [`VariableError`] naming the variable that would have held the bad URL.
    pub fn new(redis_url: &str, mail_url: &str) -> Result<Self, VariableError> {
        Self::read(&Variables::of(|name| match name {
            "REDIS_URL" => Some(redis_url.to_owned()),
            "MAIL_URL" => Some(mail_url.to_owned()),
            _ => None,
        }))
    }

    /// Reads `REDIS_URL`, `QUEUE`, `MAIL_URL`, `STATSD_ADDR`, `CONCURRENCY`, `PREFETCH`, `RETRIES`, `RETENTION_SECONDS`,
    /// `HEARTBEAT_SECONDS`, `DRAIN_SECONDS` and `METRICS_ADDR`. A variable set to nothing counts as not set.
    ///
    /// # Errors
    /// [`VariableError`] naming the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, VariableError> {
        Self::read(&Variables::of_environment())
    }

    fn read(variables: &Variables<'_>) -> Result<Self, VariableError> {
        let concurrency =
            variables.read("CONCURRENCY", "8", |value| whole(value, 1, usize::MAX))?.unwrap_or(CONCURRENCY);
        let seconds = |variable, example, least, default: Duration| {
            let read = variables.read(variable, example, |value| whole(value, least, LONGEST))?;
            Ok(read.map_or(default, Duration::from_secs))
        };
        Ok(Self {
            redis_url: variables.need("REDIS_URL", "redis://localhost:6379/0", redis_url)?,
            queue: variables.read("QUEUE", "mail", queue)?.unwrap_or_else(|| "mail".to_owned()),
            mail_url: variables.need("MAIL_URL", "http://localhost:8080/send", mail_url)?,
            statsd_addr: variables.read("STATSD_ADDR", "127.0.0.1:8125", address)?,
            concurrency,
            prefetch: variables.read("PREFETCH", "8", |value| whole(value, 1, usize::MAX))?.unwrap_or(concurrency),
            retries: variables.read("RETRIES", "5", |value| whole(value, 0, MOST_RETRIES))?.unwrap_or(5),
            retry_delay: doubling(Duration::from_millis(500), Duration::from_secs(30)),
            retention: seconds("RETENTION_SECONDS", "3600", 0, Duration::ZERO)?,
            dead_retention: 90 * DAY,
            sweep_every: Duration::from_secs(8),
            poll_every: Duration::from_secs(1),
            heartbeat_every: seconds("HEARTBEAT_SECONDS", "5", 1, Duration::from_secs(5))?,
            drain: seconds("DRAIN_SECONDS", "8", 0, Duration::from_secs(8))?,
            slow_after: Duration::from_secs(30),
            metrics_addr: variables.read("METRICS_ADDR", "127.0.0.1:9464", address)?,
        })
    }
}

/// apalis-redis gives a job up after 25 attempts, whatever it is told (its `handle_results.lua`).
const MOST_RETRIES: u32 = 24;

fn redis_url(value: &str) -> Result<String, String> {
    // The value may hold a password, so it is not repeated.
    redis::Client::open(value).map(|_| value.to_owned()).map_err(|error| error.to_string())
}

fn queue(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let problem = || format!("`{value}` has other characters than letters, digits, `-`, `_` and `.`");
    value.chars().all(allowed).then(|| value.to_owned()).ok_or_else(problem)
}

fn mail_url(value: &str) -> Result<Url, String> {
    let url = Url::parse(value).map_err(|error| format!("`{value}` is not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("`{other}` is not http or https")),
    }
}

impl fmt::Debug for Config {
    /// Without the URLs' passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("queue", &self.queue)
            .field("mail_host", &self.mail_url.host_str())
            .field("statsd_addr", &self.statsd_addr)
            .field("concurrency", &self.concurrency)
            .field("prefetch", &self.prefetch)
            .field("retries", &self.retries)
            .field("retention", &self.retention)
            .field("heartbeat_every", &self.heartbeat_every)
            .field("drain", &self.drain)
            .field("metrics_addr", &self.metrics_addr)
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
                "REDIS_URL" => Some("redis://:secret@localhost:6379/0"),
                "MAIL_URL" => Some("http://key:secret@localhost:8080/send"),
                _ => None,
            };
            let value = if name == variable { value } else { good };
            value.map(str::to_owned)
        }))
    }

    #[test]
    fn what_is_not_set_has_a_default() {
        let config = read("", None).expect("a good configuration");
        assert_eq!((config.queue.as_str(), config.concurrency, config.prefetch, config.retries), ("mail", 8, 8, 5));
        assert_eq!((config.retention, config.statsd_addr), (Duration::ZERO, None));
        assert_eq!(read("CONCURRENCY", Some("3")).map(|it| it.prefetch), Ok(3), "no more is held than is under way");
    }

    #[test]
    fn an_error_names_variable_problem_and_example() {
        for (variable, value, expect) in [
            ("REDIS_URL", None, "REDIS_URL is not set (example: redis://localhost:6379/0)"),
            ("REDIS_URL", Some("http://h"), "REDIS_URL is wrong: "),
            ("QUEUE", Some("a b"), "QUEUE is wrong: `a b` has other characters than"),
            ("MAIL_URL", Some("smtp://h"), "MAIL_URL is wrong: `smtp` is not http or https"),
            ("STATSD_ADDR", Some("localhost"), "STATSD_ADDR is wrong: `localhost` is not an IP address with a port"),
            ("CONCURRENCY", Some("0"), "CONCURRENCY is wrong: `0` is not a whole number from 1"),
            ("RETRIES", Some("25"), "RETRIES is wrong: `25` is not a whole number from 0 to 24 (example: 5)"),
            ("DRAIN_SECONDS", Some("-1"), "DRAIN_SECONDS is wrong: `-1` is not a whole number"),
            ("METRICS_ADDR", Some(":9464"), "METRICS_ADDR is wrong: `:9464` is not an IP address with a port"),
        ] {
            let error = read(variable, value).expect_err(expect);
            assert!(error.to_string().starts_with(expect), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", read("", None).expect("a good configuration"));
        assert!(!shown.contains("secret"), "{shown}");
        let error = read("REDIS_URL", Some("redis://:secret@host:port/0")).expect_err("a bad port");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
