//! The call stack of an allocation, by its hash: found by following frame pointers, as far as it is not the last one again. What a
//! stack is numbered with is `table`'s.

use std::cell::Cell;

use super::stack::{Link, Stack, read};

/// How many functions of a stack are told apart, innermost first. Deeper recursions are cut off at their outer end.
const DEPTH: usize = 256;

/// The stack that a thread walked last, outermost function first. Only the thread that owns it calls its functions. All zero is
/// none.
#[derive(Debug)]
pub(crate) struct Walk {
    depth: Cell<usize>,
    /// Where the stack ends: on another, nothing of it is known.
    high: Cell<usize>,
    /// The frame pointers.
    at: [Cell<usize>; DEPTH],
    /// What they pointed to.
    links: [Cell<Link>; DEPTH],
    /// Of each function and all outer ones.
    hashes: [Cell<u64>; DEPTH],
    /// Where among these a frame pointer was last, by the pointer.
    places: [Cell<u8>; PLACES],
    /// The frames of the walk that is under way, innermost first.
    new: [Cell<(usize, Link)>; DEPTH],
}

/// Frame pointers are apart by multiples of 16 bytes, and most stacks are shorter than that many of them.
const PLACES: usize = 1 << 10;

// SAFETY: only the thread that owns the slot that this belongs to calls its functions, and a slot goes from one thread to the next by
// an atomic that orders what both do.
unsafe impl Sync for Walk {}

impl Walk {
    /// Walks the calling thread's stack from a frame of a function that has not returned. Returns a hash of where each caller
    /// goes on; 0 if there is none.
    ///
    /// One allocation's stack is mostly that of the one before but for its inner end. So frame pointers are followed only to the
    /// first frame that was there before and has the same caller; that the outer ones are the same too is checked by reading each
    /// of them where it was, which, unlike following, does not wait for one read after the other. Each loop is one that the
    /// processor cannot foresee the end of, so there are three: following, checking, writing.
    #[inline]
    pub(super) fn take(&self, frame: usize, stack: Stack) -> u64 {
        if !stack.holds(frame) {
            // A stack that somebody else made: nothing says where it ends.
            self.depth.set(0);
            return 0;
        }
        let mut kept = if self.high.get() == stack.high { self.depth.get() } else { 0 };
        self.high.set(stack.high);
        let (mut at, mut below) = (frame, frame - 1);
        let mut new = 0;
        let mut is_verified = false;
        let known = loop {
            let Some(link) = stack.link(at, below) else { break 0 };
            let index = usize::from(self.place(at).get());
            if index < kept && self.at[index].get() == at && self.links[index].get() == link {
                if !is_verified {
                    (kept, is_verified) = (self.verified(index + 1), true);
                }
                if index < kept {
                    break index + 1;
                }
            }
            let Some(place) = self.new.get(new) else { return self.innermost(frame) };
            place.set((at, link));
            new += 1;
            (at, below) = (link.next, at);
        };
        if known + new > DEPTH {
            return self.innermost(frame);
        }
        self.write(known, new)
    }

    #[inline]
    fn place(&self, at: usize) -> &Cell<u8> {
        &self.places[at / 16 % PLACES]
    }

    /// How many of the first `known` frames are there as they were, from the outermost on.
    #[inline]
    fn verified(&self, known: usize) -> usize {
        let frames = self.at[..known].iter().zip(&self.links[..known]);
        let difference = frames.clone().fold([0, 0], |[next, caller], (at, link)| {
            let (is, was) = (read(at.get()), link.get());
            [next | (is.next ^ was.next), caller | (is.caller ^ was.caller)]
        });
        if difference == [0, 0] {
            return known;
        }
        frames.take_while(|(at, link)| read(at.get()) == link.get()).count()
    }

    /// Writes the `new` innermost frames, which were walked, behind `known` ones.
    #[inline]
    fn write(&self, known: usize, new: usize) -> u64 {
        let depth = known + new;
        let mut hash = known.checked_sub(1).map_or(0, |outer| self.hashes[outer].get());
        for (index, walked) in (known..depth).zip(self.new[..new].iter().rev()) {
            let (at, link) = walked.get();
            hash = mix(hash, link.caller);
            self.at[index].set(at);
            self.links[index].set(link);
            self.hashes[index].set(hash);
            self.place(at).set(index as u8);
        }
        self.depth.set(depth);
        hash
    }

    /// Of a stack that is too deep, its inner end, and nothing to go on from. There are `DEPTH` frames from this one on.
    #[cold]
    fn innermost(&self, frame: usize) -> u64 {
        let mut at = frame;
        for place in &self.new {
            let link = read(at);
            place.set((at, link));
            at = link.next;
        }
        self.high.set(0);
        self.write(0, DEPTH)
    }

    pub(super) fn depth(&self) -> usize {
        self.depth.get()
    }

    /// Where each caller goes on, innermost first.
    pub(super) fn addresses(&self) -> impl Iterator<Item = usize> {
        self.links[..self.depth()].iter().rev().map(|link| link.get().caller)
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
