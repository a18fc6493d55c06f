//! Running the children, and giving criterion their numbers: first the time, then the peak of the same runs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement as Measured, WallTime};
use criterion::{BenchmarkId, Criterion, PlottingBackend, SamplingMode};
use highwater::{Bench, Metric, Sampler};
use highwater_model::{Failure, Measurement, Setting};

use crate::peak_bytes::{PeakBytes, spread_out};

/// The samples of criterion, the least that it makes statistics of. Before them it asks for one more, to warm up; in a fresh process
/// that one is as good as the others.
pub(crate) const SAMPLES: usize = 10;

/// Resamples of its bootstrap: enough for ten samples, and its default of 100,000 takes as long as the children do.
const RESAMPLES: usize = 10_000;

/// Measures every point that the command line asks for. Those that it does not ask for have no measurement.
///
/// # Errors
/// When a child yields no numbers: the curve would have a hole.
pub(crate) fn measure(curve: &str, settings: &[Setting], bench: &Bench) -> Result<Vec<Option<Measurement>>, String> {
    let runs = Runs::default();
    let passes = AssertUnwindSafe(|| {
        pass(curve, "time", Criterion::default(), settings, bench, &runs);
        pass(curve, "peak", Criterion::default().with_measurement(PeakBytes), settings, bench, &runs);
        // The index over the reports of both.
        Criterion::default().configure_from_args().final_summary();
    });
    match catch_unwind(passes) {
        Ok(()) => {
            let mut measured = runs.measured.into_inner();
            Ok(settings.iter().map(|setting| measured.remove(&setting.scenario(curve))).collect())
        }
        Err(thrown) => match thrown.downcast::<Thrown>() {
            Ok(failed) => Err(format!("{}: {}", failed.scenario, failed.failure)),
            Err(panic) => resume_unwind(panic),
        },
    }
}

/// A failure on its way through criterion, whose routines cannot fail.
struct Thrown {
    scenario: String,
    failure: Failure,
}

/// What was measured so far.
struct Runs {
    /// By scenario.
    measured: RefCell<BTreeMap<String, Measurement>>,
    /// How long the last child took, all in all.
    last: Cell<Duration>,
}

impl Default for Runs {
    fn default() -> Self {
        Self { measured: RefCell::default(), last: Cell::new(Duration::from_secs(1)) }
    }
}

/// What criterion measures, as it is among the numbers of children.
trait OfChildren: Measured + 'static {
    /// One value for each sample.
    fn values(measurement: &Measurement) -> Vec<Self::Value>;

    /// What criterion is told for so many iterations: it divides by their number.
    fn of_iterations(value: &Self::Value, iterations: u64) -> Self::Value;

    /// How many samples have to be there before the values of the first can be told.
    const AT_ONCE: usize;
}

impl OfChildren for WallTime {
    fn values(measurement: &Measurement) -> Vec<Duration> {
        measurement.samples.iter().map(|sample| Duration::from_micros(sample.window_micros.max(1))).collect()
    }

    fn of_iterations(value: &Duration, iterations: u64) -> Duration {
        Duration::from_nanos(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX).saturating_mul(iterations))
    }

    const AT_ONCE: usize = 1;
}

impl OfChildren for PeakBytes {
    fn values(measurement: &Measurement) -> Vec<f64> {
        let peaks = measurement.samples.iter().filter_map(|sample| sample.metrics.get(&Metric::PeakBytes).copied());
        spread_out(&peaks.collect::<Vec<_>>())
    }

    fn of_iterations(value: &f64, iterations: u64) -> f64 {
        value * iterations as f64
    }

    const AT_ONCE: usize = SAMPLES + 1;
}

/// Has criterion measure every point that its command line asks for. Children run as it asks for samples, unless an earlier pass has
/// run them.
fn pass<M: OfChildren>(
    curve: &str,
    what: &str,
    criterion: Criterion<M>,
    settings: &[Setting],
    bench: &Bench,
    runs: &Runs,
) {
    let mut criterion = criterion
        .plotting_backend(PlottingBackend::Plotters)
        .nresamples(RESAMPLES)
        .sample_size(SAMPLES)
        .configure_from_args();
    let mut group = criterion.benchmark_group(format!("{curve} {what}"));
    group.sampling_mode(SamplingMode::Flat);
    // One call.
    group.warm_up_time(Duration::from_nanos(1));
    for setting in settings {
        let scenario = setting.scenario(curve);
        // A sample is one child, however many iterations criterion finds that it should have: one more than fits in this, so that it
        // does not call for more time.
        group.measurement_time(runs.last.get().mul_f64(1.5 * SAMPLES as f64));
        let mut feed = Feed { bench, runs, scenario: &scenario, sampler: None, calls: 0 };
        group.bench_function(BenchmarkId::new(&setting.series, setting.shown_knobs()), |bencher| {
            bencher.iter_custom(|iterations| feed.give::<M>(iterations));
        });
        feed.finish();
    }
    group.finish();
}

/// The numbers of one point, one sample after the other.
struct Feed<'a> {
    bench: &'a Bench,
    runs: &'a Runs,
    scenario: &'a str,
    /// There from the first child of this pass on.
    sampler: Option<Sampler<'a>>,
    calls: usize,
}

impl Feed<'_> {
    /// The next sample, as criterion is told it.
    fn give<M: OfChildren>(&mut self, iterations: u64) -> M::Value {
        let (call, scenario) = (self.calls, self.scenario);
        self.calls += 1;
        let values = match self.runs.measured.borrow().get(self.scenario) {
            Some(known) => {
                // As long as criterion can tell it from nothing.
                std::thread::sleep(Duration::from_millis(5));
                self.runs.last.set(Duration::from_millis(5));
                M::values(known)
            }
            None => {
                let measurement = self.sample(M::AT_ONCE.max(call + 1)).unwrap_or_else(|failure| {
                    resume_unwind(Box::new(Thrown { scenario: scenario.to_owned(), failure }))
                });
                M::values(measurement)
            }
        };
        M::of_iterations(&values[call % values.len()], iterations)
    }

    /// Runs children until there are so many samples.
    fn sample(&mut self, many: usize) -> Result<&Measurement, Failure> {
        let sampler = match &mut self.sampler {
            Some(sampler) => sampler,
            none => none.insert(self.bench.start(self.scenario)?),
        };
        while sampler.measurement().samples.len() < many {
            let began = Instant::now();
            sampler.sample()?;
            self.runs.last.set(began.elapsed());
        }
        Ok(sampler.measurement())
    }

    /// Keeps what was measured. Services stop.
    fn finish(self) {
        if let Some(sampler) = self.sampler {
            self.runs.measured.borrow_mut().insert(self.scenario.to_owned(), sampler.measurement().clone());
        }
    }
}
