//! Fetches all pages and reads all rows, concurrently, compares them, writes what is new or changed and archives what the
//! API no longer lists.

use std::collections::HashMap;

use super::Run;
use crate::harvest::Page;
use crate::report::Counts;
use crate::store::{Stored, Table};
use crate::worker::SyncError;

pub(super) async fn sync<T: Table>(run: &Run<'_>) -> Result<Counts, SyncError> {
    let fetch = async { run.harvest.pages::<T>(run.concurrency).await.map_err(SyncError::from) };
    let load = async { run.store.load::<T>().await.map_err(SyncError::from) };
    let (pages, rows) = tokio::try_join!(fetch, load)?;

    let changes = Changes::between(&pages, &rows);
    let inserted = run.store.upsert(changes.new, run.started_at).await?;
    let updated = run.store.upsert(changes.changed, run.started_at).await?;
    let archived = run.store.archive(T::COLLECTION, &changes.gone, run.started_at).await?;
    Ok(Counts {
        pages: pages.len() as u64,
        fetched: pages.iter().map(|page| page.items.len() as u64).sum(),
        inserted,
        updated,
        unchanged: changes.unchanged,
        archived,
        ..Counts::default()
    })
}

/// What has to be written so that the table holds what was fetched.
struct Changes<'a, T> {
    /// Records that no row has.
    new: Vec<&'a T>,
    /// Records whose row differs, or is archived.
    changed: Vec<&'a T>,
    /// How many records equal their row.
    unchanged: u64,
    /// Rows that are not archived and were not fetched.
    gone: Vec<i64>,
}

impl<'a, T: Table> Changes<'a, T> {
    fn between(pages: &'a [Page<T>], rows: &[Stored<T>]) -> Self {
        let records = || pages.iter().flat_map(|page| &page.items);
        let fetched: HashMap<i64, &T> = records().map(|record| (record.id(), record)).collect();
        let by_id: HashMap<i64, &Stored<T>> = rows.iter().map(|row| (row.record.id(), row)).collect();

        let mut changes = Self { new: Vec::new(), changed: Vec::new(), unchanged: 0, gone: Vec::new() };
        for record in records() {
            // Of a record that was fetched twice, as happens when the list grows meanwhile, the later one counts.
            if !std::ptr::eq(fetched[&record.id()], record) {
                continue;
            }
            match by_id.get(&record.id()) {
                None => changes.new.push(record),
                Some(row) if row.archived_at.is_some() || row.record != *record => changes.changed.push(record),
                Some(_) => changes.unchanged += 1,
            }
        }
        let gone = rows.iter().filter(|row| row.archived_at.is_none() && !fetched.contains_key(&row.record.id()));
        changes.gone.extend(gone.map(|row| row.record.id()));
        changes
    }
}
