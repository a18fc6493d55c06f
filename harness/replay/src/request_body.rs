//! What a recorded request sent, and whether another request sends the same.

use har::v1_2::PostData;
use serde_json::Value;
use url::form_urlencoded;

/// A recorded request body, in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RequestBody {
    /// Equal as JSON: the order of members, white space and `1` against `1.0` do not matter.
    Json(Value),
    /// Equal as a set of fields, in any order.
    Form(Vec<(String, String)>),
    /// Equal byte by byte.
    Text(String),
}

impl RequestBody {
    /// None where there is nothing to compare: no body, or a multipart one, whose boundary is new in each request.
    pub(crate) fn recorded(data: PostData) -> Option<Self> {
        let mime = data.mime_type.to_ascii_lowercase();
        if mime.starts_with("multipart/") {
            return None;
        }
        match data.text.filter(|text| !text.is_empty()) {
            Some(text) if mime.starts_with("application/x-www-form-urlencoded") => Some(form(text.as_bytes())),
            Some(text) => Some(match serde_json::from_str(&text) {
                Ok(json) => Self::Json(json),
                Err(_) => Self::Text(text),
            }),
            None => {
                let fields = data.params.filter(|params| !params.is_empty())?;
                let mut fields: Vec<_> =
                    fields.into_iter().map(|field| (field.name, field.value.unwrap_or_default())).collect();
                fields.sort();
                Some(Self::Form(fields))
            }
        }
    }

    /// The bytes of a request that sends the same.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(json) => json.to_string().into_bytes(),
            Self::Form(fields) => {
                form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
            }
            Self::Text(text) => text.clone().into_bytes(),
        }
    }

    /// Whether a request with the body `sent` sends the same.
    pub(crate) fn is(&self, sent: &[u8]) -> bool {
        match self {
            Self::Json(json) => serde_json::from_slice(sent).is_ok_and(|sent| same(json, &sent)),
            Self::Form(_) => form(sent) == *self,
            Self::Text(text) => text.as_bytes() == sent,
        }
    }
}

fn form(bytes: &[u8]) -> RequestBody {
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    fields.sort();
    RequestBody::Form(fields)
}

/// Equality of JSON values, where serde_json's own tells `1` from `1.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mime: &str, recorded: &str, sent: &str, expected: bool) {
        let data = PostData { mime_type: mime.to_owned(), text: Some(recorded.to_owned()), ..PostData::default() };
        let body = RequestBody::recorded(data).unwrap();
        assert_eq!(body.is(sent.as_bytes()), expected, "{recorded} against {sent}");
    }

    #[test]
    fn json_is_compared_by_meaning() {
        check("application/json", r#"{"limit":100,"cursor":"a"}"#, r#"{ "cursor": "a", "limit": 100.0 }"#, true);
        check("application/json", r#"{"limit":100}"#, r#"{"limit":101}"#, false);
        check("application/json", r#"{"limit":100}"#, r#"{"limit":100,"cursor":null}"#, false);
        check("application/json", "[1,2]", "[2,1]", false);
        check("application/json", "[1,2]", "not json", false);
        check("", "9007199254740993", "9007199254740992", false);
    }

    #[test]
    fn form_fields_are_compared_in_any_order() {
        check(
            "application/x-www-form-urlencoded; charset=utf-8",
            "grant_type=client_credentials&sub=1",
            "sub=1&grant_type=client%5Fcredentials",
            true,
        );
        check("application/x-www-form-urlencoded", "a=1", "a=1&a=1", false);
    }

    #[test]
    fn other_bodies_are_compared_byte_by_byte() {
        check("text/xml", "<Page>1</Page>", "<Page>1</Page>", true);
        check("text/xml", "<Page>1</Page>", "<Page>2</Page>", false);
    }

    #[test]
    fn there_is_nothing_to_compare_in_multipart_or_empty_bodies() {
        for (mime, text) in [("multipart/form-data; boundary=x", "--x"), ("text/plain", "")] {
            let data = PostData { mime_type: mime.to_owned(), text: Some(text.to_owned()), ..PostData::default() };
            assert_eq!(RequestBody::recorded(data), None);
        }
    }
}
