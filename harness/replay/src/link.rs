//! The `Link` header of a numbered page, RFC 8288.

use url::Url;
use url::form_urlencoded::Serializer;

/// Where a page stands among its list's pages, which count from 1.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) page: u64,
    pub(crate) last: u64,
    /// Whether to say which page is the last one.
    pub(crate) with_last: bool,
}

/// The header of a page that was asked for with `url`, with links to the host `base`. They repeat the caller's query. The order
/// is the API's: next, prev, last.
pub(crate) fn header(base: &str, url: &Url, per_page: u64, pages: &Pages) -> Option<String> {
    let mut links = Vec::new();
    let mut link = |page: u64, rel: &str| {
        links.push(format!("<{base}{}?{}>; rel=\"{rel}\"", url.path(), query(url, page, per_page)));
    };
    if pages.page < pages.last {
        link(pages.page + 1, "next");
    }
    if pages.page > 1 {
        link((pages.page - 1).min(pages.last), "prev");
    }
    if pages.with_last {
        link(pages.last, "last");
    }
    (!links.is_empty()).then(|| links.join(","))
}

fn query(url: &Url, page: u64, per_page: u64) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(url.query_pairs().filter(|(name, _)| name != "page" && name != "per_page"));
    query.append_pair("page", &page.to_string());
    query.append_pair("per_page", &per_page.to_string());
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, page: u64, last: u64, with_last: bool, expected: Option<&str>) {
        let url: Url = url.parse().unwrap();
        let header = header("http://127.0.0.1:9", &url, 2, &Pages { page, last, with_last });
        assert_eq!(header.as_deref(), expected);
    }

    #[test]
    fn links_repeat_the_callers_query() {
        check(
            "http://localhost/v1/jobs?page=2&status=open&per_page=2&created_after=2024-01-01T00%3A00%3A00Z",
            2,
            3,
            true,
            Some(concat!(
                "<http://127.0.0.1:9/v1/jobs?status=open&created_after=2024-01-01T00%3A00%3A00Z&page=3&per_page=2>; rel=\"next\",",
                "<http://127.0.0.1:9/v1/jobs?status=open&created_after=2024-01-01T00%3A00%3A00Z&page=1&per_page=2>; rel=\"prev\",",
                "<http://127.0.0.1:9/v1/jobs?status=open&created_after=2024-01-01T00%3A00%3A00Z&page=3&per_page=2>; rel=\"last\"",
            )),
        );
    }

    #[test]
    fn only_pages_that_exist_are_linked() {
        let only = "<http://127.0.0.1:9/v1/jobs?page=1&per_page=2>; rel=\"last\"";
        check("http://localhost/v1/jobs", 1, 1, true, Some(only));
        check("http://localhost/v1/jobs", 1, 1, false, None);
        let prev = "<http://127.0.0.1:9/v1/jobs?page=3&per_page=2>; rel=\"prev\"";
        check("http://localhost/v1/jobs", 9, 3, false, Some(prev));
    }
}
