//! highwater as a user runs it: whole projects, real cargo, real child processes. One topic a module.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod campaign;
mod command;
mod container;
mod corpus;
mod culprits;
mod curves;
mod dying;
mod explain;
mod faults;
mod job_worker;
mod kinds;
mod known;
mod limit;
mod project;
mod readme;
mod same;
mod self_test;
mod sizes;
mod tidy;
mod write_buffers;
