//! A whole list held at once: the first page, then all others together. What [`paged`](crate::strategy) does instead is
//! to walk.

use futures::stream::{self, StreamExt, TryStreamExt};

use super::{Harvest, HarvestError, Page, Record};

impl Harvest {
    /// Reads every page of the list of `T`, in order: page 1, which tells the count of pages, then the others with at
    /// most `concurrency` under way, or all at once without one.
    ///
    /// Where the server does not tell the count, or where the list grew while it was read, the pages beyond are walked
    /// one by one until none follows.
    ///
    /// # Errors
    /// The first [`HarvestError`] of any page.
    pub async fn pages<T: Record>(&self, concurrency: Option<usize>) -> Result<Vec<Page<T>>, HarvestError> {
        let first = self.page::<T>(1).await?;
        let last = first.last.unwrap_or(1);
        let mut pages = vec![first];
        let others: Vec<Page<T>> = stream::iter(2..=last)
            .map(|number| self.page(number))
            .buffered(concurrency.unwrap_or(usize::MAX))
            .try_collect()
            .await?;
        pages.extend(others);
        while let Some(next) = pages.last().and_then(|page| page.next) {
            pages.push(self.page(next).await?);
        }
        Ok(pages)
    }
}
