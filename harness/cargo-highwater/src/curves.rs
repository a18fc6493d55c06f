//! The curves of a workspace, for the verbs that know them: which there are, their accepted frontiers, and what today's points are
//! beside these. What is compared how is `highwater-model`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use highwater::{BaselineStore, Listing, Mode, StoreError};
use highwater_model::{
    Curve, CurveError, CurvePoint, Engine, Frontier, FrontierComparison, ScenarioResult, Verdict,
};

use crate::error::CommandError;
use crate::list::place;
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::Selection;

/// A curve cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CurvesError {
    /// No bench has the curve that is meant.
    #[error("no curve matches {filter:?}; there are: {}", known.join(", "))]
    NoMatch {
        /// What was asked for.
        filter: String,
        /// The names of all.
        known: Vec<String>,
    },
    /// The bench has not run yet.
    #[error("the curve `{curve}` has not been measured here: `cargo bench` leaves {}", path.display())]
    NotMeasured {
        /// Its name.
        curve: String,
        /// The file that is missing.
        path: PathBuf,
    },
    /// The file that a bench left cannot be read.
    #[error("failed to read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file that a bench left is none of this version.
    #[error("the curve {} cannot be read: {cause}; `cargo bench` writes it anew", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: CurveError,
    },
    /// What is accepted cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A curve of the workspace.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) store: BaselineStore,
    pub(crate) target: String,
}

impl Known {
    /// The file of its accepted frontier, from the workspace's root.
    pub(crate) fn baseline(&self, root: &Path) -> PathBuf {
        let path = self.store.frontier_path(&self.name, &self.target);
        path.strip_prefix(root).map_or(path.clone(), Path::to_owned)
    }

    /// Its accepted frontier.
    ///
    /// # Errors
    /// When there is a file, and it is none.
    pub(crate) fn frontier(&self) -> Result<Option<Frontier>, CurvesError> {
        Ok(self.store.read_frontier(&self.name, &self.target)?)
    }
}

/// The curve that a scenario is a point of: names of curves have no dot.
fn curve_of(listing: &Listing) -> &str {
    listing.scenario.split('.').next().unwrap_or_default()
}

/// The curves that the benches of a project have and that any of the filters means; all when there are none.
///
/// # Errors
/// When a filter means none.
pub(crate) fn known(project: &Project, filters: &[String]) -> Result<Vec<Known>, CurvesError> {
    let mut all: BTreeMap<&str, Known> = BTreeMap::new();
    for listing in project.suites.iter().flat_map(|suite| &suite.scenarios) {
        if let Some((store, target)) = place(project.root(), &listing.baseline) {
            let name = curve_of(listing);
            all.entry(name).or_insert_with(|| Known { name: name.to_owned(), store, target });
        }
    }
    let names: Vec<String> = all.keys().map(|name| (*name).to_owned()).collect();
    if let Some(filter) = filters.iter().find(|filter| !names.iter().any(|name| name.contains(filter.as_str()))) {
        return Err(CurvesError::NoMatch { filter: filter.clone(), known: names });
    }
    let meant = |known: &Known| filters.is_empty() || filters.iter().any(|filter| known.name.contains(filter));
    Ok(all.into_values().filter(meant).collect())
}

/// The curve that the last `cargo bench` left.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn measured(project: &Project, name: &str) -> Result<Curve, CurvesError> {
    read(&project.target_directory().join("highwater/curves").join(format!("{name}.json")), name)
}

fn read(path: &Path, curve: &str) -> Result<Curve, CurvesError> {
    let text = std::fs::read_to_string(path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => {
            CurvesError::NotMeasured { curve: curve.to_owned(), path: path.to_owned() }
        }
        _ => CurvesError::Read { path: path.to_owned(), cause },
    })?;
    Curve::parse(&text).map_err(|cause| CurvesError::Malformed { path: path.to_owned(), cause })
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
    for known in known(project, &[])? {
        let baseline = known.baseline(project.root()).display().to_string();
        let mut curve = CheckedCurve { name: known.name.clone(), baseline, comparison: None, failed: Vec::new() };
        if let Some(frontier) = known.frontier()? {
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
        let suite: &crate::suite::Suite = suite;
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
        injection: None,
        limit: None,
    };
    Ok(run(&selection, request, &project.interrupt)?)
}

/// The points among the results, with how they were built, and the results without numbers.
fn points(
    frontier: &Frontier,
    results: Vec<ScenarioResult>,
) -> (Vec<(CurvePoint, highwater_model::Provenance)>, Vec<ScenarioResult>) {
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
