//! What the documents say of the tree is true: the direction of the crates, the names in ARCHITECTURE.md, where unsafe code
//! lives, and that a scenario links the same code however it is started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::project::{Ran, cargo, root};

/// Which crates of the workspace each crate may depend on; in tests (`dev`) also on those behind the `+`.
const DIRECTION: &[(&str, &str)] = &[
    ("highwater-model", ""),
    ("highwater-alloc", ""),
    ("highwater-profile", "highwater-model"),
    ("highwater", "highwater-model highwater-alloc highwater-profile"),
    ("highwater-replay", "highwater"),
    ("highwater-containers", "highwater"),
    ("highwater-services", "highwater highwater-containers"),
    ("highwater-report", "highwater-model highwater-profile"),
    ("highwater-curves", "highwater highwater-model highwater-report"),
    ("cargo-highwater", "highwater highwater-containers highwater-model highwater-profile highwater-report"),
    ("highwater-fixtures", ""),
    ("program", ""),
    ("ats-sync", "program + highwater highwater-curves highwater-replay highwater-services"),
    ("job-worker", "program + highwater highwater-curves highwater-replay highwater-services"),
    ("highwater-e2e", "+ highwater-model"),
];

#[test]
fn crates_depend_in_one_direction() {
    let metadata =
        MetadataCommand::new().current_dir(root()).no_deps().other_options(["--offline".into()]).exec().unwrap();
    let members: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let listed: BTreeSet<&str> = DIRECTION.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, listed, "DIRECTION lists every crate of the workspace");
    for (name, allowed) in DIRECTION {
        let (always, in_tests) = allowed.split_once('+').unwrap_or((allowed, ""));
        let package = metadata.packages.iter().find(|package| package.name.as_str() == *name).unwrap();
        for dependency in package.dependencies.iter().filter(|dependency| members.contains(dependency.name.as_str())) {
            let may = always.split_whitespace().any(|allowed| allowed == dependency.name)
                || dependency.kind == DependencyKind::Development
                    && in_tests.split_whitespace().any(|allowed| allowed == dependency.name);
            assert!(may, "{name} may not depend on {} ({:?})", dependency.name, dependency.kind);
        }
    }
}

#[test]
fn versions_stand_once() {
    let metadata =
        MetadataCommand::new().current_dir(root()).no_deps().other_options(["--offline".into()]).exec().unwrap();
    for package in &metadata.packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        for line in manifest.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let version = line.contains("version = \"")
                || line.split_once(" = \"").is_some_and(|(_, value)| value.starts_with(|c: char| c.is_ascii_digit()));
            assert!(!version, "{}: {line:?} belongs to [workspace.dependencies]", package.manifest_path);
        }
    }
}

/// The files of the project, by git.
fn files() -> Vec<PathBuf> {
    let listed = Ran::of(Command::new("git").current_dir(root()).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .expect(0)
    .stdout;
    listed.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_source_file_opens_by_saying_what_it_owns() {
    for path in files().iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        assert!(text(path).starts_with("//! "), "{} does not open with `//! `", path.display());
    }
}

#[test]
fn unsafe_code_is_in_the_allocator_s_crate_alone() {
    // Put together here, so that this file does not find itself.
    let word = ["un", "safe"].concat();
    for path in files().iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let used = text(path).lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|token| token == word)
        });
        assert!(!used || path.starts_with("harness/alloc"), "{} uses {word} code", path.display());
    }
}

/// What stands between backticks and looks like a path of this project.
fn paths_in(document: &str) -> Vec<String> {
    let folders = ["harness/", "scenarios/", "fixtures/", "baselines/", "tests/", ".github/", ".ci/", ".cargo/"];
    let quoted = document.split('`').skip(1).step_by(2);
    let paths = quoted
        .filter(|text| folders.iter().any(|folder| text.starts_with(folder)) && !text.contains(['<', '*', '{', ' ']));
    paths.map(str::to_owned).collect()
}

#[test]
fn every_path_that_the_documents_name_exists() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let paths = paths_in(&text(Path::new(document)));
        assert!(document != "ARCHITECTURE.md" || paths.len() > 20, "ARCHITECTURE.md names {} paths", paths.len());
        for path in paths {
            assert!(root().join(&path).exists(), "{document} names `{path}`, which does not exist");
        }
    }
}

#[test]
fn every_crate_and_module_is_in_the_architecture() {
    let architecture = text(Path::new("ARCHITECTURE.md"));
    for (name, _) in DIRECTION {
        assert!(architecture.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name `{name}`");
    }
}

/// The features of every package that `cargo tree` finds for these arguments.
fn features(arguments: &[&str]) -> BTreeMap<String, String> {
    let mut command = cargo(root());
    command
        .args(["tree", "--prefix", "none", "--no-dedupe", "-e", "normal,dev", "-f", "{p}\t{f}", "--locked"])
        .args(arguments);
    let listed = Ran::of(&mut command).expect(0).stdout;
    listed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(package, features)| (package.to_owned(), features.to_owned()))
        .collect()
}

#[test]
fn a_scenario_links_the_same_code_however_it_is_started() {
    let workspace = features(&["--workspace"]);
    let metadata =
        MetadataCommand::new().current_dir(root()).no_deps().other_options(["--offline".into()]).exec().unwrap();
    // What scenarios share has none of its own.
    let has_a_suite = |package: &&Package| package.dependencies.iter().any(|dependency| dependency.name == "highwater");
    let scenarios = metadata.packages.iter().filter(|package| package.manifest_path.as_str().contains("/scenarios/"));
    let scenarios = scenarios.filter(has_a_suite);
    let mut checked = 0;
    for package in scenarios {
        for (dependency, alone) in features(&["-p", package.name.as_str()]) {
            assert_eq!(
                Some(&alone),
                workspace.get(&dependency),
                "{dependency} has other features with `-p {}` than with `--workspace`: name their union in [workspace.dependencies]",
                package.name
            );
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} dependencies were compared");
}
