//! How often a request is tried again and how long it waits before. Sends nothing itself.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};

/// When to give up on a request, and how long to wait before another attempt.
///
/// There is no random part in the waits: one worker an account is the rule, and the server's `Retry-After` spreads the
/// rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many answers of 500 and above, broken connections and time-outs one request may meet before it has failed.
    pub failures: u32,
    /// How many answers of 429 one request may meet. They are many more, as each only says "later": when hundreds of
    /// pages are asked for at once under a limit of 50 in 10 seconds, the last of them waits for as many windows.
    pub rate_limits: u32,
    /// The first wait where the server names none; it doubles with each further one.
    pub first_wait: Duration,
    /// No wait is longer than this, whatever the server asks for.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            failures: 5,
            rate_limits: 60,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// The wait before another attempt: what the server asked for, or one that doubles with each of the `met` troubles
    /// of this request so far.
    pub(super) fn wait(&self, met: u32, asked: Option<Duration>) -> Duration {
        let doubled = || self.first_wait.saturating_mul(1_u32.checked_shl(met.saturating_sub(1)).unwrap_or(u32::MAX));
        asked.unwrap_or_else(doubled).min(self.longest_wait)
    }
}

/// How long the server asks to wait: the whole seconds of `Retry-After`, or the time until `X-RateLimit-Reset`, which is
/// in Unix seconds. The other form of `Retry-After`, a date, is not one the API uses and reads as none.
pub(super) fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let whole = |name: HeaderName| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let reset = || {
        let reset = whole(HeaderName::from_static("x-ratelimit-reset"))?;
        Some(Duration::from_secs(reset.saturating_sub(u64::try_from(now.as_second()).unwrap_or_default())))
    };
    whole(RETRY_AFTER).map(Duration::from_secs).or_else(reset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let policy = RetryPolicy::default();
        let waits: Vec<u128> = (1..=9).map(|met| policy.wait(met, None).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(policy.wait(u32::MAX, None), policy.longest_wait);
    }

    #[test]
    fn the_server_s_wait_is_honoured_up_to_the_longest() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait(3, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(policy.wait(3, Some(Duration::ZERO)), Duration::ZERO);
        assert_eq!(policy.wait(1, Some(Duration::from_secs(86_400))), policy.longest_wait);
    }

    #[test]
    fn only_whole_seconds_are_a_wait() {
        let now = Timestamp::from_second(1_700_000_000).expect("a time");
        for (retry_after, reset, expect) in [
            (Some("10"), None, Some(10)),
            (Some(" 0 "), Some("1700000007"), Some(0)),
            (Some("Wed, 21 Oct 2015 07:28:00 GMT"), None, None),
            (Some("-1"), None, None),
            (Some(""), None, None),
            (None, Some("1700000007"), Some(7)),
            (None, Some("1600000000"), Some(0)),
            (None, Some("soon"), None),
            (None, None, None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("retry-after", retry_after), ("x-ratelimit-reset", reset)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(asked_wait(&headers, now), expect.map(Duration::from_secs), "{retry_after:?} {reset:?}");
        }
    }
}
