//! A process that we started and wait for: it never outlives us when somebody asks us to end. What it does is its caller's.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt::Interrupt;

/// How often its end is looked for, at most.
const PERIOD: Duration = Duration::from_millis(50);

/// How long a process that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a command to its end, calling `tick` all along and once after it. When somebody asks us to end, the process is asked as
/// well (SIGTERM; the SIGINT of a terminal has reached it already) and killed if it takes longer than five seconds; whether that
/// was so is for the caller to see in `interrupt`.
pub(crate) fn run(command: &mut Command, interrupt: &Interrupt, mut tick: impl FnMut()) -> io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    let mut asked: Option<Instant> = None;
    // Short processes are not waited for longer than they take.
    let mut period = Duration::from_millis(1);
    loop {
        let end = child.try_wait()?;
        tick();
        if let Some(status) = end {
            return Ok(status);
        }
        match asked {
            None if interrupt.requested() => {
                asked = Some(Instant::now());
                ask_to_end(&child)?;
            }
            Some(when) if when.elapsed() > GRACE => child.kill()?,
            _ => {}
        }
        std::thread::sleep(period);
        period = (period * 2).min(PERIOD);
    }
}

fn ask_to_end(child: &Child) -> io::Result<()> {
    // Not yet waited for, so the number is still its own.
    match kill_process(Pid::from_child(child), Signal::TERM) {
        Err(error) if error != Errno::SRCH => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_last_tick_is_after_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("written");
        let mut seen = false;
        let script = format!("sleep 0.05; touch '{}'", file.display());
        let status = run(&mut shell(&script), &Interrupt::default(), || seen = file.exists()).unwrap();
        assert!(status.success());
        assert!(seen);
    }

    #[test]
    fn an_interruption_ends_the_process() {
        let interrupt = Interrupt::default();
        let began = Instant::now();
        let status = run(&mut shell("exec sleep 60"), &interrupt, || interrupt.request()).unwrap();
        assert_eq!(status.signal(), Some(15));
        assert!(began.elapsed() < GRACE);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(run(&mut Command::new("/no/such/program"), &Interrupt::default(), || {}).is_err());
    }
}
