//! The call stacks that were met in this process, each with a number.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Mutex, PoisonError};

use super::walk::Walk;

/// The number that no stack has.
pub(super) const NOBODY: u32 = u32::MAX;

/// How many different stacks are told apart. A sync worker with a database has some thousands.
pub(super) const MOST_SITES: usize = 1 << 16;

/// The site of what could not be told apart.
const UNKNOWN: u32 = 0;

/// How many addresses there is room for.
const ADDRESSES: usize = 1 << 22;

/// Twice as many places as sites, so that a free one is near.
const PLACES: usize = 2 * MOST_SITES;

/// Open addressing by hash. A stack is never taken out. Two stacks with one hash would be one site: of 65,536 stacks, one pair in
/// ten thousand million processes. All zero is an empty table; its pages are the system's until they are used.
#[derive(Debug)]
pub(crate) struct Table {
    hashes: [AtomicU64; PLACES],
    sites: [AtomicU32; PLACES],
    /// How many sites there are beside the unknown one.
    count: AtomicUsize,
    /// Where the addresses of a site end; they begin where those of the one before end.
    ends: [AtomicUsize; MOST_SITES],
    addresses: [AtomicUsize; ADDRESSES],
}

/// Held by who adds a stack.
static ADDING: Mutex<()> = Mutex::new(());

impl Table {
    /// The number of the stack that was just walked, which has this hash.
    pub(super) fn site(&self, hash: u64, walk: &Walk) -> u32 {
        if hash == 0 {
            return UNKNOWN;
        }
        self.find(hash).unwrap_or_else(|_| self.add(hash, walk))
    }

    /// Its number, or the place where it would be.
    fn find(&self, hash: u64) -> Result<u32, usize> {
        let mut place = (hash >> 40) as usize % PLACES;
        loop {
            match self.hashes[place].load(Acquire) {
                0 => return Err(place),
                found if found == hash => return Ok(self.sites[place].load(Relaxed)),
                _ => place = (place + 1) % PLACES,
            }
        }
    }

    #[cold]
    fn add(&self, hash: u64, walk: &Walk) -> u32 {
        let _one_at_a_time = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match self.find(hash) {
            Ok(site) => return site,
            Err(place) => place,
        };
        let site = self.count.load(Relaxed) + 1;
        let start = self.ends.get(site - 1).map_or(ADDRESSES, |end| end.load(Relaxed));
        if site >= MOST_SITES || start + walk.depth() > ADDRESSES {
            return UNKNOWN;
        }
        for (stored, address) in self.addresses[start..].iter().zip(walk.addresses()) {
            stored.store(address, Relaxed);
        }
        self.ends[site].store(start + walk.depth(), Relaxed);
        self.sites[place].store(site as u32, Relaxed);
        self.count.store(site, Release);
        self.hashes[place].store(hash, Release);
        site as u32
    }

    /// How many sites there are, the unknown one among them.
    pub(super) fn len(&self) -> usize {
        self.count.load(Acquire) + 1
    }

    /// The addresses of a site's stack, innermost first.
    pub(super) fn addresses(&self, site: usize) -> Vec<usize> {
        let start = site.checked_sub(1).map_or(0, |before| self.ends[before].load(Relaxed));
        self.addresses[start..self.ends[site].load(Relaxed)].iter().map(|address| address.load(Relaxed)).collect()
    }
}
