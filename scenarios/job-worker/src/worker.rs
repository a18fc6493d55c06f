//! The worker: takes jobs, does several at once, tries again what failed, and stops in order. How it is queued is
//! [`queue`](crate::queue)'s, and what a job is for, [`mail`](crate::mail)'s.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apalis::prelude::{AbortError, BackendExt, BoxDynError, Data, WorkerBuilder, WorkerBuilderExt, WorkerContext};
use futures::{Stream, StreamExt, stream};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::Config;
use crate::job::Job;
use crate::mail::{MailError, Mailer};
use crate::metrics::Metrics;
use crate::observer::{Observer, Outcome};
use crate::queue::{Queue, QueueError};
use crate::retry::RetryDelay;

/// A worker at work. Dropped without a [`Worker::stop`], it ends at once, and what it held is taken over by others when its heartbeat
/// has been missed.
pub struct Worker {
    name: String,
    queue: Queue,
    metrics: Metrics,
    observer: Arc<dyn Observer>,
    drain: Duration,
    stop: watch::Sender<bool>,
    working: JoinHandle<Result<(), apalis_core::error::WorkerError>>,
    housekeeping: EndedOnDrop,
    _working_ends: EndedOnDrop,
}

/// What a stop came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Whether all that was under way was finished in time.
    pub drained: bool,
    /// Jobs that went back to the queue: cut off, or taken and not begun.
    pub requeued: u64,
}

/// What an attempt needs.
struct Context {
    mailer: Mailer,
    metrics: Metrics,
    observer: Arc<dyn Observer>,
    retries: u32,
    retry_delay: RetryDelay,
    /// True when the worker takes no more jobs.
    stopped: watch::Receiver<bool>,
}

impl Worker {
    /// Connects to the queue and begins to take jobs from it.
    ///
    /// # Errors
    /// [`WorkerError::Queue`] when there is no Redis, [`WorkerError::Mail`] when there is no HTTP client.
    pub async fn start(config: &Config, observer: Arc<dyn Observer>) -> Result<Self, WorkerError> {
        let (name, metrics) = (unique_name(&config.queue), Metrics::new());
        let mailer = Mailer::new(config.mail_url.clone())?;
        let queue = Queue::connect(config).await?;
        let (stop, stopped) = watch::channel(false);
        let context = Context {
            mailer,
            metrics: metrics.clone(),
            observer: Arc::clone(&observer),
            retries: config.retries,
            retry_delay: config.retry_delay.clone(),
            stopped: stopped.clone(),
        };
        let apalis = WorkerBuilder::new(&*name)
            .backend(queue.storage().poll_with_stream(looks(queue.arrivals(), config.poll_every)))
            .concurrency(config.concurrency)
            .catch_panic()
            .data(Arc::new(context))
            .build(work);
        let working = tokio::spawn(apalis.run_with_ctx(move |apalis| told_to_stop(apalis, stopped.clone())));
        let working_ends = EndedOnDrop(working.abort_handle());
        let housekeeping =
            tokio::spawn(keep_house(queue.clone(), metrics.clone(), Arc::clone(&observer), config.clone()));
        let housekeeping = EndedOnDrop(housekeeping.abort_handle());
        info!("{name} takes jobs, {} at once", config.concurrency);
        let drain = config.drain;
        Ok(Self { name, queue, metrics, observer, drain, stop, working, housekeeping, _working_ends: working_ends })
    }

    /// The queue that it takes jobs from.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What was counted since it started.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Resolves when it can work no longer: Redis is gone, or somebody else has taken it for dead.
    pub async fn failed(&mut self) -> WorkerError {
        match (&mut self.working).await {
            Ok(Err(failed)) => WorkerError::Work(failed),
            Ok(Ok(())) => WorkerError::Ended,
            Err(panicked) => WorkerError::Panicked(panicked),
        }
    }

    /// Takes no more jobs, waits for those under way for as long as [`Config::drain`] says, gives the others back, passes on what the
    /// observer has gathered, and ends every task.
    ///
    /// # Errors
    /// [`WorkerError::Queue`] when Redis cannot be reached: what the worker held is then taken over by others later.
    pub async fn stop(mut self) -> Result<Stopped, WorkerError> {
        self.stop.send_replace(true);
        let ended = timeout(self.drain, &mut self.working).await;
        let drained = match &ended {
            Ok(Ok(Ok(()))) => true,
            Ok(Ok(Err(failed))) => {
                warn!("the work had ended: {failed}");
                false
            }
            Ok(Err(panicked)) => {
                warn!("the work had ended: {panicked}");
                false
            }
            Err(_) => {
                self.working.abort();
                // It says that it was aborted, which we know.
                let _ = (&mut self.working).await;
                false
            }
        };
        drop(self.housekeeping);
        // Also where all is drained: apalis forgets the jobs that it was about to take when it was stopped.
        let requeued = self.queue.requeue(&self.name).await?;
        self.observer.flush();
        info!("{} has stopped; {requeued} jobs went back to the queue", self.name);
        Ok(Stopped { drained, requeued })
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A name that no other worker of the queue has or had: one that died leaves its jobs under its name. All are of one length.
fn unique_name(queue: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{queue}-{:08x}-{since:020x}-{:08x}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// When an empty queue is looked at: when something has come, or from time to time, since others push, too.
fn looks(arrived: Arc<Notify>, every: Duration) -> impl Stream<Item = ()> + Unpin + Send + 'static {
    let mut looks = stream::unfold(arrived, move |arrived| async move {
        // Either way it is time.
        let _ = timeout(every, arrived.notified()).await;
        Some(((), arrived))
    })
    .boxed();
    stream::poll_fn(move |task| {
        let look = looks.poll_next_unpin(task);
        if look.is_ready() {
            // apalis takes a look and does not wait for the next: it has to come back for that.
            task.waker().wake_by_ref();
        }
        look
    })
}

async fn told_to_stop(
    apalis: WorkerContext,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), apalis_core::error::WorkerError> {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        // Dropped without a word: the worker is being aborted.
        return pending().await;
    }
    // One that has not begun yet cannot be stopped.
    while apalis.is_pending() {
        tokio::task::yield_now().await;
    }
    apalis.stop()
}

/// Works on a job until it is done, given up, or failed when the worker stops: apalis-redis then schedules it for another worker.
///
/// The retries are here and not apalis's layer: that one asks a stopped worker whether it is ready for the next attempt, which it never
/// is again, so that each stop with a job between two attempts would take all of [`Config::drain`].
async fn work(job: Job, context: Data<Arc<Context>>) -> Result<(), BoxDynError> {
    let mut stopped = context.stopped.clone();
    for number in 1.. {
        let (outcome, sent) = attempt(&job, number, &context).await;
        let Err(error) = sent else { break };
        if outcome == Outcome::Dead {
            warn!("job {} is given up after attempt {number}: {}", job.id, program::explain(&error));
            // Anything else apalis-redis would try again, up to 25 times.
            return Err(AbortError::new(error).into());
        }
        tokio::select! {
            // A stop that was before the wait, too.
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => return Err(error.into()),
            () = tokio::time::sleep((context.retry_delay)(number)) => {}
        }
    }
    Ok(())
}

async fn attempt(job: &Job, number: u32, context: &Context) -> (Outcome, Result<(), MailError>) {
    let _under_way = context.metrics.under_way();
    let observed = context.observer.begin(job, number);
    let began = Instant::now();
    let sent = context.mailer.send(job).await;
    let took = began.elapsed();
    let outcome = match &sent {
        Ok(()) => Outcome::Done,
        Err(error) if error.is_permanent() || number > context.retries => Outcome::Dead,
        Err(_) => Outcome::Failed,
    };
    context.metrics.attempt(outcome, took);
    observed.end(outcome, took);
    (outcome, sent)
}

async fn keep_house(queue: Queue, metrics: Metrics, observer: Arc<dyn Observer>, config: Config) {
    loop {
        tokio::time::sleep(config.sweep_every).await;
        match queue.sweep(config.retention, config.dead_retention).await {
            Ok(removed) => metrics.removed(removed),
            Err(error) => warn!("finished jobs stay in the queue: {}", program::explain(&error)),
        }
        observer.flush();
    }
}

struct EndedOnDrop(AbortHandle);

impl Drop for EndedOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a worker did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The mail service's client.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// apalis gave up.
    #[error("the worker cannot go on")]
    Work(#[source] apalis_core::error::WorkerError),
    /// apalis ended without having been told to.
    #[error("the worker has ended")]
    Ended,
    /// Something panicked that is not a job.
    #[error("the worker panicked")]
    Panicked(#[source] tokio::task::JoinError),
}
