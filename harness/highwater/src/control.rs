//! How `cargo highwater` steers a suite's binary, and what the binary tells it as it goes. A suite that is started by
//! `cargo test` alone has no [`Control`] and tells nobody.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use highwater_model::{Class, Engine, Injection, Limit, Progress, Verdict};
use serde::{Deserialize, Serialize};

use crate::launch::Launcher;

/// What `cargo highwater` asks of a suite's binary, as JSON in the environment variable [`Control::VARIABLE`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// What to do with the numbers.
    pub mode: Mode,
    /// The number of samples: in [`Mode::Check`] the most that are taken, in [`Mode::Measure`] and
    /// [`Mode::Sample`] exactly that many. The scenario's
    /// own when absent.
    pub samples: Option<usize>,
    /// What counts. In [`Mode::Profile`] what records call stacks; [`Engine::Counting`] then stands for whichever can in that binary.
    pub engine: Engine,
    /// A file to which [`Event`]s are appended, a line of JSON each.
    pub events: Option<PathBuf>,
    /// The names of the scenarios, and workloads at several sizes, to run; all when empty.
    pub scenarios: Vec<String>,
    /// Regressions to make in every run; of a workload at several sizes, those of the largest, and at the others as much less as
    /// [`Injection::at_size`] says. The results are then left beside the scenarios' own.
    pub injections: Vec<Injection>,
    /// A limit on the memory of every run, in place of those that the scenarios declare. The results are then left beside the
    /// scenarios' own.
    pub limit: Option<Limit>,
    /// Who starts the children, and has the kernel enforce the limit; the parent itself when absent.
    pub launcher: Option<Launcher>,
}

/// What a suite's binary does with the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Compares them with the baseline, takes more samples only when the first does not settle it, and fails on a regression.
    #[default]
    Check,
    /// Takes all samples and compares nothing: the numbers are to become the baseline.
    Measure,
    /// Takes all samples and does nothing else: the numbers are compared elsewhere.
    Sample,
    /// Runs the scenario once with its call stacks recorded, compares nothing, and leaves the profile. The scenario's result stays as
    /// it is: that of this run is left beside it.
    Profile,
    /// Prints a [`Listing`] for each scenario to the standard output, a line of JSON each, and runs nothing.
    List,
}

/// A scenario of a suite, or a workload at several sizes, as [`Mode::List`] prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The suite's name.
    pub suite: String,
    /// The scenario's name, or that of a workload at several sizes.
    pub scenario: String,
    /// Its baseline's file, from the workspace's root, whether it exists or not; empty for a workload at several sizes, which has none.
    pub baseline: PathBuf,
    /// The growth that is declared of a workload at several sizes; absent for a scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Class>,
    /// Why it runs only when asked for.
    pub ignored: Option<String>,
    /// What runs in the workload's place: numbers of it are accepted by nobody.
    pub variant: Option<String>,
}

/// What happens while a suite's binary runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// A scenario begins: its services are being started.
    Started {
        /// The suite's name.
        suite: String,
        /// The scenario's name.
        scenario: String,
    },
    /// A sample is under way.
    Progress {
        /// The suite's name.
        suite: String,
        /// The scenario's name.
        scenario: String,
        /// Which sample, from 1.
        sample: usize,
        /// The most samples there will be.
        of: usize,
        /// How far its child is.
        progress: Progress,
    },
    /// A service says something that the reader should know: which one was chosen.
    Remark {
        /// For people, on one line.
        text: String,
    },
    /// A scenario is over, and its result is written.
    Finished {
        /// The suite's name.
        suite: String,
        /// The scenario's name.
        scenario: String,
        /// What it came to. In all modes but [`Mode::Check`] it is [`Verdict::New`] or [`Verdict::Failed`].
        verdict: Verdict,
        /// The file with its [`ScenarioResult`](highwater_model::ScenarioResult).
        result: PathBuf,
    },
}

impl Control {
    /// The environment variable that holds it.
    pub const VARIABLE: &str = "HIGHWATER_CONTROL";

    /// Reads it from the environment; the default when the variable is not set.
    ///
    /// # Errors
    /// When the variable is set and is no control of this version.
    pub fn from_environment() -> Result<Self, String> {
        match std::env::var(Self::VARIABLE) {
            Err(_) => Ok(Self::default()),
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                format!(
                    "{} is not understood ({error}): `cargo highwater` and the suite's `highwater` dependency are of different \
                     versions, or something else set it",
                    Self::VARIABLE
                )
            }),
        }
    }

    /// Whether the scenario of this name is to be run.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|name| name == scenario)
    }

    /// The value for the environment variable.
    pub fn to_variable(&self) -> String {
        serde_json::to_string(self).expect("a control has string keys and UTF-8 paths")
    }
}

/// Where a suite's binary writes its [`Event`]s.
#[derive(Debug)]
pub(crate) struct EventLog(Option<File>);

impl EventLog {
    /// Opens the file for appending; without a path, events go nowhere.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        path.map(|path| OpenOptions::new().append(true).create(true).open(path)).transpose().map(Self)
    }

    /// Appends an event. A reader that has gone away costs it the progress display, not us the run.
    pub(crate) fn tell(&self, event: &Event) {
        if let Some(mut file) = self.0.as_ref() {
            let mut line = serde_json::to_vec(event).expect("an event has string keys and UTF-8 paths");
            line.push(b'\n');
            let _ = file.write_all(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use highwater_model::InjectionKind;

    use super::*;

    #[test]
    fn a_control_survives_its_variable() {
        let control = Control {
            mode: Mode::Measure,
            samples: Some(10),
            engine: Engine::Dhat,
            events: Some("/tmp/events".into()),
            scenarios: vec!["paged".into()],
            injections: vec![Injection { kind: InjectionKind::Leak, size: 16 }],
            limit: None,
            launcher: Some(Launcher { program: "/bin/launcher".into(), arguments: vec!["--memory".into()] }),
        };
        assert_eq!(serde_json::from_str::<Control>(&control.to_variable()).unwrap(), control);
    }

    #[test]
    fn events_are_lines_of_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let log = EventLog::open(Some(&path)).unwrap();
        let event = Event::Started { suite: "worker".into(), scenario: "paged".into() };
        log.tell(&event);
        log.tell(&event);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            assert_eq!(serde_json::from_str::<Event>(line).unwrap(), event);
        }
    }
}
