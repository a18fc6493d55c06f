//! Which recorded response headers can be sent again, and how.

use har::v1_2::Headers;
use wiremock::http::{HeaderName, HeaderValue};

/// What belongs to one connection (RFC 9110, 7.6.1), or to the length and coding of the body that was on the wire then.
const DROPPED: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "alt-svc",
];

/// The headers to send with `body`. Without a recorded `Content-Type`, the `mime` type of the recorded content serves.
pub(crate) fn playable(recorded: &[Headers], mime: Option<&str>, body: &[u8]) -> Vec<(String, String)> {
    let per_connection: Vec<String> = recorded
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("connection"))
        .flat_map(|header| header.value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut headers = Vec::new();
    for Headers { name, value, .. } in recorded {
        let name = name.trim().to_ascii_lowercase();
        // Some recorders keep the bytes of the wire: then the body still needs its coding.
        let still_coded =
            name == "content-encoding" && value.eq_ignore_ascii_case("gzip") && body.starts_with(b"\x1f\x8b");
        let dropped = DROPPED.contains(&name.as_str()) || per_connection.contains(&name);
        // A pseudo header (`:status`) is no name of a header, and neither is what only looks like one.
        if (dropped && !still_coded) || HeaderName::from_bytes(name.as_bytes()).is_err() {
            continue;
        }
        // Browsers join the values of a repeated header by line breaks.
        headers.extend(
            value
                .split('\n')
                .map(str::trim)
                .filter(|value| is_value(value))
                .map(|value| (name.clone(), value.to_owned())),
        );
    }
    if !headers.iter().any(|(name, _)| name == "content-type") {
        let mime = mime.filter(|mime| mime.contains('/') && is_value(mime) && *mime != "x-unknown");
        headers.extend(mime.map(|mime| ("content-type".to_owned(), mime.to_owned())));
    }
    headers
}

/// What is left of the headers of a recorded list when paging and limits are the replay's own.
pub(crate) fn of_list(recorded: &[(String, String)]) -> Vec<(String, String)> {
    let own = |name: &str| matches!(name, "link" | "etag" | "date" | "retry-after") || name.starts_with("x-ratelimit-");
    recorded.iter().filter(|(name, _)| !own(name)).cloned().collect()
}

fn is_value(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok() || HeaderValue::from_bytes(value.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(recorded: &[(&str, &str)], body: &[u8], expected: &[(&str, &str)]) {
        let recorded: Vec<Headers> = recorded
            .iter()
            .map(|(name, value)| Headers { name: (*name).to_owned(), value: (*value).to_owned(), comment: None })
            .collect();
        let expected: Vec<(String, String)> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(playable(&recorded, Some("text/x"), body), expected);
    }

    #[test]
    fn lengths_codings_and_connection_headers_are_dropped_in_any_case() {
        check(
            &[
                (":status", "200"),
                ("Content-Length", "123"),
                ("CONTENT-ENCODING", "br"),
                ("transfer-encoding", "chunked"),
                ("Connection", "close, X-Hop"),
                ("x-hop", "1"),
                ("X-Kept", "yes"),
                ("not a name", "x"),
                ("Content-Type", "application/json;charset=utf-8"),
            ],
            b"[]",
            &[("x-kept", "yes"), ("content-type", "application/json;charset=utf-8")],
        );
    }

    #[test]
    fn a_body_that_is_still_gzip_keeps_its_coding() {
        check(
            &[("Content-Encoding", "gzip")],
            b"\x1f\x8b\x08",
            &[("content-encoding", "gzip"), ("content-type", "text/x")],
        );
    }

    #[test]
    fn values_joined_by_line_breaks_are_several_headers() {
        check(
            &[("set-cookie", "a=1\nb=2")],
            b"",
            &[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("content-type", "text/x")],
        );
    }
}
