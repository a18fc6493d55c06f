//! Databases, queues and other services that a highwater scenario needs, each a [`highwater::Service`]: started in the parent process,
//! made as new before each sample, reached by the measured process through its endpoint.
//!
//! ```
//! use highwater::Service;
//! use highwater_services::Postgres;
//!
//! let postgres = Postgres::new("postgres").embedded();
//! let mut running = postgres.start()?;
//! let endpoint = running.begin_sample()?; // an empty database
//! assert!(endpoint.as_str().starts_with("postgres://postgres@127.0.0.1:"));
//! // The workload connects to the endpoint with the client it uses in production.
//! let observations = running.end_sample()?;
//! assert_eq!(observations["statements"], 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Postgres
//!
//! Which server a [`Postgres`] is, the first of these that says something decides:
//!
//! 1. the code: [`Postgres::embedded`], [`Postgres::local`], [`Postgres::docker`], [`Postgres::url`];
//! 2. `DATABASE_URL`: a server that runs already; each sample gets a fresh database on it, dropped afterwards;
//! 3. `HIGHWATER_SERVICES`: `embedded`; `local` for a server started from the binaries on this machine; `docker` for one in a container;
//!    `auto` for the first of docker, local and embedded that can be had: it is printed at the end of the run which that was, and why
//!    not those before it;
//! 4. the embedded one, which needs nothing: no installation, no download, no privilege.
//!
//! The image of a container is that of [`Postgres::image`], else of `HIGHWATER_POSTGRES_IMAGE`, else `postgres:15`. Whoever connects to its port is
//! trusted, as with the other kinds, since a password's exchange would be in the client's numbers. Without Docker it is an error.
//!
//! [`Postgres::kind`] tells which it is. The measured process sees the same endpoint, the same messages and the same rows from
//! all of them, so that its numbers are comparable: the identity of the service does not depend on the kind.
//!
//! # What the embedded server serves
//!
//! The wire protocol of PostgreSQL 15 over bundled SQLite: tables with the types a sync worker uses (integers, floats, boolean,
//! text, varchar, bytea, date, timestamps, json, jsonb, uuid, and arrays of them), keys, defaults, identity columns, indexes;
//! queries with joins, groups, windows and common table expressions; upserts from VALUES and `unnest`; `= ANY($1)`; RETURNING;
//! UPDATE ... FROM and DELETE ... USING; COPY FROM STDIN; transactions and savepoints. It types each statement as PostgreSQL
//! would and reports errors with PostgreSQL's SQLSTATE.
//!
//! A statement that it cannot serve is an error that names the statement and the remedy, `HIGHWATER_SERVICES=local`. It does not
//! serve numeric values with fractions, intervals as results, data-modifying WITH, LATERAL, functions and triggers of the user,
//! LISTEN and NOTIFY, nor schemas other than `public`. One transaction writes at a time, in the order they asked: two that are
//! open at once in one task wait for each other, where a real server would let them work on different rows.
//! `statement_timeout` and its kin are taken and not enforced.
//!
//! # Redis
//!
//! A [`Redis`] is chosen in the same way, by [`Redis::embedded`], [`Redis::local`], [`Redis::docker`], [`Redis::url`], then `REDIS_URL`, then
//! `HIGHWATER_SERVICES`; the image is that of [`Redis::image`], else of `HIGHWATER_REDIS_IMAGE`, else `redis:7`. A server by URL gives one of its databases, which has to be empty: nothing that was there is deleted, and
//! what the sample made is.
//!
//! The embedded server speaks both versions of the protocol, on one thread as a Redis does: keys with times to live, strings, hashes,
//! lists, sets, sorted sets, transactions without WATCH, channels, and Lua scripts with `redis` and `cjson`. It serves no stream, no
//! command that waits for an element, and no persistence; a command that it does not know is an error that names the command and
//! the remedy. Its `used_memory_bytes` are those of keys and values, without what a Redis adds to each.
//!
//! # Statsd
//!
//! A [`StatsdAgent`] counts what reaches it over UDP, in DogStatsD's format, and from how many sources; a malformed line fails
//! the sample.
//!
//! # HTTP
//!
//! An [`HttpSink`] takes what is posted to it, counts it by key, and is as slow and as unreliable as a message asks it to be.

mod choice;
mod container;
mod http_sink;
mod launcher;
mod own;
mod postgres;
mod process;
mod redis;
mod statsd;

pub use choice::ServerKind;
pub use http_sink::HttpSink;
pub use postgres::Postgres;
pub use redis::Redis;
pub use statsd::{Received, StatsdAgent};
