//! Whose a container is: the process that started it, named so that no later process is taken for it, and whether it is gone.

use std::fmt;
use std::fs;

use highwater::ServiceError;
use rustix::process::{Pid, test_kill_process};

/// The label of our containers and images; its value is an [`Owner`].
pub(crate) const LABEL: &str = "dev.highwater.owner";

/// A process, on whichever machine and in whichever process namespace: several may share an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Of the machine's kernel since it booted.
    boot: String,
    /// The namespace in which `pid` is a number of a process.
    namespace: String,
    pid: u32,
    /// Clock ticks from the boot to the start of the process: numbers of processes are used again. 0 where there is no `/proc`.
    started: u64,
}

/// What there is to know of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It runs since so many clock ticks after the boot.
    Running(u64),
    /// There is none, or it is dead and not yet waited for.
    Gone,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> Self {
        let text = |path: &str| fs::read_to_string(path).map_or_else(|_| UNKNOWN.to_owned(), |t| t.trim().to_owned());
        let namespace = fs::read_link("/proc/self/ns/pid");
        let pid = std::process::id();
        Self {
            boot: text("/proc/sys/kernel/random/boot_id"),
            namespace: namespace.map_or_else(|_| UNKNOWN.to_owned(), |link| link.display().to_string()),
            pid,
            started: match find(pid) {
                Found::Running(started) => started,
                Found::Gone => 0,
            },
        }
    }

    /// From the label; `None` when it is not of this form.
    pub(crate) fn parse(label: &str) -> Option<Self> {
        let mut parts = label.split(' ');
        let owner = Self {
            boot: parts.next()?.to_owned(),
            namespace: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(owner)
    }

    /// Whether what belongs to it may be removed by `us`: it is gone. Of a process that we cannot see (before the last boot, on another
    /// machine, in another container) we know only what it left: a container that has ended serves nobody.
    pub(crate) fn is_gone(&self, us: &Self, has_ended: bool, find: impl Fn(u32) -> Found) -> bool {
        if (&self.boot, &self.namespace) != (&us.boot, &us.namespace) {
            return has_ended;
        }
        find(self.pid) != Found::Running(self.started)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.boot, self.namespace, self.pid, self.started)
    }
}

const UNKNOWN: &str = "unknown";

/// Looks for a process.
pub(crate) fn find(pid: u32) -> Found {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => start_of(&stat).map_or(Found::Gone, Found::Running),
        // Elsewhere than on Linux all that can be asked is whether there is one of that number.
        Err(_) if !std::path::Path::new("/proc/self/stat").exists() => {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            if pid.is_some_and(|pid| test_kill_process(pid).is_ok()) { Found::Running(0) } else { Found::Gone }
        }
        Err(_) => Found::Gone,
    }
}

/// The 22nd field of `/proc/<pid>/stat`, unless the process is a zombie. The second is a name in parentheses that may hold anything.
fn start_of(stat: &str) -> Option<u64> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// A name for something of ours on the engine that nothing else has, now or later.
pub(crate) fn unique_name(what: &str) -> Result<String, ServiceError> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let failed = |cause| ServiceError::new("name a container", cause);
    let mut salt = [0_u8; 6];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut salt))
        .map_err(|error| failed(error.to_string()))?;
    let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("highwater-{what}-{}-{salt}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(boot: &str, namespace: &str, pid: u32, started: u64) -> Owner {
        Owner { boot: boot.into(), namespace: namespace.into(), pid, started }
    }

    #[test]
    fn only_what_belongs_to_nobody_is_removed() {
        let us = owner("b1", "pid:[1]", 1, 10);
        let check = |owner: Owner, has_ended: bool, found: Found, expect: bool| {
            assert_eq!(owner.is_gone(&us, has_ended, |_| found), expect, "{owner} ended: {has_ended}, {found:?}");
        };
        let same = |started| owner("b1", "pid:[1]", 7, started);
        check(same(70), false, Found::Running(70), false);
        check(same(70), true, Found::Running(70), false);
        check(same(70), false, Found::Gone, true);
        // Another process by now.
        check(same(70), false, Found::Running(99), true);
        // Whom we cannot see: a process of that number here says nothing of it.
        check(owner("b2", "pid:[1]", 7, 70), false, Found::Gone, false);
        check(owner("b2", "pid:[1]", 7, 70), true, Found::Gone, true);
        check(owner("b1", "pid:[2]", 7, 70), false, Found::Gone, false);
        check(owner("b1", "pid:[2]", 7, 70), true, Found::Running(70), true);
    }

    #[test]
    fn an_owner_survives_its_label() {
        let this = Owner::this();
        assert_eq!(Owner::parse(&this.to_string()), Some(this.clone()));
        assert!(!this.is_gone(&this, false, find), "we are running");
        for label in ["", "b n 1", "b n x 1", "b n 1 1 more"] {
            assert_eq!(Owner::parse(label), None, "{label:?}");
        }
    }

    #[test]
    fn a_process_is_found_by_its_start_unless_it_is_a_zombie() {
        let stat = |name: &str, state: &str| {
            format!("7 ({name}) {state} 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 10000 1 18446744073709551615")
        };
        assert_eq!(start_of(&stat("sh", "S")), Some(4711));
        assert_eq!(start_of(&stat("a) R 1 (b", "R")), Some(4711));
        assert_eq!(start_of(&stat("sh", "Z")), None);
        assert_eq!(start_of("nothing"), None);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(find(pid), Found::Gone);
    }

    #[test]
    fn names_differ() {
        assert_ne!(unique_name("room").unwrap(), unique_name("room").unwrap());
    }
}
