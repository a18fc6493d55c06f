//! A sample's database and the sessions in it, from its begin to its end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::database::{CreateDatabaseError, Database};
use super::session::SessionThread;

/// How long sessions may take to notice that the sample is over.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Sample {
    pub(super) database: Arc<Database>,
    sessions: Mutex<HashMap<i32, SessionThread>>,
    pids: AtomicI32,
    ended: watch::Sender<bool>,
}

impl Sample {
    /// Makes the empty database.
    pub(super) fn begin(name: String) -> Result<Self, CreateDatabaseError> {
        Ok(Self {
            database: Arc::new(Database::create(name)?),
            sessions: Mutex::default(),
            pids: AtomicI32::new(1),
            ended: watch::Sender::new(false),
        })
    }

    pub(super) fn next_pid(&self) -> i32 {
        self.pids.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn add(&self, pid: i32, session: SessionThread) {
        let mut sessions = self.sessions();
        sessions.retain(|_, session| !session.thread.is_finished());
        sessions.insert(pid, session);
    }

    /// Stops the statement that the session runs.
    pub(super) fn interrupt(&self, pid: i32) {
        if let Some(session) = self.sessions().get(&pid) {
            session.interrupt.interrupt();
        }
    }

    /// Completes when the sample ends; connections go then.
    pub(super) async fn ended(&self) {
        // The sender lives in this sample, so that waiting cannot fail.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Ends all sessions, whatever they do, and waits for their threads. False if one is still there after a while.
    pub(super) fn end(&self) -> bool {
        self.ended.send_replace(true);
        self.database.writes.close();
        self.database.advisory.close();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let running = {
                let mut sessions = self.sessions();
                sessions.retain(|_, session| !session.thread.is_finished());
                // Again and again: an interrupt counts only for a statement that runs when it comes.
                sessions.values().for_each(|session| session.interrupt.interrupt());
                sessions.len()
            };
            if running == 0 {
                self.database.remove();
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<i32, SessionThread>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
