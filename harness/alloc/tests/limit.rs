//! The limit on live bytes, in processes that it ends.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod quiet;

use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use highwater_alloc::{Alloc, Exceeded, lift_limit, live_bytes, set_limit};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

const CHILD: &str = "HIGHWATER_ALLOC_TEST_CHILD";
const MIB: u64 = 1 << 20;

/// Blocks that the child made.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Prints what passed the limit, which allocates, and ends the process.
fn report(Exceeded { live, requested, limit }: Exceeded) -> ! {
    println!("passed {live} {requested} {limit} {}", MADE.load(Relaxed));
    std::process::exit(7);
}

/// In a child process that runs the test of this name: does `pass`. In the test: returns the live bytes, the requested bytes and
/// the limit that the one report told, and the number of blocks made.
fn passed(test: &str, pass: fn()) -> [u64; 4] {
    if std::env::var_os(CHILD).is_some() {
        quiet::wait();
        pass();
        lift_limit();
        println!("the limit was not passed");
        std::process::exit(8);
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "{said}");
    let reports: Vec<&str> = said.lines().filter_map(|line| line.split_once("passed ")).map(|(_, told)| told).collect();
    let [report] = reports[..] else { panic!("one report: {said}") };
    let numbers: Vec<u64> = report.split(' ').map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn one_thread_passes_it_with_the_first_byte_above() {
    let [live, requested, limit, made] = passed("one_thread_passes_it_with_the_first_byte_above", || {
        let mut kept = Vec::with_capacity(20_000);
        set_limit(live_bytes().unwrap() + 10_000 * 100, report).unwrap();
        for _ in 0..20_000 {
            kept.push(black_box(vec![1_u8; 100]));
            MADE.fetch_add(1, Relaxed);
        }
    });
    assert_eq!((live, requested, made), (limit, 100, 10_000));
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn threads_with_large_blocks_pass_it_with_the_first_block_above() {
    let [live, requested, limit, _] = passed("threads_with_large_blocks_pass_it_with_the_first_block_above", || {
        set_limit(live_bytes().unwrap() + 16 * MIB, report).unwrap();
        on_threads(|| (0..64).map(|_| black_box(vec![1_u8; 1 << 20])).collect());
    });
    assert_eq!(requested, MIB);
    assert!(live + requested > limit, "{live} live");
    // Each of four threads has counted one block at most before the report.
    assert!(live <= limit + 3 * MIB, "{live} live with a limit of {limit}");
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn threads_with_small_blocks_pass_it_by_their_leeway_at_most() {
    let [live, requested, limit, _] = passed("threads_with_small_blocks_pass_it_by_their_leeway_at_most", || {
        set_limit(live_bytes().unwrap() + 16 * MIB, report).unwrap();
        on_threads(|| (0..100_000).map(|_| black_box(vec![1_u8; 100])).collect());
    });
    assert!(live + requested > limit, "{live} live");
    // 16 MiB / 1024 / 6 threads are less than 4 KiB. A list of blocks that doubles its room is the largest allocation.
    assert!(live + requested <= limit + 5 * 2 * 4_096 + 3 * MIB, "{live} live with a limit of {limit}");
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn an_allocation_that_the_system_refuses_passes_it() {
    let [live, requested, limit, _] = passed("an_allocation_that_the_system_refuses_passes_it", || {
        set_limit(live_bytes().unwrap() + 16 * MIB, report).unwrap();
        let mut refused = Vec::<u8>::new();
        assert!(refused.try_reserve_exact(1 << 50).is_err());
    });
    assert_eq!(requested, 1 << 50);
    assert!(live <= limit);
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn a_reallocation_passes_it_by_what_it_grows() {
    let [live, requested, limit, _] = passed("a_reallocation_passes_it_by_what_it_grows", || {
        set_limit(live_bytes().unwrap() + 3 * MIB, report).unwrap();
        let mut block = black_box(vec![1_u8; 2 << 20]);
        block.reserve_exact(2 << 20);
        drop(black_box(block));
    });
    assert_eq!((live, requested), (limit - MIB, 2 * MIB));
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn a_limit_that_was_lifted_is_not_passed() {
    if std::env::var_os(CHILD).is_some() {
        set_limit(live_bytes().unwrap() + MIB, report).unwrap();
        lift_limit();
        drop(black_box(vec![1_u8; 4 << 20]));
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_limit_that_was_lifted_is_not_passed"])
        .env(CHILD, "1")
        .output()
        .unwrap()
        .status;
    assert!(status.success(), "{status}");
}

/// Four threads that keep what they make.
fn on_threads(make: fn() -> Vec<Vec<u8>>) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| black_box(make()).len());
        }
    });
}
