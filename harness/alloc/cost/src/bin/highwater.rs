//! This project's allocator; with the argument `off`, with no engine; with `sites`, with a call stack for every allocation.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use highwater_alloc::{Engine, SITES_VARIABLE};

#[global_allocator]
static ALLOC: highwater_alloc::Alloc = highwater_alloc::Alloc::new();

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_default();
    match argument.as_str() {
        "off" => Engine::Off.choose().expect("it is the allocator"),
        // Has to be known before the first allocation.
        "sites" if std::env::var_os(SITES_VARIABLE).is_none() => {
            let this = std::env::current_exe().expect("the executable is there");
            let error = Command::new(this).arg(argument).env(SITES_VARIABLE, "1").exec();
            panic!("it does not start again: {error}");
        }
        "sites" => Engine::Sites.choose().expect("it was built with frame pointers"),
        _ => {}
    }
    highwater_alloc_cost::serve();
}
