//! A real Redis in a container, of which everything is ours: `own` on the address that it is reached by.

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use highwater_containers::{RunningServer, Server};

use super::own::OwnServer;
use super::remote::connect;
use crate::container::with_alternative;

/// A server in a container of its own. Dropping it removes the container.
pub(crate) struct ContainerServer {
    // Dropped in this order.
    own: OwnServer,
    _server: RunningServer,
}

impl ContainerServer {
    /// Starts the image, without persistence.
    ///
    /// # Errors
    /// When there is no Docker, the image is not to be had, or does not start; then with the end of its log.
    pub(crate) fn start(image: String) -> Result<Self, ServiceError> {
        let command = ["redis-server", "--save", "", "--appendonly", "no"];
        let server = Server {
            name: "Redis",
            image,
            port: 6379,
            command: command.map(str::to_owned).into(),
            variables: Vec::new(),
        };
        let started = server.start(|address| {
            let url = format!("redis://{address}/0");
            // Connecting asks the server for nothing where the client sets nothing: the answer to this does.
            let mut connection = connect(&url).map_err(|error| error.to_string())?;
            let ready: redis::RedisResult<String> = redis::cmd("PING").query(&mut connection);
            ready.map(|_| OwnServer::new(url, connection)).map_err(|error| error.to_string())
        });
        let (server, own) = started.map_err(with_alternative)?;
        Ok(Self { own, _server: server })
    }
}

impl RunningService for ContainerServer {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.own.begin_sample()
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        self.own.end_sample()
    }
}
