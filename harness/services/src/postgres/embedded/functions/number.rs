//! Arithmetic with the range checks of Postgres: SQLite turns integer overflow into reals and division by zero into null.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::super::codec::float;
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::{integer, real, strict, type_of};

pub(super) fn register(conn: &Connection) -> Result<()> {
    // pg_integer(x, type): x, checked against the type's range.
    strict(conn, "pg_integer", 2, |a| match a[0] {
        ValueRef::Integer(number) => in_range(type_of(a[1])?, number).map(Value::Integer),
        _ => Err(out_of_range(type_of(a[1])?)),
    })?;
    // pg_rounded(x, type): a float as an integer type, halves to even.
    strict(conn, "pg_rounded", 2, |a| rounded(real(a[0])?, type_of(a[1])?).map(Value::Integer))?;
    // pg_float(x, type): x, finite, and rounded to single precision for real.
    strict(conn, "pg_float", 2, |a| checked_float(real(a[0])?, type_of(a[1])?).map(Value::Real))?;
    // pg_bits(i): the float with these bits; a literal that is exact.
    #[expect(clippy::cast_sign_loss, reason = "the bits are what counts")]
    strict(conn, "pg_bits", 1, |a| Ok(Value::Real(f64::from_bits(integer(a[0])? as u64))))?;
    strict(conn, "pg_divide", 2, |a| divide(a, i64::checked_div))?;
    strict(conn, "pg_modulo", 2, |a| divide(a, |left, right| Some(left.wrapping_rem(right))))?;
    strict(conn, "pg_divide_float", 2, |a| {
        let divisor = real(a[1])?;
        if divisor == 0.0 { Err(division_by_zero()) } else { Ok(Value::Real(real(a[0])? / divisor)) }
    })?;
    strict(conn, "pg_round", 1, |a| Ok(Value::Real(real(a[0])?.round_ties_even())))?;
    strict(conn, "pg_floor", 1, |a| Ok(Value::Real(real(a[0])?.floor())))?;
    strict(conn, "pg_ceil", 1, |a| Ok(Value::Real(real(a[0])?.ceil())))?;
    // pg_limit(n), pg_offset(n): null is no limit; a negative one is an error in Postgres and no limit in SQLite.
    bound(conn, "pg_limit", state::INVALID_LIMIT, "LIMIT must not be negative", -1)?;
    bound(conn, "pg_offset", state::INVALID_OFFSET, "OFFSET must not be negative", 0)
}

fn bound(conn: &Connection, name: &str, code: &'static str, message: &'static str, none: i64) -> Result<()> {
    super::pure(conn, name, 1, move |a| match a[0] {
        ValueRef::Null => Ok(Value::Integer(none)),
        value => match integer(value)? {
            number if number < 0 => Err(SqlError::new(code, message)),
            number => Ok(Value::Integer(number)),
        },
    })
}

fn out_of_range(ty: SqlType) -> SqlError {
    SqlError::new(state::NUMBER_OUT_OF_RANGE, format!("{} out of range", ty.name()))
}

fn division_by_zero() -> SqlError {
    SqlError::new(state::DIVISION_BY_ZERO, "division by zero")
}

pub(super) fn in_range(ty: SqlType, number: i64) -> SqlResult<i64> {
    let fits = match ty.scalar {
        Scalar::Int2 => i16::try_from(number).is_ok(),
        Scalar::Int4 => i32::try_from(number).is_ok(),
        _ => true,
    };
    if fits { Ok(number) } else { Err(out_of_range(ty)) }
}

fn rounded(number: f64, ty: SqlType) -> SqlResult<i64> {
    let number = number.round_ties_even();
    // 2^63, the first whole number beyond.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        return Err(out_of_range(ty));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    in_range(ty, number as i64)
}

fn checked_float(number: f64, ty: SqlType) -> SqlResult<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "real is single precision")]
    let number = if ty.is(Scalar::Float4) { f64::from(number as f32) } else { number };
    if number.is_infinite() {
        return Err(SqlError::new(state::NUMBER_OUT_OF_RANGE, "value out of range: overflow"));
    }
    float::finite(ty, number)
}

fn divide(arguments: &super::Arguments<'_>, by: fn(i64, i64) -> Option<i64>) -> SqlResult<Value> {
    let (left, right) = (integer(arguments[0])?, integer(arguments[1])?);
    if right == 0 {
        return Err(division_by_zero());
    }
    by(left, right).map(Value::Integer).ok_or_else(|| out_of_range(Scalar::Int8.into()))
}
