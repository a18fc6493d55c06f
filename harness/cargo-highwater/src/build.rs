//! Building the test targets with cargo, exactly as `cargo test --workspace` does, and reading what it built. Which of that are
//! suites is `suite`'s.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, BuildScript, Message};
use clap::{ArgAction, Args};

use crate::interrupt::Interrupt;
use crate::process;
use crate::workspace::Targets;

/// What is passed on to cargo.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Build options (as for `cargo test --workspace`)")]
pub(crate) struct BuildOptions {
    /// Only the suites of this package; what is built, and with which features, stays the same
    #[arg(short, long, value_name = "NAME", action = ArgAction::Append)]
    pub(crate) package: Vec<String>,
    /// Build with the release profile
    #[arg(short, long, conflicts_with = "profile")]
    pub(crate) release: bool,
    /// Build with this profile
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Features to activate, separated by commas or spaces
    #[arg(short = 'F', long, value_name = "FEATURES", action = ArgAction::Append)]
    pub(crate) features: Vec<String>,
    /// Activate all features
    #[arg(long)]
    pub(crate) all_features: bool,
    /// Do not activate the `default` feature
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Build for this target triple
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
    /// Directory for everything that is built
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) target_dir: Option<PathBuf>,
    /// The workspace's Cargo.toml, or one of a package in it
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Number of parallel build jobs
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) jobs: Option<String>,
    /// Assert that Cargo.lock stays unchanged
    #[arg(long)]
    pub(crate) locked: bool,
    /// Run without accessing the network
    #[arg(long)]
    pub(crate) offline: bool,
    /// As --locked and --offline together
    #[arg(long)]
    pub(crate) frozen: bool,
}

impl BuildOptions {
    /// The arguments for cargo. Never `--package`: features are chosen for all packages that are built together, so a selection
    /// would measure another binary than `cargo test --workspace` does.
    /// Cargo builds benches with the release profile and takes no flag for that.
    fn arguments(&self, benches: bool) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        for (flag, set) in [
            ("--release", self.release && !benches),
            ("--all-features", self.all_features),
            ("--no-default-features", self.no_default_features),
            ("--locked", self.locked),
            ("--offline", self.offline),
            ("--frozen", self.frozen),
        ] {
            if set {
                arguments.push(flag.into());
            }
        }
        let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        for features in &self.features {
            option("--features", features.into());
        }
        for (name, value) in [("--profile", &self.profile), ("--target", &self.target), ("--jobs", &self.jobs)] {
            if let Some(value) = value {
                option(name, value.into());
            }
        }
        for (name, path) in [("--target-dir", &self.target_dir), ("--manifest-path", &self.manifest_path)] {
            if let Some(path) = path {
                option(name, path.into());
            }
        }
        arguments
    }
}

/// There is nothing built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Cargo said why on the standard error.
    #[error("the build failed")]
    Failed,
    /// Somebody asked for the end.
    #[error("interrupted while building")]
    Interrupted,
    /// Cargo cannot be run, or what it says cannot be read.
    #[error("failed to run {}: {cause}", program.display())]
    Cargo {
        /// The program.
        program: OsString,
        /// Why.
        cause: io::Error,
    },
}

/// What cargo built.
#[derive(Debug, Clone, Default)]
pub(crate) struct Built {
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) scripts: Vec<BuildScript>,
}

impl Built {
    /// Reads cargo's messages, a line of JSON each; lines that are none are of tools that cargo started.
    fn read(messages: impl BufRead) -> io::Result<Self> {
        let mut built = Self::default();
        for message in Message::parse_stream(messages) {
            match message? {
                Message::CompilerArtifact(artifact) => built.artifacts.push(artifact),
                Message::BuildScriptExecuted(script) => built.scripts.push(script),
                _ => {}
            }
        }
        Ok(built)
    }
}

/// The cargo that started us, or the one in the path.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Builds the targets. What the compiler says and how far it is goes to the standard error, as ever.
///
/// # Errors
/// When the build fails or is interrupted.
pub(crate) fn build(options: &BuildOptions, targets: &Targets, interrupt: &Interrupt) -> Result<Built, BuildError> {
    let program = cargo();
    let failed = |cause| BuildError::Cargo { program: program.clone(), cause };
    // A file, not a pipe: nobody has to read while cargo runs.
    let mut messages = tempfile::tempfile().map_err(failed)?;
    let mut command = Command::new(&program);
    // What `cargo run` tells us of our own package, as by the alias `cargo highwater`: build scripts that look at these (ring's
    // does) would run again, and everything above them.
    for (name, _) in std::env::vars_os() {
        let of_ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"];
        if name.to_str().is_some_and(|name| of_ours.iter().any(|start| name.starts_with(start))) {
            command.env_remove(name);
        }
    }
    const COMMON: [&str; 3] = ["--no-run", "--workspace", "--message-format=json-render-diagnostics"];
    match targets {
        Targets::Tests(names) => command.arg("test").args(COMMON).args(names.iter().flat_map(|name| ["--test", name])),
        Targets::AllTests => command.arg("test").args(COMMON).arg("--tests"),
        Targets::Benches(names) => {
            command.arg("bench").args(COMMON).args(names.iter().flat_map(|name| ["--bench", name]))
        }
    };
    command.args(options.arguments(matches!(targets, Targets::Benches(_))));
    command.stdin(Stdio::null()).stdout(messages.try_clone().map_err(failed)?);
    let status = process::run(&mut command, interrupt, || {}).map_err(failed)?;
    if interrupt.requested() {
        return Err(BuildError::Interrupted);
    }
    if !status.success() {
        return Err(BuildError::Failed);
    }
    messages.rewind().map_err(failed)?;
    Built::read(BufReader::<File>::new(messages)).map_err(failed)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The message of an artifact, as cargo writes it.
    pub(crate) fn artifact_message(package: &str, name: &str, kind: &str, executable: Option<&str>) -> String {
        serde_json::json!({
            "reason": "compiler-artifact", "package_id": format!("path+file:///w/{package}#1.2.3"),
            "manifest_path": format!("/w/{package}/Cargo.toml"),
            "target": crate::workspace::tests::target(name, kind, &[]),
            "profile": {
                "opt_level": "3", "debuginfo": 0, "debug_assertions": false, "overflow_checks": false, "test": kind == "test"
            },
            "features": [], "filenames": executable.iter().collect::<Vec<_>>(), "executable": executable, "fresh": true
        })
        .to_string()
    }

    pub(crate) fn built(messages: &[String]) -> Built {
        Built::read(messages.join("\n").as_bytes()).unwrap()
    }

    #[test]
    fn artifacts_and_scripts_are_read_among_other_lines() {
        let built = built(&[
            artifact_message("worker", "worker", "lib", None),
            "warning: a wrapper of the compiler wrote this".into(),
            r#"{"reason":"build-script-executed","package_id":"path+file:///w/worker#1.2.3","linked_libs":[],"linked_paths":["native=/w/target/out/lib"],"cfgs":[],"env":[["A","1"]],"out_dir":"/w/target/out"}"#.into(),
            artifact_message("worker", "memory", "test", Some("/w/target/debug/deps/memory-1")),
            r#"{"reason":"build-finished","success":true}"#.into(),
        ]);
        let names: Vec<&str> = built.artifacts.iter().map(|artifact| artifact.target.name.as_str()).collect();
        assert_eq!(names, ["worker", "memory"]);
        assert_eq!(built.scripts[0].out_dir, "/w/target/out");
    }

    #[test]
    fn options_are_passed_on_and_packages_are_not() {
        let options = BuildOptions {
            package: vec!["worker".into()],
            release: true,
            features: vec!["a,b".into(), "c".into()],
            manifest_path: Some("x/Cargo.toml".into()),
            locked: true,
            ..BuildOptions::default()
        };
        assert_eq!(
            options.arguments(false).join(" ".as_ref()),
            "--release --locked --features a,b --features c --manifest-path x/Cargo.toml"
        );
    }
}
