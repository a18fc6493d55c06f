//! How far a run came. A child writes it as it goes, so that it outlives the child.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Bytes;

/// The part of a run that the child is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The child has started and has not yet called the author's code.
    Start,
    /// The author's setup.
    Setup,
    /// Iterations before the window.
    WarmUp,
    /// Iterations inside the window.
    Window,
    /// After the last iteration, until the counters have been read.
    Settle,
    /// The author's teardown, after the counters have been read.
    Teardown,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Setup => "setup",
            Self::WarmUp => "warm-up",
            Self::Window => "the window",
            Self::Settle => "settling",
            Self::Teardown => "teardown",
        })
    }
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The part of the run.
    pub phase: Phase,
    /// Iterations finished in this phase.
    pub done: u64,
    /// Iterations that this phase has in all.
    pub of: u64,
    /// Bytes live in the whole process, where something counts them.
    pub live: Option<Bytes>,
    /// The most bytes live at once since the window opened, in the whole process; before that, since the process began. None where
    /// nothing tells.
    pub peak: Option<Bytes>,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in {}", self.phase)?;
        if self.of > 0 {
            // The iteration that was running, not the last one finished.
            write!(f, ", iteration {} of {}", (self.done + 1).min(self.of), self.of)?;
        }
        if let Some(live) = self.live {
            write!(f, ", {live} live")?;
        }
        if let Some(peak) = self.peak {
            write!(f, ", peak {peak}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_names_the_iteration_that_was_running() {
        let (live, peak) = (Some(Bytes::mib(100)), Some(Bytes::mib(128)));
        let progress = Progress { phase: Phase::Window, done: 3, of: 10, live, peak };
        assert_eq!(progress.to_string(), "in the window, iteration 4 of 10, 100.0 MiB live, peak 128.0 MiB");
        let uncounted = Progress { live: None, peak: None, ..progress };
        assert_eq!(uncounted.to_string(), "in the window, iteration 4 of 10");
    }
}
