//! A job worker on Redis: it takes jobs from a queue, sends the e-mail that each describes, tries again what failed, and removes
//! what is completed.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use job_worker::{Config, Job, Statsd, Worker};
//!
//! # async fn work(jobs: Vec<Job>) -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new("redis://localhost:6379/0", "http://localhost:8080/send")?;
//! let statsd = Statsd::to("127.0.0.1:8125".parse()?, &config)?;
//!
//! let worker = Worker::start(&config, Arc::new(statsd)).await?;
//! worker.queue().push(jobs).await?;
//! // ... and when it is told to end:
//! let stopped = worker.stop().await?;
//! println!("{} jobs went back to the queue", stopped.requeued);
//! # Ok(())
//! # }
//! ```
//!
//! Queue, leases and retries are apalis's, with apalis-redis below. What this crate adds is what a deployed worker needs beside them:
//! completed jobs are [really removed](Queue::sweep), a stop [gives back](Worker::stop) what it could not finish, and every attempt
//! is [told](Observer) to whoever counts.
//!
//! The program of the same name works until a signal ends it; [`Config::from_env`] lists the variables that it reads.

mod config;
mod job;
mod mail;
mod metrics;
mod observer;
mod queue;
mod retry;
mod statsd;
mod worker;

pub use config::Config;
pub use job::{Job, Sandbox};
pub use mail::MailError;
pub use metrics::Metrics;
pub use observer::{Attempt, Nobody, Observer, Outcome};
pub use queue::{Counts, Queue, QueueError};
pub use retry::RetryDelay;
pub use statsd::Statsd;
pub use worker::{Stopped, Worker, WorkerError};
