//! COPY FROM STDIN: rows out of the chunks that a client sends, cut anywhere, in the binary, text and CSV formats of Postgres
//! (documentation of COPY, "File Formats").

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::codec;
use super::compile::{CopyFormat, CopyIn};
use super::error::{SqlError, SqlResult, from_sqlite, state};
use super::functions::fitted;
use super::session::Worker;

/// A COPY in progress.
pub(super) struct CopyReceiver {
    copy: CopyIn,
    text: Arc<str>,
    /// What was received and not yet read.
    pending: BytesMut,
    /// The signature, or the header line, was read.
    begun: bool,
    /// The end mark was read.
    ended: bool,
    rows: u64,
}

/// A row as the client sent it: null, or bytes in the format of the COPY.
type Fields = Vec<Option<Vec<u8>>>;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

impl CopyReceiver {
    pub(super) fn new(copy: CopyIn, text: Arc<str>) -> Self {
        Self { copy, text, pending: BytesMut::new(), begun: false, ended: false, rows: 0 }
    }

    /// Inserts the rows that are complete.
    fn receive(&mut self, conn: &Connection, data: &[u8], last: bool) -> SqlResult<()> {
        self.pending.extend_from_slice(data);
        let mut insert = conn.prepare_cached(&self.copy.sql).map_err(|error| from_sqlite(conn, &error))?;
        while let Some(fields) = self.next_row(last)? {
            if fields.len() != self.copy.columns.len() {
                return Err(match self.copy.format {
                    CopyFormat::Binary => {
                        bad_format(format!("row field count is {}, expected {}", fields.len(), self.copy.columns.len()))
                    }
                    _ if fields.len() > self.copy.columns.len() => bad_format("extra data after last expected column"),
                    _ => bad_format("missing data for a column"),
                });
            }
            for (position, (field, column)) in fields.iter().zip(&self.copy.columns).enumerate() {
                let value = match field {
                    None => Value::Null,
                    Some(bytes) if self.copy.format == CopyFormat::Binary => codec::from_binary(column.ty, bytes)?,
                    Some(bytes) => codec::from_text(column.ty, codec::utf8(bytes)?)?,
                };
                let value = match (value, column.length) {
                    (Value::Text(text), Some(length)) => fitted(&text, usize::try_from(length).unwrap_or(usize::MAX))?,
                    (value, _) => value,
                };
                insert.raw_bind_parameter(position + 1, value).map_err(|error| from_sqlite(conn, &error))?;
            }
            insert.raw_execute().map_err(|error| from_sqlite(conn, &error))?;
            self.rows += 1;
        }
        Ok(())
    }

    /// The next complete row. With `last` nothing follows what is pending.
    fn next_row(&mut self, last: bool) -> SqlResult<Option<Fields>> {
        if self.ended {
            // Postgres ignores text after the end mark.
            self.pending.clear();
            return Ok(None);
        }
        match self.copy.format.clone() {
            CopyFormat::Binary => self.next_binary(last),
            CopyFormat::Text { delimiter, null, header } => {
                let Some(line) = self.next_line(header, last, None) else { return Ok(None) };
                if line == b"\\." {
                    self.ended = true;
                    return Ok(None);
                }
                text_fields(&line, delimiter, null.as_bytes()).map(Some)
            }
            CopyFormat::Csv { delimiter, null, header, quote, escape } => {
                let Some(line) = self.next_line(header, last, Some((quote, escape))) else { return Ok(None) };
                if line == b"\\." {
                    self.ended = true;
                    return Ok(None);
                }
                csv_fields(&line, delimiter, null.as_bytes(), quote, escape).map(Some)
            }
        }
    }

    /// The next line without its end; with quotes, line ends within them do not count.
    fn next_line(&mut self, header: bool, last: bool, quotes: Option<(u8, u8)>) -> Option<Vec<u8>> {
        loop {
            let mut line = match line_end(&self.pending, quotes) {
                Some(end) => {
                    let line = self.pending.split_to(end);
                    self.pending.advance(1);
                    line
                }
                None if last && !self.pending.is_empty() => self.pending.split(),
                None => return None,
            };
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            let skip = header && !self.begun;
            self.begun = true;
            if !skip {
                return Some(line.to_vec());
            }
        }
    }

    fn next_binary(&mut self, last: bool) -> SqlResult<Option<Fields>> {
        let incomplete = |last: bool| if last { Err(bad_format("unexpected EOF in COPY data")) } else { Ok(None) };
        if !self.begun {
            let head = SIGNATURE.len() + 8;
            if self.pending.len() < head {
                return incomplete(last);
            }
            if !self.pending.starts_with(SIGNATURE) {
                return Err(bad_format("COPY file signature not recognized"));
            }
            let extension = (&self.pending[SIGNATURE.len() + 4..head]).get_u32();
            let head = head + usize::try_from(extension).unwrap_or(usize::MAX - head);
            if self.pending.len() < head {
                return incomplete(last);
            }
            self.pending.advance(head);
            self.begun = true;
        }
        let mut rest: &[u8] = &self.pending;
        let Ok(count) = rest.try_get_i16() else { return incomplete(last) };
        if count == -1 {
            self.ended = true;
            self.pending.clear();
            return Ok(None);
        }
        let count = usize::try_from(count).map_err(|_| bad_format("invalid field count"))?;
        let mut fields = Vec::with_capacity(count);
        for _ in 0..count {
            let Ok(size) = rest.try_get_i32() else { return incomplete(last) };
            if size == -1 {
                fields.push(None);
                continue;
            }
            let size = usize::try_from(size).map_err(|_| bad_format("invalid field size"))?;
            let Some((bytes, after)) = rest.split_at_checked(size) else { return incomplete(last) };
            fields.push(Some(bytes.to_vec()));
            rest = after;
        }
        let read = self.pending.len() - rest.len();
        self.pending.advance(read);
        Ok(Some(fields))
    }
}

fn bad_format(message: impl Into<String>) -> SqlError {
    SqlError::new(state::BAD_COPY_FORMAT, message)
}

/// Where the first line ends.
fn line_end(bytes: &[u8], quotes: Option<(u8, u8)>) -> Option<usize> {
    let Some((quote, escape)) = quotes else {
        return bytes.iter().position(|byte| *byte == b'\n');
    };
    let (mut at, mut quoted) = (0, false);
    while at < bytes.len() {
        let byte = bytes[at];
        if quoted && byte == escape && escape != quote {
            at += 1;
        } else if byte == quote {
            // A doubled quote closes and opens again.
            quoted = !quoted;
        } else if byte == b'\n' && !quoted {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The text format: fields between delimiters, backslashes escape.
fn text_fields(line: &[u8], delimiter: u8, null: &[u8]) -> SqlResult<Fields> {
    let mut fields = Vec::new();
    let (mut start, mut at) = (0, 0);
    loop {
        if at >= line.len() || line[at] == delimiter {
            let raw = &line[start..at.min(line.len())];
            fields.push(if raw == null { None } else { Some(unescaped(raw).into_owned()) });
            if at >= line.len() {
                return Ok(fields);
            }
            start = at + 1;
            at = start;
        } else {
            at += if line[at] == b'\\' { 2 } else { 1 };
        }
    }
}

fn unescaped(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        if raw[at] != b'\\' || at + 1 == raw.len() {
            out.push(raw[at]);
            at += 1;
            continue;
        }
        let kind = raw[at + 1];
        at += 2;
        let (radix, most) = match kind {
            b'0'..=b'7' => {
                at -= 1;
                (8, 3)
            }
            b'x' => (16, 2),
            _ => (0, 0),
        };
        if radix > 0 {
            let digits = raw[at..].iter().take(most).take_while(|byte| char::from(**byte).is_digit(radix)).count();
            if digits > 0 {
                let number = raw[at..at + digits]
                    .iter()
                    .fold(0, |sum, byte| sum * radix + char::from(*byte).to_digit(radix).unwrap_or(0));
                out.push(u8::try_from(number & 0xff).unwrap_or(0));
                at += digits;
                continue;
            }
        }
        out.push(match kind {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            other => other,
        });
    }
    Cow::Owned(out)
}

/// The CSV format: a field may be quoted; one that is not and reads as the null string is null.
fn csv_fields(line: &[u8], delimiter: u8, null: &[u8], quote: u8, escape: u8) -> SqlResult<Fields> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (mut out, mut was_quoted, mut quoted) = (Vec::new(), false, false);
        while at < line.len() && (quoted || line[at] != delimiter) {
            let byte = line[at];
            let next = line.get(at + 1).copied();
            if quoted && byte == escape && (next == Some(quote) || (next == Some(escape) && escape != quote)) {
                out.extend(next);
                at += 1;
            } else if byte == quote {
                quoted = !quoted;
                was_quoted = true;
            } else {
                out.push(byte);
            }
            at += 1;
        }
        if quoted {
            return Err(bad_format("unterminated CSV quoted field"));
        }
        fields.push(if !was_quoted && out == null { None } else { Some(out) });
        if at >= line.len() {
            return Ok(fields);
        }
        at += 1;
    }
}

impl Worker {
    /// A chunk from the client.
    pub(super) fn copy_data(&mut self, data: &[u8]) -> SqlResult<()> {
        let result = match &mut self.copy {
            // What a client sends after an error is ignored until it says that it is done.
            None => return Ok(()),
            Some(copy) => copy.receive(&self.conn, data, false).map_err(|error| error.in_statement(&copy.text)),
        };
        if result.is_err() {
            self.copy = None;
            self.transaction.fail();
        }
        result
    }

    /// The client is done: the command tag.
    pub(super) fn copy_done(&mut self) -> SqlResult<String> {
        let Some(mut copy) = self.copy.take() else {
            return Err(SqlError::new(state::PROTOCOL_VIOLATION, "there is no COPY in progress"));
        };
        let result = copy.receive(&self.conn, &[], true).map_err(|error| error.in_statement(&copy.text));
        if result.is_err() {
            self.transaction.fail();
        }
        result.map(|()| format!("COPY {}", copy.rows))
    }

    /// The client gives up.
    pub(super) fn copy_fail(&mut self, reason: &str) -> SqlError {
        self.copy = None;
        self.transaction.fail();
        SqlError::new(state::QUERY_CANCELED, format!("COPY from stdin failed: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: Fields) -> Vec<Option<String>> {
        fields.into_iter().map(|field| field.map(|bytes| String::from_utf8(bytes).unwrap())).collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn text_fields_are_unescaped() {
        let check = |line: &str, expect: &[Option<String>]| {
            assert_eq!(shown(text_fields(line.as_bytes(), b'\t', b"\\N").unwrap()), expect, "{line}");
        };
        check("1\t\\N\ta\\tb\\\\", &[some("1"), None, some("a\tb\\")]);
        check("", &[some("")]);
        check("\\101\\x42\\.", &[some("AB.")]);
        check("a\\\tb\t", &[some("a\tb"), some("")]);
    }

    #[test]
    fn csv_fields_are_unquoted_and_bare_empty_ones_are_null() {
        let check = |line: &str, expect: &[Option<String>]| {
            assert_eq!(shown(csv_fields(line.as_bytes(), b',', b"", b'"', b'"').unwrap()), expect, "{line}");
        };
        check("1,,\"\"", &[some("1"), None, some("")]);
        check("\"a,b\",\"say \"\"hi\"\"\"", &[some("a,b"), some("say \"hi\"")]);
        check("x\"y,z\"", &[some("xy,z")]);
        assert_eq!(csv_fields(b"\"a", b',', b"", b'"', b'"').unwrap_err().state, "22P04");
    }

    #[test]
    fn a_line_end_within_quotes_does_not_end_the_row() {
        assert_eq!(line_end(b"\"a\nb\",c\nd", Some((b'"', b'"'))), Some(7));
        assert_eq!(line_end(b"\"a\\\"\nb\"\n", Some((b'"', b'\\'))), Some(7));
        assert_eq!(line_end(b"\"a\n", Some((b'"', b'"'))), None);
        assert_eq!(line_end(b"a\nb", None), Some(1));
    }
}
