//! A sync worker for an applicant tracking system: it copies the jobs, candidates and applications of a Greenhouse
//! account into Postgres.
//!
//! ```no_run
//! use ats_sync::{Collection, Config, Strategy, Worker};
//!
//! # async fn sync() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config =
//!     Config::new("https://harvest.greenhouse.io/v1", "key", "postgresql://sync@localhost:5432/ats")?;
//! config.page_size = 100;
//!
//! let worker = Worker::connect(&config).await?;
//! let report = worker.sync(Strategy::Paged).await?;
//! println!("{report}");
//! println!("{:?}", worker.store().counts(Collection::Applications).await?);
//! worker.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! There are four [strategies](Strategy), and memory is what they differ in most: [`Strategy::Reconcile`] holds an
//! account twice, [`Strategy::Upsert`] once, [`Strategy::Paged`] one page of it, [`Strategy::Bounded`] two batches and what a
//! few connections buffer. In all but `Paged`, [`Config::concurrency`] bounds how many pages are under way at once, and in all
//! of them [`Config::batch_size`] bounds what one statement holds.
//!
//! The program of the same name does one sync and ends; [`Config::from_env`] lists the variables that it reads.

mod collection;
mod config;
pub mod harvest;
mod metrics;
mod report;
pub mod store;
mod strategy;
mod worker;

pub use collection::Collection;
pub use config::Config;
pub use harvest::RetryPolicy;
pub use metrics::Metrics;
pub use report::{Counts, SyncReport};
pub use strategy::{Strategy, UnknownStrategy};
pub use worker::{SyncError, Worker};
