//! The Postgres database: schema, batched writes, reads. What is written and when is the strategies' to say.
//!
//! # Why tokio-postgres
//!
//! Chosen over sqlx: no pool, no statement cache and no task but the one that owns the connection, so a sync holds one
//! socket and what it sends is what is written here.
//!
//! Its buffers are explicit too. A statement is encoded whole into the client's buffer, and from there into the
//! connection's write buffer; both keep the capacity of the largest statement until the connection closes
//! (`tokio-postgres` 0.7, `client.rs` and `codec.rs`). After one bind parameter of 1 MiB an idle connection holds 3.1 MB
//! more than before, after one of 8 MiB 28 MB, and thousands of small queries later still as much. So rows go out in
//! batches of a bounded size however large the collection is, and the bound is the configuration's `batch_size`. sqlx
//! keeps its buffers in the same way unless each connection is told to shrink them.
//!
//! # Statements
//!
//! Every statement is sent with its parameter types and without a name, in one round trip. Nothing is prepared, so the
//! worker runs behind a connection pooler in transaction mode as well. A batch is one statement and therefore all or
//! nothing; a sync that breaks off leaves a table between two states, and the next one completes it.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};
use tracing::error;

use crate::collection::Collection;
use crate::metrics::Metrics;
use program::explain;

mod applications;
mod candidates;
mod checks;
mod jobs;
mod schema;
mod table;

pub use checks::RowCounts;
pub use table::{Array, Kind, Stored, Table};

/// One connection to a database with the worker's tables.
#[derive(Debug)]
pub struct Store {
    client: Client,
    connection: JoinHandle<()>,
    batch_size: usize,
    metrics: Metrics,
}

impl Store {
    /// Connects and brings the schema up to date. Statements will hold at most `batch_size` rows.
    ///
    /// # Errors
    /// [`StoreError::Connect`] and [`StoreError::Schema`].
    pub async fn connect(
        database: &tokio_postgres::Config,
        batch_size: usize,
        metrics: Metrics,
    ) -> Result<Self, StoreError> {
        let (mut client, connection) =
            database.connect(NoTls).await.map_err(|source| StoreError::Connect { to: address(database), source })?;
        let connection = tokio::spawn(async move {
            if let Err(failure) = connection.await {
                error!("the connection to the database broke: {}", explain(&failure));
            }
        });
        schema::migrate(&mut client).await.map_err(|source| StoreError::Schema(Box::new(source)))?;
        Ok(Self { client, connection, batch_size, metrics })
    }

    /// The most rows of a statement.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Closes the connection and waits until its task has ended.
    pub async fn close(self) {
        drop(self.client);
        // The task reports its own failure; a panic in it would be ours to pass on.
        if let Err(failure) = self.connection.await {
            error!("the connection's task failed: {failure}");
        }
    }

    /// Inserts or overwrites the records as of `synced_at`, and un-archives them. Where an id occurs more than once the
    /// last one stays. Returns how many rows were written.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub async fn upsert<'a, T: Table>(
        &self,
        records: impl IntoIterator<Item = &'a T>,
        synced_at: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = table::upsert_sql::<T>();
        let records: Vec<&T> = records.into_iter().collect();
        let mut written = 0;
        for batch in records.chunks(self.batch_size) {
            let batch = last_of_each_id(batch);
            written += self.write(&sql, &batch, synced_at).await.map_err(|source| StoreError::Statement {
                what: "upsert",
                collection: T::COLLECTION,
                rows: batch.len(),
                source,
            })?;
        }
        self.metrics.written(T::COLLECTION, written);
        Ok(written)
    }

    /// Inserts the records as of `synced_at`, which is cheaper than to upsert them. Returns how many rows were written; none
    /// when one of the records already has a row: then nothing of the batch was written, and it can be upserted. Where an id
    /// occurs more than once the last one stays.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub async fn insert<T: Table>(&self, records: &[T], synced_at: Timestamp) -> Result<Option<u64>, StoreError> {
        let sql = table::insert_sql::<T>();
        let records: Vec<&T> = records.iter().collect();
        let mut written = 0;
        for batch in records.chunks(self.batch_size) {
            let batch = last_of_each_id(batch);
            written += match self.write(&sql, &batch, synced_at).await {
                Ok(rows) => rows,
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => return Ok(None),
                Err(source) => {
                    return Err(StoreError::Statement {
                        what: "insert",
                        collection: T::COLLECTION,
                        rows: batch.len(),
                        source,
                    });
                }
            };
        }
        self.metrics.written(T::COLLECTION, written);
        Ok(Some(written))
    }

    async fn write<T: Table>(
        &self,
        sql: &str,
        batch: &[&T],
        synced_at: Timestamp,
    ) -> Result<u64, tokio_postgres::Error> {
        let arrays = T::arrays(batch);
        let values = arrays.iter().map(|array| &**array as &(dyn ToSql + Sync)).chain([&synced_at as _]);
        let parameters: Vec<_> = values.zip(table::write_types::<T>()).collect();
        self.client.execute_typed(sql, &parameters).await
    }

    /// Whether the table has no rows at all.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub async fn is_empty(&self, collection: Collection) -> Result<bool, StoreError> {
        let sql = format!("SELECT id FROM {collection} LIMIT 1");
        let rows =
            self.client.query_typed(&sql, &[]).await.map_err(|source| StoreError::Read { collection, source })?;
        Ok(rows.is_empty())
    }

    /// Archives those of the rows that are not archived yet. Returns how many that were.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub async fn archive(
        &self,
        collection: Collection,
        ids: &[i64],
        archived_at: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = format!("UPDATE {collection} SET archived_at = $2 WHERE id = ANY($1) AND archived_at IS NULL");
        let mut archived = 0;
        for batch in ids.chunks(self.batch_size) {
            let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                [(&batch, Type::INT8_ARRAY), (&archived_at, Type::TIMESTAMPTZ)];
            archived += self.client.execute_typed(&sql, &parameters).await.map_err(|source| StoreError::Statement {
                what: "archive",
                collection,
                rows: batch.len(),
                source,
            })?;
        }
        self.metrics.archived(collection, archived);
        Ok(archived)
    }

    /// Reads the whole table, archived rows included, in no particular order.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Row`].
    pub async fn load<T: Table>(&self) -> Result<Vec<Stored<T>>, StoreError> {
        let rows = self
            .client
            .query_typed(&table::select_sql::<T>(), &[])
            .await
            .map_err(|source| StoreError::Read { collection: T::COLLECTION, source })?;
        rows.iter().map(stored).collect()
    }
}

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no connection.
    #[error("cannot connect to the database at {to}; check DATABASE_URL")]
    Connect {
        /// Hosts and database, without the password.
        to: String,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the database schema up to date")]
    Schema(#[source] Box<refinery_core::Error>),
    /// A batch was not written. None of its rows was.
    #[error("cannot {what} {rows} rows of {collection}")]
    Statement {
        /// `upsert`, `insert` or `archive`.
        what: &'static str,
        /// The table.
        collection: Collection,
        /// The size of the batch.
        rows: usize,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// The table was not read.
    #[error("cannot read {collection}")]
    Read {
        /// The table.
        collection: Collection,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// A row holds what no sync writes.
    #[error("row {id} of {collection} does not hold a record")]
    Row {
        /// The table.
        collection: Collection,
        /// The row.
        id: i64,
        /// Which column, and why.
        source: tokio_postgres::Error,
    },
}

fn stored<T: Table>(row: &Row) -> Result<Stored<T>, StoreError> {
    let read = || Ok(Stored { record: T::from_row(row)?, archived_at: row.try_get("archived_at")? });
    read().map_err(|source| StoreError::Row {
        collection: T::COLLECTION,
        id: row.try_get("id").unwrap_or_default(),
        source,
    })
}

/// The records in order, where an id comes more than once with its last record. A statement may not write a row twice,
/// and a list that grows while it is paged through repeats the records that move on to the next page.
fn last_of_each_id<'a, T: Table>(batch: &[&'a T]) -> Vec<&'a T> {
    let last: HashMap<i64, &'a T> = batch.iter().map(|&record| (record.id(), record)).collect();
    batch.iter().copied().filter(|&record| std::ptr::eq(last[&record.id()], record)).collect()
}

/// Where a database is, without who connects and with what password.
fn address(database: &tokio_postgres::Config) -> String {
    use tokio_postgres::config::Host;

    let hosts: Vec<String> = database
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Tcp(host) => host.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    let ports: Vec<String> = database.get_ports().iter().map(u16::to_string).collect();
    let port = if ports.is_empty() { String::new() } else { format!(":{}", ports.join(",")) };
    format!("{}{port}/{}", hosts.join(","), database.get_dbname().unwrap_or_default())
}
