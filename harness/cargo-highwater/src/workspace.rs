//! The workspace as cargo describes it: its root, and the test targets that may be suites. Which of them are is seen only when
//! they are built.

use std::collections::BTreeSet;

use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId, Target, TargetKind};

use crate::build::BuildOptions;

/// The dependency that every suite has.
const HIGHWATER: &str = "highwater";

/// The dependency that every bench of a curve has.
const CURVES: &str = "highwater-curves";

/// A workspace.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) metadata: Metadata,
}

/// There is no workspace, or no place for suites in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    /// Cargo cannot read it.
    #[error("{}", .0.to_string().trim_end())]
    Metadata(#[from] cargo_metadata::Error),
    /// No package could have a suite.
    #[error(
        "no suite found in {root}: a suite is a test target with `harness = false`, in a package that depends on `highwater`, whose \
         main function calls `highwater::Suite::main`"
    )]
    NoCandidate {
        /// The workspace's root.
        root: String,
    },
    /// No package has a curve.
    #[error(
        "no curve found in {root}: a curve is a bench target with `harness = false`, in a package that depends on `highwater-curves`, \
         whose main function calls `highwater_curves::Sweep::main`"
    )]
    NoBench {
        /// The workspace's root.
        root: String,
    },
    /// The package that was asked for has no suite.
    #[error("package `{asked}` has no suite; packages with test targets that depend on `highwater`: {}", known.join(", "))]
    UnknownPackage {
        /// What was asked for.
        asked: String,
        /// Those that could be meant.
        known: Vec<String>,
    },
}

/// The targets to build, as arguments of cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    /// The test targets of these names, in whatever package.
    Tests(Vec<String>),
    /// All test targets. One that requires features cannot be named while they are off, so then cargo chooses.
    AllTests,
    /// The bench targets of these names, in whatever package.
    Benches(Vec<String>),
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// When there is no workspace, or its manifests are wrong.
    pub(crate) fn load(options: &BuildOptions) -> Result<Self, WorkspaceError> {
        let mut command = MetadataCommand::new();
        command.no_deps();
        if let Some(manifest_path) = &options.manifest_path {
            command.manifest_path(manifest_path);
        }
        Ok(Self { metadata: command.exec()? })
    }

    /// The packages that depend on one of these.
    fn depending_on(&self, names: &[&str]) -> impl Iterator<Item = &Package> {
        let depends =
            move |package: &Package| package.dependencies.iter().any(|one| names.contains(&one.name.as_str()));
        self.metadata.packages.iter().filter(move |package| depends(package))
    }

    /// The test targets to build for the suites of all packages.
    ///
    /// # Errors
    /// When no package can have a suite, or one of `options.package` has none.
    pub(crate) fn test_targets(&self, options: &BuildOptions) -> Result<Targets, WorkspaceError> {
        let candidates = || self.depending_on(&[HIGHWATER]).filter(|package| package.targets.iter().any(is_test));
        let known: Vec<String> = candidates().map(|package| package.name.to_string()).collect();
        if known.is_empty() {
            return Err(WorkspaceError::NoCandidate { root: self.metadata.workspace_root.to_string() });
        }
        if let Some(asked) = options.package.iter().find(|asked| !known.contains(asked)) {
            return Err(WorkspaceError::UnknownPackage { asked: asked.clone(), known });
        }
        let names = names(candidates(), is_test);
        // Cargo builds the targets of these names in every package, also where no suite can be.
        let mut built = self.metadata.packages.iter().flat_map(|package| &package.targets);
        if built.any(|target| is_test(target) && names.contains(&target.name) && !target.required_features.is_empty()) {
            return Ok(Targets::AllTests);
        }
        Ok(Targets::Tests(names))
    }

    /// The bench targets to build for the curves of all packages.
    ///
    /// # Errors
    /// When no package has one.
    pub(crate) fn bench_targets(&self, options: &BuildOptions) -> Result<Targets, WorkspaceError> {
        let packages = self.depending_on(&[CURVES]).filter(|package| is_asked_for(package, options));
        let names = names(packages, |target| target.kind.contains(&TargetKind::Bench));
        if names.is_empty() {
            return Err(WorkspaceError::NoBench { root: self.metadata.workspace_root.to_string() });
        }
        Ok(Targets::Benches(names))
    }

    /// The package of this id, if it may have suites and was asked for.
    pub(crate) fn candidate(&self, id: &PackageId, options: &BuildOptions) -> Option<&Package> {
        self.depending_on(&[HIGHWATER, CURVES]).find(|package| package.id == *id && is_asked_for(package, options))
    }
}

/// Whether the package was named, or none was.
fn is_asked_for(package: &Package, options: &BuildOptions) -> bool {
    options.package.is_empty() || options.package.iter().any(|asked| *asked == *package.name)
}

/// The names of these targets of the packages, in order, each once.
fn names<'a>(packages: impl Iterator<Item = &'a Package>, meant: impl Fn(&Target) -> bool) -> Vec<String> {
    let targets = packages.flat_map(|package| &package.targets).filter(|target| meant(target));
    targets.map(|target| target.name.clone()).collect::<BTreeSet<String>>().into_iter().collect()
}

/// Whether `cargo test` builds and runs it as an integration test.
fn is_test(target: &Target) -> bool {
    target.kind.contains(&TargetKind::Test) && target.test
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A package of a workspace in `/w`, with these test targets.
    fn package(name: &str, dependency: &str, targets: &[Value]) -> Value {
        json!({
            "name": name, "version": "1.2.3", "id": format!("path+file:///w/{name}#1.2.3"), "source": null,
            "description": "a worker", "license": null, "license_file": null,
            "dependencies": [{
                "name": dependency, "source": null, "req": "*", "kind": "dev", "rename": "hw", "optional": false,
                "uses_default_features": true, "features": [], "target": null, "registry": null
            }],
            "targets": targets, "features": {}, "manifest_path": format!("/w/{name}/Cargo.toml"), "metadata": null,
            "publish": null, "authors": ["A. B.", "C."], "categories": [], "keywords": [], "readme": null,
            "repository": null, "homepage": null, "documentation": null, "edition": "2024", "links": null,
            "default_run": null, "rust_version": "1.95"
        })
    }

    pub(crate) fn target(name: &str, kind: &str, required_features: &[&str]) -> Value {
        json!({
            "kind": [kind], "crate_types": ["bin"], "name": name, "src_path": format!("/w/{name}.rs"), "edition": "2024",
            "doc": false, "doctest": false, "test": name != "untested", "required-features": required_features
        })
    }

    /// `worker` has suites, `plain` does not depend on `highwater`, `lib` has no test target.
    pub(crate) fn workspace(required_features: &[&str]) -> Workspace {
        let packages = json!([
            package(
                "worker",
                "highwater",
                &[
                    target("worker", "bin", &[]),
                    target("memory", "test", required_features),
                    target("untested", "test", &[]),
                ]
            ),
            package("plain", "serde", &[target("plain", "test", &[])]),
            package("lib", "highwater", &[target("lib", "lib", &[])]),
        ]);
        let ids: Vec<&Value> = packages.as_array().unwrap().iter().map(|package| &package["id"]).collect();
        let metadata = json!({
            "packages": packages, "workspace_members": ids, "workspace_default_members": ids, "resolve": null,
            "target_directory": "/w/target", "version": 1, "workspace_root": "/w", "metadata": null
        });
        Workspace { metadata: serde_json::from_value(metadata).unwrap() }
    }

    fn options(package: &[&str]) -> BuildOptions {
        BuildOptions { package: package.iter().map(ToString::to_string).collect(), ..BuildOptions::default() }
    }

    #[test]
    fn only_test_targets_of_packages_with_the_dependency_are_built() {
        assert_eq!(workspace(&[]).test_targets(&options(&[])).unwrap(), Targets::Tests(vec!["memory".into()]));
        assert_eq!(workspace(&[]).test_targets(&options(&["worker"])).unwrap(), Targets::Tests(vec!["memory".into()]));
    }

    #[test]
    fn cargo_chooses_where_a_target_requires_features() {
        assert_eq!(workspace(&["postgres"]).test_targets(&options(&[])).unwrap(), Targets::AllTests);
    }

    #[test]
    fn a_package_without_a_suite_is_told_with_those_that_have_one() {
        for asked in ["plain", "lib", "workr"] {
            let error = workspace(&[]).test_targets(&options(&[asked])).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{asked}` has no suite")) && error.ends_with("`highwater`: worker"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_workspace_without_suites_says_what_a_suite_is() {
        let mut workspace = workspace(&[]);
        workspace.metadata.packages.remove(0);
        let error = workspace.test_targets(&options(&[])).unwrap_err().to_string();
        assert!(error.contains("no suite found in /w: a suite is a test target with `harness = false`"), "{error}");
    }

    #[test]
    fn a_package_that_was_not_asked_for_is_no_candidate() {
        let workspace = workspace(&[]);
        let id = workspace.metadata.packages[0].id.clone();
        assert!(workspace.candidate(&id, &options(&[])).is_some());
        assert!(workspace.candidate(&id, &options(&["worker"])).is_some());
        assert!(workspace.candidate(&id, &options(&["other"])).is_none());
        assert!(workspace.candidate(&workspace.metadata.packages[1].id, &options(&[])).is_none());
    }
}
