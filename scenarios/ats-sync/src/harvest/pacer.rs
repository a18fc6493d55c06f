//! How the requests of one client keep to the server's rate limit together. One that is told to wait holds up all of them,
//! and where the limit is all but used up only one goes ahead to see. Sends nothing itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use tokio::sync::Notify;

/// Lets requests through. One a client.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    state: Mutex<State>,
    /// Told whenever a request may go that could not before.
    changed: Notify,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Pacer);

/// What is known of the limit.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    /// Nothing is sent before.
    until: Option<Instant>,
    /// How many more requests the server lets through for now; unknown until it says so.
    left: Option<u64>,
    /// Requests whose answer has not begun.
    under_way: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Go {
    /// At once.
    Now,
    /// Not before.
    At(Instant),
    /// When the answer to another request says more.
    AfterAnother,
}

impl Pacer {
    /// Waits until one more request may be sent.
    pub(super) async fn turn(&self) -> Turn<'_> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before the state is read, so that no change is missed.
            changed.as_mut().enable();
            let go = self.state().go(Instant::now());
            match go {
                Go::Now => return Turn(self),
                Go::At(instant) => tokio::time::sleep_until(instant.into()).await,
                Go::AfterAnother => changed.await,
            }
        }
    }

    /// Holds up every request for as long.
    pub(super) fn hold(&self, wait: Duration) {
        self.state().hold(Instant::now(), wait);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Takes note of what the answer's head says of the limit.
    pub(super) fn answered(self, headers: &HeaderMap) {
        if let Some(remaining) = remaining(headers) {
            self.0.state().told(remaining);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
        self.0.changed.notify_waiters();
    }
}

impl State {
    /// Whether a request may be sent now; if so, it is counted.
    fn go(&mut self, now: Instant) -> Go {
        match self.until {
            Some(until) if until > now => return Go::At(until),
            // A new window: how much it lets through is not known.
            Some(_) => (self.until, self.left) = (None, None),
            None => {}
        }
        // With nothing left and nothing under way, one request goes ahead: the window may be over, which nobody tells otherwise.
        if self.left == Some(0) && self.under_way > 0 {
            return Go::AfterAnother;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.under_way += 1;
        Go::Now
    }

    /// The server lets so many more through. It may not have seen the other requests that are under way.
    fn told(&mut self, remaining: u64) {
        self.left = Some(remaining.saturating_sub(self.under_way.saturating_sub(1)));
    }

    fn hold(&mut self, now: Instant, wait: Duration) {
        let until = now + wait;
        self.until = Some(self.until.map_or(until, |earlier| earlier.max(until)));
    }
}

/// `X-RateLimit-Remaining`.
fn remaining(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-ratelimit-remaining")?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(left: Option<u64>, under_way: u64) -> State {
        State { until: None, left, under_way }
    }

    #[test]
    fn without_a_word_of_a_limit_everything_goes() {
        let mut state = State::default();
        for _ in 0..200 {
            assert_eq!(state.go(Instant::now()), Go::Now);
        }
        assert_eq!(state, self::state(None, 200));
    }

    #[test]
    fn what_is_left_goes_and_the_rest_waits_for_an_answer() {
        let now = Instant::now();
        let mut state = state(Some(2), 0);
        assert_eq!([state.go(now), state.go(now), state.go(now)], [Go::Now, Go::Now, Go::AfterAnother]);
        // The first answer tells of itself alone; the other one may not have been counted yet.
        state.told(1);
        state.under_way -= 1;
        assert_eq!((state.left, state.go(now)), (Some(0), Go::AfterAnother));
        state.told(0);
        state.under_way -= 1;
        assert_eq!([state.go(now), state.go(now)], [Go::Now, Go::AfterAnother], "one goes ahead to see");
        state.told(49);
        assert_eq!((state.left, state.go(now)), (Some(49), Go::Now), "the window was over");
    }

    #[test]
    fn who_is_told_to_wait_holds_up_all() {
        let now = Instant::now();
        let seconds = Duration::from_secs;
        let mut state = state(Some(0), 0);
        state.hold(now, seconds(7));
        state.hold(now, seconds(3));
        assert_eq!(state.go(now + seconds(6)), Go::At(now + seconds(7)), "the longest wait counts");
        assert_eq!([state.go(now + seconds(7)), state.go(now + seconds(7))], [Go::Now, Go::Now], "a new window");
    }

    #[test]
    fn the_header_is_a_whole_number() {
        for (value, expect) in [("49", Some(49)), (" 0 ", Some(0)), ("-1", None), ("many", None)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-ratelimit-remaining", value.parse().expect("a header's value"));
            assert_eq!(remaining(&headers), expect, "{value:?}");
        }
        assert_eq!(remaining(&HeaderMap::new()), None);
    }
}
