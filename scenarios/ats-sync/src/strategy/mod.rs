//! The ways to bring a collection from the API into the database. They differ in what is held in memory at once, and in
//! whether records that are gone are noticed.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::harvest::Harvest;
use crate::report::Counts;
use crate::store::{Store, Table};
use crate::worker::SyncError;

mod bounded;
mod paged;
mod reconcile;
mod upsert;

/// How a collection is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Every page and every row at once: writes what differs, archives what is gone. Holds the collection twice.
    Reconcile,
    /// Every page at once: writes them all, archives nothing. Holds the collection once.
    Upsert,
    /// One page after another: writes each and drops it, archives nothing. Holds one page.
    Paged,
    /// Pages are asked for ahead, decoded record by record as they arrive and written in small batches meanwhile; archives
    /// nothing. Holds two batches and what a few connections buffer.
    Bounded,
}

impl Strategy {
    /// Every strategy, the most demanding first.
    pub const ALL: [Self; 4] = [Self::Reconcile, Self::Upsert, Self::Paged, Self::Bounded];

    /// The name in `SYNC_STRATEGY` and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Upsert => "upsert",
            Self::Paged => "paged",
            Self::Bounded => "bounded",
        }
    }

    /// Syncs one collection. `requests`, `retries` and `elapsed` of the result are the caller's to fill in.
    pub(crate) async fn sync<T: Table>(self, run: &Run<'_>) -> Result<Counts, SyncError> {
        match self {
            Self::Reconcile => reconcile::sync::<T>(run).await,
            Self::Upsert => upsert::sync::<T>(run).await,
            Self::Paged => paged::sync::<T>(run).await,
            Self::Bounded => bounded::sync::<T>(run).await,
        }
    }
}

/// What every strategy needs of one sync.
pub(crate) struct Run<'a> {
    pub(crate) harvest: &'a Harvest,
    pub(crate) store: &'a Store,
    pub(crate) concurrency: Option<usize>,
    pub(crate) batch_bytes: usize,
    /// When the sync started: the time of everything that it writes.
    pub(crate) started_at: Timestamp,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name).ok_or_else(|| UnknownStrategy(name.to_owned()))
    }
}

/// A name that no strategy has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of reconcile, upsert, paged, bounded")]
pub struct UnknownStrategy(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_read_by_its_name() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.name().parse(), Ok(strategy));
        }
    }

    #[test]
    fn another_name_is_answered_with_those_there_are() {
        let error = "full".parse::<Strategy>().expect_err("no such strategy");
        assert_eq!(error.to_string(), "`full` is not one of reconcile, upsert, paged, bounded");
    }
}
