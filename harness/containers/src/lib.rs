//! Docker containers for highwater: servers that a scenario needs, and rooms in which a measured process runs under a memory limit. What
//! a server speaks is left to `highwater-services`, what an end means to `highwater`.
//!
//! All of it runs in the harness's own processes, on a runtime thread of its own; nothing of it is linked into what a measured process
//! executes. Containers and images carry a label with the process that they belong to. They are removed when they are no longer needed,
//! also at SIGINT and SIGTERM; what a killed process left is removed the next time that anything here is started.

mod engine;
mod image;
mod owner;
mod room;
mod server;
mod signals;
mod sweep;

pub use room::{End, Room, Visitor};
pub use server::{RunningServer, Server};
