//! Text of `real` and `double precision` as PostgreSQL writes it: the shortest digits that read back, in fixed notation unless
//! the exponent is small or large. Only finite numbers: SQLite keeps no NaN, and what it does with infinities is its own.

use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::invalid;

pub(in super::super) fn from_text(ty: SqlType, text: &str) -> SqlResult<f64> {
    let digits = text.trim();
    let number: f64 = digits.parse().map_err(|_| invalid(ty, text))?;
    if digits.bytes().any(|byte| byte.is_ascii_digit()) && number.is_infinite() {
        return Err(out_of_range(ty, text));
    }
    let number = finite(ty, number)?;
    if !ty.is(Scalar::Float4) {
        return Ok(number);
    }
    let single: f32 = digits.parse().map_err(|_| invalid(ty, text))?;
    if single.is_infinite() { Err(out_of_range(ty, text)) } else { Ok(single.into()) }
}

fn out_of_range(ty: SqlType, text: &str) -> SqlError {
    SqlError::new(state::NUMBER_OUT_OF_RANGE, format!("\"{text}\" is out of range for type {}", ty.name()))
}

/// The number, unless it is NaN or infinite.
pub(in super::super) fn finite(ty: SqlType, number: f64) -> SqlResult<f64> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(SqlError::unsupported(format!("the value {number} of type {}", ty.name())))
    }
}

pub(in super::super) fn to_text(ty: SqlType, number: f64) -> String {
    // `float4out` turns to exponents at 1e+06, `float8out` at 1e+15, both below 1e-04 (PostgreSQL's f2s.c and d2s.c).
    #[expect(clippy::cast_possible_truncation, reason = "values of type real were rounded when they came in")]
    let (scientific, fixed, bound) = if ty.is(Scalar::Float4) {
        (format!("{:e}", number as f32), format!("{}", number as f32), 6)
    } else {
        (format!("{number:e}"), format!("{number}"), 15)
    };
    let Some((digits, exponent)) = scientific.split_once('e') else { return fixed };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..bound).contains(&exponent) {
        return fixed;
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_turns_to_exponents_where_postgres_does() {
        let check = |scalar: Scalar, number: f64, expect: &str| assert_eq!(to_text(scalar.into(), number), expect);
        check(Scalar::Float8, 1e14, "100000000000000");
        check(Scalar::Float8, 1e15, "1e+15");
        check(Scalar::Float8, 0.0001, "0.0001");
        check(Scalar::Float8, 0.00001, "1e-05");
        check(Scalar::Float8, -1.5e300, "-1.5e+300");
        check(Scalar::Float8, 0.0, "0");
        check(Scalar::Float8, -0.0, "-0");
        check(Scalar::Float4, f64::from(0.1_f32), "0.1");
    }
}
