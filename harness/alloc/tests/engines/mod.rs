//! One workload for every engine, in known operations: what an engine says is compared with what was done.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ptr::NonNull;
use std::sync::{Barrier, Mutex};
use std::thread;

use highwater_alloc::{Counts, Window};

/// What was done.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) live_bytes: i64,
    pub(crate) live_blocks: i64,
    pub(crate) peak_bytes: i64,
    pub(crate) total_bytes: i64,
    pub(crate) total_blocks: i64,
    pub(crate) reallocs: i64,
    /// What reallocations kept: the smaller of the old and the new size.
    pub(crate) kept_bytes: i64,
    blocks: Vec<Block>,
}

struct Block {
    address: NonNull<u8>,
    size: usize,
}

// SAFETY: a block is its owner's alone.
unsafe impl Send for Block {}

fn layout(size: usize) -> Layout {
    Layout::array::<u8>(size).unwrap()
}

impl Done {
    fn changed(&mut self, bytes: i64, blocks: i64) {
        self.live_bytes += bytes;
        self.live_blocks += blocks;
        self.peak_bytes = self.peak_bytes.max(self.live_bytes);
        self.total_bytes += bytes.max(0);
        self.total_blocks += blocks.max(0);
    }

    fn make(&mut self, size: usize) {
        // SAFETY: the layout is not empty.
        let address = NonNull::new(unsafe { alloc(layout(size)) }).unwrap();
        self.blocks.push(Block { address, size });
        self.changed(size as i64, 1);
    }

    /// The block that was made last.
    fn resize(&mut self, to: usize) {
        let block = self.blocks.last_mut().unwrap();
        let from = std::mem::replace(&mut block.size, to);
        // SAFETY: the block has this layout, and the new size is not 0.
        let moved = unsafe { realloc(block.address.as_ptr(), layout(from), to) };
        block.address = NonNull::new(moved).unwrap();
        self.changed(to as i64 - from as i64, 0);
        self.reallocs += 1;
        self.kept_bytes += from.min(to) as i64;
    }

    /// The block that was made last.
    fn free(&mut self) {
        let Block { address, size } = self.blocks.pop().unwrap();
        // SAFETY: the block has this layout and is not used again.
        unsafe { dealloc(address.as_ptr(), layout(size)) };
        self.changed(-(size as i64), -1);
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        while !self.blocks.is_empty() {
            self.free();
        }
    }
}

/// Each is a thread's turn. The first makes the peak, while no other has done anything: there the counting engine's is exact.
const TURNS: [fn(&mut Done); 4] = [
    |done| {
        (0..100).for_each(|number| done.make(1_000 + number));
        done.make(100);
        done.resize(3_000_000);
        done.resize(50_000);
        done.make(5_000_000);
        done.resize(1);
        done.resize(1);
    },
    |done| {
        (0..50).for_each(|_| done.free());
        done.make(7);
        done.resize(400_000);
    },
    |done| {
        for size in 1..1_000 {
            done.make(size);
            done.free();
        }
    },
    |done| {
        (0..20).for_each(|_| done.free());
        (0..30).for_each(|_| done.make(64));
        done.resize(2_000_000);
        done.resize(20);
    },
];

/// Runs the turns on threads of their own, one after the other, in a window. The threads begin before it and end after it, so
/// that it holds the turns alone.
pub(crate) fn run() -> (Option<Counts>, Done) {
    // Has room for all blocks, so that keeping them makes none.
    let done = Mutex::new(Done { blocks: Vec::with_capacity(1_000), ..Done::default() });
    let step = Barrier::new(TURNS.len() + 1);
    let counts = thread::scope(|scope| {
        let (done, step) = (&done, &step);
        let threads: Vec<_> = (0..TURNS.len())
            .map(|number| {
                scope.spawn(move || {
                    step.wait(); // All have begun.
                    for (turn, act) in TURNS.into_iter().enumerate() {
                        step.wait();
                        if turn == number {
                            act(&mut done.lock().unwrap());
                        }
                    }
                    step.wait(); // All turns are over.
                    step.wait(); // The counts have been read.
                })
            })
            .collect();
        step.wait();
        let window = Window::open();
        for _ in 0..=TURNS.len() {
            step.wait();
        }
        let counts = window.read();
        step.wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        counts
    });
    (counts, done.into_inner().unwrap())
}
