//! The candidate record. Field by field after the API's documentation; all but the id may be `null` or absent there,
//! and keys not named here are ignored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;
use super::common::{Attachment, Person, null_as_default};
use crate::collection::Collection;

/// A person with all applications of theirs.
///
/// The API repeats each application in full under `applications`. They are skipped while decoding: the list of
/// applications brings them anyway, and `application_ids` keeps the link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The candidate's id.
    pub id: i64,
    /// Given name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// Present employer.
    #[serde(default)]
    pub company: Option<String>,
    /// Present title.
    #[serde(default)]
    pub title: Option<String>,
    /// When the candidate was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When the candidate was last changed.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// When anything last happened to the candidate.
    #[serde(default)]
    pub last_activity: Option<Timestamp>,
    /// Whether only some users may see the candidate.
    #[serde(default)]
    pub is_private: Option<bool>,
    /// Whether the person may be written to.
    #[serde(default)]
    pub can_email: Option<bool>,
    /// Always `null` in today's API.
    #[serde(default)]
    pub photo_url: Option<String>,
    /// Files of all applications.
    #[serde(default, deserialize_with = "null_as_default")]
    pub attachments: Vec<Attachment>,
    /// The applications of this person.
    #[serde(default, deserialize_with = "null_as_default")]
    pub application_ids: Vec<i64>,
    /// Telephone numbers.
    #[serde(default, deserialize_with = "null_as_default")]
    pub phone_numbers: Vec<Contact>,
    /// Postal addresses.
    #[serde(default, deserialize_with = "null_as_default")]
    pub addresses: Vec<Contact>,
    /// E-mail addresses.
    #[serde(default, deserialize_with = "null_as_default")]
    pub email_addresses: Vec<Contact>,
    /// Web sites.
    #[serde(default, deserialize_with = "null_as_default")]
    pub website_addresses: Vec<Contact>,
    /// Profiles elsewhere; these have a value and no type.
    #[serde(default, deserialize_with = "null_as_default")]
    pub social_media_addresses: Vec<Contact>,
    /// The recruiter in charge.
    #[serde(default)]
    pub recruiter: Option<Person>,
    /// The coordinator in charge.
    #[serde(default)]
    pub coordinator: Option<Person>,
    /// Tags given by users.
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<String>,
    /// Schools.
    #[serde(default, deserialize_with = "null_as_default")]
    pub educations: Vec<Education>,
    /// Earlier employers.
    #[serde(default, deserialize_with = "null_as_default")]
    pub employments: Vec<Employment>,
    /// Users that are the same person.
    #[serde(default, deserialize_with = "null_as_default")]
    pub linked_user_ids: Vec<i64>,
    /// The account's own fields by name.
    #[serde(default)]
    pub custom_fields: Option<Value>,
    /// The account's own fields by key, with type and value.
    #[serde(default)]
    pub keyed_custom_fields: Option<Value>,
}

impl Record for Candidate {
    const COLLECTION: Collection = Collection::Candidates;

    fn id(&self) -> i64 {
        self.id
    }
}

/// A number or address with its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// The number or address.
    pub value: Option<String>,
    /// `home`, `work`, `mobile`, `personal` and others.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A school. The dates are what users typed in, so they stay text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Education {
    /// The entry's id.
    pub id: Option<i64>,
    /// The school.
    pub school_name: Option<String>,
    /// The degree.
    pub degree: Option<String>,
    /// The subject.
    pub discipline: Option<String>,
    /// First day.
    pub start_date: Option<String>,
    /// Last day.
    pub end_date: Option<String>,
}

/// An earlier employer. The dates are what users typed in, so they stay text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Employment {
    /// The entry's id.
    pub id: Option<i64>,
    /// The employer.
    pub company_name: Option<String>,
    /// The title held.
    pub title: Option<String>,
    /// First day.
    pub start_date: Option<String>,
    /// Last day.
    pub end_date: Option<String>,
}
