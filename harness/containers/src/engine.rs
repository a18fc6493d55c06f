//! The Docker engine: a runtime of our own to talk to it, and whether it answers.

use std::future::Future;
use std::io;
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use highwater::ServiceError;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::core::client::docker_client_instance;
use tokio::runtime::{Builder, Runtime};

use crate::sweep::sweep;

/// For the engine to say that it is there; it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lives as long as the process: connections that testcontainers keeps belong to it.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    // Several threads, although one does the work: testcontainers removes a container in `drop`, which has to block.
    Builder::new_multi_thread().worker_threads(1).thread_name("highwater-docker").enable_all().build()
});

/// Runs a future to its end, also where the caller is in a runtime of its own.
pub(crate) fn run<T: Send + 'static>(
    future: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
) -> Result<T, ServiceError> {
    let failed = |cause: &dyn std::fmt::Display| ServiceError::new("run what talks to Docker", cause);
    let runtime = RUNTIME.as_ref().map_err(|error| failed(error))?;
    let (sender, receiver) = mpsc::channel();
    runtime.spawn(async move {
        // Nobody waits any more when the caller is gone.
        let _ = sender.send(future.await);
    });
    receiver.recv().map_err(|_| failed(&"it panicked"))?
}

/// The engine, once it has answered and what killed processes left there is gone.
///
/// # Errors
/// When there is none, with the remedy.
pub(crate) async fn connect() -> Result<Docker, ServiceError> {
    let absent = |cause: &dyn std::fmt::Display| {
        ServiceError::new("reach Docker", cause)
            .remedy("install and start Docker, or let DOCKER_HOST name an engine that runs and that this user may use")
    };
    let docker = docker_client_instance().await.map_err(|error| absent(&error))?;
    match tokio::time::timeout(PATIENCE, docker.ping()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(absent(&with_sources(&error))),
        Err(_) => return Err(absent(&format!("no answer within {} s", PATIENCE.as_secs()))),
    }
    sweep(&docker).await?;
    Ok(docker)
}

/// Whether the engine answered that it has no such container: somebody removed it.
pub(crate) fn is_removed(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// An error and what caused it: `a: b: c`. A source that is said already is not repeated.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
