//! Arrays of one dimension. In SQLite an array is the wire protocol's binary form, in the one spelling that [`pack`] writes, so
//! that equal arrays are equal blobs.

use bytes::{Buf, BufMut, BytesMut};
use rusqlite::types::{Value, ValueRef};

use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::{bad_binary, from_binary as scalar_from_binary, to_binary as scalar_to_binary};

/// The elements, `Value::Null` for null. Checks every length: the bytes may come from a client.
pub(in super::super) fn unpack(element: Scalar, bytes: &[u8]) -> SqlResult<Vec<Value>> {
    let mut rest = bytes;
    let dimensions = take_i32(&mut rest)?;
    let _has_nulls = take_i32(&mut rest)?;
    let oid = take_i32(&mut rest)?;
    let expected = SqlType::from(element).wire().oid();
    if u32::try_from(oid).ok() != Some(expected) {
        let message = format!("binary data has array element type {oid} instead of expected {expected}");
        return Err(SqlError::datatype(message));
    }
    match dimensions {
        0 => return Ok(Vec::new()),
        1 => {}
        _ => return Err(SqlError::unsupported("arrays of several dimensions")),
    }
    let length = usize::try_from(take_i32(&mut rest)?).map_err(|_| bad_binary())?;
    if take_i32(&mut rest)? != 1 {
        return Err(SqlError::unsupported("arrays that do not start at 1"));
    }
    let mut values = Vec::with_capacity(length.min(rest.len() / 4));
    for _ in 0..length {
        let size = take_i32(&mut rest)?;
        values.push(match usize::try_from(size) {
            Err(_) => Value::Null,
            Ok(size) => {
                let (bytes, after) = rest.split_at_checked(size).ok_or_else(bad_binary)?;
                rest = after;
                scalar_from_binary(element.into(), bytes)?
            }
        });
    }
    if rest.is_empty() { Ok(values) } else { Err(bad_binary()) }
}

fn take_i32(bytes: &mut &[u8]) -> SqlResult<i32> {
    bytes.try_get_i32().map_err(|_| bad_binary())
}

/// The elements as one blob.
pub(in super::super) fn pack(element: Scalar, values: &[Value]) -> SqlResult<Vec<u8>> {
    let mut out = BytesMut::with_capacity(20 + values.len() * 12);
    out.put_i32(i32::from(!values.is_empty()));
    out.put_i32(i32::from(values.contains(&Value::Null)));
    out.put_u32(SqlType::from(element).wire().oid());
    if !values.is_empty() {
        out.put_i32(i32::try_from(values.len()).map_err(|_| bad_binary())?);
        out.put_i32(1);
    }
    for value in values {
        if *value == Value::Null {
            out.put_i32(-1);
            continue;
        }
        let at = out.len();
        out.put_i32(0);
        scalar_to_binary(element.into(), ValueRef::from(value), &mut out)?;
        let size = i32::try_from(out.len() - at - 4).map_err(|_| bad_binary())?;
        out[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    Ok(out.to_vec())
}

/// Reads `{1,NULL,"a \"quoted\" one"}`.
pub(super) fn from_text(element: Scalar, text: &str) -> SqlResult<Value> {
    let malformed = || SqlError::new(state::INVALID_TEXT, format!("malformed array literal: \"{text}\""));
    let body = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(malformed)?;
    let mut values = Vec::new();
    let mut rest = body.trim();
    while !rest.is_empty() {
        let (item, quoted, after) = item(rest).ok_or_else(malformed)?;
        if !quoted && item.starts_with('{') {
            return Err(SqlError::unsupported("arrays of several dimensions"));
        }
        if !quoted && item.is_empty() {
            return Err(malformed());
        }
        let null = !quoted && item.eq_ignore_ascii_case("null");
        values.push(if null { Value::Null } else { super::from_text(element.into(), &item)? });
        rest = match after.strip_prefix(',') {
            Some(next) if !next.trim().is_empty() => next.trim_start(),
            None if after.is_empty() => "",
            _ => return Err(malformed()),
        };
    }
    Ok(Value::Blob(pack(element, &values)?))
}

/// One item of an array literal, whether it was quoted, and what follows it.
fn item(text: &str) -> Option<(String, bool, &str)> {
    let mut out = String::new();
    let mut characters = text.char_indices();
    let quoted = text.starts_with('"');
    if quoted {
        characters.next();
    }
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => out.push(characters.next()?.1),
            '"' if quoted => return Some((out, true, text[at + 1..].trim_start())),
            '"' => return None,
            ',' if !quoted => return Some((out.trim_end().to_owned(), false, &text[at..])),
            other => out.push(other),
        }
    }
    (!quoted).then(|| (out.trim_end().to_owned(), false, ""))
}

/// Writes the literal as `array_out` of PostgreSQL: quotes only where an item needs them.
pub(super) fn to_text(element: Scalar, bytes: &[u8], out: &mut Vec<u8>) -> SqlResult<()> {
    out.push(b'{');
    for (index, value) in unpack(element, bytes)?.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if *value == Value::Null {
            out.extend_from_slice(b"NULL");
            continue;
        }
        let mut item = Vec::new();
        super::to_text(element.into(), ValueRef::from(value), &mut item)?;
        let special = |byte: &u8| {
            matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace() || *byte == 0x0b
        };
        if !item.is_empty() && !item.eq_ignore_ascii_case(b"null") && !item.iter().any(special) {
            out.extend_from_slice(&item);
            continue;
        }
        out.push(b'"');
        for byte in item {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_read_and_write_as_postgres_does() {
        let check = |element: Scalar, input: &str, expect: &str| {
            let Value::Blob(bytes) = from_text(element, input).unwrap() else { panic!("not a blob") };
            let mut out = Vec::new();
            to_text(element, &bytes, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expect, "{input}");
        };
        check(Scalar::Int8, "{ 1, 2,NULL }", "{1,2,NULL}");
        check(Scalar::Text, "{}", "{}");
        check(
            Scalar::Text,
            "{a b,\"a,b\",\"NULL\",\"\",\"q\\\"\\\\\"}",
            "{\"a b\",\"a,b\",\"NULL\",\"\",\"q\\\"\\\\\"}",
        );
        check(Scalar::Bool, "{t,f}", "{t,f}");
    }

    #[test]
    fn a_malformed_literal_is_22p02() {
        for input in ["", "1,2", "{1,2", "{1,,2}", "{1,}", "{\"a}"] {
            assert_eq!(from_text(Scalar::Text, input).unwrap_err().state, "22P02", "{input}");
        }
    }

    #[test]
    fn bytes_that_end_early_are_refused() {
        let whole = pack(Scalar::Int8, &[Value::Integer(1), Value::Null]).unwrap();
        assert_eq!(unpack(Scalar::Int8, &whole).unwrap(), [Value::Integer(1), Value::Null]);
        for end in 0..whole.len() {
            assert!(unpack(Scalar::Int8, &whole[..end]).is_err(), "{end}");
        }
    }
}
