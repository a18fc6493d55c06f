//! `cjson` of Redis' Lua: JSON text to Lua values and back.

use mlua::{Error, Lua, Result, Table, Value};
use serde_json::{Map, Number, Value as Json};

/// Depth beyond which a table is taken for endless, as `cjson` does.
const DEEPEST: usize = 1_000;

/// The table `cjson`.
pub(super) fn module(lua: &Lua) -> Result<Table> {
    let module = lua.create_table()?;
    module.set("null", Value::NULL)?;
    module.set(
        "decode",
        lua.create_function(|lua, text: mlua::LuaString| {
            let json = serde_json::from_slice(&text.as_bytes()).map_err(Error::external)?;
            from_json(lua, json)
        })?,
    )?;
    module.set(
        "encode",
        lua.create_function(|lua, value: Value| {
            let text = serde_json::to_vec(&to_json(&value, 0)?).map_err(Error::external)?;
            lua.create_string(text)
        })?,
    )?;
    Ok(module)
}

fn from_json(lua: &Lua, json: Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::NULL,
        Json::Bool(truth) => Value::Boolean(truth),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(lua.create_string(text)?),
        Json::Array(items) => {
            let table = lua.create_table()?;
            for item in items {
                table.raw_push(from_json(lua, item)?)?;
            }
            Value::Table(table)
        }
        Json::Object(members) => {
            let table = lua.create_table()?;
            for (name, value) in members {
                table.raw_set(name, from_json(lua, value)?)?;
            }
            Value::Table(table)
        }
    })
}

fn to_json(value: &Value, depth: usize) -> Result<Json> {
    if depth > DEEPEST {
        return Err(Error::runtime("Cannot serialise, excessive depth"));
    }
    Ok(match value {
        Value::Nil | Value::LightUserData(_) => Json::Null,
        Value::Boolean(truth) => Json::Bool(*truth),
        Value::Integer(number) => Json::Number((*number).into()),
        Value::Number(number) => number_to_json(*number)?,
        Value::String(text) => Json::String(text.to_string_lossy()),
        Value::Table(table) => {
            let pairs: Vec<(Value, Value)> = table.pairs().collect::<Result<_>>()?;
            // An empty table is an object for `cjson`.
            if !pairs.is_empty() && pairs.len() == table.raw_len() {
                let items = (1..=table.raw_len()).map(|index| to_json(&table.raw_get(index)?, depth + 1));
                return Ok(Json::Array(items.collect::<Result<_>>()?));
            }
            let mut members = Map::new();
            for (name, value) in pairs {
                let name = match &name {
                    Value::String(name) => name.to_string_lossy(),
                    Value::Integer(number) => number.to_string(),
                    Value::Number(number) => number.to_string(),
                    _ => return Err(Error::runtime("Cannot serialise table: table key must be a number or string")),
                };
                members.insert(name, to_json(&value, depth + 1)?);
            }
            Json::Object(members)
        }
        other => return Err(Error::runtime(format!("Cannot serialise {}: type not supported", other.type_name()))),
    })
}

/// Whole numbers have no fraction.
fn number_to_json(number: f64) -> Result<Json> {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Ok(Json::Number((number as i64).into()));
    }
    Number::from_f64(number)
        .map(Json::Number)
        .ok_or_else(|| Error::runtime("Cannot serialise number: must not be NaN or Inf"))
}
