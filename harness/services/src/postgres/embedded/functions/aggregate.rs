//! Aggregates that SQLite lacks or computes otherwise: it sums floats with compensation, Postgres does not.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::super::codec::array::pack;
use super::super::error;
use super::{json, owned, real, type_of};

pub(super) fn register(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_aggregate_function("pg_sum_float", 1, flags, FloatSum { average: false })?;
    conn.create_aggregate_function("pg_average_float", 1, flags, FloatSum { average: true })?;
    conn.create_aggregate_function("pg_array_aggregate", 2, flags, ArrayOf)?;
    conn.create_aggregate_function("pg_json_aggregate", 2, flags, JsonOf)
}

struct FloatSum {
    average: bool,
}

impl Aggregate<(f64, u32), Value> for FloatSum {
    fn init(&self, _: &mut Context<'_>) -> Result<(f64, u32)> {
        Ok((0.0, 0))
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut (f64, u32)) -> Result<()> {
        if !matches!(context.get_raw(0), ValueRef::Null) {
            sum.0 += real(context.get_raw(0)).map_err(|failed| error::raise(&failed))?;
            sum.1 += 1;
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<(f64, u32)>) -> Result<Value> {
        Ok(match sum {
            None | Some((_, 0)) => Value::Null,
            Some((sum, count)) if self.average => Value::Real(sum / f64::from(count)),
            Some((sum, _)) => Value::Real(sum),
        })
    }
}

/// `pg_array_aggregate(x, element type)`: `array_agg`.
struct ArrayOf;

impl Aggregate<(i64, Vec<Value>), Value> for ArrayOf {
    fn init(&self, context: &mut Context<'_>) -> Result<(i64, Vec<Value>)> {
        Ok((context.get(1)?, Vec::new()))
    }

    fn step(&self, context: &mut Context<'_>, items: &mut (i64, Vec<Value>)) -> Result<()> {
        items.1.push(owned(context.get_raw(0)).map_err(|failed| error::raise(&failed))?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, items: Option<(i64, Vec<Value>)>) -> Result<Value> {
        let Some((code, items)) = items else { return Ok(Value::Null) };
        let packed = type_of(ValueRef::Integer(code)).and_then(|ty| pack(ty.scalar, &items));
        packed.map(Value::Blob).map_err(|failed| error::raise(&failed))
    }
}

/// `pg_json_aggregate(x, type)`: `jsonb_agg`.
struct JsonOf;

impl Aggregate<String, Value> for JsonOf {
    fn init(&self, _: &mut Context<'_>) -> Result<String> {
        Ok(String::new())
    }

    fn step(&self, context: &mut Context<'_>, items: &mut String) -> Result<()> {
        items.push_str(if items.is_empty() { "" } else { ", " });
        items.push_str(&match context.get_raw(0) {
            ValueRef::Null => "null".to_owned(),
            value => {
                let ty = type_of(context.get_raw(1)).map_err(|failed| error::raise(&failed))?;
                json::from_value(value, ty).map_err(|failed| error::raise(&failed))?
            }
        });
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, items: Option<String>) -> Result<Value> {
        Ok(items.map_or(Value::Null, |items| Value::Text(format!("[{items}]"))))
    }
}
