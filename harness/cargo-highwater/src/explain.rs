//! `cargo highwater explain`: profiles scenarios on demand, compares their call sites with the baselines, and says what it
//! found. The files that it leaves are `draw`'s, the words `highwater-report`'s; it writes nothing that is committed.

use std::path::Path;

use clap::Args;
use highwater::{Listing, Mode, read_profile};
use highwater_model::{Baseline, Engine, Measurement, Metric, ScenarioResult, SiteDiff, SiteList, TopSites};
use highwater_profile::{Measure, Profile, diff};
use highwater_report::{Explained, explanations, profile_report};

use crate::build::BuildOptions;
use crate::draw::{DrawError, Drawn, draw};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::list::place;
use crate::print::{self, print};
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::select;

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Scenarios to profile: names, `suite/scenario`, or parts of these; all when there are none
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// What records call stacks: `sites`, which is highwater's own, or the crate `dhat` [default: sites where the suite was built
    /// with frame pointers, else dhat]
    #[arg(long, value_name = "ENGINE", value_parser = engine)]
    engine: Option<Engine>,
    /// Profile the ignored scenarios as well
    #[arg(long)]
    include_ignored: bool,
    #[command(flatten)]
    build: BuildOptions,
}

impl ExplainArguments {
    /// For the end of the help text.
    pub(crate) const EXAMPLE: &str = "\
Example:
  cargo highwater explain paged-first
  leaves target/highwater/<suite>/paged-first/peak.svg, retained.svg, profile.pb.gz, profile.dhat.json, ...";
}

/// What records call stacks.
const ENGINES: [Engine; 2] = [Engine::Sites, Engine::Dhat];

fn engine(name: &str) -> Result<Engine, String> {
    let engine = ENGINES.into_iter().find(|engine| engine.name() == name);
    engine.ok_or_else(|| format!("call stacks are recorded by {}", ENGINES.map(Engine::name).join(", ")))
}

/// A profile was recorded, and no file can be made of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExplainError {
    /// It cannot be read.
    #[error("failed to read the profile {0}")]
    Read(String),
    /// It cannot be drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
}

/// Profiles the scenarios, one run each.
///
/// # Errors
/// When there is nothing to profile, it cannot be built, or a file cannot be written.
pub(crate) fn explain(arguments: &ExplainArguments) -> Result<Exit, CommandError> {
    let project = Project::open(&arguments.build)?;
    let selection = select(&project.suites, &arguments.scenarios, arguments.include_ignored)?;
    let request = Request {
        mode: Mode::Profile,
        samples: None,
        // Stands for whichever the suite can.
        engine: arguments.engine.unwrap_or(Engine::Counting),
        include_ignored: arguments.include_ignored,
        injections: &[],
        limit: None,
        launcher: None,
    };
    let mut results = run(&selection, request, &project.interrupt)?;
    for ((_, listing), result) in selection.scenarios().zip(&mut results) {
        // The profile's path is there when a profile is: also of a run that ended at its limit.
        let text = match result.sites.as_ref().and_then(|sites| sites.profile.clone()) {
            Some(profile) => explain_one(project.root(), listing, result, Path::new(&profile), arguments.engine)?,
            None => explanations(std::slice::from_ref(result), print::colour()),
        };
        print(&text)?;
    }
    Ok(Exit::of_profiles(&results))
}

/// Compares a profile with the baseline, draws it, and says what there is. `shown` is its path from the root.
fn explain_one(
    root: &Path,
    listing: &Listing,
    result: &mut ScenarioResult,
    shown: &Path,
    chosen: Option<Engine>,
) -> Result<String, ExplainError> {
    let profile = read_profile(root, &root.join(shown)).map_err(ExplainError::Read)?;
    let accepted = accepted(root, listing);
    let name = format!("{}/{}", listing.suite, listing.scenario);
    let then = accepted.as_ref().ok().map(|(_, then)| then);
    let Drawn { files, not_drawn } = draw(root, shown, &name, &profile, then)?;
    let notes = notes(result, &profile, chosen);
    if let Some(sites) = &mut result.sites {
        sites.notes.extend(notes);
        match &accepted {
            Ok((baseline, then)) => {
                if result.measurement.as_ref().is_some_and(|now| now.workload != baseline.workload) {
                    sites.notes.push("the baseline is of another workload, and so are its sites".to_owned());
                }
                sites.diffs = differences(baseline, then, result.measurement.as_ref(), &profile);
            }
            Err(problem) => sites.notes.push(problem.clone()),
        }
        sites.notes.extend(not_drawn);
    }
    Ok(profile_report(&Explained { result, profile: &profile, files: &files }, print::colour()))
}

/// What a reader should know of the run and of its profile.
fn notes(result: &ScenarioResult, profile: &Profile, chosen: Option<Engine>) -> Vec<String> {
    let samples = result.measurement.iter().flat_map(|now| &now.samples);
    let mut notes: Vec<String> = samples.flat_map(|sample| sample.notes.clone()).collect();
    let is_dhat = result.sites.as_ref().is_some_and(|sites| sites.engine == Engine::Dhat);
    if chosen.is_none() && is_dhat {
        notes.push("dhat is slow: `-C force-frame-pointers=yes` lets highwater record call stacks itself".to_owned());
    }
    notes.extend(profile.remark().map(str::to_owned));
    notes
}

/// The baseline and its sites; otherwise why there is nothing to compare with, and the remedy.
fn accepted(root: &Path, listing: &Listing) -> Result<(Baseline, TopSites), String> {
    if listing.declared.is_some() {
        return Err("a workload at several sizes has no baseline to compare with".to_owned());
    }
    let (file, remedy) = (listing.baseline.display(), format!("`cargo highwater update {}`", listing.scenario));
    let missing = || format!("there is no baseline {file} to compare with: {remedy} accepts one");
    let (store, target) = place(root, &listing.baseline).ok_or_else(missing)?;
    let read = store.read(&listing.suite, &listing.scenario, &target);
    let mut baseline = read.map_err(|error| error.to_string())?.ok_or_else(missing)?;
    match baseline.sites.take() {
        Some(sites) => Ok((baseline, sites)),
        None => Err(format!("the baseline {file} lists no call sites to compare with: {remedy} records them")),
    }
}

/// How the sites differ from the baseline's. Without a measurement the run ended at its limit: what it would have retained nobody knows.
fn differences(baseline: &Baseline, then: &TopSites, now: Option<&Measurement>, profile: &Profile) -> Vec<SiteDiff> {
    let by = |metric: Metric, measure: Measure, then: &SiteList| {
        let counted = now.and_then(|now| now.spread(metric)).map(|spread| spread.median);
        let accepted = baseline.metrics.get(&metric).map(|metric| metric.spread.median);
        let change = match counted.zip(accepted) {
            Some((counted, accepted)) => counted - accepted,
            None => measure.of(&profile.amounts()).bytes - then.total().bytes,
        };
        diff(then, profile, measure, change)
    };
    let retained = now.map(|_| by(Metric::RetainedBytes, Measure::Retained, &then.retained));
    retained.into_iter().chain([by(Metric::PeakBytes, Measure::Peak, &then.peak)]).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use highwater_model::{Acceptance, Provenance, Runtime, Workload};

    use super::*;
    use crate::list::tests::listing;

    fn baseline() -> Baseline {
        Baseline {
            format: Baseline::FORMAT,
            acceptance: Acceptance { metrics: Default::default(), reason: Baseline::FIRST.into() },
            cost: None,
            metrics: Default::default(),
            provenance: Provenance::default(),
            scenario: "paged".into(),
            sites: Some(TopSites::default()),
            suite: "worker".into(),
            workload: Workload { iterations: 1, runtime: Runtime::Sync, services: Default::default(), warm_up: 0 },
        }
    }

    #[test]
    fn what_cannot_be_compared_with_is_told_with_the_remedy() {
        let root = tempfile::tempdir().unwrap();
        let listing = listing();
        let path = root.path().join(&listing.baseline);
        let remedy = "`cargo highwater update paged`";
        let missing = accepted(root.path(), &listing).unwrap_err();
        assert!(missing.starts_with("there is no baseline baselines/worker/paged/t.json") && missing.contains(remedy));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, Baseline { sites: None, ..baseline() }.to_text()).unwrap();
        let without = accepted(root.path(), &listing).unwrap_err();
        assert!(without.contains("lists no call sites") && without.contains(remedy), "{without}");
        fs::write(&path, "<<<<<<< HEAD\n").unwrap();
        assert!(accepted(root.path(), &listing).unwrap_err().contains("baselines/worker/paged/t.json"));
        fs::write(&path, baseline().to_text()).unwrap();
        assert_eq!(accepted(root.path(), &listing).unwrap().1, TopSites::default());
    }

    #[test]
    fn of_a_run_that_ended_at_its_limit_the_peak_alone_is_compared() {
        let diffs = differences(&baseline(), &TopSites::default(), None, &Profile::default());
        assert_eq!(diffs.iter().map(|diff| diff.metric).collect::<Vec<_>>(), [Metric::PeakBytes]);
    }
}
