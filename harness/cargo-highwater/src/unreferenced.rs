//! Baselines that no scenario has any more: it was renamed or removed, and its file stayed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::suite::Suite;

/// The folder of a suite's baselines is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the folder {}: {cause}", folder.display())]
pub(crate) struct FolderError {
    folder: PathBuf,
    cause: io::Error,
}

/// The baselines, from the workspace's root and in order, in the folders of these suites that belong to none of their
/// scenarios. A suite that is not among them is left alone: it may be built with other features.
///
/// # Errors
/// When a folder is there and cannot be read.
pub(crate) fn unreferenced(root: &Path, suites: &[Suite]) -> Result<Vec<PathBuf>, FolderError> {
    let mut known: BTreeMap<&Path, BTreeSet<&str>> = BTreeMap::new();
    for listing in suites.iter().flat_map(|suite| &suite.scenarios) {
        // <folder of the suite>/<scenario>/<target>.json
        if let Some(folder) = listing.baseline.ancestors().nth(2) {
            known.entry(folder).or_default().insert(&listing.scenario);
        }
    }
    let mut found = Vec::new();
    for (folder, scenarios) in known {
        for scenario in entries(&root.join(folder))? {
            let name = scenario.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if scenarios.contains(name) || !scenario.is_dir() {
                continue;
            }
            for file in entries(&scenario)? {
                if file.extension().is_some_and(|extension| extension == "json") && file.is_file() {
                    found.push(file.strip_prefix(root).map_or(file.clone(), Path::to_owned));
                }
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// What is in a folder; nothing when there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let failed = |cause| FolderError { folder: folder.to_owned(), cause };
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect(),
    }
}

/// Says which baselines no scenario has; empty when every one has its scenario.
pub(crate) fn warning(unreferenced: &[PathBuf]) -> String {
    if unreferenced.is_empty() {
        return String::new();
    }
    let files: String = unreferenced.iter().map(|path| format!("\n  {}", path.display())).collect();
    format!(
        "warning: baselines of scenarios that no longer exist (`cargo highwater update --prune` removes them):{files}\n"
    )
}

#[cfg(test)]
mod tests {
    use highwater::Listing;

    use super::*;
    use crate::environment::Launch;

    fn suite(scenario: &str) -> Suite {
        Suite {
            target: "`memory` of package `worker`".into(),
            launch: Launch::default(),
            scenarios: vec![Listing {
                suite: "worker".into(),
                scenario: scenario.into(),
                baseline: format!("baselines/worker/{scenario}/t.json").into(),
                declared: None,
                ignored: None,
                variant: None,
            }],
        }
    }

    #[test]
    fn only_baselines_of_known_suites_without_a_scenario_are_found() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "baselines/worker/paged/t.json",
            "baselines/worker/paged/another-target.json",
            "baselines/worker/gone/t.json",
            "baselines/worker/gone/another-target.json",
            "baselines/worker/gone/notes.md",
            "baselines/worker/README.json",
            "baselines/other-suite/gone/t.json",
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}").unwrap();
        }
        let found = unreferenced(root.path(), &[suite("paged"), suite("upsert")]).unwrap();
        let expected = ["baselines/worker/gone/another-target.json", "baselines/worker/gone/t.json"].map(PathBuf::from);
        assert_eq!(found, expected);
        assert!(
            warning(&found)
                .ends_with(":\n  baselines/worker/gone/another-target.json\n  baselines/worker/gone/t.json\n")
        );
    }

    #[test]
    fn a_suite_without_baselines_has_none_too_many() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(unreferenced(root.path(), &[suite("paged")]).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(warning(&[]), "");
    }
}
