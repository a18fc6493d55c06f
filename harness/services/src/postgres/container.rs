//! A real Postgres in a container: `remote` on the address that it is reached by, which makes a fresh database for each sample.

use highwater::{RunningService, ServiceError};
use highwater_containers::Server;

use super::remote::Databases;
use crate::container::with_alternative;
use crate::own::Own;

/// Starts the image, with the environment variables of the official one.
///
/// # Errors
/// When there is no Docker, the image is not to be had, or does not start; then with the end of its log.
pub(crate) fn start(image: String) -> Result<impl RunningService, ServiceError> {
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
        Databases::connect(&format!("postgres://postgres@{address}/postgres")).map_err(|error| error.cause)
    });
    let (server, databases) = started.map_err(with_alternative)?;
    Ok(Own::new(databases, server))
}
