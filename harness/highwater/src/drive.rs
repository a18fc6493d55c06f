//! The order of a run inside the child: setup, warm-up, settle, open, iterations, settle, close, teardown.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use highwater_alloc::{Window, begin_timeline, lift_limit, live_bytes, peak_bytes, set_limit};
use highwater_model::{Bytes, Headroom, Injection, Metric, Phase, Runtime};

use crate::injection::{after_iteration, after_setup, after_the_last};
use crate::message::Report;
use crate::phases::{BoxError, Iterate, Setup, Teardown};
use crate::resources::{Named, Resources, processor_time, reset_rss_peak};
use crate::scenario::{Declared, Phases, Sync, Tokio};
use crate::settle::settle;
use crate::timeline::{Timeline, Trough};
use crate::{Context, position, profiler};

/// A complete scenario's code: every phase is there, and something can run it.
#[diagnostic::on_unimplemented(
    message = "this scenario has no iteration",
    label = "incomplete",
    note = "add what is measured: `.iterate(async |state| ..)`, or `.iterate(|state| ..)` for `Scenario::sync`"
)]
pub trait Workload: private::Sealed {
    /// Runs all phases in this process.
    #[doc(hidden)]
    fn run(&self, run: Run<'_>) -> Result<Report, BoxError>;
}

/// What a run is given.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub(crate) declared: &'a Declared,
    pub(crate) context: &'a Context,
    pub(crate) injections: &'a [Injection],
    /// What the allocator is to enforce.
    pub(crate) limit: Option<Bytes>,
}

mod private {
    pub trait Sealed {}
    impl<K, S, I, T> Sealed for super::Phases<K, S, I, T> {}
}

impl<S: Setup, I: Iterate<S::State>, T: Teardown<S::State>> Workload for Phases<Tokio, S, I, T> {
    fn run(&self, run: Run<'_>) -> Result<Report, BoxError> {
        let mut builder = match run.declared.runtime {
            Runtime::MultiThread(workers) => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
            Runtime::CurrentThread | Runtime::Sync => tokio::runtime::Builder::new_current_thread(),
        };
        let runtime = builder.enable_all().build()?;
        let tasks = || runtime.metrics().num_alive_tasks();
        let report = runtime.block_on(drive(self, run, tokio::time::sleep, tasks));
        // A blocking task that never ends must not keep the child from saying what it counted.
        runtime.shutdown_background();
        report
    }
}

impl<S: Setup, I: Iterate<S::State>, T: Teardown<S::State>> Workload for Phases<Sync, S, I, T> {
    fn run(&self, run: Run<'_>) -> Result<Report, BoxError> {
        let pause = async |duration| std::thread::sleep(duration);
        let driven = pin!(drive(self, run, pause, || 0));
        match driven.poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(report) => report,
            Poll::Pending => unreachable!("plain closures never wait"),
        }
    }
}

async fn drive<K, S, I, T>(
    phases: &Phases<K, S, I, T>,
    Run { declared, context, injections, limit }: Run<'_>,
    pause: impl AsyncFn(Duration),
    tasks: impl Fn() -> usize,
) -> Result<Report, BoxError>
where
    S: Setup,
    I: Iterate<S::State>,
    T: Teardown<S::State>,
{
    position::enter(Phase::Setup, 0);
    let live_before = live_bytes();
    let mut state = phases.setup.call(context).await?;
    for injection in injections {
        after_setup(*injection)?;
    }

    // An injection is to be convicted by its metric: the limit would end the run before there is one.
    if let (Some(limit), true) = (limit, injections.is_empty()) {
        // Another engine does not look at it, and says no headroom.
        let _ = set_limit(limit.0, position::limit_exceeded);
    }
    // The peak of setup is no part of what the limit is for.
    let _ = Window::open();
    begin_timeline();
    position::enter(Phase::WarmUp, declared.warm_up);
    for _ in 0..declared.warm_up {
        phases.iterate.call(&mut state).await?;
        position::advance();
    }
    let settled_before = settle(declared.settle, &pause, &tasks).await;
    let standing = live_bytes().zip(live_before).map(|(now, before)| now.cast_signed() - before.cast_signed());

    let mut timeline = Timeline::new();
    let rss_peak_is_ours = reset_rss_peak();
    let (threads_before, fds_before) = (Named::threads(), Named::fds());
    let (resources_before, tasks_before) = (Resources::now(), tasks());
    position::enter(Phase::Window, declared.iterations);
    let highest_in_warm_up = peak_bytes();
    profiler::opening()?;
    let (began, processor_before) = (Instant::now(), processor_time());
    let window = Window::open();
    for iteration in 1..=declared.iterations {
        phases.iterate.call(&mut state).await?;
        for injection in injections {
            after_iteration(*injection, iteration)?;
        }
        if let Some(counts) = window.read() {
            timeline.record(Trough { iteration, bytes: counts.retained_bytes, blocks: counts.retained_blocks });
        }
        position::advance();
    }
    for injection in injections {
        after_the_last(*injection, window.read())?;
    }
    let (took, processor) = (began.elapsed(), processor_time().saturating_sub(processor_before));
    position::enter(Phase::Settle, 0);
    let settled_after = settle(declared.settle, &pause, &tasks).await;
    // The counters are read before anything is formatted, and before the operating system is asked, which allocates.
    let counts = window.read();
    let highest = highest_in_warm_up.max(peak_bytes());
    lift_limit();
    let recorded = profiler::closed();
    let moments = position::moments();
    let tasks_after = tasks();
    let resources = Resources::settled(&resources_before, declared.settle, &pause).await;
    let (new_threads, new_fds) = (Named::threads().beyond(&threads_before), Named::fds().beyond(&fds_before));

    position::enter(Phase::Teardown, 0);
    phases.teardown.call(state).await?;
    recorded.write()?;
    let peak = counts.and_then(|counts| counts.peak);
    let mut metrics = BTreeMap::new();
    metrics.extend(peak.map(|peak| (Metric::PeakBytes, peak.bytes)));
    if let Some(counts) = counts {
        metrics.extend([
            (Metric::RetainedBytes, counts.retained_bytes),
            (Metric::RetainedBlocks, counts.retained_blocks),
            (Metric::TotalBytes, counts.total_bytes),
            (Metric::TotalBlocks, counts.total_blocks),
        ]);
    }
    metrics.extend(standing.map(|bytes| (Metric::StandingBytes, bytes)));
    let mut grown = |metric, before: Option<i64>, after: Option<i64>| {
        metrics.extend(before.zip(after).map(|(before, after)| (metric, after - before)));
    };
    grown(Metric::Threads, resources_before.threads, resources.threads);
    grown(Metric::Fds, resources_before.fds, resources.fds);
    grown(Metric::RssBytes, resources_before.rss, resources.rss);
    grown(Metric::RssPeakBytes, Some(0), resources.rss_peak.filter(|_| rss_peak_is_ours));
    if declared.runtime != Runtime::Sync {
        let count = |tasks| i64::try_from(tasks).ok();
        grown(Metric::Tasks, count(tasks_before), count(tasks_after));
    }
    Ok(Report {
        headroom: limit
            .zip(highest)
            .map(|(limit, highest)| Headroom { limit, left: Bytes(limit.0.saturating_sub(highest)) }),
        metrics,
        new_fds,
        new_threads,
        peak_slack: peak.map_or(0, |peak| peak.slack_bytes.max(0).cast_unsigned()),
        timeline: moments,
        troughs: timeline.into_troughs(),
        settled: settled_before && settled_after,
        processor_micros: micros(processor),
        window_micros: micros(took),
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
