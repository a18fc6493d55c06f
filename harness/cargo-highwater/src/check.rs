//! `cargo highwater check`: runs scenarios and compares them with their baselines. It writes nothing that is committed.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use highwater::Mode;
use highwater_model::{Bytes, Enforcer, Engine, Limit, ScenarioResult};
use highwater_report::{Colour, explanations, frontier_report, json, markdown, summary, table};

use crate::build::BuildOptions;
use crate::confine::Confinement;
use crate::curves::{CheckedCurve, check_frontiers};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::print::{self, complain, print};
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::select;
use crate::suite::Suite;
use crate::unreferenced::{unreferenced, warning};

/// The arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Scenarios to run: names, `suite/scenario`, or parts of these; all when there are none
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// The most samples of a scenario, where the first does not settle it [default: the scenario's own]
    #[arg(long, value_name = "N")]
    samples: Option<NonZeroUsize>,
    /// What counts: highwater's own counters, or another crate for a second opinion
    #[arg(long, value_name = "ENGINE", default_value_t = Engine::Counting, value_parser = engine)]
    engine: Engine,
    /// Run each scenario under this memory limit of the kernel, as a container has it (`128MiB`): who needs more is killed, and how
    /// far it came is told
    #[arg(long, value_name = "BYTES")]
    enforce: Option<Bytes>,
    /// Where `--enforce` runs scenarios
    #[arg(long, value_enum, default_value_t = Runtime::Cgroup, requires = "enforce")]
    runtime: Runtime,
    /// Exit with 4 when a scenario improved beyond its tolerances: its baseline is out of date
    #[arg(long)]
    strict: bool,
    /// Measure the accepted points of every curve as well: exits with 100 when one of them holds more memory
    #[arg(long, conflicts_with_all = ["scenarios", "enforce"])]
    curves: bool,
    /// Have time gate as well on curves: by so much of itself, as a fraction, may the time of a point rise, as a multiple of the reference's
    #[arg(long, value_name = "FRACTION", requires = "curves")]
    gate_time: Option<f64>,
    /// Run the ignored scenarios as well
    #[arg(long)]
    include_ignored: bool,
    /// The form of the report: a table for a terminal, JSON for scripts, markdown for the summary of a CI job
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the report to this file, and the table to the standard output all the same
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    build: BuildOptions,
}

/// The engine of this name.
fn engine(name: &str) -> Result<Engine, String> {
    Engine::CHOICES
        .into_iter()
        .find(|engine| engine.name() == name)
        .ok_or_else(|| format!("there are {}", Engine::CHOICES.map(Engine::name).join(", ")))
}

/// Where scenarios run under a limit of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Runtime {
    /// In a control group of their own; needs root or a delegated group
    Cgroup,
    /// In a container of their own; needs Docker on this machine
    Docker,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Markdown,
}

/// Checks the scenarios.
///
/// # Errors
/// When there is nothing to check, it cannot be built, or the report cannot be written.
pub(crate) fn check(arguments: &CheckArguments) -> Result<Exit, CommandError> {
    let project = Project::open(&arguments.build)?;
    let suites = match arguments.engine {
        Engine::Counting => project.suites.clone(),
        _ => Suite::without_sizes(&project.suites),
    };
    if suites != project.suites {
        complain(&format!(
            "growth with the size of the input is not checked: {} does not count it\n",
            arguments.engine
        ));
    }
    let selection = select(&suites, &arguments.scenarios, arguments.include_ignored)?;
    let room = match (arguments.enforce, arguments.runtime) {
        (Some(memory), Runtime::Docker) => Some((Confinement::prepare(project.root())?, memory)),
        _ => None,
    };
    let launcher = room.as_ref().map(|(room, memory)| room.launcher(*memory)).transpose()?;
    let began = Instant::now();
    let request = Request {
        mode: Mode::Check,
        samples: arguments.samples.map(NonZeroUsize::get),
        engine: arguments.engine,
        include_ignored: arguments.include_ignored,
        injections: &[],
        limit: arguments.enforce.map(|bytes| Limit { by: Enforcer::Kernel, bytes }),
        launcher: launcher.as_ref(),
    };
    let checked = Checked {
        results: run(&selection, request, &project.interrupt)?,
        ignored: selection.ignored,
        wall: began.elapsed(),
    };
    match &arguments.output {
        None => print(&checked.report(arguments.format, print::colour()))?,
        Some(file) => {
            print(&checked.report(Format::Table, print::colour()))?;
            print::write(file, &checked.report(arguments.format, Colour::Never))?;
        }
    }
    // Of a part of the suites or scenarios nobody asked for the rest.
    if arguments.scenarios.is_empty() && arguments.build.package.is_empty() {
        complain(&warning(&unreferenced(project.root(), &project.suites)?));
    }
    let exit = Exit::of(&checked.results, arguments.strict);
    if !arguments.curves {
        return Ok(exit);
    }
    Ok(exit.or(check_curves(arguments)?))
}

/// Checks the accepted frontiers.
fn check_curves(arguments: &CheckArguments) -> Result<Exit, CommandError> {
    let benches = Project::open_benches(&arguments.build)?;
    let curves = check_frontiers(&benches, arguments.gate_time)?;
    let mut text = String::new();
    for curve in &curves {
        let CheckedCurve { name, baseline, comparison, failed } = curve;
        text.push_str(&match comparison {
            Some(comparison) => frontier_report(name, comparison, baseline, print::colour()),
            None => format!("new  curves/{name}: nothing is accepted; `cargo bench`, then `cargo highwater update --curves {name}`\n"),
        });
        text.push_str(&explanations(failed, print::colour()));
    }
    match arguments.format {
        Format::Table => print(&format!("\n{text}"))?,
        // The report is of scenarios.
        Format::Json | Format::Markdown => complain(&text),
    }
    Ok(Exit::of_verdicts(curves.iter().map(CheckedCurve::verdict), arguments.strict))
}

/// What a check came to.
#[derive(Debug)]
struct Checked {
    results: Vec<ScenarioResult>,
    ignored: usize,
    /// Of the runs, without the build.
    wall: Duration,
}

impl Checked {
    fn report(&self, format: Format, colour: Colour) -> String {
        let Self { results, ignored, wall } = self;
        match format {
            Format::Table => format!(
                "{}{}\n{}\n",
                table(results, colour),
                explanations(results, colour),
                summary(results, *ignored, *wall)
            ),
            Format::Json => json(results),
            Format::Markdown => markdown(results, *ignored, *wall),
        }
    }
}

#[cfg(test)]
mod tests {
    use highwater_model::{Cause, Failure, Verdict};

    use super::*;

    #[test]
    fn a_report_is_a_table_explanations_and_a_last_line() {
        let failed = ScenarioResult {
            format: ScenarioResult::FORMAT,
            suite: "worker".into(),
            scenario: "paged".into(),
            verdict: Verdict::Failed,
            baseline: "baselines/worker/paged/t.json".into(),
            measurement: None,
            comparison: None,
            failure: Some(Failure::before_the_run(Cause::NoMessage)),
            sites: None,
            scaling: None,
        };
        let checked = Checked { results: vec![failed], ignored: 1, wall: Duration::from_secs(2) };
        let text = checked.report(Format::Table, Colour::Never);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("  scenario") && lines[1].starts_with("  worker/paged"), "{text}");
        assert_eq!(lines[2..4], ["", "failed  worker/paged"], "{text}");
        assert_eq!(lines[lines.len() - 2..], ["", "1 scenario: 1 failed, 1 ignored; 2.0 s"], "{text}");
        assert!(checked.report(Format::Json, Colour::Never).starts_with("[\n"));
        assert!(checked.report(Format::Markdown, Colour::Never).starts_with("### Memory: 1 scenario: 1 failed"));
    }
}
