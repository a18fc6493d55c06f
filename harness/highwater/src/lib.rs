//! Being built.
#![allow(rustdoc::broken_intra_doc_links)]

mod control;
mod service;
mod store;

pub use control::{Control, Event, Mode};
pub use service::{Endpoint, Observations, RunningService, Service, ServiceError, ServiceFault};
pub use store::{BaselineStore, StoreError};
