//! One scenario in the parent: services, samples, comparison, result. The child is `process`'s, the number of samples
//! `sampling`'s.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use highwater_model::{
    Cause, Checkpoint, Comparison, Enforcer, Engine, Failure, Growth, Injection, Limit, Measurement, Metric, Sample,
    ScenarioResult, SiteReport, Verdict, Workload,
};

use highwater_profile::Profile;

use crate::cgroup::Cgroup;
use crate::control::{Control, Event, EventLog, Mode};
use crate::culprits;
use crate::message::Instruction;
use crate::place::Place;
use crate::process::{Starter, run_child};
use crate::provenance::{TARGET, provenance};
use crate::sampling;
use crate::scenario::Declared;
use crate::store::write_whole;
use crate::timeline::Trough;
use crate::{BaselineStore, Endpoint, RunningService, Service, ServiceFault};

/// What the scenarios of a suite have in common.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) suite: String,
    pub(crate) allocator: String,
    pub(crate) control: Control,
    pub(crate) events: EventLog,
    pub(crate) place: Place,
    /// What services remarked so far: each is said once.
    pub(crate) remarks: Mutex<BTreeSet<String>>,
}

impl Surroundings {
    fn remark(&self, text: String) {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        if remarks.insert(text.clone()) {
            self.events.tell(&Event::Remark { text });
        }
    }
}

/// Runs a scenario and leaves its result in its folder.
///
/// # Errors
/// When the result cannot be written. A scenario that fails is a result.
pub(crate) fn run(around: &Surroundings, declared: &Declared) -> std::io::Result<ScenarioResult> {
    let (suite, scenario) = (around.suite.clone(), declared.name.clone());
    around.events.tell(&Event::Started { suite: suite.clone(), scenario: scenario.clone() });
    let folder = around.place.scenario(&suite, &scenario)?;
    let store = BaselineStore::new(around.place.root.join(&around.place.baselines));
    let baseline = store.path(&suite, &scenario, TARGET);

    let ran = match around.control.mode {
        Mode::Profile => profile_alone(around, declared, &folder),
        _ => measure(around, declared, &store, &folder),
    };
    let Ran { measured, sites } = ran.unwrap_or_else(|failure| Ran { measured: Err(failure), sites: None });
    let (verdict, measurement, comparison, failure) = match measured {
        Ok((measurement, comparison)) => {
            let verdict = comparison.as_ref().map_or(Verdict::New, |comparison| comparison.verdict);
            (verdict, Some(measurement), comparison, None)
        }
        Err(failure) => (Verdict::Failed, None, None, Some(failure)),
    };
    let result = ScenarioResult {
        format: ScenarioResult::FORMAT,
        suite: suite.clone(),
        scenario: scenario.clone(),
        verdict,
        baseline: around.place.shown(&baseline).to_string(),
        measurement,
        comparison,
        failure,
        sites,
        scaling: None,
    };
    leave(around, &folder, result)
}

/// Leaves a result in its folder, and says that it is there.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn leave(around: &Surroundings, folder: &Path, result: ScenarioResult) -> std::io::Result<ScenarioResult> {
    // Reports read a scenario's result, and an injected regression is none of the scenario's; nor has a profile a verdict.
    let path = folder.join(match &around.control {
        Control { mode: Mode::Profile, .. } => "profiled.json",
        Control { injections, .. } if !injections.is_empty() => "injected.json",
        Control { limit: Some(_), .. } => "limited.json",
        _ => "result.json",
    });
    write_whole(&path, result.to_text().as_bytes())?;
    around.events.tell(&Event::Finished {
        suite: result.suite.clone(),
        scenario: result.scenario.clone(),
        verdict: result.verdict,
        result: path,
    });
    Ok(result)
}

/// Runs a scenario once with these injections, and compares nothing. Its progress is told as that of `told_as`.
///
/// # Errors
/// When no child ran, or it failed.
pub(crate) fn sample_once(
    around: &Surroundings,
    declared: &Declared,
    injections: &[Injection],
    told_as: &str,
) -> Result<Sample, Failure> {
    check(declared)?;
    let folder = folder(around, declared)?;
    let _turn = take_turn(&around.place.results)?;
    let mut services = Services::start(around, &declared.services)?;
    let counting = Run::counting(around, around.control.engine, 1, 1);
    let run = Run { injections, told_as: Some(told_as), ..counting };
    take_sample(around, declared, &mut services, &folder, run)
}

/// The scenario's folder, created.
pub(crate) fn folder(around: &Surroundings, declared: &Declared) -> Result<PathBuf, Failure> {
    around.place.scenario(&around.suite, &declared.name).map_err(|error| {
        Failure::before_the_run(Cause::Spawn(format!(
            "the folder of its results cannot be made under {}: {error}",
            around.place.results.display()
        )))
    })
}

/// Runs a scenario once with its call stacks recorded, which are left in `folder`.
///
/// # Errors
/// Why there is no profile, for the reader.
pub(crate) fn profile_once(around: &Surroundings, declared: &Declared, folder: &Path) -> Result<Profile, String> {
    let told = |failure: Failure| failure.to_string();
    let _turn = take_turn(&around.place.results).map_err(told)?;
    let mut services = Services::start(around, &declared.services).map_err(told)?;
    profile(around, declared, &mut services, folder)
}

/// What the children came to, and what is known of the call sites: also of a run that ended at its limit.
pub(crate) struct Ran {
    pub(crate) measured: Result<(Measurement, Option<Comparison>), Failure>,
    pub(crate) sites: Option<SiteReport>,
}

/// Takes samples, compares them and explains what regressed.
///
/// # Errors
/// When no child ran.
fn measure(around: &Surroundings, declared: &Declared, store: &BaselineStore, folder: &Path) -> Result<Ran, Failure> {
    check(declared)?;
    let baseline = match around.control.mode {
        Mode::Check => store
            .read(&around.suite, &declared.name, TARGET)
            .map_err(|error| Failure::before_the_run(Cause::Baseline(error.to_string())))?,
        Mode::Measure | Mode::Sample | Mode::Profile | Mode::List => None,
    };
    let _turn = take_turn(&around.place.results)?;

    let mut services = Services::start(around, &declared.services)?;
    let cost = baseline.as_ref().and_then(|baseline| baseline.cost);
    let measurement = Measurement { cost, ..no_samples(around, declared, &services, around.control.engine) };
    let most = around.control.samples.unwrap_or(declared.samples).max(1);
    let mut with_and_without = Vec::new();
    let mut measured = sampling::take(around.control.mode, most, measurement, baseline.as_ref(), |number| {
        let mut run =
            |engine| take_sample(around, declared, &mut services, folder, Run::counting(around, engine, number, most));
        let sample = run(around.control.engine)?;
        if around.control.mode == Mode::Measure && number % SAMPLES_A_COST_RUN == 0 {
            with_and_without.push((sample.processor_micros, run(Engine::Off)?.processor_micros));
        }
        Ok(sample)
    });
    let is_to_be_explained = match &measured {
        Ok((_, comparison)) => comparison.as_ref().is_some_and(|comparison| comparison.verdict == Verdict::Regressed),
        Err(failure) => matches!(failure.cause, Cause::LimitExceeded { .. }),
    };
    let mut sites = None;
    if around.control.mode == Mode::Check && is_ours(&around.control) && is_to_be_explained {
        let profile = profile(around, declared, &mut services, folder);
        let comparison = measured.as_ref().ok().and_then(|(_, comparison)| comparison.as_ref());
        sites = Some(culprits::report(comparison, baseline.as_ref(), profile, &shown_profile(around, folder)));
    }
    if let (Mode::Measure, Ok((measurement, _))) = (around.control.mode, &mut measured) {
        measurement.cost = cost_of(&with_and_without);
        match profile(around, declared, &mut services, folder) {
            Ok(profile) => measurement.sites = Some(profile.top()),
            problem => sites = Some(culprits::report(None, None, problem, &shown_profile(around, folder))),
        }
    }
    Ok(Ran { measured, sites })
}

/// Whether a regression is the workload's own and is to be explained: an injected one is the harness's, a run under a limit is asked
/// whether it comes to its end, and another engine's opinion is asked for numbers alone.
pub(crate) fn is_ours(Control { injections, limit, engine, .. }: &Control) -> bool {
    injections.is_empty() && limit.is_none() && *engine == Engine::Counting
}

pub(crate) fn shown_profile(around: &Surroundings, folder: &Path) -> String {
    around.place.shown(&folder.join(culprits::FILE)).to_string()
}

/// What a scenario is, before it was measured.
pub(crate) fn no_samples(
    around: &Surroundings,
    declared: &Declared,
    services: &Services,
    engine: Engine,
) -> Measurement {
    let workload = Workload {
        iterations: declared.iterations,
        runtime: declared.runtime,
        services: services.identities(),
        warm_up: declared.warm_up,
    };
    Measurement {
        tolerances: declared.tolerances.clone(),
        variant: declared.variant.clone(),
        ..Measurement::new(engine, provenance(&around.place, &around.allocator), workload)
    }
}

pub(crate) fn check(declared: &Declared) -> Result<(), Failure> {
    match declared.problem() {
        Some(problem) => Err(Failure::before_the_run(Cause::Declaration(problem))),
        None => Ok(()),
    }
}

/// Runs the scenario once with its call stacks recorded: the profile is what is asked for.
///
/// # Errors
/// When no child ran.
pub(crate) fn profile_alone(around: &Surroundings, declared: &Declared, folder: &Path) -> Result<Ran, Failure> {
    check(declared)?;
    let _turn = take_turn(&around.place.results)?;
    // First of all: what an earlier run left would be taken for this one's.
    culprits::remove(&around.place, folder).map_err(|problem| Failure::before_the_run(Cause::Spawn(problem)))?;
    let mut services = Services::start(around, &declared.services)?;
    let engine = match around.control.engine {
        Engine::Counting => culprits::engine(),
        chosen => chosen,
    };
    let sample = take_sample(around, declared, &mut services, folder, Run::recording(around, engine, folder));
    let sites = leaves_a_profile(&sample).then(|| SiteReport {
        diffs: Vec::new(),
        engine,
        notes: Vec::new(),
        profile: Some(shown_profile(around, folder)),
    });
    let measurement = no_samples(around, declared, &services, engine);
    let measured = sample.map(|sample| (Measurement { samples: vec![sample], ..measurement }, None));
    Ok(Ran { measured, sites })
}

/// Whether a run whose call stacks were recorded left them: one that passed its limit did, and what was live then is what is wanted.
fn leaves_a_profile(sample: &Result<Sample, Failure>) -> bool {
    matches!(sample, Ok(_) | Err(Failure { cause: Cause::LimitExceeded { .. }, .. }))
}

/// Runs the scenario once more with its call stacks recorded.
///
/// # Errors
/// Why there is no profile, for the reader.
fn profile(
    around: &Surroundings,
    declared: &Declared,
    services: &mut Services,
    folder: &Path,
) -> Result<Profile, String> {
    culprits::remove(&around.place, folder)?;
    let sample = take_sample(around, declared, services, folder, Run::recording(around, culprits::engine(), folder));
    if let (Err(failure), false) = (&sample, leaves_a_profile(&sample)) {
        return Err(failure.to_string());
    }
    culprits::read_profile(&around.place.root, &folder.join(culprits::FILE))
}

/// Of so many samples, one is followed by a run without counting.
const SAMPLES_A_COST_RUN: usize = 3;

/// The processor time of a window with counting, in thousandths of that without: the median of runs that follow each other, since a
/// machine that others use is not as fast a minute later.
fn cost_of(pairs: &[(u64, u64)]) -> Option<u64> {
    let ratio = |(with, without): &(u64, u64)| with.saturating_mul(1_000) / (*without).max(1);
    let mut ratios: Vec<u64> = pairs.iter().map(ratio).collect();
    ratios.sort_unstable();
    ratios.get(ratios.len() / 2).copied()
}

/// One run of a child.
#[derive(Debug, Clone)]
pub(crate) struct Run<'a> {
    engine: Engine,
    /// Regressions to make.
    injections: &'a [Injection],
    /// What its progress is told as; the scenario when absent.
    told_as: Option<&'a str>,
    /// From 1.
    number: usize,
    /// The most there will be.
    most: usize,
    /// Where call stacks are recorded, if they are.
    profile: Option<PathBuf>,
}

impl<'a> Run<'a> {
    pub(crate) fn counting(around: &'a Surroundings, engine: Engine, number: usize, most: usize) -> Self {
        Self { engine, injections: &around.control.injections, told_as: None, number, most, profile: None }
    }

    fn recording(around: &'a Surroundings, engine: Engine, folder: &Path) -> Self {
        Self { profile: Some(folder.join(culprits::FILE)), ..Self::counting(around, engine, 1, 1) }
    }
}

/// Measured children run one at a time in a target directory, whoever started them, so that neighbours cannot change a number. The
/// lock is the file's: it ends with this process, however that ends.
pub(crate) fn take_turn(results: &Path) -> Result<File, Failure> {
    let taken = || {
        std::fs::create_dir_all(results)?;
        let file = File::create(results.join("turn.lock"))?;
        file.lock()?;
        std::io::Result::Ok(file)
    };
    taken().map_err(|error| Failure::before_the_run(Cause::Spawn(format!("no turn could be had: {error}"))))
}

/// Runs one child with services made as new.
pub(crate) fn take_sample(
    around: &Surroundings,
    declared: &Declared,
    services: &mut Services,
    folder: &Path,
    Run { engine, injections, told_as, number, most, profile }: Run<'_>,
) -> Result<Sample, Failure> {
    let launcher = around.control.launcher.as_ref();
    let (cgroup, limit) = match around.control.limit {
        None => (None, declared.limit),
        Some(Limit { by: Enforcer::Allocator, bytes }) => (None, Some(bytes)),
        // What a launcher starts is in a group of the launcher's.
        Some(Limit { by: Enforcer::Kernel, bytes }) => (Some(bytes).filter(|_| launcher.is_none()), None),
    };
    let cgroup = cgroup.map(Cgroup::create).transpose();
    let cgroup = cgroup.map_err(|error| Failure::before_the_run(Cause::Spawn(error.to_string())))?;
    let instruction = Instruction {
        scenario: declared.name.clone(),
        engine,
        endpoints: services.begin_sample()?,
        cgroup: cgroup.as_ref().map(Cgroup::entrance),
        launched: launcher.is_some(),
        journal: folder.join("journal.jsonl"),
        parent: std::process::id(),
        injections: injections.to_vec(),
        limit,
        profile,
    };
    // dhat takes some thirty times as long.
    let timeout = if engine == Engine::Dhat { declared.timeout.saturating_mul(30) } else { declared.timeout };
    let by = launcher.map_or_else(|| Starter::Parent(cgroup.as_ref()), Starter::Launcher);
    let ended = run_child(&instruction, by, folder, timeout, |progress| {
        around.events.tell(&Event::Progress {
            suite: around.suite.clone(),
            scenario: told_as.unwrap_or(&declared.name).to_owned(),
            sample: number,
            of: most,
            progress,
        });
    });
    let observed = services.end_sample();
    let child = match (ended, observed) {
        // What a service saw explains most of what a workload says of it, but not a limit that was passed.
        (Err(failure), Err(_)) if matches!(failure.cause, Cause::LimitExceeded { .. }) => return Err(failure),
        (Err(failure), Err(cause)) => return Err(Failure { cause, ..failure }),
        (Ok(child), Err(cause)) => {
            return Err(Failure { progress: child.progress, ..Failure::before_the_run(cause) });
        }
        (Err(failure), Ok(_)) => return Err(failure),
        (Ok(child), Ok(observations)) => (child, observations),
    };
    let (child, observations) = child;
    let mut metrics = child.report.metrics;
    let growth = fit(&child.report.troughs, |trough| trough.bytes);
    let growth_blocks = fit(&child.report.troughs, |trough| trough.blocks);
    metrics.extend(growth.as_ref().map(|growth| (Metric::GrowthBytes, growth.thousandths)));
    metrics.extend(growth_blocks.map(|growth| (Metric::GrowthBlocks, growth.thousandths)));
    metrics.extend(gated_observations(declared, &observations)?);
    Ok(Sample {
        growth,
        headroom: child.report.headroom,
        metrics,
        notes: child.notes,
        observations,
        new_fds: child.report.new_fds,
        new_threads: child.report.new_threads,
        peak_slack: child.report.peak_slack,
        timeline: child.report.timeline,
        child_micros: child.child_micros,
        processor_micros: child.report.processor_micros,
        window_micros: child.report.window_micros,
    })
}

/// What services saw, as far as the scenario declares how far it may move.
fn gated_observations(declared: &Declared, observed: &ByService) -> Result<Vec<(Metric, i64)>, Failure> {
    let mut metrics = Vec::new();
    for metric in declared.tolerances.keys() {
        let Metric::Observed(wanted) = metric else { continue };
        let of_service = observed.get(wanted.service());
        let Some(value) = of_service.and_then(|found| found.get(wanted.observation())) else {
            let names: Vec<&str> = of_service.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            return Err(Failure::before_the_run(Cause::Declaration(format!(
                "a tolerance is declared for `{}`, and the service tells of no `{}`, but of: {}",
                wanted.name(),
                wanted.observation(),
                names.join(", ")
            ))));
        };
        metrics.push((*metric, i64::try_from(*value).unwrap_or(i64::MAX)));
    }
    Ok(metrics)
}

fn fit(troughs: &[Trough], live: impl Fn(&Trough) -> i64) -> Option<Growth> {
    let checkpoints: Vec<Checkpoint> =
        troughs.iter().map(|trough| Checkpoint { iteration: trough.iteration, live: live(trough) }).collect();
    Growth::fit(&checkpoints)
}

/// The started services of one scenario, in the order of their declaration. Dropped, they stop in the opposite order.
pub(crate) struct Services {
    running: Vec<(String, String, Box<dyn RunningService>)>,
}

type ByService = BTreeMap<String, BTreeMap<String, u64>>;

impl Services {
    pub(crate) fn start(around: &Surroundings, declared: &[Box<dyn Service>]) -> Result<Self, Failure> {
        let mut services = Self { running: Vec::new() };
        for service in declared {
            let name = service.name();
            let (identity, running, remark) = guarded(|| {
                let identity = service.identity().map_err(|error| error.to_string())?;
                let running = service.start().map_err(|error| error.to_string())?;
                let remark = running.remark();
                Ok((identity, running, remark))
            })
            .map_err(|message| start_failure(name, message))?;
            if let Some(remark) = remark {
                around.remark(format!("service `{name}`: {remark}"));
            }
            services.running.push((name.to_owned(), identity, running));
        }
        Ok(services)
    }

    fn identities(&self) -> BTreeMap<String, String> {
        self.running.iter().map(|(name, identity, _)| (name.clone(), identity.clone())).collect()
    }

    fn begin_sample(&mut self) -> Result<BTreeMap<String, String>, Failure> {
        self.running
            .iter_mut()
            .map(|(name, _, service)| {
                let endpoint: Endpoint = guarded(|| service.begin_sample().map_err(|error| error.to_string()))
                    .map_err(|message| start_failure(name, message))?;
                Ok((name.clone(), endpoint.to_string()))
            })
            .collect()
    }

    /// Ends the sample on every service, also when one of them has a fault; the first fault is the sample's.
    fn end_sample(&mut self) -> Result<ByService, Cause> {
        let mut observed = ByService::new();
        let mut first = None;
        for (name, _, service) in &mut self.running {
            let ended = catch_unwind(AssertUnwindSafe(|| service.end_sample()));
            match ended.unwrap_or_else(|payload| Err(ServiceFault::Failed(panic_message(&*payload)))) {
                Ok(observations) => drop(observed.insert(name.clone(), observations)),
                Err(fault) => drop(first.get_or_insert_with(|| fault_cause(name, &fault))),
            }
        }
        first.map_or(Ok(observed), Err)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // One that panics at its end has told the standard error; the others are stopped all the same.
        while let Some(running) = self.running.pop() {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(running)));
        }
    }
}

/// What a service answers, whose code is not ours: a panic of it fails its scenario as an error does.
fn guarded<T>(ask: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|payload| Err(panic_message(&*payload)))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}; the standard error says where", text.unwrap_or("a value that is no text"))
}

fn start_failure(service: &str, message: String) -> Failure {
    Failure::before_the_run(Cause::ServiceStart { service: service.to_owned(), message })
}

fn fault_cause(service: &str, fault: &ServiceFault) -> Cause {
    let (service, message) = (service.to_owned(), fault.to_string());
    match fault {
        ServiceFault::UnmatchedRequests { .. } => Cause::UnmatchedRequest { service, message },
        ServiceFault::Failed(_) => Cause::ServiceFault { service, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_median_of_neighbouring_runs() {
        assert_eq!(cost_of(&[(2_000, 1_000), (1_050, 1_000), (500, 1_000)]), Some(1_050));
        assert_eq!(cost_of(&[(1_050, 0)]), Some(1_050_000), "too fast for the clock");
        assert_eq!(cost_of(&[]), None);
    }
}
