//! Points absolute URLs of the recorded hosts to the replay host.

use std::borrow::Cow;
use std::collections::BTreeSet;

use url::Url;

use crate::recording::Exchange;

/// The hosts that were recorded, as `host` or `host:port` in small letters, without the port that the scheme implies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(BTreeSet<String>);

impl Origins {
    pub(crate) fn of(exchanges: &[Exchange]) -> Self {
        Self(exchanges.iter().filter_map(|exchange| authority(&exchange.url)).collect())
    }

    /// `text` with scheme, host and port of every recorded URL, `http` as well as `https`, replaced by `base`
    /// (`http://127.0.0.1:4010`). Slashes may be escaped as JSON allows (`https:\/\/`).
    pub(crate) fn rewrite<'a>(&self, text: &'a str, base: &str) -> Cow<'a, str> {
        let mut rewritten = String::new();
        let mut copied = 0;
        for (start, _) in text.match_indices("http") {
            if start < copied {
                continue;
            }
            let Some((end, escaped)) = self.origin_at(text, start) else { continue };
            rewritten.push_str(&text[copied..start]);
            if escaped {
                rewritten.push_str(&base.replace('/', "\\/"));
            } else {
                rewritten.push_str(base);
            }
            copied = end;
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        rewritten.push_str(&text[copied..]);
        Cow::Owned(rewritten)
    }

    /// Where the recorded origin that starts at `start` ends, and whether its slashes are escaped.
    fn origin_at(&self, text: &str, start: usize) -> Option<(usize, bool)> {
        let rest = &text[start + "http".len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        let (rest, escaped) = match rest.strip_prefix("://") {
            Some(rest) => (rest, false),
            None => (rest.strip_prefix(":\\/\\/")?, true),
        };
        let from = text.len() - rest.len();
        let length = rest
            .find(|letter: char| {
                !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '-' | '_' | ':' | '[' | ']' | '@' | '%')
            })
            .unwrap_or(rest.len());
        let end = from + length;
        let scheme = &text[start..start + text[start..].find(':')?];
        let url = Url::parse(&format!("{scheme}://{}", &text[from..end])).ok()?;
        (url.username().is_empty() && self.0.contains(&authority(&url)?)).then_some((end, escaped))
    }
}

fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let origins = Origins(["api.example.com", "api.example.com:8443"].map(str::to_owned).into());
        assert_eq!(origins.rewrite(text, "http://127.0.0.1:9"), expected);
    }

    #[test]
    fn recorded_origins_are_rewritten_wherever_they_stand() {
        check("https://api.example.com/v1?page=2", "http://127.0.0.1:9/v1?page=2");
        check("https://API.example.com", "http://127.0.0.1:9");
        check("https://api.example.com:443/a", "http://127.0.0.1:9/a");
        check("http://api.example.com:80/a", "http://127.0.0.1:9/a");
        check("https://api.example.com:8443/a", "http://127.0.0.1:9/a");
        check(
            r#"<https://api.example.com/a?x=1>; rel="next",<http://api.example.com/b>; rel="last""#,
            r#"<http://127.0.0.1:9/a?x=1>; rel="next",<http://127.0.0.1:9/b>; rel="last""#,
        );
        check(r#"{"next":"https:\/\/api.example.com\/v1"}"#, r#"{"next":"http:\/\/127.0.0.1:9\/v1"}"#);
    }

    #[test]
    fn other_hosts_and_relative_urls_are_left_alone() {
        for text in [
            "/v1?page=2",
            "https://api.example.com.evil.example/",
            "https://other.example.com/",
            "https://api.example.com:9/",
            "https://user@api.example.com/",
            "https api.example.com",
            "http",
            "httphttp://",
        ] {
            check(text, text);
        }
    }
}
