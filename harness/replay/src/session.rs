//! One sample's dealings with a replay: counts what is asked and answered, and remembers what could not be.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use highwater::{Observations, ServiceFault};
use wiremock::http::HeaderValue;
use wiremock::{Request, ResponseTemplate};

use crate::exact::Cursors;
use crate::pacing::RateWindow;
use crate::recording::Response;
use crate::site::Site;

/// How many unmatched requests are named; all are counted.
const NAMED_REQUESTS: usize = 20;
/// How much of a request is named, in bytes.
const NAMED_BYTES: usize = 300;

/// The state of one sample.
#[derive(Debug)]
pub(crate) struct Session {
    site: Arc<Site>,
    base: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: u64,
    response_bytes: u64,
    busy_micros: u64,
    rate_limited: u64,
    injected_faults: u64,
    unmatched: Vec<String>,
    unmatched_total: u64,
    rate_window: RateWindow,
    cursors: Cursors,
}

impl Session {
    /// A new sample, served at the URL `base`.
    pub(crate) fn new(site: Arc<Site>, base: String) -> Self {
        Self { site, base, state: Mutex::default() }
    }

    /// Answers one request.
    pub(crate) fn respond(&self, request: &Request) -> ResponseTemplate {
        let begun = Instant::now();
        let mut state = self.state();
        state.requests += 1;
        let response = self.response(request, &mut state, begun);
        state.response_bytes += response.body.len() as u64;
        state.rate_limited += u64::from(response.status == 429);
        let template = template(response).set_delay(self.site.pacing.latency_of(request.url.path()));
        state.busy_micros += begun.elapsed().as_micros() as u64;
        template
    }

    fn response(&self, request: &Request, state: &mut State, now: Instant) -> Response {
        let pacing = &self.site.pacing;
        let allowance = pacing.rate_limit.map(|limit| state.rate_window.take(limit, now));
        let mut response = if let Some(refusal) =
            allowance.as_ref().and_then(|allowance| allowance.refusal(self.site.recorded_refusal.as_ref()))
        {
            refusal
        } else if let Some(fault) = pacing.fault(state.requests) {
            state.injected_faults += 1;
            fault
        } else {
            match self.site.answer(request, &self.base, &mut state.cursors) {
                Ok(response) => response,
                Err(why) => unmatched(request, &why, state),
            }
        };
        if let Some(allowance) = allowance {
            allowance.tell(&mut response);
        }
        response
    }

    /// What the sample saw.
    ///
    /// # Errors
    /// When a request had no recorded answer.
    pub(crate) fn end(&self) -> Result<Observations, ServiceFault> {
        let mut state = self.state();
        if state.unmatched_total > 0 {
            let requests = std::mem::take(&mut state.unmatched);
            return Err(ServiceFault::UnmatchedRequests { requests, total: state.unmatched_total });
        }
        let counts = [
            ("requests", state.requests),
            ("response_bytes", state.response_bytes),
            ("busy_micros", state.busy_micros),
            ("rate_limited", state.rate_limited),
            ("injected_faults", state.injected_faults),
        ];
        Ok(counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in between leaves counts that are at most one request behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the request and answers 404.
fn unmatched(request: &Request, why: &str, state: &mut State) -> Response {
    state.unmatched_total += 1;
    if state.unmatched.len() < NAMED_REQUESTS {
        let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let asked = format!("{} {}{query}", request.method, request.url.path());
        state.unmatched.push(format!("{}: {why}", shortened(&asked)));
    }
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = serde_json::json!({"message": format!("highwater-replay: {why}")});
    Response { status: 404, headers, body: body.to_string().into_bytes() }
}

fn shortened(text: &str) -> String {
    if text.len() <= NAMED_BYTES {
        return text.to_owned();
    }
    let end = (0..=NAMED_BYTES).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    format!("{}...", &text[..end])
}

fn template(response: Response) -> ResponseTemplate {
    let mut template = ResponseTemplate::new(response.status).set_body_bytes(response.body);
    for (name, value) in response.headers {
        // `headers` lets only names and values through that can be sent; these are some characters above ASCII.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            template = template.append_header(name, value);
        }
    }
    template
}
