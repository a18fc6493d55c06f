//! A real Postgres from the programs on this machine, in a temporary folder, for as long as it is needed.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use highwater::{Endpoint, Observations, RunningService, ServiceError, ServiceFault};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::binaries;
use super::remote::{Failure, RemoteServer, connect, on_own_runtime};
use super::unprivileged::Launcher;

/// For a server to accept connections; it takes about 0.2 s on an idle machine.
const START: Duration = Duration::from_secs(60);
/// For a server to stop before it is told so less gently.
const STOP: Duration = Duration::from_secs(10);
/// Ports that may be lost to somebody else between finding one free and the server's taking it.
const PORTS: usize = 5;
/// Lines of a log that go into an error.
const TAIL: usize = 15;

/// A server of our own. Dropping it stops it and removes its folder.
pub(crate) struct LocalServer {
    // Dropped in this order: the databases need the server no more, the server needs its folder.
    databases: RemoteServer,
    _process: ServerProcess,
    _folder: TempDir,
}

impl LocalServer {
    /// Makes a cluster and starts a server on it, on a free port of the loopback.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start; then with the end of its log.
    pub(crate) fn start() -> Result<Self, ServiceError> {
        let missing = || {
            ServiceError::new(
                "find a local Postgres",
                "neither PATH nor /usr/lib/postgresql/*/bin has initdb and postgres",
            )
            .remedy("apt-get install postgresql, or HIGHWATER_SERVICES=embedded")
        };
        let programs = binaries::find(std::env::var_os("PATH").as_deref()).ok_or_else(missing)?;
        let launcher = Launcher::new()?;
        let folder = tempfile::Builder::new().prefix("highwater-postgres-").tempdir();
        let folder = folder.map_err(|cause| ServiceError::new("make a temporary folder for Postgres", cause))?;
        launcher.hand_over(folder.path())?;
        let cluster = Cluster { programs, launcher, data: folder.path().join("data"), log: folder.path().join("log") };
        cluster.init()?;
        let (process, databases) = cluster.start()?;
        Ok(Self { databases, _process: process, _folder: folder })
    }
}

impl RunningService for LocalServer {
    fn begin_sample(&mut self) -> Result<Endpoint, ServiceError> {
        self.databases.create_database()
    }

    fn end_sample(&mut self) -> Result<Observations, ServiceFault> {
        self.databases.drop_databases().map_err(ServiceFault::Failed)?;
        Ok(Observations::new())
    }
}

/// The files of a server.
struct Cluster {
    programs: PathBuf,
    launcher: Launcher,
    data: PathBuf,
    log: PathBuf,
}

impl Cluster {
    fn failed(&self, action: &str, cause: impl std::fmt::Display) -> ServiceError {
        ServiceError::new(format!("{action} from {}", self.programs.display()), cause)
    }

    /// No syncing: nothing here survives the process. The C locale and UTF-8, as everywhere.
    fn init(&self) -> Result<(), ServiceError> {
        let mut command = self.launcher.command(&self.programs.join("initdb"));
        command.arg("-D").arg(&self.data).args(["-N", "--auth=trust", "-U", "postgres", "-E", "UTF8", "--locale=C"]);
        // initdb looks at the folder it stands in, which the user may not be allowed to see.
        command.current_dir("/").stdin(Stdio::null());
        let output = command.output().map_err(|cause| self.failed("run initdb", cause))?;
        if output.status.success() {
            return Ok(());
        }
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(self.failed("make a database cluster", format!("initdb: {}; it said: {}", output.status, tail(&said))))
    }

    fn start(&self) -> Result<(ServerProcess, RemoteServer), ServiceError> {
        let mut last = None;
        for _ in 0..PORTS {
            let port = free_port().map_err(|cause| self.failed("find a free port for Postgres", cause))?;
            let process = self.spawn(port)?;
            match self.wait(&process, port) {
                Ok(server) => return Ok((process, server)),
                Err(error) if error.cause.contains("Address already in use") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| self.failed("start Postgres", "no port")))
    }

    fn spawn(&self, port: u16) -> Result<ServerProcess, ServiceError> {
        let log = File::create(&self.log).and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|cause| self.failed(&format!("write {}", self.log.display()), cause))?;
        let mut command = self.launcher.command(&self.programs.join("postgres"));
        command.arg("-D").arg(&self.data).arg("-p").arg(port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            // Nobody needs a Unix socket, and the path of one may be too long.
            "unix_socket_directories=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "timezone=UTC",
            "log_timezone=UTC",
        ] {
            command.arg("-c").arg(setting);
        }
        command.current_dir("/").stdin(Stdio::null()).stdout(out).stderr(err);
        ServerProcess::spawn(command).map_err(|cause| self.failed("start Postgres", cause))
    }

    /// Waits until the server accepts connections, and makes sure that it is this one.
    fn wait(&self, process: &ServerProcess, port: u16) -> Result<RemoteServer, ServiceError> {
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = process.exited() {
                return Err(
                    self.failed("start Postgres", format!("it ended with {status}; its log ends: {}", self.log_tail()))
                );
            }
            let cause = match data_directory(&url) {
                Ok(folder) if Path::new(&folder) == self.data => return RemoteServer::connect(&url),
                Ok(folder) => format!("port {port} belongs to the server of {folder}"),
                Err(failure) => failure.cause(),
            };
            if Instant::now() > deadline {
                let cause = format!("it does not accept connections: {cause}; its log ends: {}", self.log_tail());
                return Err(self.failed("start Postgres", cause));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log_tail(&self) -> String {
        tail(&std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

fn data_directory(url: &str) -> Result<String, Failure> {
    let config = url.parse().map_err(Failure::Postgres)?;
    on_own_runtime(async move {
        let client = connect(&config).await?;
        let row = client.query_one("SHOW data_directory", &[]).await.map_err(Failure::Postgres)?;
        row.try_get(0).map_err(Failure::Postgres)
    })
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The last lines, on one line.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join(" | ")
}

/// The server's process. A thread of its own starts it and waits for it, because the kernel ends it with that thread, and the
/// caller's may end before the server is to.
struct ServerProcess {
    pid: Pid,
    keeper: Option<JoinHandle<std::io::Result<ExitStatus>>>,
    status: std::sync::Mutex<mpsc::Receiver<String>>,
}

impl ServerProcess {
    fn spawn(mut command: std::process::Command) -> std::io::Result<Self> {
        let (started, start) = mpsc::channel::<std::io::Result<u32>>();
        let (ended, status) = mpsc::channel();
        let keeper = std::thread::Builder::new().name("postgres keeper".to_owned()).spawn(move || {
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
            let _ = ended.send(status.to_string());
            Ok(status)
        })?;
        let id = start.recv().map_err(std::io::Error::other)??;
        let pid = i32::try_from(id)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| std::io::Error::other("a process id out of range"))?;
        Ok(Self { pid, keeper: Some(keeper), status: std::sync::Mutex::new(status) })
    }

    /// How it ended, once it has.
    fn exited(&self) -> Option<String> {
        self.status.lock().ok()?.try_recv().ok()
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

impl Drop for ServerProcess {
    /// SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
    fn drop(&mut self) {
        for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
            if self.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
                break;
            }
            // It may have ended meanwhile.
            let _ = kill_process(self.pid, signal);
            if self.ends_within(STOP) {
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
