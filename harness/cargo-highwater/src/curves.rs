//! The curves that the benches of a project have, beside their accepted frontiers. What is compared how is `highwater-model`'s.

use std::collections::BTreeMap;

use highwater::{BaselineStore, Listing, Mode};
use highwater_model::{CurvePoint, Engine, Frontier, FrontierComparison, Provenance, ScenarioResult, Verdict};

use crate::error::CommandError;
use crate::list::place;
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::Selection;
use crate::shelf::CurvesError;
use crate::suite::Suite;

/// A curve that a bench of the project has.
#[derive(Debug)]
struct Benched {
    name: String,
    store: BaselineStore,
    target: String,
}

/// The curves of a project's benches.
fn benched(project: &Project) -> Vec<Benched> {
    let mut all: BTreeMap<&str, Benched> = BTreeMap::new();
    for listing in project.suites.iter().flat_map(|suite| &suite.scenarios) {
        // A scenario is named by its curve, whose own name has no dot.
        let name = listing.scenario.split('.').next().unwrap_or_default();
        if let (Some((store, target)), BaselineStore::CURVES) =
            (place(project.root(), &listing.baseline), listing.suite.as_str())
        {
            all.entry(name).or_insert_with(|| Benched { name: name.to_owned(), store, target });
        }
    }
    all.into_values().collect()
}

/// How often a point is measured whose first sample does not hold the frontier.
const SAMPLES: usize = 5;

/// A frontier that was looked at again.
#[derive(Debug)]
pub(crate) struct CheckedCurve {
    pub(crate) name: String,
    /// The file of the accepted frontier, from the workspace's root.
    pub(crate) baseline: String,
    /// Absent where nothing is accepted yet.
    pub(crate) comparison: Option<FrontierComparison>,
    /// The points that yielded no numbers.
    pub(crate) failed: Vec<ScenarioResult>,
}

impl CheckedCurve {
    /// What it came to.
    pub(crate) fn verdict(&self) -> Verdict {
        match (&self.comparison, self.failed.is_empty()) {
            (_, false) => Verdict::Failed,
            (Some(comparison), true) => comparison.verdict,
            (None, true) => Verdict::New,
        }
    }
}

/// Measures the accepted points of each curve anew, and compares. One sample each; where that does not hold the frontier, the median of
/// five decides.
///
/// # Errors
/// When a frontier cannot be read, or a bench cannot be run.
pub(crate) fn check_frontiers(project: &Project, slower: Option<f64>) -> Result<Vec<CheckedCurve>, CommandError> {
    let mut checked = Vec::new();
    for Benched { name, store, target } in benched(project) {
        let path = store.frontier_path(&name, &target);
        let baseline = path.strip_prefix(project.root()).unwrap_or(&path).display().to_string();
        let accepted = store.read_frontier(&name, &target);
        let mut curve = CheckedCurve { name, baseline, comparison: None, failed: Vec::new() };
        if let Some(frontier) = accepted.map_err(CurvesError::Store)? {
            for samples in [1, SAMPLES] {
                let results = sample(project, &frontier, samples)?;
                let (points, failed) = points(&frontier, results);
                let provenance = points.first().map(|(_, provenance)| provenance.clone()).unwrap_or_default();
                let points: Vec<CurvePoint> = points.into_iter().map(|(point, _)| point).collect();
                curve.comparison = Some(frontier.compare(&points, &provenance, slower));
                curve.failed = failed;
                if curve.verdict() != Verdict::Regressed {
                    break;
                }
            }
        }
        checked.push(curve);
    }
    Ok(checked)
}

/// Runs the scenarios of the points that a comparison needs. Those that no bench has any more are left out.
fn sample(project: &Project, frontier: &Frontier, samples: usize) -> Result<Vec<ScenarioResult>, CommandError> {
    let needed = frontier.needed();
    let of_suite = |suite| {
        let suite: &Suite = suite;
        let listings: Vec<&Listing> =
            suite.scenarios.iter().filter(|listing| needed.contains_key(&listing.scenario)).collect();
        (!listings.is_empty()).then_some((suite, listings))
    };
    let selection = Selection { suites: project.suites.iter().filter_map(of_suite).collect(), ignored: 0 };
    let request = Request {
        mode: Mode::Sample,
        samples: Some(samples),
        engine: Engine::Counting,
        include_ignored: true,
        injections: &[],
        limit: None,
        launcher: None,
    };
    Ok(run(&selection, request, &project.interrupt)?)
}

/// The points among the results, with how they were built, and the results without numbers.
fn points(frontier: &Frontier, results: Vec<ScenarioResult>) -> (Vec<(CurvePoint, Provenance)>, Vec<ScenarioResult>) {
    let (mut points, mut failed, mut settings) = (Vec::new(), Vec::new(), frontier.needed());
    for result in results {
        let setting = settings.remove(&result.scenario);
        let point = result.measurement.as_ref().filter(|_| result.failure.is_none()).and_then(|measurement| {
            Some((CurvePoint::new(&frontier.curve, setting?, measurement)?, measurement.provenance.clone()))
        });
        match point {
            Some(point) => points.push(point),
            None => failed.push(result),
        }
    }
    (points, failed)
}
