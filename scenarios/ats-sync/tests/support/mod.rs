//! What the tests share: made-up records, an API that lists them page by page, a database of its own for each test.
//! All names are invented.

// Each test target uses a part of this.
#![allow(dead_code)]

pub(crate) mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ats_sync::{Config, RetryPolicy};
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// The key that the API of these tests expects.
pub(crate) const KEY: &str = "a-test-key";

/// A database for tests that never get as far: nothing listens there.
pub(crate) const NO_DATABASE: &str = "postgresql://nobody@127.0.0.1:9/none";

/// The three lists of an account, changed by a test as it likes between syncs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Account {
    pub(crate) jobs: Vec<Value>,
    pub(crate) candidates: Vec<Value>,
    pub(crate) applications: Vec<Value>,
}

impl Account {
    /// An account of so many records; ids exceed 32 bits.
    pub(crate) fn of(jobs: i64, candidates: i64, applications: i64) -> Self {
        Self {
            jobs: (1..=jobs).map(job).collect(),
            candidates: (1..=candidates).map(candidate).collect(),
            applications: (1..=applications).map(application).collect(),
        }
    }

    fn list(&self, name: &str) -> Option<&[Value]> {
        match name {
            "jobs" => Some(&self.jobs),
            "candidates" => Some(&self.candidates),
            "applications" => Some(&self.applications),
            _ => None,
        }
    }
}

/// The id of the n-th record.
pub(crate) fn id(n: i64) -> i64 {
    19_214_950_000 + n
}

pub(crate) fn job(n: i64) -> Value {
    json!({
        "id": id(n), "name": format!("Job {n}"), "requisition_id": format!("R-{n}"), "notes": "<p>Résumé \"only\"</p>",
        "confidential": n % 2 == 0, "status": "open", "created_at": "2013-12-10T14:42:58Z",
        "opened_at": "2013-12-11T14:42:58Z", "closed_at": null, "updated_at": "2013-12-12T14:42:58Z",
        "is_template": null, "copied_from_id": null,
        "departments": [{"id": 1, "name": "Sales", "parent_id": null, "child_ids": [2, 3], "external_id": "x"}],
        "offices": [{"id": 5, "name": "North", "location": {"name": "Somewhere"}, "primary_contact_user_id": 7,
            "parent_id": null, "child_ids": [], "external_id": null}],
        "hiring_team": {"hiring_managers": [person(7, "Ada")], "recruiters": [], "coordinators": null, "sourcers": []},
        "openings": [{"id": 1, "opening_id": "3-1", "status": "open", "opened_at": "2013-12-11T14:42:58.125Z",
            "closed_at": null, "application_id": null}],
        "custom_fields": {"salary": {"min_value": 1.5, "max_value": 20_000, "unit": "EUR"}, "approved": true},
        "keyed_custom_fields": {"budget": {"name": "Budget", "type": "number", "value": n}},
    })
}

pub(crate) fn candidate(n: i64) -> Value {
    json!({
        "id": id(n), "first_name": "Given", "last_name": format!("Family {n}"), "company": null, "title": "Baker",
        "created_at": "2020-01-02T03:04:05.678Z", "updated_at": "2020-01-02T03:04:06Z",
        "last_activity": "2021-01-02T03:04:05.001Z", "is_private": false, "photo_url": null, "can_email": true,
        "attachments": [{"filename": "cv.pdf", "url": format!("https://files.example/{n}?sig=0"), "type": "resume",
            "created_at": "2020-01-02T03:04:05.678Z"}],
        "application_ids": [id(n)], "phone_numbers": [{"value": "000", "type": "home"}], "addresses": [],
        "email_addresses": [{"value": format!("c{n}@example.com"), "type": "personal"}],
        "website_addresses": null, "social_media_addresses": [{"value": "@nobody"}],
        "recruiter": person(7, "Ada"), "coordinator": null, "tags": ["Röntgen", "night shift"],
        // The same records as the list of applications: not stored with the candidate.
        "applications": [application(n)],
        "educations": [{"id": 1, "school_name": "School", "degree": "BSc", "discipline": "Bread",
            "start_date": "2002-08-15T00:00:00.000Z", "end_date": null}],
        "employments": [{"id": 2, "company_name": "Mill", "title": "Miller", "start_date": "2006", "end_date": null}],
        "linked_user_ids": [], "custom_fields": {"shift": ["early", "late"]}, "keyed_custom_fields": {},
    })
}

pub(crate) fn application(n: i64) -> Value {
    json!({
        "id": id(n), "candidate_id": id(n), "prospect": false, "applied_at": "2022-05-06T07:08:09.123Z",
        "rejected_at": null, "last_activity_at": "2022-05-07T07:08:09Z", "location": {"address": "Somewhere"},
        "source": {"id": 12, "public_name": "Fair"}, "credited_to": person(8, "Grace"),
        "rejection_reason": {"id": 9, "name": "Too far", "type": {"id": 2, "name": "They withdrew"}},
        "rejection_details": {"custom_fields": {"was": "kind"}, "keyed_custom_fields": {}},
        "jobs": [{"id": id(1), "name": "Job 1"}], "job_post_id": 123, "status": "active",
        "current_stage": {"id": 62_828, "name": "Recruiter Phone Screen"},
        "answers": [{"question": "Why?", "answer": "Because."}, {"question": "And?", "answer": null}],
        "prospective_office": null, "prospective_department": null,
        "prospect_detail": {"prospect_pool": null, "prospect_stage": null, "prospect_owner": {"id": 7, "name": "Ada"}},
        "custom_fields": {"bio": "x".repeat(40)}, "attachments": [],
    })
}

fn person(id: i64, name: &str) -> Value {
    json!({"id": id, "first_name": name, "last_name": "Doe", "name": format!("{name} Doe"), "employee_id": null})
}

/// A running API of an account.
pub(crate) struct Api {
    pub(crate) server: MockServer,
    pub(crate) account: Arc<Mutex<Account>>,
}

impl Api {
    /// Serves the account until dropped.
    pub(crate) async fn of(account: Account) -> Self {
        let server = MockServer::builder().start().await;
        let account = Arc::new(Mutex::new(account));
        Mock::given(method("GET")).respond_with(Lists(account.clone())).mount(&server).await;
        Self { server, account }
    }

    /// A configuration for this API. The retries do not wait, and there are three of them.
    pub(crate) fn config(&self, database_url: &str) -> Config {
        config(&self.server.uri(), database_url)
    }
}

/// A configuration for an API at this address, with retries that take no time.
pub(crate) fn config(uri: &str, database_url: &str) -> Config {
    let mut config = Config::new(&format!("{uri}/v1"), KEY, database_url).expect("a good configuration");
    config.retry = RetryPolicy {
        failures: 3,
        rate_limits: 5,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_secs(2),
    };
    config
}

/// Answers `/v1/<list>?per_page=&page=` as the API does.
struct Lists(Arc<Mutex<Account>>);

impl Respond for Lists {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let account = self.0.lock().expect("no test panics while it holds this");
        let path = request.url.path();
        let Some(list) = path.strip_prefix("/v1/").and_then(|name| account.list(name)) else {
            return ResponseTemplate::new(404).set_body_json(json!({"message": "Resource not found"}));
        };
        let number = |key: &str| {
            let value = request.url.query_pairs().find(|(name, _)| name == key).expect("the query names a page").1;
            value.parse::<usize>().expect("the query holds numbers")
        };
        page(list, number("page"), number("per_page"), path)
    }
}

/// One page of a list with its links, in the form of the API: the host of the links is the real one's.
pub(crate) fn page(list: &[Value], page: usize, per_page: usize, path: &str) -> ResponseTemplate {
    let last = list.len().div_ceil(per_page).max(1);
    let link = |page: usize, rel: &str| {
        format!("<https://harvest.greenhouse.io{path}?page={page}&per_page={per_page}>; rel=\"{rel}\"")
    };
    let mut links = Vec::new();
    if page < last {
        links.push(link(page + 1, "next"));
    }
    if page > 1 {
        links.push(link(page - 1, "prev"));
    }
    links.push(link(last, "last"));
    let items: Vec<&Value> = list.iter().skip((page - 1) * per_page).take(per_page).collect();
    ResponseTemplate::new(200).set_body_json(items).insert_header("link", links.join(","))
}

/// A database made for one test in the server of `DATABASE_URL`.
pub(crate) struct Database {
    name: String,
    server: tokio_postgres::Config,
    pub(crate) url: String,
}

impl Database {
    /// Makes it. Names are taken from the test, so that tests may run at once.
    pub(crate) async fn new(test: &str) -> Self {
        let url = std::env::var("DATABASE_URL").expect("DATABASE_URL names a Postgres server for the tests");
        let server: tokio_postgres::Config = url.parse().expect("DATABASE_URL is a connection string");
        let name = format!("ats_sync_test_{test}_{}", std::process::id());
        let admin = connect(&server).await;
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.expect("an old database can go");
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database can be made");
        let (base, options) = url.split_once('?').map_or((url.as_str(), None), |(base, options)| (base, Some(options)));
        let scheme_end = base.find("://").expect("DATABASE_URL is a URL") + 3;
        let host_end = base[scheme_end..].find('/').map_or(base.len(), |slash| scheme_end + slash);
        let options = options.map(|options| format!("?{options}")).unwrap_or_default();
        Self { url: format!("{}/{name}{options}", &base[..host_end]), name, server }
    }

    /// A plain connection to it.
    pub(crate) async fn client(&self) -> Client {
        connect(self.server.clone().dbname(&self.name)).await
    }

    /// Removes it. Workers have to be closed before.
    pub(crate) async fn drop(self) {
        let admin = connect(&self.server).await;
        admin.batch_execute(&format!("DROP DATABASE {} (FORCE)", self.name)).await.expect("the database can go");
    }
}

async fn connect(database: &tokio_postgres::Config) -> Client {
    let (client, connection) = database.connect(NoTls).await.expect("the server of DATABASE_URL can be reached");
    tokio::spawn(connection);
    client
}
