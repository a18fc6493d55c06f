//! `cargo highwater fit`: the smallest memory limit under which a scenario completes, found by running it under real ones. It
//! writes nothing that is committed.

use clap::{Args, ValueEnum};
use highwater::{Mode, kernel_limits};
use highwater_model::{Bytes, Cause, Enforcer, Engine, Failure, Fit, Found, Limit, Metric, ScenarioResult};
use highwater_report::{fit_report, json};

use crate::build::BuildOptions;
use crate::confine::Confinement;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::print::{self, complain, print};
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::{Selection, select};
use crate::suite::Suite;

/// The arguments of `fit`.
#[derive(Debug, Args)]
pub(crate) struct FitArguments {
    /// Scenarios: names, `suite/scenario`, or parts of these
    #[arg(value_name = "SCENARIO", required = true)]
    scenarios: Vec<String>,
    /// Who enforces the limits [default: the kernel, where that is permitted; else the allocator]
    #[arg(long, value_enum)]
    by: Option<By>,
    /// How near to the smallest limit the search goes
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = precision)]
    precision: Bytes,
    /// Take the ignored scenarios as well
    #[arg(long)]
    include_ignored: bool,
    /// The form of the report: text for a terminal, or JSON for scripts
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    build: BuildOptions,
}

/// Who enforces the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// A control group, as a container has it; needs root or a delegated group
    Kernel,
    /// The same in a container of Docker's, of 6 MiB at the least
    Docker,
    /// The counting allocator, which sees the Rust heap alone; needs no permission
    Allocator,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// The kernel's limits are of whole pages.
const PAGE: u64 = 4_096;

fn precision(text: &str) -> Result<Bytes, String> {
    match text.parse::<Bytes>() {
        Ok(Bytes(PAGE..)) => text.parse().map_err(|error| format!("{error}")),
        Ok(_) => Err(format!("limits are of whole pages: no nearer than {PAGE} bytes")),
        Err(error) => Err(error.to_string()),
    }
}

/// How often a scenario has to complete under the limit that is told.
const RUNS: u32 = 3;

/// A limit that no run passes, so that it says how far below it stayed.
const ENOUGH: Bytes = Bytes(1 << 60);

/// Finds the smallest limit of each scenario.
///
/// # Errors
/// When there is nothing to run, it cannot be built, or the report cannot be written.
pub(crate) fn fit(arguments: &FitArguments) -> Result<Exit, CommandError> {
    let project = Project::open(&arguments.build)?;
    // Each size would have a limit of its own.
    let suites = Suite::without_sizes(&project.suites);
    let selection = select(&suites, &arguments.scenarios, arguments.include_ignored)?;
    let by = match arguments.by {
        Some(By::Kernel | By::Docker) => Enforcer::Kernel,
        Some(By::Allocator) => Enforcer::Allocator,
        None => kernel_limits().map_or_else(
            |problem| {
                complain(&format!("{problem}\nlimits are enforced by the allocator instead\n"));
                Enforcer::Allocator
            },
            |()| Enforcer::Kernel,
        ),
    };
    let room = match arguments.by {
        Some(By::Docker) => Some(Confinement::prepare(project.root())?),
        _ => None,
    };
    let mut fits = Vec::new();
    for (suite, listing) in selection.scenarios() {
        let try_under = |limit: Limit| {
            // The allocator's limit, by which the search begins, is the child's own.
            let room = room.as_ref().filter(|_| limit.by == Enforcer::Kernel);
            let launcher = room.map(|room| room.launcher(limit.bytes)).transpose()?;
            let alone = Selection { suites: vec![(suite, vec![listing])], ignored: 0 };
            let request = Request {
                mode: Mode::Check,
                samples: Some(1),
                engine: Engine::Counting,
                include_ignored: arguments.include_ignored,
                injections: &[],
                limit: Some(limit),
                launcher: launcher.as_ref(),
            };
            Ok::<_, CommandError>(run(&alone, request, &project.interrupt).map(|mut results| results.remove(0))?)
        };
        let found = find(by, arguments.precision, try_under)?;
        fits.push(Fit { suite: listing.suite.clone(), scenario: listing.scenario.clone(), by, found });
    }
    print(&match arguments.format {
        Format::Text => fit_report(&fits, print::colour()),
        Format::Json => json(&fits),
    })?;
    Ok(Exit::of_fits(&fits))
}

/// Searches by running the scenario under one limit after the other. First without one: that says where to begin.
///
/// # Errors
/// The first of `try_under`.
fn find<E>(
    by: Enforcer,
    precision: Bytes,
    try_under: impl Fn(Limit) -> Result<ScenarioResult, E>,
) -> Result<Result<Found, Failure>, E> {
    let free = try_under(Limit { by: Enforcer::Allocator, bytes: ENOUGH })?;
    let sample = match (&free.measurement, free.failure) {
        (Some(measurement), None) => measurement.samples.first(),
        (_, failure) => return Ok(Err(failure.unwrap_or_else(|| nothing("it yielded no numbers")))),
    };
    let metric =
        |metric| sample.and_then(|sample| sample.metrics.get(&metric)).and_then(|value| u64::try_from(*value).ok());
    let Some(headroom) = sample.and_then(|sample| sample.headroom) else {
        return Ok(Err(nothing("its highest number of live bytes is not known")));
    };
    let heap = Bytes(headroom.limit.0 - headroom.left.0);
    let resident = metric(Metric::RssPeakBytes).map(Bytes);
    let start = match by {
        Enforcer::Kernel => resident.unwrap_or(heap),
        Enforcer::Allocator => heap,
    };

    let mut search = Search::new(start, precision);
    let mut runs = 0;
    loop {
        let limit = match search.next() {
            Some(limit) => limit,
            None if runs < RUNS => search.fits,
            None => {
                let (fits, fails) = (search.fits, search.fails);
                return Ok(Ok(Found { fits, fails, runs, heap, resident }));
            }
        };
        let result = try_under(Limit { by, bytes: limit })?;
        let completes = match result.failure.map(|failure| (failure.cause.clone(), failure)) {
            None => true,
            Some((Cause::OomKilled { .. } | Cause::LimitExceeded { .. }, _)) => false,
            // Something else went wrong, which no other limit would mend.
            Some((_, failure)) => return Ok(Err(failure)),
        };
        complain(&format!("  under {limit}: {}\n", if completes { "completes" } else { "does not" }));
        runs = match (search.tell(limit, completes), completes) {
            (Told::Again, _) => runs + 1,
            (Told::New, true) => 1,
            // Less than what was enough before is not, which changes nothing about that.
            (Told::New, false) if search.is_enough => runs,
            (Told::New, false) => 0,
        };
        if search.fits.0 > ENOUGH.0 / 4 {
            return Ok(Err(nothing("it does not complete under any limit that was tried")));
        }
    }
}

fn nothing(why: &str) -> Failure {
    Failure::before_the_run(Cause::Spawn(why.to_owned()))
}

/// The search for the smallest limit: by growing steps until there is one that is enough and one that is not, then by halves.
#[derive(Debug)]
struct Search {
    precision: u64,
    /// The least that was enough, or the next to try.
    fits: Bytes,
    is_enough: bool,
    /// The most that was not enough.
    fails: Option<Bytes>,
    step: u64,
}

/// What an answer was to the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// About another limit than that which is the smallest so far.
    New,
    /// The smallest so far was enough once more.
    Again,
}

impl Search {
    fn new(start: Bytes, Bytes(precision): Bytes) -> Self {
        let precision = precision.next_multiple_of(PAGE);
        let fits = Bytes(start.0.next_multiple_of(precision).max(precision));
        Self { precision, fits, is_enough: false, fails: None, step: precision }
    }

    /// The next limit to try; `None` once the smallest is known.
    fn next(&self) -> Option<Bytes> {
        if !self.is_enough {
            return Some(self.fits);
        }
        let Bytes(fits) = self.fits;
        let next = match self.fails {
            None if self.step < fits => fits - self.step,
            None => fits / 2 / self.precision * self.precision,
            Some(Bytes(fails)) => fails + ((fits - fails) / 2 / self.precision * self.precision),
        };
        (next > self.fails.unwrap_or_default().0 && next < fits).then_some(Bytes(next))
    }

    /// Takes the answer for a limit.
    fn tell(&mut self, limit: Bytes, completes: bool) -> Told {
        if completes && self.is_enough && limit == self.fits {
            return Told::Again;
        }
        if completes {
            (self.fits, self.is_enough) = (limit, true);
            self.step *= 2;
        } else if limit < self.fits {
            self.fails = Some(limit);
        } else {
            // It was not enough, or not every time.
            self.fails = Some(limit);
            self.is_enough = false;
            let more = (limit.0 / 8).next_multiple_of(self.precision);
            self.fits = Bytes(limit.0.saturating_add(more));
        }
        Told::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches for a limit of so many bytes from a start. Returns what was found and how many runs it took.
    fn search(needed: u64, start: u64, precision: u64) -> (u64, Option<u64>, usize) {
        let mut search = Search::new(Bytes(start), Bytes(precision));
        let mut runs = 0;
        while let Some(limit) = search.next() {
            runs += 1;
            assert!(runs < 100, "{search:?}");
            search.tell(limit, limit.0 >= needed);
        }
        (search.fits.0, search.fails.map(|fails| fails.0), runs)
    }

    #[test]
    fn the_smallest_limit_is_found_from_above_and_from_below() {
        const MIB: u64 = 1 << 20;
        for start in [1, MIB, 20 * MIB, 27 * MIB, 28 * MIB, 40 * MIB, 200 * MIB] {
            let (fits, fails, runs) = search(26 * MIB + 5, start, MIB);
            assert_eq!((fits, fails), (27 * MIB, Some(26 * MIB)), "from {start}");
            assert!(runs <= 40, "{runs} runs from {start}");
        }
        assert_eq!(search(26 * MIB + 5, 28 * MIB, MIB).2, 3, "a good start takes few runs");
        assert_eq!(search(1, 3 * MIB, MIB).0, MIB, "no limit is tried that is none");
    }

    #[test]
    fn a_limit_that_does_not_hold_every_time_is_not_told() {
        let mut search = Search::new(Bytes(1 << 20), Bytes(1 << 20));
        assert_eq!(search.next(), Some(Bytes(1 << 20)));
        assert_eq!(search.tell(Bytes(1 << 20), true), Told::New);
        assert_eq!(search.next(), None);
        assert_eq!(search.tell(Bytes(1 << 20), true), Told::Again);
        search.tell(Bytes(1 << 20), false);
        assert_eq!(search.next(), Some(Bytes(2 << 20)));
    }

    #[test]
    fn a_precision_is_a_page_at_least() {
        assert_eq!(precision("1MiB"), Ok(Bytes::mib(1)));
        assert!(precision("4095").unwrap_err().contains("whole pages"));
        assert!(precision("much").unwrap_err().contains("not a number of bytes"));
    }
}
