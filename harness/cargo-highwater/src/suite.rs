//! The suites among the binaries that were built, each with its scenarios. An ordinary test binary is never taken for one: it
//! would run tests that nobody asked for.

use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use cargo_metadata::TargetKind;
use highwater::{Control, Listing, Mode};

use crate::build::{BuildOptions, Built};
use crate::environment::{Environment, Launch};
use crate::interrupt::Interrupt;
use crate::process;
use crate::workspace::Workspace;

/// A suite that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suite {
    /// For messages: the package and its test target.
    pub(crate) target: String,
    /// How it is started.
    pub(crate) launch: Launch,
    /// Its scenarios, and workloads at several sizes, at least one, in the order of their declaration.
    pub(crate) scenarios: Vec<Listing>,
}

impl Suite {
    /// The suites without their workloads at several sizes.
    pub(crate) fn without_sizes(suites: &[Self]) -> Vec<Self> {
        let mut suites = suites.to_vec();
        for suite in &mut suites {
            suite.scenarios.retain(|listing| listing.declared.is_none());
        }
        suites
    }

    fn order(&self) -> (Option<&str>, &str) {
        (self.scenarios.first().map(|listing| listing.suite.as_str()), &self.target)
    }
}

/// The suites cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SuiteError {
    /// A binary cannot be read, or its output.
    #[error("failed to read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A suite cannot be started.
    #[error("failed to start the suite {target}: {cause}")]
    Start {
        /// Package and test target.
        target: String,
        /// Why.
        cause: io::Error,
    },
    /// A suite did not list its scenarios.
    #[error("the suite {target} did not list its scenarios ({status}):\n{output}")]
    List {
        /// Package and test target.
        target: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its standard error.
        output: String,
    },
    /// A suite's list is of another version.
    #[error(
        "the suite {target} listed its scenarios in a form that is not understood ({message}): `cargo highwater` and its `highwater` \
         dependency are of different versions"
    )]
    Listing {
        /// Package and test target.
        target: String,
        /// What is wrong.
        message: String,
    },
    /// Two suites have the same scenario, and so the same baseline.
    #[error(
        "{first} and {second} both have the scenario {name}: name one of the suites otherwise, its name is its baselines' folder"
    )]
    Twice {
        /// `suite/scenario`.
        name: String,
        /// Package and test target of the first.
        first: String,
        /// And of the other.
        second: String,
    },
    /// No binary is a suite, or none has a scenario.
    #[error(
        "no suite with a scenario found in {0}: a suite is a test target with `harness = false` whose main function calls \
         `highwater::Suite::main`", places.join(", ")
    )]
    None {
        /// The test targets that were looked at.
        places: Vec<String>,
    },
    /// Somebody asked for the end.
    #[error("interrupted")]
    Interrupted,
}

/// Finds the suites that were built, and asks each for its scenarios.
///
/// # Errors
/// When there is none, or when one does not answer.
pub(crate) fn find_suites(
    workspace: &Workspace,
    built: &Built,
    options: &BuildOptions,
    environment: &Environment,
    interrupt: &Interrupt,
) -> Result<Vec<Suite>, SuiteError> {
    let mut suites = Vec::new();
    let mut places = Vec::new();
    for artifact in &built.artifacts {
        let (Some(package), Some(executable), true) = (
            workspace.candidate(&artifact.package_id, options),
            &artifact.executable,
            artifact.target.kind.iter().any(|kind| matches!(kind, TargetKind::Test | TargetKind::Bench)),
        ) else {
            continue;
        };
        let target = format!("`{}` of package `{}`", artifact.target.name, package.name);
        places.push(target.clone());
        if !has_marker(executable.as_std_path())? {
            continue;
        }
        let launch = environment.launch(built, package, executable.as_std_path());
        let scenarios = list(&launch, &target, interrupt)?;
        // An ordinary test that speaks of our variable lists no scenario, and neither does a suite that has none.
        if !scenarios.is_empty() {
            suites.push(Suite { target, launch, scenarios });
        }
    }
    if suites.is_empty() {
        return Err(SuiteError::None { places });
    }
    // Cargo builds in parallel and reports as it goes; readers want the same order every time.
    suites.sort_by(|one, other| one.order().cmp(&other.order()));
    check_names(&suites)?;
    Ok(suites)
}

/// Whether the executable reads our variable, whose name is then among its bytes.
fn has_marker(executable: &Path) -> Result<bool, SuiteError> {
    let bytes = std::fs::read(executable).map_err(|cause| SuiteError::Read { path: executable.to_owned(), cause })?;
    Ok(memchr::memmem::find(&bytes, Control::VARIABLE.as_bytes()).is_some())
}

/// Asks a suite for its scenarios. `--list` is for what is no suite after all: a test binary then lists, and runs nothing.
fn list(launch: &Launch, target: &str, interrupt: &Interrupt) -> Result<Vec<Listing>, SuiteError> {
    let control = Control { mode: Mode::List, ..Control::default() };
    let failed = |cause| SuiteError::Start { target: target.to_owned(), cause };
    let mut stdout = tempfile::tempfile().map_err(failed)?;
    let mut stderr = tempfile::tempfile().map_err(failed)?;
    let mut command = launch.command(&["--list"]);
    command.env(Control::VARIABLE, control.to_variable()).stdin(Stdio::null());
    command.stdout(stdout.try_clone().map_err(failed)?).stderr(stderr.try_clone().map_err(failed)?);
    let status = process::run(&mut command, interrupt, || {}).map_err(|cause| failed(not_found(&command, cause)))?;
    if interrupt.requested() {
        return Err(SuiteError::Interrupted);
    }
    if !status.success() {
        stderr.rewind().map_err(failed)?;
        let mut output = Vec::new();
        stderr.read_to_end(&mut output).map_err(failed)?;
        let output = String::from_utf8_lossy(&output).trim_end().to_owned();
        return Err(SuiteError::List { target: target.to_owned(), status, output });
    }
    stdout.rewind().map_err(failed)?;
    let mut text = Vec::new();
    stdout.read_to_end(&mut text).map_err(failed)?;
    listings(&String::from_utf8_lossy(&text))
        .map_err(|error| SuiteError::Listing { target: target.to_owned(), message: error.to_string() })
}

/// Names the program that is not there.
fn not_found(command: &Command, cause: io::Error) -> io::Error {
    match cause.kind() {
        io::ErrorKind::NotFound => {
            io::Error::new(cause.kind(), format!("{}: {cause}", command.get_program().display()))
        }
        _ => cause,
    }
}

/// The scenarios among the lines; other lines are of static constructors or libtest.
fn listings(text: &str) -> serde_json::Result<Vec<Listing>> {
    text.lines().filter(|line| line.starts_with('{')).map(serde_json::from_str).collect()
}

/// Two scenarios of the same name in the same suite would share a baseline.
fn check_names(suites: &[Suite]) -> Result<(), SuiteError> {
    for (i, suite) in suites.iter().enumerate() {
        for listing in &suite.scenarios {
            let same = |other: &Listing| (&other.suite, &other.scenario) == (&listing.suite, &listing.scenario);
            if let Some(second) = suites[i + 1..].iter().find(|other| other.scenarios.iter().any(same)) {
                return Err(SuiteError::Twice {
                    name: format!("{}/{}", listing.suite, listing.scenario),
                    first: suite.target.clone(),
                    second: second.target.clone(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::tests::{artifact_message, built};
    use crate::workspace::tests::workspace;

    /// A shell script in place of a binary.
    fn script(folder: &Path, name: &str, body: &str) -> String {
        let path = folder.join(name);
        std::fs::write(&path, body).unwrap();
        path.display().to_string()
    }

    fn find(messages: &[String], folder: &Path) -> Result<Vec<Suite>, SuiteError> {
        let mut workspace = workspace(&[]);
        // The package's folder must exist to be started in.
        workspace.metadata.packages[0].manifest_path = folder.join("Cargo.toml").try_into().unwrap();
        let options = BuildOptions::default();
        find_suites(&workspace, &built(messages), &options, &Environment::with_runner("sh"), &Interrupt::default())
    }

    const ONE: &str =
        r#"echo '{"suite":"worker","scenario":"paged","baseline":"b/worker/paged/t.json","ignored":null}'"#;

    #[test]
    fn a_suite_is_a_test_target_of_a_candidate_that_reads_our_variable() {
        let folder = tempfile::tempdir().unwrap();
        let ran = folder.path().join("ran");
        let touch = format!("touch '{}'", ran.display());
        let suite = script(
            folder.path(),
            "suite",
            &format!(
                "case $HIGHWATER_CONTROL in *'\"list\"'*) [ \"$1\" = --list ] && echo noise && {ONE};; *) exit 3;; esac"
            ),
        );
        let marked = format!("{touch} # HIGHWATER_CONTROL");
        let suites = find(
            &[
                artifact_message("worker", "memory", "test", Some(&suite)),
                artifact_message("worker", "ordinary", "test", Some(&script(folder.path(), "ordinary", &touch))),
                artifact_message("worker", "worker", "bin", Some(&script(folder.path(), "bin", &marked))),
                artifact_message("plain", "plain", "test", Some(&script(folder.path(), "plain", &marked))),
            ],
            folder.path(),
        )
        .unwrap();
        assert_eq!(suites.len(), 1);
        assert_eq!(suites[0].target, "`memory` of package `worker`");
        assert_eq!(suites[0].scenarios[0].scenario, "paged");
        assert!(!ran.exists(), "only the suite is started");
    }

    #[test]
    fn a_test_binary_that_speaks_of_the_variable_is_no_suite() {
        let folder = tempfile::tempdir().unwrap();
        let test =
            script(folder.path(), "test", "echo 'a_fact: test'; echo '1 test, 0 benchmarks' # HIGHWATER_CONTROL");
        let error = find(&[artifact_message("worker", "memory", "test", Some(&test))], folder.path()).unwrap_err();
        assert!(
            error.to_string().starts_with("no suite with a scenario found in `memory` of package `worker`"),
            "{error}"
        );
    }

    #[test]
    fn a_suite_that_does_not_answer_is_told_with_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let suite =
            script(folder.path(), "suite", "echo 'highwater: two scenarios named x' >&2; exit 1 # HIGHWATER_CONTROL");
        let error = find(&[artifact_message("worker", "memory", "test", Some(&suite))], folder.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the suite `memory` of package `worker` did not list its scenarios (exit status: 1):\nhighwater: two scenarios named x"
        );
    }

    #[test]
    fn a_list_of_another_version_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let suite = script(folder.path(), "suite", "echo '{\"suite\":\"worker\"}' # HIGHWATER_CONTROL");
        let error = find(&[artifact_message("worker", "memory", "test", Some(&suite))], folder.path()).unwrap_err();
        assert!(error.to_string().contains("of different versions"), "{error}");
    }

    #[test]
    fn two_suites_cannot_share_a_baseline() {
        let folder = tempfile::tempdir().unwrap();
        let suite = script(folder.path(), "suite", &format!("{ONE} # HIGHWATER_CONTROL"));
        let messages = ["memory", "other"].map(|name| artifact_message("worker", name, "test", Some(&suite)));
        let error = find(&messages, folder.path()).unwrap_err();
        assert!(
            error.to_string().starts_with(
                "`memory` of package `worker` and `other` of package `worker` both have the scenario worker/paged"
            ),
            "{error}"
        );
    }
}
