//! A room with a memory limit: a container in which a program of this machine runs as it does outside, on the same files, network and
//! process numbers, but for the memory that it may have.
//!
//! The image is empty: the machine's own programs, libraries and settings are mounted, readable, so that a program finds what it is linked
//! with, at the paths at which it looks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use highwater::{Bytes, PeakCharge, ServiceError};
use testcontainers::bollard::Docker;
use testcontainers::bollard::body_full;
use testcontainers::bollard::models::ContainerState;
use testcontainers::bollard::query_parameters::{CreateImageOptionsBuilder, InspectContainerOptions};
use testcontainers::core::{AccessMode, Mount};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerRequest, GenericImage, ImageExt as _};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use crate::engine::{connect, is_removed, run, with_sources};
use crate::owner::{LABEL, Owner, unique_name};
use crate::signals::listen;
use crate::sweep::{remove_container, remove_image};

/// What of this machine a program may need that is linked against its libraries: as far as it exists. Of the settings those that name
/// libraries, users, certificates and time zones; the engine itself provides those of the network.
const MACHINE: &[&str] = &[
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix",
    "/opt",
    "/sbin",
    "/usr",
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/ssl",
];

/// How often it is looked how much was charged: the last look is so long before the end at the most.
const LOOK: Duration = Duration::from_millis(1);
/// How often it is looked whether the engine noticed an end, and its cause.
const PERIOD: Duration = Duration::from_millis(20);
/// The engine hears of an out-of-memory kill on another way than of the end that it led to, which may be a moment earlier.
const NOTICED: Duration = Duration::from_secs(2);
/// What a shell and the engine add to the number of a signal that ended a program.
const SIGNALLED: i64 = 128;
const SIGKILL: i64 = 9;

/// The image of rooms. Dropping it removes it.
#[derive(Debug)]
pub struct Room {
    image: String,
}

/// A program that is to run in a room.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// [`Room::image`].
    pub image: String,
    /// What it may have: resident pages of any kind, and no swap beside them.
    pub memory: Bytes,
    /// The program.
    pub program: PathBuf,
    /// Folders whose files it may read, beside its own.
    pub reads: Vec<PathBuf>,
    /// Folders whose files it may write, beside that of temporary files.
    pub writes: Vec<PathBuf>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// 128 and the number of the signal, if one ended it.
    pub code: i64,
    /// Whether the engine says that the kernel killed it, or a process that it started, for want of memory.
    pub oom_killed: bool,
    /// The most that was charged to its control group at once, by the kernel's own count, of which the last millisecond may be missing where
    /// the engine removes the group at once. The program that starts containers is in it, which needs some MiB. `None` where the group
    /// cannot be seen from here, or the kernel keeps no peak: see [`PeakCharge::of`].
    pub peak: Option<Bytes>,
}

impl End {
    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<i32> {
        let signal = self.code - SIGNALLED;
        (1..=64).contains(&signal).then_some(signal).and_then(|signal| i32::try_from(signal).ok())
    }
}

impl Room {
    /// Makes the image.
    ///
    /// # Errors
    /// When there is no Docker, or it refuses.
    pub fn prepare() -> Result<Self, ServiceError> {
        let name = unique_name("room")?;
        let image = format!("{name}:empty");
        run(async move {
            let docker = connect().await?;
            let options = CreateImageOptionsBuilder::new()
                .from_src("-")
                .repo(&name)
                .tag("empty")
                .changes(vec![format!("LABEL {LABEL}=\"{}\"", Owner::this())])
                .build();
            // The end of an archive alone: two blocks of zeros.
            let nothing = body_full(vec![0; 1_024].into());
            let mut steps = Box::pin(docker.create_image(Some(options), Some(nothing), None));
            while let Some(step) = steps.next().await {
                step.map_err(|error| ServiceError::new("make an empty image", with_sources(&error)))?;
            }
            Ok(Self { image })
        })
    }

    /// The image's name.
    pub fn image(&self) -> &str {
        &self.image
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let image = std::mem::take(&mut self.image);
        // What stays is removed the next time.
        let _ = run(async move {
            let docker = connect().await?;
            remove_image(&docker, &image).await.map_err(|error| ServiceError::new("remove an image", error))
        });
    }
}

impl Visitor {
    /// Runs it to its end, with the environment, the user and the working directory of this process, which passes on what it writes. Calls
    /// `watched` as soon as nothing of it escapes us: a program that ends before has no peak.
    ///
    /// # Errors
    /// When there is no Docker, or it refuses, or somebody removes the container; not when the program fails.
    pub fn run(self, watched: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<End, ServiceError> {
        run(async move {
            listen()?;
            let docker = connect().await?;
            let name = unique_name("run")?;
            let request = self.request(&name)?;
            let end = self.stay(&docker, request, watched).await;
            // Also where it could not be started.
            let removed = remove_container(&docker, &name).await;
            let end = end?;
            removed.map_err(|error| ServiceError::new(format!("remove the container {name}"), error))?;
            Ok(end)
        })
    }

    fn failed(&self, cause: impl std::fmt::Display) -> ServiceError {
        ServiceError::new(format!("run {} in a container with {}", self.program.display(), self.memory), cause)
    }

    async fn stay(
        &self,
        docker: &Docker,
        request: ContainerRequest<GenericImage>,
        watched: impl FnOnce() -> std::io::Result<()>,
    ) -> Result<End, ServiceError> {
        let container = request.start().await.map_err(|error| self.failed(with_sources(&error)))?;
        let state = self.state(docker, container.id()).await?;
        let pid = state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
        let group = pid.and_then(|pid| PeakCharge::of(pid, container.id()));
        watched().map_err(|error| self.failed(format!("it cannot be told that it is watched: {error}")))?;

        let (out, err) = (container.stdout(true), container.stderr(true));
        // Both end with the container.
        let mut outputs =
            pin!(async { tokio::join!(pass_on(out, std::io::stdout()), pass_on(err, std::io::stderr())) });
        let mut peak = None;
        let (out, err) = loop {
            // The engine removes the group soon after the end.
            peak = group.as_ref().and_then(PeakCharge::read).or(peak);
            if let Ok(ended) = tokio::time::timeout(LOOK, &mut outputs).await {
                break ended;
            }
        };
        out.and(err).map_err(|error| self.failed(format!("its output is lost: {error}")))?;

        let mut waited = Duration::ZERO;
        loop {
            let state = self.state(docker, container.id()).await?;
            match end_of(&state, peak) {
                Some(end) if end.oom_killed || end.code != SIGNALLED + SIGKILL || waited >= NOTICED => return Ok(end),
                _ => {}
            }
            tokio::time::sleep(PERIOD).await;
            waited += if state.running == Some(true) { Duration::ZERO } else { PERIOD };
        }
    }

    async fn state(&self, docker: &Docker, id: &str) -> Result<ContainerState, ServiceError> {
        let found = docker.inspect_container(id, None::<InspectContainerOptions>).await;
        let found = found.map_err(|error| {
            if is_removed(&error) {
                self.failed("somebody removed the container while it ran")
            } else {
                self.failed(error)
            }
        })?;
        Ok(found.state.unwrap_or_default())
    }

    fn request(&self, name: &str) -> Result<ContainerRequest<GenericImage>, ServiceError> {
        let text = |path: &Path| {
            path.to_str()
                .map(str::to_owned)
                .ok_or_else(|| self.failed(format!("{} is not valid UTF-8", path.display())))
        };
        let folder = std::env::current_dir().map_err(|error| self.failed(format!("the working directory: {error}")))?;
        let (image, tag) = crate::image::name_and_tag(&self.image);
        let memory = i64::try_from(self.memory.0).unwrap_or(i64::MAX);
        let user = format!("{}:{}", rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let mut request = GenericImage::new(image, tag)
            .with_entrypoint(&text(&self.program)?)
            .with_container_name(name)
            .with_label(LABEL, Owner::this().to_string())
            .with_working_dir(text(&folder)?)
            .with_user(user)
            .with_host_config_modifier(move |host| {
                host.memory = Some(memory);
                // Of both together: no swap.
                host.memory_swap = Some(memory);
                host.network_mode = Some("host".to_owned());
                // Process 1 of a namespace ignores signals that it does not handle, its own `abort` among them.
                host.pid_mode = Some("host".to_owned());
            });
        // The engine takes no variables that are no text; `PATH` and the instruction are.
        for (variable, value) in std::env::vars_os() {
            if let (Ok(variable), Ok(value)) = (variable.into_string(), value.into_string()) {
                request = request.with_env_var(variable, value);
            }
        }
        let writes: BTreeSet<PathBuf> = self.writes.iter().cloned().chain([std::env::temp_dir()]).collect();
        let own = self.program.parent().map(Path::to_path_buf);
        let reads = MACHINE.iter().map(PathBuf::from).chain(self.reads.iter().cloned()).chain(own).chain([folder]);
        let reads: BTreeSet<PathBuf> = reads.filter(|path| path.exists() && !writes.contains(path)).collect();
        let with_mode = |paths: BTreeSet<PathBuf>, mode: AccessMode| paths.into_iter().map(move |path| (path, mode));
        for (path, mode) in with_mode(reads, AccessMode::ReadOnly).chain(with_mode(writes, AccessMode::ReadWrite)) {
            let path = text(&path)?;
            request = request.with_mount(Mount::bind_mount(&path, &path).with_access_mode(mode));
        }
        Ok(request)
    }
}

/// How it ended, once it did. Docker keeps `OOMKilled` apart from the exit code, which others can bring about as well.
fn end_of(state: &ContainerState, peak: Option<Bytes>) -> Option<End> {
    if state.running == Some(true) {
        return None;
    }
    Some(End { code: state.exit_code?, oom_killed: state.oom_killed == Some(true), peak })
}

/// Writes what a stream brings until it ends.
async fn pass_on(mut from: impl AsyncBufRead + Unpin, mut to: impl std::io::Write) -> std::io::Result<()> {
    loop {
        let bytes = from.fill_buf().await?;
        if bytes.is_empty() {
            return to.flush();
        }
        to.write_all(bytes)?;
        let read = bytes.len();
        from.consume(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_once_it_is_one() {
        let state = |running, code, oom| ContainerState {
            running: Some(running),
            exit_code: Some(code),
            oom_killed: Some(oom),
            ..ContainerState::default()
        };
        assert_eq!(end_of(&state(true, 0, false), None), None);
        let check = |code, oom, signal| {
            let end = end_of(&state(false, code, oom), Some(Bytes::mib(8))).unwrap();
            assert_eq!((end.code, end.oom_killed, end.signal()), (code, oom, signal));
            assert_eq!(end.peak, Some(Bytes::mib(8)));
        };
        check(0, false, None);
        check(101, false, None);
        check(137, true, Some(9));
        check(137, false, Some(9));
        check(134, false, Some(6));
        check(255, false, None);
    }
}
