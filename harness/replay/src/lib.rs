//! Replays recorded HTTP exchanges to a highwater scenario.
mod collections;
mod compile;
mod entry;
mod exact;
mod filter;
mod harvest;
mod headers;
mod identity;
mod json_text;
mod link;
mod origins;
mod pacing;
mod recording;
mod relation;
mod request_body;
mod scale;
mod server;
mod service;
mod session;
mod site;
mod template;
mod time;

pub use pacing::RateLimit;
pub use recording::{Exchange, Recording, RecordingError, Response, Unplayable};
pub use scale::{Ids, Scale};
pub use service::{Replay, Source};
