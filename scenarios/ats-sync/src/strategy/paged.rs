//! Walks the list: each page is fetched, written and dropped before the next is asked for. What is held does not depend on
//! the size of the account. Records that are gone stay as they are.

use super::Run;
use crate::report::Counts;
use crate::store::Table;
use crate::worker::SyncError;

pub(super) async fn sync<T: Table>(run: &Run<'_>) -> Result<Counts, SyncError> {
    let mut counts = Counts::default();
    let mut next = Some(1);
    while let Some(number) = next {
        let page = run.harvest.page::<T>(number).await?;
        counts.pages += 1;
        counts.fetched += page.items.len() as u64;
        counts.upserted += run.store.upsert(&page.items, run.started_at).await?;
        next = page.next;
    }
    Ok(counts)
}
