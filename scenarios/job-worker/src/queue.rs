//! The queue in Redis: jobs are pushed, counted, given back, and removed when they have stayed long enough. It is apalis-redis's, and
//! its keys are; the scripts beside it (`lua/`) are for what that crate leaves undone. Taking jobs is [`worker`](crate::worker)'s.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use apalis::prelude::{TaskBuilder, TaskId, TaskSink, TaskSinkError};
use apalis_redis::{ConnectionManager, RedisStorage};
use futures::stream;
use redis::aio::ConnectionManagerConfig;
use redis::{RedisError, Script};
use tokio::sync::Notify;

use crate::config::Config;
use crate::job::Job;

static COUNTS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/counts.lua")));
static PROMOTE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/promote.lua")));
static REQUEUE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/requeue.lua")));
static SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/sweep.lua")));

/// Jobs that one script pushes.
const BATCH: usize = 256;
/// Jobs that one script looks at, about: others wait for Redis meanwhile.
const LOOK_AT: usize = 100;

/// A queue of jobs. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Queue {
    storage: RedisStorage<Job>,
    connection: ConnectionManager,
    keys: apalis_redis::Config,
    /// That something was pushed through this handle or a clone.
    arrived: Arc<Notify>,
}

/// How many jobs a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub jobs: u64,
    /// Waiting to be taken.
    pub waiting: u64,
    /// Waiting for the time of their next attempt.
    pub scheduled: u64,
    /// Taken by a worker, which may be dead.
    pub held: u64,
    /// Completed, and not removed yet.
    pub done: u64,
    /// Given up, and not removed yet.
    pub dead: u64,
}

impl Counts {
    /// Those that are neither done nor given up.
    pub fn unfinished(&self) -> u64 {
        self.waiting + self.scheduled + self.held
    }
}

impl Queue {
    /// Connects to it.
    ///
    /// # Errors
    /// [`QueueError::Connect`] when there is no Redis.
    pub async fn connect(config: &Config) -> Result<Self, QueueError> {
        // A Redis that is not there is told at once; one that goes away later is waited for.
        let patience = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(Duration::from_secs(10)))
            .set_response_timeout(Some(Duration::from_secs(30)));
        let client = redis::Client::open(config.redis_url.as_str()).map_err(QueueError::Connect)?;
        let connection = client.get_connection_manager_with_config(patience).await.map_err(QueueError::Connect)?;
        let keys = apalis_redis::Config::default()
            .queue(&config.queue)
            .batch_size(config.prefetch)
            .heartbeat_interval(config.heartbeat_every)
            .missed_heartbeats(Config::MISSED_HEARTBEATS)
            // The worker's heartbeat holds all of its jobs; marks on each of them would only be two more commands a job.
            .lock_tasks(false)
            // Nobody listens.
            .emit_events(false);
        let storage = RedisStorage::new(connection.clone()).with_config(keys.clone());
        Ok(Self { storage, connection, keys, arrived: Arc::default() })
    }

    /// Puts jobs at the end of the queue; those whose id is there already are left as they are.
    ///
    /// # Errors
    /// [`QueueError::Push`] when Redis cannot be reached. Some of the jobs may be in the queue; pushing all again is right.
    pub async fn push(&self, jobs: Vec<Job>) -> Result<(), QueueError> {
        let mut jobs = jobs.into_iter().peekable();
        while jobs.peek().is_some() {
            let batch: Vec<Job> = jobs.by_ref().take(BATCH).collect();
            let ids: Vec<String> = batch.iter().map(|job| job.id.clone()).collect();
            let tasks = batch.into_iter().map(|job| {
                let id = TaskId::from_string(&job.id);
                TaskBuilder::new(job).task_id(id).build()
            });
            self.storage.clone().push_all(stream::iter(tasks)).await.map_err(QueueError::Push)?;
            let mut connection = self.connection.clone();
            let mut promote = PROMOTE.key(self.keys.scheduled_jobs_set());
            promote.key(self.keys.active_jobs_list());
            for id in &ids {
                promote.arg(id);
            }
            promote.invoke_async::<u64>(&mut connection).await?;
        }
        self.arrived.notify_one();
        Ok(())
    }

    /// How many jobs there are.
    ///
    /// # Errors
    /// [`QueueError::Redis`] when Redis cannot be reached.
    pub async fn counts(&self) -> Result<Counts, QueueError> {
        let mut connection = self.connection.clone();
        let (jobs, waiting, scheduled, held, done, dead) = COUNTS
            .key(self.keys.job_data_hash())
            .key(self.keys.active_jobs_list())
            .key(self.keys.scheduled_jobs_set())
            .key(self.keys.workers_set())
            .key(self.keys.inflight_jobs_set())
            .key(self.keys.done_jobs_set())
            .key(self.keys.dead_jobs_set())
            .invoke_async(&mut connection)
            .await?;
        Ok(Counts { jobs, waiting, scheduled, held, done, dead })
    }

    /// Removes the jobs that were completed, or given up, so long ago, and returns how many. apalis-redis's own `vacuum` leaves their
    /// ids in the queue for ever, and reads all jobs to find them.
    ///
    /// # Errors
    /// [`QueueError::Redis`] when Redis cannot be reached; what was removed until then is.
    pub async fn sweep(&self, done_for: Duration, dead_for: Duration) -> Result<u64, QueueError> {
        let mut connection = self.connection.clone();
        let mut removed = 0;
        for (finished, stayed) in [(self.keys.done_jobs_set(), done_for), (self.keys.dead_jobs_set(), dead_for)] {
            let mut cursor = 0_u64;
            loop {
                let (next, gone): (u64, u64) = SWEEP
                    .key(&finished)
                    .key(self.keys.job_data_hash())
                    .key(self.keys.job_meta_hash())
                    .arg(stayed.as_secs())
                    .arg(cursor)
                    .arg(LOOK_AT)
                    .invoke_async(&mut connection)
                    .await?;
                removed += gone;
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(removed)
    }

    /// Gives back to the front of the queue whatever a worker that has ended still holds, removes what it left in Redis, and returns
    /// how many jobs there were.
    pub(crate) async fn requeue(&self, worker: &str) -> Result<u64, QueueError> {
        let mut connection = self.connection.clone();
        let queue = self.keys.queue.as_ref();
        let requeued = REQUEUE
            .key(format!("{}:{worker}", self.keys.inflight_jobs_set()))
            .key(self.keys.active_jobs_list())
            .key(self.keys.workers_set())
            .key(format!("{queue}:workers:metadata:{worker}"))
            .key(self.keys.job_meta_hash())
            .arg(worker)
            .invoke_async(&mut connection)
            .await?;
        Ok(requeued)
    }

    /// From which apalis takes jobs.
    pub(crate) fn storage(&self) -> RedisStorage<Job> {
        self.storage.clone()
    }

    /// Resolves when something was pushed since the last time.
    pub(crate) fn arrivals(&self) -> Arc<Notify> {
        Arc::clone(&self.arrived)
    }
}

/// What went wrong with a queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no Redis.
    #[error("cannot connect to Redis; check REDIS_URL")]
    Connect(#[source] RedisError),
    /// Jobs were not pushed.
    #[error("cannot push jobs")]
    Push(#[source] TaskSinkError<apalis_redis::Error>),
    /// Redis did not do what it was asked to.
    #[error("Redis fails")]
    Redis(#[from] RedisError),
}
