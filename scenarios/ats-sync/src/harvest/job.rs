//! The job record. Field by field after the API's documentation; all but the id may be `null` or absent there, and keys
//! not named here are ignored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;
use super::common::{Department, Named, Office, Person, null_as_default};
use crate::collection::Collection;

/// A job that people apply to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The job's id.
    pub id: i64,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// The employer's own number for it.
    #[serde(default)]
    pub requisition_id: Option<String>,
    /// Notes for the hiring team, as HTML.
    #[serde(default)]
    pub notes: Option<String>,
    /// Whether only some users may see it.
    #[serde(default)]
    pub confidential: Option<bool>,
    /// `open`, `closed` or `draft`.
    #[serde(default)]
    pub status: Option<String>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was opened.
    #[serde(default)]
    pub opened_at: Option<Timestamp>,
    /// When it was closed.
    #[serde(default)]
    pub closed_at: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// Whether other jobs are made from it.
    #[serde(default)]
    pub is_template: Option<bool>,
    /// The job that it was made from.
    #[serde(default)]
    pub copied_from_id: Option<i64>,
    /// The departments that hire.
    #[serde(default, deserialize_with = "null_as_default")]
    pub departments: Vec<Department>,
    /// The offices that hire.
    #[serde(default, deserialize_with = "null_as_default")]
    pub offices: Vec<Office>,
    /// Who works on it.
    #[serde(default)]
    pub hiring_team: Option<HiringTeam>,
    /// The seats to fill.
    #[serde(default, deserialize_with = "null_as_default")]
    pub openings: Vec<Opening>,
    /// The account's own fields by name.
    #[serde(default)]
    pub custom_fields: Option<Value>,
    /// The account's own fields by key, with type and value.
    #[serde(default)]
    pub keyed_custom_fields: Option<Value>,
}

impl Record for Job {
    const COLLECTION: Collection = Collection::Jobs;

    fn id(&self) -> i64 {
        self.id
    }
}

/// Who works on a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HiringTeam {
    /// Those who decide.
    #[serde(deserialize_with = "null_as_default")]
    pub hiring_managers: Vec<Person>,
    /// Those who recruit.
    #[serde(deserialize_with = "null_as_default")]
    pub recruiters: Vec<Person>,
    /// Those who coordinate.
    #[serde(deserialize_with = "null_as_default")]
    pub coordinators: Vec<Person>,
    /// Those who find people.
    #[serde(deserialize_with = "null_as_default")]
    pub sourcers: Vec<Person>,
}

/// A seat to fill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Opening {
    /// The opening's id.
    pub id: Option<i64>,
    /// The employer's own number for it.
    pub opening_id: Option<String>,
    /// `open` or `closed`.
    pub status: Option<String>,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The application that filled it.
    pub application_id: Option<i64>,
    /// Why it was closed.
    pub close_reason: Option<Named>,
}
