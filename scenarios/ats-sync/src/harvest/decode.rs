//! The body of a page, or one element of it, as records: what is wrong with one that does not decode, and what is left out
//! of one that a database could not hold.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a body is not a list of such records.
#[derive(Debug)]
pub(super) struct Undecodable {
    /// The path within the body, such as `[17].current_stage.id`.
    pub(super) at: String,
    pub(super) source: serde_json::Error,
}

/// The records of a page (`Vec<T>`), or one of them (`T`).
///
/// Text loses its NUL characters. They turn up in what people paste, JSON allows them, and Postgres refuses the whole
/// batch in which one occurs, both as text and within jsonb.
pub(super) fn decode<D: DeserializeOwned>(body: &[u8]) -> Result<D, Undecodable> {
    if has_nul(body) {
        return without_nul(body);
    }
    serde_json::from_slice(body).map_err(|_| locate::<D>(body))
}

/// Whether there may be a NUL in some text. It can only be written as this escape.
fn has_nul(body: &[u8]) -> bool {
    const ESCAPE: &[u8] = br"\u0000";
    body.windows(ESCAPE.len()).any(|window| window == ESCAPE)
}

fn without_nul<D: DeserializeOwned>(body: &[u8]) -> Result<D, Undecodable> {
    let mut page: Value = serde_json::from_slice(body).map_err(|_| locate::<D>(body))?;
    remove_nul(&mut page);
    serde_json::from_value(page).map_err(|_| locate::<D>(body))
}

fn remove_nul(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|character| character != '\0'),
        Value::Array(values) => values.iter_mut().for_each(remove_nul),
        Value::Object(fields) => {
            if fields.keys().any(|key| key.contains('\0')) {
                *fields =
                    std::mem::take(fields).into_iter().map(|(key, value)| (key.replace('\0', ""), value)).collect();
            }
            fields.values_mut().for_each(remove_nul);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Finds the place that does not decode. Keeping track of the path costs an allocation a key, so this is a second pass
/// that only bodies known to be bad go through.
fn locate<D: DeserializeOwned>(body: &[u8]) -> Undecodable {
    let mut json = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, D>(&mut json) {
        Err(error) => Undecodable { at: error.path().to_string(), source: error.into_inner() },
        // What was read is good, so what is bad comes after it.
        Ok(_) => {
            let source = json.end().err().unwrap_or_else(|| serde::de::Error::custom("not a list of records"));
            Undecodable { at: ".".to_owned(), source }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harvest::{Application, Candidate, Job, Record};

    /// The place and the beginning of the reason.
    #[track_caller]
    fn check<T: Record + std::fmt::Debug>(body: &str, at: &str, reason: &str) {
        let error = decode::<Vec<T>>(body.as_bytes()).expect_err(body);
        assert_eq!(error.at, at, "{body}");
        assert!(error.source.to_string().starts_with(reason), "{body}: {}", error.source);
    }

    #[test]
    fn an_error_names_the_place() {
        check::<Application>(r#"[{"id":1},{"id":"x"}]"#, "[1].id", "invalid type: string \"x\", expected i64");
        check::<Application>(r#"[{"candidate_id":1}]"#, "[0]", "missing field `id`");
        check::<Application>(
            r#"[{"id":1,"current_stage":{"id":true}}]"#,
            "[0].current_stage.id",
            "invalid type: boolean `true`, expected i64",
        );
        check::<Job>(r#"[{"id":1,"opened_at":"yesterday"}]"#, "[0].opened_at", "failed to parse");
        check::<Job>("<html>busy</html>", ".", "expected value at line 1 column 1");
        check::<Job>(r#"{"message":"hello"}"#, ".", "invalid type: map, expected a sequence");
        check::<Job>(r#"[{"id":1},{"id":2"#, "[1].?", "EOF while parsing");
        check::<Job>(r#"[{"id":1}] and more"#, ".", "trailing characters at line 1 column 12");
        check::<Job>("", ".", "EOF while parsing a value");
        check::<Candidate>(r#"[{"id":1,"title":"\u0000","tags":[1]}]"#, "[0].tags[0]", "invalid type: integer `1`");
    }

    #[test]
    fn all_but_the_id_may_be_absent_or_null() {
        fn check<T: Record + Clone + PartialEq + serde::Serialize + std::fmt::Debug>() {
            let absent = &decode::<Vec<T>>(br#"[{"id": 19214950003}]"#).expect("absent keys")[0];
            assert_eq!(absent.id(), 19_214_950_003);
            // Whatever the record writes of itself, with null in every place but the id's.
            let mut nulls = serde_json::to_value(absent).expect("a record is plain data");
            let fields = nulls.as_object_mut().expect("a record is an object");
            fields.iter_mut().filter(|(key, _)| *key != "id").for_each(|(_, value)| *value = Value::Null);
            let nulls = serde_json::to_vec(&[nulls]).expect("plain data");
            assert_eq!(decode::<Vec<T>>(&nulls).expect("null keys")[0], *absent);
        }
        check::<Job>();
        check::<Candidate>();
        check::<Application>();
    }

    #[test]
    fn both_time_formats_and_unknown_keys_are_read() {
        let body = br#"[{"id":1,"created_at":"2013-12-10T14:42:58Z","updated_at":"2013-12-10T14:42:58.125Z","new":{"a":[1]}}]"#;
        let job = &decode::<Vec<Job>>(body).expect("a job")[0];
        assert_eq!(job.created_at.map(jiff::Timestamp::as_millisecond), Some(1_386_686_578_000));
        assert_eq!(job.updated_at.map(jiff::Timestamp::as_millisecond), Some(1_386_686_578_125));
    }

    #[test]
    fn nested_objects_keep_what_is_documented() {
        let body = br#"[{"id":1,"rejection_reason":{"id":2,"name":"far","type":{"id":3,"name":"they"}},
            "answers":[{"question":"q","answer":null}],"custom_fields":{"n":1.5,"list":["a",null]},
            "prospective_office":{"id":4,"location":{"name":"x"},"child_ids":null}}]"#;
        let application = &decode::<Vec<Application>>(body).expect("an application")[0];
        let reason = application.rejection_reason.as_ref().expect("a reason");
        assert_eq!(reason.kind.as_ref().and_then(|kind| kind.name.as_deref()), Some("they"));
        assert_eq!(application.answers[0].question.as_deref(), Some("q"));
        assert_eq!(application.custom_fields, Some(serde_json::json!({"n": 1.5, "list": ["a", null]})));
        let office = application.prospective_office.as_ref().expect("an office");
        assert_eq!(office.location.as_ref().and_then(|location| location.name.as_deref()), Some("x"));
    }

    #[test]
    fn nul_characters_are_left_out() {
        let body = br#"[{"id":1,"title":"a\u0000b","tags":["\u0000"],"custom_fields":{"k\u0000":["c\u0000",{"d":"\\u0000"}]}}]"#;
        let candidate = &decode::<Vec<Candidate>>(body).expect("a candidate")[0];
        assert_eq!(candidate.title.as_deref(), Some("ab"));
        assert_eq!(candidate.tags, [""]);
        assert_eq!(candidate.custom_fields, Some(serde_json::json!({"k": ["c", {"d": "\\u0000"}]})));
    }
}
