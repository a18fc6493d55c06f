//! Waiting until nothing moves, so that a number does not depend on the moment of its reading.

use std::time::{Duration, Instant};

use highwater_alloc::live_bytes;

const PAUSE: Duration = Duration::from_millis(2);
/// Looks that must agree in a row. A tokio worker drops a task's cell within microseconds after the task's handle resolved; five
/// looks are 10 ms.
const STILL: u32 = 5;

/// Waits until live bytes and `tasks`, the runtime's alive tasks, stand still, for at most `bound`. Returns whether they did.
/// Allocates nothing: it is called inside the window.
pub(crate) async fn settle(bound: Duration, pause: impl AsyncFn(Duration), tasks: impl Fn() -> usize) -> bool {
    let began = Instant::now();
    let look = || (live_bytes(), tasks());
    let mut last = look();
    let mut still = 0;
    while still < STILL {
        if began.elapsed() > bound {
            return false;
        }
        pause(PAUSE).await;
        let now = look();
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    true
}
