//! Reads what the `dhat` crate writes: in one pass, from any reader.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use highwater_model::Amount;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{MODE, UNKNOWN, VERSION};
use crate::{Amounts, RawFrame, RawStack};

/// The output of dhat could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DhatError {
    /// It could not be read at all.
    #[error("{file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It ends before it is complete.
    #[error(
        "{file}: it ends early, at line {line}, column {column}: dhat writes it when its profiler is dropped, and the process must \
         live until that is done"
    )]
    Truncated {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// From 1; 0 on an empty line.
        column: usize,
    },
    /// It is not JSON, or not of dhat's form.
    #[error("{file}, line {line}, column {column}{}: {cause}; profile again with dhat 0.3", place(path))]
    Malformed {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The member, such as `pps[3].gb`; empty for the document itself.
        path: String,
        /// What is wrong there.
        cause: String,
    },
    /// It is of a version that this version of highwater does not read.
    #[error("{file}: dhatFileVersion is {found}, and {VERSION} is read; profile with dhat 0.3")]
    Version {
        /// The file.
        file: String,
        /// The version it has.
        found: u64,
    },
    /// It is of another tool, or of another mode of the same.
    #[error("{file}: its mode is {found:?}, and {MODE:?} is read: was it written by Valgrind, or for ad hoc events?")]
    Mode {
        /// The file.
        file: String,
        /// The mode it has.
        found: String,
    },
    /// A call stack refers to a frame that is not there.
    #[error("{file}: pps[{stack}] has frame {frame}, and ftbl has only {frames}; profile again")]
    NoSuchFrame {
        /// The file.
        file: String,
        /// The index in `pps`.
        stack: usize,
        /// The index in `ftbl`.
        frame: usize,
        /// The length of `ftbl`.
        frames: usize,
    },
}

fn place(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(", {path}") }
}

/// Reads the heap profile that dhat 0.3 wrote. `file` is what errors call it.
///
/// # Errors
/// [`DhatError`] names the file, the place in it and what to do.
pub fn read_dhat(file: &str, reader: impl Read) -> Result<Vec<RawStack>, DhatError> {
    let mut refused = None;
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(reader));
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let document = Reading { refused: &mut refused }.deserialize(tracked).and_then(|document| {
        json.end()?;
        Ok(document)
    });
    let document = document.map_err(|error| {
        let file = file.to_owned();
        match refused {
            Some(Refused::Version(found)) => DhatError::Version { file, found },
            Some(Refused::Mode(found)) => DhatError::Mode { file, found },
            None => unreadable(file, &track.path().to_string(), error),
        }
    })?;
    document.stacks(file)
}

fn unreadable(file: String, path: &str, error: serde_json::Error) -> DhatError {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Io => DhatError::Read { file, source: error.into() },
        serde_json::error::Category::Eof => DhatError::Truncated { file, line, column },
        _ => {
            let message = error.to_string();
            let cause = message.rfind(" at line ").map_or(message.as_str(), |end| &message[..end]).to_owned();
            let path = if path == "." { String::new() } else { path.to_owned() };
            DhatError::Malformed { file, line, column, path, cause }
        }
    }
}

/// Why a document that can be read is not.
enum Refused {
    Version(u64),
    Mode(String),
}

/// What of the document is used.
struct Document {
    points: Vec<Point>,
    frames: Vec<Arc<RawFrame>>,
}

/// A program point: a call stack and its numbers, by dhat's names.
#[derive(Deserialize)]
struct Point {
    tb: i64,
    tbk: i64,
    gb: i64,
    gbk: i64,
    eb: i64,
    ebk: i64,
    fs: Vec<usize>,
}

impl Document {
    fn stacks(self, file: &str) -> Result<Vec<RawStack>, DhatError> {
        let Self { points, frames } = self;
        let stack = |(index, point): (usize, Point)| {
            let frame = |&frame: &usize| {
                frames.get(frame).cloned().ok_or_else(|| DhatError::NoSuchFrame {
                    file: file.to_owned(),
                    stack: index,
                    frame,
                    frames: frames.len(),
                })
            };
            let amounts = Amounts {
                total: Amount { blocks: point.tbk, bytes: point.tb },
                peak: Amount { blocks: point.gbk, bytes: point.gb },
                retained: Amount { blocks: point.ebk, bytes: point.eb },
            };
            Ok(RawStack { frames: point.fs.iter().map(frame).collect::<Result<_, _>>()?, amounts })
        };
        points.into_iter().enumerate().map(stack).collect()
    }
}

/// Reads a document and stops at the first member that says it is another's, so that it is refused as such and not for its form.
struct Reading<'a> {
    refused: &'a mut Option<Refused>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Document;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the JSON object that dhat writes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let (mut version, mut mode, mut points, mut frames) = (None, None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "dhatFileVersion" => version = Some(map.next_value::<u64>()?),
                "mode" => mode = Some(map.next_value::<String>()?),
                "pps" => points = Some(map.next_value::<Vec<Point>>()?),
                "ftbl" => frames = Some(map.next_value::<Vec<Text>>()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if let Some(found) = version.filter(|found| *found != VERSION) {
                *self.refused = Some(Refused::Version(found));
                return Err(A::Error::custom("another version"));
            }
            if let Some(found) = mode.as_ref().filter(|found| *found != MODE) {
                *self.refused = Some(Refused::Mode(found.clone()));
                return Err(A::Error::custom("another mode"));
            }
        }
        version.ok_or_else(|| A::Error::custom("there is no dhatFileVersion: it is not dhat's"))?;
        mode.ok_or_else(|| A::Error::missing_field("mode"))?;
        let points = points.ok_or_else(|| A::Error::missing_field("pps"))?;
        let frames = frames.ok_or_else(|| A::Error::missing_field("ftbl"))?;
        Ok(Document { points, frames: frames.into_iter().map(|Text(frame)| Arc::new(frame)).collect() })
    }
}

/// A frame as dhat prints it.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Text(RawFrame);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(frame(&text))
    }
}

/// Reads `0x55d0c2: worker::sync (worker/src/sync.rs:42:13)`. What dhat did not know stands there as `???` and 0; the root of the
/// table, `[root]`, has no address and no place.
fn frame(text: &str) -> RawFrame {
    let known = |text: &str| (!text.is_empty() && text != UNKNOWN).then(|| text.to_owned());
    let text = match text.split_once(": ") {
        Some((address, rest)) if address.starts_with("0x") => rest,
        _ => text,
    };
    // From the right: the name of a function may hold parentheses, a path colons.
    let split = || {
        let (function, place) = split_place(text.strip_suffix(')')?)?;
        let (place, _column) = place.rsplit_once(':')?;
        let (path, line) = place.rsplit_once(':')?;
        Some((function, path, line.parse::<u32>().ok()?))
    };
    match split() {
        Some((function, path, line)) => {
            RawFrame { function: known(function), file: known(path), line: (line > 0).then_some(line) }
        }
        None => RawFrame { function: known(text), file: None, line: None },
    }
}

/// Splits `worker::sync (worker/src/sync.rs:42:13` before the place. A folder may be named `worker (old)`: the place is what closes
/// every parenthesis that it opens.
fn split_place(text: &str) -> Option<(&str, &str)> {
    let mut splits = text.rmatch_indices(" (").map(|(at, open)| (&text[..at], &text[at + open.len()..]));
    let closed = |(_, place): &(&str, &str)| place.matches('(').count() == place.matches(')').count();
    splits.find(closed).or_else(|| text.rsplit_once(" ("))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
"dhatFileVersion": 2,
"mode": "rust-heap",
"verb": "Allocated",
"pps": [
{"tb": 300, "tbk": 3, "tl": 9, "mb": 200, "mbk": 2, "gb": 200, "gbk": 2, "eb": 100, "ebk": 1, "fs": [1, 2]}
],
"ftbl": ["[root]", "0x7f01: worker::keep (worker/src/keep.rs:42:13)", "0x7f02: main (???:0:0)"]
}"#;

    fn error(text: &str) -> String {
        read_dhat("heap.json", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_stack_has_its_frames_innermost_first_and_its_amounts() {
        let stacks = read_dhat("heap.json", GOOD.as_bytes()).unwrap();
        let amount = |bytes, blocks| Amount { blocks, bytes };
        assert_eq!(stacks.len(), 1);
        assert_eq!(
            stacks[0].amounts,
            Amounts { total: amount(300, 3), peak: amount(200, 2), retained: amount(100, 1) }
        );
        let named = |function: &str| RawFrame { function: Some(function.into()), ..RawFrame::default() };
        assert_eq!(
            *stacks[0].frames[0],
            RawFrame { file: Some("worker/src/keep.rs".into()), line: Some(42), ..named("worker::keep") }
        );
        assert_eq!(*stacks[0].frames[1], named("main"));
    }

    #[test]
    fn a_frame_keeps_parentheses_of_its_name_and_colons_of_its_path() {
        let check = |text: &str, function: Option<&str>, file: Option<&str>, line: Option<u32>| {
            let expected = RawFrame { function: function.map(Into::into), file: file.map(Into::into), line };
            assert_eq!(frame(text), expected, "{text}");
        };
        check(
            "0x1: worker::call::<fn(u8) -> u8> (c:/a b/sync.rs:7:1)",
            Some("worker::call::<fn(u8) -> u8>"),
            Some("c:/a b/sync.rs"),
            Some(7),
        );
        check("0x1: <(A, B) as worker::T>::f (f.rs:7:1)", Some("<(A, B) as worker::T>::f"), Some("f.rs"), Some(7));
        check("0x1: f::<u8, (A, B)> (a (b)/c (d).rs:7:1)", Some("f::<u8, (A, B)>"), Some("a (b)/c (d).rs"), Some(7));
        check("0x1: f (a)b.rs:7:1)", Some("f"), Some("a)b.rs"), Some(7));
        check("0x1: ??? (???:0:0)", None, None, None);
        check("[root]", Some("[root]"), None, None);
    }

    #[test]
    fn a_truncated_file_is_named_with_the_place_where_it_ends() {
        for end in [0, 1, 40, 130, 240, GOOD.len() - 1] {
            let error = error(&GOOD[..end]);
            assert!(error.starts_with("heap.json: it ends early, at line "), "{end}: {error}");
        }
        assert!(error(&GOOD[..GOOD.len() - 2]).contains("at line 8, column 95"), "{}", error(&GOOD[..GOOD.len() - 2]));
    }

    #[test]
    fn a_foreign_file_is_refused_as_such() {
        for (text, says) in [
            ("[]", "expected the JSON object that dhat writes"),
            ("\u{1f}\u{8b}", "heap.json, line 1, column 1: expected value"),
            ("{\"profiles\": []}", "there is no dhatFileVersion"),
            (&GOOD.replace("rust-heap", "rust-ad-hoc"), "its mode is \"rust-ad-hoc\""),
            (&GOOD.replace("rust-heap", "heap"), "by Valgrind"),
            (&format!("{GOOD}{GOOD}"), "line 9, column 2: trailing characters"),
        ] {
            let error = error(text);
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
    }

    #[test]
    fn another_version_is_refused_whatever_else_is_new_in_it() {
        let newer = GOOD.replace("\"dhatFileVersion\": 2", "\"dhatFileVersion\": 3").replace("\"tb\"", "\"bytes\"");
        assert_eq!(error(&newer), "heap.json: dhatFileVersion is 3, and 2 is read; profile with dhat 0.3");
    }

    #[test]
    fn a_malformed_member_is_named() {
        for (from, to, says) in [
            ("\"gb\": 200, ", "", "heap.json, line 6, column 96, pps[0]: missing field `gb`"),
            ("\"gb\": 200", "\"gb\": \"200\"", "line 6, column 63, pps[0].gb: invalid type: string \"200\""),
            ("\"fs\": [1, 2]", "\"fs\": [1, -2]", "pps[0].fs[1]: invalid value"),
            ("\"[root]\"", "7", "ftbl[0]: invalid type"),
            ("\"verb\": \"Allocated\",\n\"pps\"", "\"points\"", "missing field `pps`"),
            ("\"fs\": [1, 2]", "\"fs\": [1, 3]", "heap.json: pps[0] has frame 3, and ftbl has only 3"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from:?} is there to be changed");
            let error = error(&text);
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
    }

    #[test]
    fn a_reader_that_fails_is_told_apart_from_a_malformed_file() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let error = read_dhat("heap.json", Broken).unwrap_err();
        assert!(matches!(error, DhatError::Read { .. }), "{error:?}");
        assert_eq!(error.to_string(), "heap.json: the disk is gone");
    }
}
