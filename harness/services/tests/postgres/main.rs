//! The service as a scenario uses it: through its endpoint, with tokio-postgres. What can be checked on every kind of server is
//! written once and run on the embedded one, and on a real one where there are binaries:
//! `cargo test -p highwater-services -- --ignored`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod checks;
mod concurrency;
mod copying;
mod lifecycle;
mod parameters;
mod refusals;
mod support;
mod throughput;
