//! Where text goes: to the standard output, with colour only on a terminal, and to the file of `--output`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use highwater_report::Colour;

/// Text could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrintError {
    /// Not to the standard output.
    #[error("failed to write to the standard output: {0}")]
    Stdout(io::Error),
    /// Not to the file.
    #[error("failed to write the report {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Whether the standard output takes colour: it is a terminal, and `NO_COLOR` (no-color.org) is unset or empty.
pub(crate) fn colour() -> Colour {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    if io::stdout().is_terminal() && !unwanted && !dumb { Colour::Always } else { Colour::Never }
}

/// Writes to the standard output. A reader that has seen enough is no error.
pub(crate) fn print(text: &str) -> Result<(), PrintError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(PrintError::Stdout(error)),
        _ => Ok(()),
    }
}

/// Writes to the standard error. A reader that has gone away costs it the text, not us the run.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes the file anew.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), PrintError> {
    std::fs::write(path, text).map_err(|cause| PrintError::File { path: path.to_owned(), cause })
}
