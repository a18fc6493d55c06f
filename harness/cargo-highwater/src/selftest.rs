//! `cargo highwater self-test`: injects a regression of each kind into the scenarios, and looks whether the gate fires for it.
//! How large an injection is, and what convicts it, is `highwater-model`'s; it writes nothing that is committed.

use std::time::Instant;

use clap::{Args, ValueEnum};
use highwater::Mode;
use highwater_model::{Engine, Injection, InjectionKind, ScenarioResult, SelfTest, Trial, Verdict};
use highwater_report::{explanations, json, self_test_report};

use crate::build::BuildOptions;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::print::{self, print};
use crate::project::Project;
use crate::run::{Request, run};
use crate::selection::{Selection, select};

/// The arguments of `self-test`.
#[derive(Debug, Args)]
pub(crate) struct SelfTestArguments {
    /// Scenarios whose gate is tried: names, `suite/scenario`, or parts of these; all when there are none
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Try the ignored scenarios as well
    #[arg(long)]
    include_ignored: bool,
    /// The form of the report: a table for a terminal, or JSON for scripts
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    build: BuildOptions,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Tries the gate of the scenarios: a clean check of each, then runs of one sample with the injections.
///
/// # Errors
/// When there is nothing to try, it cannot be built, or the report cannot be written.
pub(crate) fn self_test(arguments: &SelfTestArguments) -> Result<Exit, CommandError> {
    let project = Project::open(&arguments.build)?;
    let selection = select(&project.suites, &arguments.scenarios, arguments.include_ignored)?;
    let began = Instant::now();
    let request = Request {
        mode: Mode::Check,
        samples: None,
        engine: Engine::Counting,
        include_ignored: arguments.include_ignored,
        injections: &[],
        limit: None,
        launcher: None,
    };
    let clean = run(&selection, request, &project.interrupt)?;
    let mut tests = Vec::new();
    for ((suite, listing), result) in selection.scenarios().zip(&clean) {
        let inject = |injections: &[Injection]| {
            let alone = Selection { suites: vec![(suite, vec![listing])], ignored: 0 };
            let request = Request { samples: Some(1), injections, ..request };
            run(&alone, request, &project.interrupt).map(|mut results| results.remove(0))
        };
        tests.push(try_gate(result, inject)?);
    }
    print(&match arguments.format {
        Format::Table => {
            explanations(&clean, print::colour()) + &self_test_report(&tests, began.elapsed(), print::colour())
        }
        Format::Json => json(&tests),
    })?;
    Ok(Exit::of_self_tests(&tests))
}

/// Tries the gate of one scenario whose clean run came to this: injects a regression of each kind that it could convict, those
/// that cannot be mistaken for each other in one run; into a workload at several sizes, what makes its metric grow too fast.
///
/// # Errors
/// The first of `inject`, which runs the scenario with these injections.
fn try_gate<E>(
    clean: &ScenarioResult,
    inject: impl Fn(&[Injection]) -> Result<ScenarioResult, E>,
) -> Result<SelfTest, E> {
    let within = clean.verdict == Verdict::Within;
    let mut trials = Vec::new();
    if let (true, Some(scaling)) = (within, &clean.scaling) {
        trials.push(match Injection::smallest_at_sizes(scaling) {
            Err(reason) => Trial::not_gated(InjectionKind::Spike, reason),
            Ok((injection, metric)) => Trial::of(injection, metric, &inject(&[injection])?),
        });
    }
    if let (true, Some(measurement), Some(comparison)) = (within, &clean.measurement, &clean.comparison) {
        for kinds in InjectionKind::RUNS {
            let smallest =
                |kind: &InjectionKind| Injection::smallest(*kind, measurement.workload.iterations, comparison);
            let injections: Vec<Injection> =
                kinds.iter().filter_map(|kind| smallest(kind).ok()).map(|(injection, _)| injection).collect();
            let ran = if injections.is_empty() { None } else { Some(inject(&injections)?) };
            trials.extend(kinds.iter().filter_map(|kind| match smallest(kind) {
                Err(reason) => Some(Trial::not_gated(*kind, reason)),
                Ok((injection, compared)) => ran.as_ref().map(|ran| Trial::of(injection, compared.metric, ran)),
            }));
        }
    }
    Ok(SelfTest { suite: clean.suite.clone(), scenario: clean.scenario.clone(), clean: clean.verdict, trials })
}
