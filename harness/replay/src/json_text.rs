//! Finds where a value stands in the text of a JSON document, so that a template keeps every recorded byte it does not vary.
//! Whether the text is JSON at all is left to `serde_json`: every function here takes text that it has accepted.

use std::collections::BTreeSet;
use std::ops::Range;

/// Where the values at `path` stand in `json`, in order of appearance.
///
/// A path is member names joined by dots; `[]` after a name goes through every element of that array: `jobs[].id`.
/// A member that is absent, or of another type than the path wants, has no place.
pub(crate) fn find(json: &str, path: &str) -> Vec<Range<usize>> {
    let mut places = vec![trim(json, 0..json.len())];
    for step in path.split('.') {
        let name = step.trim_end_matches("[]");
        let arrays = (step.len() - name.len()) / 2;
        if !name.is_empty() {
            places = places.into_iter().filter_map(|place| member(json, place, name)).collect();
        }
        for _ in 0..arrays {
            places = places.into_iter().flat_map(|place| elements(json, place)).collect();
        }
    }
    places
}

/// The elements of the array that stands at `place`; none if it is no array.
pub(crate) fn elements(json: &str, place: Range<usize>) -> Vec<Range<usize>> {
    parts(json, place, b'[')
}

/// The members of the object at `place`: name as it is written (without quotes), the place of the whole member with its name, and
/// the place of the value.
pub(crate) fn members(json: &str, place: Range<usize>) -> Vec<Member<'_>> {
    parts(json, place, b'{')
        .into_iter()
        .map(|whole| {
            let name = whole.start + 1..end_of_string(json, whole.start) - 1;
            let colon = name.end + 1 + json[name.end + 1..].find(':').map_or(0, |at| at + 1);
            Member { name: &json[name], value: trim(json, colon..whole.end), whole }
        })
        .collect()
}

/// One member of an object.
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Range<usize>,
    pub(crate) whole: Range<usize>,
}

/// The text of the object `json` with only the members called `names`.
pub(crate) fn only(json: &str, names: &BTreeSet<String>) -> String {
    let kept: Vec<&str> = members(json, trim(json, 0..json.len()))
        .into_iter()
        .filter(|member| names.contains(member.name))
        .map(|member| &json[member.whole])
        .collect();
    format!("{{{}}}", kept.join(","))
}

/// Adds the items of another page to `items`, but none twice: lists move while they are read.
pub(crate) fn add_new(items: &mut Vec<String>, page: Vec<String>) {
    let id = |text: &str| find(text, "id").pop().map(|place| text[place].to_owned());
    let known: BTreeSet<String> = items.iter().filter_map(|text| id(text)).collect();
    items.extend(page.into_iter().filter(|text| id(text).is_none_or(|id| !known.contains(&id))));
}

fn member(json: &str, place: Range<usize>, name: &str) -> Option<Range<usize>> {
    members(json, place).into_iter().find(|member| member.name == name).map(|member| member.value)
}

/// What stands between the commas of the array or object at `place`, if it opens with `open`.
fn parts(json: &str, place: Range<usize>, open: u8) -> Vec<Range<usize>> {
    let bytes = json.as_bytes();
    let mut parts = Vec::new();
    if bytes.get(place.start) != Some(&open) {
        return parts;
    }
    let (mut depth, mut start, mut at) = (0, place.start + 1, place.start);
    while at < place.end {
        match bytes[at] {
            b'"' => {
                at = end_of_string(json, at);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b',' if depth == 1 => {
                parts.push(trim(json, start..at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let last = trim(json, start..place.end - 1);
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// The index after the closing quote of the string that opens at `start`.
fn end_of_string(json: &str, start: usize) -> usize {
    let bytes = json.as_bytes();
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn trim(json: &str, place: Range<usize>) -> Range<usize> {
    let text = &json[place.clone()];
    let start = place.start + (text.len() - text.trim_start().len());
    start..start + text.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, path: &str, expected: &[&str]) {
        serde_json::from_str::<serde_json::Value>(json).unwrap();
        let found: Vec<&str> = find(json, path).into_iter().map(|place| &json[place]).collect();
        assert_eq!(found, expected, "{path} in {json}");
    }

    #[test]
    fn a_path_finds_every_value_it_names() {
        check(r#"{"id":7}"#, "id", &["7"]);
        check(r#" { "a" : { "id" : "x" } , "id" : null } "#, "id", &["null"]);
        check(r#"{"a":{"id":"x"},"id":null}"#, "a.id", &[r#""x""#]);
        check(r#"{"jobs":[{"id":1},{"name":"n"},{"id":3}]}"#, "jobs[].id", &["1", "3"]);
        check(r#"{"ids":[1, 2 ,3]}"#, "ids[]", &["1", "2", "3"]);
        check(r#"{"ids":[1, 2]}"#, "ids", &["[1, 2]"]);
        check(r#"{"m":[[1,2],[3]]}"#, "m[][]", &["1", "2", "3"]);
        check(r#"{"deep":[{"x":{"y":[{"z":1}]}},{"x":null}]}"#, "deep[].x.y[].z", &["1"]);
    }

    #[test]
    fn absent_members_and_other_types_have_no_place() {
        check(r#"{"id":7}"#, "other", &[]);
        check(r#"{"id":7}"#, "id.more", &[]);
        check(r#"{"id":7}"#, "id[]", &[]);
        check(r#"{"jobs":[]}"#, "jobs[].id", &[]);
        check("{}", "id", &[]);
        check("null", "id", &[]);
    }

    #[test]
    fn structure_inside_strings_is_text() {
        check(r#"{"a":"{\"id\":1, [","id":2}"#, "id", &["2"]);
        check(r#"{"a":"back\\","id":2}"#, "id", &["2"]);
        check(r#"{"a:b,":"x","id":"ü😀}"}"#, "id", &[r#""ü😀}""#]);
    }

    #[test]
    fn members_left_out_leave_an_object() {
        let json = r#"{"id": 1, "custom_fields": {"a": [1,2]}, "name": "n"}"#;
        assert_eq!(only(json, &["id".into(), "name".into()].into()), r#"{"id": 1,"name": "n"}"#);
        assert_eq!(only(json, &BTreeSet::new()), "{}");
    }
}
