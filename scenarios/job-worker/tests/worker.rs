//! What the worker does with jobs that succeed, fail, and are cut off.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use job_worker::{Config, Job, Nobody, Outcome, Queue, Sandbox, Statsd, Stopped, Worker};
use support::{FIXTURE, Services, idle, jobs};

async fn start(config: &Config) -> Worker {
    Worker::start(config, Arc::new(Nobody)).await.expect("there are all services")
}

fn recorded(count: usize) -> Vec<Job> {
    jobs(FIXTURE, count).expect("there are as many")
}

fn with(sandbox: Sandbox, count: usize) -> Vec<Job> {
    recorded(count).into_iter().map(|job| Job { sandbox: Some(sandbox), ..job }).collect()
}

#[tokio::test]
async fn every_message_is_sent_once_however_often_it_was_refused() {
    let services = Services::start();
    let config = services.config();
    let statsd = Statsd::to(services.agent, &config).expect("a socket");
    let worker = Worker::start(&config, Arc::new(statsd)).await.expect("there are all services");
    let jobs = recorded(300);
    let failures: u32 = jobs.iter().map(|job| job.sandbox.unwrap_or_default().failures).sum();
    assert!(failures > 10, "{failures}");
    worker.queue().push(jobs.clone()).await.expect("pushed");
    // Pushed again, they are there already.
    worker.queue().push(jobs.clone()).await.expect("pushed");
    let counts = idle(worker.queue()).await.expect("counts");
    assert_eq!((counts.jobs, counts.done, counts.dead), (300, 300, 0), "{counts:?}");
    assert_eq!(worker.metrics().attempts(Outcome::Failed), u64::from(failures));
    assert_eq!(worker.stop().await.expect("stopped"), Stopped { drained: true, requeued: 0 });
    for job in &jobs {
        assert_eq!(services.mail.accepted(&job.id), 1, "{}", job.id);
    }
    let statsd = services.statsd.clone();
    services.end();
    assert_eq!(statsd.received().count("jobs.attempts"), f64::from(300 + failures));
    assert_eq!(statsd.received().sources.len(), 1);
}

#[tokio::test]
async fn a_job_that_keeps_failing_is_given_up_and_no_other_is() {
    let services = Services::start();
    let mut config = services.config();
    config.retries = 2;
    let worker = start(&config).await;
    let mut jobs = recorded(20);
    jobs.iter_mut().for_each(|job| job.sandbox = None);
    jobs[3].sandbox = Some(Sandbox { failures: 99, millis: 0 });
    worker.queue().push(jobs).await.expect("pushed");
    let counts = idle(worker.queue()).await.expect("counts");
    assert_eq!((counts.done, counts.dead), (19, 1), "{counts:?}");
    let attempts = Outcome::ALL.map(|outcome| worker.metrics().attempts(outcome));
    assert_eq!(attempts, [19, 2, 1]);
    worker.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_sweep_removes_what_has_stayed_long_enough_and_all_of_it() {
    let services = Services::start();
    let mut config = services.config();
    config.retries = 0;
    let worker = start(&config).await;
    let mut jobs = with(Sandbox::default(), 250);
    jobs[0].sandbox = Some(Sandbox { failures: 1, millis: 0 });
    worker.queue().push(jobs).await.expect("pushed");
    idle(worker.queue()).await.expect("counts");
    let hour = Duration::from_secs(3_600);
    assert_eq!(worker.queue().sweep(hour, hour).await.expect("swept"), 0);
    assert_eq!(worker.queue().sweep(Duration::ZERO, hour).await.expect("swept"), 249);
    assert_eq!(worker.queue().sweep(Duration::ZERO, Duration::ZERO).await.expect("swept"), 1);
    worker.stop().await.expect("stopped");
    let redis = &services.end()[0];
    // That there was a queue is all that apalis-redis remembers.
    assert_eq!(redis["keys"], 1, "{redis:?}");
}

#[tokio::test]
async fn a_stop_gives_back_what_it_cannot_finish_in_time() {
    let services = Services::start();
    let mut config = services.config();
    config.drain = Duration::from_millis(50);
    let worker = start(&config).await;
    worker.queue().push(with(Sandbox { failures: 0, millis: 5_000 }, 40)).await.expect("pushed");
    while worker.queue().counts().await.expect("counts").held == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    let stopped = worker.stop().await.expect("stopped");
    assert!(!stopped.drained && stopped.requeued >= 8, "{stopped:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let counts = Queue::connect(&config).await.expect("a queue").counts().await.expect("counts");
    assert_eq!((counts.waiting, counts.held, counts.done), (40, 0, 0), "{counts:?}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_job_between_two_attempts() {
    let services = Services::start();
    let mut config = services.config();
    config.retry_delay = Arc::new(|_| Duration::from_secs(3_600));
    config.drain = Duration::from_secs(60);
    let worker = start(&config).await;
    worker.queue().push(with(Sandbox { failures: 1, millis: 0 }, 4)).await.expect("pushed");
    while worker.metrics().attempts(Outcome::Failed) < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    let stopped = worker.stop().await.expect("stopped");
    assert_eq!(stopped, Stopped { drained: true, requeued: 0 });
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let worker = start(&services.config()).await;
    let counts = idle(worker.queue()).await.expect("counts");
    assert_eq!(counts.done, 4, "another worker tried them again: {counts:?}");
    worker.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_queue_of_nine_thousand_can_be_worked_on() {
    let services = Services::start();
    let queue = Queue::connect(&services.config()).await.expect("a queue");
    queue.push(recorded(9_000)).await.expect("pushed");
    let worker = start(&services.config()).await;
    while worker.metrics().attempts(Outcome::Done) < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    worker.stop().await.expect("stopped");
    let counts = queue.counts().await.expect("counts");
    assert_eq!(counts.unfinished() + counts.done, 9_000, "{counts:?}");
}
