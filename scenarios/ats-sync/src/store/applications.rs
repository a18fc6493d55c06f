//! The `applications` table: which column holds which field.

use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::table::{Array, Kind, Table, array};
use crate::harvest::Application;

impl Table for Application {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::Int),
        ("candidate_id", Kind::Int),
        ("prospect", Kind::Bool),
        ("status", Kind::Text),
        ("applied_at", Kind::Time),
        ("rejected_at", Kind::Time),
        ("last_activity_at", Kind::Time),
        ("job_post_id", Kind::Int),
        ("location", Kind::Json),
        ("source", Kind::Json),
        ("credited_to", Kind::Json),
        ("recruiter", Kind::Json),
        ("coordinator", Kind::Json),
        ("rejection_reason", Kind::Json),
        ("rejection_details", Kind::Json),
        ("jobs", Kind::Json),
        ("current_stage", Kind::Json),
        ("answers", Kind::Json),
        ("prospective_office", Kind::Json),
        ("prospective_department", Kind::Json),
        ("prospect_detail", Kind::Json),
        ("custom_fields", Kind::Json),
        ("keyed_custom_fields", Kind::Json),
        ("attachments", Kind::Json),
    ];

    fn arrays<'a>(records: &[&'a Self]) -> Vec<Array<'a>> {
        vec![
            array(records, |it| it.id),
            array(records, |it| it.candidate_id),
            array(records, |it| it.prospect),
            array(records, |it| it.status.as_deref()),
            array(records, |it| it.applied_at),
            array(records, |it| it.rejected_at),
            array(records, |it| it.last_activity_at),
            array(records, |it| it.job_post_id),
            array(records, |it| it.location.as_ref().map(Json)),
            array(records, |it| it.source.as_ref().map(Json)),
            array(records, |it| it.credited_to.as_ref().map(Json)),
            array(records, |it| it.recruiter.as_ref().map(Json)),
            array(records, |it| it.coordinator.as_ref().map(Json)),
            array(records, |it| it.rejection_reason.as_ref().map(Json)),
            array(records, |it| it.rejection_details.as_ref().map(Json)),
            array(records, |it| Json(&it.jobs)),
            array(records, |it| it.current_stage.as_ref().map(Json)),
            array(records, |it| Json(&it.answers)),
            array(records, |it| it.prospective_office.as_ref().map(Json)),
            array(records, |it| it.prospective_department.as_ref().map(Json)),
            array(records, |it| it.prospect_detail.as_ref().map(Json)),
            array(records, |it| it.custom_fields.as_ref().map(Json)),
            array(records, |it| it.keyed_custom_fields.as_ref().map(Json)),
            array(records, |it| Json(&it.attachments)),
        ]
    }

    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            candidate_id: row.try_get("candidate_id")?,
            prospect: row.try_get("prospect")?,
            status: row.try_get("status")?,
            applied_at: row.try_get("applied_at")?,
            rejected_at: row.try_get("rejected_at")?,
            last_activity_at: row.try_get("last_activity_at")?,
            job_post_id: row.try_get("job_post_id")?,
            location: row.try_get::<_, Option<Json<_>>>("location")?.map(|json| json.0),
            source: row.try_get::<_, Option<Json<_>>>("source")?.map(|json| json.0),
            credited_to: row.try_get::<_, Option<Json<_>>>("credited_to")?.map(|json| json.0),
            recruiter: row.try_get::<_, Option<Json<_>>>("recruiter")?.map(|json| json.0),
            coordinator: row.try_get::<_, Option<Json<_>>>("coordinator")?.map(|json| json.0),
            rejection_reason: row.try_get::<_, Option<Json<_>>>("rejection_reason")?.map(|json| json.0),
            rejection_details: row.try_get::<_, Option<Json<_>>>("rejection_details")?.map(|json| json.0),
            jobs: row.try_get::<_, Json<_>>("jobs")?.0,
            current_stage: row.try_get::<_, Option<Json<_>>>("current_stage")?.map(|json| json.0),
            answers: row.try_get::<_, Json<_>>("answers")?.0,
            prospective_office: row.try_get::<_, Option<Json<_>>>("prospective_office")?.map(|json| json.0),
            prospective_department: row.try_get::<_, Option<Json<_>>>("prospective_department")?.map(|json| json.0),
            prospect_detail: row.try_get::<_, Option<Json<_>>>("prospect_detail")?.map(|json| json.0),
            custom_fields: row.try_get::<_, Option<Json<_>>>("custom_fields")?.map(|json| json.0),
            keyed_custom_fields: row.try_get::<_, Option<Json<_>>>("keyed_custom_fields")?.map(|json| json.0),
            attachments: row.try_get::<_, Json<_>>("attachments")?.0,
        })
    }
}
