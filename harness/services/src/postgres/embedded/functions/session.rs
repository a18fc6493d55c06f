//! Functions that look at the session: parameters, time, rows already written, sequences, advisory locks.

use std::sync::Arc;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::super::codec::{datetime, uuid_to_text};
use super::super::error::{SqlError, SqlResult, state};
use super::super::frame::Frame;
use super::{blob, create, integer, owned, text, truth};

/// Constant while a statement runs, so SQLite may call once what has constant arguments.
const CONSTANT: FunctionFlags = FunctionFlags::SQLITE_DETERMINISTIC;
const VOLATILE: FunctionFlags = FunctionFlags::empty();

pub(super) fn register(conn: &Connection, frame: &Arc<Frame>) -> Result<()> {
    let with = |name: &str,
                arguments: i32,
                flags: FunctionFlags,
                body: fn(&Frame, &super::Arguments<'_>) -> SqlResult<Value>| {
        let frame = Arc::clone(frame);
        create(conn, name, arguments, flags, move |arguments| body(&frame, arguments))
    };
    // pg_cell(parameter, row): an element of an array parameter.
    with("pg_cell", 2, CONSTANT, |frame, a| Ok(frame.cell(position(a[0])?, position(a[1])?)))?;
    // pg_parameter(n): for statements with more parameters than SQLite takes.
    with("pg_parameter", 1, CONSTANT, |frame, a| Ok(frame.scalar(position(a[0])?)))?;
    with("pg_now", 0, CONSTANT, |frame, _| Ok(Value::Integer(frame.now())))?;
    with("pg_clock", 0, VOLATILE, |_, _| Ok(Value::Integer(datetime::now())))?;
    with("pg_backend", 0, CONSTANT, |frame, _| Ok(Value::Integer(frame.pid.into())))?;
    // pg_once(rowid): true, unless the running upsert wrote the row already.
    with("pg_once", 1, VOLATILE, |frame, a| {
        if frame.was_written(integer(a[0])?) {
            let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
            return Err(SqlError::new(state::CARDINALITY_VIOLATION, message));
        }
        Ok(truth(true))
    })?;
    // pg_single(x, rows): x, unless a scalar subquery has several rows.
    with("pg_single", 2, VOLATILE, |_, a| {
        if integer(a[1])? > 1 {
            let message = "more than one row returned by a subquery used as an expression";
            return Err(SqlError::new(state::CARDINALITY_VIOLATION, message));
        }
        owned(a[0])
    })?;
    // pg_uuid(16 random bytes): a version 4 UUID.
    with("pg_uuid", 1, VOLATILE, |_, a| {
        let bytes: [u8; 16] = blob(a[0])?.try_into().map_err(|_| super::unexpected(a[0]))?;
        let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        Ok(Value::Text(uuid_to_text(number)))
    })?;
    with("pg_nextval", 1, VOLATILE, |frame, a| {
        let name = sequence(a[0])?;
        let value = frame.database.sequences.next(&name).ok_or_else(|| no_sequence(&name))?;
        frame.drew(&name, value);
        Ok(Value::Integer(value))
    })?;
    with("pg_currval", 1, VOLATILE, |frame, a| {
        let name = sequence(a[0])?;
        let missing = || {
            SqlError::new(
                state::OBJECT_NOT_IN_STATE,
                format!("currval of sequence \"{name}\" is not yet defined in this session"),
            )
        };
        frame.current(&name).map(Value::Integer).ok_or_else(missing)
    })?;
    with("pg_lastval", 0, VOLATILE, |frame, _| {
        let missing = || SqlError::new(state::OBJECT_NOT_IN_STATE, "lastval is not yet defined in this session");
        frame.last().map(Value::Integer).ok_or_else(missing)
    })?;
    // pg_setval(sequence, value, called)
    with("pg_setval", 3, VOLATILE, |frame, a| {
        let (name, value, called) = (sequence(a[0])?, integer(a[1])?, integer(a[2])? != 0);
        let next = if called { value.saturating_add(1) } else { value };
        if !frame.database.sequences.set_next(&name, next) {
            return Err(no_sequence(&name));
        }
        Ok(Value::Integer(value))
    })?;
    // pg_advise(key, wait, until the transaction ends): takes an advisory lock.
    with("pg_advise", 3, VOLATILE, |frame, a| {
        let (key, wait, transaction) = (integer(a[0])?, integer(a[1])? != 0, integer(a[2])? != 0);
        frame.database.advisory.lock(key, frame.pid, wait, transaction).map(truth)
    })?;
    with("pg_unadvise", 1, VOLATILE, |frame, a| Ok(truth(frame.database.advisory.unlock(integer(a[0])?, frame.pid))))?;
    with("pg_unadvise_all", 0, VOLATILE, |frame, _| {
        frame.database.advisory.release(frame.pid, false);
        Ok(Value::Text(String::new()))
    })
}

fn position(value: ValueRef<'_>) -> SqlResult<usize> {
    usize::try_from(integer(value)?).map_err(|_| super::unexpected(value))
}

/// The name in `nextval('public.t_id_seq')`.
fn sequence(value: ValueRef<'_>) -> SqlResult<String> {
    let name = text(value)?;
    let name = name.strip_prefix("public.").unwrap_or(name);
    Ok(name
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
        .map_or_else(|| name.to_owned(), |inner| inner.replace("\"\"", "\"")))
}

fn no_sequence(name: &str) -> SqlError {
    SqlError::new(state::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}
