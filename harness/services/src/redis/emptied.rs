//! A Redis that was started for us alone, so that everything in it is ours: emptied before each sample, with its scripts.

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use redis::{Connection, RedisResult, cmd};

/// The service on such a server.
pub(crate) struct Emptied {
    url: String,
    connection: Connection,
    /// Commands executed before the sample.
    commands: u64,
}

impl Emptied {
    /// The server at this URL.
    pub(crate) fn new(url: String, connection: Connection) -> Self {
        Self { url, connection, commands: 0 }
    }

    fn begin(&mut self) -> RedisResult<()> {
        // Nobody else knows of this server: what is in it is ours.
        cmd("FLUSHALL").query::<()>(&mut self.connection)?;
        cmd("SCRIPT").arg("FLUSH").query::<()>(&mut self.connection)?;
        self.commands = super::info(&mut self.connection, "stats", "total_commands_processed")?;
        Ok(())
    }

    fn observe(&mut self) -> RedisResult<Observations> {
        let connection = &mut self.connection;
        // The INFO that told `commands` is one of them.
        let commands = super::info(connection, "stats", "total_commands_processed")? - self.commands - 1;
        let memory = super::info(connection, "memory", "used_memory")?;
        let keyspace: String = cmd("INFO").arg("keyspace").query(connection)?;
        let keys =
            keyspace.lines().filter_map(|line| line.split_once("keys=")?.1.split(',').next()?.parse::<u64>().ok());
        Ok(super::observations(keys.sum(), memory, commands))
    }
}

impl RunningService for Emptied {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.begin().map_err(|cause| ServiceError::new("empty the Redis server that was started here", cause))?;
        Ok(Endpoint::new(self.url.clone()))
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        self.observe().map_err(|cause| {
            ServiceFault::Failed(format!("the Redis server that was started here does not answer: {cause}"))
        })
    }
}
