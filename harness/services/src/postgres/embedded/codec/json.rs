//! JSON as `json` and `jsonb` of PostgreSQL treat it: validation, the normal form that `jsonb` is kept and sent in (the bytes a
//! client receives are part of its memory), equality, and the operators.
//!
//! serde_json is not used: it would lose digits and the duplicates that `jsonb` resolves, and its `arbitrary_precision` feature
//! would change the serde_json that measured programs are linked with.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::super::error::{SqlError, SqlResult, state};

/// Nesting that is served; PostgreSQL's own bound is its stack.
const DEPTH: usize = 512;

/// A document. Numbers keep their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Json<'t> {
    Null,
    Bool(bool),
    Number(Cow<'t, str>),
    String(Cow<'t, str>),
    Array(Vec<Json<'t>>),
    /// Sorted as `jsonb` sorts (by length, then bytes) and without duplicates once [`normalized`].
    Object(Vec<(Cow<'t, str>, Json<'t>)>),
}

/// Reads a document; 22P02 where it is none.
pub(in super::super) fn parse(text: &str) -> SqlResult<Json<'_>> {
    let mut reader = Reader { text, at: 0, escaped_nul: false, bad_escape: false };
    let json = reader.document()?;
    Ok(json)
}

/// The text that `jsonb` keeps: members sorted, the last of duplicates, numbers written out, one blank after `:` and `,`.
pub(in super::super) fn normalized(text: &str) -> SqlResult<String> {
    let mut reader = Reader { text, at: 0, escaped_nul: false, bad_escape: false };
    let json = reader.document()?;
    if reader.escaped_nul {
        return Err(SqlError::new(state::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence")
            .detail("\\u0000 cannot be converted to text."));
    }
    if reader.bad_escape {
        return Err(invalid());
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    normal(json)?.write(&mut out);
    Ok(out)
}

fn invalid() -> SqlError {
    SqlError::new(state::INVALID_TEXT, "invalid input syntax for type json")
}

fn normal(json: Json<'_>) -> SqlResult<Json<'_>> {
    Ok(match json {
        Json::Number(text) => Json::Number(plain_number(text)?),
        Json::Array(items) => Json::Array(items.into_iter().map(normal).collect::<SqlResult<_>>()?),
        Json::Object(members) => {
            let members = members.into_iter().map(|(key, value)| Ok((key, normal(value)?)));
            Json::Object(sorted(members.collect::<SqlResult<_>>()?))
        }
        other => other,
    })
}

fn sorted<'t>(mut members: Vec<(Cow<'t, str>, Json<'t>)>) -> Vec<(Cow<'t, str>, Json<'t>)> {
    // Stable, so that of equal keys the last stays last.
    members.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
    let mut kept: Vec<(Cow<'t, str>, Json<'t>)> = Vec::with_capacity(members.len());
    for member in members {
        match kept.last_mut() {
            Some(last) if last.0 == member.0 => *last = member,
            _ => kept.push(member),
        }
    }
    kept
}

/// A JSON number as `numeric` writes it: no exponent, no sign before zero, the digits after the point as given.
fn plain_number(text: Cow<'_, str>) -> SqlResult<Cow<'_, str>> {
    if !text.contains(['.', 'e', 'E']) && text != "-0" {
        return Ok(text);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| overflow())?;
    if exponent.abs() > 16_383 {
        return Err(overflow());
    }
    let (negative, digits) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) + exponent;
    let scale = usize::try_from(i64::try_from(fraction.len()).unwrap_or(i64::MAX) - exponent).unwrap_or(0);
    let (mut before, mut after) = match usize::try_from(point) {
        Ok(point) if point <= all.len() => (all[..point].to_owned(), all[point..].to_owned()),
        Ok(point) => (format!("{all}{}", "0".repeat(point - all.len())), String::new()),
        Err(_) => {
            let zeros = usize::try_from(-point).unwrap_or(0);
            (String::new(), format!("{}{all}", "0".repeat(zeros)))
        }
    };
    after.truncate(scale);
    before = before.trim_start_matches('0').to_owned();
    if before.is_empty() {
        before.push('0');
    }
    let zero = before == "0" && after.bytes().all(|digit| digit == b'0');
    let sign = if negative && !zero { "-" } else { "" };
    Ok(Cow::Owned(if after.is_empty() { format!("{sign}{before}") } else { format!("{sign}{before}.{after}") }))
}

fn overflow() -> SqlError {
    SqlError::new(state::NUMBER_OUT_OF_RANGE, "value overflows numeric format")
}

/// Whether two `jsonb` are equal: as text, but for zeros at the end of a fraction.
pub(in super::super) fn equal(left: &str, right: &str) -> SqlResult<bool> {
    if left == right {
        return Ok(true);
    }
    // Only a fraction can be written in two ways.
    if !(left.contains('.') || right.contains('.')) {
        return Ok(false);
    }
    Ok(trimmed(parse(left)?) == trimmed(parse(right)?))
}

fn trimmed(json: Json<'_>) -> Json<'_> {
    match json {
        Json::Number(text) if text.contains('.') => {
            Json::Number(Cow::Owned(text.trim_end_matches('0').trim_end_matches('.').to_owned()))
        }
        Json::Array(items) => Json::Array(items.into_iter().map(trimmed).collect()),
        Json::Object(members) => Json::Object(members.into_iter().map(|(key, value)| (key, trimmed(value))).collect()),
        other => other,
    }
}

/// A step into a document: a key, or an index that counts from the end when negative.
pub(in super::super) enum Step<'s> {
    Key(&'s str),
    Index(i64),
}

impl<'t> Json<'t> {
    /// What `->` finds.
    pub(in super::super) fn step(&self, step: &Step<'_>) -> Option<&Json<'t>> {
        match (self, step) {
            // The last of duplicates, for `json`, which keeps them.
            (Json::Object(members), Step::Key(key)) => {
                members.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value)
            }
            (Json::Array(items), Step::Index(index)) => {
                let length = i64::try_from(items.len()).ok()?;
                let index = if *index < 0 { length + index } else { *index };
                items.get(usize::try_from(index).ok()?)
            }
            _ => None,
        }
    }

    /// What `#>` finds: each part is a key, or an index where it meets an array.
    pub(in super::super) fn path(&self, path: &[String]) -> Option<&Json<'t>> {
        path.iter().try_fold(self, |at, part| match at {
            Json::Array(_) => at.step(&Step::Index(part.parse().ok()?)),
            _ => at.step(&Step::Key(part)),
        })
    }

    /// What `->>` makes of what `->` found; `None` for JSON's null.
    pub(in super::super) fn into_text(self) -> Option<String> {
        match self {
            Json::Null => None,
            Json::String(text) => Some(text.into_owned()),
            other => Some(other.to_text()),
        }
    }

    pub(in super::super) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// `jsonb_typeof`.
    pub(in super::super) fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// `@>`: every part of `other` is in here; at the top a scalar is in an array that has it.
    pub(in super::super) fn contains(&self, other: &Json<'_>) -> bool {
        match (self, other) {
            (Json::Array(items), Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => {
                items.iter().any(|item| item.within(other))
            }
            _ => self.within(other),
        }
    }

    fn within(&self, other: &Json<'_>) -> bool {
        match (self, other) {
            (Json::Object(members), Json::Object(wanted)) => {
                wanted.iter().all(|(key, value)| members.iter().any(|(k, v)| k == key && v.within(value)))
            }
            (Json::Array(items), Json::Array(wanted)) => {
                wanted.iter().all(|value| items.iter().any(|item| item.within(value)))
            }
            (Json::Number(a), Json::Number(b)) => {
                trimmed(Json::Number(Cow::Borrowed(a))) == trimmed(Json::Number(Cow::Borrowed(b)))
            }
            (a, b) => a == b,
        }
    }

    /// `||` of `jsonb`: objects merge, everything else becomes one array.
    pub(in super::super) fn concatenated(self, other: Self) -> Self {
        match (self, other) {
            (Json::Object(mut left), Json::Object(right)) => {
                left.extend(right);
                Json::Object(sorted(left))
            }
            (left, right) => {
                let items = |json| match json {
                    Json::Array(items) => items,
                    other => vec![other],
                };
                Json::Array(items(left).into_iter().chain(items(right)).collect())
            }
        }
    }

    /// `jsonb - text`: the key of an object, the strings of an array.
    pub(in super::super) fn without(self, key: &str) -> SqlResult<Self> {
        match self {
            Json::Object(members) => Ok(Json::Object(members.into_iter().filter(|(k, _)| k != key).collect())),
            Json::Array(items) => {
                Ok(Json::Array(items.into_iter().filter(|item| !matches!(item, Json::String(s) if s == key)).collect()))
            }
            _ => Err(SqlError::new(state::INVALID_PARAMETER, "cannot delete from scalar")),
        }
    }

    /// Appends the normal form.
    pub(in super::super) fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(text) => out.push_str(text),
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    write_string(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// A string in quotes, escaped as `escape_json` of PostgreSQL does.
pub(in super::super) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            other => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{other:04x}");
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// `\u0000` was seen: `json` keeps it, `jsonb` cannot.
    escaped_nul: bool,
    /// Half a surrogate pair was seen: likewise.
    bad_escape: bool,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> SqlResult<Json<'t>> {
        let json = self.value(0)?;
        self.blanks();
        if self.at == self.text.len() { Ok(json) } else { Err(invalid()) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8) -> SqlResult<()> {
        if self.take(byte) { Ok(()) } else { Err(invalid()) }
    }

    fn value(&mut self, depth: usize) -> SqlResult<Json<'t>> {
        if depth > DEPTH {
            return Err(SqlError::unsupported(format!("JSON nested deeper than {DEPTH}")));
        }
        self.blanks();
        match self.peek().ok_or_else(invalid)? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Json::String),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> SqlResult<Json<'t>> {
        for (word, json) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(json);
            }
        }
        Err(invalid())
    }

    fn array(&mut self, depth: usize) -> SqlResult<Json<'t>> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> SqlResult<Json<'t>> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.expect(b':')?;
            members.push((key, self.value(depth + 1)?));
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn digits(&mut self) -> SqlResult<usize> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(invalid()) } else { Ok(self.at - start) }
    }

    fn number(&mut self) -> SqlResult<Json<'t>> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && zero {
            return Err(invalid());
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'_')) {
            return Err(invalid());
        }
        Ok(Json::Number(Cow::Borrowed(&self.text[start..self.at])))
    }

    fn string(&mut self) -> SqlResult<Cow<'t, str>> {
        if self.peek() != Some(b'"') {
            return Err(invalid());
        }
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek().ok_or_else(invalid)? {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                b'\\' => break,
                0x00..=0x1f => return Err(invalid()),
                _ => self.at += 1,
            }
        }
        let mut out = self.text[start..self.at].to_owned();
        loop {
            let rest = &self.text[self.at..];
            let character = rest.chars().next().ok_or_else(invalid)?;
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(Cow::Owned(out)),
                '\\' => out.push(self.escape()?),
                '\0'..='\u{1f}' => return Err(invalid()),
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self) -> SqlResult<char> {
        let kind = self.peek().ok_or_else(invalid)?;
        self.at += 1;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(invalid()),
        })
    }

    fn unicode(&mut self) -> SqlResult<char> {
        let first = self.four()?;
        self.escaped_nul |= first == 0;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let pair = (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u");
        let second = if pair {
            self.at += 2;
            self.four()?
        } else {
            0
        };
        if !(0xdc00..0xe000).contains(&second) {
            self.bad_escape = true;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        char::from_u32(code).ok_or_else(invalid)
    }

    fn four(&mut self) -> SqlResult<u32> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or_else(invalid)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_form_is_that_of_jsonb() {
        let check = |input: &str, expect: &str| assert_eq!(normalized(input).unwrap(), expect, "{input}");
        check(" null ", "null");
        check("{\"bb\":1,\"a\":2,\"a\":3,\"aaa\":4}", "{\"a\": 3, \"bb\": 1, \"aaa\": 4}");
        check("[1,[],{}]", "[1, [], {}]");
        check("\"\\u00e9\\ud83d\\ude00\\/\\n\\u0001\"", "\"é😀/\\n\\u0001\"");
        check("1.50", "1.50");
        check("1e5", "100000");
        check("1.5e1", "15");
        check("1.50e1", "15.0");
        check("-1E-2", "-0.01");
        check("-0.0", "0.0");
        check("0.1e-3", "0.0001");
        check("123456789012345678901234567890", "123456789012345678901234567890");
    }

    #[test]
    fn what_is_no_json_is_22p02() {
        for input in [
            "",
            "{",
            "{bad",
            "[1,]",
            "01",
            "1.",
            "tru",
            "\"a",
            "\"\n\"",
            "{\"a\" 1}",
            "1 2",
            "\"\\ud800\"",
            "nullx",
            "1a",
        ] {
            assert_eq!(normalized(input).unwrap_err().state, "22P02", "{input}");
        }
    }

    #[test]
    fn equality_does_not_see_zeros_at_the_end_of_a_fraction() {
        let check =
            |left: &str, right: &str, expect: bool| assert_eq!(equal(left, right).unwrap(), expect, "{left} {right}");
        check("{\"a\": 1.50}", "{\"a\": 1.5}", true);
        check("1.0", "1", true);
        check("10", "1", false);
        check("\"1.0\"", "\"1\"", false);
    }

    #[test]
    fn containment_is_by_parts() {
        let check = |left: &str, right: &str, expect: bool| {
            assert_eq!(parse(left).unwrap().contains(&parse(right).unwrap()), expect, "{left} @> {right}");
        };
        check("{\"a\": 1, \"b\": [1, 2]}", "{\"b\": [2]}", true);
        check("[\"x\", \"y\"]", "\"x\"", true);
        check("[[\"x\"]]", "\"x\"", false);
        check("{\"a\": 1}", "{\"a\": 2}", false);
    }

    #[test]
    fn steps_find_keys_and_indexes() {
        let json = parse("{\"a\": [10, {\"b\": null}]}").unwrap();
        let path = |parts: &[&str]| {
            json.path(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()).map(Json::to_text)
        };
        assert_eq!(path(&["a", "0"]).as_deref(), Some("10"));
        assert_eq!(path(&["a", "-1", "b"]).as_deref(), Some("null"));
        assert_eq!(path(&["a", "b"]), None);
    }
}
