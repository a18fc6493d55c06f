//! The Greenhouse Harvest API, version 1: records and a client that reads lists of them. Knows nothing of databases.
//!
//! Source of paths, paging and fields: <https://developers.greenhouse.io/harvest.html>.

use serde::de::DeserializeOwned;

use crate::collection::Collection;

mod application;
mod candidate;
mod client;
mod common;
mod decode;
mod elements;
mod job;
mod link;
mod listing;
mod pacer;
mod retry;
mod streamed;

pub use application::{Answer, Application, Location, ProspectDetail, RejectionReason, Source};
pub use candidate::{Candidate, Contact, Education, Employment};
pub use client::{Cause, Harvest, HarvestError, Page};
pub use common::{Attachment, Department, Named, Office, OfficeLocation, Person};
pub use job::{HiringTeam, Job, Opening};
pub use link::BadLink;
pub use retry::RetryPolicy;
pub use streamed::{Streamed, StreamedRecord};

/// One element of a list of the API.
pub trait Record: DeserializeOwned + Send + Sync + 'static {
    /// The list that it is an element of.
    const COLLECTION: Collection;

    /// Its id, unique within the list. Real accounts exceed 32 bits.
    fn id(&self) -> i64;
}
