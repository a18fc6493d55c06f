//! The recorded applications as a sync parses them: strings, lists and free-form fields. Only the id is read.
#![expect(dead_code, reason = "parsed, and not read")]

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(crate) struct Application {
    pub(crate) id: u64,
    status: String,
    applied_at: String,
    last_activity_at: String,
    source: Option<Source>,
    credited_to: Option<Person>,
    recruiter: Option<Person>,
    jobs: Vec<Named>,
    current_stage: Option<Named>,
    answers: Vec<Answer>,
    custom_fields: Value,
    keyed_custom_fields: Value,
    attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
struct Source {
    public_name: String,
}

#[derive(Deserialize)]
struct Person {
    first_name: String,
    last_name: String,
    name: String,
    employee_id: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Answer {
    question: String,
    answer: Option<String>,
}

#[derive(Deserialize)]
struct Attachment {
    filename: String,
    url: String,
    r#type: String,
}

/// A recording: HTTP requests and their responses.
#[derive(Deserialize)]
pub(crate) struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    text: String,
}

impl Har {
    /// The bodies of the responses.
    pub(crate) fn pages(self) -> Vec<String> {
        self.log.entries.into_iter().map(|entry| entry.response.content.text).collect()
    }
}
