//! What a sync did, in numbers. The text of it is a view.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use crate::collection::Collection;
use crate::strategy::Strategy;

/// What one sync did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// How.
    pub strategy: Strategy,
    /// What it did with each collection, in the order of the sync.
    pub collections: Vec<(Collection, Counts)>,
}

/// What a sync did with one collection. Where a strategy does not tell things apart, it counts the coarser one:
/// `upserted` in place of `inserted`, `updated` and `unchanged`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pages read.
    pub pages: u64,
    /// Records on them.
    pub fetched: u64,
    /// Rows written without looking whether they were there.
    pub upserted: u64,
    /// Rows written that were not there.
    pub inserted: u64,
    /// Rows written that differed or were archived.
    pub updated: u64,
    /// Rows left as they were.
    pub unchanged: u64,
    /// Rows archived.
    pub archived: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests sent again.
    pub retries: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl SyncReport {
    /// The counts of one collection.
    pub fn of(&self, collection: Collection) -> Counts {
        self.collections.iter().find(|(it, _)| *it == collection).map(|(_, counts)| *counts).unwrap_or_default()
    }

    /// The sums over all collections.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for (_, counts) in &self.collections {
            total += *counts;
        }
        total
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.pages += other.pages;
        self.fetched += other.fetched;
        self.upserted += other.upserted;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.archived += other.archived;
        self.requests += other.requests;
        self.retries += other.retries;
        self.elapsed += other.elapsed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages, {} fetched", self.pages, self.fetched)?;
        for (count, what) in [
            (self.upserted, "upserted"),
            (self.inserted, "inserted"),
            (self.updated, "updated"),
            (self.unchanged, "unchanged"),
            (self.archived, "archived"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, ", {} requests, {} retries, {:.1} s", self.requests, self.retries, self.elapsed.as_secs_f64())
    }
}

impl fmt::Display for SyncReport {
    /// One line a collection, then the sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (collection, counts) in &self.collections {
            writeln!(f, "{collection}: {counts}")?;
        }
        write!(f, "{} sync: {}", self.strategy, self.total())
    }
}
