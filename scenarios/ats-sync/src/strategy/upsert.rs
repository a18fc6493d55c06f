//! Fetches all pages concurrently, then writes every record. Records that are gone stay as they are.

use super::Run;
use crate::report::Counts;
use crate::store::Table;
use crate::worker::SyncError;

pub(super) async fn sync<T: Table>(run: &Run<'_>) -> Result<Counts, SyncError> {
    let pages = run.harvest.pages::<T>(run.concurrency).await?;
    let records = pages.iter().flat_map(|page| &page.items);
    Ok(Counts {
        pages: pages.len() as u64,
        fetched: records.clone().count() as u64,
        upserted: run.store.upsert(records, run.started_at).await?,
        ..Counts::default()
    })
}
