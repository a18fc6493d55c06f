//! The process of one allocator: runs a workload each time it is told to, and says how much processor time that took. Which
//! allocator it has is its executable's (`src/bin/`), what it is compared with the bench's (`benches/cost.rs`).

mod applications;
mod workloads;

use std::io::{BufRead, Write};

use rustix::time::{ClockId, clock_gettime};

use crate::workloads::Input;
pub use crate::workloads::WORKLOADS;

/// For each line on standard input, the number of a workload, runs it once and answers with nanoseconds.
pub fn serve() {
    let input = Input::new();
    let mut line = String::new();
    while std::io::stdin().lock().read_line(&mut line).expect("standard input can be read") > 0 {
        let number: usize = line.trim().parse().expect("a line is a workload's number");
        let (_, run) = WORKLOADS[number];
        let before = processor_nanos();
        run(&input);
        println!("{}", processor_nanos() - before);
        std::io::stdout().flush().expect("standard output can be written");
        line.clear();
    }
}

/// Of all threads: what others on the machine do meanwhile does not count, and waiting for a cache line does. Sleeping until a
/// lock is free does not.
fn processor_nanos() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
