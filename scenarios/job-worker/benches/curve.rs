//! Time against memory of a worker that empties a queue, over the jobs under way at once and those taken from the queue at once.
//!
//! The knobs: `concurrency` is how many jobs are under way at once. `prefetch` is the batch, apalis-redis's `batch_size`: one script takes
//! so many jobs from the queue, and no more are taken before these have begun. The same number, four times, bounds the acknowledgements that
//! wait, and those that wait are written together; apalis has no knob of its own for them.
//!
//! 500 of the recorded jobs, and a mail service that takes 5 ms for every message: what concurrency is for.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use highwater::{Context, Metric, Scenario, Tolerance, Workload};
use highwater_curves::{Sweep, knobs};
use highwater_services::{HttpSink, Redis};
use job_worker::{Config, Job, Nobody, Queue, Sandbox, Worker};
use support::{RecordedJobs, idle, jobs};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

const JOBS: usize = 500;
const MILLIS: u64 = 5;

/// What a point sets of a configuration.
type Turn = fn(&mut Config, usize);

/// Knob, values, and how it is turned. The defaults are a point of their own.
const KNOBS: [(&str, &[usize], Turn); 2] = [
    ("concurrency", &[1, 4, 32, 128], |config, value| config.concurrency = value),
    ("prefetch", &[1, 64, 512], |config, value| config.prefetch = value),
];

fn main() -> ExitCode {
    let mut sweep = Sweep::new("job-worker").point("worker", knobs::<usize, 0>([]), |name| emptied(name, |_| {}));
    for (knob, values, turn) in KNOBS {
        for value in values {
            sweep =
                sweep.point("worker", knobs([(knob, value)]), |name| emptied(name, move |config| turn(config, *value)));
        }
    }
    sweep.note("500 recorded jobs, each of which the mail service takes 5 ms for").main()
}

/// A worker starts on a long queue and ends when it is empty.
fn emptied(name: String, turn: impl Fn(&mut Config) + Send + Sync + 'static) -> Scenario<impl Workload + Send + Sync> {
    Scenario::new(name)
        .with(RecordedJobs)
        .with(Redis::new("redis"))
        .with(HttpSink::new("mail"))
        // Which jobs are under way together is the mail service's doing: as in tests/memory.rs.
        .tolerance(Metric::PeakBytes, Tolerance::new(0.1, 96 * 1024))
        .setup(async move |context: &Context| {
            let mut config = Config::new(context.endpoint("redis")?, context.endpoint("mail")?)?;
            config.retry_delay = Arc::new(|_| Duration::ZERO);
            config.poll_every = Duration::from_millis(5);
            turn(&mut config);
            let queue = Queue::connect(&config).await?;
            let mut jobs = jobs(context.endpoint("jobs")?, JOBS)?;
            jobs.iter_mut().for_each(|job: &mut Job| job.sandbox = Some(Sandbox { failures: 0, millis: MILLIS }));
            queue.push(jobs).await?;
            Ok((config, queue))
        })
        .iterate(async |(config, queue): &mut (Config, Queue)| {
            let worker = Worker::start(config, Arc::new(Nobody)).await?;
            idle(queue).await?;
            worker.stop().await?;
            Ok(())
        })
        .teardown(async |(_, queue): (Config, Queue)| match queue.counts().await?.done {
            done if done == JOBS as u64 => Ok(()),
            done => Err(format!("{done} of {JOBS} jobs are done").into()),
        })
}
