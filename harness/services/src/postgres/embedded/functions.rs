//! Functions that SQLite calls while a statement runs, for whatever SQLite does otherwise than Postgres. The compiler writes
//! their names (all begin with `pg_`); users never do.

mod aggregate;
mod array;
mod json;
mod number;
mod order;
mod session;
mod text;
mod time;

use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::error::{self, SqlError, SqlResult};
use super::frame::Frame;
use super::types::SqlType;

pub(super) use text::fitted;

/// Registers all of them on a connection.
pub(super) fn register(conn: &Connection, frame: &Arc<Frame>) -> Result<()> {
    number::register(conn)?;
    order::register(conn)?;
    text::register(conn)?;
    json::register(conn)?;
    array::register(conn)?;
    time::register(conn)?;
    aggregate::register(conn)?;
    session::register(conn, frame)
}

/// Any number of arguments.
const VARIADIC: i32 = -1;

type Arguments<'a> = [ValueRef<'a>];

/// A function of its arguments alone; null if one of them is.
fn strict(conn: &Connection, name: &str, arguments: i32, body: fn(&Arguments<'_>) -> SqlResult<Value>) -> Result<()> {
    pure(conn, name, arguments, move |arguments| {
        if arguments.iter().any(|argument| matches!(argument, ValueRef::Null)) {
            Ok(Value::Null)
        } else {
            body(arguments)
        }
    })
}

/// A function of its arguments alone that sees nulls.
fn pure(
    conn: &Connection,
    name: &str,
    arguments: i32,
    body: impl Fn(&Arguments<'_>) -> SqlResult<Value> + Send + 'static,
) -> Result<()> {
    create(conn, name, arguments, FunctionFlags::SQLITE_DETERMINISTIC, body)
}

fn create(
    conn: &Connection,
    name: &str,
    arguments: i32,
    flags: FunctionFlags,
    body: impl Fn(&Arguments<'_>) -> SqlResult<Value> + Send + 'static,
) -> Result<()> {
    conn.create_scalar_function(name, arguments, flags | FunctionFlags::SQLITE_UTF8, move |context: &Context<'_>| {
        let arguments: Vec<ValueRef<'_>> = (0..context.len()).map(|index| context.get_raw(index)).collect();
        body(&arguments).map_err(|failed| error::raise(&failed))
    })
}

/// The compiler passes what it has typed, so another type is a fault of this server.
fn unexpected(value: ValueRef<'_>) -> SqlError {
    SqlError::unsupported(format!("an argument kept as {:?} here", value.data_type()))
}

fn integer(value: ValueRef<'_>) -> SqlResult<i64> {
    value.as_i64().map_err(|_| unexpected(value))
}

fn real(value: ValueRef<'_>) -> SqlResult<f64> {
    value.as_f64().map_err(|_| unexpected(value))
}

fn text<'a>(value: ValueRef<'a>) -> SqlResult<&'a str> {
    value.as_str().map_err(|_| unexpected(value))
}

fn blob<'a>(value: ValueRef<'a>) -> SqlResult<&'a [u8]> {
    value.as_blob().map_err(|_| unexpected(value))
}

/// A type that the compiler wrote as [`SqlType::code`].
fn type_of(value: ValueRef<'_>) -> SqlResult<SqlType> {
    SqlType::from_code(integer(value)?).ok_or_else(|| unexpected(value))
}

/// A copy that outlives the call.
fn owned(value: ValueRef<'_>) -> SqlResult<Value> {
    Value::try_from(value).map_err(|_| unexpected(value))
}

fn truth(value: bool) -> Value {
    Value::Integer(i64::from(value))
}
