//! What the slots of all threads add up to, and between which two numbers the peak of their sum lies. Which thread has which
//! slot is `thread`'s, what happens past the limit is `limit`'s.
//!
//! # Leeway
//! The live bytes of the process are the sum of the slots' `live`. A slot's owner adds to it without telling anybody, as long as
//! it stays within its *leeway* of where it last *posted*: between `floor` and `ceiling`. Leaving that range, it posts first, and
//! gets a range around where it is now. The ledger keeps the sum of all ceilings, so at every moment
//!
//! ```text
//! live bytes  <=  sum of `high`  <=  sum of `ceiling`
//! ```
//!
//! because a ceiling is added to the sum before `high` and `live` rise to it, and taken out after they fell.
//!
//! # The peak: an upper bound
//! A slot's `high` is the highest `live` since it was last *reset*: set down to `live`, by its owner, when it falls below its
//! floor ([`Ledger::fall`]) or ends. A fall stores the lower `live`, then raises [`Ledger::upper`] to the sum of every slot's
//! `high` (it *accounts*), unless the sum of ceilings shows that this raises nothing, and then resets. So:
//!
//! Let `t` be the moment at which the live bytes were at their most. A reset of a fall whose lower `live` was stored before `t`
//! takes nothing from `t`: its thread is busy falling, and its `live` at `t` is the one that `high` is set to. Take the first of
//! the other resets after `t`. Its thread looked at every slot after `t` and before any reset that takes something from `t`, so
//! it found every `high` at or above the `live` of `t`, and raised `upper` to the peak at least; or it found a sum of ceilings
//! that is not above `upper`, which then is at the peak already. If there is no such reset, the same holds for whoever reads the
//! peak, since reading accounts too.
//!
//! "Moment" is a place in the one order in which stores become visible to all other threads; every architecture that the
//! standard library supports has one, but POWER. The argument needs four orders. `high` becomes visible before the `live` that
//! needs it (`live` is stored with release, and looked at first, with acquire). A raised ceiling becomes visible before the
//! `high` and `live` that need it (it is added with acquire and release). The lower `live` of a fall becomes visible before its
//! thread looks at the others (a sequentially consistent fence). The reset becomes visible after that look (a release fence).
//!
//! # The peak: a lower bound
//! [`Ledger::lower`] is raised only to sums that were live at one moment. The number of a slot's operations tells whether it
//! stood still between two looks. If all others stood still since a slot's reset, they did so while it reached its `high`, so
//! the sum of both was live. If they stood still between two looks in a row, the sum of their `live` and the looking thread's
//! own was.
//!
//! # How far apart
//! Where one thread is active, `lower` and `upper` meet, because all others are seen to stand still. Otherwise each slot adds at
//! most `high - live <= ceiling - floor`, twice its leeway, to the upper bound. A look while bytes move from one slot to another
//! could meet them in both; such a move is posted if it is larger than the leeway, so a look during which there was a post is
//! repeated, up to [`LOOKS`] looks, of which the lowest sum counts. The leeway is given by [`Ledger::spread_leeway`].
//!
//! # Windows
//! A window forgets the peak before it, `high` included. Only owners write `high`, so whoever opens a window has the slots
//! *watched* instead: a floor above everything, so that the next fall is posted. Until then a slot has only grown, and is not
//! above the larger of its `live` at the opening and now. A thread that stands still is not taken for as high as it once was.
//!
//! # The limit
//! A ceiling is cut to what the other ceilings leave of the limit. Where nothing is left, the ceiling is where the thread
//! stands, so that all its growth is posted, and then the sum of `live` is compared with the limit: once the growth is visible,
//! so that of two threads that pass the limit together the second sees both. What can pass unseen is what other threads still
//! have below ceilings that they got before: nothing where one thread is active, at most twice their leeway each otherwise.

use std::alloc::{GlobalAlloc as _, Layout, System, handle_alloc_error};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicUsize, fence};

use crate::slot::{Numbers, Slot};
use crate::stamped::{Stamp, Stamped};

/// The slots of all threads that were, and what is known of their sum.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The newest slot; each knows the one before. None is ever freed.
    slots: AtomicPtr<Slot>,
    slot_count: AtomicUsize,
    /// Slots that a thread owns.
    threads: AtomicUsize,
    /// What a slot may move between two posts.
    leeway: AtomicI64,
    /// Live bytes that may not be passed.
    limit: AtomicI64,
    /// Called with the live bytes and the growth that took them over the limit.
    passed: fn(i64, i64),
    opening: Mutex<()>,
    /// A number that the live bytes have not been above since the last window opened, stamped with the window's number, the epoch.
    upper: Stamped,
    /// The most bytes that are known to have been live at once since then.
    lower: Stamped,
    /// The sum of all ceilings, stamped with the number of posts.
    ceilings: Apart<Stamped>,
}

/// Alone in its cache lines: what is written often is not beside what is read often.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// The leeway of all threads together is this part of the peak so far: then bounds that are apart by twice the leeway of each are
/// apart by 1/512.
const LEEWAY_OF_PEAK: i64 = 1 << 10;
/// Below this, a small heap spends its time with posting: of 1 KiB, a post each 2 to 16 blocks, measured as 1.2 times the time
/// without counting where 4 KiB were 1.1 times.
const LEAST_LEEWAY: i64 = 4 << 10;
/// Above this, a post costs nothing any more beside the bytes that it stands for.
const MOST_LEEWAY: i64 = 1 << 20;
/// How many looks at the other slots there are at most, when threads post meanwhile.
const LOOKS: usize = 4;
/// With more slots than this, a fall takes the sum of ceilings for the sum of `high` instead of looking at every slot: still an
/// upper bound, and within twice the leeway of each thread.
const SLOTS_LOOKED_AT: usize = 64;

/// What the slots other than one are like.
#[derive(Debug, Clone, Copy, Default)]
struct Others {
    live: i64,
    /// The sum of what they have not been above.
    bound: i64,
    /// Changes with every operation.
    mark: u64,
}

impl Ledger {
    pub(crate) const fn new(passed: fn(i64, i64)) -> Self {
        Self {
            slots: AtomicPtr::new(std::ptr::null_mut()),
            slot_count: AtomicUsize::new(0),
            threads: AtomicUsize::new(0),
            leeway: AtomicI64::new(LEAST_LEEWAY),
            limit: AtomicI64::new(i64::MAX),
            passed,
            opening: Mutex::new(()),
            upper: Stamped::new(),
            lower: Stamped::new(),
            ceilings: Apart(Stamped::new()),
        }
    }
}

/// Slots come and go.
impl Ledger {
    /// A slot for a thread that has none: one that a thread left, or a new one.
    pub(crate) fn claim(&self) -> &'static Slot {
        self.threads.fetch_add(1, Relaxed);
        self.spread_leeway();
        self.slots().find(|slot| slot.claim()).unwrap_or_else(|| self.add())
    }

    /// Takes a slot back from its owner. What it counted stays in the sum.
    pub(crate) fn release(&self, slot: &Slot) {
        self.reset(slot, 0, None);
        self.threads.fetch_sub(1, Relaxed);
        self.spread_leeway();
        slot.disown();
    }

    /// Not through the global allocator, which is what asks.
    fn add(&self) -> &'static Slot {
        const LAYOUT: Layout = Layout::new::<Slot>();
        // SAFETY: the layout is not empty.
        let place = unsafe { System.alloc(LAYOUT) }.cast::<Slot>();
        if place.is_null() {
            handle_alloc_error(LAYOUT);
        }
        // SAFETY: the memory is new, large enough and aligned.
        unsafe { place.write(Slot::new()) };
        // SAFETY: it holds a slot, nothing has a mutable reference to it, and it is never freed.
        let slot: &'static Slot = unsafe { &*place };
        let mut newest = self.slots.load(Relaxed);
        loop {
            slot.next().store(newest, Relaxed);
            match self.slots.compare_exchange_weak(newest, place, Release, Relaxed) {
                Ok(_) => break,
                Err(newer) => newest = newer,
            }
        }
        self.slot_count.fetch_add(1, Relaxed);
        slot
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &'static Slot> {
        std::iter::successors(reach(&self.slots), |slot| reach(slot.next()))
    }

    fn spread_leeway(&self) {
        let threads = self.threads.load(Relaxed).max(1) as i64;
        let leeway = (self.upper.load().bytes / LEEWAY_OF_PEAK / threads).clamp(LEAST_LEEWAY, MOST_LEEWAY);
        if leeway != self.leeway.load(Relaxed) {
            self.leeway.store(leeway, Relaxed);
        }
    }
}

/// The slot that a pointer of the list leads to.
fn reach(slot: &AtomicPtr<Slot>) -> Option<&'static Slot> {
    // SAFETY: the list holds null and slots that `Ledger::add` wrote before it published them; they are never freed.
    unsafe { slot.load(Acquire).as_ref() }
}

/// Slots post. `slot` is the caller's own.
impl Ledger {
    /// Grows a slot to `live`, which is above its ceiling.
    pub(crate) fn rise(&self, slot: &Slot, live: i64) {
        let by = live.wrapping_sub(slot.live());
        let leeway = self.leeway.load(Relaxed);
        let limit = self.limit.load(Acquire);
        let (before, ceiling) = (slot.ceiling(), self.ceiling(slot, live, leeway, limit));
        let ceilings = self.ceilings.0.add(ceiling.wrapping_sub(before)).bytes;
        slot.rise_to(live, ceiling, live.saturating_sub(leeway));
        if ceilings > limit {
            // Of two threads that come here together, the second sees the growth of both.
            fence(SeqCst);
            let live = self.live();
            if live > limit {
                (self.passed)(live, by);
            }
        }
    }

    /// Lets a slot fall to `live`, which is below its floor.
    pub(crate) fn fall(&self, slot: &Slot, live: i64) {
        // The lower bound wants the sum as it is before the fall.
        let others = if self.may_be_a_peak(slot) { self.account_at_reset(slot) } else { None };
        slot.fall_to(live);
        self.reset(slot, self.leeway.load(Relaxed), others);
    }

    /// Accounts for how high the slot was, and lets it begin anew. `others` is the mark of the other slots a moment before.
    fn reset(&self, slot: &Slot, leeway: i64, others: Option<u64>) {
        // What this thread counted is visible before it looks at what others did.
        fence(SeqCst);
        let others = if self.may_be_a_peak(slot) { self.account_at_reset(slot) } else { others };
        // The slot is reset after it was accounted for.
        fence(Release);
        let (live, before) = (slot.live(), slot.ceiling());
        let ceiling = self.ceiling(slot, live, leeway, self.limit.load(Relaxed));
        slot.reset(ceiling, live.saturating_sub(leeway));
        if let Some(others) = others {
            slot.note(others);
        }
        self.ceilings.0.add(ceiling.wrapping_sub(before));
    }

    /// The ceiling of a slot at `live`: its leeway above, or what the limit leaves of that.
    fn ceiling(&self, slot: &Slot, live: i64, leeway: i64, limit: i64) -> i64 {
        let left = limit.saturating_sub(self.ceilings_of_others(slot)).saturating_sub(live);
        live.saturating_add(left.clamp(0, leeway))
    }

    /// What the other slots cannot pass without posting.
    pub(crate) fn ceilings_of_others(&self, slot: &Slot) -> i64 {
        self.ceilings.0.load().bytes.wrapping_sub(slot.ceiling())
    }

    /// Whether the live bytes may have been above the upper bound since the slot was last reset.
    fn may_be_a_peak(&self, slot: &Slot) -> bool {
        self.ceilings_of_others(slot).wrapping_add(slot.look().bound) > self.upper.load().bytes
    }

    fn account_at_reset(&self, slot: &Slot) -> Option<u64> {
        if self.slot_count.load(Relaxed) <= SLOTS_LOOKED_AT {
            return Some(self.account(slot));
        }
        let Stamp { stamp, .. } = self.upper.load();
        let bytes = self.ceilings_of_others(slot).wrapping_add(slot.look().bound);
        self.raise_upper(Stamp { stamp, bytes });
        None
    }

    /// Raises both bounds of the peak to what they are by now. Returns the mark of the other slots.
    pub(crate) fn account(&self, slot: &Slot) -> u64 {
        let Stamp { stamp, .. } = self.upper.load();
        let mut posts = self.ceilings.0.load().stamp;
        let mut others = self.others(slot);
        let mut bound = others.bound;
        for _ in 1..LOOKS {
            let posts_before = std::mem::replace(&mut posts, self.ceilings.0.load().stamp);
            if posts == posts_before {
                break;
            }
            // Each look is an upper bound. The lowest one is the one that was interrupted the least.
            others = self.others(slot);
            bound = bound.min(others.bound);
        }
        let own = slot.look();
        self.raise_upper(Stamp { stamp, bytes: bound.wrapping_add(own.bound) });
        if !self.witness(slot, others, stamp) {
            let bytes = others.live.wrapping_add(own.live);
            if bytes > self.lower.load().bytes && self.others(slot).mark == others.mark {
                self.lower.raise(Stamp { stamp, bytes });
            }
        }
        others.mark
    }

    /// Raises the lower bound to the sum of the slot's `high` and the others' `live`, if the others are known to have stood still
    /// while the slot reached it. Any slot.
    fn witness(&self, slot: &Slot, others: Others, stamp: u16) -> bool {
        let (noted, high) = (slot.noted(), slot.high());
        let stood_still = noted == others.mark && !slot.watched();
        if stood_still {
            self.lower.raise(Stamp { stamp, bytes: others.live.wrapping_add(high) });
        }
        stood_still
    }

    fn raise_upper(&self, to: Stamp) {
        self.upper.raise(to);
        self.spread_leeway();
    }

    fn others(&self, slot: &Slot) -> Others {
        let mut others = Others::default();
        for other in self.slots().filter(|other| !std::ptr::eq(*other, slot)) {
            let look = other.look();
            others.live = others.live.wrapping_add(look.live);
            others.bound = others.bound.wrapping_add(look.bound);
            for word in [look.operations.0, look.live.cast_unsigned(), look.operations.1] {
                others.mark = mix(others.mark, word);
            }
        }
        others
    }
}

/// One step of a hash: an unequal word makes an unequal result.
fn mix(mark: u64, word: u64) -> u64 {
    (mark.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// What is asked of the whole.
impl Ledger {
    /// Opens a window: both bounds of the peak begin anew at what is live. Returns the numbers of this moment. `slot` is the
    /// caller's.
    pub(crate) fn open(&self, slot: &Slot) -> Numbers {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        self.slots().for_each(Slot::watch);
        // An owner that did not see that it is watched is seen in its `live`.
        fence(SeqCst);
        let live = self.slots().map(Slot::open).fold(0, i64::wrapping_add);
        self.reset(slot, self.leeway.load(Relaxed), None);
        slot.note(self.others(slot).mark);
        // The lower bound first: who sees the new epoch in the upper one finds both anew. Whoever began to account before that
        // raises the bounds of the old epoch, which changes nothing.
        self.lower.restart(live);
        self.upper.restart(live);
        self.spread_leeway();
        Numbers { live_bytes: live, ..self.numbers() }
    }

    /// The bytes between which the peak since the last window opened lies. `slot` is the caller's.
    pub(crate) fn peak(&self, slot: &Slot) -> (i64, i64) {
        fence(SeqCst);
        let Stamp { stamp, .. } = self.upper.load();
        self.account(slot);
        if self.slot_count.load(Relaxed) <= SLOTS_LOOKED_AT {
            for other in self.slots() {
                self.witness(other, self.others(other), stamp);
            }
        }
        let upper = self.upper.load().bytes;
        (self.lower.load().bytes.min(upper), upper)
    }

    /// The counters of all slots.
    pub(crate) fn numbers(&self) -> Numbers {
        self.slots().map(Slot::numbers).fold(Numbers::ZERO, Numbers::plus)
    }

    /// A mark that changes with every post.
    #[inline]
    pub(crate) fn posts(&self) -> u16 {
        self.ceilings.0.load().stamp
    }

    /// Raises the upper bound of the peak to what it is by now, and returns it. `slot` is the caller's.
    pub(crate) fn upper_by_now(&self, slot: &Slot) -> i64 {
        fence(SeqCst);
        self.account(slot);
        self.upper.load().bytes
    }

    /// Bytes live in all slots.
    pub(crate) fn live(&self) -> i64 {
        self.slots().map(Slot::live).fold(0, i64::wrapping_add)
    }

    /// Bytes that the slots take.
    pub(crate) fn footprint(&self) -> usize {
        self.slot_count.load(Relaxed) * size_of::<Slot>()
    }

    /// Sets the limit. `slot` is the caller's, and knows it at once; others by the time they have used up their leeway.
    pub(crate) fn limit(&self, slot: &Slot, limit: i64) {
        self.limit.store(limit, Release);
        self.reset(slot, self.leeway.load(Relaxed), None);
    }

    /// Lifts the limit and returns what it was.
    pub(crate) fn lift_limit(&self) -> i64 {
        self.limit.swap(i64::MAX, AcqRel)
    }

    pub(crate) fn limit_is_passed_by(&self, live: i64) -> bool {
        live > self.limit.load(Acquire)
    }
}

#[cfg(test)]
mod tests;
