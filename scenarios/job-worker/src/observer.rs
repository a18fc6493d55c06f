//! Who is told of every attempt at a job: the seam between the work and those who count it.

use std::time::Duration;

use crate::job::Job;

/// Is told of every attempt at a job, and of the end.
pub trait Observer: Send + Sync + 'static {
    /// An attempt begins, the job's `number`-th from 1.
    fn begin(&self, job: &Job, number: u32) -> Box<dyn Attempt>;

    /// Passes on what has gathered. Called from time to time, and when the worker stops.
    fn flush(&self);
}

/// An attempt under way. Dropped without an [`Attempt::end`] when it was cut off.
pub trait Attempt: Send {
    /// How it ended, and how long it took.
    fn end(self: Box<Self>, outcome: Outcome, took: Duration);
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done.
    Done,
    /// The job failed, and is tried again.
    Failed,
    /// The job failed, and is given up.
    Dead,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Failed, Self::Dead];

    /// As in tags and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }
}

/// An observer that nobody is.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Observer for Nobody {
    fn begin(&self, _: &Job, _: u32) -> Box<dyn Attempt> {
        Box::new(Self)
    }

    fn flush(&self) {}
}

impl Attempt for Nobody {
    fn end(self: Box<Self>, _: Outcome, _: Duration) {}
}
