//! A real Redis from the program on this machine, for as long as it is needed: on a free port, without persistence.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use highwater::{Folder, RunningService, ServiceError};
use redis::{Connection, RedisResult, cmd};
use rustix::process::Signal;

use super::emptied::Emptied;
use super::remote::connect;
use crate::launcher::{Launcher, on_path};
use crate::own::Own;
use crate::process::{LocalHost, ServerProcess, free_port, tail};

/// For a server to accept connections; it takes about 0.02 s on an idle machine.
const START: Duration = Duration::from_secs(30);
/// Ports that may be lost to somebody else between finding one free and the server's taking it.
const PORTS: usize = 5;
const STOP: &[Signal] = &[Signal::TERM, Signal::KILL];

/// Starts a server on a free port of the loopback.
///
/// # Errors
/// When Redis is not installed, or does not start; then with the end of its log.
pub(crate) fn start() -> Result<impl RunningService, ServiceError> {
    let missing = || {
        ServiceError::new("find a local Redis", "neither PATH nor /usr/bin nor /usr/local/bin has redis-server")
            .remedy("apt-get install redis-server, or HIGHWATER_SERVICES=embedded")
    };
    let fixed = ["/usr/bin", "/usr/local/bin"].map(|folder| Path::new(folder).join("redis-server"));
    let program = on_path("redis-server", std::env::var_os("PATH").as_deref())
        .or_else(|| fixed.into_iter().find(|file| file.is_file()))
        .ok_or_else(missing)?;
    let failed =
        |cause: &dyn std::fmt::Display| ServiceError::new(format!("start Redis from {}", program.display()), cause);
    let folder = Folder::create("redis");
    let folder = folder.map_err(|cause| ServiceError::new("make a temporary folder for Redis", cause))?;
    let mut last = None;
    for _ in 0..PORTS {
        let port = free_port().map_err(|cause| failed(&cause))?;
        let process = spawn(&program, folder.path(), port).map_err(|cause| failed(&cause))?;
        match wait(&process, folder.path(), port) {
            Ok(connection) => {
                let emptied = Emptied::new(format!("redis://127.0.0.1:{port}/0"), connection);
                let log = log(folder.path());
                return Ok(Own::new(emptied, LocalHost::new(process, log, folder)));
            }
            Err(cause) if cause.contains("Address already in use") => last = Some(cause),
            Err(cause) => return Err(failed(&cause)),
        }
    }
    Err(failed(&last.unwrap_or_else(|| "no port".to_owned())))
}

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn spawn(program: &Path, folder: &Path, port: u16) -> std::io::Result<ServerProcess> {
    let out = File::create(log(folder))?;
    let mut command = Launcher::new().command(program, "KILL");
    command.arg("--port").arg(port.to_string()).arg("--dir").arg(folder);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
    command.current_dir("/").stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
    ServerProcess::spawn("redis", command, STOP)
}

/// Waits until the server accepts connections, and makes sure that it is this one.
fn wait(process: &ServerProcess, folder: &Path, port: u16) -> Result<Connection, String> {
    let deadline = Instant::now() + START;
    loop {
        let log_tail = || tail(&std::fs::read_to_string(log(folder)).unwrap_or_default());
        if let Some(status) = process.exited() {
            return Err(format!("it ended with {status}; its log ends: {}", log_tail()));
        }
        let cause = match own_connection(folder, port) {
            Ok(Some(connection)) => return Ok(connection),
            Ok(None) => format!("port {port} belongs to another server"),
            Err(failed) => failed.to_string(),
        };
        if Instant::now() > deadline {
            return Err(format!("it does not accept connections: {cause}; its log ends: {}", log_tail()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn own_connection(folder: &Path, port: u16) -> RedisResult<Option<Connection>> {
    let mut connection = connect(&format!("redis://127.0.0.1:{port}/0"))?;
    let (_, its): (String, String) = cmd("CONFIG").arg("GET").arg("dir").query(&mut connection)?;
    let ours = std::fs::canonicalize(folder).ok() == std::fs::canonicalize(its).ok();
    Ok(ours.then_some(connection))
}
