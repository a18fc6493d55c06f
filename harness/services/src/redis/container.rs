//! A real Redis in a container, of which everything is ours: `emptied` on the address that it is reached by.

use highwater::{RunningService, ServiceError};
use highwater_containers::Server;

use super::emptied::Emptied;
use super::remote::connect;
use crate::container::with_alternative;
use crate::own::Own;

/// Starts the image, without persistence.
///
/// # Errors
/// When there is no Docker, the image is not to be had, or does not start; then with the end of its log.
pub(crate) fn start(image: String) -> Result<impl RunningService, ServiceError> {
    let command = ["redis-server", "--save", "", "--appendonly", "no"];
    let server =
        Server { name: "Redis", image, port: 6379, command: command.map(str::to_owned).into(), variables: Vec::new() };
    let started = server.start(|address| {
        let url = format!("redis://{address}/0");
        // Connecting asks the server for nothing where the client sets nothing: the answer to this does.
        let mut connection = connect(&url).map_err(|error| error.to_string())?;
        let ready: redis::RedisResult<String> = redis::cmd("PING").query(&mut connection);
        ready.map(|_| Emptied::new(url, connection)).map_err(|error| error.to_string())
    });
    let (server, emptied) = started.map_err(with_alternative)?;
    Ok(Own::new(emptied, server))
}
