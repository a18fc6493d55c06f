//! Reads the `Link` header of a list (RFC 8288): which page follows, and which is the last. Knows nothing of requests.

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};

/// The pages that an answer links to. Both are absent on a list of one page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// The page of `rel="next"`.
    pub(super) next: Option<u32>,
    /// The page of `rel="last"`, which is the count of pages.
    pub(super) last: Option<u32>,
}

/// A link that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// It does not say to which page.
    #[error("link `{0}` has no page number")]
    Pageless(String),
    /// It leads to this page or one before, so that following it would never end.
    #[error("the next page is said to be page {0}")]
    Backwards(u32),
}

impl Links {
    /// Reads the page numbers of the header that came with `page`. The API writes `<URL>; rel="next",<URL>; rel="last"` with or without a
    /// space after the comma.
    ///
    /// Only the number is taken: the next request goes to the configured host, so that the key goes nowhere else and a
    /// recording or a proxy may answer in the API's name.
    pub(super) fn read(headers: &HeaderMap, page: u32) -> Result<Self, BadLink> {
        let mut links = Self::default();
        for value in headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()) {
            // A URL may hold commas and semicolons, so links are told apart by their opening bracket.
            for link in value.split('<').skip(1) {
                let Some((url, params)) = link.split_once('>') else { continue };
                let number = match relation(params) {
                    Some(rel) if rel.eq_ignore_ascii_case("next") => &mut links.next,
                    Some(rel) if rel.eq_ignore_ascii_case("last") => &mut links.last,
                    _ => continue,
                };
                *number = Some(page_number(url).ok_or_else(|| BadLink::Pageless(url.to_owned()))?);
            }
        }
        match links.next {
            Some(next) if next <= page => Err(BadLink::Backwards(next)),
            _ => Ok(links),
        }
    }
}

/// The value of `rel`, quoted or not.
fn relation(params: &str) -> Option<&str> {
    params
        .split([';', ','])
        .filter_map(|param| param.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("rel"))
        .map(|(_, rel)| rel.trim().trim_matches('"'))
}

fn page_number(url: &str) -> Option<u32> {
    // The API's links are absolute; a relative one is read against any base, as only the query matters.
    let base = Url::parse("http://relative/").ok()?;
    let url = base.join(url).ok()?;
    url.query_pairs().find(|(name, _)| name == "page").and_then(|(_, page)| page.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[track_caller]
    fn check(header: &'static str, next: Option<u32>, last: Option<u32>) {
        let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_static(header))]);
        assert_eq!(Links::read(&headers, 1), Ok(Links { next, last }), "{header}");
    }

    #[test]
    fn next_and_last_are_read_in_every_spelling() {
        check(
            r#"<https://h/v1/jobs?page=2&per_page=2>; rel="next",<https://h/v1/jobs?page=474&per_page=2>; rel="last""#,
            Some(2),
            Some(474),
        );
        check(
            r#"<https://h/v1/jobs?per_page=9&page=3>; rel="next", <https://h/v1/jobs?page=1>; rel="prev", <https://h/v1/jobs?page=7>; rel="last""#,
            Some(3),
            Some(7),
        );
        check(r#"<https://h/v1/jobs?page=1>; rel="last""#, None, Some(1));
        check("</v1/jobs?page=4>; REL=next", Some(4), None);
        check(r#"<https://h/v1/jobs?job_ids=1,2;3&page=5>; title="a"; rel="next""#, Some(5), None);
        check("", None, None);
        check("nonsense", None, None);
    }

    #[test]
    fn no_header_is_one_page() {
        assert_eq!(Links::read(&HeaderMap::new(), 1), Ok(Links::default()));
    }

    #[test]
    fn a_next_link_without_a_page_number_is_an_error() {
        let header = HeaderValue::from_static(r#"<https://h/v3/jobs?cursor=abc>; rel="next""#);
        let error = Links::read(&HeaderMap::from_iter([(LINK, header)]), 1).expect_err("a cursor is no page");
        assert_eq!(error.to_string(), "link `https://h/v3/jobs?cursor=abc` has no page number");
    }

    #[test]
    fn a_next_link_that_leads_nowhere_new_is_an_error() {
        let header = HeaderValue::from_static(r#"<https://h/v1/jobs?page=2>; rel="next""#);
        let headers = HeaderMap::from_iter([(LINK, header)]);
        assert_eq!(Links::read(&headers, 2), Err(BadLink::Backwards(2)));
        assert_eq!(Links::read(&headers, 1), Ok(Links { next: Some(2), last: None }));
    }
}
