//! The engine `sites`: which call stack made which block, for every allocation. What is live in all is counted by the same
//! `ledger` as without it; here the same bytes are told apart by the call stack that made them.
//!
//! # How
//! Each block carries the number of its stack behind its last byte (`footed`). A stack is had by following frame pointers, mostly
//! by seeing that it is still the last one (`walk`), and has its number from a table (`table`). What a stack made and freed is
//! added up by each thread for itself (`tally`), as in the ledger: plain instructions, no lock.
//!
//! # The peak
//! At the peak, every stack has what it has; but which moment was the peak is known only later. Instead of copying all stacks'
//! numbers at each new peak, peaks are numbered, and a tally puts aside what it had when it is first touched after one: whoever
//! was not touched since still has it. That a peak was passed has to be known before anything is freed after it. So each thread
//! looks, before it frees, whether it has been higher than when it last looked, or whether any thread has posted since; then it
//! has the ledger account for what is live, and if that is a new peak, numbers it.
//!
//! So sums over all stacks are to the byte what the ledger has while one thread is active: at the peak, live and in total. On
//! several, what the others do in the moment of the peak may be in it or not: as much as they may move without posting.

#[expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
mod footed;
#[expect(unsafe_code, reason = "reads the stack")]
mod stack;
mod table;
mod tally;
#[expect(unsafe_code, reason = "one thread's, in what every thread can see")]
mod walk;

use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU32, AtomicU64};

pub(crate) use self::footed::Footed;
use self::stack::Stack;
use self::table::MOST_SITES;
pub(crate) use self::table::Table;
use self::tally::Amounts;
pub(crate) use self::tally::Tally;
pub(crate) use self::walk::Walk;
use crate::slot::Slot;
use crate::thread::{LEDGER, with_slot};
use crate::zeroed::zeroed;

/// The environment variable that has a process count by call stack from its first allocation on, if it is set when that happens:
/// every block then has room for its site, so it cannot be chosen later. [`Engine::choose`](crate::Engine::choose) says whether it
/// works.
pub const SITES_VARIABLE: &str = match VARIABLE.to_str() {
    Ok(name) => name,
    Err(_) => unreachable!(),
};

pub(crate) const VARIABLE: &CStr = c"HIGHWATER_SITES";

/// Bytes and blocks; negative where more was freed in the window than made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Requested bytes.
    pub bytes: i64,
    /// Heap blocks.
    pub blocks: i64,
}

/// What one call stack allocated since the last [`Window`](crate::Window) opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStack {
    /// Where each function goes on when what it called returns, innermost first: one behind the call. Empty for what could not be
    /// told: made where no stack can be walked, or after there were 65,535 different stacks.
    pub addresses: Vec<usize>,
    /// Live at the peak, less what was live when the window opened.
    pub peak: Amount,
    /// Live now, less what was live when the window opened. A block belongs to who resized it last.
    pub retained: Amount,
    /// Made, freed or not; a reallocation adds what it grew by, and no block.
    pub total: Amount,
}

/// What a thread knows of call stacks. It is its slot's, and goes with that from thread to thread.
#[derive(Debug)]
pub(crate) struct ThreadSites {
    walk: Walk,
    /// The stacks that were met last, by their hashes, and their numbers.
    met: [Met; MET],
    /// How high the slot was, or may have been without a new peak, when this thread last looked.
    looked_up_to: AtomicI64,
    /// The ledger's posts by then.
    posts: AtomicU16,
    tallies: [Tally; MOST_SITES],
}

#[derive(Debug)]
struct Met {
    hash: AtomicU64,
    site: AtomicU32,
}

/// No more than stay in the processor's first cache.
const MET: usize = 1 << 10;

/// The number of the last peak. The opening of a window begins with one.
static PEAKS: AtomicU64 = AtomicU64::new(1);
/// The number that the last window's opening has.
static OPENING: AtomicU64 = AtomicU64::new(0);
/// The bytes of the last peak.
static PEAK_BYTES: AtomicI64 = AtomicI64::new(0);
/// Nothing is told apart any more.
static STOPPED: AtomicBool = AtomicBool::new(false);

fn table() -> &'static Table {
    static TABLE: OnceLock<&'static Table> = OnceLock::new();
    TABLE.get_or_init(zeroed)
}

impl ThreadSites {
    /// Those of the calling thread.
    fn of(slot: &Slot) -> &'static Self {
        slot.sites().get_or_init(zeroed)
    }

    /// The site of a stack by its hash.
    #[inline]
    fn site(&self, hash: u64) -> u32 {
        let met = &self.met[(hash >> 40) as usize % MET];
        if met.hash.load(Relaxed) == hash {
            return met.site.load(Relaxed);
        }
        let site = table().site(hash, &self.walk);
        met.site.store(site, Relaxed);
        met.hash.store(hash, Relaxed);
        site
    }

    #[inline]
    fn tally(&self, site: u32) -> Option<&Tally> {
        let tally = self.tallies.get(site as usize)?;
        tally.touch(PEAKS.load(Relaxed), OPENING.load(Relaxed));
        Some(tally)
    }

    /// Has a peak numbered, if there was one since the last look. `slot` is the calling thread's.
    #[inline]
    fn look(&self, slot: &Slot) {
        if slot.high() > self.looked_up_to.load(Relaxed) || LEDGER.posts() != self.posts.load(Relaxed) {
            self.account(slot);
        }
    }

    #[cold]
    fn account(&self, slot: &Slot) {
        let upper = LEDGER.upper_by_now(slot);
        if PEAK_BYTES.fetch_max(upper, Relaxed) < upper {
            PEAKS.fetch_add(1, Relaxed);
        }
        // Others cannot pass their ceilings without posting.
        let without_a_peak = upper.saturating_sub(LEDGER.ceilings_of_others(slot));
        self.looked_up_to.store(slot.look().bound.max(without_a_peak), Relaxed);
        self.posts.store(LEDGER.posts(), Relaxed);
    }
}

/// Called before a block is resized to fewer bytes.
fn before_a_fall() {
    with_slot(|slot| ThreadSites::of(slot).look(slot));
}

/// The site of the calling stack, and a block of this size for it.
#[inline(always)] // Each function less is a frame less to walk.
fn made(size: usize) -> u32 {
    at_the_calling_stack(|sites, site| {
        if let Some(tally) = sites.tally(site) {
            tally.made(size);
        }
    })
}

/// A block of this size of that site is freed: counts it, here and in the ledger.
#[inline]
fn freed(site: u32, size: usize) {
    with_slot(|slot| {
        let sites = ThreadSites::of(slot);
        sites.look(slot);
        // The ledger first: what it may have for a peak, the site has too.
        footed::count(size, 0);
        if !STOPPED.load(Relaxed)
            && let Some(tally) = sites.tally(site)
        {
            tally.freed(size);
        }
    });
}

/// A block of that site was resized: it is the calling stack's from now on.
#[inline(always)] // As above.
fn resized(site: u32, from: usize, to: usize) -> u32 {
    at_the_calling_stack(|sites, now| {
        if let Some(tally) = sites.tally(site) {
            tally.freed(from);
        }
        if let Some(tally) = sites.tally(now) {
            tally.taken(to, to.saturating_sub(from));
        }
    })
}

/// Has the site of the calling stack counted, and returns it. The stack is walked from the frame of the function that this is
/// compiled into.
#[inline(always)]
fn at_the_calling_stack(count: impl FnOnce(&ThreadSites, u32)) -> u32 {
    if STOPPED.load(Relaxed) {
        return table::NOBODY;
    }
    let frame = stack::frame_pointer();
    with_slot(|slot| {
        let sites = ThreadSites::of(slot);
        let site = sites.site(sites.walk.take(frame, Stack::of_this_thread()));
        count(sites, site);
        site
    })
}

/// A window was opened: the peak begins anew at what is live.
pub(crate) fn opened(live: i64) {
    PEAK_BYTES.store(live, Relaxed);
    OPENING.store(PEAKS.fetch_add(1, Relaxed) + 1, Release);
}

/// What each call stack allocated since the last window opened. None but with [`Engine::Sites`](crate::Engine::Sites).
///
/// From the first call on nothing is told apart any more, so that what is read is not changed by reading: every call says the
/// same. To be called once the threads whose work should be in it have been joined or heard from.
pub fn call_stacks() -> Option<Vec<CallStack>> {
    if crate::engine::chosen() != crate::Engine::Sites {
        return None;
    }
    if !STOPPED.load(Acquire) {
        with_slot(|slot| ThreadSites::of(slot).account(slot));
        STOPPED.store(true, Release);
    }
    let (peaks, opening) = (PEAKS.load(Relaxed), OPENING.load(Relaxed));
    let threads: Vec<&ThreadSites> = LEDGER.slots().filter_map(|slot| slot.sites().get().copied()).collect();
    let stacks = (0..table().len()).map(|site| {
        let tallies = threads.iter().map(|thread| thread.tallies[site].read(peaks, opening));
        let Amounts { peak, retained, total } = tallies.fold(Amounts::default(), Amounts::plus);
        CallStack { addresses: table().addresses(site), peak, retained, total }
    });
    Some(stacks.filter(CallStack::is_anything).collect())
}

impl CallStack {
    fn is_anything(&self) -> bool {
        [self.peak, self.retained, self.total] != [Amount::default(); 3]
    }
}

/// Whether this executable was built with frame pointers, which [`Engine::Sites`](crate::Engine::Sites) needs: follows those of a
/// recursion.
pub fn has_frame_pointers() -> bool {
    stack::frames_of_a_recursion_are_seen()
}
