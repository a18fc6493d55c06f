//! A launcher: a program that starts the measured child in the parent's place, in surroundings of which the parent knows nothing, such as
//! a container with a memory limit. What it does with the child is its own; what it has to keep to stands at [`Launch`].

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use highwater_model::Bytes;
use serde::{Deserialize, Serialize};

use crate::message::{Instruction, Message};

/// A launcher's command line. The parent appends the path of the child's executable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, before the executable's path.
    pub arguments: Vec<String>,
}

/// What a launcher is told, and where it says what it saw.
///
/// It starts the executable with its own environment and working directory, and says when it is ready for whatever that does
/// ([`Launch::tell_watched`]): the child waits for it. It passes on what the child writes, and ends as it ended: with its exit code, or by
/// its signal. Before that it says how the memory limit fared ([`Launch::tell_limited`]), or why nothing is known of that
/// ([`Launch::tell_refused`]). At SIGTERM, and when the parent dies, it ends the child and itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    journal: PathBuf,
    parent: u32,
}

impl Launch {
    /// From the environment that the parent made.
    ///
    /// # Errors
    /// When no parent started this process, or one of another version.
    pub fn from_environment() -> Result<Self, String> {
        match Instruction::from_environment() {
            None => Err(format!("{} is not set: only highwater's parent process starts this", Instruction::VARIABLE)),
            Some(Err(error)) => Err(format!("{} is not understood: {error}", Instruction::VARIABLE)),
            Some(Ok(instruction)) => Ok(Self { journal: instruction.journal, parent: instruction.parent }),
        }
    }

    /// Asks the kernel to send this process SIGTERM when the parent is gone.
    ///
    /// # Errors
    /// When it is gone already.
    #[cfg(target_os = "linux")]
    pub fn end_with_the_parent(&self) -> io::Result<()> {
        crate::child::signal_at_the_end_of(self.parent, rustix::process::Signal::TERM)
    }

    /// Elsewhere the parent's timeout is what ends this process.
    ///
    /// # Errors
    /// None.
    #[cfg(not(target_os = "linux"))]
    pub fn end_with_the_parent(&self) -> io::Result<()> {
        Ok(())
    }

    /// The folder in which the child writes: its journal, its profile.
    pub fn folder(&self) -> &Path {
        self.journal.parent().unwrap_or(Path::new("/"))
    }

    /// Says that the child may begin.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn tell_watched(&self) -> io::Result<()> {
        self.tell(&Message::Watched)
    }

    /// Says how the limit fared: how many processes the kernel killed for want of memory, and the most that was charged, where that is
    /// known.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn tell_limited(&self, limit: Bytes, kills: u64, peak: Option<Bytes>) -> io::Result<()> {
        self.tell(&Message::Limited { limit, kills, peak })
    }

    /// Says why no child was started, or how it was lost.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn tell_refused(&self, why: &str) -> io::Result<()> {
        self.tell(&Message::NotLaunched(why.to_owned()))
    }

    fn tell(&self, message: &Message) -> io::Result<()> {
        // A killed child may have been in the middle of a line: this is one of its own.
        let mut line = b"\n".to_vec();
        serde_json::to_writer(&mut line, message)?;
        line.push(b'\n');
        OpenOptions::new().append(true).open(&self.journal)?.write_all(&line)
    }
}
