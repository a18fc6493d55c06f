//! `cargo highwater confine`, a launcher: the parent of a scenario starts it in place of the child, and it runs the child in a room with
//! a memory limit. Nobody calls it by hand.

use std::path::{Path, PathBuf};

use clap::Args;
use highwater::{Bytes, Launch, Launcher};
use highwater_containers::{End, Room, Visitor};
use rustix::process::{Signal, getpid, kill_process};

use crate::error::CommandError;
use crate::exit::Exit;

/// The arguments of `confine`.
#[derive(Debug, Args)]
pub(crate) struct ConfineArguments {
    /// The image of the room
    #[arg(long)]
    image: String,
    /// The memory that the child may have
    #[arg(long)]
    memory: Bytes,
    /// Folders whose files the child may read
    #[arg(long, value_name = "FOLDER")]
    reads: Vec<PathBuf>,
    /// The child's executable
    program: PathBuf,
}

/// Rooms for the scenarios of a workspace, as long as it lives.
#[derive(Debug)]
pub(crate) struct Confinement {
    room: Room,
    /// The workspace's root: scenarios may read its files.
    root: String,
}

impl Confinement {
    /// Makes what every room has in common.
    ///
    /// # Errors
    /// When there is no Docker.
    pub(crate) fn prepare(root: &Path) -> Result<Self, CommandError> {
        let root = root.to_str().ok_or_else(|| CommandError::Launch(format!("{} is not UTF-8", root.display())))?;
        Ok(Self { room: Room::prepare()?, root: root.to_owned() })
    }

    /// Who runs children with so much memory.
    ///
    /// # Errors
    /// When this executable is not known.
    pub(crate) fn launcher(&self, memory: Bytes) -> Result<Launcher, CommandError> {
        let program = std::env::current_exe().map_err(|error| CommandError::Launch(error.to_string()))?;
        let memory = memory.0.to_string();
        let arguments = ["confine", "--image", self.room.image(), "--memory", &memory, "--reads", &self.root];
        Ok(Launcher { program, arguments: arguments.map(str::to_owned).into() })
    }
}

/// Runs the child and ends as it does.
///
/// # Errors
/// When no parent started us, or the child could not be started; the parent is told as well.
pub(crate) fn confine(arguments: &ConfineArguments) -> Result<Exit, CommandError> {
    let launch = Launch::from_environment().map_err(CommandError::Launch)?;
    launch.end_with_the_parent().map_err(|error| CommandError::Launch(error.to_string()))?;
    let visitor = Visitor {
        image: arguments.image.clone(),
        memory: arguments.memory,
        program: arguments.program.clone(),
        reads: arguments.reads.clone(),
        writes: vec![launch.folder().to_path_buf()],
    };
    let watched = {
        let launch = launch.clone();
        move || launch.tell_watched()
    };
    let (told, end) = match visitor.run(watched) {
        Ok(end) => (launch.tell_limited(arguments.memory, u64::from(end.oom_killed), end.peak), Ok(end)),
        Err(error) => (launch.tell_refused(&error.to_string()), Err(error)),
    };
    told.map_err(|error| CommandError::Launch(format!("the journal cannot be written: {error}")))?;
    end_as(end.map_err(CommandError::Container)?)
}

/// Ends this process as the child ended. Returns only when that cannot be done.
fn end_as(end: End) -> Result<Exit, CommandError> {
    if let Some(signal) = end.signal().and_then(Signal::from_named_raw) {
        let _ = kill_process(getpid(), signal);
    }
    std::process::exit(i32::try_from(end.code).unwrap_or(1));
}
