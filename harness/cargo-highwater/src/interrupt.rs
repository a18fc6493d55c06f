//! Whether somebody asked the command to end. What is ended then is `process`'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Becomes true when SIGINT or SIGTERM arrives, which then end us no longer by themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

/// The signals cannot be listened to.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen for signals: {0}")]
pub(crate) struct InterruptError(#[from] std::io::Error);

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self, InterruptError> {
        let interrupt = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    /// Whether a signal has arrived.
    pub(crate) fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// As a signal does.
    #[cfg(test)]
    pub(crate) fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
