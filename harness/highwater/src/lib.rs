//! Being built.
#![allow(rustdoc::broken_intra_doc_links)]

mod service;

pub use service::{Endpoint, Observations, RunningService, Service, ServiceError, ServiceFault};
