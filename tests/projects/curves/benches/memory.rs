//! A suite, so that there is something to check beside the curve.

use std::process::ExitCode;

use highwater::{Scenario, Suite};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    Suite::new("beside").scenario(Scenario::sync("nothing").iterate(|_| Ok(()))).main()
}
