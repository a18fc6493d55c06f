//! Exact replay: finds the recorded exchange that answers a request. It knows no API: method, path, query and body decide.

use std::collections::{BTreeMap, BTreeSet};

use wiremock::Request;

use crate::recording::{Exchange, Response, Unplayable};
use crate::request_body::RequestBody;

type Query = Vec<(String, String)>;

/// The exchanges of a recording, by what asked for them.
#[derive(Debug, Default)]
pub(crate) struct Exact {
    paths: BTreeMap<String, Vec<Sequence>>,
    ignored_query: BTreeSet<String>,
    sequences: usize,
}

/// The answers to one request that was recorded several times.
#[derive(Debug)]
struct Sequence {
    number: usize,
    method: String,
    query: Query,
    body: Option<RequestBody>,
    exchanges: Vec<Exchange>,
}

/// How far each sequence has been served.
#[derive(Debug, Default)]
pub(crate) struct Cursors(BTreeMap<usize, usize>);

impl Exact {
    pub(crate) fn new(exchanges: Vec<Exchange>, ignored_query: BTreeSet<String>) -> Self {
        let mut exact = Self { ignored_query, ..Self::default() };
        for exchange in exchanges {
            exact.add(exchange);
        }
        for sequences in exact.paths.values_mut() {
            // A recorded body that is equal says more than no recorded body.
            sequences.sort_by_key(|sequence| (sequence.body.is_none(), sequence.number));
            for Sequence { exchanges, .. } in sequences {
                drop_failed_attempts(exchanges);
            }
        }
        exact
    }

    fn add(&mut self, exchange: Exchange) {
        let query = self.query(&exchange.url);
        let sequences = self.paths.entry(exchange.url.path().to_owned()).or_default();
        let known = sequences
            .iter_mut()
            .find(|known| known.method == exchange.method && known.query == query && known.body == exchange.body);
        if let Some(known) = known {
            known.exchanges.push(exchange);
            return;
        }
        let (number, method, body) = (self.sequences, exchange.method.clone(), exchange.body.clone());
        self.sequences += 1;
        sequences.push(Sequence { number, method, query, body, exchanges: vec![exchange] });
    }

    /// The response to `request`, the next one if it was recorded several times (the last one repeats).
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn answer(&self, request: &Request, cursors: &mut Cursors) -> Result<&Response, String> {
        let sequences = self.paths.get(request.url.path()).ok_or("no recorded exchange has this path")?;
        let method = request.method.as_str();
        let of_method: Vec<&Sequence> = sequences.iter().filter(|known| known.method == method).collect();
        if of_method.is_empty() {
            return Err(format!(
                "this path was recorded only with {}",
                list(sequences.iter().map(|known| known.method.clone()))
            ));
        }
        let query = self.query(&request.url);
        let of_query: Vec<&&Sequence> = of_method.iter().filter(|known| known.query == query).collect();
        if of_query.is_empty() {
            return Err(format!(
                "this path was recorded only with the query {}",
                list(of_method.iter().map(|known| shown(&known.query)))
            ));
        }
        let sequence = of_query
            .into_iter()
            .find(|known| known.body.as_ref().is_none_or(|body| body.is(&request.body)))
            .ok_or("no recorded request to this path sent this body")?;
        let cursor = cursors.0.entry(sequence.number).or_default();
        let exchange = &sequence.exchanges[(*cursor).min(sequence.exchanges.len() - 1)];
        *cursor += 1;
        exchange.response.as_ref().map_err(|why| format!("{}: {why}", exchange.place()))
    }

    /// The query as it is compared: in no order, without what is ignored.
    fn query(&self, url: &url::Url) -> Query {
        let mut query: Query =
            url.query_pairs().into_owned().filter(|(name, _)| !self.ignored_query.contains(name)).collect();
        query.sort();
        query
    }
}

/// A flow that failed is no answer where the client asked again and got one.
fn drop_failed_attempts(exchanges: &mut Vec<Exchange>) {
    let failed = |exchange: &Exchange| exchange.response == Err(Unplayable::NoResponse);
    if !exchanges.iter().all(failed) {
        exchanges.retain(|exchange| !failed(exchange));
    }
}

fn shown(query: &Query) -> String {
    let shown = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    if shown.is_empty() { "(none)".to_owned() } else { shown }
}

/// At most three of `items`, each once.
fn list(items: impl Iterator<Item = String>) -> String {
    let all: BTreeSet<String> = items.collect();
    let shown: Vec<&str> = all.iter().take(3).map(String::as_str).collect();
    let more = all.len() - shown.len();
    format!("{}{}", shown.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use wiremock::http::{HeaderMap, Method};

    fn entry(method: &str, path: &str, body: Option<&str>, status: u16, text: &str) -> serde_json::Value {
        let body = body.map(|body| serde_json::json!({"mimeType": "application/json", "text": body}));
        serde_json::json!({
            "request": {"method": method, "url": format!("https://api.example.com{path}"), "postData": body},
            "response": {"status": status, "content": {"text": text}},
        })
    }

    fn exact(entries: &[serde_json::Value]) -> Exact {
        let har = serde_json::json!({"log": {"version": "1.2", "entries": entries}});
        let recording = Recording::from_slice(har.to_string().as_bytes()).unwrap();
        Exact::new(recording.exchanges().to_vec(), ["cachebuster".to_owned()].into())
    }

    fn ask(exact: &Exact, cursors: &mut Cursors, method: &str, path: &str, body: &str) -> String {
        let request = Request {
            url: format!("http://localhost{path}").parse().unwrap(),
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        match exact.answer(&request, cursors) {
            Ok(response) => String::from_utf8(response.body.clone()).unwrap(),
            Err(why) => format!("unmatched: {why}"),
        }
    }

    #[test]
    fn the_query_matches_in_any_order_and_without_ignored_names() {
        let exact = exact(&[entry("GET", "/a?x=1&y=2&cachebuster=17", None, 200, "found")]);
        let mut cursors = Cursors::default();
        for path in ["/a?x=1&y=2", "/a?y=2&x=1", "/a?y=2&cachebuster=99&x=%31"] {
            assert_eq!(ask(&exact, &mut cursors, "GET", path, ""), "found", "{path}");
        }
    }

    #[test]
    fn a_request_that_was_not_recorded_says_what_was() {
        let entries: Vec<_> = (1..=5).map(|page| entry("GET", &format!("/a?page={page}"), None, 200, "x")).collect();
        let exact = exact(&entries);
        let mut cursors = Cursors::default();
        let mut check = |method, path, expected: &str| {
            assert_eq!(ask(&exact, &mut cursors, method, path, ""), format!("unmatched: {expected}"));
        };
        check("GET", "/b", "no recorded exchange has this path");
        check("POST", "/a?page=1", "this path was recorded only with GET");
        check("GET", "/a?page=6", "this path was recorded only with the query page=1, page=2, page=3 and 2 more");
        check(
            "GET",
            "/a?page=1&page=1",
            "this path was recorded only with the query page=1, page=2, page=3 and 2 more",
        );
    }

    #[test]
    fn the_body_decides_where_one_was_recorded() {
        let exact = exact(&[
            entry("POST", "/list", None, 200, "any"),
            entry("POST", "/list", Some(r#"{"cursor":"a","limit":1}"#), 200, "a"),
            entry("POST", "/only", Some(r#"{"cursor":"b"}"#), 200, "b"),
        ]);
        let mut cursors = Cursors::default();
        assert_eq!(ask(&exact, &mut cursors, "POST", "/list", r#"{"limit":1,"cursor":"a"}"#), "a");
        assert_eq!(ask(&exact, &mut cursors, "POST", "/list", r#"{"cursor":"z"}"#), "any");
        assert_eq!(
            ask(&exact, &mut cursors, "POST", "/only", "{}"),
            "unmatched: no recorded request to this path sent this body"
        );
    }

    #[test]
    fn repeated_requests_are_answered_in_order_and_the_last_repeats() {
        let exact = exact(&[
            entry("GET", "/job", None, 200, "queued"),
            entry("GET", "/other", None, 200, "other"),
            entry("GET", "/job", None, 200, "done"),
        ]);
        let mut cursors = Cursors::default();
        let answers: Vec<String> = (0..3).map(|_| ask(&exact, &mut cursors, "GET", "/job", "")).collect();
        assert_eq!(answers, ["queued", "done", "done"]);
        assert_eq!(ask(&exact, &mut Cursors::default(), "GET", "/job", ""), "queued");
    }

    #[test]
    fn a_failed_attempt_counts_only_where_nothing_else_was_answered() {
        let exact = exact(&[
            entry("GET", "/retried", None, 0, ""),
            entry("GET", "/retried", None, 200, "second try"),
            entry("GET", "/lost", None, 0, ""),
        ]);
        let mut cursors = Cursors::default();
        assert_eq!(ask(&exact, &mut cursors, "GET", "/retried", ""), "second try");
        assert_eq!(
            ask(&exact, &mut cursors, "GET", "/lost", ""),
            "unmatched: recording, entry 2: the recorded request had no response (status 0)"
        );
    }
}
