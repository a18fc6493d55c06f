//! What a command answers, and how that is written in either version of the protocol. What was asked is `session`'s to read.

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2;
use redis_protocol::resp2::types::BytesFrame as Frame2;
use redis_protocol::resp3;
use redis_protocol::resp3::types::BytesFrame as Frame3;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// `+OK`
    Simple(Bytes),
    /// Its first word is the kind of the error: `ERR`, `WRONGTYPE`.
    Error(String),
    Integer(i64),
    Bulk(Bytes),
    Null,
    Array(Vec<Reply>),
    /// An array of keys and values in version 2.
    Map(Vec<(Reply, Reply)>),
    /// An array in version 2.
    Set(Vec<Reply>),
    /// A string in version 2.
    Double(f64),
    /// What was not asked for, such as a message of a channel; an array in version 2.
    Push(Vec<Reply>),
}

/// Which version of the protocol a client has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Resp2,
    Resp3,
}

impl Reply {
    pub(super) const OK: Self = Self::Simple(Bytes::from_static(b"OK"));

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Bulk(text.into().into())
    }

    /// `1` or `0`.
    pub(super) fn truth(truth: bool) -> Self {
        Self::Integer(i64::from(truth))
    }

    pub(super) fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn optional(value: Option<Bytes>) -> Self {
        value.map_or(Self::Null, Self::Bulk)
    }

    pub(super) fn bulks(values: impl IntoIterator<Item = Bytes>) -> Self {
        Self::Array(values.into_iter().map(Self::Bulk).collect())
    }

    /// Writes it behind what is there.
    pub(super) fn write(self, version: Version, out: &mut BytesMut) {
        let written = match version {
            Version::Resp2 => resp2::encode::extend_encode(out, &self.into_resp2(), false),
            Version::Resp3 => resp3::encode::complete::extend_encode(out, &self.into_resp3(), false),
        };
        written.expect("the buffer grows by the length of the frame, and no frame here is invalid");
    }

    fn into_resp2(self) -> Frame2 {
        match self {
            Self::Simple(text) => Frame2::SimpleString(text),
            Self::Error(text) => Frame2::Error(text.into()),
            Self::Integer(number) => Frame2::Integer(number),
            Self::Bulk(bytes) => Frame2::BulkString(bytes),
            Self::Null => Frame2::Null,
            Self::Array(items) | Self::Set(items) | Self::Push(items) => {
                Frame2::Array(items.into_iter().map(Self::into_resp2).collect())
            }
            Self::Map(pairs) => Frame2::Array(
                pairs.into_iter().flat_map(|(key, value)| [key.into_resp2(), value.into_resp2()]).collect(),
            ),
            Self::Double(number) => Frame2::BulkString(format_double(number).into()),
        }
    }

    fn into_resp3(self) -> Frame3 {
        let attributes = None;
        match self {
            Self::Simple(data) => Frame3::SimpleString { data, attributes },
            Self::Error(text) => Frame3::SimpleError { data: text.into(), attributes },
            Self::Integer(data) => Frame3::Number { data, attributes },
            Self::Bulk(data) => Frame3::BlobString { data, attributes },
            Self::Null => Frame3::Null,
            Self::Array(items) => Frame3::Array { data: items.into_iter().map(Self::into_resp3).collect(), attributes },
            Self::Set(items) => Frame3::Set { data: items.into_iter().map(Self::into_resp3).collect(), attributes },
            Self::Push(items) => Frame3::Push { data: items.into_iter().map(Self::into_resp3).collect(), attributes },
            Self::Map(pairs) => {
                let data = pairs.into_iter().map(|(key, value)| (key.into_resp3(), value.into_resp3())).collect();
                Frame3::Map { data, attributes }
            }
            Self::Double(data) => Frame3::Double { data, attributes },
        }
    }
}

/// As Redis writes a score: whole numbers without a fraction, infinities by name.
pub(super) fn format_double(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_written_in_either_version() {
        let check = |reply: Reply, two: &str, three: &str| {
            for (version, expect) in [(Version::Resp2, two), (Version::Resp3, three)] {
                let mut out = BytesMut::new();
                reply.clone().write(version, &mut out);
                assert_eq!(String::from_utf8_lossy(&out), expect, "{reply:?}");
            }
        };
        let map = Reply::Map(vec![(Reply::text("a"), Reply::Integer(1))]);
        check(Reply::OK, "+OK\r\n", "+OK\r\n");
        check(Reply::Error("ERR no".to_owned()), "-ERR no\r\n", "-ERR no\r\n");
        check(Reply::Null, "$-1\r\n", "_\r\n");
        check(map, "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n");
        check(Reply::Set(vec![Reply::Integer(1)]), "*1\r\n:1\r\n", "~1\r\n:1\r\n");
        check(Reply::Push(vec![Reply::text("m")]), "*1\r\n$1\r\nm\r\n", ">1\r\n$1\r\nm\r\n");
        check(Reply::Double(1.0), "$1\r\n1\r\n", ",1\r\n");
        check(Reply::Array(vec![]), "*0\r\n", "*0\r\n");
    }

    #[test]
    fn a_score_is_written_as_redis_does() {
        let check = |number: f64, expect: &str| assert_eq!(format_double(number), expect);
        check(3.0, "3");
        check(1.5, "1.5");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(1_700_000_000.0, "1700000000");
    }
}
