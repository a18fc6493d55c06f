//! Memory as code in another language has it: from the system's allocator, past every counter. The harness makes a regression of it
//! on purpose. Who sees it is whoever reads resident bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

/// Takes so many bytes from the system's allocator, uncounted, writes to all of them and keeps them for ever; whether there were as many.
#[must_use]
pub fn leak_foreign(bytes: usize) -> bool {
    let Ok(layout) = Layout::array::<u8>(bytes) else { return false };
    if bytes == 0 {
        return true;
    }
    // SAFETY: the layout's size is not 0.
    let block = unsafe { System.alloc(layout) };
    if block.is_null() {
        return false;
    }
    // SAFETY: the block has so many bytes and is nobody else's.
    unsafe { block.write_bytes(1, bytes) };
    // Otherwise a compiler may leave out a block that nobody reads.
    black_box(block);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_is_told() {
        assert!(leak_foreign(0) && leak_foreign(3));
        assert!(!leak_foreign(usize::MAX));
    }
}
