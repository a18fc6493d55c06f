//! The `candidates` table: which column holds which field.

use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::table::{Array, Kind, Table, array};
use crate::harvest::Candidate;

impl Table for Candidate {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::Int),
        ("first_name", Kind::Text),
        ("last_name", Kind::Text),
        ("company", Kind::Text),
        ("title", Kind::Text),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("last_activity", Kind::Time),
        ("is_private", Kind::Bool),
        ("can_email", Kind::Bool),
        ("photo_url", Kind::Text),
        ("attachments", Kind::Json),
        ("application_ids", Kind::Json),
        ("phone_numbers", Kind::Json),
        ("addresses", Kind::Json),
        ("email_addresses", Kind::Json),
        ("website_addresses", Kind::Json),
        ("social_media_addresses", Kind::Json),
        ("recruiter", Kind::Json),
        ("coordinator", Kind::Json),
        ("tags", Kind::Json),
        ("educations", Kind::Json),
        ("employments", Kind::Json),
        ("linked_user_ids", Kind::Json),
        ("custom_fields", Kind::Json),
        ("keyed_custom_fields", Kind::Json),
    ];

    fn arrays<'a>(records: &[&'a Self]) -> Vec<Array<'a>> {
        vec![
            array(records, |it| it.id),
            array(records, |it| it.first_name.as_deref()),
            array(records, |it| it.last_name.as_deref()),
            array(records, |it| it.company.as_deref()),
            array(records, |it| it.title.as_deref()),
            array(records, |it| it.created_at),
            array(records, |it| it.updated_at),
            array(records, |it| it.last_activity),
            array(records, |it| it.is_private),
            array(records, |it| it.can_email),
            array(records, |it| it.photo_url.as_deref()),
            array(records, |it| Json(&it.attachments)),
            array(records, |it| Json(&it.application_ids)),
            array(records, |it| Json(&it.phone_numbers)),
            array(records, |it| Json(&it.addresses)),
            array(records, |it| Json(&it.email_addresses)),
            array(records, |it| Json(&it.website_addresses)),
            array(records, |it| Json(&it.social_media_addresses)),
            array(records, |it| it.recruiter.as_ref().map(Json)),
            array(records, |it| it.coordinator.as_ref().map(Json)),
            array(records, |it| Json(&it.tags)),
            array(records, |it| Json(&it.educations)),
            array(records, |it| Json(&it.employments)),
            array(records, |it| Json(&it.linked_user_ids)),
            array(records, |it| it.custom_fields.as_ref().map(Json)),
            array(records, |it| it.keyed_custom_fields.as_ref().map(Json)),
        ]
    }

    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            company: row.try_get("company")?,
            title: row.try_get("title")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            last_activity: row.try_get("last_activity")?,
            is_private: row.try_get("is_private")?,
            can_email: row.try_get("can_email")?,
            photo_url: row.try_get("photo_url")?,
            attachments: row.try_get::<_, Json<_>>("attachments")?.0,
            application_ids: row.try_get::<_, Json<_>>("application_ids")?.0,
            phone_numbers: row.try_get::<_, Json<_>>("phone_numbers")?.0,
            addresses: row.try_get::<_, Json<_>>("addresses")?.0,
            email_addresses: row.try_get::<_, Json<_>>("email_addresses")?.0,
            website_addresses: row.try_get::<_, Json<_>>("website_addresses")?.0,
            social_media_addresses: row.try_get::<_, Json<_>>("social_media_addresses")?.0,
            recruiter: row.try_get::<_, Option<Json<_>>>("recruiter")?.map(|json| json.0),
            coordinator: row.try_get::<_, Option<Json<_>>>("coordinator")?.map(|json| json.0),
            tags: row.try_get::<_, Json<_>>("tags")?.0,
            educations: row.try_get::<_, Json<_>>("educations")?.0,
            employments: row.try_get::<_, Json<_>>("employments")?.0,
            linked_user_ids: row.try_get::<_, Json<_>>("linked_user_ids")?.0,
            custom_fields: row.try_get::<_, Option<Json<_>>>("custom_fields")?.map(|json| json.0),
            keyed_custom_fields: row.try_get::<_, Option<Json<_>>>("keyed_custom_fields")?.map(|json| json.0),
        })
    }
}
