//! The curves of a workspace, for the verbs that know them: which there are, their accepted frontiers, and what today's points are
//! beside these. What is compared how is `highwater-model`'s.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use highwater::{BaselineStore, Listing, Mode, StoreError, TARGET};
use highwater_model::{Curve, CurveError, CurvePoint, Engine, Frontier, FrontierComparison, ScenarioResult, Verdict};

use crate::build::BuildOptions;
use crate::error::CommandError;
use crate::list::place;
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::Selection;
use crate::suite::Suite;
use crate::workspace::Workspace;

/// A curve cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CurvesError {
    /// There is no curve of the name that is meant.
    #[error(
        "no curve {what}{}: `cargo bench` leaves curves in {}", listed(known), results.display()
    )]
    NoMatch {
        /// What was asked for.
        what: String,
        /// The names of those that were found.
        known: Vec<String>,
        /// Where they are.
        results: PathBuf,
    },
    /// A file or folder cannot be read.
    #[error("failed to read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file that a bench left is none of this version.
    #[error("the curve {} cannot be read: {cause}; `cargo bench` writes it anew", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: CurveError,
    },
    /// What is accepted cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) }
}

/// Where the curves of a workspace are, without anything being built.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) root: PathBuf,
    results: PathBuf,
    target: String,
}

impl Shelf {
    /// Asks cargo.
    ///
    /// # Errors
    /// When there is no workspace.
    pub(crate) fn find(options: &BuildOptions) -> Result<Self, CommandError> {
        let workspace = Workspace::load(options)?;
        let target_directory = match &options.target_dir {
            Some(folder) => folder.clone(),
            None => workspace.metadata.target_directory.as_std_path().to_owned(),
        };
        Ok(Self {
            root: workspace.metadata.workspace_root.as_std_path().to_owned(),
            results: target_directory.join("highwater").join(BaselineStore::CURVES),
            target: options.target.clone().unwrap_or_else(|| TARGET.to_owned()),
        })
    }

    /// The curves that benches left and that any of the filters means; all when there are none.
    ///
    /// # Errors
    /// When a file cannot be read, or a filter means none.
    pub(crate) fn measured(&self, filters: &[String]) -> Result<Vec<Curve>, CurvesError> {
        let names = self.names(&self.results, |path| path.extension().is_some_and(|extension| extension == "json"))?;
        let meant = self.meant(names, filters)?;
        meant.iter().map(|name| read(&self.results.join(format!("{name}.json")))).collect()
    }

    /// The frontiers that are accepted for this target and that the filter means, in the folder where baselines are by default.
    ///
    /// # Errors
    /// When a file cannot be read, or the filter means none.
    pub(crate) fn accepted(&self, filter: &String) -> Result<Vec<Frontier>, CurvesError> {
        let folder = self.root.join("baselines");
        let store = BaselineStore::new(&folder);
        let names = self.names(&folder.join(BaselineStore::CURVES), Path::is_dir)?;
        let meant = self.meant(names, std::slice::from_ref(filter))?;
        let mut frontiers = Vec::new();
        for name in &meant {
            frontiers.extend(store.read_frontier(name, &self.target)?);
        }
        if frontiers.is_empty() {
            return Err(self.no_match(format!("matches {filter:?} on {}", self.target), Vec::new()));
        }
        Ok(frontiers)
    }

    /// The path from the workspace's root, for people.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// What is named so in a folder; nothing when there is no such folder.
    fn names(&self, folder: &Path, is_one: impl Fn(&Path) -> bool) -> Result<Vec<String>, CurvesError> {
        let failed = |cause| CurvesError::Read { path: folder.to_owned(), cause };
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            names.extend(path.file_stem().filter(|_| is_one(&path)).map(|stem| stem.to_string_lossy().into_owned()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// A filter that is a name means that curve alone; otherwise every one of whose name it is a part.
    fn meant(&self, names: Vec<String>, filters: &[String]) -> Result<Vec<String>, CurvesError> {
        let means = |filter: &String, name: &String| {
            if names.contains(filter) { filter == name } else { name.contains(filter.as_str()) }
        };
        if let Some(filter) = filters.iter().find(|filter| !names.iter().any(|name| means(filter, name))) {
            return Err(self.no_match(format!("matches {filter:?}"), names));
        }
        if names.is_empty() {
            return Err(self.no_match("has been measured here".to_owned(), names));
        }
        let is_meant = |name: &&String| filters.is_empty() || filters.iter().any(|filter| means(filter, name));
        Ok(names.iter().filter(is_meant).cloned().collect())
    }

    fn no_match(&self, what: String, known: Vec<String>) -> CurvesError {
        CurvesError::NoMatch { what, known, results: self.results.clone() }
    }
}

fn read(path: &Path) -> Result<Curve, CurvesError> {
    let text = std::fs::read_to_string(path).map_err(|cause| CurvesError::Read { path: path.to_owned(), cause })?;
    Curve::parse(&text).map_err(|cause| CurvesError::Malformed { path: path.to_owned(), cause })
}

/// A curve that a bench of the project has.
#[derive(Debug)]
struct Known {
    name: String,
    store: BaselineStore,
    target: String,
}

/// The curves of a project's benches.
fn known(project: &Project) -> Vec<Known> {
    let mut all: BTreeMap<&str, Known> = BTreeMap::new();
    for listing in project.suites.iter().flat_map(|suite| &suite.scenarios) {
        // A scenario is named by its curve, whose own name has no dot.
        let name = listing.scenario.split('.').next().unwrap_or_default();
        if let (Some((store, target)), BaselineStore::CURVES) =
            (place(project.root(), &listing.baseline), listing.suite.as_str())
        {
            all.entry(name).or_insert_with(|| Known { name: name.to_owned(), store, target });
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
    for known in known(project) {
        let path = known.store.frontier_path(&known.name, &known.target);
        let baseline = path.strip_prefix(project.root()).unwrap_or(&path).display().to_string();
        let mut curve = CheckedCurve { name: known.name.clone(), baseline, comparison: None, failed: Vec::new() };
        if let Some(frontier) = known.store.read_frontier(&known.name, &known.target).map_err(CurvesError::Store)? {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> Shelf {
        Shelf { root: "/w".into(), results: "/w/target/highwater/curves".into(), target: "t".into() }
    }

    #[test]
    fn a_name_means_itself_and_a_part_every_curve_that_has_it() {
        let check = |filters: &[&str], expect: &[&str]| {
            let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
            let names = ["sync", "sync-repeat", "worker"].map(str::to_owned).to_vec();
            assert_eq!(shelf().meant(names, &filters).unwrap(), expect, "{filters:?}");
        };
        check(&[], &["sync", "sync-repeat", "worker"]);
        check(&["sync"], &["sync"]);
        check(&["syn"], &["sync", "sync-repeat"]);
        check(&["worker", "repeat"], &["sync-repeat", "worker"]);
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let error = shelf().meant(vec!["sync".into()], &["wroker".into()]).unwrap_err().to_string();
        assert_eq!(
            error,
            "no curve matches \"wroker\"; there are sync: `cargo bench` leaves curves in /w/target/highwater/curves"
        );
        let error = shelf().meant(Vec::new(), &[]).unwrap_err().to_string();
        assert!(error.starts_with("no curve has been measured here: "), "{error}");
    }
}
