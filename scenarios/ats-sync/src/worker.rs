//! The worker: a client of the API and a connection to the database, and one sync over all collections. How a collection
//! is synced is the [strategy](crate::strategy)'s.

use std::time::Instant;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tracing::info;

use crate::config::Config;
use crate::harvest::{Application, Candidate, Harvest, HarvestError, Job, Record};
use crate::metrics::Metrics;
use crate::report::{Counts, SyncReport};
use crate::store::{Store, StoreError, Table};
use crate::strategy::{Run, Strategy};

/// Syncs one account into one database, as often as it is asked to.
#[derive(Debug)]
pub struct Worker {
    harvest: Harvest,
    store: Store,
    concurrency: Option<usize>,
    batch_bytes: usize,
    metrics: Metrics,
}

impl Worker {
    /// Connects to the database and brings its schema up to date. The API is not asked yet.
    ///
    /// # Errors
    /// [`SyncError::Store`] when there is no database or no right to change it.
    pub async fn connect(config: &Config) -> Result<Self, SyncError> {
        let metrics = Metrics::new();
        Ok(Self {
            harvest: Harvest::new(config, metrics.clone())?,
            store: Store::connect(&config.database, config.batch_size, metrics.clone()).await?,
            concurrency: config.concurrency,
            batch_bytes: config.batch_bytes,
            metrics,
        })
    }

    /// Syncs jobs, candidates and applications, in this order.
    ///
    /// In a box, so that it is compiled with this library and not once more with every program that awaits it, as an `async fn` is.
    ///
    /// # Errors
    /// The first error ends the sync; what was written before stays.
    pub fn sync(&self, strategy: Strategy) -> BoxFuture<'_, Result<SyncReport, SyncError>> {
        Box::pin(async move {
            let run = Run {
                harvest: &self.harvest,
                store: &self.store,
                concurrency: self.concurrency,
                batch_bytes: self.batch_bytes,
                started_at: Timestamp::now(),
            };
            let collections = vec![
                (Job::COLLECTION, self.collection::<Job>(strategy, &run).await?),
                (Candidate::COLLECTION, self.collection::<Candidate>(strategy, &run).await?),
                (Application::COLLECTION, self.collection::<Application>(strategy, &run).await?),
            ];
            Ok(SyncReport { strategy, collections })
        })
    }

    /// What is stored.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What was counted since the worker was made.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Closes the connection to the database and waits until it is closed.
    pub async fn close(self) {
        self.store.close().await;
    }

    async fn collection<T: Table>(&self, strategy: Strategy, run: &Run<'_>) -> Result<Counts, SyncError> {
        let start = Instant::now();
        let (requests, retries) = self.metrics.traffic(T::COLLECTION);
        let mut counts = strategy.sync::<T>(run).await?;
        let traffic = self.metrics.traffic(T::COLLECTION);
        counts.requests = traffic.0 - requests;
        counts.retries = traffic.1 - retries;
        counts.elapsed = start.elapsed();
        self.metrics.took(T::COLLECTION, counts.elapsed);
        info!("{}: {counts}", T::COLLECTION);
        Ok(counts)
    }
}

/// Why a sync ended early.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The API.
    #[error(transparent)]
    Harvest(#[from] HarvestError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
