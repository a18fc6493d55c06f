//! The process of an allocator and one of the system's, which run the same workload in turns.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

pub(crate) struct Pair {
    allocator: Process,
    system: Process,
}

impl Pair {
    pub(crate) fn start(executable: &Path, argument: &str, system: &Path) -> Self {
        Self { allocator: Process::start(executable, argument), system: Process::start(system, "") }
    }

    /// Runs a workload once in each, in random order. Returns both processor times.
    pub(crate) fn run(&mut self, workload: usize) -> (Duration, Duration) {
        // A new `RandomState` has new keys, so any value's hash is random.
        if RandomState::new().hash_one(0).is_multiple_of(2) {
            let took = self.allocator.run(workload);
            (took, self.system.run(workload))
        } else {
            let of_system = self.system.run(workload);
            (self.allocator.run(workload), of_system)
        }
    }
}

/// A process that waits for work.
struct Process {
    child: std::process::Child,
    tell: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
}

impl Process {
    fn start(executable: &Path, argument: &str) -> Self {
        let mut child = Command::new(executable)
            .arg(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", executable.display()));
        let tell = child.stdin.take();
        let hear = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, tell, hear }
    }

    fn run(&mut self, workload: usize) -> Duration {
        let tell = self.tell.as_mut().expect("it is taken at the end only");
        writeln!(tell, "{workload}").expect("the process listens");
        let mut answer = String::new();
        self.hear.read_line(&mut answer).expect("the process answers");
        let nanos = answer.trim().parse().unwrap_or_else(|_| panic!("nanoseconds and not {answer:?}"));
        Duration::from_nanos(nanos)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input is the end of the process.
        drop(self.tell.take());
        let _ = self.child.wait();
    }
}
