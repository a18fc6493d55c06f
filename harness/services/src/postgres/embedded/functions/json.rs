//! Operators and functions on `json` and `jsonb`. SQLite's own are not used: they return numbers and booleans as integers.

use std::borrow::Cow;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::super::codec::json::{self, Json, Step, parse, write_string};
use super::super::codec::{self, array};
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::{VARIADIC, blob, integer, pure, strict, text, truth, type_of};

pub(super) fn register(conn: &Connection) -> Result<()> {
    strict(conn, "pg_json_get", 2, |a| Ok(parse(text(a[0])?)?.step(&step(a[1])?).map_or(Value::Null, document)))?;
    strict(conn, "pg_json_get_text", 2, |a| {
        Ok(parse(text(a[0])?)?.step(&step(a[1])?).cloned().map_or(Value::Null, plain))
    })?;
    strict(conn, "pg_json_path", 2, |a| Ok(parse(text(a[0])?)?.path(&path(a[1])?).map_or(Value::Null, document)))?;
    strict(conn, "pg_json_path_text", 2, |a| {
        Ok(parse(text(a[0])?)?.path(&path(a[1])?).cloned().map_or(Value::Null, plain))
    })?;
    strict(conn, "pg_json_equal", 2, |a| json::equal(text(a[0])?, text(a[1])?).map(truth))?;
    // pg_json_same(a, b): `IS NOT DISTINCT FROM`.
    pure(conn, "pg_json_same", 2, |a| match (a[0], a[1]) {
        (ValueRef::Null, ValueRef::Null) => Ok(truth(true)),
        (ValueRef::Null, _) | (_, ValueRef::Null) => Ok(truth(false)),
        (left, right) => json::equal(text(left)?, text(right)?).map(truth),
    })?;
    strict(conn, "pg_json_contains", 2, |a| Ok(truth(parse(text(a[0])?)?.contains(&parse(text(a[1])?)?))))?;
    strict(conn, "pg_json_has", 2, |a| Ok(truth(has(&parse(text(a[0])?)?, text(a[1])?))))?;
    strict(conn, "pg_json_concat", 2, |a| Ok(document(&parse(text(a[0])?)?.concatenated(parse(text(a[1])?)?))))?;
    strict(conn, "pg_json_without", 2, |a| parse(text(a[0])?)?.without(text(a[1])?).map(|json| document(&json)))?;
    strict(conn, "pg_json_typeof", 1, |a| Ok(Value::Text(parse(text(a[0])?)?.type_name().to_owned())))?;
    strict(conn, "pg_json_length", 1, |a| match parse(text(a[0])?)? {
        Json::Array(items) => Ok(Value::Integer(i64::try_from(items.len()).unwrap_or(i64::MAX))),
        _ => Err(SqlError::new(state::INVALID_PARAMETER, "cannot get array length of a scalar or an object")),
    })?;
    // pg_json_rows(array): the texts of its items, as an array of strings that SQLite's json_each unrolls.
    strict(conn, "pg_json_rows", 1, |a| rows(text(a[0])?).map(Value::Text))?;
    // pg_json_field(object, key, type): a column of jsonb_to_recordset.
    strict(conn, "pg_json_field", 3, |a| field(text(a[0])?, text(a[1])?, type_of(a[2])?))?;
    strict(conn, "pg_json_plain", 1, |a| Ok(plain(parse(text(a[0])?)?)))?;
    // pg_json_from(x, type): to_jsonb(x).
    strict(conn, "pg_json_from", 2, |a| Ok(Value::Text(from_value(a[0], type_of(a[1])?)?)))?;
    // pg_json_object(key, x, type, ...), pg_json_array(x, type, ...): jsonb_build_object, jsonb_build_array.
    pure(conn, "pg_json_object", VARIADIC, |a| {
        let mut members = Vec::new();
        for member in a.chunks_exact(3) {
            let key = match member[0] {
                ValueRef::Null => {
                    return Err(SqlError::new(state::INVALID_PARAMETER, "argument 1: key must not be null"));
                }
                key => text(key)?.to_owned(),
            };
            members.push((key, from_nullable(member[1], member[2])?));
        }
        let mut out = String::from("{");
        for (index, (key, value)) in members.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "," });
            write_string(key, &mut out);
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        json::normalized(&out).map(Value::Text)
    })?;
    pure(conn, "pg_json_array", VARIADIC, |a| {
        let items = a.chunks_exact(2).map(|item| from_nullable(item[0], item[1])).collect::<SqlResult<Vec<_>>>()?;
        json::normalized(&format!("[{}]", items.join(","))).map(Value::Text)
    })
}

fn document(json: &Json<'_>) -> Value {
    Value::Text(json.to_text())
}

fn plain(json: Json<'_>) -> Value {
    json.into_text().map_or(Value::Null, Value::Text)
}

fn step(value: ValueRef<'_>) -> SqlResult<Step<'_>> {
    match value {
        ValueRef::Integer(index) => Ok(Step::Index(index)),
        other => text(other).map(Step::Key),
    }
}

/// A `text[]`.
fn path(value: ValueRef<'_>) -> SqlResult<Vec<String>> {
    let parts = array::unpack(Scalar::Text, blob(value)?)?;
    Ok(parts.into_iter().filter_map(|part| if let Value::Text(part) = part { Some(part) } else { None }).collect())
}

/// `?`: a key of an object, a string of an array, or the string itself.
fn has(json: &Json<'_>, key: &str) -> bool {
    match json {
        Json::Object(members) => members.iter().any(|(k, _)| k == key),
        Json::Array(items) => items.iter().any(|item| matches!(item, Json::String(text) if text == key)),
        Json::String(text) => text == key,
        _ => false,
    }
}

fn rows(text: &str) -> SqlResult<String> {
    let Json::Array(items) = parse(text)? else {
        return Err(SqlError::new(state::INVALID_PARAMETER, "cannot extract elements from a scalar or an object"));
    };
    let mut out = String::with_capacity(text.len() * 5 / 4);
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        write_string(&item.to_text(), &mut out);
    }
    out.push(']');
    Ok(out)
}

fn field(object: &str, key: &str, ty: SqlType) -> SqlResult<Value> {
    let object = parse(object)?;
    if !matches!(object, Json::Object(_)) {
        return Err(SqlError::new(
            state::INVALID_PARAMETER,
            "argument of jsonb_to_recordset must be an array of objects",
        ));
    }
    match object.step(&Step::Key(key)) {
        None => Ok(Value::Null),
        Some(Json::Null) => Ok(Value::Null),
        Some(value) if ty.is_json() => codec::from_text(ty, &value.to_text()),
        Some(Json::Array(items)) if ty.array => {
            let items = items.iter().map(|item| match item.clone().into_text() {
                None => Ok(Value::Null),
                Some(text) => codec::from_text(ty.scalar.into(), &text),
            });
            array::pack(ty.scalar, &items.collect::<SqlResult<Vec<_>>>()?).map(Value::Blob)
        }
        Some(value) => codec::from_text(ty, &value.clone().into_text().unwrap_or_default()),
    }
}

fn from_nullable(value: ValueRef<'_>, ty: ValueRef<'_>) -> SqlResult<String> {
    if matches!(value, ValueRef::Null) { Ok("null".to_owned()) } else { from_value(value, type_of(ty)?) }
}

/// `to_jsonb`: numbers and booleans as themselves, documents as they are, arrays item by item, the rest as strings.
pub(super) fn from_value(value: ValueRef<'_>, ty: SqlType) -> SqlResult<String> {
    if ty.array {
        let items = array::unpack(ty.scalar, blob(value)?)?;
        let items = items.iter().map(|item| match item {
            Value::Null => Ok("null".to_owned()),
            item => from_value(ValueRef::from(item), ty.scalar.into()),
        });
        return Ok(format!("[{}]", items.collect::<SqlResult<Vec<_>>>()?.join(", ")));
    }
    match ty.scalar {
        Scalar::Bool => Ok(if integer(value)? != 0 { "true" } else { "false" }.to_owned()),
        Scalar::Jsonb => text(value).map(str::to_owned),
        Scalar::Json => json::normalized(text(value)?),
        Scalar::Timestamp | Scalar::Timestamptz => {
            // ISO 8601 with `T`, and minutes in the zone.
            let stamp = codec::datetime::timestamp_to_text(integer(value)?)?.replacen(' ', "T", 1);
            Ok(if ty.is(Scalar::Timestamp) { format!("\"{stamp}\"") } else { format!("\"{stamp}+00:00\"") })
        }
        _ => {
            let mut out = Vec::new();
            codec::to_text(ty, value, &mut out)?;
            let text = codec::utf8(&out)?;
            if ty.is_number() {
                return json::normalized(text);
            }
            Ok(Json::String(Cow::Borrowed(text)).to_text())
        }
    }
}
