//! What a signal does that ends this process: first of all its containers are removed.
//!
//! testcontainers has a `watchdog` for that, which panics when somebody else removes a container at the same time, as the end of a scenario
//! does whose server has just gone; from then on the process could not be interrupted any more.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::ServiceError;
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use testcontainers::core::client::docker_client_instance;

use crate::engine::run;
use crate::sweep::remove_own;

/// An engine that does not answer must not keep the process from ending.
const PATIENCE: Duration = Duration::from_secs(4);

/// Whether a signal has come. What is started from then on would be left.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Begins to listen, once. Whoever starts a container calls it before.
///
/// # Errors
/// When signals cannot be listened to, or one has come.
pub(crate) fn listen() -> Result<(), ServiceError> {
    if IS_ENDING.load(Ordering::Relaxed) {
        return Err(ServiceError::new("start a container", "this process was asked to end"));
    }
    static LISTENING: OnceLock<Result<(), String>> = OnceLock::new();
    let listening = LISTENING.get_or_init(|| start().map_err(|error| error.to_string()));
    listening.clone().map_err(|cause| ServiceError::new("listen for signals", cause))
}

fn start() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGQUIT])?;
    let body = move || {
        for signal in signals.forever() {
            IS_ENDING.store(true, Ordering::Relaxed);
            // What could not be removed is removed at the next start.
            let _ = run(async {
                let removed = async {
                    if let Ok(docker) = docker_client_instance().await {
                        let _ = remove_own(&docker).await;
                    }
                };
                let _ = tokio::time::timeout(PATIENCE, removed).await;
                Ok(())
            });
            let _ = emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new().name("highwater-signals".to_owned()).spawn(body).map(drop)
}
