//! `cargo highwater list`: the scenarios there are, and what is accepted of each.

use std::path::Path;

use clap::Args;
use highwater::{BaselineStore, Listing, StoreError};
use highwater_report::{BaselineStatus, Listed, list_table};

use crate::build::BuildOptions;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::print::{complain, print};
use crate::project::Project;
use crate::unreferenced::{unreferenced, warning};

/// The arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    build: BuildOptions,
}

/// Lists the scenarios, building their suites first: nobody else knows them.
///
/// # Errors
/// When there is nothing to list, or it cannot be built.
pub(crate) fn list(arguments: &ListArguments) -> Result<Exit, CommandError> {
    let project = Project::open(&arguments.build)?;
    let mut listed = Vec::new();
    for listing in project.suites.iter().flat_map(|suite| &suite.scenarios) {
        let (baseline, problem) = match listing.declared {
            Some(declared) => (BaselineStatus::Growth(declared), None),
            None => status(project.root(), listing),
        };
        if let Some(problem) = problem {
            complain(&format!("warning: {problem}\n"));
        }
        let (suite, scenario) = (listing.suite.clone(), listing.scenario.clone());
        listed.push(Listed { suite, scenario, ignored: listing.ignored.is_some(), baseline });
    }
    print(&list_table(&listed))?;
    if arguments.build.package.is_empty() {
        complain(&warning(&unreferenced(project.root(), &project.suites)?));
    }
    Ok(Exit::Within)
}

/// What is accepted of a scenario, and what is wrong with that.
fn status(root: &Path, listing: &Listing) -> (BaselineStatus, Option<StoreError>) {
    let Some((store, target)) = place(root, &listing.baseline) else { return (BaselineStatus::Missing, None) };
    match store.read(&listing.suite, &listing.scenario, &target) {
        Ok(Some(baseline)) => (BaselineStatus::Accepted(Box::new(baseline)), None),
        Ok(None) => (BaselineStatus::Missing, None),
        Err(problem) => (BaselineStatus::Unreadable, Some(problem)),
    }
}

/// The store that a baseline's file is in, and its target: `<store>/<suite>/<scenario>/<target>.json`.
pub(crate) fn place(root: &Path, baseline: &Path) -> Option<(BaselineStore, String)> {
    let store = baseline.ancestors().nth(3)?;
    let target = baseline.file_stem()?.to_str()?;
    Some((BaselineStore::new(root.join(store)), target.to_owned()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A scenario without a baseline, unless its file is written.
    pub(crate) fn listing() -> Listing {
        Listing {
            suite: "worker".into(),
            scenario: "paged".into(),
            baseline: "baselines/worker/paged/t.json".into(),
            declared: None,
            ignored: None,
            variant: None,
        }
    }

    #[test]
    fn the_store_is_the_third_folder_above_a_baseline() {
        let (store, target) =
            place(Path::new("/w"), Path::new("a/b/worker/paged/x86_64-unknown-linux-gnu.json")).unwrap();
        assert_eq!(store, BaselineStore::new("/w/a/b"));
        assert_eq!(target, "x86_64-unknown-linux-gnu");
        assert_eq!(place(Path::new("/w"), Path::new("t.json")), None);
    }

    #[test]
    fn a_baseline_is_accepted_missing_or_unreadable() {
        let root = tempfile::tempdir().unwrap();
        let listing = listing();
        assert!(matches!(status(root.path(), &listing), (BaselineStatus::Missing, None)));
        let path = root.path().join(&listing.baseline);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "<<<<<<< HEAD\n").unwrap();
        assert!(matches!(
            status(root.path(), &listing),
            (BaselineStatus::Unreadable, Some(StoreError::Malformed { .. }))
        ));
    }
}
