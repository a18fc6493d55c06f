//! The process of a server that was started here, on a free port, with a folder and a log. What it is told is left to the modules of the
//! servers.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use highwater::Folder;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::own::Host;

/// For a server to stop before it is told so less gently.
const PATIENCE: Duration = Duration::from_secs(10);
/// Lines of a log that go into an error.
const TAIL: usize = 15;

/// A port of the loopback that nobody has at this moment.
pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The last lines, on one line.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join(" | ")
}

/// The server's process. A thread of its own starts it and waits for it, because the kernel ends it with that thread, and the
/// caller's may end before the server is to.
pub(crate) struct ServerProcess {
    pid: Pid,
    /// What it is sent to stop, the gentlest first.
    stop: &'static [Signal],
    keeper: Option<JoinHandle<std::io::Result<ExitStatus>>>,
    /// How it ended, once it has.
    status: Arc<OnceLock<String>>,
}

impl ServerProcess {
    /// Starts it; `name` is for the thread.
    pub(crate) fn spawn(name: &str, mut command: Command, stop: &'static [Signal]) -> std::io::Result<Self> {
        let (started, start) = mpsc::channel::<std::io::Result<u32>>();
        let status = Arc::new(OnceLock::new());
        let ended = Arc::clone(&status);
        let keeper = std::thread::Builder::new().name(format!("{name} keeper")).spawn(move || {
            let mut child: Child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    let copy = std::io::Error::new(error.kind(), error.to_string());
                    let _ = started.send(Err(error));
                    return Err(copy);
                }
            };
            let _ = started.send(Ok(child.id()));
            let status = child.wait()?;
            ended.get_or_init(|| status.to_string());
            Ok(status)
        })?;
        let id = start.recv().map_err(std::io::Error::other)??;
        let pid = i32::try_from(id)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| std::io::Error::other("a process id out of range"))?;
        Ok(Self { pid, stop, keeper: Some(keeper), status })
    }

    /// How it ended, once it has.
    pub(crate) fn exited(&self) -> Option<String> {
        self.status.get().cloned()
    }

    /// Whether somebody stopped it: it is there and does nothing.
    fn is_stopped(&self) -> bool {
        // Looked at and left, for whoever waits for its end.
        let look = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.pid), look), Ok(Some(_)))
    }

    fn ends_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

/// A server on this machine.
pub(crate) struct LocalHost {
    // Dropped in this order: the server needs its folder.
    process: ServerProcess,
    log: PathBuf,
    _folder: Folder,
}

impl LocalHost {
    /// The process writes this log, and all else in the folder.
    pub(crate) fn new(process: ServerProcess, log: PathBuf, folder: Folder) -> Self {
        Self { process, log, _folder: folder }
    }
}

impl Host for LocalHost {
    fn problem(&self) -> Option<String> {
        let ended = self.process.exited().map(|status| format!("the server ended ({status})"));
        ended.or_else(|| self.process.is_stopped().then(|| "somebody stopped the server's process".to_owned()))
    }

    fn log_tail(&self) -> String {
        tail(&std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        for signal in self.stop {
            if self.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
                break;
            }
            // It may have ended meanwhile. One that was stopped takes most signals when it goes on.
            let _ = kill_process(self.pid, *signal);
            let _ = kill_process(self.pid, Signal::CONT);
            if self.ends_within(PATIENCE) {
                break;
            }
        }
        if let Some(keeper) = self.keeper.take().filter(JoinHandle::is_finished) {
            let _ = keeper.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let log: String = (0..100).map(|line| format!("line {line}\n\n")).collect();
        let shown = tail(&log);
        assert!(shown.starts_with("line 85 | ") && shown.ends_with("line 99"), "{shown}");
        assert_eq!(tail(""), "");
    }
}
