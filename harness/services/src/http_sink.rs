//! The service HTTP sink: takes what is posted, keeps count, and is as slow and as unreliable as each message asks it to be.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as BoundListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use highwater::{Endpoint, Observations, RunningService, Service, ServiceError, ServiceFault};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A mail API, a webhook, anything that takes a POST: answers 202 to each, on a port of the loopback.
///
/// The endpoint is `http://host:port/`. A message whose body is JSON may say how it is to go: with `"sandbox": {"failures": 2,
/// "millis": 5}`, the first two requests with its `idempotency-key` header are answered 503, and every answer takes 5 ms. It tells
/// `requests`, `refused` and `request_body_bytes` per sample; anything but a POST fails the sample.
///
/// ```
/// use highwater::Service;
/// use highwater_services::HttpSink;
///
/// let sink = HttpSink::new("mail");
/// let mut running = sink.start()?;
/// assert!(running.begin_sample()?.as_str().starts_with("http://127.0.0.1:"));
/// assert_eq!(running.end_sample()?["requests"], 0);
/// assert_eq!(sink.accepted("welcome-1"), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpSink {
    name: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    refused: u64,
    bytes: u64,
    /// The first request that is none of a sink's.
    foreign: Option<String>,
    messages: BTreeMap<String, Message>,
}

/// What became of the requests with one key.
#[derive(Debug, Default)]
struct Message {
    refused: u32,
    accepted: u64,
}

/// What a body may hold.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    sandbox: Sandbox,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sandbox {
    failures: u32,
    millis: u64,
}

impl HttpSink {
    /// A sink by this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), seen: Arc::default() }
    }

    /// How often a message with this key was accepted in the present sample, or in the last one between samples.
    pub fn accepted(&self, key: &str) -> u64 {
        lock(&self.seen).messages.get(key).map_or(0, |message| message.accepted)
    }

    /// How many messages with different keys were accepted.
    pub fn accepted_keys(&self) -> usize {
        lock(&self.seen).messages.values().filter(|message| message.accepted > 0).count()
    }
}

impl Service for HttpSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<String, ServiceError> {
        Ok("http-sink".to_owned())
    }

    fn start(&self) -> Result<Box<dyn RunningService>, ServiceError> {
        Ok(Box::new(RunningSink::start(Arc::clone(&self.seen))?))
    }
}

struct RunningSink {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    /// Options only so that they can be taken when the sink is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningSink {
    fn start(seen: Arc<Mutex<Seen>>) -> Result<Self, ServiceError> {
        let failed = |cause: std::io::Error| ServiceError::new("start the HTTP sink", cause);
        let listener = BoundListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let thread = {
            let seen = Arc::clone(&seen);
            std::thread::Builder::new().name("http sink".to_owned()).spawn(move || {
                runtime.block_on(async {
                    // The socket is bound already: only a runtime without I/O could refuse it.
                    if let Ok(listener) = TcpListener::from_std(listener) {
                        tokio::select! {
                            () = accept(listener, seen) => {}
                            _ = stopped => {}
                        }
                    }
                });
            })
        };
        Ok(Self { address, seen, stop: Some(stop), thread: Some(thread.map_err(failed)?) })
    }
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Seen>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No file descriptor is free, most likely; one may be in a moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Answers are small, and clients wait for them.
        let _ = stream.set_nodelay(true);
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&seen)));
            // How a connection ended is the client's affair.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, seen: Arc<Mutex<Seen>>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let status = if head.method == Method::POST {
        let key = head.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
        match body.collect().await {
            Ok(body) => take(&key, &body.to_bytes(), &seen).await,
            // A client that broke off is told nothing.
            Err(_) => StatusCode::BAD_REQUEST,
        }
    } else {
        lock(&seen).foreign.get_or_insert_with(|| format!("{} {}", head.method, head.uri));
        StatusCode::METHOD_NOT_ALLOWED
    };
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}

async fn take(key: &str, body: &[u8], seen: &Mutex<Seen>) -> StatusCode {
    // What is no JSON asks for nothing.
    let Sandbox { failures, millis } = serde_json::from_slice::<Asked>(body).unwrap_or_default().sandbox;
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    let mut seen = lock(seen);
    seen.requests += 1;
    seen.bytes += body.len() as u64;
    let message = seen.messages.entry(key.to_owned()).or_default();
    if message.refused < failures {
        message.refused += 1;
        seen.refused += 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    message.accepted += 1;
    StatusCode::ACCEPTED
}

impl RunningService for RunningSink {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        *lock(&self.seen) = Seen::default();
        Ok(Endpoint::new(format!("http://{}/", self.address)))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        let seen = lock(&self.seen);
        if let Some(foreign) = &seen.foreign {
            return Err(ServiceFault::Failed(format!("the HTTP sink takes POST requests alone, and got {foreign}")));
        }
        Ok([("requests", seen.requests), ("refused", seen.refused), ("request_body_bytes", seen.bytes)]
            .map(|(name, value)| (name.to_owned(), value))
            .into())
    }
}

impl Drop for RunningSink {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody receives it where the thread has ended.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told already.
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
