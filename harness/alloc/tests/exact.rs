//! The bounds of the peak, compared with exact counters that run beside them, under schedules that are hard on them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unsafe_code, reason = "an allocator beside the allocator")]

mod quiet;

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Barrier, mpsc};
use std::thread;

use highwater_alloc::{Alloc, Counts, Window};

/// One counter for all threads. Its peak is taken from each thread's own addition, so it is a number that it really had.
struct Exact {
    live: AtomicI64,
    /// Windows opened.
    epoch: AtomicI64,
    /// The epoch above 48 bits of peak, so that what was added before a window opened does not count in it.
    peak: AtomicI64,
    /// Which window an addition counts in that is under way when the next one opens: the old, or the new.
    narrow: bool,
}

/// Is at or above what [`Alloc`] has counted at every moment: told of growth before, of falls after it.
static ABOVE: Exact = Exact::new(false);
/// Is at or below it at every moment: told of growth after, of falls before it.
static BELOW: Exact = Exact::new(true);

struct Both(Alloc);

#[global_allocator]
static ALLOC: Both = Both(Alloc::new());

impl Exact {
    const fn new(narrow: bool) -> Self {
        Self { live: AtomicI64::new(0), epoch: AtomicI64::new(0), peak: AtomicI64::new(0), narrow }
    }

    fn add(&self, bytes: i64) {
        let before = self.epoch.load(SeqCst);
        let live = self.live.fetch_add(bytes, SeqCst) + bytes;
        let epoch = if self.narrow { before } else { self.epoch.load(SeqCst) };
        self.peak.fetch_max((epoch << 48) + live.max(0), SeqCst);
    }

    fn begin_peak(&self) {
        let epoch = self.epoch.fetch_add(1, SeqCst) + 1;
        self.peak.fetch_max((epoch << 48) + self.live.load(SeqCst), SeqCst);
    }

    fn peak(&self) -> i64 {
        self.peak.load(SeqCst) & ((1 << 48) - 1)
    }
}

/// Tells both counters of a change around `act`, each at its time.
fn around<R>(change: i64, act: impl FnOnce() -> R) -> R {
    let (first, last) = if change > 0 { (&ABOVE, &BELOW) } else { (&BELOW, &ABOVE) };
    first.add(change);
    let result = act();
    last.add(change);
    result
}

// SAFETY: forwards everything unchanged to `Alloc`, a `GlobalAlloc`.
unsafe impl GlobalAlloc for Both {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        around(layout.size() as i64, || unsafe { self.0.alloc(layout) })
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        around(-(layout.size() as i64), || unsafe { self.0.dealloc(block, layout) });
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        around(layout.size() as i64, || unsafe { self.0.alloc_zeroed(layout) })
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        around(new_size as i64 - layout.size() as i64, || unsafe { self.0.realloc(block, layout, new_size) })
    }
}

/// A window of each counter. That of `ABOVE` is the widest, that of `BELOW` the narrowest.
struct Windows {
    window: Window,
}

impl Windows {
    fn open() -> Self {
        ABOVE.begin_peak();
        let window = Window::open();
        BELOW.begin_peak();
        Self { window }
    }

    /// Checks the bounds of up to `threads` active threads whose operations are up to `largest` bytes.
    fn check(&self, what: &str, threads: i64, largest: i64) -> Counts {
        let below = BELOW.peak();
        let counts = self.window.read().unwrap();
        let above = ABOVE.peak();
        let peak = counts.peak.unwrap();
        let most = peak.bytes + self.window.live_at_open().unwrap().cast_signed();
        let least = most - peak.slack_bytes;
        assert!(below <= most, "{what}: {most} is not above the peak, which was {below} at least");
        assert!(least <= above, "{what}: {least} were never live, {above} at most");
        let leeway = (most / 1024).clamp(4_096, 1 << 20);
        let slack = most - above;
        assert!(slack <= threads * (2 * leeway + largest), "{what}: {most} is {slack} above the peak");
        counts
    }
}

/// Runs `work` on threads of its own, each with its number. They are joined one by one: a scope alone does not wait for the
/// destructors of their thread-locals.
fn on_threads(threads: usize, work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Fewer rounds where an interpreter runs them.
fn rounds(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(1_000) } else { count }
}

/// One test function: a second one would run beside the first and allocate in its windows.
#[test]
fn the_peak_is_between_the_bounds_under_schedules_that_are_hard_on_them() {
    quiet::wait();
    one_thread_is_exact();
    another_thread_alone_is_exact();
    growth_within_the_leeway_at_the_same_moment();
    growth_in_turns();
    bursts();
    made_here_and_freed_there();
    large_blocks_from_hand_to_hand();
    windows_that_open_while_threads_run();
    threads_that_come_and_go();
}

fn one_thread_is_exact() {
    for round in 0..rounds(1_000) {
        let windows = Windows::open();
        let kept: Vec<_> = (0..round % 50).map(|i| black_box(vec![1_u8; 1 + i * 37 % 9_000])).collect();
        drop(black_box(vec![1_u8; 10_000]));
        drop(kept);
        let counts = windows.check("one thread", 0, 0);
        assert_eq!(counts.peak.unwrap().slack_bytes, 0);
        assert_eq!(counts.retained_bytes, 0);
    }
}

/// The thread that opens and reads stands still, and has been higher than it is.
fn another_thread_alone_is_exact() {
    let (ready, go, done) = (Barrier::new(2), Barrier::new(2), Barrier::new(2));
    on_threads(2, |number| {
        for round in 0..rounds(1_000) {
            if number == 0 {
                drop(black_box(vec![1_u8; 3_000]));
                ready.wait();
                let windows = Windows::open();
                go.wait();
                done.wait();
                assert_eq!(windows.check("another thread", 0, 0).peak.unwrap().slack_bytes, 0);
            } else {
                drop(black_box(vec![1_u8; 2_000]));
                ready.wait();
                go.wait();
                let kept = black_box(vec![1_u8; 1 + round * 101 % 30_000]);
                drop(black_box(vec![1_u8; 1 + round * 7 % 3_000]));
                drop(kept);
                done.wait();
            }
        }
    });
}

/// No thread ever leaves its leeway, and all are at their height at once: with the bytes of each thread's own view, the peak
/// would be four times too low.
fn growth_within_the_leeway_at_the_same_moment() {
    const THREADS: usize = 4;
    let (up, down) = (Barrier::new(THREADS), Barrier::new(THREADS));
    let windows = Windows::open();
    on_threads(THREADS, |_| {
        for _ in 0..rounds(500) {
            let block = black_box(vec![1_u8; 4_000]);
            up.wait();
            drop(block);
            down.wait();
        }
    });
    let counts = windows.check("the same moment", 4, 4_000);
    assert!(counts.peak.unwrap().bytes >= 16_000, "{counts:?}");
}

/// Each thread is high while the others are low, so the sum of heights is far above the peak.
fn growth_in_turns() {
    const THREADS: usize = 4;
    let turn = Barrier::new(THREADS);
    let windows = Windows::open();
    on_threads(THREADS, |number| {
        for round in 0..rounds(2_000) {
            if round % THREADS == number {
                drop(black_box(vec![1_u8; 300_000]));
            }
            turn.wait();
        }
    });
    windows.check("in turns", 5, 10_000);
}

fn bursts() {
    for (blocks, size) in [(512, 64), (100, 3_000), (20, 200_000)] {
        let windows = Windows::open();
        on_threads(3, |number| {
            for round in 0..rounds(300) {
                let sizes = (0..blocks).map(|i| 1 + (i * 7_919 + round * 31 + number) % size);
                let kept: Vec<_> = sizes.map(|size| black_box(vec![1_u8; size])).collect();
                drop(kept);
            }
        });
        windows.check("bursts", 4, size as i64);
    }
}

fn made_here_and_freed_there() {
    for depth in [1, 16, 1_000] {
        let windows = Windows::open();
        let (send, receive) = mpsc::sync_channel::<Vec<Box<[u8; 500]>>>(depth);
        let consumer = thread::spawn(move || receive.into_iter().for_each(drop));
        let producer = thread::spawn(move || {
            for _ in 0..rounds(3_000) {
                send.send((0..10).map(|_| black_box(Box::new([1; 500]))).collect()).unwrap();
            }
        });
        producer.join().unwrap();
        consumer.join().unwrap();
        let counts = windows.check("producer and consumer", 3, 500 * 10);
        assert_eq!((counts.retained_bytes, counts.retained_blocks), (0, 0));
    }
}

/// Bytes that are in two slots at once for whoever looks at one before and at the other after the move.
fn large_blocks_from_hand_to_hand() {
    const LARGE: usize = 1 << 20;
    let windows = Windows::open();
    let (send, receive) = mpsc::sync_channel::<Vec<u8>>(0);
    let receiver = thread::spawn(move || {
        for mut block in receive {
            block.shrink_to(1_000);
            drop(black_box(vec![1_u8; 5_000]));
            drop(block);
        }
    });
    for _ in 0..rounds(1_000) {
        send.send(black_box(Vec::with_capacity(LARGE))).unwrap();
    }
    drop(send);
    receiver.join().unwrap();
    windows.check("from hand to hand", 3, LARGE as i64);
}

fn windows_that_open_while_threads_run() {
    /// Ends the others, also when a check fails.
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(false, SeqCst);
        }
    }
    let running = AtomicBool::new(true);
    on_threads(4, |number| {
        if number == 0 {
            let _ends = Ends(&running);
            for _ in 0..rounds(3_000) {
                let windows = Windows::open();
                drop(black_box(vec![1_u8; 10_000]));
                windows.check("windows while threads run", 4, 20_000);
            }
        }
        let mut kept = Vec::new();
        while running.load(SeqCst) {
            kept.push(black_box(vec![1_u8; 1 + (kept.len() * 997 + number) % 20_000]));
            if kept.len() > 40 {
                kept.clear();
            }
        }
    });
}

fn threads_that_come_and_go() {
    let windows = Windows::open();
    for _ in 0..rounds(200) {
        on_threads(4, |number| drop(black_box(vec![1_u8; 1_000 * (number + 1)])));
    }
    windows.check("threads that come and go", 5, 4_000);
}
