//! What ends a command before it has results, and the exit code of each.

use highwater::ServiceError;

use crate::build::BuildError;
use crate::environment::EnvironmentError;
use crate::exit::Exit;
use crate::explain::ExplainError;
use crate::interrupt::InterruptError;
use crate::print::PrintError;
use crate::run::RunError;
use crate::selection::SelectionError;
use crate::shelf::CurvesError;
use crate::suite::SuiteError;
use crate::unreferenced::FolderError;
use crate::update::VariantError;
use crate::workspace::WorkspaceError;

/// A command ended before it had results.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Suite(#[from] SuiteError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error(transparent)]
    Variant(#[from] VariantError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Curves(#[from] CurvesError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error(transparent)]
    Print(#[from] PrintError),
    /// A container cannot be had.
    #[error(transparent)]
    Container(#[from] ServiceError),
    /// A launcher was started by somebody else, or cannot tell its parent.
    #[error("{0}")]
    Launch(String),
}

impl CommandError {
    /// The exit code that tells it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Build(BuildError::Failed) => Exit::Build,
            Self::Build(BuildError::Interrupted)
            | Self::Suite(SuiteError::Interrupted)
            | Self::Run(RunError::Interrupted) => Exit::Interrupted,
            _ => Exit::Setup,
        }
    }
}
