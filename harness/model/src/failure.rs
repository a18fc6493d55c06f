//! Why a scenario yielded no numbers. The causes are told apart, because their remedies differ.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bytes::group;
use crate::{Bytes, Moment, Phase, Progress, sparkline};

/// A scenario that yielded no numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The end of what the child wrote to its standard error; empty when it wrote nothing.
    pub output: String,
    /// How far the child came, when one ran.
    pub progress: Option<Progress>,
    /// Live bytes over the time of the run, when the child could tell.
    pub timeline: Vec<Moment>,
}

impl Failure {
    /// A failure before any child ran.
    pub const fn before_the_run(cause: Cause) -> Self {
        Self { cause, output: String::new(), progress: None, timeline: Vec::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        if let Some(progress) = &self.progress {
            write!(f, "\n  it was {progress}")?;
        }
        if let Some(line) = sparkline(&self.timeline) {
            write!(f, "\n  {line}")?;
        }
        if !self.output.is_empty() {
            f.write_str("\n  the end of its standard error:")?;
            for line in self.output.lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}

/// Why a scenario yielded no numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// The scenario itself is declared wrongly.
    #[error("the scenario is declared wrongly: {0}")]
    Declaration(String),
    /// A service could not be started or made as new.
    #[error("service `{service}` is not to be had: {message}")]
    ServiceStart {
        /// The service's name.
        service: String,
        /// What went wrong, with the remedy where there is one.
        message: String,
    },
    /// The workload sent requests that were never recorded.
    #[error("service `{service}` had {message}")]
    UnmatchedRequest {
        /// The service's name.
        service: String,
        /// How many, and the first of them.
        message: String,
    },
    /// A service failed during the run.
    #[error("service `{service}` failed during the run: {message}")]
    ServiceFault {
        /// The service's name.
        service: String,
        /// What went wrong.
        message: String,
    },
    /// The child could not be started, watched or read.
    #[error("the child could not be run: {0}")]
    Spawn(String),
    /// The child's global allocator does not count.
    #[error(
        "nothing was counted: the test target's global allocator is not highwater's; \
         add `#[global_allocator] static ALLOC: highwater::Alloc = highwater::Alloc::new();`"
    )]
    NotCounting,
    /// The author's code returned an error.
    #[error("{phase} returned an error: {message}")]
    Workload {
        /// The part of the run that did.
        phase: Phase,
        /// The error with its sources.
        message: String,
    },
    /// The author's code panicked.
    #[error("panicked at {location}: {message}")]
    Panic {
        /// `file:line:column`, or `unknown`.
        location: String,
        /// The panic's message.
        message: String,
    },
    /// The run needed more than its limit.
    #[error("limit exceeded: {live} were live and {requested} more were asked for, under a limit of {limit}")]
    LimitExceeded {
        /// The scenario's limit.
        limit: Bytes,
        /// Bytes live in the whole process before the allocation.
        live: Bytes,
        /// The size of the allocation.
        requested: Bytes,
    },
    /// The kernel killed the child, or a process that it started, because their control group was at its limit.
    #[error(
        "killed by the kernel for want of memory, under a limit of {limit}{}: its own counter says so ({kills} killed)",
        peak.map(|peak| format!(" ({peak} charged at the most)")).unwrap_or_default()
    )]
    OomKilled {
        /// What the kernel counted as killed in the child's group.
        kills: u64,
        /// The limit of the group, which holds resident pages of any kind and not requested bytes.
        limit: Bytes,
        /// The most that was charged to the group, where the kernel tells.
        peak: Option<Bytes>,
    },
    /// The child ran longer than it may, and was killed with all processes of its group.
    #[error("timed out after {seconds} s; raise it with `.timeout(..)` if the workload is sound")]
    Timeout {
        /// The scenario's time limit, in seconds.
        seconds: u64,
    },
    /// The child ended itself with this code.
    #[error("the child exited with code {code} before the run was over")]
    Exit {
        /// The exit code, not 0.
        code: i32,
    },
    /// The child was killed by a signal that the harness did not send.
    #[error("the child was killed by signal {signal} ({name})")]
    Signal {
        /// The signal's number.
        signal: i32,
        /// Its name, such as `SIGSEGV`.
        name: String,
    },
    /// The child ended well, but said nothing: the workload ended the process itself.
    #[error("the child exited with code 0 and left no message: something in the workload ended the process")]
    NoMessage,
    /// The child's message cannot be read.
    #[error("the child's message cannot be read: {0}")]
    BadMessage(String),
    /// The committed baseline cannot be used.
    #[error("{0}")]
    Baseline(String),
    /// Of a workload at several sizes, the run of one has failed.
    #[error("at size {}: {cause}", group(*size))]
    AtSize {
        /// Which.
        size: u64,
        /// Why.
        cause: Box<Cause>,
    },
    /// All sizes ran, and no growth can be fitted through their numbers.
    #[error("{0}")]
    NotFitted(String),
}

impl Cause {
    /// A name for tables and scripts, such as `limit_exceeded`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Declaration(_) => "declaration",
            Self::ServiceStart { .. } => "service_start",
            Self::UnmatchedRequest { .. } => "unmatched_request",
            Self::ServiceFault { .. } => "service_fault",
            Self::Spawn(_) => "spawn",
            Self::NotCounting => "not_counting",
            Self::Workload { .. } => "workload",
            Self::Panic { .. } => "panic",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::OomKilled { .. } => "oom_killed",
            Self::Timeout { .. } => "timeout",
            Self::Exit { .. } => "exit",
            Self::Signal { .. } => "signal",
            Self::NoMessage => "no_message",
            Self::BadMessage(_) => "bad_message",
            Self::Baseline(_) => "baseline",
            Self::AtSize { .. } => "at_size",
            Self::NotFitted(_) => "not_fitted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_cause_progress_and_output() {
        let failure = Failure {
            cause: Cause::Signal { signal: 9, name: "SIGKILL".into() },
            output: "one\ntwo".into(),
            progress: Some(Progress {
                phase: Phase::Window,
                done: 0,
                of: 2,
                live: Some(Bytes::mib(3)),
                peak: Some(Bytes::mib(4)),
            }),
            timeline: Vec::new(),
        };
        assert_eq!(
            failure.to_string(),
            "the child was killed by signal 9 (SIGKILL)\n  it was in the window, iteration 1 of 2, 3.0 MiB live, \
             peak 4.0 MiB\n  the end of its standard error:\n    one\n    two"
        );
    }

    #[test]
    fn the_name_of_a_cause_is_its_serialised_name() {
        for cause in [
            Cause::NoMessage,
            Cause::Timeout { seconds: 1 },
            Cause::Baseline("x".into()),
            Cause::LimitExceeded { limit: Bytes(1), live: Bytes(1), requested: Bytes(1) },
            Cause::OomKilled { kills: 1, limit: Bytes(1), peak: None },
            Cause::AtSize { size: 1, cause: Box::new(Cause::NoMessage) },
        ] {
            assert!(serde_json::to_string(&cause).unwrap().contains(&format!("\"{}\"", cause.name())), "{cause:?}");
        }
    }
}
