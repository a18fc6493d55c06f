//! A server that was started here, and is nobody else's: the service on it, and whether it still runs. How it is started is the modules' of
//! the servers, what the service does with it theirs as well.

use std::time::{Duration, Instant};

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use highwater_containers::RunningServer;

/// A client hears of a server's end before whoever started it does; by so much at the most.
const NOTICED: Duration = Duration::from_secs(1);

/// What is known of a server by whoever started it.
pub(crate) trait Host: Send {
    /// Why it serves nobody any more, when that can be seen: `it ended (signal: 9 (SIGKILL))`.
    fn problem(&self) -> Option<String>;

    /// The end of its log.
    fn log_tail(&self) -> String;
}

impl Host for RunningServer {
    fn problem(&self) -> Option<String> {
        RunningServer::problem(self)
    }

    fn log_tail(&self) -> String {
        RunningServer::log_tail(self)
    }
}

/// A service on a server of our own. Dropping it stops the server.
pub(crate) struct Own<S, H> {
    // Dropped in this order: the service needs the server no more.
    service: S,
    host: H,
}

impl<S: RunningService, H: Host> Own<S, H> {
    pub(crate) fn new(service: S, host: H) -> Self {
        Self { service, host }
    }

    /// Why the service failed: what became of its server, if anything did, else what it says itself. With the end of the log.
    fn explained(&self, cause: &str) -> String {
        let until = Instant::now() + NOTICED;
        let problem = loop {
            match self.host.problem() {
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
                found => break found,
            }
        };
        self.with_log(problem.as_deref().unwrap_or(cause))
    }

    fn with_log(&self, problem: &str) -> String {
        match self.host.log_tail() {
            log if log.is_empty() => problem.to_owned(),
            log => format!("{problem}; its log ends: {log}"),
        }
    }
}

impl<S: RunningService, H: Host> RunningService for Own<S, H> {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        // Asked first: one that was stopped gives no answer, for which the service would wait.
        if let Some(problem) = self.host.problem() {
            return Err(ServiceError::new("use the server that was started here", self.with_log(&problem)));
        }
        self.service.begin_sample().map_err(|error| ServiceError {
            cause: self.explained(&error.cause),
            // That of a service whose server others start.
            remedy: None,
            ..error
        })
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        if let Some(problem) = self.host.problem() {
            return Err(ServiceFault::Failed(self.with_log(&problem)));
        }
        self.service.end_sample().map_err(|fault| match fault {
            ServiceFault::Failed(cause) => ServiceFault::Failed(self.explained(&cause)),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Fails;

    impl RunningService for Fails {
        fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
            Err(ServiceError::new("empty it", "connection refused").remedy("start the server"))
        }

        fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
            Err(ServiceFault::Failed("connection refused".to_owned()))
        }
    }

    /// Its end is noticed when it was asked so often.
    struct Noticed {
        after: u32,
        asked: Cell<u32>,
    }

    impl Host for Noticed {
        fn problem(&self) -> Option<String> {
            self.asked.set(self.asked.get() + 1);
            (self.asked.get() > self.after).then(|| "it ended".to_owned())
        }

        fn log_tail(&self) -> String {
            "last words".to_owned()
        }
    }

    #[test]
    fn what_became_of_the_server_explains_what_the_service_says() {
        let check = |after, begin: &str, end: &str| {
            let own = || Own::new(Fails, Noticed { after, asked: Cell::new(0) });
            assert_eq!(own().begin_sample().unwrap_err().to_string(), begin, "after {after}");
            assert_eq!(own().end_sample().unwrap_err().to_string(), end, "after {after}");
        };
        let ended = "it ended; its log ends: last words";
        check(0, &format!("failed to use the server that was started here: {ended}"), ended);
        check(5, &format!("failed to empty it: {ended}"), ended);
        let runs = "connection refused; its log ends: last words";
        check(u32::MAX, &format!("failed to empty it: {runs}"), runs);
    }
}
