//! One wiremock server for one sample, with bounded memory.
//!
//! wiremock keeps a copy of every matched request in its mock until the server is reset, about 8.8 kB each (the copy pins the
//! connection's read buffer), also when request recording is off. So the mock is replaced now and then: reset and mount take
//! the server's lock one after the other. Between the two a request would be answered 404, were it not that both are queued
//! while the lock is held: a responder runs inside that lock, the lock is fair (`tokio::sync::RwLock` serves its queue in order),
//! and every other request stands before both or after both.

use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::session::Session;

/// What wiremock may keep of requests before they are dropped, in bytes.
const KEPT_BYTES: usize = 8 << 20;
/// What it keeps of a request beside the body: hyper's read buffer and the copy's own parts.
const REQUEST_BYTES: usize = 9_000;

/// A running server. Dropping it ends its threads and closes its connections.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

type Rotation = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Server {
    /// Serves a new sample on a free port of 127.0.0.1. `session` makes the sample for the server's URL.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub(crate) fn start(session: impl FnOnce(String) -> Arc<Session>) -> std::io::Result<Self> {
        // wiremock would panic where this fails.
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let session = session(url.clone());
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        // A thread and a runtime of its own, since the parent may call from inside a runtime.
        let thread = std::thread::Builder::new().name("replay".to_owned()).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => runtime.block_on(serve(listener, session, &ready, stopped)),
                // The caller waits for one of the two.
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        is_ready.recv().unwrap_or_else(|_| Err(std::io::Error::other("the replay's thread ended before it served")))?;
        Ok(Self { url, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops serving.
    ///
    /// # Errors
    /// When the thread that keeps wiremock's memory bounded has died: answers may then be missing.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        self.join()
    }

    fn join(&mut self) -> Result<(), String> {
        drop(self.stop.take());
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_| "the replay's thread panicked".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Who wants to know how it ended calls `stop`.
        let _ = self.join();
    }
}

/// Serves `session` until it is `stopped`.
async fn serve(
    listener: TcpListener,
    session: Arc<Session>,
    ready: &Sender<std::io::Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    // Not `MockServer::start`: its pool's threads never end.
    let server = Arc::new(MockServer::builder().listener(listener).disable_request_recording().start().await);
    let (rotations, queue) = unbounded_channel();
    Answers::mount(&server, session, rotations).await;
    // The caller waits for it.
    let _ = ready.send(Ok(()));
    rotate(queue, stopped).await;
    end(server).await;
}

/// Finishes the rotations that responders begin, until the server is to stop.
async fn rotate(mut queue: UnboundedReceiver<Rotation>, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            rotation = queue.recv() => match rotation {
                Some(rotation) => rotation.await,
                None => break,
            },
            _ = &mut stopped => break,
        }
    }
}

/// Drops the server here. Its drop waits for its lock, so a responder, which runs inside the lock, must never hold the last
/// reference.
async fn end(mut server: Arc<MockServer>) {
    while let Err(shared) = Arc::try_unwrap(server) {
        server = shared;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Answers every request, and asks for a new mock when this one has kept enough.
struct Answers {
    session: Arc<Session>,
    server: Weak<MockServer>,
    rotations: UnboundedSender<Rotation>,
    kept: AtomicUsize,
}

impl Answers {
    fn mount(
        server: &Arc<MockServer>,
        session: Arc<Session>,
        rotations: UnboundedSender<Rotation>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let answers = Self { session, server: Arc::downgrade(server), rotations, kept: AtomicUsize::new(0) };
        let server = server.clone();
        async move { server.register(Mock::given(any()).respond_with(answers)).await }
    }

    /// Queues reset and mount back to back. Called inside the server's lock, so that neither can run before both are queued.
    fn rotate(&self) {
        let Some(server) = self.server.upgrade() else { return };
        let mount = Self::mount(&server, self.session.clone(), self.rotations.clone());
        // Outside the budget of the task that polls: it could be spent, and the lock then not be queued for.
        let mut rotation: Rotation = Box::pin(tokio::task::unconstrained(async move {
            tokio::join!(server.reset(), mount);
        }));
        let queued = rotation.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        debug_assert!(queued, "the responder runs inside the lock");
        // If the receiver is gone the server is stopping.
        let _ = self.rotations.send(rotation);
    }
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let response = self.session.respond(request);
        let bytes = REQUEST_BYTES + request.body.len();
        let before = self.kept.fetch_add(bytes, Ordering::Relaxed);
        // Once: requests that are queued already are still answered here.
        if before < KEPT_BYTES && before + bytes >= KEPT_BYTES {
            self.rotate();
        }
        response
    }
}
