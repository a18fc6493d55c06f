//! Where this machine keeps the programs of PostgreSQL.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The folder with `initdb` and `postgres`: the first of PATH, then Debian's folders, newest version first, then
/// `/usr/local/bin`.
pub(super) fn find(path: Option<&OsStr>) -> Option<PathBuf> {
    let of_path = path.map(|path| std::env::split_paths(path).collect::<Vec<_>>()).unwrap_or_default();
    let fixed = versions(Path::new("/usr/lib/postgresql")).into_iter().chain([PathBuf::from("/usr/local/bin")]);
    of_path
        .into_iter()
        .chain(fixed)
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file()))
}

/// `root/VERSION/bin` for every version there is, newest first.
fn versions(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let numbered = |name: &OsStr| name.to_str().and_then(|name| name.split('.').next()?.parse::<u32>().ok());
    let mut found: Vec<(u32, PathBuf)> =
        entries.filter_map(|entry| Some((numbered(&entry.file_name())?, entry.path().join("bin")))).collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "17", "15", "common"] {
            std::fs::create_dir_all(root.path().join(version).join("bin")).unwrap();
        }
        let found: Vec<PathBuf> = versions(root.path());
        assert_eq!(found, ["17/bin", "15/bin", "9.6/bin"].map(|end| root.path().join(end)));
    }

    #[test]
    fn a_folder_of_path_needs_both_programs() {
        let (half, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(half.path().join("initdb"), "").unwrap();
        for program in ["initdb", "postgres"] {
            std::fs::write(whole.path().join(program), "").unwrap();
        }
        let path = std::env::join_paths([half.path(), whole.path()]).unwrap();
        assert_eq!(find(Some(&path)).as_deref(), Some(whole.path()));
    }
}
