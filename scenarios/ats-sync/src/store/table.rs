//! What a collection's table looks like to the statements that fill and read it: its columns in order, the array bound to
//! each, and the way back from a row.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::harvest::Record;

/// A record that has a table of its collection's name.
pub trait Table: Record + Clone + PartialEq + serde::Serialize {
    /// The columns of the record, in the order of the statements. `synced_at` and `archived_at` stand in every table and
    /// are not named here.
    const COLUMNS: &'static [(&'static str, Kind)];

    /// One array a column, in the order of `COLUMNS`, each with one element a record.
    fn arrays<'a>(records: &[&'a Self]) -> Vec<Array<'a>>;

    /// The record of a row that has all columns.
    ///
    /// # Errors
    /// When a column is missing or does not hold what the record expects.
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error>;
}

/// The values of one column for many records.
pub type Array<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64 bits, signed.
    Int,
    /// Text.
    Text,
    /// A truth value.
    Bool,
    /// A point in time, to the microsecond.
    Time,
    /// Something nested.
    Json,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "int8",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Time => "timestamptz",
            Self::Json => "jsonb",
        }
    }

    fn array(self) -> Type {
        match self {
            Self::Int => Type::INT8_ARRAY,
            Self::Text => Type::TEXT_ARRAY,
            Self::Bool => Type::BOOL_ARRAY,
            Self::Time => Type::TIMESTAMPTZ_ARRAY,
            Self::Json => Type::JSONB_ARRAY,
        }
    }
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The record.
    pub record: T,
    /// When a sync found that the API lists it no longer.
    pub archived_at: Option<Timestamp>,
}

/// One value of each record as an array.
pub(super) fn array<'a, T, V>(records: &[&'a T], value: impl Fn(&'a T) -> V) -> Array<'a>
where
    V: ToSql + Sync + Send + 'a,
{
    Box::new(records.iter().map(|&record| value(record)).collect::<Vec<V>>())
}

/// Types for `arrays` and the time of writing behind them.
pub(super) fn write_types<T: Table>() -> impl Iterator<Item = Type> {
    T::COLUMNS.iter().map(|(_, kind)| kind.array()).chain([Type::TIMESTAMPTZ])
}

/// Inserts rows: one array parameter a column, then the time of writing. The text is the same for any count of rows.
pub(super) fn insert_sql<T: Table>() -> String {
    let table = T::COLLECTION.name();
    let columns = columns::<T>();
    let synced_at = T::COLUMNS.len() + 1;
    let arrays: Vec<String> =
        T::COLUMNS.iter().zip(1..).map(|((_, kind), n)| format!("${n}::{}[]", kind.name())).collect();
    format!(
        "INSERT INTO {table} ({columns}, synced_at) SELECT *, ${synced_at}::timestamptz FROM unnest({})",
        arrays.join(", "),
    )
}

/// Inserts or overwrites rows, with the parameters of [`insert_sql`]. A row that is written is one that the API lists, so it
/// is archived no longer.
pub(super) fn upsert_sql<T: Table>() -> String {
    let updates: Vec<String> =
        T::COLUMNS.iter().skip(1).map(|(column, _)| format!("{column} = excluded.{column}")).collect();
    format!(
        "{} ON CONFLICT (id) DO UPDATE SET {}, synced_at = excluded.synced_at, archived_at = NULL",
        insert_sql::<T>(),
        updates.join(", "),
    )
}

/// Reads whole rows, all of them unless a condition follows.
pub(super) fn select_sql<T: Table>() -> String {
    format!("SELECT {}, archived_at FROM {}", columns::<T>(), T::COLLECTION.name())
}

fn columns<T: Table>() -> String {
    T::COLUMNS.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ")
}
