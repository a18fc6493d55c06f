//! Objects that occur inside more than one kind of record, and how a `null` list is read. Field by field after the
//! objects of the Harvest API documentation (<https://developers.greenhouse.io/harvest.html>).

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// An id with a name: a stage, a job, a reason, a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Named {
    /// The id, where the object has one.
    pub id: Option<i64>,
    /// What users call it.
    pub name: Option<String>,
}

/// A user of the ATS: recruiter, coordinator, hiring manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The user's id.
    pub id: Option<i64>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Both names.
    pub name: Option<String>,
    /// The id in the employer's own system.
    pub employee_id: Option<String>,
    /// In a hiring team: whether this is the responsible recruiter or coordinator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responsible: Option<bool>,
}

/// A file kept by the ATS.
///
/// The URL is signed and good for seven days, and the API signs anew for each answer. A stored URL is therefore only as
/// fresh as the last sync that wrote the row, and against a real account a record with attachments is never unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// The file's name.
    pub filename: Option<String>,
    /// Where it can be fetched for seven days.
    pub url: Option<String>,
    /// `resume`, `cover_letter`, `offer_letter` and others.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// When it was added.
    pub created_at: Option<Timestamp>,
}

/// A department, of a job or of a prospect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Department {
    /// The department's id.
    pub id: Option<i64>,
    /// Its name.
    pub name: Option<String>,
    /// The department above it.
    pub parent_id: Option<i64>,
    /// The departments below it.
    #[serde(deserialize_with = "null_as_default")]
    pub child_ids: Vec<i64>,
    /// The id in the employer's own system.
    pub external_id: Option<String>,
}

/// An office, of a job or of a prospect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Office {
    /// The office's id.
    pub id: Option<i64>,
    /// Its name.
    pub name: Option<String>,
    /// Where it is.
    pub location: Option<OfficeLocation>,
    /// The user to ask.
    pub primary_contact_user_id: Option<i64>,
    /// The office above it.
    pub parent_id: Option<i64>,
    /// The offices below it.
    #[serde(deserialize_with = "null_as_default")]
    pub child_ids: Vec<i64>,
    /// The id in the employer's own system.
    pub external_id: Option<String>,
}

/// Where an office is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OfficeLocation {
    /// City, region, country as one text.
    pub name: Option<String>,
}

/// Reads `null` as the default. The API writes `null` for whatever is unset, lists included.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
