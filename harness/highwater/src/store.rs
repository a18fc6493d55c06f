//! Where baselines are kept: one file per scenario and target, written whole or not at all. What is in them is
//! `highwater-model`'s.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use highwater_model::{Baseline, BaselineError, Frontier};

/// The committed baselines: `<root>/<suite>/<scenario>/<target>.json`; of curves `<root>/curves/<curve>/<target>.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineStore {
    root: PathBuf,
}

/// A baseline could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is there and cannot be read.
    #[error("failed to read the baseline {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file is no baseline.
    #[error(
        "the baseline {0} is malformed: {cause}; restore it (`git checkout -- {0}`) or accept new numbers over it \
         (`cargo highwater update {scenario}`)", path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The scenario's name.
        scenario: String,
        /// What is wrong, and where.
        cause: BaselineError,
    },
    /// A later version of highwater wrote the file. It is never rewritten.
    #[error(
        "the baseline {} cannot be read: {cause}; use the version of highwater that wrote it", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The two formats.
        cause: BaselineError,
    },
    /// The file belongs to another scenario: it was copied or renamed.
    #[error(
        "the baseline {} is of scenario {found:?}, not {expected:?}; if the scenario was renamed, accept its numbers anew \
         (`cargo highwater update`)", path.display()
    )]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// Whose it says it is, as `suite/scenario`.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The file could not be written. What was there before is unchanged.
    #[error("failed to write the baseline {}: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl BaselineStore {
    /// The suite of the points of all curves: the folder of accepted frontiers.
    pub const CURVES: &str = "curves";

    /// The store below this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The file of a scenario's baseline, whether it exists or not.
    pub fn path(&self, suite: &str, scenario: &str, target: &str) -> PathBuf {
        self.root.join(suite).join(scenario).join(format!("{target}.json"))
    }

    /// Reads a scenario's baseline; `None` when there is none.
    ///
    /// # Errors
    /// When the file is there and cannot be read as this scenario's baseline.
    pub fn read(&self, suite: &str, scenario: &str, target: &str) -> Result<Option<Baseline>, StoreError> {
        let path = self.path(suite, scenario, target);
        let Some(baseline) = read_accepted(&path, scenario, Baseline::parse)? else { return Ok(None) };
        if (baseline.suite.as_str(), baseline.scenario.as_str()) != (suite, scenario) {
            return Err(StoreError::Misplaced {
                path,
                found: format!("{}/{}", baseline.suite, baseline.scenario),
                expected: format!("{suite}/{scenario}"),
            });
        }
        Ok(Some(baseline))
    }

    /// The file of a curve's accepted frontier, whether it exists or not.
    pub fn frontier_path(&self, curve: &str, target: &str) -> PathBuf {
        self.path(Self::CURVES, curve, target)
    }

    /// Reads the accepted frontier of a curve; `None` when there is none.
    ///
    /// # Errors
    /// When the file is there and cannot be read as the frontier of this curve.
    pub fn read_frontier(&self, curve: &str, target: &str) -> Result<Option<Frontier>, StoreError> {
        let path = self.frontier_path(curve, target);
        let frontier = read_accepted(&path, &format!("--curves {curve}"), Frontier::parse)?;
        match frontier {
            Some(frontier) if frontier.curve != curve => Err(StoreError::Misplaced {
                path,
                found: format!("curves/{}", frontier.curve),
                expected: format!("curves/{curve}"),
            }),
            frontier => Ok(frontier),
        }
    }

    /// Writes the accepted frontier of a curve, as [`write`](Self::write) does a baseline.
    ///
    /// # Errors
    /// When the old file is of a newer format, or the new one cannot be written.
    pub fn write_frontier(&self, frontier: &Frontier) -> Result<PathBuf, StoreError> {
        let (curve, target) = (&frontier.curve, &frontier.provenance.target);
        if let Err(newer @ StoreError::Newer { .. }) = self.read_frontier(curve, target) {
            return Err(newer);
        }
        let path = self.frontier_path(curve, target);
        write_whole(&path, frontier.to_text().as_bytes())
            .map_err(|cause| StoreError::Write { path: path.clone(), cause })?;
        Ok(path)
    }

    /// Writes a baseline through a temporary file in the same folder, synced and renamed over the old one, so that a reader or a
    /// crash finds the old file or the new one and never a part. A file of a newer format is refused, a malformed one replaced.
    ///
    /// # Errors
    /// When the old file is of a newer format, or the new one cannot be written.
    pub fn write(&self, baseline: &Baseline) -> Result<PathBuf, StoreError> {
        let path = self.path(&baseline.suite, &baseline.scenario, &baseline.provenance.target);
        if let Err(newer @ StoreError::Newer { .. }) =
            self.read(&baseline.suite, &baseline.scenario, &baseline.provenance.target)
        {
            return Err(newer);
        }
        write_whole(&path, baseline.to_text().as_bytes())
            .map_err(|cause| StoreError::Write { path: path.clone(), cause })?;
        Ok(path)
    }
}

/// Reads what is accepted; `None` when there is no file.
fn read_accepted<T>(
    path: &Path,
    scenario: &str,
    parse: impl Fn(&str) -> Result<T, BaselineError>,
) -> Result<Option<T>, StoreError> {
    let path = path.to_owned();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(StoreError::Read { path, cause }),
    };
    parse(&text).map(Some).map_err(|cause| match cause {
        BaselineError::NewerFormat { .. } => StoreError::Newer { path, cause },
        BaselineError::Malformed { .. } => StoreError::Malformed { path, scenario: scenario.to_owned(), cause },
    })
}

/// Writes a file whole or not at all, creating its folder.
///
/// # Errors
/// When it cannot be written; what was there before is unchanged.
///
/// # Panics
/// When the path is the root of a file system.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().expect("a file has a folder");
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; what is committed is readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.prefix(".highwater-").tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater_model::{Engine, Measurement, Metric, Provenance, Runtime, Sample, Workload};

    fn baseline() -> Baseline {
        let workload = Workload { iterations: 1, runtime: Runtime::Sync, services: Default::default(), warm_up: 0 };
        let provenance = Provenance { target: "t".into(), ..Provenance::default() };
        let sample = Sample { metrics: [(Metric::PeakBytes, 1_000)].into(), ..Sample::default() };
        let measurement =
            Measurement { samples: vec![sample], ..Measurement::new(Engine::Counting, provenance, workload) };
        Baseline::accept("worker", "paged", &measurement, None, None)
    }

    fn store() -> (tempfile::TempDir, BaselineStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = BaselineStore::new(folder.path().join("baselines"));
        (folder, store)
    }

    #[test]
    fn a_missing_baseline_is_none() {
        let (_folder, store) = store();
        assert!(store.read("worker", "paged", "t").unwrap().is_none());
    }

    #[test]
    fn what_is_written_is_read_and_no_temporary_file_stays() {
        let (_folder, store) = store();
        let path = store.write(&baseline()).unwrap();
        assert!(path.ends_with("baselines/worker/paged/t.json"));
        assert_eq!(store.read("worker", "paged", "t").unwrap(), Some(baseline()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_malformed_baseline_names_file_line_and_remedy() {
        let (_folder, store) = store();
        let path = store.write(&baseline()).unwrap();
        let text = fs::read_to_string(&path).unwrap().replacen("\"max\": 1000", "\"max\": oops", 1);
        fs::write(&path, &text).unwrap();
        let line = 1 + text.lines().position(|line| line.contains("oops")).unwrap();
        let error = store.read("worker", "paged", "t").unwrap_err().to_string();
        for part in [path.to_str().unwrap(), &format!("line {line}"), "git checkout", "cargo highwater update paged"] {
            assert!(error.contains(part), "{part:?} is not in {error}");
        }
    }

    #[test]
    fn a_newer_baseline_is_neither_read_nor_rewritten() {
        let (_folder, store) = store();
        let path = store.write(&baseline()).unwrap();
        let newer = fs::read_to_string(&path).unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
        fs::write(&path, &newer).unwrap();
        assert!(matches!(store.read("worker", "paged", "t"), Err(StoreError::Newer { .. })));
        assert!(matches!(store.write(&baseline()), Err(StoreError::Newer { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    }

    #[test]
    fn a_copied_baseline_is_not_taken_for_the_scenario_s_own() {
        let (_folder, store) = store();
        let path = store.write(&baseline()).unwrap();
        let other = store.path("worker", "upsert", "t");
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::copy(path, other).unwrap();
        let error = store.read("worker", "upsert", "t").unwrap_err().to_string();
        assert!(error.contains("worker/paged") && error.contains("worker/upsert"), "{error}");
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let (_folder, store) = store();
        let path = store.path("worker", "paged", "t");
        // A folder stands where the file should: the rename fails, whoever runs the test.
        fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(matches!(store.write(&baseline()), Err(StoreError::Write { .. })));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
