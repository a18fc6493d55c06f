//! The curves of a workspace as files, and which of them somebody means: by a curve's name, or by a scenario of its suite. It builds and
//! runs nothing; what is accepted of a curve, and how it stands today, is `curves`'s.

use std::io;
use std::path::{Path, PathBuf};

use highwater::{BaselineStore, StoreError, TARGET};
use highwater_model::{Curve, CurveError, Frontier};

use crate::build::BuildOptions;
use crate::error::CommandError;
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
    /// The scenarios that are meant are of suites that have no curve.
    #[error(
        "no curve of {suite}, whose scenarios {filter:?} means; there are {}: a curve is a suite's whose name it has or begins with, as \
         `Sweep::new(\"{suite}\")` in a bench target; `cargo bench` leaves it in {}", nothing_or(known), results.display()
    )]
    OfSuite {
        /// What was asked for.
        filter: String,
        /// The first of the suites.
        suite: String,
        /// The curves that there are.
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

fn nothing_or(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

/// A curve, as the last bench left it, or else as much of it as is accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    Measured(Curve),
    Accepted(Frontier),
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

    /// The curves that the filter means, each with the scenarios by which it does. A curve's whole name means that one; otherwise
    /// scenarios are meant as `check` means them, and lead to the curves of their suites; otherwise it is a part of a curve's name.
    ///
    /// # Errors
    /// When a file cannot be read, or the filter means none.
    pub(crate) fn asked(&self, filter: &str) -> Result<Vec<(Known, Vec<String>)>, CurvesError> {
        let store = BaselineStore::new(self.baselines());
        let is_measured = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
        let measured = self.names(&self.results, is_measured)?;
        let is_accepted = |path: &Path| path.join(format!("{}.json", self.target)).is_file();
        let mut curves = self.names(&self.baselines().join(BaselineStore::CURVES), is_accepted)?;
        curves.extend(measured.iter().cloned());
        curves.sort_unstable();
        curves.dedup();
        let mut known = Vec::new();
        for (name, scenarios) in self.lead(filter, &curves, &self.scenarios()?)? {
            let curve = if measured.contains(&name) {
                Some(Known::Measured(read(&self.results.join(format!("{name}.json")))?))
            } else {
                store.read_frontier(&name, &self.target)?.map(Known::Accepted)
            };
            known.extend(curve.map(|curve| (curve, scenarios)));
        }
        Ok(known)
    }

    /// To which of the curves a filter leads, and by which of the scenarios.
    fn lead(
        &self,
        filter: &str,
        curves: &[String],
        scenarios: &[Name],
    ) -> Result<Vec<(String, Vec<String>)>, CurvesError> {
        let all = |curve: &String| (curve.clone(), Vec::new());
        if let Some(curve) = curves.iter().find(|curve| *curve == filter) {
            return Ok(vec![all(curve)]);
        }
        let is_exact = scenarios.iter().any(|name| name.is(filter));
        let meant: Vec<&Name> =
            scenarios.iter().filter(|name| if is_exact { name.is(filter) } else { name.has(filter) }).collect();
        let led = curves.iter().filter_map(|curve| {
            let suite = suite_of(curve, scenarios)?;
            let by: Vec<String> =
                meant.iter().filter(|name| name.suite == suite).map(|name| name.scenario.clone()).collect();
            (!by.is_empty()).then(|| (curve.clone(), by))
        });
        let mut led: Vec<(String, Vec<String>)> = led.collect();
        if led.is_empty() {
            led.extend(curves.iter().filter(|curve| curve.contains(filter)).map(all));
        }
        match (led.is_empty(), meant.first()) {
            (false, _) => Ok(led),
            (true, None) => {
                let leads = |name: &&Name| curves.iter().any(|curve| suite_of(curve, scenarios) == Some(&name.suite));
                let known = curves.iter().cloned().chain(scenarios.iter().filter(leads).map(Name::whole));
                Err(self.no_match(format!("or scenario matches {filter:?}"), known.collect()))
            }
            (true, Some(name)) => Err(CurvesError::OfSuite {
                filter: filter.to_owned(),
                suite: name.suite.clone(),
                known: curves.to_vec(),
                results: self.results.clone(),
            }),
        }
    }

    /// The scenarios that have a baseline, or a result of a run, by the folders of both: nothing is built to ask for them.
    fn scenarios(&self) -> Result<Vec<Name>, CurvesError> {
        let results = self.results.parent().unwrap_or(&self.results);
        let mut scenarios = Vec::new();
        for folder in [&self.baselines(), results] {
            for suite in self.names(folder, |path| path.is_dir() && !path.ends_with(BaselineStore::CURVES))? {
                let names = self.names(&folder.join(&suite), Path::is_dir)?;
                scenarios.extend(names.into_iter().map(|scenario| Name { suite: suite.clone(), scenario }));
            }
        }
        scenarios.sort_unstable();
        scenarios.dedup();
        Ok(scenarios)
    }

    /// The folder where baselines are by default.
    fn baselines(&self) -> PathBuf {
        self.root.join("baselines")
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
            // A folder's name may have a dot that begins no extension.
            let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
            names.extend(name.filter(|_| is_one(&path)).map(|name| name.to_string_lossy().into_owned()));
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

/// A scenario, by the folders that are named after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    suite: String,
    scenario: String,
}

impl Name {
    fn is(&self, filter: &str) -> bool {
        filter == self.scenario || filter == self.whole()
    }

    fn has(&self, filter: &str) -> bool {
        self.whole().contains(filter)
    }

    fn whole(&self) -> String {
        format!("{}/{}", self.suite, self.scenario)
    }
}

/// The suite that a curve is of: the one whose name it has, or begins with; of several, the longest.
fn suite_of<'a>(curve: &str, scenarios: &'a [Name]) -> Option<&'a str> {
    let suites = scenarios.iter().map(|name| name.suite.as_str());
    suites.filter(|suite| begins_with(curve, suite)).max_by_key(|suite| suite.len())
}

/// Whether a name has another as its first words: `ats-sync-repeat` begins with `ats-sync`, and not with `ats-s`.
pub(crate) fn begins_with(name: &str, words: &str) -> bool {
    name.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']))
}

fn read(path: &Path) -> Result<Curve, CurvesError> {
    let text = std::fs::read_to_string(path).map_err(|cause| CurvesError::Read { path: path.to_owned(), cause })?;
    Curve::parse(&text).map_err(|cause| CurvesError::Malformed { path: path.to_owned(), cause })
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
    fn a_filter_leads_to_curves_by_their_names_or_by_scenarios() {
        let scenario = |suite: &str, scenario: &str| Name { suite: suite.to_owned(), scenario: scenario.to_owned() };
        let scenarios = [
            scenario("buffers", "whole"),
            scenario("sync", "paged"),
            scenario("sync", "paged-repeat"),
            scenario("sync", "sync-worker"),
            scenario("sync-days", "paged"),
            scenario("worker", "burst"),
        ];
        let curves = ["sync", "sync-cold", "sync-days-cold", "worker"].map(str::to_owned);
        let check = |filter: &str, expect: &[(&str, &[&str])]| {
            let expect: Vec<(String, Vec<String>)> = expect
                .iter()
                .map(|(curve, by)| ((*curve).to_owned(), by.iter().map(ToString::to_string).collect()))
                .collect();
            assert_eq!(shelf().lead(filter, &curves, &scenarios).unwrap(), expect, "{filter}");
        };
        check("sync", &[("sync", &[])]);
        check("burst", &[("worker", &["burst"])]);
        check("sync/paged", &[("sync", &["paged"]), ("sync-cold", &["paged"])]);
        check("paged", &[("sync", &["paged"]), ("sync-cold", &["paged"]), ("sync-days-cold", &["paged"])]);
        check("repeat", &[("sync", &["paged-repeat"]), ("sync-cold", &["paged-repeat"])]);
        check("cold", &[("sync-cold", &[]), ("sync-days-cold", &[])]);
        let problem = |filter: &str| shelf().lead(filter, &curves, &scenarios).unwrap_err().to_string();
        assert_eq!(
            problem("whole"),
            "no curve of buffers, whose scenarios \"whole\" means; there are sync, sync-cold, sync-days-cold, worker: a curve is a \
             suite's whose name it has or begins with, as `Sweep::new(\"buffers\")` in a bench target; `cargo bench` leaves it in \
             /w/target/highwater/curves"
        );
        let brust = problem("brust");
        assert!(brust.starts_with("no curve or scenario matches \"brust\"; there are sync, sync-cold, "), "{brust}");
        assert!(brust.contains(", worker/burst: `cargo bench`") && !brust.contains("buffers"), "{brust}");
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
