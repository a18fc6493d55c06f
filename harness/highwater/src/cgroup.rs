//! A memory limit that the kernel enforces on one child: a control group of its own, under version 1 or 2 of the interface. What
//! an out-of-memory kill means for the scenario is `process`'s.
//!
//! A few files are read and written, so this needs no library: those for control groups bring D-Bus.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use highwater_model::Bytes;
use rustix::process::{Pid, Signal, kill_process};

/// A control group for one child. Dropped, it is removed; whoever is in it has to be dead by then.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
    version: Version,
    limit: Bytes,
    /// Of the folder, held for as long as it is somebody's: the kernel gives it back however that process ends.
    _lock: File,
}

/// What the names of all of them begin with.
const PREFIX: &str = "highwater-run-";

/// What the kernel says of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charged {
    /// Processes of the group that an out-of-memory killer ended.
    pub(crate) kills: u64,
    /// The most that was charged at once: resident pages, page cache, kernel memory. `None` before Linux 5.19 under version 2.
    pub(crate) peak: Option<Bytes>,
}

/// No memory limit of the kernel can be had.
#[derive(Debug)]
pub(crate) struct CgroupError(String);

impl fmt::Display for CgroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the kernel's memory limit is not to be had: {}; run as root or in a delegated control group \
             (`systemd-run --user --scope -p Delegate=yes ..`), or use the scenario's own `.limit(..)`, which needs no permission",
            self.0
        )
    }
}

/// How the kernel's interface names its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn limit(self) -> &'static str {
        match self {
            Self::One => "memory.limit_in_bytes",
            Self::Two => "memory.max",
        }
    }

    fn peak(self) -> &'static str {
        match self {
            Self::One => "memory.max_usage_in_bytes",
            Self::Two => "memory.peak",
        }
    }

    /// The file whose line `oom_kill` counts.
    fn events(self) -> &'static str {
        match self {
            Self::One => "memory.oom_control",
            Self::Two => "memory.events",
        }
    }
}

impl Cgroup {
    /// Makes a group with this limit, and no swap: below the group of this process, or below the nearest one around it where that
    /// is permitted.
    ///
    /// # Errors
    /// When there is no memory controller, or none of these may be written to.
    pub(crate) fn create(limit: Bytes) -> Result<Self, CgroupError> {
        let place = Place::of_process("self")?;
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| place.parents().for_each(|parent| sweep(parent, &place.own)));
        let mut first = None;
        for parent in place.parents() {
            match Self::below(parent, place.version, limit) {
                Ok(group) => return Ok(group),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        Err(CgroupError(first.unwrap_or_else(|| format!("{} is not mounted", place.own.display()))))
    }

    fn below(parent: &Path, version: Version, limit: Bytes) -> Result<Self, String> {
        let (folder, lock) = make_locked(parent)?;
        // Dropped when a limit cannot be set, it is removed.
        let group = Self { folder, version, limit, _lock: lock };
        let bytes = limit.0.to_string();
        group.write(version.limit(), &bytes)?;
        // Where there is swap it has to be limited too. Version 1 limits the sum of both.
        match version {
            Version::One => group.write_if_there("memory.memsw.limit_in_bytes", &bytes)?,
            Version::Two => group.write_if_there("memory.swap.max", "0")?,
        }
        Ok(group)
    }

    fn write(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(file);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn write_if_there(&self, file: &str, text: &str) -> Result<(), String> {
        if self.folder.join(file).exists() { self.write(file, text) } else { Ok(()) }
    }

    /// The file that a process enters the group by, writing [`SELF`] to it.
    pub(crate) fn entrance(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// What was charged so far.
    ///
    /// # Errors
    /// When the kernel's counters cannot be read.
    pub(crate) fn charged(&self) -> io::Result<Charged> {
        let events = fs::read_to_string(self.folder.join(self.version.events()))?;
        let peak = read_bytes(&self.folder.join(self.version.peak()));
        Ok(Charged { kills: counter(&events, "oom_kill").unwrap_or(0), peak })
    }

    pub(crate) fn limit(&self) -> Bytes {
        self.limit
    }
}

/// Whether the kernel can be asked to limit a run's memory: makes a group, and removes it.
///
/// # Errors
/// Why not, with the remedy.
pub fn kernel_limits() -> Result<(), String> {
    Cgroup::create(Bytes::gib(1)).map(drop).map_err(|error| error.to_string())
}

/// The process that writes it.
pub(crate) const SELF: &str = "0";

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// The most that was charged to a control group of somebody else's making, a container's. The kernel tells it as long as there is the group.
#[derive(Debug)]
pub struct PeakCharge(PathBuf);

impl PeakCharge {
    /// Of the group that this process is in. `None` when it cannot be seen from here: it is on another machine, in a group whose path
    /// does not contain `name`, or the kernel keeps no peak (version 2 before Linux 5.19).
    pub fn of(pid: u32, name: &str) -> Option<Self> {
        let place = Place::of_process(&pid.to_string()).ok()?;
        // The number may be another process's here.
        let is_its = place.own.to_str().is_some_and(|path| path.contains(name));
        let peak = Self(place.own.join(place.version.peak()));
        (is_its && peak.read().is_some()).then_some(peak)
    }

    /// So far; `None` once the group is gone.
    pub fn read(&self) -> Option<Bytes> {
        read_bytes(&self.0)
    }
}

fn read_bytes(file: &Path) -> Option<Bytes> {
    fs::read_to_string(file).ok()?.trim().parse().ok().map(Bytes)
}

/// A new group, and its lock.
fn make_locked(parent: &Path) -> Result<(PathBuf, File), String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let folder = parent.join(format!("{PREFIX}{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed)));
        let failed = |error: io::Error| format!("{}: {error}", folder.display());
        match fs::create_dir(&folder) {
            // Of a killed process of the same number, whose last processes are not yet gone.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made.map_err(failed)?,
        }
        match File::open(&folder).and_then(|lock| lock.lock().map(|()| lock)) {
            // Whoever swept it before it was locked has removed it by the time that the lock is ours.
            Ok(lock) if folder.exists() => return Ok((folder, lock)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                remove(&folder);
                return Err(failed(error));
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// Removes the groups below this one that killed processes left, with whoever is still in them, unless it is us, who are in `own`. What
/// cannot be removed stays: it is another user's.
fn sweep(parent: &Path, own: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for group in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let Ok(lock) = File::open(group.path()) else { continue };
        if lock.try_lock().is_err() || own.starts_with(group.path()) {
            continue;
        }
        // The child died with its parent; what it started may have not.
        let processes = fs::read_to_string(group.path().join("cgroup.procs")).unwrap_or_default();
        for pid in processes.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        remove(&group.path());
    }
}

/// Removes a group whose processes are dead, or are about to be.
fn remove(group: &Path) {
    for _ in 0..100 {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(Duration::from_millis(10)),
            _ => return,
        }
    }
}

/// The value in a line such as `oom_kill 1`.
fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Where the memory controller's groups are.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    version: Version,
    mount: PathBuf,
    /// The group of the process.
    own: PathBuf,
}

impl Place {
    /// Of a process: `self`, or its number.
    fn of_process(process: &str) -> Result<Self, CgroupError> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| CgroupError(format!("{path}: {error}")));
        Self::of(&read(&format!("/proc/{process}/cgroup"))?, &read("/proc/self/mountinfo")?)
    }

    /// The groups below which a group may be made: that of the process, then those around it.
    fn parents(&self) -> impl Iterator<Item = &Path> {
        self.own.ancestors().take_while(|folder| folder.starts_with(&self.mount))
    }

    /// From `/proc/self/cgroup` and `/proc/self/mountinfo`. Where both versions are mounted, version 1 has the memory controller if
    /// it lists it.
    fn of(groups: &str, mounts: &str) -> Result<Self, CgroupError> {
        let group = |wanted: &dyn Fn(&str) -> bool| {
            groups.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let controllers = parts.next()?;
                let path = parts.next()?;
                wanted(controllers).then_some(path)
            })
        };
        let one = group(&|controllers| controllers.split(',').any(|controller| controller == "memory"));
        let (version, path) = match (one, group(&str::is_empty)) {
            (Some(path), _) => (Version::One, path),
            (None, Some(path)) => (Version::Two, path),
            (None, None) => return Err(CgroupError("/proc/self/cgroup lists no memory controller".to_owned())),
        };
        let (mount, root) = mounts
            .lines()
            .find_map(|line| mount_of(line, version))
            .ok_or_else(|| CgroupError("no control groups with a memory controller are mounted".to_owned()))?;
        // In a container the mount shows a part of the tree alone, and the path may lead out of it.
        let inside = Path::new(path).strip_prefix(&root).unwrap_or(Path::new(""));
        Ok(Self { version, own: mount.join(inside), mount })
    }
}

/// The mount point and the root of a line of `mountinfo` that mounts the memory controller.
fn mount_of(line: &str, version: Version) -> Option<(PathBuf, PathBuf)> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let mut fields = after.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    let is_it = match version {
        Version::One => kind == "cgroup" && options.split(',').any(|option| option == "memory"),
        Version::Two => kind == "cgroup2",
    };
    is_it.then(|| (PathBuf::from(point), PathBuf::from(root)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(version: Version, mount: &str, own: &str) -> Place {
        Place { version, mount: mount.into(), own: own.into() }
    }

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const UNIFIED: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_memory_controller_is_found_under_either_version() {
        let one = "4:memory:/user/7\n1:cpu:/\n0::/\n";
        let found = Place::of(one, HYBRID).unwrap();
        assert_eq!(found, place(Version::One, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/user/7"));
        let two = "0::/user.slice/run-1.scope\n";
        let found = Place::of(two, UNIFIED).unwrap();
        assert_eq!(found, place(Version::Two, "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/run-1.scope"));
    }

    #[test]
    fn in_a_container_the_mount_is_a_part_of_the_tree() {
        let mounts = "90 80 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let found = Place::of("4:memory:/docker/ab/x\n", mounts).unwrap();
        assert_eq!(found.own, Path::new("/sys/fs/cgroup/memory/x"));
        let outside = Place::of("4:memory:/elsewhere\n", mounts).unwrap();
        assert_eq!(outside.own, Path::new("/sys/fs/cgroup/memory"));
    }

    #[test]
    fn without_a_memory_controller_it_says_so_with_the_remedy() {
        for (groups, mounts) in [("1:cpu:/\n", HYBRID), ("4:memory:/\n", UNIFIED), ("", "")] {
            let error = Place::of(groups, mounts).unwrap_err().to_string();
            assert!(error.contains("memory controller") && error.contains("Delegate=yes"), "{error}");
        }
    }

    #[test]
    fn only_the_groups_of_nobody_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let (alive, _lock) = make_locked(parent.path()).unwrap();
        let (killed, lock) = make_locked(parent.path()).unwrap();
        // However a process ends, the kernel gives its locks back.
        drop(lock);
        let own = parent.path().join(format!("{PREFIX}1-0"));
        for folder in ["another", own.to_str().unwrap()] {
            fs::create_dir(parent.path().join(folder)).unwrap();
        }
        sweep(parent.path(), &own.join("inside"));
        assert!(!killed.exists(), "{killed:?} is left");
        for stays in [alive, own, parent.path().join("another")] {
            assert!(stays.exists(), "{stays:?} is gone");
        }
    }

    #[test]
    fn a_counter_is_the_line_of_that_name() {
        let events = "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\noom_group_kill 0\n";
        assert_eq!(counter(events, "oom_kill"), Some(1));
        assert_eq!(counter("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), Some(3));
        assert_eq!(counter("max 31\n", "oom_kill"), None);
    }
}
