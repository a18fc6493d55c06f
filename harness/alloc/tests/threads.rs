//! Threads that come and go, and what they still do while they go: one test, since the counters are the process's.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "destructors of C are registered with C's functions")]

mod quiet;

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::{Mutex, mpsc};

use highwater_alloc::{Alloc, Window, footprint_bytes};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

const ROUNDS: usize = if cfg!(miri) { 3 } else { 400 };
const AT_ONCE: usize = 8;

/// What destructors made and others are to free. Has room for all of it.
static LEFT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// A thread-local whose destructor makes a block that stays, one that does not, and frees one that the thread made.
struct Leaves {
    size: usize,
    freed_at_exit: Vec<u8>,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        drop(black_box(vec![1_u8; 50_000]));
        LEFT.lock().unwrap().push(vec![1; self.size]);
        self.freed_at_exit = Vec::new();
    }
}

// Two, one of which is registered before the thread's first allocation, so that the allocator's own destructor runs between.
thread_local! {
    static EARLY: RefCell<Leaves> = const { RefCell::new(Leaves { size: 10, freed_at_exit: Vec::new() }) };
    static LATE: RefCell<Leaves> = const { RefCell::new(Leaves { size: 200, freed_at_exit: Vec::new() }) };
}

#[cfg(target_os = "linux")]
mod c {
    //! A destructor of C: it runs after those of thread-locals.
    use std::ffi::{c_int, c_uint, c_void};
    use std::hint::black_box;
    use std::ptr;
    use std::sync::OnceLock;

    unsafe extern "C" {
        fn pthread_key_create(key: *mut c_uint, destructor: Option<extern "C" fn(*mut c_void)>) -> c_int;
        fn pthread_setspecific(key: c_uint, value: *const c_void) -> c_int;
    }

    extern "C" fn destructor(_: *mut c_void) {
        drop(black_box(vec![1_u8; 70_000]));
        super::LEFT.lock().unwrap().push(vec![1; 3_000]);
    }

    pub(crate) const LEAVES: i64 = 3_000;

    pub(crate) fn register() {
        static KEY: OnceLock<c_uint> = OnceLock::new();
        let key = KEY.get_or_init(|| {
            let mut key = 0;
            // SAFETY: `key` can be written, and the destructor takes what C gives it.
            assert_eq!(unsafe { pthread_key_create(&raw mut key, Some(destructor)) }, 0);
            key
        });
        // SAFETY: the key was created. The value is only asked whether it is null.
        assert_eq!(unsafe { pthread_setspecific(*key, ptr::dangling()) }, 0);
    }
}

#[cfg(not(target_os = "linux"))]
mod c {
    //! Elsewhere without.
    pub(crate) const LEAVES: i64 = 0;
    pub(crate) fn register() {}
}

#[test]
fn thousands_of_threads_leave_what_they_left_and_no_slots() {
    quiet::wait();
    LEFT.lock().unwrap().reserve_exact(3 * ROUNDS * AT_ONCE);
    churn(1);
    LEFT.lock().unwrap().clear();

    let window = Window::open();
    let footprint = footprint_bytes();
    churn(ROUNDS);
    let counts = window.read().unwrap();
    let threads = (ROUNDS * AT_ONCE) as i64;
    let blocks = if c::LEAVES == 0 { 2 } else { 3 };
    assert_eq!(counts.retained_bytes, threads * (10 + 200 + c::LEAVES));
    assert_eq!(counts.retained_blocks, threads * blocks);
    assert!(counts.total_bytes > threads * 2 * 50_000, "{counts:?}");
    assert!(counts.peak.unwrap().bytes >= counts.retained_bytes, "{counts:?}");

    LEFT.lock().unwrap().clear();
    let counts = window.read().unwrap();
    assert_eq!((counts.retained_bytes, counts.retained_blocks), (0, 0));
    // A thread that is joined may not have ended when the next one begins, so one more for each is possible.
    let slots = footprint / 128;
    assert!(slots <= 2 + 2 * AT_ONCE as u64, "{slots} slots for {AT_ONCE} threads");
    assert!(footprint_bytes() <= 128 * (2 + 2 * AT_ONCE as u64), "{} bytes of slots", footprint_bytes());
}

fn churn(rounds: usize) {
    for _ in 0..rounds {
        let (send, receive) = mpsc::channel::<Vec<u8>>();
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let send = send.clone();
                std::thread::spawn(move || {
                    EARLY.with_borrow(|early| assert!(early.freed_at_exit.is_empty()));
                    c::register();
                    LATE.with_borrow_mut(|late| late.freed_at_exit = vec![1; 4_096]);
                    EARLY.with_borrow_mut(|early| early.freed_at_exit = vec![1; 100_000]);
                    // Freed by the thread that joins.
                    send.send(vec![1; 1_000 * number]).unwrap();
                })
            })
            .collect();
        drop(send);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(receive.iter().map(|block| block.len()).sum::<usize>(), (0..AT_ONCE).sum::<usize>() * 1_000);
    }
}
