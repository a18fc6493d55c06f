//! Asks for pages ahead, decodes them record by record as they arrive, and writes small batches while the next ones are
//! decoded. What is held depends neither on the size of the account nor on which side is slow: a slow database stops the
//! reading, and a page that is not read stays in its connection. Records that are gone stay as they are.

use std::mem;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Run;
use crate::harvest::{Harvest, HarvestError, Streamed};
use crate::report::Counts;
use crate::store::{Store, StoreError, Table};
use crate::worker::SyncError;

/// Pages under way at once unless the configuration says otherwise: asked for, or arriving and not yet read to the end. Each
/// has a connection, whose read buffer may grow to 408 KiB (hyper 1, `proto/h1/io.rs`).
const AHEAD: usize = 4;

pub(super) async fn sync<T: Table>(run: &Run<'_>) -> Result<Counts, SyncError> {
    let ahead = run.concurrency.unwrap_or(AHEAD).min(Semaphore::MAX_PERMITS);
    let (to, pages) = channel(ahead);
    let ask = async { ask_for_all::<T>(run.harvest, ahead, to).await.map_err(SyncError::from) };
    let records = Records {
        harvest: run.harvest,
        pages,
        open: None,
        rows: run.store.batch_size(),
        text: run.batch_bytes,
        counts: Counts::default(),
    };
    let ((), counts) = tokio::try_join!(ask, write_all(run, records))?;
    Ok(counts)
}

/// A page, and the right to be one of those under way.
type Open<T> = (Streamed<T>, OwnedSemaphorePermit);

/// Asks for every page and hands them on in order: page 1, which tells the count of pages, then the others with at most
/// `ahead` under way. Where the server does not tell the count, or where the list grew meanwhile, the pages beyond are
/// walked, each asked for as soon as the head of the one before is there.
async fn ask_for_all<T: Table>(harvest: &Harvest, ahead: usize, to: Sender<Open<T>>) -> Result<(), HarvestError> {
    let under_way = Arc::new(Semaphore::new(ahead));
    let open = async |number| {
        let permit = under_way.clone().acquire_owned().await.expect("nobody closes it");
        Ok((harvest.open::<T>(number).await?, permit))
    };
    // Where nobody takes the pages any more, the other side has failed and says why.
    let first: Open<T> = open(1).await?;
    let (mut next, last) = (first.0.next(), first.0.last().unwrap_or(1));
    if to.send(first).await.is_err() {
        return Ok(());
    }
    // In order, and so is the semaphore: the page that is read next never waits for one behind it.
    let mut others = std::pin::pin!(stream::iter(2..=last).map(&open).buffered(ahead));
    while let Some(page) = others.try_next().await? {
        next = page.0.next();
        if to.send(page).await.is_err() {
            return Ok(());
        }
    }
    while let Some(number) = next {
        let page = open(number).await?;
        next = page.0.next();
        if to.send(page).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The records of all pages, batch by batch.
struct Records<'a, T> {
    harvest: &'a Harvest,
    pages: Receiver<Open<T>>,
    open: Option<Open<T>>,
    /// The most records of a batch.
    rows: usize,
    /// Bytes of JSON with which a batch is full, even when its rows are few.
    text: usize,
    counts: Counts,
}

impl<T: Table> Records<'_, T> {
    /// Fills the batch, which is left empty when there are no more records.
    async fn fill(&mut self, batch: &mut Vec<T>) -> Result<(), HarvestError> {
        let mut text = 0;
        while batch.len() < self.rows && text < self.text {
            if self.open.is_none() {
                self.open = self.pages.recv().await;
            }
            let Some((page, _)) = &mut self.open else { return Ok(()) };
            match self.harvest.next(page).await? {
                Some(it) => {
                    text += it.text;
                    batch.push(it.record);
                }
                None => {
                    self.counts.pages += 1;
                    self.counts.fetched += page.records() as u64;
                    self.open = None;
                }
            }
        }
        Ok(())
    }
}

/// Writes every batch while the next one is filled: there are two of them, however many records there are.
async fn write_all<T: Table>(run: &Run<'_>, mut records: Records<'_, T>) -> Result<Counts, SyncError> {
    let mut way = Way { store: run.store, is_initial: run.store.is_empty(T::COLLECTION).await? };
    let mut written = Counts::default();
    let (mut full, mut next) = (Vec::new(), Vec::new());
    records.fill(&mut full).await?;
    while !full.is_empty() {
        let write = async { way.write(&full, run, &mut written).await.map_err(SyncError::from) };
        let fill = async { records.fill(&mut next).await.map_err(SyncError::from) };
        tokio::try_join!(write, fill)?;
        full.clear();
        mem::swap(&mut full, &mut next);
    }
    Ok(Counts { pages: records.counts.pages, fetched: records.counts.fetched, ..written })
}

/// How batches are written.
struct Way<'a> {
    store: &'a Store,
    /// The table was empty when the sync began and no record has come twice: rows are inserted, without looking for those that
    /// are there. A sync that breaks off leaves rows, so the next one upserts and completes it.
    is_initial: bool,
}

impl Way<'_> {
    async fn write<T: Table>(&mut self, batch: &[T], run: &Run<'_>, counts: &mut Counts) -> Result<(), StoreError> {
        if self.is_initial {
            match self.store.insert(batch, run.started_at).await? {
                Some(rows) => {
                    counts.inserted += rows;
                    return Ok(());
                }
                // The list grew while it was read, or somebody else writes as well.
                None => self.is_initial = false,
            }
        }
        counts.upserted += self.store.upsert(batch, run.started_at).await?;
        Ok(())
    }
}
