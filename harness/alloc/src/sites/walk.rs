//! The call stack of an allocation, by its hash: found by following frame pointers, as far as it is not the last one again. What a
//! stack is numbered with is `table`'s.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use super::stack::{Stack, read};

/// How many functions of a stack are told apart, innermost first. Deeper recursions are cut off at their outer end.
const DEPTH: usize = 256;

/// The stack that a thread walked last, outermost function first. Only the thread that owns it calls its functions. All zero is
/// none.
#[derive(Debug)]
pub(crate) struct Walk {
    depth: AtomicUsize,
    /// Where the stack ends: on another, nothing of it is known.
    high: AtomicUsize,
    frames: [Frame; DEPTH],
}

#[derive(Debug)]
struct Frame {
    /// The frame pointer.
    at: AtomicUsize,
    /// Where the caller goes on.
    caller: AtomicUsize,
    /// Of this and all outer callers.
    hash: AtomicU64,
}

impl Frame {
    fn at(&self) -> usize {
        self.at.load(Relaxed)
    }

    fn caller(&self) -> usize {
        self.caller.load(Relaxed)
    }
}

impl Walk {
    /// Walks the calling thread's stack from a frame of a function that has not returned. Returns a hash of where each caller
    /// goes on; 0 if there is none.
    ///
    /// One allocation's stack is mostly that of the one before but for its inner end. So frame pointers are followed only to the
    /// first frame that was there before and has the same caller; that the outer ones are the same too is checked by reading each
    /// of them where it was, which, unlike following, does not wait for one read after the other.
    #[inline]
    pub(super) fn take(&self, frame: usize, stack: Stack) -> u64 {
        if !stack.holds(frame) {
            // A stack that somebody else made: nothing says where it ends.
            self.depth.store(0, Relaxed);
            return 0;
        }
        let mut known = if self.high.load(Relaxed) == stack.high { self.depth.load(Relaxed) } else { 0 };
        self.high.store(stack.high, Relaxed);
        let (mut at, mut below) = (frame, frame - 1);
        let mut new = 0;
        let mut is_verified = false;
        loop {
            let Some(link) = stack.link(at, below) else {
                known = 0;
                break;
            };
            while known > 0 && self.frames[known - 1].at() < at {
                known -= 1;
            }
            if known > 0 && self.frames[known - 1].at() == at && self.frames[known - 1].caller() == link.caller {
                if !is_verified {
                    (known, is_verified) = (self.verified(known), true);
                }
                if known > 0 && self.frames[known - 1].at() == at {
                    break;
                }
            }
            if new == DEPTH {
                return self.innermost(frame);
            }
            new += 1;
            (at, below) = (link.next, at);
        }
        if known + new > DEPTH {
            return self.innermost(frame);
        }
        self.write(frame, known, new)
    }

    /// How many of the first `known` frames are there as they were, from the outermost on.
    #[inline]
    fn verified(&self, known: usize) -> usize {
        let frames = &self.frames[..known];
        let is_other = |inner: &Frame, outer: &Frame| {
            let link = read(inner.at());
            (link.next ^ outer.at()) | (link.caller ^ inner.caller())
        };
        let outermost = read(frames[0].at()).caller ^ frames[0].caller();
        let others = frames.windows(2).fold(outermost, |other, pair| other | is_other(&pair[1], &pair[0]));
        if others == 0 {
            return known;
        }
        if outermost != 0 {
            return 0;
        }
        1 + frames.windows(2).take_while(|pair| is_other(&pair[1], &pair[0]) == 0).count()
    }

    /// Writes the `new` innermost frames behind `known` ones.
    #[inline]
    fn write(&self, frame: usize, known: usize, new: usize) -> u64 {
        let depth = known + new;
        let mut at = frame;
        for place in self.frames[known..depth].iter().rev() {
            let link = read(at);
            place.at.store(at, Relaxed);
            place.caller.store(link.caller, Relaxed);
            at = link.next;
        }
        let mut hash = known.checked_sub(1).map_or(0, |outer| self.frames[outer].hash.load(Relaxed));
        for place in &self.frames[known..depth] {
            hash = mix(hash, place.caller());
            place.hash.store(hash, Relaxed);
        }
        self.depth.store(depth, Relaxed);
        hash
    }

    /// Of a stack that is too deep, its inner end, and nothing to go on from. There are `DEPTH` frames from this one on.
    #[cold]
    fn innermost(&self, frame: usize) -> u64 {
        let hash = self.write(frame, 0, DEPTH);
        self.high.store(0, Relaxed);
        hash
    }

    pub(super) fn depth(&self) -> usize {
        self.depth.load(Relaxed)
    }

    /// Where each caller goes on, innermost first.
    pub(super) fn addresses(&self) -> impl Iterator<Item = usize> {
        self.frames[..self.depth()].iter().rev().map(Frame::caller)
    }
}

/// A hash that is never 0 of an outer hash and one more caller.
#[inline]
fn mix(hash: u64, caller: usize) -> u64 {
    (hash.rotate_left(5) ^ caller as u64).wrapping_mul(0x517c_c1b7_2722_0a95) | 1
}

#[cfg(test)]
#[cfg(not(miri))] // It does not run assembly.
mod tests {
    use std::hint::black_box;

    use super::super::stack::frame_pointer;
    use super::*;
    use crate::zeroed::zeroed;

    /// Takes the stack from so many calls further in.
    #[inline(never)]
    fn descend(calls: usize, take: &mut dyn FnMut(usize, Stack)) {
        if calls == 0 {
            take(frame_pointer(), Stack::of_this_thread());
        } else {
            descend(calls - 1, take);
        }
        // Something to do after the call, or there would be no frame.
        black_box(calls);
    }

    #[test]
    fn a_stack_is_the_same_whichever_was_walked_before_it() {
        let walk: &Walk = zeroed();
        for calls in [10, 3, 200, 0, 240, 255, 256, 300, 250, 300, 301, 255, 20, 1_000, 20] {
            descend(calls, &mut |frame, stack| {
                let fresh: &Walk = zeroed();
                assert_eq!(walk.take(frame, stack), fresh.take(frame, stack), "{calls} calls");
                assert!(walk.addresses().eq(fresh.addresses()), "{calls} calls");
                assert_eq!(walk.take(frame, stack), fresh.take(frame, stack), "{calls} calls, and once more");
            });
        }
    }
}
