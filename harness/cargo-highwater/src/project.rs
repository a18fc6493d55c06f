//! The user's workspace with its suites built: where every verb begins.

use std::path::Path;

use crate::build::{BuildOptions, build};
use crate::environment::Environment;
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::suite::{Suite, find_suites};
use crate::workspace::{Targets, Workspace, WorkspaceError};

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
        Self::of(options, Workspace::test_targets)
    }

    /// Builds the benches of the workspace and asks each for the points of its curves: scenarios as well.
    ///
    /// # Errors
    /// When there is no workspace, no curve, or the build fails.
    pub(crate) fn open_benches(options: &BuildOptions) -> Result<Self, CommandError> {
        Self::of(options, Workspace::bench_targets)
    }

    fn of(
        options: &BuildOptions,
        targets: impl Fn(&Workspace, &BuildOptions) -> Result<Targets, WorkspaceError>,
    ) -> Result<Self, CommandError> {
        let interrupt = Interrupt::listen()?;
        let workspace = Workspace::load(options)?;
        let environment = Environment::load(options)?;
        let built = build(options, &targets(&workspace, options)?, &interrupt)?;
        let suites = find_suites(&workspace, &built, options, &environment, &interrupt)?;
        Ok(Self { workspace, suites, interrupt })
    }

    /// The workspace's root.
    pub(crate) fn root(&self) -> &Path {
        self.workspace.metadata.workspace_root.as_std_path()
    }
}
