//! The user's workspace with its suites built: where every verb begins.

use std::path::Path;

use crate::build::{BuildOptions, build};
use crate::environment::Environment;
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::suite::{Suite, find_suites};
use crate::workspace::Workspace;

/// A workspace with its suites.
#[derive(Debug)]
pub(crate) struct Project {
    workspace: Workspace,
    pub(crate) suites: Vec<Suite>,
    pub(crate) interrupt: Interrupt,
}

impl Project {
    /// Builds the suites of the workspace and asks each for its scenarios.
    ///
    /// # Errors
    /// When there is no workspace, no suite, or the build fails.
    pub(crate) fn open(options: &BuildOptions) -> Result<Self, CommandError> {
        let interrupt = Interrupt::listen()?;
        let workspace = Workspace::load(options)?;
        let environment = Environment::load(options)?;
        let targets = workspace.test_targets(options)?;
        let built = build(options, &targets, &interrupt)?;
        let suites = find_suites(&workspace, &built, options, &environment, &interrupt)?;
        Ok(Self { workspace, suites, interrupt })
    }

    /// The workspace's root.
    pub(crate) fn root(&self) -> &Path {
        self.workspace.metadata.workspace_root.as_std_path()
    }
}
