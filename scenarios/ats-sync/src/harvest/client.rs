//! One page of a list: the request, its retries, the decoding and the errors. Which pages are asked for, and how many at
//! once, is for [`listing`](super::listing) and the strategies to say; reading a page record by record is
//! [`streamed`](super::streamed)'s.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use tracing::warn;

use super::Record;
use super::decode::{Undecodable, decode};
use super::link::{BadLink, Links};
use super::pacer::Pacer;
use super::retry::{RetryPolicy, asked_wait};
use crate::collection::Collection;
use crate::config::Config;
use crate::metrics::Metrics;

/// The most bytes set aside because a header promises them; a larger body grows into its place.
const LARGEST_PROMISE: usize = 64 << 20;

/// A client of one account.
#[derive(Debug)]
pub struct Harvest {
    http: reqwest::Client,
    base: Url,
    api_key: String,
    page_size: u32,
    retry: RetryPolicy,
    pacer: Pacer,
    pub(super) metrics: Metrics,
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// Which page, from 1.
    pub number: u32,
    /// Its records. A page past the end has none.
    pub items: Vec<T>,
    /// The page that follows, if one does.
    pub next: Option<u32>,
    /// The last page as of now, where the server says so.
    pub last: Option<u32>,
}

impl Harvest {
    /// A client for the account and page size of the configuration. Sends nothing yet.
    ///
    /// # Errors
    /// [`HarvestError::Client`] when TLS cannot be set up, [`HarvestError::Base`] when the URL has no path to add to.
    pub fn new(config: &Config, metrics: Metrics) -> Result<Self, HarvestError> {
        if config.harvest_url.cannot_be_a_base() {
            return Err(HarvestError::Base { url: config.harvest_url.clone() });
        }
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("ats-sync/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            // Between two reads, not for the whole answer: a page of 500 may take its time.
            .read_timeout(Duration::from_secs(60));
        if is_loopback(&config.harvest_url) {
            // A proxy from the environment cannot reach this machine's own ports.
            http = http.no_proxy();
        }
        Ok(Self {
            http: http.build().map_err(HarvestError::Client)?,
            base: config.harvest_url.clone(),
            api_key: config.api_key.clone(),
            page_size: config.page_size,
            retry: config.retry.clone(),
            pacer: Pacer::default(),
            metrics,
        })
    }

    /// Reads one page, from 1, of the list of `T`, trying again as the [`RetryPolicy`] says.
    ///
    /// # Errors
    /// Every [`HarvestError`] but `Client` and `Base`.
    pub async fn page<T: Record>(&self, number: u32) -> Result<Page<T>, HarvestError> {
        let url = self.url(T::COLLECTION, number);
        let mut troubles = Troubles::default();
        let (headers, body) = loop {
            match self.whole(&url, T::COLLECTION).await {
                Ok(answer) => break answer,
                Err(trouble) => self.again(trouble, &mut troubles, &url, T::COLLECTION).await?,
            }
        };
        let links = links(&headers, T::COLLECTION, number)?;
        let items = decode::<Vec<T>>(&body).map_err(|Undecodable { at, source }| HarvestError::Decode {
            collection: T::COLLECTION,
            page: number,
            at,
            source,
        })?;
        self.metrics.page(T::COLLECTION, items.len());
        Ok(Page { number, items, next: links.next, last: links.last })
    }

    pub(super) fn url(&self, collection: Collection, page: u32) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("a client is made only for a URL that has a path")
            .pop_if_empty()
            .push(collection.name());
        url.query_pairs_mut()
            .append_pair("per_page", &self.page_size.to_string())
            .append_pair("page", &page.to_string());
        url
    }

    /// A good answer's headers and whole body.
    async fn whole(&self, url: &Url, collection: Collection) -> Result<(HeaderMap, Vec<u8>), Trouble> {
        let mut response = self.attempt(url, collection).await?;
        // An answer that breaks off is a broken connection, so the whole body is read before it counts as one.
        let body = whole(&mut response).await.map_err(Trouble::transport)?;
        Ok((std::mem::take(response.headers_mut()), body))
    }

    /// After a trouble, waits until the request may be sent again.
    ///
    /// # Errors
    /// When it is not worth another attempt, or has met as many troubles as the policy allows.
    pub(super) async fn again(
        &self,
        trouble: Trouble,
        troubles: &mut Troubles,
        url: &Url,
        collection: Collection,
    ) -> Result<(), HarvestError> {
        let (cause, asked) = match trouble {
            Trouble::Lasting(error) => return Err(*error),
            Trouble::Passing { cause, asked } => (cause, asked),
        };
        let limited = matches!(cause, Cause::Status { status: StatusCode::TOO_MANY_REQUESTS, .. });
        let (met, bound) = match limited {
            true => (&mut troubles.rate_limits, self.retry.rate_limits),
            false => (&mut troubles.failures, self.retry.failures),
        };
        *met += 1;
        let wait = self.retry.wait(*met, asked);
        if *met >= bound {
            let attempts = troubles.failures + troubles.rate_limits;
            return Err(HarvestError::Exhausted { url: url.clone(), attempts, cause });
        }
        warn!(%url, %cause, wait_ms = wait.as_millis(), "trying again");
        self.metrics.retry(collection);
        match limited {
            // The next attempt waits with all others.
            true => self.pacer.hold(wait),
            false => tokio::time::sleep(wait).await,
        }
        Ok(())
    }

    /// Sends the request when the rate limit allows. A good answer is returned as soon as its head is there.
    pub(super) async fn attempt(&self, url: &Url, collection: Collection) -> Result<Response, Trouble> {
        let turn = self.pacer.turn().await;
        self.metrics.request(collection);
        // The token is the user name and the password is empty, as the API asks.
        let request = self.http.get(url.clone()).basic_auth(&self.api_key, Some(""));
        let response = request.send().await.map_err(Trouble::transport)?;
        turn.answered(response.headers());
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let asked = asked_wait(response.headers(), Timestamp::now());
        let message = message(&response.bytes().await.map_err(Trouble::transport)?);
        let url = url.clone();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Trouble::lasting(HarvestError::Unauthorized { status, url, message })
            }
            StatusCode::NOT_FOUND => Trouble::lasting(HarvestError::NotFound { url, message }),
            StatusCode::TOO_MANY_REQUESTS => Trouble::Passing { cause: Cause::Status { status, message }, asked },
            _ if status.is_server_error() => Trouble::Passing { cause: Cause::Status { status, message }, asked },
            _ => Trouble::lasting(HarvestError::Refused { status, url, message }),
        })
    }
}

/// The links of an answer's head.
pub(super) fn links(headers: &HeaderMap, collection: Collection, page: u32) -> Result<Links, HarvestError> {
    Links::read(headers, page).map_err(|source| HarvestError::Link { collection, page, source })
}

/// The whole body. Copied piece by piece as it comes: `bytes()` would keep every piece, with the read buffer that it lies
/// in, until it joins them, and so hold a page twice or more, depending on how the network cut it.
async fn whole(response: &mut Response) -> Result<Vec<u8>, reqwest::Error> {
    let length = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut body = Vec::with_capacity(length.min(LARGEST_PROMISE));
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarvestError {
    /// The HTTP client could not be built.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The configured URL cannot have a list's name added to its path.
    #[error("`{url}` is no base of an API; HARVEST_URL is the part up to and with `/v1`")]
    Base {
        /// The URL.
        url: Url,
    },
    /// The key is missing, wrong, or not allowed to read this list.
    #[error("{url} answered {status}: {message}; check HARVEST_API_KEY and that the key may read this list")]
    Unauthorized {
        /// 401 or 403.
        status: StatusCode,
        /// What was asked for.
        url: Url,
        /// The server's words.
        message: String,
    },
    /// There is no such list.
    #[error("{url} was not found: {message}; HARVEST_URL is the part up to and with `/v1`")]
    NotFound {
        /// What was asked for.
        url: Url,
        /// The server's words.
        message: String,
    },
    /// Another answer that no repetition would change.
    #[error("{url} answered {status}: {message}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// What was asked for.
        url: Url,
        /// The server's words.
        message: String,
    },
    /// The last attempt met one more passing trouble.
    #[error("{url} failed {attempts} times, the last time with: {cause}")]
    Exhausted {
        /// What was asked for.
        url: Url,
        /// How often.
        attempts: u32,
        /// What the last attempt met.
        #[source]
        cause: Cause,
    },
    /// The answer is not a list of such records.
    #[error("page {page} of {collection} does not decode at `{at}`: {source}")]
    Decode {
        /// The list.
        collection: Collection,
        /// The page, from 1.
        page: u32,
        /// The path within the page, such as `[17].current_stage.id`.
        at: String,
        /// What was expected there.
        source: serde_json::Error,
    },
    /// The answer links to no page that could follow.
    #[error("cannot read on after page {page} of {collection}: {source}")]
    Link {
        /// The list.
        collection: Collection,
        /// The page, from 1.
        page: u32,
        /// What is wrong with the link.
        source: BadLink,
    },
}

/// A trouble that may pass: the request is worth another attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The server answered 429, or 500 and above.
    #[error("{status}: {message}")]
    Status {
        /// The answer's status.
        status: StatusCode,
        /// The server's words.
        message: String,
    },
    /// There was no whole answer: refused, cut, timed out.
    #[error("no whole answer")]
    Transport(#[source] reqwest::Error),
}

/// What an attempt met.
pub(super) enum Trouble {
    /// Worth another attempt, after as long as the server asks for.
    Passing {
        cause: Cause,
        asked: Option<Duration>,
    },
    Lasting(Box<HarvestError>),
}

/// How many of them one request has met.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    failures: u32,
    rate_limits: u32,
}

impl Trouble {
    fn lasting(error: HarvestError) -> Self {
        Self::Lasting(Box::new(error))
    }

    pub(super) fn transport(error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::lasting(HarvestError::Client(error));
        }
        // The error that carries this cause names the URL.
        Self::Passing { cause: Cause::Transport(error.without_url()), asked: None }
    }
}

/// The message of an error body (`{"message": ".."}`), or the beginning of whatever else it is.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    match serde_json::from_slice(body) {
        Ok(Message { message }) => message,
        Err(_) if body.is_empty() => "no message".to_owned(),
        Err(_) => String::from_utf8_lossy(body).chars().take(200).collect(),
    }
}

/// Whether the URL names this machine by its loopback interface.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
