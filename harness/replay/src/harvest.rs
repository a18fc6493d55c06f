//! Greenhouse Harvest v1 as far as a list synchronisation sees it: Basic auth, numbered pages with `Link` headers, single
//! objects by id, filters by time and status, error bodies. Source: <https://developers.greenhouse.io/harvest.html>.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wiremock::Request;

use crate::collections::{Collection, Collections, Selection};
use crate::compile::{self, ScaleError, Source};
use crate::filter::Filter;
use crate::headers;
use crate::json_text;
use crate::link;
use crate::recording::{Exchange, Response, Unplayable};
use crate::scale::{Fill, Scale};

const DEFAULT_PER_PAGE: u64 = 100;
const MOST_PER_PAGE: u64 = 500;
const JSON: &str = "application/json;charset=utf-8";

/// What a recording holds of the API.
#[derive(Debug)]
pub(crate) struct Harvest {
    collections: Collections,
    /// The headers of the recorded list pages, by path.
    headers: BTreeMap<String, Vec<(String, String)>>,
    /// Recorded error bodies, by status; they say more than the built-in ones.
    errors: BTreeMap<u16, Response>,
    api_key: Option<String>,
    /// Lists with a page that was recorded without its body, and why nothing can be said of them.
    incomplete: BTreeMap<String, String>,
}

/// What a list request asks for.
#[derive(Debug, PartialEq, Eq)]
struct ListQuery {
    page: u64,
    per_page: u64,
    skip_count: bool,
    filter: Filter,
}

enum Refusal {
    /// The API's own answer, 422.
    Invalid { field: &'static str, message: String },
    /// The replay cannot tell what the API would answer.
    Unmatched(String),
}

impl Harvest {
    /// Recorded lists (bare arrays of objects answered to a GET) become collections with the sizes that `scales` says.
    pub(crate) fn new(
        exchanges: &[Exchange],
        scales: &BTreeMap<String, Scale>,
        api_key: Option<String>,
    ) -> Result<Self, ScaleError> {
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut list_headers = BTreeMap::new();
        let mut errors = BTreeMap::new();
        let mut incomplete = BTreeMap::new();
        for exchange in exchanges {
            let path = exchange.url.path();
            let response = match &exchange.response {
                Ok(response) => response,
                Err(why @ Unplayable::NoBody(_)) if exchange.method == "GET" => {
                    incomplete.entry(path.to_owned()).or_insert_with(|| format!("{}: {why}", exchange.place()));
                    continue;
                }
                Err(_) => continue,
            };
            if let Some(items) = list(exchange, response) {
                json_text::add_new(lists.entry(path.to_owned()).or_default(), items);
                list_headers.entry(path.to_owned()).or_insert_with(|| headers::of_list(&response.headers));
            } else if matches!(response.status, 401 | 404) {
                errors.entry(response.status).or_insert_with(|| response.clone());
            }
        }
        let recorded = lists.keys().cloned().collect::<Vec<_>>().join(", ");
        if let Some(path) = scales.keys().find(|path| !lists.contains_key(*path)) {
            let cause = format!("no list was recorded at this path; lists in the recording: {recorded}");
            return Err(ScaleError { path: path.clone(), cause });
        }
        let known: Vec<String> = lists.keys().cloned().collect();
        let sources: Vec<Source> = lists
            .into_iter()
            .map(|(path, items)| Source {
                known_fields: known_fields(&path, |other| {
                    known.iter().any(|path| path == other) && (scales.contains_key(&path) || scales.contains_key(other))
                }),
                scale: scales.get(&path).cloned(),
                items,
                path,
            })
            .collect();
        // A page or two is enough of what is scaled.
        incomplete.retain(|path, _| !scales.contains_key(path));
        Ok(Self { collections: compile::compile(&sources)?, headers: list_headers, errors, api_key, incomplete })
    }

    /// The answer to `request`; none if it asks for no collection. `base` is the replay's own URL.
    ///
    /// # Errors
    /// Why a request to a collection cannot be answered.
    pub(crate) fn answer(&self, request: &Request, base: &str) -> Result<Option<Response>, String> {
        if !self.authorized(request) {
            return Ok(Some(self.error(401, r#"{"message":"Invalid Basic Auth credentials"}"#)));
        }
        let path = request.url.path();
        let get = matches!(request.method.as_str(), "GET" | "HEAD");
        if let Some(collection) = self.collections.at(path).filter(|_| get) {
            return self.list(collection, request, base).map(Some);
        }
        let object = path.rsplit_once('/').and_then(|(list, id)| Some((self.collections.at(list)?, id)));
        match object.filter(|_| get) {
            Some((collection, id)) => Ok(Some(self.object(collection, id))),
            None => Ok(None),
        }
    }

    fn list(&self, collection: &Collection, request: &Request, base: &str) -> Result<Response, String> {
        if let Some(why) = self.incomplete.get(&collection.path) {
            return Err(why.clone());
        }
        let query = match ListQuery::of(&collection.path, request) {
            Ok(query) => query,
            Err(Refusal::Unmatched(why)) => return Err(why),
            Err(Refusal::Invalid { field, message }) => {
                let errors = serde_json::json!([{"message": message, "field": field}]);
                let body = serde_json::json!({"message": "Validation error", "errors": errors});
                return Ok(json(422, body.to_string().into_bytes()));
            }
        };
        let start = (query.page - 1).saturating_mul(query.per_page);
        let Selection { total, numbers } = self.collections.select(collection, &query.filter, start, query.per_page);
        let body = self.collections.page(collection, &numbers);
        let mut headers = self.headers.get(&collection.path).cloned().unwrap_or_default();
        let last = total.div_ceil(query.per_page).max(1);
        let pages = link::Pages { page: query.page, last, with_last: !query.skip_count };
        headers.extend(link::header(base, &request.url, query.per_page, &pages).map(|link| ("link".to_owned(), link)));
        Ok(Response { status: 200, headers, body })
    }

    fn object(&self, collection: &Collection, id: &str) -> Response {
        match collection.number_of(id) {
            Some(number) => Response {
                status: 200,
                headers: self.headers.get(&collection.path).cloned().unwrap_or_default(),
                body: self.collections.item(collection, number),
            },
            None => self.error(404, r#"{"message":"Resource not found"}"#),
        }
    }

    fn error(&self, status: u16, built_in: &str) -> Response {
        self.errors.get(&status).cloned().unwrap_or_else(|| json(status, built_in.into()))
    }

    /// The token is the user name, the password is empty. Without an expected key, any token will do.
    fn authorized(&self, request: &Request) -> bool {
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((scheme, credentials)) = header.split_once(' ') else { return false };
        let decoded = STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(key) = decoded.as_deref().and_then(|pair| pair.strip_suffix(':')) else { return false };
        scheme.eq_ignore_ascii_case("basic")
            && self.api_key.as_ref().map_or(!key.is_empty(), |expected| expected == key)
    }
}

impl ListQuery {
    fn of(path: &str, request: &Request) -> Result<Self, Refusal> {
        let mut query = Self { page: 1, per_page: DEFAULT_PER_PAGE, skip_count: false, filter: Filter::default() };
        for (name, value) in request.url.query_pairs() {
            match &*name {
                "page" => query.page = whole_number("page", &value, u64::MAX)?,
                "per_page" => query.per_page = whole_number("per_page", &value, MOST_PER_PAGE)?,
                "skip_count" => query.skip_count = value == "true",
                filter => query.filter.add(path, filter, &value).map_err(Refusal::Unmatched)?,
            }
        }
        Ok(query)
    }
}

fn whole_number(field: &'static str, value: &str, most: u64) -> Result<u64, Refusal> {
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ if most == u64::MAX => Err(Refusal::Invalid { field, message: "Must be at least 1".to_owned() }),
        _ => Err(Refusal::Invalid { field, message: format!("Must be between 1 and {most}") }),
    }
}

/// The items of a recorded list; none if the exchange is something else.
fn list(exchange: &Exchange, response: &Response) -> Option<Vec<String>> {
    if exchange.method != "GET" || response.status != 200 {
        return None;
    }
    let text = std::str::from_utf8(&response.body).ok()?.trim();
    let parsed: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(text).ok()?;
    let places = json_text::elements(text, 0..text.len());
    debug_assert_eq!(places.len(), parsed.len());
    Some(places.into_iter().map(|place| text[place].to_owned()).collect())
}

fn json(status: u16, body: Vec<u8>) -> Response {
    Response { status, headers: vec![("content-type".to_owned(), JSON.to_owned())], body }
}

/// How the API's objects refer to one another, and which strings and ids are an object's own. A reference to a list counts only
/// where `linked` says that one of the two is scaled.
fn known_fields(path: &str, linked: impl Fn(&str) -> bool) -> Vec<(String, Fill)> {
    let (applications, candidates, jobs) = ("/v1/applications", "/v1/candidates", "/v1/jobs");
    let target = |path: &str, spread, member: Option<&str>| Fill::Target {
        path: path.into(),
        spread,
        member: member.map(Into::into),
    };
    let sources = |path: &str, field: &str, items| Fill::Sources { path: path.into(), field: field.into(), items };
    let unique = || Fill::Unique { first: 60_000_000_001 };
    let fields = match path {
        "/v1/applications" => vec![
            (candidates, "candidate_id", target(candidates, false, None)),
            (jobs, "jobs[].id", target(jobs, true, None)),
            (jobs, "jobs[].name", target(jobs, true, Some("name"))),
        ],
        "/v1/candidates" => vec![
            (applications, "application_ids", sources(applications, "candidate_id", false)),
            (applications, "applications", sources(applications, "candidate_id", true)),
            (path, "educations[].id", unique()),
            (path, "employments[].id", unique()),
            (path, "email_addresses[].value", Fill::Numbered),
        ],
        "/v1/jobs" => vec![
            (path, "openings[].id", unique()),
            (applications, "openings[].application_id", sources(applications, "jobs[].id", false)),
        ],
        "/v1/offers" | "/v1/scorecards" => vec![
            (applications, "application_id", target(applications, false, None)),
            (applications, "candidate_id", target(applications, false, Some("candidate_id"))),
            (applications, "job_id", target(applications, false, Some("jobs[].id"))),
        ],
        _ => Vec::new(),
    };
    fields.into_iter().filter(|(other, ..)| linked(other)).map(|(_, field, fill)| (field.to_owned(), fill)).collect()
}
