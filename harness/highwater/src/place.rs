//! Where things are: the workspace with its lock file and baselines, and the target directory with results.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

/// The folders of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The workspace's root.
    pub(crate) root: PathBuf,
    /// The folder of baselines, from the root.
    pub(crate) baselines: PathBuf,
    /// The folder of results: `highwater` in the target directory.
    pub(crate) results: PathBuf,
}

impl Place {
    /// Finds the workspace of the package that is being tested: cargo knows it.
    ///
    /// # Errors
    /// When neither cargo nor the file system can tell.
    pub(crate) fn find(baselines: &Path) -> Result<Self, String> {
        let root = workspace_root()?;
        let results = target_directory(&root)
            .map_err(|error| format!("failed to find the target directory: {error}"))?
            .join("highwater");
        Ok(Self { root, baselines: baselines.to_owned(), results })
    }

    /// The folder with the results of a scenario, created.
    pub(crate) fn scenario(&self, suite: &str, scenario: &str) -> io::Result<PathBuf> {
        let folder = self.results.join(suite).join(scenario);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The start of the SHA-256 of `Cargo.lock`, or `none`.
    pub(crate) fn lock_digest(&self) -> String {
        match std::fs::read(self.root.join("Cargo.lock")) {
            Ok(content) => Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            Err(_) => "none".to_owned(),
        }
    }

    /// The path from the workspace's root, for people and files that are committed.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Asks cargo, whose rules for workspaces are not ours to repeat. The working directory of a test is its package.
fn workspace_root() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    if let Some(folder) = std::env::var_os("CARGO_MANIFEST_DIR") {
        command.current_dir(folder);
    }
    let output = command.output().map_err(|error| {
        format!("failed to find the workspace: {} cannot be run: {error}", Path::new(&cargo).display())
    })?;
    let manifest = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end());
    match manifest.parent() {
        Some(root) if output.status.success() && root.is_absolute() => Ok(root.to_owned()),
        _ => Err(format!(
            "failed to find the workspace: {}; start the suite through cargo, or in its package's folder",
            String::from_utf8_lossy(&output.stderr).trim_end()
        )),
    }
}

/// The folder above this binary that cargo marked as its target directory; `target` in the workspace when none is marked.
fn target_directory(root: &Path) -> io::Result<PathBuf> {
    let binary = std::env::current_exe()?;
    let marked = binary.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    Ok(marked.map_or_else(|| root.join("target"), Path::to_owned))
}
