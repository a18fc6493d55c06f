//! Questions about what is stored, for tests, scenarios and people: counts, single records, a checksum. No sync asks them.

use std::pin::pin;

use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio_postgres::types::{ToSql, Type};

use super::{Store, StoreError, Stored, Table, stored, table};
use crate::collection::Collection;

/// How many rows a table holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// All of them.
    pub rows: u64,
    /// Those that are archived.
    pub archived: u64,
}

impl Store {
    /// Counts the rows of a table.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub async fn counts(&self, collection: Collection) -> Result<RowCounts, StoreError> {
        let read = async {
            let sql = format!("SELECT count(*), count(archived_at) FROM {collection}");
            let rows = self.client.query_typed(&sql, &[]).await?;
            let row = rows.first().expect("an aggregate without groups has one row");
            let count = |column| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(RowCounts { rows: count(0)?, archived: count(1)? })
        };
        read.await.map_err(|source| StoreError::Read { collection, source })
    }

    /// Reads the rows of these ids, in the order of their ids. Ids that no row has are passed over.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Row`].
    pub async fn rows<T: Table>(&self, ids: &[i64]) -> Result<Vec<Stored<T>>, StoreError> {
        let sql = format!("{} WHERE id = ANY($1) ORDER BY id", table::select_sql::<T>());
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&ids, Type::INT8_ARRAY)];
        let rows = self
            .client
            .query_typed(&sql, &parameters)
            .await
            .map_err(|source| StoreError::Read { collection: T::COLLECTION, source })?;
        rows.iter().map(stored).collect()
    }

    /// A SHA-256, in hexadecimal, over all records of a table in the order of their ids, and over which are archived. Two
    /// tables that hold the same have the same, whenever and in whatever batches they were written. Rows are read one by
    /// one.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Row`].
    pub async fn checksum<T: Table>(&self) -> Result<String, StoreError> {
        let failed = |source| StoreError::Read { collection: T::COLLECTION, source };
        let sql = format!("{} ORDER BY id", table::select_sql::<T>());
        let no_parameters: [(&(dyn ToSql + Sync), Type); 0] = [];
        let mut rows = pin!(self.client.query_typed_raw(&sql, no_parameters).await.map_err(failed)?);
        let mut hash = Sha256::new();
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let Stored { record, archived_at } = stored::<T>(&row)?;
            let json = serde_json::to_vec(&record).expect("a record is plain data with text keys");
            hash.update(json);
            hash.update([u8::from(archived_at.is_some())]);
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
