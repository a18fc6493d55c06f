//! Zeroed memory comes from the system as it is: a test apart, because valgrind's own allocator touches it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(all(target_os = "linux", not(miri)))] // Reads the resident size from /proc.

use std::hint::black_box;

use highwater_alloc::Alloc;

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

/// The trait's own `alloc_zeroed` writes the zeros, and so makes every page of the block resident.
#[test]
fn a_large_zeroed_block_is_not_touched() {
    const SIZE: usize = 256 << 20;
    let before = resident();
    let block = black_box(vec![0_u8; black_box(SIZE)]);
    let grown = resident().saturating_sub(before);
    assert!(grown < SIZE / 16, "{grown} bytes became resident");
    drop(block);
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
