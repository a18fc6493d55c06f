//! Starting a server's program, so that it does not outlive us, and as somebody else than root where it has to be: `setpriv` of
//! util-linux does both.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use highwater::ServiceError;

/// Whom programs run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
}

/// How programs are started here.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// `None` for ourselves.
    user: Option<User>,
    setpriv: Option<PathBuf>,
}

impl Launcher {
    /// Programs run as whom we are.
    pub(crate) fn new() -> Self {
        Self { user: None, setpriv: on_path("setpriv", std::env::var_os("PATH").as_deref()) }
    }

    /// PostgreSQL refuses to run as root: then it runs as `postgres` if there is such a user, else as `nobody`.
    pub(crate) fn unprivileged() -> Result<Self, ServiceError> {
        let Self { setpriv, .. } = Self::new();
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { user: None, setpriv });
        }
        let refused = |cause: &str, remedy: &str| {
            Err(ServiceError::new("run Postgres as an unprivileged user", cause).remedy(remedy))
        };
        if setpriv.is_none() {
            return refused("the program setpriv is not on PATH", "apt-get install util-linux, or do not run as root");
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        match ["postgres", "nobody"].iter().find_map(|name| user_of(&passwd, name)) {
            Some(user) => Ok(Self { user: Some(user), setpriv }),
            None => {
                refused("/etc/passwd has neither postgres nor nobody", "add a user postgres, or do not run as root")
            }
        }
    }

    /// The command for `program`. The kernel sends it `signal` (`QUIT`, at which PostgreSQL stops at once) when the thread that
    /// starts it ends: `man 2const PR_SET_PDEATHSIG`.
    pub(crate) fn command(&self, program: &Path, signal: &str) -> Command {
        let Some(setpriv) = &self.setpriv else { return Command::new(program) };
        let mut command = Command::new(setpriv);
        if let Some(User { uid, gid }) = self.user {
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
        }
        command.arg(format!("--pdeathsig={signal}")).arg("--").arg(program);
        command
    }

    /// Gives a folder to the user, who must be able to reach it.
    pub(crate) fn hand_over(&self, folder: &Path) -> Result<(), ServiceError> {
        let Some(user) = self.user else { return Ok(()) };
        for above in folder.ancestors().skip(1) {
            let reachable =
                above.metadata().is_ok_and(|metadata| metadata.mode() & 0o001 != 0 || metadata.uid() == user.uid);
            if !reachable {
                let cause = format!("{} is closed to user id {}", above.display(), user.uid);
                return Err(ServiceError::new(format!("use the temporary folder {}", folder.display()), cause)
                    .remedy("set TMPDIR to a folder that everybody may enter, such as /tmp"));
            }
        }
        chown(folder, Some(user.uid), Some(user.gid))
            .map_err(|cause| ServiceError::new(format!("give {} to user id {}", folder.display(), user.uid), cause))
    }
}

/// The first file of this name in the folders of PATH.
pub(crate) fn on_path(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// From the lines of `/etc/passwd`: `name:password:uid:gid:...`.
fn user_of(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        Some(User { uid, gid: fields.next()?.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:n:/:/bin/false\n";
        assert_eq!(user_of(passwd, "nobody"), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(user_of(passwd, "postgres"), None);
    }

    #[test]
    fn the_command_drops_privileges_and_dies_with_us() {
        let launcher = Launcher { user: Some(User { uid: 7, gid: 8 }), setpriv: Some(PathBuf::from("/bin/setpriv")) };
        let command = launcher.command(Path::new("/x/postgres"), "QUIT");
        let words: Vec<&OsStr> = command.get_args().collect();
        assert_eq!(words, ["--reuid=7", "--regid=8", "--clear-groups", "--pdeathsig=QUIT", "--", "/x/postgres"]);
    }
}
