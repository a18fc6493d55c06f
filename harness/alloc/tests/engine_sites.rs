//! The engine `sites`: chosen before the first allocation, so this test starts itself again.
#![cfg(not(miri))] // It starts processes, and reads a register.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "the workload makes its blocks itself")]

mod engines;
mod quiet;

use std::hint::black_box;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use highwater_alloc::{Alloc, Amount, CallStack, Counts, Engine, EngineError, SITES_VARIABLE, Window, call_stacks};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

/// Runs one of the tests below in a process of its own, under the engine.
fn under_sites(test: &str) {
    let arguments = ["--exact", test, "--ignored", "--nocapture", "--test-threads=1"];
    let output =
        Command::new(std::env::current_exe().unwrap()).args(arguments).env(SITES_VARIABLE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn sum(stacks: &[CallStack], amount: impl Fn(&CallStack) -> Amount) -> (i64, i64) {
    stacks.iter().map(amount).fold((0, 0), |sum, amount| (sum.0 + amount.bytes, sum.1 + amount.blocks))
}

/// The sums over all stacks are what the counters say.
fn agree(counts: &Counts, stacks: &[CallStack]) {
    assert_eq!(sum(stacks, |stack| stack.retained), (counts.retained_bytes, counts.retained_blocks));
    assert_eq!(sum(stacks, |stack| stack.total), (counts.total_bytes, counts.total_blocks));
}

#[test]
fn sites_have_to_be_chosen_before_the_first_allocation() {
    assert_eq!(Engine::Sites.choose(), Err(EngineError::SitesTooLate));
    assert!(EngineError::SitesTooLate.to_string().contains("HIGHWATER_SITES=1"));
}

#[test]
fn sites_count_what_was_done() {
    under_sites("child_counts_what_was_done");
}

#[test]
#[ignore = "run by sites_count_what_was_done"]
fn child_counts_what_was_done() {
    quiet::wait();
    Engine::Sites.choose().unwrap();
    assert_eq!(Engine::Counting.choose(), Err(EngineError::Chosen(Engine::Sites)));
    let (counts, done) = engines::run();
    let counts = counts.unwrap();
    let peak = counts.peak.unwrap();
    let expected = Counts {
        peak: Some(peak),
        retained_bytes: done.live_bytes,
        retained_blocks: done.live_blocks,
        total_bytes: done.total_bytes,
        total_blocks: done.total_blocks,
        reallocs: Some(done.reallocs),
    };
    assert_eq!((counts, peak.bytes), (expected, done.peak_bytes));
}

#[inline(never)]
fn keep(kept: &mut Vec<Box<[u8]>>, size: usize) {
    kept.push(black_box(vec![1; size].into_boxed_slice()));
}

#[inline(never)]
fn drop_again(size: usize) {
    black_box(vec![1_u8; size]);
}

#[inline(never)]
fn grow(list: &mut Vec<u8>, by: usize) {
    list.reserve_exact(by);
    black_box(&list);
}

#[test]
fn sites_add_up_to_the_counters_at_the_peak_and_at_the_end() {
    under_sites("child_adds_up");
}

#[test]
#[ignore = "run by sites_add_up_to_the_counters_at_the_peak_and_at_the_end"]
fn child_adds_up() {
    quiet::wait();
    Engine::Sites.choose().unwrap();
    let before = black_box(vec![1_u8; 5_000]);
    let mut kept = Vec::with_capacity(1_000);
    let mut list = Vec::new();
    let window = Window::open();
    drop(before);
    for round in 0..100 {
        keep(&mut kept, 300);
        drop_again(10_000 + round);
        grow(&mut list, 5_000);
        // Their sites are told apart, and free on this thread what another made.
        let block = thread::spawn(|| vec![1_u8; 77]).join().unwrap();
        if round % 10 == 9 {
            kept.truncate(kept.len() - 5);
            list.shrink_to(100);
        }
        drop(block);
    }
    // The peak: the last thing that is freed again.
    drop_again(1_000_000);
    kept.truncate(20);
    let counts = window.read().unwrap();
    let stacks = call_stacks().unwrap();
    agree(&counts, &stacks);
    let peak = counts.peak.unwrap();
    let at_peak = sum(&stacks, |stack| stack.peak).0;
    assert!((peak.bytes - peak.slack_bytes..=peak.bytes).contains(&at_peak), "{at_peak} is not the peak: {peak:?}");
    let has = |amount: fn(&CallStack) -> Amount, bytes, blocks| {
        assert!(stacks.iter().any(|stack| amount(stack) == Amount { bytes, blocks }), "{bytes} B: {stacks:#?}");
    };
    has(|stack| stack.peak, 1_000_000, 1);
    has(|stack| stack.peak, 50 * 300, 50);
    has(|stack| stack.retained, 20 * 300, 20);
    has(|stack| stack.retained, -5_000, -1);
    assert_eq!(call_stacks().unwrap(), stacks, "reading changes nothing");
}

/// No other block is so large.
const SIZE: usize = 1_237;

#[inline(never)]
fn recurse(depth: usize, kept: &mut Vec<Vec<u8>>) {
    if depth > 0 {
        recurse(depth - 1, kept);
    } else {
        kept.push(black_box(vec![1; SIZE]));
    }
    black_box(&kept);
}

#[test]
fn stacks_differ_where_their_callers_do() {
    under_sites("child_tells_callers_apart");
}

#[test]
#[ignore = "run by stacks_differ_where_their_callers_do"]
fn child_tells_callers_apart() {
    quiet::wait();
    Engine::Sites.choose().unwrap();
    let mut kept = Vec::with_capacity(10_000);
    // One call, and not as many as the compiler can count.
    let depths = black_box([1, 0, 7, 1_000, 3, 0].repeat(3));
    let window = Window::open();
    for depth in depths {
        recurse(depth, &mut kept);
    }
    let counts = window.read().unwrap();
    let stacks = call_stacks().unwrap();
    agree(&counts, &stacks);
    let ours = stacks.iter().filter(|stack| stack.retained.bytes >= SIZE as i64);
    let mut retained: Vec<_> = ours.map(|stack| (stack.addresses.len(), stack.retained.blocks)).collect();
    retained.sort_unstable();
    let shallowest = retained[0].0;
    let depths: Vec<_> = retained.iter().map(|(depth, blocks)| (depth - shallowest, *blocks)).collect();
    assert_eq!(depths[..4], [(0, 6), (1, 3), (3, 3), (7, 3)]);
    assert_eq!(retained[4], (256, 3), "the inner end of a stack that is too deep");
    assert_eq!(retained.len(), 5);
}

#[test]
fn sites_of_many_threads_add_up() {
    under_sites("child_adds_up_over_threads");
}

#[test]
#[ignore = "run by sites_of_many_threads_add_up"]
fn child_adds_up_over_threads() {
    quiet::wait();
    Engine::Sites.choose().unwrap();
    let window = Window::open();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for number in 0..4_usize {
            let sender = sender.clone();
            scope.spawn(move || {
                for round in 0..20_000 {
                    let block = vec![1_u8; 1 + (round * 7 + number) % 3_000];
                    if round % 3 == 0 {
                        sender.send(block).unwrap();
                    }
                }
            });
        }
        drop(sender);
        for (number, block) in receiver.iter().enumerate() {
            if number % 100 == 0 {
                std::mem::forget(block);
            }
        }
    });
    let counts = window.read().unwrap();
    let stacks = call_stacks().unwrap();
    agree(&counts, &stacks);
    let (peak, at_peak) = (counts.peak.unwrap(), sum(&stacks, |stack| stack.peak).0);
    println!("peak {peak:?}, all stacks at the peak {at_peak}");
    // What each of five threads may move unseen.
    assert!((at_peak - peak.bytes).abs() <= 5 * 2 * 4_096 + peak.bytes / 100, "{at_peak} is far from {peak:?}");
}
