//! A server in a container: started from an image, reached through a port of this machine, removed when dropped. Whether it is ready its
//! client knows best.

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater::ServiceError;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{ContainerInspectResponse, ContainerState};
use testcontainers::bollard::query_parameters::InspectContainerOptions;
use testcontainers::core::IntoContainerPort as _;
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, GenericImage, ImageExt as _, TestcontainersError};

use crate::engine::{connect, is_removed, run, with_sources};
use crate::image::name_and_tag;
use crate::owner::{LABEL, Owner, unique_name};
use crate::signals::listen;
use crate::sweep::remove_container;

/// For a server to be ready, once its container runs; a Postgres that makes its cluster first takes about two seconds.
const READY: Duration = Duration::from_secs(120);
/// For the image to be pulled, where it has to be.
const PULLED: Duration = Duration::from_secs(600);
/// Lines of its log that go into an error.
const TAIL: usize = 15;

/// A server as an image.
#[derive(Debug, Clone)]
pub struct Server {
    /// What it is, for people: `Postgres`.
    pub name: &'static str,
    /// `postgres:15`.
    pub image: String,
    /// The port that it listens on inside the container.
    pub port: u16,
    /// What the image's entry point is to run.
    pub command: Vec<String>,
    /// Environment variables of the container.
    pub variables: Vec<(&'static str, &'static str)>,
}

/// A server that runs. Dropping it removes its container.
#[derive(Debug)]
pub struct RunningServer {
    container: Option<Arc<ContainerAsync<GenericImage>>>,
    address: String,
}

impl Server {
    /// Starts it, and calls `connect` with its `host:port` until that succeeds.
    ///
    /// # Errors
    /// When there is no Docker, the image is not to be had, or the server is not ready in time; then with the end of its log.
    pub fn start<C>(
        &self,
        mut connect: impl FnMut(&str) -> Result<C, String>,
    ) -> Result<(RunningServer, C), ServiceError> {
        let server = self.clone();
        let running = run(async move { server.run().await })?;
        let deadline = Instant::now() + READY;
        loop {
            let cause = match connect(&running.address) {
                Ok(client) => return Ok((running, client)),
                Err(cause) => cause,
            };
            let problem = match running.problem() {
                Some(problem) => problem,
                None if Instant::now() > deadline => format!("it does not accept connections: {cause}"),
                None => {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
            };
            return Err(self.failed(format!("{problem}; its log ends: {}", running.log_tail())));
        }
    }

    fn failed(&self, cause: impl std::fmt::Display) -> ServiceError {
        ServiceError::new(format!("start {} from the image {}", self.name, self.image), cause)
    }

    async fn run(self) -> Result<RunningServer, ServiceError> {
        listen()?;
        let docker = connect().await?;
        let (name, tag) = name_and_tag(&self.image);
        let container = unique_name(&self.name.to_lowercase())?;
        let mut request = GenericImage::new(name, tag)
            .with_exposed_port(self.port.tcp())
            .with_cmd(self.command.clone())
            .with_container_name(&container)
            .with_label(LABEL, Owner::this().to_string())
            .with_startup_timeout(PULLED);
        for (name, value) in &self.variables {
            request = request.with_env_var(*name, *value);
        }
        let running = match request.start().await {
            Ok(running) => running,
            Err(error) => {
                // One that was made and could not be started is nobody's otherwise.
                let _ = remove_container(&docker, &container).await;
                let remedy = format!("see that `docker pull {0}` works, or that `docker images` lists {0}", self.image);
                return Err(self.failed(with_sources(&error)).remedy(remedy));
            }
        };
        let reached = async {
            let host = running.get_host().await?.to_string();
            // The name may stand for `::1` as well, where the port is another one.
            let host = if host == "localhost" { "127.0.0.1" } else { &host };
            Ok::<_, TestcontainersError>(format!("{host}:{}", running.get_host_port_ipv4(self.port).await?))
        };
        match reached.await {
            Ok(address) => Ok(RunningServer { container: Some(Arc::new(running)), address }),
            // One that has ended has no ports any more.
            Err(error) => {
                let problem = match running.exit_code().await {
                    Ok(Some(code)) => ended_with(code),
                    _ => with_sources(&error),
                };
                Err(self.failed(format!("{problem}; its log ends: {}", log_tail(&running).await)))
            }
        }
    }
}

fn ended_with(code: i64) -> String {
    format!("it ended with {code}")
}

/// What is wrong with a container. An engine that does not say tells nothing of it.
fn problem_of(found: Result<ContainerInspectResponse, Error>) -> Option<String> {
    let state = match found {
        Ok(found) => found.state?,
        Err(error) if is_removed(&error) => return Some("somebody removed its container".to_owned()),
        Err(_) => return None,
    };
    match state {
        ContainerState { paused: Some(true), .. } => Some("somebody paused its container".to_owned()),
        ContainerState { running: Some(true), .. } => None,
        ContainerState { oom_killed: Some(true), .. } => Some("its container ran out of memory".to_owned()),
        ContainerState { exit_code, .. } => Some(ended_with(exit_code.unwrap_or_default())),
    }
}

/// The last lines of both of its outputs. One that cannot be read is none: what went wrong is said without it.
async fn log_tail(container: &ContainerAsync<GenericImage>) -> String {
    let mut log = container.stdout_to_vec().await.unwrap_or_default();
    log.extend(container.stderr_to_vec().await.unwrap_or_default());
    let text = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

impl RunningServer {
    /// Where it is reached from this machine, and from processes that it starts: `127.0.0.1:32768`, or the address of the engine's bridge
    /// where this process is in a container itself.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Why its container serves nobody any more, when Docker knows of a reason.
    pub fn problem(&self) -> Option<String> {
        let id = self.container.as_ref()?.id().to_owned();
        let found = run(async move {
            let unanswered = |error: &dyn std::error::Error| ServiceError::new("ask Docker", with_sources(error));
            let docker = docker_client_instance().await.map_err(|error| unanswered(&error))?;
            Ok(docker.inspect_container(&id, None::<InspectContainerOptions>).await)
        });
        problem_of(found.ok()?)
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let Some(container) = self.container.clone() else { return String::new() };
        run(async move { Ok(log_tail(&container).await) }).unwrap_or_default()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if let Some(container) = self.container.take() {
            // There, since testcontainers removes it in `drop`. Nobody is left to be told.
            let _ = run(async move {
                drop(container);
                Ok(())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_container_is_told() {
        let check = |state: ContainerState, expect: Option<&str>| {
            let found = ContainerInspectResponse { state: Some(state), ..ContainerInspectResponse::default() };
            assert_eq!(problem_of(Ok(found)).as_deref(), expect);
        };
        let runs = || ContainerState { running: Some(true), ..ContainerState::default() };
        let ended = || ContainerState { running: Some(false), exit_code: Some(137), ..ContainerState::default() };
        check(runs(), None);
        // As Docker has it: what is paused runs as well.
        check(ContainerState { paused: Some(true), ..runs() }, Some("somebody paused its container"));
        check(ended(), Some("it ended with 137"));
        check(ContainerState { oom_killed: Some(true), ..ended() }, Some("its container ran out of memory"));
        let answered = |status_code| Err(Error::DockerResponseServerError { status_code, message: String::new() });
        assert_eq!(problem_of(answered(404)).as_deref(), Some("somebody removed its container"));
        assert_eq!(problem_of(answered(500)), None);
    }
}
