//! Waiting for libtest, whose main thread allocates once more after it has started a test's thread.

use std::thread::sleep;
use std::time::Duration;

use highwater_alloc::live_bytes;

/// Waits until live bytes have stood still for 100 ms. To be called first by a test that reads the process's counters.
pub(crate) fn wait() {
    let mut still = 0;
    let mut last = live_bytes();
    while still < 10 {
        sleep(Duration::from_millis(10));
        let now = live_bytes();
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
}
