//! `GREATEST` and `LEAST`, which leave nulls out; SQLite's own answer null.

use std::cmp::Ordering;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::super::error::SqlResult;
use super::{VARIADIC, owned, pure, unexpected};

pub(super) fn register(conn: &Connection) -> Result<()> {
    pure(conn, "pg_greatest", VARIADIC, |a| outermost(a, Ordering::Greater))?;
    pure(conn, "pg_least", VARIADIC, |a| outermost(a, Ordering::Less))
}

fn outermost(arguments: &super::Arguments<'_>, wanted: Ordering) -> SqlResult<Value> {
    let mut best: Option<ValueRef<'_>> = None;
    for argument in arguments.iter().filter(|argument| !matches!(argument, ValueRef::Null)) {
        best = match best {
            Some(so_far) if compare(*argument, so_far)? != wanted => Some(so_far),
            _ => Some(*argument),
        };
    }
    best.map_or(Ok(Value::Null), owned)
}

/// Values of one type.
fn compare(left: ValueRef<'_>, right: ValueRef<'_>) -> SqlResult<Ordering> {
    match (left, right) {
        (ValueRef::Integer(a), ValueRef::Integer(b)) => Ok(a.cmp(&b)),
        (ValueRef::Real(a), ValueRef::Real(b)) => Ok(a.total_cmp(&b)),
        (ValueRef::Text(a), ValueRef::Text(b)) | (ValueRef::Blob(a), ValueRef::Blob(b)) => Ok(a.cmp(b)),
        _ => Err(unexpected(left)),
    }
}
