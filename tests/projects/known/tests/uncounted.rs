//! A suite whose author forgot the global allocator.

use std::process::ExitCode;

use highwater::{Scenario, Suite};

fn main() -> ExitCode {
    Suite::new("uncounted").scenario(Scenario::sync("forgotten").iterate(|_| Ok(()))).main()
}
