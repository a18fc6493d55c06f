//! The scenarios of one test target, and its `main`: child or parent, a listing or libtest's protocol.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use highwater_model::ScenarioResult;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::control::{Control, EventLog, Listing, Mode};
use crate::drive::Workload;
use crate::message::Instruction;
use crate::parent::Surroundings;
use crate::place::Place;
use crate::provenance::TARGET;
use crate::scenario::{Declared, Scenario, check_name};
use crate::sizes::Sizes;
use crate::{BaselineStore, Bench, child, explain, parent};

/// The scenarios of one test target (`harness = false` in its manifest).
///
/// Its [`main`](Suite::main) speaks libtest's protocol: filters, `--exact`, `--list`, `--ignored` and `cargo nextest` work as with
/// any test. Each scenario runs in fresh processes of its own.
#[derive(Debug)]
#[must_use = "a suite does nothing until its `main` is called"]
pub struct Suite {
    name: String,
    allocator: String,
    baselines: PathBuf,
    entries: Vec<Entry>,
    sizes: Vec<Sizes>,
}

/// A scenario of a suite, whatever the types of its phases.
pub(crate) struct Entry {
    pub(crate) declared: Declared,
    pub(crate) workload: Box<dyn Workload + Send + Sync>,
}

impl Entry {
    pub(crate) fn of<P: Workload + Send + Sync + 'static>(scenario: Scenario<P>) -> Self {
        Self { declared: scenario.declared, workload: Box::new(scenario.phases) }
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("name", &self.declared.name).finish_non_exhaustive()
    }
}

impl Suite {
    /// A suite without scenarios. Its name, usually the package's, is unique within the workspace: it names the folder of its
    /// baselines. `curves` is that of benches.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            allocator: "system".into(),
            baselines: "baselines".into(),
            entries: Vec::new(),
            sizes: Vec::new(),
        }
    }

    /// Adds a scenario.
    pub fn scenario<P: Workload + Send + Sync + 'static>(mut self, scenario: Scenario<P>) -> Self {
        self.entries.push(Entry::of(scenario));
        self
    }

    /// Adds a workload at several sizes.
    pub fn sizes(mut self, sizes: Sizes) -> Self {
        self.sizes.push(sizes);
        self
    }

    /// The folder of baselines, from the workspace's root; `baselines` when not said.
    pub fn baselines(mut self, folder: impl Into<PathBuf>) -> Self {
        self.baselines = folder.into();
        self
    }

    /// The name of the allocator below the counters, for the provenance; `system` when not said. Say it where
    /// [`Alloc::over`](crate::Alloc::over) is used.
    pub fn allocator(mut self, name: impl Into<String>) -> Self {
        self.allocator = name.into();
        self
    }

    /// Runs the suite as the `main` of its test target.
    pub fn main(self) -> ExitCode {
        if let Some(code) = self.as_child() {
            return code;
        }
        if let Err(problem) = check_is_no_sweep(&self.name) {
            return complain(&problem);
        }
        Control::from_environment().and_then(|control| self.run(control)).unwrap_or_else(|problem| complain(&problem))
    }

    /// The suite as the `main` of a bench target has it: runs it as [`main`](Self::main) does where a parent or `cargo highwater` steers
    /// this process, and otherwise hands it over.
    ///
    /// # Errors
    /// The exit code of a process that has done what it was started for, or cannot.
    pub fn bench(self) -> Result<Bench, ExitCode> {
        if let Some(code) = self.as_child() {
            return Err(code);
        }
        let hand_over = || {
            let control = Control::from_environment()?;
            if std::env::var_os(Control::VARIABLE).is_some() {
                return self.run(control).map(Err);
            }
            self.check()?;
            let around = self.surroundings(control)?;
            Ok(Ok(Bench { around, entries: self.entries }))
        };
        hand_over().unwrap_or_else(|problem: String| Err(complain(&problem)))
    }

    /// Runs one scenario where this process is a child. First of all: a child builds no service and reads no baseline.
    fn as_child(&self) -> Option<ExitCode> {
        let instruction = Instruction::from_environment()?;
        let steps = self.sizes.iter().flat_map(|sizes| &sizes.steps);
        Some(child::run(instruction, self.entries.iter().chain(steps.map(|(_, entry)| entry))))
    }

    fn run(self, control: Control) -> Result<ExitCode, String> {
        self.check()?;
        if control.mode == Mode::List {
            self.list();
            return Ok(ExitCode::SUCCESS);
        }
        if control != Control::default() {
            child::end_with_whoever_started_us()
                .map_err(|error| format!("the kernel does not end this process with `cargo highwater`: {error}"))?;
        }
        let mut arguments = Arguments::from_args();
        // One at a time, so that neighbours cannot change a number; and in this thread, with which the child dies.
        arguments.test_threads.get_or_insert(1);
        // `--list` must work wherever the binary is.
        let around = if arguments.list { None } else { Some(Arc::new(self.surroundings(control)?)) };
        let ci = is_ci();
        // Said at the end: libtest's lines would be torn apart.
        let summaries = Arc::new(Mutex::new(Vec::new()));
        let mut trials: Vec<Trial> = self
            .entries
            .into_iter()
            .filter(|entry| match &around {
                Some(around) => around.control.wants(&entry.declared.name),
                None => true,
            })
            .map(|entry| {
                let (name, ignored) = (entry.declared.name.clone(), entry.declared.ignored.is_some());
                let (around, summaries) = (around.clone(), Arc::clone(&summaries));
                Trial::test(name, move || match &around {
                    Some(around) => judge(around, parent::run(around, &entry.declared), ci, &summaries),
                    None => Ok(()),
                })
                .with_ignored_flag(ignored)
            })
            .collect();
        // There is nothing to accept of them.
        let wanted = |sizes: &Sizes| {
            around.as_ref().is_none_or(|around| {
                matches!(around.control.mode, Mode::Check | Mode::Profile) && around.control.wants(&sizes.name)
            })
        };
        let sizes: Vec<Sizes> = self.sizes.into_iter().filter(wanted).collect();
        trials.extend(sizes.into_iter().map(|sizes| {
            let (name, ignored) = (sizes.name.clone(), sizes.ignored.is_some());
            let (around, summaries) = (around.clone(), Arc::clone(&summaries));
            Trial::test(name, move || match &around {
                Some(around) => judge(around, sizes.run(around), ci, &summaries),
                None => Ok(()),
            })
            .with_ignored_flag(ignored)
        }));
        let conclusion = libtest_mimic::run(&arguments, trials);
        for summary in summaries.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            eprintln!("{summary}");
        }
        for remark in around.iter().flat_map(|around| around.remarks.lock()).flat_map(|remarks| remarks.clone()) {
            eprintln!("highwater: {remark}");
        }
        Ok(conclusion.exit_code())
    }

    fn check(&self) -> Result<(), String> {
        check_name("suite", &self.name)?;
        if let Some(problem) = self.sizes.iter().find_map(Sizes::problem) {
            return Err(format!("suite `{}`: {problem}", self.name));
        }
        let sizes = self.sizes.iter().flat_map(|sizes| {
            sizes.steps.iter().map(|(_, entry)| entry.declared.name.as_str()).chain([sizes.name.as_str()])
        });
        let mut names: Vec<&str> = self.entries.iter().map(|entry| entry.declared.name.as_str()).chain(sizes).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("suite `{}` has two scenarios named `{}`", self.name, pair[0])),
            None => Ok(()),
        }
    }

    fn list(&self) {
        let store = BaselineStore::new(&self.baselines);
        let scenarios = self.entries.iter().map(|entry| Listing {
            suite: self.name.clone(),
            scenario: entry.declared.name.clone(),
            baseline: store.path(&self.name, &entry.declared.name, TARGET),
            declared: None,
            ignored: entry.declared.ignored.clone(),
            variant: entry.declared.variant.clone(),
        });
        let sizes = self.sizes.iter().map(|sizes| Listing {
            suite: self.name.clone(),
            scenario: sizes.name.clone(),
            baseline: PathBuf::new(),
            declared: Some(sizes.declared),
            ignored: sizes.ignored.clone(),
            variant: None,
        });
        for listing in scenarios.chain(sizes) {
            println!("{}", serde_json::to_string(&listing).expect("a listing has string keys and UTF-8 paths"));
        }
    }

    fn surroundings(&self, control: Control) -> Result<Surroundings, String> {
        let events = EventLog::open(control.events.as_deref())
            .map_err(|error| format!("the events file of {} cannot be opened: {error}", Control::VARIABLE))?;
        Ok(Surroundings {
            suite: self.name.clone(),
            allocator: self.allocator.clone(),
            control,
            events,
            place: Place::find(&self.baselines)?,
            remarks: Mutex::default(),
        })
    }
}

/// The results and baselines of curves are in folders of this name, on some systems whatever its case. A bench's suite is a sweep's and
/// has it.
fn check_is_no_sweep(name: &str) -> Result<(), String> {
    if name.eq_ignore_ascii_case(BaselineStore::CURVES) {
        return Err(format!(
            "no suite may be named `{name}`: the results and baselines of curves have that name; give `Suite::new` another, such as the \
             package's"
        ));
    }
    Ok(())
}

fn complain(problem: &str) -> ExitCode {
    eprintln!("highwater: {problem}");
    ExitCode::FAILURE
}

/// Whether the test of a scenario, or of a workload at several sizes, passes.
fn judge(
    around: &Surroundings,
    ran: std::io::Result<ScenarioResult>,
    ci: bool,
    summaries: &Mutex<Vec<String>>,
) -> Result<(), Failed> {
    let result = ran.map_err(|error| format!("failed to write under {}: {error}", around.place.results.display()))?;
    let is_compared = around.control.mode == Mode::Check;
    let measured = !is_compared && result.failure.is_none();
    if measured || explain::passes(&result, ci) {
        if !measured {
            summaries.lock().unwrap_or_else(PoisonError::into_inner).push(explain::summary(&result));
        }
        Ok(())
    } else {
        Err(explain::reason(&result).into())
    }
}

/// As CI services set it; `CI=false` is how people switch that off.
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
