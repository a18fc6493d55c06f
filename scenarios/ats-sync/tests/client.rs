//! The Harvest client against servers on this machine: paging, retries, errors.

mod support;

use std::time::{Duration, Instant};

use ats_sync::harvest::{Application, Candidate, Cause, Harvest, HarvestError, Job, Record};
use ats_sync::{Collection, Metrics};
use program::explain;
use serde_json::json;
use support::wire::{Wire, cut, ok};
use support::{Account, Api, NO_DATABASE, config, id};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn client(uri: &str, page_size: u32) -> Harvest {
    let mut config = config(uri, NO_DATABASE);
    config.page_size = page_size;
    Harvest::new(&config, Metrics::new()).expect("a client")
}

async fn ids<T: Record>(harvest: &Harvest, concurrency: Option<usize>) -> Vec<i64> {
    let pages = harvest.pages::<T>(concurrency).await.expect("pages");
    pages.iter().flat_map(|page| &page.items).map(Record::id).collect()
}

/// A server that answers the first page of jobs with the templates in turn, the last of them for good.
async fn answering(templates: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
    let server = MockServer::builder().start().await;
    let mut templates = templates.into_iter().peekable();
    while let Some(template) = templates.next() {
        let mock = Mock::given(method("GET")).and(path("/v1/jobs")).respond_with(template);
        match templates.peek() {
            Some(_) => mock.up_to_n_times(1).mount(&server).await,
            None => mock.mount(&server).await,
        }
    }
    server
}

fn one_job() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json([support::job(1)])
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.expect("requests are recorded").len()
}

#[tokio::test]
async fn a_list_is_read_whole_and_in_order_at_any_page_size_and_concurrency() {
    let api = Api::of(Account::of(1, 0, 23)).await;
    for page_size in [1, 7, 23, 500] {
        for concurrency in [None, Some(1), Some(3)] {
            let harvest = client(&api.server.uri(), page_size);
            let expect: Vec<i64> = (1..=23).map(id).collect();
            assert_eq!(ids::<Application>(&harvest, concurrency).await, expect, "{page_size} {concurrency:?}");
            assert_eq!(ids::<Job>(&harvest, concurrency).await, [id(1)]);
            assert!(ids::<Candidate>(&harvest, concurrency).await.is_empty(), "an empty list is one empty page");
        }
    }
}

#[tokio::test]
async fn a_request_carries_the_key_the_page_size_and_the_page() {
    let server = MockServer::builder().start().await;
    // `a-test-key:` in base 64.
    Mock::given(method("GET"))
        .and(path("/v1/candidates"))
        .and(header("authorization", "Basic YS10ZXN0LWtleTo="))
        .and(query_param("per_page", "50"))
        .and(query_param("page", "3"))
        .respond_with(ResponseTemplate::new(200).set_body_json([support::candidate(1)]))
        .expect(1)
        .mount(&server)
        .await;
    let page = client(&server.uri(), 50).page::<Candidate>(3).await.expect("a page");
    assert_eq!((page.number, page.items.len(), page.next, page.last), (3, 1, None, None));
    server.verify().await;
}

#[tokio::test]
async fn pages_that_were_not_there_at_first_are_walked() {
    // Page 1 knows of two pages, page 2 of a third; nobody says how many there are in the end.
    let wire = Wire::answering(Duration::ZERO, |_, head| {
        let link = |page: u32, rel: &str| format!("</v1/jobs?page={page}>; rel=\"{rel}\"");
        match () {
            () if head.contains("page=1 ") => ok(r#"[{"id":1}]"#, &format!("{},{}", link(2, "next"), link(2, "last"))),
            () if head.contains("page=2 ") => ok(r#"[{"id":2}]"#, &link(3, "next")),
            () if head.contains("page=3 ") => ok(r#"[{"id":3}]"#, &link(4, "next")),
            () => ok(r#"[{"id":4}]"#, ""),
        }
    });
    assert_eq!(ids::<Job>(&client(&wire.uri(), 1), None).await, [1, 2, 3, 4]);
    assert_eq!(wire.requests(), 4);
}

#[tokio::test]
async fn concurrency_bounds_the_pages_under_way() {
    // A busy machine may overlap fewer requests than it could, never more than it should.
    for (concurrency, delay, expect) in [(None, 400, 5..=11), (Some(4), 100, 2..=4), (Some(1), 20, 1..=1)] {
        let wire = Wire::answering(Duration::from_millis(delay), |_, head| match head.contains("page=1 ") {
            true => ok("[]", r#"</v1/jobs?page=2>; rel="next",</v1/jobs?page=12>; rel="last""#),
            false => ok("[]", ""),
        });
        client(&wire.uri(), 500).pages::<Job>(concurrency).await.expect("pages");
        assert_eq!(wire.requests(), 12);
        assert!(expect.contains(&wire.most_under_way()), "{concurrency:?}: {}", wire.most_under_way());
    }
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_long_as_the_server_says() {
    let limited = || ResponseTemplate::new(429).insert_header("retry-after", "1");
    let server = answering([limited(), one_job()]).await;
    let start = Instant::now();
    assert_eq!(ids::<Job>(&client(&server.uri(), 500), None).await, [id(1)]);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(requests(&server).await, 2);
}

#[tokio::test]
async fn passing_troubles_are_tried_again() {
    let trouble = |status| ResponseTemplate::new(status).insert_header("retry-after", "0");
    let server = answering([trouble(503), trouble(429), trouble(429), trouble(500), trouble(429), one_job()]).await;
    assert_eq!(ids::<Job>(&client(&server.uri(), 500), None).await, [id(1)]);
    assert_eq!(requests(&server).await, 6);
}

#[tokio::test]
async fn attempts_are_bounded() {
    for (status, expect) in [(500, 3), (503, 3), (429, 5)] {
        let body = json!({"message": "come back later"});
        let server = answering([ResponseTemplate::new(status).set_body_json(body)]).await;
        let error = client(&server.uri(), 500).page::<Job>(1).await.expect_err("no page");
        let HarvestError::Exhausted { attempts, cause: Cause::Status { status: last, message }, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((*attempts, last.as_u16(), message.as_str()), (expect, status, "come back later"));
        assert_eq!(requests(&server).await, expect as usize);
        assert!(explain(&error).contains("come back later"), "{}", explain(&error));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again_and_named() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let error = client(&format!("http://{gone}"), 500).page::<Job>(1).await.expect_err("no server");
    assert!(matches!(error, HarvestError::Exhausted { attempts: 3, cause: Cause::Transport(_), .. }), "{error:?}");
    let line = explain(&error);
    assert!(line.contains(&gone.to_string()) && line.contains("refused"), "{line}");
}

#[tokio::test]
async fn a_page_that_dies_midway_is_fetched_anew() {
    let wire = Wire::answering(Duration::ZERO, |number, _| match number {
        1 => cut(r#"[{"id":1},{"id"#),
        _ => ok(r#"[{"id":1},{"id":2}]"#, ""),
    });
    assert_eq!(ids::<Job>(&client(&wire.uri(), 500), None).await, [1, 2]);
    assert_eq!(wire.requests(), 2);

    // What came looks whole, yet the answer is not.
    let wire = Wire::answering(Duration::ZERO, |_, _| cut(r#"[{"id":1}]"#));
    let error = client(&wire.uri(), 500).page::<Job>(1).await.expect_err("no page");
    assert!(matches!(error, HarvestError::Exhausted { attempts: 3, cause: Cause::Transport(_), .. }), "{error:?}");
}

#[tokio::test]
async fn lasting_troubles_are_not_tried_again() {
    for (status, expect) in [
        (401, "answered 401 Unauthorized: go away; check HARVEST_API_KEY"),
        (403, "answered 403 Forbidden: go away; check HARVEST_API_KEY"),
        (404, "was not found: go away; HARVEST_URL is the part up to and with `/v1`"),
        (422, "answered 422 Unprocessable Entity: go away"),
    ] {
        let server = answering([ResponseTemplate::new(status).set_body_json(json!({"message": "go away"}))]).await;
        let error = client(&server.uri(), 500).page::<Job>(1).await.expect_err("no page");
        assert!(error.to_string().contains(expect), "{error}");
        assert!(!format!("{error:?}").contains(support::KEY), "no error shows the key");
        assert_eq!(requests(&server).await, 1);
    }
    let server = answering([ResponseTemplate::new(401)]).await;
    let error = client(&server.uri(), 500).page::<Job>(1).await.expect_err("no page");
    assert!(matches!(error, HarvestError::Unauthorized { .. }), "{error:?}");
    assert!(error.to_string().contains("no message"), "{error}");
}

#[tokio::test]
async fn what_does_not_decode_is_named_by_page_and_place() {
    for (body, expect) in [
        ("<html>busy</html>", "page 4 of jobs does not decode at `.`: expected value at line 1 column 1"),
        (
            r#"[{"id":1},{"id":2,"departments":[{"id":"x"}]}]"#,
            "page 4 of jobs does not decode at `[1].departments[0].id`",
        ),
    ] {
        let server = answering([ResponseTemplate::new(200).set_body_string(body)]).await;
        let error = client(&server.uri(), 500).page::<Job>(4).await.expect_err("no page");
        assert!(matches!(error, HarvestError::Decode { collection: Collection::Jobs, page: 4, .. }), "{error:?}");
        assert!(error.to_string().starts_with(expect), "{error}");
        assert_eq!(requests(&server).await, 1);
    }
}

#[tokio::test]
async fn links_that_cannot_be_followed_are_errors() {
    for (link, expect) in [
        ("</v1/jobs?page=1>; rel=\"next\"", "cannot read on after page 1 of jobs: the next page is said to be page 1"),
        ("</v1/jobs?cursor=x>; rel=\"next\"", "cannot read on after page 1 of jobs: link `/v1/jobs?cursor=x` has no"),
    ] {
        let server = answering([one_job().insert_header("link", link)]).await;
        let error = client(&server.uri(), 500).pages::<Job>(None).await.expect_err("no list");
        assert!(error.to_string().starts_with(expect), "{error}");
    }
}

#[test]
fn a_url_without_a_path_is_refused() {
    let mut config = config("http://127.0.0.1:9", NO_DATABASE);
    config.harvest_url = "mailto:nobody@example.com".parse().expect("a URL");
    let error = Harvest::new(&config, Metrics::new()).expect_err("no base");
    assert!(error.to_string().starts_with("`mailto:nobody@example.com` is no base of an API"), "{error}");
}

/// The ids of a page that is read record by record.
async fn streamed<T: Record>(harvest: &Harvest, number: u32) -> Result<Vec<i64>, HarvestError> {
    let mut page = harvest.open::<T>(number).await?;
    let mut ids = Vec::new();
    while let Some(next) = harvest.next(&mut page).await? {
        assert!(next.text > 0);
        ids.push(next.record.id());
        assert!(page.records() <= ids.len());
    }
    Ok(ids)
}

#[tokio::test]
async fn a_page_can_be_read_record_by_record() {
    let api = Api::of(Account::of(1, 0, 23)).await;
    let harvest = client(&api.server.uri(), 7);
    let page = harvest.open::<Application>(2).await.expect("a page");
    assert_eq!((page.number(), page.next(), page.last(), page.records()), (2, Some(3), Some(4), 0));
    assert_eq!(streamed::<Application>(&harvest, 2).await.expect("a page"), (8..=14).map(id).collect::<Vec<_>>());
    assert_eq!(streamed::<Application>(&harvest, 4).await.expect("a page"), [id(22), id(23)]);
    assert!(streamed::<Candidate>(&harvest, 1).await.expect("a page").is_empty());
}

#[tokio::test]
async fn a_page_that_breaks_off_while_it_is_read_comes_again_from_its_first_record() {
    let wire = Wire::answering(Duration::ZERO, |number, _| match number {
        1 => cut(r#"[{"id":1},{"id":2},{"id"#),
        _ => ok(r#"[{"id":1},{"id":2},{"id":3}]"#, ""),
    });
    assert_eq!(streamed::<Job>(&client(&wire.uri(), 500), 1).await.expect("a page"), [1, 2, 1, 2, 3]);
    assert_eq!(wire.requests(), 2);

    let wire = Wire::answering(Duration::ZERO, |_, _| cut(r#"[{"id":1}]"#));
    let error = streamed::<Job>(&client(&wire.uri(), 500), 1).await.expect_err("no page");
    assert!(matches!(error, HarvestError::Exhausted { attempts: 3, cause: Cause::Transport(_), .. }), "{error:?}");
}

#[tokio::test]
async fn what_does_not_decode_while_it_is_read_is_named_by_page_and_place() {
    for (body, expect) in [
        ("<html>busy</html>", "`.`: expected value at line 1 column 1"),
        (r#"{"message":"hello"}"#, "`.`: invalid type: map, expected a sequence"),
        ("", "`.`: EOF while parsing a value"),
        (r#"[{"id":1},{"id":2,"departments":[{"id":"x"}]}]"#, "`[1].departments[0].id`: invalid type: string"),
        (r#"[{"id":1},{"name":"x"}]"#, "`[1]`: missing field `id`"),
        (r#"[{"id":1},[]]"#, "`[1]"),
        (r#"[{"id":1},{"id":2"#, "`[1]`: EOF while parsing an element"),
        (r#"[{"id":1} {"id":2}]"#, "`[1]`: expected `,` or `]`, found `{`"),
        (r#"[{"id":1}] and more"#, "`[1]`: expected nothing behind the list, found `a`"),
    ] {
        let server = answering([ResponseTemplate::new(200).set_body_string(body)]).await;
        let error = streamed::<Job>(&client(&server.uri(), 500), 4).await.expect_err(body);
        assert!(matches!(error, HarvestError::Decode { collection: Collection::Jobs, page: 4, .. }), "{error:?}");
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("page 4 of jobs does not decode at {expect}")), "{shown}");
    }
}

/// A server of `pages` pages that lets so many requests through in each second, and says so as the API does.
fn limited(limit: usize, pages: u32) -> (Wire, std::sync::Arc<std::sync::Mutex<Vec<u16>>>) {
    let statuses = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = statuses.clone();
    let window = std::sync::Mutex::new((Instant::now(), 0));
    let wire = Wire::answering(Duration::from_millis(5), move |_, _| {
        let mut window = window.lock().expect("nobody panicked");
        if window.0.elapsed() >= Duration::from_secs(1) {
            *window = (Instant::now(), 0);
        }
        let within = window.1 < limit;
        window.1 += usize::from(within);
        let remaining = limit - window.1;
        seen.lock().expect("nobody panicked").push(if within { 200 } else { 429 });
        let head = format!("content-length: 2\r\nx-ratelimit-remaining: {remaining}\r\nconnection: close\r\n");
        match within {
            true => format!("HTTP/1.1 200 OK\r\n{head}link: </v1/jobs?page={pages}>; rel=\"last\"\r\n\r\n[]"),
            false => format!("HTTP/1.1 429 Too Many Requests\r\n{head}retry-after: 1\r\n\r\n{{}}"),
        }
        .into_bytes()
    });
    (wire, statuses)
}

#[tokio::test]
async fn requests_that_run_into_the_rate_limit_wait_together() {
    let (wire, statuses) = limited(5, 14);
    let pages = client(&wire.uri(), 500).pages::<Job>(Some(6)).await.expect("pages");
    assert_eq!(pages.len(), 14);
    let statuses = statuses.lock().expect("nobody panicked");
    let refused = statuses.iter().filter(|&&status| status == 429).count();
    // Three windows: at the end of each, one request goes ahead to see. Without a word among them, all six would be refused.
    assert!((1..=3).contains(&refused), "{statuses:?}");
}
