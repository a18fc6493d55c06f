//! The memory of the job worker, by what its engineers suspected when it grew until it was killed: a metrics client per job, completed
//! jobs that stay in the queue, back-pressure, a task leaked per job, a storm of retries, a shutdown that leaves something behind.
//!
//! Each scenario runs the sound worker on recorded jobs; `JOB_WORKER_FAULT` makes one mistake in all of them (`faults/`), and the
//! scenario's own baseline has to convict it. Time decides no number: retries do not wait, nothing sweeps or beats by the clock
//! within the window, and an iteration ends when Redis says that every job is acknowledged.

mod faults;
mod support;

use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use apalis_core::backend::Vacuum;
use apalis_redis::RedisStorage;
use faults::{Fault, configure, observer};
use highwater::{BoxError, Context, Metric, Nothing, Phases, Scenario, Suite, Tokio, Tolerance, Undefined, Workload};
use highwater_services::{HttpSink, Redis, StatsdAgent};
use job_worker::{Config, Job, Observer, Outcome, Queue, Sandbox, Worker};
use support::{RecordedJobs, idle, jobs};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

/// Enough for growth to be told.
const ITERATIONS: u64 = 32;
const WARM_UP: u64 = 4;
const ROUNDS: usize = (ITERATIONS + WARM_UP) as usize;

fn main() -> ExitCode {
    let fault = match Fault::of_environment() {
        Ok(fault) => fault,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    Suite::new("job-worker")
        .scenario(rounds("shared-client", fault, 4, |job| job))
        .scenario(rounds("retention", fault, 128, |job| job))
        .scenario(rounds("listeners", fault, 8, |job| job))
        .scenario(rounds("retry-storm", fault, 8, refused_five_times))
        .scenario(back_pressure(fault))
        .scenario(shutdown(fault))
        .main()
}

/// A scenario that works on the recorded jobs, with what a worker needs, and what services see as metrics.
fn scenario(name: &str, fault: Option<Fault>) -> Scenario<Phases<Tokio, Nothing, Undefined, Nothing>> {
    Scenario::new(name)
        .variant(fault.map(Fault::name))
        .with(RecordedJobs)
        .with(Redis::new("redis"))
        .with(StatsdAgent::new("statsd"))
        .with(HttpSink::new("mail"))
        .timeout(Duration::from_secs(120))
}

/// Declares tolerances, so that numbers which always repeat on one machine are not exact everywhere.
fn tolerant<P>(scenario: Scenario<P>) -> Scenario<P> {
    scenario
        // Which jobs are under way together is the mail service's doing, and a real Redis answers in other pieces.
        .tolerance(Metric::PeakBytes, Tolerance::new(0.1, 96 * 1024))
        // A connection keeps the buffer of the largest answer that came at once. Growth tells a leak.
        .tolerance(Metric::RetainedBytes, Tolerance::new(0.0, 64 * 1024))
        .tolerance(Metric::RetainedBlocks, Tolerance::new(0.0, 32))
        .tolerance(Metric::GrowthBytes, Tolerance::new(0.0, 32_000))
        .tolerance(Metric::GrowthBlocks, Tolerance::new(0.0, 500))
        .tolerance(Metric::observed("redis", "keys"), Tolerance::EXACT)
        // A real Redis has about 1.6 MiB before it holds anything, and the embedded one counts keys and values alone.
        .tolerance(Metric::observed("redis", "used_memory_bytes"), Tolerance::new(0.0, 2_000_000))
        .tolerance(Metric::observed("statsd", "sources"), Tolerance::EXACT)
        // How many metrics fit into a packet depends on how many digits a time has.
        .tolerance(Metric::observed("statsd", "packets"), Tolerance::new(0.1, 4))
}

/// As many jobs in each iteration, until all are acknowledged; then what is completed is removed.
fn rounds(
    name: &str,
    fault: Option<Fault>,
    per_round: usize,
    change: fn(Job) -> Job,
) -> Scenario<impl Workload + Send + Sync> {
    let scenario = scenario(name, fault)
        .warm_up(WARM_UP)
        .iterations(ITERATIONS)
        .setup(async move |context| Rounds::open(context, fault, per_round, change).await)
        .iterate(async |rounds: &mut Rounds| rounds.round().await)
        .teardown(async |rounds: Rounds| rounds.close().await);
    tolerant(scenario).tolerance(Metric::observed("statsd", "metrics"), Tolerance::EXACT)
}

/// A mail service that is down whenever a message comes for the first five times.
fn refused_five_times(mut job: Job) -> Job {
    job.sandbox = Some(Sandbox { failures: 5, millis: 0 });
    job
}

/// A worker in the middle of its life.
struct Rounds {
    worker: Worker,
    config: Config,
    fault: Option<Fault>,
    jobs: Vec<Job>,
    per_round: usize,
    round: usize,
    /// By which apalis-redis removes what is done, for the fault that relies on it.
    vacuum: Option<RedisStorage<Job>>,
    attempts: u64,
}

impl Rounds {
    async fn open(
        context: &Context,
        fault: Option<Fault>,
        per_round: usize,
        change: fn(Job) -> Job,
    ) -> Result<Self, BoxError> {
        let jobs: Vec<Job> = jobs(context.endpoint("jobs")?, per_round * ROUNDS)?.into_iter().map(change).collect();
        let attempts = jobs.iter().map(|job| 1 + u64::from(job.sandbox.unwrap_or_default().failures)).sum();
        let config = config(context, fault)?;
        let worker = start(context, fault, &config).await?;
        let vacuum = match fault {
            Some(Fault::CompletedVacuumed) => {
                let connection = apalis_redis::connect(config.redis_url.as_str()).await?;
                let keys = apalis_redis::Config::default().queue(&config.queue);
                Some(RedisStorage::new(connection).with_config(keys))
            }
            _ => None,
        };
        Ok(Self { worker, config, fault, jobs, per_round, round: 0, vacuum, attempts })
    }

    async fn round(&mut self) -> Result<(), BoxError> {
        // A copy: what the rounds gave back of a common stock would hide what they keep.
        let jobs = self.jobs.chunks(self.per_round).nth(self.round).ok_or("there are jobs for every round")?;
        self.round += 1;
        let queue = self.worker.queue();
        queue.push(jobs.to_vec()).await?;
        idle(queue).await?;
        match (self.fault, &mut self.vacuum) {
            (Some(Fault::CompletedKept), _) => {}
            (_, Some(vacuum)) => drop(vacuum.vacuum().await?),
            _ => drop(queue.sweep(self.config.retention, self.config.dead_retention).await?),
        }
        Ok(())
    }

    /// Every attempt that the recording foresees was made, and no other.
    async fn close(self) -> Result<(), BoxError> {
        let counts = self.worker.queue().counts().await?;
        if counts.unfinished() + counts.dead > 0 {
            return Err(format!("jobs are left: {counts:?}").into());
        }
        let made = attempts(&self.worker);
        if made != self.attempts {
            return Err(format!("{made} attempts instead of {}", self.attempts).into());
        }
        self.worker.stop().await?;
        Ok(())
    }
}

const BACKLOG: usize = 2_000;

/// A worker starts on a long queue: what it holds at once is bounded by what it does at once.
fn back_pressure(fault: Option<Fault>) -> Scenario<impl Workload + Send + Sync> {
    let scenario = scenario("back-pressure", fault)
        .setup(async move |context| {
            let config = config(context, fault)?;
            let queue = Queue::connect(&config).await?;
            let observer = observer(fault, agent(context)?, &config)?;
            // What only the first worker of a process makes, a timer's thread among it, is made before the window.
            let mut jobs = jobs(context.endpoint("jobs")?, BACKLOG)?;
            queue.push(jobs.split_off(BACKLOG - 32)).await?;
            let worker = Worker::start(&config, Arc::clone(&observer)).await?;
            idle(&queue).await?;
            worker.stop().await?;
            queue.push(jobs).await?;
            Ok((queue, config, observer))
        })
        .iterate(async |(queue, config, observer): &mut (Queue, Config, Arc<dyn Observer>)| {
            let worker = Worker::start(config, Arc::clone(observer)).await?;
            idle(queue).await?;
            worker.stop().await?;
            queue.sweep(config.retention, config.dead_retention).await?;
            Ok(())
        })
        .teardown(async |(queue, ..): (Queue, Config, Arc<dyn Observer>)| match queue.counts().await?.jobs {
            0 => Ok(()),
            left => Err(format!("{left} jobs are left").into()),
        });
    tolerant(scenario)
}

/// Jobs that are pushed before each stop.
const LOAD: usize = 24;

/// A worker is started, loaded and told by SIGTERM to stop, again and again: every stop leaves nothing behind.
fn shutdown(fault: Option<Fault>) -> Scenario<impl Workload + Send + Sync> {
    let scenario = scenario("shutdown", fault)
        .warm_up(WARM_UP)
        .iterations(ITERATIONS)
        .setup(async move |context| Lives::open(context, fault).await)
        .iterate(async |lives: &mut Lives| lives.live().await)
        .teardown(async |lives: Lives| lives.close().await);
    tolerant(scenario)
        // A life is one client.
        .tolerance(Metric::observed("statsd", "packets"), Tolerance::new(0.2, 40))
        // A job that was cut off is sent once more, if the mail service had taken it: at most as many as are under way, at every
        // second stop.
        .tolerance(Metric::observed("mail", "requests"), Tolerance::new(0.0, 8 * ROUNDS as u64 / 2))
        // Metrics of an attempt that was cut off are never sent; a worker that did nothing has no source.
        .tolerance(Metric::observed("statsd", "sources"), Tolerance::new(0.0, 4))
}

/// A worker's lives, one after another, on one queue.
struct Lives {
    context: (SocketAddr, Config),
    fault: Option<Fault>,
    queue: Queue,
    jobs: Vec<Job>,
    life: usize,
}

impl Lives {
    async fn open(context: &Context, fault: Option<Fault>) -> Result<Self, BoxError> {
        let jobs = jobs(context.endpoint("jobs")?, LOAD * ROUNDS)?;
        let config = config(context, fault)?;
        let queue = Queue::connect(&config).await?;
        Ok(Self { context: (agent(context)?, config), fault, queue, jobs, life: 0 })
    }

    async fn live(&mut self) -> Result<(), BoxError> {
        let (agent, config) = &mut self.context;
        let load = self.jobs.chunks(LOAD).nth(self.life).ok_or("there is a load for every life")?;
        self.life += 1;
        // Every second stop is not given the time to finish anything.
        config.drain = if self.life.is_multiple_of(2) { Duration::ZERO } else { Duration::from_secs(60) };
        self.queue.push(load.to_vec()).await?;
        let worker = Worker::start(config, observer(self.fault, *agent, config)?).await?;
        // Under load: something is done, and something is not.
        while attempts(&worker) < 4 && self.queue.counts().await?.waiting > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        told_by_sigterm().await?;
        match self.fault {
            Some(Fault::WorkerAbandoned) => std::mem::forget(worker),
            _ => drop(worker.stop().await?),
        }
        Ok(())
    }

    /// A last worker finds every job that is not done.
    async fn close(self) -> Result<(), BoxError> {
        let (agent, config) = self.context;
        let worker = Worker::start(&config, observer(self.fault, agent, &config)?).await?;
        let counts = idle(&self.queue).await?;
        worker.stop().await?;
        self.queue.sweep(Duration::ZERO, Duration::ZERO).await?;
        match counts.done {
            done if done == (LOAD * ROUNDS) as u64 => Ok(()),
            done => Err(format!("{done} of {} jobs are done: {counts:?}", LOAD * ROUNDS).into()),
        }
    }
}

/// Has the signal sent to this process, and received by what the program waits with.
async fn told_by_sigterm() -> Result<(), BoxError> {
    let mut stopped = pin!(program::stop());
    // The first look is when the handler is there.
    if let std::task::Poll::Ready(early) = futures::poll!(&mut stopped) {
        return Err(format!("a signal came early: {early:?}").into());
    }
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM)?;
    Ok(stopped.await?)
}

fn config(context: &Context, fault: Option<Fault>) -> Result<Config, BoxError> {
    const NEVER: Duration = Duration::from_secs(60 * 60);
    let mut config = Config::new(context.endpoint("redis")?, context.endpoint("mail")?)?;
    config.retry_delay = Arc::new(|_| Duration::ZERO);
    config.sweep_every = NEVER;
    // apalis sees an acknowledgement that came while it was asking for jobs when it is woken next: in an idle worker, by this. The
    // harness looks for stillness between two looks.
    config.poll_every = Duration::from_millis(50);
    config.heartbeat_every = NEVER;
    config.slow_after = NEVER;
    config.drain = Duration::from_secs(60);
    configure(fault, &mut config);
    Ok(config)
}

fn agent(context: &Context) -> Result<SocketAddr, BoxError> {
    Ok(context.endpoint("statsd")?.trim_start_matches("udp://").parse()?)
}

async fn start(context: &Context, fault: Option<Fault>, config: &Config) -> Result<Worker, BoxError> {
    Ok(Worker::start(config, observer(fault, agent(context)?, config)?).await?)
}

/// How many attempts the worker has made.
fn attempts(worker: &Worker) -> u64 {
    Outcome::ALL.into_iter().map(|outcome| worker.metrics().attempts(outcome)).sum()
}
