//! A real Postgres from the programs on this machine, in a temporary folder, for as long as it is needed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use highwater::{Folder, RunningService, ServiceError};
use rustix::process::Signal;

use super::binaries;
use super::remote::{Databases, Failure, connect, on_own_runtime};
use crate::launcher::Launcher;
use crate::own::Own;
use crate::process::{LocalHost, ServerProcess, free_port, tail};

/// For a server to accept connections; it takes about 0.2 s on an idle machine.
const START: Duration = Duration::from_secs(60);
/// Ports that may be lost to somebody else between finding one free and the server's taking it.
const PORTS: usize = 5;
/// SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
const STOP: &[Signal] = &[Signal::INT, Signal::QUIT, Signal::KILL];

/// Makes a cluster and starts a server on it, on a free port of the loopback.
///
/// # Errors
/// When PostgreSQL is not installed, or does not start; then with the end of its log.
pub(crate) fn start() -> Result<impl RunningService, ServiceError> {
    let missing = || {
        ServiceError::new("find a local Postgres", "neither PATH nor /usr/lib/postgresql/*/bin has initdb and postgres")
            .remedy("apt-get install postgresql, or HIGHWATER_SERVICES=embedded")
    };
    let programs = binaries::find(std::env::var_os("PATH").as_deref()).ok_or_else(missing)?;
    let launcher = Launcher::unprivileged()?;
    let folder = Folder::create("postgres");
    let folder = folder.map_err(|cause| ServiceError::new("make a temporary folder for Postgres", cause))?;
    launcher.hand_over(folder.path())?;
    let cluster = Cluster { programs, launcher, data: folder.path().join("data"), log: folder.path().join("log") };
    cluster.init()?;
    let (process, databases) = cluster.start()?;
    Ok(Own::new(databases, LocalHost::new(process, cluster.log, folder)))
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
        let mut command = self.launcher.command(&self.programs.join("initdb"), "QUIT");
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

    fn start(&self) -> Result<(ServerProcess, Databases), ServiceError> {
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
        let mut command = self.launcher.command(&self.programs.join("postgres"), "QUIT");
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
        ServerProcess::spawn("postgres", command, STOP).map_err(|cause| self.failed("start Postgres", cause))
    }

    /// Waits until the server accepts connections, and makes sure that it is this one.
    fn wait(&self, process: &ServerProcess, port: u16) -> Result<Databases, ServiceError> {
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = process.exited() {
                return Err(
                    self.failed("start Postgres", format!("it ended with {status}; its log ends: {}", self.log_tail()))
                );
            }
            let cause = match data_directory(&url) {
                Ok(folder) if Path::new(&folder) == self.data => return Databases::connect(&url),
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
