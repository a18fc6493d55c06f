//! An error as a Postgres client sees it: SQLSTATE, message and the names it is about; and how errors of SQLite become one.
//! Which statement it was is added by the session, which knows it.

use std::fmt;

use pgwire::error::{ErrorInfo, PgWireError};
use rusqlite::Connection;

use super::catalog;

/// SQLSTATEs, from the documentation's appendix "PostgreSQL Error Codes".
pub(super) mod state {
    pub(crate) const FEATURE_NOT_SUPPORTED: &str = "0A000";
    pub(crate) const PROTOCOL_VIOLATION: &str = "08P01";
    pub(crate) const CARDINALITY_VIOLATION: &str = "21000";
    pub(crate) const STRING_TOO_LONG: &str = "22001";
    pub(crate) const NUMBER_OUT_OF_RANGE: &str = "22003";
    pub(crate) const INVALID_DATETIME: &str = "22007";
    pub(crate) const DATETIME_OVERFLOW: &str = "22008";
    pub(crate) const DIVISION_BY_ZERO: &str = "22012";
    pub(crate) const BAD_ENCODING: &str = "22021";
    pub(crate) const INVALID_PARAMETER: &str = "22023";
    pub(crate) const INVALID_ESCAPE: &str = "22025";
    pub(crate) const INVALID_LIMIT: &str = "2201W";
    pub(crate) const INVALID_OFFSET: &str = "2201X";
    pub(crate) const INVALID_TEXT: &str = "22P02";
    pub(crate) const INVALID_BINARY: &str = "22P03";
    pub(crate) const BAD_COPY_FORMAT: &str = "22P04";
    pub(crate) const UNTRANSLATABLE_CHARACTER: &str = "22P05";
    pub(crate) const NOT_NULL_VIOLATION: &str = "23502";
    pub(crate) const FOREIGN_KEY_VIOLATION: &str = "23503";
    pub(crate) const UNIQUE_VIOLATION: &str = "23505";
    pub(crate) const CHECK_VIOLATION: &str = "23514";
    pub(crate) const ACTIVE_TRANSACTION: &str = "25001";
    pub(crate) const READ_ONLY_TRANSACTION: &str = "25006";
    pub(crate) const NO_ACTIVE_TRANSACTION: &str = "25P01";
    pub(crate) const IN_FAILED_TRANSACTION: &str = "25P02";
    pub(crate) const INVALID_STATEMENT_NAME: &str = "26000";
    pub(crate) const INVALID_CURSOR_NAME: &str = "34000";
    pub(crate) const DEPENDENT_OBJECTS: &str = "2BP01";
    pub(crate) const INVALID_CATALOG_NAME: &str = "3D000";
    pub(crate) const INVALID_SCHEMA_NAME: &str = "3F000";
    pub(crate) const INVALID_SAVEPOINT: &str = "3B001";
    pub(crate) const SYNTAX_ERROR: &str = "42601";
    pub(crate) const AMBIGUOUS_COLUMN: &str = "42702";
    pub(crate) const UNDEFINED_COLUMN: &str = "42703";
    pub(crate) const UNDEFINED_OBJECT: &str = "42704";
    pub(crate) const DUPLICATE_ALIAS: &str = "42712";
    pub(crate) const AMBIGUOUS_FUNCTION: &str = "42725";
    pub(crate) const DUPLICATE_COLUMN: &str = "42701";
    pub(crate) const GROUPING_ERROR: &str = "42803";
    pub(crate) const DATATYPE_MISMATCH: &str = "42804";
    pub(crate) const CANNOT_COERCE: &str = "42846";
    pub(crate) const INVALID_FOREIGN_KEY: &str = "42830";
    pub(crate) const UNDEFINED_FUNCTION: &str = "42883";
    pub(crate) const GENERATED_ALWAYS: &str = "428C9";
    pub(crate) const UNDEFINED_TABLE: &str = "42P01";
    pub(crate) const UNDEFINED_PARAMETER: &str = "42P02";
    pub(crate) const DUPLICATE_TABLE: &str = "42P07";
    pub(crate) const INVALID_COLUMN_REFERENCE: &str = "42P10";
    pub(crate) const INVALID_TABLE_DEFINITION: &str = "42P16";
    pub(crate) const INDETERMINATE_TYPE: &str = "42P18";
    pub(crate) const OBJECT_NOT_IN_STATE: &str = "55000";
    pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";
    pub(crate) const QUERY_CANCELED: &str = "57014";
    pub(crate) const INTERNAL_ERROR: &str = "XX000";
}

pub(super) type SqlResult<T> = Result<T, SqlError>;

/// One error of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SqlError {
    pub(super) state: &'static str,
    pub(super) message: String,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
    about: Option<Box<About>>,
    /// A real Postgres would serve the statement, or could: the session then names the statement and the remedy.
    pub(super) beyond_embedded: bool,
}

/// The names that an error is about. Apart and boxed, so that results that are mostly fine stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct About {
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
}

impl SqlError {
    pub(super) fn new(state: &'static str, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), detail: None, hint: None, about: None, beyond_embedded: false }
    }

    /// What a real Postgres serves and this server does not. `what` is a noun: "numeric columns".
    pub(super) fn unsupported(what: impl fmt::Display) -> Self {
        let message = format!("the embedded Postgres server does not support {what}");
        Self::new(state::FEATURE_NOT_SUPPORTED, message).beyond(true)
    }

    pub(super) fn syntax(message: impl Into<String>) -> Self {
        Self::new(state::SYNTAX_ERROR, message)
    }

    pub(super) fn datatype(message: impl Into<String>) -> Self {
        Self::new(state::DATATYPE_MISMATCH, message)
    }

    /// A real Postgres may serve the statement, if `beyond`.
    #[must_use]
    pub(super) fn beyond(mut self, beyond: bool) -> Self {
        self.beyond_embedded = beyond;
        self
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub(super) fn about(mut self, table: Option<&str>, column: Option<&str>, constraint: Option<&str>) -> Self {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        self.about =
            Some(Box::new(About { table: owned(table), column: owned(column), constraint: owned(constraint) }));
        self
    }

    /// Names the statement and the remedy where a real Postgres would, or could, have served it.
    #[must_use]
    pub(super) fn in_statement(mut self, statement: &str) -> Self {
        const SHOWN: usize = 300;
        if self.beyond_embedded {
            let mut text: String = statement.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some((end, _)) = text.char_indices().nth(SHOWN) {
                text.truncate(end);
                text.push_str(" ...");
            }
            self.message = format!("{}, in: {text}", self.message);
            let hint = self.hint.map(|hint| format!("{hint}; ")).unwrap_or_default();
            self.hint = Some(format!("{hint}{REMEDY}"));
            self.beyond_embedded = false;
        }
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.state, self.message)
    }
}

impl std::error::Error for SqlError {}

impl From<SqlError> for PgWireError {
    fn from(error: SqlError) -> Self {
        // `V` and `s`, `t`, `c`, `n` as PostgreSQL fills them: clients keep the fields, so their memory depends on them.
        let mut info = ErrorInfo::new("ERROR".to_owned(), error.state.to_owned(), error.message);
        info.severity_nonlocalized = Some("ERROR".to_owned());
        info.detail = error.detail;
        info.hint = error.hint;
        if let Some(about) = error.about {
            info.schema = about.table.as_ref().map(|_| "public".to_owned());
            info.table = about.table;
            info.column = about.column;
            info.constraint = about.constraint;
        }
        PgWireError::UserError(Box::new(info))
    }
}

/// What to do about a statement that is not served here.
pub(super) const REMEDY: &str =
    "where a real Postgres serves the statement, set HIGHWATER_SERVICES=local, or DATABASE_URL";

/// Errors travel through SQLite as text when a function of ours raises them while a statement runs.
const RAISED: &str = "pg-error";

/// The error of a function of ours, in the form that [`from_sqlite`] reads back.
pub(super) fn raise(error: &SqlError) -> rusqlite::Error {
    let origin = if error.beyond_embedded { "beyond" } else { "plain" };
    rusqlite::Error::UserFunctionError(
        format!("{RAISED}\u{1f}{}\u{1f}{origin}\u{1f}{}", error.state, error.message).into(),
    )
}

/// States that functions raise; SQLite hands back text, and a state is `&'static str`.
const RAISED_STATES: &[&str] = &[
    state::FEATURE_NOT_SUPPORTED,
    state::CARDINALITY_VIOLATION,
    state::STRING_TOO_LONG,
    state::NUMBER_OUT_OF_RANGE,
    state::INVALID_DATETIME,
    state::DATETIME_OVERFLOW,
    state::DIVISION_BY_ZERO,
    state::BAD_ENCODING,
    state::INVALID_PARAMETER,
    state::INVALID_ESCAPE,
    state::INVALID_LIMIT,
    state::INVALID_OFFSET,
    state::INVALID_TEXT,
    state::UNTRANSLATABLE_CHARACTER,
    state::UNDEFINED_TABLE,
    state::OBJECT_NOT_IN_STATE,
    state::LOCK_NOT_AVAILABLE,
];

fn raised(message: &str) -> Option<SqlError> {
    let rest = &message[message.find(RAISED)?..];
    let mut parts = rest.splitn(4, '\u{1f}').skip(1);
    let (code, origin, message) = (parts.next()?, parts.next()?, parts.next()?);
    let state = RAISED_STATES.iter().find(|known| **known == code).copied().unwrap_or(state::INTERNAL_ERROR);
    Some(SqlError::new(state, message).beyond(origin == "beyond"))
}

/// What SQLite reported, as Postgres would have. `conn` is asked for the names of constraints.
pub(super) fn from_sqlite(conn: &Connection, error: &rusqlite::Error) -> SqlError {
    let text = error.to_string();
    if let Some(error) = raised(&text) {
        return error;
    }
    let (code, detail) = match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            (failure.extended_code, message.clone().unwrap_or_default())
        }
        rusqlite::Error::SqlInputError { error, msg, .. } => (error.extended_code, msg.clone()),
        _ => return internal(&text),
    };
    match code {
        // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY
        2067 | 1555 => unique_violation(conn, &detail),
        // SQLITE_CONSTRAINT_NOTNULL
        1299 => not_null_violation(&detail),
        // SQLITE_CONSTRAINT_FOREIGNKEY
        787 => {
            SqlError::new(state::FOREIGN_KEY_VIOLATION, "insert, update or delete violates a foreign key constraint")
        }
        // SQLITE_CONSTRAINT_CHECK
        275 => check_violation(&detail),
        // SQLITE_INTERRUPT
        9 => SqlError::new(state::QUERY_CANCELED, "canceling statement due to user request"),
        _ if detail.starts_with("no such savepoint") => {
            let name = detail.rsplit(": ").next().unwrap_or_default();
            SqlError::new(state::INVALID_SAVEPOINT, format!("savepoint \"{name}\" does not exist"))
        }
        _ if detail.contains("ON CONFLICT clause does not match") => SqlError::new(
            state::INVALID_COLUMN_REFERENCE,
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        ),
        // Sums of bigints are numeric in Postgres and have no upper end.
        _ if detail == "integer overflow" => SqlError::unsupported("sums beyond the range of bigint"),
        _ => internal(&detail),
    }
}

/// SQLite refused what was made from a statement that the compiler took for good: never pass that off as the client's error.
fn internal(message: &str) -> SqlError {
    let message = format!("the embedded Postgres server failed ({message})");
    SqlError::new(state::INTERNAL_ERROR, message).beyond(true)
}

/// From `UNIQUE constraint failed: t.a, t.b` or `...: index 'name'`.
fn unique_violation(conn: &Connection, detail: &str) -> SqlError {
    let failed = detail.split_once(": ").map_or("", |(_, failed)| failed);
    let (table, constraint) = if let Some(index) = failed.strip_prefix("index '").and_then(|i| i.strip_suffix('\'')) {
        (catalog::table_of_index(conn, index).ok().flatten(), Some(index.to_owned()))
    } else {
        let columns: Vec<&str> =
            failed.split(", ").filter_map(|c| c.split_once('.')).map(|(_, column)| column).collect();
        let table = failed.split_once('.').map(|(table, _)| table.to_owned());
        let index = table.as_deref().and_then(|table| catalog::unique_index_on(conn, table, &columns).ok().flatten());
        (table, index)
    };
    let name = constraint.as_deref().unwrap_or_default();
    SqlError::new(state::UNIQUE_VIOLATION, format!("duplicate key value violates unique constraint \"{name}\"")).about(
        table.as_deref(),
        None,
        constraint.as_deref(),
    )
}

/// From `NOT NULL constraint failed: t.a`.
fn not_null_violation(detail: &str) -> SqlError {
    let failed = detail.split_once(": ").map_or("", |(_, failed)| failed);
    let (table, column) = failed.split_once('.').unwrap_or(("", failed));
    let message = format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint");
    SqlError::new(state::NOT_NULL_VIOLATION, message).about(Some(table), Some(column), None)
}

/// From `CHECK constraint failed: name`.
fn check_violation(detail: &str) -> SqlError {
    let name = detail.split_once(": ").map_or("", |(_, name)| name);
    SqlError::new(state::CHECK_VIOLATION, format!("new row violates check constraint \"{name}\"")).about(
        None,
        None,
        Some(name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_error_survives_its_way_through_sqlite() {
        let conn = Connection::open_in_memory().unwrap();
        let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
        let error = SqlError::new(state::DIVISION_BY_ZERO, "division by zero");
        let raises = error.clone();
        conn.create_scalar_function("f", 0, flags, move |_| Err::<i64, _>(raise(&raises))).unwrap();
        let back = conn.query_row("SELECT f()", [], |row| row.get::<_, i64>(0)).unwrap_err();
        assert_eq!(from_sqlite(&conn, &back), error);
    }

    #[test]
    fn what_only_a_real_postgres_serves_names_the_statement_and_the_remedy() {
        let error = SqlError::unsupported("LISTEN").in_statement("LISTEN\n  jobs");
        assert_eq!(error.message, "the embedded Postgres server does not support LISTEN, in: LISTEN jobs");
        assert!(error.hint.unwrap().contains("HIGHWATER_SERVICES=local"));
    }

    #[test]
    fn a_long_statement_is_cut() {
        let error = SqlError::unsupported("x").in_statement(&"é".repeat(1000));
        assert!(error.message.ends_with("é ..."), "{}", error.message);
    }
}
