//! `cargo highwater`: runs the suites of a workspace and keeps their baselines. Started by cargo as `cargo-highwater highwater`.

mod build;
mod check;
mod cli;
mod confine;
mod curves;
mod display;
mod draw;
mod environment;
mod error;
mod events;
mod exit;
mod explain;
mod fit;
mod interrupt;
mod list;
mod print;
mod process;
mod project;
mod recommend;
mod run;
mod selection;
mod selftest;
mod shelf;
mod suite;
mod unreferenced;
mod update;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
