//! A program with known call sites, run under dhat, and what is read from its profile. The binary starts itself again: the child
//! runs the `workload`, the parent the `checks`.

#![expect(clippy::unwrap_used, reason = "clippy knows a test by its attribute, and these have none")]

mod after;
mod before;
mod checks;
mod child;
mod workload;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    if let Some(instruction) = child::instruction() {
        child::run(&instruction);
        return ExitCode::SUCCESS;
    }
    let trials = checks::ALL.iter().map(|(name, check)| {
        Trial::test(*name, || {
            check();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
