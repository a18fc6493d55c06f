//! Scenarios that keep more when the environment says so.

use std::process::ExitCode;

use culprits::{Cache, Kept};
use highwater::{Bytes, Metric, Scenario, Suite, Tolerance};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

const ITERATIONS: u64 = 20;

/// Room for all that is kept, so that keeping it makes nothing.
fn kept() -> Kept {
    Vec::with_capacity(1_000)
}

/// From the environment, or what it is when nobody changed the code.
fn size(usual: usize) -> usize {
    std::env::var("SIZE").map_or(usual, |size| size.parse().expect("SIZE is a number"))
}

fn main() -> ExitCode {
    Suite::new("culprits")
        .scenario(Scenario::sync("closure").iterations(ITERATIONS).setup(|_| Ok(kept())).iterate(|kept: &mut Kept| {
            culprits::in_a_closure(kept, size(100));
            Ok(())
        }))
        .scenario(Scenario::new("await").iterations(ITERATIONS).setup(async |_| Ok(kept())).iterate(
            async |kept: &mut Kept| {
                culprits::across_an_await(kept, size(100)).await;
                Ok(())
            },
        ))
        .scenario(
            Scenario::sync("generic")
                .iterations(ITERATIONS)
                .setup(|_| Ok(Cache::<String>::with_capacity(1_000)))
                .iterate(|cache: &mut Cache<String>| {
                    cache.insert(&"x".repeat(size(100)));
                    Ok(())
                }),
        )
        .scenario(Scenario::sync("dependency").iterations(ITERATIONS).setup(|_| Ok(Vec::with_capacity(1_000))).iterate(
            |kept: &mut Vec<serde_json::Value>| {
                culprits::in_a_dependency(kept, size(100));
                Ok(())
            },
        ))
        .scenario(Scenario::sync("thread").iterations(ITERATIONS).setup(|_| Ok(kept())).iterate(|kept: &mut Kept| {
            culprits::from_another_thread(kept, size(100));
            Ok(())
        }))
        .scenario(
            Scenario::sync("swap")
                .iterations(ITERATIONS)
                // That one grew is seen by the peak alone when the other shrank as much.
                .tolerance(Metric::RetainedBytes, Tolerance::new(0.0, 200))
                .setup(|_| Ok(kept()))
                .iterate(|kept: &mut Kept| {
                    let left = size(300);
                    culprits::left(kept, left);
                    culprits::right(kept, 1_020 - left);
                    if left != 300 {
                        kept.push(vec![1; 50]);
                    }
                    Ok(())
                }),
        )
        .scenario(Scenario::new("tasks").iterations(ITERATIONS).iterate(async |_: &mut ()| {
            for _ in 0..size(0) {
                culprits::start_a_task();
            }
            Ok(())
        }))
        .scenario(Scenario::sync("threads").iterations(ITERATIONS).iterate(|_: &mut ()| {
            for _ in 0..size(0) {
                culprits::start_a_thread();
            }
            Ok(())
        }))
        .scenario(Scenario::sync("stacks").iterations(ITERATIONS).ungated(Metric::Threads).iterate(|_: &mut ()| {
            for _ in 0..size(0) {
                culprits::keep_a_stack();
            }
            Ok(())
        }))
        .scenario(Scenario::sync("descriptors").iterations(ITERATIONS).iterate(|_: &mut ()| {
            for _ in 0..size(0) {
                culprits::keep_a_file_open();
            }
            Ok(())
        }))
        .scenario(Scenario::sync("standing").setup(|_| Ok(vec![1_u8; size(100)])).iterate(|_| Ok(())))
        .scenario(Scenario::sync("limit").limit(Bytes::mib(4)).iterations(ITERATIONS).setup(|_| Ok(kept())).iterate(
            |kept: &mut Kept| {
                culprits::left(kept, size(100));
                Ok(())
            },
        ))
        .main()
}
