//! Transactions as Postgres has them over the one writer that SQLite allows.
//!
//! A transaction takes the write lock and begins in SQLite with its first write. Until then its statements read what is
//! committed when they start, which is Postgres's READ COMMITTED; after it nobody else writes, so that they do so still.

use pgwire::messages::response::TransactionStatus;

use super::catalog::{self, quoted};
use super::compile::OnCommit;
use super::error::{SqlError, SqlResult, from_sqlite, state};
use super::session::Worker;
use super::settings::Settings;

/// Where a session stands.
#[derive(Default)]
pub(super) struct Transaction {
    stage: Stage,
    failed: bool,
    /// SQLite is in a transaction, and the session has the write lock.
    open: bool,
    read_only: bool,
    /// Temporary tables that end with the transaction.
    dropped: Vec<String>,
    /// The settings to go back to, if the transaction changed any; with the names that were set for it alone.
    settings: Option<(Settings, Vec<String>)>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// Between two Syncs, or within one simple query: its statements commit together.
    Implicit,
    /// After BEGIN.
    Block,
}

/// 25P02
pub(super) fn failed() -> SqlError {
    SqlError::new(
        state::IN_FAILED_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}

impl Transaction {
    pub(super) fn status(&self) -> TransactionStatus {
        match (self.stage, self.failed) {
            (Stage::Idle | Stage::Implicit, _) => TransactionStatus::Idle,
            (Stage::Block, false) => TransactionStatus::Transaction,
            (Stage::Block, true) => TransactionStatus::Error,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// A statement failed. Outside a transaction there is nothing to fail.
    pub(super) fn fail(&mut self) {
        self.failed = self.stage != Stage::Idle;
    }

    pub(super) fn in_block(&self) -> bool {
        self.stage == Stage::Block
    }
}

impl Worker {
    /// A statement is about to run.
    pub(super) fn start_statement(&mut self) {
        if self.transaction.stage == Stage::Idle {
            self.transaction.stage = Stage::Implicit;
            self.transaction.failed = false;
            self.frame.begin();
        }
    }

    pub(super) fn begin_block(&mut self, exclusive: bool, read_only: bool) -> SqlResult<()> {
        // A second BEGIN is a warning in Postgres.
        if self.transaction.stage != Stage::Block {
            self.transaction.stage = Stage::Block;
            self.transaction.read_only = read_only;
        }
        if exclusive && !read_only { self.take_write_lock() } else { Ok(()) }
    }

    /// The session becomes the one that writes; waits for others to end.
    pub(super) fn take_write_lock(&mut self) -> SqlResult<()> {
        if self.transaction.read_only {
            return Err(SqlError::new(state::READ_ONLY_TRANSACTION, "cannot write in a read-only transaction"));
        }
        if self.transaction.open {
            return Ok(());
        }
        self.frame.database.writes.acquire(self.frame.pid)?;
        match self.conn.execute_batch("BEGIN IMMEDIATE") {
            Ok(()) => {
                self.transaction.open = true;
                Ok(())
            }
            Err(error) => {
                self.frame.database.writes.release(self.frame.pid);
                Err(from_sqlite(&self.conn, &error))
            }
        }
    }

    /// COMMIT or ROLLBACK; the command tag, which is ROLLBACK for a transaction that had failed.
    pub(super) fn end_block(&mut self, commit: bool) -> SqlResult<&'static str> {
        let commit = commit && !self.transaction.failed;
        self.close(commit)?;
        Ok(if commit { "COMMIT" } else { "ROLLBACK" })
    }

    /// A Sync, or the end of a simple query: what was not in a block is committed, or rolled back.
    pub(super) fn end_implicit(&mut self) -> SqlResult<()> {
        if self.transaction.stage == Stage::Implicit {
            let commit = !self.transaction.failed;
            self.close(commit)?;
        }
        Ok(())
    }

    /// The client has gone.
    pub(super) fn end(&mut self) {
        // Nobody is there to be told; the connection is closed next, which rolls back as well.
        let _ = self.close(false);
        self.frame.database.advisory.release(self.frame.pid, false);
    }

    fn close(&mut self, commit: bool) -> SqlResult<()> {
        let transaction = std::mem::take(&mut self.transaction);
        let mut result = Ok(());
        // SQLite ends some transactions by itself when a statement is interrupted or the disk is full.
        if transaction.open && !self.conn.is_autocommit() {
            let ended = self.conn.execute_batch(if commit { "COMMIT" } else { "ROLLBACK" });
            if let Err(error) = ended {
                result = Err(from_sqlite(&self.conn, &error));
                let _ = self.conn.execute_batch("ROLLBACK");
            }
        }
        if transaction.open {
            self.frame.database.writes.release(self.frame.pid);
        }
        self.frame.database.advisory.release(self.frame.pid, true);
        if let Some((before, local)) = transaction.settings {
            if commit {
                self.settings.restore(&before, &local);
            } else {
                self.settings = before;
            }
        }
        if commit && result.is_ok() {
            result = self.end_temporary_tables(&transaction.dropped).map_err(|error| from_sqlite(&self.conn, &error));
        }
        result
    }

    /// What `ON COMMIT` of a temporary table says.
    pub(super) fn remember_table(&mut self, table: String, end: OnCommit) {
        match end {
            OnCommit::Drop => self.transaction.dropped.push(table),
            OnCommit::DeleteRows => self.emptied.push(table),
        }
    }

    fn end_temporary_tables(&mut self, dropped: &[String]) -> rusqlite::Result<()> {
        for table in dropped {
            self.conn.execute_batch(&format!("DROP TABLE IF EXISTS temp.{}", quoted(table)))?;
        }
        for table in std::mem::take(&mut self.emptied) {
            if catalog::table(&self.conn, &table)?.is_some_and(|found| found.temporary) {
                self.conn.execute_batch(&format!("DELETE FROM temp.{}", quoted(&table)))?;
                self.emptied.push(table);
            }
        }
        Ok(())
    }

    pub(super) fn savepoint(&mut self, name: &str) -> SqlResult<()> {
        self.need_block("SAVEPOINT")?;
        self.take_write_lock()?;
        self.batch(&format!("SAVEPOINT {}", quoted(name)))
    }

    pub(super) fn release(&mut self, name: &str) -> SqlResult<()> {
        self.need_block("RELEASE SAVEPOINT")?;
        self.take_write_lock()?;
        self.batch(&format!("RELEASE {}", quoted(name)))
    }

    pub(super) fn rollback_to(&mut self, name: &str) -> SqlResult<()> {
        self.need_block("ROLLBACK TO SAVEPOINT")?;
        self.take_write_lock()?;
        self.batch(&format!("ROLLBACK TO {}", quoted(name)))?;
        self.transaction.failed = false;
        Ok(())
    }

    fn need_block(&self, what: &str) -> SqlResult<()> {
        if self.transaction.in_block() {
            return Ok(());
        }
        Err(SqlError::new(state::NO_ACTIVE_TRANSACTION, format!("{what} can only be used in transaction blocks")))
    }

    fn batch(&self, sql: &str) -> SqlResult<()> {
        self.conn.execute_batch(sql).map_err(|error| from_sqlite(&self.conn, &error))
    }

    /// SET, undone by a rollback, and with `local` by a commit too.
    pub(super) fn change_setting(&mut self, name: &str, value: Option<&str>, local: bool) -> SqlResult<()> {
        if local && !self.transaction.in_block() {
            // A warning in Postgres, and no effect.
            return Ok(());
        }
        let before = self.settings.clone();
        self.settings.set(name, value)?;
        let (_, locals) = self.transaction.settings.get_or_insert((before, Vec::new()));
        if local {
            locals.push(name.to_ascii_lowercase());
        }
        Ok(())
    }
}
