//! Running the selected scenarios: one suite's process after the other, watched through its events, and a result for every
//! scenario, also where the process left none.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use highwater::{Control, Event, Folder, Launcher, Listing, Mode};
use highwater_model::{Cause, Engine, Failure, Injection, Limit, ScenarioResult, Verdict};

use crate::display::Display;
use crate::events::EventTail;
use crate::interrupt::Interrupt;
use crate::process;
use crate::selection::Selection;
use crate::suite::Suite;

/// How much of what a suite wrote is shown when it did not finish.
const OUTPUT_BYTES: u64 = 8_192;
const OUTPUT_LINES: usize = 40;

/// What is asked of every suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) mode: Mode,
    pub(crate) samples: Option<usize>,
    pub(crate) engine: Engine,
    pub(crate) include_ignored: bool,
    /// Regressions to make in every run.
    pub(crate) injections: &'a [Injection],
    /// A limit on the memory of every run.
    pub(crate) limit: Option<Limit>,
    /// Who starts the children and has that limit enforced; the suite itself when absent.
    pub(crate) launcher: Option<&'a Launcher>,
}

/// The scenarios could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// Somebody asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// A suite cannot be started or watched.
    #[error("failed to run the suite {target}: {cause}")]
    Suite {
        /// Package and test target.
        target: String,
        /// Why.
        cause: io::Error,
    },
}

/// Runs the selection and returns a result for each of its scenarios, in its order.
///
/// # Errors
/// When a suite cannot be started, or somebody asks for the end.
pub(crate) fn run(
    selection: &Selection<'_>,
    request: Request<'_>,
    interrupt: &Interrupt,
) -> Result<Vec<ScenarioResult>, RunError> {
    let mut results = Vec::new();
    let mut display = Display::new(request.mode, request.injections);
    for (suite, scenarios) in &selection.suites {
        let outcome = run_suite(suite, scenarios, request, &mut display, interrupt);
        display.clear();
        if interrupt.requested() {
            return Err(RunError::Interrupted);
        }
        let outcome = outcome.map_err(|cause| RunError::Suite { target: suite.target.clone(), cause })?;
        let mut output = outcome.output;
        for listing in scenarios {
            results.push(match outcome.finished.iter().find(|finished| finished.is(listing)) {
                Some(finished) => read_result(&finished.result, listing),
                None => unfinished(listing, outcome.status, outcome.unreadable.as_deref(), std::mem::take(&mut output)),
            });
        }
    }
    Ok(results)
}

/// What a suite's process left.
#[derive(Debug)]
struct Outcome {
    finished: Vec<Finished>,
    /// The first line among its events that is none.
    unreadable: Option<String>,
    status: ExitStatus,
    /// The end of what it wrote to its standard output and error.
    output: String,
}

#[derive(Debug)]
struct Finished {
    suite: String,
    scenario: String,
    result: PathBuf,
}

impl Finished {
    fn is(&self, listing: &Listing) -> bool {
        (&self.suite, &self.scenario) == (&listing.suite, &listing.scenario)
    }
}

fn run_suite(
    suite: &Suite,
    scenarios: &[&Listing],
    request: Request<'_>,
    display: &mut Display,
    interrupt: &Interrupt,
) -> io::Result<Outcome> {
    let folder = Folder::create("events")?;
    let events = folder.path().join("events.jsonl");
    let mut tail = EventTail::create(&events)?;
    let control = Control {
        mode: request.mode,
        samples: request.samples,
        engine: request.engine,
        events: Some(events),
        scenarios: scenarios.iter().map(|listing| listing.scenario.clone()).collect(),
        injections: request.injections.to_vec(),
        limit: request.limit,
        launcher: request.launcher.cloned(),
    };
    let mut output = tempfile::tempfile()?;
    let mut command = suite.launch.command(if request.include_ignored { &["--include-ignored"] } else { &[] });
    command.env(Control::VARIABLE, control.to_variable());
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);

    let (mut finished, mut unreadable, mut broken) = (Vec::new(), None, None);
    let status = process::run(&mut command, interrupt, || match tail.read() {
        Err(error) => broken = Some(error),
        Ok(events) => {
            for event in events {
                match event {
                    Err(line) => drop(unreadable.get_or_insert(line)),
                    Ok(event) => {
                        display.show(&event);
                        if let Event::Finished { suite, scenario, result, .. } = event {
                            finished.push(Finished { suite, scenario, result });
                        }
                    }
                }
            }
        }
    })?;
    match broken {
        Some(error) => Err(error),
        None => Ok(Outcome { finished, unreadable, status, output: end_of(&mut output)? }),
    }
}

/// The end of a text file: at most so many lines and bytes.
fn end_of(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(OUTPUT_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    Ok(lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n"))
}

/// The result that a suite wrote; a failure when the file is not the scenario's result.
fn read_result(path: &Path, listing: &Listing) -> ScenarioResult {
    let bad = |message: String| {
        let cause = Cause::BadMessage(format!("the result {}: {message}", path.display()));
        failed(listing, Failure::before_the_run(cause))
    };
    match std::fs::read_to_string(path).map(|text| ScenarioResult::parse(&text)) {
        Err(error) => bad(error.to_string()),
        Ok(Err(error)) => bad(error.to_string()),
        Ok(Ok(result)) if (&result.suite, &result.scenario) != (&listing.suite, &listing.scenario) => {
            bad(format!("it is of {}/{}", result.suite, result.scenario))
        }
        Ok(Ok(result)) => result,
    }
}

/// The result of a scenario that its suite did not finish.
fn unfinished(listing: &Listing, status: ExitStatus, unreadable: Option<&str>, output: String) -> ScenarioResult {
    let mut message = format!("the suite ended ({status}) and left no result of this scenario");
    if let Some(line) = unreadable {
        message.push_str(&format!("; `cargo highwater` and the suite may be of different versions, it told {line:?}"));
    }
    failed(listing, Failure { output, ..Failure::before_the_run(Cause::Spawn(message)) })
}

fn failed(listing: &Listing, failure: Failure) -> ScenarioResult {
    ScenarioResult {
        format: ScenarioResult::FORMAT,
        suite: listing.suite.clone(),
        scenario: listing.scenario.clone(),
        verdict: Verdict::Failed,
        baseline: listing.baseline.display().to_string(),
        measurement: None,
        comparison: None,
        failure: Some(failure),
        sites: None,
        scaling: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Launch;

    fn listing(scenario: &str) -> Listing {
        Listing {
            suite: "worker".into(),
            scenario: scenario.into(),
            baseline: format!("baselines/worker/{scenario}/t.json").into(),
            declared: None,
            ignored: None,
            variant: None,
        }
    }

    /// Runs a shell script in place of a suite's binary. It finds its control in the environment and this folder in `$D`.
    fn run_script(folder: &Path, body: &str, interrupt: &Interrupt) -> Result<Vec<ScenarioResult>, RunError> {
        std::fs::write(folder.join("suite"), format!("D='{}'\n{EVENTS}\n{body}\n", folder.display())).unwrap();
        let suite = Suite {
            target: "`memory` of package `worker`".into(),
            launch: Launch::of("sh", &folder.join("suite"), folder),
            scenarios: vec![listing("paged"), listing("upsert")],
        };
        let selection = Selection { suites: vec![(&suite, suite.scenarios.iter().collect())], ignored: 0 };
        let request = Request {
            mode: Mode::Check,
            samples: Some(3),
            engine: Engine::Counting,
            include_ignored: true,
            injections: &[],
            limit: None,
            launcher: None,
        };
        run(&selection, request, interrupt)
    }

    /// Finds the events file in the control.
    const EVENTS: &str = r#"E=$(echo "$HIGHWATER_CONTROL" | sed 's/.*"events":"\([^"]*\)".*/\1/')"#;

    fn result_text(scenario: &str) -> String {
        failed(&listing(scenario), Failure::before_the_run(Cause::NoMessage)).to_text()
    }

    fn finish(scenario: &str) -> String {
        format!(
            r#"echo '{{"event":"finished","suite":"worker","scenario":"{scenario}","verdict":"failed","result":"'$D'/{scenario}.json"}}' >> $E"#
        )
    }

    fn cause(result: &ScenarioResult) -> String {
        result.failure.as_ref().map(|failure| failure.cause.to_string()).unwrap_or_default()
    }

    #[test]
    fn results_are_read_from_where_the_suite_says() {
        let folder = tempfile::tempdir().unwrap();
        for scenario in ["paged", "upsert"] {
            std::fs::write(folder.path().join(format!("{scenario}.json")), result_text(scenario)).unwrap();
        }
        let body = format!(
            "{}\n{}\necho \"$HIGHWATER_CONTROL $*\" > $D/asked; pwd > $D/folder\nexit 101",
            finish("upsert"),
            finish("paged")
        );
        let results = run_script(folder.path(), &body, &Interrupt::default()).unwrap();
        let names: Vec<&str> = results.iter().map(|result| result.scenario.as_str()).collect();
        assert_eq!(names, ["paged", "upsert"], "in the order of the selection");
        assert_eq!(cause(&results[0]), Cause::NoMessage.to_string());
        let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap();
        for part in ["\"mode\":\"check\"", "\"samples\":3", "\"scenarios\":[\"paged\",\"upsert\"]", "--include-ignored"]
        {
            assert!(asked.contains(part), "{part} is not in {asked}");
        }
        let folder_of_suite = std::fs::read_to_string(folder.path().join("folder")).unwrap();
        assert_eq!(Path::new(folder_of_suite.trim_end()), folder.path().canonicalize().unwrap());
    }

    #[test]
    fn a_scenario_that_the_suite_did_not_finish_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("paged.json"), result_text("paged")).unwrap();
        let body = format!("{}\necho out; echo 'no turn could be had' >&2; exit 1", finish("paged"));
        let results = run_script(folder.path(), &body, &Interrupt::default()).unwrap();
        assert_eq!(cause(&results[0]), Cause::NoMessage.to_string());
        assert_eq!(results[1].verdict, Verdict::Failed);
        assert!(cause(&results[1]).contains("ended (exit status: 1) and left no result"), "{}", cause(&results[1]));
        assert_eq!(results[1].failure.as_ref().unwrap().output, "out\nno turn could be had");
        assert_eq!(results[1].baseline, "baselines/worker/upsert/t.json");
    }

    #[test]
    fn a_suite_that_ends_well_without_results_has_failed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let results = run_script(folder.path(), "echo '{\"event\":\"novelty\"}' >> $E", &Interrupt::default()).unwrap();
        assert_eq!(results.len(), 2);
        for result in &results {
            assert!(cause(result).contains("different versions"), "{}", cause(result));
        }
    }

    #[test]
    fn a_result_that_cannot_be_read_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("paged.json"), result_text("upsert")).unwrap();
        let body = format!("{}\n{}", finish("paged"), finish("upsert"));
        let results = run_script(folder.path(), &body, &Interrupt::default()).unwrap();
        assert!(cause(&results[0]).contains("it is of worker/upsert"), "{}", cause(&results[0]));
        assert!(cause(&results[1]).contains("No such file"), "{}", cause(&results[1]));
    }

    #[test]
    fn an_interruption_is_no_result() {
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::default();
        interrupt.request();
        let result = run_script(folder.path(), "exec sleep 60", &interrupt);
        assert!(matches!(result, Err(RunError::Interrupted)), "{result:?}");
    }
}
