//! What `cargo test` would give a test binary: its folder, its variables, its runner. With less, or with what is left from our
//! own start, a suite could measure something else when we start it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_config2::{Config, PathAndArgs};
use cargo_metadata::{Package, TargetKind};

use crate::build::{BuildOptions, Built, cargo};

/// Cargo's configuration cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read cargo's configuration: {0}")]
pub(crate) struct EnvironmentError(#[from] cargo_config2::Error);

/// What cargo's configuration files say about the programs that cargo starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// `[env]`: name, value, and whether it replaces a variable that is set.
    variables: Vec<(String, OsString, bool)>,
    /// `target.<triple>.runner`: a program that starts the binary.
    runner: Option<PathAndArgs>,
}

/// How a test binary is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
    variables: Vec<(String, OsString)>,
}

impl Environment {
    /// Reads cargo's configuration for the current folder, as cargo does.
    ///
    /// # Errors
    /// When a file of it is malformed.
    pub(crate) fn load(options: &BuildOptions) -> Result<Self, EnvironmentError> {
        let config = Config::load()?;
        let targets = config.build_target_for_config(options.target.iter().map(String::as_str))?;
        let runner = match targets.first() {
            Some(target) => config.runner(target)?,
            None => None,
        };
        let variables = config.env.into_iter().map(|(name, value)| (name, value.value, value.force)).collect();
        Ok(Self { variables, runner })
    }

    /// Without variables, and with this program to start binaries.
    #[cfg(test)]
    pub(crate) fn with_runner(program: &str) -> Self {
        Self { variables: Vec::new(), runner: Some(PathAndArgs::new(program)) }
    }

    /// How cargo would start this executable of the package.
    pub(crate) fn launch(&self, built: &Built, package: &Package, executable: &Path) -> Launch {
        let folder = package.manifest_path.as_std_path().parent().unwrap_or(Path::new("")).to_owned();
        let unset = |name: &str| std::env::var_os(name).is_none();
        let mut variables: Vec<(String, OsString)> = self
            .variables
            .iter()
            .filter(|(name, _, force)| *force || unset(name))
            .map(|(name, value, _)| (name.clone(), value.clone()))
            .collect();
        variables.push(("CARGO".into(), cargo()));
        variables.extend(package_variables(package));
        variables.extend(built_variables(built, package));
        variables.push((LIBRARY_PATH.into(), library_path(built, executable)));
        let (program, arguments) = match &self.runner {
            None => (executable.to_owned(), Vec::new()),
            Some(runner) => {
                let arguments = runner.args.iter().cloned().chain([executable.into()]);
                (runner.path.clone(), arguments.collect())
            }
        };
        Launch { program, arguments, folder, variables }
    }
}

impl Launch {
    /// A program with one argument, in this folder.
    #[cfg(test)]
    pub(crate) fn of(program: &str, argument: &Path, folder: &Path) -> Self {
        Self {
            program: program.into(),
            arguments: vec![argument.into()],
            folder: folder.to_owned(),
            variables: Vec::new(),
        }
    }

    /// The command, with these arguments for the binary.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(arguments).current_dir(&self.folder);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The variables that describe the package, as the Cargo book lists them. All of them are set, because started through cargo's
/// alias we have those of our own package.
fn package_variables(package: &Package) -> Vec<(String, OsString)> {
    let version = &package.version;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let folder = package.manifest_path.parent().map(ToString::to_string).unwrap_or_default();
    [
        ("CARGO_MANIFEST_DIR", folder),
        ("CARGO_MANIFEST_PATH", package.manifest_path.to_string()),
        ("CARGO_PKG_NAME", package.name.to_string()),
        ("CARGO_PKG_VERSION", version.to_string()),
        ("CARGO_PKG_VERSION_MAJOR", version.major.to_string()),
        ("CARGO_PKG_VERSION_MINOR", version.minor.to_string()),
        ("CARGO_PKG_VERSION_PATCH", version.patch.to_string()),
        ("CARGO_PKG_VERSION_PRE", version.pre.to_string()),
        ("CARGO_PKG_AUTHORS", package.authors.join(":")),
        ("CARGO_PKG_DESCRIPTION", text(&package.description)),
        ("CARGO_PKG_HOMEPAGE", text(&package.homepage)),
        ("CARGO_PKG_REPOSITORY", text(&package.repository)),
        ("CARGO_PKG_LICENSE", text(&package.license)),
        ("CARGO_PKG_LICENSE_FILE", path(package.license_file.as_ref().map(|path| path.as_str()))),
        ("CARGO_PKG_README", path(package.readme.as_ref().map(|path| path.as_str()))),
        ("CARGO_PKG_RUST_VERSION", package.rust_version.as_ref().map(ToString::to_string).unwrap_or_default()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect()
}

/// The variables of the package's build script and of its binaries.
fn built_variables(built: &Built, package: &Package) -> Vec<(String, OsString)> {
    let mut variables: Vec<(String, OsString)> = Vec::new();
    for script in built.scripts.iter().filter(|script| script.package_id == package.id) {
        variables.extend(script.env.iter().map(|(name, value)| (name.clone(), value.into())));
        variables.push(("OUT_DIR".into(), script.out_dir.as_os_str().to_owned()));
    }
    // A binary's own unit tests are an artifact of the same kind.
    let binaries = built.artifacts.iter().filter(|artifact| {
        artifact.package_id == package.id && artifact.target.kind.contains(&TargetKind::Bin) && !artifact.profile.test
    });
    for artifact in binaries {
        if let Some(executable) = &artifact.executable {
            variables.push((format!("CARGO_BIN_EXE_{}", artifact.target.name), executable.as_os_str().to_owned()));
        }
    }
    variables
}

/// Where the system looks for dynamic libraries.
const LIBRARY_PATH: &str = if cfg!(windows) {
    "PATH"
} else if cfg!(target_os = "macos") {
    "DYLD_FALLBACK_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// The folders with dynamic libraries that were built, before those that were there.
fn library_path(built: &Built, executable: &Path) -> OsString {
    // <target directory>/<profile>/deps/<binary>
    let target_directory = executable.ancestors().nth(3);
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in built.scripts.iter().flat_map(|script| &script.linked_paths) {
        // `native=/w/target/..`; cargo passes on those in the target directory alone.
        let path = path.as_str().split_once('=').map_or(path.as_str(), |(_, path)| path);
        if target_directory.is_some_and(|folder| Path::new(path).starts_with(folder)) {
            folders.push(path.into());
        }
    }
    folders.extend([2, 1].into_iter().filter_map(|above| executable.ancestors().nth(above)).map(Path::to_owned));
    if let Some(inherited) = std::env::var_os(LIBRARY_PATH) {
        folders.extend(std::env::split_paths(&inherited));
    }
    // A folder whose name has the separator cannot be written; without any, what was there stands.
    std::env::join_paths(folders).or_else(|_| std::env::var_os(LIBRARY_PATH).ok_or(())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::tests::{artifact_message, built};
    use crate::workspace::tests::workspace;

    fn launch(environment: &Environment) -> Launch {
        let workspace = workspace(&[]);
        let built = built(&[
            artifact_message("worker", "worker", "bin", Some("/w/target/debug/worker")),
            artifact_message("plain", "plain", "bin", Some("/w/target/debug/plain")),
            r#"{"reason":"build-script-executed","package_id":"path+file:///w/worker#1.2.3","linked_libs":[],"linked_paths":["native=/w/target/out/lib","/usr/lib/x"],"cfgs":[],"env":[["FROM_SCRIPT","1"]],"out_dir":"/w/target/out"}"#.into(),
        ]);
        let executable = Path::new("/w/target/debug/deps/memory-1");
        environment.launch(&built, &workspace.metadata.packages[0], executable)
    }

    fn variable(launch: &Launch, name: &str) -> Option<String> {
        let found = launch.variables.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    }

    #[test]
    fn a_suite_has_what_cargo_test_would_give_it() {
        let launch = launch(&Environment::default());
        assert_eq!(launch.folder, Path::new("/w/worker"));
        for (name, value) in [
            ("CARGO_MANIFEST_DIR", "/w/worker"),
            ("CARGO_PKG_NAME", "worker"),
            ("CARGO_PKG_VERSION_MINOR", "2"),
            ("CARGO_PKG_AUTHORS", "A. B.:C."),
            ("CARGO_PKG_HOMEPAGE", ""),
            ("CARGO_PKG_RUST_VERSION", "1.95.0"),
            ("CARGO_BIN_EXE_worker", "/w/target/debug/worker"),
            ("FROM_SCRIPT", "1"),
            ("OUT_DIR", "/w/target/out"),
        ] {
            assert_eq!(variable(&launch, name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(variable(&launch, "CARGO_BIN_EXE_plain"), None);
    }

    #[test]
    fn libraries_are_looked_for_where_they_were_built() {
        let path = variable(&launch(&Environment::default()), LIBRARY_PATH).unwrap();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let expected = ["/w/target/out/lib", "/w/target/debug", "/w/target/debug/deps"].map(PathBuf::from);
        assert_eq!(folders[..3], expected);
        assert!(!folders.contains(&PathBuf::from("/usr/lib/x")));
    }

    #[test]
    fn configured_variables_replace_what_is_set_only_by_force() {
        let environment = Environment {
            variables: vec![
                ("PATH".into(), "kept out".into(), false),
                ("HOME".into(), "forced".into(), true),
                ("HIGHWATER_TEST_UNSET".into(), "added".into(), false),
            ],
            runner: None,
        };
        let launch = launch(&environment);
        assert_eq!(variable(&launch, "PATH"), None);
        assert_eq!(variable(&launch, "HOME").as_deref(), Some("forced"));
        assert_eq!(variable(&launch, "HIGHWATER_TEST_UNSET").as_deref(), Some("added"));
    }

    #[test]
    fn a_runner_is_given_the_binary_and_its_arguments() {
        let mut runner = PathAndArgs::new("qemu-aarch64");
        runner.arg("-L").arg("/sysroot");
        let environment = Environment { variables: Vec::new(), runner: Some(runner) };
        let command = launch(&environment).command(&["--list"]);
        assert_eq!(command.get_program(), "qemu-aarch64");
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["-L", "/sysroot", "/w/target/debug/deps/memory-1", "--list"]);
    }
}
