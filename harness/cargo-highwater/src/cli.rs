//! The command line: which verb with which arguments, and what is said when it ends early.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::check::{CheckArguments, check};
use crate::confine::{ConfineArguments, confine};
use crate::exit::Exit;
use crate::explain::{ExplainArguments, explain};
use crate::fit::{FitArguments, fit};
use crate::list::{ListArguments, list};
use crate::print::complain;
use crate::recommend::{RecommendArguments, recommend};
use crate::selftest::{SelfTestArguments, self_test};
use crate::update::{UpdateArguments, update};

/// Memory regression tests: run the scenarios of a workspace and keep their baselines
#[derive(Debug, Parser)]
#[command(name = "cargo-highwater", bin_name = "cargo highwater", version, after_help = Exit::HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the scenarios and what is accepted of each
    List(ListArguments),
    /// Run scenarios and compare them with their baselines
    #[command(after_help = Exit::HELP)]
    Check(CheckArguments),
    /// Measure scenarios and accept their numbers as baselines
    Update(UpdateArguments),
    /// Profile scenarios: name the call sites that hold their memory, draw flamegraphs, compare with the baselines
    #[command(after_help = format!("{}\n\n{}", ExplainArguments::EXAMPLE, Exit::HELP))]
    Explain(ExplainArguments),
    /// Find the smallest memory limit under which a scenario completes, and suggest a container's
    #[command(after_help = Exit::HELP)]
    Fit(FitArguments),
    /// Name the fastest setting of a workload's knobs that stays within a memory limit, from its curve
    #[command(after_help = Exit::HELP)]
    Recommend(RecommendArguments),
    /// Run a child in a container; `check --runtime docker` has the suite call it
    #[command(hide = true)]
    Confine(ConfineArguments),
    /// Inject regressions into scenarios and see that the gate fires for each
    #[command(after_help = Exit::HELP)]
    SelfTest(SelfTestArguments),
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that has gone away needs no help.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let done = match &cli.verb {
        Verb::List(arguments) => list(arguments),
        Verb::Check(arguments) => check(arguments),
        Verb::Update(arguments) => update(arguments),
        Verb::Explain(arguments) => explain(arguments),
        Verb::Fit(arguments) => fit(arguments),
        Verb::Recommend(arguments) => recommend(arguments),
        Verb::Confine(arguments) => confine(arguments),
        Verb::SelfTest(arguments) => self_test(arguments),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format!("error: {error}\n"));
            error.exit().into()
        }
    }
}

/// The arguments without the `highwater` that cargo passes on, so that the binary can be started by hand as well.
fn arguments(all: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = all.into_iter().collect();
    if arguments.get(1).is_some_and(|argument| argument == "highwater") {
        arguments.remove(1);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(arguments(line.split_whitespace().map(OsString::from)))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cargo_s_own_word_may_be_there_or_not() {
        for line in ["cargo-highwater highwater list", "cargo-highwater list"] {
            assert!(matches!(parse(line).unwrap().verb, Verb::List(_)), "{line}");
        }
        assert!(matches!(parse("cargo-highwater highwater check highwater --strict").unwrap().verb, Verb::Check(_)));
        assert!(matches!(parse("cargo-highwater self-test paged").unwrap().verb, Verb::SelfTest(_)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "cargo-highwater",
            "cargo-highwater check --samples 0",
            "cargo-highwater check --format yaml",
            "cargo-highwater check --engine off",
            "cargo-highwater explain --engine counting",
            "cargo-highwater check --enforce much",
            "cargo-highwater fit",
            "cargo-highwater fit paged --precision 1",
            "cargo-highwater fit paged --by podman",
            "cargo-highwater check --runtime docker",
            "cargo-highwater recommend ats-sync",
            "cargo-highwater check --gate-time 10",
            "cargo-highwater check --release --profile dev",
            "cargo-highwater update --prune paged",
            "cargo-highwater update --prune -p worker",
            "cargo-highwater update --prune --samples 10",
            "cargo-highwater self-test --format markdown",
            "cargo-highwater update --samples 9",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
