//! How fast and how reliably a replay answers: latency, rate limit, injected faults.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::recording::Response;

/// At most so many requests in each window of time; further ones are answered 429 with `Retry-After`.
///
/// Every answer carries `X-RateLimit-Limit` and `X-RateLimit-Remaining`, a 429 also `X-RateLimit-Reset` (Unix seconds), as Greenhouse
/// documents: <https://developers.greenhouse.io/harvest.html#throttling>. A window starts with the first request after the
/// last one has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub(crate) requests: u64,
    pub(crate) window: Duration,
}

impl RateLimit {
    /// `requests` in each `window`; Greenhouse documents 50 in 10 seconds.
    pub fn per_window(requests: u64, window: Duration) -> Self {
        Self { requests, window }
    }
}

/// What an author says about pacing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pacing {
    pub(crate) latency: Duration,
    /// The latency of single paths.
    pub(crate) latency_at: Vec<(String, Duration)>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) retry_after: Option<u64>,
}

/// Every `every`-th request is answered `status`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) every: u64,
    pub(crate) status: u16,
}

/// The rate limit's state within one sample.
#[derive(Debug, Default)]
pub(crate) struct RateWindow {
    opened: Option<Instant>,
    used: u64,
}

/// What the rate limit says of one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    limit: u64,
    remaining: u64,
    /// How long to wait, if the request is one too many.
    wait: Option<Duration>,
}

impl Pacing {
    pub(crate) fn latency_of(&self, path: &str) -> Duration {
        self.latency_at.iter().find(|(known, _)| known == path).map_or(self.latency, |&(_, latency)| latency)
    }

    /// The injected answer to request `number` of the sample, from 1.
    pub(crate) fn fault(&self, number: u64) -> Option<Response> {
        let fault = self.faults.iter().find(|fault| number.is_multiple_of(fault.every))?;
        let mut response = message(fault.status, "injected fault");
        if matches!(fault.status, 429 | 503) {
            response.headers.push(("retry-after".to_owned(), self.retry_after.unwrap_or_default().to_string()));
        }
        Some(response)
    }

    /// What is wrong with these settings.
    pub(crate) fn check(&self) -> Result<(), String> {
        for fault in &self.faults {
            if fault.every == 0 || !(400..=599).contains(&fault.status) {
                let Fault { every, status } = fault;
                return Err(format!(
                    "fail_every({every}, {status}): say every how many requests, from 1, and a status from 400 to 599"
                ));
            }
        }
        match self.rate_limit {
            Some(RateLimit { requests: 0, .. }) => Err("a rate limit of 0 requests answers nothing".to_owned()),
            Some(RateLimit { window: Duration::ZERO, .. }) => {
                Err("a rate limit needs a window longer than 0".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl RateWindow {
    /// Counts a request at `now`.
    pub(crate) fn take(&mut self, limit: RateLimit, now: Instant) -> Allowance {
        let opened = match self.opened {
            Some(opened) if now.duration_since(opened) < limit.window => opened,
            _ => {
                self.used = 0;
                *self.opened.insert(now)
            }
        };
        if self.used == limit.requests {
            let wait = limit.window - now.duration_since(opened);
            return Allowance { limit: limit.requests, remaining: 0, wait: Some(wait) };
        }
        self.used += 1;
        Allowance { limit: limit.requests, remaining: limit.requests - self.used, wait: None }
    }
}

impl Allowance {
    /// Adds the headers that tell of it.
    pub(crate) fn tell(&self, response: &mut Response) {
        response.headers.retain(|(name, _)| !matches!(name.as_str(), "x-ratelimit-limit" | "x-ratelimit-remaining"));
        response.headers.push(("x-ratelimit-limit".to_owned(), self.limit.to_string()));
        response.headers.push(("x-ratelimit-remaining".to_owned(), self.remaining.to_string()));
    }

    /// The 429, if the request is one too many. No public source shows its body, so a recorded one says more.
    pub(crate) fn refusal(&self, recorded: Option<&Response>) -> Option<Response> {
        let wait = self.wait?;
        let body = recorded.map(|recorded| recorded.body.clone());
        let mut response = message(429, "Rate limit exceeded");
        response.body = body.unwrap_or(response.body);
        let reset = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + wait;
        response.headers.push(("x-ratelimit-reset".to_owned(), seconds(reset).to_string()));
        response.headers.push(("retry-after".to_owned(), seconds(wait).to_string()));
        Some(response)
    }
}

/// Whole seconds, rounded up: who waits as long is not refused again.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn message(status: u16, text: &str) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Response { status, headers, body: format!("{{\"message\":\"{text}\"}}").into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lets_its_requests_through_and_then_says_how_long_to_wait() {
        let limit = RateLimit::per_window(2, Duration::from_secs(10));
        let mut window = RateWindow::default();
        let start = Instant::now();
        let mut at = |seconds| window.take(limit, start + Duration::from_secs(seconds));
        assert_eq!(at(0), Allowance { limit: 2, remaining: 1, wait: None });
        assert_eq!(at(3), Allowance { limit: 2, remaining: 0, wait: None });
        assert_eq!(at(3), Allowance { limit: 2, remaining: 0, wait: Some(Duration::from_secs(7)) });
        assert_eq!(at(10), Allowance { limit: 2, remaining: 1, wait: None });
        assert_eq!(at(19).wait, None);
        assert_eq!(at(19).wait, Some(Duration::from_secs(1)));
    }

    #[test]
    fn waits_are_told_in_whole_seconds_rounded_up() {
        let allowance = Allowance { limit: 1, remaining: 0, wait: Some(Duration::from_millis(1_200)) };
        let response = allowance.refusal(None).unwrap();
        assert!(response.headers.contains(&("retry-after".to_owned(), "2".to_owned())));
        assert_eq!(response.body, br#"{"message":"Rate limit exceeded"}"#);
    }

    #[test]
    fn faults_come_every_so_many_requests() {
        let pacing = Pacing { faults: vec![Fault { every: 3, status: 503 }], ..Pacing::default() };
        let statuses: Vec<Option<u16>> = (1..=6).map(|number| pacing.fault(number).map(|fault| fault.status)).collect();
        assert_eq!(statuses, [None, None, Some(503), None, None, Some(503)]);
    }

    #[test]
    fn settings_that_answer_nothing_are_refused() {
        let fault = |every, status| Pacing { faults: vec![Fault { every, status }], ..Pacing::default() };
        let limit = |requests, window| Pacing { rate_limit: Some(RateLimit { requests, window }), ..Pacing::default() };
        assert!(fault(0, 500).check().is_err());
        assert!(fault(2, 200).check().is_err());
        assert!(limit(0, Duration::from_secs(1)).check().is_err());
        assert!(limit(1, Duration::ZERO).check().is_err());
        assert!(fault(2, 429).check().is_ok());
    }
}
