//! A Redis for machines without one: both versions of the protocol by redis-protocol, Lua 5.1 by mlua, the data in collections of
//! std, in this process and on one thread of its own, as a Redis has one.
//!
//! It serves what job queues and caches send, through unchanged clients, so that the client's memory is what it is with a real
//! server: the same answers, of the same sizes, written together where Redis writes them together. What it cannot serve it
//! refuses by name.

mod channels;
mod command;
mod pattern;
mod reply;
mod script;
mod session;
mod store;

use std::net::{Ipv4Addr, SocketAddr, TcpListener as BoundListener};
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinSet, LocalSet};

use session::{Engine, serve};

/// For the server to answer us. A script that never ends keeps it from doing so.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server. One port for all samples; databases of its own for each.
pub(crate) struct EmbeddedServer {
    address: SocketAddr,
    /// Options only so that they can be taken when the server is dropped: the thread ends when nobody can ask it any more.
    requests: Option<UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked for.
enum Request {
    /// Cut all connections off and forget everything.
    Begin(Sender<Result<(), String>>),
    /// Cut all connections off and tell what there is. Nothing if no sample has begun.
    End(Sender<Option<Observations>>),
}

impl EmbeddedServer {
    /// Listens on a free port of the loopback.
    ///
    /// # Errors
    /// When there is no port, or no thread.
    pub(crate) fn start() -> Result<Self, ServiceError> {
        let failed = |cause: std::io::Error| ServiceError::new("start the embedded Redis server", cause);
        let listener = BoundListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (requests, received) = unbounded_channel();
        let thread = std::thread::Builder::new().name("redis".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, async {
                // The socket is bound already: only a runtime without I/O could refuse it.
                if let Ok(listener) = TcpListener::from_std(listener) {
                    run(listener, received).await;
                }
            });
        });
        Ok(Self { address, requests: Some(requests), thread: Some(thread.map_err(failed)?) })
    }

    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Result<T, String> {
        let (answer, answered) = channel();
        if let Some(requests) = &self.requests {
            // If nobody receives it, nobody answers.
            let _ = requests.send(request(answer));
        }
        answered.recv_timeout(PATIENCE).map_err(|_| "the embedded Redis server does not answer".to_owned())
    }
}

async fn run(listener: TcpListener, mut requests: UnboundedReceiver<Request>) {
    let mut sessions = JoinSet::new();
    let mut engine: Option<Rc<Engine>> = None;
    let mut number = 0;
    loop {
        tokio::select! {
            // First the requests, so that a client cannot join a sample that is over.
            biased;
            request = requests.recv() => {
                sessions.shutdown().await;
                // Whoever asked may have lost patience.
                let _ = match request {
                    None => return,
                    Some(Request::Begin(answer)) => {
                        let made = Engine::new().map(|new| engine = Some(Rc::new(new))).map_err(|cause| cause.to_string());
                        number = 0;
                        answer.send(made).ok()
                    }
                    Some(Request::End(answer)) => {
                        let seen = engine.take().map(|engine| observed(&engine));
                        answer.send(seen).ok()
                    }
                };
            }
            accepted = listener.accept() => match (accepted, &engine) {
                (Ok((stream, _)), Some(engine)) => {
                    number += 1;
                    // Answers are small, and clients wait for them.
                    let _ = stream.set_nodelay(true);
                    sessions.spawn_local(serve(stream, Rc::clone(engine), number));
                }
                // Between samples there is nothing to connect to: the socket is closed.
                (Ok(_), None) => {}
                // No file descriptor is free, most likely; one may be in a moment.
                (Err(_), _) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

fn observed(engine: &Engine) -> Observations {
    let mut store = engine.store.borrow_mut();
    let (keys, bytes) = store.size();
    super::observations(keys, bytes, store.commands)
}

impl RunningService for EmbeddedServer {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        let begun = self.ask(Request::Begin).and_then(|made| made);
        begun.map_err(|cause| ServiceError::new("empty the embedded Redis server", cause))?;
        Ok(Endpoint::new(format!("redis://{}/0", self.address)))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        let seen = self.ask(Request::End).map_err(ServiceFault::Failed)?;
        seen.ok_or_else(|| ServiceFault::Failed("the embedded Redis server has no sample to end".to_owned()))
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.requests.take();
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told already.
            let _ = thread.join();
        }
    }
}
