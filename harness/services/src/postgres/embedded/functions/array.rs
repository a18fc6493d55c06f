//! Arrays: building, looking into and unrolling the blobs they are kept as.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::super::codec::array::{pack, unpack};
use super::super::error::SqlResult;
use super::super::types::Scalar;
use super::{VARIADIC, blob, integer, owned, pure, strict, truth, type_of};

pub(super) fn register(conn: &Connection) -> Result<()> {
    // pg_array(element type, x, ...)
    pure(conn, "pg_array", VARIADIC, |a| {
        packed(type_of(a[0])?.scalar, &a[1..].iter().map(|x| owned(*x)).collect::<SqlResult<Vec<_>>>()?)
    })?;
    // pg_array_has(array, x, element type): `x = ANY (array)`, with the nulls of SQL.
    pure(conn, "pg_array_has", 3, |a| has(a[0], a[1], type_of(a[2])?.scalar))?;
    // pg_array_length(array, element type): null for an empty one; pg_cardinality: 0.
    strict(conn, "pg_array_length", 2, |a| match length(a)? {
        0 => Ok(Value::Null),
        length => Ok(Value::Integer(length)),
    })?;
    strict(conn, "pg_cardinality", 2, |a| length(a).map(Value::Integer))?;
    // pg_array_get(array, index, element type): counted from 1, null outside.
    strict(conn, "pg_array_get", 3, |a| {
        let values = unpack(type_of(a[2])?.scalar, blob(a[0])?)?;
        let index = usize::try_from(integer(a[1])?).ok().and_then(|index| index.checked_sub(1));
        Ok(index.and_then(|index| values.into_iter().nth(index)).unwrap_or(Value::Null))
    })?;
    // pg_array_indexes(array, element type): [1,2,...] for SQLite's json_each.
    strict(conn, "pg_array_indexes", 2, |a| {
        let indexes: Vec<String> = (1..=length(a)?).map(|index| index.to_string()).collect();
        Ok(Value::Text(format!("[{}]", indexes.join(","))))
    })?;
    // pg_array_concat(array, array, element type): a null array is an empty one.
    pure(conn, "pg_array_concat", 3, |a| {
        if matches!((a[0], a[1]), (ValueRef::Null, ValueRef::Null)) {
            return Ok(Value::Null);
        }
        let element = type_of(a[2])?.scalar;
        let mut values = Vec::new();
        for array in &a[..2] {
            if !matches!(array, ValueRef::Null) {
                values.extend(unpack(element, blob(*array)?)?);
            }
        }
        packed(element, &values)
    })
}

fn packed(element: Scalar, values: &[Value]) -> SqlResult<Value> {
    pack(element, values).map(Value::Blob)
}

fn length(arguments: &super::Arguments<'_>) -> SqlResult<i64> {
    let values = unpack(type_of(arguments[1])?.scalar, blob(arguments[0])?)?;
    Ok(i64::try_from(values.len()).unwrap_or(i64::MAX))
}

fn has(array: ValueRef<'_>, wanted: ValueRef<'_>, element: Scalar) -> SqlResult<Value> {
    if matches!(array, ValueRef::Null) {
        return Ok(Value::Null);
    }
    let values = unpack(element, blob(array)?)?;
    if values.is_empty() {
        return Ok(truth(false));
    }
    let wanted = owned(wanted)?;
    if wanted != Value::Null && values.contains(&wanted) {
        return Ok(truth(true));
    }
    Ok(if wanted == Value::Null || values.contains(&Value::Null) { Value::Null } else { truth(false) })
}
