//! Locks between sessions: one writes at a time, in the order they asked; and Postgres's advisory locks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::{SqlError, SqlResult, state};

/// A session that waits longer is told so: on a real server two such transactions might not have met at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// SQLite lets one transaction write at a time. Sessions queue here, so that it never has to say "busy".
#[derive(Default)]
pub(super) struct WriteLock {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    holder: Option<i32>,
    waiting: VecDeque<i32>,
    closed: bool,
}

impl WriteLock {
    /// Waits for the session's turn.
    pub(super) fn acquire(&self, pid: i32) -> SqlResult<()> {
        self.acquire_within(pid, PATIENCE)
    }

    fn acquire_within(&self, pid: i32, patience: Duration) -> SqlResult<()> {
        let deadline = Instant::now() + patience;
        let mut queue = self.queue();
        queue.waiting.push_back(pid);
        loop {
            let free = queue.holder.is_none() && queue.waiting.front() == Some(&pid);
            if free && !queue.closed {
                queue.waiting.pop_front();
                queue.holder = Some(pid);
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || queue.closed {
                queue.waiting.retain(|waiting| *waiting != pid);
                self.changed.notify_all();
                return Err(waited_too_long("another session's transaction to end: one writes at a time here"));
            }
            queue = self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn release(&self, pid: i32) {
        let mut queue = self.queue();
        if queue.holder == Some(pid) {
            queue.holder = None;
            self.changed.notify_all();
        }
    }

    /// The sample is over: nobody gets it any more, and nobody waits.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_all();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn waited_too_long(what: &str) -> SqlError {
    let error = SqlError::new(state::LOCK_NOT_AVAILABLE, format!("waited {} s for {what}", PATIENCE.as_secs()));
    error.beyond(true)
}

/// `pg_advisory_lock` and its kin.
#[derive(Default)]
pub(super) struct AdvisoryLocks {
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Default)]
struct Held {
    locks: HashMap<i64, Holder>,
    closed: bool,
}

struct Holder {
    pid: i32,
    /// Taken until unlocked or the session's end, this often.
    by_session: u32,
    /// Taken until the transaction's end.
    by_transaction: bool,
}

impl AdvisoryLocks {
    /// Whether the lock was taken; waits for it if told to.
    pub(super) fn lock(&self, key: i64, pid: i32, wait: bool, transaction: bool) -> SqlResult<bool> {
        let deadline = Instant::now() + PATIENCE;
        let mut held = self.held();
        loop {
            if held.locks.get(&key).is_none_or(|holder| holder.pid == pid) {
                let holder = held.locks.entry(key).or_insert(Holder { pid, by_session: 0, by_transaction: false });
                holder.by_session += u32::from(!transaction);
                holder.by_transaction |= transaction;
                return Ok(true);
            }
            if !wait {
                return Ok(false);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || held.closed {
                return Err(waited_too_long(&format!("advisory lock {key}")));
            }
            held = self.changed.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the session held it.
    pub(super) fn unlock(&self, key: i64, pid: i32) -> bool {
        let mut held = self.held();
        let Some(holder) = held.locks.get_mut(&key).filter(|holder| holder.pid == pid && holder.by_session > 0) else {
            return false;
        };
        holder.by_session -= 1;
        if holder.by_session == 0 && !holder.by_transaction {
            held.locks.remove(&key);
            self.changed.notify_all();
        }
        true
    }

    /// Gives back what the session took: within the transaction only, or all of it that is not of the transaction.
    pub(super) fn release(&self, pid: i32, transaction: bool) {
        let mut held = self.held();
        for holder in held.locks.values_mut().filter(|holder| holder.pid == pid) {
            if transaction {
                holder.by_transaction = false;
            } else {
                holder.by_session = 0;
            }
        }
        held.locks.retain(|_, holder| holder.by_session > 0 || holder.by_transaction);
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.held().closed = true;
        self.changed.notify_all();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_the_write_lock_is_served_in_turn_or_told() {
        let lock = WriteLock::default();
        lock.acquire(1).unwrap();
        assert_eq!(lock.acquire_within(2, Duration::from_millis(5)).unwrap_err().state, "55P03");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lock.acquire(3));
            lock.release(1);
            waiting.join().unwrap().unwrap();
        });
        lock.close();
        assert!(lock.acquire(4).is_err());
    }

    #[test]
    fn an_advisory_lock_is_held_as_often_as_it_was_taken() {
        let locks = AdvisoryLocks::default();
        assert!(locks.lock(7, 1, false, false).unwrap());
        assert!(locks.lock(7, 1, false, false).unwrap());
        assert!(locks.lock(7, 1, false, true).unwrap());
        assert!(!locks.lock(7, 2, false, false).unwrap());
        assert!(locks.unlock(7, 1) && locks.unlock(7, 1) && !locks.unlock(7, 1));
        assert!(!locks.lock(7, 2, false, false).unwrap(), "the transaction still holds it");
        locks.release(1, true);
        assert!(locks.lock(7, 2, true, false).unwrap());
    }
}
