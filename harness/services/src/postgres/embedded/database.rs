//! The database of one sample: a SQLite file in a folder of its own, and what its sessions share besides.
//!
//! A file rather than memory, because only SQLite's write-ahead log lets sessions read while another writes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use highwater::Folder;
use rusqlite::Connection;

use super::lock::{AdvisoryLocks, WriteLock};

pub(super) struct Database {
    pub(super) name: String,
    pub(super) writes: WriteLock,
    pub(super) advisory: AdvisoryLocks,
    pub(super) sequences: Sequences,
    statements: AtomicU64,
    path: PathBuf,
    folder: Mutex<Option<Folder>>,
}

/// Compiled statements that a session keeps: as many as a worker is likely to use.
const STATEMENTS_KEPT: usize = 64;

impl Database {
    pub(super) fn create(name: String) -> Result<Self, CreateDatabaseError> {
        let folder = Folder::create("postgres").map_err(CreateDatabaseError::Folder)?;
        let database = Self {
            name,
            writes: WriteLock::default(),
            advisory: AdvisoryLocks::default(),
            sequences: Sequences::default(),
            statements: AtomicU64::new(0),
            path: folder.path().join("database"),
            folder: Mutex::new(Some(folder)),
        };
        let opened = database.connect().and_then(|conn| conn.execute_batch("PRAGMA journal_mode = WAL"));
        opened.map_err(|cause| CreateDatabaseError::File { path: database.path.clone(), cause })?;
        Ok(database)
    }

    /// Removes the folder now: whoever still has a handle to the database may outlive the process's last statement.
    pub(super) fn remove(&self) {
        drop(self.folder.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// A connection for one session.
    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        let conn = Connection::open(&self.path)?;
        // Nothing of a sample outlives it, so nothing is forced to disk.
        conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384")?;
        // Writers queue at `writes`; this is for checkpoints only.
        conn.busy_timeout(Duration::from_secs(30))?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(conn)
    }

    /// A statement was executed.
    pub(super) fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

/// Why the database of a sample could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CreateDatabaseError {
    #[error("no temporary folder: {0}")]
    Folder(std::io::Error),
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: rusqlite::Error },
}

/// Sequences of serial and identity columns. As in Postgres, a rollback does not bring numbers back.
#[derive(Default)]
pub(super) struct Sequences {
    next: Mutex<HashMap<String, i64>>,
}

impl Sequences {
    fn numbers(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the sequence, or starts it again at 1.
    pub(super) fn restart(&self, name: &str) {
        self.numbers().insert(name.to_owned(), 1);
    }

    /// The next number; `None` if there is no such sequence.
    pub(super) fn next(&self, name: &str) -> Option<i64> {
        let mut numbers = self.numbers();
        let next = numbers.get_mut(name)?;
        let drawn = *next;
        *next = next.saturating_add(1);
        Some(drawn)
    }

    /// False if there is no such sequence.
    pub(super) fn set_next(&self, name: &str, next: i64) -> bool {
        self.numbers().get_mut(name).map(|number| *number = next).is_some()
    }
}
