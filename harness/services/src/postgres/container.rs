//! A real Postgres in a container: `remote` on the address that it is reached by, which makes a fresh database for each sample.

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use highwater_containers::{RunningServer, Server};

use super::remote::RemoteServer;
use crate::container::with_alternative;

/// A server in a container of its own. Dropping it removes the container.
pub(crate) struct ContainerServer {
    // Dropped in this order: the databases need the server no more.
    databases: RemoteServer,
    _server: RunningServer,
}

impl ContainerServer {
    /// Starts the image, with the environment variables of the official one.
    ///
    /// # Errors
    /// When there is no Docker, the image is not to be had, or does not start; then with the end of its log.
    pub(crate) fn start(image: String) -> Result<Self, ServiceError> {
        let command = [
            "postgres",
            // Nothing here survives the process.
            "-cfsync=off",
            "-csynchronous_commit=off",
            "-cfull_page_writes=off",
            "-ctimezone=UTC",
        ];
        let server = Server {
            name: "Postgres",
            image,
            port: 5432,
            command: command.map(str::to_owned).into(),
            // As with the other kinds of server: a password would be in the client's memory, and its exchange in the client's numbers.
            variables: vec![("POSTGRES_HOST_AUTH_METHOD", "trust")],
        };
        // While it makes its cluster, the image has a server that listens on no port.
        let started = server.start(|address| {
            RemoteServer::connect(&format!("postgres://postgres@{address}/postgres")).map_err(|error| error.cause)
        });
        let (server, databases) = started.map_err(with_alternative)?;
        Ok(Self { databases, _server: server })
    }
}

impl RunningService for ContainerServer {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.databases.begin_sample()
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        self.databases.end_sample()
    }
}
