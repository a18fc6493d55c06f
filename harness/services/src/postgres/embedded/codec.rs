//! How a value looks in SQLite, and its two forms on the wire: text and binary. One type a match arm; what is long has its own file.
//!
//! | type | value in SQLite |
//! |---|---|
//! | boolean | integer 0 or 1 |
//! | integers, numeric | integer |
//! | real, double precision | real, finite |
//! | text, varchar, name, json, uuid | text |
//! | jsonb | text as `jsonb_out` of PostgreSQL writes it |
//! | bytea | blob |
//! | date | integer, days since 2000-01-01 |
//! | timestamp, timestamptz | integer, microseconds since 2000-01-01 UTC |
//! | interval | text `months days microseconds` |
//! | arrays | blob, the binary form of the wire protocol |

pub(super) mod array;
pub(super) mod datetime;
pub(super) mod float;
pub(super) mod interval;
pub(super) mod json;

use std::str::FromStr;

use bytes::{BufMut, BytesMut};
use rusqlite::types::{Value, ValueRef};

use super::error::{SqlError, SqlResult, state};
use super::types::{Scalar, SqlType};

/// A value from the text form: literals, text parameters, COPY's text formats, casts from text.
pub(super) fn from_text(ty: SqlType, text: &str) -> SqlResult<Value> {
    if ty.array {
        return array::from_text(ty.scalar, text);
    }
    Ok(match ty.scalar {
        Scalar::Bool => Value::Integer(i64::from(parse_bool(text)?)),
        Scalar::Int2 => Value::Integer(parse_integer::<i16>(ty, text)?.into()),
        Scalar::Int4 => Value::Integer(parse_integer::<i32>(ty, text)?.into()),
        Scalar::Int8 => Value::Integer(parse_integer::<i64>(ty, text)?),
        Scalar::Numeric => match text.trim().parse() {
            Ok(integer) => Value::Integer(integer),
            Err(_) if text.trim().parse::<f64>().is_ok() => {
                return Err(SqlError::unsupported("numeric values with fractions"));
            }
            Err(_) => return Err(invalid(ty, text)),
        },
        Scalar::Float4 | Scalar::Float8 => Value::Real(float::from_text(ty, text)?),
        Scalar::Text | Scalar::Varchar | Scalar::Name => Value::Text(without_nul(text)?.to_owned()),
        Scalar::Bytea => Value::Blob(bytea_from_text(text)?),
        Scalar::Date => Value::Integer(datetime::date_from_text(text)?),
        Scalar::Timestamp => Value::Integer(datetime::timestamp_from_text(text, false)?),
        Scalar::Timestamptz => Value::Integer(datetime::timestamp_from_text(text, true)?),
        Scalar::Interval => Value::Text(interval::from_text(text)?.to_string()),
        Scalar::Json => {
            json::parse(text)?;
            Value::Text(text.to_owned())
        }
        Scalar::Jsonb => Value::Text(json::normalized(text)?),
        Scalar::Uuid => Value::Text(uuid_from_text(text)?),
        Scalar::Void => return Err(SqlError::unsupported("values of type void")),
    })
}

/// Appends the text form, as simple queries and text results carry it. The value must be of the type and not null.
pub(super) fn to_text(ty: SqlType, value: ValueRef<'_>, out: &mut Vec<u8>) -> SqlResult<()> {
    if ty.array {
        return array::to_text(ty.scalar, blob(ty, value)?, out);
    }
    match ty.scalar {
        Scalar::Bool => out.push(if integer(ty, value)? != 0 { b't' } else { b'f' }),
        Scalar::Int2 | Scalar::Int4 | Scalar::Int8 | Scalar::Numeric => {
            out.extend_from_slice(integer(ty, value)?.to_string().as_bytes());
        }
        Scalar::Float4 | Scalar::Float8 => out.extend_from_slice(float::to_text(ty, real(ty, value)?).as_bytes()),
        Scalar::Text | Scalar::Varchar | Scalar::Name | Scalar::Json | Scalar::Jsonb | Scalar::Uuid => {
            out.extend_from_slice(bytes_of_text(ty, value)?);
        }
        Scalar::Bytea => {
            out.extend_from_slice(b"\\x");
            for byte in blob(ty, value)? {
                out.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
        }
        Scalar::Date => out.extend_from_slice(datetime::date_to_text(integer(ty, value)?)?.as_bytes()),
        Scalar::Timestamp => out.extend_from_slice(datetime::timestamp_to_text(integer(ty, value)?)?.as_bytes()),
        Scalar::Timestamptz => {
            out.extend_from_slice(datetime::timestamp_to_text(integer(ty, value)?)?.as_bytes());
            out.extend_from_slice(b"+00");
        }
        Scalar::Interval => return Err(SqlError::unsupported("results of type interval")),
        Scalar::Void => {}
    }
    Ok(())
}

/// A value from the binary form: parameters and binary COPY.
pub(super) fn from_binary(ty: SqlType, bytes: &[u8]) -> SqlResult<Value> {
    if ty.array {
        return Ok(Value::Blob(array::pack(ty.scalar, &array::unpack(ty.scalar, bytes)?)?));
    }
    Ok(match ty.scalar {
        Scalar::Bool => Value::Integer(i64::from(fixed::<1>(bytes)?[0] != 0)),
        Scalar::Int2 => Value::Integer(i16::from_be_bytes(fixed(bytes)?).into()),
        Scalar::Int4 => Value::Integer(i32::from_be_bytes(fixed(bytes)?).into()),
        Scalar::Int8 => Value::Integer(i64::from_be_bytes(fixed(bytes)?)),
        Scalar::Float4 => Value::Real(float::finite(ty, f32::from_be_bytes(fixed(bytes)?).into())?),
        Scalar::Float8 => Value::Real(float::finite(ty, f64::from_be_bytes(fixed(bytes)?))?),
        Scalar::Text | Scalar::Varchar | Scalar::Name => Value::Text(utf8(bytes)?.to_owned()),
        Scalar::Bytea => Value::Blob(bytes.to_vec()),
        Scalar::Date => Value::Integer(datetime::checked_date(i32::from_be_bytes(fixed(bytes)?).into())?),
        Scalar::Timestamp | Scalar::Timestamptz => {
            Value::Integer(datetime::checked_timestamp(i64::from_be_bytes(fixed(bytes)?))?)
        }
        Scalar::Interval => Value::Text(interval::from_binary(bytes)?.to_string()),
        Scalar::Json => return from_text(ty, utf8(bytes)?),
        Scalar::Jsonb => match bytes.split_first() {
            Some((1, text)) => return from_text(ty, utf8(text)?),
            Some((version, _)) => {
                return Err(SqlError::new(
                    state::INTERNAL_ERROR,
                    format!("unsupported jsonb version number {version}"),
                ));
            }
            None => return Err(bad_binary()),
        },
        Scalar::Uuid => Value::Text(uuid_to_text(u128::from_be_bytes(fixed(bytes)?))),
        Scalar::Numeric => return Err(SqlError::unsupported("numeric parameters")),
        Scalar::Void => return Err(SqlError::unsupported("values of type void")),
    })
}

/// Appends the binary form. The value must be of the type and not null.
pub(super) fn to_binary(ty: SqlType, value: ValueRef<'_>, out: &mut BytesMut) -> SqlResult<()> {
    if ty.array {
        out.put_slice(blob(ty, value)?);
        return Ok(());
    }
    match ty.scalar {
        Scalar::Bool => out.put_u8(u8::from(integer(ty, value)? != 0)),
        Scalar::Int2 => out.put_i16(narrow(ty, value)?),
        Scalar::Int4 | Scalar::Date => out.put_i32(narrow(ty, value)?),
        Scalar::Int8 | Scalar::Timestamp | Scalar::Timestamptz => out.put_i64(integer(ty, value)?),
        Scalar::Float4 => {
            #[expect(clippy::cast_possible_truncation, reason = "values of type real were rounded when they came in")]
            out.put_f32(real(ty, value)? as f32);
        }
        Scalar::Float8 => out.put_f64(real(ty, value)?),
        Scalar::Text | Scalar::Varchar | Scalar::Name | Scalar::Json => out.put_slice(bytes_of_text(ty, value)?),
        Scalar::Jsonb => {
            out.put_u8(1);
            out.put_slice(bytes_of_text(ty, value)?);
        }
        Scalar::Bytea => out.put_slice(blob(ty, value)?),
        Scalar::Uuid => out.put_u128(uuid_number(text(ty, value)?).ok_or_else(|| mismatch(ty, value))?),
        Scalar::Numeric => numeric_to_binary(integer(ty, value)?, out),
        Scalar::Interval => return Err(SqlError::unsupported("results of type interval")),
        Scalar::Void => {}
    }
    Ok(())
}

/// What follows 22P02 in PostgreSQL: `invalid input syntax for type bigint: "x"`.
pub(super) fn invalid(ty: SqlType, text: &str) -> SqlError {
    SqlError::new(state::INVALID_TEXT, format!("invalid input syntax for type {}: \"{text}\"", ty.name()))
}

pub(super) fn bad_binary() -> SqlError {
    SqlError::new(state::INVALID_BINARY, "incorrect binary data format in bind parameter")
}

/// Text as the wire carries it: UTF-8 without NUL, which PostgreSQL cannot keep.
pub(super) fn utf8(bytes: &[u8]) -> SqlResult<&str> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| SqlError::new(state::BAD_ENCODING, "invalid byte sequence for encoding \"UTF8\""))?;
    without_nul(text)
}

fn without_nul(text: &str) -> SqlResult<&str> {
    if text.contains('\0') {
        return Err(SqlError::new(state::BAD_ENCODING, "invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    Ok(text)
}

fn fixed<const N: usize>(bytes: &[u8]) -> SqlResult<[u8; N]> {
    bytes.try_into().map_err(|_| bad_binary())
}

fn parse_integer<T: FromStr>(ty: SqlType, text: &str) -> SqlResult<T> {
    let digits = text.trim();
    digits.parse().map_err(|_| {
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
        if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("value \"{text}\" is out of range for type {}", ty.name());
            SqlError::new(state::NUMBER_OUT_OF_RANGE, message)
        } else {
            invalid(ty, text)
        }
    })
}

/// Any unique beginning of true, false, yes, no, on, off; and 1, 0: as `boolin` of PostgreSQL.
fn parse_bool(text: &str) -> SqlResult<bool> {
    let word = text.trim().to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    if begins("true", 1) || begins("yes", 1) || word == "on" || word == "1" {
        Ok(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(invalid(Scalar::Bool.into(), text))
    }
}

fn bytea_from_text(text: &str) -> SqlResult<Vec<u8>> {
    let bad = || invalid(Scalar::Bytea.into(), text);
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return digits
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2 && !pair.starts_with('+'));
                pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(bad)
            })
            .collect();
    }
    // The escape format: `\\` and `\ooo`, anything else stands for itself.
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
        } else if bytes.get(at + 1) == Some(&b'\\') {
            out.push(b'\\');
            at += 2;
        } else {
            let octal = text.get(at + 1..at + 4).ok_or_else(bad)?;
            out.push(u8::from_str_radix(octal, 8).map_err(|_| bad())?);
            at += 4;
        }
    }
    Ok(out)
}

/// 32 hexadecimal digits with hyphens after any group of four, in braces or not: as `uuid_in` of PostgreSQL.
fn uuid_number(text: &str) -> Option<u128> {
    let inner = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'))?;
    let (mut number, mut digits) = (0_u128, 0);
    for character in inner.chars() {
        if character == '-' {
            if digits == 0 || digits % 4 != 0 || digits == 32 {
                return None;
            }
            continue;
        }
        number = number.checked_mul(16)? | u128::from(character.to_digit(16)?);
        digits += 1;
    }
    (digits == 32).then_some(number)
}

fn uuid_from_text(text: &str) -> SqlResult<String> {
    uuid_number(text).map(uuid_to_text).ok_or_else(|| invalid(Scalar::Uuid.into(), text))
}

pub(super) fn uuid_to_text(number: u128) -> String {
    let hex = format!("{number:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The numeric format of the wire: base 10000 digits, weight, sign, scale; here of whole numbers only.
fn numeric_to_binary(number: i64, out: &mut BytesMut) {
    let (mut rest, mut digits) = (number.unsigned_abs(), Vec::new());
    while rest > 0 {
        digits.push(u16::try_from(rest % 10_000).expect("a remainder of 10000 fits"));
        rest /= 10_000;
    }
    let count = i16::try_from(digits.len()).expect("a 64-bit number has at most five such digits");
    let trailing = digits.iter().take_while(|digit| **digit == 0).count();
    out.put_i16(count - i16::try_from(trailing).expect("fewer than five"));
    out.put_i16(if count == 0 { 0 } else { count - 1 });
    out.put_u16(if number < 0 { 0x4000 } else { 0 });
    out.put_u16(0);
    for digit in digits.iter().skip(trailing).rev() {
        out.put_u16(*digit);
    }
}

fn mismatch(ty: SqlType, value: ValueRef<'_>) -> SqlError {
    SqlError::unsupported(format!("this value of type {} (kept as {:?})", ty.name(), value.data_type()))
}

fn integer(ty: SqlType, value: ValueRef<'_>) -> SqlResult<i64> {
    value.as_i64().map_err(|_| mismatch(ty, value))
}

fn narrow<T: TryFrom<i64>>(ty: SqlType, value: ValueRef<'_>) -> SqlResult<T> {
    T::try_from(integer(ty, value)?)
        .map_err(|_| SqlError::new(state::NUMBER_OUT_OF_RANGE, format!("{} out of range", ty.name())))
}

fn real(ty: SqlType, value: ValueRef<'_>) -> SqlResult<f64> {
    value.as_f64().map_err(|_| mismatch(ty, value))
}

fn text(ty: SqlType, value: ValueRef<'_>) -> SqlResult<&str> {
    value.as_str().map_err(|_| mismatch(ty, value))
}

fn bytes_of_text(ty: SqlType, value: ValueRef<'_>) -> SqlResult<&[u8]> {
    match value {
        ValueRef::Text(bytes) => Ok(bytes),
        _ => Err(mismatch(ty, value)),
    }
}

fn blob(ty: SqlType, value: ValueRef<'_>) -> SqlResult<&[u8]> {
    value.as_blob().map_err(|_| mismatch(ty, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(ty: SqlType, value: &Value) -> String {
        let mut out = Vec::new();
        to_text(ty, ValueRef::from(value), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_reads_and_writes_as_postgres_does() {
        let check = |scalar: Scalar, input: &str, expect: &str| {
            let value = from_text(scalar.into(), input).unwrap();
            assert_eq!(text_of(scalar.into(), &value), expect, "{scalar:?} {input}");
        };
        check(Scalar::Bool, " TRUE ", "t");
        check(Scalar::Bool, "of", "f");
        check(Scalar::Int8, " -9223372036854775808", "-9223372036854775808");
        check(Scalar::Float8, "1e20", "1e+20");
        check(Scalar::Float8, "0.1", "0.1");
        check(Scalar::Float4, "1000000", "1e+06");
        check(Scalar::Bytea, "\\x00fF", "\\x00ff");
        check(Scalar::Bytea, "a\\\\b\\001", "\\x615c6201");
        check(Scalar::Uuid, "{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        check(Scalar::Timestamptz, "2024-05-06T07:08:09.120Z", "2024-05-06 07:08:09.12+00");
        check(Scalar::Timestamptz, "2024-05-06 07:08:09+02", "2024-05-06 05:08:09+00");
        check(Scalar::Date, "2024-02-29", "2024-02-29");
        check(Scalar::Jsonb, "{\"b\":1,\"a\" : [1,2]}", "{\"a\": [1, 2], \"b\": 1}");
        check(Scalar::Json, "{\"b\":1}", "{\"b\":1}");
    }

    #[test]
    fn bad_text_has_the_sqlstate_of_postgres() {
        let check = |scalar: Scalar, input: &str, expect: &str| {
            assert_eq!(from_text(scalar.into(), input).unwrap_err().state, expect, "{scalar:?} {input}");
        };
        check(Scalar::Int4, "x", "22P02");
        check(Scalar::Int4, "", "22P02");
        check(Scalar::Int4, "3000000000", "22003");
        check(Scalar::Bool, "o", "22P02");
        check(Scalar::Float8, "1e999", "22003");
        check(Scalar::Text, "a\0b", "22021");
        check(Scalar::Uuid, "a0eebc99", "22P02");
        check(Scalar::Jsonb, "{bad", "22P02");
        check(Scalar::Jsonb, "\"\\u0000\"", "22P05");
        check(Scalar::Timestamptz, "soon", "22007");
        check(Scalar::Date, "2024-02-30", "22008");
    }

    #[test]
    fn binary_reads_back_what_it_wrote() {
        let check = |ty: SqlType, input: &str| {
            let value = from_text(ty, input).unwrap();
            let mut bytes = BytesMut::new();
            to_binary(ty, ValueRef::from(&value), &mut bytes).unwrap();
            assert_eq!(from_binary(ty, &bytes).unwrap(), value, "{} {input}", ty.name());
        };
        check(Scalar::Bool.into(), "t");
        check(Scalar::Int2.into(), "-7");
        check(Scalar::Int4.into(), "70000");
        check(Scalar::Int8.into(), "9223372036854775807");
        check(Scalar::Float4.into(), "1.5");
        check(Scalar::Float8.into(), "-0.1");
        check(Scalar::Text.into(), "é");
        check(Scalar::Bytea.into(), "\\x00ff");
        check(Scalar::Date.into(), "1999-12-31");
        check(Scalar::Timestamptz.into(), "1999-12-31 23:59:59.999999+00");
        check(Scalar::Jsonb.into(), "[1, {\"a\": null}]");
        check(Scalar::Uuid.into(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        check(SqlType::array_of(Scalar::Text), "{a,NULL,\"x,y\"}");
        check(SqlType::array_of(Scalar::Int8), "{}");
    }

    #[test]
    fn a_numeric_is_written_in_base_10000() {
        let check = |number: i64, expect: &[u8]| {
            let mut out = BytesMut::new();
            numeric_to_binary(number, &mut out);
            assert_eq!(&out[..], expect, "{number}");
        };
        check(0, &[0, 0, 0, 0, 0, 0, 0, 0]);
        check(-1, &[0, 1, 0, 0, 0x40, 0, 0, 0, 0, 1]);
        check(12_345, &[0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0x09, 0x29]);
        check(20_000, &[0, 1, 0, 1, 0, 0, 0, 0, 0, 2]);
    }
}
