//! Text: casts through the text form, lengths of `varchar(n)`, patterns, and the string functions that SQLite lacks or counts
//! otherwise.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::super::codec;
use super::super::error::{SqlError, SqlResult, state};
use super::super::types::{Scalar, SqlType};
use super::{VARIADIC, integer, pure, strict, text, truth, type_of};

pub(super) fn register(conn: &Connection) -> Result<()> {
    // pg_cast(x, from, to): x of one type as another, by way of its text.
    strict(conn, "pg_cast", 3, |a| codec::from_text(type_of(a[2])?, &text_of(a[0], a[1])?))?;
    // pg_text(x, type): `x::text`.
    strict(conn, "pg_text", 2, |a| text_of(a[0], a[1]).map(Value::Text))?;
    // pg_fitted(x, n): x assigned to varchar(n); pg_cut(x, n): x cast to it.
    strict(conn, "pg_fitted", 2, |a| fitted(text(a[0])?, length(a[1])?))?;
    strict(conn, "pg_cut", 2, |a| Ok(Value::Text(text(a[0])?.chars().take(length(a[1])?).collect())))?;
    // pg_like(text, pattern, escape, insensitive)
    strict(conn, "pg_like", 4, |a| like(text(a[0])?, text(a[1])?, text(a[2])?, integer(a[3])? != 0).map(truth))?;
    // pg_concat(separator, x, type, x, type, ...): null arguments are left out.
    pure(conn, "pg_concat", VARIADIC, |a| {
        let mut parts = Vec::new();
        for pair in a[1..].chunks_exact(2) {
            if !matches!(pair[0], ValueRef::Null) {
                parts.push(text_form(pair[0], type_of(pair[1])?)?);
            }
        }
        match a[0] {
            ValueRef::Null => Ok(Value::Null),
            separator => Ok(Value::Text(parts.join(text(separator)?))),
        }
    })?;
    strict(conn, "pg_substring", 2, |a| Ok(Value::Text(substring(text(a[0])?, integer(a[1])?, None)?)))?;
    strict(conn, "pg_substring", 3, |a| {
        Ok(Value::Text(substring(text(a[0])?, integer(a[1])?, Some(integer(a[2])?))?))
    })?;
    strict(conn, "pg_left", 2, |a| Ok(Value::Text(left(text(a[0])?, integer(a[1])?))))?;
    strict(conn, "pg_right", 2, |a| Ok(Value::Text(right(text(a[0])?, integer(a[1])?))))?;
    strict(conn, "pg_position", 2, |a| Ok(Value::Integer(position(text(a[0])?, text(a[1])?))))?;
    strict(conn, "pg_starts_with", 2, |a| Ok(truth(text(a[0])?.starts_with(text(a[1])?))))?;
    strict(conn, "pg_repeat", 2, |a| repeat(text(a[0])?, integer(a[1])?))?;
    strict(conn, "pg_split_part", 3, |a| split_part(text(a[0])?, text(a[1])?, integer(a[2])?))
}

/// The cast to text, which differs from the text form for one type only.
fn text_of(value: ValueRef<'_>, ty: ValueRef<'_>) -> SqlResult<String> {
    let ty = type_of(ty)?;
    if ty.is(Scalar::Bool) {
        return Ok(if integer(value)? != 0 { "true" } else { "false" }.to_owned());
    }
    text_form(value, ty)
}

fn text_form(value: ValueRef<'_>, ty: SqlType) -> SqlResult<String> {
    let mut out = Vec::new();
    codec::to_text(ty, value, &mut out)?;
    codec::utf8(&out).map(str::to_owned)
}

fn length(value: ValueRef<'_>) -> SqlResult<usize> {
    usize::try_from(integer(value)?).map_err(|_| super::unexpected(value))
}

/// Longer text is an error, unless what is beyond are blanks.
pub(in super::super) fn fitted(value: &str, length: usize) -> SqlResult<Value> {
    let Some((end, _)) = value.char_indices().nth(length) else { return Ok(Value::Text(value.to_owned())) };
    if value[end..].chars().all(|character| character == ' ') {
        return Ok(Value::Text(value[..end].to_owned()));
    }
    let message = format!("value too long for type character varying({length})");
    Err(SqlError::new(state::STRING_TOO_LONG, message))
}

/// `LIKE` and `ILIKE`: `%` any text, `_` any character; `escape` may be empty for none. Only ASCII letters fold, as in the C locale.
fn like(value: &str, pattern: &str, escape: &str, insensitive: bool) -> SqlResult<bool> {
    enum Part {
        Any,
        One,
        Just(char),
    }
    let fold = |character: char| if insensitive { character.to_ascii_lowercase() } else { character };
    let mut escapes = escape.chars();
    let escape = escapes.next();
    if escapes.next().is_some() {
        return Err(SqlError::new(state::INVALID_ESCAPE, "invalid escape string"));
    }
    let mut parts = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if Some(character) == escape {
            let next = characters.next();
            let next = next.ok_or_else(|| {
                SqlError::new(state::INVALID_ESCAPE, "LIKE pattern must not end with escape character")
            })?;
            parts.push(Part::Just(fold(next)));
        } else {
            parts.push(match character {
                '%' => Part::Any,
                '_' => Part::One,
                other => Part::Just(fold(other)),
            });
        }
    }
    let value: Vec<char> = value.chars().map(fold).collect();
    // Greedy, with one point to go back to: the last `%`.
    let (mut at, mut part, mut retry) = (0, 0, None);
    while at < value.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                retry = Some((part, at));
                part += 1;
            }
            Some(Part::One) => (at, part) = (at + 1, part + 1),
            Some(Part::Just(character)) if *character == value[at] => (at, part) = (at + 1, part + 1),
            _ => {
                let Some((any, from)) = retry else { return Ok(false) };
                retry = Some((any, from + 1));
                (at, part) = (from + 1, any + 1);
            }
        }
    }
    Ok(parts[part..].iter().all(|part| matches!(part, Part::Any)))
}

/// Characters `from` (counted from 1, may be less) and on.
fn substring(value: &str, from: i64, length: Option<i64>) -> SqlResult<String> {
    let end = match length {
        Some(length) if length < 0 => {
            return Err(SqlError::new(state::INVALID_PARAMETER, "negative substring length not allowed"));
        }
        Some(length) => from.saturating_add(length),
        None => i64::MAX,
    };
    let inside = |index: usize| i64::try_from(index + 1).is_ok_and(|position| (from..end).contains(&position));
    Ok(value.chars().enumerate().filter(|(index, _)| inside(*index)).map(|(_, character)| character).collect())
}

/// The first `count` characters, or all but the last `-count`.
fn left(value: &str, count: i64) -> String {
    let total = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    let count = if count < 0 { total + count } else { count };
    value.chars().take(usize::try_from(count).unwrap_or(0)).collect()
}

/// The last `count` characters, or all but the first `-count`.
fn right(value: &str, count: i64) -> String {
    let total = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
    let skipped = if count < 0 { count.saturating_neg() } else { total.saturating_sub(count) };
    value.chars().skip(usize::try_from(skipped).unwrap_or(0)).collect()
}

fn position(value: &str, part: &str) -> i64 {
    value.find(part).map_or(0, |at| i64::try_from(value[..at].chars().count() + 1).unwrap_or(i64::MAX))
}

fn repeat(value: &str, count: i64) -> SqlResult<Value> {
    let count = usize::try_from(count).unwrap_or(0);
    if value.len().saturating_mul(count) > 1 << 30 {
        return Err(SqlError::unsupported("values of more than 1 GiB"));
    }
    Ok(Value::Text(value.repeat(count)))
}

fn split_part(value: &str, separator: &str, field: i64) -> SqlResult<Value> {
    if field == 0 {
        return Err(SqlError::new(state::INVALID_PARAMETER, "field position must not be zero"));
    }
    let parts: Vec<&str> = if separator.is_empty() { vec![value] } else { value.split(separator).collect() };
    let length = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    let index = if field < 0 { length + field } else { field - 1 };
    let part = usize::try_from(index).ok().and_then(|index| parts.get(index)).copied().unwrap_or_default();
    Ok(Value::Text(part.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_matches_as_postgres_does() {
        let check = |value, pattern, insensitive, expect| {
            assert_eq!(like(value, pattern, "\\", insensitive).unwrap(), expect, "{value} LIKE {pattern}");
        };
        check("abc", "a%", false, true);
        check("abc", "A%", false, false);
        check("abc", "A%", true, true);
        check("abc", "a_c", false, true);
        check("abc", "_", false, false);
        check("a%c", "a\\%c", false, true);
        check("abc", "a\\%c", false, false);
        check("", "%%", false, true);
        check("aXbXc", "%X%c", false, true);
        check("aéb", "a_b", false, true);
        assert_eq!(like("a", "a\\", "\\", false).unwrap_err().state, "22025");
    }

    #[test]
    fn text_too_long_for_varchar_is_refused_unless_blank() {
        assert_eq!(fitted("abc", 3).unwrap(), Value::Text("abc".to_owned()));
        assert_eq!(fitted("ab   ", 3).unwrap(), Value::Text("ab ".to_owned()));
        assert_eq!(fitted("abcd", 3).unwrap_err().state, "22001");
    }

    #[test]
    fn parts_of_text_are_counted_in_characters() {
        assert_eq!(substring("aébc", 2, Some(2)).unwrap(), "éb");
        assert_eq!(substring("abc", -1, Some(3)).unwrap(), "a");
        assert_eq!(substring("abc", 2, None).unwrap(), "bc");
        assert_eq!((left("abc", -1).as_str(), right("abc", 2).as_str(), right("abc", -1).as_str()), ("ab", "bc", "bc"));
        assert_eq!((position("aéb", "b"), position("a", "x")), (3, 0));
        assert_eq!(split_part("a,b,c", ",", -1).unwrap(), Value::Text("c".to_owned()));
    }
}
