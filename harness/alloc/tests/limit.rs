//! The limit on live bytes, in processes that it ends.

use std::process::Command;

use highwater_alloc::{Alloc, Exceeded, lift_limit, live_bytes, set_limit};

#[global_allocator]
static ALLOC: Alloc = Alloc::new();

const CHILD: &str = "HIGHWATER_ALLOC_TEST_CHILD";

/// Prints what passed the limit, which allocates, and ends the process.
fn report(exceeded: Exceeded) -> ! {
    println!("{exceeded:?}");
    std::process::exit(7);
}

#[test]
#[cfg_attr(miri, ignore = "starts processes")]
fn the_first_allocation_over_the_limit_ends_the_process_with_one_report() {
    if std::env::var_os(CHILD).is_some() {
        return pass_the_limit();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "the_first_allocation_over_the_limit_ends_the_process_with_one_report"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert_eq!(said.matches("Exceeded {").count(), 1, "{said}");
    assert!(said.contains("requested: 1048576"), "{said}");
}

/// Four threads at once, each in steps of 1 MiB; a lifted limit before that is none.
fn pass_the_limit() {
    set_limit(live_bytes() + (16 << 20), report);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut kept = Vec::new();
                for _ in 0..64 {
                    kept.push(vec![1_u8; 1 << 20]);
                }
                kept.len()
            });
        }
    });
    lift_limit();
    unreachable!("256 MiB passed a limit of 16 MiB");
}
