//! An allocator whose blocks carry their site behind their last byte, where it disturbs no alignment. What is counted of a site is
//! `sites`', what in all `ledger`'s.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

use super::{before_a_fall, freed, made, resized};
use crate::{limit, thread};

/// An inner allocator, with room for a site in each block.
pub(crate) struct Footed<'a, A>(pub(crate) &'a A);

const FOOT: usize = size_of::<u32>();

/// The layout with room for a site. None where no block can be so large.
fn with_foot(layout: Layout) -> Option<Layout> {
    Layout::from_size_align(layout.size().checked_add(FOOT)?, layout.align()).ok()
}

/// # Safety
/// The block has this size and a foot behind it.
unsafe fn read_site(block: *mut u8, size: usize) -> u32 {
    // SAFETY: the caller says that there is a foot behind the block.
    let foot = unsafe { block.add(size) };
    // SAFETY: as above, and it was written when the block was made.
    unsafe { foot.cast::<u32>().read_unaligned() }
}

/// # Safety
/// The block has this size and room for a foot behind it.
unsafe fn write_site(block: *mut u8, size: usize, site: u32) {
    // SAFETY: the caller says that there is room for a foot behind the block.
    let foot = unsafe { block.add(size) };
    // SAFETY: as above.
    unsafe { foot.cast::<u32>().write_unaligned(site) };
}

/// Gives a new block its site and counts it.
///
/// # Safety
/// The block has this size and room for a foot behind it.
#[inline(always)] // Each function less is a frame less to walk.
unsafe fn enter(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() {
        limit::check_refused(size);
        return block;
    }
    // The site first: when the ledger knows of the bytes, and may have them for a peak, the site has them too.
    let site = made(size);
    // SAFETY: the caller says that there is room.
    unsafe { write_site(block, size, site) };
    count(0, size);
    block
}

/// Counts an operation in the ledger.
#[inline]
pub(super) fn count(from: usize, to: usize) {
    let is_counted = match (from, to) {
        (0, _) => thread::made(to),
        (_, 0) => thread::freed(from),
        _ => thread::resized(from, to),
    };
    if !is_counted {
        thread::post(from, to);
    }
}

// SAFETY: every method asks the inner allocator for a block with a foot, and hands out what is before the foot: enough of it, and
// as aligned. All blocks have a foot, and `layout` says where.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Footed<'_, A> {
    #[inline(always)] // As above.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(footed) = with_foot(layout) else { return ptr::null_mut() };
        // SAFETY: the layout is not empty.
        let block = unsafe { self.0.alloc(footed) };
        // SAFETY: it has room for a foot.
        unsafe { enter(block, layout.size()) }
    }

    #[inline(always)] // As above.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(footed) = with_foot(layout) else { return ptr::null_mut() };
        // SAFETY: the layout is not empty.
        let block = unsafe { self.0.alloc_zeroed(footed) };
        // SAFETY: it has room for a foot.
        unsafe { enter(block, layout.size()) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let size = layout.size();
        // SAFETY: the block is ours and has this size.
        let site = unsafe { read_site(block, size) };
        freed(site, size);
        let footed = with_foot(layout).expect("a block that was made has room for a foot");
        // SAFETY: the inner allocator made it with this layout.
        unsafe { self.0.dealloc(block, footed) };
    }

    #[inline(always)] // As above.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (size, footed) = (layout.size(), with_foot(layout).expect("a block that was made has room for a foot"));
        let Some(new_footed) = with_foot_of(new_size, layout) else { return ptr::null_mut() };
        // SAFETY: the block is ours and has this size.
        let site = unsafe { read_site(block, size) };
        // SAFETY: the inner allocator made it with this layout, and the new size is not 0 and not too large.
        let moved = unsafe { self.0.realloc(block, footed, new_footed.size()) };
        if moved.is_null() {
            limit::check_refused(new_size.saturating_sub(size));
            return moved;
        }
        let now = if new_size < size {
            before_a_fall();
            count(size, new_size);
            resized(site, size, new_size)
        } else {
            let now = resized(site, size, new_size);
            count(size, new_size);
            now
        };
        // SAFETY: it has room for a foot.
        unsafe { write_site(moved, new_size, now) };
        moved
    }
}

fn with_foot_of(new_size: usize, layout: Layout) -> Option<Layout> {
    with_foot(Layout::from_size_align(new_size, layout.align()).ok()?)
}
