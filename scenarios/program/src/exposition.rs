//! Serves metrics over HTTP to whoever scrapes them. What is counted is the program's to say.
//!
//! On hyper alone, which the HTTP client brings anyway: one path does not need a web framework.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::warn;

/// A listener that answers `GET /metrics` until it is dropped.
#[must_use = "dropping it stops it"]
#[derive(Debug)]
pub struct Exposition {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Exposition {
    /// Listens at the address and adds the metrics of this process (resident memory, file descriptors, threads and CPU
    /// seconds, on Linux) to those of the registry.
    ///
    /// # Errors
    /// [`ExpositionError::Listen`] when the address cannot be listened at, [`ExpositionError::Register`] when the metrics
    /// are served already.
    pub async fn serve(address: SocketAddr, registry: &Registry) -> Result<Self, ExpositionError> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| ExpositionError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| ExpositionError::Listen { address, source })?;
        let registry = registry.clone();
        // The collector reads /proc.
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .map_err(ExpositionError::Register)?;
        Ok(Self { address, task: tokio::spawn(accept(listener, registry)) })
    }

    /// Where it listens: the port is the one given by the system where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exposition {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why metrics are not served.
#[derive(Debug, thiserror::Error)]
pub enum ExpositionError {
    /// The address is taken, or not this machine's.
    #[error("cannot serve metrics at {address}; check METRICS_ADDR")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The process's metrics are registered already.
    #[error("cannot add the metrics of the process")]
    Register(#[source] prometheus::Error),
}

async fn accept(listener: TcpListener, registry: Registry) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!("cannot accept a scrape: {error}");
                // Out of file descriptors, most likely: trying again at once would only burn the CPU.
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                continue;
            }
        };
        let registry = registry.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request, &registry))));
            if let Err(error) = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service)
                .await
            {
                warn!("a scrape broke off: {error}");
            }
        });
    }
}

fn answer(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let plain = |status, text: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        response
    };
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => match TextEncoder::new().encode_to_string(&registry.gather()) {
            Ok(text) => {
                let mut response = Response::new(Full::new(Bytes::from(text)));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
                response
            }
            Err(error) => {
                warn!("cannot encode the metrics: {error}");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot encode the metrics\n")
            }
        },
        (_, "/metrics") => plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n"),
        _ => plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n"),
    }
}
