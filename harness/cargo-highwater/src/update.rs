//! `cargo highwater update`: measures scenarios and accepts their numbers as baselines. It writes only what was asked for.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, value_parser};
use highwater::{Listing, Mode, StoreError};
use highwater_model::{Baseline, Drift, Engine, Frontier, Measurement, ScenarioResult, Spread, Verdict};
use highwater_report::{Accepted, accepted_table, duration, explanations, frontier_report};

use crate::build::BuildOptions;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::list::place;
use crate::print::{self, complain, print};
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::{Selection, name, select};
use crate::shelf::{CurvesError, Shelf};
use crate::suite::Suite;
use crate::unreferenced::unreferenced;

/// The arguments of `update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArguments {
    /// Scenarios to accept: names, `suite/scenario`, or parts of these; all when there are none
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Why the numbers may be what they are; kept in the baseline
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The number of samples of each scenario; fewer than 10 do not show how far a number moves by itself
    #[arg(long, value_name = "N", default_value = "10", value_parser = value_parser!(u16).range(Spread::ENOUGH as i64..))]
    samples: u16,
    /// Accept the ignored scenarios as well
    #[arg(long)]
    include_ignored: bool,
    /// Accept the frontiers of the curves that the last `cargo bench` left: names, or parts of these; all when there are none
    #[arg(long, value_name = "CURVE", num_args = 0.., conflicts_with_all = ["scenarios", "samples", "include_ignored", "prune"])]
    curves: Option<Vec<String>>,
    /// Remove the baselines of scenarios that no longer exist, and do nothing else
    #[arg(long, conflicts_with_all = ["scenarios", "reason", "samples", "include_ignored", "package"])]
    prune: bool,
    #[command(flatten)]
    build: BuildOptions,
}

/// Accepts the scenarios' numbers.
///
/// # Errors
/// When there is nothing to accept, or it cannot be built.
pub(crate) fn update(arguments: &UpdateArguments) -> Result<Exit, CommandError> {
    if let Some(filters) = &arguments.curves {
        return accept_curves(filters, arguments);
    }
    let project = Project::open(&arguments.build)?;
    if arguments.prune {
        return prune(&project);
    }
    // There is nothing to accept of a workload at several sizes.
    let suites = Suite::without_sizes(&project.suites);
    let selection = select(&suites, &arguments.scenarios, arguments.include_ignored)?;
    refuse_variants(&selection)?;
    let began = Instant::now();
    let request = Request {
        mode: Mode::Measure,
        samples: Some(arguments.samples.into()),
        engine: Engine::Counting,
        include_ignored: arguments.include_ignored,
        injections: &[],
        limit: None,
        launcher: None,
    };
    let results = run(&selection, request, &project.interrupt)?;
    let outcomes: Vec<Outcome> =
        results.iter().map(|result| accept(project.root(), result, arguments.reason.as_deref())).collect();
    print(&report(&results, &outcomes))?;
    print(&format!("\n{}; {}\n", counts(&outcomes), duration(began.elapsed())))?;
    Ok(exit(&outcomes))
}

/// What would be measured is not what baselines are for.
#[derive(Debug, thiserror::Error)]
#[error(
    "no baseline may hold a variant's numbers, and nothing was measured: switch off what chooses the variant, most likely a variable of the \
     environment, and update again; of what was asked for,{}", .0.iter().map(|variant| format!("\n  {variant}")).collect::<String>()
)]
pub(crate) struct VariantError(
    /// Each scenario with what would run in its place.
    Vec<String>,
);

/// Refuses to measure a fault or an experiment, which the scenarios themselves declare.
fn refuse_variants(selection: &Selection<'_>) -> Result<(), VariantError> {
    let told = |listing: &Listing| Some(format!("{} would run as `{}`", name(listing), listing.variant.as_ref()?));
    let variants: Vec<String> = selection.scenarios().filter_map(|(_, listing)| told(listing)).collect();
    if variants.is_empty() { Ok(()) } else { Err(VariantError(variants)) }
}

/// Accepts the frontiers of curves that were measured before. What regressed needs a reason.
fn accept_curves(filters: &[String], arguments: &UpdateArguments) -> Result<Exit, CommandError> {
    let shelf = Shelf::find(&arguments.build)?;
    let reason = arguments.reason.as_deref();
    let mut exit = Exit::Within;
    for curve in shelf.measured(filters)? {
        let Some((store, target)) = place(&shelf.root, Path::new(&curve.baseline)) else {
            complain(&format!("error: {} is no place for a baseline\n", curve.baseline));
            exit = Exit::Setup;
            continue;
        };
        let previous = match store.read_frontier(&curve.name, &target) {
            Ok(previous) => previous,
            // It is replaced, as the error says that it can be.
            Err(StoreError::Malformed { .. } | StoreError::Misplaced { .. }) => None,
            Err(error) => return Err(CurvesError::Store(error).into()),
        };
        if let (Some(previous), None) = (&previous, reason) {
            let comparison = previous.compare(&curve.points, &curve.provenance, None);
            if comparison.verdict == Verdict::Regressed {
                let report = frontier_report(&curve.name, &comparison, &curve.baseline, print::colour());
                print(&format!("{report}refused    curves/{}: say why it may with --reason\n", curve.name))?;
                exit = Exit::Setup;
                continue;
            }
        }
        let accepted = Frontier::accept(&curve, previous.as_ref(), reason);
        let path = store.write_frontier(&accepted).map_err(CurvesError::Store)?;
        print(&format!("wrote      {}: {} points\n", shelf.shown(&path), accepted.points.len()))?;
    }
    Ok(exit)
}

/// What became of a scenario's numbers.
#[derive(Debug)]
enum Outcome {
    /// They are the baseline now.
    Accepted(Box<Acceptance>),
    /// They could not be written.
    Refused(String),
    /// There are none.
    Failed,
}

#[derive(Debug)]
struct Acceptance {
    measurement: Measurement,
    previous: Option<Baseline>,
    baseline: Baseline,
    /// From the workspace's root.
    file: PathBuf,
    /// False when the file has the same text already.
    written: bool,
    /// What was wrong with the file before.
    replaced: Option<StoreError>,
}

/// Accepts the numbers of one scenario.
fn accept(root: &Path, result: &ScenarioResult, reason: Option<&str>) -> Outcome {
    let Some(measurement) = result.measurement.as_ref().filter(|_| result.verdict != Verdict::Failed) else {
        return Outcome::Failed;
    };
    let file = PathBuf::from(&result.baseline);
    let Some((store, target)) = place(root, &file) else {
        return Outcome::Refused(format!("{} is no place for a baseline", file.display()));
    };
    let (previous, replaced) = match store.read(&result.suite, &result.scenario, &target) {
        Ok(previous) => (previous, None),
        // It is replaced, as the error says that it can be.
        Err(error @ (StoreError::Malformed { .. } | StoreError::Misplaced { .. })) => (None, Some(error)),
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let baseline = Baseline::accept(&result.suite, &result.scenario, measurement, previous.as_ref(), reason);
    if let Some(problem) = too_tight(measurement).or_else(|| unexplained(measurement, &baseline)) {
        return Outcome::Refused(format!("{}/{}: {problem}", result.suite, result.scenario));
    }
    let path = store.path(&result.suite, &result.scenario, &baseline.provenance.target);
    let written = std::fs::read_to_string(&path).ok() != Some(baseline.to_text());
    if written && let Err(error) = store.write(&baseline) {
        return Outcome::Refused(error.to_string());
    }
    let file = path.strip_prefix(root).map_or(path.clone(), Path::to_owned);
    Outcome::Accepted(Box::new(Acceptance {
        measurement: measurement.clone(),
        previous,
        baseline,
        file,
        written,
        replaced,
    }))
}

/// A declared tolerance that the samples do not keep among themselves: the gate would hold by luck.
fn too_tight(measurement: &Measurement) -> Option<String> {
    measurement.metrics().find_map(|(metric, spread)| {
        let tolerance = measurement.tolerances.get(&metric).filter(|tolerance| tolerance.declared)?;
        let alone = tolerance.alone(spread.median);
        (alone < spread.width()).then(|| {
            format!(
                "the tolerance of {metric} is {}, and its {} samples lie {} apart: declare `Tolerance::new({}, {})` or more",
                metric.unit().show_amount(alone),
                spread.samples,
                metric.unit().show_amount(spread.width()),
                tolerance.relative,
                spread.width(),
            )
        })
    })
}

/// A metric that has risen too far since somebody last gave a reason.
fn unexplained(measurement: &Measurement, baseline: &Baseline) -> Option<String> {
    measurement.metrics().find_map(|(metric, now)| {
        let Drift { accepted, .. } = Drift::of(baseline, metric, measurement.tolerances.get(&metric)?, now.median)?;
        Some(format!(
            "{metric} has risen by {}, from {} that were accepted as \"{}\": say why it may with --reason",
            metric.unit().show_amount(now.median.abs_diff(accepted)),
            metric.unit().show(accepted),
            baseline.acceptance.reason,
        ))
    })
}

/// The table of what was accepted, the files, and what was not accepted with the reason.
fn report(results: &[ScenarioResult], outcomes: &[Outcome]) -> String {
    let accepted: Vec<&Acceptance> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Accepted(acceptance) => Some(&**acceptance),
            Outcome::Refused(_) | Outcome::Failed => None,
        })
        .collect();
    let mut text = String::new();
    if !accepted.is_empty() {
        let rows: Vec<Accepted<'_>> = accepted
            .iter()
            .map(|acceptance| Accepted {
                previous: acceptance.previous.as_ref(),
                measurement: &acceptance.measurement,
                baseline: &acceptance.baseline,
            })
            .collect();
        text.push_str(&accepted_table(&rows));
        text.push('\n');
    }
    for acceptance in accepted {
        if let Some(problem) = &acceptance.replaced {
            text.push_str(&format!("replaced   {problem}\n"));
        }
        let done = if acceptance.written { "wrote    " } else { "unchanged" };
        text.push_str(&format!("{done}  {}\n", acceptance.file.display()));
    }
    for (result, outcome) in results.iter().zip(outcomes) {
        match outcome {
            Outcome::Accepted(_) => {}
            Outcome::Refused(problem) => text.push_str(&format!("refused    {problem}\n")),
            Outcome::Failed => text.push_str(&explanations(std::slice::from_ref(result), print::colour())),
        }
    }
    text
}

/// `2 baselines written, 1 unchanged, 1 failed`.
fn counts(outcomes: &[Outcome]) -> String {
    let count = |meant: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| meant(outcome)).count();
    let written = count(&|outcome| matches!(outcome, Outcome::Accepted(acceptance) if acceptance.written));
    let mut text = format!("{written} baseline{} written", if written == 1 { "" } else { "s" });
    for (name, number) in [
        ("unchanged", count(&|outcome| matches!(outcome, Outcome::Accepted(acceptance) if !acceptance.written))),
        ("refused", count(&|outcome| matches!(outcome, Outcome::Refused(_)))),
        ("failed", count(&|outcome| matches!(outcome, Outcome::Failed))),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {name}"));
        }
    }
    text
}

fn exit(outcomes: &[Outcome]) -> Exit {
    if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed)) {
        Exit::Failed
    } else if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused(_))) {
        Exit::Setup
    } else {
        Exit::Within
    }
}

/// Removes the baselines that no scenario has.
fn prune(project: &Project) -> Result<Exit, CommandError> {
    let mut exit = Exit::Within;
    let files = unreferenced(project.root(), &project.suites)?;
    if files.is_empty() {
        print("every baseline has its scenario\n")?;
    }
    for file in files {
        let path = project.root().join(&file);
        match std::fs::remove_file(&path) {
            Ok(()) => print(&format!("removed  {}\n", file.display()))?,
            Err(error) => {
                complain(&format!("error: failed to remove {}: {error}\n", file.display()));
                exit = Exit::Setup;
            }
        }
        // The scenario's folder, when this was its last file; otherwise it stays.
        if let Some(folder) = path.parent() {
            let _ = std::fs::remove_dir(folder);
        }
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use highwater_model::{Cause, Failure, Metric, Provenance, Runtime, Sample, Tolerance, Workload};

    use super::*;

    fn result(scenario: &str, peak: i64) -> ScenarioResult {
        let workload = Workload { iterations: 1, runtime: Runtime::Sync, services: Default::default(), warm_up: 0 };
        let provenance = Provenance { target: "t".into(), ..Provenance::default() };
        let measurement = Measurement {
            samples: vec![Sample { metrics: [(Metric::PeakBytes, peak)].into(), ..Sample::default() }],
            tolerances: [(Metric::PeakBytes, Tolerance::new(0.02, 0))].into(),
            ..Measurement::new(Engine::Counting, provenance, workload)
        };
        ScenarioResult {
            format: ScenarioResult::FORMAT,
            suite: "worker".into(),
            scenario: scenario.into(),
            verdict: Verdict::New,
            baseline: format!("deep/baselines/worker/{scenario}/t.json"),
            measurement: Some(measurement),
            comparison: None,
            failure: None,
            sites: None,
            scaling: None,
        }
    }

    fn failed(scenario: &str) -> ScenarioResult {
        ScenarioResult {
            verdict: Verdict::Failed,
            measurement: None,
            failure: Some(Failure::before_the_run(Cause::NoMessage)),
            ..result(scenario, 0)
        }
    }

    #[test]
    fn the_sound_ones_are_written_beside_a_failed_one() {
        let root = tempfile::tempdir().unwrap();
        let results = [result("paged", 20_000), failed("upsert"), result("burst", 30_000)];
        let outcomes: Vec<Outcome> =
            results.iter().map(|result| accept(root.path(), result, Some("wider rows"))).collect();
        assert_eq!(exit(&outcomes), Exit::Failed);
        assert_eq!(counts(&outcomes), "2 baselines written, 1 failed");
        let text = std::fs::read_to_string(root.path().join("deep/baselines/worker/paged/t.json")).unwrap();
        assert_eq!(Baseline::parse(&text).unwrap().acceptance.reason, "wider rows");
        assert!(!root.path().join("deep/baselines/worker/upsert").exists());
        let report = report(&results, &outcomes);
        for part in [
            "  worker/paged  peak         -  19.5 KiB       -       -        1\n",
            "\nwrote      deep/baselines/worker/paged/t.json\nwrote      deep/baselines/worker/burst/t.json\n",
            "\nfailed  worker/upsert\n  the child exited with code 0",
        ] {
            assert!(report.contains(part), "{part:?} is not in\n{report}");
        }
    }

    #[test]
    fn a_file_with_the_same_text_is_not_touched() {
        let root = tempfile::tempdir().unwrap();
        let first = accept(root.path(), &result("paged", 20_000), None);
        assert_eq!(counts(&[first]), "1 baseline written");
        let path = root.path().join("deep/baselines/worker/paged/t.json");
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        let outcomes = [accept(root.path(), &result("paged", 20_000), None)];
        assert_eq!(counts(&outcomes), "0 baselines written, 1 unchanged");
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
        assert!(
            report(&[result("paged", 20_000)], &outcomes).contains("\nunchanged  deep/baselines/worker/paged/t.json\n")
        );
    }

    #[test]
    fn a_rise_needs_a_reason_and_small_steps_add_up() {
        let root = tempfile::tempdir().unwrap();
        let accept = |peak, reason| accept(root.path(), &result("paged", peak), reason);
        assert!(matches!(accept(20_000, None), Outcome::Accepted(_)));
        assert!(matches!(accept(20_300, None), Outcome::Accepted(_)));
        match accept(20_500, None) {
            Outcome::Refused(problem) => assert_eq!(
                problem,
                "worker/paged: peak has risen by 500 B, from 19.5 KiB that were accepted as \"first baseline\": say why it may \
                 with --reason"
            ),
            other => panic!("{other:?}"),
        }
        assert!(matches!(accept(20_500, Some("larger pages")), Outcome::Accepted(_)));
        assert!(matches!(accept(20_500, None), Outcome::Accepted(_)));
    }

    #[test]
    fn a_tolerance_that_the_samples_do_not_keep_is_refused_with_one_that_holds() {
        let root = tempfile::tempdir().unwrap();
        let mut result = result("paged", 20_000);
        let samples = &mut result.measurement.as_mut().unwrap().samples;
        samples.push(samples[0].clone());
        samples[1].metrics.insert(Metric::PeakBytes, 20_500);
        let outcome = accept(root.path(), &result, Some("why"));
        assert_eq!(exit(std::slice::from_ref(&outcome)), Exit::Setup);
        match outcome {
            Outcome::Refused(problem) => assert_eq!(
                problem,
                "worker/paged: the tolerance of peak is 400 B, and its 2 samples lie 500 B apart: declare \
                 `Tolerance::new(0.02, 500)` or more"
            ),
            other => panic!("{other:?}"),
        }
        assert!(!root.path().join("deep").exists(), "nothing was written");
    }

    #[test]
    fn a_malformed_baseline_is_replaced_and_a_newer_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        accept(root.path(), &result("paged", 20_000), None);
        let path = root.path().join("deep/baselines/worker/paged/t.json");
        let sound = std::fs::read_to_string(&path).unwrap();

        std::fs::write(&path, "<<<<<<< HEAD\n").unwrap();
        let results = [result("paged", 20_000)];
        let outcomes = [accept(root.path(), &results[0], None)];
        assert_eq!(exit(&outcomes), Exit::Within);
        assert!(report(&results, &outcomes).contains("\nreplaced   the baseline "));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), sound);

        let newer = sound.replacen("\"format\": 1", "\"format\": 2", 1);
        std::fs::write(&path, &newer).unwrap();
        let outcomes = [accept(root.path(), &results[0], None)];
        assert_eq!(exit(&outcomes), Exit::Setup);
        assert!(report(&results, &outcomes).starts_with("refused    the baseline "));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
    }
}
