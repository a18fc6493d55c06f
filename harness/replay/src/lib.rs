//! Replays recorded HTTP exchanges to a highwater scenario.
//!
//! A scenario that calls an API needs the same answers on every run, without the API. This crate reads what was recorded of it
//! (HAR 1.2, as browsers, proxies and API clients write it) and serves it on 127.0.0.1, in the parent process: nothing of the
//! server is in the numbers of the measured child. What can be recorded in a minute, a page or two of each list, is *scaled* to the size
//! that a scenario needs.
//!
//! # Any API, as recorded
//!
//! ```
//! use highwater::Service;
//! use highwater_replay::{Recording, Replay};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recording = Recording::from_slice(br#"{"log": {"version": "1.2", "entries": [{
//!     "request": {"method": "GET", "url": "https://api.example.com/v1/things?page=1"},
//!     "response": {"status": 200, "content": {"text": "[{\"id\":1}]", "mimeType": "application/json"}}
//! }]}}"#)?;
//! let replay = Replay::new("things", recording); // or a path: Replay::new("things", "recordings/things.har")
//!
//! let mut running = replay.start()?; // the harness does this from here on
//! let url = running.begin_sample()?; // http://127.0.0.1:40123
//! # assert!(url.as_str().starts_with("http://127.0.0.1:"));
//! let seen = running.end_sample()?;
//! assert_eq!(seen["requests"], 0);
//! # Ok(())
//! # }
//! ```
//!
//! A request is answered when method, path, query (in any order, without what [`Replay::ignore_query`] names) and body are those of
//! a recorded one. JSON bodies are compared by meaning, forms by their fields; a recorded request without a body matches any. A
//! request that was recorded several times is answered in order and then with the last answer; each sample starts over.
//! URLs of the recorded hosts in `Link` and `Location` lead to the replay, those in bodies with [`Replay::rewrite_bodies`].
//!
//! **Everything else fails the sample**: it is answered 404 and named in
//! [`ServiceFault::UnmatchedRequests`](highwater::ServiceFault::UnmatchedRequests) with the reason. A workload never silently
//! measures other data than it asked for. So is what the recorder has lost: a body that browsers leave out, a flow that failed.
//!
//! # Greenhouse Harvest v1, scaled
//!
//! ```no_run
//! use std::time::Duration;
//! use highwater_replay::{RateLimit, Replay, Scale};
//!
//! let today = Replay::harvest("greenhouse", "fixtures/greenhouse") // a HAR file, or a folder of them
//!     .api_key("test-key")
//!     .collection("/v1/applications", Scale::to(50_000).ids_from(19_214_950_003).skip(500).revise_every(10))
//!     .collection("/v1/candidates", Scale::to(20_000).ids_from(17_480_221_001).skip(200))
//!     .collection("/v1/jobs", Scale::to(1_000).ids_from(4_311_874_003))
//!     .rate_limit(RateLimit::per_window(50, Duration::from_secs(10)))
//!     .latency(Duration::from_millis(20));
//! ```
//!
//! Every list that was recorded (a bare JSON array) is a collection: `page`, `per_page` (1 to 500, 100 by default), `skip_count`,
//! `Link` headers, `[]` past the end, `/v1/applications/{id}`, Basic auth with [`api_key`](Replay::api_key) as the user name, and the
//! API's bodies for 401, 404 and 422. Filters by time, `status`, an application's `job_id` and `candidate_ids` are honoured; any other
//! filter is an unmatched request.
//!
//! [`Scale`] makes more of the recorded items. Ids that refer from one list to another are settled for the lists that the API is known
//! to have: an application's candidate has that application in `application_ids` and `applications`, its jobs exist and have the
//! names that it shows, openings are filled by an application for that job, offers and scorecards follow their application. Ids of
//! educations, employments and openings are unique, and so are e-mail addresses. Say [`Scale::field`] for anything else, or to have it
//! otherwise. The first generation of the example above has neither `skip` nor `revise_every`; an item that is in both refers to
//! the same items in both, as long as lists are skipped in proportion or not at all.
//!
//! # Other APIs, scaled
//!
//! [`Replay::paged`] says how an API pages a list ([`Paging`] shows Lever, Ashby, Harvest v3 and Workday), and then the list is a
//! collection as well:
//!
//! ```no_run
//! use highwater_replay::{Ids, Paging, Replay, Scale};
//!
//! let lever = Replay::new("lever", "recordings/lever.har")
//!     .paged("/v1/opportunities", Paging::cursor("offset").size("limit").items("data").next("next").more("hasNext"))
//!     .paged("/v1/users", Paging::cursor("offset").size("limit").items("data").next("next").more("hasNext"))
//!     .collection("/v1/opportunities", Scale::to(10_000).field("owner", Ids::spread_over("/v1/users")));
//! ```
//!
//! # Pacing
//!
//! [`latency`](Replay::latency) and [`latency_at`](Replay::latency_at) hold up one response and no other.
//! [`rate_limit`](Replay::rate_limit) answers 429 with `Retry-After`, [`fail_every`](Replay::fail_every) injects errors, so that a
//! client's retries are part of what is measured. `end_sample` returns what was seen: `requests`, `response_bytes`, `busy_micros` (time
//! spent building answers, without waiting), `rate_limited` (answers 429) and `injected_faults`.
//!
//! # What it costs
//!
//! 1,000,000 small requests over eight connections, on two cores that also ran the client (`cargo run -p highwater-replay --example
//! load -- requests 1000000`): 4,706 a second, and the serving process had 16.6 to 18.6 MB resident from the tenth second to the last.
//!
//! A page is put together when it is asked for, from recorded text with holes in it; no page is stored. wiremock keeps 8.8 kB of each
//! request it has matched, whatever its settings; its mock is therefore replaced after every 8 MiB of that, without a moment in which a
//! request could find none.
//!
//! Ports are chosen by the system, five digits on Linux and macOS, so that `Link` headers have the same length on every run.

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
mod paged;
mod paging;
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
pub use paging::Paging;
pub use recording::{Exchange, Recording, RecordingError, Response, Unplayable};
pub use scale::{Ids, Scale};
pub use service::{Replay, Source};
