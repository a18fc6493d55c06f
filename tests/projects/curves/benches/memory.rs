//! A suite, so that there is something to check beside the curve. `CURVES_SUITE` is its name, and otherwise the curve's.

use std::process::ExitCode;

use highwater::{Scenario, Suite};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    let name = std::env::var("CURVES_SUITE").unwrap_or_else(|_| "made".to_owned());
    Suite::new(name).scenario(Scenario::sync("buffer-of-nothing").iterate(|_| Ok(()))).main()
}
