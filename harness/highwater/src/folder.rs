//! A temporary folder of this process: the files of a server, the events of a suite. Who is killed removes nothing, so each process
//! first removes what killed ones left.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Once;

use tempfile::TempDir;

/// What the names of all of them begin with.
const PREFIX: &str = "highwater-";
/// Locked for as long as the folder is somebody's: the kernel gives it back however that process ends.
const LOCK: &str = ".highwater-lock";

/// A temporary folder of this process alone. Dropping it removes it; when this process is killed, the next one that makes such a folder
/// does.
#[derive(Debug)]
pub struct Folder {
    // Dropped in this order: who finds the lock free may remove the folder.
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes a folder whose name tells `what` it is for, after removing those that killed processes left.
    ///
    /// # Errors
    /// When the operating system refuses it.
    pub fn create(what: &str) -> io::Result<Self> {
        static SWEPT: Once = Once::new();
        let temporary = std::env::temp_dir();
        SWEPT.call_once(|| sweep(&temporary));
        Self::create_in(&temporary, what)
    }

    fn create_in(temporary: &Path, what: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(&format!("{PREFIX}{what}-")).tempdir_in(temporary)?;
        // Under another name until it is locked: nobody ever finds it free.
        let unlocked = folder.path().join("unlocked");
        let lock = File::create_new(&unlocked)?;
        lock.lock()?;
        fs::rename(unlocked, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders that have a lock and that nobody holds. What cannot be removed stays: it is another user's, or its server
/// is still ending.
fn sweep(temporary: &Path) {
    let entries = fs::read_dir(temporary).into_iter().flatten().flatten();
    for folder in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let Ok(lock) = File::open(folder.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in a folder, sorted.
    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_what_nobody_has_is_swept() {
        let temporary = tempfile::tempdir().unwrap();
        let alive = Folder::create_in(temporary.path(), "postgres").unwrap();
        let killed = Folder::create_in(temporary.path(), "postgres").unwrap();
        fs::write(killed.path().join("database"), "rows").unwrap();
        // Killed: the lock is given back, the folder is not removed.
        let Folder { folder, _lock } = killed;
        let left = folder.keep();
        drop(_lock);
        for name in ["highwater-of-a-user", "another"] {
            fs::create_dir(temporary.path().join(name)).unwrap();
        }

        sweep(temporary.path());
        assert!(!left.exists(), "{left:?} is left");
        let alive = alive.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(names(temporary.path()), ["another", "highwater-of-a-user", alive]);
    }

    #[test]
    fn a_dropped_folder_is_gone() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::create_in(temporary.path(), "redis").unwrap();
        assert!(folder.path().join(LOCK).is_file());
        drop(folder);
        assert_eq!(names(temporary.path()), Vec::<String>::new());
    }
}
