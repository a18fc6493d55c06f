//! A Postgres for machines without one: the wire protocol by pgwire, the data in bundled SQLite, in this process and on threads
//! of its own.
//!
//! It serves what a sync worker sends, through unchanged clients, so that the client's memory is what it is with a real server:
//! the same messages, of the same sizes, flushed at the same points. What it cannot serve it refuses by name; it does not
//! answer differently. See [`compile`] for the SQL, [`wire`] for the protocol, [`transaction`] for isolation.

mod catalog;
mod codec;
mod compile;
mod copy;
mod database;
mod error;
mod execute;
mod frame;
mod functions;
mod lock;
mod rows;
mod sample;
mod session;
mod settings;
mod transaction;
mod types;
mod wire;

use std::net::{Ipv4Addr, SocketAddr, TcpListener as BoundListener};
use std::sync::{Arc, Mutex, PoisonError};

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use sample::Sample;
use wire::Wire;

/// A running server. One port for all samples; a database of its own for each.
pub(crate) struct EmbeddedServer {
    address: SocketAddr,
    current: Arc<Mutex<Option<Arc<Sample>>>>,
    /// An option only so that it can be taken when the server is dropped.
    runtime: Option<Runtime>,
}

impl EmbeddedServer {
    /// Listens on a free port of the loopback.
    ///
    /// # Errors
    /// When there is no port, or no thread.
    pub(crate) fn start() -> Result<Self, ServiceError> {
        let failed = |cause: &std::io::Error| ServiceError::new("start the embedded Postgres server", cause);
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("postgres").enable_all().build();
        let runtime = runtime.map_err(|cause| failed(&cause))?;
        let listener = BoundListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|cause| failed(&cause))?;
        let address = listener.local_addr().map_err(|cause| failed(&cause))?;
        listener.set_nonblocking(true).map_err(|cause| failed(&cause))?;
        let current: Arc<Mutex<Option<Arc<Sample>>>> = Arc::default();
        let entered = runtime.enter();
        let listener = TcpListener::from_std(listener).map_err(|cause| failed(&cause))?;
        drop(entered);
        runtime.spawn(accept(listener, Arc::clone(&current)));
        Ok(Self { address, current, runtime: Some(runtime) })
    }

    fn replace(&self, sample: Option<Arc<Sample>>) -> Option<Arc<Sample>> {
        std::mem::replace(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner), sample)
    }
}

async fn accept(listener: TcpListener, current: Arc<Mutex<Option<Arc<Sample>>>>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // No file descriptor is free, most likely; one may be in a moment.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let sample = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Between samples there is nothing to connect to: the socket is closed.
        let Some(sample) = sample else { continue };
        tokio::spawn(async move {
            tokio::select! {
                // How a connection ended is between the client and its session.
                _ = pgwire::tokio::process_socket(socket, None, Wire::new(Arc::clone(&sample))) => {}
                () = sample.ended() => {}
            }
        });
    }
}

impl RunningService for EmbeddedServer {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        let name = super::database_name();
        let made = Sample::begin(name.clone());
        let sample =
            made.map_err(|cause| ServiceError::new("make an empty database for the embedded Postgres server", cause))?;
        if let Some(previous) = self.replace(Some(Arc::new(sample))) {
            previous.end();
        }
        Ok(Endpoint::new(format!("postgres://postgres@{}/{name}", self.address)))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        let Some(sample) = self.replace(None) else {
            return Err(ServiceFault::Failed("the embedded Postgres server has no sample to end".to_owned()));
        };
        if !sample.end() {
            return Err(ServiceFault::Failed("a session of the embedded Postgres server did not end".to_owned()));
        }
        Ok(Observations::from([("statements".to_owned(), sample.database.statements())]))
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        if let Some(sample) = self.replace(None) {
            sample.end();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
