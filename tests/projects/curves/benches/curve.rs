//! A curve whose peaks are known to the byte, and whose times differ by far: more memory buys time, up to a point.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use highwater::{Bytes, Scenario, Workload};
use highwater_curves::{Sweep, knobs};

#[global_allocator]
static ALLOC: highwater::Alloc = highwater::Alloc::new();

fn main() -> ExitCode {
    [(100_000, 120), (400_000, 40), (500_000, 80)]
        .into_iter()
        .fold(Sweep::new("made").limit(Bytes::kib(450)), |sweep, (size, millis)| {
            sweep.point("buffer", knobs([("size", size)]), |name| holds(name, size, millis))
        })
        .main()
}

/// Holds so many bytes for so long; `CURVES_MORE` bytes more. `CURVES_VARIANT` is what it says that it is.
fn holds(name: String, size: usize, millis: u64) -> Scenario<impl Workload + Send + Sync> {
    Scenario::sync(name).variant(std::env::var("CURVES_VARIANT").ok()).iterate(move |_| {
        let more = std::env::var("CURVES_MORE").map_or(0, |more| more.parse().unwrap_or(0));
        let held = black_box(vec![1_u8; size + more]);
        std::thread::sleep(Duration::from_millis(millis));
        drop(held);
        Ok(())
    })
}
