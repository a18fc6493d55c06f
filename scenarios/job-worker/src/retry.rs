//! How long a job that failed waits before it is tried again. Whether it is tried is the [worker](crate::worker)'s.

use std::sync::Arc;
use std::time::Duration;

/// The wait before the n-th retry of a job, from 1.
pub type RetryDelay = Arc<dyn Fn(u32) -> Duration + Send + Sync>;

/// Waits that double from `first`, up to `longest`.
pub(crate) fn doubling(first: Duration, longest: Duration) -> RetryDelay {
    Arc::new(move |retry| first.saturating_mul(2_u32.saturating_pow(retry.saturating_sub(1))).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let delay = doubling(Duration::from_millis(500), Duration::from_secs(3));
        let waits: Vec<u128> = [1, 2, 3, 4, 40].map(|retry| delay(retry).as_millis()).to_vec();
        assert_eq!(waits, [500, 1_000, 2_000, 3_000, 3_000]);
    }
}
