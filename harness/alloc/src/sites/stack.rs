//! The calling thread's stack as memory: where it is, and the frames in it. Which functions they are of is `walk`'s.
//!
//! With `-C force-frame-pointers=yes` each function begins by saving its caller's frame pointer below its return address, and has
//! its own point there. Functions of C may be built otherwise and keep anything in that register: what is read is checked to be
//! in the stack before it is followed, so it can lead to functions that did not call, but never outside.

use std::arch::asm;
use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;

/// What a frame pointer points to: the caller's frame pointer, and where the caller goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) next: usize,
    pub(super) caller: usize,
}

/// From the lowest address to behind the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stack {
    low: usize,
    pub(super) high: usize,
}

const WORD: usize = size_of::<usize>();

/// No code is so low.
const LOWEST_CODE: usize = 4096;

thread_local! {
    /// Neither lazy nor with a destructor, as [`SLOT`](crate::thread).
    static STACK: Cell<Stack> = const { Cell::new(Stack { low: 0, high: 0 }) };
}

impl Stack {
    /// Empty where it cannot be told.
    #[inline]
    pub(super) fn of_this_thread() -> Self {
        let stack = STACK.get();
        if stack.high != 0 { stack } else { find() }
    }

    /// Whether frames at this address and above can be read.
    pub(super) fn holds(self, frame: usize) -> bool {
        self.low <= frame && frame < self.high
    }

    /// What a frame pointer points to, if it is above `below` and can be one. `below` is an address of the calling thread's stack,
    /// which this is, and in use.
    #[inline]
    pub(super) fn link(self, frame: usize, below: usize) -> Option<Link> {
        let fits = frame > below && frame.is_multiple_of(WORD) && frame.saturating_add(2 * WORD) <= self.high;
        if !fits {
            return None;
        }
        let link = read(frame);
        (link.caller >= LOWEST_CODE).then_some(link)
    }
}

/// What is where a frame pointer points to. Only for what [`Stack::link`] found to be in the calling thread's stack.
#[inline]
pub(super) fn read(frame: usize) -> Link {
    // SAFETY: both words are aligned and in the part of the stack that is in use, which nobody else writes to.
    let [next, caller] = unsafe { ptr::read(ptr::with_exposed_provenance::<[usize; 2]>(frame)) };
    Link { next, caller }
}

/// The frame pointer of the function that this is compiled into.
#[inline(always)]
pub(super) fn frame_pointer() -> usize {
    let frame: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: copies a register.
    unsafe {
        asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: copies a register.
    unsafe {
        asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags));
    }
    frame
}

#[cold]
fn find() -> Stack {
    let stack = ask().unwrap_or(Stack { low: usize::MAX, high: usize::MAX });
    STACK.set(stack);
    stack
}

fn ask() -> Option<Stack> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: always succeeds.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: the thread lives, and there is room for the attributes.
    if unsafe { libc::pthread_getattr_np(this, attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    let (mut low, mut size) = (ptr::null_mut::<c_void>(), 0);
    // SAFETY: the attributes were written.
    let answer = unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size) };
    // SAFETY: they are, and not used again.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    (answer == 0).then(|| Stack { low: low.addr(), high: low.addr().saturating_add(size) })
}

/// Whether following frame pointers from the innermost of functions that call each other meets each of them.
pub(super) fn frames_of_a_recursion_are_seen() -> bool {
    const DEPTH: usize = 8;

    #[inline(never)]
    fn descend(depth: usize) -> usize {
        let seen = if depth == 0 { same_callers() } else { descend(depth - 1) };
        // Something to do after the call, or there would be no frame.
        black_box(seen)
    }

    /// How many functions in a row go on at the same place.
    #[inline(never)]
    fn same_callers() -> usize {
        let stack = Stack::of_this_thread();
        let mut below = frame_pointer();
        let Some(innermost) = stack.link(below, below - 1) else { return 0 };
        // Goes on in the innermost `descend`, at its other call.
        let mut frame = innermost.next;
        let mut before = None;
        let mut same = 0;
        while let Some(link) = stack.link(frame, below) {
            if before.is_some_and(|before| before != link.caller) {
                break;
            }
            before = Some(link.caller);
            same += 1;
            (below, frame) = (frame, link.next);
        }
        same
    }

    descend(black_box(DEPTH)) == DEPTH
}
