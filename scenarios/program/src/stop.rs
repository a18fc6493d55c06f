//! The signals that end a program.

use std::io;

/// Waits for SIGINT or SIGTERM. As the first process of a container, a program would not be ended by them otherwise.
///
/// # Errors
/// When the system does not let a program wait for signals.
pub async fn stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
