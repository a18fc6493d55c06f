//! A user's project: copied from `projects/`, its dependencies pointed at this workspace, run with cargo. What is expected of
//! it is the tests'.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Projects share one target directory, so that dependencies are built once; a project's results are in it by suite and
/// scenario, so tests that run the same suite take turns.
static TURN: Mutex<()> = Mutex::new(());

/// This workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A project in a folder of its own, with this test's turn.
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Project {
    /// A fresh copy of `projects/<name>`, without baselines.
    pub(crate) fn copy(name: &str) -> Self {
        let project = Self::empty(name);
        copy_tree(&root().join("tests/projects").join(name), &project.folder);
        let manifest = fs::read_to_string(project.folder.join("Cargo.toml")).unwrap();
        project.write("Cargo.toml", &manifest.replace("@ROOT@", root().to_str().unwrap()));
        project
    }

    /// A project with nothing but this workspace's lock file and cargo settings.
    pub(crate) fn empty(name: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // The folder is the same in every run, so that cargo finds what it built before.
        let folder = target().join("e2e").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(folder.join(".cargo")).unwrap();
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        fs::copy(root().join(".cargo/config.toml"), folder.join(".cargo/config.toml")).unwrap();
        Self { folder, _turn: turn }
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Runs cargo in the project, with these variables and without those of the test run.
    pub(crate) fn cargo(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = cargo(&self.folder);
        command.args(arguments).envs(variables.iter().copied());
        Ran::of(&mut command)
    }

    /// The project's suite, built: the executable of its test target `memory`.
    pub(crate) fn suite(&self) -> PathBuf {
        let built = self.cargo(&["test", "--test", "memory", "--no-run", "--message-format", "json"], &[]).expect(0);
        let messages = built.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut executables = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        executables.next().unwrap_or_else(|| panic!("cargo does not say where it put the suite\n{}", built.all()))
    }

    /// The result that a scenario of the project's suite left.
    pub(crate) fn result(&self, suite: &str, scenario: &str) -> Value {
        self.left(suite, scenario, "result.json")
    }

    /// A file of JSON that a scenario of the project's suite left.
    pub(crate) fn left(&self, suite: &str, scenario: &str, file: &str) -> Value {
        left(suite, scenario, file)
    }
}

/// A file of JSON that a scenario left in the target directory.
pub(crate) fn left(suite: &str, scenario: &str, file: &str) -> Value {
    let path = target().join("highwater").join(suite).join(scenario).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Cargo in a folder.
pub(crate) fn cargo(folder: &Path) -> Command {
    clean(Command::new(env!("CARGO")), folder)
}

/// The executable of this target that `cargo build` makes in this workspace with these arguments.
pub(crate) fn built(arguments: &[&str], name: &str) -> PathBuf {
    let mut build = cargo(root());
    let built = Ran::of(build.args(["build", "--locked", "--message-format", "json"]).args(arguments)).expect(0);
    let executable =
        built.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
            let named = message["target"]["name"] == name;
            message["executable"].as_str().filter(|_| named).map(PathBuf::from)
        });
    executable.unwrap_or_else(|| panic!("cargo does not say where it put {name}"))
}

/// The command in a folder, with the target directory of this workspace and without what the test run put in the environment.
pub(crate) fn clean(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder).env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let of_this_test = name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if of_this_test || name.starts_with("HIGHWATER_") || ["CI", "DATABASE_URL", "CARGO_BIN_NAME"].contains(&&*name)
        {
            command.env_remove(name);
        }
    }
    command
}

/// The target directory that this test was built in: cargo marks it.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .expect("cargo marks its target directory")
        .into()
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::of_output(command.output().unwrap())
    }

    pub(crate) fn of_output(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Both outputs, for messages of failing tests.
    pub(crate) fn all(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }

    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }
}

/// Fails the test unless this is so soon.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
