//! The `jobs` table: which column holds which field.

use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::table::{Array, Kind, Table, array};
use crate::harvest::Job;

impl Table for Job {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::Int),
        ("name", Kind::Text),
        ("requisition_id", Kind::Text),
        ("notes", Kind::Text),
        ("confidential", Kind::Bool),
        ("status", Kind::Text),
        ("created_at", Kind::Time),
        ("opened_at", Kind::Time),
        ("closed_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("is_template", Kind::Bool),
        ("copied_from_id", Kind::Int),
        ("departments", Kind::Json),
        ("offices", Kind::Json),
        ("hiring_team", Kind::Json),
        ("openings", Kind::Json),
        ("custom_fields", Kind::Json),
        ("keyed_custom_fields", Kind::Json),
    ];

    fn arrays<'a>(records: &[&'a Self]) -> Vec<Array<'a>> {
        vec![
            array(records, |it| it.id),
            array(records, |it| it.name.as_deref()),
            array(records, |it| it.requisition_id.as_deref()),
            array(records, |it| it.notes.as_deref()),
            array(records, |it| it.confidential),
            array(records, |it| it.status.as_deref()),
            array(records, |it| it.created_at),
            array(records, |it| it.opened_at),
            array(records, |it| it.closed_at),
            array(records, |it| it.updated_at),
            array(records, |it| it.is_template),
            array(records, |it| it.copied_from_id),
            array(records, |it| Json(&it.departments)),
            array(records, |it| Json(&it.offices)),
            array(records, |it| it.hiring_team.as_ref().map(Json)),
            array(records, |it| Json(&it.openings)),
            array(records, |it| it.custom_fields.as_ref().map(Json)),
            array(records, |it| it.keyed_custom_fields.as_ref().map(Json)),
        ]
    }

    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            requisition_id: row.try_get("requisition_id")?,
            notes: row.try_get("notes")?,
            confidential: row.try_get("confidential")?,
            status: row.try_get("status")?,
            created_at: row.try_get("created_at")?,
            opened_at: row.try_get("opened_at")?,
            closed_at: row.try_get("closed_at")?,
            updated_at: row.try_get("updated_at")?,
            is_template: row.try_get("is_template")?,
            copied_from_id: row.try_get("copied_from_id")?,
            departments: row.try_get::<_, Json<_>>("departments")?.0,
            offices: row.try_get::<_, Json<_>>("offices")?.0,
            hiring_team: row.try_get::<_, Option<Json<_>>>("hiring_team")?.map(|json| json.0),
            openings: row.try_get::<_, Json<_>>("openings")?.0,
            custom_fields: row.try_get::<_, Option<Json<_>>>("custom_fields")?.map(|json| json.0),
            keyed_custom_fields: row.try_get::<_, Option<Json<_>>>("keyed_custom_fields")?.map(|json| json.0),
        })
    }
}
