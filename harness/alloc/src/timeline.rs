//! Live bytes over time, in bounded memory: looked at where a thread posts to the ledger anyway, so that a process that does not
//! move needs no looks, and there is no thread that samples.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize};
use std::time::Instant;

/// How much was live at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since [`begin_timeline`].
    pub micros: u64,
    /// Bytes live in the whole process.
    pub live_bytes: u64,
}

const MOMENTS: usize = 512;

static TIMELINE: Timeline = Timeline::new();

#[derive(Debug)]
struct Timeline {
    began: OnceLock<Instant>,
    /// Somebody is writing: whoever comes meanwhile leaves it at that.
    busy: AtomicBool,
    posts: AtomicU64,
    /// Of so many posts, one is looked at: 1, then twice as many whenever the memory is full.
    stride: AtomicU64,
    count: AtomicUsize,
    micros: [AtomicU64; MOMENTS],
    bytes: [AtomicI64; MOMENTS],
}

/// Begins to remember how much is live over time. To be called once; nothing is remembered before.
pub fn begin_timeline() {
    TIMELINE.began.get_or_init(Instant::now);
}

/// What was live over time since [`begin_timeline`], in order: at most 512 moments, closer together where more moved. Between two
/// moments the live bytes may have been higher and lower; their highest number is the peak. None under another
/// [`Engine`](crate::Engine) than this crate's own.
pub fn timeline() -> Vec<Moment> {
    TIMELINE.read()
}

/// A thread has posted; `live` are the bytes live by now. Allocates nothing.
pub(crate) fn posted(live: impl FnOnce() -> i64) {
    if let Some(began) = TIMELINE.began.get() {
        TIMELINE.posted(live, || u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
}

impl Timeline {
    const fn new() -> Self {
        Self {
            began: OnceLock::new(),
            busy: AtomicBool::new(false),
            posts: AtomicU64::new(0),
            stride: AtomicU64::new(1),
            count: AtomicUsize::new(0),
            micros: [const { AtomicU64::new(0) }; MOMENTS],
            bytes: [const { AtomicI64::new(0) }; MOMENTS],
        }
    }

    fn posted(&self, live: impl FnOnce() -> i64, micros: impl FnOnce() -> u64) {
        let post = self.posts.fetch_add(1, Relaxed);
        if !post.is_multiple_of(self.stride.load(Relaxed)) || self.busy.swap(true, Acquire) {
            return;
        }
        if self.count.load(Relaxed) == MOMENTS {
            self.halve();
        }
        let count = self.count.load(Relaxed);
        self.micros[count].store(micros(), Relaxed);
        self.bytes[count].store(live(), Relaxed);
        self.count.store(count + 1, Release);
        self.busy.store(false, Release);
    }

    /// Of each two moments, keeps the higher one.
    fn halve(&self) {
        for i in 0..MOMENTS / 2 {
            let bytes = [2 * i, 2 * i + 1].map(|i| self.bytes[i].load(Relaxed));
            let higher = 2 * i + usize::from(bytes[1] > bytes[0]);
            self.micros[i].store(self.micros[higher].load(Relaxed), Relaxed);
            self.bytes[i].store(self.bytes[higher].load(Relaxed), Relaxed);
        }
        self.count.store(MOMENTS / 2, Relaxed);
        self.stride.store(self.stride.load(Relaxed) * 2, Relaxed);
    }

    fn read(&self) -> Vec<Moment> {
        // Before anything is looked at, since it is an allocation itself.
        let mut moments = Vec::with_capacity(MOMENTS);
        while self.busy.swap(true, Acquire) {
            std::hint::spin_loop();
        }
        moments.extend((0..self.count.load(Relaxed)).map(|i| Moment {
            micros: self.micros[i].load(Relaxed),
            live_bytes: self.bytes[i].load(Relaxed).max(0).cast_unsigned(),
        }));
        self.busy.store(false, Release);
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(posts: u64, live: impl Fn(u64) -> i64) -> Vec<Moment> {
        let timeline = Timeline::new();
        for post in 0..posts {
            timeline.posted(|| live(post), || post);
        }
        timeline.read()
    }

    #[test]
    fn few_posts_are_kept_each() {
        let moments = recorded(512, |post| 2 * post as i64);
        assert_eq!(moments.len(), 512);
        assert_eq!(moments[511], Moment { micros: 511, live_bytes: 1_022 });
    }

    #[test]
    fn many_posts_are_kept_at_equal_distances_and_in_order() {
        for posts in [513, 2_000, 100_000] {
            let moments = recorded(posts, |_| 7);
            assert!((256..=512).contains(&moments.len()), "{posts}: {}", moments.len());
            assert!(moments.is_sorted_by_key(|moment| moment.micros));
            let distance = moments.windows(2).map(|pair| pair[1].micros - pair[0].micros).max().unwrap();
            assert!(distance <= posts / 128, "{posts}: {distance}");
        }
    }

    #[test]
    fn of_two_moments_that_become_one_the_higher_stays() {
        let moments = recorded(600, |post| if post == 301 { 1_000_000 } else { 1 });
        assert!(moments.contains(&Moment { micros: 301, live_bytes: 1_000_000 }));
    }

    #[test]
    fn a_look_while_another_thread_writes_is_left_out() {
        let timeline = Timeline::new();
        timeline.posted(
            || 1,
            || {
                timeline.posted(|| 2, || 2);
                1
            },
        );
        assert_eq!(timeline.read(), [Moment { micros: 1, live_bytes: 1 }]);
    }
}
