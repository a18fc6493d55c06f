//! Turns one HAR entry into an exchange: fills in what recorders leave out, decodes the body, and says why an exchange cannot
//! be replayed. Which headers survive is left to `headers`.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use har::v1_2::{Content, Entries};
use serde_json::{Map, Value, json};
use url::Url;

use crate::headers;
use crate::recording::{Exchange, Response, Unplayable};
use crate::request_body::RequestBody;

/// Padding is often lost on the way through other tools.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The exchange of entry `index`; none if it is not HTTP (`data:`, `ws:`, `chrome-extension:`).
pub(crate) fn exchange(file: &Arc<str>, index: usize, mut entry: Value) -> Result<Option<Exchange>, String> {
    complete(&mut entry)?;
    let entry: Entries = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let mut url = Url::parse(&entry.request.url).map_err(|error| format!("{error}: `{}`", entry.request.url))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(None);
    }
    if url.query().is_none() && !entry.request.query_string.is_empty() {
        url.query_pairs_mut().extend_pairs(entry.request.query_string.iter().map(|pair| (&pair.name, &pair.value)));
    }
    let method = entry.request.method.to_ascii_uppercase();
    let response = response(&method, &entry.response)?;
    let body = entry.request.post_data.and_then(RequestBody::recorded);
    Ok(Some(Exchange { file: file.clone(), entry: index, method, url, body, response }))
}

fn response(method: &str, recorded: &har::v1_2::Response) -> Result<Result<Response, Unplayable>, String> {
    let status = match recorded.status {
        0 => return Ok(Err(Unplayable::NoResponse)),
        status @ 200..=999 => status as u16,
        status => return Ok(Err(Unplayable::Status(status))),
    };
    let Some(body) = body(&recorded.content)? else {
        let size = recorded.content.size.max(recorded.body_size);
        let bodiless = method == "HEAD" || matches!(status, 204 | 304) || size <= 0;
        if !bodiless {
            return Ok(Err(Unplayable::NoBody(size)));
        }
        let headers = headers::playable(&recorded.headers, None, &[]);
        return Ok(Ok(Response { status, headers, body: Vec::new() }));
    };
    let headers = headers::playable(&recorded.headers, recorded.content.mime_type.as_deref(), &body);
    Ok(Ok(Response { status, headers, body }))
}

/// The decoded body; none if the recording does not hold one.
fn body(content: &Content) -> Result<Option<Vec<u8>>, String> {
    let Some(text) = &content.text else { return Ok(None) };
    // Firefox writes an empty text for bodies over its limit.
    if text.is_empty() && content.size > 0 {
        return Ok(None);
    }
    if !content.encoding.as_deref().is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64")) {
        return Ok(Some(text.clone().into_bytes()));
    }
    let packed: String = text.split_ascii_whitespace().collect();
    let decoded = BASE64.decode(packed).map_err(|error| format!("response.content.text is not base64: {error}"))?;
    Ok(Some(decoded))
}

/// Gives an entry every member that the `har` crate wants and a replay does not need, since recorders leave out, null or retype
/// many of them.
fn complete(entry: &mut Value) -> Result<(), String> {
    let entry = entry.as_object_mut().ok_or("it is not an object")?;
    for unused in ["pageref", "serverIPAddress", "connection", "comment"] {
        entry.remove(unused);
    }
    for (name, value) in [
        ("startedDateTime", json!("")),
        ("time", json!(0)),
        ("cache", json!({})),
        ("timings", json!({"send": 0, "wait": 0, "receive": 0})),
    ] {
        entry.insert(name.to_owned(), value);
    }
    let request = object(entry, "request").ok_or("it has no `request` object")?;
    message(request);
    default(request, "queryString", json!([]));
    if let Some(post_data) = object(request, "postData") {
        default(post_data, "mimeType", json!(""));
    }
    default(entry, "response", json!({}));
    let response = object(entry, "response").ok_or("its `response` is not an object")?;
    message(response);
    response.remove("redirectURL");
    default(response, "status", json!(0));
    default(response, "statusText", json!(""));
    default(response, "content", json!({}));
    if let Some(content) = object(response, "content") {
        content.remove("compression");
        number(content, "size");
    }
    Ok(())
}

fn message(message: &mut Map<String, Value>) {
    message.insert("cookies".to_owned(), json!([]));
    message.insert("headersSize".to_owned(), json!(-1));
    message.remove("comment");
    default(message, "httpVersion", json!(""));
    default(message, "headers", json!([]));
    number(message, "bodySize");
}

fn object<'a>(parent: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    parent.get_mut(name).and_then(Value::as_object_mut)
}

fn default(parent: &mut Map<String, Value>, name: &str, value: Value) {
    if parent.get(name).is_none_or(Value::is_null) {
        parent.insert(name.to_owned(), value);
    }
}

/// A size that is no whole number says nothing.
fn number(parent: &mut Map<String, Value>, name: &str) {
    if parent.get(name).is_none_or(|size| !size.is_i64()) {
        parent.insert(name.to_owned(), json!(-1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(request: impl Into<Value>, response: impl Into<Value>) -> Value {
        json!({"request": request.into(), "response": response.into()})
    }

    fn get(response: Value) -> Result<Response, Unplayable> {
        let request = json!({"method": "get", "url": "https://api.example.com/v1/things"});
        exchange(&"test.har".into(), 0, entry(request, response)).unwrap().unwrap().response
    }

    #[test]
    fn an_entry_with_only_what_a_replay_needs_is_read() {
        let response =
            get(json!({"status": 200, "content": {"text": "[]", "mimeType": "application/json; charset=utf-8"}}));
        let expected = [("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        assert_eq!(response, Ok(Response { status: 200, headers: expected.into(), body: b"[]".into() }));
    }

    #[test]
    fn null_and_retyped_members_do_not_matter() {
        let mut value = entry(
            json!({"method": "GET", "url": "https://a.example/", "httpVersion": null, "headersSize": null, "cookies": null, "postData": null}),
            json!({"status": 200, "redirectURL": null, "headers": null, "bodySize": 12.5, "content": {"size": null, "text": "x"}}),
        );
        value["connection"] = json!(443);
        value["time"] = Value::Null;
        assert_eq!(exchange(&"test.har".into(), 0, value).unwrap().unwrap().response.unwrap().body, b"x");
    }

    #[test]
    fn base64_is_decoded_with_or_without_padding_and_line_breaks() {
        for text in ["aGVsbG8=", "aGVsbG8", "aGVs\r\nbG8=\n"] {
            let response = get(json!({"status": 200, "content": {"text": text, "encoding": "base64"}}));
            assert_eq!(response.unwrap().body, b"hello", "{text:?}");
        }
        let request = json!({"method": "GET", "url": "https://a.example/"});
        let error = exchange(
            &"test.har".into(),
            3,
            entry(request, json!({"status": 200, "content": {"text": "%", "encoding": "base64"}})),
        );
        assert!(error.unwrap_err().starts_with("response.content.text is not base64"));
    }

    #[test]
    fn what_cannot_be_replayed_says_why() {
        for (response, expected) in [
            (json!({"status": 0}), Unplayable::NoResponse),
            (json!({"status": null}), Unplayable::NoResponse),
            (json!({"status": 101}), Unplayable::Status(101)),
            (json!({"status": 200, "content": {"size": 68_109}}), Unplayable::NoBody(68_109)),
            (json!({"status": 200, "content": {"size": 9, "text": ""}}), Unplayable::NoBody(9)),
            (json!({"status": 200, "bodySize": 12, "content": {}}), Unplayable::NoBody(12)),
        ] {
            assert_eq!(get(response.clone()), Err(expected), "{response}");
        }
    }

    #[test]
    fn an_empty_body_is_a_body_where_none_was_sent() {
        for response in [
            json!({"status": 204, "content": {"size": 5}}),
            json!({"status": 304, "content": {"size": 5}}),
            json!({"status": 302, "content": {"size": 0}}),
            json!({"status": 200, "content": {"size": 0, "text": ""}}),
        ] {
            assert_eq!(get(response.clone()).unwrap().body, b"", "{response}");
        }
    }

    #[test]
    fn what_is_not_http_is_no_exchange() {
        for url in ["data:text/plain,x", "ws://a.example/", "chrome-extension://abc/x.js"] {
            let value = entry(json!({"method": "GET", "url": url}), json!({"status": 200}));
            assert!(exchange(&"test.har".into(), 0, value).unwrap().is_none(), "{url}");
        }
        let value = entry(json!({"method": "GET", "url": "/relative"}), json!({"status": 200}));
        assert_eq!(exchange(&"test.har".into(), 0, value).unwrap_err(), "relative URL without a base: `/relative`");
        let value = entry(json!({"method": "GET"}), json!({"status": 200}));
        assert_eq!(exchange(&"test.har".into(), 0, value).unwrap_err(), "missing field `url`");
    }

    #[test]
    fn a_query_that_stands_only_in_the_query_string_list_counts() {
        let request =
            json!({"method": "GET", "url": "https://a.example/x", "queryString": [{"name": "page", "value": "2"}]});
        let exchange = exchange(&"test.har".into(), 0, entry(request, json!({"status": 204}))).unwrap().unwrap();
        assert_eq!(exchange.url.query(), Some("page=2"));
    }
}
