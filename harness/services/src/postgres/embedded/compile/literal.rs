//! Constants: Postgres's literals as values of a type, values as literals of SQLite.

use std::fmt::Write as _;

use rusqlite::types::Value;
use sqlparser::ast::Value as Literal;

use super::super::catalog::literal as text_literal;
use super::super::codec;
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::expression::Typed;

/// The text of a string constant.
pub(super) fn string(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::SingleQuotedString(text)
        | Literal::EscapedStringLiteral(text)
        | Literal::UnicodeStringLiteral(text) => Some(text),
        Literal::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

/// A string constant read as `ty`.
pub(super) fn from_string(text: &str, ty: SqlType) -> SqlResult<Typed> {
    Ok(Typed { sql: of_value(&codec::from_text(ty, text)?), ty, not_null: true })
}

/// A number: of the narrowest integer type that holds it, or of the wanted type if that is a number.
pub(super) fn number(text: &str, wanted: Option<SqlType>) -> SqlResult<Typed> {
    let digits = text.replace('_', "");
    let wanted = wanted.filter(|wanted| wanted.is_number());
    if wanted.is_some_and(SqlType::is_float) {
        return from_string(&digits, wanted.unwrap_or(Scalar::Float8.into()));
    }
    let Ok(integer) = digits.parse::<i64>() else {
        let hint = "cast it to double precision if that is what is meant";
        return Err(SqlError::unsupported(format!("the numeric constant {text}")).hint(hint));
    };
    let own = if i32::try_from(integer).is_ok() { Scalar::Int4 } else { Scalar::Int8 };
    let ty = match wanted {
        Some(wanted) if wanted.is(Scalar::Int2) && i16::try_from(integer).is_err() => return Err(out_of_range(wanted)),
        Some(wanted) if wanted.is(Scalar::Int4) && own == Scalar::Int8 => return Err(out_of_range(wanted)),
        Some(wanted) => wanted,
        None => own.into(),
    };
    Ok(Typed { sql: of_value(&Value::Integer(integer)), ty, not_null: true })
}

fn out_of_range(ty: SqlType) -> SqlError {
    SqlError::new(state::NUMBER_OUT_OF_RANGE, format!("{} out of range", ty.name()))
}

/// A value as SQLite reads it back, exactly.
pub(super) fn of_value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) if *number < 0 => format!("({number})"),
        Value::Integer(number) => number.to_string(),
        // SQLite's own reading of decimals is not promised to be exact.
        Value::Real(number) => format!("pg_bits({})", number.to_bits().cast_signed()),
        Value::Text(text) => text_literal(text),
        Value::Blob(bytes) => {
            let mut out = String::from("x'");
            for byte in bytes {
                // Writing to a String cannot fail.
                let _ = write!(out, "{byte:02x}");
            }
            out.push('\'');
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_exactly() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        for value in [Value::Integer(i64::MIN), Value::Text("it's".to_owned()), Value::Blob(vec![0, 255]), Value::Null]
        {
            let back: Value = conn.query_row(&format!("SELECT {}", of_value(&value)), [], |row| row.get(0)).unwrap();
            assert_eq!(back, value);
        }
    }

    #[test]
    fn a_number_has_the_type_it_is_wanted_as() {
        assert!(number("5", None).unwrap().ty.is(Scalar::Int4));
        assert!(number("3000000000", None).unwrap().ty.is(Scalar::Int8));
        assert!(number("5", Some(Scalar::Float8.into())).unwrap().ty.is(Scalar::Float8));
        assert_eq!(number("3000000000", Some(Scalar::Int4.into())).unwrap_err().state, "22003");
        assert_eq!(number("0.5", None).unwrap_err().state, "0A000");
    }
}
