//! ISO 8601 times as recorded APIs write them, with and without milliseconds.

use chrono::DateTime;

/// Milliseconds since 1970 in UTC.
pub(crate) fn millis(text: &str) -> Option<i64> {
    // A query cannot hold a plus sign, so an offset's may have become a blank.
    let text = text.trim().replace(' ', "+");
    let day = text.len() == 10;
    let text = if day { format!("{text}T00:00:00Z") } else { text };
    DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_millis())
}

/// `millis` as text, in the form of `like`: with milliseconds if that has them.
pub(crate) fn text(millis: i64, like: &str) -> String {
    let format = if like.contains('.') { "%Y-%m-%dT%H:%M:%S%.3fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    DateTime::from_timestamp_millis(millis).unwrap_or_default().format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written() {
        for time in ["2013-12-10T14:42:58Z", "2017-09-29T12:03:02.728Z"] {
            assert_eq!(text(millis(time).unwrap(), time), time);
        }
        assert_eq!(millis("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert_eq!(millis("1970-01-01T01:00:00 01:00"), Some(0));
        assert_eq!(millis("1970-01-02"), Some(86_400_000));
        assert_eq!(millis("yesterday"), None);
    }
}
