//! One recorded item, cut into text and holes, so that an item of a scaled collection is a concatenation.

use std::ops::Range;

use serde_json::Value;

use crate::json_text;

/// The text of a recorded item with holes in it.
#[derive(Debug)]
pub(crate) struct Template<H> {
    text: String,
    /// Where in the text each hole is, ascending.
    holes: Vec<(usize, H)>,
}

/// A hole before it is cut: the place of the recorded value that it takes.
#[derive(Debug)]
pub(crate) struct Cut<H> {
    pub(crate) place: Range<usize>,
    pub(crate) hole: H,
}

impl<H> Template<H> {
    /// Cuts `text`.
    ///
    /// # Errors
    /// The recorded text of a place that overlaps another one.
    pub(crate) fn cut(text: &str, mut cuts: Vec<Cut<H>>) -> Result<Self, String> {
        cuts.sort_by_key(|cut| (cut.place.start, cut.place.end));
        let mut template = Self { text: String::with_capacity(text.len()), holes: Vec::with_capacity(cuts.len()) };
        let mut done = 0;
        for Cut { place, hole } in cuts {
            if place.start < done {
                return Err(text[place].chars().take(40).collect());
            }
            template.text.push_str(&text[done..place.start]);
            template.holes.push((template.text.len(), hole));
            done = place.end;
        }
        template.text.push_str(&text[done..]);
        Ok(template)
    }

    /// Appends the item to `out`, with `fill` writing what stands in each hole.
    pub(crate) fn write(&self, out: &mut Vec<u8>, mut fill: impl FnMut(&H, &mut Vec<u8>)) {
        let text = self.text.as_bytes();
        let mut done = 0;
        for (at, hole) in &self.holes {
            out.extend_from_slice(&text[done..*at]);
            fill(hole, out);
            done = *at;
        }
        out.extend_from_slice(&text[done..]);
    }
}

/// `text` with every value at `path` replaced, and whether there was one. Values recorded as null are replaced too.
pub(crate) fn replaced(text: &str, path: &str, value: &Value) -> (String, bool) {
    let places = json_text::find(text, path);
    let found = !places.is_empty();
    let mut replaced = String::with_capacity(text.len());
    let mut done = 0;
    for place in places {
        replaced.push_str(&text[done..place.start]);
        replaced.push_str(&value.to_string());
        done = place.end;
    }
    replaced.push_str(&text[done..]);
    (replaced, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_its_text_with_the_holes_filled() {
        let text = r#"{"id":7,"jobs":[{"id":8}],"id2":9}"#;
        let cuts = ["jobs[].id", "id", "id2"]
            .into_iter()
            .map(|path| Cut { place: json_text::find(text, path).remove(0), hole: path })
            .collect();
        let template = Template::cut(text, cuts).unwrap();
        let mut out = Vec::new();
        template.write(&mut out, |hole, out| out.extend_from_slice(format!("<{hole}>").as_bytes()));
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"id":<id>,"jobs":[{"id":<jobs[].id>}],"id2":<id2>}"#);
    }

    #[test]
    fn holes_do_not_overlap() {
        let text = r#"{"jobs":[{"id":8}]}"#;
        let cut = |path| Cut { place: json_text::find(text, path).remove(0), hole: () };
        assert_eq!(Template::cut(text, vec![cut("jobs"), cut("jobs[].id")]).unwrap_err(), "8");
    }

    #[test]
    fn replacing_a_value_touches_nothing_else() {
        let (text, found) = replaced(r#"{"a": 1, "b": {"a": 2}}"#, "a", &Value::from("x"));
        assert_eq!((text.as_str(), found), (r#"{"a": "x", "b": {"a": 2}}"#, true));
        assert!(!replaced("{}", "a", &Value::Null).1);
    }
}
