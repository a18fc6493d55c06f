//! The application record. Field by field after the API's documentation; all but the id may be `null` or absent there,
//! and keys not named here are ignored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;
use super::common::{Attachment, Department, Named, Office, Person, null_as_default};
use crate::collection::Collection;

/// A candidate's application to a job, or a prospect's to none, one or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// The application's id.
    pub id: i64,
    /// Whose application it is.
    #[serde(default)]
    pub candidate_id: Option<i64>,
    /// Whether the person is a prospect rather than a candidate.
    #[serde(default)]
    pub prospect: Option<bool>,
    /// `active`, `rejected`, `hired` or `converted`.
    #[serde(default)]
    pub status: Option<String>,
    /// When the person applied.
    #[serde(default)]
    pub applied_at: Option<Timestamp>,
    /// When the application was rejected.
    #[serde(default)]
    pub rejected_at: Option<Timestamp>,
    /// When anything last happened to it.
    #[serde(default)]
    pub last_activity_at: Option<Timestamp>,
    /// The job post that the person answered.
    #[serde(default)]
    pub job_post_id: Option<i64>,
    /// Where the person lives.
    #[serde(default)]
    pub location: Option<Location>,
    /// Where the application came from.
    #[serde(default)]
    pub source: Option<Source>,
    /// Who brought the person.
    #[serde(default)]
    pub credited_to: Option<Person>,
    /// The recruiter in charge.
    #[serde(default)]
    pub recruiter: Option<Person>,
    /// The coordinator in charge.
    #[serde(default)]
    pub coordinator: Option<Person>,
    /// Why it was rejected.
    #[serde(default)]
    pub rejection_reason: Option<RejectionReason>,
    /// More on why, in the account's own fields.
    #[serde(default)]
    pub rejection_details: Option<Value>,
    /// The jobs applied to: one for a candidate, any number for a prospect.
    #[serde(default, deserialize_with = "null_as_default")]
    pub jobs: Vec<Named>,
    /// The stage of the interview plan.
    #[serde(default)]
    pub current_stage: Option<Named>,
    /// Answers to the job post's questions.
    #[serde(default, deserialize_with = "null_as_default")]
    pub answers: Vec<Answer>,
    /// The office a prospect is meant for.
    #[serde(default)]
    pub prospective_office: Option<Office>,
    /// The department a prospect is meant for.
    #[serde(default)]
    pub prospective_department: Option<Department>,
    /// The pool, stage and owner of a prospect.
    #[serde(default)]
    pub prospect_detail: Option<ProspectDetail>,
    /// The account's own fields by name.
    #[serde(default)]
    pub custom_fields: Option<Value>,
    /// The account's own fields by key, with type and value.
    #[serde(default)]
    pub keyed_custom_fields: Option<Value>,
    /// Files of this application.
    #[serde(default, deserialize_with = "null_as_default")]
    pub attachments: Vec<Attachment>,
}

impl Record for Application {
    const COLLECTION: Collection = Collection::Applications;

    fn id(&self) -> i64 {
        self.id
    }
}

/// Where a person lives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// The address as one text.
    pub address: Option<String>,
}

/// Where an application came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The source's id.
    pub id: Option<i64>,
    /// The name shown outside.
    pub public_name: Option<String>,
}

/// Why an application was rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RejectionReason {
    /// The reason's id.
    pub id: Option<i64>,
    /// The reason.
    pub name: Option<String>,
    /// The group of reasons that it belongs to.
    #[serde(rename = "type")]
    pub kind: Option<Named>,
}

/// A question of the job post and what was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The question.
    pub question: Option<String>,
    /// The answer.
    pub answer: Option<String>,
}

/// The pool, stage and owner of a prospect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProspectDetail {
    /// The pool.
    pub prospect_pool: Option<Named>,
    /// The stage within the pool.
    pub prospect_stage: Option<Named>,
    /// The user who looks after the prospect.
    pub prospect_owner: Option<Named>,
}
